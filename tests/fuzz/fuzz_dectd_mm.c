/* Mobility management under whatever a handset sends: messages, radio events, time, certd's answers, policies. The
 * octets decide what happens: 00-7F a message of that length, 80 ciphered, 81 clear, 82 radio lost, 83 time, 84 certd's
 * next answers, 85 a call needs the link, 86 rights are to be terminated, 87 another handset, 88 subscription opens, 89
 * a user takes it, 8A policies, 8B a base asks for a default cipher key, 8C the handset has one. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/auth.h"
#include "dectd/dectd.h"
#include "dectd/lce.h"
#include "dectd/mm.h"
#include "dectd/subs.h"

#define ASKS 32

struct ask {
	auth_h *fn;
	void *ctx;
	struct auth_result res;
	struct tmr tmr;
};
struct fuzz {
	struct daemon d;
	struct dectd r;
	struct dectd_conf conf;
	struct tmr_wheel *w;
	struct mac *mac;
	struct ask asks[ASKS];
	uint8_t how; /* of certd's answers */
	uint8_t mcei, ns, nr, busy;
	bool up;
};

static int low_send(void *ctx, uint32_t base, const uint8_t *dnm, size_t n)
{
	struct fuzz *f = ctx;

	(void)base;
	if (n > 6 && dnm[0] == 0x79 && dnm[1] == 0x05 && dnm[2] == f->mcei) {
		f->busy |= dnm[3] & 0x10 ? 2 : 1;
		if (!(dnm[6] & 1)) /* an I-frame */
			f->nr = (uint8_t)((f->nr + 1) & 7);
	} else if (n > 2 && dnm[0] == 0x7a && dnm[1] == 0x02 && dnm[2] == f->mcei) {
		f->up = false;
	}
	return 0;
}

static int low_info(void *ctx, uint32_t base, struct mac_base_info *out)
{
	(void)ctx;
	*out = (struct mac_base_info){ .id = base, .up = true, .ciphers = base == 1 };
	return 0;
}
static const struct mac_low low = { .send = low_send, .base_info = low_info };

static struct pp *first(struct fuzz *f)
{
	struct list *l = pps_list(f->r.pps);

	return l->next == l ? NULL : LIST_ENTRY(l->next, struct pp, node);
}

static void on_answer(struct tmr *t, void *ctx)
{
	struct ask *a = ctx;
	auth_h *fn = a->fn;

	(void)t;
	a->fn = NULL;
	if (fn)
		fn(a->ctx, &a->res);
}

static void owner(struct fuzz *f, struct auth_result *r)
{
	struct pp *pp = first(f);

	if (!pp)
		return;
	r->nowner = (uint8_t)((pp->ipui.bits + 7) / 8);
	memcpy(r->owner, pp->ipui.v, r->nowner);
}

static int ask(void *c, auth_h *fn, void *ctx, unsigned nrs)
{
	struct fuzz *f = c;

	if ((f->how & 3) == 3)
		return ERR_LOST;
	for (unsigned i = 0; i < ASKS; i++) {
		struct ask *a = &f->asks[i];

		if (a->fn)
			continue;
		*a = (struct ask){ .fn = fn, .ctx = ctx };
		a->res.err = (f->how & 3) == 2 ? (f->how & 4 ? ERR_NOTFOUND : ERR_TIMEOUT) : 0;
		a->res.ok = !(f->how & 8);
		a->res.nrs = (uint8_t)nrs;
		a->res.has_rand = true;
		a->res.nck = nrs == 16 ? 16 : 8;
		a->res.index = f->how;
		owner(f, &a->res);
		tmr_init(&a->tmr, f->w, on_answer, a);
		if ((f->how & 3) != 1 || f->how & 4)
			tmr_start(&a->tmr, 1 + (f->how >> 4));
		return 0;
	}
	return ERR_BUSY;
}

static int pt_start(void *c, const struct ipui *p, enum pp_alg a, bool def, auth_h *fn, void *ctx)
{
	(void)p;
	(void)def;
	return ask(c, fn, ctx, a == PP_DSAA2 ? 16 : 8);
}
static int pt_check(
    void *c, uint64_t h, const uint8_t r[4], const uint8_t *p, auth_h *fn, void *ctx)
{
	(void)h;
	(void)r;
	return ask(c, fn, ctx, p ? 16 : 8);
}
static int ft(
    void *c, const struct ipui *p, enum pp_alg a, const uint8_t r[8], auth_h *fn, void *ctx)
{
	(void)p;
	(void)r;
	return ask(c, fn, ctx, a == PP_DSAA2 ? 16 : 8);
}
static int key_start(
    void *c, const struct ipui *p, enum pp_alg a, const char *ac, auth_h *fn, void *ctx)
{
	(void)p;
	(void)ac;
	return ask(c, fn, ctx, a == PP_DSAA2 ? 16 : 8);
}
static int key_check(
    void *c, uint64_t h, const uint8_t r[4], const uint8_t p[8], auth_h *fn, void *ctx)
{
	(void)h;
	(void)r;
	(void)p;
	return ask(c, fn, ctx, 0);
}
static int sub(
    void *c, const struct ipui *p, enum auth_sub op, const char *ac, auth_h *fn, void *ctx)
{
	(void)p;
	(void)op;
	(void)ac;
	return ask(c, fn, ctx, 0);
}
static int def_new(void *c, const struct ipui *p, auth_h *fn, void *ctx)
{
	(void)p;
	return ask(c, fn, ctx, 8);
}
static int def_get(void *c, const struct ipui *p, uint16_t index, auth_h *fn, void *ctx)
{
	(void)p;
	return ask(c, fn, ctx, index & 1 ? 16 : 8);
}
static void forget(void *c, const void *ctx)
{
	struct fuzz *f = c;

	for (unsigned i = 0; i < ASKS; i++)
		if (f->asks[i].fn && f->asks[i].ctx == ctx) {
			tmr_stop(&f->asks[i].tmr);
			f->asks[i].fn = NULL;
		}
}
static bool ready(void *c)
{
	return (((struct fuzz *)c)->how & 3) != 3;
}
static const struct auth_ops auth = { pt_start, pt_check, ft, key_start, key_check, sub, def_new,
	def_get, forget, ready };

static void done(void *ctx, struct pp *pp, int err)
{
	(void)ctx;
	(void)pp;
	(void)err;
}
static void unsafe(void *ctx, struct pp *pp, struct lce_link *l, uint8_t reason)
{
	(void)ctx;
	(void)pp;
	(void)reason;
	lce_release(l, false);
}
static const struct mm_watch watch = { unsafe };

static void input(struct fuzz *f, const uint8_t *p, size_t n)
{
	(void)!mac_input(f->mac, 1, p, n);
}

static void ready_again(struct fuzz *f)
{
	while (f->busy) {
		unsigned b = f->busy & 1 ? 0 : 1;

		f->busy &= (uint8_t) ~(1u << b);
		input(f, (uint8_t[]){ 0x79, 0x07, f->mcei, (uint8_t)(b << 4) }, 4);
	}
}

static void message(struct fuzz *f, const uint8_t *p, size_t n)
{
	uint8_t dnm[80] = { 0x79, 0x06, f->mcei, 0 };
	bool first = !f->up;

	if (n > 63)
		n = 63;
	if (first) {
		f->up = true;
		f->ns = f->nr = f->busy = 0;
		input(f, (uint8_t[]){ 0x7a, 0x01, f->mcei, 0x0e, 0x12, f->mcei, 0, 1 }, 8);
		input(f, (uint8_t[]){ 0x79, 0x07, f->mcei, 0x00 }, 4);
		input(f, (uint8_t[]){ 0x79, 0x07, f->mcei, 0x10 }, 4);
	}
	dnm[4] = (uint8_t)(n + 3);
	dnm[5] = first ? 0xa1 : 0x21;
	dnm[6] = (uint8_t)(f->nr << 5 | f->ns << 1 | (first ? 0x10 : 0));
	dnm[7] = (uint8_t)(n << 2 | 1);
	memcpy(dnm + 8, p, n);
	f->ns = (uint8_t)((f->ns + 1) & 7);
	input(f, dnm, n + 8);
	ready_again(f);
}

static void start(struct fuzz *f)
{
	struct conf_diag g;

	f->w = tmr_wheel_new(NULL);
	f->mac = mac_new(f->w, &low, f);
	if (conf_parse(SLICE_LIT(""), "fuzz", dectd_keys, dectd_nkeys, &f->conf, &g))
		abort();
	f->d.wheel = f->w;
	f->d.state = &f->r;
	f->r.d = &f->d;
	f->r.conf = &f->conf;
	f->r.mac = f->mac;
	if (ident_parse(SLICE_LIT("1F11234567"), &f->r.ident))
		abort();
	f->r.pps = pps_new(NULL, f->w, NULL, NULL);
	f->r.subs = subs_new(&f->r);
	f->r.lce = lce_new(f->w, f->mac, NULL, NULL);
	f->r.mm = mm_new(&f->r, &auth, f);
	mm_set_watch(f->r.mm, &watch, f);
	mac_base_up(f->mac, 1, 1);
	f->mcei = 3;
}

static void stop(struct fuzz *f)
{
	mac_base_down(f->mac, 1);
	lce_free(f->r.lce);
	mm_free(f->r.mm);
	subs_free(f->r.subs);
	pps_free(f->r.pps);
	conf_free(dectd_keys, dectd_nkeys, &f->conf);
	mac_free(f->mac);
	tmr_wheel_free(f->w);
}

static void act(struct fuzz *f, uint8_t op, uint8_t v)
{
	struct pp *pp = first(f);

	switch (op) {
	case 0x80:
	case 0x81:
		input(f, (uint8_t[]){ 0x7a, 0x0a, f->mcei, op == 0x80 ? (v & 1) + 1 : 0, v, 0, 0 },
		    7);
		break;
	case 0x82:
		input(f, (uint8_t[]){ 0x7a, 0x03, f->mcei, (uint8_t)(v & 3) }, 4);
		f->up = false;
		break;
	case 0x83:
		tmr_advance(f->w, (uint64_t)v * 64);
		break;
	case 0x84:
		f->how = v;
		break;
	case 0x85:
		if (pp) {
			mm_secure(f->r.mm, pp, done, f);
			mm_call_active(f->r.mm, pp, v & 1);
		}
		break;
	case 0x86:
		if (pp)
			(void)!(v & 1   ? mm_terminate(f->r.mm, pp, done, f)
			        : v & 2 ? mm_identify(f->r.mm, pp)
			        : v & 4 ? mm_new_tpui(f->r.mm, pp)
			                : mm_suggest_locate(f->r.mm, pp));
		break;
	case 0x87:
		f->mcei = (uint8_t)(3 + (v & 1));
		f->up = false;
		break;
	case 0x88:
		(void)!subs_open(f->r.subs, v & 1 ? SUBS_WILDCARD : SUBS_LIST, NULL, 60000);
		break;
	case 0x89:
		(void)pp_user_put(
		    f->r.pps, &(struct pp_user_in){ .name = SLICE_LIT("anna"),
		                  .ipei = v & 1 ? SLICE_LIT("040970175053") : SLICE_LIT("") });
		break;
	case 0x8a:
		f->conf.cipher = v % 3;
		f->conf.dsaa2 = v & 4;
		f->conf.tpui = v & 8;
		f->conf.dsc2 = v & 16;
		f->conf.early = (v >> 5) % 3;
		break;
	case 0x8b: /* v: how many octets, and which index */
		input(f,
		    (uint8_t[]){
		        0x7a, 0x1d, f->mcei, 0x0e, 0x12, f->mcei, 0, v, 0x0e, 0x12, f->mcei, 0, v },
		    2 + v % 12);
		break;
	case 0x8c:
		if (!pp)
			break;
		pp->id = 1 + (v & 1);
		pp->def_at = v & 2;
		pp->def_index = v;
		pp->caps.tc.profile[6] = v & 4 ? 0x10 : 0;
		pp->subscribed = !(v & 8);
		if (v & 16)
			pp->tpui = 0xe1203;
		break;
	default:
		break;
	}
	ready_again(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz *f = mem_new(sizeof(*f));

	log_set_level(LOG_EMERG);
	start(f);
	while (size) {
		uint8_t op = *data++;

		size--;
		if (op < 0x80) {
			size_t n = op < size ? op : size;

			message(f, data, n);
			data += n;
			size -= n;
		} else if (size) {
			act(f, op, *data++);
			size--;
		}
		tmr_advance(f->w, 2);
		ready_again(f);
	}
	tmr_advance(f->w, 30000);
	ready_again(f);
	stop(f);
	free(f);
	return 0;
}
