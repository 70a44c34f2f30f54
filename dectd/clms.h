#ifndef DECTD_CLMS_H
#define DECTD_CLMS_H
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"
#include "common/tmr.h"
#include "dectd/lce.h"

/* Connectionless message service, variable messages (EN 300 175-5 12, 12.5): short texts to and from portable parts in
 * CLMS-VARIABLE, over a link (SAPI 0): class U over C_F does not exist on the base stations' link. Texts of more than 44
 * characters go in segments, at most four (176 characters).
 *
 * PP: the coding octet of Alphanumeric (8-bit characters, standard set) is as in 7.7.3; no handset was seen that uses it. */
#define CLMS_TEXT_MAX 176

struct clms;

/* A text came; borrowed. */
typedef void(clms_text_h)(void *ctx, struct lce_link *l, struct slice text);
/* 0: every segment is acknowledged; ERR_TIMEOUT: not reachable; ERR_LOST. Once for each clms_send that returned 0. */
typedef void(clms_sent_h)(void *ctx, int err);

/* Registers itself for NWK_CLMS. on_text may be NULL. */
struct clms *clms_new(struct tmr_wheel *w, struct lce *lce, clms_text_h *on_text, void *ctx);
void clms_free(struct clms *c); /* after lce_free: what was being sent has failed by then */
/* Characters of the DECT set (ui_text_dect). ERR_LIMIT: none, or more than CLMS_TEXT_MAX; else as lce_open, lce_send. */
int clms_send(struct clms *c, const struct ipui *pp, struct slice text, clms_sent_h *sent,
    void *ctx) MUST_CHECK;

struct clms_stats {
	uint64_t sent, failed, received, bad;
};
const struct clms_stats *clms_stats(const struct clms *c);
#endif
