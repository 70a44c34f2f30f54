#ifndef TESTS_KEY_LOCAL_H
#define TESTS_KEY_LOCAL_H
#include "sipd/key_provider.h"

/* A signer with keys in this process: what certd does, for tests of the provider alone. The keys are borrowed. */
#define KEY_LOCAL_MAX 8
struct key_local {
	EVP_PKEY *key[KEY_LOCAL_MAX];
	uint8_t id[KEY_LOCAL_MAX][KEY_ID_LEN];
	unsigned n;
};
void key_local_add(struct key_local *l, EVP_PKEY *key);
/* Does the operation: 0 and the answer in out (KEY_OUT_MAX octets), or ERR_NOTFOUND, ERR_CRYPTO. */
int key_local_run(const struct key_local *l, const struct key_op *op, uint8_t *out, size_t *n);
#endif
