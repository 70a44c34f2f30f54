/* Authentication and ciphering at the portable side (dect-nwk 10.6, dect-security 7, 8). */
#include <string.h>

#include "tests/support/softpp_priv.h"

bool sp_mm_key(struct softpp *pp, unsigned type, unsigned no, uint8_t k[16])
{
	uint8_t ac[4];

	if (type == KEY_AC) {
		if (!pp->mm.ac[0] || dect_kdf_ac(slice_str(pp->mm.ac), ac) != 0)
			return false;
		dect_kdf_b1(ac, 4, k);
		return true;
	}
	if (type != KEY_UAK || !pp->subscribed || no != pp->uak_no)
		return false;
	dect_kdf_b1(pp->uak, 16, k);
	return true;
}

void sp_cipher_check(struct softpp *pp, const char *what)
{
	struct air_info info;

	if (!pp->cipher_required || pp->ciphered || !pp->conn)
		return;
	air_base_info(air_conn_base(pp->conn), &info);
	if (info.higher_caps & 0x0400)
		sp_violation(pp, "dect-security 9", "%s before ciphering", what);
}

/* Bit a42 of the extended higher layer capabilities part 2. */
static bool base_is_early(const struct softpp *pp)
{
	struct air_info info;

	if (!pp->conn)
		return false;
	air_base_info(air_conn_base(pp->conn), &info);
	return info.ext_caps2[4] & 0x20;
}

/* Octets 5a to 5c: is this a default key that it can take? */
static bool def_check(struct softpp *pp, const struct sp_ie *at, unsigned o, enum dect_kdf_alg alg)
{
	unsigned index;

	if (at->n != o + 3 && at->n != o + 4) {
		sp_violation(pp, "dect-nwk 6.6", "Auth type with DEF of %u octets", at->n);
		return false;
	}
	index = (unsigned)at->p[o + 1] << 8 | at->p[o + 2];
	if (index == 0 || index > 0xfeff)
		sp_violation(pp, "dect-security 1.9", "index %04x of a default key", index);
	if (at->n == o + 4 && (at->p[o + 3] & 3) > 1)
		sp_violation(pp, "dect-nwk 6.6", "octet 5c %02x", at->p[o + 3]);
	if (at->n == o + 4 && (at->p[o + 3] & 3) == 1 && alg == DECT_KDF_DSAA)
		sp_violation(pp, "dect-security 3", "DSC2 with a key of DSAA");
	if (pp->profile != SPP_NG)
		sp_violation(pp, "dect-nwk 6.6", "default key for a handset that cannot");
	if (!base_is_early(pp))
		sp_violation(pp, "dect-nwk 19", "default key, but a42 is not broadcast");
	if (!pp->ciphered && pp->cipher_required)
		sp_violation(pp, "dect-nwk 10.5", "default key before ciphering");
	LIST_FOREACH(&pp->set->pps, it)
	{
		struct softpp *other = LIST_ENTRY(it, struct softpp, node);

		if (other != pp && other->ndefck && other->def_index == index)
			sp_violation(
			    pp, "dect-security 8.4", "index %04x is %s's, too", index, other->name);
	}
	return true;
}

bool sp_early_start(struct softpp *pp)
{
	if (pp->early_over || !pp->ndefck || !pp->subscribed || !base_is_early(pp))
		return false;
	/* DSC takes the 64 least significant bits of a longer key. */
	pp->early = air_early(pp->conn, pp->def_index, pp->defck + pp->ndefck - 8, 8);
	return pp->early;
}

void sp_early_done(struct softpp *pp, bool ok)
{
	pp->early = false;
	pp->early_over = true;
	pp->ciphered = ok;
	sp_event(pp, ok ? "ciphered from the start" : "default key refused");
	sp_lapc_connected(pp);
}

void sp_auth_request(struct softpp *pp, const struct sp_msg *m)
{
	const struct sp_ie *at = sp_ie(m, 0x0a), *r = sp_ie(m, 0x0c), *rs = sp_ie(m, 0x0e);
	uint8_t buf[SP_MSG_MAX], k[16], ks[16], res[4], dck[16], rand_p[8];
	unsigned o = 2, type, upc, def;
	enum dect_kdf_alg alg;
	struct wr w;

	if (!sp_mm_flag(pp, m, false) || !at || at->n < 3 || !r || r->n != 8 || !rs)
		return;
	if (sp_ie(m, 0x0d))
		sp_violation(pp, "dect-nwk 5.4", "RES in AUTHENTICATION-REQUEST to a handset");
	type = at->p[1] >> 4;
	upc = at->p[o] & 0x10;
	if (at->p[0] != 1 && at->p[0] != 2) {
		sp_mm_reject(pp, 0x85, 0x43, RJ_ALG);
		return;
	}
	alg = at->p[0] == 2 ? DECT_KDF_DSAA2 : DECT_KDF_DSAA;
	if (rs->n != dect_kdf_rs_len(alg)) {
		sp_violation(
		    pp, "dect-nwk 5.4", "RS of %u octets for algorithm %02x", rs->n, at->p[0]);
		return;
	}
	def = at->p[o] & 0x40;
	if (def && !def_check(pp, at, o, alg))
		return;
	if (!upc && (at->p[o] & 0x0f))
		sp_violation(pp, "dect-nwk 6.6", "cipher key number without UPC");
	if (memcmp(pp->mm.last_rand, r->p, 8) == 0)
		sp_violation(pp, "dect-security 3", "RAND_F is that of the last time");
	memcpy(pp->mm.last_rand, r->p, 8);
	sp_mm_nested(pp);
	if (pp->refuse_auth || (alg != pp->alg && type == KEY_UAK) ||
	    !sp_mm_key(pp, type, at->p[1] & 15, k)) {
		if (!pp->refuse_auth)
			sp_event(pp, "no key %02x for authentication", at->p[1]);
		sp_mm_reject(pp, 0x85, 0x43, alg != pp->alg ? RJ_ALG : RJ_KEY);
		return;
	}
	sp_random_bytes(rand_p, 8);
	if (dect_kdf_a11(alg, k, rs->p, ks) != 0 ||
	    dect_kdf_a12(alg, ks, r->p, rand_p, res, dck) != 0)
		return;
	if (upc) {
		pp->ndck = dect_kdf_dck_len(alg);
		memcpy(pp->dck, dck, pp->ndck);
		pp->dck_no = at->p[o] & 0x0f;
		pp->have_dck = true;
	}
	if (def) {
		pp->def_index = (uint16_t)(at->p[o + 1] << 8 | at->p[o + 2]);
		pp->ndefck = dect_kdf_dck_len(alg);
		memcpy(pp->defck, dck, pp->ndefck);
		sp_event(pp, "default key %04x", pp->def_index);
	}
	pp->auths++;
	w = sp_begin(buf, 0x85, 0x41);
	if (alg != DECT_KDF_DSAA)
		sp_put(&w, 0x0c, rand_p, 8);
	sp_put(&w, 0x0d, res, 4);
	sp_mm_reply(pp, &w);
}

/* The fixed part proves itself: an answer to our AUTHENTICATION-REQUEST, or the end of key allocation. */
void sp_auth_reply(struct softpp *pp, const struct sp_msg *m)
{
	const struct sp_ie *res = sp_ie(m, 0x0d), *rs = sp_ie(m, 0x0e), *rf = sp_ie(m, 0x0c);
	uint8_t k[16], ks[16], want[4];
	bool ok;

	if (pp->mm.alloc) {
		sp_mm_allocated(pp, m);
		return;
	}
	if (!sp_mm_expected(pp, m, MMO_AUTH_FT) || !res || res->n != 4)
		return;
	if (!rs || rs->n != dect_kdf_rs_len(pp->alg) || (pp->alg != DECT_KDF_DSAA && !rf)) {
		sp_violation(pp, "dect-security 7.2", "reply without the RS of this algorithm");
		return;
	}
	ok = sp_mm_key(pp, KEY_UAK, pp->uak_no, k) && dect_kdf_a21(pp->alg, k, rs->p, ks) == 0 &&
	     dect_kdf_a22(pp->alg, ks, pp->mm.rand_p, rf ? rf->p : NULL, want) == 0 &&
	     memcmp(want, res->p, 4) == 0;
	if (!ok)
		sp_violation(pp, "dect-security 7.2", "RES2 is wrong");
	sp_event(pp, "base is %s", ok ? "authentic" : "not authentic");
	sp_mm_done(pp);
	if (pp->mm.after_auth_ft) {
		uint8_t buf[SP_MSG_MAX];
		struct wr w = sp_begin(buf, 0x85, ok ? 0x49 : 0x4b);

		pp->mm.after_auth_ft = false;
		if (!ok)
			sp_put(&w, 0x60, "\x10", 1);
		sp_mm_reply(pp, &w);
		if (ok) {
			sp_event(pp, "subscription ended by the base");
			sp_forget(pp);
		}
	}
}

void sp_cipher_request(struct softpp *pp, const struct sp_msg *m)
{
	const struct sp_ie *c = sp_ie(m, 0x19);
	uint8_t first = m->ti & 8 ? 0x05 : 0x85;

	if ((m->ti & 7) != 0 || !c || c->n < 2)
		return;
	sp_mm_nested(pp);
	if (!(c->p[0] & 0x80)) {
		sp_violation(pp, "dect-security 9", "request to go clear");
		sp_mm_reject(pp, first, 0x4f, RJ_SERVICE);
		return;
	}
	if ((c->p[0] & 0x7f) != 1) {
		sp_mm_reject(pp, first, 0x4f, RJ_CIPHER_ALG);
		return;
	}
	if (pp->refuse_cipher || !pp->have_dck || c->p[1] >> 4 != 9 ||
	    (c->p[1] & 15) != pp->dck_no) {
		sp_mm_reject(pp, first, 0x4f, RJ_CIPHER_KEY);
		return;
	}
	if (!pp->conn)
		return;
	if (!pp->base_key) {
		sp_violation(pp, "dect-nwk 10.6", "CIPHER-REQUEST before the base got its key");
		return;
	}
	/* DSC takes the 64 least significant bits of a longer key (dect-security 3). */
	if (air_cipher(pp->conn, pp->dck + pp->ndck - 8, 8) && pp->conn) {
		sp_event(pp, pp->ciphered ? "re-keyed" : "ciphered");
		pp->ciphered = true;
	}
}
