/* What handsets ask for: requests in, what they are answered with in the end, what is answered at once. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/mm_priv.h"
#include "dectd/pp_caps.h"
#include "dectd/xho.h"

/* ---- refusals ---- */

static void put_wait(struct wr *w, int reason)
{
	/* Overload: again after 41 s; without a duration the handset would wait 5 minutes (annex A.5, MM_wait). */
	if (reason == 0x30)
		ie_duration_put(w, &(struct ie_duration){ .lock = 7, .unit = 1, .value = 1 });
}

static void reject(struct mm_ep *ep, uint8_t type, int reason)
{
	uint8_t buf[24];
	struct wr w = wr_of(buf, sizeof(buf));

	nwk_head(&w, NWK_MM, true, 0, type);
	ie_octet_put(&w, IE_REJECT_REASON, (uint8_t)reason);
	if (type == MM_LOCATE_REJECT || type == MM_ACCESS_RIGHTS_REJECT)
		put_wait(&w, reason);
	(void)mm_send(ep, &w);
}

void mm_reject(struct mm_ep *ep, enum mm_job job, int reason)
{
	ep->answered = true;
	switch (job) {
	case JOB_RIGHTS:
		ep->mm->st.rights_rejects++;
		reject(ep, MM_ACCESS_RIGHTS_REJECT, reason);
		break;
	case JOB_LOCATE:
		ep->mm->st.locate_rejects++;
		reject(ep, MM_LOCATE_REJECT, reason);
		break;
	case JOB_TERM_PT:
		reject(ep, MM_ACCESS_RIGHTS_TERM_REJECT, reason);
		break;
	case JOB_CIPHER_PT:
		reject(ep, MM_CIPHER_REJECT, reason);
		break;
	default: /* DETACH has no answer */
		break;
	}
}

/* ---- the final answers ---- */

static void put_area(const struct mm_ep *ep, struct wr *w)
{
	const struct ident *id = &ep->mm->r->ident;

	ie_location_put(
	    w, &(struct ie_location){ .has_level = true, .level = id->cls == IDENT_A ? 36 : 31 });
}

void mm_model(struct mm_ep *ep)
{
	struct pp *pp = ep->pp;
	char text[sizeof(pp->model)];

	if (!ep->has_model || !pp)
		return;
	if (ep->model.imeisv)
		(void)snprintf(text, sizeof(text), "IMEI %02x%02x%02x%02x", ep->model.v[0],
		    ep->model.v[1], ep->model.v[2], ep->model.v[3]);
	else
		(void)snprintf(text, sizeof(text), "%02x%02x/%02x", ep->model.v[0], ep->model.v[1],
		    ep->model.v[2]);
	if (strcmp(text, pp->model) == 0)
		return;
	memcpy(pp->model, text, sizeof(text));
	pp_touch(pp);
	pp_changed(pp, PP_C_CAPS);
}

static unsigned keep_caps(struct mm_ep *ep)
{
	struct pp *pp = ep->pp;

	mm_model(ep);
	if (!ep->has_caps || memcmp(&pp->caps, &ep->caps, sizeof(pp->caps)) == 0)
		return 0;
	pp->caps = ep->caps;
	return PP_C_CAPS;
}

static int accept_rights(struct mm_ep *ep)
{
	struct mm *m = ep->mm;
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof(buf));
	struct pp *pp = NULL;
	char text[PP_TEXT];
	int err = pp_make(m->r->pps, ep->ipei, &pp);

	if (!err)
		err = pp_identify(pp, lce_ipui(ep->link));
	if (err) {
		/* IPUI of another type that another device has, or no disk: the old rights stay. */
		mm_note(ep, err == ERR_EXISTS ? "its identity is another handset's"
		                              : "it could not be stored");
		mm_reject(ep, JOB_RIGHTS, err == ERR_EXISTS ? 0x06 : 0x30);
		return mm_finish(ep, err);
	}
	mm_set_pp(ep, pp);
	mm_early_forget(m, pp); /* it came of the former key */
	pp->subscribed = true;
	pp->confirmed = false;
	pp->alg = ep->alg;
	pp->state = PP_SUBSCRIBED;
	pp->subscribed_at = (int64_t)time(NULL);
	pp->failures = 0;
	(void)snprintf(
	    pp->ac, sizeof(pp->ac), "%s", strcmp(ep->ac, AUTH_AC_COMMON) == 0 ? "" : ep->ac);
	(void)keep_caps(ep);
	err = pp_save(pp);
	if (err) {
		pp->subscribed = false;
		mm_note(ep, "it could not be stored");
		mm_reject(ep, JOB_RIGHTS, 0x30);
		return mm_finish(ep, err);
	}
	nwk_head(&w, NWK_MM, true, 0, MM_ACCESS_RIGHTS_ACCEPT);
	ie_ipui_put(&w, &pp->ipui);
	ie_park_put(&w, &m->r->ident);
	put_area(ep, &w);
	ie_auth_type_put(
	    &w, &(struct ie_auth_type){
	            .alg = (uint8_t)ep->alg, .key_type = IE_KEY_UAK, .key_no = MM_KEY_NO });
	(void)mm_send(ep, &w);
	ep->answered = true;
	m->st.rights++;
	log_ev(LOG_NOTICE, "handset subscribed", F_PP(pp_text(pp, text)),
	    F_TEXT("IPDECT_ALGORITHM", auth_alg_name(pp->alg)), F_RFP(lce_base(ep->link)));
	subs_succeeded(m->r->subs, ep->ipei);
	if (!pp->user)
		mm_note(ep, "subscribed, but it serves no user: dectctl handset assign");
	pp_changed(pp, PP_C_SUBSCRIPTION | PP_C_CAPS);
	return mm_finish(ep, 0);
}

static void on_stored(void *ctx, int err)
{
	mm_answered_cert(ctx, &(struct auth_result){ .err = err });
}

/* {LOCATE-ACCEPT} goes out when the location is on disk; registrations of the same moment are stored together. */
static int accept_locate(struct mm_ep *ep)
{
	struct pp *pp = ep->pp;

	ep->new_tpui = mm_conf(ep)->tpui ? pp_tpui_alloc(pp->pps, pp) : PP_TPUI_NONE;
	ep->changed = keep_caps(ep);
	if (pp->state != PP_LOCATED)
		ep->changed |= PP_C_REACH;
	pp->state = PP_LOCATED;
	pp->located_at = (int64_t)time(NULL);
	pp->leaving = false;
	pp_touch(pp);
	ep->asked = ASK_DISK;
	pps_wait(pp->pps, &ep->disk, on_stored, ep);
	return MM_ASKING;
}

int mm_located(struct mm_ep *ep, int err)
{
	uint8_t buf[32];
	struct wr w = wr_of(buf, sizeof(buf));
	char text[PP_TEXT];

	if (err) {
		mm_reject(ep, JOB_LOCATE, 0x30);
		return mm_finish(ep, err);
	}
	nwk_head(&w, NWK_MM, true, 0, MM_LOCATE_ACCEPT);
	if (ep->new_tpui != PP_TPUI_NONE)
		ie_tpui_put(&w, ep->new_tpui);
	else
		ie_portable_none_put(&w);
	put_area(ep, &w);
	ep->answered = true;
	ep->mm->st.locates++;
	log_ev(
	    LOG_INFO, "handset registered", F_PP(pp_text(ep->pp, text)), F_RFP(lce_base(ep->link)));
	pp_changed(ep->pp, ep->changed | PP_C_LOCATED);
	if (mm_send(ep, &w))
		return mm_finish(ep, ERR_LOST);
	return ep->new_tpui != PP_TPUI_NONE ? MM_ASSIGN : mm_finish(ep, 0);
}

static int accept_detach(struct mm_ep *ep)
{
	char text[PP_TEXT];

	ep->mm->st.detaches++;
	ep->answered = true;
	ep->must_verify = false;
	log_ev(LOG_INFO, "handset left", F_PP(pp_text(ep->pp, text)));
	pp_lost(ep->pp, PP_DETACHED);
	return mm_finish(ep, 0);
}

static int accept_term(struct mm_ep *ep)
{
	uint8_t buf[8];
	struct wr w = wr_of(buf, sizeof(buf));

	nwk_head(&w, NWK_MM, true, 0, MM_ACCESS_RIGHTS_TERM_ACCEPT);
	(void)mm_send(ep, &w);
	ep->answered = true;
	mm_erase(ep->mm, ep->pp, 0, NULL, NULL);
	return mm_finish(ep, 0);
}

int mm_accept(struct mm_ep *ep)
{
	switch (ep->job) {
	case JOB_RIGHTS:
		return accept_rights(ep);
	case JOB_LOCATE:
		return accept_locate(ep);
	case JOB_DETACH:
		return accept_detach(ep);
	case JOB_TERM_PT:
		return accept_term(ep);
	default:
		return mm_finish(ep, 0);
	}
}

/* ---- requests ---- */

static void take_caps(struct mm_ep *ep, const struct nwk_msg *m)
{
	if (ep->pp)
		ep->caps = ep->pp->caps;
	else
		pp_caps_default(&ep->caps);
	ep->has_caps = pp_caps_read(&ep->caps, m) || !ep->pp;
	ep->has_model = ie_model_of(m, &ep->model) == 0;
}

static bool take_rights(struct mm_ep *ep, const struct nwk_msg *m)
{
	struct ie_auth_type at;
	bool told = ie_auth_type_of(m, &at) == 0;
	int err;

	if (told && at.alg != IE_ALG_DSAA && at.alg != IE_ALG_DSAA2) {
		mm_note(ep, "its authentication algorithm is not supported");
		mm_reject(ep, JOB_RIGHTS, 0x12);
		return false;
	}
	err = subs_ask(ep->mm->r->subs, lce_ipui(ep->link), ep->ipei, ep->ac);
	if (err && (ep->ipei[0] || err == ERR_STATE)) {
		mm_note(ep, err == ERR_STATE  ? "subscription is closed"
		            : err == ERR_AUTH ? "locked: wrong access codes; dectctl handset open"
		                              : "not a user's handset and not allowed");
		mm_reject(ep, JOB_RIGHTS, 0x05);
		return false;
	}
	take_caps(ep, m);
	ep->alg = PP_DSAA;
	if (mm_conf(ep)->dsaa2 && (ep->caps.tc.dsaa2 || (told && at.alg == IE_ALG_DSAA2)))
		ep->alg = PP_DSAA2;
	else if (told && at.alg == IE_ALG_DSAA2 && !mm_conf(ep)->dsaa2)
		log_ev(LOG_NOTICE, "handset asks for DSAA2, which is off", F_PP(ep->ipei));
	return true;
}

static bool take_known(struct mm_ep *ep, enum mm_job job, const struct nwk_msg *m)
{
	struct ie_portable id;
	bool tpui = ie_portable_of(m, &id) == 0 && id.type == IE_P_TPUI;

	if (ep->pp && ep->pp->subscribed)
		return true;
	if (job != JOB_CIPHER_PT)
		mm_note(ep, tpui ? "an unknown temporary identity" : "not subscribed here");
	mm_reject(ep, job, tpui ? 0x01 : 0x02); /* it has its IPUI to name itself by */
	return false;
}

/* Rights of which systems it gives up: without any, all of them (5.4); with PARKs, ours has to be among them. */
static bool means_us(const struct mm_ep *ep, const struct nwk_msg *m)
{
	const struct nwk_ie *e;

	for (unsigned i = 0; (e = nwk_ie_nth(m, IE_FIXED, i)); i++) {
		struct ie_fixed f;

		if (ie_fixed_parse(rd_of(e->p, e->n), &f) == 0 &&
		    ie_fixed_is(&f, &ep->mm->r->ident))
			return true;
	}
	return !nwk_ie(m, IE_FIXED);
}

static enum mm_job job_of(uint8_t type)
{
	switch (type) {
	case MM_ACCESS_RIGHTS_REQUEST:
		return JOB_RIGHTS;
	case MM_LOCATE_REQUEST:
		return JOB_LOCATE;
	case MM_DETACH:
		return JOB_DETACH;
	case MM_ACCESS_RIGHTS_TERM_REQUEST:
		return JOB_TERM_PT;
	case MM_CIPHER_SUGGEST:
		return JOB_CIPHER_PT;
	default:
		return JOB_NONE;
	}
}

void mm_take_request(struct mm_ep *ep, const struct nwk_msg *m)
{
	enum mm_job job = job_of(m->type);
	struct ie_cipher_info ci;

	ep->answered = false;
	mm_set_pp(ep, pp_by_ipui(ep->mm->r->pps, lce_ipui(ep->link)));
	if (job == JOB_RIGHTS ? !take_rights(ep, m) : !take_known(ep, job, m))
		return;
	switch (job) {
	case JOB_LOCATE:
		take_caps(ep, m);
		break;
	case JOB_DETACH:
		ep->must_verify = !ep->authed;
		break;
	case JOB_TERM_PT:
		if (!means_us(ep, m)) {
			mm_reject(ep, job, 0x64);
			return;
		}
		break;
	case JOB_CIPHER_PT:
		if (ie_cipher_info_of(m, &ci) != 0 || !ci.enable) { /* going clear is refused */
			mm_reject(ep, job, 0x20);
			return;
		}
		ep->suggested = true;
		break;
	default:
		break;
	}
	mm_begin(ep, job);
}

/* A request while something runs: a copy of what runs is dropped, one beside our own procedure waits for its end. */
static void request(struct mm_ep *ep, const struct nwk_msg *m)
{
	enum mm_job job = job_of(m->type);

	if (ep->job == JOB_NONE && ep->fsm.st == MM_IDLE) {
		mm_take_request(ep, m);
		if (ep->job != JOB_NONE)
			(void)fsm_event(&ep->fsm, MM_EV_STEP, NULL);
		return;
	}
	if (ep->job == job) {
		ep->mm->st.copies++;
		return;
	}
	/* While the acknowledgement of an identity is missing a registration anew says that it went lost. */
	if (ep->job <= JOB_CIPHER_PT && !ep->answered) {
		ep->mm->st.unexpected++;
		return;
	}
	if (m->n <= sizeof(ep->queued)) {
		memcpy(ep->queued, m->raw, m->n);
		ep->nqueued = (uint16_t)m->n;
	}
}

/* ---- authentication of the fixed part, 13.3.3: at any time, beside everything else ---- */

static void ft_reject(struct mm_ep *ep, int reason)
{
	reject(ep, MM_AUTH_REJECT, reason);
}

static void on_ft(void *ctx, const struct auth_result *a)
{
	struct mm_ft *ft = ctx;
	struct mm_ep *ep = ft->ep;
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof(buf));

	ft->asking = false;
	if (a->err) {
		log_ev(LOG_WARNING, "the system could not prove itself to a handset",
		    F_PP(ep->ipei), F_ERR(a->err));
		ft_reject(ep, a->err == ERR_NOTFOUND ? 0x13 : 0x30);
		return;
	}
	nwk_head(&w, NWK_MM, true, 0, MM_AUTH_REPLY);
	if (a->has_rand)
		ie_octets_put(&w, IE_RAND, a->rand, sizeof(a->rand));
	ie_octets_put(&w, IE_RES, a->res, sizeof(a->res));
	ie_octets_put(&w, IE_RS, a->rs, a->nrs);
	(void)mm_send(ep, &w);
	ep->mm->st.ft_auths++;
	/* Our own procedure was interrupted: its timer starts anew (15.5). */
	if (tmr_pending(&ep->tmr) && ep->fsm.st != MM_ASKING)
		mm_timer_again(ep);
}

static void ft_request(struct mm_ep *ep, const struct nwk_msg *m)
{
	struct slice rand = nwk_octets(m, IE_RAND);
	struct mm *mm = ep->mm;
	struct mac_conn *c = lce_conn(ep->link);
	struct ie_auth_type at;
	struct pp *pp = ep->pp;
	int err;

	/* As the first message of a link it comes without an identity: only the PMID tells whose key is meant. That is
	 * enough, since what we answer proves us, not the handset. */
	if (!pp && c)
		pp = pp_by_tpui(mm->r->pps, mac_conn_pmid(c));

	if (ep->ft.asking) {
		mm->st.copies++;
		return;
	}
	if (ie_auth_type_of(m, &at) != 0 || rand.n != 8) {
		mm->st.bad++;
		ft_reject(ep, 0x64);
		return;
	}
	if (!pp || !pp->subscribed || at.key_type != IE_KEY_UAK) {
		ft_reject(ep, 0x13);
		return;
	}
	if (at.alg != IE_ALG_DSAA && (at.alg != IE_ALG_DSAA2 || !mm_conf(ep)->dsaa2)) {
		ft_reject(ep, 0x12);
		return;
	}
	ep->ft.alg = (enum pp_alg)at.alg;
	err = mm->auth->ft(
	    mm->auth_ctx, &pp->ipui, ep->ft.alg, (const uint8_t *)rand.p, on_ft, &ep->ft);
	ep->ft.asking = !err;
	if (err)
		ft_reject(ep, 0x30);
}

/* ---- parameter retrieval, 13.7 ---- */

enum { INFO_EXT_HO = 0x08, INFO_LOCATION_AREA = 0x09, INFO_HO_REFERENCE = 0x0a };

/* A handover reference lets who has it take a call over, once: only for who has proved itself, and not in clear where that can
 * be helped. */
static bool may_have_ref(const struct mm_ep *ep)
{
	return ep->pp && lce_proven(ep->link) && (lce_ciphered(ep->link) || mm_clear_allowed(ep));
}

static void info_request(struct mm_ep *ep, const struct nwk_msg *m)
{
	uint8_t buf[40];
	struct wr w = wr_of(buf, sizeof(buf));
	struct ie_info_type asked, told = { 0 };
	bool area = false, ref = false;

	if (ie_info_type_of(m, &asked) != 0)
		asked.n = 0;
	for (unsigned i = 0; i < asked.n; i++) {
		bool is_ref = asked.v[i] == INFO_EXT_HO || asked.v[i] == INFO_HO_REFERENCE;

		if (asked.v[i] != INFO_LOCATION_AREA && !(is_ref && may_have_ref(ep)))
			continue;
		area |= !is_ref;
		ref |= is_ref;
		told.v[told.n++] = asked.v[i];
	}
	if (!told.n) {
		/* Handover candidates and the rest: one PARI is the whole system, there is nothing to tell. */
		reject(ep, MM_INFO_REJECT, 0x20);
		return;
	}
	nwk_head(&w, NWK_MM, true, 0, MM_INFO_ACCEPT);
	ie_info_type_put(&w, &told);
	if (area)
		put_area(ep, &w);
	if (ref)
		xho_reference_put(ep->pp, &w);
	(void)mm_send(ep, &w);
}

/* ---- all messages ---- */

static void bad(struct mm_ep *ep, const struct nwk_msg *m, const struct nwk_fault *f)
{
	int reason = f->what == NWK_MISSING ? 0x60 : 0x64;

	ep->mm->st.bad++;
	log_ev(LOG_NOTICE, "handset's message is not usable", F_PP(ep->ipei),
	    F_TEXT("IPDECT_MESSAGE", nwk_type_name(m->pd, m->type)),
	    F_TEXT("IPDECT_ELEMENT", nwk_ie_name(f->id)));
	if (f->what == NWK_UNKNOWN_TYPE)
		return;
	if (m->f) {
		if (m->type == MM_AUTH_REQUEST && ep->fsm.st == MM_KEY)
			(void)fsm_event(&ep->fsm, MM_EV_REFUSAL, m);
		return;
	}
	switch (m->type) {
	case MM_AUTH_REQUEST:
		ft_reject(ep, reason);
		break;
	case MM_INFO_REQUEST:
		reject(ep, MM_INFO_REJECT, reason);
		break;
	case MM_LOCATE_REQUEST:
	case MM_ACCESS_RIGHTS_REQUEST:
	case MM_ACCESS_RIGHTS_TERM_REQUEST:
		if (ep->job == JOB_NONE)
			mm_reject(ep, job_of(m->type), reason);
		break;
	default: /* ignored */
		break;
	}
}

/* An answer counts only in the state that waits for it, and with the flag of its transaction. */
static void answer(
    struct mm_ep *ep, const struct nwk_msg *m, enum mm_state st, enum mm_event ev, bool flag)
{
	if (ep->fsm.st != st || m->f != flag) {
		ep->mm->st.unexpected++;
		return;
	}
	(void)fsm_event(&ep->fsm, (uint8_t)ev, m);
}

void mm_rx(struct mm_ep *ep, const struct nwk_msg *m)
{
	struct nwk_fault fault;
	enum mm_state st = (enum mm_state)ep->fsm.st;
	bool located = ep->job == JOB_LOCATE;

	if (m->tv != 0) { /* there is no other transaction (7.3) */
		ep->mm->st.unexpected++;
		return;
	}
	if (nwk_check(m, &fault) != 0) {
		bad(ep, m, &fault);
		return;
	}
	switch (m->type) {
	case MM_ACCESS_RIGHTS_REQUEST:
	case MM_LOCATE_REQUEST:
	case MM_DETACH:
	case MM_ACCESS_RIGHTS_TERM_REQUEST:
	case MM_CIPHER_SUGGEST:
		if (!m->f)
			request(ep, m);
		else
			ep->mm->st.unexpected++;
		break;
	case MM_AUTH_REQUEST:
		if (m->f)
			answer(ep, m, MM_KEY, MM_EV_ANSWER, true);
		else
			ft_request(ep, m);
		break;
	case MM_AUTH_REPLY:
		answer(ep, m, MM_AUTH, MM_EV_ANSWER, true);
		break;
	case MM_AUTH_REJECT:
		answer(ep, m, st == MM_KEY ? MM_KEY : MM_AUTH, MM_EV_REFUSAL, true);
		break;
	case MM_CIPHER_REJECT: /* the flag follows who began: {CIPHER-SUGGEST} or our request */
		answer(ep, m, MM_CIPHER, MM_EV_REFUSAL, !ep->suggested);
		break;
	case MM_IDENTITY_REPLY:
		answer(ep, m, MM_IDENT, MM_EV_ANSWER, true);
		break;
	case MM_TEMP_IDENTITY_ASSIGN_ACK: /* after LOCATE-ACCEPT it is still the handset's transaction */
		answer(ep, m, MM_ASSIGN, MM_EV_ANSWER, !located);
		break;
	case MM_TEMP_IDENTITY_ASSIGN_REJ:
		answer(ep, m, MM_ASSIGN, MM_EV_REFUSAL, !located);
		break;
	case MM_ACCESS_RIGHTS_TERM_ACCEPT:
		answer(ep, m, MM_TERM, MM_EV_ANSWER, true);
		break;
	case MM_ACCESS_RIGHTS_TERM_REJECT:
		answer(ep, m, MM_TERM, MM_EV_REFUSAL, true);
		break;
	case MM_INFO_REQUEST:
		if (!m->f)
			info_request(ep, m);
		break;
	case MM_IWU: /* nothing that we know; but it takes time (13.7) */
		if (tmr_pending(&ep->tmr) && st != MM_ASKING)
			mm_timer_again(ep);
		break;
	default:
		ep->mm->st.unexpected++;
		break;
	}
}
