/* The phone book's answers to sipd; password and trust from certd. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "call.pb-c.h"
#include "cert.pb-c.h"
#include "common/log.h"
#include "common/mem.h"
#include "pres.pb-c.h"
#include "presenced/presenced.h"
#include "presenced/watcher.h"

#define TRUST_MAX (8u << 20)

static ProtobufCBinaryData bin(const char *s)
{
	return (ProtobufCBinaryData){ strlen(s), (uint8_t *)(uintptr_t)s };
}

static struct slice sl(protobuf_c_boolean has, ProtobufCBinaryData b)
{
	return has ? (struct slice){ (const char *)b.data, b.len } : (struct slice){ 0 };
}

/* ---- searches ---- */

struct page {
	struct presenced *room;
	struct ipc_ticket *ticket;
	char user[PRES_NAME_MAX + 1]; /* for whom */
	struct dir_found found;
	Call__DirEntry e[DIR_PAGE], *pe[DIR_PAGE];
	char detail[DIR_PAGE][140], notice[160];
	Call__DirPage pb;
};

static void fill(struct page *pg, const struct dir_found *f, const char *notice)
{
	call__dir_page__init(&pg->pb);
	for (unsigned i = 0; i < f->n; i++) {
		const struct dir_hit *h = &f->hit[i];
		Call__DirEntry *e = &pg->e[i];

		call__dir_entry__init(e);
		e->name = bin(h->display);
		e->has_number = h->work[0] != '\0';
		e->number = bin(h->work);
		e->has_mobile = h->mobile[0] != '\0';
		e->mobile = bin(h->mobile);
		e->has_home = h->home[0] != '\0';
		e->home = bin(h->home);
		e->has_uri = h->sip[0] != '\0';
		e->uri = bin(h->sip);
		snprintf(pg->detail[i], sizeof(pg->detail[i]), "%s%s%s", h->department,
		    h->department[0] && h->company[0] ? ", " : "", h->company);
		e->has_detail = pg->detail[i][0] != '\0';
		e->detail = bin(pg->detail[i]);
		pg->pe[i] = e;
	}
	pg->pb.n_entry = f->n;
	pg->pb.entry = pg->pe;
	pg->pb.has_total = 1;
	pg->pb.total = f->total;
	snprintf(pg->notice, sizeof(pg->notice), "%s",
	    notice[0] ? notice
	    : f->more ? "there are more: type more letters"
	              : "");
	pg->pb.has_notice = pg->notice[0] != '\0';
	pg->pb.notice = bin(pg->notice);
}

/* All states that are known by now. */
static void on_states(void *ctx)
{
	struct page *pg = ctx;
	const struct puser *u = puser_find(pg->room, slice_str(pg->user));

	for (unsigned i = 0; i < pg->found.n; i++) {
		const char *uri = pg->found.hit[i].sip;
		enum pres_shown s =
		    *uri ? watcher_state(pg->room, u, slice_str(uri)) : SHOWN_UNKNOWN;

		pg->e[i].has_state = s != SHOWN_UNKNOWN;
		pg->e[i].state = (uint32_t)s;
	}
	ipc_ticket_reply(pg->ticket, &pg->pb.base);
	free(pg);
}

/* Takes pg, whose room, ticket and user are set. The people's presence is waited for, not long. */
static void answer(struct page *pg, const struct dir_found *f, const char *notice)
{
	struct slice uri[DIR_PAGE];

	pg->found = *f;
	fill(pg, &pg->found, notice);
	for (unsigned i = 0; i < pg->found.n; i++)
		uri[i] = slice_str(pg->found.hit[i].sip);
	watcher_look(puser_find(pg->room, slice_str(pg->user)), uri, pg->found.n, WATCHER_PAGE_MS,
	    on_states, pg);
}

static void on_live(void *ctx, int err, const struct dir_found *f, const char *why)
{
	static const struct dir_found none;

	(void)why;
	answer(ctx, err ? &none : f, err ? "directory not reachable" : "");
}

int directory_on_search(struct ipc_peer *p, struct ipc_msg *m)
{
	struct directory *dir = presenced_of(daemon_of(p))->dir;
	const Call__DirSearch *s = IPC_BODY(m, Call__DirSearch);
	struct dir_found *f;
	struct page *pg = NULL;
	char notice[160] = "", at[32] = "";
	uint64_t began = uv_hrtime();
	time_t last = (time_t)dir->last;
	struct tm tm;
	int err;

	if (s->text.len > 64 || s->max == 0 || s->max > DIR_PAGE)
		return ipc_fail(
		    p, m, ERR_VALUE, "at most 64 octets of text and %d entries", DIR_PAGE);
	f = mem_new(sizeof(*f));
	err =
	    dir_cache_search(dir->cache, (struct slice){ (const char *)s->text.data, s->text.len },
	        s->has_from ? s->from : 0, s->max, f);
	stat_observe(dir->st_search, (uv_hrtime() - began) / 1000);
	if (err) {
		free(f);
		return ipc_fail(p, m, err, "%s", dir_cache_why(dir->cache));
	}
	pg = mem_new(sizeof(*pg));
	pg->room = presenced_of(daemon_of(p));
	puser_text(pg->user, sizeof(pg->user), slice_str(s->user));
	pg->ticket = ipc_defer(p, m);
	if (f->total == 0 && s->text.len > 0) {
		err = directory_live(dir, slice_str(s->user),
		    (struct slice){ (const char *)s->text.data, s->text.len }, on_live, pg);
		if (err)
			answer(pg, f,
			    err == ERR_BUSY ? "too many searches, wait a second"
			    : directory_on(dir) && dir->wait_ms > 0 ? "directory not reachable"
			                                            : "");
		free(f);
		return 0;
	}
	if (dir->wait_ms > 0) {
		if (last && localtime_r(&last, &tm) &&
		    strftime(at, sizeof(at), ", entries of %H:%M", &tm) == 0)
			at[0] = '\0';
		snprintf(notice, sizeof(notice), "directory not reachable%s", at);
	}
	answer(pg, f, notice);
	free(f);
	return 0;
}

int directory_on_name(struct ipc_peer *p, struct ipc_msg *m)
{
	struct directory *dir = presenced_of(daemon_of(p))->dir;
	const Pres__NameLookup *q = IPC_BODY(m, Pres__NameLookup);
	Pres__NameFound r = PRES__NAME_FOUND__INIT;
	uint64_t began = uv_hrtime();
	struct dir_hit h;

	if (directory_name(dir, sl(1, q->number), sl(q->has_uri, q->uri), &h) == 0) {
		r.has_name = 1;
		r.name = bin(h.display);
		r.has_number = h.work[0] != '\0';
		r.number = bin(h.work);
		r.has_source = 1;
		r.source = bin(dir_source_name(h.source));
	}
	stat_observe(dir->st_name, (uv_hrtime() - began) / 1000);
	return ipc_reply(p, m, &r.base);
}

/* ---- certd ---- */

static void on_password(void *ctx, int err, struct ipc_msg *m)
{
	struct directory *dir = ctx;

	mem_free_wiped(dir->pw, dir->pw ? strlen(dir->pw) : 0);
	dir->pw = NULL;
	dir->pw_why[0] = '\0';
	if (err) {
		snprintf(dir->pw_why, sizeof(dir->pw_why),
		    "certd gave no password of %.40s: dectctl secret set %.40s kind=ldap",
		    dir->conf->secret, dir->conf->secret);
	} else {
		const Cert__SecretValue *v = IPC_BODY(m, Cert__SecretValue);

		if (v->value.len > 0 && !memchr(v->value.data, 0, v->value.len))
			dir->pw = mem_dup(v->value.data, v->value.len);
		else
			snprintf(
			    dir->pw_why, sizeof(dir->pw_why), "the reader's password is empty");
		mem_wipe(v->value.data, v->value.len);
	}
	if (dir->pw)
		directory_login(dir);
}

void directory_ask_password(struct directory *dir)
{
	struct ipc_peer *certd = ipc_find(dir->d->ipc, IPC_CERTD, 0);
	Cert__SecretReveal q = CERT__SECRET_REVEAL__INIT;

	if (!certd || !directory_on(dir) || dir->conf->bind != DIR_SIMPLE)
		return;
	q.kind = CERT__SECRET_KIND__SECRET_LDAP;
	q.id = bin(dir->conf->secret);
	if (ipc_request(certd, IPC_IF_CERT, CERT__TYPE__CERT_SECRET_REVEAL, &q.base,
	        &cert__secret_value__descriptor, 0, on_password, dir))
		tmr_start(&dir->tmr, 5000);
}

static int write_file(const struct directory *dir, const char *name, struct slice s)
{
	char path[512], tmp[520];
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/%s", dir->d->state_dir, name);
	snprintf(tmp, sizeof(tmp), "%s.new", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, s.p, s.n) != (ssize_t)s.n)
		err = ERR_STORE;
	if (close(fd) || err || rename(tmp, path))
		return ERR_STORE;
	return 0;
}

static void on_trust(void *ctx, int err, struct ipc_msg *m)
{
	struct directory *dir = ctx;
	struct stat st;

	if (err) {
		dir->trust = false;
		if (err != ERR_LOST && directory_on(dir) && !dir->conf->clear)
			log_ev(LOG_WARNING, "phone book: no trusted certificates from certd",
			    F_ERR(err), F_REMEDY("dectctl trust import"));
		directory_ask_password(dir);
		return;
	}
	const Cert__Trust *t = IPC_BODY(m, Cert__Trust);
	dir->trust = dir->crls = false;
	if (m->hdr.nfds == 1 && fstat(m->fds[0], &st) == 0 && st.st_size > 0 &&
	    st.st_size <= (off_t)TRUST_MAX) {
		size_t n = (size_t)st.st_size;
		char *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, m->fds[0], 0);

		if (p != MAP_FAILED) {
			static const char mark[] = "-----BEGIN X509 CRL-----";
			char *crl = memmem(p, n, mark, sizeof(mark) - 1);
			size_t ca = crl ? (size_t)(crl - p) : n;

			dir->trust = t->certificates > 0 &&
			             write_file(dir, "ldap-ca.pem", (struct slice){ p, ca }) == 0;
			dir->crls = crl && write_file(dir, "ldap-crl.pem",
			                       (struct slice){ crl, n - ca }) == 0;
			munmap(p, n);
		}
	}
	if (directory_on(dir) && dir->conf->bind == DIR_SIMPLE)
		directory_ask_password(dir);
	else
		directory_login(dir);
}

void directory_certd_up(struct directory *dir)
{
	struct ipc_peer *certd = ipc_find(dir->d->ipc, IPC_CERTD, 0);
	Cert__TrustGet q = CERT__TRUST_GET__INIT;

	if (certd && ipc_request(certd, IPC_IF_CERT, CERT__TYPE__CERT_TRUST, &q.base,
	                 &cert__trust__descriptor, 0, on_trust, dir))
		tmr_start(&dir->tmr, 5000);
}

int directory_on_certd(struct ipc_peer *p, struct ipc_msg *m)
{
	const Cert__Changed *c = IPC_BODY(m, Cert__Changed);

	if (c->what == CERT__WHAT__WHAT_TRUST || c->what == CERT__WHAT__WHAT_SECRET)
		directory_certd_up(presenced_of(daemon_of(p))->dir);
	return 0;
}
