/* Two media sessions together: linked by plain RTP (a local call, a transfer), or mixed (a conference). */
#include "common/log.h"
#include "common/map.h"
#include "media.pb-c.h"
#include "sipd/media_pb.h"

/* ---- links between two sessions ---- */

void media_link_apply(struct media *m, enum media_side s)
{
	struct side *a = &m->side[s];
	struct side *b = &a->link->side[a->link_side];
	/* Nobody else is heard: whom a base station goes on to send for here has left. */
	struct media_leg l = { .on = true,
		.has_strict = true,
		.strict = true,
		.has_remote = true,
		.has_payload = true,
		.has_keys = true,
		.rtp = b->rtp,
		.rtcp = b->rtcp,
		.ptime = 20 };

	if (m->st != M_READY || a->link->st != M_READY || !b->rtp.n)
		return;
	/* What the base stations speak, so that a local call is carried through unchanged. */
	l.payload[l.npayload++] = (struct oa_payload){ CODEC_PCMA, 8 };
	l.payload[l.npayload++] = (struct oa_payload){ CODEC_PCMU, 0 };
	l.payload[l.npayload++] = (struct oa_payload){ CODEC_EVENT, 101 };
	media_set(m, s, &l);
}

void media_links_apply(struct media *m)
{
	for (int s = MEDIA_NETWORK; s <= MEDIA_RADIO; s++) {
		if (!m->side[s].link)
			continue;
		media_link_apply(m, (enum media_side)s);
		media_link_apply(m->side[s].link, m->side[s].link_side);
	}
}

void media_unlink(struct media *m, enum media_side s)
{
	static const struct media_leg lax = { .on = true, .has_strict = true };
	struct side *a = &m->side[s];
	struct media *other = a->link;

	if (!other)
		return;
	other->side[a->link_side].link = NULL;
	a->link = NULL;
	media_set(other, a->link_side, &lax);
	media_set(m, s, &lax);
}

void media_rest(struct media *m, enum media_side s)
{
	static const struct media_leg off = {
		.on = true, .has_dir = true, .dir = SDP_INACTIVE, .has_music = true
	};

	if (m->side[s].tone)
		media_tone(m, s, MEDIA_TONE_OFF, 0);
	media_set(m, s, &off);
	m->side[s].rests = true;
}

bool media_rests(const struct media *m, enum media_side s)
{
	return m->side[s].rests;
}

static void wake(struct media *m, enum media_side s)
{
	static const struct media_leg on = { .on = true, .has_dir = true, .dir = SDP_SENDRECV };

	if (m->side[s].rests)
		media_set(m, s, &on);
	m->side[s].rests = false;
}

void media_link(struct media *a, enum media_side sa, struct media *b, enum media_side sb)
{
	media_unlink(a, sa);
	media_unlink(b, sb);
	wake(a, sa);
	wake(b, sb);
	a->side[sa].link = b;
	a->side[sa].link_side = sb;
	b->side[sb].link = a;
	b->side[sb].link_side = sa;
	/* A side that nobody asked for so far has no address yet: asking makes it. */
	struct media_leg on = { .on = true };
	if (a->st == M_READY && !a->side[sa].rtp.n)
		media_set(a, sa, &on);
	if (b->st == M_READY && !b->side[sb].rtp.n)
		media_set(b, sb, &on);
	a->side[sa].want.on = b->side[sb].want.on = true;
	media_link_apply(a, sa);
	media_link_apply(b, sb);
}

static int ask_mix(struct media *a, struct media *b)
{
	Media__Mix req = MEDIA__MIX__INIT;
	uint64_t s[2] = { a->session, b->session };

	req.n_session = 2;
	req.session = s;
	return media_ask(a, MEDIA__TYPE__MEDIA_MIX, &req.base);
}

static bool has_room(const struct instance *i)
{
	return i && !i->draining && (uint64_t)i->sessions + i->ours < i->max;
}

/* Makes a session anew at another instance; those attached tell their far ends. */
static void move_to(struct media *m, uint32_t instance)
{
	log_ev(LOG_NOTICE, "a session moves to where the other one of a conference is",
	    F_CALL(m->call), F_U64("IPDECT_FROM", m->instance), F_U64("IPDECT_TO", instance));
	(void)media_drop_session(m);
	map_del(&m->pool->sessions, &m->by_session);
	m->at = NULL;
	m->st = M_NEW;
	m->tries = 0;
	m->moving = true;
	m->near = instance;
	media_create(m);
}

int media_mix(struct media *a, struct media *b)
{
	bool both = a->st == M_READY && b->st == M_READY && a->at && b->at;
	struct media *goes = NULL;

	if (both && a->at != b->at) {
		goes = has_room(a->at) ? b : has_room(b->at) ? a : NULL;
		if (!goes)
			return ERR_BUSY;
	}
	if (a->mixed && a->mixed != b)
		media_unmix(a);
	if (b->mixed && b->mixed != a)
		media_unmix(b);
	a->mixed = b;
	b->mixed = a;
	if (goes)
		move_to(goes, goes == b ? a->instance : b->instance);
	else if (both)
		return ask_mix(a, b);
	return 0; /* the later one of the two to be ready asks for it */
}

/* One of a conference is there (again): mixed when the other one is, too, and at the same instance. */
void media_mix_again(struct media *m)
{
	struct media *o = m->mixed;

	if (!o || o->st != M_READY)
		return;
	if (m->at == o->at) {
		(void)ask_mix(m, o);
		return;
	}
	m->mixed = o->mixed = NULL;
	log_ev(LOG_WARNING, "a conference ended: its sessions found no place at one mediad",
	    F_CALL(m->call), F_REMEDY("raise the number of sessions of an instance"));
}

void media_unmix(struct media *m)
{
	Media__Mix req = MEDIA__MIX__INIT;

	if (!m->mixed)
		return;
	m->mixed->mixed = NULL;
	m->mixed = NULL;
	req.n_session = 1;
	req.session = &m->session;
	(void)media_ask(m, MEDIA__TYPE__MEDIA_MIX, &req.base);
}
