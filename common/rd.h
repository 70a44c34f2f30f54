#ifndef COMMON_RD_H
#define COMMON_RD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Byte reader with a sticky error: read freely, check .bad once at the end. A read past the end gives 0. */
struct rd {
	const uint8_t *p, *end;
	bool bad;
};

static inline struct rd rd_of(const void *p, size_t n)
{
	return (struct rd){ p, p ? (const uint8_t *)p + n : p, false };
}

static inline size_t rd_left(const struct rd *r)
{
	return (size_t)(r->end - r->p);
}

static inline uint8_t rd_u8(struct rd *r)
{
	if (r->p == r->end) {
		r->bad = true;
		return 0;
	}
	return *r->p++;
}

static inline uint16_t rd_be16(struct rd *r)
{
	uint16_t hi = rd_u8(r);
	return (uint16_t)(hi << 8 | rd_u8(r));
}

static inline uint32_t rd_be32(struct rd *r)
{
	uint32_t hi = rd_be16(r);
	return hi << 16 | rd_be16(r);
}

static inline uint64_t rd_be64(struct rd *r)
{
	uint64_t hi = rd_be32(r);
	return hi << 32 | rd_be32(r);
}

static inline uint16_t rd_le16(struct rd *r)
{
	uint16_t lo = rd_u8(r);
	return (uint16_t)(lo | rd_u8(r) << 8);
}

static inline uint32_t rd_le32(struct rd *r)
{
	uint32_t lo = rd_le16(r);
	return lo | (uint32_t)rd_le16(r) << 16;
}

/* The next n bytes in place; NULL and .bad when there are fewer. */
static inline const uint8_t *rd_bytes(struct rd *r, size_t n)
{
	const uint8_t *at = r->p;

	if (rd_left(r) < n) {
		r->bad = true;
		r->p = r->end;
		return NULL;
	}
	if (n) /* an empty reader may stand on NULL */
		r->p += n;
	return at;
}

/* Copies n bytes; zeroes out when there are fewer. */
static inline void rd_copy(struct rd *r, void *out, size_t n)
{
	const uint8_t *at = rd_bytes(r, n);

	if (at)
		memcpy(out, at, n);
	else
		memset(out, 0, n);
}

/* The next n bytes as their own reader. */
static inline struct rd rd_sub(struct rd *r, size_t n)
{
	const uint8_t *at = rd_bytes(r, n);

	return at ? (struct rd){ at, at + n, false } : (struct rd){ r->end, r->end, true };
}
#endif
