/* Password-based encryption: what OpenSSL has, and RC2 and RC4 without its legacy module. */
#include "certd/pbe.h"

#include <openssl/pkcs12.h>
#include <stdio.h>
#include <string.h>

#include "certd/bundle.h"
#include "certd/ntlm_prim.h"
#include "common/mem.h"

#define SALT_MAX 1024

void pbe_name(const X509_ALGOR *a, char *out, size_t cap)
{
	const ASN1_OBJECT *oid;

	X509_ALGOR_get0(&oid, NULL, NULL, a);
	OBJ_obj2txt(out, (int)cap, oid, 0);
}

static bool iterations_ok(const ASN1_INTEGER *n)
{
	int64_t v = 0;

	return n && ASN1_INTEGER_get_int64(&v, n) == 1 && v >= 1 && v <= BUNDLE_ITERATIONS;
}

static bool pbes2_ok(const ASN1_TYPE *param)
{
	PBE2PARAM *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), param);
	const ASN1_OBJECT *oid;
	const void *v;
	int type;
	bool ok = false;

	if (!p)
		return false;
	X509_ALGOR_get0(&oid, &type, &v, p->keyfunc);
	if (OBJ_obj2nid(oid) == NID_id_pbkdf2 && type == V_ASN1_SEQUENCE) {
		PBKDF2PARAM *k =
		    ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), p->keyfunc->parameter);

		ok = k && iterations_ok(k->iter);
		PBKDF2PARAM_free(k);
	} else if (OBJ_obj2nid(oid) == NID_id_scrypt && type == V_ASN1_SEQUENCE) {
		SCRYPT_PARAMS *k =
		    ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(SCRYPT_PARAMS), p->keyfunc->parameter);
		int64_t cost = 0, r = 0, par = 0;

		/* OpenSSL itself bounds the memory to 32 MiB, not the time. */
		ok = k && ASN1_INTEGER_get_int64(&cost, k->costParameter) == 1 &&
		     ASN1_INTEGER_get_int64(&r, k->blockSize) == 1 &&
		     ASN1_INTEGER_get_int64(&par, k->parallelizationParameter) == 1 && cost > 0 &&
		     cost <= 1 << 20 && r > 0 && r <= 64 && par > 0 && par <= 16;
		SCRYPT_PARAMS_free(k);
	}
	PBE2PARAM_free(p);
	return ok;
}

bool pbe_affordable(const X509_ALGOR *a)
{
	const ASN1_OBJECT *oid;
	const void *v;
	PBEPARAM *p;
	int type;
	bool ok;

	X509_ALGOR_get0(&oid, &type, &v, a);
	if (type != V_ASN1_SEQUENCE)
		return false;
	if (OBJ_obj2nid(oid) == NID_pbes2)
		return pbes2_ok(a->parameter);
	p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBEPARAM), a->parameter);
	ok = p && iterations_ok(p->iter);
	PBEPARAM_free(p);
	return ok;
}

/* RFC 2268 2: the key table. */
static void rc2_expand(const unsigned char *key, size_t n, unsigned bits, uint16_t k[64])
{
	static const uint8_t pi[256] = { 0xd9, 0x78, 0xf9, 0xc4, 0x19, 0xdd, 0xb5, 0xed, 0x28, 0xe9,
		0xfd, 0x79, 0x4a, 0xa0, 0xd8, 0x9d, 0xc6, 0x7e, 0x37, 0x83, 0x2b, 0x76, 0x53, 0x8e,
		0x62, 0x4c, 0x64, 0x88, 0x44, 0x8b, 0xfb, 0xa2, 0x17, 0x9a, 0x59, 0xf5, 0x87, 0xb3,
		0x4f, 0x13, 0x61, 0x45, 0x6d, 0x8d, 0x09, 0x81, 0x7d, 0x32, 0xbd, 0x8f, 0x40, 0xeb,
		0x86, 0xb7, 0x7b, 0x0b, 0xf0, 0x95, 0x21, 0x22, 0x5c, 0x6b, 0x4e, 0x82, 0x54, 0xd6,
		0x65, 0x93, 0xce, 0x60, 0xb2, 0x1c, 0x73, 0x56, 0xc0, 0x14, 0xa7, 0x8c, 0xf1, 0xdc,
		0x12, 0x75, 0xca, 0x1f, 0x3b, 0xbe, 0xe4, 0xd1, 0x42, 0x3d, 0xd4, 0x30, 0xa3, 0x3c,
		0xb6, 0x26, 0x6f, 0xbf, 0x0e, 0xda, 0x46, 0x69, 0x07, 0x57, 0x27, 0xf2, 0x1d, 0x9b,
		0xbc, 0x94, 0x43, 0x03, 0xf8, 0x11, 0xc7, 0xf6, 0x90, 0xef, 0x3e, 0xe7, 0x06, 0xc3,
		0xd5, 0x2f, 0xc8, 0x66, 0x1e, 0xd7, 0x08, 0xe8, 0xea, 0xde, 0x80, 0x52, 0xee, 0xf7,
		0x84, 0xaa, 0x72, 0xac, 0x35, 0x4d, 0x6a, 0x2a, 0x96, 0x1a, 0xd2, 0x71, 0x5a, 0x15,
		0x49, 0x74, 0x4b, 0x9f, 0xd0, 0x5e, 0x04, 0x18, 0xa4, 0xec, 0xc2, 0xe0, 0x41, 0x6e,
		0x0f, 0x51, 0xcb, 0xcc, 0x24, 0x91, 0xaf, 0x50, 0xa1, 0xf4, 0x70, 0x39, 0x99, 0x7c,
		0x3a, 0x85, 0x23, 0xb8, 0xb4, 0x7a, 0xfc, 0x02, 0x36, 0x5b, 0x25, 0x55, 0x97, 0x31,
		0x2d, 0x5d, 0xfa, 0x98, 0xe3, 0x8a, 0x92, 0xae, 0x05, 0xdf, 0x29, 0x10, 0x67, 0x6c,
		0xba, 0xc9, 0xd3, 0x00, 0xe6, 0xcf, 0xe1, 0x9e, 0xa8, 0x2c, 0x63, 0x16, 0x01, 0x3f,
		0x58, 0xe2, 0x89, 0xa9, 0x0d, 0x38, 0x34, 0x1b, 0xab, 0x33, 0xff, 0xb0, 0xbb, 0x48,
		0x0c, 0x5f, 0xb9, 0xb1, 0xcd, 0x2e, 0xc5, 0xf3, 0xdb, 0x47, 0xe5, 0xa5, 0x9c, 0x77,
		0x0a, 0xa6, 0x20, 0x68, 0xfe, 0x7f, 0xc1, 0xad };
	uint8_t l[128];
	size_t t8 = (bits + 7) / 8;
	uint8_t tm = (uint8_t)(255u >> (8 * t8 - bits));

	memcpy(l, key, n);
	for (size_t i = n; i < 128; i++)
		l[i] = pi[(uint8_t)(l[i - 1] + l[i - n])];
	l[128 - t8] = pi[l[128 - t8] & tm];
	for (size_t i = 128 - t8; i-- > 0;)
		l[i] = pi[l[i + 1] ^ l[i + t8]];
	for (size_t i = 0; i < 64; i++)
		k[i] = (uint16_t)(l[2 * i] | l[2 * i + 1] << 8);
	mem_wipe(l, sizeof(l));
}

/* RFC 2268 4 */
static void rc2_block(const uint16_t k[64], const unsigned char in[8], unsigned char out[8])
{
	static const unsigned shift[4] = { 1, 2, 3, 5 };
	uint16_t r[4];
	unsigned j = 63;

	for (unsigned i = 0; i < 4; i++)
		r[i] = (uint16_t)(in[2 * i] | in[2 * i + 1] << 8);
	for (unsigned round = 0; round < 16; round++) {
		for (unsigned i = 4; i-- > 0; j--) {
			unsigned x = r[i];

			x = (x >> shift[i] | x << (16 - shift[i])) & 0xffff;
			x -= k[j] + (unsigned)(r[(i + 3) % 4] & r[(i + 2) % 4]) +
			     (unsigned)(~r[(i + 3) % 4] & 0xffff & r[(i + 1) % 4]);
			r[i] = (uint16_t)x;
		}
		if (round == 4 || round == 10)
			for (unsigned i = 4; i-- > 0;)
				r[i] = (uint16_t)(r[i] - k[r[(i + 3) % 4] & 63]);
	}
	for (unsigned i = 0; i < 4; i++) {
		out[2 * i] = (unsigned char)r[i];
		out[2 * i + 1] = (unsigned char)(r[i] >> 8);
	}
}

void pbe_rc2_cbc_decrypt(const unsigned char *key, size_t n, unsigned bits,
    const unsigned char iv[8], unsigned char *data, size_t len)
{
	uint16_t k[64];
	unsigned char prev[8], now[8], plain[8];

	BUG_ON(n < 1 || n > 128 || bits < 1 || bits > 1024 || len % 8);
	rc2_expand(key, n, bits, k);
	memcpy(prev, iv, sizeof(prev));
	for (size_t at = 0; at < len; at += 8) {
		memcpy(now, data + at, sizeof(now));
		rc2_block(k, now, plain);
		for (unsigned i = 0; i < 8; i++)
			data[at + i] = plain[i] ^ prev[i];
		memcpy(prev, now, sizeof(prev));
	}
	mem_wipe(k, sizeof(k));
	mem_wipe(plain, sizeof(plain));
}

static const struct scheme {
	int nid;
	unsigned key; /* octets */
	bool rc4;
} schemes[] = {
	{ NID_pbe_WithSHA1And40BitRC2_CBC, 5, false },
	{ NID_pbe_WithSHA1And128BitRC2_CBC, 16, false },
	{ NID_pbe_WithSHA1And40BitRC4, 5, true },
	{ NID_pbe_WithSHA1And128BitRC4, 16, true },
};

/* RFC 7292 B.2: diversifier 1 makes the key, 2 the IV. The password is a BMPString with its end. */
static bool derive(const PBEPARAM *p, struct slice password, int id, unsigned char *out, int n)
{
	return PKCS12_key_gen_utf8(password.p, (int)password.n, p->salt->data, p->salt->length, id,
	           (int)ASN1_INTEGER_get(p->iter), n, out, EVP_sha1()) == 1;
}

static int own(const struct scheme *s, const X509_ALGOR *a, struct slice password,
    const ASN1_OCTET_STRING *in, unsigned char **out, size_t *n)
{
	PBEPARAM *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBEPARAM), a->parameter);
	unsigned char key[16], iv[8], *buf;
	size_t len = (size_t)in->length, pad;
	int err = 0;

	if (!p || p->salt->length > SALT_MAX || len == 0 || (!s->rc4 && len % 8)) {
		PBEPARAM_free(p);
		return ERR_SYNTAX;
	}
	if (!derive(p, password, PKCS12_KEY_ID, key, (int)s->key) ||
	    !derive(p, password, PKCS12_IV_ID, iv, sizeof(iv)))
		err = ERR_CRYPTO;
	PBEPARAM_free(p);
	buf = err ? NULL : OPENSSL_secure_malloc(len);
	if (!buf)
		return ERR_CRYPTO;
	memcpy(buf, in->data, len);
	if (s->rc4) {
		struct ntlm_rc4 c;

		ntlm_rc4_init(&c, key, s->key);
		ntlm_rc4_crypt(&c, buf, len, buf);
		mem_wipe(&c, sizeof(c));
		*n = len;
	} else {
		pbe_rc2_cbc_decrypt(key, s->key, 8 * s->key, iv, buf, len);
		pad = buf[len - 1];
		for (size_t i = 1; i <= pad && i <= 8; i++)
			if (buf[len - i] != pad)
				err = ERR_AUTH;
		if (pad < 1 || pad > 8)
			err = ERR_AUTH;
		*n = len - pad;
	}
	mem_wipe(key, sizeof(key));
	if (err) {
		OPENSSL_secure_clear_free(buf, len);
		return err;
	}
	*out = buf;
	return 0;
}

int pbe_decrypt(const X509_ALGOR *a, struct slice password, const ASN1_OCTET_STRING *in,
    unsigned char **out, size_t *n)
{
	const ASN1_OBJECT *oid;
	unsigned char *p = NULL;
	int len = 0;

	if (!pbe_affordable(a))
		return ERR_LIMIT;
	X509_ALGOR_get0(&oid, NULL, NULL, a);
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (OBJ_obj2nid(oid) == schemes[i].nid)
			return own(&schemes[i], a, password, in, out, n);
	ERR_clear_error();
	if (!PKCS12_pbe_crypt(a, password.p, (int)password.n, in->data, in->length, &p, &len, 0)) {
		unsigned long e;
		int err = ERR_UNSUPP;

		/* A decryption that ran and ended in bad padding: the password. */
		while ((e = ERR_get_error()) != 0)
			if (ERR_GET_LIB(e) == ERR_LIB_PROV ||
			    ERR_GET_REASON(e) == PKCS12_R_PKCS12_CIPHERFINAL_ERROR)
				err = ERR_AUTH;
		return err;
	}
	*out = OPENSSL_secure_malloc(len > 0 ? (size_t)len : 1);
	if (*out)
		memcpy(*out, p, (size_t)len);
	OPENSSL_clear_free(p, (size_t)len);
	*n = (size_t)len;
	return *out ? 0 : ERR_CRYPTO;
}
