/* What presenced asks for: requests with their challenge, subscriptions with their notifications, and their ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "rig.h"
#include "rig_sip.h"
#include "pres.pb-c.h"
#include "sipd/prov.h"
#include "sipd/reg.h"

static struct {
	struct ipc_node *node;
	struct ipc_peer *to_sipd;
	unsigned replies, notifies;
	int err;
	uint32_t code, expires;
	char body[256], etag[64], state[128], notify[256];
	bool ended, ok;
	uint64_t id;
} pres;

static int on_any(struct ipc_peer *p, struct ipc_msg *m)
{
	(void)p;
	(void)m;
	return 0;
}

static int on_notify(struct ipc_peer *p, struct ipc_msg *m)
{
	const Pres__Notify *n = IPC_BODY(m, Pres__Notify);
	(void)p;

	pres.notifies++;
	pres.id = n->id;
	pres.ended = n->has_ended && n->ended;
	snprintf(pres.state, sizeof(pres.state), "%.*s", (int)n->state.len, (char *)n->state.data);
	snprintf(pres.notify, sizeof(pres.notify), "%.*s", (int)n->body.len, (char *)n->body.data);
	return 0;
}

#define PRES(type, desc, fn)                                                                       \
	{                                                                                          \
		IPC_IF_PRES, PRES__TYPE__PRES_##type, IPC_EVT, 0, 60000, IPC_SIPD,                 \
		    &desc##__descriptor, fn                                                        \
	}
static const struct ipc_handler handlers[] = {
	PRES(USER_PUT, base__user, on_any),
	PRES(USER_GONE, call__user_gone, on_any),
	PRES(USERS_DONE, call__users_done, on_any),
	PRES(REG, pres__reg, on_any),
	PRES(CALLS, pres__calls, on_any),
	PRES(REACH, pres__reach, on_any),
	PRES(NOTIFY, pres__notify, on_notify),
};

static void connect_presenced(struct rig *r)
{
	int pair[2];

	memset(&pres, 0, sizeof(pres));
	pres.node = rig_node(r, "presenced", 0, handlers, ARRAY_LEN(handlers), r);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	(void)ipc_join(r->d.ipc, pair[0], IPC_PRESENCED);
	pres.to_sipd = ipc_join(pres.node, pair[1], IPC_SIPD);
}

static void on_sent(void *ctx, int err, struct ipc_msg *m)
{
	(void)ctx;
	pres.replies++;
	pres.err = err;
	if (err)
		return;
	const Pres__Sent *s = IPC_BODY(m, Pres__Sent);
	pres.code = s->code;
	snprintf(pres.body, sizeof(pres.body), "%.*s", (int)s->body.len, (char *)s->body.data);
	for (size_t i = 0; i < s->n_header; i++)
		if (s->header[i]->name.len == 8 && !memcmp(s->header[i]->name.data, "SIP-ETag", 8))
			snprintf(pres.etag, sizeof(pres.etag), "%.*s", (int)s->header[i]->value.len,
			    (char *)s->header[i]->value.data);
}

static void on_subscribed(void *ctx, int err, struct ipc_msg *m)
{
	(void)ctx;
	pres.replies++;
	pres.err = err;
	if (err)
		return;
	const Pres__Subscribed *s = IPC_BODY(m, Pres__Subscribed);
	pres.code = s->code;
	pres.expires = s->expires_s;
}

static void on_ok(void *ctx, int err, struct ipc_msg *m)
{
	(void)ctx;
	(void)m;
	pres.replies++;
	pres.err = err;
	pres.ok = !err;
}

static ProtobufCBinaryData text(const char *s)
{
	return (ProtobufCBinaryData){ strlen(s), (uint8_t *)(uintptr_t)s };
}

static void ask_send(const char *user, const char *method, const char *header, const char *value)
{
	Pres__Send s = PRES__SEND__INIT;
	Pres__Header h = PRES__HEADER__INIT, *hp = &h;

	s.user = (char *)(uintptr_t)user;
	s.method = text(method);
	s.has_content_type = s.has_body = 1;
	s.content_type = text("text/xml");
	s.body = text("<publish/>");
	h.name = text(header);
	h.value = text(value);
	s.n_header = 1;
	s.header = &hp;
	assert_int_equal(ipc_request(pres.to_sipd, IPC_IF_PRES, PRES__TYPE__PRES_SEND, &s.base,
	                     &pres__sent__descriptor, 5000, on_sent, NULL),
	    0);
}

static void sends(void **state)
{
	struct rig *r = rig_sip_start(rig_proxy_conf);
	(void)state;

	connect_presenced(r);
	rig_registered(r);
	ask_send("200", "SERVICE", "Event", "x");
	sip_await(r, "SERVICE sip:200@example.test SIP/2.0");
	assert_non_null(strstr(got, "\r\nEvent: x\r\n"));
	assert_non_null(strstr(got, "\r\nContent-Type: text/xml\r\n"));
	assert_non_null(strstr(got, "\r\n\r\n<publish/>"));
	sip_reply(r, "401 Unauthorized", "a",
	    "WWW-Authenticate: Digest realm=\"example.test\", nonce=\"n\", qop=\"auth\"\r\n", "");
	sip_await(r, "SERVICE ");
	assert_non_null(strstr(got, "\r\nAuthorization: Digest username=\"200\""));
	assert_non_null(strstr(got, "CSeq: 2 SERVICE"));
	sip_reply(r, "200 OK", "a", "SIP-ETag: tag7\r\n", "<ok/>");
	RIG_UNTIL(r, pres.replies == 1);
	assert_int_equal(pres.err, 0);
	assert_int_equal(pres.code, 200);
	assert_string_equal(pres.etag, "tag7");
	assert_string_equal(pres.body, "<ok/>");
	/* the server does not know the endpoint any more: it is told of it anew */
	ask_send("200", "SERVICE", "Event", "x");
	sip_await(r, "SERVICE ");
	sip_reply(r, "481 Not Known", "a", "", "");
	RIG_UNTIL(r, pres.replies == 2);
	sip_await(r, "REGISTER ");
	sip_reply(r, "200 OK", "reg", "Expires: 1800\r\n", "");
	pres.replies = 1;
	/* what is not presenced's to say */
	ask_send("200", "INVITE", "Event", "x");
	ask_send("200", "SERVICE", "From", "<sip:boss@example.test>");
	ask_send("200", "SERVICE", "Event", "x\r\nRoute: <sip:evil>");
	ask_send("999", "SERVICE", "Event", "x");
	RIG_UNTIL(r, pres.replies == 5);
	assert_int_equal(pres.err, ERR_NOTFOUND);
	rig_spin(r, 20);
	assert_false(sip_next(r));
	/* the user goes while the far end thinks */
	ask_send("201", "MESSAGE", "Subject", "x");
	sip_await(r, "MESSAGE ");
	assert_int_equal(users_del(sipd_of(&r->d)->users, SLICE_LIT("201")), 0);
	RIG_UNTIL(r, pres.replies == 6);
	assert_int_equal(pres.err, ERR_LOST);
	ipc_node_free(pres.node);
	rig_spin(r, 20);
	rig_free(r);
}

static void subscribes(void **state)
{
	struct rig *r = rig_sip_start(rig_proxy_conf);
	Pres__Subscribe s = PRES__SUBSCRIBE__INIT;
	Pres__Unsubscribe u = PRES__UNSUBSCRIBE__INIT;
	char from[256], id[128], to[256];
	(void)state;

	connect_presenced(r);
	rig_registered(r);
	s.user = u.user = (char *)(uintptr_t) "200";
	s.id = u.id = 77;
	s.target = text("sip:300@example.test");
	s.event = text("presence");
	s.has_accept = 1;
	s.accept = text("application/pidf+xml");
	assert_int_equal(ipc_request(pres.to_sipd, IPC_IF_PRES, PRES__TYPE__PRES_SUBSCRIBE, &s.base,
	                     &pres__subscribed__descriptor, 5000, on_subscribed, NULL),
	    0);
	sip_await(r, "SUBSCRIBE sip:300@example.test SIP/2.0");
	assert_non_null(strstr(got, "\r\nEvent: presence\r\n"));
	assert_non_null(strstr(got, "\r\nAccept: application/pidf+xml\r\n"));
	sip_header("From", from, sizeof(from));
	sip_header("Call-ID", id, sizeof(id));
	sip_reply(r, "200 OK", "s1", "Expires: 600\r\n", "");
	RIG_UNTIL(r, pres.replies == 1);
	assert_int_equal(pres.code, 200);
	assert_int_equal(pres.expires, 600);
	for (int i = 0; i < 2; i++) {
		sip_send(r,
		    "%s sip:200@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP "
		    "127.0.0.1:%u;branch=z9hG4bKn%d;rport\r\nMax-Forwards: 70\r\n"
		    "From: <sip:300@example.test>;tag=s1\r\nTo: %s\r\nCall-ID: %s\r\n"
		    "CSeq: %d %s\r\nContact: <sip:300@127.0.0.1:%u>\r\nEvent: presence\r\n"
		    "Require: eventlist\r\n"
		    "Subscription-State: active;expires=600\r\nContent-Type: "
		    "application/pidf+xml\r\nContent-Length: 7\r\n\r\n<open/>",
		    i ? "BENOTIFY" : "NOTIFY", r->port, r->peer, i, from, id, i + 1,
		    i ? "BENOTIFY" : "NOTIFY", r->peer);
		if (!i)
			sip_await(r, "SIP/2.0 200");
		RIG_UNTIL(r, pres.notifies == (unsigned)i + 1);
		assert_string_equal(pres.notify, "<open/>");
		assert_int_equal(pres.id, 77);
	}
	rig_spin(r, 20);
	assert_false(sip_next(r)); /* BENOTIFY is not answered */
	/* twice the same is refused */
	assert_int_equal(ipc_request(pres.to_sipd, IPC_IF_PRES, PRES__TYPE__PRES_SUBSCRIBE, &s.base,
	                     &pres__subscribed__descriptor, 5000, on_subscribed, NULL),
	    0);
	RIG_UNTIL(r, pres.replies == 2);
	assert_int_equal(pres.err, ERR_EXISTS);
	assert_int_equal(ipc_request(pres.to_sipd, IPC_IF_PRES, PRES__TYPE__PRES_UNSUBSCRIBE,
	                     &u.base, &call__ok__descriptor, 5000, on_ok, NULL),
	    0);
	sip_await(r, "SUBSCRIBE sip:300@127.0.0.1");
	assert_non_null(strstr(got, "\r\nExpires: 0\r\n"));
	sip_header("To", to, sizeof(to));
	assert_non_null(strstr(to, ";tag=s1"));
	sip_reply(r, "200 OK", "", "Expires: 0\r\n", "");
	sip_send(r,
	    "NOTIFY sip:200@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP "
	    "127.0.0.1:%u;branch=z9hG4bKn9;rport\r\nMax-Forwards: 70\r\n"
	    "From: <sip:300@example.test>;tag=s1\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: 3 NOTIFY\r\n"
	    "Contact: <sip:300@127.0.0.1:%u>\r\nEvent: presence\r\n"
	    "Subscription-State: terminated;reason=timeout\r\nContent-Length: 0\r\n\r\n",
	    r->port, r->peer, from, id, r->peer);
	sip_await(r, "SIP/2.0 200");
	RIG_UNTIL(r, pres.replies == 3 && pres.ended);
	assert_true(pres.ok);
	ipc_node_free(pres.node);
	rig_spin(r, 20);
	rig_free(r);
}

static void notify_once(struct rig *r, const char *from, const char *id)
{
	sip_send(r,
	    "NOTIFY sip:200@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP "
	    "127.0.0.1:%u;branch=z9hG4bK%.8s;rport\r\nMax-Forwards: 70\r\n"
	    "From: <sip:300@example.test>;tag=s1\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: 1 NOTIFY\r\n"
	    "Contact: <sip:300@127.0.0.1:%u>\r\nEvent: presence\r\n"
	    "Subscription-State: terminated;reason=timeout\r\nContent-Type: "
	    "application/pidf+xml\r\nContent-Length: 7\r\n\r\n<open/>",
	    r->port, r->peer, id, from, id, r->peer);
	sip_await(r, "SIP/2.0 200");
}

/* Expires 0: the state once (RFC 6665 4.4.3), with the answer (LYNC), after it, or before it. */
static void fetches(void **state)
{
	struct rig *r = rig_sip_start(rig_proxy_conf);
	Pres__Subscribe s = PRES__SUBSCRIBE__INIT;
	char from[256], id[128];
	(void)state;

	connect_presenced(r);
	rig_registered(r);
	s.user = (char *)(uintptr_t) "200";
	s.target = text("sip:300@example.test");
	s.event = text("presence");
	s.has_expires_s = 1;
	for (unsigned i = 0; i < 3; i++) {
		s.id = i + 1;
		pres.ended = false;
		assert_int_equal(
		    ipc_request(pres.to_sipd, IPC_IF_PRES, PRES__TYPE__PRES_SUBSCRIBE, &s.base,
		        &pres__subscribed__descriptor, 5000, on_subscribed, NULL),
		    0);
		sip_await(r, "SUBSCRIBE sip:300@example.test SIP/2.0");
		assert_non_null(strstr(got, "\r\nExpires: 0\r\n"));
		sip_header("From", from, sizeof(from));
		sip_header("Call-ID", id, sizeof(id));
		if (i == 2)
			notify_once(r, from, id);
		else
			sip_reply(r, "200 OK", "s1", "Expires: 0\r\n", i ? "" : "<piggy/>");
		if (i == 1)
			notify_once(r, from, id);
		RIG_UNTIL(r, pres.replies == i + 1 && pres.ended);
		assert_int_equal(pres.code, 200);
		assert_int_equal(pres.id, i + 1);
	}
	ipc_node_free(pres.node);
	rig_spin(r, 20);
	rig_free(r);
}

static void provision(void **state)
{
	struct rig *r = rig_sip_start(rig_proxy_conf);
	static const char *const items[][2] = { { "voiceMailUri", "sip:vm@example.test" },
		{ "ucPC2PCAVEncryption", "RequireEncryption" }, { "bad", "a\r\nVia: x" },
		{ "spaced", "a b" } };
	Pres__Provision v = PRES__PROVISION__INIT;
	Pres__Header h[4], *ptr[4];
	char uri[128];
	struct wr w = wr_of(uri, sizeof(uri));
	struct sipd *s = sipd_of(&r->d);
	(void)state;

	connect_presenced(r);
	rig_registered(r);
	for (size_t i = 0; i < 4; i++) {
		pres__header__init(&h[i]);
		h[i].name = text(items[i][0]);
		h[i].value = text(items[i][1]);
		ptr[i] = &h[i];
	}
	v.user = (char *)(uintptr_t) "200";
	v.item = ptr;
	v.n_item = 4;
	assert_int_equal(
	    ipc_event(pres.to_sipd, IPC_IF_PRES, PRES__TYPE__PRES_PROVISION, &v.base), 0);
	struct user *u = users_find(s->users, SLICE_LIT("200"));
	RIG_UNTIL(r, prov_get(u, "voiceMailUri"));
	assert_null(prov_get(u, "bad"));
	assert_null(prov_get(u, "spaced"));
	assert_null(prov_get(users_find(s->users, SLICE_LIT("201")), "voiceMailUri"));
	assert_true(prov_voicemail(s, u, &w));
	assert_true(slice_eq(wr_slice(&w), SLICE_LIT("sip:vm@example.test")));
	assert_ptr_equal(prov_oa(s, u), &s->oa); /* a policy counts in the dialect only */
	/* The next word replaces all of it. */
	v.n_item = 0;
	assert_int_equal(
	    ipc_event(pres.to_sipd, IPC_IF_PRES, PRES__TYPE__PRES_PROVISION, &v.base), 0);
	RIG_UNTIL(r, !prov_get(u, "voiceMailUri"));
	ipc_node_free(pres.node);
	rig_spin(r, 20);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends),
		cmocka_unit_test(subscribes),
		cmocka_unit_test(fetches),
		cmocka_unit_test(provision),
	};

	log_set_level(LOG_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
