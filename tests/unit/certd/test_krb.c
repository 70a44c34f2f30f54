/* Kerberos without a network: first messages, KDCs' errors in words, bounds, keytabs as MIT's library writes them, and the
 * message for the server as its GSS library takes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>

#include "certd/keytab.h"
#include "certd/krb_err.h"
#include "certd/krb_int.h"
#include "certd/krb_prof.h"
#include "certd/secret.h"
#include "common/mem.h"
#include "tests/support/krb_ticket.h"
#include "tests/unit/certd/tmpdir.h"

struct world {
	char *dir;
	struct store *store;
	struct tmr_wheel *wheel;
	struct krb *k;
	struct krb_step step;
	char why[512];
};

static int up(void **state)
{
	struct world *x = mem_new(sizeof(*x));
	const char *why;

	x->dir = tmp_make();
	assert_int_equal(store_open(x->dir, &x->store, x->why, sizeof(x->why)), 0);
	x->wheel = tmr_wheel_new(NULL); /* time passes when the test says so */
	x->k = krb_new(x->store, x->wheel);
	assert_int_equal(
	    secret_set(x->store, STORE_SIP, SLICE_LIT("201"), SLICE_LIT("pass"), &why), 0);
	*state = x;
	return 0;
}

static int down(void **state)
{
	struct world *x = *state;

	krb_free(x->k);
	store_close(x->store);
	tmr_wheel_free(x->wheel);
	tmp_remove(x->dir);
	free(x);
	return 0;
}

static int begin(struct world *x, const char *user, const char *name)
{
	struct krb_ask a = { .credential = slice_str(user),
		.username = slice_str(name),
		.realm = SLICE_LIT(KRB_REALM),
		.service = SLICE_LIT("sip/lyncfe01.contoso.com") };

	return krb_begin(x->k, &a, &x->step, x->why, sizeof(x->why));
}

static int answer(struct world *x, const void *p, size_t n)
{
	struct slice s = { p, n };
	return krb_go_on(x->k, x->step.handle, &s, &x->step, x->why, sizeof(x->why));
}

static void says(const struct world *x, const char *text)
{
	if (!strstr(x->why, text))
		fail_msg("\"%s\" is not in \"%s\"", text, x->why);
}

static void first_message(void **state)
{
	struct world *x = *state;

	assert_int_equal(begin(x, "202", "dect1"), ERR_NOTFOUND);
	says(x, "202");
	says(x, "dectctl secret set");
	assert_int_equal(begin(x, "201", "dect1"), 0);
	assert_true(x->step.handle && x->step.to_kdc.n > 50);
	assert_int_equal((uint8_t)x->step.to_kdc.p[0], 0x6a); /* AS-REQ, [APPLICATION 10] */
	assert_true(slice_eq(x->step.realm, SLICE_LIT(KRB_REALM)));
	assert_false(x->step.tcp);
	assert_true(slice_eq(krb_who(x->k, x->step.handle), SLICE_LIT("201")));
	assert_non_null(memmem(x->step.to_kdc.p, x->step.to_kdc.n, "dect1", 5));
	assert_null(memmem(x->step.to_kdc.p, x->step.to_kdc.n, "pass", 4));
	/* a UPN of the realm is the account's name, another suffix an enterprise name (type 10) */
	assert_int_equal(begin(x, "201", "dect1@contoso.com"), 0);
	assert_null(memmem(x->step.to_kdc.p, x->step.to_kdc.n, "dect1@", 6));
	assert_int_equal(begin(x, "201", "dect1@example.org"), 0);
	assert_non_null(memmem(x->step.to_kdc.p, x->step.to_kdc.n, "dect1@example.org", 17));
	assert_int_equal(krb_figures(x->k).sessions, 3);
	/* no KDC */
	uint64_t handle = x->step.handle;
	assert_int_equal(krb_go_on(x->k, handle, NULL, &x->step, x->why, sizeof(x->why)), ERR_LOST);
	says(x, "no KDC of " KRB_REALM);
	assert_int_equal(
	    krb_go_on(x->k, handle, NULL, &x->step, x->why, sizeof(x->why)), ERR_STATE);
	/* names that would be something else further on */
	assert_int_equal(begin(x, "2\n1", "a"), ERR_VALUE);
	assert_int_equal(begin(x, "201", ""), ERR_VALUE);
	assert_int_equal(begin(x, "201", "a\nb"), ERR_VALUE);
}

static void bounds(void **state)
{
	struct world *x = *state;

	for (unsigned i = 0; i < KRB_SESSIONS; i++)
		assert_int_equal(begin(x, "201", "dect1"), 0);
	uint64_t last = x->step.handle;
	assert_int_equal(begin(x, "201", "dect1"), ERR_BUSY);
	tmr_advance(x->wheel, KRB_SESSION_MS + 1000);
	assert_int_equal(krb_figures(x->k).sessions, 0);
	assert_int_equal(krb_go_on(x->k, last, NULL, &x->step, x->why, sizeof(x->why)), ERR_STATE);
	says(x, "too long");
	assert_int_equal(begin(x, "201", "dect1"), 0);
	krb_drop(x->k, x->step.handle);
	krb_drop(x->k, x->step.handle);
	assert_int_equal(krb_figures(x->k).sessions, 0);
	assert_int_equal(begin(x, "201", "dect1"), 0);
	krb_configure(x->k, true); /* another kind of context: what is open ends */
	assert_int_equal(krb_figures(x->k).sessions, 0);
}

/* A KRB-ERROR as a KDC makes it. */
static krb5_data error_of(krb5_context ctx, krb5_error_code code)
{
	krb5_principal service;
	krb5_error e = { .error = (krb5_ui_4)(code - ERROR_TABLE_BASE_krb5) };
	krb5_data out;
	krb5_timestamp now;

	assert_int_equal(krb5_parse_name(ctx, "krbtgt/" KRB_REALM "@" KRB_REALM, &service), 0);
	assert_int_equal(krb5_us_timeofday(ctx, &now, &e.susec), 0);
	e.stime = now;
	e.server = service;
	assert_int_equal(krb5_mk_error(ctx, &e, &out), 0);
	krb5_free_principal(ctx, service);
	return out;
}

static void errors_in_words(void **state)
{
	static const struct {
		krb5_error_code code;
		int err;
		const char *text;
	} cases[] = {
		{ KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN, ERR_AUTH, "does not know the account dect1" },
		{ KRB5KDC_ERR_CLIENT_REVOKED, ERR_AUTH, "disabled, locked out" },
		{ KRB5KDC_ERR_KEY_EXP, ERR_AUTH, "password of dect1 has expired" },
		{ KRB5KDC_ERR_NAME_EXP, ERR_AUTH, "has expired" },
		{ KRB5KDC_ERR_POLICY, ERR_AUTH, "log-on hours" },
		{ KRB5KDC_ERR_ETYPE_NOSUPP, ERR_UNSUPP, "kerberos-rc4" },
		{ KRB5KDC_ERR_SVC_UNAVAILABLE, ERR_LOST, "not available" },
		{ KRB5KRB_AP_ERR_SKEW, ERR_UNSUPP, "NTP" },
		{ KRB5KRB_ERR_GENERIC, ERR_UNSUPP, "without a reason" },
		{ KRB5KDC_ERR_PREAUTH_FAILED, ERR_AUTH, "wrong password of dect1" },
	};
	struct world *x = *state;
	krb5_context ctx;

	assert_int_equal(krb_context(false, &ctx), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		krb5_data e = error_of(ctx, cases[i].code);
		assert_int_equal(begin(x, "201", "dect1"), 0);
		int err = answer(x, e.data, e.length);
		for (int again = 0; !err && again < 4;
		     again++) /* the library may ask another way */
			err = answer(x, e.data, e.length);
		if (err != cases[i].err)
			fail_msg("case %zu: \"%s\"", i, x->why);
		says(x, cases[i].text);
		krb5_free_data_contents(ctx, &e);
	}
	/* too big for UDP: the same again over TCP */
	krb5_data e = error_of(ctx, KRB5KRB_ERR_RESPONSE_TOO_BIG);
	assert_int_equal(begin(x, "201", "dect1"), 0);
	char *said = slice_dup(x->step.to_kdc);
	size_t n = x->step.to_kdc.n;
	assert_int_equal(answer(x, e.data, e.length), 0);
	assert_true(x->step.tcp && x->step.to_kdc.n == n);
	assert_memory_equal(x->step.to_kdc.p, said, n);
	free(said);
	/* what is no Kerberos message, cut and changed ones */
	for (unsigned at = 0; at < e.length; at++) {
		assert_int_equal(begin(x, "201", "dect1"), 0);
		(void)!answer(x, e.data, at);
		e.data[at] = (char)(e.data[at] ^ 0x40);
		assert_int_equal(begin(x, "201", "dect1"), 0);
		(void)!answer(x, e.data, e.length);
		e.data[at] = (char)(e.data[at] ^ 0x40);
		if (krb_figures(x->k).sessions > KRB_SESSIONS / 2)
			tmr_advance(x->wheel, KRB_SESSION_MS + 1000);
	}
	krb5_free_data_contents(ctx, &e);
	krb5_free_context(ctx);
}

static void own_configuration(void **state)
{
	krb5_context ctx;
	krb5_enctype *types;
	char *realm;

	(void)state;
	for (int rc4 = 0; rc4 < 2; rc4++) {
		bool has_rc4 = false, weak = false;
		assert_int_equal(krb_context(rc4, &ctx), 0);
		assert_int_equal(krb5_get_default_realm(ctx, &realm), 0);
		assert_string_equal(
		    realm, "INVALID"); /* not the one of the file that KRB5_CONFIG names */
		krb5_free_default_realm(ctx, realm);
		assert_int_equal(krb5_get_permitted_enctypes(ctx, &types), 0);
		for (krb5_enctype *t = types; *t; t++) {
			has_rc4 |= *t == ENCTYPE_ARCFOUR_HMAC;
			weak |= *t < 17 || *t > 23;
		}
		assert_int_equal(has_rc4, rc4);
		assert_false(weak);
		krb5_free_enctypes(ctx, types);
		krb5_free_context(ctx);
	}
}

/* ---- the message for the server ---- */

static void server_takes_it(void **state)
{
	static const int types[] = { 17, 18, 19, 20, 23 };
	uint8_t *token = mem_new(KRB_MESSAGE);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct krb_world w;
		struct krb_step s = { 0 };
		krb5_context ctx;
		size_t n = 0;
		gss_cred_id_t cred = GSS_C_NO_CREDENTIAL;
		gss_ctx_id_t server = GSS_C_NO_CONTEXT;
		gss_name_t client = GSS_C_NO_NAME;
		gss_buffer_desc back = GSS_C_EMPTY_BUFFER, name = GSS_C_EMPTY_BUFFER;
		gss_buffer_set_t keys = GSS_C_NO_BUFFER_SET;
		OM_uint32 minor, flags = 0;

		krb_world(&w, types[i]);
		assert_int_equal(krb_context(true, &ctx), 0);
		assert_int_equal(krb_ap_req(ctx, &w.creds, token, &n, &s), 0);
		assert_int_equal(s.enctype, types[i]);
		gss_buffer_desc in = { n, token };
		assert_int_equal(
		    gss_krb5_import_cred(&minor, NULL, w.service, w.kt, &cred), GSS_S_COMPLETE);
		assert_int_equal(gss_accept_sec_context(&minor, &server, cred, &in, NULL, &client,
		                     NULL, &back, &flags, NULL, NULL),
		    GSS_S_COMPLETE);
		assert_int_equal(back.length, 0);
		assert_true(flags & GSS_C_INTEG_FLAG);
		assert_false(flags & (GSS_C_MUTUAL_FLAG | GSS_C_REPLAY_FLAG | GSS_C_SEQUENCE_FLAG |
		                         GSS_C_DELEG_FLAG));
		assert_int_equal(gss_display_name(&minor, client, &name, NULL), GSS_S_COMPLETE);
		assert_int_equal(name.length, strlen(KRB_CLIENT));
		assert_memory_equal(name.value, KRB_CLIENT, name.length);
		/* what sipd gets is the key of this association, not the ticket's */
		assert_int_equal(gss_inquire_sec_context_by_oid(
		                     &minor, server, GSS_C_INQ_SSPI_SESSION_KEY, &keys),
		    GSS_S_COMPLETE);
		assert_int_equal(keys->elements[0].length, s.nkey);
		assert_memory_equal(keys->elements[0].value, s.key, s.nkey);
		assert_memory_not_equal(w.creds.keyblock.contents, s.key, s.nkey);
		gss_release_buffer_set(&minor, &keys);
		gss_release_buffer(&minor, &name);
		gss_release_name(&minor, &client);
		gss_delete_sec_context(&minor, &server, NULL);
		gss_release_cred(&minor, &cred);
		krb5_free_context(ctx);
		krb_world_free(&w);
	}
	free(token);
}

static void tickets_are_kept(void **state)
{
	struct krb_cache c = { 0 };
	struct krb_world w;
	uint8_t mine[16] = { 1 }, other[16] = { 2 };

	(void)state;
	krb_world(&w, 18);
	krb_cache_init(&c);
	krb_cache_put(&c, w.ctx, "a", mine, &w.creds);
	assert_non_null(krb_cache_get(&c, w.ctx, "a", mine));
	assert_null(krb_cache_get(&c, w.ctx, "b", mine));
	/* of another password: gone for good */
	assert_null(krb_cache_get(&c, w.ctx, "a", other));
	assert_null(krb_cache_get(&c, w.ctx, "a", mine));
	assert_int_equal(c.octets, 0);
	/* bounded, the oldest go */
	char key[32], last[32] = "";
	for (unsigned i = 0; i < 40000; i++) {
		snprintf(key, sizeof(key), "user %u", i);
		krb_cache_put(&c, w.ctx, key, mine, &w.creds);
		memcpy(last, key, sizeof(last));
	}
	assert_true(c.octets <= KRB_CACHE && c.n < 40000 && c.n > 1000);
	assert_null(krb_cache_get(&c, w.ctx, "user 0", mine));
	assert_non_null(krb_cache_get(&c, w.ctx, last, mine));
	krb_cache_clear(&c, w.ctx);
	krb_world_free(&w);
}

/* ---- keytabs ---- */

static void add(krb5_context ctx, krb5_keytab kt, const char *name, unsigned kvno, int type)
{
	krb5_keytab_entry e = { .vno = kvno };

	assert_int_equal(krb5_parse_name(ctx, name, &e.principal), 0);
	assert_int_equal(krb5_c_make_random_key(ctx, type, &e.key), 0);
	assert_int_equal(krb5_kt_add_entry(ctx, kt, &e), 0);
	krb5_free_keyblock_contents(ctx, &e.key);
	krb5_free_principal(ctx, e.principal);
}

static void keytabs(void **state)
{
	struct world *x = *state;
	char path[300], name[320];
	uint8_t file[4096], record[KEYTAB_RECORD];
	krb5_context ctx;
	krb5_keytab kt;
	struct keytab t, back;
	size_t n;

	snprintf(path, sizeof(path), "%s/k", x->dir);
	snprintf(name, sizeof(name), "FILE:%s", path);
	assert_int_equal(krb5_init_context(&ctx), 0);
	assert_int_equal(krb5_kt_resolve(ctx, name, &kt), 0);
	add(ctx, kt, "dect1@" KRB_REALM, 3, 18);
	add(ctx, kt, "dect1@" KRB_REALM, 3, 23);
	add(ctx, kt, "dect1@" KRB_REALM, 700, 18); /* beyond one octet */
	add(ctx, kt, "dect1@" KRB_REALM, 700, 17);
	krb5_principal p;
	krb5_keytab_entry e = { .vno = 3 };
	assert_int_equal(krb5_parse_name(ctx, "dect1@" KRB_REALM, &p), 0);
	e.principal = p;
	e.key.enctype = 23;
	assert_int_equal(krb5_kt_remove_entry(ctx, kt, &e), 0); /* leaves a hole */
	FILE *f = fopen(path, "rb");
	n = fread(file, 1, sizeof(file), f);
	fclose(f);
	struct slice s = { (char *)file, n };
	assert_int_equal(keytab_read(s, SLICE_LIT(""), &t), 0);
	assert_string_equal(t.principal, "dect1@" KRB_REALM);
	assert_int_equal(t.kvno, 700);
	assert_int_equal(t.n, 2);
	/* the library reads the same key */
	krb5_keytab_entry got;
	assert_int_equal(krb5_kt_get_entry(ctx, kt, p, 700, 18, &got), 0);
	assert_int_equal(t.key[0].enctype, 18);
	assert_memory_equal(t.key[0].key, got.key.contents, 32);
	krb5_free_keytab_entry_contents(ctx, &got);
	size_t len;
	assert_int_equal(keytab_pack(&t, record, &len), 0);
	struct slice r = { (char *)record, len };
	assert_int_equal(keytab_unpack(r, &back), 0);
	assert_memory_equal(&t, &back, sizeof(t));
	for (size_t cut = 0; cut < len; cut++)
		assert_int_not_equal(keytab_unpack(slice_sub(r, 0, cut), &back), 0);
	for (size_t cut = 0; cut < n; cut++)
		(void)!keytab_read(slice_sub(s, 0, cut), SLICE_LIT(""), &back);
	/* several principals: one is to be named */
	add(ctx, kt, "a\\/b\\@c/d@" KRB_REALM, 1, 17);
	add(ctx, kt, "old@" KRB_REALM, 1, 16); /* only DES3 */
	f = fopen(path, "rb");
	n = fread(file, 1, sizeof(file), f);
	fclose(f);
	s.n = n;
	assert_int_equal(keytab_read(s, SLICE_LIT(""), &t), ERR_EXISTS);
	assert_int_equal(keytab_read(s, SLICE_LIT("DECT1@contoso.com"), &t), 0);
	assert_int_equal(keytab_read(s, SLICE_LIT("a\\/b\\@c/d@" KRB_REALM), &t), 0);
	assert_int_equal(keytab_read(s, SLICE_LIT("old@" KRB_REALM), &t), ERR_NOTFOUND);
	assert_int_equal(keytab_read(SLICE_LIT("-----BEGIN"), SLICE_LIT(""), &t), ERR_SYNTAX);
	krb5_free_principal(ctx, p);
	krb5_kt_close(ctx, kt);
	krb5_free_context(ctx);
	/* in use: its principal speaks, and the password is not needed */
	const char *why;
	assert_int_equal(secret_set(x->store, STORE_KEYTAB, SLICE_LIT("203"), r, &why), 0);
	assert_int_equal(begin(x, "203", "somebody"), 0);
	assert_non_null(memmem(x->step.to_kdc.p, x->step.to_kdc.n, "dect1", 5));
	assert_null(memmem(x->step.to_kdc.p, x->step.to_kdc.n, "somebody", 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(first_message, up, down),
		cmocka_unit_test_setup_teardown(bounds, up, down),
		cmocka_unit_test_setup_teardown(errors_in_words, up, down),
		cmocka_unit_test(own_configuration),
		cmocka_unit_test(server_takes_it),
		cmocka_unit_test(tickets_are_kept),
		cmocka_unit_test_setup_teardown(keytabs, up, down),
	};
	krb_world_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
