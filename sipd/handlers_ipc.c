/* What sipd serves and hears: the table of the call, pres and media interfaces. */
#include "call.pb-c.h"
#include "common/log.h"
#include "common/mem.h"
#include "media.pb-c.h"
#include "pres.pb-c.h"
#include "cert.pb-c.h"
#include "sipd/dect.h"
#include "sipd/media_ipc.h"
#include "sipd/pres.h"
#include "sipd/prov.h"
#include "sipd/reg.h"
#include "sipd/sipd.h"
#include "sipd/tls.h"

#define CALL(type, kind, max, desc, fn)                                                            \
	{                                                                                          \
		IPC_IF_CALL, CALL__TYPE__CALL_##type, kind, 0, max, IPC_DECTD,                     \
		    &call__##desc##__descriptor, fn                                                \
	}
#define PRES(type, kind, max, desc, fn)                                                            \
	{                                                                                          \
		IPC_IF_PRES, PRES__TYPE__PRES_##type, kind, 0, max, IPC_PRESENCED,                 \
		    &desc##__descriptor, fn                                                        \
	}

static int on_cert_changed(struct ipc_peer *p, struct ipc_msg *m)
{
	const Cert__Changed *c = IPC_BODY(m, Cert__Changed);

	if (c->what == CERT__WHAT__WHAT_IDENTITY || c->what == CERT__WHAT__WHAT_TRUST)
		tls_changed(sipd_of(daemon_of(p)));
	if (c->what == CERT__WHAT__WHAT_SECRET) {
		ice_servers_secret(sipd_of(daemon_of(p)));
		if (c->name)
			reg_secret_changed(sipd_of(daemon_of(p)), slice_str(c->name));
	}
	return 0;
}

const struct ipc_handler sipd_handlers[] = {
	CALL(DEVICE, IPC_EVT, 512, device, dect_on_device),
	CALL(DEVICE_ASSIGN, IPC_REQ, 256, device_assign, dect_on_device_assign),
	CALL(SETUP, IPC_REQ, 1024, setup, dect_on_setup),
	CALL(DIGITS, IPC_EVT, 128, digits, dect_on_digits),
	CALL(ALERTING, IPC_EVT, 64, alerting, dect_on_alerting),
	CALL(ANSWER, IPC_EVT, 128, answer, dect_on_answer),
	CALL(RELEASE, IPC_EVT, 256, release, dect_on_release),
	CALL(HOLD, IPC_REQ, 64, hold, dect_on_hold),
	CALL(RETRIEVE, IPC_REQ, 64, retrieve, dect_on_retrieve),
	CALL(TRANSFER, IPC_REQ, 512, transfer, dect_on_transfer),
	CALL(CONFERENCE, IPC_REQ, 64, conference, dect_on_conference),
	CALL(RADIO, IPC_EVT, 128, radio, dect_on_radio),
	CALL(LIVING, IPC_EVT, 32768, living, dect_on_living),
	CALL(LOG_GET, IPC_REQ, 256, log_get, dect_on_log_get),
	CALL(LOG_CLEAR, IPC_REQ, 256, log_clear, dect_on_log_clear),
	CALL(FORWARD_SET, IPC_REQ, 512, forward_set, dect_on_forward_set),
	CALL(PRESENCE_SET, IPC_REQ, 1024, presence_set, dect_on_presence_set),
	CALL(DIR_SEARCH, IPC_REQ, 256, dir_search, dect_on_dir_search),
	CALL(SERVER_INFO, IPC_REQ, 128, server_info, dect_on_server_info),
	PRES(STATE, IPC_EVT, 1024, call__presence, pres_on_state),
	PRES(SEND, IPC_REQ, IPC_MAX_BODY, pres__send, pres_on_send),
	PRES(SUBSCRIBE, IPC_REQ, IPC_MAX_BODY, pres__subscribe, pres_on_subscribe),
	PRES(UNSUBSCRIBE, IPC_REQ, 256, pres__unsubscribe, pres_on_unsubscribe),
	PRES(PROVISION, IPC_EVT, 32768, pres__provision, prov_on_provision),
	PRES(MWI, IPC_EVT, 1024, call__notice, pres_on_mwi),
	{ IPC_IF_MEDIA, MEDIA__TYPE__MEDIA_EVENT, IPC_EVT, 0, 8192, IPC_MEDIAD,
	    &media__event__descriptor, media_on_event },
	{ IPC_IF_MEDIA, MEDIA__TYPE__MEDIA_LOAD, IPC_EVT, 0, 64, IPC_MEDIAD,
	    &media__load__descriptor, media_on_load },
	{ IPC_IF_CERT, CERT__TYPE__CERT_CHANGED, IPC_EVT, 0, 256, IPC_CERTD,
	    &cert__changed__descriptor, on_cert_changed },
};
const size_t sipd_nhandlers = ARRAY_LEN(sipd_handlers);
