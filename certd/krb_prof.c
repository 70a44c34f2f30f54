/* libkrb5's configuration as a table (its profile interface), so that it reads no file. */
#include "certd/krb_prof.h"

#include <profile.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static const struct {
	const char *section, *name, *value;
} values[] = {
	{ "libdefaults", "default_realm", "INVALID" }, /* every principal comes with its realm */
	{ "libdefaults", "dns_lookup_kdc", "false" },
	{ "libdefaults", "dns_lookup_realm", "false" },
	{ "libdefaults", "dns_uri_lookup", "false" },
	{ "libdefaults", "dns_canonicalize_hostname", "false" },
	{ "libdefaults", "rdns", "false" },
	{ "libdefaults", "qualify_shortname", "" },
	{ "libdefaults", "ignore_acceptor_hostname", "true" },
	{ "libdefaults", "noaddresses", "true" },
	{ "libdefaults", "forwardable", "false" },
	{ "libdefaults", "proxiable", "false" },
	{ "libdefaults", "kdc_timesync", "1" },
	{ "libdefaults", "clockskew", "300" },
	{ "libdefaults", "default_ccache_name", "MEMORY:none" },
	{ "libdefaults", "default_keytab_name", "MEMORY:none" },
	{ "libdefaults", "default_client_keytab_name", "MEMORY:none" },
	{ "libdefaults", "plugin_base_dir", "/nonexistent" },
	{ "libdefaults", "udp_preference_limit", "1465" },
	{ "clpreauth", "enable_only", "encrypted_timestamp" },
	{ "clpreauth", "enable_only", "encrypted_challenge" },
	{ "clpreauth", "enable_only", "spake" },
};
#define AES                                                                                        \
	"aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96 aes256-cts-hmac-sha384-192 "              \
	"aes128-cts-hmac-sha256-128"
static const char aes[] = AES, aes_rc4[] = AES " arcfour-hmac";

struct prof {
	bool rc4;
};

/* names: section, name, NULL; or "plugins", interface, name, NULL. */
static const char *find(const struct prof *p, const char *const *names, size_t nth)
{
	const char *section = names[0], *name = section ? names[1] : NULL;

	if (name && strcmp(section, "plugins") == 0) {
		section = name;
		name = names[2];
	}
	if (!section || !name)
		return NULL;
	if (strcmp(section, "libdefaults") == 0 && nth == 0) {
		if (strcmp(name, "permitted_enctypes") == 0 ||
		    strcmp(name, "default_tkt_enctypes") == 0 ||
		    strcmp(name, "default_tgs_enctypes") == 0)
			return p->rc4 ? aes_rc4 : aes;
		if (strcmp(name, "allow_rc4") == 0)
			return p->rc4 ? "true" : "false";
	}
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		if (strcmp(values[i].section, section) == 0 && strcmp(values[i].name, name) == 0 &&
		    nth-- == 0)
			return values[i].value;
	return NULL;
}

static long get_values(void *data, const char *const *names, char ***out)
{
	size_t n = 0;
	char **v;

	while (find(data, names, n))
		n++;
	if (n == 0)
		return PROF_NO_RELATION;
	v = mem_array(n + 1, sizeof(*v));
	for (size_t i = 0; i < n; i++)
		v[i] = mem_str(find(data, names, i));
	*out = v;
	return 0;
}

static void free_values(void *data, char **v)
{
	(void)data;
	for (char **x = v; x && *x; x++)
		free(*x);
	free(v);
}

static void cleanup(void *data)
{
	free(data);
}

static long copy(void *data, void **out)
{
	*out = mem_dup(data, sizeof(struct prof));
	return 0;
}

krb5_error_code krb_context(bool rc4, krb5_context *out)
{
	struct profile_vtable vt = { .minor_ver = 1,
		.get_values = get_values,
		.free_values = free_values,
		.cleanup = cleanup,
		.copy = copy };
	struct prof *p = mem_new(sizeof(*p));
	profile_t profile = NULL;
	krb5_error_code ret;
	long bad;

	p->rc4 = rc4;
	(void)unsetenv("KRB5_TRACE"); /* would write what is secret to a file */
	(void)unsetenv("KRB5_CONFIG");
	bad = profile_init_vtable(&vt, p, &profile);
	if (bad) {
		free(p);
		return (krb5_error_code)bad;
	}
	ret = krb5_init_context_profile(profile, KRB5_INIT_CONTEXT_SECURE, out);
	profile_release(profile);
	return ret;
}
