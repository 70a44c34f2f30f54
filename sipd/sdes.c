/* a=crypto: parse and build (RFC 4568 9). */
#include "sipd/sdes.h"

#include <string.h>

#include "common/enc.h"
#include "common/mem.h"

static const struct {
	const char *name;
	uint8_t nkey;
} suites[SDES_NSUITES] = {
	[SDES_CM_80] = { "AES_CM_128_HMAC_SHA1_80", 30 },
	[SDES_CM_32] = { "AES_CM_128_HMAC_SHA1_32", 30 },
	[SDES_GCM_128] = { "AEAD_AES_128_GCM", 28 },
};

const char *sdes_suite_name(enum sdes_suite s)
{
	return suites[s].name;
}

size_t sdes_key_len(enum sdes_suite s)
{
	return suites[s].nkey;
}

enum sdes_suite sdes_suite_find(struct slice name)
{
	for (int i = 1; i < SDES_NSUITES; i++)
		if (slice_ieq(name, slice_str(suites[i].name)))
			return (enum sdes_suite)i;
	return SDES_NONE;
}

/* lifetime = ["2^"] 1*DIGIT */
static int lifetime_parse(struct sdes *c, struct slice s)
{
	if (slice_starts(s, SLICE_LIT("2^"))) {
		uint32_t e;
		if (slice_u32(slice_sub(s, 2, s.n), 63, &e))
			return ERR_SYNTAX;
		c->lifetime = 1ull << e;
		return 0;
	}
	return slice_u64(s, UINT64_MAX / 2, &c->lifetime);
}

/* mki = mki-value ":" mki-length */
static int mki_parse(struct sdes *c, struct slice s)
{
	size_t colon = slice_chr(s, ':');
	uint32_t len;
	int err = slice_u32(slice_sub(s, 0, colon), UINT32_MAX, &c->mki);

	if (!err)
		err = slice_u32(slice_sub(s, colon + 1, s.n), 128, &len);
	if (err)
		return err;
	if (len == 0)
		return ERR_SYNTAX;
	if (len > SDES_MKI_MAX)
		return ERR_UNSUPP;
	if (len < 4 && c->mki >> (8 * len))
		return ERR_VALUE;
	c->mki_len = (uint8_t)len;
	return 0;
}

int sdes_parse(struct sdes *c, struct slice value)
{
	struct cur cu = cur_of(slice_trim(value));
	size_t n;
	int err;

	*c = (struct sdes){ 0 };
	err = slice_u32(cur_digits(&cu), 999999999, &c->tag);
	if (err)
		return err;
	cur_lws(&cu);
	struct slice suite = cur_until(&cu, " \t");
	cur_lws(&cu);
	struct slice params = cur_until(&cu, " \t");
	cur_lws(&cu);
	if (suite.n == 0 || params.n == 0)
		return ERR_SYNTAX;
	c->suite = sdes_suite_find(suite);
	if (c->suite == SDES_NONE)
		return ERR_UNSUPP;
	if (!cur_done(&cu)) {
		/* WSH is only a hint (RFC 4568 6.3.6); all others change the packets. */
		while (!cur_done(&cu)) {
			struct slice p = cur_until(&cu, " \t");
			cur_lws(&cu);
			if (!slice_istarts(p, SLICE_LIT("WSH=")) &&
			    !slice_istarts(p, SLICE_LIT("-")))
				return ERR_UNSUPP;
		}
	}
	/* Several keys are separated by ';': we take the first. */
	params.n = slice_chr(params, ';');
	if (!slice_istarts(params, SLICE_LIT("inline:")))
		return ERR_UNSUPP;
	struct cur k = cur_of(slice_sub(params, 7, params.n));
	err = enc_unb64(cur_until(&k, "|"), c->key, sizeof(c->key), &n);
	if (err || n != suites[c->suite].nkey)
		return err ? err : ERR_SYNTAX;
	c->nkey = (uint8_t)n;
	while (cur_lit(&k, '|')) {
		struct slice p = cur_until(&k, "|");
		err = slice_chr(p, ':') < p.n ? mki_parse(c, p) : lifetime_parse(c, p);
		if (err)
			return err;
	}
	return 0;
}

void sdes_wr(struct wr *w, const struct sdes *c)
{
	char b64[ENC_B64_LEN(SDES_KEY_MAX)];

	enc_b64(c->key, c->nkey, b64);
	wr_dec(w, c->tag);
	wr_str(w, " ");
	wr_str(w, suites[c->suite].name);
	wr_str(w, " inline:");
	wr_str(w, b64);
	mem_wipe(b64, sizeof(b64));
	if (c->lifetime) {
		if ((c->lifetime & (c->lifetime - 1)) == 0)
			wr_fmt(w, "|2^%d", __builtin_ctzll(c->lifetime));
		else
			wr_fmt(w, "|%llu", (unsigned long long)c->lifetime);
	}
	if (c->mki_len)
		wr_fmt(w, "|%u:%u", c->mki, c->mki_len);
}
