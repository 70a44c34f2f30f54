/* The start: our transforms are compared with libsrtp2's before they are used. */
#include "mediad/sbox_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/id.h"
#include "common/mem.h"
#include "mediad/rtp.h"
#include "mediad/sbox_ref.h"

static struct {
	unsigned users;
	bool ok, hw;
} start; /* one verdict per process */

#define SLOTS 64

union slot {
	struct sbox box;
	union slot *next;
};
static struct {
	union slot *free;
} pool; /* as the heap: for the process, and what it once had it keeps */

struct sbox *sbox_slot(void)
{
	union slot *s = pool.free;

	if (!s) {
		s = aligned_alloc(_Alignof(union slot), SLOTS * sizeof(*s));
		BUG_ON(!s); /* as mem_new() */
		for (unsigned i = 0; i + 1 < SLOTS; i++)
			s[i].next = &s[i + 1];
		s[SLOTS - 1].next = NULL;
	}
	pool.free = s->next;
	memset(s, 0, sizeof(*s));
	return &s->box;
}

void sbox_slot_back(struct sbox *b)
{
	union slot *s = (union slot *)b;

	s->next = pool.free;
	pool.free = s;
}

static size_t sample(uint8_t *p, unsigned i)
{
	size_t n = 20 + (i * 37) % 180;

	for (size_t k = 0; k < n; k++)
		p[k] = (uint8_t)(k * 7 + i);
	rtp_put(p, 8, i == 0, (uint16_t)(65530 + i), i * 160, 0x12345678);
	return n;
}

static bool same_as_ref(const struct sbox_key *k)
{
	struct sbox *tx = sbox_new(k, true), *rx = sbox_new(k, false);
	struct sbox_ref *rtx = sbox_ref_new(k, true), *rrx = sbox_ref_new(k, false);
	bool ok = tx && rx && rtx && rrx;

	for (unsigned i = 0; ok && i < 12; i++) { /* over the rollover */
		uint8_t a[512], b[512], c[512];
		size_t clear = sample(c, i), na = clear, nb = clear, nc;

		memcpy(a, c, clear);
		memcpy(b, c, clear);
		ok = sbox_protect(tx, a, &na, sizeof(a)) == 0 &&
		     sbox_ref_protect(rtx, b, &nb, sizeof(b)) == 0 && na == nb &&
		     memcmp(a, b, na) == 0;
		nc = na;
		ok = ok && sbox_ref_unprotect(rrx, b, &nb) == 0 &&
		     sbox_unprotect(rx, a, &na) == 0 && na == clear && nb == clear &&
		     memcmp(a, c, clear) == 0 && memcmp(b, c, clear) == 0 && nc > clear;
	}
	sbox_free(tx);
	sbox_free(rx);
	sbox_ref_free(rtx);
	sbox_ref_free(rrx);
	return ok;
}

static bool same_rtcp(const struct sbox_key *k)
{
	struct sbox *tx = sbox_new(k, true), *rx = sbox_new(k, false);
	struct sbox_ref *rtx = sbox_ref_new(k, true), *rrx = sbox_ref_new(k, false);
	bool ok = tx && rx && rtx && rrx;

	for (unsigned i = 0; ok && i < 6; i++) {
		uint8_t a[512], b[512], c[512];
		size_t clear = 8 + 4 * ((i * 7) % 20), na = clear, nb = clear;

		for (size_t j = 0; j < clear; j++)
			c[j] = (uint8_t)(j * 5 + i);
		c[0] = 0x80;
		c[1] = 200;
		memcpy(c + 4, "ssrc", 4);
		memcpy(a, c, clear);
		memcpy(b, c, clear);
		ok = sbox_protect_rtcp(tx, a, &na, sizeof(a)) == 0 &&
		     sbox_ref_protect_rtcp(rtx, b, &nb, sizeof(b)) == 0 && na == nb &&
		     memcmp(a, b, na) == 0 && na > clear;
		ok = ok && sbox_ref_unprotect_rtcp(rrx, b, &nb) == 0 &&
		     sbox_unprotect_rtcp(rx, a, &na) == 0 && na == clear && nb == clear &&
		     memcmp(a, c, clear) == 0 && memcmp(b, c, clear) == 0;
	}
	sbox_free(tx);
	sbox_free(rx);
	sbox_ref_free(rtx);
	sbox_ref_free(rrx);
	return ok;
}

static bool self_test(void)
{
	struct sbox_key k;

	for (unsigned suite = SBOX_CM_80; suite < SBOX_NSUITES; suite++)
		for (unsigned mki = 0; mki < 2; mki++) {
			memset(&k, 0, sizeof(k));
			id_random(k.key, sizeof(k.key));
			k.suite = (uint8_t)suite;
			k.nmki = mki ? 4 : 0;
			memcpy(k.mki, "\1\2\3\4", 4);
			if (!same_as_ref(&k) || !same_rtcp(&k))
				return false;
		}
	return true;
}

enum { SAME, SAME_BY_OPENSSL, DIFFERENT, NO_LIBRARY };

/* In a child: libsrtp2 brings NSS, which would stay with us for good, twice as large as all of ours. */
static int verdict(void)
{
	int status = 0;
	pid_t r, pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		if (sbox_ref_start() != 0)
			_exit(NO_LIBRARY);
		start.ok = true; /* so that the boxes of the test are fast ones */
		start.hw = sbox_hw_there();
		if (start.hw && self_test())
			_exit(SAME);
		start.hw = false;
		_exit(self_test() ? SAME_BY_OPENSSL : DIFFERENT);
	}
	while ((r = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
		;
	if (r < 0)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : DIFFERENT;
}

int sbox_start(void)
{
	int v;

	if (start.users)
		return start.users++, 0;
	v = verdict();
	if (v < 0)
		return v;
	if (v == NO_LIBRARY)
		return ERR_CRYPTO;
	start.users = 1;
	start.ok = v == SAME || v == SAME_BY_OPENSSL;
	start.hw = v == SAME;
	return 0;
}

void sbox_stop(void)
{
	if (start.users && --start.users == 0)
		sbox_ref_stop();
}

bool sbox_fast(void)
{
	return start.ok;
}

void sbox_set_fast(bool on)
{
	start.ok = on;
}

bool sbox_hw_ok(void)
{
	return start.hw;
}

void sbox_set_hw(bool on)
{
	start.hw = on && sbox_hw_there();
}
