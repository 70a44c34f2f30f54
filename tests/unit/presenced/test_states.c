/* presenced against a sipd and a certd that say anything at any time: every event, answer, command, reload, lost link and lapse
 * of time in whatever state chance has brought it to, the same each run. Afterwards sipd answers as it should: then every user
 * is published, nobody is waited for, and sipd keeps no subscription that presenced has forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "presenced/lync_user.h"
#include "presenced/plain_user.h"
#include "presenced/watcher.h"
#include "tests/unit/presenced/room_rig.h"

#define USERS 4
#define SUBS  512
#define RUNS  8
#define STEPS 400

static char names[USERS][8] = { "u0", "u1", "u2", "u3" };
static const char *const people[] = { "sip:a@x.example", "sip:b@x.example", "sip:c@y.example",
	"sip:u1@example.com", "sip:d@x.example" };

struct bed {
	struct rig *g;
	uint32_t seed;
	struct sub { /* that sipd has */
		char user[8];
		uint64_t id;
		bool self; /* else a colleague's */
	} sub[SUBS];
	unsigned nsub;
	bool reg[USERS], known[USERS], lync[USERS];
	uint32_t calls[USERS];
	struct ipc_peer *ctl;
	unsigned asked, answered; /* of us to presenced, commands too */
};

static unsigned rnd(struct bed *b, unsigned n)
{
	b->seed = b->seed * 1664525u + 1013904223u;
	return (unsigned)((uint64_t)(b->seed >> 8) * n >> 24);
}

static const char provision[] =
    "<provisionGroupList xmlns='http://schemas.microsoft.com/2006/09/sip/provisiongrouplist-"
    "notification'><provisionGroup name='ucPolicy'><instance><property name='AllowCallForwarding'>"
    "true</property><property name='EnablePrivacyMode'>false</property></instance>"
    "</provisionGroup></provisionGroupList>";
static const char roaming[] =
    "<roamingData><categories uri='sip:a@b'><category name='state'/><category name='device'/>"
    "<category name='note'/><category name='mwi' instance='0' container='1' version='3'><mwi "
    "messageWaiting='true' unreadVoiceMailCount='2' readVoiceMailCount='5'/></category>"
    "</categories><containers><container id='200' version='1'><member type='sameEnterprise'/>"
    "</container></containers></roamingData>";
static const char user_state[] =
    "<roamingData><categories uri='sip:a@b'><category name='state' instance='536870912' "
    "container='2' version='9' expireType='user'><state manual='true' type='userState'>"
    "<availability>9500</availability></state></category></categories></roamingData>";
static const char fault[] =
    "<Fault><Faultcode>Client.BadCall.WrongDelta</Faultcode><details><operation index=\"1\" "
    "version=\"0\" curVersion=\"7\"/></details></Fault>";
static const char categories[] =
    "<categories uri='sip:a@x.example'><category name='state' instance='1'><state "
    "type='aggregateState'><availability>6500</availability></state></category></categories>";
static const char rlmi[] =
    "<list><resource uri='sip:a@x.example'><instance state='resubscribe' "
    "poolFqdn='sip:p@x.example'/></resource><resource uri='sip:b@x.example'><instance "
    "state='terminated'/></resource></list>";
static const char pidf[] = "<presence entity='sip:a@x.example'><tuple id='1'><status><basic>open"
                           "</basic></status></tuple></presence>";
static const char dialog[] =
    "<dialog-info version='3' state='full' entity='sip:a@x.example'><dialog id='1'><state>"
    "confirmed</state></dialog></dialog-info>";
static const char *const bodies[][2] = { { "", "" },
	{ "application/vnd-microsoft-roaming-provisioning-v2+xml", provision },
	{ "application/vnd-microsoft-roaming-self+xml", roaming },
	{ "application/vnd-microsoft-roaming-self+xml", user_state },
	{ "application/msrtc-fault+xml", fault },
	{ "application/msrtc-event-categories+xml", categories }, { "application/rlmi+xml", rlmi },
	{ "application/pidf+xml", pidf }, { "application/dialog-info+xml", dialog },
	{ "application/rlmi+xml", "<list" } };
static const uint32_t codes[] = { 200, 200, 200, 202, 400, 403, 404, 408, 409, 412, 413, 423, 481,
	488, 489, 500, 503 };

/* ---- sipd ---- */

static void sub_end(struct bed *b, unsigned i)
{
	b->sub[i] = b->sub[--b->nsub];
}

/* Of a user, or one: also those that are not answered yet. */
static void dies(struct bed *b, const char *user, uint64_t id)
{
	LIST_FOREACH(&b->g->asked, it)
	{
		struct rig_asked *a = LIST_ENTRY(it, struct rig_asked, node);

		if (a->kind == ASKED_SUBSCRIBE && (user ? strcmp(a->user, user) == 0 : a->id == id))
			a->dead = true;
	}
}

static void subs_of(struct bed *b, const char *user)
{
	dies(b, user, 0);
	for (unsigned i = 0; i < b->nsub;)
		if (strcmp(b->sub[i].user, user) == 0)
			sub_end(b, i);
		else
			i++;
}

static void reply(struct bed *b, struct rig_asked *a, bool well)
{
	unsigned k = rnd(b, ARRAY_LEN(bodies));
	uint32_t code = well ? 200 : codes[rnd(b, ARRAY_LEN(codes))];
	bool provisioning = strstr(a->event, "provisioning") != NULL;
	bool self = strstr(a->event, "roaming-self") != NULL;

	if (a->kind == ASKED_UNSUBSCRIBE) {
		dies(b, NULL, a->id);
		for (unsigned i = 0; i < b->nsub; i++)
			if (b->sub[i].id == a->id)
				sub_end(b, i);
	} else if (a->kind == ASKED_SUBSCRIBE && code < 300 && !provisioning && !a->dead) {
		assert_true(b->nsub < SUBS);
		b->sub[b->nsub] = (struct sub){ .id = a->id, .self = self };
		snprintf(b->sub[b->nsub++].user, sizeof(b->sub[0].user), "%.7s", a->user);
	}
	if (well)
		k = provisioning ? 1 : self ? 2 : 0;
	rig_reply(b->g, a, code, bodies[k][0], bodies[k][1]);
}

static void reply_some(struct bed *b, bool well, bool all)
{
	LIST_FOREACH(&b->g->asked, it)
	if (all || rnd(b, 2))
		reply(b, LIST_ENTRY(it, struct rig_asked, node), well);
}

static void lost(struct bed *b)
{
	b->nsub = 0;
	LIST_FOREACH(&b->g->asked, it)
	{
		struct rig_asked *a = LIST_ENTRY(it, struct rig_asked, node);

		ipc_ticket_fail(a->t, ERR_LOST, "gone");
		rig_drop_asked(b->g, a);
	}
}

static void put_reg(struct bed *b, unsigned i, bool isup)
{
	char aor[64];

	snprintf(aor, sizeof(aor), "sip:u%u@example.com", rnd(b, 6) ? i : 0);
	if (!isup)
		subs_of(b, names[i]);
	b->reg[i] = isup && b->known[i];
	rig_reg(b->g, names[i], isup, b->lync[i], isup ? aor : NULL);
}

static void put_user(struct bed *b, unsigned i)
{
	b->known[i] = true;
	rig_user(b->g, names[i]);
}

/* The new sipd's users, perhaps with their registrations. */
static void stream(struct bed *b, bool all)
{
	for (unsigned i = 0; i < USERS; i++) {
		b->known[i] = all || rnd(b, 5);
		b->reg[i] = false;
		b->calls[i] = 0;
		if (!b->known[i])
			continue;
		put_user(b, i);
		if (all || rnd(b, 2))
			put_reg(b, i, true);
	}
	rig_done(b->g);
}

static void connect_all(struct bed *b, bool all)
{
	struct rig *g = b->g;

	if (!g->sipd) {
		g->sipd = rig_join(g, IPC_SIPD);
		rig_pump(g);
		stream(b, all);
	}
	if (!g->certd)
		g->certd = rig_join(g, IPC_CERTD);
	if (!b->ctl)
		b->ctl = rig_join(g, IPC_VIEW | IPC_OPERATE | IPC_ADMIN);
	rig_pump(g);
}

/* ---- what is asked of presenced ---- */

static void on_answer(void *ctx, int err, struct ipc_msg *m)
{
	struct bed *b = ctx;

	(void)err;
	(void)m;
	b->answered++;
}

static void ask(struct bed *b, struct ipc_peer *p, uint16_t iface, uint16_t type,
    const ProtobufCMessage *m, const ProtobufCMessageDescriptor *d)
{
	if (p && ipc_request(p, iface, type, m, d, 60000, on_answer, b) == 0)
		b->asked++;
}

static void command(struct bed *b, const char *noun, const char *verb, const char *id,
    const char *const *args, unsigned nargs)
{
	Ctl__Run r = CTL__RUN__INIT;
	Ctl__Arg a[2] = { CTL__ARG__INIT, CTL__ARG__INIT }, *ptr[2] = { &a[0], &a[1] };

	r.noun = (char *)(uintptr_t)noun;
	r.verb = (char *)(uintptr_t)verb;
	r.has_id = id != NULL;
	r.id = rig_bin(id ? id : "");
	for (unsigned i = 0; i < nargs; i++) {
		a[i].name = (char *)(uintptr_t)args[2 * i];
		a[i].has_value = true;
		a[i].value = rig_bin(args[2 * i + 1]);
	}
	r.arg = ptr;
	r.n_arg = nargs;
	ask(b, b->ctl, IPC_IF_CTL, CTL__TYPE__CTL_RUN, &r.base, &ctl__result__descriptor);
}

static void some_command(struct bed *b)
{
	const char *user = names[rnd(b, USERS)];
	const char *set[] = { "state", rnd(b, 2) ? "busy" : "automatic", "note",
		rnd(b, 3) ? "at lunch" : "" };
	const char *look[] = { "who", people[rnd(b, ARRAY_LEN(people))] };
	const char *route[] = { rnd(b, 2) ? "forward" : "ring-too", rnd(b, 2) ? "1234" : "",
		"after", "20000" };

	switch (rnd(b, 9)) {
	case 0:
		command(b, "presence", "list", NULL, NULL, 0);
		break;
	case 1:
		command(b, "presence", "show", user, NULL, 0);
		break;
	case 2:
		command(b, "presence", "set", user, set, 2);
		break;
	case 3:
		command(b, "presence", "routing", user, route, rnd(b, 3));
		break;
	case 4:
		command(b, "presence", "look", user, look, 1);
		break;
	case 5:
		command(b, "presence", "colleagues", user, NULL, 0);
		break;
	case 6:
		command(b, "presence", "watch", rnd(b, 2) ? user : NULL, NULL, 0);
		break;
	case 7:
		command(b, "directory", rnd(b, 2) ? "status" : "sync", NULL, NULL, 0);
		break;
	default:
		command(b, "directory", rnd(b, 2) ? "search" : "lookup", "u", NULL, 0);
	}
}

static void some_request(struct bed *b)
{
	Call__DirSearch s = CALL__DIR_SEARCH__INIT;
	Call__PresenceSet p = CALL__PRESENCE_SET__INIT;
	Pres__NameLookup n = PRES__NAME_LOOKUP__INIT;

	s.user = p.user = names[rnd(b, USERS)];
	s.text = rig_bin(rnd(b, 2) ? "u" : "");
	s.has_max = 1;
	s.max = 1 + rnd(b, DIR_PAGE + 1);
	p.state = rnd(b, 14);
	p.has_minutes = rnd(b, 2) != 0;
	p.minutes = rnd(b, 3);
	p.has_note = rnd(b, 3) == 0;
	p.note = rig_bin(rnd(b, 2) ? "x" : "\xff");
	n.number = rig_bin("1");
	switch (rnd(b, 3)) {
	case 0:
		ask(b, b->g->sipd, IPC_IF_PRES, PRES__TYPE__PRES_DIR_SEARCH, &s.base,
		    &call__dir_page__descriptor);
		break;
	case 1:
		ask(b, b->g->sipd, IPC_IF_PRES, PRES__TYPE__PRES_MANUAL, &p.base,
		    &call__ok__descriptor);
		break;
	default:
		ask(b, b->g->sipd, IPC_IF_PRES, PRES__TYPE__PRES_NAME, &n.base,
		    &pres__name_found__descriptor);
	}
}

/* A page that shows these people to the user: what a search does, without a phone book that knows them. */
static void some_look(struct bed *b)
{
	struct slice v[3];
	struct puser *u = puser_find(rig_room(b->g), slice_str(names[rnd(b, USERS)]));

	for (unsigned i = 0; i < ARRAY_LEN(v); i++)
		v[i] = slice_str(people[rnd(b, ARRAY_LEN(people))]);
	watcher_look(u, v, 1 + rnd(b, ARRAY_LEN(v)), 80, NULL, NULL);
}

static void notify(struct bed *b)
{
	unsigned k = rnd(b, ARRAY_LEN(bodies)), i = b->nsub ? rnd(b, b->nsub) : 0;
	bool ended = rnd(b, 4) == 0;

	if (!b->nsub || rnd(b, 8) == 0) {
		rig_notify(
		    b->g, names[rnd(b, USERS)], rnd(b, 3), bodies[k][0], bodies[k][1], ended);
		return;
	}
	rig_notify(b->g, b->sub[i].user, b->sub[i].id, bodies[k][0], bodies[k][1], ended);
	if (ended)
		sub_end(b, i);
}

static void reload(struct bed *b)
{
	struct rig *g = b->g;
	struct presenced_conf *next = &g->conf[!g->which];

	next->available_ms = 1000 + rnd(b, 300000);
	next->colleagues = rnd(b, 4) != 0;
	next->forwarding = rnd(b, 2) != 0;
	next->bootstrap_federated = rnd(b, 2) != 0;
	assert_int_equal(presenced_reload(&g->run.d, next), 0);
	g->which = !g->which;
	g->run.d.conf = next;
}

static void step(struct bed *b)
{
	struct rig *g = b->g;
	unsigned i = rnd(b, USERS);

	switch (rnd(b, 22)) {
	case 0:
		put_user(b, i);
		break;
	case 1:
		if (rnd(b, 4) == 0) {
			b->known[i] = b->reg[i] = false;
			b->calls[i] = 0;
			subs_of(b, names[i]);
			rig_gone(g, names[i]);
		}
		break;
	case 2:
	case 3:
		put_reg(b, i, rnd(b, 4) != 0);
		break;
	case 4:
		b->lync[i] = !b->lync[i];
		subs_of(b, names[i]);
		put_reg(b, i, true);
		break;
	case 5:
		rig_calls(g, names[i], b->calls[i] = b->known[i] ? rnd(b, 3) : 0);
		break;
	case 6:
		rig_reach(g, names[i], rnd(b, 3) != 0, rnd(b, 2) != 0);
		break;
	case 7:
	case 8:
		notify(b);
		break;
	case 9:
	case 10:
	case 11:
	case 12:
		reply_some(b, rnd(b, 2) == 0, false);
		break;
	case 13:
		some_request(b);
		break;
	case 14:
		some_command(b);
		break;
	case 15:
	case 16:
		some_look(b);
		break;
	case 17:
		if (rnd(b, 4) == 0)
			reload(b);
		break;
	case 18:
		if (rnd(b, 8) == 0 && g->sipd) {
			lost(b);
			ipc_peer_drop(g->sipd, "test");
		}
		break;
	case 19:
		if (rnd(b, 4) == 0 && b->ctl) {
			ipc_peer_drop(b->ctl, "test");
			b->ctl = NULL;
		}
		break;
	case 20:
		if (rnd(b, 4) == 0)
			connect_all(b, false);
		break;
	default:
		rig_wait(g, rnd(b, 4) ? rnd(b, 3000) : rnd(b, 100000));
	}
	rig_pump(g);
}

/* ---- afterwards ---- */

static unsigned kept(struct bed *b, const char *user, bool self)
{
	unsigned n = 0;

	for (unsigned i = 0; i < b->nsub; i++)
		n += strcmp(b->sub[i].user, user) == 0 && b->sub[i].self == self;
	return n;
}

static void settle(struct bed *b)
{
	struct rig *g = b->g;

	connect_all(b, true);
	for (unsigned i = 0; i < USERS; i++) {
		if (!b->known[i])
			put_user(b, i);
		put_reg(b, i, false);
		put_reg(b, i, true);
		rig_calls(g, names[i], b->calls[i] = 0);
	}
	rig_pump(g);
	for (unsigned i = 0; i < 700; i++) { /* beyond the time that people are watched */
		reply_some(b, true, true);
		rig_wait(g, 1000);
	}
	assert_int_equal(b->asked, b->answered);
	assert_int_equal(g->nasked, 0);
	for (unsigned i = 0; i < USERS; i++) {
		struct puser *u = puser_find(rig_room(g), slice_str(names[i]));
		char text[512];

		assert_non_null(u);
		assert_true(u->registered);
		if (b->lync[i]) {
			assert_true(lync_user_text(u, text, sizeof(text)));
			assert_null(strstr(text, "WAIT"));
			assert_null(strstr(text, "PROVISION"));
			assert_null(strstr(text, "SELF"));
			assert_non_null(strstr(text, "machine"));
			assert_int_equal(kept(b, names[i], true), 1);
		} else {
			assert_true(plain_user_text(u, text, sizeof(text)));
			assert_null(strchr(text, ':'));
			assert_int_equal(kept(b, names[i], true), 0);
		}
		assert_int_equal(kept(b, names[i], false), 0);
	}
	assert_int_equal(rig_room(g)->watched, 0);
}

static void anything(void **state)
{
	(void)state;
	for (uint32_t run = 0; run < RUNS; run++) {
		struct bed b = { .g = rig_new(), .seed = run * 7919 + 1 };

		connect_all(&b, true);
		for (unsigned i = 0; i < STEPS; i++)
			step(&b);
		if (run % 2)
			settle(&b);
		rig_free(b.g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(anything) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
