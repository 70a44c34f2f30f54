/* The audit log's directory, and its verification without a daemon. */
#include "certd/audit_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"

#define WINDOW (64u << 10)

static int by_number(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

	return a < b ? -1 : a > b;
}

void audit_dir_list(const char *dir, struct audit_files *f)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	f->n = 0;
	while (d && (e = readdir(d)) != NULL && f->n < AUDIT_FILES) {
		struct slice s = slice_str(e->d_name);

		if (slice_starts(s, SLICE_LIT("audit-")) && s.n > 10 &&
		    strcmp(e->d_name + s.n - 4, ".log") == 0 &&
		    slice_u64(slice_sub(s, 6, s.n - 10), UINT64_MAX, &f->first[f->n]) == 0)
			f->n++;
	}
	if (d)
		closedir(d);
	qsort(f->first, f->n, sizeof(f->first[0]), by_number);
}

void audit_dir_old(const char *dir, uint64_t first, char *out, size_t cap)
{
	snprintf(out, cap, "%s/audit-%020" PRIu64 ".log", dir, first);
}

int audit_dir_read(const char *path, audit_window_h *fn, void *ctx)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), err = 0;
	uint8_t *buf;
	size_t n = 0, used;
	bool end = false;

	if (fd < 0)
		return errno == ENOENT ? ERR_NOTFOUND : -errno;
	buf = mem_new(WINDOW);
	while (!end && err == 0) {
		ssize_t k = read(fd, buf + n, WINDOW - n);

		if (k < 0) {
			err = -errno;
			break;
		}
		end = k == 0;
		n += (size_t)k;
		used = fn(ctx, (struct slice){ (const char *)buf, n }, end);
		if (used == AUDIT_STOP || (used == 0 && n == WINDOW))
			break;
		memmove(buf, buf + used, n - used);
		n -= used;
	}
	close(fd);
	free(buf);
	return err;
}

struct checking {
	struct audit_verify *v;
	EVP_PKEY *pub;
	bool torn; /* a last line without its end is a crash, not an alteration */
	size_t *used;
};

static size_t check_window(void *ctx, struct slice text, bool last)
{
	struct checking *c = ctx;
	size_t used;

	if (!audit_verify_text(c->v, text, c->pub, c->torn || !last, &used))
		return AUDIT_STOP;
	*c->used += used;
	if (used == 0 && text.n >= AUDIT_LINE && !last) { /* a line without an end */
		c->v->bad = c->v->st.seq + 1;
		snprintf(c->v->why, sizeof(c->v->why), "it does not parse");
		return AUDIT_STOP;
	}
	return used;
}

int audit_dir_check_file(
    const char *path, EVP_PKEY *pub, struct audit_verify *v, bool torn, size_t *used)
{
	struct checking c = { v, pub, torn, used };
	int err;

	*used = 0;
	err = audit_dir_read(path, check_window, &c);
	return err ? err : v->bad ? ERR_AUTH : 0;
}

/* Old files, then the current one. */
int audit_dir_check(const char *dir, EVP_PKEY *pub, struct audit_verify *v)
{
	struct audit_files f;
	char path[512];
	size_t used;
	int err = 0;

	audit_dir_list(dir, &f);
	for (size_t i = 0; i <= f.n && err == 0; i++) {
		if (i < f.n)
			audit_dir_old(dir, f.first[i], path, sizeof(path));
		else
			snprintf(path, sizeof(path), "%s/audit.log", dir);
		err = audit_dir_check_file(path, pub, v, false, &used);
	}
	return err;
}

/* ---- offline ---- */

int audit_tool(const char *dir, const char *pub)
{
	struct audit_verify v = { 0 };
	char path[512];
	EVP_PKEY *key = NULL;
	FILE *f;
	int err;

	if (pub)
		snprintf(path, sizeof(path), "%s", pub);
	else
		snprintf(path, sizeof(path), "%s/" AUDIT_PUB, dir);
	f = fopen(path, "re");
	if (f) {
		key = PEM_read_PUBKEY(f, NULL, NULL, NULL);
		fclose(f);
	}
	if (!key) {
		fprintf(stderr, "%s: no public key (PEM) to verify with\n", path);
		return 2;
	}
	err = audit_dir_check(dir, key, &v);
	EVP_PKEY_free(key);
	if (v.bad) {
		if (v.bad_to > v.bad)
			printf("ALTERED: entry %" PRIu64 " or one up to %" PRIu64 ": %s\n", v.bad,
			    v.bad_to, v.why);
		else
			printf("ALTERED: entry %" PRIu64 ": %s\n", v.bad, v.why);
		return 1;
	}
	if (err) {
		fprintf(stderr, "%s: the log cannot be read: %s\n", dir, err_text(err));
		return 2;
	}
	printf("good: entries %" PRIu64 " to %" PRIu64 ", signed up to %" PRIu64 "\n", v.first,
	    v.st.seq, v.signed_seq);
	if (v.signed_seq < v.st.seq)
		printf(
		    "the last %" PRIu64 " entries are not signed yet\n", v.st.seq - v.signed_seq);
	return 0;
}
