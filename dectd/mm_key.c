/* Key allocation on air (EN 300 175-5 13.6; EN 300 175-7 6.5.6). */
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/mm_priv.h"

int mm_key_ask(struct mm_ep *ep)
{
	struct mm *m = ep->mm;
	int err;

	ep->asked = ASK_KEY_CHALLENGE;
	err = m->auth->key_start(
	    m->auth_ctx, lce_ipui(ep->link), ep->alg, ep->ac, mm_answered_cert, ep);
	return err ? mm_certd_lost(ep, err) : MM_ASKING;
}

int mm_key_send(struct mm_ep *ep, const struct auth_result *a)
{
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof(buf));

	ep->handle = a->handle;
	nwk_head(&w, NWK_MM, false, 0, MM_KEY_ALLOCATE);
	ie_allocation_type_put(
	    &w, &(struct ie_allocation_type){
	            .alg = (uint8_t)ep->alg, .uak_no = MM_KEY_NO, .ac_no = MM_KEY_NO });
	ie_octets_put(&w, IE_RAND, a->rand, sizeof(a->rand));
	ie_octets_put(&w, IE_RS, a->rs, a->nrs);
	return mm_request(ep, &w, MM_KEY);
}

static void auth_reject(struct mm_ep *ep, uint8_t reason)
{
	uint8_t buf[16];
	struct wr w = wr_of(buf, sizeof(buf));

	nwk_head(&w, NWK_MM, false, 0, MM_AUTH_REJECT);
	ie_octet_put(&w, IE_REJECT_REASON, reason);
	(void)mm_send(ep, &w);
}

/* An element is missing or wrong (17.6.4): that is no guess at the code. */
static int faulty(struct mm_ep *ep, uint8_t reason)
{
	auth_reject(ep, reason);
	mm_note(ep, "its answer to the key allocation lacks what it must have");
	return mm_fail(ep, ERR_SYNTAX, reason);
}

int mm_key_wrong(struct mm_ep *ep)
{
	ep->mm->st.wrong_codes++;
	auth_reject(ep, 0x10);
	subs_wrong_code(ep->mm->r->subs, lce_ipui(ep->link), ep->ipei, lce_base(ep->link));
	return mm_fail(ep, ERR_AUTH, 0x10);
}

int mm_act_key_answer(struct fsm *f, int ev, const void *arg)
{
	struct mm_ep *ep = mm_ep_of(f);
	const struct nwk_msg *msg = arg;
	struct slice res = nwk_octets(msg, IE_RES), rand = nwk_octets(msg, IE_RAND);
	struct mm *m = ep->mm;
	int err;

	(void)ev;
	if (res.n != 4 || rand.n != 8)
		return faulty(ep, !res.n || !rand.n ? 0x60 : 0x64);
	ep->asked = ASK_KEY_CHECK;
	err = m->auth->key_check(m->auth_ctx, ep->handle, (const uint8_t *)res.p,
	    (const uint8_t *)rand.p, mm_answered_cert, ep);
	return err ? mm_certd_failed(ep, err) : MM_ASKING;
}

int mm_act_key_refused(struct fsm *f, int ev, const void *arg)
{
	struct mm_ep *ep = mm_ep_of(f);
	const struct nwk_msg *m = arg;
	struct nwk_fault fault;

	(void)ev;
	if (m->type == MM_AUTH_REQUEST && nwk_check(m, &fault) != 0)
		return faulty(ep, fault.what == NWK_MISSING ? 0x60 : 0x64);
	mm_note(ep, "it refused to take a key");
	return mm_fail(ep, ERR_AUTH, 0x11);
}

int mm_key_done(struct mm_ep *ep, const struct auth_result *a)
{
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof(buf));

	nwk_head(&w, NWK_MM, false, 0, MM_AUTH_REPLY);
	if (a->has_rand)
		ie_octets_put(&w, IE_RAND, a->rand, sizeof(a->rand));
	ie_octets_put(&w, IE_RES, a->res, sizeof(a->res));
	if (a->nrs) /* DSAA: the RS of {KEY-ALLOCATE} holds */
		ie_octets_put(&w, IE_RS, a->rs, a->nrs);
	if (mm_send(ep, &w))
		return mm_finish(ep, ERR_LOST);
	return mm_accept(ep);
}

int mm_key_start_failed(struct mm_ep *ep, int err)
{
	if (err == ERR_NOTFOUND && strcmp(ep->ac, AUTH_AC_COMMON) != 0) {
		(void)snprintf(ep->ac, sizeof(ep->ac), "%s", AUTH_AC_COMMON);
		return mm_key_ask(ep);
	}
	if (err == ERR_NOTFOUND) {
		mm_note(ep, "no access code is set: dectctl secret set " AUTH_AC_COMMON " kind=ac");
		return mm_fail(ep, ERR_AUTH, 0x05);
	}
	if (err == ERR_DENIED) {
		mm_note(ep, "too many wrong access codes lately");
		return mm_fail(ep, ERR_AUTH, 0x05);
	}
	return mm_certd_lost(ep, err);
}
