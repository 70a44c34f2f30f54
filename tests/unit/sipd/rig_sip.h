#ifndef TESTS_UNIT_SIPD_RIG_SIP_H
#define TESTS_UNIT_SIPD_RIG_SIP_H
/* The SIP side of the rig: a peer on a plain UDP socket. Included after rig.h. */
#include <stdarg.h>

#include "sipd/reg.h"

__attribute__((unused)) static const char rig_local_conf[] =
    "[sipd]\nlisten-address = 127.0.0.1\nlocal-port = 0\ntransports = udp\n"
    "default-domain = example.test\nmessage-waiting = no\nsession-expires = 0\n"
    "reliable-provisional = no\n";
__attribute__((unused)) static const char rig_proxy_conf[] =
    "[sipd]\nlisten-address = 127.0.0.1\nlocal-port = 0\ntransports = udp\n"
    "default-domain = example.test\nmessage-waiting = no\nsession-expires = 0\n"
    "reliable-provisional = no\nregister-when = always\nkeep-alive = 0\n"
    "proxy-1 = sip:127.0.0.1:%u\n";

static char got[8192]; /* the last message from sipd */

__attribute__((format(printf, 2, 3))) static inline void sip_send(
    struct rig *r, const char *fmt, ...)
{
	char buf[8192];
	va_list ap;
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(r->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	va_start(ap, fmt);
	int n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	assert_true(n > 0 && (size_t)n < sizeof(buf));
	assert_int_equal(sendto(r->sip, buf, (size_t)n, 0, (struct sockaddr *)&to, sizeof(to)), n);
}

static inline bool sip_next(struct rig *r)
{
	ssize_t n = recv(r->sip, got, sizeof(got) - 1, MSG_DONTWAIT);

	if (n < 0)
		return false;
	got[n] = '\0';
	return true;
}

/* The next message that begins so; others (100, repeats, REGISTER refreshes) are passed over. */
static inline void sip_await(struct rig *r, const char *start)
{
	bool found = false;

	RIG_UNTIL(r, found || (found = sip_next(r) && strncmp(got, start, strlen(start)) == 0));
}

static inline char *sip_header(const char *name, char *out, size_t cap)
{
	char key[40];
	snprintf(key, sizeof(key), "\r\n%s: ", name);
	const char *at = strstr(got, key);
	assert_non_null(at);
	at += strlen(key);
	snprintf(out, cap, "%.*s", (int)strcspn(at, "\r"), at);
	return out;
}

static inline unsigned sdp_port(void)
{
	const char *m = strstr(got, "\r\nm=audio ");
	assert_non_null(m);
	return (unsigned)atoi(m + 10);
}

__attribute__((unused)) static const char rig_sdp[] =
    "v=0\r\no=p 1 %u IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio %u RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n%s";

static inline const char *sip_sdp(unsigned version, unsigned port, const char *more)
{
	static char b[1024];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(b, sizeof(b), rig_sdp, version, port, more);
#pragma GCC diagnostic pop
	return b;
}

/* Answers the request in `got`. */
static inline void sip_reply(
    struct rig *r, const char *status, const char *to_tag, const char *lines, const char *b)
{
	char via[512], from[256], to[256], id[128], cseq[64];

	sip_header("Via", via, sizeof(via));
	sip_header("From", from, sizeof(from));
	sip_header("To", to, sizeof(to));
	sip_header("Call-ID", id, sizeof(id));
	sip_header("CSeq", cseq, sizeof(cseq));
	sip_send(r,
	    "SIP/2.0 %s\r\nVia: %s\r\nFrom: %s\r\nTo: %s%s%s\r\nCall-ID: %s\r\nCSeq: %s\r\n"
	    "Contact: <sip:peer@127.0.0.1:%u>\r\n%s%sContent-Length: %zu\r\n\r\n%s",
	    status, via, from, to,
	    strstr(to, ";tag=") ? "" : ";tag=", strstr(to, ";tag=") ? "" : to_tag, id, cseq,
	    r->peer, lines, *b ? "Content-Type: application/sdp\r\n" : "", strlen(b), b);
}

__attribute__((format(printf, 1, 0))) static inline struct rig *rig_sip_start(const char *conf)
{
	struct rig *r = rig_new(conf);

	rig_add_user(r, "200", "050030000200", NULL, NULL);
	rig_add_user(r, "201", "050030000201", NULL, NULL);
	rig_await(r, 0, CALL__TYPE__CALL_USERS_DONE, 0);
	return r;
}

/* Registers the two users, with a challenge. */
static inline void rig_registered(struct rig *r)
{
	unsigned ok = 0, challenged = 0;

	while (ok < 2) {
		sip_await(r, "REGISTER sip:example.test SIP/2.0");
		if (!strstr(got, "\r\nAuthorization: Digest ")) {
			challenged++;
			sip_reply(r, "401 Unauthorized", "reg",
			    "WWW-Authenticate: Digest realm=\"example.test\", nonce=\"n1\", "
			    "qop=\"auth\", algorithm=SHA-256\r\n"
			    "WWW-Authenticate: Digest realm=\"example.test\", nonce=\"n2\", "
			    "qop=\"auth\", algorithm=MD5\r\n",
			    "");
			continue;
		}
		assert_non_null(strstr(got, "algorithm=SHA-256"));
		assert_non_null(strstr(got, "response=\"00112233445566778899aabbccddeeff\""));
		assert_non_null(strstr(got, "nonce=\"n1\""));
		assert_non_null(strstr(got, "uri=\"sip:example.test\""));
		assert_non_null(strstr(got, "\r\nExpires: 3600\r\n"));
		sip_reply(r, "200 OK", "reg", "Expires: 1800\r\n", "");
		ok++;
	}
	assert_int_equal(challenged, 2);
	unsigned want, up, failed;
	do {
		rig_spin(r, 5);
		regs_count(sipd_of(&r->d), &want, &up, &failed);
	} while (up < 2);
}

/* ---- a caller ---- */

__attribute__((unused)) static void sip_invite(
    struct rig *r, const char *to, const char *id, const char *lines, const char *b)
{
	sip_send(r,
	    "INVITE sip:%s@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP "
	    "127.0.0.1:%u;branch=z9hG4bK%si;rport\r\n"
	    "Max-Forwards: 70\r\nFrom: \"Peer P\" <sip:300@example.test>;tag=f%s\r\nTo: "
	    "<sip:%s@example.test>\r\n"
	    "Call-ID: %s\r\nCSeq: 1 INVITE\r\nContact: <sip:300@127.0.0.1:%u>\r\n"
	    "Allow: INVITE, ACK, BYE, CANCEL, REFER, NOTIFY, INFO\r\n%s%sContent-Length: "
	    "%zu\r\n\r\n%s",
	    to, r->port, r->peer, id, id, to, id, r->peer, lines,
	    *b ? "Content-Type: application/sdp\r\n" : "", strlen(b), b);
}

/* A request of the caller inside the session that the 200 in `to` made. */
__attribute__((unused)) static void sip_inside(struct rig *r, const char *method, unsigned cseq,
    const char *id, const char *to, const char *lines, const char *b)
{
	sip_send(r,
	    "%s sip:200@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP "
	    "127.0.0.1:%u;branch=z9hG4bK%s%s%u;rport\r\n"
	    "Max-Forwards: 70\r\nFrom: \"Peer P\" <sip:300@example.test>;tag=f%s\r\nTo: "
	    "%s\r\nCall-ID: %s\r\n"
	    "CSeq: %u %s\r\nContact: <sip:300@127.0.0.1:%u>\r\n%s%sContent-Length: %zu\r\n\r\n%s",
	    method, r->port, r->peer, id, method, cseq, id, to, id, cseq, method, r->peer, lines,
	    *b && !strstr(lines, "Content-Type") ? "Content-Type: application/sdp\r\n" : "",
	    strlen(b), b);
}
#endif
