/* LYNC: the profile, REGISTER and what follows from answers, the first steps of the handshake; the whole of it is in
 * tests/system/lync_sipd.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <ctype.h>
#include <cmocka.h>

#include <syslog.h>

#include "common/ossl.h"
#include "rig.h"
#include "rig_sip.h"
#include "sipd/mras.h"
#include "sipd/ms.h"
#include "sipd/reg_int.h"
#include "tests/unit/sipd/ms_vectors.h"

static const char conf[] =
    "[sipd]\nlisten-address = 127.0.0.1\nlocal-port = 0\ntransports = udp\n"
    "register-when = never\nkeep-alive = 0\n"
    "[lync]\nenabled = yes\nauth = ntlm\nfront-ends = sba.contoso.com pool.contoso.com:5062\n"
    "domain = contoso.com\nfqdn = ipdect.contoso.com\n";

static struct sip_msg msg;
static char *text_of_msg;

static const struct sip_msg *parse(const char *text)
{
	free(text_of_msg);
	text_of_msg = mem_str(text);
	assert_int_equal(sip_msg_parse(&msg, text_of_msg, strlen(text), true), 0);
	return &msg;
}

static const struct sip_msg *answer(const char *status, const char *lines)
{
	char text[2048];

	snprintf(text, sizeof(text),
	    "SIP/2.0 %s\r\nVia: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK1\r\nFrom: "
	    "<sip:200@contoso.com>;tag=a;epid=1\r\n"
	    "To: <sip:200@contoso.com>;tag=b\r\nCall-ID: c\r\nCSeq: 1 "
	    "REGISTER\r\n%sContent-Length: 0\r\n\r\n",
	    status, lines);
	return parse(text);
}

static struct ms_ep *endpoint(struct rig *r)
{
	rig_add_user(r, "200", "050030000200", NULL, NULL);
	struct sipd *s = sipd_of(&r->d);
	struct ms_ep *e = ms_ep(s, users_find(s->users, SLICE_LIT("200")));
	assert_non_null(e);
	return e;
}

static void profile(void **state)
{
	struct rig *r = rig_new(conf);
	const struct sipd_conf *c = sipd_of(&r->d)->conf;
	struct sipd_conf out;
	char text[MS_TEXT];
	(void)state;

	assert_string_equal(c->proxy[0].uri, "sip:sba.contoso.com:5061;transport=tls");
	assert_string_equal(c->proxy[1].uri, "sip:pool.contoso.com:5062;transport=tls");
	assert_string_equal(c->proxy[2].uri, "");
	assert_true(c->proxy[0].priority < c->proxy[1].priority);
	assert_int_equal(c->transport, TP_TLS);
	assert_true(c->gruu && c->to_registrar && c->lifetime && c->mki && !c->sips && !c->mwi);
	assert_string_equal(c->default_domain, "contoso.com");
	struct sipd_conf in = r->conf;
	in.lync_auth = MS_AUTH_TRUSTED;
	assert_int_equal(ms_profile(&in, &out, text), 0);
	assert_int_equal(out.tls_client, 2);
	assert_string_equal(out.transports.v[0], "tls");
	in.lync_front_ends.n = 0;
	assert_int_equal(ms_profile(&in, &out, text), ERR_VALUE);
	rig_free(r);
}

static void register_text(void **state)
{
	struct rig *r = rig_new(conf);
	struct ms_ep *e = endpoint(r);
	char buf[4096], epid[MS_EPID_MAX + 1], want[64], uuid[MS_UUID_TEXT];
	struct wr w = wr_of(buf, sizeof(buf));
	(void)state;

	ms_put_register(e, &w, "call", "tag", 7, false, NULL);
	assert_true(wr_nul(&w));
	assert_memory_equal(buf, "REGISTER sip:contoso.com SIP/2.0\r\n", 34);
	snprintf(want, sizeof(want), ";tag=tag;epid=%s\r\n", e->epid);
	assert_non_null(strstr(buf, want));
	assert_int_equal(ms_epid_uuid(slice_str(e->epid), uuid), 0);
	assert_non_null(strstr(buf, uuid));
	assert_non_null(strstr(buf, "proxy=replace"));
	assert_non_null(strstr(buf, "\r\nEvent: registration\r\n"));
	assert_null(strstr(buf, "ms-forking"));
	assert_null(strstr(buf, "\r\nExpires:"));
	w = wr_of(buf, sizeof(buf));
	ms_put_register(e, &w, "call", "tag", 8, true, NULL);
	assert_true(wr_nul(&w));
	assert_non_null(strstr(buf, "\r\nExpires: 0\r\n"));
	/* the same again after the record was made anew: it is no new endpoint */
	snprintf(epid, sizeof(epid), "%s", e->epid);
	struct user *u = e->user;
	ms_ep_free(u);
	assert_string_equal(ms_ep(sipd_of(&r->d), u)->epid, epid);
	assert_ptr_equal(ms_by_epid(sipd_of(&r->d), slice_str(epid))->user, u);
	assert_null(ms_by_epid(sipd_of(&r->d), SLICE_LIT("0123456789abcdef0")));
	rig_free(r);
}

static void answers(void **state)
{
	struct rig *r = rig_new(conf);
	struct ms_ep *e = endpoint(r);
	struct sipd *s = sipd_of(&r->d);
	char why[600];
	uint32_t ms;
	bool lost;
	(void)state;

	static const char added[] = "presence-state: "
	                            "register-action=\"added\";primary-cluster-type=\"central\";is-"
	                            "connected-to-primary=\"no\"\r\n"
	                            "Supported: adhoclist\r\nSupported: msrtc-event-categories\r\n";
	ms_registered(e, answer("200 OK", added), NULL, false, &lost);
	assert_false(lost);
	assert_true(e->adhoclist && e->categories && e->limited);
	ms_registered(e, answer("200 OK", added), NULL, true, &lost);
	assert_true(lost);
	ms_registered(e, answer("200 OK", "presence-state: register-action=\"refreshed\"\r\n"),
	    NULL, true, &lost);
	assert_false(lost);
	ms_refused(s,
	    answer("401 Unauthorized",
	        "ms-diagnostics: 1000;reason=\"Final handshake failed\";source=\"fe\"\r\n"),
	    why, sizeof(why), &ms);
	assert_non_null(strstr(why, "wrong password"));
	assert_non_null(strstr(why, "1000"));
	assert_int_equal(ms, 900000);
	ms_refused(s, answer("504 Server time-out", ""), why, sizeof(why), &ms);
	assert_int_equal(ms, 60000);
	s->effective.lync_auth = MS_AUTH_TRUSTED;
	ms_refused(s, answer("401 Unauthorized", ""), why, sizeof(why), &ms);
	assert_non_null(strstr(why, "TreatAsAuthenticated"));
	rig_free(r);
}

/* A front end that cannot serve the user now: the next one. What that one says of a new registration is no loss. */
static void next_front_end(void **state)
{
	static const char *const not_here[] = { "480 Temporarily Unavailable", "408 Timeout",
		"500 Server Internal Error", "504 Server Time-out" };
	struct rig *r = rig_new(conf);
	struct ms_ep *e = endpoint(r);
	struct sipd *s = sipd_of(&r->d);
	struct regs *g = s->regs;
	struct reg *reg;
	(void)state;

	s->effective.register_when = REGISTER_ALWAYS;
	reg_update(s, e->user);
	reg = ustate_of(e->user)->reg;
	assert_non_null(reg);
	for (size_t i = 0; i < ARRAY_LEN(not_here); i++) {
		assert_int_equal(reg->fsm.st, REG_WAIT);
		(void)fsm_event(&reg->fsm, REG_EV_TIMER, NULL); /* a name server is asked */
		assert_int_equal(reg->fsm.st, REG_TRYING);
		assert_ptr_equal(reg->proxy, &g->proxy[0]);
		reg->moved = false;
		assert_true(reg_ms_answer(reg, answer(not_here[i], "")));
		assert_int_equal(reg->fsm.st, REG_TRYING);
		assert_ptr_equal(reg->proxy, &g->proxy[1]);
		assert_true(reg->moved);
		assert_false(g->proxy[0].down || g->proxy[1].down);
		/* there, too: nowhere for now, and from the first one on later */
		assert_true(reg_ms_answer(reg, answer(not_here[i], "")));
		assert_int_equal(reg->fsm.st, REG_WAIT);
	}
	(void)fsm_event(&reg->fsm, REG_EV_TIMER, NULL);
	assert_true(reg_ms_answer(reg, answer("404 Not Found", ""))); /* the user's own fault */
	assert_int_equal(reg->fsm.st, REG_WAIT);
	assert_ptr_equal(reg->proxy, &g->proxy[0]);
	rig_free(r);
}

/* Whom a front end sends users to, and who takes them, may connect here, too; the last eight of them. */
static void homes(void **state)
{
	struct rig *r = rig_new(conf);
	struct ms_ep *e = endpoint(r);
	struct sipd *s = sipd_of(&r->d);
	char uri[80];
	(void)state;

	s->effective.register_when = REGISTER_ALWAYS;
	reg_update(s, e->user);
	struct reg *reg = ustate_of(e->user)->reg;
	reg_target_serves(reg); /* not sent anywhere */
	assert_null(reg_home(s, 0));
	for (unsigned i = 0; i < 20; i++) {
		snprintf(uri, sizeof(uri), "sip:Pool%u.contoso.com:5061;transport=TLS", i / 2);
		reg_targets_clear(reg);
		reg->target[reg->ntarget++] = mem_str(uri);
		reg_target_serves(reg);
		if (i == 1) {
			assert_string_equal(reg_home(s, 0), "Pool0.contoso.com");
			assert_null(reg_home(s, 1));
		}
	}
	assert_string_equal(reg_home(s, 1), "Pool9.contoso.com");
	assert_string_equal(reg_home(s, 7), "Pool7.contoso.com");
	assert_null(reg_home(s, 8));
	rig_free(r);
}

static void note_loss(int prio, const char *line, void *ctx)
{
	(void)prio;
	if (strstr(line, "had lost a registration"))
		++*(unsigned *)ctx;
}

/* "added" to a refresh is a loss that ends calls; by another server it is the way of things. */
static void added(void **state)
{
	struct rig *r = rig_new(conf);
	struct ms_ep *e = endpoint(r);
	struct sipd *s = sipd_of(&r->d);
	const struct sip_msg *rsp =
	    answer("200 OK", "presence-state: register-action=\"added\"\r\n");
	unsigned losses = 0;
	int level = log_level();
	(void)state;

	s->effective.register_when = REGISTER_ALWAYS;
	reg_update(s, e->user);
	struct reg *reg = ustate_of(e->user)->reg;
	log_set_level(LOG_WARNING);
	log_capture(note_loss, &losses);
	(void)fsm_event(&reg->fsm, REG_EV_TIMER, NULL);
	reg->was_up = true;
	assert_true(reg->moved);
	reg_ms_granted(reg, rsp);
	assert_int_equal(losses, 0);
	reg->moved = false;
	reg_ms_granted(reg, rsp);
	assert_int_equal(losses, 1);
	reg->was_up = false;
	log_capture(NULL, NULL);
	log_set_level(level);
	rig_free(r);
}

/* Contacts of all endpoints of the user: ours is known by its instance alone. */
static void granted(void **state)
{
	struct rig *r = rig_new(conf);
	struct ms_ep *e = endpoint(r);
	struct sipd *s = sipd_of(&r->d);
	char lines[700], uuid[MS_UUID_TEXT];
	(void)state;

	s->effective.register_when = REGISTER_ALWAYS;
	reg_update(s, e->user);
	struct reg *reg = ustate_of(e->user)->reg;
	snprintf(reg->instance, sizeof(reg->instance), "%s", e->uuid);
	for (size_t i = 0; i < sizeof(uuid); i++)
		uuid[i] = (char)tolower(e->uuid[i]);
	snprintf(lines, sizeof(lines),
	    "Contact: "
	    "<sip:192.0.2.9:1234;transport=tls>;expires=7200;+sip.instance=\"<urn:uuid:11111111-"
	    "2222-3333-4444-555555555555>\";gruu=\"sip:200@contoso.com;gruu;opaque=x\"\r\n"
	    "Contact: "
	    "<sip:192.0.2.10:49152;transport=tls;ms-opaque=a;ms-received-cid=4E6A00>;expires=120;"
	    "+sip.instance=\"<urn:uuid:%s>\";gruu=\"sip:200@contoso.com;gruu;opaque=ours\"\r\n",
	    uuid);
	reg_granted(reg, answer("200 OK", lines));
	assert_int_equal(reg->granted, 120);
	assert_string_equal(reg->gruu, "sip:200@contoso.com;gruu;opaque=ours");
	rig_free(r);
}

static void nothing(void *ctx, int err)
{
	int *told = ctx;

	if (told)
		*told = err;
}

static void handshake(void **state)
{
	struct rig *r = rig_new(conf);
	struct ms_ep *e = endpoint(r);
	(void)state;

	assert_int_equal(
	    ms_challenge(e,
	        answer("401 Unauthorized", "WWW-Authenticate: Kerberos realm=\"r\"\r\n"), nothing,
	        NULL),
	    ERR_UNSUPP);
	/* a token that we did not ask for */
	assert_int_equal(ms_challenge(e, parse(ms_flow[3].message), nothing, NULL), ERR_SYNTAX);
	assert_int_equal(ms_challenge(e, parse(ms_flow[1].message), nothing, NULL), 0);
	assert_int_equal(e->step, MS_HELLO);
	assert_int_equal(
	    ms_challenge(e,
	        answer("401 Unauthorized",
	            "WWW-Authenticate: NTLM realm=\"r\", targetname=\"t\", opaque=\"1\", "
	            "gssapi-data=\"***\", version=4\r\n"),
	        nothing, NULL),
	    ERR_SYNTAX);
	/* this rig's certd knows no NTLM: the request goes out all the same, and its failure is told */
	int told = 0;
	assert_int_equal(ms_challenge(e, parse(ms_flow[3].message), nothing, &told), 1);
	RIG_UNTIL(r, told != 0);
	/* no half handshake is left: its opaque must not stand in the first token of the next one */
	assert_int_equal(e->step, MS_PLAIN);
	assert_null(e->next);
	ms_auth_reset(e);
	/* the list again after our token: refused, not once more */
	e->step = MS_TOKEN;
	assert_int_equal(ms_challenge(e, parse(ms_flow[1].message), nothing, NULL), ERR_AUTH);
	rig_free(r);
	free(text_of_msg);
	text_of_msg = NULL;
}

/* A call for a boss or a team: To is theirs, our Contact comes back in the Request-URI. What we say is said by our endpoint. */
static void asked(void **state)
{
	struct rig *r = rig_new(conf);
	struct ms_ep *e = endpoint(r);
	struct sipd *s = sipd_of(&r->d);
	static const char form[] =
	    "INVITE sip:192.0.2.1:5061;transport=tls;ms-opaque=%s;ms-received-cid=4E6A00 "
	    "SIP/2.0\r\n"
	    "Via: SIP/2.0/TLS 192.0.2.9;branch=z9hG4bK1\r\nMax-Forwards: 69\r\n"
	    "From: <sip:carol@contoso.com>;tag=1;epid=99aabbccdd\r\nTo: "
	    "<sip:%s@contoso.com>%s%s\r\n"
	    "Call-ID: x\r\nCSeq: 1 INVITE\r\nContact: <sip:carol@contoso.com;gruu>\r\n"
	    "Content-Length: 0\r\n\r\n";
	char text[1024];
	struct dlg *d;
	(void)state;

	snprintf(text, sizeof(text), form, e->epid, "boss", "", "");
	assert_ptr_equal(ms_asked(s, parse(text)), e);
	snprintf(text, sizeof(text), form, "0000000000", "boss", ";epid=", e->epid);
	assert_ptr_equal(ms_asked(s, parse(text)), e);
	snprintf(text, sizeof(text), form, "0000000000", e->user->f[USER_NAME], "", "");
	assert_ptr_equal(ms_asked(s, parse(text)), e);
	snprintf(text, sizeof(text), form, "0000000000", "boss", "", "");
	assert_null(ms_asked(s, parse(text)));
	assert_int_equal(dlg_uas_new(parse(text), SLICE_LIT("t"), SLICE_LIT("<sip:c>"), &d), 0);
	dlg_put_local(d, ";epid=0123456789");
	assert_string_equal(d->local, "<sip:boss@contoso.com>;epid=0123456789");
	dlg_free(d);
	rig_free(r);
	free(text_of_msg);
	text_of_msg = NULL;
}

/* Over UDP, which the dialect knows not; what is asked here does not see it. */
static struct tp_flow *flow_to_peer(struct rig *r)
{
	struct tp_dest d = { .proto = TP_UDP };
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(r->peer),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct tp_flow *f;

	memcpy(&d.addr, &a, sizeof(a));
	assert_int_equal(tp_flow_to(sip_ua_tp(sipd_of(&r->d)->ua), &d, &f), 0);
	return f;
}

/* A SERVICE from us within this time. */
static bool service(struct rig *r, unsigned ms)
{
	for (unsigned t = 0; t < ms; t += 100) {
		rig_pass(r, 100);
		rig_spin(r, 2);
		while (sip_next(r))
			if (strncmp(got, "SERVICE ", 8) == 0)
				return true;
	}
	return false;
}

/* Credentials of the Edge are refused; when they would be asked for again nobody is registered. The next who is asks. */
static void edge_asked_again(void **state)
{
	char text[600];
	(void)state;

	snprintf(text, sizeof(text), "%smras-uri = sip:mras@contoso.com\n", conf);
	rig_by_hand = true;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
	struct rig *r = rig_new(text);
#pragma GCC diagnostic pop
	struct ms_ep *e = endpoint(r);
	struct sipd *s = sipd_of(&r->d);

	s->effective.register_when = REGISTER_ALWAYS;
	reg_update(s, e->user);
	struct reg *reg = ustate_of(e->user)->reg;
	tmr_stop(&reg->timer);
	reg->flow = flow_to_peer(r);
	reg->was_up = true;
	mras_wanted(s, e->user);
	assert_true(service(r, 2000));
	sip_reply(r, "403 Forbidden", "t", "", "");
	rig_spin(r, 20);
	assert_int_equal(mras_text(s, text, sizeof(text)), -1);
	mras_wanted(s, e->user); /* not before its time */
	assert_false(service(r, 20000));
	reg->was_up = false;
	assert_false(service(r, 120000));
	reg->was_up = true;
	mras_wanted(s, e->user);
	assert_true(service(r, 2000));
	reg->was_up = false;
	rig_free(r);
	rig_by_hand = false;
}

/* The end of a registration, by NOTIFY with an answer or by BENOTIFY without, under either name of the event. */
static void taken_back(void **state)
{
	static const char *const methods[] = { "NOTIFY", "BENOTIFY" }, *const events[] = {
		"registration-notify", "registration"
	};
	struct rig *r = rig_new(conf);
	struct ms_ep *e = endpoint(r);
	struct sipd *s = sipd_of(&r->d);
	(void)state;

	s->effective.register_when = REGISTER_ALWAYS;
	s->effective.accept = ACCEPT_ANY;
	reg_update(s, e->user);
	struct reg *reg = ustate_of(e->user)->reg;
	for (int k = 0; k < 4; k++) {
		tmr_stop(&reg->timer);
		reg->fsm.st = REG_UP;
		sip_send(r,
		    "%s sip:127.0.0.1:%u;ms-opaque=%s SIP/2.0\r\nVia: SIP/2.0/UDP "
		    "127.0.0.1:%u;branch=z9hG4bKtb%d;rport\r\nMax-Forwards: 70\r\nFrom: "
		    "<sip:200@contoso.com>;tag=1\r\nTo: <sip:200@contoso.com>;tag=2;epid=%s\r\n"
		    "Call-ID: tb%d\r\nCSeq: 1 %s\r\nEvent: %s\r\nContent-Type: "
		    "text/registration-event\r\nSubscription-State: terminated;expires=0\r\n"
		    "Contact: <sip:127.0.0.1>\r\nContent-Length: 18\r\n\r\nevent=unregistered",
		    methods[k % 2], r->port, e->epid, r->peer, k, e->epid, k, methods[k % 2],
		    events[k / 2]);
		RIG_UNTIL(r, reg->fsm.st == REG_WAIT);
		assert_true(tmr_left(&reg->timer) > 200000);
		if (k % 2 == 0)
			sip_await(r, "SIP/2.0 200 ");
	}
	rig_spin(r, 20);
	assert_false(sip_next(r));
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(profile),
		cmocka_unit_test(register_text),
		cmocka_unit_test(answers),
		cmocka_unit_test(next_front_end),
		cmocka_unit_test(granted),
		cmocka_unit_test(added),
		cmocka_unit_test(homes),
		cmocka_unit_test(handshake),
		cmocka_unit_test(asked),
		cmocka_unit_test(edge_asked_again),
		cmocka_unit_test(taken_back),
	};

	log_set_level(LOG_CRIT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
