/* The checks of a user agent server before a request reaches its method's handler. */
#include "sipd/sip_check.h"

#include "sipd/sip_build.h"

static unsigned check_ruri(const struct sip_msg *req, const char **why)
{
	struct sip_uri u;
	int err = sip_uri_parse(&u, req->ruri);

	*why = NULL;
	if (err == ERR_LIMIT)
		return 414;
	*why = "Malformed Request-URI";
	if (err)
		return 400;
	*why = "Header fields in Request-URI";
	if (u.headers.p)
		return 400;
	*why = NULL;
	return u.scheme == SIP_SCHEME_OTHER ? 416 : 0;
}

/* REGISTER: any number, "*" alone; dialog-forming requests: one (none from RFC 2543 elements: From then serves). */
static unsigned check_contact(const struct sip_msg *req, const char **why)
{
	struct sip_values v = sip_msg_values(req, SIP_H_CONTACT);
	struct slice el;
	struct sip_addr a;
	unsigned n = 0;
	bool star = false;

	*why = "Malformed Contact";
	while (sip_values_next(&v, &el)) {
		if (sip_addr_parse(&a, el))
			return 400;
		star = star || a.star;
		n++;
	}
	if (star && (n > 1 || req->method != SIP_M_REGISTER))
		return 400;
	*why = "More than one Contact";
	if (req->method == SIP_M_INVITE || req->method == SIP_M_SUBSCRIBE)
		return n <= 1 ? 0 : 400;
	return 0;
}

static unsigned check_require(
    const struct sip_msg *req, const struct sip_check_conf *conf, struct wr *lines)
{
	struct sip_values v = sip_msg_values(req, SIP_H_REQUIRE);
	struct slice tag, known;
	bool first = true;

	if (req->method == SIP_M_ACK || req->method == SIP_M_CANCEL)
		return 0; /* must not be refused for Require, RFC 3261 8.2.2.3 */
	while (sip_values_next(&v, &tag)) {
		struct cur c = cur_of(conf->supported);
		/* RFC 4662: presenced reads lists; it is said in the subscriptions that may bring some. */
		bool found = (req->method == SIP_M_NOTIFY || req->method == SIP_M_BENOTIFY) &&
		             slice_ieq(tag, SLICE_LIT("eventlist"));

		while (!found && sip_list_next(&c, &known))
			found = slice_ieq(known, tag);
		if (found)
			continue;
		wr_str(lines, first ? "Unsupported: " : ", ");
		wr_slice_add(lines, tag);
		first = false;
	}
	if (!first)
		wr_str(lines, "\r\n");
	return first ? 0 : 420;
}

static bool optional_body(const struct sip_msg *req)
{
	struct slice d = sip_msg_value(req, SIP_H_CONTENT_DISPOSITION), h;
	size_t semi = slice_chr(d, ';');

	return sip_param_find(slice_sub(d, semi, d.n), SLICE_LIT("handling"), &h) &&
	       slice_ieq(h, SLICE_LIT("optional"));
}

static unsigned check_body(const struct sip_msg *req, struct wr *lines)
{
	struct slice enc = sip_msg_value(req, SIP_H_CONTENT_ENCODING),
	             type = sip_msg_value(req, SIP_H_CONTENT_TYPE);

	if (req->body.n == 0 || optional_body(req))
		return 0;
	if (enc.n && !slice_ieq(enc, SLICE_LIT("identity"))) {
		wr_str(lines, "Accept-Encoding: identity\r\n");
		return 415;
	}
	if (req->method != SIP_M_INVITE && req->method != SIP_M_UPDATE &&
	    req->method != SIP_M_PRACK)
		return 0; /* what other methods take is their handler's business */
	if (sip_msg_is_type(req, "application", "sdp") ||
	    slice_istarts(type, SLICE_LIT("multipart/")))
		return 0;
	/* LYNC: an invitation to a conference is refused where it is known how. */
	if (sip_msg_is_type(req, "application", "ms-conf-invite+xml"))
		return 0;
	wr_str(lines, "Accept: application/sdp, multipart/mixed, multipart/alternative\r\n");
	return 415;
}

unsigned sip_check_request(const struct sip_msg *req, const struct sip_check_conf *conf,
    const char **why, struct wr *lines)
{
	unsigned status = check_ruri(req, why);

	if (!status)
		status = check_require(req, conf, lines);
	if (!status)
		status = check_contact(req, why);
	if (!status) {
		*why = NULL;
		status = check_body(req, lines);
	}
	if (status && !*why)
		*why = sip_reason(status);
	return status;
}

bool sip_check_reply(const struct sip_msg *rsp)
{
	struct sip_values v = sip_msg_values(rsp, SIP_H_VIA);
	struct slice el;

	if (rsp->one_via)
		return true;
	return sip_values_next(&v, &el) && !sip_values_next(&v, &el);
}
