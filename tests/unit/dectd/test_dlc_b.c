/* LAPC class B frame by frame, under a fake clock: set-up, window, loss, timers, segments, flow control, release. */
#include "tests/unit/dectd/dlc_rig.h"

/* rfp-link 12.2: the sequence of a real location registration. */
static void b_locate(void **state)
{
	struct t *t = *state;

	open_b(t);
	t->reply = "0540aa";
	air_rx(&t->air, 1, 5, "21120d0554ff");
	events(t, "data 0554ff ");
	air_expect(&t->air, "1:5 215101\n1:5 23400d0540aa\n");
	air_dtr(&t->air, 1, 5);
	air_rx(&t->air, 1, 5, "232101"); /* RR N(R)=1 */
	events(t, "idle ");
	t->reply = "8555";
	air_rx(&t->air, 1, 5, "21240d8541bb"); /* I N(S)=2 N(R)=1 P=0: our I-frame acknowledges */
	events(t, "data 8541bb ");
	air_expect(&t->air, "1:5 2362098555\n");
	air_dtr(&t->air, 1, 5);
	air_rx(&t->air, 1, 5, "214609055d"); /* I N(S)=3 N(R)=2 */
	events(t, "data 055d idle ");
	air_expect(&t->air, "1:5 218101\n");
	air_dtr(&t->air, 1, 5);
	air_rx(&t->air, 1, 5, "a15301");
	events(t, "rel0 ");
	air_expect(&t->air, "1:5 217301\n");
	air_dis(&t->air, 1, 5, 1);
	tmr_advance(t->air.w, 20000);
	air_expect(&t->air, "");
}

/* The portable part does not release the connection after DISC: we do. */
static void b_disc_then_nothing(void **state)
{
	struct t *t = *state;

	open_b(t);
	air_rx(&t->air, 1, 5, "a15301");
	events(t, "rel0 ");
	air_expect(&t->air, "1:5 217301\n");
	air_dtr(&t->air, 1, 5);
	air_rx(&t->air, 1, 5, "a15301"); /* it did not hear the UA */
	air_expect(&t->air, "1:5 217301\n");
	tmr_advance(t->air.w, 1000);
	air_expect(&t->air, "dis 1:5\n");
}

static void b_window_and_loss(void **state)
{
	struct t *t = *state;

	open_b(t);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(dlc_send(t->l, "\x05\x40", 2), 0);
	/* Two buffers, then the window of three. */
	air_expect(&t->air, "1:5 2320090540\n1:5 2322090540\n");
	air_dtr(&t->air, 1, 5);
	air_expect(&t->air, "1:5 2324090540\n");
	air_dtr(&t->air, 1, 5);
	air_expect(&t->air, "");
	/* The second was lost: REJ N(R)=1 brings 1 and 2 again, and 3, which the window allows now. */
	air_rx(&t->air, 1, 5, "232901");
	air_expect(&t->air, "1:5 2322090540\n1:5 2324090540\n");
	air_dtr(&t->air, 1, 5);
	air_expect(&t->air, "1:5 2326090540\n");
	air_dtr(&t->air, 1, 5);
	air_rx(&t->air, 1, 5, "238101"); /* all of them */
	air_expect(&t->air, "1:5 2328090540\n");
	air_dtr(&t->air, 1, 5);
	events(t, "");
	air_rx(&t->air, 1, 5, "23a101");
	events(t, "idle ");
	tmr_advance(t->air.w, 60000);
	air_expect(&t->air, "");
}

/* DL.04: enquiry, the answer tells what is missing; then silence to the end of N250, SABM, DL.02 to its end. */
static void b_timers(void **state)
{
	struct t *t = *state;

	open_b(t);
	send_hex(t->l, "0540");
	air_expect(&t->air, "1:5 2320090540\n");
	air_dtr(&t->air, 1, 5);
	tmr_advance(t->air.w, 1999);
	air_expect(&t->air, "");
	tmr_advance(t->air.w, 1);
	air_expect(&t->air, "1:5 233101\n"); /* RR command P=1 N(R)=1 */
	air_dtr(&t->air, 1, 5);
	air_rx(&t->air, 1, 5, "231101"); /* RR response F=1 N(R)=0 */
	air_expect(&t->air, "1:5 2320090540\n");
	air_dtr(&t->air, 1, 5);
	for (unsigned i = 0; i < 3; i++) {
		tmr_advance(t->air.w, 2000);
		air_expect(&t->air, "1:5 233101\n");
		air_dtr(&t->air, 1, 5);
	}
	for (unsigned i = 0; i < 4; i++) {
		tmr_advance(t->air.w, 2000);
		air_expect(&t->air, "1:5 a33f01\n"); /* SABM */
		air_dtr(&t->air, 1, 5);
	}
	events(t, "");
	tmr_advance(t->air.w, 2000);
	events(t, "rel3 ");
	air_expect(&t->air, "dis 1:5\n");
}

static void b_set_up_again(void **state)
{
	struct t *t = *state;

	open_b(t);
	send_hex(t->l, "0540");
	air_expect(&t->air, "1:5 2320090540\n");
	air_dtr(&t->air, 1, 5);
	air_rx(&t->air, 1, 5, "23c101"); /* N(R)=6: can't be */
	air_expect(&t->air, "1:5 a33f01\n");
	air_dtr(&t->air, 1, 5);
	air_rx(
	    &t->air, 1, 5, "a33f01"); /* crossing SABM (a command of the portable part has C/R 0) */
	air_expect(&t->air, "1:5 a17301\n");
	air_dtr(&t->air, 1, 5);
	air_rx(&t->air, 1, 5, "a37301"); /* UA F=1 */
	events(t, "rst idle ");
	send_hex(t->l, "0541");
	air_expect(&t->air, "1:5 2300090541\n"); /* N(S)=0 N(R)=0 */
	air_dtr(&t->air, 1, 5);
	/* By the portable part: SABM. */
	air_rx(&t->air, 1, 5, "a13f01");
	events(t, "rst idle ");
	air_expect(&t->air, "1:5 a17301\n");
	air_dtr(&t->air, 1, 5);
	air_rx(&t->air, 1, 5, "2100090554");
	events(t, "data 0554 ");
	air_expect(&t->air, "1:5 212101\n");
	air_dtr(&t->air, 1, 5);
	/* DM to our SABM: gone. */
	air_rx(&t->air, 1, 5, "23e101");
	air_expect(&t->air, "1:5 a33f01\n");
	air_dtr(&t->air, 1, 5);
	air_rx(&t->air, 1, 5, "a31f01");
	events(t, "rel0 ");
}

/* Its frames come twice or out of order: one REJ, nothing delivered twice. */
static void b_out_of_order(void **state)
{
	struct t *t = *state;

	open_b(t);
	air_rx(&t->air, 1, 5, "2104090554"); /* N(S)=2, wanted 1 */
	air_rx(&t->air, 1, 5, "2106090554");
	events(t, "");
	air_expect(&t->air, "1:5 212901\n");
	air_dtr(&t->air, 1, 5);
	air_rx(&t->air, 1, 5, "2102090555");
	air_rx(&t->air, 1, 5, "2104090556");
	events(t, "data 0555 data 0556 ");
	air_expect(&t->air, "1:5 214101\n1:5 216101\n");
	air_dtr(&t->air, 1, 5);
	/* P=1 asks for an answer even so. */
	air_rx(&t->air, 1, 5, "2114090556");
	events(t, "");
	air_expect(&t->air, "1:5 217901\n"); /* REJ F=1 */
}

static void b_segments(void **state)
{
	struct t *t = *state;
	uint8_t big[150], f[80] = { 0x21, 0x02, 0xff };

	open_b(t);
	for (unsigned i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)i;
	assert_int_equal(dlc_send(t->l, big, sizeof(big)), 0);
	assert_int_equal(t->air.frames, 3); /* RR, and two segments in the two buffers */
	assert_true(strstr(t->air.log, "1:5 2320ff000102") == t->air.log);
	air_forget(&t->air);
	air_dtr(&t->air, 1, 5);
	assert_true(strstr(t->air.log, "1:5 2324617e7f80") == t->air.log); /* 24 octets, M=0 */
	air_forget(&t->air);
	air_dtr(&t->air, 1, 5);
	/* And inwards. */
	air_rx_raw(&t->air, 1, 5, f, 66);
	f[1] = 0x04;
	air_rx_raw(&t->air, 1, 5, f, 66);
	events(t, "");
	f[1] = 0x66;
	f[2] = 0x11;
	air_rx_raw(&t->air, 1, 5, f, 7);
	events(t, "data 130 idle ");
}

/* More than a message may have: the link is dropped, nothing else. */
static void b_too_long(void **state)
{
	struct t *t = *state;
	uint8_t f[80] = { 0x21, 0x02, 0xff };

	open_b(t);
	t->air.mute = true;
	for (unsigned i = 0; i < 17 && t->l; i++) {
		f[1] = (uint8_t)((i + 1) % 8 << 1);
		air_rx_raw(&t->air, 1, 5, f, 66);
		air_dtr(&t->air, 1, 5);
	}
	assert_null(t->l);
	assert_int_equal(dlc_stats(t->d)->too_long, 1);
}

static void b_busy_peer(void **state)
{
	struct t *t = *state;

	open_b(t);
	air_rx(&t->air, 1, 5, "232501"); /* RNR N(R)=1?: nothing was sent: can't be */
	air_expect(&t->air, "1:5 a33f01\n");
	air_dtr(&t->air, 1, 5);
	air_rx(&t->air, 1, 5, "a37301");
	events(t, "rst idle ");
	air_rx(&t->air, 1, 5, "230501");
	send_hex(t->l, "0540");
	air_expect(&t->air, "");
	for (unsigned i = 0; i < 5; i++) {
		tmr_advance(t->air.w, 2000);
		air_expect(&t->air, "1:5 231101\n"); /* asks */
		air_dtr(&t->air, 1, 5);
		air_rx(&t->air, 1, 5, "231501"); /* still busy */
	}
	air_rx(&t->air, 1, 5, "230101"); /* free */
	air_expect(&t->air, "1:5 2300090540\n");
}

static void b_release_by_us(void **state)
{
	struct t *t = *state;

	open_b(t);
	send_hex(t->l, "0540");
	dlc_release(t->l);
	assert_int_equal(dlc_send(t->l, "\x05\x40", 2), ERR_STATE);
	tmr_advance(t->air.w, 0);
	air_expect(&t->air, "1:5 2320090540\n");
	air_dtr(&t->air, 1, 5);
	air_rx(&t->air, 1, 5, "232101");
	air_expect(&t->air, "1:5 a35301\n");
	events(t, "idle ");
	air_dtr(&t->air, 1, 5);
	air_rx(&t->air, 1, 5, "a37301");
	events(t, "rel1 ");
	air_expect(&t->air, "dis 1:5\n");

	/* DISC meets DISC. */
	open_b(t);
	dlc_release(t->l);
	tmr_advance(t->air.w, 0);
	air_expect(&t->air, "1:5 a35301\n");
	air_dtr(&t->air, 1, 5);
	air_rx(&t->air, 1, 5, "a15301");
	events(t, "rel1 ");
	air_expect(&t->air, "1:5 217301\n");
	air_dtr(&t->air, 1, 5);
	air_expect(&t->air, "dis 1:5\n");

	/* Nobody answers: DL.00. */
	open_b(t);
	dlc_release(t->l);
	tmr_advance(t->air.w, 0);
	air_expect(&t->air, "1:5 a35301\n");
	air_dtr(&t->air, 1, 5);
	tmr_advance(t->air.w, 2000);
	events(t, "rel2 ");
	air_expect(&t->air, "dis 1:5\n");
}

/* Our answer to the set-up was lost: it comes again with its message, which is not delivered twice. */
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(b_locate, setup, teardown),
		cmocka_unit_test_setup_teardown(b_disc_then_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(b_window_and_loss, setup, teardown),
		cmocka_unit_test_setup_teardown(b_timers, setup, teardown),
		cmocka_unit_test_setup_teardown(b_set_up_again, setup, teardown),
		cmocka_unit_test_setup_teardown(b_out_of_order, setup, teardown),
		cmocka_unit_test_setup_teardown(b_segments, setup, teardown),
		cmocka_unit_test_setup_teardown(b_too_long, setup, teardown),
		cmocka_unit_test_setup_teardown(b_busy_peer, setup, teardown),
		cmocka_unit_test_setup_teardown(b_release_by_us, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
