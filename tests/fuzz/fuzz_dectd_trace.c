/* Masking of captured messages: never beyond them, and no key is left in what was understood. */
#include <stdlib.h>
#include <string.h>

#include "dectd/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct trace_mask t;
	struct trace_flow f = { { 192, 0, 2, 1 }, 40001, { 0, 0 } };
	uint8_t out[700], *exact = malloc(size ? size : 1);
	struct wr w = wr_of(out, sizeof(out));

	memcpy(exact, data, size);
	trace_mask(&t, size & 1, exact, size);
	/* The key of MAC_ENC_KEY_REQ. */
	if (size >= 15 && memcmp(data, "\x03\x01", 2) == 0 && memcmp(data + 4, "\x7a\x09", 2) == 0)
		for (unsigned i = 7; i < 15; i++)
			if (exact[i])
				abort();
	trace_packet(&w, 1, &f, size & 1, exact, size);
	free(exact);
	return 0;
}
