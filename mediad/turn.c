/* TURN client. One transaction at a time: what is needed next follows from the state, so that a lost or refused one
 * needs no list of open wishes. */
#include "mediad/turn.h"

#include <string.h>

#include "common/id.h"
#include "common/mem.h"
#include "common/rd.h"

#define RTO_US     500000u
#define STREAM_US  10000000u /* an answer on a connection */
#define SENDS      7
#define TRIES      5          /* of one request: challenges, stale nonces, other servers */
#define PERMIT_US  240000000u /* permissions last 5 minutes (RFC 8656 9) */
#define CHANNEL_US 540000000u /* channels 10 minutes */
#define CHANNEL    0x4000u
#define MS_COOKIE  0x72c64bc6u
#define MS_VERSION 2u
#define MS_QUALITY 0x00010000u /* audio, best effort */
#define LIFETIME_S 600u

static enum stun_form form(const struct turn *t)
{
	return t->dialect == TURN_MS ? STUN_MSTURN : STUN_RFC;
}

static bool authenticated(const struct turn *t)
{
	return t->nonce_n || t->realm_n;
}

int turn_init(struct turn *t, enum turn_dialect dialect, const struct addr *server,
    struct slice user, struct slice password, const struct turn_ops *ops, void *ctx)
{
	if (!addr_set(server) || user.n > TURN_USER_MAX || password.n > TURN_USER_MAX)
		return ERR_VALUE;
	*t = (struct turn){ .dialect = dialect, .server = *server, .ops = ops, .ctx = ctx };
	if (user.n)
		memcpy(t->user, user.p, user.n);
	if (password.n)
		memcpy(t->password, password.p, password.n);
	t->user_n = (uint16_t)user.n;
	t->password_n = (uint16_t)password.n;
	return 0;
}

/* LYNC: a frame around each message; RFC 8656: they follow each other. */
static void emit(struct turn *t)
{
	uint8_t buf[4 + STUN_MAX];

	if (!t->msg_n)
		return;
	if (!t->stream || t->dialect == TURN_RFC) {
		t->ops->send(t->ctx, &t->server, t->msg, t->msg_n);
		return;
	}
	turn_frame(buf, true, t->msg_n);
	memcpy(buf + 4, t->msg, t->msg_n);
	t->ops->send(t->ctx, &t->server, buf, t->msg_n + 4);
}

void turn_stream(struct turn *t, const struct addr *server)
{
	t->state = TURN_IDLE;
	t->asked = 0;
	t->stream = true;
	t->server = *server;
	t->nonce_n = t->realm_n = 0;
}

static void put_credentials(struct turn *t, struct stun_w *w, bool nonce)
{
	if (!authenticated(t))
		return;
	if (t->dialect == TURN_MS) { /* REALM and NONCE have each other's numbers */
		stun_put(w, STUN_A_NONCE, t->realm, t->realm_n);
		if (nonce)
			stun_put(w, STUN_A_REALM, t->nonce, t->nonce_n);
		if (nonce)
			stun_put(w, STUN_A_USERNAME, t->user, t->user_n);
	} else {
		stun_put(w, STUN_A_USERNAME, t->user, t->user_n);
		stun_put(w, STUN_A_REALM, t->realm, t->realm_n);
		stun_put(w, STUN_A_NONCE, t->nonce, t->nonce_n);
	}
}

static void put_sequence(struct turn *t, struct stun_w *w)
{
	uint8_t b[24];

	memcpy(b, t->connection, 20);
	t->sequence++;
	for (int i = 0; i < 4; i++)
		b[20 + i] = (uint8_t)(t->sequence >> (24 - 8 * i));
	stun_put(w, STUN_A_MS_SEQUENCE, b, 24);
}

/* Writes the request of this type into t->msg. lifetime: -1: none. */
static void build(struct turn *t, uint16_t type, int32_t lifetime, const struct addr *peer)
{
	t->id = stun_new_id();

	struct stun_w w = stun_begin(t->msg, sizeof(t->msg), form(t), type, &t->id);
	if (t->dialect == TURN_MS) {
		uint8_t cookie[4] = { 0x72, 0xc6, 0x4b, 0xc6 };
		stun_put(&w, STUN_A_MS_COOKIE, cookie, 4);
		if (type == STUN_ALLOCATE) {
			stun_put_u32(&w, STUN_A_MS_VERSION, MS_VERSION);
			stun_put_u32(&w, STUN_A_MS_QUALITY, MS_QUALITY);
			if (lifetime >= 0)
				stun_put_u32(&w, STUN_A_LIFETIME, (uint32_t)lifetime);
			put_credentials(t, &w, true);
		} else { /* Set Active Destination */
			stun_put(&w, STUN_A_USERNAME, t->user, t->user_n);
			put_sequence(t, &w);
			put_credentials(t, &w, false);
			stun_put_addr(&w, STUN_A_MS_DESTINATION, peer, false);
		}
	} else {
		if (type == STUN_ALLOCATE)
			stun_put_u32(&w, STUN_A_TRANSPORT, 17u << 24);
		if (lifetime >= 0)
			stun_put_u32(&w, STUN_A_LIFETIME, (uint32_t)lifetime);
		if (type == STUN_CHANNEL)
			stun_put_u32(&w, STUN_A_CHANNEL, CHANNEL << 16);
		if (peer)
			stun_put_addr(&w, STUN_A_PEER, peer, true);
		put_credentials(t, &w, true);
	}
	t->msg_n = stun_end(&w, authenticated(t) ? t->key : NULL, sizeof(t->key), STUN_FP_NONE);
}

static void ask(
    struct turn *t, uint16_t type, int32_t lifetime, const struct addr *peer, uint64_t now_us)
{
	build(t, type, lifetime, peer);
	t->asked = type;
	t->sent = 1;
	t->resend_us = now_us + (t->stream ? STREAM_US : RTO_US);
	emit(t);
}

static void enter(struct turn *t, enum turn_state s)
{
	t->state = s;
	if (t->ops->state)
		t->ops->state(t->ctx, s);
}

static void fail(struct turn *t)
{
	t->asked = 0;
	t->active_up = false;
	enter(t, TURN_FAILED);
}

void turn_start(struct turn *t, uint64_t now_us)
{
	if (t->state != TURN_IDLE)
		return;
	t->tries = 0;
	t->state = TURN_ASKED;
	ask(t, STUN_ALLOCATE, -1, NULL, now_us);
}

void turn_stop(struct turn *t)
{
	if (t->state == TURN_ALLOCATED) {
		build(t, t->dialect == TURN_MS ? STUN_ALLOCATE : STUN_REFRESH, 0, NULL);
		emit(t);
	}
	t->state = TURN_IDLE;
	t->asked = 0;
	mem_wipe(t->password, sizeof(t->password));
	mem_wipe(t->key, sizeof(t->key));
}

/* The next thing that is due, when nothing is in flight. */
static void pump(struct turn *t, uint64_t now_us)
{
	if (t->state != TURN_ALLOCATED || t->asked)
		return;
	if (now_us >= t->refresh_us) {
		t->tries = 0;
		ask(t, t->dialect == TURN_MS ? STUN_ALLOCATE : STUN_REFRESH, (int32_t)LIFETIME_S,
		    NULL, now_us);
		return;
	}
	for (uint8_t i = 0; t->dialect == TURN_RFC && i < t->npeers; i++)
		if (now_us >= t->peer[i].permit_us) {
			t->asked_peer = i;
			t->tries = 0;
			ask(t, STUN_PERMIT, -1, &t->peer[i].addr, now_us);
			return;
		}
	if (addr_set(&t->active) && now_us >= t->active_us) {
		t->tries = 0;
		ask(t, t->dialect == TURN_MS ? STUN_MS_ACTIVE : STUN_CHANNEL, -1, &t->active,
		    now_us);
	}
}

uint64_t turn_next(const struct turn *t)
{
	uint64_t next = UINT64_MAX;

	if (t->asked)
		return t->resend_us;
	if (t->state != TURN_ALLOCATED)
		return UINT64_MAX;
	next = t->refresh_us;
	for (uint8_t i = 0; t->dialect == TURN_RFC && i < t->npeers; i++)
		if (t->peer[i].permit_us < next)
			next = t->peer[i].permit_us;
	if (addr_set(&t->active) && t->active_us < next)
		next = t->active_us;
	return next;
}

void turn_timer(struct turn *t, uint64_t now_us)
{
	if (t->asked && now_us >= t->resend_us) {
		if (t->sent < SENDS && !t->stream) {
			t->resend_us = now_us + ((uint64_t)RTO_US << t->sent);
			t->sent++;
			emit(t);
			return;
		}
		uint16_t type = t->asked;
		t->asked = 0;
		if (type == STUN_ALLOCATE || type == STUN_REFRESH) {
			t->error = 0;
			fail(t);
			return;
		}
		/* A permission or short form that nobody answers is tried again later. */
		if (type == STUN_PERMIT)
			t->peer[t->asked_peer].permit_us = now_us + 30000000;
		else
			t->active_us = now_us + 30000000;
	}
	pump(t, now_us);
}

static void keep(uint8_t *to, uint16_t *n, size_t cap, struct slice s)
{
	if (s.n > cap || s.n == 0)
		return;
	memcpy(to, s.p, s.n);
	*n = (uint16_t)s.n;
}

/* A challenge, a new nonce, another server: the same request again. */
static bool again(struct turn *t, const struct stun_msg *m, uint64_t now_us)
{
	uint16_t type = t->asked;
	struct slice realm = m->realm;
	bool moved = addr_set(&m->alternate) && !addr_eq(&m->alternate, &t->server) &&
	             t->state != TURN_ALLOCATED;

	if (++t->tries > TRIES)
		return false;
	if (moved)
		t->server = m->alternate;
	switch (m->error) {
	case 300:
		if (!moved)
			return false;
		break;
	case 401:
		/* A second refusal under the same nonce is about the credentials. */
		if (!m->nonce.n || (t->nonce_n == m->nonce.n &&
		                       memcmp(t->nonce, m->nonce.p, m->nonce.n) == 0 && !moved))
			return false;
		if (t->state == TURN_CHALLENGED && t->realm_n && !moved)
			return false;
		break;
	case 438:
	case 430: /* LYNC: stale credentials, in practice a stale nonce first */
		if (!m->nonce.n)
			return false;
		break;
	default:
		return false;
	}
	if (m->error != 300) {
		/* LYNC: a realm may come in quotes that do not count. */
		if (t->dialect == TURN_MS && realm.n >= 2 && realm.p[0] == '"' &&
		    realm.p[realm.n - 1] == '"')
			realm = (struct slice){ realm.p + 1, realm.n - 2 };
		keep(t->nonce, &t->nonce_n, sizeof(t->nonce), m->nonce);
		keep(t->realm, &t->realm_n, sizeof(t->realm), realm);
		stun_long_key((struct slice){ (char *)t->user, t->user_n },
		    (struct slice){ (char *)t->realm, t->realm_n },
		    (struct slice){ (char *)t->password, t->password_n }, t->key);
		if (t->state == TURN_ASKED)
			t->state = TURN_CHALLENGED;
	}

	const struct addr *peer = type == STUN_PERMIT ? &t->peer[t->asked_peer].addr : &t->active;
	bool first = type == STUN_ALLOCATE && t->state != TURN_ALLOCATED;
	bool lease = type == STUN_ALLOCATE || type == STUN_REFRESH;
	ask(t, type, lease && !first ? (int32_t)LIFETIME_S : -1, lease ? NULL : peer, now_us);
	return true;
}

static void refused(struct turn *t, const struct stun_msg *m, uint64_t now_us)
{
	uint16_t type = t->asked;

	t->error = m->error;
	if (again(t, m, now_us))
		return;
	t->asked = 0;
	if (type == STUN_ALLOCATE || type == STUN_REFRESH) {
		fail(t);
	} else if (type == STUN_PERMIT) {
		t->peer[t->asked_peer].permit_us = now_us + 30000000;
	} else { /* the old way of sending stays */
		t->active = (struct addr){ 0 };
		t->active_up = false;
	}
	pump(t, now_us);
}

static void granted(struct turn *t, const struct stun_msg *m, uint64_t now_us)
{
	uint16_t type = t->asked;

	t->asked = 0;
	switch (type) {
	case STUN_ALLOCATE:
	case STUN_REFRESH:
		t->lifetime_s = m->has_lifetime ? m->lifetime : LIFETIME_S;
		t->refresh_us = now_us + (t->lifetime_s < 20 ? 10 : t->lifetime_s / 2) * 1000000ull;
		if (m->has_sequence) {
			memcpy(t->connection, m->connection, sizeof(t->connection));
			t->sequence = t->sequence > m->sequence ? t->sequence : m->sequence;
		}
		if (m->nonce.n) /* LYNC: comes with the answer, for the next request */
			keep(t->nonce, &t->nonce_n, sizeof(t->nonce), m->nonce);
		if (t->state == TURN_ALLOCATED)
			break;
		t->relayed = m->relayed;
		t->mapped = m->mapped;
		if (!addr_set(&t->relayed)) {
			t->error = 0;
			fail(t);
			return;
		}
		enter(t, TURN_ALLOCATED);
		break;
	case STUN_PERMIT:
		t->peer[t->asked_peer].permit_us = now_us + PERMIT_US;
		break;
	default:
		t->active_up = true;
		t->active_us = t->dialect == TURN_MS ? UINT64_MAX : now_us + CHANNEL_US;
		break;
	}
	pump(t, now_us);
}

/* Does this message answer what is in flight, and truly? */
static bool answers(const struct turn *t, const struct stun_msg *m)
{
	if (!t->asked || memcmp(m->id.b, t->id.b, sizeof(t->id.b)) != 0)
		return false;
	if (m->integrity_at)
		return authenticated(t) && stun_verify(m, form(t), t->key, sizeof(t->key));
	/* Unsigned: only refusals may be, and MS-TURN's short answer to Set Active Destination. */
	return m->error != 0 || !authenticated(t) || m->type == STUN_MS_ACTIVE_OK;
}

enum turn_in turn_input(struct turn *t, const struct addr *from, const uint8_t *p, size_t n,
    uint64_t now_us, struct addr *peer, const uint8_t **data, size_t *data_n)
{
	struct stun_msg m;

	if (t->state == TURN_IDLE || !addr_eq(from, &t->server))
		return TURN_NOT_OURS;
	if (t->stream && t->dialect == TURN_MS) {
		bool control;
		if (turn_unframe(p, n, &control, data, data_n))
			return TURN_TAKEN;
		if (!control) {
			*peer = t->active;
			return addr_set(&t->active) ? TURN_DATA : TURN_TAKEN;
		}
		p = *data;
		n = *data_n;
	}
	if (t->dialect == TURN_RFC && n >= 4 && (p[0] & 0xc0) == 0x40) { /* ChannelData */
		size_t len = (size_t)(p[2] << 8 | p[3]);
		if ((unsigned)(p[0] << 8 | p[1]) != CHANNEL || len > n - 4 || !addr_set(&t->active))
			return TURN_TAKEN;
		*peer = t->active;
		*data = p + 4;
		*data_n = len;
		return TURN_DATA;
	}

	bool stun = stun_is(p, n) && stun_parse(p, n, form(t), &m) == 0;
	if (t->dialect == TURN_MS && t->stream && !(stun && m.has_cookie))
		return TURN_TAKEN;
	if (t->dialect == TURN_MS && !(stun && m.has_cookie)) {
		/* After Set Active Destination the peer's packets come bare, STUN as well. */
		if (!addr_set(&t->active))
			return TURN_NOT_OURS;
		*peer = t->active;
		*data = p;
		*data_n = n;
		return TURN_DATA;
	}
	if (!stun)
		return TURN_NOT_OURS;
	if (m.type == (t->dialect == TURN_MS ? STUN_MS_DATA : STUN_DATA_IND)) {
		if (!addr_set(&m.peer) || !m.data.p || t->state != TURN_ALLOCATED)
			return TURN_TAKEN;
		*peer = m.peer;
		*data = (const uint8_t *)m.data.p;
		*data_n = m.data.n;
		return t->stream && t->dialect == TURN_MS ? TURN_PIECE : TURN_DATA;
	}
	if (!answers(t, &m))
		return t->dialect == TURN_MS ? TURN_TAKEN : TURN_NOT_OURS;
	if (m.type == (t->asked | 0x0100))
		granted(t, &m, now_us);
	else if (m.type == (t->asked | 0x0110))
		refused(t, &m, now_us);
	return TURN_TAKEN;
}

static void permit(struct turn *t, const struct addr *peer, uint64_t now_us)
{
	for (uint8_t i = 0; i < t->npeers; i++)
		if (addr_same_ip(&t->peer[i].addr, peer)) /* permissions are by address */
			return;
	if (t->npeers == TURN_PEERS)
		return;
	t->peer[t->npeers++] = (struct turn_peer){ .addr = *peer, .permit_us = 0 };
	pump(t, now_us);
}

size_t turn_wrap(struct turn *t, const struct addr *peer, const uint8_t *p, size_t n, uint8_t *out,
    size_t cap, uint64_t now_us)
{
	if (t->state != TURN_ALLOCATED || !addr_set(peer))
		return 0;
	if (t->active_up && addr_eq(peer, &t->active)) {
		size_t head = t->dialect == TURN_MS && !t->stream ? 0 : 4, pad = 0;
		if (n + head + 3 > cap || n > UINT16_MAX)
			return 0;
		if (t->dialect == TURN_MS && t->stream) {
			turn_frame(out, false, n);
		} else if (head) {
			pad = t->stream ? -n & 3 : 0; /* RFC 8656 12.5 */
			memset(out + head + n, 0, pad);
			out[0] = (uint8_t)(CHANNEL >> 8);
			out[1] = (uint8_t)CHANNEL;
			out[2] = (uint8_t)(n >> 8);
			out[3] = (uint8_t)n;
		}
		memcpy(out + head, p, n);
		return n + head + pad;
	}

	struct stun_id id = stun_new_id();
	size_t frame = t->dialect == TURN_MS && t->stream ? 4 : 0, k;
	if (cap < frame + 2 || n > UINT16_MAX)
		return 0;
	struct stun_w w = stun_begin(out + frame, cap - frame, form(t),
	    t->dialect == TURN_MS ? STUN_MS_SEND : STUN_SEND_IND, &id);
	if (t->dialect == TURN_RFC) {
		permit(t, peer, now_us);
		stun_put_addr(&w, STUN_A_PEER, peer, true);
		stun_put(&w, STUN_A_DATA, p, n);
		return stun_end(&w, NULL, 0, STUN_FP_NONE);
	}
	static const uint8_t cookie[4] = { 0x72, 0xc6, 0x4b, 0xc6 };
	stun_put(&w, STUN_A_MS_COOKIE, cookie, 4);
	stun_put(&w, STUN_A_USERNAME, t->user, t->user_n);
	stun_put_addr(&w, STUN_A_MS_DESTINATION, peer, false);
	stun_put_u32(&w, STUN_A_MS_VERSION, MS_VERSION);
	put_sequence(t, &w);
	put_credentials(t, &w, false);
	if (frame) { /* a packet of the stream to the peer: RFC 4571 */
		wr_be16(&w.w, STUN_A_DATA);
		wr_be16(&w.w, (unsigned)(n + 2));
		wr_be16(&w.w, (unsigned)n);
		wr_bytes(&w.w, p, n);
	} else {
		stun_put(&w, STUN_A_DATA, p, n);
	}
	k = stun_end(&w, authenticated(t) ? t->key : NULL, sizeof(t->key), STUN_FP_NONE);
	if (k && frame)
		turn_frame(out, true, k);
	return k ? k + frame : 0;
}

void turn_activate(struct turn *t, const struct addr *peer, uint64_t now_us)
{
	if (addr_set(&t->active) && addr_eq(peer, &t->active))
		return;
	/* RFC 8656 12: a channel keeps its peer for its life. The first choice stays; others go by Send. */
	if (t->dialect == TURN_RFC && addr_set(&t->active))
		return;
	t->active = *peer;
	t->active_up = false;
	t->active_us = 0;
	pump(t, now_us);
}

static const uint8_t hello_head[11] = { 0x16, 0x03, 0x01, 0x00, 0x2d, 0x01, 0x00, 0x00, 0x29, 0x03,
	0x01 };
static const uint8_t hello_tail[7] = { 0x00, 0x00, 0x02, 0x00, 0x18, 0x01, 0x00 };

void turn_pseudo_hello(uint8_t out[TURN_PSEUDO_HELLO])
{
	memcpy(out, hello_head, sizeof(hello_head));
	id_random(out + 11, 32);
	memcpy(out + 43, hello_tail, sizeof(hello_tail));
}

int turn_pseudo_check(const uint8_t *p, size_t n)
{
	static const uint8_t head[11] = { 0x16, 0x03, 0x01, 0x00, 0x4e, 0x02, 0x00, 0x00, 0x46,
		0x03, 0x01 };
	static const uint8_t tail[7] = { 0x00, 0x18, 0x00, 0x0e, 0x00, 0x00, 0x00 };

	for (size_t i = 0; i < n && i < TURN_PSEUDO_DONE; i++)
		if ((i < 11 && p[i] != head[i]) || (i == 43 && p[i] != 0x20) ||
		    (i >= 76 && p[i] != tail[i - 76]))
			return ERR_SYNTAX;
	return n < TURN_PSEUDO_DONE ? ERR_TRUNCATED : 0;
}

void turn_frame(uint8_t out[4], bool control, size_t n)
{
	out[0] = control ? 2 : 3;
	out[1] = 0;
	out[2] = (uint8_t)(n >> 8);
	out[3] = (uint8_t)n;
}

int turn_unframe(
    const uint8_t *p, size_t n, bool *control, const uint8_t **payload, size_t *payload_n)
{
	struct rd r = rd_of(p, n);
	uint8_t type = rd_u8(&r), zero = rd_u8(&r);
	size_t len = rd_be16(&r);

	if (r.bad)
		return ERR_TRUNCATED;
	if ((type != 2 && type != 3) || zero)
		return ERR_SYNTAX;
	*control = type == 2;
	*payload = rd_bytes(&r, len);
	*payload_n = len;
	return *payload ? 0 : ERR_TRUNCATED;
}

int turn_cut(enum turn_dialect dialect, const uint8_t *p, size_t n)
{
	struct rd r = rd_of(p, n);
	uint8_t first = rd_u8(&r), second = rd_u8(&r);
	size_t len = rd_be16(&r);

	if (r.bad)
		return 0;
	if (dialect == TURN_MS) {
		if ((first != 2 && first != 3) || second)
			return ERR_SYNTAX;
		len += 4;
	} else if ((first & 0xc0) == 0x40) { /* ChannelData, filled up to four octets */
		len = 4 + ((len + 3) & ~(size_t)3);
	} else if (first & 0xc0 || len % 4) {
		return ERR_SYNTAX;
	} else {
		len += STUN_HEAD;
	}
	if (len > TURN_UNIT)
		return ERR_LIMIT;
	return n >= len ? (int)len : 0;
}
