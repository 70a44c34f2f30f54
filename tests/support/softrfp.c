/* A soft base station: its TCP link, hand-shake, encryption, configuration and heartbeat (rfp-link 4, 5, 14). */
#include "tests/support/softrfp.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/enc.h"
#include "common/mem.h"
#include "common/ossl.h"
#include "tests/support/softrfp_priv.h"
#include <openssl/evp.h>
#include <openssl/rand.h>

#define READY_MS 50 /* until the radio processor has started */

void softrfp_defaults(struct softrfp_conf *c)
{
	memset(c, 0, sizeof(*c));
	snprintf(c->server, sizeof(c->server), "127.0.0.1");
	c->port = 16321;
	c->model = 0x0d;
	c->protocol = 0x00080201;
	snprintf(c->version, sizeof(c->version), "SIP-DECT 8.1SP3-FK24");
	c->retry_ms = 1000;
	c->boot_ms = 500;
	c->search_ms = 200;
	c->channels = 8;
	c->rssi = 70;
}

void sr_violation(struct softrfp *b, const char *rule, const char *fmt, ...)
{
	char text[384];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	air_violation(b->air, b->who, rule, "%s", text);
}

uint32_t sr_random(struct softrfp *b)
{
	b->seed = b->seed * 1664525u + 1013904223u;
	return b->seed >> 8;
}

/* ---- the key and the root hash, kept as a real base keeps them in flash ---- */

static bool path(const struct softrfp *b, char *out, size_t cap)
{
	if (!b->conf.state[0])
		return false;
	return snprintf(out, cap, "%s/base-%s.key", b->conf.state, b->name) < (int)cap;
}

void sr_store(struct softrfp *b)
{
	char file[300], hex[2 * RFP_RFPA_LEN + 1] = "-";
	FILE *f;

	if (!path(b, file, sizeof(file)))
		return;
	if (b->have_key)
		enc_hex(b->rfpa, sizeof(b->rfpa), hex);
	f = fopen(file, "w");
	if (!f) {
		air_event(b->air, "%s can't write %s", b->who, file);
		return;
	}
	fprintf(f, "%s %s\n", hex, b->root_hash[0] ? b->root_hash : "-");
	fclose(f);
}

static void load(struct softrfp *b)
{
	char file[300], hex[2 * RFP_RFPA_LEN + 1], hash[SR_HASH_LEN + 1];
	size_t n;
	FILE *f;

	if (!path(b, file, sizeof(file)) || !(f = fopen(file, "r")))
		return;
	if (fscanf(f, "%128s %22s", hex, hash) == 2) {
		b->have_key = enc_unhex(slice_str(hex), b->rfpa, sizeof(b->rfpa), &n) == 0 &&
		              n == sizeof(b->rfpa);
		if (hash[0] != '-')
			memcpy(b->root_hash, hash, sizeof(b->root_hash));
	}
	fclose(f);
}

/* ---- sending ---- */

struct piece {
	uv_write_t req;
	uint8_t data[];
};

static void on_written(uv_write_t *req, int status)
{
	(void)status;
	free(CONTAINER_OF(req, struct piece, req));
}

static void put(struct softrfp *b, const uint8_t *p, size_t n)
{
	uv_buf_t buf = uv_buf_init((char *)(uintptr_t)p, (unsigned)n);
	uv_stream_t *st = b->tcp ? (uv_stream_t *)&b->tcp->tcp : NULL;
	struct piece *w;
	int sent;

	if (!st)
		return;
	sent = uv_stream_get_write_queue_size(st) ? 0 : uv_try_write(st, &buf, 1);
	if (sent == (int)n)
		return;
	if (sent < 0)
		sent = 0;
	n -= (size_t)sent;
	w = mem_new(sizeof(*w) + n);
	memcpy(w->data, p + sent, n);
	buf = uv_buf_init((char *)w->data, (unsigned)n);
	if (uv_write(&w->req, st, &buf, 1, on_written) != 0)
		free(w);
}

void sr_put(struct softrfp *b, const uint8_t *msg, size_t n)
{
	uint8_t wire[RFP_WIRE_MAX];

	if (!b->sealed) {
		put(b, msg, n);
		return;
	}
	n = rfp_seal(&b->tx, msg, n, wire);
	put(b, wire, n);
}

void sr_send(struct softrfp *b, const struct rfp_msg *m)
{
	uint8_t buf[RFP_HDR + 600];
	struct wr w = wr_of(buf, sizeof(buf));

	BUG_ON(rfp_msg_build(m, &w) != 0);
	sr_put(b, buf, w.n);
}

/* ---- hand-shake ---- */

static void aes_ecb(bool encrypt, const uint8_t key[32], const uint8_t *in, size_t n, uint8_t *out)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int len = 0;

	BUG_ON(!c || EVP_CipherInit_ex(c, EVP_aes_256_ecb(), NULL, key, NULL, encrypt) != 1 ||
	       EVP_CIPHER_CTX_set_padding(c, 0) != 1 ||
	       EVP_CipherUpdate(c, out, &len, in, (int)n) != 1);
	EVP_CIPHER_CTX_free(c);
}

/* SYS_INIT, form B or C by the protocol version; signed (rfp-link 4.3). */
static void send_init(struct softrfp *b)
{
	static const uint8_t key[32] = { 0xe7, 0x05, 0xbc, 0x1a, 0x92, 0x41, 0x2f, 0x32, 0x62, 0xc5,
		0x47, 0xf8, 0x79, 0x46, 0x93, 0x69, 0x97, 0xe6, 0x90, 0xad, 0xa4, 0x6f, 0xad, 0x25,
		0xbb, 0xc6, 0x26, 0xf6, 0xf5, 0xa5, 0xa6, 0xce };
	static const uint8_t magic[8] = { 0x00, 0x03, 0x7a, 0x20, 0x00, 0x05, 0x29, 0xd9 };
	struct rfp_msg m = { .type = RFP_SYS_INIT };
	uint8_t rest[20 + 0x90 + RFP_SIG_LEN] = { 0 }, plain[RFP_BLOCK_LEN] = { 0 };
	uint8_t buf[RFP_HDR + 0x110];
	struct wr w = wr_of(buf, sizeof(buf));
	size_t at = b->conf.protocol <= 0x00080000 ? 8 : 20;
	uint32_t sum;

	m.u.init.model = b->conf.model;
	m.u.init.base = b->conf.protocol == 0x00080201 ? 0x00080100 : b->conf.protocol;
	memcpy(m.u.init.mac, b->conf.mac, 6);
	m.u.init.caps = rfp_model_generation(b->conf.model) >= 3 ? 0x0001ef3c : 0x000003dc;
	m.u.init.protocol = b->conf.protocol;
	memcpy(plain, magic, sizeof(magic));
	memcpy(plain + 8, b->conf.mac, 6);
	plain[14] = 0x08;
	sum = rfp_cksum(plain, 60);
	for (int i = 0; i < 4; i++)
		plain[60 + i] = (uint8_t)(sum >> (24 - 8 * i));
	aes_ecb(true, key, plain, sizeof(plain), m.u.init.block);
	memcpy(rest + at, b->conf.version, strlen(b->conf.version));
	m.u.init.rest = (struct slice){ (const char *)rest, at + 0x90 + RFP_SIG_LEN };
	BUG_ON(rfp_msg_build(&m, &w) != 0);
	BUG_ON(rfp_signature(b->auth, buf, w.n, buf + w.n - RFP_SIG_LEN) != 0);
	b->st = SR_ANSWER;
	sr_put(b, buf, w.n);
}

static void send_time(struct softrfp *b)
{
	struct rfp_msg m = { .type = RFP_SYS_VSNTP_TIME };
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	m.u.time.t2 = (uint32_t)now.tv_sec + SR_NTP_1970;
	m.u.time.t2_frac = (uint32_t)(((uint64_t)now.tv_nsec << 32) / 1000000000u);
	sr_send(b, &m);
}

/* The plain ACK of SYS_INIT: from here on everything is sealed, both ways. */
static void accepted(struct softrfp *b, const struct rfp_msg *m)
{
	struct rfp_cipher rx;
	uint8_t iv[BF_BLOCK];

	if (m->u.ack.what != RFP_SYS_INIT || m->len != 8 || m->u.ack.call != 0xffff ||
	    m->u.ack.more[0] != 1)
		sr_violation(b, "rfp-link 4.1", "ACK is not 0120 ffff 01000000");
	if (!b->conf.old && !b->have_key) {
		sr_violation(b, "rfp-link 4.4", "accepted without a key, and it has none");
		sr_break(b, "no key", b->conf.retry_ms);
		return;
	}
	rfp_iv(b->auth, TO_RFP, iv);
	if (b->conf.old)
		rfp_cipher_fixed(&rx, TO_RFP, iv);
	else
		rfp_cipher_key(&rx, rfp_subkey(b->rfpa, TO_RFP), iv);
	rfp_frame_seal(&b->rx, &rx);
	rfp_iv(b->auth, TO_OMM, iv);
	if (b->conf.old)
		rfp_cipher_fixed(&b->tx, TO_OMM, iv);
	else
		rfp_cipher_key(&b->tx, rfp_subkey(b->rfpa, TO_OMM), iv);
	b->sealed = true;
	b->st = SR_SEALED;
	b->burst = 0;
	b->sealed_at = tmr_now(b->w);
	if (!b->conf.old)
		sr_send(b, &(struct rfp_msg){ .type = RFP_SYS_ENCRYPTION_CONF });
	send_time(b);
	air_event(b->air, "%s accepted", b->who);
	tmr_start(&b->beat, 15000);
	tmr_start(&b->steps, READY_MS);
}

static void re_enrol(struct softrfp *b, const struct rfp_msg *m)
{
	char pw[4 + SR_HASH_LEN + 1];
	uint8_t k[RFP_AUTH_LEN], hash[32], in[RFP_AUTH_LEN + 26 + 64];

	if (!b->root_hash[0]) {
		air_event(b->air, "%s can't be re-enrolled: no root hash", b->who);
		sr_break(b, "re-enrolment without a former manager", b->conf.retry_ms);
		return;
	}
	snprintf(pw, sizeof(pw), "$1$$%s", b->root_hash);
	memcpy(in, b->auth, RFP_AUTH_LEN);
	memcpy(in + RFP_AUTH_LEN, pw, 26);
	memcpy(in + RFP_AUTH_LEN + 26, m->u.re_enrol.wrapped, 64);
	BUG_ON(EVP_Digest(in, sizeof(in), hash, NULL, EVP_sha256(), NULL) != 1);
	if (memcmp(hash, m->u.re_enrol.hash, sizeof(hash)) != 0) {
		air_event(b->air, "%s refuses re-enrolment: hash differs", b->who);
		sr_break(b, "re-enrolment hash", b->conf.retry_ms);
		return;
	}
	memcpy(k, b->auth, sizeof(k));
	memcpy(k, pw, 26);
	aes_ecb(false, k, m->u.re_enrol.wrapped, 64, b->rfpa);
	b->have_key = true;
	sr_store(b);
	air_event(b->air, "%s re-enrolled", b->who);
}

static void plain(struct softrfp *b, const struct rfp_msg *m)
{
	if (b->st == SR_AUTH) {
		if (m->type != RFP_SYS_AUTHENTICATE || m->len != RFP_AUTH_LEN) {
			sr_violation(b, "rfp-link 4.1", "first message is %04x with %u octets",
			    m->type, m->len);
			sr_break(b, "protocol", b->conf.retry_ms);
			return;
		}
		memcpy(b->auth, m->u.auth.octets, sizeof(b->auth));
		send_init(b);
		return;
	}
	switch (m->type) {
	case RFP_SYS_AUTH_KEY:
		if (b->conf.old)
			sr_violation(b, "rfp-link 4.6", "SYS_RFP_AUTH_KEY to old firmware");
		if (m->len != RFP_RFPA_LEN)
			sr_violation(b, "rfp-link 4.4", "key of %u octets", m->len);
		/* RFP: whether a base that holds a key takes another one is not known; this one does. */
		memcpy(b->rfpa, m->u.key.octets, sizeof(b->rfpa));
		b->have_key = true;
		sr_store(b);
		air_event(b->air, "%s enrolled", b->who);
		break;
	case RFP_SYS_RE_ENROLEMENT:
		if (b->conf.old)
			sr_violation(b, "rfp-link 4.6", "SYS_RFP_RE_ENROLEMENT to old firmware");
		re_enrol(b, m);
		break;
	case RFP_ACK:
		accepted(b, m);
		break;
	default:
		sr_violation(b, "rfp-link 4.1", "%04x in the plain phase", m->type);
		sr_break(b, "protocol", b->conf.retry_ms);
	}
}

static void on_steps(struct tmr *t, void *ctx)
{
	struct softrfp *b = ctx;

	(void)t;
	if (b->st == SR_SEALED)
		sr_radio_init(b);
}

/* The whole burst is to be there before the radio is initialised. */
/* ---- heartbeat ---- */

static void on_beat(struct tmr *t, void *ctx)
{
	struct softrfp *b = ctx;
	struct rfp_msg m = { .type = RFP_HEARTBEAT };

	(void)t;
	if (b->st != SR_SEALED)
		return;
	tmr_start(&b->beat, (b->beat_s ? b->beat_s : 15) * 1000ull + 15);
	if (b->silent)
		return;
	m.u.heartbeat.ms = (uint32_t)(tmr_now(b->w) - b->booted);
	m.u.heartbeat.second = b->beats++ ? 5500 : UINT32_MAX;
	sr_send(b, &m);
	/* The clock is asked for at about 70, 141, 263, 520 s: here at beats 5, 10, 20 … */
	if (b->beats >= b->vsntp) {
		b->vsntp *= 2;
		send_time(b);
	}
}

/* ---- TCP ---- */

static void on_gone(uv_handle_t *h)
{
	free(CONTAINER_OF(h, struct sr_tcp, tcp));
}

/* Ends the link; again_ms: when it tries anew, 0: not at all. */
void sr_break(struct softrfp *b, const char *why, uint64_t again_ms)
{
	bool was_up = b->radio == SRR_ACTIVE;

	if (b->tcp) {
		b->tcp->b = NULL;
		uv_close((uv_handle_t *)&b->tcp->tcp, on_gone);
		b->tcp = NULL;
	}
	tmr_stop(&b->beat);
	tmr_stop(&b->steps);
	sr_radio_off(b);
	rfp_cipher_wipe(&b->tx);
	rfp_frame_wipe(&b->rx);
	b->sealed = false;
	if (b->st == SR_ANSWER && strcmp(why, "closed") == 0)
		air_event(b->air, "%s refused", b->who);
	else if (b->st != SR_OFF && b->st != SR_WAIT && b->st != SR_CONNECT)
		air_event(b->air, "%s %s %s", b->who, was_up ? "down" : "lost", why);
	b->st = again_ms ? SR_WAIT : SR_OFF;
	tmr_stop(&b->retry);
	if (again_ms)
		tmr_start(&b->retry, again_ms);
}

void sr_reboot(struct softrfp *b, const char *why)
{
	sr_break(b, why, b->conf.boot_ms);
	b->booted = tmr_now(b->w);
	b->beats = 0;
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
	struct sr_tcp *t = CONTAINER_OF(h, struct sr_tcp, tcp);
	size_t n = 0;

	(void)hint;
	buf->base = t->b ? (char *)rfp_frame_room(&t->b->rx, &n) : NULL;
	buf->len = n;
}

static void message(struct softrfp *b, struct slice whole)
{
	struct rfp_msg m;
	int err = rfp_msg_parse(whole, &m);

	if (err) {
		sr_violation(b, "rfp-link 6", "message %04x of %zu octets: %s",
		    whole.n > 1 ? (unsigned)((uint8_t)whole.p[0] << 8 | (uint8_t)whole.p[1]) : 0u,
		    whole.n, err_text(err));
		return;
	}
	if (b->st == SR_SEALED)
		sr_sealed(b, &m);
	else
		plain(b, &m);
}

static void on_read(uv_stream_t *st, ssize_t n, const uv_buf_t *buf)
{
	struct sr_tcp *t = CONTAINER_OF((uv_tcp_t *)st, struct sr_tcp, tcp);
	struct softrfp *b = t->b;
	struct slice msg;
	int rc = 0;

	(void)buf;
	if (!b || n == 0)
		return;
	if (n < 0) {
		sr_break(b, n == UV_EOF ? "closed" : "broken", b->conf.retry_ms);
		return;
	}
	rfp_frame_put(&b->rx, (size_t)n);
	while (t->b && (rc = rfp_frame_next(&b->rx, &msg)) == 1)
		message(b, msg);
	if (t->b && rc < 0) {
		/* Another key than ours: no base can tell it from garbage. */
		air_event(b->air, "%s deaf: what comes does not decrypt", b->who);
		sr_break(b, "wrong key", b->conf.retry_ms);
	}
}

static void on_connect(uv_connect_t *req, int status)
{
	struct sr_tcp *t = CONTAINER_OF(req, struct sr_tcp, req);
	struct softrfp *b = t->b;

	if (!b)
		return;
	if (status == 0)
		status = uv_read_start((uv_stream_t *)&t->tcp, on_alloc, on_read);
	if (status < 0) {
		sr_break(b, "no server", b->conf.retry_ms);
		return;
	}
	uv_tcp_nodelay(&t->tcp, 1);
	b->st = SR_AUTH;
	b->links++;
	air_event(b->air, "%s connected", b->who);
}

static int address(const char *ip, uint16_t port, struct sockaddr_storage *ss)
{
	memset(ss, 0, sizeof(*ss));
	if (uv_ip4_addr(ip, port, (struct sockaddr_in *)ss) == 0)
		return 0;
	return uv_ip6_addr(ip, port, (struct sockaddr_in6 *)ss);
}

static void on_retry(struct tmr *tm, void *ctx)
{
	struct softrfp *b = ctx;
	struct sockaddr_storage to, from;
	struct sr_tcp *t;
	int err;

	(void)tm;
	rfp_frame_init(&b->rx);
	b->sealed = false;
	b->st = SR_CONNECT;
	t = mem_new(sizeof(*t));
	t->b = b;
	b->tcp = t;
	uv_tcp_init(b->loop, &t->tcp);
	err = address(b->conf.server, b->conf.port, &to);
	if (!err && b->conf.ip[0]) {
		err = address(b->conf.ip, 0, &from);
		if (!err)
			err = uv_tcp_bind(&t->tcp, (struct sockaddr *)&from, 0);
	}
	if (!err)
		err = uv_tcp_connect(&t->req, &t->tcp, (struct sockaddr *)&to, on_connect);
	if (err)
		sr_break(b, "no server", b->conf.retry_ms);
}

/* ---- life ---- */

struct softrfp_set *softrfp_set_new(struct air *a, uv_loop_t *loop)
{
	struct softrfp_set *s = mem_new(sizeof(*s));

	s->air = a;
	s->loop = loop;
	list_init(&s->bases);
	air_noun(a, "base", sr_command, s,
	    "base add MAC [server=IP:PORT gen=new|old early=connection|identity model=HEX "
	    "protocol=HEX version=TEXT ip=IP "
	    "state=DIR retry=MS boot=MS"
	    " search=MS freq=MS channels=N rssi=N loss=PERMILLE]\n"
	    "base list | base MAC show|conns|on|off|reboot|break|silent|hears OTHER "
	    "RSSI|forget-key|set-key HEX|lose-dtr N"
	    "|nack TYPE REASON [N]|loss PERMILLE|drop-conns|raw HEX");
	return s;
}

struct softrfp *softrfp_add(struct softrfp_set *s, const struct softrfp_conf *c)
{
	struct softrfp *b = mem_new(sizeof(*b));

	b->set = s;
	b->air = s->air;
	b->loop = s->loop;
	b->w = air_wheel(s->air);
	b->conf = *c;
	b->vsntp = 5;
	b->seed = (uint32_t)c->mac[4] << 8 | c->mac[5];
	enc_hex(c->mac, 6, b->name);
	snprintf(b->who, sizeof(b->who), "base %s", b->name);
	if (!b->conf.ip[0] && strncmp(b->conf.server, "127.", 4) == 0)
		snprintf(b->conf.ip, sizeof(b->conf.ip), "127.%u.%u.%u", 16 + c->mac[3] % 200u,
		    c->mac[4], c->mac[5] ? c->mac[5] : 254u);
	tmr_init(&b->retry, b->w, on_retry, b);
	tmr_init(&b->beat, b->w, on_beat, b);
	tmr_init(&b->steps, b->w, on_steps, b);
	rfp_frame_init(&b->rx);
	load(b);
	b->on = air_base_add(b->air, &sr_air_ops, b, b->name);
	sr_media_init(b);
	sr_radio_new(b);
	list_append(&s->bases, &b->node);
	b->booted = tmr_now(b->w);
	b->st = SR_WAIT;
	tmr_start(&b->retry, 0);
	return b;
}

void softrfp_off(struct softrfp *b)
{
	sr_break(b, "switched off", 0);
}

void softrfp_on(struct softrfp *b)
{
	if (b->st != SR_OFF)
		return;
	b->st = SR_WAIT;
	b->booted = tmr_now(b->w);
	b->beats = 0;
	tmr_start(&b->retry, 0);
}

void softrfp_set_free(struct softrfp_set *s)
{
	if (!s)
		return;
	while (!list_empty(&s->bases)) {
		struct softrfp *b = LIST_ENTRY(s->bases.next, struct softrfp, node);

		sr_break(b, "ends", 0);
		list_remove(&b->node);
		mem_free_wiped(b, sizeof(*b));
	}
	free(s);
}

const char *softrfp_state(const struct softrfp *b)
{
	static const char *const words[] = { "off", "waiting", "connecting", "connected",
		"not accepted yet", "starting" };

	return b->st == SR_SEALED && b->radio == SRR_ACTIVE ? "up" : words[b->st];
}

struct air_base *softrfp_air(const struct softrfp *b)
{
	return b->on;
}

struct softrfp *softrfp_find(struct softrfp_set *s, const char *name)
{
	size_t n = strlen(name);

	LIST_FOREACH(&s->bases, it)
	{
		struct softrfp *b = LIST_ENTRY(it, struct softrfp, node);

		if (n > 0 && n <= 12 && strcmp(b->name + 12 - n, name) == 0)
			return b;
	}
	return NULL;
}
