/* The noun "pp": handsets added, used and disturbed by lines of a script. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/enc.h"
#include "tests/support/softpp_priv.h"

static int usage(struct wr *reply, const char *what)
{
	wr_fmt(reply, "%s: see `help`", what);
	return ERR_SYNTAX;
}

static void show(const struct softpp *pp, struct wr *reply)
{
	char ipei[16], display[SP_DISPLAY_MAX];

	sp_ipei_text(pp->emc, pp->psn, ipei);
	wr_fmt(reply, "pp %s ipei %s %s %s %s call %s link %d %s base %s tpui %05x", pp->name, ipei,
	    pp->on ? "on" : "off", pp->subscribed ? "subscribed" : "unsubscribed",
	    pp->located ? "located" : "not-located", sp_cc_state(pp), pp->l.st,
	    pp->ciphered ? "ciphered" : "clear", pp->camped ? air_base_name(pp->camped) : "-",
	    pp->tpui == UINT32_MAX ? 0xfffff : pp->tpui);
	if (pp->cc.st != T00)
		wr_fmt(reply, " from %s name \"%s\" signal %02x%s%s",
		    pp->cc.from[0] ? pp->cc.from : "-", pp->cc.name, pp->cc.signal,
		    pp->cc.ringing ? " ringing" : "", pp->cc.waiting ? " waiting" : "");
	wr_fmt(reply, " mwi %u missed %u rings %u in %u out %u frames-in %u frames-out %u display ",
	    pp->mwi, pp->missed, pp->cc.rings, pp->calls_in, pp->calls_out, pp->a.frames_in,
	    pp->a.frames_out);
	sp_display_text(pp, display);
	if (pp->lines)
		wr_fmt(reply, "\"%s\"", display);
	else
		wr_str(reply, "none");
	if (pp->clock[0])
		wr_fmt(reply, " clock \"%s\"", pp->clock);
}

static void heard(const struct softpp *pp, struct wr *reply)
{
	const struct sp_audio *a = &pp->a;

	wr_fmt(reply, "level %.1f dBov frames %u want %.0f Hz good %u bad %u worst-gap %u ms",
	    a->level > 0 ? 10 * log10(a->level / (32768.0 * 32768.0)) : -99.0, a->frames_in,
	    a->want, a->good, a->bad, a->worst * 100);
}

/* A base by its MAC address in hex or the end of it. */
static struct air_base *base_of(struct softpp *pp, const char *name)
{
	struct air_base *all[512];
	unsigned n = air_scan(pp->radio, all, 512);
	size_t len = strlen(name);

	for (unsigned i = 0; i < n; i++) {
		const char *b = air_base_name(all[i]);

		if (len <= strlen(b) && strcmp(b + strlen(b) - len, name) == 0)
			return all[i];
	}
	return NULL;
}

static int dial(struct softpp *pp, int argc, char **argv)
{
	const char *mode = air_arg(argc, argv, 3, "mode");
	const char *digits = argc > 3 && strncmp(argv[3], "mode=", 5) != 0 ? argv[3] : "";
	unsigned m = DIAL_BLOCK;

	if (mode && strcmp(mode, "overlap") == 0)
		m = DIAL_OVERLAP;
	else if (mode && strcmp(mode, "setup") == 0)
		m = DIAL_SETUP;
	else if (mode && strcmp(mode, "called") == 0)
		m = DIAL_CALLED;
	else if (mode && strcmp(mode, "block") != 0)
		return ERR_SYNTAX;
	return sp_dial(pp, digits, m);
}

static bool yes(const char *s)
{
	return strcmp(s, "yes") == 0 || strcmp(s, "on") == 0;
}

static int send_hex(struct softpp *pp, const char *hex)
{
	uint8_t buf[256];
	size_t n = 0;

	if (enc_unhex(slice_str(hex), buf, sizeof(buf), &n) != 0 || n < 2)
		return ERR_SYNTAX;
	return sp_send(pp, buf, n) ? 0 : ERR_NOTFOUND;
}

static int radio(struct softpp *pp, int argc, char **argv, struct wr *reply)
{
	const char *verb = argv[2];
	struct air_base *b;

	if (strcmp(verb, "handover") == 0 && argc == 4) {
		b = base_of(pp, argv[3]);
		if (!b || !pp->conn)
			return b ? ERR_STATE : ERR_NOTFOUND;
		return air_handover(pp->conn, b, pp->pmid) ? 0 : ERR_BUSY;
	}
	if (strcmp(verb, "camp") == 0 && argc == 4) {
		b = base_of(pp, argv[3]);
		if (!b)
			return ERR_NOTFOUND;
		air_set_signal(pp->radio, b, -30); /* it stands beside that one */
		if (pp->camped && pp->camped != b)
			air_set_signal(pp->radio, pp->camped, -50);
		pp->camped = b;
		return 0;
	}
	if (strcmp(verb, "signal") == 0 && argc == 5) {
		b = base_of(pp, argv[3]);
		if (!b)
			return ERR_NOTFOUND;
		air_set_signal(pp->radio, b, atoi(argv[4]));
		return 0;
	}
	if (strcmp(verb, "drop") == 0 && argc == 5) {
		if (!pp->conn)
			return ERR_STATE;
		pp->l.faults = true;
		air_drop_frames(pp->conn, argv[3][0] == 'u', (unsigned)atoi(argv[4]));
		return 0;
	}
	if (strcmp(verb, "lose-link") == 0) {
		if (!pp->conn)
			return ERR_STATE;
		air_release(pp->conn, true);
		return 0;
	}
	if (strcmp(verb, "send") == 0 && argc == 4)
		return send_hex(pp, argv[3]);
	if (strcmp(verb, "ignore-pages") == 0 && argc == 4) {
		pp->ignore_pages = yes(argv[3]);
		return 0;
	}
	if (strcmp(verb, "auto-answer") == 0 && argc == 4) {
		pp->answer_auto = yes(argv[3]);
		return 0;
	}
	if (strcmp(verb, "refuse") == 0 && argc == 5) {
		*(argv[3][0] == 'a' ? &pp->refuse_auth : &pp->refuse_cipher) = yes(argv[4]);
		return 0;
	}
	return usage(reply, verb);
}

static int audio(struct softpp *pp, int argc, char **argv, struct wr *reply)
{
	const char *verb = argv[2];

	if (strcmp(verb, "play") == 0 && argc >= 4)
		return sp_play(pp, argv[3], argc == 5 && strcmp(argv[4], "loop") == 0, reply);
	if (strcmp(verb, "record") == 0 && argc == 4)
		return sp_record(pp, argv[3], reply);
	if (strcmp(verb, "tone") == 0 && argc == 4) {
		pp->a.tone = atof(argv[3]);
		return 0;
	}
	if (strcmp(verb, "expect-tone") == 0 && argc == 4) {
		sp_expect_tone(pp, atof(argv[3]));
		return 0;
	}
	if (strcmp(verb, "heard") == 0) {
		heard(pp, reply);
		return 0;
	}
	if (strcmp(verb, "mute") == 0 && argc == 4) {
		pp->a.muted = yes(argv[3]);
		return 0;
	}
	if (strcmp(verb, "stop") == 0) {
		sp_audio_stop(pp);
		return 0;
	}
	return radio(pp, argc, argv, reply);
}

static int call(struct softpp *pp, int argc, char **argv, struct wr *reply)
{
	const char *verb = argv[2];

	if (strcmp(verb, "dial") == 0) {
		pp->a.first_at = 0;
		return dial(pp, argc, argv);
	}
	if (strcmp(verb, "answer") == 0) {
		pp->a.first_at = 0;
		return sp_answer(pp);
	}
	if (strcmp(verb, "hangup") == 0)
		return sp_hang_up(pp, argc > 3 ? (uint8_t)strtoul(argv[3], NULL, 16) : 0);
	if (strcmp(verb, "press") == 0 && argc == 4)
		return sp_press(pp, argv[3]);
	if (strcmp(verb, "hold") == 0)
		return sp_cc_message(pp, 0x24);
	if (strcmp(verb, "retrieve") == 0)
		return sp_cc_message(pp, 0x31);
	if (strcmp(verb, "reference") == 0)
		return sp_reference_ask(pp);
	if (strcmp(verb, "come-over") == 0 && argc == 4) {
		pp->a.first_at = 0;
		return sp_come_over(pp, argv[3]);
	}
	if (strcmp(verb, "lists") == 0 && argc >= 4) {
		const char *clear = air_arg(argc, argv, 4, "clear");
		return sp_lists(pp, argv[3], air_arg(argc, argv, 4, "search"), clear && yes(clear));
	}
	return audio(pp, argc, argv, reply);
}

static int one(struct softpp *pp, int argc, char **argv, struct wr *reply)
{
	const char *verb = argv[2], *ac = air_arg(argc, argv, 3, "ac");

	if (strcmp(verb, "show") == 0) {
		show(pp, reply);
		return 0;
	}
	if (strcmp(verb, "on") == 0 || strcmp(verb, "off") == 0) {
		sp_power(pp, verb[1] == 'n');
		return 0;
	}
	if (!pp->on)
		return ERR_STATE;
	if (strcmp(verb, "subscribe") == 0)
		return ac ? sp_subscribe(pp, ac) : usage(reply, "subscribe ac=AC");
	if (strcmp(verb, "locate") == 0)
		return sp_locate(pp);
	if (strcmp(verb, "detach") == 0)
		return sp_detach(pp);
	if (strcmp(verb, "terminate") == 0)
		return sp_terminate(pp);
	if (strcmp(verb, "auth-base") == 0)
		return sp_auth_ft(pp, false);
	if (strcmp(verb, "cipher") == 0)
		return sp_cipher_suggest(pp, true);
	if (strcmp(verb, "forget") == 0) {
		sp_forget(pp);
		return 0;
	}
	return call(pp, argc, argv, reply);
}

int sp_command(void *ctx, int argc, char **argv, struct wr *reply)
{
	struct softpp_set *s = ctx;
	struct softpp *pp;

	if (argc < 2)
		return usage(reply, "pp");
	if (strcmp(argv[1], "add") == 0)
		return sp_add(s, argc, argv, reply);
	if (strcmp(argv[1], "list") == 0) {
		LIST_FOREACH(&s->pps, it)
		{
			if (reply->n)
				wr_str(reply, "\n");
			show(LIST_ENTRY(it, struct softpp, node), reply);
		}
		return 0;
	}
	pp = sp_find(s, strcmp(argv[1], "remove") == 0 && argc > 2 ? argv[2] : argv[1]);
	if (!pp) {
		wr_fmt(reply, "no pp %s", argv[1]);
		return ERR_NOTFOUND;
	}
	if (strcmp(argv[1], "remove") == 0) {
		sp_remove(pp);
		return 0;
	}
	return argc < 3 ? usage(reply, "pp NAME VERB") : one(pp, argc, argv, reply);
}
