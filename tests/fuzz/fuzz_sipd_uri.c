/* URIs, name-addrs, Via values, quoted and escaped text, numbers. */
#include <stdlib.h>
#include <string.h>

#include "sipd/number.h"
#include "sipd/sip_addr.h"
#include "sipd/sip_hdr.h"
#include "sipd/sip_via.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *exact = malloc(size ? size : 1), out[300], again[2000];
	struct slice s = { exact, size }, name, value;
	struct sip_uri u;
	struct sip_addr a;
	struct sip_via v;

	if (size)
		memcpy(exact, data, size);
	if (sip_uri_parse(&u, s) == 0) {
		(void)sip_uri_eq(&u, &u); /* not always: a parameter may be there twice */
		(void)sip_uri_same_aor(&u, &u);
		(void)sip_uri_param(&u, SLICE_LIT("transport"), &value);
		(void)sip_host_kind(u.host);
		if (sip_unescape(u.user, out, sizeof(out)) == 0) {
			/* what we escape again means the same */
			struct wr w = wr_of(again, sizeof(again));
			char back[300];
			sip_escape_user(&w, slice_str(out));
			if (!w.bad && (sip_unescape(wr_slice(&w), back, sizeof(back)) ||
			                  strcmp(back, out) != 0))
				abort();
		}
		(void)!number_of_uri(s, SLICE_LIT("example.test"), out, 65);
	}
	if (sip_addr_parse(&a, s) == 0) {
		sip_addr_display(&a, out, 40);
		if (strlen(out) >= 40)
			abort();
		(void)sip_addr_tag(&a);
	}
	if (sip_via_parse(&v, s) == 0)
		(void)sip_via_has_magic(&v);
	struct cur c = { exact, exact + size };
	while (sip_list_next(&c, &value))
		if (value.n == 0)
			abort();
	c = (struct cur){ exact, exact + size };
	while (sip_param_next(&c, &name, &value))
		;
	(void)!sip_unquote(s, out, sizeof(out));
	(void)number_is(s);
	(void)number_cut(s, 20);
	(void)!number_apply(NULL, 0, s, out, sizeof(out));
	free(exact);
	return 0;
}
