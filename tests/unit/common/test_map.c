/* The hash map: growth, removal, iteration, a hash that depends on every octet and on the key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/map.h"
#include "common/mem.h"

struct item {
	struct map_node node;
	uint64_t v;
};

static void test_thousands(void **state)
{
	static struct item it[5000];
	struct map m = { 0 };
	size_t seen = 0;

	(void)state;
	assert_null(map_get(&m, SLICE_LIT("x")));
	for (uint64_t i = 0; i < 5000; i++) {
		it[i].v = i * 977;
		assert_true(map_put(&m, &it[i].node, map_u64(&it[i].v)));
	}
	struct item twin = { .v = 977 };
	assert_false(map_put(&m, &twin.node, map_u64(&twin.v)));
	assert_false(map_has(&twin.node));
	for (uint64_t i = 0; i < 5000; i += 2)
		map_del(&m, &it[i].node);
	map_del(&m, &it[0].node);
	for (uint64_t i = 0; i < 5000; i++) {
		uint64_t v = i * 977;
		struct map_node *n = map_get(&m, map_u64(&v));

		if (i % 2)
			assert_ptr_equal(CONTAINER_OF(n, struct item, node), &it[i]);
		else
			assert_null(n);
	}
	for (struct map_node *n = map_next(&m, NULL); n; n = map_next(&m, n))
		seen++;
	assert_int_equal(seen, 2500);
	map_free(&m);
}

/* Octets 0, 1, … n-1 under the key 00 … 0f. */
static void test_siphash_depends_on_all(void **state)
{
	uint8_t in[32];
	uint64_t seen[32];

	(void)state;
	for (unsigned n = 0; n < 32; n++) {
		in[n] = (uint8_t)n;
		seen[n] = map_siphash(0x0706050403020100, 0x0f0e0d0c0b0a0908, in, n);
		for (unsigned i = 0; i < n; i++)
			assert_true(seen[i] != seen[n]);
	}
	assert_true(map_siphash(1, 2, "abc", 3) != map_siphash(1, 3, "abc", 3));
	assert_true(map_siphash(1, 2, "abc", 3) != map_siphash(2, 2, "abc", 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_thousands),
		cmocka_unit_test(test_siphash_depends_on_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
