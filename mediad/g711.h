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

uint8_t g711_l2a(int16_t x);
uint8_t g711_l2u(int16_t x);
void g711_a_encode(const int16_t *in, size_t n, uint8_t *out);
void g711_u_encode(const int16_t *in, size_t n, uint8_t *out);
void g711_a_decode(const uint8_t *in, size_t n, int16_t *out);
void g711_u_decode(const uint8_t *in, size_t n, int16_t *out);
/* table: g711_a2u or g711_u2a; in == out allowed. */
void g711_map(const uint8_t table[256], const uint8_t *in, size_t n, uint8_t *out);
#endif
