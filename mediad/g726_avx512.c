/* G.726 in 16 lanes; compiled with AVX-512 F and CD (CMakeLists.txt), used where the CPU has them. */
#include "mediad/g726_lanes.h"
typedef int g726_avx512_here; /* the file is empty on other machines */
#if defined(__AVX512F__) && defined(__AVX512CD__)
#define LANES        16
#define KERNEL(name) g726_avx512_##name
#include "mediad/g726_kernel.h"
#endif
