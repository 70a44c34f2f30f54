/* epid to UUID to GRUU opaque, MS-SIPRE 3.2-3.4. */
#include "sipd/ms_epid.h"

#include "common/ossl.h"
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "common/enc.h"
#include "common/id.h"

void ms_epid_make(char out[MS_EPID_MAX + 1])
{
	uint8_t r[5];

	id_random(r, sizeof(r));
	enc_hex(r, sizeof(r), out);
}

static bool is_hex(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!strchr("0123456789abcdefABCDEF", s.p[i]) || s.p[i] == '\0')
			return false;
	return true;
}

int ms_epid_uuid(struct slice epid, char out[MS_UUID_TEXT])
{
	/* fcacfb03-8a73-46ef-91b1-e5ebeeaba4fe in the layout of a GUID: its first three fields little-endian */
	static const uint8_t ns[16] = { 0x03, 0xfb, 0xac, 0xfc, 0x73, 0x8a, 0xef, 0x46, 0x91, 0xb1,
		0xe5, 0xeb, 0xee, 0xab, 0xa4, 0xfe };
	uint8_t in[16 + MS_EPID_MAX], h[EVP_MAX_MD_SIZE];

	if (epid.n == 0 || epid.n > MS_EPID_MAX || !is_hex(epid))
		return ERR_SYNTAX;
	memcpy(in, ns, sizeof(ns));
	memcpy(in + sizeof(ns), epid.p, epid.n);
	if (EVP_Digest(in, sizeof(ns) + epid.n, h, NULL, EVP_sha1(), NULL) != 1)
		return ERR_CRYPTO;
	h[7] = (uint8_t)((h[7] & 0x0f) | 0x50);
	h[8] = (uint8_t)((h[8] & 0x3f) | 0x80);
	snprintf(out, MS_UUID_TEXT,
	    "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", h[3], h[2],
	    h[1], h[0], h[5], h[4], h[7], h[6], h[8], h[9], h[10], h[11], h[12], h[13], h[14],
	    h[15]);
	return 0;
}

int ms_gruu_opaque(struct slice uuid, char *out, size_t cap)
{
	char hex[33], b64[ENC_B64_LEN(18)];
	uint8_t u[16], g[18] = { 0 };
	size_t n = 0;

	if (uuid.n != 36)
		return ERR_SYNTAX;
	for (size_t i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash != (uuid.p[i] == '-'))
			return ERR_SYNTAX;
		if (!dash)
			hex[n++] = uuid.p[i];
	}
	if (enc_unhex((struct slice){ hex, 32 }, u, sizeof(u), &n))
		return ERR_SYNTAX;
	for (unsigned i = 0; i < 16; i++)
		g[i] = u[i < 4 ? 3 - i : i < 6 ? 9 - i : i < 8 ? 13 - i : i];
	enc_b64(g, sizeof(g), b64);
	for (char *p = b64; *p; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
	return snprintf(out, cap, "user:epid:%s", b64) < (int)cap ? 0 : ERR_LIMIT;
}
