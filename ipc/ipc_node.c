/* This process among its siblings: names, epochs, users, who is connected. */
#include "common/id.h"
#include "common/log.h"
#include "ipc/ipc_priv.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const daemons[] = { "certd", "sipd", "mediad", "dectd", "presenced" };

enum ipc_role ipc_role_of(struct slice name)
{
	for (unsigned i = 0; i < ARRAY_LEN(daemons); i++)
		if (slice_eq(name, slice_str(daemons[i])))
			return 1u << i;
	return 0;
}

const char *ipc_role_name(uint32_t role)
{
	for (unsigned i = 0; i < ARRAY_LEN(daemons); i++)
		if (role & (1u << i))
			return daemons[i];
	return role & IPC_ADMIN     ? "administrator"
	       : role & IPC_OPERATE ? "operator"
	       : role & IPC_VIEW    ? "viewer"
	                            : "unknown";
}

struct ipc_node *ipc_node_new(const struct ipc_node_def *d)
{
	struct ipc_node *n = mem_new(sizeof(*n));

	BUG_ON(ipc_table_check(d->handlers, d->nhandlers) != 0);
	BUG_ON(ipc_table_check(d->handlers2, d->nhandlers2) != 0);
	n->def = *d;
	n->name = mem_str(d->name);
	n->epoch = id_u64();
	n->buf = mem_new(IPC_FRAME_MAX);
	for (unsigned i = 0; i < ARRAY_LEN(n->users); i++)
		n->users[i] = (uid_t)-1;
	list_init(&n->peers);
	list_init(&n->links);
	list_init(&n->listeners);
	list_init(&n->follows);
	return n;
}

static void on_freed(uv_handle_t *h)
{
	struct ipc_node *n = h->data;

	free(n->buf);
	free(n->known);
	free(n->name);
	free(n);
	free(h);
}

void ipc_node_free(struct ipc_node *n)
{
	uv_idle_t *last = mem_new(sizeof(*last));

	n->closing = true;
	ipc_listeners_close(n);
	ipc_links_close(n);
	while (!list_empty(&n->peers))
		ipc_peer_drop(LIST_ENTRY(n->peers.next, struct ipc_peer, in_node), "closed");
	ipc_turn_free(n->turn);
	/* Close callbacks run in order: the node goes after its peers. */
	uv_idle_init(n->def.loop, last);
	last->data = n;
	uv_close((uv_handle_t *)last, on_freed);
}

void *ipc_node_ctx(const struct ipc_node *n)
{
	return n->def.ctx;
}

uint64_t ipc_node_epoch(const struct ipc_node *n)
{
	return n->epoch;
}

int ipc_node_user(struct ipc_node *n, enum ipc_role role, const char *user)
{
	const struct passwd *pw = getpwnam(user);
	uint32_t uid;

	if (pw)
		uid = pw->pw_uid;
	else if (slice_u32(slice_str(user), UINT32_MAX - 1, &uid))
		return ERR_NOTFOUND;
	for (unsigned i = 0; i < ARRAY_LEN(n->users); i++)
		if (role == 1u << i)
			n->users[i] = uid;
	return 0;
}

uint32_t ipc_node_role_by_uid(const struct ipc_node *n, uid_t uid)
{
	uint32_t roles = 0;

	/* Staging and tests: everything runs as one user; then the hello's name is believed. */
	if (uid == getuid())
		return IPC_DAEMONS;
	for (unsigned i = 0; i < ARRAY_LEN(n->users); i++)
		if (n->users[i] != (uid_t)-1 && n->users[i] == uid)
			roles |= 1u << i;
	return roles;
}

bool ipc_node_restarted(struct ipc_node *n, const struct ipc_peer *p)
{
	for (size_t i = 0; i < n->nknown; i++) {
		struct ipc_known *k = &n->known[i];

		if (k->role == p->role && k->instance == p->instance) {
			bool other = k->epoch != p->epoch;

			k->epoch = p->epoch;
			return other;
		}
	}
	if (n->nknown == IPC_KNOWN)
		memmove(n->known, n->known + 1, --n->nknown * sizeof(*n->known));
	n->known = mem_grow(n->known, n->nknown + 1, sizeof(*n->known));
	n->known[n->nknown++] = (struct ipc_known){ p->role, p->instance, p->epoch };
	return true;
}

struct ipc_peer *ipc_next(struct ipc_node *n, uint32_t roles, struct ipc_peer *prev)
{
	for (struct list *it = prev ? prev->in_node.next : n->peers.next; it != &n->peers;
	     it = it->next) {
		struct ipc_peer *p = LIST_ENTRY(it, struct ipc_peer, in_node);

		if (p->up && !p->dead && (p->role & roles))
			return p;
	}
	return NULL;
}

struct ipc_peer *ipc_find(struct ipc_node *n, enum ipc_role role, uint32_t instance)
{
	struct ipc_peer *p = NULL;

	while ((p = ipc_next(n, role, p)) != NULL)
		if (instance == 0 || p->instance == instance)
			return p;
	return NULL;
}
