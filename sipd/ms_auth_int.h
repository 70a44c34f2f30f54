#ifndef SIPD_MS_AUTH_INT_H
#define SIPD_MS_AUTH_INT_H
#include "sipd/kdc.h"
#include "sipd/ms.h"
#include "sipd/ms_krb.h"

/* Inside of the security associations: ms_auth_ipc.c (life, choice of scheme, NTLM), ms_krb_ipc.c (Kerberos), ms_auth_sign.c
 * (signatures). */
enum ms_scheme { MS_NTLM, MS_KERBEROS };

struct ms_sa {
	enum ms_scheme scheme;
	char *realm, *target, *opaque; /* opaque: NULL until the server has named it */
	unsigned version;
	union {
		struct ms_ntlm_keys ntlm;
		struct ms_krb_keys krb;
	} keys;
	uint32_t sequence; /* Kerberos: of our next signature */
	bool ready;
	uint32_t cnum;
	struct ms_replay seen;
	uint64_t since, life_ms; /* life_ms: when it is to be renewed, from since */
};
struct slice ms_scheme_name(enum ms_scheme s);
struct ms_sa *ms_sa_new(
    enum ms_scheme scheme, struct slice realm, struct slice target, unsigned version);
void ms_sa_free(struct ms_sa *a);
/* The handshake's token is there: it goes with the next REGISTER. */
void ms_token(struct ms_ep *e, struct slice octets);

/* ---- ms_krb_ipc.c ---- */
struct ms_krb; /* handshakes under way, the way to the KDCs */
void ms_krb_start(struct ms *ms);
void ms_krb_stop(struct ms *ms);
void ms_krb_reconf(struct ms *ms);
/* Fetches the token for e->next: fn of ms_challenge() is told. fresh: the server refused one. */
void ms_krb_fetch(struct ms_ep *e, bool fresh);
void ms_krb_drop(struct ms_ep *e); /* without telling */
/* It came (0: e->next is ready and e->token set), or not: e->said has the words. */
void ms_krb_came(struct ms_ep *e, int err);
#endif
