/* ICE agent: candidates, gathering, time, media. */
#include "mediad/ice.h"

#include <stdio.h>
#include <string.h>

#include "common/id.h"
#include "common/mem.h"
#include "mediad/ice_priv.h"

#define GATHER_SENDS 4

/* LYNC: draft 6: the components of a candidate have one name and password. */
static void name_local(struct ice *a, struct cand *c)
{
	for (uint8_t i = 0; i < a->nlocal; i++)
		if (a->local[i].type == c->type) {
			c->key = a->local[i].key;
			return;
		}
	c->key.id_n = 32;
	c->key.pwd_n = 16;
	id_random(c->key.id, c->key.id_n);
	id_random(c->key.pwd, c->key.pwd_n);
}

uint32_t ice_priority(const struct ice *a, enum cand_type type, unsigned comp)
{
	return a->d->named ? cand_q(type) : cand_priority(type, comp, 0, a->d->ms);
}

int ice_add_local(struct ice *a, enum cand_type type, unsigned comp, const struct addr *addr,
    const struct addr *related, uint8_t base, uint32_t priority)
{
	struct cand *c = &a->local[a->nlocal];
	uint8_t at = a->nlocal;

	if (at == ICE_LOCAL)
		return -1;
	*c = (struct cand){ .component = (uint8_t)comp,
		.type = (uint8_t)type,
		.priority = priority,
		.addr = *addr };
	if (related)
		c->related = *related;
	/* One foundation per type: one base address, one server. At most 4 characters, which MS-ICE2 sends as a group. */
	snprintf(c->foundation, sizeof(c->foundation), "%d", (int)type);
	if (a->d->ms && type != CAND_PRFLX)
		name_local(a, c);
	a->base[at] = type == CAND_HOST || type == CAND_RELAY ? at : base;
	a->nlocal++;
	return at;
}

int ice_init(struct ice *a, const struct ice_conf *conf, const struct ice_ops *ops, void *ctx)
{
	if (conf->mode < ICE_RFC8445 || conf->mode > ICE_DRAFT6 || conf->comps < 1 ||
	    conf->comps > ICE_COMPS)
		return ERR_VALUE;
	for (unsigned c = 0; c < conf->comps; c++)
		if (!addr_set(&conf->host[c]) || addr_any(&conf->host[c]))
			return ERR_VALUE;
	*a = (struct ice){ .conf = *conf,
		.d = &ice_dialects[conf->mode],
		.ops = ops,
		.ctx = ctx,
		.controlling = conf->controlling };
	if (!a->conf.gather_ms)
		a->conf.gather_ms = 3000;
	a->tie = id_u64();
	id_token(a->ufrag, 8);
	id_token(a->pwd, 26); /* 130 bits; RFC 8445 5.3 wants 128 */
	for (unsigned c = 1; c <= conf->comps; c++) {
		a->chosen[c - 1] = -1;
		(void)ice_add_local(
		    a, CAND_HOST, c, &conf->host[c - 1], NULL, 0, ice_priority(a, CAND_HOST, c));
		a->relay[c - 1].agent = a;
		a->relay[c - 1].comp = (uint8_t)c;
	}
	return 0;
}

void ice_close(struct ice *a)
{
	ice_relay_stop(a);
	mem_wipe(a->pwd, sizeof(a->pwd));
	mem_wipe(a->rpwd, sizeof(a->rpwd));
	for (unsigned i = 0; i < ICE_LOCAL; i++)
		mem_wipe(&a->local[i].key, sizeof(a->local[i].key));
	for (unsigned i = 0; i < ICE_REMOTE; i++)
		mem_wipe(&a->remote[i].key, sizeof(a->remote[i].key));
}

void ice_emit(
    struct ice *a, uint8_t base, const struct addr *to, const uint8_t *p, size_t n, uint64_t now_us)
{
	const struct cand *c = &a->local[base];
	uint8_t buf[STUN_MAX * 2 + TURN_OVERHEAD];
	struct addr server;

	if (c->type != CAND_RELAY) {
		a->ops->send(a->ctx, c->component, to, p, n);
		return;
	}
	const uint8_t *out = ice_relay_wrap(a, c, to, p, &n, buf, sizeof(buf), &server, now_us);
	if (out)
		a->ops->send(a->ctx, c->component, &server, out, n);
}

bool ice_gathering(const struct ice *a)
{
	for (unsigned c = 0; c < a->conf.comps; c++)
		if (a->gather_us[c])
			return true;
	return ice_relay_pending(a);
}

void ice_gathered(struct ice *a)
{
	if (a->state != ICE_GATHERING)
		return;
	a->state = ICE_READY;
	memset(a->gather_us, 0, sizeof(a->gather_us));
	a->ops->event(a->ctx, ICE_EV_GATHERED, 0);
}

void ice_add_reflexive(struct ice *a, unsigned comp, const struct addr *mapped)
{
	const struct addr *host = &a->conf.host[comp - 1];

	for (uint8_t i = 0; i < a->nlocal; i++)
		if (a->local[i].component == comp && addr_eq(&a->local[i].addr, mapped))
			return; /* no NAT between, or known */
	(void)ice_add_local(a, CAND_SRFLX, comp, mapped, host, (uint8_t)(comp - 1),
	    ice_priority(a, CAND_SRFLX, comp));
}

static void ask_reflexive(struct ice *a, unsigned c, uint64_t now_us)
{
	uint8_t buf[STUN_MAX];
	struct stun_w w = stun_begin(buf, sizeof(buf), STUN_RFC, STUN_BINDING, &a->gather_id[c]);
	size_t n = stun_end(&w, NULL, 0, STUN_FP_NONE);

	a->gather_us[c] = now_us + ((uint64_t)ICE_RTO_US << a->gather_sent[c]);
	a->gather_sent[c]++;
	a->ops->send(a->ctx, c + 1, &a->conf.stun, buf, n);
}

void ice_gather(struct ice *a, uint64_t now_us)
{
	if (a->state != ICE_NEW)
		return;
	a->state = ICE_GATHERING;
	a->gather_end_us = now_us + a->conf.gather_ms * 1000u;
	for (unsigned c = 0; c < a->conf.comps; c++) {
		if (addr_set(&a->conf.stun)) {
			a->gather_id[c] = stun_new_id();
			ask_reflexive(a, c, now_us);
		}
	}
	ice_relay_start(a, now_us);
	/* The slices belong to the caller: they are not needed after this. */
	a->conf.turn_user = a->conf.turn_password = (struct slice){ 0 };
	if (!ice_gathering(a))
		ice_gathered(a);
}

static bool usable(const struct ice *a, const struct cand *c)
{
	return c->component >= 1 && c->component <= a->conf.comps && addr_set(&c->addr) &&
	       addr_port(&c->addr) != 0 && c->type >= CAND_HOST && c->type <= CAND_RELAY &&
	       !addr_any(&c->addr) && (!cand_tcp(c) || (a->d->ms && !a->d->named)) &&
	       (!a->d->named || (c->key.id_n && c->key.pwd_n));
}

/* Draft 6: the components of a candidate belong together by their name. */
static void found_by_name(struct ice *a, uint8_t at)
{
	const struct cand_key *k = &a->remote[at].key;
	uint8_t first = 0;

	while (first < at && (a->remote[first].key.id_n != k->id_n ||
	                         memcmp(a->remote[first].key.id, k->id, k->id_n) != 0))
		first++;
	snprintf(a->remote[at].foundation, sizeof(a->remote[at].foundation), "d%u", first);
}

static void add_remote(struct ice *a, const struct cand *c)
{
	for (uint8_t i = 0; i < a->nremote; i++) {
		struct cand *r = &a->remote[i];
		if (!cand_same(r, c))
			continue;
		/* Learnt from a check before it was told: the description counts (not the priority of its pairs). */
		r->type = c->type;
		if (c->transport == CAND_PASS)
			r->transport = CAND_PASS; /* the same port, active and passive */
		r->key = c->key;
		memcpy(r->foundation, c->foundation, sizeof(r->foundation));
		if (a->d->named)
			found_by_name(a, i);
		return;
	}
	if (a->nremote < ICE_REMOTE) {
		a->remote[a->nremote] = *c;
		a->remote[a->nremote].foundation[CAND_FOUNDATION - 1] = '\0';
		if (a->d->named)
			found_by_name(a, a->nremote);
		a->nremote++;
	}
}

/* The peer's description is of draft 6. */
static void become_named(struct ice *a)
{
	a->conf.mode = ICE_DRAFT6;
	a->d = &ice_dialects[ICE_DRAFT6];
	a->nearly = 0;
	for (uint8_t i = 0; i < a->nlocal; i++)
		a->local[i].priority = cand_q(a->local[i].type);
}

/* Who has fewer components sets how many there are (RFC 8445 6.1.2.2): a peer that multiplexes RTCP, or has none. */
static void one_component(struct ice *a)
{
	bool one = false;

	for (uint8_t i = 0; i < a->nremote; i++) {
		if (a->remote[i].component == 2)
			return;
		one = true;
	}
	if (!one || a->conf.comps == 1)
		return;
	a->conf.comps = 1;
	a->gather_us[1] = 0;
	if (a->relay[1].turn.ops)
		turn_stop(&a->relay[1].turn);
}

int ice_set_remote(struct ice *a, struct slice ufrag, struct slice pwd, const struct cand *c,
    size_t n, bool complete, const struct addr *remote_candidates, uint64_t now_us)
{
	char u[ICE_UFRAG], p[ICE_PWD];

	if (!a->remote_set && a->d->ms && !a->d->named && ufrag.n == 0 && n && c[0].key.id_n)
		become_named(a);
	if ((!a->d->named && (ufrag.n == 0 || pwd.n == 0)) || slice_copy(ufrag, u, sizeof(u)) ||
	    slice_copy(pwd, p, sizeof(p)))
		return ERR_VALUE;
	if (a->remote_set && (strcmp(u, a->rufrag) != 0 || strcmp(p, a->rpwd) != 0))
		return ERR_EXISTS;
	memcpy(a->rufrag, u, sizeof(u));
	memcpy(a->rpwd, p, sizeof(p));
	a->remote_complete |= complete;
	for (size_t i = 0; i < n; i++)
		if (usable(a, &c[i]))
			add_remote(a, &c[i]);
	if (a->state ==
	    ICE_GATHERING) /* the answer is here: what is gathered by now has been told */
		ice_gathered(a);
	if (!a->remote_set) {
		if (a->conf.mode == ICE_RFC8445 && complete && n)
			one_component(a);
		a->remote_set = true;
		a->state = ICE_CHECKING;
		a->fail_us = now_us + (a->conf.fail_ms ? a->conf.fail_ms : a->d->fail_ms) * 1000u;
		a->pace_us = now_us;
	}
	ice_pairs(a);
	ice_early_run(a, now_us);
	if (remote_candidates)
		ice_remote_chosen(a, remote_candidates, c, n, now_us);
	return 0;
}

enum ice_in ice_stun_in(struct ice *a, uint8_t local, const struct addr *from, const uint8_t *p,
    size_t n, uint64_t now_us)
{
	struct stun_msg m;
	unsigned comp = a->local[local].component;

	if (stun_parse(p, n, a->d->form, &m))
		return ICE_IN_OTHER;
	if (m.type == STUN_BINDING_OK && a->gather_us[comp - 1] && addr_eq(from, &a->conf.stun) &&
	    memcmp(m.id.b, a->gather_id[comp - 1].b, sizeof(m.id.b)) == 0) {
		a->gather_us[comp - 1] = 0;
		if (addr_set(&m.mapped))
			ice_add_reflexive(a, comp, &m.mapped);
		if (!ice_gathering(a))
			ice_gathered(a);
		return ICE_IN_TAKEN;
	}
	if (m.type == STUN_BINDING_IND)
		return ICE_IN_TAKEN;
	if (m.type != STUN_BINDING && m.type != STUN_BINDING_OK && m.type != STUN_BINDING_ERR)
		return ICE_IN_OTHER;

	if (!ice_fingerprint_ok(a, &m)) {
		a->count.bad_fingerprint++;
		return ICE_IN_TAKEN;
	}
	int tcp = cand_tcp(&a->local[local]) ? ice_asked_by_tcp(a, &m) : -1;
	if (m.type == STUN_BINDING && cand_tcp(&a->local[local]))
		ice_request_shared(a, local, from, &m, now_us);
	else if (m.type == STUN_BINDING)
		ice_request(a, local, from, &m, now_us);
	else if (a->remote_set)
		ice_response(a, tcp < 0 ? local : (uint8_t)tcp, from, &m, now_us);
	return ICE_IN_TAKEN;
}

int ice_relay_base(const struct ice *a, unsigned comp, bool tcp)
{
	for (uint8_t i = 0; i < a->nlocal; i++)
		if (a->local[i].component == comp && a->local[i].type == CAND_RELAY &&
		    cand_tcp(&a->local[i]) == tcp)
			return a->base[i];
	return -1;
}

enum ice_in ice_input(struct ice *a, unsigned comp, const struct addr *from, const uint8_t *p,
    size_t n, uint64_t now_us, const uint8_t **media, size_t *media_n, struct addr *peer)
{
	struct turn *t;
	int relay;

	if (comp < 1 || comp > a->conf.comps)
		return ICE_IN_OTHER;
	*media = p;
	*media_n = n;
	*peer = *from;
	t = &a->relay[comp - 1].turn;
	if (t->ops && !t->stream) {
		switch (turn_input(t, from, p, n, now_us, peer, media, media_n)) {
		case TURN_TAKEN:
			return ICE_IN_TAKEN;
		case TURN_DATA:
			relay = ice_relay_base(a, comp, false);
			if (relay < 0)
				return ICE_IN_TAKEN;
			if (stun_is(*media, *media_n))
				return ice_stun_in(
				    a, (uint8_t)relay, peer, *media, *media_n, now_us);
			return ICE_IN_MEDIA;
		default:
			break;
		}
	}
	if (stun_is(p, n))
		return ice_stun_in(a, (uint8_t)(comp - 1), from, p, n, now_us);
	return ICE_IN_MEDIA;
}

/* Keep-alives and consent of a component that has its pair. */
static void keep_alive(struct ice *a, unsigned c, uint64_t now_us)
{
	const struct ice_pair *p = &a->pair[a->chosen[c]];
	const struct addr *to = &a->remote[p->remote].addr;
	uint8_t buf[STUN_MAX * 2];
	size_t n;

	if (a->d->keep == ICE_KEEP_CONSENT) {
		if (now_us >= a->consent_us[c] && !a->lost[c]) {
			a->lost[c] = true;
			a->ops->event(a->ctx, ICE_EV_LOST, c + 1);
		}
		if (a->lost[c]) {
			a->keep_us[c] = UINT64_MAX;
			return;
		}
		/* RFC 7675 5.1: every 5 s, 0.8 to 1.2 times */
		a->keep_us[c] = now_us + 4000000 + id_below(2000000);
		a->consent_id[c] = stun_new_id();
		n = ice_build_check(
		    a, p, a->controlling, false, &a->consent_id[c], buf, sizeof(buf));
	} else {
		n = ice_build_keep(a, buf, sizeof(buf));
		a->keep_us[c] = now_us + a->d->keep_us;
	}
	if (n)
		ice_emit(a, p->local, to, buf, n, now_us);
}

void ice_timer(struct ice *a, uint64_t now_us)
{
	for (unsigned c = 0; c < a->conf.comps; c++) {
		if (a->gather_us[c] && now_us >= a->gather_us[c]) {
			if (a->gather_sent[c] < GATHER_SENDS)
				ask_reflexive(a, c, now_us);
			else
				a->gather_us[c] = 0;
		}
		if (a->chosen[c] >= 0 && now_us >= a->keep_us[c])
			keep_alive(a, c, now_us);
	}
	ice_relay_timer(a, now_us);
	if (a->state == ICE_GATHERING && (now_us >= a->gather_end_us || !ice_gathering(a)))
		ice_gathered(a);
	ice_check_timer(a, now_us);
}

uint64_t ice_next(const struct ice *a)
{
	uint64_t next = ice_check_next(a);

	for (unsigned c = 0; c < a->conf.comps; c++) {
		const struct turn *t = &a->relay[c].turn;
		uint64_t at = t->ops ? turn_next(t) : UINT64_MAX;
		next = at < next ? at : next;
		if (a->gather_us[c] && a->gather_us[c] < next)
			next = a->gather_us[c];
		if (a->chosen[c] >= 0 && a->keep_us[c] < next)
			next = a->keep_us[c];
	}
	if (a->state == ICE_GATHERING && a->gather_end_us < next)
		next = a->gather_end_us;
	if (a->stream_us && a->stream_us < next)
		next = a->stream_us;
	return next;
}

bool ice_selected(const struct ice *a, unsigned comp, struct cand *local, struct cand *remote)
{
	if (comp < 1 || comp > a->conf.comps || a->chosen[comp - 1] < 0)
		return false;

	const struct ice_pair *p = &a->pair[a->chosen[comp - 1]];
	*local = a->local[p->valid_local];
	*remote = a->remote[p->remote];
	/* LYNC: who connects to a passive candidate is an active one. */
	for (uint8_t i = 0; i < a->nlocal && cand_tcp(local); i++)
		if (a->base[i] == p->local && cand_same(&a->local[i], local) &&
		    (a->local[i].transport == CAND_ACT) == (remote->transport == CAND_PASS))
			*local = a->local[i];
	/* LYNC: in the final offer a reflexive candidate must be typ prflx: Skype for Business answers 500 to srflx. */
	if (a->d->ms && local->type == CAND_SRFLX)
		local->type = CAND_PRFLX;
	return true;
}

const uint8_t *ice_media(struct ice *a, unsigned comp, const uint8_t *p, size_t *n,
    uint8_t *scratch, size_t cap, struct addr *to, uint64_t now_us)
{
	if (comp < 1 || comp > a->conf.comps || a->chosen[comp - 1] < 0 || a->lost[comp - 1])
		return NULL;

	const struct ice_pair *pair = &a->pair[a->chosen[comp - 1]];
	if (a->local[pair->local].type != CAND_RELAY) {
		*to = a->remote[pair->remote].addr;
		return p;
	}
	return ice_relay_wrap(a, &a->local[pair->local], &a->remote[pair->remote].addr, p, n,
	    scratch, cap, to, now_us);
}

void ice_sent(struct ice *a, unsigned comp, uint64_t now_us)
{
	if (comp >= 1 && comp <= a->conf.comps && a->d->keep != ICE_KEEP_CONSENT &&
	    a->chosen[comp - 1] >= 0)
		a->keep_us[comp - 1] = now_us + a->d->keep_us;
}

bool ice_known(const struct ice *a, unsigned comp, const struct addr *from)
{
	for (uint8_t i = 0; i < a->nremote; i++)
		if (a->authentic[i] && a->remote[i].component == comp &&
		    addr_eq(&a->remote[i].addr, from))
			return true;
	for (uint8_t i = 0; i < a->nearly; i++)
		if (a->early[i].comp == comp && addr_eq(&a->early[i].from, from))
			return true;
	return false;
}

const char *ice_state_name(enum ice_state s)
{
	static const char *const name[] = { "new", "gathering", "ready", "checking", "done",
		"failed" };

	return name[(unsigned)s <= ICE_FAILED ? s : 0];
}

uint64_t ice_bad(const struct ice *a)
{
	return (uint64_t)a->count.bad_fingerprint + a->count.bad_integrity + a->count.bad_user +
	       a->count.unknown;
}

uint32_t ice_warn(const struct ice *a)
{
	uint32_t bits = 0;
	bool local = true, turn = true;

	for (unsigned c = 0; c < a->conf.comps; c++) {
		const struct turn *t = &a->relay[c].turn;
		if (!t->ops)
			continue;
		if (t->state == TURN_FAILED && t->stream)
			bits |= 0x8; /* allocation by TCP */
		if (t->state == TURN_FAILED && t->error == 0)
			bits |= 0x1; /* server unreachable */
		if (t->state == TURN_FAILED && t->error)
			bits |= 0x2; /* allocation refused */
	}
	for (uint8_t i = 0; i < a->npairs; i++)
		if (a->pair[i].valid)
			*(a->local[a->pair[i].local].type == CAND_RELAY ? &turn : &local) = false;
	if (a->state == ICE_FAILED)
		bits |=
		    (local ? 0x20u : 0) |
		    (turn && (ice_relay_base(a, 1, false) >= 0 || ice_relay_base(a, 1, true) >= 0)
		            ? 0x80u
		            : 0);
	return bits;
}
