/* Documents that presence servers send: roaming data, faults, provisioning, PIDF, dialog-info, resource lists, and multipart bodies of
 * them; also into a session and a watcher, whose state has to stay sane. The first octet says which. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "presenced/lync_route.h"
#include "presenced/multipart.h"
#include "presenced/pidf.h"
#include "presenced/pub_lync.h"
#include "presenced/watch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_forget(void *ctx, const char *name)
{
	if (strlen(name) > 40)
		abort();
	(void)ctx;
}
static void on_cat(void *ctx, const struct lync_cat *c)
{
	/* everything is terminated */
	*(size_t *)ctx += strlen(c->uri) + strlen(c->name) + strlen(c->expire) + strlen(c->type) +
	                  strlen(c->token) + strlen(c->line) + strlen(c->note);
}
static void on_members(void *ctx, const struct lync_members *m)
{
	*(size_t *)ctx += m->id;
}
static void on_setting(void *ctx, const char *group, const char *name, struct slice value)
{
	*(size_t *)ctx += strlen(group) + strlen(name) + value.n;
}
static void on_rlmi(void *ctx, const struct rlmi_item *r)
{
	*(size_t *)ctx += strlen(r->uri) + strlen(r->state) + strlen(r->pool);
}

/* ---- a session ---- */

static bool ask(struct lync *l, enum lync_ask what, struct slice body)
{
	(void)l, (void)what;
	return body.n > 0;
}
static void nothing(struct lync *l)
{
	(void)l;
}
static void mail(struct lync *l, uint32_t unread, uint32_t read)
{
	(void)l, (void)unread, (void)read;
}
static void setting(struct lync *l, const char *group, const char *name, struct slice value)
{
	(void)l, (void)group, (void)name, (void)value;
}

static void session(struct slice doc)
{
	static const struct lync_ops ops = { ask, nothing, nothing, mail, nothing, nothing, setting,
		nothing };
	struct pres_view v = { .auto_state = PRES_IN_CALL, .on_phone = true };
	struct tmr_wheel *w = tmr_wheel_new(NULL);
	struct lync l;
	char text[256];

	log_set_level(LOG_ERR);
	lync_init(&l, w, &ops);
	l.bootstrap = l.federated = true;
	lync_view(&l, &v);
	lync_up(&l, SLICE_LIT("sip:a@b"), SLICE_LIT("0a1b2c3d4e"), SLICE_LIT("uuid"), true, 0);
	tmr_advance(w, 10);
	lync_answer(&l, LYNC_PROVISION, 200, doc, 0);
	lync_answer(&l, LYNC_SELF, 200, doc, 0);
	tmr_advance(w, 2000);
	lync_answer(&l, LYNC_SERVICE, 409, doc, 0);
	tmr_advance(w, 2000);
	lync_answer(&l, LYNC_SERVICE, 200, doc, 0);
	lync_notify(&l, doc, false);
	if (l.pub.at[LP_PHONE_2].version && lync_pub_machine(&l.pub.v) != 3500)
		abort();
	lync_text(&l, text, sizeof(text));
	lync_fini(&l);
	tmr_wheel_free(w);
}

/* ---- a watcher ---- */

static uint64_t subscribe(struct watch *w, const struct watch_ask *a)
{
	static uint64_t id;

	if (a->n == 0 || a->n > WATCH_MAX || w->n > WATCH_MAX)
		abort();
	return ++id;
}
static void unsubscribe(struct watch *w, uint64_t id)
{
	(void)w, (void)id;
}
static void changed(struct watch *w, const char *uri, enum pres_shown s)
{
	if (strlen(uri) >= WATCH_URI || s < SHOWN_AVAILABLE || s > SHOWN_UNKNOWN)
		abort();
	(void)w;
}
static void settled(struct watch *w)
{
	if (w->waiting)
		abort();
}

static void watching(struct slice body)
{
	static const struct watch_ops ops = { subscribe, unsubscribe, changed, settled };
	struct tmr_wheel *wheel = tmr_wheel_new(NULL);
	struct slice uri[2] = { SLICE_LIT("sip:a@b"), SLICE_LIT("sip:c@d") }, type;
	unsigned total = 0;
	struct watch w;

	watch_init(&w, wheel, &ops, &total);
	for (unsigned i = 0; i < 2; i++) {
		watch_up(&w, i == 0, true);
		watch_see(&w, uri, 2);
		/* the first line is the content type */
		type = slice_sub(body, 0, slice_chr(body, '\n'));
		for (struct map_node *n = map_next(&w.by_uri, NULL); n; n = map_next(&w.by_uri, n))
			(void)watch_state(&w, n->key);
		for (uint64_t id = 1; id < 5; id++)
			watch_notify(&w, id, type, slice_sub(body, type.n, body.n), false);
		tmr_advance(wheel, 30000);
	}
	watch_fini(&w);
	if (total)
		abort();
	tmr_wheel_free(wheel);
}

/* What we changed in a script, we read back from it, and it is a script still. */
static void route(struct slice old)
{
	static const struct lync_route r = { .set_forward = true,
		.immediate = true,
		.forward = "sip:f&@b",
		.set_ring = true,
		.ring = "sip:r<@b" };
	char *doc = malloc(3 * LYNC_ROUTE_DOC), text[1024];
	struct wr w = wr_of(doc, 3 * LYNC_ROUTE_DOC);

	if (lync_route_edit(old, &r, &w) == 0 && w.n <= LYNC_ROUTE_DOC) {
		lync_route_text(wr_slice(&w), text, sizeof(text));
		if (!strstr(text, "forward sip:f&@b at once") ||
		    !strstr(text, "rings too: sip:r<@b"))
			abort();
	}
	free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct lync_roaming_ops ops = { on_forget, on_cat, on_members };
	char *exact = malloc(size ? size : 1);
	size_t sum = 0;
	struct slice s;
	struct lync_fault f;
	struct pidf_other o;
	struct multipart m;
	struct part p;
	enum lamp l;
	uint32_t version;
	bool full;

	if (size == 0) {
		free(exact);
		return 0;
	}
	memcpy(exact, data + 1, size - 1);
	s = (struct slice){ exact, size - 1 };
	switch (data[0] % 10) {
	case 0:
		(void)!lync_roaming_parse(s, &ops, &sum);
		break;
	case 1:
		if (lync_fault_parse(s, &f) == 0 && f.n > LYNC_FAULT_MAX)
			abort();
		break;
	case 2:
		(void)!lync_provision_parse(s, on_setting, &sum);
		break;
	case 3:
		if (pidf_parse(s, &o) == 0)
			sum += strlen(o.note);
		break;
	case 4:
		(void)!dialoginfo_parse(s, &l, &version, &full);
		break;
	case 5:
		(void)!rlmi_parse(s, on_rlmi, &sum);
		break;
	case 6:
		session(s);
		break;
	case 7:
		watching(s);
		break;
	case 8:
		route(s);
		break;
	default:
		if (multipart_begin(&m, slice_sub(s, 0, slice_chr(s, '\n')), s) == 0)
			while (multipart_next(&m, &p))
				if (p.body.n > s.n || p.type.n > s.n)
					abort();
	}
	free(exact);
	return 0;
}
