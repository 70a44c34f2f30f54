/* dectctl media …: what runs here. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	uint32_t at = 0, from = 0;
	char cursor[16];

	if (ctl_cursor(r).n && slice_u32(ctl_cursor(r), UINT32_MAX, &from))
		return ERR_SYNTAX;
	LIST_FOREACH(&m->all, it)
	{
		if (at++ < from)
			continue;
		put_row(m, LIST_ENTRY(it, struct sess, node), &row, &t);
		if (!ctl_row(r, &row.base)) {
			(void)snprintf(cursor, sizeof(cursor), "%" PRIu32, at - 1);
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

static const struct ctl_arg drain_args[] = {
	{ "off", CTL_FLAG, false, "take sessions again", NULL },
};

const struct ctl_cmd mediad_cmds[] = {
	{ "media", "list", IPC_VIEW, NULL, false, NULL, 0, &ctl__session_row__descriptor, false,
	    media_list, "sessions of this instance" },
	{ "media", "show", IPC_VIEW, "session or call", true, NULL, 0,
	    &ctl__session_row__descriptor, false, media_show, "one session in full" },
	{ "media", "drain", IPC_OPERATE, "instance", false, drain_args, ARRAY_LEN(drain_args), NULL,
	    false, media_drain, "no new sessions; the instance ends when the last is over" },
	{ "media", "drop", IPC_OPERATE, "session or call", true, NULL, 0, NULL, false, media_drop,
	    "end a session whose owner is gone" },
};
const size_t mediad_ncmds = ARRAY_LEN(mediad_cmds);
