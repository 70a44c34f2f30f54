/* Counters, gauges and histograms, printed as OpenMetrics 1.0 text. */
#include "common/stat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/list.h"
#include "common/mem.h"

struct entry {
	struct stat_val val;
	struct entry *next; /* same name, other labels */
	char *labels;
};
struct family {
	struct family *next;
	char *name, *help;
	enum stat_kind kind;
	struct entry *entries;
	struct stat_hist *hist;
};
#define BUCKETS 12
static const uint32_t bound_ms[BUCKETS] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000 };
struct stat_hist {
	uint64_t bucket[BUCKETS + 1], sum_us;
};
struct stat_set {
	struct family *first, **last;
};

struct stat_set *stat_set_new(void)
{
	struct stat_set *s = mem_new(sizeof(*s));

	s->last = &s->first;
	return s;
}

void stat_set_free(struct stat_set *s)
{
	if (!s)
		return;
	for (struct family *f = s->first, *next; f; f = next) {
		next = f->next;
		for (struct entry *e = f->entries, *en; e; e = en) {
			en = e->next;
			free(e->labels);
			free(e);
		}
		free(f->hist);
		free(f->name);
		free(f->help);
		free(f);
	}
	free(s);
}

static struct family *family(
    struct stat_set *s, enum stat_kind kind, const char *name, const char *help)
{
	struct family *f = s->first;

	while (f && strcmp(f->name, name) != 0)
		f = f->next;
	if (f)
		return f;
	f = mem_new(sizeof(*f));
	f->name = mem_str(name);
	f->help = mem_str(help ? help : "");
	f->kind = kind;
	*s->last = f;
	s->last = &f->next;
	return f;
}

struct stat_val *stat_get(
    struct stat_set *s, enum stat_kind kind, const char *name, const char *labels, const char *help)
{
	struct family *f = family(s, kind, name, help);
	struct entry **at = &f->entries;

	while (*at && strcmp((*at)->labels, labels ? labels : "") != 0)
		at = &(*at)->next;
	if (!*at) {
		*at = mem_new(sizeof(**at));
		(*at)->labels = mem_str(labels ? labels : "");
	}
	return &(*at)->val;
}

struct stat_hist *stat_hist_get(struct stat_set *s, const char *name, const char *help)
{
	struct family *f = family(s, STAT_COUNTER, name, help);

	if (!f->hist)
		f->hist = mem_new(sizeof(*f->hist));
	return f->hist;
}

void stat_observe(struct stat_hist *h, uint64_t us)
{
	unsigned i = 0;

	while (i < BUCKETS && us > (uint64_t)bound_ms[i] * 1000)
		i++;
	h->bucket[i]++;
	h->sum_us += us;
}

static void print_hist(FILE *o, const struct family *f)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < BUCKETS; i++) {
		n += f->hist->bucket[i];
		fprintf(o, "%s_bucket{le=\"%g\"} %llu\n", f->name, bound_ms[i] / 1000.0,
		    (unsigned long long)n);
	}
	n += f->hist->bucket[BUCKETS];
	fprintf(o, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.6f\n%s_count %llu\n", f->name,
	    (unsigned long long)n, f->name, (double)f->hist->sum_us / 1e6, f->name,
	    (unsigned long long)n);
}

char *stat_print(const struct stat_set *s, size_t *n)
{
	char *text = NULL;
	FILE *o = open_memstream(&text, n);

	BUG_ON(o == NULL);
	for (const struct family *f = s->first; f; f = f->next) {
		fprintf(o, "# TYPE %s %s\n", f->name,
		    f->hist                   ? "histogram"
		    : f->kind == STAT_COUNTER ? "counter"
		                              : "gauge");
		if (*f->help)
			fprintf(o, "# HELP %s %s\n", f->name, f->help);
		if (f->hist)
			print_hist(o, f);
		for (const struct entry *e = f->entries; e; e = e->next)
			fprintf(o, "%s%s%s%s%s %llu\n", f->name,
			    f->kind == STAT_COUNTER ? "_total" : "", *e->labels ? "{" : "",
			    e->labels, *e->labels ? "}" : "", (unsigned long long)e->val.v);
	}
	fputs("# EOF\n", o);
	fclose(o);
	return text;
}
