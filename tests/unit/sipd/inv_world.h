#ifndef TEST_INV_WORLD_H
#define TEST_INV_WORLD_H
/* INVITE sessions on a real socket and a fake clock, and a peer that the test plays. */
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

#define UNUSED   __attribute__((unused))
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

UNUSED static void expect_nothing(struct world *x)
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
UNUSED static void established(struct world *x, struct req *r, const char *lines)
{
	call(x);
	expect(x, "INVITE sip:you@127.0.0.1");
	*r = keep();
	answer(x, r, "200 OK", "t", lines, "their answer");
	expect(x, "ACK sip:peert@127.0.0.1");
	assert_int_equal(x->answered, 1);
	assert_string_equal(x->body, "their answer");
}

/* A request of the peer in the dialog of its tag that INVITE r made. */
static void inside_of(struct world *x, const struct req *r, const char *tag, const char *method,
    unsigned cseq, const char *lines, const char *body)
{
	say(x,
	    "%s sip:me@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP "
	    "127.0.0.1:%u;branch=z9hG4bK%s%s%u;rport\r\nMax-Forwards: 70\r\nFrom: "
	    "<sip:you@example.test>;tag=%s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %u %s\r\nContact: "
	    "<sip:peer%s@127.0.0.1:%u>\r\n%s%sContent-Length: %zu\r\n\r\n%s",
	    method, x->port, x->peer, tag, method, cseq, tag, r->from, r->id, cseq, method, tag,
	    x->peer, lines, *body ? "Content-Type: application/sdp\r\n" : "", strlen(body), body);
}

UNUSED static void inside(struct world *x, const struct req *r, const char *method, unsigned cseq,
    const char *lines, const char *body)
{
	inside_of(x, r, "t", method, cseq, lines, body);
}

static const char *rsp_tag(void)
{
	static char tag[64];
	snprintf(tag, sizeof(tag), "%.*s", (int)m.to_tag.n, m.to_tag.p);
	return tag;
}

UNUSED static void invite_us(struct world *x, const char *id, const char *lines)
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

UNUSED static void us(struct world *x, const char *id, const char *tag, const char *method,
    unsigned cseq, const char *lines)
{
	say(x,
	    "%s sip:us@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP "
	    "127.0.0.1:%u;branch=z9hG4bK%s%s%u;rport\r\nMax-Forwards: 70\r\nFrom: "
	    "<sip:p@x>;tag=pt\r\nTo: <sip:us@y>;tag=%s\r\nCall-ID: %s\r\nCSeq: %u %s\r\n"
	    "Contact: <sip:p@127.0.0.1:%u>\r\n%sContent-Length: 0\r\n\r\n",
	    method, x->port, x->peer, id, method, cseq, tag, id, cseq, method, x->peer, lines);
}
#endif
