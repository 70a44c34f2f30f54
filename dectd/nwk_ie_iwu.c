/* S-format elements that carry what is not the network layer's: interworking data, proprietary, text, changes of lists. */
#include "dectd/nwk_ie_priv.h"

static int iwu_read(struct rd *r, struct ie_iwu *out)
{
	uint8_t o = rd_u8(r);

	out->reject = !(o & 0x40);
	out->disc = o & 0x3f;
	out->data = ie_rest(r);
	return 0;
}

static void iwu_write(struct wr *w, const struct ie_iwu *in)
{
	ie_field(w, in->disc, 0x3f);
	wr_u8(w, 0x80u | (in->reject ? 0 : 0x40u) | in->disc);
	wr_slice_add(w, in->data);
}

IE_DEFINE(iwu, IE_IWU_TO_IWU)

static int escape_read(struct rd *r, struct ie_escape *out)
{
	out->has_emc = (rd_u8(r) & 0x7f) == 1;
	if (out->has_emc)
		out->emc = rd_be16(r);
	out->data = ie_rest(r);
	return 0;
}

static void escape_write(struct wr *w, const struct ie_escape *in)
{
	wr_u8(w, in->has_emc ? 0x81 : 0x80);
	if (in->has_emc)
		wr_be16(w, in->emc);
	wr_slice_add(w, in->data);
}

IE_DEFINE(escape, IE_ESCAPE)

int ie_escape_nth(const struct nwk_msg *m, unsigned nth, struct ie_escape *out)
{
	const struct nwk_ie *ie = nwk_ie_nth(m, IE_ESCAPE, nth);

	*out = (struct ie_escape){ 0 };
	return ie ? ie_escape_parse(rd_of(ie->p, ie->n), out) : ERR_NOTFOUND;
}

static int alphanumeric_read(struct rd *r, struct ie_alphanumeric *out)
{
	uint8_t o = rd_u8(r);

	out->type = o >> 4 & 7;
	out->odd = o & 0x08;
	out->set = o & 7;
	out->data = ie_rest(r);
	return 0;
}

static void alphanumeric_write(struct wr *w, const struct ie_alphanumeric *in)
{
	ie_field(w, in->type, 7);
	ie_field(w, in->set, 7);
	wr_u8(w, 0x80u | (unsigned)in->type << 4 | (in->odd ? 0x08u : 0) | in->set);
	wr_slice_add(w, in->data);
}

IE_DEFINE(alphanumeric, IE_ALPHANUMERIC)

static int list_change_read(struct rd *r, struct ie_list_change *out)
{
	out->list = rd_u8(r) & 0x7f;
	out->data = ie_rest(r);
	return 0;
}

static void list_change_write(struct wr *w, const struct ie_list_change *in)
{
	ie_field(w, in->list, 0x7f);
	wr_u8(w, 0x80u | in->list);
	wr_slice_add(w, in->data);
}

IE_DEFINE(list_change, IE_LIST_CHANGE)

/* ---- all elements ---- */

static int check_octets(size_t n, size_t a, size_t b, size_t c)
{
	return n == a || n == b || n == c ? 0 : ERR_VALUE;
}

int ie_value_check(uint8_t id, struct rd v)
{
	union {
#define E(name, id) struct ie_##name name;
		IE_LIST(E)
		struct ie_basic_service basic_service;
#undef E
	} u;

	switch (id) {
#define E(name, id)                                                                                \
	case id:                                                                                   \
		return ie_##name##_parse(v, &u.name);
		IE_LIST(E)
#undef E
	case IE_CALLED_NUMBER:
		return ie_number_parse(v, &u.number);
	case IE_BASIC_SERVICE:
		return ie_basic_service_parse(v, &u.basic_service);
	case IE_RAND:
		return check_octets(rd_left(&v), 8, 8, 16);
	case IE_RES:
		return check_octets(rd_left(&v), 4, 4, 4);
	case IE_RS:
		return check_octets(rd_left(&v), 8, 16, 6);
	case IE_ZAP:
	case IE_SERVICE_CLASS:
	case IE_REJECT_REASON:
		return rd_left(&v) ? 0 : ERR_TRUNCATED;
	default:
		return 0;
	}
}
