/* Tones of the countries, from ITU-T E.180 supplement 2 ("Various tones used in national networks"). */
#include "mediad/tone.h"

#define ON(f, t)                                                                                   \
	{                                                                                          \
		{ f, 0, 0 }, t                                                                     \
	}
#define ON2(f, g, t)                                                                               \
	{                                                                                          \
		{ f, g, 0 }, t                                                                     \
	}
#define OFF(t)                                                                                     \
	{                                                                                          \
		{ 0, 0, 0 }, t                                                                     \
	}
#define DEF(...)                                                                                   \
	{                                                                                          \
		.step = { __VA_ARGS__ },                                                           \
		.n = sizeof((struct tone_step[]){ __VA_ARGS__ }) / sizeof(struct tone_step)        \
	}
#define ONCE(...)                                                                                  \
	{                                                                                          \
		.step = { __VA_ARGS__ },                                                           \
		.n = sizeof((struct tone_step[]){ __VA_ARGS__ }) / sizeof(struct tone_step),       \
		.once = true                                                                       \
	}

struct country {
	char code[3];
	struct tone_def tone[TONE_KIND_N];
};

/* clang-format off */
static const struct country countries[] = {
	{ "--", { /* E.180: 425 Hz; what a country's row leaves out comes from here */
		[TONE_KIND_DIAL] = DEF(ON(425, 0)),
		[TONE_KIND_RINGBACK] = DEF(ON(425, 1000), OFF(4000)),
		[TONE_KIND_BUSY] = DEF(ON(425, 500), OFF(500)),
		[TONE_KIND_CONGESTION] = DEF(ON(425, 250), OFF(250)),
		[TONE_KIND_CALL_WAITING] = DEF(ON(425, 200), OFF(600), ON(425, 200), OFF(10000)),
		[TONE_KIND_UNOBTAINABLE] = DEF(ON(950, 330), ON(1400, 330), ON(1800, 330), OFF(1000)),
		[TONE_KIND_CONFIRM] = ONCE(ON(425, 100), OFF(100), ON(425, 100), OFF(100), ON(425, 100)) } },
	{ "AT", {
		[TONE_KIND_DIAL] = DEF(ON(420, 0)),
		[TONE_KIND_RINGBACK] = DEF(ON(420, 1000), OFF(5000)),
		[TONE_KIND_BUSY] = DEF(ON(420, 400), OFF(400)),
		[TONE_KIND_CONGESTION] = DEF(ON(420, 200), OFF(200)),
		[TONE_KIND_CALL_WAITING] = DEF(ON(420, 40), OFF(1950)) } },
	{ "AU", {
		[TONE_KIND_DIAL] = DEF(ON2(413, 438, 0)),
		[TONE_KIND_RINGBACK] = DEF(ON2(413, 438, 400), OFF(200), ON2(413, 438, 400), OFF(2000)),
		[TONE_KIND_BUSY] = DEF(ON(425, 375), OFF(375)),
		[TONE_KIND_CONGESTION] = DEF(ON(425, 375), OFF(375)),
		[TONE_KIND_CALL_WAITING] = DEF(ON(425, 200), OFF(200), ON(425, 200), OFF(4400)) } },
	{ "BE", {
		[TONE_KIND_RINGBACK] = DEF(ON(425, 1000), OFF(3000)),
		[TONE_KIND_CONGESTION] = DEF(ON(425, 167), OFF(167)),
		[TONE_KIND_CALL_WAITING] = DEF(ON(1400, 175), OFF(175), ON(1400, 175), OFF(3500)) } },
	{ "CA", {
		[TONE_KIND_DIAL] = DEF(ON2(350, 440, 0)),
		[TONE_KIND_RINGBACK] = DEF(ON2(440, 480, 2000), OFF(4000)),
		[TONE_KIND_BUSY] = DEF(ON2(480, 620, 500), OFF(500)),
		[TONE_KIND_CONGESTION] = DEF(ON2(480, 620, 250), OFF(250)),
		[TONE_KIND_CALL_WAITING] = DEF(ON(440, 300), OFF(10000)) } },
	{ "CH", {
		[TONE_KIND_CONGESTION] = DEF(ON(425, 200), OFF(200)),
		[TONE_KIND_CALL_WAITING] = DEF(ON(425, 200), OFF(200), ON(425, 200), OFF(4000)) } },
	{ "CZ", {
		[TONE_KIND_DIAL] = DEF(ON(425, 330), OFF(330), ON(425, 660), OFF(660)),
		[TONE_KIND_BUSY] = DEF(ON(425, 330), OFF(330)),
		[TONE_KIND_CONGESTION] = DEF(ON(425, 165), OFF(165)),
		[TONE_KIND_CALL_WAITING] = DEF(ON(425, 330), OFF(9000)) } },
	{ "DE", {
		[TONE_KIND_BUSY] = DEF(ON(425, 480), OFF(480)),
		[TONE_KIND_CONGESTION] = DEF(ON(425, 240), OFF(240)),
		[TONE_KIND_CALL_WAITING] = DEF(ON(425, 200), OFF(200), ON(425, 200), OFF(5000)) } },
	{ "DK", {
		[TONE_KIND_CONGESTION] = DEF(ON(425, 250), OFF(250)),
		[TONE_KIND_CALL_WAITING] = DEF(ON(425, 200), OFF(200), ON(425, 200), OFF(3600)) } },
	{ "ES", {
		[TONE_KIND_RINGBACK] = DEF(ON(425, 1500), OFF(3000)),
		[TONE_KIND_BUSY] = DEF(ON(425, 200), OFF(200)),
		[TONE_KIND_CONGESTION] = DEF(ON(425, 200), OFF(200), ON(425, 200), OFF(200), ON(425, 200), OFF(600)),
		[TONE_KIND_CALL_WAITING] = DEF(ON(425, 175), OFF(175), ON(425, 175), OFF(3500)) } },
	{ "FI", {
		[TONE_KIND_BUSY] = DEF(ON(425, 300), OFF(300)),
		[TONE_KIND_CONGESTION] = DEF(ON(425, 200), OFF(200)),
		[TONE_KIND_CALL_WAITING] = DEF(ON(425, 150), OFF(150), ON(425, 150), OFF(8000)) } },
	{ "FR", {
		[TONE_KIND_DIAL] = DEF(ON(440, 0)),
		[TONE_KIND_RINGBACK] = DEF(ON(440, 1500), OFF(3500)),
		[TONE_KIND_BUSY] = DEF(ON(440, 500), OFF(500)),
		[TONE_KIND_CONGESTION] = DEF(ON(440, 250), OFF(250)),
		[TONE_KIND_CALL_WAITING] = DEF(ON(440, 300), OFF(10000)) } },
	{ "GB", {
		[TONE_KIND_DIAL] = DEF(ON2(350, 440, 0)),
		[TONE_KIND_RINGBACK] = DEF(ON2(400, 450, 400), OFF(200), ON2(400, 450, 400), OFF(2000)),
		[TONE_KIND_BUSY] = DEF(ON(400, 375), OFF(375)),
		[TONE_KIND_CONGESTION] = DEF(ON(400, 400), OFF(350), ON(400, 225), OFF(525)),
		[TONE_KIND_CALL_WAITING] = DEF(ON(400, 100), OFF(2000)),
		[TONE_KIND_UNOBTAINABLE] = DEF(ON(400, 0)),
		[TONE_KIND_CONFIRM] = ONCE(ON(1400, 1000)) } },
	{ "IE", {
		[TONE_KIND_RINGBACK] = DEF(ON2(400, 450, 400), OFF(200), ON2(400, 450, 400), OFF(2000)),
		[TONE_KIND_CALL_WAITING] = DEF(ON(425, 180), OFF(200), ON(425, 200), OFF(4500)) } },
	{ "IT", {
		[TONE_KIND_DIAL] = DEF(ON(425, 200), OFF(200), ON(425, 600), OFF(1000)),
		[TONE_KIND_CONGESTION] = DEF(ON(425, 200), OFF(200)),
		[TONE_KIND_CALL_WAITING] = DEF(ON(425, 400), OFF(100), ON(425, 250), OFF(100), ON(425, 150), OFF(14000)) } },
	{ "JP", {
		[TONE_KIND_DIAL] = DEF(ON(400, 0)),
		[TONE_KIND_RINGBACK] = DEF(ON2(384, 416, 1000), OFF(2000)),
		[TONE_KIND_BUSY] = DEF(ON(400, 500), OFF(500)),
		[TONE_KIND_CONGESTION] = DEF(ON(400, 500), OFF(500)),
		[TONE_KIND_CALL_WAITING] = DEF(ON2(384, 416, 500), OFF(4000), ON2(384, 416, 500), OFF(4000)) } },
	{ "NL", {
		[TONE_KIND_CONGESTION] = DEF(ON(425, 250), OFF(250)),
		[TONE_KIND_CALL_WAITING] = DEF(ON(425, 500), OFF(9500)) } },
	{ "NO", {
		[TONE_KIND_CONGESTION] = DEF(ON(425, 200), OFF(200)),
		[TONE_KIND_CALL_WAITING] = DEF(ON(425, 200), OFF(600), ON(425, 200), OFF(10000)) } },
	{ "PL", {
		[TONE_KIND_CONGESTION] = DEF(ON(425, 500), OFF(500)),
		[TONE_KIND_CALL_WAITING] = DEF(ON(425, 150), OFF(150), ON(425, 150), OFF(4000)) } },
	{ "PT", {
		[TONE_KIND_RINGBACK] = DEF(ON(425, 1000), OFF(5000)),
		[TONE_KIND_CONGESTION] = DEF(ON(425, 200), OFF(200)),
		[TONE_KIND_CALL_WAITING] = DEF(ON(425, 200), OFF(200), ON(425, 200), OFF(5000)) } },
	{ "SE", {
		[TONE_KIND_RINGBACK] = DEF(ON(425, 1000), OFF(5000)),
		[TONE_KIND_BUSY] = DEF(ON(425, 250), OFF(250)),
		[TONE_KIND_CONGESTION] = DEF(ON(425, 250), OFF(750)),
		[TONE_KIND_CALL_WAITING] = DEF(ON(425, 200), OFF(500), ON(425, 200), OFF(9100)) } },
	{ "US", {
		[TONE_KIND_DIAL] = DEF(ON2(350, 440, 0)),
		[TONE_KIND_RINGBACK] = DEF(ON2(440, 480, 2000), OFF(4000)),
		[TONE_KIND_BUSY] = DEF(ON2(480, 620, 500), OFF(500)),
		[TONE_KIND_CONGESTION] = DEF(ON2(480, 620, 250), OFF(250)),
		[TONE_KIND_CALL_WAITING] = DEF(ON(440, 300), OFF(10000)),
		[TONE_KIND_UNOBTAINABLE] = DEF(ON(914, 274), ON(1371, 274), ON(1777, 380), OFF(1000)),
		[TONE_KIND_CONFIRM] = ONCE(ON2(350, 440, 100), OFF(100), ON2(350, 440, 100), OFF(100), ON2(350, 440, 100)) } },
};
/* clang-format on */

const struct tone_def *tone_find(struct slice country, enum tone_kind kind, bool *known)
{
	const struct country *c = &countries[0];

	for (size_t i = 1; i < sizeof(countries) / sizeof(countries[0]); i++)
		if (slice_ieq(country, slice_str(countries[i].code)))
			c = &countries[i];
	if (known)
		*known = c != &countries[0];
	if (kind <= TONE_KIND_OFF || kind >= TONE_KIND_N)
		return NULL;
	return c->tone[kind].n ? &c->tone[kind] : &countries[0].tone[kind];
}
