/* Mobility management at the portable side (dect-nwk 10, 15; dect-security 7, 8): subscription with key allocation,
 * location registration, authentication both ways, ciphering, identities. */
#include <string.h>

#include "tests/support/softpp_priv.h"

#define MM_ACCESS_MS 60000 /* MM_access.1 */
#define MM_TERM_MS   20000 /* MM_access.2 */
#define MM_LOCATE_MS 20000 /* MM_locate.1 */
#define MM_AUTH_MS   10000 /* MM_auth.1 */
#define RETRY_MS     20000 /* after a reject or failure */

bool sp_mm_busy(const struct softpp *pp)
{
	return pp->mm.op != MMO_NONE || pp->mm.alloc;
}

void sp_mm_done(struct softpp *pp)
{
	pp->mm.op = MMO_NONE;
	pp->mm.alloc = false;
	tmr_stop(&pp->mm.t);
	mem_wipe(pp->mm.msg, sizeof(pp->mm.msg));
	sp_idle_check(pp);
}

static bool start(struct softpp *pp, enum sp_mm_op op, const uint8_t *msg, size_t n, uint32_t ms)
{
	pp->mm.op = op;
	pp->mm.repeated = false;
	pp->mm.alloc = false;
	pp->mm.began = tmr_now(pp->w);
	BUG_ON(n > sizeof(pp->mm.msg));
	memcpy(pp->mm.msg, msg, n);
	pp->mm.nmsg = n;
	if (!sp_send(pp, msg, n)) {
		pp->mm.op = MMO_NONE;
		return false;
	}
	tmr_start(&pp->mm.t, ms);
	return true;
}

static uint32_t op_ms(enum sp_mm_op op)
{
	return op == MMO_SUBSCRIBE   ? MM_ACCESS_MS
	       : op == MMO_LOCATE    ? MM_LOCATE_MS
	       : op == MMO_TERMINATE ? MM_TERM_MS
	                             : MM_AUTH_MS;
}

static void on_timer(struct tmr *t, void *ctx)
{
	struct softpp *pp = ctx;
	enum sp_mm_op op = pp->mm.op;

	(void)t;
	if (op == MMO_NONE)
		return;
	if (!pp->mm.repeated && pp->l.st == SPL_UP) {
		pp->mm.repeated = true;
		sp_send(pp, pp->mm.msg, pp->mm.nmsg);
		tmr_start(&pp->mm.t, op_ms(op));
		return;
	}
	sp_event(pp, "no answer to %s",
	    op == MMO_SUBSCRIBE   ? "access-rights request"
	    : op == MMO_LOCATE    ? "locate request"
	    : op == MMO_TERMINATE ? "terminate request"
	                          : "request");
	sp_mm_done(pp);
	if (op == MMO_LOCATE)
		sp_locate_later(pp, RETRY_MS);
	sp_lapc_release(pp);
}

static void on_again(struct tmr *t, void *ctx)
{
	struct softpp *pp = ctx;

	(void)t;
	if (pp->on && pp->subscribed && !pp->located && sp_locate(pp) != 0)
		sp_locate_later(pp, 1000 + sp_random() % 1000);
}

void sp_locate_later(struct softpp *pp, uint32_t ms)
{
	tmr_start(&pp->mm.again, ms);
}

void sp_mm_init(struct softpp *pp)
{
	tmr_init(&pp->mm.t, pp->w, on_timer, pp);
	tmr_init(&pp->mm.again, pp->w, on_again, pp);
}

void sp_mm_link_down(struct softpp *pp)
{
	enum sp_mm_op op = pp->mm.op;

	if (op == MMO_NONE)
		return;
	sp_event(pp, "%s interrupted",
	    op == MMO_SUBSCRIBE ? "subscription"
	    : op == MMO_LOCATE  ? "location"
	                        : "procedure");
	sp_mm_done(pp);
	if (op == MMO_LOCATE)
		sp_locate_later(pp, 1000 + sp_random() % 1000);
}

/* ---- requests ---- */

uint8_t sp_mm_alg(const struct softpp *pp)
{
	return pp->alg == DECT_KDF_DSAA ? 1 : 2;
}

int sp_subscribe(struct softpp *pp, const char *ac)
{
	uint8_t buf[SP_MSG_MAX], cap[32], alg = pp->profile == SPP_NG ? 2 : 1;
	struct wr w = sp_begin(buf, 0x05, 0x44);
	struct sp_id ipei;
	uint8_t bcd[4];

	if (sp_mm_busy(pp) || pp->cc.st != T00)
		return ERR_BUSY;
	if (dect_kdf_ac(slice_str(ac), bcd) != 0)
		return ERR_SYNTAX;
	snprintf(pp->mm.ac, sizeof(pp->mm.ac), "%s", ac);
	sp_ipei_id(pp, &ipei);
	sp_put(&w, 0x05, ipei.p, ipei.n);
	sp_put(&w, 0x0a, (uint8_t[]){ alg, KEY_AC << 4 | 8, 0x00 }, 3);
	if (pp->profile == SPP_NG)
		sp_put(&w, 0x62, "\x85", 1); /* normal paging, no fast set-up */
	sp_put(&w, 0x63, cap, sp_term_cap(pp, cap));
	if (pp->profile == SPP_NG)
		sp_put(&w, 0x7c, "\x90\x03\x00\x01\x02\x00\x84", 7);
	sp_event(pp, "subscribing");
	return start(pp, MMO_SUBSCRIBE, buf, w.n, MM_ACCESS_MS) ? 0 : ERR_NOTFOUND;
}

int sp_locate(struct softpp *pp)
{
	uint8_t buf[SP_MSG_MAX], cap[32];
	struct wr w = sp_begin(buf, 0x05, 0x54);

	if (!pp->subscribed)
		return ERR_STATE;
	if (sp_mm_busy(pp))
		return ERR_BUSY;
	tmr_stop(&pp->mm.again);
	sp_put(&w, 0x05, pp->ipui.p, pp->ipui.n);
	if (pp->profile == SPP_NG)
		sp_put(&w, 0x62, "\x85", 1);
	sp_put(&w, 0x63, cap, sp_term_cap(pp, cap));
	if (pp->profile == SPP_NG)
		sp_put(&w, 0x7c, "\x90\x03\x00\x01\x02\x00\x84", 7);
	return start(pp, MMO_LOCATE, buf, w.n, MM_LOCATE_MS) ? 0 : ERR_NOTFOUND;
}

int sp_detach(struct softpp *pp)
{
	uint8_t buf[SP_MSG_MAX];
	struct wr w = sp_begin(buf, 0x05, 0x56);

	if (!pp->subscribed)
		return ERR_STATE;
	sp_put(&w, 0x05, pp->ipui.p, pp->ipui.n);
	pp->located = false;
	return sp_send(pp, buf, w.n) ? 0 : ERR_NOTFOUND;
}

int sp_terminate(struct softpp *pp)
{
	uint8_t buf[SP_MSG_MAX];
	struct wr w = sp_begin(buf, 0x05, 0x48);

	if (!pp->subscribed)
		return ERR_STATE;
	if (sp_mm_busy(pp))
		return ERR_BUSY;
	sp_put(&w, 0x05, pp->ipui.p, pp->ipui.n);
	sp_put(&w, 0x06, pp->park.p, pp->park.n);
	return start(pp, MMO_TERMINATE, buf, w.n, MM_TERM_MS) ? 0 : ERR_NOTFOUND;
}

/* Authentication of the fixed part; then_terminate: as the answer to its wish to end our subscription. */
int sp_auth_ft(struct softpp *pp, bool then_terminate)
{
	uint8_t buf[SP_MSG_MAX];
	struct wr w = sp_begin(buf, 0x05, 0x40);

	if (!pp->subscribed)
		return ERR_STATE;
	if (pp->l.st != SPL_UP) /* it names nobody: no link begins with it */
		return ERR_STATE;
	if (sp_mm_busy(pp) && pp->mm.op != MMO_AUTH_FT)
		return ERR_BUSY;
	sp_random_bytes(pp->mm.rand_p, 8);
	sp_put(&w, 0x0a, (uint8_t[]){ sp_mm_alg(pp), (uint8_t)(KEY_UAK << 4 | pp->uak_no), 0 }, 3);
	sp_put(&w, 0x0c, pp->mm.rand_p, 8);
	pp->mm.after_auth_ft = then_terminate;
	return start(pp, MMO_AUTH_FT, buf, w.n, MM_AUTH_MS) ? 0 : ERR_NOTFOUND;
}

int sp_cipher_suggest(struct softpp *pp, bool on)
{
	uint8_t buf[SP_MSG_MAX];
	struct wr w = sp_begin(buf, 0x05, 0x4e);

	if (pp->l.st != SPL_UP)
		return ERR_STATE;
	sp_put(&w, 0x19, (uint8_t[]){ on ? 0x81 : 0x01, (uint8_t)(0x90 | pp->dck_no) }, 2);
	return sp_send(pp, buf, w.n) ? 0 : ERR_LOST;
}

/* ---- answers ---- */

void sp_mm_reply(struct softpp *pp, struct wr *w)
{
	BUG_ON(w->bad);
	sp_send(pp, w->p, w->n);
}

void sp_mm_reject(struct softpp *pp, uint8_t first, uint8_t type, uint8_t reason)
{
	uint8_t buf[SP_MSG_MAX];
	struct wr w = sp_begin(buf, first, type);

	sp_put(&w, 0x60, &reason, 1);
	sp_mm_reply(pp, &w);
}

bool sp_mm_flag(struct softpp *pp, const struct sp_msg *m, bool want)
{
	if ((m->ti & 7) != 0) {
		sp_violation(pp, "dect-nwk 3", "%s with transaction value %u",
		    sp_msg_name(m->pd, m->type), m->ti & 7);
		return false;
	}
	if (!!(m->ti & 8) != want) {
		sp_violation(
		    pp, "dect-nwk 3", "%s with flag %u", sp_msg_name(m->pd, m->type), m->ti >> 3);
		return false;
	}
	return true;
}

bool sp_mm_expected(struct softpp *pp, const struct sp_msg *m, enum sp_mm_op op)
{
	if (pp->mm.op == op)
		return sp_mm_flag(pp, m, true);
	sp_violation(pp, "dect-nwk 10.1", "%s that nothing asked for", sp_msg_name(m->pd, m->type));
	return false;
}

/* A FT procedure inside ours: our timer waits and starts anew afterwards. */
void sp_mm_nested(struct softpp *pp)
{
	if (pp->mm.op != MMO_NONE)
		tmr_start(&pp->mm.t, op_ms(pp->mm.op));
}

static void key_allocate(struct softpp *pp, const struct sp_msg *m)
{
	const struct sp_ie *t = sp_ie(m, 0x0b), *r = sp_ie(m, 0x0c), *rs = sp_ie(m, 0x0e);
	uint8_t buf[SP_MSG_MAX], k[16], ks[16], res[4], dck[16];
	enum dect_kdf_alg alg;
	struct wr w;

	if (!sp_mm_flag(pp, m, false) || !t || !r || !rs || t->n < 2 || r->n != 8)
		return;
	if (pp->mm.op != MMO_SUBSCRIBE) {
		sp_violation(pp, "dect-nwk 15.1", "KEY-ALLOCATE outside a subscription");
		sp_mm_reject(pp, 0x85, 0x43, RJ_KEY);
		return;
	}
	alg = t->p[0] == 2 ? DECT_KDF_DSAA2 : DECT_KDF_DSAA;
	if (t->p[0] != 1 && !(t->p[0] == 2 && pp->profile == SPP_NG)) {
		sp_violation(pp, "dect-nwk 10.5", "algorithm %02x that we did not offer", t->p[0]);
		sp_mm_reject(pp, 0x85, 0x43, RJ_ALG);
		return;
	}
	if (rs->n != dect_kdf_rs_len(alg)) {
		sp_violation(
		    pp, "dect-nwk 5.4", "RS of %u octets for algorithm %02x", rs->n, t->p[0]);
		return;
	}
	if (!sp_mm_key(pp, KEY_AC, t->p[1] & 15, k)) {
		sp_mm_reject(pp, 0x85, 0x43, RJ_KEY);
		return;
	}
	sp_mm_nested(pp);
	pp->mm.alloc = true;
	pp->mm.alg = alg;
	pp->uak_no = t->p[1] >> 4;
	memcpy(pp->mm.rand_f, r->p, 8);
	memcpy(pp->mm.rs, rs->p, rs->n);
	sp_random_bytes(pp->mm.rand_p, 8);
	if (dect_kdf_a11(alg, k, rs->p, ks) != 0 ||
	    dect_kdf_a12(alg, ks, r->p, pp->mm.rand_p, res, dck) != 0)
		return;
	w = sp_begin(buf, 0x85, 0x40);
	sp_put(&w, 0x0a, (uint8_t[]){ t->p[0], (uint8_t)(KEY_AC << 4 | (t->p[1] & 15)), 0x00 }, 3);
	sp_put(&w, 0x0c, pp->mm.rand_p, 8);
	sp_put(&w, 0x0d, res, 4);
	sp_mm_reply(pp, &w);
}

/* The end of key allocation: RES2 right: KS' is our new UAK. */
void sp_mm_allocated(struct softpp *pp, const struct sp_msg *m)
{
	const struct sp_ie *res = sp_ie(m, 0x0d), *rs = sp_ie(m, 0x0e), *rf = sp_ie(m, 0x0c);
	uint8_t k[16], ks[16], want[4];
	bool two = pp->mm.alg != DECT_KDF_DSAA;

	if (!sp_mm_flag(pp, m, false) || !res || res->n != 4)
		return;
	pp->mm.alloc = false;
	if (two && (!rs || rs->n != 16 || !rf || rf->n != 8)) {
		sp_violation(pp, "dect-security 7.3",
		    "key allocation with DSAA2 needs RS and RAND in the reply");
		return;
	}
	if (!two && rs)
		sp_violation(
		    pp, "dect-security 7.3", "RS in the reply of key allocation with DSAA");
	if (!sp_mm_key(pp, KEY_AC, 8, k) ||
	    dect_kdf_a21(pp->mm.alg, k, two ? rs->p : pp->mm.rs, ks) != 0 ||
	    dect_kdf_a22(pp->mm.alg, ks, pp->mm.rand_p, two ? rf->p : NULL, want) != 0)
		return;
	if (memcmp(want, res->p, 4) != 0) {
		sp_event(pp, "base does not know the access code");
		sp_violation(pp, "dect-security 7.3", "RES2 is wrong");
		return;
	}
	memcpy(pp->uak, ks, 16);
	pp->alg = pp->mm.alg;
	sp_event(pp, "key allocated %s", two ? "DSAA2" : "DSAA");
}

static void rights_accept(struct softpp *pp, const struct sp_msg *m)
{
	const struct sp_ie *id = sp_ie(m, 0x05), *park = sp_ie(m, 0x06), *lal = sp_ie(m, 0x07),
	                   *at = sp_ie(m, 0x0a);
	struct air_info info;

	if (!sp_mm_expected(pp, m, MMO_SUBSCRIBE) || !id || !park)
		return;
	if (id->n < 3 || id->n > sizeof(pp->ipui.p) || id->p[0] != 0x80) {
		sp_violation(pp, "dect-nwk 5.4", "ACCESS-RIGHTS-ACCEPT without an IPUI");
		return;
	}
	if (park->n < 3 || park->n > sizeof(pp->park.p) || park->p[0] != 0xa0) {
		sp_violation(pp, "dect-nwk 5.4", "ACCESS-RIGHTS-ACCEPT without a PARK");
		return;
	}
	if (at && at->n >= 2 && at->p[1] >> 4 == KEY_UAK) {
		if ((at->p[0] == 2) != (pp->alg != DECT_KDF_DSAA))
			sp_violation(
			    pp, "dect-nwk 15.1", "Auth type names algorithm %02x", at->p[0]);
		pp->uak_no = at->p[1] & 15;
	}
	memcpy(pp->ipui.p, id->p, id->n);
	pp->ipui.n = id->n;
	memcpy(pp->park.p, park->p, park->n);
	pp->park.n = park->n;
	pp->lal = lal && lal->n ? lal->p[0] & 0x3f : 31;
	pp->subscribed = true;
	pp->located = false;
	pp->tpui = UINT32_MAX;
	if (pp->conn) {
		air_base_info(air_conn_base(pp->conn), &info);
		if (!sp_park_matches(pp, &info))
			sp_violation(
			    pp, "dect-security 2.2", "PARK does not include the PARI of its base");
	}
	sp_save(pp);
	sp_mm_done(pp);
	sp_event(pp, "subscribed");
	if (pp->auto_locate)
		sp_locate_later(pp, 10);
}

static void rejected(struct softpp *pp, const struct sp_msg *m, enum sp_mm_op op, const char *what)
{
	const struct sp_ie *r = sp_ie(m, 0x60), *d = sp_ie(m, 0x72);

	if (!sp_mm_expected(pp, m, op))
		return;
	sp_mm_done(pp);
	pp->mm.rejects++;
	sp_event(pp, "%s rejected %02x", what, r && r->n ? r->p[0] : 0);
	if (op == MMO_LOCATE) {
		pp->located = false;
		pp->tpui = UINT32_MAX;
		/* MM_wait would be five minutes; scripts have no patience. */
		if (pp->auto_locate)
			sp_locate_later(pp, d ? 5 * RETRY_MS : RETRY_MS);
	}
	sp_lapc_release(pp);
}

static void take_tpui(struct softpp *pp, const struct sp_ie *id)
{
	uint32_t tpui;

	if (id->n != 5 || id->p[0] != 0xa0 || id->p[1] != 0x94 || id->p[2] >> 4 > 1) {
		sp_violation(pp, "dect-nwk 6.6", "no TPUI of 20 bits");
		return;
	}
	tpui = (uint32_t)(id->p[2] & 0x0f) << 16 | (uint32_t)id->p[3] << 8 | id->p[4];
	if (tpui >> 16 > 0xb)
		sp_violation(
		    pp, "dect-security 2.6", "TPUI %05x is no assigned individual one", tpui);
	LIST_FOREACH(&pp->set->pps, it)
	{
		struct softpp *o = LIST_ENTRY(it, struct softpp, node);

		if (o != pp && o->located && o->subscribed && o->park.n == pp->park.n &&
		    memcmp(o->park.p, pp->park.p, pp->park.n) == 0 && o->tpui != UINT32_MAX &&
		    (o->tpui & 0xffff) == (tpui & 0xffff))
			sp_violation(pp, "dect-nwk 15.3", "TPUI %05x is %s's, too", tpui, o->name);
	}
	pp->tpui = tpui;
}

static void locate_accept(struct softpp *pp, const struct sp_msg *m)
{
	const struct sp_ie *id = sp_ie(m, 0x05), *lal = sp_ie(m, 0x07);
	uint8_t buf[SP_MSG_MAX];
	struct wr w;

	if (!sp_mm_expected(pp, m, MMO_LOCATE) || !id || !lal || !lal->n)
		return;
	sp_cipher_check(pp, "LOCATE-ACCEPT");
	if ((lal->p[0] & 0xc0) == 0 || (lal->p[0] & 0x3f) > 39)
		sp_violation(pp, "dect-nwk 6.6", "location area %02x", lal->p[0]);
	pp->lal = lal->p[0] & 0x3f;
	pp->located = true;
	pp->mm.rejects = 0;
	if (id->n) {
		take_tpui(pp, id);
		w = sp_begin(buf, 0x05, 0x5d);
		sp_mm_reply(pp, &w);
	}
	sp_save(pp);
	sp_event(pp, "located tpui %05x in %u ms", pp->tpui == UINT32_MAX ? 0 : pp->tpui,
	    (unsigned)(tmr_now(pp->w) - pp->mm.began));
	sp_mm_done(pp);
	/* The link drops so that the new identity is used (dect-nwk 9); not under a call. */
	if (pp->cc.st == T00)
		tmr_start(&pp->linger, 300);
}

static void identity_request(struct softpp *pp, const struct sp_msg *m)
{
	const struct sp_ie *t = sp_ie(m, 0x02);
	uint8_t buf[SP_MSG_MAX];
	struct wr w = sp_begin(buf, 0x85, 0x59);
	struct sp_id id;

	if (!sp_mm_flag(pp, m, false) || !t || t->n < 2)
		return;
	if (t->p[0] == 0x80 && t->p[1] == 0x90) {
		sp_ipei_id(pp, &id);
		id.p[0] = 0x90;
		sp_put(&w, 0x05, id.p, id.n);
	} else if (t->p[0] == 0x80 && t->p[1] == 0x80 && pp->subscribed) {
		sp_put(&w, 0x05, pp->ipui.p, pp->ipui.n);
	} else if (t->p[0] == 0x84 && t->p[1] == 0xa0 && pp->subscribed) {
		sp_put(&w, 0x06, pp->park.p, pp->park.n);
	}
	sp_mm_reply(pp, &w);
}

static void assign(struct softpp *pp, const struct sp_msg *m)
{
	const struct sp_ie *id = sp_ie(m, 0x05);
	uint8_t buf[SP_MSG_MAX];
	struct wr w = sp_begin(buf, 0x85, 0x5d);

	if (!sp_mm_flag(pp, m, false))
		return;
	if (!id && !sp_ie(m, 0x09))
		sp_violation(pp, "dect-nwk 5.4", "TEMPORARY-IDENTITY-ASSIGN without an identity");
	if (id && id->n)
		take_tpui(pp, id);
	sp_mm_reply(pp, &w);
	sp_save(pp);
}

static void suggest(struct softpp *pp, const struct sp_msg *m)
{
	const struct sp_ie *t = sp_ie(m, 0x01);

	if (!sp_mm_flag(pp, m, false) || !t || !t->n)
		return;
	sp_event(pp, "info-suggest %02x", t->p[0]);
	if (t->p[0] == 0x80 && pp->subscribed) {
		pp->located = false;
		sp_locate_later(pp, 20);
	}
}

static void terminate_request(struct softpp *pp, const struct sp_msg *m)
{
	const struct sp_ie *id = sp_ie(m, 0x05);

	if (!sp_mm_flag(pp, m, false) || !id)
		return;
	if (id->n != pp->ipui.n || memcmp(id->p, pp->ipui.p, id->n) != 0) {
		sp_violation(pp, "dect-nwk 15.2", "termination of another identity");
		sp_mm_reject(pp, 0x85, 0x4b, 0x06);
		return;
	}
	/* As handsets do: only an authentic base may end it. */
	if (sp_auth_ft(pp, true) != 0)
		sp_mm_reject(pp, 0x85, 0x4b, 0x30);
}

static void notify(struct softpp *pp, const struct sp_msg *m)
{
	const struct sp_ie *r = sp_ie(m, 0xe5);

	if (!r || pp->mm.op == MMO_NONE)
		return;
	if (r->p[0] == 1)
		tmr_stop(&pp->mm.t);
	else
		tmr_start(&pp->mm.t, op_ms(pp->mm.op));
}

void sp_mm_input(struct softpp *pp, const struct sp_msg *m)
{
	switch (m->type) {
	case 0x40:
		sp_auth_request(pp, m);
		break;
	case 0x41:
		sp_auth_reply(pp, m);
		break;
	case 0x43:
		sp_event(pp, "base refuses authentication");
		pp->mm.alloc = false;
		if (pp->mm.op == MMO_AUTH_FT)
			sp_mm_done(pp);
		break;
	case 0x42:
		key_allocate(pp, m);
		break;
	case 0x45:
		rights_accept(pp, m);
		break;
	case 0x47:
		rejected(pp, m, MMO_SUBSCRIBE, "subscription");
		break;
	case 0x48:
		terminate_request(pp, m);
		break;
	case 0x49:
		if (sp_mm_expected(pp, m, MMO_TERMINATE)) {
			sp_mm_done(pp);
			sp_event(pp, "subscription ended");
			sp_forget(pp);
		}
		break;
	case 0x4b:
		rejected(pp, m, MMO_TERMINATE, "termination");
		break;
	case 0x4c:
		sp_cipher_request(pp, m);
		break;
	case 0x4f:
		sp_event(pp, "cipher suggestion rejected");
		break;
	case 0x58:
		identity_request(pp, m);
		break;
	case 0x55:
		locate_accept(pp, m);
		break;
	case 0x57:
		rejected(pp, m, MMO_LOCATE, "location");
		break;
	case 0x5c:
		assign(pp, m);
		break;
	case 0x52:
		suggest(pp, m);
		break;
	case 0x51:
	case 0x53:
		sp_info_input(pp, m);
		break;
	case 0x6e:
		notify(pp, m);
		break;
	default:
		break;
	}
}
