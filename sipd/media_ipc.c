/* The media interface: sipd as client of the mediad instances. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "ipc/daemon.h"
#include "media.pb-c.h"
#include "sipd/media_pb.h"
#include "sipd/media_ipc.h"
#include "sipd/sipd.h"

_Static_assert((int)CODEC_PCMA == (int)BASE__CODEC__CODEC_PCMA, "codec numbers");
_Static_assert((int)CODEC_EVENT == (int)BASE__CODEC__CODEC_TELEPHONE_EVENT, "codec numbers");
_Static_assert((int)CODEC_L16 == (int)BASE__CODEC__CODEC_L16, "codec numbers");
_Static_assert((int)SDES_GCM_128 == (int)MEDIA__SUITE__AEAD_AES_128_GCM, "suite numbers");
_Static_assert((int)MEDIA_RADIO == (int)MEDIA__SIDE__SIDE_RADIO, "side numbers");
_Static_assert((int)MEDIA_TONE_CONFIRM == (int)MEDIA__TONE_KIND__TONE_CONFIRM, "tone numbers");

#define REQUEST_MS 2000
#define TRIES      3  /* instances asked before a session is given up */
#define BUSY_MS    20 /* the link has as many requests under way as it takes */

static void flush(struct media *m);
static void on_flush(struct tmr *t, void *ctx);

/* ---- events to those who are attached ---- */

static void tell(struct media *m, enum media_event ev, enum media_side s, int value)
{
	struct list untold;

	m->refs++; /* a user may let go within, of others, too */
	list_init(&untold);
	LIST_FOREACH(&m->users, it)
	{
		list_remove(it);
		list_append(&untold, it);
	}
	while (!list_empty(&untold)) {
		struct media_user *u = LIST_ENTRY(untold.next, struct media_user, node);
		list_remove(&u->node);
		list_append(&m->users, &u->node);
		u->ev(u, m, ev, s, value);
	}
	media_unref(m, 0);
}

void media_attach(struct media *m, struct media_user *u)
{
	media_detach(u);
	list_append(&m->users, &u->node);
}

void media_detach(struct media_user *u)
{
	if (u->node.next)
		list_remove(&u->node);
}

static void on_later(struct tmr *t, void *ctx)
{
	struct media *m = ctx;

	(void)t;
	if (m->refs == 0) {
		media_drop(m);
	} else if (m->st == M_NEW) {
		media_create(m);
	} else if (m->st == M_DEAD) {
		tell(m, m->was_ready ? MEDIA_LOST : MEDIA_FAILED, 0, m->why);
	}
}

static void failed(struct media *m, int err)
{
	m->st = M_DEAD;
	m->why = err;
	stat_add(m->was_ready ? m->pool->s_lost : m->pool->s_failed, 1);
	log_ev(LOG_WARNING, "no media session", F_CALL(m->call), F_ERR(err),
	    F_REMEDY("start more mediad instances or widen their port range; `dectctl status` "
	             "shows them"));
	tmr_start(&m->later, 0);
}

/* ---- making a session ---- */

static void on_created(void *ctx, int err, struct ipc_msg *msg)
{
	struct media *m = ctx;
	struct media_pool *p = m->pool;

	if (err) {
		log_ev(LOG_INFO, "a mediad refused a session", F_CALL(m->call),
		    F_U64("IPDECT_INSTANCE", m->instance), F_ERR(err));
		if (m->at && (err == ERR_LIMIT || err == ERR_BUSY))
			m->at->ours += 16; /* the others first until it reports its load */
		m->at = NULL;
		m->st = M_NEW;
		if (m->refs == 0)
			media_drop(m);
		else
			media_create(m);
		return;
	}
	const Media__SessionReady *r = IPC_BODY(msg, Media__SessionReady);
	m->session = r->session;
	media_take_ready(m, r->n_leg, r->leg);
	m->st = M_READY;
	if (!map_put(&p->sessions, &m->by_session, map_u64(&m->session)))
		log_ev(LOG_WARNING, "two mediad gave the same session number", F_CALL(m->call));
	if (m->refs == 0) {
		media_drop(m);
		return;
	}
	bool moved = m->moving;
	m->moving = false;
	m->was_ready = true;
	m->tries = 0;
	for (int s = MEDIA_NETWORK; s <= MEDIA_RADIO; s++)
		if (m->side[s].want.on && m->side[s].tone)
			media_tone(m, (enum media_side)s, m->side[s].tone, m->side[s].tone_ms);
	if (m->change[MEDIA_NETWORK].on || m->change[MEDIA_RADIO].on)
		tmr_start(&m->flush, 0); /* what was set while the request was under way */
	media_links_apply(m);
	media_mix_again(m);
	if (moved)
		stat_add(p->s_moved, 1);
	tell(m, moved ? MEDIA_MOVED : MEDIA_READY, 0, 0);
}

void media_create(struct media *m)
{
	struct media_pool *p = m->pool;
	Media__SessionCreate req = MEDIA__SESSION_CREATE__INIT;
	Media__Leg *legs[2];
	struct media_leg_msg pb[2];
	struct instance *i = media_pick(p, m->mixed && m->mixed->at ? m->mixed->instance : m->near);

	if (!i || m->tries++ == TRIES) {
		/* One more chance: an instance may be on its way back. */
		if (m->moving && m->tries < 4 * TRIES) {
			m->tries++;
			tmr_start(&m->later, 250);
			return;
		}
		failed(m, i ? ERR_BUSY : ERR_LOST);
		return;
	}
	req.call = m->call;
	req.leg = legs;
	mem_wipe(m->change, sizeof(m->change)); /* is in what is wanted */
	for (int s = MEDIA_NETWORK; s <= MEDIA_RADIO; s++) {
		if (!m->side[s].want.on)
			continue;
		m->side[s].rtp.n = 0;
		media_leg_pb(m, (enum media_side)s, &m->side[s].want, &pb[req.n_leg]);
		if (m->side[s].cac)
			media_cac_pb(&m->side[s], &pb[req.n_leg]);
		m->side[s].cac_new = false;
		legs[req.n_leg] = &pb[req.n_leg].leg;
		req.n_leg++;
	}
	m->at = i;
	m->instance = i->number;
	m->st = M_ASKED;
	i->ours++;
	int err = ipc_request(i->peer, IPC_IF_MEDIA, MEDIA__TYPE__MEDIA_SESSION_CREATE, &req.base,
	    &media__session_ready__descriptor, REQUEST_MS, on_created, m);
	if (err == ERR_BUSY) { /* its turn comes: no fault of the instance */
		m->st = M_NEW;
		m->at = NULL;
		m->tries--;
		i->ours--;
		tmr_start(&m->later, BUSY_MS);
	} else if (err) {
		m->st = M_NEW;
		m->at = NULL;
		i->ours += 16;
		if (err == ERR_LOST)
			tmr_start(&m->later, BUSY_MS);
		else
			failed(m, err);
	}
}

struct media *media_open(struct media_pool *p, uint64_t call, const struct media_leg *network,
    const struct media_leg *radio, const struct media *near, struct media_user *u)
{
	struct media *m = mem_new(sizeof(*m));

	m->pool = p;
	m->call = call;
	m->refs = 1;
	list_init(&m->users);
	list_append(&p->all, &m->node);
	tmr_init(&m->later, p->d->wheel, on_later, m);
	tmr_init(&m->flush, p->d->wheel, on_flush, m);
	if (network)
		m->side[MEDIA_NETWORK].want = *network;
	if (radio)
		m->side[MEDIA_RADIO].want = *radio;
	m->side[MEDIA_NETWORK].want.on = network != NULL;
	m->side[MEDIA_RADIO].want.on = radio != NULL;
	m->near = near ? near->instance : 0;
	if (u)
		media_attach(m, u);
	stat_add(p->s_open, 1);
	media_create(m);
	return m;
}

struct media *media_ref(struct media *m)
{
	m->refs++;
	return m;
}

static void on_dropped(void *ctx, int err, struct ipc_msg *msg)
{
	(void)ctx;
	(void)msg;
	if (err && err != ERR_LOST)
		log_ev(LOG_INFO, "a media session could not be dropped", F_ERR(err));
}

int media_drop_session(struct media *m)
{
	Media__SessionDrop req = MEDIA__SESSION_DROP__INIT;
	int err;

	req.session = m->session;
	err = ipc_request_later(m->at->peer, IPC_IF_MEDIA, MEDIA__TYPE__MEDIA_SESSION_DROP,
	    &req.base, &media__session_stats__descriptor, REQUEST_MS, on_dropped, m->pool);
	if (err && err != ERR_BUSY)
		on_dropped(m->pool, err, NULL);
	return err;
}

void media_drop(struct media *m)
{
	struct media_pool *p = m->pool;

	if (m->st == M_ASKED)
		return; /* on_created drops it */
	if (m->st == M_READY && m->at && media_drop_session(m) == ERR_BUSY) {
		tmr_start(&m->later, BUSY_MS); /* else mediad would keep it */
		return;
	}
	media_unlink(m, MEDIA_NETWORK);
	media_unlink(m, MEDIA_RADIO);
	if (m->mixed)
		m->mixed->mixed = NULL;
	LIST_FOREACH(&m->users, it)
	list_remove(it);
	tmr_stop(&m->later);
	tmr_stop(&m->flush);
	map_del(&p->sessions, &m->by_session);
	list_remove(&m->node);
	for (int s = MEDIA_NETWORK; s <= MEDIA_RADIO; s++) {
		free(m->side[s].agent);
		if (m->side[s].cac)
			mem_free_wiped(m->side[s].cac, sizeof(*m->side[s].cac));
	}
	mem_free_wiped(m, sizeof(*m));
}

void media_unref(struct media *m, uint32_t linger_ms)
{
	if (!m || --m->refs)
		return;
	LIST_FOREACH(&m->users, it)
	list_remove(it);
	if (linger_ms)
		tmr_start(&m->later, linger_ms);
	else
		tmr_start(&m->later, 0); /* never within a callback of the media itself */
}

/* ---- changing a session ---- */

static void on_updated(void *ctx, int err, struct ipc_msg *msg)
{
	struct media *m = ctx;
	/* The answer to what asked for an agent, none before it, nor while another question waits to leave. */
	bool ice = ++m->done == m->ice_at && !m->change[MEDIA_NETWORK].has_ice;

	if (err) {
		if (err != ERR_LOST)
			log_ev(LOG_WARNING, "a media session could not be changed", F_CALL(m->call),
			    F_ERR(err));
		if (ice) /* who waits for an agent goes without */
			tell(m, MEDIA_ICE_LOCAL, MEDIA_NETWORK, 0);
	} else {
		const Media__LegUpdated *u = IPC_BODY(msg, Media__LegUpdated);
		bool had[3] = { false, m->side[1].rtp.n != 0, m->side[2].rtp.n != 0 };
		media_take_ready(m, u->n_leg, u->leg);
		for (size_t i = 0; i < u->n_leg; i++)
			if (u->leg[i]->side == MEDIA__SIDE__SIDE_NETWORK &&
			    !(u->leg[i]->has_ice_gathering && u->leg[i]->ice_gathering) && ice)
				tell(m, MEDIA_ICE_LOCAL, MEDIA_NETWORK, 0);
		for (int s = MEDIA_NETWORK; s <= MEDIA_RADIO; s++)
			if (!had[s] && m->side[s].rtp.n && m->side[s].link) {
				media_link_apply(m, (enum media_side)s);
				media_link_apply(m->side[s].link, m->side[s].link_side);
			}
	}
	media_unref(m, 0);
}

static void merge(struct media_leg *w, const struct media_leg *l)
{
	w->on = true;
	if (l->has_remote) {
		w->has_remote = true;
		w->rtp = l->rtp;
		w->rtcp = l->rtcp;
	}
	if (l->has_payload) {
		w->has_payload = true;
		memcpy(w->payload, l->payload, sizeof(w->payload));
		w->npayload = l->npayload;
		w->ptime = l->ptime;
	}
	if (l->has_keys) {
		w->has_keys = true;
		w->tx = l->tx;
		w->rx = l->rx;
	}
	if (l->has_dir) {
		w->has_dir = true;
		w->dir = l->dir;
	}
	if (l->has_ice) {
		w->has_ice = true;
		w->ice = l->ice;
		w->controlling = l->controlling;
		w->relay = l->relay;
		w->stun = l->stun;
		w->forbidden = l->forbidden;
	}
	if (l->has_mux) {
		w->has_mux = true;
		w->mux = l->mux;
	}
	if (l->has_music) {
		w->has_music = true;
		w->music = l->music;
	}
	if (l->has_strict) {
		w->has_strict = true;
		w->strict = l->strict;
	}
}

/* Sends what has changed; before any other request about the session, too. */
static void flush(struct media *m)
{
	Media__LegUpdate req = MEDIA__LEG_UPDATE__INIT;
	struct media_leg_msg pb[2];
	Media__Leg *legs[2];
	bool fresh = false; /* an address is waited for */

	tmr_stop(&m->flush);
	if (m->st != M_READY || !m->at)
		return;
	for (int s = MEDIA_NETWORK; s <= MEDIA_RADIO; s++)
		if (m->change[s].on) {
			media_leg_pb(m, (enum media_side)s, &m->change[s], &pb[req.n_leg]);
			fresh |= m->side[s].rtp.n == 0;
			if (m->side[s].cac_new)
				media_cac_pb(&m->side[s], &pb[req.n_leg]);
			m->side[s].cac_new = false;
			legs[req.n_leg] = &pb[req.n_leg].leg;
			req.n_leg++;
		}
	if (req.n_leg == 0)
		return;
	req.session = m->session;
	req.leg = legs;
	bool ice = m->change[MEDIA_NETWORK].has_ice;
	req.has_patient = req.patient = !ice && !fresh;
	int err = ipc_request(m->at->peer, IPC_IF_MEDIA, MEDIA__TYPE__MEDIA_LEG_UPDATE, &req.base,
	    &media__leg_updated__descriptor, REQUEST_MS, on_updated, m);
	mem_wipe(m->change, sizeof(m->change));
	mem_wipe(pb, sizeof(pb));
	m->sent += !err;
	if (ice)
		m->ice_at = m->sent;
	if (!err)
		m->refs++;
	else
		log_ev(LOG_WARNING, "a media session could not be changed", F_CALL(m->call),
		    F_ERR(err));
}

static void on_flush(struct tmr *t, void *ctx)
{
	(void)t;
	flush(ctx);
}

void media_set(struct media *m, enum media_side s, const struct media_leg *l)
{
	struct media_leg *w = &m->side[s].want;

	if (l != w)
		merge(w, l);
	w->on = true;
	if (m->st != M_READY && m->st != M_ASKED)
		return; /* goes into the request that makes it */
	merge(&m->change[s], l);
	m->change[s].ipv6 |= l->ipv6;
	if (m->st == M_READY)
		tmr_start(&m->flush, 0);
}

void media_apply(struct media *m, enum media_side s, const struct oa_result *r)
{
	struct media_leg l = { .on = true,
		.has_remote = !sdp_addr_any(&r->rtp),
		.has_payload = true,
		.has_keys = true,
		.has_dir = true,
		.rtp = r->rtp,
		.rtcp = r->rtcp,
		.ptime = r->ptime,
		.tx = r->tx,
		.rx = r->rx,
		.dir = r->dir,
		.npayload = r->npayload };

	memcpy(l.payload, r->payload, sizeof(l.payload));
	m->side[s].rests = false;
	media_set(m, s, &l);
	mem_wipe(&l, sizeof(l));
}

static void on_done(void *ctx, int err, struct ipc_msg *msg)
{
	struct media *m = ctx;

	(void)msg;
	if (err && err != ERR_LOST)
		log_ev(LOG_INFO, "mediad refused a tone, digits or a mix", F_CALL(m->call),
		    F_ERR(err));
	media_unref(m, 0);
}

int media_ask(struct media *m, uint16_t type, const ProtobufCMessage *body)
{
	if (m->st != M_READY || !m->at)
		return ERR_LOST;
	flush(m);
	int err = ipc_request(m->at->peer, IPC_IF_MEDIA, type, body, &media__done__descriptor,
	    REQUEST_MS, on_done, m);
	if (!err)
		m->refs++;
	return err;
}

void media_tone(struct media *m, enum media_side hearer, enum media_tone t, uint32_t ms)
{
	Media__Tone req = MEDIA__TONE__INIT;

	m->side[hearer].tone = ms ? MEDIA_TONE_OFF : t;
	m->side[hearer].tone_ms = ms;
	if (m->st != M_READY && t) {
		m->side[hearer].tone = t;
		return;
	}
	req.session = m->session;
	req.side = (Media__Side)hearer;
	req.kind = (Media__ToneKind)t;
	if (ms) {
		req.has_ms = 1;
		req.ms = ms;
	}
	(void)media_ask(m, MEDIA__TYPE__MEDIA_TONE, &req.base);
}

int media_dtmf(struct media *m, enum media_side towards, struct slice digits)
{
	Media__DtmfSend req = MEDIA__DTMF_SEND__INIT;

	req.session = m->session;
	req.side = (Media__Side)towards;
	req.digits.data = (uint8_t *)(uintptr_t)digits.p;
	req.digits.len = digits.n;
	return media_ask(m, MEDIA__TYPE__MEDIA_DTMF_SEND, &req.base);
}

const struct media_agent *media_agent(const struct media *m, enum media_side s)
{
	return m->st == M_READY ? m->side[s].agent : NULL;
}

void media_ice_remote(struct media *m, enum media_side s, struct slice ufrag, struct slice pwd,
    const struct media_cand *c, size_t n, const struct sdp_addr chosen[2])
{
	Media__IceRemote req = MEDIA__ICE_REMOTE__INIT;
	Media__IceCandidate cand[MEDIA_CANDS], *pcand[MEDIA_CANDS];
	Base__Addr addr[MEDIA_CANDS], related[MEDIA_CANDS], picked[2], *ppicked[2];

	for (size_t i = 0; i < n && i < MEDIA_CANDS; i++) {
		Media__IceCandidate *pb = &cand[req.n_candidate];
		media__ice_candidate__init(pb);
		pb->foundation = (ProtobufCBinaryData){ strlen(c[i].foundation),
			(uint8_t *)(uintptr_t)c[i].foundation };
		pb->component = c[i].component;
		pb->transport = c[i].transport;
		pb->priority = c[i].priority;
		pb->type = c[i].type;
		media_addr_pb(&addr[i], &c[i].addr);
		pb->addr = &addr[i];
		if (c[i].related.n) {
			media_addr_pb(&related[i], &c[i].related);
			pb->related = &related[i];
		}
		if (c[i].key.id_n) {
			pb->has_name = pb->has_password = 1;
			pb->name = (ProtobufCBinaryData){ c[i].key.id_n,
				(uint8_t *)(uintptr_t)c[i].key.id };
			pb->password = (ProtobufCBinaryData){ c[i].key.pwd_n,
				(uint8_t *)(uintptr_t)c[i].key.pwd };
		}
		pcand[req.n_candidate++] = pb;
	}
	for (int i = 0; i < 2; i++)
		if (chosen[i].n) {
			media_addr_pb(&picked[req.n_remote_candidates], &chosen[i]);
			ppicked[req.n_remote_candidates] = &picked[req.n_remote_candidates];
			req.n_remote_candidates++;
		}
	req.session = m->session;
	req.side = (Media__Side)s;
	req.ufrag = (ProtobufCBinaryData){ ufrag.n, (uint8_t *)(uintptr_t)ufrag.p };
	req.pwd = (ProtobufCBinaryData){ pwd.n, (uint8_t *)(uintptr_t)pwd.p };
	req.candidate = pcand;
	req.has_complete = req.complete = 1;
	req.remote_candidates = ppicked;
	(void)media_ask(m, MEDIA__TYPE__MEDIA_ICE_REMOTE, &req.base);
}

/* ---- reading ---- */

bool media_ready(const struct media *m)
{
	return m->st == M_READY;
}

bool media_sip(const struct media *m, enum media_side s)
{
	return s == MEDIA_NETWORK || m->side[s].want.sip;
}

const struct sdp_addr *media_rtp(const struct media *m, enum media_side s)
{
	return &m->side[s].rtp;
}

const struct sdp_addr *media_rtcp(const struct media *m, enum media_side s)
{
	return &m->side[s].rtcp;
}

uint32_t media_instance(const struct media *m)
{
	return m->instance;
}

uint64_t media_session(const struct media *m)
{
	return m->session;
}

uint64_t media_call(const struct media *m)
{
	return m->call;
}

void media_text(const struct media *m, char *out, size_t cap)
{
	const struct media_leg *n = &m->side[MEDIA_NETWORK].want;

	(void)snprintf(out, cap, "mediad-%u %s%s%s", m->instance,
	    n->npayload ? codec_defs[n->payload[0].codec].name : "-", n->tx.suite ? " " : "",
	    n->tx.suite ? sdes_suite_name(n->tx.suite) : "");
}

int media_on_event(struct ipc_peer *peer, struct ipc_msg *msg)
{
	struct media_pool *p = media_pool_of(daemon_of(peer));
	const Media__Event *e = IPC_BODY(msg, Media__Event);
	struct map_node *n = map_get(&p->sessions, map_u64(&e->session));
	enum media_side s = e->has_side ? (enum media_side)e->side : 0;
	int value = e->has_value ? (int)e->value : 0;

	if (!n)
		return 0; /* crossed with our drop */
	struct media *m = CONTAINER_OF(n, struct media, by_session);
	if (!m->at || m->at->peer != peer)
		return ERR_DENIED;
	switch (e->kind) {
	case MEDIA__EVENT_KIND__DTMF:
		if (e->has_digit && e->digit.len == 1)
			tell(m, MEDIA_DTMF, s, e->digit.data[0]);
		break;
	case MEDIA__EVENT_KIND__TIMEOUT:
		tell(m, MEDIA_SILENT, s, value);
		break;
	case MEDIA__EVENT_KIND__QUALITY:
		tell(m, MEDIA_QUALITY, s, value);
		break;
	case MEDIA__EVENT_KIND__SRTP_MISMATCH:
		tell(m, MEDIA_BAD_KEYS, s, value);
		break;
	case MEDIA__EVENT_KIND__ICE_SELECTED:
		/* Local then remote of each component. */
		for (size_t i = 0; i + 1 < e->n_candidate && m->side[s].agent; i += 2) {
			struct media_cand local, remote;
			if (!media_take_cand(&local, e->candidate[i]) ||
			    !media_take_cand(&remote, e->candidate[i + 1]))
				continue;
			m->side[s].agent->local[local.component - 1] = local;
			m->side[s].agent->remote[local.component - 1] = remote;
		}
		tell(m, MEDIA_ICE, s, 1);
		break;
	case MEDIA__EVENT_KIND__ICE_GATHERED:
		if (!m->side[s].agent)
			break;
		m->side[s].agent->ncand = 0;
		for (size_t i = 0; i < e->n_candidate && m->side[s].agent->ncand < MEDIA_CANDS; i++)
			m->side[s].agent->ncand += media_take_cand(
			    &m->side[s].agent->cand[m->side[s].agent->ncand], e->candidate[i]);
		tell(m, MEDIA_ICE_LOCAL, s, 0);
		break;
	case MEDIA__EVENT_KIND__ICE_FAILED:
		tell(m, MEDIA_ICE, s, 0);
		break;
	case MEDIA__EVENT_KIND__CAC:
		if (!e->cac || (s != MEDIA_NETWORK && s != MEDIA_RADIO))
			break;
		media_take_cac(m, s, e->cac);
		tell(m, MEDIA_CAC, s, (int)e->cac->kind);
		break;
	default:
		break;
	}
	return 0;
}
