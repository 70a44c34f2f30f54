/* The sealed store: what is in it comes back, what was moved or altered does not; master keys and their rotation. */
#include "certd/store.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h>

#include "certd/master.h"
#include "certd/seal.h"
#include "common/mem.h"
#include "tests/unit/certd/tmpdir.h"

static struct slice s(const char *t)
{
	return slice_str(t);
}

static struct store *open_ok(const char *dir)
{
	struct store *st = NULL;
	char why[512] = "";

	if (store_open(dir, &st, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	return st;
}

static int open_err(const char *dir, char why[512])
{
	struct store *st = NULL;

	return store_open(dir, &st, why, 512);
}

static void expect(struct store *st, enum store_kind k, const char *id, const char *want)
{
	uint8_t buf[64];
	size_t n;
	int err = store_get(st, k, s(id), buf, sizeof(buf), &n);

	if (!want) {
		assert_int_equal(err, ERR_NOTFOUND);
		return;
	}
	assert_int_equal(err, 0);
	assert_int_equal(n, strlen(want));
	assert_memory_equal(buf, want, n);
}

static int up(void **state)
{
	*state = tmp_make();
	unsetenv("CREDENTIALS_DIRECTORY");
	return 0;
}

static int down(void **state)
{
	tmp_remove(*state);
	return 0;
}

static void test_seal(void **state)
{
	uint8_t key[SEAL_KEY] = { 1 }, other[SEAL_KEY] = { 2 };
	uint8_t sealed[5 + SEAL_OVERHEAD], again[5 + SEAL_OVERHEAD], out[5];

	(void)state;
	assert_int_equal(seal_close(key, s("id"), s("hello"), sealed), 0);
	assert_int_equal(seal_close(key, s("id"), s("hello"), again), 0);
	assert_memory_not_equal(sealed, again, sizeof(sealed)); /* a nonce of its own */
	struct slice in = { (const char *)sealed, sizeof(sealed) };
	assert_int_equal(seal_open(key, s("id"), in, out), 0);
	assert_memory_equal(out, "hello", 5);
	assert_int_equal(seal_open(key, s("ie"), in, out), ERR_AUTH);
	assert_int_equal(seal_open(other, s("id"), in, out), ERR_AUTH);
	for (size_t i = 0; i < sizeof(sealed); i++) {
		sealed[i] ^= 1;
		assert_int_equal(seal_open(key, s("id"), in, out), ERR_AUTH);
		sealed[i] ^= 1;
	}
	for (size_t n = 0; n < sizeof(sealed); n++)
		assert_int_equal(seal_open(key, s("id"), (struct slice){ in.p, n }, out), ERR_AUTH);
}

/* RFC 5869 A.3: SHA-256, no salt, no info. */
static void test_hkdf(void **state)
{
	static const uint8_t want[] = { 0x8d, 0xa4, 0xe7, 0x75, 0xa5, 0x63, 0xc1, 0x8f, 0x71, 0x5f,
		0x80, 0x2a, 0x06, 0x3c, 0x5a, 0x31, 0xb8, 0xa1, 0x1f, 0x5c, 0x5e, 0xe1, 0x87, 0x9e,
		0xc3, 0x45, 0x4e, 0x5f, 0x3c, 0x73, 0x8d, 0x2d, 0x9d, 0x20, 0x13, 0x95, 0xfa, 0xa4,
		0xb6, 0x1a, 0x96, 0xc8 };
	char ikm[22];
	uint8_t out[sizeof(want)];

	(void)state;
	memset(ikm, 0x0b, sizeof(ikm));
	assert_int_equal(seal_derive((struct slice){ ikm, sizeof(ikm) }, "", out, sizeof(out)), 0);
	assert_memory_equal(out, want, sizeof(want));
}

static bool count(void *ctx, struct slice id, int64_t changed)
{
	(void)id;
	assert_true(changed > 0);
	++*(int *)ctx;
	return true;
}

static void test_records(void **state)
{
	struct store *st = open_ok(*state);
	uint8_t buf[4];
	size_t n;
	bool had;
	int hits = 0;

	assert_int_equal(store_put(st, STORE_SIP, s("alice"), s("one")), 0);
	assert_int_equal(store_put(st, STORE_SIP, s("alice"), s("two")), 0);
	assert_int_equal(store_put(st, STORE_SIP, s(""), s("")), 0);
	assert_int_equal(store_put(st, STORE_AC, s("alice"), s("1234")), 0);
	expect(st, STORE_SIP, "alice", "two");
	expect(st, STORE_SIP, "", "");
	expect(st, STORE_AC, "alice", "1234");
	expect(st, STORE_LDAP, "alice", NULL);
	assert_int_equal(store_get(st, STORE_AC, s("alice"), buf, 3, &n), ERR_LIMIT);
	assert_int_equal(store_each(st, STORE_SIP, count, &hits), 0);
	assert_int_equal(hits, 2);
	assert_int_equal(store_del(st, STORE_SIP, s("alice"), &had), 0);
	assert_true(had);
	assert_int_equal(store_del(st, STORE_SIP, s("alice"), &had), 0);
	assert_false(had);
	store_close(st);
	st = open_ok(*state);
	expect(st, STORE_SIP, "alice", NULL);
	expect(st, STORE_AC, "alice", "1234");
	/* Several writes, all or none. */
	assert_int_equal(store_begin(st), 0);
	assert_int_equal(store_put(st, STORE_SIP, s("bob"), s("x")), 0);
	store_undo(st);
	expect(st, STORE_SIP, "bob", NULL);
	assert_int_equal(store_begin(st), 0);
	assert_int_equal(store_put(st, STORE_SIP, s("bob"), s("x")), 0);
	assert_int_equal(store_end(st), 0);
	expect(st, STORE_SIP, "bob", "x");
	store_close(st);
}

/* Changes the closed file behind the store's back. */
static void tamper(const char *dir, const char *sql)
{
	char path[300];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/store.db", dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_altered(void **state)
{
	struct store *st = open_ok(*state);
	uint8_t buf[64];
	size_t n;

	assert_int_equal(store_put(st, STORE_SIP, s("alice"), s("hers")), 0);
	assert_int_equal(store_put(st, STORE_SIP, s("bob"), s("his")), 0);
	assert_int_equal(store_put(st, STORE_AC, s("carol"), s("1234")), 0);
	assert_int_equal(store_put(st, STORE_AC, s("dave"), s("5678")), 0);
	store_close(st);
	/* bob's password under alice's name; a record of another kind; another date. */
	tamper(*state,
	    "UPDATE record SET (sealed, changed) = (SELECT sealed, changed FROM record WHERE "
	    "id = CAST('bob' AS BLOB)) WHERE id = CAST('alice' AS BLOB)");
	tamper(*state, "UPDATE record SET kind = 1 WHERE id = CAST('carol' AS BLOB)");
	tamper(*state, "UPDATE record SET changed = changed + 1 WHERE id = CAST('dave' AS BLOB)");
	st = open_ok(*state);
	assert_int_equal(store_get(st, STORE_SIP, s("alice"), buf, sizeof(buf), &n), ERR_AUTH);
	assert_non_null(strstr(store_why(st), "altered"));
	assert_int_equal(store_get(st, STORE_SIP, s("carol"), buf, sizeof(buf), &n), ERR_AUTH);
	assert_int_equal(store_get(st, STORE_AC, s("dave"), buf, sizeof(buf), &n), ERR_AUTH);
	expect(st, STORE_SIP, "bob", "his");
	store_close(st);
}

/* The plain text of a secret is nowhere in the directory. */
static bool found_in(const char *dir, const char *text)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[600], *buf = malloc(1 << 20);
	bool hit = false;

	while ((e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		FILE *f = fopen(path, "r");
		size_t n = f ? fread(buf, 1, 1 << 20, f) : 0;
		hit |= memmem(buf, n, text, strlen(text)) != NULL;
		if (f)
			fclose(f);
	}
	closedir(d);
	free(buf);
	return hit;
}

static void test_sealed_on_disk(void **state)
{
	struct store *st = open_ok(*state);

	assert_int_equal(store_put(st, STORE_SIP, s("alice-id"), s("correct horse battery")), 0);
	assert_false(found_in(*state, "correct horse battery"));
	assert_true(found_in(*state, "alice-id")); /* the search works */
	store_close(st);
	assert_false(found_in(*state, "correct horse battery"));
}

static void path_in(char out[300], const char *dir, const char *name)
{
	snprintf(out, 300, "%s/%s", dir, name);
}

static void test_master_file(void **state)
{
	struct store *st = open_ok(*state);
	char path[300], aside[300], why[512];
	struct stat sb;

	assert_int_equal(store_put(st, STORE_SIP, s("a"), s("v")), 0);
	store_close(st);
	path_in(path, *state, MASTER_FILE_NAME);
	path_in(aside, *state, "aside");
	assert_int_equal(stat(path, &sb), 0);
	assert_int_equal(sb.st_mode & 0777, 0600);
	/* Readable by others. */
	chmod(path, 0640);
	assert_int_equal(open_err(*state, why), ERR_DENIED);
	assert_non_null(strstr(why, "chmod 600"));
	chmod(path, 0600);
	/* Gone. */
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(open_err(*state, why), ERR_AUTH);
	assert_non_null(strstr(why, "missing"));
	assert_int_equal(access(path, F_OK), -1); /* none is invented */
	/* Another one, and a short one. */
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fchmod(fileno(f), 0600);
	fputs("0123456789abcdef0123456789abcdef", f);
	fclose(f);
	assert_int_equal(open_err(*state, why), ERR_AUTH);
	assert_non_null(strstr(why, "another one"));
	assert_int_equal(truncate(path, 31), 0);
	assert_int_equal(open_err(*state, why), ERR_VALUE);
	assert_int_equal(rename(aside, path), 0);
	st = open_ok(*state);
	expect(st, STORE_SIP, "a", "v");
	store_close(st);
}

static void fill(struct store *st)
{
	char id[16];

	for (int i = 0; i < 50; i++) {
		snprintf(id, sizeof(id), "id%d", i);
		assert_int_equal(store_put(st, STORE_SIP, s(id), s(id)), 0);
	}
}

static void filled(struct store *st)
{
	char id[16];

	for (int i = 0; i < 50; i++) {
		snprintf(id, sizeof(id), "id%d", i);
		expect(st, STORE_SIP, id, id);
	}
}

static void test_rotate(void **state)
{
	struct store *st = open_ok(*state);
	char path[300], old[300], why[512];
	size_t n = 0;

	fill(st);
	path_in(path, *state, MASTER_FILE_NAME);
	path_in(old, *state, "old");
	assert_int_equal(link(path, old), 0);
	assert_int_equal(store_rotate(st, &n), 0);
	assert_int_equal(n, 50);
	filled(st);
	assert_int_equal(store_put(st, STORE_SIP, s("late"), s("v")), 0);
	store_close(st);
	st = open_ok(*state);
	filled(st);
	expect(st, STORE_SIP, "late", "v");
	store_close(st);
	/* The old key opens nothing any more. */
	assert_int_equal(rename(old, path), 0);
	assert_int_equal(open_err(*state, why), ERR_AUTH);
}

/* Rotation died between its steps: before the commit (NEXT is a stray) and before the rename (NEXT is the one). */
static void test_rotate_interrupted(void **state)
{
	char path[300], next[300], why[300];
	struct store *st = open_ok(*state);
	struct master m;
	size_t n;

	fill(st);
	path_in(path, *state, MASTER_FILE_NAME);
	path_in(next, *state, MASTER_FILE_NEXT);
	store_close(st);
	assert_int_equal(master_make(*state, MASTER_FILE_NEXT, &m, why, sizeof(why)), 0);
	st = open_ok(*state);
	filled(st);
	assert_int_equal(access(next, F_OK), -1);
	char old[300];
	path_in(old, *state, "old");
	assert_int_equal(link(path, old), 0);
	assert_int_equal(store_rotate(st, &n), 0);
	store_close(st);
	assert_int_equal(rename(path, next), 0); /* as if the rename had not happened */
	assert_int_equal(rename(old, path), 0);
	st = open_ok(*state);
	filled(st);
	assert_int_equal(access(next, F_OK), -1);
	store_close(st);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_credential(void **state)
{
	char cred[300], key[300], old[300], file[300], why[512];
	struct store *st = open_ok(*state);
	size_t n;

	fill(st);
	store_close(st);
	path_in(cred, *state, "cred");
	path_in(file, *state, MASTER_FILE_NAME);
	mkdir(cred, 0700);
	snprintf(key, sizeof(key), "%.200s/master-key", cred);
	snprintf(old, sizeof(old), "%.200s/master-key-old", cred);
	write_file(key, "first credential, 32 octets at least");
	setenv("CREDENTIALS_DIRECTORY", cred, 1);
	/* From the file to the credential; the file is erased. */
	st = open_ok(*state);
	assert_true(store_on_credential(st));
	filled(st);
	assert_int_equal(access(file, F_OK), -1);
	assert_int_equal(store_rotate(st, &n), 0);
	assert_int_equal(n, 50);
	store_close(st);
	/* A new credential, with the old one beside it, then without. */
	assert_int_equal(rename(key, old), 0);
	write_file(key, "second credential, 32 octets at least");
	st = open_ok(*state);
	filled(st);
	store_close(st);
	assert_int_equal(unlink(old), 0);
	st = open_ok(*state);
	filled(st);
	store_close(st);
	/* A wrong one. */
	write_file(key, "third credential, 32 octets at least");
	assert_int_equal(open_err(*state, why), ERR_AUTH);
	write_file(key, "short");
	assert_int_equal(open_err(*state, why), ERR_VALUE);
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(open_err(*state, why), ERR_AUTH);
	assert_non_null(strstr(why, "missing"));
}

static void test_held(void **state)
{
	struct store *st = open_ok(*state);
	char why[512];

	assert_int_equal(store_put(st, STORE_SIP, s("a"), s("v")), 0);
	assert_int_equal(open_err(*state, why), ERR_STORE);
	assert_non_null(strstr(why, "another process holds it"));
	store_close(st);
}

static void test_not_a_store(void **state)
{
	char path[300], why[512];

	path_in(path, *state, "store.db");
	write_file(
	    path, "this is no database, whatever its name says, and it is long enough to be read");
	assert_int_equal(open_err(*state, why), ERR_STORE);
	assert_non_null(strstr(why, "store.db"));
	assert_non_null(strstr(why, "backup"));
	assert_int_equal(open_err("/nonexistent/dir", why), ERR_STORE);
	assert_non_null(strstr(why, "/nonexistent/dir"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seal),
		cmocka_unit_test(test_hkdf),
		cmocka_unit_test_setup_teardown(test_records, up, down),
		cmocka_unit_test_setup_teardown(test_altered, up, down),
		cmocka_unit_test_setup_teardown(test_sealed_on_disk, up, down),
		cmocka_unit_test_setup_teardown(test_master_file, up, down),
		cmocka_unit_test_setup_teardown(test_rotate, up, down),
		cmocka_unit_test_setup_teardown(test_rotate_interrupted, up, down),
		cmocka_unit_test_setup_teardown(test_credential, up, down),
		cmocka_unit_test_setup_teardown(test_held, up, down),
		cmocka_unit_test_setup_teardown(test_not_a_store, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
