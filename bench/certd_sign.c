/* Signatures a second of certd on one core, 16 in flight, against OpenSSL's bare loop (what `openssl speed` runs), alternating.
 * Everything is in it: link, policy, audit log. Usage: certd_sign [SECONDS-PER-RUN] */
#include <time.h>

#include "bench/certd_run.h"
#include "common/ossl.h"

#define WINDOW  16
#define REPEATS 9

struct run {
	struct certd_run r;
	uint8_t key[32];
	Cert__Scheme scheme;
	uint64_t done;
	unsigned flying;
	bool end;
};

static void on_identity(void *ctx, int err, struct ipc_msg *m)
{
	struct run *b = ctx;

	if (err)
		certd_die("no identity");
	memcpy(b->key, IPC_BODY(m, Cert__Identity)->key.data, 32);
	uv_stop(&b->r.loop);
}

static void fill(struct run *b);
static void on_signature(void *ctx, int err, struct ipc_msg *m)
{
	struct run *b = ctx;

	if (err)
		certd_die(m && m->text.n ? m->text.p : "a signature failed");
	b->flying--;
	b->done++;
	if (!b->end)
		fill(b);
	else if (b->flying == 0)
		uv_stop(&b->r.loop);
}

static void fill(struct run *b)
{
	static const uint8_t digest[32] = { 1 };
	Cert__Sign s = CERT__SIGN__INIT;

	s.key = (ProtobufCBinaryData){ 32, b->key };
	s.scheme = b->scheme;
	s.hash = CERT__HASH__HASH_SHA256;
	s.data = (ProtobufCBinaryData){ 32, (uint8_t *)(uintptr_t)digest };
	while (b->flying < WINDOW) {
		if (ipc_request(b->r.peer, IPC_IF_CERT, CERT__TYPE__CERT_SIGN, &s.base,
		        &cert__signature__descriptor, 5000, on_signature, b) != 0)
			certd_die("a request failed");
		b->flying++;
	}
}

static void on_end(uv_timer_t *t)
{
	((struct run *)t->data)->end = true;
}

/* CPU seconds of certd for one signature. */
static double measure(struct run *b, double seconds)
{
	uv_timer_t t;
	double cpu;

	uv_timer_init(&b->r.loop, &t);
	t.data = b;
	uv_timer_start(&t, on_end, (uint64_t)(seconds * 1000), 0);
	b->end = false;
	b->done = 0;
	cpu = certd_cpu(&b->r);
	fill(b);
	uv_run(&b->r.loop, UV_RUN_DEFAULT);
	cpu = certd_cpu(&b->r) - cpu;
	uv_close((uv_handle_t *)&t, NULL);
	uv_run(&b->r.loop, UV_RUN_NOWAIT);
	return cpu / (double)b->done;
}

static double bare(EVP_PKEY *k, double seconds)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(k, NULL);
	uint8_t digest[32] = { 1 }, sig[512];
	double cpu = own_cpu(), now = cpu;
	uint64_t n = 0;

	if (EVP_PKEY_sign_init(c) != 1)
		certd_die("OpenSSL");
	while (now - cpu < seconds) {
		for (int i = 0; i < 50; i++, n++) {
			size_t len = sizeof(sig);

			if (EVP_PKEY_sign(c, sig, &len, digest, sizeof(digest)) != 1)
				certd_die("OpenSSL");
		}
		now = own_cpu();
	}
	EVP_PKEY_CTX_free(c);
	return (now - cpu) / (double)n;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name, *keytype;
		Cert__Scheme scheme;
		double floor;
	} t[] = { { "RSA-2048", "rsa-2048", CERT__SCHEME__SCHEME_RSA_PKCS1, 0.9 },
		{ "P-256", "p-256", CERT__SCHEME__SCHEME_ECDSA, 0.6 } };
	double seconds = argc > 1 ? atof(argv[1]) : 0.5;
	struct run b = { 0 };

	log_set_level(LOG_ERR);
	certd_start(&b.r, argv[0], -1);
	printf("%-9s %14s %14s %10s  %s\n", "key", "bare 1/s", "certd 1/s", "certd/bare", "wanted");
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		double x[REPEATS], y[REPEATS], q[REPEATS];
		Cert__IdentityGet get = CERT__IDENTITY_GET__INIT;
		EVP_PKEY *k = i ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")
		                : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
		char words[80];

		snprintf(words, sizeof(words), "cert self-signed host keytype=%s", t[i].keytype);
		if (certd_ctl(&b.r, words) != 0)
			certd_die("cert self-signed failed");
		int err = ipc_request(b.r.peer, IPC_IF_CERT, CERT__TYPE__CERT_IDENTITY, &get.base,
		    &cert__identity__descriptor, 0, on_identity, &b);
		if (err)
			certd_die(err_name(err));
		uv_run(&b.r.loop, UV_RUN_DEFAULT);
		b.scheme = t[i].scheme;
		for (unsigned r = 0; r < REPEATS; r++) {
			x[r] = bare(k, seconds / 2);
			y[r] = measure(&b, seconds);
			q[r] = x[r] / y[r];
		}
		EVP_PKEY_free(k);
		printf("%-9s %14.0f %14.0f %10.2f  at least %.2f\n", t[i].name,
		    1 / certd_median(x, REPEATS), 1 / certd_median(y, REPEATS),
		    certd_median(q, REPEATS), t[i].floor);
	}
	certd_stop(&b.r);
	return 0;
}
