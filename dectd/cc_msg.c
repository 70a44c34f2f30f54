/* Messages of call control: what a struct cc_show becomes in each, by what the handset can take (EN 300 175-5 6.3.2). */
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/cc_priv.h"

struct ui_caps cc_ui_caps(const struct pp *pp)
{
	const struct ie_terminal_cap *tc = pp->caps.known ? &pp->caps.tc : &ie_terminal_cap_default;

	return (struct ui_caps){
		.display = (enum ui_display)tc->display,
		.sets = tc->charsets,
		.control = tc->control,
		.lines = tc->lines,
		.chars = tc->columns,
		.stored = tc->stored,
		.utf8 = (tc->profile[6] & 0x06) != 0, /* NG-DECT part 1 or 3 */
		.part3 = ie_tc_part3(tc),
		.wideband = ie_tc_wideband(tc),
		.tones = tc->tones,
	};
}

const char *cc_reason_name(uint8_t reason)
{
	static const struct {
		uint8_t reason;
		const char *name;
	} names[] = { { CC_R_NORMAL, "normal" }, { CC_R_UNEXPECTED, "unexpected message" },
		{ CC_R_UNKNOWN_TI, "unknown transaction" }, { CC_R_MISSING_IE, "element missing" },
		{ CC_R_BAD_IE, "element wrong" }, { CC_R_INCOMPATIBLE, "incompatible service" },
		{ CC_R_NOT_IMPLEMENTED, "service not implemented" },
		{ CC_R_INVALID_ID, "invalid identity" },
		{ CC_R_AUTH_FAILED, "authentication failed" },
		{ CC_R_UNKNOWN_ID, "unknown identity" }, { CC_R_NEGOTIATION, "negotiation failed" },
		{ CC_R_TIMER, "timer expiry" }, { CC_R_PARTIAL, "partial release" },
		{ CC_R_UNKNOWN, "unknown" }, { CC_R_DETACHED, "detached" },
		{ CC_R_NOT_IN_RANGE, "not in range" }, { CC_R_USER_UNKNOWN, "user unknown" },
		{ CC_R_USER_BUSY, "busy" }, { CC_R_USER_REJECT, "rejected" },
		{ CC_R_EXT_HO, "external handover not supported" },
		{ CC_R_NO_NETWORK_PARAM, "no handover reference, or another one" },
		{ CC_R_EXT_HO_RELEASE, "external handover release" }, { CC_R_OVERLOAD, "overload" },
		{ CC_R_RESOURCES, "insufficient resources" }, { CC_R_BEARERS, "no bearer" },
		{ CC_R_IWU_CONGESTION, "congestion" }, { CC_R_SECURITY, "security attack assumed" },
		{ CC_R_CIPHER_FAILED, "encryption failed" } };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i].reason == reason)
			return names[i].name;
	return "other";
}

/* ---- building ---- */

void cc_msg_begin(struct cc_msg *b, const struct cc_call *c, uint8_t type)
{
	b->w = wr_of(b->buf, sizeof(b->buf));
	nwk_head(&b->w, NWK_CC, c->by_pp, c->tv, type);
}

void cc_msg_send(struct cc_msg *b, struct cc_call *c)
{
	char pp[PP_TEXT];
	int err = b->w.bad ? ERR_LIMIT : c->cc->low->send(c->cc->low_ctx, c->pp, &b->w);

	if (err)
		c->cc->st.tx_failed++;
	else
		c->cc->st.tx++;
	if (err)
		log_ev(LOG_INFO, "cc: message not sent", F_PP(pp_text(c->pp, pp)), F_ERR(err),
		    F_TEXT("IPDECT_STATE", fsm_state_name(&c->fsm)));
}

/* Which of the elements a message may carry (tables 6.3.2.1 to 6.3.2.14, direction to the handset). */
enum {
	CARRY_SIGNAL = 1,
	CARRY_PROGRESS = 2,
	CARRY_CALLING = 4,
	CARRY_CALLED = 8,
	CARRY_INFO = 16,
	CARRY_CODECS = 32,
	CARRY_FEATURE = 64
};

static unsigned carries(uint8_t type)
{
	switch (type) {
	case CC_SETUP:
		return CARRY_SIGNAL | CARRY_PROGRESS | CARRY_CALLING | CARRY_INFO | CARRY_CODECS |
		       CARRY_FEATURE;
	case CC_INFO:
		return CARRY_SIGNAL | CARRY_PROGRESS | CARRY_CALLING | CARRY_CALLED | CARRY_INFO |
		       CARRY_FEATURE;
	case CC_SETUP_ACK:
		return CARRY_SIGNAL | CARRY_PROGRESS | CARRY_INFO | CARRY_CODECS | CARRY_FEATURE;
	case CC_CALL_PROC:
	case CC_ALERTING:
	case CC_CONNECT:
		return CARRY_SIGNAL | CARRY_PROGRESS | CARRY_CALLED | CARRY_INFO | CARRY_CODECS |
		       CARRY_FEATURE;
	case CC_RELEASE:
		return CARRY_PROGRESS | CARRY_FEATURE;
	default:
		return CARRY_FEATURE;
	}
}

static void put_text(struct wr *w, struct slice text, const struct ui_caps *caps)
{
	uint8_t raw[200];
	struct wr t = wr_of(raw, sizeof(raw));

	ui_text_display(&t, text, caps);
	if (t.n)
		ie_octets_put(w, IE_DISPLAY, raw, t.n);
}

/* The text for the display: what is said, else the party for handsets that have no other way to show it. */
static void put_display(struct wr *w, const struct cc_call *c, const struct cc_show *s,
    const struct ui_caps *caps, unsigned may)
{
	const struct ui_shown *who = s->calling ? s->calling : s->called;
	char line[UI_NAME_MAX * 4 + UI_URI_MAX + 8];
	struct wr t = wr_of(line, sizeof(line));

	if (s->text) {
		put_text(w, slice_str(s->text), caps);
		return;
	}
	if (!who || caps->utf8 || !c->cc->conf.display_clip ||
	    !(may & (CARRY_CALLING | CARRY_CALLED)))
		return;
	if (who->name[0] && who->number[0])
		wr_fmt(&t, "%s\n%s", who->name, who->number);
	else
		ui_party_line(who, &t, UI_URI_MAX);
	put_text(w, wr_slice(&t), caps);
}

static void number_of(struct ie_number *n, const struct ui_shown *who, bool anonymous)
{
	*n = (struct ie_number){ .has_present = true, .screen = 3 };
	if (anonymous || !who->number[0]) {
		n->present = anonymous ? 1 : 2;
		return;
	}
	/* Digits in the private plan, as they are dialled; URIs as "SIP From". */
	n->plan = who->is_uri ? 0xa : 0x9;
	n->number = slice_str(who->number);
}

static bool may_uri(const struct cc_call *c, const struct ui_caps *caps, const struct ui_shown *who)
{
	return !who->is_uri || caps->part3 || c->cc->conf.number_uris;
}

static void put_calling(
    struct wr *w, const struct cc_call *c, const struct cc_show *s, const struct ui_caps *caps)
{
	static const struct ui_shown nobody;
	const struct ui_shown *who = s->calling ? s->calling : &nobody;
	struct ie_calling_name name = { .screen = 3 };
	struct ie_number number;
	uint8_t raw[UI_NAME_MAX + 1];
	struct wr t = wr_of(raw, UI_NAME_MAX);

	if (!s->calling && !s->anonymous)
		return;
	if (may_uri(c, caps, who)) {
		number_of(&number, who, s->anonymous);
		ie_number_put(w, &number);
	}
	if (s->anonymous) {
		if (caps->utf8) {
			name.present = 1;
			ie_calling_name_put(w, &name);
		}
		return;
	}
	if (!who->name[0])
		return;
	if (caps->utf8) {
		name.alphabet = 1;
		name.name = slice_str(who->name);
		ie_calling_name_put(w, &name);
	} else if (c->cc->conf.names) {
		ui_text_dect(&t, slice_str(who->name), caps->sets, UI_NAME_MAX);
		name.name = wr_slice(&t);
		ie_calling_name_put(w, &name);
	}
}

static void put_called_number(
    struct wr *w, const struct cc_call *c, const struct cc_show *s, const struct ui_caps *caps)
{
	struct ie_number number;

	if (!s->called || !s->called->number[0] || !may_uri(c, caps, s->called))
		return;
	number_of(&number, s->called, false);
	number.has_present = false; /* octet 3a is not in Called party number */
	number.screen = 0;
	ie_called_number_put(w, &number);
}

static void put_called_name(struct wr *w, const struct cc_show *s, const struct ui_caps *caps)
{
	struct ie_called_name name = { .alphabet = 1, .screen = 3 };

	if (!s->called || !s->called->name[0] || !caps->utf8)
		return;
	name.family = slice_str(s->called->name);
	ie_called_name_put(w, &name);
}

static void put_codecs(struct wr *w, struct cc_call *c)
{
	struct ie_codec_list ours, both;

	if (c->by_pp && c->codecs.n == 0)
		return; /* it did not ask */
	if (c->codecs_told)
		return;
	if (c->cc->conf.wideband)
		ie_codec_wide(&ours);
	else
		ie_codec_narrow(&ours);
	if (!c->by_pp) {
		if (c->wideband)
			ie_codec_list_put(w, &ours);
		return;
	}
	c->wideband = ie_codec_choose(&c->codecs, &ours, &both) && both.c[0].codec == IE_C_G722;
	ie_codec_list_put(w, &both);
	c->codecs_told = true;
}

/* Everything after the mandatory elements, in ascending order; the fixed ones at their places. */
static void put_show(struct wr *w, struct cc_call *c, uint8_t type, const struct cc_show *s)
{
	struct ui_caps caps = cc_ui_caps(c->pp);
	unsigned may = carries(type);
	struct ie_progress progress = { .location = 1, .description = s->progress };

	if (s->progress && (may & CARRY_PROGRESS))
		ie_progress_put(w, &progress);
	put_display(w, c, s, &caps, may);
	if (s->signal >= 0 && (may & CARRY_SIGNAL))
		ie_octet_put(w, IE_SIGNAL, (uint8_t)s->signal);
	if (s->feature)
		ie_feature_indicate_put(w, s->feature);
	if (may & CARRY_CALLING)
		put_calling(w, c, s, &caps);
	if (may & CARRY_CALLED) {
		put_called_number(w, c, s, &caps);
		put_called_name(w, s, &caps);
	}
	if (may & CARRY_CODECS)
		put_codecs(w, c);
	if (s->info && s->info->n && caps.part3 && (may & CARRY_INFO))
		ie_call_info_put(w, s->info);
}

void cc_tx(struct cc_call *c, uint8_t type, const struct cc_show *s)
{
	static const struct cc_show nothing = { .signal = CC_SIG_NONE };
	struct cc_msg b;

	if (!s)
		s = &nothing;
	cc_msg_begin(&b, c, type);
	if (type == CC_RELEASE || type == CC_RELEASE_COM)
		ie_octet_put(&b.w, IE_RELEASE_REASON, s->reason);
	put_show(&b.w, c, type, s);
	cc_msg_send(&b, c);
}

void cc_tx_setup(struct cc_call *c)
{
	struct ie_basic_service service = { .cls = c->internal ? 0x9 : 0x8,
		.service = c->wideband ? 0x8 : 0x0 };
	struct cc_msg b;

	c->setups++;
	cc_msg_begin(&b, c, CC_SETUP);
	ie_ipui_put(&b.w, &c->pp->ipui);
	ie_ari_put(&b.w, &c->cc->conf.ident);
	ie_basic_service_put(&b.w, &service);
	put_show(&b.w, c, CC_SETUP, &c->show);
	cc_msg_send(&b, c);
}

void cc_keep_show(struct cc_call *c, const struct cc_show *s)
{
	c->show = *s;
	c->show.calling = NULL;
	c->show.called = NULL;
	c->show.feature = NULL;
	c->show.info = NULL;
	c->show.text = NULL;
	cc_renew_show(c, s);
}

void cc_renew_show(struct cc_call *c, const struct cc_show *s)
{
	c->show.anonymous = s->anonymous;
	if (s->calling) {
		c->calling = *s->calling;
		c->show.calling = &c->calling;
	}
	if (s->info) {
		c->info = *s->info;
		c->show.info = &c->info;
	}
	if (s->text) {
		struct wr w = wr_of(c->text, sizeof(c->text) - 1);
		struct slice t = slice_str(s->text);
		if (t.n > sizeof(c->text) - 1)
			t.n = sizeof(c->text) - 1;
		wr_slice_add(&w, t);
		c->text[w.n] = '\0';
		c->show.text = c->text;
	}
}

/* ---- reading ---- */

void cc_info_of(const struct nwk_msg *m, struct cc_info *out)
{
	struct ie_feature f;
	struct ie_number n;

	*out = (struct cc_info){ .keypad = nwk_keypad(m),
		.complete = nwk_flag(m, IE_SENDING_COMPLETE) };
	if (ie_feature_of(m, &f) == 0) {
		out->feature = f.feature;
		out->has_feature_param = f.has_param;
		out->feature_param = f.param;
	}
	if (ie_called_number_of(m, &n) == 0)
		out->number = n.number;
	if (ie_call_info_of(m, &out->info) != 0)
		out->info.n = 0;
}

void cc_caps_keep(struct pp *pp, const struct pp_caps *caps)
{
	pp->caps = *caps;
	pp_touch(pp);
	pp_changed(pp, PP_C_CAPS);
}

void cc_codecs_in(struct cc_call *c, const struct nwk_msg *m)
{
	struct ie_codec_list list, ours, both;

	if (ie_codec_list_of(m, &list) != 0) {
		/* It answered an offer of wideband without a list: narrowband (16.2 of TS 102 527-1's procedure). */
		if (!c->by_pp && m->type == CC_CONNECT && c->codecs.n == 0)
			c->wideband = false;
		return;
	}
	c->codecs = list;
	if (c->by_pp)
		return;
	ie_codec_wide(&ours);
	c->wideband =
	    c->wideband && ie_codec_choose(&list, &ours, &both) && both.c[0].codec == IE_C_G722;
}
