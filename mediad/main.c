/* mediad: the media plane, one of several instances. */
#include "mediad/mediad.h"

int main(int argc, char **argv)
{
	const struct daemon_def def = { .name = "mediad",
		.summary = "speech of calls: RTP, SRTP, codecs, tones, conferences",
		.keys = mediad_keys,
		.nkeys = mediad_nkeys,
		.conf_size = sizeof(struct mediad_conf),
		.handlers = mediad_handlers,
		.nhandlers = mediad_nhandlers,
		.cmds = mediad_cmds,
		.ncmds = mediad_ncmds,
		.serves = true,
		.instances = true,
		.secrets = true,
		.init = mediad_init,
		.reload = mediad_reload,
		.up = mediad_up,
		.down = mediad_down,
		.drain = mediad_drain,
		.fini = mediad_fini,
		.check = mediad_check,
		.status = mediad_status };

	return daemon_main(argc, argv, &def);
}
