/* What a registrar grants with its 2xx: the time, the Service-Route (RFC 3608), the GRUU (RFC 5627), outbound (RFC 5626). */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "sipd/reg_int.h"

static void keep_routes(struct reg *r, const struct sip_msg *rsp)
{
	struct sip_values v = sip_msg_values(rsp, SIP_H_SERVICE_ROUTE);
	struct slice s;
	char buf[1024];
	struct wr w = wr_of(buf, sizeof(buf));
	unsigned n = 0;

	while (n < REG_ROUTES_MAX && sip_values_next(&v, &s)) {
		wr_slice_add(&w, s);
		wr_str(&w, "\n");
		n++;
	}
	free(r->routes);
	r->routes = n && wr_nul(&w) ? mem_str(buf) : NULL;
}

static bool is_ours(const struct reg *r, const struct sip_addr *a)
{
	struct slice instance;
	size_t n = strlen(r->instance);

	if (!sip_addr_param(a, SLICE_LIT("+sip.instance"), &instance))
		return false;
	for (size_t at = 0; n && at + n <= instance.n; at++)
		if (slice_ieq(slice_sub(instance, at, n), slice_str(r->instance)))
			return true;
	return false;
}

/* What the registrar granted: the expires parameter of our binding, else Expires, else what we asked for. */
static uint32_t expiry(struct reg *r, const struct sip_msg *rsp)
{
	struct sip_values v = sip_msg_values(rsp, SIP_H_CONTACT);
	struct slice s, e;
	struct sip_addr a;
	uint32_t n = r->expires, one;

	if (sip_msg_u32(rsp, SIP_H_EXPIRES, 864000, &n))
		n = r->expires;
	while (sip_values_next(&v, &s)) {
		char name[USER_NAME_MAX + 1], at[128];
		if (sip_addr_parse(&a, s))
			continue;
		/* LYNC: the Contact may bear any host, and no user; there are those of other endpoints, too. */
		if (r->regs->s->conf->lync) {
			if (is_ours(r, &a) && sip_addr_param(&a, SLICE_LIT("expires"), &e) &&
			    slice_u32(e, 864000, &one) == 0)
				n = one;
			continue;
		}
		if (sip_unescape(a.uri.user, name, sizeof(name)) ||
		    strcmp(name, r->user->f[USER_NAME]) != 0)
			continue;
		if (r->flow && a.uri.port) {
			struct wr theirs = wr_of(at, sizeof(at));
			wr_slice_add(&theirs, a.uri.host);
			wr_u8(&theirs, ':');
			wr_dec(&theirs, a.uri.port);
			if (!slice_ieq(tp_flow_sent_by(r->flow), wr_slice(&theirs)))
				continue;
		}
		if (sip_addr_param(&a, SLICE_LIT("expires"), &e) && slice_u32(e, 864000, &one) == 0)
			n = one;
	}
	return n < 10 ? 10 : n;
}

/* The public GRUU of our instance, as the registrar made it. */
static void keep_gruu(struct reg *r, const struct sip_msg *rsp)
{
	struct sip_values v = sip_msg_values(rsp, SIP_H_CONTACT);
	struct slice s, gruu;
	struct sip_addr a;
	struct sip_uri uri;
	char text[512];

	free(r->gruu);
	r->gruu = NULL;
	while (r->regs->s->conf->gruu && sip_values_next(&v, &s)) {
		if (sip_addr_parse(&a, s) || !is_ours(r, &a) ||
		    (!sip_addr_param(&a, SLICE_LIT("pub-gruu"), &gruu) &&
		        !sip_addr_param(&a, SLICE_LIT("gruu"), &gruu)) ||
		    sip_unquote(gruu, text, sizeof(text)) || sip_uri_parse(&uri, slice_str(text)) ||
		    strpbrk(text, "<> \r\n"))
			continue;
		r->gruu = mem_str(text);
		return;
	}
}

void reg_granted(struct reg *r, const struct sip_msg *rsp)
{
	r->granted = expiry(r, rsp);
	keep_routes(r, rsp);
	keep_gruu(r, rsp);
	reg_ob_granted(r, rsp);
}
