/* The call interface, first half: users from sipd, devices to sipd. */
#include <stdio.h>
#include <string.h>

#include "call.pb-c.h"
#include "common/log.h"
#include "common/mem.h"
#include "dectd/dectd.h"

#define BATCH    64 /* devices told at once: a link holds 256 frames */
#define BATCH_MS 2

static struct slice bytes(protobuf_c_boolean has, ProtobufCBinaryData b)
{
	return has ? (struct slice){ (const char *)b.data, b.len } : (struct slice){ 0 };
}

int dev_on_user_put(struct ipc_peer *p, struct ipc_msg *m)
{
	struct dectd *r = dectd_of(daemon_of(p));
	const Base__User *u = IPC_BODY(m, Base__User);
	struct pp_user_in in = {
		.name = slice_str(u->name),
		.domain = slice_str(u->domain),
		.display_name = bytes(u->has_display_name, u->display_name),
		.standby_text = bytes(u->has_standby_text, u->standby_text),
		.group = slice_str(u->group),
		.number = slice_str(u->number),
		.locale = slice_str(u->locale),
		.ipei = slice_str(u->ipei),
		.disabled = u->has_disabled && u->disabled,
		.has_access_code = u->has_has_access_code && u->has_access_code,
	};

	if (!in.name.n || in.name.n > 64)
		return ERR_VALUE;
	(void)pp_user_put(r->pps, &in);
	return 0;
}

int dev_on_user_gone(struct ipc_peer *p, struct ipc_msg *m)
{
	pp_user_gone(dectd_of(daemon_of(p))->pps, slice_str(IPC_BODY(m, Call__UserGone)->name));
	return 0;
}

int dev_on_users_done(struct ipc_peer *p, struct ipc_msg *m)
{
	(void)m;
	pp_users_done(dectd_of(daemon_of(p))->pps);
	return 0;
}

static void tell(struct dectd *r, const struct pp *pp, bool gone)
{
	Call__Device d = CALL__DEVICE__INIT;
	char rfp[13];

	if (!r->sipd || !pp->ipei[0])
		return;
	dectd_base_text(r, pp->base, rfp);
	d.ipei = (char *)(uintptr_t)pp->ipei;
	d.user = pp->user ? pp->user->name : NULL;
	d.subscribed = pp->subscribed && !gone;
	d.reachable = pp_reachable(pp) && !gone;
	d.rfp = *rfp ? rfp : NULL;
	d.model = pp->model[0] ? (char *)(uintptr_t)pp->model : NULL;
	d.has_wideband = 1;
	d.wideband = ie_tc_wideband(&pp->caps.tc);
	d.has_gone = gone;
	d.gone = gone;
	(void)ipc_event(r->sipd, IPC_IF_CALL, CALL__TYPE__CALL_DEVICE, &d.base);
}

static void on_tell(struct tmr *t, void *ctx)
{
	struct dectd *r = ctx;
	unsigned n = 0;

	while (!list_empty(&r->tell) && n++ < BATCH && ipc_waiting(r->sipd) < IPC_QUEUE_BUSY) {
		struct pp *pp = LIST_ENTRY(r->tell.next, struct pp, tell);

		list_remove(&pp->tell);
		tell(r, pp, false);
	}
	if (!list_empty(&r->tell))
		tmr_start(t, BATCH_MS);
}

static void tell_soon(struct dectd *r, struct pp *pp)
{
	if (!r->sipd || !list_empty(&pp->tell))
		return;
	list_append(&r->tell, &pp->tell);
	if (!tmr_pending(&r->tell_next))
		tmr_start(&r->tell_next, 0);
}

void dev_init(struct dectd *r)
{
	list_init(&r->tell);
	tmr_init(&r->tell_next, r->d->wheel, on_tell, r);
}

void dev_down(struct dectd *r)
{
	while (!list_empty(&r->tell))
		list_remove(r->tell.next);
	tmr_stop(&r->tell_next);
}

void dev_up(struct dectd *r, bool restarted)
{
	(void)restarted;
	dev_down(r);
	pp_users_begin(r->pps);
	LIST_FOREACH(pps_list(r->pps), it)
	tell_soon(r, LIST_ENTRY(it, struct pp, node));
}

void dev_changed(struct dectd *r, struct pp *pp, unsigned what)
{
	if (what & PP_C_GONE) {
		list_remove(&pp->tell);
		tell(r, pp, true);
	} else if (what & (PP_C_NEW | PP_C_SUBSCRIPTION | PP_C_REACH | PP_C_USER | PP_C_CAPS)) {
		tell_soon(r, pp);
	}
}
