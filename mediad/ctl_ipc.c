/* dectctl media …: what runs here. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "ctl.pb-c.h"
#include "ipc/ctl.h"
#include "mediad/codec.h"
#include "mediad/sess.h"

static struct mediad *room(struct ctl_run *r)
{
	return mediad_of(ctl_ctx(r));
}

static const char *codec_text(uint8_t c)
{
	return c < CODEC_N && codec_props[c].name ? codec_props[c].name : "-";
}

struct texts {
	char id[20], call[20], addr[2][ADDR_TEXT + 16], codec[80], srtp[80];
};

static void put_row(
    const struct mediad *m, const struct sess *s, Ctl__SessionRow *row, struct texts *t)
{
	struct leg_stats st[3];
	char a[ADDR_TEXT];

	memset(t, 0, sizeof(*t));
	memset(st, 0, sizeof(st));
	ctl__session_row__init(row);
	(void)snprintf(t->id, sizeof(t->id), "%016" PRIx64, s->id);
	(void)snprintf(t->call, sizeof(t->call), "%016" PRIx64, s->call);
	for (int side = SIDE_NETWORK; side <= SIDE_RADIO; side++) {
		const struct leg *l = s->leg[side];
		const struct addr *far;
		if (!l)
			continue;
		leg_stats(l, &st[side]);
		far = l->latched ? &l->source : &l->remote;
		(void)snprintf(t->addr[side - 1], sizeof(t->addr[0]), "%u<>%s%s", l->port,
		    addr_set(far) ? addr_print(far, true, a) : "-", l->latched ? "" : " ?");
	}
	const struct leg *n = s->leg[SIDE_NETWORK], *r = s->leg[SIDE_RADIO];
	(void)snprintf(t->codec, sizeof(t->codec), "%s/%s", codec_text(r ? r->last_codec : 0),
	    codec_text(n ? n->last_codec : 0));
	(void)snprintf(t->srtp, sizeof(t->srtp), "%s", sbox_suite_name(n ? sbox_suite(n->tx) : 0));
	row->session = t->id;
	row->call = t->call;
	row->has_seconds = row->has_rx = row->has_tx = row->has_lost = row->has_jitter_us = 1;
	row->seconds = (mediad_now(m) - s->opened_us) / 1000000;
	row->radio = t->addr[SIDE_RADIO - 1];
	row->network = t->addr[SIDE_NETWORK - 1];
	row->codec = t->codec;
	row->srtp = t->srtp;
	row->rx = st[1].rx_packets + st[2].rx_packets;
	row->tx = st[1].tx_packets + st[2].tx_packets;
	row->lost = st[1].lost + st[2].lost;
	row->jitter_us = st[1].jitter_us > st[2].jitter_us ? st[1].jitter_us : st[2].jitter_us;
	row->has_mos_x100 = st[1].mos || st[2].mos;
	row->mos_x100 = st[1].mos && (!st[2].mos || st[1].mos < st[2].mos) ? st[1].mos : st[2].mos;
}

static int media_list(struct ctl_run *r)
{
	struct mediad *m = room(r);
	Ctl__SessionRow row;
	struct texts t;
	uint64_t from = 0; /* a session, not a place: sessions begin and end between two pages */
	char cursor[24];

	if (ctl_cursor(r).n && slice_u64(ctl_cursor(r), UINT64_MAX, &from))
		return ERR_SYNTAX;
	LIST_FOREACH(&m->all, it)
	{
		const struct sess *s = LIST_ENTRY(it, struct sess, node);

		if (s->seq < from)
			continue;
		put_row(m, s, &row, &t);
		if (!ctl_row(r, &row.base)) {
			(void)snprintf(cursor, sizeof(cursor), "%" PRIu64, s->seq);
			ctl_more(r, slice_str(cursor));
			return 0;
		}
	}
	return 0;
}

static struct sess *by_text(struct mediad *m, struct slice id)
{
	char text[20], *end;
	uint64_t v;

	if (slice_copy(id, text, sizeof(text)) || !*text)
		return NULL;
	v = strtoull(text, &end, 16);
	if (*end)
		return NULL;
	LIST_FOREACH(&m->all, it)
	{
		struct sess *s = LIST_ENTRY(it, struct sess, node);
		if (s->id == v || s->call == v)
			return s;
	}
	return NULL;
}

static void say_leg(struct ctl_run *r, const struct leg *l)
{
	static const char *const dirs[] = { "?", "sendrecv", "sendonly", "recvonly", "inactive" };
	static const char *const modes[] = { "nothing", "passed on", "made here" };
	struct leg_stats st;
	char a[ADDR_TEXT], b[ADDR_TEXT];

	leg_stats(l, &st);
	ctl_say(r, "%s: %s <> %s%s, %s, out: %s %s, %u ms, in: %s, SRTP %s/%s",
	    l->side == SIDE_RADIO ? "radio" : "network", addr_print(&l->local, true, a),
	    addr_set(&l->target) ? addr_print(&l->target, true, b) : "-",
	    l->latched ? " (heard from there)" : "", dirs[l->dir], codec_text(l->tx_codec),
	    modes[l->mode], l->ptime, codec_text(l->last_codec),
	    sbox_suite_name(l->nrx ? sbox_suite(l->rx[0]) : 0), sbox_suite_name(sbox_suite(l->tx)));
	ctl_say(r,
	    "  in %" PRIu64 " packets, %" PRIu64 " lost, %" PRIu64
	    " late, jitter %u us, delay %u ms, MOS "
	    "%u.%02u; out %" PRIu64
	    "; far end: lost %u, jitter %u us, round trip %u ms; RTCP %" PRIu64 "/%" PRIu64,
	    st.rx_packets, st.lost, st.late, st.jitter_us, st.delay_ms, st.mos / 100, st.mos % 100,
	    st.tx_packets, st.remote_lost, st.remote_jitter_us, st.rtt_ms, l->rtcp_rx, l->rtcp_tx);
	if (l->ice)
		ctl_say(r, "  ICE: %s, %" PRIu64 " messages not understood",
		    ice_state_name(l->ice->state), ice_bad(l->ice));
	if (l->cac)
		ctl_say(r, "  call admission: %s, %u kbit/s reserved, at %s",
		    cac_state_name((enum cac_state)l->cac->cac.fsm.st), l->cac->cac.have.max,
		    addr_print(&l->cac->cac.server, true, a));
	for (unsigned i = 0; i < LEG_NBAD; i++)
		if (l->bad[i])
			ctl_say(r, "  not used, %s: %" PRIu64, leg_bad_names[i], l->bad[i]);
}

static int media_show(struct ctl_run *r)
{
	struct mediad *m = room(r);
	Ctl__SessionRow row;
	struct texts t;
	struct sess *s = by_text(m, ctl_id(r));

	if (!s)
		return ctl_fail(
		    r, ERR_NOTFOUND, "no such session or call here: dectctl media list");
	put_row(m, s, &row, &t);
	(void)ctl_row(r, &row.base);
	for (int side = SIDE_NETWORK; side <= SIDE_RADIO; side++)
		if (s->leg[side])
			say_leg(r, s->leg[side]);
	return 0;
}

/* One command shows a call at every daemon that knows it: one that does not says nothing. */
static int call_show(struct ctl_run *r)
{
	struct mediad *m = room(r);

	LIST_FOREACH(&m->all, it)
	{
		const struct sess *s = LIST_ENTRY(it, struct sess, node);
		Ctl__SessionRow row;
		struct texts t;

		put_row(m, s, &row, &t);
		if (!slice_ieq(ctl_id(r), slice_str(t.call)))
			continue;
		(void)ctl_row(r, &row.base);
		for (int side = SIDE_NETWORK; side <= SIDE_RADIO; side++)
			if (s->leg[side])
				say_leg(r, s->leg[side]);
	}
	return 0;
}

static int media_drain(struct ctl_run *r)
{
	struct mediad *m = room(r);
	uint32_t n = m->instance;

	if (ctl_id(r).n && (slice_u32(ctl_id(r), 999, &n) || n == 0 || n > m->conf->instances))
		return ctl_fail(r, ERR_VALUE, "instances are 1 to %u", m->conf->instances);
	if (n != m->instance)
		return 0; /* every instance is asked; another one is meant */
	if (ctl_flag(r, "off", false)) {
		mediad_set_draining(m, false);
		ctl_say(r, "instance %u takes sessions again", m->instance);
		return 0;
	}
	ctl_say(r, "instance %u takes no new sessions and ends when its %u are over", m->instance,
	    m->nsess);
	mediad_set_draining(m, true);
	return 0;
}

#define PORTS_TRIED 64u

static int media_drop(struct ctl_run *r)
{
	struct mediad *m = room(r);
	struct sess *s = by_text(m, ctl_id(r));

	if (!s)
		return ctl_fail(
		    r, ERR_NOTFOUND, "no such session or call here: dectctl media list");
	if (s->owner)
		return ctl_fail(r, ERR_STATE,
		    "the session belongs to a call: end the call with dectctl call drop");
	sess_drop(m, s, "by the administrator");
	return 0;
}

static void check_address(struct ctl_run *r, const char *key, const struct addr *a)
{
	struct addr own = *a;
	char text[ADDR_TEXT], what[160];
	int fd;

	if (!addr_set(a))
		return;
	addr_set_port(&own, 0);
	addr_print(a, false, text);
	fd = socket(own.u.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && bind(fd, &own.u.sa, addr_len(&own)) == 0) {
		ctl_check(r, key, CTL_OK, "", "%s is an address of this host", text);
	} else {
		(void)snprintf(what, sizeof(what),
		    "set %s in [mediad] to an address that this host has (ip address)", key);
		ctl_check(r, key, CTL_FAILED, what, "%s cannot be used: %s", text, strerror(errno));
	}
	if (fd >= 0)
		(void)close(fd);
}

/* Free to us is not free: another program may sit in the range. Some are tried, not all: the check must not delay speech. */
static void check_taken(const struct mediad *m, struct ctl_run *r)
{
	uint32_t left = port_pool_left(m->ports), tried = left < PORTS_TRIED ? left : PORTS_TRIED;
	unsigned taken = 0;
	uint16_t which = 0;

	for (uint32_t i = 0; i < tried; i++) {
		uint16_t port = port_pool_peek(m->ports, (uint32_t)((uint64_t)i * left / tried));
		struct addr own = m->addr4;
		int fd;

		if (!addr_set(&own))
			own = m->addr6;
		addr_set_port(&own, port);
		fd = socket(own.u.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			break;
		if (bind(fd, &own.u.sa, addr_len(&own)) != 0 && errno == EADDRINUSE) {
			taken++;
			which = port;
		}
		(void)close(fd);
	}
	if (taken)
		ctl_check(r, "ports of others", CTL_WARNING,
		    "give [mediad] rtp-ports that nobody else uses, nor the kernel for outgoing "
		    "connections (sysctl net.ipv4.ip_local_port_range)",
		    "%u of %u ports tried belong to another program, %u for one (ss -ulpn)", taken,
		    tried, which);
	else if (tried)
		ctl_check(
		    r, "ports of others", CTL_OK, "", "none of %u ports tried is in use", tried);
}

void mediad_check(struct daemon *d, struct ctl_run *r)
{
	const struct mediad *m = mediad_of(d);
	uint32_t left = sock_pool_left(m->socks), all = port_pool_size(m->ports);

	ctl_check(r, "media ports",
	    left < 2          ? CTL_FAILED
	    : left < all / 10 ? CTL_WARNING
	                      : CTL_OK,
	    left < 2 || left < all / 10 ? "widen rtp-ports in [mediad], or start more instances"
	                                : "",
	    "%u of %u port pairs are free, two for each call", left, all);
	check_taken(m, r);
	check_address(r, "rtp-address", &m->addr4);
	check_address(r, "rtp-address6", &m->addr6);
	check_address(r, "radio-address", &m->radio);
	if (m->draining)
		ctl_check(r, "draining", CTL_WARNING, "dectctl media drain off=yes",
		    "this instance takes no new calls");
	if (!sbox_fast())
		ctl_check(r, "SRTP", CTL_WARNING, "report the versions of libcrypto and libsrtp2",
		    "own transforms failed their test: libsrtp2 does the work, at a higher load");
}

static const struct ctl_arg drain_args[] = {
	{ "off", CTL_FLAG, false, "take sessions again", NULL },
};

const struct ctl_cmd mediad_cmds[] = {
	{ "media", "list", IPC_VIEW, NULL, false, NULL, 0, &ctl__session_row__descriptor, false,
	    media_list, "sessions of this instance" },
	{ "media", "show", IPC_VIEW, "session or call", true, NULL, 0,
	    &ctl__session_row__descriptor, false, media_show, "one session in full" },
	{ "call", "show", IPC_VIEW, "CALL", true, NULL, 0, &ctl__session_row__descriptor, false,
	    call_show, "Shows one call." },
	{ "media", "drain", IPC_OPERATE, "instance", false, drain_args, ARRAY_LEN(drain_args), NULL,
	    false, media_drain, "no new sessions; the instance ends when the last is over" },
	{ "media", "drop", IPC_OPERATE, "session or call", true, NULL, 0, NULL, false, media_drop,
	    "end a session whose owner is gone" },
};
const size_t mediad_ncmds = ARRAY_LEN(mediad_cmds);
