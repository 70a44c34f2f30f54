/* Devices and users in memory: finding, changing, storing; temporary identities. */
#include "dectd/pp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "dectd/pp_caps.h"
#include "dectd/ppdb.h"

/* Assigned individual TPUIs: B and 16 bits whose first digit is 0 to B (EN 300 175-6 6.3.1), unique in the system, so
 * that a short page (16 bits) names one handset. 0 is left out. */
#define TPUI_FIRST 0xb0000u
#define TPUI_LOW   0xc000u
#define BATCH_MS   4 /* how long a change waits for others that are stored with it */

struct pps {
	struct ppdb *db;
	struct tmr_wheel *w;
	const struct pps_ops *ops;
	void *ctx;
	struct list list, users, dirty, waiting;
	struct tmr flush;
	struct map by_ipui, by_ipei, by_name, user_by_ipei;
	size_t count;
	bool batch;               /* between pps_begin() and pps_commit() */
	uint32_t batch_mark;      /* greatest id before it */
	struct pp *low[TPUI_LOW]; /* who has a TPUI with these low 16 bits */
};

static void on_flush(struct tmr *t, void *ctx)
{
	(void)t;
	(void)pps_flush(ctx);
}

struct pps *pps_new(struct ppdb *db, struct tmr_wheel *w, const struct pps_ops *ops, void *ctx)
{
	struct pps *s = mem_new(sizeof(*s));

	s->db = db;
	s->w = w;
	s->ops = ops;
	s->ctx = ctx;
	list_init(&s->list);
	list_init(&s->users);
	list_init(&s->dirty);
	list_init(&s->waiting);
	tmr_init(&s->flush, w, on_flush, s);
	return s;
}

static void user_free(struct pps *s, struct pp_user *u)
{
	map_del(&s->by_name, &u->by_name);
	map_del(&s->user_by_ipei, &u->by_ipei);
	list_remove(&u->node);
	free(u->name);
	free(u->domain);
	free(u->display_name);
	free(u->standby_text);
	free(u->group);
	free(u->number);
	free(u->locale);
	free(u);
}

static void tpui_drop(struct pp *pp, uint32_t tpui)
{
	if (tpui && (tpui & 0xffff) < TPUI_LOW && pp->pps->low[tpui & 0xffff] == pp)
		pp->pps->low[tpui & 0xffff] = NULL;
}

static void tpui_take(struct pp *pp, uint32_t tpui)
{
	if (tpui && (tpui & 0xffff) < TPUI_LOW)
		pp->pps->low[tpui & 0xffff] = pp;
}

static void device_free(struct pp *pp)
{
	struct pps *s = pp->pps;

	map_del(&s->by_ipui, &pp->by_ipui);
	map_del(&s->by_ipei, &pp->by_ipei);
	tpui_drop(pp, pp->tpui);
	tpui_drop(pp, pp->tpui_new);
	tpui_drop(pp, pp->tpui_old);
	list_remove(&pp->node);
	list_remove(&pp->dirty);
	list_remove(&pp->tell);
	s->count--;
	free(pp);
}

void pps_free(struct pps *s)
{
	if (!s)
		return;
	tmr_stop(&s->flush);
	LIST_FOREACH(&s->waiting, it)
	list_remove(it);
	LIST_FOREACH(&s->users, it)
	user_free(s, LIST_ENTRY(it, struct pp_user, node));
	LIST_FOREACH(&s->list, it)
	device_free(LIST_ENTRY(it, struct pp, node));
	map_free(&s->by_ipui);
	map_free(&s->by_ipei);
	map_free(&s->by_name);
	map_free(&s->user_by_ipei);
	free(s);
}

/* A stored device comes into memory. Two with the same identity cannot be in the store. */
static struct pp *add(struct pps *s, const struct pp *from)
{
	struct pp *pp = mem_dup(from, sizeof(*from));

	memset(&pp->by_ipui, 0, sizeof(pp->by_ipui));
	memset(&pp->by_ipei, 0, sizeof(pp->by_ipei));
	pp->pps = s;
	list_init(&pp->dirty);
	list_init(&pp->tell);
	list_append(&s->list, &pp->node);
	s->count++;
	if (!ipui_none(&pp->ipui))
		(void)map_put(&s->by_ipui, &pp->by_ipui, ipui_key(&pp->ipui));
	if (pp->ipei[0])
		(void)map_put(&s->by_ipei, &pp->by_ipei, slice_str(pp->ipei));
	tpui_take(pp, pp->tpui);
	tpui_take(pp, pp->tpui_new);
	return pp;
}

static int loaded(void *ctx, const struct pp *pp)
{
	(void)add(ctx, pp);
	return 0;
}

int pps_load(struct pps *s)
{
	return s->db ? ppdb_each(s->db, loaded, s) : 0;
}

/* ---- finding ---- */

struct pp *pp_by_ipui(const struct pps *s, const struct ipui *i)
{
	struct map_node *n = map_get(&s->by_ipui, ipui_key(i));

	return n ? CONTAINER_OF(n, struct pp, by_ipui) : NULL;
}

struct pp *pp_by_ipei(const struct pps *s, struct slice ipei)
{
	struct map_node *n = map_get(&s->by_ipei, ipei);

	return n ? CONTAINER_OF(n, struct pp, by_ipei) : NULL;
}

struct pp *pp_by_tpui(const struct pps *s, uint32_t tpui)
{
	struct pp *pp = (tpui & 0xffff) < TPUI_LOW ? s->low[tpui & 0xffff] : NULL;

	if (!tpui || !pp || (pp->tpui != tpui && pp->tpui_new != tpui && pp->tpui_old != tpui))
		return NULL;
	return pp;
}

struct pp_user *pp_user_find(const struct pps *s, struct slice name)
{
	struct map_node *n = map_get(&s->by_name, name);

	return n ? CONTAINER_OF(n, struct pp_user, by_name) : NULL;
}

struct pp *pp_by_user(const struct pps *s, struct slice user)
{
	struct pp_user *u = pp_user_find(s, user);

	return u ? u->pp : NULL;
}

struct list *pps_list(struct pps *s)
{
	return &s->list;
}

struct list *pps_users(struct pps *s)
{
	return &s->users;
}

size_t pps_count(const struct pps *s)
{
	return s->count;
}

static struct pp_user *user_of_ipei(const struct pps *s, const char *ipei)
{
	struct map_node *n = *ipei ? map_get(&s->user_by_ipei, slice_str(ipei)) : NULL;

	return n ? CONTAINER_OF(n, struct pp_user, by_ipei) : NULL;
}

/* ---- questions ---- */

bool pp_reachable(const struct pp *pp)
{
	return pp->subscribed && pp->state == PP_LOCATED;
}

const char *pp_state_name(enum pp_state st)
{
	static const char *const names[] = { "not subscribed", "subscribed", "located", "detached",
		"lost" };

	return (size_t)st < ARRAY_LEN(names) ? names[st] : "?";
}

const char *pp_text(const struct pp *pp, char out[PP_TEXT])
{
	char id[IPUI_CHARS] = "";

	if (pp->ipei[0])
		(void)snprintf(id, sizeof(id), "%.5s %s", pp->ipei, pp->ipei + 5);
	else
		ipui_print(&pp->ipui, id);
	(void)snprintf(
	    out, PP_TEXT, pp->user ? "%s (%.24s)" : "%s", id, pp->user ? pp->user->name : "");
	return out;
}

/* ---- changes ---- */

static void tell(struct pps *s, struct pp *pp, struct pp_user *u, unsigned what)
{
	if (s->ops && what)
		s->ops->changed(s->ctx, pp, u, what);
}

void pp_changed(struct pp *pp, unsigned what)
{
	tell(pp->pps, pp, pp->user, what);
}

static void link_user(struct pp *pp, struct pp_user *u)
{
	struct pp_user *old = pp->user;

	if (old == u)
		return;
	if (old)
		old->pp = NULL;
	if (u && u->pp) /* it had another handset: that link is released */
		link_user(u->pp, NULL);
	pp->user = u;
	if (u)
		u->pp = pp;
	tell(pp->pps, pp, old ? old : u, PP_C_USER);
}

int pp_make(struct pps *s, const char *ipei, struct pp **out)
{
	struct pp *pp = pp_by_ipei(s, slice_str(ipei)), fresh;
	int err = 0;

	if (!pp) {
		memset(&fresh, 0, sizeof(fresh));
		pp_caps_default(&fresh.caps);
		(void)snprintf(fresh.ipei, sizeof(fresh.ipei), "%s", ipei);
		pp_ipei_ipui(ipei, &fresh.ipui);
		if (s->db)
			err = ppdb_put(s->db, &fresh);
		if (err)
			return err;
		pp = add(s, &fresh);
		tell(s, pp, NULL, PP_C_NEW);
		link_user(pp, user_of_ipei(s, pp->ipei));
	}
	*out = pp;
	return 0;
}

int pp_save(struct pp *pp)
{
	int err = pp->pps->db ? ppdb_put(pp->pps->db, pp) : 0;

	if (!err)
		list_remove(&pp->dirty);
	return err;
}

int pps_begin(struct pps *s)
{
	int err = s->db ? ppdb_begin(s->db) : 0;

	if (err)
		return err;
	s->batch = true;
	s->batch_mark = list_empty(&s->list) ? 0 : LIST_ENTRY(s->list.prev, struct pp, node)->id;
	return 0;
}

int pps_commit(struct pps *s)
{
	int err = s->db ? ppdb_commit(s->db) : 0;

	s->batch = false;
	if (!err)
		return 0;
	LIST_FOREACH(&s->list, it)
	{
		struct pp *pp = LIST_ENTRY(it, struct pp, node);

		if (pp->id <= s->batch_mark) {
			pp_touch(
			    pp); /* whether it was one of them is not known: it is stored again */
			continue;
		}
		link_user(pp, NULL);
		tell(s, pp, NULL, PP_C_GONE);
		device_free(pp);
	}
	return err;
}

void pp_touch(struct pp *pp)
{
	if (list_empty(&pp->dirty))
		list_append(&pp->pps->dirty, &pp->dirty);
}

static int store_dirty(struct pps *s)
{
	int err;

	if (list_empty(&s->dirty))
		return 0;
	err = ppdb_begin(s->db);
	if (err)
		return err;
	LIST_FOREACH(&s->dirty, it)
	{
		err = ppdb_put(s->db, LIST_ENTRY(it, struct pp, dirty));
		if (err)
			break;
	}
	if (err)
		ppdb_rollback(s->db);
	else
		err = ppdb_commit(s->db);
	if (err)
		return err;
	while (!list_empty(&s->dirty))
		list_remove(s->dirty.next);
	return 0;
}

int pps_flush(struct pps *s)
{
	int err = s->db && !s->batch ? store_dirty(s) : 0;
	struct list now;

	if (err)
		log_ev(LOG_ERR, "changes of handsets are not stored", F_ERR(err),
		    F_REMEDY("check the disk of the state directory"));
	tmr_stop(&s->flush);
	list_init(&now);
	while (!list_empty(&s->waiting)) {
		struct list *n = s->waiting.next;

		list_remove(n);
		list_append(&now, n);
	}
	while (!list_empty(&now)) {
		struct pp_wait *w = LIST_ENTRY(now.next, struct pp_wait, node);

		list_remove(&w->node);
		w->fn(w->ctx, err);
	}
	return err;
}

void pps_wait(struct pps *s, struct pp_wait *w, void (*fn)(void *ctx, int err), void *ctx)
{
	w->fn = fn;
	w->ctx = ctx;
	list_init(&w->node);
	list_append(&s->waiting, &w->node);
	if (!tmr_pending(&s->flush))
		tmr_start(&s->flush, BATCH_MS);
}

void pps_wait_cancel(struct pp_wait *w)
{
	if (w->node.next)
		list_remove(&w->node);
}

void pp_seen(struct pp *pp, uint32_t base, uint32_t cluster)
{
	bool moved = base && base != pp->base;
	bool back = pp->state == PP_LOST;

	pp->seen = (int64_t)time(NULL);
	if (base) {
		pp->base = base;
		pp->cluster = cluster;
	}
	if (back)
		pp->state = PP_LOCATED;
	pp->page_row = 0;
	pp->hunts = 0;
	pp->hunt_at = 0;
	pp_touch(pp);
	if (moved || back)
		pp_changed(pp, PP_C_REACH);
}

void pp_lost(struct pp *pp, enum pp_state why)
{
	if (pp->state != PP_LOCATED && pp->state != PP_LOST)
		return;
	if (pp->state == why)
		return;
	pp->state = why;
	pp_touch(pp);
	pp_changed(pp, PP_C_REACH);
}

int pp_delete(struct pp *pp)
{
	struct pps *s = pp->pps;
	int err = s->db ? ppdb_remove(s->db, pp->id) : 0;

	if (err)
		return err;
	link_user(pp, NULL);
	tell(s, pp, NULL, PP_C_GONE);
	device_free(pp);
	return 0;
}

int pp_identify(struct pp *pp, const struct ipui *i)
{
	struct pps *s = pp->pps;
	struct pp *other = pp_by_ipui(s, i);

	if (other == pp)
		return 0;
	if (other)
		return ERR_EXISTS;
	map_del(&s->by_ipui, &pp->by_ipui);
	pp->ipui = *i;
	(void)map_put(&s->by_ipui, &pp->by_ipui, ipui_key(&pp->ipui));
	return 0;
}

/* ---- temporary identities ---- */

uint32_t pp_tpui_alloc(struct pps *s, struct pp *pp)
{
	uint32_t low;

	if (pp->tpui_new)
		return pp->tpui_new;
	if (pp->tpui)
		return pp->tpui;
	low = id_below(TPUI_LOW - 1) + 1;
	for (uint32_t i = 0; i < TPUI_LOW; i++, low = low + 1 < TPUI_LOW ? low + 1 : 1)
		if (!s->low[low]) {
			pp->tpui_new = TPUI_FIRST | low;
			tpui_take(pp, pp->tpui_new);
			return pp->tpui_new;
		}
	return PP_TPUI_NONE;
}

void pp_tpui_commit(struct pp *pp)
{
	if (!pp->tpui_new)
		return;
	tpui_drop(pp, pp->tpui_old);
	pp->tpui_old = pp->tpui;
	pp->tpui = pp->tpui_new;
	pp->tpui_new = PP_TPUI_NONE;
}

void pp_tpui_revert(struct pp *pp)
{
	if (pp->tpui_new != pp->tpui)
		tpui_drop(pp, pp->tpui_new);
	pp->tpui_new = PP_TPUI_NONE;
}

/* ---- users ---- */

void pp_users_begin(struct pps *s)
{
	LIST_FOREACH(&s->users, it)
	LIST_ENTRY(it, struct pp_user, node)->seen = false;
}

static bool set(char **field, struct slice v)
{
	if (*field && slice_eq(slice_str(*field), v))
		return false;
	free(*field);
	*field = slice_dup(v);
	return true;
}

static bool set_ipei(struct pps *s, struct pp_user *u, struct slice text)
{
	char ipei[PP_IPEI_LEN + 1] = "";
	struct pp_user *other;

	if (text.n && pp_ipei_read(text, ipei))
		log_ev(LOG_WARNING, "a user's IPEI is not understood", F_USER(u->name),
		    F_STR("IPDECT_IPEI", text));
	if (strcmp(ipei, u->ipei) == 0)
		return false;
	map_del(&s->user_by_ipei, &u->by_ipei);
	other = user_of_ipei(s, ipei);
	if (other) { /* the newer link wins */
		map_del(&s->user_by_ipei, &other->by_ipei);
		other->ipei[0] = '\0';
	}
	memcpy(u->ipei, ipei, sizeof(ipei));
	if (*ipei)
		(void)map_put(&s->user_by_ipei, &u->by_ipei, slice_str(u->ipei));
	return true;
}

struct pp_user *pp_user_put(struct pps *s, const struct pp_user_in *in)
{
	struct pp_user *u = pp_user_find(s, in->name);
	bool changed = false, relink;
	struct pp *pp;

	if (!u) {
		u = mem_new(sizeof(*u));
		u->name = slice_dup(in->name);
		list_append(&s->users, &u->node);
		(void)map_put(&s->by_name, &u->by_name, slice_str(u->name));
		changed = true;
	}
	u->seen = true;
	changed |= set(&u->domain, in->domain);
	changed |= set(&u->display_name, in->display_name);
	changed |= set(&u->standby_text, in->standby_text);
	changed |= set(&u->group, in->group);
	changed |= set(&u->number, in->number);
	changed |= set(&u->locale, in->locale);
	changed |= u->disabled != in->disabled || u->has_access_code != in->has_access_code;
	u->disabled = in->disabled;
	u->has_access_code = in->has_access_code;
	relink = set_ipei(s, u, in->ipei);
	pp = u->ipei[0] ? pp_by_ipei(s, slice_str(u->ipei)) : NULL;
	if (relink || u->pp != pp) {
		if (u->pp && u->pp != pp)
			link_user(u->pp, NULL);
		if (pp)
			link_user(pp, u);
	}
	if (changed)
		tell(s, u->pp, u, PP_C_USER_DATA);
	return u;
}

static void user_gone(struct pps *s, struct pp_user *u)
{
	struct pp *pp = u->pp;

	if (pp)
		link_user(pp, NULL);
	tell(s, pp, u, PP_C_USER_GONE);
	user_free(s, u);
}

void pp_user_gone(struct pps *s, struct slice name)
{
	struct pp_user *u = pp_user_find(s, name);

	if (u)
		user_gone(s, u);
}

void pp_users_done(struct pps *s)
{
	LIST_FOREACH(&s->users, it)
	{
		struct pp_user *u = LIST_ENTRY(it, struct pp_user, node);

		if (!u->seen)
			user_gone(s, u);
	}
}

/* ---- IPEIs ---- */

static void digits(uint16_t emc, uint32_t psn, char out[PP_IPEI_LEN + 1])
{
	(void)snprintf(out, PP_IPEI_LEN + 1, "%05u%07u", emc, psn % 10000000u);
}

int pp_ipei_read(struct slice s, char out[PP_IPEI_LEN + 1])
{
	uint16_t emc;
	uint32_t psn;
	int err = ipei_parse(s, &emc, &psn);

	if (!err)
		digits(emc, psn, out);
	return err;
}

/* ipei: 12 digits that pp_ipei_read() made. */
static void split(const char *ipei, uint16_t *emc, uint32_t *psn)
{
	uint32_t e = 0, p = 0;

	for (unsigned i = 0; i < PP_IPEI_LEN; i++)
		*(i < 5 ? &e : &p) = (i < 5 ? e : p) * 10 + (uint32_t)(ipei[i] - '0');
	*emc = (uint16_t)e;
	*psn = p;
}

void pp_ipei_print(const char *ipei, char out[IPEI_CHARS])
{
	uint16_t emc;
	uint32_t psn;

	out[0] = '\0';
	if (strlen(ipei) != PP_IPEI_LEN)
		return;
	split(ipei, &emc, &psn);
	ipei_print(emc, psn, out);
}

void pp_ipei_ipui(const char *ipei, struct ipui *out)
{
	uint16_t emc;
	uint32_t psn;

	memset(out, 0, sizeof(*out));
	if (strlen(ipei) != PP_IPEI_LEN)
		return;
	split(ipei, &emc, &psn);
	*out = ipui_of_ipei(emc, psn);
}

int pp_ipui_ipei(const struct ipui *i, char out[PP_IPEI_LEN + 1])
{
	uint16_t emc;
	uint32_t psn;
	int err = ipui_ipei(i, &emc, &psn);

	out[0] = '\0';
	if (!err)
		digits(emc, psn, out);
	return err;
}
