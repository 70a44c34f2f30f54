/* Documents about a conference: participants twice, so that parts find something; answers of the factory. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sipd/ms_conf.h"
#include "sipd/ms_roster.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct roster r;
	struct slice doc = { (const char *)data, size }, half = { (const char *)data, size / 2 };
	char out[ROSTER_MAX * 70 + 16], focus[NUMBER_MAX], why[100];
	struct wr w = wr_of(out, sizeof(out));

	memset(&r, 0, sizeof(r));
	(void)!roster_read(&r, half);
	(void)!roster_read(&r, doc);
	r.version--;
	(void)!roster_read(&r, doc);
	if (r.n > ROSTER_MAX)
		abort();
	roster_text(&r, "sip:a@b", &w);
	if (w.bad)
		abort();
	(void)!conf_created_read(doc, focus, sizeof(focus), why, sizeof(why));
	return 0;
}
