/* The 16-byte header: host byte order, because both ends are on this host. */
#include <string.h>

#include "ipc/ipc_priv.h"

_Static_assert(sizeof(struct ipc_hdr) == 16, "the header is 16 octets without padding");

void ipc_hdr_put(uint8_t out[16], const struct ipc_hdr *h)
{
	memcpy(out, h, 16);
}

int ipc_hdr_get(const uint8_t *b, size_t n, unsigned nfds, struct ipc_hdr *h)
{
	if (n < 16)
		return ERR_TRUNCATED;
	memcpy(h, b, 16);
	if (h->magic != IPC_MAGIC || h->ver != IPC_VERSION || h->kind < IPC_REQ ||
	    h->kind > IPC_PACK || h->zero != 0)
		return ERR_SYNTAX;
	if (h->nfds != nfds || nfds > IPC_MAX_FDS || (h->corr == 0) != (h->kind >= IPC_EVT))
		return ERR_VALUE;
	if (h->kind == IPC_PACK && (h->iface || h->type || nfds || n > IPC_PACK_MAX))
		return ERR_SYNTAX;
	return n - 16 > IPC_MAX_BODY ? ERR_LIMIT : 0;
}
