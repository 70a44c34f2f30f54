/* Speech made here. A session on the tick waits in the slot of its next turn; all sessions of a slot are worked on
 * together: decode, mix, encode, send. */
#include "mediad/gen.h"

#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/mem.h"
#include "mediad/dtmf.h"
#include "mediad/flow.h"
#include "mediad/half.h"
#include "mediad/mix.h"
#include "mediad/play.h"
#include "mediad/tone.h"

#define RATE     8000
#define WIDE     16000
#define BATCH    256 /* legs worked on together */
#define STEP_MAX 320 /* samples of a turn: 20 ms at WIDE */
#define PARTIES  4
#define HISS     2000 /* mean square above 4 kHz that is no background: -57 dBov */

struct gen { /* of one leg */
	struct codec_enc enc;
	uint8_t codec; /* that enc is for */
	bool talking;  /* the packet before was speech */
	bool on;       /* ts runs */
	uint32_t ts;   /* of acc's first sample */
	uint32_t acc_n;
	struct half half; /* to enc's rate: what is made here, or what others said */
	struct tone_gen tone;
	bool tone_adds; /* call waiting: over the speech */
	bool inband_busy;
	struct dtmf_gen inband;
	struct dtmf4733_tx digits;
	struct mix limit[PARTIES - 2];
	struct cng_an quiet;
	struct half to_narrow; /* what quiet looks at, of wide-band speech */
	size_t music_at;
	int16_t acc[CODEC_PCM_MAX]; /* at enc's rate */
};

struct part { /* a leg in the batch */
	struct leg *l;
	int16_t *pcm; /* what it said */
	bool heard;
	bool send; /* a packet is made of acc */
	struct cng_sid sid;
	enum cng_verdict verdict;
	int octets;
};

struct gen_pool {
	struct part part[BATCH];
	struct codec_job job[BATCH];
	unsigned job_part[BATCH];
	struct sess *sess[BATCH];
	int16_t pcm[BATCH][STEP_MAX];
	uint8_t out[BATCH][PATH_HEAD + CODEC_OCTETS_MAX + PATH_TAIL];
};

int gen_open(struct mediad *m)
{
	m->gen = mem_new(sizeof(*m->gen));
	return 0;
}

void gen_shut(struct mediad *m)
{
	if (m->gen)
		mem_free_wiped(m->gen, sizeof(*m->gen));
	m->gen = NULL;
}

static void drop_play(struct leg *l)
{
	if (!l->play)
		return;
	l->late_before += play_stat(l->play)->late;
	mem_free_wiped(l->play, play_size(l->play->rate));
	l->play = NULL;
}

void gen_close(struct leg *l)
{
	if (l->gen)
		mem_free_wiped(l->gen, sizeof(*l->gen));
	drop_play(l);
	free(l->det);
	l->gen = NULL;
	l->det = NULL;
}

void gen_restart(struct leg *l)
{
	l->dtmf.any = false;
	if (l->play)
		play_restart(l->play);
}

static struct gen *gen_of(struct leg *l)
{
	if (!l->gen) {
		l->gen = mem_new(sizeof(*l->gen));
		dtmf_gen_init(&l->gen->inband, RATE);
		cng_an_init(&l->gen->quiet);
		for (unsigned i = 0; i < ARRAY_LEN(l->gen->limit); i++)
			mix_init(&l->gen->limit[i]);
	}
	return l->gen;
}

bool gen_wants(const struct leg *l)
{
	const struct gen *g = l->gen;

	return l->music || l->sess->mixed || (g && (tone_on(&g->tone) || g->inband_busy));
}

bool gen_digits(const struct leg *l)
{
	return l->gen && dtmf4733_busy(&l->gen->digits);
}

int gen_tone(struct leg *l, unsigned kind, struct slice country, uint32_t ms)
{
	struct gen *g;

	if (kind == TONE_KIND_OFF) {
		if (l->gen)
			tone_stop(&l->gen->tone);
		return 0;
	}
	if (kind >= TONE_KIND_N)
		return ERR_VALUE;
	g = gen_of(l);
	g->tone_adds = kind == TONE_KIND_CALL_WAITING;
	tone_start(&g->tone, tone_find(country, (enum tone_kind)kind, NULL), RATE, ms);
	return 0;
}

int gen_dtmf(struct leg *l, struct slice digits, uint32_t ms, uint32_t gap_ms)
{
	struct gen *g;
	int err = 0;

	for (size_t i = 0; i < digits.n; i++)
		if (dtmf_event(digits.p[i]) < 0)
			return ERR_VALUE;
	g = gen_of(l);
	if (l->event_pt != LEG_NO_PT) {
		if (g->digits.n + digits.n > DTMF4733_QUEUE)
			return ERR_LIMIT;
		for (size_t i = 0; i < digits.n && !err; i++)
			err = dtmf4733_add(&g->digits, digits.p[i], ms, gap_ms);
		return err;
	}
	/* The far end knows no events: in band. */
	if (g->inband.n + digits.n > DTMF_QUEUE)
		return ERR_LIMIT;
	for (size_t i = 0; i < digits.n && !err; i++)
		err = dtmf_gen_digit(&g->inband, digits.p[i], ms, gap_ms);
	g->inband_busy = true;
	return err;
}

/* ---- planning ---- */

static bool adds_tone(const struct leg *l)
{
	return l->gen && tone_on(&l->gen->tone) && l->gen->tone_adds;
}

static uint32_t rate_of(const struct sess *s)
{
	return s->wide ? WIDE : RATE;
}

static bool speech_needed(const struct leg *l)
{
	const struct leg *o = sess_other(l);

	if (l->sess->mixed || l->det)
		return true;
	return o && o->mode == LEG_OUT_GEN && !o->music && (o->map.odd_ptime || adds_tone(o));
}

/* A far end without events may still send digits, as tones. */
static bool wants_det(const struct mediad *m, const struct leg *l)
{
	return m->conf->dtmf_detect && l->sip && l->npayload && l->event_pt == LEG_NO_PT &&
	       leg_receives(l);
}

static void plan_det(const struct mediad *m, struct leg *l)
{
	bool wanted = wants_det(m, l);

	if (wanted && !l->det) {
		l->det = mem_new(sizeof(*l->det));
		dtmf_det_init(l->det);
	} else if (!wanted) {
		free(l->det);
		l->det = NULL;
	}
}

static void plan_play(struct mediad *m, struct leg *l)
{
	struct jbuf_conf c = { .min_ms = (uint16_t)m->conf->jitter_min_ms,
		.max_ms = (uint16_t)m->conf->jitter_max_ms,
		.late_permille = (uint16_t)m->conf->late_permille };
	const struct leg *o = sess_other(l);
	uint32_t rate = rate_of(l->sess);

	if (!speech_needed(l) || (l->play && l->play->rate != rate))
		drop_play(l);
	if (!speech_needed(l))
		return;
	if (!l->play) {
		l->play = mem_new(play_size(rate));
		BUG_ON(play_init(l->play, rate, &c) != 0);
	}
	play_law(l->play, l->sess->mixed || !o || adds_tone(o) ||
	                          (o->tx_codec != CODEC_PCMA && o->tx_codec != CODEC_PCMU)
	                      ? CODEC_NONE
	                      : (enum codec)o->tx_codec);
}

static void plan_gen(struct mediad *m, struct leg *l)
{
	struct gen *g;
	uint32_t rate;

	if (l->mode != LEG_OUT_GEN) {
		if (l->gen && !tone_on(&l->gen->tone) && !gen_digits(l) && !l->gen->inband_busy) {
			mem_free_wiped(l->gen, sizeof(*l->gen));
			l->gen = NULL;
		} else if (l->gen) {
			l->gen->on = false;
		}
		return;
	}
	g = gen_of(l);
	rate = codec_props[l->tx_codec].wide ? rate_of(l->sess) : RATE;
	if (g->codec != l->tx_codec || g->enc.rate != rate) {
		BUG_ON(codec_enc_init(&g->enc, (enum codec)l->tx_codec, rate) != 0);
		g->codec = l->tx_codec;
		g->half = g->to_narrow = (struct half){ 0 };
		g->on = false;
	}
	if (!g->on) {
		g->on = true;
		g->talking = false;
		g->acc_n = 0;
		g->ts = leg_ts_next(l, mediad_now(m));
	}
}

static bool leads(const struct sess *s)
{
	return !s->mixed || s->id < s->mixed->id;
}

static uint8_t step_of(const struct sess *s)
{
	for (int side = SIDE_NETWORK; side <= SIDE_RADIO; side++)
		if (s->leg[side] && s->leg[side]->ptime % 20)
			return 10;
	return 20;
}

static void wait_turn(struct mediad *m, struct sess *s, unsigned ticks)
{
	list_remove(&s->slot);
	list_append(&m->slot[(m->tick + ticks) % MEDIAD_SLOTS], &s->slot);
}

/* Two at least can speak and hear so, or it is not worth it. */
static bool worth_wide(const struct mediad *m, const struct sess *s)
{
	unsigned wide = 0;

	for (int side = SIDE_NETWORK; side <= SIDE_RADIO; side++)
		for (int i = 0; i < 2; i++) {
			const struct sess *of = i ? s->mixed : s;
			const struct leg *l = of ? of->leg[side] : NULL;
			if (l && wants_det(m, l))
				return false; /* digits are looked for at 8,000/s */
			wide += l && codec_props[l->tx_codec].wide;
		}
	return wide > 1;
}

static bool plan_legs(struct mediad *m, struct sess *s, bool wide)
{
	bool ticks = false;

	s->wide = wide;
	for (int side = SIDE_NETWORK; side <= SIDE_RADIO; side++) {
		struct leg *l = s->leg[side];
		if (!l)
			continue;
		plan_gen(m, l);
		plan_det(m, l);
		plan_play(m, l);
		ticks |= l->mode == LEG_OUT_GEN || l->play || gen_digits(l);
	}
	return ticks;
}

void gen_plan(struct mediad *m, struct sess *s)
{
	bool wide = worth_wide(m, s), ticks = plan_legs(m, s, wide);

	if (s->mixed && s->mixed->wide != wide)
		(void)plan_legs(m, s->mixed, wide);
	s->step = step_of(s);
	if (s->mixed) {
		uint8_t other = step_of(s->mixed);
		s->step = s->mixed->step = s->step < other ? s->step : other;
	}
	if (ticks && !s->ticks) {
		m->ticking++;
		mediad_ticking(m);
		/* Spread over the slots of 20 ms, so that packets do not leave in one burst. */
		wait_turn(m, s, 1 + id_below(4));
	} else if (!ticks && s->ticks) {
		list_remove(&s->slot);
		m->ticking--;
		mediad_ticking(m);
	}
	s->ticks = ticks;
}

/* ---- the tick ---- */

/* Samples of a turn. */
static uint32_t turn_of(const struct sess *s)
{
	return s->step * (rate_of(s) / 1000);
}

static void detect(struct mediad *m, struct leg *l, const int16_t *pcm)
{
	struct media_ev ev = { .kind = MEDIA_EV_DTMF, .side = l->side };

	ev.digit = dtmf_det_feed(l->det, pcm, l->sess->step * 8u);
	if (!ev.digit)
		return;
	stat_add(m->st.dtmf, 1);
	if (m->event)
		m->event(m, l->sess, &ev);
}

static void decode(struct mediad *m, unsigned n)
{
	struct gen_pool *w = m->gen;
	uint64_t now = mediad_now(m);
	size_t jobs;

	do {
		jobs = 0;
		for (unsigned i = 0; i < n; i++) {
			struct leg *l = w->part[i].l;
			if (l->play && play_step(l->play, turn_of(l->sess), now, &w->job[jobs]))
				jobs++;
		}
		codec_run(w->job, jobs);
	} while (jobs);
	for (unsigned i = 0; i < n; i++) {
		struct leg *l = w->part[i].l;
		w->part[i].heard = l->play &&
		                   play_take(l->play, w->part[i].pcm, turn_of(l->sess)) &&
		                   leg_receives(l);
		if (l->det)
			detect(m, l, w->part[i].pcm);
	}
}

static bool same_group(const struct sess *a, const struct sess *b)
{
	return a == b || a->mixed == b;
}

/* What leg i hears of the others of its session or conference. The batch holds a group's legs side by side. */
static void hear(struct gen_pool *w, unsigned n, unsigned i, int16_t *out, size_t samples)
{
	struct leg *l = w->part[i].l;
	unsigned from = i, to = i, said = 0;

	while (from > 0 && same_group(l->sess, w->part[from - 1].l->sess))
		from--;
	while (to < n && same_group(l->sess, w->part[to].l->sess))
		to++;
	for (unsigned k = from; k < to; k++) {
		if (k == i || !w->part[k].heard)
			continue;
		if (said == 0)
			memcpy(out, w->part[k].pcm, samples * sizeof(*out));
		else
			mix_pair(&l->gen->limit[said - 1], out, w->part[k].pcm, out, samples);
		said++;
	}
	if (said == 0)
		memset(out, 0, samples * sizeof(*out));
}

static void music(const struct mediad *m, struct gen *g, int16_t *out, size_t samples)
{
	for (size_t i = 0; i < samples; i++) {
		if (g->music_at >= m->music_n)
			g->music_at = 0;
		out[i] = m->music ? m->music[g->music_at++] : 0;
	}
}

/* What the others say, at the encoder's rate. */
static void hear_at(struct gen_pool *w, unsigned n, unsigned i, int16_t *out)
{
	struct leg *l = w->part[i].l;
	uint32_t turn = turn_of(l->sess);
	int16_t wide[STEP_MAX];

	if (l->gen->enc.rate == rate_of(l->sess)) {
		hear(w, n, i, out, turn);
	} else {
		hear(w, n, i, wide, turn);
		half_down(&l->gen->half, wide, turn, out);
	}
}

/* After a change of the turn's length it may not end where a packet does: what is begun is left out. */
static void align(struct gen *g, uint32_t turn)
{
	if (g->acc_n % turn) {
		g->ts += g->acc_n * RATE / g->enc.rate;
		g->acc_n = 0;
		g->talking = false;
	}
}

/* What is made here (music, tones, digits) is narrow-band. */
static bool compose(struct mediad *m, unsigned n, unsigned i)
{
	struct part *t = &m->gen->part[i];
	struct leg *l = t->l;
	struct gen *g = l->gen;
	size_t samples = l->sess->step * 8u;
	uint32_t turn = l->sess->step * (g->enc.rate / 1000);
	bool wide = g->enc.rate == WIDE, alone = true, replan = false;
	int16_t own[STEP_MAX], *out, *made;

	align(g, turn);
	out = g->acc + g->acc_n;
	made = wide ? own : out;
	if (l->music) {
		music(m, g, made, samples);
	} else if (tone_on(&g->tone) && !g->tone_adds) {
		replan = !tone_fill(&g->tone, made, samples);
	} else {
		hear_at(m->gen, n, i, out);
		alone = false;
		if (wide)
			memset(made, 0, samples * sizeof(*made));
	}
	if (tone_on(&g->tone) && g->tone_adds)
		replan = !tone_add(&g->tone, made, samples);
	if (g->inband_busy) {
		bool on = dtmf_gen_fill(&g->inband, made, samples);
		alone |= on;
		replan |= !on;
		g->inband_busy = on;
	}
	if (wide) {
		int16_t up[STEP_MAX];
		half_up(&g->half, made, samples, up);
		if (alone)
			memcpy(out, up, turn * sizeof(*out));
		else
			mix_add(out, up, turn);
	}
	g->acc_n += turn;
	t->send = g->acc_n >= l->ptime * (g->enc.rate / 1000);
	return replan;
}

static void digits(struct mediad *m, struct leg *l, uint8_t *payload)
{
	struct dtmf4733 e;
	uint32_t ts, last_ts = l->last_ts;
	uint64_t last_us = l->last_us;
	bool marker;
	unsigned n = dtmf4733_step(
	    &l->gen->digits, l->sess->step * 8u, leg_ts_now(l, mediad_now(m)), &e, &ts, &marker);

	if (l->event_pt == LEG_NO_PT || l->mode == LEG_OUT_NONE)
		return;
	for (unsigned i = 0; i < n; i++) {
		dtmf4733_put(&e, payload);
		leg_send(m, l, l->event_pt, marker && i == 0, l->next_seq, ts, payload,
		    DTMF4733_OCTETS, true);
	}
	if (l->sent_any) { /* the event's time stands still, ours does not */
		l->last_ts = last_ts;
		l->last_us = last_us;
	}
}

/* Comfort noise is described at 8,000 samples/s for a wide-band far end, too (RFC 3389 4: its clock is the codec's, which for
 * G.722 is 8,000). What is loud above 4 kHz alone, as an s, is speech. */
static enum cng_verdict is_speech(struct gen *g, struct cng_sid *sid)
{
	int16_t narrow[CODEC_PCM_MAX / 2];
	int64_t all = 0, low = 0;
	size_t n = g->acc_n / 2;

	if (g->enc.rate == RATE)
		return cng_an_frame(&g->quiet, g->acc, g->acc_n, sid);
	half_down(&g->to_narrow, g->acc, g->acc_n, narrow);
	for (size_t i = 0; i < 2 * n; i++)
		all += (int32_t)g->acc[i] * g->acc[i];
	for (size_t i = 0; i < n; i++)
		low += (int32_t)narrow[i] * narrow[i];
	enum cng_verdict v = cng_an_frame(&g->quiet, narrow, n, sid);
	if (v == CNG_SPEECH || all / 2 <= 4 * low + (int64_t)n * HISS)
		return v;
	g->quiet.quiet = 0;
	g->quiet.since = -1;
	return CNG_SPEECH;
}

static void encode(struct mediad *m, unsigned n)
{
	struct gen_pool *w = m->gen;
	size_t jobs = 0;

	for (unsigned i = 0; i < n; i++) {
		struct part *t = &w->part[i];
		struct gen *g = t->l->gen;
		if (!t->send)
			continue;
		t->verdict =
		    t->l->cn && t->l->cn_pt != LEG_NO_PT ? is_speech(g, &t->sid) : CNG_SPEECH;
		if (t->verdict != CNG_SPEECH)
			continue;
		w->job[jobs] = (struct codec_job){ .enc = &g->enc,
			.pcm = g->acc,
			.pcm_n = g->acc_n,
			.octet = w->out[i] + PATH_HEAD,
			.octet_n = CODEC_OCTETS_MAX };
		w->job_part[jobs++] = i;
	}
	codec_run(w->job, jobs);
	for (size_t j = 0; j < jobs; j++)
		w->part[w->job_part[j]].octets = w->job[j].res;
}

static void send_turn(struct mediad *m, unsigned i)
{
	struct part *t = &m->gen->part[i];
	struct leg *l = t->l;
	struct gen *g = l->gen;
	uint8_t *payload = m->gen->out[i] + PATH_HEAD;
	uint32_t ts = g->ts, ticks = g->acc_n * RATE / g->enc.rate;
	bool events = gen_digits(l) || mediad_now(m) < l->event_until_us;

	g->ts += ticks;
	g->acc_n = 0;
	if (events || t->verdict == CNG_QUIET) {
		g->talking = false;
		return;
	}
	if (t->verdict == CNG_SID) {
		size_t k = cng_build(&t->sid, payload, CODEC_OCTETS_MAX);
		if (k)
			leg_send(m, l, l->cn_pt, false, l->next_seq, ts, payload, k, true);
		g->talking = false;
		return;
	}
	if (t->octets <= 0)
		return;
	leg_send(m, l, l->tx_pt, !g->talking, l->next_seq, ts, payload, (size_t)t->octets, true);
	l->last_ticks = (uint16_t)ticks;
	g->talking = true;
}

static void add_turns(struct gen_pool *w, const struct sess *s, unsigned *n)
{
	for (int side = SIDE_NETWORK; side <= SIDE_RADIO; side++)
		if (s->leg[side]) {
			w->part[*n] = (struct part){ .l = s->leg[side], .pcm = w->pcm[*n] };
			++*n;
		}
}

static void run(struct mediad *m, unsigned nsess, unsigned n)
{
	struct gen_pool *w = m->gen;
	bool replan[BATCH] = { false };

	decode(m, n);
	for (unsigned i = 0; i < n; i++)
		if (w->part[i].l->mode == LEG_OUT_GEN)
			replan[i] = compose(m, n, i);
	encode(m, n);
	for (unsigned i = 0; i < n; i++) {
		struct leg *l = w->part[i].l;
		if (gen_digits(l)) {
			digits(m, l, w->out[i] + PATH_HEAD + CODEC_OCTETS_MAX / 2);
			replan[i] |= !gen_digits(l);
		}
		/* What was sent before may have come to another leg of this turn, whose plan it changed. */
		if (w->part[i].send && l->mode == LEG_OUT_GEN)
			send_turn(m, i);
	}
	for (unsigned i = 0; i < n; i++)
		if (replan[i])
			flow_plan(m, w->part[i].l->sess);
	for (unsigned i = 0; i < nsess; i++)
		if (w->sess[i]->ticks)
			wait_turn(m, w->sess[i], w->sess[i]->step / 5u);
}

void gen_tick(struct mediad *m)
{
	struct list *slot = &m->slot[m->tick % MEDIAD_SLOTS];
	struct gen_pool *w = m->gen;
	unsigned nsess = 0, n = 0;

	while (!list_empty(slot)) {
		struct sess *s = LIST_ENTRY(slot->next, struct sess, slot);
		list_remove(&s->slot);
		w->sess[nsess++] = s;
		if (leads(s)) {
			add_turns(w, s, &n);
			if (s->mixed)
				add_turns(w, s->mixed, &n);
		}
		if (n + 4 > BATCH || nsess == BATCH) {
			run(m, nsess, n);
			nsess = n = 0;
		}
	}
	if (nsess)
		run(m, nsess, n);
}
