#ifndef COMMON_ERR_H
#define COMMON_ERR_H
#include <errno.h>

/* One int result space for the whole tree:
 *      0              success
 *  -1 .. -4095        -errno, which is also every libuv UV_E* code (UV_EOF = -4095)
 *  <= -5000           ours, below */
#define ERR_LIST(X)                                                                                \
	X(ERR_TRUNCATED, -5000, "input ends early")                                                \
	X(ERR_SYNTAX, -5001, "not in the grammar")                                                 \
	X(ERR_LIMIT, -5002, "larger than we accept")                                               \
	X(ERR_UNSUPP, -5003, "valid, not supported")                                               \
	X(ERR_STATE, -5004, "not allowed in this state")                                           \
	X(ERR_NOTFOUND, -5005, "no such object")                                                   \
	X(ERR_DENIED, -5006, "peer may not ask this")                                              \
	X(ERR_BUSY, -5007, "queue full, try later")                                                \
	X(ERR_TIMEOUT, -5008, "no answer in time")                                                 \
	X(ERR_LOST, -5009, "link went down before the answer")                                     \
	X(ERR_EXISTS, -5010, "exists already")                                                     \
	X(ERR_AUTH, -5011, "wrong password, key or signature")                                     \
	X(ERR_CRYPTO, -5012, "cryptographic operation failed")                                     \
	X(ERR_STORE, -5013,                                                                        \
	    "the store could not be read or written: see to free space and the journal")           \
	X(ERR_VALUE, -5014, "value out of range")

enum err_code {
#define X(name, num, text) name = (num),
	ERR_LIST(X)
#undef X
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* "ERR_LIMIT", "ECONNREFUSED"; "OK" for 0. Static storage. */
const char *err_name(int err);
/* One clause for people, without a final stop. Static storage. */
const char *err_text(int err);
#endif
