/* S-format: header and elements of network layer messages. */
#include "dectd/nwk_msg.h"

#include <string.h>

#include "common/rd.h"
#include "dectd/nwk_ie.h"

#define TV_EXTENDED 7

static bool known_pd(uint8_t pd)
{
	return pd == NWK_LCE || (pd >= NWK_CC && pd <= NWK_COMS);
}

struct walk {
	struct rd r;
	uint8_t locked,
	    once; /* codesets in force: locking, and of the next element only (FF: none) */
	uint8_t list,
	    list_id; /* a repeat indicator holds for elements of this identifier; 0: the next one */
};

static void keep(struct nwk_msg *m, struct walk *k, uint8_t id, const uint8_t *p, uint8_t n)
{
	bool foreign = (k->once != 0xff ? k->once : k->locked) != 0;

	k->once = 0xff;
	if (foreign || m->nie == NWK_IE_MAX) {
		if (m->skipped < UINT8_MAX)
			m->skipped++;
		return;
	}
	if (id == IE_REPEAT_LIST || id == IE_REPEAT_PRIO) {
		k->list = id & 0x0f;
		k->list_id = 0;
		m->ie[m->nie++] = (struct nwk_ie){ id, n, 0, p };
		return;
	}
	/* Segmented info stands between the indicator and the element (6.3). */
	if (k->list && !k->list_id && id != IE_SEGMENTED)
		k->list_id = id;
	if (k->list && k->list_id && k->list_id != id && id != IE_SEGMENTED)
		k->list = k->list_id = 0;
	m->ie[m->nie++] = (struct nwk_ie){ id, n, k->list_id == id ? k->list : 0, p };
}

static void fixed(struct nwk_msg *m, struct walk *k, uint8_t id)
{
	const uint8_t *p;

	switch (id & 0xf0) {
	case 0x90:
		if (id & 0x08)
			k->once = id & 0x07;
		else
			k->locked = id & 0x07;
		break;
	case 0xe0:
		p = rd_bytes(&k->r, 1);
		if (p)
			keep(m, k, id, p, 1);
		break;
	default:
		keep(m, k, id, NULL, 0);
	}
}

static void element(struct nwk_msg *m, struct walk *k)
{
	uint8_t id = rd_u8(&k->r), n;
	const uint8_t *p;

	if (id & 0x80) {
		fixed(m, k, id);
		return;
	}
	n = rd_u8(&k->r);
	p = rd_bytes(&k->r, n);
	if (k->r.bad)
		return;
	keep(m, k, id, n ? p : NULL, n);
}

int nwk_parse(const uint8_t *p, size_t n, enum nwk_dir dir, struct nwk_msg *out)
{
	struct walk k = { .r = rd_of(p, n), .once = 0xff };
	uint8_t first = rd_u8(&k.r), type = rd_u8(&k.r);

	/* The elements' places are written before they are read: no need to clear them. */
	memset(out, 0, offsetof(struct nwk_msg, ie));
	if (k.r.bad)
		return ERR_TRUNCATED;
	if (n > NWK_MAX)
		return ERR_LIMIT;
	if (!known_pd(first & 0x0f) || (first >> 4 & 7) == TV_EXTENDED)
		return ERR_UNSUPP;
	out->dir = dir;
	out->pd = first & 0x0f;
	out->f = first >> 7;
	out->tv = first >> 4 & 7;
	out->type = type;
	out->raw = p;
	out->n = n;
	while (rd_left(&k.r) && !k.r.bad)
		element(out, &k);
	out->cut = k.r.bad;
	return 0;
}

const struct nwk_ie *nwk_ie_nth(const struct nwk_msg *m, uint8_t id, unsigned nth)
{
	for (unsigned i = 0; i < m->nie; i++)
		if (m->ie[i].id == id && (m->ie[i].n || id & 0x80) && nth-- == 0)
			return &m->ie[i];
	return NULL;
}

bool nwk_ie_empty(const struct nwk_msg *m, uint8_t id)
{
	for (unsigned i = 0; i < m->nie; i++)
		if (m->ie[i].id == id && m->ie[i].n == 0)
			return true;
	return false;
}

void nwk_head(struct wr *w, uint8_t pd, bool f, uint8_t tv, uint8_t type)
{
	if (pd > 0x0f || tv >= TV_EXTENDED)
		w->bad = true;
	wr_u8(w, (f ? 0x80u : 0) | (unsigned)tv << 4 | pd);
	wr_u8(w, type);
}

/* ---- elements of one octet or of octets ---- */

bool nwk_flag(const struct nwk_msg *m, uint8_t id)
{
	return nwk_ie(m, id) != NULL;
}

void ie_flag_put(struct wr *w, uint8_t id)
{
	if (!(id & 0x80))
		w->bad = true;
	wr_u8(w, id);
}

int nwk_octet(const struct nwk_msg *m, uint8_t id)
{
	const struct nwk_ie *ie = nwk_ie(m, id);

	return ie && ie->n ? ie->p[0] : -1;
}

void ie_octet_put(struct wr *w, uint8_t id, uint8_t v)
{
	wr_u8(w, id);
	if (!(id & 0x80))
		wr_u8(w, 1);
	wr_u8(w, v);
}

struct slice nwk_octets(const struct nwk_msg *m, uint8_t id)
{
	const struct nwk_ie *ie = nwk_ie(m, id);

	return ie ? (struct slice){ (const char *)ie->p, ie->n } : (struct slice){ 0 };
}

void ie_octets_put(struct wr *w, uint8_t id, const void *p, size_t n)
{
	if (n > UINT8_MAX || id & 0x80) {
		w->bad = true;
		return;
	}
	wr_u8(w, id);
	wr_u8(w, (unsigned)n);
	wr_bytes(w, p, n);
}

struct slice nwk_keypad(const struct nwk_msg *m)
{
	return nwk_octets(m, nwk_ie(m, IE_KEYPAD) ? IE_KEYPAD : IE_SINGLE_KEYPAD);
}

struct slice nwk_display(const struct nwk_msg *m)
{
	return nwk_octets(m, nwk_ie(m, IE_DISPLAY) ? IE_DISPLAY : IE_SINGLE_DISPLAY);
}
