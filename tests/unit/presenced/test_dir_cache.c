/* The local copy: whole transactions, search and its order, names of callers, a database that is broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/mem.h"
#include "presenced/dir_cache.h"

static const struct e164_rules berlin = { .country = "49",
	.area = "30",
	.main_number = "5550",
	.international = "00",
	.national = "0",
	.internal_min = 3,
	.internal_max = 4 };

struct world {
	char dir[64];
	struct dir_cache *w, *r;
	struct dir_found f;
	struct dir_hit h;
};

static void opened(struct world *x, bool expect_renewed)
{
	char why[256];
	bool renewed = false;

	assert_int_equal(
	    dir_cache_open_writer(x->dir, &berlin, &x->w, &renewed, why, sizeof(why)), 0);
	assert_int_equal(renewed, expect_renewed);
	assert_int_equal(dir_cache_open_reader(x->dir, &x->r, why, sizeof(why)), 0);
}

static void closed(struct world *x)
{
	dir_cache_close(x->r);
	dir_cache_close(x->w);
}

static int up(void **state)
{
	struct world *x = mem_new(sizeof(*x));

	snprintf(x->dir, sizeof(x->dir), "/tmp/ipdect-dir.XXXXXX");
	assert_non_null(mkdtemp(x->dir));
	opened(x, false);
	*state = x;
	return 0;
}

static int down(void **state)
{
	static const char *const names[] = { "", "-wal", "-shm" };
	struct world *x = *state;
	char path[128];

	closed(x);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/directory.db%s", x->dir, names[i]);
		unlink(path);
	}
	rmdir(x->dir);
	free(x);
	return 0;
}

/* key, "Given Family", number of work, of the mobile, SIP address, company; NULL where there is none */
static void put(struct world *x, const char *key, const char *name, const char *work,
    const char *mobile, const char *sip, const char *company)
{
	struct dir_entry e = { 0 };
	const char *gap = strchr(name, ' ');
	const char *const raw[] = { work, mobile };

	e.nkey = strlen(key);
	memcpy(e.key, key, e.nkey);
	snprintf(e.display, sizeof(e.display), "%s", name);
	if (gap) {
		snprintf(e.given, sizeof(e.given), "%.*s", (int)(gap - name), name);
		snprintf(e.family, sizeof(e.family), "%s", gap + 1);
	}
	snprintf(e.sip, sizeof(e.sip), "%s", sip ? sip : "");
	snprintf(e.company, sizeof(e.company), "%s", company ? company : "");
	for (size_t i = 0; i < 2; i++)
		if (raw[i]) {
			e.number[e.nnumbers].kind = i ? DIR_MOBILE : DIR_WORK;
			snprintf(e.number[e.nnumbers].raw, sizeof(e.number[0].raw), "%s", raw[i]);
			e.nnumbers++;
		}
	assert_int_equal(dir_cache_put(x->w, &e), 0);
}

static void begin(struct world *x, enum dir_source s)
{
	assert_int_equal(dir_cache_begin(x->w, s), 0);
}

static void commit(struct world *x, bool full)
{
	assert_int_equal(dir_cache_commit(x->w, full, false), 0);
}

/* Names of the hits, joined by '|'. */
static const char *found(struct world *x, const char *typed)
{
	static char out[2000];
	size_t n = 0;

	assert_int_equal(dir_cache_search(x->r, slice_str(typed), 0, DIR_PAGE, &x->f), 0);
	out[0] = '\0';
	for (unsigned i = 0; i < x->f.n; i++)
		n += (size_t)snprintf(
		    out + n, sizeof(out) - n, "%s%s", i ? "|" : "", x->f.hit[i].display);
	return out;
}

static const char *named(struct world *x, const char *number, const char *uri)
{
	int err = dir_cache_name(x->r, slice_str(number), slice_str(uri), 9, &x->h);

	if (err)
		assert_int_equal(err, ERR_NOTFOUND);
	return err ? "" : x->h.display;
}

static uint64_t entries(struct world *x, enum dir_source s)
{
	uint64_t n;

	assert_int_equal(dir_cache_count(x->r, s, &n), 0);
	return n;
}

static void fill(struct world *x)
{
	begin(x, DIR_LDAP);
	put(x, "1", "Jim Kander", "tel:+493055501234;ext=1234", "0171/555 0001",
	    "sip:Jim.Kander@Contoso.com", "Contoso");
	put(x, "2", "Jan Kander", "030 5550 1235", NULL, NULL, "Contoso");
	put(x, "3", "Kandida Zander", "1236", NULL, NULL, NULL);
	put(x, "4", "J\303\274rgen M\303\274ller", "+49 40 999", NULL, NULL, NULL);
	put(x, "5", "Ada Jansen", "+1 425 555 0100", NULL, NULL, NULL);
	commit(x, true);
}

static void searched(void **state)
{
	struct world *x = *state;

	fill(x);
	/* family name first, then other words; each sorted by family, given name */
	assert_string_equal(found(x, "kan"), "Jan Kander|Jim Kander|Kandida Zander");
	assert_string_equal(found(x, "jan"), "Ada Jansen|Jan Kander");
	assert_string_equal(found(x, "JIM KAN"), "Jim Kander");
	assert_string_equal(found(x, "kander j"), "Jan Kander|Jim Kander");
	assert_string_equal(found(x, "kan kan"), "");
	assert_string_equal(found(x, "andida"), "");
	/* both writings */
	assert_string_equal(found(x, "muller"), "J\303\274rgen M\303\274ller");
	assert_string_equal(found(x, "mueller"), "J\303\274rgen M\303\274ller");
	assert_string_equal(found(x, "M\303\234LL"), "J\303\274rgen M\303\274ller");
	/* keypad: jim = 546, kander = 526337, jan = 526 */
	assert_string_equal(found(x, "546"), "Jim Kander");
	assert_string_equal(found(x, "526 526337"), "Jan Kander");
	assert_string_equal(found(x, "526"), "Ada Jansen|Jan Kander|Jim Kander|Kandida Zander");
	assert_string_equal(found(x, "58"), "J\303\274rgen M\303\274ller");
	/* numbers: whole, national, the end */
	assert_string_equal(found(x, "+493055501234"), "Jim Kander");
	assert_string_equal(found(x, "03055501235"), "Jan Kander");
	assert_string_equal(found(x, "1235"), "Jan Kander");
	assert_string_equal(found(x, "555 0100"), "Ada Jansen");
	/* nothing is a wildcard */
	assert_string_equal(found(x, "*"), "");
	assert_string_equal(found(x, "%"), "");
	assert_string_equal(found(x, "_an"), "");
	assert_string_equal(found(x, "' OR 1=1 --"), "");
	/* nothing typed: the whole book, page by page */
	(void)found(x, "");
	assert_true(x->f.total > 4 && x->f.n == x->f.total);
	for (unsigned i = 0, n = x->f.total; i < n; i++) {
		char all[129];

		(void)found(x, "");
		(void)snprintf(all, sizeof(all), "%s", x->f.hit[i].display);
		assert_int_equal(dir_cache_search(x->r, slice_str(""), i, 1, &x->f), 0);
		assert_int_equal(x->f.n, 1);
		assert_int_equal(x->f.total, n);
		assert_string_equal(x->f.hit[0].display, all);
	}
	assert_int_equal(dir_cache_search(x->r, slice_str(""), 1000, 5, &x->f), 0);
	assert_int_equal(x->f.n, 0);
}

static void pages(void **state)
{
	struct world *x = *state;
	char key[16], name[32];

	begin(x, DIR_LDAP);
	for (int i = 0; i < 120; i++) {
		snprintf(key, sizeof(key), "%d", i);
		snprintf(name, sizeof(name), "Ann Person%03d", (i * 7) % 120);
		put(x, key, name, "1", NULL, NULL, NULL);
	}
	commit(x, true);
	for (unsigned from = 0; from < 120; from += 50) {
		assert_int_equal(dir_cache_search(x->r, SLICE_LIT("person"), from, 50, &x->f), 0);
		assert_int_equal(x->f.total, 120);
		assert_int_equal(x->f.n, from == 100 ? 20 : 50);
		for (unsigned i = 0; i < x->f.n; i++) {
			snprintf(name, sizeof(name), "Ann Person%03u", from + i);
			assert_string_equal(x->f.hit[i].display, name);
		}
	}
	assert_int_equal(dir_cache_search(x->r, SLICE_LIT("person"), 500, 50, &x->f), 0);
	assert_int_equal(x->f.n, 0);
}

/* Three ways lead to a page: whom the query leads, all in the order of names, each read and sorted. They agree with a plain sort. */
static void ways(void **state)
{
	struct world *x = *state;
	char key[16], name[40];
	struct {
		unsigned rank;
		char name[40];
	} want[3000];
	unsigned n = 0;

	begin(x, DIR_LDAP);
	for (unsigned i = 0; i < 3000;
	     i++) { /* of each: family name, given name, or neither begins with s */
		snprintf(key, sizeof(key), "%u", i);
		snprintf(name, sizeof(name), "%s%u %s%04u", i % 3 == 1 ? "Sam" : "Ann", i % 7,
		    i % 3 == 0 ? "Stein" : "Berg", (i * 1237) % 3000);
		put(x, key, name, NULL, NULL, NULL, NULL);
		if (i % 3 == 2)
			continue;
		want[n].rank = i % 3;
		/* as sorted: family name, given name */
		snprintf(want[n].name, sizeof(want[n].name), "%s", name);
		n++;
	}
	commit(x, true);
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = i + 1; k < n; k++)
			if (want[k].rank < want[i].rank ||
			    (want[k].rank == want[i].rank &&
			        strcmp(strchr(want[k].name, ' '), strchr(want[i].name, ' ')) < 0)) {
				unsigned r = want[i].rank;
				char t[40];

				memcpy(t, want[i].name, sizeof(t));
				want[i] = want[k];
				want[k].rank = r;
				memcpy(want[k].name, t, sizeof(t));
			}
	static const struct {
		const char *typed;
		unsigned first, n; /* of want */
	} q[] = {
		{ "s", 0, 2000 }, { "7", 0, 2000 }, /* 7 is s, too, and p, q, r: nobody */
		{ "s a", 0, 1000 }, { "s b", 1000, 1000 }, { "7 2", 0, 2000 },
		{ "s st", 0, 0 }, /* nobody has two words for them */
	};

	assert_int_equal(n, 2000);
	for (unsigned k = 0; k < ARRAY_LEN(q); k++)
		for (unsigned from = 0; from < q[k].n + 50; from += 50) {
			unsigned left = q[k].n - from;

			assert_int_equal(
			    dir_cache_search(x->r, slice_str(q[k].typed), from, 50, &x->f), 0);
			assert_int_equal(x->f.total, q[k].n);
			assert_int_equal(x->f.n, from >= q[k].n ? 0 : left < 50 ? left : 50);
			for (unsigned i = 0; i < x->f.n; i++)
				assert_string_equal(
				    x->f.hit[i].display, want[q[k].first + from + i].name);
		}
}

static void callers(void **state)
{
	struct world *x = *state;

	fill(x);
	assert_string_equal(named(x, "+493055501234", ""), "Jim Kander");
	assert_string_equal(x->h.mobile, "+491715550001");
	assert_string_equal(named(x, "+491715550001", ""), "Jim Kander");
	assert_string_equal(
	    named(x, "+493055501236", ""), "Kandida Zander"); /* 1236, dialled direct */
	assert_string_equal(named(x, "", "sip:jim.kander@contoso.com"), "Jim Kander");
	assert_string_equal(named(x, "", "SIP:JIM.Kander@contoso.com;transport=tls"), "Jim Kander");
	assert_string_equal(named(x, "", "sip:jim.kander@contoso.org"), "");
	/* the last nine digits, where only one has them */
	assert_string_equal(named(x, "055501234", ""), "Jim Kander");
	assert_string_equal(named(x, "55501234", ""), "");
	assert_string_equal(named(x, "+4955501234", ""), "");
	assert_string_equal(named(x, "0014255550100", ""), "Ada Jansen");
	assert_string_equal(named(x, "", ""), "");
	assert_string_equal(named(x, "+49", ""), "");

	/* A main number: nobody's name, or the company that all of them are of. */
	begin(x, DIR_LDAP);
	put(x, "6", "Ann One", "+49 30 777", NULL, NULL, "Contoso");
	put(x, "7", "Bob Two", "+49 30 777", NULL, NULL, "Contoso");
	put(x, "8", "Cid Three", "+49 30 888", NULL, NULL, "A");
	put(x, "9", "Dan Four", "+49 30 888", NULL, NULL, "B");
	put(x, "10", "Eve Five", "+49 30 123456789", NULL, NULL, NULL);
	put(x, "11", "Fay Six", "+49 40 123456789", NULL, NULL, NULL);
	commit(x, false);
	assert_string_equal(named(x, "+4930777", ""), "Contoso");
	assert_string_equal(x->h.work, "");
	assert_string_equal(named(x, "+4930888", ""), "");
	assert_string_equal(named(x, "123456789", ""), ""); /* two have this end */

	/* Users come before the directory, the directory before the file. */
	begin(x, DIR_CSV);
	put(x, "1", "Of File", "+49 30 5550 1234", NULL, NULL, NULL);
	put(x, "2", "Taxi", "+49 30 202020", NULL, NULL, NULL);
	commit(x, true);
	assert_string_equal(named(x, "+493055501234", ""), "Jim Kander");
	assert_int_equal(x->h.source, DIR_LDAP);
	assert_string_equal(named(x, "+4930202020", ""), "Taxi");
	begin(x, DIR_USERS);
	put(x, "1", "Of Users", "1234", NULL, NULL, NULL);
	commit(x, true);
	assert_string_equal(named(x, "+493055501234", ""), "Of Users");
}

static void changed(void **state)
{
	struct world *x = *state;
	struct dir_entry e = { .key = "2", .nkey = 1, .display = "Jan Kander" };

	fill(x);
	begin(x, DIR_LDAP);
	put(x, "1", "Jim Zander", "+49 30 1", NULL, NULL, NULL);
	assert_string_equal(found(x, "jim"), "Jim Kander"); /* whole transactions only */
	commit(x, false);
	assert_string_equal(found(x, "jim"), "Jim Zander");
	assert_string_equal(found(x, "jim kan"), "");
	assert_string_equal(found(x, "546 926"), "Jim Zander");
	assert_string_equal(named(x, "+493055501234", ""), "");
	assert_string_equal(named(x, "+49301", ""), "Jim Zander");
	assert_string_equal(named(x, "", "sip:jim.kander@contoso.com"), "");

	begin(x, DIR_LDAP);
	assert_int_equal(dir_cache_drop(x->w, "1", 1), 1);
	assert_int_equal(dir_cache_drop(x->w, "unknown", 7), 0);
	e.hidden = true; /* disabled */
	assert_int_equal(dir_cache_put(x->w, &e), 0);
	commit(x, false);
	assert_string_equal(found(x, "kander"), "");
	assert_int_equal(entries(x, DIR_LDAP), 3);

	begin(x, DIR_LDAP);
	put(x, "20", "Not Kept", "1", NULL, NULL, NULL);
	dir_cache_rollback(x->w);
	assert_string_equal(found(x, "kept"), "");
}

static void swept(void **state)
{
	struct world *x = *state;

	fill(x);
	begin(x, DIR_CSV);
	put(x, "1", "Taxi", "1", NULL, NULL, NULL);
	commit(x, true);
	/* 3 of 5 are left: taken; those that are only seen stay. */
	begin(x, DIR_LDAP);
	put(x, "1", "Jim Kander", "tel:+493055501234;ext=1234", "0171/555 0001",
	    "sip:Jim.Kander@Contoso.com", "Contoso");
	assert_int_equal(dir_cache_seen(x->w, "2", 1), 0);
	assert_int_equal(dir_cache_seen(x->w, "3", 1), 0);
	assert_int_equal(dir_cache_seen(x->w, "unknown", 7), 0);
	commit(x, true);
	assert_int_equal(entries(x, DIR_LDAP), 3);
	assert_int_equal(dir_cache_swept(x->w), 2);
	/* 1 of 3: a wrong base, or rights that went. */
	begin(x, DIR_LDAP);
	assert_int_equal(dir_cache_seen(x->w, "2", 1), 0);
	assert_int_equal(dir_cache_commit(x->w, true, false), ERR_VALUE);
	assert_non_null(strstr(dir_cache_why(x->w), "only 1 entries"));
	assert_int_equal(entries(x, DIR_LDAP), 3);
	begin(x, DIR_LDAP);
	assert_int_equal(dir_cache_seen(x->w, "2", 1), 0);
	assert_int_equal(dir_cache_commit(x->w, true, true), 0);
	assert_int_equal(entries(x, DIR_LDAP), 1);
	assert_int_equal(entries(x, DIR_CSV), 1);
	assert_string_equal(found(x, "jim"), "");
}

static void rules(void **state)
{
	static const struct e164_rules munich = { .country = "49",
		.area = "89",
		.main_number = "777",
		.international = "00",
		.national = "0",
		.internal_min = 3,
		.internal_max = 4 };
	struct world *x = *state;

	fill(x);
	assert_string_equal(named(x, "+493055501236", ""), "Kandida Zander");
	assert_int_equal(dir_cache_rules(x->w, &munich), 0);
	assert_string_equal(named(x, "+493055501236", ""), "");
	assert_string_equal(named(x, "+49897771236", ""), "Kandida Zander");
}

static void meta(void **state)
{
	struct world *x = *state;
	char v[8];
	size_t n;

	begin(x, DIR_LDAP);
	assert_int_equal(dir_cache_meta_set(x->w, "cookie", "a\0b", 3), 0);
	dir_cache_rollback(x->w);
	assert_int_equal(dir_cache_meta_get(x->w, "cookie", v, sizeof(v), &n), ERR_NOTFOUND);
	begin(x, DIR_LDAP);
	assert_int_equal(dir_cache_meta_set(x->w, "cookie", "a\0b", 3), 0);
	commit(x, false);
	closed(x);
	opened(x, false);
	assert_int_equal(dir_cache_meta_get(x->w, "cookie", v, sizeof(v), &n), 0);
	assert_int_equal(n, 3);
	assert_memory_equal(v, "a\0b", 3);
	assert_int_equal(dir_cache_meta_get(x->w, "cookie", v, 2, &n), ERR_LIMIT);
	assert_int_equal(dir_cache_meta_set(x->w, "cookie", NULL, 0), 0);
	assert_int_equal(dir_cache_meta_get(x->w, "cookie", v, sizeof(v), &n), ERR_NOTFOUND);
}

static void broken(void **state)
{
	struct world *x = *state;
	char path[128];
	FILE *f;

	fill(x);
	closed(x);
	snprintf(path, sizeof(path), "%s/directory.db", x->dir);
	f = fopen(path, "wb");
	assert_non_null(f);
	for (int i = 0; i < 4096; i++)
		fputc(i, f);
	fclose(f);
	opened(x, true);
	assert_int_equal(entries(x, DIR_LDAP), 0);
	fill(x);
	assert_string_equal(found(x, "jim"), "Jim Kander");
}

static bool collect(void *ctx, const struct dir_hit *h)
{
	char *out = ctx;

	snprintf(out + strlen(out), 100 - strlen(out), "%s|", h->display);
	return strlen(out) < 20;
}

static void each(void **state)
{
	struct world *x = *state;
	char out[100] = "";

	fill(x);
	assert_int_equal(dir_cache_each(x->r, DIR_LDAP, collect, out), 0);
	assert_string_equal(out, "Ada Jansen|Jan Kander|");
}

/* A model: what random changes leave is what is found. */
static void model(void **state)
{
	struct world *x = *state;
	struct {
		bool there;
		unsigned version;
	} m[64] = { 0 };
	unsigned seed = 7;
	char key[16], name[40], number[24];

	for (int round = 0; round < 30; round++) {
		bool keep = round % 3 != 2;
		struct {
			bool there;
			unsigned version;
		} was[64];

		memcpy(was, m, sizeof(m));
		begin(x, DIR_LDAP);
		for (int k = 0; k < 20; k++) {
			unsigned i = (seed = seed * 1103515245 + 12345) >> 16 & 63;

			snprintf(key, sizeof(key), "k%u", i);
			if ((seed >> 24) % 3 == 0) {
				assert_int_equal(
				    dir_cache_drop(x->w, key, strlen(key)), m[i].there);
				m[i].there = false;
			} else {
				m[i].there = true;
				m[i].version = seed >> 20 & 7;
				snprintf(name, sizeof(name), "Given%u Name%u", m[i].version, i);
				snprintf(
				    number, sizeof(number), "+49 30 %u%03u", 100 + m[i].version, i);
				put(x, key, name, number, NULL, NULL, NULL);
			}
		}
		if (keep) {
			commit(x, false);
		} else {
			dir_cache_rollback(x->w);
			memcpy(m, was, sizeof(m));
		}
		for (unsigned i = 0; i < 64; i++)
			for (unsigned v = 0; v < 8; v++) {
				snprintf(name, sizeof(name), "Given%u Name%u", v, i);
				snprintf(number, sizeof(number), "+4930%u%03u", 100 + v, i);
				assert_string_equal(named(x, number, ""),
				    m[i].there && m[i].version == v ? name : "");
			}
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = { T(searched), T(pages), T(ways), T(callers), T(changed),
		T(swept), T(rules), T(meta), T(broken), T(each), T(model) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
