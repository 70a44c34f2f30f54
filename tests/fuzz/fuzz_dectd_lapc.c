/* LAPC and link control under anything that a base station may pass on: a script of connections, frames, buffers,
 * losses, handovers, time and our own sending. Octets: operation, connection, length, then as many octets. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "dectd/dlc_priv.h"
#include "dectd/lce.h"
#include "dectd/nwk_ie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct tmr_wheel *w;
	struct mac *mac;
	struct lce *e;
	uint8_t mood; /* what the entities do with what they get */
	unsigned depth;
};

static int low_send(void *ctx, uint32_t base, const uint8_t *dnm, size_t n)
{
	(void)ctx;
	(void)base;
	/* Frames that go out are LAPC. */
	if (n > 5 && dnm[0] == 0x79 && dnm[1] == 0x05) {
		struct lapc_frame f;

		if (lapc_parse(dnm + 5, n - 5, &f) != 0 || 3u + f.n != n - 5)
			abort();
	}
	return 0;
}

static int low_info(void *ctx, uint32_t base, struct mac_base_info *out)
{
	(void)ctx;
	*out = (struct mac_base_info){ .id = base, .up = true, .ciphers = true };
	return 0;
}

static const struct mac_low low = { .send = low_send, .base_info = low_info };

static void say(struct lce_link *l)
{
	static uint8_t long_msg[200] = { 0x05, 0x5b };
	struct wr w = { long_msg, sizeof(long_msg), sizeof(long_msg), false };
	int err = lce_send(l, &w);

	if (err && err != ERR_BUSY && err != ERR_STATE)
		abort();
}

static void act(struct world *x, struct lce_link *l)
{
	struct lce_link *other;
	struct ipui pp = ipui_of_ipei(0x1001, x->mood & 3u);

	x->mood = (uint8_t)(x->mood * 5 + 1);
	switch (x->mood >> 4) {
	case 0:
	case 1:
	case 2:
		say(l);
		break;
	case 3:
		lce_hold(l, NWK_MM);
		lce_drop(l, NWK_MM, true);
		break;
	case 4:
		lce_hold(l, NWK_CC);
		lce_drop(l, NWK_CC, false);
		break;
	case 5:
		lce_release(l, true);
		break;
	case 6:
		lce_release(l, false);
		break;
	case 7:
		if (lce_open(x->e, &pp, LCE_PAGE_VOICE, NWK_CC, &other) == 0)
			lce_drop(other, NWK_CC, x->mood & 1);
		break;
	case 8:
		lce_set_proven(l);
		break;
	case 9:
		(void)lce_rebind(l, &pp);
		break;
	case 10:
		if (lce_conn(l))
			(void)mac_encrypt(lce_conn(l), (const uint8_t *)"12345678", 8);
		break;
	default:
		break;
	}
}

static void rx(void *ctx, struct lce_link *l, const struct nwk_msg *m)
{
	(void)m;
	act(ctx, l);
}

static void event(void *ctx, struct lce_link *l, const struct lce_event *ev)
{
	struct world *x = ctx;

	if (ev->what != LCE_EV_DOWN && ev->what != LCE_EV_IDLE) {
		act(x, l);
	} else if (ev->what == LCE_EV_DOWN && x->mood & 1) {
		struct lce_link *again;

		x->mood ^= 1;
		if (lce_open(x->e, lce_ipui(l), LCE_PAGE_SIGNAL, NWK_MM, &again) == 0 && again == l)
			abort();
	}
}

static const struct lce_entity ent = { rx, event };

static void input(struct world *x, uint32_t base, const uint8_t *p, size_t n)
{
	int err = mac_input(x->mac, base, p, n);

	(void)err;
}

static void step(struct world *x, uint8_t op, uint8_t conn, const uint8_t *p, size_t n)
{
	uint32_t base = 1 + (conn >> 7);
	uint8_t mcei = conn & 7,
	        dnm[5 + 80] = { 0x7a, 0x01, mcei, 0x0e, 0, (uint8_t)(conn & 3), 0, 1 };
	struct lce_link *l = NULL;
	struct ipui pp = ipui_of_ipei(0x1001, conn & 3);

	for (unsigned i = 0; i <= (conn & 3u); i++)
		l = lce_next(x->e, l);
	switch (op & 15) {
	case 0:
		dnm[6] = op & 0x80 ? 2 : 0;
		input(x, base, dnm, 8);
		break;
	case 1:
	case 2:
	case 3:
	case 4:
	case 5:
		dnm[0] = 0x79;
		dnm[1] = 0x06;
		dnm[3] = 0;
		if (n > 68)
			n = 68;
		dnm[4] = (uint8_t)n;
		memcpy(dnm + 5, p, n);
		input(x, base, dnm, 5 + n);
		break;
	case 6:
	case 7:
	case 8:
		for (uint8_t b = 0; b < 2; b++)
			input(x, base, (uint8_t[]){ 0x79, 0x07, mcei, (uint8_t)(b << 4) }, 4);
		break;
	case 9:
		tmr_advance(x->w, (size_t)conn * 50);
		break;
	case 10:
		input(x, base, (uint8_t[]){ 0x7a, 0x03, mcei, (uint8_t)(op >> 4) }, 4);
		break;
	case 11:
		input(x, base, (uint8_t[]){ 0x7a, 0x0b, mcei, 0x0e, 0, (uint8_t)(conn & 3), 2, 1 },
		    8);
		break;
	case 12:
		input(x, base, (uint8_t[]){ 0x7a, 0x0a, mcei, 1 }, 4);
		break;
	case 13:
		if (lce_open(x->e, &pp, LCE_PAGE_WIDE, NWK_CC, &l) == 0)
			lce_drop(l, NWK_CC, true);
		break;
	case 14:
		if (op & 0x80)
			mac_base_down(x->mac, base);
		else
			mac_base_up(x->mac, base, 0);
		break;
	default:
		x->mood = conn;
		if (l)
			act(x, l);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world x = { .mood = size ? data[0] : 0 };

	log_set_level(LOG_ERR);
	x.w = tmr_wheel_new(NULL);
	x.mac = mac_new(x.w, &low, &x);
	x.e = lce_new(x.w, x.mac, NULL, NULL);
	lce_register(x.e, NWK_MM, &ent, &x);
	lce_register(x.e, NWK_CC, &ent, &x);
	mac_base_up(x.mac, 1, 0);
	mac_base_up(x.mac, 2, 0);
	for (size_t at = 1; at + 3 <= size;) {
		size_t n = data[at + 2];

		if (n > size - at - 3)
			n = size - at - 3;
		step(&x, data[at], data[at + 1], data + at + 3, n);
		at += 3 + n;
	}
	tmr_advance(x.w, 5000);
	lce_free(x.e);
	mac_free(x.mac);
	tmr_wheel_free(x.w);
	return 0;
}
