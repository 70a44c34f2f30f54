#ifndef SIPD_SDES_H
#define SIPD_SDES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"
#include "common/wr.h"

/* a=crypto lines: SDP Security Descriptions (RFC 4568; suites RFC 4568 6.2 and RFC 7714 14.2). */
enum sdes_suite { SDES_NONE = 0, SDES_CM_80, SDES_CM_32, SDES_GCM_128, SDES_NSUITES };
#define SDES_KEY_MAX 30
#define SDES_MKI_MAX 4 /* octets that we accept; RFC 4568 allows 128, nobody sends more */

struct sdes {
	enum sdes_suite suite;
	uint32_t tag; /* 1-999999999 */
	uint8_t key[SDES_KEY_MAX];
	uint8_t nkey;      /* 30 (CM: 16 key + 14 salt) or 28 (GCM: 16 key + 12 salt) */
	uint64_t lifetime; /* packets; 0: not given */
	uint32_t mki;
	uint8_t mki_len; /* 0: no MKI */
};

/* Names as in SDP; NULL for SDES_NONE. */
const char *sdes_suite_name(enum sdes_suite s);
enum sdes_suite sdes_suite_find(struct slice name);
size_t sdes_key_len(enum sdes_suite s);

/* The value of a=crypto. ERR_UNSUPP: a suite or session parameter that we do not have (RFC 4568 6.3.7: the line must
 * then not be used); ERR_SYNTAX; ERR_LIMIT. */
int sdes_parse(struct sdes *c, struct slice value) MUST_CHECK;
/* Writes the value. lifetime is written as 2^n when it is a power of two. */
void sdes_wr(struct wr *w, const struct sdes *c);
#endif
