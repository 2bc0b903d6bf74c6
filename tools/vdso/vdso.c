// SPDX-License-Identifier: MPL-2.0
/**
 * The vDSO: what programs call instead of the kernel to learn the time. Runs in user mode, in every program; built to be an ELF image that
 * the kernel maps (services/mman/vdso.c), with the page of data that the kernel keeps before it.
 *
 * Where the data say that the counter cannot be used, or for clocks that are not here, these make the system call.
 * Source: vdso(7), x86-64 ABI, Intel SDM 2B (RDTSC: LFENCE before it keeps it in order).
 */

typedef unsigned int u32;
typedef unsigned long u64;
typedef long i64;

struct timespec { i64 sec, nsec; };
struct timeval { i64 sec, usec; };

/** As the kernel writes it: struct vdso_data in services/mman/vdso.c is the same. */
struct vdso_data {
	u32 sequence;                      /* odd: being changed */
	u32 usable;
	u64 base, ns_per_tick;             /* monotonic = (counter - base) * ns_per_tick >> 32 */
	u64 realtime_offset, tai_offset;   /* ns to be added */
};

extern const char __ehdr_start[] __attribute__((visibility("hidden")));

enum : u32 { CLOCKS_MONOTONIC = 1 << 1 | 1 << 4 | 1 << 6 | 1 << 7, CLOCKS_REALTIME = 1 << 0 | 1 << 5, CLOCK_TAI = 1 << 11, CLOCKS = 12, COARSE = 1 << 5 | 1 << 6 };
enum : i64 { SYS_GETTIMEOFDAY = 96, SYS_TIME = 201, SYS_CLOCK_GETTIME = 228, SYS_CLOCK_GETRES = 229, SYS_GETCPU = 309 };
enum : u64 { NS_PER_SEC = 1000000000 };

static inline i64
call(i64 number, u64 a, u64 b, u64 c)
{
	i64 result;
	asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return result;
}

static inline const volatile struct vdso_data *
data(void)
{
	return (const volatile struct vdso_data *)(__ehdr_start - 4096);
}

static inline u64
counter(void)
{
	u32 low, high;
	asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (u64)high << 32 | low;
}

/** The time of a clock of the set `clock` (one bit) in ns. => 0: ask the kernel */
static inline int
read_clock(u32 clock, u64 *ns)
{
	const volatile struct vdso_data *d = data();
	u32 sequence;
	do {
		sequence = __atomic_load_n(&d->sequence, __ATOMIC_ACQUIRE);
		if (d->usable == 0)
			return 0;
		u64 ticks = counter(), base = d->base;
		*ns = ticks > base ? (u64)((unsigned __int128)(ticks - base) * d->ns_per_tick >> 32) : 0;
		if ((clock & CLOCKS_MONOTONIC) == 0)
			*ns += d->realtime_offset + (clock == CLOCK_TAI ? d->tai_offset : 0);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while ((sequence & 1) != 0 || d->sequence != sequence);
	return 1;
}

int
__vdso_clock_gettime(int id, struct timespec *out)
{
	u64 ns;
	u32 clock = (u32)id < CLOCKS ? (u32)1 << id : 0;
	if ((clock & (CLOCKS_MONOTONIC | CLOCKS_REALTIME | CLOCK_TAI)) == 0 || !read_clock(clock, &ns))
		return (int)call(SYS_CLOCK_GETTIME, (u64)(i64)id, (u64)out, 0);
	out->sec = (i64)(ns / NS_PER_SEC);
	out->nsec = (i64)(ns % NS_PER_SEC);
	return 0;
}

int
__vdso_gettimeofday(struct timeval *out, void *zone)
{
	u64 ns;
	if (zone != (void *)0 || !read_clock(1, &ns))
		return (int)call(SYS_GETTIMEOFDAY, (u64)out, (u64)zone, 0);
	if (out != (void *)0) {
		out->sec = (i64)(ns / NS_PER_SEC);
		out->usec = (i64)(ns % NS_PER_SEC / 1000);
	}
	return 0;
}

i64
__vdso_time(i64 *out)
{
	u64 ns;
	if (!read_clock(1, &ns))
		return call(SYS_TIME, (u64)out, 0, 0);
	if (out != (void *)0)
		*out = (i64)(ns / NS_PER_SEC);
	return (i64)(ns / NS_PER_SEC);
}

int
__vdso_clock_getres(int id, struct timespec *out)
{
	return (int)call(SYS_CLOCK_GETRES, (u64)(i64)id, (u64)out, 0);
}

int
__vdso_getcpu(u32 *cpu, u32 *node, void *unused)
{
	return (int)call(SYS_GETCPU, (u64)cpu, (u64)node, (u64)unused);
}

#define ALIAS(name) __attribute__((weak, alias("__vdso_" #name)))
int clock_gettime(int id, struct timespec *out) ALIAS(clock_gettime);
int gettimeofday(struct timeval *out, void *zone) ALIAS(gettimeofday);
i64 time(i64 *out) ALIAS(time);
int clock_getres(int id, struct timespec *out) ALIAS(clock_getres);
int getcpu(u32 *cpu, u32 *node, void *unused) ALIAS(getcpu);
