/* Offer and answer of one audio stream: decisions of RFC 3264 and RFC 4568. */
#include "sipd/sdp_oa.h"

#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/mem.h"

void oa_init(struct oa *o, const struct oa_conf *conf)
{
	*o = (struct oa){ .conf = conf };
	/* RFC 8866 5.2: numeric; 63 bits so that peers with signed integers live. */
	o->sess_id = id_u64() >> 2;
	o->version = 0;
}

void oa_fini(struct oa *o)
{
	free(o->local);
	free(o->remote);
	mem_wipe(o, sizeof(*o));
}

void oa_fork(struct oa *to, const struct oa *from)
{
	*to = *from;
	to->local = from->local ? mem_str(from->local) : NULL;
	to->remote = NULL;
	to->extra = to->session_extra = (struct slice){ 0 };
}

static void keep(char **at, struct slice s)
{
	free(*at);
	*at = mem_dup(s.p ? s.p : "", s.n);
}

enum codec oa_codec(const struct oa_result *r)
{
	for (size_t i = 0; i < r->npayload; i++)
		if (codec_defs[r->payload[i].codec].speech)
			return (enum codec)r->payload[i].codec;
	return CODEC_NONE;
}

unsigned oa_event_pt(const struct oa_result *r)
{
	for (size_t i = 0; i < r->npayload; i++)
		if (r->payload[i].codec == CODEC_EVENT)
			return r->payload[i].pt;
	return 0;
}

static bool pt_used(const struct oa_result *r, unsigned pt)
{
	for (size_t i = 0; i < r->npayload; i++)
		if (r->payload[i].pt == pt)
			return true;
	return false;
}

static bool has_codec(const struct oa_result *r, enum codec c)
{
	for (size_t i = 0; i < r->npayload; i++)
		if (r->payload[i].codec == c)
			return true;
	return false;
}

static void add(struct oa_result *r, enum codec c, unsigned pt)
{
	if (r->npayload < OA_PAYLOADS)
		r->payload[r->npayload++] = (struct oa_payload){ (uint8_t)c, (uint8_t)pt };
}

/* ---- writing ---- */

/* No printf here: an offer is some twenty lines, and each call has four. */
static void field(struct wr *w, const char *before, uint64_t v)
{
	wr_str(w, before);
	wr_dec(w, v);
}

static void head(struct oa *o, struct wr *w)
{
	const char *in = o->rtp.n == 16 ? " IN IP6 " : " IN IP4 ";

	o->version++;
	field(w, "v=0\r\no=- ", o->sess_id);
	field(w, " ", o->version);
	wr_str(w, in);
	sdp_addr_wr(w, &o->rtp);
	/* LYNC: Microsoft's endpoints all write s=session. */
	wr_str(w, o->conf->ms ? "\r\ns=session\r\nc=" : "\r\ns=-\r\nc=");
	wr_str(w, in + 1);
	sdp_addr_wr(w, &o->rtp);
	wr_str(w, "\r\n");
	if (o->conf->ms)
		wr_str(w, "b=CT:99980\r\n");
	wr_str(w, "t=0 0\r\n");
	wr_slice_add(w, o->session_extra);
}

/* RFC 3605; with the address where it is not RTP's. */
static void put_rtcp(const struct oa *o, struct wr *w)
{
	wr_fmt(w, "a=rtcp:%u", o->rtcp.port);
	if (o->rtcp.n && memcmp(o->rtcp.ip, o->rtp.ip, o->rtp.n) != 0) {
		wr_fmt(w, " IN %s ", o->rtcp.n == 16 ? "IP6" : "IP4");
		sdp_addr_wr(w, &o->rtcp);
	}
	wr_str(w, "\r\n");
}

static void audio(struct oa *o, struct wr *w, const char *proto, const struct oa_result *r,
    const struct sdes *keys, size_t nkeys)
{
	field(w, "m=audio ", o->rtp.port);
	wr_str(w, " ");
	wr_str(w, proto);
	for (size_t i = 0; i < r->npayload; i++)
		field(w, " ", r->payload[i].pt);
	wr_str(w, "\r\n");
	for (size_t i = 0; i < nkeys; i++) {
		wr_str(w, "a=crypto:");
		sdes_wr(w, &keys[i]);
		wr_str(w, "\r\n");
	}
	for (size_t i = 0; i < r->npayload; i++) {
		const struct codec_def *d = &codec_defs[r->payload[i].codec];
		field(w, "a=rtpmap:", r->payload[i].pt);
		wr_str(w, " ");
		wr_str(w, d->name);
		field(w, "/", d->rate);
		wr_str(w, "\r\n");
		if (r->payload[i].codec == CODEC_EVENT) {
			field(w, "a=fmtp:", r->payload[i].pt);
			wr_str(w, " 0-16\r\n");
		}
	}
	if (o->rtcp.port && (o->conf->ms || o->rtcp.port != o->rtp.port + 1 ||
	                        memcmp(o->rtcp.ip, o->rtp.ip, o->rtp.n) != 0))
		put_rtcp(o, w);
	if (r->rtcp_mux)
		wr_str(w, "a=rtcp-mux\r\n");
	wr_slice_add(w, o->extra);
	field(w, "a=ptime:", o->conf->ptime ? o->conf->ptime : 20);
	wr_str(w, o->conf->ms ? "\r\na=maxptime:200\r\na=" : "\r\na=");
	wr_str(w, sdp_dir_name(r->dir));
	wr_str(w, "\r\n");
}

static void refused(struct wr *w, const struct oa_line *l)
{
	wr_fmt(w, "m=%s 0 %s %s\r\n", l->kind, l->proto, l->fmts);
}

/* A fresh key for each line that we offer; the kernel is asked once for all of them. */
static void keys_make(struct oa *o)
{
	uint8_t fresh[OA_KEYS][SDES_KEY_MAX];

	id_random(fresh, (o->conf->mki ? 2 : 1) * o->conf->nsuite * sizeof(fresh[0]));
	o->nkey = 0;
	for (size_t i = 0; i < o->conf->nsuite; i++) {
		for (int with_mki = o->conf->mki; with_mki >= 0; with_mki--) {
			struct sdes *k = &o->key[o->nkey++];
			*k = (struct sdes){ .suite = (enum sdes_suite)o->conf->suite[i],
				.tag = (uint32_t)o->nkey };
			k->nkey = (uint8_t)sdes_key_len(k->suite);
			memcpy(k->key, fresh[o->nkey - 1], k->nkey);
			k->lifetime = o->conf->lifetime ? 1ull << 31 : 0;
			k->mki_len = with_mki ? 1 : 0;
			k->mki = with_mki ? 1 : 0;
		}
	}
	mem_wipe(fresh, sizeof(fresh));
}

static enum sdp_dir limit(enum sdp_dir theirs, enum sdp_dir want)
{
	/* theirs: how the far end wrote it. We may send when it receives, and the other way round. */
	bool send = (theirs == SDP_SENDRECV || theirs == SDP_RECVONLY) &&
	            (want == SDP_SENDRECV || want == SDP_SENDONLY);
	bool recv = (theirs == SDP_SENDRECV || theirs == SDP_SENDONLY) &&
	            (want == SDP_SENDRECV || want == SDP_RECVONLY);

	return send && recv ? SDP_SENDRECV
	       : send       ? SDP_SENDONLY
	       : recv       ? SDP_RECVONLY
	                    : SDP_INACTIVE;
}

int oa_offer(struct oa *o, struct wr *w)
{
	struct oa_result r = { .dir = o->want, .rtcp_mux = o->mux };
	const char *proto = o->tcp ? "TCP/RTP/AVP" : "RTP/AVP";
	size_t from = w->n;

	if (o->offered || o->asked)
		return ERR_STATE;
	if (!o->rtp.n || !o->rtp.port)
		return ERR_VALUE;
	if (o->established) { /* keep the agreed payload types; the rest of our codecs after them */
		for (size_t i = 0; i < o->result.npayload; i++)
			if (codec_defs[o->result.payload[i].codec].speech &&
			    !(o->deny & 1u << o->result.payload[i].codec))
				add(&r, o->result.payload[i].codec, o->result.payload[i].pt);
	}
	for (size_t i = 0; i < o->conf->ncodec; i++) {
		unsigned pt = (unsigned)codec_defs[o->conf->codec[i]].pt;
		if (has_codec(&r, o->conf->codec[i]) || o->deny & 1u << o->conf->codec[i])
			continue;
		while (pt_used(&r, pt) || (o->established && pt_used(&o->result, pt)))
			pt = pt < 96 || pt == 127 ? 96 : pt + 1;
		add(&r, o->conf->codec[i], pt);
	}
	if (o->conf->cn)
		add(&r, CODEC_CN, (unsigned)codec_defs[CODEC_CN].pt);
	unsigned event = o->established ? oa_event_pt(&o->result) : 0;
	if (!event)
		event = (unsigned)codec_defs[CODEC_EVENT].pt;
	while (pt_used(&r, event))
		event = event == 127 ? 96 : event + 1;
	add(&r, CODEC_EVENT, event);

	o->nkey = 0;
	if (o->conf->srtp != OA_SRTP_OFF && !(o->established && !o->secure)) {
		if (o->established && o->tx.suite) {
			o->key[0] = o->tx; /* the same key: the SRTP context goes on */
			o->nkey = 1;
		} else {
			keys_make(o);
		}
		if (o->conf->srtp == OA_SRTP_REQUIRED || (o->established && o->secure))
			proto = o->tcp ? "TCP/RTP/SAVP" : "RTP/SAVP";
	}
	head(o, w);
	if (o->nline == 0) {
		o->nline = 1;
		o->audio = 0;
	}
	for (size_t i = 0; i < o->nline; i++) {
		if (i == o->audio)
			audio(o, w, proto, &r, o->key, o->nkey);
		else
			refused(w, &o->line[i]);
	}
	if (w->bad)
		return ERR_LIMIT;
	o->offered = true;
	o->next = r;
	keep(&o->local, slice_sub(wr_slice(w), from, w->n - from));
	return 0;
}

void oa_resay(struct oa *o, struct slice text)
{
	keep(&o->local, text);
}

void oa_withdraw(struct oa *o)
{
	o->offered = o->asked = false;
	mem_wipe(o->key, sizeof(o->key));
	o->nkey = 0;
}

/* ---- reading ---- */

static bool proto_ok(struct slice p, bool *savp)
{
	static const struct {
		const char *name;
		bool savp;
	} known[] = {
		{ "RTP/AVP", false },
		{ "RTP/SAVP", true },
		{ "RTP/AVPF", false },
		{ "RTP/SAVPF", true },
		/* LYNC: the default candidate is a TCP one. */
		{ "TCP/RTP/AVP", false },
		{ "TCP/RTP/SAVP", true },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (slice_ieq(p, slice_str(known[i].name))) {
			*savp = known[i].savp;
			return true;
		}
	return false;
}

static enum codec fmt_codec(const struct sdp_fmt *f)
{
	return f->name.n ? codec_find(f->name, f->rate, f->channels) : codec_static(f->pt);
}

static bool allowed(const struct oa *o, enum codec k)
{
	const struct oa_conf *c = o->conf;

	if (k == CODEC_EVENT)
		return true;
	if (k == CODEC_CN)
		return c->cn;
	if (o->deny & 1u << k)
		return false;
	for (size_t i = 0; i < c->ncodec; i++)
		if (c->codec[i] == k)
			return true;
	return false;
}

/* The formats of their section that we have, in their order; all = false: as our settings for answers say. */
static int pick_codecs(const struct oa *o, const struct sdp_media *m, bool all, struct oa_result *r)
{
	const struct oa_conf *c = o->conf;
	struct oa_result found = { 0 };

	for (size_t i = 0; i < m->nfmt; i++) {
		enum codec k = fmt_codec(&m->fmt[i]);
		if (k != CODEC_NONE && allowed(o, k) && !has_codec(&found, k))
			add(&found, k, m->fmt[i].pt);
	}
	if (oa_codec(&found) == CODEC_NONE)
		return ERR_UNSUPP;
	r->npayload = 0;
	if (!all && c->preferred) {
		for (size_t i = 0; i < c->ncodec; i++)
			for (size_t k = 0; k < found.npayload; k++)
				if (found.payload[k].codec == c->codec[i])
					add(r, c->codec[i], found.payload[k].pt);
	} else {
		for (size_t k = 0; k < found.npayload; k++)
			if (codec_defs[found.payload[k].codec].speech)
				add(r, found.payload[k].codec, found.payload[k].pt);
	}
	if (!all && c->single)
		r->npayload = 1;
	for (size_t k = 0; k < found.npayload; k++)
		if (!codec_defs[found.payload[k].codec].speech)
			add(r, found.payload[k].codec, found.payload[k].pt);
	return 0;
}

static void take_stream(const struct oa *o, const struct sdp_media *m, struct oa_result *r)
{
	/* RFC 2543: c=0.0.0.0 holds; but with port 9 and candidates it waits for ICE (RFC 8839 4.2.5). */
	bool zero = sdp_addr_any(&m->rtp) && !(m->ncand && m->rtp.port == 9);
	enum sdp_dir theirs = m->dir;

	if (zero)
		theirs = SDP_INACTIVE;
	r->rtp = m->rtp;
	r->rtcp = m->rtcp;
	r->rtcp_mux = o->mux && m->rtcp_mux;
	r->ptime = m->ptime >= 10 && m->ptime <= 60 ? m->ptime : 0;
	r->held = theirs == SDP_SENDONLY || theirs == SDP_INACTIVE;
	r->dir = limit(theirs, o->want);
}

/* The first line of theirs that we can use: the offerer's order is its preference (RFC 4568 5.1.2). */
static bool pick_key(const struct oa_conf *c, const struct sdp_media *m, struct sdes *out)
{
	for (size_t i = 0; i < m->ncrypto; i++) {
		struct sdes k;
		if (sdes_parse(&k, m->crypto[i]))
			continue;
		for (size_t s = 0; s < c->nsuite; s++)
			if (c->suite[s] == k.suite) {
				*out = k;
				mem_wipe(&k, sizeof(k));
				return true;
			}
	}
	return false;
}

static void remember_lines(struct oa *o, const struct sdp *sdp, const struct sdp_media *m)
{
	o->nline = sdp->nmedia;
	for (size_t i = 0; i < sdp->nmedia; i++) {
		struct oa_line *l = &o->line[i];
		const struct sdp_media *s = &sdp->media[i];
		struct cur c = cur_of(s->fmts);

		if (s == m)
			o->audio = i;
		if (slice_copy(s->kind, l->kind, sizeof(l->kind)))
			memcpy(l->kind, "x", 2);
		if (slice_copy(s->proto, l->proto, sizeof(l->proto)))
			memcpy(l->proto, "x", 2);
		/* A refused section needs one format only. */
		if (slice_copy(cur_until(&c, " "), l->fmts, sizeof(l->fmts)) || !l->fmts[0])
			memcpy(l->fmts, "0", 2);
	}
}

/* Which of several audio sections: the first whose profile fits; a second one is often the encrypted alternative. */
static const struct sdp_media *pick_stream(const struct oa *o, const struct sdp *sdp, int *why)
{
	const struct oa_conf *c = o->conf;

	*why = ERR_UNSUPP;
	for (size_t i = 0; i < sdp->nmedia; i++) {
		const struct sdp_media *m = &sdp->media[i];
		struct oa_result r = { 0 };
		struct sdes k;
		bool savp;

		if (!m->port || !slice_ieq(m->kind, SLICE_LIT("audio")) ||
		    !proto_ok(m->proto, &savp) || !m->rtp.n || pick_codecs(o, m, true, &r))
			continue;
		bool usable =
		    pick_key(c, m, &k) && !slice_ieq(m->encryption, SLICE_LIT("rejected"));
		mem_wipe(&k, sizeof(k));
		if ((savp && (!usable || c->srtp == OA_SRTP_OFF)) ||
		    (c->srtp == OA_SRTP_REQUIRED && !usable)) {
			*why = ERR_DENIED;
			continue;
		}
		return m;
	}
	return NULL;
}

int oa_asked(struct oa *o, struct slice text, bool *same)
{
	struct sdp sdp;
	struct oa_result r = { 0 };
	int err, why;
	bool savp = false;

	*same = false;
	if (o->offered)
		return ERR_STATE;
	err = sdp_parse(&sdp, text);
	if (err)
		return err;
	if (o->remote && o->established) {
		struct sdp old;
		bool equal = sdp_same(text, slice_str(o->remote));
		bool version = sdp_parse(&old, slice_str(o->remote)) == 0 &&
		               slice_eq(old.sess_version, sdp.sess_version) &&
		               slice_eq(old.sess_id, sdp.sess_id);
		/* Without the setting an unchanged version means an unchanged description (RFC 3264 8). */
		if (equal || (version && !o->conf->ignore_version)) {
			*same = true;
			o->next = o->result;
			o->next.dir = limit(o->next.held ? SDP_INACTIVE : SDP_SENDRECV, o->want);
			const struct sdp_media *m =
			    &sdp.media[o->audio < sdp.nmedia ? o->audio : 0];
			if (equal)
				take_stream(o, m, &o->next);
			remember_lines(
			    o, &sdp, m); /* what went before may have been an offer of ours */
			o->asked = true;
			return 0;
		}
	}
	const struct sdp_media *m = pick_stream(o, &sdp, &why);
	if (!m)
		return why;
	err = pick_codecs(o, m, false, &r);
	if (err)
		return err;
	take_stream(o, m, &r);
	(void)proto_ok(m->proto, &savp);
	struct sdes theirs = { 0 };
	if (o->conf->srtp != OA_SRTP_OFF && !slice_ieq(m->encryption, SLICE_LIT("rejected")) &&
	    pick_key(o->conf, m, &theirs)) {
		r.rx = theirs;
		if (o->tx.suite == theirs.suite && o->tx.mki_len == theirs.mki_len) {
			r.tx = o->tx;
		} else {
			r.tx = (struct sdes){ .suite = theirs.suite,
				.nkey = (uint8_t)sdes_key_len(theirs.suite),
				.mki_len = theirs.mki_len,
				.mki = theirs.mki_len ? 1 : 0 };
			id_random(r.tx.key, r.tx.nkey);
		}
		r.tx.tag = theirs.tag;
		r.tx.lifetime = theirs.lifetime;
	}
	mem_wipe(&theirs, sizeof(theirs));
	remember_lines(o, &sdp, m);
	keep(&o->remote, text);
	o->next = r;
	o->asked = true;
	return 0;
}

size_t oa_common(const struct oa *o, uint8_t out[OA_PAYLOADS])
{
	struct sdp sdp;
	struct oa_result r = { 0 };
	size_t n = 0;

	if (!o->asked || !o->remote || sdp_parse(&sdp, slice_str(o->remote)) ||
	    o->audio >= sdp.nmedia || pick_codecs(o, &sdp.media[o->audio], true, &r))
		return 0;
	for (size_t i = 0; i < r.npayload; i++)
		if (codec_defs[r.payload[i].codec].speech)
			out[n++] = r.payload[i].codec;
	return n;
}

int oa_deny(struct oa *o, uint32_t codecs)
{
	struct sdp sdp;
	struct oa_result r = { 0 };
	int err;

	o->deny = codecs;
	if (!o->asked)
		return 0;
	err = o->remote ? sdp_parse(&sdp, slice_str(o->remote)) : ERR_STATE;
	if (!err && o->audio >= sdp.nmedia)
		err = ERR_SYNTAX;
	if (!err)
		err = pick_codecs(o, &sdp.media[o->audio], false, &r);
	if (err)
		return err;
	memcpy(o->next.payload, r.payload, sizeof(r.payload));
	o->next.npayload = r.npayload;
	return 0;
}

int oa_answer(struct oa *o, struct wr *w)
{
	struct oa_result *r = &o->next;
	const struct oa_line *l = &o->line[o->audio];
	const char *proto = l->proto;
	size_t from = w->n;

	if (!o->asked)
		return ERR_STATE;
	if (!o->rtp.n || !o->rtp.port)
		return ERR_VALUE;
	/* LYNC: RTP/AVP with keys is an offer of optional encryption, taken by answering RTP/SAVP (MS-SDPEXT). */
	if (o->conf->ms && r->rx.suite && strcmp(proto, "RTP/AVP") == 0)
		proto = "RTP/SAVP";
	else if (o->conf->ms && r->rx.suite && strcmp(proto, "TCP/RTP/AVP") == 0)
		proto = "TCP/RTP/SAVP";
	head(o, w);
	for (size_t i = 0; i < o->nline; i++) {
		if (i == o->audio)
			audio(o, w, proto, r, &r->tx, r->tx.suite ? 1 : 0);
		else
			refused(w, &o->line[i]);
	}
	if (w->bad)
		return ERR_LIMIT;
	o->result = *r;
	o->tx = r->tx;
	o->secure = r->tx.suite != SDES_NONE;
	o->asked = false;
	o->established = true;
	keep(&o->local, slice_sub(wr_slice(w), from, w->n - from));
	return 0;
}

/* Which of our lines the answer picked: by tag, and the suite must be the same. */
static int match_key(const struct oa *o, const struct sdp_media *m, struct oa_result *r)
{
	bool savp = false;

	(void)proto_ok(m->proto, &savp);
	for (size_t i = 0; i < m->ncrypto && o->nkey; i++) {
		struct sdes k;
		if (sdes_parse(&k, m->crypto[i]))
			continue;
		for (size_t j = 0; j < o->nkey; j++)
			if (o->key[j].tag == k.tag && o->key[j].suite == k.suite) {
				r->rx = k;
				r->tx = o->key[j];
				mem_wipe(&k, sizeof(k));
				return 0;
			}
	}
	if (savp || o->conf->srtp == OA_SRTP_REQUIRED)
		return ERR_DENIED;
	r->rx.suite = r->tx.suite = SDES_NONE;
	return 0;
}

int oa_answered(struct oa *o, struct slice text)
{
	struct sdp sdp;
	struct oa_result r = { 0 };
	bool savp;
	int err;

	if (!o->offered)
		return ERR_STATE;
	err = sdp_parse(&sdp, text);
	if (err)
		return err;
	if (o->audio >= sdp.nmedia)
		return ERR_SYNTAX;
	const struct sdp_media *m = &sdp.media[o->audio];
	if (!m->port || !m->rtp.n || !proto_ok(m->proto, &savp))
		return ERR_UNSUPP;
	err = pick_codecs(o, m, true, &r);
	if (!err)
		err = match_key(o, m, &r);
	if (err)
		return err;
	take_stream(o, m, &r);
	/* The far end may use our numbers towards us and its own to be sent to: both are known to mediad. */
	for (size_t i = 0, n = r.npayload; i < n; i++)
		for (size_t j = 0; j < o->next.npayload; j++)
			if (o->next.payload[j].codec == r.payload[i].codec &&
			    o->next.payload[j].pt != r.payload[i].pt &&
			    !pt_used(&r, o->next.payload[j].pt))
				add(&r, r.payload[i].codec, o->next.payload[j].pt);
	keep(&o->remote, text);
	o->result = r;
	o->tx = r.tx;
	o->secure = r.tx.suite != SDES_NONE;
	o->offered = false;
	o->established = true;
	mem_wipe(o->key, sizeof(o->key));
	o->nkey = 0;
	return 0;
}
