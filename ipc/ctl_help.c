/* dectctl: who is there, help, completion. */
#include <errno.h>
#include <string.h>

#include "common/mem.h"
#include "ipc/ctl_front.h"

/* mediad-2 is an instance of mediad. */
static int daemon_len(const char *name)
{
	return (int)strcspn(name, "-");
}

void front_remedy(const struct ctl_conn *c, bool why_down, char *out, size_t cap)
{
	const char *dash = strchr(c->name, '-'); /* mediad-2 is the unit ipdect-mediad@2 */

	if (c->desc && c->lost)
		snprintf(out, cap,
		    c->err == ERR_TIMEOUT
		        ? ": more time with -t SECONDS; see journalctl -u ipdect-%.*s%s%s"
		        : ": it ended meanwhile; see journalctl -u ipdect-%.*s%s%s, then ask again",
		    daemon_len(c->name), c->name, dash ? "@" : "", dash ? dash + 1 : "");
	else if (c->err == -EACCES)
		snprintf(out, cap,
		    "; be root or a member of group ipdect-view, ipdect-operate or ipdect-admin");
	else if (c->err == ERR_LOST)
		snprintf(out, cap,
		    " (it refused, or it just ended): is this user in group ipdect-view, or are "
		    "too "
		    "many connections open? its journal says which");
	else if (c->err == ERR_TIMEOUT)
		snprintf(out, cap,
		    ": it cannot start, or does not answer; see journalctl -u ipdect-%.*s%s%s, "
		    "then "
		    "restart its unit",
		    daemon_len(c->name), c->name, dash ? "@" : "", dash ? dash + 1 : "");
	else if (why_down)
		snprintf(out, cap, "; see journalctl -u ipdect-%.*s%s%s", daemon_len(c->name),
		    c->name, dash ? "@" : "", dash ? dash + 1 : "");
	else
		snprintf(out, cap, "; start it: systemctl start ipdect.target");
}

const char *front_state(const struct ctl_conn *c)
{
	return c->desc ? "did not answer" : "cannot be reached";
}

void front_tell(const struct ctl_conn *c, FILE *out)
{
	char what[FRONT_REMEDY];

	front_remedy(c, false, what, sizeof(what));
	fprintf(out, "dectctl: %s %s: %s%s\n", c->name, front_state(c), err_text(c->err), what);
}

size_t front_down(const struct front *f, FILE *out)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++) {
		if (f->conn[i].desc)
			continue;
		n++;
		if (out)
			front_tell(&f->conn[i], out);
	}
	return n;
}

static bool is_of(const struct ctl_conn *c, const char *daemon, size_t len)
{
	return (size_t)daemon_len(c->name) == len && strncmp(c->name, daemon, len) == 0;
}

bool front_has(const struct front *f, const char *daemon)
{
	for (size_t i = 0; i < f->n; i++)
		if (is_of(&f->conn[i], daemon, strlen(daemon)))
			return true;
	return false;
}

bool front_shared(const struct front *f, const char *noun, const char *verb)
{
	const char *first = NULL;

	for (size_t i = 0; i < f->n; i++) {
		if (!ctl_client_find(&f->conn[i], noun, verb))
			continue;
		if (first && strcmp(first, f->conn[i].desc->daemon) != 0)
			return true;
		first = f->conn[i].desc->daemon;
	}
	return false;
}

size_t front_kin_down(const struct front *f, const char *noun, const char *verb, FILE *out)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++) {
		bool kin = false;

		for (size_t k = 0; k < f->n && !kin && !f->conn[i].desc; k++)
			kin = ctl_client_find(&f->conn[k], noun, verb) &&
			      is_of(&f->conn[i], f->conn[k].name,
			          (size_t)daemon_len(f->conn[k].name));
		n += kin;
		if (kin)
			front_tell(&f->conn[i], out);
	}
	return n;
}

static const char *kind_word(Ctl__ArgKind k)
{
	switch (k) {
	case CTL__ARG_KIND__ARG_NUMBER:
		return "NUMBER";
	case CTL__ARG_KIND__ARG_FLAG:
		return "yes|no";
	case CTL__ARG_KIND__ARG_FILE_IN:
	case CTL__ARG_KIND__ARG_FILE_OUT:
		return "FILE";
	case CTL__ARG_KIND__ARG_SECRET:
		return "-";
	case CTL__ARG_KIND__ARG_DURATION:
		return "TIME";
	default:
		return "TEXT";
	}
}

static void help_one(const Ctl__Command *c, const char *daemon)
{
	printf("dectctl %s %s", c->noun, c->verb);
	if (c->id_name)
		printf(c->id_required ? " %s" : " [%s]", c->id_name);
	printf("%s\n    %s (%s; asks %s)\n", c->n_arg ? " [key=value…]" : "", c->help,
	    c->level == CTL__LEVEL__LEVEL_ADMINISTER ? "administrators"
	    : c->level == CTL__LEVEL__LEVEL_OPERATE  ? "operators"
	                                             : "viewers",
	    daemon);
	for (size_t i = 0; i < c->n_arg; i++) {
		const Ctl__ArgSpec *a = c->arg[i];
		char left[160];
		int n = snprintf(left, sizeof(left), "%s=", a->name);

		if (a->n_choices == 0)
			snprintf(left + n, sizeof(left) - (size_t)n, "%s", kind_word(a->kind));
		for (size_t k = 0; k < a->n_choices && n < (int)sizeof(left); k++)
			n += snprintf(left + n, sizeof(left) - (size_t)n, "%s%s", k ? "|" : "",
			    a->choices[k]);
		printf("      %-28s %s%s\n", left, a->help ? a->help : "",
		    a->required_arg ? " (required)" : "");
	}
}

/* Two daemons may have the same command with different arguments: then each is told. */
static bool same_args(const Ctl__Command *a, const Ctl__Command *b)
{
	if (a->n_arg != b->n_arg)
		return false;
	for (size_t i = 0; i < a->n_arg; i++)
		if (strcmp(a->arg[i]->name, b->arg[i]->name) != 0)
			return false;
	return true;
}

int front_help(struct front *f, int n, char **words)
{
	bool found = n == 0;

	for (size_t i = 0; i < f->n; i++) {
		const Ctl__Described *d = f->conn[i].desc;

		for (size_t k = 0; d && k < d->n_command; k++) {
			const Ctl__Command *c = d->command[k];
			bool before = false;

			for (size_t j = 0; j < i && !before; j++) {
				const Ctl__Command *b =
				    ctl_client_find(&f->conn[j], c->noun, c->verb);

				before = b && (n == 0 || same_args(b, c));
			}
			if (before || (n > 0 && strcmp(words[0], c->noun) != 0) ||
			    (n > 1 && strcmp(words[1], c->verb) != 0))
				continue;
			found = true;
			if (n > 0)
				help_one(c, d->daemon);
			else
				printf("  %-12s %-12s %-12s %s\n", c->noun, c->verb,
				    c->id_name ? c->id_name : "", c->help);
		}
	}
	front_down(f, stderr);
	if (!found)
		fprintf(stderr, "dectctl: no such command: %s%s%s; see dectctl help\n", words[0],
		    n > 1 ? " " : "", n > 1 ? words[1] : "");
	return found ? DONE : USAGE;
}

int front_complete(struct front *f, int n, char **words)
{
	bool helping = n > 0 && strcmp(words[0], "help") == 0;

	if (n == 0)
		puts("help");
	if (helping) {
		words++;
		n--;
	}
	for (size_t i = 0; i < f->n; i++) {
		const Ctl__Described *d = f->conn[i].desc;

		for (size_t k = 0; d && k < d->n_command; k++) {
			const Ctl__Command *c = d->command[k];

			if (n == 0)
				puts(c->noun);
			else if (strcmp(words[0], c->noun) != 0)
				continue;
			else if (n == 1)
				puts(c->verb);
			else if (!helping && strcmp(words[1], c->verb) == 0)
				for (size_t a = 0; a < c->n_arg; a++) {
					if (c->arg[a]->n_choices == 0)
						printf("%s=\n", c->arg[a]->name);
					for (size_t v = 0; v < c->arg[a]->n_choices; v++)
						printf("%s=%s\n", c->arg[a]->name,
						    c->arg[a]->choices[v]);
				}
		}
	}
	return DONE;
}
