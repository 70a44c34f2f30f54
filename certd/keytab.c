/* Keytab files (the format is described in MIT krb5's "keytab file format") and what the store keeps of them. */
#include "certd/keytab.h"

#include <string.h>

#include "common/mem.h"
#include "common/wr.h"

#define COMPONENTS 8

struct rd {
	const uint8_t *p;
	size_t n;
	bool bad;
};

static const uint8_t *take(struct rd *r, size_t n)
{
	const uint8_t *at = r->p;

	if (r->bad || r->n < n) {
		r->bad = true;
		return NULL;
	}
	r->p += n;
	r->n -= n;
	return at;
}

static uint32_t num(struct rd *r, unsigned octets)
{
	const uint8_t *p = take(r, octets);
	uint32_t v = 0;

	for (unsigned i = 0; p && i < octets; i++)
		v = v << 8 | p[i];
	return v;
}

size_t keytab_key_len(unsigned enctype)
{
	switch (enctype) {
	case 17: /* aes128-cts-hmac-sha1-96 */
	case 19: /* aes128-cts-hmac-sha256-128 */
	case 23: /* arcfour-hmac */
		return 16;
	case 18: /* aes256-cts-hmac-sha1-96 */
	case 20: /* aes256-cts-hmac-sha384-192 */
		return 32;
	default:
		return 0;
	}
}

/* Names with a NUL, or too long, are nobody's. */
static void part(struct wr *w, struct rd *r)
{
	uint32_t n = num(r, 2);
	const uint8_t *p = take(r, n);

	for (uint32_t i = 0; p && i < n; i++) {
		if (p[i] < ' ')
			w->bad = true;
		if (p[i] == '/' || p[i] == '@' || p[i] == '\\')
			wr_u8(w, '\\');
		wr_u8(w, p[i]);
	}
}

struct entry {
	char name[KEYTAB_PRINCIPAL + 1]; /* "": unusable */
	uint32_t kvno;
	struct keytab_key key;
	size_t keylen; /* as in the file */
};

static bool entry(struct rd *r, struct entry *e)
{
	char realm[KEYTAB_PRINCIPAL + 1];
	struct wr w = wr_of(e->name, sizeof(e->name)), wrealm = wr_of(realm, sizeof(realm));
	uint32_t n = num(r, 2);

	part(&wrealm, r);
	if (n == 0 || n > COMPONENTS)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			wr_u8(&w, '/');
		part(&w, r);
	}
	wr_u8(&w, '@');
	wr_slice_add(&w, wr_slice(&wrealm));
	w.bad |= wrealm.bad;
	(void)num(r, 4); /* type of the name */
	(void)num(r, 4); /* when it was made */
	mem_wipe(&e->key, sizeof(e->key));
	e->kvno = num(r, 1);
	e->key.enctype = (uint16_t)num(r, 2);
	e->keylen = num(r, 2);
	const uint8_t *key = take(r, e->keylen);
	if (r->bad)
		return false;
	if (r->n >= 4) { /* 0: not set */
		uint32_t v = num(r, 4);
		e->kvno = v ? v : e->kvno;
	}
	if (!wr_nul(&w))
		e->name[0] = '\0';
	if (e->keylen && e->keylen == keytab_key_len(e->key.enctype)) {
		e->key.len = (uint8_t)e->keylen;
		memcpy(e->key.key, key, e->keylen);
	}
	return true;
}

/* A newer version takes the place of an older one; keys of the same version stand side by side. */
static void keep(struct keytab *k, const struct entry *e)
{
	if (k->n && e->kvno < k->kvno)
		return;
	if (e->kvno > k->kvno) {
		mem_wipe(k->key, sizeof(k->key));
		k->n = 0;
	}
	k->kvno = e->kvno;
	for (unsigned i = 0; i < k->n; i++)
		if (k->key[i].enctype == e->key.enctype)
			return;
	if (k->n < KEYTAB_KEYS)
		k->key[k->n++] = e->key;
}

int keytab_read(struct slice file, struct slice want, struct keytab *out)
{
	struct rd r = { (const uint8_t *)file.p, file.n, false };
	struct entry e;
	int err = 0;

	memset(out, 0, sizeof(*out));
	if (file.n < 2)
		return ERR_TRUNCATED;
	if (num(&r, 2) != 0x0502)
		return ERR_SYNTAX;
	while (r.n >= 4 && !err) {
		uint32_t n = num(&r, 4);
		bool hole = n >> 31;
		if (n == 0)
			break;
		n = hole ? 0 - n : n;
		struct rd one = { r.p, n, false };
		if (!take(&r, n))
			err = ERR_TRUNCATED;
		else if (!hole && !entry(&one, &e))
			err = ERR_SYNTAX;
		if (err || hole || !e.name[0] || !e.key.len)
			continue;
		if (want.n ? !slice_ieq(slice_str(e.name), want) : false)
			continue;
		if (out->principal[0] && strcmp(out->principal, e.name) != 0)
			err = ERR_EXISTS;
		memcpy(out->principal, e.name, strlen(e.name) + 1);
		keep(out, &e);
	}
	mem_wipe(&e, sizeof(e));
	if (!err && !out->n)
		err = ERR_NOTFOUND;
	return err;
}

int keytab_pack(const struct keytab *k, uint8_t out[KEYTAB_RECORD], size_t *n)
{
	struct wr w = wr_of(out, KEYTAB_RECORD);

	wr_u8(&w, 1);
	wr_u8(&w, (unsigned)strlen(k->principal));
	wr_str(&w, k->principal);
	wr_be32(&w, k->kvno);
	wr_u8(&w, k->n);
	for (unsigned i = 0; i < k->n; i++) {
		wr_be16(&w, k->key[i].enctype);
		wr_u8(&w, k->key[i].len);
		wr_bytes(&w, k->key[i].key, k->key[i].len);
	}
	*n = w.n;
	return w.bad ? ERR_LIMIT : 0;
}

int keytab_unpack(struct slice record, struct keytab *out)
{
	struct rd r = { (const uint8_t *)record.p, record.n, false };
	uint32_t n;
	const uint8_t *p;

	memset(out, 0, sizeof(*out));
	if (num(&r, 1) != 1)
		return ERR_SYNTAX;
	n = num(&r, 1);
	p = take(&r, n);
	if (!p || n == 0 || n > KEYTAB_PRINCIPAL || memchr(p, 0, n))
		return ERR_SYNTAX;
	memcpy(out->principal, p, n);
	out->kvno = num(&r, 4);
	out->n = num(&r, 1);
	if (r.bad || out->n == 0 || out->n > KEYTAB_KEYS)
		return ERR_SYNTAX;
	for (unsigned i = 0; i < out->n; i++) {
		out->key[i].enctype = (uint16_t)num(&r, 2);
		out->key[i].len = (uint8_t)num(&r, 1);
		p = take(&r, out->key[i].len);
		if (!p || out->key[i].len != keytab_key_len(out->key[i].enctype))
			return ERR_SYNTAX;
		memcpy(out->key[i].key, p, out->key[i].len);
	}
	return r.n ? ERR_SYNTAX : 0;
}
