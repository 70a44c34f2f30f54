/* presenced: presence and phone book. */
#include "common/mem.h"
#include "presenced/presenced.h"

static const struct daemon_link links[] = { { IPC_SIPD, false }, { IPC_CERTD, false } };
static const struct daemon_def def = {
	.name = "presenced",
	.summary = "presence and phone book of ipdect",
	.links = links,
	.nlinks = ARRAY_LEN(links),
	.conf_size = sizeof(struct presenced_conf),
	.conf_check = presenced_conf_check,
	.init = presenced_init,
	.reload = presenced_reload,
	.up = presenced_up,
	.down = presenced_down,
	.fini = presenced_fini,
	.check = presenced_check,
	.status = presenced_status,
};

int main(int argc, char **argv)
{
	struct daemon_def d = def;

	d.keys = presenced_keys;
	d.nkeys = presenced_nkeys;
	d.handlers = presenced_handlers;
	d.nhandlers = presenced_nhandlers;
	d.cmds = presenced_cmds;
	d.ncmds = presenced_ncmds;
	return daemon_main(argc, argv, &d);
}
