/* Multipart bodies: split, and pick the session description (RFC 2046 5.1, RFC 5621 8). */
#include "sipd/mime.h"

#include <string.h>

struct slice mime_type(struct slice v)
{
	v.n = slice_chr(v, ';');
	return slice_trim(v);
}

struct slice mime_param(struct slice v, const char *name)
{
	struct cur c = cur_of(v);

	(void)cur_until(&c, ";");
	while (cur_lit(&c, ';')) {
		cur_lws(&c);
		struct slice key = cur_token(&c), val = { 0 };
		cur_lws(&c);
		if (cur_lit(&c, '=')) {
			cur_lws(&c);
			if (cur_lit(&c, '"')) {
				val = cur_until(&c, "\"");
				(void)cur_lit(&c, '"');
			} else {
				val = slice_trim(cur_until(&c, ";"));
			}
		}
		if (slice_ieq(key, slice_str(name)))
			return val;
		(void)cur_until(&c, ";");
	}
	return (struct slice){ 0 };
}

/* Where the delimiter line of the boundary begins at or after `from`; after: what follows its line. */
static bool delimiter(
    struct slice body, size_t from, struct slice boundary, size_t *at, size_t *after, bool *last)
{
	for (size_t i = from; i + 2 + boundary.n <= body.n; i++) {
		if (i && body.p[i - 1] != '\n')
			continue;
		if (body.p[i] != '-' || body.p[i + 1] != '-' ||
		    memcmp(body.p + i + 2, boundary.p, boundary.n) != 0)
			continue;
		size_t j = i + 2 + boundary.n;
		*last = j + 1 < body.n && body.p[j] == '-' && body.p[j + 1] == '-';
		if (*last)
			j += 2;
		while (j < body.n && (body.p[j] == ' ' || body.p[j] == '\t' || body.p[j] == '\r'))
			j++;
		if (j < body.n && body.p[j] != '\n')
			continue; /* a longer boundary that begins like ours */
		*at = i;
		*after = j < body.n ? j + 1 : j;
		return true;
	}
	return false;
}

static void part_parse(struct mime_part *p, struct slice text)
{
	struct cur c = cur_of(text);

	*p = (struct mime_part){ .type = SLICE_LIT("text/plain") };
	while (!cur_done(&c)) {
		struct slice l = cur_until(&c, "\n");
		(void)cur_lit(&c, '\n');
		l = slice_trim(l);
		if (l.n == 0)
			break;
		size_t colon = slice_chr(l, ':');
		struct slice name = slice_trim(slice_sub(l, 0, colon));
		struct slice v = slice_trim(slice_sub(l, colon + 1, l.n));
		if (slice_ieq(name, SLICE_LIT("Content-Type"))) {
			p->type = mime_type(v);
		} else if (slice_ieq(name, SLICE_LIT("Content-Disposition"))) {
			p->disposition = v;
		} else if (slice_ieq(name, SLICE_LIT("Content-ID"))) {
			if (v.n > 1 && v.p[0] == '<' && v.p[v.n - 1] == '>')
				v = slice_sub(v, 1, v.n - 2);
			p->id = v;
		}
	}
	p->body = cur_rest(&c);
}

int mime_split(struct slice ct, struct slice body, struct mime_part *part, size_t cap, size_t *n)
{
	struct slice boundary = mime_param(ct, "boundary");
	size_t at, after;
	bool last = false;

	*n = 0;
	if (!slice_istarts(mime_type(ct), SLICE_LIT("multipart/")))
		return ERR_UNSUPP;
	if (boundary.n == 0 || boundary.n > 70) /* RFC 2046 5.1.1 */
		return ERR_SYNTAX;
	if (!delimiter(body, 0, boundary, &at, &after, &last))
		return ERR_SYNTAX;
	while (!last) {
		size_t begin = after, end;

		if (!delimiter(body, begin, boundary, &at, &after, &last)) {
			at = body.n; /* the closing delimiter is missing: take what there is */
			after = body.n;
			last = true;
		}
		end = at;
		if (end > begin && body.p[end - 1] == '\n')
			end--;
		if (end > begin && body.p[end - 1] == '\r')
			end--;
		if (*n == cap)
			return ERR_LIMIT;
		part_parse(&part[(*n)++], slice_sub(body, begin, end - begin));
	}
	return *n ? 0 : ERR_SYNTAX;
}

int mime_sdp(struct slice ct, struct slice body, struct slice *sdp)
{
	struct mime_part part[MIME_PARTS_MAX];
	struct slice type = mime_type(ct);
	const struct mime_part *fallback = NULL, *best = NULL;
	size_t n;
	int err;

	*sdp = (struct slice){ 0 };
	if (slice_ieq(type, SLICE_LIT("application/sdp"))) {
		*sdp = body;
		return body.n ? 0 : ERR_NOTFOUND;
	}
	err = mime_split(ct, body, part, MIME_PARTS_MAX, &n);
	if (err)
		return err == ERR_UNSUPP && body.n == 0 ? ERR_NOTFOUND : err;
	bool mixed = slice_ieq(type, SLICE_LIT("multipart/mixed"));
	for (size_t i = 0; i < n; i++) {
		if (slice_ieq(part[i].type, SLICE_LIT("application/sdp"))) {
			/* LYNC: the part for OCS 2007 is marked so. */
			if (slice_chr(part[i].disposition, ';') < part[i].disposition.n &&
			    memmem(part[i].disposition.p, part[i].disposition.n,
			        "ms-proxy-2007fallback", 21))
				fallback = &part[i];
			else
				best = &part[i];
		} else if (mixed && slice_ieq(mime_param(part[i].disposition, "handling"),
		                        SLICE_LIT("required"))) {
			return ERR_UNSUPP;
		}
	}
	if (!best)
		best = fallback;
	if (!best)
		return ERR_NOTFOUND;
	*sdp = best->body;
	return 0;
}
