#ifndef DECTD_CALL_PRIV_IPC_H
#define DECTD_CALL_PRIV_IPC_H
#include "call.pb-c.h"
#include "dectd/call_ipc.h"
#include "dectd/cc_lce.h"
#include "dectd/clms.h"
#include "dectd/ss.h"

/* Shared by call_ipc.c (life, what sipd says) and call_out_ipc.c (what handsets' calls ask of it). */

struct ticket { /* an offer that was not answered yet */
	struct map_node by_ref;
	uint64_t ref;
	struct ipc_ticket *t;
};

/* Ended while sipd was away: told when it is back, with the cause. Of more than these sipd learns without: it is told which
 * calls live. */
struct gone {
	uint64_t ref;
	enum iwu_cause cause;
};
#define GONE_MAX 256

struct calls {
	struct dectd *r;
	struct phones *phones;
	struct cc_lce *low;
	struct ss *ss;
	struct handover *handover;
	struct clms *clms;
	struct map tickets;
	struct gone gone[GONE_MAX];
	unsigned ngone;
	struct list asks;
};
struct call_ask {
	struct list node;
	struct calls *c;
	uint64_t ref;
	bool on;
};

static inline ProtobufCBinaryData bin(struct slice s)
{
	return (ProtobufCBinaryData){ s.n, (uint8_t *)(uintptr_t)s.p };
}
static inline struct slice bytes(protobuf_c_boolean has, ProtobufCBinaryData b)
{
	return has ? (struct slice){ (const char *)b.data, b.len } : (struct slice){ 0 };
}

extern const struct iwu_ops call_iwu_ops;
extern const struct cc_lce_ops call_low_ops;
/* false: nothing that a base station can reach. */
bool call_media_of(const struct calls *c, const Base__MediaAt *at, struct mac_media *out);
struct call_ask call_ask_end(void *ctx); /* the question is answered, or will not be */
void call_op_offered(void *ctx, uint64_t ref, bool accepted, enum iwu_cause why);
void call_op_release(void *ctx, uint64_t ref, enum iwu_cause why);
#endif
