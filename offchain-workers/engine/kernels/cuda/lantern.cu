// All kernels of the exact engine for CUDA, sm_80 and later. The same file compiles as C++ for the emulation.
#include "../shared/kernels.h"
#include "tensor_cores.cuh"

// 64 x 128 cells a block, and 16 x 128 for the batches between.
LN_MANY_ROWS(lantern_tiles_64_wide, 2, 2, 8, true)
LN_MANY_ROWS(lantern_tiles_64_narrow, 2, 2, 8, false)
LN_MANY_ROWS(lantern_tiles_16_wide, 1, 1, 4, true)
LN_MANY_ROWS(lantern_tiles_16_narrow, 1, 1, 4, false)
