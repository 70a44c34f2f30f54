#ifndef DECTD_MAC_PRIV_H
#define DECTD_MAC_PRIV_H
#include "common/list.h"
#include "dectd/mac.h"
#include "dectd/rfp_msg.h"

/* Inside the MAC's bookkeeping: mac.c (connections, buffers, handover), mac_media.c (the stream of a connection), mac_early.c
 * (default cipher keys). */

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
	/* Default cipher key: known to the base, in use; nothing is sent meanwhile. dck has it until mac_encrypt() gives another. */
	bool def_given, def_used, def_waits;
	bool has_dck; /* mac_encrypt() gave one */
	uint16_t def_index;
	uint32_t def_owner;
	struct tmr def_timer;
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
	const struct mac_keys *keys;
	void *keys_ctx;
	bool early_told; /* a question that is not understood was logged */
};

struct base *mac_base_of(struct mac *m, uint32_t id);
int mac_send_dnm(struct mac *m, uint32_t base, const struct rfp_msg *msg) MUST_CHECK;

/* Closes the stream, if one is open; mediad is told nothing. */
void mac_media_stop(struct mac_conn *c);
/* Opens media_p where the connection is now; handle is the new one. */
int mac_media_start(struct mac_conn *c, struct mac_addr *local) MUST_CHECK;
/* mac_early.c */
void mac_early_init(struct mac_conn *c);
int mac_early_ask(struct mac *m, struct base *b, const struct rfp_msg *in);
/* What the base's report means for this connection: *how as it was read. ERR_STATE: ciphered with a key that nobody gave. */
int mac_early_eks(struct mac_conn *c, enum mac_cipher *how);
#endif
