/* libsrtp2 behind the interface of a box. */
#include "mediad/sbox_ref.h"

#include <srtp2/srtp.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "mediad/rtp.h"

struct sbox_ref {
	srtp_t s;
	bool tx;
	struct sbox_key k;
	struct sbox_ref *rtcp; /* see rtcp_of() */
};

static bool started; /* libsrtp2 is one per process, so is its start */

int sbox_ref_start(void)
{
	if (!started)
		started = srtp_init() == srtp_err_status_ok;
	return started ? 0 : ERR_CRYPTO;
}

void sbox_ref_stop(void)
{
	if (started)
		(void)srtp_shutdown();
	started = false;
}

static int error_of(srtp_err_status_t st)
{
	switch (st) {
	case srtp_err_status_ok:
		return 0;
	case srtp_err_status_auth_fail:
	case srtp_err_status_bad_mki:
	case srtp_err_status_cipher_fail:
		return ERR_AUTH;
	case srtp_err_status_replay_fail:
		return ERR_EXISTS;
	case srtp_err_status_replay_old:
		return ERR_TIMEOUT;
	case srtp_err_status_key_expired:
		return ERR_LIMIT;
	case srtp_err_status_bad_param:
	case srtp_err_status_parse_err:
		return ERR_SYNTAX;
	default:
		return ERR_CRYPTO;
	}
}

struct sbox_ref *sbox_ref_new(const struct sbox_key *k, bool tx)
{
	struct sbox_ref *r = mem_new(sizeof(*r));
	srtp_master_key_t mk = { .key = r->k.key, .mki_id = r->k.mki, .mki_size = k->nmki };
	srtp_master_key_t *mks[1] = { &mk };
	srtp_policy_t p;

	if (sbox_ref_start() != 0) {
		free(r);
		return NULL;
	}
	r->k = *k;
	r->tx = tx;
	memset(&p, 0, sizeof(p));
	switch (k->suite) {
	case SBOX_CM_80:
		srtp_crypto_policy_set_rtp_default(&p.rtp);
		srtp_crypto_policy_set_rtcp_default(&p.rtcp);
		break;
	case SBOX_CM_32:
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&p.rtp);
		srtp_crypto_policy_set_rtcp_default(&p.rtcp); /* RFC 4568 6.2.2: 80 bits there */
		break;
	case SBOX_GCM:
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&p.rtp);
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&p.rtcp);
		break;
	default:
		free(r);
		return NULL;
	}
	p.ssrc.type = tx ? ssrc_any_outbound : ssrc_any_inbound;
	p.window_size = 128;
	if (k->nmki) {
		p.keys = mks;
		p.num_master_keys = 1;
	} else {
		p.key = r->k.key;
	}
	if (srtp_create(&r->s, &p) != srtp_err_status_ok) {
		mem_free_wiped(r, sizeof(*r));
		return NULL;
	}
	return r;
}

void sbox_ref_free(struct sbox_ref *r)
{
	if (!r)
		return;
	(void)srtp_dealloc(r->s);
	sbox_ref_free(r->rtcp);
	mem_free_wiped(r, sizeof(*r));
}

int sbox_ref_protect(struct sbox_ref *r, uint8_t *p, size_t *n, size_t cap)
{
	int len = (int)*n;
	srtp_err_status_t st;

	if (cap < *n + SRTP_MAX_TRAILER_LEN || *n > RTP_MAX)
		return ERR_LIMIT;
	st = srtp_protect_mki(r->s, p, &len, r->k.nmki != 0, 0);
	if (st == srtp_err_status_ok)
		*n = (size_t)len;
	return error_of(st);
}

/* libsrtp2 works in place also where the tag turns out to be wrong (GCM). */
int sbox_ref_unprotect(struct sbox_ref *r, uint8_t *p, size_t *n)
{
	uint8_t copy[RTP_MAX] __attribute__((aligned(4)));
	int len = (int)*n;
	srtp_err_status_t st;

	if (*n > sizeof(copy))
		return ERR_LIMIT;
	memcpy(copy, p, *n);
	st = srtp_unprotect_mki(r->s, copy, &len, r->k.nmki != 0);
	if (st == srtp_err_status_ok) {
		*n = (size_t)len;
		memcpy(p, copy, *n);
	}
	return error_of(st);
}

/* libsrtp2 (2.5) looks for the MKI of SRTCP where the tag of SRTP would leave it: with _32 it finds none. SRTCP is the
 * same under both suites. */
static struct sbox_ref *rtcp_of(struct sbox_ref *r)
{
	if (r->k.suite == SBOX_CM_32 && !r->rtcp) {
		struct sbox_key k = r->k;
		k.suite = SBOX_CM_80;
		r->rtcp = sbox_ref_new(&k, r->tx);
		mem_wipe(&k, sizeof(k));
	}
	return r->k.suite == SBOX_CM_32 ? r->rtcp : r;
}

int sbox_ref_protect_rtcp(struct sbox_ref *r, uint8_t *p, size_t *n, size_t cap)
{
	int len = (int)*n;
	srtp_err_status_t st;

	r = rtcp_of(r);
	if (!r)
		return ERR_CRYPTO;
	if (cap < *n + SRTP_MAX_TRAILER_LEN + 4 || *n > RTP_MAX || *n < 8)
		return ERR_LIMIT;
	st = srtp_protect_rtcp_mki(r->s, p, &len, r->k.nmki != 0, 0);
	if (st == srtp_err_status_ok)
		*n = (size_t)len;
	return error_of(st);
}

int sbox_ref_unprotect_rtcp(struct sbox_ref *r, uint8_t *p, size_t *n)
{
	uint8_t copy[RTP_MAX] __attribute__((aligned(4)));
	int len = (int)*n;
	srtp_err_status_t st;

	r = rtcp_of(r);
	if (!r)
		return ERR_CRYPTO;
	if (*n > sizeof(copy))
		return ERR_LIMIT;
	if (*n < 8u + 4 + r->k.nmki + (r->k.suite == SBOX_GCM ? 16u : 10u))
		return ERR_TRUNCATED;
	memcpy(copy, p, *n);
	st = srtp_unprotect_rtcp_mki(r->s, copy, &len, r->k.nmki != 0);
	if (st == srtp_err_status_ok) {
		*n = (size_t)len;
		memcpy(p, copy, *n);
	}
	return error_of(st);
}
