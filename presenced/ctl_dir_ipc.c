/* Control commands: directory search, lookup, sync, status, import, export; check run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"
#include "ctl.pb-c.h"
#include "presenced/book.h"
#include "presenced/presenced.h"

static struct directory *dir_of(struct ctl_run *r)
{
	return presenced_of(ctl_ctx(r))->dir;
}

static ProtobufCBinaryData bin(const char *s)
{
	return (ProtobufCBinaryData){ strlen(s), (uint8_t *)(uintptr_t)s };
}

static bool put_hit(struct ctl_run *r, const struct dir_hit *h)
{
	Ctl__DirectoryRow row = CTL__DIRECTORY_ROW__INIT;
	const char *number = h->work[0] ? h->work : h->sip;

	row.has_name = row.has_number = row.has_mobile = row.has_mail = row.has_department = 1;
	row.name = bin(h->display);
	row.number = bin(number);
	row.mobile = bin(h->mobile);
	row.mail = bin(h->mail);
	row.department = bin(h->department);
	row.source = (char *)(uintptr_t)dir_source_name(h->source);
	return ctl_row(r, &row.base);
}

static void on_live(void *ctx, int err, const struct dir_found *f, const char *why)
{
	struct ctl_run *r = ctx;

	for (unsigned i = 0; err == 0 && i < f->n; i++)
		if (!put_hit(r, &f->hit[i]))
			break;
	if (err)
		ctl_fail(r, err, "%s", why);
	ctl_done(r, err);
}

int ctl_dir_search(struct ctl_run *r)
{
	struct directory *dir = dir_of(r);
	struct dir_found *f = mem_new(sizeof(*f));
	uint32_t from = 0;
	char next[16];
	int err;

	if (ctl_cursor(r).n && slice_u32(ctl_cursor(r), UINT32_MAX, &from))
		from = 0;
	err = dir_cache_search(dir->cache, ctl_id(r), from, DIR_PAGE, f);
	if (err == 0 && f->total == 0) {
		free(f);
		err = directory_live(dir, (struct slice){ 0 }, ctl_id(r), on_live, r);
		if (err == 0)
			ctl_defer(r);
		else if (err == ERR_BUSY)
			ctl_warn(
			    r, "the directory was not asked: too many searches in this second");
		else if (directory_on(dir) && dir->wait_ms > 0)
			ctl_warn(r,
			    "the directory was not asked, it does not work: dectctl directory "
			    "status");
		return 0;
	}
	for (unsigned i = 0; i < f->n && err == 0; i++)
		if (!put_hit(r, &f->hit[i])) {
			f->n = i;
			break;
		}
	if (err == 0 && from + f->n < f->total) {
		snprintf(next, sizeof(next), "%u", from + f->n);
		ctl_more(r, slice_str(next));
	} else if (f->more) {
		ctl_warn(r, "more begin like this: type more letters");
	}
	free(f);
	return err;
}

int ctl_dir_lookup(struct ctl_run *r)
{
	struct directory *dir = dir_of(r);
	bool address = slice_istarts(ctl_id(r), SLICE_LIT("sip:"));
	struct dir_hit h;
	int err = directory_name(dir, ctl_id(r), address ? ctl_id(r) : (struct slice){ 0 }, &h);

	if (err == ERR_NOTFOUND)
		return ctl_fail(
		    r, err, "nobody, or several who are not of one company, have this number");
	if (err == 0)
		put_hit(r, &h);
	return err;
}

static void on_synced(void *ctx, const struct dir_sync_result *s)
{
	struct ctl_run *r = ctx;

	if (s->err)
		ctl_fail(r, s->err, "%s", s->why);
	else
		ctl_say(r, "%s: %u entries read, %u gone, in %llu ms (%s)", s->server, s->read,
		    s->gone, (unsigned long long)s->ms,
		    s->full ? "everything" : dir_changes_name(s->by));
	if (s->err == 0 && s->note[0])
		ctl_warn(r, "everything was read, not changes alone: %s", s->note);
	ctl_done(r, s->err);
}

int ctl_dir_sync(struct ctl_run *r)
{
	struct directory *dir = dir_of(r);
	int err;

	if (!directory_on(dir))
		return ctl_fail(r, ERR_STATE, "no directory is configured: servers in [directory]");
	err = directory_sync(dir,
	    DIR_SYNC_NOW | (ctl_flag(r, "full", false) ? DIR_SYNC_FULL : 0u) |
	        (ctl_flag(r, "force", false) ? DIR_SYNC_FORCE : 0u),
	    on_synced, r);
	if (err)
		return ctl_fail(r, err, "too much waits for the directory");
	ctl_defer(r);
	return 0;
}

static void iso(uint64_t t, char *out, size_t cap)
{
	time_t s = (time_t)t;
	struct tm tm;

	if (t == 0 || !gmtime_r(&s, &tm) || strftime(out, cap, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		*out = '\0';
}

int ctl_dir_status(struct ctl_run *r)
{
	struct directory *dir = dir_of(r);

	for (int s = DIR_USERS; s <= DIR_CSV; s++) {
		Ctl__DirectoryStatusRow row = CTL__DIRECTORY_STATUS_ROW__INIT;
		char last[32], next[48] = "", note[200];
		uint64_t n = 0;

		row.source = (char *)(uintptr_t)dir_source_name((enum dir_source)s);
		row.has_entries = 1;
		if (dir_cache_count(dir->cache, (enum dir_source)s, &n))
			return ctl_fail(r, ERR_STORE, "%s", dir_cache_why(dir->cache));
		row.entries = n;
		row.state = (char *)(uintptr_t) "ok";
		if (s == DIR_LDAP) {
			row.state = (char *)(uintptr_t)(!directory_on(dir) ? "off"
			                                : dir->running     ? "synchronising"
			                                : dir->trouble[0]  ? "failed"
			                                                   : "ok");
			row.has_server = row.has_detail = 1;
			row.server = bin(dir->server);
			snprintf(note, sizeof(note), "everything is read each time: %s", dir->note);
			row.detail = bin(dir->trouble[0] ? dir->trouble : dir->note[0] ? note : "");
			iso(dir->last, last, sizeof(last));
			row.last = last;
			if (directory_on(dir) && tmr_pending(&dir->tmr))
				snprintf(next, sizeof(next), "in %llu s",
				    (unsigned long long)(tmr_left(&dir->tmr) + 999) / 1000);
			row.next = next;
		}
		ctl_row(r, &row.base);
	}
	return 0;
}

struct import {
	struct ctl_run *r;
	size_t n;
	unsigned rejected;
	char why[400];
};

static void on_imported(void *ctx, int err, const char *why)
{
	struct import *im = ctx;

	if (err)
		ctl_fail(im->r, err, "%s", why);
	else
		ctl_say(im->r, "%zu entries stored", im->n);
	if (im->rejected)
		ctl_warn(im->r, "%u rows left out: %s", im->rejected, im->why);
	ctl_done(im->r, err);
	free(im);
}

int ctl_dir_import(struct ctl_run *r)
{
	struct book b;
	struct import *im;
	int err = book_read(ctl_data_arg(r, "file"), &b);

	if (err)
		return ctl_fail(
		    r, err, "nothing was changed: %s", b.why[0] ? b.why : "there is no row");
	im = mem_new(sizeof(*im));
	im->r = r;
	im->n = b.n;
	im->rejected = b.rejected;
	memcpy(im->why, b.why, sizeof(im->why));
	err = directory_replace(dir_of(r), DIR_CSV, b.v, b.n, on_imported, im);
	if (err) {
		free(im);
		return ctl_fail(r, err, "too much waits for the directory");
	}
	ctl_defer(r);
	return 0;
}

static bool on_row(void *ctx, const struct dir_hit *h)
{
	struct wr *w = ctx;

	book_write(w, h);
	return !w->bad;
}

int ctl_dir_export(struct ctl_run *r)
{
	size_t cap = 4u << 20;
	char *buf = mem_new(cap);
	struct wr w = wr_of(buf, cap);
	int err;

	wr_str(&w, BOOK_HEAD "\r\n");
	err = dir_cache_each(dir_of(r)->cache, DIR_CSV, on_row, &w);
	if (err == 0 && w.bad)
		err = ctl_fail(r, ERR_LIMIT, "the phone book is longer than 4 MiB");
	if (err == 0)
		ctl_data(r, buf, w.n);
	free(buf);
	return err;
}

int ctl_check_run(struct ctl_run *r)
{
	struct directory *dir = dir_of(r);
	Ctl__CheckRow row = CTL__CHECK_ROW__INIT;
	bool on = directory_on(dir), bad = on && dir->trouble[0];

	row.check = (char *)(uintptr_t) "phone book";
	row.result = (char *)(uintptr_t)(bad ? (dir->last ? "warning" : "failed") : "ok");
	row.has_detail = row.has_remedy = 1;
	row.detail = bin(bad         ? dir->trouble
	                 : !on       ? "no directory is configured"
	                 : dir->last ? "synchronised"
	                             : "not yet synchronised");
	row.remedy = bin(bad ? "correct [directory], then dectctl directory sync" : "");
	ctl_row(r, &row.base);
	return 0;
}
