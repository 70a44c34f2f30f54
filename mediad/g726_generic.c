/* G.726 in 4 lanes of whatever the compiler makes of them: the vector arithmetic on every machine, for tests and for
 * CPUs with other vectors. */
#define LANES        4
#define KERNEL(name) g726_generic_##name
#include "mediad/g726_kernel.h"
