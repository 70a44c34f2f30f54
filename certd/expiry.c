/* Warnings ahead of the end of host certificates. */
#include "certd/expiry.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "certd/check.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/wr.h"

#define LOOK_MS 3600000

static const int steps[] = { 30, 14, 7, 1 };

struct expiry {
	struct keyring *ring;
	struct store *store;
	struct tmr look;
	time_t (*now)(void);
	void (*warn)(void *ctx, const struct ident *t, long days);
	void *ctx;
};

static long days_left(const struct ident *t, time_t now)
{
	const unsigned char *p = t->cert[0].der;
	X509 *x = d2i_X509(NULL, &p, (long)t->cert[0].n);
	long days = x ? check_days_left(x, now) : LONG_MAX;

	X509_free(x);
	return days;
}

/* How many of the warnings are due. */
static unsigned due(long days)
{
	unsigned n = 0;

	while (n < ARRAY_LEN(steps) && days <= steps[n])
		n++;
	return days < 0 ? n + 1 : n;
}

/* Said already for this very certificate: hash of the leaf and the count of warnings. */
static void one(struct expiry *e, const struct ident *t)
{
	long days = days_left(t, e->now());
	uint8_t now[33], said[33];
	char id[KEYRING_NAME + 8];
	struct wr w = wr_of(id, sizeof(id));
	unsigned len;
	size_t n = 0;

	wr_str(&w, "expiry ");
	wr_str(&w, t->name);
	if (EVP_Digest(t->cert[0].der, t->cert[0].n, now, &len, EVP_sha256(), NULL) != 1)
		return;
	now[32] = (uint8_t)due(days);
	if (store_get(e->store, STORE_SETTING, wr_slice(&w), said, sizeof(said), &n) == 0 &&
	    n == sizeof(said) && memcmp(said, now, 32) == 0 && said[32] >= now[32])
		return;
	if (now[32] == 0)
		return;
	e->warn(e->ctx, t, days);
	if (store_put(e->store, STORE_SETTING, wr_slice(&w),
	        (struct slice){ (const char *)now, sizeof(now) }) != 0)
		log_ev(LOG_WARNING, "the warning cannot be noted and will come again",
		    F_WHY(store_why(e->store)));
}

void expiry_look(struct expiry *e)
{
	for (struct ident *t = NULL; (t = keyring_next(e->ring, t)) != NULL;)
		one(e, t);
	tmr_start(&e->look, LOOK_MS);
}

static void on_look(struct tmr *t, void *ctx)
{
	(void)t;
	expiry_look(ctx);
}

struct expiry *expiry_new(struct keyring *r, struct store *s, struct tmr_wheel *wheel,
    time_t (*now)(void), void (*warn)(void *ctx, const struct ident *t, long days), void *ctx)
{
	struct expiry *e = mem_new(sizeof(*e));

	*e = (struct expiry){ .ring = r, .store = s, .now = now, .warn = warn, .ctx = ctx };
	tmr_init(&e->look, wheel, on_look, e);
	return e;
}

void expiry_free(struct expiry *e)
{
	if (!e)
		return;
	tmr_stop(&e->look);
	free(e);
}

long expiry_next(const struct keyring *r, time_t now, const char **name)
{
	long least = LONG_MAX;

	for (struct ident *t = NULL; (t = keyring_next(r, t)) != NULL;) {
		long days = days_left(t, now);

		if (days < least) {
			least = days;
			*name = t->name;
		}
	}
	return least;
}

const char *expiry_early(const struct keyring *r, time_t now)
{
	for (struct ident *t = NULL; (t = keyring_next(r, t)) != NULL;) {
		const unsigned char *p = t->cert[0].der;
		X509 *x = d2i_X509(NULL, &p, (long)t->cert[0].n);
		bool early = x && X509_cmp_time(X509_get0_notBefore(x), &now) > 0;

		X509_free(x);
		if (early)
			return t->name;
	}
	return NULL;
}
