/* One SEQPACKET message with its descriptors, in and out. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/ipc_priv.h"

/* Room for more than we accept: a peer's surplus must be seen, and closed, not hidden by MSG_CTRUNC alone. */
#define FDS_SEEN 64
union control {
	struct cmsghdr align;
	char b[CMSG_SPACE(FDS_SEEN * sizeof(int))];
};

void ipc_close_fds(int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

ssize_t ipc_sock_recv(int fd, void *buf, size_t cap, int fds[IPC_MAX_FDS], unsigned *nfds)
{
	union control ctl;
	struct iovec iov = { buf, cap };
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ctl.b,
		.msg_controllen = sizeof(ctl.b) };
	bool surplus = false;
	ssize_t n;

	*nfds = 0;
	do
		n = recvmsg(fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	/* Collect first, judge after: a refused frame must not leak descriptors. */
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&mh); c; c = CMSG_NXTHDR(&mh, c)) {
		size_t k = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < k; i++) {
			int got;

			memcpy(&got, CMSG_DATA(c) + i * sizeof(int), sizeof(got));
			if (*nfds < IPC_MAX_FDS) {
				fds[(*nfds)++] = got;
			} else {
				close(got);
				surplus = true;
			}
		}
	}
	/* An empty frame looks like the end: we never send one. */
	if (n == 0 || surplus || (mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		ipc_close_fds(fds, *nfds);
		*nfds = 0;
		return n == 0 ? UV_EOF : ERR_LIMIT;
	}
	return n;
}

int ipc_sock_send(int fd, const void *buf, size_t n, const int *fds, unsigned nfds)
{
	union control ctl;
	struct iovec iov = { (void *)(uintptr_t)buf, n };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t sent;

	if (nfds > 0) {
		struct cmsghdr *c = &ctl.align;

		memset(&ctl, 0, sizeof(ctl));
		mh.msg_control = ctl.b;
		mh.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	do
		sent = sendmsg(fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}
