/* Handsets and base stations through the cert interface, with a handset played here by the same arithmetic that the
 * vectors of test_dect_kdf prove. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "certd/rfp_key.h"
#include "common/enc.h"
#include "common/mem.h"
#include "tests/unit/certd/rig.h"

static const uint8_t ipui[5] = { 0x00, 0x10, 0x01, 0xab, 0xcd };
#define IPUI rig_bin(ipui, sizeof(ipui))

struct pp { /* a handset */
	enum dect_kdf_alg alg;
	uint8_t k[16], uak[16];
	bool has_uak;
	bool former; /* certd says so */
	uint8_t rand_p[8], dck[16];
};

static int up(void **state)
{
	struct rig *g = malloc(sizeof(*g));

	rig_new(g);
	*state = g;
	return 0;
}

static int down(void **state)
{
	rig_free(*state);
	free(*state);
	return 0;
}

static void set_ac(struct rig *g, struct ipc_peer *p, const char *id, const char *digits)
{
	Cert__SecretSet m = CERT__SECRET_SET__INIT;

	m.kind = CERT__SECRET_KIND__SECRET_AC;
	m.id = RIG_TEXT(id);
	m.value = RIG_TEXT(digits);
	assert_int_equal(
	    rig_ask(g, p, CERT__TYPE__CERT_SECRET_SET, &m.base, &cert__done__descriptor), 0);
}

static void pp_ac(struct pp *pp, const char *digits)
{
	uint8_t ac[4];

	assert_int_equal(dect_kdf_ac(slice_str(digits), ac), 0);
	dect_kdf_b1(ac, 4, pp->k);
}

static void pp_res1(struct pp *pp, const Cert__DectChallenge *c, uint8_t res1[4])
{
	uint8_t ks[16];

	memset(pp->rand_p, 0x5a, sizeof(pp->rand_p));
	assert_true(c->rs.len == dect_kdf_rs_len(pp->alg));
	assert_int_equal(dect_kdf_a11(pp->alg, pp->k, c->rs.data, ks), 0);
	assert_int_equal(dect_kdf_a12(pp->alg, ks, c->rand_f.data, pp->rand_p, res1, pp->dck), 0);
}

static int alloc(struct rig *g, struct ipc_peer *p, const char *ac, enum dect_kdf_alg alg)
{
	Cert__DectKeyAlloc m = CERT__DECT_KEY_ALLOC__INIT;

	m.ipui = IPUI;
	m.alg = (Cert__DectAlg)alg;
	m.ac = RIG_TEXT(ac);
	return rig_ask(
	    g, p, CERT__TYPE__CERT_DECT_KEY_ALLOC, &m.base, &cert__dect_challenge__descriptor);
}

/* The handset's answer to the key allocation that g->body has. */
static int alloc_check(struct rig *g, struct ipc_peer *p, struct pp *pp, bool *ok)
{
	Cert__DectKeyAllocCheck m = CERT__DECT_KEY_ALLOC_CHECK__INIT;
	const Cert__DectChallenge *c = RIG_BODY(g, Cert__DectChallenge);
	const Cert__DectKeyAllocDone *d;
	uint8_t res1[4], res2[4], rs[16], uak[16];
	int err;

	pp_res1(pp, c, res1);
	memcpy(rs, c->rs.data, c->rs.len);
	m.handle = c->handle;
	m.res1 = rig_bin(res1, 4);
	m.rand_p = rig_bin(pp->rand_p, 8);
	err = rig_ask(g, p, CERT__TYPE__CERT_DECT_KEY_ALLOC_CHECK, &m.base,
	    &cert__dect_key_alloc_done__descriptor);
	if (err)
		return err;
	d = RIG_BODY(g, Cert__DectKeyAllocDone);
	*ok = d->ok;
	if (!d->ok)
		return 0;
	/* DSAA: the seed of the request; DSAA2: a fresh one. */
	assert_int_equal(d->has_rs2, pp->alg == DECT_KDF_DSAA2);
	if (d->has_rs2) {
		assert_memory_not_equal(d->rs2.data, rs, 16);
		memcpy(rs, d->rs2.data, 16);
	}
	assert_int_equal(dect_kdf_a21(pp->alg, pp->k, rs, uak), 0);
	assert_int_equal(
	    dect_kdf_a22(pp->alg, uak, pp->rand_p, d->has_rand_f2 ? d->rand_f2.data : NULL, res2),
	    0);
	assert_memory_equal(res2, d->res2.data, 4); /* the handset believes us */
	memcpy(pp->uak, uak, 16);
	pp->has_uak = true;
	return 0;
}

static int auth(struct rig *g, struct ipc_peer *p, struct pp *pp, bool *ok)
{
	Cert__DectPtAuth a = CERT__DECT_PT_AUTH__INIT;
	Cert__DectPtCheck m = CERT__DECT_PT_CHECK__INIT;
	const Cert__DectPtChecked *d;
	uint8_t res1[4];
	int err;

	if (pp->has_uak)
		dect_kdf_b1(pp->uak, 16, pp->k);
	a.ipui = IPUI;
	a.alg = (Cert__DectAlg)pp->alg;
	err = rig_ask(
	    g, p, CERT__TYPE__CERT_DECT_PT_AUTH, &a.base, &cert__dect_challenge__descriptor);
	if (err)
		return err;
	pp_res1(pp, RIG_BODY(g, Cert__DectChallenge), res1);
	m.handle = RIG_BODY(g, Cert__DectChallenge)->handle;
	m.res1 = rig_bin(res1, 4);
	m.has_rand_p = pp->alg == DECT_KDF_DSAA2;
	m.rand_p = rig_bin(pp->rand_p, 8);
	err = rig_ask(
	    g, p, CERT__TYPE__CERT_DECT_PT_CHECK, &m.base, &cert__dect_pt_checked__descriptor);
	if (err)
		return err;
	d = RIG_BODY(g, Cert__DectPtChecked);
	*ok = d->ok;
	pp->former = d->former;
	assert_int_equal(d->has_dck, d->ok);
	if (d->ok) {
		assert_true(d->dck.len == dect_kdf_dck_len(pp->alg));
		assert_memory_equal(d->dck.data, pp->dck, d->dck.len);
	}
	/* Once: the same answer again finds nothing. */
	assert_int_equal(rig_ask(g, p, CERT__TYPE__CERT_DECT_PT_CHECK, &m.base,
	                     &cert__dect_pt_checked__descriptor),
	    ERR_NOTFOUND);
	return 0;
}

static int subscription(struct rig *g, struct ipc_peer *p, Cert__SubscriptionOp op, const char *ac)
{
	Cert__DectSubscription m = CERT__DECT_SUBSCRIPTION__INIT;

	m.ipui = IPUI;
	m.op = op;
	m.has_ac = ac != NULL;
	m.ac = RIG_TEXT(ac ? ac : "");
	return rig_ask(g, p, CERT__TYPE__CERT_DECT_SUBSCRIPTION, &m.base, &cert__done__descriptor);
}

static void ft_auth(struct rig *g, struct ipc_peer *p, struct pp *pp)
{
	Cert__DectFtAuth m = CERT__DECT_FT_AUTH__INIT;
	const Cert__DectFtAuthDone *d;
	uint8_t rand_p[8] = { 1, 2, 3 }, ks[16], res2[4];

	m.ipui = IPUI;
	m.alg = (Cert__DectAlg)pp->alg;
	m.rand_p = rig_bin(rand_p, 8);
	assert_int_equal(rig_ask(g, p, CERT__TYPE__CERT_DECT_FT_AUTH, &m.base,
	                     &cert__dect_ft_auth_done__descriptor),
	    0);
	d = RIG_BODY(g, Cert__DectFtAuthDone);
	dect_kdf_b1(pp->uak, 16, pp->k);
	assert_int_equal(dect_kdf_a21(pp->alg, pp->k, d->rs.data, ks), 0);
	assert_int_equal(
	    dect_kdf_a22(pp->alg, ks, rand_p, d->has_rand_f ? d->rand_f.data : NULL, res2), 0);
	assert_memory_equal(res2, d->res2.data, 4);
}

static void subscribe(void **state, enum dect_kdf_alg alg)
{
	struct rig *g = *state;
	struct certd *c = g->run.d.state;
	struct ipc_peer *p = rig_peer(g, IPC_DECTD);
	struct pp pp = { .alg = alg };
	uint8_t first[16], second[16];
	bool ok;

	assert_int_equal(auth(g, p, &pp, &ok), ERR_NOTFOUND);
	assert_int_equal(alloc(g, p, "201", alg), ERR_NOTFOUND);
	set_ac(g, p, "201", "9124");
	pp_ac(&pp, "9124");
	assert_int_equal(alloc(g, p, "201", alg), 0);
	assert_int_equal(alloc_check(g, p, &pp, &ok), 0);
	assert_true(ok);
	/* On disk at once: killed here, the handset is still known. */
	rig_restart(g);
	p = rig_peer(g, IPC_DECTD);
	c = g->run.d.state;
	assert_int_equal(auth(g, p, &pp, &ok), 0);
	assert_true(ok);
	assert_int_equal(subscription(g, p, CERT__SUBSCRIPTION_OP__CONFIRM_UAK, "201"), 0);
	assert_false(store_has(c->store, STORE_AC, slice_str("201")));
	assert_int_equal(auth(g, p, &pp, &ok), 0);
	assert_true(ok);
	ft_auth(g, p, &pp);
	/* A wrong key. */
	pp.uak[3] ^= 1;
	assert_int_equal(auth(g, p, &pp, &ok), 0);
	assert_false(ok);
	pp.uak[3] ^= 1;
	/* Subscribed again, but the handset never took the new key: the old one is still good. */
	memcpy(first, pp.uak, 16);
	set_ac(g, p, "201", "4711");
	pp_ac(&pp, "4711");
	assert_int_equal(alloc(g, p, "201", alg), 0);
	assert_int_equal(alloc_check(g, p, &pp, &ok), 0);
	assert_true(ok);
	assert_int_equal(auth(g, p, &pp, &ok), 0);
	assert_true(ok);
	/* Its old key says that it never took the new one, which is gone then; its code is still there for the next try. */
	memcpy(second, pp.uak, 16);
	memcpy(pp.uak, first, 16);
	assert_int_equal(auth(g, p, &pp, &ok), 0);
	assert_true(ok);
	assert_true(pp.former);
	assert_int_equal(auth(g, p, &pp, &ok), 0);
	assert_true(ok);
	assert_false(pp.former);
	assert_true(store_has(c->store, STORE_AC, slice_str("201")));
	ft_auth(g, p, &pp);
	memcpy(pp.uak, second, 16);
	assert_int_equal(auth(g, p, &pp, &ok), 0);
	assert_false(ok);
	/* The administrator's word does the same. */
	pp_ac(&pp, "4711");
	assert_int_equal(alloc(g, p, "201", alg), 0);
	assert_int_equal(alloc_check(g, p, &pp, &ok), 0);
	assert_true(ok);
	memcpy(pp.uak, first, 16);
	assert_int_equal(subscription(g, p, CERT__SUBSCRIPTION_OP__DROP_UAK, NULL), 0);
	assert_int_equal(auth(g, p, &pp, &ok), 0);
	assert_true(ok);
	assert_int_equal(subscription(g, p, CERT__SUBSCRIPTION_OP__ERASE, NULL), 0);
	assert_int_equal(auth(g, p, &pp, &ok), ERR_NOTFOUND);
	assert_int_equal(
	    subscription(g, p, CERT__SUBSCRIPTION_OP__CONFIRM_UAK, NULL), ERR_NOTFOUND);
}

static void test_dsaa(void **state)
{
	subscribe(state, DECT_KDF_DSAA);
}

static void test_dsaa2(void **state)
{
	subscribe(state, DECT_KDF_DSAA2);
}

/* With the access code, while there is no UAK. */
static void test_ac_auth(void **state)
{
	struct rig *g = *state;
	struct ipc_peer *p = rig_peer(g, IPC_DECTD);
	struct pp pp = { .alg = DECT_KDF_DSAA };
	Cert__DectPtAuth a = CERT__DECT_PT_AUTH__INIT;
	Cert__DectPtCheck m = CERT__DECT_PT_CHECK__INIT;
	uint8_t res1[4];

	set_ac(g, p, "subscription", "83610427");
	pp_ac(&pp, "83610427");
	a.ipui = IPUI;
	a.alg = CERT__DECT_ALG__DECT_DSAA;
	a.has_ac = true;
	a.ac = RIG_TEXT("subscription");
	assert_int_equal(rig_ask(g, p, CERT__TYPE__CERT_DECT_PT_AUTH, &a.base,
	                     &cert__dect_challenge__descriptor),
	    0);
	pp_res1(&pp, RIG_BODY(g, Cert__DectChallenge), res1);
	m.handle = RIG_BODY(g, Cert__DectChallenge)->handle;
	m.res1 = rig_bin(res1, 4);
	assert_int_equal(rig_ask(g, p, CERT__TYPE__CERT_DECT_PT_CHECK, &m.base,
	                     &cert__dect_pt_checked__descriptor),
	    0);
	assert_true(RIG_BODY(g, Cert__DectPtChecked)->ok);
	/* The common code survives a confirmation. */
	bool ok;
	assert_int_equal(alloc(g, p, "subscription", DECT_KDF_DSAA), 0);
	assert_int_equal(alloc_check(g, p, &pp, &ok), 0);
	assert_int_equal(subscription(g, p, CERT__SUBSCRIPTION_OP__CONFIRM_UAK, "subscription"), 0);
	assert_true(store_has(
	    ((struct certd *)g->run.d.state)->store, STORE_AC, slice_str("subscription")));
}

/* Guessing: three wrong answers lock the handset out, also with the right code then. */
static void test_guessing(void **state)
{
	struct rig *g = *state;
	struct ipc_peer *p = rig_peer(g, IPC_DECTD);
	struct pp bad = { .alg = DECT_KDF_DSAA };
	bool ok = true;

	set_ac(g, p, "201", "1234");
	pp_ac(&bad, "1235");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(alloc(g, p, "201", DECT_KDF_DSAA), 0);
		assert_int_equal(alloc_check(g, p, &bad, &ok), 0);
		assert_false(ok);
	}
	assert_int_equal(alloc(g, p, "201", DECT_KDF_DSAA), ERR_DENIED);
	assert_non_null(strstr(g->text, "wrong answers"));
	assert_false(store_has(((struct certd *)g->run.d.state)->store, STORE_UAK_NEW,
	    (struct slice){ (const char *)ipui, sizeof(ipui) }));
}

static int defck(struct rig *g, struct ipc_peer *p, const uint8_t *id, size_t nid, int index,
    const uint8_t *ck, size_t nck)
{
	Cert__DectDefCk m = CERT__DECT_DEF_CK__INIT;

	m.ipui = rig_bin(id, nid);
	m.has_index = index >= 0;
	m.index = (uint32_t)index;
	m.has_ck = ck != NULL;
	m.ck = rig_bin(ck, nck);
	return rig_ask(
	    g, p, CERT__TYPE__CERT_DECT_DEFCK, &m.base, &cert__dect_def_ck_done__descriptor);
}

static void test_defck(void **state)
{
	struct rig *g = *state;
	struct ipc_peer *p = rig_peer(g, IPC_DECTD);
	const uint8_t other[5] = { 9, 9, 9, 9, 9 }, ck[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	uint32_t a, b, c;

	assert_int_equal(defck(g, p, ipui, 5, -1, NULL, 0), 0);
	a = RIG_BODY(g, Cert__DectDefCkDone)->index;
	assert_in_range(a, DECT_DEFCK_FIRST, DECT_DEFCK_LAST);
	assert_int_equal(defck(g, p, ipui, 5, (int)a, NULL, 0), ERR_NOTFOUND); /* no key yet */
	assert_int_equal(defck(g, p, ipui, 5, (int)a, ck, 8), 0);
	assert_int_equal(defck(g, p, other, 5, (int)a, ck, 8), ERR_DENIED);
	assert_int_equal(defck(g, p, other, 5, (int)a, NULL, 0), ERR_DENIED);
	rig_restart(g);
	p = rig_peer(g, IPC_DECTD);
	assert_int_equal(defck(g, p, NULL, 0, (int)a, NULL, 0), 0);
	assert_memory_equal(RIG_BODY(g, Cert__DectDefCkDone)->ck.data, ck, 8);
	assert_memory_equal(RIG_BODY(g, Cert__DectDefCkDone)->ipui.data, ipui, 5);
	/* The last two stay. */
	assert_int_equal(defck(g, p, ipui, 5, -1, ck, 8), 0);
	b = RIG_BODY(g, Cert__DectDefCkDone)->index;
	assert_int_equal(defck(g, p, ipui, 5, -1, ck, 8), 0);
	c = RIG_BODY(g, Cert__DectDefCkDone)->index;
	assert_int_not_equal(a, b);
	assert_int_not_equal(b, c);
	assert_int_equal(defck(g, p, ipui, 5, (int)a, NULL, 0), ERR_NOTFOUND);
	assert_int_equal(defck(g, p, ipui, 5, (int)b, NULL, 0), 0);
	/* Broken off twice: the same index again, and the key before it is there still. */
	assert_int_equal(defck(g, p, ipui, 5, -1, NULL, 0), 0);
	a = RIG_BODY(g, Cert__DectDefCkDone)->index;
	assert_int_equal(defck(g, p, ipui, 5, -1, NULL, 0), 0);
	assert_int_equal(RIG_BODY(g, Cert__DectDefCkDone)->index, a);
	assert_int_equal(defck(g, p, ipui, 5, (int)c, NULL, 0), 0);
	assert_int_equal(defck(g, p, ipui, 5, 0, ck, 8), ERR_VALUE);
	assert_int_equal(defck(g, p, ipui, 5, 0xff00, ck, 8), ERR_VALUE);
	assert_int_equal(subscription(g, p, CERT__SUBSCRIPTION_OP__ERASE, NULL), 0);
	assert_int_equal(defck(g, p, ipui, 5, (int)c, NULL, 0), ERR_NOTFOUND);
}

/* ---- base stations ---- */

static const uint8_t mac[6] = { 0x02, 0x00, 0x5e, 0x10, 0x00, 0x01 };

static int rfp(struct rig *g, struct ipc_peer *p, Cert__RfpOp op, const uint8_t *auth_payload,
    const void *value, size_t n)
{
	Cert__RfpKeys m = CERT__RFP_KEYS__INIT;

	m.mac = rig_bin(mac, 6);
	m.op = op;
	m.has_authenticate = auth_payload != NULL;
	m.authenticate = rig_bin(auth_payload, 32);
	m.has_value = value != NULL;
	m.value = rig_bin(value, n);
	return rig_ask(g, p, CERT__TYPE__CERT_RFP_KEYS, &m.base, &cert__rfp_keys_done__descriptor);
}

/* The reference's vector sys_rfp_re_enrolement. */
static void test_rfp_wrap(void **state)
{
	static const char want[] = "a992af3d2e4422e7099f1bf72a65b65f3eca487cc3834b5c4df7daebcf00a1e"
	                           "555b66a47a646c99e24b45aba"
	                           "0394db005990571890c93a81a2e97329dba3c7914f2042119c4d5d4ed5294e4"
	                           "09b249c2892fdea4c1c6082e0"
	                           "2a518bb7da06bad6";
	uint8_t a[64], authenticate[32], out[96];
	struct rfp_subkeys k;
	char hex[193];

	(void)state;
	for (unsigned i = 0; i < 64; i++)
		a[i] = (uint8_t)(0x40 + i);
	for (unsigned i = 0; i < 32; i++)
		authenticate[i] = (uint8_t)i;
	assert_int_equal(
	    rfp_key_wrap(a, authenticate, SLICE_LIT("$1$$ysVNzQc4CTMkp5daOdZ.3/"), out), 0);
	enc_hex(out, sizeof(out), hex);
	assert_string_equal(hex, want);
	rfp_key_split(a, &k);
	assert_memory_equal(k.to_rfp, a, 56);
	assert_memory_equal(k.from_rfp, a + 8, 56);
}

static void test_rfp(void **state)
{
	struct rig *g = *state;
	struct ipc_peer *p = rig_peer(g, IPC_DECTD);
	const uint8_t authenticate[32] = { 7 };
	const Cert__RfpKeysDone *d;
	uint8_t key[64], imported[64];

	assert_int_equal(rfp(g, p, CERT__RFP_OP__RFP_GET, NULL, NULL, 0), 0);
	d = RIG_BODY(g, Cert__RfpKeysDone);
	assert_false(d->pinned);
	assert_false(d->has_to_rfp);
	assert_int_equal(rfp(g, p, CERT__RFP_OP__RFP_CONFIRM, NULL, NULL, 0), ERR_NOTFOUND);
	assert_int_equal(rfp(g, p, CERT__RFP_OP__RFP_ENROL, NULL, NULL, 0), 0);
	d = RIG_BODY(g, Cert__RfpKeysDone);
	assert_int_equal(d->message.len, 64);
	memcpy(key, d->message.data, 64);
	assert_memory_equal(d->to_rfp.data, key, 56);
	assert_memory_equal(d->from_rfp.data, key + 8, 56);
	assert_false(d->pinned);
	rig_restart(g);
	p = rig_peer(g, IPC_DECTD);
	assert_int_equal(rfp(g, p, CERT__RFP_OP__RFP_GET, NULL, NULL, 0), 0);
	d = RIG_BODY(g, Cert__RfpKeysDone);
	assert_false(d->pinned);
	assert_memory_equal(d->to_rfp.data, key, 56);
	assert_false(d->has_message); /* the whole key leaves once */
	assert_int_equal(rfp(g, p, CERT__RFP_OP__RFP_CONFIRM, NULL, NULL, 0), 0);
	assert_true(RIG_BODY(g, Cert__RfpKeysDone)->pinned);
	/* Re-enrolment needs the former controller's hash; the pinned key stays until the new one is proven. */
	assert_int_equal(
	    rfp(g, p, CERT__RFP_OP__RFP_RE_ENROL, authenticate, NULL, 0), ERR_NOTFOUND);
	assert_int_equal(
	    rfp(g, p, CERT__RFP_OP__RFP_ROOT_HASH, NULL, "$1$$ysVNzQc4CTMkp5daOdZ.3/", 26), 0);
	assert_int_equal(rfp(g, p, CERT__RFP_OP__RFP_RE_ENROL, authenticate, NULL, 0), 0);
	d = RIG_BODY(g, Cert__RfpKeysDone);
	assert_int_equal(d->message.len, 96);
	assert_true(d->pinned);
	assert_memory_not_equal(d->to_rfp.data, key, 56);
	memcpy(imported, d->to_rfp.data, 56);
	assert_int_equal(rfp(g, p, CERT__RFP_OP__RFP_GET, NULL, NULL, 0), 0);
	d = RIG_BODY(g, Cert__RfpKeysDone);
	assert_memory_equal(d->to_rfp.data, key, 56);
	assert_memory_equal(d->pending_to_rfp.data, imported, 56);
	assert_int_equal(rfp(g, p, CERT__RFP_OP__RFP_CONFIRM, NULL, NULL, 0), 0);
	assert_memory_equal(RIG_BODY(g, Cert__RfpKeysDone)->to_rfp.data, imported, 56);
	/* Taken over from another controller. */
	memset(imported, 0x33, sizeof(imported));
	assert_int_equal(rfp(g, p, CERT__RFP_OP__RFP_IMPORT, NULL, imported, 63), ERR_VALUE);
	assert_int_equal(rfp(g, p, CERT__RFP_OP__RFP_IMPORT, NULL, imported, 64), 0);
	assert_true(RIG_BODY(g, Cert__RfpKeysDone)->pinned);
	assert_int_equal(rfp(g, p, CERT__RFP_OP__RFP_FORGET, NULL, NULL, 0), 0);
	assert_false(RIG_BODY(g, Cert__RfpKeysDone)->has_to_rfp);
	assert_int_equal(rfp(g, p, 99, NULL, NULL, 0), ERR_VALUE);
}

/* Challenges end after 30 s, and there are not more than the named limit. */
static void test_challenges(void **state)
{
	struct tmr_wheel *w = tmr_wheel_new(NULL);
	char *dir = tmp_make(), why[512];
	struct dect_challenge c, first;
	struct slice id = { (const char *)ipui, sizeof(ipui) };
	struct dect_allocated a;
	const char *reason;
	struct store *s;
	struct dect *d;
	uint8_t zero[8] = { 0 };
	struct slice res = { (const char *)zero, 4 }, rand = { (const char *)zero, 8 };

	(void)state;
	assert_int_equal(store_open(dir, &s, why, sizeof(why)), 0);
	d = dect_new(s, w);
	(void)reason;
	assert_int_equal(store_put(s, STORE_AC, slice_str("a"), slice_str("1234")), 0);
	assert_int_equal(dect_key_alloc(d, id, DECT_KDF_DSAA, slice_str("a"), &first), 0);
	tmr_advance(w, DECT_CHALLENGE_MS - 1);
	for (unsigned i = 1; i < DECT_CHALLENGES; i++)
		assert_int_equal(dect_key_alloc(d, id, DECT_KDF_DSAA, slice_str("a"), &c), 0);
	assert_int_equal(dect_key_alloc(d, id, DECT_KDF_DSAA, slice_str("a"), &c), ERR_BUSY);
	tmr_advance(w, 1); /* the first one's time is over: room for one */
	assert_int_equal(dect_key_alloc_check(d, first.handle, res, rand, &a), ERR_NOTFOUND);
	assert_int_equal(dect_key_alloc(d, id, DECT_KDF_DSAA, slice_str("a"), &c), 0);
	/* A handle of one procedure is none of the other. */
	bool ok, former;
	uint8_t dck[16];
	size_t n;
	assert_int_equal(
	    dect_pt_check(d, c.handle, res, rand, &ok, &former, dck, &n), ERR_NOTFOUND);
	dect_free(d);
	store_close(s);
	tmr_wheel_free(w);
	tmp_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_dsaa, up, down),
		cmocka_unit_test_setup_teardown(test_dsaa2, up, down),
		cmocka_unit_test_setup_teardown(test_ac_auth, up, down),
		cmocka_unit_test_setup_teardown(test_guessing, up, down),
		cmocka_unit_test_setup_teardown(test_defck, up, down),
		cmocka_unit_test(test_rfp_wrap),
		cmocka_unit_test_setup_teardown(test_rfp, up, down),
		cmocka_unit_test(test_challenges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
