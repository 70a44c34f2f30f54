/* A base station's side of mac.h for tests: frames and pages that the stack sends are kept, connections and frames of
 * portable parts come in as the octets of the link (layer 7A MAC, 79 LC). Buffers are given back by air_dtr(). */
#ifndef LAPC_AIR_H
#define LAPC_AIR_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "dectd/mac.h"

#define AIR_LOG 4096

struct air {
	struct tmr_wheel *w;
	struct mac *mac;
	char log
	    [AIR_LOG]; /* what was sent: "B:MCEI frame" "page …" "dis B:MCEI" "key …", one a line */
	size_t n;
	uint8_t busy[4][256]; /* buffers in use, by base and MCEI: bits */
	bool ciphers, mute;
	bool full;       /* no channel for speech is left */
	uint16_t handle; /* of the last stream */
	unsigned frames;
};

static inline void air_line(struct air *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static inline void air_line(struct air *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(a->log + a->n, AIR_LOG - a->n, fmt, ap);
	va_end(ap);
	assert_true(n >= 0 && a->n + (size_t)n < AIR_LOG);
	a->n += (size_t)n;
}

static inline void air_hex(struct air *a, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		air_line(a, "%02x", p[i]);
	air_line(a, "\n");
}

static inline int air_send(void *ctx, uint32_t base, const uint8_t *dnm, size_t n)
{
	struct air *a = ctx;

	if (dnm[0] == 0x79 && dnm[1] == 0x05) {
		a->busy[base & 3][dnm[2]] |= (uint8_t)(dnm[3] & 0x10 ? 2 : 1);
		a->frames++;
		if (a->mute)
			return 0;
		air_line(a, "%u:%u ", base, dnm[2]);
		air_hex(a, dnm + 5, n - 5);
	} else if (a->mute) {
		return 0;
	} else if (dnm[0] == 0x7a && dnm[1] == 0x02) {
		air_line(a, "dis %u:%u\n", base, dnm[2]);
	} else if (dnm[0] == 0x7a && dnm[1] == 0x08) {
		air_line(a, "page %u ", base);
		air_hex(a, dnm + 3, n - 3);
	} else {
		air_line(a, "dnm %u ", base);
		air_hex(a, dnm, n);
	}
	return 0;
}

static inline int air_info(void *ctx, uint32_t base, struct mac_base_info *out)
{
	struct air *a = ctx;

	*out = (struct mac_base_info){
		.id = base, .up = true, .ciphers = a->ciphers, .streams_max = 8
	};
	return 0;
}

static inline int air_media_open(void *ctx, struct mac_conn *c, uint32_t base, uint8_t mcei,
    uint32_t pmid, const struct mac_media *m, struct mac_addr *local, uint16_t *handle)
{
	struct air *a = ctx;

	(void)c;
	(void)pmid;
	(void)m;
	if (a->full)
		return ERR_BUSY;
	*local = (struct mac_addr){ { 127, 0, 0, (uint8_t)base }, 16320 };
	*handle = ++a->handle;
	air_line(a, "media %u:%u opens %u\n", base, mcei, *handle);
	return 0;
}

static inline void air_media_close(void *ctx, uint32_t base, uint16_t handle)
{
	air_line(ctx, "media %u closes %u\n", base, handle);
}

static const struct mac_low air_low = { .send = air_send,
	.base_info = air_info,
	.media_open = air_media_open,
	.media_close = air_media_close };

static inline void air_init(struct air *a)
{
	*a = (struct air){ .ciphers = true };
	a->w = tmr_wheel_new(NULL);
	a->mac = mac_new(a->w, &air_low, a);
}

static inline void air_fini(struct air *a)
{
	mac_free(a->mac);
	tmr_wheel_free(a->w);
}

static inline void air_dnm(struct air *a, uint32_t base, const uint8_t *p, size_t n)
{
	assert_int_equal(mac_input(a->mac, base, p, n), 0);
}

static inline void air_con(struct air *a, uint32_t base, uint8_t mcei, uint32_t pmid, bool ho)
{
	uint8_t con[] = { 0x7a, 0x01, mcei, (uint8_t)(pmid >> 16), (uint8_t)(pmid >> 8),
		(uint8_t)pmid, ho ? 2 : 0, 1 };

	a->busy[base & 3][mcei] = 0;
	air_dnm(a, base, con, sizeof(con));
	for (unsigned b = 0; b < 2; b++)
		air_dnm(a, base, (uint8_t[]){ 0x79, 0x07, mcei, (uint8_t)(b << 4) }, 4);
}

/* The buffers in use become free, one after the other. */
static inline void air_dtr(struct air *a, uint32_t base, uint8_t mcei)
{
	for (unsigned guard = 0; a->busy[base & 3][mcei] && guard < 100; guard++) {
		unsigned b = a->busy[base & 3][mcei] & 1 ? 0 : 1;

		a->busy[base & 3][mcei] &= (uint8_t) ~(1u << b);
		int err =
		    mac_input(a->mac, base, (uint8_t[]){ 0x79, 0x07, mcei, (uint8_t)(b << 4) }, 4);

		assert_true(err == 0 || err == ERR_STATE); /* gone meanwhile */
	}
}

static inline size_t air_unhex(const char *h, uint8_t *out, size_t cap)
{
	size_t n = 0;

	for (; *h; h++) {
		unsigned v = 0;

		if (*h == ' ')
			continue;
		assert_true(n < cap && sscanf(h, "%2x", &v) == 1);
		out[n++] = (uint8_t)v;
		h++;
	}
	return n;
}

/* A frame from the portable part: hex without fill; it is filled up to 5·k - 2 octets as on the air. */
static inline void air_rx_raw(
    struct air *a, uint32_t base, uint8_t mcei, const uint8_t *f, size_t n)
{
	uint8_t dnm[5 + 80] = { 0x79, 0x06, mcei, 0x00 };
	size_t m = n;

	memcpy(dnm + 5, f, n);
	while ((m + 2) % 5)
		dnm[5 + m++] = 0xf0;
	dnm[4] = (uint8_t)m;
	air_dnm(a, base, dnm, 5 + m);
}

static inline void air_rx(struct air *a, uint32_t base, uint8_t mcei, const char *hex)
{
	uint8_t f[80];

	air_rx_raw(a, base, mcei, f, air_unhex(hex, f, sizeof(f)));
}

/* A message in one I-frame of class B, LLN 2. */
static inline void air_msg(
    struct air *a, uint32_t base, uint8_t mcei, uint8_t ns, uint8_t nr, const char *hex)
{
	uint8_t f[80] = { 0x21, (uint8_t)(nr << 5 | ns << 1) };
	size_t n = air_unhex(hex, f + 3, 63);

	f[2] = (uint8_t)(n << 2 | 1);
	air_rx_raw(a, base, mcei, f, n + 3);
}

static inline void air_dis(struct air *a, uint32_t base, uint8_t mcei, uint8_t reason)
{
	air_dnm(a, base, (uint8_t[]){ 0x7a, 0x03, mcei, reason }, 4);
}

static inline void air_forget(struct air *a)
{
	a->n = 0;
	a->log[0] = '\0';
}

/* What was sent since the last look, exactly. */
static inline void air_expect_at(struct air *a, const char *want, const char *file, int line)
{
	if (strcmp(a->log, want) != 0) {
		print_error(
		    "%s:%d: sent:\n%swanted:\n%s", file, line, a->n ? a->log : "(nothing)\n", want);
		fail();
	}
	air_forget(a);
}
#define air_expect(a, want) air_expect_at(a, want, __FILE__, __LINE__)
#endif
