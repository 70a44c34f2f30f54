/* What real handsets said: every frame and every network layer message of a published stream of a real base station. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "dectd/dlc_priv.h"
#include "dectd/lce.h"
#include "dectd/nwk_ie.h"

#include "lapc_air.h"
#include "real_stream.h"

/* ---- frames alone ---- */

struct count {
	unsigned frames, kinds[9], est, class_a;
};

static void one_frame(void *ctx, const struct rfp_msg *m, struct slice raw)
{
	struct count *n = ctx;
	struct lapc_frame f;
	uint8_t out[MAC_FRAME_MAX];
	const uint8_t *p;

	(void)raw;
	if (m->type != RFP_DNM || m->layer != RFP_L_LC || m->prim != LCP_DATA_IND)
		return;
	p = (const uint8_t *)m->u.lc.frame.p;
	assert_int_equal(lapc_parse(p, m->u.lc.frame.n, &f), 0);
	assert_int_equal(lapc_build(&f, out), 3u + f.n);
	assert_memory_equal(out, p, 3u + f.n);
	for (size_t i = 3u + f.n; i < m->u.lc.frame.n; i++)
		assert_int_equal(p[i], 0xf0);
	n->frames++;
	n->kinds[f.kind]++;
	n->est += f.kind == LAPC_I && f.nlf;
	n->class_a += f.lln == 1;
}

static void frames(void **state)
{
	struct count n = { 0 };

	(void)state;
	if (!real_stream_each(one_frame, &n))
		skip();
	assert_int_equal(n.frames, 1139);
	assert_int_equal(n.kinds[LAPC_I], 571);
	assert_int_equal(n.est, 91);
	assert_int_equal(n.kinds[LAPC_RR], 478);
	assert_int_equal(n.kinds[LAPC_DISC], 90);
	assert_int_equal(n.class_a, 0); /* all of them choose class B */
}

/* ---- the whole stack ---- */

#define TYPES 64
struct replay {
	struct air air;
	struct lce *e;
	unsigned msgs, faults, bad_ie, ups, downs, down_bad;
	struct {
		uint8_t pd, type;
		unsigned n;
	} types[TYPES];
	char first_fault[600];
};

static void count_type(struct replay *r, uint8_t pd, uint8_t type)
{
	for (unsigned i = 0; i < TYPES; i++) {
		if (r->types[i].n && (r->types[i].pd != pd || r->types[i].type != type))
			continue;
		r->types[i].pd = pd;
		r->types[i].type = type;
		r->types[i].n++;
		return;
	}
}

static unsigned types_of(const struct replay *r, uint8_t pd, uint8_t type)
{
	for (unsigned i = 0; i < TYPES; i++)
		if (r->types[i].n && r->types[i].pd == pd && r->types[i].type == type)
			return r->types[i].n;
	return 0;
}

static void rx(void *ctx, struct lce_link *l, const struct nwk_msg *m)
{
	(void)ctx;
	(void)l;
	(void)m;
}

static void event(void *ctx, struct lce_link *l, const struct lce_event *ev)
{
	struct replay *r = ctx;

	(void)l;
	r->ups += ev->what == LCE_EV_UP;
	r->downs += ev->what == LCE_EV_DOWN;
	r->down_bad += ev->what == LCE_EV_DOWN && ev->why != LCE_WHY_NORMAL;
}

static void trace(void *ctx, struct lce_link *l, enum nwk_dir dir, const uint8_t *p, size_t n)
{
	struct replay *r = ctx;
	struct nwk_msg m;
	struct nwk_fault f;
	char text[512];
	struct wr w = wr_of(text, sizeof(text));

	(void)l;
	if (dir == NWK_TO_PP)
		return;
	assert_int_equal(nwk_parse(p, n, NWK_FROM_PP, &m), 0);
	assert_false(m.cut);
	r->msgs++;
	count_type(r, m.pd, m.type);
	nwk_dump(&m, &w);
	assert_true(wr_nul(&w));
	if (nwk_check_strict(&m, &f) != 0) {
		r->faults++;
		if (!r->first_fault[0])
			snprintf(r->first_fault, sizeof(r->first_fault), "%d at %s: %s", f.what,
			    nwk_ie_name(f.id), text);
	}
	for (unsigned i = 0; i < m.nie; i++)
		if (m.ie[i].n && ie_value_check(m.ie[i].id, rd_of(m.ie[i].p, m.ie[i].n)) != 0)
			r->bad_ie++;
}

static const struct lce_entity ent = { rx, event }, quiet = { rx, NULL };
static const struct lce_watch watch = { .trace = trace };

static struct lce_link *by_mcei(struct lce *e, uint8_t mcei)
{
	for (struct lce_link *l = lce_next(e, NULL); l; l = lce_next(e, l))
		if (lce_conn(l) && mac_conn_mcei(lce_conn(l)) == mcei)
			return l;
	return NULL;
}

/* What the real manager had sent is not known, but how much of it was acknowledged: as much is sent here first. */
static void keep_up(struct replay *r, const struct rfp_msg *m)
{
	static const uint8_t dummy[] = { 0x05, 0x52, 0x01, 0x01, 0x80 };
	struct lce_link *l = by_mcei(r->e, m->u.lc.mcei);
	struct lapc_frame f;
	struct mac_conn *mc = l ? lce_conn(l) : NULL;
	struct dlc_conn *c = mc ? mac_conn_user(mc) : NULL;
	struct wr w = { (uint8_t *)dummy, sizeof(dummy), sizeof(dummy), false };

	if (!c || !c->link ||
	    lapc_parse((const uint8_t *)m->u.lc.frame.p, m->u.lc.frame.n, &f) != 0)
		return;
	if (f.kind > LAPC_REJ || f.nlf)
		return;
	for (unsigned i = 0;
	     i < 7 && lapc_diff(c->link, f.nr, c->link->vm) != 0 &&
	     lapc_diff(c->link, f.nr, c->link->va) > lapc_diff(c->link, c->link->vm, c->link->va);
	     i++) {
		if (lce_send(l, &w) != 0)
			return;
		air_dtr(&r->air, 1, m->u.lc.mcei);
	}
}

static void feed(void *ctx, const struct rfp_msg *m, struct slice raw)
{
	struct replay *r = ctx;

	if (m->type != RFP_DNM || (m->layer != RFP_L_LC && m->layer != RFP_L_MAC))
		return;
	if (m->layer == RFP_L_MAC && m->prim == MACP_CON_IND) {
		air_con(&r->air, 1, m->u.con.mcei, m->u.con.pmid, m->u.con.flags & 2);
		return;
	}
	if (m->layer == RFP_L_LC && m->prim == LCP_DTR_IND)
		return; /* the buffers of what we send are given back by us */
	if (m->layer == RFP_L_LC && m->prim == LCP_DATA_IND)
		keep_up(r, m);
	/* A connection that our side released already is no error. */
	int err = mac_input(r->air.mac, 1, (const uint8_t *)raw.p + 4, raw.n - 4);
	assert_true(err == 0 || err == ERR_STATE);
	if (m->layer == RFP_L_LC)
		air_dtr(&r->air, 1, m->u.lc.mcei);
	r->air.n = 0;
	tmr_advance(r->air.w, 20);
}

static void stack(void **state)
{
	struct replay *r = mem_new(sizeof(*r));

	(void)state;
	air_init(&r->air);
	r->air.mute = true;
	r->e = lce_new(r->air.w, r->air.mac, NULL, NULL);
	lce_register(r->e, NWK_MM, &ent, r);
	lce_register(r->e, NWK_CC, &quiet, r);
	lce_register(r->e, NWK_CISS, &quiet, r);
	lce_set_watch(r->e, &watch, r);
	mac_base_up(r->air.mac, 1, 0);
	bool there = real_stream_each(feed, r);
	const struct lce_stats *st = lce_stats(r->e);
	const struct dlc_stats *ds = lce_dlc_stats(r->e);

	if (there) {
		if (r->faults || r->bad_ie)
			print_error("first fault: %s\n", r->first_fault);
		/* 91 calls and registrations, two transfers of identity; the last one is still up. */
		assert_int_equal(r->msgs, 480);
		assert_int_equal(r->faults, 0);
		assert_int_equal(r->bad_ie, 0);
		assert_int_equal(types_of(r, NWK_CC, CC_SETUP), 89);
		assert_int_equal(types_of(r, NWK_CC, CC_INFO), 208);
		assert_int_equal(types_of(r, NWK_CC, CC_RELEASE), 82);
		assert_int_equal(types_of(r, NWK_CC, CC_RELEASE_COM), 6);
		assert_int_equal(types_of(r, NWK_MM, MM_AUTH_REPLY), 91);
		assert_int_equal(types_of(r, NWK_MM, MM_LOCATE_REQUEST), 2);
		assert_int_equal(types_of(r, NWK_MM, MM_TEMP_IDENTITY_ASSIGN_ACK), 2);
		assert_int_equal(r->ups, 91);
		assert_int_equal(r->downs, 90);
		assert_int_equal(r->down_bad, 0);
		assert_int_equal(st->rx_bad, 0);
		assert_int_equal(ds->links_b, 91);
		/* As many frames went out as came in: each was answered, nothing was said twice. */
		assert_int_equal(ds->rx_frames, 1139);
		assert_int_equal(
		    ds->resets + ds->rejected + ds->invalid + ds->repeated + ds->no_answer, 0);
	}
	lce_free(r->e);
	air_fini(&r->air);
	free(r);
	if (!there)
		skip();
}

/* With an argument: the messages in hex, for tests that play the stream to a real dectd. */
static void print_hex(void *ctx, const struct rfp_msg *m, struct slice raw)
{
	(void)ctx;
	(void)m;
	for (size_t i = 0; i < raw.n; i++)
		printf("%02x", (uint8_t)raw.p[i]);
	putchar('\n');
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return real_stream_each(print_hex, NULL) ? 0 : 77;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames),
		cmocka_unit_test(stack),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
