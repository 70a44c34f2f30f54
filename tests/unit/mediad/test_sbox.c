/* SRTP: our transforms and libsrtp2 in the same box, published packets, replay, rollover, wrong keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/enc.h"
#include "common/mem.h"
#include "mediad/rtp.h"
#include "mediad/sbox.h"
#include "mediad/sbox_hw.h"

static void key_of(struct sbox_key *k, const char *hex, unsigned suite, const char *mki)
{
	size_t n;

	memset(k, 0, sizeof(*k));
	k->suite = (uint8_t)suite;
	assert_int_equal(enc_unhex(slice_str(hex), k->key, sizeof(k->key), &n), 0);
	assert_int_equal(n, sbox_key_len(suite));
	if (mki) {
		assert_int_equal(enc_unhex(slice_str(mki), k->mki, sizeof(k->mki), &n), 0);
		k->nmki = (uint8_t)n;
	}
}

static size_t packet(uint8_t *p, uint16_t seq, uint32_t ssrc)
{
	rtp_put(p, 8, false, seq, seq * 160u, ssrc);
	memset(p + 12, 0xd5, 160);
	return 172;
}

#define KEY "e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6" /* RFC 3711 B.3 */

struct vector {
	const char *key, *mki, *clear, *packet;
	bool rtcp;
};

/* Packets of ../shared/reference/ms-media-vectors.json: made and read by libsrtp 2.5, key derivation checked with
 * RFC 3711 B.3, whose master key it is. */
static const struct vector published[] = {
	{ KEY, NULL, "80000001000000a0deadbeefffffffffffffffffffffffffffffffffffffffff",
	    "80000001000000a0deadbeeff552065e7ff3fb93af4dbf423cec7d83debdabe4ec67b8fe8a09c3f5b9ae",
	    false },
	{ KEY, "01", "80000001000000a0deadbeefffffffffffffffffffffffffffffffffffffffff",
	    "80000001000000a0deadbeeff552065e7ff3fb93af4dbf423cec7d83debdabe401ec67b8fe8a09c3f5b9a"
	    "e",
	    false },
	{ KEY, "01", "80c90001deadbeef81ca0004deadbeef010767774064656374000000",
	    "80c90001deadbeef9e30159159a23363f0f6ee61ecb48311862ff1368000000101f03db5dcaafc9d880a4"
	    "a",
	    true },
};

static void vectors(void **state)
{
	(void)state;
	for (int way = 0; way < 3; way++) /* libsrtp2, OpenSSL, the processor */
		for (size_t i = 0; i < ARRAY_LEN(published); i++) {
			const struct vector *v = &published[i];
			struct sbox_key k;
			uint8_t clear[512], cipher[512], b[512];
			size_t nclear, ncipher, n;
			struct sbox *tx, *rx;

			sbox_set_fast(way > 0);
			sbox_set_hw(way > 1);
			key_of(&k, v->key, SBOX_CM_80, v->mki);
			assert_int_equal(
			    enc_unhex(slice_str(v->clear), clear, sizeof(clear), &nclear), 0);
			assert_int_equal(
			    enc_unhex(slice_str(v->packet), cipher, sizeof(cipher), &ncipher), 0);
			tx = sbox_new(&k, true);
			rx = sbox_new(&k, false);
			memcpy(b, clear, nclear);
			n = nclear;
			assert_int_equal(v->rtcp ? sbox_protect_rtcp(tx, b, &n, sizeof(b))
			                         : sbox_protect(tx, b, &n, sizeof(b)),
			    0);
			assert_int_equal(n, ncipher);
			assert_memory_equal(b, cipher, n);
			assert_int_equal(
			    v->rtcp ? sbox_unprotect_rtcp(rx, b, &n) : sbox_unprotect(rx, b, &n),
			    0);
			assert_int_equal(n, nclear);
			assert_memory_equal(b, clear, n);
			sbox_free(tx);
			sbox_free(rx);
		}
	sbox_set_fast(true);
}

/* All suites, MKI of 0 to 128 octets, ours against libsrtp2 in both directions over two rollovers' edges. */
static void both_ways(void **state)
{
	static const uint8_t mkis[] = { 0, 1, 4, 128 };

	(void)state;
	for (unsigned suite = SBOX_CM_80; suite < SBOX_NSUITES; suite++)
		for (unsigned m = 0; m < ARRAY_LEN(mkis); m++) {
			struct sbox_key k;
			struct sbox *a, *b, *c, *d;
			uint8_t p[600], q[600], clear[600];

			key_of(&k, KEY, SBOX_CM_80, NULL);
			k.suite = (uint8_t)suite;
			k.nmki = mkis[m];
			memset(k.mki, 0xa7, sizeof(k.mki));
			sbox_set_fast(true);
			a = sbox_new(&k, true);
			b = sbox_new(&k, false);
			sbox_set_fast(false);
			c = sbox_new(&k, true);
			d = sbox_new(&k, false);
			assert_true(a && b && c && d);
			for (uint32_t i = 65500; i < 65600; i++) {
				size_t n = packet(p, (uint16_t)i, 0xcafebabe), nq;
				memcpy(clear, p, n);
				memcpy(q, p, n);
				nq = n;
				assert_int_equal(sbox_protect(a, p, &n, sizeof(p)), 0);
				assert_int_equal(sbox_protect(c, q, &nq, sizeof(q)), 0);
				assert_int_equal(n, nq);
				assert_memory_equal(p, q, n);
				assert_int_equal(sbox_unprotect(b, p, &n), 0);
				assert_int_equal(sbox_unprotect(d, q, &nq), 0);
				assert_int_equal(n, 172);
				assert_memory_equal(p, clear, n);
				assert_memory_equal(q, clear, n);
			}
			assert_int_equal(sbox_used(a), 100);
			sbox_free(a);
			sbox_free(b);
			sbox_free(c);
			sbox_free(d);
			sbox_set_fast(true);
		}
}

/* The processor's AES against OpenSSL's cipher: every length, heads with and without extension, in both directions. */
static void hardware(void **state)
{
	(void)state;
	if (!sbox_hw_there())
		skip();
	for (unsigned suite = SBOX_CM_80; suite < SBOX_NSUITES; suite++) {
		struct sbox_key k;
		struct sbox *tx[2], *rx[2];

		key_of(&k, KEY, SBOX_CM_80, NULL);
		k.suite = (uint8_t)suite;
		for (int hw = 0; hw < 2; hw++) {
			sbox_set_hw(hw);
			tx[hw] = sbox_new(&k, true);
			rx[hw] = sbox_new(&k, false);
			assert_true(tx[hw] && rx[hw]);
		}
		for (unsigned i = 0; i < 700; i++) {
			uint8_t clear[1024], p[2][1024];
			size_t n[2], len = 12 + i % 300;
			rtp_put(clear, 8, false, (uint16_t)(65000 + i), i * 160, 0xcafebabe);
			for (size_t j = 12; j < len + 40; j++)
				clear[j] = (uint8_t)(j * 31 + i);
			if (i % 3 == 0) { /* an extension of two words */
				clear[0] |= 0x10;
				memcpy(clear + 12, "\xbe\xde\0\2abcdefgh", 12);
				len += 12;
			}
			for (int hw = 0; hw < 2; hw++) {
				memcpy(p[hw], clear, len);
				n[hw] = len;
				assert_int_equal(
				    sbox_protect(tx[hw], p[hw], &n[hw], sizeof(p[hw])), 0);
			}
			assert_int_equal(n[0], n[1]);
			assert_memory_equal(p[0], p[1], n[0]);
			/* Altered in one bit, it is refused and stays as it was. */
			p[1][n[1] - 1 - i % (n[1] - 12)] ^= 1;
			memcpy(p[0], p[1], n[1]);
			assert_int_not_equal(sbox_unprotect(rx[1], p[1], &n[1]), 0);
			assert_memory_equal(p[0], p[1], n[0]);
			p[1][n[1] - 1 - i % (n[1] - 12)] ^= 1;
			memcpy(p[0], p[1], n[1]);
			for (int hw = 0; hw < 2; hw++) {
				assert_int_equal(sbox_unprotect(rx[hw], p[hw], &n[hw]), 0);
				assert_int_equal(n[hw], len);
				assert_memory_equal(p[hw], clear, len);
			}
		}
		for (int hw = 0; hw < 2; hw++) {
			sbox_free(tx[hw]);
			sbox_free(rx[hw]);
		}
	}
}

/* Slots are used again, and more are made as they are needed: no state of one box shows in another. */
static void many(void **state)
{
	struct sbox *b[200];
	struct sbox_key k;
	uint8_t p[2][512];

	(void)state;
	key_of(&k, KEY, SBOX_CM_80, NULL);
	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < ARRAY_LEN(b); i++) {
			k.key[0] = (uint8_t)i;
			b[i] = sbox_new(&k, true);
			assert_non_null(b[i]);
			assert_int_equal(sbox_used(b[i]), 0);
		}
		for (unsigned i = 0; i < ARRAY_LEN(b); i++) {
			size_t n = packet(p[round], 7, i);
			assert_int_equal(sbox_protect(b[i], p[round], &n, sizeof(p[round])), 0);
			k.key[0] = (uint8_t)i;
			assert_true(sbox_is(b[i], &k));
		}
		for (unsigned i = 0; i < ARRAY_LEN(b); i++)
			sbox_free(b[(i * 7) % ARRAY_LEN(b)]);
	}
	assert_memory_equal(p[0], p[1], 182);
}

static void replay_and_order(void **state)
{
	struct sbox_key k;
	struct sbox *tx, *rx;
	uint8_t kept[400][200];
	size_t len[400];

	(void)state;
	key_of(&k, KEY, SBOX_CM_80, NULL);
	tx = sbox_new(&k, true);
	rx = sbox_new(&k, false);
	for (unsigned i = 0; i < 400; i++) {
		len[i] = packet(kept[i], (uint16_t)(65400 + i), 1);
		assert_int_equal(sbox_protect(tx, kept[i], &len[i], sizeof(kept[i])), 0);
	}
	/* The same number twice under one key would give the key stream away. */
	uint8_t again[200];
	size_t na = packet(again, (uint16_t)(65400 + 399), 1);
	assert_int_equal(sbox_protect(tx, again, &na, sizeof(again)), ERR_EXISTS);
	for (unsigned i = 0; i < 400; i += 2) { /* every other one, then the gaps of the window */
		uint8_t b[200];
		size_t n = len[i];
		memcpy(b, kept[i], n);
		assert_int_equal(sbox_unprotect(rx, b, &n), 0);
		memcpy(b, kept[i], len[i]);
		n = len[i];
		assert_int_equal(sbox_unprotect(rx, b, &n), ERR_EXISTS);
	}
	for (unsigned i = 1; i < 400; i += 2) {
		uint8_t b[200];
		size_t n = len[i];
		int want = i == 399 || 398 - i < 128 ? 0 : ERR_TIMEOUT;
		memcpy(b, kept[i], n);
		assert_int_equal(sbox_unprotect(rx, b, &n), want);
	}
	sbox_free(tx);
	sbox_free(rx);
}

/* A box that comes late into a call finds the rollover counter by itself. */
static void late_join(void **state)
{
	(void)state;
	for (unsigned suite = SBOX_CM_80; suite < SBOX_NSUITES; suite++) {
		struct sbox_key k;
		struct sbox *tx, *rx;
		uint8_t p[200];
		size_t n;

		key_of(&k, KEY, SBOX_CM_80, NULL);
		k.suite = (uint8_t)suite;
		tx = sbox_new(&k, true);
		rx = sbox_new(&k, false);
		for (uint32_t i = 0; i < 5 * 65536 + 100; i += 1000) {
			n = packet(p, (uint16_t)i, 9);
			assert_int_equal(sbox_protect(tx, p, &n, sizeof(p)), 0);
		}
		assert_int_equal(sbox_unprotect(rx, p, &n), 0);
		n = packet(p, (uint16_t)(5 * 65536 + 200), 9);
		assert_int_equal(sbox_protect(tx, p, &n, sizeof(p)), 0);
		assert_int_equal(sbox_unprotect(rx, p, &n), 0);
		sbox_free(tx);
		sbox_free(rx);
	}
}

static void wrong(void **state)
{
	(void)state;
	for (unsigned suite = SBOX_CM_80; suite < SBOX_NSUITES; suite++) {
		struct sbox_key k, other;
		struct sbox *tx, *rx, *no, *mki;
		uint8_t p[200], b[200];
		size_t n, nb;

		key_of(&k, KEY, SBOX_CM_80, NULL);
		k.suite = (uint8_t)suite;
		other = k;
		other.key[3] ^= 1;
		tx = sbox_new(&k, true);
		rx = sbox_new(&k, false);
		no = sbox_new(&other, false);
		other = k;
		other.nmki = 1;
		other.mki[0] = 1;
		mki = sbox_new(&other, false);
		n = packet(p, 7, 9);
		assert_int_equal(sbox_protect(tx, p, &n, sizeof(p)), 0);
		memcpy(b, p, n);
		nb = n;
		assert_int_equal(sbox_unprotect(no, b, &nb), ERR_AUTH);
		assert_memory_equal(b, p, n); /* another key may be tried */
		assert_int_equal(sbox_unprotect(mki, b, &nb), ERR_AUTH);
		for (size_t i = 0; i < n; i += 7) { /* any octet changed */
			memcpy(b, p, n);
			b[i] ^= 0x10;
			nb = n;
			assert_int_not_equal(sbox_unprotect(rx, b, &nb), 0);
		}
		for (size_t i = 0; i < n; i++) {
			nb = i;
			memcpy(b, p, n);
			assert_int_not_equal(sbox_unprotect(rx, b, &nb), 0);
		}
		nb = n;
		memcpy(b, p, n);
		assert_int_equal(sbox_unprotect(rx, b, &nb), 0);
		sbox_free(tx);
		sbox_free(rx);
		sbox_free(no);
		sbox_free(mki);
	}
}

static void lifetime(void **state)
{
	struct sbox_key k;
	struct sbox *tx;
	uint8_t p[200];
	size_t n;

	(void)state;
	key_of(&k, KEY, SBOX_CM_80, NULL);
	k.lifetime = 3;
	tx = sbox_new(&k, true);
	for (unsigned i = 0; i < 5; i++) {
		n = packet(p, (uint16_t)i, 9);
		assert_int_equal(sbox_protect(tx, p, &n, sizeof(p)), i < 3 ? 0 : ERR_LIMIT);
	}
	n = packet(p, 100, 9);
	sbox_free(tx);
	k.lifetime = 0;
	tx = sbox_new(&k, true);
	assert_int_equal(sbox_protect(tx, p, &n, n + 9), ERR_LIMIT);
	sbox_free(tx);
}

/* Our transforms and libsrtp2's, each with each. */
static void rtcp(void **state)
{
	static const uint8_t rr[] = { 0x80, 201, 0, 1, 1, 2, 3, 4, 9, 8, 7, 6 };

	(void)state;
	for (unsigned i = 0; i < 4 * 3 * 3; i++) {
		unsigned suite = SBOX_CM_80 + i % 3, nmki = i / 3 % 3, len = i % 2 ? 8 : sizeof(rr);
		struct sbox_key k;
		struct sbox *tx, *rx;
		uint8_t p[300], b[300], old[300];

		key_of(&k, KEY, SBOX_CM_80, NULL);
		k.suite = (uint8_t)suite;
		k.nmki = (uint8_t)nmki;
		memcpy(k.mki, "\5\6", 2);
		sbox_set_fast(i / 9 & 1);
		tx = sbox_new(&k, true);
		sbox_set_fast(i / 18 & 1);
		rx = sbox_new(&k, false);
		sbox_set_fast(true);
		for (unsigned turn = 0; turn < 5; turn++) {
			size_t n = len, nb, tail = nmki + (suite == SBOX_GCM ? 16 : 10);

			memcpy(p, rr, n);
			assert_int_equal(sbox_protect_rtcp(tx, p, &n, sizeof(p)), 0);
			assert_int_equal(n, len + 4 + tail);
			for (size_t at = 4; at < n;
			     at += 3) { /* altered anywhere, left as it was */
				nb = n;
				memcpy(b, p, n);
				b[at] ^= 0x40;
				memcpy(old, b, n);
				assert_int_not_equal(sbox_unprotect_rtcp(rx, b, &nb), 0);
				assert_memory_equal(b, old, n);
			}
			memcpy(b, p, n);
			nb = n;
			assert_int_equal(sbox_unprotect_rtcp(rx, b, &nb), 0);
			assert_int_equal(nb, len);
			assert_memory_equal(b, rr, nb);
			memcpy(b, p, n);
			nb = n;
			assert_int_equal(sbox_unprotect_rtcp(rx, b, &nb), ERR_EXISTS);
			nb = 7 + 4 + tail;
			assert_int_not_equal(sbox_unprotect_rtcp(rx, b, &nb), 0);
		}
		sbox_free(tx);
		sbox_free(rx);
	}
}

/* More sources than a box keeps: the one heard longest ago gives way. */
static void sources(void **state)
{
	struct sbox_key k;
	struct sbox *tx[6], *rx;
	uint8_t p[200];
	size_t n;

	(void)state;
	key_of(&k, KEY, SBOX_CM_80, NULL);
	rx = sbox_new(&k, false);
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < 6; i++) {
			if (round == 0)
				tx[i] = sbox_new(&k, true);
			n = packet(p, (uint16_t)(100 + round), i + 1);
			assert_int_equal(sbox_protect(tx[i], p, &n, sizeof(p)), 0);
			assert_int_equal(sbox_unprotect(rx, p, &n), 0);
		}
	for (unsigned i = 0; i < 6; i++)
		sbox_free(tx[i]);
	sbox_free(rx);
}

static int start(void **state)
{
	(void)state;
	return sbox_start() == 0 && sbox_fast() ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	sbox_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors),
		cmocka_unit_test(both_ways),
		cmocka_unit_test(hardware),
		cmocka_unit_test(many),
		cmocka_unit_test(replay_and_order),
		cmocka_unit_test(late_join),
		cmocka_unit_test(wrong),
		cmocka_unit_test(lifetime),
		cmocka_unit_test(rtcp),
		cmocka_unit_test(sources),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
