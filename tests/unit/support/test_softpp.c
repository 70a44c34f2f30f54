/* The soft handset against a fixed part of a few lines, on a fake clock: what it sends octet by octet (dect-nwk 15), and
 * that it finds what a fixed part must not do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certd/dect_kdf.h"
#include "common/enc.h"
#include "common/mem.h"
#include "common/tmr.h"
#include "tests/support/air.h"
#include "tests/support/softpp.h"

#define MSGS 64

struct ft { /* one link */
	struct tmr_wheel *w;
	struct air *air;
	struct air_base *b;
	struct softpp_set *pps;
	struct air_conn *c;
	uint8_t vs, vr, lln;
	bool b_class, up, ciphered, no_ack, disc;
	uint32_t pmid;
	unsigned setups, releases;
	enum air_reason why;
	uint8_t frame[MSGS][70]; /* of the handset */
	size_t nframe[MSGS];
	unsigned frames;
	uint8_t msg[MSGS][256]; /* of the handset */
	size_t nmsg[MSGS];
	unsigned msgs;
	char event[400], all[16384];
	unsigned speech;
	int16_t last_speech[AIR_SAMPLES];
};

static void put(struct ft *f, const uint8_t *p, size_t n)
{
	air_base_frame(f->c, p, n, NULL, NULL, 0);
}

/* A message in I-frames; class A is not waited for: these tests answer one by one. */
static void say(struct ft *f, const char *hex)
{
	uint8_t m[300], fr[70];
	size_t n = 0, at = 0;

	assert_int_equal(enc_unhex(slice_str(hex), m, sizeof(m), &n), 0);
	do {
		size_t part = n - at > 63 ? 63 : n - at;

		fr[0] = (uint8_t)(f->lln << 4 | 3);
		fr[1] = (uint8_t)(f->vr << 5 | f->vs << 1);
		fr[2] = (uint8_t)(part << 2 | (at + part < n ? 2 : 0) | 1);
		memcpy(fr + 3, m + at, part);
		f->vs = (uint8_t)((f->vs + 1) % (f->b_class ? 8 : 2));
		put(f, fr, 3 + part);
		at += part;
		tmr_advance(f->w, 1);
	} while (at < n);
	tmr_advance(f->w, 5);
}

static int on_setup(void *ctx, struct air_conn *c, uint32_t pmid, bool handover)
{
	struct ft *f = ctx;

	assert_false(handover);
	f->c = c;
	f->pmid = pmid;
	f->setups++;
	f->vs = f->vr = 0;
	f->up = false;
	air_base_accept(c);
	return 0;
}

static void ack(struct ft *f, bool pf, bool nlf)
{
	uint8_t r[3] = { (uint8_t)((nlf ? 0x80 : 0) | f->lln << 4 | 1),
		(uint8_t)(f->vr << 5 | (pf ? 0x10 : 0) | 1), 1 };

	if (!f->no_ack)
		put(f, r, 3);
}

static void on_frame(void *ctx, struct air_conn *c, int mcei, const uint8_t *p, size_t n)
{
	struct ft *f = ctx;
	unsigned ns = p[1] >> 1 & 7;

	(void)mcei;
	assert_ptr_equal(c, f->c);
	assert_true(f->frames < MSGS && f->msgs < MSGS);
	memcpy(f->frame[f->frames], p, n);
	f->nframe[f->frames++] = n;
	if ((p[1] & 0xef) == 0x43) { /* DISC */
		uint8_t ua[3] = { (uint8_t)(0x80 | f->lln << 4 | 1), 0x73, 1 };

		f->disc = true;
		put(f, ua, 3);
		return;
	}
	if (p[1] & 1)
		return;
	if (!f->up) {
		f->lln = p[0] >> 4 & 7;
		f->b_class = f->lln != 1;
		assert_int_equal(p[0], 0x80 | f->lln << 4 | 1);
		assert_int_equal(p[1], f->b_class ? 0x10 : 0x00);
		f->vr = 0;
	}
	if (ns == f->vr) {
		f->vr = (uint8_t)((f->vr + 1) % (f->b_class ? 8 : 2));
		if (n > 3) {
			memcpy(f->msg[f->msgs], p + 3, n - 3);
			f->nmsg[f->msgs++] = n - 3;
		}
	}
	ack(f, f->b_class && (p[1] & 0x10), !f->up);
	f->up = true;
}

static void on_released(void *ctx, struct air_conn *c, int mcei, enum air_reason why)
{
	struct ft *f = ctx;

	(void)c;
	(void)mcei;
	f->releases++;
	f->why = why;
	f->c = NULL;
}

static void on_away(void *ctx, struct air_conn *c, int mcei)
{
	(void)ctx;
	(void)c;
	(void)mcei;
}

static void on_ciphered(void *ctx, struct air_conn *c, int mcei)
{
	struct ft *f = ctx;

	(void)c;
	(void)mcei;
	f->ciphered = true;
}

static void on_speech(void *ctx, struct air_conn *c, int mcei, const int16_t *s)
{
	struct ft *f = ctx;

	(void)c;
	(void)mcei;
	f->speech++;
	memcpy(f->last_speech, s, sizeof(f->last_speech));
}

static const struct air_base_ops base_ops = { .setup = on_setup,
	.frame = on_frame,
	.released = on_released,
	.moved_away = on_away,
	.ciphered = on_ciphered,
	.speech = on_speech };

static void on_event(void *ctx, const char *line)
{
	struct ft *f = ctx;

	snprintf(f->event, sizeof(f->event), "%s", line);
	if (strlen(f->all) + strlen(line) + 2 < sizeof(f->all)) {
		strcat(f->all, line);
		strcat(f->all, "\n");
	}
	if (getenv("SHOW"))
		fprintf(stderr, "%s\n", line);
}

static void run(struct ft *f, const char *line)
{
	char buf[1000] = "";
	struct wr w = wr_of(buf, sizeof(buf) - 1);
	int err = air_run(f->air, line, &w);

	if (err)
		fail_msg("%s: %s (%s)", line, err_text(err), buf);
	tmr_advance(f->w, 5);
}

static void happened(struct ft *f, const char *what)
{
	if (!strstr(f->all, what))
		fail_msg("no \"%s\" in:\n%s", what, f->all);
	f->all[0] = '\0';
}

static void on_air(struct ft *f, uint16_t caps)
{
	struct air_info i = {
		.rfpi = { 0x11, 0x23, 0x45, 0x67, 0x01 }, .pli = 31, .higher_caps = caps
	};

	air_base_on(f->b, &i);
	tmr_advance(f->w, 5);
}

static struct ft *ft_new(const char *add)
{
	struct ft *f = mem_new(sizeof(*f));

	f->w = tmr_wheel_new(NULL);
	f->air = air_new(NULL, f->w);
	air_on_event(f->air, on_event, f);
	f->pps = softpp_set_new(f->air);
	f->b = air_base_add(f->air, &base_ops, f, "020000000001");
	on_air(f, 0xce4a);
	run(f, add);
	return f;
}

static void ft_free(struct ft *f)
{
	softpp_set_free(f->pps);
	tmr_advance(f->w, 1);
	air_free(f->air);
	tmr_wheel_free(f->w);
	free(f);
}

static void clean(struct ft *f)
{
	for (unsigned i = 0; i < air_violations(f->air); i++)
		print_error("%s\n", air_violation_text(f->air, i));
	assert_int_equal(air_violations(f->air), 0);
}

static void last(struct ft *f, const char *hex)
{
	char got[600] = "";

	assert_true(f->msgs > 0);
	enc_hex(f->msg[f->msgs - 1], f->nmsg[f->msgs - 1], got);
	assert_string_equal(got, hex);
}

static void hexcat(char *out, const uint8_t *p, size_t n)
{
	enc_hex(p, n, out + strlen(out));
}

#define ADD_B "pp add 1 ipei=1001:2abcd profile=gap-b"
#define ADD_A "pp add 1 ipei=1001:2abcd profile=gap-a"
#define IPUI  "050780a8010012abcd"
#define PARK  "0606a0a011234567"
#define ARI   "060680a011234567"

/* ---- procedures; the fixed part's own values are those of the reference's examples ---- */

static const uint8_t rand_f[8] = { 0x1f, 0x8e, 0x6a, 0x0b, 0x52, 0xc9, 0x73, 0xd4 };
static const uint8_t rs[8] = { 0x3c, 0x5a, 0x77, 0x19, 0xe2, 0xd4, 0x0b, 0x86 };
static const uint8_t rand2[8] = { 0x5d, 0x2c, 0x9e, 0x10, 0xb7, 0xa4, 0xf3, 0x86 };

static void subscribe(struct ft *f, uint8_t uak[16])
{
	uint8_t k[16], ks[16], ac[4], res[4], dck[16];
	const uint8_t *m;
	char hex[100] = "05410d04";

	run(f, "pp 1 subscribe ac=83610427");
	assert_int_equal(f->setups, 1);
	assert_int_equal(f->pmid >> 16, 0xe);
	last(f, "0544" IPUI "0a03014800"
	        "630a351508006004188182"
	        "82");
	say(f, "05420b0201880c081f8e6a0b52c973d40e083c5a7719e2d40b86");
	m = f->msg[f->msgs - 1];
	assert_int_equal(f->nmsg[f->msgs - 1], 2 + 5 + 10 + 6);
	assert_memory_equal(m, "\x85\x40\x0a\x03\x01\x48\x00\x0c\x08", 9);
	assert_int_equal(dect_kdf_ac(slice_str("83610427"), ac), 0);
	dect_kdf_b1(ac, 4, k);
	assert_int_equal(dect_kdf_a11(DECT_KDF_DSAA, k, rs, ks), 0);
	assert_int_equal(dect_kdf_a12(DECT_KDF_DSAA, ks, rand_f, NULL, res, dck), 0);
	assert_memory_equal(m + 17, "\x0d\x04", 2);
	assert_memory_equal(m + 19, res, 4);
	assert_memory_equal(res, "\x89\xb3\x81\xe2", 4); /* the reference's example */
	assert_int_equal(dect_kdf_a21(DECT_KDF_DSAA, k, rs, uak), 0);
	assert_int_equal(dect_kdf_a22(DECT_KDF_DSAA, uak, m + 9, NULL, res), 0);
	hexcat(hex, res, 4);
	say(f, hex);
	happened(f, "key allocated DSAA");
	say(f, "8545" IPUI PARK "07015f0a03011800");
	happened(f, "pp 1 subscribed");
}

static void locate(struct ft *f, const uint8_t uak[16])
{
	uint8_t k[16], ks[16], res[4], dck[16];
	char want[40] = "85410d04";

	tmr_advance(f->w, 50);
	last(f, "0554" IPUI "630a351508006004188182"
	        "82");
	say(f, "05400a030118180c085d2c9e10b7a4f3860e083c5a7719e2d40b86");
	dect_kdf_b1(uak, 16, k);
	assert_int_equal(dect_kdf_a11(DECT_KDF_DSAA, k, rs, ks), 0);
	assert_int_equal(dect_kdf_a12(DECT_KDF_DSAA, ks, rand2, NULL, res, dck), 0);
	hexcat(want, res, 4);
	last(f, want);
	air_base_key(f->c, dck, 8);
	tmr_advance(f->w, 1);
	say(f, "054c19028198");
	assert_true(f->ciphered);
	happened(f, "pp 1 ciphered");
	say(f, "85550505a0940b471107015f");
	last(f, "055d");
	happened(f, "located tpui b4711");
}

static void down(struct ft *f)
{
	tmr_advance(f->w, 6000);
	assert_null(f->c);
	assert_int_equal(f->why, AIR_NORMAL);
	f->msgs = f->frames = 0;
	f->ciphered = false;
}

static void page(struct ft *f, const char *octets, size_t n)
{
	air_base_page(f->b, (const uint8_t *)octets, n);
	tmr_advance(f->w, 5);
}

static struct ft *ready(const char *add)
{
	struct ft *f = ft_new(add);
	uint8_t uak[16];

	subscribe(f, uak);
	locate(f, uak);
	down(f);
	return f;
}

static void subscription(void **state)
{
	const char *adds[] = { ADD_A, ADD_B };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct ft *f = ready(adds[i]);

		assert_int_equal(f->lln, i ? 2 : 1);
		assert_int_equal(f->disc, i == 1);
		clean(f);
		ft_free(f);
	}
}

static void incoming(void **state)
{
	struct ft *f = ready(ADD_B);

	(void)state;
	page(f, "\x0c\x47\x12", 3); /* somebody else */
	assert_int_equal(f->setups, 1);
	page(f, "\x0c\x47\x11", 3);
	assert_int_equal(f->setups, 2);
	assert_int_equal(f->pmid, 0xb4711);
	last(f, "0071" IPUI);
	air_base_key(f->c, (const uint8_t *)"12345678", 8);
	say(f, "0305" IPUI ARI "e080e4406c0609833437313"
	       "16d0707c38573"
	       "61204b");
	happened(f, "ringing from 4711 name \"\xc3\x85sa K\"");
	last(f, "8301");
	assert_int_equal(air_violations(f->air), 1); /* in clear */
	run(f, "pp 1 answer");
	last(f, "8307");
	say(f, "030f");
	happened(f, "connected in");
	air_base_speech_open(f->c, true);
	run(f, "pp 1 tone 1000");
	tmr_advance(f->w, 200);
	assert_in_range(f->speech, 9, 11);
	say(f, "034de200");
	last(f, "835ae200");
	happened(f, "released 00 by base");
	down(f);
	ft_free(f);
}

static void outgoing(void **state)
{
	struct ft *f = ready("pp add 1 ipei=1001:2abcd profile=gap-b cipher=no");

	(void)state;
	run(f, "pp 1 dial 4712 mode=overlap");
	last(f, "0305" IPUI ARI "e080");
	say(f, "830d1e028188e400");
	happened(f, "signal 00 dial tone");
	tmr_advance(f->w, 1000);
	assert_int_equal(f->msgs, 5);
	last(f, "037b2c0132");
	say(f, "8302");
	say(f, "83011e028188280"
	       "40c426f62");
	happened(f, "display Bob");
	say(f, "8307");
	run(f, "pp 1 press R4");
	last(f, "037b2c021534");
	say(f, "837be4076c06098334373133"
	       "6d0607"
	       "c3a4c3a474"); /* waiting: its name is cut */
	happened(f, "waiting from 4713 name \"\xc3\xa4\xc3\xa4t\"");
	run(f, "pp 1 hangup");
	last(f, "034de200");
	say(f, "835ae200");
	happened(f, "released 00 by us");
	down(f);
	clean(f);
	/* The whole number at once, in the next transaction. */
	run(f, "pp 1 dial 4712");
	last(f, "1305" IPUI ARI "e080");
	say(f, "930d");
	tmr_advance(f->w, 100);
	last(f, "137b2c0434373132");
	say(f, "935ae212");
	happened(f, "released 12 by base");
	down(f);
	clean(f);
	ft_free(f);
}

static void collision(void **state)
{
	struct ft *f = ready("pp add 1 ipei=1001:2abcd profile=gap-b cipher=no");

	(void)state;
	run(f, "pp 1 dial 4712");
	say(f, "0305" IPUI ARI "e080e440");
	last(f, "835ae232");
	say(f, "835ae232");
	happened(f, "released 32");
	say(f, "1305" IPUI ARI "e080e440");
	last(f, "9301");
	happened(f, "ringing");
	clean(f);
	ft_free(f);
}

/* The base does not hear two frames: the handset repeats; then it does not hear ours. */
static void repetition(void **state)
{
	const char *adds[] = { "pp add 1 ipei=1001:2abcd profile=gap-a cipher=no",
		"pp add 1 ipei=1001:2abcd profile=gap-b cipher=no" };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct ft *f = ready(adds[i]);

		run(f, "pp 1 dial 4712");
		air_drop_frames(f->c, true, 2);
		run(f, "pp 1 drop down 0");
		say(f, "830d");
		assert_int_equal(f->msgs, 1);
		tmr_advance(f->w, 8000);
		if (i == 0) {
			last(f, "037b2c0434373132");
			clean(f);
		} /* class B: an RR command is its question, which this fixed part does not answer */
		ft_free(f);
	}
}

static void gives_up(void **state)
{
	struct ft *f = ft_new(ADD_A);

	(void)state;
	f->no_ack = true;
	run(f, "pp 1 subscribe ac=1234");
	tmr_advance(f->w, 9000);
	happened(f, "no answer to establishment");
	assert_int_equal(f->why, AIR_ABNORMAL);
	assert_int_equal(f->frames, 4);
	ft_free(f);
}

/* What a fixed part must not do, and the words that the handset finds for it. */
static void strict(void **state)
{
	static const struct {
		const char *hex, *words;
	} wrong[] = {
		{ "830de4001e028188", "out of order" },
		{ "830d6001"
		  "05",
		    "CC-SETUP-ACK must not have element 60" },
		{ "830d28050c42", "element 28 overruns the message" },
		{ "837b", "CC-INFO in state T-01" },
		{ "837b28020c04", "display control 04" },
		{ "930d", "for transaction 9, which is not open" },
		{ "030f", "for transaction 0, which is not open" },
		{ "830f", "CC-CONNECT-ACK in state T-01" },
		{ "054c190281", "CIPHER-REQUEST: element 19 overruns" },
		{ "05400a03011818", "AUTHENTICATION-REQUEST without mandatory element 0c" },
		{ "0555", "LOCATE-ACCEPT without mandatory element 05" },
		{ "0544", "message type 44 of protocol 5 to a handset" },
		{ "64627d03008183", "element of NG-DECT part 3 to a handset that is plain GAP" },
		{ "6462", "FACILITY with nothing that a handset heeds" },
		{ "837be407e407", "element e4 twice" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		struct ft *f = ready("pp add 1 ipei=1001:2abcd profile=gap-b cipher=no");
		bool found = false;

		run(f, "pp 1 dial 4712");
		say(f, wrong[i].hex);
		for (unsigned k = 0; k < air_violations(f->air); k++)
			found = found || strstr(air_violation_text(f->air, k), wrong[i].words);
		if (!found)
			fail_msg("%s: \"%s\" not found in \"%s\"", wrong[i].hex, wrong[i].words,
			    air_violations(f->air) ? air_violation_text(f->air, 0) : "nothing");
		ft_free(f);
	}
}

static void strict_frames(void **state)
{
	static const struct {
		uint8_t f[4];
		size_t n;
		const char *words;
	} wrong[] = {
		{ { 0x23, 0xe1, 0x01 }, 3, "N(R) 7 outside" },
		{ { 0x21, 0x20, 0x01 }, 3, "I-frame as a response" },
		{ { 0xa3, 0x20, 0x01 }, 3, "I-frame with NLF" },
		{ { 0x33, 0x20, 0x01 }, 3, "LLN 3, this link has 2" },
		{ { 0x23, 0x20, 0x09, 0x01 }, 4, "length octet 09" },
		{ { 0x23, 0x24, 0x01 }, 3, "N(S) 2, expected 0" },
		{ { 0xa3, 0x3f, 0x01 }, 3, "SABM though nothing was lost" },
		{ { 0xa1, 0x73, 0x01 }, 3, "UA that nobody asked for" },
		{ { 0x23, 0x0d, 0x01 }, 3, "control 0d" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		struct ft *f = ready("pp add 1 ipei=1001:2abcd profile=gap-b cipher=no");
		bool found = false;

		run(f, "pp 1 dial 4712");
		put(f, wrong[i].f, wrong[i].n);
		tmr_advance(f->w, 5);
		for (unsigned k = 0; k < air_violations(f->air); k++)
			found = found || strstr(air_violation_text(f->air, k), wrong[i].words);
		if (!found)
			fail_msg("\"%s\" not found in \"%s\"", wrong[i].words,
			    air_violations(f->air) ? air_violation_text(f->air, 0) : "nothing");
		ft_free(f);
	}
}

/* What is recorded is what was spoken at the base, sample by sample; what is played comes out so. */
static void audio(void **state)
{
	char in[64], out[64], line[200];
	struct ft *f = ready("pp add 1 ipei=1001:2abcd profile=gap-b cipher=no");
	int16_t samples[AIR_SAMPLES * 5];
	uint8_t bytes[44 + sizeof(samples) + 2];
	FILE *fp;

	(void)state;
	snprintf(in, sizeof(in), "/tmp/softpp-%d.raw", (int)getpid());
	snprintf(out, sizeof(out), "/tmp/softpp-%d.wav", (int)getpid());
	for (unsigned i = 0; i < ARRAY_LEN(samples); i++)
		samples[i] = (int16_t)(i * 37);
	fp = fopen(in, "wb");
	assert_non_null(fp);
	assert_int_equal(fwrite(samples, sizeof(samples), 1, fp), 1);
	fclose(fp);
	run(f, "pp 1 dial 4712");
	say(f, "8307");
	snprintf(line, sizeof(line), "pp 1 record %s", out);
	run(f, line);
	snprintf(line, sizeof(line), "pp 1 play %s", in);
	run(f, line);
	air_base_speech_open(f->c, true);
	tmr_advance(f->w, 100);
	happened(f, "played");
	assert_int_equal(f->speech, 5);
	assert_memory_equal(f->last_speech, samples + 4 * AIR_SAMPLES, sizeof(f->last_speech));
	for (unsigned i = 0; i < 5; i++)
		air_base_speech(f->c, samples + i * AIR_SAMPLES);
	tmr_advance(f->w, 5);
	run(f, "pp 1 stop");
	happened(f, "recorded 800 samples");
	fp = fopen(out, "rb");
	assert_non_null(fp);
	assert_int_equal(fread(bytes, 1, sizeof(bytes), fp), 44 + sizeof(samples));
	fclose(fp);
	assert_memory_equal(bytes + 44, samples, sizeof(samples));
	assert_memory_equal(bytes, "RIFF\x64\x06\0\0WAVE", 12);
	unlink(in);
	unlink(out);
	clean(f);
	ft_free(f);
}

/* Its subscription survives in its file. */
static void store(void **state)
{
	char add[200], path[64];
	struct ft *f;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/softpp-%d.state", (int)getpid());
	unlink(path);
	snprintf(add, sizeof(add), ADD_B " state=%s", path);
	f = ready(add);
	run(f, "pp remove 1");
	run(f, add);
	tmr_advance(f->w, 1000);
	last(f, "0554" IPUI "630a351508006004188182"
	        "82");
	assert_int_equal(f->pmid, 0xb4711);
	ft_free(f);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(subscription),
		cmocka_unit_test(incoming),
		cmocka_unit_test(outgoing),
		cmocka_unit_test(collision),
		cmocka_unit_test(repetition),
		cmocka_unit_test(gives_up),
		cmocka_unit_test(strict),
		cmocka_unit_test(strict_frames),
		cmocka_unit_test(audio),
		cmocka_unit_test(store),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
