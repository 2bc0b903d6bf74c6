// SPDX-License-Identifier: MPL-2.0
// Restartable sequences: registration, the CPU in the area, critical sections under preemption, migration and signals.
// syscalls: rseq membarrier sched_setaffinity
#include "abi.h"
#include <linux/membarrier.h>
#include <linux/rseq.h>
#include <sys/rseq.h>

/* The area that glibc has registered for this thread. */
static volatile struct rseq *
area(void)
{
	return (volatile struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
}

static void
run_on(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	MUST(sched_setaffinity(0, sizeof(set), &set));
}

static int
cpus(void)
{
	return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

/*
 * One critical section: adds 1 to counters[cpu_id], after `spin` rounds of doing nothing within it. => 0: done; 1: aborted, nothing changed.
 * The signature stands before the abort address, behind an invalid instruction's first bytes, as glibc's headers want it.
 */
static int
count_here(volatile struct rseq *rs, volatile long *counters, long spin)
{
	int aborted = 0;
	__asm__ volatile(
	        ".pushsection .data.rseq_cs, \"aw\"\n\t"
	        ".balign 32\n"
	        "3:\n\t"
	        ".long 0, 0\n\t"
	        ".quad 1f, 2f - 1f, 4f\n\t"
	        ".popsection\n\t"
	        "lea 3b(%%rip), %%rax\n\t"
	        "mov %%rax, 8(%[rs])\n"
	        "1:\n\t"
	        "mov %[spin], %%rcx\n"
	        "5:\n\t"
	        "test %%rcx, %%rcx\n\t"
	        "jz 6f\n\t"
	        "dec %%rcx\n\t"
	        "jmp 5b\n"
	        "6:\n\t"
	        "mov 4(%[rs]), %%eax\n\t"
	        "shl $6, %%rax\n\t"
	        "addq $1, (%[counters], %%rax)\n"
	        "2:\n\t"
	        "jmp 7f\n\t"
	        ".byte 0x0f, 0xb9, 0x3d\n\t"
	        ".long 0x53053053\n"
	        "4:\n\t"
	        "movl $1, %[aborted]\n"
	        "7:\n"
	        : [aborted] "+m"(aborted)
	        : [rs] "r"(rs), [counters] "r"(counters), [spin] "r"(spin)
	        : "rax", "rcx", "memory", "cc");
	return aborted;
}

static volatile long counters[64 * 8] __attribute__((aligned(64)));
static volatile int aborts;

static long
total(void)
{
	long sum = 0;
	for (int i = 0; i < 64; i++)
		sum += counters[i * 8];
	return sum;
}

TEST("the library registers an area, which says where the thread is")
{
	CHECK(area()->cpu_id < 64 && area()->cpu_id_start == area()->cpu_id);
	int wrong = 0;
	for (int cpu = cpus() - 1; cpu >= 0; cpu--) {
		run_on(cpu);
		wrong += area()->cpu_id != (unsigned)cpu || area()->cpu_id_start != (unsigned)cpu;
	}
	CHECK_EQ(wrong, 0);
	CHECK_EQ(area()->flags, 0);
	CHECK_EQ(area()->rseq_cs, 0);
	CHECK_EQ(sched_getcpu(), 0);
	CHECK_EQ(IN_CHILD(_exit(area()->cpu_id == 0 && syscall(SYS_rseq, area(), 32, 0, RSEQ_SIG) == -1 ? errno : 0)), EBUSY);
}

TEST("registration is checked, refused twice, and taken back")
{
	static struct { struct rseq r; char more[64]; } __attribute__((aligned(32))) mine;
	volatile struct rseq *old = area();
	CHECK_ERRNO(syscall(SYS_rseq, old, 32, 0, RSEQ_SIG), EBUSY);
	CHECK_ERRNO(syscall(SYS_rseq, old, 32, 0, 1), EPERM);
	CHECK_ERRNO(syscall(SYS_rseq, old, 64, 0, RSEQ_SIG), EINVAL);
	CHECK_ERRNO(syscall(SYS_rseq, &mine, 32, 0, RSEQ_SIG), EINVAL);
	CHECK_ERRNO(syscall(SYS_rseq, old, 32, 4, RSEQ_SIG), EINVAL);
	CHECK_ERRNO(syscall(SYS_rseq, old, 32, 2, RSEQ_SIG), EINVAL);
	CHECK_ERRNO(syscall(SYS_rseq, &mine, 32, 1, RSEQ_SIG), EINVAL);
	CHECK_ERRNO(syscall(SYS_rseq, old, 16, 1, RSEQ_SIG), EINVAL);
	CHECK_ERRNO(syscall(SYS_rseq, old, 32, 1, 1), EPERM);
	CHECK_EQ(syscall(SYS_rseq, old, 32, 1, RSEQ_SIG), 0);
	CHECK_EQ((int)old->cpu_id, RSEQ_CPU_ID_UNINITIALIZED);
	CHECK_EQ(old->cpu_id_start, 0);
	CHECK_ERRNO(syscall(SYS_rseq, old, 32, 1, RSEQ_SIG), EINVAL);
	CHECK_ERRNO(syscall(SYS_rseq, NULL, 32, 1, RSEQ_SIG), EINVAL);
	sched_yield();
	CHECK_EQ((int)old->cpu_id, RSEQ_CPU_ID_UNINITIALIZED);
	CHECK_ERRNO(syscall(SYS_rseq, (char *)&mine + 8, 32, 0, RSEQ_SIG), EINVAL);
	CHECK_ERRNO(syscall(SYS_rseq, &mine, 31, 0, RSEQ_SIG), EINVAL);
	CHECK_ERRNO(syscall(SYS_rseq, 0xffff800000000000ul, 32, 0, RSEQ_SIG), EFAULT);
	CHECK_EQ(syscall(SYS_rseq, &mine, 32, 0, RSEQ_SIG), 0);
	run_on(0);
	CHECK_EQ(mine.r.cpu_id, 0);
	CHECK_ERRNO(syscall(SYS_rseq, &mine, 32, 0, RSEQ_SIG), EBUSY);
	CHECK_EQ(IN_CHILD(_exit(syscall(SYS_rseq, &mine, 32, 1, RSEQ_SIG))), 0);
	CHECK_EQ(syscall(SYS_rseq, &mine, 32, 1, RSEQ_SIG), 0);
}

enum { THREADS = 6, ROUNDS = 20000 };

static void *
count_much(void *arg)
{
	volatile struct rseq *rs = area();
	int mine = 0;
	for (int i = 0; i < ROUNDS;)
		if (count_here(rs, counters, i % 64 == 0 ? 2000 : 10) == 0)
			i++;
		else
			mine++;
	__atomic_fetch_add(&aborts, mine, __ATOMIC_RELAXED);
	return arg;
}

TEST("threads count in cells of their CPUs, without atomics, and lose nothing")
{
	pthread_t t[THREADS];
	for (int i = 0; i < THREADS; i++)
		MUST(pthread_create(&t[i], NULL, count_much, NULL));
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(total(), THREADS * ROUNDS);
}

static volatile int stop;

static void *
spin(void *arg)
{
	run_on(0);
	while (!stop)
		;
	return arg;
}

TEST("a section that loses its CPU is aborted")
{
	pthread_t t;
	run_on(0);
	MUST(pthread_create(&t, NULL, spin, NULL));
	long long end = now_ms() + PATIENCE_MS;
	int aborted = 0, done = 0;
	/* Longer than any time slice in the end. */
	for (long n = 1000000; !aborted && now_ms() < end; n *= 2) {
		aborted = count_here(area(), counters, n);
		done += !aborted;
	}
	CHECK_EQ(aborted, 1);
	CHECK_EQ(area()->rseq_cs, 0);
	stop = 1;
	pthread_join(t, NULL);
	CHECK(total() == done);
}

static void *
move_about(void *arg)
{
	pid_t whom = *(pid_t *)arg;
	for (int i = 0; !stop; i++) {
		cpu_set_t set;
		CPU_ZERO(&set);
		CPU_SET(i % cpus(), &set);
		sched_setaffinity(whom, sizeof(set), &set);
		sleep_ms(1);
	}
	return NULL;
}

TEST("a thread that is moved from CPU to CPU counts right")
{
	pthread_t t;
	pid_t me = gettid();
	MUST(pthread_create(&t, NULL, move_about, &me));
	pthread_t other;
	MUST(pthread_create(&other, NULL, count_much, NULL));
	count_much(NULL);
	pthread_join(other, NULL);
	stop = 1;
	pthread_join(t, NULL);
	CHECK_EQ(total(), 2 * ROUNDS);
}

static volatile uint64_t named_in_handler = 77;

static void
look(int sig)
{
	named_in_handler = area()->rseq_cs;
	count_signal(sig);
}

TEST("a handler aborts the section, and does not run in it")
{
	on_signal(SIGALRM, look, 0);
	MUST(setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 20000 }, { 0, 20000 } }, NULL));
	int aborted = 0;
	for (long n = 1000000; signals_seen < 3 || !aborted; n *= 2)
		aborted |= count_here(area(), counters, n < 1l << 34 ? n : 1l << 34);
	CHECK(SOON(signals_seen >= 3));
	CHECK_EQ(aborted, 1);
	CHECK_EQ(named_in_handler, 0);
}

/* A sleep that is over before it begins, on a late machine, keeps the CPU: not all of these do. */
static void
lose_cpu(void)
{
	for (int i = 0; i < 20; i++)
		sleep_ms(1);
}

struct section { uint32_t version, flags; uint64_t start, length, abort; } __attribute__((aligned(32)));
static const struct { char pad[12]; uint32_t signature; char code[16]; } good_target = { "", RSEQ_SIG, "" };

/* A process that names this section, and then loses its CPU. => its status */
static int
named(const struct section *section)
{
	struct rlimit none = { 0, 0 };
	setrlimit(RLIMIT_CORE, &none);
	return IN_CHILD({
		static struct section here;
		here = *section;
		area()->rseq_cs = (uintptr_t)&here;
		lose_cpu();
		_exit(area()->rseq_cs == 0 ? 3 : 4);
	});
}

TEST("sections that cannot be are SIGSEGV, one elsewhere is forgotten")
{
	struct section s = { 0, 0, 0x10000, 16, (uintptr_t)good_target.code };
	CHECK_EQ(named(&s), 3);
	s.version = 1;
	CHECK_EQ(named(&s), 128 + SIGSEGV);
	s = (struct section){ 0, 0, 0x10000, 16, (uintptr_t)good_target.code + 1 };
	CHECK_EQ(named(&s), 128 + SIGSEGV);
	s = (struct section){ 0, 0, (uintptr_t)good_target.code - 4, 16, (uintptr_t)good_target.code };
	CHECK_EQ(named(&s), 128 + SIGSEGV);
	s = (struct section){ 0, 0, 0x10000, ~0ul - 0x8000, (uintptr_t)good_target.code };
	CHECK_EQ(named(&s), 128 + SIGSEGV);
	s = (struct section){ 0, 0, 0x10000, 16, 0xffff800000000000ul };
	CHECK_EQ(named(&s), 128 + SIGSEGV);
	s = (struct section){ 0, 7, 0x10000, 16, (uintptr_t)good_target.code };
	CHECK_EQ(named(&s), 3);
	CHECK_EQ(IN_CHILD({
		area()->rseq_cs = 16;
		lose_cpu();
	}), 128 + SIGSEGV);
	CHECK_EQ(IN_CHILD({
		area()->rseq_cs = 1ul << 63;
		lose_cpu();
	}), 128 + SIGSEGV);
}

TEST("SIGSEGV for a bad section kills, with a handler or without")
{
	struct rlimit none = { 0, 0 };
	setrlimit(RLIMIT_CORE, &none);
	CHECK_EQ(IN_CHILD({
		on_signal(SIGSEGV, count_signal, 0);
		area()->rseq_cs = 16;
		lose_cpu();
	}), 128 + SIGSEGV);
	CHECK_EQ(IN_CHILD({
		static char pages[3 * PAGE] __attribute__((aligned(PAGE)));
		syscall(SYS_rseq, area(), 32, 1, RSEQ_SIG);
		if (syscall(SYS_rseq, pages + PAGE, 32, 0, RSEQ_SIG) != 0)
			_exit(1);
		mprotect(pages + PAGE, PAGE, PROT_NONE);
		lose_cpu();
	}), 128 + SIGSEGV);
}

ROLE
{
	(void)argc, (void)argv;
	return syscall(SYS_rseq, area(), 32, 0, RSEQ_SIG) == -1 && errno == EBUSY && area()->cpu_id == 0 ? 9 : 1;
}

TEST("a new program starts without an area, and registers its own")
{
	run_on(0);
	CHECK_EQ(IN_CHILD(execl(abi_self, "x", "--role", "y", NULL)), 9);
	CHECK_EQ(IN_CHILD({
		pid_t child = vfork();
		if (child == 0)
			execl(abi_self, "x", "--role", "y", NULL);
		_exit(reap(child));
	}), 9);
}

static void *
count_until(void *arg)
{
	int mine = 0;
	while (!stop)
		mine += count_here(area(), counters, 1000000);
	__atomic_fetch_add(&aborts, mine, __ATOMIC_RELAXED);
	return arg;
}

TEST("membarrier restarts the sections of other threads")
{
	CHECK_ERRNO(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0), EPERM);
	CHECK_EQ(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0), 0);
	CHECK_EQ(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0), 0);
	CHECK_EQ(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU, 0), 0);
	CHECK_ERRNO(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 2, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, MEMBARRIER_CMD_FLAG_CPU, 0), EINVAL);
	CHECK((syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0) & MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ) != 0);
	pthread_t t;
	MUST(pthread_create(&t, NULL, count_until, NULL));
	long long end = now_ms() + 300;
	while (now_ms() < end)
		MUST(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0));
	stop = 1;
	pthread_join(t, NULL);
	CHECK(aborts > 0);
}
