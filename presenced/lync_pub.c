/* An endpoint's publications: wanted, accepted, versions; publish documents. */
#include "presenced/lync_pub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/sax.h"

#define NS          "http://schemas.microsoft.com/2006/09/sip/"
#define USER_INST   0x20000000u
#define CONTENT_MAX (LYNC_ROUTE_DOC + 1024u)

static const struct place {
	const char *category, *expire, *type;
	uint32_t container, mark; /* mark: first hex digit of the instance */
} places[LP_N] = {
	[LP_DEVICE] = { "device", "endpoint", "device", 2, 0 },
	[LP_MACHINE_2] = { "state", "endpoint", "machineState", 2, 0x30000000u },
	[LP_MACHINE_3] = { "state", "endpoint", "machineState", 3, 0x30000000u },
	[LP_PHONE_2] = { "state", "endpoint", "phoneState", 2, 0x80000000u },
	[LP_PHONE_3] = { "state", "endpoint", "phoneState", 3, 0x80000000u },
	[LP_USER_2] = { "state", "static", "userState", 2, USER_INST },
	[LP_USER_3] = { "state", "static", "userState", 3, USER_INST },
	[LP_BLOCKED] = { "state", "static", "aggregateState", 32000, 0 },
	[LP_NOTE_200] = { "note", "static", "note", 200, 0 },
	[LP_NOTE_300] = { "note", "static", "note", 300, 0 },
	[LP_NOTE_400] = { "note", "static", "note", 400, 0 },
	[LP_ROUTE_0] = { "routing", "static", "routing", 0, 0 },
	[LP_ROUTE_100] = { "routing", "static", "routing", 100, 0 },
};

static bool is_user(unsigned i)
{
	return i == LP_USER_2 || i == LP_USER_3;
}

static bool is_note(unsigned i)
{
	return i >= LP_NOTE_200 && i <= LP_NOTE_400;
}

static bool is_route(unsigned i)
{
	return i == LP_ROUTE_0 || i == LP_ROUTE_100;
}

static uint32_t instance(const struct lync_pub *p, unsigned i)
{
	if (i == LP_DEVICE)
		return p->device;
	if (is_user(i) || is_note(i) || is_route(i) || i == LP_BLOCKED)
		return places[i].mark;
	return p->device >> 4 | places[i].mark;
}

void lync_pub_init(struct lync_pub *p, struct slice aor, struct slice epid, struct slice uuid)
{
	memset(p, 0, sizeof(*p));
	if (slice_copy(aor, p->aor, sizeof(p->aor)) || slice_copy(uuid, p->uuid, sizeof(p->uuid)))
		p->aor[0] = '\0';
	for (size_t i = 0; i < epid.n && i < 8; i++) {
		const char *hex = "0123456789abcdef", *d = strchr(hex, epid.p[i] | 0x20);

		p->device = p->device << 4 | (d && *d ? (uint32_t)(d - hex) : 0);
	}
}

void lync_pub_reset(struct lync_pub *p)
{
	memset(p->at, 0, sizeof(p->at));
}

unsigned lync_pub_machine(const struct pres_view *v)
{
	if (v->on_phone || v->auto_state == PRES_AVAILABLE || v->auto_state == PRES_IN_CALL)
		return 3500;
	return v->auto_state == PRES_INACTIVE ? 5000 : 15500;
}

static unsigned user_state(enum pres_manual m)
{
	static const unsigned of[] = { 0, 3500, 6500, 9500, 12500, 15500, 15500 };

	return (size_t)m < ARRAY_LEN(of) ? of[m] : 0;
}

void lync_pub_view(struct lync_pub *p, const struct pres_view *v)
{
	if (v->manual != p->v.manual)
		p->user_wanted = v->manual != PRES_MANUAL_NONE;
	p->v = *v;
}

void lync_pub_note(struct lync_pub *p, const char *note)
{
	if (strcmp(p->note, note) == 0)
		return;
	snprintf(p->note, sizeof(p->note), "%s", note);
	p->note_wanted = p->note[0] != '\0';
}

static bool wanted(const struct lync_pub *p, unsigned i)
{
	switch (i) {
	case LP_DEVICE:
	case LP_MACHINE_2:
	case LP_MACHINE_3:
		return !p->v.offline || p->v.on_phone;
	case LP_PHONE_2:
	case LP_PHONE_3:
		return p->v.on_phone && !p->no_phone;
	case LP_USER_2:
	case LP_USER_3:
		return p->v.manual != PRES_MANUAL_NONE && (p->user_ours || p->user_wanted);
	case LP_BLOCKED:
		return p->want_blocked;
	case LP_ROUTE_0:
	case LP_ROUTE_100:
		return p->route != NULL;
	default:
		return p->note[0] && (p->note_ours || p->note_wanted);
	}
}

/* Not ours to take away: what a desktop client wrote, what a first log-in left. */
static bool removable(const struct lync_pub *p, unsigned i)
{
	if (is_note(i))
		return p->note_ours;
	if (is_route(i))
		return false;
	return i != LP_BLOCKED && (!is_user(i) || p->user_ours);
}

static void put_device(struct wr *w, const struct lync_pub *p)
{
	time_t now = time(NULL);
	struct tm tm;
	long off;

	localtime_r(&now, &tm);
	off = tm.tm_gmtoff / 60;
	wr_fmt(w, "<device xmlns=\"" NS "device\" endpointId=\"");
	sax_escape(w, p->uuid);
	wr_str(w, "\"><capabilities preferred=\"false\" uri=\"");
	sax_escape(w, p->aor);
	/* No "text": clients then say "Voice Only" and offer no messages. */
	wr_str(w, "\"><voice capture=\"true\" render=\"true\" publish=\"false\"/></capabilities>");
	wr_fmt(w, "<timezone>00:00:00%c%02ld:%02ld</timezone>", off < 0 ? '-' : '+',
	    (off < 0 ? -off : off) / 60, (off < 0 ? -off : off) % 60);
	wr_str(w, "<machineName>IPDECT</machineName></device>");
}

static void put_note(struct wr *w, const struct lync_pub *p)
{
	wr_str(w, "<note xmlns=\"" NS "note\"><body type=\"personal\" uri=\"\">");
	sax_escape(w, p->note);
	wr_str(w, "</body></note>");
}

static void put_state(struct wr *w, const struct lync_pub *p, unsigned i)
{
	bool phone = i == LP_PHONE_2 || i == LP_PHONE_3, conf = p->v.conference;
	unsigned a = is_user(i)        ? user_state(p->v.manual)
	             : i == LP_BLOCKED ? 18500
	             : !phone          ? lync_pub_machine(&p->v)
	             : conf            ? 7000
	                               : 6500;

	wr_fmt(w,
	    "<state xmlns=\"" NS "state\" manual=\"%s\" "
	    "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"%s\">"
	    "<availability>%u</availability>",
	    is_user(i) ? "true" : "false", places[i].type, a);
	if (phone)
		wr_fmt(w,
		    "<activity token=\"%s\" minAvailability=\"%u\" maxAvailability=\"8999\"/>",
		    conf ? "in-a-conference" : "on-the-phone", a);
	else if (is_user(i) && p->v.manual == PRES_MANUAL_OFF_WORK)
		wr_str(w, "<activity token=\"off-work\" minAvailability=\"15000\" "
		          "maxAvailability=\"17999\"/>");
	if (!phone)
		wr_str(w, "<endpointLocation/>");
	wr_str(w, "</state>");
}

void lync_pub_route(struct lync_pub *p, const struct lync_route *r)
{
	if (!p->route)
		p->route = mem_new(sizeof(*p->route));
	if (r->set_forward) {
		p->route->set_forward = true;
		p->route->immediate = r->immediate;
		p->route->wait_s = r->wait_s;
		memcpy(p->route->forward, r->forward, sizeof(r->forward));
	}
	if (r->set_ring) {
		p->route->set_ring = true;
		memcpy(p->route->ring, r->ring, sizeof(r->ring));
	}
}

void lync_pub_free(struct lync_pub *p)
{
	free(p->script);
	free(p->route);
	p->script = NULL;
	p->route = NULL;
}

/* The script that another client wrote may be none that we can edit: then it stays. */
static bool put_route(struct wr *w, struct lync_pub *p)
{
	if (lync_route_edit(slice_str(p->script ? p->script : ""), p->route, w) == 0)
		return true;
	log_ev(LOG_WARNING, "the routing script at the Lync server cannot be changed",
	    F_TEXT("IPDECT_AOR", p->aor), F_REMEDY("change forwarding with a desktop client"));
	free(p->route);
	p->route = NULL;
	return false;
}

int lync_pub_build(struct lync_pub *p, struct wr *w)
{
	unsigned n = 0;
	const char *category = NULL;
	char *content = mem_new(CONTENT_MAX);

	wr_str(w, "<publish xmlns=\"" NS "rich-presence\"><publications uri=\"");
	sax_escape(w, p->aor);
	wr_str(w, "\">");
	for (unsigned i = 0; i < LP_N; i++) {
		const struct place *pl = &places[i];
		bool want = wanted(p, i) && !(p->off & 1u << i);
		struct wr c = wr_of(content, CONTENT_MAX);
		uint64_t h = 0;

		p->at[i].index = 0;
		if (want) {
			if (i == LP_DEVICE)
				put_device(&c, p);
			else if (is_note(i))
				put_note(&c, p);
			else if (is_route(i) && !put_route(&c, p))
				continue;
			else if (!is_route(i))
				put_state(&c, p, i);
			if (c.bad) {
				free(content);
				return ERR_LIMIT;
			}
			h = map_siphash(1, 2, c.p, c.n) | 1;
			if (p->at[i].version && p->at[i].is == h)
				continue;
			/* The state for blocked watchers is written once, never over another's. */
			if (i == LP_BLOCKED && p->at[i].version)
				continue;
		} else if (!p->at[i].version || !removable(p, i))
			continue;
		if (p->one_category && category && strcmp(category, pl->category) != 0)
			continue;
		category = pl->category;
		p->at[i].will = h;
		p->at[i].index = ++n;
		wr_fmt(w,
		    "<publication categoryName=\"%s\" instance=\"%u\" container=\"%u\" "
		    "version=\"%u\" expireType=\"%s\"",
		    pl->category, instance(p, i), pl->container, p->at[i].version, pl->expire);
		if (want) {
			wr_str(w, ">");
			wr_slice_add(w, wr_slice(&c));
			wr_str(w, "</publication>");
		} else
			wr_str(w, " expires=\"0\"/>");
	}
	free(content);
	wr_str(w, "</publications></publish>");
	return w->bad ? ERR_LIMIT : (int)n;
}

void lync_pub_accepted(struct lync_pub *p)
{
	bool routed = p->at[LP_ROUTE_0].index != 0;

	for (unsigned i = 0; i < LP_N; i++) {
		if (!p->at[i].index)
			continue;
		p->at[i].is = p->at[i].will;
		/* A body may follow that knows it better. */
		p->at[i].version = p->at[i].will ? p->at[i].version + 1 : 0;
		p->at[i].index = 0;
		if (is_user(i)) {
			p->user_ours = p->at[i].will != 0;
			p->user_wanted = false;
		}
		if (is_note(i)) {
			p->note_ours = p->at[i].will != 0;
			p->note_wanted = false;
		}
	}
	if (routed) {
		free(p->route);
		p->route = NULL;
	}
}

bool lync_pub_conflict(struct lync_pub *p, const struct lync_fault *f)
{
	bool all = f->n > 0;

	for (unsigned k = 0; k < f->n; k++) {
		all &= f->op[k].has_current;
		/* Somebody changed the script: it is read again, and changed as it is then. */
		for (unsigned i = LP_ROUTE_0; i <= LP_ROUTE_100; i++)
			all &= !p->at[i].index || p->at[i].index != f->op[k].index;
		for (unsigned i = 0; i < LP_N; i++)
			if (f->op[k].has_current && p->at[i].index == f->op[k].index &&
			    p->at[i].index) {
				p->at[i].version = f->op[k].current;
				p->at[i].is = 0; /* what is there is not known */
			}
	}
	lync_pub_failed(p);
	return all;
}

void lync_pub_failed(struct lync_pub *p)
{
	for (unsigned i = 0; i < LP_N; i++)
		p->at[i].index = 0;
}

void lync_pub_refused(struct lync_pub *p)
{
	const char *category = NULL;
	bool several = false;

	for (unsigned i = 0; i < LP_N; i++) {
		if (!p->at[i].index)
			continue;
		several |= category && strcmp(category, places[i].category) != 0;
		category = places[i].category;
	}
	if (several)
		p->one_category = true;
	else
		for (unsigned i = 0; i < LP_N; i++)
			if (p->at[i].index)
				p->off |= 1u << i;
	lync_pub_failed(p);
}

void lync_pub_forget(struct lync_pub *p, const char *category)
{
	for (unsigned i = 0; i < LP_N; i++)
		if (strcmp(places[i].category, category) == 0)
			p->at[i].version = 0;
	if (strcmp(category, "routing") == 0) {
		free(p->script);
		p->script = NULL;
	}
}

void lync_pub_item(struct lync_pub *p, const struct lync_cat *c)
{
	for (unsigned i = 0; i < LP_N; i++) {
		if (strcmp(places[i].category, c->name) != 0 ||
		    places[i].container != c->container || instance(p, i) != c->instance)
			continue;
		if (i == LP_BLOCKED && strcmp(c->type, "aggregateState") != 0)
			continue;
		p->at[i].version = c->version;
		if (i == LP_ROUTE_0) {
			free(p->script);
			p->script = slice_dup(c->raw);
		}
		if (i == LP_NOTE_200 && !p->at[i].index && !p->note_wanted)
			p->note_ours = p->note[0] && strcmp(p->note, c->note) == 0;
		/* The newest hand-set state counts, whoever set it. Ours stays ours while it says what we say. */
		if (i != LP_USER_2 || p->at[i].index)
			continue;
		if (p->v.manual != PRES_MANUAL_NONE && c->availability == user_state(p->v.manual))
			p->user_ours = true;
		else if (!p->user_wanted) {
			p->overtaken = p->v.manual != PRES_MANUAL_NONE;
			/* When the wish for automatic is not told to the server yet, it is still ours. */
			if (p->overtaken)
				p->user_ours = false;
		}
	}
}

void lync_pub_text(const struct lync_pub *p, char *out, size_t cap)
{
	struct wr w = wr_of(out, cap);

	if (cap == 0)
		return;
	*out = '\0';
	if (p->at[LP_DEVICE].version)
		wr_str(&w, "device ");
	if (p->at[LP_MACHINE_2].version)
		wr_fmt(&w, "machine %u ", lync_pub_machine(&p->v));
	if (p->at[LP_PHONE_2].version)
		wr_str(&w, "phone ");
	if (p->at[LP_USER_2].version)
		wr_str(&w, p->user_ours ? "user" : "user (another client's)");
	if (!wr_nul(&w))
		*out = '\0';
}
