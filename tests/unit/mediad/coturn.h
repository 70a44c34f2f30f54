#ifndef TEST_COTURN_H
#define TEST_COTURN_H
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* A TURN server of coturn on the loopback address: user anna, password sesame. */
struct coturn {
	pid_t pid;
	char dir[32];
};

/* false: it is not installed. */
static inline bool coturn_start(struct coturn *t, uint16_t port)
{
	char listen[32], min[32], max[32], db[64], pidfile[64];

	if (system("command -v turnserver >/dev/null 2>&1") != 0)
		return false;
	snprintf(t->dir, sizeof(t->dir), "/tmp/ipdect-turn-XXXXXX");
	if (!mkdtemp(t->dir))
		return false;
	snprintf(listen, sizeof(listen), "%u", port);
	snprintf(min, sizeof(min), "--min-port=%u", port < 60000 ? port + 1000 : port - 3000);
	snprintf(max, sizeof(max), "--max-port=%u", port < 60000 ? port + 1100 : port - 2900);
	snprintf(db, sizeof(db), "--userdb=%s/db", t->dir);
	snprintf(pidfile, sizeof(pidfile), "--pidfile=%s/pid", t->dir);
	t->pid = fork();
	if (t->pid == 0) {
		int null = open("/dev/null", O_RDWR);
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execlp("turnserver", "turnserver", "-n", "-L", "127.0.0.1", "-E", "127.0.0.1", "-p",
		    listen, min, max, "--lt-cred-mech", "-u", "anna:sesame", "-r", "example.test",
		    "--no-tls", "--no-dtls", "--no-cli", "--allow-loopback-peers",
		    "--log-file=stdout", db, pidfile, (char *)NULL);
		_exit(127);
	}
	(void)poll(NULL, 0, 700);
	return true;
}

static inline void coturn_stop(struct coturn *t)
{
	char cmd[64];

	kill(t->pid, SIGTERM);
	waitpid(t->pid, NULL, 0);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", t->dir);
	(void)!system(cmd);
}
#endif
