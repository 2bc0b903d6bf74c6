// SPDX-License-Identifier: MPL-2.0
// Memory accesses of the code under test: what clang's -fsanitize=thread calls, with store buffers and the order of happening.
#include "explore_impl.h"

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
void *mmap(void *at, size_t len, int prot, int flags, int fd, long offset);

/* --- addresses that more than one thread uses, learnt while exploring in mode sc; only these are cells and locations of mode race --- */

enum : u32 { LEARN_SLOTS = 1 << 14, LEARN_NONE = ~0u };
struct learnt { u64 addr; u32 threads; u32 cell, location; };
static struct learnt *learnt;      /* [const] engine's memory: outside of the states */
static u32 *learnt_counts;         /* cells, locations handed out */

void
access_learn_begin(void)
{
	learnt = mmap(nullptr, LEARN_SLOTS * sizeof(*learnt) + 64, 3, 0x22, -1, 0);
	learnt_counts = (u32 *)(learnt + LEARN_SLOTS);
}

void
access_reset(void)
{
	state = (struct state){};
}

static struct learnt *
learnt_find(u64 addr)
{
	for (u64 i = addr * 0x9e3779b97f4a7c15 >> 50;; i = (i + 1) % LEARN_SLOTS) {
		if (learnt[i].addr == 0)
			learnt[i] = (struct learnt){ .addr = addr, .cell = LEARN_NONE, .location = LEARN_NONE };
		if (learnt[i].addr == addr)
			return &learnt[i];
	}
}

static u32
number_of(u32 *number, u32 which, u32 limit, const char *what)
{
	if (*number == LEARN_NONE) {
		if (learnt_counts[which] == limit)
			explore_fail(what, __FILE__, __LINE__);
		*number = learnt_counts[which]++;
	}
	return *number;
}

/* --- what happened before what --- */

static bool
know_has(const struct know *know, u32 bit)
{
	return (know->bits[bit / 64] >> bit % 64 & 1) != 0;
}

/** How many words of a set are in use. */
static u32
know_words(void)
{
	return (learnt_counts[0] * EVENTS + 63) / 64;
}

static void
know_join(struct know *to, const struct know *from)
{
	explore_wrote((u64)to, know_words() * 8);
	for (u32 i = 0; i < know_words(); i++)
		to->bits[i] |= from->bits[i];
}

/** Event `event` of `cell` happens again, in thread `self`: nobody else knows of it yet. */
static void
event_happens(u32 cell, u32 event, u32 self)
{
	u32 bit = cell * EVENTS + event;
	u64 mask = ~((u64)1 << bit % 64);
	explore_wrote((u64)&state.knows[self].bits[bit / 64], 8);
	explore_wrote((u64)&state.events.bits[bit / 64], 8);
	for (u32 i = 0; i < EXPLORE_THREADS; i++) {
		state.knows[i].bits[bit / 64] &= mask;
		state.released[i].bits[bit / 64] &= mask;
		state.acquired[i].bits[bit / 64] &= mask;
	}
	for (u32 i = 0; i < LOCATIONS; i++)
		state.locations[i].bits[bit / 64] &= mask;
	state.knows[self].bits[bit / 64] |= ~mask;
	state.events.bits[bit / 64] |= ~mask;
}

void
access_forget(void)
{
	for (u32 w = 0; w < know_words(); w++) {
		u64 all = state.events.bits[w];
		for (u32 i = 0; i < EXPLORE_THREADS; i++) {
			if (state.threads[i].done)
				state.knows[i].bits[w] = state.released[i].bits[w] = state.acquired[i].bits[w] = 0;
			else if (state.threads[i].sp != 0)
				all &= state.knows[i].bits[w];
		}
		if (all == 0)
			continue;
		state.events.bits[w] &= ~all;
		for (u32 i = 0; i < EXPLORE_THREADS; i++) {
			state.knows[i].bits[w] &= ~all;
			state.released[i].bits[w] &= ~all;
			state.acquired[i].bits[w] &= ~all;
		}
		for (u32 i = 0; i < learnt_counts[1]; i++)
			state.locations[i].bits[w] &= ~all;
	}
}

enum : u32 { PLAIN_WRITE = 0, PLAIN_READS = 1, ATOMIC_READS = 1 + EXPLORE_THREADS, ATOMIC_WRITES = 1 + 2 * EXPLORE_THREADS,
	THREAD_BITS = (1 << EXPLORE_THREADS) - 1 };

/** Orders one access to the cell at `addr` after those it must not run beside, or reports the race. */
static void
cell_access(u64 addr, bool write, bool atomic)
{
	if (!explore_running())
		return;
	struct learnt *entry = learnt_find(addr);
	u32 self = explore_self();
	entry->threads |= 1u << self;
	if (mode != MODE_RACE || (entry->threads & (entry->threads - 1)) == 0)
		return;
	u32 cell = number_of(&entry->cell, 0, CELLS, "too many shared cells for the engine");
	u64 rivals = 1;
	if (write)
		rivals |= THREAD_BITS << PLAIN_READS;
	if (!atomic)
		rivals |= THREAD_BITS << ATOMIC_WRITES | (write ? THREAD_BITS << ATOMIC_READS : 0);
	for (u64 left = rivals; left != 0; left &= left - 1) {
		u32 bit = cell * EVENTS + (u32)__builtin_ctzl(left);
		if (know_has(&state.events, bit) && !know_has(&state.knows[self], bit))
			explore_fail("data race", "", 0);
	}
	event_happens(cell, !atomic && write ? PLAIN_WRITE : (!atomic ? PLAIN_READS : write ? ATOMIC_WRITES : ATOMIC_READS) + self, self);
}

/** The same for each 4 bytes, so that accesses of different widths meet. */
static void
range_access(u64 addr, size_t size, bool write, bool atomic)
{
	if (size < 4 || addr % 4 != 0) {
		cell_access(addr, write, atomic);
		return;
	}
	for (u64 at = addr; at < addr + size; at += 4)
		cell_access(at, write, atomic);
}

static struct know *
location_of(u64 addr)
{
	return &state.locations[number_of(&learnt_find(addr)->location, 1, LOCATIONS, "too many atomic words for the engine")];
}

/** The acquiring half of an atomic read, the releasing half of an atomic write. */
static void
order_read(u64 addr, enum order order)
{
	u32 self = explore_self();
	bool acquires = order == ACQUIRE || order == CONSUME || order == ACQ_REL || order == SEQ_CST;
	if (mode == MODE_RACE && explore_running())
		know_join(acquires ? &state.knows[self] : &state.acquired[self], location_of(addr));
}

static void
order_write(u64 addr, enum order order, bool exchange)
{
	u32 self = explore_self();
	bool releases = order == RELEASE || order == ACQ_REL || order == SEQ_CST;
	if (mode != MODE_RACE || !explore_running())
		return;
	struct know *location = location_of(addr);
	if (!exchange)   /* else the release sequence goes on */
		*location = (struct know){};
	know_join(location, releases ? &state.knows[self] : &state.released[self]);
}

/* --- freed memory --- */

static void
check_alive(u64 addr, size_t size)
{
	for (u32 i = 0; i < FREED; i++)
		if (addr < state.freed[i].start + state.freed[i].len && state.freed[i].start < addr + size)
			explore_fail("access to freed memory", "", 0);
}

void
explore_free(const void *p, size_t len)
{
	explore_wrote((u64)state.freed, sizeof(state.freed));
	for (u32 i = 0; i < FREED; i++)
		if (state.freed[i].len == 0) {
			state.freed[i].start = (u64)p;
			state.freed[i].len = len;
			return;
		}
	explore_fail("too much freed memory for the engine", __FILE__, __LINE__);
}

void
explore_reuse(const void *p)
{
	for (u32 i = 0; i < FREED; i++)
		if (state.freed[i].start == (u64)p)
			state.freed[i].start = state.freed[i].len = 0;
}

/* --- memory and store buffers --- */

static u64
memory_load(u64 addr, u32 size)
{
	u64 value = 0;
	memcpy(&value, (const void *)addr, size);
	return value;
}

void
access_flush(u32 thread)
{
	struct thread_state *self = &state.threads[thread];
	struct store oldest = self->stores[0];
	for (u32 i = 1; i < self->nstores; i++)
		self->stores[i - 1] = self->stores[i];
	self->stores[--self->nstores] = (struct store){};
	explore_wrote(oldest.addr, oldest.size);
	memcpy((void *)oldest.addr, &oldest.value, oldest.size);
}

static void
drain(u32 thread)
{
	while (state.threads[thread].nstores > 0)
		access_flush(thread);
}

static void
drain_for(u64 addr, size_t size)
{
	const struct thread_state *self = &state.threads[explore_self()];
	for (u32 i = 0; i < self->nstores; i++)
		if (addr < self->stores[i].addr + self->stores[i].size && self->stores[i].addr < addr + size) {
			drain(explore_self());
			return;
		}
}

static u64
load(u64 addr, u32 size, enum order order)
{
	range_access(addr, size, false, true);
	order_read(addr, order);
	const struct thread_state *self = &state.threads[explore_self()];
	for (u32 i = self->nstores; i-- > 0;)
		if (self->stores[i].addr == addr && self->stores[i].size == size)
			return self->stores[i].value;
	drain_for(addr, size);
	return memory_load(addr, size);
}

static void
store(u64 addr, u64 value, u32 size, enum order order)
{
	u32 self = explore_self();
	range_access(addr, size, true, true);
	order_write(addr, order, false);
	struct thread_state *thread = &state.threads[self];
	if (mode != MODE_TSO || order == SEQ_CST || !explore_running()) {
		drain(self);
		explore_wrote(addr, size);
		memcpy((void *)addr, &value, size);
		return;
	}
	if (thread->nstores == STORES)
		access_flush(self);
	thread->stores[thread->nstores++] = (struct store){ addr, value, size };
}

/* --- plain accesses --- */

static void
plain(const volatile void *p, size_t size, bool write, void *pc)
{
	if (!explore_running())
		return;
	u64 addr = (u64)p;
	explore_at(pc);
	check_alive(addr, size);
	drain_for(addr, size);
	if (write)
		explore_wrote(addr, size);
	range_access(addr, size, write, false);
}

#define PLAIN_HOOKS(size)                                                                                              \
	void __tsan_read##size(void *p);                                                                               \
	void __tsan_read##size(void *p) { plain(p, size, false, __builtin_return_address(0)); }                                                     \
	void __tsan_write##size(void *p);                                                                              \
	void __tsan_write##size(void *p) { plain(p, size, true, __builtin_return_address(0)); }                                                     \
	void __tsan_unaligned_read##size(void *p);                                                                     \
	void __tsan_unaligned_read##size(void *p) { plain(p, size, false, __builtin_return_address(0)); }                                           \
	void __tsan_unaligned_write##size(void *p);                                                                    \
	void __tsan_unaligned_write##size(void *p) { plain(p, size, true, __builtin_return_address(0)); }
PLAIN_HOOKS(1) PLAIN_HOOKS(2) PLAIN_HOOKS(4) PLAIN_HOOKS(8) PLAIN_HOOKS(16)

void __tsan_init(void);
void __tsan_init(void) {}

void *__tsan_memcpy(void *to, const void *from, size_t len);
void *
__tsan_memcpy(void *to, const void *from, size_t len)
{
	plain(from, len, false, __builtin_return_address(0));
	plain(to, len, true, __builtin_return_address(0));
	return memmove(to, from, len);
}

void *__tsan_memmove(void *to, const void *from, size_t len);
void *
__tsan_memmove(void *to, const void *from, size_t len)
{
	return __tsan_memcpy(to, from, len);
}

void *__tsan_memset(void *to, int byte, size_t len);
void *
__tsan_memset(void *to, int byte, size_t len)
{
	plain(to, len, true, __builtin_return_address(0));
	return memset(to, byte, len);
}

/* --- atomic accesses --- */

static void
point(const char *op, const volatile void *p, size_t size, void *pc)
{
	if (!explore_running())
		return;
	explore_point(op, (u64)p, (u64)pc);
	explore_at(pc);
	check_alive((u64)p, size);
}

/** A read and a write that nothing comes between. The processor empties the store buffer before. */
static u64
exchange_begin(u64 addr, u32 size, enum order order)
{
	drain(explore_self());
	range_access(addr, size, true, true);
	order_read(addr, order);
	return memory_load(addr, size);
}

static void
exchange_end(u64 addr, u64 value, u32 size, enum order order)
{
	order_write(addr, order, true);
	explore_wrote(addr, size);
	memcpy((void *)addr, &value, size);
}

#define FETCH(bits, T, name, expression)                                                                               \
	T __tsan_atomic##bits##_##name(volatile T *p, T v, int order);                                                 \
	T __tsan_atomic##bits##_##name(volatile T *p, T v, int order)                                                  \
	{                                                                                                              \
		point(#name, p, sizeof(T), __builtin_return_address(0));                                               \
		T old = (T)exchange_begin((u64)p, sizeof(T), (enum order)order);                                       \
		exchange_end((u64)p, (T)(expression), sizeof(T), (enum order)order);                                   \
		return old;                                                                                            \
	}

#define ATOMIC(bits, T)                                                                                                \
	T __tsan_atomic##bits##_load(const volatile T *p, int order);                                                  \
	T __tsan_atomic##bits##_load(const volatile T *p, int order)                                                   \
	{                                                                                                              \
		point("load", p, sizeof(T), __builtin_return_address(0));                                              \
		return (T)load((u64)p, sizeof(T), (enum order)order);                                                  \
	}                                                                                                              \
	void __tsan_atomic##bits##_store(volatile T *p, T v, int order);                                               \
	void __tsan_atomic##bits##_store(volatile T *p, T v, int order)                                                \
	{                                                                                                              \
		point("store", p, sizeof(T), __builtin_return_address(0));                                             \
		store((u64)p, v, sizeof(T), (enum order)order);                                                        \
	}                                                                                                              \
	FETCH(bits, T, exchange, v)                                                                                    \
	FETCH(bits, T, fetch_add, old + v)                                                                             \
	FETCH(bits, T, fetch_sub, old - v)                                                                             \
	FETCH(bits, T, fetch_and, old & v)                                                                             \
	FETCH(bits, T, fetch_or, old | v)                                                                              \
	FETCH(bits, T, fetch_xor, old ^ v)                                                                             \
	FETCH(bits, T, fetch_nand, ~(old & v))                                                                         \
	int __tsan_atomic##bits##_compare_exchange_strong(volatile T *p, T *expected, T v, int order, int failed);     \
	int __tsan_atomic##bits##_compare_exchange_strong(volatile T *p, T *expected, T v, int order, int failed)      \
	{                                                                                                              \
		point("compare_exchange", p, sizeof(T), __builtin_return_address(0));                                  \
		drain(explore_self());                                                                                 \
		T old = (T)memory_load((u64)p, sizeof(T));                                                             \
		if (old != *expected) {                                                                                \
			*expected = (T)load((u64)p, sizeof(T), (enum order)failed);                                    \
			return 0;                                                                                      \
		}                                                                                                      \
		exchange_begin((u64)p, sizeof(T), (enum order)order);                                                  \
		exchange_end((u64)p, v, sizeof(T), (enum order)order);                                                 \
		return 1;                                                                                              \
	}                                                                                                              \
	int __tsan_atomic##bits##_compare_exchange_weak(volatile T *p, T *expected, T v, int order, int failed);       \
	int __tsan_atomic##bits##_compare_exchange_weak(volatile T *p, T *expected, T v, int order, int failed)        \
	{                                                                                                              \
		return __tsan_atomic##bits##_compare_exchange_strong(p, expected, v, order, failed);                   \
	}                                                                                                              \
	T __tsan_atomic##bits##_compare_exchange_val(volatile T *p, T expected, T v, int order, int failed);           \
	T __tsan_atomic##bits##_compare_exchange_val(volatile T *p, T expected, T v, int order, int failed)            \
	{                                                                                                              \
		__tsan_atomic##bits##_compare_exchange_strong(p, &expected, v, order, failed);                         \
		return expected;                                                                                       \
	}
ATOMIC(8, u8) ATOMIC(16, u16) ATOMIC(32, u32) ATOMIC(64, u64)

void __tsan_atomic_thread_fence(int order);
void
__tsan_atomic_thread_fence(int order)
{
	point("fence", nullptr, 0, __builtin_return_address(0));
	u32 self = explore_self();
	if (order == SEQ_CST)
		drain(self);
	if (order != RELEASE)
		know_join(&state.knows[self], &state.acquired[self]);
	if (order != ACQUIRE)
		know_join(&state.released[self], &state.knows[self]);
}

void __tsan_atomic_signal_fence(int order);
void __tsan_atomic_signal_fence(int order) { (void)order; }
