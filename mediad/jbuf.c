/* Adaptive jitter buffer. */
#include "mediad/jbuf.h"

#include <string.h>

#include "mediad/codec.h"

#define TICK_US     125
#define BIN_US      5000
#define WINDOW_US   4000000u /* the fastest packet is looked for in two windows of this */
#define FORGET      9        /* the histogram forgets with a time constant of 2^9 packets */
#define FAR_TICKS   24000    /* 3 s off: another stream */
#define QUIET_TICKS 1600     /* 200 ms of nothing: a pause */
#define LATE_RUN    4        /* so many late ones in a row: the time base moved */
#define RESERVE     24       /* 3 ms over what the packets' delays ask for */
#define SPARE_MS    60       /* beyond the longest delay wanted: packets are dropped */
#define NO_CHUNK    0xff
#define Q30         (1u << 30)

void jbuf_init(struct jbuf *j, const struct jbuf_conf *conf)
{
	memset(j, 0, offsetof(struct jbuf, mem));
	if (conf)
		j->conf = *conf;
	if (!j->conf.max_ms)
		j->conf.max_ms = 200;
	if (!j->conf.min_ms)
		j->conf.min_ms = 20;
	if (j->conf.max_ms > 400)
		j->conf.max_ms = 400;
	if (j->conf.min_ms > j->conf.max_ms)
		j->conf.min_ms = j->conf.max_ms;
	if (!j->conf.late_permille)
		j->conf.late_permille = 5;
	j->pkt_ticks = 160;
	jbuf_reset(j);
}

void jbuf_reset(struct jbuf *j)
{
	for (unsigned i = 0; i < JBUF_NPKTS; i++)
		j->pkt[i].used = false;
	for (unsigned i = 0; i < JBUF_NCHUNKS; i++)
		j->next[i] = i + 1 < JBUF_NCHUNKS ? (uint8_t)(i + 1) : NO_CHUNK;
	j->free = 0;
	j->nfree = JBUF_NCHUNKS;
	j->npkts = 0;
	j->running = j->primed = j->quiet = j->odd = false;
	j->seen = 0;
	j->late_run = 0;
	j->silence = j->skipped = 0;
	j->level_set = false;
}

static void drop(struct jbuf *j, struct jbuf_pkt *p)
{
	uint8_t last = p->first;

	if (p->n) {
		j->nfree++;
		while (j->next[last] != NO_CHUNK) {
			last = j->next[last];
			j->nfree++;
		}
		j->next[last] = j->free;
		j->free = p->first;
	}
	p->used = false;
	j->npkts--;
}

/* The packet that is played first; with a limit, only one that began before it. */
static struct jbuf_pkt *earliest(struct jbuf *j)
{
	struct jbuf_pkt *best = NULL;

	for (unsigned i = 0, left = j->npkts; left; i++) {
		struct jbuf_pkt *p = &j->pkt[i];
		if (!p->used)
			continue;
		left--;
		/* Comfort noise and the speech after it may carry the same time: by sequence then. */
		int32_t d = best ? (int32_t)(p->ts - best->ts) : -1;
		if (d < 0 || (d == 0 && (int32_t)(p->seq - best->seq) < 0))
			best = p;
	}
	return best;
}

/* How much later than the fastest packet something of this RTP time is, at this moment. */
static int64_t behind(const struct jbuf *j, uint32_t ts, uint64_t now_us)
{
	return (int64_t)(now_us - j->base_us) - (int64_t)(int32_t)(ts - j->base_ts) * TICK_US;
}

static int64_t fastest(const struct jbuf *j)
{
	return j->min_us < j->min_next_us ? j->min_us : j->min_next_us;
}

/* The fastest packet is another one now: what was measured against the old one moves along, so many bins. */
static void rebase(struct jbuf *j, int64_t us)
{
	int64_t bins = us / BIN_US;
	uint32_t old[JBUF_BINS];

	if (bins == 0)
		return;
	memcpy(old, j->hist, sizeof(old));
	memset(j->hist, 0, sizeof(j->hist));
	for (int64_t i = 0; i < (int64_t)JBUF_BINS; i++) {
		int64_t to = i + bins;
		to = to < 0 ? 0 : to >= (int64_t)JBUF_BINS ? (int64_t)JBUF_BINS - 1 : to;
		j->hist[to] += old[i];
	}
}

/* The delay that all but the late ones need. */
static uint32_t spread_ms(const struct jbuf *j)
{
	uint64_t all = 0, tail = 0;
	size_t bin = JBUF_BINS;

	for (size_t i = 0; i < JBUF_BINS; i++)
		all += j->hist[i];
	while (bin > 0 && (tail + j->hist[bin - 1]) * 1000 <= all * j->conf.late_permille)
		tail += j->hist[--bin];

	uint32_t ms = (uint32_t)bin * (BIN_US / 1000);
	return ms > j->conf.max_ms ? j->conf.max_ms : ms;
}

static uint32_t target_ms(const struct jbuf *j)
{
	uint32_t ms = j->spread_ms;
	uint32_t least = j->pkt_ticks / 8 > j->conf.min_ms ? j->pkt_ticks / 8 : j->conf.min_ms;
	ms = ms < least ? least : ms;
	return ms > j->conf.max_ms ? j->conf.max_ms : ms;
}

static void measure(struct jbuf *j, uint32_t ts, uint64_t now_us)
{
	int64_t d = behind(j, ts, now_us), was = fastest(j);

	/* RTP time is counted from a point that moves along, so that 32 bits suffice for ever. */
	if ((int32_t)(ts - j->base_ts) > 1 << 24) {
		j->base_us += (uint64_t)(ts - j->base_ts) * TICK_US;
		j->base_ts = ts;
	}
	if (now_us - j->min_since > WINDOW_US) {
		j->min_us = j->min_next_us;
		j->min_next_us = d;
		j->min_since = now_us;
	}
	if (d < j->min_next_us)
		j->min_next_us = d;
	rebase(j, was - fastest(j));

	int64_t late = d - fastest(j);
	size_t bin = (size_t)(late < 0 ? 0 : late / BIN_US);
	bin = bin < JBUF_BINS ? bin : JBUF_BINS - 1;
	if (j->nhist < 1u << FORGET)
		j->nhist++;
	unsigned slow = 31u - (unsigned)__builtin_clz(j->nhist); /* young histograms learn faster */
	for (size_t i = 0; i < JBUF_BINS; i++)
		j->hist[i] -= j->hist[i] >> slow;
	j->hist[bin] += Q30 >> slow;
	j->spread_ms = (uint16_t)spread_ms(j);
	j->stat.target_ms = target_ms(j);
}

static void anchor(struct jbuf *j, uint32_t ts, uint64_t now_us)
{
	j->base_us = now_us;
	j->base_ts = ts;
	j->min_us = j->min_next_us = 0;
	j->min_since = now_us;
}

/* Is this number known? Marks it as such. */
static bool again(struct jbuf *j, uint32_t ext)
{
	int32_t back = (int32_t)(j->top_seq - ext);

	if (back < 0) {
		j->seen = -back < 64 ? j->seen << -back : 0;
		j->seen |= 1;
		j->top_seq = ext;
		return false;
	}
	if (back > 63)
		return false; /* older than the memory: late in any case */
	if (j->seen >> back & 1)
		return true;
	j->seen |= 1ull << back;
	return false;
}

static int store(struct jbuf *j, struct jbuf_pkt *p, const uint8_t *payload, size_t n)
{
	unsigned chunks = (unsigned)((n + JBUF_CHUNK - 1) / JBUF_CHUNK);
	uint8_t *link = &p->first;

	if (chunks > j->nfree)
		return ERR_LIMIT;
	for (unsigned i = 0; i < chunks; i++) {
		uint8_t c = j->free;
		size_t len = n > JBUF_CHUNK ? JBUF_CHUNK : n;
		j->free = j->next[c];
		memcpy(j->mem[c], payload, len);
		payload += len;
		n -= len;
		*link = c;
		link = &j->next[c];
	}
	*link = NO_CHUNK;
	j->nfree = (uint8_t)(j->nfree - chunks);
	return 0;
}

static int start(struct jbuf *j, uint16_t seq, uint32_t ts, uint64_t now_us)
{
	j->running = true;
	j->primed = false;
	j->quiet = false;
	j->play = ts;
	j->top_seq = 0x10000u + seq; /* room below for reordering */
	j->last_seq = j->top_seq - 1;
	j->seen = 0;
	anchor(j, ts, now_us);
	return 0;
}

int jbuf_put(struct jbuf *j, uint16_t seq, uint32_t ts, bool marker, int codec, uint32_t ticks,
    const uint8_t *payload, size_t n, uint64_t now_us)
{
	bool speech = ticks > 0;

	if (n > CODEC_OCTETS_MAX || ticks > CODEC_TICKS_MAX || (n == 0 && speech))
		return ERR_VALUE;
	j->stat.in++;
	if (!j->running) {
		if (!speech && codec != CODEC_CN)
			return 0;
		(void)start(j, seq, ts, now_us);
		j->top_seq--; /* so that again() sees it as new */
	}

	int16_t step = (int16_t)(uint16_t)(seq - j->top_seq);
	uint32_t ext = (uint32_t)(j->top_seq + (int64_t)step);
	int32_t ahead = (int32_t)(ts - j->play);
	if (ahead > FAR_TICKS || ahead < -FAR_TICKS) {
		bool follows = j->odd && (uint16_t)(j->odd_seq + 1) == seq &&
		               ts - j->odd_ts <= CODEC_TICKS_MAX;
		j->odd = true;
		j->odd_seq = seq;
		j->odd_ts = ts;
		/* A pause may be long; without one, a single stray packet is not believed. */
		if (!(follows || (j->quiet && (int32_t)(ext - j->top_seq) > 0))) {
			j->stat.overflow++;
			return ERR_LIMIT;
		}
		j->stat.resets++;
		jbuf_reset(j);
		(void)start(j, seq, ts, now_us);
		j->top_seq--;
		ext = j->top_seq + 1;
	}
	j->odd = false;

	uint32_t top = j->top_seq;
	if (again(j, ext)) {
		j->stat.dup++;
		return ERR_EXISTS;
	}
	if (!speech && codec != CODEC_CN) { /* an event: a place in the sequence, no speech */
		j->skipped++;
		return 0;
	}
	if (speech)
		j->pkt_ticks = ticks;
	measure(j, ts, now_us);

	if (j->quiet && speech && j->npkts == 0) { /* a talk spurt begins: the delay is set anew */
		j->quiet = false;
		j->primed = false;
		j->play = ts;
		j->level_set = false;
	}
	if (j->primed && (int32_t)(ts + (speech ? ticks : FAR_TICKS) - j->play) <= 0) {
		j->stat.late++;
		if (++j->late_run < LATE_RUN)
			return ERR_TIMEOUT;
		j->stat.resets++; /* all of them are late: start again with this one */
		j->primed = false;
		j->play = ts;
		j->level_set = false;
	}
	j->late_run = 0;
	if (!j->primed && (int32_t)(ts - j->play) < 0)
		j->play = ts; /* reordered before play-out began */
	if ((int32_t)(ext - top) < 0)
		j->stat.reordered++;

	struct jbuf_pkt *slot = NULL;
	unsigned chunks = (unsigned)((n + JBUF_CHUNK - 1) / JBUF_CHUNK);
	while (j->npkts == JBUF_NPKTS || chunks > j->nfree) {
		struct jbuf_pkt *old = earliest(j);
		j->stat.overflow++;
		if (!old)
			return ERR_LIMIT;
		j->play = old->ts + old->ticks;
		j->last_seq = old->seq;
		drop(j, old);
	}
	for (unsigned i = 0; !slot; i++)
		if (!j->pkt[i].used)
			slot = &j->pkt[i];
	*slot = (struct jbuf_pkt){ ts, ticks, ext, (uint16_t)n, (uint8_t)codec, NO_CHUNK, true,
		marker };
	if (store(j, slot, payload, n)) {
		slot->used = false;
		return ERR_LIMIT;
	}
	j->npkts++;
	return 0;
}

static void take(struct jbuf *j, struct jbuf_pkt *p, uint8_t *buf, struct jbuf_out *out)
{
	uint8_t c = p->first;
	int32_t missing = (int32_t)(p->seq - j->last_seq) - 1;

	for (size_t at = 0; at < p->n; at += JBUF_CHUNK) {
		size_t len = p->n - at < JBUF_CHUNK ? p->n - at : JBUF_CHUNK;
		memcpy(buf + at, j->mem[c], len);
		c = j->next[c];
	}
	*out = (struct jbuf_out){
		.ts = p->ts, .ticks = p->ticks, .n = p->n, .codec = p->codec, .marker = p->marker
	};
	missing -= (int32_t)j->skipped;
	if (missing > 0 && missing < 1000)
		j->stat.lost += (uint64_t)missing;
	if ((int32_t)(p->seq - j->last_seq) > 0)
		j->last_seq = p->seq;
	j->skipped = 0;
	j->stat.played++;
	drop(j, p);
}

/* What the caller has left over is part of the delay, but the next packet is wanted as early as without it: a sender whose
 * clock is slow would be late before the target is missed. So there must be enough beside what is left over, and nothing is
 * taken out that leaves less than that, however much is left over then. */
static int32_t wish_of(const struct jbuf *j, uint32_t queued)
{
	uint32_t target = j->stat.target_ms * 8, spread = j->spread_ms * 8u + RESERVE,
	         most = j->conf.max_ms * 8u, more = spread + queued, less = spread + j->pkt_ticks;
	int32_t level = j->level_q8 / 256, out, in;

	more = more > most ? most : more;
	less = less > most ? most : less;
	out = level - (int32_t)(target > less ? target : less);
	in = level - (int32_t)(target > more ? target : more);
	return out > 0 ? out : in < 0 ? in : 0;
}

enum jbuf_verdict jbuf_get(struct jbuf *j, uint32_t want, uint32_t step, uint32_t queued,
    uint64_t now_us, uint8_t *buf, struct jbuf_out *out)
{
	*out = (struct jbuf_out){ .ticks = want };
	if (!j->running)
		return JBUF_IDLE;

	/* What is taken now is heard later by what is queued; but the last packet of the step is needed now, too. */
	int64_t ahead = step > j->pkt_ticks ? step - j->pkt_ticks : 0;
	int64_t delay =
	    behind(j, j->play, now_us) - fastest(j) + ((int64_t)queued - ahead) * TICK_US;
	uint32_t target = j->stat.target_ms;

	struct jbuf_pkt *p = earliest(j);
	while (p && p->ticks && j->primed && (int32_t)(p->ts + p->ticks - j->play) <= 0) {
		j->stat.late++; /* a concealment went over it */
		drop(j, p);
		p = earliest(j);
	}
	/* A burst after a stall: what is beyond all bounds is not worth hearing late. */
	while (p && j->primed && p->ticks && j->npkts > 1 &&
	       delay > (int64_t)(j->conf.max_ms + SPARE_MS) * 1000) {
		delay -= (int64_t)p->ticks * TICK_US;
		j->stat.overflow++;
		j->play = p->ts + p->ticks;
		j->last_seq = p->seq;
		j->level_set = false;
		drop(j, p);
		p = earliest(j);
	}
	if (p && p->ticks == 0 && (int32_t)(p->ts - j->play) <= 0) { /* comfort noise, due */
		take(j, p, buf, out);
		j->quiet = true;
		j->primed = true;
		return JBUF_PACKET;
	}
	if (!j->primed) {
		if (!p || delay < (int64_t)target * 1000)
			return JBUF_IDLE;
		j->primed = true;
	}

	int32_t ticks = (int32_t)(delay / TICK_US);
	ticks = ticks < -FAR_TICKS ? -FAR_TICKS : ticks > 2 * FAR_TICKS ? 2 * FAR_TICKS : ticks;
	j->level_q8 = j->level_set ? j->level_q8 + (ticks * 256 - j->level_q8) / 16 : ticks * 256;
	j->level_set = true;
	j->stat.delay_ms = (uint32_t)(j->level_q8 < 0 ? 0 : j->level_q8 / (8 << 8));

	int32_t wish = wish_of(j, queued);
	if (p && p->ticks && (int32_t)(p->ts - j->play) <= 0) {
		j->play = p->ts + p->ticks;
		j->silence = 0;
		j->quiet = false;
		take(j, p, buf, out);
		out->wish = wish;
		return JBUF_PACKET;
	}
	out->wish = wish;
	out->ts = j->play;
	/* Nothing of this time is here. What had its full delay is given up; otherwise time stands still, and the delay
	 * grows towards the target by it. */
	bool later = p && (p->ticks || p->seq != j->last_seq + 1 + j->skipped);
	if (p) {
		uint32_t gap = p->ts - j->play;
		if (gap < out->ticks)
			out->ticks = gap;
	}
	if (later || delay >= (int64_t)target * 1000)
		j->play += out->ticks;
	j->silence += out->ticks;
	if (j->silence >= QUIET_TICKS && !later)
		j->quiet = true;
	return later ? JBUF_GAP : JBUF_EMPTY;
}

void jbuf_adjusted(struct jbuf *j, int32_t ticks)
{
	if (ticks > 0)
		j->stat.shrunk += (uint64_t)ticks;
	else
		j->stat.grown += (uint64_t)-ticks;
	/* The delay falls by what is taken out: so must its average. */
	j->level_q8 -= ticks * 256;
}
