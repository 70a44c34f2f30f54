/* Parties and causes: read from SIP headers, mapped to SIP status codes. */
#include "sipd/party.h"

#include <string.h>

#include "common/mem.h"
#include "sipd/number.h"

static const struct {
	const char *name;
	unsigned status;
} causes[CAUSE_N] = {
	[CAUSE_NONE] = { "", 500 },
	[CAUSE_NORMAL] = { "normal", 480 },
	[CAUSE_BUSY] = { "busy", 486 },
	[CAUSE_NO_ANSWER] = { "no answer", 480 },
	[CAUSE_REJECTED] = { "rejected", 603 },
	[CAUSE_UNKNOWN_NUMBER] = { "unknown number", 404 },
	[CAUSE_INCOMPLETE] = { "number incomplete", 484 },
	[CAUSE_UNREACHABLE] = { "not reachable", 480 },
	[CAUSE_CONGESTION] = { "no channel", 503 },
	[CAUSE_FORBIDDEN] = { "forbidden", 403 },
	[CAUSE_CODEC] = { "no common codec or encryption", 488 },
	[CAUSE_ELSEWHERE] = { "answered elsewhere", 487 },
	[CAUSE_CANCELLED] = { "cancelled", 487 },
	[CAUSE_RADIO_LOST] = { "radio link lost", 480 },
	[CAUSE_PEER_LOST] = { "far end lost", 503 },
	[CAUSE_SECURITY] = { "authentication failed", 403 },
	[CAUSE_INTERNAL] = { "internal error", 500 },
	[CAUSE_TRANSFERRED] = { "transferred", 480 },
	[CAUSE_FORWARDED] = { "forwarded", 480 },
};

const char *cause_name(enum cause c)
{
	return c < CAUSE_N ? causes[c].name : "";
}

unsigned cause_status(enum cause c)
{
	return c < CAUSE_N ? causes[c].status : 500;
}

enum cause cause_of_status(unsigned s)
{
	switch (s) {
	case 486:
	case 600:
		return CAUSE_BUSY;
	case 404:
	case 410:
	case 416:
	case 604:
		return CAUSE_UNKNOWN_NUMBER;
	case 484:
		return CAUSE_INCOMPLETE;
	case 401:
	case 402:
	case 403:
	case 407:
	case 606:
		return CAUSE_FORBIDDEN;
	case 408:
	case 480:
		return CAUSE_UNREACHABLE;
	case 415:
	case 488:
		return CAUSE_CODEC;
	case 487:
		return CAUSE_CANCELLED;
	case 603:
	case 607: /* RFC 8197 */
		return CAUSE_REJECTED;
	case 500:
	case 502:
	case 503:
	case 504:
		return CAUSE_CONGESTION;
	default:
		return s >= 600 ? CAUSE_REJECTED : s >= 500 ? CAUSE_CONGESTION : CAUSE_UNREACHABLE;
	}
}

void party_of_addr(struct party *p, const struct sip_addr *a, struct slice our_domain)
{
	char user[sizeof(p->number)];
	struct slice uri = a->uri_raw;

	memset(p, 0, sizeof(*p));
	sip_addr_display(a, p->name, sizeof(p->name));
	if (slice_copy(uri, p->uri, sizeof(p->uri)))
		p->uri[0] = '\0';
	if (a->uri.scheme == SIP_SCHEME_OTHER)
		return;
	if (number_of_uri(uri, our_domain, user, sizeof(user)) == 0 &&
	    sip_unescape(slice_str(user), p->number, sizeof(p->number)))
		p->number[0] = '\0';
	/* A name that repeats the number tells nothing. */
	if (strcmp(p->name, p->number) == 0)
		p->name[0] = '\0';
	p->external = strchr(p->number, '@') != NULL || p->number[0] == '+' || p->number[0] == '0';
}

bool party_of_identity(struct party *p, const struct sip_msg *m, struct slice our_domain)
{
	struct sip_values v = sip_msg_values(m, SIP_H_P_ASSERTED_IDENTITY);
	struct slice s;
	struct sip_addr a;
	bool got = false;

	/* A sip and a tel URI may both be there (RFC 3325 9.1): the name is the sip one's, the tel number is dialable. */
	while (sip_values_next(&v, &s)) {
		struct party one;
		if (sip_addr_parse(&a, s))
			continue;
		party_of_addr(&one, &a, our_domain);
		if (!got) {
			*p = one;
			got = true;
		} else {
			if (!p->name[0])
				memcpy(p->name, one.name, sizeof(p->name));
			if (a.uri.scheme == SIP_SCHEME_TEL && one.number[0]) {
				memcpy(p->number, one.number, sizeof(p->number));
				p->external = one.external;
			}
		}
	}
	return got;
}

void party_of_request(
    struct party *p, const struct sip_msg *req, bool trusted, struct slice our_domain)
{
	struct party from;

	party_of_addr(&from, &req->from, our_domain);
	if (!trusted || !party_of_identity(p, req, our_domain))
		*p = from;
	else if (!p->name[0] &&
	         (strcmp(p->uri, from.uri) == 0 || strcmp(p->number, from.number) == 0))
		memcpy(
		    p->name, from.name, sizeof(p->name)); /* the same one, and From has the name */
	if (sip_msg_lists(req, SIP_H_PRIVACY, SLICE_LIT("id")) ||
	    sip_msg_lists(req, SIP_H_PRIVACY, SLICE_LIT("user")) ||
	    slice_ieq(req->from.uri.host, SLICE_LIT("anonymous.invalid")) ||
	    slice_ieq(req->from.uri.user, SLICE_LIT("anonymous"))) {
		memset(p, 0, sizeof(*p));
		p->anonymous = true;
	}
}

bool party_diverted(struct party *p, const struct sip_msg *req, struct slice our_domain)
{
	enum sip_hdr_id from[] = { SIP_H_DIVERSION, SIP_H_HISTORY_INFO };
	struct slice s;
	struct sip_addr a;

	for (size_t i = 0; i < ARRAY_LEN(from); i++) {
		struct sip_values v = sip_msg_values(req, from[i]);
		unsigned n = 0;
		struct slice first = { 0 };
		while (sip_values_next(&v, &s))
			if (n++ == 0)
				first = s;
		/* One History-Info entry is only the call itself (RFC 7044 10.1). */
		if (n > (from[i] == SIP_H_HISTORY_INFO) && sip_addr_parse(&a, first) == 0) {
			party_of_addr(p, &a, our_domain);
			return true;
		}
	}
	return false;
}

bool party_elsewhere(const struct sip_msg *m)
{
	struct sip_values v = sip_msg_values(m, SIP_H_REASON);
	struct slice s, cause, text;

	while (sip_values_next(&v, &s)) {
		struct slice params = slice_sub(s, slice_chr(s, ';'), s.n);
		struct slice proto = slice_trim(slice_sub(s, 0, slice_chr(s, ';')));
		if (slice_ieq(proto, SLICE_LIT("SIP")) &&
		    sip_param_find(params, SLICE_LIT("cause"), &cause) &&
		    (slice_eq(cause, SLICE_LIT("200")) || slice_eq(cause, SLICE_LIT("600")) ||
		        slice_eq(cause, SLICE_LIT("603"))))
			return true;
		/* Q.850 26 is "non-selected user clearing". */
		if (slice_ieq(proto, SLICE_LIT("Q.850")) &&
		    sip_param_find(params, SLICE_LIT("cause"), &cause) &&
		    slice_eq(cause, SLICE_LIT("26")))
			return true;
		if (sip_param_find(params, SLICE_LIT("text"), &text) &&
		    slice_ieq(sip_quoted_inside(text), SLICE_LIT("Call completed elsewhere")))
			return true;
	}
	return false;
}
