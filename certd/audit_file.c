/* The audit log's text: entries chained by hash, signatures over the chain. */
#include "certd/audit_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/enc.h"
#include "common/mem.h"

#define WORD 256
#define HEAD "ipdect-audit 1"
#define SIG  64

static void word(struct wr *w, struct slice s)
{
	size_t n = s.n < WORD ? s.n : WORD, plain = 0;

	if (n == 0)
		wr_str(w, "-");
	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)s.p[i];

		if (c > 0x20 && c < 0x7f && c != '%') {
			plain++;
			continue;
		}
		wr_bytes(w, s.p + i - plain, plain);
		plain = 0;
		wr_fmt(w, "%%%02X", c);
	}
	if (plain)
		wr_bytes(w, s.p + n - plain, plain);
}

static void chain(struct audit_state *st, EVP_MD_CTX *kept, const uint8_t *line, size_t n)
{
	EVP_MD_CTX *c = kept ? kept : EVP_MD_CTX_new();
	const EVP_MD *md = EVP_MD_CTX_get0_md(c) ? NULL : EVP_sha256(); /* NULL: what it has */
	unsigned len = 0;

	BUG_ON(!c || EVP_DigestInit_ex2(c, md, NULL) != 1 ||
	       EVP_DigestUpdate(c, st->hash, AUDIT_HASH) != 1 ||
	       EVP_DigestUpdate(c, line, n) != 1 || EVP_DigestFinal_ex(c, st->hash, &len) != 1);
	if (!kept)
		EVP_MD_CTX_free(c);
}

void audit_put_entry(struct audit_state *st, EVP_MD_CTX *hash, struct wr *w, uint64_t ms,
    const char *role, const char *operation, struct slice object, struct slice outcome)
{
	size_t at = w->n;

	wr_str(w, "E ");
	wr_dec(w, st->seq + 1);
	wr_u8(w, ' ');
	wr_dec(w, ms);
	wr_u8(w, ' ');
	word(w, slice_str(role));
	wr_u8(w, ' ');
	word(w, slice_str(operation));
	wr_u8(w, ' ');
	word(w, object);
	wr_u8(w, ' ');
	word(w, outcome);
	if (!w->bad) {
		chain(st, hash, w->p + at, w->n - at);
		st->seq++;
	}
	wr_u8(w, ' ');
	wr_hex(w, st->hash, AUDIT_HASH);
	wr_u8(w, '\n');
}

void audit_put_head(const struct audit_state *st, struct wr *w)
{
	wr_fmt(w, HEAD " %" PRIu64 " ", st->seq + 1);
	wr_hex(w, st->hash, AUDIT_HASH);
	wr_u8(w, '\n');
}

int audit_put_signature(const struct audit_state *st, struct wr *w, uint64_t ms, EVP_PKEY *key)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	uint8_t sig[SIG];
	size_t n = sizeof(sig), at = w->n;
	int ok;

	wr_fmt(w, "S %" PRIu64 " %" PRIu64 " ", st->seq, ms);
	wr_hex(w, st->hash, AUDIT_HASH);
	ok = !w->bad && c && EVP_DigestSignInit(c, NULL, NULL, NULL, key) == 1 &&
	     EVP_DigestSign(c, sig, &n, w->p + at, w->n - at) == 1 && n == SIG;
	EVP_MD_CTX_free(c);
	if (!ok) {
		w->n = at;
		return ERR_CRYPTO;
	}
	wr_u8(w, ' ');
	wr_hex(w, sig, n);
	wr_u8(w, '\n');
	return w->bad ? ERR_LIMIT : 0;
}

/* ---- reading ---- */

static struct slice field(struct cur *c)
{
	struct slice f = cur_until(c, " ");

	cur_lit(c, ' ');
	return f;
}

static int number(struct cur *c, uint64_t *out)
{
	return slice_u64(field(c), UINT64_MAX, out);
}

static int hash_of(struct slice s, uint8_t out[AUDIT_HASH])
{
	size_t n;

	return enc_unhex(s, out, AUDIT_HASH, &n) == 0 && n == AUDIT_HASH ? 0 : ERR_SYNTAX;
}

int audit_entry_parse(struct slice line, struct audit_entry *out)
{
	struct cur c = cur_of(line);

	if (!slice_eq(field(&c), SLICE_LIT("E")) || number(&c, &out->seq) || number(&c, &out->ms))
		return ERR_SYNTAX;
	out->role = field(&c);
	out->operation = field(&c);
	out->object = field(&c);
	out->outcome = field(&c);
	return out->role.n && out->operation.n && out->object.n && out->outcome.n ? 0 : ERR_SYNTAX;
}

static bool bad(struct audit_verify *v, uint64_t seq, const char *what)
{
	v->bad = seq ? seq : 1; /* a broken signature before the first entry */
	v->bad_to = v->bad;
	snprintf(v->why, sizeof(v->why), "%s", what);
	return false;
}

static bool head(struct audit_verify *v, struct slice line)
{
	struct cur c = cur_of(slice_sub(line, sizeof(HEAD), line.n));
	uint8_t hash[AUDIT_HASH];
	uint64_t seq;

	if (number(&c, &seq) || seq == 0 || hash_of(field(&c), hash))
		return bad(v, v->st.seq + 1, "the head of its file does not parse");
	if (!v->begun) {
		v->begun = true;
		v->first = seq;
		v->st.seq = seq - 1;
		v->signed_seq = seq - 1;
		memcpy(v->st.hash, hash, sizeof(hash));
		v->good = v->st;
		return true;
	}
	if (seq != v->st.seq + 1)
		return bad(
		    v, v->st.seq + 1, seq > v->st.seq ? "it is missing" : "a file is there twice");
	if (memcmp(hash, v->st.hash, sizeof(hash)) != 0)
		return bad(
		    v, v->st.seq + 1, "the head of its file does not continue the file before");
	return true;
}

static bool entry(struct audit_verify *v, EVP_MD_CTX *hasher, struct slice line)
{
	struct audit_entry e;
	struct audit_state next = v->st;
	uint8_t hash[AUDIT_HASH];
	size_t at = line.n;

	while (at > 0 && line.p[at - 1] != ' ')
		at--;
	if (audit_entry_parse(line, &e) || at == 0 ||
	    hash_of(slice_sub(line, at, line.n - at), hash))
		return bad(v, v->st.seq + 1, "it does not parse");
	if (e.seq > v->st.seq + 1)
		return bad(v, v->st.seq + 1, "it is missing");
	if (e.seq != v->st.seq + 1)
		return bad(v, v->st.seq + 1, "another entry stands in its place");
	chain(&next, hasher, (const uint8_t *)line.p, at - 1);
	next.seq++;
	if (memcmp(hash, next.hash, sizeof(hash)) != 0)
		return bad(v, e.seq, "it was altered");
	v->st = next;
	v->entries++;
	v->last_ms = e.ms;
	return true;
}

static bool signature(struct audit_verify *v, struct slice line, EVP_PKEY *pub)
{
	struct cur c = cur_of(slice_sub(line, 2, line.n));
	EVP_MD_CTX *m;
	uint8_t hash[AUDIT_HASH], sig[SIG];
	uint64_t seq, ms;
	size_t n = 0, at;
	int ok;

	if (number(&c, &seq) || number(&c, &ms) || hash_of(field(&c), hash))
		return bad(v, v->st.seq, "its signature does not parse");
	at = (size_t)(c.p - line.p);
	if (enc_unhex(cur_rest(&c), sig, sizeof(sig), &n) || n != SIG)
		return bad(v, v->st.seq, "its signature does not parse");
	m = EVP_MD_CTX_new();
	ok = m && EVP_DigestVerifyInit(m, NULL, NULL, NULL, pub) == 1 &&
	     EVP_DigestVerify(m, sig, n, (const uint8_t *)line.p, at - 1) == 1;
	EVP_MD_CTX_free(m);
	ERR_clear_error();
	if (ok && seq == v->st.seq && memcmp(hash, v->st.hash, sizeof(hash)) == 0) {
		v->signed_seq = seq;
		v->good = v->st;
		return true;
	}
	if (ok && seq > v->st.seq)
		return bad(v, v->st.seq + 1, "it is missing");
	/* The hashes before it agree with each other: one of these was altered and all hashes made anew. */
	bad(v, v->signed_seq + 1,
	    ok ? "the signature is of other entries" : "the signature is wrong");
	v->bad_to = v->st.seq;
	return false;
}

static bool verify(struct audit_verify *v, struct slice text, EVP_PKEY *pub, EVP_MD_CTX *hasher,
    bool torn, size_t *used)
{
	size_t at = 0;

	*used = 0;
	while (at < text.n) {
		struct slice rest = slice_sub(text, at, text.n - at);
		size_t n = slice_chr(rest, '\n');
		struct slice line = slice_sub(rest, 0, n);
		bool ok;

		if (n == rest.n) { /* no end of line */
			if (torn)
				return true;
			return bad(v, v->st.seq + 1, "the file ends within it");
		}
		if (n >= AUDIT_LINE)
			return bad(v, v->st.seq + 1, "it does not parse");
		if (slice_starts(line, SLICE_LIT(HEAD " ")))
			ok = head(v, line);
		else if (!v->begun)
			ok = bad(v, 1, "the file has no head: not an audit log");
		else if (slice_starts(line, SLICE_LIT("S ")))
			ok = signature(v, line, pub);
		else
			ok = entry(v, hasher, line);
		if (!ok)
			return false;
		at += n + 1;
		*used = at;
	}
	return true;
}

bool audit_verify_text(
    struct audit_verify *v, struct slice text, EVP_PKEY *pub, bool torn, size_t *used)
{
	EVP_MD_CTX *hasher = EVP_MD_CTX_new();
	bool ok = verify(v, text, pub, hasher, torn, used);

	EVP_MD_CTX_free(hasher);
	return ok;
}
