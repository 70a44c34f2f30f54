#ifndef COMMON_OSSL_H
#define COMMON_OSSL_H

/* OpenSSL has a type called ERR_STATE, we have an error of that name. Whoever uses libcrypto or libssl includes this
 * file before (or instead of) the OpenSSL headers. */
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/err.h>
#include <openssl/types.h>
#undef ERR_STATE
#include <openssl/evp.h>
#endif
