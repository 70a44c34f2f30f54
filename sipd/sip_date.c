/* Time as SIP writes it. */
#include "sipd/sip_date.h"

#include <time.h>

static int number(struct cur *c, size_t digits, int lo, int hi, int *out)
{
	struct slice d = cur_digits(c);
	uint32_t v;

	if (d.n != digits || slice_u32(d, 9999, &v) || (int)v < lo || (int)v > hi)
		return ERR_SYNTAX;
	*out = (int)v;
	return 0;
}

int sip_date_parse(struct slice s, int64_t *out)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct cur c = cur_of(slice_trim(s));
	struct tm t = { 0 };
	struct slice word;

	(void)cur_until(&c, ",");
	if (!cur_lit(&c, ',') || !cur_lit(&c, ' ') || number(&c, 2, 1, 31, &t.tm_mday) ||
	    !cur_lit(&c, ' '))
		return ERR_SYNTAX;
	word = cur_until(&c, " ");
	for (t.tm_mon = 0; t.tm_mon < 12; t.tm_mon++)
		if (slice_ieq(word, (struct slice){ months + 3 * t.tm_mon, 3 }))
			break;
	if (t.tm_mon == 12 || !cur_lit(&c, ' ') || number(&c, 4, 1970, 9999, &t.tm_year) ||
	    !cur_lit(&c, ' ') || number(&c, 2, 0, 23, &t.tm_hour) || !cur_lit(&c, ':') ||
	    number(&c, 2, 0, 59, &t.tm_min) || !cur_lit(&c, ':') ||
	    number(&c, 2, 0, 60, &t.tm_sec) || !cur_lit(&c, ' ') ||
	    !slice_ieq(cur_rest(&c), SLICE_LIT("GMT")))
		return ERR_SYNTAX;
	t.tm_year -= 1900;
	*out = timegm(&t);
	return 0;
}
