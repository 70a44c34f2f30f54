/* The one main() of five daemons: options, configuration, sockets, sandbox, loop, reload, drain, watchdog. */
#include "ipc/daemon.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/trim.h"
#include "ipc/daemon_priv.h"

#define CONF_PATH "/etc/ipdect/ipdect.conf"
#define REST_MS   5000 /* after the start, what only the start needed goes back */
#define GUARD_MS  3000 /* how long handles may take to close at the end */

const struct conf_key daemon_common_keys[] = {
	{ "common", "runtime-dir", CONF_STR, "/run/ipdect", 0, 80, false,
	    offsetof(struct common_conf, runtime_dir), "directory of the daemons' sockets", NULL },
	{ "common", "state-dir", CONF_STR, "/var/lib/ipdect", 0, 200, false,
	    offsetof(struct common_conf, state_dir),
	    "directory of the stores, one directory in it per daemon", NULL },
	{ "common", "log-level", CONF_ENUM, "notice", 0, 0, true,
	    offsetof(struct common_conf, log_level), "how much is logged",
	    "err|warning|notice|info|debug" },
	{ "common", "user-certd", CONF_STR, "ipdect-cert", 0, 32, false,
	    offsetof(struct common_conf, user[0]), "user that runs certd", NULL },
	{ "common", "user-sipd", CONF_STR, "ipdect-sip", 0, 32, false,
	    offsetof(struct common_conf, user[1]), "user that runs sipd", NULL },
	{ "common", "user-mediad", CONF_STR, "ipdect-media", 0, 32, false,
	    offsetof(struct common_conf, user[2]), "user that runs the mediad instances", NULL },
	{ "common", "user-dectd", CONF_STR, "ipdect-dect", 0, 32, false,
	    offsetof(struct common_conf, user[3]), "user that runs dectd", NULL },
	{ "common", "user-presenced", CONF_STR, "ipdect-pres", 0, 32, false,
	    offsetof(struct common_conf, user[4]), "user that runs presenced", NULL },
};
const size_t daemon_ncommon_keys = ARRAY_LEN(daemon_common_keys);

/* ---- configuration ---- */

/* The passes over the file see the same broken line: it is told once. */
static void log_diags(const struct conf_diag *g, unsigned n)
{
	for (unsigned k = 0; k < n; k++) {
		for (unsigned i = 0; i < g[k].n; i++) {
			bool told = false;

			for (unsigned j = 0; j < k && !told; j++)
				for (unsigned l = 0; l < g[j].n && !told; l++)
					told = strcmp(g[j].text[l], g[k].text[i]) == 0;
			if (!told)
				log_ev(LOG_ERR, "configuration", F_WHY(g[k].text[i]));
		}
		if (g[k].lost)
			log_ev(
			    LOG_ERR, "more configuration errors", F_U64("IPDECT_COUNT", g[k].lost));
	}
}

static void free_both(const struct run *r, struct common_conf *c, void *room)
{
	conf_free(daemon_common_keys, daemon_ncommon_keys, c);
	conf_free(r->d.def->keys, r->d.def->nkeys, room);
	free(c);
	free(room);
}

/* One file for all: what is a section of nobody is a fault of each. */
static int check_sections(const struct run *r, struct conf_diag *g)
{
	static const char *const all[] = { "common", "certd", "sipd", "lync", "mediad", "dectd",
		"presenced", "directory" };
	const char *known[ARRAY_LEN(all) + 2] = { NULL };
	size_t n = 0;

	for (; n < ARRAY_LEN(all); n++)
		known[n] = all[n];
	if (r->d.def->nkeys)
		known[n] = r->d.def->keys[0].section;
	return conf_load_sections(r->path, known, r->path_given, g);
}

/* All of it is read, so that all faults are shown at once. */
static int load(const struct run *r, struct common_conf **cc, void **room)
{
	const struct daemon_def *def = r->d.def;
	struct common_conf *c = mem_new(sizeof(*c));
	void *m = mem_new(def->conf_size ? def->conf_size : 1);
	struct conf_diag g[3];
	int e0 = check_sections(r, &g[0]), e1, e2;

	/* A file that cannot be read is one fault, not three. */
	if (e0 && e0 != ERR_SYNTAX) {
		log_diags(g, 1);
		free(c);
		free(m);
		return e0;
	}
	e1 = conf_load(r->path, daemon_common_keys, daemon_ncommon_keys, c, &g[1]);
	e2 = conf_load(r->path, def->keys, def->nkeys, m, &g[2]);
	if (e2 == 0 && def->conf_check) {
		def->conf_check(m, &g[2]);
		if (g[2].n) {
			conf_free(def->keys, def->nkeys, m);
			e2 = ERR_VALUE;
		}
	}
	log_diags(g, ARRAY_LEN(g));
	if (e0 || e1 || e2) {
		if (e1 == 0)
			conf_free(daemon_common_keys, daemon_ncommon_keys, c);
		if (e2 == 0)
			conf_free(def->keys, def->nkeys, m);
		free(c);
		free(m);
		return e0 ? e0 : e1 ? e1 : e2;
	}
	*cc = c;
	*room = m;
	return 0;
}

struct keep {
	const void *old;
	void *next;
};

/* A key that needs a restart keeps its old value, and says so. */
static void keep_old(const struct conf_key *k, void *ctx)
{
	struct keep *kp = ctx;
	char *v;

	if (k->live)
		return;
	log_ev(LOG_WARNING, "changed setting needs a restart", F_TEXT("IPDECT_SECTION", k->section),
	    F_TEXT("IPDECT_KEY_NAME", k->key));
	v = conf_value(k, kp->old);
	BUG_ON(conf_set(k, slice_str(v), kp->next) != 0);
	free(v);
}

static void apply_level(const struct run *r)
{
	static const int prio[] = { LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

	log_set_level(prio[r->common->log_level]);
}

int daemon_reload(struct daemon *d)
{
	struct run *r = CONTAINER_OF(d, struct run, d);
	const struct daemon_def *def = d->def;
	struct common_conf *c;
	void *next;
	int err;

	/* From systemd 253 on the time stamp is mandatory; older ones ignore it. */
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)(uv_hrtime() / 1000));
	err = load(r, &c, &next);
	if (err == 0) {
		struct keep kc = { r->common, c }, kr = { r->conf, next };

		conf_diff(daemon_common_keys, daemon_ncommon_keys, r->common, c, keep_old, &kc);
		conf_diff(def->keys, def->nkeys, r->conf, next, keep_old, &kr);
		if (def->reload)
			err = def->reload(d, next);
		if (err) {
			free_both(r, c, next);
		} else {
			free_both(r, r->common, r->conf);
			r->common = c;
			r->conf = next;
			d->conf = def->conf_size ? next : NULL;
			d->runtime_dir = c->runtime_dir;
			apply_level(r);
		}
	}
	log_ev(err ? LOG_ERR : LOG_NOTICE,
	    err ? "reload refused, the old settings stay" : "reloaded", F_ERR(err));
	sd_notify(0, "READY=1"); /* also after a refused reload: we still run */
	return err;
}

/* ---- status ---- */

static void status_now(struct run *r)
{
	char line[192] = "", trouble[192] = "", links[256] = "";

	r->status_at = uv_now(r->d.loop);
	if (r->d.def->status)
		r->d.def->status(&r->d, line, sizeof(line), trouble, sizeof(trouble));
	ipc_links_text(r->d.ipc, links, sizeof(links));
	sd_notifyf(0, "STATUS=%s%s%s%s%s", *trouble ? trouble : line, *trouble && *line ? "; " : "",
	    *trouble ? line : "", *links && (*line || *trouble) ? "; " : "", links);
}

static void on_rest(struct tmr *t, void *ctx)
{
	(void)t, (void)ctx;
	trim_resident();
}

static void on_status_due(struct tmr *t, void *ctx)
{
	(void)t;
	status_now(ctx);
}

void daemon_status(struct daemon *d)
{
	struct run *r = CONTAINER_OF(d, struct run, d);
	uint64_t now = uv_now(d->loop);

	if (!r->notify || r->ending || tmr_pending(&r->status_due))
		return;
	tmr_start(&r->status_due,
	    r->status_at && now - r->status_at < 1000 ? 1000 - (now - r->status_at) : 0);
}

/* ---- links ---- */

static void on_up(void *ctx, struct ipc_peer *p, bool restarted)
{
	struct daemon *d = ctx;

	if (d->def->up)
		d->def->up(d, p, restarted);
	daemon_status(d);
}

static void on_down(void *ctx, struct ipc_peer *p)
{
	struct daemon *d = ctx;

	ctl_peer_gone(d->ctl, p);
	if (!(ipc_peer_role(p) & IPC_DAEMONS))
		return;
	if (d->def->down)
		d->def->down(d, p);
	daemon_status(d);
}

static void own_name(const struct run *r, char *out, size_t cap)
{
	if (r->d.def->instances)
		snprintf(out, cap, "%s-%u", r->d.def->name, r->d.instance);
	else
		snprintf(out, cap, "%s", r->d.def->name);
}

static int make_dir(const char *path, mode_t mode)
{
	if (mkdir(path, mode) != 0)
		return errno == EEXIST ? 0 : -errno;
	return chmod(path, mode) == 0 ? 0 : -errno; /* whatever the umask is */
}

/* Sockets that systemd made, by name; else our own below runtime-dir. */
static int open_doors(struct run *r)
{
	char **names = NULL, path[200], name[48];
	int n = sd_listen_fds_with_names(1, &names), err = 0;
	bool link = false, ctl = false;

	for (int i = 0; i < n && err == 0; i++) {
		int fd = SD_LISTEN_FDS_START + i;

		if (strcmp(names[i], "link") == 0 && r->d.def->serves) {
			err = ipc_serve(r->d.ipc, fd, IPC_DOOR_LINK);
			link = true;
		} else if (strcmp(names[i], "ctl") == 0) {
			err = ipc_serve(r->d.ipc, fd, IPC_DOOR_CTL);
			ctl = true;
		} else {
			log_ev(LOG_WARNING, "an inherited socket of unknown name is closed",
			    F_TEXT("IPDECT_NAME", names[i]));
			close(fd);
		}
		if (err)
			log_ev(LOG_ERR, "an inherited socket cannot be used",
			    F_TEXT("IPDECT_NAME", names[i]), F_ERR(err));
	}
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	if (err)
		return err;
	own_name(r, name, sizeof(name));
	if ((r->d.def->serves && !link) || !ctl)
		err = make_dir(r->d.runtime_dir, 0755);
	if (err == 0 && !ctl) {
		snprintf(path, sizeof(path), "%s/ctl", r->d.runtime_dir);
		err = make_dir(path, 0755);
	}
	if (err) {
		log_ev(LOG_ERR, "the runtime directory cannot be made",
		    F_TEXT("IPDECT_PATH", r->d.runtime_dir), F_ERR(err),
		    F_REMEDY("create it for this user, or set runtime-dir in [common]"));
		return err;
	}
	if (r->d.def->serves && !link) {
		snprintf(path, sizeof(path), "%s/%s.sock", r->d.runtime_dir, name);
		err = ipc_serve_path(r->d.ipc, path, 0660, IPC_DOOR_LINK);
	}
	if (err == 0 && !ctl) {
		snprintf(path, sizeof(path), "%s/ctl/%s.sock", r->d.runtime_dir, name);
		err = ipc_serve_path(r->d.ipc, path, 0666, IPC_DOOR_CTL);
	}
	if (err)
		log_ev(LOG_ERR, "a socket cannot be served", F_TEXT("IPDECT_PATH", path),
		    F_ERR(err),
		    F_REMEDY(err == ERR_EXISTS ? "another instance runs: stop it first"
		                               : "check the directory's owner and mode"));
	return err;
}

static void start_links(struct run *r)
{
	for (size_t i = 0; i < r->d.def->nlinks; i++) {
		const struct daemon_link *l = &r->d.def->links[i];
		char path[200];
		int err = 0;

		if (l->follow) {
			snprintf(path, sizeof(path), "%s-", ipc_role_name(l->server));
			err = ipc_follow(r->d.ipc, l->server, r->d.runtime_dir, path);
		} else {
			snprintf(path, sizeof(path), "%s/%s.sock", r->d.runtime_dir,
			    ipc_role_name(l->server));
			ipc_link_open(r->d.ipc, l->server, path);
		}
		if (err)
			log_ev(LOG_ERR, "instances cannot be followed",
			    F_TEXT("IPDECT_PATH", r->d.runtime_dir), F_ERR(err));
	}
}

static void set_users(struct run *r)
{
	for (unsigned i = 0; i < ARRAY_LEN(r->common->user); i++) {
		const struct conf_key *k = &daemon_common_keys[i + 3];
		const char *user = r->common->user[i];

		if (*user && ipc_node_user(r->d.ipc, 1u << i, user) != 0 &&
		    strcmp(user, k->def) != 0)
			log_ev(LOG_WARNING,
			    "no such user; that daemon is accepted only under our own",
			    F_USER(user), F_TEXT("IPDECT_KEY_NAME", k->key));
	}
}

/* ---- the end ---- */

static void on_end(struct tmr *t, void *ctx)
{
	struct run *r = ctx;

	(void)t;
	uv_stop(r->d.loop);
}

void daemon_idle(struct daemon *d)
{
	struct run *r = CONTAINER_OF(d, struct run, d);

	if (!r->ending)
		tmr_start(&r->end, 0);
	r->ending = true;
}

static void on_term(uv_signal_t *h, int sig)
{
	struct run *r = h->data;

	if (r->d.draining) {
		log_ev(LOG_WARNING, "stopped without waiting for what is left");
		uv_stop(r->d.loop);
		return;
	}
	r->d.draining = true;
	log_ev(LOG_NOTICE, "stopping", F_U64("IPDECT_SIGNAL", sig));
	sd_notify(0, "STOPPING=1");
	if (r->d.def->drain)
		r->d.def->drain(&r->d);
	else
		daemon_idle(&r->d);
}

static void on_hup(uv_signal_t *h, int sig)
{
	struct run *r = h->data;

	(void)sig;
	daemon_reload(&r->d);
}

static void on_watchdog(uv_timer_t *t)
{
	(void)t;
	sd_notify(0, "WATCHDOG=1");
}

static void on_guard(uv_timer_t *t)
{
	uv_stop(t->loop);
}

static void start_signals(struct run *r)
{
	static const struct {
		int sig;
		uv_signal_cb cb;
	} sigs[] = { { SIGTERM, on_term }, { SIGINT, on_term }, { SIGHUP, on_hup } };
	uint64_t usec = 0;

	for (unsigned i = 0; i < ARRAY_LEN(sigs); i++) {
		uv_signal_init(r->d.loop, &r->sig[i]);
		r->sig[i].data = r;
		uv_signal_start(&r->sig[i], sigs[i].cb, sigs[i].sig);
	}
	uv_timer_init(r->d.loop, &r->watchdog);
	if (sd_watchdog_enabled(0, &usec) > 0 && usec >= 2000)
		uv_timer_start(&r->watchdog, on_watchdog, usec / 2000, usec / 2000);
}

/* The room closes its handles in fini(); what does not close in time is left to the kernel. */
static void finish(struct run *r, bool inited)
{
	uv_timer_t *guard = mem_new(sizeof(*guard));
	uv_loop_t *loop = r->d.loop;

	r->ending = true;
	tmr_stop(&r->end);
	tmr_stop(&r->status_due);
	tmr_stop(&r->rest);
	for (unsigned i = 0; i < ARRAY_LEN(r->sig); i++)
		uv_close((uv_handle_t *)&r->sig[i], NULL);
	uv_close((uv_handle_t *)&r->watchdog, NULL);
	ipc_node_free(r->d.ipc);
	if (inited && r->d.def->fini)
		r->d.def->fini(&r->d);
	ctl_free(r->d.ctl);
	for (unsigned i = 0; i < 8; i++)
		uv_run(loop, UV_RUN_NOWAIT);
	tmr_wheel_free(r->d.wheel);
	uv_timer_init(loop, guard);
	uv_timer_start(guard, on_guard, GUARD_MS, 0);
	uv_unref((uv_handle_t *)guard);
	uv_run(loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)guard, (uv_close_cb)free);
	uv_run(loop, UV_RUN_NOWAIT);
	if (uv_loop_close(loop) != 0)
		log_ev(LOG_DEBUG, "some handles were still open at the end");
	stat_set_free(r->d.stats);
	free_both(r, r->common, r->conf);
	free(r->state_dir);
}

/* ---- the beginning ---- */

static void usage(const struct daemon_def *def, FILE *f)
{
	fprintf(f,
	    "usage: %s [-c FILE]%s [-t]\n%s\n"
	    "  -c FILE  configuration (%s)\n%s"
	    "  -t       check the configuration, print the effective values, and end\n"
	    "  -M       print this daemon's part of ipdect.conf(5), and end; -MM: [common], too\n"
	    "  -V       print the version, and end (--version)\n"
	    "  -h       print this, and end (--help)\n",
	    def->name, def->instances ? " -i N" : "", def->summary, CONF_PATH,
	    def->instances ? "  -i N     instance, 1 or more\n" : "");
}

static int options(struct run *r, int argc, char **argv, bool *check)
{
	static const struct option longs[] = { { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' }, { 0 } };
	const struct daemon_def *def = r->d.def;
	unsigned man = 0;
	int c;

	r->path = CONF_PATH;
	while ((c = getopt_long(argc, argv, "c:i:tMVh", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			r->path = optarg;
			r->path_given = true;
			break;
		case 'i':
			if (!def->instances || slice_u32(slice_str(optarg), 999, &r->d.instance) ||
			    r->d.instance == 0) {
				fprintf(stderr, "%s: -i takes a number from 1 to 999%s\n",
				    def->name,
				    def->instances ? "" : ", and only where there are instances");
				return EX_USAGE;
			}
			break;
		case 't':
			*check = true;
			break;
		case 'M':
			man++;
			break;
		case 'V':
			printf("%s %s\n", def->name, IPDECT_VERSION);
			exit(0);
		case 'h':
			usage(def, stdout);
			exit(0);
		default:
			usage(def, stderr);
			return EX_USAGE;
		}
	}
	if (man > 1)
		conf_man(daemon_common_keys, daemon_ncommon_keys, stdout);
	if (man > 0) {
		conf_man(def->keys, def->nkeys, stdout);
		exit(0);
	}
	if (optind != argc || (def->instances && r->d.instance == 0 && !*check)) {
		usage(def, stderr);
		return EX_USAGE;
	}
	return 0;
}

static int state_dir(struct run *r)
{
	size_t n = strlen(r->common->state_dir) + strlen(r->d.def->name) + 2;
	int err;

	r->state_dir = mem_new(n);
	snprintf(r->state_dir, n, "%s/%s", r->common->state_dir, r->d.def->name);
	r->d.state_dir = r->state_dir;
	if (r->d.def->instances)
		return 0; /* media instances keep nothing */
	err = make_dir(r->common->state_dir, 0755);
	if (err == 0)
		err = make_dir(r->state_dir, 0700);
	if (err)
		log_ev(LOG_ERR, "the state directory cannot be made",
		    F_TEXT("IPDECT_PATH", r->state_dir), F_ERR(err),
		    F_REMEDY("create it for this user, or set state-dir in [common]"));
	return err;
}

static int prepare(struct run *r)
{
	struct daemon *d = &r->d;
	struct ipc_node_def nd = { .name = d->def->name,
		.instance = d->instance,
		.handlers = d->def->handlers,
		.nhandlers = d->def->nhandlers,
		.handlers2 = ctl_handlers,
		.nhandlers2 = ctl_nhandlers,
		.up = on_up,
		.down = on_down,
		.ctx = d,
		.gather = d->def->gather,
		.secrets = d->def->secrets };

	signal(SIGPIPE, SIG_IGN);
	if (uv_loop_init(&r->loop) != 0)
		return -ENOMEM;
	nd.loop = d->loop = &r->loop;
	nd.wheel = d->wheel = tmr_wheel_new(d->loop);
	d->stats = stat_set_new();
	d->ctl = ctl_new(d);
	d->ipc = ipc_node_new(&nd);
	tmr_init(&r->end, d->wheel, on_end, r);
	tmr_init(&r->rest, d->wheel, on_rest, r);
	tmr_init(&r->status_due, d->wheel, on_status_due, r);
	r->notify = getenv("NOTIFY_SOCKET") != NULL;
	r->started = uv_hrtime();
	set_users(r);
	start_signals(r);
	return open_doors(r);
}

int daemon_main(int argc, char **argv, const struct daemon_def *def)
{
	static struct run r; /* one daemon per process */
	bool check = false;
	int err, status = 0;

	r.d.def = def;
	status = options(&r, argc, argv, &check);
	if (status)
		return status;
	log_open(def->name);
	if (load(&r, &r.common, &r.conf) != 0)
		return EX_CONFIG;
	if (check) {
		conf_print(daemon_common_keys, daemon_ncommon_keys, r.common, stdout);
		putchar('\n');
		conf_print(def->keys, def->nkeys, r.conf, stdout);
		free_both(&r, r.common, r.conf);
		return 0;
	}
	apply_level(&r);
	umask(0077);
	r.d.conf = def->conf_size ? r.conf : NULL;
	r.d.runtime_dir = r.common->runtime_dir;
	if (def->secrets) {
		struct rlimit none = { 0, 0 };

		if (prctl(PR_SET_DUMPABLE, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
			return EX_OSERR;
	}
	if (state_dir(&r) != 0)
		return EX_OSERR;
	err = prepare(&r);
	if (err) {
		finish(&r, false);
		return EX_OSERR;
	}
	err = def->init ? def->init(&r.d) : 0;
	if (err) {
		log_ev(LOG_ERR, "start refused", F_ERR(err), F_WHY(err_text(err)));
		finish(&r, false);
		return EX_SOFTWARE;
	}
	start_links(&r);
	tmr_start(&r.rest, REST_MS);
	log_ev(LOG_NOTICE, "ready", F_TEXT("IPDECT_VERSION", IPDECT_VERSION),
	    F_U64("IPDECT_INSTANCE", r.d.instance));
	sd_notify(0, "READY=1");
	daemon_status(&r.d);
	uv_run(r.d.loop, UV_RUN_DEFAULT);
	log_ev(LOG_NOTICE, "stopped");
	finish(&r, true);
	return status;
}
