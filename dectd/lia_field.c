/* List access: the fields of entries (TS 102 527-3 7.4.10.5). */
#include <string.h>
#include <time.h>

#include "common/rd.h"
#include "dectd/lia.h"
#include "dectd/nwk_ie.h"

#define PROPS         0x80u
#define LINE_ID       1 /* the only line of a handset here */
#define LINE_NAME_MAX 24

enum what {
	W_NONE,
	W_LISTS,
	W_NUMBER,
	W_NAME,
	W_TIME,
	W_READ,
	W_LINE_NAME,
	W_LINE_ID,
	W_CALLS,
	W_CALL_TYPE,
	W_CONTACT,
	W_HANDSETS,
	W_MULTIPLE,
	W_INTRUSION
};

/* By list and field identifier, from 1. Contacts have a name in one piece: it stands in the first field, the first name is left out. */
static const uint8_t kinds[LIA_NLISTS][10] = {
	[LIA_LISTS] = { W_LISTS },
	[LIA_MISSED] = { W_NUMBER, W_NAME, W_TIME, W_READ, W_LINE_NAME, W_LINE_ID, W_CALLS },
	[LIA_OUTGOING] = { W_NUMBER, W_NAME, W_TIME, W_LINE_NAME, W_LINE_ID },
	[LIA_ACCEPTED] = { W_NUMBER, W_NAME, W_TIME, W_LINE_NAME, W_LINE_ID },
	[LIA_ALL] = { W_CALL_TYPE, W_NUMBER, W_NAME, W_TIME, W_LINE_NAME, W_LINE_ID },
	[LIA_CONTACTS] = { W_NAME, W_NONE, W_CONTACT, W_NONE, W_LINE_ID },
	[LIA_LINE] = { W_LINE_NAME, W_LINE_ID, W_HANDSETS, W_NONE, W_NONE, W_NONE, W_NONE,
	    W_MULTIPLE, W_INTRUSION },
};
static const struct {
	uint8_t n, id[9];
} fields[LIA_NLISTS] = {
	[LIA_LISTS] = { 1, { 1 } },
	[LIA_MISSED] = { 7, { 1, 2, 3, 4, 5, 6, 7 } },
	[LIA_OUTGOING] = { 5, { 1, 2, 3, 4, 5 } },
	[LIA_ACCEPTED] = { 5, { 1, 2, 3, 4, 5 } },
	[LIA_ALL] = { 6, { 1, 2, 3, 4, 5, 6 } },
	[LIA_CONTACTS] = { 3, { 1, 3, 5 } },
	[LIA_LINE] = { 5, { 1, 2, 3, 8, 9 } },
};
static const uint8_t lists[] = { LIA_LISTS, LIA_MISSED, LIA_OUTGOING, LIA_ACCEPTED, LIA_ALL,
	LIA_CONTACTS, LIA_LINE };

size_t lia_fields(enum lia_list list, const uint8_t **out)
{
	*out = list < LIA_NLISTS ? fields[list].id : NULL;
	return list < LIA_NLISTS ? fields[list].n : 0;
}

void lia_put_number(struct wr *w, unsigned v)
{
	if (v > 0x3fff)
		v = 0x3fff;
	if (v > 0x7f)
		wr_u8(w, v >> 7);
	wr_u8(w, 0x80u | (v & 0x7f));
}

int lia_get_number(struct slice *s, unsigned *v)
{
	*v = 0;
	for (unsigned i = 0; i < 2; i++) {
		if (!s->n)
			return ERR_TRUNCATED;
		uint8_t o = (uint8_t)*s->p;
		s->p++;
		s->n--;
		*v = *v << 7 | (o & 0x7fu);
		if (o & 0x80)
			return 0;
	}
	return ERR_VALUE;
}

static void put_time(struct wr *w, uint64_t when)
{
	time_t t = (time_t)when;
	struct tm tm;
	uint8_t buf[16];
	struct wr e = wr_of(buf, sizeof(buf));

	if (!when || !localtime_r(&t, &tm))
		return;
	ie_time_date_put(&e, &(struct ie_time_date){ .has_time = true,
	                         .has_date = true,
	                         .kind = IE_T_CURRENT,
	                         .year = (uint8_t)(tm.tm_year % 100),
	                         .month = (uint8_t)(tm.tm_mon + 1),
	                         .day = (uint8_t)tm.tm_mday,
	                         .hour = (uint8_t)tm.tm_hour,
	                         .minute = (uint8_t)tm.tm_min,
	                         .second = (uint8_t)(tm.tm_sec > 59 ? 59 : tm.tm_sec),
	                         .zone = (int8_t)(tm.tm_gmtoff / 900) });
	wr_u8(w, PROPS);
	wr_bytes(w, buf + 2, e.n - 2); /* the element without its header */
}

/* The value with its properties; nothing: the entry has none. */
static void put_value(
    struct wr *w, enum what what, const struct iwu_entry *e, const struct lia_line *line)
{
	switch (what) {
	case W_LISTS:
		wr_u8(w, PROPS);
		wr_bytes(w, lists, sizeof(lists));
		break;
	case W_NUMBER:
	case W_CONTACT:
		if (!e->who.number[0])
			break;
		wr_u8(w, PROPS | (what == W_CONTACT ? 0x02u : 0)); /* of work */
		wr_str(w, e->who.number);
		break;
	case W_NAME:
		if (!e->who.name[0])
			break;
		wr_u8(w, PROPS);
		wr_str(w, e->who.name);
		break;
	case W_TIME:
		put_time(w, e->time);
		break;
	case W_READ:
		wr_u8(w, PROPS | (e->unread ? 0x20u : 0));
		break;
	case W_LINE_NAME:
		if (!line->name || !line->name[0])
			break;
		wr_u8(w, PROPS);
		ui_text_clean(w, slice_str(line->name), LINE_NAME_MAX);
		break;
	case W_LINE_ID: /* as in Call information: external line */
		wr_u8(w, PROPS);
		wr_u8(w, 0x00);
		wr_u8(w, 0x80 | LINE_ID);
		break;
	case W_CALLS:
		wr_u8(w, PROPS);
		wr_u8(w, 1);
		break;
	case W_CALL_TYPE: /* call.LogKind: placed, received, missed */
		wr_u8(w, PROPS | (e->kind == 1 ? 0x08u : e->kind == 2 ? 0x10u : 0x20u));
		break;
	case W_HANDSETS: /* a map of them, the first is bit 1 */
		wr_u8(w, PROPS);
		lia_put_number(w, line->handset);
		lia_put_number(w, line->handset ? 1u << (line->handset - 1) % 14 : 0);
		break;
	case W_MULTIPLE:
	case W_INTRUSION:
		wr_u8(w, PROPS);
		wr_u8(w, what == W_MULTIPLE ? '1' : '0');
		break;
	default:
		break;
	}
}

static void put_field(struct wr *w, uint8_t id, enum what what, const struct iwu_entry *e,
    const struct lia_line *line)
{
	uint8_t buf[160];
	struct wr v = wr_of(buf, sizeof(buf));

	put_value(&v, what, e, line);
	if (!v.n || v.bad || v.n > 0x7f)
		return;
	wr_u8(w, id);
	lia_put_number(w, (unsigned)v.n);
	wr_bytes(w, buf, v.n);
}

void lia_put_entry(struct wr *w, enum lia_list list, unsigned id, const struct iwu_entry *e,
    const struct lia_line *line, struct slice wanted)
{
	uint8_t buf[320];
	struct wr v = wr_of(buf, sizeof(buf));

	for (size_t i = 0; i < wanted.n; i++) {
		uint8_t f = (uint8_t)wanted.p[i] & 0x7f;

		if (f >= 1 && f <= sizeof(kinds[list]) && kinds[list][f - 1] != W_NONE)
			put_field(&v, f, (enum what)kinds[list][f - 1], e, line);
	}
	lia_put_number(w, id);
	lia_put_number(w, (unsigned)v.n);
	wr_bytes(w, buf, v.n);
}
