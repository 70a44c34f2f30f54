/* CHALLENGE_MESSAGEs from the network: parsed and answered. */
#include <stdlib.h>
#include <string.h>

#include "certd/ntlm_kdf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *exact = malloc(size ? size : 1);
	struct ntlm_challenge ch;
	struct ntlm_keys keys;
	uint8_t out[NTLM_AUTH_MAX];
	size_t n = 0;

	if (!exact)
		return 0;
	if (size)
		memcpy(exact, data, size);
	struct slice s = { exact, size };
	if (ntlm_challenge_parse(s, &ch) == 0) {
		const struct slice *parts[] = { &ch.target_name, &ch.target_info, &ch.nb_domain };

		for (size_t i = 0; i < 3; i++)
			if (parts[i]->n &&
			    (parts[i]->p < exact || parts[i]->p + parts[i]->n > exact + size))
				abort();
	}
	for (int mic = 0; mic < 2; mic++) {
		struct ntlm_in in = { .user = SLICE_LIT("alice"),
			.domain = SLICE_LIT("CONTOSO"),
			.has_domain = mic,
			.spn = SLICE_LIT("sip/pool.example.test"),
			.mic = mic,
			.challenge = s };

		if (ntlm_authenticate(&in, out, sizeof(out), &n, &keys) == 0 &&
		    (n > sizeof(out) || memcmp(out, "NTLMSSP\0\3\0\0\0", 12) != 0))
			abort();
	}
	free(exact);
	return 0;
}
