#ifndef CERTD_POLICY_H
#define CERTD_POLICY_H
#include <stdbool.h>
#include <stdint.h>

#include "common/stat.h"
#include "ipc/ipc.h"

/* Who may do what with which secret: one table (policy.c), everything else is refused. Handlers ask here before they
 * touch a key. Rates are per role and class of operation. */
enum policy_op {
	POLICY_SIGN = 1,
	POLICY_DECRYPT,
	POLICY_READ,   /* public things: chain, trust anchors */
	POLICY_ANSWER, /* a response computed from a secret */
	POLICY_DERIVE, /* a key derived from a secret leaves */
	POLICY_SET,
	POLICY_DELETE,
	POLICY_REVEAL /* the secret itself leaves */
};
enum policy_object {
	POLICY_HOST = 1, /* host keys */
	POLICY_TRUST,
	POLICY_SIP,
	POLICY_NTLM,
	POLICY_LDAP,
	POLICY_AC,
	POLICY_TURN,
	POLICY_UAK,
	POLICY_DEFCK,
	POLICY_RFP,
	POLICY_KERBEROS, /* tickets and session keys, of a password or a keytab */
	POLICY_KEYTAB
};
enum policy_rate {
	POLICY_FREE,
	POLICY_RATE_SIGN,
	POLICY_RATE_DECRYPT,
	POLICY_RATE_AUTH,
	POLICY_RATES
};

struct policy_ask {
	uint32_t role; /* one bit of ipc_role */
	enum policy_op op;
	enum policy_object object;
	unsigned scheme, hash; /* of POLICY_SIGN, see sign.h */
};
struct policy_row {
	uint32_t roles;
	enum policy_op op;
	enum policy_object object;
	unsigned scheme; /* POLICY_SIGN */
	unsigned hashes; /* bits 1 << hash */
	bool legacy;     /* only with legacy-tls = yes */
	bool audit;      /* each use is an entry of the audit log; the others are only counted */
	enum policy_rate rate;
};
extern const struct policy_row policy_rows[];
extern const size_t policy_nrows;

struct policy_conf {
	bool legacy; /* only with legacy-tls = yes */
	bool audit;  /* each use is an entry of the audit log; the others are only counted */
	uint32_t per_s[POLICY_RATES]; /* 0: no limit; bursts of twice as many */
};
struct policy;
struct policy *policy_new(struct stat_set *stats);
void policy_free(struct policy *p);
void policy_configure(struct policy *p, const struct policy_conf *c);
/* 0; ERR_DENIED: no row, or a legacy one; ERR_BUSY: too many per second. why: a sentence, static. Counts. */
int policy_check(struct policy *p, const struct policy_ask *a, uint64_t now_ms, const char **why);
/* The row that speaks for a, whether switched on or not; NULL: none. */
const struct policy_row *policy_find(const struct policy_ask *a);
const char *policy_op_name(enum policy_op op);
const char *policy_object_name(enum policy_object o);
#endif
