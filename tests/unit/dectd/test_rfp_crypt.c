/* The link's cryptography: published vectors, OpenSSL's Blowfish as second opinion where it is to be had, and framing
 * of sealed and plain streams cut anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/enc.h"
#include "common/mem.h"
#include "common/ossl.h"
#include <openssl/provider.h>
#include "dectd/rfp_crypt.h"
#include "dectd/rfp_frame.h"
#include "rfp_vectors.h"

static size_t unhex(const char *h, uint8_t *out, size_t cap)
{
	size_t n = 0;

	assert_int_equal(enc_unhex(slice_str(h), out, cap, &n), 0);
	return n;
}

static void blowfish_vector(void **state)
{
	uint8_t key[16], in[8], out[8], want[8];
	struct bf b;

	(void)state;
	unhex("000102030405060708090a0b0c0d0e0f", key, sizeof(key));
	unhex("0011223344556677", in, sizeof(in));
	unhex("0263249aa34d999e", want, sizeof(want));
	bf_key(&b, key, sizeof(key));
	bf_encrypt(&b, in, out);
	assert_memory_equal(out, want, 8);
	bf_decrypt(&b, out, out);
	assert_memory_equal(out, in, 8);
}

static void blowfish_as_openssl(void **state)
{
	OSSL_LIB_CTX *lib = OSSL_LIB_CTX_new();
	OSSL_PROVIDER *legacy = OSSL_PROVIDER_load(lib, "legacy");
	EVP_CIPHER *bf = legacy ? EVP_CIPHER_fetch(lib, "BF-CBC", NULL) : NULL;

	(void)state;
	if (!bf) {
		OSSL_LIB_CTX_free(lib);
		print_message("skipped: OpenSSL's legacy provider is not installed\n");
		skip();
	}
	for (unsigned round = 0; round < 50; round++) {
		uint8_t key[56], iv[8], plain[64], ours[64], theirs[80];
		struct rfp_cipher c;
		EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
		int n = 0;

		for (unsigned i = 0; i < 56; i++)
			key[i] = (uint8_t)(round * 7 + i * 31);
		for (unsigned i = 0; i < 64; i++)
			plain[i] = (uint8_t)(round + i * 11);
		memcpy(iv, plain + 20, 8);
		rfp_cipher_key(&c, key, iv);
		assert_int_equal(rfp_seal(&c, plain, 64, ours), 64);
		assert_int_equal(EVP_EncryptInit_ex(x, bf, NULL, NULL, NULL), 1);
		assert_int_equal(EVP_CIPHER_CTX_set_key_length(x, 56), 1);
		assert_int_equal(EVP_EncryptInit_ex(x, NULL, NULL, key, iv), 1);
		EVP_CIPHER_CTX_set_padding(x, 0);
		assert_int_equal(EVP_EncryptUpdate(x, theirs, &n, plain, 64), 1);
		assert_int_equal(n, 64);
		assert_memory_equal(ours, theirs, 64);
		EVP_CIPHER_CTX_free(x);
	}
	EVP_CIPHER_free(bf);
	OSSL_PROVIDER_unload(legacy);
	OSSL_LIB_CTX_free(lib);
}

static void session(struct rfp_cipher *c, enum rfp_toward d)
{
	uint8_t auth[32], rfpa[64], iv[8];

	for (unsigned i = 0; i < 32; i++)
		auth[i] = (uint8_t)i;
	for (unsigned i = 0; i < 64; i++)
		rfpa[i] = (uint8_t)(0x40 + i);
	rfp_iv(auth, d, iv);
	rfp_cipher_key(c, rfp_subkey(rfpa, d), iv);
}

static void check_stream(const struct rfp_sealed *v, size_t n, enum rfp_toward d)
{
	struct rfp_cipher tx, rx;
	struct rfp_frame f;
	uint8_t plain[512], want[512], got[512];

	session(&tx, d);
	session(&rx, d);
	rfp_frame_init(&f);
	rfp_frame_seal(&f, &rx);
	for (size_t i = 0; i < n; i++) {
		size_t np = unhex(v[i].plain, plain, sizeof(plain));
		size_t nw = unhex(v[i].cipher, want, sizeof(want)), room;
		struct slice msg;

		assert_int_equal(rfp_seal(&tx, plain, np, got), nw);
		assert_memory_equal(got, want, nw);
		for (size_t k = 0; k < nw; k++) { /* one octet at a time */
			uint8_t *to = rfp_frame_room(&f, &room);

			assert_true(room > 0);
			*to = want[k];
			rfp_frame_put(&f, 1);
			assert_int_equal(rfp_frame_next(&f, &msg), k + 1 == nw);
		}
		assert_int_equal(msg.n, np);
		assert_memory_equal(msg.p, plain, np);
	}
}

static void session_vectors(void **state)
{
	(void)state;
	check_stream(sealed_omm_to_rfp, ARRAY_LEN(sealed_omm_to_rfp), TO_RFP);
	check_stream(sealed_rfp_to_omm, ARRAY_LEN(sealed_rfp_to_omm), TO_OMM);
}

static void ivs(void **state)
{
	uint8_t auth[32], iv[8], want[8];

	(void)state;
	for (unsigned i = 0; i < 32; i++)
		auth[i] = (uint8_t)i;
	rfp_iv(auth, TO_OMM, iv);
	unhex("6fe03f41e2ce39cf", want, 8);
	assert_memory_equal(iv, want, 8);
	rfp_iv(auth, TO_RFP, iv);
	unhex("c8fe7c6be1d8475c", want, 8);
	assert_memory_equal(iv, want, 8);
}

static void cksum(void **state)
{
	static const uint8_t zero[60];

	(void)state;
	assert_int_equal(rfp_cksum(zero, 60), 0x1ec1090b);
	assert_int_equal(rfp_cksum((const uint8_t *)"123456789", 9), 0x377a6011);
	assert_int_equal(rfp_cksum(zero, 0), 0xffffffff);
}

static void at_rest(void **state)
{
	static const uint8_t mac[6] = { 0x02, 0x00, 0x5e, 0x10, 0x00, 0x01 };
	uint8_t stored[64], out[64], back[64];

	(void)state;
	unhex("A9BEE9196DEECB4B3607C4D7D1220447E1FE30C890F690C60B587C3296A27F49"
	      "51304F80479894795F81F0DAC4F1528630A4C81718B161DB50A4CEFF1D3B3BDD",
	    stored, 64);
	rfp_rfpa_at_rest(mac, false, stored, out);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(out[i], 0x40 + i);
	rfp_rfpa_at_rest(mac, true, out, back);
	assert_memory_equal(back, stored, 64);
}

static void old_keys(void **state)
{
	uint8_t want[56], iv[8] = { 0 }, msg[8] = { 1, 2, 3, 4 }, out[8];
	struct rfp_cipher c, k;

	(void)state;
	unhex(
	    "9dc880c7c2da904c841515ca34bf7e9c51d41dabbd8e9e07bbeb457ef4a16d884f7dc48414d1ea501c77bb"
	    "f73c586c4d684bb1869246c895",
	    want, 56);
	rfp_cipher_fixed(&c, TO_RFP, iv);
	rfp_cipher_key(&k, want, iv);
	assert_memory_equal(&c.bf, &k.bf, sizeof(k.bf));
	unhex(
	    "87e0f9b38927f7231541fa19c2e2de7629eb96c85e7c794d2ea55de608e4ae07cff431a267b8790a36c6e4"
	    "1c21f8350c77871e168798731f",
	    want, 56);
	rfp_cipher_fixed(&c, TO_OMM, iv);
	rfp_cipher_key(&k, want, iv);
	assert_memory_equal(&c.bf, &k.bf, sizeof(k.bf));
	/* After 2,500 messages the key is the one that the last one's ciphertext seeds: make that 01020304. */
	for (unsigned i = 0; i < RFP_REKEY_EACH - 1; i++)
		rfp_seal(&c, msg, 8, out);
	memset(out, 0, 8);
	memcpy(out, (uint8_t[]){ 1, 2, 3, 4 }, 4);
	rfp_open(&c, out, 8);
	unhex(
	    "e9faed7431a39e75e17d9f8e860b2c251e443589d729ea28a421a05871b6457fc36560da2decdce2df2174"
	    "bc41f774f3640124f4ef94c878",
	    want, 56);
	rfp_cipher_key(&k, want, iv);
	assert_memory_equal(&c.bf, &k.bf, sizeof(k.bf));
	assert_int_equal(c.count, 0);
}

static void signature(void **state)
{
	uint8_t auth[32], msg[512], sig[16];
	struct rfp_block blk;

	(void)state;
	for (unsigned i = 0; i < 32; i++)
		auth[i] = (uint8_t)i;
	for (size_t i = 0; i < ARRAY_LEN(rfp_vectors); i++) {
		size_t n;

		if (strncmp(rfp_vectors[i].name, "sys_init", 8) != 0)
			continue;
		n = unhex(rfp_vectors[i].hex, msg, sizeof(msg));
		assert_int_equal(rfp_signature(auth, msg, n, sig), 0);
		assert_memory_equal(sig, msg + n - 16, 16);
		assert_int_equal(rfp_block_open(msg + 4 + 0x18, &blk), 0);
		assert_true(blk.sum_ok);
		assert_memory_equal(blk.mac, msg + 4 + 8, 6);
		assert_int_equal(blk.branding & 0x3ff, 0x08);
		msg[20] ^= 1; /* any change shows */
		assert_int_equal(rfp_signature(auth, msg, n, sig), 0);
		assert_memory_not_equal(sig, msg + n - 16, 16);
		msg[4 + 0x18 + 30] ^= 1;
		assert_int_equal(rfp_block_open(msg + 4 + 0x18, &blk), 0);
		assert_false(blk.sum_ok);
	}
	assert_int_equal(rfp_signature(auth, msg, 3, sig), ERR_TRUNCATED);
}

static void wrong_key_shows(void **state)
{
	struct rfp_cipher tx, rx;
	unsigned refused = 0;

	(void)state;
	/* One in 30 of all wrong keys decrypts a possible type: such a message is then too short or unknown. */
	for (unsigned t = 0; t < 200; t++) {
		uint8_t key[56], iv[8] = { 0 }, plain[8] = { 0x01, 0x26 }, out[8];
		struct rfp_frame f;
		struct slice msg;
		size_t room;

		memset(key, (int)t, sizeof(key));
		rfp_cipher_key(&tx, key, iv);
		key[t % 56] ^= 0x40;
		rfp_cipher_key(&rx, key, iv);
		rfp_seal(&tx, plain, 4, out);
		rfp_frame_init(&f);
		rfp_frame_seal(&f, &rx);
		memcpy(rfp_frame_room(&f, &room), out, 8);
		rfp_frame_put(&f, 8);
		refused += rfp_frame_next(&f, &msg) < 0;
	}
	assert_in_range(refused, 185, 200);
}

static void limits(void **state)
{
	struct rfp_frame f;
	struct slice msg;
	size_t room;

	(void)state;
	rfp_frame_init(&f);
	memcpy(rfp_frame_room(&f, &room), (uint8_t[]){ 0x01, 0x20, 0x10, 0x01 }, 4);
	rfp_frame_put(&f, 4);
	assert_int_equal(rfp_frame_next(&f, &msg), ERR_LIMIT);
	rfp_frame_init(&f);
	memcpy(rfp_frame_room(&f, &room), (uint8_t[]){ 0x09, 0x00, 0, 0 }, 4);
	rfp_frame_put(&f, 4);
	assert_int_equal(rfp_frame_next(&f, &msg), ERR_SYNTAX);
	/* The longest message fits, whatever came before it. */
	rfp_frame_init(&f);
	for (unsigned i = 0; i < 40; i++) {
		static uint8_t big[RFP_HDR + RFP_PAY_MAX] = { 0x01, 0x27, 0x10, 0x00 };
		size_t sent = 0;

		while (sent < sizeof(big)) {
			uint8_t *to = rfp_frame_room(&f, &room);
			size_t part = sizeof(big) - sent;

			part = part > 777 ? 777 : part;
			part = part > room ? room : part;
			assert_true(part > 0);
			memcpy(to, big + sent, part);
			rfp_frame_put(&f, part);
			sent += part;
			assert_int_equal(rfp_frame_next(&f, &msg), sent == sizeof(big));
		}
		assert_int_equal(msg.n, sizeof(big));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blowfish_vector),
		cmocka_unit_test(blowfish_as_openssl),
		cmocka_unit_test(session_vectors),
		cmocka_unit_test(ivs),
		cmocka_unit_test(cksum),
		cmocka_unit_test(at_rest),
		cmocka_unit_test(old_keys),
		cmocka_unit_test(signature),
		cmocka_unit_test(wrong_key_shows),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
