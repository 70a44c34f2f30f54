/* Exchanges with KDCs, one message at a time. */
#include "common/ossl.h"
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certd/keytab.h"
#include "certd/krb_err.h"
#include "certd/krb_int.h"
#include "certd/krb_prof.h"
#include "certd/secret.h"
#include "common/id.h"
#include "common/mem.h"
#include "common/wr.h"

#define RESERVE_S 300 /* less of a ticket's life is not worth a log-in */

struct session {
	struct map_node node;
	struct krb *k;
	uint64_t handle;
	struct tmr gone;
	krb5_principal client;
	char *credential, *user, *realm, *service; /* realm: the user's */
	uint8_t secret[16];
	krb5_get_init_creds_opt *opt;
	krb5_init_creds_context as;
	krb5_tkt_creds_context tgs;
	krb5_keytab keytab;
	krb5_ccache cc;
	unsigned rounds;
	bool tcp;
	krb5_data out, at; /* at: the realm that out is for */
};
struct krb {
	struct store *store;
	struct tmr_wheel *wheel;
	krb5_context ctx;
	bool rc4;
	struct map sessions;
	struct krb_cache cache;
	uint8_t token[KRB_MESSAGE];
	size_t ntoken;
};

static void session_free(struct session *x)
{
	krb5_context ctx = x->k->ctx;

	tmr_stop(&x->gone);
	map_del(&x->k->sessions, &x->node);
	krb5_init_creds_free(ctx, x->as);
	krb5_get_init_creds_opt_free(ctx, x->opt);
	krb5_tkt_creds_free(ctx, x->tgs);
	if (x->keytab)
		(void)krb5_kt_close(ctx, x->keytab);
	if (x->cc)
		(void)krb5_cc_destroy(ctx, x->cc);
	krb5_free_principal(ctx, x->client);
	krb5_free_data_contents(ctx, &x->out);
	krb5_free_data_contents(ctx, &x->at);
	free(x->credential);
	free(x->user);
	free(x->realm);
	free(x->service);
	mem_free_wiped(x, sizeof(*x));
}

void krb_forget(struct krb *k)
{
	for (struct map_node *n; (n = map_next(&k->sessions, NULL)) != NULL;)
		session_free(CONTAINER_OF(n, struct session, node));
}

static void drop_all(struct krb *k)
{
	krb_forget(k);
	if (k->ctx)
		krb_cache_clear(&k->cache, k->ctx);
	if (k->ctx)
		krb5_free_context(k->ctx);
	k->ctx = NULL;
}

struct krb *krb_new(struct store *store, struct tmr_wheel *wheel)
{
	struct krb *k = mem_new(sizeof(*k));

	k->store = store;
	k->wheel = wheel;
	krb_cache_init(&k->cache);
	return k;
}

void krb_free(struct krb *k)
{
	if (!k)
		return;
	drop_all(k);
	map_free(&k->sessions);
	free(k);
}

void krb_configure(struct krb *k, bool rc4)
{
	if (k->rc4 != rc4)
		drop_all(k);
	k->rc4 = rc4;
}

static void on_gone(struct tmr *t, void *ctx)
{
	(void)t;
	session_free(ctx);
}

static struct session *find(const struct krb *k, uint64_t handle)
{
	struct map_node *n = map_get(&k->sessions, map_u64(&handle));

	return n ? CONTAINER_OF(n, struct session, node) : NULL;
}

void krb_drop(struct krb *k, uint64_t handle)
{
	struct session *x = find(k, handle);

	if (x)
		session_free(x);
}

struct slice krb_who(const struct krb *k, uint64_t handle)
{
	const struct session *x = find(k, handle);

	return slice_str(x ? x->credential : NULL);
}

struct krb_figures krb_figures(const struct krb *k)
{
	return (struct krb_figures){ (uint32_t)k->sessions.n, k->cache.n, k->cache.octets };
}

/* ---- names and tickets that are kept ---- */

static char *cache_key(const struct session *x, const char *service, char out[KRB_TEXT])
{
	(void)snprintf(out, KRB_TEXT, "%s\n%s\n%s\n%s", x->credential, x->user, x->realm, service);
	return out;
}

static uint32_t left_of(krb5_context ctx, const krb5_creds *c)
{
	krb5_timestamp now;

	if (krb5_timeofday(ctx, &now))
		return 0;
	uint32_t end = (uint32_t)c->times.endtime, at = (uint32_t)now;
	return end > at ? end - at : 0;
}

/* Young enough that nobody needs to ask for another. */
static bool young(krb5_context ctx, const krb5_creds *c)
{
	uint32_t from = (uint32_t)(c->times.starttime ? c->times.starttime : c->times.authtime),
	         end = (uint32_t)c->times.endtime;

	return end > from && left_of(ctx, c) > (end - from) / 2;
}

static krb5_creds *kept(struct session *x, const char *service)
{
	char key[KRB_TEXT];

	return krb_cache_get(&x->k->cache, x->k->ctx, cache_key(x, service, key), x->secret);
}

static void keep(struct session *x, const char *service, krb5_creds *creds)
{
	char key[KRB_TEXT];

	krb_cache_put(&x->k->cache, x->k->ctx, cache_key(x, service, key), x->secret, creds);
}

/* A name of another suffix than the realm's is an enterprise name (RFC 6806 5): the KDC finds the account. */
static krb5_error_code client_of(struct session *x)
{
	krb5_context ctx = x->k->ctx;
	struct slice user = slice_str(x->user);
	size_t at = slice_chr(user, '@');
	krb5_error_code ret;

	if (at < user.n && !slice_ieq(slice_sub(user, at + 1, user.n), slice_str(x->realm))) {
		ret = krb5_parse_name_flags(
		    ctx, x->user, KRB5_PRINCIPAL_PARSE_ENTERPRISE, &x->client);
		if (!ret)
			ret = krb5_set_principal_realm(ctx, x->client, x->realm);
		krb5_get_init_creds_opt_set_canonicalize(x->opt, 1);
		return ret;
	}
	char name[KRB_TEXT];
	if (slice_copy(slice_sub(user, 0, at), name, sizeof(name)))
		return KRB5_PARSE_MALFORMED;
	return krb5_build_principal(
	    ctx, &x->client, (unsigned)strlen(x->realm), x->realm, name, (char *)NULL);
}

/* ---- the user's secret ---- */

static int fingerprint(const char *kind, const void *p, size_t n, uint8_t out[16])
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	uint8_t md[EVP_MAX_MD_SIZE];
	bool ok = c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1 &&
	          EVP_DigestUpdate(c, kind, strlen(kind)) == 1 && EVP_DigestUpdate(c, p, n) == 1 &&
	          EVP_DigestFinal_ex(c, md, NULL) == 1;

	EVP_MD_CTX_free(c);
	memcpy(out, md, 16);
	mem_wipe(md, sizeof(md));
	return ok ? 0 : ERR_CRYPTO;
}

static krb5_error_code fill_keytab(struct session *x, const struct keytab *t)
{
	krb5_context ctx = x->k->ctx;
	char name[40];
	krb5_error_code ret;

	(void)snprintf(name, sizeof(name), "MEMORY:%016llx", (unsigned long long)x->handle);
	ret = krb5_kt_resolve(ctx, name, &x->keytab);
	for (unsigned i = 0; !ret && i < t->n; i++) {
		krb5_keytab_entry e = { .principal = x->client, .vno = t->kvno };
		e.key.enctype = t->key[i].enctype;
		e.key.length = t->key[i].len;
		e.key.contents = (krb5_octet *)(uintptr_t)t->key[i].key;
		ret = krb5_kt_add_entry(ctx, x->keytab, &e);
	}
	return ret;
}

/* The record and what is made of it for the exchange; as: an exchange for a ticket-granting ticket begins. */
static int with_secret(struct session *x, bool as, krb5_error_code *ret)
{
	struct krb *k = x->k;
	struct slice who = slice_str(x->credential);
	struct secret v;
	struct keytab t;
	int err = secret_get(k->store, STORE_KEYTAB, who, &v);

	*ret = 0;
	if (err == 0) {
		err = keytab_unpack(secret_slice(&v), &t);
		if (!err)
			err = fingerprint("keytab", v.v, v.n, x->secret);
		if (!err && !x->client)
			*ret = krb5_parse_name(k->ctx, t.principal, &x->client);
		if (!err && !*ret && as) {
			*ret =
			    krb5_init_creds_init(k->ctx, x->client, NULL, NULL, 0, x->opt, &x->as);
			if (!*ret)
				*ret = fill_keytab(x, &t);
			if (!*ret)
				*ret = krb5_init_creds_set_keytab(k->ctx, x->as, x->keytab);
		}
		mem_wipe(&t, sizeof(t));
	} else if (err == ERR_NOTFOUND) {
		char text[SECRET_MAX + 1];
		err = secret_get(k->store, STORE_SIP, who, &v);
		if (!err)
			err = fingerprint("password", v.v, v.n, x->secret);
		if (!err && !x->client)
			*ret = client_of(x);
		if (!err && slice_copy(secret_slice(&v), text, sizeof(text)))
			err = ERR_VALUE; /* a NUL in it */
		if (!err && !*ret && as) {
			*ret =
			    krb5_init_creds_init(k->ctx, x->client, NULL, NULL, 0, x->opt, &x->as);
			if (!*ret)
				*ret = krb5_init_creds_set_password(k->ctx, x->as, text);
		}
		mem_wipe(text, sizeof(text));
	}
	mem_wipe(&v, sizeof(v));
	return err;
}

/* ---- steps ---- */

static int failed(struct session *x, krb5_error_code ret, char *why, size_t cap)
{
	return krb_error(x->k->ctx, ret, x->user, x->realm, x->service, why, cap);
}

static int finish(struct session *x, krb5_creds *creds, struct krb_step *out, char *why, size_t cap)
{
	struct krb *k = x->k;
	krb5_int32 us;
	krb5_timestamp ahead = 0;
	krb5_error_code ret = krb_ap_req(k->ctx, creds, k->token, &k->ntoken, out);

	out->left_s = left_of(k->ctx, creds);
	(void)krb5_get_time_offsets(k->ctx, &ahead, &us);
	out->kdc_ahead_s = ahead;
	return ret ? failed(x, ret, why, cap) : 0;
}

static krb5_error_code begin_tgs(struct session *x, krb5_creds *tgt)
{
	krb5_context ctx = x->k->ctx;
	const char *slash = strchr(x->service, '/');
	krb5_creds in = { .client = tgt->client };
	krb5_error_code ret;

	/* Without a realm: the KDC refers to the one that the server is in (RFC 6806 8). */
	char kind[16];
	if (!slash || slice_copy((struct slice){ x->service, (size_t)(slash - x->service) }, kind,
	                  sizeof(kind)))
		return KRB5_PARSE_MALFORMED;
	ret = krb5_build_principal(ctx, &in.server, 0, "", kind, slash + 1, (char *)NULL);
	if (!ret)
		ret = krb5_cc_new_unique(ctx, "MEMORY", NULL, &x->cc);
	if (!ret)
		ret = krb5_cc_initialize(ctx, x->cc, tgt->client);
	if (!ret)
		ret = krb5_cc_store_cred(ctx, x->cc, tgt);
	if (!ret)
		ret = krb5_tkt_creds_init(ctx, x->cc, &in, 0, &x->tgs);
	krb5_free_principal(ctx, in.server);
	return ret;
}

/* A ticket-granting ticket is there: the exchange for the server's begins. */
static krb5_error_code as_done(struct session *x)
{
	krb5_context ctx = x->k->ctx;
	krb5_creds tgt = { 0 };
	krb5_error_code ret = krb5_init_creds_get_creds(ctx, x->as, &tgt);

	if (!ret) {
		keep(x, "", &tgt);
		ret = begin_tgs(x, &tgt);
		krb5_free_cred_contents(ctx, &tgt);
	}
	krb5_init_creds_free(ctx, x->as);
	x->as = NULL;
	return ret;
}

static int tgs_done(struct session *x, struct krb_step *out, char *why, size_t cap)
{
	krb5_context ctx = x->k->ctx;
	krb5_creds creds = { 0 };
	krb5_error_code ret = krb5_tkt_creds_get_creds(ctx, x->tgs, &creds);
	int err;

	if (ret)
		return failed(x, ret, why, cap);
	keep(x, x->service, &creds);
	err = finish(x, &creds, out, why, cap);
	krb5_free_cred_contents(ctx, &creds);
	return err;
}

static krb5_error_code step(struct session *x, krb5_data *in, bool *more)
{
	krb5_context ctx = x->k->ctx;
	krb5_data realm = { 0 };
	unsigned flags = 0;
	krb5_error_code ret;

	krb5_free_data_contents(ctx, &x->out);
	ret = x->as ? krb5_init_creds_step(ctx, x->as, in, &x->out, &realm, &flags)
	            : krb5_tkt_creds_step(ctx, x->tgs, in, &x->out, &realm, &flags);
	if (ret == KRB5KRB_ERR_RESPONSE_TOO_BIG && x->out.length) {
		x->tcp = true;
		ret = 0;
		flags = KRB5_INIT_CREDS_STEP_FLAG_CONTINUE;
	}
	if (realm.length) {
		krb5_free_data_contents(ctx, &x->at);
		x->at = realm;
	} else {
		krb5_free_data_contents(ctx, &realm);
	}
	*more = flags & KRB5_INIT_CREDS_STEP_FLAG_CONTINUE;
	return ret;
}

static int go(struct session *x, krb5_data *answer, struct krb_step *out, char *why, size_t cap)
{
	krb5_data none = { 0 }, *in = answer ? answer : &none;

	for (;;) {
		bool more;
		krb5_error_code ret = step(x, in, &more);

		if (!ret && more) {
			if (++x->rounds > KRB_ROUNDS || x->out.length > KRB_MESSAGE)
				return failed(x, KRB5_GET_IN_TKT_LOOP, why, cap);
			out->handle = x->handle;
			out->to_kdc = (struct slice){ x->out.data, x->out.length };
			out->realm = (struct slice){ x->at.data, x->at.length };
			out->tcp = x->tcp;
			tmr_start(&x->gone, KRB_SESSION_MS);
			return 0;
		}
		if (!ret && !x->as)
			return tgs_done(x, out, why, cap);
		if (!ret)
			ret = as_done(x);
		if (ret)
			return failed(x, ret, why, cap);
		in = &none;
	}
}

/* No KDC helps: a ticket that is not so young serves as long as it is good. */
static int spare(struct session *x, int err, struct krb_step *out, char *why, size_t cap)
{
	krb5_creds *c = kept(x, x->service);

	return c && left_of(x->k->ctx, c) > RESERVE_S ? finish(x, c, out, why, cap) : err;
}

static int start(struct session *x, bool fresh, struct krb_step *out, char *why, size_t cap)
{
	krb5_context ctx = x->k->ctx;
	char key[KRB_TEXT];
	krb5_creds *c;
	krb5_error_code ret = krb5_get_init_creds_opt_alloc(ctx, &x->opt);
	int err;

	if (ret)
		return failed(x, ret, why, cap);
	err = with_secret(x, false, &ret);
	if (err) {
		if (err == ERR_NOTFOUND)
			(void)snprintf(why, cap,
			    "no password and no keytab is stored for %s: dectctl secret set, or "
			    "dectctl keytab import",
			    x->credential);
		else
			(void)snprintf(why, cap, "the secret of %s cannot be used: %s",
			    x->credential,
			    err == ERR_STORE ? store_why(x->k->store) : err_text(err));
		return err;
	}
	if (ret)
		return failed(x, ret, why, cap);
	if (fresh)
		krb_cache_drop(&x->k->cache, ctx, cache_key(x, x->service, key));
	c = kept(x, x->service);
	if (c && young(ctx, c))
		return finish(x, c, out, why, cap);
	c = kept(x, "");
	if (c && young(ctx, c))
		ret = begin_tgs(x, c);
	else
		err = with_secret(x, true, &ret);
	if (!err && ret)
		return failed(x, ret, why, cap);
	return err ? err : go(x, NULL, out, why, cap);
}

static bool name_ok(struct slice s, size_t max)
{
	bool ok = s.n > 0 && s.n <= max;

	for (size_t i = 0; ok && i < s.n; i++)
		ok = (uint8_t)s.p[i] > ' ' && s.p[i] != 0x7f;
	return ok;
}

int krb_begin(struct krb *k, const struct krb_ask *a, struct krb_step *out, char *why, size_t cap)
{
	struct session *x;
	int err;

	memset(out, 0, sizeof(*out));
	why[0] = '\0';
	if (!name_ok(a->realm, 128) || !name_ok(a->service, 256) || a->credential.n > 256 ||
	    a->username.n == 0 || a->username.n > 128 ||
	    slice_chr(a->username, '\n') < a->username.n ||
	    slice_chr(a->credential, '\n') < a->credential.n)
		return ERR_VALUE;
	if (k->sessions.n >= KRB_SESSIONS) {
		(void)snprintf(why, cap, "%d exchanges with KDCs are open", KRB_SESSIONS);
		return ERR_BUSY;
	}
	if (!k->ctx && krb_context(k->rc4, &k->ctx)) {
		k->ctx = NULL;
		(void)snprintf(why, cap, "the Kerberos library does not start");
		return ERR_CRYPTO;
	}
	x = mem_new(sizeof(*x));
	x->k = k;
	x->handle = id_u64();
	x->credential = slice_dup(a->credential);
	x->user = slice_dup(a->username);
	x->realm = slice_dup(a->realm);
	x->service = slice_dup(a->service);
	tmr_init(&x->gone, k->wheel, on_gone, x);
	(void)map_put(&k->sessions, &x->node, map_u64(&x->handle));
	err = start(x, a->fresh, out, why, cap);
	if (err || !out->handle)
		session_free(x);
	return err;
}

int krb_go_on(struct krb *k, uint64_t handle, const struct slice *answer, struct krb_step *out,
    char *why, size_t cap)
{
	struct session *x = find(k, handle);
	int err = ERR_LOST;

	memset(out, 0, sizeof(*out));
	why[0] = '\0';
	if (!x) {
		(void)snprintf(why, cap, "the exchange with the KDC took too long");
		return ERR_STATE;
	}
	if (answer) {
		krb5_data in = { .length = (unsigned)answer->n,
			.data = (char *)(uintptr_t)answer->p };
		err = answer->n && answer->n <= KRB_MESSAGE ? go(x, &in, out, why, cap) : ERR_VALUE;
	} else {
		(void)snprintf(why, cap,
		    "no KDC of %.*s answers: DNS must name them (SRV _kerberos._udp), or kdcs in "
		    "[lync]; port 88 must be open",
		    (int)x->at.length, x->at.data ? x->at.data : "");
	}
	if (err == ERR_LOST)
		err = spare(x, err, out, why, cap);
	if (err || !out->handle)
		session_free(x);
	return err;
}
