/* What survives: states, notes, what was done once, entity tags; and what a deleted user leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "presenced/store.h"

static char dir[] = "/tmp/ipdect-store.XXXXXX";

static int setup(void **state)
{
	static struct store *s;

	assert_int_equal(store_open(dir, &s), 0);
	*state = &s;
	return 0;
}
static int teardown(void **state)
{
	store_close(*(struct store **)*state);
	return 0;
}
/* As after a crash: the file as it is now, opened once more. */
static struct store *look(void)
{
	struct store *s;

	assert_int_equal(store_open(dir, &s), 0);
	return s;
}
static void kept(void **state)
{
	struct store *s = *(struct store **)*state, *now;
	uint32_t manual;
	uint64_t until;
	char v[64];

	assert_int_equal(store_manual_set(s, "200", 2, 1000), 0);
	assert_int_equal(store_note_set(s, "200", "a note"), 0);
	assert_int_equal(store_boot_set(s, "200", "sip:200@a", 5), 0);
	store_etag_set(s, "200", "presence", "sip:200@a", slice_str("tag1"), 100);
	store_etag_set(s, "200", "dialog", "sip:200@a", slice_str("tag2"), 100);
	now = look();
	assert_int_equal(store_manual_get(now, "200", 999, &manual, &until), 0);
	assert_int_equal(manual, 2);
	store_note_get(now, "200", v, sizeof(v));
	assert_string_equal(v, "a note");
	assert_int_equal(store_boot_get(now, "200", "sip:200@a"), 5);
	assert_int_equal(store_boot_get(now, "200", "sip:200@b"), 0); /* another account */
	assert_int_equal(store_boot_get(now, "201", "sip:200@a"), 0);
	assert_true(store_etag_get(now, "200", "presence", "sip:200@a", 99, v, sizeof(v)));
	assert_string_equal(v, "tag1");
	assert_false(store_etag_get(now, "200", "presence", "sip:200@a", 100, v, sizeof(v)));
	assert_false(store_etag_get(now, "200", "presence", "sip:200@b", 99, v, sizeof(v)));
	store_close(now);
	store_etag_set(s, "200", "presence", "sip:200@a", slice_str(""), 0);
	assert_false(store_etag_get(s, "200", "presence", "sip:200@a", 1, v, sizeof(v)));
	store_forget(s, "200");
	assert_int_equal(store_boot_get(s, "200", "sip:200@a"), 0);
	assert_false(store_etag_get(s, "200", "dialog", "sip:200@a", 1, v, sizeof(v)));
	store_note_get(s, "200", v, sizeof(v));
	assert_string_equal(v, "");
}
static void older(void **state)
{
	struct store *s = *(struct store **)*state;
	uint32_t manual;
	uint64_t until;

	/* A second opening must not lose or change anything. */
	assert_int_equal(store_manual_set(s, "300", 3, 0), 0);
	struct store *now = look();
	assert_int_equal(store_manual_get(now, "300", 999, &manual, &until), 0);
	assert_int_equal(manual, 3);
	store_close(now);
}
int main(void)
{
	static const char *const files[] = { "presence.db", "presence.db-wal", "presence.db-shm" };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(kept, setup, teardown),
		cmocka_unit_test_setup_teardown(older, setup, teardown),
	};
	char path[128];
	int failed;

	if (!mkdtemp(dir))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
	return failed;
}
