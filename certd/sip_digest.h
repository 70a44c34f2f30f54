#ifndef CERTD_SIP_DIGEST_H
#define CERTD_SIP_DIGEST_H
#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

/* Digest responses: RFC 2617 and RFC 7616 with the algorithms of RFC 8760, and RFC 2069 where there is no qop. */
enum sip_digest_alg { SIP_DIGEST_MD5 = 1, SIP_DIGEST_SHA256, SIP_DIGEST_SHA512_256 };
#define SIP_DIGEST_HEX 65 /* the longest response in hex and its NUL */

struct sip_digest {
	enum sip_digest_alg alg;
	bool sess; /* the "-sess" variant */
	struct slice username, realm, password, nonce;
	struct slice qop; /* "auth", "auth-int" or empty */
	struct slice cnonce;
	uint32_t nc;
	struct slice method, uri;
	struct slice body_hash; /* auth-int: H(entity-body) in hex */
};

/* The response in lower-case hex. ERR_VALUE: unknown qop or algorithm, or a cnonce, nc or body hash that the variant
 * needs is missing; ERR_CRYPTO. */
int sip_digest_response(const struct sip_digest *in, char out[SIP_DIGEST_HEX]) MUST_CHECK;
#endif
