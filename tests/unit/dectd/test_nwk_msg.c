/* Messages in S-format: published vectors, rule tables, elements back and forth, broken input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dectd/nwk_ie_priv.h"

#include "nwk_vectors.h"

static size_t unhex(const char *h, uint8_t *out)
{
	size_t n = strlen(h) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned v;

		assert_int_equal(sscanf(h + 2 * i, "%2x", &v), 1);
		out[i] = (uint8_t)v;
	}
	return n;
}

static struct nwk_msg parse(const char *hex, uint8_t *buf, enum nwk_dir dir)
{
	struct nwk_msg m;
	size_t n = unhex(hex, buf);

	assert_int_equal(nwk_parse(buf, n, dir, &m), 0);
	return m;
}

/* Reads and writes again: the same octets. false: no structure for it. */
static bool again(struct wr *w, const struct nwk_ie *ie)
{
	struct rd v = rd_of(ie->p, ie->n);

	switch (ie->id) {
#define E(name, id)                                                                                \
	case id: {                                                                                 \
		struct ie_##name x;                                                                \
		assert_int_equal(ie_##name##_parse(v, &x), 0);                                     \
		ie_##name##_put(w, &x);                                                            \
		return true;                                                                       \
	}
		IE_LIST(E)
#undef E
	case IE_CALLED_NUMBER: {
		struct ie_number x;
		assert_int_equal(ie_number_parse(v, &x), 0);
		ie_called_number_put(w, &x);
		return true;
	}
	case IE_BASIC_SERVICE: {
		struct ie_basic_service x;
		assert_int_equal(ie_basic_service_parse(v, &x), 0);
		ie_basic_service_put(w, &x);
		return true;
	}
	default:
		return false;
	}
}

static void vectors(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(nwk_vectors); i++) {
		uint8_t buf[256], out[256];
		struct nwk_msg m =
		    parse(nwk_vectors[i].hex, buf, nwk_vectors[i].to_pp ? NWK_TO_PP : NWK_FROM_PP);
		struct nwk_fault fault;
		struct wr w = wr_of(out, sizeof(out));
		const char *name = nwk_type_name(m.pd, m.type);

		if (nwk_check_strict(&m, &fault) != 0)
			fail_msg("%s: fault %d at %02x", nwk_vectors[i].id, fault.what, fault.id);
		if (strncmp(nwk_vectors[i].what, name, strlen(name)) != 0)
			fail_msg("%s: %s is not %s", nwk_vectors[i].id, name, nwk_vectors[i].what);
		nwk_head(&w, m.pd, m.f, m.tv, m.type);
		for (unsigned j = 0; j < m.nie; j++)
			if (!again(&w, &m.ie[j])) {
				if (m.ie[j].n == 0)
					ie_flag_put(&w, m.ie[j].id);
				else if (m.ie[j].id & 0x80)
					ie_octet_put(&w, m.ie[j].id, m.ie[j].p[0]);
				else
					ie_octets_put(&w, m.ie[j].id, m.ie[j].p, m.ie[j].n);
			}
		assert_false(w.bad);
		if (w.n != m.n || memcmp(out, buf, w.n) != 0)
			fail_msg("%s: written again it differs", nwk_vectors[i].id);
	}
}

static void identities(void **state)
{
	uint8_t v[16];
	struct ipui id;
	char text[IPUI_CHARS];

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(ipei_vectors); i++) {
		uint16_t emc = (uint16_t)strtoul(ipei_vectors[i].emc, NULL, 16), e2;
		uint32_t psn = (uint32_t)strtoul(ipei_vectors[i].psn, NULL, 16), p2;
		char ipei[IPEI_CHARS];

		ipei_print(emc, psn, ipei);
		assert_string_equal(ipei, ipei_vectors[i].printed);
		assert_int_equal(ipei_parse(slice_str(ipei), &e2, &p2), 0);
		assert_true(e2 == emc && p2 == psn);
		id = ipui_of_ipei(emc, psn);
		assert_int_equal(ipui_ipei(&id, &e2, &p2), 0);
		assert_true(e2 == emc && p2 == psn);
	}
	uint16_t e;
	uint32_t p;
	assert_int_equal(ipei_parse(SLICE_LIT("0409701750534"), &e, &p), ERR_AUTH);
	assert_int_equal(ipei_parse(SLICE_LIT("040970175053"), &e, &p), 0);
	assert_int_equal(ipei_parse(SLICE_LIT("6553601750533"), &e, &p), ERR_VALUE);
	assert_int_equal(ipei_parse(SLICE_LIT("04097"), &e, &p), ERR_SYNTAX);

	/* Default TPUIs of the vectors: N 0000c00089 e0089, N 010012abcd eabcd, O 12612 (20 bits) e2612. */
	id = ipui_of_ipei(0x000c, 0x89);
	assert_int_equal(ipui_default_tpui(&id), 0xe0089);
	id = ipui_of_ipei(0x1001, 0x2abcd);
	assert_int_equal(ipui_default_tpui(&id), 0xeabcd);
	ipui_print(&id, text);
	assert_string_equal(text, "N10012abcd");
	assert_int_equal(ipui_set(&id, v, unhex("126120", v), 20), 0);
	assert_int_equal(ipui_default_tpui(&id), 0xe2612);
	ipui_print(&id, text);
	assert_string_equal(text, "O2612");
	static const char *const same[] = { "N10012abcd", "O2612", "R123456789012345", "O12/10" };
	for (unsigned i = 0; i < ARRAY_LEN(same); i++) {
		struct ipui b;

		assert_int_equal(ipui_parse(slice_str(same[i]), &id), 0);
		ipui_print(&id, text);
		if (i != 3)
			assert_string_equal(text, same[i]);
		assert_int_equal(ipui_parse(slice_str(text), &b), 0);
		assert_true(ipui_eq(&id, &b));
	}
	assert_int_equal(ipui_parse(SLICE_LIT("04097 0175053 3"), &id), 0);
	ipui_print(&id, text);
	assert_string_equal(text, "N10012abcd");
	static const char *const wrong[] = { "", "N", "Nxyz", "N1001", "X12", "O1/9", "O1/8",
		"O123456789012345678901234567890" };
	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_not_equal(ipui_parse(slice_str(wrong[i]), &id), 0);
}

static void fixed_identity(void **state)
{
	struct ident id;
	struct ie_fixed f;
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof(buf));
	static const uint8_t ari[] = { 0x06, 0x06, 0x80, 0xa0, 0x11, 0x23, 0x45, 0x67 };

	(void)state;
	assert_int_equal(ident_parse(SLICE_LIT("1F11234567"), &id), 0);
	ie_ari_put(&w, &id);
	assert_int_equal(w.n, sizeof(ari));
	assert_memory_equal(buf, ari, sizeof(ari));
	assert_int_equal(ie_fixed_parse(rd_of(buf + 2, 6), &f), 0);
	assert_true(ie_fixed_is(&f, &id));
	w = wr_of(buf, sizeof(buf));
	ie_park_put(&w, &id);
	assert_int_equal(buf[2], 0xa0);
	assert_int_equal(ie_fixed_parse(rd_of(buf + 2, w.n - 2), &f), 0);
	assert_true(ie_fixed_is(&f, &id));
	/* ARI + RPN, as handsets send it. */
	static const uint8_t rpn[] = { 0x81, 0xa8, 0x11, 0x23, 0x45, 0x67, 0x01 };
	assert_int_equal(ie_fixed_parse(rd_of(rpn, sizeof(rpn)), &f), 0);
	assert_true(ie_fixed_is(&f, &id));
	f.v[3] ^= 2;
	assert_false(ie_fixed_is(&f, &id));
}

/* The examples of the reference with values read out. */
static void elements(void **state)
{
	uint8_t buf[256];
	struct nwk_msg m;
	struct ie_terminal_cap tc;
	struct ie_auth_type at;
	struct ie_time_date td;
	struct ie_events ev;
	struct ie_call_info ci;
	struct ie_calling_name cn;
	struct ie_number num;
	struct ie_duration du;
	struct ie_portable po;

	(void)state;
	m = parse("0554050780a8010012abcd631035150a00600418810200000000009282", buf, NWK_FROM_PP);
	assert_int_equal(ie_terminal_cap_of(&m, &tc), 0);
	assert_int_equal(tc.tones, 3);
	assert_int_equal(tc.display, 5);
	assert_int_equal(tc.slots, 0x0a);
	assert_int_equal(tc.stored, 96);
	assert_int_equal(tc.lines, 4);
	assert_int_equal(tc.columns, 24);
	assert_int_equal(tc.scroll, 1);
	assert_true(ie_tc_gap(&tc) && ie_tc_wideband(&tc) && ie_tc_rekeying(&tc));
	assert_false(ie_tc_part3(&tc));
	assert_int_equal(tc.control, 2);

	m = parse("05400a0501184000010c0877a1c04e9d3b2f580e080f1e2d3c4b5a6978", buf, NWK_TO_PP);
	assert_int_equal(ie_auth_type_of(&m, &at), 0);
	assert_true(at.def && !at.upc && !at.has_def_alg && at.def_index == 1);
	assert_int_equal(nwk_octets(&m, IE_RAND).n, 8);

	m = parse("64622308c026112214053084", buf, NWK_TO_PP);
	assert_int_equal(ie_time_date_of(&m, &td), 0);
	assert_true(td.year == 26 && td.month == 11 && td.day == 22 && td.hour == 14);
	assert_int_equal(td.zone, -4);

	m = parse("64627d030081837e03000081", buf, NWK_TO_PP);
	assert_int_equal(ie_events_of(&m, &ev), 0);
	assert_true(ev.n == 1 && ev.e[0].type == 0 && ev.e[0].subtype == 1 && ev.e[0].count == 3);
	assert_int_equal(ie_call_info_of(&m, &ci), 0);
	assert_int_equal(ie_call_info_get(&ci, IE_CI_LINE, 0), 1);
	assert_int_equal(ie_call_info_get(&ci, IE_CI_CALL, 0), -1);

	m = parse(
	    "0305050780a8010012abcd060680a011234567e080e4406c060983343731316d0707c3857361204b", buf,
	    NWK_TO_PP);
	assert_int_equal(ie_calling_name_of(&m, &cn), 0);
	assert_int_equal(cn.alphabet, 1);
	assert_true(slice_eq(cn.name, SLICE_LIT("\xc3\x85sa K")));
	assert_int_equal(ie_number_of(&m, &num), 0);
	assert_true(slice_eq(num.number, SLICE_LIT("4711")) && num.plan == 9 && num.screen == 3);
	assert_int_equal(nwk_octet(&m, IE_SIGNAL), 0x40);
	assert_int_equal(ie_called_number_of(&m, &num), ERR_NOTFOUND);

	m = parse("85550505a0940b471107015f7201ff", buf, NWK_TO_PP);
	assert_int_equal(ie_portable_of(&m, &po), 0);
	assert_int_equal(po.tpui, 0xb4711);
	assert_int_equal(ie_duration_of(&m, &du), 0);
	assert_true(du.unit == 15 && du.lock == 7);
}

static void lists_and_shifts(void **state)
{
	uint8_t buf[256];
	struct nwk_msg m;

	(void)state;
	/* A prioritised list of two Auth types, then one element of codeset 5, one of ours, a locking shift. */
	m = parse("0543d2"
	          "0a03011848"
	          "0a03021848"
	          "9d600101"
	          "600110"
	          "95"
	          "600112",
	    buf, NWK_TO_PP);
	assert_int_equal(m.nie, 4);
	assert_int_equal(m.ie[1].list, 2);
	assert_int_equal(m.ie[2].list, 2);
	assert_int_equal(m.ie[3].list, 0);
	assert_int_equal(nwk_octet(&m, IE_REJECT_REASON), 0x10);
	assert_int_equal(m.skipped, 2);
	assert_non_null(nwk_ie_nth(&m, IE_AUTH_TYPE, 1));
	assert_null(nwk_ie_nth(&m, IE_AUTH_TYPE, 2));
}

static void broken(void **state)
{
	uint8_t buf[256];
	struct nwk_msg m;
	struct nwk_fault f;

	(void)state;
	assert_int_equal(nwk_parse((const uint8_t *)"\x05", 1, NWK_FROM_PP, &m), ERR_TRUNCATED);
	assert_int_equal(nwk_parse((const uint8_t *)"\x01\x05", 2, NWK_FROM_PP, &m), ERR_UNSUPP);
	assert_int_equal(nwk_parse((const uint8_t *)"\x75\x54", 2, NWK_FROM_PP, &m), ERR_UNSUPP);
	m = parse("0554050780a801", buf, NWK_FROM_PP);
	assert_true(m.cut);
	assert_int_equal(nwk_check(&m, &f), ERR_SYNTAX);
	assert_true(f.what == NWK_MISSING && f.id == IE_PORTABLE);
	m = parse("0554050280a8", buf, NWK_FROM_PP); /* promises 40 bits */
	assert_int_equal(nwk_check(&m, &f), ERR_SYNTAX);
	assert_true(f.what == NWK_CONTENT && f.id == IE_PORTABLE);
	m = parse("05540500", buf, NWK_FROM_PP);
	assert_int_equal(nwk_check(&m, &f), ERR_SYNTAX);
	assert_true(nwk_ie_empty(&m, IE_PORTABLE));
	m = parse("8555050007015f", buf, NWK_TO_PP); /* here it may be empty */
	assert_int_equal(nwk_check(&m, &f), 0);
	m = parse("0542", buf, NWK_FROM_PP); /* only towards the portable part */
	assert_int_equal(nwk_check(&m, &f), ERR_SYNTAX);
	assert_int_equal(f.what, NWK_UNKNOWN_TYPE);
	m = parse("8555"
	          "07015f"
	          "0500",
	    buf, NWK_TO_PP);
	assert_int_equal(nwk_check(&m, &f), 0);
	assert_int_equal(nwk_check_strict(&m, &f), ERR_SYNTAX);
	assert_int_equal(f.what, NWK_ORDER);
	m = parse("8555"
	          "0500"
	          "07015f"
	          "2c0131",
	    buf, NWK_TO_PP);
	assert_int_equal(nwk_check_strict(&m, &f), ERR_SYNTAX);
	assert_true(f.what == NWK_ALIEN && f.id == IE_KEYPAD);

	uint8_t small[4];
	struct wr w = wr_of(small, sizeof(small));
	nwk_head(&w, NWK_CC, false, 7, CC_INFO);
	assert_true(w.bad);
	w = wr_of(small, sizeof(small));
	ie_octets_put(&w, IE_KEYPAD, "123456", 6);
	assert_true(w.bad);
}

static void dump(void **state)
{
	uint8_t buf[256];
	char text[512];
	struct nwk_msg m = parse("85410d04b3d4cf3b", buf, NWK_FROM_PP);
	struct wr w = wr_of(text, sizeof(text));

	(void)state;
	nwk_dump(&m, &w);
	assert_true(wr_nul(&w));
	assert_string_equal(text, "AUTHENTICATION-REPLY F=1 TV=0; RES (4 octets)");
	m = parse("137b2c0434373132", buf, NWK_FROM_PP);
	w = wr_of(text, sizeof(text));
	nwk_dump(&m, &w);
	assert_true(wr_nul(&w));
	assert_string_equal(text, "CC-INFO F=0 TV=1; Multi-keypad \"4712\"");
	m = parse("0071050780a8010012abcd", buf, NWK_FROM_PP);
	w = wr_of(text, sizeof(text));
	nwk_dump(&m, &w);
	assert_true(wr_nul(&w));
	assert_string_equal(text,
	    "LCE-PAGE-RESPONSE F=0 TV=0; Portable identity IPUI N10012abcd (04097 0175053 3)");
}

static void codecs(void **state)
{
	struct ie_codec_list ours, theirs, out;

	(void)state;
	ie_codec_wide(&ours);
	theirs = (struct ie_codec_list){ true, 3,
		{ { IE_C_G7291, 0, 0, 4 }, { IE_C_G726, 0, 0, 4 }, { IE_C_G722, 0, 0, 1 } } };
	assert_true(ie_codec_choose(&theirs, &ours, &out));
	assert_true(out.n == 2 && out.c[0].codec == IE_C_G726 && out.c[1].codec == IE_C_G722);
	theirs.n = 1;
	assert_false(ie_codec_choose(&theirs, &ours, &out));
	assert_true(out.n == 1 && out.c[0].codec == IE_C_G726);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors),
		cmocka_unit_test(identities),
		cmocka_unit_test(fixed_identity),
		cmocka_unit_test(elements),
		cmocka_unit_test(lists_and_shifts),
		cmocka_unit_test(broken),
		cmocka_unit_test(dump),
		cmocka_unit_test(codecs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
