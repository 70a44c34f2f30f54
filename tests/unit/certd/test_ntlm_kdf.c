/* NTLMv2 against MS-NLMP 4.2.4, a captured exchange, and hostile CHALLENGE_MESSAGEs. */
#include "certd/ntlm_kdf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/ossl.h"

#include <openssl/hmac.h>

#include "certd/ntlm_prim.h"
#include "common/enc.h"
#include "common/mem.h"
#include "ntlm_vectors.h"

static uint8_t buf[4096];

static struct slice unhex(const char *s, uint8_t *out, size_t cap)
{
	size_t n = 0;

	assert_int_equal(enc_unhex(slice_str(s), out, cap, &n), 0);
	return (struct slice){ (const char *)out, n };
}

static void same(const uint8_t *got, const char *want)
{
	char hex[2 * 2048 + 1];

	assert_true(strlen(want) < sizeof(hex));
	enc_hex(got, strlen(want) / 2, hex);
	assert_string_equal(hex, want);
}

static void test_md4(void **state)
{
	/* RFC 1320 A.5 */
	static const struct {
		const char *in, *out;
	} v[] = {
		{ "", "31d6cfe0d16ae931b73c59d7e0c089c0" },
		{ "a", "bde52cb31de33e46245e05fbdbd6fb24" },
		{ "abc", "a448017aaf21d8525fc10ae87aa6729d" },
		{ "message digest", "d9130a8164549fe818874806e1c7014b" },
		{ "abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9" },
		{ "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
		    "043f8582f241db351ce627e153e7f0e4" },
		{ "1234567890123456789012345678901234567890123456789012345678901234567890123456789"
		  "0",
		    "e33b4ddc9c38f2199c3e7b164fcc0536" },
	};
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		ntlm_md4(v[i].in, strlen(v[i].in), out);
		same(out, v[i].out);
	}
}

static void test_rc4(void **state)
{
	struct ntlm_rc4 c;
	uint8_t out[16] = { 0 };

	(void)state;
	ntlm_rc4_init(&c, (const uint8_t *)"Key", 3);
	ntlm_rc4_crypt(&c, (const uint8_t *)"Plaintext", 9, out);
	same(out, "bbf316e8d940af0ad3");
	/* RFC 6229, 40-bit key 0102030405, offset 0; in two pieces */
	memset(out, 0, sizeof(out));
	ntlm_rc4_init(&c, (const uint8_t[]){ 1, 2, 3, 4, 5 }, 5);
	ntlm_rc4_crypt(&c, out, 5, out);
	ntlm_rc4_crypt(&c, out + 5, 11, out + 5);
	same(out, "b2396305f03dc027ccc3524a0a1118a8");
}

/* The signature of 16 octets as MS-SIPAE's datagram mode has it. */
static void datagram_sign(
    const uint8_t sign[16], const uint8_t seal[16], const char *text, size_t n, uint8_t sig[16])
{
	static const uint8_t seq[4] = { 100, 0, 0, 0 };
	uint8_t in[2048], mac[16], key[16];
	unsigned len = 16;
	struct ntlm_rc4 rc4;

	assert_true(n + 4 <= sizeof(in));
	memcpy(in, seq, 4);
	memcpy(in + 4, text, n);
	assert_non_null(HMAC(EVP_md5(), sign, 16, in, n + 4, mac, &len));
	memcpy(in, seal, 16);
	memcpy(in + 16, seq, 4);
	assert_int_equal(EVP_Digest(in, 20, key, NULL, EVP_md5(), NULL), 1);
	ntlm_rc4_init(&rc4, key, 16);
	memset(sig, 0, 16);
	sig[0] = 1;
	ntlm_rc4_crypt(&rc4, mac, 8, sig + 4);
	memcpy(sig + 12, seq, 4);
}

static void test_published(void **state)
{
	uint8_t hash[16], key[16], sig[16];
	struct ntlm_keys k;
	struct slice plain = unhex(NLMP_PLAINTEXT, buf, sizeof(buf));

	(void)state;
	assert_int_equal(ntlm_nt_hash(SLICE_LIT("Password"), hash), 0);
	same(hash, "a4f49c406510bdcab6824ee7c30fd852");
	assert_int_equal(ntlm_ntowf_v2(hash, SLICE_LIT("User"), SLICE_LIT("Domain"), key), 0);
	same(key, NLMP_NTOWFV2);
	unhex(NLMP_RANDOM_SESSION_KEY, key, 16);
	assert_int_equal(ntlm_keys_derive(key, &k), 0);
	same(k.client_sign, NLMP_CLIENT_SIGN_KEY);
	same(k.server_sign, NLMP_SERVER_SIGN_KEY);
	same(k.client_seal, NLMP_CLIENT_SEAL_KEY);
	same(k.server_seal, NLMP_SERVER_SEAL_KEY);
	datagram_sign(k.client_sign, k.client_seal, plain.p, plain.n, sig);
	same(sig, NLMP_DATAGRAM_SIGNATURE_SEQ100);
}

static struct ntlm_in flow_input(uint8_t challenge[1024])
{
	struct ntlm_in in = {
		.user = SLICE_LIT("dect1"),
		.domain = SLICE_LIT("CONTOSO"),
		.has_domain = true,
		.workstation = SLICE_LIT("SIPD01"),
		.spn = SLICE_LIT("sip/lyncfe01.contoso.com"),
	};

	in.challenge = unhex(FLOW_CHALLENGE_MESSAGE, challenge, 1024);
	unhex(FLOW_CLIENT_CHALLENGE, in.client_challenge, 8);
	unhex(FLOW_EXPORTED_SESSION_KEY, in.session_key, 16);
	assert_int_equal(ntlm_nt_hash(SLICE_LIT("Pa$$w0rd-DECT"), in.nt_hash), 0);
	return in;
}

static void test_flow(void **state)
{
	uint8_t challenge[1024], out[NTLM_AUTH_MAX], again[NTLM_AUTH_MAX];
	struct ntlm_in in = flow_input(challenge);
	struct ntlm_keys k;
	size_t n, m;

	(void)state;
	assert_int_equal(ntlm_authenticate(&in, out, sizeof(out), &n, &k), 0);
	assert_int_equal(n, strlen(FLOW_PLAIN) / 2);
	same(out, FLOW_PLAIN);
	same(k.client_sign, FLOW_CLIENT_SIGN_KEY);
	same(k.server_seal, FLOW_SERVER_SEAL_KEY);

	in.mic = true;
	assert_int_equal(ntlm_authenticate(&in, out, sizeof(out), &n, &k), 0);
	assert_int_equal(n, strlen(FLOW_MIC) / 2);
	same(out, FLOW_MIC);

	/* The same account written three ways gives the same message. */
	in.has_domain = false;
	in.domain = (struct slice){ 0 };
	assert_int_equal(ntlm_authenticate(&in, again, sizeof(again), &m, &k), 0);
	assert_int_equal(m, n);
	assert_memory_equal(again, out, n);
	in.user = SLICE_LIT("CONTOSO\\dect1");
	assert_int_equal(ntlm_authenticate(&in, again, sizeof(again), &m, &k), 0);
	assert_memory_equal(again, out, n);

	/* A UPN leaves Domain empty. */
	in.user = SLICE_LIT("dect1@contoso.com");
	assert_int_equal(ntlm_authenticate(&in, again, sizeof(again), &m, &k), 0);
	assert_int_equal(again[28] | again[29], 0);
	assert_int_equal(ntlm_authenticate(&in, again, 100, &m, &k), ERR_LIMIT);
	assert_int_equal(m, 0);
}

static void test_capture(void **state)
{
	uint8_t challenge[1024], want[1024], out[NTLM_AUTH_MAX], sig[16];
	struct ntlm_in in = {
		.user = SLICE_LIT("User"),
		.workstation = SLICE_LIT("COSMO-OCS-R2"),
		.mic = true, /* must not happen: the challenge has no time stamp */
	};
	struct slice theirs = unhex(OCS_AUTHENTICATE, want, sizeof(want));
	struct ntlm_keys k;
	uint8_t time[8];
	size_t n;

	(void)state;
	in.challenge = unhex(OCS_CHALLENGE, challenge, sizeof(challenge));
	unhex(OCS_CLIENT_CHALLENGE, in.client_challenge, 8);
	unhex(OCS_EXPORTED_SESSION_KEY, in.session_key, 16);
	unhex(OCS_TIME, time, 8);
	for (int i = 7; i >= 0; i--)
		in.time = in.time << 8 | time[i];
	assert_int_equal(ntlm_nt_hash(SLICE_LIT("Pa$$word"), in.nt_hash), 0);
	assert_int_equal(ntlm_authenticate(&in, out, sizeof(out), &n, &k), 0);
	same(k.client_sign, OCS_CLIENT_SIGN_KEY);
	same(k.server_sign, OCS_SERVER_SIGN_KEY);
	/* The real client's workstation name is longer than ours could be told: compare what follows the names. */
	assert_true(n >= 24 + 0xc6 + 16);
	assert_memory_equal(
	    out + n - (24 + 0xc6 + 16), theirs.p + theirs.n - (24 + 0xc6 + 16), 24 + 0xc6 + 16);
	datagram_sign(
	    k.client_sign, k.client_seal, OCS_REQUEST_BUFFER, strlen(OCS_REQUEST_BUFFER), sig);
	same(sig, OCS_REQUEST_SIGNATURE);
	datagram_sign(
	    k.server_sign, k.server_seal, OCS_RESPONSE_BUFFER, strlen(OCS_RESPONSE_BUFFER), sig);
	same(sig, OCS_RESPONSE_SIGNATURE);
}

/* Every truncation and every single flipped octet: an answer or an error, no read outside. */
static void test_hostile(void **state)
{
	uint8_t challenge[1024], out[NTLM_AUTH_MAX];
	struct ntlm_in in = flow_input(challenge);
	struct ntlm_challenge c;
	struct ntlm_keys k;
	size_t n, full = in.challenge.n;

	(void)state;
	for (size_t cut = 0; cut < full; cut++) {
		char *exact = malloc(cut ? cut : 1);

		memcpy(exact, challenge, cut);
		in.challenge = (struct slice){ exact, cut };
		assert_true(ntlm_authenticate(&in, out, sizeof(out), &n, &k) < 0);
		free(exact);
	}
	for (size_t i = 0; i < full; i++) {
		char *exact = malloc(full);

		memcpy(exact, challenge, full);
		exact[i] = (char)(exact[i] ^ 0xff);
		in.challenge = (struct slice){ exact, full };
		if (ntlm_challenge_parse(in.challenge, &c) == 0)
			assert_true(c.target_info.n <= full);
		n = 0;
		if (ntlm_authenticate(&in, out, sizeof(out), &n, &k) == 0)
			assert_true(n > 88);
		free(exact);
	}
	in = flow_input(challenge);
	challenge[22] &= 0x7f; /* EXTENDED_SESSIONSECURITY is 0x00080000 */
	challenge[22] &= 0xf7;
	assert_int_equal(ntlm_challenge_parse(in.challenge, &c), ERR_UNSUPP);
	in = flow_input(challenge);
	in.user = SLICE_LIT("a\xff");
	assert_int_equal(ntlm_authenticate(&in, out, sizeof(out), &n, &k), ERR_SYNTAX);
}

static void test_upper(void **state)
{
	uint8_t hash[16] = { 0 }, a[16], b[16];

	(void)state;
	assert_int_equal(ntlm_ntowf_v2(hash, SLICE_LIT("m\xc3\xbcller"), SLICE_LIT("D"), a), 0);
	assert_int_equal(ntlm_ntowf_v2(hash, SLICE_LIT("M\xc3\x9cLLER"), SLICE_LIT("D"), b), 0);
	assert_memory_equal(a, b, 16);
	/* the domain is not mapped */
	assert_int_equal(ntlm_ntowf_v2(hash, SLICE_LIT("M\xc3\x9cLLER"), SLICE_LIT("d"), b), 0);
	assert_memory_not_equal(a, b, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_md4),
		cmocka_unit_test(test_rc4),
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_flow),
		cmocka_unit_test(test_capture),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_upper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
