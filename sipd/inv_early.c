/* Requests that overtake the response which makes their dialog: the response comes over another connection, or the network turned
 * the two round. Seen with Asterisk 22: its 180 on the connection of our INVITE, then UPDATE with the name of who is called on a
 * connection of its own; when that UPDATE gets 481 it ends the call. RFC 3261 12.2.2 leaves a UAS to decide what a request of no
 * dialog means; here it waits, for as long as our INVITE may still make that dialog and HOLD_MS at most. */
#include <stdlib.h>

#include "common/mem.h"
#include "sipd/inv_int.h"

#define HELD_MAX 4 /* requests of one INVITE */
#define HOLD_MS                                                                                    \
	2000 /* a lost 180 is not sent again, so that the dialog may not come before the 2xx */

struct held {
	struct list node;
	struct tx *tx;
	struct tmr tmr;
};

static void drop(struct held *h)
{
	tmr_stop(&h->tmr);
	list_remove(&h->node);
	free(h);
}

static void on_server(void *ctx, struct tx *tx, enum tx_server_ev ev, const struct sip_msg *m)
{
	struct held *h = ctx;

	(void)m;
	if (ev == TXS_LOST || ev == TXS_DONE) {
		drop(h);
	} else if (ev == TXS_CANCEL) {
		drop(h);
		tx_forget(tx);
		(void)tx_refuse(tx, 487, NULL);
	}
}

/* 481 would end the call at the far end (RFC 5057 5.1): only what ends it itself gets that. */
static void refuse(struct held *h, bool over)
{
	struct tx *tx = h->tx;

	drop(h);
	tx_forget(tx);
	if (over || tx_req(tx)->method == SIP_M_BYE)
		(void)tx_refuse(tx, 481, NULL);
	else
		(void)tx_reply(tx, 500, SLICE_LIT("No such dialog yet"),
		    SLICE_LIT("Retry-After: 1\r\n"), SLICE_LIT(""), SLICE_LIT(""));
}

static void on_time(struct tmr *t, void *ctx)
{
	(void)t;
	refuse(ctx, false);
}

static void on_request(
    struct sip_usage *u, struct tx *tx, const struct sip_msg *req, struct tp_flow *flow)
{
	struct inv *i = CONTAINER_OF(u, struct inv, early);
	struct held *h;
	unsigned n = 0;

	(void)flow;
	LIST_FOREACH(&i->held, it)
	n++;
	if (!tx)
		return;
	if (i->state != INV_CALLING || req->from_tag.n == 0 || n == HELD_MAX) {
		(void)tx_refuse(tx, 481, NULL);
		return;
	}
	h = mem_new(sizeof(*h));
	h->tx = tx;
	tmr_init(&h->tmr, i->ua->wheel, on_time, h);
	tmr_start(&h->tmr, HOLD_MS);
	list_append(&i->held, &h->node);
	tx_serve(tx, on_server, h);
}

void inv_early_start(struct inv *i)
{
	i->early.dlg = i->half;
	i->early.early = true;
	i->early.request = on_request;
	sip_ua_add(i->ua, &i->early);
}

void inv_early_tell(struct inv *i, struct slice remote_tag)
{
	struct inv_fork *f;

	LIST_FOREACH(&i->held, it)
	{
		struct held *h = LIST_ENTRY(it, struct held, node);
		struct tx *tx = h->tx;
		if (!slice_eq(tx_req(tx)->from_tag, remote_tag))
			continue;
		f = inv_fork_of(i, remote_tag);
		if (!f)
			return;
		drop(h);
		tx_forget(tx);
		sip_ua_give(&f->usage, tx, tx_req(tx), tx_flow(tx));
	}
}

void inv_early_stop(struct inv *i)
{
	sip_ua_remove(i->ua, &i->early);
	while (!list_empty(&i->held))
		refuse(LIST_ENTRY(i->held.next, struct held, node), true);
}
