// SPDX-License-Identifier: MPL-2.0
// Starting guests: a process of the host for each address-space identifier of each CPU, at its first use.
#include <guest.h>
#include <cadre/log.h>
#include <arch/string.h>

extern const u8 hosted_stub_image[], hosted_stub_image_end[];

enum : u64 { START_STEP_NS = 20 * NS_PER_MS, START_STEPS = 1500, SPAWN_STACK = 16384 };
enum : u64 {
	MFD_CLOEXEC = 1, NO_RANDOM = 0x40000, AT_EMPTY_PATH = 0x1000,
	WAIT_ALL = 0x40000000, WAIT_LOOK = 0x41000005 /* all that have ended; left where they are, without waiting */,
};

static struct guest guests[CPU_MAX][GUEST_ASIDS];   /* [self] of the CPU */
static u32 start_lock;                              /* [atomic] one guest starts at a time */
static int image_fd = -1;                           /* under start_lock */
static const struct guest_backend *const backends[] = { &guest_seccomp, &guest_ptrace };
const struct guest_backend *guest_backend = &guest_seccomp;
static bool chosen;                                 /* under start_lock: by the user, or since a guest runs */

[[noreturn]] static void
impossible(struct cbytes why, struct cbytes detail, u64 error)
{
	u8 text[256];
	struct bytes to = { text, sizeof(text) };
	size_t len = format_text(to, "hosted: cannot run user programs here: {}{} (error {} of the host)\n", why, detail, error);
	hosted_write(2, text, len);
	arch_power_off(HOSTED_CANNOT_RUN);
}

void
guest_impossible(struct cbytes why, u64 error)
{
	impossible(why, TEXT(""), error);
}

/** The stub's program as a file of the host. */
static void
image_make(void)
{
	if (image_fd >= 0)
		return;
	size_t len = (size_t)(hosted_stub_image_end - hosted_stub_image);
	long fd = HOST_CALL(HOST_MEMFD_CREATE, "cadre-stub", MFD_CLOEXEC);
	if (fd < 0)
		guest_impossible(TEXT("memfd_create is refused"), (u64)-fd);
	hosted_write((int)fd, hosted_stub_image, len);
	/* Out of the way of what the new process closes. */
	image_fd = (int)HOST_CALL(HOST_FCNTL, fd, HOST_F_DUPFD_CLOEXEC, 16);
	HOST_CALL(HOST_CLOSE, fd);
}

/** What the new process needs; it shares our memory, so it touches nothing else. */
struct spawn { char offset[20]; const char *words[2], *none[1]; };

[[clang::disable_sanitizer_instrumentation]] static void
spawn_body(void *arg)
{
	struct spawn *spawn = arg;
	enum : u64 { RLIMIT_CORE = 4, CLOSE_ON_EXEC = 4 };
	u64 no_core[2] = { 0, 0 };
	HOST_CALL(HOST_PERSONALITY, NO_RANDOM);
	HOST_CALL(HOST_SETRLIMIT, RLIMIT_CORE, no_core);
	HOST_CALL(HOST_CLOSE_RANGE, 0, 2, 0);
	HOST_CALL(HOST_DUP2, hosted_memory, STUB_MEMORY_FD);
	HOST_CALL(HOST_CLOSE_RANGE, STUB_MEMORY_FD + 1, ~0u, CLOSE_ON_EXEC);
	HOST_CALL(HOST_EXECVEAT, image_fd, "", spawn->words, spawn->none, AT_EMPTY_PATH);
}

static void
offset_text(char *text, u64 offset)
{
	for (int shift = 44; shift >= 0; shift -= 4)
		*text++ = "0123456789abcdef"[offset >> shift & 15];
	*text = '\0';
}

static long
spawn(u64 slot_offset)
{
	struct spawn spawn = { .words = { spawn.offset } };
	offset_text(spawn.offset, slot_offset);
	u8 *stack = mmap(nullptr, SPAWN_STACK, HOST_PROT_RW, HOST_MAP_PRIVATE | HOST_MAP_ANONYMOUS, -1, 0);
	long process = hosted_spawn(stack + SPAWN_STACK, spawn_body, &spawn);
	munmap(stack, SPAWN_STACK);
	return process;
}

/** The vCPU's thread and its guests stay on one CPU of the host: handing over between two takes twenty times as long. */
static void
pin(void)
{
	u64 allowed[16] = {}, one[16] = {};
	long len = HOST_CALL(HOST_SCHED_GETAFFINITY, 0, sizeof(allowed), allowed);
	u32 count = 0;
	for (u32 i = 0; len > 0 && i < (u64)len * 8; i++)
		count += allowed[i / 64] >> i % 64 & 1;
	if (count == 0)
		return;
	u32 wanted = this_cpu()->id % count, bit = 0;
	for (u32 seen = 0; bit < COUNTOF(allowed) * 64; bit++)
		if ((allowed[bit / 64] >> bit % 64 & 1) != 0 && seen++ == wanted)
			break;
	one[bit / 64] = (u64)1 << bit % 64;
	HOST_CALL(HOST_SCHED_SETAFFINITY, 0, sizeof(one), one);
}

void
guest_end(struct guest *guest)
{
	HOST_CALL(HOST_KILL, guest->process, HOST_SIGKILL);
	HOST_CALL(HOST_WAIT4, guest->process, 0, WAIT_ALL);
	guest->process = 0;
	fpu_lost(guest);
}

bool
guest_is_dead(const struct guest *guest)
{
	enum : u64 { P_PID = 1 };
	struct { i32 signal, error, code, pad, process, rest[27]; } info = {};
	HOST_CALL(HOST_WAITID, P_PID, guest->process, &info, WAIT_LOOK, 0);
	return info.process != 0;
}

/** Waits for the new stub's first stop. => false: it ended first */
static bool
started(struct guest *guest)
{
	struct stub_slot *slot = guest->slot;
	for (u32 i = 0; i < START_STEPS; i++) {
		u32 state = __atomic_load_n(&slot->state, __ATOMIC_SEQ_CST);
		if (state == STUB_STOPPED)
			return true;
		hosted_futex_wait(&slot->state, state, START_STEP_NS);
		if (guest_is_dead(guest))
			return false;
	}
	return false;
}

/** => false: slot->step and ->error say why */
static bool
guest_start(struct guest *guest, u32 index)
{
	enum : u32 { TRIES = 3 };   /* the host may have put its stack where the stub belongs */
	u64 offset = HOSTED_PHYSICAL_LIMIT + (u64)index * STUB_SLOT_BYTES;
	image_make();
	pin();
	if (guest->slot == nullptr)
		guest->slot = mmap(nullptr, STUB_SLOT_BYTES, HOST_PROT_RW, HOST_MAP_SHARED, hosted_memory, (long)offset);
	for (u32 i = 0; i < TRIES; i++) {
		guest->slot->state = STUB_RUNNING;
		guest->slot->step = STUB_BEGUN;
		guest->slot->error = 0;
		guest->slot->parent = (u32)HOST_CALL(HOST_GETPID);
		guest->slot->filtered = guest_backend->filtered;
		guest->slot->untimed = hosted_seeded;
		long process = spawn(offset);
		if (process < 0)
			guest_impossible(TEXT("clone is refused"), (u64)-process);
		guest->process = (i32)process;
		guest->running = STUB_RUNNING | (u32)process;
		if (started(guest) && guest_backend->attach(guest)) {
			mirror_forget(guest);
			return true;
		}
		bool begun = guest->slot->step != STUB_BEGUN;
		guest_end(guest);
		if (begun)
			break;
	}
	return false;
}

/** The first guest of all decides how guests are run: by a filter, or if the host has none, by a tracer. */
static void
guest_start_any(struct guest *guest, u32 index)
{
	static const struct cbytes missing[] = {
		[STUB_BEGUN] = TEXT("it does not let a program in a memory file be executed (execveat)"), [STUB_ALONE] = TEXT("munmap is refused"),
		[STUB_SIGNALS] = TEXT("signals are refused"), [STUB_UNTIMED] = TEXT("PR_SET_TSC is refused"), [STUB_ORPHAN] = TEXT("prctl or robust futexes are refused"),
		[STUB_FILTER] = TEXT("seccomp filters are refused"), [STUB_READY] = TEXT("ptrace is refused"),
	};
	bool started = guest_start(guest, index);
	if (!started && !chosen && guest->slot->step == STUB_FILTER) {
		static const char text[] = "hosted: seccomp filters are refused: user programs are traced, which is slower\n";
		hosted_write(2, text, sizeof(text) - 1);
		guest_backend = &guest_ptrace;
		started = guest_start(guest, index);
		if (!started && guest->slot->step == STUB_READY)
			impossible(TEXT("seccomp filters are refused, "), missing[STUB_READY], guest->slot->error);
	}
	if (!started)
		guest_impossible(missing[MIN(guest->slot->step, (u32)STUB_READY)], guest->slot->error);
	chosen = true;
}

struct guest *
guest_of(u16 asid)
{
	return &guests[this_cpu()->id][asid - 1];
}

struct guest *
guest_here(void)
{
	u16 asid = this_cpu()->arch.asid;
	struct guest *guest = guest_of(asid);
	if (guest->process != 0)
		return guest;
	while (__atomic_exchange_n(&start_lock, 1, __ATOMIC_ACQUIRE) != 0)
		sched_yield();
	guest_start_any(guest, this_cpu()->id * GUEST_ASIDS + asid - 1);
	__atomic_store_n(&start_lock, 0, __ATOMIC_RELEASE);
	return guest;
}

bool
guest_backend_choose(const char *name)
{
	for (u32 i = 0; i < COUNTOF(backends); i++) {
		size_t len = __builtin_strlen(backends[i]->name);
		if (len != __builtin_strlen(name) || memcmp(name, backends[i]->name, len) != 0)
			continue;
		guest_backend = backends[i];
		chosen = true;
		return true;
	}
	return false;
}

HOSTED_HARDWARE bool
guest_kick(struct cpu *cpu)
{
	i32 process = __atomic_load_n(&cpu->arch.guest, __ATOMIC_SEQ_CST);
	if (process != 0)
		HOST_CALL(HOST_TGKILL, process, process, HOST_SIGUSR1);
	return process != 0;
}

/** The event is posted before `guest` is read, and `guest` set before the events are looked at: one of the two sees the other. */
enum guest_stop
guest_run(struct guest *guest)
{
	struct arch_cpu *arch = &this_cpu()->arch;
	enum : u32 { REFUSALS = 4 };
	for (;;) {
		enum guest_stop stop = GUEST_UNWANTED;
		__atomic_store_n(&arch->guest, guest->process, __ATOMIC_SEQ_CST);
		if (!hosted_events_wait(arch)) {
			stop = guest_backend->run(guest);
			guest->slot->ncommands = 0;
		}
		__atomic_store_n(&arch->guest, 0, __ATOMIC_SEQ_CST);
		if (stop != GUEST_STOPPED || guest->slot->failed == 0) {
			guest->refused = 0;
			return stop;
		}
		/* The host has too many mappings of it, or too little memory: it starts again from none. */
		if (++guest->refused > REFUSALS)
			guest_impossible(TEXT("mmap is refused"), guest->slot->failed);
		mirror_forget(guest);
	}
}
