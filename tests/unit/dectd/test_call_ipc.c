/* The call interface over a real link to a sipd that is played here: an offer is answered once, whatever becomes of the call
 * meanwhile; a call that sipd made in vain is ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "dectd/call_priv_ipc.h"
#include "mm_rig.h"

#define MANY 2500 /* handsets in calls */

struct t {
	struct rig g;
	uv_loop_t loop;
	struct ipc_node *ours, *theirs;
	struct ipc_peer *sipd; /* sipd's end */
	struct calls *c;
	struct pp *pp;
	unsigned answers, released;
	int err;
	bool accepted;
	uint64_t ref; /* of the last release */
	unsigned parts, whole, living;
	uint64_t sum;
	struct pp *many[MANY];
};

static int on_setup(struct ipc_peer *p, struct ipc_msg *m)
{
	Call__SetupAck a = CALL__SETUP_ACK__INIT;
	Base__MediaAt at = BASE__MEDIA_AT__INIT;
	Base__Addr v6 = BASE__ADDR__INIT;
	static uint8_t ip[16] = { 0x20, 1, 0xd, 0xb8 };

	v6.ip = (ProtobufCBinaryData){ sizeof(ip), ip };
	v6.port = 4000;
	at.session = 1;
	at.radio = &v6;
	a.media = &at;
	return ipc_reply(p, m, &a.base);
}

static int on_release(struct ipc_peer *p, struct ipc_msg *m)
{
	struct t *t = ipc_ctx(p);

	t->released++;
	t->ref = IPC_BODY(m, Call__Release)->call;
	return 0;
}

static int on_living(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__Living *l = IPC_BODY(m, Call__Living);
	struct t *t = ipc_ctx(p);

	t->parts++;
	t->whole += !l->more;
	t->living += (unsigned)l->n_call;
	for (size_t i = 0; i < l->n_call; i++)
		t->sum += l->call[i];
	assert_int_equal(l->n_waiting, 0);
	return 0;
}

static const struct ipc_handler sipd_side[] = {
	{ IPC_IF_CALL, CALL__TYPE__CALL_LIVING, IPC_EVT, 0, 32768, IPC_DECTD,
	    &call__living__descriptor, on_living },
	{ IPC_IF_CALL, CALL__TYPE__CALL_SETUP, IPC_REQ, 0, 1024, IPC_DECTD,
	    &call__setup__descriptor, on_setup },
	{ IPC_IF_CALL, CALL__TYPE__CALL_RELEASE, IPC_EVT, 0, 256, IPC_DECTD,
	    &call__release__descriptor, on_release },
};
static const struct ipc_handler dectd_side[] = {
	{ IPC_IF_CALL, CALL__TYPE__CALL_OFFER, IPC_REQ, 0, 2048, IPC_SIPD, &call__offer__descriptor,
	    call_on_offer },
	{ IPC_IF_CALL, CALL__TYPE__CALL_RELEASE, IPC_EVT, 0, 256, IPC_SIPD,
	    &call__release__descriptor, call_on_release },
};

static void pump(struct t *t)
{
	for (unsigned i = 0; i < 6; i++)
		uv_run(&t->loop, UV_RUN_NOWAIT);
}

static int up(void **state)
{
	struct t *t = mem_new(sizeof(*t));
	struct ipc_node_def od = { .name = "dectd", .ctx = &t->g.d };
	struct ipc_node_def td = { .name = "sipd", .ctx = t };
	struct pp_user_in u = { .name = SLICE_LIT("anna"), .ipei = SLICE_LIT(IPEI) };
	int fd[2];

	rig_init(&t->g, NULL);
	assert_int_equal(uv_loop_init(&t->loop), 0);
	od.loop = td.loop = t->g.d.loop = &t->loop;
	od.wheel = td.wheel = t->g.air.w;
	od.handlers = dectd_side;
	od.nhandlers = ARRAY_LEN(dectd_side);
	td.handlers = sipd_side;
	td.nhandlers = ARRAY_LEN(sipd_side);
	t->g.d.ipc = t->ours = ipc_node_new(&od);
	t->theirs = ipc_node_new(&td);
	list_init(&t->g.r.asks);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	t->g.r.sipd = ipc_join(t->ours, fd[0], IPC_SIPD);
	t->sipd = ipc_join(t->theirs, fd[1], IPC_DECTD);
	(void)pp_user_put(t->g.r.pps, &u);
	t->pp = subscribed(&t->g);
	assert_int_equal(calls_new(&t->g.r, &t->c), 0);
	t->g.r.calls = t->c;
	*state = t;
	return 0;
}

static int down(void **state)
{
	struct t *t = *state;

	calls_free(t->c);
	ipc_node_free(t->ours);
	ipc_node_free(t->theirs);
	pump(t);
	assert_int_equal(uv_loop_close(&t->loop), 0);
	rig_fini(&t->g);
	free(t);
	return 0;
}

static void on_offered(void *ctx, int err, struct ipc_msg *m)
{
	struct t *t = ctx;

	t->answers++;
	t->err = err;
	t->accepted = !err && IPC_BODY(m, Call__OfferAck)->accepted;
}

static void offer(struct t *t, uint64_t ref)
{
	static char anna[] = "anna";
	static uint8_t ip[4] = { 192, 0, 2, 1 };
	Call__Offer o = CALL__OFFER__INIT;
	Base__MediaAt at = BASE__MEDIA_AT__INIT;
	Base__Addr v4 = BASE__ADDR__INIT;

	v4.ip = (ProtobufCBinaryData){ sizeof(ip), ip };
	v4.port = 4000;
	at.session = 1;
	at.radio = &v4;
	o.call = ref;
	o.user = anna;
	o.media = &at;
	assert_int_equal(ipc_request(t->sipd, IPC_IF_CALL, CALL__TYPE__CALL_OFFER, &o.base,
	                     &call__offer_ack__descriptor, 60000, on_offered, t),
	    0);
	pump(t);
}

/* The caller hangs up while the handset is paged. */
static void caller_gives_up(void **state)
{
	struct t *t = *state;
	Call__Release r = CALL__RELEASE__INIT;

	for (uint64_t ref = 1; ref <= 3; ref++) {
		offer(t, ref);
		assert_int_equal(t->answers, ref - 1);
		assert_int_equal(t->c->tickets.n, 1);
		r.call = ref;
		r.cause = BASE__CAUSE__CAUSE_NORMAL;
		assert_int_equal(
		    ipc_event(t->sipd, IPC_IF_CALL, CALL__TYPE__CALL_RELEASE, &r.base), 0);
		pump(t);
		assert_int_equal(t->answers, ref);
		assert_int_equal(t->err, 0);
		assert_false(t->accepted);
		assert_int_equal(t->c->tickets.n, 0);
		assert_false(phones_busy(t->pp));
	}
}

/* The link breaks meanwhile: nothing of the offer stays. */
static void link_breaks(void **state)
{
	struct t *t = *state;

	for (unsigned restarted = 0; restarted < 2; restarted++) {
		offer(t, 7 + restarted);
		calls_up(t->c, restarted);
		assert_int_equal(t->c->tickets.n, 0);
	}
}

/* sipd set the call up with an address that no base station can send to. */
static void unusable_media(void **state)
{
	struct t *t = *state;
	struct iwu_setup s = { .called = SLICE_LIT("12"), .complete = true };

	assert_int_equal(call_iwu_ops.setup(t->c, t->pp, 55, &s), 0);
	pump(t);
	assert_int_equal(t->released, 1);
	assert_int_equal(t->ref, 55);
}

/* More calls end while the link is broken than any list of ends has room for: sipd is told which live. */
static void many_end(void **state)
{
	struct t *t = *state;
	struct mac_media media = { .ncodecs = 1 };
	struct iwu_offer o = { .ring_pattern = -1, .media = &media };
	struct ipc_peer *sipd = t->g.r.sipd;
	uint64_t want = 0;
	unsigned left = 0;

	for (unsigned i = 0; i < MANY; i++) {
		char ipei[PP_IPEI_LEN + 1];

		(void)snprintf(ipei, sizeof(ipei), "00002%07u", i);
		assert_int_equal(pp_make(t->g.r.pps, ipei, &t->many[i]), 0);
		t->many[i]->subscribed = true;
		assert_int_equal(phones_offer(calls_phones(t->c), t->many[i], 1000 + i, &o), 0);
		t->g.air.n = 0; /* pages */
	}
	t->g.r.sipd = NULL;
	calls_down(t->c);
	for (unsigned i = 0; i < MANY; i++)
		if (i % 2) {
			phones_gone(calls_phones(t->c), t->many[i]);
		} else {
			want += 1000 + i;
			left++;
		}
	t->g.r.sipd = sipd;
	calls_up(t->c, false);
	pump(t);
	assert_int_equal(t->living, left);
	assert_int_equal(t->sum, want);
	assert_int_equal(t->whole, 1);
	assert_true(t->parts > 1);
	/* Another process has none of them: nothing is told. */
	t->parts = 0;
	calls_up(t->c, true);
	pump(t);
	assert_int_equal(t->parts, 0);
	assert_int_equal(phones_calls(calls_phones(t->c)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(caller_gives_up, up, down),
		cmocka_unit_test_setup_teardown(link_breaks, up, down),
		cmocka_unit_test_setup_teardown(unusable_media, up, down),
		cmocka_unit_test_setup_teardown(many_end, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
