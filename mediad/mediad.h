#ifndef MEDIAD_MEDIAD_H
#define MEDIAD_MEDIAD_H
#include "common/conf.h"
#include "common/list.h"
#include "common/map.h"
#include "ipc/daemon.h"
#include "mediad/path.h"
#include "mediad/port_pool.h"
#include "mediad/sock_pool.h"

/* The room: one instance of the media plane. */

struct mediad_conf {
	char *address, *address6, *radio_address, *country, *music;
	struct conf_ports ports;
	struct conf_list cpus;
	uint32_t instances, port_rest_ms, max_sessions;
	uint32_t silence_ms, timeout_ms, mismatch_ms, orphan_ms, quality_mos;
	uint32_t jitter_min_ms, jitter_max_ms, late_permille;
	uint32_t rtcp_ms, radio_dscp, batch_us;
	bool dtmf_detect;
};
extern const struct conf_key mediad_keys[];
extern const size_t mediad_nkeys;

enum side { SIDE_NETWORK = 1, SIDE_RADIO = 2 }; /* numbers of media.Side */

enum media_ev_kind { /* numbers of media.EventKind */
	MEDIA_EV_DTMF = 1,
	MEDIA_EV_SILENCE,
	MEDIA_EV_RESUMED,
	MEDIA_EV_TIMEOUT,
	MEDIA_EV_QUALITY,
	MEDIA_EV_SRTP_MISMATCH,
	MEDIA_EV_ICE_SELECTED,
	MEDIA_EV_ICE_FAILED,
	MEDIA_EV_ICE_GATHERED,
	MEDIA_EV_LATCHED,
	MEDIA_EV_CAC
};
struct leg_cac;
struct media_ev {
	enum media_ev_kind kind;
	enum side side;
	char digit;
	uint32_t value;
	const struct addr *addr;   /* NULL: none */
	const struct ice *ice;     /* of ICE events; else NULL */
	const struct leg_cac *cac; /* of MEDIA_EV_CAC, whose value is an enum cac_report */
};

struct sess;
struct leg_cac;
struct gen_pool;
struct ice;

#define MEDIAD_SLOTS                                                                               \
	16 /* of 5 ms: a session that runs on the tick waits in the slot of its next turn */

struct mediad {
	struct daemon *d; /* NULL in tests of the plane alone */
	const struct mediad_conf *conf;
	unsigned instance;
	struct path *path;
	struct port_pool *ports; /* owners: legs */
	struct sock_pool *socks;
	unsigned near_depth;
	struct addr addr4, addr6,
	    radio; /* without port; local addresses where nothing else is said */
	struct map sessions;
	struct list all; /* in the order of sess.seq */
	unsigned nsess;
	uint64_t sess_seq; /* of the newest session */
	bool draining;
	struct list slot[MEDIAD_SLOTS];
	uint64_t tick;
	unsigned ticking; /* sessions on the tick */
	struct list ice;  /* legs whose connectivity checks need the tick */
	struct list cac;  /* the same of call admission control */
	struct gen_pool *gen;
	int16_t *music; /* samples of music on hold, 8,000/s; NULL: none */
	size_t music_n;
	void (*event)(struct mediad *m, struct sess *s, const struct media_ev *ev);
	char cname[32];
	/* The daemon's side. */
	struct tmr house, load;
	uint64_t cpu_us, cpu_at_us; /* of the process, at the last load */
	uint32_t cpu_permille;
	unsigned house_at;
	struct stat_set *own_stats; /* where there is no daemon */
	struct {
		struct stat_val *sessions, *opened, *refused, *rx, *tx, *lost, *late,
		    *jitter_resets;
		struct stat_val *bad[10];
		struct stat_val *dtmf, *ports, *ticks_late, *fast, *timeouts, *resting;
	} st;
};

/* What a daemon needs; tests use mediad_open/close with a configuration of their own. The loop may be NULL: then the
 * owner turns the path by hand. 0; ERR_LIMIT: the instance has no ports; ERR_CRYPTO; -errno. */
int mediad_open(struct mediad *m, const struct mediad_conf *conf, unsigned instance,
    uv_loop_t *loop) MUST_CHECK;
void mediad_close(struct mediad *m);
/* Every 250 ms of the path's clock: silence, time-outs, reports. All sessions are seen once a second. */
void mediad_wake(
    struct mediad *m); /* after the first session: its timers run while there are some */
void mediad_house(struct mediad *m);
static inline uint64_t mediad_now(const struct mediad *m)
{
	return path_now(m->path);
}

/* The tick runs while sessions or checks need it. */
void mediad_ticking(struct mediad *m);

/* Hooks of daemon.h. */
int mediad_init(struct daemon *d);
int mediad_reload(struct daemon *d, const void *next);
void mediad_up(struct daemon *d, struct ipc_peer *p, bool restarted);
void mediad_down(struct daemon *d, struct ipc_peer *p);
void mediad_drain(struct daemon *d);
void mediad_fini(struct daemon *d);
void mediad_status(struct daemon *d, char *summary, size_t cap, char *trouble, size_t tcap);
void mediad_check(struct daemon *d, struct ctl_run *r);
/* No new sessions; the process ends when the last is gone. on false takes it back. */
void mediad_set_draining(struct mediad *m, bool on);

/* media_ipc.c, ctl_ipc.c */
extern const struct ipc_handler mediad_handlers[];
extern const size_t mediad_nhandlers;
extern const struct ctl_cmd mediad_cmds[];
extern const size_t mediad_ncmds;
void mediad_send_load(struct mediad *m);
void mediad_send_event(struct mediad *m, struct sess *s, const struct media_ev *ev);
static inline struct mediad *mediad_of(const struct daemon *d)
{
	return d->state;
}
#endif
