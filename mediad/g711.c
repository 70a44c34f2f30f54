/* ITU-T G.711 over buffers. */
#include "mediad/g711.h"

void g711_a_encode(const int16_t *in, size_t n, uint8_t *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = g711_l2a(in[i]);
}

void g711_u_encode(const int16_t *in, size_t n, uint8_t *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = g711_l2u(in[i]);
}

void g711_a_decode(const uint8_t *in, size_t n, int16_t *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = g711_a2l[in[i]];
}

void g711_u_decode(const uint8_t *in, size_t n, int16_t *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = g711_u2l[in[i]];
}

void g711_map(const uint8_t table[256], const uint8_t *in, size_t n, uint8_t *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = table[in[i]];
}
