#ifndef COMMON_ADDR_H
#define COMMON_ADDR_H
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/slice.h"

/* A socket address, IPv4 or IPv6. Ports in host order at this interface. */
struct addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u;
};
#define ADDR_TEXT 64 /* "[v6%scope]:port" and a NUL */

/* "192.0.2.1", "2001:db8::1", "[2001:db8::1]", each with ":port" only in the bracketed or IPv4 form. ERR_SYNTAX. */
int addr_parse(struct slice s, uint16_t port_absent, struct addr *out) MUST_CHECK;
void addr_from_ip(
    struct addr *a, const void *ip, size_t n, uint16_t port); /* n: 4 or 16; else cleared */
void addr_from_sa(struct addr *a, const struct sockaddr *sa);
bool addr_set(const struct addr *a); /* has a family */
bool addr_eq(const struct addr *a, const struct addr *b);
bool addr_same_ip(const struct addr *a, const struct addr *b);
uint16_t addr_port(const struct addr *a);
void addr_set_port(struct addr *a, uint16_t port);
const uint8_t *addr_ip(const struct addr *a, size_t *n); /* network order; 4 or 16 octets */
socklen_t addr_len(const struct addr *a);
bool addr_any(const struct addr *a);      /* 0.0.0.0, :: */
bool addr_loopback(const struct addr *a); /* 127/8, ::1 */
/* With port "192.0.2.1:5060", "[2001:db8::1]:5060"; without: the bare address. out needs ADDR_TEXT. Returns out. */
const char *addr_print(const struct addr *a, bool port, char *out);
/* The bare address of 4 or 16 octets as text; out needs ADDR_IP_TEXT. Returns out, "" for another length. */
#define ADDR_IP_TEXT 46
const char *addr_ip_print(const void *ip, size_t n, char *out);
#endif
