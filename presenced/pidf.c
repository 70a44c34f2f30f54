/* PIDF, RPID and dialog-info. */
#include "presenced/pidf.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"
#include "common/sax.h"

/* ---- writing ---- */

static void put_time(struct wr *w, uint64_t t)
{
	time_t s = (time_t)t;
	struct tm tm;
	char text[32];

	if (gmtime_r(&s, &tm) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		wr_str(w, text);
}

/* RPID has no word for some states: the note says them. */
static const struct {
	const char *activity, *note;
} of_manual[] = {
	[PRES_MANUAL_NONE] = { NULL, NULL },
	[PRES_MANUAL_AVAILABLE] = { NULL, "Available" },
	[PRES_MANUAL_BUSY] = { "busy", "Busy" },
	[PRES_MANUAL_DND] = { "busy", "Do not disturb" },
	[PRES_MANUAL_BRB] = { "away", "Be right back" },
	[PRES_MANUAL_AWAY] = { "away", "Away" },
	[PRES_MANUAL_OFF_WORK] = { "away", "Off work" },
};

static const char *note_of(const struct pres_view *v)
{
	if (v->offline)
		return "Offline";
	if (v->manual > PRES_MANUAL_AVAILABLE)
		return of_manual[v->manual].note;
	if (v->on_phone)
		return v->conference ? "In a conference" : "In a call";
	if (v->manual == PRES_MANUAL_AVAILABLE || v->auto_state == PRES_AVAILABLE)
		return "Available";
	return v->auto_state == PRES_INACTIVE ? "Inactive" : "Away";
}

void pidf_put(struct wr *w, const struct pidf_self *s)
{
	const struct pres_view *v = &s->v;
	bool away = v->auto_state != PRES_AVAILABLE && v->auto_state != PRES_INACTIVE &&
	            v->auto_state != PRES_IN_CALL,
	     idle =
	         !v->on_phone && v->auto_state != PRES_AVAILABLE && v->auto_state != PRES_IN_CALL;
	const char *manual = of_manual[v->manual].activity;

	wr_str(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	          "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" "
	          "xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" "
	          "xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"");
	sax_escape(w, s->aor);
	wr_fmt(w, "\"><tuple id=\"t%s\"><status><basic>%s</basic></status><contact>", s->id,
	    v->offline ? "closed" : "open");
	sax_escape(w, s->aor);
	wr_str(w, "</contact><note>");
	sax_escape(w, note_of(v));
	wr_str(w, "</note><timestamp>");
	put_time(w, s->now);
	wr_fmt(w, "</timestamp></tuple><dm:person id=\"p%s\">", s->id);
	/* A call shows beside what was set by hand; automatic Away ends with it. */
	if (manual || v->on_phone || (away && v->manual == PRES_MANUAL_NONE)) {
		wr_str(w, "<rpid:activities>");
		if (v->on_phone)
			wr_str(w, "<rpid:on-the-phone/>");
		if (manual)
			wr_fmt(w, "<rpid:%s/>", manual);
		else if (!v->on_phone)
			wr_str(w, "<rpid:away/>");
		wr_str(w, "</rpid:activities>");
	}
	wr_str(w, "<dm:note>");
	sax_escape(w, s->note[0] ? s->note : note_of(v));
	wr_str(w, "</dm:note><dm:timestamp>");
	put_time(w, s->now);
	wr_fmt(w, "</dm:timestamp></dm:person><dm:device id=\"d%s\"><rpid:user-input", s->id);
	if (s->used) {
		wr_str(w, " last-input=\"");
		put_time(w, s->used);
		wr_str(w, "\"");
	}
	if (idle)
		wr_fmt(w, " idle-threshold=\"%u\"", (unsigned)s->idle_s);
	wr_fmt(w,
	    ">%s</rpid:user-input><dm:deviceID>urn:uuid:%.8s-%.4s-8%.3s-8000-%.12s"
	    "</dm:deviceID></dm:device></presence>",
	    idle ? "idle" : "active", s->id, s->id + 8, s->id + 12, s->id + 4);
}

void dialoginfo_put(
    struct wr *w, const struct pidf_self *s, enum lamp l, bool initiator, uint32_t version)
{
	wr_fmt(w,
	    "<?xml version=\"1.0\"?>\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" "
	    "version=\"%u\" state=\"full\" entity=\"",
	    (unsigned)version);
	sax_escape(w, s->aor);
	wr_str(w, "\">");
	/* Idle is no dialog: Kamailio keeps a publication that said "terminated" so for ever. */
	if (l != LAMP_IDLE)
		wr_fmt(w, "<dialog id=\"%s\" direction=\"%s\"><state>%s</state></dialog>", s->id,
		    initiator ? "initiator" : "recipient", l == LAMP_BUSY ? "confirmed" : "early");
	wr_str(w, "</dialog-info>");
}

/* ---- reading ---- */

struct reading {
	struct sax x;
	struct pidf_other *o, person; /* person: the one that is being read */
	bool in_person,
	    in_activities; /* activities also stand in a tuple, with RPID's predecessors */
	char stamp[40], newest[40];
};

static void pidf_start(struct sax *x, const char *name, const char **atts)
{
	struct reading *r = CONTAINER_OF(x, struct reading, x);
	struct pidf_other *p = &r->person;

	(void)atts;
	if (!sax_count(x))
		return;
	if (strcmp(name, "person") == 0) {
		memset(p, 0, sizeof(*p));
		r->stamp[0] = '\0';
		r->in_person = true;
	} else if (strcmp(name, "activities") == 0) {
		r->in_activities = true;
	} else if (r->in_activities) {
		struct pidf_other *to = r->in_person ? p : r->o;

		to->on_phone |= strcmp(name, "on-the-phone") == 0;
		to->busy |= strcmp(name, "busy") == 0;
		to->dnd |= strcmp(name, "dnd") == 0 || strcmp(name, "do-not-disturb") == 0;
		to->meeting |= strcmp(name, "meeting") == 0 || strcmp(name, "appointment") == 0;
		to->away |= strcmp(name, "away") == 0 || strcmp(name, "vacation") == 0 ||
		            strcmp(name, "sleeping") == 0 || strcmp(name, "permanent-absence") == 0;
	}
}

static void person_end(struct reading *r)
{
	bool open = r->o->open, idle = r->o->idle;

	r->in_person = false;
	/* Time stamps in UTC compare as text. */
	if (r->newest[0] && strcmp(r->stamp, r->newest) < 0)
		return;
	memcpy(r->newest, r->stamp, sizeof(r->newest));
	if (!r->person.note[0])
		memcpy(r->person.note, r->o->note, sizeof(r->person.note));
	r->person.idle |= idle;
	*r->o = r->person;
	r->o->open = open;
}

static void pidf_end(struct sax *x, const char *name, struct slice text)
{
	struct reading *r = CONTAINER_OF(x, struct reading, x);
	struct pidf_other *to = r->in_person ? &r->person : r->o;

	if (strcmp(name, "basic") == 0)
		r->o->open |= slice_eq(text, SLICE_LIT("open"));
	else if (strcmp(name, "user-input") == 0)
		to->idle = slice_eq(text, SLICE_LIT("idle"));
	else if (strcmp(name, "note") == 0 && text.n && (r->in_person || !to->note[0]))
		sax_put_slice(to->note, sizeof(to->note), text);
	else if (strcmp(name, "timestamp") == 0 && r->in_person)
		sax_put_slice(r->stamp, sizeof(r->stamp), text);
	else if (strcmp(name, "activities") == 0)
		r->in_activities = false;
	else if (strcmp(name, "person") == 0 && r->in_person)
		person_end(r);
}

int pidf_parse(struct slice doc, struct pidf_other *o)
{
	struct reading r = { .x = { .start = pidf_start, .end = pidf_end, .root = "presence" },
		.o = o };

	memset(o, 0, sizeof(*o));
	return sax_run(&r.x, doc);
}

struct lamps {
	struct sax x;
	enum lamp lamp;
	bool recipient, full, in_dialog;
	uint32_t version;
};

static void dialoginfo_start(struct sax *x, const char *name, const char **atts)
{
	struct lamps *l = CONTAINER_OF(x, struct lamps, x);
	const char *v;

	if (!sax_count(x))
		return;
	if (strcmp(name, "dialog-info") == 0) {
		(void)sax_number(sax_attr(atts, "version"), &l->version);
		v = sax_attr(atts, "state");
		l->full = !v || strcmp(v, "full") == 0;
	} else if (strcmp(name, "dialog") == 0) {
		v = sax_attr(atts, "direction");
		l->recipient = !v || strcmp(v, "recipient") == 0;
		l->in_dialog = true;
	}
}

static void dialoginfo_end(struct sax *x, const char *name, struct slice text)
{
	struct lamps *l = CONTAINER_OF(x, struct lamps, x);

	if (strcmp(name, "dialog") == 0) {
		l->in_dialog = false;
	} else if (strcmp(name, "state") == 0 && l->in_dialog) {
		bool early = slice_eq(text, SLICE_LIT("early")), ringing = early && l->recipient;
		/* trying, proceeding, early of a caller: the line is taken */
		if (slice_eq(text, SLICE_LIT("terminated")))
			return;
		if (!ringing)
			l->lamp = LAMP_BUSY;
		else if (l->lamp == LAMP_IDLE)
			l->lamp = LAMP_RINGING;
	}
}

int dialoginfo_parse(struct slice doc, enum lamp *l, uint32_t *version, bool *full)
{
	struct lamps r = {
		.x = { .start = dialoginfo_start, .end = dialoginfo_end, .root = "dialog-info" }
	};
	int err = sax_run(&r.x, doc);

	*l = r.lamp;
	*version = r.version;
	*full = r.full;
	return err;
}
