/* The message codec: every vector parsed, its fields judged, and built again octet by octet; the stream of a real
 * RFP 32 decoded to its last message; hostile input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/enc.h"
#include "common/mem.h"
#include "dectd/rfp_frame.h"
#include "dectd/rfp_msg.h"
#include "rfp_vectors.h"

static uint8_t buf[8192];

static struct slice vector(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(rfp_vectors); i++) {
		size_t n = 0;

		if (strcmp(rfp_vectors[i].name, name) != 0)
			continue;
		assert_int_equal(enc_unhex(slice_str(rfp_vectors[i].hex), buf, sizeof(buf), &n), 0);
		return (struct slice){ (const char *)buf, n };
	}
	fail_msg("no vector %s", name);
	return (struct slice){ 0 };
}

static struct rfp_msg parse(const char *name)
{
	struct rfp_msg m;

	assert_int_equal(rfp_msg_parse(vector(name), &m), 0);
	return m;
}

static void round_trip(void **state)
{
	(void)state;
	assert_int_equal(ARRAY_LEN(rfp_vectors), 92);
	for (size_t i = 0; i < ARRAY_LEN(rfp_vectors); i++) {
		struct slice in = vector(rfp_vectors[i].name);
		uint8_t out[4200];
		char text[8192];
		struct wr w = wr_of(out, sizeof(out)), d = wr_of(text, sizeof(text));
		struct rfp_msg m;
		int err = rfp_msg_parse(in, &m);

		if (err)
			fail_msg("%s: %s", rfp_vectors[i].name, err_name(err));
		assert_non_null(rfp_msg_name(&m));
		assert_int_equal(rfp_msg_build(&m, &w), 0);
		if (w.n != in.n || memcmp(out, in.p, in.n) != 0)
			fail_msg("%s is built differently", rfp_vectors[i].name);
		rfp_msg_dump(&m, &d);
		assert_false(d.bad);
		/* Without a wish for a length: at least as many octets as the vector. */
		m.len = 0;
		w = wr_of(out, sizeof(out));
		assert_int_equal(rfp_msg_build(&m, &w), 0);
		if (w.n < in.n && m.type != RFP_SYS_CORE_DUMP) /* text: as long as it is */
			fail_msg("%s is built too short", rfp_vectors[i].name);
		/* Every shorter one is refused or is a shorter form, never read past its end. */
		for (size_t cut = 0; cut < in.n; cut++) {
			uint8_t *copy = mem_dup(in.p, cut ? cut : 1);

			if (cut >= 4) {
				copy[2] = (uint8_t)((cut - 4) >> 8);
				copy[3] = (uint8_t)(cut - 4);
			}
			if (rfp_msg_parse((struct slice){ (char *)copy, cut }, &m) == 0)
				assert_true(cut >= 4);
			free(copy);
		}
	}
}

static void fields(void **state)
{
	static const uint8_t mac[6] = { 0x02, 0x00, 0x5e, 0x10, 0x00, 0x01 };
	struct rfp_msg m = parse("sys_init_proto_00080201");
	struct rfp_init in;
	struct rfp_statistics st;
	struct sync_neighbour nb[4];
	uint8_t key;
	struct slice val;
	struct rd r;

	(void)state;
	assert_int_equal(rfp_init_of(&m, &in), 0);
	assert_int_equal(in.model, 0x0d);
	assert_string_equal(rfp_model_name(in.model), "RFP 43");
	assert_int_equal(rfp_model_generation(in.model), 3);
	assert_memory_equal(in.mac, mac, 6);
	assert_int_equal(in.caps, 0x0001ef3c);
	assert_int_equal(in.protocol, 0x00080201);
	assert_true(slice_eq(in.version, SLICE_LIT("SIP-DECT 8.1SP3-TEST")));
	m = parse("sys_init_proto_00070100");
	assert_int_equal(rfp_init_of(&m, &in), 0);
	assert_true(slice_eq(in.version, SLICE_LIT("SIP-DECT 7.1-TEST")));
	assert_int_equal(rfp_model_generation(in.model), 2);
	m = parse("ack_sys_init");
	assert_int_equal(m.u.ack.what, RFP_SYS_INIT);
	assert_int_equal(m.u.ack.call, 0xffff);
	m = parse("heartbeat");
	assert_int_equal(m.u.heartbeat.ms, 0x566b0c);
	assert_int_equal(m.u.heartbeat.second, 10000);
	m = parse("nack_media_open");
	assert_int_equal(m.u.nack.what, RFP_MEDIA_OPEN);
	assert_int_equal(m.u.nack.call, 0x1234);
	assert_string_equal(rfp_nack_text(m.u.nack.reason), "wrong state");
	m = parse("sys_http_set");
	assert_int_equal(m.u.target.port, 443);
	m = parse("rfpc_init_req");
	assert_int_equal(m.prim, RFPC_INIT_REQ);
	r = rd_of(m.u.rfpc.items.p, m.u.rfpc.items.n);
	assert_int_equal(rfpc_next(&r, &key, &val), 1);
	assert_int_equal(key, RFPC_I_RFPI);
	assert_int_equal(val.n, 5);
	m = parse("mac_con_ind_handover");
	assert_int_equal(m.u.con.mcei, 3);
	assert_int_equal(m.u.con.pmid, 5);
	assert_int_equal(m.u.con.flags, 2);
	m = parse("lc_data_ind_locate_request");
	assert_int_equal(m.u.lc.mcei, 2);
	assert_int_equal(m.u.lc.frame.n, 0x1c);
	m = parse("media_conf");
	assert_int_equal(m.u.m_conf.handle, 0xb44e);
	assert_int_equal(m.u.m_conf.vif, 20);
	assert_int_equal(m.u.m_conf.ncodecs, 1);
	assert_int_equal(m.u.m_conf.codec[0].pt, 8);
	assert_int_equal(m.u.m_conf.mcei, 2);
	assert_int_equal(m.u.m_conf.dtmf_tx, 101);
	assert_int_equal(m.u.m_conf.rtp, 16326);
	assert_int_equal(m.u.m_conf.rtcp, 16327);
	m = parse("media_statistics");
	assert_int_equal(m.u.m_stats.seconds, 2);
	assert_int_equal(m.u.m_stats.tx_packets, 0x72);
	assert_int_equal(m.u.m_stats.jitter_us, 0x31be);
	m = parse("sync_system_search_cfm");
	assert_int_equal(sync_search_list(m.u.sync.data, nb, 4), 1);
	assert_int_equal(nb[0].rpn, 5);
	assert_int_equal(nb[0].rssi, 0x41);
	m = parse("sync_phase_ofs_with_rssi_ind");
	assert_int_equal(sync_phase_list(m.u.sync.data, nb, 4), 2);
	assert_int_equal(nb[0].rpn, 5);
	assert_int_equal(nb[0].offset_ns, -3 * 48);
	assert_int_equal(nb[0].rssi, 0x43);
	assert_int_equal(nb[1].offset_ns, 48);
	assert_int_equal(sync_search_list((struct slice){ 0 }, nb, 4), ERR_STATE);
	assert_int_equal(rfp_statistics_of(SLICE_LIT("short"), &st), ERR_TRUNCATED);
}

static void secrets_stay_out_of_dumps(void **state)
{
	static const char *const names[] = { "sys_rfp_auth_key", "sys_rfp_re_enrolement",
		"mac_enc_key_req", "mac_ho_in_progress_res", "sys_passwd", "snmp_rfp_update" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct rfp_msg m = parse(names[i]);
		char text[4096];
		struct wr d = wr_of(text, sizeof(text));

		rfp_msg_dump(&m, &d);
		assert_true(wr_nul(&d));
		assert_non_null(strstr(text, "***"));
		assert_null(strstr(text, "4041424344"));
		assert_null(strstr(text, "0123456789abcdef"));
		assert_null(strstr(text, "ysVNzQc4"));
	}
}

static void trailing_and_odd(void **state)
{
	struct rfp_msg m;
	struct sync_neighbour nb[2];

	(void)state;
	/* A longer C structure than documented. */
	assert_int_equal(
	    rfp_msg_parse(SLICE_LIT("\x00\x03\x00\x0c"
	                            "\x01\x00\x00\x00\x02\x00\x00\x00\xaa\xbb\xcc\xdd"),
	        &m),
	    0);
	assert_int_equal(m.u.heartbeat.ms, 1);
	/* Reset without padding; an LC length octet beyond the message. */
	assert_int_equal(rfp_msg_parse(SLICE_LIT("\x01\x21\x00\x01\x02"), &m), 0);
	assert_int_equal(
	    rfp_msg_parse(SLICE_LIT("\x03\x01\x00\x06\x79\x06\x02\x00\x09\xa1"), &m), ERR_SYNTAX);
	/* A SYNC length octet that counts the stray octet after the data (0e for 13). */
	assert_int_equal(
	    rfp_msg_parse(SLICE_LIT("\x03\x02\x00\x10\x7d\x2c\x0e\x02"
	                            "\x00\x05\xff\xfd\x43\x07\x00\x09\x00\x01\x46\x00"),
	        &m),
	    0);
	assert_int_equal(sync_phase_list(m.u.sync.data, nb, 2), 2);
	assert_int_equal(rfp_msg_parse(SLICE_LIT("\x03\x02\x00\x03\x7d\x1f\x05"), &m), ERR_SYNTAX);
	/* Unknown: type, layer and length are there for the log. */
	assert_int_equal(rfp_msg_parse(SLICE_LIT("\x01\x29\x00\x01\x00"), &m), ERR_UNSUPP);
	assert_int_equal(m.type, 0x0129);
	assert_string_equal(rfp_type_name(m.type), "SYS_PING");
	assert_int_equal(rfp_msg_parse(SLICE_LIT("\x03\x01\x00\x03\x7a\x17\x02"), &m), ERR_UNSUPP);
	assert_int_equal(m.prim, 0x17);
	assert_null(rfp_type_name(0x0700));
	assert_int_equal(rfp_msg_parse(SLICE_LIT("\x01\x29\x00\x02\x00"), &m), ERR_SYNTAX);
	/* What does not fit its length octet is refused. */
	{
		uint8_t out[600];
		struct wr w = wr_of(out, sizeof(out));

		m = (struct rfp_msg){ .type = RFP_DNM, .layer = RFP_L_LC, .prim = LCP_DATA_REQ };
		m.u.lc.frame = (struct slice){ (const char *)buf, 256 };
		assert_int_equal(rfp_msg_build(&m, &w), ERR_LIMIT);
	}
}

/* The published stream of a real RFP 32 on 7.1: SYS_INIT plain, then sealed with the fixed keys, re-keyed once. The
 * SYS_AUTHENTICATE before it was not published; its IV follows from the known first message. */
static void real_stream(void **state)
{
	static const uint8_t iv[8] = { 0xa2, 0x12, 0x3a, 0x11, 0xc5, 0x59, 0x3e, 0x01 };
	FILE *f = fopen(TEST_SHARED_DIR "/data/rfp32-71-to-omm.bin", "rb");
	static struct rfp_frame fr;
	struct rfp_cipher c;
	unsigned n = 0, unknown = 0, con = 0, data = 0, dtr = 0, dis = 0, beats = 0, info = 0;
	int more;

	(void)state;
	if (!f) {
		print_message(
		    "skipped: %s/data/rfp32-71-to-omm.bin is not there\n", TEST_SHARED_DIR);
		skip();
	}
	rfp_frame_init(&fr);
	for (;;) {
		size_t room, got;
		uint8_t *to = rfp_frame_room(&fr, &room);
		struct slice msg;

		got = fread(to, 1, room > 1000 ? 1000 : room, f);
		if (got == 0)
			break;
		rfp_frame_put(&fr, got);
		while ((more = rfp_frame_next(&fr, &msg)) == 1) {
			struct rfp_msg m;
			int err = rfp_msg_parse(msg, &m);

			if (n++ == 0) {
				struct rfp_init in;

				assert_int_equal(err, 0);
				assert_int_equal(rfp_init_of(&m, &in), 0);
				assert_int_equal(in.protocol, 0x00070100);
				assert_string_equal(rfp_model_name(in.model), "RFP 32");
				rfp_cipher_fixed(&c, TO_OMM, iv);
				rfp_frame_seal(&fr, &c);
				continue;
			}
			if (err == ERR_UNSUPP) {
				unknown++;
				continue;
			}
			if (err)
				fail_msg("message %u: %s", n, err_name(err));
			con += m.type == RFP_DNM && m.layer == RFP_L_MAC && m.prim == MACP_CON_IND;
			dis += m.type == RFP_DNM && m.layer == RFP_L_MAC && m.prim == MACP_DIS_IND;
			info +=
			    m.type == RFP_DNM && m.layer == RFP_L_MAC && m.prim == MACP_INFO_IND;
			dtr += m.type == RFP_DNM && m.layer == RFP_L_LC && m.prim == LCP_DTR_IND;
			beats += m.type == RFP_HEARTBEAT;
			if (m.type == RFP_DNM && m.layer == RFP_L_LC && m.prim == LCP_DATA_IND) {
				data++;
				assert_int_equal((m.u.lc.frame.n + 2) % 5, 0);
			}
		}
		assert_int_equal(more, 0);
	}
	fclose(f);
	print_message("%u messages: %u connections, %u frames, %u buffers, %u releases, %u "
	              "heartbeats, %u infos, %u unknown\n",
	    n, con, data, dtr, dis, beats, info, unknown);
	assert_int_equal(fr.have - fr.at, 0);
	assert_int_equal(n, 2777); /* SYS_INIT and 2,776 sealed ones */
	assert_int_equal(con, 91);
	assert_int_equal(data, 1139);
	assert_int_equal(dis, 57);
	assert_int_equal(dtr, 2 * 91 + 849 + 371); /* both at first, then one for each frame sent */
	assert_int_equal(unknown, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(fields),
		cmocka_unit_test(secrets_stay_out_of_dumps),
		cmocka_unit_test(trailing_and_odd),
		cmocka_unit_test(real_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
