/* One Via value. */
#include "sipd/sip_via.h"

#include "sipd/sip_hdr.h"
#include "sipd/sip_uri.h"

static int parse_sent_by(struct sip_via *via, struct cur *c)
{
	if (c->p < c->end && *c->p == '[') {
		const char *from = c->p;

		(void)cur_until(c, "]");
		if (!cur_lit(c, ']'))
			return ERR_SYNTAX;
		via->host = (struct slice){ from, (size_t)(c->p - from) };
	} else {
		via->host = cur_until(c, ":; \t,");
	}
	if (sip_host_kind(via->host) == SIP_HOST_BAD)
		return ERR_SYNTAX;
	cur_lws(c);
	if (!cur_lit(c, ':'))
		return 0;
	cur_lws(c);
	struct slice port = cur_digits(c);
	return slice_u32(port, 65535, &via->port) ? ERR_SYNTAX : 0;
}

/* via-parm = sent-protocol LWS sent-by *( SEMI via-params )      RFC 3261 25.1, 20.42 */
int sip_via_parse(struct sip_via *via, struct slice in)
{
	struct cur c = cur_of(in);

	*via = (struct sip_via){ .raw = in };
	struct slice name = cur_token(&c);
	cur_lws(&c);
	if (!cur_lit(&c, '/'))
		return ERR_SYNTAX;
	cur_lws(&c);
	struct slice version = cur_token(&c);
	cur_lws(&c);
	if (!cur_lit(&c, '/'))
		return ERR_SYNTAX;
	cur_lws(&c);
	via->transport = cur_token(&c);
	if (via->transport.n == 0 || cur_done(&c) || (*c.p != ' ' && *c.p != '\t'))
		return ERR_SYNTAX;
	/* Of another version: still read as far as it looks like ours, so that the 505 finds its way. */
	int other = !slice_ieq(name, SLICE_LIT("SIP")) || !slice_eq(version, SLICE_LIT("2.0"))
	                ? ERR_UNSUPP
	                : 0;
	cur_lws(&c);
	int err = parse_sent_by(via, &c);
	if (err)
		return err;
	cur_lws(&c);
	if (cur_done(&c))
		return other;
	if (*c.p != ';')
		return ERR_SYNTAX;

	struct slice key, value;
	while (sip_param_next(&c, &key, &value)) {
		if (slice_ieq(key, SLICE_LIT("branch"))) {
			via->branch = value;
		} else if (slice_ieq(key, SLICE_LIT("received"))) {
			via->received = value;
		} else if (slice_ieq(key, SLICE_LIT("maddr"))) {
			via->maddr = value;
		} else if (slice_ieq(key, SLICE_LIT("ttl"))) {
			via->ttl = value;
		} else if (slice_ieq(key, SLICE_LIT("rport"))) {
			via->rport = true;
			if (value.n && slice_u32(value, 65535, &via->rport_val))
				return ERR_SYNTAX;
		}
	}
	return other;
}

bool sip_via_has_magic(const struct sip_via *via)
{
	return via->branch.n > 7 && slice_istarts(via->branch, SLICE_LIT("z9hG4bK"));
}
