/* Files of certificates and keys as other programs make them, and what is not right with some. */
#include "common/ossl.h"

#include <openssl/pem.h>
#include <openssl/provider.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "certd/bundle.h"
#include "certd/pbe.h"
#include "common/enc.h"
#include "common/mem.h"
#include "tests/unit/certd/bundle_vectors.h"

struct input { /* hex (x) or text */
	const char *name, *x, *text;
};
#define HEX(n)                                                                                     \
	{                                                                                          \
#n, x_##n, NULL                                                                    \
	}
#define TEXT(n)                                                                                    \
	{                                                                                          \
#n, NULL, v_##n                                                                    \
	}

static struct slice bytes(const struct input *in, uint8_t buf[4096])
{
	size_t n = 0;

	if (in->text)
		return slice_str(in->text);
	assert_int_equal(enc_unhex(slice_str(in->x), buf, 4096, &n), 0);
	return (struct slice){ (const char *)buf, n };
}

static EVP_PKEY *the_key(void)
{
	struct input in = HEX(der_key);
	uint8_t buf[4096];
	struct slice s = bytes(&in, buf);
	const unsigned char *p = (const unsigned char *)s.p;

	return d2i_AutoPrivateKey(NULL, &p, (long)s.n);
}

static int read_one(struct bundle *b, const struct input *in, const char *password, char why[400])
{
	uint8_t buf[4096];

	bundle_init(b);
	return bundle_read(
	    b, bytes(in, buf), password ? slice_str(password) : (struct slice){ 0 }, why, 400);
}

/* Old and new encryptions; none of it needs OpenSSL's legacy module: it is not loaded here. */
static void test_files(void **state)
{
	static const struct {
		struct input in;
		const char *password;
		bool key;
		int certs;
	} t[] = {
		{ HEX(windows_old), "secret", true, 1 },
		{ HEX(rc2_40_both), "secret", true, 1 },
		{ HEX(rc2_128), "secret", true, 1 },
		{ HEX(rc4_128), "secret", true, 1 },
		{ HEX(rc4_40), "secret", true, 1 },
		{ HEX(des3), "secret", true, 1 },
		{ HEX(aes256), "secret", true, 1 },
		{ HEX(rc2_empty), "", true, 1 },
		{ HEX(rc2_empty), NULL, true, 1 },
		{ HEX(rc2_nomac), "secret", true, 1 },
		{ HEX(plain_certs), "secret", true, 1 },
		{ HEX(umlaut), "pässwörd", true, 1 },
		{ TEXT(pem_old), "secret", true, 0 },
		{ TEXT(pem_new), "secret", true, 0 },
		{ TEXT(pem_rc2), "secret", true, 0 },
		{ TEXT(pem_scrypt), "secret", true, 0 },
		{ HEX(der_enc), "secret", true, 0 },
		{ HEX(der_key), NULL, true, 0 },
		{ HEX(der_cert), NULL, false, 1 },
		{ HEX(p7), NULL, false, 1 },
		{ TEXT(text), NULL, true, 1 },
	};
	EVP_PKEY *key = the_key();

	(void)state;
	assert_int_equal(OSSL_PROVIDER_available(NULL, "legacy"), 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct bundle b;
		char why[400];
		int err = read_one(&b, &t[i].in, t[i].password, why);

		if (err)
			fail_msg("%s: %s: %s", t[i].in.name, err_name(err), why);
		assert_int_equal(b.key != NULL, t[i].key);
		if (b.key)
			assert_int_equal(EVP_PKEY_eq(b.key, key), 1);
		assert_int_equal(sk_X509_num(b.certs), t[i].certs);
		if (t[i].certs)
			assert_int_equal(
			    EVP_PKEY_eq(X509_get0_pubkey(sk_X509_value(b.certs, 0)), key), 1);
		bundle_free(&b);
	}
	EVP_PKEY_free(key);
}

static void test_passwords(void **state)
{
	static const struct input t[] = { HEX(windows_old), HEX(rc2_40_both), HEX(rc2_128),
		HEX(rc4_128), HEX(des3), HEX(aes256), HEX(rc2_nomac), HEX(umlaut), TEXT(pem_old),
		TEXT(pem_new), TEXT(pem_rc2), TEXT(pem_scrypt), HEX(der_enc) };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		static const char *const bad[] = { "Secret", "secret ", "x", NULL };

		for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
			struct bundle b;
			char why[400];
			int err = read_one(&b, &t[i], bad[k], why);

			if (err != ERR_AUTH || !strstr(why, "password") || strchr(why, '\n'))
				fail_msg("%s with %s: %s: %s", t[i].name, bad[k] ? bad[k] : "none",
				    err_name(err), why);
			bundle_free(&b);
		}
	}
}

/* Cut anywhere: an error with a reason, never half a result. */
static void test_truncated(void **state)
{
	static const struct {
		struct input in;
		const char *password;
	} t[] = { { HEX(windows_old), "secret" }, { HEX(aes256), "secret" },
		{ HEX(der_cert), NULL }, { HEX(der_key), NULL }, { HEX(p7), NULL } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		uint8_t buf[4096];
		struct slice whole = bytes(&t[i].in, buf);

		for (size_t n = 0; n < whole.n; n++) {
			struct bundle b;
			char why[400];
			char *exact = malloc(n + 1);

			memcpy(exact, whole.p, n);
			bundle_init(&b);
			int err = bundle_read(&b, (struct slice){ exact, n },
			    slice_str(t[i].password), why, sizeof(why));
			if (err == 0 || !*why)
				fail_msg("%s cut at %zu: %s", t[i].in.name, n, err_name(err));
			if (n > 8 && !(err == ERR_TRUNCATED || err == ERR_SYNTAX))
				fail_msg(
				    "%s cut at %zu: %s: %s", t[i].in.name, n, err_name(err), why);
			bundle_free(&b);
			free(exact);
		}
	}
}

static void test_not_ours(void **state)
{
	static const struct {
		const char *name, *text;
		int err;
		const char *says;
	} t[] = {
		{ "empty", "", ERR_SYNTAX, "empty" },
		{ "prose", "Dear CA, please find attached\n", ERR_SYNTAX, "neither" },
		{ "html", "<html><body>404</body></html>", ERR_SYNTAX, "neither" },
		{ "half a block", "-----BEGIN CERTIFICATE-----\nMIIB\n", ERR_TRUNCATED, "damaged" },
		{ "no base64", "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
		    ERR_TRUNCATED, "damaged" },
		{ "another thing in it",
		    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", ERR_SYNTAX,
		    "does not parse" },
		{ "a sequence", "0\003\002\001\001", ERR_SYNTAX, "neither" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct bundle b;
		char why[400];

		bundle_init(&b);
		int err =
		    bundle_read(&b, slice_str(t[i].text), (struct slice){ 0 }, why, sizeof(why));
		if (err != t[i].err || !strstr(why, t[i].says))
			fail_msg("%s: %s: %s", t[i].name, err_name(err), why);
		assert_int_equal(sk_X509_num(b.certs), 0);
		assert_null(b.key);
		bundle_free(&b);
	}
	/* DES alone is nobody's any more: it says what to do. */
	struct input des = TEXT(pem_des);
	struct bundle b;
	char why[400];
	assert_int_equal(read_one(&b, &des, "secret", why), ERR_UNSUPP);
	assert_non_null(strstr(why, "export it with AES-256"));
	bundle_free(&b);
	/* Two keys. */
	bundle_init(&b);
	uint8_t buf[4096];
	EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	struct input in = HEX(der_key);
	assert_int_equal(
	    bundle_read(&b, bytes(&in, buf), (struct slice){ 0 }, why, sizeof(why)), 0);
	assert_int_equal(
	    bundle_read(&b, bytes(&in, buf), (struct slice){ 0 }, why, sizeof(why)), 0);
	unsigned char *der = NULL;
	int n = i2d_PrivateKey(other, &der);
	assert_int_equal(bundle_read(&b, (struct slice){ (char *)der, (size_t)n },
	                     (struct slice){ 0 }, why, sizeof(why)),
	    ERR_EXISTS);
	OPENSSL_free(der);
	EVP_PKEY_free(other);
	bundle_free(&b);
}

/* A file that would keep us busy for hours is refused at once. */
static void test_expensive(void **state)
{
	struct input in = TEXT(pem_new);
	struct bundle b;
	char why[400], *text;
	BIO *mem;
	X509_SIG *sig;
	const X509_ALGOR *alg;
	const ASN1_OCTET_STRING *os;
	long n;

	(void)state;
	mem = BIO_new_mem_buf(in.text, -1);
	sig = PEM_read_bio_PKCS8(mem, NULL, NULL, NULL);
	assert_non_null(sig);
	BIO_free(mem);
	X509_SIG_get0(sig, &alg, &os);
	PBE2PARAM *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), alg->parameter);
	PBKDF2PARAM *k =
	    ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), p->keyfunc->parameter);
	assert_true(pbe_affordable(alg));
	ASN1_INTEGER_set(k->iter, 2000000000);
	ASN1_TYPE_pack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), k, &p->keyfunc->parameter);
	ASN1_TYPE_pack_sequence(
	    ASN1_ITEM_rptr(PBE2PARAM), p, &((X509_ALGOR *)(uintptr_t)alg)->parameter);
	assert_false(pbe_affordable(alg));
	mem = BIO_new(BIO_s_mem());
	PEM_write_bio_PKCS8(mem, sig);
	n = BIO_get_mem_data(mem, &text);
	bundle_init(&b);
	assert_int_equal(bundle_read(&b, (struct slice){ text, (size_t)n }, slice_str("secret"),
	                     why, sizeof(why)),
	    ERR_LIMIT);
	assert_non_null(strstr(why, "fewer iterations"));
	bundle_free(&b);
	BIO_free(mem);
	PBKDF2PARAM_free(k);
	PBE2PARAM_free(p);
	X509_SIG_free(sig);
}

/* RFC 2268 5 */
static void test_rc2(void **state)
{
	static const struct {
		const char *key;
		unsigned bits;
		const char *plain, *cipher;
	} t[] = {
		{ "0000000000000000", 63, "0000000000000000", "ebb773f993278eff" },
		{ "ffffffffffffffff", 64, "ffffffffffffffff", "278b27e42e2f0d49" },
		{ "3000000000000000", 64, "1000000000000001", "30649edf9be7d2c2" },
		{ "88", 64, "0000000000000000", "61a8a244adacccf0" },
		{ "88bca90e90875a", 64, "0000000000000000", "6ccf4308974c267f" },
		{ "88bca90e90875a7f0f79c384627bafb2", 64, "0000000000000000", "1a807d272bbe5db1" },
		{ "88bca90e90875a7f0f79c384627bafb2", 128, "0000000000000000", "2269552ab0f85ca6" },
		{ "88bca90e90875a7f0f79c384627bafb216f80a6f85920584c42fceb0be255daf1e", 129,
		    "0000000000000000", "5b78d3a43dfff1f1" },
	};
	static const uint8_t iv[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		uint8_t key[64], block[8];
		size_t n, m;
		char hex[17];

		assert_int_equal(enc_unhex(slice_str(t[i].key), key, sizeof(key), &n), 0);
		assert_int_equal(enc_unhex(slice_str(t[i].cipher), block, sizeof(block), &m), 0);
		pbe_rc2_cbc_decrypt(key, n, t[i].bits, iv, block, 8);
		enc_hex(block, 8, hex);
		assert_string_equal(hex, t[i].plain);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_passwords),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_expensive),
		cmocka_unit_test(test_rc2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
