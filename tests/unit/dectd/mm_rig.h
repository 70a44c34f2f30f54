/* Mobility management over the real link control, data link and MAC bookkeeping: handsets speak octets (class B, LLN 2),
 * certd is played by answers of the test's choice, the clock is the test's. */
#ifndef MM_RIG_H
#define MM_RIG_H
#include "dectd/auth.h"
#include "dectd/dectd.h"
#include "dectd/lce.h"
#include "dectd/mm.h"
#include "dectd/nwk_ie.h"
#include "dectd/ppdb.h"
#include "dectd/subs.h"

#include "lapc_air.h"

/* IPEI 04097 0175053: EMC 1001, PSN 2ABCD. */
#define IPEI   "040970175053"
#define IPUI   "0507 80a8 010012abcd "
#define TCAP   "63 10 35 15 0a 00 60 04 18 81 02 00 00 00 00 00 92 82"
#define RIGHTS "0544 " IPUI "0a03014800" TCAP
#define LOCATE "0554 " IPUI TCAP
#define AUTH   "05400a030118180c085d2c9e10b7a4f3860e080f1e2d3c4b5a6978\n"

struct rig;
struct ask { /* a question to certd that is not answered yet */
	auth_h *fn;
	void *ctx;
	struct auth_result res;
	struct tmr tmr;
	struct rig *g;
};
#define ASKS 64

struct rig {
	struct air air;
	struct daemon d;
	struct dectd r;
	struct dectd_conf conf;
	struct ask asks[ASKS];
	/* certd's part: what it will say */
	bool deaf;      /* takes questions and never answers */
	bool away;      /* ERR_LOST */
	bool former;    /* the handset has the key of before */
	bool any;       /* whatever the handset answers is right */
	const char *ac; /* the only access code's name that it knows */
	const char *rand, *rs, *res1, *res2, *dck, *rs2, *rand2;
	int err;
	uint16_t def_index; /* the only default cipher key's */
	const char *defck;
	struct ipui def_owner;
	char log[1024]; /* what was asked: "pt 1 " "check " "key anna " … */
	/* results of mm_secure and mm_terminate */
	int done, done_err;
	int unsafe;
	unsigned changed;
	void (*on_changed)(void *ctx, struct pp *pp, struct pp_user *u, unsigned what);
	void *changed_ctx;
};

static inline void rig_note(struct rig *g, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static inline void rig_note(struct rig *g, const char *fmt, ...)
{
	size_t n = strlen(g->log) < sizeof(g->log) - 32 ? strlen(g->log) : 0;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(g->log + n, sizeof(g->log) - n, fmt, ap);
	va_end(ap);
}

static inline void rig_answer(struct tmr *t, void *ctx)
{
	struct ask *a = ctx;
	auth_h *fn = a->fn;

	(void)t;
	a->fn = NULL;
	if (fn)
		fn(a->ctx, &a->res);
}

static inline int rig_ask(struct rig *g, auth_h *fn, void *ctx, const struct auth_result *res)
{
	if (g->away)
		return ERR_LOST;
	for (unsigned i = 0; i < ASKS; i++) {
		struct ask *a = &g->asks[i];

		if (a->fn)
			continue;
		a->fn = fn;
		a->ctx = ctx;
		a->res = *res;
		a->g = g;
		if (g->err)
			a->res.err = g->err;
		tmr_init(&a->tmr, g->air.w, rig_answer, a);
		if (!g->deaf)
			tmr_start(&a->tmr, 1);
		return 0;
	}
	return ERR_BUSY;
}

static inline void rig_hex(const char *h, uint8_t *out, size_t cap, uint8_t *n)
{
	size_t len = h ? air_unhex(h, out, cap) : 0;

	if (n)
		*n = (uint8_t)len;
}

static inline int rig_pt_start(
    void *c, const struct ipui *pp, enum pp_alg alg, bool def, auth_h *fn, void *ctx)
{
	struct rig *g = c;
	struct auth_result a = { .handle = 7, .has_rand = true };

	(void)pp;
	rig_note(g, "pt%d%s ", alg, def ? "def" : "");
	rig_hex(g->rand, a.rand, 8, NULL);
	rig_hex(g->rs, a.rs, 16, &a.nrs);
	return rig_ask(g, fn, ctx, &a);
}

static inline int rig_pt_check(
    void *c, uint64_t handle, const uint8_t res1[4], const uint8_t *rand_p, auth_h *fn, void *ctx)
{
	struct rig *g = c;
	struct auth_result a = { 0 };
	uint8_t want[4];

	assert_int_equal(handle, 7);
	rig_note(g, rand_p ? "check2 " : "check ");
	rig_hex(g->res1, want, 4, NULL);
	a.ok = g->any || memcmp(want, res1, 4) == 0;
	a.former = a.ok && g->former;
	if (a.ok)
		rig_hex(g->dck, a.ck, 16, &a.nck);
	return rig_ask(g, fn, ctx, &a);
}

static inline int rig_ft(
    void *c, const struct ipui *pp, enum pp_alg alg, const uint8_t rand_p[8], auth_h *fn, void *ctx)
{
	struct rig *g = c;
	struct auth_result a = { .ok = true };

	(void)pp;
	(void)rand_p;
	rig_note(g, "ft%d ", alg);
	rig_hex(g->res2, a.res, 4, NULL);
	rig_hex(g->rs, a.rs, 16, &a.nrs);
	return rig_ask(g, fn, ctx, &a);
}

static inline int rig_key_start(
    void *c, const struct ipui *pp, enum pp_alg alg, const char *ac, auth_h *fn, void *ctx)
{
	struct rig *g = c;
	struct auth_result a = { .handle = 9, .has_rand = true };

	(void)pp;
	rig_note(g, "key%d(%s) ", alg, ac);
	if (!g->ac || strcmp(ac, g->ac) != 0)
		a.err = ERR_NOTFOUND;
	rig_hex(g->rand, a.rand, 8, NULL);
	rig_hex(g->rs, a.rs, 16, &a.nrs);
	return rig_ask(g, fn, ctx, &a);
}

static inline int rig_key_check(
    void *c, uint64_t handle, const uint8_t res1[4], const uint8_t rand_p[8], auth_h *fn, void *ctx)
{
	struct rig *g = c;
	struct auth_result a = { 0 };
	uint8_t want[4];

	(void)rand_p;
	assert_int_equal(handle, 9);
	rig_note(g, "keycheck ");
	rig_hex(g->res1, want, 4, NULL);
	a.ok = memcmp(want, res1, 4) == 0;
	rig_hex(g->res2, a.res, 4, NULL);
	rig_hex(g->rs2, a.rs, 16, &a.nrs);
	a.has_rand = g->rand2 != NULL;
	rig_hex(g->rand2, a.rand, 8, NULL);
	return rig_ask(g, fn, ctx, &a);
}

static inline int rig_sub(
    void *c, const struct ipui *pp, enum auth_sub op, const char *ac, auth_h *fn, void *ctx)
{
	struct rig *g = c;

	(void)pp;
	rig_note(g,
	    op == AUTH_CONFIRM ? "confirm(%s) "
	    : op == AUTH_ERASE ? "erase%s "
	                       : "drop%s ",
	    ac ? ac : "");
	return rig_ask(g, fn, ctx, &(struct auth_result){ .ok = true });
}

static inline int rig_def_new(void *c, const struct ipui *pp, auth_h *fn, void *ctx)
{
	struct rig *g = c;

	(void)pp;
	rig_note(g, "index ");
	return rig_ask(g, fn, ctx, &(struct auth_result){ .ok = true, .index = g->def_index });
}

static inline int rig_def_get(void *c, const struct ipui *pp, uint16_t index, auth_h *fn, void *ctx)
{
	struct rig *g = c;
	struct auth_result a = { .ok = true, .index = index };

	rig_note(g, "get%04x%s ", index, pp ? "" : "?");
	if (index != g->def_index)
		a.err = ERR_NOTFOUND;
	else if (pp && !ipui_eq(pp, &g->def_owner))
		a.err = ERR_DENIED;
	rig_hex(g->defck, a.ck, 16, &a.nck);
	a.nowner = (uint8_t)((g->def_owner.bits + 7) / 8);
	memcpy(a.owner, g->def_owner.v, a.nowner);
	return rig_ask(g, fn, ctx, &a);
}

static inline void rig_forget(void *c, const void *ctx)
{
	struct rig *g = c;

	for (unsigned i = 0; i < ASKS; i++)
		if (g->asks[i].fn && g->asks[i].ctx == ctx) {
			tmr_stop(&g->asks[i].tmr);
			g->asks[i].fn = NULL;
		}
}

static inline bool rig_ready(void *c)
{
	return !((struct rig *)c)->away;
}

static const struct auth_ops rig_auth = { .pt_start = rig_pt_start,
	.pt_check = rig_pt_check,
	.ft = rig_ft,
	.key_start = rig_key_start,
	.key_check = rig_key_check,
	.sub = rig_sub,
	.def_new = rig_def_new,
	.def_get = rig_def_get,
	.forget = rig_forget,
	.ready = rig_ready };

static inline void rig_changed(void *ctx, struct pp *pp, struct pp_user *u, unsigned what)
{
	struct rig *g = ctx;

	g->changed |= what;
	if (g->on_changed)
		g->on_changed(g->changed_ctx, pp, u, what);
}
static const struct pps_ops rig_pps = { rig_changed };

static inline void rig_unsafe(void *ctx, struct pp *pp, struct lce_link *l, uint8_t reason)
{
	(void)pp;
	(void)l;
	((struct rig *)ctx)->unsafe = reason;
}
static const struct mm_watch rig_watch = { rig_unsafe };

static inline void rig_done(void *ctx, struct pp *pp, int err)
{
	struct rig *g = ctx;

	(void)pp;
	g->done++;
	g->done_err = err;
}

static inline void rig_cc_rx(void *ctx, struct lce_link *l, const struct nwk_msg *m)
{
	(void)ctx;
	(void)l;
	(void)m;
}
static const struct lce_entity rig_cc = { rig_cc_rx, NULL };

static inline void rig_init(struct rig *g, struct ppdb *db)
{
	struct conf_diag diag;

	memset(g, 0, sizeof(*g));
	air_init(&g->air);
	assert_int_equal(
	    conf_parse(SLICE_LIT(""), "test", dectd_keys, dectd_nkeys, &g->conf, &diag), 0);
	g->d.wheel = g->air.w;
	g->d.state = &g->r;
	g->r.d = &g->d;
	g->r.conf = &g->conf;
	g->r.mac = g->air.mac;
	assert_int_equal(ident_parse(SLICE_LIT("1F11234567"), &g->r.ident), 0);
	/* EIC 1234, FPN/FPS 567 of the reference's example. */
	memcpy(g->r.ident.ari, (uint8_t[]){ 0x11, 0x23, 0x45, 0x67, 0 }, 5);
	g->r.pps = pps_new(db, g->air.w, &rig_pps, g);
	g->r.ppdb = db;
	assert_int_equal(pps_load(g->r.pps), 0);
	g->r.subs = subs_new(&g->r);
	g->r.lce = lce_new(g->air.w, g->air.mac, NULL, NULL);
	g->r.mm = mm_new(&g->r, &rig_auth, g);
	mm_set_watch(g->r.mm, &rig_watch, g);
	lce_register(g->r.lce, NWK_CC, &rig_cc, g);
	mac_base_up(g->air.mac, 1, 1);
	mac_base_up(g->air.mac, 2, 1);
	g->rand = "5d2c9e10b7a4f386";
	g->rs = "0f1e2d3c4b5a6978";
	g->res1 = "b3d4cf3b";
	g->res2 = "8f6abe6b";
	g->dck = "8560dc324ea49f37";
	g->ac = AUTH_AC_COMMON;
}

static inline void rig_fini(struct rig *g)
{
	mac_base_down(g->air.mac, 1);
	mac_base_down(g->air.mac, 2);
	lce_free(g->r.lce);
	mm_free(g->r.mm);
	subs_free(g->r.subs);
	pps_free(g->r.pps);
	conf_free(dectd_keys, dectd_nkeys, &g->conf);
	air_fini(&g->air);
}

/* The device of that IPEI, subscribed and confirmed. */
static inline struct pp *subscribed(struct rig *g)
{
	struct pp *pp;

	assert_int_equal(pp_make(g->r.pps, IPEI, &pp), 0);
	pp->subscribed = true;
	pp->confirmed = true;
	pp->alg = PP_DSAA;
	pp->state = PP_SUBSCRIBED;
	assert_int_equal(pp_save(pp), 0);
	return pp;
}

/* ---- a handset ---- */
struct hs {
	struct rig *g;
	struct hs *twin; /* the same handset's other connection; NULL: none */
	uint32_t base;
	uint8_t mcei, ns, nr;
	bool up;         /* its data link is */
	char rx[1024];   /* messages that came, hex, one a line */
	char other[512]; /* what else was sent: pages, keys, "dis" */
};

static inline void hs_raw(struct hs *h, const char *hex)
{
	air_rx(&h->g->air, h->base, h->mcei, hex);
}

/* A frame for it; true: it is to be acknowledged. */
static inline bool hs_frame(struct hs *h, const char *hex)
{
	uint8_t f[80];
	struct lapc_frame fr;
	size_t n = air_unhex(hex, f, sizeof(f));

	assert_int_equal(lapc_parse(f, n, &fr), 0);
	if (fr.kind == LAPC_DISC) {
		hs_raw(h, "a1 73 01");
		h->up = false;
	}
	if (fr.kind != LAPC_I)
		return false;
	if (fr.ns == h->nr) {
		h->nr = (uint8_t)((h->nr + 1) & 7);
		n = strlen(h->rx);
		for (unsigned i = 0; i < fr.n; i++)
			n += (size_t)snprintf(h->rx + n, sizeof(h->rx) - n, "%02x", fr.info[i]);
		if (!fr.more)
			(void)snprintf(h->rx + n, sizeof(h->rx) - n, "\n");
	}
	return true;
}

/* Takes what the system sent, acknowledges it, gives buffers back; until nothing comes any more. */
static inline void hs_pump(struct hs *h)
{
	struct air *a = &h->g->air;
	struct hs *both[2] = { h, h->twin };

	for (unsigned guard = 0; a->n && guard < 50; guard++) {
		char log[AIR_LOG], *line, *save;
		bool ack[2] = { false, false };

		memcpy(log, a->log, a->n + 1);
		a->n = 0;
		a->log[0] = '\0';
		for (line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
			unsigned b, m, w = 2;
			int at = 0;

			if (sscanf(line, "%u:%u %n", &b, &m, &at) == 2 && at)
				for (w = 0; w < 2; w++)
					if (both[w] && b == both[w]->base && m == both[w]->mcei)
						break;
			if (w < 2) {
				ack[w] |= hs_frame(both[w], line + at);
				continue;
			}
			size_t n = strlen(h->other);

			(void)snprintf(h->other + n, sizeof(h->other) - n, "%s\n", line);
			if (sscanf(line, "dis %u:%u", &b, &m) == 2)
				for (w = 0; w < 2; w++)
					if (both[w] && (!h->twin || (b == both[w]->base &&
					                                m == both[w]->mcei)))
						both[w]->up = false;
		}
		for (unsigned w = 0; w < 2 && both[w]; w++) {
			char rr[16];

			air_dtr(a, both[w]->base, both[w]->mcei);
			(void)snprintf(rr, sizeof(rr), "23%02x01", both[w]->nr << 5 | 1);
			if (ack[w] && both[w]->up)
				hs_raw(both[w], rr);
		}
	}
}

static inline void hs_init(struct hs *h, struct rig *g, uint8_t mcei)
{
	*h = (struct hs){ .g = g, .base = 1, .mcei = mcei };
}

/* Sets a connection and the data link up, the message in its first frame. */
static inline void hs_first(struct hs *h, uint32_t pmid, const char *hex)
{
	uint8_t f[80] = { 0xa1, 0x10 };
	size_t n = air_unhex(hex, f + 3, 63);

	air_con(&h->g->air, h->base, h->mcei, pmid, false);
	f[2] = (uint8_t)(n << 2 | 1);
	h->ns = 1;
	h->nr = 0;
	h->up = true;
	air_rx_raw(&h->g->air, h->base, h->mcei, f, n + 3);
	hs_pump(h);
}

static inline void hs_say(struct hs *h, const char *hex)
{
	air_msg(&h->g->air, h->base, h->mcei, h->ns, h->nr, hex);
	h->ns = (uint8_t)((h->ns + 1) & 7);
	hs_pump(h);
}

/* Time goes by; what the system sends meanwhile is taken. */
static inline void hs_wait(struct hs *h, unsigned ms)
{
	for (unsigned t = 0; t < ms; t += 1 + ms / 200) {
		tmr_advance(h->g->air.w, 1 + ms / 200);
		hs_pump(h);
	}
}

/* It ciphers: the base reports it. */
static inline void hs_cipher(struct hs *h)
{
	hs_wait(h, 5); /* the base has the key */
	air_dnm(&h->g->air, h->base, (uint8_t[]){ 0x7a, 0x0a, h->mcei, 1, 0, 0, 0 }, 7);
	hs_pump(h);
}

static inline void hs_expect_at(struct hs *h, const char *want, const char *file, int line)
{
	hs_wait(h, 5);
	if (strcmp(h->rx, want) != 0) {
		print_error("%s:%d: came:\n%swanted:\n%s", file, line,
		    h->rx[0] ? h->rx : "(nothing)\n", want);
		fail();
	}
	h->rx[0] = '\0';
}
#define hs_expect(h, want) hs_expect_at(h, want, __FILE__, __LINE__)
#define asked(g, want)                                                                             \
	do {                                                                                       \
		assert_string_equal((g)->log, want);                                               \
		(g)->log[0] = '\0';                                                                \
	} while (0)

/* ---- what a test starts with: the system and a handset at base 1; its device is subscribed (MM_TEST) or not there (_NEW) ---- */
struct mm_test {
	struct rig g;
	struct hs h;
	struct pp *pp;
};

static inline int mm_setup_new(void **state)
{
	struct mm_test *t = mem_new(sizeof(*t));

	rig_init(&t->g, NULL);
	hs_init(&t->h, &t->g, 3);
	*state = t;
	return 0;
}

static inline int mm_setup(void **state)
{
	(void)mm_setup_new(state);
	((struct mm_test *)*state)->pp = subscribed(&((struct mm_test *)*state)->g);
	return 0;
}

static inline int mm_teardown(void **state)
{
	rig_fini(&((struct mm_test *)*state)->g);
	free(*state);
	return 0;
}
#define MM_TEST(f)     cmocka_unit_test_setup_teardown(f, mm_setup, mm_teardown)
#define MM_TEST_NEW(f) cmocka_unit_test_setup_teardown(f, mm_setup_new, mm_teardown)

#define CALLS "0305 " IPUI "0606 80a0 11234567 e080"

/* The handset has called, is ciphered and in an active call. */
static inline void mm_in_call(struct mm_test *t)
{
	hs_first(&t->h, 0xe1234, CALLS);
	mm_secure(t->g.r.mm, t->pp, rig_done, &t->g);
	hs_wait(&t->h, 5);
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	hs_cipher(&t->h);
	hs_wait(&t->h, 5);
	lce_hold(lce_find(t->g.r.lce, &t->pp->ipui), NWK_CC);
	mm_call_active(t->g.r.mm, t->pp, true);
	t->h.rx[0] = '\0';
}
#endif
