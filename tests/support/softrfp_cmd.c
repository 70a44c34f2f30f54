/* The noun "base": bases added, shown and disturbed by lines of a script. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/enc.h"
#include "common/mem.h"
#include "tests/support/softrfp_priv.h"

static int usage(struct wr *reply, const char *what)
{
	wr_fmt(reply, "%s: see `help`", what);
	return ERR_SYNTAX;
}

static int mac_of(const char *s, uint8_t mac[6])
{
	char hex[13];
	size_t n = 0, len = 0;

	for (; *s; s++) {
		if (*s == ':' || *s == '-')
			continue;
		if (n == 12)
			return ERR_SYNTAX;
		hex[n++] = *s;
	}
	return n == 12 ? enc_unhex((struct slice){ hex, n }, mac, 6, &len) : ERR_SYNTAX;
}

static bool number(const char *s, int base, unsigned long max, unsigned *out)
{
	char *end;
	unsigned long v;

	if (!s || !*s)
		return false;
	v = strtoul(s, &end, base);
	if (*end || v > max)
		return false;
	*out = (unsigned)v;
	return true;
}

/* "127.0.0.1:16321", "[::1]:16321", "127.0.0.1" */
static int server_of(const char *s, struct softrfp_conf *c)
{
	const char *colon = strrchr(s, ':');
	unsigned port = c->port;
	size_t n = colon ? (size_t)(colon - s) : strlen(s);

	if (colon && !number(colon + 1, 10, 65535, &port))
		return ERR_SYNTAX;
	if (n >= 2 && s[0] == '[' && s[n - 1] == ']') {
		s++;
		n -= 2;
	}
	if (n == 0 || n >= sizeof(c->server))
		return ERR_SYNTAX;
	memcpy(c->server, s, n);
	c->server[n] = '\0';
	c->port = (uint16_t)port;
	return 0;
}

static int add(struct softrfp_set *s, int argc, char **argv, struct wr *reply)
{
	static const struct {
		const char *key;
		size_t at;
		int base;
	} numbers[] = { { "model", offsetof(struct softrfp_conf, model), 16 },
		{ "protocol", offsetof(struct softrfp_conf, protocol), 16 },
		{ "retry", offsetof(struct softrfp_conf, retry_ms), 10 },
		{ "boot", offsetof(struct softrfp_conf, boot_ms), 10 },
		{ "search", offsetof(struct softrfp_conf, search_ms), 10 },
		{ "freq", offsetof(struct softrfp_conf, freq_ms), 10 },
		{ "channels", offsetof(struct softrfp_conf, channels), 10 },
		{ "rssi", offsetof(struct softrfp_conf, rssi), 10 },
		{ "loss", offsetof(struct softrfp_conf, loss_milli), 10 } };
	struct softrfp_conf c;
	const char *v;

	softrfp_defaults(&c);
	if (argc < 3 || mac_of(argv[2], c.mac) != 0)
		return usage(reply, "MAC address of 12 hex digits");
	v = air_arg(argc, argv, 3, "gen");
	if (v && strcmp(v, "old") == 0) {
		c.old = true;
		c.model = 0x04;
		c.protocol = 0x00070100;
		snprintf(c.version, sizeof(c.version), "SIP-DECT 7.1-CK14");
	} else if (v && strcmp(v, "new") != 0) {
		return usage(reply, "gen");
	}
	v = air_arg(argc, argv, 3, "early");
	if (v && strcmp(v, "connection") != 0 && strcmp(v, "identity") != 0)
		return usage(reply, "early=connection|identity");
	snprintf(c.early, sizeof(c.early), "%s", v ? v : "");
	v = air_arg(argc, argv, 3, "server");
	if (v && server_of(v, &c) != 0)
		return usage(reply, "server");
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		unsigned n;

		v = air_arg(argc, argv, 3, numbers[i].key);
		if (!v)
			continue;
		if (!number(v, numbers[i].base, UINT32_MAX, &n))
			return usage(reply, numbers[i].key);
		memcpy((char *)&c + numbers[i].at, &n, sizeof(n));
	}
	v = air_arg(argc, argv, 3, "version");
	if (v)
		snprintf(c.version, sizeof(c.version), "%s", v);
	v = air_arg(argc, argv, 3, "ip");
	if (v)
		snprintf(c.ip, sizeof(c.ip), "%s", v);
	v = air_arg(argc, argv, 3, "state");
	if (v && snprintf(c.state, sizeof(c.state), "%s", v) >= (int)sizeof(c.state))
		return ERR_LIMIT;
	if (c.channels > SR_STREAMS)
		return usage(reply, "channels");
	LIST_FOREACH(&s->bases, it)
	{
		struct softrfp *b = LIST_ENTRY(it, struct softrfp, node);

		if (memcmp(b->conf.mac, c.mac, 6) == 0 && !air_arg(argc, argv, 3, "twin")) {
			wr_fmt(reply, "base %s exists", b->name);
			return ERR_EXISTS;
		}
	}
	softrfp_add(s, &c);
	return 0;
}

static void show(const struct softrfp *b, struct wr *reply)
{
	unsigned conns = 0, streams = 0;

	for (unsigned i = 0; i < SR_MCEIS; i++)
		conns += b->conns[i].used;
	for (unsigned i = 0; i < SR_STREAMS; i++)
		streams += b->streams[i].st == SM_RUN;
	wr_fmt(reply,
	    "base %s %s %s rfpi %02x%02x%02x%02x%02x pli %u caps %04x %s ref %d conns %u streams "
	    "%u leds %u %u %u %u "
	    "links %u rtp-tx %llu rtp-rx %llu rtp-lost %llu server %s:%u ip %s key %s",
	    b->name, softrfp_state(b), b->conf.old ? "old" : "new", b->info.rfpi[0],
	    b->info.rfpi[1], b->info.rfpi[2], b->info.rfpi[3], b->info.rfpi[4], b->info.pli,
	    b->info.higher_caps, b->master ? "master" : "slave", b->ref, conns, streams, b->led[0],
	    b->led[1], b->led[2], b->led[3], b->links, (unsigned long long)b->rtp_tx,
	    (unsigned long long)b->rtp_rx, (unsigned long long)b->rtp_lost, b->conf.server,
	    b->conf.port, b->conf.ip[0] ? b->conf.ip : "any", b->have_key ? "yes" : "no");
}

static void show_conns(const struct softrfp *b, struct wr *reply)
{
	for (unsigned i = 0; i < SR_MCEIS; i++) {
		const struct sr_conn *c = &b->conns[i];

		if (!c->used)
			continue;
		wr_fmt(reply, "%smcei %u pmid %05x pp %s %s%s frames %u", reply->n ? "\n" : "", i,
		    c->pmid, c->c ? air_conn_pp(c->c) : "-", c->away ? "away" : "here",
		    c->c && air_conn_ciphered(c->c) ? " ciphered" : "", c->frames);
	}
}

static int hears(struct softrfp *b, int argc, char **argv, struct wr *reply)
{
	struct softrfp *o = argc == 5 ? softrfp_find(b->set, argv[3]) : NULL;
	unsigned v;
	int rssi = -1;

	if (!o || o == b)
		return usage(reply, "hears OTHER RSSI|no");
	if (strcmp(argv[4], "no") != 0) {
		if (!number(argv[4], 10, 255, &v))
			return usage(reply, "hears");
		rssi = (int)v;
	}
	for (unsigned i = 0; i < b->nhears; i++)
		if (b->hears[i].other == o) {
			b->hears[i].rssi = rssi;
			return 0;
		}
	if (b->nhears == SR_HEARS)
		return ERR_LIMIT;
	b->hears[b->nhears++] = (struct sr_hears){ o, rssi };
	return 0;
}

static int set_key(struct softrfp *b, const char *hex, struct wr *reply)
{
	uint8_t k[RFP_RFPA_LEN];
	size_t n = 0;

	if (enc_unhex(slice_str(hex), k, sizeof(k), &n) != 0 || n != sizeof(k))
		return usage(reply, "set-key: 128 hex digits");
	memcpy(b->rfpa, k, sizeof(k));
	b->have_key = true;
	sr_store(b);
	return 0;
}

/* A whole message in hex, header included, as it is: to try what the server makes of it. */
static int raw(struct softrfp *b, const char *hex, struct wr *reply)
{
	uint8_t buf[600];
	size_t n = 0;

	if (enc_unhex(slice_str(hex), buf, sizeof(buf), &n) != 0 || n < RFP_HDR)
		return usage(reply, "raw HEX");
	if (b->st < SR_AUTH)
		return ERR_LOST;
	sr_put(b, buf, n);
	return 0;
}

static int drop_conns(struct softrfp *b)
{
	for (int i = 0; i < SR_MCEIS; i++)
		if (b->conns[i].used && b->conns[i].c && !b->conns[i].away) {
			struct air_conn *c = b->conns[i].c;

			sr_air_ops.released(b, c, i, AIR_ABNORMAL);
			air_base_release(c, AIR_ABNORMAL);
		}
	return 0;
}

static int faults(struct softrfp *b, int argc, char **argv, struct wr *reply)
{
	const char *verb = argv[2];
	unsigned n = 1, type, reason;

	if (strcmp(verb, "lose-dtr") == 0)
		return argc == 4 && number(argv[3], 10, 1000, &b->lose_dtr)
		           ? 0
		           : usage(reply, "lose-dtr N");
	if (strcmp(verb, "loss") == 0)
		return argc == 4 && number(argv[3], 10, 1000, &b->conf.loss_milli)
		           ? 0
		           : usage(reply, "loss PERMILLE");
	if (strcmp(verb, "nack") == 0) {
		if (argc < 5 || !number(argv[3], 16, 0xffff, &type) ||
		    !number(argv[4], 16, UINT32_MAX, &reason) ||
		    (argc == 6 && !number(argv[5], 10, 1000, &n)))
			return usage(reply, "nack TYPE REASON [N]");
		b->nack_type = (uint16_t)type;
		b->nack_reason = reason;
		b->nack_count = n;
		return 0;
	}
	if (strcmp(verb, "raw") == 0 && argc == 4)
		return raw(b, argv[3], reply);
	if (strcmp(verb, "drop-conns") == 0)
		return drop_conns(b);
	if (strcmp(verb, "silent") == 0) {
		b->silent = true;
		return 0;
	}
	return usage(reply, verb);
}

static int one(struct softrfp *b, int argc, char **argv, struct wr *reply)
{
	const char *verb = argv[2];

	if (strcmp(verb, "show") == 0)
		show(b, reply);
	else if (strcmp(verb, "conns") == 0)
		show_conns(b, reply);
	else if (strcmp(verb, "on") == 0)
		softrfp_on(b);
	else if (strcmp(verb, "off") == 0)
		softrfp_off(b);
	else if (strcmp(verb, "reboot") == 0)
		sr_reboot(b, "rebooted");
	else if (strcmp(verb, "break") == 0)
		sr_break(b, "broken", b->conf.retry_ms);
	else if (strcmp(verb, "hears") == 0)
		return hears(b, argc, argv, reply);
	else if (strcmp(verb, "forget-key") == 0) {
		b->have_key = false;
		mem_wipe(b->rfpa, sizeof(b->rfpa));
		sr_store(b);
	} else if (strcmp(verb, "set-key") == 0 && argc == 4)
		return set_key(b, argv[3], reply);
	else
		return faults(b, argc, argv, reply);
	return 0;
}

int sr_command(void *ctx, int argc, char **argv, struct wr *reply)
{
	struct softrfp_set *s = ctx;
	struct softrfp *b;

	if (argc < 2)
		return usage(reply, "base");
	if (strcmp(argv[1], "add") == 0)
		return add(s, argc, argv, reply);
	if (strcmp(argv[1], "list") == 0) {
		LIST_FOREACH(&s->bases, it)
		{
			if (reply->n)
				wr_str(reply, "\n");
			show(LIST_ENTRY(it, struct softrfp, node), reply);
		}
		return 0;
	}
	b = softrfp_find(s, argv[1]);
	if (!b) {
		wr_fmt(reply, "no base %s", argv[1]);
		return ERR_NOTFOUND;
	}
	return argc < 3 ? usage(reply, "base MAC VERB") : one(b, argc, argv, reply);
}
