#include "tests/support/g711.h"

/* A-law: 13 segments over 12 bits of magnitude, even bits inverted (55). */
uint8_t g711_alaw(int16_t linear)
{
	int v = linear, mag, seg = 0;
	uint8_t sign = 0x80;

	if (v < 0) {
		sign = 0;
		v = -v - 1;
	}
	mag = v >> 4; /* 11 bits */
	for (int m = mag >> 4; m; m >>= 1)
		seg++;
	mag = seg < 2 ? mag : mag >> (seg - 1);
	return (uint8_t)((sign | seg << 4 | (mag & 15)) ^ 0x55);
}

int16_t g711_alaw_linear(uint8_t a)
{
	int seg, mag;

	a ^= 0x55;
	seg = a >> 4 & 7;
	mag = (a & 15) << 4 | 8;
	if (seg)
		mag = (mag | 0x100) << (seg - 1);
	return (int16_t)(a & 0x80 ? mag : -mag);
}

/* mu-law: magnitude with a bias of 132, eight segments, all bits inverted. */
uint8_t g711_ulaw(int16_t linear)
{
	int v = linear, seg = 7;
	uint8_t sign = 0;

	if (v < 0) {
		sign = 0x80;
		v = -v;
	}
	if (v > 32635)
		v = 32635;
	v += 132;
	for (int bit = 0x4000; seg > 0 && !(v & bit); bit >>= 1)
		seg--;
	return (uint8_t) ~(sign | seg << 4 | (v >> (seg + 3) & 15));
}

int16_t g711_ulaw_linear(uint8_t u)
{
	int v;

	u = (uint8_t)~u;
	v = (((u & 15) << 3) + 132) << (u >> 4 & 7);
	v -= 132;
	return (int16_t)(u & 0x80 ? -v : v);
}
