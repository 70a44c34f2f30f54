/* Dialogs (RFC 3261 12, RFC 6665 4.4.1): how they begin, what a message changes, how requests inside are written. */
#include "sipd/dlg.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "sipd/sip_build.h"

#define CALL_ID_OCTETS 13

static char *text_of(struct slice s)
{
	return mem_dup(s.p ? s.p : "", s.n);
}

static void set_text(char **at, struct slice s)
{
	char *fresh = text_of(s); /* s may lie in the old one */

	free(*at);
	*at = fresh;
}

static char *random_text(unsigned octets)
{
	char *p = mem_new(2 * (size_t)octets + 1);

	sip_token(p, octets);
	return p;
}

/* A From or To value without its tag; all else stays byte by byte (LYNC: epid belongs to the dialog). */
static char *without_tag(const struct sip_addr *a)
{
	struct slice raw = a->raw, name, value;
	struct cur c = cur_of(a->params);
	char *out;
	struct wr w;

	if (!a->params.p)
		return text_of(raw);
	out = mem_new(raw.n + 1);
	w = wr_of(out, raw.n + 1);
	wr_slice_add(&w, slice_trim(slice_sub(raw, 0, (size_t)(a->params.p - raw.p) - 1)));
	while (sip_param_next(&c, &name, &value)) {
		if (slice_ieq(name, SLICE_LIT("tag")))
			continue;
		wr_u8(&w, ';');
		wr_slice_add(&w, name);
		if (value.n) {
			wr_u8(&w, '=');
			wr_slice_add(&w, value);
		}
	}
	if (!wr_nul(&w))
		out[w.n < raw.n ? w.n : raw.n] = '\0';
	return out;
}

/* ---- life ---- */

struct dlg *dlg_uac_new(const struct dlg_uac *c)
{
	struct dlg *d = mem_new(sizeof(*d));

	d->state = DLG_HALF;
	d->uac = true;
	d->call_id = c->call_id.n ? text_of(c->call_id) : random_text(CALL_ID_OCTETS);
	d->local_tag = c->local_tag.n ? text_of(c->local_tag) : random_text(SIP_TAG_OCTETS);
	d->remote_tag = text_of((struct slice){ 0 });
	d->local = text_of(c->local);
	d->remote = text_of(c->remote);
	d->contact = text_of(c->contact);
	d->target = text_of(c->ruri);
	d->max_forwards = c->max_forwards ? c->max_forwards : 70;
	if (c->nroute) {
		d->route = mem_array(c->nroute, sizeof(*d->route));
		for (unsigned i = 0; i < c->nroute; i++)
			d->route[d->nroute++] = text_of(c->route[i]);
	}
	return d;
}

static void drop_routes(struct dlg *d)
{
	for (unsigned i = 0; i < d->nroute; i++)
		free(d->route[i]);
	free(d->route);
	d->route = NULL;
	d->nroute = 0;
}

/* The route set of a message's Record-Route: as it is for who was called, turned round for the caller. */
static int take_routes(struct dlg *d, const struct sip_msg *m, bool turned)
{
	struct sip_values v = sip_msg_values(m, SIP_H_RECORD_ROUTE);
	struct slice el[DLG_ROUTES_MAX];
	unsigned n = 0;

	while (n < DLG_ROUTES_MAX && sip_values_next(&v, &el[n]))
		n++;
	if (n == DLG_ROUTES_MAX && sip_values_next(&v, &el[0]))
		return ERR_SYNTAX;
	drop_routes(d);
	if (n == 0)
		return 0;
	d->route = mem_array(n, sizeof(*d->route));
	d->nroute = n;
	for (unsigned i = 0; i < n; i++)
		d->route[turned ? n - 1 - i : i] = text_of(el[i]);
	return 0;
}

void dlg_put_local(struct dlg *d, const char *params)
{
	size_t n = strlen(d->local), add = strlen(params);

	d->local = mem_grow(d->local, n + add + 1, 1);
	memcpy(d->local + n, params, add + 1);
}

int dlg_uas_new(
    const struct sip_msg *req, struct slice local_tag, struct slice contact, struct dlg **out)
{
	struct sip_addr target;
	struct dlg *d;

	*out = NULL;
	if (sip_msg_contact(req, &target) || target.star)
		return ERR_SYNTAX;
	d = mem_new(sizeof(*d));
	d->state = DLG_EARLY;
	if (take_routes(d, req, false)) {
		free(d);
		return ERR_SYNTAX;
	}
	d->call_id = text_of(req->call_id);
	d->local_tag = text_of(local_tag);
	d->remote_tag = text_of(req->from_tag);
	d->local = without_tag(&req->to);
	d->remote = without_tag(&req->from);
	d->contact = text_of(contact);
	d->target = text_of(target.uri_raw);
	d->remote_cseq = req->cseq;
	d->max_forwards = 70;
	*out = d;
	return 0;
}

struct dlg *dlg_dup(const struct dlg *d)
{
	struct dlg *n = mem_new(sizeof(*n));

	*n = *d;
	n->call_id = mem_str(d->call_id);
	n->local_tag = mem_str(d->local_tag);
	n->remote_tag = mem_str(d->remote_tag);
	n->local = mem_str(d->local);
	n->remote = mem_str(d->remote);
	n->contact = mem_str(d->contact);
	n->target = mem_str(d->target);
	n->route = d->nroute ? mem_array(d->nroute, sizeof(*n->route)) : NULL;
	for (unsigned i = 0; i < d->nroute; i++)
		n->route[i] = mem_str(d->route[i]);
	return n;
}

void dlg_free(struct dlg *d)
{
	if (!d)
		return;
	drop_routes(d);
	free(d->call_id);
	free(d->local_tag);
	free(d->remote_tag);
	free(d->local);
	free(d->remote);
	free(d->contact);
	free(d->target);
	free(d);
}

/* ---- what messages change ---- */

int dlg_on_reply(struct dlg *d, const struct sip_msg *rsp)
{
	struct sip_addr target;
	bool has_target = sip_msg_contact(rsp, &target) == 0 && !target.star;

	if (rsp->status <= 100 || rsp->status >= 300)
		return 0;
	if (rsp->to_tag.n == 0)
		return ERR_SYNTAX;
	if (d->state != DLG_HALF && !slice_eq(rsp->to_tag, slice_str(d->remote_tag)))
		return ERR_NOTFOUND;
	if (rsp->status >= 200 && !has_target)
		return ERR_SYNTAX;
	if (d->state == DLG_HALF || (d->state == DLG_EARLY && rsp->status >= 200)) {
		if (take_routes(d, rsp, true))
			return ERR_SYNTAX;
		set_text(&d->remote_tag, rsp->to_tag);
		free(d->remote);
		d->remote = without_tag(&rsp->to);
		d->state = rsp->status >= 200 ? DLG_CONFIRMED : DLG_EARLY;
		if (has_target)
			set_text(&d->target, target.uri_raw);
	}
	return 0;
}

int dlg_by_notify(struct dlg *d, const struct sip_msg *req)
{
	struct sip_addr target;

	if (d->state != DLG_HALF)
		return 0;
	if (req->from_tag.n == 0 || sip_msg_contact(req, &target) || target.star ||
	    take_routes(d, req, false))
		return ERR_SYNTAX;
	set_text(&d->remote_tag, req->from_tag);
	free(d->remote);
	d->remote = without_tag(&req->from);
	set_text(&d->target, target.uri_raw);
	d->remote_cseq = req->cseq;
	d->state = DLG_CONFIRMED;
	return 0;
}

void dlg_refresh(struct dlg *d, const struct sip_msg *m)
{
	struct sip_addr target;

	if (!m->request && (m->status < 200 || m->status >= 300))
		return;
	if (sip_msg_contact(m, &target) == 0 && !target.star)
		set_text(&d->target, target.uri_raw);
}

static bool refreshes_target(enum sip_method m)
{
	return m == SIP_M_INVITE || m == SIP_M_UPDATE || m == SIP_M_SUBSCRIBE ||
	       m == SIP_M_NOTIFY || m == SIP_M_REFER;
}

int dlg_on_request(struct dlg *d, const struct sip_msg *req)
{
	if (req->method == SIP_M_ACK || req->method == SIP_M_CANCEL)
		return 0;
	if (d->remote_cseq && req->cseq < d->remote_cseq)
		return ERR_STATE;
	d->remote_cseq = req->cseq;
	if (refreshes_target(req->method))
		dlg_refresh(d, req);
	return 0;
}

bool dlg_matches(const struct dlg *d, const struct sip_msg *m)
{
	struct slice ours = m->request ? m->to_tag : m->from_tag,
	             theirs = m->request ? m->from_tag : m->to_tag;

	return slice_eq(m->call_id, slice_str(d->call_id)) &&
	       slice_eq(ours, slice_str(d->local_tag)) &&
	       (d->state == DLG_HALF || slice_eq(theirs, slice_str(d->remote_tag)));
}

/* ---- writing ---- */

static bool has_contact(struct slice method)
{
	return refreshes_target(sip_method_id(method));
}

/* RFC 3261 12.2.1.1: a first route without ";lr" is a strict router; its URI is the Request-URI. false: loose. */
static bool strict_router(const struct dlg *d, struct slice *uri)
{
	struct sip_addr a;

	if (d->nroute == 0 || sip_addr_parse(&a, slice_str(d->route[0])) ||
	    sip_uri_param(&a.uri, SLICE_LIT("lr"), NULL))
		return false;
	*uri = a.uri_raw;
	return true;
}

static void put_party(struct wr *w, enum sip_hdr_id id, const char *addr, const char *tag)
{
	char text[2048];
	struct wr wt = wr_of(text, sizeof(text));

	wr_str(&wt, addr);
	wr_str(&wt, tag[0] ? ";tag=" : "");
	wr_str(&wt, tag);
	w->bad |= wt.bad;
	sip_put_hdr(w, id, wr_slice(&wt));
}

void dlg_put_request(struct dlg *d, struct wr *w, struct slice method, uint32_t cseq)
{
	struct slice target = slice_str(d->target), first;
	bool strict = strict_router(d, &first);

	if (!cseq)
		cseq = ++d->local_cseq;
	sip_put_request(w, method, strict ? first : target);
	for (unsigned i = strict ? 1 : 0; i < d->nroute; i++)
		sip_put_hdr(w, SIP_H_ROUTE, slice_str(d->route[i]));
	if (strict)
		sip_put_hdr_fmt(w, SIP_H_ROUTE, "<%s>", d->target);
	sip_put_u32(w, SIP_H_MAX_FORWARDS, d->max_forwards);
	put_party(w, SIP_H_FROM, d->local, d->local_tag);
	put_party(w, SIP_H_TO, d->remote, d->remote_tag);
	sip_put_hdr(w, SIP_H_CALL_ID, slice_str(d->call_id));
	sip_put_cseq(w, cseq, method);
	if (d->contact[0] && has_contact(method))
		sip_put_hdr(w, SIP_H_CONTACT, slice_str(d->contact));
}

struct slice dlg_next_hop(const struct dlg *d)
{
	struct sip_addr a;

	if (d->nroute && sip_addr_parse(&a, slice_str(d->route[0])) == 0)
		return a.uri_raw;
	return slice_str(d->target);
}

void dlg_set_target(struct dlg *d, struct slice uri)
{
	set_text(&d->target, uri);
}

void dlg_set_contact(struct dlg *d, struct slice contact)
{
	set_text(&d->contact, contact);
}
