/* dectctl: the administrator's tool. Commands are described by the daemons themselves; this program only finds who has
 * one, sends the words, and prints the rows. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "common/mem.h"
#include "ipc/ctl_args.h"
#include "ipc/ctl_front.h"
#include "ipc/ctl_local.h"
#include "ipc/ctl_metrics.h"
#include "ipc/ctl_print.h"

#define RUNTIME_DIR "/run/ipdect"

static const char usage_text[] =
    "usage: dectctl [OPTION…] NOUN [VERB] [ID] [key=value…]\n"
    "       dectctl help [NOUN [VERB]]\n"
    "\n"
    "Without a VERB: show, else list. `dectctl status` tells on one screen whether all is well.\n"
    "\n"
    "  -r, --runtime DIR   directory of the daemons' sockets (" RUNTIME_DIR ")\n"
    "  -d, --daemon NAME   ask only this daemon: sipd, dectd, mediad-2, …\n"
    "  -j, --json          rows as a JSON array; of a watch command, an object a line\n"
    "  -t, --timeout S     how long to wait for an answer, in seconds (30)\n"
    "      --http          with metrics: answers one HTTP request on standard input and output\n"
    "  -V, --version       version\n"
    "  -h, --help          this text\n"
    "\n"
    "Files: key=PATH, or key=- for standard input or output. Secrets are asked for at the terminal "
    "or read from\n"
    "standard input; they are never taken from the command line. Durations: 90s, 5m, 2h.\n"
    "\n"
    "Exit status: 0 done; 1 refused, with the reason, or a check failed; 2 usage; 3 no daemon with "
    "this command can "
    "be reached;\n"
    "4 done by some daemons, others cannot be reached; 5 not allowed for this user.\n";

/* ---- the daemons ---- */

#define REACH_MS       3000 /* for all of them together */
#define REACH_LEAST_MS 100  /* for one whose answer is most probably there */

static void reach(struct front *f, const char *name)
{
	if (f->n == FRONT_DAEMONS || (f->only && strcmp(f->only, name) != 0))
		return;
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->conn[i].name, name) == 0)
			return;
	ctl_client_ask(&f->conn[f->n++], f->dir, name, REACH_MS);
}

/* The four that are always there, and every media instance that has a socket. */
static void reach_all(struct front *f)
{
	static const char *const always[] = { "certd", "sipd", "dectd", "presenced" };
	uint64_t began = uv_hrtime();
	char pattern[256];
	glob_t g;

	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		reach(f, always[i]);
	snprintf(pattern, sizeof(pattern), "%s/ctl/*.sock", f->dir);
	if (glob(pattern, 0, NULL, &g) == 0) {
		for (size_t i = 0; i < g.gl_pathc; i++) {
			const char *base = strrchr(g.gl_pathv[i], '/') + 1;
			char name[CTL_NAME_MAX];

			snprintf(name, sizeof(name), "%.*s", (int)strlen(base) - 5, base);
			reach(f, name);
		}
		globfree(&g);
	}
	/* Its instances are known by their sockets alone: without any the daemon as such is missing. */
	if (!front_has(f, "mediad"))
		reach(f, "mediad");
	if (f->only && f->n == 0)
		reach(f, f->only);
	/* All were asked before the first answer is waited for, so those that are deaf are waited for together. */
	for (size_t i = 0; i < f->n; i++) {
		uint64_t gone = (uv_hrtime() - began) / 1000000;

		ctl_client_meet(&f->conn[i],
		    gone + REACH_LEAST_MS < REACH_MS ? REACH_MS - (uint32_t)gone : REACH_LEAST_MS);
	}
}

static const Ctl__Command *any(const struct front *f, const char *noun, const char *verb)
{
	for (size_t i = 0; i < f->n; i++) {
		const Ctl__Command *c = ctl_client_find(&f->conn[i], noun, verb);

		if (c)
			return c;
	}
	return NULL;
}

static bool has_noun(const struct front *f, const char *noun)
{
	for (size_t i = 0; i < f->n; i++)
		for (size_t k = 0; f->conn[i].desc && k < f->conn[i].desc->n_command; k++)
			if (strcmp(f->conn[i].desc->command[k]->noun, noun) == 0)
				return true;
	return false;
}

/* ---- commands ---- */

static int write_all(int fd, const uint8_t *p, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t k = write(fd, p + done, n - done);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k < 0 ? -errno : -EIO;
		done += (size_t)k;
	}
	return 0;
}

/* `made`: goes again when something failed. */
static int close_after(int fd, int err, const char *made)
{
	if (close(fd) != 0 && err == 0)
		err = -errno;
	if (err && made)
		unlink(made);
	return err;
}

static int write_file(const char *path, const uint8_t *p, size_t n)
{
	char tmp[4096];
	struct stat st;
	int fd, err;

	if (!path || strcmp(path, "-") == 0) {
		fwrite(p, 1, n, stdout);
		if (n > 0 && p[n - 1] != '\n' && isatty(STDOUT_FILENO))
			putchar('\n');
		return fflush(stdout) == 0 ? 0 : -errno;
	}
	/* A pipe or a device is written to, not replaced by a file. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		return close_after(fd, write_all(fd, p, n), NULL);
	}
	if (snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = write_all(fd, p, n);
	if (err == 0 && fsync(fd) != 0)
		err = -errno;
	err = close_after(fd, err, tmp);
	if (err == 0 && rename(tmp, path) != 0) {
		err = -errno;
		unlink(tmp);
	}
	return err;
}

struct outcome {
	struct ctl_table *table;
	unsigned asked, done, denied, absent, lost; /* lost: gave no answer, or not all of it */
	char why_absent[1100];                      /* said only when nobody has it */
	bool wrote, quiet;                          /* quiet: who is lost is told elsewhere */
};

static void say(const char *who, bool several, const uint8_t *p, size_t n, FILE *f)
{
	if (several)
		fprintf(f, "%s: ", who);
	ctl_print_text(p, n, true, f);
	if (n == 0 || p[n - 1] != '\n')
		fputc('\n', f);
}

/* All pages of one daemon's answer. false: refused. */
static bool run_at(
    struct front *f, struct ctl_conn *c, struct ctl_words *w, bool several, struct outcome *o)
{
	uint8_t *cursor = NULL;
	bool more = true, ok = true;

	while (more && ok) {
		struct ctl_answer a;
		Ctl__Result *r;
		int err;

		ctl_client_run(c, &w->run, f->ms, &a);
		if (a.err == ERR_NOTFOUND && !c->lost) {
			snprintf(o->why_absent, sizeof(o->why_absent), "%s: %s", c->name,
			    *a.why ? a.why : err_text(a.err));
			o->absent++;
			ok = false;
			break;
		}
		if (a.err && c->lost) {
			o->lost++;
			if (!o->quiet)
				front_tell(c, stderr);
			ok = false;
			break;
		}
		if (a.err) {
			fprintf(stderr, "dectctl: %s: ", c->name);
			if (*a.why)
				ctl_print_text((uint8_t *)a.why, strlen(a.why), true, stderr);
			fprintf(stderr, "%s\n", *a.why ? "" : err_text(a.err));
			o->denied += a.err == ERR_DENIED;
			ok = false;
			break;
		}
		r = a.result;
		if (r->warning)
			say(c->name, true, (uint8_t *)r->warning, strlen(r->warning), stderr);
		if (r->has_text && !f->json)
			say(c->name, several, r->text.data, r->text.len, stdout);
		for (size_t i = 0; i < r->n_row; i++)
			if (!ctl_table_add(o->table, c->name, r->row[i]))
				fprintf(stderr,
				    "dectctl: %s: a row of type %s is not known here; "
				    "is this dectctl older than the daemon?\n",
				    c->name, r->row[i]->type);
		if (a.ndata > 0) {
			o->wrote = true;
			err = write_file(w->file_out, a.data, a.ndata);
			if (err) {
				fprintf(stderr, "dectctl: %s: %s\n",
				    w->file_out ? w->file_out : "standard output", err_text(err));
				ok = false;
			}
		}
		free(cursor);
		cursor = NULL;
		more = r->has_cursor;
		w->run.has_cursor = more;
		if (more) {
			cursor = mem_dup(r->cursor.data, r->cursor.len);
			w->run.cursor = (ProtobufCBinaryData){ r->cursor.len, cursor };
		}
		ctl_answer_free(&a);
	}
	w->run.has_cursor = false;
	free(cursor);
	return ok;
}

static int stream(struct front *f, struct ctl_conn *c)
{
	Ctl__Row *row;

	for (;;) {
		int err = ctl_client_row(c, &row);

		if (err == -EINTR)
			return DONE;
		if (err) {
			fprintf(stderr, "dectctl: %s ended: %s\n", c->name, err_text(err));
			return UNREACHABLE;
		}
		ctl_row_line(row, f->json, stdout);
		fflush(stdout);
		ctl__row__free_unpacked(row, NULL);
	}
}

static bool wants(const struct ctl_conn *c, const Ctl__Command *cmd, const struct ctl_words *w)
{
	char name[CTL_NAME_MAX];

	/* An instance as the identifier means: only that one. */
	if (!cmd->id_name || strcmp(cmd->id_name, "INSTANCE") != 0 || !w->run.has_id)
		return true;
	snprintf(name, sizeof(name), "%s-%.*s", c->desc->daemon, (int)w->run.id.len,
	    (const char *)w->run.id.data);
	return strcmp(c->name, name) == 0;
}

/* Whether a daemon's form of a command has all the arguments that were given: two daemons may have the same command with
 * different ones. */
static bool knows(const Ctl__Command *cmd, int n, char **words)
{
	for (int k = 0; k < n; k++) {
		const char *eq = strchr(words[k], '=');
		bool found = !eq;

		for (size_t i = 0; !found && i < cmd->n_arg; i++)
			found = strlen(cmd->arg[i]->name) == (size_t)(eq - words[k]) &&
			        strncmp(cmd->arg[i]->name, words[k], (size_t)(eq - words[k])) == 0;
		if (!found)
			return false;
	}
	return true;
}

static const Ctl__Command *choose(
    const struct front *f, const char *noun, const char *verb, int n, char **words)
{
	for (size_t i = 0; i < f->n; i++) {
		const Ctl__Command *cmd = ctl_client_find(&f->conn[i], noun, verb);

		if (cmd && knows(cmd, n, words))
			return cmd;
	}
	return any(f, noun, verb);
}

/* What those who answered have not may be at those who cannot be reached: at instances of theirs, or, where different
 * daemons have the command, at any. */
static int not_there(
    const struct front *f, const char *noun, const char *verb, const struct outcome *o)
{
	size_t down = front_shared(f, noun, verb) ? front_down(f, stderr)
	                                          : front_kin_down(f, noun, verb, stderr);

	return down + o->lost > 0 ? PARTLY : REFUSED;
}

static int run(struct front *f, const char *noun, const char *verb, int n, char **words)
{
	const Ctl__Command *first = choose(f, noun, verb, n, words);
	bool several = false, one = strcmp(verb, "show") == 0, known = knows(first, n, words);
	struct outcome o = { .table = ctl_table_new() };
	struct ctl_words w;
	struct ctl_conn *last = NULL;
	int status = DONE;

	if (ctl_words_parse(&w, first, n, words) != 0) {
		ctl_words_free(&w);
		ctl_table_free(o.table);
		return USAGE;
	}
	for (size_t i = 0; i < f->n; i++) {
		const Ctl__Command *cmd = ctl_client_find(&f->conn[i], noun, verb);

		if (cmd && (!known || knows(cmd, n, words))) {
			several |= last != NULL;
			last = &f->conn[i];
		}
	}
	for (size_t i = 0; i < f->n; i++) {
		struct ctl_conn *c = &f->conn[i];
		const Ctl__Command *cmd = ctl_client_find(c, noun, verb);

		if (!cmd || !wants(c, cmd, &w) || (known && !knows(cmd, n, words)))
			continue;
		o.asked++;
		o.done += run_at(f, c, &w, several, &o);
	}
	if (strcmp(noun, "check") == 0 && !f->only)
		ctl_local_check(o.table);
	if (f->json && (!o.wrote || ctl_table_rows(o.table) > 0))
		ctl_table_json(o.table, stdout);
	else
		ctl_table_print(o.table, one, stdout);
	fflush(stdout);
	for (size_t i = 0; strcmp(noun, "check") == 0 && i < ctl_table_rows(o.table); i++) {
		char *result = ctl_table_text(o.table, i, "result");

		if (result && strcmp(result, "failed") == 0)
			status = REFUSED;
		free(result);
	}
	if (o.asked == 0) {
		fprintf(stderr, "dectctl: there is no such instance\n");
		status = REFUSED;
	} else if (o.lost > 0 && o.lost == o.asked) {
		status = UNREACHABLE;
	} else if (o.done == 0 && o.absent + o.lost == o.asked) {
		fputs("dectctl: ", stderr);
		ctl_print_text((uint8_t *)o.why_absent, strlen(o.why_absent), true, stderr);
		fputc('\n', stderr);
		status = not_there(f, noun, verb, &o);
	} else if (o.done + o.absent + o.lost < o.asked) {
		status = o.denied ? DENIED : REFUSED;
	} else if (first->stream && o.lost == 0) {
		status = stream(f, last);
	} else if (one && w.run.has_id && !o.wrote && ctl_table_rows(o.table) == 0) {
		/* Several daemons have it: none says alone that there is nothing. */
		fprintf(stderr, "dectctl: there is no %s \"%.*s\"; dectctl %s list shows all\n",
		    noun, (int)w.run.id.len, (const char *)w.run.id.data, noun);
		status = not_there(f, noun, verb, &o);
	} else if (status == DONE) {
		/* Of a daemon's instances each has its part. */
		bool part = !w.run.has_id && front_kin_down(f, noun, verb, stderr) > 0;

		status = part || o.lost > 0 ? PARTLY : DONE;
	}
	ctl_words_free(&w);
	ctl_table_free(o.table);
	return status;
}

/* Who cannot be reached is a row, too. */
static void add_down(struct front *f, struct ctl_table *t)
{
	for (size_t i = 0; i < f->n; i++) {
		Ctl__StatusRow s = CTL__STATUS_ROW__INIT;
		Ctl__Row row = CTL__ROW__INIT;
		uint8_t body[512];
		char why[320], what[FRONT_REMEDY];

		if (f->conn[i].desc && !f->conn[i].lost)
			continue;
		front_remedy(&f->conn[i], true, what, sizeof(what));
		snprintf(why, sizeof(why), "%s: %s%s", front_state(&f->conn[i]),
		    err_text(f->conn[i].err), what);
		s.daemon = f->conn[i].name;
		s.state = "down";
		s.has_trouble = true;
		s.trouble = (ProtobufCBinaryData){ strlen(why), (uint8_t *)why };
		row.type = "ctl.StatusRow";
		row.body.len = ctl__status_row__pack(&s, body);
		row.body.data = body;
		ctl_table_add(t, f->conn[i].name, &row);
	}
}

/* One screen: a line per daemon, then what is not well and what to do. */
static int status_all(struct front *f)
{
	static const char *const hide[] = { "trouble", "version", "pid", "links", "daemon",
		"instance" };
	struct ctl_words w = { .run = CTL__RUN__INIT };
	struct outcome o = { .table = ctl_table_new(), .quiet = true };
	bool well = true;

	w.run.noun = "status";
	w.run.verb = "show";
	for (size_t i = 0; i < f->n; i++)
		if (ctl_client_find(&f->conn[i], "status", "show")) {
			o.asked++;
			o.done += run_at(f, &f->conn[i], &w, false, &o);
		}
	add_down(f, o.table);
	if (f->json) {
		ctl_table_json(o.table, stdout);
	} else {
		for (size_t i = 0; i < ARRAY_LEN(hide); i++)
			ctl_table_hide(o.table, hide[i]);
		ctl_table_print(o.table, false, stdout);
		for (size_t i = 0; i < ctl_table_rows(o.table); i++) {
			char *who = ctl_table_text(o.table, i, "daemon");
			char *n = ctl_table_text(o.table, i, "instance");
			char *what = ctl_table_text(o.table, i, "trouble");
			char *state = ctl_table_text(o.table, i, "state");
			char *links = ctl_table_text(o.table, i, "links");

			if (what || strcmp(state ? state : "", "up") != 0) {
				printf("%s%s%s%s: %s%s%s\n", well ? "\n" : "", who ? who : "",
				    n ? "-" : "", n ? n : "", what ? what : "",
				    what && links ? " " : "", links ? links : "");
				well = false;
			}
			free(who);
			free(n);
			free(what);
			free(state);
			free(links);
		}
		if (well)
			puts("\nAll is well.");
	}
	ctl_table_free(o.table);
	return o.lost == o.asked ? UNREACHABLE : o.done < f->n ? PARTLY : DONE;
}

static const char *verb_of(const struct front *f, const char *noun, int *n, char ***words)
{
	const Ctl__Command *show = any(f, noun, "show");

	if (*n > 0 && any(f, noun, (*words)[0])) {
		(*n)--;
		return *(*words)++;
	}
	if (*n == 0 && show && show->id_required && any(f, noun, "list"))
		return "list";
	return any(f, noun, "show")   ? "show"
	       : any(f, noun, "list") ? "list"
	       : any(f, noun, "run")  ? "run"
	                              : NULL;
}

/* More words than the verb that was taken for none has a place for: the first was meant as one. */
static bool meant_verb(
    const struct front *f, const char *noun, const char *verb, int n, char **words)
{
	const Ctl__Command *cmd = any(f, noun, verb);
	int plain = 0;

	for (int i = 0; i < n; i++)
		plain += !strchr(words[i], '=');
	return plain > (cmd->id_name ? 1 : 0);
}

/* --json and --help may stand behind the noun, too; no name begins so. */
static int take_options(struct front *f, int n, char **words, bool *help)
{
	int kept = 0;

	for (int i = 0; i < n; i++)
		if (strcmp(words[i], "--json") == 0)
			f->json = true;
		else if (strcmp(words[i], "--help") == 0)
			*help = true;
		else
			words[kept++] = words[i];
	return kept;
}

/* What every daemon has. */
static bool of_all(const char *noun)
{
	return strcmp(noun, "check") == 0 || strcmp(noun, "log") == 0 || strcmp(noun, "conf") == 0;
}

static int command(struct front *f, int n, char **words)
{
	const char *noun = words[0], *verb;
	size_t missing = front_down(f, NULL);
	char **all = words + 1;
	int result;

	words++;
	n--;
	if (strcmp(noun, "status") == 0 && (n == 0 || strcmp(words[0], "show") == 0))
		return status_all(f);
	if (strcmp(noun, "metrics") == 0 && (n == 0 || strcmp(words[0], "show") == 0)) {
		size_t got = ctl_metrics_ask(f->conn, f->n, f->ms, f->http);

		front_down(f, stderr);
		return got == 0 ? UNREACHABLE : got < f->n ? PARTLY : DONE;
	}
	verb = verb_of(f, noun, &n, &words);
	if (!verb) {
		if (has_noun(f, noun)) {
			fprintf(stderr, "dectctl: %s needs one of its verbs; see dectctl help %s\n",
			    noun, noun);
			return USAGE;
		}
		front_down(f, stderr);
		fprintf(stderr, "dectctl: %s \"%s\"%s\n",
		    missing == f->n ? "no daemon can be reached for" : "no daemon has a command",
		    noun,
		    missing > 0 && missing < f->n ? " (those that can be reached)"
		                                  : "; see dectctl help");
		return missing > 0 ? UNREACHABLE : USAGE;
	}
	if (words == all && meant_verb(f, noun, verb, n, words)) {
		fprintf(stderr, "dectctl: %s has no verb \"%s\"; see dectctl help %s\n", noun,
		    words[0], noun);
		front_down(f, stderr); /* one of these may have it */
		return missing > 0 ? UNREACHABLE : USAGE;
	}
	result = run(f, noun, verb, n, words);
	/* Who is down matters where everyone was asked. */
	if (missing > 0 && of_all(noun)) {
		front_down(f, stderr);
		if (result == DONE)
			result = PARTLY;
	}
	return result;
}

static void on_int(int sig)
{
	(void)sig;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = { { "runtime", required_argument, NULL, 'r' },
		{ "daemon", required_argument, NULL, 'd' }, { "json", no_argument, NULL, 'j' },
		{ "timeout", required_argument, NULL, 't' }, { "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' }, { "complete", no_argument, NULL, 'C' },
		{ "http", no_argument, NULL, 'H' }, { NULL, 0, NULL, 0 } };
	static struct front f = { .dir = RUNTIME_DIR, .ms = 30000 };
	struct sigaction sa = { .sa_handler = on_int };
	bool completing = false, help = false;
	uint32_t seconds;
	int c, status;

	/* "+": options end at the noun, so that arguments may begin with a dash. */
	while ((c = getopt_long(argc, argv, "+r:d:jt:Vh", longs, NULL)) != -1) {
		switch (c) {
		case 'r':
			f.dir = optarg;
			break;
		case 'd':
			f.only = optarg;
			break;
		case 'j':
			f.json = true;
			break;
		case 't':
			if (slice_u32(slice_str(optarg), 86400, &seconds) != 0 || seconds == 0) {
				fprintf(stderr, "dectctl: -t takes seconds\n");
				return USAGE;
			}
			f.ms = seconds * 1000;
			break;
		case 'C':
			completing = true;
			break;
		case 'H':
			f.http = true;
			break;
		case 'V':
			puts("dectctl " IPDECT_VERSION);
			return DONE;
		case 'h':
			fputs(usage_text, stdout);
			return DONE;
		default:
			fputs(usage_text, stderr);
			return USAGE;
		}
	}
	if (optind == argc && !completing) {
		fputs(usage_text, stderr);
		return USAGE;
	}
	signal(SIGPIPE, SIG_DFL);
	sigaction(SIGINT, &sa, NULL); /* ends a stream; without SA_RESTART */
	sigaction(SIGTERM, &sa, NULL);
	reach_all(&f);
	if (!completing)
		argc = optind + take_options(&f, argc - optind, argv + optind, &help);
	if (completing)
		status = front_complete(&f, argc - optind, argv + optind);
	else if (help)
		status = front_help(&f, argc - optind, argv + optind);
	else if (strcmp(argv[optind], "help") == 0)
		status = front_help(&f, argc - optind - 1, argv + optind + 1);
	else
		status = command(&f, argc - optind, argv + optind);
	for (size_t i = 0; i < f.n; i++)
		ctl_client_close(&f.conn[i]);
	return status;
}
