#ifndef CERTD_KRB_PROF_H
#define CERTD_KRB_PROF_H
#include <krb5.h>
#include <stdbool.h>

/* A context of libkrb5 whose whole configuration is in this program: no krb5.conf, no environment, no plug-in modules, no
 * name look-ups, no credential cache or keytab in a file. rc4: also the encryption type of domains without AES keys. */
krb5_error_code krb_context(bool rc4, krb5_context *out);
#endif
