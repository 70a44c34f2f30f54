/* What the settings mean beyond their form: found by sipd -t, at the start and at a reload, before anything is changed. */
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/ms.h"
#include "sipd/number.h"
#include "sipd/sipd.h"

static int fault(const char *key, const char *value, const char *remedy)
{
	log_ev(LOG_ERR, "a setting cannot be used", F_TEXT("IPDECT_KEY_NAME", key),
	    F_TEXT("IPDECT_VALUE", value), F_REMEDY(remedy));
	return ERR_VALUE;
}

static int check_listen(const struct sipd_conf *c)
{
	enum tp_proto p;
	struct addr a;
	int err = 0;

	for (size_t i = 0; i < c->listen.n; i++)
		if (addr_parse(slice_str(c->listen.v[i]), 1, &a))
			err = fault("listen-address", c->listen.v[i],
			    "write IPv4 or IPv6 addresses of this host, or 0.0.0.0 for all");
	for (size_t i = 0; i < c->transports.n; i++)
		if (tp_proto_of(slice_str(c->transports.v[i]), &p))
			err = fault("transports", c->transports.v[i], "write udp, tcp, tls");
	for (size_t i = 0; i < c->dns_servers.n; i++)
		if (addr_parse(slice_str(c->dns_servers.v[i]), 53, &a))
			err = fault("dns-servers", c->dns_servers.v[i],
			    "write addresses, with or without a port");
	return err;
}

/* What is no URI yet is the part behind "sip:". */
static bool is_uri(const char *text, bool tel)
{
	char uri[300];
	struct wr w = wr_of(uri, sizeof(uri));
	struct slice transport;
	enum tp_proto p;
	struct sip_uri u;

	wr_fmt(&w, "%s%s", number_is_uri(slice_str(text)) ? "" : "sip:", text);
	if (!wr_nul(&w) || strpbrk(text, " \t\"<>") || sip_uri_parse(&u, slice_str(uri)))
		return false;
	if (u.scheme == SIP_SCHEME_TEL)
		return tel;
	return (u.scheme == SIP_SCHEME_SIP || u.scheme == SIP_SCHEME_SIPS) && u.host.n &&
	       (!sip_uri_param(&u, SLICE_LIT("transport"), &transport) ||
	           tp_proto_of(transport, &p) == 0);
}

static int check_uris(const struct sipd_conf *c)
{
	static const char *const key[SIPD_PROXIES] = { "proxy-1", "proxy-2", "proxy-3", "proxy-4" };
	int err = 0;

	for (size_t i = 0; i < SIPD_PROXIES; i++)
		if (c->proxy[i].uri[0] && !is_uri(c->proxy[i].uri, false))
			err = fault(c->lync ? "front-ends" : key[i], c->proxy[i].uri,
			    "write a host's name or address, or sip:HOST:PORT;transport=udp, tcp "
			    "or tls");
	if (c->emergency_uri[0] &&
	    (!strchr(c->emergency_uri, ':') || strpbrk(c->emergency_uri, " \t\"<>") ||
	        (number_is_uri(slice_str(c->emergency_uri)) && !is_uri(c->emergency_uri, true))))
		err = fault("emergency-uri", c->emergency_uri, "write a URI: sip:NAME@HOST");
	return err;
}

int sipd_verify(const void *conf)
{
	struct sipd_conf eff;
	char *profile = mem_new(MS_TEXT);
	int err = ms_profile(conf, &eff, profile), other;

	if (!err) {
		struct sipd *s = mem_new(sizeof(*s)); /* what the settings would make */
		err = sipd_make_oa(s, &eff);
		free(s);
		other = check_listen(&eff);
		err = err ? err : other;
		other = check_uris(&eff);
		err = err ? err : other;
	}
	free(profile);
	return err;
}
