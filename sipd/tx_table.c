/* Which transaction a message belongs to (RFC 3261 17.1.3, 17.2.3), and merged requests (8.2.2.2). */
#include "sipd/tx_int.h"

size_t tx_client_key(char *out, struct slice branch, struct slice method)
{
	struct wr w = wr_of(out, TX_KEY_MAX);

	wr_u8(&w, 'c');
	wr_slice_add(&w, branch);
	wr_u8(&w, '|');
	wr_slice_add(&w, method);
	return w.bad ? 0 : w.n;
}

static void lower(struct wr *w, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		wr_u8(w, (unsigned char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + 32 : s.p[i]));
}

/* Without the magic cookie the branch says nothing (RFC 2543 elements, RFC 4475 3.2.1): then the message's own identity
 * counts: Request-URI, From tag, Call-ID, CSeq and the topmost Via. */
size_t tx_server_key(char *out, const struct sip_msg *req, struct slice method)
{
	struct wr w = wr_of(out, TX_KEY_MAX);

	if (sip_via_has_magic(&req->via)) {
		wr_u8(&w, 's');
		wr_slice_add(&w, req->via.branch);
	} else {
		wr_u8(&w, 'o');
		wr_slice_add(&w, req->ruri);
		wr_u8(&w, '|');
		wr_slice_add(&w, req->from_tag);
		wr_u8(&w, '|');
		wr_slice_add(&w, req->call_id);
		wr_u8(&w, '|');
		wr_dec(&w, req->cseq);
		wr_u8(&w, '|');
		wr_slice_add(&w, req->via.branch);
	}
	wr_u8(&w, '|');
	lower(&w, req->via.host);
	wr_u8(&w, ':');
	wr_dec(&w, req->via.port);
	wr_u8(&w, '|');
	wr_slice_add(&w, method);
	return w.bad ? 0 : w.n;
}

/* One request that reached us twice over forking has another branch and the same Request-URI. With another one it is
 * meant for another of our users (a hunt group, say) and is a call of its own. */
size_t tx_merge_key(char *out, const struct sip_msg *req)
{
	struct wr w = wr_of(out, TX_KEY_MAX);

	wr_slice_add(&w, req->call_id);
	wr_u8(&w, '|');
	wr_slice_add(&w, req->from_tag);
	wr_u8(&w, '|');
	wr_dec(&w, req->cseq);
	wr_u8(&w, '|');
	wr_slice_add(&w, req->method_name);
	wr_u8(&w, '|');
	wr_slice_add(&w, req->ruri);
	return w.bad ? 0 : w.n;
}

struct tx *tx_find(struct tx_layer *l, const char *key, size_t n)
{
	struct map_node *node = n ? map_get(&l->table, (struct slice){ key, n }) : NULL;

	return node ? CONTAINER_OF(node, struct tx, key_node) : NULL;
}
