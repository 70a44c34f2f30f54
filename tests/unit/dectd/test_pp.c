/* Handsets and users: finding, links by IPEI, temporary identities, capabilities; the store: what was confirmed
 * survives kill -9, garbage and newer versions are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dectd/pp_caps.h"
#include "dectd/ppdb.h"

struct t {
	struct tmr_wheel *w;
	struct pps *s;
	char log[512]; /* "IPEI/what user" of each change */
};

static void changed(void *ctx, struct pp *pp, struct pp_user *u, unsigned what)
{
	struct t *t = ctx;
	size_t n = strlen(t->log);

	(void)snprintf(t->log + n, sizeof(t->log) - n, "%s:%x:%s ", pp ? pp->ipei + 9 : "-", what,
	    u ? u->name : "-");
}
static const struct pps_ops ops = { changed };

static void init(struct t *t, struct ppdb *db)
{
	memset(t, 0, sizeof(*t));
	t->w = tmr_wheel_new(NULL);
	t->s = pps_new(db, t->w, &ops, t);
	assert_int_equal(pps_load(t->s), 0);
}

static void fini(struct t *t)
{
	pps_free(t->s);
	tmr_wheel_free(t->w);
}

#define happened(t, want)                                                                          \
	do {                                                                                       \
		assert_string_equal((t)->log, want);                                               \
		(t)->log[0] = '\0';                                                                \
	} while (0)

static struct pp *make(struct t *t, const char *ipei)
{
	struct pp *pp;

	assert_int_equal(pp_make(t->s, ipei, &pp), 0);
	return pp;
}

static void put(struct t *t, const char *name, const char *ipei)
{
	(void)pp_user_put(
	    t->s, &(struct pp_user_in){ .name = slice_str(name), .ipei = slice_str(ipei) });
}

static void test_ipei(void **state)
{
	char out[PP_IPEI_LEN + 1], text[IPEI_CHARS];
	struct ipui id;

	(void)state;
	assert_int_equal(pp_ipei_read(SLICE_LIT("05003 0070387"), out), 0);
	assert_string_equal(out, "050030070387");
	assert_int_equal(pp_ipei_read(SLICE_LIT("05003 0070387 8"), out), 0);
	assert_string_equal(out, "050030070387");
	assert_int_equal(pp_ipei_read(SLICE_LIT("05003 0070387 7"), out), ERR_AUTH);
	assert_int_equal(pp_ipei_read(SLICE_LIT("0500300703"), out), ERR_SYNTAX);
	assert_int_equal(pp_ipei_read(SLICE_LIT("99999 0070387"), out), ERR_VALUE);
	pp_ipei_print("040970000008", text);
	assert_string_equal(text, "04097 0000008 *");
	pp_ipei_ipui("040970175053", &id);
	assert_int_equal(id.bits, 40);
	assert_memory_equal(id.v, ((uint8_t[]){ 0x01, 0x00, 0x12, 0xab, 0xcd }), 5);
	assert_int_equal(pp_ipui_ipei(&id, out), 0);
	assert_string_equal(out, "040970175053");
	id.v[0] = 0x11; /* IPUI O */
	assert_int_equal(pp_ipui_ipei(&id, out), ERR_UNSUPP);
}

static void test_users(void **state)
{
	struct t t;
	struct pp *a, *b;

	(void)state;
	init(&t, NULL);
	put(&t, "anna", "05003 0070387");
	happened(&t, "-:10:anna ");
	a = make(&t, "050030070387"); /* the handset comes later */
	happened(&t, "387:1:- 387:8:anna ");
	assert_ptr_equal(pp_by_user(t.s, SLICE_LIT("anna")), a);
	b = make(&t, "050030070388");
	happened(&t, "388:1:- ");
	/* Another handset: the former one is free. */
	put(&t, "anna", "050030070388");
	happened(&t, "387:8:anna 388:8:anna ");
	assert_null(a->user);
	assert_ptr_equal(b->user, pp_user_find(t.s, SLICE_LIT("anna")));
	/* Two users with one IPEI cannot be: the newer wins. */
	put(&t, "bert", "050030070388");
	assert_string_equal(b->user->name, "bert");
	assert_null(pp_by_user(t.s, SLICE_LIT("anna")));
	assert_string_equal(pp_user_find(t.s, SLICE_LIT("anna"))->ipei, "");
	t.log[0] = '\0';
	/* Nothing new is nothing new. */
	put(&t, "bert", "050030070388");
	happened(&t, "");
	/* The stream anew: who is not in it is gone. */
	pp_users_begin(t.s);
	put(&t, "bert", "050030070388");
	pp_users_done(t.s);
	happened(&t, "-:80:anna ");
	assert_null(pp_user_find(t.s, SLICE_LIT("anna")));
	pp_user_gone(t.s, SLICE_LIT("bert"));
	happened(&t, "388:8:bert 388:80:bert ");
	assert_null(b->user);
	assert_int_equal(pp_delete(b), 0);
	happened(&t, "388:40:- ");
	assert_int_equal(pps_count(t.s), 1);
	put(&t, "carl", "nonsense"); /* a user without a handset */
	assert_string_equal(pp_user_find(t.s, SLICE_LIT("carl"))->ipei, "");
	fini(&t);
}

static void test_tpui(void **state)
{
	struct t t;
	struct pp *a, *b;
	uint32_t first, second;

	(void)state;
	init(&t, NULL);
	a = make(&t, "050030070387");
	b = make(&t, "050030070388");
	first = pp_tpui_alloc(t.s, a);
	assert_true(tpui_individual(first));
	assert_true((first & 0xf000) < 0xc000);         /* second digit 0 to B */
	assert_int_equal(pp_tpui_alloc(t.s, a), first); /* not acknowledged: the same again */
	assert_ptr_equal(pp_by_tpui(t.s, first), a);
	pp_tpui_commit(a);
	assert_int_equal(a->tpui, first);
	assert_int_equal(pp_tpui_alloc(t.s, a), first);
	/* Another one: both hold until it is acknowledged; a refusal leaves the first. */
	a->tpui = 0;
	second = pp_tpui_alloc(t.s, a);
	a->tpui = first;
	assert_int_not_equal(second, first);
	assert_ptr_equal(pp_by_tpui(t.s, second), a);
	pp_tpui_revert(a);
	assert_null(pp_by_tpui(t.s, second));
	assert_ptr_equal(pp_by_tpui(t.s, first), a);
	assert_null(pp_by_tpui(t.s, 0xcf000));
	assert_null(pp_by_tpui(t.s, 0));
	/* The low 16 bits are unique: all of them can be given out, then none is left. */
	for (unsigned i = 0; i < 0xc000 - 2; i++) {
		b->tpui = b->tpui_new = 0; /* forgotten, but taken */
		assert_int_not_equal(pp_tpui_alloc(t.s, b), PP_TPUI_NONE);
	}
	b->tpui = b->tpui_new = 0;
	assert_int_equal(pp_tpui_alloc(t.s, b), PP_TPUI_NONE);
	fini(&t);
}

static void test_caps(void **state)
{
	static const uint8_t tc[] = { 0x05, 0x54, 0x63, 0x10, 0x35, 0x15, 0x0a, 0x00, 0x60, 0x04,
		0x18, 0x81, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x92, 0x82 };
	struct pp_caps c, d;
	struct nwk_msg m;
	uint8_t packed[PP_CAPS_PACKED];
	char text[128];
	struct wr w = wr_of(text, sizeof(text) - 1);
	size_t n;

	(void)state;
	pp_caps_default(&c);
	assert_false(c.known);
	assert_int_equal(nwk_parse(tc, sizeof(tc), NWK_FROM_PP, &m), 0);
	assert_true(pp_caps_read(&c, &m));
	assert_false(pp_caps_read(&c, &m)); /* the same again */
	n = pp_caps_pack(&c, packed, sizeof(packed));
	assert_true(n > 0);
	pp_caps_unpack(packed, n, &d);
	assert_int_equal(d.tc.display, c.tc.display);
	assert_memory_equal(d.tc.profile, c.tc.profile, sizeof(c.tc.profile));
	assert_int_equal(d.tc.lines, c.tc.lines);
	assert_int_equal(d.tc.charsets, c.tc.charsets);
	pp_caps_text(&c, &w);
	text[w.n] = '\0';
	assert_non_null(strstr(text, "GAP"));
	pp_caps_unpack("garbage", 7, &d);
	assert_false(d.known);
}

static char dir[] = "/tmp/ipdect-pp.XXXXXX";
static char path[64];

static int setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/ipdect-pp.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/handsets.db", dir);
	return 0;
}

static int teardown(void **state)
{
	static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
	char f[96];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		(void)snprintf(f, sizeof(f), "%s%s", path, ends[i]);
		(void)unlink(f);
	}
	return rmdir(dir);
}

static void test_store(void **state)
{
	struct ppdb *db;
	struct t t;
	struct pp *pp;
	char text[32];

	(void)state;
	assert_int_equal(ppdb_open(path, &db), 0);
	assert_int_equal(ppdb_meta_get(db, "park", text, sizeof(text)), ERR_NOTFOUND);
	assert_int_equal(ppdb_meta_set(db, "park", "1F102AF12C"), 0);
	assert_int_equal(ppdb_meta_set(db, "park", "1F102AF12D"), 0);
	init(&t, db);
	pp = make(&t, "050030070387");
	pp->subscribed = pp->confirmed = pp->allowed = pp->locked = true;
	pp->alg = PP_DSAA2;
	pp->state = PP_LOCATED;
	pp->base = 7;
	pp->seen = 1700000000;
	(void)snprintf(pp->ac, sizeof(pp->ac), "anna");
	(void)snprintf(pp->note, sizeof(pp->note), "spare");
	(void)snprintf(pp->model, sizeof(pp->model), "1001/01");
	(void)pp_tpui_alloc(t.s, pp);
	pp_tpui_commit(pp);
	uint32_t tpui = pp->tpui;
	assert_int_equal(pp_save(pp), 0);
	(void)make(&t, "050030070388");
	fini(&t);
	ppdb_close(db);

	assert_int_equal(ppdb_open(path, &db), 0);
	assert_int_equal(ppdb_meta_get(db, "park", text, sizeof(text)), 0);
	assert_string_equal(text, "1F102AF12D");
	init(&t, db);
	assert_int_equal(pps_count(t.s), 2);
	pp = pp_by_ipei(t.s, SLICE_LIT("050030070387"));
	assert_non_null(pp);
	assert_ptr_equal(pp_by_tpui(t.s, tpui), pp);
	assert_ptr_equal(pp_by_ipui(t.s, &pp->ipui), pp);
	assert_true(pp->subscribed && pp->confirmed && pp->allowed && pp->locked);
	assert_int_equal(pp->alg, PP_DSAA2);
	assert_int_equal(pp->state, PP_LOCATED);
	assert_int_equal(pp->base, 7);
	assert_int_equal(pp->seen, 1700000000);
	assert_string_equal(pp->ac, "anna");
	assert_string_equal(pp->note, "spare");
	assert_string_equal(pp->model, "1001/01");
	/* A number is never given to another device. */
	uint32_t id = pp_by_ipei(t.s, SLICE_LIT("050030070388"))->id;
	assert_int_equal(pp_delete(pp_by_ipei(t.s, SLICE_LIT("050030070388"))), 0);
	assert_true(make(&t, "050030070389")->id > id);
	fini(&t);
	ppdb_close(db);
}

static int answered, answer;
static void on_stored(void *ctx, int err)
{
	(void)ctx;
	answered++;
	answer = err;
}

/* Many changes, one transaction; who waits hears when they are on disk. */
static void test_waits(void **state)
{
	struct ppdb *db, *other;
	struct pp_wait w[3] = { 0 };
	struct t t, u;
	struct pp *pp[3];

	(void)state;
	assert_int_equal(ppdb_open(path, &db), 0);
	init(&t, db);
	answered = 0;
	for (unsigned i = 0; i < 3; i++) {
		char ipei[PP_IPEI_LEN + 1];

		(void)snprintf(ipei, sizeof(ipei), "05003007038%u", i);
		pp[i] = make(&t, ipei);
		pp[i]->state = PP_LOCATED;
		pp_touch(pp[i]);
		pps_wait(t.s, &w[i], on_stored, NULL);
	}
	pps_wait_cancel(&w[1]);
	assert_int_equal(answered, 0);
	tmr_advance(t.w, 10);
	assert_int_equal(answered, 2);
	assert_int_equal(answer, 0);
	assert_int_equal(ppdb_open(path, &other), 0);
	init(&u, other);
	LIST_FOREACH(pps_list(u.s), it)
	assert_int_equal(LIST_ENTRY(it, struct pp, node)->state, PP_LOCATED);
	fini(&u);
	/* A store that cannot be written: they are told, and it is tried again. */
	assert_int_equal(ppdb_begin(other), 0);
	pp_touch(pp[0]);
	pps_wait(t.s, &w[0], on_stored, NULL);
	tmr_advance(t.w, 10);
	assert_int_equal(answered, 3);
	assert_int_equal(answer, ERR_STORE);
	ppdb_rollback(other);
	assert_int_equal(pps_flush(t.s), 0);
	ppdb_close(other);
	fini(&t);
	ppdb_close(db);
}

static void test_garbage(void **state)
{
	struct ppdb *db = NULL;
	FILE *f = fopen(path, "w");

	(void)state;
	assert_non_null(f);
	for (unsigned i = 0; i < 5000; i++)
		(void)fputc((int)(i * 7), f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(ppdb_open(path, &db), ERR_STORE);
	assert_null(db);
	assert_int_equal(ppdb_open("/nonexistent/x.db", &db), ERR_STORE);
}

/* A child stores handsets as fast as it can and tells which; it is killed at some time; each that it told is there. */
static void test_kill(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 6; round++) {
		int fds[2], status;
		unsigned char last = 0, n = 0;
		struct ppdb *db;
		struct t t;
		pid_t child;

		assert_int_equal(pipe(fds), 0);
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			(void)close(fds[0]);
			if (ppdb_open(path, &db))
				_exit(1);
			init(&t, db);
			for (unsigned i = 1; i < 250; i++) {
				char ipei[PP_IPEI_LEN + 1];
				unsigned char told = (unsigned char)i;
				struct pp *pp;

				(void)snprintf(ipei, sizeof(ipei), "0500%u0000%03u", round, i);
				if (pp_make(t.s, ipei, &pp))
					_exit(2);
				pp->subscribed = true;
				pp->base = i;
				if (pp_save(pp) || write(fds[1], &told, 1) != 1)
					_exit(3);
			}
			_exit(0);
		}
		(void)close(fds[1]);
		while (read(fds[0], &n, 1) == 1) {
			last = n;
			if (n == 20 + round * 17)
				(void)kill(child, SIGKILL);
		}
		(void)close(fds[0]);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		assert_true(last >= 20);
		assert_int_equal(ppdb_open(path, &db), 0);
		init(&t, db);
		for (unsigned i = 1; i <= last; i++) {
			char ipei[PP_IPEI_LEN + 1];
			const struct pp *pp;

			(void)snprintf(ipei, sizeof(ipei), "0500%u0000%03u", round, i);
			pp = pp_by_ipei(t.s, slice_str(ipei));
			assert_non_null(pp);
			assert_true(pp->subscribed);
			assert_int_equal(pp->base, i);
		}
		fini(&t);
		ppdb_close(db);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipei),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_tpui),
		cmocka_unit_test(test_caps),
		cmocka_unit_test_setup_teardown(test_store, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kill, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
