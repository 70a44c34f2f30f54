#ifndef SIPD_PRES_H
#define SIPD_PRES_H
#include "ipc/daemon.h"
#include "sipd/sipd.h"

/* The pres interface: sipd's side of the link to presenced. */
ipc_handler_h pres_on_state, pres_on_mwi, pres_on_send, pres_on_subscribe, pres_on_unsubscribe;
struct feed_def;
extern const struct feed_def pres_feed; /* users, their registrations, calls and reach */
/* presenced's requests and subscriptions (pres_req_ipc.c) end with it, with the user, with us. */
void pres_reqs_down(struct sipd *s);
void pres_reqs_user_gone(struct sipd *s, const struct user *u);
void pres_reqs_free(struct sipd *s);
/* Asks the phone book for the name of a far end that says none. The call goes on meanwhile; the name follows to the
 * display of the other end. */
struct leg;
void pres_name(struct leg *l);
/* Hands a request of a handset on to presenced; the answer goes back by the ticket. ERR_LOST: presenced is away. */
int pres_relay(struct sipd *s, uint16_t type, const ProtobufCMessage *body,
    const ProtobufCMessageDescriptor *reply, struct ipc_ticket *t) MUST_CHECK;
#endif
