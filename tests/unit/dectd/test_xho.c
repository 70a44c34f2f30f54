/* External handover inside the one system (EN 300 175-5 15.7): a call goes on over another link, in octets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dectd/cc_lce_priv.h"
#include "dectd/mm_priv.h"
#include "dectd/xho.h"
#include "mm_rig.h"

#define ARI     "0606 80a0 11234567 "
#define AUTHED  "8541 0d04b3d4cf3b"
#define CIPHER  "054c19028198\n"
#define REF     "0102030405060708"
#define SETUP_C "1305 " IPUI ARI "e0c0 4109 69" REF

struct bed { /* a handset in a call at base 1 (h), and its other connection at base 2 (o) */
	struct rig g;
	struct hs h, o;
	struct pp *pp;
	struct cc *cc;
	struct cc_lce *low;
	struct cc_call *call;
	unsigned ended, why, moved, media_lost;
};

static void on_setup(void *ctx, struct cc_call *c, const struct cc_setup *s)
{
	struct bed *b = ctx;

	(void)s;
	b->call = c;
	assert_int_equal(cc_connect(c, NULL), 0);
}

static void on_any(void *ctx, struct cc_call *c)
{
	(void)ctx;
	(void)c;
}

static void on_info(void *ctx, struct cc_call *c, const struct cc_info *i)
{
	(void)ctx;
	(void)c;
	(void)i;
}

static void on_hold(void *ctx, struct cc_call *c, bool hold)
{
	(void)ctx;
	(void)c;
	(void)hold;
}

static void on_ended(void *ctx, struct cc_call *c, enum cc_end why, uint8_t reason)
{
	struct bed *b = ctx;

	(void)c;
	(void)reason;
	b->ended++;
	b->why = why;
}

static void on_released(void *ctx, struct cc_call *c)
{
	(void)c;
	((struct bed *)ctx)->call = NULL;
}

static const struct cc_ops ops = { .setup_ind = on_setup,
	.info_ind = on_info,
	.reached = on_any,
	.alerting_ind = on_any,
	.connect_ind = on_any,
	.hold_ind = on_hold,
	.ended = on_ended,
	.released = on_released };

static void on_moved(void *ctx, struct pp *pp)
{
	(void)pp;
	((struct bed *)ctx)->moved++;
}

static void on_media(void *ctx, struct pp *pp, const struct mac_media_ind *ind)
{
	(void)pp;
	((struct bed *)ctx)->media_lost += ind->what == MAC_MEDIA_FAILED;
}

static const struct cc_lce_ops low_ops = { on_moved, on_media };

static void speech(struct bed *b)
{
	struct mac_media m = { .far = { { 127, 0, 0, 9 }, 17000 }, .ncodecs = 1, .ptime_ms = 20 };
	struct mac_addr local;

	assert_int_equal(mac_media_open(cc_lce_conn(b->low, b->pp), &m, &local), 0);
	mac_media_result(b->g.air.mac, 1, b->g.air.handle, 0);
	hs_pump(&b->h);
	b->h.other[0] = '\0';
}

/* A ciphered call of its own with speech at base 1. */
static void begin(struct bed *b)
{
	struct cc_conf conf = { 0 };

	memset(b, 0, sizeof(*b));
	rig_init(&b->g, NULL);
	conf.ident = b->g.r.ident;
	b->low = cc_lce_new(b->g.air.w, b->g.r.lce, b->g.r.pps, b->g.r.mm, &low_ops, b);
	b->cc = cc_new(b->g.air.w, &conf, &cc_lce_low, b->low, &ops, b);
	cc_lce_set_cc(b->low, b->cc);
	assert_int_equal(pp_make(b->g.r.pps, IPEI, &b->pp), 0);
	b->pp->subscribed = b->pp->confirmed = true;
	b->pp->alg = PP_DSAA;
	b->pp->state = PP_LOCATED;
	assert_int_equal(pp_save(b->pp), 0);
	hs_init(&b->h, &b->g, 3);
	hs_init(&b->o, &b->g, 7);
	b->o.base = 2;
	hs_first(&b->h, 0xe1234, "0305 " IPUI ARI "e080");
	hs_expect(&b->h, AUTH);
	hs_say(&b->h, AUTHED);
	hs_expect(&b->h, CIPHER);
	hs_cipher(&b->h);
	hs_expect(&b->h, "8307\n");
	assert_non_null(b->call);
	speech(b);
	b->h.twin = &b->o;
	b->o.twin = &b->h;
	memcpy(b->pp->ho_ref, (uint8_t[]){ 1, 2, 3, 4, 5, 6, 7, 8 }, 8);
	b->pp->has_ho_ref = true;
}

static void end(struct bed *b)
{
	assert_int_equal(lce_stats(b->g.r.lce)->tx_odd, 0); /* all by the tables of 6.3 */
	cc_lce_free(b->low);
	cc_free(b->cc);
	rig_fini(&b->g);
}

/* CC-CONNECT came on the other link and is acknowledged; it ciphers there. */
static void come_over(struct bed *b)
{
	hs_expect(&b->o, AUTH);
	hs_say(&b->o, AUTHED);
	hs_expect(&b->o, "9307\n");
	hs_say(&b->o, "130f");
	hs_expect(&b->o, CIPHER);
}

static void table(void **state)
{
	(void)state;
	assert_int_equal(fsm_check(&xho_def, stderr), 0);
}

/* The reference is told to who asks for it on a ciphered link, and the same again. */
static void reference(void **state)
{
	struct bed b;

	(void)state;
	begin(&b);
	hs_say(&b.h, "0550 01018a");
	hs_expect(&b.h, "855101018a410969" REF "\n");
	hs_say(&b.h, "0550 01030809 8a");
	hs_expect(&b.h, "8551010308098a07015f410969" REF "\n");
	end(&b);
}

static void moves(void **state)
{
	struct bed b;

	(void)state;
	begin(&b);
	hs_first(&b.o, 0xe5555, SETUP_C);
	come_over(&b);
	assert_int_equal(b.moved, 0); /* nothing moves in clear */
	hs_expect(&b.h, "");
	hs_cipher(&b.o);
	hs_expect(&b.h, "834de223\n");
	assert_int_equal(b.moved, 1);
	assert_non_null(strstr(b.o.other, "media 2:7 opens 2\nmedia 1 closes 1\n"));
	assert_false(b.pp->has_ho_ref); /* it is used up */
	hs_say(&b.h, "035a");
	hs_wait(&b.h, 350);
	assert_false(b.h.up);
	assert_int_equal(b.ended, 0);
	assert_int_equal(cc_state(b.call), CC_ACTIVE);
	assert_int_equal(mac_conn_base(cc_lce_conn(b.low, b.pp)), 2);
	assert_int_equal(b.g.unsafe, 0);
	/* The call goes on under its new transaction. */
	assert_int_equal(cc_info(b.call, &(struct cc_show){ .signal = 5 }), 0);
	hs_expect(&b.o, "937be405\n");
	hs_say(&b.o, "134de200");
	hs_expect(&b.o, "935ae200\n");
	assert_int_equal(b.ended, 1);
	assert_int_equal(b.why, CC_END_HANDSET);
	assert_int_equal(cc_stats(b.cc)->ext_handovers, 1);
	end(&b);
}

/* Refusals leave the call as it is. */
static void refused(void **state)
{
	static const struct {
		const char *setup, *want;
		bool full, clear;
	} t[] = {
		{ "1305 " IPUI ARI "e0c0", "935ae222\n", 0, 0 },
		{ "1305 " IPUI ARI "e0c0 4109 69 1102030405060708", "935ae222\n", 0, 0 },
		{ "1305 " IPUI "e0c0 4109 69" REF, "935ae203\n", 0, 0 },
		{ "1305 " IPUI ARI "e0c8 4109 69" REF, "935ae205\n", 0, 0 },
		{ SETUP_C, "935ae241\n", 0, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct bed b;

		begin(&b);
		b.g.air.ciphers = !t[i].clear;
		hs_first(&b.o, 0xe5555, t[i].setup);
		hs_expect(&b.o, t[i].want);
		hs_expect(&b.h, "");
		hs_wait(&b.h, 6000); /* LCE.02: the other link goes */
		assert_false(b.o.up);
		assert_true(b.h.up);
		assert_int_equal(b.ended, 0);
		hs_say(&b.h, "034de200");
		hs_expect(&b.h, "835ae200\n");
		end(&b);
	}
}

/* There is no call that could go on. */
static void no_call(void **state)
{
	struct bed b;

	(void)state;
	begin(&b);
	hs_say(&b.h, "034de200");
	hs_expect(&b.h, "835ae200\n");
	hs_wait(&b.h, 1500);
	hs_first(&b.o, 0xe5555, SETUP_C);
	hs_expect(&b.o, "935ae221\n");
	end(&b);
}

/* Somebody else has heard the reference. */
static void impostor(void **state)
{
	struct bed b;

	(void)state;
	begin(&b);
	hs_first(&b.o, 0xe5555, SETUP_C);
	hs_expect(&b.o, AUTH);
	hs_say(&b.o, "8541 0d0400000000");
	hs_expect(&b.o, "935ae209\n");
	hs_wait(&b.o, 6000);
	assert_false(b.o.up);
	assert_true(b.h.up);
	assert_int_equal(b.ended, 0);
	assert_int_equal(cc_state(b.call), CC_ACTIVE);
	end(&b);
}

/* It thinks better of it before CC-CONNECT-ACK, or does not acknowledge. */
static void falls_back(void **state)
{
	for (int late = 0; late < 2; late++) {
		struct bed b;

		(void)state;
		begin(&b);
		hs_first(&b.o, 0xe5555, SETUP_C);
		hs_expect(&b.o, AUTH);
		hs_say(&b.o, AUTHED);
		hs_expect(&b.o, "9307\n");
		if (late) {
			hs_wait(&b.o, 10000); /* CC.05 */
			hs_expect(&b.o, "934de20d\n");
			hs_say(&b.o, "135a");
		} else {
			hs_say(&b.o, "134de200");
			hs_expect(&b.o, "935ae200\n");
		}
		hs_wait(&b.o, 400);
		assert_false(b.o.up);
		assert_true(b.h.up);
		assert_int_equal(b.ended, 0);
		hs_say(&b.h, "034de200");
		hs_expect(&b.h, "835ae200\n");
		end(&b);
	}
}

/* N400: the handset releases the first link itself; the first link breaks; no speech channel at the other base. */
static void rough(void **state)
{
	struct bed b;

	(void)state;
	begin(&b);
	hs_first(&b.o, 0xe5555, SETUP_C);
	come_over(&b);
	hs_say(&b.h, "034de223");
	hs_expect(&b.h, "835ae200\n");
	assert_int_equal(b.ended, 0);
	hs_cipher(&b.o);
	assert_int_equal(b.moved, 1);
	hs_expect(&b.h, "");
	hs_wait(&b.h, 350);
	assert_false(b.h.up);
	assert_int_equal(cc_state(b.call), CC_ACTIVE);
	end(&b);

	begin(&b);
	hs_first(&b.o, 0xe5555, SETUP_C);
	hs_expect(&b.o, AUTH);
	air_dis(&b.g.air, 1, 3, 2);
	b.h.up = false;
	hs_wait(&b.o, 5);
	assert_int_equal(b.ended, 0);
	hs_say(&b.o, AUTHED);
	hs_expect(&b.o, "9307\n");
	hs_say(&b.o, "130f");
	hs_expect(&b.o, CIPHER);
	hs_cipher(&b.o);
	assert_int_equal(b.moved, 1);
	assert_int_equal(b.media_lost, 1); /* to be opened anew */
	/* It is there: nobody pages it, and its call goes on. */
	assert_null(strstr(b.o.other, "page"));
	hs_wait(&b.o, 30000);
	assert_int_equal(b.pp->state, PP_LOCATED);
	assert_int_equal(cc_state(b.call), CC_ACTIVE);
	b.o.rx[0] = '\0';
	hs_say(&b.o, "134de200");
	hs_expect(&b.o, "935ae200\n");
	end(&b);

	/* Both break. */
	begin(&b);
	hs_first(&b.o, 0xe5555, SETUP_C);
	hs_expect(&b.o, AUTH);
	air_dis(&b.g.air, 1, 3, 2);
	air_dis(&b.g.air, 2, 7, 2);
	b.h.up = b.o.up = false;
	hs_wait(&b.o, 5);
	assert_int_equal(b.ended, 1);
	assert_int_equal(b.why, CC_END_LOST);
	end(&b);

	begin(&b);
	hs_first(&b.o, 0xe5555, SETUP_C);
	come_over(&b);
	b.g.air.full = true;
	hs_cipher(&b.o);
	hs_expect(&b.o, "934de241\n");
	hs_say(&b.o, "135a");
	hs_wait(&b.o, 400);
	assert_false(b.o.up);
	assert_int_equal(b.moved, 0);
	hs_expect(&b.h, "");
	assert_int_equal(cc_state(b.call), CC_ACTIVE);
	end(&b);
}

/* It hangs up right after CC-CONNECT-ACK; the other side hangs up meanwhile. */
static void hangs_up(void **state)
{
	struct bed b;

	(void)state;
	begin(&b);
	hs_first(&b.o, 0xe5555, SETUP_C);
	come_over(&b);
	hs_say(&b.o, "134de200");
	hs_expect(&b.o, "935ae200\n");
	hs_expect(&b.h, "834de223\n");
	assert_int_equal(b.ended, 1);
	hs_say(&b.h, "035a");
	hs_wait(&b.h, 20000); /* ciphering is given up, then LCE.02 */
	assert_false(b.h.up);
	assert_false(b.o.up);
	end(&b);

	begin(&b);
	hs_first(&b.o, 0xe5555, SETUP_C);
	hs_expect(&b.o, AUTH);
	hs_say(&b.o, AUTHED);
	hs_expect(&b.o, "9307\n");
	cc_release(b.call, CC_R_NORMAL, NULL);
	hs_expect(&b.h, "834de200\n");
	hs_say(&b.h, "035a");
	hs_expect(&b.o, "934de200\n");
	hs_say(&b.o, "135a");
	hs_wait(&b.o, 400);
	assert_false(b.o.up);
	assert_null(b.call);
	end(&b);
}

/* The handset lets its first link go before it comes (release reason 23). */
static void parked(void **state)
{
	struct bed b;

	(void)state;
	begin(&b);
	hs_say(&b.h, "034de223");
	hs_expect(&b.h, "835ae22307015f410969" REF "\n");
	hs_wait(&b.h, 400);
	assert_false(b.h.up);
	assert_int_equal(b.ended, 0);
	hs_first(&b.o, 0xe5555, SETUP_C);
	come_over(&b);
	hs_cipher(&b.o);
	assert_int_equal(b.moved, 1);
	assert_int_equal(b.media_lost, 1);
	assert_int_equal(cc_state(b.call), CC_ACTIVE);
	hs_wait(&b.o, 10000);
	assert_true(b.o.up);
	hs_say(&b.o, "134de200");
	hs_expect(&b.o, "935ae200\n");
	end(&b);

	/* It does not come: LCE.04. */
	begin(&b);
	hs_say(&b.h, "034de223");
	hs_expect(&b.h, "835ae22307015f410969" REF "\n");
	hs_wait(&b.h, 4900);
	assert_int_equal(b.ended, 0);
	hs_wait(&b.h, 200);
	assert_int_equal(b.ended, 1);
	assert_int_equal(b.why, CC_END_LOST);
	end(&b);
}

/* ---- anything in any order ---- */

static unsigned dice(unsigned *seed, unsigned n)
{
	*seed = *seed * 1103515245u + 12345u;
	return (*seed >> 16) % n;
}

static bool there(const struct bed *b, const struct hs *h)
{
	struct lce_link *l = NULL;

	while ((l = lce_next(b->g.r.lce, l)))
		if (lce_conn(l) && mac_conn_base(lce_conn(l)) == h->base &&
		    mac_conn_mcei(lce_conn(l)) == h->mcei)
			return true;
	return false;
}

static void try_say(struct bed *b, struct hs *h, const char *hex)
{
	if (h->up && there(b, h))
		hs_say(h, hex);
}

static void lost(struct bed *b, struct hs *h)
{
	if (h->up && there(b, h))
		air_dis(&b->g.air, h->base, h->mcei, 2);
	h->up = false;
	hs_pump(h);
}

/* Over the link that the call has already: refused, and no end of that link harms. */
static void same_link(void **state)
{
	struct bed b;

	(void)state;
	begin(&b);
	hs_say(&b.h, SETUP_C);
	hs_expect(&b.h, "935ae232\n");
	assert_true(list_empty(&b.low->xhos));
	lost(&b, &b.h);
	hs_wait(&b.h, 60000);
	assert_int_equal(b.ended, 1);
	end(&b);
}

static void come(struct bed *b)
{
	if (b->o.up && there(b, &b->o))
		return;
	b->o.mcei = (uint8_t)(7 + (b->o.mcei - 6) % 100); /* never used again early */
	b->o.rx[0] = '\0';
	hs_first(&b->o, 0xe5555, SETUP_C);
}

/* The base reports that the other link is ciphered; too early, or for nobody: no matter. */
static void try_cipher(struct bed *b)
{
	int err = there(b, &b->o) ? mac_input(b->g.air.mac, 2,
	                                (uint8_t[]){ 0x7a, 0x0a, b->o.mcei, 1, 0, 0, 0 }, 7)
	                          : 0;

	assert_true(err == 0 || err == ERR_STATE);
	hs_pump(&b->o);
}

static void random_step(struct bed *b, unsigned *seed)
{
	static const char *const old[] = { "034de223", "034de200", "035a", "035ae223", "037b2c0131",
		"0550 01018a" };
	static const char *const other[] = { AUTHED, AUTHED, "130f", "130f", "134de200", "135a",
		"8541 0d0400000000", "137b2c0131", SETUP_C, "854f 600119", "034de223" };

	switch (dice(seed, 10)) {
	case 0:
	case 1:
		come(b);
		break;
	case 2:
		try_say(b, &b->h, old[dice(seed, ARRAY_LEN(old))]);
		break;
	case 3:
	case 4:
	case 5:
		try_say(b, &b->o, other[dice(seed, ARRAY_LEN(other))]);
		break;
	case 6:
		try_cipher(b);
		break;
	case 7:
		lost(b, dice(seed, 2) ? &b->h : &b->o);
		break;
	case 8:
		if (b->call && cc_state(b->call) == CC_ACTIVE && dice(seed, 4) == 0)
			cc_release(b->call, CC_R_NORMAL, NULL);
		break;
	default:
		b->g.air.full = dice(seed, 8) == 0;
		hs_wait(&b->o, 10 + dice(seed, 3000));
		break;
	}
	hs_wait(&b->o, 3);
}

/* What the handset is to do next, by what came last. */
static void right_step(struct bed *b)
{
	char last[sizeof(b->o.rx)];

	memcpy(last, b->o.rx, sizeof(last));
	b->o.rx[0] = '\0';
	if (strstr(last, CIPHER))
		try_cipher(b);
	else if (strstr(last, "9307\n"))
		try_say(b, &b->o, "130f");
	else if (strstr(last, AUTH))
		try_say(b, &b->o, AUTHED);
	else if (strstr(b->h.rx, "834de223\n"))
		try_say(b, &b->h, "035a");
	else
		come(b);
	b->h.rx[0] = '\0';
	hs_pump(&b->o);
	hs_wait(&b->o, 5);
}

static void any_order(void **state)
{
	unsigned moved = 0;

	(void)state;
	for (unsigned run = 0; run < 400; run++) {
		unsigned seed = run;
		struct bed b;

		begin(&b);
		for (unsigned i = 0; i < 40; i++)
			if (dice(&seed, 8))
				right_step(&b);
			else
				random_step(&b, &seed);
		moved += b.moved;
		/* The handset goes: nothing may be left. */
		lost(&b, &b.h);
		lost(&b, &b.o);
		hs_wait(&b.o, 120000);
		assert_null(b.call);
		assert_true(list_empty(&b.low->xhos));
		assert_null(lce_next(b.g.r.lce, NULL));
		end(&b);
	}
	assert_true(moved > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order),
		cmocka_unit_test(table),
		cmocka_unit_test(reference),
		cmocka_unit_test(moves),
		cmocka_unit_test(refused),
		cmocka_unit_test(same_link),
		cmocka_unit_test(no_call),
		cmocka_unit_test(impostor),
		cmocka_unit_test(falls_back),
		cmocka_unit_test(rough),
		cmocka_unit_test(hangs_up),
		cmocka_unit_test(parked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
