/* A message from the network as everything above the parser looks at it: headers, addresses, body parts, checks, a dialog
 * made of it, the response to it. The first octet chooses datagram or stream. */
#include <stdlib.h>
#include <string.h>

#include "sipd/dlg.h"
#include "sipd/party.h"
#include "sipd/sdp_body.h"
#include "sipd/sip_build.h"
#include "sipd/sip_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(const char *buf, size_t n, struct slice s)
{
	if (s.n && (s.p < buf || s.p + s.n > buf + n))
		abort();
}

static void lists(const struct sip_msg *m, const char *buf, size_t n)
{
	static const enum sip_hdr_id addrs[] = { SIP_H_CONTACT, SIP_H_ROUTE, SIP_H_RECORD_ROUTE,
		SIP_H_P_ASSERTED_IDENTITY, SIP_H_DIVERSION, SIP_H_HISTORY_INFO, SIP_H_REFER_TO };

	for (size_t i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++) {
		struct sip_values v = sip_msg_values(m, addrs[i]);
		struct slice s, tag;
		struct sip_addr a;
		char name[64];
		while (sip_values_next(&v, &s)) {
			inside(buf, n, s);
			if (sip_addr_parse(&a, s))
				continue;
			inside(buf, n, a.uri_raw);
			(void)sip_addr_param(&a, SLICE_LIT("expires"), &tag);
			sip_addr_display(&a, name, sizeof(name));
		}
	}
}

static void dialog(const struct sip_msg *m)
{
	static char out[131072];
	struct wr w = wr_of(out, sizeof(out));
	struct dlg *d = NULL;

	if (dlg_uas_new(m, SLICE_LIT("ourtag"), SLICE_LIT("<sip:us@127.0.0.1>"), &d))
		return;
	(void)!dlg_on_request(d, m);
	dlg_put_request(d, &w, SLICE_LIT("INVITE"), 0);
	sip_put_body(&w, SLICE_LIT(""), SLICE_LIT(""));
	(void)dlg_next_hop(d);
	if (!w.bad) { /* what we write we can read, and it is of that dialog */
		struct sip_msg *back = malloc(sizeof(*back));
		if (sip_msg_parse(back, out, w.n, true) == 0 &&
		    !slice_eq(back->call_id, m->call_id))
			abort();
		free(back);
	}
	dlg_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sip_msg *m = malloc(sizeof(*m));
	size_t n = size ? size - 1 : 0;
	char *buf = malloc(n + 1);
	static char out[131072];
	struct wr w = wr_of(out, sizeof(out)), lines = wr_of(out + 65536, 1024);
	struct sip_src src = { SLICE_LIT("192.0.2.1"), 5060 };
	struct sip_check_conf check = { SLICE_LIT("100rel, timer") };
	const char *why = NULL;
	struct sip_part part;
	struct party p;
	struct slice sdp;

	if (n)
		memcpy(buf, data + 1, n);
	if (size && sip_msg_parse(m, buf, n, data[0] & 1) == 0) {
		for (unsigned i = 0; i < m->nhdr; i++) {
			inside(buf, n, m->hdr[i].name);
			inside(buf, n, m->hdr[i].value);
		}
		inside(buf, n, m->body);
		lists(m, buf, n);
		for (unsigned i = 0; i < 8 && sip_msg_part(m, i, &part) == 0; i++)
			inside(buf, n, part.body);
		(void)!sdp_of_msg(m, &sdp);
		if (m->request) {
			(void)sip_check_request(m, &check, &why, &lines);
			party_of_request(&p, m, true, SLICE_LIT("example.test"));
			(void)party_diverted(&p, m, SLICE_LIT("example.test"));
			w = wr_of(out, 65536);
			sip_put_reply(&w, m, 200, SLICE_LIT(""), SLICE_LIT("tag"), &src);
			sip_put_body(&w, SLICE_LIT(""), SLICE_LIT(""));
			dialog(m);
		} else {
			(void)sip_check_reply(m);
			(void)party_elsewhere(m);
		}
		struct sip_msg *copy = sip_msg_dup(m);
		if (copy->nhdr != m->nhdr || !slice_eq(copy->call_id, m->call_id))
			abort();
		sip_msg_free(copy);
	} else if (size && m->fault.status && !m->fault.silent) {
		/* what cannot be read is answered all the same */
		w = wr_of(out, 65536);
		sip_put_reply(&w, m, m->fault.status, SLICE_LIT(""), SLICE_LIT("tag"), &src);
	}
	free(buf);
	free(m);
	return 0;
}
