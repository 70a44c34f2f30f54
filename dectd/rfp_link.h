#ifndef DECTD_RFP_LINK_H
#define DECTD_RFP_LINK_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"
#include "common/tmr.h"
#include "dectd/rfp_crypt.h"
#include "dectd/rfp_msg.h"

/* One base station's TCP connection: hand-shake, encryption, configuration burst, radio bring-up, supervision
 * (rfp-link 4, 5, 7, 10, 13). Octets in by rfp_link_input(), octets out by ops->write; sockets are elsewhere. What is
 * to be decided about the base (admission, keys, identity, synchronisation) is asked through the ops and answered
 * by the calls below, at once or later. */
struct rfp_link;

enum rfp_link_why {       /* why it ended */
	RFP_W_CLOSED = 0, /* the base closed it */
	RFP_W_IO,
	RFP_W_TIMEOUT,   /* no answer in time in the state it was in */
	RFP_W_HEARTBEAT, /* silent */
	RFP_W_PROTOCOL,  /* broke the protocol */
	RFP_W_KEY,       /* what it sent does not decrypt: another key than ours */
	RFP_W_FLOOD,
	RFP_W_REFUSED,  /* by admission: unknown, too old, … */
	RFP_W_REPLACED, /* the same base came back on a new connection */
	RFP_W_REMOVED,
	RFP_W_RESTART, /* we told it to */
	RFP_W_SHUTDOWN,
	RFP_W_N,
};
const char *rfp_why_text(enum rfp_link_why why);

/* What is sent to a base after admission. */
struct rfp_link_conf {
	uint8_t voice_tos, sig_tos, ttl;
	uint8_t heartbeat_s;
	bool fresh; /* new or re-enrolled: LED 1 shows it */
	uint8_t http_ip[16], syslog_ip[16];
	uint16_t http_port, syslog_port; /* 0 with a zero address: off */
	char locked_hash
	    [23]; /* hash that nobody has the password of: the base's accounts are closed with it */
	bool dect; /* bring the radio up */
	uint8_t rfpi[5], pli;
	uint16_t caps; /* higher layer capabilities */
	unsigned nsari;
	uint8_t sari[8][4];
	bool reflecting;
	bool has_ext_caps2; /* RFP: the item's number is known, that INIT_REQ takes it is not */
	uint8_t ext_caps2[5];
	int freq_band, rf_power; /* -1: not sent, the base keeps its own */
};

struct rfp_link_info { /* what it told in SYS_INIT */
	uint8_t mac[6];
	uint32_t model, caps, protocol;
	uint16_t branding;
	char version[64];
	bool sig_ok, sum_ok;
};

struct rfp_link_ops {
	/* 0, or an error: the link then ends. */
	int (*write)(void *ctx, struct rfp_link *l, const uint8_t *p, size_t n);
	/* The link ended; the transport closes its socket. l is valid until rfp_link_free(). */
	void (*closed)(void *ctx, struct rfp_link *l, enum rfp_link_why why);
	/* SYS_INIT came: answer by rfp_link_accept() or rfp_link_refuse(). */
	void (*init)(void *ctx, struct rfp_link *l, const struct rfp_link_info *info);
	/* The base has our key: it is who it says. */
	void (*proven)(void *ctx, struct rfp_link *l);
	/* What the radio hears (n = 0: nobody). Answer by rfp_link_start(). Asked again every 10 s until answered. */
	void (*heard)(void *ctx, struct rfp_link *l, const struct sync_neighbour *nb, unsigned n);
	void (*on_air)(void *ctx, struct rfp_link *l, bool up);
	/* Layers MAC and LC of DNM, from the layer octet on; while on air. ERR_*: counted. */
	int (*dnm)(void *ctx, struct rfp_link *l, const uint8_t *p, size_t n);
	void (*media)(void *ctx, struct rfp_link *l,
	    const struct rfp_msg *m); /* ACK, NACK, STATISTICS of a handle */
	void (*phase)(void *ctx, struct rfp_link *l, const struct sync_neighbour *nb, unsigned n);
	void (*statistics)(void *ctx, struct rfp_link *l, const struct rfp_statistics *st);
	void (*page_overflow)(void *ctx, struct rfp_link *l);
	/* Every message, plain, for traces; may be NULL. */
	void (*trace)(void *ctx, struct rfp_link *l, bool to_rfp, struct slice msg);
};

struct rfp_link_stats {
	uint64_t rx_msgs, tx_msgs, rx_octets, tx_octets;
	uint64_t unknown, bad, refused; /* not in the table; malformed; not allowed in its state */
	uint32_t uptime_ms;             /* of the base, from its heartbeat */
	uint32_t rtt_ms;
};

struct rfp_link *rfp_link_new(
    struct tmr_wheel *w, const struct rfp_link_ops *ops, void *ctx, const char *peer);
/* Sends SYS_AUTHENTICATE. ERR_CRYPTO: no random octets. */
int rfp_link_open(struct rfp_link *l) MUST_CHECK;
void rfp_link_free(struct rfp_link *l); /* without a word to anybody */
/* Room to read into, then how many octets came there. After closed() there is no room. */
uint8_t *rfp_link_room(struct rfp_link *l, size_t *n);
void rfp_link_input(struct rfp_link *l, size_t n);
void rfp_link_close(struct rfp_link *l, enum rfp_link_why why);

/* Answers to init(). message: SYS_RFP_AUTH_KEY (64) or SYS_RFP_RE_ENROLEMENT (96) payload to be sent first, or empty.
 * to_rfp, from_rfp: direction keys of 56 octets; NULL: the old generation's fixed keys. */
void rfp_link_accept(struct rfp_link *l, const struct rfp_link_conf *conf, struct slice message,
    const uint8_t *to_rfp, const uint8_t *from_rfp);
void rfp_link_refuse(struct rfp_link *l);
/* Answer to heard(): master (rpn < 0) or slave of that radio part number. */
void rfp_link_start(struct rfp_link *l, int rpn);
/* Radio off and up again, from the search on: after lost synchronisation, or with changed settings. */
void rfp_link_resync(struct rfp_link *l);

/* Sends any message; ERR_STATE before the base proved itself or after the end. */
int rfp_link_send(struct rfp_link *l, const struct rfp_msg *m) MUST_CHECK;
/* A ready DNM payload. */
int rfp_link_send_dnm(struct rfp_link *l, const uint8_t *dnm, size_t n) MUST_CHECK;
/* Ready messages with their headers, one after the other. */
int rfp_link_send_whole(struct rfp_link *l, const uint8_t *msgs, size_t n) MUST_CHECK;
void rfp_link_led(struct rfp_link *l, uint8_t id, uint8_t colour);
void rfp_link_set_caps(
    struct rfp_link *l, uint16_t caps); /* sent when it changed and the radio is initialised */
void rfp_link_ask_statistics(struct rfp_link *l, bool reset);
void rfp_link_ping(
    struct rfp_link *l, const uint8_t ip[16]); /* the base pings that address: rtt_ms */

const struct rfp_link_info *rfp_link_info(const struct rfp_link *l);
const struct rfp_link_stats *rfp_link_stats(const struct rfp_link *l);
const char *rfp_link_state(const struct rfp_link *l);   /* "ACTIVE" */
const char *rfp_link_trouble(const struct rfp_link *l); /* why it is not on air by now; or empty */
const char *rfp_link_peer(const struct rfp_link *l);
bool rfp_link_on_air(const struct rfp_link *l);
bool rfp_link_proven(const struct rfp_link *l);
const uint8_t *rfp_link_auth(
    const struct rfp_link *l); /* SYS_AUTHENTICATE payload, RFP_AUTH_LEN octets */
unsigned rfp_link_generation(const struct rfp_link *l);
void rfp_link_set_user(struct rfp_link *l, void *user);
void *rfp_link_user(const struct rfp_link *l);

struct fsm_def;
extern const struct fsm_def rfp_link_def; /* for the table's test */
#endif
