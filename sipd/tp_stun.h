#ifndef SIPD_TP_STUN_H
#define SIPD_TP_STUN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* The little STUN that keep-alive over UDP needs (RFC 5626 3.5.2, RFC 5389): Binding request and response with
 * XOR-MAPPED-ADDRESS. Pure. */
#define TP_STUN_ID  12
#define TP_STUN_MAX 48 /* octets of what we write */

/* Can this datagram be STUN (SIP starts with a letter, STUN with two zero bits and the cookie)? */
bool tp_stun_is(const uint8_t *p, size_t n);
size_t tp_stun_request(uint8_t out[TP_STUN_MAX], const uint8_t id[TP_STUN_ID]);
/* The answer to a request from this address; 0: not a Binding request. */
size_t tp_stun_answer(
    uint8_t out[TP_STUN_MAX], const uint8_t *p, size_t n, const struct sockaddr *from);
/* Reads a success response: its id, and the mapped port and address in network order (mapped_n 6 or 18; 0: none). */
bool tp_stun_response(
    const uint8_t *p, size_t n, uint8_t id[TP_STUN_ID], uint8_t mapped[18], size_t *mapped_n);
#endif
