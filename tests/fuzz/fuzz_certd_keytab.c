/* Keytab files, and the record of one: what is read is written and read again as the same. */
#include "certd/keytab.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct keytab t, back;
	uint8_t record[KEYTAB_RECORD];
	size_t n;
	char *exact = malloc(size ? size : 1);

	if (!exact)
		abort();
	if (size)
		memcpy(exact, data, size);
	struct slice s = { exact, size };
	if (keytab_unpack(s, &t) == 0 && keytab_pack(&t, record, &n) == 0 &&
	    (n != size || memcmp(record, exact, n) != 0))
		abort();
	if (keytab_read(s, (struct slice){ "", 0 }, &t) == 0 && keytab_pack(&t, record, &n) == 0) {
		struct slice r = { (char *)record, n };
		if (keytab_unpack(r, &back) != 0 || memcmp(&t, &back, sizeof(t)) != 0)
			abort();
	}
	free(exact);
	return 0;
}
