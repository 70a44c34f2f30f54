/* STUN messages. */
#include "mediad/stun.h"

#include <string.h>

#include "common/id.h"
#include "common/mem.h"
#include "common/ossl.h"
#include <openssl/hmac.h>
#include "common/rd.h"

#define MESSAGE_MAX 2048u
#define FP_XOR      0x5354554eu
#define MI_N        20u

bool stun_is(const uint8_t *p, size_t n)
{
	return n >= STUN_HEAD && n <= MESSAGE_MAX && !(p[0] & 0xc0) &&
	       STUN_HEAD + (size_t)(p[2] << 8 | p[3]) == n;
}

static void read_addr(struct rd r, const struct stun_id * xor, struct addr *out)
{
	uint8_t ip[16];

	if (addr_set(out))
		return;
	(void)rd_u8(&r);
	uint8_t family = rd_u8(&r);
	uint16_t port = rd_be16(&r);
	size_t n = family == 1 ? 4 : family == 2 ? 16 : 0;
	rd_copy(&r, ip, n);
	if (r.bad || n == 0)
		return;
	if (xor) {
		port ^= (uint16_t)(xor->b[0] << 8 | xor->b[1]);
		for (size_t i = 0; i < n; i++)
			ip[i] ^= xor->b[i];
	}
	addr_from_ip(out, ip, n, port);
}

static void first_slice(struct slice *out, struct rd r)
{
	if (!out->p)
		*out = (struct slice){ (const char *)r.p, rd_left(&r) };
}

/* STUN-02 values are filled up with zeros inside the length. */
static void trim_zeros(struct slice *s)
{
	for (int i = 0; i < 3 && s->n && s->p[s->n - 1] == 0; i++)
		s->n--;
}

static void read_ms_turn(struct stun_msg *m, uint16_t type, struct rd r)
{
	switch (type) {
	case STUN_A_MAPPED:
		read_addr(r, NULL, &m->relayed);
		break;
	case STUN_A_MS_XOR_MAPPED:
		read_addr(r, &m->id, &m->mapped);
		break;
	case STUN_A_MS_REMOTE:
	case STUN_A_MS_DESTINATION:
		read_addr(r, NULL, &m->peer);
		break;
	case STUN_A_MS_ALTERNATE:
		read_addr(r, NULL, &m->alternate);
		break;
	case STUN_A_REALM: /* the numbers of the two are exchanged */
		first_slice(&m->nonce, r);
		break;
	case STUN_A_NONCE:
		first_slice(&m->realm, r);
		break;
	case STUN_A_MS_COOKIE:
		m->has_cookie = rd_be32(&r) == 0x72c64bc6 && !r.bad;
		break;
	case STUN_A_MS_SEQUENCE:
		if (rd_left(&r) == 24 && !m->has_sequence) {
			rd_copy(&r, m->connection, sizeof(m->connection));
			m->sequence = rd_be32(&r);
			m->has_sequence = true;
		}
		break;
	case 0x0010: /* bandwidth */
	case 0x0017: /* requested address family */
		break;
	default:
		if (type < 0x8000 && m->nunknown < 4)
			m->unknown[m->nunknown++] = type;
		break;
	}
}

static void read_rfc(struct stun_msg *m, enum stun_form form, uint16_t type, struct rd r)
{
	switch (type) {
	case STUN_A_MAPPED:
		read_addr(r, NULL, &m->plain);
		break;
	case STUN_A_ALTERNATE:
		read_addr(r, NULL, &m->alternate);
		break;
	case STUN_A_XOR_MAPPED:
		read_addr(r, &m->id, &m->mapped);
		break;
	case STUN_A_MS_XOR_MAPPED:
		/* LYNC: RFC 3489 has no other number for it that an old client may not know. */
		if (form == STUN_3489)
			read_addr(r, &m->id, &m->mapped);
		break;
	case STUN_A_RELAYED:
		read_addr(r, &m->id, &m->relayed);
		break;
	case STUN_A_PEER:
		read_addr(r, &m->id, &m->peer);
		break;
	case STUN_A_REALM:
		first_slice(&m->realm, r);
		break;
	case STUN_A_NONCE:
		first_slice(&m->nonce, r);
		break;
	case STUN_A_CHANNEL:
		m->channel = rd_be16(&r);
		break;
	case STUN_A_PRIORITY:
		m->priority = rd_be32(&r);
		m->has_priority = !r.bad;
		break;
	case STUN_A_USE_CANDIDATE:
		m->use_candidate = true;
		break;
	case STUN_A_CONTROLLING:
	case STUN_A_CONTROLLED:
		m->tie = rd_be64(&r);
		*(type == STUN_A_CONTROLLING ? &m->controlling : &m->controlled) = !r.bad;
		break;
	case STUN_A_MS_CANDIDATE:
		first_slice(&m->candidate, r);
		trim_zeros(&m->candidate);
		break;
	case STUN_A_MS_IMPL:
		m->impl = rd_be32(&r);
		m->has_impl = !r.bad;
		break;
	case STUN_A_TRANSPORT:
	case 0x0018: /* EVEN-PORT */
	case 0x001a: /* DONT-FRAGMENT */
	case 0x0022: /* RESERVATION-TOKEN */
		break;
	default:
		if (type < 0x8000 && m->nunknown < 4)
			m->unknown[m->nunknown++] = type;
		break;
	}
}

static void read_attr(struct stun_msg *m, enum stun_form form, uint16_t type, struct rd r)
{
	switch (type) {
	case STUN_A_USERNAME:
		first_slice(&m->username, r);
		if (form == STUN_MSICE)
			trim_zeros(&m->username);
		break;
	case STUN_A_ERROR: {
		(void)rd_be16(&r);
		unsigned class = rd_u8(&r) & 7, number = rd_u8(&r);
		if (!r.bad && !m->error)
			m->error = (uint16_t)(class * 100 + number);
		break;
	}
	case STUN_A_UNKNOWN:
		break;
	case STUN_A_LIFETIME:
		m->lifetime = rd_be32(&r);
		m->has_lifetime = !r.bad;
		break;
	case STUN_A_DATA:
		first_slice(&m->data, r);
		break;
	default:
		if (form == STUN_MSTURN)
			read_ms_turn(m, type, r);
		else
			read_rfc(m, form, type, r);
		break;
	}
}

static int parse(
    const uint8_t *p, size_t n, enum stun_form form, bool aligned, struct stun_msg *out)
{
	struct rd r = rd_of(p, n);

	*out = (struct stun_msg){ .p = p, .n = n };
	if (!stun_is(p, n))
		return n < STUN_HEAD ? ERR_TRUNCATED : ERR_SYNTAX;
	out->type = rd_be16(&r);
	if (rd_be16(&r) % 4 && aligned)
		return ERR_SYNTAX;
	rd_copy(&r, out->id.b, sizeof(out->id.b));
	while (rd_left(&r)) {
		uint16_t at = (uint16_t)(r.p - p), type = rd_be16(&r), len = rd_be16(&r);
		struct rd value = rd_sub(&r, len);
		if (aligned)
			(void)rd_sub(&r, (size_t)(-len & 3));
		if (r.bad)
			return ERR_TRUNCATED;
		if (out->fingerprint_at)
			continue;
		if (type == STUN_A_FINGERPRINT && len == 4) {
			out->fingerprint_at = at;
			continue;
		}
		if (out->integrity_at)
			continue;
		if (type == STUN_A_INTEGRITY) {
			if (len != MI_N)
				return ERR_SYNTAX;
			out->integrity_at = at;
			continue;
		}
		read_attr(out, form, type, value);
	}
	if (form != STUN_MSTURN && !addr_set(&out->mapped))
		out->mapped = out->plain;
	return 0;
}

int stun_parse(const uint8_t *p, size_t n, enum stun_form form, struct stun_msg *out)
{
	int err = parse(p, n, form, form != STUN_MSTURN && form != STUN_3489, out);
	struct stun_msg other;

	/* LYNC: values of any length may follow each other without filling, as ERROR-CODE with its text. */
	if (form != STUN_MSICE || (!err && (out->integrity_at || out->fingerprint_at)) ||
	    parse(p, n, form, false, &other))
		return err;
	*out = other;
	return 0;
}

/* CRC-32 of IEEE 802.3. LYNC: one word of the table was wrong in old stacks. */
static uint32_t crc(const uint8_t *p, size_t n, bool faulty)
{
	static const uint32_t nibble[16] = { 0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
		0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8,
		0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };
	uint32_t c = 0xffffffff;

	for (size_t i = 0; i < n; i++) {
		uint32_t at = (c ^ p[i]) & 0xff;
		uint32_t word = nibble[at & 15];
		word = (at >> 4) ^ word;
		word = word >> 4 ^ nibble[word & 15];
		if (faulty && at == 0x5a)
			word = 0x08bbe8ea;
		c = c >> 8 ^ word;
	}
	return ~c;
}

enum stun_fp stun_fingerprint(const struct stun_msg *m)
{
	if (!m->fingerprint_at)
		return STUN_FP_NONE;

	const uint8_t *v = m->p + m->fingerprint_at + 4;
	uint32_t got = (uint32_t)v[0] << 24 | (uint32_t)v[1] << 16 | (uint32_t)v[2] << 8 | v[3];
	if (got == (crc(m->p, m->fingerprint_at, false) ^ FP_XOR))
		return STUN_FP_GOOD;
	return got == (crc(m->p, m->fingerprint_at, true) ^ FP_XOR) ? STUN_FP_FAULTY : STUN_FP_BAD;
}

/* HMAC of the first at octets with this length field. */
static bool hmac(const uint8_t *p, size_t at, size_t len, enum stun_form form, const void *key,
    size_t n, uint8_t out[MI_N])
{
	uint8_t text[MESSAGE_MAX + 64];
	unsigned out_n = MI_N;

	if (at > MESSAGE_MAX || n > INT32_MAX)
		return false;
	memcpy(text, p, at);
	text[2] = (uint8_t)(len >> 8);
	text[3] = (uint8_t)len;
	if (form != STUN_RFC) {
		size_t fill = -at & 63;
		memset(text + at, 0, fill);
		at += fill;
	}
	return HMAC(EVP_sha1(), key, (int)n, text, at, out, &out_n) != NULL;
}

bool stun_verify(const struct stun_msg *m, enum stun_form form, const void *key, size_t n)
{
	uint8_t want[MI_N];
	size_t at = m->integrity_at;

	if (!at)
		return false;
	if (!hmac(m->p, at, form == STUN_RFC ? at + 4 + MI_N - STUN_HEAD : m->n - STUN_HEAD, form,
	        key, n, want))
		return false;
	return mem_differs(want, m->p + at + 4, MI_N) == 0;
}

void stun_long_key(struct slice user, struct slice realm, struct slice password, uint8_t key[16])
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned n = 0;

	BUG_ON(!c);
	memset(key, 0, 16);
	if (EVP_DigestInit_ex(c, EVP_md5(), NULL) == 1 &&
	    EVP_DigestUpdate(c, user.p, user.n) == 1 && EVP_DigestUpdate(c, ":", 1) == 1 &&
	    EVP_DigestUpdate(c, realm.p, realm.n) == 1 && EVP_DigestUpdate(c, ":", 1) == 1 &&
	    EVP_DigestUpdate(c, password.p, password.n) == 1)
		(void)EVP_DigestFinal_ex(c, key, &n);
	EVP_MD_CTX_free(c);
}

struct stun_w stun_begin(
    void *buf, size_t cap, enum stun_form form, uint16_t type, const struct stun_id *id)
{
	struct stun_w w = { wr_of(buf, cap), form };

	wr_be16(&w.w, type);
	wr_be16(&w.w, 0);
	wr_bytes(&w.w, id->b, sizeof(id->b));
	return w;
}

void stun_put(struct stun_w *w, uint16_t attr, const void *value, size_t n)
{
	size_t pad = w->form == STUN_MSTURN ? 0 : -n & 3;
	bool inside = w->form == STUN_MSICE || w->form == STUN_3489;

	wr_be16(&w->w, attr);
	wr_be16(&w->w, (unsigned)(inside ? n + pad : n));
	wr_bytes(&w->w, value, n);
	wr_fill(&w->w, 0, pad);
}

void stun_put_u32(struct stun_w *w, uint16_t attr, uint32_t v)
{
	uint8_t b[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };

	stun_put(w, attr, b, 4);
}

void stun_put_u64(struct stun_w *w, uint16_t attr, uint64_t v)
{
	uint8_t b[8];

	for (int i = 0; i < 8; i++)
		b[i] = (uint8_t)(v >> (56 - 8 * i));
	stun_put(w, attr, b, 8);
}

void stun_put_addr(struct stun_w *w, uint16_t attr, const struct addr *a, bool xor)
{
	uint8_t b[20] = { 0 };
	size_t n;
	const uint8_t *ip = addr_ip(a, &n);
	uint16_t port = addr_port(a);

	b[1] = n == 16 ? 2 : 1;
	b[2] = (uint8_t)(port >> 8);
	b[3] = (uint8_t)port;
	memcpy(b + 4, ip, n);
	for (size_t i = 2; xor &&i < 4 + n; i++)
		b[i] ^= w->w.p[i < 4 ? 4 + i - 2 : 4 + i - 4];
	stun_put(w, attr, b, 4 + n);
}

void stun_put_error(struct stun_w *w, unsigned code, const char *text)
{
	uint8_t b[68] = { 0, 0, (uint8_t)(code / 100), (uint8_t)(code % 100) };
	size_t n = strnlen(text, 64);

	memcpy(b + 4, text, n);
	stun_put(w, STUN_A_ERROR, b, 4 + n);
}

static void set_length(struct wr *w, size_t len)
{
	if (w->bad)
		return;
	w->p[2] = (uint8_t)(len >> 8);
	w->p[3] = (uint8_t)len;
}

size_t stun_end(struct stun_w *w, const void *key, size_t n, enum stun_fp fp)
{
	size_t at = w->w.n;

	if (key && !w->w.bad) {
		uint8_t mac[MI_N];
		size_t len = at + 4 + MI_N - STUN_HEAD;
		if (w->form != STUN_RFC && fp != STUN_FP_NONE)
			len += 8;
		if (!hmac(w->w.p, at, len, w->form, key, n, mac))
			return 0;
		wr_be16(&w->w, STUN_A_INTEGRITY);
		wr_be16(&w->w, MI_N);
		wr_bytes(&w->w, mac, MI_N);
	}
	if (fp == STUN_FP_GOOD || fp == STUN_FP_FAULTY) {
		at = w->w.n;
		set_length(&w->w, at + 8 - STUN_HEAD);
		uint32_t v = crc(w->w.p, at, fp == STUN_FP_FAULTY) ^ FP_XOR;
		wr_be16(&w->w, STUN_A_FINGERPRINT);
		wr_be16(&w->w, 4);
		wr_be32(&w->w, v);
	}
	set_length(&w->w, w->w.n - STUN_HEAD);
	return w->w.bad ? 0 : w->w.n;
}

struct stun_id stun_old_id(void)
{
	struct stun_id id;

	id_random(id.b, sizeof(id.b));
	return id;
}

struct stun_id stun_new_id(void)
{
	struct stun_id id = { { 0x21, 0x12, 0xa4, 0x42 } };

	id_random(id.b + 4, 12);
	return id;
}
