/* An ICE agent driven by octets: datagrams from anywhere, time, descriptions. Its secrets are known here, so that
 * messages can be signed: bit 7 of an operation signs what follows. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/rd.h"
#include "mediad/ice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_send(void *ctx, unsigned comp, const struct addr *to, const uint8_t *p, size_t n)
{
	unsigned *sent = ctx;

	(void)p;
	if (comp < 1 || comp > 2 || !addr_set(to) || n == 0 || n > 2000)
		abort();
	++*sent;
}

static void on_event(void *ctx, enum ice_event ev, unsigned comp)
{
	(void)ctx;
	(void)ev;
	(void)comp;
}

static void on_connect(void *ctx, unsigned comp, const struct addr *server)
{
	(void)ctx;
	if (comp < 1 || comp > 2 || !addr_set(server))
		abort();
}

static void on_write(void *ctx, unsigned comp, const uint8_t *p, size_t n)
{
	unsigned *sent = ctx;

	(void)p;
	if (comp < 1 || comp > 2 || n == 0 || n > 2000)
		abort();
	++*sent;
}

static void on_hang_up(void *ctx, unsigned comp)
{
	(void)ctx;
	(void)comp;
}

static void on_media(void *ctx, unsigned comp, const uint8_t *p, size_t n, const struct addr *peer)
{
	uint8_t copy[2048];

	(void)ctx;
	if (comp < 1 || comp > 2 || !addr_set(peer) || n > sizeof(copy))
		abort();
	memcpy(copy, p, n);
}

static void address(struct rd *r, struct addr *a)
{
	uint8_t k = rd_u8(r);
	uint8_t ip[4] = { 192, 0, 2, (uint8_t)(k & 3) };

	addr_from_ip(a, ip, 4, (uint16_t)(3478 + (k >> 2 & 7)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ice_ops ops = { .send = on_send,
		.event = on_event,
		.connect = on_connect,
		.write = on_write,
		.hang_up = on_hang_up,
		.media = on_media };
	static struct ice a;
	struct rd r = rd_of(data, size);
	uint8_t flags = rd_u8(&r);
	uint64_t now = 1000000;
	unsigned sent = 0, steps = 0;
	uint8_t ip[4] = { 192, 0, 2, 9 };

	id_seed_for_tests(1);
	bool named =
	    flags & 1 && flags & 32; /* the far end is of draft 6; 64: and we know it already */
	struct ice_conf c = { .mode = named && flags & 64 ? ICE_DRAFT6
		                      : flags & 1         ? ICE_MS_ICE2
		                                          : ICE_RFC8445,
		.controlling = flags & 2,
		.comps = flags & 4 ? 2 : 1 };
	addr_from_ip(&c.host[0], ip, 4, 5000);
	addr_from_ip(&c.host[1], ip, 4, 5001);
	ip[3] = 0;
	if (flags & 8) {
		addr_from_ip(&c.turn, ip, 4, 3478);
		c.turn_user = SLICE_LIT("u");
		c.turn_password = SLICE_LIT("p");
	}
	if (flags & 16)
		addr_from_ip(&c.stun, ip, 4, 3479);
	bool tcp = flags & 128;
	if (tcp) {
		memset(&c.turn, 0, sizeof(c.turn));
		addr_from_ip(&c.turn_tcp, ip, 4, 443);
		c.turn_user = SLICE_LIT("u");
		c.turn_password = SLICE_LIT("p");
	}
	if (ice_init(&a, &c, &ops, &sent))
		return 0;
	ice_gather(&a, now);
	if (tcp) {
		ice_stream(&a, 1, true, now);
		a.relay[0].turn.state = TURN_ALLOCATED;
		a.relay[0].turn.asked = 0;
		addr_from_ip(&a.relay[0].turn.relayed, ip, 4, 57120);
		a.relay[0].turn.refresh_us = now + 300000000;
		a.relay[0].turn.ops->state(a.relay[0].turn.ctx, TURN_ALLOCATED);
	}
	while (rd_left(&r) > 3 && ++steps < 200) {
		uint8_t op = rd_u8(&r);
		struct addr from, peer;
		const uint8_t *media;
		size_t media_n;
		address(&r, &from);
		if ((op & 3) == 0) {
			now += (uint64_t)rd_u8(&r) * 20000;
			for (int i = 0; i < 20 && ice_next(&a) <= now; i++)
				ice_timer(&a, now);
		} else if ((op & 3) == 1) {
			struct cand many[3] = { { .component = 1,
				                    .type = CAND_HOST,
				                    .priority = op,
				                    .addr = from,
				                    .foundation = "1" },
				{ .component = 2,
				    .type = CAND_RELAY,
				    .priority = op * 77u,
				    .addr = from,
				    .foundation = "2" } };
			address(&r, &many[2].addr);
			many[2].component = 1;
			many[2].type = 1 + (op >> 4 & 3);
			for (int i = 0; i < 3 && tcp; i++)
				many[i].transport = (uint8_t)(1 + (op + i) % 3);
			for (int i = 0; i < 3 && named; i++) {
				struct cand_key *k = &many[i].key;
				k->id_n = (uint8_t)(op & 0x80 ? CAND_ID : 4);
				k->pwd_n = 13;
				memset(k->id, i < 2 ? 'i' : op, k->id_n);
				memcpy(k->pwd, "theirpassword", 13);
			}
			if (ice_set_remote(&a, named ? SLICE_LIT("") : SLICE_LIT("them"),
			        named ? SLICE_LIT("") : SLICE_LIT("theirpassword"), many, 3, op & 4,
			        op & 8 ? c.host : NULL, now))
				continue;
		} else {
			uint8_t buf[400];
			size_t n = rd_u8(&r);
			n = n > rd_left(&r) ? rd_left(&r) : n;
			rd_copy(&r, buf, n);
			if (tcp && op & 0x40) { /* octets of the connection */
				int k;
				for (size_t at = 0; at < n; at += (size_t)k) {
					k = turn_cut(
					    a.conf.mode == ICE_RFC8445 ? TURN_RFC : TURN_MS,
					    buf + at, n - at);
					if (k <= 0)
						break;
					ice_stream_input(&a, 1, buf + at, (size_t)k, now);
				}
				continue;
			}
			if (op & 0x80 && n >= 20) {
				/* a well-formed message of ours: type and attributes from the input */
				struct stun_id id;
				uint8_t out[700];
				uint16_t type = (uint16_t)((buf[0] & 1) << 8 | (buf[1] & 0x1f));
				char name[160];
				size_t name_n;
				struct slice us = slice_str(a.pwd);
				memcpy(id.b, buf + 4, 16);
				for (int i = 0; i < (int)a.npairs && op & 0x40; i++)
					if (a.pair[i].state == PAIR_ACTIVE)
						id = a.pair[i].id;
				if (op & 0x20 && a.relay[0].turn.asked)
					id = a.relay[0].turn.id;
				struct stun_w w = stun_begin(out, sizeof(out),
				    named     ? STUN_3489
				    : op & 8  ? STUN_RFC
				    : op & 16 ? STUN_MSTURN
				              : STUN_MSICE,
				    type, &id);
				strcpy(name, a.ufrag);
				strcat(name, ":them");
				name_n = strlen(name);
				if (named) {
					const struct cand *l =
					    &a.local[op >> 5 & 1 && a.nlocal > 1];
					us = (struct slice){ (const char *)l->key.pwd,
						l->key.pwd_n };
					memcpy(name, l->key.id, l->key.id_n);
					name_n = l->key.id_n;
					name_n += (size_t)sprintf(name + name_n, ":%u:iiii:%u",
					    l->component, l->component);
				}
				if (op & 4)
					stun_put(&w, STUN_A_USERNAME, name, name_n);
				struct rd attrs = rd_of(buf + 20, n - 20);
				while (rd_left(&attrs) > 2) {
					uint8_t kind = rd_u8(&attrs), len = rd_u8(&attrs);
					const uint8_t *v;
					len =
					    len > rd_left(&attrs) ? (uint8_t)rd_left(&attrs) : len;
					v = rd_bytes(&attrs, len);
					stun_put(&w,
					    (uint16_t)((kind & 0x80 ? 0x8000 : 0) | (kind & 0x7f)),
					    v, len);
				}
				struct slice key = type & 0x100 ? SLICE_LIT("theirpassword") : us;
				size_t k = stun_end(&w, key.p, key.n,
				    named     ? STUN_FP_NONE
				    : op & 32 ? STUN_FP_FAULTY
				              : STUN_FP_GOOD);
				if (k)
					(void)ice_input(&a, 1 + (op >> 2 & 1), &from, out, k, now,
					    &media, &media_n, &peer);
			} else {
				uint8_t *exact = malloc(n + 1);
				if (!exact)
					break;
				memcpy(exact, buf, n);
				(void)ice_input(&a, 1 + (op >> 2 & 1), &from, exact, n, now, &media,
				    &media_n, &peer);
				free(exact);
			}
		}
		if (a.nlocal > ICE_LOCAL || a.nremote > ICE_REMOTE || a.npairs > ICE_PAIRS ||
		    a.nearly > ICE_EARLY)
			abort();
	}
	ice_close(&a);
	return 0;
}
