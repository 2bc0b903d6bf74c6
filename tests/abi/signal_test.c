// SPDX-License-Identifier: MPL-2.0
// Signals: actions, masks, queues, stacks, restarts, what faults report.
// syscalls: rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait rt_sigqueueinfo rt_tgsigqueueinfo
// syscalls: sigaltstack kill tkill tgkill pause restart_syscall
#include "abi.h"
#include <setjmp.h>
#include <ucontext.h>

static volatile siginfo_t seen;
static volatile int order[64], norder;

static void
take_info(int sig, siginfo_t *info, void *context)
{
	(void)context;
	memcpy((void *)&seen, info, sizeof(*info));
	signals_seen++;
	last_signal = sig;
	if (norder < 64)
		order[norder++] = sig * 1000 + info->si_value.sival_int;
}

static void
on_info(int sig, int flags)
{
	struct sigaction act = { .sa_sigaction = take_info, .sa_flags = SA_SIGINFO | flags };
	MUST(sigaction(sig, &act, NULL));
}

static sigset_t
set_of(int a, int b)
{
	sigset_t set;
	sigemptyset(&set);
	if (a != 0)
		sigaddset(&set, a);
	if (b != 0)
		sigaddset(&set, b);
	return set;
}

TEST("sigaction checks its arguments and gives the old action")
{
	struct sigaction act, old;
	char raw[64] = "";
	CHECK_ERRNO(syscall(SYS_rt_sigaction, 0, NULL, raw, 8), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_sigaction, 65, NULL, raw, 8), EINVAL);
	CHECK_EQ(syscall(SYS_rt_sigaction, 64, NULL, raw, 8), 0);
	CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, NULL, raw, 16), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGKILL, raw, NULL, 8), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGSTOP, raw, NULL, 8), EINVAL);
	CHECK_EQ(syscall(SYS_rt_sigaction, SIGKILL, NULL, raw, 8), 0);
	CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, BAD, NULL, 8), EFAULT);
	CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, NULL, BAD, 8), EFAULT);
	act = (struct sigaction){ .sa_handler = count_signal, .sa_flags = SA_RESTART | SA_NODEFER };
	sigaddset(&act.sa_mask, SIGUSR2);
	CHECK_EQ(sigaction(SIGUSR1, &act, &old), 0);
	CHECK(old.sa_handler == SIG_DFL);
	CHECK_EQ(sigaction(SIGUSR1, NULL, &old), 0);
	CHECK(old.sa_handler == count_signal);
	CHECK_EQ(old.sa_flags & (SA_RESTART | SA_NODEFER | SA_SIGINFO), SA_RESTART | SA_NODEFER);
	CHECK_EQ(sigismember(&old.sa_mask, SIGUSR2), 1);
}

TEST("default actions: end, stop, ignore, continue")
{
	const int ends[] = { SIGHUP, SIGINT, SIGKILL, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGVTALRM, SIGPROF, SIGIO,
		SIGPWR, SIGRTMIN, SIGRTMAX };
	static const int cores[] = { SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS };
	static const int ignored[] = { SIGCHLD, SIGCONT, SIGURG, SIGWINCH };
	struct rlimit none = { 0, 0 };
	MUST(setrlimit(RLIMIT_CORE, &none));
	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		CHECK_EQ(IN_CHILD(kill(getpid(), ends[i])) - 128 - ends[i], 0);
	for (unsigned i = 0; i < sizeof(cores) / sizeof(cores[0]); i++)
		CHECK_EQ(IN_CHILD(kill(getpid(), cores[i])) - 128 - cores[i], 0);
	for (unsigned i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		CHECK_EQ(IN_CHILD(kill(getpid(), ignored[i])), 0);
}

TEST("SIGKILL wins over a stop that is under way")
{
	int killed = 0;
	for (int i = 0; i < 200; i++) {
		pid_t pid = SPAWN(for (;;) getppid());
		int status = 0;
		for (int spin = 0; spin < i * 20; spin++)
			getppid();
		kill(pid, SIGSTOP);
		kill(pid, SIGKILL);
		killed += waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	}
	CHECK_EQ(killed, 200);
}

TEST("kill finds processes and checks rights")
{
	CHECK_ERRNO(kill(0x3fffff, 0), ESRCH);
	CHECK_ERRNO(kill(getpid(), 65), EINVAL);
	CHECK_ERRNO(kill(getpid(), -1), EINVAL);
	CHECK_EQ(kill(getpid(), 0), 0);
	CHECK_EQ(kill(0, 0), 0);
	CHECK_EQ(kill(-getpgrp(), 0), 0);
	CHECK_ERRNO(kill(-0x3fffff, 0), ESRCH);
	CHECK_ERRNO(syscall(SYS_tkill, 0x3fffff, 0), ESRCH);
	CHECK_ERRNO(syscall(SYS_tkill, -1, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_tgkill, getpid(), 1, 0), ESRCH);
	CHECK_ERRNO(syscall(SYS_tgkill, 0, getpid(), 0), EINVAL);
	CHECK_EQ(syscall(SYS_tgkill, getpid(), gettid(), 0), 0);
	pid_t parent = getpid();
	CHECK_EQ(IN_CHILD({ become_nobody(); _exit(kill(parent, 0) == -1 ? errno : 0); }), EPERM);
	CHECK_EQ(IN_CHILD({ become_nobody(); _exit(kill(1, SIGTERM) == -1 ? errno : 0); }), EPERM);
	CHECK_EQ(IN_CHILD({ become_nobody(); _exit(kill(parent, SIGCONT) == -1 ? errno : 0); }), 0);
}

TEST("a handler runs with its signal and its mask blocked, and the old mask comes back")
{
	sigset_t now;
	on_info(SIGUSR1, 0);
	CHECK_EQ(raise(SIGUSR1), 0);
	CHECK_EQ(signals_seen, 1);
	CHECK_EQ(seen.si_signo, SIGUSR1);
	CHECK_EQ(seen.si_code, SI_TKILL);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	CHECK_EQ(signals_seen, 2);
	CHECK_EQ(seen.si_code, SI_USER);
	CHECK(seen.si_pid == getpid());
	sigprocmask(SIG_BLOCK, NULL, &now);
	CHECK_EQ(sigismember(&now, SIGUSR1), 0);
	struct sigaction act = { .sa_handler = count_signal, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER) };
	sigaction(SIGUSR2, &act, NULL);
	raise(SIGUSR2);
	sigaction(SIGUSR2, NULL, &act);
	CHECK(act.sa_handler == SIG_DFL);
}

static volatile int depth, deepest;

static void
nest(int sig)
{
	depth++;
	deepest = depth > deepest ? depth : deepest;
	if (signals_seen++ < 3)
		raise(sig);
	depth--;
}

TEST("SA_NODEFER lets a handler be interrupted by its own signal")
{
	on_signal(SIGUSR1, nest, 0);
	raise(SIGUSR1);
	CHECK_EQ(deepest, 1);
	CHECK_EQ(signals_seen, 4);
	signals_seen = deepest = 0;
	on_signal(SIGUSR1, nest, SA_NODEFER);
	raise(SIGUSR1);
	CHECK_EQ(deepest, 4);
}

TEST("sigprocmask blocks, sigpending tells, KILL and STOP are never blocked")
{
	sigset_t set, old;
	sigfillset(&set);
	CHECK_EQ(sigprocmask(SIG_SETMASK, &set, NULL), 0);
	sigprocmask(SIG_BLOCK, NULL, &old);
	CHECK_EQ(sigismember(&old, SIGKILL), 0);
	CHECK_EQ(sigismember(&old, SIGSTOP), 0);
	CHECK_EQ(sigismember(&old, SIGTERM), 1);
	on_info(SIGUSR1, 0);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	sigpending(&old);
	CHECK_EQ(sigismember(&old, SIGUSR1), 1);
	CHECK_EQ(sigismember(&old, SIGUSR2), 0);
	CHECK_EQ(signals_seen, 0);
	set = set_of(SIGUSR1, 0);
	CHECK_EQ(sigprocmask(SIG_UNBLOCK, &set, NULL), 0);
	CHECK_EQ(signals_seen, 1);
	CHECK_ERRNO(sigprocmask(9, &set, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 4), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_sigprocmask, SIG_BLOCK, BAD, NULL, 8), EFAULT);
	CHECK_ERRNO(syscall(SYS_rt_sigpending, BAD, 8), EFAULT);
	CHECK_ERRNO(syscall(SYS_rt_sigpending, &old, 16), EINVAL);
	kill(getpid(), SIGUSR2);
	signal(SIGUSR2, SIG_IGN);
	sigpending(&old);
	CHECK_EQ(sigismember(&old, SIGUSR2), 0);
}

TEST("real-time signals queue, the lowest number first, each in order")
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	on_info(SIGRTMIN, 0);
	on_info(SIGRTMIN + 1, 0);
	on_info(SIGUSR1, 0);
	for (int i = 1; i <= 3; i++) {
		sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = i });
		sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = i + 10 });
	}
	kill(getpid(), SIGUSR1);
	for (int i = 0; i < 7; i++) {
		siginfo_t info;
		int sig = sigwaitinfo(&all, &info);
		if (i == 0)
			CHECK_EQ(sig, SIGUSR1);
		else
			CHECK_EQ(info.si_value.sival_int, (i <= 3 ? 10 + i : i - 3));
	}
	CHECK_ERRNO(sigtimedwait(&all, NULL, &(struct timespec){ 0, 0 }), EAGAIN);
}

TEST("RLIMIT_SIGPENDING bounds the queue")
{
	sigset_t set = set_of(SIGRTMIN, 0);
	sigprocmask(SIG_BLOCK, &set, NULL);
	struct rlimit limit = { 5, 5 };
	CHECK_EQ(IN_CHILD({
		setgid(60111);
		setuid(60111);
		setrlimit(RLIMIT_SIGPENDING, &limit);
		int n = 0;
		while (n < 50 && sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = n }) == 0)
			n++;
		_exit(errno == EAGAIN ? n : 99);
	}), 5);
}

TEST("sigtimedwait takes signals, waits, and is interrupted")
{
	sigset_t set = set_of(SIGUSR1, SIGUSR2);
	siginfo_t info;
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR2);
	CHECK_EQ(sigtimedwait(&set, &info, NULL), SIGUSR2);
	CHECK_EQ(info.si_signo, SIGUSR2);
	long long start = now_ms();
	CHECK_ERRNO(sigtimedwait(&set, &info, &(struct timespec){ 0, 40000000 }), EAGAIN);
	CHECK(now_ms() - start >= 40);
	CHECK_ERRNO(sigtimedwait(&set, &info, &(struct timespec){ 0, -1 }), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_sigtimedwait, &set, NULL, NULL, 4), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_sigtimedwait, BAD, NULL, NULL, 8), EFAULT);
	signal_asleep(getpid(), SIGUSR1);
	CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
	CHECK_EQ(info.si_code, SI_USER);
	on_signal(SIGALRM, count_signal, SA_RESTART);
	signal_asleep(getpid(), SIGALRM);
	CHECK_ERRNO(sigwaitinfo(&set, &info), EINTR);
}

TEST("sigsuspend and pause wait for a handled signal")
{
	sigset_t set = set_of(SIGUSR1, 0), empty = set_of(0, 0), now;
	sigprocmask(SIG_BLOCK, &set, NULL);
	on_signal(SIGUSR1, count_signal, SA_RESTART);
	raise(SIGUSR1);
	CHECK_EQ(signals_seen, 0);
	CHECK_ERRNO(sigsuspend(&empty), EINTR);
	CHECK_EQ(signals_seen, 1);
	sigprocmask(SIG_BLOCK, NULL, &now);
	CHECK_EQ(sigismember(&now, SIGUSR1), 1);
	CHECK_ERRNO(syscall(SYS_rt_sigsuspend, &empty, 4), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_sigsuspend, BAD, 8), EFAULT);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	signal_asleep(getpid(), SIGUSR1);
	CHECK_ERRNO(pause(), EINTR);
	CHECK_EQ(signals_seen, 2);
}

TEST("rt_sigqueueinfo lets no one pretend to be the kernel")
{
	siginfo_t info = { .si_code = SI_USER };
	pid_t child = SPAWN(for (;;) pause());
	CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &info), EPERM);
	info.si_code = SI_TKILL;
	CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &info), EPERM);
	info.si_code = 5;
	CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &info), EPERM);
	info.si_code = SI_QUEUE;
	CHECK_EQ(syscall(SYS_rt_sigqueueinfo, child, 0, &info), 0);
	CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, child, 65, &info), EINVAL);
	CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, BAD), EFAULT);
	CHECK_ERRNO(syscall(SYS_rt_tgsigqueueinfo, child, 1, SIGUSR1, &info), ESRCH);
	CHECK_EQ(syscall(SYS_rt_tgsigqueueinfo, child, child, SIGUSR1, &info), 0);
	CHECK_EQ(reap(child), 128 + SIGUSR1);
	on_info(SIGUSR2, 0);
	info.si_value.sival_int = 31;
	CHECK_EQ(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGUSR2, &info), 0);
	CHECK_EQ(seen.si_value.sival_int, 31);
}

static char *volatile stack_at;

static void
note_stack(int sig)
{
	char here;
	(void)sig;
	stack_at = &here;
	stack_t now;
	if (sigaltstack(NULL, &now) == 0)
		depth = now.ss_flags;
	deepest = sigaltstack(&(stack_t){ .ss_flags = SS_DISABLE }, NULL) == -1 ? errno : 0;
}

TEST("an alternative stack is used where it is asked for")
{
	char *memory = malloc(65536);
	stack_t stack = { .ss_sp = memory, .ss_size = 65536 }, old;
	CHECK_EQ(sigaltstack(&stack, &old), 0);
	CHECK_EQ(old.ss_flags, SS_DISABLE);
	on_signal(SIGUSR1, note_stack, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK(stack_at >= memory && stack_at < memory + 65536);
	CHECK_EQ(depth, SS_ONSTACK);
	CHECK_EQ(deepest, EPERM);
	on_signal(SIGUSR1, note_stack, 0);
	raise(SIGUSR1);
	CHECK(!(stack_at >= memory && stack_at < memory + 65536));
	CHECK_EQ(sigaltstack(&stack, NULL), 0);
	CHECK_EQ(sigaltstack(NULL, &old), 0);
	CHECK_EQ(old.ss_flags, 0);
	CHECK(old.ss_sp == memory);
	CHECK_ERRNO(sigaltstack(&(stack_t){ .ss_sp = memory, .ss_size = 100 }, NULL), ENOMEM);
	CHECK_ERRNO(sigaltstack(&(stack_t){ .ss_sp = memory, .ss_size = 65536, .ss_flags = 99 }, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_sigaltstack, BAD, NULL), EFAULT);
	CHECK_EQ(IN_CHILD({ sigaltstack(NULL, &old); _exit(old.ss_sp == memory ? 3 : 1); }), 3);
}

TEST("a stack overflow is caught on an alternative stack, and kills without one")
{
	struct rlimit small = { 1 << 20, 1 << 20 }, none = { 0, 0 };
	MUST(setrlimit(RLIMIT_CORE, &none));
	CHECK_EQ(IN_CHILD({
		setrlimit(RLIMIT_STACK, &small);
		on_signal(SIGSEGV, count_signal, 0);
		volatile char *deep = alloca(4 << 20);
		for (int i = (4 << 20) - 1; i >= 0; i -= 1024)
			deep[i] = 1;
	}), 128 + SIGSEGV);
}

static sigjmp_buf back;
static long fault_rip, fault_trap;

static void
jump_back(int sig, siginfo_t *info, void *context)
{
	memcpy((void *)&seen, info, sizeof(*info));
	fault_rip = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	fault_trap = ((ucontext_t *)context)->uc_mcontext.gregs[REG_TRAPNO];
	siglongjmp(back, sig);
}

#define CAUGHT(statement)                                                                                              \
	({                                                                                                             \
		int sig_ = sigsetjmp(back, 1);                                                                         \
		if (sig_ == 0) {                                                                                       \
			statement;                                                                                     \
		}                                                                                                      \
		sig_;                                                                                                  \
	})

TEST("faults tell their code, their address and their trap")
{
	static const int all[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
	for (unsigned i = 0; i < 5; i++)
		MUST(sigaction(all[i], &(struct sigaction){ .sa_sigaction = jump_back, .sa_flags = SA_SIGINFO }, NULL));
	CHECK_EQ(CAUGHT(*(volatile char *)16), SIGSEGV);
	CHECK_EQ(seen.si_code, SEGV_MAPERR);
	CHECK(seen.si_addr == (void *)16);
	CHECK_EQ(fault_trap, 14);
	CHECK_EQ(CAUGHT(*(volatile char *)0x8000000000000000), SIGSEGV);
	CHECK_EQ(seen.si_code, SI_KERNEL);
	CHECK(seen.si_addr == NULL);
	CHECK_EQ(fault_trap, 13);
	CHECK_EQ(CAUGHT(*(volatile char *)0xffffffff81000000), SIGSEGV);
	CHECK_EQ(seen.si_code, SEGV_MAPERR);
	volatile int zero = 0, one = 1;
	CHECK_EQ(CAUGHT(one = one / zero), SIGFPE);
	CHECK_EQ(seen.si_code, FPE_INTDIV);
	CHECK(seen.si_addr == (void *)fault_rip);
	CHECK_EQ(CAUGHT(__asm__ volatile("ud2")), SIGILL);
	CHECK_EQ(seen.si_code, ILL_ILLOPN);
	CHECK(seen.si_addr == (void *)fault_rip);
	CHECK_EQ(CAUGHT(__asm__ volatile("int3")), SIGTRAP);
	CHECK_EQ(seen.si_code, SI_KERNEL);
	CHECK_EQ(fault_trap, 3);
	CHECK_EQ(CAUGHT(__asm__ volatile("hlt")), SIGSEGV);
	CHECK_EQ(seen.si_code, SI_KERNEL);
	CHECK_EQ(CAUGHT(__asm__ volatile("int $0x90")), SIGSEGV);
	CHECK_EQ(CAUGHT(__asm__ volatile("cli")), SIGSEGV);
	CHECK_EQ(CAUGHT(__asm__ volatile("mov %%cr0, %%rax" ::: "rax")), SIGSEGV);
	CHECK_EQ(CAUGHT(__asm__ volatile("outb %%al, $0x80" ::: "rax")), SIGSEGV);
}

TEST("a fault that is blocked or ignored ends the process")
{
	struct rlimit none = { 0, 0 };
	MUST(setrlimit(RLIMIT_CORE, &none));
	CHECK_EQ(IN_CHILD({
		sigset_t set = set_of(SIGSEGV, 0);
		sigprocmask(SIG_BLOCK, &set, NULL);
		(void)*(volatile char *)16;
	}), 128 + SIGSEGV);
	CHECK_EQ(IN_CHILD({ signal(SIGSEGV, SIG_IGN); (void)*(volatile char *)16; }), 128 + SIGSEGV);
	CHECK_EQ(IN_CHILD({ signal(SIGSEGV, SIG_IGN); raise(SIGSEGV); }), 0);
}

static void
set_rax(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RBX] = 0x1234;
}

TEST("a handler can change the registers it returns to")
{
	MUST(sigaction(SIGILL, &(struct sigaction){ .sa_sigaction = set_rax, .sa_flags = SA_SIGINFO }, NULL));
	long rbx;
	__asm__ volatile("xor %%ebx, %%ebx; ud2; mov %%rbx, %0" : "=r"(rbx) :: "rbx");
	CHECK_EQ(rbx, 0x1234);
}

static void
spoil_vectors(int sig)
{
	(void)sig;
	__asm__ volatile("pxor %%xmm0, %%xmm0; pxor %%xmm9, %%xmm9; fninit" ::: "xmm0", "xmm9");
	signals_seen++;
}

TEST("vector registers survive a handler, and a signal handler starts with a clean direction flag")
{
	on_signal(SIGUSR1, spoil_vectors, 0);
	double in = 3.25, out = 0;
	pid_t me = getpid();
	__asm__ volatile("movsd %1, %%xmm9; mov $62, %%eax; mov %2, %%edi; mov $10, %%esi; syscall; movsd %%xmm9, %0"
	                 : "=m"(out) : "m"(in), "r"(me) : "rax", "rdi", "rsi", "rcx", "r11", "xmm9", "memory");
	CHECK_EQ(signals_seen, 1);
	CHECK(out == in);
}

/** The FPU image of a frame: where its parts are, by the Intel SDM and asm/sigcontext.h. */
enum { IMAGE_XMM9 = 160 + 9 * 16, IMAGE_MAGIC1 = 464, IMAGE_SIZE = 480 };
static enum { SPOIL_NOTHING, SPOIL_MAGIC1, SPOIL_MAGIC2, SPOIL_SIZE, SPOIL_POINTER, SPOILS } spoil;

static void
edit_image(int sig, siginfo_t *info, void *context)
{
	mcontext_t *machine = &((ucontext_t *)context)->uc_mcontext;
	char *image = (char *)machine->fpregs;
	double changed = 6.5;
	uint32_t size, huge = 1 << 20;
	(void)sig;
	(void)info;
	memcpy(image + IMAGE_XMM9, &changed, sizeof(changed));
	memcpy(&size, image + IMAGE_SIZE, sizeof(size));
	if (spoil == SPOIL_MAGIC1)
		memset(image + IMAGE_MAGIC1, 0, 4);
	if (spoil == SPOIL_MAGIC2)
		memset(image + size, 0, 4);
	if (spoil == SPOIL_SIZE)
		memcpy(image + IMAGE_SIZE, &huge, sizeof(huge));
	if (spoil == SPOIL_POINTER)
		machine->fpregs = NULL;
}

TEST("a handler can change the vector registers it returns to; without its magic words the image is an FXSAVE area")
{
	MUST(sigaction(SIGUSR1, &(struct sigaction){ .sa_sigaction = edit_image, .sa_flags = SA_SIGINFO }, NULL));
	pid_t me = getpid();
	for (spoil = SPOIL_NOTHING; spoil < SPOILS; spoil++) {
		double in = 3.25, low = 0, high = spoil == SPOIL_NOTHING ? in : 0;
		if (__builtin_cpu_supports("avx"))
			__asm__ volatile("vbroadcastsd %2, %%ymm9; mov $62, %%eax; mov %3, %%edi; mov $10, %%esi; syscall;"
			                 "vextractf128 $1, %%ymm9, %%xmm8; movsd %%xmm9, %0; movsd %%xmm8, %1; vzeroupper"
			                 : "=m"(low), "=m"(high) : "m"(in), "r"(me) : "rax", "rdi", "rsi", "rcx", "r11", "xmm8", "xmm9", "memory");
		else
			__asm__ volatile("movsd %1, %%xmm9; mov $62, %%eax; mov %2, %%edi; mov $10, %%esi; syscall; movsd %%xmm9, %0"
			                 : "=m"(low) : "m"(in), "r"(me) : "rax", "rdi", "rsi", "rcx", "r11", "xmm9", "memory");
		CHECK_EQ((int)(low * 100), spoil == SPOIL_POINTER ? 0 : 650);
		CHECK_EQ((int)(high * 100), spoil == SPOIL_NOTHING ? 325 : 0);
	}
}

TEST("a frame that sigreturn cannot restore is SIGSEGV")
{
	struct rlimit none = { 0, 0 };
	MUST(setrlimit(RLIMIT_CORE, &none));
	CHECK_EQ(IN_CHILD(__asm__ volatile("mov $15, %%eax; mov $0x1000, %%rsp; syscall" ::: "memory")), 128 + SIGSEGV);
}

TEST("nanosleep goes on after a stop and is interrupted by a handler, with the time that is left")
{
	struct timespec t = { 500, 0 }, left = { 0, 0 };
	on_signal(SIGALRM, count_signal, SA_RESTART);
	signal_asleep(getpid(), SIGALRM);
	CHECK_ERRNO(nanosleep(&t, &left), EINTR);
	CHECK(left.tv_sec >= 300 && left.tv_sec < 500);
	int status = 0;
	pid_t child = 0;
	/* A machine that is too slow to stop it in time gets another try, with more time. */
	for (long ms = 150; ms < PATIENCE_MS && !WIFSTOPPED(status); ms *= 2) {
		child = SPAWN({ struct timespec s = { ms / 1000, ms % 1000 * 1000000 }; _exit(nanosleep(&s, NULL) == 0 ? 6 : errno); });
		wait_asleep(child);
		kill(child, SIGSTOP);
		waitpid(child, &status, WUNTRACED);
	}
	CHECK(WIFSTOPPED(status));
	kill(child, SIGCONT);
	CHECK_EQ(reap(child), 6);
}

TEST("SIGCONT continues even if it is blocked, and takes pending stops away")
{
	pid_t child = SPAWN({
		sigset_t set = set_of(SIGCONT, SIGTSTP);
		sigprocmask(SIG_BLOCK, &set, NULL);
		raise(SIGTSTP);
		raise(SIGCONT);
		sigpending(&set);
		_exit(sigismember(&set, SIGTSTP) * 2 + sigismember(&set, SIGCONT));
	});
	CHECK_EQ(reap(child), 1);
	child = SPAWN({
		sigset_t set = set_of(SIGCONT, 0);
		sigprocmask(SIG_BLOCK, &set, NULL);
		raise(SIGSTOP);
		_exit(8);
	});
	waitpid(child, NULL, WUNTRACED);
	kill(child, SIGCONT);
	CHECK_EQ(reap(child), 8);
}

static void *
wait_for_signal(void *arg)
{
	while (signals_seen == 0)
		sleep_ms(2);
	return arg;
}

TEST("a process's signal goes to a thread that does not block it")
{
	sigset_t set = set_of(SIGUSR1, 0);
	on_info(SIGUSR1, 0);
	pthread_t t;
	pthread_create(&t, NULL, wait_for_signal, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGUSR1);
	pthread_join(t, NULL);
	CHECK_EQ(signals_seen, 1);
	pthread_kill(pthread_self(), SIGUSR1);
	CHECK_EQ(signals_seen, 1);
	sigset_t pending;
	sigpending(&pending);
	CHECK_EQ(sigismember(&pending, SIGUSR1), 1);
}
