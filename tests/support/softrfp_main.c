/* softrfp: soft base stations and soft handsets for tests, demonstrations and an administrator's staging. They are driven
 * by lines (air.h): from scripts, from the command line, from a control socket. See softrfp(1).
 *
 *   softrfp [-c SOCKET] [-k] [-q] [-V] [-e LINE]… [SCRIPT…]
 */
#include <fnmatch.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/mem.h"
#include "tests/support/air.h"
#include "tests/support/softpp.h"
#include "tests/support/softrfp.h"

#define EVENTS    8192 /* remembered for `wait` */
#define REPLY_MAX (1u << 18)
#define LINE_MAX_ 1024

struct queued {
	struct list node;
	char *line;
};

struct client { /* a script or a connection to the control socket */
	struct list node;
	struct list lines; /* still to be run, in order */
	struct prog *g;
	bool script, gone, closing, failed;
	uv_pipe_t pipe;
	char in[LINE_MAX_];
	size_t nin;
	struct tmr tmr, next;
	bool waiting, negative, sleeping;
	char pattern[256];
	uint64_t began;
	char buf[4096];
};

struct prog {
	uv_loop_t loop;
	struct tmr_wheel *w;
	struct air *air;
	struct softrfp_set *bases;
	struct softpp_set *pps;
	struct list clients;
	char *events[EVENTS];
	uint64_t nevents, seen; /* seen: events before this one don't satisfy the next wait */
	uv_pipe_t listener;
	uv_signal_t sig_int, sig_term;
	const char *socket;
	bool keep, quiet, strict, listening, stopping;
	int status;
	char reply[REPLY_MAX];
};

static void pump(struct client *c);

/* ---- output ---- */

struct piece {
	uv_write_t req;
	char text[];
};

static void on_written(uv_write_t *req, int status)
{
	(void)status;
	free(CONTAINER_OF(req, struct piece, req));
}

static void say(struct client *c, const char *text, size_t n)
{
	struct piece *p;
	uv_buf_t b;

	if (c->script) {
		if (!c->g->quiet) {
			fwrite(text, 1, n, stdout);
			fflush(stdout);
		}
		return;
	}
	if (c->gone || uv_stream_get_write_queue_size((uv_stream_t *)&c->pipe) > 1u << 22)
		return;
	p = mem_new(sizeof(*p) + n);
	memcpy(p->text, text, n);
	b = uv_buf_init(p->text, (unsigned)n);
	if (uv_write(&p->req, (uv_stream_t *)&c->pipe, &b, 1, on_written) != 0)
		free(p);
}

static void finish(struct client *c, int err, const char *text)
{
	char line[400];
	int n;

	if (err == 0)
		n = snprintf(line, sizeof(line), "ok\n");
	else
		n = snprintf(line, sizeof(line), "error %s%s%s\n", err_name(err), text ? ": " : "",
		    text ? text : "");
	if (err)
		c->failed = true;
	if (c->script && err == 0)
		return;
	say(c, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

/* ---- waiting ---- */

static bool matches(const struct client *c, const char *line)
{
	return fnmatch(c->pattern, line, 0) == 0;
}

static void waited(struct client *c, const char *line)
{
	char text[700];
	int n;

	c->waiting = false;
	tmr_stop(&c->tmr);
	if (c->negative) {
		finish(c, line ? ERR_VALUE : 0, line);
	} else if (line) {
		n = snprintf(text, sizeof(text), "%s\n", line);
		if (!c->script)
			say(c, text, (size_t)n);
		finish(c, 0, NULL);
	} else {
		finish(c, ERR_TIMEOUT, c->pattern);
	}
	tmr_start(&c->next, 0);
}

static void on_wait(struct tmr *t, void *ctx)
{
	struct client *c = ctx;

	(void)t;
	if (c->sleeping) {
		c->sleeping = false;
		finish(c, 0, NULL);
		pump(c);
		return;
	}
	waited(c, NULL);
}

static void look(struct client *c)
{
	struct prog *g = c->g;
	uint64_t first = g->nevents > EVENTS ? g->nevents - EVENTS : 0;

	for (uint64_t i = g->seen > first ? g->seen : first; i < g->nevents; i++)
		if (matches(c, g->events[i % EVENTS])) {
			g->seen = i + 1;
			waited(c, g->events[i % EVENTS]);
			return;
		}
}

static void on_event(void *ctx, const char *line)
{
	struct prog *g = ctx;
	char text[700];
	int n = snprintf(text, sizeof(text), "* %s\n", line);

	free(g->events[g->nevents % EVENTS]);
	g->events[g->nevents % EVENTS] = mem_str(line);
	g->nevents++;
	if (!g->quiet) {
		printf("%9.3f %s\n", (double)tmr_now(g->w) / 1000.0, line);
		fflush(stdout);
	}
	LIST_FOREACH(&g->clients, it)
	{
		struct client *c = LIST_ENTRY(it, struct client, node);

		if (!c->script)
			say(c, text, (size_t)n);
		if (c->waiting && matches(c, line)) {
			g->seen = g->nevents;
			waited(c, line);
		}
	}
}

/* wait SECONDS PATTERN, not SECONDS PATTERN, sleep SECONDS, mark */
static bool own_verb(struct client *c, const char *line)
{
	char verb[16], pattern[200];
	double s = 0;
	int n = sscanf(line, " %15s %lf %199[^\n]", verb, &s, pattern);

	if (n < 1)
		return false;
	if (strcmp(verb, "mark") == 0) {
		c->g->seen = c->g->nevents;
		finish(c, 0, NULL);
		tmr_start(&c->next, 0);
		return true;
	}
	if (strcmp(verb, "sleep") == 0) {
		c->sleeping = true;
		tmr_start(&c->tmr, (uint64_t)(s * 1000));
		return true;
	}
	if (strcmp(verb, "wait") != 0 && strcmp(verb, "not") != 0)
		return false;
	if (n < 3) {
		finish(c, ERR_SYNTAX, "wait SECONDS PATTERN");
		tmr_start(&c->next, 0);
		return true;
	}
	snprintf(c->pattern, sizeof(c->pattern), "*%s*", pattern);
	c->waiting = true;
	c->negative = verb[0] == 'n';
	tmr_start(&c->tmr, (uint64_t)(s * 1000));
	look(c);
	return true;
}

static void stop(struct prog *g);

static void run_line(struct client *c, const char *line)
{
	struct prog *g = c->g;
	struct wr w = wr_of(g->reply, sizeof(g->reply) - 2);
	int err;

	if (own_verb(c, line))
		return;
	if (strcmp(line, "quit") == 0) {
		finish(c, 0, NULL);
		stop(g);
		return;
	}
	err = air_run(g->air, line, &w);
	if (c->script && !g->quiet && line[0] && line[0] != '#')
		printf("> %s\n", line);
	if (w.n) {
		w.p[w.n++] = '\n';
		say(c, g->reply, w.n);
	}
	if (line[0] && line[0] != '#')
		finish(c, err, c->script && err ? line : NULL);
	tmr_start(&c->next, 0);
}

static void ended(struct client *c);

static void on_next(struct tmr *t, void *ctx)
{
	(void)t;
	pump(ctx);
}

static void pump(struct client *c)
{
	struct queued *q;

	if (c->waiting || c->sleeping || tmr_pending(&c->next) || c->g->stopping)
		return;
	if (c->script && c->failed) {
		ended(c);
		return;
	}
	if (list_empty(&c->lines)) {
		if (c->script)
			ended(c);
		return;
	}
	q = LIST_ENTRY(c->lines.next, struct queued, node);
	list_remove(&q->node);
	run_line(c, q->line);
	free(q->line);
	free(q);
}

static void enqueue(struct client *c, const char *line, size_t n)
{
	struct queued *q = mem_new(sizeof(*q));

	while (n && (line[n - 1] == '\r' || line[n - 1] == ' '))
		n--;
	q->line = mem_dup(line, n);
	list_append(&c->lines, &q->node);
}

static struct client *client_new(struct prog *g, bool script)
{
	struct client *c = mem_new(sizeof(*c));

	c->g = g;
	c->script = script;
	list_init(&c->lines);
	tmr_init(&c->tmr, g->w, on_wait, c);
	tmr_init(&c->next, g->w, on_next, c);
	list_append(&g->clients, &c->node);
	return c;
}

static void client_free(struct client *c)
{
	tmr_stop(&c->tmr);
	tmr_stop(&c->next);
	while (!list_empty(&c->lines)) {
		struct queued *q = LIST_ENTRY(c->lines.next, struct queued, node);

		list_remove(&q->node);
		free(q->line);
		free(q);
	}
	list_remove(&c->node);
	free(c);
}

/* A script ran to its end; the program ends with the last one, unless it is to be kept. */
static void ended(struct client *c)
{
	struct prog *g = c->g;

	if (c->failed)
		g->status = 1;
	client_free(c);
	LIST_FOREACH(&g->clients, it)
	{
		if (LIST_ENTRY(it, struct client, node)->script) {
			pump(LIST_ENTRY(it, struct client, node));
			return;
		}
	}
	if (!g->keep || g->status)
		stop(g);
}

/* ---- control socket ---- */

static void on_client_gone(uv_handle_t *h)
{
	client_free(CONTAINER_OF((uv_pipe_t *)h, struct client, pipe));
}

static void client_close(struct client *c)
{
	if (c->gone)
		return;
	c->gone = true;
	c->waiting = c->sleeping = false;
	tmr_stop(&c->tmr);
	tmr_stop(&c->next);
	uv_close((uv_handle_t *)&c->pipe, on_client_gone);
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *b)
{
	struct client *c = CONTAINER_OF((uv_pipe_t *)h, struct client, pipe);

	(void)hint;
	*b = uv_buf_init(c->buf, sizeof(c->buf));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	struct client *c = CONTAINER_OF((uv_pipe_t *)s, struct client, pipe);

	if (n < 0) {
		client_close(c);
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (b->base[i] == '\n') {
			enqueue(c, c->in, c->nin);
			c->nin = 0;
		} else if (c->nin < sizeof(c->in) - 1) {
			c->in[c->nin++] = b->base[i];
		}
	}
	pump(c);
}

static void on_connection(uv_stream_t *s, int status)
{
	struct prog *g = s->data;
	struct client *c;

	if (status < 0)
		return;
	c = client_new(g, false);
	uv_pipe_init(&g->loop, &c->pipe, 0);
	if (uv_accept(s, (uv_stream_t *)&c->pipe) != 0 ||
	    uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read) != 0)
		client_close(c);
}

static int listen_on(struct prog *g)
{
	int err;

	if (!g->socket)
		return 0;
	unlink(g->socket);
	uv_pipe_init(&g->loop, &g->listener, 0);
	g->listener.data = g;
	g->listening = true;
	err = uv_pipe_bind(&g->listener, g->socket);
	if (!err)
		err = uv_listen((uv_stream_t *)&g->listener, 16, on_connection);
	if (err)
		fprintf(stderr, "softrfp: %s: %s\n", g->socket, uv_strerror(err));
	return err;
}

/* ---- the program ---- */

static void stop(struct prog *g)
{
	if (g->stopping)
		return;
	g->stopping = true;
	if (g->listening) {
		uv_close((uv_handle_t *)&g->listener, NULL);
		unlink(g->socket);
	}
	uv_close((uv_handle_t *)&g->sig_int, NULL);
	uv_close((uv_handle_t *)&g->sig_term, NULL);
	uv_stop(&g->loop);
}

static void on_signal(uv_signal_t *s, int num)
{
	(void)num;
	stop(s->data);
}

static int script(struct client *c, const char *path)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	char line[LINE_MAX_];

	if (!f) {
		perror(path);
		return -1;
	}
	while (fgets(line, sizeof(line), f))
		enqueue(c, line, strcspn(line, "\n"));
	if (f != stdin)
		fclose(f);
	return 0;
}

static void usage(FILE *f)
{
	fputs("softrfp [-c SOCKET] [-k] [-q] [-V] [-e LINE]... [SCRIPT|-]...\n"
	      "Soft DECT base stations and handsets for an IP-DECT server.\n"
	      "  -c, --control SOCKET  take lines from this UNIX socket, too; answers end with "
	      "\"ok\" or \"error ...\",\n"
	      "                        events are lines that begin with \"* \"\n"
	      "  -e, --line LINE       run this line (before the scripts)\n"
	      "  -k, --keep            go on after the scripts, until `quit` or a signal\n"
	      "  -q, --quiet           no events on standard output\n"
	      "  -x, --ask SOCKET LINE...  as the first option: send lines to a running softrfp, "
	      "print its answers\n"
	      "  -V, --strict          exit status 3 when the server broke a rule\n"
	      "  -h, --help            this text\n"
	      "Lines: help | violations | wait SECONDS PATTERN | not SECONDS PATTERN | sleep "
	      "SECONDS | mark | quit |\n"
	      "  base ... | pp ... | load ...   (see `softrfp -e help`, softrfp(1))\n"
	      "Exit status: 0 well, 1 a line or a wait failed, 2 usage, 3 violations (with -V).\n",
	    f);
}

static int options(struct prog *g, struct client *c, int argc, char **argv)
{
	static const struct option longs[] = { { "control", required_argument, NULL, 'c' },
		{ "line", required_argument, NULL, 'e' }, { "keep", no_argument, NULL, 'k' },
		{ "quiet", no_argument, NULL, 'q' }, { "strict", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' }, { 0 } };
	int o;

	while ((o = getopt_long(argc, argv, "c:e:kqVh", longs, NULL)) != -1)
		switch (o) {
		case 'c':
			g->socket = optarg;
			g->keep = true;
			break;
		case 'e':
			enqueue(c, optarg, strlen(optarg));
			break;
		case 'k':
			g->keep = true;
			break;
		case 'q':
			g->quiet = true;
			break;
		case 'V':
			g->strict = true;
			break;
		case 'h':
			usage(stdout);
			return 1;
		default:
			usage(stderr);
			return -1;
		}
	for (int i = optind; i < argc; i++)
		if (script(c, argv[i]) != 0)
			return -1;
	return 0;
}

/* softrfp -x SOCKET LINE…: lines to a running one; its answers to standard output. */
static int ask(const char *path, int n, char **lines)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char buf[LINE_MAX_ * 8];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), status = 0;
	FILE *f;

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0) {
		perror(path);
		return 2;
	}
	f = fdopen(fd, "r+");
	for (int i = 0; i < n && status == 0; i++) {
		if (dprintf(fd, "%s\n", lines[i]) < 0)
			status = 2;
		for (;;) {
			if (!fgets(buf, sizeof(buf), f)) {
				status = 2;
				break;
			}
			if (strncmp(buf, "* ", 2) == 0)
				continue;
			if (strcmp(buf, "ok\n") == 0)
				break;
			if (strncmp(buf, "error ", 6) == 0) {
				fprintf(stderr, "%s: %s", lines[i], buf);
				status = 1;
				break;
			}
			fputs(buf, stdout);
		}
	}
	fclose(f);
	return status;
}

static void tear_down(struct prog *g)
{
	while (!list_empty(&g->clients)) {
		struct client *c = LIST_ENTRY(g->clients.next, struct client, node);

		if (c->script) {
			client_free(c);
		} else {
			client_close(c);
			list_remove(&c->node);
		}
	}
	softpp_set_free(g->pps);
	softrfp_set_free(g->bases);
	uv_run(&g->loop, UV_RUN_NOWAIT);
	air_free(g->air);
	tmr_wheel_free(g->w);
	for (int i = 0; i < 100 && uv_loop_close(&g->loop) == UV_EBUSY; i++)
		uv_run(&g->loop, UV_RUN_NOWAIT);
	for (unsigned i = 0; i < EVENTS; i++)
		free(g->events[i]);
}

/* Many handsets with media need many sockets. */
static void more_files(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
}

int main(int argc, char **argv)
{
	struct prog *g = mem_new(sizeof(*g));
	struct client *c;
	int rc, status;

	signal(SIGPIPE, SIG_IGN);
	if (argc > 2 && (strcmp(argv[1], "-x") == 0 || strcmp(argv[1], "--ask") == 0)) {
		free(g);
		return ask(argv[2], argc - 3, argv + 3);
	}
	more_files();
	BUG_ON(uv_loop_init(&g->loop) != 0);
	g->w = tmr_wheel_new(&g->loop);
	g->air = air_new(&g->loop, g->w);
	list_init(&g->clients);
	air_on_event(g->air, on_event, g);
	g->bases = softrfp_set_new(g->air, &g->loop);
	g->pps = softpp_set_new(g->air);
	c = client_new(g, true);
	uv_signal_init(&g->loop, &g->sig_int);
	uv_signal_init(&g->loop, &g->sig_term);
	g->sig_int.data = g->sig_term.data = g;
	uv_signal_start(&g->sig_int, on_signal, SIGINT);
	uv_signal_start(&g->sig_term, on_signal, SIGTERM);
	rc = options(g, c, argc, argv);
	if (rc == 0 && listen_on(g) == 0) {
		pump(c);
		if (!g->stopping)
			uv_run(&g->loop, UV_RUN_DEFAULT);
	} else {
		g->status = rc == 1 ? 0 : 2;
		stop(g);
	}
	if (rc == 0 && air_violations(g->air)) {
		fprintf(stderr, "softrfp: %u violations by the server:\n", air_violations(g->air));
		for (unsigned i = 0; i < air_violations(g->air); i++)
			fprintf(stderr, "  %s\n", air_violation_text(g->air, i));
		if (g->strict && g->status == 0)
			g->status = 3;
	}
	status = g->status;
	tear_down(g);
	free(g);
	return status;
}
