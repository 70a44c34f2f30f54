/* The client's side of a link: connect, hello, back-off; following instances that come and go; and the link
 * interface's own requests (hello, ping) on either side. */
#include "common/id.h"
#include "common/log.h"
#include "common/wr.h"
#include "link.pb-c.h"
#include "ipc/ipc_priv.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 5000
#define MAJOR          1
#define MINOR          0

struct ipc_link {
	struct list in_node;
	struct ipc_node *n;
	enum ipc_role server;
	char *path;
	struct tmr retry;
	uint32_t backoff;
	struct ipc_peer *p; /* NULL: down */
	int last_err;
	bool followed; /* vanishes with its socket */
};

struct ipc_follow {
	struct list in_node;
	struct ipc_node *n;
	enum ipc_role server;
	char *dir, *prefix;
	uv_fs_event_t watch;
};

/* ---- hello ---- */

static void hello_of(const struct ipc_node *n, Link__Hello *h, Link__IfaceVersion *v,
    Link__IfaceVersion **vp, size_t nv)
{
	link__hello__init(h);
	h->daemon = n->name;
	h->instance = n->def.instance;
	h->epoch = n->epoch;
	h->build = (char *)(uintptr_t)IPDECT_VERSION;
	for (size_t i = 0; i < nv; i++) {
		link__iface_version__init(&v[i]);
		v[i].iface = (uint32_t)i + 1;
		v[i].major = MAJOR;
		v[i].minor = i + 1 == IPC_IF_LINK ? IPC_LINK_PACKS : MINOR;
		vp[i] = &v[i];
	}
	h->n_iface = nv;
	h->iface = vp;
}

/* NULL: we can talk. Else why not, for people. */
static const char *hello_refused(const Link__Hello *h, uint32_t allowed, char *out, size_t cap)
{
	struct slice name = slice_str(h->daemon);

	if (name.n == 0 || name.n >= 32 || !(ipc_role_of(name) & allowed)) {
		snprintf(out, cap, "the user does not run a daemon of the name it gave");
		return out;
	}
	for (size_t i = 0; i < h->n_iface && i < 8; i++)
		if (h->iface[i]->major != MAJOR) {
			snprintf(out, cap,
			    "it speaks version %u of interface %u, we speak %u: upgrade both",
			    h->iface[i]->major, h->iface[i]->iface, MAJOR);
			return out;
		}
	return NULL;
}

static void hello_take(struct ipc_peer *p, const Link__Hello *h)
{
	snprintf(p->name, sizeof(p->name), "%s", h->daemon);
	p->role = ipc_role_of(slice_str(h->daemon));
	p->instance = h->instance;
	p->epoch = h->epoch;
	for (size_t i = 0; i < h->n_iface && i < 8; i++)
		if (h->iface[i]->iface == IPC_IF_LINK)
			p->packs = h->iface[i]->minor >= IPC_LINK_PACKS;
}

static void on_hello_reply(void *ctx, int err, struct ipc_msg *m)
{
	struct ipc_peer *p = ctx;
	char why[128];
	const Link__Hello *h;

	if (p->dead)
		return;
	if (err) {
		snprintf(why, sizeof(why), "hello refused: " SLICE_FMT,
		    SLICE_ARG(m && m->text.n ? m->text : slice_str(err_text(err))));
		ipc_peer_drop(p, why);
		return;
	}
	h = IPC_BODY(m, Link__Hello);
	if (hello_refused(h, p->link->server, why, sizeof(why))) {
		ipc_peer_drop(p, why);
		return;
	}
	hello_take(p, h);
	p->link->backoff = BACKOFF_MIN_MS;
	p->link->last_err = 0;
	ipc_peer_ready(p);
}

int ipc_hello_start(struct ipc_peer *p)
{
	Link__Hello h;
	Link__IfaceVersion v[IPC_IF_CTL], *vp[IPC_IF_CTL];

	hello_of(p->n, &h, v, vp, IPC_IF_CTL);
	return ipc_request(p, IPC_IF_LINK, LINK__TYPE__LINK_HELLO, &h.base,
	    &link__hello__descriptor, IPC_HELLO_MS, on_hello_reply, p);
}

static int hello_frame(
    struct ipc_peer *p, const struct ipc_hdr *h, const uint8_t *body, size_t n, const char **why)
{
	struct ipc_msg m = { .hdr = *h };
	Link__Hello *in, out;
	Link__IfaceVersion v[IPC_IF_CTL], *vp[IPC_IF_CTL];
	char text[128];

	if (p->up || p->link || h->kind != IPC_REQ || n > 1024) {
		*why = "a hello out of place";
		return ERR_STATE;
	}
	in = link__hello__unpack(NULL, n, body);
	if (!in) {
		*why = "a hello that does not parse";
		return ERR_SYNTAX;
	}
	if (hello_refused(in, ipc_node_role_by_uid(p->n, p->uid), text, sizeof(text))) {
		ipc_fail(p, &m, ERR_DENIED, "%s", text);
		link__hello__free_unpacked(in, NULL);
		*why = "hello refused";
		return ERR_DENIED;
	}
	hello_take(p, in);
	link__hello__free_unpacked(in, NULL);
	hello_of(p->n, &out, v, vp, IPC_IF_CTL);
	ipc_reply(p, &m, &out.base);
	if (!p->dead)
		ipc_peer_ready(p);
	return 0;
}

int ipc_link_frame(
    struct ipc_peer *p, const struct ipc_hdr *h, const uint8_t *body, size_t n, const char **why)
{
	struct ipc_msg m = { .hdr = *h };
	Link__Ping *ping;

	if (h->type == LINK__TYPE__LINK_HELLO)
		return hello_frame(p, h, body, n, why);
	if (h->type != LINK__TYPE__LINK_PING || h->kind != IPC_REQ)
		return 1;
	ping = n <= 64 ? link__ping__unpack(NULL, n, body) : NULL;
	if (!ping) {
		*why = "a ping that does not parse";
		return ERR_SYNTAX;
	}
	ipc_reply(p, &m, &ping->base);
	link__ping__free_unpacked(ping, NULL);
	return 0;
}

/* ---- connecting ---- */

static void link_free(struct ipc_link *l)
{
	list_remove(&l->in_node);
	tmr_stop(&l->retry);
	free(l->path);
	free(l);
}

static void again(struct ipc_link *l)
{
	uint32_t ms = l->backoff;

	if (l->n->closing)
		return;
	if (l->followed && access(l->path, F_OK) != 0) {
		link_free(l);
		return;
	}
	l->backoff = ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : ms * 2;
	tmr_start(&l->retry, ms - ms / 5 + id_below(ms * 2 / 5 + 1));
}

static bool server_is_right(struct ipc_link *l, int fd, uid_t *uid)
{
	struct ucred cred;
	socklen_t n = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) != 0)
		return false;
	*uid = cred.uid;
	return (ipc_node_role_by_uid(l->n, cred.uid) & l->server) != 0;
}

static void attempt(struct ipc_link *l)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	uid_t uid = (uid_t)-1;

	memcpy(sa.sun_path, l->path, strlen(l->path));
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0) {
		int err = -errno;

		if (fd >= 0)
			close(fd);
		if (err != l->last_err)
			log_ev(LOG_INFO, "link not there yet", F_PEER(ipc_role_name(l->server)),
			    F_TEXT("IPDECT_PATH", l->path), F_ERR(err));
		l->last_err = err;
		again(l);
		return;
	}
	if (!server_is_right(l, fd, &uid)) {
		/* Under socket activation root listens until the daemon has taken over: wait for it. */
		log_ev(uid == 0 ? LOG_INFO : LOG_ALERT,
		    "server runs as another user than configured", F_PEER(ipc_role_name(l->server)),
		    F_U64("IPDECT_UID", uid));
		close(fd);
		again(l);
		return;
	}
	l->p = ipc_peer_new(l->n, fd, IPC_DOOR_LINK, l->server);
	l->p->uid = uid;
	l->p->link = l;
	if (ipc_hello_start(l->p) != 0)
		ipc_peer_drop(l->p, "closed");
}

static void on_retry(struct tmr *t, void *ctx)
{
	(void)t;
	attempt(ctx);
}

void ipc_link_lost(struct ipc_link *l)
{
	l->p = NULL;
	again(l);
}

static struct ipc_link *link_new(struct ipc_node *n, enum ipc_role server, const char *path)
{
	struct ipc_link *l = mem_new(sizeof(*l));

	BUG_ON(strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path));
	l->n = n;
	l->server = server;
	l->path = mem_str(path);
	l->backoff = BACKOFF_MIN_MS;
	tmr_init(&l->retry, n->def.wheel, on_retry, l);
	list_append(&n->links, &l->in_node);
	tmr_start(&l->retry, 0);
	return l;
}

struct ipc_link *ipc_link_open(struct ipc_node *n, enum ipc_role server, const char *path)
{
	return link_new(n, server, path);
}

void ipc_link_close(struct ipc_link *l)
{
	struct ipc_peer *p = l->p;

	if (p) {
		p->link = NULL;
		ipc_peer_drop(p, "closed");
	}
	link_free(l);
}

/* ---- following ---- */

static bool known(const struct ipc_node *n, const char *path)
{
	LIST_FOREACH(&n->links, it)
	if (strcmp(LIST_ENTRY(it, struct ipc_link, in_node)->path, path) == 0)
		return true;
	return false;
}

static void scan(struct ipc_follow *f)
{
	DIR *d = opendir(f->dir);
	size_t np = strlen(f->prefix);
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];

	if (!d)
		return;
	for (const struct dirent *e; (e = readdir(d)) != NULL;) {
		size_t len = strlen(e->d_name);

		if (len < np + 5 || strncmp(e->d_name, f->prefix, np) != 0 ||
		    strcmp(e->d_name + len - 5, ".sock") != 0)
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", f->dir, e->d_name) >= (int)sizeof(path))
			continue;
		if (!known(f->n, path))
			link_new(f->n, f->server, path)->followed = true;
	}
	closedir(d);
}

static void on_change(uv_fs_event_t *h, const char *name, int events, int status)
{
	(void)name, (void)events, (void)status;
	scan(h->data);
}

int ipc_follow(struct ipc_node *n, enum ipc_role server, const char *dir, const char *prefix)
{
	struct ipc_follow *f = mem_new(sizeof(*f));
	int err;

	f->n = n;
	f->server = server;
	f->dir = mem_str(dir);
	f->prefix = mem_str(prefix);
	list_append(&n->follows, &f->in_node);
	uv_fs_event_init(n->def.loop, &f->watch);
	f->watch.data = f;
	err = uv_fs_event_start(&f->watch, on_change, dir, 0);
	scan(f);
	return err;
}

static void on_follow_closed(uv_handle_t *h)
{
	struct ipc_follow *f = h->data;

	free(f->dir);
	free(f->prefix);
	free(f);
}

void ipc_links_close(struct ipc_node *n)
{
	LIST_FOREACH(&n->follows, it)
	{
		struct ipc_follow *f = LIST_ENTRY(it, struct ipc_follow, in_node);

		list_remove(&f->in_node);
		uv_fs_event_stop(&f->watch);
		uv_close((uv_handle_t *)&f->watch, on_follow_closed);
	}
	LIST_FOREACH(&n->links, it)
	ipc_link_close(LIST_ENTRY(it, struct ipc_link, in_node));
}

unsigned ipc_links_text(struct ipc_node *n, char *out, size_t cap)
{
	struct wr w = wr_of(out, cap ? cap - 1 : 0);
	unsigned down = 0;

	LIST_FOREACH(&n->links, it)
	{
		const struct ipc_link *l = LIST_ENTRY(it, struct ipc_link, in_node);
		const char *base = strrchr(l->path, '/');
		bool up = l->p && l->p->up;

		base = base ? base + 1 : l->path;
		wr_fmt(&w, "%s%.*s %s", w.n ? ", " : "",
		    (int)(strlen(base) > 5 ? strlen(base) - 5 : 0), base, up ? "up" : "down");
		down += !up;
	}
	if (cap)
		out[w.n] = '\0';
	return down;
}
