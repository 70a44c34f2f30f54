/* SRTP and SRTCP of strangers: the first octet chooses suite and MKI, the rest is the packet. Nothing that the fuzzer
 * makes up is authentic, and what was authentic once is not again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mediad/rtp.h"
#include "mediad/sbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int started;
	struct sbox_key k;
	struct sbox *rx, *tx;
	uint8_t *exact, own[256];
	size_t n;

	if (!started) {
		if (sbox_start() != 0 || !sbox_fast())
			abort();
		started = 1;
	}
	if (size < 1 || size > RTP_MAX)
		return 0;
	memset(&k, 0, sizeof(k));
	for (unsigned i = 0; i < sizeof(k.key); i++)
		k.key[i] = (uint8_t)(i * 5 + 1);
	k.suite = (uint8_t)(1 + data[0] % 3);
	k.nmki = (uint8_t)((data[0] >> 2) % 5);
	memset(k.mki, 0xab, sizeof(k.mki));
	rx = sbox_new(&k, false);
	tx = sbox_new(&k, true);
	size--;
	exact = malloc(size ? size : 1);
	memcpy(exact, data + 1, size);
	n = size;
	if (sbox_unprotect(rx, exact, &n) == 0)
		abort();
	if (memcmp(exact, data + 1, size) != 0)
		abort(); /* another key could not be tried */
	n = size;
	if (sbox_unprotect_rtcp(rx, exact, &n) == 0)
		abort();
	/* What we send ourselves comes back the same, whatever header the fuzzer chose. */
	if (size <= 80) {
		memcpy(own, exact, size);
		n = size;
		if (sbox_protect(tx, own, &n, sizeof(own)) == 0) {
			if (sbox_unprotect(rx, own, &n) != 0 || n != size ||
			    memcmp(own, exact, size) != 0)
				abort();
			n = size;
			memcpy(own, exact, size);
			if (sbox_protect(tx, own, &n, sizeof(own)) == 0)
				abort();
		}
	}
	sbox_free(rx);
	sbox_free(tx);
	free(exact);
	return 0;
}
