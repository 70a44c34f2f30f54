/* Questions to certd about handsets' keys over a real link: answers of every kind, malformed ones, a thousand at once, forgotten
 * ones, certd gone in the middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cert.pb-c.h"
#include "common/mem.h"
#include "dectd/auth.h"
#include "dectd/dectd.h"

enum mode { ANSWER, HOLD, REFUSE, MALFORMED, LIMIT };

struct t {
	uv_loop_t loop;
	uv_timer_t alive; /* our timers alone do not keep a loop going */
	struct tmr_wheel *wheel;
	struct ipc_node *cert, *node;
	struct daemon d;
	struct dectd r;
	struct auth_cert *a;
	enum mode mode;
	bool former; /* what certd says of a right answer */
	unsigned held, most, asked;
	unsigned left, limited;
	uint64_t since;
	struct ipc_ticket *tickets[256];
	unsigned answers, errs;
	struct auth_result last;
	char ac[80];
	int op;
};

static uint8_t octets[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
#define BIN(n) ((ProtobufCBinaryData){ (n), octets })

static int reply(struct ipc_peer *p, struct ipc_msg *m, const ProtobufCMessage *body)
{
	struct t *t = ipc_ctx(p);

	t->asked++;
	if (t->mode == REFUSE)
		return ipc_fail(p, m, ERR_NOTFOUND, "this handset has no key");
	if (t->mode == LIMIT) { /* 20 in 10 ms */
		uint64_t now = tmr_now(t->wheel);

		if (now - t->since >= 10) {
			t->since = now;
			t->left = 20;
		}
		if (t->left == 0) {
			t->limited++;
			return ipc_fail(
			    p, m, ERR_BUSY, "more operations a second than the limits allow");
		}
		t->left--;
	}
	if (t->mode == HOLD) {
		assert_true(t->held < ARRAY_LEN(t->tickets));
		t->tickets[t->held++] = ipc_defer(p, m);
		t->most = t->held > t->most ? t->held : t->most;
		return 0;
	}
	return ipc_reply(p, m, body);
}

static int on_challenge(struct ipc_peer *p, struct ipc_msg *m)
{
	const struct t *t = ipc_ctx(p);
	Cert__DectChallenge c = CERT__DECT_CHALLENGE__INIT;

	c.handle = 77;
	c.rs = BIN(t->mode == MALFORMED ? 7 : 8);
	c.rand_f = BIN(8);
	return reply(p, m, &c.base);
}
static int on_key(struct ipc_peer *p, struct ipc_msg *m)
{
	struct t *t = ipc_ctx(p);
	const Cert__DectKeyAlloc *k = IPC_BODY(m, Cert__DectKeyAlloc);

	assert_int_equal(k->ipui.len, 5);
	(void)snprintf(t->ac, sizeof(t->ac), "%.*s", (int)k->ac.len, (const char *)k->ac.data);
	return on_challenge(p, m);
}
static int on_check(struct ipc_peer *p, struct ipc_msg *m)
{
	const struct t *t = ipc_ctx(p);
	Cert__DectPtChecked c = CERT__DECT_PT_CHECKED__INIT;

	assert_int_equal(IPC_BODY(m, Cert__DectPtCheck)->handle, 77);
	c.ok = 1;
	c.has_former = c.former = t->former;
	c.has_dck = 1;
	c.dck = BIN(t->mode == MALFORMED ? 16 : 8);
	return reply(p, m, &c.base);
}
static int on_ft(struct ipc_peer *p, struct ipc_msg *m)
{
	const struct t *t = ipc_ctx(p);
	Cert__DectFtAuthDone c = CERT__DECT_FT_AUTH_DONE__INIT;

	c.res2 = BIN(t->mode == MALFORMED ? 5 : 4);
	c.rs = BIN(16);
	c.has_rand_f = 1;
	c.rand_f = BIN(8);
	return reply(p, m, &c.base);
}
static int on_key_check(struct ipc_peer *p, struct ipc_msg *m)
{
	const struct t *t = ipc_ctx(p);
	Cert__DectKeyAllocDone c = CERT__DECT_KEY_ALLOC_DONE__INIT;

	c.ok = 1;
	c.has_res2 = t->mode != MALFORMED;
	c.res2 = BIN(4);
	return reply(p, m, &c.base);
}
static int on_sub(struct ipc_peer *p, struct ipc_msg *m)
{
	struct t *t = ipc_ctx(p);
	const Cert__DectSubscription *q = IPC_BODY(m, Cert__DectSubscription);
	Cert__Done c = CERT__DONE__INIT;

	t->op = (int)q->op;
	(void)snprintf(t->ac, sizeof(t->ac), "%.*s", q->has_ac ? (int)q->ac.len : 0,
	    q->has_ac ? (const char *)q->ac.data : "");
	return reply(p, m, &c.base);
}

/* Default cipher keys: without an index a new one, else the key of it. 0100 is asked for without an owner. */
static int on_defck(struct ipc_peer *p, struct ipc_msg *m)
{
	const struct t *t = ipc_ctx(p);
	const Cert__DectDefCk *q = IPC_BODY(m, Cert__DectDefCk);
	Cert__DectDefCkDone c = CERT__DECT_DEF_CK_DONE__INIT;

	assert_false(q->has_ck);
	c.index = q->has_index ? q->index : 0x012f;
	c.has_ck = c.has_ipui = q->has_index;
	c.ck = BIN(8);
	c.ipui = BIN(5);
	if (t->mode == MALFORMED)
		c.index = 0x10001;
	else if (q->has_index)
		assert_int_equal(q->ipui.len, q->index == 0x0100 ? 0 : 5);
	return reply(p, m, &c.base);
}

#define ROW(type, desc, fn)                                                                        \
	{                                                                                          \
		IPC_IF_CERT, CERT__TYPE__CERT_DECT_##type, IPC_REQ, 0, 256, IPC_DECTD,             \
		    &cert__##desc##__descriptor, fn                                                \
	}
static const struct ipc_handler table[] = { ROW(PT_AUTH, dect_pt_auth, on_challenge),
	ROW(PT_CHECK, dect_pt_check, on_check), ROW(FT_AUTH, dect_ft_auth, on_ft),
	ROW(KEY_ALLOC, dect_key_alloc, on_key),
	ROW(KEY_ALLOC_CHECK, dect_key_alloc_check, on_key_check),
	ROW(SUBSCRIPTION, dect_subscription, on_sub), ROW(DEFCK, dect_def_ck, on_defck) };

static void on_down(void *ctx, struct ipc_peer *p)
{
	struct daemon *d = ctx;
	struct t *t = CONTAINER_OF(d, struct t, d);

	if (t->r.certd == p) {
		t->r.certd = NULL;
		auth_cert_down(t->a);
	}
}

static void turn(struct t *t, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		(void)uv_run(&t->loop, UV_RUN_NOWAIT);
}

static void on_alive(uv_timer_t *h)
{
	(void)h;
}

static struct t *start(void)
{
	struct t *t = mem_new(sizeof(*t));
	struct ipc_node_def cert = { .loop = &t->loop,
		.name = "certd",
		.handlers = table,
		.nhandlers = ARRAY_LEN(table),
		.ctx = t };
	struct ipc_node_def dect = {
		.loop = &t->loop, .name = "dectd", .down = on_down, .ctx = &t->d
	};
	int fds[2];

	assert_int_equal(uv_loop_init(&t->loop), 0);
	assert_int_equal(uv_timer_init(&t->loop, &t->alive), 0);
	assert_int_equal(uv_timer_start(&t->alive, on_alive, 1000000, 0), 0);
	t->wheel = cert.wheel = dect.wheel = tmr_wheel_new(&t->loop);
	t->cert = ipc_node_new(&cert);
	t->node = ipc_node_new(&dect);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	(void)ipc_join(t->cert, fds[0], IPC_DECTD);
	t->d.loop = &t->loop;
	t->d.wheel = t->wheel;
	t->d.ipc = t->node;
	t->d.state = &t->r;
	t->r.d = &t->d;
	t->r.certd = ipc_join(t->node, fds[1], IPC_CERTD);
	t->a = auth_cert_new(&t->r);
	return t;
}

static void stop(struct t *t)
{
	struct ipc_node *n = t->node;

	t->r.certd = NULL;
	auth_cert_free(t->a);
	t->a = NULL;
	ipc_node_free(n);
	for (unsigned i = 0; i < t->held; i++)
		if (t->tickets[i])
			ipc_ticket_fail(t->tickets[i], ERR_LOST, "over");
	if (t->cert)
		ipc_node_free(t->cert);
	tmr_wheel_free(t->wheel);
	uv_close((uv_handle_t *)&t->alive, NULL);
	(void)uv_run(&t->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&t->loop), 0);
	free(t);
}

static void got(void *ctx, const struct auth_result *a)
{
	struct t *t = ctx;

	t->answers++;
	t->errs += a->err != 0;
	t->last = *a;
}

static int ask(struct t *t, unsigned kind, void *ctx)
{
	struct ipui id = ipui_of_ipei(0x1001, 0x2abcd);
	const struct auth_ops *o = &auth_cert_ops;

	switch (kind) {
	case 0:
		return o->pt_start(t->a, &id, PP_DSAA, false, got, ctx);
	case 1:
		return o->pt_check(t->a, 77, octets, NULL, got, ctx);
	case 2:
		return o->ft(t->a, &id, PP_DSAA2, octets, got, ctx);
	case 3:
		return o->key_start(t->a, &id, PP_DSAA, "anna", got, ctx);
	case 4:
		return o->key_check(t->a, 77, octets, octets, got, ctx);
	default:
		return o->sub(t->a, &id, AUTH_CONFIRM, "anna", got, ctx);
	}
}

static void test_answers(void **state)
{
	struct t *t = start();

	(void)state;
	for (unsigned k = 0; k < 6; k++) {
		t->ac[0] = '\0';
		assert_int_equal(ask(t, k, t), 0);
		assert_int_equal(t->answers, k); /* never from inside */
		turn(t, 6);
		assert_int_equal(t->answers, k + 1);
		assert_int_equal(t->last.err, 0);
		if (k == 0 || k == 3) {
			assert_int_equal(t->last.handle, 77);
			assert_int_equal(t->last.nrs, 8);
			assert_memory_equal(t->last.rand, octets, 8);
		}
		if (k == 1) {
			assert_true(t->last.ok);
			assert_int_equal(t->last.nck, 8);
			assert_memory_equal(t->last.ck, octets, 8);
		}
		if (k == 2) {
			assert_int_equal(t->last.nrs, 16);
			assert_true(t->last.has_rand);
		}
		if (k == 2 || k == 4)
			assert_memory_equal(t->last.res, octets, 4);
		if (k == 4)
			assert_int_equal(t->last.nrs, 0);
		if (k == 3 || k == 5)
			assert_string_equal(t->ac, "anna");
	}
	assert_int_equal(t->op, CERT__SUBSCRIPTION_OP__CONFIRM_UAK);
	stop(t);
}

static void test_refused(void **state)
{
	struct t *t = start();

	(void)state;
	t->mode = REFUSE;
	for (unsigned k = 0; k < 6; k++) {
		assert_int_equal(ask(t, k, t), 0);
		turn(t, 6);
		assert_int_equal(t->last.err, ERR_NOTFOUND);
	}
	assert_int_equal(t->answers, 6);
	t->mode = MALFORMED;
	for (unsigned k = 0; k < 5; k++) {
		if (k == 1)
			continue; /* a longer key is one */
		assert_int_equal(ask(t, k, t), 0);
		turn(t, 6);
		assert_int_equal(t->last.err, ERR_SYNTAX);
	}
	stop(t);
}

static void test_default_keys(void **state)
{
	const struct auth_ops *o = &auth_cert_ops;
	struct ipui id = ipui_of_ipei(0x1001, 0x2abcd);
	struct t *t = start();

	(void)state;
	assert_int_equal(o->def_new(t->a, &id, got, t), 0);
	turn(t, 6);
	assert_int_equal(t->last.err, 0);
	assert_int_equal(t->last.index, 0x012f);
	assert_int_equal(t->last.nck, 0);
	for (unsigned k = 0; k < 2; k++) {
		assert_int_equal(o->def_get(t->a, k ? &id : NULL, k ? 0x012f : 0x0100, got, t), 0);
		turn(t, 6);
		assert_int_equal(t->last.err, 0);
		assert_int_equal(t->last.nck, 8);
		assert_memory_equal(t->last.ck, octets, 8);
		assert_int_equal(t->last.nowner, 5);
		assert_memory_equal(t->last.owner, octets, 5);
	}
	t->mode = MALFORMED;
	assert_int_equal(o->def_new(t->a, &id, got, t), 0);
	turn(t, 6);
	assert_int_equal(t->last.err, ERR_SYNTAX);
	t->mode = ANSWER;
	/* Which of its keys a handset used. */
	for (int former = 0; former < 2; former++) {
		t->former = former;
		assert_int_equal(ask(t, 1, t), 0);
		turn(t, 6);
		assert_true(t->last.ok);
		assert_int_equal(t->last.former, former);
	}
	stop(t);
}

static void release(struct t *t)
{
	Cert__DectChallenge c = CERT__DECT_CHALLENGE__INIT;

	c.handle = 77;
	c.rs = c.rand_f = BIN(8);
	for (unsigned i = 0; i < t->held; i++)
		ipc_ticket_reply(t->tickets[i], &c.base);
	t->held = 0;
}

/* A registration storm: never more under way than a link carries, every question answered, in order. */
static void test_many(void **state)
{
	struct t *t = start();

	(void)state;
	t->mode = HOLD;
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(ask(t, 0, t), 0);
	for (unsigned i = 0; i < 40 && t->answers < 1000; i++) {
		turn(t, 300);
		release(t);
	}
	turn(t, 300);
	assert_int_equal(t->answers, 1000);
	assert_int_equal(t->errs, 0);
	assert_int_equal(t->asked, 1000);
	assert_true(t->most <= 128);
	/* Bounded: beyond that it is refused at once. */
	unsigned n = 0;
	while (ask(t, 0, t) == 0)
		n++;
	assert_int_equal(n, 16384 + 128);
	assert_int_equal(ask(t, 0, t), ERR_BUSY);
	stop(t);
}

/* certd answers no more than so much a second: everybody is answered, later, and certd is not pestered meanwhile. */
static void test_limited(void **state)
{
	struct t *t = start();

	(void)state;
	t->mode = LIMIT;
	for (unsigned i = 0; i < 600; i++)
		assert_int_equal(ask(t, 0, t), 0);
	for (unsigned i = 0; i < 60000 && t->answers < 600; i++) {
		turn(t, 3);
		(void)usleep(200);
	}
	assert_int_equal(t->answers, 600);
	assert_int_equal(t->errs, 0);
	assert_true(t->limited > 0);
	assert_true(t->limited < 1200);
	stop(t);
}

static void test_forgotten(void **state)
{
	struct t *t = start();
	int other;

	(void)state;
	t->mode = HOLD;
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(ask(t, 0, i % 2 ? (void *)&other : (void *)t), 0);
	turn(t, 300);
	auth_cert_ops.forget(t->a, &other); /* some are under way, some wait */
	for (unsigned i = 0; i < 10; i++) {
		release(t);
		turn(t, 300);
	}
	assert_int_equal(t->answers, 150);
	stop(t);
}

static void test_gone(void **state)
{
	struct t *t = start();

	(void)state;
	t->mode = HOLD;
	assert_true(auth_cert_ops.ready(t->a));
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(ask(t, 0, t), 0);
	turn(t, 300);
	for (unsigned i = 0; i < t->held; i++)
		ipc_ticket_fail(t->tickets[i], ERR_LOST, "over");
	t->held = 0;
	ipc_node_free(t->cert);
	t->cert = NULL;
	for (unsigned i = 0; i < 100 && t->answers < 300; i++) {
		turn(t, 3);
		(void)usleep(1000);
	}
	assert_int_equal(t->answers, 300);
	assert_int_equal(t->errs, 300);
	assert_int_equal(t->last.err, ERR_LOST);
	assert_false(auth_cert_ops.ready(t->a));
	assert_int_equal(ask(t, 0, t), ERR_LOST);
	stop(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_default_keys),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_limited),
		cmocka_unit_test(test_forgotten),
		cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
