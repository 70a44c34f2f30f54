#ifndef SIPD_TX_INT_H
#define SIPD_TX_INT_H
#include "common/fsm.h"
#include "common/map.h"
#include "sipd/sip_build.h"
#include "sipd/tx.h"

/* Inside of the transaction layer: tx.c (interface, sending), tx_table.c (matching), sip_txi/txn/rxi/rxn.c (machines). */
#define TX_KEY_ROOM 56 /* of our own requests: 'c', branch, '|', method */
struct tx {
	struct fsm m;
	struct tx_layer *l;
	struct list node; /* layer's live or dead list */
	enum tx_kind kind;
	enum sip_method method;
	struct map_node key_node, merge_node;
	char *key, *merge_key; /* key: key_room when it fits */
	char key_room[TX_KEY_ROOM];
	struct tp_flow *flow;
	struct tp_watch watch;
	struct tmr state_tmr, retr_tmr;
	uint32_t retr_ms;
	uint64_t started; /* ms */
	uint64_t owner;
	char to_params[TX_TO_PARAMS];
	char *sent; /* last message sent, whole */
	size_t sent_n;
	/* client */
	char branch[SIP_BRANCH_CAP];
	tx_client_h *cfn;
	uint32_t timeout_ms;
	unsigned final; /* final status seen or sent */
	bool got_1xx, cancelled;
	char *cancel_lines; /* waits for the first 1xx */
	struct tmr cancel_tmr;
	char *ack;
	size_t ack_n;
	/* server */
	tx_server_h *sfn;
	const struct sip_msg *req;
	struct sip_msg *req_own;
	bool served;
	struct tmr trying_tmr; /* until a 100 is owed */
	char to_tag[SIP_TAG_LEN + 1];
	void *ctx;
};

#define TX_SIGN_MAX                                                                                \
	40960 /* octets of the lines that a signature adds; a Kerberos ticket may be long */

struct tx_layer {
	struct tx_conf conf;
	struct tmr_wheel *wheel;
	const struct tx_ops *ops;
	void *ctx;
	struct map table, merged;
	struct list live, dead, spare; /* spare: memory for the next ones, still in the cache */
	unsigned nspare;
	struct tmr reaper;
	struct tx_stats stats;
	struct sip_msg scratch; /* own messages parsed again: for ACK, CANCEL, the signing hook */
	char sign_buf[TX_SIGN_MAX];
	char out[SIP_MSG_MAX + TX_SIGN_MAX + 1];
};

/* What the machines hand to their actions. */
struct tx_ev_arg {
	const struct sip_msg *m; /* response or request received */
	struct slice text;       /* message to send */
};

enum {
	TXI_EV_1XX,
	TXI_EV_2XX,
	TXI_EV_FINAL,
	TXI_EV_TIMER,
	TXI_EV_TPERR,
	TXI_EV_RETRANS,
	TXI_EV_STOP,
	TXI_NEV
};
enum { TXN_EV_1XX, TXN_EV_FINAL, TXN_EV_TIMER, TXN_EV_TPERR, TXN_EV_RETRANS, TXN_NEV };
enum {
	RXI_EV_REPEAT,
	RXI_EV_ACK,
	RXI_EV_1XX,
	RXI_EV_2XX,
	RXI_EV_FINAL,
	RXI_EV_TIMER,
	RXI_EV_TPERR,
	RXI_EV_RETRANS,
	RXI_NEV
};
enum { RXN_EV_REPEAT, RXN_EV_1XX, RXN_EV_FINAL, RXN_EV_TIMER, RXN_EV_TPERR, RXN_NEV };
extern const struct fsm_def sip_txi_def, sip_txn_def, sip_rxi_def, sip_rxn_def;
struct tx_kind_def {
	const struct fsm_def *def;
	uint8_t ev_tperr, ev_retrans;
};
extern const struct tx_kind_def tx_kinds[TX_NKIND];
extern const struct fsm_env tx_env;
/* First states. */
#define TX_ST_FIRST 0

static inline struct tx *tx_of(struct fsm *m)
{
	return CONTAINER_OF(m, struct tx, m);
}

/* tx.c, for the machines */
int tx_wire(struct tx *tx, struct slice text); /* sends and remembers as .sent */
int tx_wire_again(struct tx *tx);              /* .sent once more; counted as a retransmission */
void tx_wire_done(struct tx *tx);              /* it will not be sent again */
void tx_wire_ack(
    struct tx *tx, const struct sip_msg *rsp); /* ACK to 3xx-6xx, the same one for repeats */
void tx_tell(struct tx *tx, enum tx_client_ev ev, const struct sip_msg *rsp, int err);
void tx_tell_server(struct tx *tx, enum tx_server_ev ev, const struct sip_msg *m);
void tx_retrans_start(struct tx *tx, uint32_t ms);
void tx_retrans_next(struct tx *tx, uint32_t cap); /* doubles, up to cap (0: none) */
void tx_retrans_stop(struct tx *tx);
void tx_to_core(struct tx *tx, const struct sip_msg *ack); /* ACK to a 2xx */
static inline bool tx_unreliable(const struct tx *tx)
{
	return !tp_flow_reliable(tx->flow);
}

/* tx_table.c */
#define TX_KEY_MAX 2048
/* Keys into a buffer of TX_KEY_MAX; 0: does not fit. */
size_t tx_client_key(char *out, struct slice branch, struct slice method);
size_t tx_server_key(char *out, const struct sip_msg *req, struct slice method);
size_t tx_merge_key(char *out, const struct sip_msg *req);
struct tx *tx_find(struct tx_layer *l, const char *key, size_t n);

/* ---- tx.c, for tx_client.c and tx_server.c ---- */
struct tx *tx_new(
    struct tx_layer *l, enum tx_kind kind, struct tp_flow *f, const char *key, size_t n);
/* Puts the hook's header lines behind the topmost Via: the very last step. */
int tx_sign(struct tx_layer *l, struct tp_flow *f, uint64_t owner, struct wr *w) MUST_CHECK;
/* Start line, our Via, the rest, into the layer's buffer. */
int tx_put_with_via(struct tx_layer *l, struct tp_flow *f, const char *branch, struct slice msg,
    struct wr *w) MUST_CHECK;
/* ACK to a refusal and CANCEL: the INVITE's own first lines (RFC 3261 17.1.1.3, 9.1). */
int tx_put_like_invite(struct tx *tx, struct slice method, struct slice to, struct slice lines,
    struct wr *w) MUST_CHECK;
void tx_response_in(struct tx_layer *l, struct tp_flow *f, const struct sip_msg *m);
void tx_request_in(struct tx_layer *l, struct tp_flow *f, const struct sip_msg *m);
void tx_refuse_stateless(struct tx_layer *l, struct tp_flow *f, const struct sip_msg *req,
    unsigned status, const char *why, const char *lines);
#endif
