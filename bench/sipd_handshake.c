/* A full TLS handshake, server's side, with the key in certd against the key in the process. Both processes share one processor.
 *
 * First 8 in flight, mutual: CPU of this process but for the client's steps, plus CPU of certd, runs alternating; and what share of
 * it is left to this process, which bounds the rate when certd runs on another core. Then one at a time, local and remote in turn:
 * the time in the server's steps until each is done, certd's answer waited for (making and freeing the SSL objects not counted):
 * mutual, and with the server's certificate alone. Usage: sipd_handshake [HANDSHAKES-PER-RUN [WORD-OF-A-ROW]] */
#include <time.h>

#include "bench/certd_run.h"
#include "sipd/key_provider.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>

#define REPEATS    15
#define BIO_OCTETS 20000
#define CPU        1 /* both processes, */

struct pair { /* one handshake */
	struct bench *b;
	SSL *srv, *cli;
	struct key_wait wait;
	bool remote, done, alone, woken;
};
struct bench {
	struct certd_run r;
	struct key_store *ks;
	SSL_CTX *local, *remote, *client_ctx;
	uint8_t id[32];
	double client; /* CPU seconds in the client's steps */
	unsigned left, flying, window;
	bool use_remote;
};

static double thread_cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- the provider's backend: certd over its link, as sipd does it ---- */

static void on_signature(void *ctx, int err, struct ipc_msg *m)
{
	struct key_wait *w = ctx;

	w->backend = NULL;
	if (err)
		key_done(w, err, NULL, 0);
	else
		key_done(w, 0, IPC_BODY(m, Cert__Signature)->signature.data,
		    IPC_BODY(m, Cert__Signature)->signature.len);
}

static void start(void *ctx, struct key_wait *w)
{
	static const Cert__Hash map[] = { CERT__HASH__HASH_NONE, CERT__HASH__HASH_SHA1,
		CERT__HASH__HASH_SHA256, CERT__HASH__HASH_SHA384, CERT__HASH__HASH_SHA512,
		CERT__HASH__HASH_MD5_SHA1 };
	struct bench *b = ctx;
	Cert__Sign s = CERT__SIGN__INIT;

	s.key = (ProtobufCBinaryData){ 32, w->op.id };
	s.data = (ProtobufCBinaryData){ w->op.nin, w->op.in };
	s.scheme = w->op.scheme == KEY_RSA_PKCS1 ? CERT__SCHEME__SCHEME_RSA_PKCS1
	           : w->op.scheme == KEY_RSA_PSS ? CERT__SCHEME__SCHEME_RSA_PSS
	                                         : CERT__SCHEME__SCHEME_ECDSA;
	s.hash = map[w->op.hash];
	w->backend = w;
	if (ipc_request(b->r.peer, IPC_IF_CERT, CERT__TYPE__CERT_SIGN, &s.base,
	        &cert__signature__descriptor, 5000, on_signature, w) != 0)
		certd_die("no request");
}

static void cancel(void *ctx, struct key_wait *w)
{
	struct bench *b = ctx;

	ipc_forget(b->r.node, w);
}

static const struct key_backend backend = { start, cancel };

/* ---- handshakes in memory ---- */

static void launch(struct bench *b);

static void drop(struct pair *p)
{
	double t;

	SSL_free(p->srv);
	t = thread_cpu();
	SSL_free(p->cli);
	p->b->client += thread_cpu() - t;
	p->b->flying--;
	free(p);
}

static void finish(struct pair *p)
{
	struct bench *b = p->b;

	drop(p);
	launch(b);
}

/* true: goes on when certd has answered. */
static bool server_step(struct pair *p, int *r)
{
	int e = SSL_ERROR_NONE;

	do {
		if (p->remote)
			key_enter(&p->wait);
		*r = SSL_do_handshake(p->srv);
		if (p->remote)
			key_leave();
		e = *r == 1 ? SSL_ERROR_NONE : SSL_get_error(p->srv, *r);
	} while (e == SSL_ERROR_WANT_ASYNC && key_submit(&p->wait));
	if (e != SSL_ERROR_NONE && e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_ASYNC) {
		ERR_print_errors_fp(stderr);
		certd_die("the server's handshake failed");
	}
	return e == SSL_ERROR_WANT_ASYNC;
}

static void drive(struct pair *p)
{
	for (;;) {
		double t = thread_cpu();
		int s, c = SSL_do_handshake(p->cli);

		p->b->client += thread_cpu() - t;
		if (c != 1 && SSL_get_error(p->cli, c) != SSL_ERROR_WANT_READ) {
			ERR_print_errors_fp(stderr);
			certd_die("the client's handshake failed");
		}
		if (server_step(p, &s))
			return;
		if (s == 1 && c == 1 && SSL_is_init_finished(p->cli) &&
		    SSL_is_init_finished(p->srv)) {
			p->done = true;
			return;
		}
	}
}

static void on_wake(struct key_wait *w)
{
	struct pair *p = w->ctx;

	p->woken = true;
	if (p->alone)
		return;
	/* From the loop; the time until the answer is read out is the server's, too. */
	drive(p);
	if (p->done)
		finish(p);
}

static struct pair *begin(struct bench *b, bool remote)
{
	struct pair *p = mem_new(sizeof(*p));
	BIO *x, *y;
	double t;

	b->flying++;
	p->b = b;
	p->remote = remote;
	p->srv = SSL_new(remote ? b->remote : b->local);
	t = thread_cpu();
	p->cli = SSL_new(b->client_ctx);
	SSL_set_connect_state(p->cli);
	b->client += thread_cpu() - t;
	BIO_new_bio_pair(&x, BIO_OCTETS, &y, BIO_OCTETS);
	SSL_set_bio(p->srv, x, x);
	SSL_set_bio(p->cli, y, y);
	SSL_set_accept_state(p->srv);
	p->wait.wake = on_wake;
	p->wait.ctx = p;
	return p;
}

static void launch(struct bench *b)
{
	while (b->left > 0 && b->flying < b->window) {
		struct pair *p = begin(b, b->use_remote);

		b->left--;
		drive(p);
		if (p->done)
			drop(p);
	}
	if (b->left == 0 && b->flying == 0)
		uv_stop(&b->r.loop);
}

struct result {
	double server, certd; /* CPU seconds a handshake */
};

/* All that this process does and the client does not: the server's steps, the link, the loop. */
static struct result measure(struct bench *b, bool remote, unsigned n, unsigned window)
{
	struct result r;
	double all;

	b->use_remote = remote;
	b->left = n;
	b->window = window;
	b->client = 0;
	r.certd = certd_cpu(&b->r);
	all = thread_cpu();
	launch(b);
	while (b->flying)
		uv_run(&b->r.loop, UV_RUN_ONCE);
	r.server = (thread_cpu() - all - b->client) / n;
	r.certd = (certd_cpu(&b->r) - r.certd) / n;
	return r;
}

/* Seconds in the server's steps of one handshake, with nothing else in flight. */
static double alone(struct bench *b, bool remote)
{
	struct pair *p = begin(b, remote);
	double sum = 0;

	p->alone = true;
	for (int s = 0, c = 0; s != 1 || c != 1;) {
		double t;

		c = SSL_do_handshake(p->cli);
		t = wall();
		for (p->woken = false; server_step(p, &s); p->woken = false)
			while (!p->woken)
				uv_run(&b->r.loop, UV_RUN_ONCE);
		sum += wall() - t;
	}
	drop(p);
	return sum;
}

static double alternating(struct bench *b, unsigned n)
{
	double ratio[REPEATS];

	for (unsigned i = 0; i < REPEATS; i++) {
		double t[2] = { 0, 0 };

		for (unsigned j = 0; j < 2 * n; j++)
			t[j & 1] += alone(b, j & 1);
		ratio[i] = t[1] / t[0];
	}
	return certd_median(ratio, REPEATS);
}

static SSL_CTX *server_ctx(OSSL_LIB_CTX *lib, int version, X509 *x, EVP_PKEY *k, bool async)
{
	SSL_CTX *c = SSL_CTX_new_ex(lib, NULL, TLS_server_method());

	if (!c || !SSL_CTX_set_min_proto_version(c, version) ||
	    !SSL_CTX_set_max_proto_version(c, version) || SSL_CTX_use_certificate(c, x) != 1 ||
	    SSL_CTX_use_PrivateKey(c, k) != 1)
		certd_die("no server context");
	X509_STORE_add_cert(SSL_CTX_get_cert_store(c), x);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(c, 0);
	SSL_CTX_set_options(c, SSL_OP_NO_TICKET);
	if (async)
		SSL_CTX_set_mode(c, SSL_MODE_ASYNC);
	return c;
}

static X509 *self_signed(EVP_PKEY *k)
{
	X509 *x = X509_new();

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, k);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
	    (const unsigned char *)"bench.example.test", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	if (!X509_sign(x, k, EVP_sha256()))
		certd_die("no certificate");
	return x;
}

/* The same key in certd and here. */
static void put_key(struct bench *b, EVP_PKEY *k, X509 *x)
{
	char path[120], words[400];
	FILE *f;

	snprintf(path, sizeof(path), "%s/both.pem", b->r.dir);
	f = fopen(path, "w");
	if (!f || !PEM_write_X509(f, x) || !PEM_write_PrivateKey(f, k, NULL, NULL, 0, NULL, NULL))
		certd_die("no file");
	fclose(f);
	snprintf(words, sizeof(words), "cert import host file='%s' force=yes", path);
	if (certd_ctl(&b->r, words) != 0)
		certd_die("cert import failed");
}

static void one(struct bench *b, const char *name, int version, bool rsa, unsigned n, double limit)
{
	EVP_PKEY *k = rsa ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
	                  : EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	EVP_PKEY *far = NULL;
	X509 *x = self_signed(k);
	double ratio[REPEATS], own[REPEATS], here[REPEATS], mutual;

	put_key(b, k, x);
	if (key_id(k, b->id) || key_store_pkey(b->ks, k, &far))
		certd_die("no key");
	b->local = server_ctx(NULL, version, x, k, false);
	b->remote = server_ctx(key_store_ctx(b->ks), version, x, far, true);
	b->client_ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_use_certificate(b->client_ctx, x);
	SSL_CTX_use_PrivateKey(b->client_ctx, k);
	measure(b, false, n / 4 + 1, 1);
	measure(b, true, n / 4 + 1, 1);
	for (unsigned i = 0; i < REPEATS; i++) {
		struct result l = measure(b, false, n, 1), r = measure(b, true, n, 8);

		ratio[i] = (r.server + r.certd) / l.server;
		own[i] = r.server / l.server;
		here[i] = l.server;
	}
	mutual = alternating(b, n);
	SSL_CTX_set_verify(b->local, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_verify(b->remote, SSL_VERIFY_NONE, NULL);
	printf("%-18s %8.0f %9.3f %10.2f %11.2f %12.3f %10.3f  at most %.2f\n", name,
	    1e6 * certd_median(here, REPEATS), certd_median(ratio, REPEATS),
	    certd_median(own, REPEATS), 1 / certd_median(own, REPEATS), mutual, alternating(b, n),
	    limit);
	SSL_CTX_free(b->local);
	SSL_CTX_free(b->remote);
	SSL_CTX_free(b->client_ctx);
	EVP_PKEY_free(far);
	EVP_PKEY_free(k);
	X509_free(x);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int version;
		bool rsa;
		double limit;
	} t[] = { { "TLS 1.2 RSA-2048", TLS1_2_VERSION, true, 1.05 },
		{ "TLS 1.3 RSA-2048", TLS1_3_VERSION, true, 1.05 },
		{ "TLS 1.2 P-256", TLS1_2_VERSION, false, 1.12 },
		{ "TLS 1.3 P-256", TLS1_3_VERSION, false, 1.12 } };
	unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : 100;
	struct bench b = { 0 };

	log_set_level(LOG_ERR);
	certd_pin(CPU);
	certd_start(&b.r, argv[0], CPU);
	if (key_store_new(&backend, &b, &b.ks) != 0)
		certd_die("no key store");
	printf("%-18s %8s %9s %10s %11s %12s %10s  %s\n", "8 in flight, CPU", "local us",
	    "all/local", "here/local", "2-core rate", "1 at a time", "one-sided",
	    "wanted (all/local)");
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		if (argc < 3 || strstr(t[i].name, argv[2]))
			one(&b, t[i].name, t[i].version, t[i].rsa, n, t[i].limit);
	key_store_free(b.ks);
	certd_stop(&b.r);
	return 0;
}
