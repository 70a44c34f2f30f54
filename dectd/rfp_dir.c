/* The directory of base stations: admission, keys, link by link; the administrator's commands. */
#include "dectd/rfp_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/enc.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/ossl.h"
#include "dectd/rfp_dir_priv.h"
#include <openssl/rand.h>

#define ID_ALARM "5a0ef1c3c2c14c6f8d0ab3d0c1e2b7f1" /* a base's identity is in doubt */
#define ID_UP    "0d6b3a9b64b54d7b9c58a8c2d20d9e11"
#define ID_DOWN  "7c1f0b9a5d3e4d52a4a4b1f3c5e7d922"

static const struct rfp_link_ops link_ops;

struct rfp_dir *rfp_dir_new(struct tmr_wheel *w, struct basedb *db, const struct rfp_dir_conf *conf,
    const struct rfp_dir_ops *ops, void *ctx)
{
	struct rfp_dir *d = mem_new(sizeof(*d));

	d->w = w;
	d->db = db;
	d->conf = *conf;
	d->ops = ops;
	d->ctx = ctx;
	list_init(&d->bases);
	list_init(&d->links);
	list_init(&d->clusters);
	list_init(&d->results);
	d->mac = mac_new(w, &rfp_dir_low, d);
	return d;
}

struct rfp_base *rfp_dir_base_new(struct rfp_dir *d, const struct base_rec *r)
{
	struct rfp_base *b = mem_new(sizeof(*b));

	b->dir = d;
	b->rec = *r;
	rfp_media_init(&b->media, r->model, d->conf.port_base);
	list_append(&d->bases, &b->node);
	return b;
}

static int loaded(void *ctx, const struct base_rec *r)
{
	rfp_dir_base_new(ctx, r);
	return 0;
}

int rfp_dir_load(struct rfp_dir *d)
{
	return basedb_each(d->db, loaded, d);
}

void rfp_dir_free(struct rfp_dir *d)
{
	if (!d)
		return;
	mac_free(d->mac);
	/* They go with their sockets, in the next turn of the loop. */
	LIST_FOREACH(&d->links, it)
	{
		struct dir_link *dl = LIST_ENTRY(it, struct dir_link, node);

		dl->dir = NULL;
		dl->base = NULL;
		list_remove(it);
	}
	rfp_dir_results_free(d);
	while (!list_empty(&d->bases)) {
		struct rfp_base *b = LIST_ENTRY(d->bases.next, struct rfp_base, node);

		list_remove(&b->node);
		free(b);
	}
	while (!list_empty(&d->clusters)) {
		struct cluster *c = LIST_ENTRY(d->clusters.next, struct cluster, node);

		list_remove(&c->node);
		free(c);
	}
	free(d);
}

struct mac *rfp_dir_mac(struct rfp_dir *d)
{
	return d->mac;
}

struct list *rfp_dir_bases(struct rfp_dir *d)
{
	return &d->bases;
}

struct rfp_base *rfp_dir_find(struct rfp_dir *d, const uint8_t mac[6])
{
	LIST_FOREACH(&d->bases, it)
	{
		struct rfp_base *b = LIST_ENTRY(it, struct rfp_base, node);

		if (memcmp(b->rec.mac, mac, 6) == 0)
			return b;
	}
	return NULL;
}

struct rfp_base *rfp_dir_by_id(struct rfp_dir *d, uint32_t id)
{
	struct rfp_base **near = &d->found[id % DIR_NEAR];

	if (*near && (*near)->rec.id == id)
		return *near;
	LIST_FOREACH(&d->bases, it)
	{
		struct rfp_base *b = LIST_ENTRY(it, struct rfp_base, node);

		if (b->rec.id == id)
			return *near = b;
	}
	return NULL;
}

/* Before it is freed. */
void rfp_dir_unlink_base(struct rfp_base *b)
{
	struct rfp_dir *d = b->dir;

	for (unsigned i = 0; i < DIR_NEAR; i++)
		if (d->found[i] == b)
			d->found[i] = NULL;
	list_remove(&b->node);
}

void rfp_dir_mac_text(const uint8_t mac[6], char out[13])
{
	enc_hex(mac, 6, out);
}

int rfp_dir_mac_parse(struct slice s, uint8_t mac[6])
{
	char hex[12];
	size_t n = 0, len = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == ':' || s.p[i] == '-')
			continue;
		if (n == sizeof(hex))
			return ERR_SYNTAX;
		hex[n++] = s.p[i];
	}
	if (n != sizeof(hex))
		return ERR_SYNTAX;
	return enc_unhex((struct slice){ hex, n }, mac, 6, &len);
}

static void alarm_on(struct rfp_base *b, enum rfp_base_alarm a, const char *why, const char *remedy)
{
	char mac[13];

	rfp_dir_mac_text(b->rec.mac, mac);
	if (!(b->alarms & a))
		log_ev(LOG_ERR, "base alarm", F_ID(ID_ALARM), F_RFP(b->rec.id),
		    F_TEXT("IPDECT_MAC", mac), F_WHY(why), F_REMEDY(remedy));
	b->alarms |= a;
	b->dir->ops->changed(b->dir->ctx, b->rec.id);
}

static void save(struct rfp_base *b)
{
	if (basedb_put(b->dir->db, &b->rec) != 0)
		log_ev(LOG_ERR, "base not stored", F_RFP(b->rec.id));
}

/* ---- transport ---- */

static unsigned unproven(const struct rfp_dir *d)
{
	unsigned n = 0;

	LIST_FOREACH(&d->links, it)
	{
		const struct dir_link *dl = LIST_ENTRY(it, struct dir_link, node);

		n += !dl->ended && !rfp_link_proven(dl->link);
	}
	return n;
}

int rfp_dir_connect(struct rfp_dir *d, const struct rfp_wire *wire, void *wctx, const char *peer,
    const uint8_t ip4[4], struct rfp_link **out)
{
	struct dir_link *dl;
	int err;

	if (unproven(d) >= d->conf.unproven_max)
		return ERR_BUSY;
	dl = mem_new(sizeof(*dl));
	dl->dir = d;
	dl->wire = wire;
	dl->wctx = wctx;
	memcpy(dl->ip4, ip4, 4);
	dl->link = rfp_link_new(d->w, &link_ops, dl, peer);
	rfp_link_set_user(dl->link, dl);
	list_append(&d->links, &dl->node);
	err = rfp_link_open(dl->link);
	if (err) {
		rfp_dir_link_free(dl->link);
		return err;
	}
	*out = dl->link;
	return 0;
}

void rfp_dir_link_free(struct rfp_link *l)
{
	struct dir_link *dl = rfp_link_user(l);

	if (dl->base && dl->base->link == l)
		dl->base->link = NULL;
	list_remove(&dl->node);
	rfp_link_free(l);
	free(dl);
}

static int on_write(void *ctx, struct rfp_link *l, const uint8_t *p, size_t n)
{
	struct dir_link *dl = ctx;

	(void)l;
	return dl->wire->write(dl->wctx, p, n);
}

/* ---- admission ---- */

static struct rfp_base *oldest_pending(struct rfp_dir *d, unsigned *count)
{
	struct rfp_base *old = NULL;

	*count = 0;
	LIST_FOREACH(&d->bases, it)
	{
		struct rfp_base *b = LIST_ENTRY(it, struct rfp_base, node);

		if (b->rec.admitted)
			continue;
		++*count;
		if (!old || b->rec.last_seen < old->rec.last_seen)
			old = b;
	}
	return old;
}

static void forget(struct rfp_base *b)
{
	/* Of connections that were refused and whose sockets still close. */
	LIST_FOREACH(&b->dir->links, it)
	{
		struct dir_link *dl = LIST_ENTRY(it, struct dir_link, node);

		if (dl->base == b)
			dl->base = NULL;
	}
	if (basedb_remove(b->dir->db, b->rec.id) != 0)
		log_ev(LOG_ERR, "base not removed from the store", F_RFP(b->rec.id));
	rfp_dir_unlink_base(b);
	b->dir->ops->changed(b->dir->ctx, b->rec.id);
	free(b);
}

static struct rfp_base *pending(struct rfp_dir *d, const uint8_t mac[6])
{
	struct base_rec r = { .dect = true, .cluster = 1 };
	unsigned n;
	struct rfp_base *old = oldest_pending(d, &n);

	if (n >= BASE_PENDING_MAX)
		forget(old);
	memcpy(r.mac, mac, 6);
	r.first_seen = time(NULL);
	if (basedb_put(d->db, &r) != 0)
		return NULL;
	return rfp_dir_base_new(d, &r);
}

static void told(struct rfp_base *b, const struct rfp_link *l, const struct rfp_link_info *in)
{
	b->rec.model = in->model;
	b->rec.protocol = in->protocol;
	b->rec.caps = in->caps;
	snprintf(b->rec.version, sizeof(b->rec.version), "%s", in->version);
	snprintf(b->rec.address, sizeof(b->rec.address), "%s", rfp_link_peer(l));
	b->rec.last_seen = time(NULL);
}

/* Hash in the form of MD5-crypt without its prefix that no password gives on purpose: the base's own accounts are
 * closed while we manage it. */
static void locked_hash(char out[23])
{
	static const char abc[] =
	    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	uint8_t r[22];

	out[0] = '\0';
	if (RAND_bytes(r, sizeof(r)) != 1)
		return;
	for (unsigned i = 0; i < sizeof(r); i++)
		out[i] = abc[r[i] & 63];
	out[22] = '\0';
}

uint16_t rfp_dir_caps_of(const struct rfp_base *b)
{
	const struct rfp_dir *d = b->dir;
	uint16_t caps = d->conf.caps;

	if (d->rights)
		caps |= CAP_RIGHTS;
	/* RFP: the second generation does not cipher whatever its capability word says. */
	if (d->conf.cipher && rfp_model_generation(b->rec.model) >= 3)
		caps |= CAP_DSC;
	return caps;
}

static int link_conf(const struct rfp_base *b, bool fresh, struct rfp_link_conf *c)
{
	const struct rfp_dir_conf *s = &b->dir->conf;

	memset(c, 0, sizeof(*c));
	c->voice_tos = c->sig_tos = s->tos;
	c->ttl = s->ttl;
	c->heartbeat_s = s->heartbeat_s;
	c->fresh = fresh;
	memcpy(c->http_ip, s->http_ip, 16);
	memcpy(c->syslog_ip, s->syslog_ip, 16);
	c->http_port = s->http_port;
	c->syslog_port = s->syslog_port;
	locked_hash(c->locked_hash);
	c->dect = b->rec.dect;
	c->pli = s->ident.pli;
	c->caps = rfp_dir_caps_of(b);
	c->nsari = s->ident.nsari;
	memcpy(c->sari, s->ident.sari, sizeof(c->sari));
	c->has_ext_caps2 = s->has_ext_caps2;
	memcpy(c->ext_caps2, s->ext_caps2, sizeof(c->ext_caps2));
	c->freq_band = s->freq_band;
	c->rf_power = s->rf_power;
	return ident_rfpi(&s->ident, b->rec.rpn, c->rfpi);
}

static void accept_link(struct dir_link *dl, const struct rfp_keys *k)
{
	struct rfp_link_conf c;
	bool fresh = k && k->message.n > 0;

	if (link_conf(dl->base, fresh, &c) != 0) {
		alarm_on(dl->base, RA_NO_RPN,
		    "its radio part number is not in the system's identity",
		    "remove and admit it again");
		rfp_link_refuse(dl->link);
		return;
	}
	rfp_link_accept(dl->link, &c, k ? k->message : (struct slice){ 0 }, k ? k->to_rfp : NULL,
	    k ? k->from_rfp : NULL);
	mem_wipe(&c, sizeof(c));
}

static bool speaks(struct rfp_base *b, const struct rfp_link_info *in)
{
	const struct rfp_dir_conf *c = &b->dir->conf;

	b->alarms &= ~(unsigned)(RA_TOO_OLD | RA_TOO_NEW);
	if (in->protocol < c->protocol_min) {
		alarm_on(b, RA_TOO_OLD, "its firmware is too old",
		    "load firmware SIP-DECT 7.1 or later into the base");
		return false;
	}
	if (in->protocol > c->protocol_max) {
		alarm_on(b, RA_TOO_NEW, "its firmware is newer than what was ever tried",
		    "raise protocol-max in [dectd], or load firmware SIP-DECT 8.1");
		return false;
	}
	return true;
}

uint32_t rfp_dir_ticket(struct rfp_dir *d)
{
	if (++d->tickets == 0)
		d->tickets = 1;
	return d->tickets;
}

/* Nothing, or the address of a group, is no device's. */
static bool usable(const uint8_t mac[6])
{
	static const uint8_t none[6];

	return memcmp(mac, none, sizeof(none)) != 0 && !(mac[0] & 1);
}

static void on_init(void *ctx, struct rfp_link *l, const struct rfp_link_info *in)
{
	struct dir_link *dl = ctx;
	struct rfp_dir *d = dl->dir;
	struct rfp_base *b = rfp_dir_find(d, in->mac);
	enum rfp_key_op op;
	char mac[13];

	rfp_dir_mac_text(in->mac, mac);
	if (!b && !usable(in->mac)) {
		log_ev(LOG_NOTICE, "base without an address of its own: refused",
		    F_TEXT("IPDECT_MAC", mac), F_PEER(rfp_link_peer(l)));
		rfp_link_refuse(l);
		return;
	}
	if (!b)
		b = pending(d, in->mac);
	if (!b) {
		rfp_link_refuse(l);
		return;
	}
	dl->base = b;
	if (!b->link) {
		told(b, l, in);
		save(b);
		rfp_media_init(&b->media, b->rec.model, d->conf.port_base);
	}
	d->ops->changed(d->ctx, b->rec.id);
	if (!in->sig_ok || !in->sum_ok)
		log_ev(LOG_NOTICE, "base's signature or checksum is wrong",
		    F_TEXT("IPDECT_MAC", mac), F_PEER(rfp_link_peer(l)));
	if (!speaks(b, in)) {
		rfp_link_refuse(l);
		return;
	}
	if (!b->rec.admitted) {
		log_ev(LOG_NOTICE, "base waits for admission", F_RFP(b->rec.id),
		    F_TEXT("IPDECT_MAC", mac), F_PEER(rfp_link_peer(l)),
		    F_REMEDY("dectctl base admit"));
		rfp_link_refuse(l);
		return;
	}
	if (rfp_old_generation(in->protocol, d->conf.protocol_new)) {
		accept_link(dl, NULL);
		return;
	}
	op = b->rec.re_enrol ? RKEY_RE_ENROL : b->rec.enrolled ? RKEY_GET : RKEY_ENROL;
	dl->op = op;
	dl->ticket = rfp_dir_ticket(d);
	if (d->ops->keys(
	        d->ctx, dl->ticket, b->rec.mac, op, rfp_link_auth(l), (struct slice){ 0 }) != 0) {
		dl->ticket = 0;
		alarm_on(b, RA_NO_CERTD, "no key: certd does not answer",
		    "systemctl status ipdect-certd");
		rfp_link_refuse(l);
	}
}

void rfp_dir_keys(struct rfp_dir *d, uint32_t t, int err, const struct rfp_keys *k)
{
	LIST_FOREACH(&d->links, it)
	{
		struct dir_link *dl = LIST_ENTRY(it, struct dir_link, node);

		if (dl->ticket != t || dl->ended)
			continue;
		dl->ticket = 0;
		dl->base->alarms &= ~(unsigned)(RA_NO_CERTD | RA_NO_KEY);
		if (!err && k->to_rfp && k->from_rfp) {
			accept_link(dl, k);
			return;
		}
		if (err == ERR_NOTFOUND || !err)
			alarm_on(dl->base, RA_NO_KEY, "certd has no key for it",
			    "remove it, reset the base to factory settings, admit it again");
		else
			alarm_on(
			    dl->base, RA_NO_CERTD, err_text(err), "systemctl status ipdect-certd");
		rfp_link_refuse(dl->link);
		return;
	}
}

static void on_proven(void *ctx, struct rfp_link *l)
{
	struct dir_link *dl = ctx;
	struct rfp_base *b = dl->base;
	struct rfp_dir *d = dl->dir;

	if (b->link && b->link != l)
		rfp_link_close(b->link, RFP_W_REPLACED);
	b->link = l;
	b->links++;
	memcpy(b->ip4, dl->ip4, 4);
	told(b, l, rfp_link_info(l));
	b->alarms &= ~(unsigned)(RA_OTHER_KEY | RA_DOUBLE | RA_NO_CERTD | RA_NO_KEY);
	if (!rfp_link_info(l)->sig_ok)
		b->alarms |= RA_BAD_SIGNATURE;
	else
		b->alarms &= ~(unsigned)RA_BAD_SIGNATURE;
	if (dl->op == RKEY_ENROL || dl->op == RKEY_RE_ENROL) {
		b->rec.enrolled = true;
		b->rec.re_enrol = false;
		if (d->ops->keys(d->ctx, rfp_dir_ticket(d), b->rec.mac, RKEY_CONFIRM, NULL,
		        (struct slice){ 0 }) != 0) {
			b->rec.enrolled = false;
			log_ev(
			    LOG_ERR, "new key of a base could not be confirmed", F_RFP(b->rec.id));
		}
	}
	save(b);
	rfp_media_init(&b->media, b->rec.model, d->conf.port_base);
	d->ops->changed(d->ctx, b->rec.id);
}

/* A link that ended before it proved anything: is somebody else there, or has the base another key? */
static void judge(struct dir_link *dl, enum rfp_link_why why)
{
	struct rfp_base *b = dl->base;

	if (!b || !b->rec.admitted || why == RFP_W_REFUSED || why == RFP_W_SHUTDOWN ||
	    why == RFP_W_REMOVED)
		return;
	if (b->link)
		alarm_on(b, RA_DOUBLE,
		    "a second connection with its MAC address did not prove its key",
		    "look for the other device in the network; the base itself runs undisturbed");
	else if (why == RFP_W_KEY || (why == RFP_W_CLOSED && dl->op == RKEY_GET) ||
	         why == RFP_W_TIMEOUT)
		alarm_on(b, RA_OTHER_KEY,
		    "it has another key than the one that it was admitted with",
		    "if the base was reset or exchanged: dectctl base remove, then admit it again");
}

static void on_closed(void *ctx, struct rfp_link *l, enum rfp_link_why why)
{
	struct dir_link *dl = ctx;
	struct rfp_base *b = dl->base;
	bool was_ours = b && b->link == l;

	dl->ended = true;
	if (dl->dir && b) {
		char mac[13];

		rfp_dir_mac_text(b->rec.mac, mac);
		if (was_ours) {
			b->link = NULL;
			rfp_dir_sync_air(
			    b, false); /* it may have been starting: nobody is to wait for it */
			b->last_why = why;
			b->rec.last_seen = time(NULL);
			rfp_media_reset(&b->media);
			log_ev(why == RFP_W_REPLACED || why == RFP_W_SHUTDOWN ? LOG_NOTICE
			                                                      : LOG_WARNING,
			    "base lost", F_ID(ID_DOWN), F_RFP(b->rec.id), F_TEXT("IPDECT_MAC", mac),
			    F_PEER(rfp_link_peer(l)), F_WHY(rfp_why_text(why)));
		} else {
			log_ev(LOG_NOTICE, "base connection ended", F_RFP(b->rec.id),
			    F_TEXT("IPDECT_MAC", mac), F_PEER(rfp_link_peer(l)),
			    F_WHY(rfp_why_text(why)));
			judge(dl, why);
		}
		dl->dir->ops->changed(dl->dir->ctx, b->rec.id);
	}
	dl->wire->close(dl->wctx);
}

static void on_on_air(void *ctx, struct rfp_link *l, bool up)
{
	struct dir_link *dl = ctx;
	struct rfp_base *b = dl->base;
	struct rfp_dir *d = dl->dir;
	char mac[13];

	(void)l;
	if (!d || !b)
		return;
	rfp_dir_mac_text(b->rec.mac, mac);
	rfp_dir_sync_air(b, up);
	b->up_ms = up ? tmr_now(d->w) : 0;
	if (up) {
		log_ev(LOG_NOTICE, "base on air", F_ID(ID_UP), F_RFP(b->rec.id),
		    F_TEXT("IPDECT_MAC", mac), F_PEER(rfp_link_peer(l)),
		    F_U64("IPDECT_RPN", b->rec.rpn));
		mac_base_up(d->mac, b->rec.id, b->rec.cluster);
	} else {
		mac_base_down(d->mac, b->rec.id);
		rfp_media_reset(&b->media);
	}
	d->ops->changed(d->ctx, b->rec.id);
}

static int on_dnm(void *ctx, struct rfp_link *l, const uint8_t *p, size_t n)
{
	struct dir_link *dl = ctx;

	(void)l;
	return mac_input(dl->dir->mac, dl->base->rec.id, p, n);
}

static void on_heard(void *ctx, struct rfp_link *l, const struct sync_neighbour *nb, unsigned n)
{
	struct dir_link *dl = ctx;

	(void)l;
	rfp_dir_sync_heard(dl->base, nb, n);
	rfp_dir_sync_decide(dl->base);
}

static void on_phase(void *ctx, struct rfp_link *l, const struct sync_neighbour *nb, unsigned n)
{
	struct dir_link *dl = ctx;

	(void)l;
	rfp_dir_sync_heard(dl->base, nb, n);
}

static void on_media(void *ctx, struct rfp_link *l, const struct rfp_msg *m)
{
	struct dir_link *dl = ctx;

	(void)l;
	rfp_dir_media_input(dl->base, m);
}

static void on_statistics(void *ctx, struct rfp_link *l, const struct rfp_statistics *st)
{
	struct dir_link *dl = ctx;

	(void)l;
	dl->base->stats = *st;
}

static void on_page_overflow(void *ctx, struct rfp_link *l)
{
	struct dir_link *dl = ctx;

	(void)l;
	mac_page_queue_full(dl->dir->mac, dl->base->rec.id);
}

static void on_trace(void *ctx, struct rfp_link *l, bool to_rfp, struct slice msg)
{
	struct dir_link *dl = ctx;

	if (dl->dir && dl->dir->ops->trace && dl->base && rfp_link_proven(l))
		dl->dir->ops->trace(dl->dir->ctx, dl->base->rec.id, to_rfp, msg);
}

static const struct rfp_link_ops link_ops = {
	.write = on_write,
	.closed = on_closed,
	.init = on_init,
	.proven = on_proven,
	.heard = on_heard,
	.on_air = on_on_air,
	.dnm = on_dnm,
	.media = on_media,
	.phase = on_phase,
	.statistics = on_statistics,
	.page_overflow = on_page_overflow,
	.trace = on_trace,
};
