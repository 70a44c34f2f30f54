#ifndef MEDIAD_EMODEL_H
#define MEDIAD_EMODEL_H
#include <stdint.h>

/* Quality estimates after ITU-T G.107 (E-model) with the equipment impairments of G.113 appendix I. */

/* codec: number of base.Codec. loss: packets that were not played, in 1/1000. burst_q8: burst ratio × 256 (256: losses
 * are independent). delay_ms: one way, mouth to ear; 0 leaves delay out (listening quality). Returns R × 10. */
uint32_t emodel_r10(unsigned codec, uint32_t loss_permille, uint32_t burst_q8, uint32_t delay_ms);
/* MOS × 100 of R × 10, G.107 annex B: 100 … 450. */
uint32_t emodel_mos100(uint32_t r10);
#endif
