// See emulate.h. A fibre switches by hand on x86-64, where a test makes millions of switches, and by ucontext elsewhere.
#include "emulate.h"
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <numeric>
#include <vector>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace {

constexpr unsigned WARP = 32;
constexpr std::size_t STACK = 64 * 1024;
constexpr unsigned MOST_THREADS = 1024;

[[noreturn]] void fail(const char *what) {
	std::fprintf(stderr, "kernel emulation: %s (block %u %u %u, thread %u)\n", what, emulate::block().x, emulate::block().y,
				 emulate::block().z, emulate::index());
	std::abort();
}

enum class State { Ready, AtBarrier, AtWarp, Ended };

struct Copy {
	void *to;
	const void *from;
};

struct Fibre {
#if defined(__x86_64__)
	void *stack_pointer;
#else
	ucontext_t context;
#endif
	unsigned char *stack;
	State state;
	/// Which of the warp's operations it waits for, and which of a shuffle's words it brought.
	unsigned words;
	unsigned int offered[8];
	std::vector<std::vector<Copy>> groups;
	std::vector<Copy> open;
};

std::vector<Fibre> fibres(MOST_THREADS);
emulate::Block current;
unsigned running;
void (*entry)(const void *);
const void *entry_args;

#if defined(__x86_64__)
void *scheduler_pointer;

extern "C" void lantern_switch(void **save, void *load);
asm(R"(
.text
.globl lantern_switch
.hidden lantern_switch
lantern_switch:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
)");

void to_scheduler() { lantern_switch(&fibres[running].stack_pointer, scheduler_pointer); }
void to_fibre(Fibre &fibre) { lantern_switch(&scheduler_pointer, fibre.stack_pointer); }
#else
ucontext_t scheduler_context;
void to_scheduler() { swapcontext(&fibres[running].context, &scheduler_context); }
void to_fibre(Fibre &fibre) { swapcontext(&scheduler_context, &fibre.context); }
#endif

void run_thread() {
	entry(entry_args);
	fibres[running].state = State::Ended;
	to_scheduler();
	std::abort();
}

void prepare(Fibre &fibre) {
	if (fibre.stack == nullptr) {
		fibre.stack = static_cast<unsigned char *>(std::aligned_alloc(64, STACK));
	}
	fibre.state = State::Ready;
	fibre.groups.clear();
	fibre.open.clear();
#if defined(__x86_64__)
	// As after a call of run_thread: the address it returns to lies at a multiple of 16 plus 8.
	void **top = reinterpret_cast<void **>(fibre.stack + STACK - 16);
	*--top = nullptr;
	*--top = reinterpret_cast<void *>(&run_thread);
	top -= 6;
	std::memset(top, 0, 6 * sizeof(void *));
	fibre.stack_pointer = top;
#else
	getcontext(&fibre.context);
	fibre.context.uc_stack.ss_sp = fibre.stack;
	fibre.context.uc_stack.ss_size = STACK;
	fibre.context.uc_link = nullptr;
	makecontext(&fibre.context, run_thread, 0);
#endif
}

/// Pseudo-random numbers, the same in every run (SplitMix64).
std::uint64_t any() {
	static std::uint64_t state = 0;
	std::uint64_t z = state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/// A step that visits all of `count` places.
unsigned any_stride(unsigned count) {
	unsigned stride = static_cast<unsigned>(any() % count) | 1;
	return std::gcd(stride, count) == 1 ? stride : 1;
}

/// Lets every ready thread run until it waits or ends, in another order every time: a kernel that lacks a barrier gives something
/// else in one of them.
void run_ready() {
	unsigned stride = any_stride(current.threads), i = static_cast<unsigned>(any() % current.threads);
	for (unsigned n = 0; n < current.threads; n++) {
		i = (i + stride) % current.threads;
		if (fibres[i].state == State::Ready) {
			running = i;
			to_fibre(fibres[i]);
		}
	}
}

/// Wakes warps of which all threads wait for each other; `true` if there was one.
bool wake_warps() {
	bool woken = false;
	for (unsigned first = 0; first < current.threads; first += WARP) {
		unsigned waiting = 0;
		for (unsigned i = first; i < first + WARP; i++) {
			waiting += fibres[i].state == State::AtWarp;
		}
		if (waiting == WARP) {
			for (unsigned i = first; i < first + WARP; i++) {
				if (fibres[i].words != fibres[first].words) {
					fail("lanes of a warp wait for different operations");
				}
				fibres[i].state = State::Ready;
			}
			woken = true;
		}
	}
	return woken;
}

/// Wakes the block when all threads that have not ended are at the barrier; `true` while there is anything to run.
bool wake_block() {
	unsigned waiting = 0, ended = 0;
	for (unsigned i = 0; i < current.threads; i++) {
		waiting += fibres[i].state == State::AtBarrier;
		ended += fibres[i].state == State::Ended;
	}
	if (ended == current.threads) {
		return false;
	}
	if (ended != 0 && waiting != 0) {
		fail("some threads ended while others wait at a barrier");
	}
	if (waiting != current.threads) {
		fail("a warp operation that not all of its lanes take part in");
	}
	for (unsigned i = 0; i < current.threads; i++) {
		fibres[i].state = State::Ready;
	}
	return true;
}

void run_block() {
	for (unsigned i = 0; i < current.threads; i++) {
		prepare(fibres[i]);
	}
	do {
		do {
			run_ready();
		} while (wake_warps());
	} while (wake_block());
}

void wait_for_warp(unsigned words) {
	fibres[running].words = words;
	fibres[running].state = State::AtWarp;
	to_scheduler();
}

} // namespace

namespace emulate {

Block &block() { return current; }
unsigned int index() { return running; }
unsigned int lane() { return running % WARP; }

void block_barrier() {
	fibres[running].state = State::AtBarrier;
	to_scheduler();
}

void warp_barrier() { wait_for_warp(0); }

unsigned int shuffle(unsigned int value, unsigned int from) {
	fibres[running].offered[0] = value;
	wait_for_warp(1);
	unsigned int out = fibres[running / WARP * WARP + from % WARP].offered[0];
	// Nobody offers the next value before all have read this one.
	wait_for_warp(0);
	return out;
}

void gather(const unsigned int *values, unsigned int words, unsigned int *out) {
	std::memcpy(fibres[running].offered, values, words * sizeof(unsigned int));
	wait_for_warp(words);
	for (unsigned i = 0; i < WARP; i++) {
		std::memcpy(out + i * words, fibres[running / WARP * WARP + i].offered, words * sizeof(unsigned int));
	}
	wait_for_warp(0);
}

void copy_async(void *to, const void *from) {
	if (reinterpret_cast<std::uintptr_t>(to) % 16 != 0 || reinterpret_cast<std::uintptr_t>(from) % 16 != 0) {
		fail("an asynchronous copy of 16 bytes that are not aligned");
	}
	fibres[running].open.push_back({to, from});
}

void copy_commit() {
	Fibre &fibre = fibres[running];
	fibre.groups.push_back(std::move(fibre.open));
	fibre.open.clear();
}

void copy_wait(unsigned int pending) {
	Fibre &fibre = fibres[running];
	while (fibre.groups.size() > pending) {
		for (const Copy &copy : fibre.groups.front()) {
			std::memcpy(copy.to, copy.from, 16);
		}
		fibre.groups.erase(fibre.groups.begin());
	}
}

} // namespace emulate

/// Runs `kernel` over a grid of `x * y * z` blocks of `threads` threads, each with `shared` bytes of its own.
extern "C" __attribute__((visibility("default"))) void lantern_emulate(void (*kernel)(const void *), const void *args, unsigned x,
																		unsigned y, unsigned z, unsigned threads, unsigned shared) {
	static std::mutex one_at_a_time;
	std::lock_guard<std::mutex> lock(one_at_a_time);
	constexpr std::size_t FENCE = 64;
	if (x == 0 || y == 0 || z == 0 || threads == 0 || threads > MOST_THREADS || threads % WARP != 0) {
		fail("no blocks, or threads of a block that are not whole warps or too many");
	}
	unsigned char *memory = static_cast<unsigned char *>(std::aligned_alloc(64, (shared + 63) / 64 * 64 + FENCE));
	entry = kernel;
	entry_args = args;
	current.threads = threads;
	current.shared = memory;
	current.shared_bytes = shared;
	// Blocks, too, in another order every time.
	std::uint64_t blocks = static_cast<std::uint64_t>(x) * y * z, first = any() % blocks;
	bool backwards = any() % 2 == 0;
	for (std::uint64_t n = 0; n < blocks; n++) {
		std::uint64_t at = (first + (backwards ? blocks - n : n)) % blocks;
		current.x = static_cast<unsigned>(at % x);
		current.y = static_cast<unsigned>(at / x % y);
		current.z = static_cast<unsigned>(at / x / y);
		// What a kernel reads before it writes is noise, as on a device.
		std::memset(memory, 0xa5, (shared + 63) / 64 * 64 + FENCE);
		run_block();
		for (std::size_t i = shared; i < shared + FENCE; i++) {
			if (memory[i] != 0xa5) {
				fail("a write beyond the memory of the block");
			}
		}
	}
	std::free(memory);
}
