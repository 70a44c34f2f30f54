/* softdect: plays dectd for sipd, driven by lines on standard input, so that a test can do with a handset what its user would.
 * Every user's handset is there and in reach; it rings at once. Real mediads carry the speech.
 *
 *   softdect -r RUNTIME_DIR
 *
 *   setup REF USER NUMBER        -> N ok IP:PORT SESSION (mediad's address for the handset's speech)
 *   radio SESSION IP:PORT        -> N ok: where the handset's speech comes from and goes to
 *   answer REF | release REF [CAUSE] | digits REF DIGITS
 *   hold REF | retrieve REF | blind REF TARGET | attended REF REF | conference REF REF | split REF REF   -> N ok
 *   log USER KIND                -> N ok {json}   KIND: number of call.LogKind
 * REF: a call reference, hex. N counts the lines. Events are lines of JSON: offer, progress, connected, display, release,
 * media, synced. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call.pb-c.h"
#include "common/addr.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/tmr.h"
#include "ipc/ipc.h"
#include "media.pb-c.h"

static struct {
	uv_loop_t loop;
	struct tmr_wheel *w;
	struct ipc_node *node;
	struct ipc_peer *sipd, *mediad;
	uv_pipe_t in;
	char line[4096];
	size_t n;
	unsigned count;
} g;

struct ask {
	unsigned n;
	enum ask_what { ASK_OK, ASK_SETUP, ASK_LOG, ASK_MEDIA } what;
};

/* ---- what is printed ---- */

static void text(const char *key, ProtobufCBinaryData b)
{
	printf(", \"%s\": \"", key);
	for (size_t i = 0; i < b.len; i++) {
		if (b.data[i] < 0x20)
			printf("\\u%04x", b.data[i]);
		else if (b.data[i] == '"' || b.data[i] == '\\')
			printf("\\%c", b.data[i]);
		else
			putchar(b.data[i]);
	}
	putchar('"');
}

static void party(const char *prefix, const Base__Party *p)
{
	char key[32];

	if (!p)
		return;
	(void)snprintf(key, sizeof(key), "%sname", prefix);
	text(key, p->name);
	(void)snprintf(key, sizeof(key), "%snumber", prefix);
	text(key, p->number);
}

static void media(const char *before, const char *between, const Base__MediaAt *m)
{
	const Base__Addr *a = m ? m->radio : NULL;

	if (a && a->ip.len == 4)
		printf("%s%u.%u.%u.%u:%u%s%016" PRIx64, before, a->ip.data[0], a->ip.data[1],
		    a->ip.data[2], a->ip.data[3], a->port, between, m->session);
}

static void begin(const char *event, uint64_t call)
{
	printf("{\"ev\": \"%s\", \"call\": \"%016" PRIx64 "\"", event, call);
}

static void end(const Base__MediaAt *m)
{
	if (m) {
		media(", \"media\": \"", " ", m);
		putchar('"');
	}
	printf("}\n");
	fflush(stdout);
}

/* ---- what sipd says ---- */

static int on_user(struct ipc_peer *p, struct ipc_msg *m)
{
	const Base__User *u = IPC_BODY(m, Base__User);
	Call__Device d = CALL__DEVICE__INIT;

	if (!u->ipei || !u->ipei[0])
		return 0;
	d.ipei = u->ipei;
	d.user = u->name;
	d.subscribed = d.reachable = 1;
	return ipc_event(p, IPC_IF_CALL, CALL__TYPE__CALL_DEVICE, &d.base);
}

static int on_nothing(struct ipc_peer *p, struct ipc_msg *m)
{
	(void)p;
	(void)m;
	return 0;
}

static int on_synced(struct ipc_peer *p, struct ipc_msg *m)
{
	(void)p;
	(void)m;
	printf("{\"ev\": \"synced\"}\n");
	fflush(stdout);
	return 0;
}

static int on_offer(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__Offer *o = IPC_BODY(m, Call__Offer);
	Call__OfferAck ack = CALL__OFFER_ACK__INIT;
	Call__Alerting rings = CALL__ALERTING__INIT;

	begin("offer", o->call);
	printf(", \"user\": \"%s\", \"waiting\": %s", o->user, o->waiting ? "true" : "false");
	party("", o->caller);
	party("by_", o->diverted_by);
	end(o->media);
	ack.accepted = 1;
	(void)ipc_reply(p, m, &ack.base);
	rings.call = o->call;
	return ipc_event(p, IPC_IF_CALL, CALL__TYPE__CALL_ALERTING, &rings.base);
}

static int on_progress(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__Progress *pr = IPC_BODY(m, Call__Progress);

	(void)p;
	begin("progress", pr->call);
	printf(", \"kind\": %d", (int)pr->kind);
	party("", pr->party);
	end(pr->media);
	return 0;
}

static int on_connected(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__Connected *c = IPC_BODY(m, Call__Connected);

	(void)p;
	begin("connected", c->call);
	party("", c->party);
	end(c->media);
	return 0;
}

static int on_display(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__Display *d = IPC_BODY(m, Call__Display);

	(void)p;
	begin("display", d->call);
	if (d->has_held_by_peer)
		printf(", \"held\": %s", d->held_by_peer ? "true" : "false");
	party("", d->party);
	end(NULL);
	return 0;
}

static int on_release(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__Release *r = IPC_BODY(m, Call__Release);

	(void)p;
	begin("release", r->call);
	printf(", \"cause\": %d", (int)r->cause);
	text("text", r->text);
	end(NULL);
	return 0;
}

static int on_media(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__Media *e = IPC_BODY(m, Call__Media);

	(void)p;
	begin("media", e->call);
	end(e->media);
	return 0;
}

#define CALL(type, kind, desc, fn)                                                                 \
	{                                                                                          \
		IPC_IF_CALL, CALL__TYPE__CALL_##type, kind, 0, 4096, IPC_SIPD,                     \
		    &desc##__descriptor, fn                                                        \
	}
static const struct ipc_handler handlers[] = {
	CALL(USER_PUT, IPC_EVT, base__user, on_user),
	CALL(USER_GONE, IPC_EVT, call__user_gone, on_nothing),
	CALL(USERS_DONE, IPC_EVT, call__users_done, on_synced),
	CALL(OFFER, IPC_REQ, call__offer, on_offer),
	CALL(PROGRESS, IPC_EVT, call__progress, on_progress),
	CALL(CONNECTED, IPC_EVT, call__connected, on_connected),
	CALL(RELEASE, IPC_EVT, call__release, on_release),
	CALL(DISPLAY, IPC_EVT, call__display, on_display),
	CALL(MEDIA, IPC_EVT, call__media, on_media),
	CALL(NOTICE, IPC_EVT, call__notice, on_nothing),
	CALL(PRESENCE, IPC_EVT, call__presence, on_nothing),
};

/* ---- what the test wants ---- */

static void print_log(const Call__LogPage *page)
{
	printf(" {\"entry\": [");
	for (size_t i = 0; i < page->n_entry; i++) {
		const Call__LogEntry *e = page->entry[i];
		printf("%s{\"kind\": %d, \"seconds\": %u", i ? ", " : "", (int)e->kind, e->seconds);
		party("", e->party);
		printf("}");
	}
	printf("]}");
}

static void on_reply(void *ctx, int err, struct ipc_msg *m)
{
	struct ask *a = ctx;

	if (err) {
		printf("%u error %s " SLICE_FMT "\n", a->n, err_name(err),
		    SLICE_ARG(m ? m->text : SLICE_LIT("")));
	} else {
		printf("%u ok", a->n);
		if (a->what == ASK_SETUP)
			media(" ", " ", IPC_BODY(m, Call__SetupAck)->media);
		else if (a->what == ASK_LOG)
			print_log(IPC_BODY(m, Call__LogPage));
		putchar('\n');
	}
	fflush(stdout);
	free(a);
}

static void ask(unsigned n, enum ask_what what, uint16_t type, const ProtobufCMessage *body,
    const ProtobufCMessageDescriptor *reply)
{
	struct ask *a = mem_new(sizeof(*a));

	a->n = n;
	a->what = what;
	int err = ERR_LOST;

	if (what == ASK_MEDIA && g.mediad)
		err = ipc_request(g.mediad, IPC_IF_MEDIA, type, body, reply, 5000, on_reply, a);
	else if (what != ASK_MEDIA && g.sipd)
		err = ipc_request(g.sipd, IPC_IF_CALL, type, body, reply, 15000, on_reply, a);
	if (err)
		on_reply(a, err, NULL);
}

static ProtobufCBinaryData octets(char *s)
{
	return (ProtobufCBinaryData){ strlen(s), (uint8_t *)s };
}

static void radio(unsigned n, uint64_t session, const char *at)
{
	Media__LegUpdate u = MEDIA__LEG_UPDATE__INIT;
	Media__Leg leg = MEDIA__LEG__INIT, *legs[1] = { &leg };
	Base__Addr pb = BASE__ADDR__INIT;
	struct addr a;
	uint8_t ip[16];
	size_t len = 0;

	if (addr_parse(slice_str(at), 0, &a)) {
		printf("%u error not understood\n", n);
		fflush(stdout);
		return;
	}
	memcpy(ip, addr_ip(&a, &len), 16);
	pb.ip = (ProtobufCBinaryData){ len, ip };
	pb.port = addr_port(&a);
	leg.side = MEDIA__SIDE__SIDE_RADIO;
	leg.remote_rtp = &pb;
	leg.has_direction = 1;
	leg.direction = MEDIA__DIRECTION__SENDRECV;
	u.session = session;
	u.n_leg = 1;
	u.leg = legs;
	ask(n, ASK_MEDIA, MEDIA__TYPE__MEDIA_LEG_UPDATE, &u.base, &media__leg_updated__descriptor);
}

static bool with_call(unsigned n, char **w, uint64_t ref)
{
	Call__Answer answer = CALL__ANSWER__INIT;
	Call__Release release = CALL__RELEASE__INIT;
	Call__Digits digits = CALL__DIGITS__INIT;
	Call__Hold hold = CALL__HOLD__INIT;
	Call__Retrieve retrieve = CALL__RETRIEVE__INIT;
	Call__Transfer transfer = CALL__TRANSFER__INIT;

	answer.call = release.call = digits.call = hold.call = retrieve.call = transfer.call = ref;
	if (strcmp(w[0], "answer") == 0) {
		(void)ipc_event(g.sipd, IPC_IF_CALL, CALL__TYPE__CALL_ANSWER, &answer.base);
	} else if (strcmp(w[0], "release") == 0) {
		release.cause =
		    w[2] ? (Base__Cause)strtoul(w[2], NULL, 10) : BASE__CAUSE__CAUSE_NORMAL;
		(void)ipc_event(g.sipd, IPC_IF_CALL, CALL__TYPE__CALL_RELEASE, &release.base);
	} else if (strcmp(w[0], "digits") == 0 && w[2]) {
		digits.digits = octets(w[2]);
		(void)ipc_event(g.sipd, IPC_IF_CALL, CALL__TYPE__CALL_DIGITS, &digits.base);
	} else {
		if (strcmp(w[0], "hold") == 0) {
			ask(n, ASK_OK, CALL__TYPE__CALL_HOLD, &hold.base, &call__ok__descriptor);
		} else if (strcmp(w[0], "retrieve") == 0) {
			ask(n, ASK_OK, CALL__TYPE__CALL_RETRIEVE, &retrieve.base,
			    &call__ok__descriptor);
		} else if (strcmp(w[0], "blind") == 0 && w[2]) {
			transfer.has_target = 1;
			transfer.target = octets(w[2]);
			ask(n, ASK_OK, CALL__TYPE__CALL_TRANSFER, &transfer.base,
			    &call__ok__descriptor);
		} else if (strcmp(w[0], "attended") == 0 && w[2]) {
			transfer.has_other = 1;
			transfer.other = strtoull(w[2], NULL, 16);
			ask(n, ASK_OK, CALL__TYPE__CALL_TRANSFER, &transfer.base,
			    &call__ok__descriptor);
		} else if ((strcmp(w[0], "conference") == 0 || strcmp(w[0], "split") == 0) &&
		           w[2]) {
			Call__Conference mix = CALL__CONFERENCE__INIT;
			mix.call = transfer.call;
			mix.other = strtoull(w[2], NULL, 16);
			mix.has_leave = 1;
			mix.leave = w[0][0] == 's';
			ask(n, ASK_OK, CALL__TYPE__CALL_CONFERENCE, &mix.base,
			    &call__ok__descriptor);
		} else {
			return false;
		}
		return true;
	}
	printf("%u ok\n", n);
	fflush(stdout);
	return true;
}

static void command(char *line)
{
	char *w[6] = { NULL }, *save = NULL;
	size_t k = 0;
	unsigned n = ++g.count;

	for (char *p = strtok_r(line, " ", &save); p && k < 5; p = strtok_r(NULL, " ", &save))
		w[k++] = p;
	if (k >= 3 && strcmp(w[0], "radio") == 0) {
		radio(n, strtoull(w[1], NULL, 16), w[2]);
	} else if (k >= 3 && strcmp(w[0], "log") == 0) {
		Call__LogGet q = CALL__LOG_GET__INIT;
		q.user = w[1];
		q.kind = (Call__LogKind)strtoul(w[2], NULL, 10);
		ask(n, ASK_LOG, CALL__TYPE__CALL_LOG_GET, &q.base, &call__log_page__descriptor);
	} else if (k >= 4 && strcmp(w[0], "setup") == 0) {
		Call__Setup s = CALL__SETUP__INIT;
		Base__Codec codec = BASE__CODEC__CODEC_PCMA;
		s.call = strtoull(w[1], NULL, 16);
		s.user = w[2];
		s.has_called = 1;
		s.called = octets(w[3]);
		s.n_codec = 1;
		s.codec = &codec;
		ask(n, ASK_SETUP, CALL__TYPE__CALL_SETUP, &s.base, &call__setup_ack__descriptor);
	} else if (k < 2 || !g.sipd || !with_call(n, w, strtoull(w[1], NULL, 16))) {
		printf("%u error not understood\n", n);
		fflush(stdout);
	}
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

static void up(void *ctx, struct ipc_peer *p, bool restarted)
{
	(void)ctx;
	(void)restarted;
	if (ipc_peer_role(p) == IPC_MEDIAD)
		g.mediad = p;
	else
		g.sipd = p;
}

static void down(void *ctx, struct ipc_peer *p)
{
	(void)ctx;
	g.sipd = g.sipd == p ? NULL : g.sipd;
	g.mediad = g.mediad == p ? NULL : g.mediad;
}

int main(int argc, char **argv)
{
	struct ipc_node_def def = { .loop = &g.loop,
		.name = "dectd",
		.handlers = handlers,
		.nhandlers = ARRAY_LEN(handlers),
		.up = up,
		.down = down };
	const char *dir = NULL;
	char path[256];
	int opt;

	while ((opt = getopt(argc, argv, "r:")) != -1) {
		if (opt != 'r')
			return 64;
		dir = optarg;
	}
	if (!dir) {
		fprintf(stderr, "usage: softdect -r DIR\n");
		return 64;
	}
	log_open("softdect");
	if (uv_loop_init(&g.loop) || uv_pipe_init(&g.loop, &g.in, 0) || uv_pipe_open(&g.in, 0))
		return 71;
	def.wheel = g.w = tmr_wheel_new(&g.loop);
	g.node = ipc_node_new(&def);
	(void)snprintf(path, sizeof(path), "%s/sipd.sock", dir);
	(void)ipc_link_open(g.node, IPC_SIPD, path);
	(void)snprintf(path, sizeof(path), "%s/mediad-1.sock", dir);
	(void)ipc_link_open(g.node, IPC_MEDIAD, path);
	if (uv_read_start((uv_stream_t *)&g.in, on_alloc, on_input))
		return 71;
	return uv_run(&g.loop, UV_RUN_DEFAULT);
}
