#ifndef MEDIAD_LEG_H
#define MEDIAD_LEG_H
#include "mediad/cac.h"
#include "mediad/codec.h"
#include "mediad/dtmf4733.h"
#include "mediad/ice.h"
#include "mediad/mediad.h"
#include "mediad/rtcp.h"
#include "mediad/rtp.h"
#include "mediad/sbox.h"
#include "mediad/sock_pool.h"

/* One side of a session: its two sockets, where the far end is, keys, codecs, what came and what went. */

#define LEG_PAYLOADS 16
#define LEG_KEYS     8 /* receive keys at one time: offered ones and those of before a re-key */
#define LEG_NO_PT    0xff

enum leg_dir { /* numbers of media.Direction: what mediad does with the far end */
	LEG_SENDRECV = 1,
	LEG_SENDONLY,
	LEG_RECVONLY,
	LEG_INACTIVE
};

struct leg_payload {
	uint8_t codec, pt;
};
struct leg_cac_set { /* LYNC: call admission control; on false: without from now on */
	bool on,
	    check; /* check: asks only, the answer is MEDIA_EV_CAC; else reserves the path once it is chosen */
	struct cac_conf conf;
	struct addr remote,
	    remote_relay; /* the peer's host and relay candidates; without family: none */
	uint8_t codec[LEG_PAYLOADS]; /* check: what the call may use */
	size_t ncodec;
};
struct leg_cac {
	struct cac cac;
	struct leg *leg;
	struct list node; /* in the plane's, while something is due soon */
	bool check, committed, their_relay;
	struct addr remote;
	struct cac_path path;
	uint32_t floor; /* of the cheapest codec */
	uint8_t codec[LEG_PAYLOADS];
	size_t ncodec;
};
#define LEG_CAC_SOON_US 1000000u
struct leg_set { /* what an owner asks for; only what has_… says */
	enum side side;
	bool has_remote, has_rtcp, has_mux, has_payload, has_ptime, has_tx, has_rx, has_dir,
	    has_strict, has_dscp, has_cn, has_music, has_ice, has_cac;
	struct addr remote, rtcp, local; /* local: creation only; without family: not given */
	bool mux, strict, cn, music, v6;
	bool sip; /* creation only: of a SIP peer, on whichever side */
	struct leg_payload payload[LEG_PAYLOADS];
	size_t npayload;
	uint32_t ptime, dscp;
	enum leg_dir dir;
	struct sbox_key tx, rx[LEG_KEYS / 2 + 1];
	size_t nrx;
	enum ice_mode ice; /* ICE_OFF: without; else a new agent, with new credentials */
	bool ice_controlling;
	struct addr ice_stun, ice_turn, ice_turn_tcp; /* without family: none */
	struct slice ice_user, ice_password;          /* of the relay; borrowed */
	uint8_t ice_forbidden;                        /* ends, as in ice_conf */
	struct leg_cac_set cac;
};

enum leg_bad {             /* why a datagram was not used */
	LEG_BAD_JUNK,      /* neither RTP, RTCP nor STUN, or cut off */
	LEG_BAD_SOURCE,    /* from elsewhere than the far end */
	LEG_BAD_PT,        /* payload type that was not agreed */
	LEG_BAD_SSRC,      /* a second stream beside the first */
	LEG_BAD_AUTH,      /* wrong key, altered, or plain where SRTP is agreed */
	LEG_BAD_REPLAY,    /* was here before */
	LEG_BAD_OLD,       /* far behind */
	LEG_BAD_RTCP,      /* not understood */
	LEG_BAD_DIRECTION, /* the far end should not send now: not an error of its own */
	LEG_BAD_PAYLOAD,   /* no whole number of codes */
	LEG_NBAD
};
extern const char *const leg_bad_names[LEG_NBAD];

enum leg_mode { /* how what goes out is made */
	LEG_OUT_NONE,
	LEG_OUT_PASS, /* the other side's packets with a new header */
	LEG_OUT_GEN   /* on the tick: gen.h */
};

struct gen;  /* what a leg needs to make packets of its own */
struct play; /* and to turn received ones into speech */
struct dtmf_det;
struct leg_stream;

struct leg {
	struct sess *sess;
	struct mediad *plane;
	enum side side;
	struct ice *ice;              /* NULL: without */
	struct leg_stream *stream[2]; /* connections to relays by component; NULL: none */
	struct leg_cac *cac;          /* NULL: without */
	bool ice_starting, ice_done, ice_lost, relayed;
	struct list ice_node;
	/* Receiving, the hot part. */
	struct sock_pair *socks;
	struct path_sock twin; /* connected to a far end that has proven steady */
	struct addr source;    /* where RTP comes from; family 0: not latched */
	struct rtp_src src;
	struct sbox *rx[LEG_KEYS];
	uint8_t nrx;
	bool latched, strict, mux, twin_on; /* twin_on: its far end is the target */
	bool pointed; /* radio: the far end is the base station's, as dectd said */
	enum leg_dir dir;
	uint8_t rx_codec[128]; /* by payload type */
	/* Sending. */
	struct addr target;
	struct sbox *tx;
	uint32_t ssrc, last_ts;
	uint16_t next_seq, last_ticks; /* last_ticks: what was sent at last_ts lasts */
	enum leg_mode mode;
	uint64_t last_us; /* when last_ts was sent */
	bool sent_any;
	struct { /* from the other side's numbers to ours, PASS */
		bool on;
		uint32_t ssrc, ts_off;
		uint16_t seq_off, first;
		bool odd_ptime; /* its packet time is not ours */
		uint8_t odd_run;
	} map;
	uint8_t tx_codec, tx_pt, event_pt, cn_pt, last_codec;
	uint32_t tx_packets, tx_octets;
	uint64_t tx_packets64, tx_octets64;
	uint64_t event_until_us; /* telephone events go out: no speech meanwhile */
	uint32_t event_in_ts, event_out_ts;
	/* Set-up. */
	struct addr local, remote, remote_rtcp, rtcp_source, probe, old_source, twin_far;
	uint16_t probe_seq, port, alt_seq;
	uint8_t probe_run, alt_run;
	bool bye; /* the source has said that it goes: whoever comes next is heard at once */
	uint32_t alt_ssrc;
	uint16_t ptime;
	uint8_t dscp, npayload;
	bool v6, cn, music;
	bool sip; /* a SIP peer's, as every network side */
	struct leg_payload payload[LEG_PAYLOADS];
	uint64_t old_keys_until_us;
	uint8_t nold; /* how many of rx[], at its end, are of before */
	/* What was seen. */
	struct dtmf4733_rx dtmf;
	uint64_t bad[LEG_NBAD];
	struct rtp_src sum; /* of the sources before */
	uint64_t sum_expected;
	uint64_t opened_us, heard_us; /* last packet that was used, RTP or RTCP */
	uint64_t spoke_us, silent_us; /* last RTP packet; the last before the silence */
	uint8_t back_run;             /* RTP packets in a row since then */
	uint64_t good_at_us, bad_auth_since_us, timeout_told_us;
	uint32_t bad_auth_run;
	bool silent, timed_out, mismatch, poor;
	/* RTCP. */
	uint64_t report_us; /* when the next is due */
	uint64_t sr_ntp, sr_us, rrtr_ntp, rrtr_us;
	uint32_t rtt_us;
	struct rtcp_block remote_block;
	bool has_remote_block;
	struct rtcp_voip remote_voip;
	bool has_remote_voip;
	uint64_t rtcp_rx, rtcp_tx, fraction_packets;
	uint32_t loss_permille;                         /* smoothed, of what arrived */
	uint64_t q_expected, q_received, q_late, q_sum; /* at the last estimate */
	uint64_t late_before;  /* too late for the jitter buffers that are gone */
	uint32_t mos, mos_min; /* × 100; 0: not known */
	/* Only where speech is made or decoded. */
	struct gen *gen;
	struct play *play;
	struct dtmf_det *det; /* where digits are looked for in the speech */
};

static inline bool leg_sends(const struct leg *l)
{
	return l->dir == LEG_SENDRECV || l->dir == LEG_SENDONLY;
}
static inline bool leg_receives(const struct leg *l)
{
	return l->dir == LEG_SENDRECV || l->dir == LEG_RECVONLY;
}

/* Takes ports and binds them. 0; ERR_LIMIT: no ports are left; ERR_VALUE: the local address cannot be used. */
int leg_open(struct leg *l, struct sess *s, const struct leg_set *set, struct mediad *m) MUST_CHECK;
/* The rest of what is asked. ERR_UNSUPP: no such suite; ERR_VALUE. Nothing is changed on error. */
int leg_apply(struct leg *l, const struct leg_set *set, struct mediad *m) MUST_CHECK;
void leg_close(struct leg *l, struct mediad *m);

/* Asks the memory for what a datagram at this socket will need. */
void leg_soon(const struct path_sock *s);
/* A datagram at one of the two sockets. */
void leg_input(
    struct mediad *m, struct leg *l, bool rtcp_port, uint8_t *p, size_t n, const struct addr *from);
/* RTP or RTCP of it, or what came out of a relay's connection (with room around it as path.h says). */
void leg_packet(
    struct mediad *m, struct leg *l, bool rtcp_port, uint8_t *p, size_t n, const struct addr *from);
/* Sends the n octets at payload under the given head; RTP_HDR octets before it and PATH_TAIL after it are ours to
 * write. now: not within a batch. */
void leg_send(struct mediad *m, struct leg *l, uint8_t pt, bool marker, uint16_t seq, uint32_t ts,
    uint8_t *payload, size_t n, bool now);
/* The RTP time at which something sent now begins. */
uint32_t leg_ts_now(const struct leg *l, uint64_t now_us);
/* The same for speech that begins anew: never within what was sent before. */
uint32_t leg_ts_next(const struct leg *l, uint64_t now_us);

/* A report to the far end. bye: the last one; a reason. */
void leg_report(struct mediad *m, struct leg *l, const char *bye);
/* What a report of the far end says about our last one: the round trip. */
void leg_rtt(struct leg *l, uint32_t lsr, uint32_t dlsr);
/* Once a second. */
void leg_house(struct mediad *m, struct leg *l);

/* What the far end said for ICE; chosen: its a=remote-candidates by component, or NULL. ERR_STATE: the leg has no agent;
 * ERR_EXISTS: other credentials than before, a restart: set the leg's ICE anew. */
int leg_ice_remote(struct leg *l, struct slice ufrag, struct slice pwd, const struct cand *c,
    size_t n, bool complete, const struct addr *chosen) MUST_CHECK;
/* For leg.c, leg_in.c, leg_rtcp.c, mediad.c. */
int leg_ice_set(struct leg *l, const struct leg_set *set) MUST_CHECK;
void leg_ice_close(struct leg *l);
/* false: it was the agent's. Else RTP or RTCP, perhaps out of a relay, from *from. */
bool leg_ice_input(struct leg *l, unsigned comp, uint8_t **p, size_t *n, const struct addr **from,
    struct addr *peer);
/* Through the relay where one was chosen. */
void leg_ice_send(struct leg *l, unsigned comp, const uint8_t *p, size_t n);
void leg_ice_house(struct leg *l);
void leg_ice_tick(struct mediad *m);
/* leg_cac.c */
/* ERR_VALUE: leg_cac_set() would not take it. */
int leg_cac_check(const struct leg_cac_set *set) MUST_CHECK;
int leg_cac_set(struct leg *l, const struct leg_set *set) MUST_CHECK;
void leg_cac_close(struct leg *l);
void leg_cac_path(struct leg *l);  /* the path may be another one */
void leg_cac_codec(struct leg *l); /* the codec may be */
bool leg_cac_input(struct leg *l, const uint8_t *p, size_t n, const struct addr *from);
void leg_cac_house(struct leg *l);
void leg_cac_tick(struct mediad *m);
/* Addresses are a matter of checks now, not of what arrives. */
bool leg_ice_rules(const struct leg *l);

struct leg_stats {
	uint64_t rx_packets, rx_octets, tx_packets, tx_octets, lost, late, bad;
	uint32_t jitter_us, delay_ms, rtt_ms, mos, remote_lost, remote_jitter_us;
	uint8_t codec;
	struct addr source;
};
void leg_stats(const struct leg *l, struct leg_stats *out);
#endif
