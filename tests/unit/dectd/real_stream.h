/* The published stream of a real RFP 32 on 7.1 (see test_rfp_msg.c), message by message. */
#ifndef REAL_STREAM_H
#define REAL_STREAM_H
#include <stdio.h>

#include "dectd/rfp_frame.h"
#include "dectd/rfp_msg.h"

/* false: the stream is not there (said so). raw: the message as it stands. */
static inline bool real_stream_each(
    void (*fn)(void *ctx, const struct rfp_msg *m, struct slice raw), void *ctx)
{
	static const uint8_t iv[8] = { 0xa2, 0x12, 0x3a, 0x11, 0xc5, 0x59, 0x3e, 0x01 };
	FILE *f = fopen(TEST_SHARED_DIR "/data/rfp32-71-to-omm.bin", "rb");
	static struct rfp_frame fr;
	struct rfp_cipher c;
	bool sealed = false;

	if (!f) {
		print_message(
		    "skipped: %s/data/rfp32-71-to-omm.bin is not there\n", TEST_SHARED_DIR);
		return false;
	}
	rfp_frame_init(&fr);
	for (;;) {
		size_t room, got;
		uint8_t *to = rfp_frame_room(&fr, &room);
		struct slice raw;

		got = fread(to, 1, room > 1000 ? 1000 : room, f);
		if (got == 0)
			break;
		rfp_frame_put(&fr, got);
		while (rfp_frame_next(&fr, &raw) == 1) {
			struct rfp_msg m;

			if (rfp_msg_parse(raw, &m) == 0)
				fn(ctx, &m, raw);
			if (!sealed) {
				rfp_cipher_fixed(&c, TO_OMM, iv);
				rfp_frame_seal(&fr, &c);
				sealed = true;
			}
		}
	}
	fclose(f);
	return true;
}
#endif
