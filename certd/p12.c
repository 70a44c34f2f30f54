/* PKCS#12 by hand: OpenSSL's own reader gives up where RC2 is needed and its legacy module is not there. */
#include "common/ossl.h"

#include "certd/p12.h"

#include <openssl/pkcs7.h>
#include <stdio.h>

#include "certd/pbe.h"

#define DEPTH 4 /* safe contents within safe contents */

static int say(char *why, size_t cap, int err, const char *text)
{
	snprintf(why, cap, "%s", text);
	return err;
}

static int bags(struct bundle *b, STACK_OF(PKCS12_SAFEBAG) * sk, struct slice password,
    unsigned depth, char *why, size_t cap);

static int bag(struct bundle *b, PKCS12_SAFEBAG *g, struct slice password, unsigned depth,
    char *why, size_t cap)
{
	EVP_PKEY *k;
	X509 *x;

	switch (PKCS12_SAFEBAG_get_nid(g)) {
	case NID_keyBag:
		k = EVP_PKCS82PKEY(PKCS12_SAFEBAG_get0_p8inf(g));
		return k ? bundle_take_key(b, k, why, cap)
		         : say(why, cap, ERR_UNSUPP,
		               "a private key of a kind that is not supported");
	case NID_pkcs8ShroudedKeyBag:
		return bundle_encrypted_key(b, PKCS12_SAFEBAG_get0_pkcs8(g), password, why, cap);
	case NID_certBag:
		if (PKCS12_SAFEBAG_get_bag_nid(g) != NID_x509Certificate)
			return 0;
		x = PKCS12_SAFEBAG_get1_cert(g);
		return x ? bundle_take_cert(b, x, why, cap)
		         : say(why, cap, ERR_SYNTAX, "a certificate in it does not parse");
	case NID_safeContentsBag:
		if (depth >= DEPTH)
			return say(why, cap, ERR_LIMIT, "nested deeper than any program does");
		return bags(b, (STACK_OF(PKCS12_SAFEBAG) *)(uintptr_t)PKCS12_SAFEBAG_get0_safes(g),
		    password, depth + 1, why, cap);
	default:
		return 0; /* secrets, revocation lists: not ours */
	}
}

static int bags(struct bundle *b, STACK_OF(PKCS12_SAFEBAG) * sk, struct slice password,
    unsigned depth, char *why, size_t cap)
{
	int err = 0;

	for (int i = 0; i < sk_PKCS12_SAFEBAG_num(sk) && err == 0; i++)
		err = bag(b, sk_PKCS12_SAFEBAG_value(sk, i), password, depth, why, cap);
	return err;
}

static int encrypted(struct bundle *b, PKCS7 *p7, struct slice password, char *why, size_t cap)
{
	PKCS7_ENC_CONTENT *c = p7->d.encrypted ? p7->d.encrypted->enc_data : NULL;
	STACK_OF(PKCS12_SAFEBAG) * sk;
	unsigned char *der = NULL;
	const unsigned char *p;
	char name[80];
	size_t n = 0;
	int err;

	if (!c || !c->enc_data || !c->algorithm)
		return say(why, cap, ERR_SYNTAX, "an encrypted part without contents");
	err = pbe_decrypt(c->algorithm, password, c->enc_data, &der, &n);
	if (err == ERR_LIMIT)
		return say(why, cap, err,
		    "its password derivation is too expensive: export it with fewer iterations");
	if (err == ERR_UNSUPP) {
		pbe_name(c->algorithm, name, sizeof(name));
		snprintf(why, cap,
		    "encrypted with %s, which is not supported: export it with AES-256", name);
		return err;
	}
	if (err)
		return say(why, cap, ERR_AUTH,
		    "wrong password: it wants the one that the file was exported with");
	p = der;
	sk = (STACK_OF(PKCS12_SAFEBAG) *)ASN1_item_d2i(
	    NULL, &p, (long)n, ASN1_ITEM_rptr(PKCS12_SAFEBAGS));
	OPENSSL_secure_clear_free(der, n);
	if (!sk)
		return say(why, cap, ERR_AUTH,
		    "wrong password: it wants the one that the file was exported with");
	err = bags(b, sk, password, 0, why, cap);
	sk_PKCS12_SAFEBAG_pop_free(sk, PKCS12_SAFEBAG_free);
	return err;
}

static int contents(
    struct bundle *b, const PKCS12 *p12, struct slice password, char *why, size_t cap)
{
	STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(p12);
	int err = 0;

	if (!safes)
		return say(why, cap, ERR_SYNTAX, "a PKCS#12 file whose contents do not parse");
	for (int i = 0; i < sk_PKCS7_num(safes) && err == 0; i++) {
		PKCS7 *p7 = sk_PKCS7_value(safes, i);

		if (PKCS7_type_is_data(p7)) {
			STACK_OF(PKCS12_SAFEBAG) *sk = PKCS12_unpack_p7data(p7);

			err = sk ? bags(b, sk, password, 0, why, cap)
			         : say(why, cap, ERR_SYNTAX,
			               "a PKCS#12 file whose contents do not parse");
			sk_PKCS12_SAFEBAG_pop_free(sk, PKCS12_SAFEBAG_free);
		} else if (PKCS7_type_is_encrypted(p7)) {
			err = encrypted(b, p7, password, why, cap);
		} else {
			err = say(why, cap, ERR_UNSUPP,
			    "encrypted for a public key: export it with a password");
		}
	}
	sk_PKCS7_pop_free(safes, PKCS7_free);
	return err;
}

int p12_read(struct bundle *b, const PKCS12 *p12, struct slice password, char *why, size_t cap)
{
	const ASN1_INTEGER *iter = NULL;
	struct slice pw = password;
	int64_t n = 1;

	if (PKCS12_mac_present(p12)) {
		PKCS12_get0_mac(NULL, NULL, NULL, &iter, p12);
		if (iter &&
		    (ASN1_INTEGER_get_int64(&n, iter) != 1 || n < 1 || n > BUNDLE_ITERATIONS))
			return say(why, cap, ERR_LIMIT,
			    "its password derivation is too expensive: export it with fewer "
			    "iterations");
		/* Without a password some programs use no octets at all, others an empty string. */
		if (!pw.n) {
			if (PKCS12_verify_mac((PKCS12 *)(uintptr_t)p12, NULL, 0))
				pw = (struct slice){ NULL, 0 };
			else if (PKCS12_verify_mac((PKCS12 *)(uintptr_t)p12, "", 0))
				pw = SLICE_LIT("");
			else
				return say(why, cap, ERR_AUTH,
				    password.p ? "wrong password: it wants the one that the file "
				                 "was exported with"
				               : "it has a password: give it with password=-");
		} else if (!PKCS12_verify_mac((PKCS12 *)(uintptr_t)p12, pw.p, (int)pw.n)) {
			return say(why, cap, ERR_AUTH,
			    "wrong password: it wants the one that the file was exported with");
		}
	}
	if (!pw.p)
		pw = SLICE_LIT(""); /* told apart only by the MAC */
	return contents(b, p12, pw, why, cap);
}
