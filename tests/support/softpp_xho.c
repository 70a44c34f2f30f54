/* External handover at the portable side (dect-nwk 17): the reference is asked for on one link, the call goes on over another. A
 * soft handset has one link at a time: a second one with the same subscription is its other half. */
#include <string.h>

#include "common/enc.h"
#include "tests/support/softpp_priv.h"

#define HANDOVER_REFERENCE 0x0a

int sp_reference_ask(struct softpp *pp)
{
	uint8_t buf[SP_MSG_MAX];
	struct wr w = sp_begin(buf, PD_MM, 0x50);

	sp_put(&w, 0x01, (uint8_t[]){ 0x80 | HANDOVER_REFERENCE }, 1);
	return pp->conn && sp_send(pp, buf, w.n) ? 0 : ERR_STATE;
}

void sp_info_input(struct softpp *pp, const struct sp_msg *m)
{
	const struct sp_ie *np = sp_ie(m, 0x41), *why = sp_ie(m, 0x60);
	char hex[80];

	if (!(m->ti & 8))
		sp_violation(pp, "dect-nwk 3", "%s with flag 0", sp_msg_name(m->pd, m->type));
	if (m->type == 0x53) {
		sp_event(pp, "info rejected %02x", why ? why->p[0] : 0);
		return;
	}
	if (!np || np->n < 2 || np->n > 11 || np->p[0] != 0x69) {
		sp_violation(pp, "dect-nwk 6.6", "no handover reference that can be stored");
		return;
	}
	enc_hex(np->p + 1, np->n - 1u, hex);
	sp_cipher_check(pp, "a handover reference");
	sp_event(pp, "reference %s", hex);
}

int sp_come_over(struct softpp *pp, const char *reference)
{
	uint8_t buf[SP_MSG_MAX], np[16] = { 0x69 };
	struct air_base *b = pp->conn ? air_conn_base(pp->conn) : sp_best(pp, false);
	struct air_info info;
	struct sp_id ari;
	struct wr w;
	size_t n = 0;

	if (enc_unhex(slice_str(reference), np + 1, sizeof(np) - 1, &n) != 0)
		return ERR_SYNTAX;
	if (!pp->on || !pp->subscribed || !b || pp->cc.st != T00)
		return ERR_STATE;
	air_base_info(b, &info);
	sp_ari(&info, &ari);
	pp->cc.ti = (uint8_t)((pp->calls_out % 7) << 4 | PD_CC);
	w = sp_begin(buf, pp->cc.ti, 0x05);
	sp_put(&w, 0x05, pp->ipui.p, pp->ipui.n);
	sp_put(&w, 0x06, ari.p, ari.n);
	sp_put2(&w, 0xe0, 0xc0);
	sp_put(&w, 0x41, np, 1 + n);
	if (!sp_send(pp, buf, w.n))
		return ERR_NOTFOUND;
	sp_cc_began(pp, DIAL_COME_OVER);
	sp_event(pp, "comes over");
	return 0;
}
