/* The handsets' telephones as a whole: their life, settings, questions about them, and what the radio side says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/phone_priv.h"

#define PATH_TRIES 6
#define PATH_MS    1500

/* ---- life ---- */

void phones_conf_default(struct phones_conf *c)
{
	memset(c, 0, sizeof(*c));
	c->call_waiting = c->waiting_tone = true;
	c->transfer_on_hangup = false;
	c->digits_ms = 4000;
	c->fail_ms = 12000;
	c->recall_ms = 5000;
	c->ring_external = 1;
	c->cc.display_clip = c->cc.names = true;
	(void)snprintf(c->language, sizeof(c->language), "en");
	(void)snprintf(c->emergency[c->nemergency++], sizeof(c->emergency[0]), "112");
	ui_code_defaults(&c->codes);
	ui_call_codes_default(&c->call_codes);
}

struct phones *phones_new(struct tmr_wheel *w, const struct phones_conf *conf,
    const struct cc_low *low, void *low_ctx, const struct iwu_ops *ops, void *ctx)
{
	struct phones *p = mem_new(sizeof(*p));

	p->w = w;
	p->conf = *conf;
	p->ops = ops;
	p->ctx = ctx;
	list_init(&p->list);
	p->cc = cc_new(w, &conf->cc, low, low_ctx, &phone_cc_ops, p);
	return p;
}

static void phone_free(struct phone *ph)
{
	while (ph->nlines)
		(void)line_event(ph->line[0], LE_DROP);
	phone_menu_end(ph);
	phone_lists_end(ph);
	tmr_stop(&ph->timer);
	list_remove(&ph->node);
	cc_set_pp_user(ph->pp, NULL);
	free(ph);
}

void phones_free(struct phones *p)
{
	if (!p)
		return;
	cc_free(p->cc);
	LIST_FOREACH(&p->list, it)
	phone_free(LIST_ENTRY(it, struct phone, node));
	map_free(&p->lines);
	free(p);
}

void phones_set_conf(struct phones *p, const struct phones_conf *conf)
{
	p->conf = *conf;
	cc_set_conf(p->cc, &conf->cc);
}

struct cc *phones_cc(struct phones *p)
{
	return p->cc;
}

void phones_gone(struct phones *p, struct pp *pp)
{
	struct phone *ph = cc_pp_user(pp);

	while (ph && ph->nlines)
		line_drop(ph->line[0], IWU_UNREACHABLE);
	cc_forget(p->cc, pp); /* also a call that it has only begun, before there is a phone */
	if (ph)
		phone_free(ph);
}

void phones_unsafe(struct phones *p, struct pp *pp, uint8_t reason)
{
	struct phone *ph = cc_pp_user(pp);

	(void)p;
	if (!ph || !ph->cc)
		return;
	log_ev(LOG_WARNING, "call released: the radio link is not safe",
	    F_USER(pp->user ? pp->user->name : ""),
	    F_TEXT("IPDECT_REASON", cc_reason_name(reason)));
	while (ph->nlines)
		line_drop(ph->line[0], IWU_SECURITY);
	phone_hang_up(ph, reason, NULL);
}

void phones_messages(struct phones *p, struct pp *pp, unsigned fresh)
{
	phone_get(p, pp)->messages = fresh;
}

/* ---- questions ---- */

const struct phones_stats *phones_stats(const struct phones *p)
{
	return &p->st;
}

bool phones_busy(const struct pp *pp)
{
	const struct phone *ph = cc_pp_user(pp);

	return ph && (ph->cc || ph->nlines);
}

unsigned phones_calls(const struct phones *p)
{
	return (unsigned)p->lines.n;
}

struct pp *phones_find(const struct phones *p, uint64_t ref)
{
	struct map_node *n = map_get(&p->lines, map_u64(&ref));

	return n ? CONTAINER_OF(n, struct line, by_ref)->phone->pp : NULL;
}

bool phones_view(const struct pp *pp, struct phone_view *out)
{
	const struct phone *ph = cc_pp_user(pp);

	memset(out, 0, sizeof(*out));
	if (!ph || (!ph->cc && !ph->nlines))
		return false;
	out->cc_state = ph->cc ? cc_def.states[cc_state(ph->cc)].name : "F-00";
	for (unsigned i = 0; i < ph->nlines; i++) {
		const struct line *l = ph->line[i];
		out->line[i].ref = l->ref;
		out->line[i].state = line_def.states[line_state(l)].name;
		out->line[i].outgoing = l->out;
		out->line[i].active = ph->active == l;
		out->line[i].number = l->far.number;
		out->line[i].name = l->far.name;
	}
	out->nlines = ph->nlines;
	return true;
}

/* ---- from the radio side ---- */

void phones_moved(struct phones *p, struct pp *pp)
{
	struct phone *ph = cc_pp_user(pp);

	if (ph)
		for (unsigned i = 0; i < ph->nlines; i++)
			p->ops->radio(p->ctx, pp, ph->line[i]->ref, true);
}

void phone_path_again(struct tmr *t, void *ctx)
{
	struct line *l = ctx;
	struct phone *ph = l->phone;

	(void)t;
	if (!ph->cc || ph->active != l)
		return;
	int err = phone_path(ph, l);
	if (err)
		phones_media_failed(ph->all, ph->pp, err);
}

void phones_media_open(struct phones *p, struct pp *pp)
{
	struct phone *ph = cc_pp_user(pp);

	(void)p;
	if (ph && ph->active) {
		ph->active->path_try = 0;
		tmr_stop(&ph->active->path);
	}
}

void phones_media_failed(struct phones *p, struct pp *pp, int err)
{
	struct phone *ph = cc_pp_user(pp);
	struct line *l = ph ? ph->active : NULL;

	(void)p;
	if (!ph || !ph->cc || !l)
		return;
	if ((err == ERR_LOST || err == ERR_NOTFOUND || err == ERR_TIMEOUT) &&
	    l->path_try < PATH_TRIES) {
		l->path_try++;
		tmr_start(&l->path, PATH_MS);
		return;
	}
	log_ev(LOG_WARNING, "speech path lost at the base station", F_CALL(l->ref), F_ERR(err));
	bool codec = err == ERR_UNSUPP || err == ERR_VALUE;

	line_drop(l, codec ? IWU_CODEC : IWU_CONGESTION);
	phone_say(ph, phone_text(ph, UI_T_CONGESTION), CC_SIG_CONGESTION);
	phone_after_why(ph, codec ? CC_R_INCOMPATIBLE : CC_R_RESOURCES);
}
