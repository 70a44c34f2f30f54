/* Connectionless messages over links: whole and in segments, both ways, and what goes wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dectd/clms.h"
#include "dectd/nwk_ie.h"

#include "lapc_air.h"

#define PP "050780a8010012abcd"

struct t {
	struct air air;
	struct lce *e;
	struct clms *c;
	struct ipui pp;
	char text[200];
	int sent, nsent;
};

static void on_text(void *ctx, struct lce_link *l, struct slice text)
{
	struct t *t = ctx;

	(void)l;
	assert_int_equal(slice_copy(text, t->text, sizeof(t->text)), 0);
}

static void on_sent(void *ctx, int err)
{
	struct t *t = ctx;

	t->sent = err;
	t->nsent++;
}

static int setup(void **state)
{
	struct t *t = mem_new(sizeof(*t));

	air_init(&t->air);
	t->e = lce_new(t->air.w, t->air.mac, NULL, NULL);
	t->c = clms_new(t->air.w, t->e, on_text, t);
	t->pp = ipui_of_ipei(0x1001, 0x2abcd);
	mac_base_up(t->air.mac, 1, 0);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct t *t = *state;

	lce_free(t->e);
	clms_free(t->c);
	air_fini(&t->air);
	free(t);
	return 0;
}

static void up(struct t *t)
{
	air_con(&t->air, 1, 4, 0xe1234, false);
	air_rx(&t->air, 1, 4, "a11001");
	air_dtr(&t->air, 1, 4);
	air_forget(&t->air);
	air_msg(&t->air, 1, 4, 1, 0, "0071" PP);
}

static void out(void **state)
{
	struct t *t = *state;
	char big[CLMS_TEXT_MAX + 1];

	assert_int_equal(clms_send(t->c, &t->pp, SLICE_LIT("Hello"), on_sent, t), 0);
	air_expect(&t->air, "page 1 00abcd\n");
	up(t);
	air_expect(&t->air, "1:4 23404d0601" PP "76069048656c6c6f\n");
	assert_int_equal(t->nsent, 0);
	air_dtr(&t->air, 1, 4);
	air_rx(&t->air, 1, 4, "232101");
	assert_int_equal(t->nsent, 1);
	assert_int_equal(t->sent, 0);
	memset(big, 'x', sizeof(big));
	assert_int_equal(
	    clms_send(t->c, &t->pp, (struct slice){ big, sizeof(big) }, on_sent, t), ERR_LIMIT);
	assert_int_equal(clms_send(t->c, &t->pp, (struct slice){ big, 100 }, on_sent, t), 0);
	/* Three segments, each in one frame: the first says that three remain. */
	assert_non_null(strstr(t->air.log, "1:4 2342f90601" PP "75028376762d90787878"));
	assert_non_null(strstr(t->air.log, "\n1:4 2344f90601" PP "75020276762d90787878"));
	air_forget(&t->air);
	air_dtr(&t->air, 1, 4);
	assert_non_null(strstr(t->air.log, "1:4 2346790601" PP "75020176760d90787878"));
	air_forget(&t->air);
	air_dis(&t->air, 1, 4, 2);
	assert_int_equal(t->nsent, 2);
	assert_int_equal(t->sent, ERR_LOST);

	assert_int_equal(clms_send(t->c, &t->pp, SLICE_LIT("Hello"), on_sent, t), 0);
	tmr_advance(t->air.w, 12000);
	assert_int_equal(t->nsent, 3);
	assert_int_equal(t->sent, ERR_TIMEOUT);
}

static void in(void **state)
{
	struct t *t = *state;

	air_con(&t->air, 1, 4, 0xe1234, false);
	air_rx(&t->air, 1, 4, "a11001");
	air_dtr(&t->air, 1, 4);
	air_msg(&t->air, 1, 4, 1, 0, "0601" PP "7604904869210a");
	/* The element says 4, the message has one octet more: it is cut there. */
	assert_string_equal(t->text, "Hi!");
	air_msg(&t->air, 1, 4, 2, 0,
	    "0601" PP "7502827676039041"
	    "42");
	air_dtr(&t->air, 1, 4);
	air_msg(&t->air, 1, 4, 3, 0,
	    "0601" PP "7502017676039043"
	    "44");
	assert_string_equal(t->text, "ABCD");
	/* The second before the first; the first alone: CLMS.00. */
	air_dtr(&t->air, 1, 4);
	air_msg(&t->air, 1, 4, 4, 0,
	    "0601" PP "7502017676039043"
	    "44");
	air_dtr(&t->air, 1, 4);
	air_msg(&t->air, 1, 4, 5, 0,
	    "0601" PP "7502827676039041"
	    "42");
	tmr_advance(t->air.w, 4500);
	air_msg(&t->air, 1, 4, 6, 0, "0601" PP "760190");
	tmr_advance(t->air.w, 4000);
	assert_int_equal(clms_stats(t->c)->received, 3);
	assert_int_equal(clms_stats(t->c)->bad, 2);
	assert_string_equal(t->text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(out, setup, teardown),
		cmocka_unit_test_setup_teardown(in, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
