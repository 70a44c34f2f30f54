/* Configuration keys of certd. */
#include "certd/certd.h"
#include "common/mem.h"

#define OFF(f) offsetof(struct certd_conf, f)

const struct conf_key certd_keys[] = {
	{ "certd", "fqdn", CONF_STR, "", 0, 253, true, OFF(fqdn),
	    "This host's full name, as in DNS; certificates are checked against it.", NULL },
	{ "certd", "ca-bundle", CONF_STR, "/etc/ssl/certs/ca-certificates.crt", 0, 255, true,
	    OFF(ca_bundle), "The distribution's CA certificates (PEM); empty: none.", NULL },
	{ "certd", "legacy-tls", CONF_BOOL, "no", 0, 0, true, OFF(legacy_tls),
	    "Sign and decrypt for TLS 1.0, 1.1 and RSA key exchange.", NULL },
	{ "certd", "sign-rate", CONF_INT, "1000", 0, 1000000, true, OFF(sign_rate),
	    "Signatures a second per daemon; 0: no limit.", NULL },
	{ "certd", "decrypt-rate", CONF_INT, "20", 0, 1000000, true, OFF(decrypt_rate),
	    "RSA decryptions a second per daemon; 0: no limit.", NULL },
	{ "certd", "auth-rate", CONF_INT, "2000", 0, 1000000, true, OFF(auth_rate),
	    "Responses computed from secrets a second per daemon; 0: no limit.", NULL },
	{ "certd", "kerberos-rc4", CONF_BOOL, "no", 0, 0, true, OFF(krb_rc4),
	    "Kerberos also with RC4 keys, for domains or accounts without AES keys.", NULL },
	{ "certd", "dsaa2-bit-order", CONF_ENUM, "octets", 0, 0, true, OFF(dsaa2_order),
	    "How handsets number the bits of DSAA2; no published example settles it.",
	    "octets|literal" },
	{ "certd", "access-code-failures", CONF_INT, "3", 0, 1000, true, OFF(ac_failures),
	    "Wrong answers of one handset during subscription before it is locked; 0: never.",
	    NULL },
	{ "certd", "access-code-lock", CONF_MS, "60s", 1000, 3600000, true, OFF(ac_lock_ms),
	    "How long such a handset stays locked.", NULL },
	{ "certd", "audit-file-size", CONF_INT, "16384", 64, 1048576, true, OFF(audit_file),
	    "Size in KiB at which a new file of the audit log begins.", NULL },
	{ "certd", "audit-keep", CONF_INT, "20", 1, 900, true, OFF(audit_keep),
	    "Old files of the audit log that are kept.", NULL },
};
const size_t certd_nkeys = ARRAY_LEN(certd_keys);
