/* Where a dialled number goes: a user of ours, or SIP. */
#include <ifaddrs.h>
#include <stdio.h>
#include <string.h>

#include "sipd/call.h"
#include "sipd/prov.h"
#include "sipd/reg.h"

bool route_emergency(const struct sipd *s, struct slice dialled)
{
	for (size_t i = 0; i < s->conf->emergency.n; i++)
		if (slice_eq(dialled, slice_str(s->conf->emergency.v[i])))
			return true;
	return false;
}

static void local(struct route *r, struct user *u)
{
	r->kind = ROUTE_LOCAL;
	r->user = u;
}

static void none(struct route *r, enum cause why)
{
	r->kind = ROUTE_NONE;
	r->why = why;
}

static void to_uri(struct sipd *s, const struct user *from, struct slice number, struct route *r)
{
	struct wr w = wr_of(r->uri, sizeof(r->uri));

	r->kind = ROUTE_SIP;
	wr_str(&w, s->conf->sips ? "sips:" : "sip:");
	sip_escape_user(&w, number);
	/* LYNC: digits are completed by the site's dial plan. */
	const char *plan = prov_phone_context(s, from);
	if (s->conf->lync && plan[0] && number_is(number) && number.n && number.p[0] != '+' &&
	    !users_reach(s->users, number))
		wr_fmt(&w, ";phone-context=%s", plan);
	wr_str(&w, "@");
	wr_slice_add(&w, from ? sipd_domain(s, from) : slice_str(s->conf->default_domain));
	/* RFC 3261 19.1.6: a number in a SIP URI says so. */
	bool whole = number_is(number) && number.n && number.p[0] == '+',
	     dialled = s->conf->lync && number_is(number) && !users_reach(s->users, number);
	if (whole || dialled)
		wr_str(&w, ";user=phone");
	if (!wr_nul(&w))
		none(r, CAUSE_UNKNOWN_NUMBER);
}

/* An address of this machine with a port that we listen on: a PBX's REFER may name our Contact. */
static bool our_address(const struct sipd *s, const struct sip_uri *uri)
{
	struct ifaddrs *all = NULL;
	struct addr want, have;
	bool port = false, ours = false;

	if (addr_parse(uri->host, 0, &want))
		return false;
	for (int p = 0; p < TP_NPROTO && !port; p++) {
		addr_from_sa(&have, (const struct sockaddr *)&s->bound[p]);
		port = s->listening[p] && addr_port(&have) == (uri->port        ? uri->port
		                                                  : p == TP_TLS ? 5061
		                                                                : 5060);
	}
	if (!port || getifaddrs(&all))
		return false;
	for (const struct ifaddrs *i = all; i && !ours; i = i->ifa_next) {
		if (!i->ifa_addr ||
		    (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
			continue;
		addr_from_sa(&have, i->ifa_addr);
		ours = addr_same_ip(&have, &want);
	}
	freeifaddrs(all);
	return ours;
}

static bool our_domain(struct sipd *s, const struct sip_uri *uri, const char *name)
{
	const struct user *u = users_reach(s->users, slice_str(name));
	struct slice domain = u ? sipd_domain(s, u) : slice_str(s->conf->default_domain);

	return (domain.n && slice_ieq(uri->host, domain)) || our_address(s, uri);
}

void route_find(
    struct sipd *s, const struct user *from, struct slice dialled, bool internal, struct route *r)
{
	char number[NUMBER_MAX];
	struct slice opaque;
	struct sip_uri uri;
	struct user *u;

	*r = (struct route){ 0 };
	dialled = slice_trim(dialled);
	if (route_emergency(s, dialled)) {
		if (s->conf->emergency_uri[0]) {
			r->kind = ROUTE_SIP;
			if (slice_copy(slice_str(s->conf->emergency_uri), r->uri, sizeof(r->uri)) ==
			    0)
				return;
		}
		to_uri(s, from, dialled, r);
		return;
	}
	if (s->conf->voicemail_number[0] && !internal &&
	    slice_eq(dialled, slice_str(s->conf->voicemail_number))) {
		struct wr w = wr_of(r->uri, sizeof(r->uri));

		r->kind = ROUTE_SIP;
		if (!prov_voicemail(s, from, &w) || !wr_nul(&w))
			none(r, CAUSE_UNKNOWN_NUMBER);
		return;
	}
	if (number_is_uri(dialled)) {
		char with_scheme[NUMBER_MAX + 8];
		if (!slice_istarts(dialled, SLICE_LIT("sip:")) &&
		    !slice_istarts(dialled, SLICE_LIT("sips:")) &&
		    !slice_istarts(dialled, SLICE_LIT("tel:"))) {
			(void)snprintf(with_scheme, sizeof(with_scheme), "sip:%.*s", (int)dialled.n,
			    dialled.p);
			dialled = slice_str(with_scheme);
		}
		if (sip_uri_parse(&uri, dialled) || uri.scheme == SIP_SCHEME_OTHER) {
			none(r, CAUSE_UNKNOWN_NUMBER);
			return;
		}
		if (uri.scheme == SIP_SCHEME_TEL) {
			dialled = slice_sub(uri.user, 0, slice_chr(uri.user, ';'));
		} else if (sip_unescape(uri.user, number, sizeof(number)) == 0 &&
		           our_domain(s, &uri, number)) {
			/* LYNC: bob's address with opaque=app:… is a service that he has, not he. */
			bool service = sip_uri_param(&uri, SLICE_LIT("opaque"), &opaque) &&
			               slice_istarts(opaque, SLICE_LIT("app:"));
			u = service ? NULL : users_reach(s->users, slice_str(number));
			if (u && !reg_outside(s, from, u)) {
				local(r, u);
				return;
			}
			r->kind = ROUTE_SIP;
			if (slice_copy(dialled, r->uri, sizeof(r->uri)))
				none(r, CAUSE_UNKNOWN_NUMBER);
			return;
		} else {
			if (!s->conf->allow_uri) {
				none(r, CAUSE_FORBIDDEN);
				return;
			}
			r->kind = ROUTE_SIP;
			if (slice_copy(dialled, r->uri, sizeof(r->uri)))
				none(r, CAUSE_UNKNOWN_NUMBER);
			return;
		}
	}
	r->more = users_prefix(s->users, dialled);
	u = users_reach(s->users, dialled);
	if (u && (internal || !reg_outside(s, from, u))) {
		local(r, u);
		return;
	}
	if (number_apply(s->rules, s->nrules, dialled, number, sizeof(number))) {
		none(r, CAUSE_UNKNOWN_NUMBER);
		return;
	}
	if (!u) {
		u = users_reach(s->users, slice_str(number));
		if (u && (internal || !reg_outside(s, from, u))) {
			local(r, u);
			return;
		}
	}
	if (internal || !reg_any_proxy(s)) {
		none(r, CAUSE_UNKNOWN_NUMBER);
		return;
	}
	if (!reg_proxy_up(s, from)) {
		if (u && s->conf->internal_fallback)
			local(r, u);
		else
			none(r, CAUSE_CONGESTION);
		return;
	}
	to_uri(s, from, slice_str(number), r);
}
