/* Bounded writer with a sticky error. */
#include "common/wr.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void wr_fill(struct wr *w, uint8_t byte, size_t n)
{
	uint8_t *at = wr_room(w, n);

	if (at && n)
		memset(at, byte, n);
}

void wr_be16(struct wr *w, unsigned v)
{
	uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };
	wr_bytes(w, b, sizeof(b));
}

void wr_be32(struct wr *w, uint32_t v)
{
	uint8_t b[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };
	wr_bytes(w, b, sizeof(b));
}

void wr_be64(struct wr *w, uint64_t v)
{
	wr_be32(w, (uint32_t)(v >> 32));
	wr_be32(w, (uint32_t)v);
}

void wr_le16(struct wr *w, unsigned v)
{
	uint8_t b[2] = { (uint8_t)v, (uint8_t)(v >> 8) };
	wr_bytes(w, b, sizeof(b));
}

void wr_le32(struct wr *w, uint32_t v)
{
	uint8_t b[4] = { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24) };
	wr_bytes(w, b, sizeof(b));
}

void wr_dec(struct wr *w, uint64_t v)
{
	char b[20];
	size_t i = sizeof(b);

	do
		b[--i] = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	wr_bytes(w, b + i, sizeof(b) - i);
}

void wr_hex(struct wr *w, const void *p, size_t n)
{
	static const char digit[] = "0123456789abcdef";
	const uint8_t *b = p;
	uint8_t *at = wr_room(w, n * 2);

	for (size_t i = 0; at && i < n; i++) {
		at[2 * i] = (uint8_t)digit[b[i] >> 4];
		at[2 * i + 1] = (uint8_t)digit[b[i] & 15];
	}
}

void wr_fmt(struct wr *w, const char *fmt, ...)
{
	char buf[1024];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(buf))
		w->bad = true;
	else
		wr_bytes(w, buf, (size_t)n);
}

size_t wr_hole(struct wr *w, size_t n)
{
	size_t at = w->n;

	wr_fill(w, 0, n);
	return at;
}

bool wr_nul(struct wr *w)
{
	if (w->cap == 0)
		return false;
	if (w->n == w->cap || w->bad) {
		w->p[w->n < w->cap ? w->n : w->cap - 1] = '\0';
		return false;
	}
	w->p[w->n] = '\0';
	return true;
}
