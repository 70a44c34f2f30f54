/* Errors of Kerberos in words. */
#include "certd/krb_err.h"

#include <stdio.h>

#include "common/err.h"
#include "common/mem.h"

enum arg { NONE, USER, REALM, SERVICE };
static const struct {
	krb5_error_code code;
	int err;
	enum arg arg;
	const char *text;
} table[] = {
	{ KRB5KDC_ERR_PREAUTH_FAILED, ERR_AUTH, USER,
	    "wrong password of %s: dectctl secret set USER kind=sip sets it" },
	{ KRB5_PREAUTH_FAILED, ERR_AUTH, USER,
	    "wrong password of %s: dectctl secret set USER kind=sip sets it" },
	{ KRB5KRB_AP_ERR_BAD_INTEGRITY, ERR_AUTH, USER,
	    "wrong password of %s: dectctl secret set USER kind=sip sets it" },
	{ KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN, ERR_AUTH, USER,
	    "the domain does not know the account %s: dectctl user set auth-user=… names it, "
	    "kerberos-realm in [lync] its domain" },
	{ KRB5KDC_ERR_CLIENT_REVOKED, ERR_AUTH, USER,
	    "the account %s is disabled, locked out or expired in the domain" },
	{ KRB5KDC_ERR_NAME_EXP, ERR_AUTH, USER, "the account %s has expired in the domain" },
	{ KRB5KDC_ERR_KEY_EXP, ERR_AUTH, USER,
	    "the password of %s has expired, or must be changed at the first log-in: set one that "
	    "does not expire" },
	{ KRB5KDC_ERR_POLICY, ERR_AUTH, USER,
	    "the domain's policy does not let %s log in: log-on hours or workstations of the "
	    "account" },
	{ KRB5KDC_ERR_CLIENT_NOTYET, ERR_AUTH, USER, "the account %s is not valid yet" },
	{ KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN, ERR_UNSUPP, SERVICE,
	    "the domain does not know the service %s: its SPN must be registered once, for the "
	    "account that the server runs under (setspn -Q %s)" },
	{ KRB5KDC_ERR_MUST_USE_USER2USER, ERR_UNSUPP, SERVICE,
	    "the service %s is registered for a user's account" },
	{ KRB5KDC_ERR_ETYPE_NOSUPP, ERR_UNSUPP, USER,
	    "the domain has no key of an allowed kind for %s or the server: a new password makes "
	    "AES keys, kerberos-rc4 = yes in [certd] allows RC4" },
	{ KRB5_CONFIG_ETYPE_NOSUPP, ERR_UNSUPP, USER,
	    "no key of an allowed kind for %s: kerberos-rc4 = yes in [certd] allows RC4" },
	{ KRB5_KT_NOTFOUND, ERR_AUTH, USER,
	    "the keytab has no key of a kind that the domain asks for %s: make it anew with AES "
	    "keys" },
	{ KRB5KRB_AP_ERR_SKEW, ERR_UNSUPP, REALM,
	    "the clocks of this host and of the KDC of %s differ by more than five minutes: set "
	    "both by NTP" },
	{ KRB5_KDCREP_SKEW, ERR_UNSUPP, REALM,
	    "the clocks of this host and of the KDC of %s differ by more than five minutes: set "
	    "both by NTP" },
	{ KRB5KDC_ERR_NEVER_VALID, ERR_UNSUPP, REALM,
	    "a ticket would never be valid: the clocks of this host and of the KDC of %s differ" },
	{ KRB5KRB_AP_ERR_TKT_EXPIRED, ERR_UNSUPP, REALM,
	    "the ticket is too old by the clock of the KDC of %s: set both by NTP" },
	{ KRB5KDC_ERR_WRONG_REALM, ERR_UNSUPP, REALM,
	    "the KDC is not one of %s: kerberos-realm in [lync] is the name of the users' domain" },
	{ KRB5_REALM_UNKNOWN, ERR_UNSUPP, REALM, "the realm %s is not known" },
	{ KRB5KDC_ERR_SVC_UNAVAILABLE, ERR_LOST, REALM, "the KDC of %s is not available now" },
	{ KRB5KRB_ERR_GENERIC, ERR_UNSUPP, REALM, "the KDC of %s refuses without a reason" },
	{ KRB5_GET_IN_TKT_LOOP, ERR_UNSUPP, REALM, "the KDC of %s asks again and again" },
	{ KRB5_KDCREP_MODIFIED, ERR_UNSUPP, REALM,
	    "the answer of the KDC of %s does not belong to the question" },
	{ KRB5KRB_AP_ERR_MODIFIED, ERR_UNSUPP, SERVICE,
	    "the answer for %s does not belong to the question" },
};

int krb_error(krb5_context ctx, krb5_error_code code, const char *user, const char *realm,
    const char *service, char *why, size_t cap)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].code == code) {
			const char *arg = table[i].arg == USER    ? user
			                  : table[i].arg == REALM ? realm
			                                          : service;
			const char *in = table[i].text;
			size_t n = 0;
			while (*in && n + 1 < cap) {
				if (in[0] == '%' && in[1] == 's') {
					int k = snprintf(why + n, cap - n, "%s", arg);
					n += k > 0 && (size_t)k < cap - n ? (size_t)k : 0;
					in += 2;
				} else {
					why[n++] = *in++;
				}
			}
			why[n] = '\0';
			return table[i].err;
		}
	const char *said = krb5_get_error_message(ctx, code);
	(void)snprintf(why, cap, "Kerberos at %s: %s (%ld)", realm, said, (long)code);
	krb5_free_error_message(ctx, said);
	return ERR_UNSUPP;
}
