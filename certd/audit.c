/* The audit log on disk. */
#include "certd/audit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/rd.h"

#define BUFFER      (256u << 10)
#define HEAD_EVERY  600000 /* ms between notes of the end in the store while only keys are used */
#define HEAD_ID     SLICE_LIT("audit head")
#define MESSAGE_BAD "6c1d2b7f0e0a4c6f9c37a1d45b0f7e21"

struct audit {
	struct store *store;
	struct audit_conf conf;
	char *dir;
	int fd;
	uint64_t size, lost, head_at, first; /* first: of the current file */
	struct audit_state st;
	uint64_t signed_seq;
	EVP_PKEY *key;
	EVP_MD_CTX *hash; /* of the chain */
	uint8_t *buf;
	struct wr w;
	struct tmr_wheel *wheel;
	struct tmr sign, write;
	char why[300], found[240];
};

static uint64_t wall_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int fault(struct audit *a, const char *doing)
{
	snprintf(a->why, sizeof(a->why), "%s/audit.log %s: %s: %s", a->dir, doing,
	    strerrordesc_np(errno),
	    errno == ENOSPC ? "free space on that file system"
	                    : "check the directory and the disk");
	return ERR_STORE;
}

/* ---- writing ---- */

/* A partly written line is taken back, so that the file always ends with a whole one. */
static int flush(struct audit *a)
{
	size_t done = 0;

	while (done < a->w.n) {
		ssize_t n = write(a->fd, a->buf + done, a->w.n - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int err;

			if (n == 0)
				errno = ENOSPC;
			err = fault(a, "cannot be written");
			if (done && ftruncate(a->fd, (off_t)a->size) != 0)
				log_ev(LOG_ERR, "the audit log cannot be cut back", F_ERR(-errno));
			return err;
		}
		done += (size_t)n;
	}
	a->size += done;
	a->w = wr_of(a->buf, BUFFER);
	a->why[0] = '\0';
	return 0;
}

static void note_head(struct audit *a)
{
	uint8_t v[8 + AUDIT_HASH];
	struct wr w = wr_of(v, sizeof(v));

	wr_be64(&w, a->st.seq);
	wr_bytes(&w, a->st.hash, AUDIT_HASH);
	if (store_put(a->store, STORE_SETTING, HEAD_ID, wr_slice(&w)) != 0)
		log_ev(
		    LOG_WARNING, "the audit log's end cannot be noted", F_WHY(store_why(a->store)));
	a->head_at = tmr_now(a->wheel);
}

static int open_file(struct audit *a, bool fresh)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/audit.log", a->dir);
	a->fd = open(path,
	    O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | (fresh ? O_CREAT | O_EXCL : 0), 0600);
	if (a->fd < 0)
		return fault(a, "cannot be opened");
	if (fresh) {
		a->size = 0;
		a->first = a->st.seq + 1;
		audit_put_head(&a->st, &a->w);
	}
	return 0;
}

static int sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd < 0)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

static int sign_now(struct audit *a)
{
	int err = 0;

	if (a->signed_seq < a->st.seq)
		err = audit_put_signature(&a->st, &a->w, wall_ms(), a->key);
	if (err == 0)
		err = flush(a);
	if (err)
		return err;
	if (fdatasync(a->fd) != 0)
		return fault(a, "cannot be synchronised");
	a->signed_seq = a->st.seq;
	tmr_stop(&a->sign);
	return 0;
}

/* The new file is there before the old one goes: when it cannot be made, the old one is written on. */
static void turn_over(struct audit *a)
{
	char now[512], to[512], next[520];
	struct audit_files f;
	bool moved;
	int fd;

	snprintf(now, sizeof(now), "%s/audit.log", a->dir);
	snprintf(next, sizeof(next), "%s/audit.log.new", a->dir);
	audit_dir_old(a->dir, a->first, to, sizeof(to));
	fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	moved = fd >= 0 && rename(now, to) == 0;
	if (!moved || rename(next, now) != 0) {
		int err = errno;

		if (moved && rename(to, now) != 0)
			log_ev(LOG_ERR, "the audit log lies under another name",
			    F_TEXT("IPDECT_PATH", to), F_ERR(-errno));
		if (fd >= 0) {
			close(fd);
			unlink(next);
		}
		errno = err;
		(void)fault(a, "cannot be put aside");
		log_ev(LOG_ERR, "no new audit file", F_WHY(a->why));
		return;
	}
	close(a->fd);
	a->fd = fd;
	a->size = 0;
	a->first = a->st.seq + 1;
	audit_put_head(&a->st, &a->w);
	if (sync_dir(a->dir) != 0) {
		(void)fault(a, "cannot be synchronised");
		log_ev(LOG_ERR, "the audit log's directory", F_WHY(a->why));
	}
	audit_dir_list(a->dir, &f);
	for (size_t i = 0; f.n - i > a->conf.keep; i++) {
		audit_dir_old(a->dir, f.first[i], to, sizeof(to));
		if (unlink(to) == 0)
			log_ev(LOG_NOTICE, "oldest audit file deleted", F_TEXT("IPDECT_PATH", to));
	}
	note_head(a);
}

static void after_sign(struct audit *a)
{
	if (a->size > (uint64_t)a->conf.file_kib << 10)
		turn_over(a);
	else if (tmr_now(a->wheel) - a->head_at > HEAD_EVERY)
		note_head(a);
}

static void on_sign(struct tmr *t, void *ctx)
{
	struct audit *a = ctx;

	if (sign_now(a) != 0) {
		log_ev(LOG_ERR, "the audit log cannot be written", F_WHY(a->why));
		tmr_start(t, 10 * AUDIT_SIGN_MS);
		return;
	}
	after_sign(a);
}

static void on_write(struct tmr *t, void *ctx)
{
	struct audit *a = ctx;

	(void)t;
	if (a->w.n && !*a->why && flush(a) != 0)
		log_ev(LOG_ERR, "the audit log cannot be written", F_WHY(a->why));
}

static bool room(struct audit *a)
{
	if (BUFFER - a->w.n < 2 * AUDIT_LINE && flush(a) != 0)
		return false;
	if (a->lost) {
		char n[32];

		snprintf(n, sizeof(n), "%" PRIu64, a->lost);
		a->lost = 0;
		audit_put_entry(&a->st, a->hash, &a->w, wall_ms(), "certd", "lost-entries",
		    SLICE_LIT("audit"), slice_str(n));
	}
	return BUFFER - a->w.n >= AUDIT_LINE || flush(a) == 0;
}

void audit_use(struct audit *a, const char *role, const char *operation, struct slice object,
    struct slice outcome)
{
	if (!room(a)) {
		a->lost++;
		return;
	}
	audit_put_entry(&a->st, a->hash, &a->w, wall_ms(), role, operation, object, outcome);
	if (!tmr_pending(&a->write))
		tmr_start(&a->write, AUDIT_WRITE_MS);
	if (!tmr_pending(&a->sign))
		tmr_start(&a->sign, AUDIT_SIGN_MS);
}

int audit_note(struct audit *a, const char *role, const char *operation, struct slice object,
    struct slice outcome)
{
	if (!room(a))
		return ERR_STORE;
	audit_put_entry(&a->st, a->hash, &a->w, wall_ms(), role, operation, object, outcome);
	return 0;
}

int audit_sync(struct audit *a)
{
	int err = sign_now(a);

	if (err == 0)
		after_sign(a);
	else if (!tmr_pending(&a->sign))
		tmr_start(&a->sign, AUDIT_SIGN_MS);
	return err;
}

int audit_admin(struct audit *a, const char *role, const char *operation, struct slice object,
    struct slice outcome)
{
	int err = audit_note(a, role, operation, object, outcome);

	return err ? err : audit_sync(a);
}

const char *audit_trouble(const struct audit *a)
{
	return *a->why ? a->why : NULL;
}

uint64_t audit_last(const struct audit *a)
{
	return a->st.seq;
}

EVP_PKEY *audit_key(const struct audit *a)
{
	return a->key;
}

/* ---- reading ---- */

static bool noted_head(struct audit *a, struct audit_state *out)
{
	uint8_t v[8 + AUDIT_HASH];
	size_t n = 0;
	struct rd r;

	if (store_get(a->store, STORE_SETTING, HEAD_ID, v, sizeof(v), &n) != 0 || n != sizeof(v))
		return false;
	r = rd_of(v, n);
	out->seq = rd_be64(&r);
	rd_copy(&r, out->hash, AUDIT_HASH);
	return true;
}

bool audit_check(struct audit *a, struct audit_verify *v)
{
	struct audit_state head;
	uint64_t want = a->st.seq;
	int err;

	*v = (struct audit_verify){ 0 };
	(void)flush(a);
	err = audit_dir_check(a->dir, a->key, v);
	if (err && err != ERR_AUTH) {
		snprintf(v->why, sizeof(v->why), "a file cannot be read: %s", err_text(err));
		v->bad = v->st.seq + 1;
	}
	if (v->bad)
		return false;
	/* What the signatures cannot tell: a log that ends too early. */
	if (noted_head(a, &head) && head.seq > want)
		want = head.seq;
	if (v->st.seq < want) {
		v->bad = v->st.seq + 1;
		v->bad_to = want;
		snprintf(v->why, sizeof(v->why), "the log ends before it");
		return false;
	}
	return true;
}

struct reading {
	uint64_t from;
	uint32_t left;
	bool (*fn)(void *ctx, const struct audit_entry *e);
	void *ctx;
	bool stop;
};

static size_t read_window(void *ctx, struct slice text, bool last)
{
	struct reading *r = ctx;
	size_t at = 0;

	(void)last;
	while (r->left && !r->stop) {
		struct slice rest = slice_sub(text, at, text.n - at);
		size_t n = slice_chr(rest, '\n');
		struct audit_entry e;

		if (n == rest.n)
			return at;
		if (audit_entry_parse(slice_sub(rest, 0, n), &e) == 0 && e.seq >= r->from) {
			r->left--;
			r->stop = !r->fn(r->ctx, &e);
		}
		at += n + 1;
	}
	return AUDIT_STOP;
}

int audit_read(struct audit *a, uint64_t seq, uint32_t max,
    bool (*fn)(void *ctx, const struct audit_entry *e), void *ctx)
{
	struct reading r = { seq, max, fn, ctx, false };
	struct audit_files f;
	char path[512];
	int err;

	if (seq == 0)
		r.from = a->st.seq > max ? a->st.seq - max + 1 : 1;
	err = flush(a);
	if (err)
		return err;
	audit_dir_list(a->dir, &f);
	for (size_t i = 0; i <= f.n && r.left && !r.stop; i++) {
		uint64_t next = i + 1 < f.n ? f.first[i + 1] : i < f.n ? a->first : UINT64_MAX;

		if (next <= r.from)
			continue; /* all of this file is older */
		if (i < f.n)
			audit_dir_old(a->dir, f.first[i], path, sizeof(path));
		else
			snprintf(path, sizeof(path), "%s/audit.log", a->dir);
		err = audit_dir_read(path, read_window, &r);
		if (err) {
			snprintf(a->why, sizeof(a->why), "%.200s: %s", path, err_text(err));
			return ERR_STORE;
		}
	}
	return 0;
}

/* ---- opening ---- */

static int get_key(struct audit *a)
{
	uint8_t der[128];
	const unsigned char *p = der;
	unsigned char *out = NULL;
	size_t n = 0;
	int err = store_get(a->store, STORE_AUDIT_KEY, SLICE_LIT("1"), der, sizeof(der), &n), len;

	if (err == 0) {
		a->key = d2i_AutoPrivateKey(NULL, &p, (long)n);
		err = a->key ? 0 : ERR_CRYPTO;
	} else if (err == ERR_NOTFOUND) {
		a->key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		len = a->key ? i2d_PrivateKey(a->key, &out) : -1;
		err = len > 0 ? store_put(a->store, STORE_AUDIT_KEY, SLICE_LIT("1"),
		                    (struct slice){ (const char *)out, (size_t)len })
		              : ERR_CRYPTO;
		OPENSSL_clear_free(out, len > 0 ? (size_t)len : 0);
	}
	mem_wipe(der, sizeof(der));
	if (err)
		snprintf(a->why, sizeof(a->why), "the audit key cannot be had: %.200s",
		    err == ERR_STORE ? store_why(a->store) : err_text(err));
	return err;
}

static int put_pub(struct audit *a)
{
	char path[512];
	FILE *f;
	int ok;

	snprintf(path, sizeof(path), "%s/" AUDIT_PUB, a->dir);
	f = fopen(path, "we");
	ok = f && PEM_write_PUBKEY(f, a->key);
	if (f && fclose(f) != 0)
		ok = 0;
	return ok ? 0 : fault(a, "has no public key beside it");
}

static void report(struct audit *a, uint64_t entry, const char *why)
{
	log_ev(LOG_ERR, "the audit log was altered", F_U64("IPDECT_ENTRY", entry), F_WHY(why),
	    F_ID(MESSAGE_BAD), F_REMEDY("find out who had access to certd's state directory"));
	snprintf(a->found, sizeof(a->found), "entry %" PRIu64 ": %s", entry, why);
}

/* No current file: the first start, a crash while files were changed over, or somebody removed it. */
static int begin(struct audit *a)
{
	struct audit_verify v = { 0 };
	struct audit_state head;
	struct audit_files f;
	char path[512];
	size_t used;

	audit_dir_list(a->dir, &f);
	if (f.n) {
		audit_dir_old(a->dir, f.first[f.n - 1], path, sizeof(path));
		if (audit_dir_check_file(path, a->key, &v, false, &used) == 0)
			a->st = v.st;
	}
	if (noted_head(a, &head) && head.seq > a->st.seq) {
		report(a, a->st.seq + 1, "the log is missing from there on");
		a->st = head;
	}
	return open_file(a, true);
}

/* What was put aside is evidence: a second one with the same first bad entry gets a name of its own. */
static bool aside_name(const char *dir, uint64_t bad, char *out, size_t cap)
{
	snprintf(out, cap, "%s/audit-%020" PRIu64 ".altered", dir, bad);
	for (unsigned i = 2; i < 10000; i++) {
		if (access(out, F_OK) != 0)
			return errno == ENOENT;
		snprintf(out, cap, "%s/audit-%020" PRIu64 "-%u.altered", dir, bad, i);
	}
	errno = EEXIST;
	return false;
}

/* Takes up where the last process stopped; a torn last line is cut off. */
static int take_up(struct audit *a)
{
	struct audit_verify v = { 0 };
	struct audit_state head = { 0 };
	char path[512], aside[560];
	size_t used = 0;
	bool noted = noted_head(a, &head);
	int err;

	snprintf(path, sizeof(path), "%s/audit.log", a->dir);
	err = audit_dir_check_file(path, a->key, &v, true, &used);
	if (err == ERR_NOTFOUND)
		return begin(a);
	if (err && err != ERR_AUTH) {
		errno = -err;
		return fault(a, "cannot be read");
	}
	if (err == ERR_AUTH || (!v.begun && noted)) {
		report(a, v.bad ? v.bad : 1, *v.why ? v.why : "the file is empty");
		if (!aside_name(a->dir, v.bad, aside, sizeof(aside)) || rename(path, aside) != 0)
			return fault(a, "cannot be put aside");
		a->st = v.begun ? v.good : head;
		return open_file(a, true);
	}
	a->st = v.st;
	a->signed_seq = v.signed_seq;
	if (noted && head.seq > a->st.seq)
		report(a, a->st.seq + 1, "the log ends before it");
	err = open_file(a, false);
	if (err)
		return err;
	if (ftruncate(a->fd, (off_t)used) != 0)
		return fault(a, "cannot be cut to whole lines");
	a->size = used;
	if (used == 0) /* died before the head was written */
		audit_put_head(&a->st, &a->w);
	return 0;
}

static uint64_t first_of(const char *dir)
{
	char path[512], line[64] = "";
	uint64_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/audit.log", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, line, sizeof(line) - 1) > 0 &&
	    sscanf(line, "ipdect-audit 1 %" SCNu64, &n) != 1)
		n = 0;
	if (fd >= 0)
		close(fd);
	return n;
}

int audit_open(const char *state_dir, struct store *s, struct tmr_wheel *wheel,
    const struct audit_conf *c, struct audit **out, char *why, size_t cap)
{
	struct audit *a = mem_new(sizeof(*a));
	size_t n = strlen(state_dir) + 8;
	int err = 0;

	a->store = s;
	a->conf = *c;
	a->fd = -1;
	a->wheel = wheel;
	a->dir = mem_new(n);
	snprintf(a->dir, n, "%s/audit", state_dir);
	a->buf = mem_new(BUFFER);
	a->hash = EVP_MD_CTX_new();
	BUG_ON(!a->hash);
	a->w = wr_of(a->buf, BUFFER);
	tmr_init(&a->sign, wheel, on_sign, a);
	tmr_init(&a->write, wheel, on_write, a);
	if (mkdir(a->dir, 0700) != 0 && errno != EEXIST)
		err = fault(a, "cannot be made");
	if (err == 0)
		err = get_key(a);
	if (err == 0)
		err = put_pub(a);
	if (err == 0)
		err = take_up(a);
	if (err == 0)
		err = audit_admin(a, "certd", "start", SLICE_LIT("audit"),
		    *a->found ? slice_str(a->found) : SLICE_LIT("ok"));
	a->first = first_of(a->dir);
	if (err) {
		snprintf(why, cap, "%s", *a->why ? a->why : err_text(err));
		a->st.seq = 0;
		audit_close(a);
		return err;
	}
	*out = a;
	return 0;
}

void audit_configure(struct audit *a, const struct audit_conf *c)
{
	a->conf = *c;
}

void audit_close(struct audit *a)
{
	if (!a)
		return;
	tmr_stop(&a->sign);
	tmr_stop(&a->write);
	if (a->fd >= 0 && a->st.seq) {
		audit_put_entry(&a->st, a->hash, &a->w, wall_ms(), "certd", "stop",
		    SLICE_LIT("audit"), SLICE_LIT("ok"));
		if (sign_now(a) == 0)
			note_head(a);
		else
			log_ev(LOG_ERR, "the audit log could not be closed", F_WHY(a->why));
	}
	if (a->fd >= 0)
		close(a->fd);
	EVP_PKEY_free(a->key);
	EVP_MD_CTX_free(a->hash);
	free(a->buf);
	free(a->dir);
	free(a);
}
