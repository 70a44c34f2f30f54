/* Kerberos: messages of the cert interface, and keytabs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cert.pb-c.h"
#include "certd/certd.h"
#include "certd/ctl_room_ipc.h"
#include "certd/keytab.h"
#include "certd/krb.h"
#include "certd/secret.h"
#include "common/mem.h"

static struct slice sl(ProtobufCBinaryData b)
{
	return (struct slice){ (const char *)b.data, b.len };
}

static ProtobufCBinaryData bin(struct slice s)
{
	return (ProtobufCBinaryData){ s.n, (uint8_t *)(uintptr_t)s.p };
}

static int reply(struct ipc_peer *p, const struct ipc_msg *m, struct krb_step *s)
{
	Cert__KrbStep out = CERT__KRB_STEP__INIT;
	int err;

	if (s->handle) {
		out.has_handle = out.has_to_kdc = out.has_realm = out.has_tcp = true;
		out.handle = s->handle;
		out.to_kdc = bin(s->to_kdc);
		out.realm = bin(s->realm);
		out.tcp = s->tcp;
	} else {
		out.has_token = out.has_enctype = out.has_key = out.has_sequence = true;
		out.has_left_s = out.has_kdc_ahead_s = true;
		out.token = bin(s->token);
		out.enctype = s->enctype;
		out.key = (ProtobufCBinaryData){ s->nkey, s->key };
		out.sequence = s->sequence;
		out.left_s = s->left_s;
		out.kdc_ahead_s = s->kdc_ahead_s;
	}
	err = ipc_reply(p, m, &out.base);
	mem_wipe(s, sizeof(*s));
	return err;
}

int certd_on_krb_start(struct ipc_peer *p, struct ipc_msg *m)
{
	const Cert__KrbStart *in = IPC_BODY(m, Cert__KrbStart);
	struct certd *c = certd_of(p);
	struct policy_ask a = { .role = ipc_peer_role(p) & IPC_DAEMONS,
		.op = POLICY_DERIVE,
		.object = POLICY_KERBEROS };
	struct krb_ask ask = { .credential = sl(in->credential),
		.username = sl(in->username),
		.realm = sl(in->realm),
		.service = sl(in->service),
		.fresh = in->has_fresh && in->fresh };
	struct krb_step s;
	char said[512];
	const char *why;
	int err = certd_ask(c, p, &a, ask.credential, &why);

	if (err)
		return ipc_fail(p, m, err, "%s", why);
	err = krb_begin(c->krb, &ask, &s, said, sizeof(said));
	if (err || !s.handle)
		certd_used(c, p, &a, ask.credential, err);
	certd_worked(c);
	return err ? ipc_fail(p, m, err, "%s", said[0] ? said : err_text(err)) : reply(p, m, &s);
}

int certd_on_krb_reply(struct ipc_peer *p, struct ipc_msg *m)
{
	const Cert__KrbReply *in = IPC_BODY(m, Cert__KrbReply);
	struct certd *c = certd_of(p);
	struct policy_ask a = { .role = ipc_peer_role(p) & IPC_DAEMONS,
		.op = POLICY_DERIVE,
		.object = POLICY_KERBEROS };
	char said[512], who[257];
	struct slice answer = { 0 };
	struct krb_step s;
	int err;

	if (in->has_drop && in->drop) {
		krb_drop(c->krb, in->handle);
		return ERR_STATE;
	}
	if (in->has_message)
		answer = sl(in->message);
	if (slice_copy(krb_who(c->krb, in->handle), who, sizeof(who)))
		who[0] = '\0';
	err =
	    krb_go_on(c->krb, in->handle, in->has_message ? &answer : NULL, &s, said, sizeof(said));
	if (who[0] && (err || !s.handle))
		certd_used(c, p, &a, slice_str(who), err);
	certd_worked(c);
	return err ? ipc_fail(p, m, err, "%s", said[0] ? said : err_text(err)) : reply(p, m, &s);
}

/* ---- keytabs ---- */

const struct ctl_arg certd_keytab_args[] = {
	{ "file", CTL_FILE_IN, true, "keytab as ktpass or ktutil writes it", NULL },
	{ "principal", CTL_TEXT, false, "whose keys, NAME@REALM, where the file has several",
	    NULL },
};
_Static_assert(ARRAY_LEN(certd_keytab_args) == 2, "as declared");

static void on_written(void *ctx, int err, const char *why)
{
	struct ctl_run *r = ctx;

	if (err)
		ctl_fail(r, err, "%s", *why ? why : err_text(err));
	else
		certd_secret_written(r);
	ctl_done(r, err);
}

static int write_keytab(struct ctl_run *r, bool set, struct slice value)
{
	struct certd *c = ctl_room(r);
	struct policy_ask a = {
		.role = IPC_ADMIN, .op = set ? POLICY_SET : POLICY_DELETE, .object = POLICY_KEYTAB
	};
	char who[24];
	const char *why;
	int err = policy_check(c->policy, &a, uv_now(c->d->loop), &why);

	if (err)
		return ctl_fail(r, err, "%s", why);
	snprintf(who, sizeof(who), "uid-%u", (unsigned)ctl_uid(r));
	ctl_defer(r);
	writes_add(c->writes, who, set, STORE_KEYTAB, ctl_id(r), value, on_written, r);
	return 0;
}

int certd_keytab_import(struct ctl_run *r)
{
	struct keytab t;
	uint8_t record[KEYTAB_RECORD];
	size_t n = 0;
	int err = keytab_read(ctl_data_arg(r, "file"), ctl_text_arg(r, "principal"), &t);

	if (err == ERR_EXISTS)
		err = ctl_fail(
		    r, err, "the file has keys of several principals: principal=NAME@REALM");
	else if (err == ERR_NOTFOUND)
		err = ctl_fail(r, err,
		    "no key of this principal, or none of AES or RC4: make the keytab anew "
		    "(ktpass /crypto AES256-SHA1)");
	else if (err)
		err = ctl_fail(r, err, "this is no keytab: %s", err_text(err));
	if (!err)
		err = keytab_pack(&t, record, &n);
	if (!err) {
		ctl_say(r, "%s, version %u, %u keys", t.principal, t.kvno, t.n);
		err = write_keytab(r, true, (struct slice){ (const char *)record, n });
	}
	mem_wipe(record, sizeof(record));
	mem_wipe(&t, sizeof(t));
	return err;
}

int certd_keytab_del(struct ctl_run *r)
{
	if (!secret_has(ctl_room(r)->store, STORE_KEYTAB, ctl_id(r)))
		return ctl_fail(r, ERR_NOTFOUND, "no keytab is stored for this user");
	ctl_say(r, "done");
	return write_keytab(r, false, SLICE_LIT(""));
}
