/* Answers of a policy server: their attributes, and the client that gets them as its own transaction's. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mediad/cac.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_send(void *ctx, const struct addr *server, const uint8_t *p, size_t n)
{
	(void)ctx, (void)server, (void)p, (void)n;
}

static void on_report(void *ctx, enum cac_report r)
{
	(void)ctx, (void)r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct cac_ops ops = { on_send, on_report };
	struct stun_msg m;
	struct cac_answer a;
	struct cac_verdict v;
	struct cac c;

	if (size < STUN_HEAD || size > 2048)
		return 0;
	uint8_t *exact = malloc(size);
	if (!exact)
		return 0;
	memcpy(exact, data, size);
	exact[2] = (uint8_t)((size - STUN_HEAD) >> 8);
	exact[3] = (uint8_t)(size - STUN_HEAD);
	if (stun_parse(exact, size, STUN_MSTURN, &m) == 0) {
		cac_read(&m, &a);
		cac_judge(&a, 56, data[4] & 1, data[4] & 2, &v);
		if (v.path && !((v.end[CAC_LOCAL] || v.end[CAC_LOCAL_RELAY]) &&
		                  (v.end[CAC_REMOTE] || v.end[CAC_REMOTE_RELAY])))
			abort();
	}
	struct cac_conf conf = { .user = SLICE_LIT("u"), .password = SLICE_LIT("p") };
	struct cac_path p = { 0 };
	if (addr_parse(SLICE_LIT("192.0.2.1"), 3478, &conf.server) ||
	    cac_init(&c, &conf, &ops, NULL))
		abort();
	p.end[CAC_LOCAL] = p.end[CAC_REMOTE] = conf.server;
	if (data[5] & 1)
		(void)cac_check(&c, &p, cac_need(CODEC_PCMA), 0);
	else
		cac_commit(&c, &p, cac_need(CODEC_PCMA), 0);
	for (uint64_t now = 1; now < 4;
	     now++) { /* as the answer to what is in flight, whatever that is now */
		memcpy(exact + 4, c.tid.b, sizeof(c.tid.b));
		(void)cac_input(&c, &conf.server, exact, size, now);
		c.nonce_n = c.realm_n = 0; /* unsigned answers go on */
		cac_timer(&c, now * 400000000);
	}
	cac_close(&c, false);
	free(exact);
	return 0;
}
