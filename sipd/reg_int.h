#ifndef SIPD_REG_INT_H
#define SIPD_REG_INT_H
#include "sipd/redirect.h"
#include "sipd/reg.h"
#include "sipd/reg_tab.h"

/* Inside of the registration engine: reg.c (the machine), reg_proxy.c (the proxies), reg_view.c (what others ask and tell). */
struct proxy {
	struct regs *regs;
	char uri[256];
	uint32_t priority, weight;
	bool down, answers; /* answers: to OPTIONS, as seen */
	uint32_t
	    busy_ms;    /* how long it was left alone after its last 503; 0: it has served since */
	uint64_t quiet; /* ms: before that it is asked nothing */
	uint64_t since; /* ms: down since */
	struct addr seen[4]; /* addresses that answered, for what comes from there */
	unsigned nseen;
	struct tmr probe;
	struct sip_req *req;
	const char *why;
	char said[200]; /* what why may point to */
	bool has_date;
	int64_t ahead_s; /* its clock before ours, as last seen */
};

#define REG_HOMES 8

struct regs {
	struct sipd *s;
	struct proxy proxy[SIPD_PROXIES];
	unsigned nproxy;
	unsigned wanted, up, failed;
	char *home
	    [REG_HOMES]; /* names of servers that a 3xx named and that serve users; the oldest is overwritten */
	unsigned nhome; /* ever */
	uint64_t slot;  /* when the next REGISTER may leave, µs */
	struct stat_val *ok, *refused, *lost;
};

struct reg {
	struct fsm fsm;
	struct regs *regs;
	struct user *user;
	struct tmr timer;
	struct tp_watch watch;
	struct tp_flow *flow;
	struct sip_req *req;
	struct resolve_q *q;
	struct auth_req *auth;
	struct proxy *proxy;
	char call_id[40], tag[20], instance[40];
	char *lines; /* credentials for the next try */
	char *routes;
	char *target[REDIRECT_MAX]; /* where a 3xx sent us, what to try first */
	unsigned ntarget;           /* 0: to the proxy */
	char *gruu;                 /* RFC 5627; NULL: none */
	unsigned redirects;
	uint64_t owner;
	uint64_t account; /* hash of the name that the user logs in by */
	char *domain;     /* where it is registered: of this name's record */
	uint32_t cseq, expires, granted, delay, tries, backoff;
	uint32_t rest;  /* ms before the first attempt */
	uint32_t ended; /* how often the server has ended it since its last refresh */
	unsigned code, auths;
	const char *why;
	char said[600]; /* what why may point to */
	bool was_up, watching, unregister;
	bool paused; /* the server said no for a while: a proxy's recovery changes nothing */
	bool soon;   /* the next attempt is no failure's: its time is set already */
	bool
	    moved; /* since the last 2xx: another server, which knows nothing of this registration yet */
	uint32_t
	    avoid; /* bit by proxy: it answers, but does not serve this user, in this attempt */
	/* RFC 5626 (reg_outbound.c) */
	bool ob;           /* the registrar does it */
	bool ob_refused;   /* 439 from this proxy */
	bool held;         /* its waiting time runs: this proxy's recovery does not shorten it */
	unsigned failures; /* registrations in a row that failed */
};
#define REG_BACKOFF_MS     2000u
#define REG_BACKOFF_MAX_MS 60000u
void reg_on_timer(struct tmr *t, void *ctx);
extern const struct fsm_env reg_env;

/* How long until a REGISTER may leave, ms: at the configured rate, and not before at_least. */
uint32_t reg_turn(struct regs *rs, uint32_t at_least);
/* The proxy to use now: lowest priority number among those that are up, by weight among equals (by user, so that a user
 * stays with it). NULL: all are down. */
struct proxy *reg_proxy_pick(struct regs *r, const struct user *u);
/* The machine's timer, at its turn, unless it has an earlier time already. */
void reg_hasten(struct reg *r);
/* An answer came over this flow. */
void reg_proxy_saw(struct proxy *p, const struct tp_flow *f, const struct sip_msg *rsp);
/* It does not answer: its users go to another, and it is asked until it does. */
void reg_proxy_down(struct proxy *p, const char *why);
/* 503: the same, and it is not asked before the time that it says (RFC 3261 21.5.4). */
void reg_proxy_busy(struct proxy *p, const struct sip_msg *rsp);
/* This attempt leaves the user's proxy out. false: there is no other. */
bool reg_avoid(struct reg *r);
/* The table as configured; who points into the old one is to be removed before. */
void regs_set_proxies(struct regs *r);
bool regs_same_proxies(struct regs *r); /* as configured, but for their weights */
/* Those of the configuration; users go to the proxy that is theirs by them. */
void regs_weigh_proxies(struct regs *r);
void reg_drop_flow(struct reg *r);
void reg_forget_sa(
    struct reg *r); /* LYNC: an association is made with one server over one connection */

/* reg_grant.c */
void reg_granted(struct reg *r, const struct sip_msg *rsp);

/* reg_outbound.c */
bool reg_ob_offered(const struct reg *r);
void reg_ob_contact(const struct reg *r, struct wr *w); /* parameters of REGISTER's Contact */
void reg_ob_granted(struct reg *r, const struct sip_msg *rsp);
bool reg_ob_refused(struct reg *r, const struct sip_msg *rsp); /* 439: again without */
void reg_ob_forget(struct reg *r);                             /* another server */
/* Before the next attempt: not earlier than RFC 5626 4.5 allows. */
void reg_ob_hold(struct reg *r);

/* r->why is set. Whom the server sends round in circles, or who gets no service, tries the next one, if there is one. */
void reg_refused(struct reg *r, const struct sip_msg *rsp, const char *remedy);

/* reg_ms.c, LYNC */
bool reg_ms_answer(struct reg *r, const struct sip_msg *rsp); /* true: it is dealt with */
void reg_ms_granted(struct reg *r, const struct sip_msg *rsp);
/* reg_redir.c */
bool reg_redirected(struct reg *r, const struct sip_msg *rsp); /* false: nowhere, or too often */
/* The target in use does not serve: the next one is tried, after the last the next proxy. false: none was in use. */
bool reg_target_failed(struct reg *r);
void reg_targets_clear(struct reg *r);
/* The target in use has registered the user, over TLS: its name is proven, and it may connect to us, too. */
void reg_target_serves(struct reg *r);
void regs_forget_homes(struct regs *r);
#endif
