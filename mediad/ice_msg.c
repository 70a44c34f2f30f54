/* What ICE's dialects say differently: checks, answers, names and keys. */
#include <stdio.h>
#include <string.h>

#include "mediad/ice_priv.h"

#define IMPL     2u /* LYNC: IMPLEMENTATION-VERSION of what we send, with the STUN-02 form */
#define NAME_MAX (ICE_UFRAG * 2)

const struct ice_dialect ice_dialects[] = {
	[ICE_RFC8445] = { .form = STUN_RFC,
	    .ta_us = 50000,
	    .patience_ms = 1000,
	    .fail_ms = 30000,
	    .keep = ICE_KEEP_CONSENT,
	    .keep_us = 5000000 },
	[ICE_MS_ICE2] = { .form = STUN_MSICE,
	    .ta_us = 20000,
	    .patience_ms = 1000,
	    .fail_ms = 10000,
	    .keep = ICE_KEEP_INDICATION,
	    .keep_us = 15000000,
	    .ms = true },
	/* MS-ICE 3.1.6.2: 3 s from the first exchange on */
	[ICE_DRAFT6] = { .form = STUN_3489,
	    .ta_us = 20000,
	    .patience_ms = 3000,
	    .fail_ms = 10000,
	    .keep = ICE_KEEP_REQUEST,
	    .keep_us = 15000000,
	    .ms = true,
	    .named = true },
};

struct stun_id ice_new_id(const struct ice *a)
{
	return a->d->named ? stun_old_id() : stun_new_id();
}

static struct slice octets(const uint8_t *p, size_t n)
{
	return (struct slice){ (const char *)p, n };
}

/* LYNC: receiver's id ":" component ":" sender's id ":" component, filled up with zeros. */
static size_t name_of(const struct cand *to, const struct cand *from, uint8_t *out)
{
	size_t n = 0;
	const struct cand *both[2] = { to, from };

	for (int i = 0; i < 2; i++) {
		const struct cand_key *k = &both[i]->key;
		if (i)
			out[n++] = ':';
		memcpy(out + n, k->id, k->id_n);
		n += k->id_n;
		out[n++] = ':';
		out[n++] = (uint8_t)('0' + to->component);
	}
	return n;
}

size_t ice_build_check(struct ice *a, const struct ice_pair *p, bool controlling, bool use,
    const struct stun_id *id, uint8_t *out, size_t cap)
{
	struct stun_w w = stun_begin(out, cap, a->d->form, STUN_BINDING, id);
	const struct cand *l = &a->local[p->local], *r = &a->remote[p->remote];
	struct slice key = ice_peer_key(a, p);

	if (a->d->named) {
		uint8_t name[2 * CAND_ID + 8];
		stun_put(&w, STUN_A_USERNAME, name, name_of(r, l, name));
		return stun_end(&w, key.p, key.n, STUN_FP_NONE);
	}

	char name[NAME_MAX];
	int n = snprintf(name, sizeof(name), "%s:%s", a->rufrag, a->ufrag);
	if (use)
		stun_put(&w, STUN_A_USE_CANDIDATE, NULL, 0);
	stun_put_u32(&w, STUN_A_PRIORITY, cand_prflx_priority(l));
	stun_put_u64(&w, controlling ? STUN_A_CONTROLLING : STUN_A_CONTROLLED, a->tie);
	stun_put(&w, STUN_A_USERNAME, name, (size_t)n);
	if (a->d->ms) {
		char group[CAND_FOUNDATION + 3] = { 0 };
		size_t len = strlen(l->foundation);
		memcpy(group, l->foundation, len);
		stun_put(&w, STUN_A_MS_CANDIDATE, group, (len + 3) & ~(size_t)3);
		stun_put_u32(&w, STUN_A_MS_IMPL, IMPL);
	}
	return stun_end(&w, key.p, key.n, STUN_FP_GOOD);
}

size_t ice_build_keep(const struct ice *a, uint8_t *out, size_t cap)
{
	struct stun_id id = ice_new_id(a);
	/* RFC 3489 has no indications; what nobody can have meant for himself is ignored as well. */
	bool ask = a->d->keep == ICE_KEEP_REQUEST;
	struct stun_w w =
	    stun_begin(out, cap, a->d->form, ask ? STUN_BINDING : STUN_BINDING_IND, &id);

	return stun_end(&w, NULL, 0, STUN_FP_NONE);
}

static size_t finish(const struct ice *a, struct stun_w *w, struct slice key)
{
	if (a->d->ms && !a->d->named)
		stun_put_u32(w, STUN_A_MS_IMPL, IMPL);
	return stun_end(w, key.p, key.n, a->d->named ? STUN_FP_NONE : STUN_FP_GOOD);
}

size_t ice_build_ok(const struct ice *a, const struct stun_msg *m, enum stun_form form,
    const struct addr *from, struct slice key, uint8_t *out, size_t cap)
{
	struct stun_w w = stun_begin(out, cap, form, STUN_BINDING_OK, &m->id);

	if (a->d->named) {
		stun_put_addr(&w, STUN_A_MAPPED, from, false);
		stun_put_addr(&w, STUN_A_MS_XOR_MAPPED, from, true);
	} else {
		stun_put_addr(&w, STUN_A_XOR_MAPPED, from, true);
	}
	if (a->d->ms)
		stun_put(&w, STUN_A_USERNAME, m->username.p, m->username.n);
	return finish(a, &w, key);
}

size_t ice_build_error(const struct ice *a, const struct stun_msg *m, enum stun_form form,
    unsigned code, const char *text, struct slice key, uint8_t *out, size_t cap)
{
	struct stun_w w = stun_begin(out, cap, form, STUN_BINDING_ERR, &m->id);

	stun_put_error(&w, code, text);
	if (code == 420) {
		uint8_t list[8];
		for (uint8_t i = 0; i < m->nunknown; i++) {
			list[2 * i] = (uint8_t)(m->unknown[i] >> 8);
			list[2 * i + 1] = (uint8_t)m->unknown[i];
		}
		stun_put(&w, STUN_A_UNKNOWN, list, 2u * m->nunknown);
	}
	return finish(a, &w, code == 401 || code == 400 ? (struct slice){ 0 } : key);
}

bool ice_fingerprint_ok(const struct ice *a, const struct stun_msg *m)
{
	enum stun_fp fp = a->d->named ? STUN_FP_GOOD : stun_fingerprint(m);

	/* LYNC: old stacks compute it with a faulty table; those that tell their version do not. */
	return fp == STUN_FP_GOOD || (fp == STUN_FP_FAULTY && a->d->ms && !m->has_impl);
}

bool ice_signed_by(
    const struct ice *a, const struct stun_msg *m, struct slice key, enum stun_form *form)
{
	*form = a->d->form;
	if (!m->integrity_at || !key.n)
		return false;
	/* LYNC: the version announces the form; when that fails, the other one. */
	if (a->d->form == STUN_MSICE && m->has_impl && m->impl >= 3)
		*form = STUN_RFC;
	if (stun_verify(m, *form, key.p, key.n))
		return true;
	if (a->d->form != STUN_MSICE)
		return false;
	*form = *form == STUN_RFC ? STUN_MSICE : STUN_RFC;
	return stun_verify(m, *form, key.p, key.n);
}

struct slice ice_peer_key(const struct ice *a, const struct ice_pair *p)
{
	const struct cand_key *k = &a->remote[p->remote].key;

	return a->d->named ? octets(k->pwd, k->pwd_n) : slice_str(a->rpwd);
}

/* What follows name ":" component in a check's USERNAME. */
static bool after_name(
    struct slice user, const struct cand_key *k, unsigned comp, struct slice *rest)
{
	if (!k->id_n || user.n < k->id_n + 2u || memcmp(user.p, k->id, k->id_n) != 0 ||
	    user.p[k->id_n] != ':' || user.p[k->id_n + 1] != (char)('0' + comp))
		return false;
	*rest = slice_sub(user, k->id_n + 2u, user.n);
	return true;
}

bool ice_named(const struct ice *a, unsigned comp, const struct stun_msg *m, struct slice *key,
    struct slice *sender)
{
	struct slice ours = slice_str(a->ufrag), user = m->username, rest;
	const struct cand_key *best = NULL;

	*sender = (struct slice){ 0 };
	if (!a->d->named) {
		*key = slice_str(a->pwd);
		return user.n > ours.n && memcmp(user.p, ours.p, ours.n) == 0 &&
		       user.p[ours.n] == ':';
	}
	/* Names are octets: the longest of ours that fits, as a reflexive candidate's begins with its base's. */
	for (uint8_t i = 0; i < a->nlocal; i++) {
		const struct cand_key *k = &a->local[i].key;
		if (a->local[i].component != comp || !after_name(user, k, comp, &rest) ||
		    (best && best->id_n >= k->id_n))
			continue;
		best = k;
		*sender = rest;
	}
	if (!best)
		return false;
	*key = octets(best->pwd, best->pwd_n);
	while (sender->n && sender->p[sender->n - 1] == 0)
		sender->n--;
	if (sender->n < 4 || sender->p[0] != ':' || sender->p[sender->n - 2] != ':' ||
	    sender->p[sender->n - 1] != (char)('0' + comp))
		return false;
	*sender = slice_sub(*sender, 1, sender->n - 3);
	return true;
}

int ice_remote_named(const struct ice *a, unsigned comp, struct slice name)
{
	int best = -1;

	for (uint8_t i = 0; i < a->nremote; i++) {
		const struct cand_key *k = &a->remote[i].key;
		if (a->remote[i].component == comp && k->id_n && name.n >= k->id_n &&
		    memcmp(name.p, k->id, k->id_n) == 0 &&
		    (best < 0 || a->remote[best].key.id_n < k->id_n))
			best = i;
	}
	return best;
}

void ice_name_reflexive(struct cand *c, const struct cand *base, const struct cand *peer)
{
	size_t n = base->key.id_n + (size_t)peer->key.id_n;

	c->key = base->key;
	if (n > CAND_ID)
		return;
	memcpy(c->key.id + base->key.id_n, peer->key.id, peer->key.id_n);
	c->key.id_n = (uint8_t)n;
}
