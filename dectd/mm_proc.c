/* The procedures (EN 300 175-5 13; EN 300 175-7 6): which step of a job is next, requests out, answers in. */
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/mm_priv.h"

#define ID_AUTH "3a4f7f3b6b5247d5a0e3c1f2d7c4b8a6"

#define LOST_MAX 12 /* times that a registration asks for a certd that is away … */
#define LOST_MS  400
#define PACED_MAX                                                                                  \
	3 /* times that a question waits for certd's limit, each as long as a handset's patience */

/* ---- what is wanted ---- */

bool mm_base_ciphers(const struct mm_ep *ep)
{
	struct mac_base_info in;

	return mac_base_info(ep->mm->r->mac, lce_base(ep->link), &in) == 0 && in.ciphers;
}

static bool want_cipher(const struct mm_ep *ep)
{
	return mm_conf(ep)->cipher != CIPHER_OFF && !lce_ciphered(ep->link) && !ep->clear_ok &&
	       mm_base_ciphers(ep);
}

bool mm_clear_allowed(const struct mm_ep *ep)
{
	return !dectd_must_cipher(ep->mm->r, ep->pp) ||
	       (mm_conf(ep)->clear_old_bases && !mm_base_ciphers(ep));
}

/* ---- failure ---- */

int mm_fail(struct mm_ep *ep, int err, int reject)
{
	enum mm_job job = ep->job;

	if (job >= JOB_RIGHTS && job <= JOB_CIPHER_PT && !ep->answered)
		mm_reject(ep, job, reject);
	return mm_finish(ep, err);
}

int mm_certd_failed(struct mm_ep *ep, int err)
{
	log_ev(LOG_WARNING, "certd could not help with a handset", F_PP(ep->ipei), F_ERR(err),
	    F_REMEDY(err == ERR_NOTFOUND ? "the handset must subscribe again"
	                                 : "systemctl status ipdect-certd"));
	if (err == ERR_NOTFOUND) {
		mm_note(ep, "certd has no key for it: it must subscribe");
		return mm_fail(ep, ERR_AUTH, 0x10);
	}
	return mm_fail(ep, ERR_BUSY, 0x30);
}

/* certd restarts within seconds: a registration waits for it, and a subscription that has only begun. A handset that is rejected
 * comes back after 41 s only, or when somebody subscribes it anew. */
int mm_certd_lost(struct mm_ep *ep, int err)
{
	if (err != ERR_LOST || (ep->job != JOB_LOCATE && ep->job != JOB_RIGHTS) ||
	    ep->lost >= LOST_MAX)
		return mm_certd_failed(ep, err);
	ep->lost++;
	ep->asked = ASK_NOTHING;
	tmr_start(&ep->late, LOST_MS);
	return MM_IDLE;
}

/* A default cipher key is worth no refusal. */
static int auth_lost(struct mm_ep *ep, int err)
{
	if (!ep->def)
		return mm_certd_lost(ep, err);
	mm_early_failed(ep, "certd could not help");
	return mm_proceed(ep);
}

/* ---- authentication of the handset, 13.3.1 ---- */

static int ask_auth(struct mm_ep *ep)
{
	struct mm *m = ep->mm;
	int err;

	ep->alg = ep->pp->alg ? ep->pp->alg : PP_DSAA;
	ep->asked = ASK_CHALLENGE;
	err = m->auth->pt_start(m->auth_ctx, &ep->pp->ipui, ep->alg, false, mm_answered_cert, ep);
	return err ? mm_certd_lost(ep, err) : MM_ASKING;
}

static int send_auth(struct mm_ep *ep, const struct auth_result *a)
{
	uint8_t buf[80];
	struct wr w = wr_of(buf, sizeof(buf));
	struct ie_auth_type at = { .alg = (uint8_t)ep->alg,
		.key_type = IE_KEY_UAK,
		.key_no = MM_KEY_NO,
		.upc = true,
		.cipher_no = MM_KEY_NO };

	ep->handle = a->handle;
	nwk_head(&w, NWK_MM, false, 0, MM_AUTH_REQUEST);
	if (ep->def)
		mm_early_put(ep, &at);
	ie_auth_type_put(&w, &at);
	ie_octets_put(&w, IE_RAND, a->rand, sizeof(a->rand));
	ie_octets_put(&w, IE_RS, a->rs, a->nrs);
	return mm_request(ep, &w, MM_AUTH);
}

int mm_act_auth_answer(struct fsm *f, int ev, const void *arg)
{
	struct mm_ep *ep = mm_ep_of(f);
	const struct nwk_msg *msg = arg;
	struct slice res = nwk_octets(msg, IE_RES), rand = nwk_octets(msg, IE_RAND);
	struct mm *m = ep->mm;
	int err;

	(void)ev;
	/* Without what the check needs it counts as a wrong answer. */
	if (res.n != 4 || (ep->alg == PP_DSAA2 && rand.n != 8))
		return mm_act_auth_refused(f, ev, arg);
	ep->asked = ASK_CHECK;
	err = m->auth->pt_check(m->auth_ctx, ep->handle, (const uint8_t *)res.p,
	    ep->alg == PP_DSAA2 ? (const uint8_t *)rand.p : NULL, mm_answered_cert, ep);
	return err ? auth_lost(ep, err) : MM_ASKING;
}

static int auth_failed(struct mm_ep *ep, const char *why)
{
	struct pp *pp = ep->pp;
	char mac[13];

	ep->mm->st.auth_failures++;
	pp->failures++;
	dectd_base_text(ep->mm->r, lce_base(ep->link), mac);
	log_ev(pp->failures >= mm_conf(ep)->failures ? LOG_ERR : LOG_WARNING,
	    "authentication of a handset failed", F_ID(ID_AUTH), F_PP(ep->ipei),
	    F_TEXT("IPDECT_MAC", mac), F_WHY(why), F_U64("IPDECT_COUNT", pp->failures),
	    F_REMEDY(
	        "subscribe it again; if it was not touched: another device uses its identity"));
	mm_note(ep, why);
	pp_changed(pp, PP_C_SUBSCRIPTION);
	return mm_fail(ep, ERR_AUTH, 0x10);
}

int mm_act_auth_refused(struct fsm *f, int ev, const void *arg)
{
	struct mm_ep *ep = mm_ep_of(f);
	const struct nwk_msg *m = arg;

	(void)ev;
	if (ep->def && m->type == MM_AUTH_REJECT) {
		mm_early_failed(ep, "it does not want one");
		return mm_proceed(ep);
	}
	return auth_failed(ep, "it refused to be authenticated");
}

static void on_confirmed(void *ctx, const struct auth_result *a)
{
	(void)ctx;
	if (a->err)
		log_ev(LOG_ERR, "certd did not confirm a handset's key", F_ERR(a->err));
}

/* The key works: an access code that was for this handset alone is erased (EN 300 175-7 6.5.6). */
static int confirm(struct mm_ep *ep)
{
	struct pp *pp = ep->pp;
	struct mm *m = ep->mm;
	int err = m->auth->sub(
	    m->auth_ctx, &pp->ipui, AUTH_CONFIRM, *pp->ac ? pp->ac : NULL, on_confirmed, m);

	if (err)
		return err;
	pp->confirmed = true;
	pp->ac[0] = '\0';
	return pp_save(pp);
}

/* It subscribed anew and did not get to the end: its code is not used up, and its key is the one that it had. */
static int keep_former(struct pp *pp)
{
	pp->confirmed = true;
	pp->ac[0] = '\0';
	return pp_save(pp);
}

static int auth_ok(struct mm_ep *ep, const struct auth_result *a)
{
	struct pp *pp = ep->pp;

	ep->mm->st.auths++;
	pp->auths++;
	pp->failures = 0;
	if (ep->def) {
		mm_early_made(ep);
		return mm_proceed(ep);
	}
	ep->authed = ep->fresh = true;
	ep->ndck = a->nck;
	memcpy(ep->dck, a->ck, sizeof(ep->dck));
	lce_set_proven(ep->link);
	if (!pp->confirmed && (a->former ? keep_former(pp) : confirm(ep)))
		log_ev(LOG_ERR, "a handset's first use of its key is not stored", F_PP(ep->ipei));
	pp_seen(pp, lce_base(ep->link), 0);
	return mm_proceed(ep);
}

/* ---- ciphering, 13.8 ---- */

/* The key goes to the base first. DSC takes the 64 least significant bits of a longer one (EN 300 175-7 4.4.3.3). */
static int key_to_base(struct mm_ep *ep, uint8_t *alg)
{
	struct mac_conn *c = lce_conn(ep->link);
	const struct pp_caps *caps = ep->has_caps ? &ep->caps : &ep->pp->caps;
	int err = ERR_UNSUPP;

	*alg = IE_CIPHER_DSC;
	if (!c)
		return ERR_LOST;
	if (ep->ndck == 16 && mm_conf(ep)->dsc2 && caps->tc.dsc2) {
		err = mac_encrypt(c, ep->dck, 16);
		if (!err)
			*alg = IE_CIPHER_DSC2;
	}
	if (err) {
		const uint8_t *dck = ep->dck + (ep->ndck == 16 ? 8 : 0);
		uint8_t ck[8];

		/* RFP: which order the base wants no public source tells (rfp-link 8.3, 16 item 9). */
		for (unsigned i = 0; i < 8; i++)
			ck[i] = dck[mm_conf(ep)->key_reversed ? 7 - i : i];
		err = mac_encrypt(c, ck, 8);
		mem_wipe(ck, sizeof(ck));
	}
	mem_wipe(ep->dck, sizeof(ep->dck));
	ep->ndck = 0;
	return err;
}

static int cipher_refused(struct mm_ep *ep, const char *why, int err)
{
	bool must = dectd_must_cipher(ep->mm->r, ep->pp);

	ep->mm->st.cipher_refusals++;
	log_ev(must ? LOG_ERR : LOG_WARNING, "link of a handset is not ciphered", F_PP(ep->ipei),
	    F_WHY(why),
	    F_REMEDY(must ? "a handset that cannot: cipher-exceptions in [dectd]; else look for "
	                    "interference near the base"
	                  : ""));
	if (must) {
		mm_note(ep, why);
		return mm_fail(ep, err, 0x17);
	}
	ep->clear_ok = true;
	return mm_proceed(ep);
}

static int send_cipher(struct mm_ep *ep)
{
	uint8_t buf[16], alg;
	struct wr w = wr_of(buf, sizeof(buf));
	int err = key_to_base(ep, &alg);

	if (err)
		return cipher_refused(ep, "the base station did not take the key", ERR_UNSUPP);
	nwk_head(&w, NWK_MM, ep->suggested, 0, MM_CIPHER_REQUEST);
	ie_cipher_info_put(
	    &w, &(struct ie_cipher_info){
	            .enable = true, .alg = alg, .key_type = 9, .key_no = MM_KEY_NO });
	return mm_request(ep, &w, MM_CIPHER);
}

int mm_act_ciphered(struct fsm *f, int ev, const void *arg)
{
	struct mm_ep *ep = mm_ep_of(f);

	(void)ev;
	(void)arg;
	ep->mm->st.ciphers++;
	ep->pp->ciphers++;
	if (ep->job == JOB_REKEY) {
		ep->mm->st.rekeys++;
		ep->pp->rekeys++;
		ep->renewed = true;
	}
	ep->suggested = false;
	return mm_proceed(ep);
}

int mm_act_cipher_refused(struct fsm *f, int ev, const void *arg)
{
	const struct nwk_msg *m = arg;
	int reason = nwk_octet(m, IE_REJECT_REASON);
	char why[64];

	(void)ev;
	(void)snprintf(why, sizeof(why), "the handset refused to cipher (reason %02x)",
	    reason < 0 ? 0u : (unsigned)reason);
	return cipher_refused(mm_ep_of(f), why, ERR_DENIED);
}

/* ---- certd answered ---- */

/* certd is asked more than it may answer: the question is put again, and the handset told that it takes longer. Who cannot wait any
 * more is not refused: it asks again itself (13.1, MM_locate.1). */
static int ask_again(struct mm_ep *ep)
{
	uint8_t buf[8];
	struct wr w = wr_of(buf, sizeof(buf));

	if (++ep->paced > PACED_MAX) {
		mm_note(ep, "certd has no time: auth-rate of [certd] is too small for this system");
		return mm_finish(ep, ERR_BUSY);
	}
	if (ep->job == JOB_LOCATE) {
		nwk_head(&w, NWK_MM, true, 0, MM_NOTIFY);
		ie_octet_put(&w, IE_TIMER_RESTART, 0x00);
		if (mm_send(ep, &w))
			return mm_finish(ep, ERR_LOST);
	}
	return ask_auth(ep);
}

int mm_act_cert(struct fsm *f, int ev, const void *arg)
{
	struct mm_ep *ep = mm_ep_of(f);
	const struct auth_result *a = arg;
	enum mm_asked asked = ep->asked;

	(void)ev;
	ep->asked = ASK_NOTHING;
	if (asked != ASK_KEY_CHALLENGE && asked != ASK_KEY_CHECK && !ep->pp)
		return mm_finish(ep, ERR_LOST); /* deleted meanwhile */
	switch (asked) {
	case ASK_DISK:
		return mm_located(ep, a->err);
	case ASK_DEF_INDEX:
		if (!a->err)
			return mm_early_challenge(ep, a->index);
		mm_early_failed(ep, "certd has no index for it");
		return mm_proceed(ep);
	case ASK_CHALLENGE:
		if (a->err == ERR_BUSY && !ep->def)
			return ask_again(ep);
		ep->paced = 0;
		return a->err ? auth_lost(ep, a->err) : send_auth(ep, a);
	case ASK_CHECK:
		if (a->err)
			return auth_lost(ep, a->err);
		return a->ok ? auth_ok(ep, a) : auth_failed(ep, "its key is another one");
	case ASK_KEY_CHALLENGE:
		return a->err ? mm_key_start_failed(ep, a->err) : mm_key_send(ep, a);
	case ASK_KEY_CHECK:
		if (a->err)
			return mm_certd_failed(ep, a->err);
		return a->ok ? mm_key_done(ep, a) : mm_key_wrong(ep);
	default:
		return mm_finish(ep, ERR_STATE);
	}
}

int mm_act_cert_late(struct fsm *f, int ev, const void *arg)
{
	struct mm_ep *ep = mm_ep_of(f);

	(void)ev;
	(void)arg;
	ep->mm->auth->forget(ep->mm->auth_ctx, ep);
	pps_wait_cancel(&ep->disk);
	return mm_certd_failed(ep, ERR_TIMEOUT);
}

/* ---- identification, 13.2.1 ---- */

static int send_ident(struct mm_ep *ep)
{
	uint8_t buf[16];
	struct wr w = wr_of(buf, sizeof(buf));

	nwk_head(&w, NWK_MM, false, 0, MM_IDENTITY_REQUEST);
	ie_identity_type_put(&w, &(struct ie_identity_type){ .group = 0, .type = 0x10 }); /* IPEI */
	return mm_request(ep, &w, MM_IDENT);
}

int mm_act_ident_answer(struct fsm *f, int ev, const void *arg)
{
	struct mm_ep *ep = mm_ep_of(f);
	const struct nwk_msg *m = arg;
	struct ie_portable id;

	(void)ev;
	ep->renewed = true;
	if (ie_portable_of(m, &id) == 0 && id.type == IE_P_IPEI)
		(void)!pp_ipui_ipei(&id.ipui, ep->ipei);
	if (ep->job == JOB_RIGHTS && !ep->ipei[0]) {
		mm_note(ep, "it does not tell its IPEI");
		return mm_fail(ep, ERR_DENIED, 0x05);
	}
	if (ie_model_of(m, &ep->model) == 0)
		ep->has_model = true;
	return mm_proceed(ep);
}

/* ---- temporary identity, 13.2.2 ---- */

static int send_assign(struct mm_ep *ep)
{
	uint8_t buf[32];
	struct wr w = wr_of(buf, sizeof(buf));
	struct pp *pp = ep->pp;
	uint32_t old = pp->tpui, tpui;

	pp->tpui = PP_TPUI_NONE; /* so that another one is taken */
	tpui = pp_tpui_alloc(pp->pps, pp);
	pp->tpui = old;
	if (tpui == PP_TPUI_NONE)
		return mm_finish(ep, ERR_LIMIT);
	nwk_head(&w, NWK_MM, false, 0, MM_TEMP_IDENTITY_ASSIGN);
	ie_tpui_put(&w, tpui);
	return mm_request(ep, &w, MM_ASSIGN);
}

int mm_act_assign_answer(struct fsm *f, int ev, const void *arg)
{
	struct mm_ep *ep = mm_ep_of(f);

	(void)ev;
	(void)arg;
	pp_tpui_commit(ep->pp);
	ep->pp->tpui_doubt = false;
	pp_touch(ep->pp);
	lce_set_tpui(ep->link, ep->pp->tpui);
	ep->assigned = true;
	return mm_finish(ep, 0);
}

int mm_act_assign_refused(struct fsm *f, int ev, const void *arg)
{
	struct mm_ep *ep = mm_ep_of(f);

	(void)ev;
	(void)arg;
	log_ev(LOG_NOTICE, "handset refused a temporary identity", F_PP(ep->ipei));
	pp_tpui_revert(ep->pp);
	return mm_finish(ep, ERR_DENIED);
}

/* After {LOCATE-ACCEPT} there is no repetition (13.4.1): the handset counts as registered; which identity it has is not
 * known, so both hold until it registers again. */
int mm_act_assign_timer(struct fsm *f, int ev, const void *arg)
{
	struct mm_ep *ep = mm_ep_of(f);

	if (ep->job == JOB_ASSIGN)
		return mm_act_repeat(f, ev, arg);
	ep->mm->st.timeouts++;
	ep->pp->tpui_doubt = true;
	log_ev(LOG_NOTICE, "handset did not acknowledge its temporary identity", F_PP(ep->ipei));
	return mm_finish(ep, ERR_TIMEOUT);
}

/* ---- rights are taken away, 13.5.2 ---- */

static int send_term(struct mm_ep *ep)
{
	uint8_t buf[48];
	struct wr w = wr_of(buf, sizeof(buf));

	nwk_head(&w, NWK_MM, false, 0, MM_ACCESS_RIGHTS_TERM_REQUEST);
	ie_ipui_put(&w, &ep->pp->ipui);
	ie_park_put(&w, &ep->mm->r->ident);
	return mm_request(ep, &w, MM_TERM);
}

int mm_act_term_answer(struct fsm *f, int ev, const void *arg)
{
	(void)ev;
	(void)arg;
	return mm_finish(mm_ep_of(f), 0);
}

int mm_act_term_refused(struct fsm *f, int ev, const void *arg)
{
	struct mm_ep *ep = mm_ep_of(f);

	(void)ev;
	(void)arg;
	log_ev(LOG_NOTICE, "handset keeps its rights; they are void here", F_PP(ep->ipei));
	return mm_finish(ep, ERR_DENIED);
}

/* ---- repetition, and the end ---- */

int mm_act_repeat(struct fsm *f, int ev, const void *arg)
{
	struct mm_ep *ep = mm_ep_of(f);
	enum mm_state st = (enum mm_state)f->st;

	(void)ev;
	(void)arg;
	if (!ep->repeated) {
		struct wr w = wr_of(ep->sent, sizeof(ep->sent));

		w.n = ep->nsent;
		ep->repeated = true;
		ep->mm->st.repeats++;
		return mm_send(ep, &w) ? mm_finish(ep, ERR_LOST) : (int)st;
	}
	ep->mm->st.timeouts++;
	switch (st) {
	case MM_CIPHER:
		return cipher_refused(ep, "the handset did not start to cipher", ERR_DENIED);
	case MM_IDENT:
		if (ep->job != JOB_RIGHTS)
			return mm_finish(ep, ERR_TIMEOUT);
		mm_note(ep, "it does not tell its IPEI");
		return mm_fail(ep, ERR_TIMEOUT, 0x05);
	case MM_AUTH:
		if (ep->def) {
			mm_early_failed(ep, "it did not answer");
			return mm_proceed(ep);
		}
		mm_note(ep, "it did not answer the authentication");
		return mm_fail(ep, ERR_TIMEOUT, 0x10);
	case MM_KEY:
		mm_note(ep, "it did not answer the key allocation");
		return mm_fail(ep, ERR_TIMEOUT, 0x10);
	case MM_ASSIGN:
		pp_tpui_revert(ep->pp);
		return mm_finish(ep, ERR_TIMEOUT);
	default:
		return mm_finish(ep, ERR_TIMEOUT);
	}
}

int mm_act_down(struct fsm *f, int ev, const void *arg)
{
	struct mm_ep *ep = mm_ep_of(f);

	(void)ev;
	(void)arg;
	if (f->st == MM_ASSIGN && ep->pp)
		ep->pp->tpui_doubt = true;
	if (ep->job == JOB_ASSIGN && f->st == MM_ASSIGN && ep->pp)
		pp_tpui_revert(ep->pp);
	if (ep->asked != ASK_NOTHING || f->st == MM_ASKING)
		ep->mm->auth->forget(ep->mm->auth_ctx, ep);
	pps_wait_cancel(&ep->disk);
	if (ep->job != JOB_NONE && ep->job != JOB_SECURE)
		(void)mm_finish(ep, ERR_LOST);
	return FSM_NEXT;
}

/* ---- which step is next ---- */

static int secure(struct mm_ep *ep)
{
	bool cipher = want_cipher(ep);

	if (ep->prove_only)
		return ep->authed || (!cipher && !mm_conf(ep)->authenticate) ? mm_finish(ep, 0)
		                                                             : ask_auth(ep);
	if (lce_ciphered(ep->link))
		return mm_finish(ep, 0);
	if (cipher ? !ep->ndck : mm_conf(ep)->authenticate && !ep->authed)
		return ask_auth(ep);
	if (cipher)
		return send_cipher(ep);
	if (!ep->clear_ok && !mm_clear_allowed(ep))
		return cipher_refused(ep, "the base station cannot cipher", ERR_UNSUPP);
	return mm_finish(ep, 0);
}

int mm_proceed(struct mm_ep *ep)
{
	if (!ep->pp && ep->job != JOB_RIGHTS)
		return mm_finish(ep, ERR_LOST);
	switch (ep->job) {
	case JOB_RIGHTS:
		return ep->ipei[0] ? mm_key_ask(ep) : send_ident(ep);
	case JOB_LOCATE:
		if (!ep->fresh)
			return ask_auth(ep);
		if (want_cipher(ep))
			return send_cipher(ep);
		return mm_early_wanted(ep) ? mm_early_ask(ep) : mm_accept(ep);
	case JOB_DEFKEY:
		return mm_early_wanted(ep) ? mm_early_ask(ep) : mm_finish(ep, 0);
	case JOB_DETACH:
	case JOB_TERM_PT:
		return ep->fresh || (ep->job == JOB_DETACH && ep->authed) ? mm_accept(ep)
		                                                          : ask_auth(ep);
	case JOB_CIPHER_PT:
		if (lce_ciphered(ep->link))
			return mm_finish(ep, 0);
		if (!want_cipher(ep))
			return mm_fail(ep, ERR_UNSUPP, 0x17);
		return ep->ndck ? send_cipher(ep) : ask_auth(ep);
	case JOB_SECURE:
		return secure(ep);
	case JOB_REKEY:
		if (!ep->fresh)
			return ask_auth(ep);
		return ep->renewed ? mm_finish(ep, 0) : send_cipher(ep);
	case JOB_PROVE:
		return ep->fresh ? mm_finish(ep, 0) : ask_auth(ep);
	case JOB_TERM_FT:
		return send_term(ep);
	case JOB_ASSIGN:
		return ep->fresh || ep->authed ? send_assign(ep) : ask_auth(ep);
	case JOB_IDENTIFY:
		if (!ep->renewed)
			return send_ident(ep);
		mm_model(ep);
		return mm_finish(ep, 0);
	default:
		return MM_IDLE;
	}
}

int mm_act_step(struct fsm *f, int ev, const void *arg)
{
	struct mm_ep *ep = mm_ep_of(f);
	struct nwk_msg m;

	(void)ev;
	(void)arg;
	while (ep->job == JOB_NONE && ep->nqueued) {
		uint8_t copy[MM_QUEUED_MAX];
		size_t n = ep->nqueued;

		memcpy(copy, ep->queued, n);
		ep->nqueued = 0;
		if (nwk_parse(copy, n, NWK_FROM_PP, &m) == 0)
			mm_take_request(ep, &m);
	}
	if (ep->job != JOB_NONE)
		return mm_proceed(ep);
	/* What is begun is not wanted any more, whatever comes of it. */
	if (ep->term_wanted) {
		ep->term_wanted = false;
		mm_begin(ep, JOB_TERM_FT);
	} else if (!list_empty(&ep->waiters)) {
		mm_begin(ep, JOB_SECURE);
	} else if (ep->rekey_wanted) {
		ep->rekey_wanted = false;
		mm_begin(ep, JOB_REKEY);
	} else if (ep->assign_wanted) {
		ep->assign_wanted = false;
		mm_begin(ep, JOB_ASSIGN);
	} else if (ep->identify_wanted) {
		ep->identify_wanted = false;
		mm_begin(ep, JOB_IDENTIFY);
	} else if (ep->defkey_wanted) {
		ep->defkey_wanted = false;
		mm_begin(ep, JOB_DEFKEY);
	} else if (ep->prove_wanted) {
		ep->prove_wanted = false;
		mm_begin(ep, JOB_PROVE);
	} else {
		mm_hold(ep, false);
		return MM_IDLE;
	}
	return mm_proceed(ep);
}
