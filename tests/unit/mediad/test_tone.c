/* Tones: frequencies, cadences and level as E.180 wants them; DTMF generated, detected (by us and by spandsp), and not
 * detected in speech; mixing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <spandsp.h>

#include "mediad/dtmf.h"
#include "mediad/mix.h"
#include "mediad/tone.h"
#include "speech.h"

static double mean_at(const int16_t *x, size_t n, double hz, uint32_t rate)
{
	double re = 0, im = 0;

	for (size_t i = 0; i < n; i++) {
		re += x[i] * cos(6.283185307 * hz * (double)i / rate);
		im += x[i] * sin(6.283185307 * hz * (double)i / rate);
	}
	return (re * re + im * im) * 2 / ((double)n * (double)n); /* A^2 / 2 */
}

static double mean(const int16_t *x, size_t n)
{
	double e = 0;

	for (size_t i = 0; i < n; i++)
		e += (double)x[i] * x[i];
	return e / (double)n;
}

static double dbm0(double p)
{
	return 10 * log10(p / (22806.0 * 22806.0 / 2) + 1e-12);
}

/* Every tone of every country known to the table: each step has its frequencies at -13 dBm0 and its length. */
static void test_all(void **state)
{
	static const char *const codes[] = { "AT", "AU", "BE", "CA", "CH", "CZ", "DE", "DK", "ES",
		"FI", "FR", "GB", "IE", "IT", "JP", "NL", "NO", "PL", "PT", "SE", "US", "us",
		"XX" };
	static int16_t x[16000 * 3];

	(void)state;
	for (size_t c = 0; c < sizeof(codes) / sizeof(codes[0]); c++)
		for (int kind = TONE_KIND_DIAL; kind < TONE_KIND_N; kind++)
			for (uint32_t rate = 8000; rate <= 16000; rate += 8000) {
				bool known;
				const struct tone_def *d =
				    tone_find(slice_str(codes[c]), (enum tone_kind)kind, &known);
				struct tone_gen g;
				assert_int_equal(known, strcmp(codes[c], "XX") != 0);
				assert_non_null(d);
				assert_in_range(d->n, 1, TONE_STEPS);
				tone_start(&g, d, rate, 0);
				for (unsigned s = 0; s < d->n; s++) {
					unsigned ms = d->step[s].ms ? d->step[s].ms : 1000;
					bool last = d->once && s + 1u == d->n;
					for (unsigned done = 0; done < ms;) {
						unsigned now = ms - done > 1000 ? 1000 : ms - done;
						size_t n = now * rate / 1000,
						       at = done ? 0 : 10 * rate / 1000;
						assert_true(tone_fill(&g, x, n));
						done += now;
						if (done == ms && n > 10 * rate / 1000)
							n -= 10 * rate / 1000; /* soft edges */
						if (n < at + 20 * rate / 1000)
							continue;
						double all = mean(x + at, n - at), sum = 0;
						unsigned tones = 0;
						for (int k = 0; k < 3 && d->step[s].hz[k];
						     k++, tones++)
							sum += mean_at(
							    x + at, n - at, d->step[s].hz[k], rate);
						if (tones == 0) {
							assert_true(all == 0);
							continue;
						}
						if (fabs(dbm0(all) + 13) > 1)
							fail_msg("%s %d: %.1f dBm0", codes[c], kind,
							    dbm0(all));
						if (n - at > 100 * rate / 1000 && sum < all * 0.9)
							fail_msg("%s %d: wrong frequency", codes[c],
							    kind);
					}
					if (last) {
						assert_false(tone_fill(&g, x, 80));
						assert_false(tone_on(&g));
					}
				}
			}
	assert_null(tone_find(SLICE_LIT("DE"), TONE_KIND_OFF, NULL));
	assert_null(tone_find(SLICE_LIT("DE"), TONE_KIND_N, NULL));
}

static void test_limited(void **state)
{
	struct tone_gen g;
	int16_t x[800];

	(void)state;
	/* 130 ms of dial tone, asked for in 20 ms: 6 full ones, one that ends in the middle */
	tone_start(&g, tone_find(SLICE_LIT("DE"), TONE_KIND_DIAL, NULL), 8000, 130);
	for (int i = 0; i < 6; i++)
		assert_true(tone_fill(&g, x, 160));
	assert_false(tone_fill(&g, x, 160));
	assert_true(mean(x, 70) > 1000);
	assert_true(mean(x + 80, 80) == 0);
	assert_false(tone_on(&g));
	/* a whole hour does not drift away */
	tone_start(&g, tone_find(SLICE_LIT("DE"), TONE_KIND_DIAL, NULL), 8000, 0);
	for (int i = 0; i < 3600 * 10; i++)
		assert_true(tone_fill(&g, x, 800));
	assert_true(fabs(dbm0(mean(x, 800)) + 13) < 1);
	tone_stop(&g);
	/* over speech: added, saturating */
	tone_start(&g, tone_find(SLICE_LIT("DE"), TONE_KIND_CALL_WAITING, NULL), 8000, 0);
	for (int i = 0; i < 160; i++)
		x[i] = 32000;
	assert_true(tone_add(&g, x, 160));
	for (int i = 0; i < 160; i++)
		assert_true(x[i] > 20000);
}

static const char all_digits[] = "0123456789*#ABCD";

static void test_dtmf(void **state)
{
	(void)state;
	assert_int_equal(dtmf_event('0'), 0);
	assert_int_equal(dtmf_event('*'), 10);
	assert_int_equal(dtmf_event('#'), 11);
	assert_int_equal(dtmf_event('d'), 15);
	assert_int_equal(dtmf_event('E'), -1);
	assert_int_equal(dtmf_event(0), -1);
	assert_int_equal(dtmf_digit(12), 'A');
	assert_int_equal(dtmf_digit(16), 0);

	struct dtmf_gen g;
	struct dtmf_det d;
	int16_t x[160];
	char ours[64] = "", theirs[64] = "";
	size_t n = 0;
	dtmf_rx_state_t *rx = dtmf_rx_init(NULL, NULL, NULL);

	dtmf_gen_init(&g, 8000);
	dtmf_det_init(&d);
	assert_int_equal(dtmf_gen_digit(&g, 'x', 100, 60), ERR_VALUE);
	for (const char *c = all_digits; *c; c++)
		assert_int_equal(dtmf_gen_digit(&g, *c, 50, 45), 0);
	assert_int_equal(dtmf_gen_digit(&g, '7', 50, 45), 0);
	assert_int_equal(dtmf_gen_digit(&g, '7', 50, 45), 0); /* the same twice is two */
	for (unsigned i = 0; i < 14; i++)
		assert_int_equal(dtmf_gen_digit(&g, '1', 80, 60), 0);
	assert_int_equal(dtmf_gen_digit(&g, '1', 80, 60), ERR_LIMIT);
	for (bool more = true; more;) {
		memset(x, 0, sizeof(x));
		more = dtmf_gen_fill(&g, x, 160);
		char c = dtmf_det_feed(&d, x, 160);
		if (c)
			ours[n++] = c;
		dtmf_rx(rx, x, 160);
	}
	size_t m = dtmf_rx_get(rx, theirs, sizeof(theirs) - 1);
	assert_string_equal(ours, "0123456789*#ABCD7711111111111111");
	assert_int_equal(m, n);
	assert_string_equal(theirs, ours);
	dtmf_rx_free(rx);
}

/* Digits of another generator at levels and twists that Q.24 wants accepted, in noise; none in an hour of speech. */
static void test_dtmf_foreign(void **state)
{
	struct dtmf_det d;
	int16_t x[160];

	(void)state;
	for (int level = -27; level <= -9; level += 3)
		for (int twist = -3; twist <= 6; twist += 3) {
			dtmf_tx_state_t *tx = dtmf_tx_init(NULL);
			char got[32] = "";
			size_t n = 0;
			struct speech noise;
			speech_init(&noise, 3, 8000);
			dtmf_tx_set_level(tx, level, twist);
			dtmf_tx_set_timing(tx, 60, 60);
			dtmf_tx_put(tx, all_digits, -1);
			dtmf_det_init(&d);
			for (int f = 0; f < 110; f++) {
				int k = dtmf_tx(tx, x, 160);
				memset(x + k, 0, (size_t)(160 - k) * 2);
				for (int i = 0; i < 160; i++)
					x[i] = mix_sat(x[i] + (int32_t)(speech_uni(&noise) * 20));
				char c = dtmf_det_feed(&d, x, 160);
				if (c && n < sizeof(got) - 1)
					got[n++] = c;
			}
			if (strcmp(got, all_digits) != 0)
				fail_msg("%d dBm0, twist %d: %s", level, twist, got);
			dtmf_tx_free(tx);
		}
	struct speech sp;
	unsigned false_hits = 0;
	speech_init(&sp, 99, 8000);
	dtmf_det_init(&d);
	for (int f = 0; f < 50 * 600; f++) {
		speech_fill(&sp, x, 160);
		false_hits += dtmf_det_feed(&d, x, 160) != 0;
	}
	assert_in_range(false_hits, 0, 1); /* in ten minutes */
}

static void test_mix(void **state)
{
	struct mix m;
	int16_t a[1600], b[1600], out[1600];

	(void)state;
	mix_init(&m);
	for (int i = 0; i < 1600; i++) {
		a[i] = (int16_t)(9000 * sin(i * 0.3));
		b[i] = (int16_t)(9000 * sin(i * 0.05));
	}
	mix_pair(&m, a, b, out, 1600); /* quiet enough: the plain sum */
	for (int i = 0; i < 1600; i++)
		assert_int_equal(out[i], a[i] + b[i]);
	for (int i = 0; i < 1600; i++) {
		a[i] = (int16_t)(30000 * sin(i * 0.3));
		b[i] = (int16_t)(28000 * sin(i * 0.3 + 0.2));
	}
	mix_pair(&m, a, b, out, 1600); /* too loud: kept below clipping, still that sine */
	int16_t peak = 0;
	double e = 0, s = 0;
	for (int i = 80; i < 1600; i++) {
		peak = abs(out[i]) > peak ? (int16_t)abs(out[i]) : peak;
		double want = (a[i] + b[i]) * (29500.0 / 57700.0);
		s += want * want;
		e += (want - out[i]) * (want - out[i]);
	}
	assert_in_range(peak, 27000, 30001);
	assert_true(s / e > 100);
	memset(b, 0, sizeof(b));
	for (int i = 0; i < 1600; i++)
		a[i] = 1000;
	mix_pair(&m, a, b, out, 1600); /* the gain comes back */
	assert_true(out[0] < 700);
	assert_int_equal(out[1599], 1000);
	for (int i = 0; i < 1600; i++)
		a[i] = b[i] = INT16_MIN;
	mix_pair(&m, a, b, out, 1600);
	for (int i = 0; i < 1600; i++)
		assert_in_range(-out[i], 28000, 32768);
	mix_add(a, b, 1600);
	assert_int_equal(a[5], INT16_MIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_limited),
		cmocka_unit_test(test_dtmf),
		cmocka_unit_test(test_dtmf_foreign),
		cmocka_unit_test(test_mix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
