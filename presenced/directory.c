/* The phone book: what is configured, when it is synchronised, jobs of the two threads. */
#include "presenced/directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "presenced/presenced.h"

#define IDLE_MS     240000 /* Active Directory ends idle connections after 900 s */
#define BACKOFF_MS  5000
#define BACKOFF_MAX 300000
#define LOCKED_MS   1800000 /* after a wrong password: more attempts would lock the account */
#define USERS_MS    1000

bool directory_on(const struct directory *dir)
{
	return dir->conf->servers.n > 0 || dir->conf->domain[0];
}

static void digits(char *out, size_t cap, const char *s)
{
	snprintf(out, cap, "%s", s);
	out[strspn(out, "0123456789")] = '\0';
}

static void read_rules(struct directory *dir)
{
	const struct directory_conf *c = dir->conf;
	struct e164_rules *r = &dir->rules;

	digits(r->country, sizeof(r->country), c->country);
	digits(r->area, sizeof(r->area), c->area);
	digits(r->main_number, sizeof(r->main_number), c->main_number);
	digits(r->international, sizeof(r->international), c->international);
	digits(r->national, sizeof(r->national), c->national);
	r->internal_min = c->internal_min ? c->internal_min : 1;
	r->internal_max = c->internal_max;
}

static struct dir_ldap_conf *ldap_conf(const struct directory *dir)
{
	const struct directory_conf *c = dir->conf;
	struct dir_ldap_conf *l = mem_new(sizeof(*l));
	char path[512];

	l->server = mem_array(c->servers.n + 1, sizeof(char *));
	for (; l->nserver < c->servers.n; l->nserver++)
		l->server[l->nserver] = mem_str(c->servers.v[l->nserver]);
	l->domain = mem_str(c->domain);
	l->site = mem_str(c->site);
	l->name = mem_str(c->name);
	l->base = mem_str(c->base);
	l->filter = mem_str(c->filter);
	l->sip_attribute = mem_str(c->sip_attribute);
	l->secret = mem_str(dir->pw ? dir->pw : "");
	snprintf(path, sizeof(path), "%s/ldap-ca.pem", dir->d->state_dir);
	l->ca_file = mem_str(dir->trust ? path : "");
	snprintf(path, sizeof(path), "%s/ldap-crl.pem", dir->d->state_dir);
	l->crl_file = mem_str(dir->crls ? path : "");
	l->clear = c->clear;
	l->bind = (enum dir_bind)c->bind;
	l->schema = (enum dir_schema)c->schema;
	l->changes = (enum dir_changes)c->changes;
	l->home = c->home;
	l->network_ms = c->network_ms;
	l->search_ms = c->search_ms;
	l->import_ms = c->import_ms;
	l->page = c->page;
	l->max_entries = c->max_entries;
	return l;
}

/* ---- jobs ---- */

struct job {
	struct dir_job j;
	struct directory *dir;
	struct dir_end *end;
	struct dir_ldap_conf *conf;
	struct e164_rules rules;
	unsigned flags;
	struct dir_sync_result res;
	enum dir_source source;
	struct dir_entry *v;
	size_t n;
	int err;
	char why[DIR_WHY], typed[65];
	struct dir_found *found;
	dir_synced_h *synced;
	dir_replaced_h *replaced;
	dir_live_h *live;
	void *ctx;
};

static struct job *job_of(struct dir_job *j)
{
	return CONTAINER_OF(j, struct job, j);
}

static struct job *job_new(struct directory *dir, void (*run)(struct dir_job *),
    void (*done)(struct dir_job *, bool), void *ctx)
{
	struct job *j = mem_new(sizeof(*j));

	list_init(&j->j.node);
	j->j.run = run;
	j->j.done = done;
	j->dir = dir;
	j->ctx = ctx;
	return j;
}

static void run_conf(struct dir_job *dj)
{
	struct job *j = job_of(dj);

	dir_ldap_close(&j->end->ldap);
	dir_ldap_conf_free(j->end->conf);
	j->end->conf = j->conf;
	j->conf = NULL;
	j->end->ldap.conf = j->end->conf;
	j->end->rules = j->rules;
	if (j->end == &j->dir->sync_end)
		j->err = dir_cache_rules(j->dir->writer, &j->rules);
}

static void done_conf(struct dir_job *dj, bool lost)
{
	struct job *j = job_of(dj);

	(void)lost;
	if (j->err)
		log_ev(LOG_ERR, "phone book: numbers were not normalised", F_ERR(j->err),
		    F_REMEDY("check the disk and the owner of the state directory"));
	dir_ldap_conf_free(j->conf);
	free(j);
}

static void give_conf(struct directory *dir, struct dir_work *w, struct dir_end *end)
{
	struct job *j = job_new(dir, run_conf, done_conf, NULL);

	j->end = end;
	j->conf = ldap_conf(dir);
	j->rules = dir->rules;
	if (!dir_work_add(w, &j->j))
		done_conf(&j->j, true);
}

static void run_sync(struct dir_job *dj)
{
	struct job *j = job_of(dj);

	dir_sync_run(&j->dir->sync_end.ldap, j->dir->writer, j->flags, &j->res);
}

static void count(struct directory *dir)
{
	uint64_t all = 0, n;

	for (int s = DIR_USERS; s <= DIR_CSV; s++)
		if (dir_cache_count(dir->cache, (enum dir_source)s, &n) == 0)
			all += n;
	stat_set_to(dir->st_entries, all);
}

static void done_sync(struct dir_job *dj, bool lost)
{
	struct job *j = job_of(dj);
	struct directory *dir = j->dir;

	bool anew = dir->anew;

	dir->running = dir->anew = false;
	if (lost) {
		j->res.err = ERR_LOST;
		snprintf(j->res.why, sizeof(j->res.why), "presenced is ending");
	} else if (j->res.err) {
		stat_add(dir->st_failed, 1);
		log_ev(LOG_WARNING, "phone book not synchronised", F_ERR(j->res.err),
		    F_PEER(j->res.server), F_WHY(j->res.why),
		    F_REMEDY("see dectctl directory status; the local copy goes on to serve"));
		snprintf(dir->trouble, sizeof(dir->trouble), "%s", j->res.why);
		dir->wait_ms = j->res.err == ERR_AUTH || j->res.err == ERR_VALUE ? LOCKED_MS
		               : dir->wait_ms == 0 || dir->wait_ms == LOCKED_MS  ? BACKOFF_MS
		               : dir->wait_ms * 2 > BACKOFF_MAX                  ? BACKOFF_MAX
		                                                                 : dir->wait_ms * 2;
		tmr_start(&dir->tmr, dir->wait_ms);
	} else {
		stat_add(dir->st_ok, 1);
		dir->trouble[0] = '\0';
		dir->wait_ms = 0;
		dir->last = (uint64_t)time(NULL);
		if (j->res.full)
			dir->last_full = dir->last;
		log_ev(LOG_NOTICE, "phone book synchronised", F_PEER(j->res.server),
		    F_U64("IPDECT_ENTRIES", j->res.read), F_U64("IPDECT_MS", j->res.ms),
		    F_TEXT("IPDECT_KIND", j->res.full ? "full" : dir_changes_name(j->res.by)));
		if (strcmp(dir->note, j->res.note) != 0 && j->res.note[0])
			log_ev(LOG_NOTICE, "phone book: changes alone cannot be asked for",
			    F_PEER(j->res.server), F_WHY(j->res.note),
			    F_REMEDY("none is needed: everything is read instead"));
		snprintf(dir->note, sizeof(dir->note), "%s", j->res.note);
		tmr_start(&dir->tmr, dir->conf->sync_ms);
	}
	snprintf(dir->server, sizeof(dir->server), "%s", j->res.server);
	if (anew && !lost) {
		dir->wait_ms = 0;
		tmr_start(&dir->tmr, 0);
	}
	if (!lost) {
		count(dir);
		daemon_status(dir->d);
	}
	if (j->synced)
		j->synced(j->ctx, &j->res);
	free(j);
}

int directory_sync(struct directory *dir, unsigned flags, dir_synced_h *done, void *ctx)
{
	struct job *j;

	if (!directory_on(dir))
		return ERR_STATE;
	j = job_new(dir, run_sync, done_sync, ctx);
	j->synced = done;
	if ((uint64_t)time(NULL) - dir->last_full >= dir->conf->full_ms / 1000)
		flags |= DIR_SYNC_FULL;
	j->flags = flags;
	if (!dir_work_add(dir->sync_work, &j->j)) {
		free(j);
		return ERR_BUSY;
	}
	dir->running = true;
	return 0;
}

static void run_replace(struct dir_job *dj)
{
	struct job *j = job_of(dj);
	struct dir_cache *c = j->dir->writer;

	j->err = dir_cache_begin(c, j->source);
	if (j->err == 0) {
		for (size_t i = 0; i < j->n && j->err == 0; i++)
			j->err = dir_cache_put(c, &j->v[i]);
		if (j->err)
			dir_cache_rollback(c);
		else
			j->err = dir_cache_commit(c, true, true);
	}
	if (j->err)
		snprintf(j->why, sizeof(j->why), "%s", dir_cache_why(c));
}

static void done_replace(struct dir_job *dj, bool lost)
{
	struct job *j = job_of(dj);

	if (lost)
		j->err = ERR_LOST;
	else
		count(j->dir);
	if (j->err)
		log_ev(LOG_ERR, "phone book not stored", F_ERR(j->err), F_WHY(j->why),
		    F_REMEDY("check the disk and the owner of the state directory"));
	if (j->replaced)
		j->replaced(j->ctx, j->err, j->why);
	free(j->v);
	free(j);
}

int directory_replace(struct directory *dir, enum dir_source s, struct dir_entry *v, size_t n,
    dir_replaced_h *done, void *ctx)
{
	struct job *j = job_new(dir, run_replace, done_replace, ctx);

	j->source = s;
	j->v = v;
	j->n = n;
	j->replaced = done;
	if (dir_work_add(dir->sync_work, &j->j))
		return 0;
	free(v);
	free(j);
	return ERR_BUSY;
}

static void run_live(struct dir_job *dj)
{
	struct job *j = job_of(dj);
	struct dir_ldap *l = &j->dir->live_end.ldap;

	for (int attempt = 0; attempt < 2; attempt++) {
		bool old = l->ld != NULL;

		j->err = dir_ldap_connect(l);
		if (j->err == 0)
			j->err = dir_ldap_name(
			    l, slice_str(j->typed), j->found, &j->dir->live_end.rules);
		/* A connection that stood idle may have been ended by the server. */
		if (j->err != ERR_LOST || !old)
			break;
	}
	snprintf(j->why, sizeof(j->why), "%s", l->why);
}

static void done_live(struct dir_job *dj, bool lost)
{
	struct job *j = job_of(dj);

	if (lost)
		j->err = ERR_LOST;
	if (j->err && !lost)
		log_ev(LOG_WARNING, "phone book: live search", F_ERR(j->err), F_WHY(j->why));
	j->live(j->ctx, j->err, j->found, j->why);
	free(j->found);
	free(j);
}

int directory_live(
    struct directory *dir, struct slice user, struct slice typed, dir_live_h *done, void *ctx)
{
	struct job *j;

	/* A directory that did not answer lately, or refuses us, is not asked while somebody waits. */
	if (!directory_on(dir) || !dir->conf->live || dir->wait_ms > 0)
		return ERR_STATE;
	if (!dir_rate_take(&dir->rate, user.n ? map_siphash(1, 2, user.p, user.n) | 1 : 0,
	        uv_now(dir->d->loop) + 1))
		return ERR_BUSY;
	j = job_new(dir, run_live, done_live, ctx);
	j->found = mem_new(sizeof(*j->found));
	j->live = done;
	if (slice_copy(typed, j->typed, sizeof(j->typed)) == 0 &&
	    dir_work_add(dir->live_work, &j->j))
		return 0;
	free(j->found);
	free(j);
	return ERR_BUSY;
}

/* ---- times ---- */

static void on_tmr(struct tmr *t, void *ctx)
{
	struct directory *dir = ctx;

	(void)t;
	if (!directory_on(dir))
		return;
	if (!dir->trust && !dir->conf->clear && dir->conf->bind != DIR_GSSAPI) {
		snprintf(dir->trouble, sizeof(dir->trouble),
		    "there are no trusted certificates: dectctl trust import");
		directory_certd_up(dir);
		tmr_start(&dir->tmr, 60000);
		return;
	}
	if (dir->conf->bind == DIR_SIMPLE && !dir->pw) {
		snprintf(dir->trouble, sizeof(dir->trouble), "%s",
		    dir->pw_why[0] ? dir->pw_why : "certd has not given the reader's password yet");
		directory_ask_password(dir);
		tmr_start(&dir->tmr, 60000);
		return;
	}
	if (!dir->running && directory_sync(dir, 0, NULL, NULL))
		tmr_start(&dir->tmr, BACKOFF_MS);
}

static void on_users(struct tmr *t, void *ctx)
{
	struct directory *dir = ctx;
	struct presenced *p = presenced_of(dir->d);
	struct dir_entry *v = mem_array(p->users.n + 1, sizeof(*v));
	size_t n = 0;

	(void)t;
	for (struct map_node *m = map_next(&p->users, NULL); m; m = map_next(&p->users, m)) {
		struct puser *u = CONTAINER_OF(m, struct puser, by_name);
		struct dir_entry *e = &v[n++];

		e->nkey = strlen(u->name) < sizeof(e->key) ? strlen(u->name) : sizeof(e->key);
		memcpy(e->key, u->name, e->nkey);
		snprintf(
		    e->display, sizeof(e->display), "%s", u->display[0] ? u->display : u->name);
		e->number[0].kind = DIR_WORK;
		snprintf(e->number[0].raw, sizeof(e->number[0].raw), "%s", u->name);
		e->nnumbers = 1;
		if (u->number[0]) {
			e->number[1].kind = DIR_WORK;
			snprintf(e->number[1].raw, sizeof(e->number[1].raw), "%s", u->number);
			e->nnumbers = 2;
		}
		e->hidden = u->disabled;
	}
	if (directory_replace(dir, DIR_USERS, v, n, NULL, NULL))
		tmr_start(&dir->users_tmr, USERS_MS);
}

void directory_users(struct directory *dir)
{
	if (!tmr_pending(&dir->users_tmr))
		tmr_start(&dir->users_tmr, USERS_MS);
}

int directory_name(struct directory *dir, struct slice number, struct slice uri, struct dir_hit *h)
{
	struct e164 n;
	bool ok = number.n > 0 && e164_parse(&dir->rules, number, &n) == 0;

	return dir_cache_name(
	    dir->cache, ok ? slice_str(n.text) : (struct slice){ 0 }, uri, dir->conf->suffix, h);
}

/* ---- life ---- */

static void idle(void *ctx)
{
	struct dir_end *e = ctx;

	dir_ldap_close(&e->ldap);
}

void directory_login(struct directory *dir)
{
	give_conf(dir, dir->sync_work, &dir->sync_end);
	give_conf(dir, dir->live_work, &dir->live_end);
	dir->wait_ms = 0;
	dir->anew = dir->running;
	tmr_start(&dir->tmr, 0);
}

int directory_start(struct daemon *d, const struct directory_conf *c, struct directory **out)
{
	struct directory *dir = mem_new(sizeof(*dir));
	char why[256] = "";
	bool renewed = false;
	int err;

	/* libldap's and the resolver's own files and environment have no say here; before any thread is. */
	(void)setenv("LDAPNOINIT", "1", 1);
	(void)setenv("RES_OPTIONS", "timeout:2 attempts:2", 0);
	if (c->keytab[0]) {
		(void)setenv("KRB5_CLIENT_KTNAME", c->keytab, 1);
		(void)setenv(
		    "KRB5CCNAME", "MEMORY:directory", 1); /* tickets are of no use to others */
	}
	dir->d = d;
	dir->conf = c;
	read_rules(dir);
	err = dir_cache_open_writer(
	    d->state_dir, &dir->rules, &dir->writer, &renewed, why, sizeof(why));
	if (renewed)
		log_ev(LOG_WARNING, "phone book: the local copy was made anew", F_WHY(why),
		    F_REMEDY("import the file again if there was one"));
	if (err == 0)
		err = dir_cache_open_reader(d->state_dir, &dir->cache, why, sizeof(why));
	if (err) {
		log_ev(LOG_ERR, "phone book", F_ERR(err), F_WHY(why),
		    F_REMEDY("check the disk and the owner of the state directory"));
		dir_cache_close(dir->writer);
		free(dir);
		return err;
	}
	tmr_init(&dir->tmr, d->wheel, on_tmr, dir);
	tmr_init(&dir->users_tmr, d->wheel, on_users, dir);
	dir->st_ok = stat_get(d->stats, STAT_COUNTER, "ipdect_presenced_directory_syncs",
	    "result=\"ok\"", "Synchronisations of the phone book");
	dir->st_failed = stat_get(d->stats, STAT_COUNTER, "ipdect_presenced_directory_syncs",
	    "result=\"failed\"", "Synchronisations of the phone book");
	dir->st_entries = stat_get(d->stats, STAT_GAUGE, "ipdect_presenced_directory_entries", NULL,
	    "Entries of the phone book");
	dir->st_name = stat_hist_get(
	    d->stats, "ipdect_presenced_directory_name_seconds", "Lookups of callers' names");
	dir->st_search = stat_hist_get(
	    d->stats, "ipdect_presenced_directory_search_seconds", "Searches in the local copy");
	dir->sync_work = dir_work_new(d->loop, IDLE_MS, idle, &dir->sync_end);
	dir->live_work = dir_work_new(d->loop, IDLE_MS, idle, &dir->live_end);
	dir->sync_end.ldap.stop = dir_work_stop(dir->sync_work);
	dir->live_end.ldap.stop = dir_work_stop(dir->live_work);
	directory_login(dir);
	if (c->clear && directory_on(dir))
		log_ev(LOG_WARNING, "phone book: the directory is asked in clear text",
		    F_REMEDY("use ldaps:// and switch clear-text off"));
	count(dir);
	*out = dir;
	return 0;
}

void directory_reload(struct directory *dir, const struct directory_conf *c)
{
	dir->conf = c;
	read_rules(dir);
	mem_free_wiped(dir->pw, dir->pw ? strlen(dir->pw) : 0);
	dir->pw = NULL;
	dir->last_full = 0;
	directory_login(dir);
}

void directory_stop(struct directory *dir)
{
	if (!dir)
		return;
	ipc_forget(dir->d->ipc, dir);
	dir_work_free(dir->live_work);
	dir_work_free(dir->sync_work);
	dir_ldap_close(&dir->live_end.ldap);
	dir_ldap_close(&dir->sync_end.ldap);
	dir_ldap_conf_free(dir->live_end.conf);
	dir_ldap_conf_free(dir->sync_end.conf);
	tmr_stop(&dir->tmr);
	tmr_stop(&dir->users_tmr);
	dir_cache_close(dir->cache);
	dir_cache_close(dir->writer);
	mem_free_wiped(dir->pw, dir->pw ? strlen(dir->pw) : 0);
	free(dir);
}

void directory_trouble(const struct directory *dir, char *out, size_t cap)
{
	if (directory_on(dir) && dir->trouble[0])
		snprintf(out, cap, "phone book: %s", dir->trouble);
}
