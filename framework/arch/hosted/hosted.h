// SPDX-License-Identifier: MPL-2.0
/**
 * The hosted architecture's insides, and what it uses of the host. The framework's names and libc's headers do not go together
 * (EPERM, timer_create …), so the few calls are declared here, as Linux x86-64 defines them.
 */
#pragma once

#include <arch/arch.h>

/* --- the host: libc --- */
void *mmap(void *at, size_t len, int prot, int flags, int fd, long offset);
int munmap(void *at, size_t len);
int pthread_create(unsigned long *thread, const void *attr, void *(*body)(void *), void *arg);
[[noreturn]] void exit(int status);
int clock_gettime(int clock, u64 out[2]);
int sched_yield(void);

enum : int {
	HOST_PROT_NONE = 0, HOST_PROT_RW = 3,
	HOST_MAP_SHARED = 1, HOST_MAP_PRIVATE = 2, HOST_MAP_FIXED = 0x10, HOST_MAP_ANONYMOUS = 0x20, HOST_MAP_NORESERVE = 0x4000,
	HOST_CLOCK_REALTIME = 0, HOST_CLOCK_MONOTONIC = 1,
	HOST_SIGHUP = 1, HOST_SIGINT = 2, HOST_SIGQUIT = 3, HOST_SIGILL = 4, HOST_SIGTRAP = 5, HOST_SIGBUS = 7, HOST_SIGFPE = 8, HOST_SIGKILL = 9,
	HOST_SIGUSR1 = 10, HOST_SIGSEGV = 11, HOST_SIGPIPE = 13, HOST_SIGTERM = 15, HOST_SIGSYS = 31,
};

enum : long {
	HOST_READ = 0, HOST_WRITE = 1, HOST_OPEN = 2, HOST_CLOSE = 3, HOST_FSTAT = 5, HOST_POLL = 7, HOST_LSEEK = 8, HOST_RT_SIGACTION = 13, HOST_RT_SIGPROCMASK = 14,
	HOST_IOCTL = 16, HOST_DUP2 = 33, HOST_GETPID = 39, HOST_WAIT4 = 61, HOST_KILL = 62, HOST_FCNTL = 72, HOST_FTRUNCATE = 77, HOST_PTRACE = 101,
	HOST_SIGALTSTACK = 131, HOST_PERSONALITY = 135, HOST_SETRLIMIT = 160, HOST_GETTID = 186, HOST_FUTEX = 202, HOST_SCHED_SETAFFINITY = 203,
	HOST_SCHED_GETAFFINITY = 204, HOST_CLOCK_GETTIME = 228, HOST_EXIT_GROUP = 231, HOST_TGKILL = 234, HOST_WAITID = 247, HOST_EVENTFD2 = 290, HOST_PROCESS_VM_READV = 310,
	HOST_MEMFD_CREATE = 319, HOST_EXECVEAT = 322, HOST_CLOSE_RANGE = 436,
};

enum : u64 { HOST_F_DUPFD_CLOEXEC = 1030, HOST_O_WRITE_ANEW = 1 | 0100 | 01000 | 02000 /* and append */ };

/* The program's status where the host does not let it run user programs. */
enum : u8 { HOSTED_CANNOT_RUN = 125, HOSTED_IDLE_FOR_EVER = 124 };

enum : long { HOST_EINTR = 4, HOST_EAGAIN = 11, HOST_ETIMEDOUT = 110 };
enum : short { HOST_POLLIN = 1, HOST_POLLOUT = 4 };

/** A system call as it is: negative error numbers, no errno; safe in signal handlers and unseen by sanitizers. */
static inline long
host_call(long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	register u64 r10 asm("r10") = d, r8 asm("r8") = e, r9 asm("r9") = f;
	asm volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return number;
}
#define HOST_PAD_(a, b, c, d, e, f, ...) (u64)(a), (u64)(b), (u64)(c), (u64)(d), (u64)(e), (u64)(f)
#define HOST_CALL(number, ...) host_call((number), HOST_PAD_(__VA_ARGS__ __VA_OPT__(,) 0, 0, 0, 0, 0, 0))

/* --- the sanitizers: null where the build has none --- */
[[gnu::weak]] void __sanitizer_start_switch_fiber(void **save, const void *bottom, size_t size);
[[gnu::weak]] void __sanitizer_finish_switch_fiber(void *saved, const void **bottom_old, size_t *size_old);
[[gnu::weak]] void __asan_unpoison_memory_region(const volatile void *at, size_t size);
[[gnu::weak]] void __asan_handle_no_return(void);
[[gnu::weak]] void *__tsan_get_current_fiber(void);
[[gnu::weak]] void *__tsan_create_fiber(unsigned flags);
[[gnu::weak]] void __tsan_destroy_fiber(void *fiber);
[[gnu::weak]] void __tsan_switch_to_fiber(void *fiber, unsigned flags);
[[gnu::weak]] void __tsan_read_range(const void *at, size_t size);
[[gnu::weak]] void __tsan_write_range(void *at, size_t size);
[[gnu::weak]] void __sanitizer_symbolize_pc(void *pc, const char *format, char *out, size_t size);
[[gnu::weak]] int __llvm_profile_write_file(void);

/* --- seeded.c: deterministic runs --- */
extern bool hosted_seeded;                   /* [const] time is virtual, and nothing depends on the host's */
enum : u64 { SEEDED_UNMASK_NS = 10, SEEDED_CLOCK_NS = 20, SEEDED_PAUSE_NS = 100, SEEDED_USER_NS = 500 };
/** `trace`: a descriptor that the events are listed on, or -1. Once there is the boot CPU; its time begins. */
void seeded_start(u64 seed, int trace);
/** So much time passes, and what is due then waits to be taken. Interrupts may be masked. */
void seeded_pass(u64 ns);
/** A place where an interrupt can come, unless masked: as seeded_pass, and takes it. */
void seeded_point(u64 ns);
u64 seeded_clock(void);
u64 seeded_realtime(void);
void seeded_timer(u64 deadline_ns);
bool seeded_random(u64 *out);
/** Lets time pass until an event waits. */
void seeded_idle(void);
/** What has happened, of all that could differ between two runs; nothing where the run is not seeded. Interrupts are masked. */
void seeded_event(struct cbytes what, const u64 *values, u32 n);
void seeded_user(struct cbytes what, const struct user_regs *regs, u64 kind);
/** A word for what is too long to be listed. */
u64 seeded_digest(const void *data, size_t len);
/** From here on the run depends on the host. */
void seeded_parted(const char *why);
/** The host has waited long for a user program. => true: it is to be interrupted */
bool seeded_watch(i32 process);
void seeded_end(void);

/**
 * What stands for hardware that all vCPUs have in common: TSan does not see that they meet there, which would order what they do otherwise and
 * hide its races.
 */
#define HOSTED_HARDWARE [[clang::disable_sanitizer_instrumentation]]

/** Interrupts come as signals, at any instruction; where runs are seeded, and under TSan, which delays signals, at poll points only. */
static inline bool
hosted_by_signal(void)
{
	return !hosted_seeded && __tsan_create_fiber == nullptr;
}

/* --- events of a vCPU: bits of its `hosted_pending` --- */
enum hosted_event : u32 {
	HOSTED_IPI = 1 /* shifted by enum ipi_kind */, HOSTED_TIMER = 8, HOSTED_IRQ = 16,
	HOSTED_LOOK = 32 /* no event: set for ever where each unmasking is to be noticed */,
};
static inline bool
hosted_events_wait(const struct arch_cpu *arch)
{
	return (__atomic_load_n(arch->pending, __ATOMIC_SEQ_CST) & ~(u32)HOSTED_LOOK) != 0;
}
/** Posts an event to a CPU and gets its attention. Any thread. */
void hosted_post(u32 cpu, u32 event);

/** Takes the interrupts that wait with interrupts off and no switch of tasks, as those that come in user mode. */
void hosted_interrupts_take(void);

/** Raises interrupt input `gsi`, as a device does: for tests. Edges that come while it is masked are remembered, one of them. */
void hosted_raise_irq(u32 gsi);

/** What a build has that runs beside the machine, on the host's threads (tests/fuzz/kernel); null: nothing. It gets the arguments behind `--`, as main does. */
[[gnu::weak]] void hosted_beside(int argc, char **argv);

/* --- between the files here --- */
extern int hosted_memory;                    /* [const] the memfd that is the machine's memory */
extern int hosted_log;                       /* [const] descriptor of the kernel's log; -1: it goes to the console */
/** A serial port more, on descriptors of the host or -1. => false: there are four. Before hosted_uart_start. */
bool hosted_uart_add(int in, int out);
void hosted_uart_start(void);
void hosted_uart_flush(void);                /* sends what serial ports have gathered, if the host takes it */
/** Seeded runs, which have no thread for it: takes input, waiting for it so many milliseconds (-1: for ever). => some came, or the last of it, or a signal of the host: look again */
bool hosted_uart_receive(int wait_ms);
void hosted_terminal_raw(void);              /* standard input, if it is a terminal */
void hosted_terminal_restore(void);          /* any context, also after a failure */
/** A thread of the host that takes none of the vCPUs' signals. */
void hosted_host_thread(void *(*body)(void *), void *arg);
void hosted_thread_init(struct cpu *cpu);    /* makes the calling host thread the CPU */
void hosted_timer_init(void);
/** rt_sigaction(2) itself, since the sanitizers' wrappers would delay the handlers. `context` is the host's ucontext. */
void hosted_handler_set(int signal, void (*handler)(int, void *info, u64 *context), u64 flags);
void hosted_traps_init(void);                /* of the process */
void hosted_trap_stack_init(void);           /* of the calling thread */
void hosted_fiber_gone(u64 va, u64 npages);  /* stacks in this range are no more */
void hosted_write(int fd, const void *text, size_t len);
long hosted_futex_wait(u32 *word, u32 expected, u64 timeout_ns);
void hosted_futex_wake(u32 *word);
long hosted_spawn(void *stack_top, void (*body)(void *), void *arg);
void hosted_switch(u64 *from_sp, u64 to_sp); /* switch.S */
void hosted_fiber_entry(void);
void hosted_fiber_start(void);
void hosted_trap_entry(void);
void hosted_trap(void);
void hosted_signal_return(void);
