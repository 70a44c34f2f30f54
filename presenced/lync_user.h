#ifndef PRESENCED_LYNC_USER_H
#define PRESENCED_LYNC_USER_H
#include "presenced/pub_lync.h"

/* The Lync session of a user, made at its first registration with enhanced presence. */
struct puser;
struct lync_user;
struct Pres__Reg;
struct Pres__Notify;
void lync_user_reg(struct puser *u, const struct Pres__Reg *r);
void lync_user_notify(struct puser *u, const struct Pres__Notify *n);
void lync_user_view(struct puser *u, const struct pres_view *v);
enum pres_shown lync_user_own(
    const struct puser *u); /* as the server shows the user; SHOWN_UNKNOWN */
/* ERR_UNSUPP: not at a Lync server; ERR_DENIED: by its policy. */
int lync_user_route(struct puser *u, const struct lync_route *r) MUST_CHECK;
void lync_user_route_text(const struct puser *u, char *out, size_t cap);
void lync_user_note(struct puser *u);
void lync_user_down(struct puser *u); /* sipd is away */
void lync_user_free(struct puser *u);
bool lync_user_text(const struct puser *u, char *out, size_t cap); /* false: no session */
#endif
