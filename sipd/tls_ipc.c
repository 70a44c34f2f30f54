/* TLS and certd: what we are, whom we believe, and signatures that are made there. */
#include "sipd/tls.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cert.pb-c.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/ms.h"
#include "sipd/reg.h"

#define SIGN_MS   1000
#define AGAIN_MS  3000
#define TRUST_MAX (8u << 20)

struct tls {
	struct sipd *s;
	struct tp_tls *t;
	struct list ops; /* private-key operations */
	struct tmr again;
	bool identity, trust, asking;
	bool told_identity, told_trust; /* certd has answered, whatever it was */
	uint8_t leaf[EVP_MAX_MD_SIZE];  /* digest of our certificate; zeros: none yet */
	uint64_t trust_version;
};

/* A private-key operation: waits for certd, or for its answer. */
struct op {
	struct list node;
	struct tls *tls;
	struct key_wait *w;
	bool sent;
};

static void drop_op(struct op *o)
{
	o->w->backend = NULL;
	list_remove(&o->node);
	free(o);
}

static void finish(struct op *o, int err, const void *out, size_t n)
{
	struct key_wait *w = o->w;

	drop_op(o);
	key_done(w, err, out, n);
}

static void on_signature(void *ctx, int err, struct ipc_msg *m)
{
	struct op *o = ctx;

	if (err) {
		log_ev(LOG_WARNING, "certd did not make a signature", F_ERR(err),
		    F_STR("IPDECT_WHY", m ? m->text : SLICE_LIT("")));
		finish(o, err, NULL, 0);
		return;
	}
	const Cert__Signature *r = IPC_BODY(m, Cert__Signature);
	finish(o, 0, r->signature.data, r->signature.len);
}

static void on_decrypted(void *ctx, int err, struct ipc_msg *m)
{
	struct op *o = ctx;

	if (err) {
		log_ev(LOG_WARNING, "certd did not decrypt", F_ERR(err),
		    F_REMEDY("RSA key exchange must be allowed in certd for old peers"));
		finish(o, err, NULL, 0);
		return;
	}
	const Cert__Decrypted *r = IPC_BODY(m, Cert__Decrypted);
	finish(o, 0, r->data.data, r->data.len);
}

/* Numbers of the provider and of the interface are kept apart on purpose: the one is code, the other a protocol. */
static Cert__Hash hash_of(enum key_hash h)
{
	static const Cert__Hash map[] = {
		[KEY_HASH_NONE] = CERT__HASH__HASH_NONE,
		[KEY_SHA1] = CERT__HASH__HASH_SHA1,
		[KEY_SHA256] = CERT__HASH__HASH_SHA256,
		[KEY_SHA384] = CERT__HASH__HASH_SHA384,
		[KEY_SHA512] = CERT__HASH__HASH_SHA512,
		[KEY_MD5_SHA1] = CERT__HASH__HASH_MD5_SHA1,
	};

	return map[h];
}

static int send_op(struct op *o, struct ipc_peer *certd)
{
	struct key_op *k = &o->w->op;

	o->sent = true;
	if (k->scheme == KEY_RSA_TLS_DECRYPT) {
		Cert__Decrypt d = CERT__DECRYPT__INIT;
		d.key = (ProtobufCBinaryData){ sizeof(k->id), k->id };
		d.data = (ProtobufCBinaryData){ k->nin, k->in };
		d.has_tls_premaster = d.tls_premaster = 1;
		d.has_client_version = 1;
		d.client_version = k->client_version;
		d.has_alt_version = k->alt_version != 0;
		d.alt_version = k->alt_version;
		return ipc_request(certd, IPC_IF_CERT, CERT__TYPE__CERT_DECRYPT, &d.base,
		    &cert__decrypted__descriptor, SIGN_MS, on_decrypted, o);
	}
	Cert__Sign s = CERT__SIGN__INIT;
	s.key = (ProtobufCBinaryData){ sizeof(k->id), k->id };
	s.data = (ProtobufCBinaryData){ k->nin, k->in };
	s.scheme = k->scheme == KEY_RSA_PKCS1 ? CERT__SCHEME__SCHEME_RSA_PKCS1
	           : k->scheme == KEY_RSA_PSS ? CERT__SCHEME__SCHEME_RSA_PSS
	                                      : CERT__SCHEME__SCHEME_ECDSA;
	s.hash = hash_of(k->hash);
	return ipc_request(certd, IPC_IF_CERT, CERT__TYPE__CERT_SIGN, &s.base,
	    &cert__signature__descriptor, SIGN_MS, on_signature, o);
}

static void key_start(void *ctx, struct key_wait *w)
{
	struct tls *t = ctx;
	struct ipc_peer *certd = ipc_find(t->s->d->ipc, IPC_CERTD, 0);
	struct op *o = mem_new(sizeof(*o));
	int err;

	o->tls = t;
	o->w = w;
	w->backend = o;
	list_append(&t->ops, &o->node);
	if (!certd)
		return; /* when it comes back, if the handshake still waits then */
	err = send_op(o, certd);
	if (err)
		finish(o, err, NULL, 0);
}

static void key_cancel(void *ctx, struct key_wait *w)
{
	struct tls *t = ctx;

	if (!w->backend)
		return;
	ipc_forget(t->s->d->ipc, w->backend);
	drop_op(w->backend);
}

static const struct key_backend backend = { key_start, key_cancel };

/* ---- what certd knows ---- */

static void retry(struct tls *t)
{
	tmr_start(&t->again, AGAIN_MS);
}

/* Until then connections wait: one that was made while sipd starts would find nobody trusted. */
static void told(struct tls *t)
{
	if (t->told_identity && t->told_trust)
		tp_tls_hold(t->t, false);
}

static void on_trust(void *ctx, int err, struct ipc_msg *m)
{
	struct tls *t = ctx;
	unsigned certs, crls;
	struct stat st;

	if (err || m->fds[0] < 0) {
		log_ev(LOG_WARNING, "certd did not tell whom to trust", F_ERR(err));
		if (err != ERR_LOST)
			retry(t);
		return;
	}
	const Cert__Trust *r = IPC_BODY(m, Cert__Trust);
	if (t->trust && r->version == t->trust_version)
		return;
	t->told_trust = true;
	if (fstat(m->fds[0], &st) || st.st_size < 0 || st.st_size > (off_t)TRUST_MAX) {
		log_ev(LOG_ERR, "the trust bundle of certd is too large");
		told(t);
		return;
	}
	if (st.st_size == 0) {
		err = tp_tls_set_trust(t->t, SLICE_LIT(""), &certs, &crls);
	} else {
		void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, m->fds[0], 0);
		if (p == MAP_FAILED) {
			t->told_trust = t->trust;
			retry(t);
			return;
		}
		err =
		    tp_tls_set_trust(t->t, (struct slice){ p, (size_t)st.st_size }, &certs, &crls);
		(void)munmap(p, (size_t)st.st_size);
	}
	if (err) {
		log_ev(LOG_ERR, "the trust bundle of certd cannot be read", F_ERR(err));
		told(t);
		return;
	}
	t->trust = true;
	t->trust_version = r->version;
	if (t->s->regs)
		regs_ask_again(t->s->regs);
	log_ev(LOG_NOTICE, "trust taken over", F_U64("IPDECT_CERTIFICATES", certs),
	    F_U64("IPDECT_CRLS", crls));
	told(t);
}

static void on_identity(void *ctx, int err, struct ipc_msg *m)
{
	struct tls *t = ctx;
	struct slice der[8];
	unsigned n = 0;

	t->asking = false;
	if (err == ERR_NOTFOUND) {
		t->identity = false;
		(void)!tp_tls_set_identity(t->t, NULL, 0);
		log_ev(tls_used(t->s) ? LOG_WARNING : LOG_INFO, "we have no certificate",
		    F_REMEDY("dectctl cert import, or dectctl cert csr for a request"));
		t->told_identity = true;
		told(t);
		return;
	}
	if (err) {
		if (err != ERR_LOST)
			retry(t);
		return;
	}
	t->told_identity = true;
	const Cert__Identity *r = IPC_BODY(m, Cert__Identity);
	for (size_t i = 0; i < r->n_chain && n < ARRAY_LEN(der); i++)
		der[n++] = (struct slice){ (const char *)r->chain[i].data, r->chain[i].len };
	err = n ? tp_tls_set_identity(t->t, der, n) : ERR_SYNTAX;
	if (err) {
		log_ev(LOG_ERR, "our certificate cannot be used", F_TEXT("IPDECT_NAME", r->name),
		    F_ERR(err), F_REMEDY("RSA and EC keys on P-256, P-384 and P-521 are known"));
		told(t);
		return;
	}
	t->identity = true;
	uint8_t leaf[EVP_MAX_MD_SIZE] = { 0 };
	if (EVP_Digest(der[0].p, der[0].n, leaf, NULL, EVP_sha256(), NULL) == 1 &&
	    memcmp(leaf, t->leaf, sizeof(leaf)) != 0) {
		memcpy(t->leaf, leaf, sizeof(leaf));
		ms_identity_changed(t->s);
	}
	if (t->s->regs)
		regs_ask_again(t->s->regs);
	log_ev(LOG_NOTICE, "certificate taken over", F_TEXT("IPDECT_NAME", r->name),
	    F_TEXT("IPDECT_TYPE", r->key_type ? r->key_type : ""));
	told(t);
}

static void ask(struct tls *t)
{
	struct ipc_peer *certd = ipc_find(t->s->d->ipc, IPC_CERTD, 0);
	Cert__IdentityGet i = CERT__IDENTITY_GET__INIT;
	Cert__TrustGet g = CERT__TRUST_GET__INIT;

	if (!certd)
		return;
	if (t->s->conf->tls_identity[0])
		i.name = t->s->conf->tls_identity;
	if (ipc_request(certd, IPC_IF_CERT, CERT__TYPE__CERT_IDENTITY, &i.base,
	        &cert__identity__descriptor, 0, on_identity, t) ||
	    ipc_request(certd, IPC_IF_CERT, CERT__TYPE__CERT_TRUST, &g.base,
	        &cert__trust__descriptor, 0, on_trust, t))
		retry(t);
}

static void on_again(struct tmr *t, void *ctx)
{
	(void)t;
	ask(ctx);
}

void tls_certd_up(struct sipd *s)
{
	struct tls *t = s->tls;
	struct ipc_peer *certd = ipc_find(s->d->ipc, IPC_CERTD, 0);

	ask(t);
	LIST_FOREACH(&t->ops, it)
	{
		struct op *o = LIST_ENTRY(it, struct op, node);
		int err = o->sent ? 0 : certd ? send_op(o, certd) : ERR_LOST;
		if (err)
			finish(o, err, NULL, 0);
	}
}

void tls_changed(struct sipd *s)
{
	ask(s->tls);
}

/* ---- life ---- */

static void read_conf(const struct sipd *s, struct tp_tls_conf *c)
{
	*c = (struct tp_tls_conf){ .insecure = s->conf->tls_insecure,
		.client = (enum tp_tls_client)s->conf->tls_client,
		.legacy = (const char *const *)s->conf->tls_legacy.v,
		.nlegacy = (unsigned)s->conf->tls_legacy.n };
}

int tls_start(struct sipd *s)
{
	struct tls *t = mem_new(sizeof(*t));
	struct tp_tls_conf c;
	int err;

	t->s = s;
	list_init(&t->ops);
	tmr_init(&t->again, s->d->wheel, on_again, t);
	read_conf(s, &c);
	err = tp_tls_new(&c, &backend, t, &t->t);
	if (err) {
		free(t);
		log_ev(LOG_ERR, "TLS cannot be set up", F_ERR(err));
		return err;
	}
	s->tls = t;
	tp_tls_hold(t->t, true);
	tp_set_tls(sip_ua_tp(s->ua), &tp_tls_ops, t->t);
	return 0;
}

void tls_reconf(struct sipd *s)
{
	struct tp_tls_conf c;

	read_conf(s, &c);
	tp_tls_reconf(s->tls->t, &c);
	ask(s->tls);
}

void tls_stop(struct sipd *s)
{
	struct tls *t = s->tls;

	if (!t)
		return;
	tmr_stop(&t->again);
	ipc_forget(s->d->ipc, t);
	tp_tls_free(t->t);
	free(t);
	s->tls = NULL;
}

bool tls_ready(const struct sipd *s)
{
	return s->tls && s->tls->identity;
}

bool tls_used(const struct sipd *s)
{
	if (s->conf->transport == TP_TLS)
		return true;
	for (size_t i = 0; i < s->conf->transports.n; i++)
		if (strcmp(s->conf->transports.v[i], "tls") == 0)
			return true;
	for (unsigned i = 0; i < SIPD_PROXIES; i++)
		if (strstr(s->conf->proxy[i].uri, "transport=tls") ||
		    strncmp(s->conf->proxy[i].uri, "sips:", 5) == 0)
			return true;
	return false;
}

struct tp_tls *tls_of(const struct sipd *s)
{
	return s->tls ? s->tls->t : NULL;
}
