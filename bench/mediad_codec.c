// links: spandsp
/* usage: mediad_codec [ROUNDS]
 *   G.726 in lanes, G.726 scalar, G.711, G.722 against spandsp: CPU time per sample, alternating within one run, ratio and
 *   target. Frames of 20 ms, 512 channels in turn, so that states and buffers come from where they would in a busy
 *   instance. Times include packing and the turning of frames into lanes and back. Exit status 1: a target is missed. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <spandsp.h>

#include "mediad/codec.h"
#include "mediad/g711.h"
#include "mediad/g726_lanes.h"

enum { CH = 512, FR = 160, FRAMES = 8 };

static int16_t pcm[CH][FR * FRAMES * 2], out[CH][FR * 2];
static uint8_t oct[CH][FR * FRAMES], sink[CH][FR * 2];
static int missed;

static double cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* One side of a comparison: all channels, one frame of each. */
typedef void(work_h)(int frame);

struct pair {
	const char *name;
	work_h *ours, *theirs;
	double want; /* times as fast, at least; 0: no target */
	int samples; /* per channel and frame */
};

#define ROUNDS_MAX 200

static void compare(const struct pair *p, int rounds)
{
	static double us[ROUNDS_MAX], them[ROUNDS_MAX], ratio[ROUNDS_MAX];

	for (int r = 0; r < rounds; r++) {
		us[r] = them[r] = 0;
		for (int f = 0; f < FRAMES; f++) {
			double t = cpu();
			p->ours(f);
			us[r] += cpu() - t;
			t = cpu();
			p->theirs(f);
			them[r] += cpu() - t;
		}
		ratio[r] = them[r] / us[r];
	}
	qsort(us, (size_t)rounds, sizeof(us[0]), by_value);
	qsort(them, (size_t)rounds, sizeof(them[0]), by_value);
	qsort(ratio, (size_t)rounds, sizeof(ratio[0]), by_value);
	double samples = (double)CH * FRAMES * p->samples, mid = ratio[rounds / 2];
	printf("%-28s %7.2f %9.2f ns/sample   %5.2f times as fast (%.2f..%.2f)", p->name,
	    us[rounds / 2] / samples * 1e9, them[rounds / 2] / samples * 1e9, mid,
	    ratio[rounds / 10], ratio[rounds - 1 - rounds / 10]);
	if (p->want > 0) {
		printf("   target %.2f: %s", p->want, mid >= p->want ? "met" : "MISSED");
		missed += mid < p->want;
	}
	printf("\n");
	fflush(stdout);
}

/* G.726 */
static struct codec_enc enc[CH];
static struct codec_dec dec[CH];
static struct g726 lane_state[CH];
static g726_state_t *sp_enc[CH], *sp_dec[CH], *sp_enc_a[CH], *sp_dec_a[CH];
static struct codec_job job[CH];
static enum g726_isa isa;

static void lanes_enc(int f)
{
	static uint8_t code[G726_LANES][FR];
	struct g726_lane lane[G726_LANES];

	for (unsigned c = 0; c < CH; c += G726_LANES) {
		for (unsigned l = 0; l < G726_LANES; l++)
			lane[l] =
			    (struct g726_lane){ &lane_state[c + l], pcm[c + l] + f * FR, code[l] };
		g726_lanes_enc(isa, 4, lane, G726_LANES, FR);
		for (unsigned l = 0; l < G726_LANES; l++)
			g726_pack(code[l], FR, 4, false, sink[c + l]);
	}
}

static void lanes_dec_law(int f, enum g726_law law)
{
	static uint8_t code[G726_LANES][FR];
	struct g726_lane lane[G726_LANES];

	for (unsigned c = 0; c < CH; c += G726_LANES) {
		for (unsigned l = 0; l < G726_LANES; l++) {
			g726_unpack(oct[c + l] + f * FR / 2, FR, 4, false, code[l]);
			lane[l] = (struct g726_lane){ &lane_state[c + l], out[c + l], code[l] };
		}
		g726_lanes_dec(isa, 4, law, lane, G726_LANES, FR);
	}
}

static void lanes_dec(int f)
{
	lanes_dec_law(f, G726_LINEAR);
}

static void lanes_dec_alaw(int f)
{
	lanes_dec_law(f, G726_ALAW);
	for (int c = 0; c < CH; c++)
		g711_a_encode(out[c], FR, sink[c]);
}

static void jobs_enc(int f)
{
	for (int c = 0; c < CH; c++)
		job[c] = (struct codec_job){ .enc = &enc[c],
			.pcm = pcm[c] + f * FR,
			.pcm_n = FR,
			.octet = sink[c],
			.octet_n = FR };
	codec_run(job, CH);
}

static void jobs_dec(int f)
{
	for (int c = 0; c < CH; c++)
		job[c] = (struct codec_job){ .dec = &dec[c],
			.pcm = out[c],
			.pcm_n = FR,
			.octet = oct[c] + f * FR / 2,
			.octet_n = FR / 2 };
	codec_run(job, CH);
}

static void scalar_enc(int f)
{
	for (int c = 0; c < CH; c++)
		(void)codec_encode(&enc[c], pcm[c] + f * FR, FR, sink[c], FR);
}

static void scalar_dec(int f)
{
	for (int c = 0; c < CH; c++)
		(void)codec_decode(&dec[c], oct[c] + f * FR / 2, FR / 2, out[c], FR);
}

static void sp_g726_enc(int f)
{
	for (int c = 0; c < CH; c++)
		g726_encode(sp_enc[c], sink[c], pcm[c] + f * FR, FR);
}

static void sp_g726_dec(int f)
{
	for (int c = 0; c < CH; c++)
		g726_decode(sp_dec[c], out[c], oct[c] + f * FR / 2, FR / 2);
}

static void sp_g726_dec_alaw(int f)
{
	for (int c = 0; c < CH; c++)
		g726_decode(sp_dec_a[c], out[c], oct[c] + f * FR / 2, FR / 2);
}

/* G.711 */
static void a_enc(int f)
{
	for (int c = 0; c < CH; c++)
		g711_a_encode(pcm[c] + f * FR, FR, sink[c]);
}
static void a_dec(int f)
{
	for (int c = 0; c < CH; c++)
		g711_a_decode(oct[c] + f * FR / 2, FR, out[c]);
}
static void u_enc(int f)
{
	for (int c = 0; c < CH; c++)
		g711_u_encode(pcm[c] + f * FR, FR, sink[c]);
}
static void a_to_u(int f)
{
	for (int c = 0; c < CH; c++)
		(void)codec_bridge(CODEC_PCMA, CODEC_PCMU, oct[c] + f * FR / 2, FR, sink[c]);
}
static g711_state_t *sp_a, *sp_u;
static void sp_a_enc(int f)
{
	for (int c = 0; c < CH; c++)
		g711_encode(sp_a, sink[c], pcm[c] + f * FR, FR);
}
static void sp_u_enc(int f)
{
	for (int c = 0; c < CH; c++)
		g711_encode(sp_u, sink[c], pcm[c] + f * FR, FR);
}
static void sp_a_dec(int f)
{
	for (int c = 0; c < CH; c++)
		g711_decode(sp_a, out[c], oct[c] + f * FR / 2, FR);
}
static void sp_a_to_u(int f)
{
	for (int c = 0; c < CH; c++)
		g711_transcode(sp_a, sink[c], oct[c] + f * FR / 2, FR);
}

/* G.722 at 16,000/s */
static struct g722_enc e722[CH];
static struct g722_dec d722[CH];
static g722_encode_state_t *sp_e722[CH];
static g722_decode_state_t *sp_d722[CH];
static void w_enc(int f)
{
	for (int c = 0; c < CH; c++)
		g722_enc_run(&e722[c], pcm[c] + f * FR * 2, FR, sink[c]);
}
static void w_dec(int f)
{
	for (int c = 0; c < CH; c++)
		g722_dec_run(&d722[c], oct[c] + f * FR / 2, FR, out[c]);
}
static void sp_w_enc(int f)
{
	for (int c = 0; c < CH; c++)
		g722_encode(sp_e722[c], sink[c], pcm[c] + f * FR * 2, FR * 2);
}
static void sp_w_dec(int f)
{
	for (int c = 0; c < CH; c++)
		g722_decode(sp_d722[c], out[c], oct[c] + f * FR / 2, FR);
}

/* Sweeps, noise, alternation of silence and sound, square waves; encoded, so that decoders see what they would. */
static void prepare(void)
{
	srand(7);
	for (int c = 0; c < CH; c++) {
		double phase = 0, w = 0.02 + 0.002 * (c % 300),
		       amp = c % 7 ? 200 * (1 + c % 60) : 30000;
		for (int k = 0; k < FR * FRAMES * 2; k++) {
			phase += w * (1 + 0.3 * sin(k * 0.003));
			double x = amp * (sin(phase) + 0.4 * sin(2.7 * phase));
			if (c % 4 == 1)
				x = amp * (rand() / (double)RAND_MAX * 2 - 1);
			if (c % 4 == 2 && !(k / 400 & 1))
				x = rand() % 9 - 4;
			pcm[c][k] = (int16_t)(x > 32767 ? 32767 : x < -32768 ? -32768 : x);
		}
		sp_enc[c] = g726_init(NULL, 32000, G726_ENCODING_LINEAR, G726_PACKING_RIGHT);
		sp_dec[c] = g726_init(NULL, 32000, G726_ENCODING_LINEAR, G726_PACKING_RIGHT);
		sp_enc_a[c] = g726_init(NULL, 32000, G726_ENCODING_ALAW, G726_PACKING_RIGHT);
		sp_dec_a[c] = g726_init(NULL, 32000, G726_ENCODING_ALAW, G726_PACKING_RIGHT);
		sp_e722[c] = g722_encode_init(NULL, 64000, 0);
		sp_d722[c] = g722_decode_init(NULL, 64000, 0);
		g722_enc_init(&e722[c], 16000);
		g722_dec_init(&d722[c], 16000);
		if (codec_enc_init(&enc[c], CODEC_G726_32, 8000) ||
		    codec_dec_init(&dec[c], CODEC_G726_32, 8000))
			exit(1);
		g726_reset(&lane_state[c], 4);
		g726_encode(sp_enc[c], oct[c], pcm[c], FR * FRAMES);
		memset(oct[c] + FR * FRAMES / 2, 0xd5, FR * FRAMES / 2);
	}
	sp_a = g711_init(NULL, G711_ALAW);
	sp_u = g711_init(NULL, G711_ULAW);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 15;
	static const struct pair lanes[G726_ISA_N][3] = {
		[G726_AVX2] = { { "G.726-32 encode, 8 lanes", lanes_enc, sp_g726_enc, 5, FR },
		    { "G.726-32 decode, 8 lanes", lanes_dec, sp_g726_dec, 5, FR },
		    { "  decode to A-law, 8 lanes", lanes_dec_alaw, sp_g726_dec_alaw, 5, FR } },
		[G726_AVX512] = { { "G.726-32 encode, 16 lanes", lanes_enc, sp_g726_enc, 6, FR },
		    { "G.726-32 decode, 16 lanes", lanes_dec, sp_g726_dec, 6, FR },
		    { "  decode to A-law, 16 lanes", lanes_dec_alaw, sp_g726_dec_alaw, 6, FR } },
	};
	static const struct pair others[] = {
		{ "G.726-32 encode, codec_run()", jobs_enc, sp_g726_enc, 5, FR },
		{ "G.726-32 decode, codec_run()", jobs_dec, sp_g726_dec, 5, FR },
		{ "G.726-32 encode, scalar", scalar_enc, sp_g726_enc, 0, FR },
		{ "G.726-32 decode, scalar", scalar_dec, sp_g726_dec, 0, FR },
		{ "A-law encode", a_enc, sp_a_enc, 0, FR },
		{ "A-law decode", a_dec, sp_a_dec, 0, FR },
		{ "mu-law encode", u_enc, sp_u_enc, 0, FR },
		{ "A-law to mu-law", a_to_u, sp_a_to_u, 0, FR },
		{ "G.722 encode", w_enc, sp_w_enc, 0, FR * 2 },
		{ "G.722 decode", w_dec, sp_w_dec, 0, FR * 2 },
	};

	rounds = rounds < 3 ? 3 : rounds > ROUNDS_MAX ? ROUNDS_MAX : rounds;
	prepare();
	printf("%-28s %7s %9s\n", "", "ours", "spandsp");
	for (isa = G726_AVX2; isa < G726_ISA_N; isa++) {
		if (!g726_isa_has(isa)) {
			printf("this CPU has no %s\n", g726_isa_name(isa));
			continue;
		}
		for (int i = 0; i < 3; i++)
			compare(&lanes[isa][i], rounds);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		compare(&others[i], rounds);
	return missed ? 1 : 0;
}
