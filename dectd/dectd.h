#ifndef DECTD_DECTD_H
#define DECTD_DECTD_H
#include "dectd/ident.h"
#include "dectd/mac.h"
#include "dectd/pp.h"
#include "dectd/rfp_dir.h"
#include "dectd/rfp_srv.h"
#include "ipc/daemon.h"

/* The room's configuration and state, and how its parts are wired:
 *
 *   rfp_srv - rfp_dir - mac - dlc - lce - { mm, cc, ss } - pp (devices, users)
 *
 * cert_ipc.c speaks to certd, media_ipc.c to mediad, call_ipc.c to sipd, ctl_*_ipc.c to dectctl. */
enum dectd_cipher { CIPHER_OFF, CIPHER_OPTIONAL, CIPHER_REQUIRED };
enum dectd_country { COUNTRY_KEEP, COUNTRY_EU };
enum dectd_texts { TEXTS_DISPLAY, TEXTS_CLMS, TEXTS_OFF };

struct dectd_conf {
	/* base stations */
	char *listen;
	uint32_t port;
	char *park;
	struct conf_list sari;
	uint32_t heartbeat, ttl, dscp, rtp_port, unproven;
	char *protocol_min, *protocol_max, *protocol_new; /* 8 hex digits */
	char *ext_caps2;
	uint32_t country, freq_band, rf_power; /* 256: as the country has it */
	uint32_t weak;
	char *http_redirect, *syslog_redirect;
	/* handsets */
	uint32_t window_ms, code_failures, failures, pending_max;
	bool wildcard;
	uint32_t cipher;
	struct conf_list cipher_exceptions; /* first digits of IPEIs */
	bool authenticate, dsaa2, dsc2;
	bool clear_old_bases, key_reversed, external_handover;
	uint32_t rekey_ms, encrypt_ms;
	uint32_t early; /* enum early_form */
	bool tpui;
	uint32_t page_ms, pages, lost_after;
	/* calls */
	struct conf_list codecs;
	uint32_t digits_ms;
	char *emergency, *language;
	bool call_waiting, transfer_on_hangup, wideband, idle_display, uri_numbers, signal_again;
	uint32_t ring_internal, ring_external;
	uint32_t texts;                 /* enum dectd_texts */
	struct conf_list service_codes; /* CODE>FUNCTION */
	struct conf_list call_codes;    /* R2>toggle, 1C31>toggle */
};
extern const struct conf_key dectd_keys[];
extern const size_t dectd_nkeys;

struct auth_cert;
struct lce;
struct mm;
struct calls;
struct subs;

struct dectd {
	struct daemon *d;
	const struct dectd_conf *conf;
	struct ident ident;
	struct basedb *bases;
	struct rfp_dir *dir;
	struct rfp_srv *srv;
	struct tmr no_certd; /* srv is held meanwhile */
	struct mac *mac;
	struct ppdb *ppdb;
	struct pps *pps;
	struct subs *subs;
	struct auth_cert *auth;
	struct lce *lce;
	struct mm *mm;
	struct calls *calls;           /* handsets' calls, call_ipc.h */
	struct list asks;              /* requests of handsets' services to sipd, call_svc_ipc.c */
	struct ipc_peer *sipd, *certd; /* NULL: away */
	struct list tell;              /* devices that sipd is to hear of (dev_ipc.c) … */
	struct tmr tell_next;          /* … a few at a time */
	struct tmr tick;               /* once a second: status, flush */
	void *trace;                   /* the capture that runs, ctl_trace_ipc.c */
};
static inline struct dectd *dectd_of(const struct daemon *d)
{
	return d->state;
}

/* What is wrong with a configuration beyond single values (conf_check.c). */
void dectd_conf_check(const void *conf, struct conf_diag *g);
/* Takes the next of the emergency numbers, which blanks or commas part. */
bool dectd_emergency_next(struct slice *left, struct slice *word);
int dectd_init(struct daemon *d);
int dectd_reload(struct daemon *d, const void *next);
void dectd_up(struct daemon *d, struct ipc_peer *p, bool restarted);
void dectd_down(struct daemon *d, struct ipc_peer *p);
void dectd_drain(struct daemon *d);
void dectd_fini(struct daemon *d);
void dectd_metrics(struct daemon *d);
void dectd_status(struct daemon *d, char *summary, size_t cap, char *trouble, size_t tcap);
void dectd_check(struct daemon *d, struct ctl_run *r);
/* handlers_ipc.c: every event and request that other daemons send to this one. */
extern const struct ipc_handler dectd_handlers[];
extern const size_t dectd_nhandlers;
/* ctl_ipc.c: the table of all commands. */
extern const struct ctl_cmd dectd_cmds[];
extern const size_t dectd_ncmds;

/* Whether this handset's connections have to be ciphered before anything of a call is sent. */
bool dectd_must_cipher(const struct dectd *r, const struct pp *pp);
/* 12 hex digits of the base's MAC for displays and call records; "" when unknown. */
void dectd_base_text(const struct dectd *r, uint32_t base, char out[13]);

/* cert_ipc.c, media_ipc.c: the directory's questions. */
int cert_rfp_keys(void *ctx, uint32_t ticket, const uint8_t mac[6], enum rfp_key_op op,
    const uint8_t *auth, struct slice value);
int media_point(void *ctx, uint32_t ticket, const struct mac_media *m, const struct mac_addr *base);
void media_leave(void *ctx, const struct mac_media *m);
/* ctl_base_ipc.c */
void ctl_base_changed(struct dectd *r, uint32_t id);
/* ctl_pp_ipc.c */
void ctl_pp_changed(struct dectd *r, struct pp *pp, unsigned what);
/* dev_ipc.c: the CALL_DEVICE stream to sipd, and its users (call.proto 1-4). */
void dev_init(struct dectd *r);
void dev_up(struct dectd *r, bool restarted);
void dev_down(struct dectd *r);
void dev_changed(struct dectd *r, struct pp *pp, unsigned what);
int dev_on_user_put(struct ipc_peer *p, struct ipc_msg *m);
int dev_on_user_gone(struct ipc_peer *p, struct ipc_msg *m);
int dev_on_users_done(struct ipc_peer *p, struct ipc_msg *m);
#endif
