/* Control commands: secrets. Those for certificates are in ctl_cert_ipc.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "certd/certd.h"
#include "certd/ctl_cert_ipc.h"
#include "certd/secret.h"
#include "common/enc.h"
#include "common/mem.h"
#include "common/wr.h"
#include "ctl.pb-c.h"

static struct certd *room(struct ctl_run *r)
{
	return ((struct daemon *)ctl_ctx(r))->state;
}

static const enum store_kind listed[] = { STORE_SIP, STORE_LDAP, STORE_AC, STORE_TURN, STORE_UAK,
	STORE_UAK_NEW, STORE_DEFCK, STORE_RFP, STORE_RFP_NEW, STORE_RFP_ROOT };

static enum policy_object object_of(enum store_kind k)
{
	return k == STORE_SIP    ? POLICY_SIP
	       : k == STORE_LDAP ? POLICY_LDAP
	       : k == STORE_AC   ? POLICY_AC
	                         : POLICY_TURN;
}

static int ask(struct ctl_run *r, enum policy_op op, enum store_kind kind)
{
	struct certd *c = room(r);
	struct policy_ask a = { .role = IPC_ADMIN, .op = op, .object = object_of(kind) };
	const char *why;
	int err = policy_check(c->policy, &a, uv_now(c->d->loop), &why);

	return err ? ctl_fail(r, err, "%s", why) : 0;
}

static int secret_set_cmd(struct ctl_run *r)
{
	struct certd *c = room(r);
	struct slice v = slice_trim(ctl_data_arg(r, "value"));
	enum store_kind kind = STORE_SIP;
	const char *why;
	int err = secret_kind_parse(ctl_text_arg(r, "kind"), &kind);

	if (err == 0)
		err = ask(r, POLICY_SET, kind);
	if (err)
		return err;
	err = secret_set(c->store, kind, ctl_id(r), v, &why);
	if (err)
		return ctl_fail(r, err, "%s", why ? why : store_why(c->store));
	certd_announce(c, CERTD_SECRET, NULL);
	ctl_say(r, "stored");
	return 0;
}

static int secret_del_cmd(struct ctl_run *r)
{
	struct certd *c = room(r);
	enum store_kind kind = STORE_SIP;
	bool had;
	int err = secret_kind_parse(ctl_text_arg(r, "kind"), &kind);

	if (err == 0)
		err = ask(r, POLICY_DELETE, kind);
	if (err)
		return err;
	err = secret_del(c->store, kind, ctl_id(r), &had);
	if (err)
		return ctl_fail(r, err, "%s", store_why(c->store));
	if (!had)
		return ctl_fail(r, ERR_NOTFOUND, "there is no such secret");
	certd_announce(c, CERTD_SECRET, NULL);
	ctl_say(r, "deleted");
	return 0;
}

/* ---- list: the cursor is the kind's place in the list and the id to go on with ---- */

struct listing {
	struct ctl_run *r;
	size_t at;
	struct slice from;
	bool full;
};

static bool row(void *ctx, struct slice id, int64_t changed)
{
	struct listing *l = ctx;
	Ctl__SecretRow out = CTL__SECRET_ROW__INIT;
	char text[2 * STORE_ID_MAX + 1], when[32], cursor[STORE_ID_MAX + 1];
	time_t t = (time_t)changed;
	struct tm tm;

	if (l->from.n && slice_cmp(id, l->from) < 0)
		return true;
	out.kind = (char *)(uintptr_t)secret_kind_name(listed[l->at]);
	out.id = (ProtobufCBinaryData){ id.n, (uint8_t *)(uintptr_t)id.p };
	if (listed[l->at] >= STORE_UAK) { /* octets, not text */
		enc_hex(id.p, id.n, text);
		out.id = (ProtobufCBinaryData){ 2 * id.n, (uint8_t *)text };
	}
	if (gmtime_r(&t, &tm) && strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm))
		out.changed = when;
	if (ctl_row(l->r, &out.base))
		return true;
	cursor[0] = (char)l->at;
	memcpy(cursor + 1, id.p, id.n);
	ctl_more(l->r, (struct slice){ cursor, id.n + 1 });
	l->full = true;
	return false;
}

static int secret_list_cmd(struct ctl_run *r)
{
	struct slice want = ctl_text_arg(r, "kind"), cursor = ctl_cursor(r);
	struct listing l = { .r = r };

	if (cursor.n) {
		l.at = (uint8_t)cursor.p[0];
		l.from = slice_sub(cursor, 1, cursor.n - 1);
	}
	for (; l.at < ARRAY_LEN(listed) && !l.full; l.at++) {
		int err;

		if (want.n && !slice_eq(want, slice_str(secret_kind_name(listed[l.at]))))
			continue;
		err = store_each(room(r)->store, listed[l.at], row, &l);
		if (err)
			return ctl_fail(r, err, "%s", store_why(room(r)->store));
		l.from = SLICE_LIT("");
	}
	return 0;
}

static const struct ctl_arg secret_set_args[] = {
	{ "kind", CTL_CHOICE, true, "what the secret is for", "sip|ldap|ac|turn" },
	{ "value", CTL_SECRET, true, "password, or access code of at most 8 digits", NULL },
};
static const struct ctl_arg secret_list_args[] = {
	{ "kind", CTL_CHOICE, false, "only these",
	    "sip|ldap|ac|turn|uak|uak-new|defck|rfp|rfp-new|rfp-root" },
};

const struct ctl_cmd certd_cmds[] = { { "secret", "set", IPC_ADMIN, "OWNER", true, secret_set_args,
	                                  ARRAY_LEN(secret_set_args), NULL, false, secret_set_cmd,
	                                  "store a password or access code; OWNER is a user's "
	                                  "name, \"subscription\" for the common "
	                                  "access code, or what [presenced] calls its account" },
	{ "secret", "del", IPC_ADMIN, "OWNER", true, secret_set_args, 1, NULL, false,
	    secret_del_cmd, "delete a password or access code" },
	{ "secret", "list", IPC_VIEW, NULL, false, secret_list_args, ARRAY_LEN(secret_list_args),
	    &ctl__secret_row__descriptor, false, secret_list_cmd,
	    "whose secrets are stored, never what they are" },
	CERTD_CERT_CMDS };
const size_t certd_ncmds = ARRAY_LEN(certd_cmds);
