/* Presence policy of groups. */
#include "presenced/policy.h"

#include <stdio.h>
#include <string.h>

#include "common/wr.h"

static int wrong(const char **why, const char *text)
{
	*why = text;
	return ERR_VALUE;
}

int policy_parse(struct slice word, const struct pres_policy *base, char group[POLICY_GROUP],
    struct pres_policy *out, const char **why)
{
	struct value {
		uint32_t ms, agent;
		bool yes;
	} v;
	static const struct conf_key time = {
		.type = CONF_MS, .min = 1000, .max = 86400000, .off = offsetof(struct value, ms)
	};
	static const struct conf_key agent = { .type = CONF_ENUM,
		.choices = "no|inactive|available",
		.off = offsetof(struct value, agent) };
	static const struct conf_key yes = { .type = CONF_BOOL,
		.off = offsetof(struct value, yes) };
	size_t colon = slice_chr(word, ':');
	struct slice rest = slice_sub(word, colon + 1, word.n);

	*why = "";
	*out = *base;
	if (colon == word.n || colon == 0 || rest.n == 0 ||
	    slice_copy(slice_sub(word, 0, colon), group, POLICY_GROUP))
		return wrong(
		    why, "write GROUP:available=10m,inactive=5m,agent=available,offline=yes");
	while (rest.n) {
		size_t end = slice_chr(rest, ','), eq;
		struct slice one = slice_sub(rest, 0, end), name, value;

		rest = slice_sub(rest, end < rest.n ? end + 1 : end, rest.n);
		eq = slice_chr(one, '=');
		name = slice_sub(one, 0, eq);
		value = slice_sub(one, eq < one.n ? eq + 1 : eq, one.n);
		if (slice_eq(name, SLICE_LIT("available")) ||
		    slice_eq(name, SLICE_LIT("inactive"))) {
			if (conf_set(&time, value, &v))
				return wrong(why, "a time is from 1s to 24h");
			*(name.p[0] == 'a' ? &out->available_ms : &out->inactive_ms) = v.ms;
		} else if (slice_eq(name, SLICE_LIT("agent"))) {
			if (conf_set(&agent, value, &v))
				return wrong(why, "agent is no, inactive or available");
			out->agent = (enum pres_agent)v.agent;
		} else if (slice_eq(name, SLICE_LIT("offline"))) {
			if (conf_set(&yes, value, &v))
				return wrong(why, "offline is yes or no");
			out->offline_when_gone = v.yes;
		} else {
			return wrong(why, "known are available, inactive, agent, offline");
		}
	}
	return 0;
}

bool policy_next(const struct conf_list *l, size_t *at, char *out, size_t cap)
{
	struct wr w = wr_of(out, cap);

	if (*at >= l->n)
		return false;
	do {
		wr_str(&w, w.n ? "," : "");
		wr_str(&w, l->v[(*at)++]);
	} while (*at < l->n && !strchr(l->v[*at], ':'));
	if (!wr_nul(&w))
		(void)snprintf(out, cap, "%s…", l->v[*at - 1]);
	return true;
}
