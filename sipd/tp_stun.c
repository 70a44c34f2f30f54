/* STUN Binding for keep-alive over UDP. */
#include "sipd/tp_stun.h"

#include <netinet/in.h>
#include <string.h>

#include "common/rd.h"
#include "common/wr.h"

#define COOKIE     0x2112a442u
#define BINDING    0x0001
#define BINDING_OK 0x0101
#define MAPPED     0x0001
#define XOR_MAPPED 0x0020
#define HEAD       20

bool tp_stun_is(const uint8_t *p, size_t n)
{
	return n >= HEAD && p[0] < 4 && p[4] == 0x21 && p[5] == 0x12 && p[6] == 0xa4 &&
	       p[7] == 0x42 && (size_t)(p[2] << 8 | p[3]) + HEAD == n;
}

static void head(struct wr *w, unsigned type, unsigned len, const uint8_t *id)
{
	wr_be16(w, type);
	wr_be16(w, len);
	wr_be32(w, COOKIE);
	wr_bytes(w, id, TP_STUN_ID);
}

size_t tp_stun_request(uint8_t out[TP_STUN_MAX], const uint8_t id[TP_STUN_ID])
{
	struct wr w = wr_of(out, TP_STUN_MAX);

	head(&w, BINDING, 0, id);
	return w.n;
}

size_t tp_stun_answer(
    uint8_t out[TP_STUN_MAX], const uint8_t *p, size_t n, const struct sockaddr *from)
{
	struct wr w = wr_of(out, TP_STUN_MAX);
	bool v6 = from->sa_family == AF_INET6;
	uint8_t mask[16], ip[16];
	uint16_t port;
	size_t len = v6 ? 16 : 4;

	if (!tp_stun_is(p, n) || p[0] != 0 || p[1] != BINDING)
		return 0;
	if (v6) {
		const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)(const void *)from;
		memcpy(ip, &a->sin6_addr, 16);
		port = ntohs(a->sin6_port);
	} else {
		const struct sockaddr_in *a = (const struct sockaddr_in *)(const void *)from;
		memcpy(ip, &a->sin_addr, 4);
		port = ntohs(a->sin_port);
	}
	memcpy(mask, p + 4, 16); /* cookie and transaction id */
	head(&w, BINDING_OK, (unsigned)(8 + len), p + 8);
	wr_be16(&w, XOR_MAPPED);
	wr_be16(&w, (unsigned)(4 + len));
	wr_u8(&w, 0);
	wr_u8(&w, v6 ? 2 : 1);
	wr_be16(&w, port ^ (COOKIE >> 16));
	for (size_t i = 0; i < len; i++)
		wr_u8(&w, ip[i] ^ mask[i]);
	return w.bad ? 0 : w.n;
}

bool tp_stun_response(
    const uint8_t *p, size_t n, uint8_t id[TP_STUN_ID], uint8_t mapped[18], size_t *mapped_n)
{
	struct rd r = rd_of(p + HEAD, n >= HEAD ? n - HEAD : 0);

	*mapped_n = 0;
	if (!tp_stun_is(p, n) || p[0] != 1 || p[1] != 1)
		return false;
	memcpy(id, p + 8, TP_STUN_ID);
	while (rd_left(&r) >= 4) {
		uint16_t type = rd_be16(&r), len = rd_be16(&r);
		struct rd a = rd_sub(&r, len);

		(void)rd_sub(&r, (size_t)(-len & 3));
		if (a.bad)
			return false;
		if ((type != XOR_MAPPED && type != MAPPED) || (len != 8 && len != 20))
			continue;
		(void)rd_be16(&a);
		rd_copy(&a, mapped, (size_t)len - 2);
		/* port first, address after it; unmask for XOR */
		if (type == XOR_MAPPED) {
			mapped[0] ^= p[4];
			mapped[1] ^= p[5];
			for (size_t i = 2; i < (size_t)len - 2; i++)
				mapped[i] ^= p[4 + i - 2];
		}
		*mapped_n = (size_t)len - 2;
	}
	return true;
}
