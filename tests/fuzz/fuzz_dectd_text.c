/* Texts from anywhere to handset displays and names: whatever comes in, what goes out is within the limits. */
#include <stdlib.h>
#include <string.h>

#include "dectd/ui_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ui_caps caps = { 0 };
	uint8_t out[4096];
	char *exact = malloc(size ? size : 1);
	struct slice s = { exact, size };
	size_t chars;

	memcpy(exact, data, size);
	if (size > 3) {
		caps.display = data[0] % 6;
		caps.sets = data[1] & 15;
		caps.control = (data[1] >> 4) & 3u;
		caps.lines = data[2] & 15;
		caps.chars = (unsigned)(data[2] >> 4) * 2;
		caps.stored = data[3];
	}
	chars = ui_text_chars(s);
	if (chars > size)
		abort();
	for (unsigned sets = 0; sets < 16; sets++) {
		struct wr w = wr_of(out, sizeof(out));

		ui_text_dect(&w, s, sets, 40);
		if (w.bad || w.n > 40)
			abort();
		for (size_t i = 0; i < w.n; i++)
			if (out[i] < 0x20 || out[i] == 0x7f || (out[i] >= 0x80 && out[i] < 0xa0))
				abort();
	}
	struct wr w = wr_of(out, sizeof(out));
	ui_text_clean(&w, s, UI_NAME_MAX);
	if (w.bad || ui_text_chars(wr_slice(&w)) > UI_NAME_MAX)
		abort();
	w = wr_of(out, sizeof(out));
	ui_text_display(&w, s, &caps);
	if (w.bad || w.n > 255)
		abort();
	struct ui_party p = { .name = s, .number = s, .uri = s };
	struct ui_shown shown;
	ui_party_show(&p, size & 1, &shown);
	if (strlen(shown.number) > UI_URI_MAX || ui_text_chars(slice_str(shown.name)) > UI_NAME_MAX)
		abort();
	w = wr_of(out, sizeof(out));
	ui_party_line(&shown, &w, 24);
	free(exact);
	return 0;
}
