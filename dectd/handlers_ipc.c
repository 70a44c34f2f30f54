/* What other daemons send to dectd: the table of the call and cert interfaces. */
#include "call.pb-c.h"
#include "cert.pb-c.h"
#include "common/mem.h"
#include "dectd/call_ipc.h"
#include "dectd/dectd.h"

#define CALL(type, kind, max, desc, fn)                                                            \
	{                                                                                          \
		IPC_IF_CALL, CALL__TYPE__CALL_##type, kind, 0, max, IPC_SIPD, &desc##__descriptor, \
		    fn                                                                             \
	}

static int on_cert_changed(struct ipc_peer *p, struct ipc_msg *m)
{
	(void)p;
	(void)m;
	return 0; /* keys are asked for when they are needed */
}

const struct ipc_handler dectd_handlers[] = {
	CALL(USER_PUT, IPC_EVT, 2048, base__user, dev_on_user_put),
	CALL(USER_GONE, IPC_EVT, 128, call__user_gone, dev_on_user_gone),
	CALL(USERS_DONE, IPC_EVT, 32, call__users_done, dev_on_users_done),
	CALL(OFFER, IPC_REQ, 2048, call__offer, call_on_offer),
	CALL(PROGRESS, IPC_EVT, 1024, call__progress, call_on_progress),
	CALL(CONNECTED, IPC_EVT, 1024, call__connected, call_on_connected),
	CALL(RELEASE, IPC_EVT, 256, call__release, call_on_release),
	CALL(DISPLAY, IPC_EVT, 1024, call__display, call_on_display),
	CALL(MEDIA, IPC_EVT, 256, call__media, call_on_media),
	CALL(NOTICE, IPC_EVT, 1024, call__notice, call_on_notice),
	CALL(PRESENCE, IPC_EVT, 1024, call__presence, call_on_presence),
	{ IPC_IF_CERT, CERT__TYPE__CERT_CHANGED, IPC_EVT, 0, 256, IPC_CERTD,
	    &cert__changed__descriptor, on_cert_changed },
};
const size_t dectd_nhandlers = ARRAY_LEN(dectd_handlers);
