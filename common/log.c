/* Structured log: journal fields, stderr fallback, rate limit, escaping of peer text. */
#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "common/wr.h"

#define MAX_FIELDS 16
#define LINE_CAP   2048
#define RATE_SLOTS 256
#define RATE_BURST 20
#define RATE_SECS  5

struct rate {
	const char *file;
	int line;
	time_t since;
	unsigned seen, dropped;
};

static struct {
	const char *ident;
	int level;
	bool journal;
	uint64_t suppressed;
	struct rate rate[RATE_SLOTS];
	void (*sink)(int, const char *, void *);
	void *sink_ctx;
} lg = { .ident = "ipdect", .level = LOG_NOTICE };

static const char *const level_names[] = {
	"emerg",
	"alert",
	"crit",
	"err",
	"warning",
	"notice",
	"info",
	"debug",
};

static bool stderr_is_journal(void)
{
	const char *env = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return env && sscanf(env, "%llu:%llu", &dev, &ino) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
	       st.st_dev == dev && st.st_ino == ino;
}

void log_open(const char *ident)
{
	lg.ident = ident;
	lg.journal = stderr_is_journal();
}

void log_set_level(int prio)
{
	lg.level = prio;
}

int log_level(void)
{
	return lg.level;
}

int log_level_parse(struct slice word)
{
	for (int i = 0; i < 8; i++)
		if (slice_eq(word, slice_str(level_names[i])))
			return i;
	return -1;
}

const char *log_level_name(int prio)
{
	return prio >= 0 && prio < 8 ? level_names[prio] : "?";
}

void log_capture(void (*sink)(int prio, const char *line, void *ctx), void *ctx)
{
	lg.sink = sink;
	lg.sink_ctx = ctx;
}

uint64_t log_suppressed(void)
{
	return lg.suppressed;
}

/* One slot per place in the source; two places that share a slot share its budget, which is harmless. */
static bool rate_ok(const char *file, int line, unsigned *was_dropped)
{
	struct rate *r = &lg.rate[((uintptr_t)file / 8 + (unsigned)line) % RATE_SLOTS];
	time_t now = time(NULL);

	*was_dropped = 0;
	if (r->file != file || r->line != line || now - r->since >= RATE_SECS || now < r->since) {
		*was_dropped = r->dropped;
		*r = (struct rate){ file, line, now, 0, 0 };
	}
	if (++r->seen <= RATE_BURST)
		return true;
	r->dropped++;
	lg.suppressed++;
	return false;
}

static void escaped(struct wr *w, struct slice s)
{
	for (size_t i = 0; i < s.n && i < 512; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c == 0x7f)
			wr_fmt(w, "\\x%02x", c);
		else
			wr_u8(w, c);
	}
}

static void value(struct wr *w, const struct log_field *f)
{
	if (f->kind == LF_U)
		wr_dec(w, f->u);
	else if (f->kind == LF_X)
		wr_fmt(w, "%016llx", (unsigned long long)f->u);
	else
		escaped(w, f->s);
}

/* F_REMEDY(NULL), F_WHY(NULL): there is none. */
static bool absent(const struct log_field *f)
{
	return f->kind == LF_S && !f->s.p;
}

static const char *short_key(const char *key)
{
	return strncmp(key, "IPDECT_", 7) == 0 ? key + 7 : key;
}

static void to_text(struct wr *w, const char *text, const struct log_field *f)
{
	wr_str(w, text);
	for (; f->key; f++) {
		if (strcmp(f->key, "MESSAGE_ID") == 0 || absent(f))
			continue;
		wr_u8(w, ' ');
		for (const char *k = short_key(f->key); *k; k++)
			wr_u8(w, (unsigned char)(*k >= 'A' && *k <= 'Z' ? *k + 32 : *k));
		wr_u8(w, '=');
		value(w, f);
	}
	(void)wr_nul(w);
}

static void journal_field(
    struct wr *w, struct iovec *iov, int *n, const char *key, const char *text)
{
	size_t from = w->n;

	wr_str(w, key);
	wr_u8(w, '=');
	wr_str(w, text);
	iov[(*n)++] = (struct iovec){ w->p + from, w->n - from };
}

bool log_event_name(const char *text, char *out, size_t cap)
{
	size_t n = 0;

	for (const char *p = text; *p; p++) {
		char c = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
		bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (!plain && (n == 0 || out[n - 1] == '-'))
			continue;
		if (n + 1 >= cap)
			return false;
		out[n++] = plain ? c : '-';
	}
	if (n > 0 && out[n - 1] == '-')
		n--;
	out[n] = '\0';
	return n > 0;
}

static void to_journal(int prio, const char *file, int line, const char *func, const char *text,
    const char *message, const struct log_field *f)
{
	char buf[8192];
	struct wr w = wr_of(buf, sizeof(buf));
	struct iovec iov[MAX_FIELDS + 8];
	int n = 0;
	char place[16], name[160];

	snprintf(place, sizeof(place), "%d", line);
	journal_field(&w, iov, &n, "MESSAGE", message);
	journal_field(&w, iov, &n, "PRIORITY", (char[]){ (char)('0' + prio), '\0' });
	journal_field(&w, iov, &n, "SYSLOG_IDENTIFIER", lg.ident);
	journal_field(&w, iov, &n, "CODE_FILE", file);
	journal_field(&w, iov, &n, "CODE_LINE", place);
	journal_field(&w, iov, &n, "CODE_FUNC", func);
	if (prio <= LOG_NOTICE && log_event_name(text, name, sizeof(name)))
		journal_field(&w, iov, &n, "IPDECT_EVENT", name);
	for (int i = 0; f->key && i < MAX_FIELDS; f++, i++) {
		size_t from = w.n;
		if (absent(f))
			continue;
		wr_str(&w, f->key);
		wr_u8(&w, '=');
		value(&w, f);
		iov[n++] = (struct iovec){ buf + from, w.n - from };
	}
	(void)sd_journal_sendv(iov, n);
}

void log_write(int prio, const char *file, int line, const char *func, const char *text,
    const struct log_field *f)
{
	char msg[LINE_CAP];
	struct wr w = wr_of(msg, sizeof(msg));
	unsigned dropped = 0;

	if (prio > lg.level && !lg.sink)
		return;
	if (!lg.sink && !rate_ok(file, line, &dropped))
		return;
	to_text(&w, text, f);
	if (lg.sink) {
		lg.sink(prio, msg, lg.sink_ctx);
		return;
	}
	if (lg.journal)
		to_journal(prio, file, line, func, text, msg, f);
	else
		fprintf(stderr, "<%d>%s: %s\n", prio, lg.ident, msg);
	if (dropped && !lg.journal)
		fprintf(stderr, "<%d>%s: %u similar lines were dropped (%s:%d)\n", LOG_NOTICE,
		    lg.ident, dropped, file, line);
}
