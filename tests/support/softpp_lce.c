/* Link control at the portable side (dect-nwk 9.2): which base, pages, which entity a message is for, when the link is
 * no longer needed. */
#include <string.h>

#include "tests/support/softpp_priv.h"

#define LINGER_MS 4000 /* LCE.02 */

/* ---- bases ---- */

/* PARK{y} includes the PARI when the first y bits of class and details agree (EN 300 175-6 6.1). */
bool sp_park_matches(const struct softpp *pp, const struct air_info *i)
{
	unsigned bits = pp->park.n > 2 ? (pp->park.p[1] & 0x7fu) - 1 : 0;
	const uint8_t *v = pp->park.p + 2;

	if (!pp->subscribed || bits == 0 || bits > 36)
		return false;
	for (unsigned k = 1; k <= bits; k++)
		if ((v[k / 8] ^ i->rfpi[k / 8]) >> (7 - k % 8) & 1)
			return false;
	return true;
}

struct air_base *sp_best(struct softpp *pp, bool subscribing)
{
	struct air_base *found[32];
	unsigned n = air_scan(pp->radio, found, 32);

	for (unsigned i = 0; i < n; i++) {
		struct air_info info;

		air_base_info(found[i], &info);
		if (subscribing ? info.higher_caps & 0x0008 : sp_park_matches(pp, &info))
			return found[i];
	}
	return NULL;
}

/* The ARI of a base as a fixed identity. */
void sp_ari(const struct air_info *i, struct sp_id *out)
{
	bool a = (i->rfpi[0] >> 4 & 7) == 0;
	unsigned bits = a ? 37 : 32;

	out->p[0] = 0x80;
	out->p[1] = (uint8_t)(0x80 | bits);
	memcpy(out->p + 2, i->rfpi, 5);
	out->p[2] &= 0x7f;
	if (a)
		out->p[6] &= 0xf8;
	out->n = (uint8_t)(2 + (bits + 7) / 8);
}

static bool lower_bits(const struct sp_id *id, unsigned n, uint32_t *out)
{
	unsigned bits = id->p[1] & 0x7fu;
	uint32_t v = 0;

	if (id->n < 3 || bits < n)
		return false;
	for (unsigned k = bits - n; k < bits; k++)
		v = v << 1 | (id->p[2 + k / 8] >> (7 - k % 8) & 1u);
	*out = v;
	return true;
}

uint32_t sp_default_tpui(const struct softpp *pp)
{
	uint32_t v = 0;

	return lower_bits(&pp->ipui, 16, &v) ? 0xe0000 | v : 0xe0000;
}

/* ---- sending ---- */

/* The base it listens to, else the strongest that has a bearer free. */
static bool open_link(struct softpp *pp)
{
	struct air_base *found[32];
	unsigned n = air_scan(pp->radio, found, 32);
	bool subscribing = pp->mm.op == MMO_SUBSCRIBE;
	struct air_info info;

	if (!subscribing && pp->camped && sp_lapc_open(pp, pp->camped))
		return true;
	for (unsigned i = 0; i < n; i++) {
		air_base_info(found[i], &info);
		if ((subscribing ? info.higher_caps & 0x0008 : sp_park_matches(pp, &info)) &&
		    sp_lapc_open(pp, found[i]))
			return true;
	}
	return false;
}

bool sp_send(struct softpp *pp, const uint8_t *msg, size_t n)
{
	tmr_stop(&pp->linger);
	if (pp->l.st == SPL_REL) /* not over a link that ends: a new one would be needed */
		return false;
	if (pp->l.st == SPL_IDLE && !open_link(pp))
		return false;
	sp_lapc_send(pp, msg, n);
	return true;
}

/* ---- pages ---- */

static bool page_for_us(const struct softpp *pp, const uint8_t *p, size_t n)
{
	bool w = p[0] & 0x08;
	uint32_t v;

	if (n == 3) {
		uint32_t low = (uint32_t)p[1] << 8 | p[2];

		if (w)
			return pp->tpui != UINT32_MAX && (pp->tpui & 0xffff) == low;
		return (sp_default_tpui(pp) & 0xffff) == low;
	}
	if (w)
		return pp->tpui != UINT32_MAX &&
		       pp->tpui == ((uint32_t)(p[1] & 0x0f) << 16 | (uint32_t)p[2] << 8 | p[3]);
	v = (uint32_t)(p[1] & 0x0f) << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4];
	{
		uint32_t low;

		return lower_bits(&pp->ipui, 28, &low) && low == v &&
		       pp->ipui.p[2] >> 4 == p[1] >> 4;
	}
}

static void on_page(void *ctx, struct air_base *b, const uint8_t *page, size_t n)
{
	struct softpp *pp = ctx;
	uint8_t header = page[0] & 7, buf[SP_MSG_MAX];
	struct air_info info;
	struct wr w;

	if (!pp->on || !pp->subscribed || pp->ignore_pages || !pp->located)
		return;
	air_base_info(b, &info);
	if (!sp_park_matches(pp, &info) || b != pp->camped)
		return; /* it listens to one base only */
	if (header == 1) {
		sp_event(pp, "group ring");
		return;
	}
	if (!page_for_us(pp, page, n))
		return;
	if (header != 0 && header != 4)
		sp_violation(pp, "dect-nwk 7.1", "page with header %u", header);
	pp->pages++;
	if (pp->l.st != SPL_IDLE)
		return;
	pp->paged = true;
	pp->page_voice = header == 4;
	w = sp_begin(buf, 0x00, 0x71);
	sp_put(&w, 0x05, pp->ipui.p, pp->ipui.n);
	if (sp_lapc_open(pp, b))
		sp_lapc_send(pp, buf, w.n);
}

/* ---- the radio's upcalls ---- */

static void on_connected(void *ctx, struct air_conn *c)
{
	(void)c;
	sp_lapc_connected(ctx);
}

static void on_frame(void *ctx, struct air_conn *c, const uint8_t *f, size_t n)
{
	struct softpp *pp = ctx;

	if (c != pp->conn)
		return;
	if (pp->early)
		sp_violation(pp, "dect-security 8.4", "a frame while ciphering starts");
	sp_lapc_frame(pp, f, n);
}

static void on_sent(void *ctx, struct air_conn *c)
{
	(void)ctx;
	(void)c;
}

static void on_released(void *ctx, struct air_conn *c, enum air_reason why)
{
	struct softpp *pp = ctx;

	if (c != pp->conn)
		return;
	pp->conn = NULL;
	sp_link_down(pp, why != AIR_NORMAL);
}

static void on_key(void *ctx, struct air_conn *c)
{
	struct softpp *pp = ctx;

	(void)c;
	pp->base_key = true;
}

static void on_early(void *ctx, struct air_conn *c, bool ok)
{
	struct softpp *pp = ctx;

	if (c == pp->conn)
		sp_early_done(pp, ok);
}

static void on_moved(void *ctx, struct air_conn *c, bool ok)
{
	struct softpp *pp = ctx;

	if (c != pp->conn)
		return;
	if (ok) {
		pp->camped = air_conn_base(c);
		sp_event(pp, "moved %s", air_base_name(pp->camped));
		sp_lapc_moved(pp);
	} else {
		sp_event(pp, "handover failed");
	}
}

static void on_speech(void *ctx, struct air_conn *c, const int16_t *samples)
{
	struct softpp *pp = ctx;

	if (c == pp->conn)
		sp_audio_in(pp, samples);
}

/* It stays registered while it hears a base of its location area, which is the whole system (level 31); when it was out
 * of reach it registers again. */
static void on_base(void *ctx, struct air_base *b, bool up)
{
	struct softpp *pp = ctx;
	struct air_base *best;

	/* It stands somewhere and stays there: each base is heard otherwise, and the same after a restart. */
	if (up && b && pp->spread && !air_has_signal(pp->radio, b))
		air_set_signal(pp->radio, b, -40 - (int)(sp_random() % 50));
	if (!pp->on || !pp->subscribed)
		return;
	if (!up && pp->camped == b)
		pp->camped = NULL;
	if (pp->conn)
		return;
	best = sp_best(pp, false);
	if (pp->camped) { /* in the same location area: it listens to the stronger one and tells nobody */
		pp->camped = best ? best : pp->camped;
		return;
	}
	if (!best) {
		if (pp->located || !up)
			sp_event(pp, "no base");
		pp->located = false;
		return;
	}
	pp->camped = best;
	sp_event(pp, "base %s", air_base_name(best));
	if (pp->auto_locate && !pp->located)
		sp_locate_later(pp, 50 + sp_random() % 300);
}

const struct air_pp_ops sp_radio_ops = { .page = on_page,
	.connected = on_connected,
	.frame = on_frame,
	.sent = on_sent,
	.released = on_released,
	.base_has_key = on_key,
	.early = on_early,
	.moved = on_moved,
	.speech = on_speech,
	.base = on_base };

/* ---- the link's life ---- */

void sp_up(struct softpp *pp)
{
	pp->camped = pp->conn ? air_conn_base(pp->conn) : NULL;
}

void sp_idle_check(struct softpp *pp)
{
	if (pp->l.st != SPL_UP || pp->cc.st != T00 || sp_mm_busy(pp))
		tmr_stop(&pp->linger);
	else if (!tmr_pending(&pp->linger))
		tmr_start(&pp->linger, LINGER_MS);
}

void sp_link_down(struct softpp *pp, bool abnormal)
{
	sp_lapc_down(pp);
	tmr_stop(&pp->linger);
	pp->paged = false;
	pp->ciphered = pp->base_key = pp->early = pp->early_over = false;
	if (abnormal)
		sp_event(pp, "link lost");
	sp_mm_link_down(pp);
	sp_cc_link_down(pp);
	on_base(pp, NULL, true);
}

static void page_reject(struct softpp *pp, const struct sp_msg *m)
{
	const struct sp_ie *id = sp_ie(m, 0x05), *r = sp_ie(m, 0x60);

	if (!(m->ti & 8))
		sp_violation(pp, "dect-nwk 9", "LCE-PAGE-REJECT with flag 0");
	if (id && (id->n != pp->ipui.n || memcmp(id->p, pp->ipui.p, id->n) != 0))
		sp_violation(pp, "dect-nwk 5.5", "LCE-PAGE-REJECT names another identity");
	sp_event(pp, "page-reject %02x", r ? r->p[0] : 0);
	if (r && r->p[0] == 0x23)
		pp->tpui = UINT32_MAX;
	sp_lapc_release(pp);
}

void sp_message(struct softpp *pp, const uint8_t *p, size_t n)
{
	struct sp_msg m;

	if (!sp_msg_parse(pp, p, n, &m))
		return;
	switch (m.pd) {
	case PD_LCE:
		page_reject(pp, &m);
		break;
	case PD_CC:
		sp_cc_input(pp, &m);
		break;
	case PD_CISS:
		sp_ciss_input(pp, &m);
		break;
	case PD_MM:
		sp_mm_input(pp, &m);
		break;
	case PD_CLMS:
		sp_event(pp, "clms");
		break;
	default:
		break;
	}
	sp_idle_check(pp);
}
