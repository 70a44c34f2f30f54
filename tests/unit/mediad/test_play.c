/* The receiving chain under a fake clock: steady networks, loss, reordering, duplicates, jitter, drift, pauses with
 * comfort noise, changes of packet time and codec, stalls. Speech in is compared with speech out. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mediad/play.h"
#include "speech.h"

enum { MAX_S = 200, RATE = 8000, NET = 256 };

struct packet {
	uint64_t at; /* arrival, us */
	uint16_t seq;
	uint32_t ts;
	uint16_t n;
	bool used, marker;
	uint8_t codec;
	uint8_t octets[CODEC_OCTETS_MAX];
};

/* A sender with its own clock, a network, a receiver. */
struct net {
	struct speech sp;
	struct codec_enc enc;
	struct play play;
	struct packet air[NET];
	uint32_t seed;
	/* the scenario */
	enum codec codec;
	unsigned ptime;                 /* ms */
	double loss, dup, reorder, ppm; /* shares; the sender's clock is faster by ppm */
	double jitter_ms;               /* exponential, mean */
	unsigned delay_ms;
	unsigned step_ms;
	/* running */
	double next_send;
	uint64_t now;
	uint16_t seq;
	uint32_t ts;
	size_t sent, heard;
	unsigned steps;
	uint64_t given, dropped;
};
static int16_t sent[MAX_S * RATE], heard[MAX_S * RATE];

static double uni(struct net *n)
{
	n->seed = n->seed * 1664525u + 1013904223u;
	return (double)(n->seed >> 8) / 16777216.0;
}

static void net_init(struct net *n, enum codec c, unsigned ptime, const struct jbuf_conf *conf)
{
	memset(n, 0, sizeof(*n));
	n->codec = c;
	n->ptime = ptime;
	n->step_ms = 20;
	n->delay_ms = 30;
	n->seed = 12345;
	n->seq = 65500;
	n->ts = 0xfffff000u;
	n->now = 1000000;
	n->next_send = 1000000 + 3700;
	speech_init(&n->sp, 21, RATE);
	assert_int_equal(codec_enc_init(&n->enc, c, RATE), 0);
	assert_int_equal(play_init(&n->play, RATE, conf), 0);
}

static struct packet *slot(struct net *n)
{
	for (int i = 0; i < NET; i++)
		if (!n->air[i].used)
			return &n->air[i];
	fail_msg("the test's network is full");
	return NULL;
}

static void send_packet(struct net *n, bool marker)
{
	size_t k = n->ptime * 8u;
	struct packet p = { .used = true,
		.seq = n->seq++,
		.ts = n->ts,
		.codec = (uint8_t)n->codec,
		.marker = marker };

	assert_true(n->sent + k <= MAX_S * RATE);
	speech_fill(&n->sp, sent + n->sent, k);
	int len = codec_encode(&n->enc, sent + n->sent, k, p.octets, sizeof(p.octets));
	assert_true(len > 0);
	p.n = (uint16_t)len;
	n->sent += k;
	n->ts += (uint32_t)k;
	if (uni(n) < n->loss) {
		n->dropped++;
		return;
	}
	double late = n->delay_ms * 1000.0 - n->jitter_ms * 1000 * log(1 - uni(n));
	if (uni(n) < n->reorder)
		late += n->ptime * 1500.0;
	p.at = (uint64_t)(n->next_send + late);
	*slot(n) = p;
	n->given++;
	if (uni(n) < n->dup) {
		p.at += 500;
		*slot(n) = p;
	}
}

static void deliver(struct net *n, uint64_t until)
{
	for (;;) {
		struct packet *first = NULL;
		for (int i = 0; i < NET; i++)
			if (n->air[i].used && n->air[i].at <= until &&
			    (!first || n->air[i].at < first->at))
				first = &n->air[i];
		if (!first)
			return;
		(void)play_put(&n->play, (enum codec)first->codec, first->seq, first->ts,
		    first->marker, first->octets, first->n, first->at);
		first->used = false;
	}
}

/* One step of the receiver's clock; send: the sender talks. */
static void step(struct net *n, bool send)
{
	struct codec_job job;
	size_t k = n->step_ms * 8u;
	uint64_t end = n->now + n->step_ms * 1000u;
	double period = n->ptime * 1000.0 / (1 + n->ppm / 1e6);

	while (n->next_send < (double)end) {
		if (send)
			send_packet(n, false);
		else
			n->ts += n->ptime * 8u;
		n->next_send += period;
	}
	deliver(n, end);
	n->now = end;
	unsigned rounds = 0;
	while (play_step(&n->play, k, n->now, &job)) {
		codec_run(&job, 1);
		assert_true(++rounds < 60);
	}
	assert_true(n->heard + k <= MAX_S * RATE);
	(void)play_take(&n->play, heard + n->heard, k);
	n->heard += k;
}

/* Median over 30 ms segments of the level-aligned signal-to-noise ratio, with the delay searched anew every second:
 * play-out may stretch time. Pauses do not count. */
static double segmental(size_t from, size_t to, unsigned max_delay, double *delay_ms)
{
	static double snr[MAX_S * 40];
	size_t count = 0;
	double delays = 0;
	unsigned seconds = 0;

	for (size_t sec = from; sec + RATE <= to; sec += RATE) {
		size_t best = 0;
		double like = -1;
		for (size_t d = 0; d < max_delay * 8u && sec + d + RATE <= MAX_S * RATE; d++) {
			double c = 0, e = 1;
			for (size_t i = 0; i < RATE; i += 7) {
				c += (double)sent[sec + i] * heard[sec + d + i];
				e += (double)heard[sec + d + i] * heard[sec + d + i];
			}
			if (c / sqrt(e) > like) {
				like = c / sqrt(e);
				best = d;
			}
		}
		delays += (double)best / 8;
		seconds++;
		for (size_t seg = sec; seg < sec + RATE; seg += 240) {
			double s = 0, e = 1;
			for (size_t i = seg; i < seg + 240; i++) {
				double x = sent[i], y = heard[i + best];
				s += x * x;
				e += (x - y) * (x - y);
			}
			if (s / 240 > 10000)
				snr[count++] = 10 * log10(s / e);
		}
	}
	if (delay_ms)
		*delay_ms = delays / (seconds ? seconds : 1);
	for (size_t i = 1; i < count; i++)
		for (size_t k = i; k > 0 && snr[k] < snr[k - 1]; k--) {
			double t = snr[k];
			snr[k] = snr[k - 1];
			snr[k - 1] = t;
		}
	return count ? snr[count / 2] : 0;
}

static struct net net;

/* No jitter: bit-exact after the delay, which is small; every codec, packet time and step. */
static void test_steady(void **state)
{
	static const enum codec codecs[] = { CODEC_PCMA, CODEC_PCMU, CODEC_G722, CODEC_G726_32,
		CODEC_AAL2_G726_40, CODEC_L16 };
	(void)state;
	for (size_t c = 0; c < sizeof(codecs) / sizeof(codecs[0]); c++)
		for (unsigned ptime = 10; ptime <= 60; ptime += 10)
			for (unsigned st = 10; st <= 60; st += c == 0 ? 10 : 50) {
				double delay;
				net_init(&net, codecs[c], ptime, NULL);
				net.step_ms = st;
				for (unsigned ms = 0; ms < 5000; ms += st)
					step(&net, true);
				const struct jbuf_stat *s = play_stat(&net.play);
				if (s->lost + s->late + s->dup + s->overflow + s->resets)
					fail_msg("%s, %u ms, steps of %u: lost %u late %u dup %u "
					         "overflow %u resets %u",
					    codec_props[codecs[c]].name, ptime, st,
					    (unsigned)s->lost, (unsigned)s->late, (unsigned)s->dup,
					    (unsigned)s->overflow, (unsigned)s->resets);
				double snr = segmental(RATE, 4 * RATE, 300, &delay);
				double want = codecs[c] == CODEC_L16       ? 60
				              : codecs[c] == CODEC_G726_32 ? 12
				                                           : 16;
				if (snr < want)
					fail_msg("%s, %u ms, steps of %u: %.1f dB",
					    codec_props[codecs[c]].name, ptime, st, snr);
				/* network 30, packet, target (20 or the packet), concealment 4, two steps at most */
				double bound = 30 + ptime + (ptime > 20 ? ptime : 20) + 4 + 2 * st;
				if (delay > bound)
					fail_msg("%s, %u ms, steps of %u: %.1f ms",
					    codec_props[codecs[c]].name, ptime, st, delay);
			}
}

static void test_loss(void **state)
{
	static const double rates[] = { 0.01, 0.03, 0.05, 0.10 };
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		double delay;
		net_init(&net, CODEC_PCMA, 20, NULL);
		net.loss = rates[i];
		for (int k = 0; k < 3000; k++)
			step(&net, true);
		const struct jbuf_stat *s = play_stat(&net.play);
		/* every loss is counted, and nothing else */
		assert_int_equal(s->late + s->dup + s->overflow + s->resets, 0);
		assert_in_range(s->lost, net.dropped - 3, net.dropped);
		assert_in_range(s->played, net.given - 4, net.given);
		double snr = segmental(RATE, 30 * RATE, 150, &delay);
		if (snr < 16 || delay > 120)
			fail_msg("loss %.0f %%: %.1f dB, %.1f ms", rates[i] * 100, snr, delay);
	}
}

static void test_reorder(void **state)
{
	(void)state;
	net_init(&net, CODEC_G726_32, 20, &(struct jbuf_conf){ .min_ms = 40 });
	net.reorder = 0.05;
	net.dup = 0.1;
	for (int k = 0; k < 1500; k++)
		step(&net, true);
	const struct jbuf_stat *s = play_stat(&net.play);
	assert_true(s->reordered > 40);
	assert_true(s->dup > 100);
	assert_int_equal(s->overflow + s->resets, 0);
	assert_int_equal(s->played + s->lost, s->played + s->late);
	/* The target grows until what is reordered comes in time. */
	assert_in_range(s->late, 0, 12);
	assert_true(segmental(5 * RATE, 28 * RATE, 200, NULL) > 12);
}

static void test_jitter(void **state)
{
	(void)state;
	for (int mean = 5; mean <= 20; mean += 5) {
		net_init(&net, CODEC_PCMA, 20, NULL);
		net.jitter_ms = mean;
		for (int k = 0; k < 500; k++)
			step(&net, true);
		struct jbuf_stat before = *play_stat(&net.play);
		for (int k = 0; k < 3000; k++)
			step(&net, true);
		const struct jbuf_stat *s = play_stat(&net.play);
		double late = (double)(s->late - before.late) / 3000;
		/* An exponential delay passes 5.3 times its mean in 5 permille of all cases. */
		if (late > 0.012)
			fail_msg("mean %d ms: %.1f permille late", mean, late * 1000);
		assert_int_equal(s->resets + s->dup, 0);
		double ideal = 5.3 * mean;
		if (s->target_ms > ideal * 1.6 + 20 || s->target_ms < ideal * 0.6)
			fail_msg("mean %d ms: target %u", mean, s->target_ms);
		assert_true(segmental(12 * RATE, 60 * RATE, 400, NULL) > 12);
	}
	/* When the network calms down, the delay comes back. */
	net.jitter_ms = 0.5;
	for (int k = 0; k < 2500; k++)
		step(&net, true);
	assert_in_range(play_stat(&net.play)->target_ms, 20, 30);
	assert_in_range(play_stat(&net.play)->delay_ms, 15, 45);
}

/* A clock that is fast or slow is followed by taking out or adding periods of the speech: nothing is concealed, nothing goes to
 * and fro. */
static void drift(double ppm, unsigned ptime, double jitter_ms)
{
	unsigned concealed = 0, before = 0;

	net_init(&net, CODEC_PCMA, ptime, NULL);
	net.ppm = ppm;
	net.jitter_ms = jitter_ms;
	for (int k = 0; k < 9000; k++) { /* 3 minutes: 36 ms of drift at 200 ppm */
		step(&net, true);
		concealed += net.play.concealed > before ? net.play.concealed - before : 0;
		before = net.play.concealed;
	}
	const struct jbuf_stat *s = play_stat(&net.play);
	assert_int_equal(s->overflow + s->resets, 0);
	double gone = 180e6 * ppm / 1e6 / 125; /* ticks */
	double done = (double)s->shrunk - (double)s->grown;
	if (fabs(done - gone) > 32 * 8)
		fail_msg(
		    "%.0f ppm, %u ms: %.0f ticks taken out, %.0f drifted", ppm, ptime, done, gone);
	if ((ppm < 0 ? s->shrunk : s->grown) > 10 * 8)
		fail_msg("%.0f ppm, %u ms: %u ticks taken out, %u added", ppm, ptime,
		    (unsigned)s->shrunk, (unsigned)s->grown);
	if (s->lost + s->late > 2 || concealed > 40)
		fail_msg("%.0f ppm, %u ms: %u lost, %u late, %u ms concealed", ppm, ptime,
		    (unsigned)s->lost, (unsigned)s->late, concealed);
	assert_in_range(s->delay_ms, 10, 30 + ptime);
	/* A much faster sender is soon so far ahead that what is heard cannot be aligned with what was said. */
	if (ppm < 500) {
		double snr = segmental(150 * RATE, 170 * RATE, 250, NULL);
		if (snr < 30)
			fail_msg("%.0f ppm, %u ms: %.1f dB", ppm, ptime, snr);
	}
}

static void test_drift(void **state)
{
	static const double ppms[] = { -1000, -200, -50, 50, 200, 1000 };
	(void)state;
	for (size_t i = 0; i < sizeof(ppms) / sizeof(ppms[0]); i++)
		for (unsigned ptime = 10; ptime <= 30; ptime += 10)
			drift(ppms[i], ptime, (double)((i + ptime / 10) % 2));
}

static double rms(size_t from, size_t to)
{
	double e = 0;

	for (size_t i = from; i < to; i++)
		e += (double)heard[i] * heard[i];
	return sqrt(e / (double)(to - from));
}

/* Talk, comfort noise, talk: noise at its level in the pause, nothing counted as lost, the talk undamaged. */
static void test_pause(void **state)
{
	(void)state;
	net_init(&net, CODEC_PCMA, 20, NULL);
	for (int turn = 0; turn < 6; turn++) {
		size_t talk = net.sent, at = net.heard;
		for (int k = 0; k < 100; k++)
			step(&net, true);
		struct packet p = { .used = true,
			.at = net.now + 20000,
			.seq = net.seq++,
			.ts = net.ts,
			.n = 1,
			.codec = CODEC_CN,
			.octets = { 50 } };
		*slot(&net) = p;
		for (int k = 0; k < 150; k++)
			step(&net, false);
		double db = 20 * log10(rms(net.heard - 2 * RATE, net.heard - RATE) / 32767);
		if (fabs(db + 50) > 2)
			fail_msg("turn %d: %.1f dBov of noise", turn, db);
		/* What was said after the pause is heard whole: compare from its own begin. */
		double best = -100;
		for (size_t d = 0; d < 200 * 8u; d++) {
			double s = 0, e = 1;
			for (size_t i = 800; i < 2 * RATE - 800; i++) {
				double x = sent[talk + i], y = heard[at + d + i];
				s += x * x;
				e += (x - y) * (x - y);
			}
			best = 10 * log10(s / e) > best ? 10 * log10(s / e) : best;
		}
		if (best < 25)
			fail_msg("turn %d: %.1f dB", turn, best);
	}
	const struct jbuf_stat *s = play_stat(&net.play);
	assert_int_equal(s->lost + s->late + s->overflow + s->dup, 0);
}

/* The sender stops for good: concealment fades into silence, no buzzing. */
static void test_silence(void **state)
{
	(void)state;
	net_init(&net, CODEC_PCMU, 20, NULL);
	for (int k = 0; k < 100; k++)
		step(&net, true);
	for (int k = 0; k < 25; k++)
		step(&net, false);
	assert_true(rms(net.heard - RATE / 4, net.heard) == 0);
	for (int k = 0; k < 200; k++)
		step(&net, true);
	assert_int_equal(play_stat(&net.play)->lost, 0);
	assert_int_equal(play_stat(&net.play)->late, 0);
}

/* A stall of half a second and the burst behind it: one gap, the delay is back within bounds, no endless lateness. */
static void test_stall(void **state)
{
	(void)state;
	net_init(&net, CODEC_PCMA, 20, NULL);
	for (int k = 0; k < 300; k++)
		step(&net, true);
	for (int k = 0; k < 25; k++) {
		net.delay_ms = 30 + (unsigned)(500 - 20 * k);
		step(&net, true);
	}
	net.delay_ms = 30;
	for (int k = 0; k < 1000; k++)
		step(&net, true);
	const struct jbuf_stat *s = play_stat(&net.play);
	assert_in_range(s->delay_ms, 10, 230);
	assert_in_range(s->late + s->overflow, 5, 40);
	uint64_t bad = s->late + s->lost + s->overflow;
	for (int k = 0; k < 500; k++)
		step(&net, true);
	assert_int_equal(s->late + s->lost + s->overflow, bad);
	/* A path that is 150 ms longer from now on */
	net.delay_ms = 180;
	for (int k = 0; k < 1500; k++)
		step(&net, true);
	bad = s->late + s->lost + s->overflow;
	for (int k = 0; k < 500; k++)
		step(&net, true);
	assert_int_equal(s->late + s->lost + s->overflow, bad);
	assert_true(s->target_ms < 60);
}

/* The far end changes codec and packet time in mid-stream, jumps in time and restarts its numbers. */
static void test_changes(void **state)
{
	static const struct {
		enum codec codec;
		unsigned ptime;
	} legs[] = { { CODEC_PCMA, 20 }, { CODEC_G726_32, 30 }, { CODEC_G722, 10 },
		{ CODEC_PCMU, 60 }, { CODEC_AAL2_G726_32, 20 } };
	(void)state;
	net_init(&net, CODEC_PCMA, 20, NULL);
	for (size_t i = 0; i < 5; i++) {
		net.codec = legs[i].codec;
		net.ptime = legs[i].ptime;
		assert_int_equal(codec_enc_init(&net.enc, net.codec, RATE), 0);
		size_t at = net.sent;
		for (int k = 0; k < 150; k++)
			step(&net, true);
		if (segmental(at + RATE, at + 2 * RATE, 250, NULL) < 11)
			fail_msg("leg %zu", i);
	}
	assert_int_equal(play_stat(&net.play)->lost, 0);
	net.ts += 10000000; /* a jump of time: two packets later it is believed */
	for (int k = 0; k < 150; k++)
		step(&net, true);
	assert_int_equal(play_stat(&net.play)->resets, 1);
	assert_in_range(play_stat(&net.play)->overflow, 1, 2);
	net.seq = 7;
	net.ts = 99;
	play_restart(&net.play);
	size_t at = net.sent;
	for (int k = 0; k < 150; k++)
		step(&net, true);
	assert_in_range(play_stat(&net.play)->resets, 1, 3);
	assert_true(segmental(at + RATE, at + 2 * RATE, 250, NULL) > 11);
}

/* Whatever comes: bounded work, bounded memory, no crash, and speech is heard again afterwards. */
static void test_rubbish(void **state)
{
	uint8_t junk[CODEC_OCTETS_MAX + 8];

	(void)state;
	net_init(&net, CODEC_PCMA, 20, NULL);
	for (int k = 0; k < 20; k++)
		step(&net, true);
	for (int i = 0; i < 200000; i++) {
		enum codec c = (enum codec)(uni(&net) * (CODEC_N + 1));
		size_t n = (size_t)(uni(&net) * sizeof(junk)) >> (int)(uni(&net) * 9);
		for (size_t k = 0; k < n; k++)
			junk[k] = (uint8_t)(uni(&net) * 256);
		uint16_t seq = uni(&net) < 0.5 ? net.seq++ : (uint16_t)(uni(&net) * 65536);
		uint32_t ts = uni(&net) < 0.5 ? net.ts : (uint32_t)(uni(&net) * 4294967295.0);
		(void)play_put(
		    &net.play, c, seq, ts, i & 1, junk, n, net.now + (uint64_t)i % 20000);
		if (i % 50 == 0)
			step(&net, false);
	}
	assert_in_range(net.play.jb.npkts, 0, JBUF_NPKTS);
	net.heard = net.sent; /* what was heard of it does not matter */
	size_t at = net.sent;
	for (int k = 0; k < 300; k++)
		step(&net, true);
	double delay, snr = segmental(at + 2 * RATE, at + 5 * RATE, 700, &delay);
	const struct jbuf_stat *s = play_stat(&net.play);
	if (snr < 16)
		fail_msg("%.1f dB, %.1f ms; target %u, delay %u, resets %u", snr, delay,
		    s->target_ms, s->delay_ms, (unsigned)s->resets);
}

/* 16,000/s: a G.722 leg keeps its upper band; narrow-band packets are taken, too. */
static void test_wide(void **state)
{
	static int16_t in[32000], out[32000];
	struct codec_enc e;
	static struct play p;
	struct codec_job job;
	uint8_t oct[160];
	size_t at = 0;

	(void)state;
	assert_int_equal(play_init(&p, 11025, NULL), ERR_VALUE);
	assert_int_equal(play_init(&p, 16000, NULL), 0);
	assert_int_equal(codec_enc_init(&e, CODEC_G722, 16000), 0);
	for (size_t i = 0; i < 32000; i++)
		in[i] =
		    (int16_t)(6000 * sin((double)i * 6.2831853 * 5000 / 16000)); /* above 4 kHz */
	uint64_t now = 5000000;
	for (unsigned k = 0; k < 100; k++, now += 20000) {
		assert_int_equal(codec_encode(&e, in + k * 320, 320, oct, sizeof(oct)), 160);
		assert_int_equal(
		    play_put(&p, CODEC_G722, (uint16_t)k, k * 160, false, oct, 160, now), 0);
		while (play_step(&p, 320, now, &job))
			codec_run(&job, 1);
		(void)play_take(&p, out + at, 320);
		at += 320;
	}
	double e5 = 0;
	for (size_t i = 16000; i < 32000; i++)
		e5 += (double)out[i] * out[i];
	assert_true(sqrt(e5 / 16000) > 3500);
	for (unsigned k = 0; k < 20; k++, now += 20000) {
		memset(oct, 0xd5, sizeof(oct));
		assert_int_equal(play_put(&p, CODEC_PCMA, (uint16_t)(100 + k), 16000 + k * 160,
		                     false, oct, 160, now),
		    0);
		while (play_step(&p, 320, now, &job))
			codec_run(&job, 1);
		(void)play_take(&p, out, 320);
	}
	assert_in_range(abs(out[100]), 0, 16);
}

/* Many legs in one tick, as the path runs them: each gets its own packet's speech, whatever the others need. */
static void test_many(void **state)
{
	enum { LEGS = 40, TICKS = 100 };
	static const enum codec codecs[] = { CODEC_G726_32, CODEC_PCMA, CODEC_AAL2_G726_32,
		CODEC_G722, CODEC_G726_16 };
	static struct play p[LEGS];
	static struct codec_enc e[LEGS];
	static struct codec_dec bare[LEGS];
	static struct speech sp[LEGS];
	static int16_t in[LEGS][TICKS * 160], out[LEGS][TICKS * 160];
	struct codec_job jobs[LEGS];
	uint64_t now = 1000000;

	(void)state;
	for (int l = 0; l < LEGS; l++) {
		speech_init(&sp[l], (uint32_t)l + 50, RATE);
		assert_int_equal(play_init(&p[l], RATE, NULL), 0);
		assert_int_equal(codec_enc_init(&e[l], codecs[l % 5], RATE), 0);
		assert_int_equal(codec_dec_init(&bare[l], codecs[l % 5], RATE), 0);
	}
	for (unsigned k = 0; k < TICKS; k++, now += 20000) {
		for (int l = 0; l < LEGS; l++) {
			/* 10, 20, 30 or 60 ms a packet: the legs need different numbers of rounds */
			static const unsigned sizes[] = { 80, 160, 240, 480 };
			unsigned n = sizes[l / 5 % 4];
			uint8_t oct[480];
			speech_fill(&sp[l], in[l] + k * 160, 160);
			for (unsigned at = 0; at + n <= (k + 1) * 160; at += n) {
				if (at + n <= k * 160)
					continue;
				int len = codec_encode(&e[l], in[l] + at, n, oct, sizeof(oct));
				assert_true(len > 0);
				/* what is heard must be what a decoder alone makes of it */
				assert_int_equal(
				    codec_decode(&bare[l], oct, (size_t)len, in[l] + at, n),
				    (int)n);
				assert_int_equal(play_put(&p[l], codecs[l % 5], (uint16_t)(at / n),
				                     at, false, oct, (size_t)len, now),
				    0);
			}
		}
		size_t n;
		do {
			n = 0;
			for (int l = 0; l < LEGS; l++)
				if (play_step(&p[l], 160, now, &jobs[n]))
					n++;
			codec_run(jobs, n);
		} while (n);
		for (int l = 0; l < LEGS; l++)
			(void)play_take(&p[l], out[l] + k * 160, 160);
	}
	for (int l = 0; l < LEGS; l++) {
		double snr = speech_snr(in[l] + RATE, out[l] + RATE, RATE - 1200, 1200);
		assert_int_equal(play_stat(&p[l])->lost + play_stat(&p[l])->late, 0);
		if (snr < 60)
			fail_msg("leg %d: %.1f dB", l, snr);
	}
}

static void test_size(void **state)
{
	(void)state;
	print_message("struct play: %zu octets, of which jbuf %zu\n", sizeof(struct play),
	    sizeof(struct jbuf));
	assert_true(sizeof(struct play) <= 20 * 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_steady),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_reorder),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_drift),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_stall),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_rubbish),
		cmocka_unit_test(test_wide),
		cmocka_unit_test(test_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
