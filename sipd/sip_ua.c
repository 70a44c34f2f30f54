/* The user agent core: checks, dialog usages, handlers. */
#include "sipd/sip_ua.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "sipd/sip_build.h"
#include "sipd/sip_check.h"
#include "sipd/sip_ua_int.h"

#define TABLE_MIN 64

/* ---- usages ---- */

static uint64_t key_of(struct slice call_id, struct slice tag)
{
	return map_siphash(
	    0x736970, map_siphash(0x757361, 0x6765, tag.p, tag.n), call_id.p, call_id.n);
}

static struct sip_usage **bucket(struct sip_ua *ua, struct slice call_id, struct slice tag)
{
	return &ua->table[key_of(call_id, tag) & (ua->ntable - 1)];
}

static void grow(struct sip_ua *ua)
{
	struct sip_usage **old = ua->table;
	size_t n = ua->ntable;

	ua->ntable = n ? n * 2 : TABLE_MIN;
	ua->table = mem_array(ua->ntable, sizeof(*ua->table));
	for (size_t i = 0; i < n; i++) {
		struct sip_usage *u = old[i], *turned = NULL;
		while (u) { /* oldest first, so that the newest is in front again */
			struct sip_usage *next = u->hash_next;
			u->hash_next = turned;
			turned = u;
			u = next;
		}
		for (u = turned; u;) {
			struct sip_usage *next = u->hash_next,
			                 **b = bucket(ua, slice_str(u->dlg->call_id),
			                     slice_str(u->dlg->local_tag));
			u->hash_next = *b;
			*b = u;
			u = next;
		}
	}
	free(old);
}

void sip_ua_add(struct sip_ua *ua, struct sip_usage *u)
{
	struct sip_usage **b;

	if (ua->nusage >= ua->ntable)
		grow(ua);
	b = bucket(ua, slice_str(u->dlg->call_id), slice_str(u->dlg->local_tag));
	u->hash_next = *b;
	*b = u;
	u->added = true;
	ua->nusage++;
}

void sip_ua_remove(struct sip_ua *ua, struct sip_usage *u)
{
	if (!u->added)
		return;
	u->added = false;
	for (struct sip_usage **at =
	         bucket(ua, slice_str(u->dlg->call_id), slice_str(u->dlg->local_tag));
	     *at; at = &(*at)->hash_next) {
		if (*at != u)
			continue;
		*at = u->hash_next;
		ua->nusage--;
		return;
	}
}

static struct sip_usage *find(struct sip_ua *ua, const struct sip_msg *req)
{
	if (ua->ntable == 0)
		return NULL;
	for (struct sip_usage *u = *bucket(ua, req->call_id, req->to_tag); u; u = u->hash_next)
		if (dlg_matches(u->dlg, req) && (!u->takes || u->takes(u, req)))
			return u;
	return NULL;
}

struct sip_usage *sip_ua_replaces(struct sip_ua *ua, struct slice value, bool *early_only)
{
	size_t semi = slice_chr(value, ';');
	struct slice call_id = slice_trim(slice_sub(value, 0, semi)),
	             params = slice_sub(value, semi, value.n), to, from;

	*early_only = sip_param_find(params, SLICE_LIT("early-only"), NULL);
	if (ua->ntable == 0 || !call_id.n || !sip_param_find(params, SLICE_LIT("to-tag"), &to) ||
	    !sip_param_find(params, SLICE_LIT("from-tag"), &from))
		return NULL;
	for (struct sip_usage *u = *bucket(ua, call_id, to); u; u = u->hash_next) {
		struct slice remote = slice_str(u->dlg->remote_tag);
		/* RFC 3891 6.1: a tag of "0" stands for none, too. */
		bool none = remote.n == 0 && slice_eq(from, SLICE_LIT("0"));
		if (u->dlg->state != DLG_HALF && slice_eq(call_id, slice_str(u->dlg->call_id)) &&
		    slice_eq(to, slice_str(u->dlg->local_tag)) && (none || slice_eq(from, remote)))
			return u;
	}
	return NULL;
}

struct dlg *sip_ua_dialog(
    struct sip_ua *ua, struct slice call_id, struct slice local_tag, struct slice remote_tag)
{
	if (ua->ntable == 0)
		return NULL;
	for (struct sip_usage *u = *bucket(ua, call_id, local_tag); u; u = u->hash_next)
		if (slice_eq(call_id, slice_str(u->dlg->call_id)) &&
		    slice_eq(local_tag, slice_str(u->dlg->local_tag)) &&
		    slice_eq(remote_tag, slice_str(u->dlg->remote_tag)))
			return u->dlg;
	return NULL;
}

/* ---- requests ---- */

static void refuse_method(struct sip_ua *ua, struct tx *tx, unsigned status)
{
	char text[400];
	struct wr w = wr_of(text, sizeof(text));

	wr_str(&w, "Allow: ");
	sip_ua_put_allow(ua, &w);
	wr_str(&w, "\r\n");
	(void)tx_reply(tx, status, SLICE_LIT(""), wr_slice(&w), SLICE_LIT(""), SLICE_LIT(""));
}

/* Methods that mean something inside of a dialog only. */
static bool inside_only(enum sip_method m)
{
	return m == SIP_M_BYE || m == SIP_M_PRACK || m == SIP_M_UPDATE || m == SIP_M_INFO;
}

static bool known(const struct sip_ua *ua, enum sip_method m)
{
	return ua->handler[m].fn || inside_only(m) || m == SIP_M_REFER || m == SIP_M_NOTIFY ||
	       m == SIP_M_SUBSCRIBE || m == SIP_M_BENOTIFY;
}

void sip_ua_give(struct sip_usage *u, struct tx *tx, const struct sip_msg *req, struct tp_flow *f)
{
	if (!tx || u->early || dlg_on_request(u->dlg, req) == 0)
		u->request(u, tx, req, f);
	else if (req->method == SIP_M_BENOTIFY)
		tx_ignore(tx);
	else
		(void)tx_refuse(tx, 500, "CSeq out of order");
}

static void in_dialog(
    struct sip_ua *ua, struct tx *tx, const struct sip_msg *req, struct tp_flow *f)
{
	struct sip_usage *u = find(ua, req);

	if (u) {
		sip_ua_give(u, tx, req, f);
		return;
	}
	if (!tx || (ua->hooks.orphan && ua->hooks.orphan(ua->hooks_ctx, tx, req, f)))
		return;
	if (req->method == SIP_M_BENOTIFY)
		tx_ignore(tx);
	else
		(void)tx_refuse(tx, 481, NULL);
}

static void on_request(void *ctx, struct tx *tx, const struct sip_msg *req, struct tp_flow *f)
{
	struct sip_ua *ua = ctx;
	char text[512];
	struct wr lines = wr_of(text, sizeof(text));
	struct sip_check_conf check = { slice_str(ua->supported) };
	const char *why = NULL;
	unsigned status;

	if (!tx) { /* ACK to a 2xx */
		if (req->to_tag.n)
			in_dialog(ua, NULL, req, f);
		return;
	}
	if (req->method == SIP_M_OTHER || !known(ua, req->method)) {
		refuse_method(ua, tx, req->method == SIP_M_OTHER ? 501 : 405);
		return;
	}
	status = sip_check_request(req, &check, &why, &lines);
	if (req->method == SIP_M_BENOTIFY && (status || !req->to_tag.n)) {
		tx_ignore(tx);
		return;
	}
	if (status) {
		(void)tx_reply(tx, status, slice_str(why),
		    lines.bad ? SLICE_LIT("") : wr_slice(&lines), SLICE_LIT(""), SLICE_LIT(""));
		return;
	}
	if (req->to_tag.n) {
		in_dialog(ua, tx, req, f);
		return;
	}
	if (ua->handler[req->method].fn)
		ua->handler[req->method].fn(ua->handler[req->method].ctx, tx, req, f);
	else if (inside_only(req->method) || req->method == SIP_M_NOTIFY)
		(void)tx_refuse(tx, 481, NULL);
	else if (req->method == SIP_M_SUBSCRIBE)
		(void)tx_refuse(tx, 489, NULL);
	else /* REFER: not without a call */
		(void)tx_refuse(tx, 403, "Only inside a dialog");
}

static void on_message(void *ctx, struct tp_flow *f, struct sip_msg *m)
{
	struct sip_ua *ua = ctx;

	tx_input(ua->tx, f, m);
}

/* ---- hooks ---- */

static int on_sign(
    void *ctx, struct tp_flow *f, uint64_t owner, const struct sip_msg *m, struct wr *lines)
{
	struct sip_ua *ua = ctx;

	return ua->hooks.sign(ua->hooks_ctx, f, owner, m, lines);
}

static int on_verify(void *ctx, struct tp_flow *f, const struct sip_msg *m)
{
	struct sip_ua *ua = ctx;

	return ua->hooks.verify(ua->hooks_ctx, f, m);
}

static void on_to_params(void *ctx, struct tp_flow *f, const struct sip_msg *req, struct wr *w)
{
	struct sip_ua *ua = ctx;

	ua->hooks.to_params(ua->hooks_ctx, f, req, w);
}

void sip_ua_set_hooks(struct sip_ua *ua, const struct sip_ua_hooks *h, void *ctx)
{
	ua->hooks = *h;
	ua->hooks_ctx = ctx;
	ua->tx_ops.sign = h->sign ? on_sign : NULL;
	ua->tx_ops.verify = h->verify ? on_verify : NULL;
	ua->tx_ops.to_params = h->to_params ? on_to_params : NULL;
}

void sip_ua_set_credentials(struct sip_ua *ua, const struct sip_ua_credentials *c, void *ctx)
{
	ua->cred = *c;
	ua->cred_ctx = ctx;
}

/* ---- life ---- */

static void set_conf(struct sip_ua *ua, const struct sip_ua_conf *c, struct sip_ua_conf *out)
{
	free(ua->agent);
	free(ua->supported);
	ua->agent = c->agent && c->agent[0] ? mem_str(c->agent) : NULL;
	ua->supported = mem_str(c->supported ? c->supported : "");
	*out = *c;
	out->agent = ua->agent;
	out->supported = ua->supported;
	out->tx.server = ua->agent;
	ua->conf = *out;
}

static const struct tp_ops tp_ops = { on_message };

struct sip_ua *sip_ua_new(uv_loop_t *loop, struct tmr_wheel *w, const struct sip_ua_conf *conf)
{
	struct sip_ua *ua = mem_new(sizeof(*ua));
	struct sip_ua_conf c;

	ua->wheel = w;
	list_init(&ua->reqs);
	list_init(&ua->acks);
	list_init(&ua->invs);
	list_init(&ua->subs);
	set_conf(ua, conf, &c);
	ua->tx_ops.request = on_request;
	ua->tp = tp_new(loop, w, &c.tp, &tp_ops, ua);
	ua->tx = tx_layer_new(&c.tx, w, &ua->tx_ops, ua);
	ua->resolve = resolve_new(loop, w, &c.resolve);
	return ua;
}

void sip_ua_reconf(struct sip_ua *ua, const struct sip_ua_conf *conf)
{
	struct sip_ua_conf c;

	set_conf(ua, conf, &c);
	tp_reconf(ua->tp, &c.tp);
	tx_layer_reconf(ua->tx, &c.tx);
	resolve_reconf(ua->resolve, &c.resolve);
}

void sip_ua_free(struct sip_ua *ua)
{
	if (!ua)
		return;
	sub_end_all(ua); /* first: a REFER's is in the dialog of its session */
	inv_end_all(ua);
	sip_req_end_all(ua);
	tx_layer_free(ua->tx);
	resolve_free(ua->resolve);
	tp_free(ua->tp);
	free(ua->table);
	free(ua->agent);
	free(ua->supported);
	free(ua);
}

struct tp *sip_ua_tp(struct sip_ua *ua)
{
	return ua->tp;
}

struct tx_layer *sip_ua_tx(struct sip_ua *ua)
{
	return ua->tx;
}

struct resolve *sip_ua_resolve(struct sip_ua *ua)
{
	return ua->resolve;
}

struct tmr_wheel *sip_ua_wheel(struct sip_ua *ua)
{
	return ua->wheel;
}

const char *sip_ua_agent(const struct sip_ua *ua)
{
	return ua->agent;
}

void sip_ua_handle(struct sip_ua *ua, enum sip_method m, sip_ua_h *fn, void *ctx)
{
	ua->handler[m].fn = fn;
	ua->handler[m].ctx = ctx;
}

void sip_ua_put_allow(struct sip_ua *ua, struct wr *w)
{
	bool first = true;

	for (int i = 1; i < SIP_M_COUNT; i++) {
		enum sip_method m = (enum sip_method)i;
		bool calls = ua->handler[SIP_M_INVITE].fn != NULL;
		bool ours = ua->handler[m].fn ||
		            (calls && (inside_only(m) || m == SIP_M_ACK || m == SIP_M_CANCEL ||
		                          m == SIP_M_REFER || m == SIP_M_NOTIFY));
		if (!ours)
			continue;
		wr_str(w, first ? "" : ", ");
		wr_slice_add(w, sip_method_name(m));
		first = false;
	}
}
