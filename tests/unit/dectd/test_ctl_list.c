/* dectctl handset pending: who waits is told once, whoever tries again, is forgotten or comes between two pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mm_rig.h"
#include "tests/support/ctl_page.h"

#define TRIES 900

struct t {
	struct rig g;
	unsigned told[TRIES], others, nobodys;
	struct pp *pp;
	bool gone[TRIES];
};

static void ipei_of(unsigned i, char out[PP_IPEI_LEN + 1])
{
	(void)snprintf(out, PP_IPEI_LEN + 1, "00001%07u", i);
}

static void attempt(struct t *t, unsigned i)
{
	struct ipui pp = { 0 };
	char ipei[PP_IPEI_LEN + 1];

	ipei_of(i, ipei);
	pp.bits = 40;
	pp.v[1] = 1;
	pp.v[3] = (uint8_t)(i >> 8);
	pp.v[4] = (uint8_t)i;
	subs_note(
	    t->g.r.subs, &pp, ipei, 1, "not in the list of those that may subscribe, nor a user's");
}

static void on_row(void *ctx, const ProtobufCMessage *body)
{
	const Ctl__PendingRow *row = (const Ctl__PendingRow *)body;
	struct t *t = ctx;
	unsigned i = (unsigned)strtoul(row->ipei + 5, NULL, 10);

	if (strcmp(row->ipei, IPEI) == 0)
		t->nobodys++;
	else if (strncmp(row->ipei, "00001", 5) == 0 && i < TRIES)
		t->told[i]++;
	else
		t->others++;
}

/* One that was told tries again, one that was not does, one is forgotten, a new one comes. */
static void between(void *ctx)
{
	struct t *t = ctx;
	char ipei[PP_IPEI_LEN + 1];
	bool done[3] = { false };

	for (unsigned i = 0; i < TRIES; i++) {
		if (t->told[i] && !done[0]) {
			attempt(t, i);
			done[0] = true;
		} else if (!t->told[i] && !done[1]) {
			attempt(t, i);
			done[1] = true;
		} else if (t->told[i] && !t->gone[i] && !done[2]) {
			ipei_of(i, ipei);
			assert_true(subs_forget(t->g.r.subs, ipei));
			t->gone[i] = done[2] = true;
		}
	}
	attempt(t, TRIES + t->others + 1);
}

static void pages(void **state)
{
	struct t *t = mem_new(sizeof(*t));

	(void)state;
	rig_init(&t->g, NULL);
	t->g.conf.pending_max = 2 * TRIES;
	t->pp = subscribed(&t->g);
	for (unsigned i = 0; i < TRIES; i++)
		attempt(t, i);
	assert_true(ctl_pages(&t->g.d, dectd_cmds, dectd_ncmds, "handset", "pending", on_row,
	                between, t) > 2);
	for (unsigned i = 0; i < TRIES; i++)
		assert_int_equal(t->told[i], 1);
	assert_int_equal(t->nobodys, 1);
	rig_fini(&t->g);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(pages) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
