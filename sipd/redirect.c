/* Targets of a 3xx in their order. */
#include "sipd/redirect.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static unsigned put(struct slice out[], double q[], unsigned n, struct slice uri, double value)
{
	unsigned at = n;

	while (at && q[at - 1] < value)
		at--;
	if (at == REDIRECT_MAX)
		return n;
	if (n == REDIRECT_MAX)
		n--;
	memmove(&out[at + 1], &out[at], (n - at) * sizeof(out[0]));
	memmove(&q[at + 1], &q[at], (n - at) * sizeof(q[0]));
	out[at] = uri;
	q[at] = value;
	return n + 1;
}

unsigned redirect_targets(const struct sip_msg *rsp, bool tel, struct slice out[REDIRECT_MAX])
{
	struct sip_values v = sip_msg_values(rsp, SIP_H_CONTACT);
	double q[REDIRECT_MAX];
	struct sip_addr a;
	struct slice s, value;
	unsigned n = 0;

	while (sip_values_next(&v, &s)) {
		char text[8] = "1";

		if (sip_addr_parse(&a, s) || a.star ||
		    (a.uri.scheme != SIP_SCHEME_SIP && a.uri.scheme != SIP_SCHEME_SIPS &&
		        !(tel && a.uri.scheme == SIP_SCHEME_TEL)))
			continue;
		if (sip_addr_param(&a, SLICE_LIT("q"), &value) &&
		    slice_copy(value, text, sizeof(text)))
			continue;
		n = put(out, q, n, a.uri_raw, strtod(text, NULL));
	}
	return n;
}

bool redirect_lines(const struct sip_msg *rsp, size_t longest, char *out, size_t cap)
{
	struct slice to[REDIRECT_MAX];
	struct wr w = wr_of(out, cap);
	unsigned n = redirect_targets(rsp, true, to);

	for (unsigned i = 0; i < n; i++) {
		if (to[i].n >= longest)
			continue;
		if (w.n)
			wr_u8(&w, '\n');
		wr_slice_add(&w, to[i]);
	}
	return wr_nul(&w) && w.n;
}
