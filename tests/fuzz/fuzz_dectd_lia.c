/* List access: commands of a handset that may hold anything, answers of sipd in between. Records: an octet (below 0x80: a
 * command of so many octets; else an answer: entries in the low bits, error at 0xff). */
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/lia.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_send(void *ctx, struct slice cmd)
{
	unsigned *sent = ctx;

	if (cmd.n == 0 || cmd.n > LIA_PACKET + 4 || (uint8_t)cmd.p[0] > LIA_DATA_LAST)
		__builtin_trap();
	++*sent;
}

static int on_query(void *ctx, const struct iwu_query *q)
{
	(void)ctx;
	if (q->max > IWU_ENTRIES)
		__builtin_trap();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct lia_ops ops = { on_send, on_query };
	unsigned sent = 0;
	struct lia *l;

	log_set_level(LOG_CRIT);
	l = lia_new(&ops, &sent, &(struct lia_line){ "Anna \xc3\x84", 1 });
	while (size) {
		uint8_t o = *data++;

		size--;
		if (o < 0x80) {
			size_t n = o < size ? o : size;

			lia_input(l, (struct slice){ (const char *)data, n });
			data += n;
			size -= n;
			continue;
		}
		struct iwu_answer a = { .err = o == 0xff ? ERR_LOST : 0,
			.n = (o & 0x1fu) < IWU_ENTRIES ? o & 0x1fu : IWU_ENTRIES,
			.total = size > 1 ? (unsigned)data[0] << 8 | data[1] : 3u };

		for (unsigned i = 0; i < a.n; i++) {
			size_t k = size < 60 ? size : 60;

			memcpy(a.e[i].who.number, data, k);
			memcpy(a.e[i].who.name, data, k);
			a.e[i].id = i + 1u;
			a.e[i].time = i * 1000000000000u;
			a.e[i].kind = i % 5;
		}
		lia_answer(l, &a);
	}
	lia_free(l);
	return 0;
}
