/* Payloads of every codec, cut anywhere: decoding, direct bridging, comfort noise. First octet: which codec. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mediad/cng.h"
#include "mediad/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int16_t pcm[CODEC_PCM_MAX], again[CODEC_PCM_MAX];
	struct codec_dec d;

	if (size == 0)
		return 0;

	enum codec c = (enum codec)(data[0] % (CODEC_N + 1));
	uint32_t rate = data[0] & 0x40 ? 16000 : 8000;
	uint8_t *in = malloc(size); /* its own block, so that a read beyond it is seen */
	size_t n = size - 1;
	if (!in)
		return 0;
	memcpy(in, data + 1, n);
	if (codec_dec_init(&d, c, rate) == 0) {
		struct codec_dec e = d;
		codec_dec_law(&d, data[0] & 0x80 ? CODEC_PCMA : CODEC_NONE);
		codec_dec_law(&e, data[0] & 0x80 ? CODEC_PCMA : CODEC_NONE);
		int k = codec_decode(&d, in, n, pcm, CODEC_PCM_MAX);
		struct codec_job job[3];
		struct codec_dec more[3] = { e, e, e };
		static int16_t sink[2][CODEC_PCM_MAX];
		for (int i = 0; i < 3; i++)
			job[i] = (struct codec_job){ .dec = &more[i],
				.pcm = i ? sink[i - 1] : again,
				.pcm_n = CODEC_PCM_MAX,
				.octet = in,
				.octet_n = (uint32_t)n };
		codec_run(job, 3);
		if (job[0].res != k || (k > 0 && memcmp(pcm, again, (size_t)k * 2) != 0))
			abort();
		for (int to = 0; to < CODEC_N; to++) {
			uint8_t *out = malloc(n + 1);
			if (out)
				(void)codec_bridge(c, (enum codec)to, in, n, out);
			free(out);
		}
	}
	struct cng_sid sid;
	struct cng_gen g;
	if (cng_parse(in, n, &sid) == 0) {
		uint8_t out[1 + CNG_ORDER];
		cng_gen_init(&g, 1);
		cng_gen_set(&g, &sid);
		cng_gen_fill(&g, pcm, 480);
		if (cng_build(&sid, out, sizeof(out)) != 1u + sid.order)
			abort();
	}
	free(in);
	return 0;
}
