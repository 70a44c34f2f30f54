/* ICE over loopback sockets with peers that are not ours: libnice as RFC 5245, as Office Communicator 2007 R2 (the dialect of
 * MS-ICE2), in both roles and with both kinds of nomination, and as Office Communicator 2007 (draft 6); coturn as STUN and
 * TURN server. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <agent.h>

#include "common/enc.h"
#include "coturn.h"
#include "mediad/ice.h"
#include "mediad/stream.h"

/* libnice and glib keep what they allocated once. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

struct end {
	struct ice ice;
	int fd[ICE_COMPS];
	unsigned gathered, done, failed;
	unsigned media[ICE_COMPS]; /* packets that came through the agent */
	const struct addr *only;   /* nothing goes anywhere else: a firewall */
	/* connections to relays */
	struct path *path;
	struct stream stream[ICE_COMPS];
	unsigned connects;
};
struct of_stream {
	struct end *end;
	unsigned comp;
};
static struct of_stream of_stream[2][ICE_COMPS];

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void on_send(void *ctx, unsigned comp, const struct addr *to, const uint8_t *p, size_t n)
{
	struct end *e = ctx;

	if (e->only && !addr_eq(to, e->only))
		return;
	(void)!sendto(e->fd[comp - 1], p, n, 0, &to->u.sa, addr_len(to));
}

static void on_event(void *ctx, enum ice_event ev, unsigned comp)
{
	struct end *e = ctx;

	(void)comp;
	e->gathered += ev == ICE_EV_GATHERED;
	e->done += ev == ICE_EV_DONE;
	e->failed += ev == ICE_EV_FAILED;
}
static void on_state(void *ctx, bool up)
{
	struct of_stream *s = ctx;

	ice_stream(&s->end->ice, s->comp, up, now_us());
}

static void on_unit(void *ctx, const uint8_t *p, size_t n)
{
	struct of_stream *s = ctx;

	ice_stream_input(&s->end->ice, s->comp, p, n, now_us());
}
static const struct stream_ops stream_ops = { on_state, on_unit };

static void on_connect(void *ctx, unsigned comp, const struct addr *server)
{
	struct end *e = ctx;
	struct of_stream *s = &of_stream[e->ice.controlling][comp - 1];
	struct addr any;

	*s = (struct of_stream){ e, comp };
	assert_int_equal(addr_parse(SLICE_LIT("127.0.0.1"), 0, &any), 0);
	assert_int_equal(
	    stream_open(&e->stream[comp - 1], e->path, TURN_RFC, &any, server, 0, &stream_ops, s),
	    0);
	e->connects++;
}

static void on_write(void *ctx, unsigned comp, const uint8_t *p, size_t n)
{
	struct end *e = ctx;

	stream_write(&e->stream[comp - 1], p, n);
}

static void on_hang_up(void *ctx, unsigned comp)
{
	struct end *e = ctx;

	stream_close(&e->stream[comp - 1]);
}

static void on_media(void *ctx, unsigned comp, const uint8_t *p, size_t n, const struct addr *peer)
{
	struct end *e = ctx;

	(void)peer;
	if (n == 172 && p[0] == 0x80 && p[171] == 0x5a)
		e->media[comp - 1]++;
}

static void no_rx(void *ctx, struct path_sock *s, uint8_t *p, size_t n, const struct addr *from)
{
	(void)ctx;
	(void)s;
	(void)p;
	(void)n;
	(void)from;
}

static void no_tick(void *ctx, uint64_t tick)
{
	(void)ctx;
	(void)tick;
}

static const struct ice_ops ops = { .send = on_send,
	.event = on_event,
	.connect = on_connect,
	.write = on_write,
	.hang_up = on_hang_up,
	.media = on_media };

static int bound(struct addr *out)
{
	struct addr any;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(addr_parse(SLICE_LIT("127.0.0.1"), 0, &any), 0);
	assert_int_equal(bind(fd, &any.u.sa, addr_len(&any)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	addr_from_sa(out, (struct sockaddr *)&ss);
	return fd;
}

static void open_end(struct end *e, struct ice_conf *c)
{
	memset(e, 0, sizeof(*e));
	c->comps = 2;
	for (unsigned i = 0; i < ICE_COMPS; i++)
		e->fd[i] = bound(&c->host[i]);
	e->path = path_open(no_rx, no_tick, e);
	assert_non_null(e->path);
	assert_int_equal(ice_init(&e->ice, c, &ops, e), 0);
	ice_gather(&e->ice, now_us());
}

static void close_end(struct end *e)
{
	ice_close(&e->ice);
	for (unsigned i = 0; i < ICE_COMPS; i++)
		close(e->fd[i]);
	path_close(e->path);
}

static void turn_end(struct end *e)
{
	for (unsigned i = 0; i < ICE_COMPS; i++) {
		uint8_t buf[2000];
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);
		ssize_t n;
		while ((n = recvfrom(e->fd[i], buf, sizeof(buf), 0, (struct sockaddr *)&ss, &len)) >
		       0) {
			struct addr from, peer;
			const uint8_t *media;
			size_t media_n;
			addr_from_sa(&from, (struct sockaddr *)&ss);
			if (ice_input(&e->ice, i + 1, &from, buf, (size_t)n, now_us(), &media,
			        &media_n, &peer) == ICE_IN_MEDIA &&
			    media_n == 172 && media[0] == 0x80 && media[171] == 0x5a)
				e->media[i]++;
			len = sizeof(ss);
		}
	}
	(void)path_turn(e->path, 0);
	if (now_us() >= ice_next(&e->ice))
		ice_timer(&e->ice, now_us());
}

static void send_media(struct end *e, unsigned comp)
{
	uint8_t rtp[172] = { 0x80, 8, [171] = 0x5a }, scratch[172 + TURN_OVERHEAD];
	size_t n = sizeof(rtp);
	struct addr to;
	const uint8_t *p =
	    ice_media(&e->ice, comp, rtp, &n, scratch, sizeof(scratch), &to, now_us());

	if (p) /* else it went by a connection */
		on_send(e, comp, &to, p, n);
	else
		assert_true(e->connects > 0 && n > sizeof(rtp));
}

/* The far end: a libnice agent. */
static unsigned nice_media[ICE_COMPS + 1];

static void on_nice(
    NiceAgent *agent, guint stream, guint comp, guint len, gchar *buf, gpointer data)
{
	(void)agent;
	(void)stream;
	(void)data;
	if (len == 172 && (uint8_t)buf[0] == 0x80 && buf[171] == 0x5a && comp <= ICE_COMPS)
		nice_media[comp]++;
}

static void on_done(NiceAgent *agent, guint stream, gpointer data)
{
	(void)agent;
	(void)stream;
	*(bool *)data = true;
}

static bool nice_ready(NiceAgent *a, guint stream)
{
	for (guint c = 1; c <= ICE_COMPS; c++) {
		NiceComponentState s = nice_agent_get_component_state(a, stream, c);
		if (s != NICE_COMPONENT_STATE_READY && s != NICE_COMPONENT_STATE_CONNECTED)
			return false;
	}
	return true;
}

/* Names and passwords of candidates, which libnice has in base64. */
static void take_key(struct cand_key *k, const char *name, const char *password)
{
	size_t n, m;

	assert_int_equal(enc_unb64(slice_str(name), k->id, sizeof(k->id), &n), 0);
	assert_int_equal(enc_unb64(slice_str(password), k->pwd, sizeof(k->pwd), &m), 0);
	k->id_n = (uint8_t)n;
	k->pwd_n = (uint8_t)m;
}

static void give_key(NiceCandidate *x, const struct cand_key *k)
{
	x->username = g_base64_encode(k->id, k->id_n);
	x->password = g_base64_encode(k->pwd, k->pwd_n);
}

enum odd {
	ODD_NOT,
	ODD_LITE,
	ODD_CONFLICT
}; /* they only answer; both believe to be in control, or neither */

static void with_nice(
    enum ice_mode mode, bool we_control, bool aggressive, bool they_first, enum odd odd)
{
	static struct end us;
	/* As in a call: who offers does not know yet which draft the answer is in. */
	struct ice_conf conf = { .mode = mode == ICE_DRAFT6 && we_control ? ICE_MS_ICE2 : mode,
		.controlling = we_control };
	GMainContext *ctx = g_main_context_new();
	bool named = mode == ICE_DRAFT6;
	NiceCompatibility compat = named                 ? NICE_COMPATIBILITY_OC2007
	                           : mode == ICE_MS_ICE2 ? NICE_COMPATIBILITY_OC2007R2
	                                                 : NICE_COMPATIBILITY_RFC5245;
	NiceAgent *nice = g_object_new(NICE_TYPE_AGENT, "compatibility", (guint)compat,
	    "main-context", ctx, "full-mode", odd != ODD_LITE, "nomination-mode",
	    (guint)(aggressive ? NICE_NOMINATION_MODE_AGGRESSIVE : NICE_NOMINATION_MODE_REGULAR),
	    NULL);
	bool gathered = false;
	gchar *ufrag = NULL, *pwd = NULL;
	NiceAddress local;

	memset(nice_media, 0, sizeof(nice_media));
	g_object_set(nice, "controlling-mode", we_control == (odd == ODD_CONFLICT), "upnp", FALSE,
	    "ice-tcp", FALSE, NULL);
	nice_address_init(&local);
	assert_true(nice_address_set_from_string(&local, "127.0.0.1"));
	assert_true(nice_agent_add_local_address(nice, &local));
	guint stream = nice_agent_add_stream(nice, ICE_COMPS);
	assert_int_equal(stream, 1);
	g_signal_connect(nice, "candidate-gathering-done", G_CALLBACK(on_done), &gathered);
	for (guint c = 1; c <= ICE_COMPS; c++)
		assert_true(nice_agent_attach_recv(nice, stream, c, ctx, on_nice, NULL));
	assert_true(nice_agent_gather_candidates(nice, stream));
	uint64_t limit = now_us() + 5000000;
	while (!gathered && now_us() < limit)
		g_main_context_iteration(ctx, FALSE);
	assert_true(gathered);
	assert_true(nice_agent_get_local_credentials(nice, stream, &ufrag, &pwd));

	open_end(&us, &conf);
	assert_int_equal(us.gathered, 1);
	struct cand theirs[ICE_REMOTE];
	size_t n = 0;
	for (guint c = 1; c <= ICE_COMPS; c++) {
		GSList *list = nice_agent_get_local_candidates(nice, stream, c);
		for (GSList *i = list; i; i = i->next) {
			NiceCandidate *x = i->data;
			if (x->transport != NICE_CANDIDATE_TRANSPORT_UDP)
				continue;
			theirs[n] = (struct cand){
				.component = (uint8_t)c, .type = CAND_HOST, .priority = x->priority
			};
			snprintf(theirs[n].foundation, sizeof(theirs[n].foundation), "%s",
			    x->foundation);
			struct sockaddr_storage ss;
			nice_address_copy_to_sockaddr(&x->addr, (struct sockaddr *)&ss);
			addr_from_sa(&theirs[n].addr, (struct sockaddr *)&ss);
			if (named)
				take_key(&theirs[n].key, x->username, x->password);
			n++;
		}
		g_slist_free_full(list, (GDestroyNotify)nice_candidate_free);
	}
	assert_true(n >= 2);

	/* they_first: libnice has our description and checks for a while before we have its answer. */
	bool told_us = false, told_them = false;
	uint64_t begin = now_us();
	limit = begin + 10000000;
	while (now_us() < limit && !(us.done && nice_ready(nice, stream))) {
		if (!told_them) {
			told_them = true;
			assert_true(nice_agent_set_remote_credentials(
			    nice, stream, us.ice.ufrag, us.ice.pwd));
			for (guint c = 1; c <= ICE_COMPS; c++) {
				NiceCandidate *x = nice_candidate_new(NICE_CANDIDATE_TYPE_HOST);
				x->transport = NICE_CANDIDATE_TRANSPORT_UDP;
				x->priority = us.ice.local[c - 1].priority;
				x->stream_id = stream;
				x->component_id = c;
				snprintf(x->foundation, sizeof(x->foundation), "%s",
				    us.ice.local[c - 1].foundation);
				nice_address_set_from_sockaddr(
				    &x->addr, &us.ice.local[c - 1].addr.u.sa);
				if (named)
					give_key(x, &us.ice.local[c - 1].key);
				GSList *list = g_slist_append(NULL, x);
				assert_int_equal(
				    nice_agent_set_remote_candidates(nice, stream, c, list), 1);
				g_slist_free_full(list, (GDestroyNotify)nice_candidate_free);
			}
		}
		if (!told_us && (!they_first || now_us() > begin + 300000)) {
			told_us = true;
			assert_int_equal(
			    ice_set_remote(&us.ice, slice_str(named ? "" : ufrag),
			        slice_str(named ? "" : pwd), theirs, n, true, NULL, now_us()),
			    0);
		}
		while (g_main_context_iteration(ctx, FALSE))
			;
		turn_end(&us);
		(void)poll(NULL, 0, 1);
	}
	if (!us.done || !nice_ready(nice, stream))
		fail_msg("mode %d, we control %d, aggressive %d: done %u; libnice %d %d; bad "
		         "integrity %u fingerprint %u user %u",
		    mode, we_control, aggressive, us.done,
		    nice_agent_get_component_state(nice, stream, 1),
		    nice_agent_get_component_state(nice, stream, 2), us.ice.count.bad_integrity,
		    us.ice.count.bad_fingerprint, us.ice.count.bad_user);
	unsigned took = (unsigned)((now_us() - begin) / 1000);
	for (unsigned comp = 1; comp <= ICE_COMPS; comp++) {
		struct cand l, r;
		assert_true(ice_selected(&us.ice, comp, &l, &r));
		assert_int_equal(l.type, CAND_HOST);
		assert_true(r.type == CAND_HOST);
		NiceCandidate *nl = NULL, *nr = NULL;
		assert_true(nice_agent_get_selected_pair(nice, stream, comp, &nl, &nr));
		struct addr a;
		struct sockaddr_storage ss;
		nice_address_copy_to_sockaddr(&nr->addr, (struct sockaddr *)&ss);
		addr_from_sa(&a, (struct sockaddr *)&ss);
		assert_true(addr_eq(&a, &l.addr));
	}
	char rtp[172] = { (char)0x80, 8, [171] = 0x5a };
	for (int k = 0; k < 10; k++)
		for (unsigned comp = 1; comp <= ICE_COMPS; comp++) {
			send_media(&us, comp);
			assert_int_equal(nice_agent_send(nice, stream, comp, sizeof(rtp), rtp),
			    (int)sizeof(rtp));
		}
	limit = now_us() + 2000000;
	while (now_us() < limit && nice_media[1] + nice_media[2] + us.media[0] + us.media[1] < 40) {
		while (g_main_context_iteration(ctx, FALSE))
			;
		turn_end(&us);
	}
	assert_int_equal(nice_media[1], 10);
	assert_int_equal(nice_media[2], 10);
	assert_int_equal(us.media[0], 10);
	assert_int_equal(us.media[1], 10);
	assert_int_equal(us.ice.count.bad_integrity, 0);
	if (odd == ODD_CONFLICT)
		assert_true(us.ice.count.conflicts > 0 || us.ice.controlling == we_control);
	print_message("%s, we are %s, %s nomination%s%s: %u ms\n",
	    named                 ? "OC2007"
	    : mode == ICE_MS_ICE2 ? "OC2007R2"
	                          : "RFC 5245",
	    we_control ? "controlling" : "controlled", aggressive ? "aggressive" : "regular",
	    they_first ? ", checks before the answer" : "",
	    odd == ODD_LITE       ? ", with a lite agent"
	    : odd == ODD_CONFLICT ? ", roles collided"
	                          : "",
	    took);
	close_end(&us);
	g_free(ufrag);
	g_free(pwd);
	nice_agent_remove_stream(nice, stream);
	g_object_unref(nice);
	while (g_main_context_iteration(ctx, FALSE))
		;
	g_main_context_unref(ctx);
}

static void turn_both(struct end *a, struct end *b)
{
	turn_end(a);
	turn_end(b);
	(void)poll(NULL, 0, 1);
}

static void gather(struct end *a, struct end *b)
{
	uint64_t limit = now_us() + 9000000;

	while (now_us() < limit && !(a->gathered && b->gathered))
		turn_both(a, b);
}

/* Each learns the other's candidates; with `wait` until both have their pairs, or ten seconds. */
static void meet(struct end *a, struct end *b, bool wait)
{
	uint64_t limit = now_us() + 10000000;

	assert_int_equal(ice_set_remote(&a->ice, slice_str(b->ice.ufrag), slice_str(b->ice.pwd),
	                     b->ice.local, b->ice.nlocal, true, NULL, now_us()),
	    0);
	assert_int_equal(ice_set_remote(&b->ice, slice_str(a->ice.ufrag), slice_str(a->ice.pwd),
	                     a->ice.local, a->ice.nlocal, true, NULL, now_us()),
	    0);
	while (wait && now_us() < limit && !(a->done && b->done))
		turn_both(a, b);
}

/* Thirty packets each way. */
static void talk(struct end *a, unsigned of_a, struct end *b, unsigned of_b)
{
	for (int k = 0; k < 30; k++) {
		send_media(a, of_a);
		send_media(b, of_b);
		for (int i = 0; i < 10; i++)
			turn_both(a, b);
	}
}

static void test_nice(void **state)
{
	(void)state;
	for (int mode = ICE_RFC8445; mode <= ICE_MS_ICE2; mode++)
		for (int we = 0; we < 2; we++)
			for (int aggressive = 0; aggressive < 2; aggressive++)
				for (int first = 0; first < 2; first++)
					with_nice(
					    (enum ice_mode)mode, we, aggressive, first, ODD_NOT);
	for (int we = 0; we < 2; we++)
		for (int first = 0; first < 2; first++)
			with_nice(ICE_DRAFT6, we, false, first, ODD_NOT);
	with_nice(ICE_RFC8445, true, false, false, ODD_LITE);
	for (int mode = ICE_RFC8445; mode <= ICE_MS_ICE2; mode++)
		for (int we = 0; we < 2; we++)
			with_nice((enum ice_mode)mode, we, false, false, ODD_CONFLICT);
}

static void test_coturn(void **state)
{
	static struct end a, b;
	struct coturn turn;
	struct addr server;
	int probe = bound(&server);
	uint16_t port = addr_port(&server);

	(void)state;
	close(probe);
	if (!coturn_start(&turn, port)) {
		print_message("turnserver (coturn) is not installed: skipped\n");
		skip();
	}

	struct ice_conf c = { .mode = ICE_RFC8445,
		.controlling = true,
		.stun = server,
		.turn = server,
		.turn_user = SLICE_LIT("anna"),
		.turn_password = SLICE_LIT("sesame"),
		.gather_ms = 8000 };
	open_end(&a, &c);
	c.controlling = false;
	open_end(&b, &c);
	gather(&a, &b);
	/* host and relayed; the reflexive address is the host's own here */
	bool ok = a.ice.nlocal == 4 && b.ice.nlocal == 4 && a.ice.local[3].type == CAND_RELAY;
	bool answered = !a.ice.gather_us[0] && a.ice.gather_sent[0] <= 3;
	/* A firewall that lets nothing through but the server: relay to relay. */
	a.only = b.only = &server;
	meet(&a, &b, ok);
	struct cand l = { 0 }, r = { 0 };
	bool chosen = ice_selected(&a.ice, 1, &l, &r);
	if (chosen)
		talk(&a, 1, &b, 1);
	bool channel = a.ice.relay[0].turn.active_up && b.ice.relay[0].turn.active_up;
	unsigned got_a = a.media[0], got_b = b.media[0];
	unsigned took_error = a.ice.relay[0].turn.error;
	close_end(&a);
	close_end(&b);
	coturn_stop(&turn);
	if (!ok)
		fail_msg("allocation: %u local candidates, error %u", a.ice.nlocal, took_error);
	assert_true(answered);
	assert_true(a.done && b.done);
	assert_int_equal(l.type, CAND_RELAY);
	assert_true(channel);
	assert_int_equal(got_a, 30);
	assert_int_equal(got_b, 30);
}

/* UDP gets nowhere: the relay is asked by TCP, by itself or when the way by UDP is silent for a second; relay to relay. */
static void by_tcp(bool silent)
{
	static struct end a, b;
	struct coturn turn;
	struct addr server, dead, nowhere;
	int probe = bound(&server), hole = bound(&dead);
	uint16_t port = addr_port(&server);

	close(probe);
	if (!coturn_start(&turn, port)) {
		print_message("turnserver (coturn) is not installed: skipped\n");
		skip();
	}
	assert_int_equal(addr_parse(SLICE_LIT("127.0.0.1:9"), 0, &nowhere), 0);
	struct ice_conf c = { .mode = ICE_RFC8445,
		.controlling = true,
		.turn_tcp = server,
		.turn_user = SLICE_LIT("anna"),
		.turn_password = SLICE_LIT("sesame"),
		.gather_ms = 8000 };
	if (silent)
		c.turn = dead;
	open_end(&a, &c);
	c.controlling = false;
	open_end(&b, &c);
	gather(&a, &b);
	bool ok = a.ice.nlocal == 4 && b.ice.nlocal == 4 && a.ice.local[3].type == CAND_RELAY &&
	          !cand_tcp(&a.ice.local[3]);
	a.only = b.only = &nowhere;
	meet(&a, &b, ok);
	struct cand l = { 0 }, r = { 0 };
	bool chosen = ice_selected(&a.ice, 1, &l, &r);
	if (chosen)
		talk(&a, 1, &b, 2);
	bool channel = a.ice.relay[0].turn.active_up && b.ice.relay[1].turn.active_up;
	unsigned got_a = a.media[1], got_b = b.media[0], error = a.ice.relay[0].turn.error;
	close_end(&a);
	close_end(&b);
	coturn_stop(&turn);
	close(hole);
	if (!ok)
		fail_msg("allocation: %u local candidates, error %u", a.ice.nlocal, error);
	assert_true(a.done && b.done);
	assert_int_equal(a.connects, 2);
	assert_int_equal(l.type, CAND_RELAY);
	assert_true(channel);
	assert_int_equal(got_a, 30);
	assert_int_equal(got_b, 30);
}

static void test_coturn_tcp(void **state)
{
	(void)state;
	by_tcp(false);
	by_tcp(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nice),
		cmocka_unit_test(test_coturn),
		cmocka_unit_test(test_coturn_tcp),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
