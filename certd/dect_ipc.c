/* The cert interface: handsets and base stations. */
#include <string.h>

#include "cert.pb-c.h"
#include "certd/certd.h"
#include "certd/rfp_key.h"
#include "common/enc.h"
#include "common/mem.h"

_Static_assert((int)DECT_KDF_DSAA == (int)CERT__DECT_ALG__DECT_DSAA &&
                   (int)DECT_KDF_DSAA2 == (int)CERT__DECT_ALG__DECT_DSAA2,
    "algorithms have one number");

static struct slice sl(ProtobufCBinaryData b)
{
	return (struct slice){ (const char *)b.data, b.len };
}

static ProtobufCBinaryData bin(const void *p, size_t n)
{
	return (ProtobufCBinaryData){ n, (uint8_t *)(uintptr_t)p };
}

static int fail(struct ipc_peer *p, const struct ipc_msg *m, int err, const char *what)
{
	const char *text = what;

	if (err == ERR_STORE || err == ERR_AUTH)
		text = store_why(certd_of(p)->store);
	else if (err == ERR_DENIED)
		text = "this handset gave too many wrong answers: wait, and check the access code";
	else if (err == ERR_BUSY)
		text = "too many procedures are open, or no cipher key index is free";
	return ipc_fail(p, m, err, "%s", text);
}

/* 0: allowed; else it is answered. */
static int ask(
    struct ipc_peer *p, const struct ipc_msg *m, enum policy_op op, enum policy_object object)
{
	struct policy_ask a = {
		.role = ipc_peer_role(p) & IPC_DAEMONS, .op = op, .object = object
	};
	const char *why;
	int err = certd_ask(certd_of(p), p, &a, SLICE_LIT(""), &why);

	if (err)
		ipc_fail(p, m, err, "%s", why);
	return err;
}

static void used(struct ipc_peer *p, enum policy_op op, enum policy_object object,
    ProtobufCBinaryData id, int err)
{
	struct policy_ask a = {
		.role = ipc_peer_role(p) & IPC_DAEMONS, .op = op, .object = object
	};
	char hex[2 * DECT_IPUI_MAX + 1];

	enc_hex(id.data, id.len > DECT_IPUI_MAX ? DECT_IPUI_MAX : id.len, hex);
	certd_used(certd_of(p), p, &a, slice_str(hex), err);
}

static int reply_challenge(
    struct ipc_peer *p, const struct ipc_msg *m, const struct dect_challenge *c)
{
	Cert__DectChallenge out = CERT__DECT_CHALLENGE__INIT;

	out.handle = c->handle;
	out.rs = bin(c->rs, c->nrs);
	out.rand_f = bin(c->rand_f, sizeof(c->rand_f));
	return ipc_reply(p, m, &out.base);
}

int certd_on_pt_auth(struct ipc_peer *p, struct ipc_msg *m)
{
	const Cert__DectPtAuth *in = IPC_BODY(m, Cert__DectPtAuth);
	struct dect_challenge c;
	int err;

	if (ask(p, m, POLICY_ANSWER, POLICY_UAK))
		return 0;
	err = dect_pt_auth(certd_of(p)->dect, sl(in->ipui), (enum dect_kdf_alg)in->alg,
	    in->has_ac ? sl(in->ac) : SLICE_LIT(""), in->has_default_ck && in->default_ck, &c);
	return err ? fail(p, m, err, "this handset has no key: it must subscribe")
	           : reply_challenge(p, m, &c);
}

int certd_on_pt_check(struct ipc_peer *p, struct ipc_msg *m)
{
	const Cert__DectPtCheck *in = IPC_BODY(m, Cert__DectPtCheck);
	Cert__DectPtChecked out = CERT__DECT_PT_CHECKED__INIT;
	uint8_t dck[16];
	size_t n = 0;
	bool ok, former;
	int err;

	if (ask(p, m, POLICY_DERIVE, POLICY_UAK))
		return 0;
	err = dect_pt_check(certd_of(p)->dect, in->handle, sl(in->res1),
	    in->has_rand_p ? sl(in->rand_p) : SLICE_LIT(""), &ok, &former, dck, &n);
	if (err)
		return fail(p, m, err, "no such authentication is open");
	out.ok = ok;
	out.has_dck = ok;
	out.has_former = out.former = former;
	out.dck = bin(dck, ok ? n : 0);
	err = ipc_reply(p, m, &out.base);
	mem_wipe(dck, sizeof(dck));
	return err;
}

int certd_on_ft_auth(struct ipc_peer *p, struct ipc_msg *m)
{
	const Cert__DectFtAuth *in = IPC_BODY(m, Cert__DectFtAuth);
	Cert__DectFtAuthDone out = CERT__DECT_FT_AUTH_DONE__INIT;
	enum dect_kdf_alg alg = (enum dect_kdf_alg)in->alg;
	uint8_t res2[4], rs[16], rand_f[8];
	int err;

	if (ask(p, m, POLICY_ANSWER, POLICY_UAK))
		return 0;
	err = dect_ft_auth(certd_of(p)->dect, sl(in->ipui), alg, sl(in->rand_p), res2, rs, rand_f);
	if (err)
		return fail(p, m, err, "this handset has no key: it must subscribe");
	out.res2 = bin(res2, sizeof(res2));
	out.rs = bin(rs, dect_kdf_rs_len(alg));
	out.has_rand_f = alg == DECT_KDF_DSAA2;
	out.rand_f = bin(rand_f, sizeof(rand_f));
	return ipc_reply(p, m, &out.base);
}

int certd_on_key_alloc(struct ipc_peer *p, struct ipc_msg *m)
{
	const Cert__DectKeyAlloc *in = IPC_BODY(m, Cert__DectKeyAlloc);
	struct dect_challenge c;
	int err;

	if (ask(p, m, POLICY_ANSWER, POLICY_UAK))
		return 0;
	err = dect_key_alloc(
	    certd_of(p)->dect, sl(in->ipui), (enum dect_kdf_alg)in->alg, sl(in->ac), &c);
	return err ? fail(p, m, err, "no such access code: set one first")
	           : reply_challenge(p, m, &c);
}

int certd_on_key_alloc_check(struct ipc_peer *p, struct ipc_msg *m)
{
	const Cert__DectKeyAllocCheck *in = IPC_BODY(m, Cert__DectKeyAllocCheck);
	Cert__DectKeyAllocDone out = CERT__DECT_KEY_ALLOC_DONE__INIT;
	struct dect_allocated a;
	int err;

	if (ask(p, m, POLICY_SET, POLICY_UAK))
		return 0;
	err = dect_key_alloc_check(certd_of(p)->dect, in->handle, sl(in->res1), sl(in->rand_p), &a);
	used(p, POLICY_SET, POLICY_UAK, bin(a.ipui, a.nipui), err ? err : a.ok ? 0 : ERR_AUTH);
	if (err)
		return fail(
		    p, m, err, "no such key allocation is open, or its access code is gone");
	out.ok = a.ok;
	out.has_res2 = a.ok;
	out.res2 = bin(a.res2, sizeof(a.res2));
	out.has_rs2 = out.has_rand_f2 = a.ok && a.dsaa2;
	out.rs2 = bin(a.rs2, sizeof(a.rs2));
	out.rand_f2 = bin(a.rand_f2, sizeof(a.rand_f2));
	return ipc_reply(p, m, &out.base);
}

int certd_on_subscription(struct ipc_peer *p, struct ipc_msg *m)
{
	const Cert__DectSubscription *in = IPC_BODY(m, Cert__DectSubscription);
	struct dect *d = certd_of(p)->dect;
	Cert__Done out = CERT__DONE__INIT;
	bool confirm = in->op == CERT__SUBSCRIPTION_OP__CONFIRM_UAK;
	int err;

	if (ask(p, m, confirm ? POLICY_SET : POLICY_DELETE, POLICY_UAK))
		return 0;
	if (in->ipui.len == 0 || in->ipui.len > DECT_IPUI_MAX)
		err = ERR_VALUE;
	else if (confirm)
		err = dect_confirm_uak(d, sl(in->ipui), in->has_ac ? sl(in->ac) : SLICE_LIT(""));
	else if (in->op == CERT__SUBSCRIPTION_OP__DROP_UAK)
		err = dect_drop_uak(d, sl(in->ipui));
	else if (in->op == CERT__SUBSCRIPTION_OP__ERASE)
		err = dect_erase(d, sl(in->ipui));
	else
		err = ERR_VALUE;
	used(p, confirm ? POLICY_SET : POLICY_DELETE, POLICY_UAK, in->ipui, err);
	return err ? fail(
	                 p, m, err, err == ERR_NOTFOUND ? "this handset has no key" : err_text(err))
	           : ipc_reply(p, m, &out.base);
}

int certd_on_defck(struct ipc_peer *p, struct ipc_msg *m)
{
	const Cert__DectDefCk *in = IPC_BODY(m, Cert__DectDefCk);
	struct dect *d = certd_of(p)->dect;
	Cert__DectDefCkDone out = CERT__DECT_DEF_CK_DONE__INIT;
	bool get = in->has_index && !in->has_ck;
	uint8_t ck[16], ipui[DECT_IPUI_MAX];
	size_t nck = 0, nipui = 0;
	int err = 0;

	if (ask(p, m, get ? POLICY_REVEAL : POLICY_SET, POLICY_DEFCK))
		return 0;
	out.index = in->index;
	if (get)
		err = dect_defck_get(d, in->index, ck, &nck, ipui, &nipui);
	else if (!in->has_index)
		err = dect_defck_new(d, sl(in->ipui), &out.index);
	if (err == 0 && in->has_ck)
		err = dect_defck_put(d, sl(in->ipui), out.index, sl(in->ck));
	if (err == 0 && get && in->ipui.len &&
	    !slice_eq(sl(in->ipui), (struct slice){ (const char *)ipui, nipui }))
		err = ERR_DENIED;
	if (in->has_ck)
		mem_wipe(in->ck.data, in->ck.len);
	if (err) {
		mem_wipe(ck, sizeof(ck));
		return ipc_fail(p, m, err, "%s",
		    err == ERR_DENIED  ? "the index belongs to another handset"
		    : err == ERR_STORE ? store_why(certd_of(p)->store)
		    : err == ERR_BUSY  ? "all indices are in use"
		    : err == ERR_VALUE ? "an IPUI of 1 to 16 octets and a key of 8 or 16 are needed"
		                       : "no key of this index");
	}
	out.has_ck = out.has_ipui = get;
	out.ck = bin(ck, nck);
	out.ipui = bin(ipui, nipui);
	err = ipc_reply(p, m, &out.base);
	mem_wipe(ck, sizeof(ck));
	return err;
}

static void show_sub(const struct rfp_subkeys *k, protobuf_c_boolean *has_to,
    ProtobufCBinaryData *to, protobuf_c_boolean *has_from, ProtobufCBinaryData *from)
{
	*has_to = *has_from = true;
	*to = bin(k->to_rfp, RFP_KEY_SUB);
	*from = bin(k->from_rfp, RFP_KEY_SUB);
}

static enum policy_op rfp_op(Cert__RfpOp op)
{
	return op == CERT__RFP_OP__RFP_GET      ? POLICY_DERIVE
	       : op == CERT__RFP_OP__RFP_FORGET ? POLICY_DELETE
	                                        : POLICY_SET;
}

int certd_on_rfp_keys(struct ipc_peer *p, struct ipc_msg *m)
{
	const Cert__RfpKeys *in = IPC_BODY(m, Cert__RfpKeys);
	struct store *s = certd_of(p)->store;
	Cert__RfpKeysDone out = CERT__RFP_KEYS_DONE__INIT;
	struct rfp_keys keys = { 0 };
	struct slice value = in->has_value ? sl(in->value) : SLICE_LIT("");
	uint8_t message[96];
	size_t n = 0;
	int err;

	if (ask(p, m, rfp_op(in->op), POLICY_RFP))
		return 0;
	if (in->mac.len != 6)
		return ipc_fail(p, m, ERR_VALUE, "a MAC has 6 octets");
	switch (in->op) {
	case CERT__RFP_OP__RFP_GET:
		err = 0;
		break;
	case CERT__RFP_OP__RFP_ENROL:
		err = rfp_key_enrol(s, in->mac.data, &keys.pending, message);
		n = 64;
		break;
	case CERT__RFP_OP__RFP_RE_ENROL:
		err = !in->has_authenticate || in->authenticate.len != 32
		          ? ERR_VALUE
		          : rfp_key_re_enrol(
		                s, in->mac.data, in->authenticate.data, &keys.pending, message);
		n = 96;
		break;
	case CERT__RFP_OP__RFP_CONFIRM:
		err = rfp_key_confirm(s, in->mac.data);
		break;
	case CERT__RFP_OP__RFP_FORGET:
		err = rfp_key_forget(s, in->mac.data);
		break;
	case CERT__RFP_OP__RFP_IMPORT:
		err = rfp_key_import(s, in->mac.data, value);
		break;
	case CERT__RFP_OP__RFP_ROOT_HASH:
		err = rfp_key_root(s, in->mac.data, value);
		break;
	default:
		err = ERR_VALUE;
	}
	if (in->has_value)
		mem_wipe(in->value.data, in->value.len);
	used(p, rfp_op(in->op), POLICY_RFP, in->mac, err);
	if (err == 0)
		err = rfp_key_get(s, in->mac.data, &keys);
	if (err) {
		mem_wipe(&keys, sizeof(keys));
		mem_wipe(message, sizeof(message));
		return ipc_fail(p, m, err, "%s",
		    err == ERR_STORE || err == ERR_AUTH ? store_why(s)
		    : err != ERR_NOTFOUND               ? err_text(err)
		    : in->op == CERT__RFP_OP__RFP_RE_ENROL
		        ? "the former controller's root password hash is not known: set it first"
		        : "no key of this base station waits for confirmation");
	}
	/* An answer to an enrolment has the new key, any other the one in force. */
	out.has_pinned = true;
	out.pinned = keys.has_pinned;
	if (n == 0 && keys.has_pinned)
		show_sub(
		    &keys.pinned, &out.has_to_rfp, &out.to_rfp, &out.has_from_rfp, &out.from_rfp);
	else if (keys.has_pending)
		show_sub(
		    &keys.pending, &out.has_to_rfp, &out.to_rfp, &out.has_from_rfp, &out.from_rfp);
	if (keys.has_pending)
		show_sub(&keys.pending, &out.has_pending_to_rfp, &out.pending_to_rfp,
		    &out.has_pending_from_rfp, &out.pending_from_rfp);
	out.has_message = n > 0;
	out.message = bin(message, n);
	err = ipc_reply(p, m, &out.base);
	mem_wipe(&keys, sizeof(keys));
	mem_wipe(message, sizeof(message));
	return err;
}
