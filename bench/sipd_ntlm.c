/* LYNC: CPU of a message's signature and of its verification (NTLM): the string over the header values and the signature,
 * against the bare HMAC-MD5 of OpenSSL over a string as long; alternating, medians of 9 rounds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/ossl.h"
#include <openssl/hmac.h>

#include "common/mem.h"
#include "sipd/ms_sign.h"

#define ROUNDS 9
#define N      20000

static const char text[] =
    "INVITE sip:bob@contoso.com SIP/2.0\r\nVia: SIP/2.0/TLS "
    "192.0.2.10:49152;branch=z9hG4bK-i1\r\nMax-Forwards: 70\r\n"
    "From: \"DECT One\"<sip:dect1@contoso.com>;tag=5e6f708192;epid=6f3a1c9be2\r\nTo: "
    "<sip:bob@contoso.com>\r\n"
    "Call-ID: c4b2a0918f7e4d6c8b5a493827161504\r\nCSeq: 1 INVITE\r\n"
    "Contact: "
    "<sip:dect1@contoso.com;opaque=user:epid:eK1KzHKJDlqq71opl0hcvQAA;gruu>\r\nUser-Agent: "
    "sipd/1.0\r\n"
    "Ms-Conversation-ID: AcyB2kq0h3VtQW9nTXm6Zx1l8pYvRA==\r\n"
    "Supported: timer, 100rel, Replaces, histinfo, ms-safe-transfer, ms-early-media, gruu-10\r\n"
    "P-Preferred-Identity: <sip:dect1@contoso.com>, <tel:+14255550101>\r\nContent-Length: "
    "0\r\n\r\n";

static struct sip_msg m;
static struct ms_ntlm_keys keys;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1000;
}

static size_t string(char *out, size_t cap, unsigned num)
{
	char n[12];
	struct wr w = wr_of(out, cap);

	(void)snprintf(n, sizeof(n), "%u", num);
	struct ms_sign_in in = { .scheme = SLICE_LIT("NTLM"),
		.rand = SLICE_LIT("0a9b8c7d"),
		.num = slice_str(n),
		.realm = SLICE_LIT("SIP Communications Service"),
		.target = SLICE_LIT("lyncfe01.contoso.com"),
		.version = 4 };
	if (ms_sign_buffer(&in, &m, &w))
		abort();
	return w.n;
}

static void sign(char sig[MS_NTLM_SIG + 1])
{
	char buf[MS_SIGN_BUFFER_MAX];
	size_t n = string(buf, sizeof(buf), 2);

	if (ms_ntlm_sign(&keys, true, (struct slice){ buf, n }, sig))
		abort();
}

static void verify(const char *sig)
{
	char buf[MS_SIGN_BUFFER_MAX];
	size_t n = string(buf, sizeof(buf), 2);

	if (ms_ntlm_verify(&keys, true, (struct slice){ buf, n }, slice_str(sig)))
		abort();
}

static void bare(const char *buf, size_t n)
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned len;

	if (!HMAC(EVP_md5(), keys.sign[1], 16, (const uint8_t *)buf, n, mac, &len))
		abort();
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

int main(void)
{
	static const uint8_t k[4][16] = { { 1 }, { 2 }, { 3 }, { 4 } };
	double s[ROUNDS], v[ROUNDS], b[ROUNDS];
	char sig[MS_NTLM_SIG + 1], buf[MS_SIGN_BUFFER_MAX], copy[sizeof(text)];
	size_t n;

	memcpy(copy, text, sizeof(text));
	if (sip_msg_parse(&m, copy, sizeof(text) - 1, true) ||
	    ms_ntlm_keys(&keys, k[0], k[1], k[2], k[3]))
		abort();
	n = string(buf, sizeof(buf), 2);
	sign(sig);
	for (int r = 0; r < ROUNDS; r++) {
		double t0 = now();
		for (int i = 0; i < N; i++)
			sign(sig);
		double t1 = now();
		for (int i = 0; i < N; i++)
			verify(sig);
		double t2 = now();
		for (int i = 0; i < N; i++)
			bare(buf, n);
		double t3 = now();
		s[r] = (t1 - t0) / N;
		v[r] = (t2 - t1) / N;
		b[r] = (t3 - t2) / N;
	}
	double bs = median(b), ss = median(s), vs = median(v);
	printf("a message's signature %.2f us, its verification %.2f us (target below 25), string "
	       "of %zu octets; bare HMAC-MD5 "
	       "%.2f us: ratios %.2f and %.2f\n",
	    ss, vs, n, bs, ss / bs, vs / bs);
	return 0;
}
