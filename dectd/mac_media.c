/* The media stream that belongs to a connection: opened and closed at its base, moved with it, what the base says of it. */
#include "common/mem.h"
#include "dectd/mac_priv.h"

#define MEDIA_TRIES 5 /* ports that other programs at the base may have in a row */

void mac_media_stop(struct mac_conn *c)
{
	if (!c->media)
		return;
	c->old_handles[1] = c->old_handles[0];
	c->old_bases[1] = c->old_bases[0];
	c->old_handles[0] = c->handle;
	c->old_bases[0] = c->base;
	c->media = c->media_moving = false;
	c->mac->low->media_close(c->mac->low_ctx, c->base, c->handle);
}

int mac_media_start(struct mac_conn *c, struct mac_addr *local)
{
	struct mac *m = c->mac;

	if (!m->low->media_open)
		return ERR_UNSUPP;
	return m->low->media_open(m->low_ctx, c, c->base, c->mcei,
	    c->pmid2 != MAC_ALL ? c->pmid2 : c->pmid, &c->media_p, local, &c->handle);
}

static void media_leave(const struct mac_conn *c)
{
	const struct mac_low *low = c->mac->low;

	if (c->media && c->media_p.session && low->media_leave)
		low->media_leave(c->mac->low_ctx, &c->media_p);
}

int mac_media_open(struct mac_conn *c, const struct mac_media *p, struct mac_addr *local)
{
	int err;

	if (p->session != c->media_p.session || p->instance != c->media_p.instance)
		media_leave(c);
	mac_media_stop(c);
	c->media_p = *p;
	c->media_tries = 0;
	err = mac_media_start(c, local);
	c->media = err == 0;
	return err;
}

void mac_media_close(struct mac_conn *c)
{
	media_leave(c);
	mac_media_stop(c);
}

int mac_media_take(struct mac_conn *to, struct mac_conn *from)
{
	struct mac_addr local;
	int err;

	if (!from->media)
		return ERR_STATE;
	mac_media_stop(to);
	to->media_p = from->media_p;
	to->media_tries = 0;
	err = mac_media_start(to, &local);
	if (err)
		return err;
	mac_media_stop(from);
	from->media_p.session = 0;
	to->media = to->media_moving = true;
	return 0;
}

bool mac_media_is_open(const struct mac_conn *c)
{
	return c->media;
}

static struct mac_conn *by_handle(struct mac *m, uint32_t base, uint16_t handle, bool old)
{
	LIST_FOREACH(&m->conns, it)
	{
		struct mac_conn *c = LIST_ENTRY(it, struct mac_conn, node);

		if (c->media && c->base == base && c->handle == handle)
			return c;
		for (unsigned i = 0; old && i < ARRAY_LEN(c->old_handles); i++)
			if (c->old_bases[i] == base && c->old_handles[i] == handle)
				return c;
	}
	return NULL;
}

int mac_media_again(struct mac *m, uint32_t base, uint16_t handle)
{
	struct mac_conn *c = by_handle(m, base, handle, false);
	struct mac_addr local;

	if (!c)
		return ERR_NOTFOUND;
	if (c->media_tries >= MEDIA_TRIES)
		return ERR_BUSY;
	c->media_tries++;
	return mac_media_start(c, &local);
}

void mac_media_result(struct mac *m, uint32_t base, uint16_t handle, int err)
{
	struct mac_conn *c = by_handle(m, base, handle, false);
	struct mac_media_ind ind = { .err = err };

	if (!c)
		return;
	ind.what = err ? MAC_MEDIA_FAILED : c->media_moving ? MAC_MEDIA_MOVED : MAC_MEDIA_OPENED;
	if (err)
		mac_media_stop(c);
	c->media_moving = false;
	m->ops->media_ind(m->ctx, c, &ind);
}

void mac_media_stats(
    struct mac *m, uint32_t base, uint16_t handle, const struct mac_media_stats *st)
{
	struct mac_conn *c = by_handle(m, base, handle, true);

	if (c)
		m->ops->media_ind(
		    m->ctx, c, &(struct mac_media_ind){ .what = MAC_MEDIA_STATS, .stats = st });
}
