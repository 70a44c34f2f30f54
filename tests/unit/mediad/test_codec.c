/* All codecs through one interface: sizes, round trips, jobs in lanes against single runs, direct bridging; and against
 * spandsp, which is another's work, on ten minutes of speech-like signal. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <spandsp.h>

#include "mediad/codec.h"
#include "mediad/g711.h"
#include "speech.h"

static const struct {
	enum codec codec;
	unsigned ms20; /* octets */
} sizes[] = { { CODEC_PCMU, 160 }, { CODEC_PCMA, 160 }, { CODEC_G722, 160 }, { CODEC_G726_16, 40 },
	{ CODEC_G726_24, 60 }, { CODEC_G726_32, 80 }, { CODEC_G726_40, 100 },
	{ CODEC_AAL2_G726_16, 40 }, { CODEC_AAL2_G726_24, 60 }, { CODEC_AAL2_G726_32, 80 },
	{ CODEC_AAL2_G726_40, 100 }, { CODEC_L16, 320 } };
#define NCODECS (sizeof(sizes) / sizeof(sizes[0]))

static void test_sizes(void **state)
{
	(void)state;
	for (size_t i = 0; i < NCODECS; i++) {
		assert_int_equal(codec_octets(sizes[i].codec, 160), sizes[i].ms20);
		assert_int_equal(codec_ticks(sizes[i].codec, sizes[i].ms20), 160);
	}
	assert_int_equal(codec_ticks(CODEC_G726_24, 61), 0);
	assert_int_equal(codec_ticks(CODEC_G726_40, 99), 0);
	assert_int_equal(codec_ticks(CODEC_CN, 5), 0);
	assert_int_equal(codec_ticks((enum codec)77, 5), 0);
	struct codec_enc e;
	struct codec_dec d;
	assert_int_equal(codec_enc_init(&e, CODEC_PCMA, 16000), ERR_UNSUPP);
	assert_int_equal(codec_dec_init(&d, CODEC_EVENT, 8000), ERR_UNSUPP);
	assert_int_equal(codec_enc_init(&e, CODEC_PCMA, 8000), 0);
	int16_t pcm[488] = { 0 };
	uint8_t out[960];
	assert_int_equal(codec_encode(&e, pcm, 488, out, sizeof(out)), ERR_VALUE);
	assert_int_equal(codec_encode(&e, pcm, 81, out, sizeof(out)), ERR_VALUE);
	assert_int_equal(codec_encode(&e, pcm, 160, out, 159), ERR_LIMIT);
	assert_int_equal(codec_dec_init(&d, CODEC_G726_24, 8000), 0);
	assert_int_equal(codec_decode(&d, out, 0, pcm, 480), ERR_SYNTAX);
	assert_int_equal(codec_decode(&d, out, 31, pcm, 480), ERR_SYNTAX);
	assert_int_equal(codec_decode(&d, out, 60, pcm, 80), ERR_LIMIT);
}

/* Every codec, 10 to 60 ms: what comes out resembles what went in as well as its bits allow. */
static void test_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < NCODECS; i++)
		for (uint32_t rate = 8000; rate <= 16000; rate += 8000) {
			if (rate == 16000 && !codec_props[sizes[i].codec].wide)
				continue;
			struct codec_enc e;
			struct codec_dec d;
			struct speech sp;
			static int16_t in[16000], out[16000];
			uint8_t oct[960];
			size_t at = 0;
			unsigned ms = 10;
			assert_int_equal(codec_enc_init(&e, sizes[i].codec, rate), 0);
			assert_int_equal(codec_dec_init(&d, sizes[i].codec, rate), 0);
			speech_init(&sp, 7, rate);
			speech_fill(&sp, in, 16000);
			while (at + 60 * rate / 1000 <= 16000) {
				size_t n = ms * rate / 1000;
				int k = codec_encode(&e, in + at, n, oct, sizeof(oct));
				assert_int_equal(k, codec_octets(sizes[i].codec, ms * 8));
				assert_int_equal(
				    codec_decode(&d, oct, (size_t)k, out + at, n), (int)n);
				at += n;
				ms = ms == 60 ? 10 : ms + 10;
			}
			/* G.722 at 16,000/s: its filters delay by 22 samples. */
			double snr = speech_snr(in, out, at, rate == 16000 ? 40 : 0);
			double want = codec_props[sizes[i].codec].g726
			                  ? 3.5 + 4.5 * (codec_props[sizes[i].codec].g726 - 1)
			              : rate == 16000 ? 9
			                              : 20;
			if (snr < want)
				fail_msg("%s at %u: %.1f dB", codec_props[sizes[i].codec].name,
				    rate, snr);
		}
}

static void test_jobs(void **state)
{
	enum { N = 75, ROUNDS = 40 };
	static struct codec_enc e[2][N];
	static struct codec_dec d[2][N];
	static int16_t in[N][480], out[2][N][480];
	static uint8_t oct[2][N][960];
	static struct speech sp[N];
	struct codec_job je[N], jd[N];

	(void)state;
	for (int i = 0; i < N; i++) {
		enum codec c = sizes[(unsigned)i % 3 ? 5 : (unsigned)i / 3 % NCODECS]
		                   .codec; /* two thirds G726-32 */
		speech_init(&sp[i], (uint32_t)i, 8000);
		for (int k = 0; k < 2; k++) {
			assert_int_equal(codec_enc_init(&e[k][i], c, 8000), 0);
			assert_int_equal(codec_dec_init(&d[k][i], c, 8000), 0);
			codec_dec_law(&d[k][i], i % 5 == 1   ? CODEC_PCMA
			                        : i % 5 == 2 ? CODEC_PCMU
			                                     : CODEC_NONE);
		}
	}
	for (int r = 0; r < ROUNDS; r++) {
		int count = 1 + r * 7 % N;
		for (int i = 0; i < count; i++) {
			size_t n = r % 4 ? 160 : 80 * (1 + (size_t)(r + i) % 6);
			speech_fill(&sp[i], in[i], n);
			int k = codec_encode(&e[1][i], in[i], n, oct[1][i], 960);
			assert_true(k > 0);
			assert_int_equal(
			    codec_decode(&d[1][i], oct[1][i], (size_t)k, out[1][i], 480), (int)n);
			je[i] = (struct codec_job){ .enc = &e[0][i],
				.pcm = in[i],
				.pcm_n = (uint32_t)n,
				.octet = oct[0][i],
				.octet_n = 960 };
			jd[i] = (struct codec_job){ .dec = &d[0][i],
				.pcm = out[0][i],
				.pcm_n = 480,
				.octet = oct[1][i],
				.octet_n = (uint32_t)k };
		}
		je[count - 1].octet_n = 1;
		codec_run(je, (size_t)count);
		assert_int_equal(je[count - 1].res, ERR_LIMIT);
		je[count - 1].octet_n = 960;
		codec_run(je + count - 1, 1);
		codec_run(jd, (size_t)count);
		for (int i = 0; i < count; i++) {
			assert_int_equal(je[i].res, jd[i].octet_n);
			assert_memory_equal(oct[0][i], oct[1][i], (size_t)je[i].res);
			assert_int_equal(jd[i].res, je[i].pcm_n);
			assert_memory_equal(out[0][i], out[1][i], (size_t)jd[i].res * 2);
		}
	}
}

static void test_bridge(void **state)
{
	uint8_t in[300], out[300], back[300], code[1200], code2[1200];

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 167 + i / 7);
	for (int c = CODEC_G726_16; c <= CODEC_G726_40; c++) {
		enum codec a = (enum codec)c, b = (enum codec)(c + 4);
		unsigned bits = codec_props[c].g726;
		for (size_t n = bits; n <= 300; n += bits) {
			assert_int_equal(codec_bridge(a, b, in, n, out), 0);
			g726_unpack(in, n * 8 / bits, bits, false, code);
			g726_unpack(out, n * 8 / bits, bits, true, code2);
			assert_memory_equal(code, code2, n * 8 / bits);
			assert_int_equal(codec_bridge(b, a, out, n, back), 0);
			assert_memory_equal(in, back, n);
		}
		assert_true(codec_direct(a, b));
		assert_false(codec_direct(a, CODEC_PCMA));
	}
	assert_int_equal(codec_bridge(CODEC_PCMA, CODEC_G722, in, 160, out), ERR_UNSUPP);
	assert_int_equal(codec_bridge(CODEC_G726_24, CODEC_AAL2_G726_24, in, 160, out), ERR_SYNTAX);
	assert_int_equal(codec_bridge(CODEC_PCMU, CODEC_PCMA, in, 300, out), 0);
	for (size_t i = 0; i < 300; i++)
		assert_int_equal(out[i], ulaw_to_alaw(in[i]));
	assert_int_equal(codec_bridge(CODEC_PCMA, CODEC_PCMU, in, 300, out), 0);
	for (size_t i = 0; i < 300; i++)
		assert_int_equal(out[i], alaw_to_ulaw(in[i]));
}

/* Sanitizers make it slow: less there. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SECONDS 30
#endif
#endif
#ifndef SECONDS
#define SECONDS 600
#endif

/* Ten minutes of it at 8,000/s, G.726 at four rates, both laws, linear; G.711; G.722 in both forms. */
static void test_spandsp(void **state)
{
	enum { FRAME = 160, FRAMES = SECONDS * 50 };
	static const uint8_t law_of[3] = { G726_ENCODING_LINEAR, G726_ENCODING_ALAW,
		G726_ENCODING_ULAW };
	static const enum codec law_codec[3] = { CODEC_NONE, CODEC_PCMA, CODEC_PCMU };
	g726_state_t *ge[4][2], *gd[4][3];
	struct codec_enc e[4][2], ea, eu, e7;
	struct codec_dec d[4][3], d7;
	struct speech sp;
	int16_t in[FRAME], out[FRAME * 2], ref[FRAME * 2];
	uint8_t oct[FRAME], oref[FRAME];
	unsigned u_edges = 0, limited = 0;

	(void)state;
	for (int r = 0; r < 4; r++) {
		for (int k = 0; k < 2; k++) {
			enum codec c = (enum codec)(k ? CODEC_AAL2_G726_16 + r : CODEC_G726_16 + r);
			ge[r][k] = g726_init(NULL, (r + 2) * 8000, G726_ENCODING_LINEAR,
			    k ? G726_PACKING_LEFT : G726_PACKING_RIGHT);
			assert_int_equal(codec_enc_init(&e[r][k], c, 8000), 0);
		}
		for (int l = 0; l < 3; l++) {
			gd[r][l] = g726_init(NULL, (r + 2) * 8000, law_of[l], G726_PACKING_RIGHT);
			assert_int_equal(
			    codec_dec_init(&d[r][l], (enum codec)(CODEC_G726_16 + r), 8000), 0);
			codec_dec_law(&d[r][l], law_codec[l]);
		}
	}
	assert_int_equal(codec_enc_init(&ea, CODEC_PCMA, 8000), 0);
	assert_int_equal(codec_enc_init(&eu, CODEC_PCMU, 8000), 0);
	assert_int_equal(codec_enc_init(&e7, CODEC_G722, 8000), 0);
	assert_int_equal(codec_dec_init(&d7, CODEC_G722, 8000), 0);
	g722_encode_state_t *s7e = g722_encode_init(NULL, 64000, G722_SAMPLE_RATE_8000);
	g722_decode_state_t *s7d = g722_decode_init(NULL, 64000, G722_SAMPLE_RATE_8000);
	speech_init(&sp, 1, 8000);
	for (int f = 0; f < FRAMES; f++) {
		speech_fill(&sp, in, FRAME);
		for (int r = 0; r < 4; r++) {
			int n = 0;
			for (int k = 1; k >= 0;
			     k--) { /* what is decoded below is the RFC 3551 packing */
				n = g726_encode(ge[r][k], oref, in, FRAME);
				assert_int_equal(
				    codec_encode(&e[r][k], in, FRAME, oct, sizeof(oct)), n);
				assert_memory_equal(oct, oref, (size_t)n);
			}
			for (int l = 0; l < 3; l++) {
				assert_int_equal(
				    codec_decode(&d[r][l], oct, (size_t)n, out, FRAME), FRAME);
				assert_int_equal(g726_decode(gd[r][l], ref, oct, n), FRAME);
				const uint8_t *words = (const uint8_t *)ref;
				for (int i = 0; i < FRAME; i++) {
					int16_t want = l == 0   ? ref[i]
					               : l == 1 ? g711_a2l[words[i]]
					                        : g711_u2l[words[i]];
					/* Beyond 14 bits annex A limits (block LIMO), spandsp lets the sum wrap. */
					if (l == 0 && out[i] != want &&
					    (out[i] == 32764 || out[i] == -32768))
						limited++;
					else if (out[i] != want)
						fail_msg("%d kbit/s, law %d, frame %d, sample %d: "
						         "%d, not %d",
						    (r + 2) * 8, l, f, i, out[i], want);
				}
			}
		}
		assert_int_equal(codec_encode(&ea, in, FRAME, oct, FRAME), FRAME);
		for (int i = 0; i < FRAME; i++)
			assert_int_equal(oct[i], linear_to_alaw(in[i]));
		assert_int_equal(codec_encode(&eu, in, FRAME, oct, FRAME), FRAME);
		for (int i = 0; i < FRAME; i++) {
			/* On a threshold spandsp rounds a negative value away from zero, the ITU-T's sequences towards it. */
			uint8_t want = linear_to_ulaw(in[i]);
			if (in[i] < -1 && want != linear_to_ulaw(in[i] + 1)) {
				u_edges++;
				want = linear_to_ulaw(in[i] + 1);
			}
			assert_int_equal(oct[i], want);
		}
		assert_int_equal(codec_encode(&e7, in, FRAME, oct, FRAME), FRAME);
		assert_int_equal(g722_encode(s7e, oref, in, FRAME), FRAME);
		assert_memory_equal(oct, oref, FRAME);
		assert_int_equal(codec_decode(&d7, oct, FRAME, out, FRAME), FRAME);
		assert_int_equal(g722_decode(s7d, ref, oct, FRAME), FRAME);
		assert_memory_equal(out, ref, FRAME * 2);
	}
	print_message("%d s: no difference (mu-law thresholds met: %u, limited: %u)\n",
	    FRAME * FRAMES / 8000, u_edges, limited);
	assert_true(limited < 1000);
	for (int r = 0; r < 4; r++) {
		for (int k = 0; k < 2; k++)
			g726_free(ge[r][k]);
		for (int l = 0; l < 3; l++)
			g726_free(gd[r][l]);
	}
	g722_encode_free(s7e);
	g722_decode_free(s7d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_jobs),
		cmocka_unit_test(test_bridge),
		cmocka_unit_test(test_spandsp),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
