// What differs between CUDA, Metal and the emulation on a CPU. Everything else is written once, in terms of this header.
#pragma once

#if defined(__METAL_VERSION__)
#include <metal_stdlib>
using namespace metal;
typedef uchar u8;
typedef char i8;
typedef ushort u16;
typedef short i16;
typedef uint u32;
typedef int i32;
typedef ulong u64;
typedef long i64;
#define LN_U64(x) x##ul
#else
typedef unsigned char u8;
typedef signed char i8;
typedef unsigned short u16;
typedef short i16;
typedef unsigned int u32;
typedef int i32;
typedef unsigned long long u64;
typedef long long i64;
#define LN_U64(x) x##ull
#endif

// LN_FN: a function of the device. LN_HOST_FN: pure arithmetic, of host and device. GLOBAL, GROUP and CONST qualify what lies in
// the device's memory, in the memory that a block shares, and in memory that no kernel writes.
#if defined(__METAL_VERSION__)
#define LN_FN inline
#define LN_HOST_FN inline
#define GLOBAL device
#define GROUP threadgroup
#define LN_TABLE constant
#elif defined(__CUDACC__)
#define LN_FN __device__ __forceinline__
#define LN_HOST_FN __host__ __device__ __forceinline__
#define GLOBAL
#define GROUP
#define LN_TABLE __device__ const
#else
#include "emulate.h"
#define LN_FN static inline
#define LN_HOST_FN static inline
#define GLOBAL
#define GROUP
#define LN_TABLE static const
#endif

/// Threads of a warp (a SIMD group in Metal's words). Kernels start whole warps only.
#define WARP 32u

/// Where a thread is.
struct Place {
	u32 index;   // of the thread in its block
	u32 count;   // of the threads of a block, a multiple of WARP
	u32 x, y, z; // of its block
};

// References and pointers to what belongs to one thread.
#if defined(__METAL_VERSION__)
#define thread_ref(T) thread T &
#define thread_ptr(T) thread T *
#else
#define thread_ref(T) T &
#define thread_ptr(T) T *
#endif

// ---- what a block does together ----

#if defined(__METAL_VERSION__)
LN_FN void block_barrier() { threadgroup_barrier(mem_flags::mem_threadgroup | mem_flags::mem_device); }
LN_FN void warp_barrier() { simdgroup_barrier(mem_flags::mem_threadgroup | mem_flags::mem_device); }
LN_FN u32 shuffle_xor(u32 value, u32 mask) { return simd_shuffle_xor(value, ushort(mask)); }
LN_FN u32 shuffle_from(u32 value, u32 lane) { return simd_shuffle(value, ushort(lane)); }
LN_FN void raise_to(GLOBAL i32 *at, i32 value) {
	atomic_fetch_max_explicit((device atomic_int *)at, value, memory_order_relaxed);
}
#elif defined(__CUDACC__)
LN_FN void block_barrier() { __syncthreads(); }
LN_FN void warp_barrier() { __syncwarp(); }
LN_FN u32 shuffle_xor(u32 value, u32 mask) { return __shfl_xor_sync(0xffffffffu, value, (int)mask); }
LN_FN u32 shuffle_from(u32 value, u32 lane) { return __shfl_sync(0xffffffffu, value, (int)lane); }
LN_FN void raise_to(i32 *at, i32 value) { atomicMax(at, value); }
#else
LN_FN void block_barrier() { emulate::block_barrier(); }
LN_FN void warp_barrier() { emulate::warp_barrier(); }
LN_FN u32 shuffle_xor(u32 value, u32 mask) { return emulate::shuffle(value, emulate::lane() ^ mask); }
LN_FN u32 shuffle_from(u32 value, u32 lane) { return emulate::shuffle(value, lane); }
LN_FN void raise_to(i32 *at, i32 value) { *at = value > *at ? value : *at; }
#endif

// ---- instructions ----

/// High half of a 64 x 64 bit product.
LN_HOST_FN u64 mul_high(u64 a, u64 b) {
#if defined(__METAL_VERSION__)
	return mulhi(a, b);
#elif defined(__CUDA_ARCH__)
	return __umul64hi(a, b);
#else
	u64 al = a & 0xffffffffu, ah = a >> 32, bl = b & 0xffffffffu, bh = b >> 32;
	u64 low = al * bl, one = ah * bl, two = al * bh;
	u64 carry = ((low >> 32) + (one & 0xffffffffu) + (two & 0xffffffffu)) >> 32;
	return ah * bh + (one >> 32) + (two >> 32) + carry;
#endif
}

/// Leading zero bits; 64 of zero.
LN_HOST_FN u32 leading_zeros(u64 x) {
#if defined(__METAL_VERSION__)
	return u32(clz(x));
#elif defined(__CUDA_ARCH__)
	return (u32)__clzll((long long)x);
#else
	return x == 0 ? 64u : (u32)__builtin_clzll(x);
#endif
}

/// `c` plus the four products of the signed bytes of `a` and `b`.
LN_FN i32 dot4(u32 a, u32 b, i32 c) {
#if defined(__CUDA_ARCH__)
	return __dp4a((int)a, (int)b, c);
#else
	for (u32 i = 0; i < 4; i++) {
		c += (i32)(i8)(u8)(a >> (8 * i)) * (i32)(i8)(u8)(b >> (8 * i));
	}
	return c;
#endif
}

/// Sixteen bytes that the caller reads once.
LN_FN uint4 load_streaming(GLOBAL const uint4 *at) {
#if defined(__CUDA_ARCH__)
	return __ldcs(at);
#else
	return *at;
#endif
}

// ---- sums and maxima over warp and block ----

LN_FN u64 shuffle_xor64(u64 value, u32 mask) {
	u32 low = shuffle_xor((u32)value, mask), high = shuffle_xor((u32)(value >> 32), mask);
	return ((u64)high << 32) | low;
}

LN_FN i32 warp_sum(i32 value) {
	for (u32 mask = WARP / 2; mask > 0; mask /= 2) {
		value = (i32)((u32)value + shuffle_xor((u32)value, mask));
	}
	return value;
}

LN_FN u64 warp_sum64(u64 value) {
	for (u32 mask = WARP / 2; mask > 0; mask /= 2) {
		value += shuffle_xor64(value, mask);
	}
	return value;
}

LN_FN u64 warp_max64(u64 value) {
	for (u32 mask = WARP / 2; mask > 0; mask /= 2) {
		u64 other = shuffle_xor64(value, mask);
		value = other > value ? other : value;
	}
	return value;
}

/// Sum over the block, wrapping at 2^64; every thread gets it. `room`: a u64 for each warp.
LN_FN u64 block_sum64(GROUP u64 *room, u64 value, Place at) {
	u32 warps = at.count / WARP, lane = at.index % WARP;
	value = warp_sum64(value);
	if (lane == 0) {
		room[at.index / WARP] = value;
	}
	block_barrier();
	value = warp_sum64(lane < warps ? room[lane] : 0);
	block_barrier();
	return value;
}

/// Maximum over the block; every thread gets it. `room`: a u64 for each warp.
LN_FN u64 block_max64(GROUP u64 *room, u64 value, Place at) {
	u32 warps = at.count / WARP, lane = at.index % WARP;
	value = warp_max64(value);
	if (lane == 0) {
		room[at.index / WARP] = value;
	}
	block_barrier();
	value = warp_max64(lane < warps ? room[lane] : 0);
	block_barrier();
	return value;
}

// ---- entry points ----

// LN_KERNEL(name, Args, body): a kernel `name` that calls `body(args, place, shared)`, where `shared` is the memory of the block.
#if defined(__METAL_VERSION__)
// What emulations replace.
#ifndef LN_EMULATED_METAL
#define LN_EMULATED_METAL(name, Args)
#define LN_BLOCK_MEMORY [[threadgroup(0)]]
#endif
#define LN_KERNEL(name, Args, body)                                                                                                \
	kernel void name(constant Args &args [[buffer(0)]], threadgroup u8 *shared LN_BLOCK_MEMORY,                                   \
					 uint3 t [[thread_position_in_threadgroup]], uint3 n [[threads_per_threadgroup]],                              \
					 uint3 b [[threadgroup_position_in_grid]]) {                                                                   \
		Args own = args;                                                                                                           \
		Place at = {t.x, n.x, b.x, b.y, b.z};                                                                                      \
		body(own, at, shared);                                                                                                     \
	}                                                                                                                              \
	LN_EMULATED_METAL(name, Args)
#elif defined(__CUDACC__)
#define LN_KERNEL(name, Args, body)                                                                                                \
	extern "C" __global__ void name(const Args args) {                                                                             \
		extern __shared__ __align__(16) u8 shared[];                                                                               \
		Place at = {threadIdx.x, blockDim.x, blockIdx.x, blockIdx.y, blockIdx.z};                                                  \
		body(args, at, shared);                                                                                                    \
	}
#else
#define LN_KERNEL(name, Args, body)                                                                                                \
	extern "C" __attribute__((visibility("default"))) void name(const void *args) {                                                \
		emulate::Block &b = emulate::block();                                                                                      \
		Place at = {emulate::index(), b.threads, b.x, b.y, b.z};                                                                  \
		body(*(const Args *)args, at, b.shared);                                                                                   \
	}
#endif
