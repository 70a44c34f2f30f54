/* Watching colleagues by way of sipd: SUBSCRIBE requests on the pres interface. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.pb-c.h"
#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "pres.pb-c.h"
#include "presenced/lync_user.h"
#include "presenced/pidf.h"
#include "presenced/presenced.h"
#include "common/sax.h"
#include "presenced/watcher.h"

#define ANSWER_MS 40000u
#define EXPIRES_S 3600u

struct asked { /* a SUBSCRIBE without an answer */
	struct list node;
	struct watcher *of;
	uint64_t id;
};
struct look { /* a page that waits */
	struct list node;
	struct tmr tmr;
	watcher_done_h *fn;
	void *ctx;
};
struct watcher {
	struct watch watch; /* first */
	struct puser *u;
	struct list asked, looks;
};

static struct watcher *watcher_of(struct watch *w)
{
	return CONTAINER_OF(w, struct watcher, watch);
}

static ProtobufCBinaryData bytes(struct slice s)
{
	return (ProtobufCBinaryData){ s.n, (uint8_t *)(uintptr_t)s.p };
}

static struct slice slice_of(protobuf_c_boolean has, ProtobufCBinaryData b)
{
	return has ? (struct slice){ (const char *)b.data, b.len } : (struct slice){ 0 };
}

static void on_subscribed(void *ctx, int err, struct ipc_msg *m)
{
	struct asked *a = ctx;
	struct watcher *x = a->of;
	uint64_t id = a->id;
	const Pres__Subscribed *s = err ? NULL : IPC_BODY(m, Pres__Subscribed);

	list_remove(&a->node);
	free(a);
	watch_answer(&x->watch, id, s ? s->code : 503,
	    s ? slice_of(s->has_content_type, s->content_type) : (struct slice){ 0 },
	    s ? slice_of(s->has_body, s->body) : (struct slice){ 0 });
}

/* LYNC: MS-PRES 3.4, batched subscription. No context element: it would tell the people that they are on a list. */
static void put_batch(struct wr *w, const char *self, const struct watch_ask *a)
{
	wr_str(w, "<batchSub xmlns=\"http://schemas.microsoft.com/2006/01/sip/batch-subscribe\" "
	          "uri=\"");
	sax_escape(w, self);
	wr_fmt(w, "\" name=\"\"><action name=\"subscribe\" id=\"%u\"><adhocList>",
	    (unsigned)(id_u64() & 0x7fffffff));
	for (unsigned i = 0; i < a->n; i++) {
		wr_str(w, "<resource uri=\"");
		sax_escape(w, a->uri[i]);
		wr_str(w, "\"/>");
	}
	wr_str(w, "</adhocList><categoryList "
	          "xmlns=\"http://schemas.microsoft.com/2006/09/sip/categorylist\">"
	          "<category name=\"state\"/></categoryList></action></batchSub>");
}

static uint64_t subscribe(struct watch *w, const struct watch_ask *q)
{
	static const char *const lines[][2] = { { "Require", "adhoclist, categoryList" },
		{ "Supported", "eventlist" }, { "Supported", "ms-benotify" },
		{ "Proxy-Require", "ms-benotify" }, { "Supported", "ms-piggyback-first-notify" } };
	struct watcher *x = watcher_of(w);
	struct puser *u = x->u;
	bool lync = q->how != WATCH_PRESENCE && q->how != WATCH_DIALOG;
	size_t cap = 1024 + (q->n + 1) * (WATCH_URI * 6 + 40);
	Pres__Subscribe s = PRES__SUBSCRIBE__INIT;
	Pres__Header h[ARRAY_LEN(lines)], *ptr[ARRAY_LEN(lines)];
	char *doc = lync ? mem_new(cap) : NULL;
	struct wr d = wr_of(doc, lync ? cap : 0);
	struct asked *a = mem_new(sizeof(*a));

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		/* A single subscription goes to the person's own server, which has no lists. */
		if (!lync || (i == 0 && q->how == WATCH_SINGLE))
			continue;
		pres__header__init(&h[i]);
		h[i].name = bytes(slice_str(lines[i][0]));
		h[i].value = bytes(slice_str(lines[i][1]));
		ptr[s.n_header++] = &h[i];
	}
	*a = (struct asked){ .of = x, .id = id_u64() | 1 };
	s.user = u->name;
	s.id = a->id;
	s.target = bytes(slice_str(q->target[0] ? q->target : u->aor));
	s.event = bytes(q->how == WATCH_DIALOG ? SLICE_LIT("dialog") : SLICE_LIT("presence"));
	s.has_accept = 1;
	s.accept = bytes(q->how == WATCH_DIALOG ? SLICE_LIT(DIALOGINFO_TYPE)
	                 : q->how == WATCH_PRESENCE
	                     ? SLICE_LIT(PIDF_TYPE)
	                     : SLICE_LIT("application/msrtc-event-categories+xml, "
	                                 "application/pidf+xml, "
	                                 "application/rlmi+xml, multipart/related"));
	s.has_expires_s = 1;
	s.expires_s = EXPIRES_S;
	if (lync) {
		put_batch(&d, u->aor, q);
		BUG_ON(d.bad);
		s.has_content_type = s.has_body = 1;
		s.content_type = bytes(SLICE_LIT("application/msrtc-adrl-categorylist+xml"));
		s.body = bytes(wr_slice(&d));
	}
	s.header = ptr;
	int err = ipc_request(ipc_find(u->room->d->ipc, IPC_SIPD, 0), IPC_IF_PRES,
	    PRES__TYPE__PRES_SUBSCRIBE, &s.base, &pres__subscribed__descriptor, ANSWER_MS,
	    on_subscribed, a);
	free(doc);
	if (err) {
		free(a);
		return 0;
	}
	list_append(&x->asked, &a->node);
	return s.id;
}

static void on_left(void *ctx, int err, struct ipc_msg *m)
{
	(void)ctx, (void)err, (void)m;
}

static void unsubscribe(struct watch *w, uint64_t id)
{
	struct puser *u = watcher_of(w)->u;
	Pres__Unsubscribe q = PRES__UNSUBSCRIBE__INIT;

	q.user = u->name;
	q.id = id;
	if (ipc_request(ipc_find(u->room->d->ipc, IPC_SIPD, 0), IPC_IF_PRES,
	        PRES__TYPE__PRES_UNSUBSCRIBE, &q.base, &call__ok__descriptor, ANSWER_MS, on_left,
	        NULL))
		return; /* sipd is away: its subscriptions ended with it */
}

static void changed(struct watch *w, const char *uri, enum pres_shown s)
{
	struct puser *u = watcher_of(w)->u;

	pres_tell_colleague(u, uri, s);
}

static void finish(struct look *l)
{
	watcher_done_h *fn = l->fn;
	void *ctx = l->ctx;

	tmr_stop(&l->tmr);
	list_remove(&l->node);
	free(l);
	fn(ctx);
}

static void on_late(struct tmr *t, void *ctx)
{
	(void)t;
	finish(ctx);
}

static void settled(struct watch *w)
{
	struct watcher *x = watcher_of(w);

	while (!list_empty(&x->looks))
		finish(LIST_ENTRY(x->looks.next, struct look, node));
}

static const struct watch_ops ops = { subscribe, unsubscribe, changed, settled };

static struct watcher *make(struct puser *u)
{
	struct watcher *x = mem_new(sizeof(*x));

	x->u = u;
	list_init(&x->asked);
	list_init(&x->looks);
	watch_init(&x->watch, u->room->d->wheel, &ops, &u->room->watched);
	return x;
}

static void forget(struct watcher *x)
{
	while (!list_empty(&x->asked)) {
		struct asked *a = LIST_ENTRY(x->asked.next, struct asked, node);

		ipc_forget(x->u->room->d->ipc, a);
		list_remove(&a->node);
		free(a);
	}
}

void watcher_reg(struct puser *u, const Pres__Reg *r)
{
	if (!r->up || r->limited) {
		watcher_down(u);
		return;
	}
	if (!u->watcher)
		u->watcher = make(u);
	forget(u->watcher);
	watch_up(&u->watcher->watch, r->has_lync, r->has_adhoclist && r->adhoclist);
}

void watcher_notify(struct puser *u, const Pres__Notify *n)
{
	if (u->watcher)
		watch_notify(&u->watcher->watch, n->id,
		    slice_of(n->has_content_type, n->content_type), slice_of(n->has_body, n->body),
		    n->has_ended && n->ended);
}

void watcher_down(struct puser *u)
{
	if (!u->watcher)
		return;
	forget(u->watcher);
	watch_down(&u->watcher->watch);
}

void watcher_free(struct puser *u)
{
	if (!u->watcher)
		return;
	settled(&u->watcher->watch); /* pages are answered without it */
	forget(u->watcher);
	watch_fini(&u->watcher->watch);
	free(u->watcher);
	u->watcher = NULL;
}

void watcher_look(struct puser *u, const struct slice *uri, unsigned n, uint32_t ms,
    watcher_done_h *fn, void *ctx)
{
	const struct presenced_conf *c = u ? u->room->d->conf : NULL;
	struct watcher *x = u ? u->watcher : NULL;
	struct slice others[WATCH_MAX];
	unsigned k = 0;

	for (unsigned i = 0; x && c->colleagues && i < n && k < WATCH_MAX; i++)
		if (uri[i].n && !puser_by_aor(u->room, uri[i]))
			others[k++] = uri[i];
	if (k)
		watch_see(&x->watch, others, k);
	if (!fn)
		return;
	if (!k || x->watch.waiting == 0) {
		fn(ctx);
		return;
	}
	struct look *l = mem_new(sizeof(*l));
	l->fn = fn;
	l->ctx = ctx;
	tmr_init(&l->tmr, u->room->d->wheel, on_late, l);
	tmr_start(&l->tmr, ms);
	list_append(&x->looks, &l->node);
}

enum pres_shown watcher_state(struct presenced *p, const struct puser *u, struct slice uri)
{
	const struct puser *own = puser_by_aor(p, uri);
	struct pres_view v;
	enum pres_shown s;

	if (!own)
		return u && u->watcher ? watch_state(&u->watcher->watch, uri) : SHOWN_UNKNOWN;
	/* LYNC: the server knows of the user's other clients, too. */
	s = lync_user_own(own);
	if (s != SHOWN_UNKNOWN)
		return s;
	pres_user_view(&own->pres, &v);
	return pres_shown(&v, own->registered);
}

void watcher_each(
    const struct puser *u, void (*fn)(void *ctx, const char *uri, enum pres_shown s), void *ctx)
{
	if (u->watcher)
		watch_each(&u->watcher->watch, fn, ctx);
}
