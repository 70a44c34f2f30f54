/* sipd(8): the SIP side of the suite. */
#include "common/mem.h"
#include "sipd/sipd.h"

static const struct daemon_link links[] = {
	{ IPC_CERTD, false },
	{ IPC_MEDIAD, true },
};

int main(int argc, char **argv)
{
	struct daemon_def def = {
		.name = "sipd",
		.summary = "users, registrations and calls by SIP",
		.keys = sipd_keys,
		.nkeys = sipd_nkeys,
		.conf_size = sizeof(struct sipd_conf),
		.handlers = sipd_handlers,
		.nhandlers = sipd_nhandlers,
		.links = links,
		.nlinks = ARRAY_LEN(links),
		.cmds = sipd_cmds,
		.ncmds = sipd_ncmds,
		.serves = true,
		.gather = IPC_CERTD,
		.init = sipd_init,
		.reload = sipd_reload,
		.up = sipd_up,
		.down = sipd_down,
		.drain = sipd_drain,
		.fini = sipd_fini,
		.metrics = sipd_metrics,
		.check = sipd_check,
		.status = sipd_status,
	};

	return daemon_main(argc, argv, &def);
}
