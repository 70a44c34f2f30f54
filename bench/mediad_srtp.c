// links: libsrtp2
/* SRTP alone: our box, the bare primitives that it is made of (state of each stream kept, nothing looked up or checked),
 * and libsrtp2, one packet of 160 octets after the other over 1 to 2,048 streams, a stretch of 2,048 packets at a time, so that
 * the clock costs nothing; the next stream is announced as mediad does it; alternating, medians of 5 rounds. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "common/ossl.h"

#include <openssl/sha.h>
#include <srtp2/srtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"
#include "mediad/rtp.h"
#include "mediad/sbox.h"

#define MAX    2048
#define ROUNDS 5
#define N      40960 /* packets a round */

struct floor { /* the bare primitives' state of one stream */
	EVP_CIPHER_CTX *c;
	SHA_CTX in, out;
};
static struct sbox *tx[MAX], *rx[MAX];
static struct floor bare[MAX];
static srtp_t lib[MAX];
static uint8_t pkt[MAX][256], wire[MAX][256];
static uint16_t seq;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Packet i of a stretch belongs to stream i % n. All of it is written, as the kernel has just done with one that is received:
 * what is measured is the stream's state. */
static void fill(unsigned n)
{
	for (unsigned i = 0; i < MAX; i++) {
		memset(pkt[i], (int)i, sizeof(pkt[i]));
		rtp_put(pkt[i], 8, false, (uint16_t)(seq + i / n), seq * 160u, i % n + 1);
	}
}

static void run_floor(struct floor *f, uint8_t *q, int gcm)
{
	uint8_t iv[16] = { 0 }, md[20], roc[4] = { 0 };
	SHA_CTX x;
	int l;

	memcpy(iv + 4, q + 8, 4);
	memcpy(iv + 10, q + 2, 2);
	EVP_EncryptInit_ex(f->c, NULL, NULL, NULL, iv);
	if (gcm) {
		EVP_EncryptUpdate(f->c, NULL, &l, q, 12);
		EVP_EncryptUpdate(f->c, q + 12, &l, q + 12, 160);
		EVP_EncryptFinal_ex(f->c, q + 172, &l);
		EVP_CIPHER_CTX_ctrl(f->c, EVP_CTRL_AEAD_GET_TAG, 16, q + 172);
		return;
	}
	EVP_EncryptUpdate(f->c, q + 12, &l, q + 12, 160);
	x = f->in;
	SHA1_Update(&x, q, 172);
	SHA1_Update(&x, roc, 4);
	SHA1_Final(md, &x);
	x = f->out;
	SHA1_Update(&x, md, 20);
	SHA1_Final(md, &x);
	memcpy(q + 172, md, 10);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v)
{
	qsort(v, ROUNDS, sizeof(*v), by_value);
	return v[ROUNDS / 2];
}

static void setup(unsigned suite)
{
	struct sbox_key k;

	for (unsigned i = 0; i < MAX; i++) {
		srtp_policy_t p;
		memset(&k, 0, sizeof(k));
		k.suite = (uint8_t)suite;
		for (unsigned j = 0; j < sizeof(k.key); j++)
			k.key[j] = (uint8_t)(i * 31 + j * 7);
		tx[i] = sbox_new(&k, true);
		rx[i] = sbox_new(&k, false);
		bare[i].c = EVP_CIPHER_CTX_new();
		EVP_EncryptInit_ex(bare[i].c,
		    suite == SBOX_GCM ? EVP_aes_128_gcm() : EVP_aes_128_ctr(), NULL, k.key, k.key);
		SHA1_Init(&bare[i].in);
		SHA1_Update(&bare[i].in, pkt[i], 64);
		bare[i].out = bare[i].in;
		memset(&p, 0, sizeof(p));
		if (suite == SBOX_GCM)
			srtp_crypto_policy_set_aes_gcm_128_16_auth(&p.rtp);
		else if (suite == SBOX_CM_32)
			srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&p.rtp);
		else
			srtp_crypto_policy_set_rtp_default(&p.rtp);
		srtp_crypto_policy_set_rtcp_default(&p.rtcp);
		p.ssrc.type = ssrc_any_outbound;
		p.window_size = 128;
		p.key = k.key;
		if (srtp_create(&lib[i], &p) != srtp_err_status_ok || !tx[i] || !rx[i])
			exit(1);
	}
}

static void teardown(void)
{
	for (unsigned i = 0; i < MAX; i++) {
		sbox_free(tx[i]);
		sbox_free(rx[i]);
		EVP_CIPHER_CTX_free(bare[i].c);
		(void)srtp_dealloc(lib[i]);
	}
}

int main(void)
{
	static const unsigned streams[] = { 1, 16, 128, 512, 2048 };
	double base[2] = { 0 };

	if (sbox_start() != 0 || srtp_init() != srtp_err_status_ok)
		return 1;
	printf("%-24s %7s %9s %9s %9s %9s %7s %7s %7s\n", "suite", "streams", "floor ns", "protect",
	    "unprot.", "libsrtp2", "p/floor", "u/floor", "p/lib");
	for (unsigned suite = SBOX_CM_80; suite < SBOX_NSUITES; suite++) {
		setup(suite);
		for (unsigned s = 0; s < ARRAY_LEN(streams); s++) {
			double f[ROUNDS], p[ROUNDS], u[ROUNDS], l[ROUNDS];
			unsigned n = streams[s], laps = N / MAX;
			for (unsigned r = 0; r < ROUNDS; r++) {
				f[r] = p[r] = u[r] = l[r] = 0;
				for (unsigned lap = 0; lap < laps; lap++) {
					double t0, t1;
					size_t len = 0;
					fill(n);
					t0 = now();
					for (unsigned i = 0; i < MAX; i++)
						run_floor(&bare[i % n], pkt[i], suite == SBOX_GCM);
					t1 = now();
					f[r] += t1 - t0;
					fill(n);
					t0 = now();
					for (unsigned i = 0; i < MAX; i++) {
						len = 172;
						sbox_soon(tx[(i + 2) % n]);
						if (sbox_protect(tx[i % n], pkt[i], &len,
						        sizeof(pkt[i])) != 0)
							return 1;
					}
					t1 = now();
					p[r] += t1 - t0;
					memcpy(wire, pkt, sizeof(wire));
					t0 = now();
					for (unsigned i = 0; i < MAX; i++) {
						size_t m = len;
						sbox_soon(rx[(i + 2) % n]);
						if (sbox_unprotect(rx[i % n], wire[i], &m) != 0)
							return 1;
					}
					t1 = now();
					u[r] += t1 - t0;
					if (lap % 10 == 0) {
						fill(n);
						t0 = now();
						for (unsigned i = 0; i < MAX; i++) {
							int m = 172;
							if (srtp_protect(lib[i % n], pkt[i], &m) !=
							    srtp_err_status_ok)
								return 1;
						}
						l[r] += (now() - t0) * 10;
					}
					seq = (uint16_t)(seq + MAX / n);
				}
			}
			double k = (double)laps * MAX, mf = median(f) / k, mp = median(p) / k,
			       mu = median(u) / k, ml = median(l) / k;
			if (s == 0) {
				base[0] = mp;
				base[1] = mu;
			}
			printf("%-24s %7u %9.0f %9.0f %9.0f %9.0f %7.2f %7.2f %7.2f  (against one "
			       "stream: %.2f, %.2f)\n",
			    sbox_suite_name(suite), n, mf, mp, mu, ml, mp / mf, mu / mf, mp / ml,
			    mp / base[0], mu / base[1]);
		}
		teardown();
	}
	return 0;
}
