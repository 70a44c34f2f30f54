#ifndef CERTD_CTL_ROOM_IPC_H
#define CERTD_CTL_ROOM_IPC_H
#include "certd/certd.h"
#include "ctl.pb-c.h"
#include "ipc/ctl.h"

/* What the files of control commands share. */
static inline struct certd *ctl_room(struct ctl_run *r)
{
	return ((struct daemon *)ctl_ctx(r))->state;
}
static inline ProtobufCBinaryData ctl_bin(const void *p, size_t n)
{
	return (ProtobufCBinaryData){ n, (uint8_t *)(uintptr_t)p };
}
/* To the audit log before the change is made. 0; else the command has failed. */
int ctl_announce(struct ctl_run *r, const char *operation, struct slice object) MUST_CHECK;
/* A change that was announced did not happen. Returns err. */
int ctl_undone(struct ctl_run *r, const char *operation, struct slice object, int err);
/* A password or keytab was set or deleted by this command: others hear. */
void certd_secret_written(struct ctl_run *r);
/* A certificate as a row; the buffers live in *t. */
struct ctl_cert_text {
	char subject[256], issuer[256], from[32], to[32], key[24], sha1[64], sha256[100];
};
void ctl_cert_row(Ctl__CertRow *row, struct ctl_cert_text *t, const X509 *x);

/* ctl_cert_ipc.c */
ctl_h certd_cert_list, certd_cert_show, certd_cert_import, certd_cert_del, certd_cert_self_signed,
    certd_cert_csr, certd_cert_export_csr, certd_cert_install, certd_cert_export;
extern const struct ctl_arg certd_import_args[4], certd_install_args[2], certd_self_args[4],
    certd_csr_args[9], certd_file_out_args[1];
/* ctl_trust_ipc.c */
ctl_h certd_trust_list, certd_trust_import, certd_trust_export, certd_trust_del, certd_trust_clear,
    certd_trust_restore, certd_crl_list, certd_crl_import, certd_crl_del;
extern const struct ctl_arg certd_file_in_args[1];
/* krb_ipc.c */
ctl_h certd_keytab_import, certd_keytab_del;
extern const struct ctl_arg certd_keytab_args[2];
/* ctl_audit_ipc.c */
ctl_h certd_audit_list, certd_audit_verify, certd_audit_key, certd_key_rotate, certd_policy_list;
extern const struct ctl_arg certd_audit_args[2];
#endif
