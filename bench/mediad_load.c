/* Two programs in one, for mediad_relay.sh.
 *
 *   mediad_load gen|far SECONDS < flows     far ends: LPORT RPORT PT OCTETS KEY|- a line; sends a packet every 20 ms from LPORT to
 *       RPORT (or ADDRESS:RPORT) (KEY: 60 hex digits, AES_CM_128_HMAC_SHA1_80; PT 128 stands for 0), takes what comes back, and
 *       prints packets sent and received and the delay of those that carry our time stamp (unchanged payloads), µs: median, p99,
 *       worst. gen waits for what comes back, so that the delay is the relay's, and each packet costs the relay the wake-up of
 *       this process; far looks once a millisecond: far ends on other hosts would cost the relay nothing, either
 *   mediad_load epoll|ossl < flows      the bare relay loop that the daemon is measured against: LPORT RPORT lines in pairs
 *       as for gen; sockets on RPORT are connected to LPORT, and what comes to one of a pair goes out of the other;
 *       ossl: and encrypts it with bare AES-CTR and HMAC-SHA1 first. Ends with its standard input. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "common/ossl.h"

#include <arpa/inet.h>
#include <openssl/sha.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/enc.h"
#include "mediad/rtp.h"
#include "mediad/sbox.h"

#define MAX 8192

struct flow {
	int s, rx, pt, octets;
	unsigned lport, rport;
	char ip[16];
	uint16_t seq;
	uint32_t ts;
	struct sbox *box;
	EVP_CIPHER_CTX *c;
	SHA_CTX in, out;
};
static struct flow flow[MAX];
static unsigned nflows;
static uint32_t *delay;
static size_t ndelay, cap;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int sock(unsigned port, const char *peer_ip, unsigned peer)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), v = 1 << 20;
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)port) };

	(void)setsockopt(s, SOL_SOCKET, SO_RCVBUF, &v, sizeof(v));
	if (bind(s, (struct sockaddr *)&a, sizeof(a)) != 0) {
		perror("bind");
		exit(1);
	}
	a.sin_port = htons((uint16_t)peer);
	if (inet_pton(AF_INET, peer_ip, &a.sin_addr) != 1) {
		fprintf(stderr, "%s is no address\n", peer_ip);
		exit(64);
	}
	if (peer && connect(s, (struct sockaddr *)&a, sizeof(a)) != 0) {
		perror("connect");
		exit(1);
	}
	return s;
}

static void read_flows(void)
{
	char line[256], key[128], remote[32], *colon;

	while (nflows < MAX && fgets(line, sizeof(line), stdin) && line[0] != '.') {
		struct flow *f = &flow[nflows];
		key[0] = '-';
		if (sscanf(line, "%u %31s %d %d %127s", &f->lport, remote, &f->pt, &f->octets,
		        key) < 4)
			break;
		colon = strchr(remote, ':');
		f->rport = (unsigned)strtoul(colon ? colon + 1 : remote, NULL, 10);
		if (colon)
			*colon = '\0';
		(void)snprintf(f->ip, sizeof(f->ip), "%.15s", colon ? remote : "127.0.0.1");
		if (key[0] != '-') {
			struct sbox_key k = { .suite = SBOX_CM_80 };
			size_t n;
			if (enc_unhex(slice_str(key), k.key, sizeof(k.key), &n) != 0)
				exit(64);
			f->box = sbox_new(&k, true);
		}
		nflows++;
	}
}

static void take(struct flow *f, long *got, double t)
{
	uint8_t b[2048];
	ssize_t n;

	while ((n = recv(f->s, b, sizeof(b), 0)) > 0) {
		double sent;
		++*got;
		if (n < 12 + 16 || memcmp(b + 12, "MDLOAD", 6) != 0 || ndelay == cap)
			continue;
		memcpy(&sent, b + 20, sizeof(sent));
		delay[ndelay++] = (uint32_t)((t - sent) * 1e6);
	}
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int gen(double seconds, bool ear)
{
	static struct epoll_event ev[MAX];
	int ep = epoll_create1(0);
	long sent = 0, got = 0;
	double t0, late = 0;

	read_flows();
	cap = (size_t)(nflows * (seconds + 1) * 50);
	delay = calloc(cap, sizeof(*delay));
	for (unsigned i = 0; i < nflows; i++) {
		struct epoll_event e = { EPOLLIN, { .u32 = i } };
		flow[i].s = sock(flow[i].lport, flow[i].ip, flow[i].rport);
		/* A generator that is started again goes on, or its packets are taken for old ones. */
		flow[i].seq = (uint16_t)((long)(now() * 50) & 0x7fff);
		flow[i].ts = (uint32_t)((long)(now() * 50) * 160);
		epoll_ctl(ep, EPOLL_CTL_ADD, flow[i].s, &e);
	}
	t0 = now();
	for (long slot = 0;; slot++) {
		double t = t0 + (double)slot * 0.001, d;
		if (t - t0 > seconds)
			break;
		while ((d = t - now()) > 0) {
			struct timespec ts = { 0, (long)(d * 1e9) }, none = { 0 };
			if (!ear)
				nanosleep(&ts, NULL);
			int k = epoll_pwait2(ep, ev, MAX, ear ? &ts : &none, NULL);
			for (int j = 0; j < k; j++)
				take(&flow[ev[j].data.u32], &got, now());
		}
		if (-d > late)
			late = -d;
		for (unsigned i = (unsigned)(slot % 20); i < nflows; i += 20) {
			struct flow *f = &flow[i];
			uint8_t b[512];
			size_t n = 12 + (size_t)f->octets;
			double at = now();
			if (!f->pt)
				continue;
			rtp_put(b, (uint8_t)(f->pt == 128 ? 0 : f->pt), false, f->seq++, f->ts,
			    0x1000 + i);
			f->ts += 160;
			memset(b + 12, 0xd5, (size_t)f->octets);
			memcpy(b + 12, "MDLOAD", 6);
			memcpy(b + 20, &at, sizeof(at));
			if (f->box && sbox_protect(f->box, b, &n, sizeof(b)) != 0)
				continue;
			sent += send(f->s, b, n, 0) == (ssize_t)n;
		}
	}
	usleep(100000);
	for (unsigned i = 0; i < nflows; i++)
		take(&flow[i], &got, 1e18);
	qsort(delay, ndelay, sizeof(*delay), by_value);
	while (ndelay && delay[ndelay - 1] > 10000000)
		ndelay--;
	printf("{\"flows\": %u, \"sent\": %ld, \"received\": %ld, \"late_ms\": %.1f, \"delay_us\": "
	       "[%u, %u, %u]}\n",
	    nflows, sent, got, late * 1e3, ndelay ? delay[ndelay / 2] : 0,
	    ndelay ? delay[ndelay * 99 / 100] : 0, ndelay ? delay[ndelay - 1] : 0);
	return 0;
}

static void encrypt(struct flow *f, uint8_t *b, size_t *n)
{
	uint8_t iv[16] = { 0 }, md[20], roc[4] = { 0 };
	SHA_CTX x;
	int l;

	memcpy(iv + 4, b + 8, 4);
	memcpy(iv + 12, b + 2, 2);
	EVP_EncryptInit_ex(f->c, NULL, NULL, NULL, iv);
	EVP_EncryptUpdate(f->c, b + 12, &l, b + 12, (int)*n - 12);
	x = f->in;
	SHA1_Update(&x, b, *n);
	SHA1_Update(&x, roc, 4);
	SHA1_Final(md, &x);
	x = f->out;
	SHA1_Update(&x, md, 20);
	SHA1_Final(md, &x);
	memcpy(b + *n, md, 10);
	*n += 10;
}

static int relay(int crypt)
{
	static struct epoll_event ev[MAX];
	struct epoll_event e = { EPOLLIN, { .u32 = MAX } };
	int ep = epoll_create1(0);

	read_flows();
	for (unsigned i = 0; i < nflows; i++) {
		struct flow *f = &flow[i];
		uint8_t k[64] = { 1, 2, (uint8_t)i }, iv[16] = { 0 };
		f->rx = sock(f->rport, "127.0.0.1", f->lport);
		f->c = EVP_CIPHER_CTX_new();
		EVP_EncryptInit_ex(f->c, EVP_aes_128_ctr(), NULL, k, iv);
		SHA1_Init(&f->in);
		SHA1_Update(&f->in, k, 64);
		f->out = f->in;
		e = (struct epoll_event){ EPOLLIN, { .u32 = i } };
		epoll_ctl(ep, EPOLL_CTL_ADD, f->rx, &e);
	}
	e = (struct epoll_event){ EPOLLIN, { .u32 = MAX } };
	epoll_ctl(ep, EPOLL_CTL_ADD, 0, &e);
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		int k = epoll_wait(ep, ev, MAX, -1);
		for (int j = 0; j < k; j++) {
			uint8_t b[2048];
			struct flow *f;
			ssize_t n;
			if (ev[j].data.u32 == MAX)
				return 0;
			f = &flow[ev[j].data.u32];
			n = recv(f->rx, b, 1600, 0);
			if (n <= 12)
				continue;
			size_t len = (size_t)n;
			if (crypt)
				encrypt(f, b, &len);
			(void)!send(flow[ev[j].data.u32 ^ 1].rx, b, len, 0);
		}
	}
}

int main(int argc, char **argv)
{
	if (sbox_start() != 0)
		return 1;
	if (argc > 2 && (strcmp(argv[1], "gen") == 0 || strcmp(argv[1], "far") == 0))
		return gen(strtod(argv[2], NULL), argv[1][0] == 'g');
	if (argc > 1 && (strcmp(argv[1], "epoll") == 0 || strcmp(argv[1], "ossl") == 0))
		return relay(argv[1][0] == 'o');
	return 64;
}
