/* The resolver against a name server that this test plays: NAPTR, SRV by priority and weight, CNAMEs, TCP after a cut answer,
 * caches with their times, silence and forgeries, hosts. */
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
#include "common/wr.h"
#include "sipd/dns_msg.h"
#include "sipd/dns.h"
#include "sipd/resolve.h"

struct record {
	const char *name;
	enum dns_type type; /* DNS_CNAME: to */
	uint32_t ttl;
	const char *to;
	unsigned a, b, port; /* SRV, NAPTR */
	const char *service;
};

#define LIMIT_NS 20000000000ull /* how long anything may take on a loaded machine */

struct world {
	uv_loop_t loop;
	struct tmr_wheel *w;
	struct resolve *r;
	int udp, tcp;
	const struct record *zone;
	size_t nzone;
	unsigned questions, tcp_questions;
	bool mute, cut, forge, refuse;
	/* result */
	unsigned calls;
	int err;
	struct resolve_result res;
};

static void put_name(struct wr *w, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");
		wr_u8(w, (unsigned)n);
		wr_bytes(w, name, n);
		name += n + (name[n] == '.');
	}
	wr_u8(w, 0);
}

static void put_rr(struct wr *w, const struct record *r)
{
	put_name(w, r->name);
	wr_be16(w, r->type);
	wr_be16(w, 1);
	wr_be32(w, r->ttl);
	size_t at = wr_hole(w, 2), from = w->n;
	if (r->type == DNS_A) {
		uint8_t ip[4];
		assert_int_equal(inet_pton(AF_INET, r->to, ip), 1);
		wr_bytes(w, ip, 4);
	} else if (r->type == DNS_AAAA) {
		uint8_t ip[16];
		assert_int_equal(inet_pton(AF_INET6, r->to, ip), 1);
		wr_bytes(w, ip, 16);
	} else if (r->type == DNS_SRV) {
		wr_be16(w, r->a);
		wr_be16(w, r->b);
		wr_be16(w, r->port);
		put_name(w, r->to);
	} else if (r->type == DNS_NAPTR) {
		wr_be16(w, r->a);
		wr_be16(w, r->b);
		wr_u8(w, 1);
		wr_u8(w, 's');
		wr_u8(w, (unsigned)strlen(r->service));
		wr_str(w, r->service);
		wr_u8(w, 0);
		put_name(w, r->to);
	} else {
		put_name(w, r->to);
	}
	w->p[at] = (uint8_t)((w->n - from) >> 8);
	w->p[at + 1] = (uint8_t)(w->n - from);
}

/* The answer to a question of n octets. */
static size_t answer(struct world *x, const uint8_t *q, size_t n, uint8_t *out, bool over_tcp)
{
	struct wr w = wr_of(out, 4000);
	char name[256];
	size_t at = 12, len = 0;
	unsigned count = 0;

	while (q[at]) {
		memcpy(name + len, q + at + 1, q[at]);
		len += q[at];
		at += q[at] + 1u;
		name[len++] = '.';
	}
	name[len ? len - 1 : 0] = '\0';
	unsigned type = (unsigned)(q[at + 1] << 8 | q[at + 2]);
	wr_bytes(&w, q, 2);
	if (x->forge)
		w.p[0] ^= 0x55;
	wr_be16(&w, x->refuse ? 0x8185 : x->cut && !over_tcp ? 0x8380 : 0x8180);
	wr_be16(&w, 1);
	size_t an = wr_hole(&w, 2);
	wr_be16(&w, 0);
	wr_be16(&w, 0);
	wr_bytes(&w, q + 12, at + 5 - 12);
	(void)n;
	const char *want = name;
	for (int hop = 0; hop < 3 && !(x->cut && !over_tcp); hop++) {
		const char *next = NULL;
		for (size_t i = 0; i < x->nzone; i++) {
			const struct record *r = &x->zone[i];
			if (!dns_same(r->name, want))
				continue;
			if (r->type == type || r->type == DNS_CNAME) {
				put_rr(&w, r);
				count++;
				next = r->type == DNS_CNAME ? r->to : next;
			}
		}
		if (!next || strncmp(next, "far", 3) == 0)
			break; /* "far": the chain goes on in another answer */
		want = next;
	}
	w.p[an + 1] = (uint8_t)count;
	assert_false(w.bad);
	return w.n;
}

static void serve(struct world *x)
{
	uint8_t q[600], out[4000];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	ssize_t n;

	while ((n = recvfrom(x->udp, q, sizeof(q), MSG_DONTWAIT, (struct sockaddr *)&from, &len)) >
	       0) {
		x->questions++;
		if (x->mute)
			continue;
		size_t k = answer(x, q, (size_t)n, out, false);
		assert_true(sendto(x->udp, out, k, 0, (struct sockaddr *)&from, sizeof(from)) > 0);
	}
	int fd = accept4(x->tcp, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0) {
		for (uint64_t end = uv_hrtime() + LIMIT_NS; uv_hrtime() < end;) {
			uv_run(&x->loop, UV_RUN_NOWAIT);
			n = recv(fd, q, sizeof(q), MSG_DONTWAIT);
			if (n > 2)
				break;
			usleep(500);
		}
		assert_true(n > 2);
		x->tcp_questions++;
		size_t k = answer(x, q + 2, (size_t)n - 2, out + 2, true);
		out[0] = (uint8_t)(k >> 8);
		out[1] = (uint8_t)k;
		assert_true(send(fd, out, 5, 0) == 5); /* in two pieces */
		uv_run(&x->loop, UV_RUN_NOWAIT);
		assert_true(send(fd, out + 5, k - 3, 0) > 0);
		close(fd);
	}
}

static void on_result(void *ctx, int err, const struct resolve_result *res)
{
	struct world *x = ctx;
	x->calls++;
	x->err = err;
	x->res = *res;
}

static void drive(struct world *x, unsigned calls, unsigned wait_ms)
{
	uint64_t end = uv_hrtime() + LIMIT_NS;

	for (int i = 0; x->calls < calls && uv_hrtime() < end; i++) {
		for (int k = 0; k < 8; k++) {
			uv_run(&x->loop, UV_RUN_NOWAIT);
			serve(x);
			usleep(300);
		}
		uv_run(&x->loop, UV_RUN_NOWAIT);
		/* Past the time that the test allows, it is only this machine that is slow. */
		tmr_advance(x->w, wait_ms && i < 40 ? wait_ms / 30 : 0);
	}
	assert_int_equal(x->calls, calls);
}

/* Asks, and turns the world until the answer is there; wait_ms: how far the clock may go meanwhile. */
static int ask(struct world *x, const char *uri, unsigned wait_ms)
{
	struct sip_uri u;
	unsigned before = x->calls;

	assert_int_equal(sip_uri_parse(&u, slice_str(uri)), 0);
	assert_non_null(resolve_uri(x->r, &u, on_result, x));
	assert_int_equal(x->calls, before);
	drive(x, before + 1, wait_ms);
	return x->err;
}

/* "UDP 192.0.2.1:5060 TCP …" of the result. */
static const char *list(const struct world *x)
{
	static char out[800];
	struct wr w = wr_of(out, sizeof(out));

	for (unsigned i = 0; i < x->res.n; i++) {
		const struct sockaddr_in *a = (const void *)&x->res.dest[i].addr;
		char ip[64];
		if (a->sin_family == AF_INET6)
			inet_ntop(AF_INET6,
			    &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, ip,
			    sizeof(ip));
		else
			inet_ntop(AF_INET, &a->sin_addr, ip, sizeof(ip));
		wr_fmt(&w, "%s%s %s:%u", i ? " " : "", tp_proto_name(x->res.dest[i].proto), ip,
		    ntohs(a->sin_port));
	}
	(void)wr_nul(&w);
	return out;
}

static struct world *start(const struct record *zone, size_t n, struct resolve_conf c)
{
	struct world *x = mem_new(sizeof(*x));
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	assert_int_equal(uv_loop_init(&x->loop), 0);
	x->w = tmr_wheel_new(NULL);
	tmr_advance(x->w, 1000);
	x->zone = zone;
	x->nzone = n;
	for (int tries = 0; tries < 20; tries++) { /* the same port for both */
		a.sin_port = 0;
		x->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		x->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		assert_int_equal(bind(x->udp, (struct sockaddr *)&a, sizeof(a)), 0);
		assert_int_equal(getsockname(x->udp, (struct sockaddr *)&a, &len), 0);
		if (bind(x->tcp, (struct sockaddr *)&a, sizeof(a)) == 0)
			break;
		close(x->udp);
		close(x->tcp);
	}
	assert_int_equal(listen(x->tcp, 4), 0);
	if (!c.udp_ok && !c.tcp_ok && !c.tls_ok)
		c.udp_ok = c.tcp_ok = c.tls_ok = true;
	if (!c.server[0].ss_family)
		memcpy(&c.server[0], &a, sizeof(a));
	c.hosts = c.hosts ? c.hosts : "/dev/null";
	x->r = resolve_new(&x->loop, x->w, &c);
	return x;
}

static void stop(struct world *x)
{
	resolve_free(x->r);
	tmr_wheel_free(x->w);
	for (uint64_t end = uv_hrtime() + LIMIT_NS;
	     uv_run(&x->loop, UV_RUN_NOWAIT) && uv_hrtime() < end;)
		usleep(500);
	assert_int_equal(uv_loop_close(&x->loop), 0);
	close(x->udp);
	close(x->tcp);
	free(x);
}

static const struct record zone[] = {
	{ "pbx.test", DNS_NAPTR, 60, "_sips._tcp.pbx.test", 20, 50, 0, "SIPS+D2T" },
	{ "pbx.test", DNS_NAPTR, 60, "_sip._tcp.pbx.test", 10, 60, 0, "sip+d2t" },
	{ "pbx.test", DNS_NAPTR, 60, "_sip._udp.pbx.test", 10, 50, 0, "SIP+D2U" },
	{ "pbx.test", DNS_NAPTR, 60, "mailto.pbx.test", 1, 1, 0, "E2U+email" },
	{ "_sip._udp.pbx.test", DNS_SRV, 60, "b.pbx.test", 20, 0, 5062, NULL },
	{ "_sip._udp.pbx.test", DNS_SRV, 60, "a.pbx.test", 10, 0, 5061, NULL },
	{ "_sip._tcp.pbx.test", DNS_SRV, 60, "a.pbx.test", 10, 0, 5070, NULL },
	{ "_sips._tcp.pbx.test", DNS_SRV, 60, "c.pbx.test", 10, 0, 5071, NULL },
	{ "a.pbx.test", DNS_A, 60, "192.0.2.1", 0, 0, 0, NULL },
	{ "b.pbx.test", DNS_A, 60, "192.0.2.2", 0, 0, 0, NULL },
	{ "c.pbx.test", DNS_CNAME, 60, "d.pbx.test", 0, 0, 0, NULL },
	{ "d.pbx.test", DNS_A, 60, "192.0.2.4", 0, 0, 0, NULL },
	{ "d.pbx.test", DNS_AAAA, 60, "2001:db8::4", 0, 0, 0, NULL },
	{ "e.test", DNS_CNAME, 60, "far.test", 0, 0, 0, NULL },
	{ "far.test", DNS_A, 60, "192.0.2.5", 0, 0, 0, NULL },
	{ "noservice.test", DNS_A, 60, "192.0.2.6", 0, 0, 0, NULL },
	{ "_sip._tcp.only.test", DNS_SRV, 60, "a.pbx.test", 1, 1, 5099, NULL },
	{ "w.test", DNS_A, 60, "192.0.2.9", 0, 0, 0, NULL },
	{ "_sip._udp.w.test", DNS_SRV, 60, "a.pbx.test", 1, 90, 1, NULL },
	{ "_sip._udp.w.test", DNS_SRV, 60, "b.pbx.test", 1, 10, 2, NULL },
	{ "loop.test", DNS_CNAME, 60, "loop2.test", 0, 0, 0, NULL },
	{ "loop2.test", DNS_CNAME, 60, "loop.test", 0, 0, 0, NULL },
};

static void rfc3263(void **state)
{
	struct world *x = start(zone, ARRAY_LEN(zone), (struct resolve_conf){ .no_ipv6 = true });
	(void)state;

	assert_int_equal(ask(x, "sip:me@pbx.test", 0), 0);
	assert_string_equal(list(x), "UDP 192.0.2.1:5061 UDP 192.0.2.2:5062 TCP 192.0.2.1:5070 "
	                             "TLS 192.0.2.4:5071");
	assert_string_equal(x->res.dest[0].name, "pbx.test");
	/* secure only; one transport; a port: no SRV; an address: no DNS at all */
	assert_int_equal(ask(x, "sips:pbx.test", 0), 0);
	assert_string_equal(list(x), "TLS 192.0.2.4:5071");
	assert_int_equal(ask(x, "sip:pbx.test;transport=tcp", 0), 0);
	assert_string_equal(list(x), "TCP 192.0.2.1:5070");
	assert_int_equal(ask(x, "sip:a.pbx.test:5999", 0), 0);
	assert_string_equal(list(x), "UDP 192.0.2.1:5999");
	unsigned before = x->questions;
	assert_int_equal(ask(x, "sip:192.0.2.77;transport=tls", 0), 0);
	assert_string_equal(list(x), "TLS 192.0.2.77:5061");
	assert_int_equal(ask(x, "sip:x@pbx.test;maddr=192.0.2.78", 0), 0);
	assert_string_equal(list(x), "UDP 192.0.2.78:5060");
	assert_string_equal(x->res.dest[0].name, "pbx.test");
	assert_int_equal(x->questions, before);
	/* no NAPTR: SRV of each transport; no SRV: the host */
	assert_int_equal(ask(x, "sip:only.test", 0), 0);
	assert_string_equal(list(x), "TCP 192.0.2.1:5099");
	assert_int_equal(ask(x, "sip:noservice.test", 0), 0);
	assert_string_equal(list(x), "UDP 192.0.2.6:5060");
	/* a chain of CNAMEs over two answers, one that bites its tail, nothing */
	assert_int_equal(ask(x, "sip:e.test:5060", 0), 0);
	assert_string_equal(list(x), "UDP 192.0.2.5:5060");
	assert_int_equal(ask(x, "sip:loop.test:5060", 0), ERR_NOTFOUND);
	assert_int_equal(ask(x, "sip:nothing.test:5060", 0), ERR_NOTFOUND);
	assert_int_equal(ask(x, "sip:pbx.test;transport=sctp", 0), ERR_UNSUPP);
	assert_int_equal(ask(x, "sips:pbx.test;transport=udp", 0), ERR_UNSUPP);
	stop(x);
	/* both families; what we may not use is left out */
	x = start(zone, ARRAY_LEN(zone), (struct resolve_conf){ .tls_ok = true, .prefer = TP_TLS });
	assert_int_equal(ask(x, "sip:pbx.test", 0), 0);
	assert_string_equal(list(x), "TLS 192.0.2.4:5071 TLS 2001:db8::4:5071");
	stop(x);
	/* "A records" */
	x = start(zone, ARRAY_LEN(zone),
	    (struct resolve_conf){ .a_only = true, .udp_ok = true, .no_ipv6 = true });
	assert_int_equal(ask(x, "sip:a.pbx.test", 0), 0);
	assert_string_equal(list(x), "UDP 192.0.2.1:5060");
	assert_int_equal(x->questions, 1);
	/* a connection that the URI asks for is made, though we do not listen on one; nothing else is */
	assert_int_equal(ask(x, "sip:a.pbx.test;transport=tcp", 0), 0);
	assert_string_equal(list(x), "TCP 192.0.2.1:5060");
	assert_int_equal(ask(x, "sip:127.0.0.1:5070;transport=tcp", 0), 0);
	assert_string_equal(list(x), "TCP 127.0.0.1:5070");
	stop(x);
}

static void weights(void **state)
{
	struct world *x =
	    start(zone, ARRAY_LEN(zone), (struct resolve_conf){ .udp_ok = true, .no_ipv6 = true });
	unsigned first = 0;
	(void)state;

	for (int i = 0; i < 200; i++) {
		assert_int_equal(ask(x, "sip:w.test;transport=udp", 0), 0);
		assert_int_equal(x->res.n, 2);
		first += ntohs(((struct sockaddr_in *)&x->res.dest[0].addr)->sin_port) == 1;
	}
	assert_in_range(first, 150, 198); /* 90 of 101 */
	stop(x);
}

static void caches(void **state)
{
	static struct record mine[] = { { "a.test", DNS_A, 30, "192.0.2.1", 0, 0, 0, NULL } };
	struct world *x = start(mine, 1, (struct resolve_conf){ .udp_ok = true, .no_ipv6 = true });
	(void)state;

	assert_int_equal(ask(x, "sip:a.test:1", 0), 0);
	assert_int_equal(ask(x, "sip:A.TEST:1", 0), 0);
	assert_int_equal(x->questions, 1);
	mine[0].to = "192.0.2.2"; /* the answer changes: seen when its time is over */
	tmr_advance(x->w, 29000);
	assert_int_equal(ask(x, "sip:a.test:1", 0), 0);
	assert_string_equal(list(x), "UDP 192.0.2.1:1");
	tmr_advance(x->w, 1100);
	assert_int_equal(ask(x, "sip:a.test:1", 0), 0);
	assert_string_equal(list(x), "UDP 192.0.2.2:1");
	assert_int_equal(x->questions, 2);
	/* nothing is remembered, too */
	assert_int_equal(ask(x, "sip:none.test:1", 0), ERR_NOTFOUND);
	assert_int_equal(ask(x, "sip:none.test:1", 0), ERR_NOTFOUND);
	assert_int_equal(x->questions, 3);
	/* … for a second, as no SOA says how long, or until somebody looks who wants to know */
	tmr_advance(x->w, 1100);
	assert_int_equal(ask(x, "sip:none.test:1", 0), ERR_NOTFOUND);
	assert_int_equal(x->questions, 4);
	dns_forget_missing(resolve_dns(x->r));
	assert_int_equal(ask(x, "sip:none.test:1", 0), ERR_NOTFOUND);
	assert_int_equal(ask(x, "sip:a.test:1", 0), 0);
	assert_int_equal(x->questions, 5);
	x->questions = 3;
	/* many ask at once: one question */
	resolve_flush(x->r);
	struct sip_uri u;
	assert_int_equal(sip_uri_parse(&u, SLICE_LIT("sip:a.test:1")), 0);
	for (int i = 0; i < 20; i++)
		(void)resolve_uri(x->r, &u, on_result, x);
	struct resolve_q *gone = resolve_uri(x->r, &u, on_result, x);
	unsigned before = x->calls;
	resolve_cancel(gone);
	drive(x, before + 20, 0);
	assert_int_equal(x->err, 0);
	assert_int_equal(x->questions, 4);
	/* the server is silent: what was true serves on; another name has to wait in vain */
	x->mute = true;
	tmr_advance(x->w, 40000);
	assert_int_equal(ask(x, "sip:a.test:1", 6000), 0);
	assert_string_equal(list(x), "UDP 192.0.2.2:1");
	before = x->questions;
	assert_int_equal(ask(x, "sip:b.test:1", 6000), ERR_TIMEOUT);
	assert_in_range(x->questions - before, 3, 4);
	/* forged answers (another id) are as good as none; refusals are tried again */
	x->mute = false;
	x->forge = true;
	assert_int_equal(ask(x, "sip:c.test:1", 6000), ERR_TIMEOUT);
	x->forge = false;
	x->refuse = true;
	before = x->questions;
	assert_int_equal(ask(x, "sip:d.test:1", 6000), ERR_TIMEOUT);
	assert_int_equal(x->questions - before, 4);
	x->refuse = false;
	/* too long for UDP */
	x->cut = true;
	tmr_advance(x->w, 90000000);
	assert_int_equal(ask(x, "sip:a.test:1", 0), 0);
	assert_int_equal(x->tcp_questions, 1);
	assert_string_equal(list(x), "UDP 192.0.2.2:1");
	/* ends with questions under way */
	x->mute = true;
	assert_int_equal(sip_uri_parse(&u, SLICE_LIT("sip:late.test")), 0);
	(void)resolve_uri(x->r, &u, on_result, x);
	uv_run(&x->loop, UV_RUN_NOWAIT);
	stop(x);
}

static void hosts_file(void **state)
{
	char path[] = "/tmp/ipdect-hosts-XXXXXX";
	int fd = mkstemp(path);
	static const char text[] =
	    "# comment\n192.0.2.50  pbx.local pbx # more\n2001:db8::50 pbx.local\n";
	(void)state;

	assert_true(write(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	struct world *x =
	    start(zone, ARRAY_LEN(zone), (struct resolve_conf){ .udp_ok = true, .hosts = path });
	assert_int_equal(ask(x, "sip:PBX.local:5070", 0), 0);
	assert_string_equal(list(x), "UDP 192.0.2.50:5070 UDP 2001:db8::50:5070");
	assert_int_equal(ask(x, "sip:localhost:5070", 0), 0);
	assert_string_equal(list(x), "UDP 127.0.0.1:5070 UDP ::1:5070");
	assert_int_equal(x->questions, 0);
	stop(x);
	unlink(path);
}

/* No way to any name server, which the kernel says at once: nobody waits for their time to pass. */
static void cut_off(void **state)
{
	struct resolve_conf c = { .udp_ok = true, .timeout_ms = 4000 };
	struct sockaddr_in *a = (void *)&c.server[0];
	(void)state;

	a->sin_family = AF_INET;
	a->sin_addr.s_addr = htonl(INADDR_BROADCAST);
	a->sin_port = htons(53);
	struct world *x = start(zone, ARRAY_LEN(zone), c);
	assert_int_equal(ask(x, "sip:a.test:1", 100), ERR_TIMEOUT);
	stop(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc3263),
		cmocka_unit_test(weights),
		cmocka_unit_test(caches),
		cmocka_unit_test(hosts_file),
		cmocka_unit_test(cut_off),
	};

	log_set_level(LOG_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
