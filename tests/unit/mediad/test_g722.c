/* G.722 against the ITU-T's speech sequence (G.191: shared/data/itu/g722): encoder, decoder in the three modes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "itu.h"
#include "mediad/g722.h"

static int16_t in[ITU_MAX], ref[ITU_MAX], out[ITU_MAX];
static uint8_t code[ITU_MAX];

static void test_encode(void **state)
{
	(void)state;
	struct g722_enc e;
	size_t n = itu_read("g722", "inpsp.bin", in);

	if (n == 0) {
		print_message("shared/data/itu/g722 is not there: skipped\n");
		skip();
	}
	size_t m = itu_read("g722", "codspw.cod", ref);
	assert_int_equal(m * 2, n);
	g722_enc_init(&e, 16000);
	g722_enc_run(&e, in, m, code);
	for (size_t i = 0; i < m; i++)
		assert_int_equal(code[i], ref[i]);
}

static void test_decode(void **state)
{
	(void)state;
	size_t m = itu_read("g722", "codspw.cod", in);

	if (m == 0) {
		print_message("shared/data/itu/g722 is not there: skipped\n");
		skip();
	}
	for (int mode = 1; mode <= 3; mode++) {
		struct g722_dec d;
		char name[16];
		snprintf(name, sizeof(name), "outsp%d.bin", mode);
		size_t n = itu_read("g722", name, ref);
		assert_int_equal(n, 2 * m);
		g722_dec_init(&d, 16000);
		for (size_t i = 0; i < m; i++) {
			int16_t rl, rh;
			g722_dec_bands(&d, (uint8_t)in[i], mode, &rl, &rh);
			g722_join(&d, rl, rh, out + 2 * i);
		}
		for (size_t i = 0; i < n; i++)
			assert_int_equal(out[i], ref[i]);
	}
}

/* Narrow-band use: a tone goes through at its level, both ways round with the 16,000/s form. */
static void test_narrow(void **state)
{
	(void)state;
	struct g722_enc e;
	struct g722_dec d;
	double ps = 0, pe = 0;
	enum { N = 4000 };

	for (int i = 0; i < N; i++)
		in[i] = (int16_t)((i * 1013 % 8 < 4 ? 1 : -1) * 4000 + i % 7 * 100);
	g722_enc_init(&e, 8000);
	g722_dec_init(&d, 8000);
	g722_enc_run(&e, in, N, code);
	g722_dec_run(&d, code, N, out);
	for (int i = 400; i < N; i++) {
		ps += (double)in[i] * in[i];
		pe += (double)(in[i] - out[i]) * (in[i] - out[i]);
	}
	assert_true(ps / pe > 100); /* 20 dB */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_narrow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
