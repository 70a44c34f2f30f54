#ifndef CERTD_CTL_CERT_IPC_H
#define CERTD_CTL_CERT_IPC_H
#include "ctl.pb-c.h"
#include "ipc/ctl.h"

/* Commands of ctl_cert_ipc.c in the table of ctl_ipc.c. */
ctl_h certd_cert_list, certd_cert_import, certd_cert_del, certd_cert_self_signed;
extern const struct ctl_arg certd_import_args[3], certd_self_args[3];

#define CERTD_CERT_CMDS                                                                            \
	{ "cert", "list", IPC_VIEW, "NAME", false, NULL, 0, &ctl__cert_row__descriptor, false,     \
		certd_cert_list, "host certificates" },                                            \
	    { "cert", "import", IPC_ADMIN, "NAME", false, certd_import_args, 3, NULL, false,       \
		    certd_cert_import,                                                             \
		    "take a certificate with its key (PKCS#12, PEM, DER); NAME is \"host\" when "  \
		    "left out" },                                                                  \
	    { "cert", "self-signed", IPC_ADMIN, "NAME", false, certd_self_args, 3, NULL, false,    \
		    certd_cert_self_signed,                                                        \
		    "make a key and a certificate that only tests trust" },                        \
	    { "cert", "del", IPC_ADMIN, "NAME", true, NULL, 0, NULL, false, certd_cert_del,        \
		    "delete a host certificate and its key" },
#endif
