/* A user's presence session at a Lync front end. */
#include "presenced/pub_lync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"

#define PACE_MS     1000u
#define TRIES_MAX   3u
#define MEMBERS_MAX 3u
#define POLL_MS     28800000u /* provisioning is asked for again */
#define PAUSE_MS    30000u
#define BACKOFF_LO  5000u
#define BACKOFF_HI  300000u
#define HOUR_MS     3600000u

enum { ST_OFF, ST_WAIT, ST_PROVISION, ST_SELF, ST_READY, ST_STOPPED };
enum { EV_UP, EV_DOWN, EV_TIMER, EV_ANSWER, EV_AGAIN, EV_STOP, NEV };

static struct lync *lync_of(struct fsm *m)
{
	return CONTAINER_OF(m, struct lync, fsm);
}

static const char provision_body[] =
    "<provisioningGroupList xmlns=\"http://schemas.microsoft.com/2006/09/sip/"
    "provisioninggrouplist\"><provisioningGroup name=\"ServerConfiguration\"/>"
    "<provisioningGroup name=\"ucPolicy\"/><provisioningGroup name=\"mediaConfiguration\"/>"
    "<provisioningGroup name=\"locationPolicy\"/>"
    "<provisioningGroup name=\"endpointConfiguration\"/>"
    "<provisioningGroup name=\"presencePolicyV2\"/></provisioningGroupList>";
static const char self_body[] =
    "<roamingList xmlns=\"http://schemas.microsoft.com/2006/09/sip/roaming-self\">"
    "<roaming type=\"categories\"/><roaming type=\"containers\"/></roamingList>";

static uint32_t wait_ms(struct lync *l)
{
	uint32_t ms = l->backoff_ms ? l->backoff_ms : BACKOFF_LO;

	l->backoff_ms = ms < BACKOFF_HI / 2 ? ms * 2 : BACKOFF_HI;
	return ms - ms / 4 + id_below(ms / 2);
}

static int act_provision(struct fsm *m, int ev, const void *arg)
{
	struct lync *l = lync_of(m);

	(void)ev, (void)arg;
	l->first_ms = 0;
	return l->ops->ask(l, LYNC_PROVISION, SLICE_LIT(provision_body)) ? FSM_NEXT : ST_WAIT;
}

static int act_self(struct fsm *m, int ev, const void *arg)
{
	struct lync *l = lync_of(m);

	(void)ev, (void)arg;
	l->has_se = l->has_fed = false;
	l->version_100 = l->version_200 = 0;
	return l->ops->ask(l, LYNC_SELF, SLICE_LIT(self_body)) ? FSM_NEXT : ST_WAIT;
}

static int act_poll(struct fsm *m, int ev, const void *arg)
{
	struct lync *l = lync_of(m);

	(void)ev, (void)arg;
	/* Not answered: the next one comes. */
	(void)l->ops->ask(l, LYNC_PROVISION, SLICE_LIT(provision_body));
	return FSM_NEXT;
}

static int act_again(struct fsm *m, int ev, const void *arg)
{
	struct lync *l = lync_of(m);

	(void)ev, (void)arg;
	l->ops->leave(l);
	return FSM_NEXT;
}

static const struct fsm_state states[] = {
	[ST_OFF] = { .name = "OFF" },
	[ST_WAIT] = { .name = "WAIT", .timer = "wait", .ms = BACKOFF_LO },
	[ST_PROVISION] = { .name = "PROVISION" },
	[ST_SELF] = { .name = "SELF" },
	[ST_READY] = { .name = "READY", .timer = "provisioning", .ms = POLL_MS },
	[ST_STOPPED] = { .name = "STOPPED", .timer = "stopped", .ms = HOUR_MS },
};
/* clang-format off */
static const struct fsm_row rows[] = {
	{ ST_OFF,       EV_UP,     ST_WAIT,      0, NULL },
	{ ST_WAIT,      EV_DOWN,   ST_OFF,       0, NULL },
	{ ST_WAIT,      EV_TIMER,  ST_PROVISION, FSM_M(ST_WAIT), act_provision },
	{ ST_WAIT,      EV_AGAIN,  ST_WAIT,      0, NULL },
	{ ST_PROVISION, EV_DOWN,   ST_OFF,       0, NULL },
	{ ST_PROVISION, EV_ANSWER, ST_SELF,      FSM_M(ST_WAIT), act_self },
	{ ST_SELF,      EV_DOWN,   ST_OFF,       0, NULL },
	{ ST_SELF,      EV_ANSWER, ST_READY,     0, NULL },
	{ ST_SELF,      EV_AGAIN,  ST_WAIT,      0, act_again },
	{ ST_SELF,      EV_STOP,   ST_STOPPED,   0, act_again },
	{ ST_READY,     EV_DOWN,   ST_OFF,       0, NULL },
	{ ST_READY,     EV_TIMER,  ST_READY,     0, act_poll },
	{ ST_READY,     EV_AGAIN,  ST_WAIT,      0, act_again },
	{ ST_READY,     EV_STOP,   ST_STOPPED,   0, act_again },
	{ ST_STOPPED,   EV_DOWN,   ST_OFF,       0, NULL },
	{ ST_STOPPED,   EV_TIMER,  ST_PROVISION, FSM_M(ST_WAIT), act_provision },
};
/* clang-format on */
static const char *const ev_names[] = { "up", "down", "timer", "answer", "again", "stop" };
const struct fsm_def lync_fsm = { .name = "lync-presence",
	.states = states,
	.nstates = ARRAY_LEN(states),
	.rows = rows,
	.nrows = ARRAY_LEN(rows),
	.ev_names = ev_names,
	.nev = NEV,
	.ev_timer = EV_TIMER,
	.fail = ST_WAIT };

static void timer_start(struct fsm *m, uint32_t ms)
{
	struct lync *l = lync_of(m);

	if (m->st == ST_WAIT)
		ms = l->first_ms ? l->first_ms : wait_ms(l);
	tmr_start(&l->timer, ms);
}

static void timer_stop(struct fsm *m)
{
	tmr_stop(&lync_of(m)->timer);
}

static void moved(struct fsm *m, int from, int ev, int to)
{
	(void)m, (void)from, (void)ev, (void)to;
}

static const struct fsm_env env = { timer_start, timer_stop, moved, NULL };

/* ---- publishing ---- */

static void flush(struct lync *l)
{
	char *doc;
	struct wr w;
	uint64_t now = tmr_now(l->pace.w);
	int n;

	if (l->fsm.st != ST_READY || l->busy || tmr_pending(&l->pace))
		return;
	if (l->sent_at && now < l->sent_at + PACE_MS) {
		tmr_start(&l->pace, l->sent_at + PACE_MS - now);
		return;
	}
	doc = mem_new(LYNC_PUB_DOC);
	w = wr_of(doc, LYNC_PUB_DOC);
	n = lync_pub_build(&l->pub, &w);
	if (n > 0) {
		l->sent_at = now;
		l->busy = l->ops->ask(l, LYNC_SERVICE, wr_slice(&w));
		if (!l->busy) {
			lync_pub_failed(&l->pub);
			tmr_start(&l->pace, wait_ms(l));
		}
	}
	free(doc);
}

static void on_pace(struct tmr *t, void *ctx)
{
	(void)t;
	flush(ctx);
}

static void on_timer(struct tmr *t, void *ctx)
{
	struct lync *l = ctx;

	(void)t;
	(void)fsm_event(&l->fsm, EV_TIMER, NULL);
}

/* Answers that are still to come belong to a session that is over: taken as those of the next one they would confirm what
 * was never published. */
static void abandon(struct lync *l, const char *why)
{
	snprintf(l->why, sizeof(l->why), "%s", why);
	l->ops->forget(l);
	l->busy = false;
	l->doing = 0;
	lync_pub_failed(&l->pub);
	tmr_stop(&l->pace);
}

static void again(struct lync *l, const char *why, uint32_t ms)
{
	abandon(l, why);
	l->first_ms = ms;
	(void)fsm_event(&l->fsm, EV_AGAIN, NULL);
	l->first_ms = 0;
}

static void stop(struct lync *l, const char *why)
{
	abandon(l, why);
	(void)fsm_event(&l->fsm, EV_STOP, NULL);
}

/* ---- what the server tells ---- */

static void on_forget(void *ctx, const char *name)
{
	lync_pub_forget(&((struct lync *)ctx)->pub, name);
}

static void on_item(void *ctx, const struct lync_cat *c)
{
	struct lync *l = ctx;

	lync_pub_item(&l->pub, c);
	if (strcmp(c->type, "aggregateState") == 0 && c->container == 2) {
		l->own = c->availability;
		memcpy(l->own_token, c->token, sizeof(l->own_token));
	}
	if (c->line[0])
		memcpy(l->line, c->line, sizeof(l->line));
	if (!c->mwi)
		return;
	uint32_t unread = c->counted ? c->unread : c->waiting, read = c->counted ? c->read : 0;
	if (!l->mail_known || unread != l->unread || read != l->read)
		l->ops->mail(l, unread, read);
	l->mail_known = true;
	l->unread = unread;
	l->read = read;
}

static void on_members(void *ctx, const struct lync_members *m)
{
	struct lync *l = ctx;

	l->has_se |= m->same_enterprise;
	l->has_fed |= m->federated;
	if (m->id == 100)
		l->version_100 = m->version;
	if (m->id == 200)
		l->version_200 = m->version;
}

static bool roaming(struct lync *l, struct slice body)
{
	static const struct lync_roaming_ops ops = { on_forget, on_item, on_members };
	int err = lync_roaming_parse(body, &ops, l);

	if (err)
		log_ev(LOG_WARNING, "roaming data from the Lync server not understood", F_ERR(err),
		    F_TEXT("IPDECT_AOR", l->pub.aor));
	if (l->pub.overtaken) {
		l->pub.overtaken = false;
		l->ops->overtaken(l);
	}
	return err == 0;
}

static void setting(void *ctx, const char *group, const char *name, struct slice value)
{
	struct lync *l = ctx;
	bool on = slice_ieq(value, SLICE_LIT("true"));

	l->ops->setting(l, group, name, value);
	if (strcmp(name, "DisablePhonePresence") == 0)
		l->pub.no_phone = on;
	else if (strcmp(name, "EnablePrivacyMode") == 0)
		l->privacy = on;
	else if (strcmp(name, "AllowCallForwarding") == 0)
		l->no_forward = !on;
	else if (strcmp(name, "AllowSimultaneousRinging") == 0)
		l->no_ring = !on;
}

/* Without provisioning the defaults hold. */
static void provision(struct lync *l, struct slice body)
{
	if (lync_provision_parse(body, setting, l))
		log_ev(LOG_WARNING, "provisioning of the Lync server not understood",
		    F_TEXT("IPDECT_AOR", l->pub.aor));
	l->ops->provisioned(l);
}

static void remember(struct lync *l, uint32_t bits)
{
	if ((l->done | bits) == l->done)
		return;
	l->done |= bits;
	l->ops->once(l);
}

/* A user who never signed in with a desktop client is seen by nobody: the memberships of a first log-in are missing. What is
 * there, by whomever, counts as done; what was done once and is missing was taken away on purpose. */
static void bootstrap(struct lync *l)
{
	char doc[512];
	struct wr w = wr_of(doc, sizeof(doc));

	if (!l->bootstrap)
		return;
	remember(l, (l->has_se ? LYNC_DONE_ENTERPRISE | LYNC_DONE_BLOCKED : 0u) |
	                (l->has_fed ? LYNC_DONE_FEDERATED : 0u));
	uint32_t todo = (l->privacy ? 0 : LYNC_DONE_ENTERPRISE) |
	                (l->federated && !l->privacy ? LYNC_DONE_FEDERATED : 0u);
	todo &= ~l->done;
	l->pub.want_blocked = !l->privacy && !(l->done & LYNC_DONE_BLOCKED);
	if (!todo || l->doing || l->members >= MEMBERS_MAX)
		return;
	l->members++;
	wr_str(&w, "<setContainerMembers xmlns=\"http://schemas.microsoft.com/2006/09/sip/"
	           "container-management\">");
	if (todo & LYNC_DONE_ENTERPRISE)
		wr_fmt(&w,
		    "<container id=\"200\" version=\"%u\"><member action=\"add\" "
		    "type=\"sameEnterprise\"/></container>",
		    l->version_200);
	if (todo & LYNC_DONE_FEDERATED)
		wr_fmt(&w,
		    "<container id=\"100\" version=\"%u\"><member action=\"add\" "
		    "type=\"federated\"/></container>",
		    l->version_100);
	wr_str(&w, "</setContainerMembers>");
	log_ev(LOG_NOTICE, "presence of a user who never signed in is made visible",
	    F_TEXT("IPDECT_AOR", l->pub.aor));
	l->doing = l->ops->ask(l, LYNC_MEMBERS, wr_slice(&w)) ? todo : 0;
}

static void members_answer(struct lync *l, uint32_t code)
{
	uint32_t was = l->doing;

	l->doing = 0;
	if (code < 300)
		remember(l, was);
	else if (code == 409 && l->members < MEMBERS_MAX)
		again(l, "versions of the containers are read again", PACE_MS);
	else
		log_ev(LOG_WARNING, "memberships of presence containers not written",
		    F_U64("IPDECT_STATUS", code), F_TEXT("IPDECT_AOR", l->pub.aor),
		    F_REMEDY("let the user sign in once with a desktop client"));
}

static void self_known(struct lync *l, struct slice body)
{
	if (!roaming(l, body)) {
		again(l, "the server's roaming data cannot be read", PAUSE_MS);
		return;
	}
	l->why[0] = '\0';
	if (l->fsm.st == ST_SELF)
		(void)fsm_event(&l->fsm, EV_ANSWER, NULL);
	bootstrap(l);
	flush(l);
}

static void self_answer(struct lync *l, uint32_t code, struct slice body, uint32_t retry_s)
{
	if (code >= 200 && code < 300) {
		if (body.n) /* else the first notification brings it */
			self_known(l, body);
	} else if (code == 403 || code == 404 || code == 488 || code == 489)
		stop(l, "the server has no presence for this user");
	else
		again(l, "the subscription was not answered", retry_s * 1000);
}

static void conflict(struct lync *l, struct slice body)
{
	struct lync_fault f;
	bool known;

	l->conflicts++;
	if (lync_fault_parse(body, &f))
		memset(&f, 0, sizeof(f));
	if (f.code[0] && strcmp(f.code, "Client.BadCall.WrongDelta") != 0) {
		log_ev(LOG_WARNING, "a publication was refused", F_TEXT("IPDECT_FAULT", f.code),
		    F_TEXT("IPDECT_AOR", l->pub.aor));
		lync_pub_refused(&l->pub);
		flush(l);
		return;
	}
	known = lync_pub_conflict(&l->pub, &f);
	if (++l->tries >= TRIES_MAX) {
		l->tries = 0;
		again(l, "another client publishes at the same places", PAUSE_MS);
	} else if (!known)
		again(l, "versions are read again", PACE_MS);
	else
		flush(l);
}

static void service_answer(struct lync *l, uint32_t code, struct slice body, uint32_t retry_s)
{
	l->busy = false;
	if (code >= 200 && code < 300) {
		l->published++;
		l->tries = 0;
		l->backoff_ms = 0;
		l->why[0] = '\0';
		lync_pub_accepted(&l->pub);
		if (l->pub.want_blocked && l->pub.at[LP_BLOCKED].version)
			remember(l, LYNC_DONE_BLOCKED);
		if (body.n)
			(void)roaming(l, body);
		flush(l);
		return;
	}
	if (code == 409) {
		conflict(l, body);
		return;
	}
	if (code == 400 || code == 413) {
		log_ev(LOG_WARNING, "the Lync server does not understand a publication",
		    F_U64("IPDECT_STATUS", code), F_TEXT("IPDECT_AOR", l->pub.aor));
		snprintf(l->why, sizeof(l->why), "the server refused a publication: %u", code);
		lync_pub_refused(&l->pub);
		flush(l);
		return;
	}
	lync_pub_failed(&l->pub);
	if (code == 403 || code == 488) {
		stop(l, "the server does not let this user publish presence");
		return;
	}
	/* Moved, lost or overloaded: the newest state goes out later, or after the next registration. */
	snprintf(l->why, sizeof(l->why), "the server answered %u", code);
	tmr_start(&l->pace, retry_s ? retry_s * 1000 : wait_ms(l));
}

void lync_answer(
    struct lync *l, enum lync_ask what, uint32_t code, struct slice body, uint32_t retry_s)
{
	switch (what) {
	case LYNC_PROVISION:
		if (l->fsm.st != ST_PROVISION && l->fsm.st != ST_READY)
			return;
		if (code >= 200 && code < 300 && body.n)
			provision(l, body);
		if (l->fsm.st == ST_PROVISION)
			(void)fsm_event(&l->fsm, EV_ANSWER, NULL);
		else
			flush(l); /* a policy may forbid or allow the phone's state now */
		break;
	case LYNC_SELF:
		if (l->fsm.st == ST_SELF)
			self_answer(l, code, body, retry_s);
		break;
	case LYNC_SERVICE:
		if (l->fsm.st == ST_READY)
			service_answer(l, code, body, retry_s);
		break;
	default:
		members_answer(l, code);
	}
}

void lync_notify(struct lync *l, struct slice body, bool ended)
{
	if (l->fsm.st != ST_SELF && l->fsm.st != ST_READY)
		return;
	if (body.n)
		self_known(l, body);
	if (ended)
		again(l, "the server ended the subscription", 5000 + id_below(25000));
}

void lync_provisioning(struct lync *l, struct slice body)
{
	if (l->fsm.st == ST_OFF || !body.n)
		return;
	provision(l, body);
	flush(l);
}

/* ---- the owner ---- */

void lync_init(struct lync *l, struct tmr_wheel *w, const struct lync_ops *ops)
{
	memset(l, 0, sizeof(*l));
	l->ops = ops;
	tmr_init(&l->timer, w, on_timer, l);
	tmr_init(&l->pace, w, on_pace, l);
	fsm_init(&l->fsm, &lync_fsm, &env, ST_OFF);
}

void lync_fini(struct lync *l)
{
	tmr_stop(&l->timer);
	tmr_stop(&l->pace);
	l->ops->forget(l);
	lync_pub_free(&l->pub);
}

void lync_up(struct lync *l, struct slice aor, struct slice epid, struct slice uuid, bool anew,
    uint32_t delay_ms)
{
	struct pres_view v = l->pub.v;
	bool ours = l->pub.user_ours, wish = l->pub.user_wanted, note_wish = l->pub.note_wanted;
	char note[sizeof(l->pub.note)];
	struct lync_route *route = l->pub.route;

	if (l->fsm.st != ST_OFF) {
		if (!anew)
			return;
		lync_down(l);
	}
	memcpy(note, l->pub.note, sizeof(note));
	free(l->pub.script);
	lync_pub_init(&l->pub, aor, epid, uuid);
	memcpy(l->pub.note, note, sizeof(note));
	l->pub.note_wanted = note_wish;
	l->pub.route = route;
	l->pub.v = v;
	l->pub.user_ours = ours;
	l->pub.user_wanted = wish || (v.manual != PRES_MANUAL_NONE && !ours);
	l->mail_known = false;
	l->members = 0;
	l->doing = 0;
	l->tries = 0;
	l->backoff_ms = 0;
	l->first_ms = delay_ms + 1;
	l->why[0] = '\0';
	(void)fsm_event(&l->fsm, EV_UP, NULL);
}

void lync_down(struct lync *l)
{
	l->ops->forget(l);
	l->ops->leave(l);
	l->busy = false;
	tmr_stop(&l->pace);
	lync_pub_reset(&l->pub);
	(void)fsm_event(&l->fsm, EV_DOWN, NULL);
}

void lync_view(struct lync *l, const struct pres_view *v)
{
	lync_pub_view(&l->pub, v);
	flush(l);
}

void lync_note(struct lync *l, const char *note)
{
	lync_pub_note(&l->pub, note);
	flush(l);
}

int lync_route_set(struct lync *l, const struct lync_route *r)
{
	if ((r->set_forward && r->forward[0] && l->no_forward) ||
	    (r->set_ring && r->ring[0] && l->no_ring))
		return ERR_DENIED;
	lync_pub_route(&l->pub, r);
	flush(l);
	return 0;
}

void lync_text(const struct lync *l, char *out, size_t cap)
{
	char text[128];

	lync_pub_text(&l->pub, text, sizeof(text));
	if (l->fsm.st == ST_READY)
		snprintf(out, cap, "%s%s%s", text, l->why[0] ? "; " : "", l->why);
	else
		snprintf(
		    out, cap, "%s%s%s", fsm_state_name(&l->fsm), l->why[0] ? ": " : "", l->why);
}
