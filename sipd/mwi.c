/* Message waiting indication (RFC 3842). */
#include "sipd/mwi.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "sipd/auth.h"
#include "sipd/feed.h"
#include "sipd/reg.h"
#include "sipd/sub.h"

#define AGAIN_MS   60000
#define REFUSED_MS 3600000 /* a PBX without voice mail: asking again much later is enough */

struct mwi {
	struct sipd *s;
	struct user *user;
	struct sub *sub;
	struct auth_req *auth;
	struct tmr again;
	struct tp_flow *flow;   /* of sub */
	unsigned auths, status; /* status: of the last final answer */
};

int mwi_parse(struct slice body, uint32_t *fresh, uint32_t *old)
{
	struct cur c = cur_of(body);
	bool voice = false, waiting = false, said = false;

	*fresh = *old = 0;
	while (!cur_done(&c)) {
		struct slice l = slice_trim(cur_until(&c, "\n"));
		(void)cur_lit(&c, '\n');
		size_t colon = slice_chr(l, ':');
		struct slice name = slice_trim(slice_sub(l, 0, colon)),
		             v = slice_trim(slice_sub(l, colon + 1, l.n));
		if (slice_ieq(name, SLICE_LIT("Messages-Waiting"))) {
			said = true;
			waiting = slice_ieq(v, SLICE_LIT("yes"));
		} else if (slice_ieq(name, SLICE_LIT("Voice-Message"))) {
			/* new/old [ (urgent-new/urgent-old) ] */
			struct cur k = cur_of(v);
			if (slice_u32(cur_digits(&k), 9999, fresh) || !cur_lit(&k, '/') ||
			    slice_u32(cur_digits(&k), 9999, old))
				return ERR_SYNTAX;
			voice = true;
		}
	}
	if (!said && !voice)
		return ERR_SYNTAX;
	if (!voice && waiting)
		*fresh = 1; /* how many is not told */
	return 0;
}

static void take(struct sipd *s, struct user *u, const struct sip_msg *req)
{
	struct ustate *us = sipd_ustate(s, u);
	uint32_t fresh, old;

	if (mwi_parse(req->body, &fresh, &old)) {
		if (req->body.n)
			log_ev(LOG_INFO, "message summary not understood", F_USER(u->f[USER_NAME]));
		return;
	}
	if (us->mail_known && us->mail_new == fresh && us->mail_old == old)
		return;
	us->mail_known = true;
	us->mail_new = fresh;
	us->mail_old = old;
	feed_changed(s->to_dectd, u, FEED_MAIL);
}

bool mwi_unsolicited(struct sipd *s, struct user *u, const struct sip_msg *req)
{
	struct slice ev = sip_msg_value(req, SIP_H_EVENT);

	ev.n = slice_chr(ev, ';');
	if (!slice_ieq(slice_trim(ev), SLICE_LIT("message-summary")))
		return false;
	take(s, u, req);
	return true;
}

static void on_notify(void *ctx, struct sub *sub, const struct sip_msg *req)
{
	struct mwi *m = ctx;

	(void)sub;
	take(m->s, m->user, req);
}

static void drop(struct mwi *m)
{
	sub_free(m->sub);
	m->sub = NULL;
	tp_flow_unref(m->flow);
	m->flow = NULL;
}

static void on_credentials(void *ctx, int err, struct slice lines)
{
	struct mwi *m = ctx;

	m->auth = NULL;
	if (!err && m->sub)
		err = sub_retry(m->sub, lines);
	if (err) {
		drop(m);
		tmr_start(&m->again, AGAIN_MS);
	}
}

static void on_reply(void *ctx, struct sub *sub, const struct sip_msg *rsp, int err)
{
	struct mwi *m = ctx;
	char uri[400];
	struct wr w = wr_of(uri, sizeof(uri));

	(void)sub;
	(void)err;
	m->status = rsp ? rsp->status : 0;
	if (!rsp || (rsp->status != 401 && rsp->status != 407)) {
		if (rsp && rsp->status < 300)
			m->auths = 0;
		return;
	}
	sipd_put_aor(m->s, &w, m->user, false);
	struct slice target = wr_slice(&w);
	if (target.n > 2)
		target = slice_sub(target, 1, target.n - 2);
	if (m->auth ||
	    (m->auths++ < 2 && auth_answer(m->s, m->user, rsp, SLICE_LIT("SUBSCRIBE"), target,
	                           SLICE_LIT(""), on_credentials, m, &m->auth) == 0))
		return;
	drop(m); /* what it was is lost: later from the beginning */
	tmr_start(&m->again, 10 * AGAIN_MS);
}

static void on_ended(void *ctx, struct sub *sub, struct slice reason, uint32_t retry_s)
{
	struct mwi *m = ctx;

	(void)sub;
	m->sub = NULL;
	drop(m);
	/* What it refuses for the moment only is not for an hour. */
	bool never = slice_ieq(reason, SLICE_LIT("rejected")) && m->status / 100 != 5 &&
	             m->status != 408 && m->status != 480 && m->status != 491;
	tmr_start(&m->again, retry_s                     ? retry_s * 1000
	                     : never || m->status == 501 ? REFUSED_MS
	                                                 : AGAIN_MS);
}

static const struct sub_ops ops = { .notify = on_notify, .reply = on_reply, .ended = on_ended };

static void start(struct mwi *m)
{
	struct sipd *s = m->s;
	char local[512], uri[400], contact[320];
	struct wr wl = wr_of(local, sizeof(local)), wu = wr_of(uri, sizeof(uri)),
	          wc = wr_of(contact, sizeof(contact));
	struct tp_flow *f = reg_flow(s, m->user);

	if (!f)
		return;
	sipd_put_aor(s, &wl, m->user, true);
	sipd_put_aor(s, &wu, m->user, false);
	sipd_put_dialog_contact(s, &wc, m->user, f);
	struct slice target = wr_slice(&wu), route[REG_ROUTES_MAX];
	if (target.n > 2)
		target = slice_sub(target, 1, target.n - 2);
	struct dlg_uac d = { .local = wr_slice(&wl),
		.remote = wr_slice(&wu),
		.ruri = target,
		.contact = wr_slice(&wc),
		.max_forwards = s->conf->max_forwards };
	d.nroute = reg_routes(m->user, route);
	d.route = route;
	struct sub_conf c = { .ops = &ops,
		.ctx = m,
		.owner = reg_owner(m->user),
		.event = SLICE_LIT("message-summary"),
		.expires = 3600,
		.lines = SLICE_LIT("Accept: application/simple-message-summary\r\n"),
		.flow = f,
		.try_ms = s->conf->transaction_ms };
	m->auths = m->status = 0;
	if (wl.bad || wu.bad || wc.bad ||
	    sub_out(s->ua, &c, dlg_uac_new(&d), SLICE_LIT(""), SLICE_LIT(""), &m->sub)) {
		m->sub = NULL;
		tmr_start(&m->again, AGAIN_MS);
	} else {
		m->flow = tp_flow_ref(f);
	}
	tp_flow_unref(f);
}

static void on_again(struct tmr *t, void *ctx)
{
	struct mwi *m = ctx;

	(void)t;
	if (!m->sub)
		start(m);
}

void mwi_update(struct sipd *s, struct user *u)
{
	struct ustate *us = sipd_ustate(s, u);

	if (!s->conf->mwi) {
		mwi_stop(s, u);
		return;
	}
	if (!us->mwi) {
		us->mwi = mem_new(sizeof(*us->mwi));
		us->mwi->s = s;
		us->mwi->user = u;
		tmr_init(&us->mwi->again, s->d->wheel, on_again, us->mwi);
	}
	struct tp_flow *f = reg_flow(s, u);
	if (us->mwi->sub &&
	    us->mwi->flow != f) { /* the server that has it is not the user's any more */
		auth_cancel(us->mwi->auth);
		us->mwi->auth = NULL;
		drop(us->mwi);
	}
	tp_flow_unref(f);
	if (!us->mwi->sub && !us->mwi->auth)
		tmr_start(&us->mwi->again, 200);
}

void mwi_stop(struct sipd *s, struct user *u)
{
	struct ustate *us = ustate_of(u);

	(void)s;
	if (!us || !us->mwi)
		return;
	drop(us->mwi);
	auth_cancel(us->mwi->auth);
	tmr_stop(&us->mwi->again);
	free(us->mwi);
	us->mwi = NULL;
}
