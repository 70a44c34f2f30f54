/* Challenges: schemes and parameters, several in one field. */
#include <stdlib.h>
#include <string.h>

#include "sipd/sip_auth_hdr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *exact = malloc(size ? size : 1), out[8192];
	struct sip_auth_hdr h;

	if (size)
		memcpy(exact, data, size);
	for (int scheme = 0; scheme < 2; scheme++) {
		struct cur c = { exact, exact + size };
		const char *before = NULL;
		while (!cur_done(&c) && sip_auth_next(&h, &c, scheme) == 0) {
			struct wr w = wr_of(out, sizeof(out));
			if (c.p == before || h.nparam > SIP_AUTH_PARAMS_MAX)
				abort(); /* it must get on */
			before = c.p;
			(void)sip_auth_param(&h, SLICE_LIT("realm"));
			for (unsigned i = 0; i < h.nparam; i++)
				sip_auth_put(&w, "x", h.param[i].value);
			if (!scheme)
				break;
		}
	}
	(void)!sip_auth_parse(&h, (struct slice){ exact, size }, true);
	free(exact);
	return 0;
}
