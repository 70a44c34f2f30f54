#include <string.h>

#include "certd/certd.h"
#include "common/mem.h"

static struct daemon_def def = {
	.name = "certd",
	.summary = "keeps private keys, passwords and access codes, and computes with them",
	.keys = certd_keys,
	.conf_size = sizeof(struct certd_conf),
	.handlers = certd_handlers,
	.cmds = certd_cmds,
	.serves = true,
	.gather = IPC_DAEMONS,
	.secrets = true,
	.init = certd_init,
	.up = certd_up,
	.reload = certd_reload,
	.fini = certd_fini,
	.check = certd_check,
	.status = certd_status,
};

int main(int argc, char **argv)
{
	/* Needs no daemon: certd audit-verify DIR [PUBLIC-KEY] */
	if (argc > 2 && argc < 5 && strcmp(argv[1], "audit-verify") == 0)
		return audit_tool(argv[2], argc > 3 ? argv[3] : NULL);
	def.nkeys = certd_nkeys;
	def.nhandlers = certd_nhandlers;
	def.ncmds = certd_ncmds;
	return daemon_main(argc, argv, &def);
}
