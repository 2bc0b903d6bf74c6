// SPDX-License-Identifier: MPL-2.0
/**
 * What a null system call costs: here, by the smallest mechanism that hands it to another process, and on a kernel that this is started on.
 *
 *   handover calls      getppid again and again; prints the least and the median of many short runs, in ticks of the time-stamp counter a call
 *   handover mechanism  the same calls by a child whose calls a filter turns into signals (SECCOMP_RET_TRAP); the handler stops the child and
 *                       this process, its "kernel", serves the call: number in, result out. Both share a page and stay on one processor.
 *
 * So the mechanism is the lower limit of what the hosted kernel does for a call: two futex calls on each side, one signal, one return from it.
 */
#define _GNU_SOURCE
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#include <x86intrin.h>

enum { RUNS = 400, CALLS = 50, RESULT = 42 };
enum state { STOPPED, RUNNING };

static struct slot {
	uint32_t state;
	ucontext_t *context;       /* of the stopped child, in its stack below */
	bool done;
	uint64_t least, median;
	_Alignas(4096) char stack[1 << 16];
} *slot;

/* What the filter lets through lies in one section, and it is inlined where it is called from there. */
#define STUB __attribute__((section("stub"), noinline, used))
extern char __start_stub[], __stop_stub[];

static inline __attribute__((always_inline)) long
call4(long number, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	__asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
	return number;
}

/** Gives the other side its turn and waits for ours. */
static inline __attribute__((always_inline)) void
hand_over(uint32_t theirs)
{
	uint32_t ours = theirs == STOPPED ? RUNNING : STOPPED;
	__atomic_store_n(&slot->state, theirs, __ATOMIC_SEQ_CST);
	call4(SYS_futex, (long)&slot->state, FUTEX_WAKE, 1, 0);
	while (__atomic_load_n(&slot->state, __ATOMIC_SEQ_CST) != ours)
		call4(SYS_futex, (long)&slot->state, FUTEX_WAIT, theirs, 0);
}

STUB static void
handler(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)info;
	slot->context = context;
	hand_over(STOPPED);
}

__asm__(".pushsection stub, \"ax\"\n"
        "handler_return: movl $15, %eax\n"
        "syscall\n"
        ".popsection\n");
void handler_return(void);

/** By insertion: qsort may want memory, and so system calls. */
static void
sort(uint64_t *words, int n)
{
	for (int i = 1; i < n; i++)
		for (int at = i; at > 0 && words[at - 1] > words[at]; at--) {
			uint64_t word = words[at];
			words[at] = words[at - 1];
			words[at - 1] = word;
		}
}

/** The least and the median of the runs, in ticks a call. */
static void
measure(uint64_t *least, uint64_t *median)
{
	static uint64_t ticks[RUNS];
	for (int i = 0; i < RUNS; i++) {
		uint64_t start = __rdtsc();
		for (int n = 0; n < CALLS; n++)
			call4(SYS_getppid, 0, 0, 0, 0);
		ticks[i] = (__rdtsc() - start) / CALLS;
	}
	sort(ticks, RUNS);
	*least = ticks[0];
	*median = ticks[RUNS / 2];
}

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

static void
filter_set(void)
{
	uint64_t start = (uint64_t)__start_stub, stop = (uint64_t)__stop_stub;
	struct sock_filter filters[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(start >> 32), 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)start, 0, 1),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)stop, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filters) / sizeof(filters[0]), filters };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) != 0)
		fail("seccomp");
}

/** The guest. Its last call is one that the kernel does not answer. */
static void
child(void)
{
	struct { void *handler; unsigned long flags; void *restorer; uint64_t mask; } action = {
		handler, SA_SIGINFO | SA_ONSTACK | 0x04000000 /* SA_RESTORER */, handler_return, ~(uint64_t)0 };
	stack_t stack = { .ss_sp = slot->stack, .ss_size = sizeof(slot->stack) };
	if (sigaltstack(&stack, NULL) != 0 || syscall(SYS_rt_sigaction, SIGSYS, &action, NULL, 8) != 0)
		fail("signals");
	filter_set();
	if (call4(SYS_getppid, 0, 0, 0, 0) == RESULT) {
		measure(&slot->least, &slot->median);
		slot->done = true;
	}
	for (;;)
		call4(SYS_exit_group, 0, 0, 0, 0);
}

static void
pin(void)
{
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one) != 0)
		fail("sched_setaffinity");
}

static int
mechanism(void)
{
	slot = mmap(NULL, sizeof(*slot), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (slot == MAP_FAILED)
		fail("mmap");
	slot->state = RUNNING;
	pin();
	pid_t guest = fork();
	if (guest == 0)
		child();
	while (__atomic_load_n(&slot->state, __ATOMIC_SEQ_CST) != STOPPED)
		call4(SYS_futex, (long)&slot->state, FUTEX_WAIT, RUNNING, 0);
	for (;;) {
		greg_t *regs = slot->context->uc_mcontext.gregs;
		if (regs[REG_RAX] != SYS_getppid)
			break;
		regs[REG_RAX] = RESULT;
		hand_over(RUNNING);
	}
	kill(guest, SIGKILL);
	waitpid(guest, NULL, 0);
	if (!slot->done)
		fail("the mechanism does not work here");
	printf("ticks %lu %lu\n", slot->least, slot->median);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "mechanism") == 0)
		return mechanism();
	uint64_t least, median;
	measure(&least, &median);
	printf("ticks %lu %lu\n", least, median);
	return 0;
}
