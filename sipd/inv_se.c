/* The session timer (RFC 4028): who refreshes, when, and what happens when nobody does. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "sipd/inv_int.h"

#define MIN_SE  90
#define SE_MAX  864000
#define BUSY_MS 5000 /* a refresh waits for another change of the session */

static void on_timer(struct tmr *t, void *ctx);

void inv_se_init(struct inv *i)
{
	i->min_se = i->conf.min_se_s ? i->conf.min_se_s : MIN_SE;
	if (i->conf.se_s && i->conf.se_s < i->min_se)
		i->conf.se_s = i->min_se;
	tmr_init(&i->se_tmr, i->ua->wheel, on_timer, i);
}

static bool read_se(const struct sip_msg *m, uint32_t *se, struct slice *refresher)
{
	struct slice v = sip_msg_value(m, SIP_H_SESSION_EXPIRES);
	size_t semi = slice_chr(v, ';');

	*refresher = (struct slice){ 0 };
	if (!v.p || slice_u32(slice_trim(slice_sub(v, 0, semi)), SE_MAX, se))
		return false;
	(void)sip_param_find(slice_sub(v, semi, v.n), SLICE_LIT("refresher"), refresher);
	return true;
}

static uint32_t read_min(const struct sip_msg *m)
{
	uint32_t n;

	return sip_msg_u32(m, SIP_H_MIN_SE, SE_MAX, &n) ? 0 : n;
}

static bool supports(const struct sip_msg *m)
{
	return sip_msg_lists(m, SIP_H_SUPPORTED, SLICE_LIT("timer")) ||
	       sip_msg_lists(m, SIP_H_REQUIRE, SLICE_LIT("timer"));
}

/* ---- server ---- */

bool inv_se_check(struct inv *i, struct tx *tx, const struct sip_msg *req)
{
	char line[40];
	struct wr w = wr_of(line, sizeof(line));
	struct slice refresher;
	uint32_t se;

	if (!i->conf.se_s || !read_se(req, &se, &refresher) || se >= i->min_se || !supports(req))
		return true;
	wr_fmt(&w, "Min-SE: %u\r\n", i->min_se);
	(void)tx_reply(tx, 422, SLICE_LIT(""), wr_slice(&w), SLICE_LIT(""), SLICE_LIT(""));
	return false;
}

void inv_se_asked(struct inv *i, const struct sip_msg *req)
{
	struct slice refresher;
	uint32_t se, theirs = read_min(req);

	if (!i->conf.se_s)
		return;
	if (!read_se(req, &se, &refresher)) {
		i->se = i->conf.se_s < theirs ? theirs : i->conf.se_s;
		i->we_refresh = true;
	} else {
		i->se = se < i->conf.se_s ? se : i->conf.se_s;
		i->se = i->se < theirs ? theirs : i->se;
		i->we_refresh = !supports(req) || slice_ieq(refresher, SLICE_LIT("uas"));
	}
	if (i->se < i->min_se)
		i->se = i->min_se;
}

void inv_se_put_answer(struct inv *i, struct wr *w)
{
	if (!i->se)
		return;
	wr_fmt(w, "Session-Expires: %u;refresher=%s\r\n", i->se, i->we_refresh ? "uas" : "uac");
	if (!i->we_refresh)
		wr_str(w, "Require: timer\r\n");
}

/* ---- client ---- */

void inv_se_put_request(struct inv *i, struct wr *w)
{
	if (!i->conf.se_s)
		return;
	/* In a session who refreshes stays who does. */
	uint32_t se = i->main && i->se ? i->se : i->conf.se_s;
	wr_fmt(w, "Session-Expires: %u%s\r\n", se < i->min_se ? i->min_se : se,
	    !(i->main && i->se) ? ""
	    : i->we_refresh     ? ";refresher=uac"
	                        : ";refresher=uas");
	if (i->min_se > MIN_SE)
		wr_fmt(w, "Min-SE: %u\r\n", i->min_se);
}

void inv_se_answered(struct inv *i, const struct sip_msg *rsp)
{
	struct slice refresher;
	uint32_t se;

	if (!i->conf.se_s)
		return;
	if (read_se(rsp, &se, &refresher)) {
		i->se = se < i->min_se ? i->min_se : se;
		i->we_refresh = !slice_ieq(refresher, SLICE_LIT("uas"));
	} else {
		i->se = 0; /* the peer knows no session timer */
	}
	inv_se_start(i);
}

bool inv_se_raise(struct inv *i, const struct sip_msg *rsp)
{
	uint32_t n = read_min(rsp);

	if (!i->conf.se_s || n <= i->min_se)
		return false;
	i->min_se = n;
	if (i->se && i->se < n)
		i->se = n;
	if (i->conf.se_s < n)
		i->conf.se_s = n;
	return true;
}

/* ---- time ---- */

void inv_se_start(struct inv *i)
{
	uint64_t ms = (uint64_t)i->se * 1000;

	tmr_stop(&i->se_tmr);
	i->se_failed = false;
	if (i->se)
		tmr_start(
		    &i->se_tmr, i->we_refresh ? ms / 2 : ms - (i->se / 3 < 32 ? ms / 3 : 32000));
}

void inv_se_failed(struct inv *i)
{
	if (i->state != INV_UP && i->state != INV_ACCEPTED)
		return;
	i->se_failed = true;
	tmr_start(
	    &i->se_tmr, (uint64_t)i->se * 500 - (uint64_t)(i->se < 96 ? i->se / 3 : 32) * 1000);
}

static void refresh(struct inv *i)
{
	struct inv_body none = { 0 }, same = { slice_str(i->sdp_type), { i->sdp, i->nsdp } };
	int err;

	if (inv_peer_allows(i, SIP_M_UPDATE))
		err = inv_change(i, SIP_M_UPDATE, SLICE_LIT(""), none, true);
	else if (i->nsdp)
		err = inv_change(i, SIP_M_INVITE, SLICE_LIT(""), same, true);
	else
		err = ERR_STATE;
	if (err == ERR_BUSY)
		tmr_start(&i->se_tmr, BUSY_MS);
	else if (err)
		inv_se_failed(i);
}

static void on_timer(struct tmr *t, void *ctx)
{
	struct inv *i = ctx;

	(void)t;
	if (!i->main || !inv_is_up(i))
		return;
	if (i->we_refresh && !i->se_failed) {
		refresh(i);
		return;
	}
	log_ev(LOG_NOTICE, "session expired: the far end did not refresh it",
	    F_TEXT("IPDECT_SIP_CALL_ID", i->main->dlg->call_id));
	inv_send_bye(i, i->main, SLICE_LIT("Reason: SIP;cause=408;text=\"Session expired\"\r\n"));
	inv_over(i, INV_END_EXPIRED, NULL);
}
