/* INVITE sessions on a real socket and a fake clock, against a peer that this test plays: answers repeated until their ACK,
 * reliable progress, forks, CANCEL crossed by an answer, glare, session timer, lost dialogs. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "common/mem.h"
#include "sipd/inv.h"

#define LIMIT_NS 20000000000ull /* how long anything may take on a loaded machine */

struct world {
	uv_loop_t loop;
	struct tmr_wheel *w;
	struct sip_ua *ua;
	int fd;
	uint16_t peer, port;
	struct inv *inv;
	struct inv_conf conf;
	/* heard */
	unsigned progress, answered, failed, confirmed, offers, replies, ended, incoming;
	unsigned status, reply_status;
	int err, reply_err;
	enum inv_end why;
	enum sip_method reply_to;
	char body[200];
	bool hold_offer; /* do not answer at once */
	struct tx *in;
};

static char buf[8192];
static struct sip_msg m;

static void take(struct world *x, const struct sip_msg *msg)
{
	if (msg)
		snprintf(x->body, sizeof(x->body), "%.*s", (int)msg->body.n, msg->body.p);
}

static void on_progress(void *ctx, struct inv *i, const struct sip_msg *rsp)
{
	struct world *x = ctx;
	(void)i;
	x->progress++;
	x->status = rsp->status;
	take(x, rsp);
}
static void on_answered(void *ctx, struct inv *i, const struct sip_msg *rsp)
{
	struct world *x = ctx;
	(void)i;
	x->answered++;
	take(x, rsp);
}
static void on_failed(void *ctx, struct inv *i, unsigned status, const struct sip_msg *rsp, int err)
{
	struct world *x = ctx;
	(void)i;
	(void)rsp;
	x->failed++;
	x->status = status;
	x->err = err;
}
static void on_confirmed(void *ctx, struct inv *i, const struct sip_msg *ack)
{
	struct world *x = ctx;
	(void)i;
	x->confirmed++;
	take(x, ack);
}
static void on_offer(void *ctx, struct inv *i, const struct sip_msg *req)
{
	struct world *x = ctx;
	struct inv_body b = { SLICE_LIT("application/sdp"), SLICE_LIT("our answer") };
	x->offers++;
	take(x, req);
	if (!x->hold_offer)
		assert_int_equal(inv_answer(i, 200, SLICE_LIT(""), b), 0);
}
static void on_reply(
    void *ctx, struct inv *i, enum sip_method method, const struct sip_msg *rsp, int err)
{
	struct world *x = ctx;
	(void)i;
	x->replies++;
	x->reply_to = method;
	x->reply_status = rsp ? rsp->status : 0;
	x->reply_err = err;
	take(x, rsp);
}
static void on_ended(void *ctx, struct inv *i, enum inv_end why, const struct sip_msg *msg)
{
	struct world *x = ctx;
	(void)i;
	(void)msg;
	x->ended++;
	x->why = why;
}
static const struct inv_ops ops = { .progress = on_progress,
	.answered = on_answered,
	.failed = on_failed,
	.confirmed = on_confirmed,
	.offer = on_offer,
	.reply = on_reply,
	.ended = on_ended };

static void on_invite(void *ctx, struct tx *tx, const struct sip_msg *req, struct tp_flow *f)
{
	struct world *x = ctx;
	(void)req;
	x->incoming++;
	x->conf.flow = f;
	if (inv_in(x->ua, &x->conf, tx, SLICE_LIT("<sip:us@127.0.0.1>"), &x->inv))
		x->inv = NULL;
	x->conf.flow = NULL;
}

static struct world *start(uint32_t se)
{
	struct world *x = mem_new(sizeof(*x));
	struct sip_ua_conf c = { .supported = "100rel, timer, replaces",
		.resolve = { .udp_ok = true, .no_ipv6 = true } };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_storage bound;
	socklen_t n = sizeof(a);

	assert_int_equal(uv_loop_init(&x->loop), 0);
	x->w = tmr_wheel_new(NULL);
	tmr_advance(x->w, 1000);
	x->ua = sip_ua_new(&x->loop, x->w, &c);
	assert_int_equal(tp_listen(sip_ua_tp(x->ua), TP_UDP, (struct sockaddr *)&a, &bound), 0);
	x->port = ntohs(((struct sockaddr_in *)&bound)->sin_port);
	x->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(x->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(x->fd, (struct sockaddr *)&a, &n), 0);
	x->peer = ntohs(a.sin_port);
	sip_ua_handle(x->ua, SIP_M_INVITE, on_invite, x);
	x->conf = (struct inv_conf){ .ops = &ops, .ctx = x, .se_s = se };
	return x;
}

static void stop(struct world *x)
{
	inv_free(x->inv);
	sip_ua_free(x->ua);
	tmr_wheel_free(x->w);
	for (uint64_t end = uv_hrtime() + LIMIT_NS;
	     uv_run(&x->loop, UV_RUN_NOWAIT) && uv_hrtime() < end;)
		usleep(500);
	assert_int_equal(uv_loop_close(&x->loop), 0);
	close(x->fd);
	free(x);
}

static void turn(struct world *x)
{
	for (int i = 0; i < 6; i++) {
		uv_run(&x->loop, UV_RUN_NOWAIT);
		tmr_advance(x->w, 0);
	}
}

static bool next(struct world *x)
{
	ssize_t n = recv(x->fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);

	if (n < 0)
		return false;
	buf[n] = '\0';
	assert_int_equal(sip_msg_parse(&m, buf, (size_t)n, false), 0);
	return true;
}

/* The next message must be this request or this status; 100s are passed over. */
static void expect(struct world *x, const char *what)
{
	for (uint64_t end = uv_hrtime() + LIMIT_NS; uv_hrtime() < end;) {
		turn(x);
		if (!next(x)) {
			usleep(500);
			continue;
		}
		if (!m.request && m.status == 100)
			continue;
		char got[80];
		snprintf(got, sizeof(got), "%.*s", (int)m.start.n, m.start.p);
		if (m.request ? strncmp(got, what, strlen(what)) != 0
		              : (unsigned)atoi(what) != m.status)
			fail_msg("'%s' instead of '%s'", got, what);
		return;
	}
	fail_msg("no '%s' came", what);
}

static void expect_nothing(struct world *x)
{
	turn(x);
	usleep(2000);
	turn(x);
	while (next(x))
		if (m.request || m.status != 100)
			fail_msg("unexpected: %.60s", buf);
}

__attribute__((format(printf, 2, 3))) static void say(struct world *x, const char *fmt, ...)
{
	char out[4096];
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(x->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(out, sizeof(out), fmt, ap);
	va_end(ap);
	assert_int_equal(sendto(x->fd, out, (size_t)n, 0, (struct sockaddr *)&to, sizeof(to)), n);
	usleep(500);
	turn(x);
}

/* Answers the request in `m`, which must have been kept by its headers. */
struct req {
	char via[200], from[200], to[200], id[100], cseq[40];
	uint32_t n;
};
static struct req keep(void)
{
	struct req r;
	struct slice via = sip_msg_value(&m, SIP_H_VIA), from = sip_msg_value(&m, SIP_H_FROM),
	             to = sip_msg_value(&m, SIP_H_TO), cseq = sip_msg_value(&m, SIP_H_CSEQ);
	snprintf(r.via, sizeof(r.via), "%.*s", (int)via.n, via.p);
	snprintf(r.from, sizeof(r.from), "%.*s", (int)from.n, from.p);
	snprintf(r.to, sizeof(r.to), "%.*s", (int)to.n, to.p);
	snprintf(r.id, sizeof(r.id), "%.*s", (int)m.call_id.n, m.call_id.p);
	snprintf(r.cseq, sizeof(r.cseq), "%.*s", (int)cseq.n, cseq.p);
	r.n = m.cseq;
	return r;
}

static void answer(struct world *x, const struct req *r, const char *status, const char *tag,
    const char *lines, const char *body)
{
	say(x,
	    "SIP/2.0 %s\r\nVia: %s\r\nFrom: %s\r\nTo: %s%s%s\r\nCall-ID: %s\r\nCSeq: %s\r\n"
	    "Contact: <sip:peer%s@127.0.0.1:%u>\r\n%s%sContent-Length: %zu\r\n\r\n%s",
	    status, r->via, r->from, r->to,
	    strstr(r->to, ";tag=") || !*tag ? "" : ";tag=", strstr(r->to, ";tag=") ? "" : tag,
	    r->id, r->cseq, tag, x->peer, lines, *body ? "Content-Type: application/sdp\r\n" : "",
	    strlen(body), body);
}

static void call(struct world *x)
{
	char target[80];
	snprintf(target, sizeof(target), "sip:you@127.0.0.1:%u", x->peer);
	struct dlg_uac d = { .local = SLICE_LIT("\"Me\" <sip:me@example.test>"),
		.remote = SLICE_LIT("<sip:you@example.test>"),
		.ruri = slice_str(target),
		.contact = SLICE_LIT("<sip:me@127.0.0.1>") };
	struct inv_body b = { SLICE_LIT("application/sdp"), SLICE_LIT("our offer") };
	assert_int_equal(inv_out(x->ua, &x->conf, dlg_uac_new(&d), b, &x->inv), 0);
}

/* A session that we began, answered by tag t; its INVITE in *r. */
static void established(struct world *x, struct req *r, const char *lines)
{
	call(x);
	expect(x, "INVITE sip:you@127.0.0.1");
	*r = keep();
	answer(x, r, "200 OK", "t", lines, "their answer");
	expect(x, "ACK sip:peert@127.0.0.1");
	assert_int_equal(x->answered, 1);
	assert_string_equal(x->body, "their answer");
}

/* A request of the peer in the dialog that INVITE r made. */
static void inside(struct world *x, const struct req *r, const char *method, unsigned cseq,
    const char *lines, const char *body)
{
	say(x,
	    "%s sip:me@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP "
	    "127.0.0.1:%u;branch=z9hG4bK%s%u;rport\r\nMax-Forwards: 70\r\nFrom: "
	    "<sip:you@example.test>;tag=t\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %u %s\r\nContact: "
	    "<sip:peert@127.0.0.1:%u>\r\n%s%sContent-Length: %zu\r\n\r\n%s",
	    method, x->port, x->peer, method, cseq, r->from, r->id, cseq, method, x->peer, lines,
	    *body ? "Content-Type: application/sdp\r\n" : "", strlen(body), body);
}

static void forks(void **state)
{
	struct world *x = start(0);
	struct req r;
	(void)state;

	call(x);
	expect(x, "INVITE ");
	assert_true(sip_msg_lists(&m, SIP_H_SUPPORTED, SLICE_LIT("100rel")));
	r = keep();
	answer(x, &r, "180 Ringing", "a", "", "");
	answer(x, &r, "183 Progress", "b", "Require: 100rel\r\nRSeq: 5\r\n", "early b");
	assert_int_equal(x->progress, 2);
	expect(x, "PRACK sip:peerb@");
	assert_true(slice_eq(sip_msg_value(&m, SIP_H_RACK).p
	                         ? slice_sub(sip_msg_value(&m, SIP_H_RACK), 0, 2)
	                         : SLICE_LIT(""),
	    SLICE_LIT("5 ")));
	struct req prack = keep();
	answer(x, &prack, "200 OK", "", "", "");
	/* a repeat and a gap are not looked at; the next one is */
	answer(x, &r, "183 Progress", "b", "Require: 100rel\r\nRSeq: 5\r\n", "again");
	answer(x, &r, "183 Progress", "b", "Require: 100rel\r\nRSeq: 7\r\n", "gap");
	assert_int_equal(x->progress, 2);
	expect_nothing(x);
	answer(x, &r, "180 Ringing", "b", "Require: 100rel\r\nRSeq: 6\r\n", "");
	assert_int_equal(x->progress, 3);
	expect(x, "PRACK ");
	prack = keep();
	answer(x, &prack, "200 OK", "", "", "");
	/* a answers; b answers, too: acknowledged and ended; a's repeat is acknowledged again */
	answer(x, &r, "200 OK", "a", "", "answer a");
	expect(x, "ACK sip:peera@");
	assert_int_equal(m.cseq, r.n);
	assert_int_equal(x->answered, 1);
	answer(x, &r, "200 OK", "b", "", "answer b");
	expect(x, "ACK sip:peerb@");
	expect(x, "BYE sip:peerb@");
	struct req bye = keep();
	answer(x, &bye, "200 OK", "", "", "");
	answer(x, &r, "200 OK", "a", "", "answer a");
	expect(x, "ACK sip:peera@");
	assert_int_equal(x->answered, 1);
	assert_string_equal(x->body, "answer a");
	inv_bye(x->inv, SLICE_LIT("Reason: SIP;cause=200\r\n"));
	expect(x, "BYE sip:peera@");
	bye = keep();
	answer(x, &bye, "200 OK", "", "", "");
	assert_int_equal(x->ended, 1);
	assert_int_equal(x->why, INV_END_LOCAL);
	stop(x);
}

static void cancelling(void **state)
{
	struct req r, c;
	(void)state;

	for (int crossed = 0; crossed < 2; crossed++) {
		struct world *x = start(0);
		call(x);
		expect(x, "INVITE ");
		r = keep();
		inv_cancel(x->inv, SLICE_LIT("Reason: SIP;cause=200\r\n"));
		expect_nothing(x); /* not before a first response */
		answer(x, &r, "180 Ringing", "a", "", "");
		expect(x, "CANCEL ");
		assert_int_equal(m.cseq, r.n);
		assert_non_null(sip_msg_hdr(&m, SIP_H_REASON));
		c = keep();
		answer(x, &c, "200 OK", "a", "", "");
		if (crossed) {
			answer(x, &r, "200 OK", "a", "", "too late");
			expect(x, "ACK ");
			expect(x, "BYE ");
			assert_int_equal(x->answered, 0);
			assert_int_equal(x->ended, 1);
		} else {
			answer(x, &r, "487 Request Terminated", "a", "", "");
			expect(x, "ACK ");
			assert_int_equal(x->failed, 1);
			assert_int_equal(x->status, 487);
		}
		stop(x);
	}
	/* nobody answers at all: 64*T1 */
	struct world *x = start(0);
	call(x);
	expect(x, "INVITE ");
	tmr_advance(x->w, 31000);
	assert_int_equal(x->failed, 0);
	tmr_advance(x->w, 1500);
	assert_int_equal(x->failed, 1);
	assert_int_equal(x->err, ERR_TIMEOUT);
	stop(x);
}

static const char *rsp_tag(void)
{
	static char tag[64];
	snprintf(tag, sizeof(tag), "%.*s", (int)m.to_tag.n, m.to_tag.p);
	return tag;
}

static void invite_us(struct world *x, const char *id, const char *lines)
{
	unsigned before = x->incoming;

	say(x,
	    "INVITE sip:us@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP "
	    "127.0.0.1:%u;branch=z9hG4bK%s;rport\r\nMax-Forwards: 70\r\nFrom: <sip:p@x>;tag=pt\r\n"
	    "To: <sip:us@y>\r\nCall-ID: %s\r\nCSeq: 10 INVITE\r\nContact: "
	    "<sip:p@127.0.0.1:%u>\r\n%sContent-Length: 0\r\n\r\n",
	    x->port, x->peer, id, id, x->peer, lines);
	/* After many messages at once the socket rests for a moment. */
	for (uint64_t end = uv_hrtime() + LIMIT_NS; x->incoming == before && uv_hrtime() < end;) {
		usleep(500);
		turn(x);
	}
}

static void us(struct world *x, const char *id, const char *tag, const char *method, unsigned cseq,
    const char *lines)
{
	say(x,
	    "%s sip:us@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP "
	    "127.0.0.1:%u;branch=z9hG4bK%s%s%u;rport\r\nMax-Forwards: 70\r\nFrom: "
	    "<sip:p@x>;tag=pt\r\nTo: <sip:us@y>;tag=%s\r\nCall-ID: %s\r\nCSeq: %u %s\r\n"
	    "Contact: <sip:p@127.0.0.1:%u>\r\n%sContent-Length: 0\r\n\r\n",
	    method, x->port, x->peer, id, method, cseq, tag, id, cseq, method, x->peer, lines);
}

/* 100s that came; other messages are not expected. */
static unsigned tryings(struct world *x)
{
	unsigned n = 0;

	turn(x);
	usleep(2000);
	turn(x);
	while (next(x)) {
		assert_true(!m.request && m.status == 100);
		n++;
	}
	return n;
}

/* A 100 is sent when nothing else is within 200 ms (RFC 3261 17.2.1), and not when something is. */
static void trying(void **state)
{
	struct world *x = start(0);
	(void)state;

	invite_us(x, "slow", "");
	assert_int_equal(tryings(x), 0);
	tmr_advance(x->w, 140);
	assert_int_equal(tryings(x), 0);
	tmr_advance(x->w, 59);
	assert_int_equal(tryings(x), 1);
	invite_us(x, "slow", ""); /* a repeat gets it again */
	assert_int_equal(tryings(x), 1);
	assert_int_equal(inv_refuse(x->inv, 486, SLICE_LIT(""), SLICE_LIT("")), 0);
	expect(x, "486");
	inv_free(x->inv);
	invite_us(x, "soon", "");
	assert_int_equal(
	    inv_progress(x->inv, 180, SLICE_LIT(""), SLICE_LIT(""), (struct inv_body){ 0 }), 0);
	for (unsigned ms = 0; ms < 400; ms += 100) {
		tmr_advance(x->w, 100);
		turn(x);
		while (next(x))
			assert_int_not_equal(m.status, 100);
	}
	stop(x);
}

/* An UPDATE with an offer while theirs waits for our answer: later (RFC 3311 5.2); without one it is answered. */
static void early_update(void **state)
{
	struct world *x = start(0);
	char tag[64];
	(void)state;

	say(x,
	    "INVITE sip:us@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP "
	    "127.0.0.1:%u;branch=z9hG4bKeu;rport\r\nMax-Forwards: 70\r\nFrom: <sip:p@x>;tag=pt\r\n"
	    "To: <sip:us@y>\r\nCall-ID: eu\r\nCSeq: 10 INVITE\r\nContact: "
	    "<sip:p@127.0.0.1:%u>\r\nContent-Type: application/sdp\r\nContent-Length: "
	    "5\r\n\r\nv=0\r\n",
	    x->port, x->peer, x->peer);
	for (uint64_t end = uv_hrtime() + LIMIT_NS; !x->incoming && uv_hrtime() < end;)
		turn(x);
	assert_int_equal(
	    inv_progress(x->inv, 180, SLICE_LIT(""), SLICE_LIT(""), (struct inv_body){ 0 }), 0);
	expect(x, "180");
	snprintf(tag, sizeof(tag), "%s", rsp_tag());
	say(x,
	    "UPDATE sip:us@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP "
	    "127.0.0.1:%u;branch=z9hG4bKeu2;rport\r\nMax-Forwards: 70\r\nFrom: <sip:p@x>;tag=pt\r\n"
	    "To: <sip:us@y>;tag=%s\r\nCall-ID: eu\r\nCSeq: 11 UPDATE\r\nContact: "
	    "<sip:p@127.0.0.1:%u>\r\nContent-Type: application/sdp\r\nContent-Length: "
	    "5\r\n\r\nv=0\r\n",
	    x->port, x->peer, tag, x->peer);
	expect(x, "500");
	uint32_t s;
	assert_int_equal(sip_msg_u32(&m, SIP_H_RETRY_AFTER, 9, &s), 0);
	us(x, "eu", tag, "UPDATE", 12, "");
	expect(x, "200");
	assert_int_equal(inv_refuse(x->inv, 486, SLICE_LIT(""), SLICE_LIT("")), 0);
	expect(x, "486");
	stop(x);
}

static void accepting(void **state)
{
	struct world *x = start(0);
	struct inv_body none = { 0 }, sdp = { SLICE_LIT("application/sdp"), SLICE_LIT("x") };
	char tag[64];
	(void)state;

	/* repeated until the ACK */
	invite_us(x, "ok", "");
	assert_int_equal(x->incoming, 1);
	assert_int_equal(inv_accept(x->inv, SLICE_LIT(""), sdp), 0);
	expect(x, "200");
	snprintf(tag, sizeof(tag), "%s", rsp_tag());
	for (int i = 0; i < 3; i++) {
		tmr_advance(x->w, 500u << i);
		expect(x, "200");
		assert_string_equal(rsp_tag(), tag);
	}
	inv_bye(x->inv, SLICE_LIT("")); /* must wait for the ACK */
	expect_nothing(x);
	us(x, "ok", tag, "ACK", 10, "");
	expect(x, "BYE ");
	tmr_advance(x->w, 40000);
	while (next(x))
		;
	inv_free(x->inv);
	/* never acknowledged */
	invite_us(x, "noack", "");
	x->ended = 0;
	assert_int_equal(inv_accept(x->inv, SLICE_LIT(""), sdp), 0);
	unsigned copies = 0;
	for (int i = 0; i < 70; i++) {
		tmr_advance(x->w, 500);
		turn(x);
		while (next(x) && !m.request)
			copies++;
		if (m.request && m.method == SIP_M_BYE)
			break;
	}
	assert_int_equal(m.method, SIP_M_BYE);
	assert_in_range(copies, 9, 12); /* T1 doubling up to T2 in 64*T1 */
	assert_int_equal(x->ended, 1);
	assert_int_equal(x->why, INV_END_NO_ACK);
	inv_free(x->inv);
	/* reliable progress: repeated until PRACK; the answer after it */
	tmr_advance(x->w, 40000);
	while (next(x))
		;
	invite_us(x, "rel", "Supported: 100rel\r\n");
	assert_int_equal(inv_progress(x->inv, 183, SLICE_LIT(""), SLICE_LIT(""), sdp), 0);
	expect(x, "183");
	uint32_t rseq;
	assert_int_equal(sip_msg_u32(&m, SIP_H_RSEQ, UINT32_MAX, &rseq), 0);
	snprintf(tag, sizeof(tag), "%s", rsp_tag());
	tmr_advance(x->w, 500);
	expect(x, "183");
	tmr_advance(x->w, 1000);
	expect(x, "183");
	assert_int_equal(inv_accept(x->inv, SLICE_LIT(""), none), 0);
	expect_nothing(x); /* RFC 3262: its description is not confirmed */
	char rack[60];
	snprintf(rack, sizeof(rack), "RAck: %u 10 INVITE\r\n", rseq + 1);
	us(x, "rel", tag, "PRACK", 11, rack);
	expect(x, "481");
	snprintf(rack, sizeof(rack), "RAck: %u 10 INVITE\r\n", rseq);
	us(x, "rel", tag, "PRACK", 12, rack);
	bool ok200 = false, prack200 = false;
	for (int i = 0; i < 2; i++) {
		expect(x, "200");
		ok200 |= m.method == SIP_M_INVITE;
		prack200 |= m.method == SIP_M_PRACK;
	}
	assert_true(ok200 && prack200);
	us(x, "rel", tag, "ACK", 10, "");
	assert_int_equal(x->confirmed, 1);
	/* the CSeq goes back: 500; a stranger's dialog: 481 */
	us(x, "rel", tag, "INFO", 5, "");
	expect(x, "500");
	us(x, "rel", "other", "BYE", 20, "");
	expect(x, "481");
	us(x, "rel", tag, "BYE", 21, "");
	expect(x, "200");
	stop(x);
}

static void glare(void **state)
{
	struct world *x = start(0);
	struct inv_body b = { SLICE_LIT("application/sdp"), SLICE_LIT("hold") };
	struct req r, re;
	(void)state;

	established(x, &r, "");
	assert_int_equal(inv_offer(x->inv, false, SLICE_LIT(""), b), 0);
	assert_int_equal(inv_offer(x->inv, false, SLICE_LIT(""), b), ERR_BUSY);
	expect(x, "INVITE ");
	re = keep();
	assert_true(strcmp(re.id, r.id) == 0 && re.n > r.n);
	inside(x, &r, "INVITE", 1, "", "theirs");
	expect(x, "491");
	assert_int_equal(x->offers, 0);
	answer(x, &re, "491 Request Pending", "t", "", "");
	expect(x, "ACK ");
	assert_int_equal(x->replies, 0);
	tmr_advance(x->w, 2000);
	turn(x);
	/* retried after 2.1 to 4 s, as we own the Call-ID; the ACK to 491 came */
	bool again = false;
	for (int i = 0; i < 25 && !again; i++) {
		tmr_advance(x->w, 100);
		turn(x);
		while (next(x))
			if (m.request && m.method == SIP_M_INVITE) {
				again = true;
				re = keep(); /* a repeat of our 491 may follow at once */
			}
	}
	assert_true(again);
	answer(x, &re, "200 OK", "t", "", "answer to hold");
	expect(x, "ACK ");
	assert_int_equal(x->replies, 1);
	assert_int_equal(x->reply_status, 200);
	answer(x, &re, "200 OK", "t", "", "answer to hold"); /* our ACK was lost */
	expect(x, "ACK ");
	/* the other way round: theirs comes while ours waits */
	assert_int_equal(inv_offer(x->inv, false, SLICE_LIT(""), b), 0);
	expect(x, "INVITE ");
	re = keep();
	answer(x, &re, "491 Request Pending", "t", "", "");
	expect(x, "ACK ");
	inside(x, &r, "INVITE", 3, "", "theirs");
	expect(x, "200");
	assert_int_equal(x->replies, 2);
	assert_int_equal(x->reply_err, ERR_BUSY);
	assert_int_equal(x->offers, 1);
	inside(x, &r, "ACK", 3, "", "");
	assert_int_equal(x->confirmed, 1);
	/* two of theirs at once */
	x->hold_offer = true;
	inside(x, &r, "INVITE", 4, "", "one");
	inside(x, &r, "UPDATE", 5, "", "two");
	expect(x, "500");
	assert_non_null(sip_msg_hdr(&m, SIP_H_RETRY_AFTER));
	assert_int_equal(inv_answer(x->inv, 488, SLICE_LIT(""), (struct inv_body){ 0 }), 0);
	expect(x, "488");
	/* 481 to a change: the session is gone */
	assert_int_equal(inv_offer(x->inv, true, SLICE_LIT(""), b), 0);
	expect(x, "UPDATE ");
	re = keep();
	answer(x, &re, "481 Gone", "t", "", "");
	assert_int_equal(x->ended, 1);
	assert_int_equal(x->why, INV_END_LOST);
	stop(x);
}

static void session_timer(void **state)
{
	struct req r, re;
	uint32_t n;
	(void)state;

	/* 422 first; then the peer lets us refresh: UPDATE at half time, by re-INVITE where it knows none */
	for (int update = 0; update < 2; update++) {
		struct world *x = start(600);
		call(x);
		expect(x, "INVITE ");
		assert_int_equal(sip_msg_u32(&m, SIP_H_SESSION_EXPIRES, 9999, &n), 0);
		assert_int_equal(n, 600);
		r = keep();
		answer(x, &r, "422 Too Small", "t", "Min-SE: 900\r\n", "");
		expect(x, "ACK ");
		expect(x, "INVITE ");
		assert_int_equal(sip_msg_u32(&m, SIP_H_SESSION_EXPIRES, 9999, &n), 0);
		assert_int_equal(n, 900);
		assert_int_equal(sip_msg_u32(&m, SIP_H_MIN_SE, 9999, &n), 0);
		assert_int_equal(n, 900);
		assert_true(slice_eq(m.body, SLICE_LIT("our offer")));
		re = keep();
		assert_true(strcmp(re.id, r.id) == 0 && re.n == r.n + 1);
		char lines[100];
		snprintf(lines, sizeof(lines),
		    "Session-Expires: 900;refresher=uac\r\nAllow: INVITE%s\r\n",
		    update ? ", UPDATE" : "");
		answer(x, &re, "200 OK", "t", lines, "a");
		expect(x, "ACK ");
		assert_int_equal(x->failed, 0);
		for (int round = 0; round < 2; round++) {
			tmr_advance(x->w, 440000);
			expect_nothing(x);
			tmr_advance(x->w, 10000);
			expect(x, update ? "UPDATE " : "INVITE ");
			assert_true(
			    slice_eq(m.body, update ? SLICE_LIT("") : SLICE_LIT("our offer")));
			struct req f = keep();
			answer(x, &f, "200 OK", "t", lines, update ? "" : "a");
			if (!update)
				expect(x, "ACK ");
		}
		assert_int_equal(x->replies, 0);
		/* the far end is dead: no answer to the refresh */
		tmr_advance(x->w, 450000);
		expect(x, update ? "UPDATE " : "INVITE ");
		tmr_advance(x->w, 33000);
		assert_int_equal(x->ended, 1);
		assert_int_equal(x->why, INV_END_LOST);
		stop(x);
	}
	/* the peer refreshes, then does not */
	struct world *x = start(600);
	established(x, &r, "Session-Expires: 300;refresher=uas\r\n");
	tmr_advance(x->w, 150000);
	inside(
	    x, &r, "UPDATE", 1, "Session-Expires: 300;refresher=uac\r\nSupported: timer\r\n", "");
	expect(x, "200");
	struct slice se = sip_msg_value(&m, SIP_H_SESSION_EXPIRES);
	assert_true(slice_eq(se, SLICE_LIT("300;refresher=uac")));
	assert_true(sip_msg_lists(&m, SIP_H_REQUIRE, SLICE_LIT("timer")));
	tmr_advance(x->w, 260000);
	assert_int_equal(x->ended, 0);
	tmr_advance(x->w, 10000);
	assert_int_equal(x->ended, 1);
	assert_int_equal(x->why, INV_END_EXPIRED);
	expect(x, "BYE ");
	stop(x);
	/* as server: too small is refused, none is ours to keep */
	x = start(600);
	invite_us(x, "small", "Session-Expires: 60\r\nSupported: timer\r\n");
	expect(x, "422");
	assert_int_equal(sip_msg_u32(&m, SIP_H_MIN_SE, 9999, &n), 0);
	assert_int_equal(n, 90);
	assert_null(x->inv);
	invite_us(x, "none", "");
	assert_int_equal(inv_accept(x->inv, SLICE_LIT(""), (struct inv_body){ 0 }), 0);
	expect(x, "200");
	assert_true(
	    slice_eq(sip_msg_value(&m, SIP_H_SESSION_EXPIRES), SLICE_LIT("600;refresher=uas")));
	assert_false(sip_msg_lists(&m, SIP_H_REQUIRE, SLICE_LIT("timer")));
	stop(x);
}

/* An owner that lets go of a session leaves no debts on the wire. */
static void let_go(void **state)
{
	struct world *x = start(0);
	struct req r, c;
	(void)state;

	call(x);
	expect(x, "INVITE ");
	r = keep();
	answer(x, &r, "180 Ringing", "a", "", "");
	inv_free(x->inv);
	x->inv = NULL;
	expect(x, "CANCEL ");
	c = keep();
	answer(x, &r, "200 OK", "a", "", "crossed");
	expect(x, "ACK ");
	expect(x, "BYE ");
	answer(x, &c, "200 OK", "a", "", "");
	assert_int_equal(x->answered + x->ended + x->failed, 0);
	x->progress = 0;
	established(x, &r, "");
	inv_free(x->inv);
	x->inv = NULL;
	expect(x, "BYE ");
	invite_us(x, "in", "");
	inv_free(x->inv);
	x->inv = NULL;
	expect(x, "480");
	stop(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forks),
		cmocka_unit_test(cancelling),
		cmocka_unit_test(trying),
		cmocka_unit_test(early_update),
		cmocka_unit_test(accepting),
		cmocka_unit_test(glare),
		cmocka_unit_test(session_timer),
		cmocka_unit_test(let_go),
	};

	log_set_level(LOG_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
