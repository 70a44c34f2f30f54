/* Call control against EN 300 175-5: tables, timers, releases in every state, collisions, error handling of clause 17. */
#include "phone_rig.h"

static void tables(void **state)
{
	(void)state;
	assert_int_equal(fsm_check(&cc_def, stderr), 0);
	assert_int_equal(fsm_check(&line_def, stderr), 0);
}

/* Brings a fresh rig into a state of the fixed part. */
static struct rig *in_state(enum cc_state st)
{
	struct rig *r = rig_new();

	switch (st) {
	case CC_PAGING:
		r->no_link = true;
		(void)offer(r, 7, "Bob", "4712");
		break;
	case CC_SECURING:
		r->secure_now = false;
		(void)phones_offer(
		    r->phones, r->pp, 7, &(struct iwu_offer){ .media = at(7), .ring_pattern = -1 });
		cc_link(phones_cc(r->phones), r->pp, 0);
		r->want_link = false;
		break;
	case CC_PRESENT:
	case CC_RECEIVED:
		(void)offer(r, 7, "Bob", "4712");
		if (st == CC_RECEIVED)
			pp_says(r, CC_ALERTING);
		break;
	case CC_INITIATED:
		pp_setup_with(r, "4712", true, 8);
		break;
	case CC_OVERLAP:
		pp_setup(r);
		setup_ok(r, 101);
		break;
	case CC_PROCEEDING:
	case CC_DELIVERED:
		pp_setup_with(r, "4712", true, 8);
		setup_ok(r, 101);
		progress(r, 101, IWU_PROCEEDING, NULL, NULL);
		if (st == CC_DELIVERED)
			progress(r, 101, IWU_ALERTING, "Bob", "4712");
		break;
	case CC_ACTIVE:
		talk(r);
		break;
	case CC_RELEASING:
		talk(r);
		released(r, 101, IWU_NORMAL, false);
		break;
	default:
		fail();
	}
	forget(r);
	if (st == CC_RELEASING)
		assert_null(cc_of_pp(r->pp));
	else
		assert_int_equal(cc_state(cc_of_pp(r->pp)), st);
	return r;
}

static void clean(struct rig *r)
{
	assert_false(cc_busy(r->pp));
	assert_false(phones_busy(r->pp));
	assert_int_equal(phones_calls(r->phones), 0);
	assert_int_equal(cc_count(phones_cc(r->phones)), 0);
	assert_true(tmr_next(r->w) == UINT64_MAX);
	rig_free(r);
}

static void handset_releases(void **state)
{
	static const struct {
		enum cc_state st;
		const char *want;
	} t[] = {
		{ CC_PRESENT, "> CC-RELEASE-COM reason=00\nsipd release 7 rejected\nidle\n" },
		{ CC_RECEIVED, "> CC-RELEASE-COM reason=00\nsipd release 7 rejected\nidle\n" },
		{ CC_INITIATED, "> CC-RELEASE-COM reason=00\nsipd release 101 normal\nidle\n" },
		{ CC_OVERLAP, "> CC-RELEASE-COM reason=00\nsipd release 101 normal\nidle\n" },
		{ CC_PROCEEDING, "> CC-RELEASE-COM reason=00\nsipd release 101 normal\nidle\n" },
		{ CC_DELIVERED, "> CC-RELEASE-COM reason=00\nsipd release 101 normal\nidle\n" },
		{ CC_ACTIVE, "> CC-RELEASE-COM reason=00\nsipd release 101 normal\nidle\n" },
		{ CC_RELEASING, "idle\n" }, /* they crossed: no further message (9.5.3) */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct rig *r = in_state(t[i].st);
		pp_ends(r, CC_RELEASE, CC_R_NORMAL);
		EXPECT(r, t[i].want);
		clean(r);
		/* The abnormal release has no answer. */
		r = in_state(t[i].st);
		pp_ends(r, CC_RELEASE_COM, CC_R_USER_BUSY);
		EXPECT(r, t[i].st == CC_RELEASING ? "idle\n"
		          : t[i].st == CC_PRESENT || t[i].st == CC_RECEIVED
		              ? "sipd release 7 busy\nidle\n"
		              : "sipd release 101 normal\nidle\n");
		clean(r);
	}
}

static void sipd_releases(void **state)
{
	static const struct {
		enum cc_state st;
		const char *want;
		bool confirm;
	} t[] = {
		{ CC_PAGING, "page cancelled\nidle\n", false },
		{ CC_SECURING, "idle\n", false },
		{ CC_PRESENT, "> CC-RELEASE reason=00\n", true },
		{ CC_RECEIVED, "> CC-RELEASE reason=00\n", true },
		{ CC_OVERLAP, "> CC-RELEASE reason=12 display='Number incomplete'\n", true },
		{ CC_PROCEEDING, "> CC-RELEASE reason=12 display='Number incomplete'\n", true },
		{ CC_DELIVERED, "> CC-RELEASE reason=12 display='Number incomplete'\n", true },
		{ CC_ACTIVE, "> CC-RELEASE reason=12 display='Number incomplete'\n", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		for (int answer = 0; answer < 2; answer++) {
			struct rig *r = in_state(t[i].st);
			bool in = t[i].st == CC_PAGING || t[i].st == CC_SECURING ||
			          t[i].st == CC_PRESENT || t[i].st == CC_RECEIVED;
			released(r, in ? 7 : 101, in ? IWU_CANCELLED : IWU_INCOMPLETE, false);
			EXPECT(r, t[i].want);
			if (!t[i].confirm) {
				r->want_link = r->want_secure = false;
				clean(r);
				continue;
			}
			if (answer) {
				pp_ends(r, CC_RELEASE_COM, 0);
				EXPECT(r, "idle\n");
			} else { /* CC.02 */
				pass(r, 35999);
				EXPECT(r, "");
				pass(r, 1);
				EXPECT(r, "> CC-RELEASE-COM reason=0d\nidle\n");
			}
			clean(r);
		}
}

static void link_lost(void **state)
{
	(void)state;
	for (int st = CC_PAGING; st < CC_NULL; st++) {
		if (st == CC_ANSWERED)
			continue;
		struct rig *r = in_state((enum cc_state)st);
		bool in =
		    st == CC_PAGING || st == CC_SECURING || st == CC_PRESENT || st == CC_RECEIVED;
		if (st == CC_PAGING)
			cc_link(phones_cc(r->phones), r->pp, ERR_LOST);
		r->want_link = r->want_secure = false;
		cc_lost(phones_cc(r->phones), r->pp);
		settle(r);
		EXPECT(r, st == CC_RELEASING  ? "idle\n"
		          : st == CC_PAGING   ? "sipd offered 7 not reachable\nidle\n"
		          : st == CC_SECURING ? "sipd offered 7 radio link lost\nidle\n"
		          : in                ? "sipd release 7 radio link lost\nidle\n"
		                              : "sipd release 101 radio link lost\nidle\n");
		clean(r);
	}
}

static void timers(void **state)
{
	struct rig *r = in_state(CC_OVERLAP);

	(void)state;
	/* CC.01 starts anew with each digit. */
	pass(r, 19000);
	pp_keys(r, "4");
	forget(r);
	pass(r, 19999);
	EXPECT(r, "");
	pass(r, 1);
	EXPECT(r, "> CC-RELEASE reason=0d\nsipd release 101 normal\n");
	pp_ends(r, CC_RELEASE_COM, 0);
	EXPECT(r, "idle\n");
	clean(r);
	/* The handset's CC.03 and CC.04 are prolonged while sipd is slow. */
	r = in_state(CC_INITIATED);
	pass(r, 9000);
	EXPECT(r, "> CC-NOTIFY\n");
	phones_setup_done(r->phones, 101, 0, at(101), false, "");
	progress(r, 101, IWU_PROCEEDING, NULL, NULL);
	forget(r);
	pass(r, 60000);
	EXPECT(r, "> CC-NOTIFY\n");
	connected(r, 101, "Bob", "4712");
	forget(r);
	pass(r, 200000);
	EXPECT(r, "");
	rig_free(r);
	/* CC.04 where it is configured. */
	r = in_state(CC_RECEIVED);
	rig_free(r);
	r = rig_new();
	r->conf.cc.cc04_ms = 100000;
	rig_reconf(r);
	(void)offer(r, 7, "Bob", "4712");
	pp_says(r, CC_ALERTING);
	forget(r);
	pass(r, 100000);
	EXPECT(r, "> CC-RELEASE reason=0d\nsipd release 7 not reachable\n");
	pp_ends(r, CC_RELEASE_COM, 0);
	forget(r);
	clean(r);
	/* sipd never answers CC-SETUP. */
	r = in_state(CC_INITIATED);
	pass(r, 15000);
	EXPECT(
	    r, "> CC-NOTIFY\nsipd release 101 internal error\n> CC-RELEASE-COM reason=00\nidle\n");
	clean(r);
}

static void collisions(void **state)
{
	struct rig *r = in_state(CC_PRESENT);
	uint8_t tv = r->tv;

	(void)state;
	/* Both call at once: the handset's CC-SETUP is refused, ours comes again when the handset refused it. */
	pp_setup_with(r, "99", true, 8);
	EXPECT(r, "> CC-RELEASE-COM reason=32\n");
	r->by_pp = false;
	r->tv = tv;
	pp_ends(r, CC_RELEASE_COM, CC_R_RESOURCES);
	EXPECT(r, "> CC-SETUP [our 1] service=90 display='Bob\\0d\\0a4712' signal=40 from=4712 "
	          "name=Bob\n");
	pp_says(r, CC_ALERTING);
	pp_says(r, CC_CONNECT);
	EXPECT(r, "sipd alerting 7\n> CC-CONNECT-ACK\nsipd answer 7\n");
	/* In a later state the call stays. */
	tv = r->tv;
	pp_setup_with(r, "99", true, 8);
	EXPECT(r, "> CC-RELEASE-COM reason=32\n");
	r->by_pp = false;
	r->tv = tv;
	pp_hangs_up(r);
	EXPECT(r, "> CC-RELEASE-COM reason=00\nsipd release 7 normal\nidle partial\n");
	clean(r);
	/* A handset that refuses for ever is given up. */
	r = in_state(CC_PRESENT);
	pp_ends(r, CC_RELEASE_COM, CC_R_RESOURCES);
	forget(r);
	pp_ends(r, CC_RELEASE_COM, CC_R_RESOURCES);
	EXPECT(r, "sipd release 7 no channel\nidle partial\n");
	clean(r);
	/* The handset calls while it is being paged. */
	r = in_state(CC_PAGING);
	pp_setup_with(r, "99", true, 8);
	EXPECT(r, "> CC-RELEASE-COM reason=32\n");
	r->no_link = false;
	settle(r);
	EXPECT(r,
	    "> CC-SETUP [our 0] service=90 display='Bob\\0d\\0a4712' signal=40 from=4712 name=Bob\n"
	    "sipd offered 7 yes\n");
	rig_free(r);
}

static void new_call_while_releasing(void **state)
{
	struct rig *r = in_state(CC_RELEASING);

	(void)state;
	/* The handset did not confirm, but calls again: it is free. */
	pp_setup_with(r, "4713", true, 8);
	EXPECT(r, "sipd setup 102 '4713' complete\n");
	pass(r, 36000);
	rig_free(r);
	/* A call for it waits until it is. */
	r = in_state(CC_RELEASING);
	assert_int_equal(offer(r, 9, "Bob", "4712"), IWU_NONE);
	EXPECT(r, "");
	pp_ends(r, CC_RELEASE_COM, 0);
	EXPECT(r,
	    "page\n> CC-SETUP [our 0] service=90 display='Bob\\0d\\0a4712' signal=40 from=4712 "
	    "name=Bob\nsipd offered 9 yes\n");
	rig_free(r);
}

/* Octets as they stand, not checked before. */
static void raw_now(struct rig *r, const char *hex)
{
	uint8_t b[128];
	size_t n = 0;
	struct nwk_msg m;

	for (const char *p = hex; *p;) {
		unsigned v;
		assert_int_equal(sscanf(p, "%2x", &v), 1);
		b[n++] = (uint8_t)v;
		p += p[2] == ' ' ? 3 : 2;
	}
	if (nwk_parse(b, n, NWK_FROM_PP, &m) == 0)
		cc_input(phones_cc(r->phones), r->pp, &m);
}

static void raw(struct rig *r, const char *hex)
{
	raw_now(r, hex);
	settle(r);
}

static void errors(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	/* Unknown transaction: answered, releases and SETUP with F = 1 are not. */
	raw(r, "23 7b 2c 01 31");
	EXPECT(r, "> CC-RELEASE-COM [its 2] reason=02\n");
	raw(r, "a3 07");
	EXPECT(r, "> CC-RELEASE-COM [our 2] reason=02\n");
	raw(r, "23 4d e2 00");
	raw(r, "23 5a e2 00");
	raw(r, "23 20 05 07 80 a8 01 00 12 ab cd 16 01 8d 7c 04 90 02 00 84");
	raw(r, "93 05 05 07 80 a8 01 00 12 ab cd 06 06 80 a0 11 23 45 67 e0 80");
	EXPECT(r, "");
	/* Mandatory elements missing or wrong. */
	raw(r, "13 05 05 07 80 a8 01 00 12 ab cd 06 06 80 a0 11 23 45 67");
	EXPECT(r, "> CC-RELEASE-COM [its 1] reason=03\n");
	raw(r, "13 05 06 06 80 a0 11 23 45 67 e0 80");
	EXPECT(r, "> CC-RELEASE-COM [its 1] reason=03\n");
	raw(r, "13 05 05 01 80 06 06 80 a0 11 23 45 67 e0 80");
	EXPECT(r, "> CC-RELEASE-COM [its 1] reason=04\n");
	/* Services that we don't have: external handover, ISDN, data. */
	raw(r, "13 05 05 07 80 a8 01 00 12 ab cd 06 06 80 a0 11 23 45 67 e0 c0");
	EXPECT(r, "> CC-RELEASE-COM [its 1] reason=21\n");
	raw(r, "13 05 05 07 80 a8 01 00 12 ab cd 06 06 80 a0 11 23 45 67 e0 70");
	EXPECT(r, "> CC-RELEASE-COM [its 1] reason=06\n");
	raw(r, "13 05 05 07 80 a8 01 00 12 ab cd 06 06 80 a0 11 23 45 67 e0 89");
	EXPECT(r, "> CC-RELEASE-COM [its 1] reason=05\n");
	assert_int_equal(cc_count(phones_cc(r->phones)), 0);
	/* A repetition and an unexpected message are ignored, a repeated element counts once. */
	r->by_pp = true;
	r->tv = 1;
	raw(r, "13 05 05 07 80 a8 01 00 12 ab cd 06 06 80 a0 11 23 45 67 e0 80");
	raw(r, "13 05 05 07 80 a8 01 00 12 ab cd 06 06 80 a0 11 23 45 67 e0 80");
	EXPECT(r, "sipd setup 101 ''\n");
	setup_ok(r, 101);
	forget(r);
	raw(r, "13 01");
	raw(r, "13 07");
	raw(r, "13 7e");
	raw(r, "13 0f");
	EXPECT(r, "");
	raw(r, "13 7b 2c 02 34 37 2c 01 31");
	EXPECT(r, "sipd digits 101 '47'\n");
	/* A change of service, and hold, outside of a conversation. */
	raw(r, "13 20 05 07 80 a8 01 00 12 ab cd 16 01 8d 7c 07 90 03 00 01 02 00 84");
	EXPECT(r, "");
	raw(r, "13 24");
	EXPECT(r, "> HOLD-REJECT\n");
	rig_free(r);
}

/* 9.6: what is in use is confirmed, another codec is refused; suspend and resume are not served; faults are ignored. */
static void service_change(void **state)
{
	struct rig *r = in_state(CC_ACTIVE);

	(void)state;
	raw(r, "03 20 05 07 80 a8 01 00 12 ab cd 16 01 8d 7c 07 90 03 00 01 02 00 84");
	EXPECT(r, "> CC-SERVICE-REJECT reason=0b\n");
	raw(r, "03 20 05 07 80 a8 01 00 12 ab cd 16 01 8d 7c 04 90 02 00 84");
	EXPECT(r, "> CC-SERVICE-ACCEPT\n");
	raw(r, "03 20 05 07 80 a8 01 00 12 ab cd 16 02 88 80");
	EXPECT(r, "> CC-SERVICE-REJECT reason=06\n");
	raw(r, "03 20 16 01 8d 7c 04 90 02 00 84");
	raw(r, "03 20 05 07 80 a8 01 00 12 ab cd 7c 04 90 02 00 84");
	EXPECT(r, "");
	assert_int_equal(cc_state(cc_of_pp(r->pp)), CC_ACTIVE);
	rig_free(r);
}

/* Why a handset may not call: authentication, ciphering, no answer, certd without time (7.6.7). */
static void insecure(void **state)
{
	static const struct {
		int err;
		const char *want;
	} t[] = {
		{ ERR_AUTH, "> CC-RELEASE-COM reason=09\nidle\n" },
		{ ERR_DENIED, "> CC-RELEASE-COM reason=41\nidle\n" },
		{ ERR_UNSUPP, "> CC-RELEASE-COM reason=41\nidle\n" },
		{ ERR_TIMEOUT, "> CC-RELEASE-COM reason=0d\nidle\n" },
		{ ERR_BUSY, "> CC-RELEASE-COM reason=31\nidle\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct rig *r = rig_new();

		r->secure_now = false;
		r->secure_err = t[i].err;
		pp_setup(r);
		EXPECT(r, t[i].want);
		clean(r);
	}
}

/* Terminal capability comes in CC-SETUP, CC-ALERTING and CC-CONNECT, too; the last one holds (7.7.41). */
static void capabilities(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	r->secure_now = false;
	r->by_pp = true;
	r->tv = 1;
	r->secure_err = ERR_AUTH; /* somebody else */
	raw(r, "13 05 05 07 80 a8 01 00 12 ab cd 06 06 80 a0 11 23 45 67 e0 80 63 03 25 82 92");
	assert_int_equal(r->pp->caps.tc.tones, ie_terminal_cap_default.tones);
	r->secure_err = 0;
	raw(r, "13 05 05 07 80 a8 01 00 12 ab cd 06 06 80 a0 11 23 45 67 e0 80 63 03 25 82 92");
	assert_int_equal(r->pp->caps.tc.tones, 2);
	assert_int_equal(r->pp->caps.tc.display, 5);
	pp_hangs_up(r);
	r->secure_now = true;
	(void)offer(r, 7, "Bob", "4712");
	raw(r, "83 01 63 03 41 82 92");
	assert_int_equal(r->pp->caps.tc.tones, 4);
	raw(r, "83 07 63 03 32 82 92");
	assert_int_equal(r->pp->caps.tc.tones, 3);
	assert_int_equal(r->pp->caps.tc.display, 2);
	rig_free(r);
}

static void link_reset(void **state)
{
	struct rig *r = in_state(CC_OVERLAP);

	(void)state;
	cc_reset(phones_cc(r->phones), r->pp);
	settle(r);
	EXPECT(r, "> CC-RELEASE reason=0f\nsipd release 101 radio link lost\n");
	pp_ends(r, CC_RELEASE_COM, 0);
	forget(r);
	clean(r);
	r = in_state(CC_ACTIVE);
	cc_reset(phones_cc(r->phones), r->pp);
	settle(r);
	EXPECT(r, "");
	rig_free(r);
}

static void codec_negotiation(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	/* A wideband handset on bases without: told G.726 only. */
	ngdect(r);
	r->by_pp = true;
	r->tv = 1;
	raw(r, "13 05 05 07 80 a8 01 00 12 ab cd 06 06 80 a0 11 23 45 67 e0 88 7c 07 90 03 00 01 "
	       "02 00 84");
	setup_ok(r, 101);
	EXPECT(r, "sipd setup 101 ''\n> CC-SETUP-ACK progress=8 codecs=2 call=1 status=2\n");
	assert_false(cc_wideband(cc_of_pp(r->pp)));
	pp_hangs_up(r);
	/* And where it is allowed. */
	r->conf.cc.wideband = true;
	rig_reconf(r);
	forget(r);
	r->tv = 2;
	raw(r, "23 05 05 07 80 a8 01 00 12 ab cd 06 06 80 a0 11 23 45 67 e0 88 7c 07 90 03 00 01 "
	       "02 00 84");
	setup_ok(r, 102);
	EXPECT(r, "sipd setup 102 ''\n> CC-SETUP-ACK progress=8 codecs=32 call=2 status=2\n");
	assert_true(cc_wideband(cc_of_pp(r->pp)));
	rig_free(r);
}

/* The worked examples of the reference, octet by octet (dect-nwk 15.4, 15.5, 16.2). */
static void reference_octets(void **state)
{
	struct rig *r = rig_new();
	struct iwu_offer o = { .ring_pattern = 0, .media = at(7) };

	(void)state;
	/* Incoming, to a handset that takes UTF-8 names and has no part 3. */
	r->pp->caps.tc.profile[6] = 0x02;
	r->pp->caps.tc.display = 1;
	o.caller.name = slice_str("\u00c5sa K");
	o.caller.number = slice_str("4711");
	o.caller.external = true;
	assert_int_equal(phones_offer(r->phones, r->pp, 7, &o), IWU_NONE);
	settle(r);
	assert_string_equal(r->last, "0305050780a8010012abcd060680a011234567e080e4406c0609833437"
	                             "31316d0707c3857361204b");
	pp_says(r, CC_ALERTING);
	pp_says(r, CC_CONNECT);
	assert_string_equal(r->last, "030f");
	released(r, 7, IWU_NORMAL, false);
	assert_string_equal(r->last, "034de200");
	pp_ends(r, CC_RELEASE_COM, 0);
	/* Outgoing, TV 1, plain GAP with a display. */
	r->pp->caps.tc.profile[6] = 0;
	r->pp->caps.tc.display = 4;
	r->next_tv = 1;
	pp_setup(r);
	setup_ok(r, 101);
	assert_string_equal(r->last, "930d1e028188");
	pp_keys(r, "4712");
	progress(r, 101, IWU_PROCEEDING, NULL, NULL);
	assert_string_equal(r->last, "9302");
	progress(r, 101, IWU_ALERTING, "Bob", "");
	assert_string_equal(r->last, "93011e02818828040c426f62");
	phones_connected(r->phones, 101, NULL, NULL);
	settle(r);
	assert_memory_equal(r->last, "9307", 4);
	pp_hangs_up(r);
	assert_string_equal(r->last, "935ae200");
	rig_free(r);
	/* Wideband, where it is allowed. */
	r = rig_new();
	r->conf.cc.wideband = true;
	rig_reconf(r);
	r->pp->caps.tc.profile[6] = 0x02;
	r->pp->caps.tc.slots = 0x0a;
	r->pp->caps.tc.display = 1;
	o.caller.name = slice_str("");
	assert_int_equal(phones_offer(r->phones, r->pp, 8, &o), IWU_NONE);
	EXPECT(r, "page wide\n");
	settle(r);
	assert_string_equal(r->last, "0305050780a8010012abcd060680a011234567e088e4406c060983"
	                             "343731317c0790030001020084");
	/* It answers with its list: wideband; without: narrowband. */
	MSG(r, CC_CONNECT);
	struct ie_codec_list wide;
	ie_codec_wide(&wide);
	ie_codec_list_put(&w, &wide);
	says(r, &w);
	assert_true(cc_wideband(cc_of_pp(r->pp)));
	pp_hangs_up(r);
	assert_int_equal(phones_offer(r->phones, r->pp, 9, &o), IWU_NONE);
	settle(r);
	pp_says(r, CC_CONNECT);
	assert_false(cc_wideband(cc_of_pp(r->pp)));
	rig_free(r);
}

/* What changed before the handset said anything is told once it has answered. */
static void renewed_before_answer(void **state)
{
	struct rig *r = in_state(CC_PRESENT);

	(void)state;
	forget(r);
	named(r, 7, "Carla", "4713");
	EXPECT(r, "");
	pp_says(r, CC_CONNECT);
	EXPECT(r, "> CC-CONNECT-ACK\n> CC-INFO display='Carla\\0d\\0a4713' from=4713 "
	          "name=Carla\nsipd answer 7\n");
	rig_free(r);
}

/* Digits that do not wait for CC-SETUP-ACK, while the link is still being made safe: none is lost, whatever carries them. */
static void digits_before_setup_ack(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	r->secure_now = false;
	r->by_pp = true;
	raw_now(r, "03 05 05 07 80 a8 01 00 12 ab cd 06 06 80 a0 11 23 45 67 e0 80");
	raw_now(r, "03 7b 2c 02 34 37");
	raw_now(r, "03 7b e9 31");
	raw_now(r, "03 7b a1 2c 01 32");

	EXPECT(r, "");
	settle(r);
	EXPECT(r, "sipd setup 101 '4712' complete\n");
	rig_free(r);
}

/* A call for lists: no line, no speech; a call that comes ends it, and rings then. */
static void lists(void **state)
{
	struct rig *r = rig_new();
	struct iwu_answer a = { .n = 1, .total = 1 };

	(void)state;
	pp_setup_with(r, NULL, false, 2);
	EXPECT(r, "> CC-CALL-PROC\n> CC-CONNECT\n");
	raw(r, "03 60 77 04 c3 00 01 00");
	EXPECT(r, "sipd query log kind=3 from=0 when=0 state=0 ''\n");
	phones_answer(r->phones, r->pp, r->token, &a);
	EXPECT(r, "> IWU-INFO\n");
	assert_string_equal(r->last, "8360770"
	                             "8c30101818100"
	                             "0103");
	/* Digits mean nothing here; rubbish does not either; another protocol's data is left alone. */
	pp_keys(r, "1");
	raw(r, "03 60 77 01 c3");
	raw(r, "03 60 77 04 c4 00 01 00");
	EXPECT(r, "");
	/* The answer of a question that was under way when a call came is dropped. */
	raw(r, "03 60 77 09 c3 06 81 81 01 7f 01 02 03");
	EXPECT(r, "sipd query log kind=3 from=0 when=0 state=0 ''\n");
	assert_int_equal(offer(r, 9, "Bob", "4712"), IWU_NONE);
	EXPECT(r, "> CC-RELEASE reason=0e\n");
	phones_answer(r->phones, r->pp, r->token, &a);
	EXPECT(r, "");
	pp_ends(r, CC_RELEASE_COM, 0);
	EXPECT(r,
	    "page\n> CC-SETUP [our 0] service=90 display='Bob\\0d\\0a4712' signal=40 from=4712 "
	    "name=Bob\nsipd offered 9 yes\n");
	rig_free(r);
	/* Forgotten by the handset: it ends by itself. */
	r = rig_new();
	pp_setup_with(r, NULL, false, 2);
	forget(r);
	pass(r, 59000);
	EXPECT(r, "");
	pass(r, 2000);
	EXPECT(r, "> CC-RELEASE reason=0d\n");
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables),
		cmocka_unit_test(handset_releases),
		cmocka_unit_test(sipd_releases),
		cmocka_unit_test(link_lost),
		cmocka_unit_test(timers),
		cmocka_unit_test(collisions),
		cmocka_unit_test(new_call_while_releasing),
		cmocka_unit_test(errors),
		cmocka_unit_test(service_change),
		cmocka_unit_test(insecure),
		cmocka_unit_test(capabilities),
		cmocka_unit_test(link_reset),
		cmocka_unit_test(codec_negotiation),
		cmocka_unit_test(reference_octets),
		cmocka_unit_test(renewed_before_answer),
		cmocka_unit_test(digits_before_setup_ack),
		cmocka_unit_test(lists),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
