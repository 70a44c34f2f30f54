#ifndef DECTD_RFP_DIR_H
#define DECTD_RFP_DIR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/list.h"
#include "common/tmr.h"
#include "dectd/basedb.h"
#include "dectd/ident.h"
#include "dectd/mac.h"
#include "dectd/rfp_link.h"
#include "dectd/rfp_media.h"
#include "dectd/rfp_sync.h"

/* The directory of base stations: who they are, which may come in, which link belongs to which; keys, radio part
 * numbers, clusters, alarms. It is the lower side of the MAC seam (mac.h): frames to a base go through here. */

enum rfp_key_op {
	RKEY_GET,
	RKEY_ENROL,
	RKEY_RE_ENROL,
	RKEY_CONFIRM,
	RKEY_FORGET,
	RKEY_IMPORT,
	RKEY_ROOT_HASH
};

struct rfp_keys {                         /* certd's answer; borrowed */
	const uint8_t *to_rfp, *from_rfp; /* 56 octets each, or NULL */
	struct slice message;             /* to be sent first */
};

struct rfp_dir_ops {
	/* Asks certd; rfp_dir_keys() brings the answer, later, exactly once. ERR_LOST: certd is not there. */
	int (*keys)(void *ctx, uint32_t ticket, const uint8_t mac[6], enum rfp_key_op op,
	    const uint8_t *auth, struct slice value);
	/* Tells mediad where the base is; rfp_dir_pointed() brings the answer, later, exactly once. */
	int (*point)(
	    void *ctx, uint32_t ticket, const struct mac_media *m, const struct mac_addr *base);
	/* That session is not to send to a base any more; may be NULL. */
	void (*leave)(void *ctx, const struct mac_media *m);
	/* Something about it changed (for `base watch`); id also of one that was just removed. */
	void (*changed)(void *ctx, uint32_t id);
	/* Every plain message of a proven base; may be NULL. */
	void (*trace)(void *ctx, uint32_t id, bool to_rfp, struct slice msg);
};

struct rfp_dir_conf {
	struct ident ident;
	uint16_t caps; /* without CAP_RIGHTS and CAP_DSC: those are added */
	bool cipher;   /* offer DSC on bases that can */
	uint32_t protocol_min, protocol_max,
	    protocol_new; /* new: first of the generation with own keys */
	uint8_t heartbeat_s, ttl, tos;
	uint16_t port_base; /* of the bases' RTP ports */
	uint8_t http_ip[16], syslog_ip[16];
	uint16_t http_port, syslog_port;
	bool has_ext_caps2;
	uint8_t ext_caps2[5];
	int freq_band, rf_power;
	uint16_t weak;
	unsigned unproven_max; /* connections that have not proved a key, in all */
};

enum rfp_base_alarm {
	RA_OTHER_KEY = 1, /* came with another key than the pinned one */
	RA_DOUBLE = 2,    /* a second connection with its MAC that did not prove its key */
	RA_TOO_OLD = 4,   /* protocol version below what we speak */
	RA_TOO_NEW = 8,
	RA_NO_CERTD = 16, /* no key because certd is down */
	RA_NO_RPN = 32,   /* its cluster is full */
	RA_BAD_SIGNATURE = 64,
	RA_NO_KEY = 128, /* certd has no key though it was enrolled */
};

struct rfp_base {
	struct list node;
	struct rfp_dir *dir;
	struct base_rec rec;
	struct rfp_link *link; /* proven; NULL: none */
	struct rfp_media media;
	unsigned alarms; /* enum rfp_base_alarm */
	uint8_t ip4[4];
	uint64_t up_ms;        /* on air since; 0: not */
	unsigned conns, links; /* connections now; how often a link was proven */
	struct rfp_statistics stats;
	bool resync_wanted; /* lost its reference: as soon as it is idle */
	bool
	    sync_waits; /* hears nobody, and another of its cluster is starting: searches again after that */
	enum rfp_link_why last_why;
};

struct rfp_dir;
struct rfp_dir *rfp_dir_new(struct tmr_wheel *w, struct basedb *db, const struct rfp_dir_conf *conf,
    const struct rfp_dir_ops *ops, void *ctx);
/* Reads the store. */
int rfp_dir_load(struct rfp_dir *d) MUST_CHECK;
void rfp_dir_free(struct rfp_dir *d);
struct mac *rfp_dir_mac(struct rfp_dir *d);
/* New settings; bases on air take them at their next start, capabilities at once. */
void rfp_dir_set_conf(struct rfp_dir *d, const struct rfp_dir_conf *conf);

/* ---- transport: rfp_srv.c or a test ---- */
struct rfp_wire {
	int (*write)(void *ctx, const uint8_t *p, size_t n);
	void (*close)(void *ctx); /* then rfp_link_free() some time later, not from within */
};
/* A connection came in. ERR_BUSY: too many that are unproven: close it. */
int rfp_dir_connect(struct rfp_dir *d, const struct rfp_wire *wire, void *wctx, const char *peer,
    const uint8_t ip4[4], struct rfp_link **out) MUST_CHECK;
void rfp_dir_link_free(struct rfp_link *l);

/* ---- answers ---- */
void rfp_dir_keys(struct rfp_dir *d, uint32_t ticket, int err, const struct rfp_keys *k);
void rfp_dir_pointed(struct rfp_dir *d, uint32_t ticket, int err);

/* ---- the administrator's side ---- */
struct rfp_base *rfp_dir_find(struct rfp_dir *d, const uint8_t mac[6]);
struct rfp_base *rfp_dir_by_id(struct rfp_dir *d, uint32_t id);
struct list *rfp_dir_bases(struct rfp_dir *d); /* of struct rfp_base.node, in order of id */
struct rfp_admit {
	const char *name; /* NULL: as it is */
	uint32_t cluster; /* 0: as it is */
	bool re_enrol;
	int dect; /* -1: as it is */
};
/* Admits a base (also one that was never seen) or changes an admitted one. ERR_LIMIT: the cluster has no radio part
 * number left. */
int rfp_dir_admit(struct rfp_dir *d, const uint8_t mac[6], const struct rfp_admit *a) MUST_CHECK;
int rfp_dir_remove(struct rfp_dir *d, const uint8_t mac[6]) MUST_CHECK;
/* Key and name of a base of another manager; admits it. rfpa: 64 octets, plain. */
int rfp_dir_import(
    struct rfp_dir *d, const uint8_t mac[6], const char *name, const uint8_t *rfpa) MUST_CHECK;
int rfp_dir_restart(struct rfp_dir *d, const uint8_t mac[6]) MUST_CHECK; /* reboots the base */
void rfp_dir_close_all(struct rfp_dir *d);                               /* shutdown */
const struct sync_graph *rfp_dir_sync(
    struct rfp_dir *d, uint32_t cluster); /* NULL: no such cluster */
/* One clause each, "; " between them; "" when all is well. */
void rfp_dir_trouble(const struct rfp_base *b, char *out, size_t cap);
/* "pending", "refused", "down", "connecting", "up", "standby" … */
const char *rfp_dir_state(const struct rfp_base *b);
void rfp_dir_mac_text(const uint8_t mac[6], char out[13]);        /* 12 hex digits */
int rfp_dir_mac_parse(struct slice s, uint8_t mac[6]) MUST_CHECK; /* with or without : or - */
#endif
