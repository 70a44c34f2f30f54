#ifndef CERTD_KRB_H
#define CERTD_KRB_H
#include <stdbool.h>
#include <stdint.h>

#include "certd/store.h"
#include "common/tmr.h"

/* Kerberos for users whose password or keytab is in the store: tickets of the KDC by libkrb5's step interface (messages go
 * through whoever has a network), and the AP-REQ for a SIP server (MS-SIPAE, RFC 4121 4.1, RFC 1964 1.1). Tickets are kept
 * in memory, at most KRB_CACHE octets of them, for as long as the secret that they were made with stands. */
#define KRB_SESSIONS   256         /* exchanges with KDCs at once */
#define KRB_SESSION_MS 30000       /* one waits so long for the next message */
#define KRB_CACHE      (16u << 20) /* octets of tickets; the oldest go first */
#define KRB_MESSAGE    64000       /* octets of a message, either way */
#define KRB_ROUNDS     24          /* messages of one exchange */
#define KRB_KEY        32

struct krb;
struct krb_ask {
	struct slice credential, username, realm, service; /* see KrbStart */
	bool fresh;
};
/* Either to_kdc, or a token. Slices live until the next call. */
struct krb_step {
	uint64_t handle;
	struct slice to_kdc, realm;
	bool tcp;
	struct slice token;
	uint16_t enctype;
	uint8_t key[KRB_KEY]; /* the caller wipes */
	size_t nkey;
	uint32_t sequence, left_s;
	int32_t kdc_ahead_s;
};
struct krb *krb_new(struct store *store, struct tmr_wheel *wheel);
void krb_free(struct krb *k);
void krb_configure(struct krb *k, bool rc4);
/* Begins. Errors as KrbStart says, in words in why. */
int krb_begin(
    struct krb *k, const struct krb_ask *a, struct krb_step *out, char *why, size_t cap) MUST_CHECK;
/* Goes on with the KDC's answer; NULL: there was none. */
int krb_go_on(struct krb *k, uint64_t handle, const struct slice *answer, struct krb_step *out,
    char *why, size_t cap) MUST_CHECK;
void krb_drop(struct krb *k, uint64_t handle); /* nobody waits for it any more */
void krb_forget(struct krb *k);                /* all exchanges; tickets stay */
/* Whose exchange it is. Empty: nobody's (any more). */
struct slice krb_who(const struct krb *k, uint64_t handle);
struct krb_figures {
	uint32_t sessions, tickets;
	size_t octets;
};
struct krb_figures krb_figures(const struct krb *k);
#endif
