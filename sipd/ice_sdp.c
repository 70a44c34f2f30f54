/* ICE in session descriptions: candidates, credentials, what was chosen. */
#include "sipd/ice_sdp.h"

#include <string.h>

#include "common/enc.h"
#include "common/mem.h"

static const char *const types[] = { "", "host", "srflx", "prflx", "relay" };
static const char *const transports[] = { "", "UDP", "TCP-ACT", "TCP-PASS" };

/* ---- ours ---- */

static void put_cand(struct wr *w, const struct media_cand *c)
{
	wr_fmt(w, "a=candidate:%s %u %s %u ", c->foundation, c->component, transports[c->transport],
	    c->priority);
	sdp_addr_wr(w, &c->addr);
	wr_fmt(w, " %u typ %s", c->addr.port, types[c->type]);
	if (c->type != 1 && c->related.n) {
		wr_str(w, " raddr ");
		sdp_addr_wr(w, &c->related);
		wr_fmt(w, " rport %u", c->related.port);
	}
	wr_str(w, "\r\n");
}

/* LYNC: base64 without filling. */
static void put_b64(struct wr *w, const uint8_t *p, size_t n)
{
	char text[ENC_B64_LEN(MEDIA_CAND_ID)];

	(void)enc_b64(p, n, text);
	wr_slice_add(w, (struct slice){ text, strcspn(text, "=") });
}

static void put_cand6(struct wr *w, const struct media_cand *c)
{
	wr_str(w, "a=candidate:");
	put_b64(w, c->key.id, c->key.id_n);
	wr_fmt(w, " %u ", c->component);
	put_b64(w, c->key.pwd, c->key.pwd_n);
	wr_fmt(w, " UDP 0.%s ", c->type == 1 ? "830" : c->type == 4 ? "450" : "550");
	sdp_addr_wr(w, &c->addr);
	wr_fmt(w, " %u\r\n", c->addr.port);
}

static void put6(struct wr *w, const struct media_agent *a, const struct ice_sdp_out *how)
{
	unsigned n = how->one ? 1 : 2;

	if (!a->local[0].component || (n == 2 && !a->local[1].component)) {
		for (size_t i = 0; i < a->ncand; i++)
			if (a->cand[i].key.id_n && a->cand[i].transport == 1)
				put_cand6(w, &a->cand[i]);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		put_cand6(w, &a->local[i]);
	if (!how->controlling || !a->remote[0].key.id_n)
		return;
	wr_str(w, "a=remote-candidate:");
	put_b64(w, a->remote[0].key.id, a->remote[0].key.id_n);
	wr_str(w, "\r\n");
}

void ice_sdp_older(struct wr *w, struct slice sdp, const struct media_agent *a)
{
	static const char *const drop[] = { "a=ice-pwd:", "a=candidate:", "a=remote-candidates:" };
	const struct ice_sdp_out how = { .draft6 = true };

	for (struct cur c = cur_of(sdp); !cur_done(&c);) {
		struct slice line = { c.p, slice_chr(cur_rest(&c), '\n') };
		bool keep = true;
		line.n += line.n < cur_rest(&c).n;
		c.p += line.n;
		if (slice_starts(line, SLICE_LIT("a=ice-ufrag:"))) {
			put6(w, a, &how);
			continue;
		}
		for (unsigned i = 0; i < ARRAY_LEN(drop); i++)
			keep &= !slice_starts(line, slice_str(drop[i]));
		if (keep)
			wr_slice_add(w, line);
	}
}

void ice_sdp_put(struct wr *w, const struct media_agent *a, const struct ice_sdp_out *how)
{
	unsigned n = how->one ? 1 : 2;

	if (how->draft6) {
		put6(w, a, how);
		return;
	}
	wr_fmt(w, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\n", a->ufrag, a->pwd);
	if (!a->local[0].component || (n == 2 && !a->local[1].component)) {
		for (size_t i = 0; i < a->ncand; i++)
			put_cand(w, &a->cand[i]);
		return;
	}
	/* What was chosen, and what for (RFC 8839 4.4.1.2.2). */
	for (unsigned i = 0; i < n; i++)
		put_cand(w, &a->local[i]);
	/* LYNC: Microsoft's products have it in answers, too. */
	if (how->rfc && !how->controlling)
		return;
	wr_str(w, "a=remote-candidates:");
	for (unsigned i = 0; i < n; i++) {
		wr_fmt(w, "%s%u ", i ? " " : "", i + 1);
		sdp_addr_wr(w, &a->remote[i].addr);
		wr_fmt(w, " %u", a->remote[i].addr.port);
	}
	wr_str(w, "\r\n");
}

/* ---- theirs ---- */

static int word(struct cur *c, struct slice *out)
{
	*out = cur_until(c, " ");
	cur_lws(c);
	return out->n ? 0 : ERR_SYNTAX;
}

/* foundation component transport priority address port typ type [raddr address rport port] */
static int cand_parse(struct media_cand *c, struct slice value)
{
	struct cur cu = cur_of(slice_trim(value));
	struct slice f[8], key, v;
	uint32_t n, port;

	*c = (struct media_cand){ 0 };
	for (unsigned i = 0; i < ARRAY_LEN(f); i++)
		if (word(&cu, &f[i]))
			return ERR_SYNTAX;
	if (!slice_ieq(f[6], SLICE_LIT("typ")) ||
	    slice_copy(f[0], c->foundation, sizeof(c->foundation)) || slice_u32(f[1], 2, &n) ||
	    n == 0 || slice_u32(f[3], UINT32_MAX, &c->priority) || sdp_addr_parse(&c->addr, f[4]) ||
	    slice_u32(f[5], 65535, &port))
		return ERR_SYNTAX;
	c->component = (uint8_t)n;
	c->addr.port = (uint16_t)port;
	for (unsigned i = 1; i < ARRAY_LEN(transports); i++)
		if (slice_ieq(f[2], slice_str(transports[i])))
			c->transport = (uint8_t)i;
	for (unsigned i = 1; i < ARRAY_LEN(types); i++)
		if (slice_ieq(f[7], slice_str(types[i])))
			c->type = (uint8_t)i;
	while (word(&cu, &key) == 0 && word(&cu, &v) == 0) {
		if (slice_ieq(key, SLICE_LIT("raddr")) && sdp_addr_parse(&c->related, v))
			c->related.n = 0;
		if (slice_ieq(key, SLICE_LIT("rport")) && slice_u32(v, 65535, &port) == 0)
			c->related.port = (uint16_t)port;
	}
	if (c->related.port == 0)
		c->related.n = 0;
	return c->transport && c->type && port ? 0 : ERR_UNSUPP;
}

static int octets(struct slice text, uint8_t *out, size_t cap, uint8_t *n)
{
	size_t len;
	int err = enc_unb64(text, out, cap, &len);

	*n = err ? 0 : (uint8_t)len;
	return err ? err : len ? 0 : ERR_SYNTAX;
}

/* 0 to 1 with decimals, in thousandths. */
static int thousandths(struct slice text, uint32_t *out)
{
	struct cur c = cur_of(text);
	struct slice whole = cur_digits(&c), part = { 0 };
	uint32_t n;

	if (slice_u32(whole, 1, &n))
		return ERR_SYNTAX;
	n *= 1000;
	if (cur_lit(&c, '.'))
		part = cur_digits(&c);
	if (!cur_done(&c))
		return ERR_SYNTAX;
	for (size_t i = 0, unit = 100; i < part.n && unit; i++, unit /= 10)
		n += (uint32_t)((size_t)(part.p[i] - '0') * unit);
	*out = n < 1000 ? n : 1000;
	return 0;
}

/* LYNC: id component password UDP|TCP 0.priority address port, id and password in base64 (MS-ICE). */
static int cand6_parse(struct media_cand *c, struct slice value)
{
	struct cur cu = cur_of(slice_trim(value));
	struct slice f[7], more;
	uint32_t n, port;

	*c = (struct media_cand){ 0 };
	for (unsigned i = 0; i < ARRAY_LEN(f); i++)
		if (word(&cu, &f[i]))
			return ERR_SYNTAX;
	if (word(&cu, &more) == 0 || slice_u32(f[1], 2, &n) || n == 0 ||
	    octets(f[0], c->key.id, sizeof(c->key.id), &c->key.id_n) ||
	    octets(f[2], c->key.pwd, sizeof(c->key.pwd), &c->key.pwd_n) ||
	    thousandths(f[4], &c->priority) || sdp_addr_parse(&c->addr, f[5]) ||
	    slice_u32(f[6], 65535, &port))
		return ERR_SYNTAX;
	c->component = (uint8_t)n;
	c->addr.port = (uint16_t)port;
	c->transport = 1;
	/* The draft does not say what it is; the usual priorities do. */
	c->type = c->priority >= 800 ? 1 : c->priority >= 500 ? 2 : 4;
	return slice_ieq(f[3], SLICE_LIT("UDP")) && port ? 0 : ERR_UNSUPP;
}

/* Is the address where media goes by default among the candidates? */
static bool is_cand(const struct ice_sdp *s, const struct sdp_addr *a, unsigned component)
{
	for (size_t i = 0; i < s->ncand; i++)
		if (s->cand[i].component == component && sdp_addr_eq(&s->cand[i].addr, a))
			return true;
	return false;
}

static bool changed(const struct ice_sdp *s, const struct sdp_media *m)
{
	bool two = false;

	/* Who has no default yet says so by port 9 of no address (RFC 8839 4.2.5). */
	if (sdp_addr_any(&m->rtp) && m->rtp.port == 9)
		return false;
	for (size_t i = 0; i < s->ncand; i++)
		two |= s->cand[i].component == 2;
	if (!is_cand(s, &m->rtp, 1))
		return true;
	return two && !m->rtcp_mux && !is_cand(s, &m->rtcp, 2);
}

bool ice_sdp_read(struct ice_sdp *out, struct slice text)
{
	struct sdp s;

	*out = (struct ice_sdp){ 0 };
	if (text.n == 0 || sdp_parse(&s, text))
		return false;
	const struct sdp_media *m = sdp_first(&s, "audio");
	if (!m)
		return false;
	out->lite = s.ice_lite;
	out->mux = m->rtcp_mux;
	out->refused = m->ice_mismatch;
	out->ufrag = slice_trim(m->ice_ufrag);
	out->pwd = slice_trim(m->ice_pwd);
	for (size_t i = 0; i < m->ncand && out->ncand < MEDIA_CANDS; i++)
		out->ncand += cand_parse(&out->cand[out->ncand], m->cand[i]) == 0;
	for (size_t i = 0, newer = out->ncand; !newer && i < m->ncand && out->ncand < MEDIA_CANDS;
	     i++)
		out->ncand += cand6_parse(&out->cand[out->ncand], m->cand[i]) == 0;
	out->draft6 = out->ncand && out->cand[0].key.id_n;
	if (out->draft6) {
		out->ufrag = out->pwd = (struct slice){ 0 };
		(void)octets(slice_trim(m->remote_candidate), out->chosen_name.id,
		    sizeof(out->chosen_name.id), &out->chosen_name.id_n);
	}
	struct cur cu = cur_of(slice_trim(m->remote_candidates));
	struct slice comp, ip, port;
	while (!cur_done(&cu) && word(&cu, &comp) == 0 && word(&cu, &ip) == 0 &&
	       word(&cu, &port) == 0) {
		uint32_t k, p;
		if (slice_u32(comp, 2, &k) || k == 0 || slice_u32(port, 65535, &p) ||
		    sdp_addr_parse(&out->chosen[k - 1], ip))
			continue;
		out->chosen[k - 1].port = (uint16_t)p;
	}
	out->mismatch = out->ncand && changed(out, m);
	return out->ncand && (out->draft6 || (out->ufrag.n && out->pwd.n));
}
