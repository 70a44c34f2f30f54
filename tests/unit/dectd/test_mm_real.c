/* The published stream of a real base station and its real handsets under our mobility management: it authenticates them at
 * each registration and each call as the real manager did, and what the handsets answered fits. What the real manager
 * sent otherwise (calls) is not known: as many messages as the handsets acknowledged are sent in its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dectd/dlc_priv.h"
#include "mm_rig.h"
#include "real_stream.h"

struct replay {
	struct rig g;
	unsigned handsets, calls, secured, refused;
};

static void secured(void *ctx, struct pp *pp, int err)
{
	struct replay *r = ctx;

	(void)pp;
	r->secured += err == 0;
	r->refused += err != 0;
}

/* Whoever is in the stream is subscribed here. */
static void trace(void *ctx, struct lce_link *l, enum nwk_dir dir, const uint8_t *p, size_t n)
{
	struct replay *r = ctx;
	struct ie_portable id;
	struct nwk_msg m;
	struct pp *pp;
	char ipei[PP_IPEI_LEN + 1];

	(void)l;
	if (dir != NWK_FROM_PP || nwk_parse(p, n, dir, &m) != 0 || ie_portable_of(&m, &id) != 0 ||
	    id.type != IE_P_IPUI || pp_by_ipui(r->g.r.pps, &id.ipui))
		return;
	(void)snprintf(ipei, sizeof(ipei), "00001%07u", ++r->handsets);
	assert_int_equal(pp_make(r->g.r.pps, ipei, &pp), 0);
	assert_int_equal(pp_identify(pp, &id.ipui), 0);
	pp->subscribed = pp->confirmed = true;
	pp->alg = PP_DSAA;
}
static const struct lce_watch watch = { .trace = trace };

static void cc_rx(void *ctx, struct lce_link *l, const struct nwk_msg *m)
{
	struct replay *r = ctx;

	if (m->type != CC_SETUP)
		return;
	r->calls++;
	mm_secure(r->g.r.mm, pp_by_ipui(r->g.r.pps, lce_ipui(l)), secured, r);
}
static const struct lce_entity cc = { cc_rx, NULL };

static struct lce_link *by_mcei(struct lce *e, uint8_t mcei)
{
	for (struct lce_link *l = lce_next(e, NULL); l; l = lce_next(e, l))
		if (lce_conn(l) && mac_conn_mcei(lce_conn(l)) == mcei)
			return l;
	return NULL;
}

static void keep_up(struct replay *r, const struct rfp_msg *m)
{
	static const uint8_t dummy[] = { 0x13, 0x7b, 0x28, 0x01, 0x20 };
	struct lce_link *l = by_mcei(r->g.r.lce, m->u.lc.mcei);
	struct mac_conn *mc = l ? lce_conn(l) : NULL;
	struct dlc_conn *c = mc ? mac_conn_user(mc) : NULL;
	struct wr w = { (uint8_t *)(uintptr_t)dummy, sizeof(dummy), sizeof(dummy), false };
	struct lapc_frame f;

	if (!c || !c->link ||
	    lapc_parse((const uint8_t *)m->u.lc.frame.p, m->u.lc.frame.n, &f) != 0 ||
	    f.kind > LAPC_REJ || f.nlf)
		return;
	for (unsigned i = 0;
	     i < 7 && lapc_diff(c->link, f.nr, c->link->vm) != 0 &&
	     lapc_diff(c->link, f.nr, c->link->va) > lapc_diff(c->link, c->link->vm, c->link->va);
	     i++) {
		if (lce_send(l, &w) != 0)
			return;
		air_dtr(&r->g.air, 1, m->u.lc.mcei);
	}
}

static void feed(void *ctx, const struct rfp_msg *m, struct slice raw)
{
	struct replay *r = ctx;
	struct air *air = &r->g.air;

	if (m->type != RFP_DNM || (m->layer != RFP_L_LC && m->layer != RFP_L_MAC))
		return;
	if (m->layer == RFP_L_MAC && m->prim == MACP_CON_IND) {
		air_con(air, 1, m->u.con.mcei, m->u.con.pmid, m->u.con.flags & 2);
		return;
	}
	if (m->layer == RFP_L_LC && m->prim == LCP_DTR_IND)
		return;
	if (m->layer == RFP_L_LC && m->prim == LCP_DATA_IND)
		keep_up(r, m);
	int err = mac_input(air->mac, 1, (const uint8_t *)raw.p + 4, raw.n - 4);
	assert_true(err == 0 || err == ERR_STATE);
	for (unsigned i = 0; i < 10; i++) { /* certd and the disk answer, buffers become free */
		if (m->layer == RFP_L_LC)
			air_dtr(air, 1, m->u.lc.mcei);
		air->n = 0;
		tmr_advance(air->w, 2);
	}
}

static void test_real(void **state)
{
	struct replay *r = mem_new(sizeof(*r));
	struct rig *g = &r->g;

	(void)state;
	rig_init(g, NULL);
	g->air.ciphers = false; /* an RFP 32 */
	g->air.mute = true;
	g->any = true; /* the handsets' keys are theirs: what they answered counts as right */
	lce_register(g->r.lce, NWK_CC, &cc, r);
	lce_register(g->r.lce, NWK_CISS, &cc, r);
	lce_set_watch(g->r.lce, &watch, r);
	bool there = real_stream_each(feed, r);

	if (there) {
		const struct mm_stats *st = mm_stats(g->r.mm);

		assert_int_equal(r->calls, 89);
		assert_int_equal(r->secured, 89);
		assert_int_equal(r->refused, 0);
		assert_int_equal(st->locates, 2);
		assert_int_equal(st->auths, 91);
		assert_int_equal(
		    st->unexpected + st->bad + st->copies + st->timeouts + st->repeats, 0);
		LIST_FOREACH(pps_list(g->r.pps), it)
		{
			const struct pp *pp = LIST_ENTRY(it, struct pp, node);

			if (pp->located_at)
				assert_true(pp->tpui && !pp->tpui_new && pp_reachable(pp));
		}
		print_message("%u handsets, %u calls, %llu authentications\n", r->handsets,
		    r->calls, (unsigned long long)st->auths);
	}
	rig_fini(g);
	free(r);
	if (!there)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_real) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
