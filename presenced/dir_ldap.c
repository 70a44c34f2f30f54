/* The connection: discovery, TLS, bind, rootDSE, searches with limits. */
#include "presenced/dir_ldap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"
#include "presenced/dir_filter.h"

#define INCOMING_MAX                                                                               \
	(8u << 20) /* octets of one answer; a photo that nobody asked for ends the connection */
#define POLL_MS 200

void dir_ldap_conf_free(struct dir_ldap_conf *c)
{
	if (!c)
		return;
	char *const text[] = { c->domain, c->site, c->ca_file, c->crl_file, c->name, c->base,
		c->filter, c->sip_attribute };

	for (size_t i = 0; i < c->nserver; i++)
		free(c->server[i]);
	free(c->server);
	for (size_t i = 0; i < ARRAY_LEN(text); i++)
		free(text[i]);
	mem_free_wiped(c->secret, c->secret ? strlen(c->secret) : 0);
	free(c);
}

bool dir_ldap_url_ok(struct slice url, bool *tls)
{
	size_t host;

	*tls = slice_istarts(url, SLICE_LIT("ldaps://"));
	if (!*tls && !slice_istarts(url, SLICE_LIT("ldap://")))
		return false;
	host = *tls ? 8 : 7;
	if (url.n <= host || url.n > 255)
		return false;
	for (size_t i = host; i < url.n; i++) {
		unsigned char c = (unsigned char)url.p[i];

		if (c <= 0x20 || c >= 0x7F || c == '/' || c == '?' || c == '%' || c == '@' ||
		    c == ',')
			return false;
	}
	return true;
}

const char *dir_ldap_conf_bad(const struct dir_ldap_conf *c)
{
	bool tls;

	for (size_t i = 0; i < c->nserver; i++)
		if (!dir_ldap_url_ok(slice_str(c->server[i]), &tls))
			return "a server is not of the form ldaps://host[:port] or "
			       "ldap://host[:port]";
	if (c->filter[0] && !dir_filter_sound(slice_str(c->filter)))
		return "the filter is not one filter in parentheses (RFC 4515)";
	if (c->bind == DIR_SIMPLE && !c->name[0])
		return "bind-name is missing";
	/* A name without a password is an anonymous bind that succeeds (RFC 4513 5.1.2). */
	if (c->bind == DIR_SIMPLE && (!c->secret || !c->secret[0]))
		return "the password is missing: dectctl secret set OWNER kind=ldap";
	return NULL;
}

/* Active Directory hides the reason of a refused login in the diagnostic text: "… data 775, …". */
static const char *ad_reason(const char *diag)
{
	static const struct {
		const char *data, *text;
	} reasons[] = {
		{ "525", "no such user" },
		{ "52e", "wrong password" },
		{ "530", "not allowed at this time" },
		{ "531", "not allowed from this machine" },
		{ "532", "the password has expired" },
		{ "533", "the account is disabled" },
		{ "701", "the account has expired" },
		{ "773", "the password must be changed first" },
		{ "775", "the account is locked out" },
	};
	const char *data = diag ? strstr(diag, "data ") : NULL;

	if (diag && strstr(diag, "80090346"))
		return "the server wants channel binding";
	for (size_t i = 0; data && i < ARRAY_LEN(reasons); i++)
		if (strncmp(data + 5, reasons[i].data, 3) == 0)
			return reasons[i].text;
	return NULL;
}

static int fail(struct dir_ldap *l, int err, const char *what, const char *remedy)
{
	char *diag = NULL;
	const char *reason;
	int n;

	if (l->ld)
		(void)ldap_get_option(l->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &diag);
	n = l->result == LDAP_SUCCESS
	        ? snprintf(l->why, sizeof(l->why), "%s", what)
	        : snprintf(l->why, sizeof(l->why), "%s: %s", what, ldap_err2string(l->result));
	reason = err == ERR_AUTH ? ad_reason(diag) : NULL;
	/* Diagnostic text may echo filters, which people typed: only of a login is it told. */
	if (reason)
		n += snprintf(l->why + n, sizeof(l->why) - (size_t)n, " (%s)", reason);
	else if (diag && *diag && err == ERR_AUTH)
		n += snprintf(l->why + n, sizeof(l->why) - (size_t)n, " (%.120s)", diag);
	if (remedy && n > 0 && (size_t)n < sizeof(l->why))
		snprintf(l->why + n, sizeof(l->why) - (size_t)n, "; %s", remedy);
	for (char *p = l->why; *p; p++)
		if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7F)
			*p = ' ';
	ldap_memfree(diag);
	return err;
}

/* Result codes to ours, with what an administrator can do. Codes of libldap itself are negative. */
static int judge(struct dir_ldap *l, const char *what)
{
	static const struct {
		int code, err;
		const char *remedy;
	} known[] = {
		{ LDAP_SIZELIMIT_EXCEEDED, ERR_LIMIT,
		    "raise the server's size limit for the reader's account" },
		{ LDAP_ADMINLIMIT_EXCEEDED, ERR_LIMIT,
		    "raise the server's limits for the reader's account" },
		{ LDAP_TIMELIMIT_EXCEEDED, ERR_TIMEOUT,
		    "raise the server's time limit for the reader's account, or set a filter" },
		{ LDAP_TIMEOUT, ERR_TIMEOUT,
		    "the server is slow or hangs: look at it, or raise the time-outs in "
		    "[directory]" },
		{ LDAP_STRONG_AUTH_REQUIRED, ERR_VALUE,
		    "the server wants TLS: use ldaps:// or leave clear-text off" },
		{ LDAP_CONFIDENTIALITY_REQUIRED, ERR_VALUE,
		    "the server wants TLS: use ldaps:// or leave clear-text off" },
		{ LDAP_REFERRAL, ERR_VALUE,
		    "another server has this: use the global catalogue or another base" },
		{ LDAP_NO_SUCH_OBJECT, ERR_VALUE, "the base is wrong" },
		{ LDAP_INVALID_DN_SYNTAX, ERR_VALUE, "base or bind-name is no DN" },
		{ LDAP_FILTER_ERROR, ERR_VALUE, "the filter is wrong" },
		{ LDAP_OPERATIONS_ERROR, ERR_VALUE,
		    "Active Directory answers so when nobody is logged in" },
		{ LDAP_INSUFFICIENT_ACCESS, ERR_DENIED, "the reader's account may not do this" },
		{ LDAP_INVALID_CREDENTIALS, ERR_AUTH,
		    "name or password is wrong, or the account is locked" },
		{ LDAP_INAPPROPRIATE_AUTH, ERR_AUTH,
		    "this account cannot log in in this way: see bind in [directory]" },
		{ LDAP_AUTH_METHOD_NOT_SUPPORTED, ERR_AUTH,
		    "the server does not take this kind of login: see bind in [directory]" },
		{ LDAP_SYNC_REFRESH_REQUIRED, ERR_STATE, NULL },
		{ LDAP_BUSY, ERR_LOST, "the server is busy: it is asked again" },
		{ LDAP_UNAVAILABLE, ERR_LOST, "the server is shutting down or starting" },
		{ LDAP_SERVER_DOWN, ERR_LOST,
		    "is it running, is the port open, do name and issuer of its certificate fit?" },
		{ LDAP_CONNECT_ERROR, ERR_LOST,
		    "is it running, is the port open, do name and issuer of its certificate fit?" },
		{ LDAP_DECODING_ERROR, ERR_LOST, "what came is no LDAP: is this the right port?" },
		{ LDAP_LOCAL_ERROR, ERR_AUTH,
		    "Kerberos: see keytab, clock, name of the server and krb5.conf" },
	};

	if (l->result == LDAP_SUCCESS)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].code == l->result)
			return fail(l, known[i].err, what, known[i].remedy);
	return fail(l, l->result < 0 ? ERR_LOST : ERR_UNSUPP, what,
	    l->result < 0 ? NULL : "the reason is in the server's log");
}

static struct timeval tv(uint32_t ms)
{
	return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000 };
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool stopped(const struct dir_ldap *l)
{
	return l->stop && atomic_load(l->stop);
}

static bool option(struct dir_ldap *l, int opt, const void *v)
{
	l->result =
	    ldap_set_option(l->ld, opt, v) == LDAP_OPT_SUCCESS ? LDAP_SUCCESS : LDAP_PARAM_ERROR;
	return l->result == LDAP_SUCCESS;
}

static int tls_options(struct dir_ldap *l)
{
	static const int hard = LDAP_OPT_X_TLS_HARD, min = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2, none = 0;
	const struct dir_ldap_conf *c = l->conf;

	if (!option(l, LDAP_OPT_X_TLS_REQUIRE_CERT, &hard) ||
	    !option(l, LDAP_OPT_X_TLS_PROTOCOL_MIN, &min))
		return fail(l, ERR_CRYPTO, "TLS", NULL);
	if (!c->ca_file[0])
		return fail(
		    l, ERR_VALUE, "TLS", "there are no trusted certificates: dectctl trust import");
	if (!option(l, LDAP_OPT_X_TLS_CACERTFILE, c->ca_file) ||
	    (c->crl_file[0] && !option(l, LDAP_OPT_X_TLS_CRLFILE, c->crl_file)) ||
	    !option(l, LDAP_OPT_X_TLS_NEWCTX, &none))
		return fail(
		    l, ERR_CRYPTO, "TLS", "the bundle of trusted certificates cannot be used");
	return 0;
}

/* Polls for the answer of one operation. 0 with *m; ERR_TIMEOUT, ERR_LOST. */
static int await(struct dir_ldap *l, int id, int all, uint64_t until, LDAPMessage **m)
{
	for (;;) {
		struct timeval t = tv(POLL_MS);
		int rc = ldap_result(l->ld, id, all, &t, m);

		if (rc > 0 && !stopped(l) && now_ms() < until)
			return 0;
		if (rc > 0) /* a server that always has more, too */
			ldap_msgfree(*m);
		if (rc < 0) {
			if (ldap_get_option(l->ld, LDAP_OPT_RESULT_CODE, &l->result) !=
			        LDAP_OPT_SUCCESS ||
			    l->result == LDAP_SUCCESS)
				l->result = LDAP_SERVER_DOWN;
			return ERR_LOST;
		}
		if (stopped(l) || now_ms() >= until) {
			l->result = LDAP_TIMEOUT;
			(void)ldap_abandon_ext(l->ld, id, NULL, NULL);
			return ERR_TIMEOUT;
		}
	}
}

static int finish(struct dir_ldap *l, LDAPMessage *m)
{
	int code = LDAP_OTHER;

	if (ldap_parse_result(l->ld, m, &code, NULL, NULL, NULL, NULL, 1) != LDAP_SUCCESS)
		code = LDAP_DECODING_ERROR;
	l->result = code;
	return code;
}

static int start_tls(struct dir_ldap *l)
{
	LDAPMessage *m = NULL;
	int id, err;

	l->result = ldap_start_tls(l->ld, NULL, NULL, &id);
	if (l->result != LDAP_SUCCESS)
		return judge(l, "connection");
	err = await(l, id, 1, now_ms() + l->conf->network_ms, &m);
	if (err) {
		(void)judge(l, "StartTLS");
		return ERR_LOST;
	}
	if (finish(l, m) != LDAP_SUCCESS)
		return fail(l, ERR_LOST, "StartTLS", "the server does not offer it: use ldaps://");
	l->result = ldap_install_tls(l->ld);
	return l->result == LDAP_SUCCESS ? 0
	                                 : fail(l, ERR_LOST, "TLS",
	                                       "does its certificate carry this name, is it not "
	                                       "expired, and is its issuer trusted?");
}

/* GSSAPI asks for nothing that we would not know: the ticket is in the keytab, the name follows from it. */
static int interact(LDAP *ld, unsigned flags, void *defaults, void *in)
{
	(void)ld, (void)flags, (void)defaults, (void)in;
	return LDAP_SUCCESS;
}

static int login(struct dir_ldap *l, bool tls)
{
	const struct dir_ldap_conf *c = l->conf;
	struct berval cred = { 0 };
	LDAPMessage *m = NULL;
	int id, err;

	if (c->bind == DIR_GSSAPI) {
		static const ber_len_t zero = 0, least = 56;

		/* Two layers of protection are refused by Active Directory: inside TLS the inner one is off. */
		/* Without TLS it must encrypt what it carries. The ticket is for the configured name, not for what DNS
		 * makes of its address. */
		if (!option(l, LDAP_OPT_X_SASL_NOCANON, LDAP_OPT_ON) ||
		    (tls ? !option(l, LDAP_OPT_X_SASL_SSF_MAX, &zero)
		         : !c->clear && !option(l, LDAP_OPT_X_SASL_SSF_MIN, &least)))
			return fail(l, ERR_CRYPTO, "GSSAPI", NULL);
		l->result = ldap_sasl_interactive_bind_s(
		    l->ld, NULL, "GSSAPI", NULL, NULL, LDAP_SASL_QUIET, interact, NULL);
		if (l->result == LDAP_SUCCESS)
			return 0;
		return judge(l, "GSSAPI");
	}
	if (c->bind == DIR_SIMPLE) {
		cred.bv_val = c->secret;
		cred.bv_len = strlen(c->secret);
	}
	l->result = ldap_sasl_bind(
	    l->ld, c->bind == DIR_SIMPLE ? c->name : "", LDAP_SASL_SIMPLE, &cred, NULL, NULL, &id);
	if (l->result != LDAP_SUCCESS)
		return tls ? fail(l, ERR_LOST, "connection",
		                 "is it running, its name known, the port open, its certificate of "
		                 "this name and not expired, its issuer trusted?")
		           : judge(l, "connection");
	err = await(l, id, 1, now_ms() + c->network_ms, &m);
	if (err) {
		(void)judge(l, "login");
		return ERR_LOST;
	}
	if (finish(l, m) == LDAP_SUCCESS)
		return 0;
	err = judge(l, "login");
	l->bad_login = err == ERR_AUTH;
	return err;
}

static bool has_value(LDAP *ld, LDAPMessage *e, const char *attribute, const char *value)
{
	struct berval **v = ldap_get_values_len(ld, e, attribute);
	bool found = false;

	for (int i = 0; v && v[i] && !found; i++)
		found = slice_eq((struct slice){ v[i]->bv_val, v[i]->bv_len }, slice_str(value));
	ldap_value_free_len(v);
	return found;
}

static void first(LDAP *ld, LDAPMessage *e, const char *attribute, char *out, size_t cap)
{
	struct berval **v = ldap_get_values_len(ld, e, attribute);

	if (!out[0] && v && v[0] &&
	    slice_copy((struct slice){ v[0]->bv_val, v[0]->bv_len }, out, cap))
		out[0] = '\0';
	ldap_value_free_len(v);
}

static int on_root(void *ctx, LDAP *ld, LDAPMessage *e, LDAPControl **ctrls)
{
	struct dir_ldap *l = ctx;
	char usn[24] = "";

	(void)ctrls;
	l->ad = has_value(ld, e, "supportedCapabilities", "1.2.840.113556.1.4.800");
	l->paging = has_value(ld, e, "supportedControl", LDAP_CONTROL_PAGEDRESULTS);
	l->dirsync = has_value(ld, e, "supportedControl", "1.2.840.113556.1.4.841");
	l->syncrepl = has_value(ld, e, "supportedControl", LDAP_CONTROL_SYNC);
	l->nc[0] = '\0';
	first(ld, e, "defaultNamingContext", l->nc, sizeof(l->nc));
	first(ld, e, "namingContexts", l->nc, sizeof(l->nc));
	snprintf(l->base, sizeof(l->base), "%s", l->conf->base[0] ? l->conf->base : l->nc);
	l->identity[0] = '\0';
	first(ld, e, "dsServiceName", l->identity, sizeof(l->identity));
	first(ld, e, "highestCommittedUSN", usn, sizeof(usn));
	l->usn = strtoull(usn, NULL, 10);
	return 0;
}

static int root_dse(struct dir_ldap *l)
{
	static char *attributes[] = { "defaultNamingContext", "namingContexts",
		"supportedCapabilities", "supportedControl", "dsServiceName", "highestCommittedUSN",
		NULL };
	struct dir_query q = { .base = "",
		.filter = "(objectClass=*)",
		.attributes = attributes,
		.max = 2,
		.ms = l->conf->search_ms,
		.fn = on_root,
		.ctx = l };
	int err;

	l->base[0] = '\0';
	err = dir_ldap_search(l, &q, NULL);
	if (err)
		return err;
	if (!l->identity[0])
		snprintf(l->identity, sizeof(l->identity), "%s", l->server);
	if (l->conf->schema != DIR_AUTO)
		l->ad = l->conf->schema == DIR_AD;
	if (!l->base[0]) {
		snprintf(
		    l->why, sizeof(l->why), "the server names no base: set base in [directory]");
		return ERR_VALUE;
	}
	return 0;
}

static int try_server(struct dir_ldap *l, const char *url)
{
	static const int version = LDAP_VERSION3;
	struct timeval net = tv(l->conf->network_ms);
	bool tls = false, secure;
	Sockbuf *sb = NULL;
	int err = 0;

	snprintf(l->server, sizeof(l->server), "%s", url);
	if (!dir_ldap_url_ok(slice_str(url), &tls)) {
		l->result = LDAP_PARAM_ERROR;
		return fail(
		    l, ERR_VALUE, url, "servers are ldaps://host[:port] or ldap://host[:port]");
	}
	secure = tls || !l->conf->clear;
	l->result = ldap_initialize(&l->ld, url);
	if (l->result != LDAP_SUCCESS)
		return fail(l, ERR_VALUE, url, NULL);
	if (!option(l, LDAP_OPT_PROTOCOL_VERSION, &version) ||
	    !option(l, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) ||
	    !option(l, LDAP_OPT_NETWORK_TIMEOUT, &net) ||
	    !option(l, LDAP_OPT_CONNECT_ASYNC, LDAP_OPT_ON) || !option(l, LDAP_OPT_TIMEOUT, &net))
		err = fail(l, ERR_VALUE, "options", NULL);
	if (err == 0 && ldap_get_option(l->ld, LDAP_OPT_SOCKBUF, &sb) == LDAP_OPT_SUCCESS && sb) {
		ber_len_t most = INCOMING_MAX;

		(void)ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_MAX_INCOMING, &most);
	}
	/* GSSAPI protects what it carries by itself. */
	if (err == 0 && (tls || (secure && l->conf->bind != DIR_GSSAPI)))
		err = tls_options(l);
	if (err == 0 && secure && !tls && l->conf->bind != DIR_GSSAPI)
		err = start_tls(l);
	if (err == 0)
		err = login(l, tls);
	if (err == 0)
		err = root_dse(l);
	if (err)
		dir_ldap_close(l);
	return err;
}

static bool below(const char *host, const char *domain)
{
	size_t h = strcspn(host, ":"), d = strlen(domain);

	if (h > 0 && host[h - 1] == '.')
		h--;
	return h > d && slice_ieq((struct slice){ host + h - d, d }, slice_str(domain)) &&
	       host[h - d - 1] == '.';
}

/* DNS SRV. What it answers is not authenticated: only names below the domain can have a certificate that proves it. */
static int by_domain(struct dir_ldap *l)
{
	const struct dir_ldap_conf *c = l->conf;
	int err = ERR_LOST;

	l->result = LDAP_SERVER_DOWN;
	snprintf(l->why, sizeof(l->why), "no DNS SRV record of a directory below %s", c->domain);
	for (int i = c->site[0] ? 0 : 1; i < 3 && err && !l->bad_login && !stopped(l); i++) {
		char name[300], url[300], *list = NULL, *save = NULL;

		if (i == 0)
			snprintf(name, sizeof(name), "%s._sites.dc._msdcs.%s", c->site, c->domain);
		else
			snprintf(name, sizeof(name), "%s%s", i == 1 ? "dc._msdcs." : "", c->domain);
		if (ldap_domain2hostlist(name, &list) != LDAP_SUCCESS || !list)
			continue;
		for (char *h = strtok_r(list, " ", &save); h && err && !l->bad_login && !stopped(l);
		     h = strtok_r(NULL, " ", &save)) {
			if (!below(h, c->domain)) {
				snprintf(l->why, sizeof(l->why), "DNS names a server outside of %s",
				    c->domain);
				continue;
			}
			if (c->clear)
				snprintf(url, sizeof(url), "ldap://%s", h);
			else
				snprintf(url, sizeof(url), "ldaps://%.*s", (int)strcspn(h, ":"), h);
			err = try_server(l, url);
		}
		ldap_memfree(list);
	}
	return err;
}

int dir_ldap_connect(struct dir_ldap *l)
{
	const struct dir_ldap_conf *c = l->conf;
	const char *bad = dir_ldap_conf_bad(c);
	int err = ERR_LOST;

	if (l->ld)
		return 0;
	l->bad_login = false;
	if (bad) {
		snprintf(l->why, sizeof(l->why), "%s", bad);
		return ERR_VALUE;
	}
	if (c->nserver == 0)
		return by_domain(l);
	/* A wrong password at one is wrong at all, and counts against the account at each. */
	for (size_t i = 0; i < c->nserver && err && !l->bad_login && !stopped(l); i++)
		err = try_server(l, c->server[i]);
	return err;
}

int dir_ldap_fresh(struct dir_ldap *l)
{
	if (l->ld) {
		int err = root_dse(l);

		if (err != ERR_LOST && err != ERR_TIMEOUT)
			return err;
		dir_ldap_close(l);
	}
	return dir_ldap_connect(l);
}

void dir_ldap_close(struct dir_ldap *l)
{
	if (l->ld)
		(void)ldap_unbind_ext(l->ld, NULL, NULL);
	l->ld = NULL;
}

/* ---- searches ---- */

static int take(struct dir_ldap *l, const struct dir_query *q, LDAPMessage *m, uint32_t *n)
{
	LDAPControl **ctrls = NULL;
	int err;

	if (*n >= q->max) {
		l->result = LDAP_SIZELIMIT_EXCEEDED;
		snprintf(l->why, sizeof(l->why),
		    "more than %u entries: raise max-entries, or set a filter", q->max);
		return ERR_LIMIT;
	}
	++*n;
	if (q->ctrl && ldap_get_entry_controls(l->ld, m, &ctrls) != LDAP_SUCCESS)
		ctrls = NULL;
	err = q->fn(q->ctx, l->ld, m, ctrls);
	ldap_controls_free(ctrls);
	return err;
}

static int intermediate(struct dir_ldap *l, const struct dir_query *q, LDAPMessage *m)
{
	struct berval *value = NULL;
	char *oid = NULL;
	int err = 0;

	if (ldap_parse_intermediate(l->ld, m, &oid, &value, NULL, 0) == LDAP_SUCCESS && oid &&
	    q->info)
		err = q->info(q->ctx, oid, value);
	ldap_memfree(oid);
	ber_bvfree(value);
	return err;
}

/* One page: entries until the result. */
static int page(struct dir_ldap *l, const struct dir_query *q, int id, uint64_t until, uint32_t *n,
    LDAPControl ***back)
{
	for (;;) {
		LDAPMessage *m = NULL;
		int err = await(l, id, LDAP_MSG_ONE, until, &m), type;

		if (err) {
			(void)judge(l, "search");
			return err;
		}
		type = ldap_msgtype(m);
		if (type == LDAP_RES_SEARCH_RESULT) {
			int code = LDAP_OTHER;

			if (ldap_parse_result(l->ld, m, &code, NULL, NULL, NULL, back, 1) !=
			    LDAP_SUCCESS)
				code = LDAP_DECODING_ERROR;
			l->result = code;
			return judge(l, "search");
		}
		if (type == LDAP_RES_SEARCH_ENTRY)
			err = take(l, q, m, n);
		else if (type == LDAP_RES_INTERMEDIATE)
			err = intermediate(l, q, m);
		ldap_msgfree(
		    m); /* references of others are not followed: they lead to unknown servers */
		if (err) {
			(void)ldap_abandon_ext(l->ld, id, NULL, NULL);
			return err;
		}
	}
}

int dir_ldap_search(struct dir_ldap *l, const struct dir_query *q, LDAPControl ***back)
{
	struct berval cookie = { 0, NULL };
	bool paged = q->page > 0 && l->paging;
	uint64_t until = now_ms() + q->ms;
	struct timeval t = tv(q->ms < 1000 ? 1000 : q->ms);
	uint32_t n = 0;
	int err, id;

	if (back)
		*back = NULL;
	do {
		LDAPControl *ctrls[3] = { 0 }, *pc = NULL, **answer = NULL;
		int k = 0;

		if (q->ctrl)
			ctrls[k++] = q->ctrl;
		if (paged) {
			l->result =
			    ldap_create_page_control(l->ld, (ber_int_t)q->page, &cookie, 0, &pc);
			if (l->result != LDAP_SUCCESS) {
				err = judge(l, "paging");
				break;
			}
			ctrls[k++] = pc;
		}
		ber_memfree(cookie.bv_val);
		cookie = (struct berval){ 0, NULL };
		l->result = ldap_search_ext(l->ld, q->base,
		    *q->base ? LDAP_SCOPE_SUBTREE : LDAP_SCOPE_BASE, q->filter, q->attributes, 0,
		    k ? ctrls : NULL, NULL, &t, LDAP_NO_LIMIT, &id);
		ldap_control_free(pc);
		err = l->result == LDAP_SUCCESS ? page(l, q, id, until, &n, &answer)
		                                : judge(l, "search");
		if (err == 0 && paged) {
			LDAPControl *c = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, answer, NULL);
			ber_int_t estimate;

			if (c && c->ldctl_value.bv_val &&
			    ldap_parse_pageresponse_control(l->ld, c, &estimate, &cookie) !=
			        LDAP_SUCCESS)
				cookie = (struct berval){ 0, NULL };
		}
		if (back && err == 0 && cookie.bv_len == 0)
			*back = answer;
		else
			ldap_controls_free(answer);
	} while (err == 0 && cookie.bv_len > 0);
	ber_memfree(cookie.bv_val);
	if (err == ERR_LOST)
		dir_ldap_close(l);
	return err;
}
