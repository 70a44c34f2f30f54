/* Speech of soft handsets: 20 ms frames from a file, a tone or silence; what comes is recorded sample by sample, measured,
 * and compared with the tone that is expected. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/softpp_priv.h"

#define RATE      8000
#define TICK_MS   20
#define BLOCK     (5 * AIR_SAMPLES) /* of tone verification */
#define LOUD      (100.0 * 100.0)   /* mean square that is no silence */
#define TONE_PEAK 8000.0
#define LATE_MS   400 /* further behind: the host slept, frames are left out */

static void next_frame(struct softpp *pp, int16_t *out)
{
	struct sp_audio *a = &pp->a;

	memset(out, 0, AIR_SAMPLES * sizeof(*out));
	if (a->muted || pp->cc.st != T10)
		return;
	if (a->tone > 0) {
		for (unsigned i = 0; i < AIR_SAMPLES; i++, a->phase++)
			out[i] = (int16_t)(TONE_PEAK * sin(2 * M_PI * a->tone *
			                                   (double)(a->phase % RATE) / RATE));
		return;
	}
	if (!a->play)
		return;
	for (unsigned i = 0; i < AIR_SAMPLES; i++) {
		if (a->at == a->nplay) {
			if (!a->loop)
				break;
			a->at = 0;
		}
		out[i] = a->play[a->at++];
	}
	if (a->at == a->nplay && !a->loop) {
		free(a->play);
		a->play = NULL;
		sp_event(pp, "played");
	}
}

static void on_tick(struct tmr *t, void *ctx)
{
	struct softpp_set *s = ctx;
	uint64_t now = tmr_now(s->w);
	int16_t frame[AIR_SAMPLES];

	if (now > s->tick_at + LATE_MS)
		s->tick_at = now;
	while (s->tick_at <= now) {
		LIST_FOREACH(&s->pps, it)
		{
			struct softpp *pp = LIST_ENTRY(it, struct softpp, node);

			if (!pp->conn || !air_speech_open(pp->conn))
				continue;
			next_frame(pp, frame);
			pp->a.frames_out++;
			air_speak(pp->conn, frame);
		}
		s->tick_at += TICK_MS;
	}
	tmr_start(t, s->tick_at - now);
}

void sp_audio_tick_start(struct softpp_set *s)
{
	tmr_init(&s->tick, s->w, on_tick, s);
	s->tick_at = tmr_now(s->w) + TICK_MS;
	tmr_start(&s->tick, TICK_MS);
}

/* ---- verification: is the far end's tone there, block by block ---- */

void sp_expect_tone(struct softpp *pp, double hz)
{
	struct sp_audio *a = &pp->a;

	a->want = hz;
	a->good = a->bad = a->run = a->worst = a->blocks = 0;
	a->s1 = a->s2 = a->power = 0;
	a->nblock = 0;
}

static void verify(struct sp_audio *a, const int16_t *s)
{
	double c = 2 * cos(2 * M_PI * a->want / RATE), at;

	for (unsigned i = 0; i < AIR_SAMPLES; i++) {
		double s0 = s[i] + c * a->s1 - a->s2;

		a->s2 = a->s1;
		a->s1 = s0;
		a->power += (double)s[i] * s[i];
	}
	a->nblock += AIR_SAMPLES;
	if (a->nblock < BLOCK)
		return;
	at = (a->s1 * a->s1 + a->s2 * a->s2 - c * a->s1 * a->s2) * 2 / BLOCK;
	a->blocks++;
	if (a->power / BLOCK > LOUD && at > 0.5 * a->power) {
		a->good++;
		a->run = 0;
	} else {
		a->bad++;
		if (++a->run > a->worst)
			a->worst = a->run;
	}
	a->s1 = a->s2 = a->power = 0;
	a->nblock = 0;
}

void sp_audio_in(struct softpp *pp, const int16_t *samples)
{
	struct sp_audio *a = &pp->a;
	double sum = 0;

	if (!pp->cc.audible)
		return;
	a->frames_in++;
	for (unsigned i = 0; i < AIR_SAMPLES; i++)
		sum += (double)samples[i] * samples[i];
	a->level = sum / AIR_SAMPLES;
	a->last_at = tmr_now(pp->w);
	if (a->level > LOUD && !a->first_at) {
		a->first_at = a->last_at;
		sp_event(pp, "hears %u ms after connect",
		    pp->cc.connected_at ? (unsigned)(a->first_at - pp->cc.connected_at) : 0);
	}
	if (a->want > 0 && pp->cc.st == T10)
		verify(a, samples);
	if (a->rec) {
		uint8_t le[2 * AIR_SAMPLES];

		for (unsigned i = 0; i < AIR_SAMPLES; i++) {
			le[2 * i] = (uint8_t)samples[i];
			le[2 * i + 1] = (uint8_t)((uint16_t)samples[i] >> 8);
		}
		if (fwrite(le, sizeof(le), 1, a->rec) == 1)
			a->nrec += AIR_SAMPLES;
	}
}

/* ---- files: WAV of 16 bits, one channel, 8 kHz; or the same without a header (.raw) ---- */

static uint32_t le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static const char *find_data(const uint8_t *p, size_t n, size_t *at, size_t *len)
{
	bool fmt = false;

	if (n < 12 || memcmp(p, "RIFF", 4) != 0 || memcmp(p + 8, "WAVE", 4) != 0)
		return "no WAV file";
	for (size_t i = 12; i + 8 <= n;) {
		size_t size = le32(p + i + 4);

		if (memcmp(p + i, "fmt ", 4) == 0 && size >= 16 && i + 24 <= n) {
			if (p[i + 8] != 1 || p[i + 10] != 1 || le32(p + i + 12) != RATE ||
			    p[i + 22] != 16)
				return "not PCM of 16 bits, one channel, 8000 Hz";
			fmt = true;
		}
		if (memcmp(p + i, "data", 4) == 0) {
			if (!fmt)
				return "data before the format";
			*at = i + 8;
			*len = size < n - *at ? size : n - *at;
			return NULL;
		}
		i += 8 + size + (size & 1);
	}
	return "no data in it";
}

int sp_play(struct softpp *pp, const char *path, bool loop, struct wr *reply)
{
	size_t n = strlen(path), at = 0, len, cap = 64u << 20;
	FILE *f = fopen(path, "rb");
	const char *why = NULL;
	uint8_t *all;

	if (!f) {
		wr_fmt(reply, "can't read %s", path);
		return ERR_NOTFOUND;
	}
	all = mem_new(cap);
	len = fread(all, 1, cap, f);
	fclose(f);
	if (n < 4 || strcmp(path + n - 4, ".raw") != 0)
		why = find_data(all, len, &at, &len);
	if (why || len < 2) {
		wr_fmt(reply, "%s: %s", path, why ? why : "empty");
		free(all);
		return ERR_SYNTAX;
	}
	free(pp->a.play);
	pp->a.nplay = len / 2;
	pp->a.play = mem_array(pp->a.nplay, 2);
	for (size_t i = 0; i < pp->a.nplay; i++)
		pp->a.play[i] = (int16_t)(all[at + 2 * i] | all[at + 2 * i + 1] << 8);
	pp->a.at = 0;
	pp->a.loop = loop;
	pp->a.tone = 0;
	free(all);
	return 0;
}

static void header(FILE *f, uint32_t samples)
{
	uint8_t h[44];
	struct wr w = wr_of(h, sizeof(h));

	wr_str(&w, "RIFF");
	wr_le32(&w, 36 + 2 * samples);
	wr_str(&w, "WAVEfmt ");
	wr_le32(&w, 16);
	wr_le16(&w, 1);
	wr_le16(&w, 1);
	wr_le32(&w, RATE);
	wr_le32(&w, 2 * RATE);
	wr_le16(&w, 2);
	wr_le16(&w, 16);
	wr_str(&w, "data");
	wr_le32(&w, 2 * samples);
	rewind(f);
	if (fwrite(h, sizeof(h), 1, f) != 1)
		fprintf(stderr, "softrfp: recording not written\n");
}

static void record_end(struct softpp *pp)
{
	if (!pp->a.rec)
		return;
	header(pp->a.rec, pp->a.nrec);
	fclose(pp->a.rec);
	pp->a.rec = NULL;
	sp_event(pp, "recorded %u samples", pp->a.nrec);
}

int sp_record(struct softpp *pp, const char *path, struct wr *reply)
{
	record_end(pp);
	pp->a.rec = fopen(path, "wb");
	if (!pp->a.rec) {
		wr_fmt(reply, "can't write %s", path);
		return ERR_NOTFOUND;
	}
	pp->a.nrec = 0;
	header(pp->a.rec, 0);
	return 0;
}

void sp_audio_stop(struct softpp *pp)
{
	record_end(pp);
	free(pp->a.play);
	pp->a.play = NULL;
	pp->a.tone = 0;
}
