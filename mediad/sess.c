/* Sessions. */
#include "mediad/sess.h"

#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "mediad/flow.h"
#include "mediad/gen.h"

struct sess *sess_find(struct mediad *m, uint64_t id)
{
	struct map_node *n = map_get(&m->sessions, map_u64(&id));

	return n ? CONTAINER_OF(n, struct sess, by_id) : NULL;
}

static void free_leg(struct mediad *m, struct leg *l)
{
	if (!l)
		return;
	leg_close(l, m);
	mem_free_wiped(l, sizeof(*l));
}

static int add_leg(struct mediad *m, struct sess *s, const struct leg_set *set)
{
	struct leg *l = mem_new(sizeof(*l));
	int err = leg_open(l, s, set, m);

	if (err) {
		free(l);
		return err;
	}
	s->leg[set->side] = l;
	return 0;
}

int sess_open(struct mediad *m, uint64_t call, const struct leg_set *legs, size_t n,
    struct ipc_peer *owner, struct sess **out)
{
	struct sess *s;
	int err = 0;

	if (m->draining)
		return ERR_BUSY;
	if (m->nsess >= m->conf->max_sessions)
		return ERR_LIMIT;
	s = mem_new(sizeof(*s));
	s->call = call;
	s->owner = owner;
	s->opened_us = s->moved_us = mediad_now(m);
	list_init(&s->slot);
	for (size_t i = 0; i < n && !err; i++)
		err = s->leg[legs[i].side] ? ERR_VALUE : add_leg(m, s, &legs[i]);
	if (err) {
		free_leg(m, s->leg[SIDE_NETWORK]);
		free_leg(m, s->leg[SIDE_RADIO]);
		free(s);
		return err;
	}
	do
		s->id = id_u64();
	while (!map_put(&m->sessions, &s->by_id, map_u64(&s->id)));
	s->seq = ++m->sess_seq;
	list_append(&m->all, &s->node);
	m->nsess++;
	stat_add(m->st.opened, 1);
	flow_plan(m, s);
	log_ev(LOG_INFO, "session opened", F_CALL(call), F_U64("IPDECT_SESSIONS", m->nsess));
	*out = s;
	return 0;
}

int sess_update(struct mediad *m, struct sess *s, const struct leg_set *legs, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++) {
		struct leg *l = s->leg[legs[i].side];
		err = l ? leg_apply(l, &legs[i], m) : add_leg(m, s, &legs[i]);
	}
	s->moved_us = mediad_now(m);
	flow_plan(m, s);
	return err;
}

static void account(struct mediad *m, struct leg *l)
{
	struct leg_stats st;

	if (!l)
		return;
	leg_stats(l, &st);
	stat_add(m->st.rx, st.rx_packets);
	stat_add(m->st.tx, st.tx_packets);
	stat_add(m->st.lost, st.lost);
	stat_add(m->st.late, st.late);
	for (unsigned i = 0; i < LEG_NBAD; i++)
		stat_add(m->st.bad[i], l->bad[i]);
}

void sess_drop(struct mediad *m, struct sess *s, const char *why)
{
	struct leg *legs[2] = { s->leg[SIDE_NETWORK], s->leg[SIDE_RADIO] };

	if (s->mixed)
		BUG_ON(sess_mix(m, s, NULL) != 0);
	for (int i = 0; i < 2; i++)
		if (legs[i]) {
			leg_report(m, legs[i], why);
			account(m, legs[i]);
		}
	log_ev(LOG_INFO, "session closed", F_CALL(s->call), F_WHY(why),
	    F_U64("IPDECT_MS", (mediad_now(m) - s->opened_us) / 1000),
	    F_U64("IPDECT_MOS", legs[0] ? legs[0]->mos : 0),
	    F_U64("IPDECT_LOST", legs[0] ? rtp_src_lost(&legs[0]->src) : 0));
	s->leg[SIDE_NETWORK] = s->leg[SIDE_RADIO] = NULL;
	gen_plan(m, s);
	free_leg(m, legs[0]);
	free_leg(m, legs[1]);
	map_del(&m->sessions, &s->by_id);
	list_remove(&s->node);
	free(s);
	m->nsess--;
}

int sess_tone(struct mediad *m, struct sess *s, enum side side, unsigned kind, struct slice country,
    uint32_t ms)
{
	int err;

	if (!s->leg[side])
		return ERR_NOTFOUND;
	err = gen_tone(s->leg[side], kind, country.n ? country : slice_str(m->conf->country), ms);
	flow_plan(m, s);
	return err;
}

int sess_dtmf(struct mediad *m, struct sess *s, enum side side, struct slice digits, uint32_t ms,
    uint32_t gap_ms)
{
	int err;

	if (!s->leg[side])
		return ERR_NOTFOUND;
	err = gen_dtmf(s->leg[side], digits, ms, gap_ms);
	flow_plan(m, s);
	return err;
}

int sess_mix(struct mediad *m, struct sess *a, struct sess *b)
{
	if (a == b)
		return ERR_VALUE;
	if (b && (a->mixed || b->mixed) && a->mixed != b)
		return ERR_STATE;
	if (!b) {
		b = a->mixed;
		if (!b)
			return 0;
		a->mixed = b->mixed = NULL;
	} else {
		a->mixed = b;
		b->mixed = a;
	}
	flow_plan(m, a);
	flow_plan(m, b);
	return 0;
}

bool sess_house(struct mediad *m, struct sess *s)
{
	uint64_t now = mediad_now(m);

	if (!s->owner && s->orphan_us && now >= s->orphan_us) {
		sess_drop(m, s, "its owner is gone");
		return false;
	}
	for (int side = SIDE_NETWORK; side <= SIDE_RADIO; side++)
		if (s->leg[side])
			leg_house(m, s->leg[side]);
	return true;
}

void sess_orphan(struct mediad *m, const struct ipc_peer *owner, uint32_t linger_ms)
{
	LIST_FOREACH(&m->all, it)
	{
		struct sess *s = LIST_ENTRY(it, struct sess, node);
		uint64_t at = mediad_now(m) + (uint64_t)linger_ms * 1000;
		if (s->owner != owner)
			continue;
		s->owner = NULL;
		if (s->orphan_us == 0 || at < s->orphan_us)
			s->orphan_us = at;
	}
}
