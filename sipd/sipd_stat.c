/* Metrics of what lies below the calls: registrations, transactions, responses, transports, TLS, DNS. Copied once a second:
 * the layers count for themselves and know no names. */
#include <stdlib.h>

#include "common/mem.h"
#include "sipd/dns.h"
#include "sipd/reg.h"
#include "sipd/tls.h"

struct sipd_stats {
	struct sipd *s;
	struct stat_val *users, *reg[3], *proxies, *proxies_down, *tx[TX_NKIND], *started[TX_NKIND],
	    *in[7], *out[7], *retrans_in, *retrans_out, *timeouts, *refused, *flows, *msg_in,
	    *msg_out, *dropped[3], *closed[2], *tls[5], *tls_live, *dns[5];
};

static struct stat_val *counter(
    struct stat_set *set, const char *name, const char *labels, const char *help)
{
	return stat_get(set, STAT_COUNTER, name, labels, help);
}

static void make(struct sipd_stats *x, struct stat_set *set)
{
	static const char *const kinds[TX_NKIND] = { "kind=\"invite-client\"", "kind=\"client\"",
		"kind=\"invite-server\"", "kind=\"server\"" };
	static const char *const classes[7] = { NULL, "class=\"1xx\"", "class=\"2xx\"",
		"class=\"3xx\"", "class=\"4xx\"", "class=\"5xx\"", "class=\"6xx\"" };
	static const char *const states[3] = { "state=\"wanted\"", "state=\"registered\"",
		"state=\"failed\"" };
	static const char *const drops[3] = { "why=\"rate\"", "why=\"malformed\"",
		"why=\"too-many-connections\"" };
	static const char *const ends[2] = { "why=\"slow\"", "why=\"idle\"" };
	static const char *const tls[5] = { "result=\"ok\"", "result=\"failed\"",
		"result=\"wrong-name\"", "result=\"untrusted\"", "result=\"revoked\"" };
	static const char *const dns[5] = { "result=\"asked\"", "result=\"answered\"",
		"result=\"timeout\"", "result=\"cached\"", "result=\"stale\"" };

	x->users = stat_get(set, STAT_GAUGE, "ipdect_sipd_users", NULL, "Users");
	for (int i = 0; i < 3; i++)
		x->reg[i] = stat_get(
		    set, STAT_GAUGE, "ipdect_sipd_registered", states[i], "Users by registration");
	x->proxies = stat_get(set, STAT_GAUGE, "ipdect_sipd_proxies", NULL, "Proxies configured");
	x->proxies_down =
	    stat_get(set, STAT_GAUGE, "ipdect_sipd_proxies_down", NULL, "Proxies without answer");
	for (int i = 0; i < TX_NKIND; i++) {
		x->tx[i] = stat_get(
		    set, STAT_GAUGE, "ipdect_sipd_transactions_live", kinds[i], "Transactions now");
		x->started[i] = counter(
		    set, "ipdect_sipd_transactions", kinds[i], "Transactions that were begun");
	}
	for (int i = 1; i < 7; i++) {
		x->in[i] =
		    counter(set, "ipdect_sipd_responses_in", classes[i], "Responses received");
		x->out[i] = counter(set, "ipdect_sipd_responses_out", classes[i], "Responses sent");
	}
	x->retrans_in = counter(
	    set, "ipdect_sipd_repeats", "direction=\"in\"", "Messages that came or went again");
	x->retrans_out = counter(set, "ipdect_sipd_repeats", "direction=\"out\"", NULL);
	x->timeouts = counter(
	    set, "ipdect_sipd_transaction_timeouts", NULL, "Transactions without an answer");
	x->refused = counter(
	    set, "ipdect_sipd_stateless_refusals", NULL, "Requests refused before a transaction");
	x->flows =
	    stat_get(set, STAT_GAUGE, "ipdect_sipd_flows", NULL, "Connections and UDP peers");
	x->msg_in = counter(set, "ipdect_sipd_messages", "direction=\"in\"", "SIP messages");
	x->msg_out = counter(set, "ipdect_sipd_messages", "direction=\"out\"", NULL);
	for (int i = 0; i < 3; i++)
		x->dropped[i] = counter(
		    set, "ipdect_sipd_dropped", drops[i], "Messages and connections refused");
	for (int i = 0; i < 2; i++)
		x->closed[i] = counter(set, "ipdect_sipd_closed", ends[i],
		    "Connections closed for being slow or idle");
	for (int i = 0; i < 5; i++) {
		x->tls[i] =
		    counter(set, "ipdect_sipd_tls_handshakes", tls[i], "TLS handshakes by result");
		x->dns[i] = counter(set, "ipdect_sipd_dns", dns[i], "DNS questions by result");
	}
	x->tls_live =
	    stat_get(set, STAT_GAUGE, "ipdect_sipd_tls_connections", NULL, "TLS connections now");
}

void sipd_stats_update(struct sipd *s)
{
	struct sipd_stats *x = s->stats;
	struct tx_stats tx;
	struct tp_stats tp;
	struct tp_tls_stats tls = { 0 };
	struct dns_stats dns;
	unsigned reg[3], proxies, down = regs_proxies_down(s, &proxies);

	regs_count(s, &reg[0], &reg[1], &reg[2]);
	tx_get_stats(sip_ua_tx(s->ua), &tx);
	tp_get_stats(sip_ua_tp(s->ua), &tp);
	resolve_get_stats(sip_ua_resolve(s->ua), &dns);
	if (tls_of(s))
		tp_tls_get_stats(tls_of(s), &tls);
	stat_set_to(x->users, users_count(s->users));
	for (int i = 0; i < 3; i++)
		stat_set_to(x->reg[i], reg[i]);
	stat_set_to(x->proxies, proxies);
	stat_set_to(x->proxies_down, down);
	for (int i = 0; i < TX_NKIND; i++) {
		stat_set_to(x->tx[i], tx.live[i]);
		stat_set_to(x->started[i], tx.started[i]);
	}
	for (int i = 1; i < 7; i++) {
		stat_set_to(x->in[i], tx.rsp_in[i]);
		stat_set_to(x->out[i], tx.rsp_out[i]);
	}
	stat_set_to(x->retrans_in, tx.retrans_in);
	stat_set_to(x->retrans_out, tx.retrans_out);
	stat_set_to(x->timeouts, tx.timeouts);
	stat_set_to(x->refused, tx.refused);
	stat_set_to(x->flows, tp.flows);
	stat_set_to(x->msg_in, tp.msg_in);
	stat_set_to(x->msg_out, tp.msg_out);
	stat_set_to(x->dropped[0], tp.dropped_rate);
	stat_set_to(x->dropped[1], tp.dropped_bad);
	stat_set_to(x->dropped[2], tp.refused_limit);
	stat_set_to(x->closed[0], tp.closed_slow);
	stat_set_to(x->closed[1], tp.closed_idle);
	stat_set_to(x->tls[0], tls.ok);
	stat_set_to(x->tls[1], tls.failed);
	stat_set_to(x->tls[2], tls.bad_name);
	stat_set_to(x->tls[3], tls.bad_chain);
	stat_set_to(x->tls[4], tls.revoked);
	stat_set_to(x->tls_live, tls.live);
	stat_set_to(x->dns[0], dns.asked);
	stat_set_to(x->dns[1], dns.answered);
	stat_set_to(x->dns[2], dns.timeouts);
	stat_set_to(x->dns[3], dns.cache_hits);
	stat_set_to(x->dns[4], dns.stale);
}

void sipd_stats_start(struct sipd *s)
{
	struct sipd_stats *x = mem_new(sizeof(*x));

	x->s = s;
	s->stats = x;
	make(x, s->d->stats);
}

void sipd_stats_stop(struct sipd *s)
{
	if (!s->stats)
		return;
	free(s->stats);
	s->stats = NULL;
}
