/* Configuration: what no single value can tell is wrong. Each fault has its line, the reason and the remedy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "dectd/dectd.h"
#include "dectd/ui_code.h"

/* What is told of a [dectd] section with these lines; "" for nothing. */
static const char *faults(const char *lines)
{
	static char all[CONF_DIAGS * sizeof(((struct conf_diag *)0)->text[0])];
	char text[2048];
	struct conf_diag g;
	struct dectd_conf c = { 0 };

	(void)snprintf(text, sizeof(text), "[dectd]\n%s", lines);
	assert_int_equal(conf_parse(slice_str(text), "t", dectd_keys, dectd_nkeys, &c, &g), 0);
	dectd_conf_check(&c, &g);
	conf_free(dectd_keys, dectd_nkeys, &c);
	all[0] = '\0';
	for (unsigned i = 0; i < g.n; i++) {
		strcat(all, g.text[i]);
		strcat(all, "\n");
	}
	return all;
}

static void checked(void **state)
{
	static const char *const good[] = { "",
		"service-codes = *55>redial *56*N#>forward-busy **0>off\n",
		"service-codes = **0>missed *21*N#>off #21#>off\n",
		"call-codes = R5>conference R3>off 1C31>toggle 1cfe>hold\n",
		"emergency-numbers = 112 110, 911  *112#\n", "emergency-numbers =\n",
		"park = 1F102AF12C\nsari = 23456789\ncodecs = pcmu\nhttp-redirect = "
		"192.0.2.1:8443\n",
		"service-codes = *300>redial *301>redial *302>redial *303>redial *304>redial "
		"*305>redial "
		"*306>redial *307>redial *308>redial *309>redial *310>redial *311>redial "
		"*312>redial "
		"*313>redial *314>redial *315>redial *316>redial *317>redial *318>redial "
		"*319>redial "
		"*320>redial *321>redial *322>redial *323>redial *324>redial *325>redial "
		"*326>redial\n" };
	static const char *const bad[][3] = {
		{ "port = 1\nservice-codes = *55>redail\n",
		    "t:3: [dectd] service-codes: *55>redail", "expected one of off, server" },
		{ "service-codes = *55\n",
		    "t:2: [dectd] service-codes: *55: ", "expected CODE>FUNCTION" },
		{ "service-codes = *5A>redial\n", "*5A>redial: ", "0-9 * #" },
		{ "service-codes = *56*N>forward-busy\n",
		    "*56*N>forward-busy: ", "before a # at the end" },
		{ "service-codes = *55>redial *55>missed\n",
		    "*55>redial and *55>missed are one code", "keep one" },
		{ "service-codes = **O>off\n", "**O>off", "expected CODE" },
		{ "service-codes = **1>off\n", "**1>off", "no such code to take away" },
		{ "service-codes = *55>redial *551>missed\n",
		    "*551>missed cannot be dialled: *55>redial is served first", "choose another" },
		{ "service-codes = *2>redial\n",
		    "*21*N#>forward-always cannot be dialled: *2>redial", "add *21*N#>off" },
		{ "service-codes = *21*5#>redial\n", "*21*5#>redial cannot be dialled: *21*N#",
		    "choose" },
		{ "service-codes = 112>redial\n", "emergency-numbers: 112 cannot be dialled",
		    "choose another code" },
		{ "service-codes = 11>redial\n", "112 cannot be dialled: the service code 11 is",
		    "" },
		{ "service-codes = 1123>redial\n",
		    "112 is not dialled at once: the service code 1123", "" },
		{ "call-codes = R2>togle\n", "t:2: [dectd] call-codes: R2>togle",
		    "expected one of off, consult" },
		{ "call-codes = RA>toggle\n", "RA>toggle", "expected R and a digit" },
		{ "call-codes = 1D31>toggle\n", "1D31>toggle", "1C and two hex digits" },
		{ "call-codes = R2>toggle r2>hold\n", "R2>toggle and r2>hold are one code", "" },
		{ "emergency-numbers = 112 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
		    "emergency-numbers: at most 16", "16 would be none" },
		{ "emergency-numbers = 1234567890123456\n", "1234567890123456",
		    "at most 15 digits" },
		{ "emergency-numbers = 112 x\n", "x: expected", "digits" },
		{ "park = 1F10\n", "park: 1F10", "1F102AF12C" },
		{ "sari = 2345\n", "sari: 2345", "8 hex digits" },
		{ "protocol-min = 0007010\n", "protocol-min: 0007010", "8 hex digits" },
		{ "extended-capabilities-2 = 12\n", "extended-capabilities-2: 12",
		    "10 hex digits" },
		{ "codecs = PCMA G729\n", "codecs: G729", "PCMA or PCMU" },
		{ "http-redirect = here\n", "http-redirect: here", "ADDRESS:PORT" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_string_equal(faults(good[i]), "");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *said = faults(bad[i][0]);

		if (!strstr(said, bad[i][1]) || !strstr(said, bad[i][2]))
			fail_msg("%sgives %s", bad[i][0], said);
	}
}

/* Against the match itself: what is dialled as one code and as its first digits. */
static void hides(void **state)
{
	static const char *const codes[] = { "*5", "*55", "*5*", "*5*N#", "*5*1#", "*5*12#",
		"*5*12", "*5*1", "*5N#", "*51#", "12", "125", "#", "##" };
	static const char digits[] = "125*#";

	(void)state;
	for (unsigned a = 0; a < ARRAY_LEN(codes); a++)
		for (unsigned b = 0; b < ARRAY_LEN(codes); b++) {
			struct ui_codes ta = { 0 }, tb = { 0 };
			char word[40];
			bool found = false;

			(void)snprintf(word, sizeof(word), "%s>redial", codes[a]);
			assert_int_equal(ui_code_add(&ta, slice_str(word)), 0);
			(void)snprintf(word, sizeof(word), "%s>redial", codes[b]);
			assert_int_equal(ui_code_add(&tb, slice_str(word)), 0);
			/* All that can be dialled with six keys. */
			for (unsigned n = 1; n <= 6 && !found; n++)
				for (unsigned v = 0, all = 1; !found; v++) {
					enum ui_service s;
					struct slice arg;
					char dial[7];
					unsigned x = v;

					all = 1;
					for (unsigned i = 0; i < n; i++, x /= 5, all *= 5)
						dial[i] = digits[x % 5];
					if (v == all)
						break;
					found = ui_code_match(&ta, (struct slice){ dial, n }, false,
					            &s, &arg) == UI_M_YES &&
					        ui_code_match(&tb, (struct slice){ dial, n }, false,
					            &s, &arg) != UI_M_NO;
				}
			if (ui_code_hides(codes[a], codes[b]) != found)
				fail_msg("%s and %s", codes[a], codes[b]);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(checked), cmocka_unit_test(hides) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
