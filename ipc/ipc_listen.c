/* Serving: adopt or bind, accept, credentials to role. */
#include "common/id.h"
#include "common/log.h"
#include "ipc/ipc_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define RESUME_MS  500
#define IPC_GROUPS 65536 /* what the kernel allows */

static bool in_group(const struct passwd *pw, const char *name)
{
	const struct group *g = getgrnam(name);
	gid_t gid, *groups;
	bool found = false;
	int n = 64, cap;

	if (!g || !pw)
		return false;
	gid = g->gr_gid;
	/* Members of a directory may be in hundreds of groups: the call says how many. */
	do {
		cap = n;
		groups = mem_array((size_t)cap, sizeof(*groups));
		if (getgrouplist(pw->pw_name, pw->pw_gid, groups, &n) >= 0)
			break;
		free(groups);
		groups = NULL;
	} while (n > cap && n <= IPC_GROUPS);
	for (int i = 0; groups && i < n && !found; i++)
		found = groups[i] == gid;
	free(groups);
	return found;
}

/* What a user may ask on the control socket. */
static uint32_t levels(uid_t uid)
{
	const struct passwd *pw;

	if (uid == 0 || uid == getuid())
		return IPC_VIEW | IPC_OPERATE | IPC_ADMIN;
	pw = getpwuid(uid);
	if (in_group(pw, "ipdect-admin"))
		return IPC_VIEW | IPC_OPERATE | IPC_ADMIN;
	if (in_group(pw, "ipdect-operate"))
		return IPC_VIEW | IPC_OPERATE;
	return in_group(pw, "ipdect-view") ? IPC_VIEW : 0;
}

/* One user must not take what the others need: neither all places nor all descriptors. */
static bool crowded(const struct ipc_node *n, uid_t uid, enum ipc_door door)
{
	unsigned all = 0, own = 0;

	LIST_FOREACH(&n->peers, it)
	{
		const struct ipc_peer *p = LIST_ENTRY(it, struct ipc_peer, in_node);

		all += p->door == door;
		own += p->door == door && p->uid == uid && !p->link;
	}
	if (door == IPC_DOOR_LINK) {
		if (own < IPC_LINKS_PER_USER)
			return false;
		log_ev(LOG_WARNING, "link refused: too many are open", F_U64("IPDECT_UID", uid),
		    F_U64("IPDECT_COUNT", own), F_REMEDY("restart the daemon that this user runs"));
		return true;
	}
	if (all < IPC_CTL_CLIENTS && (uid == 0 || own < IPC_CTL_PER_USER))
		return false;
	log_ev(LOG_WARNING, "control connection refused: too many are open",
	    F_U64("IPDECT_UID", uid), F_U64("IPDECT_COUNT", own),
	    F_REMEDY("end dectctl watch commands and scripts that keep connections"));
	return true;
}

static void welcome(struct ipc_listener *l, int fd)
{
	struct ucred cred;
	socklen_t n = sizeof(cred);
	uint32_t role = 0;
	struct ipc_peer *p;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) != 0) {
		close(fd);
		return;
	}
	if (l->door == IPC_DOOR_CTL && (role = levels(cred.uid)) == 0) {
		log_ev(LOG_NOTICE, "control connection refused: user is in none of our groups",
		    F_U64("IPDECT_UID", cred.uid));
		close(fd);
		return;
	}
	if (l->door == IPC_DOOR_LINK && ipc_node_role_by_uid(l->n, cred.uid) == 0) {
		log_ev(LOG_WARNING, "link refused: the user is none of our daemons'",
		    F_U64("IPDECT_UID", cred.uid),
		    F_REMEDY("set user-NAME in [common] to the daemons' users"));
		close(fd);
		return;
	}
	if (crowded(l->n, cred.uid, l->door)) {
		close(fd);
		return;
	}
	p = ipc_peer_new(l->n, fd, l->door, role);
	p->uid = cred.uid;
	if (l->door == IPC_DOOR_CTL)
		p->up = p->told = true;
	else
		tmr_start(&p->hello, IPC_HELLO_MS);
}

static void on_accept(uv_poll_t *h, int status, int events);

static void on_resume(struct tmr *t, void *ctx)
{
	struct ipc_listener *l = ctx;

	(void)t;
	uv_poll_start(&l->poll, UV_READABLE, on_accept);
}

/* What waits in the backlog stays readable: without a pause the loop would do nothing else. */
static void pause_accept(struct ipc_listener *l, int err)
{
	log_ev(LOG_ERR, "accept failed", F_ERR(err),
	    F_REMEDY(err == -EMFILE || err == -ENFILE
	                 ? "raise LimitNOFILE= of the unit, or end clients that keep connections"
	                 : "see the system's memory"));
	uv_poll_stop(&l->poll);
	tmr_start(&l->resume, RESUME_MS);
}

static void on_accept(uv_poll_t *h, int status, int events)
{
	struct ipc_listener *l = h->data;

	(void)status, (void)events;
	for (int i = 0; i < IPC_TURN; i++) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			welcome(l, fd);
		else if (errno != EINTR && errno != ECONNABORTED) {
			if (errno != EAGAIN)
				pause_accept(l, -errno);
			return;
		}
	}
}

static int serve(struct ipc_node *n, int fd, enum ipc_door door, const char *path)
{
	struct ipc_listener *l;
	int type = 0;
	socklen_t len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0)
		return -errno;
	if (type != SOCK_SEQPACKET)
		return ERR_VALUE;
	/* Also on an inherited socket: clients see the credentials of whoever called listen() last. */
	if (listen(fd, 64) != 0)
		return -errno;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	l = mem_new(sizeof(*l));
	l->n = n;
	l->fd = fd;
	l->door = door;
	l->path = path ? mem_str(path) : NULL;
	list_append(&n->listeners, &l->in_node);
	tmr_init(&l->resume, n->def.wheel, on_resume, l);
	BUG_ON(uv_poll_init(n->def.loop, &l->poll, fd) != 0);
	l->poll.data = l;
	return uv_poll_start(&l->poll, UV_READABLE, on_accept);
}

int ipc_serve(struct ipc_node *n, int fd, enum ipc_door door)
{
	return serve(n, fd, door, NULL);
}

int ipc_serve_path(struct ipc_node *n, const char *path, unsigned mode, enum ipc_door door)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(sa.sun_path))
		return ERR_LIMIT;
	memcpy(sa.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 || errno == EAGAIN) {
		close(fd);
		return ERR_EXISTS;
	}
	if (errno == ECONNREFUSED)
		unlink(path);
	close(fd);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	err = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 ? 0 : -errno;
	if (err == 0 && chmod(path, mode) != 0)
		err = -errno;
	if (err == 0)
		err = serve(n, fd, door, path);
	if (err)
		close(fd);
	return err;
}

struct ipc_peer *ipc_join(struct ipc_node *n, int fd, uint32_t role)
{
	struct ipc_peer *p =
	    ipc_peer_new(n, fd, role & IPC_DAEMONS ? IPC_DOOR_LINK : IPC_DOOR_CTL, role);

	p->uid = getuid();
	snprintf(p->name, sizeof(p->name), "%s", ipc_role_name(role));
	p->epoch = id_u64();
	ipc_peer_ready(p);
	return p;
}

static void on_closed(uv_handle_t *h)
{
	struct ipc_listener *l = h->data;

	close(l->fd);
	free(l->path);
	free(l);
}

void ipc_listeners_close(struct ipc_node *n)
{
	LIST_FOREACH(&n->listeners, it)
	{
		struct ipc_listener *l = LIST_ENTRY(it, struct ipc_listener, in_node);

		list_remove(&l->in_node);
		if (l->path)
			unlink(l->path);
		tmr_stop(&l->resume);
		uv_poll_stop(&l->poll);
		uv_close((uv_handle_t *)&l->poll, on_closed);
	}
}
