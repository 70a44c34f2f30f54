/* Default cipher keys: a base asks for the one that a portable part names, and is told when it is to forget one. */
#include <string.h>

#include "common/enc.h"
#include "common/log.h"
#include "common/mem.h"
#include "dectd/mac_priv.h"

#define ID_EARLY "5b0f3f0c7e9b4c35a9d6c0b1f4e27a83"

/* The base did not report that it ciphers: the connection goes on as one in clear. */
static void on_wait(struct tmr *t, void *ctx)
{
	struct mac_conn *c = ctx;

	(void)t;
	log_ev(LOG_NOTICE, "a default cipher key was asked for and not used", F_RFP(c->base),
	    F_U64("IPDECT_INDEX", c->def_index));
	c->def_waits = false;
	if (mac_room(c))
		c->mac->ops->ready_ind(c->mac->ctx, c);
}

void mac_early_init(struct mac_conn *c)
{
	tmr_init(&c->def_timer, c->mac->w, on_wait, c);
}

void mac_set_keys(struct mac *m, const struct mac_keys *k, void *ctx)
{
	m->keys = k;
	m->keys_ctx = ctx;
}

static void answer(
    struct mac *m, uint32_t base, const struct mac_key_ask *a, const uint8_t *key, size_t n)
{
	struct rfp_msg msg = { .type = RFP_DNM, .layer = RFP_L_MAC, .prim = MACP_GET_DEF_CKEY_RES };
	uint8_t buf[32];
	struct wr w = wr_of(buf, sizeof(buf));

	early_answer_write(a->form, &a->ask, key, n, &w);
	msg.u.early.body = wr_slice(&w);
	if (mac_send_dnm(m, base, &msg) != 0)
		log_ev(LOG_DEBUG, "default cipher key not sent: base is gone", F_RFP(base));
	mem_wipe(buf, sizeof(buf));
}

/* RFP: the layout is an inference. What does not fit it is told once, with all that is needed to find the right one. */
static void not_understood(
    struct mac *m, uint32_t base, const struct rfp_msg *in, enum early_form form)
{
	char hex[2 * 32 + 1];
	size_t n = in->u.early.body.n;

	if (m->early_told)
		return;
	m->early_told = true;
	enc_hex(in->u.early.body.p, n > 32 ? 32 : n, hex);
	log_ev(LOG_NOTICE, "a base asks for a default cipher key in a way that is not understood",
	    F_ID(ID_EARLY), F_RFP(base), F_TEXT("IPDECT_OCTETS", hex),
	    F_U64("IPDECT_LENGTH", in->len),
	    F_REMEDY(form == EARLY_OFF
	                 ? "handsets have keys of another system: nothing to do. To try early "
	                   "encryption here: early-encryption in [dectd]"
	                 : "try the other value of early-encryption in [dectd], or off; please "
	                   "report these octets with the base's model and firmware"));
}

static struct mac_conn *conn_by_pmid(const struct base *b, uint32_t pmid)
{
	for (unsigned i = 0; i < ARRAY_LEN(b->conns); i++)
		if (b->conns[i] && (b->conns[i]->pmid == pmid || b->conns[i]->pmid2 == pmid))
			return b->conns[i];
	return NULL;
}

/* Also one that is on its way to this base. */
static struct mac_conn *conn_moving(struct mac *m, uint32_t base, const struct early_ask *a)
{
	LIST_FOREACH(&m->conns, it)
	{
		struct mac_conn *c = LIST_ENTRY(it, struct mac_conn, node);

		if (c->ho && c->ho_base == base &&
		    (a->has_mcei ? c->ho_mcei == a->mcei
		                 : c->pmid == a->pmid || c->pmid2 == a->pmid))
			return c;
	}
	return NULL;
}

int mac_early_ask(struct mac *m, struct base *b, const struct rfp_msg *in)
{
	struct mac_key_ask a = { .base = b->id };
	struct mac_conn *c;

	a.form = m->keys ? m->keys->form(m->keys_ctx) : EARLY_OFF;
	if (early_ask_read(a.form, in->u.early.body, &a.ask) != 0) {
		not_understood(m, b->id, in, a.form);
		return 0;
	}
	c = a.ask.has_mcei ? b->conns[a.ask.mcei] : conn_by_pmid(b, a.ask.pmid);
	if (!c)
		c = conn_moving(m, b->id, &a.ask);
	if (!c) { /* no connection of ours: in clear, if there is one at all */
		answer(m, b->id, &a, NULL, 0);
		return ERR_STATE;
	}
	a.conn = c->id;
	a.pmid = a.ask.has_pmid ? a.ask.pmid : c->pmid;
	m->keys->ask(m->keys_ctx, &a);
	return 0;
}

static struct mac_conn *conn_by_id(struct mac *m, uint32_t base, uint32_t id)
{
	LIST_FOREACH(&m->conns, it)
	{
		struct mac_conn *c = LIST_ENTRY(it, struct mac_conn, node);

		if (c->id == id)
			return c->base == base || (c->ho && c->ho_base == base) ? c : NULL;
	}
	return NULL;
}

void mac_default_key(struct mac *m, const struct mac_key_ask *a, const uint8_t *key, size_t n,
    uint16_t index, uint32_t owner)
{
	struct mac_conn *c = conn_by_id(m, a->base, a->conn);

	if (!c)
		return; /* gone meanwhile */
	if (n) {
		BUG_ON(n > sizeof(c->dck));
		memcpy(c->dck, key, n);
		c->ndck = n;
		c->def_given = true;
		c->def_index = index;
		c->def_owner = owner;
		if (c->base == a->base) {
			c->def_waits = true;
			tmr_start(&c->def_timer, MAC_EARLY_MS);
		}
	}
	answer(m, a->base, a, key, n);
}

void mac_default_known(struct mac *m, uint32_t base, uint32_t conn, const uint8_t *key, size_t n)
{
	struct mac_conn *c = conn_by_id(m, base, conn);

	if (!c || !c->def_used || c->ndck || n > sizeof(c->dck))
		return;
	memcpy(c->dck, key, n);
	c->ndck = n;
}

int mac_early_eks(struct mac_conn *c, enum mac_cipher *how)
{
	/* RFP: with a default key the type should be 2; where no other key was given 1 means the same. */
	if (*how == MAC_CIPHERED && !c->has_dck) {
		if (!c->def_given)
			return ERR_STATE;
		*how = MAC_CIPHERED_DEF;
	}
	c->def_used = *how == MAC_CIPHERED_DEF;
	c->def_waits = false;
	tmr_stop(&c->def_timer);
	return 0;
}

bool mac_ciphered_default(const struct mac_conn *c, uint32_t *owner)
{
	*owner = c->def_given ? c->def_owner : 0;
	return c->ciphered && c->def_used;
}

void mac_clear_default_key(struct mac *m, uint32_t base, uint32_t pmid)
{
	struct rfp_msg msg = {
		.type = RFP_DNM, .layer = RFP_L_MAC, .prim = MACP_CLEAR_DEF_CKEY_REQ
	};

	msg.u.pmid.pmid = pmid & MAC_PMID_MASK;
	for (unsigned i = 0; i < m->nbases; i++)
		if ((base == MAC_ALL || m->bases[i]->id == base) &&
		    mac_send_dnm(m, m->bases[i]->id, &msg) != 0)
			log_ev(LOG_INFO, "default key not cleared: base is gone",
			    F_RFP(m->bases[i]->id));
}
