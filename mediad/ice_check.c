/* Pairs, connectivity checks, nomination (RFC 8445 6, 7, 8; MS-ICE2 3.1). */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "mediad/ice_priv.h"

#define DISABLE_CANDIDATE 274u /* LYNC: MS-ICE2BWM */
#define DISABLE_PAIR      275u

static uint64_t pair_priority(const struct ice *a, const struct ice_pair *p)
{
	uint32_t ours = a->local[p->local].priority, theirs = a->remote[p->remote].priority;

	return a->controlling ? cand_pair_priority(ours, theirs) : cand_pair_priority(theirs, ours);
}

static bool same_foundation(const struct ice *a, const struct ice_pair *x, const struct ice_pair *y)
{
	return strcmp(a->local[x->local].foundation, a->local[y->local].foundation) == 0 &&
	       strcmp(a->remote[x->remote].foundation, a->remote[y->remote].foundation) == 0;
}

static struct ice_pair *find_pair(struct ice *a, uint8_t local, uint8_t remote)
{
	for (uint8_t i = 0; i < a->npairs; i++)
		if (a->pair[i].local == local && a->pair[i].remote == remote)
			return &a->pair[i];
	return NULL;
}

/* LYNC: call admission control refuses one of the pair's ends. */
static bool forbidden(const struct ice *a, uint8_t local, const struct cand *remote)
{
	unsigned ours = a->local[local].type == CAND_RELAY ? ICE_END_LOCAL_RELAY : ICE_END_LOCAL,
	         theirs =
	             remote && remote->type == CAND_RELAY ? ICE_END_REMOTE_RELAY : ICE_END_REMOTE;

	return (a->conf.forbidden & ours) || (remote && (a->conf.forbidden & theirs));
}

static struct ice_pair *add_pair(struct ice *a, uint8_t local, uint8_t remote)
{
	struct ice_pair new = {
		.local = local, .remote = remote, .valid_local = local, .state = PAIR_FROZEN
	};
	struct ice_pair *slot = NULL;

	new.priority = pair_priority(a, &new);
	if (a->npairs < ICE_PAIRS) {
		slot = &a->pair[a->npairs++];
	} else { /* full: the least of those that nothing hangs on gives way */
		for (uint8_t i = 0; i < a->npairs; i++) {
			struct ice_pair *p = &a->pair[i];
			if (!p->valid && p->state != PAIR_ACTIVE && !p->triggered &&
			    (!slot || p->priority < slot->priority))
				slot = p;
		}
		if (!slot || slot->priority >= new.priority)
			return NULL;
	}
	*slot = new;
	return slot;
}

void ice_pairs(struct ice *a)
{
	for (uint8_t l = 0; l < a->nlocal; l++) {
		const struct cand *x = &a->local[l];
		if (x->type != CAND_HOST && x->type != CAND_RELAY)
			continue; /* reflexive ones are checked from their base */
		for (uint8_t r = 0; r < a->nremote; r++) {
			const struct cand *y = &a->remote[r];
			/* Only who connects is checked; what is passive is the same port. */
			if (x->component != y->component || cand_tcp(x) != cand_tcp(y) ||
			    a->base[l] != l || forbidden(a, l, y) ||
			    x->addr.u.sa.sa_family != y->addr.u.sa.sa_family)
				continue;
			if (!find_pair(a, l, r))
				(void)add_pair(a, l, r);
		}
	}
	/* RFC 8445 6.1.2.6: of each foundation the lowest component, and of these the best, may go. */
	for (uint8_t i = 0; i < a->npairs; i++) {
		struct ice_pair *p = &a->pair[i], *best = p;
		bool known = false;
		for (uint8_t k = 0; k < a->npairs; k++) {
			struct ice_pair *q = &a->pair[k];
			if (!same_foundation(a, p, q))
				continue;
			known |= q->state != PAIR_FROZEN;
			if (ice_comp(a, q) < ice_comp(a, best) ||
			    (ice_comp(a, q) == ice_comp(a, best) && q->priority > best->priority))
				best = q;
		}
		if (!known)
			best->state = PAIR_WAITING;
	}
}

static void set_role(struct ice *a, bool controlling)
{
	a->controlling = controlling;
	a->count.conflicts++;
	for (uint8_t i = 0; i < a->npairs; i++)
		a->pair[i].priority = pair_priority(a, &a->pair[i]);
}

static void transmit(struct ice *a, struct ice_pair *p, uint64_t now_us)
{
	uint8_t buf[STUN_MAX * 2];
	size_t n = ice_build_check(a, p, p->as_controlling, p->told, &p->id, buf, sizeof(buf));

	p->resend_us = now_us + ((uint64_t)ICE_RTO_US << p->sent);
	p->sent++;
	if (n)
		ice_emit(a, p->local, &a->remote[p->remote].addr, buf, n, now_us);
}

static void start_check(struct ice *a, struct ice_pair *p, uint64_t now_us)
{
	p->id = ice_new_id(a);
	p->state = PAIR_ACTIVE;
	p->triggered = false;
	p->told = p->nominate && a->controlling;
	p->as_controlling =
	    a->controlling; /* repetitions are the same message, whatever comes between */
	p->sent = 0;
	transmit(a, p, now_us);
}

static bool taken(const struct ice *a, unsigned comp)
{
	return a->chosen[comp - 1] >= 0;
}

/* What remains to be checked of a component is not needed any more. */
static void stop_checks(struct ice *a, unsigned comp)
{
	const struct ice_pair *best = &a->pair[a->chosen[comp - 1]];

	for (uint8_t i = 0; i < a->npairs; i++) {
		struct ice_pair *p = &a->pair[i];
		if (ice_comp(a, p) != comp || p == best || p->priority > best->priority)
			continue;
		if (p->state == PAIR_FROZEN || p->state == PAIR_WAITING || p->state == PAIR_ACTIVE)
			p->state = p->valid ? PAIR_OK : PAIR_FAILED;
		p->triggered = false;
	}
}

static void choose(struct ice *a, struct ice_pair *p, uint64_t now_us)
{
	unsigned comp = ice_comp(a, p);
	int16_t *chosen = &a->chosen[comp - 1];
	bool final = a->d->named && p->wanted; /* what was chosen before was our own opinion */

	p->nominated = true;
	if (*chosen >= 0 &&
	    (&a->pair[*chosen] == p || (!final && a->pair[*chosen].priority >= p->priority)))
		return;
	*chosen = (int16_t)(p - a->pair);
	a->lost[comp - 1] = false;
	a->consent_us[comp - 1] = now_us + 30000000;
	a->keep_us[comp - 1] = now_us + a->d->keep_us;
	stop_checks(a, comp);
	if (a->local[p->local].type == CAND_RELAY)
		turn_activate(&ice_relay_of(a, &a->local[p->local])->turn,
		    &a->remote[p->remote].addr, now_us);
	a->ops->event(a->ctx, ICE_EV_SELECTED, comp);
	for (unsigned c = 1; c <= a->conf.comps; c++)
		if (!taken(a, c))
			return;
	if (a->state == ICE_CHECKING) {
		a->state = ICE_DONE;
		a->ops->event(a->ctx, ICE_EV_DONE, 0);
	}
}

static void trigger(struct ice *a, uint8_t local, uint8_t remote, bool use, uint64_t now_us)
{
	struct ice_pair *p = find_pair(a, local, remote);

	if (!p && !forbidden(a, local, &a->remote[remote]))
		p = add_pair(a, local, remote);
	if (!p || p->disabled)
		return;
	if (use && !a->controlling)
		p->wanted = true;
	if (p->valid && p->wanted && !a->controlling) {
		choose(a, p, now_us);
		return;
	}
	if (p->valid)
		return;
	if (p->state ==
	    PAIR_ACTIVE) { /* the path has just opened: again at once, the same transaction */
		if (p->resend_us > now_us && p->sent < ICE_SENDS)
			p->resend_us = now_us;
		return;
	}
	p->state = PAIR_WAITING;
	p->triggered = true;
}

static void answer_error(struct ice *a, uint8_t local, const struct addr *from,
    const struct stun_msg *m, enum stun_form form, unsigned code, const char *text,
    struct slice key, uint64_t now_us)
{
	uint8_t buf[STUN_MAX];
	size_t n = ice_build_error(a, m, form, code, text, key, buf, sizeof(buf));

	if (n)
		ice_emit(a, local, from, buf, n, now_us);
}

static int remote_of(const struct ice *a, unsigned comp, bool tcp, const struct addr *from)
{
	for (uint8_t i = 0; i < a->nremote; i++)
		if (a->remote[i].component == comp && cand_tcp(&a->remote[i]) == tcp &&
		    addr_eq(&a->remote[i].addr, from))
			return i;
	return -1;
}

/* A check that was answered: learn its source, check back, take its nomination. */
static void learn(struct ice *a, uint8_t local, const struct addr *from, uint32_t priority,
    bool use, struct slice sender, uint64_t now_us)
{
	unsigned comp = a->local[local].component;
	bool tcp = cand_tcp(&a->local[local]);
	int r = remote_of(a, comp, tcp, from),
	    named = a->d->named ? ice_remote_named(a, comp, sender) : -1;

	if (r < 0) {
		if (a->nremote == ICE_REMOTE || (a->d->named && named < 0))
			return;
		r = a->nremote++;
		a->remote[r] = (struct cand){ .component = (uint8_t)comp,
			.type = CAND_PRFLX,
			.transport = tcp ? CAND_ACT : CAND_UDP,
			.priority = priority,
			.addr = *from };
		snprintf(a->remote[r].foundation, sizeof(a->remote[r].foundation), "prflx%d", r);
		if (named >= 0) { /* we call it as the peer called itself */
			a->remote[r].key = a->remote[named].key;
			a->remote[r].priority = cand_q(CAND_PRFLX);
			memcpy(a->remote[r].foundation + 1, a->remote[named].foundation,
			    CAND_FOUNDATION - 1);
			a->remote[r].foundation[0] = 'p';
			a->remote[r].foundation[CAND_FOUNDATION - 1] = '\0';
		}
	}
	a->authentic[r] = true;
	trigger(a, local, (uint8_t)r, use, now_us);
}

void ice_early_run(struct ice *a, uint64_t now_us)
{
	for (uint8_t i = 0; i < a->nearly; i++) {
		const struct ice_early *e = &a->early[i];
		learn(a, e->local, &e->from, e->priority, e->use_candidate,
		    (struct slice){ (const char *)e->name, e->name_n }, now_us);
	}
	a->nearly = 0;
}

/* Is for us and true: answered. */
static bool accept_check(struct ice *a, uint8_t local, const struct addr *from,
    const struct stun_msg *m, struct slice *sender, uint64_t now_us)
{
	struct slice key;
	enum stun_form form = a->d->form;

	/* Keep-alives of old peers are requests without a name. */
	if (!ice_named(a, a->local[local].component, m, &key, sender)) {
		a->count.bad_user++;
		return false;
	}
	if (!m->integrity_at) {
		answer_error(a, local, from, m, form, 401, "Unauthorized", key, now_us);
		return false;
	}
	if (!ice_signed_by(a, m, key, &form)) {
		a->count.bad_integrity++;
		if (!a->d->ms)
			answer_error(a, local, from, m, form, 401, "Unauthorized", key, now_us);
		return false;
	}
	if (m->nunknown) {
		a->count.unknown++;
		answer_error(a, local, from, m, form, 420, "Unknown Attribute", key, now_us);
		return false;
	}
	if (!m->has_priority && !a->d->named) {
		answer_error(a, local, from, m, form, 400, "Bad Request", key, now_us);
		return false;
	}
	int known = remote_of(a, a->local[local].component, cand_tcp(&a->local[local]), from);
	struct cand new = { .type = CAND_PRFLX };
	const struct cand *theirs = known >= 0 ? &a->remote[known] : a->remote_set ? &new : NULL;
	if (forbidden(a, local, theirs)) {
		answer_error(
		    a, local, from, m, form, DISABLE_PAIR, "Disable Candidate Pair", key, now_us);
		return false;
	}
	if ((a->controlling && m->controlling) || (!a->controlling && m->controlled)) {
		/* RFC 8445 7.3.1.1: the greater tie-breaker is in control. */
		bool greater = a->tie >= m->tie;
		if (greater == a->controlling) {
			answer_error(a, local, from, m, form, 487, "Role Conflict", key, now_us);
			return false;
		}
		set_role(a, !a->controlling);
	}

	uint8_t buf[STUN_MAX * 2];
	size_t n = ice_build_ok(a, m, form, from, key, buf, sizeof(buf));
	if (n)
		ice_emit(a, local, from, buf, n, now_us);
	return true;
}

/* Learnt from, now or when the peer's description is here. */
static void note(struct ice *a, uint8_t local, const struct addr *from, const struct stun_msg *m,
    struct slice sender, uint64_t now_us)
{
	if (a->remote_set) {
		learn(a, local, from, m->priority, m->use_candidate, sender, now_us);
		return;
	}
	/* The peer has our description before we have its answer. */
	for (uint8_t i = 0; i < a->nearly; i++)
		if (a->early[i].local == local && addr_eq(&a->early[i].from, from)) {
			a->early[i].use_candidate |= m->use_candidate;
			return;
		}
	if (a->nearly == ICE_EARLY || sender.n > CAND_ID)
		return;
	struct ice_early *e = &a->early[a->nearly++];
	*e = (struct ice_early){ .from = *from,
		.priority = m->priority,
		.comp = a->local[local].component,
		.local = local,
		.use_candidate = m->use_candidate,
		.name_n = (uint8_t)sender.n };
	if (sender.n)
		memcpy(e->name, sender.p, sender.n);
}

void ice_request(struct ice *a, uint8_t local, const struct addr *from, const struct stun_msg *m,
    uint64_t now_us)
{
	struct slice sender;

	if (accept_check(a, local, from, m, &sender, now_us))
		note(a, local, from, m, sender, now_us);
}

void ice_request_shared(struct ice *a, uint8_t local, const struct addr *from,
    const struct stun_msg *m, uint64_t now_us)
{
	struct slice sender;
	int second = ice_relay_base(a, 2, true);

	if (!accept_check(a, local, from, m, &sender, now_us))
		return;
	note(a, local, from, m, sender, now_us);
	if (second >= 0 && second != local)
		note(a, (uint8_t)second, from, m, sender, now_us);
}

int ice_asked_by_tcp(const struct ice *a, const struct stun_msg *m)
{
	for (uint8_t i = 0; i < a->npairs; i++)
		if (a->pair[i].state == PAIR_ACTIVE && cand_tcp(&a->local[a->pair[i].local]) &&
		    memcmp(a->pair[i].id.b, m->id.b, sizeof(m->id.b)) == 0)
			return a->pair[i].local;
	return -1;
}

static void succeeded(struct ice *a, struct ice_pair *p, const struct stun_msg *m, uint64_t now_us)
{
	unsigned comp = ice_comp(a, p);
	int at = -1;

	if (!addr_set(&m->mapped)) {
		p->state = PAIR_FAILED;
		return;
	}
	for (uint8_t i = 0; i < a->nlocal; i++)
		if (a->local[i].component == comp && addr_eq(&a->local[i].addr, &m->mapped) &&
		    a->base[i] == p->local)
			at = i;
	if (at < 0)
		at = ice_add_local(a, CAND_PRFLX, comp, &m->mapped, &a->local[p->local].addr,
		    p->local,
		    a->d->named ? cand_q(CAND_PRFLX) : cand_prflx_priority(&a->local[p->local]));
	if (at >= 0 && a->d->named && a->local[at].type == CAND_PRFLX)
		ice_name_reflexive(&a->local[at], &a->local[p->local], &a->remote[p->remote]);
	p->valid_local = at < 0 ? p->local : (uint8_t)at;
	p->state = PAIR_OK;
	p->valid = true;
	a->authentic[p->remote] = true;
	if (!a->first_ok_us)
		a->first_ok_us = now_us;
	for (uint8_t i = 0; i < a->npairs; i++)
		if (a->pair[i].state == PAIR_FROZEN && same_foundation(a, &a->pair[i], p))
			a->pair[i].state = PAIR_WAITING;
	if (a->controlling ? p->told : p->wanted)
		choose(a, p, now_us);
	p->nominate = p->told = false;
}

/* LYNC: MS-ICE2BWM: the peer's call admission control refuses the path. What it chose before stays chosen. Whose candidate
 * 274 means is UNVERIFIED: the one that answered, which its peer knows of. */
static void disable(struct ice *a, const struct ice_pair *p, bool candidate)
{
	for (uint8_t i = 0; i < a->npairs; i++) {
		struct ice_pair *q = &a->pair[i];
		if ((q != p && !(candidate && q->remote == p->remote)) || q->nominated)
			continue;
		q->state = PAIR_FAILED;
		q->disabled = true;
		q->valid = q->nominate = q->told = q->triggered = q->wanted = false;
	}
}

void ice_response(struct ice *a, uint8_t local, const struct addr *from, const struct stun_msg *m,
    uint64_t now_us)
{
	enum stun_form form;
	unsigned comp = a->local[local].component;
	const struct ice_pair *c = taken(a, comp) ? &a->pair[a->chosen[comp - 1]] : NULL;

	if (c && memcmp(a->consent_id[comp - 1].b, m->id.b, sizeof(m->id.b)) == 0 &&
	    m->type == STUN_BINDING_OK && ice_signed_by(a, m, ice_peer_key(a, c), &form)) {
		if (c->local == local && addr_eq(&a->remote[c->remote].addr, from))
			a->consent_us[comp - 1] = now_us + 30000000;
		return;
	}
	for (uint8_t i = 0; i < a->npairs; i++) {
		struct ice_pair *p = &a->pair[i];
		if (p->state != PAIR_ACTIVE || memcmp(p->id.b, m->id.b, sizeof(m->id.b)) != 0)
			continue;
		if (!ice_signed_by(a, m, ice_peer_key(a, p), &form) &&
		    !(m->type == STUN_BINDING_ERR && !m->integrity_at &&
		        (m->error == 400 || m->error == 401))) {
			a->count.bad_integrity++;
			return; /* as if it had not come: the true one may follow */
		}
		if (p->local != local || !addr_eq(&a->remote[p->remote].addr, from)) {
			p->state = p->valid ? PAIR_OK
			                    : PAIR_FAILED; /* RFC 8445 7.2.5.2.1: not symmetric */
			return;
		}
		if (m->type == STUN_BINDING_OK) {
			succeeded(a, p, m, now_us);
		} else if (m->error == 487) {
			/* The role that the request had is refused; another answer may have changed ours already. */
			if (a->controlling == p->as_controlling)
				set_role(a, !a->controlling);
			p->state = PAIR_WAITING;
			p->triggered = true;
		} else if (m->error == DISABLE_CANDIDATE || m->error == DISABLE_PAIR) {
			disable(a, p, m->error == DISABLE_CANDIDATE);
		} else {
			p->state = p->valid ? PAIR_OK : PAIR_FAILED;
			p->nominate = false;
		}
		return;
	}
}

void ice_remote_chosen(
    struct ice *a, const struct addr *ours, const struct cand *theirs, size_t n, uint64_t now_us)
{
	for (uint8_t i = 0; i < a->npairs; i++) {
		struct ice_pair *p = &a->pair[i];
		unsigned comp = ice_comp(a, p);
		if (a->controlling || !addr_set(&ours[comp - 1]) ||
		    !addr_eq(&a->local[p->valid_local].addr, &ours[comp - 1]))
			continue;
		for (size_t k = 0; k < n; k++)
			if (cand_same(&theirs[k], &a->remote[p->remote])) {
				p->wanted = true;
				if (p->valid) {
					choose(a, p, now_us);
				} else if (a->d->named && p->state != PAIR_ACTIVE) {
					p->state = PAIR_WAITING;
					p->triggered = true;
				}
			}
	}
}

static bool patient(const struct ice *a, uint64_t now_us)
{
	uint16_t ms = a->conf.patience_ms ? a->conf.patience_ms : a->d->patience_ms;

	return !a->first_ok_us || now_us < a->first_ok_us + ms * 1000u;
}

static struct ice_pair *valid_beside(struct ice *a, const struct ice_pair *p, unsigned comp)
{
	for (uint8_t i = 0; i < a->npairs; i++)
		if (a->pair[i].valid && ice_comp(a, &a->pair[i]) == comp &&
		    same_foundation(a, &a->pair[i], p))
			return &a->pair[i];
	return NULL;
}

/* Draft 6, both sides: a candidate is chosen as a whole, the best one of which all components are valid, when nothing better
 * is under way or patience is over. */
static void settle(struct ice *a, bool over, uint64_t now_us)
{
	struct ice_pair *best = NULL;
	bool wait = false;

	if (taken(a, 1))
		return;
	for (uint8_t i = 0; i < a->npairs; i++) {
		struct ice_pair *p = &a->pair[i];
		bool whole = p->valid && ice_comp(a, p) == 1;
		for (unsigned comp = 2; whole && comp <= a->conf.comps; comp++)
			whole = valid_beside(a, p, comp) != NULL;
		if (whole && (!best || p->priority > best->priority))
			best = p;
	}
	for (uint8_t i = 0; best && !over && i < a->npairs; i++)
		wait |= a->pair[i].priority > best->priority && !a->pair[i].valid &&
		        a->pair[i].state != PAIR_FAILED;
	if (!best || wait)
		return;
	for (unsigned comp = a->conf.comps; comp >= 1; comp--)
		choose(a, comp == 1 ? best : valid_beside(a, best, comp), now_us);
}

/* Controlling: the best valid pair of each component, when nothing better is under way or patience is over. */
static void nominate(struct ice *a, uint64_t now_us)
{
	bool over = !patient(a, now_us);

	for (unsigned comp = 1; comp <= a->conf.comps; comp++) {
		struct ice_pair *best = NULL;
		bool wait = taken(a, comp);
		for (uint8_t i = 0; i < a->npairs; i++) {
			struct ice_pair *p = &a->pair[i];
			if (ice_comp(a, p) != comp)
				continue;
			wait |= p->nominate;
			if (p->valid && p->state == PAIR_OK &&
			    (!best || p->priority > best->priority))
				best = p;
		}
		for (uint8_t i = 0; best && !over && i < a->npairs; i++) {
			const struct ice_pair *p = &a->pair[i];
			wait |= ice_comp(a, p) == comp && p->priority > best->priority &&
			        !p->valid && p->state != PAIR_FAILED;
		}
		if (!best || wait)
			continue;
		best->nominate = true;
		best->state = PAIR_WAITING;
		best->triggered = true;
	}
}

static struct ice_pair *next_check(struct ice *a)
{
	struct ice_pair *best = NULL;

	for (uint8_t i = 0; i < a->npairs; i++) {
		struct ice_pair *p = &a->pair[i];
		if (p->state == PAIR_WAITING &&
		    (!best || p->triggered > best->triggered ||
		        (p->triggered == best->triggered && p->priority > best->priority)))
			best = p;
	}
	if (best)
		return best;
	/* Nothing waits: the best frozen one whose foundation nobody is trying now. */
	for (uint8_t i = 0; i < a->npairs; i++) {
		struct ice_pair *p = &a->pair[i];
		bool tried = false;
		if (p->state != PAIR_FROZEN || (best && best->priority >= p->priority))
			continue;
		for (uint8_t k = 0; k < a->npairs; k++)
			tried |=
			    a->pair[k].state == PAIR_ACTIVE && same_foundation(a, &a->pair[k], p);
		if (!tried)
			best = p;
	}
	return best;
}

/* Time is over. What is valid is used even if it was never nominated (MS-ICE2 3.1.6.2). */
static void give_up(struct ice *a, uint64_t now_us)
{
	if (a->d->named)
		settle(a, true, now_us);
	for (unsigned comp = 1; comp <= a->conf.comps; comp++) {
		struct ice_pair *best = NULL;
		for (uint8_t i = 0; !taken(a, comp) && i < a->npairs; i++) {
			struct ice_pair *p = &a->pair[i];
			if (ice_comp(a, p) == comp && p->valid &&
			    (!best || p->priority > best->priority))
				best = p;
		}
		if (best)
			choose(a, best, now_us);
	}
	if (a->state == ICE_DONE)
		return;
	a->state = ICE_FAILED;
	a->ops->event(a->ctx, ICE_EV_FAILED, 0);
}

void ice_check_timer(struct ice *a, uint64_t now_us)
{
	for (uint8_t i = 0; i < a->npairs; i++) {
		struct ice_pair *p = &a->pair[i];
		if (p->state != PAIR_ACTIVE || now_us < p->resend_us)
			continue;
		if (p->sent < ICE_SENDS) {
			transmit(a, p, now_us);
		} else {
			a->count.unanswered++;
			p->state = p->valid ? PAIR_OK : PAIR_FAILED;
			p->nominate = false;
		}
	}
	if (a->state != ICE_CHECKING && a->state != ICE_DONE)
		return;
	if (a->d->named)
		settle(a, !patient(a, now_us), now_us);
	else if (a->controlling)
		nominate(a, now_us);
	if (now_us >= a->pace_us) {
		struct ice_pair *p = next_check(a);
		a->pace_us = now_us + a->d->ta_us;
		/* When all is selected only what the peer asks for is checked. */
		if (p && (a->state == ICE_CHECKING || p->triggered))
			start_check(a, p, now_us);
	}
	if (a->state == ICE_CHECKING && now_us >= a->fail_us)
		give_up(a, now_us);
}

uint64_t ice_check_next(const struct ice *a)
{
	uint64_t next = UINT64_MAX;
	bool more = false;

	for (uint8_t i = 0; i < a->npairs; i++) {
		const struct ice_pair *p = &a->pair[i];
		if (p->state == PAIR_ACTIVE && p->resend_us < next)
			next = p->resend_us;
		more |= p->triggered;
		if (a->state == ICE_CHECKING)
			more |= p->state == PAIR_WAITING || p->state == PAIR_FROZEN ||
			        (p->valid && !p->nominated);
	}
	if (more && (a->state == ICE_CHECKING || a->state == ICE_DONE) && a->pace_us < next)
		next = a->pace_us;
	if (a->state == ICE_CHECKING && a->fail_us < next)
		next = a->fail_us;
	return next;
}
