/* dectctl's words: identifiers, key=value, files, secrets, durations. */
#include "ipc/ctl_args.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/slice.h"

#define FILE_MAX   (4u << 20)
#define SECRET_MAX 1023u

int ctl_duration(const char *s, uint64_t *ms)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 },
		{ "d", 86400000 }, { "", 1000 } };
	size_t digits = strspn(s, "0123456789");
	uint64_t n;

	if (slice_u64((struct slice){ s, digits }, UINT32_MAX, &n) != 0)
		return digits ? ERR_VALUE : ERR_SYNTAX;
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (strcmp(s + digits, units[i].unit) == 0) {
			*ms = n * units[i].ms;
			return *ms <= INT64_MAX ? 0 : ERR_VALUE;
		}
	return ERR_SYNTAX;
}

static int read_all(int fd, const char *name, uint8_t **out, size_t *len)
{
	size_t cap = 4096, n = 0;
	uint8_t *p = mem_new(cap);

	for (;;) {
		ssize_t k;

		if (n == cap) {
			uint8_t *more = mem_new(cap * 2);

			memcpy(more, p, n);
			mem_free_wiped(p, cap);
			p = more;
			cap *= 2;
		}
		k = read(fd, p + n, cap - n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0 || n + (size_t)k > FILE_MAX) {
			int err = k < 0 ? -errno : -EFBIG;

			fprintf(stderr, "dectctl: %s: %s\n", name,
			    k < 0 ? strerror(errno) : "larger than 4 MiB");
			mem_free_wiped(p, cap);
			return err;
		}
		if (k == 0)
			break;
		n += (size_t)k;
	}
	*out = p;
	*len = n;
	return 0;
}

static int read_file(const char *path, uint8_t **out, size_t *len)
{
	int fd, err;

	if (strcmp(path, "-") == 0)
		return read_all(STDIN_FILENO, "standard input", out, len);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		err = -errno;
		fprintf(stderr, "dectctl: %s: %s\n", path, strerror(errno));
		return err;
	}
	err = read_all(fd, path, out, len);
	close(fd);
	return err;
}

/* One line: the terminal without echo, twice; or the first line of standard input. Longer ones are refused, not cut. */
static int read_line(const char *prompt, uint8_t **out, size_t *len)
{
	struct termios old, quiet;
	bool tty = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &old) == 0;
	uint8_t *p = mem_new(SECRET_MAX);
	size_t n = 0;
	ssize_t k;
	int err = 0;
	char ch = 0;

	if (tty) {
		quiet = old;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
		fprintf(stderr, "%s: ", prompt);
	}
	while ((k = read(STDIN_FILENO, &ch, 1)) != 0 && ch != '\n') {
		if (k < 0 && errno != EINTR) {
			err = -errno;
			break;
		}
		if (k == 1 && n < SECRET_MAX)
			p[n++] = (uint8_t)ch;
		else if (k == 1)
			err = ERR_LIMIT;
	}
	if (tty) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
		fputc('\n', stderr);
	}
	if (err) {
		fprintf(stderr, "dectctl: %s: %s\n", prompt,
		    err == ERR_LIMIT ? "longer than 1,023 octets" : strerror(-err));
		mem_free_wiped(p, SECRET_MAX);
		return err;
	}
	if (n > 0 && p[n - 1] == '\r')
		n--;
	*out = p;
	*len = n;
	return 0;
}

static int read_secret(const char *name, uint8_t **out, size_t *len)
{
	uint8_t *again;
	size_t n;
	int err = read_line(name, out, len);

	if (err || !isatty(STDIN_FILENO))
		return err;
	err = read_line("the same again", &again, &n);
	if (err)
		return err;
	if ((n != *len || memcmp(again, *out, n) != 0)) {
		fprintf(stderr, "dectctl: the two are not the same\n");
		err = ERR_VALUE;
	}
	mem_free_wiped(again, SECRET_MAX);
	return err;
}

static Ctl__Arg *add(struct ctl_words *w, const char *name)
{
	Ctl__Arg *a = mem_new(sizeof(*a));

	ctl__arg__init(a);
	a->name = mem_str(name);
	w->arg = mem_grow(w->arg, w->run.n_arg + 1, sizeof(*w->arg));
	w->arg[w->run.n_arg++] = a;
	w->run.arg = w->arg;
	return a;
}

static void set_value(Ctl__Arg *a, const char *s)
{
	a->has_value = true;
	a->value.len = strlen(s);
	a->value.data = mem_dup(s, a->value.len);
}

static int fill(struct ctl_words *w, const Ctl__ArgSpec *spec, const char *value)
{
	Ctl__Arg *a = add(w, spec->name);
	char number[24];
	uint64_t ms;
	int err = 0;

	switch (spec->kind) {
	case CTL__ARG_KIND__ARG_FILE_IN:
		err = read_file(value, &a->data.data, &a->data.len);
		a->has_data = err == 0;
		break;
	case CTL__ARG_KIND__ARG_SECRET:
		if (value && strcmp(value, "-") != 0) {
			fprintf(stderr,
			    "dectctl: %s is a secret: it is not taken from the command line, where "
			    "other users can read it.\nLeave it out and it is asked for, or pipe "
			    "it "
			    "to standard input with %s=-\n",
			    spec->name, spec->name);
			return ERR_VALUE;
		}
		err = read_secret(spec->name, &a->data.data, &a->data.len);
		a->has_data = err == 0;
		break;
	case CTL__ARG_KIND__ARG_DURATION:
		if (ctl_duration(value, &ms) != 0) {
			fprintf(stderr, "dectctl: %s=%s is no duration: write 90s, 5m or 2h\n",
			    spec->name, value);
			return ERR_VALUE;
		}
		snprintf(number, sizeof(number), "%" PRIu64, ms);
		set_value(a, number);
		break;
	case CTL__ARG_KIND__ARG_FILE_OUT:
		w->file_out = value;
		set_value(a, "");
		break;
	default:
		set_value(a, value);
	}
	return err;
}

static const Ctl__ArgSpec *spec_of(const Ctl__Command *cmd, const char *word, size_t n)
{
	for (size_t i = 0; i < cmd->n_arg; i++)
		if (strlen(cmd->arg[i]->name) == n && memcmp(cmd->arg[i]->name, word, n) == 0)
			return cmd->arg[i];
	return NULL;
}

static bool given(const struct ctl_words *w, const char *name)
{
	for (size_t i = 0; i < w->run.n_arg; i++)
		if (strcmp(w->arg[i]->name, name) == 0)
			return true;
	return false;
}

int ctl_words_parse(struct ctl_words *w, const Ctl__Command *cmd, int n, char **words)
{
	int err = 0;

	*w = (struct ctl_words){ .run = CTL__RUN__INIT };
	w->run.noun = cmd->noun;
	w->run.verb = cmd->verb;
	for (int i = 0; i < n && err == 0; i++) {
		const char *eq = strchr(words[i], '=');
		const Ctl__ArgSpec *spec =
		    eq ? spec_of(cmd, words[i], (size_t)(eq - words[i])) : NULL;

		if (!spec && cmd->id_name && !w->run.has_id) {
			w->run.has_id = true;
			w->run.id.data = (uint8_t *)words[i];
			w->run.id.len = strlen(words[i]);
		} else if (spec && !given(w, spec->name)) {
			err = fill(w, spec, eq + 1);
		} else {
			fprintf(stderr, "dectctl: %s %s: %s \"%s\"; see dectctl help %s %s\n",
			    cmd->noun, cmd->verb, spec ? "given twice:" : "does not know", words[i],
			    cmd->noun, cmd->verb);
			err = ERR_VALUE;
		}
	}
	for (size_t i = 0; i < cmd->n_arg && err == 0; i++) {
		const Ctl__ArgSpec *s = cmd->arg[i];

		if (!s->required_arg || given(w, s->name))
			continue;
		if (s->kind == CTL__ARG_KIND__ARG_SECRET) {
			err = fill(w, s, NULL);
		} else {
			fprintf(stderr, "dectctl: %s %s needs %s=… (%s)\n", cmd->noun, cmd->verb,
			    s->name, s->help ? s->help : "");
			err = ERR_VALUE;
		}
	}
	if (err == 0 && cmd->id_required && !w->run.has_id) {
		fprintf(stderr, "dectctl: %s %s needs %s\n", cmd->noun, cmd->verb, cmd->id_name);
		err = ERR_VALUE;
	}
	return err;
}

void ctl_words_free(struct ctl_words *w)
{
	for (size_t i = 0; i < w->run.n_arg; i++) {
		if (w->arg[i]->data.data)
			mem_free_wiped(w->arg[i]->data.data, w->arg[i]->data.len);
		free(w->arg[i]->value.data);
		free(w->arg[i]->name);
		free(w->arg[i]);
	}
	free(w->arg);
}
