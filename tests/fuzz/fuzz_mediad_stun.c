/* STUN messages in all forms; first octet: which. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mediad/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stun_msg m;

	if (size == 0)
		return 0;

	enum stun_form form = (enum stun_form)(data[0] % 4);
	uint8_t *exact = malloc(size);
	if (!exact)
		return 0;
	memcpy(exact, data + 1, size - 1);
	if (size > 3 && data[0] & 0x80) { /* with the right length, so that more gets through */
		exact[2] = (uint8_t)((size - 1 - 20) >> 8);
		exact[3] = (uint8_t)(size - 1 - 20);
	}
	if (stun_parse(exact, size - 1, form, &m) == 0) {
		const struct slice *s[] = { &m.username, &m.realm, &m.nonce, &m.data,
			&m.candidate };
		for (size_t i = 0; i < 5; i++)
			if (s[i]->n && ((const uint8_t *)s[i]->p < exact ||
			                   (const uint8_t *)s[i]->p + s[i]->n > exact + size - 1))
				abort();
		(void)stun_fingerprint(&m);
		(void)stun_verify(&m, form, "key", 3);
	}
	free(exact);
	return 0;
}
