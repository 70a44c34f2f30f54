#ifndef CERTD_NTLM_KDF_H
#define CERTD_NTLM_KDF_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"

/* NTLMv2 as a client in connectionless (datagram) mode: MS-NLMP 2.2.1, 3.3.2, 3.4, and what MS-SIPAE asks of it.
 * A pure function of its input: time and random octets come from the caller. */
#define NTLM_CHALLENGE_MAX 4096
#define NTLM_NAME_MAX      256 /* UTF-16 units of a user, domain or workstation name */
#define NTLM_AUTH_MAX      8192

#define NTLM_SIGN     0x00000010u
#define NTLM_DATAGRAM 0x00000040u
#define NTLM_FLAGS    0x62988255u /* what we answer: the flags of a captured Communicator 2007 R2 */
/* UNICODE, SIGN, DATAGRAM, NTLM, ALWAYS_SIGN, EXTENDED_SESSIONSECURITY, IDENTIFY, TARGET_INFO, 128, KEY_EXCH */
#define NTLM_FLAGS_NEEDED 0x60988251u

struct ntlm_challenge {
	uint32_t flags;
	uint8_t server_challenge[8];
	struct slice target_name; /* UTF-16LE, may be empty */
	struct slice target_info; /* AV pairs with their end */
	struct slice nb_domain;   /* MsvAvNbDomainName, UTF-16LE */
	bool has_time;
	uint64_t time; /* FILETIME */
	bool has_av_flags;
	uint32_t av_flags;
};

/* CHALLENGE_MESSAGE; slices point into msg. ERR_TRUNCATED, ERR_SYNTAX, ERR_LIMIT; ERR_UNSUPP: it lacks a flag that
 * the SIP use needs. */
int ntlm_challenge_parse(struct slice msg, struct ntlm_challenge *out) MUST_CHECK;

struct ntlm_in {
	uint8_t nt_hash[16];
	struct slice user, domain, workstation, spn; /* UTF-8. "DOMAIN\user" is split when domain is
							empty; a UPN goes whole into User */
	bool has_domain; /* else the challenge's target name or NetBIOS domain */
	bool mic;        /* send MIC and target name when the challenge has a time stamp */
	struct slice challenge;
	uint64_t time; /* FILETIME, used when the challenge has none */
	uint8_t client_challenge[8], session_key[16];
};

struct ntlm_keys {
	uint8_t client_sign[16], server_sign[16], client_seal[16], server_seal[16];
};

/* MD4(UTF16LE(password)). ERR_SYNTAX: not UTF-8; ERR_LIMIT. */
int ntlm_nt_hash(struct slice password, uint8_t out[16]) MUST_CHECK;
/* HMAC_MD5(NT hash, UTF16LE(UPPER(user) || domain)). */
int ntlm_ntowf_v2(
    const uint8_t nt_hash[16], struct slice user, struct slice domain, uint8_t out[16]) MUST_CHECK;
int ntlm_keys_derive(const uint8_t session_key[16], struct ntlm_keys *out) MUST_CHECK;
/* Writes the AUTHENTICATE_MESSAGE (at most NTLM_AUTH_MAX octets) and the keys of the security context. */
int ntlm_authenticate(const struct ntlm_in *in, uint8_t *out, size_t cap, size_t *n,
    struct ntlm_keys *keys) MUST_CHECK;
#endif
