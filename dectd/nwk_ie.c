/* Information elements: identities, security, capabilities. */
#include <string.h>

#include "dectd/nwk_ie_priv.h"

/* ---- identities ---- */

static int portable_read(struct rd *r, struct ie_portable *out)
{
	uint8_t type = rd_u8(r) & 0x7f, bits = rd_u8(r) & 0x7f;

	if (r->bad)
		return ERR_TRUNCATED;
	out->type = type;
	if (type == IE_P_TPUI) {
		/* The length says 20 bits; four bits of assignment type stand before them. */
		uint8_t o = rd_u8(r);

		if (bits != 20)
			return ERR_VALUE;
		out->assign = o >> 4;
		out->tpui = (uint32_t)(o & 15) << 16;
		out->tpui |= rd_be16(r);
		return 0;
	}
	if (type != IE_P_IPUI && type != IE_P_IPEI)
		return ERR_UNSUPP;
	return ipui_set(&out->ipui, r->p, rd_left(r), bits);
}

static void portable_write(struct wr *w, const struct ie_portable *in)
{
	if (in->type == IE_P_NONE)
		return;
	wr_u8(w, 0x80u | in->type);
	if (in->type == IE_P_TPUI) {
		ie_field(w, in->tpui, TPUI_MASK);
		ie_field(w, in->assign, 15);
		wr_u8(w, 0x80 | 20);
		wr_u8(w, (unsigned)in->assign << 4 | (in->tpui >> 16 & 15));
		wr_be16(w, in->tpui & 0xffff);
		return;
	}
	ie_field(w, in->type & ~0x10u, 0);
	ie_field(w, in->ipui.bits == 0, 0);
	wr_u8(w, 0x80u | in->ipui.bits);
	wr_bytes(w, in->ipui.v, (in->ipui.bits + 7u) / 8);
}

IE_DEFINE(portable, IE_PORTABLE)

void ie_ipui_put(struct wr *w, const struct ipui *id)
{
	ie_portable_put(w, &(struct ie_portable){ .type = IE_P_IPUI, .ipui = *id });
}

void ie_tpui_put(struct wr *w, uint32_t tpui)
{
	ie_portable_put(w, &(struct ie_portable){ .type = IE_P_TPUI, .tpui = tpui });
}

void ie_portable_none_put(struct wr *w)
{
	ie_portable_put(w, &(struct ie_portable){ .type = IE_P_NONE });
}

static int fixed_read(struct rd *r, struct ie_fixed *out)
{
	uint8_t n;

	out->type = rd_u8(r) & 0x7f;
	out->bits = rd_u8(r) & 0x7f;
	n = (uint8_t)((out->bits + 7) / 8);
	if (n > sizeof(out->v))
		return ERR_VALUE;
	rd_copy(r, out->v, n);
	if (out->bits % 8 && n)
		out->v[n - 1] &= (uint8_t)(0xff << (8 - out->bits % 8));
	return 0;
}

static void fixed_write(struct wr *w, const struct ie_fixed *in)
{
	ie_field(w, in->type, 0x7f);
	ie_field(w, in->bits, 8 * sizeof(in->v));
	wr_u8(w, 0x80u | in->type);
	wr_u8(w, 0x80u | in->bits);
	if (!w->bad)
		wr_bytes(w, in->v, (in->bits + 7u) / 8);
}

IE_DEFINE(fixed, IE_FIXED)

static void put_ari(struct wr *w, const struct ident *id, uint8_t type, unsigned bits)
{
	struct ie_fixed f = { .type = type, .bits = (uint8_t)bits };

	memcpy(f.v, id->ari, sizeof(id->ari));
	if (bits % 8)
		f.v[bits / 8] &= (uint8_t)(0xff << (8 - bits % 8));
	memset(f.v + (bits + 7) / 8, 0, sizeof(f.v) - (bits + 7) / 8);
	ie_fixed_put(w, &f);
}

/* One bit (0) before ARI or PARK: 1 + 36 bits (class A), 1 + 31 (B, C). */
static unsigned ari_bits(const struct ident *id)
{
	return id->cls == IDENT_A ? 37 : 32;
}

void ie_ari_put(struct wr *w, const struct ident *id)
{
	put_ari(w, id, IE_F_ARI, ari_bits(id));
}

void ie_park_put(struct wr *w, const struct ident *id)
{
	put_ari(w, id, IE_F_PARK, 1u + id->pli);
}

bool ie_fixed_is(const struct ie_fixed *f, const struct ident *id)
{
	unsigned bits = ari_bits(id);

	if (f->bits < bits)
		bits = f->bits;
	if (bits <= 4 || (f->type != IE_F_PARK && f->bits < ari_bits(id)))
		return false;
	for (unsigned i = 1; i < bits; i++)
		if ((f->v[i / 8] ^ id->ari[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

static int location_read(struct rd *r, struct ie_location *out)
{
	uint8_t o = rd_u8(r);

	out->has_level = o & 0x40;
	out->level = o & 0x3f;
	if (o & 0x80) {
		if (!rd_left(r))
			return ERR_TRUNCATED;
		out->ext = r->p[0] >> 4;
		out->eli = ie_rest(r);
	}
	return 0;
}

static void location_write(struct wr *w, const struct ie_location *in)
{
	ie_field(w, in->level, 0x3f);
	ie_field(w, in->ext && !in->eli.n, 0);
	wr_u8(w, (in->has_level ? 0x40u : 0) | (in->eli.n ? 0x80u : 0) | in->level);
	wr_slice_add(w, in->eli);
}

IE_DEFINE(location, IE_LOCATION_AREA)

static int nwk_assigned_read(struct rd *r, struct ie_nwk_assigned *out)
{
	out->type = rd_u8(r) & 0x7f;
	out->bits = rd_u8(r) & 0x7f;
	out->v.p = (const char *)rd_bytes(r, (out->bits + 7u) / 8);
	out->v.n = (out->bits + 7u) / 8;
	return 0;
}

static void nwk_assigned_write(struct wr *w, const struct ie_nwk_assigned *in)
{
	ie_field(w, in->type, 0x7f);
	ie_field(w, in->bits, 0x7f);
	ie_field(w, in->v.n != (in->bits + 7u) / 8, 0);
	wr_u8(w, 0x80u | in->type);
	wr_u8(w, 0x80u | in->bits);
	wr_slice_add(w, in->v);
}

IE_DEFINE(nwk_assigned, IE_NWK_ASSIGNED)

static int identity_type_read(struct rd *r, struct ie_identity_type *out)
{
	out->group = rd_u8(r) & 0x0f;
	out->type = rd_u8(r) & 0x7f;
	return 0;
}

static void identity_type_write(struct wr *w, const struct ie_identity_type *in)
{
	ie_field(w, in->group, 0x0f);
	ie_field(w, in->type, 0x7f);
	wr_u8(w, 0x80u | in->group);
	wr_u8(w, 0x80u | in->type);
}

IE_DEFINE(identity_type, IE_IDENTITY_TYPE)

static int info_type_read(struct rd *r, struct ie_info_type *out)
{
	uint8_t o;

	do {
		o = rd_u8(r);
		if (out->n < sizeof(out->v) && !r->bad)
			out->v[out->n++] = o & 0x7f;
	} while (!(o & 0x80) && !r->bad);
	return 0;
}

static void info_type_write(struct wr *w, const struct ie_info_type *in)
{
	ie_field(w, in->n - 1, sizeof(in->v) - 1);
	for (unsigned i = 0; i < in->n && !w->bad; i++)
		wr_u8(w, (i + 1 == in->n ? 0x80u : 0) | (in->v[i] & 0x7fu));
}

IE_DEFINE(info_type, IE_INFO_TYPE)

static int model_read(struct rd *r, struct ie_model *out)
{
	if (rd_left(r) >= sizeof(out->v)) {
		out->imeisv = true;
		rd_copy(r, out->v, sizeof(out->v));
	} else {
		rd_copy(r, out->v, 3);
	}
	return 0;
}

static void model_write(struct wr *w, const struct ie_model *in)
{
	wr_bytes(w, in->v, in->imeisv ? sizeof(in->v) : 3);
}

IE_DEFINE(model, IE_MODEL)

/* ---- security ---- */

static int auth_type_read(struct rd *r, struct ie_auth_type *out)
{
	uint8_t o;

	out->alg = rd_u8(r);
	if (out->alg == IE_ALG_PROP)
		out->prop = rd_u8(r);
	o = rd_u8(r);
	out->key_type = o >> 4;
	out->key_no = o & 15;
	o = rd_u8(r);
	out->inc = o & 0x80;
	out->def = o & 0x40;
	out->txc = o & 0x20;
	out->upc = o & 0x10;
	out->cipher_no = o & 15;
	if (!out->def)
		return 0;
	out->def_index = rd_be16(r);
	/* 5c is optional: its absence means DSC. */
	if (rd_left(r)) {
		out->has_def_alg = true;
		out->def_dsc2 = (rd_u8(r) & 3) == 1;
	}
	return 0;
}

static void auth_type_write(struct wr *w, const struct ie_auth_type *in)
{
	ie_field(w, in->key_type, 15);
	ie_field(w, in->key_no, 15);
	ie_field(w, in->cipher_no, 15);
	wr_u8(w, in->alg);
	if (in->alg == IE_ALG_PROP)
		wr_u8(w, in->prop);
	wr_u8(w, (unsigned)in->key_type << 4 | in->key_no);
	wr_u8(w, (in->inc ? 0x80u : 0) | (in->def ? 0x40u : 0) | (in->txc ? 0x20u : 0) |
	             (in->upc ? 0x10u : 0) | in->cipher_no);
	if (!in->def)
		return;
	wr_be16(w, in->def_index);
	if (in->has_def_alg || in->def_dsc2)
		wr_u8(w, in->def_dsc2);
}

IE_DEFINE(auth_type, IE_AUTH_TYPE)

static int allocation_type_read(struct rd *r, struct ie_allocation_type *out)
{
	uint8_t o;

	out->alg = rd_u8(r);
	o = rd_u8(r);
	out->uak_no = o >> 4;
	out->ac_no = o & 15;
	return 0;
}

static void allocation_type_write(struct wr *w, const struct ie_allocation_type *in)
{
	ie_field(w, in->uak_no, 15);
	ie_field(w, in->ac_no, 15);
	wr_u8(w, in->alg);
	wr_u8(w, (unsigned)in->uak_no << 4 | in->ac_no);
}

IE_DEFINE(allocation_type, IE_ALLOCATION_TYPE)

static int cipher_info_read(struct rd *r, struct ie_cipher_info *out)
{
	uint8_t o = rd_u8(r);

	out->enable = o & 0x80;
	out->alg = o & 0x7f;
	if (out->alg == IE_ALG_PROP)
		out->prop = rd_u8(r);
	o = rd_u8(r);
	out->key_type = o >> 4;
	out->key_no = o & 15;
	return 0;
}

static void cipher_info_write(struct wr *w, const struct ie_cipher_info *in)
{
	ie_field(w, in->alg, 0x7f);
	ie_field(w, in->key_type, 15);
	ie_field(w, in->key_no, 15);
	wr_u8(w, (in->enable ? 0x80u : 0) | in->alg);
	if (in->alg == IE_ALG_PROP)
		wr_u8(w, in->prop);
	wr_u8(w, (unsigned)in->key_type << 4 | in->key_no);
}

IE_DEFINE(cipher_info, IE_CIPHER_INFO)

static int key_read(struct rd *r, struct ie_key *out)
{
	out->type = rd_u8(r) & 0x7f;
	out->key = ie_rest(r);
	return 0;
}

static void key_write(struct wr *w, const struct ie_key *in)
{
	ie_field(w, in->type, 0x7f);
	wr_u8(w, 0x80u | in->type);
	wr_slice_add(w, in->key);
}

IE_DEFINE(key, IE_KEY)

static int duration_read(struct rd *r, struct ie_duration *out)
{
	uint8_t o = rd_u8(r);

	out->lock = o >> 4 & 7;
	out->unit = o & 15;
	if (!(o & 0x80))
		out->value = rd_u8(r) & 0x7f;
	return 0;
}

static void duration_write(struct wr *w, const struct ie_duration *in)
{
	bool more = in->unit == 1 || in->unit == 2;

	ie_field(w, in->lock, 7);
	ie_field(w, in->unit, 15);
	ie_field(w, in->value, 0x7f);
	wr_u8(w, (more ? 0 : 0x80u) | (unsigned)in->lock << 4 | in->unit);
	if (more)
		wr_u8(w, 0x80u | in->value);
}

IE_DEFINE(duration, IE_DURATION)

/* ---- capabilities ---- */

static int setup_cap_read(struct rd *r, struct ie_setup_cap *out)
{
	uint8_t o = rd_u8(r);

	out->protocol = o >> 4 & 7;
	out->setup = o >> 2 & 3;
	out->page = o & 3;
	return 0;
}

static void setup_cap_write(struct wr *w, const struct ie_setup_cap *in)
{
	ie_field(w, in->protocol, 7);
	ie_field(w, in->setup, 3);
	ie_field(w, in->page, 3);
	wr_u8(w, 0x80u | (unsigned)in->protocol << 4 | (unsigned)in->setup << 2 | in->page);
}

IE_DEFINE(setup_cap, IE_SETUP_CAP)

const struct ie_terminal_cap ie_terminal_cap_default = {
	.tones = 1, .display = 1, .echo = 1, .nrej = 1, .avol = 1, .slots = 1u << 3
};

/* Octets of a group, bit 8 set in the last one; those beyond cap are skipped. Returns how many there were, at most
 * cap; the extension bits are taken off. */
static unsigned group(struct rd *r, uint8_t *out, unsigned cap)
{
	unsigned n = 0;
	uint8_t o;

	if (!rd_left(r))
		return 0;
	do {
		o = rd_u8(r);
		if (n < cap && !r->bad)
			out[n++] = o & 0x7f;
	} while (!(o & 0x80) && !r->bad);
	return n;
}

static int terminal_cap_read(struct rd *r, struct ie_terminal_cap *out)
{
	uint8_t g[8] = { 0 };
	unsigned n = group(r, g, sizeof(g)); /* 3, 3b, 3c … 3h */

	*out = ie_terminal_cap_default;
	if (n == 0)
		return ERR_TRUNCATED;
	out->tones = g[0] >> 4;
	out->display = g[0] & 15;
	if (n > 1) {
		out->echo = g[1] >> 4;
		out->nrej = g[1] >> 2 & 3;
		out->avol = g[1] & 3;
	}
	if (n > 2)
		out->slots = g[2];
	if (n > 4)
		out->stored = (uint16_t)(g[3] << 7 | g[4]);
	out->lines = g[5];
	out->columns = g[6];
	out->scroll = g[7];
	out->nprofile = (uint8_t)group(r, out->profile, IE_TC_PROFILES);
	memset(g, 0, sizeof(g));
	group(r, g, 2); /* 5, 5a */
	out->dsaa2 = g[0] & 0x40;
	out->dsc2 = g[0] & 0x20;
	out->control = g[0] & 7;
	out->charsets = g[1];
	group(r, out->blind, 2);
	return 0;
}

static void put_group(struct wr *w, const uint8_t *g, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		wr_u8(w, (i + 1 == n ? 0x80u : 0) | (g[i] & 0x7fu));
}

static void terminal_cap_write(struct wr *w, const struct ie_terminal_cap *in)
{
	uint8_t g3[8] = { (uint8_t)(in->tones << 4 | in->display),
		(uint8_t)(in->echo << 4 | in->nrej << 2 | in->avol), in->slots,
		(uint8_t)(in->stored >> 7), in->stored & 0x7f, in->lines, in->columns, in->scroll };
	uint8_t g5[2] = { (uint8_t)((in->dsaa2 ? 0x40 : 0) | (in->dsc2 ? 0x20 : 0) | in->control),
		in->charsets };

	ie_field(w, in->tones, 7);
	ie_field(w, in->display, 15);
	ie_field(w, in->echo, 7);
	ie_field(w, in->nrej, 3);
	ie_field(w, in->avol, 3);
	ie_field(w, in->stored, 0x3fff);
	ie_field(w, in->control, 7);
	ie_field(w, in->nprofile, IE_TC_PROFILES);
	ie_field(w, (in->slots | in->lines | in->columns | in->scroll | in->charsets) & 0x80, 0);
	if (w->bad)
		return;
	put_group(w, g3, in->lines || in->columns || in->scroll ? 8 : in->stored ? 5 : 3);
	put_group(w, in->profile, in->nprofile ? in->nprofile : 1);
	put_group(w, g5, in->charsets ? 2 : 1);
	put_group(w, in->blind, in->blind[1] ? 2 : in->blind[0] ? 1 : 0);
}

IE_DEFINE(terminal_cap, IE_TERMINAL_CAP)

/* Profile indicators by their octet: 1 is 4, 7 is 4f, 10 is 4i. */
bool ie_tc_gap(const struct ie_terminal_cap *c)
{
	return c->profile[0] & 0x02;
}

bool ie_tc_wideband(const struct ie_terminal_cap *c)
{
	return c->profile[6] & 0x02 && c->slots & (1u << 1 | 1u << 2);
}

bool ie_tc_part3(const struct ie_terminal_cap *c)
{
	return (c->profile[6] & 0x06) == 0x06;
}

bool ie_tc_part5(const struct ie_terminal_cap *c)
{
	return c->profile[6] & 0x40;
}

bool ie_tc_rekeying(const struct ie_terminal_cap *c)
{
	return c->profile[6] & 0x10;
}

#define CODECS_MAX ARRAY_LEN(((struct ie_codec_list *)0)->c)

static int codec_list_read(struct rd *r, struct ie_codec_list *out)
{
	uint8_t last = 0;

	out->negotiable = rd_u8(r) & 0x10;
	while (rd_left(r) >= 3 && !(last & 0x80)) {
		struct ie_codec c = { .codec = rd_u8(r) & 0x7f, .service = rd_u8(r) & 0x0f };

		last = rd_u8(r);
		c.cplane = last >> 4 & 7;
		c.slot = last & 15;
		if (out->n < CODECS_MAX)
			out->c[out->n++] = c;
	}
	return out->n ? 0 : ERR_TRUNCATED;
}

static void codec_list_write(struct wr *w, const struct ie_codec_list *in)
{
	ie_field(w, in->n - 1, CODECS_MAX - 1);
	wr_u8(w, 0x80u | (in->negotiable ? 0x10u : 0));
	for (unsigned i = 0; i < in->n && !w->bad; i++) {
		ie_field(w, in->c[i].codec, 0x7f);
		ie_field(w, in->c[i].service, 15);
		ie_field(w, in->c[i].cplane, 7);
		ie_field(w, in->c[i].slot, 15);
		wr_u8(w, in->c[i].codec);
		wr_u8(w, in->c[i].service);
		wr_u8(w,
		    (i + 1 == in->n ? 0x80u : 0) | (unsigned)in->c[i].cplane << 4 | in->c[i].slot);
	}
}

IE_DEFINE(codec_list, IE_CODEC_LIST)

void ie_codec_narrow(struct ie_codec_list *out)
{
	*out = (struct ie_codec_list){ true, 1, { { IE_C_G726, 0, 0, IE_SLOT_FULL } } };
}

void ie_codec_wide(struct ie_codec_list *out)
{
	*out = (struct ie_codec_list){ true, 2,
		{ { IE_C_G722, 0, 0, IE_SLOT_LONG640 }, { IE_C_G726, 0, 0, IE_SLOT_FULL } } };
}

bool ie_codec_choose(
    const struct ie_codec_list *theirs, const struct ie_codec_list *ours, struct ie_codec_list *out)
{
	struct ie_codec_list both = { .negotiable = true };

	for (unsigned i = 0; i < theirs->n; i++)
		for (unsigned j = 0; j < ours->n; j++)
			if (theirs->c[i].codec == ours->c[j].codec &&
			    theirs->c[i].slot == ours->c[j].slot && both.n < CODECS_MAX) {
				both.c[both.n++] = theirs->c[i];
				break;
			}
	if (both.n == 0) {
		ie_codec_narrow(out);
		return false;
	}
	*out = both;
	return true;
}
