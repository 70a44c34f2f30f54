/* PARK, ARI and RFPI of the fixed part. */
#include "dectd/ident.h"

#include <stdio.h>
#include <string.h>

#include "common/enc.h"

const uint8_t ident_ext_caps[5] = { 0x00, 0x10, 0x00, 0x00, 0x00 };
const uint8_t ident_mac_caps[3] = { 0x10, 0x03, 0xff };

static int class_of(uint8_t first, enum ident_class *out)
{
	unsigned arc = first >> 4 & 7;

	if (first & 0x80)
		return ERR_VALUE; /* E belongs to the broadcast */
	if (arc > IDENT_C)
		return arc <= 4 ? ERR_UNSUPP : ERR_VALUE;
	*out = (enum ident_class)arc;
	return 0;
}

int ident_parse(struct slice park, struct ident *out)
{
	char hex[16];
	uint8_t oct[6];
	size_t n = 0, len = 0;
	struct ident id = { 0 };
	int err;

	for (size_t i = 0; i < park.n; i++) {
		if (park.p[i] == ' ' || park.p[i] == '-')
			continue;
		if (n == sizeof(hex))
			return ERR_SYNTAX;
		hex[n++] = park.p[i];
	}
	if (n != 10 && n != 12)
		return ERR_SYNTAX;
	err = enc_unhex((struct slice){ hex, n }, oct, sizeof(oct), &len);
	if (err)
		return err;
	id.pli = oct[0];
	memcpy(id.ari, oct + 1, len - 1);
	err = class_of(id.ari[0], &id.cls);
	if (err)
		return err;
	/* Class A has five more bits: its digits are 10, the last three bits of which are the RPN's. */
	if ((id.cls == IDENT_A) != (n == 12))
		return ERR_VALUE;
	if (id.cls == IDENT_A && id.ari[4] & 7)
		return ERR_VALUE;
	if (id.pli < 3 || id.pli > (id.cls == IDENT_A ? 36 : 31))
		return ERR_VALUE;
	*out = id;
	return 0;
}

void ident_print(const struct ident *id, char out[IDENT_PARK_CHARS])
{
	char hex[11];

	enc_hex(id->ari, id->cls == IDENT_A ? 5 : 4, hex);
	for (char *p = hex; *p; p++)
		if (*p >= 'a')
			*p = (char)(*p - 'a' + 'A');
	snprintf(out, IDENT_PARK_CHARS, "%02X%s", id->pli, hex);
}

int ident_add_sari(struct ident *id, struct slice ari)
{
	uint8_t oct[4];
	enum ident_class cls;
	size_t n = 0;
	int err = enc_unhex(ari, oct, sizeof(oct), &n);

	if (err)
		return err;
	if (n != sizeof(oct))
		return ERR_SYNTAX;
	err = class_of(oct[0], &cls);
	if (err)
		return err;
	if (id->nsari == sizeof(id->sari) / sizeof(id->sari[0]))
		return ERR_LIMIT;
	memcpy(id->sari[id->nsari++], oct, sizeof(oct));
	return 0;
}

unsigned ident_rpns(const struct ident *id)
{
	return id->cls == IDENT_A ? 7 : 255;
}

int ident_rfpi(const struct ident *id, unsigned rpn, uint8_t out[5])
{
	if (rpn > ident_rpns(id))
		return ERR_VALUE;
	memcpy(out, id->ari, 5);
	out[4] |= (uint8_t)rpn;
	if (id->nsari)
		out[0] |= 0x80; /* E: SARIs are available */
	return 0;
}
