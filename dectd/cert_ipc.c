/* The cert interface: dectd as client of certd. Link keys of base stations; authentication of handsets is in auth_ipc.c. */
#include <stdlib.h>
#include <string.h>

#include "cert.pb-c.h"
#include "common/log.h"
#include "common/mem.h"
#include "dectd/dectd.h"

#define REQUEST_MS 5000

_Static_assert((int)RKEY_GET + 1 == (int)CERT__RFP_OP__RFP_GET, "operation numbers");
_Static_assert((int)RKEY_CONFIRM + 1 == (int)CERT__RFP_OP__RFP_CONFIRM, "operation numbers");
_Static_assert((int)RKEY_ROOT_HASH + 1 == (int)CERT__RFP_OP__RFP_ROOT_HASH, "operation numbers");

struct ask {
	struct dectd *r;
	uint32_t ticket;
};

static void on_keys(void *ctx, int err, struct ipc_msg *m)
{
	struct ask *a = ctx;
	struct dectd *r = a->r;
	uint32_t ticket = a->ticket;
	struct rfp_keys k = { 0 };

	free(a);
	if (!err && m) {
		const Cert__RfpKeysDone *d = IPC_BODY(m, Cert__RfpKeysDone);

		if (d->has_to_rfp && d->has_from_rfp && d->to_rfp.len == RFP_KEY_LEN &&
		    d->from_rfp.len == RFP_KEY_LEN) {
			k.to_rfp = d->to_rfp.data;
			k.from_rfp = d->from_rfp.data;
		}
		if (d->has_message)
			k.message = (struct slice){ (const char *)d->message.data, d->message.len };
	}
	rfp_dir_keys(r->dir, ticket, err, &k);
}

int cert_rfp_keys(void *ctx, uint32_t ticket, const uint8_t mac[6], enum rfp_key_op op,
    const uint8_t *auth, struct slice value)
{
	struct dectd *r = ctx;
	Cert__RfpKeys q = CERT__RFP_KEYS__INIT;
	struct ask *a;
	int err;

	if (!r->certd)
		return ERR_LOST;
	q.mac = (ProtobufCBinaryData){ 6, (uint8_t *)(uintptr_t)mac };
	q.op = (Cert__RfpOp)(op + 1);
	if (auth) {
		q.has_authenticate = 1;
		q.authenticate = (ProtobufCBinaryData){ RFP_AUTH_LEN, (uint8_t *)(uintptr_t)auth };
	}
	if (value.n) {
		q.has_value = 1;
		q.value = (ProtobufCBinaryData){ value.n, (uint8_t *)(uintptr_t)value.p };
	}
	a = mem_new(sizeof(*a));
	a->r = r;
	a->ticket = ticket;
	err = ipc_request(r->certd, IPC_IF_CERT, CERT__TYPE__CERT_RFP_KEYS, &q.base,
	    &cert__rfp_keys_done__descriptor, REQUEST_MS, on_keys, a);
	if (err)
		free(a);
	return err;
}
