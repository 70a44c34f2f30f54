#ifndef BENCH_CERTD_RUN_H
#define BENCH_CERTD_RUN_H
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cert.pb-c.h"
#include "common/log.h"
#include "common/mem.h"
#include "ipc/ipc.h"

/* A certd of its own for a benchmark, in a private directory, and a link to it as sipd. BUILD names the build directory,
 * else it is the one above the program's. */
struct certd_run {
	char dir[64], build[400];
	pid_t pid;
	uv_loop_t loop;
	uv_timer_t alive; /* links do not keep a loop running by themselves */
	struct tmr_wheel *wheel;
	struct ipc_node *node;
	struct ipc_peer *peer;
};

static inline void certd_die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(1);
}

static inline void certd_pin(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) != 0)
		certd_die("no such processor");
}

static inline void certd_up(void *ctx, struct ipc_peer *p, bool restarted)
{
	struct certd_run *r = ctx;

	(void)restarted;
	r->peer = p;
}

static inline void certd_down(void *ctx, struct ipc_peer *p)
{
	(void)ctx;
	(void)p;
	certd_die("the link to certd went down");
}

static inline void certd_alive(uv_timer_t *t)
{
	(void)t;
}

static inline int certd_changed(struct ipc_peer *p, struct ipc_msg *m)
{
	(void)p;
	(void)m;
	return 0;
}

static const struct ipc_handler certd_events[] = { { IPC_IF_CERT, CERT__TYPE__CERT_CHANGED, IPC_EVT,
    0, 256, IPC_CERTD, &cert__changed__descriptor, certd_changed } };

static inline int certd_ctl(struct certd_run *r, const char *words)
{
	char cmd[1200];

	snprintf(cmd, sizeof(cmd), "'%s/dectctl' -r '%s/run' %s >'%s/out' 2>&1", r->build, r->dir,
	    words, r->dir);
	return system(cmd);
}

/* cpu: pin it there, -1: anywhere. */
static inline void certd_start(struct certd_run *r, const char *argv0, int cpu)
{
	const char *build = getenv("BUILD");
	struct ipc_node_def d = { .name = "sipd",
		.handlers = certd_events,
		.nhandlers = 1,
		.up = certd_up,
		.down = certd_down,
		.gather = IPC_CERTD,
		.ctx = r };
	char path[600], sock[128];
	FILE *f;

	if (build)
		snprintf(r->build, sizeof(r->build), "%s", build);
	else
		snprintf(r->build, sizeof(r->build), "%.*s/..",
		    strrchr(argv0, '/') ? (int)(strrchr(argv0, '/') - argv0) : 1,
		    strrchr(argv0, '/') ? argv0 : ".");
	snprintf(r->dir, sizeof(r->dir), "/tmp/ipdect-bench.XXXXXX");
	if (!mkdtemp(r->dir))
		certd_die("no directory");
	snprintf(path, sizeof(path), "%s/conf", r->dir);
	f = fopen(path, "w");
	if (!f)
		certd_die("no configuration");
	fprintf(f,
	    "[common]\nruntime-dir = %s/run\nstate-dir = %s/state\nlog-level = err\n"
	    "[certd]\nfqdn = bench.example.test\nsign-rate = 0\nca-bundle =\n",
	    r->dir, r->dir);
	fclose(f);
	r->pid = fork();
	if (r->pid == 0) {
		char bin[500];

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		snprintf(bin, sizeof(bin), "%s/certd", r->build);
		if (cpu >= 0) {
			char n[12];

			snprintf(n, sizeof(n), "%d", cpu);
			execlp("taskset", "taskset", "-c", n, bin, "-c", path, (char *)NULL);
		}
		execl(bin, bin, "-c", path, (char *)NULL);
		_exit(127);
	}
	snprintf(sock, sizeof(sock), "%s/run/certd.sock", r->dir);
	for (int i = 0; access(sock, F_OK) != 0; i++) {
		if (i == 100)
			certd_die("certd did not start: build it, or set BUILD");
		usleep(50000);
	}
	uv_loop_init(&r->loop);
	uv_timer_init(&r->loop, &r->alive);
	uv_timer_start(&r->alive, certd_alive, 3600000, 3600000);
	r->wheel = tmr_wheel_new(&r->loop);
	d.loop = &r->loop;
	d.wheel = r->wheel;
	r->node = ipc_node_new(&d);
	ipc_link_open(r->node, IPC_CERTD, sock);
	while (!r->peer)
		uv_run(&r->loop, UV_RUN_ONCE);
}

static inline void certd_stop(struct certd_run *r)
{
	char cmd[100];

	kill(r->pid, SIGTERM);
	waitpid(r->pid, NULL, 0);
	snprintf(cmd, sizeof(cmd), "rm -r '%s'", r->dir);
	if (system(cmd) != 0)
		fprintf(stderr, "%s stays\n", r->dir);
}

/* CPU seconds of the process so far. */
static inline double certd_cpu(const struct certd_run *r)
{
	char path[64];
	unsigned long long ns = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)r->pid);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%llu", &ns) != 1)
		certd_die("no schedstat");
	fclose(f);
	return (double)ns / 1e9;
}

static inline double own_cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline int certd_by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static inline double certd_median(double *v, unsigned n)
{
	qsort(v, n, sizeof(*v), certd_by_value);
	return v[n / 2];
}
#endif
