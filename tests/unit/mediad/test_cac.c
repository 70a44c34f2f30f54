/* Call admission control: attributes against the vectors of MS-TURNBWM, and each rule of the client under a fake clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/enc.h"
#include "mediad/cac.h"

static const char v_check[] =
    "000300dc2112a44201b2a3a4a5a6a7a8a9aaabac000f000472c64bc680080004000000028055000400010000805600"
    "04000000008058001000000027000000640000002700000064805900080001e296e112a648805b00080001813ae721"
    "c06a8062002030313233343536373839616263646566303132333435363738396162636465668068000402020000"
    "001500087274636d656469610014001034663665363336353431363236333634000600280102030405060708090a"
    "0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728000800141a4bad5db420a802b58d9c3f"
    "4b371984f10ead3f";
static const char v_ok[] =
    "010300742112a44201b2a3a4a5a6a7a8a9aaabac000f000472c64bc68008000400000002000100080001cb20c63364"
    "1e000d0004000002588056000400000000805d000c800000000000006400000064805f000c800000000000006400"
    "0000648060000c80000000000000640000006400080014c220068b6884a373fb83b417f091e9350ac9c491";
static const char v_denied[] =
    "010300742112a44201b2a3a4a5a6a7a8a9aaabac000f000472c64bc68008000400000002000100080001cb20c63364"
    "1e000d0004000002588056000400000000805d000c400000000000000000000000805f000c000000000000000000"
    "0000008060000c8000000000000000000000000008001477adffad3d18b295cab6867b24f188d9ec4ef7b9";
static const char v_commit[] =
    "000300dc2112a44202b2a3a4a5a6a7a8a9aaabac000f000472c64bc680080004000000028055000400010000805600"
    "04000000018058001000000027000000580000002700000058805900080001e296e112a648805b00080001813ae721"
    "c06a80610020303132333435363738396162636465663b66726f6d3d61313b746f3d623230308068000402020000"
    "001500087274636d656469610014001034663665363336353431363236333634000600280102030405060708090a"
    "0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223242526272800080014385a3928a75a89aceebc2f04"
    "ef6dd964eb9ddddf";
static const char v_release[] =
    "000300ac2112a44203b2a3a4a5a6a7a8a9aaabac000f000472c64bc680080004000000028055000400010000805600"
    "04000000028057001000112233445566778899aabbccddeeff80580010000000000000000000000000000000000015"
    "00087274636d656469610014001034663665363336353431363236333634000600280102030405060708090a0b0c"
    "0d0e0f101112131415161718191a1b1c1d1e1f20212223242526272800080014a74ac302af04d18921237a2706e0b2"
    "18b02baa50";

#define NONCE "4f6e636541626364"
#define SEC   1000000ull

static struct addr at(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(slice_str(text), 0, &a), 0);
	return a;
}

static size_t hex(const char *text, uint8_t *out, size_t cap)
{
	size_t n = strlen(text) / 2;

	assert_true(n <= cap);
	for (size_t i = 0; i < n; i++) {
		unsigned v;
		assert_int_equal(sscanf(text + 2 * i, "%2x", &v), 1);
		out[i] = (uint8_t)v;
	}
	return n;
}

static struct slice user(void)
{
	static uint8_t u[40];

	for (uint8_t i = 0; i < 40; i++)
		u[i] = (uint8_t)(i + 1);
	return (struct slice){ (const char *)u, 40 };
}

static struct slice password(void)
{
	static uint8_t p[20];

	for (uint8_t i = 0; i < 20; i++)
		p[i] = (uint8_t)(0x80 + i);
	return (struct slice){ (const char *)p, 20 };
}

/* ---- octets ---- */

static void vectors(void **state)
{
	static const char *const all[] = { v_check, v_commit, v_release };
	uint8_t want[400], got[400], key[16];
	static const uint8_t id[] = { 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa,
		0xbb, 0xcc, 0xdd, 0xee, 0xff };
	struct addr remote = at("192.0.2.10:50052"), local = at("198.51.100.40:41000");

	(void)state;
	stun_long_key(user(), SLICE_LIT("rtcmedia"), password(), key);
	for (int i = 0; i < 3; i++) {
		size_t n = hex(all[i], want, sizeof(want));
		struct stun_id tid;
		memcpy(tid.b, want + 4, 16);
		struct stun_w w = stun_begin(got, sizeof(got), STUN_MSTURN, STUN_ALLOCATE, &tid);
		stun_put(&w, STUN_A_MS_COOKIE, "\x72\xc6\x4b\xc6", 4);
		stun_put_u32(&w, STUN_A_MS_VERSION, 2);
		stun_put_u32(&w, STUN_A_MS_QUALITY, 0x10000);
		cac_put_kind(&w, (enum cac_message)i);
		if (i == CAC_UPDATE) {
			cac_put_id(&w, id);
			cac_put_amount(&w, (struct cac_amount){ 0, 0 });
		} else {
			cac_put_amount(&w, (struct cac_amount){ 39, i == CAC_CHECK ? 100 : 88 });
			cac_put_end(&w, CAC_REMOTE, &remote);
			cac_put_end(&w, CAC_LOCAL, &local);
			if (i == CAC_CHECK)
				cac_put_call(&w, SLICE_LIT("0123456789abcdef0123456789abcdef"));
			else
				cac_put_dialog(&w, SLICE_LIT("0123456789abcdef;from=a1;to=b200"));
			cac_put_location(&w, (struct cac_location){ 2, 2, 0 });
		}
		stun_put(&w, STUN_A_NONCE, "rtcmedia", 8);
		stun_put(&w, STUN_A_REALM, NONCE, 16);
		stun_put(&w, STUN_A_USERNAME, user().p, 40);
		assert_int_equal(stun_end(&w, key, 16, STUN_FP_NONE), n);
		assert_memory_equal(got, want, n);
	}
}

static void judged(void **state)
{
	uint8_t p[300];
	struct stun_msg m;
	struct cac_answer a;
	struct cac_verdict v;
	size_t n = hex(v_ok, p, sizeof(p));

	(void)state;
	assert_int_equal(stun_parse(p, n, STUN_MSTURN, &m), 0);
	cac_read(&m, &a);
	assert_true(a.any && !a.pstn && !a.has_id);
	assert_false(a.end[CAC_REMOTE_RELAY].said);
	cac_judge(&a, 56, true, false, &v);
	assert_true(v.path && v.end[CAC_LOCAL] && v.end[CAC_REMOTE] && v.end[CAC_LOCAL_RELAY]);
	assert_false(v.end[CAC_REMOTE_RELAY]); /* it has none */
	assert_int_equal(v.send, 100);
	assert_int_equal(v.receive, 100);
	cac_judge(&a, 101, true, false, &v); /* more than there is */
	assert_false(v.path);

	n = hex(v_denied, p, sizeof(p));
	assert_int_equal(stun_parse(p, n, STUN_MSTURN, &m), 0);
	cac_read(&m, &a);
	cac_judge(&a, 56, true, false, &v);
	assert_true(v.pstn);
	assert_false(v.path);
	cac_judge(&a, 56, true, true,
	    &v); /* their relay was not said anything of, ours has no bandwidth */
	assert_false(v.path);
	a.end[CAC_LOCAL_RELAY].send = a.end[CAC_LOCAL_RELAY].receive = 60;
	cac_judge(&a, 56, true, true, &v);
	assert_true(v.path && v.end[CAC_LOCAL_RELAY] && v.end[CAC_REMOTE_RELAY]);
	assert_false(v.end[CAC_LOCAL] || v.end[CAC_REMOTE]);
	assert_int_equal(v.send, 60);
	cac_judge(&a, 56, false, true, &v); /* we have no relay */
	assert_false(v.path);

	a = (struct cac_answer){ 0 }; /* a server that knows nothing of it */
	cac_judge(&a, 56, true, true, &v);
	assert_true(v.path && v.end[CAC_LOCAL] && v.end[CAC_REMOTE]);
	assert_int_equal(v.send, UINT32_MAX);
}

static void needs(void **state)
{
	(void)state;
	for (int c = CODEC_PCMU; c <= CODEC_AAL2_G726_40; c++) {
		struct cac_amount a = cac_need((enum codec)c);
		unsigned bits = codec_props[c].g726 ? codec_props[c].g726 : 8;
		/* 12 RTP + 11 SRTP + 8 UDP + 20 IP octets 50 times a second */
		assert_true(a.min * 10 >= bits * 80 + 204 && a.min < a.max);
	}
	assert_int_equal(cac_need(CODEC_CN).max, 0);
	assert_int_equal(cac_need(CODEC_EVENT).max, 0);
}

/* ---- a server that the test plays ---- */

struct world {
	struct cac c;
	uint64_t now;
	uint8_t sent[2048]; /* the last message */
	size_t n;
	unsigned count, reports;
	struct addr to;
	enum cac_report last;
};

static void on_send(void *ctx, const struct addr *server, const uint8_t *p, size_t n)
{
	struct world *w = ctx;

	assert_true(n <= sizeof(w->sent));
	memcpy(w->sent, p, n);
	w->n = n;
	w->to = *server;
	w->count++;
}

static void on_report(void *ctx, enum cac_report r)
{
	struct world *w = ctx;

	w->last = r;
	w->reports++;
}

static const struct cac_ops ops = { on_send, on_report };

static void start(struct world *w)
{
	struct cac_conf conf = { .server = at("203.0.113.5:3478"),
		.user = user(),
		.password = password(),
		.call_id = SLICE_LIT("call@host"),
		.dialog = SLICE_LIT("call@host;from=a;to=b"),
		.location = { 2, 2, 0 } };

	*w = (struct world){ .now = 5 * SEC };
	assert_int_equal(cac_init(&w->c, &conf, &ops, w), 0);
}

static uint32_t word(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* An attribute of what was sent; NULL: not there. */
static const uint8_t *attr(const struct world *w, unsigned type, size_t *len)
{
	for (size_t i = 20; i + 4 <= w->n;) {
		unsigned t = (unsigned)(w->sent[i] << 8 | w->sent[i + 1]);
		size_t n = (size_t)(w->sent[i + 2] << 8 | w->sent[i + 3]);
		if (t == type) {
			if (len)
				*len = n;
			return w->sent + i + 4;
		}
		i += 4 + n;
	}
	return NULL;
}

static int kind(const struct world *w)
{
	const uint8_t *k = attr(w, 0x8056, NULL);

	return k ? (int)word(k) : -1;
}

static uint32_t amount(const struct world *w, int i)
{
	const uint8_t *a = attr(w, 0x8058, NULL);

	assert_non_null(a);
	assert_int_equal(word(a), word(a + 8));
	assert_int_equal(word(a + 4), word(a + 12));
	return word(a + 4 * i);
}

static void feed(struct world *w, struct stun_w *m, const uint8_t *buf, bool sign)
{
	uint8_t key[16];

	stun_long_key(user(), SLICE_LIT("rtcmedia"), password(), key);
	size_t n = stun_end(m, sign ? key : NULL, 16, STUN_FP_NONE);
	assert_true(n > 0);
	struct addr from = w->to;
	(void)cac_input(&w->c, &from, buf, n, w->now);
}

static struct stun_w reply(const struct world *w, uint8_t *buf, uint16_t type)
{
	struct stun_id tid;

	memcpy(tid.b, w->sent + 4, 16);
	struct stun_w m = stun_begin(buf, 600, STUN_MSTURN, type, &tid);
	stun_put(&m, STUN_A_MS_COOKIE, "\x72\xc6\x4b\xc6", 4);
	return m;
}

static void refuse(struct world *w, unsigned code, const char *nonce)
{
	uint8_t buf[600];
	struct stun_w m = reply(w, buf, STUN_ALLOCATE_ERR);

	stun_put_error(&m, code, "no");
	if (nonce) {
		stun_put(&m, STUN_A_REALM, nonce, strlen(nonce));
		stun_put(&m, STUN_A_NONCE, "\"rtcmedia\"", 10);
	}
	feed(w, &m, buf, false);
}

static void put_end(struct stun_w *m, uint16_t type, uint32_t flags, uint32_t kbps)
{
	uint8_t b[12] = { (uint8_t)(flags >> 24), 0, 0, 0, 0, 0, 0, (uint8_t)kbps, 0, 0, 0,
		(uint8_t)kbps };

	stun_put(m, type, b, sizeof(b));
}

/* id: 0: none; valid: of the remote site, or -1: nothing said */
static void grant(struct world *w, uint8_t id, int valid, uint32_t lifetime)
{
	uint8_t buf[600], ident[16];
	struct stun_w m = reply(w, buf, STUN_ALLOCATE_OK);

	stun_put_u32(&m, STUN_A_LIFETIME, lifetime);
	if (id) {
		memset(ident, id, sizeof(ident));
		stun_put(&m, 0x8057, ident, sizeof(ident));
	}
	if (valid >= 0)
		put_end(&m, 0x805d, valid ? 0x80000000u : 0, 100);
	feed(w, &m, buf, true);
}

/* The challenge of the first request, then the request itself is there. */
static void challenge(struct world *w)
{
	assert_int_equal(kind(w), -1); /* an Allocate like any other */
	assert_null(attr(w, STUN_A_USERNAME, NULL));
	refuse(w, 401, NONCE);
	assert_true(w->c.asked);
	assert_non_null(attr(w, STUN_A_INTEGRITY, NULL));
}

static void go(struct world *w, uint64_t until)
{
	while (cac_next(&w->c) <= until) {
		w->now = cac_next(&w->c) > w->now ? cac_next(&w->c) : w->now;
		cac_timer(&w->c, w->now);
	}
	w->now = until;
}

static struct cac_path direct(void)
{
	return (struct cac_path){ .end = { [CAC_LOCAL] = at("198.51.100.40:41000"),
		                      [CAC_REMOTE] = at("192.0.2.10:50052") } };
}

static const struct cac_amount g711 = { 88, 100 }, g726 = { 56, 64 }, both = { 56, 100 };

static void reserve(struct world *w, uint32_t lifetime)
{
	struct cac_path p = direct();

	start(w);
	cac_commit(&w->c, &p, g711, w->now);
	challenge(w);
	assert_int_equal(kind(w), CAC_COMMIT);
	grant(w, 7, -1, lifetime);
	assert_int_equal(w->c.fsm.st, CAC_RESERVED);
	assert_int_equal(w->last, CAC_SAYS_RESERVED);
}

/* ---- the rules ---- */

static void table(void **state)
{
	(void)state;
	assert_int_equal(fsm_check(&cac_fsm, stderr), 0);
}

static void checks(void **state)
{
	struct world w;
	struct cac_path p = direct();
	size_t n;

	(void)state;
	start(&w);
	p.end[CAC_REMOTE_RELAY] = at("203.0.113.9:3500");
	assert_int_equal(cac_check(&w.c, &p, both, w.now), 0);
	challenge(&w);
	assert_int_equal(kind(&w), CAC_CHECK);
	assert_int_equal(amount(&w, 0), 56);
	assert_int_equal(amount(&w, 1), 100);
	assert_non_null(attr(&w, 0x8059, NULL));
	assert_non_null(attr(&w, 0x805a, NULL));
	assert_non_null(attr(&w, 0x805b, NULL));
	assert_null(attr(&w, 0x805c, NULL));
	assert_memory_equal(attr(&w, 0x8062, &n), "call@host", 9);
	assert_int_equal(n, 9);
	assert_null(attr(&w, 0x8061, NULL));
	assert_non_null(attr(&w, 0x8068, NULL));
	grant(&w, 0, 1, 600);
	assert_int_equal(w.last, CAC_SAYS_VERDICT);
	assert_true(w.c.answer.end[CAC_REMOTE].valid);
	assert_true(cac_next(&w.c) == UINT64_MAX); /* nothing is held */
	/* The call is refused, or goes on in a session of its own: the allocation goes. */
	unsigned before = w.count;
	cac_close(&w.c, false);
	assert_int_equal(w.count, before + 1);
	assert_int_equal(word(attr(&w, STUN_A_LIFETIME, NULL)), 0);
	assert_int_equal(kind(&w), -1);
}

static void silent(void **state)
{
	struct world w;
	struct cac_path p = direct();

	(void)state;
	start(&w);
	assert_int_equal(cac_check(&w.c, &p, both, w.now), 0);
	go(&w, w.now + 1999000);
	assert_int_equal(w.reports, 0);
	assert_int_equal(w.count, 3); /* at 0, 0.5 and 1.5 s */
	go(&w, w.now + 2000);
	assert_int_equal(w.reports, 1);
	assert_int_equal(w.last, CAC_SAYS_SILENT);
	assert_int_equal(w.c.fsm.st, CAC_OUT);
	go(&w, w.now + 600 * SEC);
	assert_int_equal(w.count, 3); /* a Check is not asked again */
	cac_close(&w.c, false);
	assert_int_equal(w.count, 3); /* nothing is held: nothing is freed */

	/* A Commit: tried five times, then again every minute; told once. */
	start(&w);
	cac_commit(&w.c, &p, g711, w.now);
	go(&w, w.now + 16 * SEC);
	assert_int_equal(w.count, 5);
	assert_int_equal(w.reports, 1);
	go(&w, w.now + 200 * SEC);
	assert_int_equal(w.reports, 1);
	assert_true(w.count >= 10);
	while (!w.c.asked)
		go(&w, w.now + SEC);
	challenge(&w);
	grant(&w, 3, -1, 600);
	assert_int_equal(w.last, CAC_SAYS_RESERVED);
}

static void credentials(void **state)
{
	struct world w;
	struct cac_path p = direct();

	(void)state;
	start(&w);
	assert_int_equal(cac_check(&w.c, &p, both, w.now), 0);
	challenge(&w);
	refuse(&w, 438, "another nonce"); /* stale: the same again */
	assert_true(w.c.asked);
	assert_memory_equal(attr(&w, STUN_A_REALM, NULL), "another nonce", 13);
	refuse(&w, 401, "a third one"); /* about the credentials now */
	assert_false(w.c.asked);
	assert_int_equal(w.last, CAC_SAYS_REFUSED);
	assert_int_equal(w.c.error, 401);

	/* An answer that is not signed, or by another key, is none. */
	start(&w);
	assert_int_equal(cac_check(&w.c, &p, both, w.now), 0);
	challenge(&w);
	uint8_t buf[600];
	struct stun_w m = reply(&w, buf, STUN_ALLOCATE_OK);
	feed(&w, &m, buf, false);
	assert_int_equal(w.reports, 0);
	m = reply(&w, buf, STUN_ALLOCATE_OK);
	size_t n = stun_end(&m, "0123456789abcdef", 16, STUN_FP_NONE);
	struct addr server = w.to, other = at("203.0.113.6:3478");
	assert_true(cac_input(&w.c, &server, buf, n, w.now));
	assert_int_equal(w.reports, 0);
	assert_false(cac_input(&w.c, &other, buf, n, w.now)); /* nor from elsewhere */
	grant(&w, 0, 1, 600);
	assert_int_equal(w.last, CAC_SAYS_VERDICT);
	/* Another server, named with the challenge. */
	start(&w);
	assert_int_equal(cac_check(&w.c, &p, both, w.now), 0);
	m = reply(&w, buf, STUN_ALLOCATE_ERR);
	stun_put_error(&m, 401, "no");
	stun_put(&m, STUN_A_REALM, NONCE, 16);
	stun_put(&m, STUN_A_NONCE, "rtcmedia", 8);
	stun_put_addr(&m, STUN_A_MS_ALTERNATE, &other, false);
	feed(&w, &m, buf, false);
	assert_true(addr_eq(&w.to, &other));
	grant(&w, 0, 1, 600);
	assert_int_equal(w.last, CAC_SAYS_VERDICT);
}

static void updates(void **state)
{
	struct world w;
	size_t n;

	(void)state;
	reserve(&w, 20);
	assert_int_equal(amount(&w, 1), 100);
	assert_int_equal(attr(&w, 0x8061, &n) != NULL, 1);
	assert_null(attr(&w, 0x8062, NULL));
	unsigned before = w.count;
	go(&w, w.now + 9900000);
	assert_int_equal(w.count, before);
	for (int i = 0; i < 3; i++) { /* at half of the life, for ever */
		go(&w, w.now + 200000);
		assert_int_equal(kind(&w), CAC_UPDATE);
		assert_int_equal(*attr(&w, 0x8057, NULL), 7);
		assert_int_equal(amount(&w, 1), 100);
		assert_null(attr(&w, 0x8059, NULL));
		assert_null(attr(&w, 0x8068, NULL));
		grant(&w, 0, -1, 20);
		assert_int_equal(w.c.fsm.st, CAC_RESERVED);
		before = w.count;
		go(&w, w.now + 9800000);
		assert_int_equal(w.count, before);
	}
	assert_int_equal(w.reports, 1);
	cac_close(&w.c, false); /* all zero, and nothing after it */
	assert_int_equal(w.count, before + 1);
	assert_int_equal(kind(&w), CAC_UPDATE);
	assert_int_equal(amount(&w, 0), 0);
	assert_int_equal(amount(&w, 1), 0);
	assert_int_equal(*attr(&w, 0x8057, NULL), 7);
	assert_true(cac_next(&w.c) == UINT64_MAX);
}

static void codecs(void **state)
{
	struct world w;

	(void)state;
	reserve(&w, 600);
	unsigned before = w.count;
	cac_amount(&w.c, g711, w.now); /* the same: nothing to say */
	assert_int_equal(w.count, before);
	cac_amount(&w.c, g726, w.now);
	assert_int_equal(kind(&w), CAC_UPDATE);
	assert_int_equal(amount(&w, 1), 64);
	/* Back again while that is under way: said after it. */
	cac_amount(&w.c, g711, w.now);
	assert_int_equal(amount(&w, 1), 64);
	grant(&w, 0, -1, 600);
	assert_int_equal(w.c.fsm.st, CAC_UPDATING);
	assert_int_equal(amount(&w, 1), 100);
	/* Denied: the old amount stays, and its periodic Updates. */
	grant(&w, 0, 0, 600);
	assert_int_equal(w.last, CAC_SAYS_DENIED);
	assert_int_equal(w.c.fsm.st, CAC_RESERVED);
	assert_int_equal(w.c.have.max, 64);
	go(&w, w.now + 301 * SEC);
	assert_int_equal(kind(&w), CAC_UPDATE);
	assert_int_equal(amount(&w, 1), 64);
	grant(&w, 0, -1, 600);
	assert_int_equal(w.c.have.max, 64);
	/* The same by an error response. */
	cac_amount(&w.c, g726, w.now);
	cac_amount(&w.c, g711, w.now);
	assert_int_equal(amount(&w, 1), 100);
	refuse(&w, 486, NULL);
	assert_int_equal(w.last, CAC_SAYS_DENIED);
	assert_int_equal(w.c.fsm.st, CAC_RESERVED);
}

static void losses(void **state)
{
	struct world w;

	(void)state;
	/* The server has forgotten the reservation: a new one. */
	reserve(&w, 20);
	go(&w, w.now + 10 * SEC + 1);
	refuse(&w, 400, NULL);
	assert_int_equal(w.c.fsm.st, CAC_COMMITTING);
	assert_int_equal(kind(&w), CAC_COMMIT);
	grant(&w, 9, -1, 20);
	assert_int_equal(w.c.fsm.st, CAC_RESERVED);
	go(&w, w.now + 10 * SEC + 1);
	assert_int_equal(*attr(&w, 0x8057, NULL), 9);
	/* It is silent: the Update comes again, and that is told once. */
	go(&w, w.now + 100 * SEC);
	assert_int_equal(w.last, CAC_SAYS_SILENT);
	unsigned told = w.reports;
	go(&w, w.now + 100 * SEC);
	assert_int_equal(w.reports, told);
	assert_true(w.c.fsm.st == CAC_UPDATING || w.c.fsm.st == CAC_RESERVED);

	/* No bandwidth at the Commit: asked again in a minute. */
	struct cac_path p = direct();
	start(&w);
	cac_commit(&w.c, &p, g711, w.now);
	challenge(&w);
	grant(&w, 0, 0, 600);
	assert_int_equal(w.last, CAC_SAYS_DENIED);
	unsigned before = w.count;
	go(&w, w.now + 59 * SEC);
	assert_int_equal(w.count, before);
	go(&w, w.now + 2 * SEC);
	assert_int_equal(kind(&w), CAC_COMMIT);
	grant(&w, 1, 1, 600);
	assert_int_equal(w.last, CAC_SAYS_RESERVED);

	/* A relay that knows nothing of admission control: an Allocate like any other, once. */
	start(&w);
	cac_commit(&w.c, &p, g711, w.now);
	challenge(&w);
	grant(&w, 0, -1, 600);
	assert_int_equal(w.last, CAC_SAYS_IGNORED);
	assert_true(cac_next(&w.c) == UINT64_MAX);
	before = w.count;
	cac_close(&w.c, true); /* the relay's allocation is ended by who has it */
	assert_int_equal(w.count, before);
}

static void paths(void **state)
{
	struct world w;
	struct cac_path p = direct();

	(void)state;
	reserve(&w, 600);
	p.end[CAC_LOCAL_RELAY] = at("203.0.113.9:3500");
	unsigned before = w.count;
	cac_commit(
	    &w.c, &p, g711, w.now); /* what is held goes back, then the new path is asked for */
	assert_int_equal(w.count, before + 2);
	assert_int_equal(kind(&w), CAC_COMMIT);
	assert_non_null(attr(&w, 0x805c, NULL));
	grant(&w, 8, -1, 600);
	assert_int_equal(w.c.fsm.st, CAC_RESERVED);
	assert_int_equal(w.c.id[0], 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors),
		cmocka_unit_test(judged),
		cmocka_unit_test(needs),
		cmocka_unit_test(table),
		cmocka_unit_test(checks),
		cmocka_unit_test(silent),
		cmocka_unit_test(credentials),
		cmocka_unit_test(updates),
		cmocka_unit_test(codecs),
		cmocka_unit_test(losses),
		cmocka_unit_test(paths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
