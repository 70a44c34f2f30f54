/* The directory of base stations without sockets: who makes room for whom, and what a change of cluster leaves behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/enc.h"
#include "common/log.h"
#include "common/mem.h"
#include "dectd/basedb.h"
#include "dectd/rfp_dir_priv.h"
#include "rfp_vectors.h"

#define MORE 3 /* than are kept */

struct bed {
	struct tmr_wheel *w;
	struct basedb *db;
	struct rfp_dir *dir;
	unsigned closed;
	uint8_t init[512]; /* a real SYS_INIT … */
	size_t n, mac;     /* … and where its MAC address is */
};

static int wire_write(void *ctx, const uint8_t *p, size_t n)
{
	(void)ctx;
	(void)p;
	(void)n;
	return 0;
}

static void wire_close(void *ctx)
{
	((struct bed *)ctx)->closed++;
}
static const struct rfp_wire wire = { wire_write, wire_close };

static int on_keys(void *ctx, uint32_t ticket, const uint8_t mac[6], enum rfp_key_op op,
    const uint8_t *auth, struct slice value)
{
	(void)ctx;
	(void)ticket;
	(void)mac;
	(void)op;
	(void)auth;
	(void)value;
	return 0;
}

static void on_changed(void *ctx, uint32_t id)
{
	(void)ctx;
	(void)id;
}
static const struct rfp_dir_ops ops = { .keys = on_keys, .changed = on_changed };

static void quiet(int prio, const char *line, void *ctx)
{
	(void)prio;
	(void)line;
	(void)ctx;
}

static int setup(void **state)
{
	struct bed *b = mem_new(sizeof(*b));
	struct rfp_dir_conf conf = { .protocol_min = 0x00070100,
		.protocol_max = 0x00080100,
		.protocol_new = 0x00080000,
		.unproven_max = 64 };
	struct rfp_msg m;

	log_capture(quiet, NULL);
	b->w = tmr_wheel_new(NULL);
	assert_int_equal(ident_parse(SLICE_LIT("1F11234567"), &conf.ident), 0);
	assert_int_equal(basedb_open(":memory:", &b->db), 0);
	b->dir = rfp_dir_new(b->w, b->db, &conf, &ops, b);
	for (size_t i = 0; i < ARRAY_LEN(rfp_vectors); i++)
		if (strcmp(rfp_vectors[i].name, "sys_init_proto_00070100") == 0)
			assert_int_equal(enc_unhex(slice_str(rfp_vectors[i].hex), b->init,
			                     sizeof(b->init), &b->n),
			    0);
	assert_int_equal(rfp_msg_parse((struct slice){ (const char *)b->init, b->n }, &m), 0);
	b->mac = (size_t)((uint8_t *)memmem(b->init, b->n, m.u.init.mac, 6) - b->init);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bed *b = *state;

	rfp_dir_free(b->dir);
	basedb_close(b->db);
	tmr_wheel_free(b->w);
	free(b);
	log_capture(NULL, NULL);
	return 0;
}

static struct rfp_link *comes(struct bed *b, const uint8_t mac[6])
{
	struct rfp_link *l;
	size_t cap;
	uint8_t *room;

	assert_int_equal(
	    rfp_dir_connect(b->dir, &wire, b, "192.0.2.7:1", (uint8_t[4]){ 192, 0, 2, 7 }, &l), 0);
	memcpy(b->init + b->mac, mac, 6);
	room = rfp_link_room(l, &cap);
	assert_true(cap >= b->n);
	memcpy(room, b->init, b->n);
	rfp_link_input(l, b->n);
	return l;
}

/* Unknown bases, all in one turn of the loop: the first make room while their sockets still close. */
static void test_room(void **state)
{
	struct rfp_link *l[BASE_PENDING_MAX + MORE];
	struct bed *b = *state;

	for (unsigned i = 0; i < ARRAY_LEN(l); i++)
		l[i] = comes(b, (uint8_t[6]){ 2, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i });
	assert_int_equal(b->closed, ARRAY_LEN(l));
	assert_null(rfp_dir_find(b->dir, (uint8_t[6]){ 2, 0, 0, 0, 0, MORE - 1 }));
	assert_non_null(rfp_dir_find(b->dir, (uint8_t[6]){ 2, 0, 0, 0, 0, MORE }));
	for (unsigned i = 0; i < ARRAY_LEN(l); i++) {
		const struct dir_link *dl = rfp_link_user(l[i]);

		if (i < MORE)
			assert_null(dl->base);
		rfp_dir_link_free(l[i]);
	}
}

/* Its place in the synchronisation of the cluster that it leaves is free. */
static void test_other_cluster(void **state)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	struct rfp_admit a = { .cluster = 1, .dect = -1 };
	struct bed *b = *state;
	struct sync_graph *g;
	struct rfp_base *base;
	struct rfp_link *l;
	uint8_t rpn;

	assert_int_equal(rfp_dir_admit(b->dir, mac, &a), 0);
	l = comes(b, mac);
	base = rfp_dir_find(b->dir, mac);
	base->link = l; /* it has proved its key and is on air */
	rpn = base->rec.rpn;
	rfp_dir_sync_air(base, false);
	g = (struct sync_graph *)(uintptr_t)rfp_dir_sync(b->dir, 1);
	sync_set(g, rpn, SYNC_MASTER, 0);
	rfp_dir_sync_air(base, true);
	assert_true(g->nodes[rpn].on_air);
	a.cluster = 2;
	assert_int_equal(rfp_dir_admit(b->dir, mac, &a), 0);
	assert_int_equal(b->closed, 1);
	assert_int_equal(base->rec.cluster, 2);
	assert_false(g->nodes[rpn].on_air);
	assert_int_equal(g->nodes[rpn].role, SYNC_OFF);
	rfp_dir_link_free(l);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { T(room), T(other_cluster) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
