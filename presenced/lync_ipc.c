/* Lync presence by way of sipd: SERVICE and SUBSCRIBE go out as requests on the pres interface. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.pb-c.h"
#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "pres.pb-c.h"
#include "presenced/lync_user.h"
#include "presenced/presenced.h"
#include "presenced/watch.h"

#define ANSWER_MS    40000u /* above SIP's transaction time-out */
#define SETTING_MAX  256
#define SETTINGS_MAX 64
#define STARTS_S     20u /* users whose session begins per second */

struct asked { /* a question under way; its address is what ipc_forget() knows */
	struct lync_user *of;
	enum lync_ask what;
};
struct lync_user {
	struct lync lync; /* first */
	struct puser *u;
	struct asked asked[LYNC_ASKS];
	uint64_t sub; /* id of the roaming-self subscription, 0: none */
	uint64_t provision;
	struct setting *settings; /* of the provisioning that is being read */
	size_t nsettings, cap;
};
struct setting {
	char name[48], value[SETTING_MAX];
};

static struct lync_user *user_of(struct lync *l)
{
	return CONTAINER_OF(l, struct lync_user, lync);
}

static ProtobufCBinaryData bytes(struct slice s)
{
	return (ProtobufCBinaryData){ s.n, (uint8_t *)(uintptr_t)s.p };
}

static struct slice slice_of(protobuf_c_boolean has, ProtobufCBinaryData b)
{
	return has ? (struct slice){ (const char *)b.data, b.len } : (struct slice){ 0 };
}

static struct ipc_peer *sipd_peer(struct lync_user *x)
{
	return ipc_find(x->u->room->d->ipc, IPC_SIPD, 0);
}

static uint32_t retry_after(Pres__Header *const *h, size_t n)
{
	uint32_t v;

	for (size_t i = 0; i < n; i++)
		if (slice_ieq(slice_of(1, h[i]->name), SLICE_LIT("Retry-After")) &&
		    slice_u32(slice_trim(slice_of(1, h[i]->value)), 86400, &v) == 0)
			return v;
	return 0;
}

static void on_sent(void *ctx, int err, struct ipc_msg *m)
{
	struct asked *a = ctx;
	const Pres__Sent *s = err ? NULL : IPC_BODY(m, Pres__Sent);

	lync_answer(&a->of->lync, a->what, s ? s->code : 503,
	    s ? slice_of(s->has_body, s->body) : (struct slice){ 0 },
	    s ? retry_after(s->header, s->n_header) : 0);
}

static void on_subscribed(void *ctx, int err, struct ipc_msg *m)
{
	struct asked *a = ctx;
	const Pres__Subscribed *s = err ? NULL : IPC_BODY(m, Pres__Subscribed);

	if (a->what == LYNC_SELF && (!s || s->code >= 300))
		a->of->sub = 0;
	lync_answer(&a->of->lync, a->what, s ? s->code : 503,
	    s ? slice_of(s->has_body, s->body) : (struct slice){ 0 },
	    s ? retry_after(s->header, s->n_header) : 0);
}

static bool service(struct lync_user *x, struct asked *a, struct slice body)
{
	Pres__Send q = PRES__SEND__INIT;

	q.user = x->u->name;
	q.method = bytes(SLICE_LIT("SERVICE"));
	q.has_content_type = q.has_body = 1;
	q.content_type =
	    bytes(a->what == LYNC_SERVICE ? SLICE_LIT("application/msrtc-category-publish+xml")
	                                  : SLICE_LIT("application/msrtc-setcontainermembers+xml"));
	q.body = bytes(body);
	if (a->what == LYNC_SERVICE)
		stat_add(x->u->room->published, 1);
	return ipc_request(sipd_peer(x), IPC_IF_PRES, PRES__TYPE__PRES_SEND, &q.base,
	           &pres__sent__descriptor, ANSWER_MS, on_sent, a) == 0;
}

static bool ask(struct lync *l, enum lync_ask what, struct slice body)
{
	static const char *const lines[][2] = { { "Supported", "com.microsoft.autoextend" },
		{ "Supported", "ms-benotify" }, { "Proxy-Require", "ms-benotify" },
		{ "Supported", "ms-piggyback-first-notify" } };
	struct lync_user *x = user_of(l);
	struct asked *a = &x->asked[what];
	Pres__Subscribe q = PRES__SUBSCRIBE__INIT;
	Pres__Header h[ARRAY_LEN(lines)], *ptr[ARRAY_LEN(lines)];
	bool self = what == LYNC_SELF;

	*a = (struct asked){ x, what };
	if (what == LYNC_SERVICE || what == LYNC_MEMBERS)
		return service(x, a, body);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		pres__header__init(&h[i]);
		h[i].name = bytes(slice_str(lines[i][0]));
		h[i].value = bytes(slice_str(lines[i][1]));
		ptr[i] = &h[i];
	}
	struct slice type =
	    self ? SLICE_LIT("application/vnd-microsoft-roaming-self+xml")
	         : SLICE_LIT("application/vnd-microsoft-roaming-provisioning-v2+xml");
	q.user = x->u->name;
	q.id = id_u64();
	q.target = bytes(slice_str(l->pub.aor));
	q.event = bytes(self ? SLICE_LIT("vnd-microsoft-roaming-self")
	                     : SLICE_LIT("vnd-microsoft-provisioning-v2"));
	q.has_accept = q.has_content_type = q.has_body = 1;
	q.accept = q.content_type = bytes(type);
	q.body = bytes(body);
	q.has_expires_s = 1;
	q.expires_s = self ? 28800 : 0;
	q.header = ptr;
	q.n_header = ARRAY_LEN(lines);
	if (ipc_request(sipd_peer(x), IPC_IF_PRES, PRES__TYPE__PRES_SUBSCRIBE, &q.base,
	        &pres__subscribed__descriptor, ANSWER_MS, on_subscribed, a))
		return false;
	*(self ? &x->sub : &x->provision) = q.id;
	return true;
}

static void on_left(void *ctx, int err, struct ipc_msg *m)
{
	(void)ctx, (void)err, (void)m;
}

static void leave(struct lync *l)
{
	struct lync_user *x = user_of(l);
	Pres__Unsubscribe q = PRES__UNSUBSCRIBE__INIT;

	if (!x->sub)
		return;
	q.user = x->u->name;
	q.id = x->sub;
	x->sub = 0;
	if (ipc_request(sipd_peer(x), IPC_IF_PRES, PRES__TYPE__PRES_UNSUBSCRIBE, &q.base,
	        &call__ok__descriptor, ANSWER_MS, on_left, NULL))
		return; /* sipd is away: its subscriptions ended with it */
}

static void forget(struct lync *l)
{
	struct lync_user *x = user_of(l);

	for (size_t i = 0; i < LYNC_ASKS; i++)
		ipc_forget(x->u->room->d->ipc, &x->asked[i]);
}

static void mail(struct lync *l, uint32_t unread, uint32_t read)
{
	struct lync_user *x = user_of(l);
	struct ipc_peer *p = sipd_peer(x);
	Call__Notice n = CALL__NOTICE__INIT;

	n.user = x->u->name;
	n.has_messages_new = n.has_messages_old = 1;
	n.messages_new = unread;
	n.messages_old = read;
	if (p)
		(void)ipc_event(p, IPC_IF_PRES, PRES__TYPE__PRES_MWI, &n.base);
}

static void overtaken(struct lync *l)
{
	struct puser *u = user_of(l)->u;

	if (puser_manual(u, PRES_MANUAL_NONE, 0))
		log_ev(LOG_WARNING, "a state set by hand could not be taken back", F_USER(u->name));
}

static void once(struct lync *l)
{
	struct lync_user *x = user_of(l);

	if (store_boot_set(x->u->room->store, x->u->name, l->pub.aor, l->done))
		return; /* said there; done again at the next registration where it is missing */
}

/* What sipd can use or show: MS-SIPREGE 2.2.2.5. The rest stays here. */
static void setting(struct lync *l, const char *group, const char *name, struct slice value)
{
	static const char *const known[] = { "ucPC2PCAVEncryption", "ucPortRangeEnabled",
		"ucMinMediaPort", "ucMaxMediaPort", "ucMinAudioPort", "ucMaxAudioPort", "mrasUri",
		"qosEnabled", "ucDiffServVoice", "ucVoice802_1p", "enableBWPolicyCheck",
		"focusFactoryUri", "callParkServerUri", "voiceMailUri", "botSipUriForTestCall",
		"ucLocationProfile", "ucEnableSIPSecurityMode", "poolUri", "ucExchangeMWIPoll",
		"bypassEnabled", "externalBypassMode", "internalBypassMode", "bypassId",
		"AllowSimultaneousRinging", "AllowCallForwarding",
		"EnhancedEmergencyServicesEnabled", "LocationPolicyTagID", "DisablePhonePresence",
		"DisablePresenceNote", "EnablePrivacyMode", "DisableMusicOnHold" };
	struct lync_user *x = user_of(l);
	struct setting *s;
	bool take = false;

	(void)group;
	for (size_t i = 0; i < ARRAY_LEN(known) && !take; i++)
		take = strcmp(known[i], name) == 0;
	if (!take || x->nsettings == SETTINGS_MAX || value.n >= SETTING_MAX)
		return;
	if (x->nsettings == x->cap)
		x->settings = mem_grow(x->settings, x->cap += 16, sizeof(*x->settings));
	s = &x->settings[x->nsettings++];
	snprintf(s->name, sizeof(s->name), "%s", name);
	puser_text(s->value, sizeof(s->value), value);
}

static void provisioned(struct lync *l)
{
	struct lync_user *x = user_of(l);
	struct ipc_peer *p = sipd_peer(x);
	Pres__Provision v = PRES__PROVISION__INIT;
	Pres__Header h[SETTINGS_MAX], *ptr[SETTINGS_MAX];

	for (size_t i = 0; i < x->nsettings; i++) {
		pres__header__init(&h[i]);
		h[i].name = bytes(slice_str(x->settings[i].name));
		h[i].value = bytes(slice_str(x->settings[i].value));
		ptr[i] = &h[i];
	}
	v.user = x->u->name;
	v.item = ptr;
	v.n_item = x->nsettings;
	if (p)
		(void)ipc_event(p, IPC_IF_PRES, PRES__TYPE__PRES_PROVISION, &v.base);
	free(x->settings);
	x->settings = NULL;
	x->nsettings = x->cap = 0;
}

static const struct lync_ops ops = { ask, leave, forget, mail, overtaken, once, setting,
	provisioned };

void lync_user_reg(struct puser *u, const Pres__Reg *r)
{
	struct presenced *p = u->room;
	const struct presenced_conf *c = p->d->conf;
	struct pres_view v;
	uint64_t now = tmr_now(p->d->wheel);
	char aor[320];

	if (!r->up || !r->lync || r->limited) {
		if (u->lync)
			lync_down(&u->lync->lync);
		return;
	}
	if (!u->lync) {
		u->lync = mem_new(sizeof(*u->lync));
		u->lync->u = u;
		lync_init(&u->lync->lync, p->d->wheel, &ops);
		pres_user_view(&u->pres, &v);
		lync_view(&u->lync->lync, &v);
		lync_note(&u->lync->lync, u->note);
	}
	u->lync->lync.bootstrap = c->bootstrap;
	u->lync->lync.federated = c->bootstrap_federated;
	puser_text(aor, sizeof(aor), slice_of(r->has_aor, r->aor));
	u->lync->lync.done = store_boot_get(p->store, u->name, aor);
	/* After a restart of many users the server is not to be flooded. */
	if (p->lync_next < now)
		p->lync_next = now;
	p->lync_next += 1000 / STARTS_S;
	lync_up(&u->lync->lync, slice_of(r->has_aor, r->aor), slice_of(r->has_epid, r->epid),
	    slice_of(r->has_instance, r->instance), true, (uint32_t)(p->lync_next - now));
}

void lync_user_notify(struct puser *u, const Pres__Notify *n)
{
	struct lync_user *x = u->lync;

	if (x && n->id && n->id == x->provision)
		lync_provisioning(&x->lync, slice_of(n->has_body, n->body));
	if (!x || !x->sub || n->id != x->sub)
		return;
	if (n->ended)
		x->sub = 0;
	lync_notify(&x->lync, slice_of(n->has_body, n->body), n->ended);
}

void lync_user_view(struct puser *u, const struct pres_view *v)
{
	if (u->lync)
		lync_view(&u->lync->lync, v);
}

enum pres_shown lync_user_own(const struct puser *u)
{
	const struct lync *l = u->lync ? &u->lync->lync : NULL;

	return l && u->registered ? watch_of_lync(l->own, l->own_token) : SHOWN_UNKNOWN;
}

int lync_user_route(struct puser *u, const struct lync_route *r)
{
	return u->lync ? lync_route_set(&u->lync->lync, r) : ERR_UNSUPP;
}

void lync_user_route_text(const struct puser *u, char *out, size_t cap)
{
	const char *script = u->lync ? u->lync->lync.pub.script : NULL;

	lync_route_text(slice_str(script ? script : ""), out, cap);
}

void lync_user_note(struct puser *u)
{
	if (u->lync)
		lync_note(&u->lync->lync, u->note);
}

void lync_user_down(struct puser *u)
{
	if (u->lync) {
		u->lync->sub = 0; /* ended with sipd */
		lync_down(&u->lync->lync);
	}
}

void lync_user_free(struct puser *u)
{
	if (!u->lync)
		return;
	lync_fini(&u->lync->lync);
	free(u->lync->settings);
	free(u->lync);
	u->lync = NULL;
}

bool lync_user_text(const struct puser *u, char *out, size_t cap)
{
	if (!u->lync)
		return false;
	lync_text(&u->lync->lync, out, cap);
	return true;
}
