/* Watching colleagues with a fake clock: batches, pools, single and dialog subscriptions, refusals, ends, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/id.h"
#include "common/mem.h"
#include "presenced/watch.h"

#define NONE SLICE_LIT("")
struct world {
	struct tmr_wheel *w;
	struct watch watch;
	unsigned total, subs, unsubs, changes, settled;
	uint64_t id;
	struct watch_ask last;
	char target[WATCH_URI], first[WATCH_URI];
	bool deaf;
};
static struct world *world_of(struct watch *w)
{
	return CONTAINER_OF(w, struct world, watch);
}
static uint64_t subscribe(struct watch *w, const struct watch_ask *a)
{
	struct world *x = world_of(w);

	if (x->deaf)
		return 0;
	x->subs++;
	x->last = *a;
	(void)snprintf(x->target, sizeof(x->target), "%s", a->target);
	(void)snprintf(x->first, sizeof(x->first), "%s", a->uri[0]);
	return ++x->id;
}
static void unsubscribe(struct watch *w, uint64_t id)
{
	(void)id;
	world_of(w)->unsubs++;
}
static void changed(struct watch *w, const char *uri, enum pres_shown s)
{
	(void)uri, (void)s;
	world_of(w)->changes++;
}
static void settled(struct watch *w)
{
	world_of(w)->settled++;
}
static const struct watch_ops ops = { subscribe, unsubscribe, changed, settled };
static int setup(void **state)
{
	static struct world x;

	memset(&x, 0, sizeof(x));
	x.w = tmr_wheel_new(NULL);
	tmr_advance(x.w, 1000);
	watch_init(&x.watch, x.w, &ops, &x.total);
	*state = &x;
	return 0;
}
static int teardown(void **state)
{
	struct world *x = *state;

	watch_fini(&x->watch);
	assert_int_equal(x->total, 0);
	tmr_wheel_free(x->w);
	return 0;
}
static enum pres_shown of(struct world *x, const char *uri)
{
	return watch_state(&x->watch, slice_str(uri));
}
static void see(struct world *x, const char *a, const char *b)
{
	struct slice v[2] = { slice_str(a), slice_str(b ? b : "") };

	watch_see(&x->watch, v, b ? 2 : 1);
}

#define CAT(uri, n, more)                                                                          \
	"<categories uri='" uri "'><category name='state' instance='1'><state "                    \
	"type='aggregateState'><availability>" n "</availability>" more                            \
	"</state></category></categories>"

static void batch(void **state)
{
	struct world *x = *state;
	struct slice type = SLICE_LIT("multipart/related;boundary=B");

	see(x, "sip:a@b", NULL);
	assert_int_equal(x->subs, 0); /* not registered */
	watch_up(&x->watch, true, true);
	see(x, "sip:Helle@contoso.com", "bo@contoso.com;x=y");
	assert_int_equal(x->subs, 1);
	assert_int_equal(x->last.n, 2);
	assert_int_equal(x->last.how, WATCH_BATCH);
	assert_string_equal(x->target, "");
	see(x, "sip:helle@contoso.com", NULL); /* once is enough */
	assert_int_equal(x->subs, 1);
	watch_answer(&x->watch, 1, 200, type,
	    SLICE_LIT("--B\r\nContent-Type: application/rlmi+xml\r\n\r\n<list>"
	              "<resource uri='sip:helle@contoso.com'><instance state='active'/></resource>"
	              "<resource uri='sip:bo@contoso.com'><instance state='resubscribe' "
	              "poolFqdn='sip:pool2@contoso.com;gruu'/></resource></list>\r\n--B\r\n"
	              "Content-Type: application/msrtc-event-categories+xml\r\n\r\n" CAT(
	                  "sip:helle@contoso.com", "6500",
	                  "<activity token='on-the-phone'/>") "\r\n\r\n--B--"));
	assert_int_equal(of(x, "sip:helle@contoso.com"), SHOWN_IN_A_CALL);
	assert_int_equal(x->settled, 0);
	assert_int_equal(x->subs, 2);
	assert_int_equal(x->last.how, WATCH_POOL);
	assert_string_equal(x->target, "sip:pool2@contoso.com;gruu");
	assert_string_equal(x->first, "sip:bo@contoso.com");
	watch_answer(&x->watch, 2, 200, NONE, NONE);
	watch_notify(&x->watch, 2, SLICE_LIT("application/msrtc-event-categories+xml; a=b"),
	    SLICE_LIT(CAT("sip:bo@contoso.com", "3500", "")), false);
	assert_int_equal(of(x, "sip:bo@contoso.com"), SHOWN_AVAILABLE);
	assert_int_equal(x->settled, 1);
	watch_notify(&x->watch, 2, SLICE_LIT("application/msrtc-event-categories+xml"),
	    SLICE_LIT(CAT("sip:stranger@contoso.com", "3500", "")), false);
	watch_notify(&x->watch, 77, SLICE_LIT("application/msrtc-event-categories+xml"),
	    SLICE_LIT(CAT("sip:bo@contoso.com", "9500", "")), false);
	assert_int_equal(of(x, "sip:bo@contoso.com"), SHOWN_AVAILABLE);
	/* The server ends one: soon once more, the same way. */
	watch_notify(&x->watch, 2, NONE, NONE, true);
	assert_int_equal(of(x, "sip:bo@contoso.com"), SHOWN_UNKNOWN);
	tmr_advance(x->w, 36000);
	assert_int_equal(x->subs, 3);
	assert_int_equal(x->last.how, WATCH_POOL);
	/* Nobody looks any more. */
	tmr_advance(x->w, WATCH_MS);
	assert_int_equal(x->watch.n, 0);
	assert_int_equal(x->unsubs, 2);
}
static void bad_address(void **state)
{
	struct world *x = *state;
	struct slice v[5] = { SLICE_LIT("sip:a@b"), SLICE_LIT("sip:c@d"), SLICE_LIT("sip:e@f"),
		SLICE_LIT("no address"), SLICE_LIT("sip:x y@z") };

	watch_up(&x->watch, true, true);
	watch_see(&x->watch, v, 5);
	assert_int_equal(x->last.n, 3);
	watch_answer(&x->watch, 1, 400, NONE, NONE);
	assert_int_equal(x->subs, 3);
	watch_answer(&x->watch, 2, 400, NONE, NONE);
	watch_answer(&x->watch, 3, 400, NONE, NONE);
	assert_int_equal(x->subs, 5);
	assert_int_equal(x->last.n, 1);
	watch_answer(&x->watch, 4, 400, NONE, NONE);
	watch_answer(&x->watch, 5, 400, NONE, NONE);
	assert_int_equal(x->subs, 5);
	assert_int_equal(x->settled, 1);
	tmr_advance(x->w, 300000);
	assert_int_equal(x->subs, 5); /* not for a day */
}
static void plain(void **state)
{
	struct world *x = *state;
	struct slice pidf = SLICE_LIT("application/pidf+xml");

	watch_up(&x->watch, false, false);
	see(x, "sip:a@b", "sip:c@d");
	assert_int_equal(x->subs, 2);
	assert_int_equal(x->last.how, WATCH_PRESENCE);
	assert_string_equal(x->target, x->first);
	const char *second = x->first[4] == 'a' ? "sip:a@b" : "sip:c@d",
	           *first = x->first[4] == 'a' ? "sip:c@d" : "sip:a@b";
	watch_answer(&x->watch, 1, 200, NONE, NONE);
	watch_notify(&x->watch, 1, pidf,
	    SLICE_LIT("<presence><tuple><status><basic>open</basic></status></tuple><person>"
	              "<activities><on-the-phone/></activities></person></presence>"),
	    false);
	assert_int_equal(of(x, first), SHOWN_IN_A_CALL);
	watch_notify(
	    &x->watch, 1, pidf, SLICE_LIT("<presence><tuple>"), false); /* broken: as before */
	assert_int_equal(of(x, first), SHOWN_IN_A_CALL);
	watch_notify(&x->watch, 1, pidf, SLICE_LIT("<presence/>"), false);
	assert_int_equal(of(x, first), SHOWN_OFFLINE);
	/* no presence there: busy lamp */
	watch_answer(&x->watch, 2, 489, NONE, NONE);
	assert_int_equal(x->subs, 3);
	assert_int_equal(x->last.how, WATCH_DIALOG);
	watch_answer(&x->watch, 3, 200, NONE, NONE);
#define LAMP(v, s)                                                                                 \
	SLICE_LIT("<dialog-info version='" v "' state='full'><dialog><state>" s                    \
	          "</state></dialog></dialog-info>")
	struct slice lamp = SLICE_LIT("application/dialog-info+xml");
	watch_notify(&x->watch, 3, lamp, LAMP("5", "confirmed"), false);
	assert_int_equal(of(x, second), SHOWN_IN_A_CALL);
	watch_notify(&x->watch, 3, lamp, LAMP("4", "terminated"), false); /* overtaken */
	assert_int_equal(of(x, second), SHOWN_IN_A_CALL);
	watch_notify(&x->watch, 3, lamp, LAMP("6", "terminated"), false);
	assert_int_equal(of(x, second), SHOWN_UNKNOWN);
	watch_answer(&x->watch, 99, 200, NONE, NONE);
	watch_down(&x->watch);
	assert_int_equal(x->watch.n, 0);
	assert_int_equal(x->unsubs, 0); /* gone with the registration */
}
static void limits(void **state)
{
	struct world *x = *state;
	char uri[16];
	struct slice one;

	watch_up(&x->watch, false, false);
	for (unsigned i = 0; i < 3 * WATCH_MAX; i++) {
		one = (struct slice){ uri, (size_t)snprintf(uri, sizeof(uri), "sip:%u@d", i) };
		watch_see(&x->watch, &one, 1);
		tmr_advance(x->w, 10);
	}
	assert_int_equal(x->watch.n, WATCH_MAX);
	assert_int_equal(x->unsubs, 2 * WATCH_MAX); /* the oldest went */
	assert_int_equal(x->watch.waiting, WATCH_MAX);
	x->total = WATCH_TOTAL; /* others watch very many */
	watch_down(&x->watch);
	x->total = WATCH_TOTAL;
	watch_up(&x->watch, false, false);
	see(x, "sip:a@b", NULL);
	assert_int_equal(x->watch.n, 0);
	x->total = 0;
}
static void later(void **state)
{
	struct world *x = *state;

	watch_up(&x->watch, false, false);
	x->deaf = true;
	see(x, "sip:a@b", NULL);
	assert_int_equal(x->settled, 1); /* nobody waits for nothing */
	x->deaf = false;
	tmr_advance(x->w, 70000);
	assert_int_equal(x->subs, 1);
	watch_answer(&x->watch, 1, 503, NONE, NONE);
	tmr_advance(x->w, 30000);
	assert_int_equal(x->subs, 1);
	tmr_advance(x->w, 40000);
	assert_int_equal(x->subs, 2);
	watch_answer(&x->watch, 2, 404, NONE, NONE);
	tmr_advance(x->w, 200000);
	assert_int_equal(x->subs, 2);
}
/* A federated person's server, or a clumsy one, cannot say what another person does. */
static void others_word(void **state)
{
	struct world *x = *state;
	struct slice cat = SLICE_LIT("application/msrtc-event-categories+xml");

	watch_up(&x->watch, true, false); /* each at the person's own server */
	see(x, "sip:boss@contoso.com", "sip:eve@evil.example");
	assert_int_equal(x->subs, 2);
	uint64_t boss = strcmp(x->first, "sip:boss@contoso.com") == 0 ? 2 : 1, eve = 3 - boss;
	watch_answer(&x->watch, boss, 200, cat, SLICE_LIT(CAT("sip:boss@contoso.com", "9500", "")));
	assert_int_equal(of(x, "sip:boss@contoso.com"), SHOWN_DND);
	watch_answer(&x->watch, eve, 200, cat, SLICE_LIT(CAT("sip:boss@contoso.com", "3500", "")));
	assert_int_equal(of(x, "sip:boss@contoso.com"), SHOWN_DND);
	watch_notify(&x->watch, eve, SLICE_LIT("application/rlmi+xml"),
	    SLICE_LIT("<list><resource uri='sip:boss@contoso.com'><instance state='terminated'/>"
	              "</resource></list>"),
	    false);
	assert_int_equal(of(x, "sip:boss@contoso.com"), SHOWN_DND);
	/* A document of one person for a subscription of two: of whom? */
	watch_up(&x->watch, true, true);
	see(x, "sip:boss@contoso.com", "sip:eve@evil.example");
	assert_int_equal(x->last.how, WATCH_BATCH);
	watch_answer(&x->watch, x->id, 200, SLICE_LIT("application/pidf+xml"),
	    SLICE_LIT("<presence entity='sip:eve@evil.example'><tuple id='1'><status><basic>open"
	              "</basic></status></tuple></presence>"));
	assert_int_equal(of(x, "sip:boss@contoso.com"), SHOWN_UNKNOWN);
	assert_int_equal(of(x, "sip:eve@evil.example"), SHOWN_UNKNOWN);
}

static void numbers(void **state)
{
	(void)state;
	assert_int_equal(watch_of_lync(0, ""), SHOWN_UNKNOWN);
	assert_int_equal(watch_of_lync(3000, ""), SHOWN_AVAILABLE);
	assert_int_equal(watch_of_lync(4499, ""), SHOWN_AVAILABLE);
	assert_int_equal(watch_of_lync(4500, ""), SHOWN_INACTIVE);
	assert_int_equal(watch_of_lync(6500, ""), SHOWN_BUSY);
	assert_int_equal(watch_of_lync(7000, "in-a-conference"), SHOWN_IN_A_CONFERENCE);
	assert_int_equal(watch_of_lync(9500, ""), SHOWN_DND);
	assert_int_equal(watch_of_lync(12500, ""), SHOWN_BRB);
	assert_int_equal(watch_of_lync(15500, "off-work"), SHOWN_OFF_WORK);
	assert_int_equal(watch_of_lync(17999, ""), SHOWN_AWAY);
	assert_int_equal(watch_of_lync(18500, ""), SHOWN_OFFLINE);
}
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(batch, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_address, setup, teardown),
		cmocka_unit_test_setup_teardown(plain, setup, teardown),
		cmocka_unit_test_setup_teardown(limits, setup, teardown),
		cmocka_unit_test_setup_teardown(later, setup, teardown),
		cmocka_unit_test_setup_teardown(others_word, setup, teardown),
		cmocka_unit_test(numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
