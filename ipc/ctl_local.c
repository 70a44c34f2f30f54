/* The host's part of the pre-flight. */
#include "ipc/ctl_local.h"

#include <stdio.h>
#include <string.h>
#include <sys/timex.h>

static void add(struct ctl_table *t, const char *check, const char *result, const char *detail,
    const char *remedy)
{
	Ctl__CheckRow c = CTL__CHECK_ROW__INIT;
	Ctl__Row row = CTL__ROW__INIT;
	uint8_t body[512];

	c.check = (char *)(uintptr_t)check;
	c.result = (char *)(uintptr_t)result;
	c.has_detail = true;
	c.detail = (ProtobufCBinaryData){ strlen(detail), (uint8_t *)(uintptr_t)detail };
	c.has_remedy = *remedy != '\0';
	c.remedy = (ProtobufCBinaryData){ strlen(remedy), (uint8_t *)(uintptr_t)remedy };
	row.type = "ctl.CheckRow";
	row.body.len = ctl__check_row__pack(&c, body);
	row.body.data = body;
	ctl_table_add(t, "host", &row);
}

void ctl_local_check(struct ctl_table *t)
{
	struct timex x = { .modes = 0 };
	char text[96];

	if (adjtimex(&x) < 0)
		return;
	(void)snprintf(text, sizeof(text), "off by at most %.1f ms", (double)x.maxerror / 1000);
	if (x.status & STA_UNSYNC)
		add(t, "time", "warning", "this host's clock follows no time server",
		    "install chrony or systemd-timesyncd; see timedatectl: certificates and signed "
		    "messages need the time");
	else
		add(t, "time", "ok", text, "");
}
