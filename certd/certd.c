/* The room: start, reload, status, policy questions. */
#include "certd/certd.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "certd/sign.h"
#include "common/log.h"
#include "common/mem.h"

#define SECURE_HEAP (1u << 20) /* OpenSSL's private numbers: locked, guarded, not dumped */

/* Best effort: without enough RLIMIT_MEMLOCK everything works, but secrets could be swapped out. */
static void lock_memory(void)
{
	if (CRYPTO_secure_malloc_init(SECURE_HEAP, 64) != 1)
		log_ev(LOG_WARNING, "the key heap is not locked",
		    F_REMEDY("allow certd 64 MiB of locked memory (LimitMEMLOCK=)"));
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0)
		log_ev(LOG_WARNING, "memory is not locked, secrets could reach the swap space",
		    F_ERR(-errno), F_REMEDY("allow certd 64 MiB of locked memory (LimitMEMLOCK=)"));
}

static void configure(struct certd *c, const struct certd_conf *conf)
{
	struct policy_conf p = { .legacy = conf->legacy_tls };
	struct dect_conf d = { .dsaa2_literal = conf->dsaa2_order == 1,
		.ac_failures = conf->ac_failures,
		.ac_lock_ms = conf->ac_lock_ms };

	p.per_s[POLICY_RATE_SIGN] = conf->sign_rate;
	p.per_s[POLICY_RATE_DECRYPT] = conf->decrypt_rate;
	p.per_s[POLICY_RATE_AUTH] = conf->auth_rate;
	policy_configure(c->policy, &p);
	dect_configure(c->dect, &d);
	trust_configure(c->trust, conf->ca_bundle);
	c->conf = conf;
}

int certd_init(struct daemon *d)
{
	struct certd *c = mem_new(sizeof(*c));
	char why[512];
	int err;

	d->state = c;
	c->d = d;
	lock_memory();
	err = store_open(d->state_dir, &c->store, why, sizeof(why));
	if (err) {
		log_ev(LOG_ERR, "the store cannot be used", F_WHY(why), F_ERR(err));
		free(c);
		d->state = NULL;
		return err;
	}
	c->policy = policy_new(d->stats);
	c->ring = keyring_new(c->store, d->wheel);
	c->trust = trust_new(c->store);
	c->dect = dect_new(c->store, d->wheel);
	configure(c, d->conf);
	err = keyring_load(c->ring);
	if (err)
		log_ev(LOG_ERR, "identities cannot be read", F_WHY(store_why(c->store)));
	return err;
}

int certd_reload(struct daemon *d, const void *next)
{
	struct certd *c = d->state;

	configure(c, next);
	certd_announce(c, CERTD_POLICY, NULL);
	certd_announce(c, CERTD_TRUST, NULL);
	return 0;
}

void certd_fini(struct daemon *d)
{
	struct certd *c = d->state;

	if (!c)
		return;
	dect_free(c->dect);
	trust_free(c->trust);
	keyring_free(c->ring);
	policy_free(c->policy);
	store_close(c->store);
	free(c);
	d->state = NULL;
}

void certd_status(struct daemon *d, char *summary, size_t cap, char *trouble, size_t tcap)
{
	struct certd *c = d->state;

	if (!c)
		return;
	snprintf(summary, cap, "%u identities, master key from %s", keyring_count(c->ring),
	    store_on_credential(c->store) ? "a credential" : "its file");
	if (!keyring_count(c->ring))
		snprintf(trouble, tcap, "no host certificate: dectctl cert import or cert csr");
}

int certd_ask(struct certd *c, const struct ipc_peer *p, const struct policy_ask *a,
    struct slice object_id, const char **why)
{
	int err = policy_check(c->policy, a, uv_now(c->d->loop), why);

	if (err)
		log_ev(LOG_WARNING, "operation refused", F_PEER(ipc_peer_name(p)),
		    F_TEXT("IPDECT_OPERATION", policy_op_name(a->op)),
		    F_TEXT("IPDECT_OBJECT", policy_object_name(a->object)),
		    F_STR("IPDECT_ID", object_id), F_WHY(*why));
	return err;
}
