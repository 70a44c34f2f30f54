/* G.726 in 8 lanes; compiled with AVX2 (CMakeLists.txt), used where the CPU has it. */
#include "mediad/g726_lanes.h"
typedef int g726_avx2_here; /* the file is empty on other machines */
#if defined(__AVX2__) && !defined(__AVX512F__)
#define LANES        8
#define KERNEL(name) g726_avx2_##name
#include "mediad/g726_kernel.h"
#endif
