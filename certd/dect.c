/* Handsets' keys in use: challenges, key allocation, default cipher keys. */
#include "certd/dect.h"

#include <stdlib.h>
#include <string.h>

#include "certd/secret.h"
#include "common/id.h"
#include "common/list.h"
#include "common/map.h"
#include "common/mem.h"

#define UAK       16
#define FAILURES  4096 /* IPUIs whose wrong answers are remembered */
#define DEFCK_MAX (1 + DECT_IPUI_MAX + 16)

struct challenge {
	struct map_node by_handle;
	struct list in_order;
	uint64_t handle, until;
	uint8_t ipui[DECT_IPUI_MAX], rs[16], rand_f[8];
	size_t nipui;
	enum dect_kdf_alg alg;
	bool alloc, default_ck;
	char ac[256];
	size_t nac;
};

struct failure { /* wrong answers to key allocations of one IPUI */
	struct map_node by_ipui;
	struct list in_order;
	uint8_t ipui[DECT_IPUI_MAX];
	uint32_t n;
	uint64_t until;
};

struct dect {
	struct store *store;
	struct tmr_wheel *wheel;
	struct dect_conf conf;
	struct map challenges, failures;
	struct list order, failed;
	uint32_t last_index;
};

struct dect *dect_new(struct store *s, struct tmr_wheel *wheel)
{
	struct dect *d = mem_new(sizeof(*d));

	d->store = s;
	d->wheel = wheel;
	d->conf = (struct dect_conf){ .ac_failures = 3, .ac_lock_ms = 60000 };
	list_init(&d->order);
	list_init(&d->failed);
	return d;
}

static void challenge_free(struct dect *d, struct challenge *c)
{
	map_del(&d->challenges, &c->by_handle);
	list_remove(&c->in_order);
	mem_free_wiped(c, sizeof(*c));
}

static void failure_free(struct dect *d, struct failure *f)
{
	map_del(&d->failures, &f->by_ipui);
	list_remove(&f->in_order);
	free(f);
}

void dect_forget(struct dect *d)
{
	LIST_FOREACH(&d->order, it)
	challenge_free(d, LIST_ENTRY(it, struct challenge, in_order));
}

void dect_free(struct dect *d)
{
	if (!d)
		return;
	dect_forget(d);
	LIST_FOREACH(&d->failed, it)
	failure_free(d, LIST_ENTRY(it, struct failure, in_order));
	map_free(&d->challenges);
	map_free(&d->failures);
	free(d);
}

void dect_configure(struct dect *d, const struct dect_conf *c)
{
	d->conf = *c;
}

static enum dect_kdf_alg reading(const struct dect *d, enum dect_kdf_alg alg)
{
	return alg == DECT_KDF_DSAA2 && d->conf.dsaa2_literal ? DECT_KDF_DSAA2_LITERAL : alg;
}

static bool sane(struct slice ipui, enum dect_kdf_alg alg)
{
	return ipui.n > 0 && ipui.n <= DECT_IPUI_MAX &&
	       (alg == DECT_KDF_DSAA || alg == DECT_KDF_DSAA2);
}

/* ---- keys K, wiped by the caller ---- */

static int uak_k(struct dect *d, enum store_kind kind, struct slice ipui, uint8_t k[16])
{
	uint8_t uak[UAK];
	size_t n;
	int err = store_get(d->store, kind, ipui, uak, sizeof(uak), &n);

	if (err == 0 && n == UAK)
		dect_kdf_b1(uak, n, k);
	else if (err == 0)
		err = ERR_NOTFOUND;
	mem_wipe(uak, sizeof(uak));
	return err;
}

static int ac_k(struct dect *d, struct slice ac, uint8_t k[16])
{
	struct secret v;
	uint8_t bcd[4];
	int err = ac.n ? secret_get(d->store, STORE_AC, ac, &v) : ERR_NOTFOUND;

	if (err)
		return err;
	err = dect_kdf_ac(secret_slice(&v), bcd);
	if (err == 0)
		dect_kdf_b1(bcd, sizeof(bcd), k);
	mem_wipe(&v, sizeof(v));
	mem_wipe(bcd, sizeof(bcd));
	return err;
}

/* The n-th key that a handset may be using: new UAK, confirmed UAK, access code while there is no UAK at all. */
static int candidate(struct dect *d, struct slice ipui, struct slice ac, unsigned n, uint8_t k[16])
{
	if (n == 0)
		return uak_k(d, STORE_UAK_NEW, ipui, k);
	if (n == 1)
		return uak_k(d, STORE_UAK, ipui, k);
	if (store_has(d->store, STORE_UAK, ipui) || store_has(d->store, STORE_UAK_NEW, ipui))
		return ERR_NOTFOUND;
	return ac_k(d, ac, k);
}
#define CANDIDATES 3

static int first_key(struct dect *d, struct slice ipui, struct slice ac, uint8_t k[16])
{
	int err = ERR_NOTFOUND;

	for (unsigned i = 0; i < CANDIDATES && err == ERR_NOTFOUND; i++)
		err = candidate(d, ipui, ac, i, k);
	return err;
}

/* ---- challenges ---- */

static int challenge(struct dect *d, struct slice ipui, enum dect_kdf_alg alg, struct slice ac,
    struct challenge **out)
{
	struct challenge *c;

	LIST_FOREACH(&d->order, it)
	{
		c = LIST_ENTRY(it, struct challenge, in_order);
		if (c->until > tmr_now(d->wheel))
			break;
		challenge_free(d, c);
	}
	if (d->challenges.n >= DECT_CHALLENGES)
		return ERR_BUSY;
	if (ac.n > sizeof(c->ac))
		return ERR_VALUE;
	c = mem_new(sizeof(*c));
	c->handle = id_u64();
	c->until = tmr_now(d->wheel) + DECT_CHALLENGE_MS;
	memcpy(c->ipui, ipui.p, ipui.n);
	c->nipui = ipui.n;
	c->alg = alg;
	if (ac.n)
		memcpy(c->ac, ac.p, ac.n);
	c->nac = ac.n;
	id_random(c->rs, dect_kdf_rs_len(alg));
	id_random(c->rand_f, sizeof(c->rand_f));
	BUG_ON(!map_put(&d->challenges, &c->by_handle, map_u64(&c->handle)));
	list_append(&d->order, &c->in_order);
	*out = c;
	return 0;
}

static void show(const struct challenge *c, struct dect_challenge *out)
{
	out->handle = c->handle;
	out->nrs = dect_kdf_rs_len(c->alg);
	memcpy(out->rs, c->rs, sizeof(out->rs));
	memcpy(out->rand_f, c->rand_f, sizeof(out->rand_f));
}

static struct challenge *find(struct dect *d, uint64_t handle, bool alloc)
{
	struct map_node *n = map_get(&d->challenges, map_u64(&handle));
	struct challenge *c = n ? CONTAINER_OF(n, struct challenge, by_handle) : NULL;

	if (c && c->until <= tmr_now(d->wheel)) {
		challenge_free(d, c);
		c = NULL;
	}
	return c && c->alloc == alloc ? c : NULL;
}

static struct slice ipui_of(const struct challenge *c)
{
	return (struct slice){ (const char *)c->ipui, c->nipui };
}

static struct slice ac_of(const struct challenge *c)
{
	return (struct slice){ c->ac, c->nac };
}

int dect_pt_auth(struct dect *d, struct slice ipui, enum dect_kdf_alg alg, struct slice ac,
    bool default_ck, struct dect_challenge *out)
{
	struct challenge *c;
	uint8_t k[16];
	int err;

	if (!sane(ipui, alg))
		return ERR_VALUE;
	err = first_key(d, ipui, ac, k);
	mem_wipe(k, sizeof(k));
	if (err == 0)
		err = challenge(d, ipui, alg, ac, &c);
	if (err)
		return err;
	c->default_ck = default_ck;
	show(c, out);
	return 0;
}

/* 1: RES1 fits K. */
static int fits(const struct dect *d, const struct challenge *c, const uint8_t k[16],
    struct slice res1, struct slice rand_p, uint8_t dck[16])
{
	enum dect_kdf_alg alg = reading(d, c->alg);
	uint8_t ks[16], x[4];
	int err = dect_kdf_a11(alg, k, c->rs, ks);

	if (err == 0)
		err = dect_kdf_a12(alg, ks, c->rand_f, (const uint8_t *)rand_p.p, x, dck);
	if (err == 0)
		err = mem_differs(x, res1.p, sizeof(x)) ? 0 : 1;
	if (err != 1)
		mem_wipe(dck, 16);
	mem_wipe(ks, sizeof(ks));
	mem_wipe(x, sizeof(x));
	return err;
}

static int newest_defck(struct dect *d, struct slice ipui, uint32_t *index);

int dect_pt_check(struct dect *d, uint64_t handle, struct slice res1, struct slice rand_p, bool *ok,
    bool *former, uint8_t dck[16], size_t *ndck)
{
	struct challenge *c = find(d, handle, false);
	uint8_t k[16];
	uint32_t index;
	bool fresh = false;
	int err = 0;

	*ok = *former = false;
	if (!c)
		return ERR_NOTFOUND;
	if (res1.n != DECT_KDF_RES || (c->alg == DECT_KDF_DSAA2 && rand_p.n != DECT_KDF_RAND))
		return ERR_VALUE;
	for (unsigned i = 0; i < CANDIDATES && !*ok && err >= 0; i++) {
		err = candidate(d, ipui_of(c), ac_of(c), i, k);
		if (err == ERR_NOTFOUND) {
			err = 0;
			continue;
		}
		fresh |= i == 0;
		if (err == 0)
			err = fits(d, c, k, res1, rand_p, dck);
		*ok = err == 1;
		*former = *ok && i == 1 && fresh;
	}
	mem_wipe(k, sizeof(k));
	*ndck = dect_kdf_dck_len(c->alg);
	if (*ok)
		err = 0;
	if (*former)
		err = store_del(d->store, STORE_UAK_NEW, ipui_of(c), NULL);
	if (*ok && !err && c->default_ck && newest_defck(d, ipui_of(c), &index) == 0)
		err = dect_defck_put(
		    d, ipui_of(c), index, (struct slice){ (const char *)dck, *ndck });
	challenge_free(d, c);
	if (err)
		mem_wipe(dck, 16);
	return err;
}

int dect_ft_auth(struct dect *d, struct slice ipui, enum dect_kdf_alg alg, struct slice rand_p,
    uint8_t res2[4], uint8_t rs[16], uint8_t rand_f[8])
{
	uint8_t k[16], ks[16];
	int err;

	if (!sane(ipui, alg) || rand_p.n != DECT_KDF_RAND)
		return ERR_VALUE;
	err = first_key(d, ipui, SLICE_LIT(""), k);
	if (err)
		return err;
	id_random(rs, dect_kdf_rs_len(alg));
	id_random(rand_f, DECT_KDF_RAND);
	err = dect_kdf_a21(reading(d, alg), k, rs, ks);
	if (err == 0)
		err = dect_kdf_a22(reading(d, alg), ks, (const uint8_t *)rand_p.p, rand_f, res2);
	mem_wipe(k, sizeof(k));
	mem_wipe(ks, sizeof(ks));
	return err;
}

/* ---- key allocation ---- */

static struct failure *failure_of(struct dect *d, struct slice ipui)
{
	struct map_node *n;

	LIST_FOREACH(&d->failed, it)
	{
		struct failure *f = LIST_ENTRY(it, struct failure, in_order);

		if (f->until > tmr_now(d->wheel))
			break;
		failure_free(d, f);
	}
	n = map_get(&d->failures, ipui);
	return n ? CONTAINER_OF(n, struct failure, by_ipui) : NULL;
}

static void failed(struct dect *d, struct slice ipui)
{
	struct failure *f = failure_of(d, ipui);

	if (!f) {
		if (d->failures.n >= FAILURES) /* the oldest makes room */
			failure_free(d, LIST_ENTRY(d->failed.next, struct failure, in_order));
		f = mem_new(sizeof(*f));
		memcpy(f->ipui, ipui.p, ipui.n);
		map_put(&d->failures, &f->by_ipui, (struct slice){ (const char *)f->ipui, ipui.n });
		list_init(&f->in_order);
	}
	f->n++;
	f->until = tmr_now(d->wheel) + d->conf.ac_lock_ms;
	list_remove(&f->in_order);
	list_append(&d->failed, &f->in_order);
}

int dect_key_alloc(struct dect *d, struct slice ipui, enum dect_kdf_alg alg, struct slice ac,
    struct dect_challenge *out)
{
	struct challenge *c;
	struct failure *f;
	uint8_t k[16];
	int err;

	if (!sane(ipui, alg))
		return ERR_VALUE;
	f = failure_of(d, ipui);
	if (f && d->conf.ac_failures && f->n >= d->conf.ac_failures)
		return ERR_DENIED;
	err = ac_k(d, ac, k);
	mem_wipe(k, sizeof(k));
	if (err == 0)
		err = challenge(d, ipui, alg, ac, &c);
	if (err)
		return err;
	c->alloc = true;
	show(c, out);
	return 0;
}

int dect_key_alloc_check(struct dect *d, uint64_t handle, struct slice res1, struct slice rand_p,
    struct dect_allocated *out)
{
	struct challenge *c = find(d, handle, true);
	uint8_t k[16], uak[16], dck[16];
	enum dect_kdf_alg alg;
	int err;

	*out = (struct dect_allocated){ 0 };
	if (!c)
		return ERR_NOTFOUND;
	if (res1.n != DECT_KDF_RES || rand_p.n != DECT_KDF_RAND)
		return ERR_VALUE;
	alg = reading(d, c->alg);
	out->dsaa2 = c->alg == DECT_KDF_DSAA2;
	memcpy(out->ipui, c->ipui, c->nipui);
	out->nipui = c->nipui;
	err = ac_k(d, ac_of(c), k);
	if (err == 0) {
		err = fits(d, c, k, res1, rand_p, dck);
		if (err == 0)
			failed(d, ipui_of(c));
		out->ok = err == 1;
	}
	if (out->ok) {
		struct failure *f = failure_of(d, ipui_of(c));

		if (f)
			failure_free(d, f);
		/* 6.5.6: DSAA takes the session seed of the request, DSAA2 a fresh one. */
		memcpy(out->rs2, c->rs, sizeof(out->rs2));
		if (out->dsaa2) {
			id_random(out->rs2, sizeof(out->rs2));
			id_random(out->rand_f2, sizeof(out->rand_f2));
		}
		err = dect_kdf_a21(alg, k, out->rs2, uak);
		if (err == 0)
			err = dect_kdf_a22(
			    alg, uak, (const uint8_t *)rand_p.p, out->rand_f2, out->res2);
		if (err == 0)
			err = store_put(d->store, STORE_UAK_NEW, ipui_of(c),
			    (struct slice){ (const char *)uak, sizeof(uak) });
	}
	challenge_free(d, c);
	mem_wipe(k, sizeof(k));
	mem_wipe(uak, sizeof(uak));
	mem_wipe(dck, sizeof(dck));
	if (err)
		out->ok = false;
	return err;
}

int dect_confirm_uak(struct dect *d, struct slice ipui, struct slice ac)
{
	uint8_t uak[UAK];
	size_t n = 0;
	int err = store_get(d->store, STORE_UAK_NEW, ipui, uak, sizeof(uak), &n);
	bool fresh = err == 0;

	if (err == ERR_NOTFOUND)
		err = store_has(d->store, STORE_UAK, ipui) ? 0 : ERR_NOTFOUND;
	if (err == 0)
		err = store_begin(d->store);
	if (err == 0 && fresh) {
		err = store_put(d->store, STORE_UAK, ipui, (struct slice){ (const char *)uak, n });
		if (err == 0)
			err = store_del(d->store, STORE_UAK_NEW, ipui, NULL);
	}
	if (err == 0 && ac.n && !slice_eq(ac, DECT_COMMON_AC))
		err = secret_del(d->store, STORE_AC, ac, NULL);
	if (err == 0)
		err = store_end(d->store);
	else
		store_undo(d->store);
	mem_wipe(uak, sizeof(uak));
	return err;
}

int dect_drop_uak(struct dect *d, struct slice ipui)
{
	bool had;
	int err = store_del(d->store, STORE_UAK_NEW, ipui, &had);

	return err || had ? err : store_del(d->store, STORE_UAK, ipui, NULL);
}

/* ---- default cipher keys ---- */

struct defck { /* value: length of the IPUI, IPUI, key (may be empty) */
	uint8_t v[DEFCK_MAX];
	size_t n;
};

static struct slice index_id(uint8_t id[2], uint32_t index)
{
	id[0] = (uint8_t)(index >> 8);
	id[1] = (uint8_t)index;
	return (struct slice){ (const char *)id, 2 };
}

static int defck_read(struct dect *d, uint32_t index, struct defck *out)
{
	uint8_t id[2];
	int err =
	    store_get(d->store, STORE_DEFCK, index_id(id, index), out->v, sizeof(out->v), &out->n);

	if (err == 0 && (out->n < 1 || out->v[0] > DECT_IPUI_MAX || out->n < 1u + out->v[0]))
		err = ERR_NOTFOUND;
	return err;
}

static bool owned(const struct defck *v, struct slice ipui)
{
	return v->v[0] == ipui.n && memcmp(v->v + 1, ipui.p, ipui.n) == 0;
}

static int defck_write(struct dect *d, uint32_t index, struct slice ipui, struct slice ck)
{
	uint8_t id[2], v[DEFCK_MAX];
	int err;

	v[0] = (uint8_t)ipui.n;
	memcpy(v + 1, ipui.p, ipui.n);
	if (ck.n)
		memcpy(v + 1 + ipui.n, ck.p, ck.n);
	err = store_put(d->store, STORE_DEFCK, index_id(id, index),
	    (struct slice){ (const char *)v, 1 + ipui.n + ck.n });
	mem_wipe(v, sizeof(v));
	return err;
}

/* A handset's indices, newest first. */
struct mine {
	uint32_t index[DECT_DEFCK_PER_PT];
	size_t n;
};

static int mine_read(struct dect *d, struct slice ipui, struct mine *m)
{
	uint8_t v[2 * DECT_DEFCK_PER_PT];
	size_t n = 0;
	int err = store_get(d->store, STORE_DEFCK_OF, ipui, v, sizeof(v), &n);

	*m = (struct mine){ .n = n / 2 };
	for (size_t i = 0; err == 0 && i < m->n; i++)
		m->index[i] = (uint32_t)(v[2 * i] << 8 | v[2 * i + 1]);
	return err == ERR_NOTFOUND ? 0 : err;
}

static int mine_write(struct dect *d, struct slice ipui, const struct mine *m)
{
	uint8_t v[2 * DECT_DEFCK_PER_PT];

	for (size_t i = 0; i < m->n; i++)
		index_id(v + 2 * i, m->index[i]);
	return store_put(
	    d->store, STORE_DEFCK_OF, ipui, (struct slice){ (const char *)v, 2 * m->n });
}

static int newest_defck(struct dect *d, struct slice ipui, uint32_t *index)
{
	struct mine m;
	int err = mine_read(d, ipui, &m);

	if (err || m.n == 0)
		return err ? err : ERR_NOTFOUND;
	*index = m.index[0];
	return 0;
}

static uint32_t free_index(struct dect *d)
{
	uint8_t id[2];

	/* From a random place, so that an index is not soon another handset's. */
	if (!d->last_index)
		d->last_index = DECT_DEFCK_FIRST + id_below(DECT_DEFCK_LAST);
	for (uint32_t i = 0; i < DECT_DEFCK_LAST; i++) {
		d->last_index =
		    d->last_index >= DECT_DEFCK_LAST ? DECT_DEFCK_FIRST : d->last_index + 1;
		if (!store_has(d->store, STORE_DEFCK, index_id(id, d->last_index)))
			return d->last_index;
	}
	return 0;
}

static bool unused(struct dect *d, uint32_t index)
{
	struct defck v;
	bool none = defck_read(d, index, &v) == 0 && v.n == 1u + v.v[0];

	mem_wipe(&v, sizeof(v));
	return none;
}

int dect_defck_new(struct dect *d, struct slice ipui, uint32_t *index)
{
	struct mine m;
	uint8_t id[2];
	int err;

	if (!sane(ipui, DECT_KDF_DSAA))
		return ERR_VALUE;
	err = mine_read(d, ipui, &m);
	if (err == 0 && m.n > 0 && unused(d, m.index[0])) {
		*index = m.index[0];
		return 0;
	}
	if (err == 0)
		err = store_begin(d->store);
	if (err)
		return err;
	if (m.n == DECT_DEFCK_PER_PT)
		err = store_del(d->store, STORE_DEFCK, index_id(id, m.index[--m.n]), NULL);
	*index = free_index(d);
	if (err == 0 && !*index)
		err = ERR_BUSY;
	memmove(m.index + 1, m.index, m.n * sizeof(m.index[0]));
	m.index[0] = *index;
	m.n++;
	if (err == 0)
		err = defck_write(d, *index, ipui, SLICE_LIT(""));
	if (err == 0)
		err = mine_write(d, ipui, &m);
	if (err == 0)
		err = store_end(d->store);
	else
		store_undo(d->store);
	return err;
}

int dect_defck_put(struct dect *d, struct slice ipui, uint32_t index, struct slice ck)
{
	struct defck v;
	int err;

	if (!sane(ipui, DECT_KDF_DSAA) || (ck.n != 8 && ck.n != 16) || index < DECT_DEFCK_FIRST ||
	    index > DECT_DEFCK_LAST)
		return ERR_VALUE;
	err = defck_read(d, index, &v);
	if (err == 0 && !owned(&v, ipui))
		err = ERR_DENIED;
	mem_wipe(&v, sizeof(v));
	return err ? err : defck_write(d, index, ipui, ck);
}

int dect_defck_get(struct dect *d, uint32_t index, uint8_t ck[16], size_t *nck,
    uint8_t ipui[DECT_IPUI_MAX], size_t *nipui)
{
	struct defck v;
	int err = index <= DECT_DEFCK_LAST ? defck_read(d, index, &v) : ERR_NOTFOUND;

	*nck = *nipui = 0;
	if (err)
		return err;
	*nipui = v.v[0];
	memcpy(ipui, v.v + 1, *nipui);
	*nck = v.n - 1 - *nipui;
	memcpy(ck, v.v + 1 + *nipui, *nck);
	mem_wipe(&v, sizeof(v));
	return *nck ? 0 : ERR_NOTFOUND;
}

int dect_erase(struct dect *d, struct slice ipui)
{
	static const enum store_kind kinds[] = { STORE_DEFCK_OF, STORE_UAK, STORE_UAK_NEW };
	struct mine m;
	uint8_t id[2];
	int err = mine_read(d, ipui, &m);

	if (err == 0)
		err = store_begin(d->store);
	if (err)
		return err;
	for (size_t i = 0; i < m.n && err == 0; i++)
		err = store_del(d->store, STORE_DEFCK, index_id(id, m.index[i]), NULL);
	for (size_t i = 0; i < ARRAY_LEN(kinds) && err == 0; i++)
		err = store_del(d->store, kinds[i], ipui, NULL);
	if (err == 0)
		err = store_end(d->store);
	else
		store_undo(d->store);
	return err;
}
