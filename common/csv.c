/* Comma separated values: reader and writer (RFC 4180). */
#include "common/csv.h"

#include <string.h>

void csv_init(struct csv *c, struct slice text, char *scratch, size_t cap)
{
	size_t n[3] = { 0 };
	static const char seps[] = ",;\t";

	if (slice_starts(text, SLICE_LIT("\xEF\xBB\xBF")))
		text = slice_sub(text, 3, text.n);
	*c = (struct csv){
		.c = cur_of(text), .buf = scratch, .cap = cap, .next_line = 1, .sep = ','
	};
	for (size_t i = 0; i < text.n && text.p[i] != '\n'; i++)
		for (size_t k = 0; k < 3; k++)
			n[k] += text.p[i] == seps[k];
	if (n[1] > n[0] && n[1] >= n[2])
		c->sep = ';';
	else if (n[2] > n[0])
		c->sep = '\t';
}

int csv_next(struct csv *c, struct slice *field, size_t cap, size_t *n)
{
	size_t used = 0;

	*n = 0;
	for (;;) { /* empty lines are no records */
		struct cur *k = &c->c;
		if (cur_lit(k, '\n'))
			c->next_line++;
		else if (k->end - k->p >= 2 && k->p[0] == '\r' && k->p[1] == '\n')
			(void)cur_lit(k, '\r');
		else
			break;
	}
	if (cur_done(&c->c))
		return 0;
	c->line = c->next_line;
	for (;;) {
		struct slice f = { c->buf + used, 0 };
		struct cur *k = &c->c;
		bool quoted = cur_lit(k, '"');

		for (;;) {
			if (cur_done(k)) {
				if (quoted)
					return ERR_SYNTAX;
				break;
			}
			char ch = *k->p;
			if (quoted && ch == '"') {
				k->p++;
				if (!cur_lit(k, '"')) {
					if (!cur_done(k) && *k->p != c->sep && *k->p != '\n' &&
					    *k->p != '\r')
						return ERR_SYNTAX;
					break;
				}
			} else if (!quoted && (ch == c->sep || ch == '\n')) {
				break;
			} else {
				k->p++;
				c->next_line += ch == '\n';
			}
			if (used == c->cap)
				return ERR_LIMIT;
			c->buf[used++] = ch;
			f.n++;
		}
		if (f.n && f.p[f.n - 1] == '\r' && !cur_done(k) && *k->p == '\n')
			f.n--;
		if (*n == cap)
			return ERR_LIMIT;
		field[(*n)++] = f;
		if (cur_lit(k, c->sep))
			continue;
		(void)cur_lit(k, '\r');
		if (cur_lit(k, '\n'))
			c->next_line++;
		return 1;
	}
}

void csv_wr(struct wr *w, bool first, struct slice v)
{
	bool quote = false;

	for (size_t i = 0; i < v.n; i++)
		quote |= v.p[i] == '"' || v.p[i] == ',' || v.p[i] == '\n' || v.p[i] == '\r' ||
		         v.p[i] == ';' || v.p[i] == '\t';
	if (!first)
		wr_str(w, ",");
	if (!quote) {
		wr_slice_add(w, v);
		return;
	}
	wr_str(w, "\"");
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '"')
			wr_str(w, "\"");
		wr_u8(w, (uint8_t)v.p[i]);
	}
	wr_str(w, "\"");
}
