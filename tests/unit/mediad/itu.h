#ifndef TEST_ITU_H
#define TEST_ITU_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Files of 16-bit little-endian words in shared/data/itu. */
#define ITU_MAX 110000

/* Words read, or 0 when the file is not there. */
static inline size_t itu_read(const char *dir, const char *name, int16_t *out)
{
	char path[512];
	uint8_t b[2];
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/data/itu/%s/%s", TEST_SHARED_DIR, dir, name);
	FILE *f = fopen(path, "rb");
	if (!f)
		return 0;
	while (n < ITU_MAX && fread(b, 1, 2, f) == 2)
		out[n++] = (int16_t)(b[0] | b[1] << 8);
	fclose(f);
	return n;
}
#endif
