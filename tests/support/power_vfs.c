/* A file system in memory for SQLite that loses its power on demand. */
#include "tests/support/power_vfs.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define FILES  8
#define SECTOR 512

struct image {
	uint8_t *p;
	size_t n, cap;
};
struct pending {      /* since the last sync of the file */
	size_t at, n; /* n 0: truncated to at */
	uint8_t *p;
	struct pending *next;
};
struct file {
	char name[512];
	bool used, durable; /* durable: its name is on the disk */
	struct image now, disk;
	struct pending *first, **last;
};
struct power {
	sqlite3_vfs vfs;
	sqlite3_vfs *base;
	struct file f[FILES];
	unsigned left, count;
	bool armed, cut, full;
};
struct handle {
	sqlite3_file base;
	struct power *p;
	struct file *f;
};

static void grow(struct image *i, size_t n)
{
	if (n > i->cap) {
		i->p = mem_grow(i->p, 2 * n, 1);
		i->cap = 2 * n;
	}
	if (n > i->n) {
		memset(i->p + i->n, 0, n - i->n);
		i->n = n;
	}
}

/* false: not done, the power is gone or the disk is full. */
static bool step(struct power *p)
{
	if (p->cut)
		return false;
	p->count++;
	if (p->armed && --p->left == 0) {
		p->armed = false;
		if (p->full)
			p->left = 0;
		else
			p->cut = true;
		return false;
	}
	return !(p->full && !p->armed);
}

static int failed(const struct power *p)
{
	return p->cut ? SQLITE_IOERR : SQLITE_FULL;
}

static void add(struct file *f, size_t at, const void *p, size_t n)
{
	struct pending *x = mem_new(sizeof(*x));

	x->at = at;
	x->n = n;
	x->p = n ? mem_dup(p, n) : NULL;
	*f->last = x;
	f->last = &x->next;
}

static void drop_pending(struct file *f)
{
	while (f->first) {
		struct pending *x = f->first;

		f->first = x->next;
		free(x->p);
		free(x);
	}
	f->last = &f->first;
}

static void apply(struct image *i, const struct pending *x, size_t from, size_t n)
{
	if (x->n == 0) {
		if (x->at < i->n)
			i->n = x->at;
		return;
	}
	grow(i, x->at + from + n);
	memcpy(i->p + x->at + from, x->p + from, n);
}

static void release(struct file *f)
{
	drop_pending(f);
	free(f->now.p);
	free(f->disk.p);
	memset(f, 0, sizeof(*f));
	f->last = &f->first;
}

/* ---- methods ---- */

static int x_close(sqlite3_file *h)
{
	(void)h;
	return SQLITE_OK;
}

static int x_read(sqlite3_file *b, void *out, int n, sqlite3_int64 at)
{
	struct handle *h = (struct handle *)b;
	size_t have = h->f->now.n > (size_t)at ? h->f->now.n - (size_t)at : 0;

	if (h->p->cut)
		return SQLITE_IOERR_READ;
	if (have >= (size_t)n) {
		memcpy(out, h->f->now.p + at, (size_t)n);
		return SQLITE_OK;
	}
	if (have)
		memcpy(out, h->f->now.p + at, have);
	memset((char *)out + have, 0, (size_t)n - have);
	return SQLITE_IOERR_SHORT_READ;
}

static int x_write(sqlite3_file *b, const void *p, int n, sqlite3_int64 at)
{
	struct handle *h = (struct handle *)b;

	if (!step(h->p)) {
		/* The write that the power failed in may have got through in part. */
		if (h->p->cut && n > 0)
			add(h->f, (size_t)at, p, (size_t)n);
		return failed(h->p);
	}
	grow(&h->f->now, (size_t)at + (size_t)n);
	memcpy(h->f->now.p + at, p, (size_t)n);
	add(h->f, (size_t)at, p, (size_t)n);
	return SQLITE_OK;
}

static int x_truncate(sqlite3_file *b, sqlite3_int64 n)
{
	struct handle *h = (struct handle *)b;

	if (!step(h->p))
		return failed(h->p);
	if ((size_t)n < h->f->now.n)
		h->f->now.n = (size_t)n;
	add(h->f, (size_t)n, NULL, 0);
	return SQLITE_OK;
}

static int x_sync(sqlite3_file *b, int flags)
{
	struct handle *h = (struct handle *)b;

	(void)flags;
	if (!step(h->p))
		return failed(h->p);
	for (struct pending *x = h->f->first; x; x = x->next)
		apply(&h->f->disk, x, 0, x->n);
	drop_pending(h->f);
	h->f->durable = true;
	return SQLITE_OK;
}

static int x_size(sqlite3_file *b, sqlite3_int64 *n)
{
	*n = (sqlite3_int64)((struct handle *)b)->f->now.n;
	return SQLITE_OK;
}

static int x_lock(sqlite3_file *b, int l)
{
	(void)b;
	(void)l;
	return SQLITE_OK;
}

static int x_reserved(sqlite3_file *b, int *out)
{
	(void)b;
	*out = 0;
	return SQLITE_OK;
}

static int x_control(sqlite3_file *b, int op, void *arg)
{
	(void)b;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int x_sector(sqlite3_file *b)
{
	(void)b;
	return SECTOR;
}

static int x_device(sqlite3_file *b)
{
	(void)b;
	return 0;
}

static const sqlite3_io_methods methods = { 1, x_close, x_read, x_write, x_truncate, x_sync, x_size,
	x_lock, x_lock, x_reserved, x_control, x_sector, x_device, NULL, NULL, NULL, NULL, NULL,
	NULL };

static struct file *lookup(struct power *p, const char *name, bool make)
{
	struct file *spare = NULL;

	for (unsigned i = 0; i < FILES; i++) {
		if (p->f[i].used && name && strcmp(p->f[i].name, name) == 0)
			return &p->f[i];
		if (!p->f[i].used)
			spare = &p->f[i];
	}
	if (make && spare) {
		spare->used = true;
		spare->last = &spare->first;
		snprintf(spare->name, sizeof(spare->name), "%s", name ? name : "");
	}
	return make ? spare : NULL;
}

static int x_open(sqlite3_vfs *v, const char *name, sqlite3_file *b, int flags, int *out)
{
	struct power *p = v->pAppData;
	struct handle *h = (struct handle *)b;

	b->pMethods = NULL;
	if (p->cut)
		return SQLITE_CANTOPEN;
	h->p = p;
	h->f = lookup(p, name, flags & SQLITE_OPEN_CREATE);
	if (!h->f)
		return SQLITE_CANTOPEN;
	b->pMethods = &methods;
	if (out)
		*out = flags;
	return SQLITE_OK;
}

static int x_delete(sqlite3_vfs *v, const char *name, int sync)
{
	struct power *p = v->pAppData;
	struct file *f = lookup(p, name, false);

	(void)sync;
	if (!f)
		return SQLITE_IOERR_DELETE_NOENT;
	if (!step(p))
		return failed(p);
	release(f);
	return SQLITE_OK;
}

static int x_access(sqlite3_vfs *v, const char *name, int flags, int *out)
{
	struct file *f = lookup(v->pAppData, name, false);

	(void)flags;
	*out = f && f->now.n > 0;
	return SQLITE_OK;
}

static int x_full(sqlite3_vfs *v, const char *name, int n, char *out)
{
	(void)v;
	sqlite3_snprintf(n, out, "%s", name);
	return SQLITE_OK;
}

static int x_random(sqlite3_vfs *v, int n, char *out)
{
	struct power *p = v->pAppData;

	return p->base->xRandomness(p->base, n, out);
}

static int x_sleep(sqlite3_vfs *v, int us)
{
	(void)v;
	return us;
}

static int x_time(sqlite3_vfs *v, double *t)
{
	struct power *p = v->pAppData;

	return p->base->xCurrentTime(p->base, t);
}

static int x_error(sqlite3_vfs *v, int n, char *out)
{
	(void)v;
	(void)n;
	(void)out;
	return 0;
}

struct power *power_new(void)
{
	struct power *p = mem_new(sizeof(*p));

	p->base = sqlite3_vfs_find(NULL);
	p->vfs = (sqlite3_vfs){ .iVersion = 1,
		.szOsFile = sizeof(struct handle),
		.mxPathname = 500,
		.zName = "power",
		.pAppData = p,
		.xOpen = x_open,
		.xDelete = x_delete,
		.xAccess = x_access,
		.xFullPathname = x_full,
		.xRandomness = x_random,
		.xSleep = x_sleep,
		.xCurrentTime = x_time,
		.xGetLastError = x_error };
	for (unsigned i = 0; i < FILES; i++)
		p->f[i].last = &p->f[i].first;
	sqlite3_vfs_register(&p->vfs, 1);
	return p;
}

void power_wipe(struct power *p)
{
	for (unsigned i = 0; i < FILES; i++)
		release(&p->f[i]);
	p->armed = p->cut = p->full = false;
	p->count = 0;
}

void power_free(struct power *p)
{
	power_wipe(p);
	sqlite3_vfs_unregister(&p->vfs);
	free(p);
}

void power_cut_after(struct power *p, unsigned n)
{
	p->left = n;
	p->armed = n > 0;
}

bool power_is_cut(const struct power *p)
{
	return p->cut;
}

unsigned power_operations(const struct power *p)
{
	return p->count;
}

void power_full(struct power *p, bool full)
{
	p->full = full;
	if (!full)
		p->armed = false;
}

static uint64_t coin(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

void power_back(struct power *p, uint64_t seed)
{
	uint64_t s = seed * 0x9e3779b97f4a7c15u + 1;

	for (unsigned i = 0; i < FILES; i++) {
		struct file *f = &p->f[i];

		if (!f->used)
			continue;
		/* Nothing, everything, or each sector by itself. */
		unsigned mood = (unsigned)(coin(&s) % 4);
		for (struct pending *x = f->first; x; x = x->next) {
			if (x->n == 0 && (mood == 1 || (mood > 1 && coin(&s) & 1)))
				apply(&f->disk, x, 0, 0);
			for (size_t at = 0; at < x->n; at += SECTOR) {
				size_t n = x->n - at < SECTOR ? x->n - at : SECTOR;

				if (mood == 1 || (mood > 1 && coin(&s) & 1))
					apply(&f->disk, x, at, n);
			}
		}
		drop_pending(f);
		if (!f->durable && f->disk.n == 0 && mood != 1) {
			release(f);
			continue;
		}
		f->durable = true;
		f->now.n = 0;
		grow(&f->now, f->disk.n);
		if (f->disk.n)
			memcpy(f->now.p, f->disk.p, f->disk.n);
	}
	p->cut = p->armed = false;
	p->count = 0;
}
