/* Every answer, every event in every state of a registration, with time by hand: nothing of it keeps a user off for good,
 * nothing makes requests without end. The test is the registrar (UDP), certd, and whoever changes records and settings.
 * A few of each here; with an argument all of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "rig.h"
#include "rig_sip.h"
#include "sipd/reg_int.h"

static const char conf[] =
    "[sipd]\nlisten-address = 127.0.0.1\nlocal-port = 0\ntransports = udp\n"
    "default-domain = example.test\nmessage-waiting = no\nsession-expires = 0\n"
    "register-when = always\nkeep-alive = 0\nproxy-1 = sip:127.0.0.1:%u\n";

#define CHALLENGE "WWW-Authenticate: Digest realm=\"e\", nonce=\"n1\"\r\n"
#define MINUTE    60000u
#define HOUR      (60 * MINUTE)

static unsigned registers, options, ends;
static unsigned nth = 41, at_nth; /* every so many-th of them */

static bool passed_over(void)
{
	return at_nth++ % nth != 0;
}

static struct user *user(struct rig *r)
{
	return users_find(sipd_of(&r->d)->users, SLICE_LIT("200"));
}

static struct reg *reg(struct rig *r)
{
	struct user *u = user(r);

	return u && u->room ? ustate_of(u)->reg : NULL;
}

static bool up(struct rig *r)
{
	return reg(r) && reg(r)->was_up;
}

static void set(struct rig *r, const char *field, const char *value)
{
	rig_add_user(r, "200", "050030000200", field, value);
}

/* A busy machine makes copies, which do not count. */
static bool first_of(void)
{
	static char last[200];
	char id[100], cseq[60], now[200];

	sip_header("Call-ID", id, sizeof(id));
	sip_header("CSeq", cseq, sizeof(cseq));
	snprintf(now, sizeof(now), "%s %s", cseq, id);
	if (strcmp(now, last) == 0)
		return false;
	snprintf(last, sizeof(last), "%s", now);
	return true;
}

/* The next message from sipd, counted. */
static bool copy; /* it was one */
static bool next(struct rig *r)
{
	for (int i = 0; i < 4; i++) {
		if (sip_next(r)) {
			bool is = strncmp(got, "REGISTER ", 9) == 0,
			     end = is && strstr(got, "Expires: 0\r\n");
			copy = !first_of();
			if (!copy) {
				registers += is && !end;
				ends += end;
				options += strncmp(got, "OPTIONS ", 8) == 0;
			}
			return true;
		}
		uv_run(&r->loop, UV_RUN_NOWAIT);
	}
	return false;
}

static void settle(struct rig *r)
{
	tmr_advance(r->d.wheel, 0);
	for (int i = 0; i < 4; i++)
		uv_run(&r->loop, UV_RUN_NOWAIT);
}

static void say(struct rig *r, const char *status, const char *lines)
{
	sip_reply(r, status, "t", lines, "");
	settle(r);
}

static bool asks(void)
{
	return strncmp(got, "SIP/2.0", 7) != 0 && strncmp(got, "ACK ", 4) != 0;
}

/* So much time with this answer to REGISTER and that to OPTIONS (NULL: none). until: ends when the user is registered. */
static void serve(struct rig *r, uint64_t ms, const char *status, const char *lines,
    const char *to_options, bool until)
{
	uint64_t end = tmr_now(r->d.wheel) + ms;

	for (;;) {
		while (next(r)) {
			if (!asks())
				continue;
			if (strncmp(got, "REGISTER ", 9) != 0) {
				if (to_options)
					say(r, to_options, "");
			} else if (status) {
				say(r, status, lines);
			}
		}
		uint64_t now = tmr_now(r->d.wheel), step = tmr_next(r->d.wheel);
		if (now >= end || (until && up(r)))
			return;
		step = step < 1 ? 1 : step;
		rig_pass(r, step < end - now ? step : end - now);
	}
}

static struct rig *begin(void)
{
	rig_by_hand = true;
	struct rig *r = rig_new(conf);
	set(r, NULL, NULL);
	return r;
}

static void finish(struct rig *r)
{
	rig_free(r);
	rig_by_hand = false;
}

static void registered(struct rig *r)
{
	serve(r, 5 * MINUTE, "200 OK", "Expires: 1800\r\n", "200 OK", true);
	assert_true(up(r));
	registers = options = ends = 0;
}

/* ---- answers again and again ---- */

static const struct {
	const char *status, *lines;
	unsigned most; /* REGISTERs in ten minutes: without sense, with credentials, sent round */
} answers[] = {
	{ NULL, "", 30 },
	{ "300 Multiple", "", 150 },
	{ "301 Moved", "Contact: <sip:%u>\r\n", 150 },
	{ "302 Moved", "Contact: <sip:nobody@127.0.0.1:9>\r\n", 500 },
	{ "400 Bad", "", 30 },
	{ "401 Who", CHALLENGE, 60 },
	{ "401 Who", "WWW-Authenticate: Digest realm=\"e\", nonce=\"n\", stale=true\r\n", 140 },
	{ "401 Who", "WWW-Authenticate: NTLM realm=\"e\"\r\n", 30 },
	{ "401 Who", "", 30 },
	{ "403 No", "", 30 },
	{ "403 No", "Retry-After: 0\r\n", 30 },
	{ "403 No", "Retry-After: 1\r\n", 30 },
	{ "404 Unknown", "Retry-After: x\r\n", 30 },
	{ "407 Who", "Proxy-Authenticate: Digest realm=\"e\", nonce=\"n\"\r\n", 60 },
	{ "408 Late", "", 30 },
	{ "423 Brief", "Min-Expires: 7200\r\n", 60 },
	{ "423 Brief", "Min-Expires: 10\r\n", 30 },
	{ "423 Brief", "", 30 },
	{ "439 First Hop", "", 30 },
	{ "480 Away", "Retry-After: 0\r\n", 30 },
	{ "491 Pending", "", 30 },
	{ "500 Oops", "", 30 },
	{ "503 Busy", "", 30 },
	{ "503 Busy", "Retry-After: 0\r\n", 900 },
	{ "503 Busy", "Retry-After: 30\r\n", 25 },
	{ "600 Busy", "", 30 },
	{ "699 Odd", "Retry-After: 0\r\n", 30 },
};

static void again_and_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		for (int refresh = 0; refresh < 2; refresh++) {
			if (passed_over())
				continue;
			struct rig *r = begin();
			if (refresh)
				registered(r);
			registers = options = 0;
			if (refresh)
				reg_suspect(sipd_of(&r->d), user(r), "the test says so");
			serve(
			    r, 10 * MINUTE, answers[i].status, answers[i].lines, "503 Busy", false);
			if (registers > answers[i].most || registers < 1 || options > 130)
				fail_msg("%s %s: %u times, %u OPTIONS", answers[i].status,
				    answers[i].lines, registers, options);
			assert_false(up(r));
			serve(r, 10 * MINUTE, "200 OK", "Expires: 1800\r\n", "200 OK", true);
			if (!up(r))
				fail_msg("%s %s: never again", answers[i].status, answers[i].lines);
			finish(r);
		}
}

/* ---- every event in every state ---- */

enum moment {
	WAITING,
	SENT,
	ASKING,
	SENT_AGAIN,
	UP,
	REFRESHING,
	ASKING_UP,
	REFUSED,
	DOWN,
	OFF,
	NMOMENTS
};

static void arrive(struct rig *r, enum moment at)
{
	if (at == UP || at == REFRESHING || at == ASKING_UP)
		registered(r);
	if (at == OFF)
		set(r, "disabled", "yes");
	if (at == REFRESHING || at == ASKING_UP)
		reg_suspect(sipd_of(&r->d), user(r), "the test says so");
	if (at == WAITING || at == UP || at == OFF)
		return;
	while (!next(r))
		rig_pass(r, 50);
	if (at == SENT || at == REFRESHING)
		return;
	r->mute = at == ASKING || at == ASKING_UP;
	say(r,
	    at == REFUSED ? "403 No"
	    : at == DOWN  ? "503 Busy"
	                  : "401 Who",
	    at == REFUSED || at == DOWN ? "" : CHALLENGE);
	if (at == SENT_AGAIN)
		while (!next(r))
			settle(r);
}

enum {
	LATE_200,
	LATE_401,
	LATE_100,
	LATE_503,
	DISABLE,
	DISABLE_ENABLE,
	DELETE_ADD,
	RENAME_ACCOUNT,
	OTHER_DOMAIN,
	RELOAD_SAME,
	RELOAD_OTHER,
	RELOAD_NONE,
	SUSPECT,
	ENDED_SOON,
	ENDED_LONG,
	SECRET,
	CERTD_GOES,
	MINUTES,
	NEVENTS
};

/* Registered elsewhere for a moment; "": nowhere. */
static void other_proxy(struct rig *r, char *uri)
{
	char *was = r->conf.proxy[0].uri;

	r->conf.proxy[0].uri = uri;
	regs_reconf(sipd_of(&r->d)->regs);
	rig_pass(r, 700);
	r->conf.proxy[0].uri = was;
	regs_reconf(sipd_of(&r->d)->regs);
}

static void happen(struct rig *r, int what)
{
	struct sipd *s = sipd_of(&r->d);
	static char other[64];

	switch (what) {
	case LATE_200:
	case LATE_401:
	case LATE_100:
	case LATE_503:
		for (int k = 0; k < 2 && *got; k++)
			if (asks())
				say(r,
				    what == LATE_200   ? "200 OK"
				    : what == LATE_401 ? "401 Who"
				    : what == LATE_503 ? "503 Busy"
				                       : "100 Trying",
				    what == LATE_401 ? CHALLENGE : "");
		break;
	case DISABLE:
	case DISABLE_ENABLE:
		set(r, "disabled", "yes");
		if (what == DISABLE_ENABLE)
			set(r, "disabled", "");
		break;
	case DELETE_ADD:
		assert_int_equal(users_del(s->users, SLICE_LIT("200")), 0);
		set(r, NULL, NULL);
		break;
	case RENAME_ACCOUNT:
		set(r, "auth-user", "x");
		break;
	case OTHER_DOMAIN:
		set(r, "domain", "other.test");
		break;
	case RELOAD_SAME:
		regs_reconf(s->regs);
		break;
	case RELOAD_OTHER:
		snprintf(other, sizeof(other), "%s;lr", r->conf.proxy[0].uri);
		other_proxy(r, other);
		break;
	case RELOAD_NONE:
		other[0] = '\0';
		other_proxy(r, other);
		break;
	case SUSPECT:
		reg_suspect(s, user(r), "the test says so");
		reg_again(s, user(r));
		break;
	case ENDED_SOON:
	case ENDED_LONG:
		reg_ended(s, user(r), "the test says so", what == ENDED_SOON ? 0 : 900000);
		break;
	case SECRET:
		reg_secret_changed(s, SLICE_LIT("200"));
		reg_secret_changed(s, SLICE_LIT("nobody"));
		break;
	case CERTD_GOES:
		r->mute = true;
		rig_pass(r, 10000);
		break;
	default:
		rig_pass(r, 7 * MINUTE);
	}
}

static void every_event(void **state)
{
	(void)state;
	for (int at = 0; at < NMOMENTS; at++)
		for (int what = 0; what < NEVENTS; what++)
			for (int then = 0; then < 3; then++) {
				if (passed_over())
					continue;
				struct rig *r = begin();
				got[0] = '\0';
				arrive(r, (enum moment)at);
				happen(r, what);
				settle(r);
				if (then == 1)
					happen(r, ENDED_LONG);
				if (then == 2)
					happen(r, DISABLE_ENABLE);
				r->mute = false;
				set(r, "disabled", "");
				serve(r, 2 * HOUR, "200 OK", "Expires: 1800\r\n", "200 OK", false);
				if (!up(r))
					fail_msg(
					    "moment %d, event %d, %d: never again", at, what, then);
				unsigned want, n, failed;
				regs_count(sipd_of(&r->d), &want, &n, &failed);
				assert_int_equal(want, 1);
				assert_int_equal(n, 1);
				finish(r);
			}
}

/* ---- records, passwords, ends ---- */

static void await(struct rig *r, const char *start)
{
	for (int i = 0; i < 3000; i++) {
		while (next(r))
			if (strncmp(got, start, strlen(start)) == 0)
				return;
		rig_pass(r, 100);
	}
	fail_msg("no %s", start);
}

/* Another domain is another address of record: the end is said of the old one, and the number goes on behind it. */
static void other_domain(void **state)
{
	struct rig *r = begin();
	unsigned cseq;
	(void)state;

	registered(r);
	set(r, "domain", "other.test");
	await(r, "REGISTER sip:example.test ");
	assert_non_null(strstr(got, "\r\nTo: \"User 200\" <sip:200@example.test>\r\n"));
	assert_non_null(strstr(got, "\r\nExpires: 0\r\n"));
	assert_null(strstr(got, "\r\nAuthorization"));
	/* the end, too, is said with credentials where it is asked for them */
	say(r, "401 Who", CHALLENGE);
	await(r, "REGISTER sip:example.test ");
	assert_non_null(strstr(got, "\r\nExpires: 0\r\n"));
	assert_non_null(strstr(got, "\r\nAuthorization: Digest "));
	cseq = (unsigned)atoi(strstr(got, "\r\nCSeq: ") + 8);
	say(r, "200 OK", "");
	await(r, "REGISTER sip:other.test ");
	assert_true((unsigned)atoi(strstr(got, "\r\nCSeq: ") + 8) > cseq);
	finish(r);
}

/* Who waits because of a password or name is not kept waiting once it is corrected. Others are. */
static void corrected(void **state)
{
	struct rig *r = begin();
	(void)state;

	for (int i = 0; i < 3; i++) {
		await(r, "REGISTER ");
		say(r, "403 No", "Retry-After: 1000\r\n");
		assert_true(tmr_left(&reg(r)->timer) >= 1000000);
		if (i == 0)
			reg_secret_changed(sipd_of(&r->d), SLICE_LIT("201"));
		assert_true(tmr_left(&reg(r)->timer) >= 1000000);
		if (i == 0)
			reg_secret_changed(sipd_of(&r->d), SLICE_LIT("200"));
		else
			set(r, "auth-user", i == 1 ? "x" : "y");
		assert_true(tmr_left(&reg(r)->timer) < 1000);
	}
	await(r, "REGISTER ");
	say(r, "503 No", "Retry-After: 500\r\n");
	reg_secret_changed(sipd_of(&r->d), SLICE_LIT("200"));
	registers = 0;
	serve(r, MINUTE, "200 OK", "", "200 OK", false);
	assert_int_equal(registers, 0); /* it is not the password's fault */
	finish(r);
}

/* Who is disabled is not counted among those who fail. */
static void counted(void **state)
{
	struct rig *r = begin();
	unsigned want, n, failed;
	(void)state;

	registered(r);
	set(r, "disabled", "yes");
	regs_count(sipd_of(&r->d), &want, &n, &failed);
	assert_int_equal(want, 0);
	assert_int_equal(failed, 0);
	set(r, "disabled", "");
	regs_count(sipd_of(&r->d), &want, &n, &failed);
	assert_int_equal(want, 1);
	assert_int_equal(failed, 1);
	finish(r);
}

/* The time that is asked for is a setting that can change. */
static void expires_changed(void **state)
{
	struct rig *r = begin();
	(void)state;

	registered(r);
	r->conf.register_expires = 120;
	regs_reconf(sipd_of(&r->d)->regs);
	reg_suspect(sipd_of(&r->d), user(r), "the test says so");
	await(r, "REGISTER ");
	assert_non_null(strstr(got, "\r\nExpires: 120\r\n"));
	finish(r);
}

/* A proxy that comes and goes wins nobody an ever later turn. */
static void flapping(void **state)
{
	struct rig *r = begin();
	struct regs *g = sipd_of(&r->d)->regs;
	(void)state;

	registered(r);
	r->conf.register_rate = 1;
	for (int i = 0; i < 100; i++)
		reg_hasten(reg(r));
	assert_true(tmr_left(&reg(r)->timer) <= 3000);
	assert_true(g->slot <= (tmr_now(r->d.wheel) + 3000) * 1000);
	finish(r);
}

/* The server ends it, soon to be anew: at once, but not for ever at once. */
static void ended_again_and_again(void **state)
{
	struct rig *r = begin();
	struct sipd *s = sipd_of(&r->d);
	uint64_t before;
	(void)state;

	for (unsigned i = 0; i < 8; i++) {
		registered(r);
		reg_ended(s, user(r), "moved", 0);
		assert_int_equal(reg(r)->fsm.st, REG_WAIT);
		before = tmr_left(&reg(r)->timer);
		if (i == 0)
			assert_true(before < 1000);
		else
			assert_true(before >= (2000u << (i < 5 ? i : 4)) - 1000);
	}
	registered(r);
	reg_suspect(s, user(r), "a refresh");
	serve(r, 1000, "200 OK", "Expires: 1800\r\n", "200 OK", false);
	reg_ended(s, user(r), "moved", 0);
	assert_true(tmr_left(&reg(r)->timer) < 1000);
	finish(r);
}

/* ---- message waiting ---- */

static struct rig *with_mail(void)
{
	static char text[500];
	char *no;

	snprintf(text, sizeof(text), "%s", conf);
	no = strstr(text, "message-waiting = no");
	memcpy(no, "message-waiting = on", 20);
	rig_by_hand = true;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
	struct rig *r = rig_new(text);
#pragma GCC diagnostic pop
	set(r, NULL, NULL);
	return r;
}

/* Until the next SUBSCRIBE; ms that went by. The one before is answered so, should it come once more; all else well. */
static uint64_t subscribes(struct rig *r, uint64_t most, const char *status)
{
	uint64_t began = tmr_now(r->d.wheel);

	while (tmr_now(r->d.wheel) - began <= most) {
		while (next(r)) {
			if (strncmp(got, "SUBSCRIBE ", 10) == 0 && !copy)
				return tmr_now(r->d.wheel) - began;
			if (asks())
				say(r, strncmp(got, "SUB", 3) == 0 ? status : "200 OK",
				    "Expires: 1800\r\n");
		}
		rig_pass(r, 2000);
	}
	return UINT64_MAX;
}

static void mail(void **state)
{
	static const struct {
		const char *status, *lines;
		uint64_t from, to; /* when it is tried again, ms */
	} t[] = {
		{ "503 Busy", "", 56000, 120000 },
		{ "480 Away", "Retry-After: 5\r\n", 3000, 50000 },
		{ "404 None", "", HOUR - 4000, HOUR + MINUTE },
		{ "501 None", "", HOUR - 4000, HOUR + MINUTE },
		{ "401 Who", "WWW-Authenticate: Bearer x\r\n", 10 * MINUTE - 4000, 11 * MINUTE },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		for (int refresh = 0; refresh < 2; refresh++) {
			struct rig *r = with_mail();

			assert_true(subscribes(r, 5 * MINUTE, "200 OK") < UINT64_MAX);
			if (refresh) {
				say(r, "200 OK", "Expires: 600\r\n");
				sip_send(r,
				    "NOTIFY sip:200@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP "
				    "127.0.0.1:%u;branch=z9hG4bKn1\r\nMax-Forwards: 70\r\nFrom: "
				    "<sip:200@example.test>;tag=t\r\nTo: "
				    "<sip:200@example.test>;tag=%.*s\r\n"
				    "Call-ID: %s\r\nCSeq: 1 NOTIFY\r\nEvent: message-summary\r\n"
				    "Subscription-State: active\r\nContact: <sip:127.0.0.1:%u>\r\n"
				    "Content-Length: 0\r\n\r\n",
				    r->port, r->peer,
				    (int)strcspn(strstr(got, ";tag=") + 5, "\r;>"),
				    strstr(got, ";tag=") + 5,
				    sip_header("Call-ID", (char[128]){ 0 }, 128), r->peer);
				settle(r);
				assert_true(subscribes(r, 10 * MINUTE, "200 OK") < UINT64_MAX);
			}
			say(r, t[i].status, t[i].lines);
			uint64_t after = subscribes(r, 2 * HOUR, t[i].status);
			if (after < t[i].from || after > t[i].to)
				fail_msg("%s %d: after %llu ms", t[i].status, refresh,
				    (unsigned long long)after);
			/* a setting, and a user that is off */
			if (i == 0) {
				say(r, "200 OK", "Expires: 600\r\n");
				if (refresh)
					r->conf.mwi = false;
				else
					set(r, "disabled", "yes");
				regs_reconf(sipd_of(&r->d)->regs);
				assert_true(subscribes(r, 20 * MINUTE, "200 OK") == UINT64_MAX);
			}
			finish(r);
		}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(again_and_again),
		cmocka_unit_test(every_event),
		cmocka_unit_test(other_domain),
		cmocka_unit_test(corrected),
		cmocka_unit_test(counted),
		cmocka_unit_test(expires_changed),
		cmocka_unit_test(flapping),
		cmocka_unit_test(ended_again_and_again),
		cmocka_unit_test(mail),
	};

	(void)argv;
	nth = argc > 1 ? 1 : nth;
	log_set_level(LOG_CRIT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
