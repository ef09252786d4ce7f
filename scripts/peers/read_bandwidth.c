/* Prints the speed, in GB/s, at which THREADS threads (default 2) read 2 GiB of memory: the floor of a decode step. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BYTES (2ul << 30)

static const uint64_t *data;
static size_t words;

static void *sum(void *arg) {
	const uint64_t *start = data + words * (size_t)arg;
	uint64_t sums[32] = {0};
	for (size_t i = 0; i < words; i += 32)
		for (int lane = 0; lane < 32; lane++)
			sums[lane] += start[i + lane];
	uint64_t total = 0;
	for (int lane = 0; lane < 32; lane++)
		total += sums[lane];
	return (void *)total;
}

int main(int argc, char **argv) {
	size_t threads = argc > 1 ? strtoul(argv[1], NULL, 10) : 2;
	if (threads == 0 || threads > 64)
		return 1;
	uint64_t *memory = aligned_alloc(2u << 20, BYTES);
	if (!memory)
		return 1;
	memset(memory, 1, BYTES);
	data = memory;
	words = BYTES / sizeof *memory / threads / 32 * 32;
	double best = 0;
	uint64_t check = 0;
	for (int round = 0; round < 3; round++) {
		struct timespec begin, end;
		pthread_t ids[64];
		clock_gettime(CLOCK_MONOTONIC, &begin);
		for (size_t t = 0; t < threads; t++)
			if (pthread_create(&ids[t], NULL, sum, (void *)t))
				return 1;
		for (size_t t = 0; t < threads; t++) {
			void *result;
			pthread_join(ids[t], &result);
			check += (uint64_t)result;
		}
		clock_gettime(CLOCK_MONOTONIC, &end);
		double seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) * 1e-9;
		double speed = (double)(words * sizeof *memory * threads) / seconds / 1e9;
		if (speed > best)
			best = speed;
	}
	/* The sum keeps the compiler from leaving the reads out. */
	fprintf(stderr, "checksum %llu\n", (unsigned long long)check);
	printf("%.1f\n", best);
	return 0;
}
