#ifndef PRESENCED_WATCHER_H
#define PRESENCED_WATCHER_H
#include "presenced/watch.h"

/* Whom a user watches, by way of sipd. Our own users are known without asking anybody. */
struct puser;
struct presenced;
struct watcher;
struct Pres__Reg;
struct Pres__Notify;
#define WATCHER_PAGE_MS 80u /* a handset's page waits no longer for states */

void watcher_reg(struct puser *u, const struct Pres__Reg *r);
void watcher_notify(struct puser *u, const struct Pres__Notify *n);
void watcher_down(struct puser *u); /* sipd is away */
void watcher_free(struct puser *u);
/* u is shown these people: fn is called once, from here or within ms, when all is known or the time is over; fn NULL: nobody
 * waits. u NULL: at once. */
typedef void(watcher_done_h)(void *ctx);
void watcher_look(struct puser *u, const struct slice *uri, unsigned n, uint32_t ms,
    watcher_done_h *fn, void *ctx);
/* SHOWN_UNKNOWN: not known (yet). u may be NULL. */
enum pres_shown watcher_state(struct presenced *p, const struct puser *u, struct slice uri);
void watcher_each(
    const struct puser *u, void (*fn)(void *ctx, const char *uri, enum pres_shown s), void *ctx);
#endif
