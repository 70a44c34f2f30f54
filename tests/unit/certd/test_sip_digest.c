/* SIP digest against the examples of RFC 2617 and RFC 7616 and against another implementation. */
#include "certd/sip_digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"

static void test_rfc(void **state)
{
	struct sip_digest d = {
		.alg = SIP_DIGEST_MD5,
		.username = SLICE_LIT("Mufasa"),
		.realm = SLICE_LIT("testrealm@host.com"),
		.password = SLICE_LIT("Circle Of Life"),
		.nonce = SLICE_LIT("dcd98b7102dd2f0e8b11d0f600bfb0c093"),
		.qop = SLICE_LIT("auth"),
		.cnonce = SLICE_LIT("0a4f113b"),
		.nc = 1,
		.method = SLICE_LIT("GET"),
		.uri = SLICE_LIT("/dir/index.html"),
	};
	char out[SIP_DIGEST_HEX];

	(void)state;
	/* RFC 2617 3.5 */
	assert_int_equal(sip_digest_response(&d, out), 0);
	assert_string_equal(out, "6629fae49393a05397450978507c4ef1");
	/* RFC 7616 3.9.1 */
	d.realm = SLICE_LIT("http-auth@example.org");
	d.password = SLICE_LIT("Circle of Life");
	d.nonce = SLICE_LIT("7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v");
	d.cnonce = SLICE_LIT("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ");
	assert_int_equal(sip_digest_response(&d, out), 0);
	assert_string_equal(out, "8ca523f5e9506fed4657c9700eebdbec");
	d.alg = SIP_DIGEST_SHA256;
	assert_int_equal(sip_digest_response(&d, out), 0);
	assert_string_equal(
	    out, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
}

/* Computed with Python's hashlib for alice at example.com, nc 0x2a, body "v=0\r\n". */
static const struct {
	enum sip_digest_alg alg;
	bool sess;
	const char *qop, *response;
} vec[] = {
	{ SIP_DIGEST_MD5, false, "", "209c75cb70aace44cdbccace1dacea38" },
	{ SIP_DIGEST_MD5, false, "auth", "1e67f6d00d0dd478461abe9b377d3687" },
	{ SIP_DIGEST_MD5, false, "auth-int", "40408fd1228b79c2a91ca203de7d753a" },
	{ SIP_DIGEST_MD5, true, "auth", "cdc98686541b6eab48c8f9e07a9d389d" },
	{ SIP_DIGEST_MD5, true, "auth-int", "2969d44275c81d1a46f2e5f2e854c90f" },
	{ SIP_DIGEST_SHA256, false, "",
	    "704bb51f78d55aff2f85843649193e4d116a212608a7d2a826b79feb98567ef8" },
	{ SIP_DIGEST_SHA256, false, "auth",
	    "9576f1ff8c9b57a9b50b4198484645f96eb72f564c8a24b7521f2e69af3c7e49" },
	{ SIP_DIGEST_SHA256, false, "auth-int",
	    "32fe7df6d4c1ea9a88a8f762de16ee8ecca81929dfaf5f48113d636b145df09d" },
	{ SIP_DIGEST_SHA256, true, "auth",
	    "b8aa48b0a3ae92b1d0a0673b12a1fa73a5a64ecf363d62cf9c29437f15eafbf9" },
	{ SIP_DIGEST_SHA256, true, "auth-int",
	    "9147f308c49d63ae14336810deb5a5244448d97eda17d69dd3e56f4667051a81" },
	{ SIP_DIGEST_SHA512_256, false, "",
	    "4b84e5b57bcad4e542d0ea81919fdd6ad868656f824c2beb985115303da40b80" },
	{ SIP_DIGEST_SHA512_256, false, "auth",
	    "680ed6c24f37c07d9a9ae41575be874f43081a881516b06fc4a10e3584f0ba35" },
	{ SIP_DIGEST_SHA512_256, false, "auth-int",
	    "3f24922a4e93f610f7d0305fa79463a684581c64a44dcead9203f2d90bb782d5" },
	{ SIP_DIGEST_SHA512_256, true, "auth",
	    "534513bce630d5a2462d28db918574694281106e61b876a548ea45eee380bad1" },
	{ SIP_DIGEST_SHA512_256, true, "auth-int",
	    "e0296b89b339a0034a8d8e311be5954682a48c8edc9b11fafaf4f4ad0a162fe6" },
};

static const char *body_hash(enum sip_digest_alg alg)
{
	switch (alg) {
	case SIP_DIGEST_MD5:
		return "b0d75ee0fad0609be9c67fb60aaf290a";
	case SIP_DIGEST_SHA256:
		return "4cf57627095fbc4886de378fcb3407917caca20bf078ca3f0fac3e5ca9b192d8";
	case SIP_DIGEST_SHA512_256:
		return "e050f8d20c299116e66c1c52b5a7f4d2acf70360afc71d77ba606422a5971779";
	}
	return "";
}

static void test_variants(void **state)
{
	char out[SIP_DIGEST_HEX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vec); i++) {
		struct sip_digest d = {
			.alg = vec[i].alg,
			.sess = vec[i].sess,
			.username = SLICE_LIT("alice"),
			.realm = SLICE_LIT("example.com"),
			.password = SLICE_LIT("p\xc3\xa4ssword"),
			.nonce = SLICE_LIT("abc123"),
			.qop = slice_str(vec[i].qop),
			.cnonce = SLICE_LIT("f00d"),
			.nc = 0x2a,
			.method = SLICE_LIT("REGISTER"),
			.uri = SLICE_LIT("sip:example.com"),
			.body_hash = slice_str(body_hash(vec[i].alg)),
		};

		assert_int_equal(sip_digest_response(&d, out), 0);
		assert_string_equal(out, vec[i].response);
	}
}

static void test_refused(void **state)
{
	struct sip_digest d = {
		.alg = SIP_DIGEST_MD5,
		.username = SLICE_LIT("a"),
		.nonce = SLICE_LIT("n"),
		.method = SLICE_LIT("REGISTER"),
		.uri = SLICE_LIT("sip:x"),
	};
	char out[SIP_DIGEST_HEX];

	(void)state;
	assert_int_equal(sip_digest_response(&d, out), 0);
	d.sess = true;
	assert_int_equal(sip_digest_response(&d, out), ERR_VALUE); /* no cnonce */
	d.cnonce = SLICE_LIT("c");
	d.qop = SLICE_LIT("auth");
	assert_int_equal(sip_digest_response(&d, out), ERR_VALUE); /* no nc */
	d.nc = 1;
	d.qop = SLICE_LIT("auth-int");
	assert_int_equal(sip_digest_response(&d, out), ERR_VALUE); /* no body hash */
	d.qop = SLICE_LIT("auth,auth-int");
	assert_int_equal(sip_digest_response(&d, out), ERR_VALUE);
	d.qop = SLICE_LIT("auth");
	d.alg = 9;
	assert_int_equal(sip_digest_response(&d, out), ERR_VALUE);
	assert_string_equal(out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc),
		cmocka_unit_test(test_variants),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
