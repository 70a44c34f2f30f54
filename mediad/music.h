#ifndef MEDIAD_MUSIC_H
#define MEDIAD_MUSIC_H
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"

/* Music on hold from a WAV file: 8,000 Hz, mono, 16 bit PCM, A-law or mu-law. */

#define MUSIC_MAX (16u << 20) /* octets of file */

/* Samples in *pcm (heap, the caller frees), their number in *n. ERR_SYNTAX: no WAV; ERR_UNSUPP: another format, *why
 * says which; ERR_TRUNCATED; ERR_LIMIT: no speech in it. */
int music_parse(struct slice wav, int16_t **pcm, size_t *n, const char **why) MUST_CHECK;
/* The same of a file: -errno, ERR_LIMIT: larger than MUSIC_MAX. */
int music_load(const char *path, int16_t **pcm, size_t *n, const char **why) MUST_CHECK;
#endif
