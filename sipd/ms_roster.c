/* LYNC: a conference's participants. */
#include "sipd/ms_roster.h"

#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "common/sax.h"
#include "sipd/number.h"

struct reader {
	struct roster *r; /* a copy that counts when the document is whole */
	bool stale;       /* older than what is known, or the same: nothing to do */
	bool in_user, partial, deleted, fresh; /* fresh: was not there */
	struct roster_who who;                 /* the user being read */
	bool in_endpoint, audio, gone;         /* the endpoint */
};

/* The same address of record; parameters do not count. */
static bool same(const char *a, const char *b)
{
	size_t n = strcspn(a, ";>"), m = strcspn(b, ";>");

	return n == m && strncasecmp(a, b, n) == 0;
}

static struct roster_who *find(struct roster *r, const char *uri)
{
	for (unsigned i = 0; i < r->n; i++)
		if (same(r->who[i].uri, uri))
			return &r->who[i];
	return NULL;
}

static void document(struct sax *x, struct reader *d, const char **atts)
{
	const char *state = sax_attr(atts, "state");
	uint32_t version = 0;
	bool has = sax_number(sax_attr(atts, "version"), &version),
	     whole = !state || strcmp(state, "full") == 0;
	struct roster *r = d->r;

	if (r->known && has && version <= r->version && !(whole && version == 0)) {
		d->stale = true;
		return;
	}
	if (!whole && (!r->known || (has && version != r->version + 1))) {
		sax_fail(x, ERR_STATE);
		return;
	}
	if (whole)
		r->n = r->more = 0;
	r->known = true;
	r->version = version;
}

static void on_start(struct sax *x, const char *name, const char **atts)
{
	struct reader *d = x->ctx;
	const char *state = sax_attr(atts, "state");

	if (x->depth == 1) {
		document(x, d, atts);
		return;
	}
	if (d->stale)
		return;
	if (x->depth == 2 && strcmp(name, "users") == 0 && state && strcmp(state, "full") == 0) {
		d->r->n = d->r->more = 0;
	} else if (x->depth == 3 && strcmp(name, "user") == 0 && sax_count(x)) {
		const char *uri = sax_attr(atts, "entity");
		const struct roster_who *old = uri ? find(d->r, uri) : NULL;
		d->in_user = uri && strlen(uri) < sizeof(d->who.uri);
		d->partial = state && strcmp(state, "partial") == 0;
		d->deleted = state && strcmp(state, "deleted") == 0;
		d->fresh = !old;
		d->who = (struct roster_who){ .audio = false };
		if (old && d->partial)
			d->who = *old;
		sax_put(d->who.uri, sizeof(d->who.uri), uri);
	} else if (x->depth == 4 && d->in_user && strcmp(name, "endpoint") == 0) {
		const char *type = sax_attr(atts, "session-type");
		d->in_endpoint = true;
		d->audio = type && strcmp(type, "audio-video") == 0;
		d->gone = state && strcmp(state, "deleted") == 0;
		if (d->audio && d->gone)
			d->who.audio = false;
	}
}

static void keep(struct reader *d)
{
	struct roster *r = d->r;
	struct roster_who *at = find(r, d->who.uri);

	if (d->deleted) {
		if (at) {
			*at = r->who[--r->n];
		} else if (r->more) {
			r->more--;
		}
		return;
	}
	if (!d->who.name[0]) {
		struct slice uri = slice_str(d->who.uri);
		size_t from = slice_chr(uri, ':');
		uri = from < uri.n ? slice_sub(uri, from + 1, uri.n) : uri;
		uri.n = slice_chr(uri, '@');
		sax_put_slice(
		    d->who.name, sizeof(d->who.name), number_cut(uri, sizeof(d->who.name) - 1));
	}
	if (at)
		*at = d->who;
	else if (r->n < ROSTER_MAX)
		r->who[r->n++] = d->who;
	else if (d->fresh && !d->partial)
		r->more++;
}

static void on_end(struct sax *x, const char *name, struct slice text)
{
	struct reader *d = x->ctx;

	if (!d->in_user)
		return;
	if (x->depth == 3 && strcmp(name, "user") == 0) {
		keep(d);
		d->in_user = false;
	} else if (x->depth == 4 && strcmp(name, "display-text") == 0) {
		sax_put_slice(
		    d->who.name, sizeof(d->who.name), number_cut(text, sizeof(d->who.name) - 1));
	} else if (x->depth == 4 && strcmp(name, "endpoint") == 0) {
		d->in_endpoint = false;
	} else if (x->depth == 5 && d->in_endpoint && d->audio && !d->gone &&
	           strcmp(name, "status") == 0) {
		d->who.audio = slice_ieq(text, SLICE_LIT("connected"));
	}
}

int roster_read(struct roster *r, struct slice xml)
{
	struct roster *next = mem_new(sizeof(*next));
	struct reader d = { .r = next };
	struct sax x = { .start = on_start, .end = on_end, .ctx = &d, .root = "conference-info" };

	*next = *r;
	int err = sax_run(&x, xml);
	if (!err && !d.stale)
		*r = *next;
	mem_free_wiped(next, sizeof(*next));
	return err;
}

unsigned roster_count(const struct roster *r)
{
	return r->n + r->more;
}

bool roster_in_audio(const struct roster *r, const char *uri)
{
	for (unsigned i = 0; i < r->n; i++)
		if (same(r->who[i].uri, uri))
			return r->who[i].audio;
	return false;
}

void roster_text(const struct roster *r, const char *self, struct wr *w)
{
	const char *before = ": ";

	wr_dec(w, roster_count(r));
	for (unsigned i = 0; i < r->n; i++) {
		if (same(r->who[i].uri, self))
			continue;
		wr_str(w, before);
		wr_str(w, r->who[i].name);
		before = ", ";
	}
}
