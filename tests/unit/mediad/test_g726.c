/* G.726 against all the ITU-T's sequences (G.726 appendix II, shared/data/itu/g726): four rates, both laws and across
 * them, from reset and after the homing sequences; the scalar coder and every kind of lanes this CPU has. Packings by
 * hand-made octets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "itu.h"
#include "mediad/g711.h"
#include "mediad/g726.h"
#include "mediad/g726_lanes.h"

static int16_t in[ITU_MAX], ref[ITU_MAX], init[ITU_MAX];

/* Coders under test: the scalar one and lanes, where one lane in turn has the sequence and the others have something
 * else to do. */
static enum g726_isa isa;
static unsigned lane_at;

static void run_enc(struct g726 *s, const int16_t *pcm, size_t n, uint8_t *code)
{
	if (isa == G726_SCALAR) {
		for (size_t i = 0; i < n; i++)
			code[i] = g726_enc(s, pcm[i]);
		return;
	}
	static int16_t other[ITU_MAX];
	static uint8_t sink[G726_LANES][ITU_MAX];
	struct g726 st[G726_LANES];
	struct g726_lane lane[G726_LANES];
	for (size_t i = 0; i < n; i++)
		other[i] = (int16_t)(i * 7919);
	lane_at = (lane_at + 1) % G726_LANES;
	for (unsigned l = 0; l < G726_LANES; l++) {
		g726_reset(&st[l], s->bits);
		bool us = l == lane_at;
		lane[l] = (struct g726_lane){ us ? s : &st[l], us ? (int16_t *)pcm : other,
			us ? code : sink[l] };
	}
	g726_lanes_enc(isa, s->bits, lane, G726_LANES, n);
}

static void run_dec(struct g726 *s, const uint8_t *code, size_t n, enum g726_law law, int16_t *pcm)
{
	if (isa == G726_SCALAR) {
		for (size_t i = 0; i < n; i++)
			pcm[i] = g726_dec(s, code[i], law);
		return;
	}
	static uint8_t other[ITU_MAX];
	static int16_t sink[G726_LANES][ITU_MAX];
	struct g726 st[G726_LANES];
	struct g726_lane lane[G726_LANES];
	for (size_t i = 0; i < n; i++)
		other[i] = (uint8_t)(i * 7919 >> 3 & ((1u << s->bits) - 1));
	lane_at = (lane_at + 1) % G726_LANES;
	for (unsigned l = 0; l < G726_LANES; l++) {
		g726_reset(&st[l], s->bits);
		bool us = l == lane_at;
		lane[l] = (struct g726_lane){ us ? s : &st[l], us ? pcm : sink[l],
			us ? (uint8_t *)code : other };
	}
	g726_lanes_dec(isa, s->bits, law, lane, G726_LANES, n);
}

/* The homing sequences are 3,496 words; their files go on with padding. */
#define HOME 3496

static size_t need(const char *name, int16_t *out)
{
	size_t n = itu_read("g726", name, out);

	if (n == 0)
		fail_msg("shared/data/itu/g726/%s is missing", name);
	return n;
}

static void encode(const char *home, const char *src, const char *want, unsigned bits, char law)
{
	static int16_t pcm[ITU_MAX];
	static uint8_t code[ITU_MAX];
	struct g726 s;
	const int16_t *to_linear = law == 'a' ? g711_a2l : g711_u2l;

	g726_reset(&s, bits);
	if (home) {
		assert_true(need(home, init) >= HOME);
		for (size_t i = 0; i < HOME; i++)
			pcm[i] = to_linear[init[i] & 255];
		run_enc(&s, pcm, HOME, code);
	}
	size_t n = need(src, in);
	assert_int_equal(need(want, ref), n);
	for (size_t i = 0; i < n; i++)
		pcm[i] = to_linear[in[i] & 255];
	run_enc(&s, pcm, n, code);
	for (size_t i = 0; i < n; i++)
		if (code[i] != (uint8_t)ref[i])
			fail_msg("%s -> %s: code %zu is %u, not %d", src, want, i, code[i], ref[i]);
}

static void decode(const char *home, const char *src, const char *want, unsigned bits, char law)
{
	static int16_t pcm[ITU_MAX];
	static uint8_t code[ITU_MAX];
	struct g726 s;
	enum g726_law l = law == 'a' ? G726_ALAW : G726_ULAW;

	g726_reset(&s, bits);
	if (home) {
		assert_true(need(home, init) >= HOME);
		for (size_t i = 0; i < HOME; i++)
			code[i] = (uint8_t)init[i];
		run_dec(&s, code, HOME, l, pcm);
	}
	size_t n = need(src, in);
	assert_int_equal(need(want, ref), n);
	for (size_t i = 0; i < n; i++)
		code[i] = (uint8_t)in[i];
	run_dec(&s, code, n, l, pcm);
	for (size_t i = 0; i < n; i++) {
		const int16_t *to_linear = law == 'a' ? g711_a2l : g711_u2l;
		uint8_t out = law == 'a' ? g711_l2a(pcm[i]) : g711_l2u(pcm[i]);
		/* Linear speech knows one zero only: mu-law's negative zero comes out as the positive one. */
		if (pcm[i] != to_linear[ref[i] & 255] || (out != (ref[i] & 255) && pcm[i] != 0))
			fail_msg("%s -> %s: word %zu is %02x, not %02x", src, want, i, out,
			    ref[i] & 255);
	}
}

static void test_itu(void **state)
{
	char home[16], src[16], want[16];
	unsigned files = 0;

	(void)state;
	if (itu_read("g726", "nrm.a", in) == 0) {
		print_message("shared/data/itu/g726 is not there: skipped\n");
		skip();
	}
	if (!g726_isa_has(isa)) {
		print_message("this CPU has no %s: skipped\n", g726_isa_name(isa));
		skip();
	}
	for (unsigned bits = 2; bits <= 5; bits++) {
		unsigned rate = bits * 8;
		for (int h = 0; h < 2; h++)
			for (const char *law = "am"; *law; law++) {
				char start = h ? 'h' : 'r';
				for (const char *level = "nv"; *level; level++) {
					snprintf(home, sizeof(home), "pcm_init.%c", *law);
					snprintf(src, sizeof(src), "%s.%c",
					    *level == 'n' ? "nrm" : "ovr", *law);
					snprintf(want, sizeof(want), "%c%c%uf%c.i", start, *level,
					    rate, *law);
					encode(h ? home : NULL, src, want, bits, *law);
					snprintf(home, sizeof(home), "i_ini_%u.%c", rate, *law);
					strcpy(src, want);
					snprintf(want, sizeof(want), "%c%c%uf%c.o", start, *level,
					    rate, *law);
					decode(h ? home : NULL, src, want, bits, *law);
					/* Across the laws: A-law's codes to mu-law, and the other way, homed by the output
					 * law's sequence. hn16fc.o of the ITU-T's set was made from reset, without homing. */
					char to = *law == 'a' ? 'm' : 'a';
					snprintf(home, sizeof(home), "i_ini_%u.%c", rate, to);
					snprintf(want, sizeof(want), "%c%c%uf%c.o", start, *level,
					    rate, *law == 'a' ? 'x' : 'c');
					bool homed = h && strcmp(want, "hn16fc.o") != 0;
					decode(homed ? home : NULL, src, want, bits, to);
					files += 3;
				}
				snprintf(home, sizeof(home), "i_ini_%u.%c", rate, *law);
				snprintf(src, sizeof(src), "i%u", rate);
				snprintf(want, sizeof(want), "%ci%uf%c.o", start, rate, *law);
				decode(h ? home : NULL, src, want, bits, *law);
				files++;
			}
	}
	assert_int_equal(files, 4 * 2 * 2 * 7);
}

/* The rate may change from frame to frame (G.726 keeps one state): 16-24-32-40-32-24 kbit/s every 16 samples. */
static void test_itu_rates(void **state)
{
	static const uint8_t rates[] = { 2, 3, 4, 5, 4, 3 };
	struct g726 e, d;

	(void)state;
	size_t n = itu_read("g726", "voice.src", in);
	if (n == 0) {
		print_message("shared/data/itu/g726 is not there: skipped\n");
		skip();
	}
	assert_int_equal(need("voicevbr.lrf", ref), n);
	g726_reset(&e, 2);
	g726_reset(&d, 2);
	for (size_t i = 0; i < n; i++) {
		e.bits = d.bits = rates[i / 16 % 6];
		int16_t out = g726_dec(&d, g726_enc(&e, g711_a2l[g711_l2a(in[i])]), G726_ALAW);
		if (out != ref[i])
			fail_msg("sample %zu is %d, not %d", i, out, ref[i]);
	}
}

static int set_scalar(void **state)
{
	(void)state;
	isa = G726_SCALAR;
	return 0;
}
static int set_generic(void **state)
{
	(void)state;
	isa = G726_GENERIC;
	return 0;
}
static int set_avx2(void **state)
{
	(void)state;
	isa = G726_AVX2;
	return 0;
}
static int set_avx512(void **state)
{
	(void)state;
	isa = G726_AVX512;
	return 0;
}

static uint32_t rnd(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Lanes give the scalar coder's bits for any input, any number of lanes in use, states that continue. */
static void test_random(void **state)
{
	enum { N = 480 };
	static int16_t pcm[G726_LANES][N], got[G726_LANES][N], want[G726_LANES][N];
	static uint8_t code[G726_LANES][N], gcode[G726_LANES][N], wcode[G726_LANES][N];
	uint32_t seed = 1;

	(void)state;
	if (!g726_isa_has(isa)) {
		print_message("this CPU has no %s: skipped\n", g726_isa_name(isa));
		skip();
	}
	for (unsigned bits = 2; bits <= 5; bits++) {
		struct g726 e[2][G726_LANES], d[2][G726_LANES];
		for (unsigned l = 0; l < G726_LANES; l++) {
			g726_reset(&e[0][l], bits);
			g726_reset(&e[1][l], bits);
			g726_reset(&d[0][l], bits);
			g726_reset(&d[1][l], bits);
		}
		for (unsigned round = 0; round < 60; round++) {
			unsigned lanes = round % 3 ? G726_LANES : 1 + rnd(&seed) % G726_LANES;
			enum g726_law law = (enum g726_law)(round % 3);
			size_t n = 8 * (1 + rnd(&seed) % (N / 8));
			struct g726_lane le[G726_LANES], ld[G726_LANES];
			for (unsigned l = 0; l < lanes; l++) {
				unsigned kind = (l + round) % 5;
				for (size_t i = 0; i < n; i++) {
					int32_t r = (int32_t)(rnd(&seed) & 0xffff) - 32768;
					pcm[l][i] =
					    (int16_t)(kind == 0   ? r
					              : kind == 1 ? r / 64
					              : kind == 2 ? (i / 37 & 1 ? 32767 : -32768)
					              : kind == 3
					                  ? (i % 80 < 40 ? r : 0)
					                  : (int32_t)(i * 2000 % 60000) - 30000);
					code[l][i] =
					    (uint8_t)(kind == 2 ? 0
					              : kind == 3
					                  ? (1u << (bits - 1)) - 1
					                  : rnd(&seed) & ((1u << bits) - 1));
					wcode[l][i] = g726_enc(&e[1][l], pcm[l][i]);
					want[l][i] = g726_dec(&d[1][l], code[l][i], law);
				}
				le[l] = (struct g726_lane){ &e[0][l], pcm[l], gcode[l] };
				ld[l] = (struct g726_lane){ &d[0][l], got[l], code[l] };
			}
			g726_lanes_enc(isa, bits, le, lanes, n);
			g726_lanes_dec(isa, bits, law, ld, lanes, n);
			for (unsigned l = 0; l < lanes; l++) {
				assert_memory_equal(gcode[l], wcode[l], n);
				for (size_t i = 0; i < n; i++)
					if (got[l][i] != want[l][i])
						fail_msg("%u bits, round %u, lane %u, sample %zu: "
						         "%d, not %d",
						    bits, round, l, i, got[l][i], want[l][i]);
				assert_memory_equal(&e[0][l], &e[1][l], sizeof(e[0][0]));
				assert_memory_equal(&d[0][l], &d[1][l], sizeof(d[0][0]));
			}
		}
	}
}

static void test_pack(void **state)
{
	/* RFC 3551 4.5.4, figures: codes A, B, C ... from the least or the most significant end. */
	static const uint8_t c[8] = { 1, 2, 3, 0, 1, 3, 2, 1 },
	                     c5[8] = { 1, 2, 3, 4, 31, 16, 8, 30 };
	uint8_t o[5], back[8];

	(void)state;
	g726_pack(c, 8, 2, false, o);
	assert_int_equal(o[0], 0x39);
	assert_int_equal(o[1], 0x6d);
	g726_pack(c, 8, 2, true, o);
	assert_int_equal(o[0], 0x6c);
	assert_int_equal(o[1], 0x79);
	g726_pack(c, 8, 4, false, o);
	assert_memory_equal(o, "\x21\x03\x31\x12", 4);
	g726_pack(c, 8, 4, true, o);
	assert_memory_equal(o, "\x12\x30\x13\x21", 4);
	g726_pack(c, 8, 3, false, o); /* 001 010 011 000 001 011 010 001 */
	assert_memory_equal(o, "\xd1\x90\x29", 3);
	g726_pack(c, 8, 3, true, o);
	assert_memory_equal(o, "\x29\x82\xd1", 3);
	for (int aal2 = 0; aal2 < 2; aal2++) {
		g726_pack(c5, 8, 5, aal2, o);
		g726_unpack(o, 8, 5, aal2, back);
		assert_memory_equal(back, c5, 8);
		g726_pack(c, 8, 3, aal2, o);
		g726_unpack(o, 8, 3, aal2, back);
		assert_memory_equal(back, c, 8);
		g726_pack(c, 8, 2, aal2, o);
		g726_unpack(o, 8, 2, aal2, back);
		assert_memory_equal(back, c, 8);
		g726_pack(c, 8, 4, aal2, o);
		g726_unpack(o, 8, 4, aal2, back);
		assert_memory_equal(back, c, 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pack),
		cmocka_unit_test_setup(test_itu, set_scalar),
		cmocka_unit_test(test_itu_rates),
		cmocka_unit_test_setup(test_itu, set_generic),
		cmocka_unit_test_setup(test_itu, set_avx2),
		cmocka_unit_test_setup(test_itu, set_avx512),
		cmocka_unit_test_setup(test_random, set_generic),
		cmocka_unit_test_setup(test_random, set_avx2),
		cmocka_unit_test_setup(test_random, set_avx512),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
