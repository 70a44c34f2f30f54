/* dectctl check at sipd: ports, proxies, registrations, TLS, media. */
#include <stdio.h>

#include "sipd/check_dns.h"
#include "sipd/media.h"
#include "sipd/reg.h"
#include "sipd/tls.h"

#define CLOCK_ODD_S 5
#define CLOCK_BAD_S 60 /* what NTLM and Kerberos bear is more, what certificates bear is less */
#define NAMED_MAX   20 /* users with a row of their own; the sum has all */

static void check_ports(struct sipd *s, struct ctl_run *r)
{
	static const char *const names[TP_NPROTO] = {
		[TP_UDP] = "SIP over UDP", [TP_TCP] = "SIP over TCP", [TP_TLS] = "SIP over TLS"
	};
	bool any = false;

	for (int p = 0; p < TP_NPROTO; p++) {
		struct addr a;
		char text[ADDR_TEXT];

		if (!s->listening[p])
			continue;
		any = true;
		addr_from_sa(&a, (const struct sockaddr *)&s->bound[p]);
		ctl_check(r, names[p], CTL_OK, "", "listens at %s", addr_print(&a, true, text));
	}
	if (!any)
		ctl_check(r, "SIP ports", CTL_FAILED,
		    "set listen-address, local-port and transports in [sipd]; the journal says "
		    "which "
		    "port could not be taken",
		    "listens nowhere");
}

static void check_proxies(struct sipd *s, struct ctl_run *r)
{
	struct proxy_view v;
	unsigned i = 0;

	for (; regs_proxy_view(s, i, &v); i++) {
		char name[16], text[ADDR_TEXT] = "";

		(void)snprintf(name, sizeof(name), "proxy %u", i + 1);
		if (addr_set(&v.seen))
			addr_print(&v.seen, true, text);
		if (v.down)
			ctl_check(r, name, CTL_FAILED,
			    "check its name in DNS, network, firewall, and for TLS the trusted "
			    "CAs: "
			    "dectctl trust list",
			    "%s is not reachable: %s", v.uri, v.why ? v.why : "no answer");
		else if (v.answers || *text)
			ctl_check(r, name, CTL_OK, "", "%s answers%s%s", v.uri,
			    *text ? ", from " : "", text);
		else
			ctl_check(r, name, CTL_WARNING, "wait some seconds, then check again",
			    "%s: not heard of yet", v.uri);
	}
	if (!i)
		ctl_check(r, "proxies", CTL_WARNING,
		    "set proxy-1 in [sipd] unless handsets shall only call each other",
		    "none is configured");
}

/* Signed messages of Lync live for minutes, certificates have a beginning: a wrong clock looks like a wrong password. */
static void check_clock(struct sipd *s, struct ctl_run *r)
{
	struct proxy_view v;
	bool any = false;

	for (unsigned i = 0; regs_proxy_view(s, i, &v); i++) {
		int64_t off = v.ahead_s < 0 ? -v.ahead_s : v.ahead_s;

		if (!v.has_date)
			continue;
		any = true;
		ctl_check(r, "clock",
		    off > CLOCK_BAD_S   ? CTL_FAILED
		    : off > CLOCK_ODD_S ? CTL_WARNING
		                        : CTL_OK,
		    off > CLOCK_ODD_S ? "let both follow the same time servers: timedatectl" : "",
		    "%s is %lld s %s us", v.uri, (long long)off,
		    v.ahead_s < 0 ? "behind" : "ahead of");
	}
	if (!any && regs_proxy_view(s, 0, &v))
		ctl_check(r, "clock", CTL_OK, "", "no proxy has told its time");
}

static void check_users(struct sipd *s, struct ctl_run *r)
{
	unsigned want, up, failed, named = 0;

	regs_count(s, &want, &up, &failed);
	for (const struct user *u = users_next(s->users, NULL); u && named < NAMED_MAX;
	     u = users_next(s->users, u)) {
		struct reg_view v;

		reg_view(u, &v);
		if (!*v.why || slice_eq(slice_str(v.state), SLICE_LIT("registered")))
			continue;
		named++;
		ctl_check(r, "registration", CTL_FAILED,
		    v.code == 401 || v.code == 403 || v.code == 407
		        ? "compare user name and password with the PBX: dectctl secret set USER "
		          "kind=sip"
		    : v.code == 404 ? "add the user at the PBX"
		                    : "see the rows of the proxies",
		    "%s: %u %s", u->f[USER_NAME], v.code, v.why);
	}
	ctl_check(r, "registrations", failed ? CTL_FAILED : CTL_OK,
	    failed ? "dectctl reg list tells why for each" : "", "%u of %u users are registered",
	    up, want);
}

void sipd_check(struct daemon *d, struct ctl_run *r)
{
	struct sipd *s = sipd_of(d);
	uint32_t sessions;
	unsigned mediads = media_pool_up(s->media, &sessions);

	check_ports(s, r);
	if (tls_used(s))
		ctl_check(r, "TLS identity", tls_ready(s) ? CTL_OK : CTL_FAILED,
		    tls_ready(s) ? "" : "dectctl cert import, or dectctl cert csr", "%s",
		    tls_ready(s) ? "certificate from certd" : "TLS without a certificate of ours");
	check_proxies(s, r);
	check_clock(s, r);
	check_users(s, r);
	ctl_check(r, "media", mediads ? CTL_OK : CTL_FAILED,
	    mediads ? "" : "systemctl start ipdect-mediad@1: calls have no speech",
	    "%u instances of mediad, %u sessions", mediads, sessions);
	ctl_check(r, "dectd", s->dectd ? CTL_OK : CTL_FAILED,
	    s->dectd ? "" : "systemctl start ipdect-dectd", "%s",
	    s->dectd ? "connected" : "away: handsets cannot be reached");
	if (cdr_failures(s->cdr))
		ctl_check(r, "call records", CTL_FAILED, "make room on the disk",
		    "some could not be written");
	check_dns(s, r);
}
