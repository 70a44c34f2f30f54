#ifndef SIPD_DECT_H
#define SIPD_DECT_H
#include "ipc/daemon.h"
#include "sipd/call.h"

/* The call interface: sipd's side of the link to dectd, and the handset legs. */
ipc_handler_h dect_on_device, dect_on_setup, dect_on_digits, dect_on_alerting, dect_on_answer,
    dect_on_release, dect_on_hold, dect_on_retrieve, dect_on_transfer, dect_on_conference,
    dect_on_radio, dect_on_log_get, dect_on_log_clear, dect_on_forward_set, dect_on_presence_set,
    dect_on_dir_search, dect_on_server_info, dect_on_device_assign, dect_on_living;
/* The link to the same dectd broke and is back: which calls it still has is open until it says so. */
void dect_doubt(struct sipd *s);
/* dectd came. It went: its calls end. */
void dect_up(struct sipd *s, struct ipc_peer *p, bool restarted);
void dect_down(struct sipd *s, struct ipc_peer *p);
struct feed_def;
extern const struct feed_def dect_feed; /* users, their messages waiting and missed calls */
/* A text for the display. ERR_LOST: dectd is away; ERR_BUSY: it has too much to read. */
int dect_text(
    struct sipd *s, const struct user *u, struct slice text, struct slice from) MUST_CHECK;
/* Handed on from presenced: the body as it came. */
void dect_presence(struct sipd *s, const ProtobufCMessage *body);
#endif
