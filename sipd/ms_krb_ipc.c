/* LYNC: Kerberos: certd makes the messages and has the keys, sipd carries them to the KDC (kdc.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cert.pb-c.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/ms_auth_int.h"

#define ACTIVE    32 /* handshakes at once; certd and the KDCs see no storm */
#define CERTD_MS  5000
#define TOKEN_MAX 28000 /* octets of an AP-REQ: with base64 a header line of 38 KiB */
#define RESERVE_S 300   /* a ticket's last minutes are not used (MS-SIPAE 3.2.2) */
#define SKEW_S    120   /* worth a word */

struct ms_krb {
	struct ms *ms;
	struct kdcs *kdcs;
	struct list active, waiting;
	unsigned nactive;
	int64_t told_s; /* difference of clocks that was logged last */
};
struct fetch {
	struct list node;
	struct ms_krb *k;
	struct ms_ep *e;
	bool fresh, active;
	struct kdc_req *kdc;
	uint64_t handle;
	struct tmr turn;
};

static ProtobufCBinaryData bin(struct slice s)
{
	return (ProtobufCBinaryData){ s.n, (uint8_t *)(uintptr_t)s.p };
}

static void serve_next(struct ms_krb *k);

static void nothing(void *ctx, int err, struct ipc_msg *m)
{
	(void)ctx;
	(void)err;
	(void)m;
}

/* Nobody waits any more: certd has only so many exchanges open. */
static void abandon(struct fetch *f)
{
	Cert__KrbReply q = CERT__KRB_REPLY__INIT;

	q.handle = f->handle;
	q.has_drop = q.drop = true;
	if (f->handle)
		(void)!ipc_request(ipc_find(f->k->ms->s->d->ipc, IPC_CERTD, 0), IPC_IF_CERT,
		    CERT__TYPE__CERT_KRB_REPLY, &q.base, &cert__krb_step__descriptor, CERTD_MS,
		    nothing, f->k);
}

static void release(struct fetch *f)
{
	struct ms_krb *k = f->k;

	abandon(f);
	ipc_forget(k->ms->s->d->ipc, f);
	kdc_cancel(f->kdc);
	tmr_stop(&f->turn);
	list_remove(&f->node);
	if (f->active)
		k->nactive--;
	f->e->fetch = NULL;
	free(f);
}

static void finish(struct fetch *f, int err, const char *why)
{
	struct ms_krb *k = f->k;
	struct ms_ep *e = f->e;

	(void)snprintf(e->said, sizeof(e->said), "%s", why);
	release(f);
	ms_krb_came(e, err);
	serve_next(k);
}

void ms_krb_drop(struct ms_ep *e)
{
	struct ms_krb *k = e->fetch ? e->fetch->k : NULL;

	if (!k)
		return;
	release(e->fetch);
	serve_next(k);
}

/* ---- certd's steps ---- */

static void on_step(void *ctx, int err, struct ipc_msg *m);

static int reply_to_certd(struct fetch *f, const struct slice *answer)
{
	Cert__KrbReply q = CERT__KRB_REPLY__INIT;

	q.handle = f->handle;
	q.has_message = answer != NULL;
	if (answer)
		q.message = bin(*answer);
	return ipc_request(ipc_find(f->k->ms->s->d->ipc, IPC_CERTD, 0), IPC_IF_CERT,
	    CERT__TYPE__CERT_KRB_REPLY, &q.base, &cert__krb_step__descriptor, CERTD_MS, on_step, f);
}

static void on_kdc(void *ctx, int err, struct slice answer)
{
	struct fetch *f = ctx;

	f->kdc = NULL;
	if (reply_to_certd(f, err ? NULL : &answer))
		finish(f, ERR_LOST, "certd does not answer");
}

static void note_skew(struct ms_krb *k, int64_t ahead)
{
	int64_t off = ahead - k->told_s;

	if ((ahead < SKEW_S && ahead > -SKEW_S) || (off < 30 && off > -30))
		return;
	k->told_s = ahead;
	char text[40];
	(void)snprintf(text, sizeof(text), "%lld", (long long)ahead);
	log_ev(LOG_WARNING, "the KDC's clock differs from this host's",
	    F_TEXT("IPDECT_AHEAD", text),
	    F_REMEDY("set both by NTP: more than 300 s and servers refuse log-ins"));
}

static void done(struct fetch *f, const Cert__KrbStep *d)
{
	struct ms_ep *e = f->e;
	struct ms_sa *a = e->next;
	uint64_t life = f->k->ms->s->conf->lync_sa_ms;
	uint32_t left = d->has_left_s ? d->left_s : 0;
	int err = 0;

	if (!a || !d->has_key || !d->has_token || !d->token.len)
		err = ERR_SYNTAX;
	else if (d->token.len > TOKEN_MAX)
		err = ERR_LIMIT;
	if (!err)
		err = ms_krb_keys(&a->keys.krb, d->enctype, d->key.data, d->key.len);
	if (err) {
		finish(f, ERR_UNSUPP,
		    err == ERR_LIMIT
		        ? "the ticket is too long for SIP: the account is in too many groups"
		    : err == ERR_UNSUPP ? "the ticket's key is of an unknown kind"
		                        : "certd's answer cannot be used");
		return;
	}
	/* Short tickets: a quarter of their life is kept in hand. */
	uint64_t ticket = left > 4 * RESERVE_S ? left - RESERVE_S : (uint64_t)left * 3 / 4;
	a->life_ms = ticket * 1000 < life ? ticket * 1000 : life;
	if (a->life_ms < 1000)
		a->life_ms = 1000;
	a->sequence = d->has_sequence ? (uint32_t)d->sequence : 0;
	note_skew(f->k, d->has_kdc_ahead_s ? d->kdc_ahead_s : 0);
	ms_token(e, (struct slice){ (const char *)d->token.data, d->token.len });
	a->ready = true;
	finish(f, 0, "");
}

static void on_step(void *ctx, int err, struct ipc_msg *m)
{
	struct fetch *f = ctx;
	char why[400];

	if (!err || m) /* else certd may still have it */
		f->handle = 0;
	if (err) {
		if (!m || slice_copy(m->text, why, sizeof(why)) || !why[0])
			(void)snprintf(
			    why, sizeof(why), "%s", m ? err_text(err) : "certd does not answer");
		finish(f, m ? err : ERR_LOST, why);
		return;
	}
	const Cert__KrbStep *d = IPC_BODY(m, Cert__KrbStep);
	if (!d->has_handle) {
		done(f, d);
		return;
	}
	f->handle = d->handle;
	f->kdc = kdc_ask(f->k->kdcs, (struct slice){ (const char *)d->realm.data, d->realm.len },
	    (struct slice){ (const char *)d->to_kdc.data, d->to_kdc.len }, d->has_tcp && d->tcp,
	    on_kdc, f);
	if (!f->kdc && reply_to_certd(f, NULL))
		finish(f, ERR_LOST, "certd does not answer");
}

/* ---- who asks for what ---- */

/* The Kerberos realm of the accounts: configured, else the accounts' DNS domain, else the SIP domain. */
static int put_realm(const struct ms_ep *e, struct slice domain, struct wr *w)
{
	const struct sipd *s = e->s;
	struct slice r = slice_str(s->conf->lync_krb_realm);

	if (domain.n && slice_chr(domain, '.') < domain.n)
		r = domain;
	else if (!r.n && strchr(s->conf->lync_ad_domain, '.'))
		r = slice_str(s->conf->lync_ad_domain);
	else if (!r.n)
		r = sipd_domain(s, e->user);
	for (size_t i = 0; i < r.n; i++)
		wr_u8(w, (uint8_t)(r.p[i] >= 'a' && r.p[i] <= 'z' ? r.p[i] - 32 : r.p[i]));
	return w->bad || r.n == 0 ? ERR_VALUE : 0;
}

static void on_turn(struct tmr *t, void *ctx)
{
	struct fetch *f = ctx;
	struct ms_ep *e = f->e;
	const struct sipd *s = e->s;
	const struct user *u = e->user;
	struct slice name = slice_str(
	                 user_on(u, USER_AUTH_USER) ? u->f[USER_AUTH_USER] : u->f[USER_NAME]),
	             domain = { 0 };
	size_t at = slice_chr(name, '\\');
	char realm[256], service[300];
	struct wr w = wr_of(realm, sizeof(realm));
	Cert__KrbStart q = CERT__KRB_START__INIT;

	(void)t;
	if (at < name.n) {
		domain = slice_sub(name, 0, at);
		name = slice_sub(name, at + 1, name.n);
	}
	if (put_realm(e, domain, &w)) {
		finish(f, ERR_UNSUPP, "the users' realm is not known: kerberos-realm in [lync]");
		return;
	}
	(void)snprintf(service, sizeof(service), "%s%s", strchr(e->next->target, '/') ? "" : "sip/",
	    e->next->target);
	q.credential = bin(slice_str(u->f[USER_NAME]));
	q.username = bin(name);
	q.realm = bin(wr_slice(&w));
	q.service = bin(slice_str(service));
	q.has_fresh = q.fresh = f->fresh;
	if (ipc_request(ipc_find(s->d->ipc, IPC_CERTD, 0), IPC_IF_CERT, CERT__TYPE__CERT_KRB_START,
	        &q.base, &cert__krb_step__descriptor, CERTD_MS, on_step, f))
		finish(f, ERR_LOST, "certd does not answer");
}

static void serve_next(struct ms_krb *k)
{
	while (k->nactive < ACTIVE && !list_empty(&k->waiting)) {
		struct fetch *f = LIST_ENTRY(k->waiting.next, struct fetch, node);
		list_remove(&f->node);
		list_append(&k->active, &f->node);
		f->active = true;
		k->nactive++;
		tmr_start(&f->turn, 0);
	}
}

void ms_krb_fetch(struct ms_ep *e, bool fresh)
{
	struct ms_krb *k = e->s->ms->krb;
	struct fetch *f = mem_new(sizeof(*f));

	ms_krb_drop(e);
	f->k = k;
	f->e = e;
	f->fresh = fresh;
	e->fetch = f;
	tmr_init(&f->turn, e->s->d->wheel, on_turn, f);
	list_append(&k->waiting, &f->node);
	serve_next(k);
}

void ms_krb_reconf(struct ms *ms)
{
	const struct sipd *s = ms->s;
	struct ms_ep any = { .s = ms->s };
	char realm[256];
	struct wr w = wr_of(realm, sizeof(realm));

	if (put_realm(&any, (struct slice){ 0 }, &w) || !wr_nul(&w))
		realm[0] = '\0';
	kdcs_configure(ms->krb->kdcs, realm, &s->conf->lync_kdcs);
}

void ms_krb_start(struct ms *ms)
{
	struct sipd *s = ms->s;

	ms->krb = mem_new(sizeof(*ms->krb));
	ms->krb->ms = ms;
	list_init(&ms->krb->active);
	list_init(&ms->krb->waiting);
	ms->krb->kdcs = kdcs_new(s->d->loop, s->d->wheel, resolve_dns(sip_ua_resolve(s->ua)));
	ms_krb_reconf(ms);
}

void ms_krb_stop(struct ms *ms)
{
	struct ms_krb *k = ms->krb;

	if (!k)
		return;
	while (!list_empty(&k->waiting))
		release(LIST_ENTRY(k->waiting.next, struct fetch, node));
	while (!list_empty(&k->active))
		release(LIST_ENTRY(k->active.next, struct fetch, node));
	ipc_forget(ms->s->d->ipc, k);
	kdcs_free(k->kdcs);
	free(k);
	ms->krb = NULL;
}
