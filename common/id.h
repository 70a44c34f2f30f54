#ifndef COMMON_ID_H
#define COMMON_ID_H
#include <stddef.h>
#include <stdint.h>

/* Randomness from getrandom(2), never failing. Tests may seed it to repeat a run; that is refused in a process that
 * has opened a log on the journal. */
void id_random(void *out, size_t n);
uint64_t id_u64(void); /* never 0: call references, epochs, handles */
uint32_t id_below(uint32_t n);
/* n letters and digits (base 32, 5 bits each) and a NUL: tags, branches, Call-IDs. */
void id_token(char *out, size_t n);
void id_seed_for_tests(uint64_t seed);
#endif
