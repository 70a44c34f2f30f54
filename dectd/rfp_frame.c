/* Cuts the octet stream of a base station into messages, decrypting one message at a time. */
#include "dectd/rfp_frame.h"

#include <string.h>

#include "common/mem.h"

void rfp_frame_init(struct rfp_frame *f)
{
	f->at = f->have = 0;
	f->sealed = false;
}

void rfp_frame_wipe(struct rfp_frame *f)
{
	mem_wipe(f, sizeof(*f));
}

void rfp_frame_seal(struct rfp_frame *f, const struct rfp_cipher *rx)
{
	f->rx = *rx;
	f->sealed = true;
}

uint8_t *rfp_frame_room(struct rfp_frame *f, size_t *n)
{
	if (f->at == f->have) {
		f->at = f->have = 0;
	} else if (f->at > sizeof(f->buf) / 2) {
		memmove(f->buf, f->buf + f->at, f->have - f->at);
		f->have -= f->at;
		f->at = 0;
	}
	*n = sizeof(f->buf) - f->have;
	return f->buf + f->have;
}

void rfp_frame_put(struct rfp_frame *f, size_t n)
{
	BUG_ON(n > sizeof(f->buf) - f->have);
	f->have += n;
}

int rfp_frame_next(struct rfp_frame *f, struct slice *msg)
{
	uint8_t *p = f->buf + f->at, head[BF_BLOCK];
	size_t left = f->have - f->at, need = f->sealed ? BF_BLOCK : RFP_HDR;
	unsigned type, len;

	if (left < need)
		return 0;
	if (f->sealed)
		rfp_peek(&f->rx, p, head);
	else
		memcpy(head, p, RFP_HDR);
	type = (unsigned)head[0] << 8 | head[1];
	len = (unsigned)head[2] << 8 | head[3];
	if (type == 0 || type > RFP_TYPE_MAX)
		return ERR_SYNTAX;
	if (len > RFP_PAY_MAX)
		return ERR_LIMIT;
	need = RFP_HDR + len;
	if (f->sealed)
		need = (need + BF_BLOCK - 1) & ~(size_t)(BF_BLOCK - 1);
	if (left < need)
		return 0;
	if (f->sealed)
		rfp_open(&f->rx, p, need);
	f->at += need;
	*msg = (struct slice){ (const char *)p, RFP_HDR + len };
	return 1;
}
