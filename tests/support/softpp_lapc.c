/* LAPC at the portable side, class A and class B (EN 300 175-4 9.2; dect-nwk 2.3 - 2.6), one link at a time. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/softpp_priv.h"

#define DL_MS 2000 /* DL.00, .02, .04, .07 */
#define N250  3
#define SAPI0 0

static unsigned mod(const struct sp_lapc *l)
{
	return l->class_b ? 8 : 2;
}

static unsigned window(const struct sp_lapc *l)
{
	return l->class_b && l->st == SPL_UP ? 3 : 1;
}

static unsigned ahead(const struct sp_lapc *l, unsigned from, unsigned to)
{
	return (to + mod(l) - from) % mod(l);
}

/* ---- sending ---- */

/* C/R of a portable part: 0 command, 1 response. */
static void put_frame(struct softpp *pp, bool nlf, bool response, uint8_t control,
    const uint8_t *info, uint8_t n, bool more)
{
	uint8_t f[AIR_FRAME_MAX];

	f[0] = (uint8_t)((nlf ? 0x80 : 0) | pp->l.lln << 4 | SAPI0 << 2 | (response ? 2 : 0) | 1);
	f[1] = control;
	f[2] = (uint8_t)(n << 2 | (more ? 2 : 0) | 1);
	if (n)
		memcpy(f + 3, info, n);
	pp->l.tx_frames++;
	if (pp->conn)
		air_send(pp->conn, f, 3u + n);
}

static void send_i(struct softpp *pp, unsigned ns, bool poll, bool nlf)
{
	struct sp_lapc *l = &pp->l;
	const struct sp_seg *s = l->win[ns];
	uint8_t c = (uint8_t)((unsigned)l->vr << 5 | (poll ? 0x10u : 0u) | ns << 1);

	l->acked = l->vr;
	put_frame(pp, nlf, false, c, s->info, s->n, s->more);
}

static void send_rr(struct softpp *pp, bool command, bool pf, bool nlf)
{
	struct sp_lapc *l = &pp->l;

	l->acked = l->vr;
	put_frame(
	    pp, nlf, !command, (uint8_t)(l->vr << 5 | (pf ? 0x10 : 0) | 0x01), NULL, 0, false);
}

static void pump(struct softpp *pp)
{
	struct sp_lapc *l = &pp->l;

	while (l->st == SPL_UP && !l->peer_busy && !l->recover && !list_empty(&l->txq) &&
	       ahead(l, l->va, l->vs) < window(l)) {
		struct sp_seg *s = LIST_ENTRY(l->txq.next, struct sp_seg, node);
		unsigned ns = l->vs;

		list_remove(&s->node);
		l->win[ns] = s;
		l->vs = (uint8_t)((l->vs + 1) % mod(l));
		/* Real handsets poll with their first frame after establishment. */
		send_i(pp, ns, false, false);
		if (!tmr_pending(&l->t)) {
			l->retries = 0;
			tmr_start(&l->t, DL_MS);
		}
	}
}

static void forget(struct sp_lapc *l)
{
	for (unsigned i = 0; i < 8; i++) {
		free(l->win[i]);
		l->win[i] = NULL;
	}
}

static void forget_all(struct sp_lapc *l)
{
	forget(l);
	while (!list_empty(&l->txq)) {
		struct sp_seg *s = LIST_ENTRY(l->txq.next, struct sp_seg, node);

		list_remove(&s->node);
		free(s);
	}
}

static void segment(struct softpp *pp, const uint8_t *msg, size_t n)
{
	do {
		struct sp_seg *s = mem_new(sizeof(*s));

		s->n = (uint8_t)(n > 63 ? 63 : n);
		s->more = n > 63;
		memcpy(s->info, msg, s->n);
		list_append(&pp->l.txq, &s->node);
		msg += s->n;
		n -= s->n;
	} while (n);
}

void sp_lapc_send(struct softpp *pp, const uint8_t *msg, size_t n)
{
	segment(pp, msg, n);
	pump(pp);
}

/* ---- timers ---- */

static void dead(struct softpp *pp, const char *why)
{
	struct air_conn *c = pp->conn;

	sp_event(pp, "link fails: %s", why);
	tmr_stop(&pp->l.t);
	pp->lost++;
	if (c)
		air_release(c, true);
}

static void establish(struct softpp *pp)
{
	struct sp_lapc *l = &pp->l;

	/* N(S) 0, NLF and, in class B, P set; the information may be the first message. */
	put_frame(pp, true, false, l->class_b ? 0x10 : 0x00, l->win[0]->info, l->win[0]->n,
	    l->win[0]->more);
	tmr_start(&l->t, DL_MS);
}

static void on_timer(struct tmr *t, void *ctx)
{
	struct softpp *pp = ctx;
	struct sp_lapc *l = &pp->l;

	(void)t;
	if (l->retries++ >= N250) {
		dead(pp, l->st == SPL_EST   ? "no answer to establishment"
		         : l->st == SPL_REL ? "no answer to DISC"
		                            : "no acknowledgement");
		return;
	}
	l->again++;
	switch (l->st) {
	case SPL_EST:
		establish(pp);
		return;
	case SPL_REL:
		put_frame(pp, true, false, 0x53, NULL, 0, false);
		tmr_start(&l->t, DL_MS);
		return;
	case SPL_UP:
		if (!l->class_b)
			send_i(pp, l->va, false, false);
		else {
			l->recover = true;
			send_rr(pp, true, true, false);
		}
		tmr_start(&l->t, DL_MS);
		return;
	default:
		return;
	}
}

/* ---- link ---- */

void sp_lapc_init(struct softpp *pp)
{
	list_init(&pp->l.txq);
	tmr_init(&pp->l.t, pp->w, on_timer, pp);
}

bool sp_lapc_open(struct softpp *pp, struct air_base *b)
{
	struct sp_lapc *l = &pp->l;

	if (l->st != SPL_IDLE)
		return false;
	pp->pmid = pp->tpui != UINT32_MAX ? pp->tpui : 0xe0000 | (sp_random() & 0xffff);
	l->class_b = pp->profile != SPP_GAP_A;
	l->lln = l->class_b ? 2 : 1;
	l->vs = l->va = l->vr = l->acked = 0;
	l->peer_busy = l->recover = l->rej = false;
	l->nrx = 0;
	l->retries = 0;
	pp->conn = air_connect(pp->radio, b, pp->pmid);
	if (!pp->conn)
		return false;
	air_conn_set_user(pp->conn, pp);
	pp->base_key = pp->ciphered = pp->early = pp->early_over = false;
	pp->links++;
	pp->link_since = tmr_now(pp->w);
	l->st = SPL_MAC;
	return true;
}

void sp_lapc_connected(struct softpp *pp)
{
	struct sp_lapc *l = &pp->l;
	struct sp_seg *s;

	if (l->st != SPL_MAC || sp_early_start(pp))
		return;
	l->st = SPL_EST;
	if (list_empty(&l->txq) || (l->class_b && pp->early_empty)) {
		s = mem_new(sizeof(*s));
	} else {
		s = LIST_ENTRY(l->txq.next, struct sp_seg, node);
		list_remove(&s->node);
	}
	l->win[0] = s;
	l->vs = 1;
	establish(pp);
}

void sp_lapc_release(struct softpp *pp)
{
	struct sp_lapc *l = &pp->l;

	if (l->st == SPL_IDLE || l->st == SPL_REL)
		return;
	if (l->st != SPL_UP || !l->class_b) {
		if (pp->conn)
			air_release(pp->conn, l->st != SPL_UP);
		return;
	}
	l->st = SPL_REL;
	l->retries = 0;
	put_frame(pp, true, false, 0x53, NULL, 0, false);
	tmr_start(&l->t, DL_MS);
}

void sp_lapc_down(struct softpp *pp)
{
	struct sp_lapc *l = &pp->l;

	tmr_stop(&l->t);
	forget_all(l);
	l->st = SPL_IDLE;
	l->faults = false;
	l->nrx = 0;
}

/* After a handover what was not acknowledged goes out again at once. */
void sp_lapc_moved(struct softpp *pp)
{
	struct sp_lapc *l = &pp->l;

	l->faults = true;
	if (l->st != SPL_UP || l->va == l->vs)
		return;
	if (l->class_b) {
		l->recover = true;
		send_rr(pp, true, true, false);
	} else {
		send_i(pp, l->va, false, false);
	}
	tmr_start(&l->t, DL_MS);
}

/* ---- receiving ---- */

static bool take_nr(struct softpp *pp, unsigned nr, bool final)
{
	struct sp_lapc *l = &pp->l;

	if (ahead(l, l->va, nr) > ahead(l, l->va, l->vs)) {
		sp_violation(pp, "EN 300 175-4 9.2.4", "N(R) %u outside %u … %u", nr, l->va, l->vs);
		return false;
	}
	if (l->va != nr) {
		while (l->va != nr) {
			free(l->win[l->va]);
			l->win[l->va] = NULL;
			l->va = (uint8_t)((l->va + 1) % mod(l));
		}
		tmr_stop(&l->t);
		l->retries = 0;
		if (l->va != l->vs)
			tmr_start(&l->t, DL_MS);
	}
	if (final && l->recover) {
		l->recover = false;
		tmr_stop(&l->t);
		for (unsigned n = l->va; n != l->vs; n = (n + 1) % mod(l))
			send_i(pp, n, false, false);
		if (l->va != l->vs)
			tmr_start(&l->t, DL_MS);
	}
	return true;
}

static void information(struct softpp *pp, const uint8_t *p, unsigned n, bool more)
{
	struct sp_lapc *l = &pp->l;

	if (l->nrx + n > sizeof(l->rx)) {
		sp_violation(pp, "dect-nwk 2.5", "message of more than %zu octets", sizeof(l->rx));
		l->nrx = 0;
		return;
	}
	memcpy(l->rx + l->nrx, p, n);
	l->nrx += n;
	if (more)
		return;
	n = (unsigned)l->nrx;
	l->nrx = 0;
	if (n) {
		uint8_t copy[SP_MSG_MAX];

		memcpy(copy, l->rx, n);
		sp_message(pp, copy, n);
	}
}

static void got_i(struct softpp *pp, uint8_t control, const uint8_t *p, unsigned n, bool more)
{
	struct sp_lapc *l = &pp->l;
	unsigned ns = control >> 1 & 7, nr = control >> 5, gap;
	bool poll = control & 0x10;

	if (l->st != SPL_UP) {
		if (l->st != SPL_REL)
			sp_violation(pp, "dect-nwk 2.3", "I-frame before the link is established");
		return;
	}
	if (!l->class_b && (ns > 1 || nr > 1)) {
		sp_violation(pp, "dect-nwk 2.4", "class A: N(S) %u, N(R) %u", ns, nr);
		return;
	}
	if (!take_nr(pp, nr, false))
		return;
	gap = ahead(l, l->vr, ns);
	if (gap == 0) {
		if (l->class_b && ahead(l, l->acked, ns) >= 3)
			sp_violation(pp, "dect-nwk 2.4b", "more than 3 frames unacknowledged");
		l->vr = (uint8_t)((l->vr + 1) % mod(l));
		l->rej = false;
		/* Acknowledged first: what the message causes may be a frame of our own or the link's end. */
		send_rr(pp, false, l->class_b && poll, false);
		information(pp, p, n, more);
	} else {
		/* Behind: a repetition. In front: one was lost, which the air does only when told to. */
		if (l->class_b && gap <= 3 && !l->faults)
			sp_violation(pp, "dect-nwk 2.4b", "N(S) %u, expected %u", ns, l->vr);
		if (l->class_b && gap <= 3 && !l->rej && !poll) {
			l->rej = true;
			l->acked = l->vr;
			put_frame(pp, false, true, (uint8_t)(l->vr << 5 | 0x09), NULL, 0, false);
		} else {
			send_rr(pp, false, l->class_b && poll, false);
		}
	}
	if (l->st == SPL_UP)
		pump(pp);
}

static void got_s(struct softpp *pp, uint8_t control, bool response, bool nlf)
{
	struct sp_lapc *l = &pp->l;
	unsigned nr = control >> 5;
	bool pf = control & 0x10;

	if (l->st == SPL_EST) {
		if ((control & 0x0f) != 0x01 || !response || nr != 1 || !nlf ||
		    (l->class_b && !pf)) {
			sp_violation(pp, "dect-nwk 2.4b",
			    "answer to establishment: control %02x NLF %u, expected RR with N(R) "
			    "1, NLF%s",
			    control, nlf, l->class_b ? ", F" : "");
			return;
		}
		if (!l->class_b && pf)
			sp_violation(pp, "dect-nwk 2.4", "P/F set in class A");
		l->st = SPL_UP;
		tmr_stop(&l->t);
		l->retries = 0;
		if (take_nr(pp, nr, false))
			sp_up(pp);
		pump(pp);
		return;
	}
	if (l->st != SPL_UP)
		return;
	if (!l->class_b && nr > 1) {
		sp_violation(pp, "dect-nwk 2.4", "class A: N(R) %u", nr);
		return;
	}
	switch (control & 0x0f) {
	case 0x01:
		l->peer_busy = false;
		if (!take_nr(pp, nr, response && pf))
			return;
		if (!l->class_b && l->va != l->vs && nr == l->va && !l->faults)
			break; /* old N(R): the timer repeats */
		break;
	case 0x05:
		if (!l->class_b)
			sp_violation(pp, "dect-nwk 2.1", "RNR in class A");
		l->peer_busy = true;
		if (!take_nr(pp, nr, response && pf))
			return;
		break;
	case 0x09:
		if (!l->class_b)
			sp_violation(pp, "dect-nwk 2.1", "REJ in class A");
		l->peer_busy = false;
		if (!take_nr(pp, nr, false))
			return;
		for (unsigned n = l->va; n != l->vs; n = (n + 1) % mod(l))
			send_i(pp, n, false, false);
		break;
	default:
		sp_violation(pp, "dect-nwk 2.1", "control %02x", control);
		return;
	}
	if (!response && pf && l->class_b)
		send_rr(pp, false, true, false);
	pump(pp);
}

static void got_u(struct softpp *pp, uint8_t control, bool response)
{
	struct sp_lapc *l = &pp->l;
	bool pf = control & 0x10;

	switch (control & 0xef) {
	case 0x43: /* DISC */
		if (response || !pf)
			sp_violation(pp, "dect-nwk 2.4b", "DISC as a response or without P");
		put_frame(pp, true, true, 0x63 | 0x10, NULL, 0, false);
		tmr_stop(&l->t);
		l->st = SPL_REL; /* the MAC's release follows */
		l->retries = N250;
		tmr_start(&l->t, DL_MS);
		return;
	case 0x63: /* UA */
		if (!response || !pf)
			sp_violation(pp, "dect-nwk 2.4b", "UA as a command or without F");
		if (l->st == SPL_REL) {
			tmr_stop(&l->t);
			if (pp->conn)
				air_release(pp->conn, false);
		} else {
			sp_violation(pp, "dect-nwk 2.4b", "UA that nobody asked for");
		}
		return;
	case 0x0f: /* DM */
		if (l->st == SPL_REL || l->st == SPL_EST) {
			if (pp->conn)
				air_release(pp->conn, false);
		} else {
			sp_violation(pp, "dect-nwk 2.4b", "DM on an established link");
		}
		return;
	case 0x2f: /* SABM: both sides start anew */
		if (response || !pf)
			sp_violation(pp, "dect-nwk 2.4b", "SABM as a response or without P");
		if (!l->faults)
			sp_violation(pp, "dect-nwk 2.4b", "SABM though nothing was lost");
		l->vs = l->va = l->vr = l->acked = 0;
		l->recover = l->rej = l->peer_busy = false;
		l->nrx = 0;
		forget(l);
		tmr_stop(&l->t);
		put_frame(pp, true, true, 0x63 | 0x10, NULL, 0, false);
		pump(pp);
		return;
	default:
		sp_violation(pp, "dect-nwk 2.1", "control %02x", control);
	}
}

void sp_lapc_frame(struct softpp *pp, const uint8_t *f, size_t n)
{
	struct sp_lapc *l = &pp->l;
	bool nlf, response;
	unsigned lln, len;

	l->rx_frames++;
	if (n < 3 || l->st == SPL_IDLE || l->st == SPL_MAC) {
		sp_violation(pp, "dect-nwk 2.1", "frame of %zu octets in link state %d", n, l->st);
		return;
	}
	nlf = f[0] & 0x80;
	lln = f[0] >> 4 & 7;
	response = !(f[0] & 2); /* of the fixed part: 1 command, 0 response */
	len = f[2] >> 2;
	if (!(f[0] & 1) || (f[0] >> 2 & 3) != SAPI0)
		sp_violation(pp, "dect-nwk 2.1", "address %02x: SAPI or reserved bit", f[0]);
	if (lln != l->lln) {
		sp_violation(pp, "dect-nwk 2.1", "LLN %u, this link has %u", lln, l->lln);
		return;
	}
	if (!(f[2] & 1) || n != 3 + len || len > 63) {
		sp_violation(pp, "dect-nwk 2.1", "length octet %02x in a frame of %zu", f[2], n);
		return;
	}
	if (!(f[1] & 1)) { /* I */
		if (response)
			sp_violation(pp, "dect-nwk 2.1", "I-frame as a response");
		if (nlf)
			sp_violation(pp, "dect-nwk 2.3", "I-frame with NLF");
		got_i(pp, f[1], f + 3, len, f[2] & 2);
		return;
	}
	if (len || f[2] & 2)
		sp_violation(pp, "dect-nwk 2.1", "information in a frame with control %02x", f[1]);
	if ((f[1] & 3) == 1) {
		if (nlf && l->st == SPL_UP)
			sp_violation(pp, "dect-nwk 2.3", "NLF after the first frame");
		got_s(pp, f[1], response, nlf);
		return;
	}
	if (!l->class_b)
		sp_violation(pp, "dect-nwk 2.1", "control %02x in class A", f[1]);
	else
		got_u(pp, f[1], response);
}
