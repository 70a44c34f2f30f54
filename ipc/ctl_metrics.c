/* Metrics of the whole suite for one scrape (OpenMetrics 1.0; Prometheus text format 0.0.4 reads the same lines). */
#include "ipc/ctl_metrics.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "common/list.h"
#include "common/mem.h"
#include "common/slice.h"
#include "ctl.pb-c.h"

#define HTTP_MAX 8192
#define HTTP_MS  5000

struct part { /* what one daemon says of a family */
	char *text;
	size_t n;
	FILE *f;
};
struct family {
	struct family *next;
	char *name, *type, *help;
	struct part samples;
};
struct ctl_metrics {
	struct family *first, **last, *up;
};

static struct family *family(struct ctl_metrics *m, struct slice name)
{
	struct family *f = m->first;

	while (f && !slice_eq(slice_str(f->name), name))
		f = f->next;
	if (f)
		return f;
	f = mem_new(sizeof(*f));
	f->name = slice_dup(name);
	f->samples.f = open_memstream(&f->samples.text, &f->samples.n);
	BUG_ON(f->samples.f == NULL);
	*m->last = f;
	m->last = &f->next;
	return f;
}

struct ctl_metrics *ctl_metrics_new(void)
{
	struct ctl_metrics *m = mem_new(sizeof(*m));

	m->last = &m->first;
	m->up = family(m, SLICE_LIT("ipdect_up"));
	m->up->type = mem_str("gauge");
	m->up->help = mem_str("1: the daemon answers, 0: it cannot be reached");
	return m;
}

void ctl_metrics_free(struct ctl_metrics *m)
{
	if (!m)
		return;
	for (struct family *f = m->first, *next; f; f = next) {
		next = f->next;
		fclose(f->samples.f);
		free(f->samples.text);
		free(f->name);
		free(f->type);
		free(f->help);
		free(f);
	}
	free(m);
}

/* "# TYPE name rest" */
static void comment(struct ctl_metrics *m, struct slice line, struct family **now)
{
	bool type = slice_starts(line, SLICE_LIT("# TYPE "));
	struct slice rest = slice_sub(line, 7, line.n);
	size_t at = slice_chr(rest, ' ');
	struct family *f;
	char **to;

	if (!type && !slice_starts(line, SLICE_LIT("# HELP ")))
		return;
	f = family(m, slice_sub(rest, 0, at));
	to = type ? &f->type : &f->help;
	if (!*to)
		*to = slice_dup(slice_trim(slice_sub(rest, at, rest.n)));
	*now = f;
}

static void sample(struct family *f, struct slice line, const char *daemon)
{
	size_t at = 0;

	while (at < line.n && line.p[at] != '{' && line.p[at] != ' ')
		at++;
	fprintf(f->samples.f, "%.*s{daemon=\"%s\"", (int)at, line.p, daemon);
	if (at < line.n && line.p[at] == '{')
		fprintf(f->samples.f, ",%.*s\n", (int)(line.n - at - 1), line.p + at + 1);
	else
		fprintf(f->samples.f, "}%.*s\n", (int)(line.n - at), line.p + at);
}

void ctl_metrics_add(struct ctl_metrics *m, const char *daemon, const char *text, size_t n)
{
	struct slice left = { text, n };
	struct family *now = NULL;

	fprintf(m->up->samples.f, "ipdect_up{daemon=\"%s\"} %d\n", daemon, text != NULL);
	while (text && left.n > 0) {
		size_t end = slice_chr(left, '\n');
		struct slice line = slice_sub(left, 0, end);

		left = slice_sub(left, end < left.n ? end + 1 : end, left.n);
		if (line.n == 0)
			continue;
		if (*line.p == '#')
			comment(m, line, &now);
		else if (now)
			sample(now, line, daemon);
	}
}

void ctl_metrics_print(const struct ctl_metrics *m, FILE *f)
{
	for (const struct family *x = m->first; x; x = x->next) {
		fflush(x->samples.f);
		fprintf(f, "# TYPE %s %s\n", x->name, x->type ? x->type : "unknown");
		if (x->help && *x->help)
			fprintf(f, "# HELP %s %s\n", x->name, x->help);
		fwrite(x->samples.text, 1, x->samples.n, f);
	}
	fputs("# EOF\n", f);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

enum ctl_http ctl_http_read(int in, bool *head)
{
	char buf[HTTP_MAX + 1], *path, *end;
	int64_t until = now_ms() + HTTP_MS;
	size_t n = 0;

	*head = false;
	do {
		struct pollfd pfd = { in, POLLIN, 0 };
		int64_t left = until - now_ms();
		ssize_t k;

		if (n == HTTP_MAX || left <= 0 || poll(&pfd, 1, (int)left) <= 0)
			return CTL_HTTP_BAD;
		k = read(in, buf + n, HTTP_MAX - n);
		if (k <= 0)
			return CTL_HTTP_BAD;
		n += (size_t)k;
		buf[n] = '\0';
	} while (!strstr(buf, "\r\n\r\n") && !strstr(buf, "\n\n"));
	*head = strncmp(buf, "HEAD ", 5) == 0;
	if (!*head && strncmp(buf, "GET ", 4) != 0)
		return CTL_HTTP_BAD;
	path = strchr(buf, ' ') + 1;
	end = path + strcspn(path, " ?\r\n");
	if (!(end - path == 1 && *path == '/') &&
	    !(end - path == 8 && strncmp(path, "/metrics", 8) == 0))
		return CTL_HTTP_NOT_FOUND;
	return strcasestr(end, "application/openmetrics-text") ? CTL_HTTP_OPENMETRICS
	                                                       : CTL_HTTP_TEXT;
}

void ctl_http_answer(FILE *out, enum ctl_http kind, bool head, const char *body, size_t n)
{
	static const struct {
		const char *status, *type, *text;
	} say[] = {
		[CTL_HTTP_OPENMETRICS] = { "200 OK",
		    "application/openmetrics-text; version=1.0.0; charset=utf-8", NULL },
		[CTL_HTTP_TEXT] = { "200 OK", "text/plain; version=0.0.4; charset=utf-8", NULL },
		[CTL_HTTP_BAD] = { "400 Bad Request", "text/plain", "GET /metrics\n" },
		[CTL_HTTP_NOT_FOUND] = { "404 Not Found", "text/plain", "GET /metrics\n" },
	};

	if (say[kind].text) {
		body = say[kind].text;
		n = strlen(body);
	}
	fprintf(out,
	    "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
	    say[kind].status, say[kind].type, n);
	if (!head)
		fwrite(body, 1, n, out);
	fflush(out);
}

size_t ctl_metrics_ask(struct ctl_conn *c, size_t n, uint32_t ms, bool http)
{
	Ctl__Run ask = CTL__RUN__INIT;
	struct ctl_metrics *m = ctl_metrics_new();
	size_t got = 0, length = 0;
	char *text = NULL;
	FILE *body = open_memstream(&text, &length);

	BUG_ON(body == NULL);
	ask.noun = "metrics";
	ask.verb = "show";
	for (size_t i = 0; i < n; i++) {
		struct ctl_answer a = { .err = c[i].err };

		if (c[i].desc)
			ctl_client_run(&c[i], &ask, ms, &a);
		if (a.err && c[i].desc)
			fprintf(stderr, "dectctl: %s: %s\n", c[i].name,
			    *a.why ? a.why : err_text(a.err));
		ctl_metrics_add(m, c[i].name, a.err ? NULL : (char *)a.data, a.ndata);
		got += a.err == 0;
		ctl_answer_free(&a);
	}
	ctl_metrics_print(m, body);
	fclose(body);
	if (http) {
		bool head;
		enum ctl_http kind = ctl_http_read(STDIN_FILENO, &head);

		ctl_http_answer(stdout, kind, head, text, length);
	} else {
		fwrite(text, 1, length, stdout);
		fflush(stdout);
	}
	free(text);
	ctl_metrics_free(m);
	return got;
}
