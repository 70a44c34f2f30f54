/* Answers of an A/V Edge's MRAS. */
#include <stdlib.h>
#include <string.h>

#include "sipd/mras.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mras_answer a;
	char why[64];
	char *exact = malloc(size ? size : 1);

	if (!exact)
		return 0;
	if (size)
		memcpy(exact, data, size);
	if (mras_read((struct slice){ exact, size }, &a, why, sizeof(why)) == 0 &&
	    (!a.user_n || a.user_n > MRAS_SECRET || !a.password_n || a.password_n > MRAS_SECRET ||
	        !a.nrelay || a.nrelay > MRAS_RELAYS || !a.minutes))
		abort();
	free(exact);
	return 0;
}
