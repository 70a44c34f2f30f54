/* The call interface: what handsets' calls ask of sipd, and what sipd says to them. */
#include "dectd/call_priv_ipc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.pb-c.h"
#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "dectd/call_svc.h"
#include "dectd/cc_lce.h"
#include "dectd/clms.h"
#include "dectd/lce.h"
#include "dectd/ss.h"
#include "media.pb-c.h"

#define SETUP_MS   12000
#define REQUEST_MS 5000
#define ORPHAN_MS  120000 /* speech without sipd: mediad keeps its sessions no longer */

_Static_assert((int)IWU_FORWARDED == (int)BASE__CAUSE__CAUSE_FORWARDED, "cause numbers");
_Static_assert((int)IWU_QUEUED == (int)CALL__PROGRESS_KIND__QUEUED, "progress numbers");

static struct calls *calls_of(struct ipc_peer *p)
{
	return dectd_of(daemon_of(p))->calls;
}

/* ---- conversions ---- */

static struct ui_party *party_of(const Base__Party *p, struct ui_party *out)
{
	if (!p)
		return NULL;
	*out = (struct ui_party){ .name = bytes(p->has_name, p->name),
		.number = bytes(p->has_number, p->number),
		.uri = bytes(p->has_uri, p->uri),
		.anonymous = p->has_anonymous && p->anonymous,
		.external = p->has_external && p->external };
	return out;
}

static enum iwu_cause cause_of(Base__Cause c)
{
	return c > 0 && (int)c < IWU_CAUSE_N ? (enum iwu_cause)c : IWU_NORMAL;
}

/* ---- from sipd ---- */

int call_on_offer(struct ipc_peer *p, struct ipc_msg *m)
{
	struct calls *c = calls_of(p);
	const Call__Offer *o = IPC_BODY(m, Call__Offer);
	struct pp *pp = pp_by_user(c->r->pps, slice_str(o->user));
	Call__OfferAck no = CALL__OFFER_ACK__INIT;
	struct iwu_offer in = { .ring_pattern = -1 };
	struct mac_media media;
	enum iwu_cause why = IWU_UNREACHABLE;

	if (map_get(&c->tickets, map_u64(&o->call)))
		return ipc_fail(p, m, ERR_EXISTS, "this call reference is in use");
	if (pp && pp->subscribed) {
		(void)party_of(o->caller, &in.caller);
		in.has_diverted = party_of(o->diverted_by, &in.diverted) != NULL;
		in.auto_answer = o->has_auto_answer && o->auto_answer;
		if (o->has_ring_pattern)
			in.ring_pattern = (int)(o->ring_pattern & 7);
		if (call_media_of(c, o->media, &media))
			in.media = &media;
		struct ticket *t = mem_new(sizeof(*t));
		t->ref = o->call;
		t->t = ipc_defer(p, m);
		(void)map_put(&c->tickets, &t->by_ref, map_u64(&t->ref));
		why = in.media ? phones_offer(c->phones, pp, o->call, &in) : IWU_CODEC;
		if (why != IWU_NONE)
			call_op_offered(c, o->call, false, why);
		return 0;
	}
	no.has_cause = 1;
	no.cause = (Base__Cause)why;
	return ipc_reply(p, m, &no.base);
}

int call_on_progress(struct ipc_peer *p, struct ipc_msg *m)
{
	struct calls *c = calls_of(p);
	const Call__Progress *r = IPC_BODY(m, Call__Progress);
	struct ui_party party;
	struct mac_media media;
	struct iwu_progress_in in = { .kind = (enum iwu_progress)r->kind,
		.party = party_of(r->party, &party),
		.in_band = r->has_in_band && r->in_band,
		.cause = r->has_cause ? cause_of(r->cause) : IWU_NONE };

	if (r->kind < CALL__PROGRESS_KIND__PROCEEDING || r->kind > CALL__PROGRESS_KIND__QUEUED)
		return ERR_VALUE;
	if (call_media_of(c, r->media, &media))
		in.media = &media;
	phones_progress(c->phones, r->call, &in);
	return 0;
}

int call_on_connected(struct ipc_peer *p, struct ipc_msg *m)
{
	struct calls *c = calls_of(p);
	const Call__Connected *r = IPC_BODY(m, Call__Connected);
	struct ui_party party;
	struct mac_media media;

	phones_connected(c->phones, r->call, party_of(r->party, &party),
	    call_media_of(c, r->media, &media) ? &media : NULL);
	return 0;
}

int call_on_release(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__Release *r = IPC_BODY(m, Call__Release);
	struct calls *c = calls_of(p);

	phones_released(c->phones, r->call, cause_of(r->cause), bytes(r->has_text, r->text),
	    r->has_tone && r->tone);
	/* The caller gave up while the handset was still looked for: the offer waits for no one else. */
	call_op_offered(c, r->call, false, cause_of(r->cause));
	return 0;
}

int call_on_display(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__Display *r = IPC_BODY(m, Call__Display);
	struct ui_party party;

	phones_display(calls_of(p)->phones, r->call, party_of(r->party, &party),
	    r->has_held_by_peer ? r->held_by_peer != 0 : -1, bytes(r->has_text, r->text));
	return 0;
}

int call_on_media(struct ipc_peer *p, struct ipc_msg *m)
{
	struct calls *c = calls_of(p);
	const Call__Media *r = IPC_BODY(m, Call__Media);
	struct mac_media media;

	if (!call_media_of(c, r->media, &media))
		return ERR_VALUE;
	phones_media(c->phones, r->call, &media);
	return 0;
}

static void on_text_sent(void *ctx, int err)
{
	(void)ctx;
	if (err)
		log_ev(LOG_NOTICE, "text message not delivered", F_ERR(err));
}

static void send_clms(struct calls *c, const struct pp *pp, const struct ss_notice *n)
{
	struct ui_caps caps = cc_ui_caps(pp);
	char text[CLMS_TEXT_MAX];
	struct wr w = wr_of(text, sizeof(text));

	if (n->from.n) {
		ui_text_dect(&w, n->from, caps.sets, UI_NAME_MAX);
		wr_str(&w, ": ");
	}
	ui_text_dect(&w, n->text, caps.sets, sizeof(text) - w.n);
	int err = clms_send(c->clms, &pp->ipui, wr_slice(&w), on_text_sent, c);
	if (err)
		on_text_sent(c, err);
}

/* sipd has no request for a handset's own text messages. */
static void on_text(void *ctx, struct lce_link *l, struct slice text)
{
	struct calls *c = ctx;
	struct pp *pp = pp_by_ipui(c->r->pps, lce_ipui(l));

	(void)text;
	log_ev(LOG_INFO, "text message of a handset dropped: there is no way to send it on",
	    F_USER(pp && pp->user ? pp->user->name : ""));
}

int call_on_notice(struct ipc_peer *p, struct ipc_msg *m)
{
	struct calls *c = calls_of(p);
	const Call__Notice *n = IPC_BODY(m, Call__Notice);
	struct pp_user *u = pp_user_find(c->r->pps, slice_str(n->user));
	struct ss_notice in = { .has_messages = n->has_messages_new,
		.messages = n->messages_new,
		.has_missed = n->has_missed,
		.missed = n->missed,
		.text = bytes(n->has_text, n->text),
		.from = bytes(n->has_text_from, n->text_from) };

	if (!u)
		return 0;
	if (c->r->conf->texts != TEXTS_DISPLAY) {
		if (c->r->conf->texts == TEXTS_CLMS && in.text.n && u->pp)
			send_clms(c, u->pp, &in);
		in.text.n = 0;
	}
	ss_user_notice(c->ss, u, &in);
	if (u->pp && n->has_messages_new)
		phones_messages(c->phones, u->pp, n->messages_new);
	return 0;
}

int call_on_presence(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__Presence *r = IPC_BODY(m, Call__Presence);
	struct calls *c = calls_of(p);
	struct pp *pp = pp_by_user(c->r->pps, slice_str(r->user));

	/* Shown in lists; outside of these no handset has a display for it that is not proprietary. */
	if (pp)
		phones_presence(c->phones, pp, iwu_person(bytes(1, r->target)), r->state);
	return 0;
}

/* ---- life ---- */

static int make_conf(struct calls *c, const struct dectd_conf *conf, struct phones_conf *out)
{
	struct slice words = slice_str(conf->emergency), word;

	phones_conf_default(out);
	out->cc.ident = c->r->ident;
	out->cc.wideband = conf->wideband;
	out->cc.number_uris = conf->uri_numbers;
	out->cc.signal_again = conf->signal_again;
	out->call_waiting = conf->call_waiting;
	out->transfer_on_hangup = conf->transfer_on_hangup;
	out->ring_internal = conf->ring_internal;
	out->ring_external = conf->ring_external;
	for (size_t i = 0; i < conf->service_codes.n; i++) {
		int err = ui_code_add(&out->codes, slice_str(conf->service_codes.v[i]));
		if (err) {
			log_ev(LOG_ERR, "service code is not understood",
			    F_TEXT("IPDECT_VALUE", conf->service_codes.v[i]), F_ERR(err),
			    F_REMEDY(
			        "write CODE>FUNCTION, e.g. *55>redial or *56*N#>forward-busy"));
			return err;
		}
	}
	out->digits_ms = conf->digits_ms;
	(void)snprintf(out->language, sizeof(out->language), "%s", conf->language);
	for (size_t i = 0; i < conf->call_codes.n; i++) {
		int err = ui_call_code_add(&out->call_codes, slice_str(conf->call_codes.v[i]));
		if (err) {
			log_ev(LOG_ERR, "call code is not understood",
			    F_TEXT("IPDECT_VALUE", conf->call_codes.v[i]), F_ERR(err),
			    F_REMEDY("write R2>toggle or 1C31>toggle"));
			return err;
		}
	}
	out->nemergency = 0;
	while (out->nemergency < ARRAY_LEN(out->emergency) && dectd_emergency_next(&words, &word))
		if (slice_copy(word, out->emergency[out->nemergency], sizeof(out->emergency[0])) ==
		    0)
			out->nemergency++;
	return 0;
}

static void ss_settings(const struct dectd_conf *conf, struct ss_conf *out)
{
	out->idle_display = conf->idle_display;
	out->time = true;
	(void)snprintf(out->language, sizeof(out->language), "%s", conf->language);
}

static void on_unsafe(void *ctx, struct pp *pp, struct lce_link *l, uint8_t reason)
{
	struct calls *c = ctx;

	(void)l;
	phones_unsafe(c->phones, pp, reason);
}

static const struct mm_watch mm_watch = { .unsafe = on_unsafe };

int calls_new(struct dectd *r, struct calls **out)
{
	struct calls *c = mem_new(sizeof(*c));
	struct phones_conf conf;
	struct ss_conf sc;
	int err;

	c->r = r;
	list_init(&c->asks);
	err = make_conf(c, r->conf, &conf);
	if (err) {
		free(c);
		return err;
	}
	ss_settings(r->conf, &sc);
	c->low = cc_lce_new(r->d->wheel, r->lce, r->pps, r->mm, &call_low_ops, c);
	c->phones = phones_new(r->d->wheel, &conf, &cc_lce_low, c->low, &call_iwu_ops, c);
	cc_lce_set_cc(c->low, phones_cc(c->phones));
	c->ss = ss_new(r->d->wheel, r->lce, r->pps, r->mm, &sc);
	c->handover = handover_new(r->lce, r->pps);
	c->clms = clms_new(r->d->wheel, r->lce, on_text, c);
	if (r->mm)
		mm_set_watch(r->mm, &mm_watch, c);
	*out = c;
	return 0;
}

/* Offers without an answer, which nobody waits for any more. */
static void drop_tickets(struct calls *c, const char *why)
{
	for (struct map_node *n = map_next(&c->tickets, NULL); n; n = map_next(&c->tickets, NULL)) {
		struct ticket *t = CONTAINER_OF(n, struct ticket, by_ref);

		map_del(&c->tickets, n);
		ipc_ticket_fail(t->t, ERR_BUSY, "%s", why);
		free(t);
	}
}

void calls_free(struct calls *c)
{
	static const struct lce_entity nobody = { 0 };

	if (!c)
		return;
	if (c->r->mm)
		mm_set_watch(c->r->mm, NULL, NULL);
	ipc_forget(c->r->d->ipc, c);
	LIST_FOREACH(&c->asks, it)
	{
		struct call_ask *a = LIST_ENTRY(it, struct call_ask, node);
		ipc_forget(c->r->d->ipc, a);
		(void)call_ask_end(a);
	}
	call_svc_forget(c->r);
	phones_free(c->phones);
	ss_free(c->ss);
	lce_register(c->r->lce, NWK_CLMS, &nobody, NULL);
	clms_free(c->clms);
	handover_free(c->handover);
	cc_lce_free(c->low);
	drop_tickets(c, "dectd is stopping");
	map_free(&c->tickets);
	free(c);
}

int calls_reload(struct calls *c, const struct dectd_conf *conf)
{
	struct phones_conf pc;
	int err = make_conf(c, conf, &pc);

	struct ss_conf sc;

	if (err)
		return err;
	phones_set_conf(c->phones, &pc);
	ss_settings(conf, &sc);
	ss_set_conf(c->ss, &sc);
	return 0;
}

struct phones *calls_phones(struct calls *c)
{
	return c->phones;
}

const struct handover_stats *calls_handovers(const struct calls *c)
{
	return handover_stats(c->handover);
}

const struct ss_stats *calls_ss(const struct calls *c)
{
	return ss_stats(c->ss);
}

#define LIVING_PART 1000 /* calls in a frame */

struct living {
	struct calls *c;
	uint64_t call[LIVING_PART], waiting[LIVING_PART];
	Call__Living m;
};

static void send_living(struct living *l, bool more)
{
	l->m.has_more = l->m.more = more;
	if (l->c->r->sipd)
		(void)ipc_event(l->c->r->sipd, IPC_IF_CALL, CALL__TYPE__CALL_LIVING, &l->m.base);
	l->m.n_call = l->m.n_waiting = 0;
}

static void on_living(void *ctx, uint64_t ref, bool waiting)
{
	struct living *l = ctx;

	if (l->m.n_call == LIVING_PART)
		send_living(l, true);
	l->call[l->m.n_call++] = ref;
	if (waiting)
		l->waiting[l->m.n_waiting++] = ref;
}

/* A list of what ended would have to have room for all that may: the list of what lives has. */
static void tell_living(struct calls *c)
{
	struct living *l = mem_new(sizeof(*l));

	l->c = c;
	call__living__init(&l->m);
	l->m.call = l->call;
	l->m.waiting = l->waiting;
	phones_living(c->phones, on_living, l);
	send_living(l, false);
	free(l);
}

void calls_up(struct calls *c, bool restarted)
{
	drop_tickets(c, "the link broke"); /* of the link before */
	if (restarted) {
		phones_orphan(c->phones, ORPHAN_MS);
		c->ngone = 0;
		return;
	}
	for (unsigned i = 0; i < c->ngone; i++)
		call_op_release(c, c->gone[i].ref, c->gone[i].cause);
	c->ngone = 0;
	tell_living(c);
	phones_resync(c->phones);
}

void calls_down(struct calls *c)
{
	(void)c; /* calls go on; what comes of them is told when sipd is back */
}

void calls_pp_changed(struct calls *c, struct pp *pp, struct pp_user *u, unsigned what)
{
	if (pp && (what & (PP_C_GONE | PP_C_USER)) && phones_busy(pp)) {
		phones_gone(c->phones, pp);
	}
	if (pp && (what & PP_C_GONE)) {
		phones_gone(c->phones, pp);
		cc_lce_forget(c->low, pp);
	}
	ss_changed(c->ss, pp, u, what);
}
