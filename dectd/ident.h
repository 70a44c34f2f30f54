#ifndef DECTD_IDENT_H
#define DECTD_IDENT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"

/* Identity of the fixed part (EN 300 175-6 5): access rights identities of class A, B and C, the RFPI that each base
 * broadcasts, and the capability words beside it. Identities of portable parts are elsewhere.
 *
 * An ARI is kept left-aligned in 5 octets as in the RFPI: bit 8 of the first octet is E, bits 7-5 the class (ARC),
 * then the details; the radio part number (RPN) fills the rest: 8 bits in class B and C, 3 bits in class A. */
enum ident_class { IDENT_A = 0, IDENT_B = 1, IDENT_C = 2 };
#define IDENT_PARK_CHARS 32

struct ident {
	enum ident_class cls;
	uint8_t
	    pli; /* PARK length indicator: leading bits of ARC + details that count; 31 full for B, C; 36 for A */
	uint8_t ari[5]; /* E = 0, RPN = 0 */
	unsigned nsari; /* secondary ARIs, broadcast too */
	uint8_t sari[8][4];
};

/* PARK as base stations' managers print it: PLI in two hex digits, then the ARI in hex without E: "1F102AF12C" (class
 * B and C: 8 digits) or "24…" with 10 digits (class A, 36 bits); blanks and '-' are skipped. ERR_SYNTAX; ERR_VALUE: no
 * class A-C, or PLI out of range; ERR_UNSUPP: class D, E. */
int ident_parse(struct slice park, struct ident *out) MUST_CHECK;
/* The same form. */
void ident_print(const struct ident *id, char out[IDENT_PARK_CHARS]);
int ident_add_sari(struct ident *id, struct slice ari) MUST_CHECK; /* 8 hex digits; at most 8 */
/* How many radio part numbers there are: 255 (class B, C), 7 (class A); 0 means "all" and is not given to a base. */
unsigned ident_rpns(const struct ident *id);
/* ERR_VALUE: no such radio part number. */
int ident_rfpi(const struct ident *id, unsigned rpn, uint8_t out[5]) MUST_CHECK;

/* Higher layer capabilities a32 … a47 (EN 300 175-5 annex F): what the broadcast promises. */
#define CAP_G726        0x8000u
#define CAP_GAP         0x4000u /* GAP or PAP basic speech */
#define CAP_DSAA        0x0800u /* standard authentication required */
#define CAP_DSC         0x0400u /* standard ciphering supported */
#define CAP_LOCATION    0x0200u /* location registration supported */
#define CAP_CISS        0x0040u
#define CAP_RIGHTS      0x0008u /* access rights requests supported (a44): a handset may subscribe */
#define CAP_EXTERNAL_HO 0x0004u
#define EXT2_EARLY                                                                                 \
	0x20u /* octet 5 of the extended ones part 2: re-keying and early encryption (a42) */
#define CAP_CONN_HO 0x0002u

/* Item 07, Q_H = 4: synchronisation field 01 (prolonged preamble); and item 0D, Q_H = 3, as real systems send them.
 * RFP: the alignment of the latter is not settled (rfp-link 7): the proven octets are sent. */
extern const uint8_t ident_ext_caps[5];
extern const uint8_t ident_mac_caps[3];
#endif
