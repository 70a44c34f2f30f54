/* What a peer's certificate says: its names and purposes. */
#include "sipd/tp_tls_peer.h"

#include <string.h>

#include "common/slice.h"

#include <openssl/x509v3.h>

bool tls_name_is(X509 *x, const char *name)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	struct slice want = slice_str(name);
	bool found = false;

	for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
		if (g->type != GEN_URI)
			continue;
		struct slice uri = { (const char *)ASN1_STRING_get0_data(
			                 g->d.uniformResourceIdentifier),
			(size_t)ASN1_STRING_length(g->d.uniformResourceIdentifier) };
		if (slice_istarts(uri, SLICE_LIT("sip:")))
			found = slice_ieq(slice_sub(uri, 4, uri.n), want);
	}
	GENERAL_NAMES_free(names);
	if (found)
		return true;
	if (want.n > 2 && want.p[0] == '[') {
		char bare[64];
		return slice_copy(slice_sub(want, 1, want.n - 2), bare, sizeof(bare)) == 0 &&
		       X509_check_ip_asc(x, bare, 0) == 1;
	}
	return X509_check_host(x, name, 0, X509_CHECK_FLAG_NO_WILDCARDS, NULL) == 1 ||
	       X509_check_ip_asc(x, name, 0) == 1;
}

bool tls_good_purpose(X509 *x)
{
	uint32_t flags = X509_get_extension_flags(x), use = X509_get_extended_key_usage(x);
	EXTENDED_KEY_USAGE *list;
	bool sip = false;

	if (!(flags & EXFLAG_XKUSAGE) || (use & (XKU_SSL_SERVER | XKU_SSL_CLIENT | XKU_ANYEKU)))
		return true;
	list = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
	for (int i = 0; i < sk_ASN1_OBJECT_num(list); i++) {
		char oid[40];
		(void)OBJ_obj2txt(oid, sizeof(oid), sk_ASN1_OBJECT_value(list, i), 1);
		sip |= strcmp(oid, "1.3.6.1.5.5.7.3.20") == 0;
	}
	EXTENDED_KEY_USAGE_free(list);
	return sip;
}
