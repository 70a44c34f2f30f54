#ifndef SIPD_TP_TLS_PEER_H
#define SIPD_TP_TLS_PEER_H
#include <stdbool.h>

#include "common/ossl.h"
#include <openssl/x509.h>

/* RFC 5922 7: a URI "sip:domain" or a DNS name of the subjectAltName, else the CN; wildcards prove nothing. */
bool tls_name_is(X509 *x, const char *name);
/* RFC 5924: without a list of purposes all is allowed; else server, client, any or SIP domain must be in it. */
bool tls_good_purpose(X509 *x);
#endif
