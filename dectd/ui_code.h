#ifndef DECTD_UI_CODE_H
#define DECTD_UI_CODE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"

/* Service codes that a handset dials and dectd answers itself, and the codes of second calls. Pure; the tables come from
 * the configuration: words "CODE>FUNCTION". In a code N stands for a number of one or more digits that the user
 * fills in; such a code ends with '#'. */

enum ui_service {
	UI_S_NONE,
	UI_S_SERVER,     /* "server": the server's address */
	UI_S_BASE,       /* "base": base station and signal */
	UI_S_NUMBER,     /* "number": own number and name */
	UI_S_IPEI,       /* "ipei" */
	UI_S_SIGN_IN,    /* "sign-in": presence automatic */
	UI_S_SIGN_OUT,   /* "sign-out": presence off work */
	UI_S_PRESENCE,   /* "presence": menu */
	UI_S_FWD_ALWAYS, /* "forward-always" … with N: set; without: off */
	UI_S_FWD_BUSY,
	UI_S_FWD_NO_ANSWER,
	UI_S_FWD_UNREACHABLE,
	UI_S_FWD_OFF, /* "forward-off": all */
	UI_S_REDIAL,  /* "redial" */
	UI_S_MISSED,  /* "missed", "received", "placed": lists */
	UI_S_RECEIVED,
	UI_S_PLACED,
	UI_S_DIRECTORY,  /* "directory" */
	UI_S_VOICE_MAIL, /* "voice-mail": messages waiting */
	UI_NSERVICES
};

#define UI_CODES_MAX 64 /* the built-in ones, and as many as service-codes takes */
#define UI_CODE_LEN  20
struct ui_codes {
	unsigned n;
	struct {
		char code[UI_CODE_LEN]; /* digits, '*', '#', 'N' */
		enum ui_service service;
	} c[UI_CODES_MAX];
};

/* Adds "CODE>FUNCTION"; "CODE>" or "CODE>off" removes the code. ERR_SYNTAX, ERR_VALUE: no such function; ERR_LIMIT. */
int ui_code_add(struct ui_codes *t, struct slice word) MUST_CHECK;
void ui_code_defaults(struct ui_codes *t);
const char *ui_service_name(enum ui_service s);
/* Whether something that is dialled as code is, or begins, something that is dialled as other: it then counts as code, and
 * other is never reached. */
bool ui_code_hides(const char *code, const char *other);

/* What a key does in a call (second calls, 10.4 of the standard's keypad protocol): R and a digit, or 1C and a character. */
enum ui_action {
	UI_C_NONE,
	UI_C_CONSULT,    /* "consult": hold, and a line for a second call */
	UI_C_INTERNAL,   /* "internal": the same within the system */
	UI_C_REJECT,     /* "reject" the waiting call, or end the held one */
	UI_C_RELEASE,    /* "release" the one heard, take the held or waiting one */
	UI_C_TOGGLE,     /* "toggle", or take the waiting one and hold the first */
	UI_C_CONFERENCE, /* "conference" */
	UI_C_TRANSFER,   /* "transfer" */
	UI_C_ACCEPT,     /* "accept" the waiting call */
	UI_C_HOLD,       /* "hold" */
	UI_C_RETRIEVE,   /* "retrieve" */
	UI_NACTIONS
};
struct ui_call_codes {
	uint8_t recall[10]; /* enum ui_action by digit after R */
	uint8_t supp[256];  /* by octet after 1C */
};
void ui_call_codes_default(struct ui_call_codes *t);
/* "R2>toggle", "1C31>toggle"; "R3>off" takes a code away. ERR_SYNTAX; ERR_VALUE: no such action. */
int ui_call_code_add(struct ui_call_codes *t, struct slice word) MUST_CHECK;

const char *ui_action_name(enum ui_action a);

enum ui_match {
	UI_M_NO,    /* no code begins like this: it is a number */
	UI_M_MAYBE, /* a code may become of it */
	UI_M_YES    /* it is one */
};
/* end: nothing more will be dialled. *service and *arg (what stands for N, within digits; else empty) on UI_M_YES. */
enum ui_match ui_code_match(const struct ui_codes *t, struct slice digits, bool end,
    enum ui_service *service, struct slice *arg);
#endif
