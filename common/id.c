/* Unpredictable names. */
#include "common/id.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/mem.h"

static bool seeded;
static uint64_t seed;

void id_seed_for_tests(uint64_t s)
{
	BUG_ON(getenv("JOURNAL_STREAM") != NULL && getenv("NOTIFY_SOCKET") != NULL);
	seeded = true;
	seed = s;
}

/* splitmix64, only after id_seed_for_tests(). */
static uint64_t repeatable(void)
{
	uint64_t z = (seed += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

void id_random(void *out, size_t n)
{
	uint8_t *p = out;

	while (n > 0) {
		ssize_t got;

		if (seeded) {
			uint64_t v = repeatable();

			got = (ssize_t)(n < sizeof(v) ? n : sizeof(v));
			memcpy(p, &v, (size_t)got);
		} else {
			got = getrandom(p, n, 0);
			BUG_ON(got < 0 && errno != EINTR);
			if (got < 0)
				continue;
		}
		p += got;
		n -= (size_t)got;
	}
}

uint64_t id_u64(void)
{
	uint64_t v;

	do
		id_random(&v, sizeof(v));
	while (v == 0);
	return v;
}

uint32_t id_below(uint32_t n)
{
	uint64_t v;

	id_random(&v, sizeof(v));
	return n ? (uint32_t)(v % n) : 0;
}

void id_token(char *out, size_t n)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

	id_random(out, n);
	for (size_t i = 0; i < n; i++)
		out[i] = alphabet[(unsigned char)out[i] & 31];
	out[n] = '\0';
}
