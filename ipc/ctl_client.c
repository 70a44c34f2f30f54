/* dectctl's side of a control socket: connect, ask, collect the answer. */
#include "ipc/ctl_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/mem.h"
#include "ipc/ipc_priv.h"
#include "link.pb-c.h"

#define INLINE_MAX (48u << 10)
#define DATA_MAX   (4u << 20)

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int dial(const char *path, uint32_t ms)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct timeval patience = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };
	int fd, err;

	if (strlen(path) >= sizeof(sa.sun_path))
		return ERR_LIMIT;
	memcpy(sa.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* A daemon that accepts nobody has a full backlog: connect() would wait for ever. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	err = errno == EAGAIN ? ERR_TIMEOUT : -errno;
	close(fd);
	return err;
}

/* What a daemon refuses and what it does not answer are told apart by this: the codes are the same. */
static int no_answer(struct ctl_conn *c, int err)
{
	if (err != -EINTR) {
		c->lost = true;
		c->err = err;
	}
	return err;
}

struct frame {
	struct ipc_hdr hdr;
	uint8_t *buf;
	size_t n; /* of the body, at buf + 16 */
	int fds[IPC_MAX_FDS];
	unsigned nfds;
};

static void frame_free(struct frame *f)
{
	ipc_close_fds(f->fds, f->nfds);
	if (f->buf)
		mem_free_wiped(f->buf, 16 + IPC_MAX_BODY);
	f->buf = NULL;
}

/* until < 0: waits without end. */
static int receive(struct ctl_conn *c, int64_t until, struct frame *f)
{
	*f = (struct frame){ .buf = mem_new(16 + IPC_MAX_BODY) };
	for (;;) {
		struct pollfd pfd = { c->fd, POLLIN, 0 };
		int64_t left = until < 0 ? -1 : until - now_ms();
		ssize_t n;
		int k;

		if (until >= 0 && left <= 0) {
			frame_free(f);
			return ERR_TIMEOUT;
		}
		k = poll(&pfd, 1, (int)left);
		if (k < 0) {
			frame_free(f);
			return -errno;
		}
		if (k == 0)
			continue;
		n = ipc_sock_recv(c->fd, f->buf, 16 + IPC_MAX_BODY, f->fds, &f->nfds);
		if (n == -EAGAIN)
			continue;
		if (n < 0) {
			frame_free(f);
			return ERR_LOST;
		}
		if (ipc_hdr_get(f->buf, (size_t)n, f->nfds, &f->hdr) != 0) {
			frame_free(f);
			return ERR_SYNTAX;
		}
		f->n = (size_t)n - 16;
		return 0;
	}
}

static int send_request(
    struct ctl_conn *c, uint16_t type, const ProtobufCMessage *body, const int *fds, unsigned nfds)
{
	size_t n = protobuf_c_message_get_packed_size(body);
	struct ipc_hdr h = { .magic = IPC_MAGIC,
		.ver = IPC_VERSION,
		.kind = IPC_REQ,
		.iface = IPC_IF_CTL,
		.type = type,
		.corr = ++c->corr,
		.nfds = (uint16_t)nfds };
	uint8_t *buf;
	int err;

	if (n > IPC_MAX_BODY)
		return ERR_LIMIT;
	buf = mem_new(16 + n);
	ipc_hdr_put(buf, &h);
	protobuf_c_message_pack(body, buf + 16);
	err = ipc_sock_send(c->fd, buf, 16 + n, fds, nfds);
	mem_free_wiped(buf, 16 + n);
	return err == -EPIPE || err == -ECONNRESET ? ERR_LOST : err;
}

/* The answer to one request; rows of a stream that come before it cannot be, the daemon sends in order. */
static int answer(
    struct ctl_conn *c, uint32_t corr, int64_t ms, struct frame *f, char *why, size_t cap)
{
	int64_t until = now_ms() + ms;
	int err;

	for (;;) {
		err = receive(c, until, f);
		if (err)
			return no_answer(c, err);
		if (f->hdr.corr == corr && (f->hdr.kind == IPC_REP || f->hdr.kind == IPC_ERR))
			break;
		frame_free(f);
	}
	if (f->hdr.kind == IPC_ERR) {
		Link__Error *e = link__error__unpack(NULL, f->n, f->buf + 16);

		err = ERR_SYNTAX;
		if (e) {
			err = e->code < 0 ? e->code : ERR_SYNTAX;
			if (e->has_text)
				snprintf(
				    why, cap, "%.*s", (int)e->text.len, (const char *)e->text.data);
			link__error__free_unpacked(e, NULL);
		}
		frame_free(f);
	}
	return err;
}

void ctl_client_ask(struct ctl_conn *c, const char *dir, const char *name, uint32_t ms)
{
	Ctl__Describe ask = CTL__DESCRIBE__INIT;
	char path[256];

	*c = (struct ctl_conn){ .fd = -1 };
	snprintf(c->name, sizeof(c->name), "%s", name);
	snprintf(path, sizeof(path), "%s/ctl/%s.sock", dir, name);
	c->fd = dial(path, ms);
	if (c->fd < 0) {
		c->err = c->fd;
		c->fd = -1;
		return;
	}
	c->err = send_request(c, CTL__TYPE__CTL_DESCRIBE, &ask.base, NULL, 0);
	if (c->err)
		ctl_client_close(c);
}

void ctl_client_meet(struct ctl_conn *c, uint32_t ms)
{
	struct frame f;
	char why[64] = "";

	if (c->fd < 0)
		return;
	c->err = answer(c, c->corr, ms, &f, why, sizeof(why));
	if (c->err == 0) {
		c->desc = ctl__described__unpack(NULL, f.n, f.buf + 16);
		if (!c->desc)
			c->err = ERR_SYNTAX;
		frame_free(&f);
	}
	if (c->err)
		ctl_client_close(c);
}

void ctl_client_open(struct ctl_conn *c, const char *dir, const char *name, uint32_t ms)
{
	ctl_client_ask(c, dir, name, ms);
	ctl_client_meet(c, ms);
}

void ctl_client_close(struct ctl_conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	if (c->desc)
		ctl__described__free_unpacked(c->desc, NULL);
	c->desc = NULL;
}

const Ctl__Command *ctl_client_find(const struct ctl_conn *c, const char *noun, const char *verb)
{
	for (size_t i = 0; c->desc && i < c->desc->n_command; i++)
		if (strcmp(c->desc->command[i]->noun, noun) == 0 &&
		    strcmp(c->desc->command[i]->verb, verb) == 0)
			return c->desc->command[i];
	return NULL;
}

static int take_data(struct ctl_answer *out, struct frame *f)
{
	struct stat st;
	size_t got = 0;

	if (out->result->has_data) {
		out->ndata = out->result->data.len;
		out->data = mem_dup(out->result->data.data, out->ndata);
		mem_wipe(out->result->data.data, out->ndata);
		return 0;
	}
	if (f->nfds == 0)
		return 0;
	if (fstat(f->fds[0], &st) != 0 || st.st_size < 0 || st.st_size > DATA_MAX)
		return ERR_LIMIT;
	out->ndata = (size_t)st.st_size;
	out->data = mem_new(out->ndata + 1);
	while (got < out->ndata) {
		ssize_t k = pread(f->fds[0], out->data + got, out->ndata - got, (off_t)got);

		if (k <= 0)
			return -EIO;
		got += (size_t)k;
	}
	return 0;
}

/* How long its arguments say that it lasts; 0: it does not. */
static uint64_t lasts(const struct ctl_conn *c, const Ctl__Run *run)
{
	const Ctl__Command *cmd = ctl_client_find(c, run->noun, run->verb);
	uint64_t ms = 0, all = 0;

	for (size_t i = 0; cmd && cmd->lasts && i < cmd->n_arg; i++)
		for (size_t k = 0; k < run->n_arg; k++)
			if (cmd->arg[i]->kind == CTL__ARG_KIND__ARG_DURATION &&
			    strcmp(cmd->arg[i]->name, run->arg[k]->name) == 0 &&
			    slice_u64((struct slice){ (char *)run->arg[k]->value.data,
			                  run->arg[k]->value.len },
			        UINT32_MAX, &ms) == 0)
				all += ms;
	return cmd && cmd->lasts ? all + 1 : 0;
}

static int end_it(struct ctl_conn *c, const Ctl__Run *run)
{
	Ctl__Run end = CTL__RUN__INIT;

	end.noun = run->noun;
	end.verb = (char *)(uintptr_t) "end";
	return send_request(c, CTL__TYPE__CTL_RUN, &end.base, NULL, 0);
}

void ctl_client_run(struct ctl_conn *c, const Ctl__Run *run, uint32_t ms, struct ctl_answer *out)
{
	uint64_t more = lasts(c, run);
	uint32_t corr;
	Ctl__Run mine = *run;
	Ctl__Arg *args, **list;
	int fds[IPC_MAX_FDS];
	unsigned nfds = 0;
	struct frame f;

	*out = (struct ctl_answer){ 0 };
	args = mem_array(run->n_arg + 1, sizeof(*args));
	list = mem_array(run->n_arg + 1, sizeof(*list));
	for (size_t i = 0; i < run->n_arg && out->err == 0; i++) {
		args[i] = *run->arg[i];
		list[i] = &args[i];
		if (!args[i].has_data || args[i].data.len <= INLINE_MAX)
			continue;
		if (nfds == IPC_MAX_FDS || args[i].data.len > DATA_MAX) {
			out->err = ERR_LIMIT;
			break;
		}
		fds[nfds] = mem_sealed("dectctl", args[i].data.data, args[i].data.len);
		if (fds[nfds] < 0) {
			out->err = fds[nfds];
			break;
		}
		args[i].has_data = false;
		args[i].has_fd = true;
		args[i].fd = ++nfds;
	}
	mine.arg = list;
	if (out->err == 0) {
		out->err = send_request(c, CTL__TYPE__CTL_RUN, &mine.base, fds, nfds);
		if (out->err && out->err != ERR_LIMIT)
			(void)no_answer(c, out->err);
	}
	ipc_close_fds(fds, nfds);
	free(args);
	free(list);
	corr = c->corr;
	if (out->err == 0)
		out->err = answer(c, corr, (int64_t)(ms + more), &f, out->why, sizeof(out->why));
	if (out->err == -EINTR && more && end_it(c, run) == 0)
		out->err = answer(c, corr, ms, &f, out->why, sizeof(out->why));
	if (out->err)
		return;
	out->result = ctl__result__unpack(NULL, f.n, f.buf + 16);
	out->err = out->result ? take_data(out, &f) : ERR_SYNTAX;
	frame_free(&f);
	if (out->err)
		ctl_answer_free(out);
}

void ctl_answer_free(struct ctl_answer *a)
{
	if (a->result)
		ctl__result__free_unpacked(a->result, NULL);
	if (a->data)
		mem_free_wiped(a->data, a->ndata);
	a->result = NULL;
	a->data = NULL;
}

int ctl_client_row(struct ctl_conn *c, Ctl__Row **row)
{
	struct frame f;
	int err;

	for (;;) {
		err = receive(c, -1, &f);
		if (err)
			return err;
		if (f.hdr.kind == IPC_EVT && f.hdr.iface == IPC_IF_CTL &&
		    f.hdr.type == CTL__TYPE__CTL_ROW)
			break;
		frame_free(&f);
	}
	*row = ctl__row__unpack(NULL, f.n, f.buf + 16);
	frame_free(&f);
	return *row ? 0 : ERR_SYNTAX;
}
