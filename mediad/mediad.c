/* The room: configuration, start, the once-a-second round, load, drain. */
#include "mediad/mediad.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "mediad/gen.h"
#include "mediad/music.h"
#include "mediad/sess.h"

#define HOUSE_MS 250
#define LOAD_MS  2000
#define RETURN_MS                                                                                  \
	5000 /* an owner that is back makes its sessions anew: the old ones play on for so long */

#define KEY(key, type, def, lo, hi, live, field, help)                                             \
	{                                                                                          \
		"mediad", key, type, def, lo, hi, live, offsetof(struct mediad_conf, field), help, \
		    NULL                                                                           \
	}
const struct conf_key mediad_keys[] = {
	KEY("rtp-address", CONF_ADDR, "", 0, 0, true, address,
	    "IPv4 address of this host for speech, also in SDP. Empty: the one from which the far "
	    "end is "
	    "reached"),
	KEY("rtp-address6", CONF_ADDR, "", 0, 0, true, address6, "the same for IPv6"),
	KEY("radio-address", CONF_ADDR, "", 0, 0, true, radio_address,
	    "address of this host for speech with base stations. Empty: as rtp-address"),
	KEY("rtp-ports", CONF_PORTS, "16384-32767", 1024, 65535, false, ports,
	    "UDP ports of all instances together, even for RTP, odd for RTCP; each instance has "
	    "its part"),
	KEY("instances", CONF_INT, "4", 1, 64, false, instances,
	    "how many instances share rtp-ports; the highest number N of ipdect-mediad@N"),
	KEY("port-rest", CONF_MS, "5s", 0, 600000, false, port_rest_ms,
	    "how long a port is not used again after a call"),
	KEY("cpus", CONF_LIST, "", 0, 64, false, cpus,
	    "CPU number of each instance, the first word for instance 1; - for none"),
	KEY("max-sessions", CONF_INT, "1000", 1, 100000, true, max_sessions,
	    "sessions that one instance takes"),
	KEY("silence-time", CONF_MS, "2s", 500, 60000, true, silence_ms,
	    "no packet for so long is reported as silence"),
	KEY("timeout", CONF_MS, "60s", 2000, 3600000, true, timeout_ms,
	    "no packet for so long ends a call"),
	KEY("mismatch-time", CONF_MS, "2s", 500, 60000, true, mismatch_ms,
	    "nothing but packets of a wrong key for so long is reported"),
	KEY("orphan-time", CONF_MS, "10m", 0, 86400000, true, orphan_ms,
	    "how long a session goes on when sipd is gone"),
	KEY("quality-mos", CONF_INT, "300", 0, 450, true, quality_mos,
	    "MOS x 100 below which a call is reported as poor; 0: never"),
	KEY("jitter-min", CONF_MS, "20ms", 10, 500, true, jitter_min_ms,
	    "lower bound of the play-out delay where speech is decoded"),
	KEY("jitter-max", CONF_MS, "200ms", 20, 400, true, jitter_max_ms,
	    "upper bound of the play-out delay where speech is decoded"),
	KEY("late-packets", CONF_INT, "5", 1, 100, true, late_permille,
	    "per thousand packets that may come too late for the play-out delay"),
	KEY("batch-us", CONF_INT, "1500", 0, 5000, true, batch_us,
	    "under load packets are taken together at this interval in microseconds, at a lower "
	    "cost; 0: "
	    "each at once"),
	KEY("rtcp-interval", CONF_MS, "5s", 1000, 60000, true, rtcp_ms,
	    "mean time between RTCP reports"),
	KEY("radio-dscp", CONF_INT, "46", 0, 63, true, radio_dscp,
	    "DSCP of speech to base stations; that to the network comes from sipd"),
	KEY("tone-country", CONF_STR, "DE", 0, 2, true, country,
	    "country whose tones are played, ISO 3166"),
	KEY("dtmf-detect", CONF_BOOL, "no", 0, 0, true, dtmf_detect,
	    "look for digits in the speech of SIP peers without telephone-event; their speech is "
	    "then decoded"),
	KEY("music-file", CONF_STR, "", 0, 255, false, music,
	    "music on hold: WAV, 8000 Hz, mono, 16 bit PCM or G.711. Empty: silence"),
};
const size_t mediad_nkeys = ARRAY_LEN(mediad_keys);

/* ---- the plane ---- */

static void on_rx(void *ctx, struct path_sock *s, uint8_t *p, size_t n, const struct addr *from)
{
	leg_input(ctx, s->owner, s->kind == PATH_RTCP, p, n, from);
}

static void on_tick(void *ctx, uint64_t tick)
{
	struct mediad *m = ctx;

	(void)tick;
	m->tick++;
	gen_tick(m);
	if (m->tick % 4 == 0) {
		leg_ice_tick(m);
		leg_cac_tick(m);
	}
}

void mediad_ticking(struct mediad *m)
{
	path_ticking(m->path, m->ticking > 0 || !list_empty(&m->ice) || !list_empty(&m->cac));
}

static void set_address(const char *text, struct addr *out)
{
	memset(out, 0, sizeof(*out));
	if (text && *text && addr_parse(slice_str(text), 0, out) != 0)
		memset(out, 0, sizeof(*out));
}

static void set_addresses(struct mediad *m)
{
	set_address(m->conf->address, &m->addr4);
	set_address(m->conf->address6, &m->addr6);
	set_address(m->conf->radio_address, &m->radio);
}

static void set_stats(struct mediad *m, struct stat_set *st)
{
	char label[48];

	m->st.sessions = stat_get(st, STAT_GAUGE, "ipdect_mediad_sessions", NULL, "Sessions now");
	m->st.opened =
	    stat_get(st, STAT_COUNTER, "ipdect_mediad_sessions_opened", NULL, "Sessions made");
	m->st.refused = stat_get(st, STAT_COUNTER, "ipdect_mediad_sessions_refused", NULL,
	    "Sessions refused: no ports, draining, bad request");
	m->st.rx = stat_get(st, STAT_COUNTER, "ipdect_mediad_packets", "direction=\"received\"",
	    "RTP packets of sessions that have ended");
	m->st.tx = stat_get(st, STAT_COUNTER, "ipdect_mediad_packets", "direction=\"sent\"", NULL);
	m->st.lost = stat_get(st, STAT_COUNTER, "ipdect_mediad_packets_lost", NULL,
	    "RTP packets that never came, of sessions that have ended");
	m->st.late = stat_get(st, STAT_COUNTER, "ipdect_mediad_packets_late", NULL,
	    "RTP packets that came too late, of sessions that have ended");
	for (unsigned i = 0; i < LEG_NBAD; i++) {
		(void)snprintf(label, sizeof(label), "kind=\"%s\"", leg_bad_names[i]);
		m->st.bad[i] = stat_get(st, STAT_COUNTER, "ipdect_mediad_packets_bad", label,
		    "Datagrams not used, of sessions that have ended");
	}
	m->st.resting =
	    stat_get(st, STAT_COUNTER, "ipdect_mediad_packets_bad", "kind=\"resting\"", NULL);
	m->st.dtmf = stat_get(st, STAT_COUNTER, "ipdect_mediad_dtmf", NULL, "Digits received");
	m->st.ports =
	    stat_get(st, STAT_GAUGE, "ipdect_mediad_ports_free", NULL, "Port pairs that are free");
	m->st.ticks_late = stat_get(st, STAT_COUNTER, "ipdect_mediad_ticks_late", NULL,
	    "Steps of 5 ms that could not be kept");
	m->st.fast = stat_get(st, STAT_GAUGE, "ipdect_mediad_srtp_fast", NULL,
	    "1: own SRTP transforms passed their test, 0: libsrtp2 does the work");
	m->st.timeouts = stat_get(st, STAT_COUNTER, "ipdect_mediad_timeouts", NULL,
	    "Far ends that fell silent for the time that ends a call");
}

/* Where descriptors are few they are for calls. */
static unsigned keep(void)
{
	struct rlimit r;

	return getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < 8 * SOCK_KEEP
	           ? (unsigned)(r.rlim_cur / 8)
	           : SOCK_KEEP;
}

int mediad_open(
    struct mediad *m, const struct mediad_conf *conf, unsigned instance, uv_loop_t *loop)
{
	uint16_t lo, hi;
	int err =
	    port_pool_part(conf->ports.lo, conf->ports.hi, instance, conf->instances, &lo, &hi);

	m->conf = conf;
	m->instance = instance;
	list_init(&m->all);
	list_init(&m->ice);
	list_init(&m->cac);
	for (unsigned i = 0; i < MEDIAD_SLOTS; i++)
		list_init(&m->slot[i]);
	/* RFC 7022 4.2: nothing that tells who we are. */
	id_token(m->cname, 16);
	if (err) {
		log_ev(LOG_ERR, "no ports for this instance", F_U64("IPDECT_INSTANCE", instance),
		    F_REMEDY("raise instances in [mediad] to the highest instance that is started, "
		             "or widen "
		             "rtp-ports"));
		return err;
	}
	if (!m->d)
		m->own_stats = stat_set_new();
	set_stats(m, m->d ? m->d->stats : m->own_stats);
	set_addresses(m);
	err = sbox_start();
	if (err)
		return err;
	if (!sbox_fast())
		log_ev(LOG_ERR, "own SRTP transforms differ from libsrtp2, which does the work now",
		    F_REMEDY("report the versions of libcrypto and libsrtp2; calls work, at a "
		             "higher load"));
	m->ports = port_pool_new(lo, hi, (uint64_t)conf->port_rest_ms * 1000);
	m->path = path_open(on_rx, on_tick, m);
	if (!m->ports || !m->path)
		return ERR_LIMIT;
	m->socks = sock_pool_new(m->path, m->ports, (uint64_t)conf->port_rest_ms * 1000, keep());
	path_pace(m->path, conf->batch_us);
	path_soon(m->path, leg_soon);
	err = gen_open(m);
	if (!err && loop)
		err = path_attach(m->path, loop);
	return err;
}

void mediad_close(struct mediad *m)
{
	if (m->path)
		LIST_FOREACH(&m->all, it)
	sess_drop(m, LIST_ENTRY(it, struct sess, node), "mediad stops");
	gen_shut(m);
	sock_pool_free(m->socks);
	path_close(m->path);
	port_pool_free(m->ports);
	map_free(&m->sessions);
	sbox_stop();
	stat_set_free(m->own_stats);
	m->own_stats = NULL;
	m->path = NULL;
	m->socks = NULL;
	m->ports = NULL;
}

void mediad_house(struct mediad *m)
{
	m->house_at++;
	LIST_FOREACH(&m->all, it)
	{
		struct sess *s = LIST_ENTRY(it, struct sess, node);
		if (((s->id ^ m->house_at) & 3) == 0)
			(void)sess_house(m, s);
	}
	sock_pool_house(m->socks);
	stat_set_to(m->st.sessions, m->nsess);
	stat_set_to(m->st.ports, sock_pool_left(m->socks));
	stat_set_to(m->st.resting, sock_pool_late(m->socks));
	stat_set_to(m->st.ticks_late, path_stats(m->path)->ticks_late);
}

/* ---- the daemon ---- */

static void check_end(struct mediad *m)
{
	if (m->d && m->draining && m->nsess == 0) {
		log_ev(LOG_NOTICE, "drained: no session is left");
		daemon_idle(m->d);
	}
}

static void on_house(struct tmr *t, void *ctx)
{
	struct mediad *m = ctx;

	mediad_house(m);
	check_end(m);
	if (m->nsess || m->draining || sock_pool_kept(m->socks))
		tmr_start(t, HOUSE_MS);
}

static void measure(struct mediad *m)
{
	struct rusage r;
	uint64_t now = uv_hrtime() / 1000, cpu;

	if (getrusage(RUSAGE_SELF, &r) != 0)
		return;
	cpu = (uint64_t)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000 +
	      (uint64_t)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
	if (m->cpu_at_us && now > m->cpu_at_us)
		m->cpu_permille = (uint32_t)((cpu - m->cpu_us) * 1000 / (now - m->cpu_at_us));
	m->cpu_us = cpu;
	m->cpu_at_us = now;
}

static void on_load(struct tmr *t, void *ctx)
{
	struct mediad *m = ctx;

	measure(m);
	mediad_send_load(m);
	daemon_status(m->d);
	if (m->nsess || m->draining)
		tmr_start(t, LOAD_MS);
}

/* Without sessions nothing changes, and an idle instance sleeps. */
void mediad_wake(struct mediad *m)
{
	if (!m->d)
		return;
	if (!tmr_pending(&m->house))
		tmr_start(&m->house, HOUSE_MS);
	if (!tmr_pending(&m->load))
		tmr_start(&m->load, LOAD_MS);
}

/* As many descriptors as the sessions need, where the hard limit has them. */
static void raise_limit(const struct mediad_conf *c)
{
	struct rlimit r;
	rlim_t want = (rlim_t)c->max_sessions * 6 + 2 * SOCK_KEEP + 256;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur >= want)
		return;
	r.rlim_cur = r.rlim_max < want ? r.rlim_max : want;
	(void)setrlimit(RLIMIT_NOFILE, &r);
	if (r.rlim_cur < want)
		log_ev(LOG_WARNING, "fewer descriptors than max-sessions needs",
		    F_U64("IPDECT_LIMIT", r.rlim_cur),
		    F_REMEDY("raise LimitNOFILE of the unit or lower max-sessions in [mediad]"));
}

static void pin(const struct mediad_conf *c, unsigned instance)
{
	const char *word = instance <= c->cpus.n ? c->cpus.v[instance - 1] : "-";
	cpu_set_t set;
	uint32_t cpu;

	if (strcmp(word, "-") == 0)
		return;
	CPU_ZERO(&set);
	if (slice_u32(slice_str(word), CPU_SETSIZE - 1, &cpu) == 0)
		CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		log_ev(LOG_WARNING, "the CPU cannot be chosen", F_TEXT("IPDECT_CPU", word),
		    F_ERR(-errno),
		    F_REMEDY(
		        "use a CPU number of this host, or CPUAffinity= in a drop-in of the unit"));
}

static void load_music(struct mediad *m)
{
	const char *why;
	int err;

	if (!m->conf->music || !*m->conf->music)
		return;
	err = music_load(m->conf->music, &m->music, &m->music_n, &why);
	if (err)
		log_ev(LOG_ERR, "music on hold cannot be played: silence instead",
		    F_TEXT("IPDECT_PATH", m->conf->music), F_ERR(err), F_WHY(why),
		    F_REMEDY("convert it: sox IN -r 8000 -c 1 -b 16 OUT.wav"));
}

int mediad_init(struct daemon *d)
{
	struct mediad *m = mem_new(sizeof(*m));
	const struct mediad_conf *c = d->conf;
	int err;

	d->state = m;
	m->d = d;
	m->event = mediad_send_event;
	raise_limit(c);
	pin(c, d->instance);
	tmr_init(&m->house, d->wheel, on_house, m);
	tmr_init(&m->load, d->wheel, on_load, m);
	err = mediad_open(m, c, d->instance, d->loop);
	if (err)
		return err;
	stat_set_to(m->st.fast, sbox_fast());
	load_music(m);
	measure(m);
	tmr_start(&m->house, HOUSE_MS);
	tmr_start(&m->load, LOAD_MS);
	return 0;
}

int mediad_reload(struct daemon *d, const void *next)
{
	struct mediad *m = mediad_of(d);

	m->conf = next;
	set_addresses(m);
	path_pace(m->path, m->conf->batch_us);
	mediad_send_load(m);
	return 0;
}

void mediad_up(struct daemon *d, struct ipc_peer *p, bool restarted)
{
	struct mediad *m = mediad_of(d);

	(void)restarted;
	if (ipc_peer_role(p) != IPC_SIPD)
		return;
	/* It has lost sight of what it had here, or lost all: it makes its sessions anew. */
	sess_orphan(m, NULL, RETURN_MS);
	mediad_send_load(m);
}

void mediad_down(struct daemon *d, struct ipc_peer *p)
{
	struct mediad *m = mediad_of(d);

	if (m && ipc_peer_role(p) == IPC_SIPD) {
		if (m->nsess)
			log_ev(LOG_WARNING, "sipd is gone: the sessions go on without it",
			    F_U64("IPDECT_SESSIONS", m->nsess));
		/* After a stall of ours the new link may be up before the old one's end is read. */
		sess_orphan(
		    m, p, ipc_find(ipc_peer_node(p), IPC_SIPD, 0) ? RETURN_MS : m->conf->orphan_ms);
	}
}

void mediad_set_draining(struct mediad *m, bool on)
{
	if (m->draining == on)
		return;
	m->draining = on;
	sock_pool_keep(m->socks, on ? 0 : keep());
	log_ev(LOG_NOTICE, on ? "draining: no new sessions" : "taking sessions again",
	    F_U64("IPDECT_SESSIONS", m->nsess));
	mediad_send_load(m);
	check_end(m);
}

void mediad_drain(struct daemon *d)
{
	struct mediad *m = mediad_of(d);

	/* SIGTERM: sipd moves the calls elsewhere as soon as we are gone; waiting would only delay it. */
	m->draining = true;
	mediad_send_load(m);
	daemon_idle(d);
}

void mediad_fini(struct daemon *d)
{
	struct mediad *m = mediad_of(d);

	if (!m)
		return;
	tmr_stop(&m->house);
	tmr_stop(&m->load);
	mediad_close(m);
	free(m->music);
	free(m);
	d->state = NULL;
}

void mediad_status(struct daemon *d, char *summary, size_t cap, char *trouble, size_t tcap)
{
	struct mediad *m = mediad_of(d);

	trouble[0] = '\0';
	(void)snprintf(summary, cap, "%u of %u sessions, %u port pairs free, CPU %u.%u %%%s",
	    m->nsess, m->conf->max_sessions, sock_pool_left(m->socks), m->cpu_permille / 10,
	    m->cpu_permille % 10, m->draining ? ", draining" : "");
	if (sock_pool_left(m->socks) < 2)
		(void)snprintf(
		    trouble, tcap, "no media ports are left: widen rtp-ports in [mediad]. ");
	else if (!sbox_fast())
		(void)snprintf(trouble, tcap,
		    "own SRTP transforms failed their test: libsrtp2 does the work, at a higher "
		    "load. ");
}
