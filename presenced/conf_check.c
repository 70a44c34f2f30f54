/* What is wrong with a configuration beyond single values. */
#include <string.h>

#include "common/mem.h"
#include "presenced/dir_ldap.h"
#include "presenced/presenced.h"

static void digits(struct conf_diag *g, const char *key, const char *v)
{
	if (v[strspn(v, "0123456789")])
		conf_fault_key(g, "directory", key, "%s: expected digits only", v);
}

static void directory(const struct directory_conf *c, struct conf_diag *g)
{
	bool tls;

	for (size_t i = 0; i < c->servers.n; i++)
		if (!dir_ldap_url_ok(slice_str(c->servers.v[i]), &tls))
			conf_fault_key(g, "directory", "servers",
			    "%s: expected ldaps://host[:port] or "
			    "ldap://host[:port]",
			    c->servers.v[i]);
	digits(g, "country", c->country);
	digits(g, "area", c->area);
	digits(g, "main-number", c->main_number);
	digits(g, "international-prefix", c->international);
	digits(g, "national-prefix", c->national);
	if (c->internal_min > c->internal_max)
		conf_fault_key(g, "directory", "internal-min",
		    "%u is above internal-max = %u: no number would be "
		    "internal",
		    c->internal_min, c->internal_max);
}

void presenced_conf_check(const void *conf, struct conf_diag *g)
{
	const struct presenced_conf *c = conf;
	const struct pres_policy base = { 0 };

	char word[POLICY_WORD], group[POLICY_GROUP];
	const char *why = "";
	struct pres_policy p;

	for (size_t at = 0; policy_next(&c->group_policy, &at, word, sizeof(word));)
		if (policy_parse(slice_str(word), &base, group, &p, &why))
			conf_fault_key(g, "presenced", "group-policy", "%s: %s", word, why);
	for (size_t i = 0; i < c->publish.n; i++)
		if (strcmp(c->publish.v[i], "presence") != 0 &&
		    strcmp(c->publish.v[i], "dialog") != 0)
			conf_fault_key(g, "presenced", "publish", "%s: expected presence or dialog",
			    c->publish.v[i]);
	directory(&c->dir, g);
}
