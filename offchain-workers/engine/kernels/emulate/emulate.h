// Blocks and threads of a GPU on one thread of a CPU, to check kernels where there is no GPU. Every thread of a block is a fibre;
// it runs until it meets a barrier or another operation of its warp, and goes on when all who take part have met it. Not for speed.
//
// What is checked on the way, and ends the process with a message: a barrier that some threads of the block pass while others
// wait at another, shuffles that not the whole warp takes part in, memory of the block beyond its size.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

struct alignas(16) uint4 {
	unsigned int x, y, z, w;
};
struct alignas(8) int2 {
	int x, y;
};
struct alignas(8) uint2 {
	unsigned int x, y;
};

namespace emulate {

/// The block that runs.
struct Block {
	unsigned int threads, x, y, z;
	unsigned char *shared;
	std::size_t shared_bytes;
};

Block &block();
unsigned int index();
unsigned int lane();

void block_barrier();
void warp_barrier();

/// What lane `from` of the warp passes in. All lanes take part.
unsigned int shuffle(unsigned int value, unsigned int from);

/// The values (`words` of them, at most 8) that every lane of the warp passes in: `out[lane * words + i]`. All lanes take part.
void gather(const unsigned int *values, unsigned int words, unsigned int *out);

/// Copies of 16 bytes that are under way: they arrive with the wait for their group, not before.
void copy_async(void *to, const void *from);
void copy_commit();
/// Waits until at most `pending` groups of this thread are under way.
void copy_wait(unsigned int pending);

} // namespace emulate
