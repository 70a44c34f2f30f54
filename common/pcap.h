#ifndef COMMON_PCAP_H
#define COMMON_PCAP_H
#include "common/wr.h"

/* A capture file as libpcap's and Wireshark's readers know it: LINKTYPE_RAW, IP packets without a link layer; little-endian, as
 * its magic tells. Source: draft-ietf-opsawg-pcap. The writer's sticky error tells that there was no room. */
#define PCAP_HEAD   24
#define PCAP_RECORD 16

void pcap_head(struct wr *w);
/* Begins a record of a packet of which kept octets follow; len: as long as it was. us: since 1970. */
void pcap_record(struct wr *w, uint64_t us, size_t kept, size_t len);
#endif
