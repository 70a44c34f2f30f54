/* The media interface: tells mediad where the base station of a call is, at its start and after each handover. */
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/dectd.h"
#include "media.pb-c.h"

#define REQUEST_MS 2000

struct ask {
	struct dectd *r;
	uint32_t ticket;
	uint64_t session;
};

static struct ipc_peer *mediad(const struct dectd *r, unsigned instance)
{
	for (struct ipc_peer *p = ipc_next(r->d->ipc, IPC_MEDIAD, NULL); p;
	     p = ipc_next(r->d->ipc, IPC_MEDIAD, p))
		if (ipc_peer_instance(p) == instance)
			return p;
	return NULL;
}

static void on_updated(void *ctx, int err, struct ipc_msg *m)
{
	struct ask *a = ctx;
	struct dectd *r = a->r;
	uint32_t ticket = a->ticket;

	(void)m;
	if (err)
		log_ev(LOG_WARNING, "mediad did not take the base station's address", F_ERR(err),
		    F_U64("IPDECT_SESSION", a->session));
	free(a);
	rfp_dir_pointed(r->dir, ticket, err);
}

int media_point(void *ctx, uint32_t ticket, const struct mac_media *m, const struct mac_addr *base)
{
	struct dectd *r = ctx;
	struct ipc_peer *p = mediad(r, m->instance);
	Media__LegUpdate q = MEDIA__LEG_UPDATE__INIT;
	Media__Leg leg = MEDIA__LEG__INIT, *legs[1] = { &leg };
	Base__Addr rtp = BASE__ADDR__INIT;
	struct ask *a;
	int err;

	if (!p) {
		log_ev(LOG_WARNING, "no link to the mediad of a call",
		    F_U64("IPDECT_INSTANCE", m->instance), F_U64("IPDECT_SESSION", m->session));
		return ERR_LOST;
	}
	rtp.ip = (ProtobufCBinaryData){ 4, (uint8_t *)(uintptr_t)base->ip };
	rtp.port = base->port;
	leg.side = MEDIA__SIDE__SIDE_RADIO;
	leg.remote_rtp = &rtp;
	leg.has_direction = 1;
	leg.direction = MEDIA__DIRECTION__SENDRECV;
	q.session = m->session;
	q.n_leg = 1;
	q.leg = legs;
	a = mem_new(sizeof(*a));
	a->r = r;
	a->ticket = ticket;
	a->session = m->session;
	err = ipc_request(p, IPC_IF_MEDIA, MEDIA__TYPE__MEDIA_LEG_UPDATE, &q.base,
	    &media__leg_updated__descriptor, REQUEST_MS, on_updated, a);
	if (err)
		free(a);
	return err;
}

static void on_left(void *ctx, int err, struct ipc_msg *m)
{
	(void)ctx;
	(void)err; /* the session may have ended meanwhile */
	(void)m;
}

/* Else it would go on sending to where the handset's stream was, beside the session that it hears now. */
void media_leave(void *ctx, const struct mac_media *m)
{
	struct dectd *r = ctx;
	struct ipc_peer *p = mediad(r, m->instance);
	Media__LegUpdate q = MEDIA__LEG_UPDATE__INIT;
	Media__Leg leg = MEDIA__LEG__INIT, *legs[1] = { &leg };
	int err;

	if (!p)
		return;
	leg.side = MEDIA__SIDE__SIDE_RADIO;
	leg.has_direction = 1;
	leg.direction = MEDIA__DIRECTION__INACTIVE;
	q.session = m->session;
	q.n_leg = 1;
	q.leg = legs;
	err = ipc_request(p, IPC_IF_MEDIA, MEDIA__TYPE__MEDIA_LEG_UPDATE, &q.base,
	    &media__leg_updated__descriptor, REQUEST_MS, on_left, r);
	if (err)
		log_ev(LOG_DEBUG, "session not silenced", F_ERR(err),
		    F_U64("IPDECT_SESSION", m->session));
}
