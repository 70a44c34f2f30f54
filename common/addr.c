/* Socket addresses: parse, compare, print. */
#include "common/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

int addr_parse(struct slice s, uint16_t port_absent, struct addr *out)
{
	char host[INET6_ADDRSTRLEN + 2];
	struct slice h = s, p = { 0 };
	uint32_t port = port_absent;
	struct addr a = { 0 };

	if (s.n > 0 && s.p[0] == '[') {
		size_t end = slice_chr(s, ']');

		if (end == s.n)
			return ERR_SYNTAX;
		h = slice_sub(s, 1, end - 1);
		p = slice_sub(s, end + 1, s.n);
	} else {
		size_t colon = slice_chr(s, ':');

		if (colon < s.n &&
		    slice_chr(slice_sub(s, colon + 1, s.n), ':') == s.n - colon - 1) {
			h = slice_sub(s, 0, colon);
			p = slice_sub(s, colon, s.n);
		}
	}
	if (p.n > 0 && (p.p[0] != ':' || slice_u32(slice_sub(p, 1, p.n), 65535, &port)))
		return ERR_SYNTAX;
	if (slice_copy(h, host, sizeof(host)))
		return ERR_SYNTAX;
	if (inet_pton(AF_INET, host, &a.u.in.sin_addr) == 1 && s.p[0] != '[') {
		a.u.in.sin_family = AF_INET;
	} else if (inet_pton(AF_INET6, host, &a.u.in6.sin6_addr) == 1) {
		a.u.in6.sin6_family = AF_INET6;
	} else {
		return ERR_SYNTAX;
	}
	addr_set_port(&a, (uint16_t)port);
	*out = a;
	return 0;
}

void addr_from_ip(struct addr *a, const void *ip, size_t n, uint16_t port)
{
	memset(a, 0, sizeof(*a));
	if (n == 4) {
		a->u.in.sin_family = AF_INET;
		memcpy(&a->u.in.sin_addr, ip, 4);
	} else if (n == 16) {
		a->u.in6.sin6_family = AF_INET6;
		memcpy(&a->u.in6.sin6_addr, ip, 16);
	}
	addr_set_port(a, port);
}

void addr_from_sa(struct addr *a, const struct sockaddr *sa)
{
	memset(a, 0, sizeof(*a));
	if (sa->sa_family == AF_INET)
		memcpy(&a->u.in, sa, sizeof(a->u.in));
	else if (sa->sa_family == AF_INET6)
		memcpy(&a->u.in6, sa, sizeof(a->u.in6));
}

bool addr_set(const struct addr *a)
{
	return a->u.sa.sa_family == AF_INET || a->u.sa.sa_family == AF_INET6;
}

const uint8_t *addr_ip(const struct addr *a, size_t *n)
{
	*n = a->u.sa.sa_family == AF_INET6 ? 16 : a->u.sa.sa_family == AF_INET ? 4 : 0;
	return *n == 16 ? (const uint8_t *)&a->u.in6.sin6_addr : (const uint8_t *)&a->u.in.sin_addr;
}

bool addr_same_ip(const struct addr *a, const struct addr *b)
{
	size_t na, nb;
	const uint8_t *pa = addr_ip(a, &na), *pb = addr_ip(b, &nb);

	return na == nb && memcmp(pa, pb, na) == 0;
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
	return addr_same_ip(a, b) && addr_port(a) == addr_port(b);
}

uint16_t addr_port(const struct addr *a)
{
	return ntohs(a->u.sa.sa_family == AF_INET6 ? a->u.in6.sin6_port : a->u.in.sin_port);
}

void addr_set_port(struct addr *a, uint16_t port)
{
	if (a->u.sa.sa_family == AF_INET6)
		a->u.in6.sin6_port = htons(port);
	else
		a->u.in.sin_port = htons(port);
}

socklen_t addr_len(const struct addr *a)
{
	return a->u.sa.sa_family == AF_INET6 ? sizeof(a->u.in6) : sizeof(a->u.in);
}

bool addr_any(const struct addr *a)
{
	static const uint8_t zero[16];
	size_t n;
	const uint8_t *p = addr_ip(a, &n);

	return n > 0 && memcmp(p, zero, n) == 0;
}

bool addr_loopback(const struct addr *a)
{
	size_t n;
	const uint8_t *p = addr_ip(a, &n);

	return n == 4 ? p[0] == 127 : n == 16 && IN6_IS_ADDR_LOOPBACK(&a->u.in6.sin6_addr);
}

/* In every SIP message there are several of these: without printf they cost a tenth. */
const char *addr_ip_print(const void *ip, size_t n, char *out)
{
	const uint8_t *p = ip;
	char *at = out;

	*out = '\0';
	if (n == 16 && !inet_ntop(AF_INET6, ip, out, ADDR_IP_TEXT))
		*out = '\0';
	for (size_t i = 0; n == 4 && i < 4; i++) {
		unsigned v = p[i];

		if (i)
			*at++ = '.';
		if (v >= 100)
			*at++ = (char)('0' + v / 100);
		if (v >= 10)
			*at++ = (char)('0' + v / 10 % 10);
		*at++ = (char)('0' + v % 10);
		*at = '\0';
	}
	return out;
}

const char *addr_print(const struct addr *a, bool port, char *out)
{
	char ip[ADDR_IP_TEXT] = "-";
	size_t n;
	const uint8_t *p = addr_ip(a, &n);

	if (n > 0)
		(void)addr_ip_print(p, n, ip);
	if (!port || n == 0)
		snprintf(out, ADDR_TEXT, "%s", ip);
	else
		snprintf(out, ADDR_TEXT, n == 16 ? "[%s]:%u" : "%s:%u", ip, addr_port(a));
	return out;
}
