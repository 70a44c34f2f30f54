/* The audit log: every kind of tampering is found, and the right entry is named; crashes are not tampering. */
#include "certd/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "common/mem.h"
#include "tests/unit/certd/tmpdir.h"

#define TEXT (64 << 10)

struct log {
	char *p;
	size_t n;
	EVP_PKEY *key;
	size_t line[64]; /* where entry i begins; [0]: the head */
	unsigned entries;
};

/* Twenty entries, signed after each fifth. */
static struct log make(void)
{
	struct log l = { .p = malloc(TEXT), .key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") };
	struct wr w = wr_of(l.p, TEXT);
	struct audit_state st = { 0 };

	audit_put_head(&st, &w);
	for (unsigned i = 1; i <= 20; i++) {
		l.line[i] = w.n;
		audit_put_entry(&st, NULL, &w, 1000 * i, "sipd", "sign-pss", slice_str("key one"),
		    i % 7 ? SLICE_LIT("ok") : SLICE_LIT("ERR_DENIED"));
		if (i % 5 == 0)
			assert_int_equal(audit_put_signature(&st, &w, 1000 * i, l.key), 0);
	}
	l.entries = 20;
	l.n = w.n;
	assert_false(w.bad);
	return l;
}

static void drop(struct log *l)
{
	EVP_PKEY_free(l->key);
	free(l->p);
}

static struct audit_verify verify(const struct log *l, const char *p, size_t n)
{
	struct audit_verify v = { 0 };
	size_t used;

	audit_verify_text(&v, (struct slice){ p, n }, l->key, false, &used);
	return v;
}

static size_t end_of(const struct log *l, size_t at)
{
	while (l->p[at] != '\n')
		at++;
	return at + 1;
}

static void test_good(void **state)
{
	struct log l = make();
	struct audit_verify v = verify(&l, l.p, l.n);
	struct audit_entry e;

	(void)state;
	assert_int_equal(v.bad, 0);
	assert_int_equal(v.entries, 20);
	assert_int_equal(v.first, 1);
	assert_int_equal(v.signed_seq, 20);
	assert_int_equal(
	    audit_entry_parse(
	        (struct slice){ l.p + l.line[7], end_of(&l, l.line[7]) - l.line[7] - 1 }, &e),
	    0);
	assert_int_equal(e.seq, 7);
	assert_true(slice_eq(e.object, slice_str("key%20one")));
	assert_true(slice_eq(e.outcome, slice_str("ERR_DENIED")));
	drop(&l);
}

/* Each octet of each entry. */
static void test_altered(void **state)
{
	struct log l = make();

	(void)state;
	for (unsigned i = 1; i <= l.entries; i++)
		for (size_t at = l.line[i]; l.p[at] != '\n'; at++) {
			char old = l.p[at];

			l.p[at] = old == 'x' ? 'y' : 'x';
			struct audit_verify v = verify(&l, l.p, l.n);
			if (v.bad != i)
				fail_msg("entry %u octet %zu: %u named", i, at - l.line[i],
				    (unsigned)v.bad);
			l.p[at] = old;
		}
	drop(&l);
}

static void test_removed(void **state)
{
	struct log l = make();
	char *cut = malloc(TEXT);

	(void)state;
	for (unsigned i = 1; i <= l.entries; i++) {
		size_t a = l.line[i], b = end_of(&l, a);

		memcpy(cut, l.p, a);
		memcpy(cut + a, l.p + b, l.n - b);
		struct audit_verify v = verify(&l, cut, l.n - (b - a));
		/* The last entry takes its number with it: the signature behind it tells. */
		assert_in_range(v.bad, i == 20 ? 16 : i, i);
		assert_int_not_equal(v.bad, 0);
	}
	free(cut);
	drop(&l);
}

static void test_moved(void **state)
{
	struct log l = make();
	char *t = malloc(TEXT);
	size_t a = l.line[3], b = l.line[4], c = end_of(&l, b), n;

	(void)state;
	/* 4 before 3. */
	memcpy(t, l.p, a);
	memcpy(t + a, l.p + b, c - b);
	memcpy(t + a + (c - b), l.p + a, b - a);
	memcpy(t + c, l.p + c, l.n - c);
	assert_int_equal(verify(&l, t, l.n).bad, 3);
	/* 3 twice. */
	n = b - a;
	memcpy(t, l.p, b);
	memcpy(t + b, l.p + a, n);
	memcpy(t + b + n, l.p + b, l.n - b);
	assert_int_equal(verify(&l, t, l.n + n).bad, 4);
	free(t);
	drop(&l);
}

/* Somebody who knows the format makes all hashes anew: the signatures do not follow. */
static void test_rehashed(void **state)
{
	struct log l = make();
	char *t = malloc(TEXT);
	struct wr w = wr_of(t, TEXT);
	struct audit_state st = { 0 };
	struct audit_verify v;
	EVP_PKEY *own = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	(void)state;
	audit_put_head(&st, &w);
	for (unsigned i = 1; i <= 20; i++) {
		audit_put_entry(&st, NULL, &w, 1000 * i, "sipd", "sign-pss",
		    i == 8 ? slice_str("key two") : slice_str("key one"),
		    i % 7 ? SLICE_LIT("ok") : SLICE_LIT("ERR_DENIED"));
		if (i % 5 == 0) { /* the genuine signature lines */
			size_t a = end_of(&l, l.line[i]), b = end_of(&l, a);
			wr_bytes(&w, l.p + a, b - a);
		}
	}
	v = verify(&l, t, w.n);
	assert_int_equal(v.bad, 6);
	assert_int_equal(v.bad_to, 10);
	/* Or with a key of his own. */
	w = wr_of(t, TEXT);
	memset(&st, 0, sizeof(st));
	audit_put_head(&st, &w);
	audit_put_entry(&st, NULL, &w, 1, "sipd", "sign-pss", slice_str("x"), slice_str("ok"));
	assert_int_equal(audit_put_signature(&st, &w, 1, own), 0);
	assert_int_equal(verify(&l, t, w.n).bad, 1);
	EVP_PKEY_free(own);
	free(t);
	drop(&l);
}

/* ---- on disk ---- */

struct disk {
	char *dir;
	struct store *s;
	struct tmr_wheel *w;
	struct audit *a;
	struct audit_conf conf;
};

static void open_log(struct disk *d)
{
	char why[512] = "";

	if (store_open(d->dir, &d->s, why, sizeof(why)) ||
	    audit_open(d->dir, d->s, d->w, &d->conf, &d->a, why, sizeof(why)))
		fail_msg("%s", why);
}

static void close_log(struct disk *d)
{
	audit_close(d->a);
	store_close(d->s);
}

static struct disk fresh(void)
{
	struct disk d = { .dir = tmp_make(), .w = tmr_wheel_new(NULL), .conf = { 64, 5 } };

	unsetenv("CREDENTIALS_DIRECTORY");
	open_log(&d);
	return d;
}

static void gone(struct disk *d)
{
	close_log(d);
	tmr_wheel_free(d->w);
	tmp_remove(d->dir);
}

static void test_disk(void **state)
{
	struct disk d = fresh();
	struct audit_verify v;
	char path[300];

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		audit_use(d.a, "sipd", "sign-pss", slice_str("k"), slice_str("ok"));
	assert_int_equal(
	    audit_admin(d.a, "uid-0", "cert-import", slice_str("host"), slice_str("accepted")), 0);
	assert_true(audit_check(d.a, &v));
	assert_int_equal(v.st.seq, 12);
	assert_int_equal(v.signed_seq, 12);
	audit_use(d.a, "sipd", "sign-pss", slice_str("k"), slice_str("ok"));
	assert_true(audit_check(d.a, &v));
	assert_int_equal(v.signed_seq, 12);
	tmr_advance(d.w, AUDIT_SIGN_MS);
	assert_true(audit_check(d.a, &v));
	assert_int_equal(v.signed_seq, 13);
	close_log(&d);
	snprintf(path, sizeof(path), "%s/audit", d.dir);
	assert_int_equal(audit_tool(path, NULL), 0); /* offline */
	open_log(&d);
	assert_true(audit_check(d.a, &v));
	assert_int_equal(v.st.seq, 15); /* stop, start */
	gone(&d);
}

/* Killed: the tail that was written is taken up and signed; a torn line is cut off. */
static void test_killed(void **state)
{
	struct disk d = fresh();
	struct audit_verify v;
	char path[300];
	int status;
	pid_t pid;
	FILE *f;

	(void)state;
	close_log(&d);
	pid = fork();
	if (pid == 0) {
		open_log(&d);
		for (unsigned i = 0; i < 5; i++)
			audit_use(d.a, "sipd", "sign-pss", slice_str("k"), slice_str("ok"));
		_exit(audit_check(d.a, &v) && v.signed_seq == v.st.seq - 5
		          ? 0
		          : 1); /* written, not signed */
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	snprintf(path, sizeof(path), "%s/audit/audit.log", d.dir);
	f = fopen(path, "a");
	fputs("E 9 12345 sipd sign-p", f);
	fclose(f);
	open_log(&d);
	/* start, stop, start, 5 uses, start */
	assert_int_equal(audit_last(d.a), 9);
	assert_true(audit_check(d.a, &v));
	assert_int_equal(v.signed_seq, 9);
	gone(&d);
}

/* No new file can be made: the old one is written on, and turned over when there is room. */
static void test_no_new_file(void **state)
{
	struct disk d = fresh();
	struct audit_verify v;
	char old[300], block[300];

	(void)state;
	snprintf(old, sizeof(old), "%s/audit/audit-%020u.log", d.dir, 1);
	snprintf(block, sizeof(block), "%s/audit/audit.log.new", d.dir);
	assert_int_equal(mkdir(block, 0700), 0);
	for (unsigned i = 0; i < 1000; i++)
		audit_use(
		    d.a, "sipd", "sign-pss", slice_str("a key of some length"), slice_str("ok"));
	tmr_advance(d.w, AUDIT_SIGN_MS);
	assert_int_not_equal(access(old, F_OK), 0);
	assert_non_null(audit_trouble(d.a));
	audit_use(d.a, "sipd", "sign-pss", slice_str("k"), slice_str("ok"));
	tmr_advance(d.w, AUDIT_SIGN_MS);
	assert_true(audit_check(d.a, &v));
	assert_int_equal(v.st.seq, 1002);
	assert_int_equal(v.signed_seq, 1002);
	close_log(&d); /* and a restart in this state */
	open_log(&d);
	assert_true(audit_check(d.a, &v));
	assert_int_equal(rmdir(block), 0);
	audit_use(d.a, "sipd", "sign-pss", slice_str("k"), slice_str("ok"));
	tmr_advance(d.w, AUDIT_SIGN_MS);
	assert_int_equal(access(old, F_OK), 0);
	audit_use(d.a, "sipd", "sign-pss", slice_str("k"), slice_str("ok"));
	tmr_advance(d.w, AUDIT_SIGN_MS);
	assert_true(audit_check(d.a, &v));
	assert_int_equal(v.st.seq, 1006); /* stop, start, 2 uses */
	assert_int_equal(v.signed_seq, 1006);
	gone(&d);
}

static void test_files(void **state)
{
	struct disk d = fresh();
	struct audit_verify v;
	char path[300];
	unsigned files = 0;
	DIR *dir;
	struct dirent *e;

	(void)state;
	/* 64 KiB a file, five old ones are kept: 12 files' worth. */
	for (unsigned i = 0; i < 12 * 64 * 1024 / 150; i++) {
		audit_use(d.a, "sipd", "sign-pss", slice_str("0123456789abcdef0123456789abcdef"),
		    slice_str("ok"));
		if (i % 50 == 0)
			tmr_advance(d.w, AUDIT_SIGN_MS);
	}
	snprintf(path, sizeof(path), "%s/audit", d.dir);
	dir = opendir(path);
	while ((e = readdir(dir)) != NULL)
		files += strncmp(e->d_name, "audit-", 6) == 0;
	closedir(dir);
	assert_int_equal(files, 5);
	assert_true(audit_check(d.a, &v));
	assert_true(v.first > 1);
	assert_int_equal(v.st.seq, audit_last(d.a));
	close_log(&d);
	assert_int_equal(audit_tool(path, NULL), 0);
	open_log(&d);
	assert_true(audit_check(d.a, &v));
	gone(&d);
}

static void edit(const char *dir, const char *script)
{
	char cmd[900];

	snprintf(cmd, sizeof(cmd), "cd %s/audit && %s", dir, script);
	assert_int_equal(system(cmd), 0);
}

static void fill(struct disk *d)
{
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(audit_admin(d->a, "uid-0", "trust-import", slice_str("local"),
		                     slice_str("accepted")),
		    0);
}

/* Tampering while certd runs, and while it does not. */
static void test_disk_tampered(void **state)
{
	static const struct {
		const char *script;
		uint64_t bad;
	} t[] = {
		{ "sed -i '/^E 5 /s/trust/crust/' audit.log", 5 },
		{ "sed -i '/^E 6 /d' audit.log", 6 },
		{ "sed -i '/^[ES] 10 /d' audit.log", 10 },
		{ "sed -i '/^[ES] [5-9] /d; /^[ES] 10 /d' audit.log", 5 },
		{ ": > audit.log", 1 },
	};
	char path[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct disk d = fresh();
		struct audit_verify v;

		fill(&d);
		assert_true(audit_check(d.a, &v));
		edit(d.dir, t[i].script);
		assert_false(audit_check(d.a, &v));
		assert_int_equal(v.bad, t[i].bad);
		gone(&d);

		d = fresh();
		fill(&d);
		close_log(&d);
		edit(d.dir, t[i].script);
		snprintf(path, sizeof(path), "%s/audit", d.dir);
		if (i < 2)
			assert_int_equal(audit_tool(path, NULL), 1);
		open_log(&d); /* says so, and goes on */
		fill(&d);
		(void)audit_check(d.a, &v);
		assert_int_equal(
		    v.bad, 0); /* from here on a good chain, whose first entry tells of it */
		gone(&d);
	}
}

/* Two alterations of the same entry: both files are kept. */
static void test_aside_twice(void **state)
{
	struct disk d = fresh();

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		fill(&d);
		close_log(&d);
		edit(d.dir, ": > audit.log"); /* entry 1 each time */
		if (i == 0)
			edit(d.dir, "echo first > audit.log");
		open_log(&d);
	}
	edit(d.dir, "set -- *.altered && test $# = 3 && grep -qx first *1.altered");
	gone(&d);
}

static void test_disk_full(void **state)
{
	struct disk d = fresh();
	struct audit_verify v;

	(void)state;
	/* Files may not grow any more: as good as full. */
	struct rlimit old, none;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	none = old;
	none.rlim_cur = 600;
	setrlimit(RLIMIT_FSIZE, &none);
	int err = 0;
	for (unsigned i = 0; i < 5 && !err; i++)
		err = audit_admin(
		    d.a, "uid-0", "trust-import", slice_str("local"), slice_str("accepted"));
	assert_int_equal(err, ERR_STORE);
	assert_non_null(audit_trouble(d.a));
	for (unsigned i = 0; i < 5000; i++) /* keys are used on; what does not fit is counted */
		audit_use(d.a, "sipd", "sign-pss", slice_str("k"), slice_str("ok"));
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(
	    audit_admin(d.a, "uid-0", "trust-import", slice_str("local"), slice_str("accepted")),
	    0);
	assert_null(audit_trouble(d.a));
	assert_true(audit_check(d.a, &v));
	gone(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_altered),
		cmocka_unit_test(test_removed),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_rehashed),
		cmocka_unit_test(test_disk),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_no_new_file),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_disk_tampered),
		cmocka_unit_test(test_aside_twice),
		cmocka_unit_test(test_disk_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
