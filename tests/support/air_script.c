/* The soft air interface for scripts: violations, events, commands. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/support/air_priv.h"

void air_violation(struct air *a, const char *who, const char *rule, const char *fmt, ...)
{
	char text[512], what[384];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	snprintf(text, sizeof(text), "%s: %s: %s", who, rule, what);
	if (a->nviolations < 1000) {
		a->violations = mem_grow(a->violations, a->nviolations + 1, sizeof(char *));
		a->violations[a->nviolations++] = mem_str(text);
	}
	air_event(a, "violation %s", text);
}

unsigned air_violations(const struct air *a)
{
	return a->nviolations;
}

const char *air_violation_text(const struct air *a, unsigned i)
{
	return i < a->nviolations ? a->violations[i] : NULL;
}

void air_on_event(struct air *a, void (*fn)(void *ctx, const char *line), void *ctx)
{
	struct air_listener *l = mem_new(sizeof(*l));

	l->fn = fn;
	l->ctx = ctx;
	list_append(&a->listeners, &l->node);
}

void air_event(struct air *a, const char *fmt, ...)
{
	char line[640];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	LIST_FOREACH(&a->listeners, it)
	{
		struct air_listener *l = LIST_ENTRY(it, struct air_listener, node);

		l->fn(l->ctx, line);
	}
}

void air_noun(struct air *a, const char *noun, air_command_h *fn, void *ctx, const char *help)
{
	struct air_noun *n = mem_new(sizeof(*n));

	snprintf(n->noun, sizeof(n->noun), "%s", noun);
	n->fn = fn;
	n->ctx = ctx;
	n->help = help;
	list_append(&a->nouns, &n->node);
}

/* Words between blanks; "two words" in quotes are one. */
static int split(char *line, char **argv, int cap)
{
	int n = 0;

	for (char *p = line; *p && n < cap;) {
		char stop = ' ';

		while (*p == ' ' || *p == '\t')
			p++;
		if (!*p)
			break;
		if (*p == '"')
			stop = *p++;
		argv[n++] = p;
		while (*p && *p != stop && !(stop == ' ' && *p == '\t'))
			p++;
		if (*p)
			*p++ = '\0';
	}
	return n;
}

int air_run(struct air *a, const char *line, struct wr *reply)
{
	char copy[1024], *argv[64];
	int argc;

	if (snprintf(copy, sizeof(copy), "%s", line) >= (int)sizeof(copy))
		return ERR_LIMIT;
	argc = split(copy, argv, 64);
	if (argc == 0 || argv[0][0] == '#')
		return 0;
	if (strcmp(argv[0], "help") == 0) {
		LIST_FOREACH(&a->nouns, it)
		{
			struct air_noun *n = LIST_ENTRY(it, struct air_noun, node);

			wr_fmt(reply, "%s%s", reply->n ? "\n" : "", n->help);
		}
		return 0;
	}
	if (strcmp(argv[0], "violations") == 0) {
		wr_fmt(reply, "%u violations", a->nviolations);
		for (unsigned i = 0; i < a->nviolations; i++)
			wr_fmt(reply, "\n%s", a->violations[i]);
		return a->nviolations ? ERR_VALUE : 0;
	}
	LIST_FOREACH(&a->nouns, it)
	{
		struct air_noun *n = LIST_ENTRY(it, struct air_noun, node);

		if (strcmp(n->noun, argv[0]) == 0)
			return n->fn(n->ctx, argc, argv, reply);
	}
	wr_fmt(reply, "no such noun: %s", argv[0]);
	return ERR_NOTFOUND;
}

const char *air_arg(int argc, char **argv, int from, const char *key)
{
	size_t n = strlen(key);

	for (int i = from; i < argc; i++)
		if (strncmp(argv[i], key, n) == 0 && argv[i][n] == '=')
			return argv[i] + n + 1;
	return NULL;
}
