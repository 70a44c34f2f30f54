/* The phone book's local copy with 100,000 people (first argument: another number): names of callers, searches of a handset by 1 to
 * 6 keys or letters, ten entries a page; idle, and while another thread writes an import of everything. Against a bare statement of
 * SQLite on the same file that finds a number's owner, alternating. Times in microseconds: median, 99 %, worst; 99 % of
 * the CPU time. */
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "presenced/dir_cache.h"
#include "presenced/dir_text.h"

#define LOOKUPS  20000
#define SEARCHES 400

static const struct e164_rules rules = {
	.country = "49", .area = "30", .international = "00", .national = "0"
};
static unsigned people = 100000;
static atomic_bool stop;
static char dir[] = "/tmp/ipdect-book.XXXXXX";

static unsigned rnd(unsigned n)
{
	static _Thread_local uint64_t s = 88172645463325252u;

	s ^= s << 13;
	s ^= s >> 7;
	s ^= s << 17;
	return (unsigned)(s >> 33) % n;
}

/* 160 first names and 9,600 family names, some of them much more frequent than others. */
static void person(unsigned i, unsigned version, struct dir_entry *e)
{
	static const char *const first[] = { "An", "Ma", "Jo", "Pe", "Su", "Ka", "Li", "Da", "Mi",
		"Ro", "Be", "Ste", "Chri", "J\xc3\xbcr", "Al", "Ni" };
	static const char *const second[] = { "na", "ria", "hannes", "ter", "sanne", "thrin", "sa",
		"niel", "chael", "bert" };
	static const char *const root[] = { "M\xc3\xbcl", "Schmi", "Schnei", "Fisch", "We", "Mey",
		"Wag", "Beck", "Schul", "Hoff", "Koch", "Bau", "Rich", "Klei", "Wolf", "Neu",
		"Schwa", "Zim", "Kr\xc3\xbc", "Hart", "Lan", "Wer", "Krau", "Leh", "Kai", "Her",
		"Wal", "K\xc3\xb6n", "Pe", "Sto" };
	static const char *const stem[] = { "l", "d", "b", "m", "n", "r", "t", "g" };
	static const char *const end[] = { "er", "mann", "t", "el", "ke", "berg", "stein",
		"hofer" };
	static const char *const tail[] = { "", "", "", "-Baum", "-Winter" };
	unsigned h = i * 2654435761u;

	*e = (struct dir_entry){ .nkey = 4 };
	memcpy(e->key, &i, 4);
	snprintf(e->given, sizeof(e->given), "%s%s", first[h % 16], second[h / 16 % 10]);
	snprintf(e->family, sizeof(e->family), "%s%s%s%s", root[h / 160 % 30], stem[h / 4800 % 8],
	    end[h / 38400 % 8], tail[h / 307200 % 5]);
	snprintf(e->display, sizeof(e->display), "%s %s", e->given, e->family);
	snprintf(e->sip, sizeof(e->sip), "sip:user%u@example.org", i);
	snprintf(e->department, sizeof(e->department), "Dept %u.%u", i % 50, version);
	snprintf(e->company, sizeof(e->company), "Company %u", i % 7);
	e->number[0].kind = DIR_WORK;
	snprintf(e->number[0].raw, sizeof(e->number[0].raw), "+49 30 %u", 10000000 + i);
	e->number[1].kind = DIR_MOBILE;
	snprintf(e->number[1].raw, sizeof(e->number[1].raw), "0171/%u", 20000000 + i);
	e->nnumbers = 2;
}

static double on(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double now_us(void)
{
	return on(CLOCK_MONOTONIC);
}

/* Of both clocks: what is waited for, and what of it is work of ours, which other programs on the machine do not change. */
struct span {
	double wall, cpu;
};

static struct span begin(void)
{
	return (struct span){ now_us(), on(CLOCK_THREAD_CPUTIME_ID) };
}

static void import(struct dir_cache *w, unsigned version)
{
	struct dir_entry e;

	if (dir_cache_begin(w, DIR_LDAP))
		abort();
	for (unsigned i = 0; i < people && !atomic_load(&stop); i++) {
		person(i, version, &e);
		if (dir_cache_put(w, &e))
			abort();
	}
	if (atomic_load(&stop))
		dir_cache_rollback(w);
	else if (dir_cache_commit(w, true, false))
		abort();
}

static void *importer(void *arg)
{
	for (unsigned v = 1; !atomic_load(&stop); v++)
		import(arg, v);
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double report(const char *what, double *t, double *cpu, unsigned n, double base)
{
	qsort(t, n, sizeof(*t), by_value);
	qsort(cpu, n, sizeof(*cpu), by_value);
	printf("%-34s %9.1f %9.1f %9.1f %9.1f", what, t[n / 2], t[n - n / 100 - 1], t[n - 1],
	    cpu[n - n / 100 - 1]);
	if (base > 0)
		printf("   %5.1f x the bare statement", t[n / 2] / base);
	printf("\n");
	return t[n / 2];
}

static void lookups(struct dir_cache *r, sqlite3 *db)
{
	static const char *const names[] = { "a bare statement", "caller's number",
		"a mobile number", "SIP address", "last nine digits", "nobody's number" };
	static double t[6][LOOKUPS], cpu[6][LOOKUPS];
	sqlite3_stmt *st;
	struct dir_hit h;
	double base = 0;

	if (sqlite3_prepare_v2(db,
	        "SELECT c.display FROM number n JOIN contact c ON c.id=n.contact WHERE n.e164=?1",
	        -1, &st, NULL))
		abort();
	for (unsigned i = 0; i < LOOKUPS; i++) {
		char number[6][48];
		unsigned who = rnd(people);

		snprintf(number[0], 48, "+4930%u", 10000000 + who);
		snprintf(number[1], 48, "+4930%u", 10000000 + rnd(people));
		snprintf(number[2], 48, "+49171%u", 20000000 + rnd(people));
		snprintf(number[3], 48, "sip:user%u@example.org", rnd(people));
		snprintf(number[4], 48, "0%u", 10000000 + rnd(people)); /* as a PBX may tell it */
		snprintf(number[5], 48, "+4940%u", 50000000 + rnd(people));
		for (unsigned k = 0; k < 6; k++) {
			struct span a = begin();
			struct slice s = slice_str(number[k]), none = { 0 };
			int err = 0;

			if (k == 0) {
				sqlite3_bind_text(st, 1, s.p, (int)s.n, SQLITE_STATIC);
				err = sqlite3_step(st) != SQLITE_ROW;
				sqlite3_reset(st);
			} else {
				err =
				    dir_cache_name(r, k == 3 ? none : s, k == 3 ? s : none, 9, &h);
			}
			t[k][i] = now_us() - a.wall;
			cpu[k][i] = on(CLOCK_THREAD_CPUTIME_ID) - a.cpu;
			if ((k < 4 && err) || (k == 5 && err != ERR_NOTFOUND))
				abort();
		}
	}
	sqlite3_finalize(st);
	for (unsigned k = 0; k < 6; k++) {
		double m = report(names[k], t[k], cpu[k], LOOKUPS, k ? base : 0);

		base = k ? base : m;
	}
}

static void searches(struct dir_cache *r)
{
	static double t[SEARCHES], cpu[SEARCHES];
	struct dir_found *f = malloc(sizeof(*f));

	for (unsigned kind = 0; kind < 3; kind++)
		for (size_t len = 1; len <= 6; len += kind == 2 ? 2 : 1) {
			unsigned long total = 0;
			char what[64];

			for (unsigned i = 0; i < SEARCHES; i++) {
				char folded[DIR_FOLD_MAX], typed[DIR_FOLD_MAX * 2];
				struct dir_entry e;
				struct span a;

				person(rnd(people), 0, &e);
				dir_fold(slice_str(e.family), false, folded, sizeof(folded));
				folded[len < strlen(folded) ? len : strlen(folded)] = '\0';
				if (kind == 1) {
					folded[strcspn(folded, " ")] = '\0';
					dir_keys(slice_str(folded), typed, sizeof(typed));
				} else if (kind == 2)
					snprintf(typed, sizeof(typed), "%s %.1s", folded, e.given);
				else
					snprintf(typed, sizeof(typed), "%s", folded);
				a = begin();
				if (dir_cache_search(r, slice_str(typed), 0, 10, f) || f->n == 0)
					abort();
				t[i] = now_us() - a.wall;
				cpu[i] = on(CLOCK_THREAD_CPUTIME_ID) - a.cpu;
				total += f->total;
			}
			snprintf(what, sizeof(what), "%s of %zu (%lu found)",
			    kind == 1   ? "keys"
			    : kind == 0 ? "letters"
			                : "family, given:",
			    len, total / SEARCHES);
			report(what, t, cpu, SEARCHES, 0);
		}
	free(f);
}

int main(int argc, char **argv)
{
	static const char *const parts[] = { "", "-wal", "-shm" };
	struct dir_cache *w, *r;
	char path[128], why[256];
	struct rusage ru;
	struct stat st;
	pthread_t th;
	sqlite3 *db;
	bool renewed;
	double a;

	if (argc > 1)
		people = (unsigned)strtoul(argv[1], NULL, 10);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (people < 100 || !mkdtemp(dir) ||
	    dir_cache_open_writer(dir, &rules, &w, &renewed, why, sizeof(why)) ||
	    dir_cache_open_reader(dir, &r, why, sizeof(why)))
		return 1;
	snprintf(path, sizeof(path), "%s/directory.db", dir);
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL))
		return 1;
	a = now_us();
	import(w, 0);
	printf("%u people imported in %.1f s", people, (now_us() - a) / 1e6);
	a = now_us();
	import(w, 0);
	printf("; again, nothing changed: %.1f s", (now_us() - a) / 1e6);
	if (stat(path, &st))
		return 1;
	printf("; file %.1f MiB\n", (double)st.st_size / 1048576);
	for (int busy = 0; busy < 2; busy++) {
		printf("%-34s %9s %9s %9s\n", busy ? "while an import runs" : "idle", "median",
		    "p99", "worst");
		if (busy && pthread_create(&th, NULL, importer, w))
			return 1;
		lookups(r, db);
		searches(r);
		getrusage(RUSAGE_SELF, &ru);
		printf("resident at most: %.1f MiB\n", (double)ru.ru_maxrss / 1024);
	}
	atomic_store(&stop, true);
	pthread_join(th, NULL);
	sqlite3_close(db);
	dir_cache_close(r);
	dir_cache_close(w);
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/directory.db%s", dir, parts[i]);
		unlink(path);
	}
	return rmdir(dir);
}
