/* Codes of 2 to 5 bits in octets. */
#include "mediad/g726.h"

void g726_pack(const uint8_t *code, size_t n, unsigned bits, bool aal2, uint8_t *out)
{
	if (bits == 4) {
		for (size_t i = 0; i + 1 < n; i += 2)
			out[i / 2] = aal2 ? (uint8_t)(code[i] << 4 | code[i + 1])
			                  : (uint8_t)(code[i + 1] << 4 | code[i]);
		return;
	}

	uint32_t acc = 0;
	unsigned have = 0;
	for (size_t i = 0; i < n; i++) {
		if (aal2)
			acc = acc << bits | code[i];
		else
			acc |= (uint32_t)code[i] << have;
		have += bits;
		if (have >= 8) {
			have -= 8;
			if (aal2) {
				*out++ = (uint8_t)(acc >> have);
			} else {
				*out++ = (uint8_t)acc;
				acc >>= 8;
			}
		}
	}
}

void g726_unpack(const uint8_t *in, size_t n, unsigned bits, bool aal2, uint8_t *code)
{
	if (bits == 4) {
		for (size_t i = 0; i + 1 < n; i += 2) {
			uint8_t o = in[i / 2];
			code[i] = aal2 ? o >> 4 : o & 15;
			code[i + 1] = aal2 ? o & 15 : o >> 4;
		}
		return;
	}

	uint32_t acc = 0, mask = (1u << bits) - 1;
	unsigned have = 0;
	for (size_t i = 0; i < n; i++) {
		if (have < bits) {
			if (aal2)
				acc = acc << 8 | *in++;
			else
				acc |= (uint32_t)*in++ << have;
			have += 8;
		}
		have -= bits;
		if (aal2) {
			code[i] = (uint8_t)(acc >> have & mask);
		} else {
			code[i] = (uint8_t)(acc & mask);
			acc >>= bits;
		}
	}
}
