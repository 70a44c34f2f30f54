/* Parses, builds and prints messages of the base-station link by the table of their fields. */
#include "dectd/rfp_msg.h"

#include <string.h>

#include "common/mem.h"
#include "dectd/rfp_frame.h"
#include "dectd/rfp_msg_tab.h"

static const struct rfp_kind *find(uint16_t type, uint16_t sub)
{
	for (unsigned i = 0; i < rfp_nkinds; i++)
		if (rfp_kinds[i].type == type && rfp_kinds[i].sub == sub)
			return &rfp_kinds[i];
	return NULL;
}

static uint16_t sub_of(const struct rfp_msg *m)
{
	if (m->type == RFP_DNM)
		return (uint16_t)(m->layer << 8 | m->prim);
	return m->type == RFP_SYNC ? m->sync : 0;
}

static void *place(struct rfp_msg *m, const struct rfp_field *f)
{
	return (char *)m + f->off;
}

static const void *place_c(const struct rfp_msg *m, const struct rfp_field *f)
{
	return (const char *)m + f->off;
}

static struct slice rest_of(struct rd *r)
{
	size_t n = rd_left(r);

	return (struct slice){ (const char *)rd_bytes(r, n), n };
}

static void get_text(struct rd *r, char *out, size_t n)
{
	const uint8_t *p = rd_bytes(r, n), *nul = p ? memchr(p, 0, n) : NULL;
	size_t len = !p ? 0 : nul ? (size_t)(nul - p) : n - 1;

	memset(out, 0, n);
	if (len)
		memcpy(out, p, len);
}

static void get_codecs(struct rd *r, struct rfp_codec *c)
{
	for (unsigned i = 0; i < 16; i++) {
		c[i].codec = rd_u8(r);
		c[i].pt = rd_u8(r);
		c[i].khz = rd_u8(r);
	}
}

/* One field; false: inner length does not fit. */
static bool get(struct rd *r, const struct rfp_field *f, struct rfp_msg *m)
{
	void *at = place(m, f);
	struct slice s;

	switch ((enum rfp_fkind)f->kind) {
	case FK_U8:
		*(uint8_t *)at = rd_u8(r);
		break;
	case FK_BE16:
		*(uint16_t *)at = rd_be16(r);
		break;
	case FK_LE16:
		*(uint16_t *)at = rd_le16(r);
		break;
	case FK_BE32:
		*(uint32_t *)at = rd_be32(r);
		break;
	case FK_LE32:
		*(uint32_t *)at = rd_le32(r);
		break;
	case FK_PMID:
		*(uint32_t *)at = (uint32_t)rd_u8(r) << 16;
		*(uint32_t *)at = (*(uint32_t *)at | rd_be16(r)) & 0x0fffff;
		break;
	case FK_BYTES:
		rd_copy(r, at, f->n);
		break;
	case FK_TEXT:
		get_text(r, at, f->n);
		break;
	case FK_PAD:
		(void)rd_bytes(r, f->n);
		break;
	case FK_LSLICE:
		s.n = rd_u8(r);
		if (s.n > rd_left(r))
			return false;
		s.p = (const char *)rd_bytes(r, s.n);
		*(struct slice *)at = s;
		break;
	case FK_REST:
		*(struct slice *)at = rest_of(r);
		break;
	case FK_ZTEXT:
		s = rest_of(r);
		s.n = slice_chr(s, '\0');
		*(struct slice *)at = s;
		break;
	case FK_CODECS:
		get_codecs(r, at);
		break;
	case FK_OPT:
		break;
	}
	return true;
}

static int get_all(struct rd *r, const struct rfp_kind *k, struct rfp_msg *m)
{
	bool opt = false;

	for (unsigned i = 0; i < k->nfields; i++) {
		const struct rfp_field *f = &k->fields[i];

		if (f->kind == FK_OPT)
			opt = true;
		/* Trailing padding of C structures: not everybody sends it. */
		if (rd_left(r) == 0 && (opt || (f->kind == FK_PAD && i + 1 == k->nfields)))
			return 0;
		if (!get(r, f, m))
			return ERR_SYNTAX;
	}
	return r->bad ? ERR_TRUNCATED : 0;
}

static int parse_dnm(struct rd *r, struct rfp_msg *m)
{
	const struct rfp_kind *k;

	if (rd_left(r) < 2)
		return ERR_TRUNCATED;
	m->layer = rd_u8(r);
	m->prim = rd_u8(r);
	k = find(RFP_DNM, sub_of(m));
	return k ? get_all(r, k, m) : ERR_UNSUPP;
}

/* type u16, length octet, data; one stray octet may follow, and the length octet may count it (rfp-link 10). */
static int parse_sync(struct rd *r, struct rfp_msg *m)
{
	size_t n;

	m->sync = rd_be16(r);
	n = rd_u8(r);
	if (r->bad)
		return ERR_TRUNCATED;
	if (n > rd_left(r)) {
		if (n > rd_left(r) + 1)
			return ERR_SYNTAX;
		n = rd_left(r);
	}
	m->u.sync.data = (struct slice){ (const char *)r->p, n };
	return find(RFP_SYNC, m->sync) ? 0 : ERR_UNSUPP;
}

int rfp_dnm_parse(struct slice payload, struct rfp_msg *out)
{
	struct rd r = rd_of(payload.p, payload.n);

	memset(out, 0, sizeof(*out));
	out->type = RFP_DNM;
	out->len = (uint16_t)(payload.n > UINT16_MAX ? UINT16_MAX : payload.n);
	return parse_dnm(&r, out);
}

int rfp_msg_parse(struct slice msg, struct rfp_msg *out)
{
	struct rd r = rd_of(msg.p, msg.n);
	const struct rfp_kind *k;

	memset(out, 0, sizeof(*out));
	out->type = rd_be16(&r);
	out->len = rd_be16(&r);
	if (r.bad)
		return ERR_TRUNCATED;
	if (out->len != rd_left(&r))
		return ERR_SYNTAX;
	if (out->type == RFP_DNM)
		return parse_dnm(&r, out);
	if (out->type == RFP_SYNC)
		return parse_sync(&r, out);
	k = find(out->type, 0);
	return k ? get_all(&r, k, out) : ERR_UNSUPP;
}

static void put_codecs(struct wr *w, const struct rfp_codec *c)
{
	for (unsigned i = 0; i < 16; i++) {
		wr_u8(w, c[i].codec);
		wr_u8(w, c[i].pt);
		wr_u8(w, c[i].khz);
	}
}

static void put_text(struct wr *w, const char *s, size_t n)
{
	size_t len = strnlen(s, n - 1);

	wr_bytes(w, s, len);
	wr_fill(w, 0, n - len);
}

static void put(struct wr *w, const struct rfp_field *f, const struct rfp_msg *m)
{
	const void *at = place_c(m, f);
	const struct slice *s = at;

	switch ((enum rfp_fkind)f->kind) {
	case FK_U8:
		wr_u8(w, *(const uint8_t *)at);
		break;
	case FK_BE16:
		wr_be16(w, *(const uint16_t *)at);
		break;
	case FK_LE16:
		wr_le16(w, *(const uint16_t *)at);
		break;
	case FK_BE32:
		wr_be32(w, *(const uint32_t *)at);
		break;
	case FK_LE32:
		wr_le32(w, *(const uint32_t *)at);
		break;
	case FK_PMID:
		wr_u8(w, *(const uint32_t *)at >> 16 & 0x0f);
		wr_be16(w, *(const uint32_t *)at & 0xffff);
		break;
	case FK_BYTES:
		wr_bytes(w, at, f->n);
		break;
	case FK_TEXT:
		put_text(w, at, f->n);
		break;
	case FK_PAD:
		wr_fill(w, 0, f->n);
		break;
	case FK_LSLICE:
		if (s->n > 255)
			w->bad = true;
		wr_u8(w, (unsigned)(s->n & 0xff));
		wr_slice_add(w, *s);
		break;
	case FK_REST:
		wr_slice_add(w, *s);
		break;
	case FK_ZTEXT:
		wr_slice_add(w, *s);
		wr_u8(w, 0);
		break;
	case FK_CODECS:
		put_codecs(w, at);
		break;
	case FK_OPT:
		break;
	}
}

static void put_all(struct wr *w, const struct rfp_kind *k, const struct rfp_msg *m, size_t from)
{
	for (unsigned i = 0; i < k->nfields; i++) {
		const struct rfp_field *f = &k->fields[i];

		if (f->kind == FK_OPT && m->len && w->n - from >= m->len)
			return;
		put(w, f, m);
	}
	if (m->len > w->n - from) /* C structures are rounded up */
		wr_fill(w, 0, m->len - (w->n - from));
}

int rfp_dnm_build(const struct rfp_msg *m, struct wr *w)
{
	const struct rfp_kind *k = find(RFP_DNM, sub_of(m));
	size_t from = w->n;

	if (!k)
		return ERR_UNSUPP;
	wr_u8(w, m->layer);
	wr_u8(w, m->prim);
	put_all(w, k, m, from);
	return w->bad ? ERR_LIMIT : 0;
}

int rfp_msg_build(const struct rfp_msg *m, struct wr *w)
{
	const struct rfp_kind *k = find(m->type, sub_of(m));
	size_t hole, from;
	int err = 0;

	if (!k)
		return ERR_UNSUPP;
	wr_be16(w, m->type);
	hole = wr_hole(w, 2);
	from = w->n;
	if (m->type == RFP_DNM) {
		err = rfp_dnm_build(m, w);
	} else if (m->type == RFP_SYNC) {
		if (m->u.sync.data.n > 255)
			w->bad = true;
		wr_be16(w, m->sync);
		wr_u8(w, (unsigned)(m->u.sync.data.n & 0xff));
		wr_slice_add(w, m->u.sync.data);
	} else {
		put_all(w, k, m, from);
	}
	if (err || w->bad || w->n - from > RFP_PAY_MAX)
		return err ? err : ERR_LIMIT;
	w->p[hole] = (uint8_t)((w->n - from) >> 8);
	w->p[hole + 1] = (uint8_t)(w->n - from);
	return 0;
}

const char *rfp_msg_name(const struct rfp_msg *m)
{
	const struct rfp_kind *k = find(m->type, sub_of(m));

	return k ? k->name : NULL;
}

const char *rfp_type_name(uint16_t type)
{
	const struct rfp_kind *k = find(type, 0);

	if (k)
		return k->name;
	if (type == RFP_DNM)
		return "DNM";
	if (type == RFP_SYNC)
		return "SYNC";
	for (unsigned i = 0; rfp_type_words[i].name; i++)
		if (rfp_type_words[i].v == type)
			return rfp_type_words[i].name;
	return NULL;
}

static void dump_slice(struct wr *w, struct slice s, bool text)
{
	if (!text) {
		wr_hex(w, s.p, s.n);
		return;
	}
	for (size_t i = 0; i < s.n; i++) {
		unsigned char ch = (unsigned char)s.p[i];

		wr_u8(w, ch < 0x20 || ch > 0x7e ? '?' : ch);
	}
}

static void dump_field(struct wr *w, const struct rfp_field *f, const struct rfp_msg *m)
{
	const void *at = place_c(m, f);
	const char *dot = strchr(f->name, '.');

	wr_str(w, " ");
	wr_str(w, dot ? dot + 1 : f->name);
	wr_str(w, "=");
	if (f->secret) {
		wr_str(w, "***");
		return;
	}
	switch ((enum rfp_fkind)f->kind) {
	case FK_U8:
		wr_fmt(w, "%u", *(const uint8_t *)at);
		break;
	case FK_BE16:
	case FK_LE16:
		wr_fmt(w, "%u", *(const uint16_t *)at);
		break;
	case FK_BE32:
	case FK_LE32:
		wr_fmt(w, "%u", *(const uint32_t *)at);
		break;
	case FK_PMID:
		wr_fmt(w, "%05x", *(const uint32_t *)at);
		break;
	case FK_BYTES:
		wr_hex(w, at, f->n);
		break;
	case FK_TEXT:
		dump_slice(w, slice_str(at), true);
		break;
	case FK_LSLICE:
	case FK_REST:
		dump_slice(w, *(const struct slice *)at, false);
		break;
	case FK_ZTEXT:
		dump_slice(w, *(const struct slice *)at, true);
		break;
	case FK_CODECS:
		wr_fmt(w, "%u/%u", ((const struct rfp_codec *)at)->codec,
		    ((const struct rfp_codec *)at)->pt);
		break;
	case FK_PAD:
	case FK_OPT:
		break;
	}
}

void rfp_msg_dump(const struct rfp_msg *m, struct wr *w)
{
	const struct rfp_kind *k = find(m->type, sub_of(m));

	if (!k) {
		wr_fmt(w, "%04x/%04x length %u", m->type, sub_of(m), m->len);
		return;
	}
	wr_str(w, k->name);
	for (unsigned i = 0; i < k->nfields; i++)
		if (k->fields[i].name)
			dump_field(w, &k->fields[i], m);
}

int rfp_init_of(const struct rfp_msg *m, struct rfp_init *out)
{
	const struct slice rest = m->u.init.rest;
	size_t skip = m->u.init.protocol <= 0x00080000 ? 8 : 20;

	if (m->len != 0xf4 && m->len != 0x104 && m->len != 0x110)
		return ERR_SYNTAX;
	if (rest.n < skip + 16)
		return ERR_TRUNCATED;
	out->model = m->u.init.model;
	out->caps = m->u.init.caps;
	out->protocol = m->u.init.protocol;
	memcpy(out->mac, m->u.init.mac, sizeof(out->mac));
	out->block = m->u.init.block;
	out->sig = (const uint8_t *)rest.p + rest.n - 16;
	out->version = slice_sub(rest, skip, rest.n - skip - 16);
	out->version.n = slice_chr(out->version, '\0');
	return 0;
}

const char *rfp_model_name(uint32_t model)
{
	for (unsigned i = 0; rfp_model_words[i].name; i++)
		if (rfp_model_words[i].v == model)
			return rfp_model_words[i].name;
	return NULL;
}

unsigned rfp_model_generation(uint32_t model)
{
	static const uint8_t gen[0x14] = { 0, 1, 1, 1, 2, 2, 2, 2, 2, 2, 0, 3, 3, 3, 3, 0, 4, 4, 4,
		4 };
	uint32_t low = model & 0xfff;

	if (!rfp_model_name(model) || low >= sizeof(gen))
		return 0;
	return gen[low];
}

const char *rfp_nack_text(uint32_t reason)
{
	static const char *const text[] = { "ok", "invalid element", "no resource", "wrong state",
		"invalid parameters", "port in use", "codec not supported", "video not supported" };

	return reason >= RFP_NACK_OK && reason - RFP_NACK_OK < ARRAY_LEN(text)
	           ? text[reason - RFP_NACK_OK]
	           : "unknown reason";
}

int rfpc_next(struct rd *r, uint8_t *key, struct slice *value)
{
	size_t n;

	if (rd_left(r) == 0)
		return 0;
	*key = rd_u8(r);
	n = rd_u8(r);
	value->p = (const char *)rd_bytes(r, n);
	value->n = n;
	return r->bad ? ERR_TRUNCATED : 1;
}

void rfpc_put(struct wr *w, uint8_t key, const void *value, size_t n)
{
	BUG_ON(n > 255);
	wr_u8(w, key);
	wr_u8(w, (unsigned)n);
	wr_bytes(w, value, n);
}

int sync_search_list(struct slice data, struct sync_neighbour *out, unsigned cap)
{
	struct rd r = rd_of(data.p, data.n);
	unsigned n, kept = 0;

	if (data.n == 0)
		return ERR_STATE;
	n = rd_u8(&r);
	for (unsigned i = 0; i < n; i++) {
		struct sync_neighbour b = { .rpn = rd_le16(&r) };

		b.rssi = rd_le16(&r);
		if (r.bad)
			return ERR_TRUNCATED;
		if (kept < cap)
			out[kept++] = b;
	}
	return (int)kept;
}

int sync_phase_list(struct slice data, struct sync_neighbour *out, unsigned cap)
{
	struct rd r = rd_of(data.p, data.n);
	unsigned n = rd_u8(&r), kept = 0;

	for (unsigned i = 0; i < n; i++) {
		struct sync_neighbour b = { .rpn = rd_be16(&r) };

		b.offset_ns = (int16_t)rd_be16(&r) * 48;
		b.rssi = rd_u8(&r);
		b.check = rd_u8(&r);
		if (r.bad)
			return ERR_TRUNCATED;
		if (kept < cap)
			out[kept++] = b;
	}
	return r.bad ? ERR_TRUNCATED : (int)kept;
}

int rfp_statistics_of(struct slice value, struct rfp_statistics *out)
{
	struct rd r = rd_of(value.p, value.n);

	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < 4; i++)
		out->connections[i] = rd_le16(&r);
	for (unsigned i = 0; i < 4; i++)
		out->dsp[i] = rd_le16(&r);
	out->lost = rd_le16(&r);
	(void)rd_bytes(&r, 16);
	out->mac_reset = rd_le16(&r);
	(void)rd_bytes(&r, 4);
	out->reject_dummy = rd_le16(&r);
	out->bad_frames = rd_le32(&r);
	out->good_frames = rd_le32(&r);
	out->slow_handover = rd_le16(&r);
	return r.bad ? ERR_TRUNCATED : 0;
}
