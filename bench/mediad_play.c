/* usage: mediad_play [LEGS [SECONDS]]
 *   CPU of the receiving chain (jitter buffer, decoding, concealment, drift) per packet of 20 ms, for LEGS legs in turn
 *   (default 1,000) over SECONDS of their time (10), beside the bare decoding of the same packets, alternating. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mediad/play.h"

static double cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void measure(const char *name, enum codec c, double loss, unsigned legs, unsigned seconds)
{
	struct play *play = calloc(legs, sizeof(*play));
	struct codec_dec *bare = calloc(legs, sizeof(*bare));
	struct codec_job job;
	static int16_t pcm[160];
	static uint8_t octets[160];
	double chain = 0, decode = 0;
	uint32_t seed = 1;
	size_t n = codec_octets(c, 160);

	if (!play || !bare)
		exit(1);
	for (unsigned l = 0; l < legs; l++)
		if (play_init(&play[l], 8000, NULL) || codec_dec_init(&bare[l], c, 8000))
			exit(1);
	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)(rand() >> 7);
	for (unsigned k = 0; k < seconds * 50; k++) {
		uint64_t now = 1000000 + k * 20000ull;
		double t = cpu();
		for (unsigned l = 0; l < legs; l++) {
			seed = seed * 1664525u + 1013904223u;
			if ((seed >> 8) / 16777216.0 < loss)
				continue;
			(void)play_put(&play[l], c, (uint16_t)k, k * 160, false, octets, n,
			    now + (seed >> 20));
		}
		for (unsigned l = 0; l < legs; l++)
			while (play_step(&play[l], 160, now + 5000, &job))
				codec_run(&job, 1);
		for (unsigned l = 0; l < legs; l++)
			(void)play_take(&play[l], pcm, 160);
		chain += cpu() - t;
		t = cpu();
		for (unsigned l = 0; l < legs; l++)
			(void)codec_decode(&bare[l], octets, n, pcm, 160);
		decode += cpu() - t;
	}
	double packets = (double)legs * seconds * 50;
	printf("%-22s %7.0f ns a packet, bare decoding %7.0f: %.2f\n", name, chain / packets * 1e9,
	    decode / packets * 1e9, chain / decode);
	free(play);
	free(bare);
}

int main(int argc, char **argv)
{
	unsigned legs = argc > 1 ? (unsigned)atoi(argv[1]) : 1000,
	         seconds = argc > 2 ? (unsigned)atoi(argv[2]) : 10;

	measure("PCMA", CODEC_PCMA, 0, legs, seconds);
	measure("PCMA, 3 % lost", CODEC_PCMA, 0.03, legs, seconds);
	measure("G.726-32", CODEC_G726_32, 0, legs, seconds);
	measure("G.722 (lower band)", CODEC_G722, 0, legs, seconds > 3 ? 3 : seconds);
	return 0;
}
