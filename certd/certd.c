/* The room: start, reload, status, policy questions. */
#include "certd/certd.h"

#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "certd/sign.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/trim.h"
#include "common/wr.h"

#define SECURE_HEAP    (1u << 20) /* OpenSSL's private numbers: locked, guarded, not dumped */
#define MESSAGE_EXPIRY "0b6f6e0c6a924f6d8b2a8a8a7c0a91d4"
#define TROUBLE_DAYS   14
#define REST_MS        1000

/* Best effort: without enough RLIMIT_MEMLOCK everything works, but secrets could be swapped out. */
static bool lock_memory(void)
{
	/* Locked memory is counted by address space: no arena per thread. */
	mallopt(M_ARENA_MAX, 1);
	if (!CRYPTO_secure_malloc_initialized() && CRYPTO_secure_malloc_init(SECURE_HEAP, 64) != 1)
		log_ev(LOG_WARNING, "the key heap is not locked",
		    F_REMEDY("allow certd 64 MiB of locked memory (LimitMEMLOCK=)"));
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0)
		return true;
	log_ev(LOG_WARNING, "memory is not locked, secrets could reach the swap space",
	    F_ERR(-errno), F_REMEDY("allow certd 64 MiB of locked memory (LimitMEMLOCK=)"));
	return false;
}

/* Pages that are locked cannot be given back: unlocked for the moment of it, nothing else runs meanwhile. */
static void on_rest(struct tmr *t, void *ctx)
{
	struct certd *c = ctx;

	(void)t;
	if (c->locked && munlockall() != 0)
		return;
	trim_resident();
	if (c->locked && mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0)
		log_ev(LOG_WARNING, "memory is not locked any more", F_ERR(-errno),
		    F_REMEDY("allow certd 64 MiB of locked memory (LimitMEMLOCK=)"));
}

void certd_worked(struct certd *c)
{
	tmr_start(&c->rest, REST_MS);
}

static struct audit_conf audit_conf(const struct certd_conf *c)
{
	return (struct audit_conf){ .file_kib = c->audit_file, .keep = c->audit_keep };
}

static void configure(struct certd *c, const struct certd_conf *conf)
{
	struct policy_conf p = { .legacy = conf->legacy_tls };
	struct dect_conf d = { .dsaa2_literal = conf->dsaa2_order == 1,
		.ac_failures = conf->ac_failures,
		.ac_lock_ms = conf->ac_lock_ms };
	struct audit_conf a = audit_conf(conf);

	p.per_s[POLICY_RATE_SIGN] = conf->sign_rate;
	p.per_s[POLICY_RATE_DECRYPT] = conf->decrypt_rate;
	p.per_s[POLICY_RATE_AUTH] = conf->auth_rate;
	policy_configure(c->policy, &p);
	dect_configure(c->dect, &d);
	trust_configure(c->trust, conf->ca_bundle);
	audit_configure(c->audit, &a);
	krb_configure(c->krb, conf->krb_rc4);
	c->conf = conf;
}

static void on_expiry(void *ctx, const struct ident *t, long days)
{
	struct certd *c = ctx;
	char left[32];

	snprintf(left, sizeof(left), "%ld", days < 0 ? -days : days);
	if (days < 0)
		log_ev(LOG_ERR, "host certificate has expired", F_TEXT("IPDECT_NAME", t->name),
		    F_TEXT("IPDECT_DAYS", left), F_ID(MESSAGE_EXPIRY),
		    F_REMEDY("dectctl cert csr, have it issued, dectctl cert install"));
	else
		log_ev(days <= 1 ? LOG_ERR : LOG_WARNING, "host certificate expires soon",
		    F_TEXT("IPDECT_NAME", t->name), F_TEXT("IPDECT_DAYS", left),
		    F_ID(MESSAGE_EXPIRY),
		    F_REMEDY("dectctl cert csr, have it issued, dectctl cert install"));
	daemon_status(c->d);
}

static time_t wall(void)
{
	return time(NULL);
}

int certd_init(struct daemon *d)
{
	struct certd *c = mem_new(sizeof(*c));
	struct audit_conf ac = audit_conf(d->conf);
	char why[512];
	int err;

	d->state = c;
	c->d = d;
	c->locked = lock_memory();
	err = store_open(d->state_dir, &c->store, why, sizeof(why));
	if (err)
		log_ev(LOG_ERR, "the store cannot be used", F_WHY(why), F_ERR(err));
	if (err == 0) {
		err =
		    audit_open(d->state_dir, c->store, d->wheel, &ac, &c->audit, why, sizeof(why));
		if (err)
			log_ev(LOG_ERR, "the audit log cannot be used", F_WHY(why), F_ERR(err));
	}
	if (err) {
		store_close(c->store);
		free(c);
		d->state = NULL;
		return err;
	}
	c->policy = policy_new(d->stats);
	c->ring = keyring_new(c->store, d->wheel);
	c->trust = trust_new(c->store);
	c->dect = dect_new(c->store, d->wheel);
	c->writes = writes_new(c);
	c->krb = krb_new(c->store, d->wheel);
	c->expiry = expiry_new(c->ring, c->store, d->wheel, wall, on_expiry, c);
	configure(c, d->conf);
	err = keyring_load(c->ring);
	if (err)
		log_ev(LOG_ERR, "identities cannot be read", F_WHY(store_why(c->store)));
	else
		expiry_look(c->expiry);
	tmr_init(&c->rest, d->wheel, on_rest, c);
	certd_worked(c);
	return err;
}

int certd_reload(struct daemon *d, const void *next)
{
	struct certd *c = d->state;

	if (audit_admin(c->audit, "certd", "reload", SLICE_LIT("configuration"), SLICE_LIT("ok")))
		log_ev(LOG_ERR, "the audit log cannot be written", F_WHY(audit_trouble(c->audit)));
	configure(c, next);
	certd_announce(c, CERTD_POLICY, NULL);
	certd_announce(c, CERTD_TRUST, NULL);
	return 0;
}

/* What a process that died had begun is in the way of the one that comes after it: a storm follows a restart. */
void certd_up(struct daemon *d, struct ipc_peer *p, bool restarted)
{
	struct certd *c = d->state;

	if (restarted && ipc_peer_role(p) == IPC_SIPD)
		krb_forget(c->krb);
	else if (restarted && ipc_peer_role(p) == IPC_DECTD)
		dect_forget(c->dect);
}

void certd_fini(struct daemon *d)
{
	struct certd *c = d->state;

	if (!c)
		return;
	tmr_stop(&c->rest);
	keygen_cancel(c->keygen);
	if (c->keygen_run)
		ctl_done(c->keygen_run, ERR_LOST);
	writes_free(c->writes);
	krb_free(c->krb);
	expiry_free(c->expiry);
	dect_free(c->dect);
	trust_free(c->trust);
	keyring_free(c->ring);
	policy_free(c->policy);
	audit_close(c->audit);
	store_close(c->store);
	free(c);
	d->state = NULL;
}

void certd_status(struct daemon *d, char *summary, size_t cap, char *trouble, size_t tcap)
{
	struct certd *c = d->state;
	const char *name = "", *early;
	long days;

	if (!c)
		return;
	days = expiry_next(c->ring, time(NULL), &name);
	snprintf(summary, cap, "%u host certificates, master key from %s", keyring_count(c->ring),
	    store_on_credential(c->store) ? "a credential" : "its file");
	if (audit_trouble(c->audit))
		snprintf(trouble, tcap, "%s", audit_trouble(c->audit));
	else if (!keyring_count(c->ring))
		snprintf(trouble, tcap,
		    "no host certificate: dectctl cert import file=FILE, or dectctl cert csr");
	else if ((early = expiry_early(c->ring, time(NULL))) != NULL)
		snprintf(trouble, tcap,
		    "host certificate \"%s\" is not valid yet: check this host's clock", early);
	else if (days < 0)
		snprintf(trouble, tcap, "host certificate \"%s\" has expired: get a new one", name);
	else if (days <= TROUBLE_DAYS)
		snprintf(trouble, tcap,
		    "host certificate \"%s\" expires in %ld days: get a new one", name, days);
}

int certd_ask(struct certd *c, const struct ipc_peer *p, const struct policy_ask *a,
    struct slice object_id, const char **why)
{
	int err = policy_check(c->policy, a, uv_now(c->d->loop), why);

	if (err) {
		log_ev(LOG_WARNING, "operation refused", F_PEER(ipc_peer_name(p)),
		    F_TEXT("IPDECT_OPERATION", policy_op_name(a->op)),
		    F_TEXT("IPDECT_OBJECT", policy_object_name(a->object)),
		    F_STR("IPDECT_ID", object_id), F_WHY(*why));
		certd_used(c, p, a, object_id, err);
	}
	return err;
}

void certd_used(struct certd *c, const struct ipc_peer *p, const struct policy_ask *a,
    struct slice object_id, int err)
{
	static const char *const schemes[] = { "", "-pkcs1", "-pss", "-ecdsa", "-ed25519" };
	const struct policy_row *r = policy_find(a);
	uint8_t op[32];
	struct wr w = wr_of(op, sizeof(op));

	if (r && !r->audit && err == 0)
		return;
	if (a->op != POLICY_SIGN && a->op != POLICY_DECRYPT) {
		wr_str(&w, policy_object_name(a->object));
		wr_u8(&w, '-');
	}
	wr_str(&w, policy_op_name(a->op));
	if (a->op == POLICY_SIGN && a->scheme < ARRAY_LEN(schemes))
		wr_str(&w, schemes[a->scheme]);
	BUG_ON(!wr_nul(&w));
	audit_use(c->audit, ipc_peer_name(p), (const char *)op, object_id,
	    err ? slice_str(err_name(err)) : SLICE_LIT("ok"));
}
