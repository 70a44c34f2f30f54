#ifndef SUPPORT_SOFTRFP_PRIV_H
#define SUPPORT_SOFTRFP_PRIV_H
#include "common/list.h"
#include "common/slice.h"
#include "dectd/rfp_crypt.h"
#include "dectd/rfp_frame.h"
#include "dectd/rfp_msg.h"
#include "tests/support/softrfp.h"

/* Parts of a soft base: softrfp.c (link), _radio (RFPC, SYNC), _mac (connections), _media (streams), _cmd. */

#define SR_MCEIS   15 /* 0 … 14, round robin as a real one does */
#define SR_STREAMS 16
#define SR_HEARS   64

enum sr_state {
	SR_OFF,
	SR_WAIT,    /* until the next attempt */
	SR_CONNECT, /* TCP */
	SR_AUTH,    /* connected: SYS_AUTHENTICATE is to come */
	SR_ANSWER,  /* SYS_INIT sent */
	SR_SEALED,  /* accepted */
};

enum sr_radio { /* the radio processor, rfp-link 7.1 */
	SRR_BOOT,
	SRR_READY, /* READY_IND sent */
	SRR_INIT,  /* INIT_REQ came */
	SRR_RESET, /* RESET_MAC came */
	SRR_SEARCHED,
	SRR_RESET2,
	SRR_STARTED, /* as master or slave */
	SRR_ACTIVE,
};

struct sr_conn {
	bool used, ho, away, freeing;
	struct air_conn *c;
	uint32_t pmid;
	bool busy[2];   /* transmit buffers that hold a frame */
	bool announced; /* MAC_CON_IND sent */
	bool has_key;
	bool early; /* asked for a default key */
	uint64_t since, away_since, early_since;
	uint32_t frames;
};

enum sr_media { SM_FREE, SM_OPEN, SM_CONF, SM_RUN };

struct sr_stream {
	struct softrfp *b;
	enum sr_media st;
	uint16_t handle;
	int mcei;
	uint8_t codec, pt, dtmf_pt;
	bool rx, tx, refused; /* refused: MEDIA_CONF got a NACK */
	struct sr_sock *sock;
	uint8_t rx_ip[4], tx_ip[4];
	uint16_t local, rx_port, tx_port, tx_rtcp, rx_rtcp;
	/* sending */
	uint16_t seq;
	uint32_t ts, ssrc;
	/* receiving */
	bool heard, strays_told;
	uint16_t next_seq;
	uint32_t next_ts, far_ssrc;
	uint64_t started, last_ms;
	double jitter; /* in samples */
	int64_t transit;
	uint32_t tx_packets, tx_octets, rx_packets, rx_octets, lost, late, strays, rx_first;
	uint32_t max_jitter_us;
	/* RTCP */
	struct tmr rtcp_tmr;
	uint32_t rx_speech, told_lost, told_expected, lsr, rtcp_rx;
	uint16_t cycles;
	uint64_t lsr_at;
	/* tone program */
	uint8_t ntone;
	struct sr_tone {
		uint16_t f[4];
		int16_t level[4];
		uint16_t ms, count, to, next;
	} tone[255];
	unsigned tone_at, tone_left, tone_cycles;
	uint64_t tone_sample;
	struct tmr tone_tmr;
};

struct sr_sock { /* outlives its stream until libuv has closed it */
	uv_udp_t rtp, rtcp;
	unsigned refs;
	struct sr_stream *s;
	uint8_t buf[2048];
};

struct sr_hears {
	struct softrfp *other;
	int rssi; /* < 0: not heard */
};

#define SR_NTP_1970 2208988800u
#define SR_HASH_LEN 22

struct sr_tcp { /* one TCP connection; outlives its base until libuv has closed it */
	uv_tcp_t tcp;
	uv_connect_t req;
	struct softrfp *b;
};

struct softrfp_set {
	struct air *air;
	uv_loop_t *loop;
	struct list bases;
};

struct softrfp {
	struct list node;
	struct softrfp_set *set;
	struct air *air;
	uv_loop_t *loop;
	struct tmr_wheel *w;
	struct softrfp_conf conf;
	char name[13], who[20];
	enum sr_state st;
	struct sr_tcp *tcp;
	struct rfp_frame rx;
	struct rfp_cipher tx;
	bool sealed;
	uint8_t auth[RFP_AUTH_LEN];
	bool have_key;
	uint8_t rfpa[RFP_RFPA_LEN];
	char root_hash[23];
	struct tmr early; /* default keys that are asked for */
	struct tmr retry, boot, beat, steps, phase, freq;
	uint64_t booted;
	unsigned beats, beat_s, vsntp;
	bool silent; /* fault: no more heartbeats */
	/* what came of the configuration burst: a bit per message */
	unsigned burst, links;
	uint64_t sealed_at;
	/* radio */
	enum sr_radio radio;
	struct air_base *on;
	struct air_info info;
	bool master, reporting;
	int ref;
	uint8_t led[4];
	struct sr_hears hears[SR_HEARS];
	unsigned nhears;
	/* connections */
	struct sr_conn conns[SR_MCEIS];
	unsigned next_mcei, lose_dtr;
	uint64_t freed[SR_MCEIS]; /* when an MCEI was released by us */
	uint32_t good_frames, bad_frames, lost_conns;
	/* media */
	struct sr_stream streams[SR_STREAMS];
	uint16_t nack_type; /* fault: this request … */
	uint32_t nack_reason;
	unsigned nack_count;
	uint64_t rtp_tx, rtp_rx, rtp_lost, rtp_dropped;
	uint32_t seed;
};

void sr_violation(struct softrfp *b, const char *rule, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void sr_send(struct softrfp *b, const struct rfp_msg *m);
void sr_put(
    struct softrfp *b, const uint8_t *msg, size_t n); /* a whole message, sealed when it is time */
void sr_break(struct softrfp *b, const char *why, uint64_t again_ms);
void sr_reboot(struct softrfp *b, const char *why);
void sr_store(struct softrfp *b);
void sr_burst_check(struct softrfp *b);
void sr_sealed(struct softrfp *b,
    const struct rfp_msg *m); /* softrfp_conf.c: a message after the hand-shake */

void sr_radio_new(struct softrfp *b);
void sr_radio_off(struct softrfp *b);
void sr_radio_input(struct softrfp *b, const struct rfp_msg *m);
void sr_sync_input(struct softrfp *b, const struct rfp_msg *m);
void sr_radio_init(struct softrfp *b);
int sr_heard_at(const struct softrfp *b, const struct softrfp *o);

extern const struct air_base_ops sr_air_ops;
void sr_mac_off(struct softrfp *b);
/* softrfp_early.c */
void sr_early_init(struct softrfp *b);
void sr_early_ask(void *ctx, struct air_conn *c, int mcei, uint16_t index);
void sr_early_input(struct softrfp *b, const struct rfp_msg *m);
void sr_mac_input(struct softrfp *b, const struct rfp_msg *m);
struct sr_conn *sr_conn_of(struct softrfp *b, unsigned mcei);
int sr_mcei_of(const struct softrfp *b, const struct air_conn *c);

void sr_media_init(struct softrfp *b);
void sr_media_off(struct softrfp *b);
void sr_media_input(struct softrfp *b, const struct rfp_msg *m);
void sr_media_speak(struct softrfp *b, int mcei, const int16_t *samples);
/* Streams that still name a connection which ends. */
unsigned sr_media_of(const struct softrfp *b, int mcei);
void sr_rtcp_init(struct sr_stream *s);
void sr_rtcp_start(struct sr_stream *s);
void sr_rtcp_send(struct sr_stream *s);
void sr_rtcp_in(struct sr_stream *s, const uint8_t *p, size_t n);
uint32_t sr_random(struct softrfp *b);

air_command_h sr_command;
#endif
