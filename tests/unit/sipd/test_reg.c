/* The registration engine against two registrars that this test plays: refusals and what follows, fail-over within one
 * transaction time, fail-back, redirection, GRUU, Service-Route, the rate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "rig.h"
#include "rig_sip.h"

static const char conf[] =
    "[sipd]\nlisten-address = 127.0.0.1\nlocal-port = 0\ntransports = udp\ndefault-domain = "
    "example.test\n"
    "message-waiting = no\nsession-expires = 0\nregister-when = always\nkeep-alive = 0\n"
    "transaction-timeout = 500ms\nproxy-1 = sip:127.0.0.1:%u\n"
    "gruu = yes\n";

static struct rig *one(const char *c)
{
	struct rig *r = rig_new(c);
	rig_add_user(r, "200", "050030000200", NULL, NULL);
	return r;
}

static unsigned up(struct rig *r)
{
	unsigned want, n, failed;
	regs_count(sipd_of(&r->d), &want, &n, &failed);
	return n;
}

static void refusals(void **state)
{
	struct rig *r = one(conf);
	struct reg_view v;
	char id[100], again[100];
	(void)state;

	sip_await(r, "REGISTER sip:example.test SIP/2.0");
	sip_header("Call-ID", id, sizeof(id));
	assert_non_null(strstr(got, "CSeq: 1 REGISTER"));
	assert_non_null(strstr(got, "\r\nContact: <sip:200@127.0.0.1:"));
	sip_reply(r, "423 Interval Too Brief", "x", "Min-Expires: 7200\r\n", "");
	sip_await(r, "REGISTER ");
	assert_non_null(strstr(got, "CSeq: 2 REGISTER"));
	assert_non_null(strstr(got, "\r\nExpires: 7200\r\n"));
	sip_header("Call-ID", again, sizeof(again));
	assert_string_equal(id, again);
	sip_reply(r, "403 Forbidden", "x", "Retry-After: 1\r\n", "");
	rig_spin(r, 30);
	reg_view(users_find(sipd_of(&r->d)->users, SLICE_LIT("200")), &v);
	assert_string_equal(v.state, "failed");
	assert_int_equal(v.code, 403);
	assert_true(strlen(v.why) > 10);
	sip_await(r, "REGISTER "); /* after the second that it was asked to wait */
	sip_reply(r, "401 Unauthorized", "x",
	    "WWW-Authenticate: Digest realm=\"r\", nonce=\"a\"\r\n", "");
	sip_await(r, "REGISTER ");
	/* a stale nonce: once more; a third challenge is a refusal */
	sip_reply(r, "401 Unauthorized", "x",
	    "WWW-Authenticate: Digest realm=\"r\", nonce=\"b\", stale=TRUE\r\n", "");
	sip_await(r, "REGISTER ");
	assert_non_null(strstr(got, "nonce=\"b\""));
	sip_reply(r, "401 Unauthorized", "x",
	    "WWW-Authenticate: Digest realm=\"r\", nonce=\"c\"\r\n", "");
	rig_spin(r, 30);
	reg_view(users_find(sipd_of(&r->d)->users, SLICE_LIT("200")), &v);
	assert_string_equal(v.state, "failed");
	assert_int_equal(up(r), 0);
	rig_free(r);
}

/* No proxy is there: what is shown says which, and what became of the connection. */
static void nobody_there(void **state)
{
	struct rig *r =
	    one("[sipd]\nlisten-address = 127.0.0.1\nlocal-port = 0\ntransports = udp tcp\n"
	        "default-domain = example.test\nmessage-waiting = no\n"
	        "register-when = always\nkeep-alive = 0\n"
	        "proxy-1 = sip:127.0.0.1:1;transport=tcp\n");
	struct reg_view v = { 0 };
	(void)state;

	RIG_UNTIL(r, (reg_view(users_find(sipd_of(&r->d)->users, SLICE_LIT("200")), &v),
	                 v.why && strstr(v.why, "connection refused")));
	RIG_UNTIL(
	    r, (reg_view(users_find(sipd_of(&r->d)->users, SLICE_LIT("200")), &v),
	           v.why && strstr(v.why, "no proxy answers; sip:127.0.0.1:1;transport=tcp: ")));
	rig_free(r);
}

static void gruu_and_routes(void **state)
{
	struct rig *r = one(conf);
	char contact[400], instance[100], lines[900];
	(void)state;

	sip_await(r, "REGISTER ");
	sip_header("Contact", contact, sizeof(contact));
	const char *at = strstr(contact, "urn:uuid:");
	assert_non_null(at);
	snprintf(instance, sizeof(instance), "%.45s", at);
	snprintf(lines, sizeof(lines),
	    "Contact: "
	    "<sip:200@192.0.2.1>;+sip.instance=\"<urn:uuid:other>\";pub-gruu=\"sip:200@example."
	    "test;gr=no\"\r\n"
	    "Contact: "
	    "%.*s;expires=600;+sip.instance=\"<%s>\";pub-gruu=\"sip:200@example.test;gr=mine\"\r\n"
	    "Service-Route: <sip:127.0.0.1:%u;lr>\r\n",
	    (int)(strchr(contact, '>') - contact + 1), contact, instance, r->peer);
	sip_reply(r, "200 OK", "x", lines, "");
	RIG_UNTIL(r, up(r) == 1);
	struct reg_view v;
	reg_view(users_find(sipd_of(&r->d)->users, SLICE_LIT("200")), &v);
	assert_in_range(v.expires_s, 290, 545); /* of 600: half to nine tenths */
	assert_int_equal(rig_setup(r, 5, "200", "0301"), 0);
	sip_await(r, "INVITE ");
	assert_non_null(strstr(got, "\r\nContact: <sip:200@example.test;gr=mine>\r\n"));
	assert_non_null(strstr(got, ";lr>\r\n"));
	assert_non_null(strstr(got, "\r\nRoute: <sip:127.0.0.1:"));
	sip_reply(r, "486 Busy", "b", "", "");
	sip_await(r, "ACK ");
	/* the record goes: so does the registration */
	assert_int_equal(users_del(sipd_of(&r->d)->users, SLICE_LIT("200")), 0);
	sip_await(r, "REGISTER ");
	assert_non_null(strstr(got, "\r\nExpires: 0\r\n"));
	sip_reply(r, "200 OK", "x", "", "");
	rig_free(r);
}

/* A second registrar on a socket of its own. */
static int other_fd;
static uint16_t other_port;
static void open_other(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	other_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(other_fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(other_fd, (struct sockaddr *)&a, &n), 0);
	other_port = ntohs(a.sin_port);
}

/* An answer whose only Contacts are those of lines. */
static void sip_answer(struct rig *r, const char *status, const char *lines)
{
	char via[200], from[200], to[200], id[100], cseq[40];

	sip_header("Via", via, sizeof(via));
	sip_header("From", from, sizeof(from));
	sip_header("To", to, sizeof(to));
	sip_header("Call-ID", id, sizeof(id));
	sip_header("CSeq", cseq, sizeof(cseq));
	sip_send(r,
	    "SIP/2.0 %s\r\nVia: %s\r\nFrom: %s\r\nTo: %s;tag=x\r\nCall-ID: %s\r\nCSeq: %s\r\n"
	    "%sContent-Length: 0\r\n\r\n",
	    status, via, from, to, id, cseq, lines);
}

static void redirected(void **state)
{
	struct rig *r;
	(void)state;

	open_other();
	r = one(conf);
	sip_await(r, "REGISTER ");
	char lines[200];
	snprintf(lines, sizeof(lines),
	    "Contact: <sip:127.0.0.1:9>;q=0.3\r\nContact: <sip:127.0.0.1:%u>;q=0.7\r\n",
	    other_port);
	sip_answer(r, "301 Redirect", lines);
	int first = r->sip;
	r->sip = other_fd;
	sip_await(r, "REGISTER sip:example.test SIP/2.0");
	sip_reply(r, "200 OK", "x", "Expires: 900\r\n", "");
	RIG_UNTIL(r, up(r) == 1);
	r->sip = first;
	close(other_fd);
	rig_free(r);
}

static void sent_to(struct rig *r, uint16_t port)
{
	char lines[100];

	snprintf(lines, sizeof(lines), "Contact: <sip:127.0.0.1:%u>;q=0.7\r\n", port);
	sip_answer(r, "301 Redirect", lines);
}

/* Sent round in a circle: it ends, says so, and does not mean that a later redirection is not followed. */
static void redirected_without_end(void **state)
{
	struct rig *r = one(conf);
	struct reg_view v;
	(void)state;

	for (unsigned i = 0; i < 6; i++) {
		sip_await(r, "REGISTER ");
		sent_to(r, r->peer);
	}
	RIG_UNTIL(r, (reg_view(users_find(sipd_of(&r->d)->users, SLICE_LIT("200")), &v),
	                 strstr(v.why, "without end")));
	open_other();
	sip_await(r, "REGISTER ");
	sent_to(r, other_port);
	int first = r->sip;
	r->sip = other_fd;
	sip_await(r, "REGISTER ");
	sip_reply(r, "200 OK", "x", "Expires: 900\r\n", "");
	RIG_UNTIL(r, up(r) == 1);
	char text[40];
	reg_view(users_find(sipd_of(&r->d)->users, SLICE_LIT("200")), &v);
	snprintf(text, sizeof(text), "sip:127.0.0.1:%u", other_port);
	assert_string_equal(v.proxy, text);
	r->sip = first;
	close(other_fd);
	rig_free(r);
}

/* 503: nothing comes before the time that it says, though OPTIONS would be answered. */
static void busy(void **state)
{
	struct rig *r = one(conf);
	uint64_t began;
	(void)state;

	sip_await(r, "REGISTER ");
	began = uv_hrtime();
	sip_reply(r, "503 Service Unavailable", "x", "Retry-After: 2\r\n", "");
	sip_await(r, "OPTIONS ");
	assert_true((uv_hrtime() - began) / 1000000 > 1800);
	sip_reply(r, "200 OK", "x", "", "");
	sip_await(r, "REGISTER ");
	assert_true((uv_hrtime() - began) / 1000000 > 1800);
	sip_reply(r, "200 OK", "x", "Expires: 900\r\n", "");
	RIG_UNTIL(r, up(r) == 1);
	rig_free(r);
}

static void fail_over(void **state)
{
	char text[900];
	struct rig *r;
	(void)state;

	open_other();
	snprintf(text, sizeof(text), "%sproxy-2 = sip:127.0.0.1:%u\n", conf, other_port);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
	r = one(text);
#pragma GCC diagnostic pop
	sip_await(r, "REGISTER "); /* the first is silent: the second within its time */
	int first = r->sip;
	uint64_t began = uv_hrtime();
	r->sip = other_fd;
	sip_await(r, "REGISTER ");
	/* its time is half a second; 64*T1, which it is not, would be 32 s */
	assert_in_range((uv_hrtime() - began) / 1000000, 300, 20000);
	sip_reply(r, "200 OK", "x", "Expires: 900\r\n", "");
	RIG_UNTIL(r, up(r) == 1);
	struct reg_view v;
	reg_view(users_find(sipd_of(&r->d)->users, SLICE_LIT("200")), &v);
	snprintf(text, sizeof(text), "sip:127.0.0.1:%u", other_port);
	assert_string_equal(v.proxy, text);
	/* calls go there, too */
	assert_int_equal(rig_setup(r, 5, "200", "0301"), 0);
	sip_await(r, "INVITE ");
	sip_reply(r, "486 Busy", "b", "", "");
	sip_await(r, "ACK ");
	/* the first answers OPTIONS again: back to it */
	r->sip = first;
	uint64_t end = uv_hrtime() + RIG_MS * 1000000ull;
	bool back = false;
	while (!back && uv_hrtime() < end) {
		uv_run(&r->loop, UV_RUN_NOWAIT);
		usleep(500);
		if (!sip_next(r))
			continue;
		if (strncmp(got, "OPTIONS ", 8) == 0) {
			sip_reply(r, "200 OK", "o", "", "");
		} else if (strncmp(got, "REGISTER ", 9) == 0 && strstr(got, "CSeq: 1 ") == NULL) {
			sip_reply(r, "200 OK", "x", "Expires: 900\r\n", "");
			back = true;
		}
	}
	assert_true(back);
	rig_spin(r, 50);
	reg_view(users_find(sipd_of(&r->d)->users, SLICE_LIT("200")), &v);
	snprintf(text, sizeof(text), "sip:127.0.0.1:%u", r->peer);
	assert_string_equal(v.proxy, text);
	assert_int_equal(up(r), 1);
	close(other_fd);
	rig_free(r);
}

/* A reload: another URI that holds the old one, then another priority. */
static void reconfigured(void **state)
{
	static const char two[] =
	    "[sipd]\nlisten-address = 127.0.0.1\nlocal-port = 0\ntransports = udp\n"
	    "default-domain = example.test\nmessage-waiting = no\nsession-expires = 0\n"
	    "register-when = always\nkeep-alive = 0\nproxy-1 = sip:127.0.0.1:%u\n";
	char text[900], other[64];
	struct rig *r;
	(void)state;

	open_other();
	snprintf(text, sizeof(text), "%sproxy-2 = sip:127.0.0.1:%u\n", two, other_port);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
	r = one(text);
#pragma GCC diagnostic pop
	sip_await(r, "REGISTER ");
	sip_reply(r, "200 OK", "x", "Expires: 900\r\n", "");
	RIG_UNTIL(r, up(r) == 1);
	char *was = r->conf.proxy[0].uri;
	snprintf(other, sizeof(other), "%s;lr", was);
	r->conf.proxy[0].uri = other;
	regs_reconf(sipd_of(&r->d)->regs);
	sip_await(r, "REGISTER ");
	assert_non_null(strstr(got, "\r\nExpires: 0\r\n")); /* off the old one */
	char id[100], again[100];
	sip_header("Call-ID", id, sizeof(id));
	assert_non_null(strstr(got, "\r\nCSeq: 2 REGISTER\r\n"));
	uint64_t ended = uv_hrtime();
	sip_reply(r, "200 OK", "x", "", "");
	sip_await(r, "REGISTER ");
	/* the end has a start, and is older than this should it come late all the same */
	assert_true(uv_hrtime() - ended > 800000000u);
	assert_string_equal(sip_header("Call-ID", again, sizeof(again)), id);
	assert_true(atoi(strstr(got, "\r\nCSeq: ") + 8) > 2);
	sip_reply(r, "200 OK", "x", "Expires: 900\r\n", "");
	RIG_UNTIL(r, up(r) == 1);
	r->conf.proxy[0].priority = 5; /* the second is first now */
	regs_reconf(sipd_of(&r->d)->regs);
	int first = r->sip;
	r->sip = other_fd;
	sip_await(r, "REGISTER ");
	sip_reply(r, "200 OK", "x", "Expires: 900\r\n", "");
	rig_spin(r, 20);
	r->sip = first;
	r->conf.proxy[0].uri = was;
	close(other_fd);
	rig_free(r);
}

/* ---- RFC 5626 ---- */

static const char ob_conf[] =
    "[sipd]\nlisten-address = 127.0.0.1\nlocal-port = 0\ntransports = udp\ndefault-domain = "
    "example.test\n"
    "message-waiting = no\nsession-expires = 0\nregister-when = always\nkeep-alive = 0\n"
    "outbound-retry = 2s\noutbound-retry-max = 5s\nproxy-1 = sip:127.0.0.1:%u\n";

/* The first hop cannot: at once without; the registrar does not: nothing changes. */
static void outbound_refused(void **state)
{
	struct rig *r = one(ob_conf);
	char contact[400];
	(void)state;

	sip_await(r, "REGISTER ");
	assert_non_null(strstr(got, "\r\nSupported: path, outbound\r\n"));
	sip_header("Contact", contact, sizeof(contact));
	assert_non_null(strstr(contact, ">;+sip.instance=\"<urn:uuid:"));
	assert_non_null(strstr(contact, ";reg-id=1"));
	assert_null(strstr(contact, ";ob"));
	sip_reply(r, "439 First Hop Lacks Outbound Support", "x", "", "");
	sip_await(r, "REGISTER ");
	assert_non_null(strstr(got, "CSeq: 2 REGISTER"));
	assert_non_null(strstr(got, "\r\nSupported: path\r\n"));
	assert_null(strstr(got, "reg-id"));
	sip_reply(r, "200 OK", "x", "Expires: 900\r\n", "");
	RIG_UNTIL(r, up(r) == 1);
	assert_int_equal(rig_setup(r, 5, "200", "0301"), 0);
	sip_await(r, "INVITE ");
	assert_null(strstr(got, ";ob"));
	sip_reply(r, "486 Busy", "b", "", "");
	sip_await(r, "ACK ");
	rig_free(r);
}

/* The next STUN binding request from sipd; answered with this mapped port. When that was, ns. */
static uint64_t stun(struct rig *r, uint16_t port)
{
	uint8_t b[600], a[32] = { 0x01, 0x01, 0, 12 };
	ssize_t n = 0;

	for (uint64_t end = uv_hrtime() + RIG_MS * 1000000ull; uv_hrtime() < end;) {
		uv_run(&r->loop, UV_RUN_NOWAIT);
		usleep(500);
		n = recv(r->sip, b, sizeof(b), MSG_DONTWAIT);
		if (n >= 20 && b[0] == 0 && b[1] == 1)
			break;
	}
	assert_true(n >= 20);
	memcpy(a + 4, b + 4, 16);
	a[21] = 0x20; /* XOR-MAPPED-ADDRESS */
	a[23] = 8;
	a[25] = 1;
	a[26] = (uint8_t)((port >> 8) ^ 0x21);
	a[27] = (uint8_t)((port & 0xff) ^ 0x12);
	memcpy(a + 28, (uint8_t[4]){ 127 ^ 0x21, 0x12, 0xa4, 1 ^ 0x42 }, 4);
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(r->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	uint64_t at = uv_hrtime();
	assert_int_equal(
	    sendto(r->sip, a, sizeof(a), 0, (struct sockaddr *)&to, sizeof(to)), sizeof(a));
	return at;
}

/* Keep-alives at the Flow-Timer; the flow is known to be broken when they show another address; then 4.5's time. */
static void outbound_flow(void **state)
{
	struct rig *r = one(ob_conf);
	struct reg_view v;
	(void)state;

	sip_await(r, "REGISTER ");
	sip_reply(r, "200 OK", "x", "Expires: 900\r\nRequire: outbound\r\nFlow-Timer: 1\r\n", "");
	RIG_UNTIL(r, up(r) == 1);
	assert_int_equal(rig_setup(r, 5, "200", "0301"), 0);
	sip_await(r, "INVITE ");
	assert_non_null(strstr(got, ";ob>\r\n"));
	sip_reply(r, "486 Busy", "b", "", "");
	sip_await(r, "ACK ");
	(void)stun(r, 4000);
	(void)stun(r, 4000);
	assert_int_equal(up(r), 1);
	uint64_t lost = stun(r, 4001); /* a NAT has forgotten us */
	RIG_UNTIL(r, up(r) == 0);
	reg_view(users_find(sipd_of(&r->d)->users, SLICE_LIT("200")), &v);
	assert_string_equal(v.why, "connection lost");
	sip_await(r, "REGISTER ");
	/* half to all of two seconds */
	assert_in_range((uv_hrtime() - lost) / 1000000, 950, RIG_MS);
	/* refused: the time doubles */
	lost = uv_hrtime();
	sip_reply(r, "500 Server Error", "x", "", "");
	sip_await(r, "REGISTER ");
	assert_in_range((uv_hrtime() - lost) / 1000000, 1950, RIG_MS);
	sip_reply(r, "200 OK", "x", "Expires: 900\r\n", ""); /* outbound no more */
	RIG_UNTIL(r, up(r) == 1);
	assert_false(reg_outbound(users_find(sipd_of(&r->d)->users, SLICE_LIT("200"))));
	rig_free(r);
}

/* No storm: many users come in at the configured rate. */
static void paced(void **state)
{
	static const char slow[] =
	    "[sipd]\nlisten-address = 127.0.0.1\nlocal-port = 0\ntransports = udp\n"
	    "default-domain = example.test\nmessage-waiting = no\nkeep-alive = 0\n"
	    "register-when = never\n"
	    "register-rate = 100\nproxy-1 = sip:127.0.0.1:%u\n";
	struct rig *r = rig_new(slow);
	char name[16], ipei[16];
	unsigned seen = 0;
	bool had[100] = { false };
	(void)state;

	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "%d", 300 + i);
		snprintf(ipei, sizeof(ipei), "0500300%05d", i);
		rig_add_user(r, name, ipei, NULL, NULL);
	}
	uv_update_time(&r->loop);
	r->conf.register_when = REGISTER_ALWAYS;
	regs_reconf(sipd_of(&r->d)->regs);
	uint64_t began = uv_hrtime();
	while (seen < 100 && uv_hrtime() - began < RIG_MS * 1000000ull) {
		uv_run(&r->loop, UV_RUN_NOWAIT);
		usleep(500);
		while (sip_next(r)) {
			const char *from = strstr(got, "<sip:3");
			unsigned at = from ? (unsigned)atoi(from + 5) - 300 : 100;
			if (strncmp(got, "REGISTER ", 9) == 0 && at < 100 && !had[at]) {
				had[at] = true; /* a busy machine makes repeats */
				seen++;
				/* 100 a second, in small groups: never more than the time allows */
				assert_true(seen <= (uv_hrtime() - began) / 10000000 + 25);
			}
			sip_reply(r, "200 OK", "x", "Expires: 900\r\n", "");
		}
	}
	assert_int_equal(seen, 100);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals),
		cmocka_unit_test(gruu_and_routes),
		cmocka_unit_test(redirected),
		cmocka_unit_test(redirected_without_end),
		cmocka_unit_test(busy),
		cmocka_unit_test(nobody_there),
		cmocka_unit_test(fail_over),
		cmocka_unit_test(reconfigured),
		cmocka_unit_test(outbound_refused),
		cmocka_unit_test(outbound_flow),
		cmocka_unit_test(paced),
	};

	log_set_level(LOG_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
