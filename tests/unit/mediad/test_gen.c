/* Speech that is made here: any pair of codecs, packet times, tones, music, conferences, digits, comfort noise. The far
 * ends are sockets, the clock is the test's. */
#include <math.h>
#include <stdlib.h>

#include "tests/unit/mediad/talker.h"

#include "mediad/codec.h"
#include "mediad/dtmf.h"
#include "mediad/music.h"
#include "mediad/tone.h"

/* Every codec towards the network, every packet time on both sides. */
static void bridges(void **state)
{
	static const struct {
		unsigned codec, pt;
	} codecs[] = { { CODEC_PCMU, 0 }, { CODEC_PCMA, 8 }, { CODEC_G722, 9 },
		{ CODEC_G726_16, 96 }, { CODEC_G726_24, 97 }, { CODEC_G726_32, 98 },
		{ CODEC_G726_40, 99 }, { CODEC_AAL2_G726_32, 116 }, { CODEC_AAL2_G726_40, 117 },
		{ CODEC_L16, 118 } };
	static const unsigned times[] = { 10, 20, 30, 40, 60 };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(codecs); k++)
		for (size_t i = 0; i < ARRAY_LEN(times); i++)
			for (size_t j = 0; j < ARRAY_LEN(times); j += k < 2 ? 1 : 2) {
				static struct call c;
				/* 16 and 24 kbit/s are noisy by nature. */
				double least = codecs[k].codec == CODEC_G726_16 ? 0.8 : 0.95;
				call_open(&c, codecs[k].codec, codecs[k].pt, times[i], times[j]);
				run(&c.p, c.both, 2, 2000);
				assert_true(share(&c.net, 1100, 4000) > least);
				assert_true(share(&c.radio, 400, 4000) > least);
				assert_in_range(
				    (int)level(&c.net, 4000), 5000, 6200); /* 8000 / √2 */
				assert_in_range(
				    c.net.packets, 1700 / times[i], 2000 / times[i] + 4);
				assert_in_range(
				    c.radio.packets, 1700 / times[j], 2000 / times[j] + 4);
				assert_int_equal(
				    c.net.l->mode, codec_direct(codecs[k].codec, CODEC_PCMA) &&
				                           times[i] == times[j]
				                       ? LEG_OUT_PASS
				                       : LEG_OUT_GEN);
				call_close(&c);
			}
}

static void tones(void **state)
{
	static struct call c;

	(void)state;
	call_open(&c, CODEC_PCMA, PCMA, 20, 20);
	/* A handset dials: nobody speaks yet. */
	assert_int_equal(sess_tone(&c.p.m, c.s, SIDE_RADIO, TONE_KIND_DIAL, SLICE_LIT("DE"), 0), 0);
	c.net.silent = true;
	run(&c.p, c.both, 2, 1000);
	assert_true(share(&c.radio, 425, 4000) > 0.99);
	assert_true(share(&c.net, 1100, 4000) > 0.95); /* the other way goes on */
	assert_int_equal(c.radio.l->mode, LEG_OUT_GEN);
	assert_int_equal(c.net.l->mode, LEG_OUT_PASS);
	assert_int_equal(sess_tone(&c.p.m, c.s, SIDE_RADIO, TONE_KIND_OFF, SLICE_LIT(""), 0), 0);
	c.net.silent = false;
	run(&c.p, c.both, 2, 1000);
	assert_true(
	    share(&c.radio, 400, 4000) > 0.95); /* passed again, numbers went on: listen_to() */
	assert_int_equal(c.radio.l->mode, LEG_OUT_PASS);
	/* Call waiting sounds over the speech, and ends by itself. */
	assert_int_equal(
	    sess_tone(&c.p.m, c.s, SIDE_RADIO, TONE_KIND_CALL_WAITING, SLICE_LIT("DE"), 300), 0);
	run(&c.p, c.both, 2, 200);
	assert_true(share(&c.radio, 400, 800) > 0.5);
	run(&c.p, c.both, 2, 1500);
	assert_int_equal(c.radio.l->mode, LEG_OUT_PASS);
	assert_int_equal(c.p.m.ticking, 0);
	assert_int_equal(sess_tone(&c.p.m, c.s, SIDE_RADIO, 99, SLICE_LIT(""), 0), ERR_VALUE);
	call_close(&c);
}

static void music(void **state)
{
	static struct call c;
	struct leg_set set = { .side = SIDE_NETWORK,
		.has_music = true,
		.music = true,
		.has_dir = true,
		.dir = LEG_SENDONLY };
	int16_t tune[800];

	(void)state;
	call_open(&c, CODEC_PCMU, 0, 20, 20);
	for (unsigned i = 0; i < 800; i++)
		tune[i] = (int16_t)lrint(4000 * sin(2 * M_PI * 500 * i / 8000));
	run(&c.p, c.both, 2, 500);
	assert_int_equal(sess_update(&c.p.m, c.s, &set, 1), 0);
	run(&c.p, c.both, 2, 1000);
	assert_int_equal((int)level(&c.net, 2000), 0); /* no file: silence, but packets */
	c.p.m.music = tune;
	c.p.m.music_n = 800;
	size_t packets = c.radio.packets;
	run(&c.p, c.both, 2, 1000);
	assert_true(share(&c.net, 500, 4000) > 0.98);
	assert_int_equal(c.radio.packets, packets); /* the held end is not heard */
	set.music = false;
	set.dir = LEG_SENDRECV;
	assert_int_equal(sess_update(&c.p.m, c.s, &set, 1), 0);
	run(&c.p, c.both, 2, 1000);
	assert_true(share(&c.net, 1100, 4000) > 0.95);
	assert_true(share(&c.radio, 400, 4000) > 0.95);
	c.p.m.music = NULL;
	call_close(&c);
}

static void wav_put(uint8_t *p, unsigned format, unsigned rate, unsigned bits)
{
	static const uint8_t head[] =
	    "RIFF\x30\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\0\0\0\0\2\0\x10\0"
	    "data\x04\0\0\0\x34\x12\xff\xff";

	memcpy(p, head, 48);
	p[20] = (uint8_t)format;
	p[24] = (uint8_t)rate;
	p[25] = (uint8_t)(rate >> 8);
	p[34] = (uint8_t)bits;
}

static void wav(void **state)
{
	uint8_t b[48];
	int16_t *pcm;
	const char *why;
	size_t n;

	(void)state;
	wav_put(b, 1, 8000, 16);
	assert_int_equal(music_parse((struct slice){ (char *)b, 48 }, &pcm, &n, &why), 0);
	assert_int_equal(n, 2);
	assert_int_equal(pcm[0], 0x1234);
	assert_int_equal(pcm[1], -1);
	free(pcm);
	wav_put(b, 6, 8000, 8);
	assert_int_equal(music_parse((struct slice){ (char *)b, 48 }, &pcm, &n, &why), 0);
	assert_int_equal(n, 4);
	free(pcm);
	wav_put(b, 1, 16000, 16);
	assert_int_equal(music_parse((struct slice){ (char *)b, 48 }, &pcm, &n, &why), ERR_UNSUPP);
	wav_put(b, 3, 8000, 32);
	assert_int_equal(music_parse((struct slice){ (char *)b, 48 }, &pcm, &n, &why), ERR_UNSUPP);
	wav_put(b, 1, 8000, 16);
	for (size_t i = 0; i < 45; i++)
		assert_int_not_equal(
		    music_parse((struct slice){ (char *)b, i }, &pcm, &n, &why), 0);
}

/* Three parties in two sessions. */
static void conference(void **state)
{
	static struct call a;
	static struct talker third;
	struct leg_set set;
	struct sess *b;
	struct talker *all[3] = { &a.net, &a.radio, &third };

	(void)state;
	call_open(&a, CODEC_PCMU, 0, 30, 20);
	talker_open(&third, CODEC_AAL2_G726_32, 116, 20, 1700);
	set = set_of(&third, SIDE_NETWORK);
	assert_int_equal(sess_open(&a.p.m, 2, &set, 1, NULL, &b), 0);
	third.l = b->leg[SIDE_NETWORK];
	run(&a.p, all, 3, 500);
	assert_int_equal(sess_mix(&a.p.m, a.s, b), 0);
	assert_int_equal(sess_mix(&a.p.m, a.s, a.s), ERR_VALUE);
	run(&a.p, all, 3, 2000);
	assert_true(share(&a.net, 1100, 4000) > 0.4 && share(&a.net, 1700, 4000) > 0.4);
	assert_true(share(&a.radio, 400, 4000) > 0.4 && share(&a.radio, 1700, 4000) > 0.4);
	assert_true(share(&third, 400, 4000) > 0.4 && share(&third, 1100, 4000) > 0.4);
	assert_true(share(&third, 1700, 4000) < 0.02); /* nobody hears himself */
	assert_true(share(&a.net, 400, 4000) < 0.02);
	assert_int_equal(sess_mix(&a.p.m, b, NULL), 0);
	run(&a.p, all, 3, 1000);
	assert_true(share(&a.net, 1100, 4000) > 0.95);
	assert_true(share(&a.radio, 400, 4000) > 0.95);
	/* One of two goes: the other's call goes on. */
	assert_int_equal(sess_mix(&a.p.m, a.s, b), 0);
	run(&a.p, all, 3, 100);
	sess_drop(&a.p.m, b, "");
	far_close(&third.f);
	run(&a.p, all, 2, 1000);
	assert_true(share(&a.radio, 400, 4000) > 0.95);
	call_close(&a);
}

static void digits(void **state)
{
	static struct call c;
	struct leg_set set;

	(void)state;
	for (int bridged = 0; bridged < 2; bridged++) {
		call_open(&c, bridged ? CODEC_G726_32 : CODEC_PCMA, bridged ? 98 : PCMA, 20, 20);
		run(&c.p, c.both, 2, 500);
		assert_int_equal(
		    sess_dtmf(&c.p.m, c.s, SIDE_NETWORK, SLICE_LIT("159#"), 100, 60), 0);
		assert_int_equal(
		    sess_dtmf(&c.p.m, c.s, SIDE_NETWORK, SLICE_LIT("1x"), 100, 60), ERR_VALUE);
		run(&c.p, c.both, 2, 1500);
		assert_string_equal(c.net.digits, "159#");
		assert_true(share(&c.net, 1100, 2000) > 0.95); /* speech is back */
		assert_int_equal(c.net.l->mode, bridged ? LEG_OUT_GEN : LEG_OUT_PASS);
		/* A key of the far end goes to the other side, too, beside speech that is made here. */
		for (unsigned i = 0; i < 8; i++) {
			uint8_t ev[4] = { 7, (uint8_t)(i >= 5 ? 0x8a : 10), 0,
				(uint8_t)(i >= 5 ? 200 : 30 * i) };
			far_send(&c.radio.f, c.radio.l, 101, ev, sizeof(ev));
			c.radio.f.seq++;
			plane_wait(&c.p, 20);
			listen_to(&c.net);
		}
		c.radio.f.ts += 160 * 8;
		assert_string_equal(c.net.digits, "159#7");
		assert_int_equal(plane_events(&c.p, MEDIA_EV_DTMF), 1);
		run(&c.p, c.both, 2, 500);
		assert_true(share(&c.net, 1100, 2000) > 0.95);
		call_close(&c);
	}
	/* A far end without events gets tones. */
	call_open(&c, CODEC_PCMA, PCMA, 20, 20);
	set = set_of(&c.net, SIDE_NETWORK);
	set.npayload = 1;
	assert_int_equal(sess_update(&c.p.m, c.s, &set, 1), 0);
	c.radio.silent = true;
	assert_int_equal(sess_dtmf(&c.p.m, c.s, SIDE_NETWORK, SLICE_LIT("25D"), 100, 100), 0);
	struct dtmf_det det;
	char got[8] = "";
	size_t at = 0, n = 0;
	dtmf_det_init(&det);
	run(&c.p, c.both, 2, 1200);
	for (; at + 160 <= c.net.n; at += 160) {
		char d = dtmf_det_feed(&det, c.net.heard + at, 160);
		if (d && n < 7)
			got[n++] = d;
	}
	assert_string_equal(got, "25D");
	call_close(&c);
}

/* Digits as tones in the speech of a far end that has no events; what is passed on is passed on all the same. */
static void tones_of_digits(void **state)
{
	static struct call c;
	struct leg_set set;
	struct dtmf_gen tones;
	uint8_t out[160];
	int16_t pcm[160];

	(void)state;
	call_open(&c, CODEC_PCMA, PCMA, 20, 20);
	c.p.conf.dtmf_detect = true;
	set = set_of(&c.net, SIDE_NETWORK);
	set.npayload = 1;
	assert_int_equal(sess_update(&c.p.m, c.s, &set, 1), 0);
	run(&c.p, c.both, 2, 1000);
	assert_int_equal(plane_events(&c.p, MEDIA_EV_DTMF), 0);
	dtmf_gen_init(&tones, 8000);
	for (const char *d = "16*0"; *d; d++)
		assert_int_equal(dtmf_gen_digit(&tones, *d, 80, 80), 0);
	while (memset(pcm, 0, sizeof(pcm)), dtmf_gen_fill(&tones, pcm, 160)) {
		assert_int_equal(codec_encode(&c.net.enc, pcm, 160, out, sizeof(out)), 160);
		far_send(&c.net.f, c.net.l, PCMA, out, 160);
		c.net.f.seq++;
		c.net.f.ts += 160;
		plane_wait(&c.p, 20);
		listen_to(&c.radio);
	}
	plane_wait(&c.p, 200);
	assert_int_equal(plane_events(&c.p, MEDIA_EV_DTMF), 4);
	assert_int_equal(c.p.ev[c.p.nev - 1].digit, '0');
	assert_int_equal(c.radio.l->mode, LEG_OUT_PASS);
	call_close(&c);
}

/* Comfort noise instead of packets while the talker is silent. */
static void noise(void **state)
{
	static struct call c;
	struct leg_set set;
	unsigned packets;

	(void)state;
	call_open(&c, CODEC_G726_32, 98, 20, 20);
	set = set_of(&c.net, SIDE_NETWORK);
	set.payload[set.npayload++] = (struct leg_payload){ CODEC_CN, 13 };
	set.has_cn = set.cn = true;
	assert_int_equal(sess_update(&c.p.m, c.s, &set, 1), 0);
	run(&c.p, c.both, 2, 1000);
	assert_true(share(&c.net, 1100, 2000) > 0.95);
	assert_int_equal(c.net.cn, 0);
	c.radio.silent = true; /* the radio side pauses */
	run(&c.p, c.both, 2, 1500);
	packets = c.net.packets;
	run(&c.p, c.both, 2, 3000);
	assert_true(c.net.cn >= 1);
	assert_true(c.net.packets - packets < 20);
	c.radio.silent = false;
	run(&c.p, c.both, 2, 1000);
	assert_true(share(&c.net, 1100, 2000) > 0.95);
	call_close(&c);
}

/* Loss, jitter, reordering and duplicates before a transcoder: speech goes on without holes in our numbers. */
static void rough(void **state)
{
	static struct call c;
	struct {
		uint8_t b[12 + 160];
		unsigned at;
	} queue[64] = { 0 };
	unsigned n = 0;
	int16_t pcm[160];

	(void)state;
	id_seed_for_tests(5);
	call_open(&c, CODEC_G726_32, 98, 20, 20);
	for (unsigned ms = 0; ms < 10000; ms += 5) {
		if (ms % 20 == 0) {
			for (unsigned i = 0; i < 160; i++) {
				pcm[i] = (int16_t)lrint(8000 * sin(c.radio.phase));
				c.radio.phase += 2 * M_PI * 1100 / 8000;
			}
			if (id_below(100) >= 3) /* 3 % lost */
				for (unsigned twice = 0; twice < (id_below(50) ? 1u : 2u);
				     twice++) {
					rtp_put(queue[n].b, PCMA, false, c.radio.f.seq,
					    c.radio.f.ts, c.radio.f.ssrc);
					assert_int_equal(codec_encode(&c.radio.enc, pcm, 160,
					                     queue[n].b + 12, 160),
					    160);
					queue[n++].at =
					    ms + 5 * id_below(9); /* 0-40 ms of jitter */
				}
			c.radio.f.seq++;
			c.radio.f.ts += 160;
		}
		for (unsigned i = 0; i < n;) {
			if (queue[i].at > ms) {
				i++;
				continue;
			}
			far_raw(&c.radio.f, c.radio.l, queue[i].b, sizeof(queue[i].b));
			queue[i] = queue[--n];
		}
		plane_wait(&c.p, 5);
		listen_to(&c.net);
	}
	assert_in_range(c.net.packets, 480, 500);
	assert_true(share(&c.net, 1100, 40000) > 0.7);
	assert_in_range((int)level(&c.net, 40000), 4500, 6200);
	struct leg_stats st;
	leg_stats(c.radio.l, &st);
	assert_in_range(st.lost, 5, 35);
	assert_in_range(st.mos, 350, 441);
	call_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bridges),
		cmocka_unit_test(tones),
		cmocka_unit_test(music),
		cmocka_unit_test(wav),
		cmocka_unit_test(conference),
		cmocka_unit_test(digits),
		cmocka_unit_test(tones_of_digits),
		cmocka_unit_test(noise),
		cmocka_unit_test(rough),
	};

	return cmocka_run_group_tests(tests, quiet, NULL);
}
