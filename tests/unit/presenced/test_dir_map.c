/* What a server says becomes our entries: its octets are written here by hand (RFC 4511), libldap and the room read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <lber.h>
#include <ldap.h>
#include <openldap.h>

#include "common/mem.h"
#include "presenced/dir_sync_priv.h"

struct attr {
	const char *name;
	struct berval v[4];
};
#define V(s)                                                                                       \
	{                                                                                          \
		sizeof(s) - 1, (char *)(uintptr_t)(s)                                              \
	}

struct world {
	struct dir_ldap l;
	struct dir_ldap_conf conf;
	struct dir_entry e[8];
	unsigned n;
	int peer;
};

static void say(struct world *x, BerElement *ber)
{
	struct berval v;

	assert_int_equal(ber_flatten2(ber, &v, 0), 0);
	assert_int_equal(write(x->peer, v.bv_val, v.bv_len), v.bv_len);
	ber_free(ber, 1);
}

static void say_entry(struct world *x, const char *dn, const struct attr *a, size_t n)
{
	BerElement *ber = ber_alloc_t(LBER_USE_DER);

	ber_printf(ber, "{it{s{", 1, LDAP_RES_SEARCH_ENTRY, dn);
	for (size_t i = 0; i < n; i++) {
		ber_printf(ber, "{s[", a[i].name);
		for (size_t k = 0; k < 4 && a[i].v[k].bv_val; k++)
			ber_printf(ber, "O", &a[i].v[k]);
		ber_printf(ber, "]}");
	}
	ber_printf(ber, "}}}");
	say(x, ber);
}

static void say_result(struct world *x, int code)
{
	BerElement *ber = ber_alloc_t(LBER_USE_DER);

	ber_printf(ber, "{it{ess}}", 1, LDAP_RES_SEARCH_RESULT, code, "", "");
	say(x, ber);
}

static int keep(void *ctx, LDAP *ld, LDAPMessage *m, LDAPControl **ctrls)
{
	struct world *x = ctx;

	(void)ctrls;
	assert_true(x->n < ARRAY_LEN(x->e));
	x->e[x->n] = (struct dir_entry){ 0 };
	if (dir_ldap_entry(&x->l, ld, m, &x->e[x->n]) == 0)
		x->n++;
	return 0;
}

static int heard(struct world *x)
{
	char *attributes[DIR_ATTRIBUTES];
	struct dir_query q = { .base = "dc=x",
		.filter = "(cn=*)",
		.attributes = attributes,
		.max = 100,
		.ms = 60000,
		.fn = keep,
		.ctx = x };

	dir_ldap_attributes(&x->l, attributes);
	return dir_ldap_search(&x->l, &q, NULL);
}

/* One entry. */
static const struct dir_entry *mapped(struct world *x, const struct attr *a, size_t n)
{
	int fd[2];

	dir_ldap_close(&x->l);
	if (x->peer >= 0)
		close(x->peer);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(ldap_init_fd(fd[0], LDAP_PROTO_TCP, "ldap://x", &x->l.ld), LDAP_SUCCESS);
	x->peer = fd[1];
	x->n = 0;
	say_entry(x, "cn=a,dc=x", a, n);
	say_result(x, 0);
	assert_int_equal(heard(x), 0);
	return x->n ? &x->e[0] : NULL;
}
#define MAP(...)                                                                                   \
	mapped(x, (const struct attr[]){ __VA_ARGS__ },                                            \
	    ARRAY_LEN(((const struct attr[]){ __VA_ARGS__ })))

static int up(void **state)
{
	struct world *x = mem_new(sizeof(*x));

	x->conf.filter = x->conf.sip_attribute = (char *)(uintptr_t) "";
	x->l.conf = &x->conf;
	x->peer = -1;
	*state = x;
	return 0;
}

static int down(void **state)
{
	struct world *x = *state;

	dir_ldap_close(&x->l);
	close(x->peer);
	free(x);
	return 0;
}

static void active_directory(void **state)
{
	struct world *x = *state;
	const struct dir_entry *e =
	    MAP({ "objectGUID", { V("\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17") } },
	        { "displayName", { V("Kander, Jim") } }, { "givenName", { V("Jim") } },
	        { "sn", { V("Kander") } }, { "cn", { V("jim") } },
	        { "telephoneNumber", { V("+49 (30) 5550-1234") } },
	        { "msRTCSIP-Line", { V("tel:+493055501234;ext=1234") } },
	        { "otherTelephone", { V("1"), V("2") } }, { "mobile", { V("0171 1") } },
	        { "homePhone", { V("030 99") } }, { "ipPhone", { V("1234") } },
	        { "proxyAddresses", { V("SMTP:a@b"), V("SIP:other@contoso.com") } },
	        { "msRTCSIP-PrimaryUserAddress", { V("sip:jim@contoso.com") } },
	        { "mail", { V("jim@contoso.com") } }, { "department", { V("Sales") } },
	        { "company", { V("Contoso") } }, { "userAccountControl", { V("512") } });

	assert_int_equal(e->nkey, 16);
	assert_memory_equal(e->key, "\0\1\2\3", 4);
	assert_string_equal(e->display, "Kander, Jim");
	assert_string_equal(e->given, "Jim");
	assert_string_equal(e->family, "Kander");
	assert_string_equal(e->sip, "sip:jim@contoso.com");
	assert_string_equal(e->mail, "jim@contoso.com");
	assert_string_equal(e->department, "Sales");
	assert_string_equal(e->company, "Contoso");
	assert_false(e->hidden);
	/* Lync's number first; numbers at home are private */
	assert_int_equal(e->nnumbers, 6);
	assert_string_equal(e->number[0].raw, "tel:+493055501234;ext=1234");
	assert_string_equal(e->number[1].raw, "+49 (30) 5550-1234");
	assert_int_equal(e->number[4].kind, DIR_MOBILE);
	assert_int_equal(e->number[5].kind, DIR_IP);

	x->conf.home = true;
	e = MAP({ "cn", { V("a") } }, { "homePhone", { V("030 99") } });
	assert_int_equal(e->nnumbers, 1);
	assert_int_equal(e->number[0].kind, DIR_HOME);
}

static void hidden(void **state)
{
	struct world *x = *state;

	assert_true(MAP({ "cn", { V("a") } }, { "userAccountControl", { V("514") } })->hidden);
	assert_false(MAP({ "cn", { V("a") } }, { "userAccountControl", { V("66048") } })->hidden);
	assert_true(
	    MAP({ "cn", { V("a") } }, { "msExchHideFromAddressLists", { V("TRUE") } })->hidden);
	assert_false(
	    MAP({ "cn", { V("a") } }, { "msExchHideFromAddressLists", { V("FALSE") } })->hidden);
	assert_true(MAP({ "telephoneNumber", { V("1") } })->hidden); /* nobody to show */
}

static void inet_org_person(void **state)
{
	struct world *x = *state;
	const struct dir_entry *e =
	    MAP({ "entryUUID", { V("0c1b1e06-9f7e-103b-8b1d-ff6a8e1b0b54") } },
	        { "cn", { V("Ada Lovelace"), V("ada") } }, { "sn", { V("Lovelace") } },
	        { "telephoneNumber", { V("1"), V("2"), V("1") } }, { "ou", { V("Engines") } },
	        { "o", { V("Babbage") } }, { "labeledURI", { V("sip:ada@x") } });

	assert_int_equal(e->nkey, 36);
	assert_string_equal(e->display, "Ada Lovelace");
	assert_int_equal(e->nnumbers, 2); /* each once */
	assert_string_equal(e->department, "Engines");
	assert_string_equal(e->company, "Babbage");
	assert_string_equal(e->sip, "");

	x->conf.sip_attribute = (char *)(uintptr_t) "labeledURI";
	e = MAP({ "cn", { V("a") } }, { "labeledURI", { V("sip:ada@x") } });
	assert_string_equal(e->sip, "sip:ada@x");
	e = MAP({ "cn", { V("a") } }, { "labeledURI", { V("ada@x") } });
	assert_string_equal(e->sip, "sip:ada@x");
	/* Without it the others are looked at; without GUID or UUID the name is the identity. */
	e = MAP({ "cn", { V("a") } }, { "proxyAddresses", { V("smtp:a@b"), V("SIP:ada@x") } });
	assert_string_equal(e->sip, "sip:ada@x");
	assert_int_equal(e->nkey, 16);
	e = MAP({ "givenName", { V("Ada") } }, { "sn", { V("Lovelace") } });
	assert_string_equal(e->display, "Ada Lovelace");
	assert_false(e->hidden);
}

static void hostile(void **state)
{
	struct world *x = *state;
	char *long_value = mem_new(20000);
	struct berval big = { 20000, long_value };
	struct attr a[] = { { "cn", { V("A\fB\r\nVia: x\xff") } }, { "displayName", { big } },
		{ "telephoneNumber", { big, V("+49 30\0"
		                              "1") } },
		{ "sn", { V("\0\1\2") } }, { "objectGUID", { big } }, { "mail", { V("a\nb") } } };
	struct attr many = { "otherTelephone", { { 0 } } };
	const struct dir_entry *e;

	memset(long_value, 'x', 20000);
	e = mapped(x, a, ARRAY_LEN(a));
	assert_string_equal(e->display, "A B Via: x?");
	assert_string_equal(e->family, "");
	assert_string_equal(e->mail, "a b");
	assert_int_equal(e->nnumbers, 1);
	assert_string_equal(e->number[0].raw, "+49 30 1");
	assert_int_equal(e->nkey, 16); /* of the name: a GUID of 20,000 octets is none */
	many.v[0] = (struct berval)V("");
	many.v[1] = (struct berval)V("\xff");
	e = MAP({ "cn", { V("a") } }, many);
	assert_int_equal(e->nnumbers, 1);
	free(long_value);
}

/* Results and what is broken. */
static void results(void **state)
{
	static const struct {
		int code, err;
		const char *why;
	} t[] = {
		{ 4, ERR_LIMIT, "raise the server's size limit" },
		{ 3, ERR_TIMEOUT, "time limit" },
		{ 10, ERR_VALUE, "global catalogue" },
		{ 32, ERR_VALUE, "base is wrong" },
		{ 51, ERR_LOST, "busy" },
		{ 50, ERR_DENIED, "may not do this" },
		{ 53, ERR_UNSUPP, "server's log" },
		{ 4096, ERR_STATE, "" },
		{ 999, ERR_UNSUPP, "server's log" },
	};
	struct world *x = *state;
	int fd[2];

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
		assert_int_equal(
		    ldap_init_fd(fd[0], LDAP_PROTO_TCP, "ldap://x", &x->l.ld), LDAP_SUCCESS);
		x->peer = fd[1];
		say_result(x, t[i].code);
		assert_int_equal(heard(x), t[i].err);
		if (!strstr(x->l.why, t[i].why))
			fail_msg("%d: %s", t[i].code, x->l.why);
		dir_ldap_close(&x->l);
		close(fd[1]);
	}
	x->peer = -1;
}

/* ---- Sync Info ---- */

struct ids {
	unsigned present, deleted;
	uint8_t last[GUID_N];
};

static int on_id(void *ctx, const uint8_t id[GUID_N], bool deletes)
{
	struct ids *n = ctx;

	memcpy(n->last, id, GUID_N);
	*(deletes ? &n->deleted : &n->present) += 1;
	return 0;
}

static int info(const char *octets, size_t n, struct repl_info *out, struct ids *ids)
{
	struct berval v = { n, mem_dup(octets, n) };
	int err;

	*ids = (struct ids){ 0 };
	err = repl_info_parse(&v, out, on_id, ids);
	free(v.bv_val);
	return err;
}
#define INFO(s) info(s, sizeof(s) - 1, &i, &ids)
#define UUID                                                                                       \
	"\x04\x10"                                                                                 \
	"0123456789abcdef"

static void sync_info(void **state)
{
	struct repl_info i;
	struct ids ids;

	(void)state;
	assert_int_equal(INFO("\x80\x03"
	                      "abc"),
	    0);
	assert_int_equal(i.kind, REPL_COOKIE);
	assert_int_equal(i.cookie.bv_len, 3);
	assert_memory_equal(i.cookie.bv_val, "abc", 3);
	ber_memfree(i.cookie.bv_val);
	assert_int_equal(INFO("\xa1\x08\x04\x03"
	                      "abc"
	                      "\x01\x01\x00"),
	    0);
	assert_int_equal(i.kind, REPL_DELETE_PHASE);
	ber_memfree(i.cookie.bv_val);
	assert_int_equal(INFO("\xa2\x00"), 0);
	assert_int_equal(i.kind, REPL_PRESENT_PHASE);
	assert_null(i.cookie.bv_val);
	assert_int_equal(INFO("\xa3\x26\x31\x24" UUID UUID), 0);
	assert_int_equal(i.kind, REPL_ID_SET);
	assert_int_equal(ids.present, 2);
	assert_int_equal(ids.deleted, 0);
	assert_memory_equal(ids.last, "0123456789abcdef", 16);
	assert_int_equal(INFO("\xa3\x1c\x04\x03"
	                      "abc"
	                      "\x01\x01\xff\x31\x12" UUID),
	    0);
	assert_int_equal(ids.deleted, 1);
	assert_memory_equal(i.cookie.bv_val, "abc", 3);
	ber_memfree(i.cookie.bv_val);
	assert_int_equal(INFO("\xa3\x02\x31\x00"), 0);
	assert_int_equal(ids.present, 0);

	assert_int_equal(INFO(""), ERR_SYNTAX);
	assert_int_equal(INFO("\x30\x00"), ERR_SYNTAX);
	assert_int_equal(INFO("\x80\x05"
	                      "abc"),
	    ERR_SYNTAX);
	assert_int_equal(INFO("\xa3\x00"), ERR_SYNTAX);
	assert_int_equal(INFO("\xa3\x07\x31\x05\x04\x03"
	                      "abc"),
	    ERR_SYNTAX);
	assert_int_equal(INFO("\xa3\x80\x31\x00\x00\x00"), ERR_SYNTAX);
	assert_int_equal(repl_info_parse(NULL, &i, NULL, NULL), ERR_SYNTAX);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = { T(active_directory), T(hidden), T(inet_org_person),
		T(hostile), T(results), cmocka_unit_test(sync_info) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
