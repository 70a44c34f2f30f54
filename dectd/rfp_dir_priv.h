#ifndef DECTD_RFP_DIR_PRIV_H
#define DECTD_RFP_DIR_PRIV_H
#include "dectd/rfp_dir.h"

/* Inside of the directory: rfp_dir.c (admission, links), rfp_air.c (synchronisation, media, the MAC's lower side). */
struct dir_link { /* beside each rfp_link */
	struct list node;
	struct rfp_dir *dir;
	struct rfp_link *link;
	struct rfp_base *base; /* known from SYS_INIT on */
	const struct rfp_wire *wire;
	void *wctx;
	uint8_t ip4[4];
	uint32_t ticket; /* certd is being asked */
	enum rfp_key_op op;
	bool ended;
};
struct cluster {
	struct list node;
	uint32_t id;
	struct sync_graph g;
};
struct dir_result { /* outcome of a media request, on its way to the MAC */
	struct list node;
	struct rfp_dir *dir;
	struct tmr tmr;
	uint32_t base, ticket;
	uint16_t handle;
	int err;
};
#define DIR_NEAR 1024u
struct rfp_dir {
	struct tmr_wheel *w;
	struct basedb *db;
	struct rfp_dir_conf conf;
	const struct rfp_dir_ops *ops;
	void *ctx;
	struct mac *mac;
	struct list bases, links, clusters, results;
	struct rfp_base *found[DIR_NEAR]; /* by the low bits of the number */
	uint32_t tickets;
	bool rights; /* access rights requests are allowed now */
};
extern const struct mac_low rfp_dir_low;
/* rfp_dir.c, for rfp_dir_admin.c: a base of this record; a number for a question to certd; taken out of all tables, before it is freed;
 * which capabilities it is sent. */
struct rfp_base *rfp_dir_base_new(struct rfp_dir *d, const struct base_rec *r);
uint32_t rfp_dir_ticket(struct rfp_dir *d);
void rfp_dir_unlink_base(struct rfp_base *b);
uint16_t rfp_dir_caps_of(const struct rfp_base *b);

void rfp_dir_caps(struct rfp_dir *d);
void rfp_dir_results_free(struct rfp_dir *d);
void rfp_dir_sync_heard(struct rfp_base *b, const struct sync_neighbour *nb, unsigned n);
void rfp_dir_sync_decide(struct rfp_base *b);
void rfp_dir_sync_air(struct rfp_base *b, bool up);
const char *rfp_dir_sync_trouble(const struct rfp_base *b);
void rfp_dir_media_input(struct rfp_base *b, const struct rfp_msg *m);
#endif
