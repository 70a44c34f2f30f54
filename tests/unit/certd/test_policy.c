/* The policy, against a second list of what is allowed: everything that is not in it must be refused. */
#include "certd/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "certd/sign.h"
#include "common/mem.h"

/* role op object [scheme hash], as words; "legacy" at the end. */
static const char *const allowed[] = {
	"sipd sign host 1 2",
	"sipd sign host 1 3",
	"sipd sign host 1 4",
	"sipd sign host 1 1 legacy",
	"sipd sign host 1 5 legacy",
	"sipd sign host 2 2",
	"sipd sign host 2 3",
	"sipd sign host 2 4",
	"sipd sign host 3 2",
	"sipd sign host 3 3",
	"sipd sign host 3 4",
	"sipd sign host 3 1 legacy",
	"sipd sign host 4 0",
	"sipd decrypt host legacy",
	"sipd read host",
	"sipd read trust",
	"presenced read trust",
	"sipd answer sip",
	"sipd derive ntlm",
	"sipd set sip",
	"admin set sip",
	"sipd delete sip",
	"admin delete sip",
	"sipd set ac",
	"dectd set ac",
	"admin set ac",
	"sipd delete ac",
	"dectd delete ac",
	"admin delete ac",
	"admin set ldap",
	"admin delete ldap",
	"admin set turn",
	"admin delete turn",
	"presenced reveal ldap",
	"sipd reveal turn",
	"dectd answer uak",
	"dectd derive uak",
	"dectd set uak",
	"dectd delete uak",
	"dectd set defck",
	"dectd reveal defck",
	"dectd set rfp",
	"dectd delete rfp",
	"dectd derive rfp",
};
static const struct {
	uint32_t bit;
	const char *name;
} roles[] = { { IPC_CERTD, "certd" }, { IPC_SIPD, "sipd" }, { IPC_MEDIAD, "mediad" },
	{ IPC_DECTD, "dectd" }, { IPC_PRESENCED, "presenced" }, { IPC_VIEW, "view" },
	{ IPC_OPERATE, "operate" }, { IPC_ADMIN, "admin" } };
static const char *const ops[] = { "", "sign", "decrypt", "read", "answer", "derive", "set",
	"delete", "reveal" };
static const char *const objects[] = { "", "host", "trust", "sip", "ntlm", "ldap", "ac", "turn",
	"uak", "defck", "rfp" };

/* 0: refused; 1: allowed; 2: only for old TLS. */
static int listed(const char *what)
{
	size_t n = strlen(what);

	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		if (strncmp(allowed[i], what, n) == 0) {
			if (allowed[i][n] == '\0')
				return 1;
			if (strcmp(allowed[i] + n, " legacy") == 0)
				return 2;
		}
	return 0;
}

static void test_all(void **state)
{
	struct policy *p = policy_new(NULL);
	unsigned yes = 0, no = 0;
	const char *why;

	(void)state;
	for (int legacy = 0; legacy < 2; legacy++) {
		struct policy_conf c = { .legacy = legacy };

		policy_configure(p, &c);
		for (size_t r = 0; r < ARRAY_LEN(roles); r++)
			for (unsigned op = 0; op < ARRAY_LEN(ops); op++)
				for (unsigned o = 0; o < ARRAY_LEN(objects); o++)
					for (unsigned sh = 0; sh < 80; sh++) {
						struct policy_ask a = { roles[r].bit,
							(enum policy_op)op, (enum policy_object)o,
							sh / 8 % 10, sh % 8 };
						char what[80];
						int want, err;

						if (op == POLICY_SIGN)
							snprintf(what, sizeof(what),
							    "%s %s %s %u %u", roles[r].name,
							    ops[op], objects[o], a.scheme, a.hash);
						else
							snprintf(what, sizeof(what), "%s %s %s",
							    roles[r].name, ops[op], objects[o]);
						want = listed(what);
						err = policy_check(p, &a, 1, &why);
						if (err != (want == 1 || (want == 2 && legacy)
						                   ? 0
						                   : ERR_DENIED))
							fail_msg("%s (old TLS %s): %s", what,
							    legacy ? "on" : "off", err_name(err));
						yes += err == 0;
						no += err != 0;
					}
	}
	assert_true(yes > 100);
	assert_true(no > 10 * yes);
	policy_free(p);
}

/* A burst of twice the rate, then the rate; one role's use is not another's. */
static void test_rate(void **state)
{
	struct policy *p = policy_new(NULL);
	struct policy_conf c = { .legacy = true };
	struct policy_ask sip = { IPC_SIPD, POLICY_ANSWER, POLICY_SIP, 0, 0 };
	struct policy_ask uak = { IPC_DECTD, POLICY_ANSWER, POLICY_UAK, 0, 0 };
	const char *why;
	unsigned ok = 0;

	(void)state;
	c.per_s[POLICY_RATE_AUTH] = 10;
	policy_configure(p, &c);
	for (int i = 0; i < 50; i++)
		ok += policy_check(p, &sip, 1000, &why) == 0;
	assert_int_equal(ok, 20);
	assert_int_equal(policy_check(p, &sip, 1000, &why), ERR_BUSY);
	assert_int_equal(policy_check(p, &uak, 1000, &why), 0);
	ok = 0;
	for (uint64_t t = 1001; t <= 4000; t++)
		ok += policy_check(p, &sip, t, &why) == 0;
	assert_int_equal(ok, 30);
	/* Long idle does not save up more than the burst. */
	ok = 0;
	for (int i = 0; i < 50; i++)
		ok += policy_check(p, &sip, 10000000, &why) == 0;
	assert_int_equal(ok, 20);
	/* 0: no limit. */
	c.per_s[POLICY_RATE_AUTH] = 0;
	policy_configure(p, &c);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(policy_check(p, &sip, 1, &why), 0);
	policy_free(p);
}

static void test_counted(void **state)
{
	struct stat_set *set = stat_set_new();
	struct policy *p = policy_new(set);
	struct policy_conf c = { 0 };
	struct policy_ask yes = { IPC_SIPD, POLICY_ANSWER, POLICY_SIP, 0, 0 };
	struct policy_ask no = { IPC_MEDIAD, POLICY_REVEAL, POLICY_SIP, 0, 0 };
	const char *why;
	char *text;
	size_t n;

	(void)state;
	policy_configure(p, &c);
	for (int i = 0; i < 3; i++)
		assert_int_equal(policy_check(p, &yes, 1, &why), 0);
	assert_int_equal(policy_check(p, &no, 1, &why), ERR_DENIED);
	text = stat_print(set, &n);
	assert_non_null(strstr(text, "operation=\"answer\",decision=\"allowed\"} 3"));
	assert_non_null(strstr(text, "operation=\"reveal\",decision=\"denied\"} 1"));
	free(text);
	policy_free(p);
	stat_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
