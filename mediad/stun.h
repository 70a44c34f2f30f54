#ifndef MEDIAD_STUN_H
#define MEDIAD_STUN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/err.h"
#include "common/slice.h"
#include "common/wr.h"

/* STUN messages: RFC 8489 (and RFC 5389, the same on the wire), the STUN-02 form of MS-ICE2 and MS-TURN, the
 * older one of MS-ICE (RFC 3489). Pure: octets in, structure out, and the other way. All numbers in network order on
 * the wire, in host order here.
 *
 * The forms differ in how attribute values are padded and in what the HMAC covers (ms-media 5.3, 8.1):
 *	            padding                        HMAC text                                length field while hashing
 *	STUN_RFC    outside the attribute length   up to MESSAGE-INTEGRITY                  up to its end
 *	STUN_MSICE  zeros inside the length        the same, zero-filled to 64n octets      final
 *	STUN_MSTURN none: attributes unaligned     the same, zero-filled to 64n octets      final
 *	STUN_3489   as STUN_MSICE, but 16 random octets for an id, no FINGERPRINT, names that are octets */
enum stun_form { STUN_RFC, STUN_MSICE, STUN_MSTURN, STUN_3489 };

#define STUN_HEAD   20u
#define STUN_COOKIE 0x2112a442u
#define STUN_MAX    600u /* octets of any message we build without DATA */

/* Types as 16-bit words. 0x0115 of MS-TURN looks like an error response and is an indication. */
enum {
	STUN_BINDING = 0x0001,
	STUN_BINDING_IND = 0x0011,
	STUN_BINDING_OK = 0x0101,
	STUN_BINDING_ERR = 0x0111,
	STUN_ALLOCATE = 0x0003,
	STUN_ALLOCATE_OK = 0x0103,
	STUN_ALLOCATE_ERR = 0x0113,
	STUN_REFRESH = 0x0004, /* RFC 8656 */
	STUN_REFRESH_OK = 0x0104,
	STUN_REFRESH_ERR = 0x0114,
	STUN_MS_SEND = 0x0004, /* MS-TURN */
	STUN_MS_DATA = 0x0115,
	STUN_MS_ACTIVE = 0x0006, /* Set Active Destination */
	STUN_MS_ACTIVE_OK = 0x0106,
	STUN_MS_ACTIVE_ERR = 0x0116,
	STUN_SEND_IND = 0x0016, /* RFC 8656 */
	STUN_DATA_IND = 0x0017,
	STUN_PERMIT = 0x0008, /* CreatePermission */
	STUN_PERMIT_OK = 0x0108,
	STUN_PERMIT_ERR = 0x0118,
	STUN_CHANNEL = 0x0009, /* ChannelBind */
	STUN_CHANNEL_OK = 0x0109,
	STUN_CHANNEL_ERR = 0x0119,
};
enum {
	STUN_A_MAPPED = 0x0001,
	STUN_A_USERNAME = 0x0006,
	STUN_A_INTEGRITY = 0x0008,
	STUN_A_ERROR = 0x0009,
	STUN_A_UNKNOWN = 0x000a,
	STUN_A_CHANNEL = 0x000c,
	STUN_A_LIFETIME = 0x000d,
	STUN_A_MS_ALTERNATE = 0x000e,
	STUN_A_MS_COOKIE = 0x000f,
	STUN_A_PEER = 0x0012, /* RFC 8656: XOR-PEER-ADDRESS */
	STUN_A_MS_DESTINATION = 0x0011,
	STUN_A_MS_REMOTE = 0x0012, /* not XORed */
	STUN_A_DATA = 0x0013,
	STUN_A_REALM = 0x0014, /* MS-TURN: NONCE */
	STUN_A_NONCE = 0x0015, /* MS-TURN: REALM */
	STUN_A_RELAYED = 0x0016,
	STUN_A_TRANSPORT = 0x0019,
	STUN_A_XOR_MAPPED = 0x0020,
	STUN_A_PRIORITY = 0x0024,
	STUN_A_USE_CANDIDATE = 0x0025,
	STUN_A_MS_VERSION = 0x8008,
	STUN_A_MS_XOR_MAPPED = 0x8020,
	STUN_A_ALTERNATE = 0x8023,
	STUN_A_FINGERPRINT = 0x8028,
	STUN_A_CONTROLLED = 0x8029,
	STUN_A_CONTROLLING = 0x802a,
	STUN_A_MS_SEQUENCE = 0x8050,
	STUN_A_MS_CANDIDATE = 0x8054, /* CANDIDATE-IDENTIFIER */
	STUN_A_MS_QUALITY = 0x8055,
	STUN_A_MS_IMPL = 0x8070, /* IMPLEMENTATION-VERSION */
};

/* Octets 4-19 of a message: cookie and transaction id. */
struct stun_id {
	uint8_t b[16];
};

struct stun_msg {
	const uint8_t *p; /* the message; slices point into it */
	size_t n;
	uint16_t type;
	struct stun_id id;
	uint16_t integrity_at, fingerprint_at; /* offsets of the attributes; 0: not there */
	struct slice username, realm, nonce, data, candidate;
	/* No family: not there. mapped: the XOR form, else plain. */
	struct addr mapped, relayed, peer, alternate, plain;
	uint64_t tie;
	uint32_t priority, lifetime, impl, sequence;
	uint8_t connection[20];  /* MS-TURN */
	uint16_t error, channel; /* 0: not there */
	bool use_candidate, has_priority, controlling, controlled, has_impl, has_lifetime,
	    has_sequence, has_cookie;
	uint16_t unknown[4]; /* comprehension-required ones that we do not know */
	uint8_t nunknown;
};

/* Can this datagram be STUN of this form? RTP and RTCP begin with bits 10, ChannelData with 01. */
bool stun_is(const uint8_t *p, size_t n);
/* ERR_TRUNCATED, ERR_SYNTAX: not a message of this form. Attributes after FINGERPRINT, and others than it after
 * MESSAGE-INTEGRITY, are ignored. STUN_MSICE reads both paddings of ICE. Where an attribute occurs twice, the first
 * counts. */
int stun_parse(const uint8_t *p, size_t n, enum stun_form form, struct stun_msg *out) MUST_CHECK;

enum stun_fp {
	STUN_FP_NONE,
	STUN_FP_GOOD,
	STUN_FP_FAULTY,
	STUN_FP_BAD
}; /* faulty: LYNC, ms-media 5.4 */
enum stun_fp stun_fingerprint(const struct stun_msg *m);
/* MESSAGE-INTEGRITY is there and right under this key. */
bool stun_verify(const struct stun_msg *m, enum stun_form form, const void *key, size_t n);
/* Long-term key: MD5(user ":" realm ":" password). */
void stun_long_key(struct slice user, struct slice realm, struct slice password, uint8_t key[16]);

struct stun_w {
	struct wr w;
	enum stun_form form;
};
struct stun_w stun_begin(
    void *buf, size_t cap, enum stun_form form, uint16_t type, const struct stun_id *id);
void stun_put(struct stun_w *w, uint16_t attr, const void *value, size_t n);
void stun_put_u32(struct stun_w *w, uint16_t attr, uint32_t v);
void stun_put_u64(struct stun_w *w, uint16_t attr, uint64_t v);
void stun_put_addr(struct stun_w *w, uint16_t attr, const struct addr *a, bool xor);
void stun_put_error(struct stun_w *w, unsigned code, const char *text);
/* MESSAGE-INTEGRITY (key NULL: none) and FINGERPRINT. Octets of the message; 0 when it did not fit. */
size_t stun_end(struct stun_w *w, const void *key, size_t n, enum stun_fp fp);
/* A transaction id for something we send: the cookie and 12 random octets. */
struct stun_id stun_new_id(void);
struct stun_id stun_old_id(void); /* STUN_3489: 16 random octets */
#endif
