#ifndef MEDIAD_RTCP_H
#define MEDIAD_RTCP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* RTCP compound packets: SR, RR, SDES with CNAME, BYE (RFC 3550 6), and the extended reports RRTR, DLRR and VoIP metrics
 * (RFC 3611 4.4, 4.5, 4.7). Pure. Numbers in host order. Other packet types are stepped over. */

#define RTCP_MAX 512 /* octets that rtcp_build() needs at most */

struct rtcp_block {    /* a report block, RFC 3550 6.4.1 */
	uint32_t ssrc; /* about whom */
	uint8_t fraction;
	int32_t lost; /* 24 bits */
	uint32_t ext, jitter, lsr, dlsr;
};
struct rtcp_voip { /* RFC 3611 4.7 */
	uint32_t ssrc;
	uint8_t loss, discard, burst_density, gap_density; /* 1/256 */
	uint16_t burst_ms, gap_ms, rtt_ms, end_delay_ms;
	int8_t signal, noise;
	uint8_t rerl, gmin, r, ext_r, mos_lq, mos_cq; /* MOS × 10; 127: not known */
	uint8_t config;
	uint16_t jb_nominal, jb_max, jb_abs;
};
struct rtcp_in {
	uint32_t ssrc; /* of the sender */
	bool sr, rb, bye, voip, dlrr, rrtr;
	uint64_t ntp; /* of SR */
	uint32_t rtp_ts, packets, octets;
	struct rtcp_block block; /* the one about us */
	struct rtcp_voip v;      /* about us */
	uint64_t rrtr_ntp;
	uint32_t dlrr_lrr, dlrr_delay; /* about us */
	unsigned unknown;              /* packets of types that we do not know */
};
/* us: our SSRC, to pick what is about us. Encrypted parts are opened before. ERR_SYNTAX: not RTCP, not a compound that
 * begins with SR or RR (a reduced-size packet, RFC 5506, is accepted when it is feedback, 205 or 206);
 * ERR_TRUNCATED: a length goes beyond the end. */
int rtcp_parse(const uint8_t *p, size_t n, uint32_t us, struct rtcp_in *out) MUST_CHECK;

struct rtcp_out {
	uint32_t ssrc;
	bool sr; /* else RR */
	uint64_t ntp;
	uint32_t rtp_ts, packets, octets;
	const struct rtcp_block *block; /* NULL: none */
	const char *cname;
	const struct rtcp_voip *voip; /* NULL: none */
	bool rrtr;
	uint32_t dlrr_ssrc, dlrr_lrr, dlrr_delay; /* dlrr_lrr 0: none */
	const char *bye;                          /* NULL: no BYE; a reason, may be "" */
};
/* Octets written; 0: cap is less than is needed. */
size_t rtcp_build(const struct rtcp_out *o, uint8_t *p, size_t cap);

/* The 32 middle bits of an NTP time, as LSR and LRR. */
static inline uint32_t rtcp_mid(uint64_t ntp)
{
	return (uint32_t)(ntp >> 16);
}
/* NTP time of µs since 1970. */
uint64_t rtcp_ntp(uint64_t unix_us);
/* Round trip in µs by a block's LSR and DLSR and our middle NTP time now; 0: unknown or nonsense. */
uint32_t rtcp_rtt_us(uint32_t now_mid, uint32_t lsr, uint32_t dlsr);
#endif
