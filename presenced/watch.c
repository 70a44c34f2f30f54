/* Watching colleagues: who, by which subscription, for how long. */
#include "presenced/watch.h"

#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "presenced/lync_xml.h"
#include "presenced/multipart.h"
#include "presenced/pidf.h"

#define TICK_MS   5000u
#define SOON_MS   60000u
#define DENIED_MS 86400000u

struct seen { /* one who is watched */
	struct map_node by_uri;
	char uri[WATCH_URI], *pool;
	enum watch_how how;
	enum pres_shown state;
	bool waiting;
	uint64_t sub;      /* 0: none; then from again_at on once more */
	uint64_t asked_at; /* wheel time */
	uint64_t again_at;
	uint32_t version; /* of the last dialog document */
};

static struct seen *seen_of(struct map_node *n)
{
	return CONTAINER_OF(n, struct seen, by_uri);
}

static uint64_t now(const struct watch *w)
{
	return tmr_now(w->tick.w);
}

static int canonical(struct slice uri, char out[WATCH_URI])
{
	if (slice_istarts(uri, SLICE_LIT("sip:")))
		uri = slice_sub(uri, 4, uri.n);
	uri.n = slice_chr(uri, ';');
	if (uri.n < 3 || uri.n + 5 > WATCH_URI || slice_chr(uri, '@') == uri.n)
		return ERR_SYNTAX;
	memcpy(out, "sip:", 4);
	for (size_t i = 0; i < uri.n; i++) {
		unsigned char c = (unsigned char)uri.p[i];

		if (c <= ' ' || c == '<' || c == '>' || c == '"' || c >= 0x7f)
			return ERR_SYNTAX;
		out[4 + i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	out[4 + uri.n] = '\0';
	return 0;
}

static struct seen *find(const struct watch *w, struct slice uri)
{
	char key[WATCH_URI];
	struct map_node *n = canonical(uri, key) ? NULL : map_get(&w->by_uri, slice_str(key));

	return n ? seen_of(n) : NULL;
}

static void settle(struct watch *w, struct seen *s)
{
	if (!s->waiting)
		return;
	s->waiting = false;
	if (--w->waiting == 0)
		w->ops->settled(w);
}

static void set(struct watch *w, struct seen *s, enum pres_shown state)
{
	bool was = s->state != state;

	s->state = state;
	if (was)
		w->ops->changed(w, s->uri, state);
	settle(w, s);
}

static bool used(const struct watch *w, uint64_t sub)
{
	for (struct map_node *n = map_next(&w->by_uri, NULL); n; n = map_next(&w->by_uri, n))
		if (seen_of(n)->sub == sub)
			return true;
	return false;
}

static void drop(struct watch *w, struct seen *s)
{
	uint64_t sub = s->sub;

	map_del(&w->by_uri, &s->by_uri);
	w->n--;
	--*w->total;
	settle(w, s);
	if (sub && !used(w, sub))
		w->ops->unsubscribe(w, sub);
	free(s->pool);
	free(s);
}

/* ---- subscribing ---- */

static const char *target_of(const struct seen *s)
{
	return s->how == WATCH_BATCH ? "" : s->how == WATCH_POOL ? s->pool : s->uri;
}

static bool together(const struct seen *a, const struct seen *b)
{
	return a->how == b->how &&
	       (a->how == WATCH_BATCH || (a->how == WATCH_POOL && strcmp(a->pool, b->pool) == 0));
}

/* One subscription for those; all are of one kind. */
static void subscribe(struct watch *w, struct seen **v, unsigned n)
{
	struct watch_ask a = { .how = v[0]->how, .target = target_of(v[0]), .n = n };
	uint64_t id;

	for (unsigned i = 0; i < n; i++)
		a.uri[i] = v[i]->uri;
	id = w->ops->subscribe(w, &a);
	for (unsigned i = 0; i < n; i++) {
		v[i]->sub = id;
		v[i]->version = 0;
		v[i]->again_at = now(w) + SOON_MS;
		if (!id)
			settle(w, v[i]);
	}
}

/* All that have no subscription and whose time has come. */
static void begin(struct watch *w)
{
	struct seen *v[WATCH_MAX], *batch[WATCH_MAX];
	unsigned n = 0;

	if (!w->up)
		return;
	for (struct map_node *m = map_next(&w->by_uri, NULL); m; m = map_next(&w->by_uri, m))
		if (!seen_of(m)->sub && seen_of(m)->again_at <= now(w) && n < WATCH_MAX)
			v[n++] = seen_of(m);
	while (n > 0) {
		unsigned k = 0, left = 0;
		struct seen *first = v[0];

		for (unsigned i = 0; i < n; i++)
			if (i == 0 || together(first, v[i]))
				batch[k++] = v[i];
			else
				v[left++] = v[i];
		n = left;
		subscribe(w, batch, k);
	}
}

static void on_tick(struct tmr *t, void *ctx)
{
	struct watch *w = ctx;

	for (struct map_node *n = map_next(&w->by_uri, NULL), *next; n; n = next) {
		next = map_next(&w->by_uri, n);
		if (now(w) >= seen_of(n)->asked_at + WATCH_MS)
			drop(w, seen_of(n));
	}
	begin(w);
	if (w->n)
		tmr_start(t, TICK_MS);
}

void watch_init(
    struct watch *w, struct tmr_wheel *wheel, const struct watch_ops *ops, unsigned *total)
{
	memset(w, 0, sizeof(*w));
	w->ops = ops;
	w->total = total;
	tmr_init(&w->tick, wheel, on_tick, w);
}

static void clear(struct watch *w)
{
	for (struct map_node *n = map_next(&w->by_uri, NULL), *next; n; n = next) {
		next = map_next(&w->by_uri, n);
		seen_of(n)->sub = 0; /* nothing to end */
		drop(w, seen_of(n));
	}
	tmr_stop(&w->tick);
}

void watch_fini(struct watch *w)
{
	clear(w);
	map_free(&w->by_uri);
}

void watch_up(struct watch *w, bool lync, bool adhoclist)
{
	if (w->up)
		clear(w);
	w->up = true;
	w->lync = lync;
	w->adhoclist = adhoclist;
}

void watch_down(struct watch *w)
{
	w->up = false;
	clear(w);
}

static struct seen *oldest(const struct watch *w)
{
	struct seen *o = NULL;

	for (struct map_node *n = map_next(&w->by_uri, NULL); n; n = map_next(&w->by_uri, n))
		if (!o || seen_of(n)->asked_at < o->asked_at)
			o = seen_of(n);
	return o;
}

void watch_see(struct watch *w, const struct slice *uri, unsigned n)
{
	char key[WATCH_URI];

	if (!w->up)
		return;
	for (unsigned i = 0; i < n && i < WATCH_MAX; i++) {
		struct seen *s = find(w, uri[i]);

		if (s) {
			s->asked_at = now(w);
			continue;
		}
		if (canonical(uri[i], key))
			continue;
		if (w->n == WATCH_MAX)
			drop(w, oldest(w));
		if (*w->total >= WATCH_TOTAL)
			break;
		s = mem_new(sizeof(*s));
		memcpy(s->uri, key, sizeof(s->uri));
		s->how = !w->lync ? WATCH_PRESENCE : w->adhoclist ? WATCH_BATCH : WATCH_SINGLE;
		s->state = SHOWN_UNKNOWN;
		s->asked_at = now(w);
		s->waiting = true;
		w->waiting++;
		w->n++;
		++*w->total;
		map_put(&w->by_uri, &s->by_uri, slice_str(s->uri));
	}
	begin(w);
	if (w->n && !tmr_pending(&w->tick))
		tmr_start(&w->tick, TICK_MS);
}

enum pres_shown watch_state(const struct watch *w, struct slice uri)
{
	const struct seen *s = find(w, uri);

	return s ? s->state : SHOWN_UNKNOWN;
}

void watch_each(
    const struct watch *w, void (*fn)(void *ctx, const char *uri, enum pres_shown s), void *ctx)
{
	for (struct map_node *n = map_next(&w->by_uri, NULL); n; n = map_next(&w->by_uri, n))
		fn(ctx, seen_of(n)->uri, seen_of(n)->state);
}

/* ---- what the server says ---- */

enum pres_shown watch_of_lync(uint32_t a, const char *token)
{
	if (a < 3000)
		return SHOWN_UNKNOWN;
	if (a < 4500)
		return SHOWN_AVAILABLE;
	if (a < 6000)
		return SHOWN_INACTIVE;
	if (a < 9000)
		return strcmp(token, "on-the-phone") == 0      ? SHOWN_IN_A_CALL
		       : strcmp(token, "in-a-conference") == 0 ? SHOWN_IN_A_CONFERENCE
		                                               : SHOWN_BUSY;
	if (a < 12000)
		return SHOWN_DND;
	if (a < 15000)
		return SHOWN_BRB;
	if (a < 18000)
		return strcmp(token, "off-work") == 0 ? SHOWN_OFF_WORK : SHOWN_AWAY;
	return SHOWN_OFFLINE;
}

static enum pres_shown of_pidf(const struct pidf_other *o)
{
	if (!o->open)
		return SHOWN_OFFLINE;
	if (o->dnd)
		return SHOWN_DND;
	if (o->on_phone)
		return SHOWN_IN_A_CALL;
	if (o->busy || o->meeting)
		return SHOWN_BUSY;
	if (o->away)
		return SHOWN_AWAY;
	return o->idle ? SHOWN_INACTIVE : SHOWN_AVAILABLE;
}

/* A document that came by one subscription. */
struct taken {
	struct watch *w;
	uint64_t id;
};

/* Whoever notifies speaks of those who were asked there: the server of one person has no say about another's. */
static struct seen *spoken_of(const struct taken *t, const char *uri)
{
	struct seen *s = find(t->w, slice_str(uri));

	return s && s->sub == t->id ? s : NULL;
}

static void on_category(void *ctx, const struct lync_cat *c)
{
	struct taken *t = ctx;
	struct watch *w = t->w;
	struct seen *s = spoken_of(t, c->uri);

	if (s && strcmp(c->name, "state") == 0 && strcmp(c->type, "aggregateState") == 0)
		set(w, s, watch_of_lync(c->availability, c->token));
}

static void on_resource(void *ctx, const struct rlmi_item *r)
{
	struct taken *t = ctx;
	struct watch *w = t->w;
	struct seen *s = spoken_of(t, r->uri);

	if (!s)
		return;
	if (strcmp(r->state, "terminated") == 0) {
		/* unknown, or it is not for us: asked again much later */
		s->sub = 0;
		s->again_at = now(w) + DENIED_MS;
		set(w, s, SHOWN_UNKNOWN);
	} else if (strcmp(r->state, "resubscribe") == 0 && s->how == WATCH_BATCH) {
		s->sub = 0;
		s->again_at = 0;
		s->how = r->pool[0] ? WATCH_POOL : WATCH_SINGLE;
		free(s->pool);
		s->pool = slice_dup(slice_str(r->pool));
	}
}

static struct seen *of_sub(const struct watch *w, uint64_t id)
{
	for (struct map_node *n = map_next(&w->by_uri, NULL); n; n = map_next(&w->by_uri, n))
		if (seen_of(n)->sub == id)
			return seen_of(n);
	return NULL;
}

/* A document without lists speaks of the one person of its subscription. */
static bool alone(const struct watch *w, const struct seen *s)
{
	for (struct map_node *n = map_next(&w->by_uri, NULL); n; n = map_next(&w->by_uri, n))
		if (seen_of(n) != s && seen_of(n)->sub == s->sub)
			return false;
	return true;
}

static void on_dialogs(struct watch *w, struct seen *s, struct slice body)
{
	enum lamp l;
	uint32_t version;
	bool full;

	if (dialoginfo_parse(body, &l, &version, &full) || (s->version && version <= s->version))
		return;
	s->version = version;
	if (full || l == LAMP_BUSY) /* idle says nothing of the person */
		set(w, s, l == LAMP_BUSY ? SHOWN_IN_A_CALL : SHOWN_UNKNOWN);
}

static void take(struct watch *w, uint64_t id, struct slice type, struct slice body)
{
	static const struct lync_roaming_ops categories = { .item = on_category };
	struct seen *s = of_sub(w, id);
	struct taken t = { w, id };
	struct multipart m;
	struct part p;
	struct pidf_other o;
	int err = 0;

	if (!s || !body.n)
		return;
	if (multipart_begin(&m, type, body) == 0) {
		while (multipart_next(&m, &p))
			if (type_is(p.type, "application/rlmi+xml"))
				err |= rlmi_parse(p.body, on_resource, &t);
			else if (type_is(p.type, "application/msrtc-event-categories+xml"))
				err |= lync_roaming_parse(p.body, &categories, &t);
		begin(w);
	} else if (type_is(type, "application/rlmi+xml")) {
		err = rlmi_parse(body, on_resource, &t);
		begin(w);
	} else if (type_is(type, "application/msrtc-event-categories+xml")) {
		err = lync_roaming_parse(body, &categories, &t);
	} else if (type_is(type, PIDF_TYPE)) {
		err = pidf_parse(body, &o);
		if (!err && alone(w, s))
			set(w, s, of_pidf(&o));
	} else if (type_is(type, DIALOGINFO_TYPE) && alone(w, s)) {
		on_dialogs(w, s, body);
	}
	if (err)
		log_ev(LOG_INFO, "a colleague's presence is not understood", F_ERR(err));
}

/* The subscription is over. how: what its people do next; keep their kind when it is how they were. */
static void part(struct watch *w, uint64_t id, uint64_t again_ms)
{
	for (struct map_node *n = map_next(&w->by_uri, NULL); n; n = map_next(&w->by_uri, n)) {
		struct seen *s = seen_of(n);

		if (s->sub != id)
			continue;
		s->sub = 0;
		s->again_at = now(w) + again_ms;
		set(w, s, SHOWN_UNKNOWN);
	}
}

/* A bad address spoils a batch: halves of it, until it is alone. */
static void halve(struct watch *w, uint64_t id)
{
	struct seen *v[WATCH_MAX];
	unsigned n = 0;

	for (struct map_node *m = map_next(&w->by_uri, NULL); m; m = map_next(&w->by_uri, m))
		if (seen_of(m)->sub == id && n < WATCH_MAX)
			v[n++] = seen_of(m);
	if (n < 2) {
		part(w, id, DENIED_MS);
		return;
	}
	subscribe(w, v, n / 2);
	subscribe(w, v + n / 2, n - n / 2);
}

void watch_answer(struct watch *w, uint64_t id, uint32_t code, struct slice type, struct slice body)
{
	struct seen *s = of_sub(w, id);

	if (!s)
		return;
	if (code >= 200 && code < 300) {
		take(w, id, type, body);
	} else if (code == 400 && s->how != WATCH_PRESENCE && s->how != WATCH_DIALOG) {
		halve(w, id);
	} else if (code == 489 && s->how == WATCH_PRESENCE) {
		s->how = WATCH_DIALOG; /* many PBXs have only that */
		subscribe(w, &s, 1);
	} else {
		part(w, id, code == 403 || code == 404 || code == 489 ? DENIED_MS : SOON_MS);
	}
}

void watch_notify(struct watch *w, uint64_t id, struct slice type, struct slice body, bool ended)
{
	take(w, id, type, body);
	if (ended)
		part(w, id, 5000 + id_below(25000));
}
