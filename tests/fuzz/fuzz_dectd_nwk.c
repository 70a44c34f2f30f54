/* Messages of the network layer: parse, rule tables, dump, and every element read, written and read again. */
#include <stdlib.h>
#include <string.h>

#include "dectd/nwk_ie_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(const struct nwk_msg *m, const uint8_t *p, size_t n)
{
	if (n && (p < m->raw || p + n > m->raw + m->n))
		abort();
}

/* What was understood can be written, and what was written is understood in the same way. */
static void again(uint8_t id, struct rd v)
{
	uint8_t buf[2 * 260], buf2[2 * 260];
	struct wr w = wr_of(buf, sizeof(buf)), w2 = wr_of(buf2, sizeof(buf2));

	switch (id) {
#define E(name, ident)                                                                             \
	case ident: {                                                                              \
		struct ie_##name x;                                                                \
                                                                                                   \
		if (ie_##name##_parse(v, &x) != 0)                                                 \
			return;                                                                    \
		ie_##name##_put(&w, &x);                                                           \
		if (w.bad)                                                                         \
			return; /* longer than an element: extension octets were short */          \
		if (buf[1] != w.n - 2 || ie_##name##_parse(rd_of(buf + 2, w.n - 2), &x) != 0)      \
			abort();                                                                   \
		ie_##name##_put(&w2, &x);                                                          \
		break;                                                                             \
	}
		IE_LIST(E)
#undef E
	default:
		return;
	}
	if (w2.bad || w.n != w2.n || memcmp(buf, buf2, w.n) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size ? size : 1);
	char text[4096];

	memcpy(exact, data, size);
	for (enum nwk_dir dir = NWK_FROM_PP; dir <= NWK_TO_PP; dir++) {
		struct nwk_msg m;
		struct nwk_fault f;
		struct wr w = wr_of(text, sizeof(text));

		if (nwk_parse(exact, size, dir, &m) != 0)
			continue;
		if (nwk_check(&m, &f) != 0 && nwk_check_strict(&m, &f) == 0)
			abort();
		nwk_dump(&m, &w);
		for (unsigned i = 0; i < m.nie; i++) {
			inside(&m, m.ie[i].p, m.ie[i].n);
			(void)ie_value_check(m.ie[i].id, rd_of(m.ie[i].p, m.ie[i].n));
			again(m.ie[i].id, rd_of(m.ie[i].p, m.ie[i].n));
			(void)nwk_ie_nth(&m, m.ie[i].id, 1);
		}
		(void)nwk_keypad(&m);
		(void)nwk_display(&m);
		struct ie_feature feature;
		(void)ie_feature_indicate_of(&m, &feature);
		struct ie_number number;
		(void)ie_called_number_of(&m, &number);
	}
	free(exact);
	return 0;
}
