#ifndef PRESENCED_POLICY_H
#define PRESENCED_POLICY_H
#include "common/slice.h"
#include "presenced/pres_state.h"

/* What differs for the users of a group, as the configuration writes it:
 * "GROUP:available=10m,inactive=5m,agent=available,offline=yes", any of these. */
#define POLICY_GROUP 33
/* *out begins as *base. ERR_VALUE: why says what. */
int policy_parse(struct slice word, const struct pres_policy *base, char group[POLICY_GROUP],
    struct pres_policy *out, const char **why) MUST_CHECK;
#endif
