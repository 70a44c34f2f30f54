/* Where a 3xx to REGISTER sends a user (RFC 3261 8.1.3.4; LYNC: MS-SIPREGE: primary and backup registrar by their q). */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
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
	r->moved = true;
	if (!r->ntarget) /* who sent us there would do it again */
		r->avoid |= 1u << (r->proxy - r->regs->proxy);
	return true;
}

void reg_target_serves(struct reg *r)
{
	struct regs *g = r->regs;
	struct sip_uri uri;

	if (!r->ntarget || sip_uri_parse(&uri, slice_str(r->target[0])))
		return;
	for (unsigned i = 0; i < REG_HOMES && g->home[i]; i++)
		if (slice_ieq(slice_str(g->home[i]), uri.host))
			return;
	char **place = &g->home[g->nhome++ % REG_HOMES];
	free(*place);
	*place = slice_dup(uri.host);
}

void regs_forget_homes(struct regs *r)
{
	for (unsigned i = 0; i < REG_HOMES; i++) {
		free(r->home[i]);
		r->home[i] = NULL;
	}
	r->nhome = 0;
}

const char *reg_home(const struct sipd *s, unsigned i)
{
	return i < REG_HOMES ? s->regs->home[i] : NULL;
}

bool reg_redirected(struct reg *r, const struct sip_msg *rsp)
{
	struct slice to[REDIRECT_MAX];

	r->why = "the servers send the registration on to each other without end";
	if (r->redirects++ >= REDIRECTS_MAX)
		return false;
	reg_targets_clear(r);
	r->ntarget = redirect_targets(rsp, false, to);
	for (unsigned i = 0; i < r->ntarget; i++)
		r->target[i] = slice_dup(to[i]);
	r->why = "the server sends the registration elsewhere and does not say where";
	if (!r->ntarget)
		return false;
	r->moved = true;
	reg_drop_flow(r);
	reg_forget_sa(r);
	log_ev(LOG_INFO, "registration is sent elsewhere", F_USER(r->user->f[USER_NAME]),
	    F_TEXT("IPDECT_TO", r->target[0]), F_U64("IPDECT_TARGETS", r->ntarget));
	return true;
}
