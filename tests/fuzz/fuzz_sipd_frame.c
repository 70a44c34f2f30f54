/* An octet stream cut into pieces anywhere: framing finds the same messages as in one piece, always gets on, and never
 * reads beyond. */
#include <stdlib.h>
#include <string.h>

#include "sipd/tp_frame.h"
#include "sipd/tp_stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	unsigned n;
	unsigned char kind[256];
	size_t len[256];
};

/* Feeds the octets in steps; step 0: all at once. */
static void run(const char *p, size_t n, size_t step, struct seen *s)
{
	size_t at = 0, have = step ? 0 : n, scanned = 0, skip = 0;

	memset(s, 0, sizeof(*s));
	for (;;) {
		if (skip) {
			size_t k = have - at < skip ? have - at : skip;
			at += k;
			skip -= k;
		}
		struct tp_frame f = { TP_FRAME_MORE, 0, 0 };
		if (at < have && !skip) {
			char *exact = malloc(have - at); /* so that a read beyond is seen */
			memcpy(exact, p + at, have - at);
			f = tp_frame_next(exact, have - at, &scanned, false);
			free(exact);
		}
		if (f.kind == TP_FRAME_MORE) {
			if (have == n)
				return;
			have = have + step < n ? have + step : n;
			continue;
		}
		if (f.n == 0 || f.n > have - at)
			abort();
		scanned = 0;
		if (s->n < 256) {
			s->kind[s->n] = (unsigned char)f.kind;
			s->len[s->n++] = f.n;
		}
		if (f.kind == TP_FRAME_LOST)
			return;
		at += f.n;
		skip = f.skip;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole, cut;
	uint8_t id[TP_STUN_ID], mapped[18];
	size_t n;

	if (size > 20000)
		return 0;
	(void)tp_stun_is(data, size);
	(void)tp_stun_response(data, size, id, mapped, &n);
	run((const char *)data, size, 0, &whole);
	for (size_t step = 1; step < 64; step = step * 3 + 1) {
		run((const char *)data, size, step, &cut);
		if (cut.n != whole.n)
			abort();
		for (unsigned i = 0; i < whole.n; i++)
			if (whole.kind[i] != cut.kind[i] ||
			    (whole.kind[i] == TP_FRAME_MSG && whole.len[i] != cut.len[i]))
				abort();
	}
	return 0;
}
