#ifndef SUPPORT_AIR_H
#define SUPPORT_AIR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/list.h"
#include "common/tmr.h"
#include "common/wr.h"

/* A soft air interface inside one process: soft base stations (softrfp.c) below, soft portable parts (softpp.c)
 * above. It carries what a DECT MAC carries between the two: system information, pages, LAPC frames (reliable and in
 * order, as the MAC's C channel is), a cipher state, and speech blocks. It is scriptable and strict: what a real
 * radio could not carry, or what breaks a rule, is a violation that air_violation() records.
 *
 * The portable part sees: which bases there are (air_scan), connects to one, sends and receives frames, hands over.
 * All upcalls come from the loop. Time is the wheel's: with a wheel without a loop a test advances the clock.
 *
 * Frames are format FA: address, control, length, information, without fill and checksum in both directions; the
 * soft base adds fill upwards, and refuses frames from the server that carry any. */

#define AIR_FRAME_MAX 66
#define AIR_SAMPLES   160 /* 20 ms of linear speech at 8 kHz */

struct air;
struct air_base; /* a base on air */
struct air_conn; /* one MAC connection, seen from the portable part */

struct air_info { /* what the base broadcasts */
	uint8_t rfpi[5];
	uint8_t pli;          /* PARK length indicator, 1F = 31 */
	uint16_t higher_caps; /* a32 … a47 */
	uint8_t ext_caps[5];
	uint8_t ext_caps2[5]; /* part 2; zeros where it is not broadcast */
	uint8_t mac_caps[3];
	int signal; /* dBm at this portable part */
};

enum air_reason { AIR_NORMAL, AIR_ABNORMAL, AIR_REFUSED, AIR_BASE_LOST };

struct air_pp_ops { /* what a portable part gets; ctx of air_pp_add() */
	void (*page)(
	    void *ctx, struct air_base *b, const uint8_t *page, size_t n); /* 3 or 5 octets */
	/* The base answered our set-up: frames may be sent. */
	void (*connected)(void *ctx, struct air_conn *c);
	void (*frame)(void *ctx, struct air_conn *c, const uint8_t *frame, size_t n);
	/* A frame that we sent is at the base (room for the next). */
	void (*sent)(void *ctx, struct air_conn *c);
	/* Ended by the base, by the air, or by our own air_release(): last use of c. */
	void (*released)(void *ctx, struct air_conn *c, enum air_reason why);
	/* The base has its key now (MAC_ENC_KEY_REQ came): air_cipher() can succeed. */
	void (*base_has_key)(void *ctx, struct air_conn *c);
	/* Outcome of air_early(): ciphered, or the base has no such key. */
	void (*early)(void *ctx, struct air_conn *c, bool ok);
	/* Outcome of air_handover(). ok: same c, new base. */
	void (*moved)(void *ctx, struct air_conn *c, bool ok);
	/* 20 ms of speech from the base while media is open there. */
	void (*speech)(void *ctx, struct air_conn *c, const int16_t *samples);
	/* A base came on air, changed its broadcast, or left (up = false). */
	void (*base)(void *ctx, struct air_base *b, bool up);
};

struct air *air_new(uv_loop_t *loop, struct tmr_wheel *w);
void air_free(struct air *a);
struct tmr_wheel *air_wheel(struct air *a);

/* ---- portable parts ---- */
struct air_pp;
struct air_pp *air_pp_add(struct air *a, const struct air_pp_ops *ops, void *ctx, const char *name);
void air_pp_remove(
    struct air_pp *p); /* its connections are lost without a word, as at battery removal */
/* Bases audible for p, strongest first; returns how many were written. */
unsigned air_scan(struct air_pp *p, struct air_base **out, unsigned cap);
void air_base_info(const struct air_base *b, struct air_info *out);
/* Signal of a base at one portable part in dBm; default -50. Below -95: not heard. */
void air_set_signal(struct air_pp *p, struct air_base *b, int dbm);
/* Whether that was ever done for this base. */
bool air_has_signal(const struct air_pp *p, const struct air_base *b);

/* Sets up a connection with a PMID (20 bits). Outcome: connected() or released(AIR_REFUSED). NULL: base not on air
 * or no bearer left there. */
struct air_conn *air_connect(struct air_pp *p, struct air_base *b, uint32_t pmid);
/* 3 … 66 octets. false: not connected. */
bool air_send(struct air_conn *c, const uint8_t *frame, size_t n);
void air_release(struct air_conn *c, bool abnormal);
/* The portable part switches to ciphering with this key (8 or 16 octets; n = 0: off). The base needs the same key:
 * a different one makes both sides deaf, and the connection is lost as on the air. false: the base has none. */
bool air_cipher(struct air_conn *c, const uint8_t *dck, size_t n);
/* Straight after the set-up: the portable part asks to cipher with the default key of an index, which the base has or gets.
 * early() tells the outcome. false: not connected. */
bool air_early(struct air_conn *c, uint16_t index, const uint8_t *key, size_t n);
bool air_conn_early(const struct air_conn *c); /* it is ciphered with it now */
/* Inter-base handover with a PMID; moved() tells the outcome. Within one base (b = the present one) it is invisible
 * to the server and succeeds at once. */
bool air_handover(struct air_conn *c, struct air_base *b, uint32_t pmid);
struct air_base *air_conn_base(const struct air_conn *c);
bool air_conn_ciphered(const struct air_conn *c);
const char *air_conn_pp(const struct air_conn *c); /* the portable part's name */
/* 20 ms of speech to the base; sent as RTP while media is open there, else dropped and counted. */
void air_speak(struct air_conn *c, const int16_t *samples);
bool air_speech_open(const struct air_conn *c);
void air_conn_set_user(struct air_conn *c, void *user);
void *air_conn_user(const struct air_conn *c);

/* ---- faults, for scenarios ---- */
/* The next n frames in a direction are lost (as after a bearer break that LAPC must repair). */
void air_drop_frames(struct air_conn *c, bool up, unsigned n);

/* ---- violations by the server, found by either side ---- */
/* who: "base 02005e100001", "pp 1"; rule: the reference, "EN 300 175-4 9.2.3"; text: what was wrong. */
void air_violation(struct air *a, const char *who, const char *rule, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
unsigned air_violations(const struct air *a);
const char *air_violation_text(
    const struct air *a, unsigned i); /* "pp 1: EN … : …"; NULL past the end */

/* ---- events and commands: the program softrfp, scripts, and its control socket ----
 * A line is words separated by blanks; the first is a noun that a module registered ("base", "pp", "wait" …).
 * Events are lines too ("pp 1 connected", "base 02005e100001 up"); they go to standard output, to every client of the
 * control socket, and satisfy `wait SECONDS PATTERN`. */
typedef int(air_command_h)(
    void *ctx, int argc, char **argv, struct wr *reply); /* 0 or ERR_*; reply: text */
void air_noun(struct air *a, const char *noun, air_command_h *fn, void *ctx, const char *help);
int air_run(struct air *a, const char *line, struct wr *reply);
void air_event(struct air *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void air_on_event(struct air *a, void (*fn)(void *ctx, const char *line), void *ctx);

/* ---- the base's side: used by softrfp.c ---- */
struct air_base_ops {
	/* A portable part sets up; returns the MCEI, or < 0 when there is no bearer left. handover: from another base. */
	int (*setup)(void *ctx, struct air_conn *c, uint32_t pmid, bool handover);
	void (*frame)(void *ctx, struct air_conn *c, int mcei, const uint8_t *frame, size_t n);
	void (*released)(void *ctx, struct air_conn *c, int mcei, enum air_reason why);
	/* It is at another base now: this one still holds its MCEI until the server takes it back. */
	void (*moved_away)(void *ctx, struct air_conn *c, int mcei);
	void (*ciphered)(void *ctx, struct air_conn *c, int mcei);
	/* It names a default key; air_base_early() answers. NULL: this base knows nothing of it. */
	void (*early)(void *ctx, struct air_conn *c, int mcei, uint16_t index);
	void (*speech)(void *ctx, struct air_conn *c, int mcei, const int16_t *samples);
};
struct air_base *air_base_add(
    struct air *a, const struct air_base_ops *ops, void *ctx, const char *name);
void air_base_remove(struct air_base *b);
const char *air_base_name(const struct air_base *b);
void air_base_on(
    struct air_base *b, const struct air_info *info); /* on air, or broadcast changed */
void air_base_off(struct air_base *b);
void air_base_page(struct air_base *b, const uint8_t *page, size_t n);
/* Answers setup(): for a handover this is its success. */
void air_base_accept(struct air_conn *c);
void air_base_refuse(struct air_conn *c); /* set-up or handover at this base refused */
/* A frame to the portable part; sent() of the base's own caller comes as done(ctx) when it is over the air. */
void air_base_frame(struct air_conn *c, const uint8_t *frame, size_t n,
    void (*done)(void *ctx, int buffer), void *ctx, int buffer);
void air_base_key(struct air_conn *c, const uint8_t *dck, size_t n);
void air_base_early(struct air_conn *c, const uint8_t *key, size_t n); /* n = 0: there is none */
/* The key at the new base of a handover, before air_base_accept(); n = 0: it goes on in clear there. */
void air_base_handover_key(struct air_conn *c, const uint8_t *dck, size_t n);
void air_base_release(struct air_conn *c, enum air_reason why);
void air_base_speech(struct air_conn *c, const int16_t *samples);
void air_base_speech_open(struct air_conn *c, bool open);

/* An argument "key=value" among argv[from …]; NULL: not there. */
const char *air_arg(int argc, char **argv, int from, const char *key);
#endif
