#ifndef SIPD_NUMBER_H
#define SIPD_NUMBER_H
#include <stdbool.h>
#include <stddef.h>

#include "common/slice.h"

/* Numbers: what was dialled, made dialable. Rules are "pattern result" pairs, the first that matches wins:
 *   N in a pattern is one digit, % at its end the rest (at least one character); % in the result puts the rest there,
 *   # at the start of the result keeps the number as it is. Everything else stands for itself.
 * "00% +%", "0% +49%", "N% ..." */
#define NUMBER_MAX       256 /* a GRUU of a long name, too */
#define NUMBER_RULES_MAX 64

struct number_rule {
	char pattern[NUMBER_MAX], result[NUMBER_MAX];
};
/* Words from the configuration, two by two as "pattern>result". ERR_VALUE with the index of the bad one in *at. */
int number_rules(struct number_rule *r, size_t cap, size_t *n, char *const *words, size_t nwords,
    size_t *at) MUST_CHECK;
/* Applies the first rule that matches; else copies. Visual separators (RFC 3966 5.1.1) of numbers are dropped before.
 * ERR_LIMIT. */
int number_apply(
    const struct number_rule *r, size_t n, struct slice in, char *out, size_t cap) MUST_CHECK;
/* Whether one of the patterns is the whole number. % at a pattern's end stands for at least one more character. */
bool number_complete(struct slice n, char *const *patterns, size_t npatterns);
/* Only digits, + * # and visual separators: is dialled, not a name. */
bool number_is(struct slice s);
/* "sip:", "sips:" or "tel:" before it, or an @ in it. */
bool number_is_uri(struct slice s);
/* 24.5.3 of the field's practice: a name is cut at a character's border so that it has at most max octets. */
struct slice number_cut(struct slice utf8, size_t max);
/* What a handset shows and can dial back for a SIP URI: its user part when that is a number or the domain is ours, else
 * user@host. ERR_LIMIT: longer than cap. */
int number_of_uri(struct slice uri, struct slice our_domain, char *out, size_t cap) MUST_CHECK;
#endif
