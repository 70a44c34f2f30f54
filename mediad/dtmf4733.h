#ifndef MEDIAD_DTMF4733_H
#define MEDIAD_DTMF4733_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* Telephone events, RFC 4733, at 8,000 Hz: the payload, the receiver that reports a key once, and the sender. */

#define DTMF4733_OCTETS 4
#define DTMF4733_QUEUE  64 /* digits */

struct dtmf4733 { /* a payload, RFC 4733 2.3 */
	uint8_t event, volume;
	bool end;
	uint16_t duration; /* 1/8000 s */
};
/* ERR_TRUNCATED: not a whole number of 4 octets. Several events in one packet (2.5.1.5): the first. */
int dtmf4733_parse(const uint8_t *p, size_t n, struct dtmf4733 *out) MUST_CHECK;
void dtmf4733_put(const struct dtmf4733 *e, uint8_t *p);

struct dtmf4733_rx {
	bool any;
	uint32_t ts;
	uint8_t event;
	uint16_t duration;
	bool ended;
};
/* True when a new event begins: reported at its first packet, whichever that is, and never twice. A segment that goes on
 * (2.5.1.3: the next timestamp is where the last duration ended) is no new one. */
bool dtmf4733_rx(struct dtmf4733_rx *r, const struct dtmf4733 *e, uint32_t ts);

struct dtmf4733_tx {
	uint8_t queue[DTMF4733_QUEUE];
	uint16_t ms[DTMF4733_QUEUE], gap[DTMF4733_QUEUE];
	uint8_t n;
	bool on;
	uint32_t ts;             /* of the event */
	uint32_t sent, left_gap; /* ticks */
};
/* One more digit; ms and gap in 40-5000. ERR_LIMIT: the queue is full; ERR_VALUE: no digit. */
int dtmf4733_add(struct dtmf4733_tx *t, char digit, uint32_t ms, uint32_t gap_ms) MUST_CHECK;
static inline bool dtmf4733_busy(const struct dtmf4733_tx *t)
{
	return t->n || t->on || t->left_gap;
}
/* One packet time went by; ticks long. now_ts: the RTP time that began. Returns how many packets to send now (0: a
 * pause; the last packet of an event is sent three times); *e, *ts and *marker say what. */
unsigned dtmf4733_step(struct dtmf4733_tx *t, uint32_t ticks, uint32_t now_ts, struct dtmf4733 *e,
    uint32_t *ts, bool *marker);
#endif
