/* dectctl at dectd: the radio side of calls. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/enc.h"
#include "ctl.pb-c.h"
#include "dectd/call_ipc.h"
#include "dectd/ctl_cmds.h"
#include "dectd/lce.h"

static bool id_of(struct slice text, uint64_t *out)
{
	uint8_t b[8];
	size_t n = 0;

	if (enc_unhex(text, b, sizeof(b), &n) != 0 || n != sizeof(b))
		return false;
	*out = 0;
	for (size_t i = 0; i < n; i++)
		*out = *out << 8 | b[i];
	return true;
}

static void describe(struct dectd *r, const struct pp *pp, char *out, size_t cap)
{
	struct lce_link *l = lce_find(r->lce, &pp->ipui);
	struct mac_base_info base = { .name = "" };
	char ipei[IPEI_CHARS];

	pp_ipei_print(pp->ipei, ipei);
	if (!l || lce_state(l) != LCE_UP) {
		(void)snprintf(out, cap, "handset %s, no radio link", ipei);
		return;
	}
	if (mac_base_info(r->mac, lce_base(l), &base) != 0)
		base.name[0] = '\0';
	(void)snprintf(out, cap, "handset %s at base %s, %s, LAPC class %c, speech %s", ipei,
	    base.name[0] ? base.name : "without a name", lce_ciphered(l) ? "ciphered" : "in clear",
	    lce_class(l) == DLC_A ? 'A' : 'B',
	    lce_conn(l) && mac_media_is_open(lce_conn(l)) ? "open" : "closed");
}

/* One command shows a call at every daemon that knows it: one that does not says nothing. */
int ctl_call_show(struct ctl_run *r)
{
	struct dectd *d = ctl_room(r);
	Ctl__CallRow row = CTL__CALL_ROW__INIT;
	char id[17], state[40], rfp[13], detail[200], peer[200];
	struct phone_view v;
	uint64_t ref;
	struct pp *pp;

	if (!id_of(ctl_id(r), &ref) || !(pp = phones_find(calls_phones(d->calls), ref)) ||
	    !phones_view(pp, &v))
		return 0;
	for (unsigned i = 0; i < v.nlines; i++) {
		if (v.line[i].ref != ref)
			continue;
		(void)snprintf(id, sizeof(id), "%016" PRIx64, ref);
		(void)snprintf(state, sizeof(state), "%s, CC %s%s", v.line[i].state, v.cc_state,
		    v.line[i].active ? ", heard" : "");
		(void)snprintf(peer, sizeof(peer), "%s %s", v.line[i].number, v.line[i].name);
		dectd_base_text(d, pp->base, rfp);
		describe(d, pp, detail, sizeof(detail));
		row.call = id;
		row.user = pp->user ? pp->user->name : NULL;
		row.direction =
		    v.line[i].outgoing ? (char *)(uintptr_t) "out" : (char *)(uintptr_t) "in";
		row.state = state;
		row.has_peer = row.has_detail = 1;
		row.peer = (ProtobufCBinaryData){ strlen(peer), (uint8_t *)peer };
		row.rfp = rfp;
		row.detail = (ProtobufCBinaryData){ strlen(detail), (uint8_t *)detail };
		(void)ctl_row(r, &row.base);
	}
	return 0;
}

void ctl_call_lines(struct ctl_run *r, const struct pp *pp)
{
	struct phone_view v;

	if (!phones_view(pp, &v))
		return;
	for (unsigned i = 0; i < v.nlines; i++)
		ctl_say(r, "call %016" PRIx64 " %s %s %s, %s, CC %s%s\n", v.line[i].ref,
		    v.line[i].outgoing ? "to" : "from",
		    v.line[i].number[0] ? v.line[i].number : "-", v.line[i].name, v.line[i].state,
		    v.cc_state, v.line[i].active ? ", heard" : "");
}
