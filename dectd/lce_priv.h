#ifndef DECTD_LCE_PRIV_H
#define DECTD_LCE_PRIV_H
#include "common/fsm.h"
#include "common/list.h"
#include "common/map.h"
#include "dectd/lce.h"

/* Shared by lce.c (links, entities), lce_who.c (who is behind them), lce_link.c (what entities ask of one) and lce_page.c (paging,
 * ringing). */

enum {
	S_WAIT,   /* to be paged when the former link is gone */
	S_PAGING, /* LCE.03 */
	S_NEW,    /* set up by a portable part that did not tell who it is: LCE.05 */
	S_UP,
	S_OVER,      /* its call ended */
	S_LINGER,    /* nobody holds it: LCE.02 */
	S_RELEASING, /* LCE.01 */
	S_DOWN,
	S_NSTATES
};

enum {
	E_PAGE,    /* the former link is gone */
	E_BOUND,   /* the portable part is there and known */
	E_HELD,    /* somebody needs the link */
	E_FREE,    /* nobody needs it: partial release */
	E_DONE,    /* nobody needs it: normal release */
	E_OVER,    /* the same after a call: not at once */
	E_TRAFFIC, /* a message, either way */
	E_GONE,    /* the data link is released */
	E_ABORT,
	E_TIMER,
	E_N
};

struct lce_queued {
	struct list node;
	size_t n;
	uint8_t data[];
};

struct lce_link {
	struct fsm fsm;
	struct list node;      /* lce.links */
	struct list rel;       /* lce.releasing */
	struct map_node by_id; /* lce.by_ipui: pending or up, with identity */
	struct lce *e;
	struct dlc_link *dl; /* NULL: paging, or gone */
	struct ipui ipui;
	uint32_t id;
	enum lce_page page;
	unsigned pages; /* sent */
	bool announced; /* entities know it */
	bool answered, proven;
	bool silent; /* a page without U-plane was sent: the answer may be to that one */
	bool second; /* external handover: not (or no more) the link that lce_find() gives */
	enum lce_why why;
	uint8_t tvs[NWK_NPD];
	unsigned holds[NWK_NPD];
	void *users[NWK_NPD];
	struct tmr t, soon;
	unsigned queued;
	struct list queue;
};

#define LCE_GROUPS 8
struct lce_group {
	struct lce *e;
	unsigned handle; /* 0: free */
	uint32_t cluster;
	uint8_t page[3];
	struct tmr t;
	uint64_t until;
};

struct lce {
	struct tmr_wheel *w;
	struct mac *mac;
	struct dlc *dlc;
	struct lce_conf conf;
	const struct lce_entity *ents[NWK_NPD];
	void *ent_ctx[NWK_NPD];
	const struct lce_dir *dir;
	void *dir_ctx;
	const struct lce_watch *watch;
	void *watch_ctx;
	struct list links, releasing;
	struct map by_ipui;
	uint32_t next_id;
	bool closing;
	bool local; /* in a call of an entity: LCE_EV_DOWN later */
	unsigned next_group;
	struct lce_group groups[LCE_GROUPS];
	struct lce_stats st;
};

extern const struct fsm_def lce_def;
/* lce_who.c: the portable part is there and known: what waits goes out. */
void lce_link_up(struct lce_link *l);
/* The link to which the message belongs: l, the one that was paged, or NULL. */
struct lce_link *lce_identify(struct lce_link *l, const struct nwk_msg *m);
/* Its second link that is up; NULL: none. */
struct lce_link *lce_second_of(struct lce *e, const struct ipui *pp);
/* To the entity of its protocol discriminator. */
void lce_route(struct lce_link *l, const struct nwk_msg *m);
/* lce.c. An event from an entity: what it causes is told later, from the loop. */
enum lce_why lce_why_of(enum dlc_why why);
void lce_local_event(struct lce_link *l, uint8_t ev);
bool lce_is_held(const struct lce_link *l);
void lce_trace_msg(struct lce_link *l, enum nwk_dir dir, const void *msg, size_t n);
void lce_tell(struct lce_link *l, const struct lce_event *ev);
void lce_free_link(struct lce_link *l);
/* Sends what waited for the link. */
void lce_flush(struct lce_link *l);
/* Sends the next page of l; false: that was the last one. */
bool lce_page_next(struct lce_link *l);
void lce_group_init(struct lce *e);
void lce_group_fini(struct lce *e);
/* What where() says; ERR_NOTFOUND. */
int lce_where_of(struct lce *e, const struct ipui *pp, struct lce_where *out) MUST_CHECK;
#endif
