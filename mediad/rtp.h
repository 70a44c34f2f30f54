#ifndef MEDIAD_RTP_H
#define MEDIAD_RTP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* RTP packets and what is counted about a stream (RFC 3550 5.1, 6.4.1, A.1, A.3, A.8). Pure: no sockets, no clock.
 * Sequence numbers, timestamps and SSRCs are in host order here, network order on the wire. */

#define RTP_HDR 12   /* octets of the fixed header */
#define RTP_MAX 2048 /* longest datagram looked at, octets */

struct rtp_pkt {
	uint16_t seq;
	uint32_t ts, ssrc;
	uint8_t pt;
	bool marker;
	size_t hdr;     /* octets up to the payload: fixed header, CSRCs, extension */
	size_t payload; /* octets, padding taken off */
};

/* ERR_TRUNCATED: shorter than its header, CSRCs, extension or padding say; ERR_SYNTAX: not version 2. */
int rtp_parse(const uint8_t *p, size_t n, struct rtp_pkt *out) MUST_CHECK;
/* As rtp_parse, but of a packet whose payload is still encrypted: its padding is not looked at. */
int rtp_parse_head(const uint8_t *p, size_t n, struct rtp_pkt *out) MUST_CHECK;
void rtp_put(uint8_t *p, uint8_t pt, bool marker, uint16_t seq, uint32_t ts, uint32_t ssrc);

/* What a datagram at a media port is, by its first octets (RFC 7983, RFC 5761 4). */
enum rtp_kind { RTP_JUNK, RTP_RTP, RTP_RTCP, RTP_STUN };
enum rtp_kind rtp_kind(const uint8_t *p, size_t n);

/* One source. `ext` is the extended highest sequence number (RFC 3550 A.1). */
struct rtp_src {
	uint32_t ssrc;
	bool valid; /* has had its first packet */
	uint16_t max_seq, probe_seq;
	uint32_t cycles; /* shifted by 16 */
	uint32_t base;   /* extended sequence number of the first packet */
	uint32_t bad_seq;
	uint64_t received, octets, dup, late, restarts;
	uint64_t seen;   /* bit i: max_seq - i arrived */
	uint32_t jitter; /* 1/16 timestamp units */
	int32_t transit;
	uint64_t at_us;                          /* arrival of the last packet */
	uint32_t ts;                             /* of the packet with max_seq */
	uint64_t expected_prior, received_prior; /* at the last report */
};
enum rtp_order {
	RTP_NEW,   /* in front of all others */
	RTP_LATE,  /* fills a gap */
	RTP_DUP,   /* was here already */
	RTP_AGAIN, /* the source began again: as if new */
	RTP_WAIT   /* far off: used when the next one follows it */
};
void rtp_src_init(struct rtp_src *s, uint32_t ssrc);
/* rate: timestamp units per second, for the jitter. */
enum rtp_order rtp_src_seen(
    struct rtp_src *s, const struct rtp_pkt *p, uint64_t now_us, uint32_t rate);
uint64_t rtp_src_expected(const struct rtp_src *s);
/* Gaps that are still open; never negative. */
uint64_t rtp_src_lost(const struct rtp_src *s);
static inline uint32_t rtp_src_ext(const struct rtp_src *s)
{
	return s->cycles | s->max_seq;
}
/* Fraction lost of RFC 3550 A.3 since the call before. */
uint8_t rtp_src_fraction(struct rtp_src *s);
static inline uint32_t rtp_src_jitter_us(const struct rtp_src *s, uint32_t rate)
{
	return (uint32_t)((uint64_t)(s->jitter >> 4) * 1000000u / rate);
}
#endif
