/* Call forwarding: always, busy, no answer, not reachable. */
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "sipd/call.h"

/* RFC 5806 6.2 and RFC 4458's causes for History-Info. */
static const char *reason(enum cause why)
{
	switch (why) {
	case CAUSE_BUSY:
		return "user-busy";
	case CAUSE_NO_ANSWER:
		return "no-answer";
	case CAUSE_UNREACHABLE:
		return "unavailable";
	default:
		return "unconditional";
	}
}

/* The forwarding user's own record: the call was for them, and where it went. */
static void record(struct call *c, struct user *u, const char *target)
{
	uint64_t now = sipd_wall_ms();
	struct cdr_rec r = { .call = c->ref,
		.kind = CDR_MISSED,
		.start = now,
		.ended = now,
		.user = slice_str(u->f[USER_NAME]),
		.name = slice_str(c->a->who.name),
		.number = slice_str(c->a->who.number),
		.uri = slice_str(c->a->who.uri),
		.cause = slice_str(cause_name(CAUSE_FORWARDED)),
		.diverted = slice_str(target),
		.elsewhere = true };

	cdr_begin(c->sipd->cdr, &r);
}

bool call_forward(struct call *c, struct user *u, enum cause why)
{
	enum user_field f = why == CAUSE_BUSY          ? USER_FORWARD_BUSY
	                    : why == CAUSE_NO_ANSWER   ? USER_FORWARD_NO_ANSWER
	                    : why == CAUSE_UNREACHABLE ? USER_FORWARD_UNREACHABLE
	                                               : USER_FORWARD_ALWAYS;
	struct wr w = wr_of(c->extra, sizeof(c->extra));

	if (!user_on(u, f))
		return false;
	/* A forward to oneself is none; a circle ends at the hop limit. */
	if (users_reach(c->sipd->users, slice_str(u->f[f])) == u)
		return false;
	if (++c->hops > 5) {
		log_ev(LOG_WARNING, "forwarding goes in a circle", F_CALL(c->ref),
		    F_USER(u->f[USER_NAME]),
		    F_REMEDY("look at the forward settings with `dectctl user list`"));
		return false;
	}
	log_ev(LOG_NOTICE, "call forwarded", F_CALL(c->ref), F_USER(u->f[USER_NAME]),
	    F_TEXT("IPDECT_TO", u->f[f]), F_TEXT("IPDECT_CAUSE", reason(why)));
	if (c->b) {
		if (!c->b->gone)
			c->b->ops->release(c->b, CAUSE_FORWARDED);
	} else {
		record(c, u, u->f[f]);
	}
	(void)snprintf(c->next, sizeof(c->next), "%s", u->f[f]);
	memset(&c->diverted, 0, sizeof(c->diverted));
	(void)snprintf(c->diverted.name, sizeof(c->diverted.name), "%s", u->f[USER_DISPLAY_NAME]);
	(void)snprintf(c->diverted.number, sizeof(c->diverted.number), "%s", u->f[USER_NAME]);
	c->is_diverted = true;
	wr_str(&w, "Diversion: ");
	sipd_put_aor(c->sipd, &w, u, false);
	wr_fmt(&w, ";reason=%s;counter=%u\r\n", reason(why), c->hops);
	if (!wr_nul(&w))
		c->extra[0] = '\0';
	c->behalf = u;
	c->internal = false;
	c->target = NULL;
	c->forwards_no_answer = false;
	return true;
}
