/* A base station's link without a socket: its table; a base that keeps the link and says nothing of a radio. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/enc.h"
#include "common/fsm.h"
#include "common/mem.h"
#include "dectd/rfp_crypt.h"
#include "dectd/rfp_link.h"
#include "rfp_vectors.h"

struct base { /* the other end */
	struct tmr_wheel *w;
	struct rfp_link *l;
	struct rfp_cipher tx, rx;
	bool sealed;
	uint8_t out[4096]; /* what came and was not looked at yet */
	size_t n;
	unsigned inits; /* INIT_REQ seen */
	unsigned dnm;   /* messages of connections that were taken */
	bool closed, air;
};

static int on_write(void *ctx, struct rfp_link *l, const uint8_t *p, size_t n)
{
	struct base *b = ctx;

	(void)l;
	assert_true(b->n + n <= sizeof(b->out));
	memcpy(b->out + b->n, p, n);
	b->n += n;
	return 0;
}

static void on_closed(void *ctx, struct rfp_link *l, enum rfp_link_why why)
{
	struct base *b = ctx;

	(void)l;
	(void)why;
	b->closed = true;
}

static void on_init(void *ctx, struct rfp_link *l, const struct rfp_link_info *info)
{
	(void)ctx;
	(void)l;
	assert_int_equal(info->protocol, 0x00070100);
}

static void on_proven(void *ctx, struct rfp_link *l)
{
	(void)ctx;
	(void)l;
}

static void on_air(void *ctx, struct rfp_link *l, bool up)
{
	struct base *b = ctx;

	(void)l;
	b->air = up;
}

static void on_heard(void *ctx, struct rfp_link *l, const struct sync_neighbour *nb, unsigned n)
{
	(void)ctx;
	(void)nb;
	assert_int_equal(n, 0);
	rfp_link_start(l, -1);
}

static int on_dnm(void *ctx, struct rfp_link *l, const uint8_t *p, size_t n)
{
	struct base *b = ctx;

	(void)l;
	(void)p;
	(void)n;
	b->dnm++;
	return 0;
}

static const struct rfp_link_ops ops = { .write = on_write,
	.closed = on_closed,
	.init = on_init,
	.proven = on_proven,
	.heard = on_heard,
	.on_air = on_air,
	.dnm = on_dnm };

/* Whole and plain, in hex; sealed once the link is. */
static void says(struct base *b, const char *hex)
{
	uint8_t msg[512], wire[512], *room;
	size_t n = 0, cap;

	assert_int_equal(enc_unhex(slice_str(hex), msg, sizeof(msg), &n), 0);
	if (b->sealed)
		n = rfp_seal(&b->tx, msg, n, wire);
	else
		memcpy(wire, msg, n);
	room = rfp_link_room(b->l, &cap);
	assert_non_null(room);
	assert_true(cap >= n);
	memcpy(room, wire, n);
	rfp_link_input(b->l, n);
}

/* Opens what came since and counts what is asked of the radio. */
static void look(struct base *b)
{
	size_t at = 0;

	while (at + 8 <= b->n) {
		uint8_t head[8];
		rfp_peek(&b->rx, b->out + at, head);
		size_t len = ((size_t)(head[2] << 8 | head[3]) + 4 + 7) & ~(size_t)7;
		assert_true(at + len <= b->n);
		rfp_open(&b->rx, b->out + at, len);
		b->inits += b->out[at] == 3 && b->out[at + 1] == 1 && b->out[at + 4] == 0x78 &&
		            b->out[at + 5] == 0x02;
		at += len;
	}
	assert_int_equal(at, b->n);
	b->n = 0;
}

static void pass(struct base *b, unsigned seconds)
{
	for (unsigned i = 0; i < seconds && !b->closed; i++) {
		if (i % 15 == 0)
			says(b, "000300080c6b560010270000");
		tmr_advance(b->w, 1000);
		look(b);
	}
}

static struct base *base_up(void)
{
	struct base *b = calloc(1, sizeof(*b));
	struct rfp_link_conf conf = {
		.dect = true, .heartbeat_s = 15, .pli = 31, .freq_band = -1, .rf_power = -1
	};
	uint8_t iv[BF_BLOCK], auth[RFP_AUTH_LEN];

	assert_non_null(b);
	b->w = tmr_wheel_new(NULL);
	b->l = rfp_link_new(b->w, &ops, b, "192.0.2.7:1");
	assert_non_null(b->l);
	assert_int_equal(rfp_link_open(b->l), 0);
	assert_int_equal(b->n, 4 + RFP_AUTH_LEN);
	memcpy(auth, b->out + 4, sizeof(auth));
	for (size_t i = 0; i < ARRAY_LEN(rfp_vectors); i++)
		if (strcmp(rfp_vectors[i].name, "sys_init_proto_00070100") == 0)
			says(b, rfp_vectors[i].hex);
	b->n = 0;
	rfp_link_accept(b->l, &conf, (struct slice){ 0 }, NULL, NULL);
	rfp_iv(auth, TO_OMM, iv);
	rfp_cipher_fixed(&b->tx, TO_OMM, iv);
	rfp_iv(auth, TO_RFP, iv);
	rfp_cipher_fixed(&b->rx, TO_RFP, iv);
	b->sealed = true;
	assert_true(b->n > 12);
	memmove(b->out, b->out + 12, b->n -= 12); /* the ACK is in clear */
	look(b);
	says(b, "011700100000000000000000e9c1a2b380000000");
	assert_true(rfp_link_proven(b->l));
	return b;
}

static void base_free(struct base *b)
{
	rfp_link_free(b->l);
	tmr_wheel_free(b->w);
	free(b);
}

static void tables(void **state)
{
	(void)state;
	assert_int_equal(fsm_check(&rfp_link_def, stderr), 0);
}

/* It keeps its link while it sends heartbeats; its radio is asked again and again, and the administrator is told. */
static void no_word_of_a_radio(void **state)
{
	struct base *b = base_up();

	(void)state;
	assert_string_equal(rfp_link_trouble(b->l), "");
	pass(b, 15);
	assert_int_equal(b->inits, 0);
	pass(b, 300);
	assert_false(b->closed);
	assert_true(b->inits >= 4);
	assert_string_equal(rfp_link_trouble(b->l), "its radio does not answer");
	/* It does at last. */
	says(b, "0301001178010101010207020102031132fc03010c");
	says(b, "030100057803120101");
	assert_string_equal(rfp_link_state(b->l), "READY");
	base_free(b);
}

/* It sends from ACTIVATE_CFM on: a handset that waited for it may be quicker than the answer about frequency control. */
static void handset_is_quick(void **state)
{
	static const char *const up[] = { "0301001178010101010207020102031132fc03010c",
		"030100057803120101", "030200037d3200", "030200037d2100", "030200057d0f021000",
		"030200037d1f00", "030200047d1f0100", "030200037d2100", "030200037d2200" };
	struct base *b = base_up();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(up); i++)
		says(b, up[i]);
	says(b, "030100087a01020000050001"); /* too early: dropped */
	assert_false(b->air);
	assert_int_equal(b->dnm, 0);
	says(b, "030100027810");
	assert_true(b->air);
	says(b, "030100087a01020000050001");
	assert_int_equal(b->dnm, 1);
	says(b, "030200097d1606020a300a3004");
	assert_string_equal(rfp_link_state(b->l), "ACTIVE");
	assert_true(b->air);
	base_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables),
		cmocka_unit_test(no_word_of_a_radio),
		cmocka_unit_test(handset_is_quick),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
