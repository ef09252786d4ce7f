/* Prints the most 8-bit multiply-accumulates a second, in 10^9, that THREADS threads (default 2) do in registers with the widest
 * instructions that this was compiled for, and their name: the ceiling of a prefill. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(__AMX_INT8__) && defined(__linux__)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#define NAME "tdpbssd (AMX)"
#define MACS (16l * 16 * 64)
#define CHAINS 4
#define STEPS (2l * 1000 * 1000)
static int prepare(void) { return syscall(SYS_arch_prctl, 0x1023, 18) == 0; }
static void run(long steps) {
	struct { uint8_t palette, start, reserved[14]; uint16_t columns[16]; uint8_t rows[16]; } config = {.palette = 1};
	for (int tile = 0; tile < 6; tile++)
		config.columns[tile] = 64, config.rows[tile] = 16;
	_tile_loadconfig(&config);
	for (long step = 0; step < steps; step++) {
		_tile_dpbssd(0, 4, 5);
		_tile_dpbssd(1, 4, 5);
		_tile_dpbssd(2, 4, 5);
		_tile_dpbssd(3, 4, 5);
	}
	_tile_release();
}
#elif defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>
typedef int32x4_t vector;
#define NAME "sdot"
#define MACS 16l
#define STEP(sum, a, b) vdotq_s32(sum, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b))
#define SET(x) vdupq_n_s32(x)
#elif defined(__AVX512VNNI__)
#include <immintrin.h>
typedef __m512i vector;
#define NAME "vpdpbusd, 512 bits"
#define MACS 64l
#define STEP(sum, a, b) _mm512_dpbusd_epi32(sum, a, b)
#define SET(x) _mm512_set1_epi32(x)
#elif defined(__AVXVNNI__)
#include <immintrin.h>
typedef __m256i vector;
#define NAME "vpdpbusd, 256 bits"
#define MACS 32l
#define STEP(sum, a, b) _mm256_dpbusd_avx_epi32(sum, a, b)
#define SET(x) _mm256_set1_epi32(x)
#elif defined(__AVX2__)
#include <immintrin.h>
typedef __m256i vector;
/* Twice the width of the data, and half as many to an instruction; the byte form needs three instructions and saturates. */
#define NAME "vpmaddwd and vpaddd"
#define MACS 16l
#define STEP(sum, a, b) _mm256_add_epi32(sum, _mm256_madd_epi16(a, b))
#define SET(x) _mm256_set1_epi32(x)
#else
typedef int64_t vector;
#define NAME "scalar"
#define MACS 1l
#define STEP(sum, a, b) ((sum) + (a) * (b))
#define SET(x) (x)
#endif

#ifdef SET
#if defined(__x86_64__)
#define IN(value) "x"(value)
#elif defined(__aarch64__)
#define IN(value) "w"(value)
#else
#define IN(value) "r"(value)
#endif
/* Enough independent sums to cover the latency, few enough for the registers. */
#define CHAINS 10
/* Long enough for the threads to find a processor each. */
#define STEPS (100l * 1000 * 1000)
static int prepare(void) { return 1; }
static void run(long steps) {
	vector sums[CHAINS], a = SET(3), b = SET(5);
#pragma GCC unroll 16
	for (int chain = 0; chain < CHAINS; chain++)
		sums[chain] = SET(chain);
	for (long step = 0; step < steps; step++) {
#pragma GCC unroll 16
		for (int chain = 0; chain < CHAINS; chain++) {
			/* The operand could be another each time. */
			__asm__ volatile("" : "+" IN(a));
			sums[chain] = STEP(sums[chain], a, b);
		}
	}
#pragma GCC unroll 16
	for (int chain = 0; chain < CHAINS; chain++)
		__asm__ volatile("" : : IN(sums[chain]));
}
#endif

static void *work(void *steps) {
	run((long)steps);
	return NULL;
}

int main(int argc, char **argv) {
	size_t threads = argc > 1 ? strtoul(argv[1], NULL, 10) : 2;
	if (threads == 0 || threads > 64 || !prepare())
		return 1;
	double best = 0;
	for (int round = 0; round < 3; round++) {
		struct timespec begin, end;
		pthread_t ids[64];
		clock_gettime(CLOCK_MONOTONIC, &begin);
		for (size_t t = 0; t < threads; t++)
			if (pthread_create(&ids[t], NULL, work, (void *)STEPS))
				return 1;
		for (size_t t = 0; t < threads; t++)
			pthread_join(ids[t], NULL);
		clock_gettime(CLOCK_MONOTONIC, &end);
		double seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) * 1e-9;
		double speed = (double)STEPS * CHAINS * MACS * (double)threads / seconds / 1e9;
		if (speed > best)
			best = speed;
	}
	printf("%.1f %s\n", best, NAME);
	return 0;
}
