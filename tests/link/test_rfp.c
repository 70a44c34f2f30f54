/* Soft base stations against the room's base-station link, over TCP in one loop: both generations, admission, keys,
 * radio, connections, flow control, media with real RTP, handover. */
#include "rfp_rig.h"

static void admission(void **state)
{
	struct rig *r = rig_new();
	struct softrfp *b = add(r, 1, false);
	uint8_t mac[6];

	(void)state;
	mac_of(1, mac);
	UNTIL(r, rfp_dir_find(r->dir, mac) != NULL);
	assert_string_equal(rfp_dir_state(rfp_dir_find(r->dir, mac)), "pending");
	UNTIL(r, strstr(r->last_event, "refused"));
	admit(r, 1);
	UNTIL(r, up(b));
	UNTIL(r, strcmp(rfp_dir_state(rfp_dir_find(r->dir, mac)), "up") == 0);
	/* It comes back with the key that it got. */
	assert_int_equal(air_run(r->air, "base 01 reboot", &(struct wr){ 0 }), 0);
	UNTIL(r, !up(b));
	UNTIL(r, up(b));
	assert_int_equal(rfp_dir_find(r->dir, mac)->alarms, 0);
	pass(r, 2500); /* heartbeats are heard: the server does not end it */
	assert_true(up(b));
	no_violations(r);
	rig_free(r);
}

static void held(void **state)
{
	struct rig *r = rig_new();
	uint8_t first[6], second[6];

	(void)state;
	mac_of(8, first);
	mac_of(9, second);
	rfp_srv_hold(r->srv, true);
	add(r, 8, false);
	add(r, 9, false);
	pass(r, 200);
	assert_null(rfp_dir_find(r->dir, first));
	assert_null(rfp_dir_find(r->dir, second));
	rfp_srv_hold(r->srv, false);
	UNTIL(r, rfp_dir_find(r->dir, first) && rfp_dir_find(r->dir, second));
	rfp_srv_hold(r->srv, false); /* nobody waits any more */
	no_violations(r);
	rig_free(r);
}

static void old_generation(void **state)
{
	struct rig *r = rig_new();
	struct softrfp *b = base_up(r, 2, true);

	(void)state;
	connect_pp(r, b, 0xe1234);
	/* More messages than one key lasts: 2,500 frames up, some down. */
	for (unsigned i = 0; i < 2700; i++) {
		uint8_t f[3] = { 0x21, (uint8_t)(i & 0xff), 0x01 };

		assert_true(air_send(r->pc, f, 3));
		if (i % 50 == 0)
			pass(r, 15);
	}
	UNTIL(r, r->frames_up == 2700);
	assert_true(up(b));
	no_violations(r);
	rig_free(r);
}

static void wrong_key(void **state)
{
	struct rig *r = rig_new();
	struct softrfp *b = base_up(r, 3, false);
	uint8_t mac[6];
	char line[200];
	struct wr w = { 0 };

	(void)state;
	mac_of(3, mac);
	snprintf(line, sizeof(line), "base 03 set-key %0128d", 7);
	assert_int_equal(air_run(r->air, line, &w), 0);
	assert_int_equal(air_run(r->air, "base 03 reboot", &w), 0);
	UNTIL(r, rfp_dir_find(r->dir, mac)->alarms & RA_OTHER_KEY);
	assert_false(up(b));
	no_violations(r);
	rig_free(r);
}

static void frames(void **state)
{
	struct rig *r = rig_new();
	struct softrfp *b = base_up(r, 4, false);
	const uint8_t up_f[] = { 0xa1, 0x10, 0x15, 0, 0x71, 5, 6, 7 };
	const uint8_t down_f[] = { 0xa1, 0x31, 0x01 };

	(void)state;
	connect_pp(r, b, 0xe0001);
	assert_true(air_send(r->pc, up_f, sizeof(up_f)));
	UNTIL(r, r->frames_up == 1);
	assert_int_equal(r->nup, 8); /* 8 + 2 of checksum: a whole number of fragments */
	assert_memory_equal(r->last_up, up_f, 8);
	for (unsigned i = 0; i < 20; i++) {
		UNTIL(r, mac_room(r->conn) > 0);
		assert_int_equal(mac_send(r->conn, down_f, sizeof(down_f)), 0);
	}
	UNTIL(r, r->frames_down == 20 && mac_room(r->conn) == 2);
	assert_memory_equal(r->last_down, down_f, 3);
	assert_int_equal(
	    mac_page(rfp_dir_mac(r->dir), MAC_ALL, (const uint8_t *)"\x0c\x12\x34", 3), 1);
	UNTIL(r, r->pages == 1);
	/* Ciphering: the key goes to the base, the portable part switches, the base tells. */
	assert_int_equal(mac_encrypt(r->conn, (const uint8_t *)"\1\2\3\4\5\6\7\x08", 8), 0);
	UNTIL(r, r->has_key);
	assert_true(air_cipher(r->pc, (const uint8_t *)"\1\2\3\4\5\6\7\x08", 8));
	UNTIL(r, r->cipher == 1);
	mac_release(r->conn);
	r->conn = NULL;
	UNTIL(r, r->released);
	assert_int_equal(r->why, AIR_NORMAL);
	/* The other way round. */
	connect_pp(r, b, 0xe0001);
	air_release(r->pc, false);
	UNTIL(r, r->dis == 1);
	no_violations(r);
	rig_free(r);
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
	struct rig *r = CONTAINER_OF((uv_udp_t *)h, struct rig, udp);

	(void)hint;
	*buf = uv_buf_init((char *)r->udp_buf, sizeof(r->udp_buf));
}

/* The far end of the media: sends back what it gets. */
static void on_udp(uv_udp_t *h, ssize_t n, const uv_buf_t *b, const struct sockaddr *sa, unsigned f)
{
	struct rig *r = CONTAINER_OF(h, struct rig, udp);
	uv_buf_t out;

	(void)f;
	if (n != 172 || !sa)
		return;
	r->rtp++;
	for (unsigned i = 0; i < 160; i++)
		r->rtp_energy += fabs((double)g711_alaw_linear((uint8_t)b->base[12 + i]));
	out = uv_buf_init(b->base, (unsigned)n);
	uv_udp_try_send(h, &out, 1, sa);
}

static uint16_t echo(struct rig *r)
{
	struct sockaddr_in sa;
	int len = sizeof(sa);

	uv_udp_init(&r->loop, &r->udp);
	assert_int_equal(uv_ip4_addr("127.0.0.1", 0, &sa), 0);
	assert_int_equal(uv_udp_bind(&r->udp, (struct sockaddr *)&sa, 0), 0);
	assert_int_equal(uv_udp_recv_start(&r->udp, on_alloc, on_udp), 0);
	uv_udp_getsockname(&r->udp, (struct sockaddr *)&sa, &len);
	return ntohs(sa.sin_port);
}

static void speak(struct rig *r, unsigned frames)
{
	int16_t pcm[AIR_SAMPLES];

	for (unsigned f = 0; f < frames; f++) {
		for (unsigned i = 0; i < AIR_SAMPLES; i++)
			pcm[i] = (int16_t)(8000 * sin(2 * M_PI * 440 * (f * 160 + i) / 8000.0));
		air_speak(r->pc, pcm);
		pass(r, 2);
	}
}

static void media(void **state)
{
	struct rig *r = rig_new();
	struct softrfp *b = base_up(r, 5, false), *b2 = base_up(r, 6, false);
	struct mac_media m = { .ncodecs = 1, .ptime_ms = 20, .far = { { 127, 0, 0, 1 }, 0 } };
	struct mac_addr local;

	(void)state;
	m.codecs[0].codec = MAC_PCMA;
	m.codecs[0].pt = 8;
	m.far.port = echo(r);
	connect_pp(r, b, 0x00123);
	assert_int_equal(mac_encrypt(r->conn, (const uint8_t *)"\1\2\3\4\5\6\7\x08", 8), 0);
	UNTIL(r, r->has_key);
	assert_true(air_cipher(r->pc, (const uint8_t *)"\1\2\3\4\5\6\7\x08", 8));
	UNTIL(r, r->cipher == 1);
	assert_int_equal(mac_media_open(r->conn, &m, &local), 0);
	UNTIL(r, r->opened == 1 && air_speech_open(r->pc));
	speak(r, 50);
	UNTIL(r, r->speech == 50);
	assert_int_equal(r->rtp, 50);
	assert_true(r->energy > 50 * 160 * 4000.0 && r->energy < 50 * 160 * 6000.0);
	/* Handover to the other base: key and media follow. */
	assert_true(air_handover(r->pc, softrfp_air(b2), 0x00123));
	UNTIL(r, r->pp_moved && r->moved == 1 && r->media_moved == 1);
	UNTIL(r, air_speech_open(r->pc));
	assert_ptr_equal(air_conn_base(r->pc), softrfp_air(b2));
	assert_true(mac_ciphered(r->conn));
	speak(r, 50);
	UNTIL(r, r->speech == 100);
	UNTIL(r, r->stats == 1);
	assert_int_equal(r->st.tx_packets, 50);
	assert_int_equal(r->st.rx_packets, 50);
	/* A refused one: it stays. */
	r->refuse_ho = ERR_BUSY;
	r->pp_moved = true;
	assert_true(air_handover(r->pc, softrfp_air(b), 0x00123));
	UNTIL(r, !r->pp_moved);
	assert_ptr_equal(air_conn_base(r->pc), softrfp_air(b2));
	mac_media_close(r->conn);
	UNTIL(r, r->stats == 2);
	mac_release(r->conn);
	r->conn = NULL;
	UNTIL(r, r->released);
	uv_close((uv_handle_t *)&r->udp, NULL);
	no_violations(r);
	rig_free(r);
}

/* Another program at the base has the port: the next ones are tried, the far end stays; if all are taken it fails. */
static void port_in_use(void **state)
{
	struct rig *r = rig_new();
	struct softrfp *b = base_up(r, 7, false);
	struct mac_media m = { .ncodecs = 1, .ptime_ms = 20, .far = { { 127, 0, 0, 1 }, 0 } };
	char text[128], name[8];
	struct wr w = wr_of(text, sizeof(text));
	struct mac_addr local;

	(void)state;
	(void)snprintf(name, sizeof(name), "%02x07", (unsigned)getpid() & 0xff);
	m.codecs[0].codec = MAC_PCMA;
	m.codecs[0].pt = 8;
	m.far.port = echo(r);
	connect_pp(r, b, 0x00123);
	for (unsigned taken = 2; taken <= 6; taken += 4) {
		r->opened = r->media_failed = 0;
		(void)snprintf(
		    text, sizeof(text), "base %s nack 0201 %08x %u", name, RFP_NACK_PORT, taken);
		assert_int_equal(air_run(r->air, text, &w), 0);
		assert_int_equal(mac_media_open(r->conn, &m, &local), 0);
		if (taken == 2) {
			UNTIL(r, r->rtp == 0 && air_speech_open(r->pc));
			speak(r, 20);
			UNTIL(r, r->speech == 20 && r->rtp == 20);
			assert_int_equal(r->media_failed, 0);
			mac_media_close(r->conn);
			UNTIL(r, r->stats == 1);
		} else {
			UNTIL(r, r->media_failed == 1);
			assert_false(mac_media_is_open(r->conn));
		}
	}
	mac_release(r->conn);
	r->conn = NULL;
	UNTIL(r, r->released);
	uv_close((uv_handle_t *)&r->udp, NULL);
	no_violations(r);
	rig_free(r);
}

/* Handsets come the moment that a base is on air, before it has answered all of its start. */
static void at_once(void **state)
{
	struct rig *r = rig_new();
	struct softrfp *b;

	(void)state;
	admit(r, 0x20);
	b = add_with(r, 0x20, false, 2 * RIG_MS);
	UNTIL(r, up(b));
	connect_pp(r, b, 0xe1234);
	assert_int_equal(r->conns, 1);
	no_violations(r);
	rig_free(r);
}

/* Four bases start at the same moment: one is master, the others find it and follow. */
static void together(void **state)
{
	struct rig *r = rig_new();
	struct softrfp *b[4];
	unsigned masters = 0;
	char text[1000] = "";
	struct wr w = wr_of(text, sizeof(text) - 1);

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		admit(r, 0x10 + i);
	for (unsigned i = 0; i < 4; i++)
		b[i] = add(r, 0x10 + i, false);
	UNTIL(r, up(b[0]) && up(b[1]) && up(b[2]) && up(b[3]));
	assert_int_equal(air_run(r->air, "base list", &w), 0);
	for (const char *p = text; (p = strstr(p, " master ")); p++)
		masters++;
	assert_int_equal(masters, 1);
	no_violations(r);
	rig_free(r);
}

/* The base's own judgement: what the server must not do is found. */
static void strict(void **state)
{
	struct rig *r = rig_new();
	struct softrfp *b = base_up(r, 7, false);
	uint8_t mac[6];
	/* LC_DATA_REQ into a connection that does not exist; a page of 4 octets; media nobody opened */
	const uint8_t bad[] = { 0x79, 0x05, 0x09, 0x00, 0x03, 0xa1, 0x31, 0x01 };
	const uint8_t page[] = { 0x7a, 0x08, 0x04, 0, 1, 2, 3 };

	(void)state;
	mac_of(7, mac);
	assert_int_equal(rfp_link_send_dnm(rfp_dir_find(r->dir, mac)->link, bad, sizeof(bad)), 0);
	assert_int_equal(rfp_link_send_dnm(rfp_dir_find(r->dir, mac)->link, page, sizeof(page)), 0);
	UNTIL(r, air_violations(r->air) == 2);
	assert_non_null(strstr(air_violation_text(r->air, 0), "rfp-link 8: primitive 05"));
	assert_non_null(strstr(air_violation_text(r->air, 1), "page of 4 octets"));
	assert_true(up(b));
	rig_free(r);
}

static void g711(void **state)
{
	(void)state;
	/* Every code decodes to what encodes to it again; a few values of the tables of G.711. */
	for (unsigned i = 0; i < 256; i++) {
		assert_int_equal(g711_alaw(g711_alaw_linear((uint8_t)i)), i);
		if (i != 0x7f) /* minus zero */
			assert_int_equal(g711_ulaw(g711_ulaw_linear((uint8_t)i)), i);
	}
	assert_int_equal(g711_alaw_linear(0xd5), 8);
	assert_int_equal(g711_alaw_linear(0x2a), -32256);
	assert_int_equal(g711_ulaw_linear(0x80), 32124);
	assert_int_equal(g711_ulaw(0), 0xff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(admission),
		cmocka_unit_test(held),
		cmocka_unit_test(old_generation),
		cmocka_unit_test(wrong_key),
		cmocka_unit_test(frames),
		cmocka_unit_test(media),
		cmocka_unit_test(port_in_use),
		cmocka_unit_test(at_once),
		cmocka_unit_test(together),
		cmocka_unit_test(strict),
		cmocka_unit_test(g711),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
