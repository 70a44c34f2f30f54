/* A daemon's whole life in a process of its own, asked over its control socket: options, configuration faults, commands with
 * every kind of argument, long tables, large files, streams, reload, drain. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/mem.h"
#include "ipc/ctl_args.h"
#include "ipc/ctl_client.h"
#include "ipc/ctl_print.h"
#include "ipc/daemon.h"
#include "ipc/ipc_priv.h"

#define LONG_TABLE 5000u
#define BIG        (1u << 20)

static char dir[64], conf_path[96];

struct room_conf {
	uint32_t number;
	char *word;
};
static const struct conf_key keys[] = {
	{ "room", "number", CONF_INT, "5", 1, 9, true, offsetof(struct room_conf, number), "n",
	    NULL },
	{ "room", "word", CONF_STR, "x", 0, 9, false, offsetof(struct room_conf, word), "w", NULL },
};

static int show(struct ctl_run *r)
{
	const struct daemon *d = ctl_ctx(r);
	const struct room_conf *c = d->conf;
	Ctl__LogRow row = CTL__LOG_ROW__INIT;

	row.id = c->number;
	row.user = c->word;
	ctl_row(r, &row.base);
	return 0;
}

static int list(struct ctl_run *r)
{
	uint32_t from = 0;

	if (ctl_cursor(r).n && slice_u32(ctl_cursor(r), LONG_TABLE, &from))
		return ERR_SYNTAX;
	for (uint32_t i = from; i < LONG_TABLE; i++) {
		Ctl__LogRow row = CTL__LOG_ROW__INIT;

		row.id = i;
		row.user = "somebody";
		if (!ctl_row(r, &row.base)) {
			char at[12];

			snprintf(at, sizeof(at), "%u", i);
			ctl_more(r, slice_str(at));
			break;
		}
	}
	return 0;
}

static int echo(struct ctl_run *r)
{
	struct slice in = ctl_data_arg(r, "file");

	ctl_say(r, "%zu octets for " SLICE_FMT ", %llu, %u ms", in.n, SLICE_ARG(ctl_id(r)),
	    (unsigned long long)ctl_number(r, "number", 0), ctl_ms(r, "time", 0));
	if (in.n)
		ctl_data(r, in.p, in.n);
	return 0;
}

static int refuse(struct ctl_run *r)
{
	return ctl_fail(r, ERR_EXISTS, "it is there already: choose another name");
}

static void later(struct tmr *t, void *ctx)
{
	struct ctl_run *r = ctx;

	free(t);
	ctl_say(r, "at last");
	ctl_done(r, 0);
}

static int slow(struct ctl_run *r)
{
	struct daemon *d = ctl_ctx(r);
	struct tmr *t = mem_new(sizeof(*t));

	ctl_defer(r);
	tmr_init(t, d->wheel, later, r);
	tmr_start(t, 20);
	return 0;
}

/* Meant to end later, and there is nothing to wait for. */
static int atonce(struct ctl_run *r)
{
	ctl_defer(r);
	ctl_say(r, "at once");
	ctl_done(r, 0);
	ctl_say(r, "%s", ""); /* still there */
	return 0;
}

static int never(struct ctl_run *r)
{
	ctl_defer(r);
	return 0;
}

/* One that lasts, as a capture does. */
static struct ctl_run *lasting;
static struct tmr last_timer;

static int end(struct ctl_run *r)
{
	struct ctl_run *was = lasting;

	if (!was)
		return ctl_fail(r, ERR_NOTFOUND, "nothing lasts");
	lasting = NULL;
	tmr_stop(&last_timer);
	ctl_say(was, "ended");
	ctl_done(was, 0);
	return 0;
}

static void time_is_over(struct tmr *t, void *ctx)
{
	struct ctl_run *was = lasting;

	(void)t;
	(void)ctx;
	lasting = NULL;
	ctl_say(was, "the time is over");
	ctl_done(was, 0);
}

static int last(struct ctl_run *r)
{
	struct daemon *d = ctl_ctx(r);

	ctl_defer(r);
	lasting = r;
	tmr_init(&last_timer, d->wheel, time_is_over, NULL);
	tmr_start(&last_timer, ctl_ms(r, "for", 0));
	return 0;
}

static int watch(struct ctl_run *r)
{
	(void)r;
	return 0;
}

static int poke(struct ctl_run *r)
{
	struct daemon *d = ctl_ctx(r);
	Ctl__LogRow row = CTL__LOG_ROW__INIT;

	row.id = 42;
	ctl_publish(d->ctl, "thing", "watch", NULL, &row.base);
	return 0;
}

static const struct ctl_arg echo_args[] = {
	{ "file", CTL_FILE_IN, false, "a file", NULL },
	{ "file2", CTL_FILE_IN, false, "another", NULL },
	{ "number", CTL_NUMBER, false, "a number", NULL },
	{ "time", CTL_DURATION, false, "a time", NULL },
	{ "colour", CTL_CHOICE, false, "a colour", "red|green" },
	{ "secret", CTL_SECRET, false, "a secret", NULL },
};
static const struct ctl_arg last_args[] = { { "for", CTL_DURATION, true, "how long", NULL } };
#define ROW &ctl__log_row__descriptor
static const struct ctl_cmd cmds[] = {
	{ "thing", "show", IPC_VIEW, NULL, false, NULL, 0, ROW, false, show, "one" },
	{ "thing", "list", IPC_VIEW, NULL, false, NULL, 0, ROW, false, list, "many" },
	{ "thing", "echo", IPC_OPERATE, "NAME", true, echo_args, ARRAY_LEN(echo_args), NULL, false,
	    echo, "echo" },
	{ "thing", "refuse", IPC_ADMIN, NULL, false, NULL, 0, NULL, false, refuse, "never" },
	{ "thing", "slow", IPC_VIEW, NULL, false, NULL, 0, NULL, false, slow, "later" },
	{ "thing", "atonce", IPC_VIEW, NULL, false, NULL, 0, NULL, false, atonce, "not later" },
	{ "thing", "never", IPC_VIEW, NULL, false, NULL, 0, NULL, false, never, "no answer" },
	{ "thing", "last", IPC_VIEW, NULL, false, last_args, 1, NULL, CTL_LASTS, last, "a while" },
	{ "thing", "end", IPC_VIEW, NULL, false, NULL, 0, NULL, false, end, "not longer" },
	{ "thing", "watch", IPC_VIEW, NULL, false, NULL, 0, ROW, true, watch, "stream" },
	{ "thing", "poke", IPC_OPERATE, NULL, false, NULL, 0, NULL, false, poke, "event" },
};
static const struct daemon_def def = {
	.name = "sipd",
	.summary = "a daemon for the test",
	.keys = keys,
	.nkeys = ARRAY_LEN(keys),
	.conf_size = sizeof(struct room_conf),
	.cmds = cmds,
	.ncmds = ARRAY_LEN(cmds),
	.serves = true,
};

static void write_conf(const char *room)
{
	FILE *f = fopen(conf_path, "w");

	assert_non_null(f);
	fprintf(f,
	    "[common]\nruntime-dir = %s/run\nstate-dir = %s/state\nuser-certd = root\nuser-sipd = "
	    "root\n"
	    "user-mediad = root\nuser-dectd = root\nuser-presenced = root\nlog-level = "
	    "err\n[room]\n%s",
	    dir, dir, room);
	fclose(f);
}

static pid_t start(char **argv)
{
	int argc = 0;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	while (argv[argc])
		argc++;
	if (!freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "w", stdout))
		_exit(99);
	_exit(daemon_main(argc, argv, &def));
}

static int wait_exit(pid_t pid)
{
	int status;

	assert_int_equal(pid, waitpid(pid, &status, 0));
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void open_it(struct ctl_conn *c)
{
	char run[96];

	snprintf(run, sizeof(run), "%s/run", dir);
	for (int i = 0; i < 200; i++) {
		ctl_client_open(c, run, "sipd", 2000);
		if (c->desc)
			return;
		usleep(10000);
	}
	fail_msg("the daemon cannot be reached: %s", err_text(c->err));
}

static struct ctl_answer ask(struct ctl_conn *c, const char *verb, int n, char **words)
{
	const Ctl__Command *cmd = ctl_client_find(c, "thing", verb);
	struct ctl_words w;
	struct ctl_answer a;

	assert_non_null(cmd);
	assert_int_equal(0, ctl_words_parse(&w, cmd, n, words));
	ctl_client_run(c, &w.run, 500, &a);
	ctl_words_free(&w);
	return a;
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* It is waited for as long as it lasts, a signal brings the end forward, and nothing of it is lost. */
static void check_lasting(struct ctl_conn *c)
{
	struct sigaction sa = { .sa_handler = on_alarm }, old;
	const struct itimerval soon = { .it_value.tv_usec = 50000 };
	struct ctl_answer a = ask(c, "last", 1, (char *[]){ "for=700ms" });

	assert_int_equal(0, a.err);
	assert_memory_equal("the time is over", a.result->text.data, a.result->text.len);
	ctl_answer_free(&a);
	a = ask(c, "end", 0, NULL);
	assert_int_equal(ERR_NOTFOUND, a.err);

	sigaction(SIGALRM, &sa, &old);
	setitimer(ITIMER_REAL, &soon, NULL);
	a = ask(c, "last", 1, (char *[]){ "for=1h" });
	assert_int_equal(0, a.err);
	assert_memory_equal("ended", a.result->text.data, a.result->text.len);
	ctl_answer_free(&a);
	setitimer(ITIMER_REAL, &soon, NULL);
	a = ask(c, "never", 0, NULL);
	assert_int_equal(-EINTR, a.err);
	sigaction(SIGALRM, &old, NULL);
}

static void test_options_and_configuration(void **state)
{
	(void)state;
	write_conf("");
	assert_int_equal(EX_USAGE, wait_exit(start((char *[]){ "sipd", "-x", NULL })));
	assert_int_equal(
	    EX_USAGE, wait_exit(start((char *[]){ "sipd", "-c", conf_path, "-i", "2", NULL })));
	assert_int_equal(0, wait_exit(start((char *[]){ "sipd", "-c", conf_path, "-t", NULL })));
	assert_int_equal(0, wait_exit(start((char *[]){ "sipd", "-M", NULL })));
	write_conf("number = 99\n");
	assert_int_equal(EX_CONFIG, wait_exit(start((char *[]){ "sipd", "-c", conf_path, NULL })));
	assert_int_equal(
	    EX_CONFIG, wait_exit(start((char *[]){ "sipd", "-c", conf_path, "-t", NULL })));
}

static void test_commands(void **state)
{
	static char *words[] = { "sipd", "-c", conf_path, NULL };
	struct ctl_conn c, c2;
	struct ctl_answer a;
	struct ctl_table *t = ctl_table_new();
	char big[96], arg[128], *text = NULL;
	size_t n = 0;
	FILE *f;
	Ctl__Row *row;
	pid_t pid;

	(void)state;
	write_conf("number = 3\nword = abc\n");
	pid = start(words);
	open_it(&c);
	assert_string_equal("sipd", c.desc->daemon);
	assert_non_null(ctl_client_find(&c, "status", "show"));

	a = ask(&c, "show", 0, NULL);
	assert_int_equal(0, a.err);
	assert_true(ctl_table_add(t, "sipd", a.result->row[0]));
	ctl_answer_free(&a);
	f = open_memstream(&text, &n);
	ctl_table_json(t, f);
	fclose(f);
	assert_string_equal("[{\"id\":3,\"user\":\"abc\"}]\n", text);
	free(text);
	text = NULL;
	f = open_memstream(&text, &n);
	ctl_table_print(t, false, f);
	fclose(f);
	assert_string_equal("ID  USER\n 3  abc\n", text);
	free(text);
	ctl_table_free(t);

	/* A table of many pages comes whole and in order. */
	Ctl__Run run = CTL__RUN__INIT;
	uint64_t next = 0;
	uint8_t cursor[16];
	unsigned pages = 0;

	run.noun = "thing";
	run.verb = "list";
	do {
		ctl_client_run(&c, &run, 2000, &a);
		assert_int_equal(0, a.err);
		for (size_t i = 0; i < a.result->n_row; i++) {
			Ctl__LogRow *l = ctl__log_row__unpack(
			    NULL, a.result->row[i]->body.len, a.result->row[i]->body.data);

			assert_true(l->id == next++);
			ctl__log_row__free_unpacked(l, NULL);
		}
		run.has_cursor = a.result->has_cursor;
		if (run.has_cursor) {
			memcpy(cursor, a.result->cursor.data, a.result->cursor.len);
			run.cursor = (ProtobufCBinaryData){ a.result->cursor.len, cursor };
		}
		pages++;
		ctl_answer_free(&a);
	} while (run.has_cursor);
	assert_int_equal(LONG_TABLE, next);
	assert_true(pages > 1);

	/* 1 MiB there and back, by sealed memory files. */
	snprintf(big, sizeof(big), "%s/big", dir);
	f = fopen(big, "w");
	for (unsigned i = 0; i < BIG; i++)
		fputc((int)(i * 7 % 251), f);
	fclose(f);
	snprintf(arg, sizeof(arg), "file=%s", big);
	a = ask(&c, "echo", 4, (char *[]){ "Ann", arg, "number=12", "time=2m" });
	assert_int_equal(0, a.err);
	assert_int_equal(BIG, a.ndata);
	assert_int_equal(250 * 7 % 251, a.data[250]);
	assert_memory_equal(
	    "1048576 octets for Ann, 12, 120000 ms", a.result->text.data, a.result->text.len);
	ctl_answer_free(&a);

	/* Refusals say why, and the connection lives on. */
	a = ask(&c, "refuse", 0, NULL);
	assert_int_equal(ERR_EXISTS, a.err);
	assert_string_equal("it is there already: choose another name", a.why);
	run = (Ctl__Run)CTL__RUN__INIT;
	run.noun = "thing";
	run.verb = "nothing";
	ctl_client_run(&c, &run, 500, &a);
	assert_int_equal(ERR_NOTFOUND, a.err);
	run.verb = "echo";
	ctl_client_run(&c, &run, 500, &a);
	assert_int_equal(ERR_VALUE, a.err);
	assert_non_null(strstr(a.why, "NAME"));
	a = ask(&c, "echo", 1, (char *[]){ "Ann" });
	assert_int_equal(0, a.err);
	ctl_answer_free(&a);

	/* Answers that come later, and one that never comes. */
	a = ask(&c, "slow", 0, NULL);
	assert_int_equal(0, a.err);
	ctl_answer_free(&a);
	a = ask(&c, "atonce", 0, NULL);
	assert_int_equal(0, a.err);
	ctl_answer_free(&a);
	a = ask(&c, "never", 0, NULL);
	assert_int_equal(ERR_TIMEOUT, a.err);

	check_lasting(&c);

	/* A stream reaches its watcher. */
	open_it(&c2);
	a = ask(&c2, "watch", 0, NULL);
	assert_true(a.result->stream);
	ctl_answer_free(&a);
	a = ask(&c, "poke", 0, NULL);
	ctl_answer_free(&a);
	assert_int_equal(0, ctl_client_row(&c2, &row));
	assert_string_equal("ctl.LogRow", row->type);
	ctl__row__free_unpacked(row, NULL);

	/* Reload: a live key changes, another keeps its value until a restart; a bad file changes nothing. */
	write_conf("number = 4\nword = def\n");
	kill(pid, SIGHUP);
	for (int i = 0; i < 100; i++) {
		Ctl__LogRow *l;
		bool done;

		a = ask(&c, "show", 0, NULL);
		l = ctl__log_row__unpack(
		    NULL, a.result->row[0]->body.len, a.result->row[0]->body.data);
		done = l->id == 4;
		assert_string_equal("abc", l->user);
		ctl__log_row__free_unpacked(l, NULL);
		ctl_answer_free(&a);
		if (done)
			break;
		assert_true(i < 99);
		usleep(10000);
	}
	write_conf("number = 0\n");
	run.noun = "conf";
	run.verb = "reload";
	ctl_client_run(&c, &run, 500, &a);
	assert_int_not_equal(0, a.err);
	a = ask(&c, "show", 0, NULL);
	assert_int_equal(0, a.err);
	ctl_answer_free(&a);

	kill(pid, SIGTERM);
	assert_int_equal(ERR_LOST, ctl_client_row(&c2, &row));
	assert_int_equal(0, wait_exit(pid));
	ctl_client_close(&c);
	ctl_client_close(&c2);
}

/* A request as dectctl would never send it: arguments that name descriptors of all kinds. */
static struct ctl_answer ask_raw(
    struct ctl_conn *c, const int *fds, unsigned nfds, uint32_t first, uint32_t second)
{
	Ctl__Run run = CTL__RUN__INIT, probe = CTL__RUN__INIT;
	Ctl__Arg arg[2] = { CTL__ARG__INIT, CTL__ARG__INIT }, *list[2] = { &arg[0], &arg[1] };
	struct ipc_hdr h = { IPC_MAGIC, IPC_VERSION, IPC_REQ, IPC_IF_CTL, CTL__TYPE__CTL_RUN, 0,
		(uint16_t)nfds, 0 };
	uint8_t b[1024];
	struct ctl_answer a;
	size_t n;

	run.noun = (char *)(uintptr_t) "thing";
	run.verb = (char *)(uintptr_t) "echo";
	run.has_id = true;
	run.id = (ProtobufCBinaryData){ 1, (uint8_t *)(uintptr_t) "x" };
	arg[0].name = (char *)(uintptr_t) "file";
	arg[1].name = (char *)(uintptr_t) "file2";
	arg[0].has_fd = arg[1].has_fd = true;
	arg[0].fd = first;
	arg[1].fd = second;
	run.n_arg = second ? 2 : 1;
	run.arg = list;
	h.corr =
	    c->corr +
	    1; /* what the next question will wait for: it takes our answer, and drops its own */
	ipc_hdr_put(b, &h);
	n = protobuf_c_message_pack(&run.base, b + 16);
	assert_int_equal(0, ipc_sock_send(c->fd, b, 16 + n, fds, nfds));
	probe.noun = run.noun;
	probe.verb = (char *)(uintptr_t) "show";
	ctl_client_run(c, &probe, 2000, &a);
	return a;
}

static void test_descriptors(void **state)
{
	static char *words[] = { "sipd", "-c", conf_path, NULL };
	int mem = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING), file, pipes[2], fds[2];
	struct ctl_answer a;
	struct ctl_conn c;
	char path[96];
	pid_t pid;

	(void)state;
	write_conf("");
	pid = start(words);
	snprintf(path, sizeof(path), "%s/file", dir);
	file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(0, pipe2(pipes, O_CLOEXEC));
	assert_int_equal(5, write(mem, "12345", 5));
	assert_int_equal(5, write(file, "12345", 5));
	const struct {
		int fd[2];
		unsigned n;
		uint32_t first, second;
		const char *says; /* NULL: taken */
	} t[] = {
		{ { file }, 1, 1, 0, "sealed" }, /* of a file system that may block */
		{ { pipes[0] }, 1, 1, 0, "sealed" },
		{ { mem }, 1, 1, 0, "sealed" }, /* not sealed yet */
		{ { mem }, 1, 1, 0, NULL },
		{ { mem }, 1, 2, 0, "missing" },
		{ { mem }, 1, 0, 0, "missing" },
		{ { mem }, 1, 99, 0, "missing" },
		{ { mem }, 1, 1, 1, "one descriptor" },
		{ { mem, mem }, 2, 1, 2, NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		if (i == 3)
			assert_int_equal(
			    0, fcntl(mem, F_ADD_SEALS,
			           F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL));
		open_it(&c);
		memcpy(fds, t[i].fd, sizeof(fds));
		a = ask_raw(&c, fds, t[i].n, t[i].first, t[i].second);
		if (!t[i].says) {
			assert_int_equal(0, a.err);
			assert_memory_equal("5 octets for x", a.result->text.data, 14);
			ctl_answer_free(&a);
		} else if (a.err == 0 || !strstr(a.why, t[i].says)) {
			fail_msg("%zu: %d \"%s\"", i, a.err, a.why);
		}
		ctl_client_close(&c);
	}
	close(mem);
	close(file);
	close(pipes[0]);
	close(pipes[1]);
	kill(pid, SIGTERM);
	assert_int_equal(0, wait_exit(pid));
}

static void test_words(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
		int err;
	} times[] = { { "90s", 90000, 0 }, { "5m", 300000, 0 }, { "250ms", 250, 0 },
		{ "2h", 7200000, 0 }, { "7", 7000, 0 }, { "", 0, ERR_SYNTAX },
		{ "5 m", 0, ERR_SYNTAX }, { "m", 0, ERR_SYNTAX },
		{ "99999999999s", 0, ERR_VALUE } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		uint64_t ms = 0;

		assert_int_equal(times[i].err, ctl_duration(times[i].text, &ms));
		assert_int_equal(times[i].ms, ms);
	}
}

static void test_text_is_harmless(void **state)
{
	static const char in[] = "Zoë\x1b[2J\n\xc3\xff\xe2\x82\xac\x7f\xc2\x9b";
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	(void)state;
	ctl_print_text((const uint8_t *)in, sizeof(in) - 1, false, f);
	fclose(f);
	assert_string_equal("Zoë\\x1b[2J\\x0a\\xc3\\xff€\\x7f\\xc2\\x9b", text);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_text_is_harmless),
		cmocka_unit_test(test_options_and_configuration),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_descriptors),
	};
	char cmd[96];
	int failed;

	snprintf(dir, sizeof(dir), "/tmp/ipdect-ctl.XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	snprintf(conf_path, sizeof(conf_path), "%s/conf", dir);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return failed + (system(cmd) != 0);
}
