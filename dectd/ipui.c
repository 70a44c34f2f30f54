/* Identities of portable parts: octets, text, check digit, default TPUI. */
#include "dectd/ipui.h"

#include <stdio.h>

#define TYPES  "NOPQRSTU"
#define N_BITS 40

int ipui_set(struct ipui *out, const uint8_t *v, size_t n, unsigned bits)
{
	size_t need = (bits + 7) / 8;

	*out = (struct ipui){ 0 };
	if (bits <= 4 || need > sizeof(out->v))
		return ERR_VALUE;
	if (n < need)
		return ERR_TRUNCATED;
	if (v[0] >> 4 >= sizeof(TYPES) - 1 || (v[0] >> 4 == 0 && bits != N_BITS))
		return ERR_VALUE;
	memcpy(out->v, v, need);
	if (bits % 8)
		out->v[need - 1] &= (uint8_t)(0xff << (8 - bits % 8));
	out->bits = (uint8_t)bits;
	return 0;
}

struct ipui ipui_of_ipei(uint16_t emc, uint32_t psn)
{
	/* 4 bits PUT = 0, 16 bits EMC, 20 bits PSN. */
	return (struct ipui){ N_BITS, { (uint8_t)(emc >> 12), (uint8_t)(emc >> 4),
		                          (uint8_t)((emc & 15u) << 4 | (psn >> 16 & 15)),
		                          (uint8_t)(psn >> 8), (uint8_t)psn } };
}

int ipui_ipei(const struct ipui *id, uint16_t *emc, uint32_t *psn)
{
	if (id->bits != N_BITS || id->v[0] >> 4)
		return ERR_UNSUPP;
	*emc = (uint16_t)(id->v[0] << 12 | id->v[1] << 4 | id->v[2] >> 4);
	*psn = (uint32_t)(id->v[2] & 15) << 16 | (uint32_t)id->v[3] << 8 | id->v[4];
	return 0;
}

static unsigned nibble(const struct ipui *id, unsigned i)
{
	return i % 2 ? id->v[i / 2] & 15u : id->v[i / 2] >> 4;
}

void ipui_print(const struct ipui *id, char out[IPUI_CHARS])
{
	static const char hex[] = "0123456789abcdef";
	unsigned n = 0, nibbles = (id->bits + 3u) / 4;

	if (id->bits) {
		out[n++] = TYPES[id->v[0] >> 4 & 7];
		for (unsigned i = 1; i < nibbles; i++)
			out[n++] = hex[nibble(id, i)];
		if (id->bits % 4)
			n += (unsigned)snprintf(out + n, IPUI_CHARS - n, "/%u", id->bits);
	}
	out[n] = '\0';
}

static int hex_of(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

int ipui_parse(struct slice text, struct ipui *out)
{
	const char *type = text.n ? strchr(TYPES, text.p[0]) : NULL;
	size_t end = slice_chr(text, '/');
	uint8_t v[sizeof(out->v)] = { 0 };
	uint32_t bits;

	*out = (struct ipui){ 0 };
	if (!type || !*type) {
		uint16_t emc;
		uint32_t psn;
		int err = ipei_parse(text, &emc, &psn);

		if (!err)
			*out = ipui_of_ipei(emc, psn);
		return err;
	}
	if (end < 2 || end > 2 * sizeof(v))
		return ERR_SYNTAX;
	bits = (uint32_t)end * 4;
	v[0] = (uint8_t)((type - TYPES) << 4);
	for (size_t i = 1; i < end; i++) {
		int h = hex_of(text.p[i]);

		if (h < 0)
			return ERR_SYNTAX;
		v[i / 2] |= (uint8_t)(i % 2 ? h : h << 4);
	}
	if (end < text.n) {
		uint32_t given;
		int err = slice_u32(slice_sub(text, end + 1, text.n), bits, &given);

		if (err)
			return err;
		if (given + 3 < bits || given % 4 == 0)
			return ERR_VALUE;
		bits = given;
	}
	return ipui_set(out, v, sizeof(v), bits);
}

/* Sum of digit times place, modulo 11; 10 is printed as '*' (EN 300 175-6 annex C). */
static char check_digit(const char digits[12])
{
	unsigned sum = 0;

	for (unsigned i = 0; i < 12; i++)
		sum += (i + 1) * (unsigned)(digits[i] - '0');
	return sum % 11 == 10 ? '*' : (char)('0' + sum % 11);
}

void ipei_print(uint16_t emc, uint32_t psn, char out[IPEI_CHARS])
{
	char d[16];

	snprintf(d, sizeof(d), "%05u%07u", emc, (unsigned)(psn & 0xfffff));
	snprintf(out, IPEI_CHARS, "%.5s %.7s %c", d, d + 5, check_digit(d));
}

int ipei_parse(struct slice text, uint16_t *emc, uint32_t *psn)
{
	char d[13];
	unsigned n = 0;
	uint32_t e, p;

	*emc = 0;
	*psn = 0;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == ' ' || c == '-')
			continue;
		if (n == sizeof(d) || !((c >= '0' && c <= '9') || (c == '*' && n == 12)))
			return ERR_SYNTAX;
		d[n++] = c;
	}
	if (n < 12)
		return ERR_SYNTAX;
	if (slice_u32((struct slice){ d, 5 }, UINT16_MAX, &e) != 0 ||
	    slice_u32((struct slice){ d + 5, 7 }, 0xfffff, &p) != 0)
		return ERR_VALUE;
	if (n == 13 && d[12] != check_digit(d))
		return ERR_AUTH;
	*emc = (uint16_t)e;
	*psn = p;
	return 0;
}

uint32_t ipui_default_tpui(const struct ipui *id)
{
	uint32_t low = 0;

	/* The low 16 bits, wherever the length ends. */
	for (unsigned i = 0; i < 16 && i < id->bits; i++) {
		unsigned bit = id->bits - 1u - i;

		low |= (uint32_t)(id->v[bit / 8] >> (7 - bit % 8) & 1) << i;
	}
	return 0xe0000 | low;
}
