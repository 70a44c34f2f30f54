/* dectctl before daemons that are played here: who is there, who is not, and who goes away in the middle of an answer. What the
 * others said is printed in each case, and the exit status is the one of the usage text. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "ctl.pb-c.h"
#include "ipc/ipc_priv.h"
#include "link.pb-c.h"

#define IPDECT_VERSION "0"
#define main           dectctl_main
int dectctl_main(int argc, char **argv);
#include "ipc/ctl_main.c"
#undef main

enum how {
	ABSENT, /* no socket */
	STALE,  /* a socket with nobody behind it */
	WELL,
	DIES,  /* when it is asked */
	PAGE,  /* after the first page of its answer */
	OTHER, /* has what is asked for, but not of this name */
};
enum who { CERTD, SIPD, DECTD, PRESENCED, MEDIAD_1, MEDIAD_2, WHO_N };
static const char *const names[WHO_N] = { "certd", "sipd", "dectd", "presenced", "mediad-1",
	"mediad-2" };

static char dir[64];
static pid_t child[WHO_N];

static bool is_mediad(unsigned who)
{
	return who >= MEDIAD_1;
}

static const struct {
	const char *noun, *verb, *id;
	bool (*of)(unsigned who);
} commands[] = {
	{ "status", "show", NULL, NULL },
	{ "check", "run", NULL, NULL },
	{ "media", "list", NULL, is_mediad },
	{ "media", "show", "session or call", is_mediad },
	{ "call", "show", "CALL", NULL },
};

static void put(int fd, const struct ipc_hdr *in, uint8_t kind, const ProtobufCMessage *m)
{
	uint8_t buf[16 + 4096];
	struct ipc_hdr h = *in;

	BUG_ON(protobuf_c_message_get_packed_size(m) > 4096);
	h.kind = kind;
	h.nfds = 0;
	ipc_hdr_put(buf, &h);
	(void)!send(fd, buf, 16 + protobuf_c_message_pack(m, buf + 16), MSG_EOR | MSG_NOSIGNAL);
}

static void describe(int fd, const struct ipc_hdr *h, unsigned who)
{
	Ctl__Described d = CTL__DESCRIBED__INIT;
	Ctl__Command c[ARRAY_LEN(commands)], *list[ARRAY_LEN(commands)];

	d.daemon = (char *)(uintptr_t)(is_mediad(who) ? "mediad" : names[who]);
	d.instance = is_mediad(who) ? who - MEDIAD_1 + 1 : 0;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (commands[i].of && !commands[i].of(who))
			continue;
		ctl__command__init(&c[i]);
		c[i].noun = (char *)(uintptr_t)commands[i].noun;
		c[i].verb = (char *)(uintptr_t)commands[i].verb;
		c[i].level = CTL__LEVEL__LEVEL_VIEW;
		c[i].id_name = (char *)(uintptr_t)commands[i].id;
		c[i].has_id_required = c[i].id_required = commands[i].id != NULL;
		c[i].help = (char *)(uintptr_t) "…";
		list[d.n_command++] = &c[i];
	}
	d.command = list;
	put(fd, h, IPC_REP, &d.base);
}

static void give(int fd, const struct ipc_hdr *h, const ProtobufCMessage *m, const char *cursor)
{
	Ctl__Result r = CTL__RESULT__INIT;
	Ctl__Row row = CTL__ROW__INIT, *list = &row;
	uint8_t body[512];

	row.type = (char *)(uintptr_t)m->descriptor->name;
	row.body = (ProtobufCBinaryData){ protobuf_c_message_pack(m, body), body };
	r.n_row = 1;
	r.row = &list;
	if (cursor) {
		r.has_cursor = true;
		r.cursor = (ProtobufCBinaryData){ strlen(cursor), (uint8_t *)(uintptr_t)cursor };
	}
	put(fd, h, IPC_REP, &r.base);
}

/* false: it ends. */
static bool run_one(
    int fd, const struct ipc_hdr *h, const Ctl__Run *run, unsigned who, enum how how)
{
	Ctl__StatusRow st = CTL__STATUS_ROW__INIT;
	Ctl__CheckRow ck = CTL__CHECK_ROW__INIT;
	Ctl__SessionRow se = CTL__SESSION_ROW__INIT;
	Ctl__CallRow ca = CTL__CALL_ROW__INIT;
	Link__Error no = LINK__ERROR__INIT;
	char text[80];

	if (how == DIES || (how == PAGE && run->has_cursor))
		return false;
	snprintf(text, sizeof(text), "said-by-%s", names[who]);
	st.daemon = (char *)(uintptr_t)names[who];
	ck.check = se.session = ca.call = text;
	st.state = (char *)(uintptr_t) "up";
	st.has_summary = true;
	st.summary = (ProtobufCBinaryData){ strlen(text), (uint8_t *)text };
	ck.result = (char *)(uintptr_t) "ok";
	if (how == OTHER && run->has_id) {
		no.code = ERR_NOTFOUND;
		put(fd, h, IPC_ERR, &no.base);
		return true;
	}
	give(fd, h,
	    strcmp(run->noun, "status") == 0  ? &st.base
	    : strcmp(run->noun, "check") == 0 ? &ck.base
	    : strcmp(run->noun, "media") == 0 ? &se.base
	                                      : &ca.base,
	    how == PAGE ? "2" : NULL);
	return true;
}

static void serve(int fd, unsigned who, enum how how)
{
	for (;;) {
		uint8_t buf[4096];
		struct ipc_hdr h;
		ssize_t n = recv(fd, buf, sizeof(buf), 0);
		bool go = true;

		if (n < 16 || ipc_hdr_get(buf, (size_t)n, 0, &h) != 0)
			return;
		if (h.type == CTL__TYPE__CTL_DESCRIBE) {
			describe(fd, &h, who);
		} else {
			Ctl__Run *run = ctl__run__unpack(NULL, (size_t)n - 16, buf + 16);

			go = run && run_one(fd, &h, run, who, how);
			if (run)
				ctl__run__free_unpacked(run, NULL);
		}
		if (!go)
			return;
	}
}

static void begin(unsigned who, enum how how)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd;

	child[who] = 0;
	if (how == ABSENT)
		return;
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/ctl/%s.sock", dir, names[who]);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(0, bind(fd, (struct sockaddr *)&sa, sizeof(sa)));
	if (how != STALE) {
		assert_int_equal(0, listen(fd, 4));
		child[who] = fork();
		assert_true(child[who] >= 0);
		if (child[who] == 0) {
			int c = accept(fd, NULL, NULL);

			if (c >= 0)
				serve(c, who, how);
			_exit(0);
		}
	}
	close(fd);
}

static void end(unsigned who)
{
	char path[120];

	if (child[who] > 0) {
		kill(child[who], SIGKILL);
		waitpid(child[who], NULL, 0);
	}
	snprintf(path, sizeof(path), "%s/ctl/%s.sock", dir, names[who]);
	unlink(path);
}

static char out[16384], err[16384];

static void slurp(const char *name, char *to, size_t cap)
{
	char path[96];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	assert_non_null(f);
	to[fread(to, 1, cap - 1, f)] = '\0';
	fclose(f);
}

/* Exit status; what it printed is in out and err. Words are parted by spaces. */
static int dectctl(const enum how *how, const char *line)
{
	char words[200],
	    *argv[16] = { (char *)(uintptr_t) "dectctl", (char *)(uintptr_t) "-r", dir };
	int argc = 3, status;
	pid_t pid;

	for (unsigned i = 0; i < WHO_N; i++)
		begin(i, how[i]);
	snprintf(words, sizeof(words), "%s", line);
	for (char *w = strtok(words, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char path[2][96];

		snprintf(path[0], sizeof(path[0]), "%s/out", dir);
		snprintf(path[1], sizeof(path[1]), "%s/err", dir);
		if (!freopen(path[0], "w", stdout) || !freopen(path[1], "w", stderr))
			_exit(99);
		status = dectctl_main(argc, argv);
		fflush(NULL);
		_exit(status);
	}
	assert_int_equal(pid, waitpid(pid, &status, 0));
	assert_true(WIFEXITED(status));
	for (unsigned i = 0; i < WHO_N; i++)
		end(i);
	slurp("out", out, sizeof(out));
	slurp("err", err, sizeof(err));
	return WEXITSTATUS(status);
}

static void prints(const char *where, const char *what)
{
	if (!strstr(where, what))
		fail_msg("\"%s\" is not in:\n%s%s", what, out, err);
}

static void prints_not(const char *where, const char *what)
{
	if (strstr(where, what))
		fail_msg("\"%s\" is in:\n%s%s", what, out, err);
}

/* All are well but for these two. */
static const enum how *all_but(unsigned a, enum how ha, unsigned b, enum how hb)
{
	static enum how how[WHO_N];

	for (unsigned i = 0; i < WHO_N; i++)
		how[i] = i == a ? ha : i == b ? hb : WELL;
	return how;
}

static void all_are_there(void **state)
{
	(void)state;
	assert_int_equal(DONE, dectctl(all_but(CERTD, WELL, CERTD, WELL), "status"));
	prints(out, "All is well");
	assert_int_equal(DONE, dectctl(all_but(MEDIAD_2, ABSENT, MEDIAD_2, ABSENT), "status"));
	assert_int_equal(DONE, dectctl(all_but(CERTD, WELL, CERTD, WELL), "check run"));
	assert_int_equal(DONE, dectctl(all_but(CERTD, WELL, CERTD, WELL), "media list"));
	prints(out, "said-by-mediad-1");
	prints(out, "said-by-mediad-2");
	assert_string_equal(err, "");
}

/* The last mediad has drained and ended, or was never started: its socket is gone with it. */
static void no_mediad(void **state)
{
	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		const enum how *how = k ? all_but(MEDIAD_1, STALE, MEDIAD_2, ABSENT)
		                        : all_but(MEDIAD_1, ABSENT, MEDIAD_2, ABSENT);

		assert_int_equal(UNREACHABLE, dectctl(how, "media list"));
		prints(err, "mediad");
		prints(err, "cannot be reached");
		prints(err, "systemctl start");
		assert_int_equal(PARTLY, dectctl(how, "status"));
		prints(out, "down");
		prints_not(out, "All is well");
		assert_int_equal(PARTLY, dectctl(how, "check run"));
		prints(out, "said-by-dectd");
		prints(err, "mediad");
		assert_int_equal(UNREACHABLE, dectctl(how, "-d mediad-1 media list"));
		prints(err, "mediad-1 cannot be reached");
	}
}

/* One instance of several: what the others have is not all. */
static void one_of_two(void **state)
{
	(void)state;
	assert_int_equal(PARTLY, dectctl(all_but(MEDIAD_1, STALE, MEDIAD_1, STALE), "media list"));
	prints(out, "said-by-mediad-2");
	prints(err, "mediad-1 cannot be reached");
	assert_int_equal(DONE, dectctl(all_but(MEDIAD_1, STALE, MEDIAD_1, STALE), "media show 17"));
	assert_int_equal(
	    PARTLY, dectctl(all_but(MEDIAD_1, STALE, MEDIAD_2, OTHER), "media show 17"));
	prints(err, "mediad-1 cannot be reached");
	assert_int_equal(
	    REFUSED, dectctl(all_but(MEDIAD_1, OTHER, MEDIAD_2, OTHER), "media show 17"));
	/* A command of several daemons: any that is down may have it. */
	assert_int_equal(
	    REFUSED, dectctl((const enum how[WHO_N]){ OTHER, OTHER, OTHER, OTHER, OTHER, OTHER },
	                 "call show 17"));
	assert_int_equal(
	    PARTLY, dectctl((const enum how[WHO_N]){ OTHER, ABSENT, OTHER, OTHER, OTHER, OTHER },
	                "call show 17"));
	prints(err, "sipd cannot be reached");
	/* Of a command that has nothing to do with it no word. */
	assert_int_equal(
	    REFUSED, dectctl((const enum how[WHO_N]){ OTHER, ABSENT, OTHER, OTHER, OTHER, OTHER },
	                 "media show 17"));
	prints_not(err, "sipd");
	assert_int_equal(
	    DONE, dectctl(all_but(PRESENCED, ABSENT, PRESENCED, ABSENT), "media list"));
	assert_string_equal(err, "");
	assert_int_equal(USAGE, dectctl(all_but(CERTD, WELL, CERTD, WELL),
	                            "nonsense list")); /* all could be asked: there is none */
	assert_int_equal(
	    UNREACHABLE, dectctl(all_but(SIPD, ABSENT, SIPD, ABSENT), "nonsense list"));
	prints(err, "sipd cannot be reached");
}

/* One goes away while it is asked. */
static void lost_in_the_middle(void **state)
{
	static const char *const lines[] = { "status", "check run", "media list", "call show 17",
		"status --json", "check run --json", "media list --json", "call show 17 --json" };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(lines); i++)
		for (enum how how = DIES; how <= PAGE; how++) {
			assert_int_equal(
			    PARTLY, dectctl(all_but(MEDIAD_1, how, MEDIAD_1, how), lines[i]));
			prints(out, "said-by-mediad-2");
			prints(strncmp(lines[i], "status", 6) == 0 ? out : err, "mediad-1");
			prints(*err ? err : out, "journalctl -u ipdect-mediad@1");
			if (how == PAGE)
				prints(out, "said-by-mediad-1");
			assert_true((out[0] == '[') == (strstr(lines[i], "--json") != NULL));
			if (out[0] == '[')
				assert_string_equal(out + strlen(out) - 2, "]\n");
		}
	/* Nobody answered: nothing was done. */
	assert_int_equal(
	    UNREACHABLE, dectctl(all_but(MEDIAD_1, DIES, MEDIAD_2, DIES), "media list"));
	assert_int_equal(UNREACHABLE,
	    dectctl((const enum how[WHO_N]){ DIES, DIES, DIES, DIES, DIES, DIES }, "status"));
	/* The other does not have it, but this one may. */
	assert_int_equal(
	    PARTLY, dectctl(all_but(MEDIAD_1, DIES, MEDIAD_2, OTHER), "media show 17"));
}

static int setup(void **state)
{
	char path[80];

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/t.ctl_front.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/ctl", dir);
	return mkdir(path, 0700);
}

static int teardown(void **state)
{
	static const char *const left[] = { "out", "err", "ctl" };
	char path[80];

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(left); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, left[i]);
		if (unlink(path) != 0)
			rmdir(path);
	}
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_there),
		cmocka_unit_test(no_mediad),
		cmocka_unit_test(one_of_two),
		cmocka_unit_test(lost_in_the_middle),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
