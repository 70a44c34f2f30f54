/* Call control and the handset's lines: messages of a handset that may hold anything, in any order, between what sipd
 * says. The input is a list of records: an octet that says what happens, and for messages a length and the octets. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/phone.h"
#include "dectd/pp_caps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	struct tmr_wheel *w;
	struct pps *pps;
	struct pp *pp;
	struct phones *phones;
	bool link, secure;
	uint64_t last;
	uint32_t token;
} g;

static int low_link(void *ctx, struct pp *pp, bool wide)
{
	(void)ctx;
	(void)pp;
	(void)wide;
	g.link = true;
	return 0;
}

static void low_cancel(void *ctx, struct pp *pp)
{
	(void)ctx;
	(void)pp;
	g.link = false;
}

static int low_send(void *ctx, struct pp *pp, const struct wr *msg)
{
	struct nwk_msg m;
	struct nwk_fault f;

	(void)ctx;
	(void)pp;
	/* What we send is in the rule tables, whatever came in. */
	if (msg->bad || nwk_parse(msg->p, msg->n, NWK_TO_PP, &m) != 0 ||
	    nwk_check_strict(&m, &f) != 0)
		abort();
	return 0;
}

static void low_idle(void *ctx, struct pp *pp, bool partial)
{
	(void)ctx;
	(void)pp;
	(void)partial;
}

static int low_secure(void *ctx, struct pp *pp)
{
	(void)ctx;
	(void)pp;
	g.secure = true;
	return 1;
}

static const struct cc_low low = { low_link, low_cancel, low_send, low_idle, low_secure };

static int up_setup(void *ctx, struct pp *pp, uint64_t ref, const struct iwu_setup *s)
{
	(void)ctx;
	(void)pp;
	g.last = ref;
	for (size_t i = 0; i < s->called.n; i++) /* every octet is readable */
		if (s->called.p[i] == '\0')
			abort();
	return 0;
}

static void up_digits(void *ctx, uint64_t ref, struct slice d, bool complete)
{
	(void)ctx;
	(void)ref;
	(void)complete;
	if (d.n > 64)
		abort();
}

static void up_offered(void *ctx, uint64_t ref, bool yes, enum iwu_cause why)
{
	(void)ctx;
	(void)ref;
	(void)yes;
	(void)why;
}

static void up_ref(void *ctx, uint64_t ref)
{
	(void)ctx;
	(void)ref;
}

static void up_release(void *ctx, uint64_t ref, enum iwu_cause why)
{
	(void)ctx;
	(void)ref;
	if (why >= IWU_CAUSE_N)
		abort();
}

static int up_hold(void *ctx, uint64_t ref, bool on)
{
	(void)ctx;
	(void)ref;
	(void)on;
	return 0;
}

static int up_transfer(void *ctx, uint64_t ref, uint64_t other, struct slice target)
{
	(void)ctx;
	(void)ref;
	(void)other;
	(void)target;
	return 0;
}

static int up_conference(void *ctx, uint64_t ref, uint64_t other, bool on)
{
	(void)ctx;
	(void)ref;
	(void)other;
	(void)on;
	return 0;
}

static void up_radio(void *ctx, struct pp *pp, uint64_t ref, bool ho)
{
	(void)ctx;
	(void)pp;
	(void)ref;
	(void)ho;
}

static int up_query(void *ctx, struct pp *pp, uint32_t token, const struct iwu_query *q)
{
	(void)ctx;
	(void)pp;
	(void)q;
	g.token = token;
	return 0;
}

static void up_tone(void *ctx, struct pp *pp, const struct mac_media *m, enum iwu_tone t)
{
	(void)ctx;
	(void)pp;
	(void)m;
	(void)t;
}

static int up_open(void *ctx, struct pp *pp, const struct mac_media *m)
{
	(void)ctx;
	(void)pp;
	(void)m;
	return 0;
}

static void up_close(void *ctx, struct pp *pp)
{
	(void)ctx;
	(void)pp;
}

static void up_where(void *ctx, struct pp *pp, char *base, size_t cap, int *dbm)
{
	(void)ctx;
	(void)pp;
	(void)cap;
	base[0] = '\0';
	*dbm = 0;
}

static uint64_t up_new(void *ctx)
{
	(void)ctx;
	return g.last + 1;
}

static bool up_there(void *ctx)
{
	(void)ctx;
	return true;
}

static const struct iwu_ops up = { up_setup, up_digits, up_offered, up_ref, up_ref, up_release,
	up_hold, up_transfer, up_conference, up_radio, up_query, up_tone, up_open, up_close,
	up_where, up_new, up_there };

static void changed(void *ctx, struct pp *pp, struct pp_user *u, unsigned what)
{
	(void)ctx;
	(void)pp;
	(void)u;
	(void)what;
}
static const struct pps_ops pps_ops = { changed };

static void quiet(int prio, const char *line, void *ctx)
{
	(void)prio;
	(void)line;
	(void)ctx;
}

static void start(uint8_t profile)
{
	struct phones_conf conf;
	struct pp_user_in u = { .name = slice_str("4711"), .ipei = slice_str("040970175053") };

	log_capture(quiet, NULL);
	g.w = tmr_wheel_new(NULL);
	g.pps = pps_new(NULL, g.w, &pps_ops, NULL);
	if (pp_make(g.pps, "040970175053", &g.pp) != 0)
		abort();
	(void)pp_user_put(g.pps, &u);
	g.pp->subscribed = true;
	g.pp->caps.known = true;
	g.pp->caps.tc.display = profile & 7;
	g.pp->caps.tc.control = profile >> 3 & 3;
	g.pp->caps.tc.profile[6] = profile >> 5 & 6;
	g.pp->caps.tc.slots = 0x0a;
	g.pp->caps.tc.charsets = profile >> 4 & 15;
	phones_conf_default(&conf);
	conf.cc.wideband = profile & 1;
	if (ident_parse(slice_str("1F11234567"), &conf.cc.ident) != 0)
		abort();
	g.last = 100;
	g.phones = phones_new(g.w, &conf, &low, NULL, &up, NULL);
}

static void stop(void)
{
	phones_free(g.phones);
	pps_free(g.pps);
	tmr_wheel_free(g.w);
	memset(&g, 0, sizeof(g));
	log_capture(NULL, NULL);
}

static void sipd_says(uint8_t what, struct slice text)
{
	struct mac_media m = { .instance = 1, .session = what, .ncodecs = 1 };
	struct ui_party p = { .name = text, .number = slice_sub(text, 2, 70), .uri = text };
	struct iwu_progress_in in = {
		.kind = (enum iwu_progress)(1 + what % 4), .party = &p, .media = &m
	};
	struct iwu_offer o = { .caller = p,
		.diverted = p,
		.has_diverted = what & 1,
		.ring_pattern = -1,
		.media = &m };
	struct iwu_answer a = { .n = what % 3, .total = what };

	switch (what % 14) {
	case 0:
		phones_setup_done(g.phones, g.last, what & 64 ? ERR_DENIED : 0, &m, true, "no");
		break;
	case 1:
		phones_progress(g.phones, g.last, &in);
		break;
	case 2:
		phones_connected(g.phones, g.last, &p, &m);
		break;
	case 3:
		phones_released(g.phones, g.last, (enum iwu_cause)(what / 14), text, what & 1);
		break;
	case 4:
		(void)phones_offer(g.phones, g.pp, ++g.last, &o);
		break;
	case 5:
		phones_display(g.phones, g.last, &p, what % 3 - 1, text);
		break;
	case 6:
		phones_hold_done(g.phones, g.last, what & 32, what & 64 ? ERR_STATE : 0);
		break;
	case 7:
		phones_transfer_done(g.phones, g.last, what & 64 ? ERR_STATE : 0);
		break;
	case 8:
		phones_conference_done(g.phones, g.last, what & 32, 0);
		break;
	case 9:
		phones_answer(g.phones, g.pp, g.token, &a);
		break;
	case 10:
		phones_media_failed(g.phones, g.pp, ERR_BUSY);
		break;
	case 11:
		phones_orphan(g.phones, 1000);
		break;
	case 12:
		phones_hold_done(g.phones, g.last - 1, what & 32, 0);
		break;
	default:
		phones_released(g.phones, g.last - 1, IWU_NORMAL, text, false);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nwk_msg m;

	if (size < 2 || size > 4096)
		return 0;
	start(data[0]);
	for (size_t i = 1; i + 1 < size;) {
		uint8_t what = data[i], n = data[i + 1];
		struct cc *cc = phones_cc(g.phones);
		i += 2;
		if (n > size - i)
			n = (uint8_t)(size - i);
		uint8_t *exact = malloc(n ? n : 1);
		memcpy(exact, data + i, n);
		i += n;
		switch (what & 7) {
		case 0:
		case 1:
		case 2:
		case 3:
			if (nwk_parse(exact, n, NWK_FROM_PP, &m) == 0 && m.pd == NWK_CC)
				cc_input(cc, g.pp, &m);
			break;
		case 4:
			if (g.link)
				cc_link(cc, g.pp, what & 8 ? ERR_TIMEOUT : 0);
			if (g.secure)
				cc_secured(cc, g.pp, what & 16 ? ERR_AUTH : 0);
			g.link = g.secure = false;
			break;
		case 5:
			tmr_advance(g.w, (uint64_t)what * 100);
			break;
		case 6:
			if (what & 8)
				cc_lost(cc, g.pp);
			else
				cc_reset(cc, g.pp);
			break;
		default:
			sipd_says((uint8_t)(what >> 3 | (n & 1) << 6),
			    (struct slice){ (const char *)exact, n });
			break;
		}
		tmr_advance(g.w, 0);
		free(exact);
	}
	stop();
	return 0;
}
