/* Packet records of a capture, and what is masked in them. */
#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "common/pcap.h"
#include "sipd/trace.h"

static void blank(char *p, const char *end, const char *stop)
{
	for (; p < end && !strchr(stop, *p); p++)
		*p = 'x';
}

static char *find(char *p, const char *end, const char *word)
{
	size_t n = strlen(word);

	for (; p + n <= end; p++)
		if (strncasecmp(p, word, n) == 0)
			return p + n;
	return NULL;
}

void trace_mask(char *msg, size_t n)
{
	static const struct {
		const char *word, *stop;
	} words[] = {
		{ "inline:", "|; \r\n" },
		{ "response=\"", "\"" },
		{ "gssapi-data=\"", "\"" },
		{ "crand=\"", "\"" },
		{ "a=ice-pwd:", "\r\n" },
		{ "authorization: basic ", "\r\n" },
		{ "<username>", "<" },
		{ "<password>", "<" },
	};
	char *end = msg + n;

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		for (char *p = msg; (p = find(p, end, words[i].word)) != NULL;)
			blank(p, end, words[i].stop);
}

void trace_packet(
    struct wr *w, uint64_t us, const struct addr *from, const struct addr *to, struct slice msg)
{
	size_t nf, nt, ip, room = 65000;
	const uint8_t *f = addr_ip(from, &nf), *t = addr_ip(to, &nt);
	size_t n = msg.n < room ? msg.n : room;

	if (nf != nt || (nf != 4 && nf != 16))
		return;
	ip = nf == 4 ? 20 : 40;
	pcap_record(w, us, ip + 8 + n, ip + 8 + msg.n);
	if (nf == 4) {
		wr_be32(w, 0x45000000u | (uint32_t)(28 + n));
		wr_be32(w, 0);
		wr_be32(w, 0x40110000); /* TTL 64, UDP; no checksum: it was no packet */
	} else {
		wr_be32(w, 0x60000000);
		wr_be16(w, (unsigned)(8 + n));
		wr_be16(w, 0x1140);
	}
	wr_bytes(w, f, nf);
	wr_bytes(w, t, nt);
	wr_be16(w, addr_port(from));
	wr_be16(w, addr_port(to));
	wr_be16(w, (unsigned)(8 + n));
	wr_be16(w, 0);
	size_t at = w->n;
	wr_bytes(w, msg.p, n);
	if (!w->bad)
		trace_mask((char *)w->p + at, n);
}
