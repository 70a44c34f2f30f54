/* WAV: RIFF chunks, little-endian. */
#include "mediad/music.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/rd.h"
#include "mediad/g711.h"

enum { WAV_PCM = 1, WAV_ALAW = 6, WAV_ULAW = 7 };

static int convert(unsigned format, struct rd data, int16_t **pcm, size_t *n)
{
	size_t octets = rd_left(&data);

	*n = format == WAV_PCM ? octets / 2 : octets;
	if (*n == 0)
		return ERR_LIMIT;
	*pcm = mem_array(*n, sizeof(**pcm));
	for (size_t i = 0; i < *n; i++)
		(*pcm)[i] = format == WAV_PCM    ? (int16_t)rd_le16(&data)
		            : format == WAV_ALAW ? g711_a2l[rd_u8(&data)]
		                                 : g711_u2l[rd_u8(&data)];
	return 0;
}

int music_parse(struct slice wav, int16_t **pcm, size_t *n, const char **why)
{
	struct rd r = rd_of(wav.p, wav.n);
	const uint8_t *riff = rd_bytes(&r, 4), *wave;
	unsigned format = 0;

	*why = "no WAV file";
	(void)rd_le32(&r);
	wave = rd_bytes(&r, 4);
	if (r.bad || memcmp(riff, "RIFF", 4) != 0 || memcmp(wave, "WAVE", 4) != 0)
		return ERR_SYNTAX;
	while (rd_left(&r) >= 8) {
		const uint8_t *id = rd_bytes(&r, 4);
		uint32_t len = rd_le32(&r);
		bool last = len > rd_left(&r);
		struct rd c = rd_sub(&r, last ? rd_left(&r) : len);

		if (memcmp(id, "fmt ", 4) == 0) {
			format = rd_le16(&c);
			unsigned channels = rd_le16(&c), rate = rd_le32(&c), bits;
			(void)rd_le32(&c);
			(void)rd_le16(&c);
			bits = rd_le16(&c);
			*why = "not 8000 Hz mono";
			if (c.bad)
				return ERR_TRUNCATED;
			if (channels != 1 || rate != 8000)
				return ERR_UNSUPP;
			*why = "neither 16 bit PCM nor A-law nor mu-law";
			if (!(format == WAV_PCM && bits == 16) &&
			    !((format == WAV_ALAW || format == WAV_ULAW) && bits == 8))
				return ERR_UNSUPP;
		} else if (memcmp(id, "data", 4) == 0) {
			*why = "the format does not come before the data";
			if (format == 0)
				return ERR_SYNTAX;
			*why = "there is no sound in it";
			return convert(format, c, pcm, n);
		}
		if (len & 1 && rd_left(&r))
			(void)rd_u8(&r);
	}
	*why = "there is no sound in it";
	return ERR_TRUNCATED;
}

int music_load(const char *path, int16_t **pcm, size_t *n, const char **why)
{
	FILE *f = fopen(path, "rbe");
	uint8_t *buf;
	size_t len;
	int err;

	*why = "it cannot be read";
	if (!f)
		return -errno;
	buf = mem_new(MUSIC_MAX + 1);
	len = fread(buf, 1, MUSIC_MAX + 1, f);
	err = ferror(f) ? -EIO : 0;
	(void)fclose(f);
	if (!err && len > MUSIC_MAX) {
		*why = "it is too large";
		err = ERR_LIMIT;
	}
	if (!err)
		err = music_parse((struct slice){ (const char *)buf, len }, pcm, n, why);
	free(buf);
	return err;
}
