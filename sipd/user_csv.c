/* Import and export of users. */
#include "sipd/user_csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/csv.h"

#define COLUMNS      (USER_NFIELDS + 2)
#define COL_PASSWORD USER_NFIELDS
#define COL_CODE     (USER_NFIELDS + 1)
#define COL_IGNORED  (-1)

static int column(struct slice name)
{
	int f;

	name = slice_trim(name);
	if (slice_ieq(name, SLICE_LIT("password")) ||
	    slice_ieq(name, SLICE_LIT("authentication password")))
		return COL_PASSWORD;
	if (slice_ieq(name, SLICE_LIT("access-code")) || slice_ieq(name, SLICE_LIT("access code")))
		return COL_CODE;
	if (slice_ieq(name, SLICE_LIT("username")) || slice_ieq(name, SLICE_LIT("extension")))
		return USER_NAME;
	if (slice_ieq(name, SLICE_LIT("displayname")))
		return USER_DISPLAY_NAME;
	f = user_field_find(name);
	return f >= 0 && user_fields[f].settable ? f : COL_IGNORED;
}

static int complain(struct user_csv_result *r, unsigned line, const char *why)
{
	size_t n = strlen(r->lines), left = sizeof(r->lines) - n;

	if (r->bad++ == 0) {
		r->line = line;
		(void)snprintf(r->why, sizeof(r->why), "%s", why);
	}
	if (snprintf(r->lines + n, left, "line %u: %s\n", line, why) >= (int)left)
		r->lines[n] = '\0';
	return ERR_VALUE;
}

static bool differs(const struct user *u, int f, struct slice v)
{
	char ipei[13];

	v = slice_trim(v);
	if (f == USER_DISABLED)
		return user_on(u, USER_DISABLED) !=
		       (slice_ieq(v, SLICE_LIT("yes")) || slice_ieq(v, SLICE_LIT("true")) ||
		           slice_eq(v, SLICE_LIT("1")) || slice_ieq(v, SLICE_LIT("on")) ||
		           slice_ieq(v, SLICE_LIT("y")));
	if (f == USER_IPEI && v.n && user_ipei(v, ipei) == 0)
		return strcmp(u->f[f], ipei) != 0;
	return !slice_eq(v, slice_str(u->f[f]));
}

static void note(
    const struct users *us, const struct user_edit *e, struct wr *diff, struct user_csv_result *r)
{
	const struct user *u = users_find(us, e->v[USER_NAME]);
	bool any = false;

	if (!u) {
		r->added++;
		wr_str(diff, "+ ");
		wr_slice_add(diff, e->v[USER_NAME]);
		wr_str(diff, "\n");
		return;
	}
	for (int f = 1; f < USER_NFIELDS; f++) {
		if (!e->given[f] || !differs(u, f, e->v[f]))
			continue;
		any = true;
		wr_str(diff, "~ ");
		wr_slice_add(diff, e->v[USER_NAME]);
		wr_fmt(diff, " %s: %s -> ", user_fields[f].name, u->f[f]);
		wr_slice_add(diff, e->v[f]);
		wr_str(diff, "\n");
	}
	if (any)
		r->changed++;
	else
		r->same++;
}

/* That there is one is part of the record: stored with the rest, in the same commit. */
static void note_secrets(struct user_edit *e, struct slice password, struct slice code)
{
	if (password.n) {
		e->given[USER_HAS_PASSWORD] = true;
		e->v[USER_HAS_PASSWORD] = SLICE_LIT("yes");
	}
	if (code.n) {
		e->given[USER_HAS_ACCESS_CODE] = true;
		e->v[USER_HAS_ACCESS_CODE] = SLICE_LIT("yes");
	}
}

/* Names and handsets of the lines so far. */
struct seen {
	struct map names, ipeis;
	struct map_node *nodes;
	size_t n;
};

static bool first_time(struct seen *s, struct map *m, struct slice key)
{
	char *own = mem_dup(key.p, key.n);

	if (s->n < 2 * USER_MAX && map_put(m, &s->nodes[s->n], slice_str(own))) {
		s->n++;
		return true;
	}
	free(own);
	return false;
}

static const char *twice(struct seen *s, const struct user_edit *e)
{
	char ipei[13];

	if (!first_time(s, &s->names, e->v[USER_NAME]))
		return "name: this user is in the file twice";
	if (e->given[USER_IPEI] && slice_trim(e->v[USER_IPEI]).n &&
	    user_ipei(e->v[USER_IPEI], ipei) == 0 && !first_time(s, &s->ipeis, slice_str(ipei)))
		return "ipei: this handset is in the file twice";
	return NULL;
}

enum pass { PASS_CHECK, PASS_STORE, PASS_SECRETS };

static int pass(struct users *us, struct slice text, enum pass p, struct wr *diff,
    user_csv_h *secret, void *ctx, struct user_csv_result *r)
{
	char *scratch = mem_new(text.n + 1);
	struct csv c;
	struct slice f[CSV_FIELDS_MAX];
	int col[CSV_FIELDS_MAX], err = 0, rc;
	size_t n, ncol;
	struct seen seen = { .nodes = mem_array(2 * USER_MAX, sizeof(*seen.nodes)) };

	csv_init(&c, text, scratch, text.n + 1);
	rc = csv_next(&c, f, CSV_FIELDS_MAX, &ncol);
	if (rc <= 0) {
		err = complain(r, 1, "a head line with the names of the columns is missing");
		goto out;
	}
	bool named = false;
	for (size_t i = 0; i < ncol; i++) {
		col[i] = column(f[i]);
		named |= col[i] == USER_NAME;
		if (col[i] == COL_IGNORED && p == PASS_CHECK && user_field_find(f[i]) < 0) {
			char why[128];
			(void)snprintf(why, sizeof(why), "unknown column \"%.*s\"",
			    SLICE_ARG(slice_sub(f[i], 0, 60)));
			err = complain(r, 1, why);
		}
	}
	if (!named)
		err = complain(r, 1, "the column \"name\" is missing");
	while (!err && (rc = csv_next(&c, f, CSV_FIELDS_MAX, &n)) != 0) {
		struct user_edit e = { 0 };
		struct slice password = { 0 }, code = { 0 };
		char why[200];
		if (rc < 0 || n > ncol) {
			(void)complain(r, c.line,
			    rc < 0 ? "a quote does not end, or the line is too long"
			           : "more fields than the head line");
			err = p == PASS_CHECK && rc > 0 ? 0 : ERR_VALUE;
			if (rc < 0)
				break;
			continue;
		}
		for (size_t i = 0; i < n; i++) {
			if (col[i] == COL_PASSWORD) {
				password = f[i];
			} else if (col[i] == COL_CODE) {
				code = f[i];
			} else if (col[i] >= 0) {
				e.given[col[i]] = true;
				e.v[col[i]] = col[i] == USER_NAME ? slice_trim(f[i]) : f[i];
			}
		}
		if (p == PASS_SECRETS) {
			if (password.n || code.n)
				secret(ctx, e.v[USER_NAME], password, code);
			continue;
		}
		if (p == PASS_CHECK) {
			const char *again = twice(&seen, &e);
			if (again) {
				(void)complain(r, c.line, again);
				continue;
			}
		}
		note_secrets(&e, password, code);
		err = users_edit(us, USER_ADD_OR_SET, &e, p == PASS_CHECK, why, sizeof(why));
		if (err && p == PASS_CHECK) {
			(void)complain(r, c.line, why);
			err = 0;
			continue;
		}
		if (err) /* what clashes with a line before */
			(void)complain(r, c.line, why);
		else if (p == PASS_CHECK)
			note(us, &e, diff, r);
	}
out:
	for (size_t i = 0; i < seen.n; i++)
		free((char *)(uintptr_t)seen.nodes[i].key.p);
	map_free(&seen.names);
	map_free(&seen.ipeis);
	free(seen.nodes);
	mem_free_wiped(scratch, text.n + 1);
	return err ? err : r->bad ? ERR_VALUE : 0;
}

int user_csv_import(struct users *us, struct slice text, bool dry, struct wr *diff,
    user_csv_h *secret, void *ctx, struct user_csv_result *r)
{
	*r = (struct user_csv_result){ 0 };
	int err = pass(us, text, PASS_CHECK, diff, NULL, NULL, r);

	if (err || dry)
		return err;
	err = users_begin(us);
	if (err)
		return err;
	err = pass(us, text, PASS_STORE, diff, NULL, NULL, r);
	/* What was checked line by line may still clash between lines (a handset given to two users). */
	int rc = err ? users_rollback(us) : users_commit(us);
	if (err || rc)
		return err ? err : rc;
	return secret ? pass(us, text, PASS_SECRETS, diff, secret, ctx, r) : 0;
}

char *user_csv_export(struct users *us, size_t *n)
{
	size_t cap = 4096 + users_count(us) * 3000;
	char *buf = mem_new(cap);
	struct wr w = wr_of(buf, cap - 1);
	bool first = true;

	for (int f = 0; f < USER_NFIELDS; f++)
		if (user_fields[f].settable) {
			csv_wr(&w, first, slice_str(user_fields[f].name));
			first = false;
		}
	wr_str(&w, "\r\n");
	for (struct user *u = users_next(us, NULL); u; u = users_next(us, u)) {
		first = true;
		for (int f = 0; f < USER_NFIELDS; f++)
			if (user_fields[f].settable) {
				csv_wr(&w, first, slice_str(u->f[f]));
				first = false;
			}
		wr_str(&w, "\r\n");
	}
	*n = w.n;
	return buf;
}
