#ifndef TESTS_SUPPORT_KRB_TICKET_H
#define TESTS_SUPPORT_KRB_TICKET_H
#include <krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A Kerberos world without a KDC, for tests that prove our messages with MIT's library: a service ticket made here, in a
 * credential cache in memory, and the service's keytab. Two functions that the library exports without a declaration. */
extern krb5_error_code krb5_encrypt_tkt_part(krb5_context, const krb5_keyblock *, krb5_ticket *);
extern krb5_error_code encode_krb5_ticket(const krb5_ticket *, krb5_data **);

#define KRB_REALM       "CONTOSO.COM"
#define KRB_SERVICE_GSS "sip@lyncfe01.contoso.com"
#define KRB_CLIENT      "dect1@" KRB_REALM
#define KRB_SERVICE     "sip/lyncfe01.contoso.com@" KRB_REALM

struct krb_world {
	krb5_context ctx;
	krb5_principal client, service;
	krb5_ccache cc;
	krb5_keytab kt;
	krb5_creds creds;
	krb5_keyblock key; /* the service's */
	char name[64];
};

static char krb_world_conf[40];
static inline void krb_world_leave(void)
{
	unlink(krb_world_conf);
}

/* A configuration of its own; to be called before the library starts. */
static inline void krb_world_env(void)
{
	char path[] = "/tmp/ipdect-krb5.XXXXXX";
	static const char conf[] =
	    "[libdefaults]\ndefault_realm = " KRB_REALM "\nallow_rc4 = true\n"
	    "allow_weak_crypto = true\ndns_canonicalize_hostname = false\n"
	    "rdns = false\ndns_lookup_kdc = false\n"
	    "[domain_realm]\n.contoso.com = " KRB_REALM "\n";
	int fd = mkstemp(path);
	krb5_context c;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, conf, sizeof(conf) - 1), sizeof(conf) - 1);
	close(fd);
	setenv("KRB5_CONFIG", path, 1);
	setenv("KRB5RCACHENAME", "none:", 1);
	assert_int_equal(krb5_init_context(&c), 0); /* the file can be read */
	krb5_free_context(c);
	memcpy(krb_world_conf, path, sizeof(path));
	atexit(krb_world_leave);
}

static inline void krb_world(struct krb_world *w, int enctype)
{
	static unsigned serial;
	krb5_keyblock session;
	krb5_enc_tkt_part part = { 0 };
	krb5_ticket t = { 0 };
	krb5_transited none = { 0 };
	krb5_keytab_entry e = { 0 };
	krb5_timestamp now;
	krb5_data *der;

	memset(w, 0, sizeof(*w));
	assert_int_equal(krb5_init_context(&w->ctx), 0);
	assert_int_equal(krb5_parse_name(w->ctx, KRB_CLIENT, &w->client), 0);
	assert_int_equal(krb5_parse_name(w->ctx, KRB_SERVICE, &w->service), 0);
	assert_int_equal(krb5_c_make_random_key(w->ctx, enctype, &w->key), 0);
	assert_int_equal(krb5_c_make_random_key(w->ctx, enctype, &session), 0);
	assert_int_equal(krb5_timeofday(w->ctx, &now), 0);
	part.session = &session;
	part.client = w->client;
	part.transited = none;
	part.times.authtime = part.times.starttime = now;
	part.times.endtime = now + 36000;
	t.server = w->service;
	t.enc_part2 = &part;
	t.enc_part.kvno = 1;
	assert_int_equal(krb5_encrypt_tkt_part(w->ctx, &w->key, &t), 0);
	assert_int_equal(encode_krb5_ticket(&t, &der), 0);
	w->creds.client = w->client;
	w->creds.server = w->service;
	w->creds.keyblock = session;
	w->creds.times = part.times;
	w->creds.ticket = *der;
	free(der);
	krb5_free_data_contents(w->ctx, &t.enc_part.ciphertext);
	snprintf(w->name, sizeof(w->name), "MEMORY:world%u", ++serial);
	assert_int_equal(krb5_cc_resolve(w->ctx, w->name, &w->cc), 0);
	assert_int_equal(krb5_cc_initialize(w->ctx, w->cc, w->client), 0);
	assert_int_equal(krb5_cc_store_cred(w->ctx, w->cc, &w->creds), 0);
	assert_int_equal(krb5_kt_resolve(w->ctx, w->name, &w->kt), 0);
	e.principal = w->service;
	e.vno = 1;
	e.key = w->key;
	assert_int_equal(krb5_kt_add_entry(w->ctx, w->kt, &e), 0);
}

static inline void krb_world_free(struct krb_world *w)
{
	w->creds.client = w->creds.server = NULL;
	krb5_free_cred_contents(w->ctx, &w->creds);
	krb5_free_keyblock_contents(w->ctx, &w->key);
	krb5_kt_close(w->ctx, w->kt);
	krb5_cc_destroy(w->ctx, w->cc);
	krb5_free_principal(w->ctx, w->client);
	krb5_free_principal(w->ctx, w->service);
	krb5_free_context(w->ctx);
}
#endif
