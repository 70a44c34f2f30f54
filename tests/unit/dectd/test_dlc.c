/* LAPC frame by frame, under a fake clock: frames, class A, connections, their loss, handover, broken frames. */
#include "tests/unit/dectd/dlc_rig.h"

#include "common/fsm.h"

static void tables(void **state)
{
	(void)state;
	assert_int_equal(fsm_check(&lapc_a_def, stderr), 0);
	assert_int_equal(fsm_check(&lapc_b_def, stderr), 0);
}

static void frames(void **state)
{
	static const char *const ok[] = { "910001", "a11001", "a13101", "2102010a", "214101",
		"232101", "a15301", "217301", "a33f01", "a34301", "010309aabb" };
	uint8_t b[80], out[MAC_FRAME_MAX];
	struct lapc_frame f;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(ok); i++) {
		size_t n = air_unhex(ok[i], b, sizeof(b));

		assert_int_equal(lapc_parse(b, n, &f), 0);
		assert_int_equal(lapc_build(&f, out), 3u + f.n);
		assert_memory_equal(out, b, 3u + f.n);
	}
	static const char *const bad[] = { "a110", "a0 10 01", "a11000", "a1fd01", "a9 10 01",
		"a11005", "a1ff01" };
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_not_equal(lapc_parse(b, air_unhex(bad[i], b, sizeof(b)), &f), 0);
}

static void set_up_repeated(void **state)
{
	struct t *t = *state;

	air_con(&t->air, 1, 5, 0xe1234, false);
	air_rx(&t->air, 1, 5, "a110090554");
	events(t, "estB data 0554 ");
	air_expect(&t->air, "1:5 a13101\n");
	air_rx(&t->air, 1, 5, "a110090554");
	events(t, "");
	air_expect(&t->air, "1:5 a13101\n");
	air_dtr(&t->air, 1, 5);
	/* After other frames it is a new set-up. */
	air_rx(&t->air, 1, 5, "2102090555");
	events(t, "data 0555 ");
	air_dtr(&t->air, 1, 5);
	air_rx(&t->air, 1, 5, "a110090554");
	events(t, "rst data 0554 ");
	/* Another class: another link. */
	air_dtr(&t->air, 1, 5);
	air_rx(&t->air, 1, 5, "9100090554");
	events(t, "rel0 estA data 0554 ");
}

/* ---- class A ---- */

static void open_a(struct t *t)
{
	air_con(&t->air, 1, 7, 0xe1234, false);
	air_rx(&t->air, 1, 7, "91002d0071050780a8010012abcd");
	air_expect(&t->air, "1:7 912101\n");
	events(t, "estA data 0071050780a8010012abcd ");
	air_dtr(&t->air, 1, 7);
}

static void a_transfer(void **state)
{
	struct t *t = *state;

	open_a(t);
	send_hex(t->l, "0552010180");
	send_hex(t->l, "0540");
	air_expect(&t->air, "1:7 1320150552010180\n"); /* window 1 */
	air_dtr(&t->air, 1, 7);
	air_rx(&t->air, 1, 7, "132101");
	air_expect(&t->air, "1:7 1322090540\n");
	air_dtr(&t->air, 1, 7);
	/* Its I-frame acknowledges ours (N(R)=0: two); an answer at once. */
	air_rx(&t->air, 1, 7, "1102090554");
	events(t, "data 0554 idle ");
	air_expect(&t->air, "1:7 110101\n");
	air_dtr(&t->air, 1, 7);
	/* The answer was lost, it comes again: dropped, answered. */
	air_rx(&t->air, 1, 7, "1102090554");
	events(t, "");
	air_expect(&t->air, "1:7 110101\n");
	air_dtr(&t->air, 1, 7);
	t->reply = "0541";
	air_rx(&t->air, 1, 7, "1100090555");
	events(t, "data 0555 ");
	air_expect(&t->air, "1:7 1320090541\n");
}

static void a_timers(void **state)
{
	struct t *t = *state;

	open_a(t);
	send_hex(t->l, "0540");
	air_expect(&t->air, "1:7 1320090540\n");
	air_dtr(&t->air, 1, 7);
	for (unsigned i = 0; i < 3; i++) {
		tmr_advance(t->air.w, 2000);
		air_expect(&t->air, "1:7 1320090540\n");
		air_dtr(&t->air, 1, 7);
	}
	events(t, "");
	tmr_advance(t->air.w, 2000);
	events(t, "rel3 ");
	air_expect(&t->air, "dis 1:7\n");

	open_a(t);
	send_hex(t->l, "0540");
	air_expect(&t->air, "1:7 1320090540\n");
	air_dtr(&t->air, 1, 7);
	tmr_advance(t->air.w, 2000);
	air_expect(&t->air, "1:7 1320090540\n");
	air_dtr(&t->air, 1, 7);
	air_rx(&t->air, 1, 7, "132101");
	events(t, "idle ");
	tmr_advance(t->air.w, 60000);
	air_expect(&t->air, "");
}

/* An acknowledgement that can't be: set up again with DL.07. */
static void a_set_up_again(void **state)
{
	struct t *t = *state;

	open_a(t);
	air_rx(&t->air, 1, 7, "132101"); /* N(R)=1, nothing was sent */
	air_expect(&t->air, "1:7 930001\n");
	air_dtr(&t->air, 1, 7);
	tmr_advance(t->air.w, 2000);
	air_expect(&t->air, "1:7 930001\n");
	air_dtr(&t->air, 1, 7);
	air_rx(&t->air, 1, 7, "932101");
	events(t, "rst idle ");
	send_hex(t->l, "0540");
	air_expect(&t->air, "1:7 1302090540\n");
	air_dtr(&t->air, 1, 7);
	air_rx(&t->air, 1, 7, "9100090554"); /* and now the portable part */
	events(t, "rst data 0554 idle ");
	air_expect(&t->air, "1:7 912101\n");
}

static void a_release(void **state)
{
	struct t *t = *state;

	open_a(t);
	send_hex(t->l, "0540");
	dlc_release(t->l);
	tmr_advance(t->air.w, 10);
	events(t, "");
	air_expect(&t->air, "1:7 1320090540\n");
	air_dtr(&t->air, 1, 7);
	air_rx(&t->air, 1, 7, "132101");
	events(t, "idle rel1 ");
	air_expect(&t->air, "dis 1:7\n");
}

/* ---- connections ---- */

static void probes(void **state)
{
	struct t *t = *state;

	open_b(t);
	dlc_probe(t->l);
	air_expect(&t->air, "1:5 233101\n");
	dlc_probe(t->l); /* it is awaited already */
	air_expect(&t->air, "");
	air_dtr(&t->air, 1, 5);
	send_hex(t->l, "0540"); /* waits for the answer */
	air_expect(&t->air, "");
	air_rx(&t->air, 1, 5, "231101");
	air_expect(&t->air, "1:5 2320090540\n");
	air_dtr(&t->air, 1, 5);
	air_rx(&t->air, 1, 5, "232101");
	events(t, "idle ");
	dlc_probe(t->l);
	t->air.mute = true;
	for (unsigned i = 0; i < 20 && t->l; i++) {
		tmr_advance(t->air.w, 1000);
		air_dtr(&t->air, 1, 5);
	}
	events(t, "rel3 ");
	t->air.mute = false;
	air_forget(&t->air);

	open_a(t);
	dlc_probe(t->l);
	air_expect(&t->air, "1:7 132001\n");
	air_dtr(&t->air, 1, 7);
	air_rx(&t->air, 1, 7, "132101");
	events(t, "idle ");
}

static void losses(void **state)
{
	struct t *t = *state;

	open_b(t);
	air_dis(&t->air, 1, 5, 2);
	events(t, "rel4 ");
	open_b(t);
	mac_base_down(t->air.mac, 1);
	events(t, "rel5 ");
	mac_base_up(t->air.mac, 1, 0);
	open_b(t);
	air_con(&t->air, 1, 5, 0xe9999, false); /* its number for another one */
	events(t, "rel7 ");
	/* A connection that says nothing is not kept. */
	tmr_advance(t->air.w, 10000);
	air_expect(&t->air, "dis 1:5\n");
	open_b(t);
	dlc_abort(t->l);
	air_expect(&t->air, "dis 1:5\n");
	events(t, "");
	open_b(t);
	t->abort_on_data = true;
	air_rx(&t->air, 1, 5, "2102090554");
	events(t, "data 0554 ");
	air_expect(&t->air, "dis 1:5\n");
}

static void garbage(void **state)
{
	struct t *t = *state;
	struct dlc_stats st;

	air_con(&t->air, 1, 5, 0xe1234, false);
	/* No link yet: data, responses, class U; then a link number for the other side, set-up with N(S)=1. */
	air_rx(&t->air, 1, 5, "1100090554");
	air_rx(&t->air, 1, 5, "0113090554");
	air_rx(&t->air, 1, 5, "f11001");
	air_rx(&t->air, 1, 5, "a11201");
	air_expect(&t->air, "");
	air_rx(&t->air, 1, 5, "2102090554"); /* class B without a link: DM */
	air_expect(&t->air, "1:5 210f01\n");
	events(t, "");
	st = *dlc_stats(t->d);
	assert_true(st.invalid >= 4);
	air_rx(&t->air, 1, 5, "a11001");
	events(t, "estB ");
	air_rx(&t->air, 1, 5, "0103090601"); /* UI */
	events(t, "unit 0601 ");
	assert_int_equal(dlc_send(t->l, "", 0), ERR_LIMIT);
	assert_int_equal(dlc_send(t->l, t, 1025), ERR_LIMIT);
	for (unsigned i = 0; i < 60; i++)
		if (dlc_send(t->l, "\x05\x40", 2) == ERR_BUSY) {
			assert_true(i >= DLC_QUEUE_MAX);
			return;
		}
	fail();
}

/* Between two bases: what may be lost is asked for, then sent again at the new base; in encrypted mode nothing before
 * the new base ciphers. */
static void handover(void **state)
{
	struct t *t = *state;
	static const uint8_t ho[] = { 0x7a, 0x0b, 9, 0x0e, 0x12, 0x34, 0x02, 0x01 };
	static const uint8_t dck[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

	open_b(t);
	send_hex(t->l, "0540");
	send_hex(t->l, "0541");
	air_expect(&t->air, "1:5 2320090540\n1:5 2322090541\n");
	air_dnm(&t->air, 2, ho, sizeof(ho));
	events(t, "ask2 ");
	air_expect(&t->air, "dnm 2 7a0c0900000000000000000000ff\n");
	air_con(&t->air, 2, 9, 0xe1234, true);
	events(t, "moved1 ");
	air_expect(&t->air, "dis 1:5\n2:9 233101\n");
	air_dtr(&t->air, 2, 9);
	air_rx(&t->air, 2, 9, "233101"); /* it got the first */
	air_expect(&t->air, "2:9 2322090541\n");
	air_dtr(&t->air, 2, 9);
	air_rx(&t->air, 2, 9, "234101");
	events(t, "idle ");

	/* Ciphered. */
	assert_int_equal(mac_encrypt(dlc_conn(t->l), dck, 8), 0);
	air_forget(&t->air);
	air_dnm(&t->air, 2, (const uint8_t[]){ 0x7a, 0x0a, 9, 1 }, 4);
	events(t, "cipher1/0 ");
	static const uint8_t back[] = { 0x7a, 0x0b, 5, 0x0e, 0x12, 0x34, 0x02, 0x01 };
	air_dnm(&t->air, 1, back, sizeof(back));
	events(t, "ask1 ");
	air_forget(&t->air);
	air_con(&t->air, 1, 5, 0xe1234, true);
	events(t, "moved2 ");
	send_hex(t->l, "0542");
	air_expect(&t->air, "dis 2:9\n");
	air_dnm(&t->air, 1, (const uint8_t[]){ 0x7a, 0x0a, 5, 1 }, 4);
	events(t, "cipher1/0 ");
	air_expect(&t->air, "1:5 2324090542\n");
}

static void handover_a(void **state)
{
	struct t *t = *state;
	static const uint8_t ho[] = { 0x7a, 0x0b, 9, 0x0e, 0x12, 0x34, 0x02, 0x01 };

	open_a(t);
	send_hex(t->l, "0540");
	air_expect(&t->air, "1:7 1320090540\n");
	air_dnm(&t->air, 2, ho, sizeof(ho));
	air_forget(&t->air);
	air_con(&t->air, 2, 9, 0xe1234, true);
	events(t, "ask2 moved1 ");
	air_expect(&t->air, "dis 1:7\n2:9 1320090540\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables),
		cmocka_unit_test(frames),
		cmocka_unit_test_setup_teardown(set_up_repeated, setup, teardown),
		cmocka_unit_test_setup_teardown(a_transfer, setup, teardown),
		cmocka_unit_test_setup_teardown(a_timers, setup, teardown),
		cmocka_unit_test_setup_teardown(a_set_up_again, setup, teardown),
		cmocka_unit_test_setup_teardown(a_release, setup, teardown),
		cmocka_unit_test_setup_teardown(probes, setup, teardown),
		cmocka_unit_test_setup_teardown(losses, setup, teardown),
		cmocka_unit_test_setup_teardown(garbage, setup, teardown),
		cmocka_unit_test_setup_teardown(handover, setup, teardown),
		cmocka_unit_test_setup_teardown(handover_a, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
