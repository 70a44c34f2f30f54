#ifndef COMMON_WR_H
#define COMMON_WR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"

/* Bounded writer with a sticky error: write freely, check .bad once at the end. Once bad it writes nothing more,
 * and .n stays at the last length that fitted. The buffer is the caller's. */
struct wr {
	uint8_t *p;
	size_t n, cap;
	bool bad;
};

static inline struct wr wr_of(void *buf, size_t cap)
{
	return (struct wr){ buf, 0, cap, false };
}

static inline struct slice wr_slice(const struct wr *w)
{
	return (struct slice){ (const char *)w->p, w->n };
}

/* Inline: known lengths become single moves. */
static inline uint8_t *wr_room(struct wr *w, size_t n)
{
	if (w->bad || w->cap - w->n < n) {
		w->bad = true;
		return NULL;
	}
	w->n += n;
	return w->p + w->n - n;
}

static inline void wr_bytes(struct wr *w, const void *p, size_t n)
{
	uint8_t *at = wr_room(w, n);

	if (at && n)
		memcpy(at, p, n);
}

static inline void wr_u8(struct wr *w, unsigned v)
{
	uint8_t *at = wr_room(w, 1);

	if (at)
		at[0] = (uint8_t)v;
}

void wr_fill(struct wr *w, uint8_t byte, size_t n);
void wr_be16(struct wr *w, unsigned v);
void wr_be32(struct wr *w, uint32_t v);
void wr_be64(struct wr *w, uint64_t v);
void wr_le16(struct wr *w, unsigned v);
void wr_le32(struct wr *w, uint32_t v);
/* Text. */
static inline void wr_str(struct wr *w, const char *s)
{
	wr_bytes(w, s, strlen(s));
}

static inline void wr_slice_add(struct wr *w, struct slice s)
{
	wr_bytes(w, s.p, s.n);
}

void wr_dec(struct wr *w, uint64_t v);
void wr_hex(struct wr *w, const void *p, size_t n); /* lower case */
void wr_fmt(struct wr *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Keeps room for n bytes and returns their offset in .p, to be patched once they are known. */
size_t wr_hole(struct wr *w, size_t n);
/* Terminates with a NUL that is not counted in .n; false (and "" at best) when there is no room. */
bool wr_nul(struct wr *w);
#endif
