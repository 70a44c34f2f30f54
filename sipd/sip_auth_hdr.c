/* Challenges and credentials as a scheme and a list of parameters. */
#include "sipd/sip_auth_hdr.h"

#include "common/mem.h"

static void skip(struct cur *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == ','))
		c->p++;
}

static int quoted(struct cur *c, struct slice *value)
{
	const char *from = c->p;

	while (c->p < c->end && *c->p != '"')
		c->p += *c->p == '\\' && c->end - c->p >= 2 ? 2 : 1;
	if (cur_done(c))
		return ERR_SYNTAX;
	*value = (struct slice){ from, (size_t)(c->p - from) };
	c->p++;
	return 0;
}

/* One name=value, or nothing when a new challenge begins ("Digest realm=…": a token that no '=' follows). */
static int param(struct cur *c, struct sip_auth_param *p, bool *got)
{
	struct cur t = *c;

	*got = false;
	*p = (struct sip_auth_param){ .name = cur_token(&t) };
	if (p->name.n == 0)
		return ERR_SYNTAX;
	cur_lws(&t);
	if (!cur_lit(&t, '='))
		return 0;
	cur_lws(&t);
	if (cur_lit(&t, '"')) {
		int err = quoted(&t, &p->value);

		if (err)
			return err;
		p->quoted = true;
	} else {
		p->value = cur_until(&t, ", \t\"");
	}
	cur_lws(&t);
	if (!cur_done(&t) && *t.p != ',')
		return ERR_SYNTAX;
	*got = true;
	*c = t;
	return 0;
}

/* challenge = auth-scheme LWS auth-param *(COMMA auth-param)      RFC 3261 25.1 */
int sip_auth_next(struct sip_auth_hdr *h, struct cur *c, bool has_scheme)
{
	h->nparam = 0;
	h->scheme = (struct slice){ 0 };
	skip(c);
	if (has_scheme) {
		h->scheme = cur_token(c);
		if (h->scheme.n == 0)
			return ERR_SYNTAX;
		if (!cur_done(c) && *c->p != ' ' && *c->p != '\t')
			return ERR_SYNTAX;
	}
	for (skip(c); !cur_done(c); skip(c)) {
		struct sip_auth_param p;
		bool got;
		int err = param(c, &p, &got);

		if (err)
			return err;
		if (!got)
			return h->nparam || !has_scheme ? 0 : ERR_SYNTAX;
		if (h->nparam == SIP_AUTH_PARAMS_MAX)
			return ERR_LIMIT;
		h->param[h->nparam++] = p;
	}
	return 0;
}

int sip_auth_parse(struct sip_auth_hdr *h, struct slice in, bool has_scheme)
{
	struct cur c = cur_of(in);
	int err = sip_auth_next(h, &c, has_scheme);

	if (err)
		return err;
	return cur_done(&c) ? 0 : ERR_SYNTAX;
}

struct slice sip_auth_param(const struct sip_auth_hdr *h, struct slice name)
{
	for (unsigned i = 0; i < h->nparam; i++)
		if (slice_ieq(h->param[i].name, name))
			return h->param[i].value;
	return (struct slice){ 0 };
}

static void put_name(struct wr *w, const char *name)
{
	if (w->n && w->p[w->n - 1] != ' ')
		wr_str(w, ", ");
	wr_str(w, name);
	wr_u8(w, '=');
}

void sip_auth_put(struct wr *w, const char *name, struct slice value)
{
	put_name(w, name);
	wr_u8(w, '"');
	for (size_t i = 0; i < value.n; i++) {
		unsigned char ch = (unsigned char)value.p[i];

		if (ch == '"' || ch == '\\')
			wr_u8(w, '\\');
		if (ch == '\r' || ch == '\n')
			w->bad = true;
		wr_u8(w, ch);
	}
	wr_u8(w, '"');
}

void sip_auth_put_token(struct wr *w, const char *name, struct slice value)
{
	put_name(w, name);
	wr_slice_add(w, value);
}

/* ---- challenged again ---- */

/* Credentials of the next line; false: there is none. */
static bool next_line(struct cur *c, bool *proxy, struct slice *line, struct sip_auth_hdr *h)
{
	while (!cur_done(c)) {
		struct slice name;

		*line = cur_until(c, "\r\n");
		while (cur_lit(c, '\r') || cur_lit(c, '\n'))
			;
		name = slice_sub(*line, 0, slice_chr(*line, ':'));
		*proxy = slice_ieq(name, SLICE_LIT("Proxy-Authorization"));
		if (name.n < line->n &&
		    sip_auth_parse(h, slice_trim(slice_sub(*line, name.n + 1, line->n)), true) == 0)
			return true;
	}
	return false;
}

static bool answered(struct slice sent, bool proxy, struct slice realm)
{
	struct cur c = cur_of(sent);
	struct sip_auth_hdr h;
	struct slice line;
	bool p;

	while (next_line(&c, &p, &line, &h))
		if (p == proxy && slice_eq(sip_auth_param(&h, SLICE_LIT("realm")), realm))
			return true;
	return false;
}

bool sip_auth_fresh(const struct sip_msg *rsp, struct slice sent)
{
	static const enum sip_hdr_id ids[] = { SIP_H_WWW_AUTHENTICATE, SIP_H_PROXY_AUTHENTICATE };

	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		for (const struct sip_hdr *x = sip_msg_hdr(rsp, ids[i]); x;
		     x = sip_msg_hdr_next(rsp, x)) {
			struct cur c = cur_of(x->value);
			struct sip_auth_hdr h;
			while (!cur_done(&c) && sip_auth_next(&h, &c, true) == 0) {
				struct slice realm = sip_auth_param(&h, SLICE_LIT("realm"));
				if (slice_ieq(sip_auth_param(&h, SLICE_LIT("stale")),
				        SLICE_LIT("true")) ||
				    !answered(sent, ids[i] == SIP_H_PROXY_AUTHENTICATE, realm))
					return true;
			}
		}
	return false;
}

void sip_auth_merge(struct wr *w, struct slice sent, struct slice lines)
{
	struct cur c = cur_of(sent);
	struct sip_auth_hdr h;
	struct slice line;
	bool proxy;

	while (next_line(&c, &proxy, &line, &h))
		if (!answered(lines, proxy, sip_auth_param(&h, SLICE_LIT("realm")))) {
			wr_slice_add(w, line);
			wr_str(w, "\r\n");
		}
	wr_slice_add(w, lines);
}
