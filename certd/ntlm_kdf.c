/* NTLMv2 responses, MIC and session keys in datagram mode (MS-NLMP), computed where the password is. */
#include "certd/ntlm_kdf.h"

#include <locale.h>
#include <string.h>
#include <wctype.h>

#include "common/ossl.h"

#include <openssl/hmac.h>

#include "certd/ntlm_prim.h"
#include "common/mem.h"
#include "common/rd.h"
#include "common/wr.h"

enum av_id { AV_EOL = 0, AV_NB_DOMAIN = 2, AV_FLAGS = 6, AV_TIMESTAMP = 7, AV_TARGET_NAME = 9 };
#define AV_FLAG_MIC 2u

/* UTF-8 to UTF-16LE; upper maps one BMP character to one, as Windows does. */
static int utf16(struct slice s, bool upper, struct wr *out)
{
	static locale_t loc;
	const uint8_t *p = (const uint8_t *)s.p, *end;

	if (s.n == 0)
		return 0;
	end = p + s.n;
	if (upper && !loc)
		loc = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	while (p < end) {
		uint32_t ch = *p++, min = 0;
		int more = 0;

		if (ch >= 0xf0 && ch < 0xf5) {
			ch &= 7;
			more = 3;
			min = 0x10000;
		} else if (ch >= 0xe0 && ch < 0xf0) {
			ch &= 15;
			more = 2;
			min = 0x800;
		} else if (ch >= 0xc2 && ch < 0xe0) {
			ch &= 31;
			more = 1;
			min = 0x80;
		} else if (ch >= 0x80) {
			return ERR_SYNTAX;
		}
		for (; more; more--) {
			if (p == end || (*p & 0xc0) != 0x80)
				return ERR_SYNTAX;
			ch = ch << 6 | (*p++ & 0x3fu);
		}
		if (ch < min || ch > 0x10ffff || (ch >= 0xd800 && ch < 0xe000))
			return ERR_SYNTAX;
		if (upper && ch < 0x10000) {
			uint32_t up = ch;

			if (loc)
				up = (uint32_t)towupper_l((wint_t)ch, loc);
			else if (ch >= 'a' && ch <= 'z')
				up = ch - 32;
			if (up < 0x10000)
				ch = up;
		}
		if (ch >= 0x10000) {
			wr_le16(out, 0xd800 | (ch - 0x10000) >> 10);
			wr_le16(out, 0xdc00 | ((ch - 0x10000) & 0x3ff));
		} else {
			wr_le16(out, ch);
		}
	}
	return out->bad ? ERR_LIMIT : 0;
}

static int hmac_md5(const uint8_t key[16], const void *p, size_t n, uint8_t out[16])
{
	unsigned len = 0;

	return HMAC(EVP_md5(), key, 16, p, n, out, &len) && len == 16 ? 0 : ERR_CRYPTO;
}

int ntlm_nt_hash(struct slice password, uint8_t out[16])
{
	uint8_t buf[1024];
	struct wr w = wr_of(buf, sizeof(buf));
	int err = utf16(password, false, &w);

	if (!err)
		ntlm_md4(buf, w.n, out);
	mem_wipe(buf, sizeof(buf));
	return err;
}

int ntlm_ntowf_v2(
    const uint8_t nt_hash[16], struct slice user, struct slice domain, uint8_t out[16])
{
	uint8_t buf[4 * NTLM_NAME_MAX];
	struct wr w = wr_of(buf, sizeof(buf));
	int err = utf16(user, true, &w);

	if (!err)
		err = utf16(domain, false, &w);
	return err ? err : hmac_md5(nt_hash, buf, w.n, out);
}

/* {length, allocated length, offset} into the message. */
static struct slice payload(struct rd *r, struct slice msg)
{
	uint16_t n = rd_le16(r);
	uint32_t at;

	rd_le16(r);
	at = rd_le32(r);
	if (n == 0)
		return (struct slice){ msg.p, 0 };
	if (at > msg.n || n > msg.n - at) {
		r->bad = true;
		return (struct slice){ msg.p, 0 };
	}
	return (struct slice){ msg.p + at, n };
}

/* Walks the AV pairs; target_info becomes exactly what was walked, its end included. */
static int av_parse(struct ntlm_challenge *c)
{
	struct rd r = rd_of(c->target_info.p, c->target_info.n);

	for (;;) {
		uint16_t id = rd_le16(&r), n = rd_le16(&r);
		struct rd v = rd_sub(&r, n);

		if (r.bad)
			return ERR_TRUNCATED;
		if (id == AV_EOL)
			break;
		if (id == AV_NB_DOMAIN)
			c->nb_domain = (struct slice){ (const char *)v.p, n };
		if (id == AV_FLAGS && n == 4) {
			c->has_av_flags = true;
			c->av_flags = rd_le32(&v);
		}
		if (id == AV_TIMESTAMP && n == 8) {
			uint64_t low = rd_le32(&v);

			c->has_time = true;
			c->time = (uint64_t)rd_le32(&v) << 32 | low;
		}
	}
	c->target_info.n = (size_t)((const char *)r.p - c->target_info.p);
	return 0;
}

int ntlm_challenge_parse(struct slice msg, struct ntlm_challenge *out)
{
	struct rd r = rd_of(msg.p, msg.n);
	const uint8_t *sig;

	*out = (struct ntlm_challenge){ 0 };
	if (msg.n > NTLM_CHALLENGE_MAX)
		return ERR_LIMIT;
	sig = rd_bytes(&r, 8);
	if (!sig)
		return ERR_TRUNCATED;
	if (memcmp(sig, "NTLMSSP", 8) != 0 || rd_le32(&r) != 2)
		return r.bad ? ERR_TRUNCATED : ERR_SYNTAX;
	out->target_name = payload(&r, msg);
	out->flags = rd_le32(&r);
	rd_copy(&r, out->server_challenge, 8);
	rd_bytes(&r, 8);
	out->target_info = payload(&r, msg);
	if (r.bad)
		return ERR_TRUNCATED;
	if ((out->flags & NTLM_FLAGS_NEEDED) != NTLM_FLAGS_NEEDED)
		return ERR_UNSUPP;
	return av_parse(out);
}

int ntlm_keys_derive(const uint8_t session_key[16], struct ntlm_keys *out)
{
	static const char *const side[2] = { "client-to-server", "server-to-client" };
	static const char *const use[2] = { "signing", "sealing" };
	uint8_t *const to[4] = { out->client_sign, out->server_sign, out->client_seal,
		out->server_seal };
	int err = 0;

	for (size_t i = 0; i < 4 && !err; i++) {
		uint8_t buf[16 + 80];
		struct wr w = wr_of(buf, sizeof(buf));

		wr_bytes(&w, session_key, 16);
		wr_fmt(&w, "session key to %s %s key magic constant", side[i % 2], use[i / 2]);
		wr_u8(&w, 0); /* the constants include their final zero */
		if (w.bad || EVP_Digest(buf, w.n, to[i], NULL, EVP_md5(), NULL) != 1)
			err = ERR_CRYPTO;
		mem_wipe(buf, sizeof(buf));
	}
	return err;
}

/* The client's AV pairs: with a MIC the server's, our flag and the target name; else the server's unchanged. */
static int av_build(
    const struct ntlm_in *in, const struct ntlm_challenge *c, bool mic, struct wr *out)
{
	struct rd r = rd_of(c->target_info.p, c->target_info.n);
	size_t at;
	int err;

	if (!mic) {
		wr_slice_add(out, c->target_info);
		return out->bad ? ERR_LIMIT : 0;
	}
	for (;;) {
		uint16_t id = rd_le16(&r), n = rd_le16(&r);
		const uint8_t *v = rd_bytes(&r, n);

		if (r.bad || id == AV_EOL)
			break;
		if (id == AV_FLAGS || id == AV_TARGET_NAME)
			continue;
		wr_le16(out, id);
		wr_le16(out, n);
		wr_bytes(out, v, n);
	}
	wr_le16(out, AV_FLAGS);
	wr_le16(out, 4);
	wr_le32(out, c->av_flags | AV_FLAG_MIC);
	wr_le16(out, AV_TARGET_NAME);
	at = wr_hole(out, 2);
	err = utf16(in->spn, false, out);
	if (!err && !out->bad) {
		size_t n = out->n - at - 2;

		out->p[at] = (uint8_t)n;
		out->p[at + 1] = (uint8_t)(n >> 8);
	}
	wr_le32(out, 0);
	return err ? err : out->bad ? ERR_LIMIT : 0;
}

struct names {
	uint8_t buf[3][2 * NTLM_NAME_MAX];
	struct wr domain, user, workstation;
};

static int names_build(
    const struct ntlm_in *in, const struct ntlm_challenge *c, struct names *nm, struct slice *user)
{
	struct slice domain = in->domain;
	bool has_domain = in->has_domain;
	size_t cut = slice_chr(in->user, '\\');
	int err;

	*user = in->user;
	if (cut < in->user.n && domain.n == 0) {
		domain = slice_sub(in->user, 0, cut);
		*user = slice_sub(in->user, cut + 1, in->user.n);
		has_domain = true;
	} else if (slice_chr(in->user, '@') < in->user.n && !has_domain) {
		has_domain = true; /* a UPN: Domain stays empty */
	}
	nm->domain = wr_of(nm->buf[0], sizeof(nm->buf[0]));
	nm->user = wr_of(nm->buf[1], sizeof(nm->buf[1]));
	nm->workstation = wr_of(nm->buf[2], sizeof(nm->buf[2]));
	if (has_domain)
		err = utf16(domain, false, &nm->domain);
	else {
		/* LYNC: TargetName is empty in OCS 2007 R2's datagram challenge, the AV pair is there. */
		wr_slice_add(&nm->domain, c->target_name.n ? c->target_name : c->nb_domain);
		err = nm->domain.bad ? ERR_LIMIT : 0;
	}
	if (!err)
		err = utf16(*user, false, &nm->user);
	return err ? err : utf16(in->workstation, false, &nm->workstation);
}

/* NTOWFv2 over the very octets that go into the Domain field, whatever they came from. */
static int ntowf(
    const struct ntlm_in *in, struct slice user, const struct names *nm, uint8_t out[16])
{
	uint8_t buf[4 * NTLM_NAME_MAX];
	struct wr w = wr_of(buf, sizeof(buf));
	int err = utf16(user, true, &w);

	wr_bytes(&w, nm->domain.p, nm->domain.n);
	if (!err && w.bad)
		err = ERR_LIMIT;
	return err ? err : hmac_md5(in->nt_hash, buf, w.n, out);
}

static void field(struct wr *w, size_t n, size_t *at)
{
	wr_le16(w, (unsigned)n);
	wr_le16(w, (unsigned)n);
	wr_le32(w, (uint32_t)*at);
	*at += n;
}

struct responses {
	uint8_t key[16], lm[24], nt[16 + 28 + NTLM_CHALLENGE_MAX + 600 + 4], wrapped[16];
	size_t nt_n;
};

/* MS-NLMP 3.3.2: both responses, the key exchange key and the wrapped session key. */
static int respond(
    const struct ntlm_in *in, const struct ntlm_challenge *c, bool mic, struct responses *re)
{
	uint8_t buf[8 + sizeof(re->nt)];
	uint64_t time = c->has_time ? c->time : in->time;
	struct wr w = wr_of(buf, sizeof(buf));
	struct ntlm_rc4 rc4;
	uint8_t kex[16];
	int err;

	wr_bytes(&w, c->server_challenge, 8);
	wr_le16(&w, 0x0101);
	wr_fill(&w, 0, 6);
	wr_le32(&w, (uint32_t)time);
	wr_le32(&w, (uint32_t)(time >> 32));
	wr_bytes(&w, in->client_challenge, 8);
	wr_le32(&w, 0);
	err = av_build(in, c, mic, &w);
	if (err)
		return err;
	wr_le32(&w, 0);
	if (w.bad || w.n - 8 + 16 > sizeof(re->nt))
		return ERR_LIMIT;
	err = hmac_md5(re->key, buf, w.n, re->nt);
	if (err)
		return err;
	memcpy(re->nt + 16, buf + 8, w.n - 8);
	re->nt_n = 16 + w.n - 8;
	memset(re->lm, 0, sizeof(re->lm));
	if (!mic) {
		memcpy(buf + 8, in->client_challenge, 8);
		err = hmac_md5(re->key, buf, 16, re->lm);
		memcpy(re->lm + 16, in->client_challenge, 8);
	}
	if (!err)
		err = hmac_md5(re->key, re->nt, 16, kex);
	if (!err) {
		ntlm_rc4_init(&rc4, kex, 16);
		ntlm_rc4_crypt(&rc4, in->session_key, 16, re->wrapped);
	}
	mem_wipe(kex, sizeof(kex));
	mem_wipe(&rc4, sizeof(rc4));
	return err;
}

int ntlm_authenticate(
    const struct ntlm_in *in, uint8_t *out, size_t cap, size_t *n, struct ntlm_keys *keys)
{
	static const uint8_t version[8] = { 10, 0, 0x65, 0x4a, 0, 0, 0, 15 }; /* Windows 10 19045 */
	struct ntlm_challenge c;
	struct responses *re = NULL;
	struct names nm;
	struct slice user;
	struct wr w = wr_of(out, cap);
	size_t at, mic_at = 0;
	bool mic;
	int err = ntlm_challenge_parse(in->challenge, &c);

	*n = 0;
	if (err)
		return err;
	err = names_build(in, &c, &nm, &user);
	if (err)
		return err;
	mic = in->mic && c.has_time;
	re = mem_new(sizeof(*re));
	err = ntowf(in, user, &nm, re->key);
	if (!err)
		err = respond(in, &c, mic, re);
	if (err)
		goto out;

	at = mic ? 88 : 72;
	wr_bytes(&w, "NTLMSSP", 8);
	wr_le32(&w, 3);
	{
		/* The payload is in the order domain, user, workstation, LM, NT, key; the fields are not. */
		size_t names = at, resp = at + nm.domain.n + nm.user.n + nm.workstation.n;

		field(&w, sizeof(re->lm), &resp);
		field(&w, re->nt_n, &resp);
		field(&w, nm.domain.n, &names);
		field(&w, nm.user.n, &names);
		field(&w, nm.workstation.n, &names);
		field(&w, sizeof(re->wrapped), &resp);
	}
	wr_le32(&w, NTLM_FLAGS);
	wr_bytes(&w, version, sizeof(version));
	if (mic) {
		mic_at = w.n;
		wr_fill(&w, 0, 16);
	}
	wr_bytes(&w, nm.domain.p, nm.domain.n);
	wr_bytes(&w, nm.user.p, nm.user.n);
	wr_bytes(&w, nm.workstation.p, nm.workstation.n);
	wr_bytes(&w, re->lm, sizeof(re->lm));
	wr_bytes(&w, re->nt, re->nt_n);
	wr_bytes(&w, re->wrapped, sizeof(re->wrapped));
	if (w.bad) {
		err = ERR_LIMIT;
		goto out;
	}
	if (mic) {
		/* Datagram mode has no NEGOTIATE_MESSAGE to put in front. */
		uint8_t *both = mem_new(in->challenge.n + w.n);

		memcpy(both, in->challenge.p, in->challenge.n);
		memcpy(both + in->challenge.n, out, w.n);
		err = hmac_md5(in->session_key, both, in->challenge.n + w.n, out + mic_at);
		mem_free_wiped(both, in->challenge.n + w.n);
	}
	if (!err)
		err = ntlm_keys_derive(in->session_key, keys);
	if (!err)
		*n = w.n;
out:
	mem_free_wiped(re, sizeof(*re));
	return err;
}
