/* Frames of one turn of the loop that go out as one: waking the other process costs more than most answers, so it is woken once.
 * Frames in no haste wait for the next one that goes anyway.
 *
 * A pack is a frame of kind IPC_PACK, whose body is a row of frames without descriptors, each behind its length (4 octets, host
 * order). A frame that is alone goes as it is. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "ipc/ipc_priv.h"

#define PACK_LONGEST 1024    /* a longer frame is worth a system call of its own */
#define PACK_ASK_NS  1000000 /* as long a request waits for others of the same turn */
#define PACK_TELL_NS                                                                               \
	100000 /* and an answer: who asked may be on another processor, idle until it comes */

#define PACK_LATER_MS 50 /* and one in no haste */

struct
    ipc_turn { /* what ends a turn: the check behind the poll, or the prepare before the next one */
	uv_check_t check;
	uv_prepare_t prepare;
	struct ipc_node *n;
	unsigned open;
	bool on;
};

static void end_turn(struct ipc_turn *t)
{
	uv_check_stop(&t->check);
	uv_prepare_stop(&t->prepare);
	t->on = false;
	LIST_FOREACH(&t->n->peers, it)
	{
		struct ipc_peer *p = LIST_ENTRY(it, struct ipc_peer, in_node);

		if (p->pack.urgent)
			ipc_pack_flush(p);
	}
}

static void on_check(uv_check_t *h)
{
	end_turn(h->data);
}

static void on_prepare(uv_prepare_t *h)
{
	end_turn(h->data);
}

static void on_closed(uv_handle_t *h)
{
	struct ipc_turn *t = h->data;

	if (--t->open == 0)
		free(t);
}

void ipc_turn_free(struct ipc_turn *t)
{
	if (!t)
		return;
	uv_close((uv_handle_t *)&t->check, on_closed);
	uv_close((uv_handle_t *)&t->prepare, on_closed);
}

static void in_turn(struct ipc_node *n)
{
	struct ipc_turn *t = n->turn;

	if (!t) {
		t = n->turn = mem_new(sizeof(*t));
		t->n = n;
		t->open = 2;
		uv_check_init(n->def.loop, &t->check);
		uv_prepare_init(n->def.loop, &t->prepare);
		t->check.data = t->prepare.data = t;
	}
	if (t->on)
		return;
	uv_check_start(&t->check, on_check);
	uv_prepare_start(&t->prepare, on_prepare);
	t->on = true;
}

void ipc_pack_flush(struct ipc_peer *p)
{
	struct ipc_pack *k = &p->pack;
	struct ipc_hdr h = { IPC_MAGIC, IPC_VERSION, IPC_PACK, 0, 0, 0, 0, 0 };
	size_t n = k->n;
	uint8_t *b = k->b;

	if (k->frames == 0)
		return;
	if (k->frames == 1) {
		b += 16 + 4;
		n -= 16 + 4;
	} else {
		ipc_hdr_put(b, &h);
	}
	k->n = 0;
	k->frames = 0;
	k->urgent = false;
	tmr_stop(&k->later);
	if (!p->dead && !p->doomed && ipc_peer_put(p, b, n) != 0)
		ipc_peer_doom(p, "closed");
	if (p->n->def.secrets)
		mem_wipe(b, n);
}

void ipc_pack_on_later(struct tmr *t, void *ctx)
{
	(void)t;
	ipc_pack_flush(ctx);
}

/* When it goes: a frame in no haste with the next one that is, which takes it along at once, or at the end of the turn. */
static void in_time(struct ipc_peer *p)
{
	struct ipc_pack *k = &p->pack;
	uint64_t now;

	if (p->later) {
		if (!k->urgent && !tmr_pending(&k->later))
			tmr_start(&k->later, PACK_LATER_MS);
		return;
	}
	if (!p->gather) {
		ipc_pack_flush(p);
		return;
	}
	now = uv_hrtime();
	if (!k->urgent) {
		k->urgent = true;
		k->since = now;
		in_turn(p->n);
	}
	if (now - k->since >= (p->link ? PACK_ASK_NS : PACK_TELL_NS))
		ipc_pack_flush(p);
}

bool ipc_pack_put(
    struct ipc_peer *p, const struct ipc_hdr *h, const ProtobufCMessage *body, size_t n)
{
	struct ipc_pack *k = &p->pack;
	uint32_t len = (uint32_t)(16 + n);

	/* A peer that does not read gets its frames one by one: then its queue's limits hold for each. */
	if (p->nqueue || n > PACK_LONGEST || !(p->gather || k->frames || (p->later && p->packs)))
		return false;
	if (k->n + 4 + len > IPC_PACK_MAX)
		ipc_pack_flush(p);
	if (!k->b)
		k->b = mem_new(IPC_PACK_MAX);
	if (k->frames == 0)
		k->n = 16;
	memcpy(k->b + k->n, &len, 4);
	ipc_hdr_put(k->b + k->n + 4, h);
	if (body)
		protobuf_c_message_pack(body, k->b + k->n + 4 + 16);
	k->n += 4 + len;
	k->frames++;
	in_time(p);
	return true;
}

int ipc_pack_next(struct rd *r, struct slice *frame)
{
	uint32_t len = 0;

	if (rd_left(r) == 0)
		return 0;
	rd_copy(r, &len, sizeof(len));
	frame->n = len;
	frame->p = (const char *)rd_bytes(r, len);
	if (r->bad)
		return ERR_TRUNCATED;
	return len >= 16 ? 1 : ERR_SYNTAX;
}
