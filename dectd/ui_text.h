#ifndef DECTD_UI_TEXT_H
#define DECTD_UI_TEXT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"
#include "common/wr.h"

/* Text on handsets: from UTF-8 to what a display can show (EN 300 175-5 annex D, annex J), and who a party is under the
 * limits of handsets. Input may be anything: invalid UTF-8, control characters, letters of any script and emoji are
 * replaced, never refused. Pure. */

#define UI_URI_MAX  64 /* characters of a URI with its scheme that a handset stores */
#define UI_NAME_MAX 24 /* characters of a name */

/* Character sets of Terminal capability octet 5a, as bits of .sets. */
#define UI_SET_1  0x01u /* ISO 8859-1 */
#define UI_SET_15 0x02u
#define UI_SET_9  0x04u
#define UI_SET_7  0x08u

enum ui_display { /* Terminal capability octet 3, bits 4-1 */
	UI_DISPLAY_UNKNOWN = 0,
	UI_DISPLAY_NONE = 1,
	UI_DISPLAY_NUMERIC = 2,
	UI_DISPLAY_NUMERIC_PLUS = 3,
	UI_DISPLAY_ALPHA = 4,
	UI_DISPLAY_FULL = 5
};

struct ui_caps { /* of one handset; zero: nothing known */
	enum ui_display display;
	unsigned sets;         /* UI_SET_*; the one set that is G1 when a single bit is set */
	unsigned control;      /* level of control codes, 1-4 (octet 5) */
	unsigned lines, chars; /* of the display; 0: unknown */
	unsigned stored;       /* characters that it keeps; 0: unknown */
	bool utf8;             /* names in UTF-8 (New Generation DECT) */
	bool part3;            /* NG-DECT part 3: Call information, events, codes */
	bool wideband;
	unsigned tones; /* octet 3 bits 7-5: 1 none, 2 dial tone, 3 E.182, 4 complete; 0 unknown */
};

/* The next code point of s (advanced past it); U+FFFD for each octet that is no UTF-8. s must not be empty. */
uint32_t ui_text_next(struct slice *s);
void ui_text_put(struct wr *w, uint32_t code_point); /* as UTF-8 */
size_t ui_text_chars(struct slice utf8);
/* At most max characters of it, cut between characters, blanks trimmed, controls left out: valid UTF-8 comes out. */
void ui_text_clean(struct wr *w, struct slice utf8, size_t max);
/* Into the DECT 8-bit set: 20-7E, and the upper half of the one set in sets. At most max octets of text. Unmappable
 * letters become their nearest Latin spelling, emoji an emoticon or '*'. */
void ui_text_dect(struct wr *w, struct slice utf8, unsigned sets, size_t max);
/* A text as Multi-display content for this handset: 0C, then the lines ('\n' in utf8 separates them), within what the
 * display holds or stores. Writes nothing for a handset without display; numeric displays get digits, blank, * and #. */
void ui_text_display(struct wr *w, struct slice utf8, const struct ui_caps *caps);

/* ---- parties ---- */
struct ui_party { /* borrowed; any may be empty */
	struct slice name, number, uri;
	bool anonymous, external;
};
struct ui_shown {
	char number[UI_URI_MAX + 1];    /* what the handset stores and dials back; may be "" */
	bool is_uri;                    /* a SIP URI, not digits */
	char name[UI_NAME_MAX * 4 + 1]; /* UTF-8, at most UI_NAME_MAX characters */
};
/* Chooses what to send of a party: the short dialable number first; a URI only where it is within the limit, or its
 * dialable user part; above all limits nothing but the name. number_only: the handset cannot dial URIs. */
void ui_party_show(const struct ui_party *p, bool number_only, struct ui_shown *out);
/* "Name 4711" in at most max characters, for one line; "anonymous" where nothing is known. */
void ui_party_line(const struct ui_shown *s, struct wr *w, size_t max);
bool ui_is_dialable(struct slice number); /* +, digits, *, # only, at least one */
#endif
