#ifndef CERTD_RFP_KEY_H
#define CERTD_RFP_KEY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "certd/store.h"

/* Link keys of base stations (rfp-link 4.4): the 64-octet RFPA of each, the root password hash of a former
 * controller. A base has at most two: the pinned one, which it has proven, and one that was sent to it. */
#define RFP_KEY_A    64
#define RFP_KEY_SUB  56
#define RFP_KEY_ROOT 32 /* longest root hash */

struct rfp_subkeys {
	uint8_t to_rfp[RFP_KEY_SUB], from_rfp[RFP_KEY_SUB];
};
struct rfp_keys {
	bool has_pinned, has_pending;
	struct rfp_subkeys pinned, pending;
};

/* mac: 6 octets. The caller wipes out. */
int rfp_key_get(struct store *s, const uint8_t mac[6], struct rfp_keys *out) MUST_CHECK;
/* A new pending key; message is the payload of SYS_RFP_AUTH_KEY: the key in clear. */
int rfp_key_enrol(
    struct store *s, const uint8_t mac[6], struct rfp_subkeys *sub, uint8_t message[64]) MUST_CHECK;
/* A new pending key; message is the payload of SYS_RFP_RE_ENROLEMENT for this SYS_AUTHENTICATE payload.
 * ERR_NOTFOUND: no root hash is known for the base. */
int rfp_key_re_enrol(struct store *s, const uint8_t mac[6], const uint8_t authenticate[32],
    struct rfp_subkeys *sub, uint8_t message[96]) MUST_CHECK;
/* The pending key is proven. 0 also when only a pinned one exists; ERR_NOTFOUND: none. */
int rfp_key_confirm(struct store *s, const uint8_t mac[6]) MUST_CHECK;
int rfp_key_forget(struct store *s, const uint8_t mac[6]) MUST_CHECK;
int rfp_key_import(struct store *s, const uint8_t mac[6], struct slice rfpa) MUST_CHECK;
/* mac all zero: for every base without one of its own. At most RFP_KEY_ROOT octets, "$1$$…". */
int rfp_key_root(struct store *s, const uint8_t mac[6], struct slice hash) MUST_CHECK;

/* The pure part of rfp_key_re_enrol(). ERR_CRYPTO. */
int rfp_key_wrap(const uint8_t rfpa[64], const uint8_t authenticate[32], struct slice root,
    uint8_t message[96]) MUST_CHECK;
void rfp_key_split(const uint8_t rfpa[64], struct rfp_subkeys *out);
#endif
