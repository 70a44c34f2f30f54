/* Control commands: secrets. Those for certificates are in ctl_cert_ipc.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "certd/ctl_room_ipc.h"
#include "certd/secret.h"
#include "common/enc.h"
#include "common/mem.h"
#include "common/wr.h"

#define NAME_ANNOUNCED 64

static const enum store_kind listed[] = { STORE_SIP, STORE_LDAP, STORE_AC, STORE_TURN, STORE_KEYTAB,
	STORE_UAK, STORE_UAK_NEW, STORE_DEFCK, STORE_RFP, STORE_RFP_NEW, STORE_RFP_ROOT };

static enum policy_object object_of(enum store_kind k)
{
	return k == STORE_SIP    ? POLICY_SIP
	       : k == STORE_LDAP ? POLICY_LDAP
	       : k == STORE_AC   ? POLICY_AC
	                         : POLICY_TURN;
}

static int ask(struct ctl_run *r, enum policy_op op, enum store_kind kind)
{
	struct certd *c = ctl_room(r);
	struct policy_ask a = { .role = IPC_ADMIN, .op = op, .object = object_of(kind) };
	const char *why;
	int err = policy_check(c->policy, &a, uv_now(c->d->loop), &why);

	return err ? ctl_fail(r, err, "%s", why) : 0;
}

void certd_secret_written(struct ctl_run *r)
{
	char name[NAME_ANNOUNCED + 1];

	certd_announce(
	    ctl_room(r), CERTD_SECRET, slice_copy(ctl_id(r), name, sizeof(name)) ? NULL : name);
}

static void on_written(void *ctx, int err, const char *why)
{
	struct ctl_run *r = ctx;

	if (err)
		ctl_fail(r, err, "%s", *why ? why : err_text(err));
	else
		certd_secret_written(r);
	ctl_say(r, "done");
	ctl_done(r, err);
}

/* Joins what daemons are writing at this moment. */
static int write_secret(struct ctl_run *r, bool set, enum store_kind kind, struct slice value)
{
	char who[24];

	snprintf(who, sizeof(who), "uid-%u", (unsigned)ctl_uid(r));
	ctl_defer(r);
	writes_add(ctl_room(r)->writes, who, set, kind, ctl_id(r), value, on_written, r);
	return 0;
}

static int secret_set_cmd(struct ctl_run *r)
{
	struct slice v = ctl_data_arg(r, "value");
	const char *why;
	enum store_kind kind = STORE_SIP;
	int err = secret_kind_parse(ctl_text_arg(r, "kind"), &kind);

	if (err == 0)
		err = ask(r, POLICY_SET, kind);
	if (err)
		return err;
	why = secret_bad(kind, ctl_id(r), v);
	return why ? ctl_fail(r, ERR_VALUE, "%s", why) : write_secret(r, true, kind, v);
}

static int secret_del_cmd(struct ctl_run *r)
{
	enum store_kind kind = STORE_SIP;
	int err = secret_kind_parse(ctl_text_arg(r, "kind"), &kind);

	if (err == 0)
		err = ask(r, POLICY_DELETE, kind);
	if (err)
		return err;
	if (!secret_has(ctl_room(r)->store, kind, ctl_id(r)))
		return ctl_fail(r, ERR_NOTFOUND, "there is no such secret");
	return write_secret(r, false, kind, SLICE_LIT(""));
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
	if (listed[l->at] >= STORE_UAK && listed[l->at] != STORE_KEYTAB) { /* octets, not text */
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
		err = store_each(ctl_room(r)->store, listed[l.at], row, &l);
		if (err)
			return ctl_fail(r, err, "%s", store_why(ctl_room(r)->store));
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
	    "sip|ldap|ac|turn|keytab|uak|uak-new|defck|rfp|rfp-new|rfp-root" },
};

static const struct ctl_arg trust_export_args[] = {
	{ "local", CTL_FLAG, false, "only the local ones", NULL },
	{ "file", CTL_FILE_OUT, false, "where they go; else they are printed", NULL },
};

const struct ctl_cmd certd_cmds[] = {
	{ "secret", "set", IPC_ADMIN, "OWNER", true, secret_set_args, ARRAY_LEN(secret_set_args),
	    NULL, false, secret_set_cmd,
	    "store a password or access code; OWNER is a user's "
	    "name, \"subscription\" for the common "
	    "access code, or what [presenced] calls its account" },
	{ "secret", "del", IPC_ADMIN, "OWNER", true, secret_set_args, 1, NULL, false,
	    secret_del_cmd, "delete a password or access code" },
	{ "secret", "list", IPC_VIEW, NULL, false, secret_list_args, ARRAY_LEN(secret_list_args),
	    &ctl__secret_row__descriptor, false, secret_list_cmd,
	    "whose secrets are stored, never what they are" },
	{ "keytab", "import", IPC_ADMIN, "OWNER", true, certd_keytab_args, 2, NULL, false,
	    certd_keytab_import, "take a user's Kerberos keys, in place of the password at Lync" },
	{ "keytab", "del", IPC_ADMIN, "OWNER", true, NULL, 0, NULL, false, certd_keytab_del,
	    "delete a user's Kerberos keys" },
	{ "cert", "list", IPC_VIEW, NULL, false, NULL, 0, &ctl__cert_row__descriptor, false,
	    certd_cert_list, "host certificates and what is not right with them" },
	{ "cert", "show", IPC_VIEW, "NAME", false, NULL, 0, &ctl__cert_row__descriptor, false,
	    certd_cert_show, "a host certificate with its chain" },
	{ "cert", "import", IPC_ADMIN, "NAME", false, certd_import_args,
	    ARRAY_LEN(certd_import_args), NULL, false, certd_cert_import,
	    "take a certificate with its key (PKCS#12, PEM, DER); NAME is \"host\" when left out" },
	{ "cert", "csr", IPC_ADMIN, "NAME", false, certd_csr_args, ARRAY_LEN(certd_csr_args), NULL,
	    false, certd_cert_csr, "make a key and a request for a CA" },
	{ "cert", "export-csr", IPC_VIEW, "NAME", false, certd_file_out_args, 1, NULL, false,
	    certd_cert_export_csr, "the request that waits for its certificate, again" },
	{ "cert", "install", IPC_ADMIN, "NAME", false, certd_install_args,
	    ARRAY_LEN(certd_install_args), NULL, false, certd_cert_install,
	    "take the certificate that a CA issued for the request" },
	{ "cert", "self-signed", IPC_ADMIN, "NAME", false, certd_self_args,
	    ARRAY_LEN(certd_self_args), NULL, false, certd_cert_self_signed,
	    "make a key and a certificate that only tests trust" },
	{ "cert", "export", IPC_VIEW, "NAME", false, certd_file_out_args, 1, NULL, false,
	    certd_cert_export, "certificate and chain, without the key" },
	{ "cert", "del", IPC_ADMIN, "NAME", true, NULL, 0, NULL, false, certd_cert_del,
	    "delete a host certificate, its key and its request" },
	{ "trust", "list", IPC_VIEW, NULL, false, NULL, 0, &ctl__cert_row__descriptor, false,
	    certd_trust_list, "trusted certificates" },
	{ "trust", "import", IPC_ADMIN, NULL, false, certd_file_in_args, 1, NULL, false,
	    certd_trust_import, "trust the certificates of a file" },
	{ "trust", "export", IPC_VIEW, NULL, false, trust_export_args, ARRAY_LEN(trust_export_args),
	    NULL, false, certd_trust_export, "trusted certificates as PEM" },
	{ "trust", "del", IPC_ADMIN, "FINGERPRINT", true, NULL, 0, NULL, false, certd_trust_del,
	    "stop trusting one local certificate" },
	{ "trust", "clear", IPC_ADMIN, NULL, false, NULL, 0, NULL, false, certd_trust_clear,
	    "stop trusting anything, the distribution's CAs included" },
	{ "trust", "restore", IPC_ADMIN, NULL, false, NULL, 0, NULL, false, certd_trust_restore,
	    "trust the distribution's CAs again" },
	{ "crl", "list", IPC_VIEW, NULL, false, NULL, 0, &ctl__cert_row__descriptor, false,
	    certd_crl_list, "revocation lists" },
	{ "crl", "import", IPC_ADMIN, NULL, false, certd_file_in_args, 1, NULL, false,
	    certd_crl_import, "take revocation lists of known CAs" },
	{ "crl", "del", IPC_ADMIN, "ISSUER", true, NULL, 0, NULL, false, certd_crl_del,
	    "delete the list of an issuer" },
	{ "audit", "list", IPC_ADMIN, NULL, false, certd_audit_args, ARRAY_LEN(certd_audit_args),
	    &ctl__audit_row__descriptor, false, certd_audit_list,
	    "who used which key, who changed what" },
	{ "audit", "verify", IPC_ADMIN, NULL, false, NULL, 0, NULL, false, certd_audit_verify,
	    "prove that the audit log is complete and unaltered" },
	{ "audit", "key", IPC_VIEW, NULL, false, certd_file_out_args, 1, NULL, false,
	    certd_audit_key, "the public key of the audit log, to be kept elsewhere" },
	{ "key", "rotate", IPC_ADMIN, NULL, false, NULL, 0, NULL, false, certd_key_rotate,
	    "seal everything under new keys" },
	{ "policy", "list", IPC_VIEW, NULL, false, NULL, 0, NULL, false, certd_policy_list,
	    "who may do what with which secret" },
};
const size_t certd_ncmds = ARRAY_LEN(certd_cmds);
