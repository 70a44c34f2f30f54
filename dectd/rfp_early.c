/* Questions of base stations for default cipher keys, and the answers. */
#include "dectd/rfp_early.h"

#include "common/rd.h"

#define KEY 8

static uint32_t pmid_read(struct rd *r)
{
	uint32_t high = rd_u8(r) & 0x0fu;

	return high << 16 | rd_be16(r);
}

int early_ask_read(enum early_form form, struct slice body, struct early_ask *out)
{
	struct rd r = rd_of(body.p, body.n);

	*out = (struct early_ask){ 0 };
	switch (form) {
	case EARLY_CONNECTION:
		out->has_mcei = true;
		out->has_pmid = body.n == 4 || body.n == 6;
		out->has_index = body.n == 3 || body.n == 6;
		break;
	case EARLY_IDENTITY:
		out->has_pmid = body.n == 3 || body.n == 5;
		out->has_index = body.n == 5;
		break;
	case EARLY_OFF:
		break;
	}
	if (!out->has_pmid && !out->has_index)
		return ERR_SYNTAX;
	if (out->has_mcei)
		out->mcei = rd_u8(&r);
	if (out->has_pmid)
		out->pmid = pmid_read(&r);
	if (out->has_index)
		out->index = rd_be16(&r);
	return r.bad ? ERR_SYNTAX : 0;
}

void early_answer_write(enum early_form form, const struct early_ask *ask, const uint8_t *key,
    size_t nkey, struct wr *w)
{
	if (form == EARLY_CONNECTION) {
		wr_u8(w, ask->mcei);
		wr_u8(w, 0);
	} else {
		wr_u8(w, ask->pmid >> 16 & 0x0f);
		wr_be16(w, ask->pmid & 0xffff);
	}
	if (nkey)
		wr_bytes(w, key, nkey);
	else
		wr_fill(w, 0, KEY);
	if (form == EARLY_CONNECTION)
		wr_u8(w, nkey != 0);
	wr_u8(w, nkey ? 1 : 0xff);
}
