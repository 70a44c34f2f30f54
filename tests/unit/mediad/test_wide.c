/* Wide-band speech where it has to be decoded: other packet times, conferences, tones, music, digits; the filter between the
 * two rates. And the turns in which all that is made. */
#include <stdlib.h>

#include "tests/unit/mediad/talker.h"

#include "mediad/half.h"
#include "mediad/play.h"
#include "mediad/tone.h"

/* Amplitude of hz in x. */
static double amplitude(const int16_t *x, size_t n, double hz, double rate)
{
	double re = 0, im = 0;

	for (size_t i = 0; i < n; i++) {
		re += x[i] * cos(2 * M_PI * hz * (double)i / rate);
		im += x[i] * sin(2 * M_PI * hz * (double)i / rate);
	}
	return 2 * sqrt(re * re + im * im) / (double)n;
}

/* A sine of each frequency through both directions, in calls of uneven size; what must not be there. */
static void filter(void **state)
{
	static int16_t in[16000], out[16000], back[8000];

	(void)state;
	for (unsigned hz = 200; hz <= 3400; hz += 400) {
		struct half up = { 0 }, down = { 0 };
		for (unsigned i = 0; i < 8000; i++)
			in[i] = (int16_t)lrint(20000 * sin(2 * M_PI * hz * i / 8000));
		for (unsigned i = 0, n; i < 8000; i += n) {
			n = 8000 - i < 80 + i % 160 ? 8000 - i : 80 + i % 160;
			half_up(&up, in + i, n, out + 2 * i);
		}
		assert_in_range((int)amplitude(out + 8000, 8000, hz, 16000), 19700, 20100);
		assert_in_range(
		    (int)amplitude(out + 8000, 8000, 8000 - hz, 16000), 0, hz > 3200 ? 1200 : 40);
		for (unsigned i = 0; i < 16000; i += 320)
			half_down(&down, out + i, 320, back + i / 2);
		assert_in_range((int)amplitude(back + 4000, 4000, hz, 8000), 19600, 20200);
	}
	for (unsigned hz = 4800; hz < 8000; hz += 400) {
		struct half down = { 0 };
		for (unsigned i = 0; i < 16000; i++)
			in[i] = (int16_t)lrint(20000 * sin(2 * M_PI * hz * i / 16000));
		half_down(&down, in, 960, in);
		assert_in_range((int)amplitude(in + 80, 400, 8000 - hz, 8000), 0, 60);
	}
	/* Full scale of the worst sign everywhere: no wrap. */
	for (unsigned k = 0; k < 2; k++) {
		struct half h = { 0 };
		for (unsigned i = 0; i < 960; i++)
			in[i] = (k ? i / 2 : i) % 2 ? -32768 : 32767;
		half_down(&h, in, 960, out);
		half_up(&h, in, 480, out);
	}
}

/* A wide-band leg gets narrow-band packets, comfort noise, and wide-band ones again. */
static void narrow_packets(void **state)
{
	static const enum codec codecs[] = { CODEC_G722, CODEC_PCMA, CODEC_AAL2_G726_32,
		CODEC_G722 };
	static struct play play;
	int16_t pcm[320], heard[320 * 50];
	uint8_t b[320], noise = 50;
	uint64_t now = 1000000;
	uint16_t seq = 1;
	uint32_t ts = 0;
	struct codec_job job;

	(void)state;
	assert_int_equal(play_init(&play, 16000, NULL), 0);
	for (size_t k = 0; k < ARRAY_LEN(codecs); k++) {
		struct codec_enc enc;
		unsigned rate = codecs[k] == CODEC_G722 ? 16000 : 8000, samples = rate / 50;
		double phase = 0;
		assert_int_equal(codec_enc_init(&enc, codecs[k], rate), 0);
		for (unsigned i = 0; i < 100; i++) {
			for (unsigned s = 0; s < samples; s++, phase += 2 * M_PI * 1000 / rate)
				pcm[s] = (int16_t)lrint(8000 * sin(phase));
			int n = codec_encode(&enc, pcm, samples, b, sizeof(b));
			assert_true(n > 0);
			assert_int_equal(
			    play_put(&play, codecs[k], seq++, ts, false, b, (size_t)n, now), 0);
			ts += 160;
			now += 20000;
			while (play_step(&play, 320, now, &job))
				codec_run(&job, 1);
			(void)play_take(&play, heard + 320 * (i % 50), 320);
		}
		assert_in_range((int)amplitude(heard, 16000, 1000, 16000), 7600, 8400);
		assert_in_range((int)amplitude(heard, 16000, 7000, 16000), 0, 100);
		(void)play_put(&play, CODEC_CN, seq++, ts, false, &noise, 1, now);
		for (unsigned i = 0; i < 100; i++) {
			ts += 160;
			now += 20000;
			while (play_step(&play, 320, now, &job))
				codec_run(&job, 1);
			(void)play_take(&play, heard + 320 * (i % 50), 320);
		}
		double all = 0;
		for (unsigned i = 0; i < 16000; i++)
			all += (double)heard[i] * heard[i];
		assert_in_range((int)sqrt(all / 16000), 60, 160); /* -50 dBov: 103 */
	}
}

/* Both sides can speak wide-band: what has to be decoded stays so, and what is made here fits in. */
static void wide(void **state)
{
	static struct call c;
	struct leg_set set;
	struct dtmf_det det;
	int16_t tune[800];

	(void)state;
	for (unsigned i = 0; i < 800; i++)
		tune[i] = (int16_t)lrint(4000 * sin(2 * M_PI * 500 * i / 8000));
	call_open(&c, CODEC_G722, 9, 30, 20);
	c.radio.codec = CODEC_G722;
	c.radio.pt = 9;
	talker_rate(&c.net, 16000);
	talker_rate(&c.radio, 16000);
	c.net.hz = 5000;
	c.radio.hz = 6500;
	set = set_of(&c.radio, SIDE_RADIO);
	assert_int_equal(sess_update(&c.p.m, c.s, &set, 1), 0);
	run(&c.p, c.both, 2, 2000);
	assert_int_equal(c.net.l->mode, LEG_OUT_GEN);
	assert_true(share(&c.net, 6500, 8000) > 0.95);
	assert_true(share(&c.radio, 5000, 8000) > 0.95);
	assert_in_range((int)level(&c.net, 8000), 5000, 6200);
	/* Tones instead of the speech, and over it. */
	assert_int_equal(sess_tone(&c.p.m, c.s, SIDE_RADIO, TONE_KIND_DIAL, SLICE_LIT("DE"), 0), 0);
	run(&c.p, c.both, 2, 500);
	assert_true(share(&c.radio, 425, 4000) > 0.98);
	assert_int_equal(sess_tone(&c.p.m, c.s, SIDE_RADIO, TONE_KIND_OFF, SLICE_LIT(""), 0), 0);
	assert_int_equal(
	    sess_tone(&c.p.m, c.s, SIDE_RADIO, TONE_KIND_CALL_WAITING, SLICE_LIT("DE"), 300), 0);
	run(&c.p, c.both, 2, 220);
	assert_true(share(&c.radio, 5000, 1600) > 0.5);
	assert_true(share(&c.radio, 425, 1600) > 0.1);
	run(&c.p, c.both, 2, 1000);
	assert_true(share(&c.radio, 5000, 8000) > 0.95);
	/* Music. */
	c.p.m.music = tune;
	c.p.m.music_n = 800;
	set = (struct leg_set){ .side = SIDE_NETWORK, .has_music = true, .music = true };
	assert_int_equal(sess_update(&c.p.m, c.s, &set, 1), 0);
	run(&c.p, c.both, 2, 1000);
	assert_true(share(&c.net, 500, 8000) > 0.98);
	set.music = false;
	assert_int_equal(sess_update(&c.p.m, c.s, &set, 1), 0);
	/* Digits as tones, where the far end has no events. */
	set = set_of(&c.net, SIDE_NETWORK);
	set.npayload = 1;
	assert_int_equal(sess_update(&c.p.m, c.s, &set, 1), 0);
	c.radio.silent = true;
	run(&c.p, c.both, 2, 500);
	c.net.n = 0;
	assert_int_equal(sess_dtmf(&c.p.m, c.s, SIDE_NETWORK, SLICE_LIT("25D"), 100, 100), 0);
	run(&c.p, c.both, 2, 800);
	char got[8] = "";
	size_t ngot = 0;
	dtmf_det_init(&det);
	for (size_t at = 0; at + 320 <= c.net.n; at += 320) {
		int16_t narrow[160];
		for (size_t i = 0; i < 160; i++)
			narrow[i] = c.net.heard[at + 2 * i];
		char d = dtmf_det_feed(&det, narrow, 160);
		if (d && ngot < 7)
			got[ngot++] = d;
	}
	assert_string_equal(got, "25D");
	c.radio.silent = false;
	/* The one side turns to G.711: narrow-band for both. */
	c.radio.codec = CODEC_PCMA;
	c.radio.pt = PCMA;
	talker_rate(&c.radio, 8000);
	c.radio.hz = 1100;
	c.net.hz = 400;
	set = set_of(&c.radio, SIDE_RADIO);
	assert_int_equal(sess_update(&c.p.m, c.s, &set, 1), 0);
	c.radio.n = 0;
	c.radio.packets = c.radio.any = 0;
	run(&c.p, c.both, 2, 1000);
	assert_true(share(&c.net, 1100, 8000) > 0.95);
	assert_true(share(&c.radio, 400, 4000) > 0.95);
	c.p.m.music = NULL;
	call_close(&c);
}

/* A wide-band far end is sent comfort noise while the talker is silent, but not for what is loud above 4 kHz alone. */
static void noise(void **state)
{
	static struct call c;
	struct leg_set set;
	unsigned packets;

	(void)state;
	call_open(&c, CODEC_G722, 9, 30, 20);
	c.radio.codec = CODEC_G722;
	c.radio.pt = 9;
	talker_rate(&c.net, 16000);
	talker_rate(&c.radio, 16000);
	set = set_of(&c.radio, SIDE_RADIO);
	assert_int_equal(sess_update(&c.p.m, c.s, &set, 1), 0);
	set = set_of(&c.net, SIDE_NETWORK);
	set.payload[set.npayload++] = (struct leg_payload){ CODEC_CN, 13 };
	set.has_cn = set.cn = true;
	assert_int_equal(sess_update(&c.p.m, c.s, &set, 1), 0);
	c.radio.hz = 5500;
	run(&c.p, c.both, 2, 2000);
	assert_true(share(&c.net, 5500, 8000) > 0.95);
	assert_int_equal(c.net.cn, 0);
	c.radio.silent = true;
	run(&c.p, c.both, 2, 1500);
	packets = c.net.packets;
	run(&c.p, c.both, 2, 3000);
	assert_in_range(c.net.cn, 1, 10);
	assert_true(c.net.packets - packets < 20);
	c.radio.silent = false;
	run(&c.p, c.both, 2, 1000);
	assert_true(share(&c.net, 5500, 8000) > 0.95);
	call_close(&c);
}

/* Two of three parties are wide-band: they hear each other so, the third hears no aliases of it. */
static void wide_conference(void **state)
{
	static const unsigned thirds[] = { CODEC_PCMA, CODEC_AAL2_G726_32 };
	static struct call a;
	static struct talker third;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(thirds); k++) {
		struct talker *all[3] = { &a.net, &a.radio, &third };
		struct leg_set set;
		struct sess *b;

		call_open(&a, CODEC_G722, 9, 20, 20);
		a.radio.codec = thirds[k];
		a.radio.pt = k ? 116 : PCMA;
		talker_rate(&a.radio, 8000);
		set = set_of(&a.radio, SIDE_RADIO);
		assert_int_equal(sess_update(&a.p.m, a.s, &set, 1), 0);
		talker_rate(&a.net, 16000);
		talker_open(&third, CODEC_G722, 9, 30, 6000);
		talker_rate(&third, 16000);
		set = set_of(&third, SIDE_NETWORK);
		assert_int_equal(sess_open(&a.p.m, 2, &set, 1, NULL, &b), 0);
		third.l = b->leg[SIDE_NETWORK];
		run(&a.p, all, 3, 500);
		assert_true(share(&a.radio, 400, 2000) > 0.95);
		assert_int_equal(sess_mix(&a.p.m, a.s, b), 0);
		a.net.hz = 5000;
		run(&a.p, all, 3, 2000);
		assert_true(share(&a.net, 1100, 8000) > 0.4 && share(&a.net, 6000, 8000) > 0.4);
		assert_true(share(&third, 1100, 8000) > 0.4 && share(&third, 5000, 8000) > 0.4);
		assert_true(share(&a.net, 6900, 8000) < 0.01); /* no image of the narrow one */
		/* the codec's own noise */
		assert_in_range((int)level(&a.radio, 4000), 0, 200);
		a.net.hz = third.hz = 700;
		run(&a.p, all, 3, 1000);
		assert_true(share(&a.radio, 700, 4000) > 0.95);
		/* The wide-band caller turns to G.711 within the conference. */
		assert_int_equal(sess_mix(&a.p.m, a.s, NULL), 0);
		third.hz = 1700;
		run(&a.p, all, 3, 1000);
		assert_true(share(&a.net, 1100, 8000) > 0.95);
		sess_drop(&a.p.m, b, "");
		far_close(&third.f);
		call_close(&a);
	}
}

/* The turn's length changes while packets are begun: none is longer than it should be. */
static void turns(void **state)
{
	static struct call c;
	struct leg_set set = { .side = SIDE_RADIO, .has_ptime = true };

	(void)state;
	call_open(&c, CODEC_G726_32, 98, 60, 30);
	for (unsigned i = 0; i < 60; i++) {
		run(&c.p, c.both, 2, 85 + 5 * (i % 13));
		set.ptime = i % 2 ? 30 : 20;
		assert_int_equal(sess_update(&c.p.m, c.s, &set, 1), 0);
		assert_true(c.net.packets == 0 || c.net.f.h.payload == 240);
	}
	run(&c.p, c.both, 2, 1000);
	assert_true(share(&c.net, 1100, 4000) > 0.95);
	call_close(&c);
}

/* Two sessions of this process that call each other are worked on in the same turn: what the one sends changes the other's plan. */
static void neighbours(void **state)
{
	static struct call a;
	static struct talker far;
	unsigned passed = 0;

	(void)state;
	for (unsigned round = 0; round < 24; round++) {
		struct leg_set set[2],
		    ptime = { .side = SIDE_NETWORK, .has_ptime = true, .ptime = 20 };
		struct talker *both[2] = { &a.radio, &far };
		struct sess *b;

		call_open(&a, CODEC_G726_32, 98, 30, 20);
		talker_open(&far, CODEC_G726_32, 98, 20, 400);
		set[0] = set_of(&a.net, SIDE_NETWORK);
		set[0].remote = a.net.l->local;
		set[1] = set_of(&far, SIDE_RADIO);
		assert_int_equal(sess_open(&a.p.m, 2, set, 2, NULL, &b), 0);
		far.l = b->leg[SIDE_RADIO];
		set[0] = set_of(&a.net, SIDE_NETWORK);
		set[0].remote = b->leg[SIDE_NETWORK]->local;
		assert_int_equal(sess_update(&a.p.m, a.s, set, 1), 0);
		run(&a.p, both, 2, 400);
		assert_int_equal(far.l->mode, LEG_OUT_GEN);
		assert_int_equal(sess_update(&a.p.m, a.s, &ptime, 1), 0);
		assert_int_equal(sess_update(&a.p.m, b, &ptime, 1), 0);
		run(&a.p, both, 2, 1500);
		passed += far.l->mode == LEG_OUT_PASS;
		assert_true(share(&far, 1100, 2000) > 0.95);
		assert_true(share(&a.radio, 400, 2000) > 0.95);
		sess_drop(&a.p.m, b, "");
		far_close(&far.f);
		call_close(&a);
	}
	assert_int_equal(passed, 24);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filter),
		cmocka_unit_test(narrow_packets),
		cmocka_unit_test(wide),
		cmocka_unit_test(noise),
		cmocka_unit_test(wide_conference),
		cmocka_unit_test(turns),
		cmocka_unit_test(neighbours),
	};

	return cmocka_run_group_tests(tests, quiet, NULL);
}
