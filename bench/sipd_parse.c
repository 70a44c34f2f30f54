// links: libosip2
/* The SIP parser on an INVITE of 1.5 KB: our parser with all that routing needs read (Request-URI, every Via, From, To, Contact,
 * Route and Record-Route, Require, Supported, body type), and libosip2's osip_message_parse, which reads the same into
 * structures; alternating, medians of 9 rounds. Counts our allocations. */
#include <osipparser2/osip_parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sipd/sip_msg.h"
#include "sipd/sip_build.h"

#define ROUNDS 9
#define N      20000

extern void *__libc_malloc(size_t n);
static unsigned long allocations;
void *malloc(size_t n)
{
	allocations++;
	return __libc_malloc(n);
}

static const char head[] =
    "INVITE sip:205@192.0.2.7:5060;transport=tcp;line=83a1bc SIP/2.0\r\n"
    "Via: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bK3a1.8d4f1c22a5b7e9f0.1;rport\r\n"
    "Via: SIP/2.0/UDP "
    "198.51.100.20:5060;received=198.51.100.20;branch=z9hG4bK-524287-1---6d3b0f8a2c51e47d;rport="
    "5060\r\n"
    "Record-Route: <sip:192.0.2.1;transport=tcp;r2=on;lr;ftag=8e1c4a7b;did=4f1.6b2>\r\n"
    "Record-Route: <sip:198.51.100.1;r2=on;lr;ftag=8e1c4a7b;did=4f1.6b2>\r\n"
    "Max-Forwards: 68\r\n"
    "From: \"Anna-Lena M\xc3\xbcller\" <sip:301@example.test>;tag=8e1c4a7b\r\n"
    "To: <sip:205@example.test>\r\n"
    "Call-ID: 89fe21c54b7d4f0ab1f0c3d2e4a5b697\r\n"
    "CSeq: 31862 INVITE\r\n"
    "Contact: "
    "<sip:301@198.51.100.20:5060;transport=udp>;+sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-a765-"
    "00a0c91e6bf6>\"\r\n"
    "Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, SUBSCRIBE, UPDATE, "
    "PRACK\r\n"
    "Supported: replaces, 100rel, timer, norefersub, gruu\r\n"
    "Session-Expires: 1800\r\n"
    "P-Asserted-Identity: \"Anna-Lena M\xc3\xbcller\" <sip:301@example.test>\r\n"
    "User-Agent: Example Phone 7.3.1\r\n"
    "Content-Type: application/sdp\r\n";
static const char sdp[] =
    "v=0\r\no=- 3907842164 3907842164 IN IP4 198.51.100.20\r\ns=-\r\nc=IN IP4 198.51.100.20\r\nt=0 "
    "0\r\n"
    "m=audio 16398 RTP/AVP 8 0 9 18 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:9 G722/8000\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n";

static char text[4096];
static size_t ntext;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static unsigned ours(void)
{
	static struct sip_msg m;
	char buf[4096]; /* as it comes from the socket: the parser works in place */
	static const enum sip_hdr_id addrs[] = { SIP_H_CONTACT, SIP_H_ROUTE, SIP_H_RECORD_ROUTE,
		SIP_H_P_ASSERTED_IDENTITY };
	struct sip_values v;
	struct slice s;
	struct sip_addr a;
	struct sip_via via;
	struct sip_uri uri;
	unsigned sum = 0;

	memcpy(buf, text, ntext);
	if (sip_msg_parse(&m, buf, ntext, true) || sip_uri_parse(&uri, m.ruri))
		abort();
	v = sip_msg_values(&m, SIP_H_VIA);
	while (sip_values_next(&v, &s))
		sum += sip_via_parse(&via, s) == 0;
	for (size_t i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++) {
		v = sip_msg_values(&m, addrs[i]);
		while (sip_values_next(&v, &s))
			sum += sip_addr_parse(&a, s) == 0;
	}
	sum += sip_msg_lists(&m, SIP_H_SUPPORTED, SLICE_LIT("timer"));
	sum += sip_msg_lists(&m, SIP_H_REQUIRE, SLICE_LIT("timer"));
	sum += sip_msg_is_type(&m, "application", "sdp");
	return sum;
}

static unsigned osip(void)
{
	osip_message_t *m;
	unsigned sum;

	if (osip_message_init(&m) || osip_message_parse(m, text, ntext))
		abort();
	sum = (unsigned)osip_list_size(&m->vias) + (unsigned)osip_list_size(&m->contacts) +
	      (unsigned)osip_list_size(&m->record_routes);
	osip_message_free(m);
	return sum;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *v)
{
	qsort(v, ROUNDS, sizeof(*v), by_value);
	return v[ROUNDS / 2];
}

int main(void)
{
	double a[ROUNDS], b[ROUNDS], ratio[ROUNDS];
	unsigned long made;
	unsigned sum = 0;
	size_t body = strlen(sdp);

	parser_init();
	ntext = (size_t)snprintf(
	    text, sizeof(text), "%sContent-Length: %zu\r\n\r\n%s", head, body, sdp);
	sum += ours() + osip();
	allocations = 0;
	for (unsigned i = 0; i < N; i++)
		sum += ours();
	made = allocations;
	for (int r = 0; r < ROUNDS; r++) {
		double t0 = now();
		for (unsigned i = 0; i < N; i++)
			sum += ours();
		double t1 = now();
		for (unsigned i = 0; i < N; i++)
			sum += osip();
		double t2 = now();
		a[r] = (t1 - t0) / N;
		b[r] = (t2 - t1) / N;
		ratio[r] = b[r] / a[r];
	}
	printf("INVITE of %zu octets: ours %.2f us, libosip2 %.2f us, %.1f times its rate (target "
	       "3); allocations %lu in %u "
	       "messages (target 0)%s\n",
	    ntext, median(a) / 1000, median(b) / 1000, median(ratio), made, N, sum ? "" : " ");
	return 0;
}
