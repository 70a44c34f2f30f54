/* dectctl media list: a session that lives is told once, whatever begins and ends between two pages. */
#include "plane.h"

#include "ipc/daemon.h"
#include "mediad/sess.h"
#include "tests/support/ctl_page.h"

#define SESSIONS 1500

struct t {
	struct plane p;
	struct daemon d;
	struct sess *s[SESSIONS];
	unsigned told[SESSIONS], others;
};

static void on_row(void *ctx, const ProtobufCMessage *body)
{
	const Ctl__SessionRow *row = (const Ctl__SessionRow *)body;
	struct t *t = ctx;
	uint64_t call = strtoull(row->call, NULL, 16);

	if (call < SESSIONS)
		t->told[call]++;
	else
		t->others++;
}

/* The first of those that were told end, and new ones begin. */
static void between(void *ctx)
{
	struct t *t = ctx;
	struct sess *s;

	for (unsigned i = 0, n = 0; i < SESSIONS && n < 10; i++)
		if (t->s[i]) {
			assert_int_equal(t->told[i], 1);
			sess_drop(&t->p.m, t->s[i], "over");
			t->s[i] = NULL;
			n++;
		}
	assert_int_equal(sess_open(&t->p.m, SESSIONS, NULL, 0, NULL, &s), 0);
}

static void pages(void **state)
{
	struct t *t = mem_new(sizeof(*t));

	(void)state;
	plane_open(&t->p);
	t->p.conf.max_sessions = 2 * SESSIONS;
	t->d.state = &t->p.m;
	for (unsigned i = 0; i < SESSIONS; i++)
		assert_int_equal(sess_open(&t->p.m, i, NULL, 0, NULL, &t->s[i]), 0);
	assert_true(
	    ctl_pages(&t->d, mediad_cmds, mediad_ncmds, "media", "list", on_row, between, t) > 2);
	for (unsigned i = 0; i < SESSIONS; i++)
		assert_int_equal(t->told[i], 1);
	assert_true(t->others > 0);
	plane_close(&t->p);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(pages) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
