#ifndef SIPD_MS_SIGN_H
#define SIPD_MS_SIGN_H
#include "sipd/sip_msg.h"

/* Message signatures of Microsoft's dialect (MS-SIPAE 3.2.5.2): a string over some header values of the message, byte by
 * byte as they stand in it, and a signature of that string with the keys of a security association. Pure. */

#define MS_SIGN_BUFFER_MAX 4096
#define MS_NTLM_SIG        32 /* hex digits of an NTLM signature */

struct ms_sign_in { /* from the authentication header that is sent, or that came */
	struct slice scheme, rand, num, realm, target;
	unsigned version; /* 2, 3 or 4 */
};
/* The string of message m into w. ERR_LIMIT: does not fit. */
int ms_sign_buffer(const struct ms_sign_in *in, const struct sip_msg *m, struct wr *w) MUST_CHECK;

/* NTLM in datagram mode with extended session security (MS-NLMP 3.4.4.2): sequence number 100 in every message, both ways,
 * so that a direction's RC4 key stream is always the same eight octets, and is kept here instead of the sealing key. */
struct ms_ntlm_keys {
	uint8_t sign[2][16];  /* [0] client's, [1] server's */
	uint8_t stream[2][8]; /* first octets of RC4(MD5(seal key, 100)) */
};
/* Keys of 16 octets each, as certd derives them. ERR_CRYPTO. */
int ms_ntlm_keys(struct ms_ntlm_keys *k, const uint8_t *client_sign, const uint8_t *server_sign,
    const uint8_t *client_seal, const uint8_t *server_seal) MUST_CHECK;
/* Lower-case hex and a NUL. ERR_CRYPTO. */
int ms_ntlm_sign(const struct ms_ntlm_keys *k, bool server, struct slice buffer,
    char out[MS_NTLM_SIG + 1]) MUST_CHECK;
/* ERR_AUTH: not its signature. Digits in either case. */
int ms_ntlm_verify(const struct ms_ntlm_keys *k, bool server, struct slice buffer,
    struct slice signature) MUST_CHECK;

/* The first n octets of RC4's key stream. */
void ms_rc4_stream(const uint8_t key[16], uint8_t *out, size_t n);

/* Numbers of a peer's messages: each is taken once, and none that is more than 256 behind the highest. */
struct ms_replay {
	uint32_t top; /* highest so far; 0: none */
	uint64_t seen[4];
};
bool ms_replay_take(struct ms_replay *r, uint32_t num); /* false: seen, too old, or 0 */
#endif
