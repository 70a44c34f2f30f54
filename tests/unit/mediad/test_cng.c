/* Comfort noise: octets, level and colour of what is generated, the sender's decisions. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mediad/cng.h"
#include "speech.h"

static void test_octets(void **state)
{
	(void)state;
	struct cng_sid s;
	static const uint8_t one[] = { 0xc0 | 30 }, many[20] = { 40, 127, 0, 254, 255, 128 };
	uint8_t out[20];

	assert_int_equal(cng_parse(one, 0, &s), ERR_TRUNCATED);
	assert_int_equal(cng_parse(one, 1, &s), 0);
	assert_int_equal(s.level, 0x40 | 30); /* the reserved bit does not count */
	assert_int_equal(s.order, 0);
	assert_int_equal(cng_parse(many, sizeof(many), &s), 0);
	assert_int_equal(s.order, CNG_ORDER);
	assert_int_equal(s.k[0], 0);
	assert_int_equal(s.k[1], -32766);
	assert_int_equal(s.k[2], 32766);
	assert_int_equal(s.k[3], 32767);
	assert_int_equal(s.k[4], 258);
	assert_int_equal(cng_build(&s, out, 10), 0);
	assert_int_equal(cng_build(&s, out, sizeof(out)), 11);
	assert_int_equal(out[0], 40);
	assert_memory_equal(out + 1, many + 1, 3);
	assert_int_equal(out[4], 254);
	assert_int_equal(out[5], 128);
}

static void test_level(void **state)
{
	static int16_t x[80000];
	struct cng_gen g;

	(void)state;
	for (int level = 20; level <= 70; level += 10)
		for (int colour = -1; colour <= 1; colour++) {
			struct cng_sid s = { .level = (uint8_t)level,
				.order = 2,
				.k = { (int16_t)(colour * 25000), 6000 } };
			double e = 0, r1 = 0;
			cng_gen_init(&g, 7);
			cng_gen_set(&g, &s);
			for (size_t i = 0; i < 80000; i += 80)
				cng_gen_fill(&g, x + i, 80);
			for (size_t i = 1; i < 80000; i++) {
				e += (double)x[i] * x[i];
				r1 += (double)x[i] * x[i - 1];
			}
			double got = -20 * log10(sqrt(e / 80000) / 32767);
			if (fabs(got - level) > (level > 60 ? 2.5 : 1))
				fail_msg("level %d, colour %d: %.1f dBov", level, colour, got);
			/* k1 is minus the correlation of neighbours. */
			assert_true(fabs(r1 / e + colour * 25000 / 32768.0) < 0.15);
		}
}

/* A change is smooth: no 20 ms is more than 6 dB from the one before. */
static void test_smooth(void **state)
{
	struct cng_gen g;
	struct cng_sid a = { .level = 60 }, b = { .level = 40 };
	int16_t x[160];
	double last = 0;

	(void)state;
	cng_gen_init(&g, 3);
	cng_gen_set(&g, &a);
	for (int f = 0; f < 100; f++) {
		double e = 0;
		if (f == 20)
			cng_gen_set(&g, &b);
		cng_gen_fill(&g, x, 160);
		for (int i = 0; i < 160; i++)
			e += (double)x[i] * x[i];
		double db = 10 * log10(e + 1);
		if (f > 0)
			assert_true(fabs(db - last) < 6);
		last = db;
	}
}

/* The sender: speech is never taken for noise; a pause gives a description, then few more. */
static void test_sender(void **state)
{
	struct cng_an a;
	struct cng_sid s, back;
	struct cng_gen room;
	struct speech sp;
	unsigned sids = 0, quiet = 0, cut = 0;
	uint8_t out[16];

	(void)state;
	cng_an_init(&a);
	cng_gen_init(&room, 11);
	cng_gen_set(&room, &(struct cng_sid){ .level = 62, .order = 1, .k = { -20000 } });
	speech_init(&sp, 5, 8000);
	for (int f = 0; f < 1000; f++) {
		int16_t x[160], y[160];
		bool talk = f / 100 % 2; /* 2 s of room, 2 s of speech */
		cng_gen_fill(&room, x, 160);
		speech_fill(&sp, y, 160);
		double e = 0;
		for (int i = 0; talk && i < 160; i++) {
			x[i] = (int16_t)(x[i] / 2 + y[i] / 4);
			e += (double)x[i] * x[i];
		}
		enum cng_verdict v = cng_an_frame(&a, x, 160, &s);
		if (talk && v != CNG_SPEECH && e / 160 > 60000) /* audible speech: -42 dBov */
			cut++;
		if (!talk) {
			sids += v == CNG_SID;
			quiet += v == CNG_QUIET;
		}
		if (!talk && v == CNG_SID && f < 100) {
			assert_in_range(s.level, 59, 65);
			size_t n = cng_build(&s, out, sizeof(out));
			assert_int_equal(cng_parse(out, n, &back), 0);
			assert_true(abs(back.k[0] + 20000) < 6000);
		}
	}
	assert_int_equal(cut, 0);
	assert_in_range(sids, 5, 40);
	assert_true(quiet > 300); /* of 500 frames of room */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_octets),
		cmocka_unit_test(test_level),
		cmocka_unit_test(test_smooth),
		cmocka_unit_test(test_sender),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
