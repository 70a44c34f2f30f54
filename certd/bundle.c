/* Files with certificates, keys and revocation lists. */
#include "certd/bundle.h"

#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "certd/p12.h"
#include "certd/pbe.h"
#include "common/mem.h"

void bundle_init(struct bundle *b)
{
	b->key = NULL;
	b->certs = sk_X509_new_null();
	b->crls = sk_X509_CRL_new_null();
	BUG_ON(!b->certs || !b->crls);
}

void bundle_free(struct bundle *b)
{
	EVP_PKEY_free(b->key);
	sk_X509_pop_free(b->certs, X509_free);
	sk_X509_CRL_pop_free(b->crls, X509_CRL_free);
	*b = (struct bundle){ 0 };
}

static int say(char *why, size_t cap, int err, const char *text)
{
	snprintf(why, cap, "%s", text);
	return err;
}

static int add_cert(struct bundle *b, X509 *x, char *why, size_t cap)
{
	if (sk_X509_num(b->certs) >= BUNDLE_CERTS) {
		X509_free(x);
		return say(why, cap, ERR_LIMIT, "more than 1024 certificates in one file");
	}
	BUG_ON(sk_X509_push(b->certs, x) <= 0);
	return 0;
}

static int add_crl(struct bundle *b, X509_CRL *c, char *why, size_t cap)
{
	if (sk_X509_CRL_num(b->crls) >= BUNDLE_CRLS) {
		X509_CRL_free(c);
		return say(why, cap, ERR_LIMIT, "more than 256 revocation lists in one file");
	}
	BUG_ON(sk_X509_CRL_push(b->crls, c) <= 0);
	return 0;
}

static int add_key(struct bundle *b, EVP_PKEY *k, char *why, size_t cap)
{
	if (b->key && EVP_PKEY_eq(b->key, k) == 1) {
		EVP_PKEY_free(k);
		return 0;
	}
	if (b->key) {
		EVP_PKEY_free(k);
		return say(why, cap, ERR_EXISTS,
		    "more than one private key: keep only the certificate's own");
	}
	b->key = k;
	return 0;
}

int bundle_encrypted_key(
    struct bundle *b, const X509_SIG *sig, struct slice password, char *why, size_t cap)
{
	const X509_ALGOR *alg;
	const ASN1_OCTET_STRING *in;
	PKCS8_PRIV_KEY_INFO *p8;
	EVP_PKEY *k = NULL;
	unsigned char *der = NULL;
	const unsigned char *p;
	char name[80];
	size_t n = 0;
	int err;

	X509_SIG_get0(sig, &alg, &in);
	if (!password.p)
		return say(why, cap, ERR_AUTH,
		    "the private key is encrypted: give its password with password=-");
	err = pbe_decrypt(alg, password, in, &der, &n);
	if (err == ERR_AUTH || err == ERR_SYNTAX)
		return say(why, cap, ERR_AUTH, "wrong password for the private key");
	if (err == ERR_LIMIT)
		return say(why, cap, err,
		    "the key's password derivation is too expensive: export it with fewer "
		    "iterations");
	if (err) {
		pbe_name(alg, name, sizeof(name));
		snprintf(why, cap,
		    "the private key is encrypted with %s, which is not supported: export it with "
		    "AES-256",
		    name);
		return err;
	}
	p = der;
	p8 = n <= LONG_MAX ? d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)n) : NULL;
	if (p8)
		k = EVP_PKCS82PKEY(p8);
	PKCS8_PRIV_KEY_INFO_free(p8);
	OPENSSL_secure_clear_free(der, n);
	if (!p8) /* RC4 has no padding to tell */
		return say(why, cap, ERR_AUTH, "wrong password for the private key");
	if (!k)
		return say(why, cap, ERR_UNSUPP, "a private key of a kind that is not supported");
	return add_key(b, k, why, cap);
}

int bundle_take_cert(struct bundle *b, X509 *x, char *why, size_t cap)
{
	return add_cert(b, x, why, cap);
}

int bundle_take_key(struct bundle *b, EVP_PKEY *k, char *why, size_t cap)
{
	return add_key(b, k, why, cap);
}

static int take_p7(struct bundle *b, PKCS7 *p7, char *why, size_t cap)
{
	STACK_OF(X509) *certs = NULL;
	STACK_OF(X509_CRL) *crls = NULL;
	int err = 0;

	if (PKCS7_type_is_signed(p7) && p7->d.sign) {
		certs = p7->d.sign->cert;
		crls = p7->d.sign->crl;
	}
	for (int i = 0; i < sk_X509_num(certs) && err == 0; i++) {
		X509 *x = sk_X509_value(certs, i);

		X509_up_ref(x);
		err = add_cert(b, x, why, cap);
	}
	for (int i = 0; i < sk_X509_CRL_num(crls) && err == 0; i++) {
		X509_CRL *c = sk_X509_CRL_value(crls, i);

		X509_CRL_up_ref(c);
		err = add_crl(b, c, why, cap);
	}
	return err;
}

/* Each d2i below must eat everything: what is left over was not meant. */
static int read_der(struct bundle *b, const unsigned char *der, long n, struct slice password,
    char *why, size_t cap)
{
	const unsigned char *p;
	X509 *x;
	X509_CRL *c;
	PKCS12 *p12;
	PKCS7 *p7;
	X509_SIG *sig;
	EVP_PKEY *k;
	int err;

	p = der;
	if ((x = d2i_X509(NULL, &p, n)) != NULL) {
		if (p == der + n)
			return add_cert(b, x, why, cap);
		X509_free(x);
		return say(why, cap, ERR_SYNTAX, "octets follow the certificate: not a DER file");
	}
	p = der;
	if ((c = d2i_X509_CRL(NULL, &p, n)) != NULL) {
		if (p == der + n)
			return add_crl(b, c, why, cap);
		X509_CRL_free(c);
	}
	p = der;
	if ((p12 = d2i_PKCS12(NULL, &p, n)) != NULL) {
		err = p12_read(b, p12, password, why, cap);
		PKCS12_free(p12);
		return err;
	}
	p = der;
	if ((p7 = d2i_PKCS7(NULL, &p, n)) != NULL) {
		err = take_p7(b, p7, why, cap);
		PKCS7_free(p7);
		return err;
	}
	p = der;
	if ((sig = d2i_X509_SIG(NULL, &p, n)) != NULL) {
		err = bundle_encrypted_key(b, sig, password, why, cap);
		X509_SIG_free(sig);
		return err;
	}
	p = der;
	if ((k = d2i_AutoPrivateKey(NULL, &p, n)) != NULL)
		return add_key(b, k, why, cap);
	/* The outer length says more than there is. */
	if (n >= 4 && der[0] == 0x30 && (der[1] & 0x80) && (der[1] & 0x7f) <= 4 &&
	    (der[1] & 0x7f) > 0) {
		unsigned long len = 0;
		long head = 2 + (der[1] & 0x7f);

		for (long i = 2; i < head && i < n; i++)
			len = len << 8 | der[i];
		if (len > (unsigned long)(n - (n < head ? n : head)))
			return say(why, cap, ERR_TRUNCATED,
			    "the file ends early: copy it again, in binary mode");
	}
	return say(why, cap, ERR_SYNTAX,
	    "neither a certificate, nor a key, PKCS#12 file or revocation list (PEM or DER)");
}

static int password_cb(char *buf, int cap, int rw, void *ctx)
{
	const struct slice *pw = ctx;

	(void)rw;
	if (!pw->p || pw->n > (size_t)cap)
		return -1;
	memcpy(buf, pw->p, pw->n);
	return (int)pw->n;
}

/* "Proc-Type: 4,ENCRYPTED": the old form, key by MD5. */
static int old_decrypt(
    char *header, unsigned char *data, long *n, struct slice password, char *why, size_t cap)
{
	EVP_CIPHER_INFO ci;

	if (!strstr(header, "ENCRYPTED"))
		return 0;
	if (!password.p)
		return say(why, cap, ERR_AUTH,
		    "the private key is encrypted: give its password with password=-");
	if (!PEM_get_EVP_CIPHER_INFO(header, &ci))
		return say(why, cap, ERR_UNSUPP,
		    "the private key is encrypted in a way that is not supported: export it with "
		    "AES-256");
	if (!PEM_do_header(&ci, data, n, password_cb, &password))
		return say(why, cap, ERR_AUTH, "wrong password for the private key");
	return 0;
}

static int pem_block(struct bundle *b, const char *name, char *header, unsigned char *data, long n,
    struct slice password, char *why, size_t cap)
{
	const unsigned char *p = data;
	EVP_PKEY *k = NULL;
	int err;

	if (strcmp(name, "CERTIFICATE") == 0 || strcmp(name, "X509 CERTIFICATE") == 0 ||
	    strcmp(name, "TRUSTED CERTIFICATE") == 0) {
		/* A trusted certificate has OpenSSL's own additions behind it: not ours. */
		X509 *x = d2i_X509(NULL, &p, n);

		return x ? add_cert(b, x, why, cap)
		         : say(why, cap, ERR_SYNTAX, "a certificate block that does not parse");
	}
	if (strcmp(name, "X509 CRL") == 0) {
		X509_CRL *c = d2i_X509_CRL(NULL, &p, n);

		return c ? add_crl(b, c, why, cap)
		         : say(why, cap, ERR_SYNTAX, "a revocation list block that does not parse");
	}
	if (strcmp(name, "PKCS7") == 0 || strcmp(name, "CMS") == 0) {
		PKCS7 *p7 = d2i_PKCS7(NULL, &p, n);

		err = p7 ? take_p7(b, p7, why, cap)
		         : say(why, cap, ERR_SYNTAX, "a PKCS7 block that does not parse");
		PKCS7_free(p7);
		return err;
	}
	if (strcmp(name, "ENCRYPTED PRIVATE KEY") == 0) {
		X509_SIG *sig = d2i_X509_SIG(NULL, &p, n);

		err = sig ? bundle_encrypted_key(b, sig, password, why, cap)
		          : say(why, cap, ERR_SYNTAX, "a private key block that does not parse");
		X509_SIG_free(sig);
		return err;
	}
	if (!strstr(name, "PRIVATE KEY"))
		return 0; /* parameters, requests: not for us */
	err = old_decrypt(header, data, &n, password, why, cap);
	if (err)
		return err;
	p = data;
	if (strcmp(name, "RSA PRIVATE KEY") == 0)
		k = d2i_PrivateKey(EVP_PKEY_RSA, NULL, &p, n);
	else if (strcmp(name, "EC PRIVATE KEY") == 0)
		k = d2i_PrivateKey(EVP_PKEY_EC, NULL, &p, n);
	else
		k = d2i_AutoPrivateKey(NULL, &p, n);
	if (!k && *header)
		return say(why, cap, ERR_AUTH, "wrong password for the private key");
	return k ? add_key(b, k, why, cap)
	         : say(why, cap, ERR_SYNTAX, "a private key block that does not parse");
}

static int read_pem(
    struct bundle *b, struct slice file, struct slice password, char *why, size_t cap)
{
	BIO *bio = BIO_new_mem_buf(file.p, (int)file.n);
	int err = bio ? 0 : ERR_CRYPTO;
	unsigned blocks = 0;

	while (err == 0) {
		char *name = NULL, *header = NULL;
		unsigned char *data = NULL;
		long n = 0;

		ERR_clear_error();
		if (!PEM_read_bio_ex(bio, &name, &header, &data, &n,
		        PEM_FLAG_SECURE | PEM_FLAG_EAY_COMPATIBLE)) {
			unsigned long e = ERR_peek_last_error();

			if (ERR_GET_LIB(e) == ERR_LIB_PEM &&
			    ERR_GET_REASON(e) == PEM_R_NO_START_LINE)
				break; /* the end */
			err = say(why, cap, ERR_TRUNCATED,
			    "a PEM block is damaged or ends early: copy the file again");
			break;
		}
		blocks++;
		err = pem_block(b, name, header, data, n, password, why, cap);
		OPENSSL_secure_free(name);
		OPENSSL_secure_free(header);
		OPENSSL_secure_clear_free(data, n > 0 ? (size_t)n : 0);
	}
	BIO_free(bio);
	if (err == 0 && blocks == 0)
		err = say(why, cap, ERR_SYNTAX,
		    "neither a certificate, nor a key, PKCS#12 file or revocation list (PEM or "
		    "DER)");
	return err;
}

int bundle_read(struct bundle *b, struct slice file, struct slice password, char *why, size_t cap)
{
	int err;

	*why = '\0';
	if (file.n == 0)
		return say(why, cap, ERR_SYNTAX, "the file is empty");
	if (file.n > 4u << 20)
		return say(why, cap, ERR_LIMIT, "the file is larger than 4 MiB");
	if (password.p && password.n > 512)
		return say(why, cap, ERR_LIMIT, "a password has at most 512 octets");
	if ((uint8_t)file.p[0] == 0x30)
		err = read_der(b, (const unsigned char *)file.p, (long)file.n, password, why, cap);
	else
		err = read_pem(b, file, password, why, cap);
	ERR_clear_error();
	return err;
}
