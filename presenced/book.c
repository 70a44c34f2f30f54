/* Phone book files. */
#include "presenced/book.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/csv.h"
#include "common/mem.h"
#include "presenced/dir_text.h"

static const char *row(const struct slice *f, size_t n, struct dir_entry *e)
{
	static const enum dir_kind kinds[] = { DIR_WORK, DIR_MOBILE, DIR_HOME };

	*e = (struct dir_entry){ 0 };
	if (n > 5)
		return "more than five columns";
	if (f[0].n > 64)
		return "the name is longer than 64";
	if (dir_clean(f[0], e->display, sizeof(e->display)) == 0)
		return "there is no name";
	for (size_t i = 1; i < n && i <= 3; i++) {
		struct slice s = slice_trim(f[i]);

		if (s.n == 0)
			continue;
		if (s.n > 32)
			return "a number is longer than 32";
		e->number[e->nnumbers].kind = kinds[i - 1];
		dir_clean(s, e->number[e->nnumbers].raw, sizeof(e->number[0].raw));
		if (!strpbrk(e->number[e->nnumbers].raw, "0123456789"))
			return "a number has no digits";
		e->nnumbers++;
	}
	if (n > 4 && slice_trim(f[4]).n > 0) {
		struct slice s = slice_trim(f[4]);

		if (s.n > 200 || slice_chr(s, '@') == s.n)
			return "the SIP address is none";
		if (!slice_istarts(s, SLICE_LIT("sip:")))
			memcpy(e->sip, "sip:", 5);
		dir_clean(s, e->sip + strlen(e->sip), sizeof(e->sip) - 5);
	}
	return e->nnumbers == 0 && !e->sip[0] ? "there is neither number nor SIP address" : NULL;
}

int book_read(struct slice text, struct book *b)
{
	char *scratch = mem_new(text.n + 1);
	struct slice f[CSV_FIELDS_MAX];
	size_t n = 0, cap = 0, used = 0;
	struct csv c;
	bool head = true;
	int err;

	*b = (struct book){ 0 };
	csv_init(&c, text, scratch, text.n + 1);
	while ((err = csv_next(&c, f, CSV_FIELDS_MAX, &n)) == 1) {
		struct dir_entry e;
		const char *why;

		if (head && slice_ieq(slice_trim(f[0]), SLICE_LIT("name"))) {
			head = false;
			continue;
		}
		head = false;
		why = row(f, n, &e);
		if (why) {
			b->rejected++;
			if (used + 80 < sizeof(b->why))
				used += (size_t)snprintf(b->why + used, sizeof(b->why) - used,
				    "%sline %u: %s", used ? "; " : "", c.line, why);
			continue;
		}
		if (b->n == BOOK_ROWS_MAX) {
			snprintf(b->why, sizeof(b->why), "more than %d rows", BOOK_ROWS_MAX);
			err = ERR_LIMIT;
			break;
		}
		if (b->n == cap) {
			cap = cap ? 2 * cap : 64;
			b->v = mem_grow(b->v, cap, sizeof(*b->v));
		}
		snprintf(e.key, sizeof(e.key), "%zu", b->n);
		e.nkey = strlen(e.key);
		b->v[b->n++] = e;
	}
	free(scratch);
	if (err == ERR_SYNTAX)
		snprintf(b->why, sizeof(b->why),
		    "line %u: a quotation mark does not end, or text follows it", c.line);
	else if (err == ERR_LIMIT && !b->why[0])
		snprintf(b->why, sizeof(b->why), "line %u: more than %d columns", c.line,
		    CSV_FIELDS_MAX);
	if (err == 0 && b->n == 0)
		err = ERR_SYNTAX;
	if (err) {
		free(b->v);
		b->v = NULL;
		b->n = 0;
	}
	return err;
}

static void cell(struct wr *w, bool first, const char *s)
{
	char t[300];
	bool number = s[0] == '+' && s[1] && s[1 + strspn(s + 1, "0123456789")] == '\0';

	snprintf(t, sizeof(t), "%s%s", s[0] && strchr("=+-@", s[0]) && !number ? "'" : "", s);
	csv_wr(w, first, slice_str(t));
}

void book_write(struct wr *w, const struct dir_hit *h)
{
	cell(w, true, h->display);
	cell(w, false, h->work);
	cell(w, false, h->mobile);
	cell(w, false, h->home);
	cell(w, false, h->sip);
	wr_str(w, "\r\n");
}
