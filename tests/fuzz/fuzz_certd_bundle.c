/* Files that an administrator imports: PEM, DER, PKCS#12, PKCS#7; what comes out of them is described and checked. */
#include "common/ossl.h"

#include <stdlib.h>
#include <string.h>

#include "certd/bundle.h"
#include "certd/check.h"
#include "certd/keyring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *exact = malloc(size ? size : 1), why[400];
	struct chain chain;
	struct check check = { .fqdn = "a.example.test", .now = 1800000000 };
	struct bundle b;
	int err;

	if (!exact)
		return 0;
	if (size)
		memcpy(exact, data, size);
	bundle_init(&b);
	err = bundle_read(&b, (struct slice){ exact, size }, SLICE_LIT("secret"), why, sizeof(why));
	if (err && (!*why || strlen(why) >= sizeof(why) - 1))
		abort(); /* every refusal has its reason */
	if (err == 0 && !b.key && !sk_X509_num(b.certs) && !sk_X509_CRL_num(b.crls) && *why)
		abort();
	for (int i = 0; i < sk_X509_num(b.certs) && i < 4; i++) {
		char text[300];
		enum key_kind kind;

		chain_build(sk_X509_value(b.certs, i), b.certs, NULL, &chain);
		if (chain.n == 0 || chain.n > CHAIN_MAX)
			abort();
		check.n = 0;
		check.crls = b.crls;
		check_identity(&check, &chain);
		check_join(&check, CHECK_NOTE, text, sizeof(text));
		x509_text_print(sk_X509_value(b.certs, i), EVP_sha1(), text, sizeof(text));
		if (key_kind_of(X509_get0_pubkey(sk_X509_value(b.certs, i)), &kind) > 0)
			abort();
	}
	if (b.key)
		(void)chain_leaf(b.certs, b.key);
	bundle_free(&b);
	free(exact);
	return 0;
}
