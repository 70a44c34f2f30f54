/* A soft handset as a thing: its identity, its store, switched on and off. */
#include "tests/support/softpp.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/enc.h"
#include "common/ossl.h"
#include "tests/support/softpp_priv.h"
#include <openssl/rand.h>

void sp_violation(struct softpp *pp, const char *rule, const char *fmt, ...)
{
	char text[384];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	air_violation(pp->air, pp->who, rule, "%s", text);
}

void sp_event(struct softpp *pp, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	air_event(pp->air, "%s %s", pp->who, text);
}

void sp_random_bytes(uint8_t *p, size_t n)
{
	BUG_ON(RAND_bytes(p, (int)n) != 1);
}

uint32_t sp_random(void)
{
	uint32_t v;

	sp_random_bytes((uint8_t *)&v, sizeof(v));
	return v;
}

/* ---- identities ---- */

/* "04097 0175053 3", with or without blanks and check character; or "1001:2abcd" in hex. */
int sp_ipei_parse(const char *s, uint16_t *emc, uint32_t *psn)
{
	char d[14];
	unsigned n = 0, sum = 0, e, p;
	char tail;

	if (sscanf(s, "%x:%x%c", &e, &p, &tail) == 2 && e <= 0xffff && p <= 0xfffff) {
		*emc = (uint16_t)e;
		*psn = p;
		return 0;
	}
	for (; *s; s++) {
		if (*s == ' ')
			continue;
		if (n == 13)
			return ERR_SYNTAX;
		d[n++] = *s;
	}
	d[n] = '\0';
	if (n < 12)
		return ERR_SYNTAX;
	for (unsigned i = 0; i < 12; i++) {
		if (d[i] < '0' || d[i] > '9')
			return ERR_SYNTAX;
		sum += (i + 1) * (unsigned)(d[i] - '0');
	}
	if (n == 13 && d[12] != (sum % 11 == 10 ? '*' : (char)('0' + sum % 11)))
		return ERR_VALUE;
	e = (unsigned)strtoul((char[]){ d[0], d[1], d[2], d[3], d[4], 0 }, NULL, 10);
	p = (unsigned)strtoul((char[]){ d[5], d[6], d[7], d[8], d[9], d[10], d[11], 0 }, NULL, 10);
	if (e > 0xffff || p > 0xfffff)
		return ERR_VALUE;
	*emc = (uint16_t)e;
	*psn = p;
	return 0;
}

void sp_ipei_text(uint16_t emc, uint32_t psn, char out[16])
{
	unsigned sum = 0;

	snprintf(out, 16, "%05u%07u", emc, psn & 0xfffff);
	for (unsigned i = 0; i < 12; i++)
		sum += (i + 1) * (unsigned)(out[i] - '0');
	out[12] = sum % 11 == 10 ? '*' : (char)('0' + sum % 11);
	out[13] = '\0';
}

/* IPUI N: nibble 0, EMC, PSN. */
void sp_ipei_id(const struct softpp *pp, struct sp_id *out)
{
	uint64_t v = (uint64_t)pp->emc << 20 | pp->psn;

	out->p[0] = 0x80;
	out->p[1] = 0x80 | 40;
	for (int i = 0; i < 5; i++)
		out->p[2 + i] = (uint8_t)(v >> (32 - 8 * i));
	out->n = 7;
}

size_t sp_term_cap(const struct softpp *pp, uint8_t *out)
{
	static const uint8_t gap[] = { 0x35, 0x15, 0x08, 0x00, 0x60, 0x04, 0x18, 0x81, 0x82, 0x82 };
	static const uint8_t ng[] = { 0x35, 0x15, 0x0a, 0x00, 0x60, 0x04, 0x18, 0x81, 0x02, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x96, 0x42, 0x81 };
	bool is_ng = pp->profile == SPP_NG;
	size_t n = is_ng ? sizeof(ng) : sizeof(gap);

	memcpy(out, is_ng ? ng : gap, n);
	if (pp->lines == 0)
		out[0] = 0x31; /* no display */
	out[4] = (uint8_t)(pp->cols * pp->lines);
	out[5] = (uint8_t)pp->lines;
	out[6] = (uint8_t)pp->cols;
	return n;
}

/* ---- store ---- */

void sp_save(struct softpp *pp)
{
	char tmp[240], ipui[48], park[48], uak[33];
	FILE *f;

	if (!pp->state_file[0])
		return;
	snprintf(tmp, sizeof(tmp), "%s.new", pp->state_file);
	f = fopen(tmp, "w");
	if (!f) {
		sp_event(pp, "can't write %s", tmp);
		return;
	}
	enc_hex(pp->ipui.p, pp->ipui.n, ipui);
	enc_hex(pp->park.p, pp->park.n, park);
	enc_hex(pp->uak, 16, uak);
	if (pp->subscribed)
		fprintf(f, "%04x:%05x %s %s %d %u %s %05x %u\n", pp->emc, pp->psn, ipui, park,
		    (int)pp->alg, pp->uak_no, uak, pp->tpui == UINT32_MAX ? 0xfffff : pp->tpui,
		    pp->lal);
	fclose(f);
	if (rename(tmp, pp->state_file) != 0)
		sp_event(pp, "can't write %s", pp->state_file);
}

static void load(struct softpp *pp)
{
	char ipui[48], park[48], uak[40];
	unsigned emc, psn, no, tpui, lal;
	size_t n1 = 0, n2 = 0, n3 = 0;
	int alg;
	FILE *f = pp->state_file[0] ? fopen(pp->state_file, "r") : NULL;

	if (!f)
		return;
	if (fscanf(f, "%x:%x %40s %40s %d %u %32s %x %u", &emc, &psn, ipui, park, &alg, &no, uak,
	        &tpui, &lal) == 9 &&
	    emc == pp->emc && psn == pp->psn &&
	    enc_unhex(slice_str(ipui), pp->ipui.p, sizeof(pp->ipui.p), &n1) == 0 &&
	    enc_unhex(slice_str(park), pp->park.p, sizeof(pp->park.p), &n2) == 0 &&
	    enc_unhex(slice_str(uak), pp->uak, sizeof(pp->uak), &n3) == 0 && n3 == 16) {
		pp->ipui.n = (uint8_t)n1;
		pp->park.n = (uint8_t)n2;
		pp->alg = (enum dect_kdf_alg)alg;
		pp->uak_no = (uint8_t)no;
		pp->tpui = tpui == 0xfffff ? UINT32_MAX : tpui;
		pp->lal = (uint8_t)lal;
		pp->subscribed = true;
	}
	fclose(f);
}

void sp_forget(struct softpp *pp)
{
	pp->subscribed = pp->located = pp->have_dck = false;
	pp->tpui = UINT32_MAX;
	pp->camped = NULL;
	pp->ndefck = 0;
	mem_wipe(pp->defck, sizeof(pp->defck));
	memset(&pp->park, 0, sizeof(pp->park));
	mem_wipe(pp->uak, sizeof(pp->uak));
	sp_ipei_id(pp, &pp->ipui);
	sp_save(pp);
}

/* ---- life ---- */

static void on_linger(struct tmr *t, void *ctx)
{
	struct softpp *pp = ctx;

	(void)t;
	if (pp->cc.st == T00 && !sp_mm_busy(pp))
		sp_lapc_release(pp);
}

static const char *arg_text(int argc, char **argv, const char *key, const char *other)
{
	const char *v = air_arg(argc, argv, 3, key);

	return v ? v : other;
}

static bool arg_flag(int argc, char **argv, const char *key, bool other)
{
	const char *v = air_arg(argc, argv, 3, key);

	return v ? strcmp(v, "yes") == 0 || strcmp(v, "on") == 0 || strcmp(v, "1") == 0 : other;
}

static int profile_of(const char *s, enum sp_profile *out)
{
	if (strcmp(s, "gap-a") == 0)
		*out = SPP_GAP_A;
	else if (strcmp(s, "gap-b") == 0 || strcmp(s, "gap") == 0)
		*out = SPP_GAP_B;
	else if (strcmp(s, "ng") == 0)
		*out = SPP_NG;
	else
		return ERR_SYNTAX;
	return 0;
}

/* pp add NAME ipei=… */
int sp_add(struct softpp_set *s, int argc, char **argv, struct wr *reply)
{
	struct softpp *pp;
	const char *ipei = arg_text(argc, argv, "ipei", NULL);

	if (argc < 3 || strlen(argv[2]) >= sizeof(pp->name) || sp_find(s, argv[2])) {
		wr_str(reply, "a new name of at most 23 characters is needed");
		return ERR_SYNTAX;
	}
	pp = mem_new(sizeof(*pp));
	if (!ipei || sp_ipei_parse(ipei, &pp->emc, &pp->psn) != 0 ||
	    profile_of(arg_text(argc, argv, "profile", "gap-b"), &pp->profile) != 0) {
		wr_str(
		    reply, "ipei=\"EEEEE PPPPPPP C\" (or hex EMC:PSN) and profile=gap-a|gap-b|ng");
		free(pp);
		return ERR_SYNTAX;
	}
	pp->set = s;
	pp->air = s->air;
	pp->w = s->w;
	snprintf(pp->name, sizeof(pp->name), "%s", argv[2]);
	snprintf(pp->who, sizeof(pp->who), "pp %s", pp->name);
	snprintf(pp->state_file, sizeof(pp->state_file), "%s", arg_text(argc, argv, "state", ""));
	snprintf(pp->number, sizeof(pp->number), "%s", arg_text(argc, argv, "number", ""));
	if (sscanf(arg_text(argc, argv, "display", "24x4"), "%ux%u", &pp->cols, &pp->lines) != 2 ||
	    pp->cols > 30 || pp->lines > 8 || (pp->lines && !pp->cols)) {
		wr_str(reply, "display=COLUMNSxLINES, at most 30x8, 0x0: none");
		free(pp);
		return ERR_SYNTAX;
	}
	pp->auto_locate = arg_flag(argc, argv, "locate", true);
	pp->cipher_required = arg_flag(argc, argv, "cipher", true);
	pp->early_empty = arg_flag(argc, argv, "empty-first", pp->profile == SPP_NG);
	pp->spread = arg_flag(argc, argv, "spread", false);
	pp->answer_auto = arg_flag(argc, argv, "auto-answer", false);
	pp->alg = DECT_KDF_DSAA;
	pp->tpui = UINT32_MAX;
	sp_ipei_id(pp, &pp->ipui);
	sp_lapc_init(pp);
	sp_mm_init(pp);
	sp_cc_init(pp);
	tmr_init(&pp->linger, pp->w, on_linger, pp);
	load(pp);
	list_append(&s->pps, &pp->node);
	pp->on = true;
	pp->radio = air_pp_add(s->air, &sp_radio_ops, pp, pp->name);
	return 0;
}

/* Off: as at battery removal, nobody is told. */
void sp_power(struct softpp *pp, bool on)
{
	struct air_base *best;

	if (pp->on == on)
		return;
	pp->on = on;
	if (!on) {
		pp->located = false;
		pp->camped = NULL;
		tmr_stop(&pp->mm.again);
		tmr_stop(&pp->cc.redial);
		if (pp->conn)
			air_release(pp->conn, true);
		return;
	}
	best = sp_best(pp, false);
	if (best)
		sp_radio_ops.base(pp, best, true);
}

void sp_remove(struct softpp *pp)
{
	tmr_stop(&pp->l.t);
	tmr_stop(&pp->mm.t);
	tmr_stop(&pp->mm.again);
	tmr_stop(&pp->cc.t);
	tmr_stop(&pp->cc.dial);
	tmr_stop(&pp->cc.redial);
	tmr_stop(&pp->linger);
	pp->on = false;
	sp_lists_end(pp);
	sp_audio_stop(pp);
	air_pp_remove(pp->radio);
	sp_lapc_down(pp);
	list_remove(&pp->node);
	mem_free_wiped(pp, sizeof(*pp));
}

struct softpp *sp_find(struct softpp_set *s, const char *name)
{
	LIST_FOREACH(&s->pps, it)
	{
		struct softpp *pp = LIST_ENTRY(it, struct softpp, node);

		if (strcmp(pp->name, name) == 0)
			return pp;
	}
	return NULL;
}

struct softpp_set *softpp_set_new(struct air *a)
{
	struct softpp_set *s = mem_new(sizeof(*s));

	s->air = a;
	s->w = air_wheel(a);
	list_init(&s->pps);
	air_noun(a, "pp", sp_command, s,
	    "pp add NAME ipei=IPEI [profile=gap-a|gap-b|ng state=FILE number=N display=24x4 "
	    "locate=yes cipher=yes "
	    "auto-answer=no empty-first=no spread=no]\n"
	    "pp list | pp remove NAME | pp NAME show|subscribe "
	    "ac=AC|locate|detach|terminate|auth-base|cipher|on|off|forget\n"
	    "pp NAME dial DIGITS [mode=block|overlap|setup|called]|answer|hangup [REASON]|press "
	    "KEYS|hold|retrieve|lists LIST [search=TEXT] [clear=yes]\n"
	    "pp NAME play FILE [loop]|tone HZ|record FILE|stop|mute on|off|expect-tone HZ|heard\n"
	    "pp NAME reference|come-over REFERENCE|handover BASE|camp BASE|signal BASE DBM|drop "
	    "up|down N|lose-link|ignore-pages "
	    "yes|no|refuse auth|cipher "
	    "yes|no|auto-answer yes|no|send HEX");
	air_noun(a, "load", sp_load_command, s,
	    "load start calls=N [hold=S-S gap=MS talk=yes]|stop|show|reset: random calls between "
	    "handsets that have a number");
	sp_audio_tick_start(s);
	return s;
}

void softpp_set_free(struct softpp_set *s)
{
	if (!s)
		return;
	tmr_stop(&s->tick);
	sp_load_free(s);
	while (!list_empty(&s->pps))
		sp_remove(LIST_ENTRY(s->pps.next, struct softpp, node));
	free(s);
}
