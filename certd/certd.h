#ifndef CERTD_CERTD_H
#define CERTD_CERTD_H
#include "certd/audit.h"
#include "certd/dect.h"
#include "certd/expiry.h"
#include "certd/keygen.h"
#include "certd/keyring.h"
#include "certd/krb.h"
#include "certd/policy.h"
#include "certd/store.h"
#include "certd/trust.h"
#include "ipc/daemon.h"

/* The room: what certd is while it runs. */
struct certd_conf {
	char *fqdn, *ca_bundle;
	bool legacy_tls, krb_rc4;
	uint32_t sign_rate, decrypt_rate, auth_rate;
	uint32_t dsaa2_order; /* 0: octets as they are sent, 1: bits counted literally */
	uint32_t ac_failures, ac_lock_ms;
	uint32_t audit_file, audit_keep;
};
extern const struct conf_key certd_keys[];
extern const size_t certd_nkeys;

struct certd {
	struct daemon *d;
	const struct certd_conf *conf;
	struct store *store;
	struct keyring *ring;
	struct trust *trust;
	struct dect *dect;
	struct policy *policy;
	struct audit *audit;
	struct expiry *expiry;
	struct keygen *keygen; /* a key is being made, for: */
	struct ctl_run *keygen_run;
	struct writes *writes;
	struct krb *krb;
	bool locked;     /* memory is */
	struct tmr rest; /* after a command: memory that it needed goes back */
};
static inline struct certd *certd_of(const struct ipc_peer *p)
{
	return daemon_of(p)->state;
}

int certd_init(struct daemon *d);
int certd_reload(struct daemon *d, const void *next);
void certd_up(struct daemon *d, struct ipc_peer *p, bool restarted);
void certd_fini(struct daemon *d);
void certd_status(struct daemon *d, char *summary, size_t cap, char *trouble, size_t tcap);
void certd_check(struct daemon *d, struct ctl_run *r);

/* Asks the policy for a peer. object_id: what to name in the log. 0, or what policy_check() says, with *why. */
int certd_ask(struct certd *c, const struct ipc_peer *p, const struct policy_ask *a,
    struct slice object_id, const char **why) MUST_CHECK;
/* Something was done that is not done all the time: its memory may go back soon. */
void certd_worked(struct certd *c);
/* An allowed operation was done, or failed: to the audit log, where the policy's row says so. */
void certd_used(struct certd *c, const struct ipc_peer *p, const struct policy_ask *a,
    struct slice object_id, int err);

/* writes.c: changes of secrets that daemons ask for, many at once in one transaction. Each gets its answer when it is
 * on disk. done: exactly once; err, and why ("" or a sentence). */
struct writes *writes_new(struct certd *c);
void writes_free(struct writes *w); /* answers what is open with ERR_LOST */
typedef void(writes_done_h)(void *ctx, int err, const char *why);
/* set: value; else delete. Everything is copied and wiped. */
void writes_add(struct writes *w, const char *role, bool set, enum store_kind kind, struct slice id,
    struct slice value, writes_done_h *done, void *ctx);

/* cert_ipc.c */
extern const struct ipc_handler certd_handlers[];
extern const size_t certd_nhandlers;
enum certd_what { CERTD_IDENTITY = 1, CERTD_TRUST, CERTD_SECRET, CERTD_POLICY };
void certd_announce(struct certd *c, enum certd_what what, const char *name);

/* dect_ipc.c: handlers in the table of cert_ipc.c. */
ipc_handler_h certd_on_pt_auth, certd_on_pt_check, certd_on_ft_auth, certd_on_key_alloc,
    certd_on_key_alloc_check, certd_on_subscription, certd_on_defck, certd_on_rfp_keys;

/* krb_ipc.c: the same, and the commands for keytabs. */
ipc_handler_h certd_on_krb_start, certd_on_krb_reply;

/* ctl_ipc.c */
extern const struct ctl_cmd certd_cmds[];
extern const size_t certd_ncmds;
#endif
