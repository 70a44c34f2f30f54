/* The cert interface, DECT part: challenges, checks and keys of handsets at certd. */
#include <stdlib.h>
#include <string.h>

#include "cert.pb-c.h"
#include "common/log.h"
#include "common/mem.h"
#include "dectd/auth.h"
#include "dectd/dectd.h"

#define REQUEST_MS  4000
#define FLIGHT_MAX  128   /* asked at once, of the 256 that a link carries */
#define WAITING_MAX 16384 /* a registration storm of the largest system */
#define PACE_MS     40    /* rest, after certd said that it is asked too much a second */
#define PATIENCE_MS                                                                                \
	14000 /* a question that met its limit is put again so long, before MM_locate.1 of the handset */
#define BODY_MAX 256

struct ask {
	struct list node;
	struct auth_cert *a;
	auth_h *fn; /* NULL: forgotten */
	void *ctx;
	uint16_t type;
	bool flying;
	uint64_t no;    /* in the order in which they were asked */
	uint64_t since; /* ms */
	uint16_t n;     /* octets of body */
	uint8_t body[BODY_MAX];
};

struct auth_cert {
	struct dectd *r;
	struct list waiting, flying;
	unsigned nwaiting, nflying;
	uint64_t asked;
	unsigned
	    window;    /* asked at once now: half after a refusal, one more after as many answers */
	unsigned good; /* answers since then */
	struct tmr pace; /* rests until then */
	struct tmr fail; /* answers those that cannot be asked, from the loop */
};

const char *auth_alg_name(enum pp_alg a)
{
	return a == PP_DSAA2 ? "DSAA2" : a == PP_DSAA ? "DSAA" : "none";
}

static void answer(struct ask *q, struct auth_result *res)
{
	struct auth_cert *a = q->a;

	list_remove(&q->node);
	if (q->flying)
		a->nflying--;
	else
		a->nwaiting--;
	if (q->fn)
		q->fn(q->ctx, res);
	mem_wipe(res, sizeof(*res));
	mem_free_wiped(q, sizeof(*q));
}

static void take(uint8_t *out, size_t cap, uint8_t *n, ProtobufCBinaryData b)
{
	*n = 0;
	if (b.len == 0 || b.len > cap)
		return;
	memcpy(out, b.data, b.len);
	*n = (uint8_t)b.len;
}

static int take_exact(uint8_t *out, size_t n, ProtobufCBinaryData b)
{
	if (b.len != n)
		return ERR_SYNTAX;
	memcpy(out, b.data, n);
	return 0;
}

/* What certd answered, by request. */
static int read_answer(uint16_t type, struct ipc_msg *m, struct auth_result *o)
{
	int err = 0;

	switch (type) {
	case CERT__TYPE__CERT_DECT_PT_AUTH:
	case CERT__TYPE__CERT_DECT_KEY_ALLOC: {
		const Cert__DectChallenge *d = IPC_BODY(m, Cert__DectChallenge);

		o->handle = d->handle;
		take(o->rs, sizeof(o->rs), &o->nrs, d->rs);
		o->has_rand = true;
		err = take_exact(o->rand, sizeof(o->rand), d->rand_f);
		return err ? err : o->nrs == 8 || o->nrs == 16 ? 0 : ERR_SYNTAX;
	}
	case CERT__TYPE__CERT_DECT_PT_CHECK: {
		const Cert__DectPtChecked *d = IPC_BODY(m, Cert__DectPtChecked);

		o->ok = d->ok;
		o->former = d->has_former && d->former;
		if (d->has_dck)
			take(o->ck, sizeof(o->ck), &o->nck, d->dck);
		return 0;
	}
	case CERT__TYPE__CERT_DECT_FT_AUTH: {
		const Cert__DectFtAuthDone *d = IPC_BODY(m, Cert__DectFtAuthDone);

		o->ok = true;
		take(o->rs, sizeof(o->rs), &o->nrs, d->rs);
		o->has_rand = d->has_rand_f;
		if (d->has_rand_f)
			err = take_exact(o->rand, sizeof(o->rand), d->rand_f);
		return err ? err : take_exact(o->res, sizeof(o->res), d->res2);
	}
	case CERT__TYPE__CERT_DECT_KEY_ALLOC_CHECK: {
		const Cert__DectKeyAllocDone *d = IPC_BODY(m, Cert__DectKeyAllocDone);

		o->ok = d->ok;
		if (!d->ok)
			return 0;
		if (d->has_rs2)
			take(o->rs, sizeof(o->rs), &o->nrs, d->rs2);
		o->has_rand = d->has_rand_f2;
		if (d->has_rand_f2)
			err = take_exact(o->rand, sizeof(o->rand), d->rand_f2);
		if (!err)
			err =
			    d->has_res2 ? take_exact(o->res, sizeof(o->res), d->res2) : ERR_SYNTAX;
		return err;
	}
	case CERT__TYPE__CERT_DECT_DEFCK: {
		const Cert__DectDefCkDone *d = IPC_BODY(m, Cert__DectDefCkDone);

		o->ok = true;
		o->index = (uint16_t)d->index;
		if (d->has_ck)
			take(o->ck, sizeof(o->ck), &o->nck, d->ck);
		if (d->has_ipui)
			take(o->owner, sizeof(o->owner), &o->nowner, d->ipui);
		return d->index > UINT16_MAX ? ERR_SYNTAX : 0;
	}
	default:
		o->ok = true;
		return 0;
	}
}

static const struct {
	uint16_t type;
	const ProtobufCMessageDescriptor *request, *reply;
} types[] = {
#define ROW(t, q, a)                                                                               \
	{                                                                                          \
		CERT__TYPE__CERT_DECT_##t, &cert__##q##__descriptor, &cert__##a##__descriptor      \
	}
	ROW(PT_AUTH, dect_pt_auth, dect_challenge),
	ROW(PT_CHECK, dect_pt_check, dect_pt_checked),
	ROW(FT_AUTH, dect_ft_auth, dect_ft_auth_done),
	ROW(KEY_ALLOC, dect_key_alloc, dect_challenge),
	ROW(KEY_ALLOC_CHECK, dect_key_alloc_check, dect_key_alloc_done),
	ROW(SUBSCRIPTION, dect_subscription, done),
	ROW(DEFCK, dect_def_ck, dect_def_ck_done),
#undef ROW
};

static void send_more(struct auth_cert *a);

/* To the head of those that wait, but not before what was asked earlier: a key is erased before it is allocated anew. */
static void put_in_turn(struct auth_cert *a, struct ask *q)
{
	struct list *after = &a->waiting;

	while (after->next != &a->waiting && LIST_ENTRY(after->next, struct ask, node)->no < q->no)
		after = after->next;
	list_insert(after, &q->node);
}

/* certd limits how much it is asked a second. A storm waits here for that, first of all: no handset is refused for it. */
static bool again(struct ask *q)
{
	struct auth_cert *a = q->a;

	if (!q->fn || tmr_now(a->r->d->wheel) - q->since > PATIENCE_MS)
		return false;
	list_remove(&q->node);
	put_in_turn(a, q);
	q->flying = false;
	a->nflying--;
	a->nwaiting++;
	if (!tmr_pending(
	        &a->pace)) { /* those that were under way with it are refused, too: once for all */
		a->window = a->window > 2 ? a->window / 2 : 1;
		a->good = 0;
		tmr_start(&a->pace, PACE_MS);
	}
	return true;
}

static void on_answer(void *ctx, int err, struct ipc_msg *m)
{
	struct ask *q = ctx;
	struct auth_cert *a = q->a;
	struct auth_result res = { .err = err };

	if (err == ERR_BUSY && again(q))
		return;
	if (!err) {
		res.err = read_answer(q->type, m, &res);
		if (a->window < FLIGHT_MAX && ++a->good >= a->window) {
			a->window++;
			a->good = 0;
		}
	}
	answer(q, &res);
	send_more(a);
}

static int send_one(struct auth_cert *a, struct ask *q)
{
	ProtobufCMessage *body;
	int err = ERR_UNSUPP;

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (types[i].type != q->type)
			continue;
		body = protobuf_c_message_unpack(types[i].request, NULL, q->n, q->body);
		BUG_ON(!body); /* we packed it ourselves */
		err = ipc_request(a->r->certd, IPC_IF_CERT, q->type, body, types[i].reply,
		    REQUEST_MS, on_answer, q);
		protobuf_c_message_free_unpacked(body, NULL);
	}
	return err;
}

static void send_more(struct auth_cert *a)
{
	while (!list_empty(&a->waiting) && a->nflying < a->window && a->r->certd &&
	       !tmr_pending(&a->pace)) {
		struct ask *q = LIST_ENTRY(a->waiting.next, struct ask, node);

		if (send_one(a, q)) {
			tmr_start(&a->fail, 0);
			return;
		}
		list_remove(&q->node);
		list_append(&a->flying, &q->node);
		q->flying = true;
		a->nwaiting--;
		a->nflying++;
	}
}

static void on_pace(struct tmr *t, void *ctx)
{
	(void)t;
	send_more(ctx);
}

/* certd is away, or takes no more though nothing is under way: those that wait have no hope. */
static void on_fail(struct tmr *t, void *ctx)
{
	struct auth_cert *a = ctx;

	(void)t;
	if (a->r->certd && (a->nflying || tmr_pending(&a->pace)))
		return; /* an answer, or time, will come and send more */
	while (!list_empty(&a->waiting)) {
		struct auth_result res = { .err = a->r->certd ? ERR_BUSY : ERR_LOST };

		answer(LIST_ENTRY(a->waiting.next, struct ask, node), &res);
	}
}

static int ask(
    struct auth_cert *a, uint16_t type, const ProtobufCMessage *body, auth_h *fn, void *ctx)
{
	struct ask *q;

	if (!a->r->certd)
		return ERR_LOST;
	if (a->nwaiting >= WAITING_MAX)
		return ERR_BUSY;
	if (protobuf_c_message_get_packed_size(body) > BODY_MAX)
		return ERR_LIMIT;
	q = mem_new(sizeof(*q));
	q->a = a;
	q->fn = fn;
	q->ctx = ctx;
	q->type = type;
	q->no = ++a->asked;
	q->since = tmr_now(a->r->d->wheel);
	q->n = (uint16_t)protobuf_c_message_pack(body, q->body);
	list_append(&a->waiting, &q->node);
	a->nwaiting++;
	send_more(a);
	return 0;
}

/* ---- the questions ---- */

static ProtobufCBinaryData bin(const void *p, size_t n)
{
	return (ProtobufCBinaryData){ n, (uint8_t *)(uintptr_t)p };
}

static ProtobufCBinaryData id_of(const struct ipui *pp)
{
	return bin(pp->v, (size_t)(pp->bits + 7) / 8);
}

static int pt_start(
    void *c, const struct ipui *pp, enum pp_alg alg, bool def, auth_h *fn, void *ctx)
{
	Cert__DectPtAuth q = CERT__DECT_PT_AUTH__INIT;

	q.ipui = id_of(pp);
	q.alg = (Cert__DectAlg)alg;
	q.has_default_ck = q.default_ck = def;
	return ask(c, CERT__TYPE__CERT_DECT_PT_AUTH, &q.base, fn, ctx);
}

static int pt_check(
    void *c, uint64_t handle, const uint8_t res1[4], const uint8_t *rand_p, auth_h *fn, void *ctx)
{
	Cert__DectPtCheck q = CERT__DECT_PT_CHECK__INIT;

	q.handle = handle;
	q.res1 = bin(res1, 4);
	q.has_rand_p = rand_p != NULL;
	if (rand_p)
		q.rand_p = bin(rand_p, 8);
	return ask(c, CERT__TYPE__CERT_DECT_PT_CHECK, &q.base, fn, ctx);
}

static int ft(
    void *c, const struct ipui *pp, enum pp_alg alg, const uint8_t rand_p[8], auth_h *fn, void *ctx)
{
	Cert__DectFtAuth q = CERT__DECT_FT_AUTH__INIT;

	q.ipui = id_of(pp);
	q.alg = (Cert__DectAlg)alg;
	q.rand_p = bin(rand_p, 8);
	return ask(c, CERT__TYPE__CERT_DECT_FT_AUTH, &q.base, fn, ctx);
}

static int key_start(
    void *c, const struct ipui *pp, enum pp_alg alg, const char *ac, auth_h *fn, void *ctx)
{
	Cert__DectKeyAlloc q = CERT__DECT_KEY_ALLOC__INIT;

	q.ipui = id_of(pp);
	q.alg = (Cert__DectAlg)alg;
	q.ac = bin(ac, strlen(ac));
	return ask(c, CERT__TYPE__CERT_DECT_KEY_ALLOC, &q.base, fn, ctx);
}

static int key_check(
    void *c, uint64_t handle, const uint8_t res1[4], const uint8_t rand_p[8], auth_h *fn, void *ctx)
{
	Cert__DectKeyAllocCheck q = CERT__DECT_KEY_ALLOC_CHECK__INIT;

	q.handle = handle;
	q.res1 = bin(res1, 4);
	q.rand_p = bin(rand_p, 8);
	return ask(c, CERT__TYPE__CERT_DECT_KEY_ALLOC_CHECK, &q.base, fn, ctx);
}

static int sub(
    void *c, const struct ipui *pp, enum auth_sub op, const char *ac, auth_h *fn, void *ctx)
{
	Cert__DectSubscription q = CERT__DECT_SUBSCRIPTION__INIT;

	q.ipui = id_of(pp);
	q.op = (Cert__SubscriptionOp)op;
	q.has_ac = ac && *ac;
	if (q.has_ac)
		q.ac = bin(ac, strlen(ac));
	return ask(c, CERT__TYPE__CERT_DECT_SUBSCRIPTION, &q.base, fn, ctx);
}

static int def_new(void *c, const struct ipui *pp, auth_h *fn, void *ctx)
{
	Cert__DectDefCk q = CERT__DECT_DEF_CK__INIT;

	q.ipui = id_of(pp);
	return ask(c, CERT__TYPE__CERT_DECT_DEFCK, &q.base, fn, ctx);
}

static int def_get(void *c, const struct ipui *pp, uint16_t index, auth_h *fn, void *ctx)
{
	Cert__DectDefCk q = CERT__DECT_DEF_CK__INIT;

	q.ipui = pp ? id_of(pp) : bin("", 0);
	q.has_index = true;
	q.index = index;
	return ask(c, CERT__TYPE__CERT_DECT_DEFCK, &q.base, fn, ctx);
}

static void forget(void *c, const void *ctx)
{
	struct auth_cert *a = c;

	LIST_FOREACH(&a->flying, it)
	{
		struct ask *q = LIST_ENTRY(it, struct ask, node);

		if (q->ctx == ctx)
			q->fn = NULL;
	}
	LIST_FOREACH(&a->waiting, it)
	{
		struct ask *q = LIST_ENTRY(it, struct ask, node);

		if (q->ctx != ctx)
			continue;
		list_remove(&q->node);
		a->nwaiting--;
		mem_free_wiped(q, sizeof(*q));
	}
}

static bool ready(void *c)
{
	return ((struct auth_cert *)c)->r->certd != NULL;
}

const struct auth_ops auth_cert_ops = {
	.pt_start = pt_start,
	.pt_check = pt_check,
	.ft = ft,
	.key_start = key_start,
	.key_check = key_check,
	.sub = sub,
	.def_new = def_new,
	.def_get = def_get,
	.forget = forget,
	.ready = ready,
};

struct auth_cert *auth_cert_new(struct dectd *r)
{
	struct auth_cert *a = mem_new(sizeof(*a));

	a->r = r;
	list_init(&a->waiting);
	list_init(&a->flying);
	a->window = FLIGHT_MAX;
	tmr_init(&a->pace, r->d->wheel, on_pace, a);
	tmr_init(&a->fail, r->d->wheel, on_fail, a);
	return a;
}

void auth_cert_down(struct auth_cert *a)
{
	tmr_stop(&a->pace);
	a->window = FLIGHT_MAX;
	tmr_start(&a->fail, 0);
}

void auth_cert_free(struct auth_cert *a)
{
	if (!a)
		return;
	tmr_stop(&a->pace);
	tmr_stop(&a->fail);
	LIST_FOREACH(&a->flying, it)
	{
		struct ask *q = LIST_ENTRY(it, struct ask, node);

		ipc_forget(a->r->d->ipc, q);
		mem_free_wiped(q, sizeof(*q));
	}
	LIST_FOREACH(&a->waiting, it)
	mem_free_wiped(LIST_ENTRY(it, struct ask, node), sizeof(struct ask));
	free(a);
}
