#ifndef SIPD_SIPD_H
#define SIPD_SIPD_H
#include "ipc/daemon.h"
#include "sipd/cdr.h"
#include "sipd/media.h"
#include "sipd/number.h"
#include "sipd/party.h"
#include "sipd/sip_ua.h"
#include "sipd/user.h"

/* The room's configuration and state. */
enum sipd_register_when {
	REGISTER_SUBSCRIBED,
	REGISTER_REACHABLE,
	REGISTER_ALWAYS,
	REGISTER_NEVER
};
enum sipd_accept { ACCEPT_AUTO, ACCEPT_PROXIES, ACCEPT_ANY };
enum sipd_dtmf { DTMF_AUTO, DTMF_RFC4733, DTMF_INFO };
enum sipd_require { REQUIRE_AUTO, REQUIRE_NO, REQUIRE_YES };
enum ms_auth { MS_AUTH_TRUSTED, MS_AUTH_NTLM, MS_AUTH_KERBEROS, MS_AUTH_NEGOTIATE };
enum sipd_transfer { TRANSFER_AUTO, TRANSFER_BRIDGE, TRANSFER_REFER };
#define SIPD_PROXIES 4

struct sipd_proxy_conf {
	char *uri;
	uint32_t priority, weight;
};
struct sipd_conf {
	/* the form's section General */
	uint32_t local_port, tls_port, transport;
	uint32_t dns_method; /* 0: SRV and NAPTR, 1: A records */
	char *default_domain;
	bool separate_ports, to_registrar, gruu, outbound, sips, tls_insecure;
	uint32_t ob_retry_ms, ob_retry_max_ms; /* RFC 5626 4.5: base and maximum */
	uint32_t register_expires, max_forwards, transaction_ms, dscp, priority_8021p;
	/* section Proxies */
	struct sipd_proxy_conf proxy[SIPD_PROXIES];
	bool internal_fallback;
	/* section Media */
	struct conf_list codecs, srtp_suites;
	uint32_t g726_packing; /* 0: RFC 3551, 1: AAL2 */
	bool answer_preferred, answer_single, ignore_version, srtp, lifetime, mki, comfort_noise;
	uint32_t srtp_require, ptime, media_dscp;
	/* ours */
	struct conf_list listen, transports, number_rules, complete_numbers, emergency, trusted,
	    dns_servers;
	char *emergency_uri, *agent, *voicemail, *voicemail_number, *tls_identity;
	uint32_t tls_client;
	struct conf_list tls_legacy;
	uint32_t register_when, register_rate, accept, dtmf, transfer, session_expires;
	uint32_t digits_ms, block_ms, first_digit_ms, no_answer_ms, ring_ms, keepalive_ms, lost_ms;
	uint32_t record_days;
	bool call_waiting, early_tones, mwi, rel100, allow_uri;
	/* [lync] */
	bool lync_ice, lync_ice_2007, lync_bypass, ice;
	bool lync, lync_strict, lync_policy;
	uint32_t lync_auth, lync_per_connection, lync_sa_ms;
	struct conf_list lync_front_ends, lync_kdcs;
	char *ice_stun, *ice_turn, *ice_turn_user;
	char *lync_domain, *lync_ad_domain, *lync_fqdn, *lync_phone_context, *lync_site,
	    *lync_bypass_id, *lync_krb_realm, *lync_mras_uri, *lync_cac_server;
	uint32_t lync_conference, lync_cac, lync_cac_silent, lync_cac_wait_ms, lync_cac_status,
	    lync_cac_error;
};
extern const struct conf_key sipd_keys[];
extern const size_t sipd_nkeys;

struct reg;
struct mwi;
struct ms;
struct ms_ep;
struct prov;
/* What is known of a user beyond the record; user->room. */
struct ustate {
	struct user *user;
	struct list legs; /* handset legs (leg_dect.h), newest first */
	struct reg *reg;  /* NULL: not to be registered */
	struct mwi *mwi;
	struct ms_ep *ms; /* LYNC: NULL: not registered there */
	bool device_known, subscribed, reachable, wideband;
	char rfp[16];
	struct prov *prov;           /* LYNC: in-band provisioning; NULL: none */
	uint32_t mail_new, mail_old; /* message waiting, as last told */
	bool mail_known;
};
static inline struct ustate *ustate_of(const struct user *u)
{
	return u->room;
}

struct sipd_hooks;
struct tls;
struct pres_reqs;
struct sipd_stats;
struct dns_check;
struct mras;
/* What plain ICE asks for addresses; n = 0 each: none. */
struct ice_servers {
	struct sdp_addr stun;
	struct media_relay turn;
};
struct sipd {
	struct daemon *d;
	const struct sipd_conf *conf; /* as configured; with [lync]: effective */
	struct sipd_conf effective;   /* with the dialect's profile */
	char *profile;                /* strings of it */
	struct ms *ms;
	struct mras *mras;          /* LYNC: NULL outside of the dialect */
	struct ice_servers servers; /* ice_servers_ipc.c */
	struct list auth_waits;     /* requests that wait for a new association (auth_ipc.c) */
	struct users *users;
	struct cdr *cdr;
	struct sip_ua *ua;
	struct media_pool *media;
	struct list calls,
	    adhocs; /* in the order of call.seq; adhocs: LYNC: conferences being made at the server */
	struct map legs; /* handset legs by call reference */
	unsigned ncalls;
	uint64_t call_seq;               /* of the newest call */
	struct oa_conf oa, oa_policy[2]; /* as configured; speech never, always encrypted */
	struct number_rule rules[NUMBER_RULES_MAX];
	size_t nrules;
	struct regs *regs;
	struct ipc_peer *dectd; /* NULL: away */
	struct feed *to_dectd, *to_presenced;
	bool dectd_synced;
	uint64_t dectd_epoch;
	struct tmr prune;
	struct tmr settled;
	struct sipd_stats *stats;
	struct sockaddr_storage bound[TP_NPROTO];
	bool listening[TP_NPROTO];
	void *trace;
	struct tls *tls;
	struct pres_reqs *pres;
	struct dns_check *dns_check;    /* NULL: none runs */
	const struct sipd_hooks *hooks; /* never NULL */
	void *hooks_ctx;
	struct {
		struct stat_val *placed, *received, *answered, *failed;
		struct stat_val *active;
		struct stat_val *cac_allowed, *cac_limited, *cac_refused, *cac_silent,
		    *cac_reserved;
		struct stat_hist *setup;
	} st;
};

/* Seams for a dialect (LYNC) and for TLS; every pointer may be NULL. */
struct sipd_hooks {
	/* Header lines added to an INVITE or REGISTER of a user. */
	void (*lines)(struct sipd *s, const struct user *u, enum sip_method m, struct wr *w);
	/* Attribute lines for the audio section of an offer or answer; written to w. */
	void (*sdp)(struct sipd *s, struct media *m, struct wr *w);
	/* A 401/407/403: true when the dialect took it over and will call reg or leg again. */
	bool (*challenge)(struct sipd *s, const struct user *u, const struct sip_msg *rsp);
	/* Registered, or not any more. */
	void (*registered)(struct sipd *s, struct user *u, const struct sip_msg *rsp);
};

static inline struct sipd *sipd_of(const struct daemon *d)
{
	return d->state;
}
int sipd_init(struct daemon *d);
int sipd_reload(struct daemon *d, const void *next);
void sipd_up(struct daemon *d, struct ipc_peer *p, bool restarted);
void sipd_down(struct daemon *d, struct ipc_peer *p);
void sipd_drain(struct daemon *d);
void sipd_fini(struct daemon *d);
void sipd_metrics(struct daemon *d);
void sipd_status(struct daemon *d, char *summary, size_t cap, char *trouble, size_t tcap);
void sipd_check(struct daemon *d, struct ctl_run *r);
extern const struct ipc_handler sipd_handlers[];
extern const size_t sipd_nhandlers;
extern const struct ctl_cmd sipd_cmds[];
extern const size_t sipd_ncmds;

/* sipd_stat.c: metrics of the layers below the calls. */
void sipd_stats_start(struct sipd *s);
void sipd_stats_update(struct sipd *s);
void sipd_stats_stop(struct sipd *s);

struct ustate *sipd_ustate(struct sipd *s, struct user *u); /* makes it when it is missing */
/* Domain of a user. */
struct slice sipd_domain(const struct sipd *s, const struct user *u);
/* "Display" <sip:user@domain> without a tag. */
void sipd_put_aor(const struct sipd *s, struct wr *w, const struct user *u, bool with_name);
/* The same for the From of a request: with the name, and the endpoint's id in Microsoft's dialect. */
void sipd_put_from(const struct sipd *s, struct wr *w, const struct user *u);
/* <sip:user@host:port;transport=…> as seen from the flow's peer. */
void sipd_put_contact(
    const struct sipd *s, struct wr *w, const struct user *u, const struct tp_flow *f);
/* The same in a dialog: the user's GRUU when there is one (RFC 5627 4.4). */
void sipd_put_dialog_contact(
    const struct sipd *s, struct wr *w, const struct user *u, const struct tp_flow *f);
uint64_t sipd_wall_ms(void); /* Unix time */
/* The user's state changed: dectd, presenced and the registration engine hear of it. */
void sipd_user_changed(struct sipd *s, struct user *u, bool gone);
/* Calls of the user that go over SIP end: the server forgot them. */
void sipd_end_sip_calls(struct sipd *s, const struct user *u);
void sipd_device_changed(struct sipd *s, struct ustate *us);
/* Calls of a user changed (presence). */
void sipd_calls_changed(struct sipd *s, struct user *u);
/* ---- ice_servers_ipc.c: STUN and TURN servers of plain ICE ---- */
void ice_servers_reconf(struct sipd *s); /* at the start, and when the configuration changed */
void ice_servers_secret(struct sipd *s); /* certd is there, or has another secret */
#endif
