/* LAPC of both classes frame by frame, under a fake clock: set-up, transfer, loss, timers, collisions, release,
 * handover, flow control, broken frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/fsm.h"
#include "dectd/dlc_priv.h"

#include "lapc_air.h"

struct t {
	struct air air;
	struct dlc *d;
	struct dlc_link *l;
	char ev[512]; /* upcalls: "est", "rst", "data HEX", "idle", "rel WHY" */
	size_t n;
	const char *reply; /* sent from inside the next data_ind */
	bool abort_on_data, release_on_data;
};

static void note(struct t *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	t->n += (size_t)vsnprintf(t->ev + t->n, sizeof(t->ev) - t->n, fmt, ap);
	va_end(ap);
	assert_true(t->n < sizeof(t->ev));
}

#define events(t, want)                                                                            \
	do {                                                                                       \
		assert_string_equal((t)->ev, want);                                                \
		(t)->ev[0] = '\0';                                                                 \
		(t)->n = 0;                                                                        \
	} while (0)

static void establish_ind(void *ctx, struct dlc_link *l)
{
	struct t *t = ctx;

	t->l = l;
	note(t, "est%c ", dlc_class_of(l) == DLC_A ? 'A' : 'B');
}
static void reset_ind(void *ctx, struct dlc_link *l)
{
	(void)l;
	note(ctx, "rst ");
}
static void send_hex(struct dlc_link *l, const char *hex)
{
	uint8_t m[128];

	assert_int_equal(dlc_send(l, m, air_unhex(hex, m, sizeof(m))), 0);
}
static void data_ind(void *ctx, struct dlc_link *l, const uint8_t *msg, size_t n, bool unit)
{
	struct t *t = ctx;

	note(t, unit ? "unit " : "data ");
	if (n > 40)
		note(t, "%zu ", n);
	else
		for (size_t i = 0; i < n; i++)
			note(t, "%02x%s", msg[i], i + 1 == n ? " " : "");
	if (t->reply)
		send_hex(l, t->reply);
	t->reply = NULL;
	if (t->release_on_data)
		dlc_release(l);
	if (t->abort_on_data) {
		dlc_abort(l);
		t->l = NULL;
	}
}
static void idle_ind(void *ctx, struct dlc_link *l)
{
	(void)l;
	note(ctx, "idle ");
}
static void release_ind(void *ctx, struct dlc_link *l, enum dlc_why why)
{
	struct t *t = ctx;

	assert_ptr_equal(t->l, l);
	t->l = NULL;
	note(t, "rel%d ", why);
}
static void cipher_ind(void *ctx, struct dlc_link *l, enum mac_cipher how, unsigned key)
{
	(void)l;
	note(ctx, "cipher%d/%u ", how, key);
}
static int handover_ask(void *ctx, struct dlc_link *l, uint32_t base)
{
	(void)l;
	note(ctx, "ask%u ", base);
	return 0;
}
static void moved_ind(void *ctx, struct dlc_link *l, uint32_t old)
{
	(void)l;
	note(ctx, "moved%u ", old);
}
static void base_of(void *ctx, struct dlc_link *l, uint32_t base)
{
	(void)l;
	note(ctx, "failed%u ", base);
}
static void media_ind(void *ctx, struct dlc_link *l, const struct mac_media_ind *ind)
{
	(void)ctx;
	(void)l;
	(void)ind;
}
static void base_ind(void *ctx, uint32_t base, bool up)
{
	(void)ctx;
	(void)base;
	(void)up;
}
static void overflow(void *ctx, uint32_t base)
{
	(void)ctx;
	(void)base;
}
static void info(void *ctx, uint32_t base, uint32_t pmid, const char *text)
{
	(void)ctx;
	(void)base;
	(void)pmid;
	(void)text;
}
static const struct dlc_ops ops = { establish_ind, reset_ind, data_ind, idle_ind, release_ind,
	cipher_ind, handover_ask, moved_ind, base_of, media_ind, base_ind, overflow, info };

static int setup(void **state)
{
	struct t *t = mem_new(sizeof(*t));

	air_init(&t->air);
	t->d = dlc_new(t->air.w, t->air.mac, NULL, &ops, t);
	mac_base_up(t->air.mac, 1, 0);
	mac_base_up(t->air.mac, 2, 0);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct t *t = *state;

	dlc_free(t->d);
	air_fini(&t->air);
	free(t);
	return 0;
}

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

/* ---- class B ---- */

static void open_b(struct t *t)
{
	air_con(&t->air, 1, 5, 0xe1234, false);
	air_rx(&t->air, 1, 5, "a11001");
	air_expect(&t->air, "1:5 a13101\n");
	events(t, "estB ");
	air_dtr(&t->air, 1, 5);
}

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
