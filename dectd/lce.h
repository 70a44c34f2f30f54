#ifndef DECTD_LCE_H
#define DECTD_LCE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tmr.h"
#include "common/wr.h"
#include "dectd/dlc.h"
#include "dectd/ipui.h"
#include "dectd/mac.h"
#include "dectd/nwk_msg.h"

/* Link control entity (EN 300 175-5 14): the way from the entities above (MM, CC, CISS, CLMS, COMS) to a portable part.
 * It pages, accepts what portable parts set up, finds out who they are, queues, routes messages by protocol
 * discriminator and lets links go when nobody needs them.
 *
 * A struct lce_link stands for one portable part from the first wish to reach it (lce_open), or from its first message,
 * until LCE_EV_DOWN was delivered to every entity. One thread; upcalls come from the event loop, never from inside a
 * lce_ call of an entity. Inside an upcall every lce_ function may be called.
 *
 * Who needs a link holds it, per protocol discriminator: lce_open() and lce_hold() count up, lce_drop() counts down. A
 * link that nobody holds stays for LCE.02 after the last message or hold, so that short exchanges need no hold at all. */
struct lce;
struct lce_link;

#define LCE_QUEUE_MAX 16 /* messages waiting for a page to be answered */

enum lce_state {
	LCE_PENDING,   /* being paged, or waiting for the release of its former link */
	LCE_UP,        /* messages flow */
	LCE_RELEASING, /* lce_send() is refused; lce_open() gives a new link */
};

/* What the page asks for (8.2.1). */
enum lce_page {
	LCE_PAGE_SIGNAL, /* header 000: MM, CISS, CLSS: no speech */
	LCE_PAGE_VOICE,  /* header 100, full slot */
	LCE_PAGE_WIDE,   /* header 100, full format, long slot j=640 */
};

enum lce_why {               /* a link went down */
	LCE_WHY_NORMAL,      /* either side was done */
	LCE_WHY_UNREACHABLE, /* N300 pages without an answer */
	LCE_WHY_RADIO,       /* contact lost: not reachable now */
	LCE_WHY_BASE,        /* the base station is gone */
	LCE_WHY_PROTOCOL,    /* the portable part misbehaved, or did not answer */
	LCE_WHY_REPLACED,    /* the same portable part came in by another connection */
	LCE_WHY_LOCAL,       /* lce_abort(), or dectd ends */
	LCE_WHY_UNKNOWN_PP,  /* no such portable part: where() said so */
};
const char *lce_why_name(enum lce_why why);

enum lce_ev {
	LCE_EV_UP, /* reached: identity is known, queued messages were sent. Before the first rx */
	LCE_EV_DOWN,  /* why is set; last use of the link. Holds need not be dropped */
	LCE_EV_RESET, /* the data link was set up again: what was not acknowledged is lost (18.2) */
	LCE_EV_CIPHER,          /* how, key are set */
	LCE_EV_MOVED,           /* handover between bases: base is the old one */
	LCE_EV_HANDOVER_FAILED, /* base is the one that did not get it */
	LCE_EV_MEDIA,           /* media is set, borrowed */
	LCE_EV_IDLE,            /* all that was sent is acknowledged */
};
struct lce_event {
	enum lce_ev what;
	enum lce_why why;
	enum mac_cipher how;
	unsigned key;
	uint32_t base;
	const struct mac_media_ind *media;
};

/* One per protocol discriminator. */
struct lce_entity {
	/* A message of this entity, parsed but not checked against its rule table (nwk_check); borrowed. MM also gets
	 * messages of links whose portable part is not known yet (lce_ipui is none, no LCE_EV_UP came): an unknown TPUI.
	 * It may reject or ask for the identity; what names the portable part binds the link. */
	void (*rx)(void *ctx, struct lce_link *l, const struct nwk_msg *m);
	/* May be NULL. Every link's events, whether held or not. */
	void (*event)(void *ctx, struct lce_link *l, const struct lce_event *ev);
};

/* What the mobility management knows and the link control needs; MM registers it. */
struct lce_where {
	bool assigned; /* tpui is an assigned individual TPUI; else pages go to the default one */
	bool
	    doubt; /* … but it may not know it: the default one is paged first, then both in turn */
	uint32_t tpui;
	uint32_t base;    /* last seen at; MAC_ALL: not known */
	uint32_t cluster; /* paging area; MAC_ALL: everywhere */
};
struct lce_dir {
	/* 0; ERR_NOTFOUND: no such portable part, don't page. */
	int (*where)(void *ctx, const struct ipui *pp, struct lce_where *out);
	/* Who has this assigned TPUI: 0; ERR_NOTFOUND. */
	int (*by_tpui)(void *ctx, uint32_t tpui, struct ipui *out);
	/* The first message of a link names this portable part: whether it can be the one (a connection that ciphers already has
	 * a key that is somebody's). May have answered the message when it is false. NULL: any. */
	bool (*may_be)(
	    void *ctx, struct lce_link *l, const struct ipui *pp, const struct nwk_msg *m);
};

/* What concerns no link: for the daemon. Any may be NULL. */
struct lce_watch {
	void (*base_ind)(void *ctx, uint32_t base, bool up);
	void (*page_overflow)(void *ctx, uint32_t base);
	void (*info_ind)(void *ctx, uint32_t base, uint32_t pmid, const char *text);
	/* An inter-base handover is asked for: 0 lets it. NULL: all are let. */
	int (*handover_ask)(void *ctx, struct lce_link *l, uint32_t base);
	/* Every message, sent (NWK_TO_PP) or received, for traces. l may be without an identity. */
	void (*trace)(
	    void *ctx, struct lce_link *l, enum nwk_dir dir, const uint8_t *msg, size_t n);
};

struct lce_conf {
	uint32_t lce01, lce02, lce03, lce05; /* ms, annex A */
	unsigned n300;                       /* pages after the first */
	bool
	    page_last_first; /* the first page only where it was seen last: less traffic, 3 s more after a move */
	uint32_t group_ring; /* ms: the longest collective ringing, 120 s in the portable part */
};
extern const struct lce_conf lce_conf_default;

#define LCE_STATS(X)                                                                               \
	X(links_in, "links set up by portable parts")                                              \
	X(links_out, "links wanted by us")                                                         \
	X(pages, "pages, of all kinds")                                                            \
	X(page_answers, "pages answered")                                                          \
	X(page_failed, "portable parts that did not answer")                                       \
	X(page_rejects, "page responses rejected")                                                 \
	X(rx, "messages received")                                                                 \
	X(tx, "messages sent")                                                                     \
	X(tx_odd, "messages sent against their rule table")                                        \
	X(rx_bad, "messages without header, entity or identity: ignored")                          \
	X(foreign_ident, "messages with another identity than the link's: dropped")                \
	X(foreign_key, "links refused: ciphered with another portable part's key")                 \
	X(clash, "links refused: another connection claims the same identity")                     \
	X(collisions, "portable parts that came by themselves while being paged")                  \
	X(down_normal, "links released normally")                                                  \
	X(down_abnormal, "links lost")                                                             \
	X(moved, "handovers")                                                                      \
	X(seconds, "second links, for external handover")
struct lce_stats {
#define X(name, text) uint64_t name;
	LCE_STATS(X)
#undef X
};

/* Makes the data link control over mac, too. Either conf may be NULL. */
struct lce *lce_new(struct tmr_wheel *w, struct mac *mac, const struct lce_conf *conf,
    const struct dlc_conf *dconf);
/* Before mac_free. Links go down with LCE_WHY_LOCAL. */
void lce_free(struct lce *e);
void lce_register(struct lce *e, uint8_t pd, const struct lce_entity *ent, void *ctx);
void lce_set_dir(struct lce *e, const struct lce_dir *dir, void *ctx);
void lce_set_watch(struct lce *e, const struct lce_watch *watch, void *ctx);
const struct lce_stats *lce_stats(const struct lce *e);
const struct dlc_stats *lce_dlc_stats(const struct lce *e);
struct mac *lce_mac(const struct lce *e);

/* ---- links ---- */

/* The link to a portable part: the one there is, or a new one that is paged now. Holds it for pd. LCE_EV_UP or
 * LCE_EV_DOWN follows for a new one; an existing one may be up already. ERR_NOTFOUND: where() does not know it; ERR_LOST:
 * no base station is on air. */
int lce_open(struct lce *e, const struct ipui *pp, enum lce_page page, uint8_t pd,
    struct lce_link **out) MUST_CHECK;
/* The link there is, LCE_PENDING or LCE_UP; NULL: none. */
struct lce_link *lce_find(const struct lce *e, const struct ipui *pp);
/* All links, releasing ones too: next after prev (NULL: the first). */
struct lce_link *lce_next(const struct lce *e, const struct lce_link *prev);

void lce_hold(struct lce_link *l, uint8_t pd);
/* No link required (NLR): partial: the last one leaves it up for LCE.02 ("partial release"); else it is released as soon
 * as nobody else holds it and all was sent. While paged: paging ends with the last hold, LCE_EV_DOWN follows. */
void lce_drop(struct lce_link *l, uint8_t pd, bool partial);

/* Sends a message, or queues it while the portable part is paged; w holds the whole message, it is copied. w->bad gives
 * ERR_LIMIT: one check for building and sending. ERR_BUSY: queue full; ERR_STATE: releasing. */
int lce_send(struct lce_link *l, const struct wr *w) MUST_CHECK;
/* Releases it whoever holds it; normal: what was sent is acknowledged first. LCE_EV_DOWN follows. */
void lce_release(struct lce_link *l, bool normal);

enum lce_state lce_state(const struct lce_link *l);
const struct ipui *lce_ipui(const struct lce_link *l);
/* Another identity for the same portable part, from now on (access rights accept may assign one). ERR_EXISTS: another
 * link has it. */
int lce_rebind(struct lce_link *l, const struct ipui *pp) MUST_CHECK;
/* MM: the portable part proved who it is: no unproven connection may take its place. */
void lce_set_proven(struct lce_link *l);
bool lce_proven(const struct lce_link *l);
/* MM: a TPUI was assigned and acknowledged: it will come with this PMID. */
void lce_set_tpui(struct lce_link *l, uint32_t tpui);
bool lce_answered_page(const struct lce_link *l); /* it came because we paged */
/* It came by itself, or answered a page that asked for speech: a call can use it. After a page without U-plane (header
 * 000) the connection is for signalling only (8.2.1): a call needs another. */
bool lce_may_speak(const struct lce_link *l);
bool lce_ciphered(const struct lce_link *l);
/* External handover (15.7): a portable part in a call sets up another link whose first message is CC-SETUP of call class C.
 * That one is a second link, and lce_find() goes on giving the first until lce_take_over(), which makes the first one the
 * second. When the first one goes down before, the second takes its place by itself. Second links are not held by
 * themselves. */
bool lce_second(const struct lce_link *l);
void lce_take_over(struct lce_link *l);
/* Connection of a link that is up or releasing, for media and cipher keys (mac_media_open, mac_encrypt); NULL: none. Not
 * for mac_release, mac_send, mac_set_user. */
struct mac_conn *lce_conn(const struct lce_link *l);
uint32_t lce_base(const struct lce_link *l); /* where it is; MAC_ALL: nowhere */
enum dlc_class lce_class(const struct lce_link *l);
uint32_t lce_link_id(const struct lce_link *l); /* unique while the process runs */
struct lce *lce_of(const struct lce_link *l);

/* An entity's own object of this link, per protocol discriminator; NULL at first. */
void lce_set_user(struct lce_link *l, uint8_t pd, void *user);
void *lce_user(const struct lce_link *l, uint8_t pd);

/* Transaction values for transactions that we start (f = false in what we send): 0 … 6 for CC and COMS, 0 … 5 for CISS
 * (6 is the connectionless one), 0 for MM and CLMS. -1: none is free. */
int lce_tv_new(struct lce_link *l, uint8_t pd);
void lce_tv_free(struct lce_link *l, uint8_t pd, uint8_t tv);

/* ---- ringing without links (14.4) ---- */

#define LCE_GROUP_ALL 0x0fffu /* the collective broadcast identifier */
/* Rings a group of portable parts (connectionless group TPUI: 12 bits; mask: all whose group TPUI has these bits) with
 * alerting pattern 0 … 7 or 8 (continuous). It is repeated every LCE.03, until lce_group_stop or conf.group_ring. Returns
 * a handle, or 0: too many at once. */
unsigned lce_group_ring(
    struct lce *e, uint32_t cluster, uint8_t pattern, uint16_t group, bool mask);
void lce_group_stop(struct lce *e, unsigned handle, bool answered);

/* The page itself, pure: 3 or 5 octets. */
size_t lce_page_build(
    enum lce_page page, const struct lce_where *where, const struct ipui *pp, uint8_t out[5]);
#endif
