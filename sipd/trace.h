#ifndef SIPD_TRACE_H
#define SIPD_TRACE_H
#include "common/addr.h"
#include "sipd/sipd.h"

/* `dectctl trace sip`: SIP as it is sent and received, decrypted, as a pcap file (raw IP with UDP headers made up
 * for every transport). Limited in time and size, noted in the log with who asked; media keys and credentials are
 * masked. One capture at a time. */
#define TRACE_MAX (3u << 20)
#define TRACE_MS  600000
ctl_h trace_sip, trace_end;
void trace_stop(struct sipd *s);

/* Overwrites SDES keys, digest responses and NTLM tokens with 'x', keeping the length. */
void trace_mask(char *msg, size_t n);
/* One packet record (pcap, LINKTYPE_RAW) of a message. */
void trace_packet(
    struct wr *w, uint64_t us, const struct addr *from, const struct addr *to, struct slice msg);
#endif
