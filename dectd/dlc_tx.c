/* Data link control: what goes out when: owed answers first, then commands, then what waits, as far as buffers and window allow. */
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/dlc_priv.h"

#define SAPI_CO 0
#define LLN_U   0

/* ---- what goes out ---- */

static bool put(struct dlc_conn *c, const struct lapc_frame *f)
{
	uint8_t buf[MAC_FRAME_MAX];
	size_t n = lapc_build(f, buf);

	if (mac_send(c->mc, buf, n) != 0)
		return false; /* the link to the base is down: dis_ind follows */
	c->d->st.tx_frames++;
	return true;
}

/* C/R towards the portable part: commands 1, responses 0. */
static struct lapc_frame response(const struct dlc_link *l, enum lapc_kind kind)
{
	return (struct lapc_frame){ .kind = kind, .lln = l->lln, .nr = l->vr };
}

static struct lapc_frame command(const struct dlc_link *l, enum lapc_kind kind)
{
	return (struct lapc_frame){ .kind = kind, .lln = l->lln, .nr = l->vr, .cr = true };
}

/* Frames of the connection itself: answers of links that may be gone. */
static bool next_u(struct dlc_conn *c, struct lapc_frame *f)
{
	if (c->ua.due) {
		*f = (struct lapc_frame){
			.kind = LAPC_UA, .lln = c->ua.lln, .pf = c->ua.f, .nlf = c->ua.nlf
		};
		c->ua.due = false;
		return true;
	}
	if (c->dm.due) {
		*f = (struct lapc_frame){ .kind = LAPC_DM, .lln = c->dm.lln, .pf = c->dm.f };
		c->dm.due = false;
		return true;
	}
	return false;
}

/* Commands of set-up and release. */
static bool next_cmd(struct dlc_link *l, struct lapc_frame *f)
{
	if (!l->cmd)
		return false;
	l->cmd = false;
	if (l->fsm.st == L_RELEASE)
		*f = command(l, LAPC_DISC);
	else
		*f = command(l, l->cls == DLC_A ? LAPC_I : LAPC_SABM);
	f->nlf = true;
	f->pf = l->cls == DLC_B;
	return true;
}

static bool next_s(struct dlc_link *l, struct lapc_frame *f)
{
	if (l->est_rr) {
		*f = response(l, LAPC_RR);
		f->nlf = true;
		f->pf = l->cls == DLC_B;
		l->est_rr = l->resp_f = l->ack = false;
		return true;
	}
	if (l->rej) {
		*f = response(l, LAPC_REJ);
		f->pf = l->resp_f;
		l->rej = l->resp_f = l->ack = false;
		return true;
	}
	if (l->resp_f) {
		*f = response(l, LAPC_RR);
		f->pf = true;
		l->resp_f = l->ack = false;
		return true;
	}
	if (l->poll) {
		*f = command(l, LAPC_RR);
		f->pf = true;
		l->poll = l->ack = false;
		return true;
	}
	return false;
}

/* Cuts the next 63 octets from the queue. */
static void hold_next(struct dlc_link *l)
{
	struct dlc_msg *m = LIST_ENTRY(l->queue.next, struct dlc_msg, node);
	struct dlc_held *h = &l->held[l->vm];
	size_t left = (size_t)(m->n - m->off);

	h->n = (uint8_t)(left < MAC_INFO_MAX ? left : MAC_INFO_MAX);
	h->more = left > MAC_INFO_MAX;
	memcpy(h->info, m->data + m->off, h->n);
	m->off = (uint16_t)(m->off + h->n);
	l->partial = h->more;
	l->vm = lapc_next(l, l->vm);
	if (l->partial)
		return;
	list_remove(&m->node);
	l->queued--;
	l->c->d->st.tx_msgs++;
	mem_free_wiped(m, sizeof(*m) + m->n);
}

static bool next_i(struct dlc_link *l, struct lapc_frame *f)
{
	bool old = l->vs != l->vm;

	if (l->fsm.st > L_RECOVER || l->peer_busy)
		return false;
	if (l->fsm.st == L_RECOVER && !(l->cls == DLC_A && old))
		return false;
	if (!old) {
		if (list_empty(&l->queue) || lapc_diff(l, l->vm, l->va) >= l->k)
			return false;
		hold_next(l);
	} else if (l->cls == DLC_B) {
		l->c->d->st.repeated++;
	}
	*f = command(l, LAPC_I);
	f->ns = l->vs;
	f->n = l->held[l->vs].n;
	f->more = l->held[l->vs].more;
	f->info = l->held[l->vs].info;
	l->vs = lapc_next(l, l->vs);
	l->ack = false;
	return true;
}

static bool next_frame(struct dlc_conn *c, struct lapc_frame *f)
{
	struct dlc_link *l = c->link;

	if (next_u(c, f))
		return true;
	if (!l || l->fsm.st == L_DOWN)
		return false;
	if (next_cmd(l, f))
		return true;
	if (l->fsm.st > L_RECOVER)
		return false;
	if (next_s(l, f) || next_i(l, f))
		return true;
	if (!l->ack)
		return false;
	*f = response(l, LAPC_RR);
	l->ack = false;
	return true;
}

void dlc_pump(struct dlc_conn *c)
{
	struct lapc_frame f;

	if (c->link && c->link->dead)
		return;
	while (!c->gone && !c->hold && mac_room(c->mc) && next_frame(c, &f)) {
		if (!put(c, &f))
			return;
		if (f.kind == LAPC_I && c->link->fsm.st != L_SETUP)
			(void)fsm_event(&c->link->fsm, L_EV_SENT, NULL);
	}
}
