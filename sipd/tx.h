#ifndef SIPD_TX_H
#define SIPD_TX_H
#include "sipd/sip_msg.h"
#include "sipd/tp.h"

/* Transactions (RFC 3261 17, RFC 6026): four table-driven machines behind one interface. Client requests go over one
 * flow here; finding the next hop and trying several is sip_req.h. Retransmission, the ACK to a refused INVITE, and
 * absorbing of repeats are done here and are not seen above. */
struct tx_layer;
struct tx;

struct tx_conf {
	uint32_t t1, t2, t4; /* ms; 0: 500, 4000, 5000 */
	uint32_t max_tx; /* both kinds together; 0: 50000. More server requests: 503, Retry-After */
	const char *server; /* Server header of responses; NULL: none. Outlives the layer */
};

struct tx_ops {
	/* A new request (never CANCEL, never a repeat). tx is NULL for an ACK to a 2xx. The owner of tx answers with
	 * tx_reply now or later; a request that nobody kept (tx_serve) and nobody answered gets a 500. */
	void (*request)(void *ctx, struct tx *tx, const struct sip_msg *req, struct tp_flow *f);
	/* A response that belongs to no transaction (a late 2xx, for instance). May be NULL. */
	void (*stray)(void *ctx, const struct sip_msg *rsp, struct tp_flow *f);
	/* The last step before a message leaves: m is the finished text, parsed. Writes whole header lines to add (after
	 * the topmost Via). owner is what was given to the request or tx_set_owner. Negative: the message is not sent.
	 * May be NULL, then nothing is parsed. */
	int (*sign)(void *ctx, struct tp_flow *f, uint64_t owner, const struct sip_msg *m,
	    struct wr *lines);
	/* Right after parsing, before matching. Negative: the message is dropped without an answer. May be NULL. */
	int (*verify)(void *ctx, struct tp_flow *f, const struct sip_msg *m);
	/* LYNC: parameters (";epid=…") of ours for To of the responses to a request outside of dialogs. May be NULL. */
	void (*to_params)(void *ctx, struct tp_flow *f, const struct sip_msg *req, struct wr *w);
};
#define TX_TO_PARAMS 40 /* octets of them, with the NUL */

struct tx_layer *tx_layer_new(
    const struct tx_conf *conf, struct tmr_wheel *w, const struct tx_ops *ops, void *ctx);
/* Ends all transactions without telling anybody. */
void tx_layer_free(struct tx_layer *l);
void tx_layer_reconf(struct tx_layer *l, const struct tx_conf *conf);
/* What tp_ops.msg calls. */
void tx_input(struct tx_layer *l, struct tp_flow *f, struct sip_msg *m);

/* ---- client ---- */
enum tx_client_ev {
	TXC_REPLY,   /* rsp: a response; for INVITE several 2xx may come */
	TXC_TIMEOUT, /* timer B or F: as a 408 */
	TXC_LOST,    /* transport error: as a 503 */
	TXC_DONE,    /* last call: the transaction is gone when it returns */
};
typedef void tx_client_h(
    void *ctx, struct tx *tx, enum tx_client_ev ev, const struct sip_msg *rsp, int err);

struct tx_request {
	enum sip_method method; /* not ACK */
	struct slice
	    msg; /* whole request without Via: tx puts a Via with a new branch after the start line */
	uint64_t owner;      /* for the signing hook */
	uint32_t timeout_ms; /* timers B and F; 0: 64*T1. Counts until the first response only */
};
/* Sends. The message is copied. *out may be used until TXC_DONE. Errors: of tp_flow_send, ERR_LIMIT, ERR_SYNTAX; then no
 * callback comes. Callbacks never come from inside tx_send. */
int tx_send(struct tx_layer *l, struct tp_flow *f, const struct tx_request *r, tx_client_h *fn,
    void *ctx, struct tx **out) MUST_CHECK;
/* CANCEL of an INVITE: sent when the first 1xx is there (RFC 3261 9.1). lines: more header lines (Reason), may be
 * empty. ERR_STATE when a final response came. Without any response 64*T1 later TXC_TIMEOUT is reported. */
int tx_cancel(struct tx *tx, struct slice lines);
/* The caller wants no more callbacks; the transaction goes on for the wire's sake. */
void tx_forget(struct tx *tx);
/* Sends a message outside of any transaction: ACK to a 2xx. A Via with a new branch is added; the text as sent is kept
 * in *sent (malloc, may be NULL) for tx_resend. */
int tx_send_ack(
    struct tx_layer *l, struct tp_flow *f, uint64_t owner, struct slice msg, struct slice *sent);
int tx_resend(struct tx_layer *l, struct tp_flow *f, struct slice sent);

/* ---- server ---- */
enum tx_server_ev {
	TXS_CANCEL, /* CANCEL came (m; the layer answered it): answer 487 */
	TXS_ACK,    /* ACK to our 3xx-6xx (m) */
	TXS_NO_ACK, /* timer H: none came */
	TXS_LOST,   /* a response could not be sent */
	TXS_DONE,   /* last call */
};
typedef void tx_server_h(void *ctx, struct tx *tx, enum tx_server_ev ev, const struct sip_msg *m);
/* Keeps the transaction beyond the request callback and asks for its events; fn may be NULL. */
void tx_serve(struct tx *tx, tx_server_h *fn, void *ctx);
/* LYNC: a BENOTIFY wants no response: the transaction ends without one. */
void tx_ignore(struct tx *tx);
/* The request, until TXS_DONE. After tx_serve its address may differ from the one given to the callback. */
const struct sip_msg *tx_req(const struct tx *tx);
struct tp_flow *tx_flow(const struct tx *tx);
void tx_set_owner(struct tx *tx, uint64_t owner);
/* Sends a response. lines: header lines, each with CR LF, or empty. A 2xx to INVITE is not repeated here: sip_ua.h does.
 * The To tag is one per transaction (tx_to_tag) unless the request had one. ERR_STATE after a final response. */
int tx_reply(struct tx *tx, unsigned status, struct slice reason, struct slice lines,
    struct slice type, struct slice body);
/* The shortest form. */
int tx_refuse(struct tx *tx, unsigned status, const char *reason);
/* The tag we put into To; made on first use. NUL-terminated. */
const char *tx_to_tag(struct tx *tx);
/* What stands behind the tag: of tx_ops.to_params. */
const char *tx_to_params(const struct tx *tx);
/* The final response we sent, 0: none yet. */
unsigned tx_status(const struct tx *tx);
/* Sends the last response again (2xx and reliable 1xx to INVITE, whose repeats are the core's business). */
int tx_repeat(struct tx *tx);
/* Text of the last response sent (for repeating a 2xx); borrowed until the next. */
struct slice tx_last(const struct tx *tx);

enum tx_kind { TX_CLIENT_INVITE, TX_CLIENT, TX_SERVER_INVITE, TX_SERVER, TX_NKIND };
struct tx_stats {
	uint32_t live[TX_NKIND];
	uint64_t started[TX_NKIND], retrans_out, retrans_in, timeouts, refused;
	uint64_t rsp_in[7], rsp_out[7]; /* by class 1 … 6 */
};
void tx_get_stats(const struct tx_layer *l, struct tx_stats *out);
#endif
