#ifndef DECTD_MAC_H
#define DECTD_MAC_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tmr.h"
#include "dectd/rfp_early.h"

/* The MAC layer as the data link control sees it: the seam between the base-station side (rfp_*, below) and the
 * DECT stack (DLC, LCE, MM, CC, above). Below, one struct mac_low sends layer-2 payloads to a base; above, one
 * struct mac_ops receives what happened. mac.c itself is pure bookkeeping over both, so that tests drive the stack
 * with a struct mac_low of their own and octets of their own.
 *
 * Rules for both sides:
 *  - One thread. Upcalls come from the event loop or from mac_input(), never from inside a mac_ call made by the
 *    upper side, but for mac_base_down() and mac_free(), which report dis_ind of every connection concerned.
 *  - A struct mac_conn is one connection of one portable part, wherever it is: an inter-base handover changes its
 *    base and MCEI and keeps the pointer. It lives from conn_ind to the return of dis_ind, or to the return of
 *    mac_release(); afterwards it must not be touched.
 *  - Frames are whole LAPC frames of format FA (EN 300 175-4 7): address, control, length, information. Upwards the
 *    fill octets (F0) of the air are still there: the length field says what counts. Downwards there is neither fill
 *    nor checksum: the radio adds both (rfp-link 8.1).
 *  - Connectionless service (SAPI 3, class U over C_F) does not exist on this link: everything is sent over
 *    connections, or in a page. */

#define MAC_FRAME_MAX 68 /* octets of a LAPC frame with fill */
#define MAC_INFO_MAX  63 /* of them information */
#define MAC_PMID_MASK 0x0fffffu
#define MAC_BUFFERS   2          /* transmit buffers of a connection */
#define MAC_ALL       UINT32_MAX /* every base, every cluster */
#define MAC_DCK_MAX   16

struct mac;
struct mac_conn;

enum mac_reason {         /* why a connection ended */
	MAC_R_NORMAL = 0, /* the radio's normal release, or both sides were done */
	MAC_R_ABNORMAL,   /* radio contact lost */
	MAC_R_UNSPECIFIED,
	MAC_R_BASE_LOST, /* the link to the base broke */
	MAC_R_STALE,     /* the base gave its connection number to a new connection */
};

enum mac_cipher {
	MAC_CLEAR = 0,
	MAC_CIPHERED, /* with the DCK of mac_encrypt() */
	MAC_CIPHERED_DEF, /* with a default cipher key: index in the event, 0 where the base did not ask for it */
};

/* Speech of a connection: between the base station and mediad. */
enum mac_codec { MAC_PCMA = 0, MAC_PCMU = 4, MAC_G729 = 3 };

struct mac_addr {
	uint8_t ip[4]; /* network order: the link carries IPv4 only */
	uint16_t port; /* host order */
};

struct mac_media {
	unsigned instance; /* mediad@N … */
	uint64_t
	    session; /* … and its session there; 0: nobody to tell, the far end learns the source by itself */
	struct mac_addr far; /* mediad's RTP address of the radio leg; RTCP is one port higher */
	struct {
		uint8_t codec; /* enum mac_codec */
		uint8_t pt;    /* RTP payload type */
	} codecs[4];           /* in order of preference */
	unsigned ncodecs;
	unsigned ptime_ms; /* 20 */
	uint8_t dtmf_pt;   /* telephone-event; 0: none */
};

struct mac_media_stats { /* of the base, at the end of a stream */
	uint32_t seconds, tx_packets, tx_octets, rx_packets, rx_octets, lost, jitter_us;
};

enum mac_media_event {
	MAC_MEDIA_OPENED, /* asked for, and mediad knows the base's address */
	MAC_MEDIA_MOVED,  /* now at another base after a handover */
	MAC_MEDIA_FAILED, /* err: ERR_BUSY no channel, ERR_UNSUPP codec, ERR_STATE, ERR_VALUE; the stream is closed */
	MAC_MEDIA_STATS, /* the base's own count; stats is set. After close too, while the connection lives */
};

struct mac_media_ind {
	enum mac_media_event what;
	int err;
	const struct mac_media_stats *stats; /* borrowed */
};

struct mac_base_info {
	uint32_t id;
	uint8_t mac[6];
	uint8_t rfpi[5];
	uint8_t rpn;
	uint32_t cluster; /* paging area = cluster; handover needs the same one */
	bool up;          /* on air */
	bool ciphers;     /* generation 3 and later */
	unsigned conns, streams, streams_max;
	char name[48];
};

/* What the upper side gets. ctx is the one of mac_new(). None may be NULL. */
struct mac_ops {
	/* A portable part set up a connection. No frame can be sent until ready_ind. */
	void (*conn_ind)(void *ctx, struct mac_conn *c);
	/* A frame from it, 3 … MAC_FRAME_MAX octets, with fill; borrowed. */
	void (*frame_ind)(void *ctx, struct mac_conn *c, const uint8_t *frame, size_t n);
	/* A transmit buffer became free: mac_room() is 1 or 2. */
	void (*ready_ind)(void *ctx, struct mac_conn *c);
	/* It is gone; last use of c. Media was closed by the MAC side. */
	void (*dis_ind)(void *ctx, struct mac_conn *c, enum mac_reason why);
	/* Ciphering started (or, with MAC_CLEAR, was found off after a handover). key: index of the default cipher key. */
	void (*cipher_ind)(void *ctx, struct mac_conn *c, enum mac_cipher how, unsigned key);
	/* An inter-base handover wants this connection at base `base`: 0 lets it, an error refuses it (then HO is refused
	 * and the old connection stays). The MAC side answers with the connection's DCK by itself. */
	int (*handover_ask)(void *ctx, struct mac_conn *c, uint32_t base);
	/* It moved. mac_room() is 0 until the next ready_ind, and what was in the old base's buffers may be lost:
	 * I-frames that were not acknowledged are to be sent again. Media moves by itself. */
	void (*moved_ind)(void *ctx, struct mac_conn *c, uint32_t old_base);
	/* A handover did not succeed; the connection is where it was. */
	void (*handover_failed)(void *ctx, struct mac_conn *c, uint32_t base);
	void (*media_ind)(void *ctx, struct mac_conn *c, const struct mac_media_ind *ind);
	/* A base came on air or left it. Its connections' dis_ind came before. */
	void (*base_ind)(void *ctx, uint32_t base, bool up);
	/* The base's page queue is full: what was paged there may not be on air. */
	void (*page_overflow)(void *ctx, uint32_t base);
	/* Quality text of a connection that ended ("FramesOK=289 Frames_ERR=0 BHO=0 …"), by PMID. */
	void (*info_ind)(void *ctx, uint32_t base, uint32_t pmid, const char *text);
};

/* ---- connections: called by the data link ---- */

/* Free transmit buffers, 0 … 2. */
unsigned mac_room(const struct mac_conn *c);
/* Sends one frame, 3 … 66 octets. ERR_BUSY: no buffer is free (wait for ready_ind); ERR_LIMIT: length; ERR_LOST:
 * the link to the base is down (dis_ind follows). */
int mac_send(struct mac_conn *c, const uint8_t *frame, size_t n) MUST_CHECK;
/* Ends the connection now, with its media; c is invalid afterwards and no dis_ind comes. */
void mac_release(struct mac_conn *c);
/* Gives the cipher key (8 octets DSC, first octet = most significant; 16 DSC2) to the base. To be called before
 * {CIPHER-REQUEST} is sent; cipher_ind tells that the handset switched. Kept for handovers, wiped with c.
 * ERR_UNSUPP: the base can't cipher, or not with this length. */
int mac_encrypt(struct mac_conn *c, const uint8_t *dck, size_t n) MUST_CHECK;
bool mac_ciphered(const struct mac_conn *c);
/* The key it ciphers with now is a default one. *owner: as mac_default_key() said; 0: the base had it from before. */
bool mac_ciphered_default(const struct mac_conn *c, uint32_t *owner);
/* The PMID that the portable part will use after its TPUI was assigned; both are known until the end. */
void mac_set_pmid(struct mac_conn *c, uint32_t pmid);

uint32_t mac_conn_id(const struct mac_conn *c); /* unique while the process runs */
uint32_t mac_conn_base(const struct mac_conn *c);
uint32_t mac_conn_pmid(const struct mac_conn *c); /* as it came in */
uint8_t mac_conn_mcei(const struct mac_conn *c);
void mac_conn_set_user(struct mac_conn *c, void *user);
void *mac_conn_user(const struct mac_conn *c);

/* ---- media of a connection ---- */

/* Opens the speech path at the base, towards mediad, and tells mediad where the base is; media_ind follows. On
 * success *local is the base's RTP address. A second open with other parameters changes the running stream (hold,
 * another mediad). ERR_BUSY: the base has no media channel left; ERR_UNSUPP: no codec in common. */
int mac_media_open(
    struct mac_conn *c, const struct mac_media *m, struct mac_addr *local) MUST_CHECK;
void mac_media_close(struct mac_conn *c); /* fine when nothing is open */
bool mac_media_is_open(const struct mac_conn *c);
/* The stream of one connection goes on at another one of the same portable part (external handover): opened there, then
 * closed here; MAC_MEDIA_MOVED or MAC_MEDIA_FAILED of `to` follows. ERR_STATE: nothing is open; ERR_BUSY and the like:
 * it stays where it is. */
int mac_media_take(struct mac_conn *to, struct mac_conn *from) MUST_CHECK;

/* ---- the whole system ---- */

/* Sends a page (LCE-REQUEST-PAGE without the MAC's own octets: 3 short, 5 full; EN 300 175-5 8.2.1) to the bases of
 * a cluster or to all. Returns at how many bases it was queued. */
unsigned mac_page(struct mac *m, uint32_t cluster, const uint8_t *page, size_t n);
/* The same at one base: "page where it was last seen first". */
int mac_page_base(struct mac *m, uint32_t base, const uint8_t *page, size_t n) MUST_CHECK;
/* Whether the broadcast says "access rights requests supported" (a44): only then a handset can subscribe. */
void mac_access_rights(struct mac *m, bool allowed);

/* ---- default cipher keys (EN 300 175-7 6.4.6.3): a connection that is ciphered before the first message ---- */

struct mac_key_ask { /* a base's question; copied by who answers later */
	struct early_ask ask;
	enum early_form form;
	uint32_t base, conn; /* conn: mac_conn_id() */
	uint32_t pmid;       /* of the connection */
};
struct mac_keys {
	enum early_form (*form)(void *ctx); /* of the messages; EARLY_OFF: nobody is asked */
	/* mac_default_key() answers, now or later. */
	void (*ask)(void *ctx, const struct mac_key_ask *a);
};
void mac_set_keys(struct mac *m, const struct mac_keys *k, void *ctx);
/* The answer: 8 or 16 octets, index and owner of the key; n 0: there is no such key, the portable part goes on in clear. With a
 * key nothing is sent over the connection until the base reports that it ciphers, for MAC_EARLY_MS at most. */
void mac_default_key(struct mac *m, const struct mac_key_ask *a, const uint8_t *key, size_t n,
    uint16_t index, uint32_t owner);
/* The key of a connection that a base ciphers without having asked: kept for handovers. */
void mac_default_known(struct mac *m, uint32_t base, uint32_t conn, const uint8_t *key, size_t n);
/* A base (MAC_ALL: each) is to forget the default cipher key of a portable part. */
void mac_clear_default_key(struct mac *m, uint32_t base, uint32_t pmid);
#define MAC_EARLY_MS 2000
/* 0, or ERR_NOTFOUND. */
int mac_base_info(const struct mac *m, uint32_t base, struct mac_base_info *out) MUST_CHECK;
/* Ids of the bases on air, at most cap; returns how many there are. */
unsigned mac_bases(const struct mac *m, uint32_t *out, unsigned cap);

/* ---- the base-station side: called by rfp_* (and by tests in its place) ---- */

struct mac_low {
	/* One DNM payload (message type 0301: layer, primitive, …) to a base. 0, ERR_LOST. */
	int (*send)(void *ctx, uint32_t base, const uint8_t *dnm, size_t n);
	/* Media; NULL in tests that have none. handle names the stream in media_result/media_stats. */
	int (*media_open)(void *ctx, struct mac_conn *c, uint32_t base, uint8_t mcei, uint32_t pmid,
	    const struct mac_media *m, struct mac_addr *local, uint16_t *handle);
	void (*media_close)(void *ctx, uint32_t base, uint16_t handle);
	/* The handset listens to another session of mediad, or to none: this one is to send nothing to a base any more. */
	void (*media_leave)(void *ctx, const struct mac_media *m);
	int (*base_info)(void *ctx, uint32_t base, struct mac_base_info *out);
	void (*access_rights)(void *ctx, bool allowed);
};

struct mac *mac_new(struct tmr_wheel *w, const struct mac_low *low, void *low_ctx);
/* Who is above; to be set before the first base comes up. */
void mac_set_ops(struct mac *m, const struct mac_ops *ops, void *ctx);
void mac_free(struct mac *m);
/* A DNM payload of layer MAC (7A) or LC (79) from a base. 0; ERR_TRUNCATED, ERR_SYNTAX, ERR_STATE (no such
 * connection), ERR_UNSUPP (primitive not known): counted by the caller, never fatal. */
int mac_input(struct mac *m, uint32_t base, const uint8_t *dnm, size_t n) MUST_CHECK;
void mac_base_up(struct mac *m, uint32_t base, uint32_t cluster);
void mac_base_down(struct mac *m, uint32_t base);
void mac_page_queue_full(struct mac *m, uint32_t base);
/* From the media side: err 0: opened and mediad informed. */
void mac_media_result(struct mac *m, uint32_t base, uint16_t handle, int err);
/* The base has closed this stream for want of its port: it is opened anew with the same far end, its result comes as that of
 * any other. ERR_NOTFOUND: no such stream; ERR_BUSY: tried often enough. */
int mac_media_again(struct mac *m, uint32_t base, uint16_t handle) MUST_CHECK;
void mac_media_stats(
    struct mac *m, uint32_t base, uint16_t handle, const struct mac_media_stats *st);
#endif
