/* The frame of a capture file. */
#include "common/pcap.h"

#define LINKTYPE_RAW 101

void pcap_head(struct wr *w)
{
	wr_le32(w, 0xa1b2c3d4);
	wr_le16(w, 2);
	wr_le16(w, 4);
	wr_le32(w, 0);
	wr_le32(w, 0);
	wr_le32(w, 65535);
	wr_le32(w, LINKTYPE_RAW);
}

void pcap_record(struct wr *w, uint64_t us, size_t kept, size_t len)
{
	wr_le32(w, (uint32_t)(us / 1000000));
	wr_le32(w, (uint32_t)(us % 1000000));
	wr_le32(w, (uint32_t)kept);
	wr_le32(w, (uint32_t)len);
}
