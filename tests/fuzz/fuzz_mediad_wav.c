/* The music file: an administrator's, but files are what they are. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mediad/music.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size ? size : 1);
	const char *why;
	int16_t *pcm = NULL;
	size_t n = 0;

	memcpy(exact, data, size);
	if (music_parse((struct slice){ (const char *)exact, size }, &pcm, &n, &why) == 0) {
		if (n == 0 || n > size)
			abort();
		free(pcm);
	}
	free(exact);
	return 0;
}
