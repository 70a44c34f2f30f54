/* Session descriptions: the parser (RFC 8866, RFC 3605, RFC 4568 lines kept raw). */
#include "sipd/sdp.h"

#include <arpa/inet.h>
#include <string.h>

#include "common/addr.h"
#include "common/mem.h"

static const char *const dir_names[] = { "sendrecv", "sendonly", "recvonly", "inactive" };

const char *sdp_dir_name(enum sdp_dir d)
{
	return dir_names[d];
}

enum sdp_dir sdp_dir_mirror(enum sdp_dir d)
{
	return d == SDP_SENDONLY ? SDP_RECVONLY : d == SDP_RECVONLY ? SDP_SENDONLY : d;
}

int sdp_addr_parse(struct sdp_addr *a, struct slice text)
{
	char buf[INET6_ADDRSTRLEN + 1];

	*a = (struct sdp_addr){ 0 };
	if (text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
		text = slice_sub(text, 1, text.n - 2);
	if (slice_copy(text, buf, sizeof(buf)))
		return ERR_UNSUPP;
	if (inet_pton(AF_INET, buf, a->ip) == 1)
		a->n = 4;
	else if (inet_pton(AF_INET6, buf, a->ip) == 1)
		a->n = 16;
	else
		return ERR_UNSUPP;
	return 0;
}

void sdp_addr_wr(struct wr *w, const struct sdp_addr *a)
{
	char buf[ADDR_IP_TEXT];

	wr_str(w, addr_ip_print(a->ip, a->n == 16 ? 16 : 4, buf));
}

bool sdp_addr_eq(const struct sdp_addr *a, const struct sdp_addr *b)
{
	return a->n == b->n && a->port == b->port && memcmp(a->ip, b->ip, a->n) == 0;
}

bool sdp_addr_any(const struct sdp_addr *a)
{
	static const uint8_t zero[16];

	return a->n && memcmp(a->ip, zero, a->n) == 0;
}

static bool line_next(struct cur *c, struct slice *line)
{
	while (!cur_done(c)) {
		struct slice l = cur_until(c, "\n");

		(void)cur_lit(c, '\n');
		while (l.n && (l.p[l.n - 1] == '\r' || l.p[l.n - 1] == ' ' || l.p[l.n - 1] == '\t'))
			l.n--;
		if (l.n >= 2 && l.p[1] == '=') {
			*line = l;
			return true;
		}
	}
	return false;
}

static struct slice word(struct cur *c)
{
	cur_lws(c);
	return cur_until(c, " \t");
}

/* nettype SP addrtype SP connection-address ["/" ttl] */
static void conn_parse(struct sdp_addr *a, struct slice v)
{
	struct cur c = cur_of(v);
	struct slice net = word(&c);
	(void)word(&c);
	struct slice host = word(&c);

	host.n = slice_chr(host, '/');
	if (!slice_ieq(net, SLICE_LIT("IN")) || sdp_addr_parse(a, host))
		*a = (struct sdp_addr){ 0 };
}

static void origin_parse(struct sdp *sdp, struct slice v)
{
	struct cur c = cur_of(v);

	sdp->origin_user = word(&c);
	sdp->sess_id = word(&c);
	sdp->sess_version = word(&c);
	conn_parse(&sdp->origin, cur_rest(&c));
}

/* media SP port ["/" n] SP proto 1*(SP fmt) */
static int media_parse(struct sdp_media *m, struct slice v)
{
	struct cur c = cur_of(v);
	uint32_t port = 0;

	m->kind = word(&c);
	struct slice p = word(&c);
	p.n = slice_chr(p, '/');
	m->proto = word(&c);
	m->fmts = slice_trim(cur_rest(&c));
	if (m->kind.n == 0 || m->proto.n == 0 || slice_u32(p, 65535, &port))
		return ERR_SYNTAX;
	m->port = (uint16_t)port;
	struct cur f = cur_of(m->fmts);
	while (!cur_done(&f)) {
		struct slice w = word(&f);
		uint32_t pt;

		if (m->nfmt < SDP_FMT_MAX && w.n && slice_u32(w, 127, &pt) == 0)
			m->fmt[m->nfmt++].pt = (uint8_t)pt;
		cur_lws(&f);
	}
	return 0;
}

static struct sdp_fmt *fmt_of(struct sdp_media *m, struct slice word_pt)
{
	uint32_t pt;

	if (slice_u32(word_pt, 127, &pt))
		return NULL;
	for (size_t i = 0; i < m->nfmt; i++)
		if (m->fmt[i].pt == pt)
			return &m->fmt[i];
	return NULL;
}

static void rtpmap_parse(struct sdp_media *m, struct slice v)
{
	struct cur c = cur_of(v);
	struct sdp_fmt *f = fmt_of(m, word(&c));

	if (!f)
		return;
	cur_lws(&c);
	struct slice name = cur_until(&c, "/ \t");
	uint32_t rate = 0, ch = 1;
	if (!cur_lit(&c, '/') || slice_u32(cur_until(&c, "/ \t"), 384000, &rate))
		return;
	if (cur_lit(&c, '/') && slice_u32(cur_until(&c, " \t"), 255, &ch))
		return;
	f->name = name;
	f->rate = rate;
	f->channels = ch;
}

static bool dir_parse(struct slice name, enum sdp_dir *d)
{
	for (size_t i = 0; i < ARRAY_LEN(dir_names); i++)
		if (slice_ieq(name, slice_str(dir_names[i]))) {
			*d = (enum sdp_dir)i;
			return true;
		}
	return false;
}

static void rtcp_parse(struct sdp_media *m, struct slice v)
{
	struct cur c = cur_of(v);
	uint32_t port;

	if (slice_u32(word(&c), 65535, &port) || port == 0)
		return;
	cur_lws(&c);
	m->rtcp = (struct sdp_addr){ .port = (uint16_t)port };
	if (!cur_done(&c)) {
		struct sdp_addr a;
		conn_parse(&a, cur_rest(&c));
		a.port = (uint16_t)port;
		m->rtcp = a;
	}
}

static void media_attr(struct sdp_media *m, struct slice name, struct slice v)
{
	struct cur c = cur_of(v);
	uint32_t n;

	if (dir_parse(name, &m->dir))
		return;
	if (slice_ieq(name, SLICE_LIT("rtpmap"))) {
		rtpmap_parse(m, v);
	} else if (slice_ieq(name, SLICE_LIT("fmtp"))) {
		struct sdp_fmt *f = fmt_of(m, word(&c));
		if (f)
			f->fmtp = slice_trim(cur_rest(&c));
	} else if (slice_ieq(name, SLICE_LIT("ptime"))) {
		if (slice_u32(cur_digits(&c), 1000, &n) == 0)
			m->ptime = n;
	} else if (slice_ieq(name, SLICE_LIT("maxptime"))) {
		if (slice_u32(cur_digits(&c), 1000, &n) == 0)
			m->maxptime = n;
	} else if (slice_ieq(name, SLICE_LIT("rtcp"))) {
		rtcp_parse(m, v);
	} else if (slice_ieq(name, SLICE_LIT("rtcp-mux"))) {
		m->rtcp_mux = true;
	} else if (slice_ieq(name, SLICE_LIT("ice-mismatch"))) {
		m->ice_mismatch = true;
	} else if (slice_ieq(name, SLICE_LIT("crypto"))) {
		if (m->ncrypto < SDP_CRYPTO_MAX)
			m->crypto[m->ncrypto++] = v;
	} else if (slice_ieq(name, SLICE_LIT("candidate")) ||
	           slice_ieq(name, SLICE_LIT("x-candidate-ipv6"))) {
		if (m->ncand < SDP_CAND_MAX)
			m->cand[m->ncand++] = v;
	} else if (slice_ieq(name, SLICE_LIT("ice-ufrag"))) {
		m->ice_ufrag = v;
	} else if (slice_ieq(name, SLICE_LIT("ice-pwd"))) {
		m->ice_pwd = v;
	} else if (slice_ieq(name, SLICE_LIT("remote-candidates"))) {
		m->remote_candidates = v;
	} else if (slice_ieq(name, SLICE_LIT("remote-candidate"))) {
		m->remote_candidate = v;
	} else if (slice_ieq(name, SLICE_LIT("encryption"))) {
		m->encryption = v;
	} else if (slice_ieq(name, SLICE_LIT("label"))) {
		m->label = v;
	} else if (slice_ieq(name, SLICE_LIT("x-bypassid"))) {
		m->bypass_id = v;
	}
}

static void session_attr(struct sdp *sdp, struct slice name, struct slice v)
{
	if (dir_parse(name, &sdp->dir))
		return;
	if (slice_ieq(name, SLICE_LIT("ice-ufrag")))
		sdp->ice_ufrag = v;
	else if (slice_ieq(name, SLICE_LIT("ice-pwd")))
		sdp->ice_pwd = v;
	else if (slice_ieq(name, SLICE_LIT("ice-lite")))
		sdp->ice_lite = true;
}

static void media_finish(struct sdp *sdp, struct sdp_media *m)
{
	if (m->rtp.n == 0)
		m->rtp = sdp->conn;
	m->rtp.port = m->port;
	if (m->rtcp.port == 0)
		m->rtcp.port = m->port && m->port < 65535 ? (uint16_t)(m->port + 1) : 0;
	if (m->rtcp.n == 0) {
		m->rtcp.n = m->rtp.n;
		memcpy(m->rtcp.ip, m->rtp.ip, sizeof(m->rtcp.ip));
	}
	if (m->ice_ufrag.n == 0)
		m->ice_ufrag = sdp->ice_ufrag;
	if (m->ice_pwd.n == 0)
		m->ice_pwd = sdp->ice_pwd;
}

int sdp_parse(struct sdp *sdp, struct slice in)
{
	struct cur c = cur_of(in);
	struct slice l;
	struct sdp_media *m = NULL;
	bool version = false;

	memset(sdp, 0, offsetof(struct sdp, media[1]));
	sdp->raw = in;
	if (in.n > SDP_MAX)
		return ERR_LIMIT;
	while (line_next(&c, &l)) {
		struct slice v = slice_trim(slice_sub(l, 2, l.n - 2));

		switch (l.p[0]) {
		case 'v':
			version = true;
			break;
		case 'o':
			origin_parse(sdp, v);
			break;
		case 'c':
			conn_parse(m ? &m->rtp : &sdp->conn, v);
			break;
		case 'm':
			if (m)
				m->raw.n = (size_t)(l.p - m->raw.p);
			if (sdp->nmedia == SDP_MEDIA_MAX)
				return ERR_LIMIT;
			m = &sdp->media[sdp->nmedia++];
			*m = (struct sdp_media){ .dir = sdp->dir,
				.raw = { l.p, (size_t)(in.p + in.n - l.p) } };
			if (media_parse(m, v))
				return ERR_SYNTAX;
			break;
		case 'a': {
			size_t colon = slice_chr(v, ':');
			struct slice name = slice_trim(slice_sub(v, 0, colon));
			struct slice val = slice_trim(slice_sub(v, colon + 1, v.n));
			if (m)
				media_attr(m, name, val);
			else
				session_attr(sdp, name, val);
			break;
		}
		default:
			break; /* s= t= b= and what we do not know */
		}
	}
	/* LYNC: the fallback part of a multipart offer has no v= line, but an o= and an m= one. */
	if (!version && (sdp->sess_id.n == 0 || sdp->nmedia == 0))
		return ERR_SYNTAX;
	for (size_t i = 0; i < sdp->nmedia; i++)
		media_finish(sdp, &sdp->media[i]);
	return 0;
}

const struct sdp_media *sdp_first(const struct sdp *sdp, const char *kind)
{
	for (size_t i = 0; i < sdp->nmedia; i++)
		if (sdp->media[i].port && slice_ieq(sdp->media[i].kind, slice_str(kind)))
			return &sdp->media[i];
	return NULL;
}

bool sdp_same(struct slice a, struct slice b)
{
	struct cur ca = cur_of(a), cb = cur_of(b);

	for (;;) {
		struct slice la = { 0 }, lb = { 0 };
		bool more_a, more_b;

		do
			more_a = line_next(&ca, &la);
		while (more_a && la.p[0] == 'o');
		do
			more_b = line_next(&cb, &lb);
		while (more_b && lb.p[0] == 'o');
		if (more_a != more_b)
			return false;
		if (!more_a)
			return true;
		if (!slice_eq(la, lb))
			return false;
	}
}
