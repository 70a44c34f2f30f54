#ifndef DECTD_RFP_EARLY_H
#define DECTD_RFP_EARLY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"
#include "common/wr.h"

/* The two messages by which a base station gets a handset's default cipher key, MAC_GET_DEF_CKEY_IND (1D, from the base) and
 * MAC_GET_DEF_CKEY_RES (1E, to it): what follows layer and primitive. Numbers big-endian, as in all messages of this layer.
 *
 * RFP: only their numbers and names are public. The layouts below are an inference from their siblings, not proven with any
 * base station:
 *  - Every other message of layer 7A names its connection in one of two ways: by the MCEI, with the PMID behind it where a
 *    handset has to be found (MAC_CON_IND, HO_IN_PROGRESS_IND, MAC_INFO_IND), or by the PMID alone, which only
 *    MAC_CLEAR_DEF_CKEY_REQ (1F) does, the third message about default keys.
 *  - The handset names its key by an index of 16 bits (EN 300 175-3 7.2.5.7) and the base cannot know whose it is, so the
 *    index has to be in the question. The one value of 16 bits in MAC_ENC_EKS_IND type 2 is big-endian.
 *  - The only other question of a base for a key is HO_IN_PROGRESS_IND (0B): MCEI, PMID, two octets; its answer
 *    HO_IN_PROGRESS_RES (0C): MCEI, 00, key, 00 clear or 01 ciphered, number of the key or FF. A key that is not asked for
 *    goes out by MAC_ENC_KEY_REQ (09): MCEI, key, number.
 *
 *   EARLY_CONNECTION, after 0B and 0C:     1D  MCEI, PMID (3), index (2)     1E  MCEI, 00, key (8), 01, 01
 *                                                                  no such key: MCEI, 00, 00 … 00, 00, FF
 *   EARLY_IDENTITY, after 1F and 09:       1D  PMID (3), index (2)           1E  PMID (3), key (8), 01
 *                                                                  no such key: PMID (3), 00 … 00, FF
 *
 * Shorter questions are understood, too: MCEI and index (3 octets), MCEI and PMID (4) with the first, the PMID (3) with the
 * second; without an index the key that the handset of that PMID was given last is meant. A key of 16 octets (DSC2) takes the
 * place of the 8. */
enum early_form { EARLY_OFF, EARLY_CONNECTION, EARLY_IDENTITY };

struct early_ask {
	bool has_mcei, has_pmid, has_index;
	uint8_t mcei;
	uint32_t pmid; /* 20 bits */
	uint16_t index;
};

/* ERR_SYNTAX: a length that the form has not. */
int early_ask_read(enum early_form form, struct slice body, struct early_ask *out) MUST_CHECK;
/* The answer to that question; nkey 8 or 16, or 0: there is no such key. */
void early_answer_write(enum early_form form, const struct early_ask *ask, const uint8_t *key,
    size_t nkey, struct wr *w);
#endif
