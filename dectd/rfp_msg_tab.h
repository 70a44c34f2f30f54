#ifndef DECTD_RFP_MSG_TAB_H
#define DECTD_RFP_MSG_TAB_H
#include "dectd/rfp_msg.h"

/* How the fields of a message lie on the wire. */
enum rfp_fkind {
	FK_U8,
	FK_BE16,
	FK_LE16,
	FK_BE32,
	FK_LE32,
	FK_PMID,   /* 3 octets, 20 bits */
	FK_BYTES,  /* n octets */
	FK_TEXT,   /* n octets, NUL-terminated, the rest of the field is garbage */
	FK_PAD,    /* n zero octets, not checked; optional at the very end */
	FK_OPT,    /* what follows may be missing */
	FK_LSLICE, /* one length octet, then so many octets */
	FK_REST,   /* slice up to the end */
	FK_ZTEXT,  /* slice up to a NUL or the end; with the NUL when built */
	FK_CODECS, /* the 16 codec places of MEDIA_CONF */
};
struct rfp_field {
	uint8_t kind;
	bool secret;
	uint16_t n;
	uint16_t off;
	const char *name;
};
struct rfp_kind {
	uint16_t type;
	uint16_t sub; /* DNM: layer << 8 | primitive; SYNC: type; else 0 */
	const char *name;
	const struct rfp_field *fields;
	uint8_t nfields;
};
extern const struct rfp_kind rfp_kinds[];
extern const unsigned rfp_nkinds;
struct rfp_word {
	uint16_t v;
	const char *name;
};
extern const struct rfp_word rfp_type_words[]; /* ends with a NULL name */
extern const struct rfp_word rfp_model_words[];
#endif
