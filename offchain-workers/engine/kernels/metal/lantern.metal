// All kernels of the exact engine for Metal 3 (pointers in records), on devices with SIMD groups of 32. Products of many rows go
// through the kernels for few: the matrix units of Apple's devices before M5 have no integers.
#include "../shared/kernels.h"
