/* Tickets that are kept. */
#include <stdlib.h>
#include <string.h>

#include "certd/krb_int.h"
#include "common/mem.h"

#define OVERHEAD 512

void krb_cache_init(struct krb_cache *c)
{
	list_init(&c->by_age);
}

static void drop(struct krb_cache *c, krb5_context ctx, struct krb_ticket *t)
{
	map_del(&c->map, &t->node);
	list_remove(&t->by_age);
	c->octets -= t->size;
	c->n--;
	krb5_free_creds(ctx, t->creds); /* wipes its session key */
	free(t->key);
	mem_free_wiped(t, sizeof(*t));
}

void krb_cache_clear(struct krb_cache *c, krb5_context ctx)
{
	while (!list_empty(&c->by_age))
		drop(c, ctx, LIST_ENTRY(c->by_age.next, struct krb_ticket, by_age));
	map_free(&c->map);
}

static struct krb_ticket *find(const struct krb_cache *c, const char *key)
{
	struct map_node *n = map_get(&c->map, slice_str(key));

	return n ? CONTAINER_OF(n, struct krb_ticket, node) : NULL;
}

void krb_cache_drop(struct krb_cache *c, krb5_context ctx, const char *key)
{
	struct krb_ticket *t = find(c, key);

	if (t)
		drop(c, ctx, t);
}

void krb_cache_put(struct krb_cache *c, krb5_context ctx, const char *key, const uint8_t secret[16],
    krb5_creds *creds)
{
	struct krb_ticket *t;
	krb5_creds *mine;

	krb_cache_drop(c, ctx, key);
	if (krb5_copy_creds(ctx, creds, &mine))
		return;
	t = mem_new(sizeof(*t));
	t->key = mem_str(key);
	t->creds = mine;
	t->size = OVERHEAD + strlen(key) + creds->ticket.length;
	memcpy(t->secret, secret, sizeof(t->secret));
	(void)map_put(&c->map, &t->node, slice_str(t->key));
	list_append(&c->by_age, &t->by_age);
	c->octets += t->size;
	c->n++;
	while (c->octets > KRB_CACHE)
		drop(c, ctx, LIST_ENTRY(c->by_age.next, struct krb_ticket, by_age));
}

krb5_creds *krb_cache_get(
    struct krb_cache *c, krb5_context ctx, const char *key, const uint8_t secret[16])
{
	struct krb_ticket *t = find(c, key);

	if (!t)
		return NULL;
	if (mem_differs(t->secret, secret, sizeof(t->secret)) == 0)
		return t->creds;
	drop(c, ctx, t);
	return NULL;
}
