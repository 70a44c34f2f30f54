/* The receiving chain of a leg. */
#include "mediad/play.h"

#include <math.h>
#include <string.h>

#define STEP_MS     10
#define GIVE_UP_MS  60   /* concealment has faded out */
#define LIKE_ENOUGH 0.6f /* correlation of two neighbouring stretches that may become one */
#define QUIET_POWER 2500 /* mean square below which a seam is not heard */

static uint32_t per_ms(const struct play *p)
{
	return p->rate / 1000;
}

static uint32_t to_ticks(const struct play *p, uint32_t samples)
{
	return samples * 8000 / p->rate;
}

/* Samples of the longest packet. */
static uint32_t pcm_max(const struct play *p)
{
	return CODEC_PCM_MAX * p->rate / 16000;
}

int play_init(struct play *p, uint32_t rate, const struct jbuf_conf *conf)
{
	if (rate != 8000 && rate != 16000)
		return ERR_VALUE;
	memset(p, 0, offsetof(struct play, octets));
	jbuf_init(&p->jb, conf);
	p->rate = rate;
	plc_reset(&p->plc, rate);
	cng_gen_init(&p->cng, 1);
	return 0;
}

void play_law(struct play *p, enum codec law)
{
	p->law = (uint8_t)law;
	codec_dec_law(&p->dec, law);
}

void play_restart(struct play *p)
{
	jbuf_reset(&p->jb);
	p->dec.codec = CODEC_NONE;
	p->noise = false;
	p->pending = false;
}

int play_put(struct play *p, enum codec c, uint16_t seq, uint32_t ts, bool marker,
    const uint8_t *payload, size_t n, uint64_t now_us)
{
	uint32_t ticks = codec_ticks(c, n);

	if (codec_speech(c) && ticks == 0)
		return ERR_SYNTAX;
	return jbuf_put(&p->jb, seq, ts, marker, (int)c, ticks, payload, n, now_us);
}

/* Best likeness of x[0..lag) and x[lag..2 lag); 0 when it is no better than LIKE_ENOUGH. */
static uint32_t repeat_lag(const struct play *p, const int16_t *x, uint32_t n)
{
	uint32_t min = 5 * per_ms(p) / 2, max = 15 * per_ms(p), step = per_ms(p) / 8, best = 0;
	float like = LIKE_ENOUGH, power = 0;

	max = max > n / 2 ? n / 2 : max;
	if (max < min)
		return 0;
	for (uint32_t i = 0; i < 2 * max; i++)
		power += (float)x[i] * (float)x[i];
	if (power / (float)(2 * max) < QUIET_POWER)
		return max;
	for (uint32_t lag = min; lag <= max; lag += step) {
		float c = 0, a = 1, b = 1;
		for (uint32_t i = 0; i < lag; i += step) {
			c += (float)x[i] * (float)x[lag + i];
			a += (float)x[i] * (float)x[i];
			b += (float)x[lag + i] * (float)x[lag + i];
		}
		c /= sqrtf(a * b);
		if (c > like) {
			like = c;
			best = lag;
		}
	}
	return best;
}

static int16_t blend(int32_t from, int32_t into, uint32_t i, uint32_t n)
{
	return (int16_t)((from * (int32_t)(n - i) + into * (int32_t)i) / (int32_t)n);
}

/* One period less, or one more, in the last n samples of the fifo. */
static void stretch(struct play *p, uint32_t n)
{
	int32_t wish = p->wish;
	int16_t *x = p->fifo + p->fifo_n - n;
	uint32_t least = 5 * per_ms(p);

	if (wish > -(int32_t)least && wish < 2 * (int32_t)least)
		return;

	uint32_t lag = repeat_lag(p, x, n);
	if (lag == 0)
		return;
	if (wish > 0) {
		if ((int32_t)lag > wish)
			return;
		for (uint32_t i = 0; i < lag; i++)
			x[i] = blend(x[i], x[lag + i], i, lag);
		memmove(x + lag, x + 2 * lag, (n - 2 * lag) * sizeof(x[0]));
		p->fifo_n -= lag;
		jbuf_adjusted(&p->jb, (int32_t)to_ticks(p, lag));
	} else if (p->fifo_n + lag <= PLAY_FIFO * p->rate / 16000) {
		/* 0..lag, then lag..2 lag fading into 0..lag, then from lag on again */
		memmove(x + 2 * lag, x + lag, (n - lag) * sizeof(x[0]));
		for (uint32_t i = 0; i < lag; i++)
			x[lag + i] = blend(x[2 * lag + i], x[i], i, lag);
		p->fifo_n += lag;
		jbuf_adjusted(&p->jb, -(int32_t)to_ticks(p, lag));
	}
}

/* Samples that arrived pass the concealment, which remembers and delays them. */
static void push(struct play *p, uint32_t n)
{
	uint32_t frame = STEP_MS * per_ms(p);

	for (uint32_t at = 0; at < n; at += frame)
		plc_good(&p->plc, p->fifo + p->fifo_n + at, n - at < frame ? n - at : frame);
	p->fifo_n += n;
}

/* n samples at 8,000/s become what the leg is run at. */
static uint32_t widen(struct play *p, int16_t *x, uint32_t n)
{
	int16_t narrow[CODEC_TICKS_MAX];

	if (p->rate == 8000)
		return n;
	memcpy(narrow, x, n * sizeof(x[0]));
	half_up(&p->up, narrow, n, x);
	return 2 * n;
}

static void fill(struct play *p, enum jbuf_verdict v)
{
	uint32_t n = STEP_MS * per_ms(p);
	int16_t *x = p->fifo + p->fifo_n;

	if (p->noise) {
		cng_gen_fill(&p->cng, x, to_ticks(p, n));
		widen(p, x, to_ticks(p, n));
		push(p, n);
	} else if (v == JBUF_IDLE && p->dec.codec == CODEC_NONE) {
		memset(x, 0, n * sizeof(x[0]));
		push(p, n);
	} else {
		plc_lost(&p->plc, x);
		p->fifo_n += n;
		p->concealed =
		    (uint16_t)(p->concealed < 60000 ? p->concealed + STEP_MS : p->concealed);
	}
}

static void decoded(struct play *p, int samples)
{
	p->pending = false;
	if (samples <= 0) {
		fill(p, JBUF_GAP);
		return;
	}
	uint32_t n = (uint32_t)samples;
	if (p->dec.rate < p->rate)
		n = widen(p, p->fifo + p->fifo_n, n);
	p->noise = false;
	p->concealed = 0;
	push(p, n);
	stretch(p, n);
}

/* One packet from the buffer. True: the job has to be run. */
static bool packet(struct play *p, const struct jbuf_out *o, struct codec_job *job)
{
	enum codec c = (enum codec)o->codec;
	struct cng_sid sid;

	if (c == CODEC_CN) {
		if (cng_parse(p->octets, o->n, &sid) == 0) {
			cng_gen_set(&p->cng, &sid);
			p->noise = true;
		}
		return false;
	}
	if (p->dec.codec != c) {
		/* A wide-band leg may get narrow-band packets. */
		if (codec_dec_init(&p->dec, c, p->rate) && codec_dec_init(&p->dec, c, 8000)) {
			decoded(p, -1);
			return false;
		}
		codec_dec_law(&p->dec, (enum codec)p->law);
	}
	p->wish = o->wish * (int32_t)(p->rate / 1000) / 8;
	*job = (struct codec_job){ .dec = &p->dec,
		.pcm = p->fifo + p->fifo_n,
		.pcm_n = pcm_max(p),
		.octet = p->octets,
		.octet_n = o->n,
		.tell = &p->result };
	if (codec_props[c].g726) { /* worth a lane */
		p->pending = true;
		p->result = ERR_LOST; /* if it is never run */
		return true;
	}

	decoded(p, codec_decode(&p->dec, p->octets, o->n, job->pcm, pcm_max(p)));
	return false;
}

bool play_step(struct play *p, size_t n, uint64_t now_us, struct codec_job *job)
{
	if (p->pending)
		decoded(p, p->result);
	if (n > pcm_max(p))
		n = pcm_max(p);
	while (p->fifo_n < n) {
		struct jbuf_out o;
		uint32_t want = 8 * STEP_MS, queued = to_ticks(p, p->fifo_n);
		enum jbuf_verdict v =
		    jbuf_get(&p->jb, want, to_ticks(p, (uint32_t)n), queued, now_us, p->octets, &o);
		if (v == JBUF_PACKET) {
			if (packet(p, &o, job))
				return true;
		} else {
			fill(p, v);
		}
	}
	return false;
}

bool play_take(struct play *p, int16_t *pcm, size_t n)
{
	size_t have = p->fifo_n < n ? p->fifo_n : n;

	memcpy(pcm, p->fifo, have * sizeof(pcm[0]));
	memset(pcm + have, 0, (n - have) * sizeof(pcm[0]));
	memmove(p->fifo, p->fifo + have, (p->fifo_n - have) * sizeof(pcm[0]));
	p->fifo_n -= (uint32_t)have;
	return p->noise || (p->dec.codec != CODEC_NONE && p->concealed < GIVE_UP_MS);
}
