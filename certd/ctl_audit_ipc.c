/* Control commands: audit log, master key, policy. */
#include "common/ossl.h"

#include <inttypes.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "certd/ctl_room_ipc.h"
#include "certd/sign.h"
#include "common/mem.h"
#include "common/wr.h"

int ctl_announce(struct ctl_run *r, const char *operation, struct slice object)
{
	struct certd *c = ctl_room(r);
	char who[24];

	snprintf(who, sizeof(who), "uid-%u", (unsigned)ctl_uid(r));
	certd_worked(c);
	if (audit_admin(c->audit, who, operation, object, SLICE_LIT("accepted")) == 0)
		return 0;
	return ctl_fail(r, ERR_STORE, "nothing was changed: %s", audit_trouble(c->audit));
}

int ctl_undone(struct ctl_run *r, const char *operation, struct slice object, int err)
{
	char who[24];

	snprintf(who, sizeof(who), "uid-%u", (unsigned)ctl_uid(r));
	audit_use(ctl_room(r)->audit, who, operation, object, slice_str(err_name(err)));
	return err;
}

/* %XX back to octets; shown by dectctl, which escapes. */
static size_t unescape(struct slice s, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '%' && i + 2 < s.n) {
			char hex[3] = { s.p[i + 1], s.p[i + 2], 0 };

			out[n++] = (char)strtol(hex, NULL, 16);
			i += 2;
		} else {
			out[n++] = s.p[i];
		}
	}
	return n;
}

struct listing {
	struct ctl_run *r;
	bool full;
	uint64_t last;
};

static bool row(void *ctx, const struct audit_entry *e)
{
	struct listing *l = ctx;
	Ctl__AuditRow out = CTL__AUDIT_ROW__INIT;
	char when[40], role[260], operation[260], object[800], outcome[800];
	time_t t = (time_t)(e->ms / 1000);
	struct tm tm;
	size_t n;

	out.seq = e->seq;
	if (gmtime_r(&t, &tm) &&
	    (n = strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm)) != 0) {
		snprintf(when + n, sizeof(when) - n, ".%03uZ", (unsigned)(e->ms % 1000));
		out.time = when;
	}
	if (slice_copy(e->role, role, sizeof(role)) == 0)
		out.role = role;
	if (slice_copy(e->operation, operation, sizeof(operation)) == 0)
		out.operation = operation;
	if (e->object.n < sizeof(object)) {
		out.has_object = true;
		out.object = ctl_bin(object, unescape(e->object, object));
	}
	if (e->outcome.n < sizeof(outcome) - 1) {
		outcome[unescape(e->outcome, outcome)] = '\0';
		for (char *p = outcome; *p; p++)
			if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
				*p = '?';
		out.outcome = outcome;
	}
	l->full = !ctl_row(l->r, &out.base);
	if (!l->full)
		l->last = e->seq;
	return !l->full;
}

int certd_audit_list(struct ctl_run *r)
{
	struct certd *c = ctl_room(r);
	struct listing l = { .r = r };
	uint64_t from = ctl_number(r, "from", 0), max = ctl_number(r, "max", 100), left = max;
	struct cur cur = cur_of(ctl_cursor(r));
	int err;

	/* Cursor: where to go on, how many are left. */
	if (!cur_done(&cur) &&
	    (slice_u64(cur_until(&cur, " "), UINT64_MAX, &from) || !cur_lit(&cur, ' ') ||
	        slice_u64(cur_rest(&cur), UINT64_MAX, &left)))
		return ERR_SYNTAX;
	if (left == 0 || left > 100000)
		return ctl_fail(r, ERR_VALUE, "max is 1 to 100000");
	if (from == 0)
		from = audit_last(c->audit) > left ? audit_last(c->audit) - left + 1 : 1;
	l.last = from - 1;
	err = audit_read(c->audit, from, (uint32_t)left, row, &l);
	if (err)
		return ctl_fail(r, err, "%s", audit_trouble(c->audit));
	if (l.full) {
		char next[48];
		uint64_t given = l.last - (from - 1);

		snprintf(next, sizeof(next), "%" PRIu64 " %" PRIu64, l.last + 1,
		    left > given ? left - given : 1);
		ctl_more(r, slice_str(next));
	}
	return 0;
}

int certd_audit_verify(struct ctl_run *r)
{
	struct audit_verify v;

	if (!audit_check(ctl_room(r)->audit, &v))
		return v.bad_to > v.bad
		           ? ctl_fail(r, ERR_AUTH,
		                 "altered: entry %" PRIu64 " or one up to %" PRIu64
		                 ": %s: find out who had access to certd's state directory",
		                 v.bad, v.bad_to, v.why)
		           : ctl_fail(r, ERR_AUTH,
		                 "altered: entry %" PRIu64
		                 ": %s: find out who had access to certd's state directory",
		                 v.bad, v.why);
	ctl_say(r, "good: entries %" PRIu64 " to %" PRIu64 ", signed up to %" PRIu64, v.first,
	    v.st.seq, v.signed_seq);
	return 0;
}

int certd_audit_key(struct ctl_run *r)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *p = NULL;
	long n = b && PEM_write_bio_PUBKEY(b, audit_key(ctl_room(r)->audit))
	             ? BIO_get_mem_data(b, &p)
	             : 0;

	if (n > 0)
		ctl_data(r, p, (size_t)n);
	BIO_free(b);
	return n > 0 ? 0 : ERR_CRYPTO;
}

int certd_key_rotate(struct ctl_run *r)
{
	struct certd *c = ctl_room(r);
	size_t n = 0;
	int err = ctl_announce(r, "key-rotate", SLICE_LIT("master"));

	if (err)
		return err;
	err = store_rotate(c->store, &n);
	if (err) {
		ctl_undone(r, "key-rotate", SLICE_LIT("master"), err);
		return ctl_fail(r, err, "%s", store_why(c->store));
	}
	ctl_say(r, "%zu records are sealed under a new data key, %s", n,
	    store_on_credential(c->store)
	        ? "the master key of the credential stays: to change it, see ipdect-certd(8)"
	        : "and under a new master key");
	return 0;
}

static void roles(struct wr *w, uint32_t set)
{
	static const uint32_t all[] = { IPC_SIPD, IPC_MEDIAD, IPC_DECTD, IPC_PRESENCED, IPC_ADMIN };
	bool any = false;

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (set & all[i]) {
			wr_fmt(w, "%s%s", any ? "," : "",
			    all[i] == IPC_ADMIN ? "administrator" : ipc_role_name(all[i]));
			any = true;
		}
}

int certd_policy_list(struct ctl_run *r)
{
	static const char *const schemes[] = { "", " rsa-pkcs1", " rsa-pss", " ecdsa", " ed25519" };
	const struct certd_conf *conf = ctl_room(r)->conf;
	char text[8192];
	struct wr w = wr_of(text, sizeof(text));

	for (size_t i = 0; i < policy_nrows; i++) {
		const struct policy_row *p = &policy_rows[i];

		roles(&w, p->roles);
		wr_fmt(&w, ": %s %s%s%s%s\n", policy_op_name(p->op), policy_object_name(p->object),
		    p->op == POLICY_SIGN ? schemes[p->scheme] : "",
		    !p->legacy         ? ""
		    : conf->legacy_tls ? " (old TLS: on)"
		                       : " (old TLS: off)",
		    p->audit ? ", audited" : "");
	}
	wr_str(&w, "everything else is refused");
	if (!wr_nul(&w))
		return ERR_LIMIT;
	ctl_say(r, "%s", text);
	return 0;
}

const struct ctl_arg certd_audit_args[2] = {
	{ "from", CTL_NUMBER, false, "first entry; else the last ones", NULL },
	{ "max", CTL_NUMBER, false, "how many, 100 when left out", NULL },
};
