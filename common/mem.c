/* Allocation that cannot fail, and wiping. */
#include "common/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mem_bug(const char *what, const char *file, int line)
{
	fprintf(stderr, "<2>BUG: %s at %s:%d\n", what, file, line);
	abort();
}

void *mem_new(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p)
		mem_bug("out of memory", __FILE__, __LINE__);
	return p;
}

void *mem_array(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		mem_bug("out of memory", __FILE__, __LINE__);
	return p;
}

void *mem_grow(void *old, size_t n, size_t size)
{
	void *p = reallocarray(old, n ? n : 1, size ? size : 1);

	if (!p)
		mem_bug("out of memory", __FILE__, __LINE__);
	return p;
}

void *mem_dup(const void *p, size_t n)
{
	char *d = mem_new(n + 1);

	if (n)
		memcpy(d, p, n);
	return d;
}

char *mem_str(const char *s)
{
	return mem_dup(s, strlen(s));
}

void mem_wipe(void *p, size_t n)
{
	if (p && n)
		explicit_bzero(p, n);
}

void mem_free_wiped(void *p, size_t n)
{
	mem_wipe(p, n);
	free(p);
}

int mem_differs(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;
	unsigned d = 0;

	for (size_t i = 0; i < n; i++)
		d |= (unsigned)(x[i] ^ y[i]);
	return d != 0;
}
