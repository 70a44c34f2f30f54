#ifndef DECTD_TRACE_H
#define DECTD_TRACE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"
#include "common/wr.h"

/* Captures of base stations' links as a pcap file that Wireshark opens with its dissectors dect_mitel_rfp, dect_dlc and
 * dect_nwk (TCP port 16321): the messages as they are before encryption, in IPv4 and TCP headers made up for it, one
 * message a segment. Keys, passwords and values of authentication are overwritten with zeros. Pure.
 *
 * Wireshark keeps its LAPC state by MCEI alone: look at one base at a time (rfp-link 15.1). */

/* What masking has to remember: whose segmented message goes on. Zero at first; one per base. */
struct trace_mask {
	uint8_t more[2][256 / 8]; /* by direction and MCEI */
};
/* Masks one message (type, length, payload) in place. */
void trace_mask(struct trace_mask *t, bool to_rfp, uint8_t *msg, size_t n);

struct trace_flow { /* one base's made-up connection */
	uint8_t ip[4];
	uint16_t port;
	uint32_t seq[2]; /* by direction: to the base, from it */
};
/* One packet record; sets w->bad when there is no room. At most 65,000 octets of the message. */
void trace_packet(
    struct wr *w, uint64_t us, struct trace_flow *f, bool to_rfp, const uint8_t *msg, size_t n);
#define TRACE_OVERHEAD 56 /* octets of a record without the message */
#endif
