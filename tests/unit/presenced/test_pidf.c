/* PIDF, RPID, dialog-info: what we write is what a reader finds; documents of others; what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "presenced/pidf.h"
#include "common/sax.h"

static char doc[PIDF_DOC + 1];

static void put(struct pres_view v, const char *note)
{
	struct wr w = wr_of(doc, sizeof(doc));
	struct pidf_self s = { "sip:200@example.test", "0123456789abcdef", note, v, 1772352900,
		1772352600, 300 };

	pidf_put(&w, &s);
	assert_true(wr_nul(&w));
}
static struct pidf_other read_back(void)
{
	struct pidf_other o;

	assert_int_equal(pidf_parse(slice_str(doc), &o), 0);
	return o;
}
static void ours(void **state)
{
	struct pidf_other o;

	(void)state;
	put((struct pres_view){ .auto_state = PRES_AVAILABLE }, "");
	o = read_back();
	assert_true(o.open && !o.idle && !o.away && !o.on_phone && !o.busy);
	assert_string_equal(o.note, "Available");
	assert_non_null(strstr(doc, "last-input=\"2026-03-01T08:10:00Z\""));
	assert_non_null(strstr(doc, "<timestamp>2026-03-01T08:15:00Z</timestamp>"));
	assert_null(strstr(doc, "activities"));
	put((struct pres_view){ .auto_state = PRES_INACTIVE }, "");
	o = read_back();
	assert_true(o.open && o.idle && !o.away);
	assert_string_equal(o.note, "Inactive");
	put((struct pres_view){ .auto_state = PRES_AWAY }, "");
	o = read_back();
	assert_true(o.open && o.idle && o.away);
	put((struct pres_view){ .auto_state = PRES_IN_CALL, .on_phone = true }, "");
	o = read_back();
	assert_true(o.open && o.on_phone && !o.idle && !o.away);
	assert_string_equal(o.note, "In a call");
	/* a call beside a state set by hand; the note set by hand wins */
	put(
	    (struct pres_view){
	        .auto_state = PRES_IN_CALL, .on_phone = true, .manual = PRES_MANUAL_DND },
	    "<Board & \"co\">");
	o = read_back();
	assert_true(o.on_phone && o.busy);
	assert_string_equal(o.note, "<Board & \"co\">");
	put((struct pres_view){ .auto_state = PRES_AWAY, .manual = PRES_MANUAL_AVAILABLE }, "");
	o = read_back();
	assert_true(o.open && !o.away);
	put((struct pres_view){ .auto_state = PRES_AWAY, .offline = true }, "");
	o = read_back();
	assert_false(o.open);
}
static void largest(void **state)
{
	char aor[320], note[129];
	struct wr w = wr_of(doc, sizeof(doc));
	struct pidf_self s = { aor, "0123456789abcdef", note,
		{ .on_phone = true, .manual = PRES_MANUAL_DND }, 1772352900, 1772352600, 86400 };

	(void)state;
	memset(aor, '&', sizeof(aor) - 1);
	aor[sizeof(aor) - 1] = '\0';
	memset(note, '"', sizeof(note) - 1);
	note[sizeof(note) - 1] = '\0';
	pidf_put(&w, &s);
	assert_false(w.bad);
}
static void others(void **state)
{
	struct pidf_other o;

	(void)state;
	/* several persons: the newest; closed and open tuples: open */
	assert_int_equal(
	    pidf_parse(
	        SLICE_LIT("<?xml version='1.0'?><pr:presence xmlns:pr='x' xmlns:r='y'>"
	                  "<pr:tuple id='a'><pr:status><pr:basic>closed</pr:basic></pr:status>"
	                  "</pr:tuple><pr:tuple id='b'><pr:status><pr:basic> open </pr:basic>"
	                  "</pr:status></pr:tuple>"
	                  "<p:person id='new'><r:activities><r:busy/></r:activities>"
	                  "<p:timestamp>2026-03-01T09:00:00Z</p:timestamp></p:person>"
	                  "<p:person id='old'><r:activities><r:on-the-phone/></r:activities>"
	                  "<p:timestamp>2026-03-01T08:00:00Z</p:timestamp></p:person>"
	                  "</pr:presence>"),
	        &o),
	    0);
	assert_true(o.open && o.busy && !o.on_phone);
	/* RPID's draft: activities in the tuple */
	assert_int_equal(
	    pidf_parse(
	        SLICE_LIT("<presence><tuple><status><basic>open</basic><es:activities "
	                  "xmlns:es='z'><es:activity/><on-the-phone/></es:activities></status>"
	                  "<note>talking</note></tuple></presence>"),
	        &o),
	    0);
	assert_true(o.open && o.on_phone);
	assert_string_equal(o.note, "talking");
	assert_int_equal(pidf_parse(SLICE_LIT("<presence/>"), &o), 0);
	assert_false(o.open);
	assert_int_equal(pidf_parse(SLICE_LIT("<other/>"), &o), ERR_SYNTAX);
	assert_int_equal(pidf_parse(SLICE_LIT("<presence>"), &o), ERR_SYNTAX);
	assert_int_equal(
	    pidf_parse(SLICE_LIT("<!DOCTYPE presence [<!ENTITY a 'b'>]><presence/>"), &o),
	    ERR_SYNTAX);
	assert_int_equal(pidf_parse((struct slice){ doc, SAX_DOC + 1 }, &o), ERR_LIMIT);
}
static void lamps(void **state)
{
	struct pidf_self s = { "sip:200@example.test", "0123456789abcdef", "", { 0 }, 0, 0, 300 };
	enum lamp l;
	uint32_t version;
	bool full;

	(void)state;
	for (enum lamp k = LAMP_IDLE; k <= LAMP_BUSY; k++) {
		struct wr w = wr_of(doc, sizeof(doc));

		dialoginfo_put(&w, &s, k, false, 7);
		assert_int_equal(dialoginfo_parse(wr_slice(&w), &l, &version, &full), 0);
		assert_int_equal(l, k);
		assert_int_equal(version, 7);
		assert_true(full);
	}
	/* a caller whose far end rings is busy; two dialogs: the busier */
	assert_int_equal(
	    dialoginfo_parse(
	        SLICE_LIT("<dialog-info version='3' state='partial'><dialog id='1' "
	                  "direction='recipient'><state>early</state></dialog><dialog id='2' "
	                  "direction='initiator'><state event='x'>proceeding</state></dialog>"
	                  "</dialog-info>"),
	        &l, &version, &full),
	    0);
	assert_int_equal(l, LAMP_BUSY);
	assert_false(full);
	assert_int_equal(dialoginfo_parse(SLICE_LIT("<dialog-info/>"), &l, &version, &full), 0);
	assert_int_equal(l, LAMP_IDLE);
}
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ours),
		cmocka_unit_test(largest),
		cmocka_unit_test(others),
		cmocka_unit_test(lamps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
