/* SIP digest responses (RFC 2617, RFC 7616, RFC 8760), computed where the password is. */
#include "certd/sip_digest.h"

#include <stdio.h>
#include <string.h>

#include "common/enc.h"
#include "common/mem.h"
#include "common/ossl.h"

/* Hex of the hash of the parts joined by colons. */
static int hash_joined(const EVP_MD *md, const struct slice *part, size_t n, char *hex)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	uint8_t sum[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	bool ok = c && EVP_DigestInit_ex(c, md, NULL);

	for (size_t i = 0; i < n && ok; i++) {
		if (i)
			ok = EVP_DigestUpdate(c, ":", 1);
		if (ok && part[i].n)
			ok = EVP_DigestUpdate(c, part[i].p, part[i].n);
	}
	if (ok)
		ok = EVP_DigestFinal_ex(c, sum, &len) && len <= 32;
	EVP_MD_CTX_free(c);
	if (ok)
		enc_hex(sum, len, hex);
	mem_wipe(sum, sizeof(sum));
	return ok ? 0 : ERR_CRYPTO;
}

static const EVP_MD *alg_md(enum sip_digest_alg alg)
{
	switch (alg) {
	case SIP_DIGEST_MD5:
		return EVP_md5();
	case SIP_DIGEST_SHA256:
		return EVP_sha256();
	case SIP_DIGEST_SHA512_256:
		return EVP_sha512_256();
	}
	return NULL;
}

int sip_digest_response(const struct sip_digest *in, char out[SIP_DIGEST_HEX])
{
	const EVP_MD *md = alg_md(in->alg);
	bool with_qop = in->qop.n > 0, integrity = slice_ieq(in->qop, SLICE_LIT("auth-int"));
	char ha1[SIP_DIGEST_HEX], ha2[SIP_DIGEST_HEX], nc[9];
	struct slice p[6];
	int err;

	out[0] = 0;
	if (!md || (with_qop && !integrity && !slice_ieq(in->qop, SLICE_LIT("auth"))))
		return ERR_VALUE;
	if ((with_qop || in->sess) && in->cnonce.n == 0)
		return ERR_VALUE;
	if (with_qop && in->nc == 0)
		return ERR_VALUE;
	if (integrity && in->body_hash.n != 2 * (size_t)EVP_MD_get_size(md))
		return ERR_VALUE;

	p[0] = in->username;
	p[1] = in->realm;
	p[2] = in->password;
	err = hash_joined(md, p, 3, ha1);
	if (!err && in->sess) {
		p[0] = slice_str(ha1);
		p[1] = in->nonce;
		p[2] = in->cnonce;
		err = hash_joined(md, p, 3, ha1);
	}
	if (!err) {
		p[0] = in->method;
		p[1] = in->uri;
		p[2] = in->body_hash;
		err = hash_joined(md, p, integrity ? 3 : 2, ha2);
	}
	if (!err) {
		size_t n = 0;

		p[n++] = slice_str(ha1);
		p[n++] = in->nonce;
		if (with_qop) {
			snprintf(nc, sizeof(nc), "%08x", in->nc);
			p[n++] = slice_str(nc);
			p[n++] = in->cnonce;
			p[n++] = in->qop;
		}
		p[n++] = slice_str(ha2);
		err = hash_joined(md, p, n, out);
	}
	mem_wipe(ha1, sizeof(ha1));
	return err;
}
