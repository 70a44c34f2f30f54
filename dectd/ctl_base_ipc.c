/* dectctl's commands for base stations. */
#include <stdio.h>
#include <string.h>

#include "common/enc.h"
#include "common/log.h"
#include "common/mem.h"
#include "ctl.pb-c.h"
#include "dectd/ctl_cmds.h"
#include "dectd/rfp_msg.h"
#include "dectd/rfp_sync.h"

static ProtobufCBinaryData bytes(const char *s)
{
	return (ProtobufCBinaryData){ strlen(s), (uint8_t *)(uintptr_t)s };
}

/* ---- rows ---- */

struct row {
	Ctl__BaseRow row;
	char mac[13], model[24], sync[32], trouble[256];
};

static void sync_text(struct dectd *r, const struct rfp_base *b, char *out, size_t cap)
{
	const struct sync_graph *g = rfp_dir_sync(r->dir, b->rec.cluster);
	const struct sync_node *n;

	out[0] = '\0';
	if (!g || !b->rec.admitted || !b->link)
		return;
	n = &g->nodes[b->rec.rpn];
	if (n->role == SYNC_MASTER)
		(void)snprintf(out, cap, "master");
	else if (n->role == SYNC_SLAVE)
		(void)snprintf(
		    out, cap, "follows %02x, depth %d", n->ref, sync_depth(g, b->rec.rpn));
}

static void fill(struct dectd *r, const struct rfp_base *b, struct row *o)
{
	const char *model = rfp_model_name(b->rec.model);

	*o = (struct row){ .row = CTL__BASE_ROW__INIT };
	rfp_dir_mac_text(b->rec.mac, o->mac);
	if (model)
		(void)snprintf(o->model, sizeof(o->model), "%s", model);
	else if (b->rec.model)
		(void)snprintf(o->model, sizeof(o->model), "unknown (%x)", b->rec.model);
	sync_text(r, b, o->sync, sizeof(o->sync));
	rfp_dir_trouble(b, o->trouble, sizeof(o->trouble));
	o->row.mac = o->mac;
	o->row.has_name = o->row.has_firmware = o->row.has_trouble = 1;
	o->row.name = bytes(b->rec.name);
	o->row.firmware = bytes(b->rec.version);
	o->row.trouble = bytes(o->trouble);
	o->row.state = (char *)(uintptr_t)rfp_dir_state(b);
	o->row.model = o->model;
	o->row.address = (char *)(uintptr_t)b->rec.address;
	o->row.has_rpn = o->row.has_cluster = b->rec.admitted;
	o->row.rpn = b->rec.rpn;
	o->row.cluster = b->rec.cluster;
	o->row.sync = o->sync;
	o->row.has_links = o->row.has_calls = b->link != NULL;
	o->row.calls = rfp_media_busy(&b->media);
	if (b->link) {
		struct mac_base_info in;

		if (mac_base_info(r->mac, b->rec.id, &in) == 0)
			o->row.links = in.conns;
	}
}

void ctl_base_changed(struct dectd *r, uint32_t id)
{
	const struct rfp_base *b;
	struct row o;

	if (!r->dir || !ctl_watched(r->d->ctl, "base", "watch"))
		return;
	b = rfp_dir_by_id(r->dir, id);
	if (!b)
		return;
	fill(r, b, &o);
	ctl_publish(r->d->ctl, "base", "watch", o.mac, &o.row.base);
}

int ctl_base_list(struct ctl_run *r)
{
	struct dectd *d = ctl_room(r);
	uint32_t after = 0;
	char cursor[16];

	if (slice_u32(ctl_cursor(r), UINT32_MAX, &after))
		after = 0;
	LIST_FOREACH(rfp_dir_bases(d->dir), it)
	{
		const struct rfp_base *b = LIST_ENTRY(it, struct rfp_base, node);
		struct row o;

		if (b->rec.id <= after)
			continue;
		fill(d, b, &o);
		if (!ctl_row(r, &o.row.base)) {
			(void)snprintf(cursor, sizeof(cursor), "%u", after);
			ctl_more(r, slice_str(cursor));
			return 0;
		}
		after = b->rec.id;
	}
	return 0;
}

static int mac_of(struct ctl_run *r, uint8_t mac[6])
{
	if (rfp_dir_mac_parse(ctl_id(r), mac) == 0)
		return 0;
	return ctl_fail(r, ERR_SYNTAX, "a MAC address has 12 hex digits, e.g. 00304212ab01");
}

static struct rfp_base *base_of(struct ctl_run *r, uint8_t mac[6])
{
	struct rfp_base *b;

	if (mac_of(r, mac))
		return NULL;
	b = rfp_dir_find(ctl_room(r)->dir, mac);
	if (!b)
		(void)ctl_fail(
		    r, ERR_NOTFOUND, "no such base station; dectctl base list shows all");
	return b;
}

int ctl_base_watch(struct ctl_run *r)
{
	return ctl_id(r).n ? 0 : ctl_base_list(r);
}

int ctl_base_show(struct ctl_run *r)
{
	struct dectd *d = ctl_room(r);
	uint8_t mac[6];
	const struct rfp_base *b = base_of(r, mac);
	const struct rfp_link_stats *st;
	char first[24], last[24];
	struct row o;

	if (!b)
		return ERR_NOTFOUND;
	fill(d, b, &o);
	(void)ctl_row(r, &o.row.base);
	ctl_time(b->rec.first_seen, first);
	ctl_time(b->rec.last_seen, last);
	ctl_say(r, "protocol %08x, capabilities %08x, generation %u\n", b->rec.protocol,
	    b->rec.caps, rfp_model_generation(b->rec.model));
	ctl_say(r, "first seen %s, last seen %s; key %s\n", *first ? first : "never",
	    *last ? last : "never", b->rec.enrolled ? "pinned" : "none yet");
	if (!b->link)
		return 0;
	st = rfp_link_stats(b->link);
	ctl_say(r, "link %s from %s, up %u s, links so far %u\n", rfp_link_state(b->link),
	    rfp_link_peer(b->link), st->uptime_ms / 1000, b->links);
	ctl_say(r,
	    "received %llu messages (%llu octets), sent %llu (%llu); %llu unknown, %llu malformed, "
	    "%llu refused\n",
	    (unsigned long long)st->rx_msgs, (unsigned long long)st->rx_octets,
	    (unsigned long long)st->tx_msgs, (unsigned long long)st->tx_octets,
	    (unsigned long long)st->unknown, (unsigned long long)st->bad,
	    (unsigned long long)st->refused);
	ctl_say(r, "radio: %u lost, %u resets, %u slow handovers; media channels %u of %u\n",
	    b->stats.lost, b->stats.mac_reset, b->stats.slow_handover, rfp_media_busy(&b->media),
	    b->media.max);
	return 0;
}

/* ---- changes ---- */

static int put(struct ctl_run *r, const uint8_t mac[6], bool admitted)
{
	struct slice name = ctl_text_arg(r, "name");
	struct rfp_admit a = { .dect = -1 };
	char text[BASE_NAME_MAX], hex[13];
	int err;

	if (ctl_has(r, "name")) {
		if (slice_copy(name, text, sizeof(text)))
			return ctl_fail(
			    r, ERR_LIMIT, "a name has at most %d octets", BASE_NAME_MAX - 1);
		a.name = text;
	}
	a.cluster = (uint32_t)ctl_number(r, "cluster", 0);
	a.re_enrol = ctl_flag(r, "re-enrol", false);
	if (ctl_has(r, "radio"))
		a.dect = ctl_flag(r, "radio", true);
	err = rfp_dir_admit(ctl_room(r)->dir, mac, &a);
	if (err == ERR_LIMIT)
		return ctl_fail(
		    r, err, "no radio part number is left in that cluster; choose another cluster");
	if (err)
		return ctl_fail(r, err, "not stored: %s", err_text(err));
	rfp_dir_mac_text(mac, hex);
	log_ev(LOG_NOTICE, admitted ? "base admitted" : "base changed", F_TEXT("IPDECT_MAC", hex),
	    F_U64("IPDECT_UID", ctl_uid(r)));
	return 0;
}

int ctl_base_admit(struct ctl_run *r)
{
	uint8_t mac[6];
	int err = mac_of(r, mac);

	if (err)
		return err;
	err = put(r, mac, true);
	if (!err && !rfp_dir_find(ctl_room(r)->dir, mac)->rec.last_seen)
		ctl_say(r, "never seen so far: it is let in when it comes\n");
	return err;
}

int ctl_base_set(struct ctl_run *r)
{
	uint8_t mac[6];
	const struct rfp_base *b = base_of(r, mac);

	if (!b)
		return ERR_NOTFOUND;
	if (!b->rec.admitted)
		return ctl_fail(r, ERR_STATE, "it waits for admission: dectctl base admit");
	return put(r, mac, false);
}

int ctl_base_remove(struct ctl_run *r)
{
	uint8_t mac[6];
	char hex[13];
	int err;

	if (!base_of(r, mac))
		return ERR_NOTFOUND;
	err = rfp_dir_remove(ctl_room(r)->dir, mac);
	if (err)
		return ctl_fail(r, err, "not removed: %s", err_text(err));
	rfp_dir_mac_text(mac, hex);
	log_ev(
	    LOG_NOTICE, "base removed", F_TEXT("IPDECT_MAC", hex), F_U64("IPDECT_UID", ctl_uid(r)));
	return 0;
}

int ctl_base_restart(struct ctl_run *r)
{
	uint8_t mac[6];
	int err;

	if (!base_of(r, mac))
		return ERR_NOTFOUND;
	err = rfp_dir_restart(ctl_room(r)->dir, mac);
	return err ? ctl_fail(r, err, "it is not connected") : 0;
}

/* ---- synchronisation ---- */

static void sync_one(struct ctl_run *r, struct dectd *d, uint32_t cluster)
{
	const struct sync_graph *g = rfp_dir_sync(d->dir, cluster);

	ctl_say(r, "cluster %u\n", cluster);
	LIST_FOREACH(rfp_dir_bases(d->dir), it)
	{
		const struct rfp_base *b = LIST_ENTRY(it, struct rfp_base, node);
		const struct sync_node *n;
		char mac[13], how[32];
		const char *trouble;

		if (!b->rec.admitted || b->rec.cluster != cluster)
			continue;
		rfp_dir_mac_text(b->rec.mac, mac);
		sync_text(d, b, how, sizeof(how));
		ctl_say(r, "  %02x  %s  %-16s  %s", b->rec.rpn, mac,
		    b->rec.name[0] ? b->rec.name : "-", *how ? how : rfp_dir_state(b));
		if (!g) {
			ctl_say(r, "\n");
			continue;
		}
		n = &g->nodes[b->rec.rpn];
		if (n->role == SYNC_SLAVE)
			ctl_say(r, ", %u alternatives", sync_alternatives(g, b->rec.rpn));
		trouble = b->link && rfp_link_on_air(b->link) ? sync_trouble(g, b->rec.rpn) : "";
		ctl_say(r, "%s%s\n", *trouble ? ": " : "", trouble);
		for (unsigned i = 0; i < n->nedges; i++)
			ctl_say(r, "        hears %02x, signal %u, offset %d ns\n", n->edges[i].rpn,
			    n->edges[i].rssi, n->edges[i].offset_ns);
	}
}

int ctl_base_sync(struct ctl_run *r)
{
	struct dectd *d = ctl_room(r);
	uint32_t only = (uint32_t)ctl_number(r, "cluster", 0), done[64];
	unsigned n = 0;

	LIST_FOREACH(rfp_dir_bases(d->dir), it)
	{
		const struct rfp_base *b = LIST_ENTRY(it, struct rfp_base, node);
		bool seen = !b->rec.admitted || (only && b->rec.cluster != only);

		for (unsigned i = 0; i < n; i++)
			seen |= done[i] == b->rec.cluster;
		if (seen || n == ARRAY_LEN(done))
			continue;
		done[n++] = b->rec.cluster;
		sync_one(r, d, b->rec.cluster);
	}
	if (!n)
		ctl_say(r, "no admitted base station\n");
	return 0;
}

/* ---- import ---- */

struct line {
	uint8_t mac[6];
	char name[BASE_NAME_MAX];
	uint8_t key[RFP_RFPA_LEN];
};

/* "MAC,name,key" with ',', ';' or TAB between. */
static int line_of(struct slice s, struct line *out)
{
	struct cur c = cur_of(s);
	struct slice f[3] = { 0 };
	uint8_t kept[RFP_RFPA_LEN];
	size_t n = 0;

	for (unsigned i = 0; i < 3; i++) {
		f[i] = slice_trim(cur_until(&c, ",;\t"));
		if (!cur_done(&c))
			c.p++;
	}
	if (rfp_dir_mac_parse(f[0], out->mac) || slice_copy(f[1], out->name, sizeof(out->name)) ||
	    enc_unhex(f[2], kept, sizeof(kept), &n) || n != sizeof(kept))
		return ERR_SYNTAX;
	rfp_rfpa_at_rest(out->mac, false, kept, out->key);
	mem_wipe(kept, sizeof(kept));
	return 0;
}

int ctl_base_import(struct ctl_run *r)
{
	struct slice text = ctl_data_arg(r, "file");
	unsigned line = 0, done = 0;
	int err = 0;

	if (!ctl_room(r)->certd)
		return ctl_fail(
		    r, ERR_LOST, "certd, which keeps the keys, does not answer: nothing imported");
	/* First everything is read, so that a mistyped line imports nothing. */
	for (int pass = 0; pass < 2; pass++) {
		struct cur c = cur_of(text);

		line = 0;
		while (!cur_done(&c) && !err) {
			struct slice s = slice_trim(cur_until(&c, "\n"));
			struct line l = { 0 };

			if (!cur_done(&c))
				c.p++;
			line++;
			if (!s.n || s.p[0] == '#' ||
			    (line == 1 && slice_istarts(s, SLICE_LIT("mac"))))
				continue;
			err = line_of(s, &l);
			if (!err && pass) {
				err = rfp_dir_import(
				    ctl_room(r)->dir, l.mac, *l.name ? l.name : NULL, l.key);
				done += !err;
			}
			mem_wipe(&l, sizeof(l));
		}
	}
	if (err && !done)
		return ctl_fail(r, err,
		    "line %u: %s; a line is MAC, name, 128 hex digits. Nothing imported", line,
		    err_text(err));
	ctl_say(r, "%u base stations imported\n", done);
	if (err)
		return ctl_fail(
		    r, err, "line %u: %s; the lines before it are imported", line, err_text(err));
	log_ev(LOG_NOTICE, "bases imported", F_U64("IPDECT_COUNT", done),
	    F_U64("IPDECT_UID", ctl_uid(r)));
	return 0;
}

/* What a base knows of its former manager: certd keeps it and makes the re-enrolment with it (rfp-link 4.4). */
int ctl_base_root_hash(struct ctl_run *r)
{
	struct slice v = slice_trim(ctl_data_arg(r, "value"));
	uint8_t mac[6] = { 0 };
	int err = ctl_id(r).n ? mac_of(r, mac) : 0;

	if (err)
		return err;
	if (v.n < 4 || v.n > 64 || v.p[0] != '$')
		return ctl_fail(r, ERR_SYNTAX,
		    "the hash with its prefix is needed, as in that manager's configuration: $1$$ "
		    "and "
		    "22 characters");
	/* Ticket 0 is nobody's: the directory does not wait for this answer. */
	err = cert_rfp_keys(ctl_room(r), 0, mac, RKEY_ROOT_HASH, NULL, v);
	if (err)
		return ctl_fail(r, err, "certd, which keeps it, does not answer");
	log_ev(LOG_NOTICE, "root hash of a former manager set", F_U64("IPDECT_UID", ctl_uid(r)));
	return 0;
}
