/* S-format messages as a handset sees them (EN 300 175-5 6, 7): taken apart, and checked strictly against the tables of
 * what the fixed part may send. */
#include <string.h>

#include "tests/support/softpp_priv.h"

/* Elements of a message F>P, ids in hex; after ';' mandatory ones. */
struct kind {
	uint8_t pd, type;
	const char *name;
	const char *must, *may;
};

#define COMMON_CC "E4 E8 12 13 17 1B 1C 1E 28 39 66 67 77 7A 7B 7C 7E "
static const struct kind kinds[] = {
	{ PD_LCE, 0x72, "LCE-PAGE-REJECT", "05", "06 60 7B" },
	{ PD_CC, 0x05, "CC-SETUP", "05 06 E0", COMMON_CC "A1 19 41 42 64 65 6C 6D 70 71 75" },
	{ PD_CC, 0x7b, "CC-INFO", "",
	    "A1 E4 E6 E8 E9 1C 1E 28 2C 39 41 42 6C 6D 70 71 73 77 7A 7B 7C 7E" },
	{ PD_CC, 0x0d, "CC-SETUP-ACK", "", COMMON_CC "A2 01 05 06 07 41 42" },
	{ PD_CC, 0x02, "CC-CALL-PROC", "", COMMON_CC "70 73" },
	{ PD_CC, 0x01, "CC-ALERTING", "", COMMON_CC "41 70 73" },
	{ PD_CC, 0x07, "CC-CONNECT", "", COMMON_CC "42 70 73 75" },
	{ PD_CC, 0x0f, "CC-CONNECT-ACK", "", "E8 28 39 77 7A 7B" },
	{ PD_CC, 0x4d, "CC-RELEASE", "", "E2 E8 1C 1E 28 39 75 77 7A 7B" },
	{ PD_CC, 0x5a, "CC-RELEASE-COM", "", "E2 E8 02 07 12 17 1C 28 39 41 75 77 7A 7B" },
	{ PD_CC, 0x20, "CC-SERVICE-CHANGE", "05 16", "12 13 17 1B 66 67 68 75 77 7B 7C" },
	{ PD_CC, 0x21, "CC-SERVICE-ACCEPT", "", "12 13 1B 66 67 68 75 77 7B" },
	{ PD_CC, 0x23, "CC-SERVICE-REJECT", "", "E2 12 17 75 77 7B" },
	{ PD_CC, 0x6e, "CC-NOTIFY", "", "E5 7B" },
	{ PD_CC, 0x60, "IWU-INFO", "", "05 23 68 6C 6D 70 71 75 76 77 7A 7B 7C" },
	{ PD_CC, 0x62, "FACILITY", "", "E8 1C 23 28 39 74 77 7B 7D 7E" },
	{ PD_CC, 0x24, "HOLD", "", "E8 28 7B" },
	{ PD_CC, 0x28, "HOLD-ACK", "", "E8 28 7B" },
	{ PD_CC, 0x30, "HOLD-REJECT", "", "E8 28 60 77 7B" },
	{ PD_CC, 0x31, "RETRIEVE", "", "E8 28 7B" },
	{ PD_CC, 0x33, "RETRIEVE-ACK", "", "E8 28 7B" },
	{ PD_CC, 0x37, "RETRIEVE-REJECT", "", "E8 28 60 77 7B" },
	{ PD_CISS, 0x62, "FACILITY", "", "E8 1C 23 28 39 74 77 7B 7D 7E" },
	{ PD_CISS, 0x64, "CISS-REGISTER", "", "05 E8 1C 28 39 7B" },
	{ PD_CISS, 0x5a, "CISS-RELEASE-COM", "", "E2 E8 1C 28 39 7B" },
	{ PD_CLMS, 0x01, "CLMS-VARIABLE", "05", "23 6C 6D 70 71 75 76 77 7A 7B" },
	{ PD_MM, 0x40, "AUTHENTICATION-REQUEST", "0A 0C 0E", "19 77 7B" },
	{ PD_MM, 0x41, "AUTHENTICATION-REPLY", "0D", "0C 0E 19 77 7B" },
	{ PD_MM, 0x43, "AUTHENTICATION-REJECT", "", "0A 19 60 77 7B" },
	{ PD_MM, 0x42, "KEY-ALLOCATE", "0B 0C 0E", "7B" },
	{ PD_MM, 0x45, "ACCESS-RIGHTS-ACCEPT", "05 06", "07 0A 19 52 54 62 77 78 7B 7C" },
	{ PD_MM, 0x47, "ACCESS-RIGHTS-REJECT", "", "60 72 77 7B" },
	{ PD_MM, 0x48, "ACCESS-RIGHTS-TERMINATE-REQUEST", "05", "06 77 7B" },
	{ PD_MM, 0x49, "ACCESS-RIGHTS-TERMINATE-ACCEPT", "", "7B" },
	{ PD_MM, 0x4b, "ACCESS-RIGHTS-TERMINATE-REJECT", "", "60 72 7B" },
	{ PD_MM, 0x4c, "CIPHER-REQUEST", "19", "1A 1B 77 7B" },
	{ PD_MM, 0x4f, "CIPHER-REJECT", "", "19 60 7B" },
	{ PD_MM, 0x58, "IDENTITY-REQUEST", "02", "41 77 7B" },
	{ PD_MM, 0x55, "LOCATE-ACCEPT", "05 07", "A3 09 42 62 68 72 75 77 78 7B 7C" },
	{ PD_MM, 0x57, "LOCATE-REJECT", "", "60 72 75 77 7B" },
	{ PD_MM, 0x5c, "TEMPORARY-IDENTITY-ASSIGN", "", "05 07 09 41 72 77 7B" },
	{ PD_MM, 0x52, "MM-INFO-SUGGEST", "01", "06 07 09 0E 1A 41 42 56 62 75 77 7B" },
	{ PD_MM, 0x51, "MM-INFO-ACCEPT", "", "01 06 07 09 1A 41 72 75 77 7B" },
	{ PD_MM, 0x53, "MM-INFO-REJECT", "", "1A 60 75 77 7B" },
	{ PD_MM, 0x5b, "MM-IWU", "", "75 77 7A 7B" },
	{ PD_MM, 0x6e, "MM-NOTIFY", "", "E5 7B" },
	/* names of what only we send */
	{ PD_MM, 0x44, "ACCESS-RIGHTS-REQUEST", NULL, NULL },
	{ PD_MM, 0x54, "LOCATE-REQUEST", NULL, NULL },
	{ PD_MM, 0x4e, "CIPHER-SUGGEST", NULL, NULL },
	{ PD_MM, 0x56, "DETACH", NULL, NULL },
	{ PD_LCE, 0x71, "LCE-PAGE-RESPONSE", NULL, NULL },
};

static const struct kind *kind_of(uint8_t pd, uint8_t type)
{
	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].pd == pd && kinds[i].type == type)
			return &kinds[i];
	return NULL;
}

const char *sp_msg_name(uint8_t pd, uint8_t type)
{
	const struct kind *k = kind_of(pd, type);

	return k ? k->name : "?";
}

static unsigned hex1(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'A' + 10);
}

static bool listed(const char *list, uint8_t id)
{
	for (; *list; list += *list == ' ' ? 1 : 2)
		if (*list != ' ' && hex1(list[0]) << 4 == (id & 0xf0u) &&
		    hex1(list[1]) == (id & 0x0fu))
			return true;
	return false;
}

/* Place of an element in the order (dect-nwk 5): variable ones by identifier, fixed ones between them. */
static unsigned place(uint8_t id)
{
	switch (id) {
	case 0xe2: /* release reason */
	case 0xe5: /* timer restart */
		return 0;
	case 0xa3: /* use TPUI */
		return 2 * 0x07 + 1;
	case 0xe0: /* basic service */
		return 2 * 0x09 + 1;
	case 0xe4: /* signal, single display, keypad */
	case 0xe6:
	case 0xe8:
	case 0xe9:
		return 2 * 0x2c + 1;
	case 0xa1:
	case 0xa2:
		return 2 * 0x71 + 1;
	default:
		return 2u * id;
	}
}

struct limit {
	uint8_t id, min, max;
};
static const struct limit limits[] = { { 0x01, 1, 20 }, { 0x02, 2, 3 }, { 0x06, 3, 20 },
	{ 0x07, 1, 10 }, { 0x0a, 3, 7 }, { 0x0b, 2, 3 }, { 0x0c, 8, 8 }, { 0x0d, 4, 4 },
	{ 0x19, 2, 3 }, { 0x1e, 2, 2 }, { 0x52, 1, 1 }, { 0x54, 1, 1 }, { 0x60, 1, 1 },
	{ 0x72, 1, 2 }, { 0x6c, 2, 80 }, { 0x70, 1, 80 }, { 0x75, 2, 2 } };

static void check_ie(struct softpp *pp, const struct sp_msg *m, const struct sp_ie *e)
{
	const char *name = sp_msg_name(m->pd, m->type);

	for (unsigned i = 0; i < ARRAY_LEN(limits); i++)
		if (limits[i].id == e->id && (e->n < limits[i].min || e->n > limits[i].max))
			sp_violation(
			    pp, "dect-nwk 6.6", "%s: element %02x of %u octets", name, e->id, e->n);
	if (e->id == 0x0e && e->n != 8 && e->n != 16)
		sp_violation(pp, "dect-nwk 6.6", "%s: RS of %u octets", name, e->n);
	if ((e->id == 0x05 || e->id == 0x06) && e->n) {
		unsigned bits = e->n > 1 ? e->p[1] & 0x7fu : 0;

		if (e->n < 3 || !(e->p[0] & 0x80) || !(e->p[1] & 0x80) ||
		    e->n != 2 + (bits + 7) / 8) {
			/* A TPUI says 20 bits and takes 3 octets; so does this formula. */
			sp_violation(pp, "dect-nwk 6.6",
			    "%s: identity element %02x says %u bits in %u octets", name, e->id,
			    bits, e->n);
		}
	}
}

static void check(struct softpp *pp, const struct sp_msg *m, const struct kind *k)
{
	unsigned last = 0;
	bool list = false;

	for (unsigned i = 0; i < m->nies; i++) {
		const struct sp_ie *e = &m->ies[i];

		if (e->id == 0xd1 || e->id == 0xd2) {
			list = true;
			continue;
		}
		if (place(e->id) < last)
			sp_violation(pp, "EN 300 175-5 17.5.1", "%s: element %02x is out of order",
			    k->name, e->id);
		last = place(e->id);
		if (!listed(k->must, e->id) && !listed(k->may, e->id))
			sp_violation(
			    pp, "dect-nwk 5", "%s must not have element %02x", k->name, e->id);
		if (!list && i && m->ies[i - 1].id == e->id && e->id != 0x7b)
			sp_violation(pp, "dect-nwk 6.1",
			    "%s: element %02x twice without a repeat indicator", k->name, e->id);
		check_ie(pp, m, e);
	}
	for (const char *p = k->must; *p; p += *p == ' ' ? 1 : 2) {
		uint8_t id;

		if (*p == ' ')
			continue;
		id = (uint8_t)(hex1(p[0]) << 4 | hex1(p[1]));
		if (!sp_ie(m, id))
			sp_violation(
			    pp, "dect-nwk 5", "%s without mandatory element %02x", k->name, id);
	}
	if (sp_ie(m, 0x28) && sp_ie(m, 0xe8))
		sp_violation(pp, "dect-nwk 5.1", "%s with both forms of display", k->name);
}

bool sp_msg_parse(struct softpp *pp, const uint8_t *p, size_t n, struct sp_msg *m)
{
	struct rd r = rd_of(p, n);
	const struct kind *k;
	uint8_t first = rd_u8(&r);

	memset(m, 0, sizeof(*m));
	m->p = p;
	m->n = n;
	m->pd = first & 0x0f;
	m->ti = first >> 4;
	m->type = rd_u8(&r);
	if (r.bad) {
		sp_violation(pp, "EN 300 175-5 17.2", "message of %zu octets", n);
		return false;
	}
	if ((m->ti & 7) == 7) {
		sp_violation(pp, "dect-nwk 3", "extended transaction value");
		return false;
	}
	k = kind_of(m->pd, m->type);
	if (!k || !k->may) {
		sp_violation(pp, "dect-nwk 4", "message type %02x of protocol %u to a handset",
		    m->type, m->pd);
		return false;
	}
	while (rd_left(&r)) {
		struct sp_ie e = { .id = rd_u8(&r) };

		if (e.id & 0x80) {
			if ((e.id & 0xf0) == 0xe0) {
				e.n = 1;
				e.p = rd_bytes(&r, 1);
			}
		} else {
			e.n = rd_u8(&r);
			e.p = rd_bytes(&r, e.n);
		}
		if (r.bad) {
			sp_violation(pp, "dect-nwk 6.1", "%s: element %02x overruns the message",
			    k->name, e.id);
			return false;
		}
		if (m->nies == SP_IES) {
			sp_violation(pp, "dect-nwk 6.1", "%s: too many elements", k->name);
			return false;
		}
		m->ies[m->nies++] = e;
	}
	check(pp, m, k);
	return true;
}

/* A zero-length element counts as absent, but for the identity in LOCATE-ACCEPT: the caller looks at n. */
const struct sp_ie *sp_ie(const struct sp_msg *m, uint8_t id)
{
	for (unsigned i = 0; i < m->nies; i++)
		if (m->ies[i].id == id)
			return &m->ies[i];
	return NULL;
}

struct wr sp_begin(uint8_t *buf, uint8_t first, uint8_t type)
{
	struct wr w = wr_of(buf, SP_MSG_MAX);

	wr_u8(&w, first);
	wr_u8(&w, type);
	return w;
}

void sp_put(struct wr *w, uint8_t id, const void *p, size_t n)
{
	BUG_ON(n > 255);
	wr_u8(w, id);
	wr_u8(w, (unsigned)n);
	wr_bytes(w, p, n);
}

void sp_put2(struct wr *w, uint8_t id, uint8_t v)
{
	wr_u8(w, id);
	wr_u8(w, v);
}
