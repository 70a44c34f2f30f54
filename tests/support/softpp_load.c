/* Load: many handsets call one another at random, each sends a tone of its own, and each hears block by block whether the
 * other's is there. What was lost, how long set-ups took, how calls ended: `load show`. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/softpp_priv.h"

#define ANSWER_MIN 200
#define ANSWER_VAR 1000
#define SETUP_MS   20000 /* not connected until then: failed */
#define GRACE_MS   700   /* after connect, before speech is judged */
#define TIMES      8192

enum lc { LC_DIALING, LC_RINGING, LC_TALK, LC_ENDING };
struct lcall {
	struct list node;
	struct sp_load *l;
	struct softpp *a, *b;
	enum lc st;
	struct tmr t;
	bool a_up, b_up, judged, answered;
	unsigned tries;
};
struct sp_load {
	struct softpp_set *set;
	struct list calls;
	struct tmr pace;
	bool running, talk;
	unsigned want, hold_min, hold_max, gap, active;
	/* figures */
	unsigned made, answered, failed, ended, not_dialled, dropped,
	    full; /* full: no channel or bearer */
	unsigned reasons[256];
	unsigned good, bad, worst, mute;
	uint32_t times[TIMES];
	unsigned ntimes;
	uint64_t began;
};

static double tone_of(const struct softpp *pp)
{
	unsigned i = 0;

	LIST_FOREACH(&pp->set->pps, it)
	{
		if (LIST_ENTRY(it, struct softpp, node) == pp)
			break;
		i++;
	}
	return 300.0 + 20.0 * (i % 150);
}

static bool in_load(const struct sp_load *l, const struct softpp *pp)
{
	LIST_FOREACH(&l->calls, it)
	{
		const struct lcall *c = LIST_ENTRY(it, struct lcall, node);

		if (c->a == pp || c->b == pp)
			return true;
	}
	return false;
}

static bool idle(const struct sp_load *l, const struct softpp *pp)
{
	return pp->on && pp->located && pp->number[0] && pp->cc.st == T00 && pp->l.st == SPL_IDLE &&
	       !sp_mm_busy(pp) && !in_load(l, pp);
}

static struct softpp *pick(struct sp_load *l, const struct softpp *not_this)
{
	struct softpp *found = NULL;
	unsigned n = 0;

	LIST_FOREACH(&l->set->pps, it)
	{
		struct softpp *pp = LIST_ENTRY(it, struct softpp, node);

		if (pp != not_this && idle(l, pp) && sp_random() % ++n == 0)
			found = pp;
	}
	return found;
}

static void judge_one(struct sp_load *l, struct softpp *pp)
{
	l->good += pp->a.good;
	l->bad += pp->a.bad;
	if (pp->a.worst > l->worst)
		l->worst = pp->a.worst;
	if (pp->a.good == 0 && pp->a.blocks >= 3) {
		l->mute++;
		sp_event(pp, "load heard nothing (good %u bad %u frames %u)", pp->a.good, pp->a.bad,
		    pp->a.frames_in);
	}
	sp_expect_tone(pp, 0);
}

static void judge(struct lcall *c)
{
	if (!c->judged || !c->l->talk)
		return;
	c->judged = false;
	judge_one(c->l, c->a);
	judge_one(c->l, c->b);
}

static void finish(struct lcall *c)
{
	struct sp_load *l = c->l;

	judge(c);
	c->a->a.tone = c->b->a.tone = 0;
	tmr_stop(&c->t);
	list_remove(&c->node);
	l->active--;
	l->ended++;
	free(c);
}

static void end(struct lcall *c)
{
	judge(c);
	c->st = LC_ENDING;
	/* Either side hangs up first. */
	if (c->a->cc.st == T00 || (c->b->cc.st != T00 && sp_random() & 1))
		(void)sp_hang_up(c->b, 0);
	else
		(void)sp_hang_up(c->a, 0);
	tmr_start(&c->t, 5000);
}

static void on_call(struct tmr *t, void *ctx)
{
	struct lcall *c = ctx;
	struct sp_load *l = c->l;

	(void)t;
	switch (c->st) {
	case LC_RINGING:
		if (!c->answered) {
			c->answered = true;
			if (sp_answer(c->b) == 0) {
				tmr_start(&c->t, SETUP_MS);
				return;
			}
		}
		/* fall through */
	case LC_DIALING:
		l->failed++;
		sp_event(c->a, "load: call to %s not connected in state %s/%s", c->b->number,
		    sp_cc_state(c->a), sp_cc_state(c->b));
		end(c);
		return;
	case LC_TALK:
		if (!c->judged && l->talk && l->running) { /* the grace is over */
			c->judged = true;
			sp_expect_tone(c->a, tone_of(c->b));
			sp_expect_tone(c->b, tone_of(c->a));
			tmr_start(
			    &c->t, l->hold_min + sp_random() % (l->hold_max - l->hold_min + 1));
			return;
		}
		end(c);
		return;
	case LC_ENDING:
		if (c->a->cc.st != T00 || c->b->cc.st != T00) {
			(void)sp_hang_up(c->a, 0);
			(void)sp_hang_up(c->b, 0);
			if (c->tries++) /* at first one side alone may be left, after a fault */
				sp_event(c->a, "load: call does not end: %s/%s", sp_cc_state(c->a),
				    sp_cc_state(c->b));
			tmr_start(&c->t, 5000);
			return;
		}
		finish(c);
		return;
	}
}

static struct lcall *call_of(struct sp_load *l, const struct softpp *pp)
{
	LIST_FOREACH(&l->calls, it)
	{
		struct lcall *c = LIST_ENTRY(it, struct lcall, node);

		if (c->a == pp || c->b == pp)
			return c;
	}
	return NULL;
}

static void talk(struct lcall *c)
{
	struct sp_load *l = c->l;

	c->st = LC_TALK;
	l->answered++;
	if (l->ntimes < TIMES)
		l->times[l->ntimes++] = c->a->cc.alerted_at
		                            ? (uint32_t)(c->a->cc.alerted_at - c->a->cc.began)
		                            : c->a->cc.setup_ms;
	if (l->talk) {
		c->a->a.tone = tone_of(c->a);
		c->b->a.tone = tone_of(c->b);
	}
	tmr_start(&c->t, l->running ? GRACE_MS : 0);
}

/* From call control, in the middle of its work: only notes and timers here. */
void sp_load_event(struct softpp *pp, const char *what)
{
	struct sp_load *l = pp->set->load;
	struct lcall *c = l ? call_of(l, pp) : NULL;

	if (!c)
		return;
	if (strcmp(what, "ringing") == 0 && pp == c->b && c->st == LC_DIALING) {
		c->st = LC_RINGING;
		tmr_start(&c->t, ANSWER_MIN + sp_random() % ANSWER_VAR);
	} else if (strcmp(what, "connected") == 0) {
		*(pp == c->a ? &c->a_up : &c->b_up) = true;
		if (c->a_up && c->b_up && c->st <= LC_RINGING)
			talk(c);
	} else if (strcmp(what, "released") == 0) {
		l->reasons[pp->cc.reason]++;
		if (c->st == LC_TALK)
			l->dropped++;
		else if (c->st != LC_ENDING && (pp->cc.reason == 0x32 || pp->cc.reason == 0x33))
			l->full++;
		else if (c->st != LC_ENDING)
			l->failed++;
		judge(c);
		c->st = LC_ENDING;
		tmr_start(&c->t, c->a->cc.st == T00 && c->b->cc.st == T00 ? 0 : 3000);
	}
}

static void on_pace(struct tmr *t, void *ctx)
{
	struct sp_load *l = ctx;
	struct softpp *a, *b;
	struct lcall *c;

	if (!l->running)
		return;
	tmr_start(t, l->gap);
	if (l->active >= l->want)
		return;
	a = pick(l, NULL);
	b = a ? pick(l, a) : NULL;
	if (!b)
		return;
	if (sp_dial(a, b->number, sp_random() & 1 ? DIAL_BLOCK : DIAL_OVERLAP) != 0) {
		l->not_dialled++;
		return;
	}
	c = mem_new(sizeof(*c));
	c->l = l;
	c->a = a;
	c->b = b;
	tmr_init(&c->t, l->set->w, on_call, c);
	tmr_start(&c->t, SETUP_MS);
	list_append(&l->calls, &c->node);
	l->active++;
	l->made++;
}

static int compare(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return a < b ? -1 : a > b;
}

static void show(struct sp_load *l, struct wr *reply)
{
	uint32_t *sorted = mem_dup(l->times, sizeof(l->times));
	unsigned n = l->ntimes;

	qsort(sorted, n, sizeof(*sorted), compare);
	wr_fmt(reply,
	    "load active %u made %u answered %u failed %u full %u dropped %u ended %u not-dialled "
	    "%u "
	    "blocks-good %u blocks-bad %u "
	    "worst-gap-ms %u mute %u alert-ms-p50 %u alert-ms-p99 %u alert-ms-max %u reasons",
	    l->active, l->made, l->answered, l->failed, l->full, l->dropped, l->ended,
	    l->not_dialled, l->good, l->bad, l->worst * 100, l->mute, n ? sorted[n / 2] : 0,
	    n ? sorted[n * 99 / 100] : 0, n ? sorted[n - 1] : 0);
	for (unsigned i = 0; i < 256; i++)
		if (l->reasons[i])
			wr_fmt(reply, " %02x:%u", i, l->reasons[i]);
	free(sorted);
}

void sp_load_free(struct softpp_set *s)
{
	struct sp_load *l = s->load;

	if (!l)
		return;
	tmr_stop(&l->pace);
	while (!list_empty(&l->calls)) {
		struct lcall *c = LIST_ENTRY(l->calls.next, struct lcall, node);

		tmr_stop(&c->t);
		list_remove(&c->node);
		free(c);
	}
	free(l);
	s->load = NULL;
}

static int start(struct sp_load *l, int argc, char **argv)
{
	const char *calls = air_arg(argc, argv, 2, "calls"), *hold = air_arg(argc, argv, 2, "hold"),
	           *gap = air_arg(argc, argv, 2, "gap"), *t = air_arg(argc, argv, 2, "talk");
	double lo = 5, hi = 15;

	l->want = calls ? (unsigned)atoi(calls) : 1;
	if (hold && sscanf(hold, "%lf-%lf", &lo, &hi) != 2)
		return ERR_SYNTAX;
	if (hi < lo || lo < 0)
		return ERR_VALUE;
	l->hold_min = (unsigned)(lo * 1000);
	l->hold_max = (unsigned)(hi * 1000);
	l->gap = gap ? (unsigned)atoi(gap) : 50;
	l->talk = !t || strcmp(t, "no") != 0;
	l->running = true;
	if (!l->began)
		l->began = tmr_now(l->set->w);
	tmr_start(&l->pace, 0);
	return 0;
}

int sp_load_command(void *ctx, int argc, char **argv, struct wr *reply)
{
	struct softpp_set *s = ctx;
	struct sp_load *l = s->load;

	if (!l) {
		l = s->load = mem_new(sizeof(*l));
		l->set = s;
		list_init(&l->calls);
		tmr_init(&l->pace, s->w, on_pace, l);
	}
	if (argc < 2)
		return ERR_SYNTAX;
	if (strcmp(argv[1], "start") == 0)
		return start(l, argc, argv);
	if (strcmp(argv[1], "stop") == 0) {
		l->running = false;
		LIST_FOREACH(&l->calls, it)
		{
			struct lcall *c = LIST_ENTRY(it, struct lcall, node);

			if (c->st == LC_TALK)
				end(c);
		}
		return 0;
	}
	if (strcmp(argv[1], "show") == 0) {
		show(l, reply);
		return 0;
	}
	if (strcmp(argv[1], "reset") == 0) {
		l->made = l->answered = l->failed = l->ended = l->not_dialled = l->dropped =
		    l->full = 0;
		l->good = l->bad = l->worst = l->mute = l->ntimes = 0;
		memset(l->reasons, 0, sizeof(l->reasons));
		return 0;
	}
	wr_str(reply, "load start|stop|show|reset");
	return ERR_SYNTAX;
}
