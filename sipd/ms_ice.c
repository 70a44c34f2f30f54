/* LYNC: ICE in descriptions (MS-ICE2, MS-SDPEXT 3.1.5): what mediad's agent says goes into ours, what theirs say goes to it. */
#include <string.h>

#include "common/mem.h"
#include "sipd/leg_sip.h"
#include "sipd/ms.h"

static const char *const types[] = { "", "host", "srflx", "prflx", "relay" };
static const char *const transports[] = { "", "UDP", "TCP-ACT", "TCP-PASS" };

static bool wanted(const struct leg_sip *l)
{
	return l->leg.sipd->conf->lync && l->leg.sipd->conf->lync_ice && l->leg.media &&
	       l->leg.side == MEDIA_NETWORK;
}

/* ---- ours ---- */

bool ms_ice_wait(struct leg_sip *l, bool controlling)
{
	struct media_leg ask = {
		.on = true, .has_ice = true, .ice = MEDIA_ICE_MS2, .controlling = controlling
	};

	if (!wanted(l))
		return false;
	if (!l->ice_asked) {
		l->ice = l->ice_asked = true;
		media_set(l->leg.media, l->leg.side, &ask);
		return true;
	}
	return !l->ice_there;
}

void ms_ice_local(struct leg_sip *l)
{
	if (!l->ice_asked)
		return; /* another leg's, of the same media */
	l->ice_there = true;
	l->ice = l->leg.media && media_agent(l->leg.media, l->leg.side);
}

void ms_ice_drop(struct leg_sip *l)
{
	struct media_leg off = { .on = true, .has_ice = true, .ice = MEDIA_ICE_OFF };

	if (l->ice && l->leg.media)
		media_set(l->leg.media, l->leg.side, &off);
	l->ice = false;
}

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

void ms_ice_put(const struct leg_sip *l, struct wr *w)
{
	const struct media_agent *a =
	    l->ice && l->leg.media ? media_agent(l->leg.media, l->leg.side) : NULL;

	if (!a)
		return;
	wr_fmt(w, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\n", a->ufrag, a->pwd);
	if (!a->local[0].component || !a->local[1].component) {
		for (size_t i = 0; i < a->ncand; i++)
			put_cand(w, &a->cand[i]);
		return;
	}
	/* What was chosen, and what for (RFC 5245 9.1.2.2). */
	put_cand(w, &a->local[0]);
	put_cand(w, &a->local[1]);
	wr_str(w, "a=remote-candidates:");
	for (unsigned i = 0; i < 2; i++) {
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

/* foundation component transport priority address port typ type [raddr address rport port]; draft 6 has no "typ". */
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
	return c->transport == 1 && c->type && port ? 0 : ERR_UNSUPP; /* by UDP only */
}

size_t ms_ice_read(struct slice sdp, struct slice *ufrag, struct slice *pwd,
    struct media_cand c[MEDIA_CANDS], struct sdp_addr chosen[2])
{
	struct sdp s;
	size_t n = 0;

	if (sdp.n == 0 || sdp_parse(&s, sdp))
		return 0;
	const struct sdp_media *m = sdp_first(&s, "audio");
	if (!m)
		return 0;
	*ufrag = slice_trim(m->ice_ufrag.n ? m->ice_ufrag : s.ice_ufrag);
	*pwd = slice_trim(m->ice_pwd.n ? m->ice_pwd : s.ice_pwd);
	if (!ufrag->n || !pwd->n)
		return 0;
	for (size_t i = 0; i < m->ncand && n < MEDIA_CANDS; i++)
		n += cand_parse(&c[n], m->cand[i]) == 0;
	struct cur cu = cur_of(slice_trim(m->remote_candidates));
	struct slice comp, ip, port;
	while (!cur_done(&cu) && word(&cu, &comp) == 0 && word(&cu, &ip) == 0 &&
	       word(&cu, &port) == 0) {
		uint32_t k, p;
		if (slice_u32(comp, 2, &k) || k == 0 || slice_u32(port, 65535, &p) ||
		    sdp_addr_parse(&chosen[k - 1], ip))
			continue;
		chosen[k - 1].port = (uint16_t)p;
	}
	return n;
}

bool ms_ice_offered(const struct leg_sip *l, struct slice sdp)
{
	struct media_cand c[MEDIA_CANDS];
	struct sdp_addr chosen[2] = { 0 };
	struct slice ufrag, pwd;

	return l->leg.sipd->conf->lync && l->leg.sipd->conf->lync_ice &&
	       ms_ice_read(sdp, &ufrag, &pwd, c, chosen) > 0;
}

void ms_ice_took(struct leg_sip *l, struct slice sdp)
{
	struct media_cand c[MEDIA_CANDS];
	struct sdp_addr chosen[2] = { 0 };
	struct slice ufrag, pwd;
	size_t n;

	if (!l->ice || !wanted(l) || !media_agent(l->leg.media, l->leg.side))
		return;
	n = ms_ice_read(sdp, &ufrag, &pwd, c, chosen);
	if (n) {
		media_ice_remote(l->leg.media, l->leg.side, ufrag, pwd, c, n, chosen);
		return;
	}
	/* A gateway, or a peer without: the addresses of the description are used. */
	ms_ice_drop(l);
}
