/* Streams of a base: handles, ports and messages. */
#include "dectd/rfp_media.h"

#include <string.h>

#include "common/mem.h"

#define REST_MS 5000
#define SHIFTS  8 /* ports of a stream, one after the other: 192 from rtp-port on */

void rfp_media_init(struct rfp_media *r, uint32_t model, uint16_t port_base)
{
	memset(r, 0, sizeof(*r));
	r->max = model == 0x10 ? 4 : 8;
	r->port_base = port_base;
	r->next_handle = 1;
}

void rfp_media_reset(struct rfp_media *r)
{
	memset(r->s, 0, sizeof(r->s));
}

static struct rfp_stream *find(struct rfp_media *r, uint16_t handle)
{
	for (unsigned i = 0; i < RFP_STREAMS_MAX; i++)
		if (r->s[i].state != RS_FREE && r->s[i].handle == handle)
			return &r->s[i];
	return NULL;
}

unsigned rfp_media_busy(const struct rfp_media *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < RFP_STREAMS_MAX; i++)
		n += r->s[i].state == RS_OPEN;
	return n;
}

/* Ports rest after use: a late packet of the old call must not be heard in the next. */
static struct rfp_stream *take(struct rfp_media *r, uint64_t now_ms)
{
	struct rfp_stream *old = NULL;

	if (rfp_media_busy(r) >= r->max)
		return NULL;
	for (unsigned i = 0; i < RFP_STREAMS_MAX; i++) {
		struct rfp_stream *s = &r->s[i];

		if (s->state == RS_CLOSING && now_ms - s->closed_ms >= REST_MS)
			s->state = RS_FREE;
		if (s->state == RS_FREE) {
			s->port = (uint16_t)(r->port_base + 2 * (i + RFP_STREAMS_MAX * s->shift));
			return s;
		}
		if (s->state == RS_CLOSING && (!old || s->closed_ms < old->closed_ms))
			old = s;
	}
	if (old) /* it may have been refused its port */
		old->port = (uint16_t)(r->port_base +
		                       2 * ((unsigned)(old - r->s) + RFP_STREAMS_MAX * old->shift));
	return old;
}

static bool known(uint8_t codec)
{
	return codec == MAC_PCMA || codec == MAC_PCMU || codec == MAC_G729;
}

static uint16_t new_handle(struct rfp_media *r)
{
	do
		r->next_handle =
		    r->next_handle == UINT16_MAX - 1 ? 1 : (uint16_t)(r->next_handle + 1);
	while (find(r, r->next_handle));
	return r->next_handle;
}

static int write_conf(
    struct wr *w, const struct rfp_stream *s, uint32_t pmid, const struct mac_media *m)
{
	struct rfp_msg c = { .type = RFP_MEDIA_CONF };

	c.u.m_conf.handle = s->handle;
	c.u.m_conf.vif = (uint8_t)m->ptime_ms;
	for (unsigned i = 0; i < m->ncodecs && i < ARRAY_LEN(m->codecs); i++)
		if (known(m->codecs[i].codec))
			c.u.m_conf.codec[c.u.m_conf.ncodecs++] =
			    (struct rfp_codec){ m->codecs[i].codec, m->codecs[i].pt, 8 };
	c.u.m_conf.dtmf_tx = c.u.m_conf.dtmf_rx = m->dtmf_pt;
	c.u.m_conf.mcei = s->mcei;
	c.u.m_conf.ppn = (uint16_t)pmid;
	/* RFP: octets 60-63 and 86-91 are those of the one real sample; their meaning is not known. */
	memcpy(c.u.m_conf.opaque, "\x01\x01\x3c\x00", 4);
	c.u.m_conf.rtp = s->port;
	c.u.m_conf.rtcp = (uint16_t)(s->port + 1);
	memcpy(c.u.m_conf.rx_ip, m->far.ip, 4);
	memcpy(c.u.m_conf.tx_ip, m->far.ip, 4);
	c.u.m_conf.rx_rtp = c.u.m_conf.tx_rtp = m->far.port;
	c.u.m_conf.rx_rtcp = c.u.m_conf.tx_rtcp = (uint16_t)(m->far.port + 1);
	memcpy(c.u.m_conf.tail, "\x03\x01\x00\x00\x7d\x85", 6);
	c.u.m_conf.tail[6] = (uint8_t)pmid;
	c.u.m_conf.tail[7] = (uint8_t)(pmid >> 8);
	return rfp_msg_build(&c, w);
}

int rfp_media_open(struct rfp_media *r, uint8_t mcei, uint32_t pmid, const struct mac_media *m,
    const uint8_t base_ip[4], uint64_t now_ms, struct wr *w, struct mac_addr *local,
    uint16_t *handle)
{
	struct rfp_msg o = { .type = RFP_MEDIA_OPEN }, st = { .type = RFP_MEDIA_START };
	struct rfp_stream *s;
	unsigned usable = 0;
	int err;

	for (unsigned i = 0; i < m->ncodecs && i < ARRAY_LEN(m->codecs); i++)
		usable += known(m->codecs[i].codec);
	if (!usable)
		return ERR_UNSUPP;
	if (m->ptime_ms < 10 || m->ptime_ms > 60 || m->far.port == 0)
		return ERR_VALUE;
	s = take(r, now_ms);
	if (!s)
		return ERR_BUSY;
	s->handle = new_handle(r);
	s->mcei = mcei;
	o.u.m_open.handle = s->handle;
	o.u.m_open.slots =
	    1; /* RFP: codec 0 and one slot as in the only sample: the air side, G.726 in a full slot */
	err = rfp_msg_build(&o, w);
	if (!err)
		err = write_conf(w, s, pmid, m);
	st.u.m_start.handle = s->handle;
	st.u.m_start.dir = 3;
	if (!err)
		err = rfp_msg_build(&st, w);
	if (err) {
		s->state = RS_FREE;
		return err;
	}
	s->state = RS_OPEN;
	r->opened++;
	memcpy(local->ip, base_ip, 4);
	local->port = s->port;
	*handle = s->handle;
	return 0;
}

static void rest(struct rfp_stream *s, uint64_t now_ms)
{
	s->state = RS_CLOSING;
	s->closed_ms = now_ms;
}

int rfp_media_close(struct rfp_media *r, uint16_t handle, uint64_t now_ms, struct wr *w)
{
	struct rfp_msg stop = { .type = RFP_MEDIA_STOP }, close = { .type = RFP_MEDIA_CLOSE };
	struct rfp_stream *s = find(r, handle);
	int err;

	if (!s || s->state != RS_OPEN)
		return ERR_NOTFOUND;
	rest(s, now_ms);
	stop.u.m_start.handle = close.u.m.handle = handle;
	stop.u.m_start.dir = 3;
	err = rfp_msg_build(&stop, w);
	return err ? err : rfp_msg_build(&close, w);
}

int rfp_media_nack(struct rfp_media *r, uint16_t handle, uint16_t what, uint32_t reason,
    uint64_t now_ms, struct wr *w)
{
	struct rfp_msg close = { .type = RFP_MEDIA_CLOSE };
	struct rfp_stream *s = find(r, handle);
	int err;

	if (!s || s->state != RS_OPEN || reason == RFP_NACK_OK)
		return 0;
	r->nacked++;
	rest(s, now_ms);
	if (what != RFP_MEDIA_OPEN) { /* else its channel would stay taken */
		close.u.m.handle = handle;
		err = rfp_msg_build(&close, w);
		if (err)
			return err;
	}
	switch (reason) {
	case RFP_NACK_PORT:
		s->shift = (s->shift + 1) % SHIFTS;
		return ERR_EXISTS;
	case RFP_NACK_NO_RESOURCE:
		return ERR_BUSY;
	case RFP_NACK_CODEC:
	case RFP_NACK_VIDEO:
		return ERR_UNSUPP;
	case RFP_NACK_STATE:
		return ERR_STATE;
	default:
		return ERR_VALUE;
	}
}

void rfp_media_stats_came(struct rfp_media *r, uint16_t handle)
{
	struct rfp_stream *s = find(r, handle);

	if (s && s->state == RS_CLOSING)
		s->state = RS_FREE;
}
