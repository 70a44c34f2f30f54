/* The Lync session with a fake clock: order of requests, pace, versions, 409; phoneState only beside machineState 3500. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/id.h"
#include "common/mem.h"
#include "presenced/pub_lync.h"
#include "common/sax.h"

struct world {
	struct tmr_wheel *w;
	struct lync l;
	unsigned asked[LYNC_ASKS], overtaken, once, settings, provisioned, forgotten;
	char members[512];
	uint64_t at;
	uint32_t unread;
	char doc[LYNC_PUB_DOC + 1];
};
static struct world *world_of(struct lync *l)
{
	return CONTAINER_OF(l, struct world, l);
}
static bool ask(struct lync *l, enum lync_ask what, struct slice body)
{
	struct world *x = world_of(l);

	x->asked[what]++;
	if (what == LYNC_MEMBERS) {
		memcpy(x->members, body.p, body.n);
		x->members[body.n] = '\0';
	}
	if (what != LYNC_SERVICE)
		return true;
	if (x->asked[what] > 1)
		assert_true(tmr_now(x->w) - x->at >= 1000);
	x->at = tmr_now(x->w);
	memcpy(x->doc, body.p, body.n);
	x->doc[body.n] = '\0';
	return true;
}
static void forget(struct lync *l)
{
	world_of(l)->forgotten++;
}
static void nothing(struct lync *l)
{
	(void)l;
}
static void mail(struct lync *l, uint32_t unread, uint32_t read)
{
	(void)read;
	world_of(l)->unread = unread;
}
static void overtaken(struct lync *l)
{
	world_of(l)->overtaken++;
}
static void once(struct lync *l)
{
	world_of(l)->once++;
}
static void setting(struct lync *l, const char *group, const char *name, struct slice value)
{
	(void)group, (void)name, (void)value;
	world_of(l)->settings++;
}
static void provisioned(struct lync *l)
{
	world_of(l)->provisioned++;
}
static const struct lync_ops ops = { ask, nothing, forget, mail, overtaken, once, setting,
	provisioned };
static const char roaming[] =
    "<roamingData><categories uri='sip:a@b'><category name='state'/><category name='device'/>"
    "<category name='mwi' instance='0' container='1' version='3'><mwi messageWaiting='true' "
    "unreadVoiceMailCount='2' readVoiceMailCount='5'/></category></categories>"
    "<containers><container id='200' version='1'><member type='sameEnterprise'/></container>"
    "</containers></roamingData>";
static struct pres_view view(enum pres_st st)
{
	return (struct pres_view){ .auto_state = st, .on_phone = st == PRES_IN_CALL };
}
static int setup(void **state)
{
	static struct world x;
	struct pres_view v = view(PRES_AWAY);

	memset(&x, 0, sizeof(x));
	x.w = tmr_wheel_new(NULL);
	lync_init(&x.l, x.w, &ops);
	lync_view(&x.l, &v);
	lync_up(&x.l, SLICE_LIT("sip:a@b"), SLICE_LIT("0a1b2c3d4e"), SLICE_LIT("uuid"), true, 0);
	tmr_advance(x.w, 10);
	assert_int_equal(x.asked[LYNC_PROVISION], 1);
	lync_answer(&x.l, LYNC_PROVISION, 489, SLICE_LIT(""), 0);
	assert_int_equal(x.asked[LYNC_SELF], 1);
	assert_int_equal(x.asked[LYNC_SERVICE], 0); /* never before the versions are known */
	lync_answer(&x.l, LYNC_SELF, 200, slice_str(roaming), 0);
	*state = &x;
	return 0;
}
static int teardown(void **state)
{
	struct world *x = *state;

	lync_fini(&x->l);
	tmr_wheel_free(x->w);
	return 0;
}
static void ok(struct world *x)
{
	lync_answer(&x->l, LYNC_SERVICE, 200, SLICE_LIT(""), 0);
}
static void table(void **state)
{
	(void)state;
	assert_int_equal(fsm_check(&lync_fsm, stderr), 0);
}
static void first_and_call(void **state)
{
	struct world *x = *state;
	struct pres_view v;

	assert_int_equal(x->unread, 2);
	assert_int_equal(x->asked[LYNC_SERVICE], 1);
	assert_non_null(
	    strstr(x->doc, "\"device\" instance=\"169552957\" container=\"2\" version=\"0\""));
	assert_non_null(strstr(x->doc, "<availability>15500<"));
	assert_null(strstr(x->doc, "phoneState"));
	v = view(PRES_IN_CALL); /* while one is under way: one more, later */
	lync_view(&x->l, &v);
	v = view(PRES_AVAILABLE);
	lync_view(&x->l, &v);
	v = view(PRES_IN_CALL);
	lync_view(&x->l, &v);
	assert_int_equal(x->asked[LYNC_SERVICE], 1);
	ok(x);
	tmr_advance(x->w, 1000);
	assert_int_equal(x->asked[LYNC_SERVICE], 2);
	assert_non_null(strstr(x->doc, "instance=\"2158080707\" container=\"3\" version=\"0\""));
	assert_non_null(strstr(x->doc, "version=\"1\" expireType=\"endpoint\"><state"));
	assert_null(strstr(x->doc, "device"));
	ok(x);
	v = view(PRES_AVAILABLE);
	lync_view(&x->l, &v);
	tmr_advance(x->w, 1000);
	assert_non_null(strstr(x->doc, "version=\"1\" expireType=\"endpoint\" expires=\"0\"/>"));
	assert_null(strstr(x->doc, "machineState")); /* still 3500 */
	ok(x);
	tmr_advance(x->w, 600000);
	assert_int_equal(x->asked[LYNC_SERVICE], 3);
}
static void conflict(void **state)
{
	struct world *x = *state;

	lync_answer(&x->l, LYNC_SERVICE, 409,
	    SLICE_LIT("<Fault><Faultcode>Client.BadCall.WrongDelta</Faultcode><details>"
	              "<operation index=\"1\" version=\"0\" curVersion=\"7\"/></details></Fault>"),
	    0);
	tmr_advance(x->w, 1000);
	assert_int_equal(x->asked[LYNC_SERVICE], 2);
	assert_non_null(
	    strstr(x->doc, "container=\"2\" version=\"7\" expireType=\"endpoint\"><device"));
	ok(x);
	tmr_advance(x->w, 60000);
	assert_int_equal(x->asked[LYNC_SERVICE], 2);
}
/* The subscription ends while a SERVICE is under way: its answer says nothing about what the next session publishes. */
static void ended_under_way(void **state)
{
	struct world *x = *state;
	struct pres_view v = view(PRES_AWAY);

	v.manual = PRES_MANUAL_DND;
	lync_view(&x->l, &v);
	ok(x);
	tmr_advance(x->w, 1000);
	assert_int_equal(x->asked[LYNC_SERVICE], 2); /* the user's state is under way */
	assert_int_equal(x->forgotten, 0);
	lync_notify(&x->l, SLICE_LIT(""), true);
	assert_int_equal(x->forgotten, 1);
	tmr_advance(x->w, 40000);
	lync_answer(&x->l, LYNC_PROVISION, 489, SLICE_LIT(""), 0);
	lync_answer(&x->l, LYNC_SELF, 200, slice_str(roaming), 0);
	assert_int_equal(x->asked[LYNC_SERVICE], 3);
	assert_non_null(strstr(x->doc, "<availability>9500<"));
	ok(x);
	tmr_advance(x->w, 60000);
	assert_int_equal(x->asked[LYNC_SERVICE], 3);
}
static void phone_means_3500(void **state)
{
	struct world *x = *state;

	id_seed_for_tests(7);
	ok(x);
	for (unsigned i = 0; i < 5000; i++) {
		struct pres_view v = view((enum pres_st)(1 + id_below(4)));

		v.offline = id_below(4) == 0;
		v.conference = id_below(2) == 0;
		v.manual = (enum pres_manual)id_below(7);
		unsigned before = x->asked[LYNC_SERVICE];

		lync_view(&x->l, &v);
		tmr_advance(x->w, id_below(1500));
		if (x->asked[LYNC_SERVICE] == before)
			continue;
		ok(x);
		if (x->l.pub.at[LP_PHONE_2].version) {
			assert_true(x->l.pub.at[LP_MACHINE_2].version > 0);
			assert_int_equal(lync_pub_machine(&x->l.pub.v), 3500);
		}
	}
	assert_true(x->asked[LYNC_SERVICE] > 1000);
}
static void hostile(void **state)
{
	static const struct lync_roaming_ops none;
	char deep[400] = "";

	(void)state;
	for (int i = 0; i < 40; i++)
		strcat(deep, "<a>");
	assert_int_equal(lync_roaming_parse(slice_str(deep), &none, NULL), ERR_LIMIT);
	assert_int_equal(
	    lync_roaming_parse(SLICE_LIT("<!DOCTYPE a []><a/>"), &none, NULL), ERR_SYNTAX);
	assert_int_equal(
	    lync_roaming_parse((struct slice){ deep, SAX_DOC + 1 }, &none, NULL), ERR_LIMIT);
}
/* ---- a first log-in that never was ---- */

static const char bare[] =
    "<roamingData><categories uri='sip:a@b'><category name='state'/><category name='device'/>"
    "</categories><containers><container id='200' version='4'/></containers></roamingData>";

static void again(struct world *x, const char *doc)
{
	lync_up(&x->l, SLICE_LIT("sip:a@b"), SLICE_LIT("0a1b2c3d4e"), SLICE_LIT("uuid"), true, 0);
	tmr_advance(x->w, 1500);
	lync_answer(&x->l, LYNC_PROVISION, 489, SLICE_LIT(""), 0);
	lync_answer(&x->l, LYNC_SELF, 200, slice_str(doc), 0);
}

static void boot_once(void **state)
{
	struct world *x = *state;

	x->l.bootstrap = x->l.federated = true;
	again(x, bare);
	assert_int_equal(x->asked[LYNC_MEMBERS], 1);
	assert_non_null(strstr(x->members, "id=\"200\" version=\"4\""));
	assert_non_null(strstr(x->members, "id=\"100\" version=\"0\""));
	assert_non_null(strstr(x->doc, "container=\"32000\""));
	assert_int_equal(x->l.done, 0); /* not before the server has it */
	lync_answer(&x->l, LYNC_MEMBERS, 200, SLICE_LIT(""), 0);
	assert_int_equal(x->l.done, LYNC_DONE_ENTERPRISE | LYNC_DONE_FEDERATED);
	ok(x);
	assert_int_equal(x->l.done, LYNC_DONE_ENTERPRISE | LYNC_DONE_FEDERATED | LYNC_DONE_BLOCKED);
	/* The user takes the memberships away with a desktop client: they stay away. */
	again(x, bare);
	assert_int_equal(x->asked[LYNC_MEMBERS], 1);
	assert_null(strstr(x->doc, "container=\"32000\""));
	/* The record was lost: as for a new user. */
	x->l.done = 0;
	again(x, bare);
	assert_int_equal(x->asked[LYNC_MEMBERS], 2);
}

static void boot_stale(void **state)
{
	struct world *x = *state;

	x->l.bootstrap = true;
	again(x, bare);
	for (unsigned i = 1; i <= 5; i++) { /* refused for ever: three times, then no more */
		assert_int_equal(x->asked[LYNC_MEMBERS], i < 3 ? i : 3);
		lync_answer(&x->l, LYNC_MEMBERS, 409, SLICE_LIT(""), 0);
		tmr_advance(x->w, 5000);
		lync_answer(&x->l, LYNC_PROVISION, 489, SLICE_LIT(""), 0);
		lync_answer(&x->l, LYNC_SELF, 200, slice_str(bare), 0);
	}
	assert_int_equal(x->l.done & LYNC_DONE_ENTERPRISE, 0);
	assert_int_equal(x->l.fsm.st, 4); /* and it publishes nevertheless */
}

static void boot_found(void **state)
{
	struct world *x = *state;

	x->l.bootstrap = true;
	again(x, roaming); /* somebody signed in: nothing to do, now and later */
	assert_int_equal(x->asked[LYNC_MEMBERS], 0);
	assert_int_equal(x->l.done, LYNC_DONE_ENTERPRISE | LYNC_DONE_BLOCKED);
	assert_int_equal(x->once, 1);
	again(x, bare);
	assert_int_equal(x->asked[LYNC_MEMBERS], 0);
}

static void boot_privacy(void **state)
{
	struct world *x = *state;

	x->l.bootstrap = true;
	lync_up(&x->l, SLICE_LIT("sip:a@b"), SLICE_LIT("0a1b2c3d4e"), SLICE_LIT("uuid"), true, 0);
	tmr_advance(x->w, 1500);
	lync_answer(&x->l, LYNC_PROVISION, 200,
	    SLICE_LIT("<provisionGroupList><provisionGroup name='presencePolicyV2'>"
	              "<propertyEntryList><property name='EnablePrivacyMode'> true </property>"
	              "</propertyEntryList></provisionGroup></provisionGroupList>"),
	    0);
	assert_int_equal(x->settings, 1);
	assert_int_equal(x->provisioned, 1);
	lync_answer(&x->l, LYNC_SELF, 200, slice_str(bare), 0);
	assert_int_equal(x->asked[LYNC_MEMBERS], 0);
}

/* ---- others ---- */

static void note(void **state)
{
	struct world *x = *state;

	ok(x);
	lync_note(&x->l, "Back at <2>");
	tmr_advance(x->w, 1000);
	assert_non_null(strstr(x->doc, "categoryName=\"note\" instance=\"0\" container=\"300\""));
	assert_non_null(strstr(x->doc, ">Back at &lt;2></body>"));
	ok(x);
	lync_note(&x->l, "");
	tmr_advance(x->w, 1000);
	assert_non_null(strstr(
	    x->doc, "container=\"400\" version=\"1\" expireType=\"static\" expires=\"0\"/>"));
	ok(x);
	/* A desktop client's note is not ours to take away. */
	unsigned before = x->asked[LYNC_SERVICE];
	lync_notify(&x->l,
	    SLICE_LIT("<roamingData><categories uri='sip:a@b'><category name='note' instance='0' "
	              "container='200' version='7'><note><body>lunch</body></note></category>"
	              "</categories></roamingData>"),
	    false);
	tmr_advance(x->w, 5000);
	assert_int_equal(x->asked[LYNC_SERVICE], before);
}

#define SCRIPT(version, to)                                                                        \
	"<roamingData><categories uri='sip:a@b'><category name='routing' instance='0' "            \
	"container='0' version='" version "'><routing xmlns='x' name='rtcdefault'><preamble>"      \
	"<flags name='clientflags' value='work_hours enablecf'/><list name='forwardto'>"           \
	"<target uri='" to "'/></list></preamble></routing></category></categories></roamingData>"

static void routing(void **state)
{
	struct world *x = *state;
	struct lync_route r = { .set_forward = true, .immediate = true, .forward = "sip:1@b" };

	ok(x);
	lync_notify(&x->l, SLICE_LIT(SCRIPT("4", "sip:old@b")), false);
	tmr_advance(x->w, 5000);
	assert_int_equal(x->asked[LYNC_SERVICE], 1); /* reading is not writing */
	assert_int_equal(lync_route_set(&x->l, &r), 0);
	assert_int_equal(x->asked[LYNC_SERVICE], 2);
	assert_non_null(strstr(x->doc, "\"routing\" instance=\"0\" container=\"0\" version=\"4\""));
	assert_non_null(strstr(
	    x->doc, "container=\"100\" version=\"0\" expireType=\"static\"><routing xmlns='x'"));
	assert_non_null(strstr(x->doc, "work_hours forward_immediate enablecf"));
	/* Somebody was faster: read again, and the change is made in what is there then. */
	lync_answer(&x->l, LYNC_SERVICE, 409,
	    SLICE_LIT("<Fault><Faultcode>Client.BadCall.WrongDelta</Faultcode><details>"
	              "<operation index=\"1\" version=\"4\" curVersion=\"5\"/></details></Fault>"),
	    0);
	tmr_advance(x->w, 5000);
	lync_answer(&x->l, LYNC_PROVISION, 489, SLICE_LIT(""), 0);
	lync_answer(&x->l, LYNC_SELF, 200, SLICE_LIT(SCRIPT("5", "sip:x@b")), 0);
	tmr_advance(x->w, 2000);
	assert_non_null(strstr(x->doc, "container=\"0\" version=\"5\""));
	assert_non_null(strstr(x->doc, "sip:1@b"));
	ok(x);
	unsigned before = x->asked[LYNC_SERVICE];
	tmr_advance(x->w, 60000);
	assert_int_equal(x->asked[LYNC_SERVICE], before);
	/* by policy */
	lync_answer(&x->l, LYNC_PROVISION, 200,
	    SLICE_LIT("<provisionGroupList><provisionGroup name='ucPolicy'><instance><property "
	              "name='AllowCallForwarding'><![CDATA[false]]></property></instance>"
	              "</provisionGroup></provisionGroupList>"),
	    0);
	assert_int_equal(lync_route_set(&x->l, &r), ERR_DENIED);
	r.forward[0] = '\0'; /* off is always allowed */
	assert_int_equal(lync_route_set(&x->l, &r), 0);
	assert_non_null(strstr(x->doc, "value=\"work_hours\""));
}

/* The handset is gone and the policy says Offline: nothing of the endpoint stays; back: all of it again. */
static void offline(void **state)
{
	struct world *x = *state;
	struct pres_view v = view(PRES_AWAY);

	ok(x);
	v.offline = true;
	lync_view(&x->l, &v);
	tmr_advance(x->w, 1000);
	assert_non_null(strstr(x->doc, "\"device\" instance=\"169552957\" container=\"2\" "
	                               "version=\"1\" expireType=\"endpoint\" expires=\"0\"/>"));
	assert_non_null(strstr(
	    x->doc, "container=\"3\" version=\"1\" expireType=\"endpoint\" expires=\"0\"/>"));
	assert_null(strstr(x->doc, "<state"));
	ok(x);
	v.offline = false;
	lync_view(&x->l, &v);
	tmr_advance(x->w, 1000);
	assert_non_null(strstr(x->doc, "<availability>15500<"));
	assert_non_null(strstr(x->doc, "<device "));
}

/* Nothing is taken: that is told, not an empty line. */
static void refused(void **state)
{
	struct world *x = *state;
	char text[300];

	for (unsigned i = 0; i < 10; i++) {
		lync_answer(&x->l, LYNC_SERVICE, 400, SLICE_LIT(""), 0);
		tmr_advance(x->w, 1000);
	}
	lync_text(&x->l, text, sizeof(text));
	assert_non_null(strstr(text, "refused a publication: 400"));
}

static void lost(void **state)
{
	struct world *x = *state;

	ok(x);
	lync_notify(&x->l, SLICE_LIT(""), true); /* 481 to a refresh, or the server ended it */
	tmr_advance(x->w, 40000);
	assert_int_equal(x->asked[LYNC_PROVISION], 2);
	lync_answer(&x->l, LYNC_PROVISION, 481, SLICE_LIT(""), 0);
	assert_int_equal(x->asked[LYNC_SELF], 2);
	lync_answer(&x->l, LYNC_SELF, 481, SLICE_LIT(""), 0);
	tmr_advance(x->w, 400000);
	assert_int_equal(x->asked[LYNC_PROVISION], 3);
}

static void poll(void **state)
{
	struct world *x = *state;

	ok(x);
	tmr_advance(x->w, 28800000);
	assert_int_equal(x->asked[LYNC_PROVISION], 2); /* every eight hours */
	lync_answer(&x->l, LYNC_PROVISION, 503, SLICE_LIT(""), 0);
	tmr_advance(x->w, 28800000);
	assert_int_equal(x->asked[LYNC_PROVISION], 3);
	assert_int_equal(x->asked[LYNC_SELF], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test_setup_teardown(first_and_call, setup, teardown),
		cmocka_unit_test_setup_teardown(conflict, setup, teardown),
		cmocka_unit_test_setup_teardown(ended_under_way, setup, teardown),
		cmocka_unit_test_setup_teardown(phone_means_3500, setup, teardown),
		cmocka_unit_test(hostile),
		cmocka_unit_test_setup_teardown(boot_once, setup, teardown),
		cmocka_unit_test_setup_teardown(boot_stale, setup, teardown),
		cmocka_unit_test_setup_teardown(boot_found, setup, teardown),
		cmocka_unit_test_setup_teardown(boot_privacy, setup, teardown),
		cmocka_unit_test_setup_teardown(note, setup, teardown),
		cmocka_unit_test_setup_teardown(routing, setup, teardown),
		cmocka_unit_test_setup_teardown(offline, setup, teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(lost, setup, teardown),
		cmocka_unit_test_setup_teardown(poll, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
