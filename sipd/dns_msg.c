/* DNS messages: one question out, one answer in. */
#include "sipd/dns_msg.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/rd.h"
#include "common/wr.h"

#define FLAG_QR    0x8000u
#define FLAG_TC    0x0200u
#define FLAG_RD    0x0100u
#define CLASS_IN   1
#define RCODE(f)   ((f)&0x0fu)
#define JUMPS_MAX  32 /* compression pointers followed in one name */
#define CNAMES_MAX 8  /* links of a chain inside one answer */
#define NEG_TTL                                                                                    \
	1 /* NONE without a SOA: not to be kept (RFC 2308 5) but for those who ask together */
#define NEG_MAX 60 /* RFC 2308 5: bounded; who adds a missing name does not wait long */

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

bool dns_same(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);

	na -= na && a[na - 1] == '.';
	nb -= nb && b[nb - 1] == '.';
	if (na != nb)
		return false;
	for (size_t i = 0; i < na; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

/* ---- out ---- */

static int put_name(struct wr *w, const char *name)
{
	size_t total = 0;

	while (*name) {
		size_t n = strcspn(name, ".");
		if (n == 0 || n > 63 || (total += n + 1) > 254)
			return ERR_SYNTAX;
		wr_u8(w, (unsigned)n);
		wr_bytes(w, name, n);
		name += n;
		if (*name == '.')
			name++;
	}
	wr_u8(w, 0);
	return total ? 0 : ERR_SYNTAX;
}

int dns_put_query(
    uint8_t out[DNS_QUERY_MAX], uint16_t id, const char *name, enum dns_type type, bool edns)
{
	struct wr w = wr_of(out, DNS_QUERY_MAX);

	wr_be16(&w, id);
	wr_be16(&w, FLAG_RD);
	wr_be16(&w, 1);
	wr_be16(&w, 0);
	wr_be16(&w, 0);
	wr_be16(&w, edns);
	if (put_name(&w, name))
		return ERR_SYNTAX;
	wr_be16(&w, type);
	wr_be16(&w, CLASS_IN);
	if (edns) {
		wr_u8(&w, 0);
		wr_be16(&w, DNS_OPT);
		wr_be16(&w, DNS_UDP_MAX);
		wr_be32(&w, 0);
		wr_be16(&w, 0);
	}
	return w.bad ? ERR_SYNTAX : (int)w.n;
}

/* ---- in ---- */

struct msg {
	const uint8_t *p;
	size_t n;
	struct rd r;
};

/* A name as text without its last dot. Octets that no host name has make it unusable (ERR_SYNTAX): what we look up is
 * compared as text. */
static int read_name(struct msg *m, char out[DNS_NAME_MAX])
{
	struct rd r = m->r;
	size_t n = 0;
	bool jumped = false;
	int err = 0;

	for (unsigned jumps = 0;;) {
		uint8_t len = rd_u8(&r);
		if (r.bad)
			return ERR_TRUNCATED;
		if (len == 0)
			break;
		if ((len & 0xc0) == 0xc0) {
			size_t at = (size_t)(len & 0x3f) << 8 | rd_u8(&r);
			if (!jumped)
				m->r = r;
			jumped = true;
			if (r.bad || at >= m->n || ++jumps > JUMPS_MAX)
				return ERR_SYNTAX;
			r = rd_of(m->p + at, m->n - at);
			continue;
		}
		const uint8_t *label = rd_bytes(&r, len);
		if ((len & 0xc0) || !label)
			return ERR_SYNTAX;
		if (n + len + 1 >= DNS_NAME_MAX)
			return ERR_SYNTAX;
		if (n)
			out[n++] = '.';
		for (unsigned i = 0; i < len; i++) {
			if (label[i] <= ' ' || label[i] >= 127 || label[i] == '.')
				err = ERR_SYNTAX;
			out[n++] = (char)label[i];
		}
	}
	out[n] = '\0';
	if (!jumped)
		m->r = r;
	return err;
}

static bool read_string(struct rd *r, char *out, size_t cap)
{
	uint8_t n = rd_u8(r);
	const uint8_t *p = rd_bytes(r, n);

	if (!p && n)
		return false;
	out[0] = '\0';
	if (n >= cap)
		return true; /* not one of those that we know */
	for (unsigned i = 0; i < n; i++)
		out[i] = lower((char)p[i]);
	out[n] = '\0';
	return true;
}

/* The data of a record that we asked for; false: leave it out. */
static bool read_data(struct msg *m, struct dns_rr *rr, size_t len)
{
	struct rd *r = &m->r;
	char unused[4];

	switch (rr->type) {
	case DNS_A:
		rd_copy(r, rr->ip, 4);
		return len == 4;
	case DNS_AAAA:
		rd_copy(r, rr->ip, 16);
		return len == 16;
	case DNS_PTR:
		return read_name(m, rr->name) == 0;
	case DNS_SRV:
		rr->order = rd_be16(r);
		rr->preference = rd_be16(r);
		rr->port = rd_be16(r);
		return !r->bad && read_name(m, rr->name) == 0;
	case DNS_NAPTR:
		rr->order = rd_be16(r);
		rr->preference = rd_be16(r);
		return read_string(r, rr->flags, sizeof(rr->flags)) &&
		       read_string(r, rr->service, sizeof(rr->service)) &&
		       read_string(r, unused, sizeof(unused)) && !r->bad &&
		       read_name(m, rr->name) == 0;
	default:
		return false;
	}
}

struct cname {
	char owner[DNS_NAME_MAX], target[DNS_NAME_MAX];
};

struct section {
	struct msg *m;
	struct dns_answer *a;
	uint16_t want;
	struct cname cname[CNAMES_MAX];
	unsigned ncname;
	char owner[DNS_RRS_MAX][DNS_NAME_MAX];
	uint32_t ttl;
};

static int read_answers(struct section *s, unsigned count)
{
	struct dns_answer *a = s->a;
	struct rd *r = &s->m->r;

	for (unsigned i = 0; i < count; i++) {
		char owner[DNS_NAME_MAX];
		int bad = read_name(s->m, owner);
		uint16_t type = rd_be16(r), class = rd_be16(r);
		uint32_t ttl = rd_be32(r);
		size_t len = rd_be16(r);
		if (r->bad || bad == ERR_TRUNCATED || rd_left(r) < len)
			return ERR_TRUNCATED;
		const uint8_t *next = r->p + len, *end = r->end;
		r->end = next; /* a name's pointer may lead elsewhere, the data may not */
		if (ttl > INT32_MAX)
			ttl = 0; /* RFC 2181 8 */
		if (!bad && class == CLASS_IN && type == s->want && a->n < DNS_RRS_MAX) {
			struct dns_rr *rr = &a->rr[a->n];
			memset(rr, 0, sizeof(*rr));
			rr->type = type;
			rr->ttl = ttl;
			if (read_data(s->m, rr, len)) {
				memcpy(s->owner[a->n], owner, sizeof(owner));
				a->n++;
			}
		} else if (!bad && class == CLASS_IN && type == DNS_CNAME &&
		           s->ncname < CNAMES_MAX) {
			struct cname *c = &s->cname[s->ncname];
			if (read_name(s->m, c->target) == 0) {
				memcpy(c->owner, owner, sizeof(owner));
				s->ncname++;
				s->ttl = ttl < s->ttl ? ttl : s->ttl;
			}
		}
		r->bad = false;
		r->p = next;
		r->end = end;
	}
	return 0;
}

/* Follows the chain from the name that was asked for and keeps the records at its end. */
static void follow(struct section *s, const char *name)
{
	struct dns_answer *a = s->a;
	const char *at = name;
	unsigned n = 0;

	for (unsigned hop = 0; hop < CNAMES_MAX; hop++) {
		const char *next = NULL;
		for (unsigned i = 0; i < s->ncname && !next; i++)
			if (dns_same(s->cname[i].owner, at))
				next = s->cname[i].target;
		if (!next)
			break;
		at = next;
	}
	for (unsigned i = 0; i < a->n; i++) {
		if (!dns_same(s->owner[i], at))
			continue;
		s->ttl = a->rr[i].ttl < s->ttl ? a->rr[i].ttl : s->ttl;
		if (n != i)
			a->rr[n] = a->rr[i];
		n++;
	}
	a->n = n;
	a->ttl = s->ttl;
	if (n == 0 && at != name) {
		(void)!slice_copy(slice_str(at), a->cname, sizeof(a->cname));
		a->result = DNS_OK;
	} else {
		a->result = n ? DNS_OK : DNS_NONE;
	}
}

/* RFC 2308 5: the SOA in the authority section bounds how long nothing is true. */
static uint32_t negative_ttl(struct msg *m, unsigned count)
{
	char name[DNS_NAME_MAX];
	struct rd *r = &m->r;

	for (unsigned i = 0; i < count; i++) {
		if (read_name(m, name) == ERR_TRUNCATED)
			break;
		uint16_t type = rd_be16(r);
		(void)rd_be16(r);
		uint32_t ttl = rd_be32(r);
		size_t len = rd_be16(r);
		if (r->bad || rd_left(r) < len)
			break;
		if (type == DNS_SOA && len >= 4) {
			struct rd tail = rd_of(r->p + len - 4, 4);
			uint32_t minimum = rd_be32(&tail);
			ttl = minimum < ttl ? minimum : ttl;
			return ttl < NEG_MAX ? ttl : NEG_MAX;
		}
		(void)rd_bytes(r, len);
	}
	return NEG_TTL;
}

int dns_parse(struct dns_answer *a, const uint8_t *p, size_t n, uint16_t id, const char *name,
    enum dns_type type)
{
	struct msg m = { p, n, rd_of(p, n) };
	struct section *s;
	char asked[DNS_NAME_MAX];
	int err;

	memset(a, 0, offsetof(struct dns_answer, rr));
	a->cname[0] = '\0';
	uint16_t got = rd_be16(&m.r), flags = rd_be16(&m.r), nq = rd_be16(&m.r), na = rd_be16(&m.r),
	         nauth = rd_be16(&m.r);
	(void)rd_be16(&m.r);
	if (m.r.bad)
		return ERR_TRUNCATED;
	if (got != id || !(flags & FLAG_QR) || nq != 1)
		return ERR_NOTFOUND;
	err = read_name(&m, asked);
	if (err)
		return err;
	uint16_t qtype = rd_be16(&m.r), qclass = rd_be16(&m.r);
	if (m.r.bad)
		return ERR_TRUNCATED;
	if (qtype != type || qclass != CLASS_IN || !dns_same(asked, name))
		return ERR_NOTFOUND;
	if (flags & FLAG_TC) {
		a->result = DNS_CUT;
		return 0;
	}
	if (RCODE(flags) != 0 && RCODE(flags) != 3) {
		a->result = DNS_FAILED;
		return 0;
	}
	s = mem_new(sizeof(*s));
	*s = (struct section){ .m = &m, .a = a, .want = (uint16_t)type, .ttl = INT32_MAX };
	err = read_answers(s, na);
	if (!err)
		follow(s, name);
	if (!err && a->result == DNS_NONE)
		a->ttl = negative_ttl(&m, nauth);
	free(s);
	return err;
}
