#ifndef SIPD_DNS_MSG_H
#define SIPD_DNS_MSG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"

/* DNS messages (RFC 1035, 2782, 3403, 3596, 6891) as far as finding a SIP server needs them. Pure and bounded. */
enum dns_type {
	DNS_A = 1,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_NAPTR = 35,
	DNS_OPT = 41
};
#define DNS_NAME_MAX  256 /* text without the last dot, and a NUL */
#define DNS_QUERY_MAX 300
#define DNS_UDP_MAX   1232 /* what we say we take (EDNS0) */
#define DNS_RRS_MAX   32

struct dns_rr {
	uint16_t type; /* A, AAAA, PTR, SRV, NAPTR */
	uint32_t ttl;  /* s */
	uint8_t ip[16];
	uint16_t order, preference, port; /* SRV: order is the priority, preference the weight */
	char flags[4], service[32];       /* NAPTR; lower case */
	char name[DNS_NAME_MAX];          /* SRV target, NAPTR replacement, PTR */
};
enum dns_result { DNS_OK, DNS_NONE, DNS_FAILED, DNS_CUT };
struct dns_answer {
	enum dns_result
	    result; /* NONE: no such name or type; FAILED: try another server; CUT: ask over TCP */
	uint32_t ttl; /* of the whole: the lowest of all records used; NONE: RFC 2308 */
	unsigned n;
	struct dns_rr rr[DNS_RRS_MAX]; /* of the type that was asked for; more are left out */
	char cname[DNS_NAME_MAX];      /* OK with n = 0: the chain of CNAMEs goes on there */
};

/* Writes a question; returns its length. ERR_SYNTAX: not a domain name. edns false: plain RFC 1035. */
int dns_put_query(uint8_t out[DNS_QUERY_MAX], uint16_t id, const char *name, enum dns_type type,
    bool edns) MUST_CHECK;
/* Reads the answer to that question. ERR_SYNTAX, ERR_TRUNCATED; ERR_NOTFOUND: it answers another question (forged or
 * late): wait on. */
int dns_parse(struct dns_answer *a, const uint8_t *p, size_t n, uint16_t id, const char *name,
    enum dns_type type) MUST_CHECK;
/* Same name, case ignored, a dot at the end ignored. */
bool dns_same(const char *a, const char *b);
#endif
