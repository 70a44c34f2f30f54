/* Capabilities of handsets. */
#include "dectd/pp_caps.h"

#include <string.h>

void pp_caps_default(struct pp_caps *c)
{
	memset(c, 0, sizeof(*c));
	c->tc = ie_terminal_cap_default;
	c->setup.page = 1;
}

bool pp_caps_read(struct pp_caps *c, const struct nwk_msg *m)
{
	struct pp_caps next = *c;
	struct ie_terminal_cap tc;
	struct ie_setup_cap sc;
	struct ie_codec_list cl;

	if (ie_terminal_cap_of(m, &tc) == 0) {
		next.tc = tc;
		next.known = true;
	}
	if (ie_setup_cap_of(m, &sc) == 0)
		next.setup = sc;
	if (ie_codec_list_of(m, &cl) == 0)
		next.codecs = cl;
	if (memcmp(&next, c, sizeof(next)) == 0)
		return false;
	*c = next;
	return true;
}

/* As the elements of a message, so that what is stored is understood by any later version. */
size_t pp_caps_pack(const struct pp_caps *c, uint8_t *out, size_t cap)
{
	struct wr w = wr_of(out, cap);

	nwk_head(&w, NWK_MM, false, 0, MM_LOCATE_REQUEST);
	if (c->setup.page || c->setup.setup || c->setup.protocol)
		ie_setup_cap_put(&w, &c->setup);
	if (c->known)
		ie_terminal_cap_put(&w, &c->tc);
	if (c->codecs.n)
		ie_codec_list_put(&w, &c->codecs);
	return w.bad ? 0 : w.n;
}

void pp_caps_unpack(const void *p, size_t n, struct pp_caps *out)
{
	struct nwk_msg m;

	pp_caps_default(out);
	if (n && nwk_parse(p, n, NWK_FROM_PP, &m) == 0)
		(void)pp_caps_read(out, &m);
}

void pp_caps_text(const struct pp_caps *c, struct wr *w)
{
	static const char *const display[] = { "unknown", "none", "numeric", "numeric plus",
		"alphanumeric", "full" };
	const struct ie_terminal_cap *t = &c->tc;

	if (!c->known) {
		wr_str(w, "not told");
		return;
	}
	wr_str(w, ie_tc_gap(t) ? "GAP" : "no GAP");
	if (ie_tc_wideband(t))
		wr_str(w, ", wideband");
	if (ie_tc_part3(t))
		wr_str(w, ", NG-DECT part 3");
	if (ie_tc_part5(t))
		wr_str(w, ", NG-DECT part 5");
	if (ie_tc_rekeying(t))
		wr_str(w, ", re-keying");
	if (t->dsaa2)
		wr_str(w, ", DSAA2");
	if (t->dsc2)
		wr_str(w, ", DSC2");
	wr_str(w, ", display ");
	wr_str(w,
	    t->display < sizeof(display) / sizeof(display[0]) ? display[t->display] : display[0]);
	if (t->lines)
		wr_fmt(w, " %u x %u", t->lines, t->columns);
}
