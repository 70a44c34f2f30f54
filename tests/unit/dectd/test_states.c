/* Everything that a handset, a base station, sipd, certd and an administrator may do, in any order: whatever comes in whichever
 * state, nothing of it brings the daemon down, and nothing stays when the links are gone. Random, but the same each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "common/log.h"
#include "states_bed.h"

#define ANSWERS  "0071 " IPUI
#define ARI      "0606 80a0 11234567 "
#define EXTERNAL "1305 " IPUI ARI "e0c0 4109 690102030405060708"
#define ROUNDS   400
#define STEPS    300

/* All that a handset may say. */
static const char *const messages[] = { RIGHTS, LOCATE, "0556 " IPUI, "0548 " IPUI,
	"8541 0d04b3d4cf3b", "8541 0d04b3d4cf3b", "8541 0d0400000000", "8541", "8543 600113",
	"8540 0a03014800 0c08a94e0d137b2c65f8 0d04b3d4cf3b", "8540 0a03014800",
	"0540 0a03011800 0c08a94e0d137b2c65f8", "8549", "854b 600102", "854f 600117", "054f 600117",
	"054e 19028198", "054e 19020198", "0550 01030809 8a", "0550 010188",
	"8559 0507 90a8 010012abcd", "8559", "855d", "055d", "855f 600101", "055f 600101",
	"055b 7702c0aa", "0554 0505a094011111", "0544", "057f", "0071 " IPUI, "0071", CALLS, CALLS,
	EXTERNAL, "0305", "037b 2c0131", "837b 2c0131", "037b 2c0215 32", "837b 2c0115",
	"837b 2c022a 23", "837b 2c0140", "8301", "8302", "8307", "830d", "030f", "830f", "130f",
	"0320 160181", "8321", "8323", "0324", "0331", "0328", "034d e200", "834d e200", "035a",
	"835a", "134d e200", "135a", "8360 7702c0aa", "0362", "036e 0a", "0464", "0462", "6462",
	"045a", "0601", "0705", "077b", "075a" };

static void say_any(struct bed *b, struct hs *h)
{
	static const char *const firsts[] = { LOCATE, CALLS, CALLS, ANSWERS, EXTERNAL };

	say(b, h,
	    !h->up && rnd(b, 4) ? firsts[rnd(b, ARRAY_LEN(firsts))]
	                        : messages[rnd(b, ARRAY_LEN(messages))]);
}

/* What it says of the last call, or of one that is not there any more. */
static void sipd_says(struct bed *b)
{
	struct mac_media m = { .instance = 1, .session = 1 + rnd(b, 3), .ncodecs = 1 };
	struct ui_party p = { .name = SLICE_LIT("Anna"), .number = SLICE_LIT("4711") };
	struct iwu_progress_in in = {
		.kind = (enum iwu_progress)(1 + rnd(b, 4)), .party = &p, .media = &m
	};
	struct iwu_offer o = { .caller = p, .ring_pattern = -1, .media = &m };
	struct iwu_answer a = { .n = rnd(b, 3), .total = 3 };
	uint64_t ref = b->ref - rnd(b, 3);
	struct pp *pp = device(b);
	int err = rnd(b, 2) ? 0 : ERR_STATE;

	if (b->placed && rnd(b, 4)) {
		phones_setup_done(b->phones, b->placed, 0, &m, true, NULL);
		phones_connected(b->phones, b->placed, &p, &m);
	}
	b->placed = 0;
	switch (rnd(b, 14)) {
	case 0:
		phones_setup_done(b->phones, ref, err, &m, true, "no");
		break;
	case 1:
		phones_progress(b->phones, ref, &in);
		break;
	case 2:
		phones_connected(b->phones, ref, &p, &m);
		break;
	case 3:
		phones_released(b->phones, ref, IWU_NORMAL, SLICE_LIT(""), rnd(b, 2));
		break;
	case 4:
	case 5:
		if (pp)
			(void)phones_offer(b->phones, pp, ++b->ref, &o);
		break;
	case 6:
		phones_display(b->phones, ref, &p, (int)rnd(b, 3) - 1, SLICE_LIT("text"));
		break;
	case 7:
		phones_hold_done(b->phones, ref, rnd(b, 2), err);
		break;
	case 8:
		phones_transfer_done(b->phones, ref, err);
		break;
	case 9:
		phones_conference_done(b->phones, ref, rnd(b, 2), err);
		break;
	case 10:
		if (pp)
			phones_answer(b->phones, pp, b->token - rnd(b, 2), &a);
		break;
	case 11:
		phones_media(b->phones, ref, &m);
		break;
	case 12:
		phones_orphan(b->phones, 1000);
		break;
	default:
		phones_resync(b->phones);
		break;
	}
}

static void base_says(struct bed *b, struct hs *h)
{
	uint32_t p = pmid(b), other = 3 - h->base;

	switch (rnd(b, 12)) {
	case 0:
		raw(b, h->base, (uint8_t[]){ 0x7a, 0x03, h->mcei, (uint8_t)rnd(b, 4) }, 4);
		h->up = false;
		break;
	case 1:
	case 2:
		raw(b, h->base, (uint8_t[]){ 0x7a, 0x0a, h->mcei, (uint8_t)rnd(b, 3), 0, 0, 0 }, 7);
		break;
	case 3:
		connected(b, h, 0);
		h->up = rnd(b, 2);
		break;
	case 4: /* announced, perhaps done */
		raw(b, other,
		    (uint8_t[]){ 0x7a, 0x0b, h->mcei, (uint8_t)(p >> 16), (uint8_t)(p >> 8),
		        (uint8_t)p, 2, 1 },
		    8);
		if (rnd(b, 3))
			break;
		/* fallthrough */
	case 5:
		h->base = other;
		connected(b, h, 2);
		break;
	case 6:
		raw(b, other, (uint8_t[]){ 0x7a, 0x0e, h->mcei, 0 }, 4);
		break;
	case 7:
		raw(b, h->base,
		    (uint8_t[]){ 0x7a, 0x1d, h->mcei, (uint8_t)(p >> 16), (uint8_t)(p >> 8),
		        (uint8_t)p, 1, (uint8_t)(0x2f + rnd(b, 2)) },
		    8);
		break;
	case 8:
		raw(b, h->base,
		    (uint8_t[]){
		        0x7a, 0x1d, (uint8_t)(p >> 16), (uint8_t)(p >> 8), (uint8_t)p, 1, 0x2f },
		    rnd(b, 2) ? 5 : 7);
		break;
	case 9:
		mac_media_result(b->g.air.mac, h->base, b->g.air.handle, rnd(b, 3) ? 0 : ERR_LOST);
		break;
	case 10:
		if (rnd(b, 4))
			break;
		mac_base_down(b->g.air.mac, h->base);
		for (unsigned i = 0; i < HANDSETS; i++)
			if (b->h[i].base == h->base)
				b->h[i].up = false;
		break;
	default:
		mac_base_up(b->g.air.mac, 1 + rnd(b, 2), 1);
		break;
	}
}

static void certd_says(struct bed *b)
{
	struct rig *g = &b->g;

	switch (rnd(b, 6)) {
	case 0:
		g->deaf = !rnd(b, 4);
		break;
	case 1:
		g->away = !rnd(b, 6);
		break;
	case 2:
		g->err = rnd(b, 6) ? 0 : rnd(b, 2) ? ERR_BUSY : ERR_NOTFOUND;
		break;
	case 3:
		g->former = rnd(b, 2);
		g->any = rnd(b, 2);
		break;
	default: /* late */
		for (unsigned i = 0; i < ASKS; i++)
			if (g->asks[i].fn && !tmr_pending(&g->asks[i].tmr) && rnd(b, 2))
				tmr_start(&g->asks[i].tmr, 0);
		break;
	}
}

static void admin_says(struct bed *b)
{
	struct rig *g = &b->g;
	struct pp *pp = device(b);
	struct ss_notice n = {
		.has_messages = true, .messages = rnd(b, 4), .text = SLICE_LIT("hi")
	};

	switch (rnd(b, 9)) {
	case 0:
		if (pp && !rnd(b, 3) && mm_terminate(g->r.mm, pp, on_terminated, b) == 0)
			b->terminating++;
		break;
	case 1:
		if (pp)
			(void)!(rnd(b, 2) ? mm_identify(g->r.mm, pp) : mm_new_tpui(g->r.mm, pp));
		break;
	case 2:
		if (pp)
			(void)!mm_suggest_locate(g->r.mm, pp);
		break;
	case 3:
		(void)!subs_open(g->r.subs, SUBS_WILDCARD, NULL, 60000);
		break;
	case 4:
		if (!pp)
			(void)subscribed(g);
		break;
	case 5:
		(void)pp_user_put(
		    g->r.pps, &(struct pp_user_in){ .name = SLICE_LIT("anna"),
		                  .ipei = rnd(b, 4) ? SLICE_LIT(IPEI) : SLICE_LIT("") });
		break;
	case 6: /* the configuration is read anew */
		if (rnd(b, 3))
			break;
		g->conf.cipher = rnd(b, 3);
		g->conf.early = rnd(b, 3);
		g->conf.tpui = rnd(b, 2);
		g->conf.authenticate = rnd(b, 2);
		g->conf.dsaa2 = rnd(b, 2);
		break;
	case 7:
		if (pp && pp->user)
			ss_user_notice(b->ss, pp->user, &n);
		break;
	default:
		if (pp && clms_send(b->clms, &pp->ipui, SLICE_LIT("text"), on_text_sent, b) == 0)
			b->texts++;
		break;
	}
}

static void step(struct bed *b)
{
	static const unsigned some[] = { 0, 10, 10, 50, 50, 400, 400, 2000, 20000 };
	struct hs *h = &b->h[rnd(b, 4) ? 0 : rnd(b, HANDSETS)];

	if (!device(b) && !rnd(b, 8))
		(void)subscribed(&b->g);
	if (!rnd(b, 8)) {
		mac_base_up(b->g.air.mac, 1, 1);
		mac_base_up(b->g.air.mac, 2, 1);
		b->g.deaf = b->g.away = false;
	}
	switch (rnd(b, 14)) {
	case 0:
	case 1:
	case 2:
		say_any(b, h);
		break;
	case 5:
		base_says(b, h);
		break;
	case 7:
		certd_says(b);
		break;
	case 8:
	case 9:
	case 10:
	case 11:
		sipd_says(b);
		break;
	case 12:
		admin_says(b);
		break;
	default:
		pass(b, some[rnd(b, ARRAY_LEN(some))]);
		break;
	}
	if (rnd(b, 4))
		pump(b);
	if (device(b) && !rnd(b, 4)) {
		memcpy(device(b)->ho_ref, (uint8_t[]){ 1, 2, 3, 4, 5, 6, 7, 8 }, 8);
		device(b)->has_ho_ref = true;
	}
	for (unsigned i = 0; i < HANDSETS; i++) {
		const char *m = b->reply[i];

		b->reply[i] = NULL;
		if (m && b->h[i].up && rnd(b, 5))
			say(b, &b->h[i], m);
	}
	if (rnd(b, 2))
		pass(b, 20);
}

static void quiet(int prio, const char *line, void *ctx)
{
	(void)prio;
	(void)line;
	(void)ctx;
}

/* The bases go, certd comes back, time goes by: nothing is left of what was under way. */
static void all_gone(struct bed *b)
{
	struct lce *lce = b->g.r.lce;

	b->g.deaf = b->g.away = false;
	b->g.err = 0;
	for (unsigned i = 0; i < ASKS; i++)
		if (b->g.asks[i].fn && !tmr_pending(&b->g.asks[i].tmr))
			tmr_start(&b->g.asks[i].tmr, 0);
	if (b->round &
	    1) { /* first they stay, and nobody wants anything any more: links end by themselves */
		mac_base_up(b->g.air.mac, 1, 1);
		mac_base_up(b->g.air.mac, 2, 1);
		if (device(b))
			phones_gone(b->phones, device(b));
		for (unsigned i = 0; i < 10; i++)
			pass(b, 60000);
		/* One that was lost may be looked for just now. */
		for (struct lce_link *l = lce_next(lce, NULL); l; l = lce_next(lce, l))
			assert_int_equal(lce_state(l), LCE_PENDING);
	}
	mac_base_down(b->g.air.mac, 1);
	mac_base_down(b->g.air.mac, 2);
	for (unsigned i = 0; i < HANDSETS; i++)
		b->h[i].up = false;
	phones_orphan(b->phones, 1000);
	for (unsigned i = 0; i < 10; i++)
		pass(b, 60000);
	assert_null(lce_next(b->g.r.lce, NULL));
	assert_true(list_empty(&b->g.r.mm->eps));
	assert_true(list_empty(&b->g.r.mm->orphans));
	assert_true(list_empty(&b->g.r.mm->erasing));
	assert_true(list_empty(&b->g.r.mm->early_asks));
	assert_true(list_empty(&b->low->parts));
	assert_true(list_empty(&b->low->xhos));
	assert_true(list_empty(&b->g.air.mac->conns));
	assert_int_equal(phones_calls(b->phones), 0);
	assert_int_equal(b->texts, 0);
	assert_int_equal(b->terminating, 0);
}

/* TEST_ROUND=N: that round alone. */
static void test_any_order(void **state)
{
	const char *only = getenv("TEST_ROUND");
	struct bed *b = mem_new(sizeof(*b));
	unsigned calls = 0, handovers = 0, ciphers = 0, gone = 0;

	(void)state;
	log_capture(quiet, NULL);
	for (unsigned r = 0; r < ROUNDS; r++) {
		if (only && r != strtoul(only, NULL, 10))
			continue;
		begin(b, r);
		(void)subscribed(&b->g);
		for (unsigned i = 0; i < STEPS; i++)
			step(b);
		all_gone(b);
		calls += (unsigned)phones_stats(b->phones)->connected;
		handovers += (unsigned)lce_stats(b->g.r.lce)->moved;
		ciphers += (unsigned)mm_stats(b->g.r.mm)->ciphers;
		gone += (unsigned)mm_stats(b->g.r.mm)->terminations;
		end(b);
	}
	log_capture(NULL, NULL);
	free(b);
	/* It got somewhere. */
	if (!only)
		assert_true(calls > 50 && handovers > 50 && ciphers > 500 && gone > 100);
}

/* It gives up its rights and calls before certd has forgotten its key: the call ends with the handset. */
static void test_gone_while_it_calls(void **state)
{
	struct bed *b = mem_new(sizeof(*b));
	struct hs *h = &b->h[0];

	(void)state;
	log_capture(quiet, NULL);
	begin(b, 0);
	(void)subscribed(&b->g);
	connected(b, h, 0);
	say(b, h, "0548 " IPUI);
	pass(b, 20);
	b->g.deaf = true;
	for (unsigned erasing = 0; erasing < 2; erasing++) {
		if (!erasing)
			say(b, h, "8541 0d04b3d4cf3b");
		for (unsigned i = 0; i < ASKS; i++)
			if (b->g.asks[i].fn)
				tmr_start(&b->g.asks[i].tmr, 0);
		if (erasing)
			say(b, h, CALLS);
		tmr_advance(b->g.air.w, 1);
	}
	assert_null(device(b));
	assert_int_equal(phones_calls(b->phones), 0);
	pass(b, 60000);
	all_gone(b);
	end(b);
	log_capture(NULL, NULL);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_gone_while_it_calls),
		cmocka_unit_test(test_any_order) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
