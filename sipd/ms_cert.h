#ifndef SIPD_MS_CERT_H
#define SIPD_MS_CERT_H
#include "common/ossl.h"
#include <openssl/x509.h>

/* What Lync Server wants of a server's certificate ("Certificate infrastructure requirements" of Lync Server 2010 and 2013;
 * the trusted application pool's name). Pure. */
enum ms_cert_level { MS_CERT_OK, MS_CERT_UNSURE, MS_CERT_WRONG };
struct ms_cert_finding {
	const char *what; /* "certificate: name" */
	enum ms_cert_level level;
	char text[240];
	const char *remedy; /* "" when all is well */
};
#define MS_CERT_FINDINGS 8
/* chain: leaf first. trust: whom this host believes, may be NULL. fqdn: the trusted application pool's; "": not known.
 * Returns how many findings. */
unsigned ms_cert_check(const STACK_OF(X509) * chain, X509_STORE *trust, const char *fqdn,
    struct ms_cert_finding out[MS_CERT_FINDINGS]);
#endif
