/* Picks the session description of a SIP body (RFC 2046 5.1, RFC 5621 8). */
#include "sipd/sdp_body.h"

#include <string.h>

#define PARTS_MAX 8
#define DEPTH_MAX 3

struct found {
	struct sip_part best, fallback, gateway;
};

static bool is_mixed(struct slice type)
{
	return slice_istarts(type, SLICE_LIT("multipart/mixed"));
}

static bool is_multipart(struct slice type)
{
	return slice_istarts(type, SLICE_LIT("multipart/"));
}

static bool required(struct slice disposition)
{
	struct slice handling;
	size_t semi = slice_chr(disposition, ';');

	return sip_param_find(
	           slice_sub(disposition, semi, disposition.n), SLICE_LIT("handling"), &handling) &&
	       slice_ieq(handling, SLICE_LIT("required"));
}

/* LYNC: the part for OCS 2007 is marked so. */
static bool for_2007(struct slice disposition)
{
	return disposition.n &&
	       memmem(disposition.p, disposition.n, "ms-proxy-2007fallback", 21) != NULL;
}

static int walk(struct slice type, struct slice body, unsigned depth, struct found *f)
{
	for (unsigned i = 0; i < PARTS_MAX; i++) {
		struct sip_part part;
		int err = sip_part_nth(type, body, i, &part);

		if (err == ERR_NOTFOUND)
			break;
		if (err)
			return err;
		if (sip_part_is(&part, "application/sdp")) {
			if (for_2007(part.disposition))
				f->fallback = part;
			else
				f->best = part;
		} else if (sip_part_is(&part, "application/gw-sdp")) {
			f->gateway = part;
		} else if (is_multipart(part.type) && depth < DEPTH_MAX) {
			err = walk(part.type, part.body, depth + 1, f);
			if (err)
				return err;
		} else if (is_mixed(type) && required(part.disposition)) {
			return ERR_UNSUPP;
		}
	}
	return 0;
}

int sdp_part_of_msg(const struct sip_msg *m, struct sip_part *part)
{
	struct slice type = sip_msg_value(m, SIP_H_CONTENT_TYPE);
	struct found f = { 0 };
	int err;

	*part = (struct sip_part){ 0 };
	if (m->body.n == 0)
		return ERR_NOTFOUND;
	/* LYNC: by itself it answers an offer that allows for media bypass. */
	if (sip_msg_is_type(m, "application", "sdp") || sip_msg_is_type(m, "application", "gw-sdp"))
		return sip_msg_part(m, 0, part);
	if (!is_multipart(type))
		return ERR_UNSUPP;
	err = walk(type, m->body, 1, &f);
	if (err)
		return err;
	*part = f.best.body.n ? f.best : f.fallback;
	return part->body.n ? 0 : ERR_NOTFOUND;
}

int sdp_gateway_of_msg(const struct sip_msg *m, struct sip_part *part)
{
	struct slice type = sip_msg_value(m, SIP_H_CONTENT_TYPE);
	struct found f = { 0 };
	int err = is_multipart(type) ? walk(type, m->body, 1, &f) : ERR_NOTFOUND;

	*part = f.gateway;
	return err ? err : part->body.n ? 0 : ERR_NOTFOUND;
}

int sdp_of_msg(const struct sip_msg *m, struct slice *sdp)
{
	struct sip_part part;
	int err = sdp_part_of_msg(m, &part);

	*sdp = part.body;
	return err;
}
