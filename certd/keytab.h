#ifndef CERTD_KEYTAB_H
#define CERTD_KEYTAB_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"

/* Keytabs: files of long-term Kerberos keys as ktpass, ktutil and msktutil write them (MIT's format, version 2 of the file,
 * big-endian), and what is kept of one for a user: a principal with the keys of its newest version. Pure and bounded. */
#define KEYTAB_KEYS      6
#define KEYTAB_KEY_MAX   32 /* octets: AES-256 */
#define KEYTAB_PRINCIPAL 200
#define KEYTAB_RECORD    512 /* as SECRET_MAX */

struct keytab {
	char principal[KEYTAB_PRINCIPAL +
	               1]; /* "name@REALM", with \-escapes as krb5_parse_name() takes them */
	uint32_t kvno;
	unsigned n;
	struct keytab_key {
		uint16_t enctype;
		uint8_t len, key[KEYTAB_KEY_MAX];
	} key[KEYTAB_KEYS]; /* one per encryption type */
};
/* The keys of one principal of a file; want empty: the file must have only one. ERR_SYNTAX, ERR_TRUNCATED: no keytab;
 * ERR_NOTFOUND: no such principal, or no key that is known; ERR_EXISTS: several, name one; ERR_LIMIT. The caller wipes out. */
int keytab_read(struct slice file, struct slice want, struct keytab *out) MUST_CHECK;
/* To and from the record of the store. */
int keytab_pack(const struct keytab *k, uint8_t out[KEYTAB_RECORD], size_t *n) MUST_CHECK;
int keytab_unpack(struct slice record, struct keytab *out) MUST_CHECK;
/* AES-128 and -256 with SHA-1 or SHA-2, RC4: its key's length; 0: not known. */
size_t keytab_key_len(unsigned enctype);
#endif
