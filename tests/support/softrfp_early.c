/* Default cipher keys at a soft base: what a handset names is asked for, in one of the two likely forms (dectd/rfp_early.h), and
 * the answer taken apart strictly. Written out here, not with dectd's codec. */
#include <string.h>

#include "common/mem.h"
#include "tests/support/softrfp_priv.h"

#define ANSWER_MS 2500 /* then the handset is refused: START.REJECT */
#define KEY       8

static bool by_connection(const struct softrfp *b)
{
	return strcmp(b->conf.early, "connection") == 0;
}

static void on_late(struct tmr *t, void *ctx)
{
	struct softrfp *b = ctx;
	uint64_t next = 0;

	for (unsigned i = 0; i < SR_MCEIS; i++) {
		struct sr_conn *sc = &b->conns[i];
		uint64_t until = sc->early_since + ANSWER_MS;

		if (!sc->used || !sc->early || !sc->c)
			continue;
		if (until <= tmr_now(b->w)) {
			sc->early = false;
			air_event(b->air, "%s default key not answered", b->who);
			air_base_early(sc->c, NULL, 0);
		} else if (!next || until < next) {
			next = until;
		}
	}
	if (next)
		tmr_start(t, next - tmr_now(b->w));
}

void sr_early_init(struct softrfp *b)
{
	tmr_init(&b->early, b->w, on_late, b);
}

void sr_early_ask(void *ctx, struct air_conn *c, int mcei, uint16_t index)
{
	struct softrfp *b = ctx;
	struct sr_conn *sc = sr_conn_of(b, (unsigned)mcei);
	struct rfp_msg m = { .type = RFP_DNM, .layer = RFP_L_MAC, .prim = MACP_GET_DEF_CKEY_IND };
	uint8_t body[6];
	size_t n = 0;

	if (!b->conf.early[0] || !sc) {
		air_base_early(c, NULL, 0);
		return;
	}
	if (by_connection(b))
		body[n++] = (uint8_t)mcei;
	body[n++] = (uint8_t)(sc->pmid >> 16);
	body[n++] = (uint8_t)(sc->pmid >> 8);
	body[n++] = (uint8_t)sc->pmid;
	body[n++] = (uint8_t)(index >> 8);
	body[n++] = (uint8_t)index;
	m.u.early.body = (struct slice){ (const char *)body, n };
	sc->early = true;
	sc->early_since = tmr_now(b->w);
	sr_send(b, &m);
	if (!tmr_pending(&b->early))
		tmr_start(&b->early, ANSWER_MS);
}

static struct sr_conn *waiting(struct softrfp *b, const uint8_t *p)
{
	uint32_t pmid = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];

	if (by_connection(b))
		return sr_conn_of(b, p[0]);
	for (unsigned i = 0; i < SR_MCEIS; i++)
		if (b->conns[i].used && b->conns[i].early && b->conns[i].pmid == pmid)
			return &b->conns[i];
	return NULL;
}

void sr_early_input(struct softrfp *b, const struct rfp_msg *m)
{
	static const uint8_t none[KEY];
	const uint8_t *p = (const uint8_t *)m->u.early.body.p;
	size_t n = m->u.early.body.n, head = by_connection(b) ? 2 : 3;
	struct sr_conn *sc;
	bool ok;

	if (!b->conf.early[0] || n != head + KEY + (by_connection(b) ? 2 : 1)) {
		sr_violation(b, "rfp_early.h", "MAC_GET_DEF_CKEY_RES of %zu octets", n);
		return;
	}
	ok = p[n - 1] == 1;
	if ((!ok && p[n - 1] != 0xff) || (!ok && memcmp(p + head, none, KEY) != 0) ||
	    (by_connection(b) && (p[1] != 0 || p[n - 2] != ok)))
		sr_violation(b, "rfp_early.h", "MAC_GET_DEF_CKEY_RES: its parts disagree");
	sc = waiting(b, p);
	if (!sc || !sc->early) {
		/* It may cross the end of the connection, or come after our time for it. */
		air_event(b->air, "%s default key that is not waited for", b->who);
		return;
	}
	sc->early = false;
	if (ok && rfp_model_generation(b->conf.model) < 3)
		sr_violation(
		    b, "rfp-link 12.7", "default key for a radio of the second generation");
	air_event(b->air, "%s default key %s", b->who, ok ? "known" : "not known");
	sc->has_key = sc->has_key || ok;
	air_base_early(sc->c, p + head, ok ? KEY : 0);
}
