#ifndef PRESENCED_POLICY_H
#define PRESENCED_POLICY_H
#include "common/conf.h"
#include "common/slice.h"
#include "presenced/pres_state.h"

/* What differs for the users of a group, as the configuration writes it:
 * "GROUP:available=10m,inactive=5m,agent=available,offline=yes", any of these. */
#define POLICY_WORD  256
#define POLICY_GROUP 33
/* *out begins as *base. ERR_VALUE: why says what. */
int policy_parse(struct slice word, const struct pres_policy *base, char group[POLICY_GROUP],
    struct pres_policy *out, const char **why) MUST_CHECK;
/* The next policy of group-policy, whose words are parted at the commas within it, too: what has no colon goes on with the one
 * before. *at is 0 at first. false: no more. Longer than cap: cut, and not understood then. */
bool policy_next(const struct conf_list *l, size_t *at, char *out, size_t cap);
#endif
