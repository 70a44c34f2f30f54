/* G.711 against the ITU-T's sweep (G.191: shared/data/itu/g711) and the laws' own properties. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "itu.h"
#include "mediad/g711.h"

static int16_t src[ITU_MAX], a[ITU_MAX], u[ITU_MAX], ra[ITU_MAX], ru[ITU_MAX];

static void test_itu(void **state)
{
	(void)state;
	size_t n = itu_read("g711", "sweep.src", src);

	if (n == 0) {
		print_message("shared/data/itu/g711 is not there: skipped\n");
		skip();
	}
	assert_int_equal(n, 65536);
	assert_int_equal(itu_read("g711", "sweep-r.a", a), n);
	assert_int_equal(itu_read("g711", "sweep-r.u", u), n);
	assert_int_equal(itu_read("g711", "sweep-r.rea", ra), n);
	assert_int_equal(itu_read("g711", "sweep-r.reu", ru), n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(g711_l2a(src[i]), a[i]);
		assert_int_equal(g711_l2u(src[i]), u[i]);
		assert_int_equal(g711_a2l[a[i]], ra[i]);
		assert_int_equal(g711_u2l[u[i]], ru[i]);
	}
	/* a-a, u-u: coder and decoder in one go */
	assert_int_equal(itu_read("g711", "sweep-r.a-a", ra), n);
	assert_int_equal(itu_read("g711", "sweep-r.u-u", ru), n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(g711_a2l[g711_l2a(src[i])], ra[i]);
		assert_int_equal(g711_u2l[g711_l2u(src[i])], ru[i]);
	}
}

static void test_words(void **state)
{
	(void)state;
	for (int i = 0; i < 256; i++) {
		assert_int_equal(g711_l2a(g711_a2l[i]), i);
		/* The two mu-law words of value 0 give the positive one. */
		assert_int_equal(g711_l2u(g711_u2l[i]), i == 0x7f ? 0xff : i);
	}
	assert_int_equal(g711_l2a(1 << 20), g711_l2a(32767));
	assert_int_equal(g711_l2u(-(1 << 20)), g711_l2u(-32768));
}

static void test_laws(void **state)
{
	(void)state;
	for (int i = 0; i < 256; i++) {
		uint8_t x = (uint8_t)i;
		/* A conversion never misses by more than the step of the coarser law. */
		int va = g711_a2l[x], vu = g711_u2l[x];
		int da = abs(g711_u2l[g711_a2u[x]] - va), du = abs(g711_a2l[g711_u2a[x]] - vu);
		assert_in_range(da, 0, 8 + abs(va) / 16);
		assert_in_range(du, 0, 8 + abs(vu) / 16);
		assert_int_equal((g711_a2u[x] ^ x) & 0x80, 0);
		assert_int_equal((g711_u2a[x] ^ x) & 0x80, 0);
		/* G.711 table notes: after the first conversion, further ones change nothing. */
		uint8_t once = g711_u2a[x];
		assert_int_equal(g711_u2a[g711_a2u[once]], once);
	}
	uint8_t buf[3] = { 0xff, 0x00, 0x80 };
	g711_map(g711_u2a, buf, 3, buf);
	assert_int_equal(buf[0], 0xd5);
	assert_int_equal(buf[1], 0x2a);
	assert_int_equal(buf[2], 0xaa);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_itu),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_laws),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
