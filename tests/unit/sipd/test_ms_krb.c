/* MIC tokens of Kerberos against MIT's GSS library: a ticket made here, both ends of its context, each encryption type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>

#include "common/enc.h"
#include "common/mem.h"
#include "sipd/ms_krb.h"
#include "sipd/ms_sign.h"
#include "tests/support/krb_ticket.h"

static const int types[] = { 17, 18, 19, 20, 23 };

struct pair {
	gss_ctx_id_t client, server;
	struct ms_krb_keys keys;
};

/* The subkey, as the library's own end says. */
static void keys_of(struct pair *p, int enctype)
{
	gss_buffer_set_t set = GSS_C_NO_BUFFER_SET;
	OM_uint32 minor;

	assert_int_equal(
	    gss_inquire_sec_context_by_oid(&minor, p->client, GSS_C_INQ_SSPI_SESSION_KEY, &set),
	    GSS_S_COMPLETE);
	assert_int_equal(ms_krb_keys(&p->keys, (unsigned)enctype, set->elements[0].value,
	                     set->elements[0].length),
	    0);
	gss_release_buffer_set(&minor, &set);
}

static void make(struct pair *p, int enctype)
{
	struct krb_world w;
	gss_cred_id_t client = GSS_C_NO_CREDENTIAL, server = GSS_C_NO_CREDENTIAL;
	gss_name_t name;
	gss_buffer_desc text = { strlen(KRB_SERVICE_GSS), (char[]){ KRB_SERVICE_GSS } },
	                out = GSS_C_EMPTY_BUFFER, back = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor;

	krb_world(&w, enctype);
	assert_int_equal(
	    gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &name), GSS_S_COMPLETE);
	assert_int_equal(gss_krb5_import_cred(&minor, w.cc, NULL, NULL, &client), GSS_S_COMPLETE);
	assert_int_equal(
	    gss_krb5_import_cred(&minor, NULL, w.service, w.kt, &server), GSS_S_COMPLETE);
	p->client = p->server = GSS_C_NO_CONTEXT;
	OM_uint32 major = gss_init_sec_context(&minor, client, &p->client, name,
	    (gss_OID)(uintptr_t)gss_mech_krb5, GSS_C_INTEG_FLAG, 0, NULL, NULL, NULL, &out, NULL,
	    NULL);
	assert_int_equal(major, GSS_S_COMPLETE);
	major = gss_accept_sec_context(
	    &minor, &p->server, server, &out, NULL, NULL, NULL, &back, NULL, NULL, NULL);
	assert_int_equal(major, GSS_S_COMPLETE);
	assert_int_equal(back.length, 0); /* not mutual */
	keys_of(p, enctype);
	gss_release_buffer(&minor, &out);
	gss_release_cred(&minor, &client);
	gss_release_cred(&minor, &server);
	gss_release_name(&minor, &name);
	krb_world_free(&w);
}

static void drop(struct pair *p)
{
	OM_uint32 minor;

	gss_delete_sec_context(&minor, &p->client, NULL);
	gss_delete_sec_context(&minor, &p->server, NULL);
}

static const char *const texts[] = { "<Kerberos><0a9b8c7d><2><SIP Communications Service>", "",
	"a" };

static void library_takes_ours(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct pair p;
		make(&p, types[i]);
		for (size_t t = 0; t < ARRAY_LEN(texts); t++)
			for (int server = 0; server < 2; server++)
				for (uint32_t seq = 0; seq < 3; seq++) {
					char hex[MS_KRB_SIG + 1];
					uint8_t raw[64];
					size_t n;
					OM_uint32 minor;
					gss_buffer_desc m = { strlen(texts[t]),
						(void *)(uintptr_t)texts[t] },
					                mic = { 0, raw };
					assert_int_equal(
					    ms_krb_sign(&p.keys, server, seq * 0x7fffffffu,
					        slice_str(texts[t]), hex),
					    0);
					assert_int_equal(
					    enc_unhex(slice_str(hex), raw, sizeof(raw), &n), 0);
					mic.length = n;
					assert_int_equal(
					    gss_verify_mic(&minor, server ? p.client : p.server, &m,
					        &mic, NULL),
					    GSS_S_COMPLETE);
				}
		drop(&p);
	}
}

static void we_take_the_librarys(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct pair p;
		make(&p, types[i]);
		for (size_t t = 0; t < ARRAY_LEN(texts); t++)
			for (int server = 0; server < 2; server++) {
				char hex[MS_KRB_SIG + 1];
				OM_uint32 minor;
				gss_buffer_desc m = { strlen(texts[t]),
					(void *)(uintptr_t)texts[t] },
				                mic;
				assert_int_equal(gss_get_mic(&minor, server ? p.server : p.client,
				                     GSS_C_QOP_DEFAULT, &m, &mic),
				    GSS_S_COMPLETE);
				assert_true(mic.length * 2 <= MS_KRB_SIG);
				enc_hex(mic.value, mic.length, hex);
				struct slice buf = slice_str(texts[t]);
				assert_int_equal(
				    ms_krb_verify(&p.keys, server, buf, slice_str(hex)), 0);
				/* the other direction, another text, any digit changed, cut */
				assert_int_equal(
				    ms_krb_verify(&p.keys, !server, buf, slice_str(hex)), ERR_AUTH);
				assert_int_equal(
				    ms_krb_verify(&p.keys, server, SLICE_LIT("b"), slice_str(hex)),
				    ERR_AUTH);
				for (size_t d = 0; d < 2 * mic.length; d++) {
					char keep = hex[d];
					/* RC4 covers the number by nothing but the direction: any will do */
					bool free_digit = types[i] == 23 && d >= 42 && d < 50;
					hex[d] = keep == '0' ? '1' : '0';
					if (!free_digit)
						assert_int_equal(ms_krb_verify(&p.keys, server, buf,
						                     slice_str(hex)),
						    ERR_AUTH);
					hex[d] = keep;
				}
				assert_int_equal(
				    ms_krb_verify(&p.keys, server, buf,
				        slice_sub(slice_str(hex), 0, 2 * mic.length - 2)),
				    ERR_AUTH);
				gss_release_buffer(&minor, &mic);
			}
		drop(&p);
	}
}

static void bad_keys(void **state)
{
	struct ms_krb_keys k;
	uint8_t key[32] = { 0 };
	char *big = mem_new(MS_SIGN_BUFFER_MAX + 2), out[MS_KRB_SIG + 1];

	(void)state;
	assert_int_equal(ms_krb_keys(&k, 16, key, 24), ERR_UNSUPP);
	assert_int_equal(ms_krb_keys(&k, 21, key, 32), ERR_UNSUPP);
	assert_int_equal(ms_krb_keys(&k, 18, key, 16), ERR_VALUE);
	assert_int_equal(ms_krb_keys(&k, 17, key, 32), ERR_VALUE);
	assert_int_equal(ms_krb_keys(&k, 23, key, 0), ERR_VALUE);
	assert_int_equal(ms_krb_keys(&k, 18, key, 32), 0);
	struct slice s = { big, MS_SIGN_BUFFER_MAX + 1 };
	assert_int_equal(ms_krb_sign(&k, false, 0, s, out), ERR_LIMIT);
	s.n--;
	assert_int_equal(ms_krb_sign(&k, false, 0, s, out), 0);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(library_takes_ours),
		cmocka_unit_test(we_take_the_librarys),
		cmocka_unit_test(bad_keys),
	};
	krb_world_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
