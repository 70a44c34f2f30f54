/* The octets of an LDAP server after our search: entries, references, intermediate messages, results, through libldap. The first
 * octet says what is asked; message ids are 1, as that of the first request of a connection. */
#include <lber.h>
#include <ldap.h>
#include <openldap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "presenced/dir_sync_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libldap 2.5 forgets the request of a result that cannot be decoded (ldap_send_server_request); leaks of ours are looked for in
 * the unit tests. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static void clean(const char *s, size_t cap)
{
	if (strnlen(s, cap) == cap)
		abort();
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7F)
			abort();
}

static int on_entry(void *ctx, LDAP *ld, LDAPMessage *m, LDAPControl **ctrls)
{
	struct dir_entry e = { 0 };

	(void)ctrls;
	if (dir_ldap_entry(ctx, ld, m, &e))
		return 0;
	if (e.nkey == 0 || e.nkey > sizeof(e.key) || e.nnumbers > DIR_NUMBERS)
		abort();
	clean(e.display, sizeof(e.display));
	clean(e.given, sizeof(e.given));
	clean(e.family, sizeof(e.family));
	clean(e.sip, sizeof(e.sip));
	clean(e.mail, sizeof(e.mail));
	clean(e.department, sizeof(e.department));
	clean(e.company, sizeof(e.company));
	for (unsigned i = 0; i < e.nnumbers; i++)
		clean(e.number[i].raw, sizeof(e.number[i].raw));
	return 0;
}

static int on_id(void *ctx, const uint8_t id[GUID_N], bool deletes)
{
	(void)ctx;
	return id[0] == 0xFF && deletes ? ERR_STORE : 0;
}

static int on_info(void *ctx, const char *oid, struct berval *value)
{
	struct repl_info i;

	(void)ctx, (void)oid;
	(void)!repl_info_parse(value, &i, on_id, NULL);
	ber_memfree(i.cookie.bv_val);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char none[] = "", uri[] = "labeledURI";
	struct dir_ldap_conf conf = { .filter = none, .sip_attribute = none };
	struct dir_ldap l = { .conf = &conf };
	char *attributes[DIR_ATTRIBUTES];
	struct dir_query q = { .base = "dc=x",
		.filter = "(cn=*)",
		.attributes = attributes,
		.max = 20,
		.ms = 1000,
		.fn = on_entry,
		.info = on_info,
		.ctx = &l };
	LDAPControl **back = NULL;
	ber_len_t most = 1 << 20;
	Sockbuf *sb;
	int fd[2];

	if (size < 2 || size > 60000)
		return 0;
	conf.home = data[0] & 1;
	conf.sip_attribute = data[0] & 2 ? uri : none;
	l.paging = data[0] & 4;
	q.page = 10;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) ||
	    ldap_init_fd(fd[0], LDAP_PROTO_TCP, "ldap://x", &l.ld) != LDAP_SUCCESS)
		abort();
	/* As dir_ldap.c does for every connection: libldap would allocate what a length says. */
	if (ldap_get_option(l.ld, LDAP_OPT_SOCKBUF, &sb) != LDAP_OPT_SUCCESS)
		abort();
	ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_MAX_INCOMING, &most);
	if (write(fd[1], data + 1, size - 1) != (ssize_t)size - 1)
		abort();
	shutdown(fd[1], SHUT_WR);
	dir_ldap_attributes(&l, attributes);
	if (dir_ldap_search(&l, &q, &back) == 0)
		ldap_controls_free(back);
	dir_ldap_close(&l);
	close(fd[1]);
	return 0;
}
