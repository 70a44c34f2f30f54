/* ICE in descriptions: candidates, what an intermediary changed, lite peers, the older draft, what was chosen. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "sipd/ice_sdp.h"

#define HEAD                                                                                       \
	"v=0\r\no=jdoe 2890844526 2890842807 IN IP4 192.0.2.3\r\ns=-\r\nc=IN IP4 "                 \
	"192.0.2.3\r\nt=0 0\r\n"
#define CRED "a=ice-pwd:asd88fgpdd777uzjYhagZg\r\na=ice-ufrag:8hhY\r\n"
/* The offer of RFC 8839 A, with both components. */
#define AUDIO "m=audio 45664 RTP/AVP 0\r\nb=RS:0\r\nb=RR:0\r\na=rtpmap:0 PCMU/8000\r\n"
#define SRFLX                                                                                      \
	"a=candidate:2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 10.0.1.1 rport 8998\r\n"
#define HOST "a=candidate:1 1 UDP 2130706431 10.0.1.1 8998 typ host\r\n"

static bool get(struct ice_sdp *i, const char *text)
{
	return ice_sdp_read(i, slice_str(text));
}

static void test_read(void **state)
{
	struct ice_sdp i;

	(void)state;
	assert_true(get(&i, HEAD "a=ice-options:ice2\r\n" CRED AUDIO HOST SRFLX));
	assert_int_equal(i.ncand, 2);
	assert_false(i.mismatch || i.lite || i.mux || i.refused || i.draft6);
	assert_int_equal(i.cand[0].type, 1);
	assert_int_equal(i.cand[1].type, 2);
	assert_int_equal(i.cand[1].related.port, 8998);
	assert_int_equal(i.cand[1].priority, 1694498815);
	assert_true(slice_eq(i.ufrag, SLICE_LIT("8hhY")));
	/* Media level counts more. */
	assert_true(get(&i, HEAD CRED AUDIO "a=ice-ufrag:abcd\r\n" HOST SRFLX));
	assert_true(slice_eq(i.ufrag, SLICE_LIT("abcd")));
	/* lite, multiplexed, other kinds of candidates, names, extensions */
	assert_true(get(&i,
	    HEAD "a=ice-lite\r\n" CRED AUDIO
	         "a=rtcp-mux\r\na=candidate:1 1 TCP 1 192.0.2.3 9 typ host tcptype active\r\n"
	         "a=candidate:1 1 UDP 2130706431 abcd.local 8998 typ host\r\n"
	         "a=candidate:1 1 udp 2130706431 192.0.2.3 45664 typ host generation 0 network-id "
	         "1\r\n"));
	assert_true(i.lite && i.mux && !i.mismatch);
	assert_int_equal(i.ncand, 1);
	/* without credentials, without candidates, without audio */
	assert_false(get(&i, HEAD AUDIO SRFLX));
	assert_false(get(&i, HEAD CRED AUDIO));
	assert_false(get(&i, HEAD CRED "m=audio 0 RTP/AVP 0\r\n" SRFLX));
	assert_false(get(&i, "x"));
	assert_false(ice_sdp_read(&i, (struct slice){ 0 }));
}

static void test_mismatch(void **state)
{
	struct ice_sdp i;

	(void)state;
	/* A gateway wrote its own address into c=. */
	assert_true(get(&i, HEAD CRED AUDIO HOST));
	assert_true(i.mismatch);
	/* RTCP is looked at, too, where there is a candidate for it. */
	assert_true(get(&i,
	    HEAD CRED AUDIO SRFLX "a=candidate:2 2 UDP 1694498814 192.0.2.3 45665 typ host\r\n"));
	assert_false(i.mismatch);
	assert_true(
	    get(&i, HEAD CRED AUDIO "a=rtcp:50000\r\n" SRFLX
	                            "a=candidate:2 2 UDP 1694498814 192.0.2.3 45665 typ host\r\n"));
	assert_true(i.mismatch);
	assert_true(
	    get(&i, HEAD CRED AUDIO "a=rtcp-mux\r\na=rtcp:50000\r\n" SRFLX
	                            "a=candidate:2 2 UDP 1694498814 192.0.2.3 45665 typ host\r\n"));
	assert_false(i.mismatch);
	/* No default destination at all. */
	assert_true(get(&i, HEAD CRED "m=audio 9 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n" HOST));
	assert_false(i.mismatch);
	(void)get(&i, HEAD AUDIO "a=ice-mismatch\r\n");
	assert_true(i.refused);
}

static struct sdp_addr at(const char *ip, uint16_t port)
{
	struct sdp_addr a;

	assert_int_equal(sdp_addr_parse(&a, slice_str(ip)), 0);
	a.port = port;
	return a;
}

/* ms-media 3.F */
#define ID6   "E4b4+7LpLJEvm78rXpXW/zvMCALvYhuP+MtvsLcdxsQ"
#define PWD6  "j+TBFFEoHAlKZXjm3b9e7Q"
#define RTP6  "a=candidate:" ID6 " 1 " PWD6 " UDP 0.830 192.0.2.10 31650\r\n"
#define RTCP6 "a=candidate:" ID6 " 2 " PWD6 " UDP 0.830 192.0.2.10 31651\r\n"
#define OLD6  HEAD "m=audio 31650 RTP/AVP 0 8 97 13 101\r\n"

static void test_draft6(void **state)
{
	struct ice_sdp i;

	(void)state;
	assert_true(get(&i, OLD6 RTP6 RTCP6));
	assert_true(i.draft6);
	assert_int_equal(i.ncand, 2);
	assert_int_equal(i.ufrag.n + i.pwd.n, 0);
	for (unsigned k = 0; k < 2; k++) {
		assert_int_equal(i.cand[k].component, k + 1);
		assert_int_equal(i.cand[k].priority, 830);
		assert_int_equal(i.cand[k].addr.port, 31650 + k);
		assert_int_equal(i.cand[k].key.id_n, 32);
		assert_int_equal(i.cand[k].key.pwd_n, 16);
		assert_int_equal(i.cand[k].key.id[0], 0x13);
		assert_int_equal(i.cand[k].key.id[31], 0xc4);
		assert_int_equal(i.cand[k].key.pwd[15], 0xed);
	}
	assert_int_equal(i.chosen_name.id_n, 0);
	/* The final offer's line, blanks around it, base64 with its filling. */
	assert_true(get(&i, OLD6 RTP6 RTCP6 "a=remote-candidate: " ID6 "= \r\n"));
	assert_int_equal(i.chosen_name.id_n, 32);
	assert_memory_equal(i.chosen_name.id, i.cand[0].key.id, 32);
	/* Priorities: as many decimals as they like. */
	static const struct {
		const char *text;
		uint32_t want;
	} q[] = { { "1", 1000 }, { "1.0", 1000 }, { "0.5", 500 }, { "0.45", 450 },
		{ "0.83017", 830 }, { "0", 0 }, { "1.5", 1000 } };
	for (size_t k = 0; k < sizeof(q) / sizeof(q[0]); k++) {
		char text[600];
		snprintf(text, sizeof(text),
		    OLD6 "a=candidate:" ID6 " 1 " PWD6 " UDP %s 192.0.2.10 31650\r\n", q[k].text);
		assert_true(get(&i, text));
		assert_int_equal(i.cand[0].priority, q[k].want);
		assert_int_equal(i.cand[0].type, q[k].want >= 800 ? 1 : q[k].want >= 500 ? 2 : 4);
	}
	/* by TCP, without its password, of no component, something more, no base64, too long */
	static const char *const bad[] = { ID6 " 1 " PWD6 " TCP 0.830 192.0.2.10 31650",
		ID6 " 1 UDP 0.830 192.0.2.10 31650", ID6 " 3 " PWD6 " UDP 0.830 192.0.2.10 31650",
		ID6 " 1 " PWD6 " UDP 0.830 192.0.2.10 31650 more",
		"*** 1 " PWD6 " UDP 0.830 192.0.2.10 31650",
		ID6 " 1 " PWD6 " UDP 2 192.0.2.10 31650",
		ID6 " 1 " PWD6 " UDP 0.8x 192.0.2.10 31650", ID6 " 1 " PWD6 " UDP 0.8 192.0.2.10 0",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAA 1 " PWD6 " UDP 0.830 192.0.2.10 31650" };
	for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
		char text[700];
		snprintf(text, sizeof(text), OLD6 "a=candidate:%s\r\n", bad[k]);
		if (get(&i, text))
			fail_msg("%s", bad[k]);
		assert_false(i.draft6);
	}
	/* Both drafts in one section: the newer one. */
	assert_true(
	    get(&i, OLD6 CRED RTP6 "a=candidate:1 1 UDP 2130706431 192.0.2.10 31650 typ host\r\n"));
	assert_false(i.draft6);
	assert_int_equal(i.ncand, 1);
}

static void test_put6(void **state)
{
	struct media_agent a = { .ufrag = "uuuu", .pwd = "pppppppppppppppppppppp", .ncand = 6 };
	struct ice_sdp_out how = { .draft6 = true, .controlling = true };
	char out[4096] = "", text[8192];
	struct wr w = wr_of(out, sizeof(out));
	struct ice_sdp i;

	(void)state;
	for (unsigned k = 0; k < 6; k++) {
		a.cand[k] = (struct media_cand){ .foundation = "1",
			.component = (uint8_t)(k % 2 + 1),
			.transport = 1,
			.type = (uint8_t)(k < 2   ? 1
			                  : k < 4 ? 2
			                          : 4),
			.priority = 2130706431 - k,
			.addr = at("192.0.2.3", (uint16_t)(45664 + k)),
			.key = { .id_n = 32, .pwd_n = 16 } };
		memset(a.cand[k].key.id, (int)(k / 2 + 1), 32);
		memset(a.cand[k].key.pwd, (int)(k / 2 + 9), 16);
	}
	ice_sdp_put(&w, &a, &how);
	assert_null(strstr(out, "ufrag"));
	assert_non_null(strstr(out, "a=candidate:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE 1 "
	                            "CQkJCQkJCQkJCQkJCQkJCQ UDP 0.830 192.0.2.3 45664\r\n"));
	assert_non_null(strstr(out, " UDP 0.550 192.0.2.3 45667\r\n"));
	assert_non_null(strstr(out, " UDP 0.450 192.0.2.3 45668\r\n"));
	(void)snprintf(text, sizeof(text), HEAD AUDIO "%.*s", (int)w.n, out);
	assert_true(get(&i, text));
	assert_true(i.draft6);
	assert_int_equal(i.ncand, 6);
	assert_memory_equal(&i.cand[4].key, &a.cand[4].key, sizeof(i.cand[4].key));
	/* The final offer: one candidate, and whose it is for; an answer does not say that. */
	a.local[0] = a.cand[4];
	a.local[1] = a.cand[5];
	a.remote[0] = a.remote[1] = a.cand[0];
	memset(out, 0, sizeof(out));
	w = wr_of(out, sizeof(out));
	ice_sdp_put(&w, &a, &how);
	(void)snprintf(text, sizeof(text), HEAD AUDIO "%.*s", (int)w.n, out);
	assert_true(get(&i, text));
	assert_int_equal(i.ncand, 2);
	assert_memory_equal(i.chosen_name.id, a.cand[0].key.id, 32);
	how.controlling = false;
	memset(out, 0, sizeof(out));
	w = wr_of(out, sizeof(out));
	ice_sdp_put(&w, &a, &how);
	assert_null(strstr(out, "remote-candidate"));
	/* A description of the newer draft in the words of the older: nothing else is changed. */
	memset(&a.local, 0, sizeof(a.local));
	how = (struct ice_sdp_out){ .controlling = true };
	memset(out, 0, sizeof(out));
	w = wr_of(out, sizeof(out));
	wr_str(&w, HEAD AUDIO "a=rtcp:45665\r\n");
	ice_sdp_put(&w, &a, &how);
	wr_str(&w, "a=ptime:20\r\na=sendrecv");
	assert_true(ice_sdp_read(&i, wr_slice(&w)));
	assert_false(i.draft6);
	memset(text, 0, sizeof(text));
	struct wr wt = wr_of(text, sizeof(text));
	ice_sdp_older(&wt, wr_slice(&w), &a);
	assert_true(get(&i, text));
	assert_true(i.draft6);
	assert_int_equal(i.ncand, 6);
	assert_true(slice_starts(
	    slice_str(text), SLICE_LIT(HEAD AUDIO "a=rtcp:45665\r\na=candidate:AQEB")));
	assert_string_equal(text + strlen(text) - 22, "a=ptime:20\r\na=sendrecv");
	assert_null(strstr(text, " typ "));
	assert_null(strstr(text, "a=ice-"));
}

static void test_put(void **state)
{
	struct media_agent a = { .ufrag = "uuuu", .pwd = "pppppppppppppppppppppp", .ncand = 2 };
	struct ice_sdp_out rfc = { .rfc = true, .controlling = true };
	char out[2048] = "", text[4096];
	struct wr w = wr_of(out, sizeof(out));
	struct ice_sdp i;

	(void)state;
	for (unsigned k = 0; k < 2; k++)
		a.cand[k] = (struct media_cand){ .foundation = "1",
			.component = (uint8_t)(k + 1),
			.transport = 1,
			.type = 1,
			.priority = 2130706431 - k,
			.addr = at("192.0.2.3", (uint16_t)(45664 + k)) };
	ice_sdp_put(&w, &a, &rfc);
	(void)snprintf(text, sizeof(text), HEAD AUDIO "%.*s", (int)w.n, out);
	assert_true(get(&i, text));
	assert_int_equal(i.ncand, 2);
	assert_int_equal(i.chosen[0].n, 0);
	/* One component was chosen of two: not through yet. */
	a.local[0] = a.cand[0];
	a.local[0].type = 3;
	a.local[0].related = at("10.0.0.1", 5);
	a.remote[0] = (struct media_cand){ .component = 1, .addr = at("198.51.100.7", 7000) };
	memset(out, 0, sizeof(out));
	w = wr_of(out, sizeof(out));
	ice_sdp_put(&w, &a, &rfc);
	assert_null(strstr(out, "prflx"));
	/* ... unless there is one only. */
	rfc.one = true;
	memset(out, 0, sizeof(out));
	w = wr_of(out, sizeof(out));
	ice_sdp_put(&w, &a, &rfc);
	assert_non_null(strstr(out, "typ prflx raddr 10.0.0.1 rport 5\r\n"));
	assert_non_null(strstr(out, "a=remote-candidates:1 198.51.100.7 7000\r\n"));
	(void)snprintf(text, sizeof(text), HEAD AUDIO "%.*s", (int)w.n, out);
	assert_true(get(&i, text));
	assert_int_equal(i.ncand, 1);
	assert_int_equal(i.chosen[0].port, 7000);
	assert_int_equal(i.chosen[1].n, 0);
	/* The controlled side says nothing about candidates of the other; LYNC: it does. */
	rfc.controlling = false;
	memset(out, 0, sizeof(out));
	w = wr_of(out, sizeof(out));
	ice_sdp_put(&w, &a, &rfc);
	assert_null(strstr(out, "remote-candidates"));
	rfc.rfc = false;
	memset(out, 0, sizeof(out));
	w = wr_of(out, sizeof(out));
	ice_sdp_put(&w, &a, &rfc);
	assert_non_null(strstr(out, "remote-candidates"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_mismatch),
		cmocka_unit_test(test_draft6),
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_put6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
