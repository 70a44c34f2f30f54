/* Where a 3xx to REGISTER sends a user (RFC 3261 8.1.3.4; LYNC: MS-SIPREGE: primary and backup registrar by their q). */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "sipd/reg_int.h"

#define REDIRECTS_MAX 5 /* one after the other, without a registration in between */

void reg_targets_clear(struct reg *r)
{
	for (unsigned i = 0; i < r->ntarget; i++)
		free(r->target[i]);
	r->ntarget = 0;
}

bool reg_target_failed(struct reg *r)
{
	if (!r->ntarget)
		return false;
	free(r->target[0]);
	memmove(r->target, r->target + 1, (--r->ntarget) * sizeof(r->target[0]));
	return true;
}

/* Sorted by falling q, those of the same q in their order; without a q 1. */
static void put(struct reg *r, double q[], struct slice uri, double value)
{
	unsigned at = r->ntarget;

	while (at && q[at - 1] < value)
		at--;
	if (at == REG_TARGETS)
		return;
	if (r->ntarget == REG_TARGETS)
		free(r->target[--r->ntarget]);
	memmove(&r->target[at + 1], &r->target[at], (r->ntarget - at) * sizeof(r->target[0]));
	memmove(&q[at + 1], &q[at], (r->ntarget - at) * sizeof(q[0]));
	r->target[at] = slice_dup(uri);
	q[at] = value;
	r->ntarget++;
}

bool reg_redirected(struct reg *r, const struct sip_msg *rsp)
{
	struct sip_values v = sip_msg_values(rsp, SIP_H_CONTACT);
	double q[REG_TARGETS];
	struct sip_addr a;
	struct slice s, value;

	if (r->redirects++ >= REDIRECTS_MAX)
		return false;
	reg_targets_clear(r);
	while (sip_values_next(&v, &s)) {
		char text[8] = "1";

		if (sip_addr_parse(&a, s) || a.star ||
		    (a.uri.scheme != SIP_SCHEME_SIP && a.uri.scheme != SIP_SCHEME_SIPS))
			continue;
		if (sip_addr_param(&a, SLICE_LIT("q"), &value) &&
		    slice_copy(value, text, sizeof(text)))
			continue;
		put(r, q, a.uri_raw, strtod(text, NULL));
	}
	if (!r->ntarget)
		return false;
	reg_drop_flow(r);
	reg_forget_sa(r);
	log_ev(LOG_INFO, "registration is sent elsewhere", F_USER(r->user->f[USER_NAME]),
	    F_TEXT("IPDECT_TO", r->target[0]), F_U64("IPDECT_TARGETS", r->ntarget));
	return true;
}
