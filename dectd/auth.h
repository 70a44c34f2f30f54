#ifndef DECTD_AUTH_H
#define DECTD_AUTH_H
#include "dectd/pp.h"

/* Questions to certd that need a handset's key or access code (EN 300 175-7 4.5, 6.5): dectd sees challenges, responses
 * and derived cipher keys only. An interface, so that tests of the mobility management give their own answers. */

#define AUTH_AC_COMMON "subscription" /* the secret that is everybody's access code */
#define AUTH_AC_MAX    64             /* octets of a secret's name */

struct auth_result {
	int err; /* 0; ERR_NOTFOUND: no such key or access code; ERR_LOST, ERR_TIMEOUT, ERR_BUSY: certd */
	bool ok;     /* the handset's answer was right */
	bool former; /* … with the key it had before the last key allocation, which is void now */
	uint64_t handle;     /* of a challenge: for the check, once */
	uint8_t rs[16], nrs; /* 8 DSAA, 16 DSAA2; 0: none */
	uint8_t rand[8];
	bool has_rand;
	uint8_t res[4];
	uint8_t ck[16], nck;       /* derived cipher key: 8 or 16; wiped after the callback */
	uint16_t index;            /* of a default cipher key … */
	uint8_t owner[16], nowner; /* … and the octets of the IPUI whose it is */
};
/* From the loop, never from inside the question, exactly once, unless forgotten. */
typedef void(auth_h)(void *ctx, const struct auth_result *a);

enum auth_sub { AUTH_CONFIRM = 1, AUTH_DROP = 2, AUTH_ERASE = 3 };

/* Each: 0, or ERR_LOST, ERR_BUSY: fn will not be called. c: of the implementation. */
struct auth_ops {
	/* Challenge for authentication of the handset: rs, rand, handle. def: what is derived becomes the default cipher key of
	 * the index that def_new() gave last, before pt_check() says that the answer was right. */
	int (*pt_start)(
	    void *c, const struct ipui *pp, enum pp_alg alg, bool def, auth_h *fn, void *ctx);
	/* Its answer: ok, ck. rand_p: with DSAA2, else NULL. */
	int (*pt_check)(void *c, uint64_t handle, const uint8_t res1[4], const uint8_t *rand_p,
	    auth_h *fn, void *ctx);
	/* Authentication of the fixed part: res, rs, with DSAA2 rand. */
	int (*ft)(void *c, const struct ipui *pp, enum pp_alg alg, const uint8_t rand_p[8],
	    auth_h *fn, void *ctx);
	/* Key allocation from an access code: rs, rand, handle. */
	int (*key_start)(
	    void *c, const struct ipui *pp, enum pp_alg alg, const char *ac, auth_h *fn, void *ctx);
	/* ok: the key is stored, unconfirmed; res, with DSAA2 rs and rand. */
	int (*key_check)(void *c, uint64_t handle, const uint8_t res1[4], const uint8_t rand_p[8],
	    auth_h *fn, void *ctx);
	/* ac: for AUTH_CONFIRM, the access code to erase; NULL: none. */
	int (*sub)(void *c, const struct ipui *pp, enum auth_sub op, const char *ac, auth_h *fn,
	    void *ctx);
	/* An index that no other handset has or gets: index. */
	int (*def_new)(void *c, const struct ipui *pp, auth_h *fn, void *ctx);
	/* The key of an index: ck, owner. pp: whose it must be (ERR_DENIED), or NULL. ERR_NOTFOUND: there is none. */
	int (*def_get)(void *c, const struct ipui *pp, uint16_t index, auth_h *fn, void *ctx);
	void (*forget)(void *c, const void *ctx);
	bool (*ready)(void *c); /* certd can be asked */
};
const char *auth_alg_name(enum pp_alg a);

/* auth_ipc.c: over the link to certd. Questions beyond what certd takes at once wait here. */
struct dectd;
struct auth_cert;
extern const struct auth_ops auth_cert_ops;
struct auth_cert *auth_cert_new(struct dectd *r);
void auth_cert_free(struct auth_cert *a);
void auth_cert_down(struct auth_cert *a); /* certd is gone: what waits is answered with ERR_LOST */
#endif
