/* The whole decision about secrets, in one table. */
#include "certd/policy.h"

#include <stdio.h>
#include <stdlib.h>

#include "certd/sign.h"
#include "common/mem.h"

#define H(h) (1u << (h))
#define SHA2 (H(SIGN_SHA256) | H(SIGN_SHA384) | H(SIGN_SHA512))

const struct policy_row policy_rows[] = {
	/* who, what, of what, scheme, hashes, only for old TLS, audit, rate */
	{ IPC_SIPD, POLICY_SIGN, POLICY_HOST, SIGN_RSA_PSS, SHA2, false, true, POLICY_RATE_SIGN },
	{ IPC_SIPD, POLICY_SIGN, POLICY_HOST, SIGN_RSA_PKCS1, SHA2, false, true, POLICY_RATE_SIGN },
	{ IPC_SIPD, POLICY_SIGN, POLICY_HOST, SIGN_ECDSA, SHA2, false, true, POLICY_RATE_SIGN },
	{ IPC_SIPD, POLICY_SIGN, POLICY_HOST, SIGN_ED25519, H(SIGN_NONE), false, true,
	    POLICY_RATE_SIGN },
	{ IPC_SIPD, POLICY_SIGN, POLICY_HOST, SIGN_RSA_PKCS1, H(SIGN_SHA1) | H(SIGN_MD5_SHA1), true,
	    true, POLICY_RATE_SIGN },
	{ IPC_SIPD, POLICY_SIGN, POLICY_HOST, SIGN_ECDSA, H(SIGN_SHA1), true, true,
	    POLICY_RATE_SIGN },
	/* Few are needed, and many are an attack on PKCS#1 v1.5. */
	{ IPC_SIPD, POLICY_DECRYPT, POLICY_HOST, 0, 0, true, true, POLICY_RATE_DECRYPT },
	{ IPC_SIPD, POLICY_READ, POLICY_HOST, 0, 0, false, false, POLICY_FREE },
	{ IPC_SIPD | IPC_PRESENCED, POLICY_READ, POLICY_TRUST, 0, 0, false, false, POLICY_FREE },

	{ IPC_SIPD, POLICY_ANSWER, POLICY_SIP, 0, 0, false, false, POLICY_RATE_AUTH },
	{ IPC_SIPD, POLICY_DERIVE, POLICY_NTLM, 0, 0, false, true, POLICY_RATE_AUTH },
	{ IPC_SIPD, POLICY_DERIVE, POLICY_KERBEROS, 0, 0, false, true, POLICY_RATE_AUTH },
	{ IPC_ADMIN, POLICY_SET, POLICY_KEYTAB, 0, 0, false, true, POLICY_FREE },
	{ IPC_ADMIN, POLICY_DELETE, POLICY_KEYTAB, 0, 0, false, true, POLICY_FREE },
	{ IPC_SIPD | IPC_ADMIN, POLICY_SET, POLICY_SIP, 0, 0, false, true, POLICY_FREE },
	{ IPC_SIPD | IPC_ADMIN, POLICY_DELETE, POLICY_SIP, 0, 0, false, true, POLICY_FREE },
	{ IPC_SIPD | IPC_DECTD | IPC_ADMIN, POLICY_SET, POLICY_AC, 0, 0, false, true, POLICY_FREE },
	{ IPC_SIPD | IPC_DECTD | IPC_ADMIN, POLICY_DELETE, POLICY_AC, 0, 0, false, true,
	    POLICY_FREE },
	{ IPC_ADMIN, POLICY_SET, POLICY_LDAP, 0, 0, false, true, POLICY_FREE },
	{ IPC_ADMIN, POLICY_DELETE, POLICY_LDAP, 0, 0, false, true, POLICY_FREE },
	{ IPC_ADMIN, POLICY_SET, POLICY_TURN, 0, 0, false, true, POLICY_FREE },
	{ IPC_ADMIN, POLICY_DELETE, POLICY_TURN, 0, 0, false, true, POLICY_FREE },
	/* The passwords that leave: an LDAP simple bind sends it; mediad signs each packet to a relay (RFC 8656). */
	{ IPC_PRESENCED, POLICY_REVEAL, POLICY_LDAP, 0, 0, false, true, POLICY_RATE_AUTH },
	{ IPC_SIPD, POLICY_REVEAL, POLICY_TURN, 0, 0, false, true, POLICY_RATE_AUTH },

	{ IPC_DECTD, POLICY_ANSWER, POLICY_UAK, 0, 0, false, false, POLICY_RATE_AUTH },
	{ IPC_DECTD, POLICY_DERIVE, POLICY_UAK, 0, 0, false, false, POLICY_RATE_AUTH },
	{ IPC_DECTD, POLICY_SET, POLICY_UAK, 0, 0, false, true, POLICY_RATE_AUTH },
	{ IPC_DECTD, POLICY_DELETE, POLICY_UAK, 0, 0, false, true, POLICY_FREE },
	{ IPC_DECTD, POLICY_SET, POLICY_DEFCK, 0, 0, false, false, POLICY_FREE },
	{ IPC_DECTD, POLICY_REVEAL, POLICY_DEFCK, 0, 0, false, false, POLICY_RATE_AUTH },
	{ IPC_DECTD, POLICY_SET, POLICY_RFP, 0, 0, false, true, POLICY_FREE },
	{ IPC_DECTD, POLICY_DELETE, POLICY_RFP, 0, 0, false, true, POLICY_FREE },
	{ IPC_DECTD, POLICY_DERIVE, POLICY_RFP, 0, 0, false, true, POLICY_FREE },
};
const size_t policy_nrows = ARRAY_LEN(policy_rows);

static const char *const ops[] = { "", "sign", "decrypt", "read", "answer", "derive", "set",
	"delete", "reveal" };
static const char *const objects[] = { "", "host-key", "trust", "sip", "ntlm", "ldap", "ac", "turn",
	"uak", "defck", "rfp", "kerberos", "keytab" };

#define ROLES 8
struct bucket { /* thousandths of an operation */
	uint64_t left, at;
};
struct policy {
	struct policy_conf conf;
	struct bucket b[ROLES][POLICY_RATES];
	struct stat_set *stats;
	struct stat_val *count[ARRAY_LEN(ops)][3];
};

const char *policy_op_name(enum policy_op op)
{
	return ops[op];
}

const char *policy_object_name(enum policy_object o)
{
	return objects[o];
}

struct policy *policy_new(struct stat_set *stats)
{
	static const char *const outcomes[] = { "allowed", "denied", "limited" };
	struct policy *p = mem_new(sizeof(*p));

	p->stats = stats;
	for (size_t i = 1; i < ARRAY_LEN(ops) && stats; i++)
		for (size_t j = 0; j < ARRAY_LEN(outcomes); j++) {
			char labels[64];

			snprintf(labels, sizeof(labels), "operation=\"%s\",decision=\"%s\"", ops[i],
			    outcomes[j]);
			p->count[i][j] = stat_get(stats, STAT_COUNTER, "ipdect_certd_operations",
			    labels, "Operations with secrets that were asked for");
		}
	return p;
}

void policy_free(struct policy *p)
{
	free(p);
}

void policy_configure(struct policy *p, const struct policy_conf *c)
{
	p->conf = *c;
	for (unsigned r = 0; r < ROLES; r++)
		for (unsigned i = 0; i < POLICY_RATES; i++)
			p->b[r][i] = (struct bucket){ 2000ull * c->per_s[i], 0 };
}

const struct policy_row *policy_find(const struct policy_ask *a)
{
	for (size_t i = 0; i < policy_nrows; i++) {
		const struct policy_row *r = &policy_rows[i];

		if (!(r->roles & a->role) || r->op != a->op || r->object != a->object)
			continue;
		if (a->op != POLICY_SIGN ||
		    (r->scheme == a->scheme && a->hash < 32 && (r->hashes & 1u << a->hash)))
			return r;
	}
	return NULL;
}

static bool take(struct policy *p, uint32_t role, enum policy_rate rate, uint64_t now)
{
	uint64_t per_s = p->conf.per_s[rate];
	struct bucket *b;
	unsigned r = 0;

	if (rate == POLICY_FREE || per_s == 0)
		return true;
	while (r < ROLES - 1 && !(role & 1u << r))
		r++;
	b = &p->b[r][rate];
	if (b->at && now > b->at)
		b->left += (now - b->at) * per_s;
	if (b->left > 2000 * per_s)
		b->left = 2000 * per_s;
	b->at = now ? now : 1;
	if (b->left < 1000)
		return false;
	b->left -= 1000;
	return true;
}

int policy_check(struct policy *p, const struct policy_ask *a, uint64_t now_ms, const char **why)
{
	const struct policy_row *r = policy_find(a);
	int err = 0;

	*why = "";
	if (!r) {
		err = ERR_DENIED;
		*why = "the policy has no row for this role, operation and kind of secret";
	} else if (r->legacy && !p->conf.legacy) {
		err = ERR_DENIED;
		*why = "only for old TLS peers: set legacy-tls = yes in [certd]";
	} else if (!take(p, a->role, r->rate, now_ms)) {
		err = ERR_BUSY;
		*why = "more operations a second than the limits of [certd] allow";
	}
	if (p->stats && a->op < (int)ARRAY_LEN(ops))
		stat_add(p->count[a->op][err == 0 ? 0 : err == ERR_DENIED ? 1 : 2], 1);
	return err;
}
