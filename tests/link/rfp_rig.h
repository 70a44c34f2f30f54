/* Soft base stations and the room's base-station link over TCP, in one loop; what is above the MAC is played here. */
#ifndef RFP_RIG_H
#define RFP_RIG_H
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "dectd/rfp_dir.h"
#include "dectd/rfp_srv.h"
#include "tests/support/air.h"
#include "tests/support/g711.h"
#include "tests/support/softrfp.h"

#define RIG_MS 5000

struct key {
	uint8_t mac[6], rfpa[64];
	bool used;
};
struct rig {
	uv_loop_t loop;
	struct tmr_wheel *w;
	struct basedb *db;
	struct rfp_dir *dir;
	struct rfp_srv *srv;
	struct air *air;
	struct softrfp_set *bases;
	struct key keys[8];
	/* what the upper side saw */
	struct mac_conn *conn;
	unsigned conns, readies, dis, moved, failed, cipher, opened, media_moved, media_failed,
	    stats;
	unsigned frames_up, frames_down, pages;
	uint8_t last_up[80], last_down[80];
	size_t nup, ndown;
	uint32_t heard_ms;
	int refuse_ho;
	struct mac_media_stats st;
	/* portable part */
	struct air_pp *pp;
	struct air_conn *pc;
	bool connected, released, pp_moved, has_key;
	enum air_reason why;
	unsigned speech;
	double energy;
	/* peer of the media */
	uv_udp_t udp;
	uint8_t udp_buf[2048];
	unsigned rtp;
	uint16_t seq;
	double rtp_energy;
	char last_event[200];
	unsigned events_up;
};

/* ---- certd and mediad, played ---- */

struct key_answer {
	struct tmr tmr;
	struct rig *r;
	uint32_t ticket;
	struct key *k;
	bool fresh;
};

static void answer_key(struct tmr *t, void *ctx)
{
	struct key_answer *a = ctx;
	struct rfp_keys k = { .to_rfp = a->k->rfpa, .from_rfp = a->k->rfpa + 8 };

	(void)t;
	if (a->fresh)
		k.message = (struct slice){ (const char *)a->k->rfpa, 64 };
	rfp_dir_keys(a->r->dir, a->ticket, 0, &k);
	free(a);
}

static int on_keys(void *ctx, uint32_t ticket, const uint8_t mac[6], enum rfp_key_op op,
    const uint8_t *auth, struct slice value)
{
	struct rig *r = ctx;
	struct key *k = NULL;
	struct key_answer *a;

	(void)auth;
	(void)value;
	for (unsigned i = 0; i < ARRAY_LEN(r->keys) && !k; i++)
		if (r->keys[i].used && memcmp(r->keys[i].mac, mac, 6) == 0)
			k = &r->keys[i];
	for (unsigned i = 0; i < ARRAY_LEN(r->keys) && !k; i++)
		if (!r->keys[i].used)
			k = &r->keys[i];
	if (op != RKEY_GET && op != RKEY_ENROL)
		return 0;
	assert_non_null(k);
	if (!k->used) {
		k->used = true;
		memcpy(k->mac, mac, 6);
		for (unsigned i = 0; i < 64; i++)
			k->rfpa[i] = (uint8_t)(rand() & 0xff);
	}
	a = mem_new(sizeof(*a));
	a->r = r;
	a->ticket = ticket;
	a->k = k;
	a->fresh = op == RKEY_ENROL;
	tmr_init(&a->tmr, r->w, answer_key, a);
	tmr_start(&a->tmr, 1);
	return 0;
}

static int on_point(
    void *ctx, uint32_t ticket, const struct mac_media *m, const struct mac_addr *base)
{
	(void)ctx;
	(void)ticket;
	(void)m;
	(void)base;
	return 0;
}

static void on_changed(void *ctx, uint32_t id)
{
	(void)ctx;
	(void)id;
}

/* ---- above the MAC ---- */

static void conn_ind(void *ctx, struct mac_conn *c)
{
	struct rig *r = ctx;

	r->conns++;
	r->conn = c;
}

static void frame_ind(void *ctx, struct mac_conn *c, const uint8_t *f, size_t n)
{
	struct rig *r = ctx;

	(void)c;
	r->frames_up++;
	memcpy(r->last_up, f, n);
	r->nup = n;
}

static void ready_ind(void *ctx, struct mac_conn *c)
{
	struct rig *r = ctx;

	(void)c;
	r->readies++;
}

static void dis_ind(void *ctx, struct mac_conn *c, enum mac_reason why)
{
	struct rig *r = ctx;

	(void)why;
	r->dis++;
	if (r->conn == c)
		r->conn = NULL;
}

static void cipher_ind(void *ctx, struct mac_conn *c, enum mac_cipher how, unsigned key)
{
	struct rig *r = ctx;

	(void)c;
	(void)key;
	r->cipher += how == MAC_CIPHERED;
}

static int handover_ask(void *ctx, struct mac_conn *c, uint32_t base)
{
	struct rig *r = ctx;

	(void)c;
	(void)base;
	return r->refuse_ho;
}

static void moved_ind(void *ctx, struct mac_conn *c, uint32_t old)
{
	struct rig *r = ctx;

	(void)c;
	(void)old;
	r->moved++;
}

static void handover_failed(void *ctx, struct mac_conn *c, uint32_t base)
{
	struct rig *r = ctx;

	(void)c;
	(void)base;
	r->failed++;
}

static void media_ind(void *ctx, struct mac_conn *c, const struct mac_media_ind *ind)
{
	struct rig *r = ctx;

	(void)c;
	r->opened += ind->what == MAC_MEDIA_OPENED;
	r->media_moved += ind->what == MAC_MEDIA_MOVED;
	r->media_failed += ind->what == MAC_MEDIA_FAILED;
	if (ind->what == MAC_MEDIA_STATS) {
		r->stats++;
		r->st = *ind->stats;
	}
}

static void base_ind(void *ctx, uint32_t base, bool up)
{
	(void)ctx;
	(void)base;
	(void)up;
}

static void page_overflow(void *ctx, uint32_t base)
{
	(void)ctx;
	(void)base;
}

static void info_ind(void *ctx, uint32_t base, uint32_t pmid, const char *text)
{
	(void)ctx;
	(void)base;
	(void)pmid;
	(void)text;
}

static const struct mac_ops mac_ops_ = { .conn_ind = conn_ind,
	.frame_ind = frame_ind,
	.ready_ind = ready_ind,
	.dis_ind = dis_ind,
	.cipher_ind = cipher_ind,
	.handover_ask = handover_ask,
	.moved_ind = moved_ind,
	.handover_failed = handover_failed,
	.media_ind = media_ind,
	.base_ind = base_ind,
	.page_overflow = page_overflow,
	.info_ind = info_ind };

/* ---- the portable part ---- */

static void pp_page(void *ctx, struct air_base *b, const uint8_t *page, size_t n)
{
	struct rig *r = ctx;

	(void)b;
	(void)page;
	assert_true(n == 3 || n == 5);
	r->pages++;
}

static void pp_connected(void *ctx, struct air_conn *c)
{
	struct rig *r = ctx;

	(void)c;
	r->connected = true;
}

static void pp_frame(void *ctx, struct air_conn *c, const uint8_t *f, size_t n)
{
	struct rig *r = ctx;

	(void)c;
	r->frames_down++;
	memcpy(r->last_down, f, n);
	r->ndown = n;
}

static void pp_sent(void *ctx, struct air_conn *c)
{
	(void)ctx;
	(void)c;
}

static void pp_released(void *ctx, struct air_conn *c, enum air_reason why)
{
	struct rig *r = ctx;

	(void)c;
	r->released = true;
	r->why = why;
	r->pc = NULL;
}

static void pp_key(void *ctx, struct air_conn *c)
{
	struct rig *r = ctx;

	(void)c;
	r->has_key = true;
}

static void pp_on_moved(void *ctx, struct air_conn *c, bool ok)
{
	struct rig *r = ctx;

	(void)c;
	r->pp_moved = ok;
}

static void pp_speech(void *ctx, struct air_conn *c, const int16_t *s)
{
	struct rig *r = ctx;

	(void)c;
	r->speech++;
	for (unsigned i = 0; i < AIR_SAMPLES; i++)
		r->energy += fabs((double)s[i]);
}

static void pp_base(void *ctx, struct air_base *b, bool up)
{
	struct rig *r = ctx;

	(void)b;
	r->events_up += up;
}

static const struct air_pp_ops pp_ops = { .page = pp_page,
	.connected = pp_connected,
	.frame = pp_frame,
	.sent = pp_sent,
	.released = pp_released,
	.base_has_key = pp_key,
	.moved = pp_on_moved,
	.speech = pp_speech,
	.base = pp_base };

/* ---- the rig ---- */

static void on_event(void *ctx, const char *line)
{
	struct rig *r = ctx;

	snprintf(r->last_event, sizeof(r->last_event), "%s", line);
	if (getenv("SHOW"))
		fprintf(stderr, "%s\n", line);
}

static struct rig *rig_new(void)
{
	struct rig *r = mem_new(sizeof(*r));
	struct rfp_dir_conf c = { .caps = 0xca40 | CAP_CONN_HO,
		.cipher = true,
		.protocol_min = 0x00070100,
		.protocol_max = 0x00080500,
		.protocol_new = 0x00080201,
		.heartbeat_s = 1,
		.ttl = 32,
		.tos = 0xb8,
		.port_base = 16320,
		.freq_band = -1,
		.rf_power = -1,
		.weak = 30,
		.unproven_max = 16 };
	static struct rfp_dir_ops ops = {
		.keys = on_keys, .point = on_point, .changed = on_changed
	};

	assert_int_equal(ident_parse(SLICE_LIT("1F102AF12C"), &c.ident), 0);
	assert_int_equal(uv_loop_init(&r->loop), 0);
	r->w = tmr_wheel_new(&r->loop);
	assert_int_equal(basedb_open(":memory:", &r->db), 0);
	r->dir = rfp_dir_new(r->w, r->db, &c, &ops, r);
	mac_set_ops(rfp_dir_mac(r->dir), &mac_ops_, r);
	assert_int_equal(rfp_srv_open(&r->loop, r->dir, "127.0.0.1", 0, &r->srv), 0);
	r->air = air_new(&r->loop, r->w);
	air_on_event(r->air, on_event, r);
	r->bases = softrfp_set_new(r->air, &r->loop);
	return r;
}

static void rig_free(struct rig *r)
{
	softrfp_set_free(r->bases);
	rfp_srv_close(r->srv);
	for (int i = 0; i < 20; i++)
		uv_run(&r->loop, UV_RUN_NOWAIT);
	air_free(r->air);
	rfp_dir_free(r->dir);
	basedb_close(r->db);
	tmr_wheel_free(r->w);
	for (int i = 0; i < 20; i++)
		uv_run(&r->loop, UV_RUN_NOWAIT);
	assert_int_equal(uv_loop_close(&r->loop), 0);
	free(r);
}

static void no_violations(struct rig *r)
{
	for (unsigned i = 0; i < air_violations(r->air); i++)
		print_error("%s\n", air_violation_text(r->air, i));
	assert_int_equal(air_violations(r->air), 0);
}

static void kick(uv_timer_t *t)
{
	(void)t;
}

static bool spin(struct rig *r, uint64_t *began)
{
	uv_timer_t t;

	uv_timer_init(&r->loop, &t);
	uv_timer_start(&t, kick, 5, 0);
	uv_run(&r->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&t, NULL);
	uv_run(&r->loop, UV_RUN_NOWAIT);
	return uv_hrtime() / 1000000 - *began < RIG_MS;
}

#define UNTIL(r, cond)                                                                             \
	do {                                                                                       \
		uint64_t began_ = uv_hrtime() / 1000000;                                           \
		while (!(cond))                                                                    \
			if (!spin(r, &began_))                                                     \
				fail_msg(                                                          \
				    "not in time: %s (last event: %s)", #cond, (r)->last_event);   \
	} while (0)

static void pass(struct rig *r, uint64_t ms)
{
	uint64_t began = uv_hrtime() / 1000000;

	while (uv_hrtime() / 1000000 - began < ms) {
		uint64_t now = uv_hrtime() / 1000000;

		(void)spin(r, &now);
	}
}

static struct softrfp *add_with(struct rig *r, unsigned n, bool old, unsigned freq_ms)
{
	struct softrfp_conf c;

	softrfp_defaults(&c);
	memcpy(c.mac, "\x02\x00\x5e\x10", 4);
	c.mac[4] = (uint8_t)(getpid() & 0xff);
	c.mac[5] = (uint8_t)n;
	c.port = rfp_srv_port(r->srv);
	c.retry_ms = 50;
	c.search_ms = 20;
	c.boot_ms = 50;
	if (old) {
		c.old = true;
		c.model = 4;
		c.protocol = 0x00070100;
	}
	c.freq_ms = freq_ms;
	return softrfp_add(r->bases, &c);
}

static struct softrfp *add(struct rig *r, unsigned n, bool old)
{
	return add_with(r, n, old, 0);
}

static void mac_of(unsigned n, uint8_t mac[6])
{
	memcpy(mac, "\x02\x00\x5e\x10", 4);
	mac[4] = (uint8_t)(getpid() & 0xff);
	mac[5] = (uint8_t)n;
}

static void admit(struct rig *r, unsigned n)
{
	struct rfp_admit a = { .dect = -1, .cluster = 1 };
	uint8_t mac[6];

	mac_of(n, mac);
	assert_int_equal(rfp_dir_admit(r->dir, mac, &a), 0);
}

static bool up(struct softrfp *b)
{
	return strcmp(softrfp_state(b), "up") == 0;
}

static struct softrfp *base_up(struct rig *r, unsigned n, bool old)
{
	struct softrfp *b;

	admit(r, n);
	b = add(r, n, old);
	UNTIL(r, up(b));
	pass(r, 20);
	return b;
}

static void connect_pp(struct rig *r, struct softrfp *b, uint32_t pmid)
{
	if (!r->pp)
		r->pp = air_pp_add(r->air, &pp_ops, r, "1");
	r->connected = r->released = false;
	r->pc = air_connect(r->pp, softrfp_air(b), pmid);
	assert_non_null(r->pc);
	UNTIL(r, r->connected && r->conn && mac_room(r->conn) == 2);
}
#endif
