#ifndef SIPD_SIP_UA_H
#define SIPD_SIP_UA_H
#include "sipd/dlg.h"
#include "sipd/sip_req.h"

/* The user agent core (RFC 3261 8.2): owns transports, transactions and resolver, does the checks that every request
 * needs (method 405/501, scheme 416, Require 420, merged requests 482, unknown dialog 481), finds the dialog usage a
 * request belongs to, and hands everything else to the handler of its method. */
struct sip_ua;

struct sip_ua_conf {
	struct tp_conf tp;
	struct tx_conf tx;
	struct resolve_conf resolve;
	const char *agent; /* User-Agent and Server; NULL: not sent */
	const char
	    *supported; /* option tags we understand in Require: "100rel, timer, replaces, …" */
};
struct sip_ua_hooks { /* see tx.h; NULL pointers are fine */
	int (*sign)(void *ctx, struct tp_flow *f, uint64_t owner, const struct sip_msg *m,
	    struct wr *lines);
	int (*verify)(void *ctx, struct tp_flow *f, const struct sip_msg *m);
	/* A request inside of a dialog that is not there. true: it was answered; else 481. */
	bool (*orphan)(void *ctx, struct tx *tx, const struct sip_msg *req, struct tp_flow *f);
	void (*to_params)(void *ctx, struct tp_flow *f, const struct sip_msg *req, struct wr *w);
};
struct sip_ua *sip_ua_new(uv_loop_t *loop, struct tmr_wheel *w, const struct sip_ua_conf *conf);
/* What its sessions and subscriptions have left on the wire ends, too. Owners free theirs before. Run the loop afterwards
 * until its handles are closed. NULL is fine. */
void sip_ua_free(struct sip_ua *ua);
void sip_ua_reconf(struct sip_ua *ua, const struct sip_ua_conf *conf);
void sip_ua_set_hooks(struct sip_ua *ua, const struct sip_ua_hooks *h, void *ctx);
/* Who answers challenges to requests in dialogs; see auth_answer(). credential: of sip_req_conf. */
struct auth_req;
struct sip_ua_credentials {
	int (*ask)(void *ctx, struct slice credential, const struct sip_msg *rsp,
	    struct slice method, struct slice uri, struct slice body,
	    void (*fn)(void *fctx, int err, struct slice lines), void *fctx, struct auth_req **out);
	void (*cancel)(struct auth_req *a);
};
void sip_ua_set_credentials(struct sip_ua *ua, const struct sip_ua_credentials *c, void *ctx);
struct tp *sip_ua_tp(struct sip_ua *ua);
struct tx_layer *sip_ua_tx(struct sip_ua *ua);
struct resolve *sip_ua_resolve(struct sip_ua *ua);
struct tmr_wheel *sip_ua_wheel(struct sip_ua *ua);
const char *sip_ua_agent(const struct sip_ua *ua);

/* Handler of out-of-dialog requests of a method. Methods without one get 405 with Allow. tx is never NULL. */
typedef void sip_ua_h(void *ctx, struct tx *tx, const struct sip_msg *req, struct tp_flow *f);
void sip_ua_handle(struct sip_ua *ua, enum sip_method m, sip_ua_h *fn, void *ctx);
/* "INVITE, ACK, …" of what has a handler (plus ACK, CANCEL): value of Allow. */
void sip_ua_put_allow(struct sip_ua *ua, struct wr *w);

/* A dialog usage: what requests inside one dialog go to. Embedded in its owner. */
struct sip_usage {
	struct sip_usage *hash_next;
	bool added;
	bool
	    early; /* of an INVITE whose dialogs are still to come: the request changes nothing in dlg, which is a HALF one */
	struct dlg *dlg; /* owned by the usage's owner */
	/* Is the request for this usage of the dialog; NULL: all are. */
	bool (*takes)(struct sip_usage *u, const struct sip_msg *req);
	/* tx is NULL for an ACK to a 2xx. CSeq was checked and the target refreshed. */
	void (*request)(
	    struct sip_usage *u, struct tx *tx, const struct sip_msg *req, struct tp_flow *f);
};
/* By Call-ID and local tag. Several usages may share a dialog (INVITE and a REFER's subscription): the newest whose takes
 * says yes gets the request. A HALF dialog takes requests of any remote tag. */
void sip_ua_add(struct sip_ua *ua, struct sip_usage *u);
void sip_ua_remove(struct sip_ua *ua, struct sip_usage *u); /* fine when it is not in it */
/* The dialog that a request of ours was written in; NULL: it is gone. */
struct dlg *sip_ua_dialog(
    struct sip_ua *ua, struct slice call_id, struct slice local_tag, struct slice remote_tag);
/* Dialog of a Replaces, Join or Target-Dialog header (call-id;to-tag=;from-tag=, from the sender's view);
 * NULL: none. *early_only tells of that parameter. */
struct sip_usage *sip_ua_replaces(struct sip_ua *ua, struct slice value, bool *early_only);
#endif
