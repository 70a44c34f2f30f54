/* Audit logs that somebody worked on: verified in windows as certd does it, and at once: both must agree. */
#include "certd/audit_file.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t raw[32] = { 1 };
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw, sizeof(raw));
	struct audit_verify whole = { 0 }, parts = { 0 };
	char *exact = malloc(size ? size : 1);
	size_t used, at = 0, half = size / 2;
	bool ok;

	if (!exact || !key)
		abort();
	if (size)
		memcpy(exact, data, size);
	ok = audit_verify_text(&whole, (struct slice){ exact, size }, key, true, &used);
	if (used > size || (!ok && whole.bad == 0))
		abort();
	if (audit_verify_text(&parts, (struct slice){ exact, half }, key, true, &used)) {
		at = used;
		if (audit_verify_text(
		        &parts, (struct slice){ exact + at, size - at }, key, true, &used) != ok)
			abort();
	} else if (ok) {
		abort();
	}
	if (whole.bad != parts.bad || whole.st.seq != parts.st.seq)
		abort();
	EVP_PKEY_free(key);
	free(exact);
	return 0;
}
