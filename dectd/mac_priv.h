#ifndef DECTD_MAC_PRIV_H
#define DECTD_MAC_PRIV_H
#include "common/list.h"
#include "dectd/mac.h"

/* Inside the MAC's bookkeeping: mac.c (connections, buffers, handover) and mac_media.c (the stream of a connection). */

#define BASES_MAX  4096
#define BASES_NEAR 1024u

struct mac_conn {
	struct list node; /* mac.conns */
	struct mac *mac;
	void *user;
	uint32_t id, base, pmid, pmid2; /* pmid2: after a TPUI was assigned; MAC_ALL: none */
	uint8_t mcei, room;             /* room: a bit per free buffer */
	bool ciphered, ho, media_moving, media;
	uint8_t ho_mcei;
	uint32_t ho_base;
	struct tmr ho_timer;
	size_t ndck;
	uint8_t dck[MAC_DCK_MAX];
	uint16_t handle;
	unsigned media_tries; /* ports that the base refused */
	struct mac_media media_p;
	uint16_t old_handles[2]; /* streams that were closed: their statistics still come */
	uint32_t old_bases[2];
};

struct base {
	uint32_t id, cluster;
	struct mac_conn *conns[256]; /* by MCEI */
};

struct mac {
	struct tmr_wheel *w;
	const struct mac_low *low;
	void *low_ctx;
	const struct mac_ops *ops;
	void *ctx;
	struct base *bases[BASES_MAX]; /* dense, those on air */
	unsigned nbases;
	struct base *found
	    [BASES_NEAR]; /* by the low bits of the number: where each message's base is looked up first */
	struct list conns;
	uint32_t next_id;
};

/* Closes the stream, if one is open; mediad is told nothing. */
void mac_media_stop(struct mac_conn *c);
/* Opens media_p where the connection is now; handle is the new one. */
int mac_media_start(struct mac_conn *c, struct mac_addr *local) MUST_CHECK;
#endif
