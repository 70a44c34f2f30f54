/* Configuration file against a key table: parse, check, print. */
#include "common/conf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define FILE_MAX (1u << 20)

void conf_fault(struct conf_diag *g, const char *fmt, ...)
{
	va_list ap;

	if (g->n == CONF_DIAGS) {
		g->lost++;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(g->text[g->n++], sizeof(g->text[0]), fmt, ap);
	va_end(ap);
}

void conf_fault_key(struct conf_diag *g, const char *section, const char *key, const char *fmt, ...)
{
	char where[160] = "", what[sizeof(g->text[0])];
	va_list ap;

	for (size_t i = 0; i < g->nkeys; i++)
		if (strcmp(g->keys[i].section, section) == 0 && strcmp(g->keys[i].key, key) == 0 &&
		    g->line[i])
			snprintf(where, sizeof(where), "%s:%u: ", g->file, g->line[i]);
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	conf_fault(g, "%s[%s] %s: %s", where, section, key, what);
}

static void *field(const struct conf_key *k, void *conf)
{
	return (char *)conf + k->off;
}

static const void *cfield(const struct conf_key *k, const void *conf)
{
	return (const char *)conf + k->off;
}

static void list_free(struct conf_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct conf_list){ 0 };
}

static int read_bool(struct slice v, bool *out)
{
	static const char *const yes[] = { "yes", "true", "on", "1" }, *const no[] = { "no",
		"false", "off", "0" };

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (slice_ieq(v, slice_str(yes[i]))) {
			*out = true;
			return 0;
		}
		if (slice_ieq(v, slice_str(no[i]))) {
			*out = false;
			return 0;
		}
	}
	return ERR_SYNTAX;
}

static int read_ms(struct slice v, uint32_t *out)
{
	static const struct {
		const char *unit;
		uint32_t ms;
	} units[] = { { "", 1 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "min", 60000 },
		{ "h", 3600000 }, { "d", 86400000 } };
	struct cur c = cur_of(v);
	struct slice num = cur_digits(&c), unit = slice_trim(cur_rest(&c));
	uint32_t n;

	if (slice_u32(num, UINT32_MAX, &n))
		return ERR_SYNTAX;
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (slice_eq(unit, slice_str(units[i].unit))) {
			if (n > UINT32_MAX / units[i].ms)
				return ERR_VALUE;
			*out = n * units[i].ms;
			return 0;
		}
	return ERR_SYNTAX;
}

static bool list_break(char c)
{
	return c == ' ' || c == '\t' || c == ',';
}

static int read_list(struct slice v, uint32_t max, struct conf_list *out)
{
	struct conf_list l = { 0 };

	for (size_t i = 0; i < v.n;) {
		size_t from;

		while (i < v.n && list_break(v.p[i]))
			i++;
		from = i;
		while (i < v.n && !list_break(v.p[i]))
			i++;
		if (i == from)
			continue;
		if (l.n == (max ? max : 64)) {
			list_free(&l);
			return ERR_VALUE;
		}
		l.v = mem_grow(l.v, l.n + 1, sizeof(*l.v));
		l.v[l.n++] = slice_dup(slice_sub(v, from, i - from));
	}
	*out = l;
	return 0;
}

static int read_ports(struct slice v, uint32_t min, uint32_t max, struct conf_ports *out)
{
	size_t dash = slice_chr(v, '-');
	uint32_t lo, hi;

	if (dash == v.n || slice_u32(slice_trim(slice_sub(v, 0, dash)), 65535, &lo) ||
	    slice_u32(slice_trim(slice_sub(v, dash + 1, v.n)), 65535, &hi))
		return ERR_SYNTAX;
	if (lo > hi || lo < min || (max && hi > max))
		return ERR_VALUE;
	*out = (struct conf_ports){ (uint16_t)lo, (uint16_t)hi };
	return 0;
}

static int read_choice(struct slice v, const char *choices, uint32_t *out)
{
	struct cur c = cur_of(slice_str(choices));

	for (uint32_t i = 0;; i++) {
		if (slice_ieq(v, cur_until(&c, "|"))) {
			*out = i;
			return 0;
		}
		if (!cur_lit(&c, '|'))
			return ERR_VALUE;
	}
}

static int read_text(struct slice v, uint32_t max, char **out)
{
	if (v.n > (max ? max : 255))
		return ERR_VALUE;
	free(*out);
	*out = slice_dup(v);
	return 0;
}

static int read_addr(struct slice v, char **out)
{
	char t[INET6_ADDRSTRLEN];
	uint8_t b[16];

	if (slice_copy(v, t, sizeof(t)) ||
	    (v.n > 0 && inet_pton(AF_INET, t, b) != 1 && inet_pton(AF_INET6, t, b) != 1))
		return ERR_SYNTAX;
	return read_text(v, 0, out);
}

/* Range rule for numbers: min and max both 0 means any. */
static int in_range(const struct conf_key *k, uint32_t v)
{
	return (k->min || k->max) && (v < k->min || v > k->max) ? ERR_VALUE : 0;
}

int conf_set(const struct conf_key *k, struct slice v, void *conf)
{
	void *f = field(k, conf);
	struct conf_list l;
	uint32_t n = 0;
	bool b;
	int err;

	switch (k->type) {
	case CONF_STR:
		return read_text(v, k->max, f);
	case CONF_ADDR:
		return read_addr(v, f);
	case CONF_BOOL:
		if ((err = read_bool(v, &b)) == 0)
			*(bool *)f = b;
		return err;
	case CONF_INT:
		err = slice_u32(v, UINT32_MAX, &n);
		break;
	case CONF_MS:
		err = read_ms(v, &n);
		break;
	case CONF_ENUM:
		if ((err = read_choice(v, k->choices, &n)) == 0)
			*(uint32_t *)f = n;
		return err;
	case CONF_LIST:
		if ((err = read_list(v, k->max, &l)) == 0) {
			list_free(f);
			*(struct conf_list *)f = l;
		}
		return err;
	case CONF_PORTS:
		return read_ports(v, k->min, k->max, f);
	default:
		return ERR_UNSUPP;
	}
	if (err == 0)
		err = in_range(k, n);
	if (err == 0)
		*(uint32_t *)f = n;
	return err;
}

/* What a good value looks like, for the error line. */
static const char *wanted(const struct conf_key *k, char *out, size_t cap)
{
	switch (k->type) {
	case CONF_STR:
		snprintf(out, cap, "text of at most %u octets", k->max ? k->max : 255);
		break;
	case CONF_BOOL:
		snprintf(out, cap, "yes or no");
		break;
	case CONF_INT:
		snprintf(out, cap, "a number from %u to %u", k->min,
		    k->min || k->max ? k->max : UINT32_MAX);
		break;
	case CONF_MS:
		snprintf(out, cap, "a time like 500ms, 4s, 5m, from %ums to %ums", k->min,
		    k->min || k->max ? k->max : UINT32_MAX);
		break;
	case CONF_LIST:
		snprintf(out, cap, "at most %u words", k->max ? k->max : 64);
		break;
	case CONF_PORTS:
		snprintf(out, cap, "LOW-HIGH within %u-%u", k->min, k->max ? k->max : 65535);
		break;
	case CONF_ADDR:
		snprintf(out, cap, "an IPv4 or IPv6 address");
		break;
	case CONF_ENUM:
		snprintf(out, cap, "one of %s", k->choices);
		break;
	}
	return out;
}

/* Edit distance up to 8, for "did you mean". */
static unsigned distance(const char *a, struct slice b)
{
	unsigned row[65];
	size_t n = strlen(a);

	if (n > 64 || b.n > 64)
		return 99;
	for (unsigned i = 0; i <= n; i++)
		row[i] = i;
	for (size_t j = 1; j <= b.n; j++) {
		unsigned diag_was = row[0];

		row[0] = (unsigned)j;
		for (size_t i = 1; i <= n; i++) {
			unsigned was = row[i], v = diag_was + (a[i - 1] == b.p[j - 1] ? 0 : 1);

			if (row[i] + 1 < v)
				v = row[i] + 1;
			if (row[i - 1] + 1 < v)
				v = row[i - 1] + 1;
			row[i] = v;
			diag_was = was;
		}
	}
	return row[n];
}

static const struct conf_key *nearest(
    const struct conf_key *keys, size_t n, struct slice section, struct slice key)
{
	const struct conf_key *best = NULL;
	unsigned least = 4;

	for (size_t i = 0; i < n; i++) {
		unsigned d = distance(keys[i].key, key);

		if (slice_eq(section, slice_str(keys[i].section)) && d < least) {
			least = d;
			best = &keys[i];
		}
	}
	return best;
}

static bool own_section(const struct conf_key *keys, size_t n, struct slice section)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq(section, slice_str(keys[i].section)))
			return true;
	return false;
}

static void take(const struct conf_key *keys, size_t n, struct slice section, struct slice key,
    struct slice value, const char *name, unsigned line, uint8_t *seen, void *out,
    struct conf_diag *g)
{
	const struct conf_key *near;
	char want[128];

	for (size_t i = 0; i < n; i++) {
		const struct conf_key *k = &keys[i];

		if (!slice_eq(section, slice_str(k->section)) || !slice_eq(key, slice_str(k->key)))
			continue;
		if (i < g->nkeys)
			g->line[i] = line;
		if (seen[i]++)
			conf_fault(g, "%s:%u: [%s] %s is given twice; keep one of them", name, line,
			    k->section, k->key);
		else if (conf_set(k, value, out))
			conf_fault(g, "%s:%u: [%s] %s = " SLICE_FMT ": expected %s", name, line,
			    k->section, k->key, SLICE_ARG(value), wanted(k, want, sizeof(want)));
		return;
	}
	if (!own_section(keys, n, section))
		return;
	near = nearest(keys, n, section, key);
	conf_fault(g, "%s:%u: [" SLICE_FMT "] has no key " SLICE_FMT "%s%s; see ipdect.conf(5)",
	    name, line, SLICE_ARG(section), SLICE_ARG(key), near ? "; did you mean " : "",
	    near ? near->key : "");
}

/* Takes one line off; false at the end. */
static bool next_line(struct slice *text, struct slice *line)
{
	size_t n;

	if (text->n == 0)
		return false;
	n = slice_chr(*text, '\n');
	*line = slice_sub(*text, 0, n);
	*text = slice_sub(*text, n < text->n ? n + 1 : n, text->n);
	return true;
}

static bool continued(struct slice text)
{
	return text.n > 0 && (text.p[0] == ' ' || text.p[0] == '\t') &&
	       slice_trim(slice_sub(text, 0, slice_chr(text, '\n'))).n > 0;
}

static void parse_lines(struct slice text, const char *name, const struct conf_key *keys, size_t n,
    uint8_t *seen, void *out, struct conf_diag *g)
{
	struct slice section = { 0 }, line, more;
	unsigned at = 0, first;
	char joined[4096];

	while (next_line(&text, &line)) {
		size_t eq, len;

		first = ++at;
		line = slice_trim(line);
		if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';')
			continue;
		if (line.p[0] == '[') {
			if (line.n < 3 || line.p[line.n - 1] != ']')
				conf_fault(g, "%s:%u: a section is written [name]", name, at);
			else
				section = slice_trim(slice_sub(line, 1, line.n - 2));
			continue;
		}
		if (slice_copy(line, joined, sizeof(joined))) {
			conf_fault(g, "%s:%u: the line is longer than %zu octets or holds a NUL",
			    name, at, sizeof(joined) - 1);
			continue;
		}
		for (len = line.n; continued(text) && next_line(&text, &more);) {
			at++;
			more = slice_trim(more);
			if (len + 1 + more.n >= sizeof(joined)) {
				conf_fault(g, "%s:%u: the continued line is longer than %zu octets",
				    name, at, sizeof(joined) - 1);
				break;
			}
			joined[len++] = ' ';
			memcpy(joined + len, more.p, more.n);
			len += more.n;
		}
		line = (struct slice){ joined, len };
		eq = slice_chr(line, '=');
		if (eq == line.n) {
			conf_fault(g, "%s:%u: expected KEY = VALUE, found \"" SLICE_FMT "\"", name,
			    first, SLICE_ARG(line));
			continue;
		}
		take(keys, n, section, slice_trim(slice_sub(line, 0, eq)),
		    slice_trim(slice_sub(line, eq + 1, line.n)), name, first, seen, out, g);
	}
}

int conf_parse(struct slice text, const char *name, const struct conf_key *keys, size_t n,
    void *out, struct conf_diag *g)
{
	uint8_t *seen = mem_array(n ? n : 1, 1);

	*g = (struct conf_diag){ .keys = keys, .nkeys = n < CONF_LINES ? n : CONF_LINES };
	snprintf(g->file, sizeof(g->file), "%s", name);
	for (size_t i = 0; i < n; i++) {
		/* A default that its own rules refuse is our bug. */
		bool bare =
		    !keys[i].def && (keys[i].type == CONF_INT || keys[i].type == CONF_MS ||
		                        keys[i].type == CONF_BOOL || keys[i].type == CONF_ENUM ||
		                        keys[i].type == CONF_PORTS);

		if (!bare)
			BUG_ON(conf_set(&keys[i], slice_str(keys[i].def), out) != 0);
	}
	parse_lines(text, name, keys, n, seen, out, g);
	free(seen);
	if (g->n == 0)
		return 0;
	conf_free(keys, n, out);
	return ERR_SYNTAX;
}

static bool known_section(const char *const *known, struct slice section, const char **near)
{
	unsigned least = 4;

	*near = NULL;
	for (size_t i = 0; known[i]; i++) {
		unsigned d = distance(known[i], section);

		if (slice_eq(section, slice_str(known[i])))
			return true;
		if (d < least) {
			least = d;
			*near = known[i];
		}
	}
	return false;
}

int conf_sections(
    struct slice text, const char *name, const char *const *known, struct conf_diag *g)
{
	struct slice line;
	bool within = false;
	const char *near;

	*g = (struct conf_diag){ 0 };
	for (unsigned at = 1; next_line(&text, &line); at++) {
		line = slice_trim(line);
		if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';')
			continue;
		if (line.p[0] != '[' && !within)
			conf_fault(g,
			    "%s:%u: a setting before the first section: put the line [common], or "
			    "that of its daemon, above it",
			    name, at);
		if (line.p[0] != '[' || line.n < 3 || line.p[line.n - 1] != ']') {
			within = true; /* one line of complaint is enough */
			continue;
		}
		within = true;
		line = slice_trim(slice_sub(line, 1, line.n - 2));
		if (!known_section(known, line, &near))
			conf_fault(g,
			    "%s:%u: no daemon has a section [" SLICE_FMT
			    "]%s%s%s; see ipdect.conf(5)",
			    name, at, SLICE_ARG(line), near ? "; did you mean [" : "",
			    near ? near : "", near ? "]" : "");
	}
	return g->n ? ERR_SYNTAX : 0;
}

/* The whole file. *out is for free(). -ENOENT without a line in g: there is none. */
static int read_file(const char *path, char **out, size_t *got, struct conf_diag *g)
{
	FILE *f = fopen(path, "re");
	int err;

	*g = (struct conf_diag){ 0 };
	*out = NULL;
	if (!f) {
		err = -errno;
		if (err != -ENOENT)
			conf_fault(g, "%s cannot be read: %s; check its owner and mode", path,
			    strerror(-err));
		return err;
	}
	*out = mem_new(FILE_MAX + 1);
	*got = fread(*out, 1, FILE_MAX + 1, f);
	err = ferror(f) ? -EIO : *got > FILE_MAX ? ERR_LIMIT : 0;
	fclose(f);
	if (err) {
		conf_fault(g, "%s: %s", path,
		    err == ERR_LIMIT ? "larger than 1 MiB" : "a directory or unreadable");
		free(*out);
		*out = NULL;
	}
	return err;
}

int conf_load_sections(const char *path, const char *const *known, bool must, struct conf_diag *g)
{
	char *text;
	size_t n = 0;
	int err = read_file(path, &text, &n, g);

	if (err == -ENOENT && must)
		conf_fault(g, "%s: there is no such file; check what follows -c", path);
	else if (err == -ENOENT)
		return 0;
	if (err == 0)
		err = conf_sections((struct slice){ text, n }, path, known, g);
	free(text);
	return err;
}

int conf_load(
    const char *path, const struct conf_key *keys, size_t n, void *out, struct conf_diag *g)
{
	char *text;
	size_t got = 0;
	int err = read_file(path, &text, &got, g);

	if (err && err != -ENOENT)
		return err;
	err = conf_parse((struct slice){ text, got }, path, keys, n, out, g);
	free(text);
	return err;
}

void conf_free(const struct conf_key *keys, size_t n, void *conf)
{
	for (size_t i = 0; conf && i < n; i++) {
		void *f = field(&keys[i], conf);

		if (keys[i].type == CONF_LIST) {
			list_free(f);
		} else if (keys[i].type == CONF_STR || keys[i].type == CONF_ADDR) {
			free(*(char **)f);
			*(char **)f = NULL;
		}
	}
}

char *conf_value(const struct conf_key *k, const void *conf)
{
	const void *f = cfield(k, conf);
	char *text = NULL;
	size_t n;
	FILE *o = open_memstream(&text, &n);
	const struct conf_ports *p = f;
	const struct conf_list *l = f;
	struct slice choice;
	struct cur c;

	BUG_ON(o == NULL);
	switch (k->type) {
	case CONF_STR:
	case CONF_ADDR:
		fputs(*(char *const *)f ? *(char *const *)f : "", o);
		break;
	case CONF_BOOL:
		fputs(*(const bool *)f ? "yes" : "no", o);
		break;
	case CONF_INT:
		fprintf(o, "%u", *(const uint32_t *)f);
		break;
	case CONF_MS:
		fprintf(o, "%ums", *(const uint32_t *)f);
		break;
	case CONF_LIST:
		for (size_t i = 0; i < l->n; i++)
			fprintf(o, "%s%s", i ? " " : "", l->v[i]);
		break;
	case CONF_PORTS:
		fprintf(o, "%u-%u", p->lo, p->hi);
		break;
	case CONF_ENUM:
		c = cur_of(slice_str(k->choices));
		choice = cur_until(&c, "|");
		for (uint32_t i = 0; i < *(const uint32_t *)f && cur_lit(&c, '|'); i++)
			choice = cur_until(&c, "|");
		fprintf(o, SLICE_FMT, SLICE_ARG(choice));
		break;
	}
	fclose(o);
	return text;
}

static bool bare(const struct conf_key *k)
{
	return !k->def && k->type != CONF_STR && k->type != CONF_ADDR && k->type != CONF_LIST;
}

bool conf_is_default(const struct conf_key *k, const void *conf)
{
	/* A copy of the key whose value lies in a buffer of our own. */
	struct conf_key own = *k;
	union {
		char *s;
		struct conf_list l;
		struct conf_ports p;
		uint32_t n;
		bool b;
	} v = { 0 };
	char *def, *now = conf_value(k, conf);
	bool same;

	own.off = 0;
	if (!bare(k))
		BUG_ON(conf_set(&own, slice_str(k->def), &v) != 0);
	def = conf_value(&own, &v);
	same = strcmp(def, now) == 0;
	conf_free(&own, 1, &v);
	free(def);
	free(now);
	return same;
}

void conf_diff(const struct conf_key *keys, size_t n, const void *a, const void *b,
    void (*fn)(const struct conf_key *k, void *ctx), void *ctx)
{
	for (size_t i = 0; i < n; i++) {
		char *va = conf_value(&keys[i], a), *vb = conf_value(&keys[i], b);

		if (strcmp(va, vb) != 0)
			fn(&keys[i], ctx);
		free(va);
		free(vb);
	}
}

void conf_print(const struct conf_key *keys, size_t n, const void *conf, FILE *f)
{
	const char *section = "";

	for (size_t i = 0; i < n; i++) {
		char *v = conf_value(&keys[i], conf);

		if (strcmp(section, keys[i].section) != 0)
			fprintf(f, "%s[%s]\n", *section ? "\n" : "", keys[i].section);
		section = keys[i].section;
		fprintf(f, "%s = %s\n", keys[i].key, v);
		free(v);
	}
}

void conf_man(const struct conf_key *keys, size_t n, FILE *f)
{
	const char *section = "";
	char want[128];

	for (size_t i = 0; i < n; i++) {
		const struct conf_key *k = &keys[i];

		if (strcmp(section, k->section) != 0)
			fprintf(f, ".SS [%s]\n", k->section);
		section = k->section;
		fprintf(f, ".TP\n.B %s\n", k->key);
		if (k->help && *k->help)
			fprintf(f, "%c%s%s\n",
			    k->help[0] >= 'a' && k->help[0] <= 'z' ? k->help[0] - 32 : k->help[0],
			    k->help + 1, k->help[strlen(k->help) - 1] == '.' ? "" : ".");
		fprintf(f, "Value: %s. Default: %s. %s.\n", wanted(k, want, sizeof(want)),
		    k->def && *k->def ? k->def : "empty",
		    k->live ? "Taken over by a reload" : "Needs a restart");
	}
}
