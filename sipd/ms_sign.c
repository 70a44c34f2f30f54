/* The signature string of MS-SIPAE and NTLM's datagram signature over it. */
#include "sipd/ms_sign.h"

#include "common/ossl.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "common/enc.h"
#include "common/mem.h"

/* ---- the string ---- */

static void field(struct wr *w, struct slice s)
{
	wr_u8(w, '<');
	wr_slice_add(w, s);
	wr_u8(w, '>');
}

/* The first sip and the first tel URI of P-Asserted-Identity, else of P-Preferred-Identity, wherever they stand. */
static void identities(const struct sip_msg *m, struct slice *sip, struct slice *tel)
{
	static const enum sip_hdr_id ids[] = { SIP_H_P_ASSERTED_IDENTITY,
		SIP_H_P_PREFERRED_IDENTITY };

	*sip = *tel = (struct slice){ 0 };
	for (unsigned i = 0; i < ARRAY_LEN(ids); i++) {
		struct sip_values v;
		struct slice one;

		if (!sip_msg_hdr(m, ids[i]))
			continue;
		v = sip_msg_values(m, ids[i]);
		while (sip_values_next(&v, &one)) {
			struct sip_addr a;

			if (sip_addr_parse(&a, one) != 0)
				continue;
			if (!sip->p && slice_istarts(a.uri_raw, SLICE_LIT("sip:")))
				*sip = a.uri_raw;
			else if (!tel->p && slice_istarts(a.uri_raw, SLICE_LIT("tel:")))
				*tel = a.uri_raw;
		}
		return;
	}
}

int ms_sign_buffer(const struct ms_sign_in *in, const struct sip_msg *m, struct wr *w)
{
	struct slice sip, tel;

	field(w, in->scheme);
	field(w, in->rand);
	field(w, in->num);
	field(w, in->realm);
	field(w, in->target);
	field(w, m->call_id);
	wr_u8(w, '<');
	wr_dec(w, m->cseq);
	wr_u8(w, '>');
	field(w, m->method_name);
	field(w, m->from.uri_raw);
	field(w, m->from_tag);
	if (in->version >= 3)
		field(w, m->to.uri_raw);
	field(w, m->to_tag);
	if (in->version >= 3) {
		identities(m, &sip, &tel);
		field(w, sip);
		field(w, tel);
	}
	field(w, sip_msg_value(m, SIP_H_EXPIRES));
	if (!m->request) {
		wr_u8(w, '<');
		wr_dec(w, m->status);
		wr_u8(w, '>');
	}
	return w->bad ? ERR_LIMIT : 0;
}

/* ---- NTLM ---- */

static const uint8_t seq[4] = { 100, 0, 0, 0 };

/* OpenSSL 3 keeps RC4 in a provider that need not be there; eight octets of it per association are all we need. */
void ms_rc4_stream(const uint8_t key[16], uint8_t *out, size_t n)
{
	uint8_t s[256], j = 0;

	for (unsigned i = 0; i < 256; i++)
		s[i] = (uint8_t)i;
	for (unsigned i = 0; i < 256; i++) {
		uint8_t t = s[i];

		j = (uint8_t)(j + t + key[i % 16]);
		s[i] = s[j];
		s[j] = t;
	}
	j = 0;
	for (size_t k = 0; k < n; k++) {
		uint8_t i = (uint8_t)(k + 1), t = s[i];

		j = (uint8_t)(j + t);
		s[i] = s[j];
		s[j] = t;
		out[k] = s[(uint8_t)(s[i] + s[j])];
	}
	mem_wipe(s, sizeof(s));
}

static int stream(const uint8_t *seal, uint8_t out[8])
{
	uint8_t in[20], key[EVP_MAX_MD_SIZE];

	memcpy(in, seal, 16);
	memcpy(in + 16, seq, 4);
	if (EVP_Digest(in, sizeof(in), key, NULL, EVP_md5(), NULL) != 1)
		return ERR_CRYPTO;
	ms_rc4_stream(key, out, 8);
	mem_wipe(in, sizeof(in));
	mem_wipe(key, sizeof(key));
	return 0;
}

int ms_ntlm_keys(struct ms_ntlm_keys *k, const uint8_t *client_sign, const uint8_t *server_sign,
    const uint8_t *client_seal, const uint8_t *server_seal)
{
	int err;

	memcpy(k->sign[0], client_sign, 16);
	memcpy(k->sign[1], server_sign, 16);
	err = stream(client_seal, k->stream[0]);
	return err ? err : stream(server_seal, k->stream[1]);
}

static int signature(
    const struct ms_ntlm_keys *k, bool server, struct slice buffer, uint8_t out[16])
{
	uint8_t in[4 + MS_SIGN_BUFFER_MAX], mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (buffer.n > MS_SIGN_BUFFER_MAX)
		return ERR_LIMIT;
	memcpy(in, seq, 4);
	memcpy(in + 4, buffer.p, buffer.n);
	if (!HMAC(EVP_md5(), k->sign[server], 16, in, 4 + buffer.n, mac, &n))
		return ERR_CRYPTO;
	memcpy(out, (const uint8_t[]){ 1, 0, 0, 0 }, 4);
	for (unsigned i = 0; i < 8; i++)
		out[4 + i] = (uint8_t)(mac[i] ^ k->stream[server][i]);
	memcpy(out + 12, seq, 4);
	return 0;
}

int ms_ntlm_sign(
    const struct ms_ntlm_keys *k, bool server, struct slice buffer, char out[MS_NTLM_SIG + 1])
{
	uint8_t sig[16];
	int err = signature(k, server, buffer, sig);

	if (err == 0)
		enc_hex(sig, sizeof(sig), out);
	return err;
}

int ms_ntlm_verify(
    const struct ms_ntlm_keys *k, bool server, struct slice buffer, struct slice text)
{
	uint8_t want[16], got[16];
	size_t n = 0;
	int err = signature(k, server, buffer, want);

	if (err)
		return err;
	if (enc_unhex(text, got, sizeof(got), &n) || n != sizeof(got))
		return ERR_AUTH;
	return mem_differs(want, got, sizeof(want)) ? ERR_AUTH : 0;
}

/* ---- replay ---- */

bool ms_replay_take(struct ms_replay *r, uint32_t num)
{
	uint32_t slot = num % 256;

	if (num == 0)
		return false;
	if (num > r->top) {
		uint32_t step = num - r->top;

		for (uint32_t i = 1; i <= step && i <= 256; i++) {
			uint32_t s = (r->top + i) % 256;

			r->seen[s / 64] &= ~(1ull << s % 64);
		}
		r->top = num;
	} else if (r->top - num >= 256 || (r->seen[slot / 64] >> slot % 64 & 1)) {
		return false;
	}
	r->seen[slot / 64] |= 1ull << slot % 64;
	return true;
}
