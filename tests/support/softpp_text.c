/* What a handset shows: its display, numbers and names, message-waiting and missed-call lamps, the clock. */
#include <string.h>

#include "tests/support/softpp_priv.h"

void sp_display_clear(struct softpp *pp)
{
	memset(pp->cell, 0, sizeof(pp->cell));
	pp->row = pp->col = 0;
}

/* Characters beyond ASCII are those of ISO 8859-1. */
void sp_display_text(const struct softpp *pp, char out[SP_DISPLAY_MAX])
{
	size_t o = 0;

	for (unsigned r = 0; r < pp->lines; r++) {
		unsigned end = pp->cols;

		while (end && (pp->cell[r][end - 1] == 0 || pp->cell[r][end - 1] == ' '))
			end--;
		if (r)
			out[o++] = '|';
		for (unsigned c = 0; c < end; c++) {
			uint8_t ch = pp->cell[r][c] ? pp->cell[r][c] : ' ';

			if (ch >= 0x80)
				out[o++] = (char)(0xc0 | ch >> 6);
			out[o++] = (char)(ch < 0x80 ? ch : 0x80 | (ch & 0x3f));
		}
	}
	out[o] = '\0';
}

static void scroll(struct softpp *pp)
{
	if (pp->row < pp->lines)
		return;
	memmove(pp->cell[0], pp->cell[1], (pp->lines - 1u) * sizeof(pp->cell[0]));
	memset(pp->cell[pp->lines - 1], 0, sizeof(pp->cell[0]));
	pp->row = pp->lines - 1u;
}

/* A full line wraps by itself at its next character. */
static void put(struct softpp *pp, uint8_t c)
{
	if (pp->col >= pp->cols) {
		pp->col = 0;
		pp->row++;
	}
	scroll(pp);
	pp->cell[pp->row][pp->col++] = c;
}

static void control(struct softpp *pp, uint8_t c)
{
	switch (c) {
	case 0x0c:
		sp_display_clear(pp);
		return;
	case 0x02:
		pp->row = pp->col = 0;
		return;
	case 0x08:
		if (pp->col)
			pp->col--;
		return;
	case 0x09:
		if (pp->col < pp->cols)
			pp->col++;
		return;
	case 0x0a:
		pp->row++;
		scroll(pp);
		return;
	case 0x0b:
		if (pp->row)
			pp->row--;
		return;
	case 0x0d:
		pp->col = 0;
		return;
	case 0x03:
	case 0x06:
	case 0x07:
	case 0x0e:
	case 0x0f:
	case 0x19:
	case 0x1a:
		return; /* beyond the announced level; told already */
	default:
		sp_violation(pp, "dect-nwk 14.1", "display control %02x", c);
	}
}

/* Control codes: the capabilities announce level 2: 0C, 08-0B, 0D. */
static bool allowed(uint8_t c)
{
	return c == 0x0c || (c >= 0x08 && c <= 0x0d);
}

void sp_display(struct softpp *pp, const struct sp_msg *m)
{
	const struct sp_ie *d = sp_ie(m, 0x28), *one = sp_ie(m, 0xe8);
	char all[SP_DISPLAY_MAX];

	if (!d)
		d = one;
	if (!d || !d->n)
		return;
	if (pp->lines == 0) {
		sp_violation(pp, "dect-nwk 14.2", "display for a handset without one");
		return;
	}
	for (unsigned i = 0; i < d->n; i++) {
		uint8_t c = d->p[i];

		if (c >= 0x20) {
			if (c >= 0x80 && pp->profile != SPP_NG)
				sp_violation(pp, "dect-nwk 14.1",
				    "character %02x, and no set was announced", c);
			put(pp, c);
			continue;
		}
		if (!allowed(c))
			sp_violation(
			    pp, "dect-nwk 14.2", "control %02x beyond the announced level", c);
		control(pp, c);
	}
	sp_display_text(pp, all);
	sp_event(pp, "display %s", all);
}

static bool utf8(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n;) {
		unsigned more = p[i] < 0x80       ? 0
		                : p[i] >> 5 == 6  ? 1
		                : p[i] >> 4 == 14 ? 2
		                : p[i] >> 3 == 30 ? 3
		                                  : 9;

		if (more == 9 || i + more >= n)
			return false;
		for (unsigned k = 1; k <= more; k++)
			if (p[i + k] >> 6 != 2)
				return false;
		i += more + 1;
	}
	return true;
}

static void text_of(
    struct softpp *pp, const uint8_t *p, size_t n, bool is_utf8, char *out, size_t cap)
{
	size_t o = 0;

	if (is_utf8 && !utf8(p, n))
		sp_violation(pp, "dect-nwk 6.6", "name is not UTF-8");
	for (size_t i = 0; i < n && o + 3 < cap; i++) {
		if (p[i] < 0x20)
			sp_violation(pp, "dect-nwk 6.6", "control %02x in a number or name", p[i]);
		else if (is_utf8 || p[i] < 0x80)
			out[o++] = (char)p[i];
		else {
			out[o++] = (char)(0xc0 | p[i] >> 6);
			out[o++] = (char)(0x80 | (p[i] & 0x3f));
		}
	}
	out[o] = '\0';
}

/* Calling or called party. */
void sp_party(struct softpp *pp, const struct sp_msg *m, char *number, char *name, size_t cap)
{
	const struct sp_ie *n = sp_ie(m, 0x6c), *na = sp_ie(m, 0x6d), *to = sp_ie(m, 0x70),
	                   *tn = sp_ie(m, 0x73);

	if (n && n->n >= 1) {
		unsigned skip = n->p[0] & 0x80 ? 1 : 2;

		if (n->n < skip)
			sp_violation(pp, "dect-nwk 6.6", "calling party number of %u octets", n->n);
		else if (skip == 2 && (n->p[1] & 0x60) == 0x20 && n->n > 2)
			sp_violation(pp, "dect-nwk 6.6", "restricted number with digits");
		else
			text_of(pp, n->p + skip, n->n - skip, false, number, cap);
	} else if (to && to->n >= 1) {
		text_of(pp, to->p + 1, to->n - 1u, false, number, cap);
	}
	if (na && na->n >= 1) {
		if (na->p[0] & 0x80)
			sp_violation(pp, "dect-nwk 6.6", "bit 8 of calling party name");
		text_of(pp, na->p + 1, na->n - 1u, (na->p[0] >> 2 & 7) == 1, name, cap);
	} else if (tn && tn->n >= 2) {
		size_t len = tn->p[1] & 0x7f;

		if (2 + len > tn->n)
			sp_violation(pp, "dect-nwk 6.6", "called party name overruns its element");
		else
			text_of(pp, tn->p + 2, len, (tn->p[0] >> 2 & 7) == 1, name, cap);
	}
}

/* ---- events notification, call information, time ---- */

static unsigned seven(struct rd *r)
{
	unsigned v = 0;
	uint8_t c;

	do {
		c = rd_u8(r);
		v = v << 7 | (c & 0x7f);
	} while (!(c & 0x80) && !r->bad);
	return v;
}

static void notification(struct softpp *pp, const struct sp_ie *e)
{
	struct rd r = rd_of(e->p, e->n);

	while (rd_left(&r) && !r.bad) {
		uint8_t type = rd_u8(&r);
		unsigned sub = 0, n;

		if (!(type & 0x80))
			sub = seven(&r);
		n = seven(&r);
		if (r.bad)
			break;
		switch (type & 0x3f) {
		case 0:
			pp->mwi = n;
			sp_event(pp, "mwi %u", n);
			break;
		case 1:
			pp->missed = n;
			sp_event(pp, "missed %u", n);
			break;
		case 3:
			sp_event(pp, "list %u changed, %u entries", sub, n);
			break;
		default:
			sp_event(pp, "notification %u/%u: %u", type & 0x3fu, sub, n);
		}
	}
	if (r.bad)
		sp_violation(pp, "dect-nwk 6.6", "events notification is cut off");
}

static unsigned bcd(uint8_t c)
{
	return (c >> 4) * 10u + (c & 15u);
}

static void clock_of(struct softpp *pp, const struct sp_ie *e)
{
	unsigned want = 0;

	if (!e->n)
		return;
	want = (e->p[0] & 0x80 ? 3u : 0u) + (e->p[0] & 0x40 ? 4u : 0u);
	if ((e->p[0] & 0x3f) > 1)
		return;
	if (e->n != 1 + want) {
		sp_violation(pp, "dect-nwk 6.6", "time-date of %u octets", e->n);
		return;
	}
	for (unsigned i = 1; i < 1 + want; i++)
		if (i < want && ((e->p[i] >> 4) > 9 || (e->p[i] & 15) > 9))
			sp_violation(pp, "dect-nwk 6.6", "time-date octet %02x is no BCD", e->p[i]);
	if (want == 7)
		snprintf(pp->clock, sizeof(pp->clock), "20%02u-%02u-%02u %02u:%02u", bcd(e->p[1]),
		    bcd(e->p[2]), bcd(e->p[3]), bcd(e->p[4]), bcd(e->p[5]));
	sp_event(pp, "time %s", pp->clock);
}

static void call_info(struct softpp *pp, const struct sp_ie *e)
{
	struct rd r = rd_of(e->p, e->n);

	while (rd_left(&r) && !r.bad) {
		uint8_t type = rd_u8(&r), sub = rd_u8(&r);
		unsigned v = 0;

		if (!(type == 0 && sub == 4))
			v = seven(&r);
		if (!r.bad)
			sp_event(pp, "callinfo %u/%u %u", type, sub, v);
	}
	if (r.bad)
		sp_violation(pp, "dect-nwk 6.6", "call information is cut off");
}

void sp_events(struct softpp *pp, const struct sp_msg *m)
{
	const struct sp_ie *n = sp_ie(m, 0x7d), *t = sp_ie(m, 0x23), *c = sp_ie(m, 0x7e);

	if ((n || c) && pp->profile != SPP_NG)
		sp_violation(pp, "dect-nwk 15.7",
		    "element of NG-DECT part 3 to a handset that is plain GAP");
	if (n)
		notification(pp, n);
	if (t)
		clock_of(pp, t);
	if (c)
		call_info(pp, c);
}
