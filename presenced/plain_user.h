#ifndef PRESENCED_PLAIN_USER_H
#define PRESENCED_PLAIN_USER_H
#include <stdbool.h>
#include <stddef.h>

#include "presenced/pres_state.h"

/* A user's publications at a plain SIP presence server (RFC 3903): presence as PIDF, dialog for busy lamps. Made at the first
 * registration that is not one of Microsoft's dialect. */
struct puser;
struct plain_user;
struct Pres__Reg;
struct Pres__Calls;
void plain_user_reg(struct puser *u, const struct Pres__Reg *r);
void plain_user_calls(struct puser *u, const struct Pres__Calls *c);
void plain_user_view(struct puser *u, const struct pres_view *v);
void plain_user_note(struct puser *u);
void plain_user_down(struct puser *u); /* sipd is away */
void plain_user_free(struct puser *u);
bool plain_user_text(
    const struct puser *u, char *out, size_t cap); /* false: nothing is published */
#endif
