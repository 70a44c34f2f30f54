#ifndef DECTD_IPUI_H
#define DECTD_IPUI_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/err.h"
#include "common/slice.h"

/* Identities of portable parts (EN 300 175-6 6): IPUI, IPEI (= IPUI N) and TPUI.
 *
 * An IPUI is kept as it stands in Portable identity: octet 1 high nibble PUT (N 0, O 1, P 2, Q 3, R 4, S 5, T 6, U 7),
 * then PUN, most significant bit first, padded with 0 bits. The octets beyond the length are 0, so that memcmp of the
 * whole structure is equality and the structure can be a map's key. All zero: no identity. */
struct ipui {
	uint8_t bits; /* 1 … 104; IPUI N: 40 */
	uint8_t v[13];
};

#define IPUI_CHARS 32 /* of text, with its NUL */
#define IPEI_CHARS 16
#define TPUI_MASK  0x0fffffu

static inline bool ipui_none(const struct ipui *a)
{
	return a->bits == 0;
}

static inline bool ipui_eq(const struct ipui *a, const struct ipui *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static inline struct slice ipui_key(const struct ipui *a)
{
	return (struct slice){ (const char *)a, sizeof(*a) };
}

/* From the octets of Portable identity; surplus bits are cleared. ERR_VALUE: length 0 or over 104 bits, IPUI N that
 * has not 40 bits; ERR_TRUNCATED. */
int ipui_set(struct ipui *out, const uint8_t *v, size_t n, unsigned bits) MUST_CHECK;
/* IPUI N of an equipment: EMC 16 bits, PSN 20 bits. */
struct ipui ipui_of_ipei(uint16_t emc, uint32_t psn);
/* ERR_UNSUPP: not type N. */
int ipui_ipei(const struct ipui *id, uint16_t *emc, uint32_t *psn) MUST_CHECK;

/* The form for logs, stores and people: type letter, then PUN in hex ("N010012abcd" without the PUT nibble: "N10012abcd"
 * for type N with EMC 1001, PSN 2abcd: 9 hex digits); a length that is no multiple of 4 bits follows as "/bits". */
void ipui_print(const struct ipui *id, char out[IPUI_CHARS]);
int ipui_parse(
    struct slice text, struct ipui *out) MUST_CHECK; /* that form, and the IPEI form below */

/* IPEI as printed on the equipment: "04097 0175053 3" (EN 300 175-6 annex C), check digit 0-9 or '*'. */
void ipei_print(uint16_t emc, uint32_t psn, char out[IPEI_CHARS]);
/* 12 or 13 digits, blanks and '-' skipped; the check digit may be left out. ERR_VALUE: out of range; ERR_SYNTAX;
 * ERR_AUTH: the check digit is wrong: a digit was mistyped. */
int ipei_parse(struct slice text, uint16_t *emc, uint32_t *psn) MUST_CHECK;

/* TPUI that a portable part has by default: E and the low 16 bits of its IPUI (dect-security 2.6). */
uint32_t ipui_default_tpui(const struct ipui *id);
/* Assigned individual TPUIs: first hex digit 0 … B. */
static inline bool tpui_individual(uint32_t tpui)
{
	return tpui <= 0xbffffu;
}
#endif
