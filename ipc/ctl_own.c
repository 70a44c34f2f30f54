/* The commands that every daemon has: status, metrics, log, conf. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "ctl.pb-c.h"
#include "ipc/ctl_run.h"
#include "ipc/daemon_priv.h"

static ProtobufCBinaryData bin(char *s)
{
	return (ProtobufCBinaryData){ strlen(s), (uint8_t *)s };
}

#define ROOM_NONE   (256u << 10) /* octets: less is nothing that a store could work with */
#define ROOM_LITTLE (32u << 20)

static bool room(const char *dir, uint64_t *octets)
{
	struct statvfs v;

	if (statvfs(dir, &v) != 0)
		return false;
	*octets = (uint64_t)v.f_bavail * v.f_frsize;
	return true;
}

/* A full disk is told before something that must be stored meets it. */
static void room_trouble(const struct daemon *d, char *trouble, size_t cap)
{
	size_t n = strlen(trouble);
	uint64_t left;

	if (!d->def->instances && room(d->state_dir, &left) && left < ROOM_NONE)
		snprintf(trouble + n, cap - n, "%sno room in %s: free space on that file system. ",
		    n && trouble[n - 1] != ' ' ? "; " : "", d->state_dir);
}

static int status_show(struct ctl_run *r)
{
	struct daemon *d = ctl_ctx(r);
	const struct run *run = CONTAINER_OF(d, struct run, d);
	Ctl__StatusRow row = CTL__STATUS_ROW__INIT;
	char line[256] = "", trouble[512] = "", links[512] = "";
	unsigned down = ipc_links_text(d->ipc, links, sizeof(links));

	if (d->def->status)
		d->def->status(d, line, sizeof(line), trouble, sizeof(trouble));
	room_trouble(d, trouble, sizeof(trouble));
	row.daemon = (char *)(uintptr_t)d->def->name;
	row.has_instance = d->def->instances;
	row.instance = d->instance;
	row.state = (char *)(uintptr_t)(d->draining            ? "draining"
	                                : *trouble || down > 0 ? "degraded"
	                                                       : "up");
	row.version = (char *)(uintptr_t)IPDECT_VERSION;
	row.has_uptime_s = true;
	row.uptime_s = (uv_hrtime() - run->started) / 1000000000u;
	row.has_pid = true;
	row.pid = (uint32_t)getpid();
	row.links = *links ? links : NULL;
	row.has_summary = *line != '\0';
	row.summary = bin(line);
	row.has_trouble = *trouble != '\0';
	row.trouble = bin(trouble);
	ctl_row(r, &row.base);
	return 0;
}

/* Of the process: seen by every daemon the same way. */
static void process_metrics(struct daemon *d)
{
	const struct run *run = CONTAINER_OF(d, struct run, d);
	struct rusage ru;
	size_t rss = 0;

	stat_set_to(stat_get(d->stats, STAT_GAUGE, "ipdect_uptime_seconds", NULL,
	                "Time since the daemon was started"),
	    (uv_hrtime() - run->started) / 1000000000u);
	if (getrusage(RUSAGE_SELF, &ru) == 0)
		stat_set_to(stat_get(d->stats, STAT_COUNTER, "ipdect_cpu_milliseconds", NULL,
		                "CPU time of the daemon"),
		    (uint64_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000 +
		        (uint64_t)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1000);
	if (uv_resident_set_memory(&rss) == 0)
		stat_set_to(stat_get(d->stats, STAT_GAUGE, "ipdect_resident_bytes", NULL,
		                "Memory of the daemon that is in use"),
		    rss);
}

static int metrics_show(struct ctl_run *r)
{
	struct daemon *d = ctl_ctx(r);
	char links[512] = "";
	size_t n;
	char *text;

	process_metrics(d);
	stat_set_to(stat_get(d->stats, STAT_GAUGE, "ipdect_links_down", NULL,
	                "Links to other daemons that are down"),
	    ipc_links_text(d->ipc, links, sizeof(links)));
	stat_set_to(stat_get(d->stats, STAT_COUNTER, "ipdect_log_suppressed_lines", NULL,
	                "Log lines dropped by the rate limit since start"),
	    log_suppressed());
	if (d->def->metrics)
		d->def->metrics(d);
	text = stat_print(d->stats, &n);
	ctl_data(r, text, n);
	free(text);
	return 0;
}

static int log_show(struct ctl_run *r)
{
	ctl_say(r, "%s", log_level_name(log_level()));
	return 0;
}

static int log_set(struct ctl_run *r)
{
	int prio = log_level_parse(ctl_text_arg(r, "level"));

	if (prio < 0)
		return ERR_VALUE;
	log_set_level(prio);
	ctl_say(r, "%s until the next restart or reload", log_level_name(prio));
	return 0;
}

static bool conf_rows(struct ctl_run *r, const struct conf_key *keys, size_t n, const void *conf,
    uint32_t *at, uint32_t from)
{
	for (size_t i = 0; i < n; i++, ++*at) {
		Ctl__ConfRow row = CTL__CONF_ROW__INIT;
		char *v;
		bool fits;

		if (*at < from)
			continue;
		v = conf_value(&keys[i], conf);
		row.section = (char *)(uintptr_t)keys[i].section;
		row.key = (char *)(uintptr_t)keys[i].key;
		row.has_value = true;
		row.value = bin(v);
		row.source =
		    (char *)(uintptr_t)(conf_is_default(&keys[i], conf) ? "default" : "file");
		row.reload = (char *)(uintptr_t)(keys[i].live ? "live" : "restart");
		fits = ctl_row(r, &row.base);
		free(v);
		if (!fits) {
			char cursor[16];

			snprintf(cursor, sizeof(cursor), "%" PRIu32, *at);
			ctl_more(r, slice_str(cursor));
			return false;
		}
	}
	return true;
}

static int conf_list(struct ctl_run *r)
{
	struct daemon *d = ctl_ctx(r);
	const struct run *run = CONTAINER_OF(d, struct run, d);
	uint32_t at = 0, from = 0;

	if (ctl_cursor(r).n && slice_u32(ctl_cursor(r), UINT32_MAX, &from))
		return ERR_SYNTAX;
	if (conf_rows(r, daemon_common_keys, daemon_ncommon_keys, run->common, &at, from))
		conf_rows(r, d->def->keys, d->def->nkeys, run->conf, &at, from);
	return 0;
}

static int conf_reload(struct ctl_run *r)
{
	int err = daemon_reload(ctl_ctx(r));

	if (err)
		return ctl_fail(r, err, "the old settings stay: the journal says what is wrong");
	ctl_say(r, "reloaded");
	return 0;
}

void ctl_check(struct ctl_run *r, const char *check, enum ctl_result result, const char *remedy,
    const char *fmt, ...)
{
	static const char *const words[] = { "ok", "warning", "failed" };
	Ctl__CheckRow row = CTL__CHECK_ROW__INIT;
	char detail[1024] = "";
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	row.check = (char *)(uintptr_t)check;
	row.result = (char *)(uintptr_t)words[result];
	row.has_detail = true;
	row.detail = bin(detail);
	row.has_remedy = *remedy != '\0';
	row.remedy = bin((char *)(uintptr_t)remedy);
	if (!ctl_row(r, &row.base))
		ctl_warn(r, "there is more than fits: %s: %s", check, words[result]);
}

/* Permissions alone do not tell of a disk that is full. errno of what fails. */
static int try_write(const char *dir)
{
	static const char block[16384];
	int fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600), err;

	if (fd < 0)
		return errno == EOPNOTSUPP || errno == EISDIR ? 0 : errno;
	errno = ENOSPC; /* of a short write */
	err = write(fd, block, sizeof(block)) == (ssize_t)sizeof(block) ? 0 : errno;
	close(fd);
	return err;
}

static void check_state_dir(const struct daemon *d, struct ctl_run *r)
{
	int err = access(d->state_dir, R_OK | W_OK | X_OK) == 0 ? try_write(d->state_dir) : errno;
	uint64_t left = UINT64_MAX;

	if (err == ENOSPC || err == EDQUOT)
		ctl_check(r, "state directory", CTL_FAILED, "free space on that file system",
		    "%s: %s", d->state_dir, strerror(err));
	else if (err)
		ctl_check(r, "state directory", CTL_FAILED,
		    "give it to the daemon's user, mode 0700, and mount it writable", "%s: %s",
		    d->state_dir, strerror(err));
	else if (room(d->state_dir, &left) && left < ROOM_LITTLE)
		ctl_check(r, "state directory", CTL_WARNING,
		    "free space on that file system before it is full",
		    "%s: %" PRIu64 " KiB are left", d->state_dir, left >> 10);
	else
		ctl_check(r, "state directory", CTL_OK, "", "%s can be written", d->state_dir);
}

static int check_run(struct ctl_run *r)
{
	struct daemon *d = ctl_ctx(r);
	char links[512] = "";
	unsigned down = ipc_links_text(d->ipc, links, sizeof(links));

	if (*links)
		ctl_check(r, "links", down ? CTL_FAILED : CTL_OK,
		    down ? "start what is down: systemctl start ipdect.target" : "", "%s", links);
	if (!d->def->instances) /* media instances keep nothing */
		check_state_dir(d, r);
	if (d->def->check)
		d->def->check(d, r);
	return 0;
}

static const struct ctl_arg log_args[] = {
	{ "level", CTL_CHOICE, true, "how much is logged", "err|warning|notice|info|debug" },
};

const struct ctl_cmd ctl_own[] = {
	{ "status", "show", IPC_VIEW, NULL, false, NULL, 0, &ctl__status_row__descriptor, false,
	    status_show, "state, links, what is not well and what to do" },
	{ "check", "run", IPC_VIEW, NULL, false, NULL, 0, &ctl__check_row__descriptor, false,
	    check_run, "pre-flight: what is not well before calls find out, and what to do" },
	{ "metrics", "show", IPC_VIEW, NULL, false, NULL, 0, NULL, false, metrics_show,
	    "counters and gauges as OpenMetrics text" },
	{ "log", "show", IPC_VIEW, NULL, false, NULL, 0, NULL, false, log_show,
	    "how much is logged" },
	{ "log", "set", IPC_OPERATE, NULL, false, log_args, ARRAY_LEN(log_args), NULL, false,
	    log_set, "change how much is logged, until the next restart or reload" },
	{ "conf", "list", IPC_VIEW, NULL, false, NULL, 0, &ctl__conf_row__descriptor, false,
	    conf_list, "effective settings" },
	{ "conf", "reload", IPC_ADMIN, NULL, false, NULL, 0, NULL, false, conf_reload,
	    "read the configuration file again" },
};
const size_t ctl_nown = ARRAY_LEN(ctl_own);
