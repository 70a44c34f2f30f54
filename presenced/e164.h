#ifndef PRESENCED_E164_H
#define PRESENCED_E164_H
#include "common/slice.h"

/* Telephone numbers as people write them, normalised to E.164 (ITU-T E.164: "+" and at most 15 digits), so that a
 * caller's number finds its entry. Never for service codes: anything with * or # stays as it is. */
#define E164_MAX 32 /* buffer: "+", digits or the kept text, NUL */

struct e164_rules {            /* NUL-terminated digit strings; "" where there is none */
	char country[4];       /* "49" */
	char area[8];          /* "30" */
	char main_number[16];  /* "5550": direct dialling, before internal numbers */
	char international[6]; /* "00", "011" */
	char national[4];      /* "0" */
	unsigned internal_min, internal_max; /* length of an internal number; 0: there are none */
};

enum e164_kind { E164_GLOBAL, E164_INTERNAL, E164_SERVICE, E164_ADDRESS };

struct e164 {
	char text[E164_MAX];
	char ext[E164_MAX]; /* extension that was written behind, digits; "" when none */
	enum e164_kind kind;
};

/* raw: a directory value, tel: or sip: URI, or caller identification; UTF-8. ERR_SYNTAX: nothing to dial in it;
 * ERR_LIMIT: more than 15 digits. A sip: URI whose user is no number: E164_ADDRESS with text "". */
int e164_parse(const struct e164_rules *r, struct slice raw, struct e164 *out) MUST_CHECK;
#endif
