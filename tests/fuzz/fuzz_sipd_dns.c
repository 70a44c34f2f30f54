/* Answers of name servers to a question of each type. */
#include <stdlib.h>
#include <string.h>

#include "sipd/dns_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type types[] = { DNS_A, DNS_AAAA, DNS_SRV, DNS_NAPTR, DNS_PTR };
	uint8_t *exact = malloc(size ? size : 1);
	struct dns_answer *a = malloc(sizeof(*a));

	if (size)
		memcpy(exact, data, size);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		/* the id is taken from the answer, so that the rest is reached */
		uint16_t id = size >= 2 ? (uint16_t)(exact[0] << 8 | exact[1]) : 0;
		if (dns_parse(a, exact, size, id, "pbx.example.test", types[i]))
			continue;
		if (a->n > DNS_RRS_MAX || strlen(a->cname) >= DNS_NAME_MAX)
			abort();
		for (unsigned k = 0; k < a->n; k++)
			if (a->rr[k].type != types[i] || strlen(a->rr[k].name) >= DNS_NAME_MAX ||
			    strlen(a->rr[k].service) >= 32)
				abort();
	}
	free(a);
	free(exact);
	return 0;
}
