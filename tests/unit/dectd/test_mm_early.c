/* Early encryption: default cipher keys are made, bases get them, connections that are ciphered before the first message
 * (EN 300 175-7 6.4.6.3; dect-nwk 15.3; dect-security 8.4, 9.13). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <time.h>

#include "dectd/mm_priv.h"
#include "mm_rig.h"

#define PARK  "0606 80a0 11234567 "
#define AUTH2 "05400a05011840012f0c0877a1c04e9d3b2f580e080f1e2d3c4b5a6978\n"
#define INDEX 0x012f
#define TPUI  0xb4711
#define OTHER "0507 80a8 010012abce " /* somebody else's IPUI */
#define KEY   "60b1c2d3e4f50718"
#define KEY16 "00112233445566778899aabbccddeeff"

struct t {
	struct rig g;
	struct hs h;
	struct pp *pp;
	struct ppdb *db;
};

static int setup(void **state)
{
	struct t *t = mem_new(sizeof(*t));
	struct pp rec = { .ipei = IPEI, .tpui = TPUI };

	/* Devices have numbers of the store. */
	assert_int_equal(ppdb_open(":memory:", &t->db), 0);
	pp_ipei_ipui(IPEI, &rec.ipui);
	assert_int_equal(ppdb_put(t->db, &rec), 0);
	rig_init(&t->g, t->db);
	t->g.conf.early = EARLY_CONNECTION;
	t->g.conf.tpui = false;
	t->g.def_index = INDEX;
	t->g.defck = KEY;
	hs_init(&t->h, &t->g, 3);
	t->pp = subscribed(&t->g);
	t->g.def_owner = t->pp->ipui;
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct t *t = *state;

	rig_fini(&t->g);
	ppdb_close(t->db);
	free(t);
	return 0;
}

/* It has a default key, and can change keys. */
static void has_key(struct t *t)
{
	t->pp->caps.tc.profile[6] |= 0x10;
	t->pp->caps.known = true;
	t->pp->def_index = INDEX;
	t->pp->def_at = (int64_t)time(NULL);
}

/* Registration up to the cipher request that succeeds. */
static void register_ciphered(struct t *t, const char *locate)
{
	hs_first(&t->h, 0xe1234, locate);
	hs_expect(&t->h, AUTH);
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	hs_expect(&t->h, "054c19028198\n");
	t->g.rand = "77a1c04e9d3b2f58";
	t->g.res1 = "6019b8bd";
	t->g.log[0] = '\0';
	hs_cipher(&t->h);
	hs_wait(&t->h, 5);
}

static void other_is(struct t *t, const char *want)
{
	hs_wait(&t->h, 5);
	assert_string_equal(t->h.other, want);
	t->h.other[0] = '\0';
}

/* A connection of the handset; its base asks for the key, with what the rest of the message says. */
static void asks(struct t *t, uint32_t pmid, const char *rest)
{
	uint8_t dnm[16] = { 0x7a, 0x1d };

	air_con(&t->g.air, 1, t->h.mcei, pmid, false);
	air_dnm(&t->g.air, 1, dnm, 2 + air_unhex(rest, dnm + 2, sizeof(dnm) - 2));
}

/* MAC_ENC_EKS_IND: type, key id, number of the portable part. */
static void eks(struct t *t, uint8_t type)
{
	air_dnm(&t->g.air, 1, (uint8_t[]){ 0x7a, 0x0a, t->h.mcei, type, 1, 0x47, 0x11 }, 7);
}

/* The first message over a connection that there is. */
static void first(struct t *t, const char *hex)
{
	uint8_t f[80] = { 0xa1, 0x10 };
	size_t n = air_unhex(hex, f + 3, 63);

	f[2] = (uint8_t)(n << 2 | 1);
	t->h.ns = 1;
	t->h.nr = 0;
	t->h.up = true;
	air_rx_raw(&t->g.air, 1, t->h.mcei, f, n + 3);
	hs_pump(&t->h);
}

static void early_connection(struct t *t)
{
	asks(t, TPUI, "03 0b4711 012f");
	other_is(t, "dnm 1 7a1e0300" KEY "0101\n");
	eks(t, 2);
}

/* The octets of the reference's example. */
static void test_made(void **state)
{
	struct t *t = *state;

	register_ciphered(t, LOCATE);
	hs_expect(&t->h, AUTH2);
	assert_int_equal(t->pp->state, PP_SUBSCRIBED);
	asked(&t->g, "index pt1def ");
	hs_say(&t->h, "8541 0d046019b8bd");
	hs_expect(&t->h, "8555050007015f\n");
	assert_int_equal(t->pp->state, PP_LOCATED);
	assert_int_equal(t->pp->def_index, INDEX);
	assert_true(t->pp->def_at > 0);
	assert_int_equal(mm_stats(t->g.r.mm)->default_keys, 1);
	assert_int_equal(mm_stats(t->g.r.mm)->auths, 2);
}

static void test_not_for(void **state)
{
	static const char dumb[] =
	    "0554 " IPUI "63 10 35 15 0a 00 60 04 18 81 02 00 00 00 00 00 82 82";
	struct t *t = *state;

	/* Its capability does not say that it can. */
	register_ciphered(t, dumb);
	hs_expect(&t->h, "8555050007015f\n");
	assert_int_equal(t->pp->def_at, 0);
}

static void test_off(void **state)
{
	struct t *t = *state;

	t->g.conf.early = EARLY_OFF;
	register_ciphered(t, LOCATE);
	hs_expect(&t->h, "8555050007015f\n");
	/* A base asks all the same: nothing happens. */
	air_dnm(&t->g.air, 1, (uint8_t[]){ 0x7a, 0x1d, 3, 0x0b, 0x47, 0x11, 1, 0x2f }, 8);
	other_is(t, "dnm 1 7a09038560dc324ea49f3701\n");
}

/* It is worth no refusal: what goes wrong with it leaves the registration as it is. */
static void test_not_wanted(void **state)
{
	struct t *t = *state;

	register_ciphered(t, LOCATE);
	hs_expect(&t->h, AUTH2);
	hs_say(&t->h, "8543 600113");
	hs_expect(&t->h, "8555050007015f\n");
	assert_int_equal(t->pp->def_at, 0);
	assert_int_equal(t->pp->failures, 0);
}

static void test_no_answer(void **state)
{
	struct t *t = *state;

	register_ciphered(t, LOCATE);
	hs_expect(&t->h, AUTH2);
	hs_wait(&t->h, 10000);
	hs_expect(&t->h, AUTH2);
	hs_wait(&t->h, 10100);
	hs_expect(&t->h, "8555050007015f\n");
	assert_int_equal(t->pp->def_at, 0);
}

static void test_no_certd(void **state)
{
	struct t *t = *state;

	hs_first(&t->h, 0xe1234, LOCATE);
	hs_expect(&t->h, AUTH);
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	hs_expect(&t->h, "054c19028198\n");
	t->g.err = ERR_BUSY;
	hs_cipher(&t->h);
	hs_expect(&t->h, "8555050007015f\n");
	assert_int_equal(t->pp->def_at, 0);
}

/* A wrong answer is one: somebody else has the handset's place. */
static void test_wrong(void **state)
{
	struct t *t = *state;

	register_ciphered(t, LOCATE);
	hs_expect(&t->h, AUTH2);
	hs_say(&t->h, "8541 0d0400000000");
	hs_expect(&t->h, "8557600110\n");
	assert_int_equal(t->pp->failures, 1);
	assert_int_equal(t->pp->def_at, 0);
}

/* DSAA2: octet 5c says for which cipher the key is. */
static void test_dsaa2(void **state)
{
	struct t *t = *state;

	t->pp->alg = PP_DSAA2;
	t->g.conf.dsaa2 = true;
	t->g.any = true;
	t->g.rs = "0f1e2d3c4b5a69780f1e2d3c4b5a6978";
	t->g.dck = "00112233445566778899aabbccddeeff";
	hs_first(&t->h, 0xe1234, LOCATE);
	hs_wait(&t->h, 5);
	hs_say(&t->h, "8541 0c080102030405060708 0d04b3d4cf3b");
	hs_wait(&t->h, 5);
	t->h.rx[0] = '\0';
	hs_cipher(&t->h);
	hs_expect(&t->h,
	    "05400a06021840012f000c085d2c9e10b7a4f3860e100f1e2d3c4b5a69780f1e2d3c4b5a6978\n");
	/* The 64 least significant bits for DSC. */
	t->pp->def_at = 1;
	t->g.defck = KEY16;
	t->h.other[0] = '\0';
	air_dnm(&t->g.air, 1, (uint8_t[]){ 0x7a, 0x1d, 3, 0x0b, 0x47, 0x11, 1, 0x2f }, 8);
	other_is(t, "dnm 1 7a1e03008899aabbccddeeff0101\n");
}

/* The connection is ciphered from its start: a call needs no message for it, and gets a key of its own soon. */
static void test_call(void **state)
{
	struct t *t = *state;

	has_key(t);
	early_connection(t);
	first(t, CALLS);
	mm_secure(t->g.r.mm, t->pp, rig_done, &t->g);
	hs_expect(&t->h, "");
	assert_int_equal(t->g.done, 1);
	assert_int_equal(t->g.done_err, 0);
	assert_true(mm_ciphered(t->g.r.mm, t->pp));
	assert_int_equal(mm_stats(t->g.r.mm)->early, 1);
	asked(&t->g, "get012f ");
	lce_hold(lce_find(t->g.r.lce, &t->pp->ipui), NWK_CC);
	mm_call_active(t->g.r.mm, t->pp, true);
	hs_wait(&t->h, 900);
	hs_expect(&t->h, "");
	hs_wait(&t->h, 200);
	hs_expect(&t->h, AUTH);
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	hs_expect(&t->h, "054c19028198\n");
	other_is(t, "dnm 1 7a09038560dc324ea49f3701\n");
	hs_cipher(&t->h);
	hs_wait(&t->h, 5);
	assert_int_equal(mm_stats(t->g.r.mm)->rekeys, 1);
	assert_int_equal(t->g.unsafe, 0);
}

/* Even where keys are not changed every minute. */
static void test_rekey_once(void **state)
{
	struct t *t = *state;

	has_key(t);
	t->g.conf.rekey_ms = 0;
	early_connection(t);
	first(t, CALLS);
	lce_hold(lce_find(t->g.r.lce, &t->pp->ipui), NWK_CC);
	mm_call_active(t->g.r.mm, t->pp, true);
	hs_wait(&t->h, 1100);
	hs_expect(&t->h, AUTH);
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	hs_cipher(&t->h);
	t->h.rx[0] = '\0';
	hs_wait(&t->h, 70000);
	hs_expect(&t->h, "");
}

/* The other form of the question; and shorter ones, which mean the handset's last key. */
static void test_forms(void **state)
{
	static const struct {
		enum early_form form;
		const char *ask, *want;
	} q[] = {
		{ EARLY_IDENTITY, "0b4711 012f", "dnm 1 7a1e0b4711" KEY "01\n" },
		{ EARLY_IDENTITY, "0b4711", "dnm 1 7a1e0b4711" KEY "01\n" },
		{ EARLY_CONNECTION, "03 0b4711", "dnm 1 7a1e0300" KEY "0101\n" },
		{ EARLY_CONNECTION, "03 012f", "dnm 1 7a1e0300" KEY "0101\n" },
		/* Not understood: no answer, no fault. */
		{ EARLY_IDENTITY, "03 0b4711 012f", "" },
		{ EARLY_CONNECTION, "0b4711 012f", "" },
		{ EARLY_CONNECTION, "", "" },
		/* No connection. */
		{ EARLY_IDENTITY, "0b4712", "dnm 1 7a1e0b47120000000000000000ff\n" },
	};
	struct t *t = *state;

	has_key(t);
	for (size_t i = 0; i < ARRAY_LEN(q); i++) {
		uint8_t dnm[16] = { 0x7a, 0x1d };
		bool none = i + 1 == ARRAY_LEN(q);

		t->g.conf.early = q[i].form;
		air_con(&t->g.air, 1, 3, TPUI, false);
		assert_int_equal(mac_input(t->g.air.mac, 1, dnm,
		                     2 + air_unhex(q[i].ask, dnm + 2, sizeof(dnm) - 2)),
		    none ? ERR_STATE : 0);
		other_is(t, q[i].want);
	}
}

/* An index that nobody has, or of another kind: in clear, and ciphered the usual way. */
static void test_unknown_index(void **state)
{
	static const char *const ask[] = { "03 0b4711 0130", "03 0b4711 0000", "03 0b4711 ffff",
		"03 0b4711 ff00" };
	struct t *t = *state;

	has_key(t);
	for (size_t i = 0; i < ARRAY_LEN(ask); i++) {
		asks(t, TPUI, ask[i]);
		other_is(t, "dnm 1 7a1e0300000000000000000000ff\n");
	}
	first(t, CALLS);
	mm_secure(t->g.r.mm, t->pp, rig_done, &t->g);
	hs_expect(&t->h, AUTH);
	assert_int_equal(mm_stats(t->g.r.mm)->default_refused, ARRAY_LEN(ask));
	assert_int_equal(mm_stats(t->g.r.mm)->early, 0);
}

/* Keys that were made before the present subscription, or in a base that cannot cipher, are none. */
static void test_void_key(void **state)
{
	struct t *t = *state;

	has_key(t);
	t->pp->def_at = 0;
	asks(t, TPUI, "03 0b4711 012f");
	other_is(t, "dnm 1 7a1e0300000000000000000000ff\n");
	t->pp->def_at = 1;
	t->g.air.ciphers = false;
	asks(t, TPUI, "03 0b4711 012f");
	other_is(t, "dnm 1 7a1e0300000000000000000000ff\n");
	t->g.air.ciphers = true;
	t->g.away = true;
	asks(t, TPUI, "03 0b4711 012f");
	other_is(t, "dnm 1 7a1e0300000000000000000000ff\n");
}

/* The index is another handset's than the PMID. */
static void test_anothers_index(void **state)
{
	struct t *t = *state;

	has_key(t);
	pp_ipei_ipui("040970175054", &t->g.def_owner);
	asks(t, TPUI, "03 0b4711 012f");
	other_is(t, "dnm 1 7a1e0300000000000000000000ff\n");
}

/* A random PMID tells nothing: whose the index is, is. */
static void test_default_pmid(void **state)
{
	struct t *t = *state;

	has_key(t);
	asks(t, 0xe1234, "03 0e1234 012f");
	asked(&t->g, "get012f? ");
	other_is(t, "dnm 1 7a1e0300" KEY "0101\n");
	eks(t, 2);
	first(t, CALLS);
	mm_secure(t->g.r.mm, t->pp, rig_done, &t->g);
	hs_expect(&t->h, "");
	assert_int_equal(t->g.done, 1);
}

/* With the key of one handset it says that it is another one: release 40, and that one's link stays as it is. */
static void test_foreign(void **state)
{
	static const struct {
		const char *msg, *want;
	} t_[] = {
		{ "0305 " OTHER PARK "e080", "835ae240\n" },
		{ "0554 " OTHER TCAP, "8557600110\n" },
	};
	struct t *t = *state;
	struct pp *other;

	has_key(t);
	assert_int_equal(pp_make(t->g.r.pps, "040970175054", &other), 0);
	other->subscribed = true;
	other->def_at = 1;
	for (size_t i = 0; i < ARRAY_LEN(t_); i++) {
		early_connection(t);
		first(t, t_[i].msg);
		hs_expect(&t->h, t_[i].want);
		assert_null(lce_find(t->g.r.lce, &other->ipui));
		assert_int_equal(lce_stats(t->g.r.lce)->foreign_key, i + 1);
		hs_wait(&t->h, 6000);
		t->h.other[0] = '\0';
	}
	assert_int_equal(mm_stats(t->g.r.mm)->early, 0);
}

/* The base reports after the first message. */
static void test_late_report(void **state)
{
	struct t *t = *state;

	has_key(t);
	asks(t, TPUI, "03 0b4711 012f");
	other_is(t, "dnm 1 7a1e0300" KEY "0101\n");
	first(t, CALLS);
	mm_secure(t->g.r.mm, t->pp, rig_done, &t->g);
	/* Nothing goes out meanwhile. */
	hs_expect(&t->h, "");
	eks(t, 2);
	hs_pump(&t->h);
	assert_int_equal(mm_stats(t->g.r.mm)->early, 1);
	assert_true(lce_proven(lce_find(t->g.r.lce, &t->pp->ipui)));
}

/* It never does: after a while the connection is one like others. */
static void test_no_report(void **state)
{
	struct t *t = *state;

	has_key(t);
	asks(t, TPUI, "03 0b4711 012f");
	other_is(t, "dnm 1 7a1e0300" KEY "0101\n");
	first(t, CALLS);
	mm_secure(t->g.r.mm, t->pp, rig_done, &t->g);
	hs_wait(&t->h, MAC_EARLY_MS - 100);
	hs_expect(&t->h, "");
	hs_wait(&t->h, 200);
	hs_expect(&t->h, AUTH);
	assert_int_equal(mm_stats(t->g.r.mm)->early, 0);
}

/* Type 1 with no other key given can mean the default one only. */
static void test_report_type_1(void **state)
{
	struct t *t = *state;

	has_key(t);
	asks(t, TPUI, "03 0b4711 012f");
	other_is(t, "dnm 1 7a1e0300" KEY "0101\n");
	eks(t, 1);
	first(t, CALLS);
	assert_int_equal(mm_stats(t->g.r.mm)->early, 1);
}

/* A base that has the key from before does not ask; only for the PMID under which it got it. The key is fetched for handovers. */
static void test_kept_by_base(void **state)
{
	struct t *t = *state;

	has_key(t);
	air_con(&t->g.air, 1, 3, TPUI, false);
	eks(t, 2);
	first(t, CALLS);
	assert_int_equal(mm_stats(t->g.r.mm)->early, 1);
	asked(&t->g, "get012f ");
	hs_wait(&t->h, 5);
	t->h.other[0] = '\0';
	lce_hold(lce_find(t->g.r.lce, &t->pp->ipui), NWK_CC);
	air_dnm(&t->g.air, 2, (uint8_t[]){ 0x7a, 0x0b, 9, 0x0b, 0x47, 0x11, 2, 1 }, 8);
	other_is(t, "dnm 2 7a0c0900" KEY "0101\n");
}

static void test_kept_for_another(void **state)
{
	struct t *t = *state;

	has_key(t);
	air_con(&t->g.air, 1, 3, 0xe4711, false);
	eks(t, 2);
	first(t, CALLS);
	hs_expect(&t->h, "835ae240\n");
	assert_int_equal(mm_stats(t->g.r.mm)->early, 0);
}

/* Handover: the new base gets the default key, and may ask for it by its index, too (dect-security 8.5). */
static void test_handover(void **state)
{
	struct t *t = *state;

	has_key(t);
	early_connection(t);
	first(t, CALLS);
	lce_hold(lce_find(t->g.r.lce, &t->pp->ipui), NWK_CC);
	t->h.other[0] = '\0';
	air_dnm(&t->g.air, 2, (uint8_t[]){ 0x7a, 0x0b, 9, 0x0b, 0x47, 0x11, 2, 1 }, 8);
	other_is(t, "dnm 2 7a0c0900" KEY "0101\n");
	air_dnm(&t->g.air, 2, (uint8_t[]){ 0x7a, 0x1d, 9, 0x0b, 0x47, 0x11, 1, 0x2f }, 8);
	other_is(t, "dnm 2 7a1e0900" KEY "0101\n");
	air_con(&t->g.air, 2, 9, TPUI, true);
	air_dnm(&t->g.air, 2, (uint8_t[]){ 0x7a, 0x0a, 9, 2, 1, 0x47, 0x11 }, 7);
	t->h.base = 2;
	t->h.mcei = 9;
	other_is(t, "dis 1:3\n");
	mm_secure(t->g.r.mm, t->pp, rig_done, &t->g);
	hs_expect(&t->h, "");
	assert_int_equal(t->g.done, 1);
	assert_int_equal(t->g.done_err, 0);
}

/* A key for which the message to the new base has no room, and one that is not known (yet): no base takes over in clear what is
 * ciphered. */
static void test_handover_without_key(void **state)
{
	struct t *t = *state;

	has_key(t);
	t->g.conf.dsc2 = true;
	t->pp->caps.tc.dsc2 = true;
	t->g.defck = KEY16;
	asks(t, TPUI, "03 0b4711 012f");
	other_is(t, "dnm 1 7a1e0300" KEY16 "0101\n");
	eks(t, 2);
	first(t, CALLS);
	lce_hold(lce_find(t->g.r.lce, &t->pp->ipui), NWK_CC);
	t->h.other[0] = '\0';
	air_dnm(&t->g.air, 2, (uint8_t[]){ 0x7a, 0x0b, 9, 0x0b, 0x47, 0x11, 2, 1 }, 8);
	other_is(t, "dis 2:9\n");
	air_dnm(&t->g.air, 2, (uint8_t[]){ 0x7a, 0x01, 9, 0x0b, 0x47, 0x11, 2, 1 }, 8);
	other_is(t, "dis 2:9\n");
	mm_secure(t->g.r.mm, t->pp, rig_done, &t->g);
	hs_expect(&t->h, "");
	assert_int_equal(t->g.done, 1);
	assert_int_equal(t->g.done_err, 0);
}

/* A proof that it leaves: no authentication is needed. */
static void test_detach(void **state)
{
	struct t *t = *state;

	has_key(t);
	t->pp->state = PP_LOCATED;
	early_connection(t);
	first(t, "0556 " IPUI);
	hs_expect(&t->h, "");
	assert_int_equal(t->pp->state, PP_DETACHED);
}

/* Each registration makes another key; the bases that know the one before forget it, and no other. */
static void test_renewed(void **state)
{
	struct t *t = *state;

	has_key(t);
	early_connection(t);
	first(t, LOCATE);
	t->g.def_index = 0x0200;
	hs_expect(&t->h, AUTH);
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	hs_wait(&t->h, 5);
	t->h.rx[0] = t->h.other[0] = '\0';
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	other_is(t, "dnm 1 7a1f0b4711\n");
	assert_int_equal(t->pp->def_index, 0x0200);
}

/* One that stays registered for long gets another one after a call. */
static void test_old(void **state)
{
	struct t *t = *state;

	has_key(t);
	t->pp->def_at -= 25 * 3600;
	early_connection(t);
	first(t, CALLS);
	lce_hold(lce_find(t->g.r.lce, &t->pp->ipui), NWK_CC);
	mm_call_active(t->g.r.mm, t->pp, true);
	mm_call_active(t->g.r.mm, t->pp, false);
	t->g.rand = "77a1c04e9d3b2f58";
	hs_expect(&t->h, AUTH2);
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	hs_wait(&t->h, 5);
	assert_true(t->pp->def_at > (int64_t)time(NULL) - 60);
	/* Young enough now. */
	mm_call_active(t->g.r.mm, t->pp, true);
	mm_call_active(t->g.r.mm, t->pp, false);
	hs_expect(&t->h, "");
}

static void test_deleted(void **state)
{
	struct t *t = *state;

	has_key(t);
	early_connection(t);
	first(t, CALLS);
	hs_wait(&t->h, 5);
	t->h.other[0] = '\0';
	assert_int_equal(mm_terminate(t->g.r.mm, t->pp, rig_done, &t->g), 0);
	hs_wait(&t->h, 5);
	hs_say(&t->h, "8549");
	hs_wait(&t->h, 5);
	assert_non_null(strstr(t->h.other, "dnm 1 7a1f0b4711\n"));
	assert_null(strstr(t->h.other, "dnm 2"));
}

/* The last registration's key is known after a restart. */
static void test_stored(void **state)
{
	struct ppdb *db;
	struct pps *s;
	struct pp *pp;
	struct tmr_wheel *w = tmr_wheel_new(NULL);

	(void)state;
	assert_int_equal(ppdb_open(":memory:", &db), 0);
	for (int round = 0; round < 3; round++) {
		s = pps_new(db, w, &rig_pps, &(struct rig){ 0 });
		assert_int_equal(pps_load(s), 0);
		assert_int_equal(pp_make(s, IPEI, &pp), 0);
		switch (round) {
		case 0:
			pp->def_index = 0x1234;
			pp->def_at = 77;
			assert_int_equal(pp_save(pp), 0);
			break;
		case 1:
			assert_int_equal(pp->def_index, 0x1234);
			assert_int_equal(pp->def_at, 77);
			pp->def_at = 0;
			assert_int_equal(pp_save(pp), 0);
			break;
		default:
			assert_int_equal(pp->def_at, 0);
			assert_int_equal(pp_delete(pp), 0);
			break;
		}
		pps_free(s);
	}
	ppdb_close(db);
	tmr_wheel_free(w);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { T(made), T(not_for), T(off), T(not_wanted),
		T(no_answer), T(no_certd), T(wrong), T(dsaa2), T(call), T(rekey_once), T(forms),
		T(unknown_index), T(void_key), T(anothers_index), T(default_pmid), T(foreign),
		T(late_report), T(no_report), T(report_type_1), T(kept_by_base),
		T(kept_for_another), T(handover), T(handover_without_key), T(detach), T(renewed),
		T(old), T(deleted), cmocka_unit_test(test_stored) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
