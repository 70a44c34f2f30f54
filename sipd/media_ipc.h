#ifndef SIPD_MEDIA_IPC_H
#define SIPD_MEDIA_IPC_H
#include "ipc/daemon.h"
#include "sipd/media.h"

/* Handlers of the media interface, for sipd's table. */
ipc_handler_h media_on_load, media_on_event;
struct media_pool *media_pool_of(struct daemon *d);
#endif
