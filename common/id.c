/* Unpredictable names. */
#include "common/id.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/mem.h"

#define SMALL                                                                                      \
	16 /* names of things: taken from a stock, a call needs dozens; what is longer may be a key */
#define STOCK 512

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

static void kernel(uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		BUG_ON(got < 0 && errno != EINTR);
		if (got < 0)
			continue;
		p += got;
		n -= (size_t)got;
	}
}

static unsigned forks;

static void on_child(void)
{
	forks++;
}

__attribute__((constructor)) static void watch_forks(void)
{
	BUG_ON(pthread_atfork(NULL, NULL, on_child) != 0);
}

/* What was given out is wiped here, and a child starts with a stock of its own. */
static void from_stock(uint8_t *p, size_t n)
{
	static _Thread_local struct {
		unsigned forks;
		size_t left;
		uint8_t b[STOCK];
	} s;

	if (s.left < n || s.forks != forks) {
		kernel(s.b, sizeof(s.b));
		s.left = sizeof(s.b);
		s.forks = forks;
	}
	s.left -= n;
	memcpy(p, s.b + s.left, n);
	mem_wipe(s.b + s.left, n);
}

void id_random(void *out, size_t n)
{
	uint8_t *p = out;

	if (!seeded) {
		kernel(p, n);
		return;
	}
	while (n > 0) {
		uint64_t v = repeatable();
		size_t part = n < sizeof(v) ? n : sizeof(v);

		memcpy(p, &v, part);
		p += part;
		n -= part;
	}
}

static void name_random(void *out, size_t n)
{
	if (seeded || n > STOCK)
		id_random(out, n);
	else
		from_stock(out, n);
}

uint64_t id_u64(void)
{
	uint64_t v;

	do
		name_random(&v, sizeof(v));
	while (v == 0);
	return v;
}

uint32_t id_below(uint32_t n)
{
	uint64_t v;

	name_random(&v, sizeof(v));
	return n ? (uint32_t)(v % n) : 0;
}

void id_token(char *out, size_t n)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

	name_random(out, n);
	for (size_t i = 0; i < n; i++)
		out[i] = alphabet[(unsigned char)out[i] & 31];
	out[n] = '\0';
}
