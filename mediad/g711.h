#ifndef MEDIAD_G711_H
#define MEDIAD_G711_H
#include <stddef.h>
#include <stdint.h>

/* ITU-T G.711. Linear values are 16 bit, left-justified (A-law: the 13-bit value times 8, mu-law: the 14-bit value
 * times 4). Octets as on the wire: A-law with its even bits inverted, mu-law with all bits inverted. */
extern const int16_t g711_a2l[256];
extern const int16_t g711_u2l[256];
/* G.711 tables 3 and 4: direct conversion between the laws. */
extern const uint8_t g711_a2u[256];
extern const uint8_t g711_u2a[256];

/* Any 32-bit value; what is beyond the law's range gives its end. A negative value on a decision threshold goes as in
 * the ITU-T sequences: mu-law takes the one's complement. */
static inline uint8_t g711_l2a(int32_t x)
{
	int32_t m = x < 0 ? ~x : x;

	m = m > 32767 ? 32767 : m;
	int seg = 24 - __builtin_clz((unsigned)m | 0xff); /* 0-7 */
	return (uint8_t)(((seg << 4) | ((m >> (seg ? seg + 3 : 4)) & 15)) ^ (x < 0 ? 0x55 : 0xd5));
}
static inline uint8_t g711_l2u(int32_t x)
{
	int32_t m = x < 0 ? ~x : x;

	m = (m > 32767 ? 32767 >> 2 : m >> 2) + 33;
	m = m > 8191 ? 8191 : m;
	int seg = 26 - __builtin_clz((unsigned)m);
	return (uint8_t)(((seg << 4) | ((m >> (seg + 1)) & 15)) ^ (x < 0 ? 0x7f : 0xff));
}
void g711_a_encode(const int16_t *in, size_t n, uint8_t *out);
void g711_u_encode(const int16_t *in, size_t n, uint8_t *out);
void g711_a_decode(const uint8_t *in, size_t n, int16_t *out);
void g711_u_decode(const uint8_t *in, size_t n, int16_t *out);
/* table: g711_a2u or g711_u2a; in == out allowed. */
void g711_map(const uint8_t table[256], const uint8_t *in, size_t n, uint8_t *out);
#endif
