/* Phone book files: what is read has no control characters, is within its limits, and written it is read the same. */
#include <stdlib.h>
#include <string.h>

#include "presenced/book.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void clean(const char *s, size_t cap)
{
	if (strlen(s) >= cap)
		abort();
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7F)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size ? size : 1), *out;
	struct book a, b;
	struct wr w;

	if (size)
		memcpy(text, data, size);
	if (book_read((struct slice){ text, size }, &a)) {
		if (a.v || a.n)
			abort();
		free(text);
		return 0;
	}
	out = malloc(a.n * 1400 + 100);
	w = wr_of(out, a.n * 1400 + 100);
	for (size_t i = 0; i < a.n; i++) {
		const struct dir_entry *e = &a.v[i];
		struct dir_hit h = { 0 };

		clean(e->display, sizeof(e->display));
		clean(e->sip, sizeof(e->sip));
		if (!e->display[0] || e->nnumbers > 3 || (e->nnumbers == 0 && !e->sip[0]))
			abort();
		for (unsigned k = 0; k < e->nnumbers; k++)
			clean(e->number[k].raw, sizeof(e->number[k].raw));
		memcpy(h.display, e->display, sizeof(h.display));
		memcpy(h.sip, e->sip, sizeof(h.sip));
		memcpy(h.work, "+4930123", 9);
		book_write(&w, &h);
	}
	if (w.bad)
		abort();
	/* An apostrophe before a formula can make a name too long; a name may be "name". */
	if (book_read(wr_slice(&w), &b) == 0) {
		if (b.n + b.rejected + 1 < a.n || b.n > a.n)
			abort();
		free(b.v);
	}
	free(a.v);
	free(out);
	free(text);
	return 0;
}
