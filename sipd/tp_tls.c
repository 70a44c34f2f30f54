/* TLS between sockets and framing: contexts, handshakes that wait for their key, the peer's name. */
#include "sipd/tp_tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/tp_tls_peer.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/* TLS 1.2 with forward secrecy and AEAD only. LEGACY also RSA key exchange and CBC, TLS 1.0 and 1.1. */
#define CIPHERS        "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:ECDHE+AES:!aNULL:!MD5:!DSS"
#define CIPHERS_LEGACY "ALL:!aNULL:!eNULL:!EXPORT:!DES:!RC4:!MD5:!PSK:!SRP:@SECLEVEL=0"
#define CHUNK          16384
#define DEPTH_MAX      6
#define HELD_MAX       32768 /* octets of a handshake that waits; a ClientHello is shorter */

enum { CLIENT, SERVER, CLIENT_LEGACY, SERVER_LEGACY, NCTX };

struct tp_tls {
	struct key_store *keys;
	struct tp_tls_conf conf;
	char *legacy[TP_TLS_LEGACY_MAX];
	struct addr seen[32]; /* addresses behind legacy names that we called */
	unsigned nseen, nlegacy;
	SSL_CTX *ctx[NCTX];
	STACK_OF(X509) * chain; /* ours, leaf first; NULL: none */
	EVP_PKEY *key;
	X509_STORE *trust;
	unsigned ncrl;
	struct tp_tls_stats stats;
	bool held;
	struct list waiting; /* connections that are held */
};

struct conn {
	struct list node; /* waiting; else in itself */
	struct tp_tls *t;
	struct tp_flow *f;
	SSL *ssl; /* NULL: held */
	BIO *in, *out;
	struct key_wait wait;
	bool server, up, busy, dead, failed;
	int verify_err;
};

static int conn_index = -1;

/* ---- contexts ---- */

static struct conn *conn_of(const SSL *ssl)
{
	return SSL_get_ex_data(ssl, conn_index);
}

/* Revocation lists bind where there are some; an issuer without one, or one that is out of date, is no reason to lose
 * all calls. */
static int on_verify(int ok, X509_STORE_CTX *x)
{
	int err = X509_STORE_CTX_get_error(x);
	SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct conn *c = conn_of(ssl);

	if (!ok && (err == X509_V_ERR_UNABLE_TO_GET_CRL || err == X509_V_ERR_CRL_HAS_EXPIRED ||
	               err == X509_V_ERR_CRL_NOT_YET_VALID)) {
		if (err != X509_V_ERR_UNABLE_TO_GET_CRL)
			log_ev(LOG_WARNING, "a revocation list is out of date",
			    F_REMEDY("import a new one: dectctl trust import file=…"));
		X509_STORE_CTX_set_error(x, X509_V_OK);
		return 1;
	}
	if (!ok && c)
		c->verify_err = err;
	return ok;
}

const STACK_OF(X509) * tp_tls_identity(const struct tp_tls *t)
{
	return t->chain;
}

X509_STORE *tp_tls_trust(const struct tp_tls *t)
{
	return t->trust;
}

static SSL_CTX *make_ctx(struct tp_tls *t, bool server, bool legacy)
{
	SSL_CTX *c = SSL_CTX_new_ex(
	    key_store_ctx(t->keys), NULL, server ? TLS_server_method() : TLS_client_method());

	if (!c)
		return NULL;
	if (SSL_CTX_set_min_proto_version(c, legacy ? TLS1_VERSION : TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(c, legacy ? CIPHERS_LEGACY : CIPHERS) != 1) {
		SSL_CTX_free(c);
		return NULL;
	}
	if (legacy)
		SSL_CTX_set_security_level(c, 0);
	/* Connections last for days: resumption would only be something more to get wrong. */
	(void)SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
	                                 SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
	                                 SSL_OP_IGNORE_UNEXPECTED_EOF |
	                                 (legacy ? SSL_OP_LEGACY_SERVER_CONNECT : 0));
	(void)SSL_CTX_set_num_tickets(c, 0);
	(void)SSL_CTX_set_dh_auto(c, 1);
	(void)SSL_CTX_set_mode(c, SSL_MODE_ASYNC | SSL_MODE_ENABLE_PARTIAL_WRITE |
	                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	                              SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify_depth(c, DEPTH_MAX);
	if (t->trust)
		SSL_CTX_set1_cert_store(c, t->trust);
	/* SIP servers show one certificate in both directions; Lync's have the server's purpose only. Which purposes do is
	 * looked at by tls_good_purpose(). */
	(void)SSL_CTX_set_purpose(c, X509_PURPOSE_ANY);
	if (server)
		SSL_CTX_set_verify(c,
		    t->conf.client == TP_TLS_CLIENT_NONE ? SSL_VERIFY_NONE
		    : t->conf.client == TP_TLS_CLIENT_OPTIONAL
		        ? SSL_VERIFY_PEER
		        : SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
		    on_verify);
	else
		SSL_CTX_set_verify(
		    c, t->conf.insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, on_verify);
	if (!t->chain)
		return c;
	if (SSL_CTX_use_certificate(c, sk_X509_value(t->chain, 0)) != 1 ||
	    SSL_CTX_use_PrivateKey(c, t->key) != 1) {
		SSL_CTX_free(c);
		return NULL;
	}
	for (int i = 1; i < sk_X509_num(t->chain); i++)
		(void)SSL_CTX_add1_chain_cert(c, sk_X509_value(t->chain, i));
	return c;
}

static void drop_ctxs(struct tp_tls *t)
{
	for (int i = 0; i < NCTX; i++) {
		SSL_CTX_free(t->ctx[i]);
		t->ctx[i] = NULL;
	}
}

static int make_ctxs(struct tp_tls *t)
{
	SSL_CTX *fresh[NCTX];
	bool ok = true;

	for (int i = 0; i < NCTX; i++) {
		fresh[i] = make_ctx(t, i == SERVER || i == SERVER_LEGACY, i >= CLIENT_LEGACY);
		ok = ok && fresh[i];
	}
	if (!ok) {
		for (int i = 0; i < NCTX; i++)
			SSL_CTX_free(fresh[i]);
		ERR_clear_error();
		return ERR_CRYPTO;
	}
	drop_ctxs(t);
	memcpy(t->ctx, fresh, sizeof(fresh));
	return 0;
}

/* ---- life ---- */

static void set_conf(struct tp_tls *t, const struct tp_tls_conf *c)
{
	for (unsigned i = 0; i < t->nlegacy; i++)
		free(t->legacy[i]);
	t->nlegacy = t->nseen = 0;
	t->conf = *c;
	for (unsigned i = 0; i < c->nlegacy && i < TP_TLS_LEGACY_MAX; i++)
		t->legacy[t->nlegacy++] = mem_str(c->legacy[i]);
	t->conf.legacy = NULL;
}

int tp_tls_new(const struct tp_tls_conf *conf, const struct key_backend *backend, void *ctx,
    struct tp_tls **out)
{
	struct tp_tls *t = mem_new(sizeof(*t));
	int err;

	*out = NULL;
	list_init(&t->waiting);
	if (conn_index < 0)
		conn_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	set_conf(t, conf);
	err = key_store_new(backend, ctx, &t->keys);
	if (!err)
		err = make_ctxs(t);
	if (err) {
		tp_tls_free(t);
		return err;
	}
	*out = t;
	return 0;
}

void tp_tls_free(struct tp_tls *t)
{
	if (!t)
		return;
	drop_ctxs(t);
	sk_X509_pop_free(t->chain, X509_free);
	EVP_PKEY_free(t->key);
	X509_STORE_free(t->trust);
	key_store_free(t->keys);
	for (unsigned i = 0; i < t->nlegacy; i++)
		free(t->legacy[i]);
	free(t);
}

void tp_tls_reconf(struct tp_tls *t, const struct tp_tls_conf *conf)
{
	set_conf(t, conf);
	if (make_ctxs(t))
		log_ev(LOG_ERR, "TLS contexts could not be made anew: the old ones stay");
}

int tp_tls_set_identity(struct tp_tls *t, const struct slice *der, unsigned n)
{
	STACK_OF(X509) *chain = n ? sk_X509_new_null() : NULL, *old_chain = t->chain;
	EVP_PKEY *key = NULL, *old_key = t->key;
	int err = 0;

	for (unsigned i = 0; i < n && !err; i++) {
		const unsigned char *p = (const unsigned char *)der[i].p;
		X509 *x = X509_new_ex(key_store_ctx(t->keys), NULL);
		if (!x || !d2i_X509(&x, &p, (long)der[i].n) || !sk_X509_push(chain, x)) {
			X509_free(x);
			err = ERR_SYNTAX;
		}
	}
	if (!err && n)
		err = key_store_pkey(t->keys, X509_get0_pubkey(sk_X509_value(chain, 0)), &key);
	if (!err) {
		t->chain = chain;
		t->key = key;
		err = make_ctxs(t);
		if (err) {
			t->chain = old_chain;
			t->key = old_key;
		} else {
			chain = old_chain;
			key = old_key;
		}
	}
	sk_X509_pop_free(chain, X509_free);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return err;
}

int tp_tls_set_trust(struct tp_tls *t, struct slice pem, unsigned *certificates, unsigned *crls)
{
	BIO *b = BIO_new_mem_buf(pem.p, (int)pem.n);
	STACK_OF(X509_INFO) *all =
	    b ? PEM_X509_INFO_read_bio_ex(b, NULL, NULL, NULL, key_store_ctx(t->keys), NULL) : NULL;
	X509_STORE *store = X509_STORE_new(), *old = t->trust;
	int err = all && store ? 0 : ERR_SYNTAX;

	*certificates = *crls = 0;
	for (int i = 0; !err && i < sk_X509_INFO_num(all); i++) {
		const X509_INFO *x = sk_X509_INFO_value(all, i);
		if (x->x509 && X509_STORE_add_cert(store, x->x509) == 1)
			++*certificates;
		if (x->crl && X509_STORE_add_crl(store, x->crl) == 1)
			++*crls;
	}
	if (!err && *crls)
		(void)X509_STORE_set_flags(
		    store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	if (!err) {
		t->trust = store;
		err = make_ctxs(t);
		t->trust = err ? old : store;
		store = err ? store : old;
	}
	if (!err)
		t->ncrl = *crls;
	X509_STORE_free(store);
	sk_X509_INFO_pop_free(all, X509_INFO_free);
	BIO_free(b);
	ERR_clear_error();
	return err;
}

/* ---- legacy peers ---- */

static bool listed(const struct tp_tls *t, const char *name)
{
	for (unsigned i = 0; i < t->nlegacy; i++)
		if (name[0] && slice_ieq(slice_str(name), slice_str(t->legacy[i])))
			return true;
	return false;
}

static bool is_legacy(struct tp_tls *t, const struct tp_flow *f, bool server, const char *name)
{
	char ip[TP_IP_CAP];
	struct addr a;

	if (t->nlegacy == 0)
		return false;
	(void)tp_flow_peer(f, ip);
	addr_from_sa(&a, tp_flow_remote(f));
	if (listed(t, ip))
		return true;
	if (!server) {
		if (!listed(t, name))
			return false;
		t->seen[t->nseen++ % ARRAY_LEN(t->seen)] = a;
		return true;
	}
	for (unsigned i = 0; i < t->nseen && i < ARRAY_LEN(t->seen); i++)
		if (addr_same_ip(&t->seen[i], &a))
			return true;
	return false;
}

/* ---- for others ---- */

bool tp_tls_peer_is(const struct tp_flow *f, const char *name)
{
	const struct conn *c = tp_flow_proto(f) == TP_TLS ? tp_flow_filter(f) : NULL;
	X509 *x;
	bool is;

	if (!c || !c->up || SSL_get_verify_result(c->ssl) != X509_V_OK ||
	    (SSL_get_verify_mode(c->ssl) & SSL_VERIFY_PEER) == 0)
		return false;
	x = SSL_get1_peer_certificate(c->ssl);
	is = x && tls_name_is(x, name);
	X509_free(x);
	return is;
}

void tp_tls_text(const struct tp_flow *f, char *out, size_t cap)
{
	const struct conn *c = tp_flow_proto(f) == TP_TLS ? tp_flow_filter(f) : NULL;
	char cn[128] = "no certificate";
	X509 *x;

	out[0] = '\0';
	if (!c || !c->up)
		return;
	x = SSL_get1_peer_certificate(c->ssl);
	if (x)
		(void)X509_NAME_get_text_by_NID(
		    X509_get_subject_name(x), NID_commonName, cn, sizeof(cn));
	X509_free(x);
	(void)snprintf(
	    out, cap, "%s %s CN=%s", SSL_get_version(c->ssl), SSL_get_cipher(c->ssl), cn);
}

void tp_tls_get_stats(const struct tp_tls *t, struct tp_tls_stats *out)
{
	*out = t->stats;
}

/* ---- one connection ---- */

static void destroy(struct conn *c)
{
	/* A fibre that waits for its key gives its memory back in one more call, which fails. */
	if (key_abort(&c->wait)) {
		key_enter(&c->wait);
		(void)(c->up ? SSL_read(c->ssl, &(char){ 0 }, 1) : SSL_do_handshake(c->ssl));
		key_leave();
	}
	ERR_clear_error();
	if (c->ssl) {
		SSL_free(c->ssl);
	} else {
		log_ev(LOG_WARNING,
		    "TLS connection given up: certd did not say what we are and whom we trust",
		    F_REMEDY("dectctl status: certd must run and sipd have its link"));
		BIO_free(c->in);
		BIO_free(c->out);
	}
	list_remove(&c->node);
	c->t->stats.live--;
	free(c);
}

static void flush(struct conn *c)
{
	char buf[CHUNK];
	int n;

	while (!c->dead && (n = BIO_read(c->out, buf, sizeof(buf))) > 0)
		tp_filter_wire(c->f, buf, (size_t)n);
}

static const char *verify_words(struct conn *c)
{
	switch (c->verify_err) {
	case X509_V_ERR_CERT_REVOKED:
		c->t->stats.revoked++;
		return "the peer's certificate is revoked";
	case X509_V_ERR_CERT_HAS_EXPIRED:
		c->t->stats.bad_chain++;
		return "the peer's certificate has expired";
	case X509_V_ERR_CERT_NOT_YET_VALID:
		c->t->stats.bad_chain++;
		return "the peer's certificate is not valid yet";
	default:
		c->t->stats.bad_chain++;
		return "the peer's certificate is not from a trusted authority";
	}
}

static void fail(struct conn *c, int err, const char *why)
{
	char ip[TP_IP_CAP];

	if (c->failed || c->dead)
		return;
	c->failed = true;
	flush(c); /* the alert */
	if (c->dead)
		return;
	(void)tp_flow_peer(c->f, ip);
	if (!c->up)
		c->t->stats.failed++;
	log_ev(c->up || c->server ? LOG_INFO : LOG_NOTICE,
	    c->up ? "TLS connection ended" : "TLS handshake failed", F_PEER(ip),
	    F_TEXT("IPDECT_NAME", tp_flow_name(c->f)), F_WHY(why), F_ERR(err),
	    F_REMEDY("compare trust, names and TLS versions on both sides: dectctl trust list, "
	             "`tls-legacy-peers`"));
	tp_filter_fail(c->f, err, why);
}

static void handshake_failed(struct conn *c)
{
	unsigned long e = ERR_peek_last_error();

	if (c->wait.err) {
		c->t->stats.no_key++;
		fail(c, ERR_AUTH, "certd did not do the private-key operation");
	} else if (c->verify_err) {
		fail(c, ERR_AUTH, verify_words(c));
	} else {
		const char *reason = e ? ERR_reason_error_string(e) : NULL; /* static storage */
		fail(c, ERR_AUTH, reason ? reason : "the peer ended it");
	}
	ERR_clear_error();
}

static bool proven(struct conn *c)
{
	const char *name = tp_flow_name(c->f);
	X509 *x = SSL_get1_peer_certificate(c->ssl);
	const char *why = NULL;

	if (!c->server && !c->t->conf.insecure && (!x || !tls_name_is(x, name))) {
		c->t->stats.bad_name++;
		why = "the peer's certificate is for another name";
	} else if (x && !c->t->conf.insecure && !tls_good_purpose(x)) {
		c->t->stats.bad_chain++;
		why = "the peer's certificate is not for TLS";
	}
	X509_free(x);
	if (why)
		fail(c, ERR_AUTH, why);
	return !why;
}

/* true: go on. */
static bool handshake(struct conn *c)
{
	int r, e;

	do {
		ERR_clear_error();
		key_enter(&c->wait);
		r = SSL_do_handshake(c->ssl);
		key_leave();
		e = SSL_get_error(c->ssl, r);
	} while (r <= 0 && e == SSL_ERROR_WANT_ASYNC && key_submit(&c->wait));
	flush(c);
	if (c->dead)
		return false;
	if (r == 1) {
		if (!proven(c))
			return false;
		c->up = true;
		c->t->stats.ok++;
		/* No operation needs a key from here on. */
		(void)SSL_clear_mode(c->ssl, SSL_MODE_ASYNC);
		tp_filter_up(c->f);
		return !c->dead;
	}
	if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_ASYNC)
		handshake_failed(c);
	return false;
}

static void read_all(struct conn *c)
{
	char buf[CHUNK];

	while (!c->dead && !c->failed) {
		ERR_clear_error();
		int n = SSL_read(c->ssl, buf, sizeof(buf));
		if (n > 0) {
			tp_filter_plain(c->f, buf, (size_t)n);
			continue;
		}
		int e = SSL_get_error(c->ssl, n);
		flush(c); /* answers to key updates */
		if (e == SSL_ERROR_ZERO_RETURN)
			fail(c, ERR_LOST, "the peer closed the TLS session");
		else if (e != SSL_ERROR_WANT_READ)
			fail(c, ERR_CRYPTO, "TLS: record not readable");
		return;
	}
}

/* Goes as far as it can. c may be gone afterwards. */
static void pump(struct conn *c)
{
	if (c->busy)
		return;
	c->busy = true;
	if (!c->up && !c->failed)
		(void)handshake(c);
	if (c->up)
		read_all(c);
	c->busy = false;
	if (c->dead)
		destroy(c);
}

static void on_wake(struct key_wait *w)
{
	pump(w->ctx);
}

static bool has_identity(const struct tp_tls *t, bool server)
{
	if (server && !t->chain) {
		log_ev(LOG_WARNING, "TLS connection refused: no certificate of ours",
		    F_REMEDY("import one: dectctl cert import"));
		return false;
	}
	return true;
}

static void make_ssl(struct conn *c, const char *name)
{
	struct tp_tls *t = c->t;
	bool legacy = is_legacy(t, c->f, c->server, name);

	c->ssl = SSL_new(t->ctx[(c->server ? SERVER : CLIENT) + (legacy ? CLIENT_LEGACY : 0)]);
	BUG_ON(!c->ssl);
	SSL_set_bio(c->ssl, c->in, c->out);
	(void)SSL_set_ex_data(c->ssl, conn_index, c);
	if (c->server) {
		SSL_set_accept_state(c->ssl);
	} else {
		SSL_set_connect_state(c->ssl);
		if (sip_host_kind(slice_str(name)) == SIP_HOST_NAME)
			(void)SSL_set_tlsext_host_name(c->ssl, name);
	}
}

static void *op_open(void *ctx, struct tp_flow *f, bool server, const char *name)
{
	struct tp_tls *t = ctx;
	struct conn *c;

	if (!t->held && !has_identity(t, server))
		return NULL;
	c = mem_new(sizeof(*c));
	list_init(&c->node);
	c->t = t;
	c->f = f;
	c->server = server;
	c->wait.wake = on_wake;
	c->wait.ctx = c;
	t->stats.live++;
	c->in = BIO_new(BIO_s_mem());
	c->out = BIO_new(BIO_s_mem());
	BUG_ON(!c->in || !c->out);
	(void)BIO_set_mem_eof_return(c->in, -1);
	(void)BIO_set_mem_eof_return(c->out, -1);
	if (t->held)
		list_append(&t->waiting, &c->node);
	else
		make_ssl(c, name);
	return c;
}

void tp_tls_hold(struct tp_tls *t, bool hold)
{
	t->held = hold;
	while (!hold && !list_empty(&t->waiting)) {
		struct conn *c = LIST_ENTRY(t->waiting.next, struct conn, node);
		bool can = has_identity(t, c->server);

		list_remove(&c->node);
		make_ssl(c, tp_flow_name(c->f));
		if (can)
			pump(c);
		else
			fail(c, ERR_AUTH, "we have no certificate");
	}
}

static int op_start(void *st)
{
	struct conn *c = st;

	if (c->ssl)
		pump(c);
	return 0;
}

static int op_wire_in(void *st, const uint8_t *p, size_t n)
{
	struct conn *c = st;

	if (c->failed)
		return 0;
	if (!c->ssl && BIO_ctrl_pending(c->in) + n > HELD_MAX)
		return ERR_LIMIT;
	if (BIO_write(c->in, p, (int)n) != (int)n)
		return ERR_CRYPTO;
	if (c->ssl)
		pump(c);
	return 0;
}

static int op_plain_out(void *st, const uint8_t *p, size_t n)
{
	struct conn *c = st;
	bool nested = c->busy;
	int err = 0;

	if (!c->up || c->failed)
		return ERR_STATE;
	c->busy = true; /* the socket may break while we write */
	while (n && !err) {
		ERR_clear_error();
		int w = SSL_write(c->ssl, p, (int)(n > CHUNK ? CHUNK : n));
		if (w <= 0) {
			err = ERR_CRYPTO;
			break;
		}
		p += w;
		n -= (size_t)w;
	}
	flush(c);
	err = c->dead ? ERR_LOST : err;
	c->busy = nested;
	if (!nested && c->dead)
		destroy(c);
	return err;
}

static void op_shut(void *st)
{
	struct conn *c = st;

	if (!c->up || c->failed)
		return;
	(void)SSL_shutdown(c->ssl);
	flush(c);
	ERR_clear_error();
}

static void op_free(void *st)
{
	struct conn *c = st;

	c->dead = true;
	if (!c->busy)
		destroy(c);
}

const struct tp_filter_ops tp_tls_ops = {
	.open = op_open,
	.start = op_start,
	.wire_in = op_wire_in,
	.plain_out = op_plain_out,
	.shut = op_shut,
	.free = op_free,
};
