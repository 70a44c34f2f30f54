/* dectd's protocol side as a whole, from the bases' messages to what sipd is told: handsets that may answer as they should, a sipd
 * that takes everything, a certd as in mm_rig.h. Chance decides, the same each time. */
#ifndef STATES_BED_H
#define STATES_BED_H
#include "dectd/cc_lce_priv.h"
#include "dectd/clms.h"
#include "dectd/handover.h"
#include "dectd/mac_priv.h"
#include "dectd/mm_priv.h"
#include "dectd/phone.h"
#include "dectd/ss.h"
#include "mm_rig.h"

#define HANDSETS 3 /* connections; all say that they are the same handset, or don't say */

struct bed {
	struct rig g;
	struct hs h[HANDSETS];
	const char *reply[HANDSETS]; /* what a handset that wants to would say now */
	char text[HANDSETS][64];
	uint8_t tv[HANDSETS]; /* transaction of the last call for it */
	struct phones *phones;
	struct cc_lce *low;
	struct ss *ss;
	struct clms *clms;
	struct handover *ho;
	uint32_t seed, token;
	uint64_t ref, placed;
	unsigned round, terminating, texts;
};

static inline unsigned rnd(struct bed *b, unsigned n)
{
	b->seed = b->seed * 1664525u + 1013904223u;
	return (unsigned)((uint64_t)(b->seed >> 8) * n >> 24);
}

static inline struct pp *device(struct bed *b)
{
	struct list *l = pps_list(b->g.r.pps);

	return l->next == l ? NULL : LIST_ENTRY(l->next, struct pp, node);
}

/* ---- sipd ---- */

static inline int up_setup(void *ctx, struct pp *pp, uint64_t ref, const struct iwu_setup *s)
{
	struct bed *b = ctx;

	(void)pp;
	(void)s;
	b->ref = b->placed = ref;
	return rnd(b, 8) ? 0 : ERR_LOST;
}
static inline void up_digits(void *ctx, uint64_t ref, struct slice d, bool complete)
{
	(void)ctx;
	(void)ref;
	(void)d;
	(void)complete;
}
static inline void up_offered(void *ctx, uint64_t ref, bool yes, enum iwu_cause why)
{
	(void)ctx;
	(void)ref;
	(void)yes;
	(void)why;
}
static inline void up_ref(void *ctx, uint64_t ref)
{
	(void)ctx;
	(void)ref;
}
static inline void up_release(void *ctx, uint64_t ref, enum iwu_cause why)
{
	(void)ctx;
	(void)ref;
	(void)why;
}
static inline int up_hold(void *ctx, uint64_t ref, bool on)
{
	(void)ref;
	(void)on;
	return rnd(ctx, 4) ? 0 : ERR_LOST;
}
static inline int up_transfer(void *ctx, uint64_t ref, uint64_t other, struct slice target)
{
	(void)ref;
	(void)other;
	(void)target;
	return rnd(ctx, 4) ? 0 : ERR_LOST;
}
static inline int up_conference(void *ctx, uint64_t ref, uint64_t other, bool on)
{
	(void)ref;
	(void)other;
	(void)on;
	return rnd(ctx, 4) ? 0 : ERR_LOST;
}
static inline void up_radio(void *ctx, struct pp *pp, uint64_t ref, bool ho)
{
	(void)ctx;
	(void)pp;
	(void)ref;
	(void)ho;
}
static inline int up_query(void *ctx, struct pp *pp, uint32_t token, const struct iwu_query *q)
{
	(void)pp;
	(void)q;
	((struct bed *)ctx)->token = token;
	return 0;
}
static inline void up_tone(void *ctx, struct pp *pp, const struct mac_media *m, enum iwu_tone t)
{
	(void)ctx;
	(void)pp;
	(void)m;
	(void)t;
}
static inline int up_open(void *ctx, struct pp *pp, const struct mac_media *m)
{
	struct bed *b = ctx;
	struct mac_conn *c = cc_lce_conn(b->low, pp);
	struct mac_addr local;

	return c ? mac_media_open(c, m, &local) : ERR_LOST;
}
static inline void up_close(void *ctx, struct pp *pp)
{
	struct mac_conn *c = cc_lce_conn(((struct bed *)ctx)->low, pp);

	if (c)
		mac_media_close(c);
}
static inline void up_where(void *ctx, struct pp *pp, char *base, size_t cap, int *dbm)
{
	(void)ctx;
	(void)pp;
	(void)cap;
	base[0] = '\0';
	*dbm = 0;
}
static inline uint64_t up_new(void *ctx)
{
	return ++((struct bed *)ctx)->ref;
}
static inline bool up_there(void *ctx)
{
	return rnd(ctx, 16) != 0;
}
static const struct iwu_ops up = { up_setup, up_digits, up_offered, up_ref, up_ref, up_release,
	up_hold, up_transfer, up_conference, up_radio, up_query, up_tone, up_open, up_close,
	up_where, up_new, up_there };

/* ---- below ---- */

static inline void on_moved(void *ctx, struct pp *pp)
{
	phones_moved(((struct bed *)ctx)->phones, pp);
}
static inline void on_media(void *ctx, struct pp *pp, const struct mac_media_ind *ind)
{
	struct bed *b = ctx;

	if (ind->what == MAC_MEDIA_FAILED)
		phones_media_failed(b->phones, pp, ind->err);
	else if (ind->what != MAC_MEDIA_STATS)
		phones_media_open(b->phones, pp);
}
static const struct cc_lce_ops low_ops = { on_moved, on_media };

static inline void on_unsafe(void *ctx, struct pp *pp, struct lce_link *l, uint8_t reason)
{
	(void)l;
	phones_unsafe(((struct bed *)ctx)->phones, pp, reason);
}
static const struct mm_watch watch = { on_unsafe };

static inline void on_changed(void *ctx, struct pp *pp, struct pp_user *u, unsigned what)
{
	struct bed *b = ctx;

	if (pp && (what & (PP_C_GONE | PP_C_USER)) && phones_busy(pp))
		phones_gone(b->phones, pp);
	if (pp && (what & PP_C_GONE)) {
		phones_gone(b->phones, pp);
		cc_lce_forget(b->low, pp);
	}
	ss_changed(b->ss, pp, u, what);
}

static inline void on_text_sent(void *ctx, int err)
{
	(void)err;
	((struct bed *)ctx)->texts--;
}

static inline void on_terminated(void *ctx, struct pp *pp, int err)
{
	assert_null(pp);
	(void)err;
	((struct bed *)ctx)->terminating--;
}

static inline void begin(struct bed *b, unsigned round)
{
	struct phones_conf conf;
	struct ss_conf sc = { .idle_display = true, .time = true, .language = "en" };

	memset(b, 0, sizeof(*b));
	b->round = round;
	b->seed = round * 2654435761u + 1;
	b->ref = 100;
	rig_init(&b->g, NULL);
	b->g.def_index = 0x012f;
	pp_ipei_ipui(IPEI, &b->g.def_owner);
	b->g.defck = "0011223344556677";
	b->g.conf.early = round % 3;
	b->g.conf.rekey_ms = round % 2 ? 3000 : 60000;
	phones_conf_default(&conf);
	conf.cc.ident = b->g.r.ident;
	b->low = cc_lce_new(b->g.air.w, b->g.r.lce, b->g.r.pps, b->g.r.mm, &low_ops, b);
	b->phones = phones_new(b->g.air.w, &conf, &cc_lce_low, b->low, &up, b);
	cc_lce_set_cc(b->low, phones_cc(b->phones));
	b->ss = ss_new(b->g.air.w, b->g.r.lce, b->g.r.pps, b->g.r.mm, &sc);
	b->clms = clms_new(b->g.air.w, b->g.r.lce, NULL, b);
	b->ho = handover_new(b->g.r.lce, b->g.r.pps);
	mm_set_watch(b->g.r.mm, &watch, b);
	b->g.on_changed = on_changed;
	b->g.changed_ctx = b;
	for (unsigned i = 0; i < HANDSETS; i++) {
		hs_init(&b->h[i], &b->g, (uint8_t)(3 + i));
		b->h[i].base = 1 + i % 2;
	}
}

/* As dectd ends. */
static inline void end(struct bed *b)
{
	mm_set_watch(b->g.r.mm, NULL, NULL);
	b->g.on_changed = NULL;
	phones_free(b->phones);
	ss_free(b->ss);
	cc_lce_free(b->low);
	handover_free(b->ho);
	mac_base_down(b->g.air.mac, 1);
	mac_base_down(b->g.air.mac, 2);
	clms_free(b->clms);
	rig_fini(&b->g);
}

/* ---- the air ---- */

static inline void raw(struct bed *b, uint32_t base, const uint8_t *p, size_t n)
{
	(void)!mac_input(b->g.air.mac, base, p, n);
}

static inline void frame(struct hs *h, const uint8_t *f, size_t n)
{
	uint8_t dnm[5 + 80] = { 0x79, 0x06, h->mcei, 0x00 };

	memcpy(dnm + 5, f, n);
	while ((n + 2) % 5)
		dnm[5 + n++] = 0xf0;
	dnm[4] = (uint8_t)n;
	(void)!mac_input(h->g->air.mac, h->base, dnm, 5 + n);
}

static inline struct hs *at(struct bed *b, unsigned base, unsigned mcei)
{
	for (unsigned i = 0; i < HANDSETS; i++)
		if (b->h[i].base == base && b->h[i].mcei == mcei)
			return &b->h[i];
	return NULL;
}

/* What belongs to what it was asked. */
static inline const char *reply_to(struct bed *b, struct hs *h, uint8_t pd, uint8_t type)
{
	switch (pd << 8 | type) {
	case 0x05 << 8 | MM_AUTH_REQUEST:
		return "8541 0d04b3d4cf3b";
	case 0x05 << 8 | MM_KEY_ALLOCATE:
		return "8540 0a03014800 0c08a94e0d137b2c65f8 0d04b3d4cf3b";
	case 0x05 << 8 | MM_IDENTITY_REQUEST:
		return "8559 0507 90a8 010012abcd";
	case 0x05 << 8 | MM_TEMP_IDENTITY_ASSIGN:
		return "855d";
	case 0x05 << 8 | MM_ACCESS_RIGHTS_TERM_REQUEST:
		return "8549";
	case 0x85 << 8 | MM_LOCATE_ACCEPT:
		return "055d";
	case 0x05 << 8 | MM_CIPHER_REQUEST:
	case 0x85 << 8 | MM_CIPHER_REQUEST:
		raw(b, h->base, (uint8_t[]){ 0x7a, 0x0a, h->mcei, 1, 0, 0, 0 }, 7);
		return NULL;
	case 0x03 << 8 | CC_SETUP:
		return rnd(b, 2) ? "8301" : "8307";
	case 0x83 << 8 | CC_CONNECT:
		return "030f";
	case 0x03 << 8 | CC_RELEASE:
		return "835a";
	case 0x83 << 8 | CC_RELEASE:
		return "035a";
	default:
		return NULL;
	}
}

/* What needs no reply may follow at once what needs one. */
static inline void hear_msg(struct bed *b, struct hs *h, uint8_t pd, uint8_t type)
{
	size_t i = (size_t)(h - b->h);
	bool cc = (pd & 0x0f) == NWK_CC;
	const char *m = reply_to(b, h, cc ? pd & 0x8f : pd, type);

	if (cc && type == CC_SETUP)
		b->tv[i] = pd >> 4 & 7;
	if (!m)
		return;
	(void)snprintf(b->text[i], sizeof(b->text[i]), "%s", m);
	if (cc) /* of the same transaction */
		b->text[i][0] =
		    (char)("0123456789abcdef"[(pd & 0x70) >> 4 | (m[0] == '8' ? 8 : 0)]);
	b->reply[i] = b->text[i];
}

static inline void heard(struct bed *b, struct hs *h, const char *hex)
{
	uint8_t f[80];
	struct lapc_frame fr;

	if (lapc_parse(f, air_unhex(hex, f, sizeof(f)), &fr) != 0)
		fail_msg("frame %s", hex);
	if (fr.kind == LAPC_DISC) {
		h->up = false;
		frame(h, (uint8_t[]){ 0xa1, 0x73, 0x01 }, 3);
	} else if (fr.kind == LAPC_I) {
		if (fr.ns == h->nr) {
			h->nr = (uint8_t)((h->nr + 1) & 7);
			if (fr.n > 1)
				hear_msg(b, h, fr.info[0], fr.info[1]);
		}
		frame(h, (uint8_t[]){ 0x23, (uint8_t)(h->nr << 5 | 1), 0x01 }, 3);
	}
}

static inline void pump(struct bed *b)
{
	struct air *a = &b->g.air;

	for (unsigned guard = 0; a->n && guard < 50; guard++) {
		char log[AIR_LOG], *line, *save;

		memcpy(log, a->log, a->n + 1);
		air_forget(a);
		for (line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
			unsigned base, mcei;
			int n = 0;
			struct hs *h;

			if (sscanf(line, "%u:%u %n", &base, &mcei, &n) == 2 && n) {
				h = at(b, base, mcei);
				if (h && h->up)
					heard(b, h, line + n);
			} else if (sscanf(line, "dis %u:%u", &base, &mcei) == 2) {
				h = at(b, base, mcei);
				if (h)
					h->up = false;
			}
		}
		for (unsigned i = 0; i < HANDSETS; i++)
			air_dtr(a, b->h[i].base, b->h[i].mcei);
	}
	air_forget(a);
}

static inline void pass(struct bed *b, unsigned ms)
{
	for (unsigned i = 0; i < 10; i++) {
		tmr_advance(b->g.air.w, ms / 10);
		pump(b);
	}
}

static inline uint32_t pmid(struct bed *b)
{
	static const uint32_t some[] = { 0xe1234, 0xe5555, 0xb4711 };
	const struct pp *pp = device(b);

	return pp && pp->tpui != PP_TPUI_NONE && rnd(b, 2) ? pp->tpui : some[rnd(b, 3)];
}

static inline void connected(struct bed *b, struct hs *h, unsigned flags)
{
	uint32_t p = pmid(b);

	b->g.air.busy[h->base][h->mcei] = 0;
	raw(b, h->base,
	    (uint8_t[]){ 0x7a, 0x01, h->mcei, (uint8_t)(p >> 16), (uint8_t)(p >> 8), (uint8_t)p,
	        (uint8_t)flags, 1 },
	    8);
	raw(b, h->base, (uint8_t[]){ 0x79, 0x07, h->mcei, 0x00 }, 4);
	raw(b, h->base, (uint8_t[]){ 0x79, 0x07, h->mcei, 0x10 }, 4);
}

static inline void say(struct bed *b, struct hs *h, const char *hex)
{
	uint8_t f[80];
	size_t n = air_unhex(hex, f + 3, 63);

	if (!h->up) {
		if (rnd(b, 16))
			connected(b, h, 0);
		h->up = true;
		h->ns = h->nr = 0;
		f[0] = 0xa1;
		f[1] = 0x10;
	} else {
		f[0] = 0x21;
		f[1] = (uint8_t)(h->nr << 5 | h->ns << 1);
	}
	f[2] = (uint8_t)(n << 2 | 1);
	h->ns = (uint8_t)((h->ns + 1) & 7);
	frame(h, f, n + 3);
}

#endif
