/* TLS over real sockets: two transports in one loop, keys with a signer beside them; names, trust, revocation, mutual
 * TLS, keys that come late or never, garbage. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/log.h"
#include "sipd/tp_tls.h"
#include "tests/support/key_local.h"
#include "tests/support/pki.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>

struct signer {
	struct key_local local;
	struct tmr_wheel *w;
	struct tmr later;
	struct key_wait *held;
	unsigned late_ms, cancelled;
	bool mute, broken;
};

static void sign_now(struct signer *s, struct key_wait *w)
{
	uint8_t out[KEY_OUT_MAX];
	size_t n = 0;
	int err = key_local_run(&s->local, &w->op, out, &n);

	key_done(w, s->broken ? ERR_DENIED : err, out, n);
}

static void on_later(struct tmr *t, void *ctx)
{
	struct signer *s = ctx;
	struct key_wait *w = s->held;

	(void)t;
	s->held = NULL;
	sign_now(s, w);
}

static void signer_start(void *ctx, struct key_wait *w)
{
	struct signer *s = ctx;

	if (!s->late_ms && !s->mute) {
		sign_now(s, w);
		return;
	}
	s->held = w;
	if (!s->mute) {
		tmr_init(&s->later, s->w, on_later, s);
		tmr_start(&s->later, s->late_ms);
	}
}

static void signer_cancel(void *ctx, struct key_wait *w)
{
	struct signer *s = ctx;

	assert_ptr_equal(s->held, w);
	tmr_stop(&s->later);
	s->held = NULL;
	s->cancelled++;
}

static const struct key_backend backend = { signer_start, signer_cancel };

struct side {
	struct tp *tp;
	struct tp_tls *tls;
	struct signer signer;
	unsigned got;
	char last[64];
	struct tp_flow *last_flow;
};

#define LIMIT_NS 20000000000ull /* how long anything may take on a loaded machine */

struct world {
	uv_loop_t loop;
	struct tmr_wheel *w;
	struct side srv, cli;
	EVP_PKEY *ca_key;
	X509 *ca;
	struct sockaddr_storage bound;
	struct tp_watch watch;
	int down;
	const char *why;
};

static void on_msg(void *ctx, struct tp_flow *f, struct sip_msg *m)
{
	struct side *s = ctx;

	s->got++;
	s->last_flow = f;
	(void)!slice_copy(m->call_id, s->last, sizeof(s->last));
}
static const struct tp_ops ops = { on_msg };

static void on_down(struct tp_watch *w, struct tp_flow *f, int err)
{
	struct world *x = CONTAINER_OF(w, struct world, watch);

	x->down = err;
	x->why = tp_flow_why(f);
}

static void spin(struct world *x, unsigned ms)
{
	uint64_t end = uv_hrtime() / 1000000 + ms;

	while (uv_hrtime() / 1000000 < end) {
		uv_run(&x->loop, UV_RUN_NOWAIT);
		usleep(200);
	}
}

#define UNTIL(x, cond)                                                                             \
	do {                                                                                       \
		uint64_t end_ = (uv_hrtime() + LIMIT_NS) / 1000000;                                \
		while (!(cond) && uv_hrtime() / 1000000 < end_) {                                  \
			uv_run(&(x)->loop, UV_RUN_NOWAIT);                                         \
			usleep(200);                                                               \
		}                                                                                  \
		assert_true(cond);                                                                 \
	} while (0)

static void identity(struct world *x, struct side *s, const char *type, struct pki_spec spec)
{
	EVP_PKEY *key = pki_key(type);
	X509 *crt = pki_cert(&spec, key, x->ca, x->ca_key);
	unsigned char *der = NULL;
	int n = i2d_X509(crt, &der);
	struct slice one = { (const char *)der, (size_t)n };

	key_local_add(&s->signer.local, key);
	assert_int_equal(tp_tls_set_identity(s->tls, &one, 1), 0);
	OPENSSL_free(der);
	X509_free(crt);
}

static void trust(struct side *s, X509 *ca, X509_CRL *crl)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *p;
	unsigned certs, crls;

	assert_true(PEM_write_bio_X509(b, ca));
	if (crl)
		assert_true(PEM_write_bio_X509_CRL(b, crl));
	long n = BIO_get_mem_data(b, &p);
	assert_int_equal(
	    tp_tls_set_trust(s->tls, (struct slice){ p, (size_t)n }, &certs, &crls), 0);
	assert_int_equal(certs, 1);
	assert_int_equal(crls, crl != NULL);
	BIO_free(b);
}

static void make_side(struct world *x, struct side *s, struct tp_tls_conf c)
{
	struct tp_conf conf = { .connect_ms = 1500 };

	s->signer.w = x->w;
	s->tp = tp_new(&x->loop, x->w, &conf, &ops, s);
	assert_int_equal(tp_tls_new(&c, &backend, &s->signer, &s->tls), 0);
	tp_set_tls(s->tp, &tp_tls_ops, s->tls);
}

static struct world *start(struct tp_tls_conf server, struct tp_tls_conf client)
{
	struct world *x = mem_new(sizeof(*x));
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	assert_int_equal(uv_loop_init(&x->loop), 0);
	x->w = tmr_wheel_new(&x->loop);
	x->ca_key = pki_key("P-256");
	x->ca = pki_cert(&(struct pki_spec){ .cn = "CA", .ca = true }, x->ca_key, NULL, NULL);
	make_side(x, &x->srv, server);
	make_side(x, &x->cli, client);
	x->watch.down = on_down;
	assert_int_equal(tp_listen(x->srv.tp, TP_TLS, (struct sockaddr *)&a, &x->bound), 0);
	return x;
}

static void stop(struct world *x)
{
	tp_flow_unwatch(&x->watch);
	tp_free(x->cli.tp);
	tp_free(x->srv.tp);
	tp_tls_free(x->cli.tls);
	tp_tls_free(x->srv.tls);
	tmr_wheel_free(x->w);
	for (uint64_t end = uv_hrtime() + LIMIT_NS;
	     uv_run(&x->loop, UV_RUN_NOWAIT) && uv_hrtime() < end;)
		usleep(500);
	assert_int_equal(uv_loop_close(&x->loop), 0);
	for (int s = 0; s < 2; s++) {
		struct key_local *l = s ? &x->cli.signer.local : &x->srv.signer.local;
		for (unsigned i = 0; i < l->n; i++)
			EVP_PKEY_free(l->key[i]);
	}
	X509_free(x->ca);
	EVP_PKEY_free(x->ca_key);
	free(x);
}

static const char request[] = "OPTIONS sip:%s SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK1\r\n"
                              "Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:%s>\r\n"
                              "Call-ID: %s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

/* Sends one request from side a on a flow. */
static void say(struct tp_flow *f, const char *id)
{
	char buf[512];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	int n = snprintf(buf, sizeof(buf), request, "x", "x", id);
#pragma GCC diagnostic pop
	assert_int_equal(tp_flow_send(f, buf, (size_t)n), 0);
}

static struct tp_flow *call(struct world *x, const char *name)
{
	struct tp_dest d = { .proto = TP_TLS };
	struct tp_flow *f;

	memcpy(&d.addr, &x->bound, sizeof(d.addr));
	snprintf(d.name, sizeof(d.name), "%s", name);
	uv_update_time(&x->loop); /* making keys may have taken longer than a connection may */
	assert_int_equal(tp_flow_to(x->cli.tp, &d, &f), 0);
	x->down = 0;
	tp_flow_unwatch(&x->watch);
	tp_flow_watch(f, &x->watch);
	return f;
}

static const struct pki_spec server_spec = { .cn = "ignored", .san = { "pbx.test" } };
static const struct pki_spec client_spec = { .cn = "dect.test", .san = { "dect.test" } };

static void mutual(void **state)
{
	static const char *const types[] = { "P-256", "RSA-2048", "P-384" };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct world *x = start((struct tp_tls_conf){ .client = TP_TLS_CLIENT_REQUIRED },
		    (struct tp_tls_conf){ 0 });
		identity(x, &x->srv, types[i], server_spec);
		identity(x, &x->cli, types[(i + 1) % 3], client_spec);
		trust(&x->srv, x->ca, NULL);
		trust(&x->cli, x->ca, NULL);
		x->srv.signer.late_ms = x->cli.signer.late_ms = i ? 30 : 0;
		struct tp_flow *f = call(x, "pbx.test");
		say(f, "one"); /* waits for the handshake */
		UNTIL(x, x->srv.got == 1);
		assert_string_equal(x->srv.last, "one");
		assert_true(tp_tls_peer_is(x->srv.last_flow, "dect.test"));
		assert_false(tp_tls_peer_is(x->srv.last_flow, "pbx.test"));
		assert_true(tp_tls_peer_is(f, "PBX.test"));
		char text[200];
		tp_tls_text(f, text, sizeof(text));
		assert_non_null(strstr(text, "TLSv1.3"));
		say(x->srv.last_flow, "back");
		UNTIL(x, x->cli.got == 1);
		for (int k = 0; k < 50; k++)
			say(f, "many");
		UNTIL(x, x->srv.got == 51);
		/* the same connection for the same name, another for another */
		struct tp_flow *same = call(x, "pbx.test");
		assert_ptr_equal(same, f);
		tp_flow_unref(same);
		tp_flow_unref(f);
		stop(x);
	}
}

static void refused(struct world *x, const char *name, const char *why)
{
	struct tp_flow *f = call(x, name);

	say(f, "never");
	UNTIL(x, x->down != 0);
	if (!strstr(x->why, why))
		fail_msg("'%s' instead of '%s'", x->why, why);
	spin(x, 20);
	assert_int_equal(x->srv.got, 0);
	tp_flow_unref(f);
}

/* What we are and whom we trust comes later than the first connections. */
static void held(void **state)
{
	(void)state;

	for (int side = 0; side < 2; side++) {
		struct world *x = start((struct tp_tls_conf){ 0 }, (struct tp_tls_conf){ 0 });
		struct side *late = side ? &x->srv : &x->cli;
		struct tp_tls_stats st;

		tp_tls_hold(late->tls, true);
		if (late != &x->srv)
			identity(x, &x->srv, "P-256", server_spec);
		else
			trust(&x->cli, x->ca, NULL);
		struct tp_flow *f = call(x, "pbx.test");
		say(f, "waits");
		UNTIL(x, (tp_tls_get_stats(late->tls, &st), st.live == 1));
		spin(x, 20);
		assert_int_equal(x->down, 0);
		assert_int_equal(x->srv.got, 0);
		if (late == &x->srv)
			identity(x, &x->srv, "P-256", server_spec);
		else
			trust(&x->cli, x->ca, NULL);
		uv_update_time(&x->loop);
		tp_tls_hold(late->tls, false);
		UNTIL(x, x->srv.got == 1);
		tp_tls_get_stats(late->tls, &st);
		assert_int_equal(st.ok, 1);
		tp_flow_unref(f);
		stop(x);
	}
	/* Nobody says it: the connection's own time ends it, and all is given back. */
	struct world *x = start((struct tp_tls_conf){ 0 }, (struct tp_tls_conf){ 0 });
	identity(x, &x->srv, "P-256", server_spec);
	tp_tls_hold(x->cli.tls, true);
	refused(x, "pbx.test", "did not end in time");
	/* Without a certificate a server cannot go on when it is let go. */
	tp_tls_hold(x->srv.tls, true);
	tp_tls_hold(x->cli.tls, false);
	assert_int_equal(tp_tls_set_identity(x->srv.tls, NULL, 0), 0);
	struct tp_flow *f = call(x, "pbx.test");
	struct tp_tls_stats st;
	UNTIL(x, (tp_tls_get_stats(x->srv.tls, &st), st.live == 1));
	tp_tls_hold(x->srv.tls, false);
	UNTIL(x, x->down != 0);
	tp_flow_unref(f);
	stop(x);
}

static void names(void **state)
{
	static const struct {
		struct pki_spec spec;
		const char *name, *why; /* why NULL: fine */
	} t[] = {
		{ { .cn = "x", .san = { "pbx.test" } }, "other.test", "another name" },
		{ { .cn = "x", .san = { "*.test" } }, "pbx.test", "another name" },
		{ { .cn = "pbx.test", .san = { "other.test" } }, "pbx.test", "another name" },
		{ { .cn = "pbx.test" }, "pbx.test", NULL },
		{ { .cn = "pbx.test", .from_days = -9, .to_days = -2 }, "pbx.test", "expired" },
		{ { .cn = "pbx.test", .from_days = 2, .to_days = 9 }, "pbx.test", "not valid yet" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct world *x = start((struct tp_tls_conf){ 0 }, (struct tp_tls_conf){ 0 });
		identity(x, &x->srv, "P-256", t[i].spec);
		trust(&x->cli, x->ca, NULL);
		if (t[i].why) {
			refused(x, t[i].name, t[i].why);
		} else {
			struct tp_flow *f = call(x, t[i].name);
			say(f, "good");
			UNTIL(x, x->srv.got == 1);
			tp_flow_unref(f);
		}
		stop(x);
	}
}

static void chains(void **state)
{
	(void)state;
	/* nobody is trusted; the switch for that */
	for (int insecure = 0; insecure < 2; insecure++) {
		struct world *x =
		    start((struct tp_tls_conf){ 0 }, (struct tp_tls_conf){ .insecure = insecure });
		identity(x, &x->srv, "P-256", server_spec);
		if (!insecure) {
			refused(x, "pbx.test", "not from a trusted authority");
		} else {
			struct tp_flow *f = call(x, "other.test");
			say(f, "good");
			UNTIL(x, x->srv.got == 1);
			tp_flow_unref(f);
		}
		stop(x);
	}
	/* revoked; and a list that revokes another */
	for (int revoked = 0; revoked < 2; revoked++) {
		struct world *x = start((struct tp_tls_conf){ 0 }, (struct tp_tls_conf){ 0 });
		struct pki_spec spec = server_spec;
		spec.serial = 77;
		identity(x, &x->srv, "P-256", spec);
		spec.serial = revoked ? 77 : 78;
		EVP_PKEY *k = pki_key("P-256");
		X509 *victim = pki_cert(&spec, k, x->ca, x->ca_key);
		X509_CRL *crl = pki_crl(x->ca, x->ca_key, victim);
		trust(&x->cli, x->ca, crl);
		if (revoked) {
			refused(x, "pbx.test", "revoked");
		} else {
			struct tp_flow *f = call(x, "pbx.test");
			say(f, "good");
			UNTIL(x, x->srv.got == 1);
			tp_flow_unref(f);
		}
		X509_CRL_free(crl);
		X509_free(victim);
		EVP_PKEY_free(k);
		stop(x);
	}
	/* a client without a certificate where one is asked for */
	struct world *x = start(
	    (struct tp_tls_conf){ .client = TP_TLS_CLIENT_REQUIRED }, (struct tp_tls_conf){ 0 });
	identity(x, &x->srv, "P-256", server_spec);
	trust(&x->cli, x->ca, NULL);
	trust(&x->srv, x->ca, NULL);
	struct tp_flow *f = call(x, "pbx.test");
	say(f, "never");
	UNTIL(x, x->down != 0);
	assert_int_equal(x->srv.got, 0);
	tp_flow_unref(f);
	stop(x);
	/* and where it is optional */
	x = start(
	    (struct tp_tls_conf){ .client = TP_TLS_CLIENT_OPTIONAL }, (struct tp_tls_conf){ 0 });
	identity(x, &x->srv, "P-256", server_spec);
	trust(&x->cli, x->ca, NULL);
	trust(&x->srv, x->ca, NULL);
	f = call(x, "pbx.test");
	say(f, "good");
	UNTIL(x, x->srv.got == 1);
	assert_false(tp_tls_peer_is(x->srv.last_flow, "dect.test"));
	tp_flow_unref(f);
	stop(x);
}

/* certd is away, refuses, or the connection dies while it thinks. */
static void keys_elsewhere(void **state)
{
	struct tp_tls_stats st;
	(void)state;

	struct world *x = start((struct tp_tls_conf){ 0 }, (struct tp_tls_conf){ 0 });
	identity(x, &x->srv, "P-256", server_spec);
	trust(&x->cli, x->ca, NULL);
	x->srv.signer.mute = true;
	struct tp_flow *f = call(x, "pbx.test");
	UNTIL(x, x->srv.signer.held);
	tp_flow_kill(f, ERR_LOST, "test");
	UNTIL(x, x->srv.signer.cancelled == 1);
	tp_flow_unref(f);
	/* nobody answers: the time for connecting ends it, on both sides */
	f = call(x, "pbx.test");
	UNTIL(x, x->srv.signer.held);
	UNTIL(x, x->down != 0);
	UNTIL(x, x->srv.signer.cancelled == 2);
	tp_flow_unref(f);
	x->srv.signer.mute = false;
	x->srv.signer.broken = true;
	f = call(x, "pbx.test");
	UNTIL(x, x->down != 0);
	tp_tls_get_stats(x->srv.tls, &st);
	assert_int_equal(st.no_key, 1);
	tp_flow_unref(f);
	x->srv.signer.broken = false;
	f = call(x, "pbx.test");
	say(f, "good");
	UNTIL(x, x->srv.got == 1);
	/* ends with one in flight */
	x->srv.signer.mute = true;
	struct tp_flow *g = call(x, "other.test");
	UNTIL(x, x->srv.signer.held);
	tp_flow_unref(g);
	tp_flow_unref(f);
	stop(x);
}

/* An OpenSSL client of old: TLS 1.0 or RSA key exchange. Returns whether the handshake came to its end. */
static bool old_client(struct world *x, int version, const char *ciphers)
{
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	SSL *ssl;
	int r = 0;

	SSL_CTX_set_security_level(c, 0);
	SSL_CTX_set_min_proto_version(c, version);
	SSL_CTX_set_max_proto_version(c, version);
	assert_int_equal(SSL_CTX_set_cipher_list(c, ciphers), 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&x->bound, sizeof(struct sockaddr_in)), 0);
	struct timeval tv = { .tv_usec = 20000 };
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	ssl = SSL_new(c);
	SSL_set_fd(ssl, fd);
	for (int i = 0; i < 100; i++) {
		ERR_clear_error();
		r = SSL_connect(ssl);
		if (r == 1 || SSL_get_error(ssl, r) != SSL_ERROR_WANT_READ)
			break;
		spin(x, 2);
	}
	ERR_clear_error();
	SSL_free(ssl);
	SSL_CTX_free(c);
	close(fd);
	spin(x, 20);
	return r == 1;
}

static void legacy(void **state)
{
	static const char *const here[] = { "127.0.0.1" };
	(void)state;

	for (int on = 0; on < 2; on++) {
		struct world *x =
		    start((struct tp_tls_conf){ .legacy = here, .nlegacy = on ? 1 : 0 },
		        (struct tp_tls_conf){ 0 });
		identity(x, &x->srv, "RSA-2048", server_spec);
		x->srv.signer.late_ms = 5;
		assert_int_equal(
		    old_client(x, TLS1_VERSION, "ECDHE-RSA-AES128-SHA:@SECLEVEL=0"), on);
		assert_int_equal(old_client(x, TLS1_2_VERSION, "AES128-SHA:@SECLEVEL=0"), on);
		assert_true(old_client(x, TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256"));
		stop(x);
	}
}

static void garbage(void **state)
{
	struct world *x = start((struct tp_tls_conf){ 0 }, (struct tp_tls_conf){ 0 });
	struct tp_stats st;
	(void)state;

	identity(x, &x->srv, "P-256", server_spec);
	trust(&x->cli, x->ca, NULL);
	srand(7);
	for (int i = 0; i < 60; i++) {
		uint8_t junk[600];
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(
		    connect(fd, (struct sockaddr *)&x->bound, sizeof(struct sockaddr_in)), 0);
		for (size_t k = 0; k < sizeof(junk); k++)
			junk[k] = (uint8_t)rand();
		if (i % 3 == 0) /* begins like a ClientHello */
			memcpy(junk, (uint8_t[]){ 22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3 }, 11);
		if (i % 3 == 1)
			memcpy(junk, "OPTIONS sip:a SIP/2.0\r\n", 23);
		assert_true(send(fd, junk, sizeof(junk), MSG_NOSIGNAL) > 0);
		spin(x, 3);
		close(fd);
	}
	spin(x, 50);
	tp_get_stats(x->srv.tp, &st);
	assert_int_equal(st.flows, 0);
	assert_int_equal(x->srv.got, 0);
	struct tp_flow *f = call(x, "pbx.test");
	say(f, "good");
	UNTIL(x, x->srv.got == 1);
	tp_flow_unref(f);
	stop(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mutual),
		cmocka_unit_test(held),
		cmocka_unit_test(names),
		cmocka_unit_test(chains),
		cmocka_unit_test(keys_elsewhere),
		cmocka_unit_test(legacy),
		cmocka_unit_test(garbage),
	};

	log_set_level(LOG_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
