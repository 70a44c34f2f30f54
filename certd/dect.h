#ifndef CERTD_DECT_H
#define CERTD_DECT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "certd/dect_kdf.h"
#include "certd/store.h"
#include "common/tmr.h"

/* Authentication and key allocation of handsets (EN 300 175-7, 6.5): UAK and AC stay in the store, only responses and
 * derived cipher keys leave. A challenge is a handle, good once and for 30 s.
 *
 * Per IPUI there are at most two UAKs: the confirmed one, and one that was allocated but not used yet. The new one is
 * used first; a handset that uses the old one never took it, and it is dropped. */
#define DECT_IPUI_MAX     16
#define DECT_CHALLENGE_MS 30000
#define DECT_CHALLENGES   4096
#define DECT_DEFCK_FIRST  0x0001 /* EN 300 175-3 table 7.44b: FF00 and above are reserved */
#define DECT_DEFCK_LAST   0xfeff
#define DECT_DEFCK_PER_PT 2 /* the last two: a handset keeps at least the last one */
#define DECT_COMMON_AC    SLICE_LIT("subscription")

struct dect;
struct dect_conf {
	bool dsaa2_literal; /* bit order of DSAA2, see dect_kdf.h */
	uint32_t ac_failures, ac_lock_ms;
};
struct dect_challenge {
	uint64_t handle;
	uint8_t rs[16], rand_f[8];
	size_t nrs;
};

struct dect *dect_new(struct store *s, struct tmr_wheel *wheel);
void dect_free(struct dect *d);
void dect_forget(struct dect *d); /* all open challenges */
void dect_configure(struct dect *d, const struct dect_conf *c);

/* alg: DECT_KDF_DSAA or DECT_KDF_DSAA2. ac: whose access code serves while there is no UAK; empty: none.
 * ERR_NOTFOUND: no key for this handset; ERR_VALUE; ERR_BUSY: DECT_CHALLENGES are open. */
int dect_pt_auth(struct dect *d, struct slice ipui, enum dect_kdf_alg alg, struct slice ac,
    bool default_ck, struct dect_challenge *out) MUST_CHECK;
/* *ok: RES1 is right; then dck has dect_kdf_dck_len(alg) octets, *ndck. *former: it used the confirmed UAK though another was
 * allocated since: it never took that one, which is dropped. ERR_NOTFOUND: no such challenge (any more). */
int dect_pt_check(struct dect *d, uint64_t handle, struct slice res1, struct slice rand_p, bool *ok,
    bool *former, uint8_t dck[16], size_t *ndck) MUST_CHECK;
/* rand_f is written for DSAA2 only; rs has dect_kdf_rs_len(alg) octets. */
int dect_ft_auth(struct dect *d, struct slice ipui, enum dect_kdf_alg alg, struct slice rand_p,
    uint8_t res2[4], uint8_t rs[16], uint8_t rand_f[8]) MUST_CHECK;
/* ERR_DENIED: too many wrong answers for this IPUI lately. ERR_NOTFOUND: no such access code. */
int dect_key_alloc(struct dect *d, struct slice ipui, enum dect_kdf_alg alg, struct slice ac,
    struct dect_challenge *out) MUST_CHECK;
struct dect_allocated {
	bool ok, dsaa2;
	uint8_t res2[4], rs2[16], rand_f2[8]; /* the last two for DSAA2 */
	uint8_t ipui[DECT_IPUI_MAX];          /* whose it was */
	size_t nipui;
};
/* The new UAK is on disk when ok. */
int dect_key_alloc_check(struct dect *d, uint64_t handle, struct slice res1, struct slice rand_p,
    struct dect_allocated *out) MUST_CHECK;

/* The new UAK becomes the only one; ac (unless empty or the common one) is erased. */
int dect_confirm_uak(struct dect *d, struct slice ipui, struct slice ac) MUST_CHECK;
/* The new UAK, when there is one, else the confirmed one. */
int dect_drop_uak(struct dect *d, struct slice ipui) MUST_CHECK;
int dect_erase(struct dect *d, struct slice ipui) MUST_CHECK;

/* Default cipher keys: one index is one handset's for as long as it lives. One that was given and has no key yet is given again:
 * the procedure was broken off, and the key before it is still the handset's. ERR_BUSY: no index is free. */
int dect_defck_new(struct dect *d, struct slice ipui, uint32_t *index) MUST_CHECK;
/* ERR_DENIED: the index is another handset's; ERR_NOTFOUND: it was not allocated. */
int dect_defck_put(struct dect *d, struct slice ipui, uint32_t index, struct slice ck) MUST_CHECK;
/* ipui (16 octets room) gets the owner. ERR_NOTFOUND: no such index, or no key yet (*nck 0). */
int dect_defck_get(struct dect *d, uint32_t index, uint8_t ck[16], size_t *nck,
    uint8_t ipui[DECT_IPUI_MAX], size_t *nipui) MUST_CHECK;
#endif
