#ifndef MEDIAD_JBUF_H
#define MEDIAD_JBUF_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* Adaptive jitter buffer: packets in as they come, one decision out per step of play-out. It stores payloads as they
 * are; decoding, concealment and the stretching of speech are play.h's. Time comes from the caller in microseconds
 * of any monotonic clock; RTP time in ticks of 1/8000 s. Nothing allocates.
 *
 * Target: the delay at which at most conf.late_permille of the packets would have come too late, from a forgetting
 * histogram of the packets' delays relative to the fastest; within min_ms..max_ms, and at least one packet. The
 * difference between the target and the delay in force is given back as a wish to shorten or lengthen; that is also
 * how clock drift is followed. */
#define JBUF_CHUNK   80u /* octets: 10 ms of G.711 */
#define JBUF_NCHUNKS 64u
#define JBUF_NPKTS   48u
#define JBUF_BINS    100u /* of 5 ms */

struct jbuf_conf {
	uint16_t min_ms, max_ms; /* play-out delay; 0, 0: 20 and 200; at most 400 */
	uint16_t late_permille;  /* 0: 5 */
};
struct jbuf_stat {
	uint64_t in, played;
	uint64_t lost;          /* ticks' worth of gaps, in packets: never came, or too late */
	uint64_t late;          /* came after their turn; part of lost */
	uint64_t dup;           /* same sequence number again */
	uint64_t reordered;     /* came after a later one, still in time */
	uint64_t overflow;      /* pushed out: no room, or more than max_ms ahead */
	uint64_t resets;        /* new stream, or a jump of sequence or time */
	uint64_t shrunk, grown; /* ticks taken out of, added to the speech */
	uint32_t target_ms, delay_ms;
};
struct jbuf_pkt {
	uint32_t ts, ticks, seq; /* seq is extended to 32 bits */
	uint16_t n;
	uint8_t codec; /* enum codec */
	uint8_t first; /* chunk */
	bool used, marker;
};
struct jbuf {
	struct jbuf_conf conf;
	struct jbuf_stat stat;
	uint32_t play;    /* RTP time of what is played next */
	uint32_t top_seq; /* highest, extended */
	uint32_t pkt_ticks;
	uint8_t npkts, nfree, free;
	bool running, primed;
	uint64_t base_us; /* arrival that RTP time base_ts is counted from */
	uint32_t base_ts;
	int64_t min_us, min_next_us; /* fastest relative delay, this window's */
	uint64_t min_since;
	uint32_t hist[JBUF_BINS];   /* Q30 */
	uint32_t nhist;             /* packets in it, up to where it forgets at its final rate */
	uint32_t silence;           /* ticks without speech in a row */
	int32_t level_q8;           /* smoothed delay in force, ticks */
	uint64_t seen;              /* sequence numbers top_seq - 63 .. top_seq */
	uint32_t last_seq, skipped; /* played last; numbers after it that belong to no speech */
	uint32_t odd_ts;
	uint16_t odd_seq;   /* a packet far from all others: its successor decides */
	uint16_t spread_ms; /* of the packets' delays */
	uint8_t late_run;
	bool quiet; /* the sender pauses: the next packet sets the time anew */
	bool level_set, odd;
	struct jbuf_pkt pkt[JBUF_NPKTS];
	uint8_t next[JBUF_NCHUNKS];
	uint8_t mem[JBUF_NCHUNKS][JBUF_CHUNK];
};

void jbuf_init(struct jbuf *j, const struct jbuf_conf *conf); /* conf NULL: defaults */
/* New stream (SSRC or far end changed): what is stored is dropped, the delay estimate stays. */
void jbuf_reset(struct jbuf *j);
/* ticks: what the payload lasts (codec_ticks()); 0 for comfort noise, which lasts until the next packet. 0 or
 * ERR_EXISTS (duplicate), ERR_TIMEOUT (late), ERR_LIMIT (too long, no room), ERR_VALUE. Errors are counted. */
int jbuf_put(struct jbuf *j, uint16_t seq, uint32_t ts, bool marker, int codec, uint32_t ticks,
    const uint8_t *payload, size_t n, uint64_t now_us);

enum jbuf_verdict {
	JBUF_IDLE, /* nothing arrived yet, or filling up: play silence */
	JBUF_PACKET,
	JBUF_GAP,  /* the packet of this time is missing, later ones are here: conceal out->ticks */
	JBUF_EMPTY /* nothing is here: conceal, ticks as asked */
};
struct jbuf_out {
	uint32_t ts, ticks;
	uint16_t n;
	uint8_t codec;
	bool marker;
	int32_t
	    wish; /* ticks that should be taken out (> 0) or added (< 0) for the target to be met */
};
/* The next piece. step: ticks that the caller takes at a time; queued: how many of these it has already, or has left
 * over. want: ticks that a gap or an empty buffer is to fill at most. A packet is copied to buf (at least
 * CODEC_OCTETS_MAX) and its whole length counts as played. */
enum jbuf_verdict jbuf_get(struct jbuf *j, uint32_t want, uint32_t step, uint32_t queued,
    uint64_t now_us, uint8_t *buf, struct jbuf_out *out);
/* The caller took ticks out of the speech (> 0) or added some (< 0). */
void jbuf_adjusted(struct jbuf *j, int32_t ticks);
#endif
