/* LYNC: signatures of all that leaves, and of all that comes, by the endpoint's security association (MS-SIPAE 3.2.5). */
#include <stdio.h>
#include <stdlib.h>

#include "common/id.h"
#include "common/log.h"
#include "sipd/ms_auth_int.h"
#include "sipd/sip_auth_hdr.h"

static struct ms_ep *endpoint(const struct sipd *s, const struct sip_addr *a)
{
	struct slice epid;
	char name[USER_NAME_MAX + 1];
	struct user *u;

	if (sip_addr_param(a, SLICE_LIT("epid"), &epid))
		return ms_by_epid(s, epid);
	if (sip_unescape(a->uri.user, name, sizeof(name)))
		return NULL;
	u = users_find(s->users, slice_str(name));
	return u && u->room ? ustate_of(u)->ms : NULL;
}

static int put_signature(struct ms_sa *a, const struct sip_msg *m, struct wr *w)
{
	char rand[9], num[12], sig[MS_KRB_SIG + 1], text[MS_SIGN_BUFFER_MAX];
	struct wr wt = wr_of(text, sizeof(text));
	uint32_t r = (uint32_t)id_u64();
	int err;

	(void)snprintf(rand, sizeof(rand), "%08x", r);
	(void)snprintf(num, sizeof(num), "%u", ++a->cnum);
	struct ms_sign_in in = { .scheme = ms_scheme_name(a->scheme),
		.rand = slice_str(rand),
		.num = slice_str(num),
		.realm = slice_str(a->realm),
		.target = slice_str(a->target),
		.version = a->version };
	err = ms_sign_buffer(&in, m, &wt);
	if (!err && a->scheme == MS_KERBEROS)
		err = ms_krb_sign(&a->keys.krb, false, a->sequence++, wr_slice(&wt), sig);
	else if (!err)
		err = ms_ntlm_sign(&a->keys.ntlm, false, wr_slice(&wt), sig);
	if (err)
		return err;
	sip_auth_put(w, "crand", slice_str(rand));
	sip_auth_put(w, "cnum", slice_str(num));
	sip_auth_put(w, "response", slice_str(sig));
	return 0;
}

static int put_authorization(
    struct ms_ep *e, struct ms_sa *a, bool shake, const struct sip_msg *m, struct wr *w)
{
	int err = 0;

	wr_str(w, "Authorization: ");
	wr_slice_add(w, ms_scheme_name(a->scheme));
	wr_u8(w, ' ');
	sip_auth_put(w, "qop", SLICE_LIT("auth"));
	sip_auth_put(w, "realm", slice_str(a->realm));
	if (a->opaque)
		sip_auth_put(w, "opaque", slice_str(a->opaque));
	sip_auth_put(w, "targetname", slice_str(a->target));
	if (shake) {
		char v[12];
		(void)snprintf(v, sizeof(v), "%u", a->version);
		sip_auth_put(w, "gssapi-data", slice_str(e->token ? e->token : ""));
		sip_auth_put_token(w, "version", slice_str(v));
	}
	if (!shake || (a->ready && a->version > 3))
		err = put_signature(a, m, w);
	wr_str(w, "\r\n");
	return err ? err : w->bad ? ERR_LIMIT : 0;
}

int ms_sign_out(
    void *ctx, struct tp_flow *f, uint64_t owner, const struct sip_msg *m, struct wr *lines)
{
	struct sipd *s = ctx;
	struct ms_ep *e;

	(void)owner;
	if (s->conf->lync_auth == MS_AUTH_TRUSTED || tp_flow_proto(f) != TP_TLS ||
	    tp_flow_inbound(f))
		return 0;
	e = endpoint(s, m->request ? &m->from : &m->to);
	if (!e)
		return 0;
	if (m->request && m->method == SIP_M_REGISTER && e->step != MS_PLAIN && e->next)
		return put_authorization(e, e->next, true, m, lines);
	if (!e->sa || !e->sa->ready || (e->again && m->method == SIP_M_REGISTER))
		return 0;
	return put_authorization(e, e->sa, false, m, lines);
}

/* Kerberos: with and without "sip/" it is the same server (MS-SIPAE 3.2.5.2). */
static bool same_target(const struct ms_sa *a, struct slice got)
{
	struct slice mine = slice_str(a->target);

	if (a->scheme == MS_KERBEROS) {
		if (slice_istarts(mine, SLICE_LIT("sip/")))
			mine = slice_sub(mine, 4, mine.n);
		if (slice_istarts(got, SLICE_LIT("sip/")))
			got = slice_sub(got, 4, got.n);
	}
	return slice_eq(got, mine);
}

static int verify(struct ms_sa *a, const struct sip_auth_hdr *h, const struct sip_msg *m)
{
	char text[MS_SIGN_BUFFER_MAX];
	struct wr w = wr_of(text, sizeof(text));
	struct ms_sign_in in = { .scheme = h->scheme,
		.rand = sip_auth_param(h, SLICE_LIT("srand")),
		.num = sip_auth_param(h, SLICE_LIT("snum")),
		.realm = sip_auth_param(h, SLICE_LIT("realm")),
		.target = sip_auth_param(h, SLICE_LIT("targetname")),
		.version = a->version };
	struct slice sig = sip_auth_param(h, SLICE_LIT("rspauth"));
	uint32_t num;
	int err;

	if (!slice_ieq(h->scheme, ms_scheme_name(a->scheme)) ||
	    !slice_eq(in.realm, slice_str(a->realm)) || !same_target(a, in.target) ||
	    slice_u32(in.num, UINT32_MAX, &num))
		return ERR_AUTH;
	err = ms_sign_buffer(&in, m, &w);
	if (!err && a->scheme == MS_KERBEROS)
		err = ms_krb_verify(&a->keys.krb, true, wr_slice(&w), sig);
	else if (!err)
		err = ms_ntlm_verify(&a->keys.ntlm, true, wr_slice(&w), sig);
	return err ? err : ms_replay_take(&a->seen, num) ? 0 : ERR_AUTH;
}

/* The association of a signed message. Kerberos: the answer that ends the handshake is the first to name it. */
static int verify_any(struct ms_ep *e, const struct sip_auth_hdr *h, const struct sip_msg *m)
{
	struct slice opaque = sip_auth_param(h, SLICE_LIT("opaque"));
	struct ms_sa *both[2] = { e->sa, e->next };

	for (int i = 0; i < 2; i++) {
		struct ms_sa *a = both[i];
		if (a && a->ready && a->opaque && slice_eq(opaque, slice_str(a->opaque)))
			return verify(a, h, m);
	}
	struct ms_sa *a = e->next;
	if (!a || !a->ready || a->opaque || a->scheme != MS_KERBEROS || opaque.n == 0 ||
	    opaque.n > 64)
		return ERR_AUTH;
	int err = verify(a, h, m);
	if (!err)
		a->opaque = slice_dup(opaque);
	return err;
}

/* MS-SIPAE 3.2.5.2: a signature that does not fit means that the message is dropped without an answer. */
int ms_verify_in(void *ctx, struct tp_flow *f, const struct sip_msg *m)
{
	struct sipd *s = ctx;
	struct sip_auth_hdr h;
	struct slice v = sip_msg_value(m, SIP_H_AUTHENTICATION_INFO);
	struct ms_ep *e;
	int err;

	if (s->conf->lync_auth == MS_AUTH_TRUSTED || tp_flow_proto(f) != TP_TLS ||
	    tp_flow_inbound(f))
		return 0;
	v = v.p ? v : sip_msg_value(m, SIP_H_PROXY_AUTHENTICATION_INFO);
	e = m->request ? ms_asked(s, m) : endpoint(s, &m->from);
	if (!e)
		return 0;
	if (!v.p) {
		bool hop =
		    !m->request && (m->status == 100 || m->status == 401 || m->status == 407);
		if (!e->sa || hop || !s->conf->lync_strict)
			return 0;
		err = ERR_AUTH;
	} else {
		err = sip_auth_parse(&h, v, true);
		err = err ? err : verify_any(e, &h, m);
	}
	if (!err)
		return 0;
	s->ms->bad++;
	log_ev(LOG_WARNING, "message dropped: its signature is missing or wrong",
	    F_USER(e->user->f[USER_NAME]), F_STR("IPDECT_SIP_CALL_ID", m->call_id),
	    F_STR("IPDECT_METHOD", m->method_name), F_U64("IPDECT_STATUS", m->status), F_ERR(err));
	return ERR_AUTH;
}
