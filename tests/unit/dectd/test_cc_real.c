/* Call control hears what a real handset said: every CC message of the published stream of a real base station (89 calls),
 * with sipd played, so that each call goes as far as its user took it. */
#include "phone_rig.h"

#include "dectd/dlc_priv.h"
#include "real_stream.h"

struct replay {
	struct rig *r;
	unsigned setups, infos, releases, release_coms, digits, refused;
};

static unsigned count(const char *log, const char *what)
{
	unsigned n = 0;

	for (const char *p = strstr(log, what); p; p = strstr(p + 1, what))
		n++;
	return n;
}

static void feed(void *ctx, const struct rfp_msg *m, struct slice raw)
{
	struct replay *p = ctx;
	struct rig *r = p->r;
	struct lapc_frame f;
	struct nwk_msg n;
	struct ie_portable id;

	(void)raw;
	if (m->type != RFP_DNM || m->layer != RFP_L_LC || m->prim != LCP_DATA_IND)
		return;
	if (lapc_parse((const uint8_t *)m->u.lc.frame.p, m->u.lc.frame.n, &f) != 0 ||
	    f.kind != LAPC_I || f.n == 0 || f.more)
		return;
	if (nwk_parse(f.info, f.n, NWK_FROM_PP, &n) != 0 || n.pd != NWK_CC)
		return;
	r->by_pp = !n.f;
	r->tv = n.tv;
	if (n.type == CC_SETUP) {
		assert_int_equal(ie_portable_of(&n, &id), 0);
		assert_int_equal(pp_identify(r->pp, &id.ipui), 0);
		/* The stream begins in the middle of its users' lives: what still lingers is cleared by the link's end. */
		cc_lost(phones_cc(r->phones), r->pp);
		settle(r);
		forget(r);
	}
	cc_input(phones_cc(r->phones), r->pp, &n);
	settle(r);
	if (n.type == CC_SETUP)
		setup_ok(r, r->next_ref);
	if (!wr_nul(&r->lw))
		fail();
	p->setups += count(r->log, "sipd setup ");
	p->digits += count(r->log, "sipd digits ");
	p->refused += count(r->log, "> CC-RELEASE-COM reason=02") + count(r->log, "reason=03") +
	              count(r->log, "reason=04") + count(r->log, "reason=05") +
	              count(r->log, "reason=06");
	p->infos += n.type == CC_INFO;
	p->releases += n.type == CC_RELEASE && count(r->log, "> CC-RELEASE-COM reason=00") == 1;
	p->release_coms += n.type == CC_RELEASE_COM;
	forget(r);
	pass(r, 50);
	forget(r);
}

static void real_calls(void **state)
{
	struct replay p = { .r = rig_new() };

	(void)state;
	bool there = real_stream_each(feed, &p);
	if (there) {
		assert_int_equal(p.setups, 89); /* every CC-SETUP was understood … */
		assert_int_equal(p.refused, 0); /* … and no message was out of place */
		assert_int_equal(p.infos, 208);
		assert_int_equal(p.releases, 82); /* every release was answered */
		assert_int_equal(p.release_coms, 6);
		assert_true(p.digits > 80);
	}
	rig_free(p.r);
	if (!there)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(real_calls) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
