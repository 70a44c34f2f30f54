/* TLS with keys that are elsewhere: every key type, version and role against OpenSSL's own keys; answers that come
 * late, wrongly, never; connections that end while an operation is under way. */
#include "sipd/key_provider.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/mem.h"
#include "tests/support/key_local.h"
#include "tests/support/pki.h"

#include <openssl/ssl.h>

struct signer { /* a backend: answers at once, or keeps what was asked for until it is told */
	struct key_local local;
	bool late, broken, mute;
	struct key_wait *queue[64];
	unsigned n, started, cancelled;
};

static void answer(struct signer *s, struct key_wait *w)
{
	uint8_t out[KEY_OUT_MAX];
	size_t n = 0;
	int err = key_local_run(&s->local, &w->op, out, &n);

	if (s->broken)
		err = ERR_TIMEOUT;
	key_done(w, err, out, n);
}

static void start(void *ctx, struct key_wait *w)
{
	struct signer *s = ctx;

	s->started++;
	if (!s->late) {
		answer(s, w);
		return;
	}
	assert_true(s->n < ARRAY_LEN(s->queue));
	s->queue[s->n++] = w;
}

static void cancel(void *ctx, struct key_wait *w)
{
	struct signer *s = ctx;

	for (unsigned i = 0; i < s->n; i++)
		if (s->queue[i] == w) {
			s->queue[i] = s->queue[--s->n];
			s->cancelled++;
		}
}

static const struct key_backend backend = { start, cancel };

struct world {
	struct signer s;
	struct key_store *ks;
	EVP_PKEY *ca_key;
	X509 *ca;
};

static int setup(void **state)
{
	struct world *w = mem_new(sizeof(*w));

	assert_int_equal(key_store_new(&backend, &w->s, &w->ks), 0);
	w->ca_key = pki_key("P-256");
	w->ca = pki_cert(&(struct pki_spec){ .cn = "Test CA", .ca = true }, w->ca_key, NULL, NULL);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < w->s.local.n; i++)
		EVP_PKEY_free(w->s.local.key[i]);
	X509_free(w->ca);
	EVP_PKEY_free(w->ca_key);
	key_store_free(w->ks);
	free(w);
	return 0;
}

/* Making RSA keys takes long: one server's and one client's of each type for all tests. */
static EVP_PKEY *cached(const char *type, bool server)
{
	static struct {
		const char *type;
		EVP_PKEY *key[2];
	} made[4];
	unsigned i = 0;

	while (made[i].type && strcmp(made[i].type, type))
		i++;
	made[i].type = type;
	if (!made[i].key[server])
		made[i].key[server] = pki_key(type);
	EVP_PKEY_up_ref(made[i].key[server]);
	return made[i].key[server];
}

/* A context whose private key is with the signer (remote) or in this process. */
static SSL_CTX *context(struct world *w, const char *type, bool server, bool remote)
{
	EVP_PKEY *key = cached(type, server), *ours = NULL;
	X509 *crt = pki_cert(&(struct pki_spec){ .cn = server ? "server.test" : "client.test" },
	    key, w->ca, w->ca_key);
	SSL_CTX *c = SSL_CTX_new_ex(remote ? key_store_ctx(w->ks) : NULL, NULL,
	    server ? TLS_server_method() : TLS_client_method());

	assert_non_null(c);
	assert_int_equal(SSL_CTX_use_certificate(c, crt), 1);
	if (remote) {
		key_local_add(&w->s.local, key); /* freed with the world */
		assert_int_equal(key_store_pkey(w->ks, key, &ours), 0);
		assert_int_equal(SSL_CTX_use_PrivateKey(c, ours), 1);
		assert_int_equal(SSL_CTX_check_private_key(c), 1);
		EVP_PKEY_free(ours);
		SSL_CTX_set_mode(c, SSL_MODE_ASYNC);
	} else {
		assert_int_equal(SSL_CTX_use_PrivateKey(c, key), 1);
		EVP_PKEY_free(key);
	}
	X509_STORE_add_cert(SSL_CTX_get_cert_store(c), w->ca);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	X509_free(crt);
	return c;
}

struct side {
	SSL *ssl;
	struct key_wait wait;
	int r, woken;
	bool paused, failed;
};

static void wake(struct key_wait *w)
{
	struct side *s = w->ctx;

	s->woken++;
	s->paused = false;
}

static void step(struct side *s)
{
	int e;

	if (s->r == 1 || s->failed || s->paused)
		return;
	ERR_clear_error();
	do {
		key_enter(&s->wait);
		s->r = SSL_do_handshake(s->ssl);
		key_leave();
		e = SSL_get_error(s->ssl, s->r);
	} while (e == SSL_ERROR_WANT_ASYNC && key_submit(&s->wait));
	if (e == SSL_ERROR_WANT_ASYNC)
		s->paused = true;
	else if (s->r != 1 && e != SSL_ERROR_WANT_READ)
		s->failed = true;
}

static void pair(struct side *a, SSL_CTX *sa, struct side *b, SSL_CTX *sb)
{
	BIO *x, *y;

	memset(a, 0, sizeof(*a));
	memset(b, 0, sizeof(*b));
	a->ssl = SSL_new(sa);
	b->ssl = SSL_new(sb);
	BIO_new_bio_pair(&x, 32768, &y, 32768);
	SSL_set_bio(a->ssl, x, x);
	SSL_set_bio(b->ssl, y, y);
	SSL_set_accept_state(a->ssl);
	SSL_set_connect_state(b->ssl);
	a->wait.wake = b->wait.wake = wake;
	a->wait.ctx = a;
	b->wait.ctx = b;
}

static void end(struct side *s)
{
	if (key_abort(&s->wait)) {
		key_enter(&s->wait);
		SSL_do_handshake(s->ssl);
		key_leave();
	}
	SSL_free(s->ssl);
}

/* Both sides until done or stuck; late answers are given in between. */
static bool shake(struct signer *s, struct side *a, struct side *b)
{
	for (int i = 0; i < 40 && (a->r != 1 || b->r != 1) && !a->failed && !b->failed; i++) {
		step(b);
		step(a);
		while (s->n && !s->mute) {
			struct key_wait *w = s->queue[--s->n];

			answer(s, w);
		}
	}
	return a->r == 1 && b->r == 1;
}

static bool data_flows(struct side *a, struct side *b)
{
	char c = 0;

	SSL_clear_mode(a->ssl, SSL_MODE_ASYNC);
	SSL_clear_mode(b->ssl, SSL_MODE_ASYNC);
	return SSL_write(a->ssl, "x", 1) == 1 && SSL_read(b->ssl, &c, 1) == 1 && c == 'x' &&
	       SSL_write(b->ssl, "y", 1) == 1 && SSL_read(a->ssl, &c, 1) == 1 && c == 'y';
}

static void test_matrix(void **state)
{
	static const char *const types[] = { "RSA-2048", "RSA-3072", "P-256", "P-384" };
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct world *w = *state;

	for (size_t t = 0; t < ARRAY_LEN(types); t++)
		for (size_t v = 0; v < ARRAY_LEN(versions); v++)
			for (int late = 0; late < 2; late++) {
				/* who has his key elsewhere: server, client, both */
				for (int who = 1; who <= 3; who++) {
					SSL_CTX *s = context(w, types[t], true, who & 1);
					SSL_CTX *c = context(w, types[t], false, who & 2);
					struct side a, b;
					unsigned before = w->s.started;

					SSL_CTX_set_min_proto_version(s, versions[v]);
					SSL_CTX_set_max_proto_version(s, versions[v]);
					w->s.late = late;
					pair(&a, s, &b, c);
					if (!shake(&w->s, &a, &b)) {
						ERR_print_errors_fp(stderr);
						fail_msg("%s version %x late %d who %d", types[t],
						    (unsigned)versions[v], late, who);
					}
					assert_true(data_flows(&a, &b));
					assert_int_equal(
					    w->s.started - before, (who & 1) + (who >> 1));
					end(&a);
					end(&b);
					SSL_CTX_free(s);
					SSL_CTX_free(c);
					while (w->s.local.n)
						EVP_PKEY_free(w->s.local.key[--w->s.local.n]);
				}
			}
}

/* Peers of the time before 2015: TLS 1.0 with ECDHE and with the premaster under the RSA key. */
static void test_legacy(void **state)
{
	static const struct {
		const char *cipher;
		int version;
	} v[] = {
		{ "AES128-SHA:@SECLEVEL=0", TLS1_2_VERSION },
		{ "AES256-GCM-SHA384:@SECLEVEL=0", TLS1_2_VERSION },
		{ "AES128-SHA:@SECLEVEL=0", TLS1_VERSION },
		{ "AES256-SHA:@SECLEVEL=0", TLS1_1_VERSION },
		{ "ECDHE-RSA-AES128-SHA:@SECLEVEL=0", TLS1_VERSION },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		for (int late = 0; late < 2; late++) {
			SSL_CTX *s = context(w, "RSA-2048", true, true);
			SSL_CTX *c = context(w, "RSA-2048", false, true);
			struct side a, b;

			SSL_CTX_set_cipher_list(s, v[i].cipher);
			SSL_CTX_set_cipher_list(c, v[i].cipher);
			SSL_CTX_set_min_proto_version(s, v[i].version);
			SSL_CTX_set_max_proto_version(s, v[i].version);
			SSL_CTX_set_min_proto_version(c, v[i].version);
			w->s.late = late;
			pair(&a, s, &b, c);
			if (!shake(&w->s, &a, &b)) {
				ERR_print_errors_fp(stderr);
				fail_msg("%s %x", v[i].cipher, (unsigned)v[i].version);
			}
			assert_true(data_flows(&a, &b));
			end(&a);
			end(&b);
			SSL_CTX_free(s);
			SSL_CTX_free(c);
			while (w->s.local.n)
				EVP_PKEY_free(w->s.local.key[--w->s.local.n]);
		}
}

/* Many at once, answers in reverse order. */
static void test_in_flight(void **state)
{
	struct world *w = *state;
	SSL_CTX *s = context(w, "P-256", true, true);
	SSL_CTX *c = context(w, "P-256", false, false);
	struct side a[32], b[32];

	w->s.late = true;
	for (int i = 0; i < 32; i++) {
		pair(&a[i], s, &b[i], c);
		step(&b[i]);
		step(&a[i]);
		assert_true(a[i].paused);
	}
	assert_int_equal(w->s.n, 32);
	while (w->s.n) {
		struct key_wait *k = w->s.queue[--w->s.n];

		answer(&w->s, k);
	}
	for (int i = 0; i < 32; i++) {
		assert_int_equal(a[i].woken, 1);
		assert_true(shake(&w->s, &a[i], &b[i]));
		end(&a[i]);
		end(&b[i]);
	}
	SSL_CTX_free(s);
	SSL_CTX_free(c);
}

static void test_failures(void **state)
{
	struct world *w = *state;
	SSL_CTX *s = context(w, "RSA-2048", true, true);
	SSL_CTX *c = context(w, "RSA-2048", false, false);
	struct side a, b;

	/* an answer that is an error: the handshake fails, at once and late */
	w->s.broken = true;
	for (int late = 0; late < 2; late++) {
		w->s.late = late;
		pair(&a, s, &b, c);
		assert_false(shake(&w->s, &a, &b));
		assert_true(a.failed);
		end(&a);
		end(&b);
	}
	w->s.broken = false;
	/* the connection ends while it waits: the operation is cancelled, nothing leaks, no wake-up comes */
	w->s.late = w->s.mute = true;
	pair(&a, s, &b, c);
	assert_false(shake(&w->s, &a, &b));
	assert_true(a.paused);
	assert_int_equal(w->s.n, 1);
	end(&a);
	assert_int_equal(w->s.cancelled, 1);
	assert_int_equal(w->s.n, 0);
	assert_int_equal(a.woken, 0);
	end(&b);
	/* an answer longer than a signature can be */
	w->s.mute = false;
	pair(&a, s, &b, c);
	step(&b);
	step(&a);
	assert_int_equal(w->s.n, 1);
	w->s.n = 0;
	uint8_t big[KEY_OUT_MAX] = { 1 };
	key_done(&a.wait, 0, big, sizeof(big));
	step(&a);
	assert_true(a.failed);
	end(&a);
	end(&b);
	/* a wrong signature is the peer's to notice */
	pair(&a, s, &b, c);
	step(&b);
	step(&a);
	w->s.n = 0;
	key_done(&a.wait, 0, big, 256);
	assert_false(shake(&w->s, &a, &b));
	end(&a);
	end(&b);
	/* and then it works again */
	w->s.late = false;
	pair(&a, s, &b, c);
	assert_true(shake(&w->s, &a, &b));
	end(&a);
	end(&b);
	SSL_CTX_free(s);
	SSL_CTX_free(c);
}

static void test_keys(void **state)
{
	struct world *w = *state;
	EVP_PKEY *rsa = pki_key("RSA-2048"), *ec = pki_key("P-521"), *k = NULL, *k2 = NULL;
	EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	EVP_PKEY *odd = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1");
	BIGNUM *d = NULL;

	assert_int_equal(key_store_pkey(w->ks, rsa, &k), 0);
	assert_int_equal(EVP_PKEY_eq(k, rsa), 1);
	assert_int_equal(EVP_PKEY_get_bits(k), 2048);
	assert_int_equal(EVP_PKEY_get_size(k), 256);
	assert_int_equal(EVP_PKEY_get_security_bits(k), 112);
	assert_int_equal(EVP_PKEY_get_bn_param(k, "d", &d), 0); /* there is none to be had */
	assert_int_equal(key_store_pkey(w->ks, ec, &k2), 0);
	assert_int_equal(EVP_PKEY_eq(k2, ec), 1);
	assert_int_equal(EVP_PKEY_get_bits(k2), 521);
	assert_int_not_equal(EVP_PKEY_eq(k, k2), 1);
	EVP_PKEY_free(k);
	EVP_PKEY_free(k2);
	assert_int_equal(key_store_pkey(w->ks, ed, &k), ERR_UNSUPP);
	assert_int_equal(key_store_pkey(w->ks, odd, &k), ERR_UNSUPP);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(ed);
	EVP_PKEY_free(odd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_matrix, setup, teardown),
		cmocka_unit_test_setup_teardown(test_legacy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_in_flight, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
