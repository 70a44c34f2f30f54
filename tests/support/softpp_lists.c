/* List access at the portable side (TS 102 527-3 7.4.10), strict: a call of class "list access", one session: which fields there are,
 * all entries, the end. What comes back is taken apart octet by octet; every entry is an event. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/softpp_priv.h"

#define RULE    "TS 102 527-3 7.4.10"
#define CHUNK   6 /* entries asked for at a time */
#define ANSWER  8000
#define ALL_MAX 8192

enum ls { LS_CALL, LS_START, LS_QUERY, LS_READ, LS_DATA, LS_DELETE, LS_END };
struct sp_lists {
	enum ls st;
	unsigned list, session, total, next, want, got;
	bool has_search, clear;
	char search[32];
	uint8_t fields[16];
	unsigned nfields;
	uint8_t data[ALL_MAX];
	size_t n;
	struct tmr t;
	struct softpp *pp;
};

static const char *const names[] = { "lists", "missed", "outgoing", "accepted", "all", "contacts",
	"names", "settings", "line" };

static void bad(struct softpp *pp, const char *what)
{
	sp_violation(pp, RULE, "list access: %s", what);
}

static void command(struct softpp *pp, const uint8_t *cmd, size_t n)
{
	uint8_t buf[SP_MSG_MAX], v[96] = { 0xc3 };
	struct wr w = sp_begin(buf, pp->cc.ti, 0x60);

	memcpy(v + 1, cmd, n);
	sp_put(&w, 0x77, v, n + 1);
	sp_send(pp, buf, w.n);
	tmr_start(&pp->lists->t, ANSWER);
}

static size_t put_number(uint8_t *p, unsigned v)
{
	if (v < 0x80) {
		p[0] = (uint8_t)(0x80 | v);
		return 1;
	}
	p[0] = (uint8_t)(v >> 7 & 0x7f);
	p[1] = (uint8_t)(0x80 | (v & 0x7f));
	return 2;
}

static unsigned get_number(const uint8_t **p, const uint8_t *end, bool *ok)
{
	unsigned v = 0;

	for (unsigned i = 0; i < 2 && *p < end; i++) {
		v = v << 7 | (**p & 0x7fu);
		if (*(*p)++ & 0x80)
			return v;
	}
	*ok = false;
	return 0;
}

static void end_session(struct softpp *pp)
{
	uint8_t c[4] = { 0x02 };

	pp->lists->st = LS_END;
	command(pp, c, 1 + put_number(c + 1, pp->lists->session));
}

static void read_more(struct softpp *pp)
{
	struct sp_lists *l = pp->lists;
	uint8_t c[64] = { 0x06 };
	size_t n = 1;

	if (l->next > l->total) {
		if (l->clear) {
			c[0] = 0x0e;
			l->st = LS_DELETE;
			command(pp, c, 1 + put_number(c + 1, l->session));
		} else {
			end_session(pp);
		}
		return;
	}
	l->st = LS_READ;
	l->want = l->total - l->next + 1 < CHUNK ? l->total - l->next + 1 : CHUNK;
	n += put_number(c + n, l->session);
	n += put_number(c + n, l->next);
	c[n++] = (uint8_t)l->want;
	c[n++] = l->list == 1 ? 0x7f : 0x00; /* missed calls are marked as read */
	memcpy(c + n, l->fields, l->nfields);
	command(pp, c, n + l->nfields);
}

static void find(struct softpp *pp)
{
	struct sp_lists *l = pp->lists;
	uint8_t c[96] = { 0x10 };
	size_t n = 1, len = strlen(l->search);

	l->st = LS_READ;
	l->want = CHUNK;
	n += put_number(c + n, l->session);
	c[n++] = 0x00;
	n += put_number(c + n, (unsigned)len);
	memcpy(c + n, l->search, len);
	n += len;
	c[n++] = CHUNK;
	c[n++] = 0x00;
	memcpy(c + n, l->fields, l->nfields);
	command(pp, c, n + l->nfields);
}

/* A field as text: letters as they are, other octets in hex. */
static void show(const uint8_t *p, unsigned n, struct wr *w)
{
	bool text = n > 1;

	for (unsigned i = 1; i < n; i++)
		text = text && p[i] >= 0x20 && p[i] != 0x7f;
	if (text && n > 1)
		wr_bytes(w, p + 1, n - 1);
	else
		wr_hex(w, p, n);
}

static void entries(struct softpp *pp)
{
	struct sp_lists *l = pp->lists;
	const uint8_t *p = l->data, *end = l->data + l->n;
	unsigned count = 0;
	bool ok = true;

	while (p < end && ok) {
		char text[400];
		struct wr w = wr_of(text, sizeof(text) - 1);
		unsigned id = get_number(&p, end, &ok), len = get_number(&p, end, &ok), last = 0;
		const uint8_t *stop = p + len;

		if (!ok || stop > end)
			break;
		while (p < stop && ok) {
			unsigned f = *p++, n = get_number(&p, stop, &ok);

			if (!ok || p + n > stop || !n) {
				ok = false;
				break;
			}
			if (!memchr(l->fields, (int)f, l->nfields))
				bad(pp, "a field that was not asked for");
			if (f <= last)
				bad(pp, "fields not in the order that was asked for");
			if (!(p[0] & 0x80))
				bad(pp, "properties without bit 8");
			wr_fmt(&w, " %u=", f);
			show(p, n, &w);
			last = f;
			p += n;
		}
		(void)wr_nul(&w);
		sp_event(pp, "list %s entry %u:%s", names[l->list], id, text);
		count++;
	}
	if (!ok || p != end)
		bad(pp, "entries end in the middle");
	if (count != l->got)
		bad(pp, "not as many entries as confirmed");
	l->n = 0;
	l->next += count;
	if (l->has_search)
		end_session(pp);
	else
		read_more(pp);
}

static void started(struct softpp *pp, const uint8_t *p, const uint8_t *end)
{
	struct sp_lists *l = pp->lists;
	uint8_t c[4] = { 0x04 };
	bool ok = p < end;

	if (ok && *p++ != l->list)
		bad(pp, "session of another list");
	l->session = get_number(&p, end, &ok);
	l->total = get_number(&p, end, &ok);
	if (!ok || p >= end) {
		bad(pp, "start session confirm is too short");
		return;
	}
	sp_event(pp, "list %s has %u entries%s", names[l->list], l->total,
	    l->session ? "" : ": refused");
	if (!l->session) {
		(void)sp_hang_up(pp, 0);
		return;
	}
	l->next = 1;
	l->st = LS_QUERY;
	command(pp, c, 1 + put_number(c + 1, l->session));
}

static void fields(struct softpp *pp, const uint8_t *p, const uint8_t *end)
{
	struct sp_lists *l = pp->lists;
	unsigned n, parts;

	l->nfields = 0;
	for (parts = 0; parts < 2 && p < end; parts++) {
		n = *p++;
		if (p + n > end || l->nfields + n > sizeof(l->fields)) {
			bad(pp, "fields end in the middle");
			return;
		}
		memcpy(l->fields + l->nfields, p, n);
		l->nfields += n;
		p += n;
	}
	if (parts != 2 || p != end)
		bad(pp, "query confirm is not two lists of fields");
	if (l->has_search)
		find(pp);
	else
		read_more(pp);
}

static void answer(struct softpp *pp, const uint8_t *p, const uint8_t *end)
{
	struct sp_lists *l = pp->lists;
	uint8_t cmd = *p++;
	bool ok = true;
	unsigned s;

	if (cmd == 0x01 && l->st == LS_START) {
		started(pp, p, end);
		return;
	}
	s = get_number(&p, end, &ok);
	if (!ok || s != l->session) {
		bad(pp, "another session");
		return;
	}
	if (cmd == 0x12) {
		sp_event(pp, "list %s refused: reason %u", names[l->list], p < end ? *p : 255);
		end_session(pp);
	} else if (cmd == 0x05 && l->st == LS_QUERY) {
		fields(pp, p, end);
	} else if ((cmd == 0x07 || cmd == 0x11) && l->st == LS_READ) {
		s = get_number(&p, end, &ok);
		if (!ok || p + 1 != end) {
			bad(pp, "read confirm has another length");
			return;
		}
		l->got = *p & 0x7f;
		if (l->got && s != l->next)
			bad(pp, "entries begin elsewhere");
		if (l->got > l->want)
			bad(pp, "more entries than asked for");
		if (l->got)
			l->st = LS_DATA;
		else
			end_session(pp);
	} else if ((cmd == 0x13 || cmd == 0x14) && l->st == LS_DATA) {
		size_t n = (size_t)(end - p);

		if (l->n + n > sizeof(l->data)) {
			bad(pp, "too much");
			return;
		}
		memcpy(l->data + l->n, p, n);
		l->n += n;
		if (cmd == 0x14)
			entries(pp);
	} else if (cmd == 0x0f && l->st == LS_DELETE) {
		sp_event(pp, "list %s cleared", names[l->list]);
		end_session(pp);
	} else if (cmd == 0x03 && l->st == LS_END) {
		sp_event(pp, "list %s done", names[l->list]);
		tmr_stop(&l->t);
		(void)sp_hang_up(pp, 0);
	} else {
		sp_violation(pp, RULE, "command %02x not awaited", cmd);
	}
}

void sp_lists_input(struct softpp *pp, const struct sp_msg *m)
{
	const struct sp_ie *i = sp_ie(m, 0x77);

	if (!pp->lists || !i || i->n < 3 || i->p[0] != 0xc3) {
		sp_event(pp, "IWU-INFO");
		return;
	}
	tmr_stop(&pp->lists->t);
	answer(pp, i->p + 1, i->p + i->n);
}

void sp_lists_connected(struct softpp *pp)
{
	struct sp_lists *l = pp->lists;

	if (!l || l->st != LS_CALL)
		return;
	l->st = LS_START;
	command(pp, (uint8_t[]){ 0x00, (uint8_t)l->list, 0x00 }, 3);
}

void sp_lists_end(struct softpp *pp)
{
	if (!pp->lists)
		return;
	tmr_stop(&pp->lists->t);
	free(pp->lists);
	pp->lists = NULL;
}

static void on_silence(struct tmr *t, void *ctx)
{
	struct softpp *pp = ctx;

	(void)t;
	bad(pp, "no answer to a command");
	(void)sp_hang_up(pp, 0);
}

int sp_lists(struct softpp *pp, const char *list, const char *search, bool clear)
{
	unsigned n = 0;
	int err;

	while (n < sizeof(names) / sizeof(names[0]) && strcmp(names[n], list) != 0)
		n++;
	if (n == sizeof(names) / sizeof(names[0]) || (search && strlen(search) >= 32))
		return ERR_SYNTAX;
	err = sp_dial(pp, "", DIAL_LISTS);
	if (err)
		return err;
	sp_lists_end(pp);
	pp->lists = mem_new(sizeof(*pp->lists));
	pp->lists->list = n;
	pp->lists->clear = clear;
	pp->lists->pp = pp;
	pp->lists->has_search = search != NULL;
	if (search)
		snprintf(pp->lists->search, sizeof(pp->lists->search), "%s", search);
	tmr_init(&pp->lists->t, pp->w, on_silence, pp);
	return 0;
}
