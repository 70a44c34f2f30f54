/* The message that proves a user to the server: AP-REQ with the checksum of RFC 4121 4.1.1, in the framing of RFC 1964 1.1. */
#include <string.h>

#include "certd/krb_int.h"
#include "common/mem.h"
#include "common/wr.h"

#define CKSUM_GSS  0x8003
#define FLAG_INTEG 0x20

static const uint8_t oid_krb5[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02,
	0x02 };

static void der_length(struct wr *w, size_t n)
{
	if (n < 0x80) {
		wr_u8(w, (unsigned)n);
	} else if (n < 0x100) {
		wr_u8(w, 0x81);
		wr_u8(w, (unsigned)n);
	} else {
		wr_u8(w, 0x82);
		wr_be16(w, (unsigned)n);
	}
}

krb5_error_code krb_ap_req(
    krb5_context ctx, krb5_creds *creds, uint8_t *token, size_t *ntoken, struct krb_step *out)
{
	uint8_t sum[24];
	struct wr s = wr_of(sum, sizeof(sum)), w = wr_of(token, KRB_MESSAGE);
	krb5_data in = { .length = sizeof(sum), .data = (char *)sum }, ap = { 0 };
	krb5_auth_context ac = NULL;
	krb5_keyblock *key = NULL;
	krb5_int32 seq = 0;
	krb5_error_code ret;

	wr_le32(&s, 16);
	wr_fill(&s, 0, 16); /* no channel bindings */
	wr_le32(&s, FLAG_INTEG);
	ret = krb5_auth_con_init(ctx, &ac);
	if (!ret)
		ret = krb5_auth_con_setflags(ctx, ac, KRB5_AUTH_CONTEXT_DO_SEQUENCE);
	if (!ret)
		ret = krb5_auth_con_set_req_cksumtype(ctx, ac, CKSUM_GSS);
	if (!ret)
		ret = krb5_mk_req_extended(ctx, &ac, AP_OPTS_USE_SUBKEY, &in, creds, &ap);
	if (!ret)
		ret = krb5_auth_con_getsendsubkey(ctx, ac, &key);
	if (!ret)
		ret = krb5_auth_con_getlocalseqnumber(ctx, ac, &seq);
	if (!ret && (!key || key->length > sizeof(out->key)))
		ret = KRB5_BAD_KEYSIZE;
	if (!ret) {
		wr_u8(&w, 0x60);
		der_length(&w, sizeof(oid_krb5) + 2 + ap.length);
		wr_bytes(&w, oid_krb5, sizeof(oid_krb5));
		wr_u8(&w, 1); /* KRB_AP_REQ */
		wr_u8(&w, 0);
		wr_bytes(&w, ap.data, ap.length);
		ret = w.bad || ap.length > 0xff00 ? KRB5KRB_ERR_FIELD_TOOLONG : 0;
	}
	if (!ret) {
		*ntoken = w.n;
		out->token = wr_slice(&w);
		out->enctype = (uint16_t)key->enctype;
		memcpy(out->key, key->contents, key->length);
		out->nkey = key->length;
		out->sequence = (uint32_t)seq;
	}
	krb5_free_keyblock(ctx, key);
	krb5_free_data_contents(ctx, &ap);
	krb5_auth_con_free(ctx, ac);
	return ret;
}
