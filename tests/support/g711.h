#ifndef SUPPORT_G711_H
#define SUPPORT_G711_H
#include <stdint.h>

/* G.711 A-law and mu-law, sample by sample (ITU-T G.711); linear values are 16 bit. Written for the simulators alone,
 * so that a fault of mediad's tables can't hide in the same fault here. */
uint8_t g711_alaw(int16_t linear);
int16_t g711_alaw_linear(uint8_t a);
uint8_t g711_ulaw(int16_t linear);
int16_t g711_ulaw_linear(uint8_t u);
#endif
