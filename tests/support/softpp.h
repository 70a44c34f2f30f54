#ifndef SUPPORT_SOFTPP_H
#define SUPPORT_SOFTPP_H
#include <stdbool.h>
#include <stdint.h>

#include "tests/support/air.h"

/* Soft portable parts: what a DECT handset does above the MAC (dect-nwk, PT side): LAPC of class A or B, LCE, MM, CC,
 * supplementary services, display and keypad, speech from and to files. Driven by the noun "pp"; strict: every message of
 * the server is checked against the tables of EN 300 175-5, and what breaks them is an air_violation().
 *
 * The S-format code here shares nothing with the server's, so that the same mistake can't hide on both sides; the
 * cryptography is certd's, proven by published vectors. */
struct softpp_set;
/* With the nouns "pp" and "load". */
struct softpp_set *softpp_set_new(struct air *a);
/* Before air_free(). */
void softpp_set_free(struct softpp_set *s);
#endif
