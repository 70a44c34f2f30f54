/* LYNC: the dialect as data: one table says which keys of [sipd] have another value with it. */
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "sipd/ms.h"

#define OFF(field) offsetof(struct sipd_conf, field)

static const struct {
	size_t off;
	bool boolean;
	uint32_t v;
} values[] = {
	{ OFF(transport), false, TP_TLS },
	{ OFF(dns_method), false, 1 }, /* A records, in the order of the list */
	{ OFF(sips), true, false }, { OFF(gruu), true, true },
	{ OFF(to_registrar), true, true }, /* all stays on the registered connection */
	{ OFF(ignore_version), true, true }, { OFF(lifetime), true, true },
	{ OFF(mki), true, true }, { OFF(comfort_noise), true, true },
	{ OFF(mwi), true, false }, /* comes with presence */
};

static char *keep(struct wr *w, const char *fmt, const char *a, const char *b, const char *c)
{
	char *at = (char *)w->p + w->n;

	wr_fmt(w, fmt, a, b, c);
	wr_u8(w, '\0');
	return w->bad ? NULL : at;
}

int ms_profile(const struct sipd_conf *in, struct sipd_conf *out, char text[MS_TEXT])
{
	struct wr w = wr_of(text, MS_TEXT);
	static char tls[] = "tls", *tls_only[] = { tls };
	bool listens = false;

	*out = *in;
	if (!in->lync)
		return 0;
	if (in->lync_front_ends.n == 0 || in->lync_front_ends.n > SIPD_PROXIES) {
		log_ev(LOG_ERR, "lync needs front-ends",
		    F_REMEDY(
		        "front-ends in [lync]: names of the branch appliance, then of the pools; "
		        "four at most"));
		return ERR_VALUE;
	}
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		char *at = (char *)out + values[i].off;
		if (values[i].boolean)
			*(bool *)at = values[i].v != 0;
		else
			*(uint32_t *)(void *)at = values[i].v;
	}
	for (size_t i = 0; i < SIPD_PROXIES; i++) {
		const char *name = i < in->lync_front_ends.n ? in->lync_front_ends.v[i] : NULL;
		out->proxy[i].priority = (uint32_t)i + 1;
		out->proxy[i].weight = 100;
		out->proxy[i].uri = name ? keep(&w, "sip:%s%s;transport=tls%s", name,
		                               strrchr(name, ':') ? "" : ":5061", "")
		                         : keep(&w, "%s%s%s", "", "", "");
		if (!out->proxy[i].uri)
			return ERR_LIMIT;
	}
	if (in->lync_domain[0])
		out->default_domain = in->lync_domain;
	for (size_t i = 0; i < in->transports.n; i++)
		listens |= strcmp(in->transports.v[i], "tls") == 0;
	if (in->lync_auth == MS_AUTH_TRUSTED) {
		/* The server connects to us, too: proven by its certificate. */
		out->tls_client = 2;
		if (!listens)
			out->transports = (struct conf_list){ tls_only, 1 };
	}
	return 0;
}
