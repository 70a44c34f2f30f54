#ifndef CERTD_KRB_INT_H
#define CERTD_KRB_INT_H
#include <krb5.h>
#include <time.h>

#include "certd/krb.h"
#include "common/list.h"
#include "common/map.h"

/* Inside of Kerberos: krb.c (exchanges with the KDC), krb_cache.c (tickets that are kept), krb_ap.c (message for the server). */
#define KRB_TEXT 600 /* of names */

struct krb_ticket {
	struct map_node node;
	struct list by_age; /* oldest first */
	char *key;
	krb5_creds *creds;
	uint8_t secret[16]; /* of the secret it was made with */
	size_t size;
};
struct krb_cache {
	struct map map;
	struct list by_age;
	size_t octets;
	uint32_t n;
};
void krb_cache_init(struct krb_cache *c);
void krb_cache_clear(struct krb_cache *c, krb5_context ctx);
/* A copy is kept. */
void krb_cache_put(struct krb_cache *c, krb5_context ctx, const char *key, const uint8_t secret[16],
    krb5_creds *creds);
/* Of this secret; another one's is dropped. */
krb5_creds *krb_cache_get(
    struct krb_cache *c, krb5_context ctx, const char *key, const uint8_t secret[16]);
void krb_cache_drop(struct krb_cache *c, krb5_context ctx, const char *key);

/* The AP-REQ into token, which has room for KRB_MESSAGE octets, and its subkey. */
krb5_error_code krb_ap_req(krb5_context ctx, krb5_creds *creds, uint8_t *token, size_t *ntoken,
    struct krb_step *out) __attribute__((warn_unused_result));
#endif
