/* dectd: base stations, handsets, the DECT network layer. */
#include "dectd/dectd.h"

static const struct daemon_link links[] = {
	{ IPC_CERTD, false },
	{ IPC_SIPD, false },
	{ IPC_MEDIAD, true },
};

int main(int argc, char **argv)
{
	struct daemon_def def = {
		.name = "dectd",
		.summary = "DECT base stations and handsets",
		.keys = dectd_keys,
		.nkeys = dectd_nkeys,
		.conf_size = sizeof(struct dectd_conf),
		.conf_check = dectd_conf_check,
		.handlers = dectd_handlers,
		.nhandlers = dectd_nhandlers,
		.links = links,
		.nlinks = sizeof(links) / sizeof(links[0]),
		.cmds = dectd_cmds,
		.ncmds = dectd_ncmds,
		.gather = IPC_CERTD,
		.secrets = true,
		.init = dectd_init,
		.reload = dectd_reload,
		.up = dectd_up,
		.down = dectd_down,
		.drain = dectd_drain,
		.fini = dectd_fini,
		.metrics = dectd_metrics,
		.check = dectd_check,
		.status = dectd_status,
	};

	return daemon_main(argc, argv, &def);
}
