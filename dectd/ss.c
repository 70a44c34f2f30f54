/* Services outside calls: events, time and texts for handsets that are idle. */
#include "dectd/ss.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "dectd/cc.h"
#include "dectd/nwk_ie.h"
#include "dectd/ui_lang.h"

#define CLSS_TV    6    /* of the connectionless service (7.3) */
#define LOCATED_MS 1500 /* the location registration's own exchange ends first */
#define RETRY_MS   60000
#define LINKS_MAX  32 /* at a time: after a power failure all handsets register at once */
#define TEXT_MAX   256

enum { DUE_MESSAGES = 1, DUE_MISSED = 2, DUE_TIME = 4, DUE_STANDBY = 8, DUE_TEXT = 16 };

struct ss_user { /* pp_user.cc */
	uint32_t messages, missed;
	bool has_messages, has_missed;
	bool more_missed; /* new ones came, not only the count changed */
};

struct part { /* of a handset that is to be told something */
	struct map_node by_id;
	struct list node;
	uint64_t id;
	struct ss *ss;
	struct pp *pp;
	struct lce_link *link; /* opened for this */
	unsigned due;
	bool securing;
	struct tmr timer;
	char text[TEXT_MAX];
};

struct ss {
	struct tmr_wheel *w;
	struct lce *lce;
	struct pps *pps;
	struct mm *mm;
	struct ss_conf conf;
	struct map parts;
	struct list list;
	unsigned links;
	struct ss_stats st;
};

/* ---- messages ---- */

static int tx(struct part *p, struct lce_link *l, const struct wr *w)
{
	int err = lce_send(l, w);

	if (err)
		p->ss->st.failed++;
	else
		p->ss->st.sent++;
	return err;
}

static int send_event(
    struct part *p, struct lce_link *l, uint8_t type, uint16_t subtype, uint32_t count)
{
	struct ie_events ev = { .n = 1 };
	struct ie_call_info line = { 0 };
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof(buf));

	ev.e[0] = (struct ie_event){ .type = type,
		.has_subtype = true,
		.subtype = subtype,
		.count = (uint16_t)(count > 0x3fff ? 0x3fff : count) };
	ie_call_info_add(&line, IE_CI_LINE, 0, 1);
	nwk_head(&w, NWK_CISS, false, CLSS_TV, CISS_FACILITY);
	ie_events_put(&w, &ev);
	ie_call_info_put(&w, &line);
	return tx(p, l, &w);
}

static int send_time(struct part *p, struct lce_link *l)
{
	time_t now = time(NULL);
	struct tm tm;
	uint8_t buf[32];
	struct wr w = wr_of(buf, sizeof(buf));

	localtime_r(&now, &tm);
	struct ie_time_date td = { .has_time = true,
		.has_date = true,
		.kind = IE_T_CURRENT,
		.year = (uint8_t)(tm.tm_year % 100),
		.month = (uint8_t)(tm.tm_mon + 1),
		.day = (uint8_t)tm.tm_mday,
		.hour = (uint8_t)tm.tm_hour,
		.minute = (uint8_t)tm.tm_min,
		.second = (uint8_t)(tm.tm_sec > 59 ? 59 : tm.tm_sec),
		.zone = (int8_t)(tm.tm_gmtoff / 900) };
	nwk_head(&w, NWK_CISS, false, CLSS_TV, CISS_FACILITY);
	ie_time_date_put(&w, &td);
	return tx(p, l, &w);
}

static int send_display(struct part *p, struct lce_link *l, const char *text)
{
	struct ui_caps caps = cc_ui_caps(p->pp);
	uint8_t raw[200], buf[256];
	struct wr t = wr_of(raw, sizeof(raw)), w = wr_of(buf, sizeof(buf));
	int tv, err;

	ui_text_display(&t, slice_str(text), &caps);
	if (!t.n)
		return 0; /* it has no display */
	tv = lce_tv_new(l, NWK_CISS);
	if (tv < 0)
		return ERR_BUSY;
	nwk_head(&w, NWK_CISS, false, (uint8_t)tv, CISS_REGISTER);
	ie_octets_put(&w, IE_DISPLAY, raw, t.n);
	err = tx(p, l, &w);
	if (!err) {
		w = wr_of(buf, sizeof(buf));
		nwk_head(&w, NWK_CISS, false, (uint8_t)tv, CISS_RELEASE_COM);
		ie_octet_put(&w, IE_RELEASE_REASON, CC_R_NORMAL);
		err = tx(p, l, &w);
	}
	lce_tv_free(l, NWK_CISS, (uint8_t)tv);
	return err;
}

/* Standby text with what waits for the user: the idle screen of a handset without events. */
static void idle_text(const struct part *p, char *out, size_t cap)
{
	const struct pp_user *u = p->pp->user;
	const struct ss_user *su = u->cc;
	const char *lang = u->locale && u->locale[0] ? u->locale : p->ss->conf.language;
	struct wr w = wr_of(out, cap);

	ui_text_clean(&w,
	    slice_str(u->standby_text && u->standby_text[0]   ? u->standby_text
	              : u->display_name && u->display_name[0] ? u->display_name
	                                                      : u->name),
	    UI_URI_MAX);
	if (su && su->has_messages && su->messages)
		wr_fmt(&w, "\n%s: %u", ui_str(lang, UI_T_MESSAGES), su->messages);
	if (su && su->has_missed && su->missed)
		wr_fmt(&w, "\n%s: %u", ui_str(lang, UI_T_MISSED), su->missed);
	if (!wr_nul(&w))
		out[0] = '\0';
}

/* Everything that is due, over a link that is up and safe. */
static void flush(struct part *p, struct lce_link *l)
{
	struct ui_caps caps = cc_ui_caps(p->pp);
	struct pp_user *u = p->pp->user;
	struct ss_user *su = u ? u->cc : NULL;
	unsigned due = p->due;
	char text[TEXT_MAX];
	int err = 0;

	p->due = 0;
	if (caps.part3) {
		if ((due & DUE_TIME) && p->ss->conf.time)
			err = send_time(p, l);
		if (!err && (due & DUE_MESSAGES) && su)
			err = send_event(p, l, IE_EV_MESSAGE_WAITING, 1, su->messages);
		if (!err && (due & DUE_MISSED) && su) {
			err = send_event(
			    p, l, IE_EV_MISSED_CALL, su->more_missed ? 1 : 2, su->missed);
			su->more_missed = false;
		}
	} else if (p->ss->conf.idle_display && u &&
	           (due & (DUE_STANDBY | DUE_MESSAGES | DUE_MISSED))) {
		idle_text(p, text, sizeof(text));
		err = send_display(p, l, text);
	}
	if (!err && (due & DUE_TEXT) && p->text[0]) {
		err = send_display(p, l, p->text);
		p->text[0] = '\0';
	}
	if (err)
		log_ev(LOG_INFO, "ss: not told to a handset", F_ERR(err), F_USER(u ? u->name : ""));
}

/* ---- links ---- */

static void close_link(struct part *p)
{
	struct lce_link *l = p->link;

	p->link = NULL;
	if (l) {
		p->ss->links--;
		lce_drop(l, NWK_CISS,
		    false); /* a call needs a link of its own: it is not kept for LCE.02 */
	}
}

static void on_secured(void *ctx, struct pp *pp, int err)
{
	struct ss *s = ctx;
	uint64_t id = pp ? pp->id : 0;
	struct map_node *n = pp ? map_get(&s->parts, map_u64(&id)) : NULL; /* deleted meanwhile */
	struct part *p = n ? CONTAINER_OF(n, struct part, by_id) : NULL;

	if (!p || !p->securing)
		return;
	p->securing = false;
	struct lce_link *l = lce_find(s->lce, &pp->ipui);
	if (!err && l && lce_state(l) == LCE_UP)
		flush(p, l);
	else
		s->st.failed++;
	close_link(p);
	if (p->due)
		tmr_start(&p->timer, err == ERR_BUSY ? RETRY_MS / 12 : RETRY_MS);
}

static void reached(struct part *p, struct lce_link *l)
{
	if (!p->due || p->securing)
		return;
	if (p->ss->mm) {
		p->securing = true;
		mm_secure(p->ss->mm, p->pp, on_secured, p->ss);
		return;
	}
	flush(p, l);
	close_link(p);
}

static void on_timer(struct tmr *t, void *ctx)
{
	struct part *p = ctx;
	struct ss *s = p->ss;
	struct lce_link *l;

	if (!p->due || p->link || p->securing || !pp_reachable(p->pp))
		return;
	if (cc_of_pp(
	        p->pp)) { /* a call is on: over its link, or afterwards where its display is the call's */
		l = lce_find(s->lce, &p->pp->ipui);
		if (cc_ui_caps(p->pp).part3 && !(p->due & DUE_TEXT) && l && lce_state(l) == LCE_UP)
			flush(p, l);
		else
			tmr_start(t, RETRY_MS / 12);
		return;
	}
	if (s->links >= LINKS_MAX) {
		tmr_start(t, 200 + id_below(400));
		return;
	}
	int err = lce_open(s->lce, &p->pp->ipui, LCE_PAGE_SIGNAL, NWK_CISS, &l);
	if (err) {
		s->st.failed++;
		return;
	}
	p->link = l;
	s->links++;
	if (lce_state(l) == LCE_UP)
		reached(p, l);
}

static struct part *part_of(struct ss *s, struct pp *pp, bool make)
{
	uint64_t id = pp->id;
	struct map_node *n = map_get(&s->parts, map_u64(&id));
	struct part *p;

	if (n || !make)
		return n ? CONTAINER_OF(n, struct part, by_id) : NULL;
	p = mem_new(sizeof(*p));
	p->id = id;
	p->ss = s;
	p->pp = pp;
	tmr_init(&p->timer, s->w, on_timer, p);
	(void)map_put(&s->parts, &p->by_id, map_u64(&p->id));
	list_append(&s->list, &p->node);
	return p;
}

static void part_free(struct part *p)
{
	tmr_stop(&p->timer);
	close_link(p);
	map_del(&p->ss->parts, &p->by_id);
	list_remove(&p->node);
	free(p);
}

/* Does it have a way to take any of this? */
static bool useful(const struct ss *s, const struct pp *pp, unsigned due)
{
	struct ui_caps caps = cc_ui_caps(pp);
	bool display = caps.display > UI_DISPLAY_NONE;

	if (caps.part3)
		return (due & ~(unsigned)(DUE_STANDBY)) != 0 && (!(due == DUE_TEXT) || display);
	return display &&
	       ((due & DUE_TEXT) || (s->conf.idle_display && (due & ~(unsigned)DUE_TIME) != 0));
}

static void want(struct ss *s, struct pp *pp, unsigned due, uint32_t ms)
{
	if (!pp->subscribed || !useful(s, pp, due))
		return;
	struct part *p = part_of(s, pp, true);
	p->due |= due;
	if (!p->link && !p->securing)
		tmr_start(&p->timer, ms);
}

/* ---- from above ---- */

void ss_user_notice(struct ss *s, struct pp_user *u, const struct ss_notice *n)
{
	struct ss_user *su = u->cc;
	unsigned due = 0;

	if (!su)
		u->cc = su = mem_new(sizeof(*su));
	if (n->has_messages && (!su->has_messages || su->messages != n->messages)) {
		su->has_messages = true;
		su->messages = n->messages;
		due |= DUE_MESSAGES;
	}
	if (n->has_missed && (!su->has_missed || su->missed != n->missed)) {
		su->more_missed = n->missed > su->missed;
		su->has_missed = true;
		su->missed = n->missed;
		due |= DUE_MISSED;
	}
	if (!u->pp)
		return;
	if (n->text.n) {
		struct part *p = part_of(s, u->pp, true);
		struct wr w = wr_of(p->text, sizeof(p->text));
		if (n->from.n) {
			ui_text_clean(&w, n->from, UI_NAME_MAX);
			wr_str(&w, "\n");
		}
		ui_text_clean(&w, n->text, 40);
		if (!wr_nul(&w))
			p->text[0] = '\0';
		due |= DUE_TEXT;
	}
	if (due)
		want(s, u->pp, due, 50);
}

void ss_changed(struct ss *s, struct pp *pp, struct pp_user *u, unsigned what)
{
	if ((what & PP_C_USER_GONE) && u) {
		free(u->cc);
		u->cc = NULL;
	}
	if (!pp)
		return;
	if (what & PP_C_GONE) {
		struct part *p = part_of(s, pp, false);
		if (p)
			part_free(p);
		return;
	}
	if (what & PP_C_LOCATED) {
		unsigned due = DUE_TIME | (pp->user ? DUE_STANDBY : 0);
		struct ss_user *su = pp->user ? pp->user->cc : NULL;
		if (su && su->has_messages)
			due |= DUE_MESSAGES;
		if (su && su->has_missed && su->missed)
			due |= DUE_MISSED;
		want(s, pp, due, LOCATED_MS);
	} else if ((what & (PP_C_USER | PP_C_USER_DATA)) && pp->user && pp_reachable(pp)) {
		want(s, pp, DUE_STANDBY, LOCATED_MS);
	}
}

/* ---- from handsets ---- */

static void refuse(struct lce_link *l, const struct nwk_msg *m, uint8_t reason)
{
	uint8_t buf[8];
	struct wr w = wr_of(buf, sizeof(buf));

	nwk_head(&w, NWK_CISS, !m->f, m->tv, CISS_RELEASE_COM);
	ie_octet_put(&w, IE_RELEASE_REASON, reason);
	if (lce_send(l, &w) != 0)
		log_ev(LOG_INFO, "ss: refusal not sent");
}

static void on_rx(void *ctx, struct lce_link *l, const struct nwk_msg *m)
{
	struct ss *s = ctx;
	struct pp *pp = pp_by_ipui(s->pps, lce_ipui(l));
	struct ie_time_date td;

	if (!pp || !pp->subscribed)
		return;
	s->st.asked++;
	if (m->tv == CLSS_TV) {
		if (m->type == CISS_FACILITY && ie_time_date_of(m, &td) == 0 &&
		    td.kind == IE_T_REQUEST)
			(void)send_time(part_of(s, pp, true), l);
		return; /* 12.3: anything else is ignored */
	}
	switch (m->type) {
	case CISS_REGISTER:
		refuse(l, m, CC_R_NOT_IMPLEMENTED);
		break;
	case CISS_FACILITY:
		refuse(l, m, CC_R_UNKNOWN_TI); /* 17.3.2 */
		break;
	default:
		break;
	}
}

static void on_event(void *ctx, struct lce_link *l, const struct lce_event *ev)
{
	struct ss *s = ctx;

	if (ev->what != LCE_EV_UP && ev->what != LCE_EV_DOWN)
		return;
	LIST_FOREACH(&s->list, it)
	{
		struct part *p = LIST_ENTRY(it, struct part, node);
		if (p->link != l)
			continue;
		if (ev->what == LCE_EV_UP) {
			reached(p, l);
		} else {
			p->link = NULL;
			p->securing = false;
			s->links--;
			if (p->due) /* again when it is located anew, or later */
				tmr_start(&p->timer, RETRY_MS);
		}
		return;
	}
}

static const struct lce_entity entity = { .rx = on_rx, .event = on_event };

struct ss *ss_new(struct tmr_wheel *w, struct lce *lce, struct pps *pps, struct mm *mm,
    const struct ss_conf *conf)
{
	struct ss *s = mem_new(sizeof(*s));

	s->w = w;
	s->lce = lce;
	s->pps = pps;
	s->mm = mm;
	s->conf = *conf;
	list_init(&s->list);
	lce_register(lce, NWK_CISS, &entity, s);
	return s;
}

void ss_set_conf(struct ss *s, const struct ss_conf *conf)
{
	s->conf = *conf;
}

const struct ss_stats *ss_stats(const struct ss *s)
{
	return &s->st;
}

void ss_free(struct ss *s)
{
	static const struct lce_entity nobody = { 0 };

	if (!s)
		return;
	if (s->mm)
		mm_secure_forget(s->mm, s);
	LIST_FOREACH(&s->list, it)
	part_free(LIST_ENTRY(it, struct part, node));
	LIST_FOREACH(pps_users(s->pps), it)
	{
		struct pp_user *u = LIST_ENTRY(it, struct pp_user, node);
		free(u->cc);
		u->cc = NULL;
	}
	lce_register(s->lce, NWK_CISS, &nobody, NULL);
	map_free(&s->parts);
	free(s);
}
