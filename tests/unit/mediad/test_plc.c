/* Concealment against the reference output of G.711 Appendix I (G.191: shared/data/itu/g711iplc), and its properties. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "itu.h"
#include "mediad/plc.h"
#include "speech.h"

static int16_t in[ITU_MAX], ref[ITU_MAX], out[ITU_MAX], mask[ITU_MAX];

static void against(const char *mask_name, const char *want)
{
	struct plc p;
	size_t n = itu_read("g711iplc", "f2.le", in), at = 0, lost = 0;
	size_t m = itu_read("g711iplc", mask_name, mask);
	size_t k = itu_read("g711iplc", want, ref);

	assert_true(n > 0 && m > 0);
	assert_int_equal(k, n);
	plc_reset(&p, 8000);
	for (size_t f = 0; f * 80 < n; f++) {
		int16_t x[80] = { 0 };
		size_t len = n - f * 80 < 80 ? n - f * 80 : 80;
		memcpy(x, in + f * 80, len * 2);
		if ((uint16_t)mask[f % m] == 0x6b20) { /* G.192: frame erased */
			plc_lost(&p, x);
			lost++;
		} else {
			plc_good(&p, x, 80);
		}
		for (size_t i = f ? 0 : 30; i < 80 && at < n; i++)
			out[at++] = x[i];
	}
	assert_true(lost > 10);
	/* The same decisions as the reference: equal up to the rounding of the last place. */
	double s = 0, e = 0;
	for (size_t i = 0; i < at; i++) {
		s += (double)ref[i] * ref[i];
		e += (double)(ref[i] - out[i]) * (ref[i] - out[i]);
		if (abs(ref[i] - out[i]) > 3)
			fail_msg("%s: sample %zu is %d, not %d", want, i, out[i], ref[i]);
	}
	print_message("%s: %zu frames lost, %.1f dB\n", want, lost, 10 * log10(s / (e + 1e-9)));
}

static void test_itu(void **state)
{
	(void)state;
	if (itu_read("g711iplc", "f2.le", in) == 0) {
		print_message("shared/data/itu/g711iplc is not there: skipped\n");
		skip();
	}
	against("fe10.g192", "f2_10.raw");
	against("fe10_2.g192", "f2_10_2.raw");
}

/* A steady tone goes on through 20 ms of loss; 70 ms later there is silence; 16,000/s as well. */
static void test_tone(void **state)
{
	(void)state;
	for (uint32_t rate = 8000; rate <= 16000; rate += 8000) {
		struct plc p;
		size_t frame = rate / 100, lag = rate * 375 / 100000, t = 0;
		int16_t x[160];
		double e = 0, s = 0;
		plc_reset(&p, rate);
		for (int f = 0; f < 30; f++, t += frame) {
			bool lost = f == 10 || f == 11 || f >= 20;
			for (size_t i = 0; i < frame; i++)
				x[i] =
				    (int16_t)(8000 * sin(6.2831853 * 200 * (double)(t + i) / rate));
			if (lost)
				plc_lost(&p, x);
			else
				plc_good(&p, x, frame);
			for (size_t i = 0; i < frame; i++) {
				double want = 8000 * sin(6.2831853 * 200 *
				                         ((double)(t + i) - (double)lag) / rate);
				if (f >= 10 && f < 14) {
					s += want * want;
					e += (x[i] - want) * (x[i] - want);
				}
				if (f >= 28)
					assert_int_equal(x[i], 0);
			}
		}
		if (10 * log10(s / e) < 15)
			fail_msg("%u/s: %.1f dB", rate, 10 * log10(s / e));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_itu),
		cmocka_unit_test(test_tone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
