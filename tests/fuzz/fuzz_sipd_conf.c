/* Documents of conferences: invitations and answers; what is taken from an invitation makes a request that can be read again. */
#include <stdlib.h>
#include <string.h>

#include "sipd/ms_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	struct conf_invite v;
	char why[64], mcu[NUMBER_MAX], text[8 * NUMBER_MAX];
	struct wr w = wr_of(text, sizeof(text));

	(void)conf_response_read(in, why, sizeof(why));
	if (conf_invite_read(in, &v))
		return 0;
	if (conf_avmcu(v.focus, mcu, sizeof(mcu)) || strlen(v.subject) >= sizeof(v.subject))
		abort();
	conf_put_add_user(&w, v.focus, v.focus, "u");
	if (!w.bad && conf_response_read(wr_slice(&w), why, sizeof(why)) != ERR_SYNTAX)
		abort();
	return 0;
}
