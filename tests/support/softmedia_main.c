/* softmedia: plays sipd for one mediad instance, driven by lines on standard input, so that tests and benchmarks can set
 * up speech between real RTP peers without SIP.
 *
 *   softmedia -r RUNTIME_DIR [-i INSTANCE]
 *
 *   create CALL LEG [LEG]        -> N ok SESSION network IP PORT SSRC radio IP PORT SSRC
 *   update SESSION LEG [LEG]     -> N ok network IP PORT SSRC
 *   drop SESSION, stats SESSION  -> N ok {json}
 *   tone SESSION SIDE KIND [MS]   kind: number of media.ToneKind
 *   dtmf SESSION SIDE DIGITS [MS GAP_MS]
 *   mix SESSION SESSION | unmix SESSION
 *   load                         -> N ok {json}: the last one heard
 * LEG is network:KEY=VALUE,… or radio:… with remote=IP:PORT rtcp=IP:PORT pt=CODEC/PT+CODEC/PT… (CODEC: number of
 * base.Codec) ptime=MS suite=N tx=HEX rx=HEX more=HEX+HEX mki=HEX (txmki: what we send only) life=N dir=N strict=1 mux=1 cn=1 music=1 ipv6=1 dscp=N.
 * N counts the lines; answers come when they come. Events: "event SESSION SIDE KIND VALUE DIGIT". "up" and "down" tell of
 * the link. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/enc.h"
#include "common/log.h"
#include "common/mem.h"
#include "ipc/ipc.h"
#include "media.pb-c.h"

static struct {
	uv_loop_t loop;
	struct tmr_wheel *w;
	struct ipc_node *node;
	struct ipc_peer *peer;
	uv_pipe_t in;
	char line[8192];
	size_t n;
	unsigned count;
	Media__Load load;
} g;

struct ask { /* a request under way */
	unsigned n;
	enum ask_what { ASK_CREATE, ASK_UPDATE, ASK_STATS, ASK_DONE } what;
};

struct leg {
	Media__Leg pb;
	Base__Addr rtp, rtcp;
	uint8_t rtp_ip[16], rtcp_ip[16];
	Media__Payload payload[16], *ppayload[16];
	Media__Srtp tx, rx, more[4], *pmore[4];
	uint8_t key[6][32], mki[128];
};

static void put_addr(const char *text, Base__Addr *pb, uint8_t *ip)
{
	struct addr a;
	size_t n;

	base__addr__init(pb);
	if (addr_parse(slice_str(text), 0, &a) != 0)
		return;
	memcpy(ip, addr_ip(&a, &n), 16);
	pb->ip = (ProtobufCBinaryData){ n, ip };
	pb->port = addr_port(&a);
}

static void put_srtp(Media__Srtp *s, const char *hex, uint8_t *key)
{
	size_t n = 0;

	if (enc_unhex(slice_str(hex), key, 32, &n) != 0)
		n = 0;
	s->has_key_salt = 1;
	s->key_salt = (ProtobufCBinaryData){ n, key };
}

static void put_payloads(struct leg *l, char *v)
{
	char *save = NULL;

	for (char *p = strtok_r(v, "+", &save); p && l->pb.n_payload < 16;
	     p = strtok_r(NULL, "+", &save)) {
		Media__Payload *pb = &l->payload[l->pb.n_payload];
		const char *pt = strchr(p, '/');
		media__payload__init(pb);
		pb->codec = (Base__Codec)strtoul(p, NULL, 10);
		pb->pt = pt ? (uint32_t)strtoul(pt + 1, NULL, 10) : 0;
		l->ppayload[l->pb.n_payload++] = pb;
	}
	l->pb.payload = l->ppayload;
}

static void put_key(struct leg *l, const char *k, char *v)
{
	if (strcmp(k, "tx") == 0) {
		put_srtp(&l->tx, v, l->key[0]);
	} else if (strcmp(k, "rx") == 0) {
		put_srtp(&l->rx, v, l->key[1]);
	} else {
		char *save = NULL;
		for (char *p = strtok_r(v, "+", &save); p && l->pb.n_rx_more < 4;
		     p = strtok_r(NULL, "+", &save)) {
			put_srtp(&l->more[l->pb.n_rx_more], p, l->key[2 + l->pb.n_rx_more]);
			l->pmore[l->pb.n_rx_more] = &l->more[l->pb.n_rx_more];
			l->pb.n_rx_more++;
		}
		l->pb.rx_more = l->pmore;
	}
}

static void all_keys(struct leg *l, unsigned suite, size_t nmki, bool tx_only, uint64_t life)
{
	Media__Srtp *s[6] = { &l->tx, &l->rx, &l->more[0], &l->more[1], &l->more[2], &l->more[3] };

	for (unsigned i = 0; i < 6; i++) {
		s[i]->suite = (Media__Suite)suite;
		s[i]->has_mki = nmki != 0 && (i == 0 || !tx_only);
		s[i]->mki = (ProtobufCBinaryData){ nmki, l->mki };
		s[i]->has_lifetime = life != 0;
		s[i]->lifetime = life;
	}
	l->pb.tx = &l->tx;
	l->pb.rx = &l->rx;
}

static bool read_leg(char *text, struct leg *l)
{
	char *save = NULL, *rest = strchr(text, ':');
	unsigned suite = 0;
	size_t nmki = 0;
	uint64_t life = 0;
	bool keys = false, tx_only = false;

	memset(l, 0, sizeof(*l));
	media__leg__init(&l->pb);
	media__srtp__init(&l->tx);
	media__srtp__init(&l->rx);
	for (unsigned i = 0; i < 4; i++)
		media__srtp__init(&l->more[i]);
	l->pb.side = text[0] == 'r' ? MEDIA__SIDE__SIDE_RADIO : MEDIA__SIDE__SIDE_NETWORK;
	if (!rest)
		return true;
	for (char *kv = strtok_r(rest + 1, ",", &save); kv; kv = strtok_r(NULL, ",", &save)) {
		char *v = strchr(kv, '=');
		unsigned long num;
		if (!v)
			return false;
		*v++ = '\0';
		num = strtoul(v, NULL, 10);
		if (strcmp(kv, "remote") == 0) {
			put_addr(v, &l->rtp, l->rtp_ip);
			l->pb.remote_rtp = &l->rtp;
		} else if (strcmp(kv, "rtcp") == 0) {
			put_addr(v, &l->rtcp, l->rtcp_ip);
			l->pb.remote_rtcp = &l->rtcp;
		} else if (strcmp(kv, "pt") == 0) {
			put_payloads(l, v);
		} else if (strcmp(kv, "ptime") == 0) {
			l->pb.has_ptime_ms = 1;
			l->pb.ptime_ms = (uint32_t)num;
		} else if (strcmp(kv, "suite") == 0) {
			keys = true;
			suite = (unsigned)num;
		} else if (strcmp(kv, "tx") == 0 || strcmp(kv, "rx") == 0 ||
		           strcmp(kv, "more") == 0) {
			put_key(l, kv, v);
		} else if (strcmp(kv, "mki") == 0 || strcmp(kv, "txmki") == 0) {
			tx_only = kv[0] == 't';
			if (enc_unhex(slice_str(v), l->mki, sizeof(l->mki), &nmki) != 0)
				return false;
		} else if (strcmp(kv, "life") == 0) {
			life = num;
		} else if (strcmp(kv, "dir") == 0) {
			l->pb.has_direction = 1;
			l->pb.direction = (Media__Direction)num;
		} else if (strcmp(kv, "strict") == 0) {
			l->pb.has_strict_source = 1;
			l->pb.strict_source = num != 0;
		} else if (strcmp(kv, "mux") == 0) {
			l->pb.has_rtcp_mux = 1;
			l->pb.rtcp_mux = num != 0;
		} else if (strcmp(kv, "cn") == 0) {
			l->pb.has_cn = 1;
			l->pb.cn = num != 0;
		} else if (strcmp(kv, "music") == 0) {
			l->pb.has_music = 1;
			l->pb.music = num != 0;
		} else if (strcmp(kv, "ipv6") == 0) {
			l->pb.has_ipv6 = 1;
			l->pb.ipv6 = num != 0;
		} else if (strcmp(kv, "dscp") == 0) {
			l->pb.has_dscp = 1;
			l->pb.dscp = (uint32_t)num;
		} else {
			return false;
		}
	}
	if (keys)
		all_keys(l, suite, nmki, tx_only, life);
	return true;
}

/* ---- answers ---- */

static void print_legs(size_t n, Media__LegReady *const *legs)
{
	for (size_t i = 0; i < n; i++) {
		struct addr a;
		char text[ADDR_TEXT];
		addr_from_ip(&a, legs[i]->rtp->ip.data, legs[i]->rtp->ip.len, 1);
		printf(" %s %s %u %08x",
		    legs[i]->side == MEDIA__SIDE__SIDE_RADIO ? "radio" : "network",
		    addr_print(&a, false, text), legs[i]->rtp->port, legs[i]->ssrc);
	}
}

static void print_stats(const Media__SessionStats *s)
{
	printf(" {\"ms\": %" PRIu64 ", \"legs\": {", s->ms);
	for (size_t i = 0; i < s->n_leg; i++) {
		const Media__LegStats *l = s->leg[i];
		printf(
		    "%s\"%s\": {\"rx\": %" PRIu64 ", \"tx\": %" PRIu64 ", \"lost\": %" PRIu64
		    ", \"late\": %" PRIu64 ", \"bad\": %" PRIu64
		    ", \"jitter_us\": %u, \"delay_ms\": %u, "
		    "\"rtt_ms\": %u, \"mos\": %u, \"remote_lost\": %u, \"remote_jitter_us\": %u, "
		    "\"codec\": %u}",
		    i ? ", " : "", l->side == MEDIA__SIDE__SIDE_RADIO ? "radio" : "network",
		    l->rx_packets, l->tx_packets, l->lost, l->late, l->bad, l->jitter_us,
		    l->delay_ms, l->rtt_ms, l->mos_x100, l->remote_lost, l->remote_jitter_us,
		    (unsigned)l->codec);
	}
	printf("}}");
}

static void on_answer(void *ctx, int err, struct ipc_msg *m)
{
	struct ask *a = ctx;

	if (err) {
		printf("%u error %s " SLICE_FMT "\n", a->n, err_name(err),
		    SLICE_ARG(m ? m->text : SLICE_LIT("")));
	} else {
		printf("%u ok", a->n);
		if (a->what == ASK_CREATE) {
			const Media__SessionReady *r = IPC_BODY(m, Media__SessionReady);
			printf(" %016" PRIx64, r->session);
			print_legs(r->n_leg, r->leg);
		} else if (a->what == ASK_UPDATE) {
			const Media__LegUpdated *r = IPC_BODY(m, Media__LegUpdated);
			print_legs(r->n_leg, r->leg);
		} else if (a->what == ASK_STATS) {
			print_stats(IPC_BODY(m, Media__SessionStats));
		}
		printf("\n");
	}
	fflush(stdout);
	free(a);
}

static void ask(unsigned n, enum ask_what what, uint16_t type, const ProtobufCMessage *body,
    const ProtobufCMessageDescriptor *reply)
{
	struct ask *a = mem_new(sizeof(*a));
	int err;

	a->n = n;
	a->what = what;
	err = ipc_request(g.peer, IPC_IF_MEDIA, type, body, reply, 5000, on_answer, a);
	if (err) {
		printf("%u error %s\n", n, err_name(err));
		fflush(stdout);
		free(a);
	}
}

/* ---- lines ---- */

static void command(char *line)
{
	char *w[8] = { NULL }, *save = NULL;
	size_t k = 0;
	unsigned n = ++g.count;
	uint64_t id;
	struct leg legs[2];
	Media__Leg *plegs[2] = { &legs[0].pb, &legs[1].pb };
	size_t nlegs = 0;

	for (char *p = strtok_r(line, " ", &save); p && k < 8; p = strtok_r(NULL, " ", &save))
		w[k++] = p;
	if (k == 0)
		return;
	if (strcmp(w[0], "load") == 0) {
		printf("%u ok {\"sessions\": %u, \"max\": %u, \"ports\": %u, \"cpu\": %u, "
		       "\"draining\": %u}\n",
		    n, g.load.sessions, g.load.max_sessions, g.load.ports_free, g.load.cpu_permille,
		    (unsigned)g.load.draining);
		fflush(stdout);
		return;
	}
	if (k < 2)
		goto wrong;
	id = strtoull(w[1], NULL, 16);
	if (strcmp(w[0], "create") == 0 || strcmp(w[0], "update") == 0) {
		for (; nlegs < 2 && w[2 + nlegs]; nlegs++)
			if (!read_leg(w[2 + nlegs], &legs[nlegs]))
				goto wrong;
		if (w[0][0] == 'c') {
			Media__SessionCreate c = MEDIA__SESSION_CREATE__INIT;
			c.call = id;
			c.n_leg = nlegs;
			c.leg = plegs;
			ask(n, ASK_CREATE, MEDIA__TYPE__MEDIA_SESSION_CREATE, &c.base,
			    &media__session_ready__descriptor);
		} else {
			Media__LegUpdate u = MEDIA__LEG_UPDATE__INIT;
			u.session = id;
			u.n_leg = nlegs;
			u.leg = plegs;
			ask(n, ASK_UPDATE, MEDIA__TYPE__MEDIA_LEG_UPDATE, &u.base,
			    &media__leg_updated__descriptor);
		}
	} else if (strcmp(w[0], "drop") == 0) {
		Media__SessionDrop d = MEDIA__SESSION_DROP__INIT;
		d.session = id;
		ask(n, ASK_STATS, MEDIA__TYPE__MEDIA_SESSION_DROP, &d.base,
		    &media__session_stats__descriptor);
	} else if (strcmp(w[0], "stats") == 0) {
		Media__SessionGet d = MEDIA__SESSION_GET__INIT;
		d.session = id;
		ask(n, ASK_STATS, MEDIA__TYPE__MEDIA_SESSION_STATS, &d.base,
		    &media__session_stats__descriptor);
	} else if (strcmp(w[0], "tone") == 0 && k >= 4) {
		Media__Tone t = MEDIA__TONE__INIT;
		t.session = id;
		t.side = w[2][0] == 'r' ? MEDIA__SIDE__SIDE_RADIO : MEDIA__SIDE__SIDE_NETWORK;
		t.kind = (Media__ToneKind)strtoul(w[3], NULL, 10);
		t.has_ms = k > 4;
		t.ms = k > 4 ? (uint32_t)strtoul(w[4], NULL, 10) : 0;
		ask(n, ASK_DONE, MEDIA__TYPE__MEDIA_TONE, &t.base, &media__done__descriptor);
	} else if (strcmp(w[0], "dtmf") == 0 && k >= 4) {
		Media__DtmfSend t = MEDIA__DTMF_SEND__INIT;
		t.session = id;
		t.side = w[2][0] == 'r' ? MEDIA__SIDE__SIDE_RADIO : MEDIA__SIDE__SIDE_NETWORK;
		t.digits = (ProtobufCBinaryData){ strlen(w[3]), (uint8_t *)w[3] };
		if (k > 5) {
			t.has_ms = t.has_gap_ms = 1;
			t.ms = (uint32_t)strtoul(w[4], NULL, 10);
			t.gap_ms = (uint32_t)strtoul(w[5], NULL, 10);
		}
		ask(n, ASK_DONE, MEDIA__TYPE__MEDIA_DTMF_SEND, &t.base, &media__done__descriptor);
	} else if ((strcmp(w[0], "mix") == 0 && k == 3) || strcmp(w[0], "unmix") == 0) {
		Media__Mix x = MEDIA__MIX__INIT;
		uint64_t both[2] = { id, k > 2 ? strtoull(w[2], NULL, 16) : 0 };
		x.n_session = k - 1;
		x.session = both;
		ask(n, ASK_DONE, MEDIA__TYPE__MEDIA_MIX, &x.base, &media__done__descriptor);
	} else {
		goto wrong;
	}
	return;
wrong:
	printf("%u error not understood\n", n);
	fflush(stdout);
}

static void on_alloc(uv_handle_t *h, size_t want, uv_buf_t *b)
{
	(void)h;
	(void)want;
	*b = uv_buf_init(g.line + g.n, (unsigned)(sizeof(g.line) - g.n));
}

static void on_input(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	char *nl;

	(void)s;
	(void)b;
	if (n < 0)
		_exit(0); /* who drives us is gone */
	g.n += (size_t)n;
	while ((nl = memchr(g.line, '\n', g.n))) {
		size_t used = (size_t)(nl - g.line) + 1;
		*nl = '\0';
		command(g.line);
		memmove(g.line, g.line + used, g.n - used);
		g.n -= used;
	}
	if (g.n == sizeof(g.line))
		g.n = 0;
}

/* ---- the link ---- */

static int on_event(struct ipc_peer *p, struct ipc_msg *m)
{
	const Media__Event *e = IPC_BODY(m, Media__Event);

	(void)p;
	printf("event %016" PRIx64 " %s %u %u %.*s\n", e->session,
	    e->side == MEDIA__SIDE__SIDE_RADIO ? "radio" : "network", (unsigned)e->kind, e->value,
	    (int)e->digit.len, e->digit.len ? (const char *)e->digit.data : "");
	fflush(stdout);
	return 0;
}

static int on_load(struct ipc_peer *p, struct ipc_msg *m)
{
	(void)p;
	g.load = *IPC_BODY(m, Media__Load);
	return 0;
}

static const struct ipc_handler handlers[] = {
	{ IPC_IF_MEDIA, MEDIA__TYPE__MEDIA_EVENT, IPC_EVT, 0, 8192, IPC_MEDIAD,
	    &media__event__descriptor, on_event },
	{ IPC_IF_MEDIA, MEDIA__TYPE__MEDIA_LOAD, IPC_EVT, 0, 256, IPC_MEDIAD,
	    &media__load__descriptor, on_load },
};

static void up(void *ctx, struct ipc_peer *p, bool restarted)
{
	(void)ctx;
	(void)restarted;
	g.peer = p;
	printf("up\n");
	fflush(stdout);
}

static void down(void *ctx, struct ipc_peer *p)
{
	(void)ctx;
	if (g.peer == p) {
		g.peer = NULL;
		printf("down\n");
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	struct ipc_node_def def = { .loop = &g.loop,
		.name = "sipd",
		.handlers = handlers,
		.nhandlers = ARRAY_LEN(handlers),
		.up = up,
		.down = down };
	const char *dir = NULL;
	unsigned instance = 1;
	char path[256];
	int opt;

	while ((opt = getopt(argc, argv, "r:i:")) != -1) {
		if (opt == 'r')
			dir = optarg;
		else if (opt == 'i')
			instance = (unsigned)strtoul(optarg, NULL, 10);
		else
			return 64;
	}
	if (!dir) {
		fprintf(stderr, "usage: softmedia -r DIR [-i INSTANCE]\n");
		return 64;
	}
	log_open("softmedia");
	if (uv_loop_init(&g.loop))
		return 71;
	g.w = tmr_wheel_new(&g.loop);
	def.wheel = g.w;
	g.node = ipc_node_new(&def);
	(void)snprintf(path, sizeof(path), "%s/mediad-%u.sock", dir, instance);
	(void)ipc_link_open(g.node, IPC_MEDIAD, path);
	if (uv_pipe_init(&g.loop, &g.in, 0) || uv_pipe_open(&g.in, 0) ||
	    uv_read_start((uv_stream_t *)&g.in, on_alloc, on_input))
		return 71;
	return uv_run(&g.loop, UV_RUN_DEFAULT);
}
