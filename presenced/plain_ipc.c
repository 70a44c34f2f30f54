/* Plain SIP presence by way of sipd: PUBLISH requests on the pres interface. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "pres.pb-c.h"
#include "presenced/pidf.h"
#include "presenced/plain_user.h"
#include "presenced/presenced.h"
#include "presenced/publish.h"

#define ANSWER_MS 40000u /* above SIP's transaction time-out */
#define STARTS_S  50u    /* users whose first publication goes out per second */

enum { PRESENCE, DIALOG, NEVENTS };
static const struct {
	const char *event, *type;
} events[NEVENTS] = { { "presence", PIDF_TYPE }, { "dialog", DIALOGINFO_TYPE } };

struct one {
	struct publish p; /* first */
	struct plain_user *of;
	unsigned event;
	bool on;
};
struct plain_user {
	struct puser *u;
	struct one one[NEVENTS];
	char aor[320], id[17];
	enum lamp lamp;
	bool initiator;
	uint32_t version; /* of the dialog document */
};

static struct one *one_of(struct publish *p)
{
	return CONTAINER_OF(p, struct one, p);
}

static ProtobufCBinaryData bytes(struct slice s)
{
	return (ProtobufCBinaryData){ s.n, (uint8_t *)(uintptr_t)s.p };
}

static struct slice header(Pres__Header *const *h, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (slice_ieq((struct slice){ (const char *)h[i]->name.data, h[i]->name.len },
		        slice_str(name)))
			return slice_trim(
			    (struct slice){ (const char *)h[i]->value.data, h[i]->value.len });
	return (struct slice){ 0 };
}

static uint32_t seconds(Pres__Header *const *h, size_t n, const char *name)
{
	struct slice v = header(h, n, name);
	uint32_t out;

	v.n = slice_chr(v, ';'); /* Retry-After: 18;duration=… */
	return slice_u32(slice_trim(v), UINT32_MAX / 1000, &out) ? 0 : out;
}

static void on_sent(void *ctx, int err, struct ipc_msg *m)
{
	struct one *o = ctx;
	const Pres__Sent *s = err ? NULL : IPC_BODY(m, Pres__Sent);

	if (s)
		publish_answer(&o->p, s->code, header(s->header, s->n_header, "SIP-ETag"),
		    seconds(s->header, s->n_header, "Expires"),
		    seconds(s->header, s->n_header, "Min-Expires"),
		    seconds(s->header, s->n_header, "Retry-After"));
	else
		publish_answer(&o->p, 503, (struct slice){ 0 }, 0, 0, 0);
}

static void put_body(struct one *o, struct wr *w)
{
	struct plain_user *x = o->of;
	const struct puser *u = x->u;
	uint64_t wheel = tmr_now(u->room->d->wheel), now = (uint64_t)time(NULL);
	struct pidf_self s = { .aor = x->aor, .id = x->id, .note = u->note, .now = now };

	pres_user_view(&u->pres, &s.v);
	s.used = s.v.since_ms ? now - (wheel - s.v.since_ms) / 1000 : 0;
	s.idle_s = u->pres.policy->available_ms / 1000;
	if (o->event == PRESENCE) {
		pidf_put(w, &s);
		return;
	}
	/* Greater than any before, also before a restart. */
	x->version = x->version >= (uint32_t)now ? x->version + 1 : (uint32_t)now;
	dialoginfo_put(w, &s, x->lamp, x->initiator, x->version);
}

static bool publish_send(struct publish *p, bool body, const char *tag, uint32_t expires_s)
{
	struct one *o = one_of(p);
	struct puser *u = o->of->u;
	Pres__Send q = PRES__SEND__INIT;
	Pres__Header h[3], *ptr[3];
	char expires[12], *doc = NULL;
	int err;

	snprintf(expires, sizeof(expires), "%u", (unsigned)expires_s);
	const char *const lines[3][2] = { { "Event", events[o->event].event },
		{ "Expires", expires }, { "SIP-If-Match", tag } };
	for (size_t i = 0; i < 3; i++) {
		pres__header__init(&h[i]);
		h[i].name = bytes(slice_str(lines[i][0]));
		h[i].value = bytes(slice_str(lines[i][1]));
		ptr[i] = &h[i];
	}
	q.user = u->name;
	q.method = bytes(SLICE_LIT("PUBLISH"));
	q.header = ptr;
	q.n_header = *tag ? 3 : 2;
	if (body) {
		struct wr w = wr_of(doc = mem_new(PIDF_DOC), PIDF_DOC);

		put_body(o, &w);
		BUG_ON(w.bad);
		q.has_content_type = q.has_body = 1;
		q.content_type = bytes(slice_str(events[o->event].type));
		q.body = bytes(wr_slice(&w));
		stat_add(u->room->published, 1);
	}
	err = ipc_request(ipc_find(u->room->d->ipc, IPC_SIPD, 0), IPC_IF_PRES,
	    PRES__TYPE__PRES_SEND, &q.base, &pres__sent__descriptor, ANSWER_MS, on_sent, o);
	free(doc);
	return err == 0;
}

static void publish_forget(struct publish *p)
{
	struct one *o = one_of(p);

	ipc_forget(o->of->u->room->d->ipc, o);
}

static void publish_tag(struct publish *p)
{
	struct one *o = one_of(p);
	struct puser *u = o->of->u;
	uint64_t now = tmr_now(u->room->d->wheel);

	store_etag_set(u->room->store, u->name, events[o->event].event, o->of->aor,
	    slice_str(p->tag),
	    p->lapses > now ? (uint64_t)time(NULL) + (p->lapses - now) / 1000 : 0);
}

static const struct publish_ops ops = { publish_send, publish_forget, publish_tag };

static void want(struct plain_user *x)
{
	const struct puser *u = x->u;
	struct pres_view v;
	char text[256];

	pres_user_view(&u->pres, &v);
	snprintf(text, sizeof(text), "%d %d %d %d %d %s", (int)v.auto_state, (int)v.manual,
	    v.on_phone, v.conference, v.offline, u->note);
	publish_want(&x->one[PRESENCE].p, map_siphash(1, 2, text, strlen(text)) | 1);
	publish_want(&x->one[DIALOG].p, 1u | (unsigned)x->lamp << 1 | (unsigned)x->initiator << 4);
}

static struct plain_user *make(struct puser *u, struct slice aor)
{
	struct plain_user *x = mem_new(sizeof(*x));

	u->plain = x;
	x->u = u;
	puser_text(x->aor, sizeof(x->aor), aor);
	snprintf(x->id, sizeof(x->id), "%016llx",
	    (unsigned long long)map_siphash(3, 4, x->aor, strlen(x->aor)));
	for (unsigned i = 0; i < NEVENTS; i++) {
		x->one[i].of = x;
		x->one[i].event = i;
		publish_init(&x->one[i].p, u->room->d->wheel, &ops);
	}
	return x;
}

void plain_user_reg(struct puser *u, const Pres__Reg *r)
{
	struct presenced *p = u->room;
	const struct presenced_conf *c = p->d->conf;
	struct plain_user *x = u->plain;
	uint64_t now = tmr_now(p->d->wheel), unix_now = (uint64_t)time(NULL);
	char tag[PUBLISH_TAG];

	if (!r->up || r->has_lync || !r->has_aor) {
		for (unsigned i = 0; x && i < NEVENTS; i++)
			publish_down(&x->one[i].p, !r->has_lync);
		return;
	}
	if (x &&
	    !slice_eq(slice_str(x->aor), (struct slice){ (const char *)r->aor.data, r->aor.len })) {
		plain_user_free(u);
		x = NULL;
	}
	if (!x)
		x = make(u, (struct slice){ (const char *)r->aor.data, r->aor.len });
	want(x);
	for (unsigned i = 0; i < NEVENTS; i++) {
		struct one *o = &x->one[i];
		uint64_t left = 0;

		o->on = false;
		for (size_t k = 0; k < c->publish.n; k++)
			o->on |= strcmp(c->publish.v[k], events[i].event) == 0;
		if (!o->on) {
			publish_down(&o->p, true);
			continue;
		}
		if (p->plain_next < now)
			p->plain_next = now;
		p->plain_next += 1000 / STARTS_S;
		if (o->p.tag[0])
			snprintf(tag, sizeof(tag), "%s", o->p.tag);
		else if (!store_etag_get(p->store, u->name, events[i].event, x->aor, unix_now, tag,
		             sizeof(tag)))
			tag[0] = '\0';
		if (tag[0])
			left = o->p.lapses > now ? o->p.lapses - now : c->publish_expires * 1000ull;
		publish_up(&o->p, c->publish_expires, (uint32_t)(p->plain_next - now), tag, left);
	}
}

void plain_user_calls(struct puser *u, const Pres__Calls *c)
{
	struct plain_user *x = u->plain;

	if (!x)
		return;
	x->lamp = c->active                          ? LAMP_BUSY
	          : c->has_ringing && c->ringing > 0 ? LAMP_RINGING
	                                             : LAMP_IDLE;
	x->initiator = c->active && c->has_initiator && c->initiator;
	want(x);
}

void plain_user_view(struct puser *u, const struct pres_view *v)
{
	(void)v;
	if (u->plain)
		want(u->plain);
}

void plain_user_note(struct puser *u)
{
	if (u->plain)
		want(u->plain);
}

void plain_user_down(struct puser *u)
{
	for (unsigned i = 0; u->plain && i < NEVENTS; i++)
		publish_down(&u->plain->one[i].p, false);
}

void plain_user_free(struct puser *u)
{
	if (!u->plain)
		return;
	for (unsigned i = 0; i < NEVENTS; i++)
		publish_fini(&u->plain->one[i].p);
	free(u->plain);
	u->plain = NULL;
}

bool plain_user_text(const struct puser *u, char *out, size_t cap)
{
	const struct plain_user *x = u->plain;
	struct wr w = wr_of(out, cap);
	bool any = false;

	for (unsigned i = 0; x && i < NEVENTS; i++) {
		const struct one *o = &x->one[i];

		if (!o->on)
			continue;
		wr_fmt(&w, "%s%s%s%s", any ? ", " : "", events[i].event,
		    publish_live(&o->p) ? "" : ": ",
		    publish_live(&o->p) ? ""
		    : o->p.why[0]       ? o->p.why
		                        : fsm_state_name(&o->p.fsm));
		any = true;
	}
	return any && wr_nul(&w);
}
