#ifndef CERTD_KRB_ERR_H
#define CERTD_KRB_ERR_H
#include <krb5.h>
#include <stdbool.h>
#include <stddef.h>

/* What the KDC or libkrb5 says (RFC 4120 7.5.9), in words with what to do. Returns ours: ERR_AUTH: the account or its password
 * (another try is another failure on its account); ERR_LOST: the KDC cannot serve now; ERR_UNSUPP: anything else that
 * stands in Kerberos' way. service, realm: of the request, for the words. */
int krb_error(krb5_context ctx, krb5_error_code code, const char *user, const char *realm,
    const char *service, char *why, size_t cap);
#endif
