/* Finds messages in an octet stream: Content-Length framing and the keep-alives between messages. */
#include "sipd/tp_frame.h"

#include <string.h>

#include "sipd/sip_msg.h"

enum { LEN_NONE, LEN_OK, LEN_BAD };

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Is this line Content-Length (or l)? Then the place behind its colon. */
static const char *length_value(const char *p, const char *end)
{
	static const char name[] = "content-length";
	size_t n = 0;

	if ((*p | 0x20) == 'l') {
		n = 1;
	} else if ((*p | 0x20) == 'c' && end - p > 14) {
		while (n < 14 && (p[n] | 0x20) == (name[n] | 0x20))
			n++;
		if (n < 14)
			return NULL;
	} else {
		return NULL;
	}
	p += n;
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p < end && *p == ':' ? p + 1 : NULL;
}

/* Two different lengths are as bad as none: whoever believes the other one sees another message. */
static int content_length(const char *head, const char *end, size_t *out)
{
	int got = LEN_NONE;

	for (const char *p = memchr(head, '\n', (size_t)(end - head)); p && ++p < end;
	     p = memchr(p, '\n', (size_t)(end - p))) {
		const char *v = length_value(p, end);
		size_t len = 0;
		bool digits = false;

		if (!v)
			continue;
		while (v < end && blank(*v) &&
		       !(v[0] == '\n' && v + 1 < end && v[1] != ' ' && v[1] != '\t'))
			v++;
		for (; v < end && *v >= '0' && *v <= '9'; v++) {
			digits = true;
			if (len <= UINT32_MAX)
				len = len * 10 + (size_t)(*v - '0');
		}
		if (!digits || len > UINT32_MAX || (v < end && !blank(*v)) ||
		    (got == LEN_OK && *out != len))
			return LEN_BAD;
		*out = len;
		got = LEN_OK;
	}
	return got;
}

struct tp_frame tp_frame_next(const char *p, size_t n, size_t *scanned, bool pong)
{
	const char *from, *blank_line;
	size_t head, len = 0;

	if (n && p[0] == '\r') {
		if (n >= 4 && memcmp(p, "\r\n\r\n", 4) == 0 && !pong)
			return (struct tp_frame){ TP_FRAME_PING, 4, 0 };
		if (n >= 2 && p[1] == '\n' &&
		    (pong || (n >= 3 && p[2] != '\r') || (n >= 4 && p[3] != '\n')))
			return (struct tp_frame){ TP_FRAME_PONG, 2, 0 };
		if (n < 4 && (n < 2 || p[1] == '\n'))
			return (struct tp_frame){ TP_FRAME_MORE, 0, 0 };
	}
	from = p + (*scanned > 3 ? *scanned - 3 : 0);
	blank_line = memmem(from, (size_t)(p + n - from), "\r\n\r\n", 4);
	if (!blank_line) {
		*scanned = n;
		if (n > SIP_MSG_MAX)
			return (struct tp_frame){ TP_FRAME_LOST, n, 0 };
		return (struct tp_frame){ TP_FRAME_MORE, 0, 0 };
	}
	head = (size_t)(blank_line - p) + 4;
	if (head > SIP_MSG_MAX || content_length(p, p + head - 2, &len) == LEN_BAD)
		return (struct tp_frame){ TP_FRAME_LOST, head, 0 };
	if (len > SIP_BODY_MAX || head + len > SIP_MSG_MAX) {
		if (len > TP_FRAME_SKIP_MAX)
			return (struct tp_frame){ TP_FRAME_LOST, head, 0 };
		return (struct tp_frame){ TP_FRAME_OVER, head, len };
	}
	if (n < head + len) {
		*scanned = (size_t)(blank_line - p) + 3; /* finds the same blank line at once */
		return (struct tp_frame){ TP_FRAME_MORE, 0, 0 };
	}
	return (struct tp_frame){ TP_FRAME_MSG, head + len, 0 };
}
