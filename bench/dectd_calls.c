/* CPU and memory of handsets' calls: call control and the telephone above it, from CC-SETUP over dialling, ringing and
 * answer to the release, N calls at the same time, against the parsing and checking alone of the same messages,
 * alternating. sipd and the link control entity are played. Usage: dectd_calls [ROUNDS] */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/phone.h"

#define REPEATS 7

static struct {
	struct tmr_wheel *w;
	struct pps *pps;
	struct phones *phones;
	struct pp **pp;
	uint64_t refs;
	unsigned long sent;
	/* The messages of one call towards the handset, for the baseline. */
	uint8_t out[16][256];
	size_t nout[16];
	unsigned kept;
	bool keep;
} g;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int low_link(void *ctx, struct pp *pp, bool wide)
{
	(void)ctx;
	(void)pp;
	(void)wide;
	return 0;
}

static void low_cancel(void *ctx, struct pp *pp)
{
	(void)ctx;
	(void)pp;
}

static int low_send(void *ctx, struct pp *pp, const struct wr *m)
{
	(void)ctx;
	(void)pp;
	g.sent++;
	if (g.keep && g.kept < 16 && m->n <= sizeof(g.out[0])) {
		memcpy(g.out[g.kept], m->p, m->n);
		g.nout[g.kept++] = m->n;
	}
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
	return 0;
}

static const struct cc_low low = { low_link, low_cancel, low_send, low_idle, low_secure };

static int up_setup(void *ctx, struct pp *pp, uint64_t ref, const struct iwu_setup *s)
{
	(void)ctx;
	(void)pp;
	(void)ref;
	(void)s;
	return 0;
}

static void up_digits(void *ctx, uint64_t ref, struct slice d, bool complete)
{
	(void)ctx;
	(void)ref;
	(void)d;
	(void)complete;
}

static void up_cause(void *ctx, uint64_t ref, enum iwu_cause why)
{
	(void)ctx;
	(void)ref;
	(void)why;
}

static void up_radio(void *ctx, struct pp *pp, uint64_t ref, bool ho)
{
	(void)ctx;
	(void)pp;
	(void)ref;
	(void)ho;
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

static uint64_t up_ref(void *ctx)
{
	(void)ctx;
	return ++g.refs;
}

static const struct iwu_ops up = { .setup = up_setup,
	.digits = up_digits,
	.release = up_cause,
	.radio = up_radio,
	.media_open = up_open,
	.media_close = up_close,
	.new_ref = up_ref };

static void changed(void *ctx, struct pp *pp, struct pp_user *u, unsigned what)
{
	(void)ctx;
	(void)pp;
	(void)u;
	(void)what;
}
static const struct pps_ops pps_ops = { changed };

static void make(unsigned n)
{
	struct phones_conf conf;

	phones_conf_default(&conf);
	if (ident_parse(slice_str("1F11234567"), &conf.cc.ident) != 0)
		abort();
	g.w = tmr_wheel_new(NULL);
	g.pps = pps_new(NULL, g.w, &pps_ops, NULL);
	g.phones = phones_new(g.w, &conf, &low, NULL, &up, NULL);
	g.pp = mem_array(n, sizeof(struct pp *));
	for (unsigned i = 0; i < n; i++) {
		char ipei[16], name[16];
		(void)snprintf(ipei, sizeof(ipei), "05003%07u", i);
		(void)snprintf(name, sizeof(name), "%u", 100000 + i);
		struct pp_user_in u = { .name = slice_str(name), .ipei = slice_str(ipei) };
		if (pp_make(g.pps, ipei, &g.pp[i]) != 0)
			abort();
		(void)pp_user_put(g.pps, &u);
		g.pp[i]->subscribed = true;
		g.pp[i]->caps.known = true;
		g.pp[i]->caps.tc.display = 4;
	}
}

static void unmake(void)
{
	phones_free(g.phones);
	pps_free(g.pps);
	tmr_wheel_free(g.w);
	free(g.pp);
}

static uint8_t setup[64], digits[16], release[8];
static size_t nsetup, ndigits, nrelease;

static void messages(const struct pp *pp)
{
	struct ident id;
	struct ie_basic_service bs = { .cls = 8 };
	struct wr w = wr_of(setup, sizeof(setup));

	if (ident_parse(slice_str("1F11234567"), &id) != 0)
		abort();
	nwk_head(&w, NWK_CC, false, 1, CC_SETUP);
	ie_ipui_put(&w, &pp->ipui);
	ie_ari_put(&w, &id);
	ie_basic_service_put(&w, &bs);
	nsetup = w.n;
	w = wr_of(digits, sizeof(digits));
	nwk_head(&w, NWK_CC, false, 1, CC_INFO);
	ie_octets_put(&w, IE_KEYPAD, "100001", 6);
	ndigits = w.n;
	w = wr_of(release, sizeof(release));
	nwk_head(&w, NWK_CC, false, 1, CC_RELEASE);
	ie_octet_put(&w, IE_RELEASE_REASON, 0);
	nrelease = w.n;
}

static void hear(struct pp *pp, const uint8_t *p, size_t n)
{
	struct nwk_msg m;

	if (nwk_parse(p, n, NWK_FROM_PP, &m) != 0)
		abort();
	cc_input(phones_cc(g.phones), pp, &m);
}

static void begin_call(struct pp *pp)
{
	struct mac_media m = { .instance = 1, .session = 1, .ncodecs = 1 };
	struct ui_party far = { .name = SLICE_LIT("Bob Miller"), .number = SLICE_LIT("100001") };
	struct iwu_progress_in in = { .kind = IWU_PROCEEDING };

	hear(pp, setup, nsetup);
	uint64_t ref = g.refs;
	phones_setup_done(g.phones, ref, 0, &m, true, "");
	hear(pp, digits, ndigits);
	phones_progress(g.phones, ref, &in);
	in = (struct iwu_progress_in){ .kind = IWU_ALERTING, .party = &far, .in_band = true };
	phones_progress(g.phones, ref, &in);
	phones_connected(g.phones, ref, &far, &m);
}

static void end_call(struct pp *pp)
{
	hear(pp, release, nrelease);
}

static double calls(unsigned n, size_t *memory)
{
	struct mallinfo2 a = mallinfo2(), b;
	double t0 = now();

	for (unsigned i = 0; i < n; i++)
		begin_call(g.pp[i]);
	double t1 = now();
	b = mallinfo2();
	*memory = (b.uordblks - a.uordblks) / n;
	double t2 = now();
	for (unsigned i = 0; i < n; i++)
		end_call(g.pp[i]);
	tmr_advance(g.w, 0);
	return t1 - t0 + now() - t2;
}

/* The same octets, read and checked and no more. */
static double baseline(unsigned n)
{
	const uint8_t *in[3] = { setup, digits, release };
	const size_t len[3] = { nsetup, ndigits, nrelease };
	double t0 = now();
	unsigned bad = 0;

	for (unsigned i = 0; i < n; i++) {
		struct nwk_msg m;
		struct nwk_fault f;
		for (unsigned k = 0; k < 3; k++)
			bad += nwk_parse(in[k], len[k], NWK_FROM_PP, &m) != 0 ||
			       nwk_check(&m, &f) != 0;
		for (unsigned k = 0; k < g.kept; k++)
			bad += nwk_parse(g.out[k], g.nout[k], NWK_TO_PP, &m) != 0 ||
			       nwk_check_strict(&m, &f) != 0;
	}
	if (bad)
		abort();
	return now() - t0;
}

static int up_to(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void quiet(int prio, const char *line, void *ctx)
{
	(void)prio;
	(void)line;
	(void)ctx;
}

int main(int argc, char **argv)
{
	static const unsigned sizes[] = { 100, 1000, 10000 };
	unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1;

	log_set_level(LOG_ERR);
	log_capture(quiet, NULL);
	for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
		unsigned n = sizes[s];
		double us[REPEATS], base[REPEATS], ratio[REPEATS];
		size_t memory = 0, first = 0;

		make(n);
		messages(g.pp[0]);
		g.keep = true;
		g.kept = 0;
		begin_call(g.pp[0]);
		end_call(g.pp[0]);
		tmr_advance(g.w, 0);
		g.keep = false;
		(void)calls(n, &first);
		for (unsigned r = 0; r < REPEATS; r++) {
			double c = 0, b = 0;
			for (unsigned k = 0; k < rounds * (10000 / n); k++) {
				c += calls(n, &memory);
				b += baseline(n);
			}
			us[r] = c / (rounds * (10000 / n)) / n * 1e6;
			base[r] = b / (rounds * (10000 / n)) / n * 1e6;
			ratio[r] = us[r] / base[r];
		}
		qsort(us, REPEATS, sizeof(double), up_to);
		qsort(base, REPEATS, sizeof(double), up_to);
		qsort(ratio, REPEATS, sizeof(double), up_to);
		printf("%5u calls at a time: %6.2f us of CPU a call (%.0f calls/s on a core), "
		       "reading its "
		       "%u messages alone %5.2f us, ratio %.2f; %zu octets a call, %zu a handset "
		       "after its "
		       "first\n",
		    n, us[REPEATS / 2], 1e6 / us[REPEATS / 2], g.kept + 3, base[REPEATS / 2],
		    ratio[REPEATS / 2], memory, first - memory);
		unmake();
	}
	return 0;
}
