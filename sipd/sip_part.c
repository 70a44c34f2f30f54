/* Parts of a multipart body (RFC 2046 5.1, RFC 5621). */
#include <string.h>

#include "sipd/sip_msg.h"

#define BOUNDARY_MAX 70 /* RFC 2046 5.1.1 */

static bool multipart(struct slice v, char *boundary, size_t *n)
{
	struct slice b;
	size_t semi = slice_chr(v, ';');

	if (!slice_istarts(v, SLICE_LIT("multipart/")) ||
	    !sip_param_find(slice_sub(v, semi, v.n), SLICE_LIT("boundary"), &b))
		return false;
	boundary[0] = boundary[1] = '-';
	if (sip_unquote(b, boundary + 2, BOUNDARY_MAX + 1) || boundary[2] == '\0')
		return false;
	*n = strlen(boundary);
	return true;
}

/* The next delimiter line at or after from: at the start of the body or of a line. */
static const char *find_delimiter(
    const char *from, const char *start, const char *end, const char *b, size_t n)
{
	const char *at = from;

	while (at < end && (at = memmem(at, (size_t)(end - at), b, n)) != NULL) {
		if (at == start || at[-1] == '\n')
			return at;
		at++;
	}
	return NULL;
}

static void part_headers(struct sip_part *part)
{
	struct cur c = cur_of(part->headers);

	while (!cur_done(&c)) {
		struct slice line = cur_until(&c, "\n"), name, value;

		(void)cur_lit(&c, '\n');
		name = slice_sub(line, 0, slice_chr(line, ':'));
		value = slice_trim(slice_sub(line, name.n + 1, line.n));
		switch (sip_hdr_id(slice_trim(name))) {
		case SIP_H_CONTENT_TYPE:
			part->type = value;
			break;
		case SIP_H_CONTENT_DISPOSITION:
			part->disposition = value;
			break;
		case SIP_H_CONTENT_ID:
			part->id = value;
			break;
		default:
			break;
		}
	}
}

int sip_part_nth(struct slice type, struct slice body, unsigned nth, struct sip_part *part)
{
	char b[BOUNDARY_MAX + 4];
	const char *start = body.p, *end = start + body.n, *at, *from, *stop;
	size_t n;

	*part = (struct sip_part){ 0 };
	if (!multipart(type, b, &n))
		return ERR_NOTFOUND;
	at = find_delimiter(start, start, end, b, n);
	for (unsigned i = 0; at; i++) {
		from = at + n;
		if (end - from >= 2 && from[0] == '-' && from[1] == '-')
			return ERR_NOTFOUND;
		from = memchr(from, '\n', (size_t)(end - from));
		if (!from)
			return ERR_SYNTAX;
		from++;
		at = find_delimiter(from, start, end, b, n);
		stop = at ? at : end;
		if (at && stop - from >= 1 && stop[-1] == '\n')
			stop -= stop - from >= 2 && stop[-2] == '\r' ? 2 : 1;
		if (i < nth)
			continue;
		/* An empty line ends the part's headers; it may be the first. */
		const char *blank = from;
		while (blank < stop && *blank != '\n' &&
		       !(blank[0] == '\r' && blank + 1 < stop && blank[1] == '\n')) {
			const char *nl = memchr(blank, '\n', (size_t)(stop - blank));
			blank = nl ? nl + 1 : stop;
		}
		part->headers = (struct slice){ from, (size_t)(blank - from) };
		if (blank < stop)
			blank += *blank == '\r' ? 2 : 1;
		part->body = (struct slice){ blank, (size_t)(stop - blank) };
		part_headers(part);
		return 0;
	}
	return nth == 0 ? ERR_SYNTAX : ERR_NOTFOUND;
}

int sip_msg_part(const struct sip_msg *m, unsigned nth, struct sip_part *part)
{
	struct slice type = sip_msg_value(m, SIP_H_CONTENT_TYPE);
	char b[BOUNDARY_MAX + 4];
	size_t n;

	if (multipart(type, b, &n))
		return sip_part_nth(type, m->body, nth, part);
	*part = (struct sip_part){ 0 };
	if (nth || m->body.n == 0)
		return ERR_NOTFOUND;
	part->type = type;
	part->disposition = sip_msg_value(m, SIP_H_CONTENT_DISPOSITION);
	part->id = sip_msg_value(m, SIP_H_CONTENT_ID);
	part->body = m->body;
	return 0;
}
