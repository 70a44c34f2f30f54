#ifndef SIPD_TP_TLS_H
#define SIPD_TP_TLS_H
#include "sipd/key_provider.h"
#include <openssl/x509.h>
#include "sipd/tp.h"

/* TLS for the transports (RFC 3261 26.3, RFC 5922, RFC 5923): the filter of tp.h. TLS 1.2 and 1.3; private keys are
 * elsewhere (key_provider.h), so a handshake may pause. Peers that we call are proven by their name, peers that call us by
 * their certificate when they have, or must have, one.
 *
 * LYNC: peers in the legacy list may speak TLS 1.0 and 1.1 and RSA key exchange, which OpenSSL's default refuses. */
struct tp_tls;
enum tp_tls_client { TP_TLS_CLIENT_NONE, TP_TLS_CLIENT_OPTIONAL, TP_TLS_CLIENT_REQUIRED };
#define TP_TLS_LEGACY_MAX 16

struct tp_tls_conf {
	bool insecure;             /* certificates of those whom we call are not looked at */
	enum tp_tls_client client; /* of those who call us */
	const char *const *legacy; /* host names (those we call) and addresses (both); copied */
	unsigned nlegacy;
};
/* backend, ctx: of the private keys; outlive it. ERR_CRYPTO. */
int tp_tls_new(const struct tp_tls_conf *conf, const struct key_backend *backend, void *ctx,
    struct tp_tls **out) MUST_CHECK;
/* After tp_free. NULL is fine. */
void tp_tls_free(struct tp_tls *t);
void tp_tls_reconf(struct tp_tls *t, const struct tp_tls_conf *conf);
/* While held, connections wait with their handshake for it to be over, or for their own time: what we are and whom we believe
 * are not known yet. Not held at first. */
void tp_tls_hold(struct tp_tls *t, bool hold);
/* Our certificate, leaf first, DER; n = 0: none. For connections that begin from now on. ERR_SYNTAX, ERR_UNSUPP (a key
 * type that we do not do), ERR_CRYPTO; on error things stay as they were. */
int tp_tls_set_identity(struct tp_tls *t, const struct slice *der, unsigned n) MUST_CHECK;
/* Who is believed: PEM, certificates then revocation lists. ERR_SYNTAX: nothing usable in it. Replaces all. */
int tp_tls_set_trust(
    struct tp_tls *t, struct slice pem, unsigned *certificates, unsigned *crls) MUST_CHECK;
/* What we are and whom we believe, for checks; NULL: nothing. Borrowed. */
const STACK_OF(X509) * tp_tls_identity(const struct tp_tls *t);
X509_STORE *tp_tls_trust(const struct tp_tls *t);
extern const struct tp_filter_ops tp_tls_ops; /* ctx: struct tp_tls */

/* Does the proven certificate of the peer speak for this name? false for flows without one. */
bool tp_tls_peer_is(const struct tp_flow *f, const char *name);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384 CN=pbx.example.test" */
void tp_tls_text(const struct tp_flow *f, char *out, size_t cap);

struct tp_tls_stats {
	uint64_t ok, failed, bad_name, bad_chain, revoked, no_key;
	uint32_t live;
};
void tp_tls_get_stats(const struct tp_tls *t, struct tp_tls_stats *out);
#endif
