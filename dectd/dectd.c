/* The room: start, reload, links coming and going, the tick, status. */
#include "dectd/dectd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/enc.h"
#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "dectd/auth.h"
#include "dectd/call_ipc.h"
#include "dectd/lce.h"
#include "dectd/metrics.h"
#include "dectd/ctl_cmds.h"
#include "dectd/mm.h"
#include "dectd/ppdb.h"
#include "dectd/subs.h"

#define TICK_MS 1000
#define CERTD_MS                                                                                   \
	2000 /* after the start, for the link to certd, before base stations are served without it */
#define IDLE_MS     10000 /* while no base is on air */
#define PORT_HTTPS  443
#define PORT_SYSLOG 514

/* ---- configuration ---- */

static int hex32(const char *s, const char *key, uint32_t *out)
{
	uint8_t b[4];
	size_t n;

	if (enc_unhex(slice_str(s), b, sizeof(b), &n) || n != sizeof(b)) {
		log_ev(LOG_ERR, "not a protocol version", F_TEXT("IPDECT_KEY_NAME", key),
		    F_TEXT("IPDECT_VALUE", s), F_REMEDY("write 8 hex digits, e.g. 00080201"));
		return ERR_VALUE;
	}
	*out = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
	return 0;
}

/* The base wants 16 octets; an IPv4 address comes mapped. */
static int far(const char *text, const char *key, uint16_t port, uint8_t ip[16], uint16_t *out)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	struct addr a;
	size_t n;
	const uint8_t *p;

	memset(ip, 0, 16);
	*out = 0;
	if (!*text)
		return 0;
	if (addr_parse(slice_str(text), port, &a)) {
		log_ev(LOG_ERR, "not an address", F_TEXT("IPDECT_KEY_NAME", key),
		    F_TEXT("IPDECT_VALUE", text), F_REMEDY("write ADDRESS or ADDRESS:PORT"));
		return ERR_VALUE;
	}
	p = addr_ip(&a, &n);
	if (n == 4) {
		memcpy(ip, mapped, sizeof(mapped));
		memcpy(ip + 12, p, 4);
	} else {
		memcpy(ip, p, 16);
	}
	*out = addr_port(&a);
	return 0;
}

static int make_dir_conf(const struct dectd *r, const struct dectd_conf *c, struct rfp_dir_conf *o)
{
	/* RFP: the value tables are not public. 1 and 1 is what a manager in the European domain was seen to send. */
	int band = c->country == COUNTRY_EU ? 1 : -1, power = c->country == COUNTRY_EU ? 1 : -1;
	size_t n;
	int err;

	memset(o, 0, sizeof(*o));
	o->ident = r->ident;
	o->caps = CAP_G726 | CAP_GAP | CAP_DSAA | CAP_LOCATION | CAP_CISS | CAP_CONN_HO;
	if (c->external_handover)
		o->caps |= CAP_EXTERNAL_HO;
	o->cipher = c->cipher != CIPHER_OFF;
	err = hex32(c->protocol_min, "protocol-min", &o->protocol_min);
	if (!err)
		err = hex32(c->protocol_max, "protocol-max", &o->protocol_max);
	if (!err)
		err = hex32(c->protocol_new, "protocol-individual-keys", &o->protocol_new);
	if (!err)
		err = far(c->http_redirect, "http-redirect", PORT_HTTPS, o->http_ip, &o->http_port);
	if (!err)
		err = far(c->syslog_redirect, "syslog", PORT_SYSLOG, o->syslog_ip, &o->syslog_port);
	if (err)
		return err;
	o->heartbeat_s = (uint8_t)c->heartbeat;
	o->ttl = (uint8_t)c->ttl;
	o->tos = (uint8_t)(c->dscp << 2);
	o->port_base = (uint16_t)c->rtp_port;
	o->freq_band = c->freq_band < 256 ? (int)c->freq_band : band;
	o->rf_power = c->rf_power < 256 ? (int)c->rf_power : power;
	o->has_ext_caps2 = c->ext_caps2[0];
	if (o->has_ext_caps2 &&
	    (enc_unhex(slice_str(c->ext_caps2), o->ext_caps2, sizeof(o->ext_caps2), &n) ||
	        n != 5)) {
		log_ev(LOG_ERR, "extended-capabilities-2 is not understood",
		    F_TEXT("IPDECT_VALUE", c->ext_caps2), F_REMEDY("write 10 hex digits"));
		return ERR_VALUE;
	}
	if (c->early != EARLY_OFF && o->cipher) {
		o->has_ext_caps2 = true;
		o->ext_caps2[4] |= EXT2_EARLY;
	}
	o->weak = (uint16_t)c->weak;
	o->unproven_max = c->unproven;
	return 0;
}

/* A class B identity that nobody was given: good for a system on its own, not beside others' radios. */
static int make_up_park(struct dectd *r, char out[IDENT_PARK_CHARS])
{
	struct ident id = { .cls = IDENT_B, .pli = 31 };
	uint8_t rnd[4];

	id_random(rnd, sizeof(rnd));
	id.ari[0] = (uint8_t)(0x10 | (rnd[0] & 0x0f));
	id.ari[1] = (uint8_t)(rnd[1] | 1);
	id.ari[2] = rnd[2];
	id.ari[3] = (uint8_t)(rnd[3] | 0x11); /* FPN and FPS not 0 */
	ident_print(&id, out);
	return ppdb_meta_set(r->ppdb, "park", out);
}

static int make_ident(struct dectd *r)
{
	const struct dectd_conf *c = r->conf;
	char kept[IDENT_PARK_CHARS] = "", text[IDENT_PARK_CHARS];
	int err = ppdb_meta_get(r->ppdb, "park", kept, sizeof(kept));

	if (err && err != ERR_NOTFOUND)
		return err;
	if (!*c->park && !*kept) {
		err = make_up_park(r, kept);
		if (err)
			return err;
		log_ev(LOG_WARNING, "the system has no identity of its own: one was made up",
		    F_TEXT("IPDECT_PARK", kept),
		    F_REMEDY("set park in [dectd] to the licensed one before handsets subscribe"));
	}
	err = ident_parse(slice_str(*c->park ? c->park : kept), &r->ident);
	if (err) {
		log_ev(LOG_ERR, "park is not understood", F_TEXT("IPDECT_VALUE", c->park),
		    F_ERR(err),
		    F_REMEDY("2 hex digits of length and 8 of the key (10 in class A), e.g. "
		             "1F102AF12C"));
		return err;
	}
	for (size_t i = 0; i < c->sari.n; i++) {
		err = ident_add_sari(&r->ident, slice_str(c->sari.v[i]));
		if (err) {
			log_ev(LOG_ERR, "sari is not understood",
			    F_TEXT("IPDECT_VALUE", c->sari.v[i]), F_ERR(err),
			    F_REMEDY("8 hex digits of an access rights identity of class B or C"));
			return err;
		}
	}
	ident_print(&r->ident, text);
	if (*kept && strcmp(kept, text) != 0)
		log_ev(LOG_WARNING,
		    "the system's identity changed: all handsets must subscribe anew",
		    F_TEXT("IPDECT_PARK", text), F_TEXT("IPDECT_BEFORE", kept));
	return strcmp(kept, text) ? ppdb_meta_set(r->ppdb, "park", text) : 0;
}

/* ---- the directory's and the devices' events ---- */

static void base_changed(void *ctx, uint32_t id)
{
	ctl_base_changed(ctx, id);
}

static void base_trace(void *ctx, uint32_t id, bool to_rfp, struct slice msg)
{
	struct dectd *r = ctx;

	if (r->trace)
		ctl_trace_message(r, id, to_rfp, msg);
}

static const struct rfp_dir_ops dir_ops = {
	.keys = cert_rfp_keys,
	.point = media_point,
	.leave = media_leave,
	.changed = base_changed,
	.trace = base_trace,
};

static void pp_event(void *ctx, struct pp *pp, struct pp_user *u, unsigned what)
{
	struct dectd *r = ctx;

	if (pp) {
		dev_changed(r, pp, what);
		ctl_pp_changed(r, pp, what);
	}
	if (r->calls)
		calls_pp_changed(r->calls, pp, u, what);
}

static const struct pps_ops pps_ops = { .changed = pp_event };

bool dectd_must_cipher(const struct dectd *r, const struct pp *pp)
{
	const struct conf_list *l = &r->conf->cipher_exceptions;

	if (r->conf->cipher != CIPHER_REQUIRED)
		return false;
	for (size_t i = 0; i < l->n; i++)
		if (slice_starts(slice_str(pp->ipei), slice_str(l->v[i])))
			return false;
	return true;
}

void dectd_base_text(const struct dectd *r, uint32_t base, char out[13])
{
	const struct rfp_base *b = base && r->dir ? rfp_dir_by_id(r->dir, base) : NULL;

	out[0] = '\0';
	if (b)
		rfp_dir_mac_text(b->rec.mac, out);
}

/* ---- life ---- */

static void on_tick(struct tmr *t, void *ctx)
{
	struct dectd *r = ctx;

	uint32_t some;

	(void)pps_flush(r->pps);
	daemon_status(r->d);
	tmr_start(t, mac_bases(r->mac, &some, 1) ? TICK_MS : IDLE_MS);
}

static int open_stores(struct dectd *r)
{
	char path[256];
	int err;

	(void)snprintf(path, sizeof(path), "%s/bases.db", r->d->state_dir);
	err = basedb_open(path, &r->bases);
	if (err)
		return err;
	(void)snprintf(path, sizeof(path), "%s/handsets.db", r->d->state_dir);
	return ppdb_open(path, &r->ppdb);
}

static int open_bases(struct dectd *r)
{
	struct lce_conf lc = lce_conf_default;
	struct rfp_dir_conf dc;
	int err = make_dir_conf(r, r->conf, &dc);

	if (err)
		return err;
	r->dir = rfp_dir_new(r->d->wheel, r->bases, &dc, &dir_ops, r);
	r->mac = rfp_dir_mac(r->dir);
	err = rfp_dir_load(r->dir);
	if (err)
		return err;
	lc.lce03 = r->conf->page_ms;
	lc.n300 = r->conf->pages;
	r->subs = subs_new(r);
	r->auth = auth_cert_new(r);
	r->lce = lce_new(r->d->wheel, r->mac, &lc, NULL);
	r->mm = mm_new(r, &auth_cert_ops, r->auth);
	err = calls_new(r, &r->calls);
	if (err)
		return err;
	err = rfp_srv_open(r->d->loop, r->dir, r->conf->listen, (uint16_t)r->conf->port, &r->srv);
	if (err)
		log_ev(LOG_ERR, "cannot listen for base stations",
		    F_TEXT("IPDECT_ADDRESS", r->conf->listen), F_U64("IPDECT_PORT", r->conf->port),
		    F_ERR(err),
		    F_REMEDY("another program may have the port; set listen-address or port"));
	return err;
}

/* Base stations that come as soon as we listen would be refused for want of keys. Without certd they are told so. */
static void on_no_certd(struct tmr *t, void *ctx)
{
	struct dectd *r = ctx;

	(void)t;
	rfp_srv_hold(r->srv, false);
}

int dectd_init(struct daemon *d)
{
	struct dectd *r = mem_new(sizeof(*r));
	char park[IDENT_PARK_CHARS];
	int err;

	d->state = r;
	r->d = d;
	r->conf = d->conf;
	list_init(&r->asks);
	tmr_init(&r->tick, d->wheel, on_tick, r);
	tmr_init(&r->no_certd, d->wheel, on_no_certd, r);
	dev_init(r);
	err = open_stores(r);
	if (!err)
		err = make_ident(r);
	if (err)
		return err;
	r->pps = pps_new(r->ppdb, d->wheel, &pps_ops, r);
	err = pps_load(r->pps);
	if (!err)
		err = open_bases(r);
	if (err)
		return err;
	ident_print(&r->ident, park);
	log_ev(LOG_NOTICE, "listening for base stations", F_TEXT("IPDECT_PARK", park),
	    F_U64("IPDECT_PORT", rfp_srv_port(r->srv)));
	tmr_start(&r->tick, TICK_MS);
	rfp_srv_hold(r->srv, true);
	tmr_start(&r->no_certd, CERTD_MS);
	return 0;
}

int dectd_reload(struct daemon *d, const void *next)
{
	struct dectd *r = dectd_of(d);
	struct rfp_dir_conf dc;
	int err = make_dir_conf(r, next, &dc);

	if (err)
		return err;
	err = calls_reload(r->calls, next);
	if (err)
		return err;
	r->conf = next;
	rfp_dir_set_conf(r->dir, &dc);
	return 0;
}

void dectd_up(struct daemon *d, struct ipc_peer *p, bool restarted)
{
	struct dectd *r = dectd_of(d);

	switch (ipc_peer_role(p)) {
	case IPC_SIPD:
		r->sipd = p;
		dev_up(r, restarted);
		calls_up(r->calls, restarted);
		break;
	case IPC_CERTD:
		r->certd = p;
		tmr_stop(&r->no_certd);
		rfp_srv_hold(r->srv, false);
		break;
	default:
		break;
	}
}

void dectd_down(struct daemon *d, struct ipc_peer *p)
{
	struct dectd *r = dectd_of(d);

	if (!r)
		return; /* the process ends */
	if (p == r->sipd) {
		r->sipd = NULL;
		dev_down(r);
	} else if (p == r->certd) {
		r->certd = NULL;
		auth_cert_down(r->auth);
	}
}

void dectd_drain(struct daemon *d)
{
	ctl_trace_stop(dectd_of(d));
	daemon_idle(d);
}

void dectd_fini(struct daemon *d)
{
	struct dectd *r = dectd_of(d);

	if (!r)
		return;
	tmr_stop(&r->tick);
	tmr_stop(&r->no_certd);
	dev_down(r);
	if (r->srv) {
		rfp_dir_close_all(r->dir);
		rfp_srv_close(r->srv);
	}
	if (r->pps)
		(void)pps_flush(r->pps);
	calls_free(r->calls);
	r->calls = NULL;
	if (r->lce)
		lce_free(r->lce); /* the entities above hear that their links are gone */
	mm_free(r->mm);
	auth_cert_free(r->auth);
	subs_free(r->subs);
	rfp_dir_free(r->dir);
	pps_free(r->pps);
	ppdb_close(r->ppdb);
	basedb_close(r->bases);
	free(r);
	d->state = NULL;
}

void dectd_metrics(struct daemon *d)
{
	if (d->state)
		metrics_update(d->state);
}

void dectd_status(struct daemon *d, char *summary, size_t cap, char *trouble, size_t tcap)
{
	struct dectd *r = dectd_of(d);
	unsigned up = 0, want = 0, waiting = 0, ill = 0, located = 0, subscribed = 0;
	size_t n = 0;

	LIST_FOREACH(rfp_dir_bases(r->dir), it)
	{
		const struct rfp_base *b = LIST_ENTRY(it, struct rfp_base, node);

		waiting += strcmp(rfp_dir_state(b), "pending") == 0;
		want += b->rec.admitted && b->rec.dect;
		up += b->link && rfp_link_on_air(b->link);
		ill += b->alarms != 0;
	}
	LIST_FOREACH(pps_list(r->pps), it)
	{
		subscribed += LIST_ENTRY(it, struct pp, node)->subscribed;
		located += pp_reachable(LIST_ENTRY(it, struct pp, node));
	}
	(void)snprintf(summary, cap, "%u of %u bases on air, %u of %u handsets reachable, %u calls",
	    up, want, located, subscribed, phones_calls(calls_phones(r->calls)));
	trouble[0] = '\0';
	if (!r->certd)
		n += (size_t)snprintf(trouble + n, tcap - n,
		    "no certd: bases and handsets cannot be authenticated. ");
	if (!r->sipd && n < tcap)
		n += (size_t)snprintf(trouble + n, tcap - n, "no sipd: no calls. ");
	if (up < want && n < tcap)
		n += (size_t)snprintf(trouble + n, tcap - n,
		    "%u bases are not on air: dectctl base list tells why. ", want - up);
	if (ill && n < tcap)
		n += (size_t)snprintf(trouble + n, tcap - n, "%u base alarms. ", ill);
	if (waiting && n < tcap)
		(void)snprintf(
		    trouble + n, tcap - n, "%u bases wait for dectctl base admit. ", waiting);
}
