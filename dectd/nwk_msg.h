#ifndef DECTD_NWK_MSG_H
#define DECTD_NWK_MSG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"
#include "common/wr.h"

/* Messages of the network layer in S-format (EN 300 175-5 7): octet 1 transaction identifier and protocol
 * discriminator, octet 2 message type, then information elements. Parsing is pure, bounded and never changes the
 * input; what it gives points into it. Elements are decoded one by one with nwk_ie.h.
 *
 * To read:    struct nwk_msg m; if (nwk_parse(p, n, NWK_FROM_PP, &m) == 0) … ie_portable_of(&m, &id) …
 * To write:   uint8_t buf[NWK_MAX]; struct wr w = wr_of(buf, sizeof(buf));
 *             nwk_head(&w, NWK_MM, true, 0, MM_LOCATE_ACCEPT); ie_portable_put(&w, …); … lce_send(link, &w)
 *             Elements go in ascending order of identifier (exceptions: EN 300 175-5 6.3; nwk_check tells). */

#define NWK_MAX    1024 /* octets of a message that we build or accept */
#define NWK_IE_MAX 40   /* elements of a message that are looked at */
#define NWK_FRAME  63   /* a message of up to this fits one LAPC frame */

enum nwk_pd { NWK_LCE = 0, NWK_CC = 3, NWK_CISS = 4, NWK_MM = 5, NWK_CLMS = 6, NWK_COMS = 7 };
#define NWK_NPD 8

enum nwk_dir { NWK_FROM_PP = 0, NWK_TO_PP = 1 };

enum { /* message types, 7.4 */
	LCE_PAGE_RESPONSE = 0x71,
	LCE_PAGE_REJECT = 0x72,

	CC_ALERTING = 0x01,
	CC_CALL_PROC = 0x02,
	CC_SETUP = 0x05,
	CC_CONNECT = 0x07,
	CC_SETUP_ACK = 0x0d,
	CC_CONNECT_ACK = 0x0f,
	CC_SERVICE_CHANGE = 0x20,
	CC_SERVICE_ACCEPT = 0x21,
	CC_SERVICE_REJECT = 0x23,
	CC_HOLD = 0x24,
	CC_HOLD_ACK = 0x28,
	CC_HOLD_REJECT = 0x30,
	CC_RETRIEVE = 0x31,
	CC_RETRIEVE_ACK = 0x33,
	CC_RETRIEVE_REJECT = 0x37,
	CC_RELEASE = 0x4d,
	CC_RELEASE_COM = 0x5a,
	CC_IWU_INFO = 0x60,
	CC_FACILITY = 0x62,
	CC_NOTIFY = 0x6e,
	CC_INFO = 0x7b,

	CISS_RELEASE_COM = 0x5a,
	CISS_FACILITY = 0x62,
	CISS_REGISTER = 0x64,

	MM_AUTH_REQUEST = 0x40,
	MM_AUTH_REPLY = 0x41,
	MM_KEY_ALLOCATE = 0x42,
	MM_AUTH_REJECT = 0x43,
	MM_ACCESS_RIGHTS_REQUEST = 0x44,
	MM_ACCESS_RIGHTS_ACCEPT = 0x45,
	MM_ACCESS_RIGHTS_REJECT = 0x47,
	MM_ACCESS_RIGHTS_TERM_REQUEST = 0x48,
	MM_ACCESS_RIGHTS_TERM_ACCEPT = 0x49,
	MM_ACCESS_RIGHTS_TERM_REJECT = 0x4b,
	MM_CIPHER_REQUEST = 0x4c,
	MM_CIPHER_SUGGEST = 0x4e,
	MM_CIPHER_REJECT = 0x4f,
	MM_INFO_REQUEST = 0x50,
	MM_INFO_ACCEPT = 0x51,
	MM_INFO_SUGGEST = 0x52,
	MM_INFO_REJECT = 0x53,
	MM_LOCATE_REQUEST = 0x54,
	MM_LOCATE_ACCEPT = 0x55,
	MM_DETACH = 0x56,
	MM_LOCATE_REJECT = 0x57,
	MM_IDENTITY_REQUEST = 0x58,
	MM_IDENTITY_REPLY = 0x59,
	MM_IWU = 0x5b,
	MM_TEMP_IDENTITY_ASSIGN = 0x5c,
	MM_TEMP_IDENTITY_ASSIGN_ACK = 0x5d,
	MM_TEMP_IDENTITY_ASSIGN_REJ = 0x5f,
	MM_NOTIFY = 0x6e,

	CLMS_VARIABLE = 0x01,

	COMS_SETUP = 0x05,
	COMS_CONNECT = 0x07,
	COMS_NOTIFY = 0x08,
	COMS_RELEASE = 0x4d,
	COMS_RELEASE_COM = 0x5a,
	COMS_ACK = 0x78,
	COMS_INFO = 0x7b,
};

struct nwk_ie {
	uint8_t
	    id; /* identifier; of fixed elements with a value the whole first octet; D1, D2 of repeats */
	uint8_t n;    /* octets of the value: 0 single octet, 1 double octet, L of variable ones */
	uint8_t list; /* 0; 1, 2: follows repeat indicator D1, D2 (belongs to a list) */
	const uint8_t *p; /* the value, borrowed from the message */
};

struct nwk_msg {
	enum nwk_dir dir;
	uint8_t pd;   /* enum nwk_pd */
	bool f;       /* transaction flag: false from the side that started the transaction */
	uint8_t tv;   /* transaction value 0 … 6 */
	uint8_t type; /* message type */
	bool cut;     /* the last element ended early: it and what follows are left out */
	uint8_t
	    skipped; /* elements left out: unknown escape or foreign codeset, or beyond NWK_IE_MAX */
	uint8_t nie;
	const uint8_t *raw; /* the whole message, borrowed */
	size_t n;
	struct nwk_ie ie[NWK_IE_MAX];
};

/* ERR_TRUNCATED: shorter than a header; ERR_UNSUPP: protocol discriminator of nobody, or extended transaction value:
 * the message is to be ignored (17.1, 17.2); ERR_LIMIT: over NWK_MAX. Errors of elements are no errors here. */
int nwk_parse(const uint8_t *p, size_t n, enum nwk_dir dir, struct nwk_msg *out) MUST_CHECK;

/* The element: the nth one, from 0. NULL where it is not there. A variable element of length 0 counts as absent
 * (7.5.1); nwk_ie_empty finds it. */
const struct nwk_ie *nwk_ie_nth(const struct nwk_msg *m, uint8_t id, unsigned nth);
static inline const struct nwk_ie *nwk_ie(const struct nwk_msg *m, uint8_t id)
{
	return nwk_ie_nth(m, id, 0);
}
bool nwk_ie_empty(const struct nwk_msg *m, uint8_t id);

/* What the rule tables (6.3) say to a message: presence of mandatory elements, their content, elements that don't
 * belong there, order. */
enum nwk_fault_kind { NWK_OK, NWK_MISSING, NWK_CONTENT, NWK_ALIEN, NWK_ORDER, NWK_UNKNOWN_TYPE };
struct nwk_fault {
	uint8_t id; /* of the element */
	enum nwk_fault_kind what;
};
/* Faults that matter to a receiver: a mandatory element is missing (release reason 03, reject reason 60) or its content
 * is wrong (04, 64), the type is unknown in this direction. Others are skipped, as 17.6 and 17.7 allow. 0, or ERR_SYNTAX
 * with *fault. */
int nwk_check(const struct nwk_msg *m, struct nwk_fault *fault) MUST_CHECK;
/* All of them, for what we send and for tests. */
int nwk_check_strict(const struct nwk_msg *m, struct nwk_fault *fault) MUST_CHECK;

/* Octets 1 and 2. f: false in messages from the side that started the transaction. */
void nwk_head(struct wr *w, uint8_t pd, bool f, uint8_t tv, uint8_t type);

/* "CC-SETUP"; "unknown message". */
const char *nwk_type_name(uint8_t pd, uint8_t type);
const char *nwk_ie_name(uint8_t id); /* "Portable identity"; "unknown element" */
/* One line for people: name, transaction, elements with what they say. Keys, RES and the like are masked. */
void nwk_dump(const struct nwk_msg *m, struct wr *w);
#endif
