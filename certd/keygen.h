#ifndef CERTD_KEYGEN_H
#define CERTD_KEYGEN_H
#include <uv.h>

#include "common/ossl.h"

/* Makes one key in a thread of its own: RSA takes up to seconds, and signatures must not wait. One at a time. */
struct keygen;
/* fn: from the loop, once; key NULL: failed. It owns key. NULL: the thread could not be made. */
struct keygen *keygen_start(
    uv_loop_t *loop, const char *type, void (*fn)(void *ctx, EVP_PKEY *key), void *ctx);
/* Waits for the thread; fn is not called any more. NULL is fine. */
void keygen_cancel(struct keygen *g);
#endif
