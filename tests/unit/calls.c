// SPDX-License-Identifier: MPL-2.0
// From bytes to system calls, by a process with threads and children; calls.h has the form.
#include "calls.h"

#include <process_impl.h>
#include <sched_policy.h>
#include <syscall.h>
#include <syscall_table.h>

#include <cadre/boot.h>
#include <cadre/contain.h>
#include <cadre/sync.h>

enum : u32 { THREADS_MAX = 3, LOOK_US = 150, PATIENCE_MS = 100, FLAG_DETACH = 2, FILL = 16384, STRING_ROOM = 64, STRINGS = 24, RESULTS = 16, NOBODY = 65534 };
enum : u64 { AT_STRINGS = 65536, AT_STACK = 262144 };

/** A thread of the input: which records are its. */
struct part { struct thread *thread; u32 at, end; };

static const u8 *input;          /* [const] while its process runs */
static u32 fill = ~0u;           /* [self] what the memory is filled with */
static struct part parts[THREADS_MAX + 1];   /* [atomic] thread: null where it has ended; the rest before it starts */
static u32 part_count;           /* [atomic] given out */
static u32 alive;                /* [atomic] that have not ended */
static u64 made;                 /* [atomic] calls */
static struct wait_queue changed;

/* What would end the test or the machine, or change it for the inputs behind; nobody is refused all of it, and so may ask. */
static const char *const for_nobody[] = {
	"reboot", "mount", "umount2", "pivot_root", "move_mount", "fsmount", "open_tree", "mount_setattr", "chroot", "settimeofday", "clock_settime", "adjtimex",
	"clock_adjtime", "syslog", "sethostname", "setdomainname", "vhangup", "setpriority",
};
/* clone3's flags are in memory. pidfds of others would reach the fixture. */
static const char *const skipped[] = { "clone3", "pidfd_open", "process_madvise", "process_mrelease" };
/* Who they are about is the caller, always. */
static const char *const about_self[] = {
	"kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "sched_setscheduler", "sched_setparam", "sched_setattr", "setpgid", "prlimit64",
	"process_vm_readv", "process_vm_writev", "ptrace",
};
static const char *const strings[STRINGS] = {
	"a", "b", "c", "a/d", "d/a", "../f/a", ".", "..", "/tmp/f/b", "/proc/self/maps", "/proc/self/fd/0", "null", "/dev/ptmx", "user.x", "", "zero",
	"fifo", "/proc/self/mem", "/proc/self/task", "/proc/self/oom_score_adj", "/dev/pts/0", "/proc/self/fd", "d", "/sys/devices",
};

/* --- reading a record --- */

static bool
named(const struct syscall_info *info, const char *name)
{
	u32 n = 0;
	while (name[n] != 0 && n < info->name_len && (char)info->name[n] == name[n])
		n++;
	return name[n] == 0 && n == info->name_len;
}

static bool
any_of(const struct syscall_info *info, const char *const *names, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (named(info, names[i]))
			return true;
	return false;
}

/** What a thread's calls have returned: arguments of later ones. */
struct results { u64 values[RESULTS]; u32 count; };

static u64
result_draw(const struct results *results, u8 which)
{
	u32 n = MIN(results->count, RESULTS);
	return n == 0 ? 0 : results->values[(results->count - 1 - which % n) % RESULTS];
}

static u64
number_draw(const u8 b[3], const struct results *results)
{
	static const u64 ends[] = { ~(u64)0, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff, (u64)1 << 63, 4096, 65536, 1 << 20, (u64)1 << 32, (u64)1 << 40, 0x7ffff000, 100, 256, 1000, USER_END };
	u64 two = b[1] | (u64)b[2] << 8;
	if (b[0] < NUMBER_SMALL)
		return b[1] % 32;
	if (b[0] < NUMBER_END)
		return ends[b[1] % COUNTOF(ends)] + b[2] % 3 - 1;
	if (b[0] < NUMBER_PLAIN)
		return two;
	if (b[0] < NUMBER_PAGES)
		return two << 12;
	if (b[0] < NUMBER_NEGATIVE)
		return -two;
	return b[0] < NUMBER_POWER ? (u64)1 << b[1] % 64 : result_draw(results, b[1]);
}

static u64
pointer_draw(const u8 b[3], const struct results *results)
{
	if (b[0] < POINTER_PLACE)
		return PROGRAM_AREA + (b[1] | (u64)b[2] << 8) % (FILL / 16) * 16;
	if (b[0] < POINTER_NULL)
		return 0;
	if (b[0] < POINTER_BAD)
		return b[1] < 128 ? USER_END - b[2] : ~(u64)0 - b[2];
	if (b[0] < POINTER_EDGE)
		return PROGRAM_AREA + PROGRAM_AREA_LEN - b[1];
	return b[0] < POINTER_RESULT ? result_draw(results, b[1]) : PROGRAM_AREA + AT_STRINGS + b[1] % STRINGS * STRING_ROOM;
}

static u64
names_draw(const u8 b[3], u8 names, const struct results *results)
{
	const struct syscall_name_set *set = &syscall_name_sets[names % SYSCALL_NAME_SETS];
	if (b[0] >= NAMES_KNOWN || set->count == 0)
		return number_draw((u8[3]){ b[1], b[2], 0 }, results);
	const struct syscall_name *of = &syscall_names[set->first];
	u64 first = of[b[1] % set->count].value, second = of[b[2] % set->count].value, third = of[(b[0] >> 2) % set->count].value;
	if (!set->bits)
		return first;
	u32 n = b[0] % 4;
	return n == 0 ? 0 : first | (n > 1 ? second : 0) | (n > 2 ? third : 0);
}

static u64
argument_draw(const u8 b[3], const struct syscall_arg *arg, const struct results *results)
{
	switch (arg->kind) {
	case SYSCALL_ARG_NAMES: return names_draw(b, arg->names, results);
	case SYSCALL_ARG_DIRFD: return b[0] < DIRFD_CWD ? (u64)-100 : number_draw((u8[3]){ b[1], b[2], 0 }, results);
	case SYSCALL_ARG_STRING:
		return b[0] < STRING_KNOWN ? PROGRAM_AREA + AT_STRINGS + b[1] % STRINGS * STRING_ROOM : pointer_draw((u8[3]){ b[2], b[1], 0 }, results);
	case SYSCALL_ARG_POINTER: case SYSCALL_ARG_IN: case SYSCALL_ARG_OUT: case SYSCALL_ARG_TIMESPEC: case SYSCALL_ARG_TIMEVAL: return pointer_draw(b, results);
	default: return number_draw(b, results);
	}
}

void
calls_record_random(u8 record[CALL_BYTES], u64 *seed)
{
	for (u32 i = 0; i < CALL_BYTES; i++)
		record[i] = (u8)program_random(seed, 256);
	u32 number = program_random(seed, SYSCALL_LIMIT);
	while (syscall_infos[number].name_len == 0)
		number = program_random(seed, SYSCALL_LIMIT);
	if (program_random(seed, 8) == 0)
		number = CALL_POKE;
	record[0] = (u8)number;
	record[1] = (u8)(number >> 8);
}

/* --- making the calls --- */

/** What a thread does between a call and the next: the way to user mode. => false: it ends */
static bool
go_on(struct thread *thread)
{
	for (u32 i = 0; i < 8; i++) {
		task_clear_interrupt();
		u32 work = atomic32_load(&thread->work);
		if ((work & THREAD_WORK_EXIT) != 0)
			return false;
		if ((work & THREAD_WORK_SIGNAL) == 0)
			return true;
		thread->user->regs.rsp = PROGRAM_AREA + AT_STACK;
		signal_deliver();
	}
	return true;
}

static void part_body(void);

static void
part_life(struct object *object)
{
	program_thread_life(object, part_body);
	__atomic_fetch_sub(&alive, 1, __ATOMIC_SEQ_CST);
	wake_all(&changed);
}

/** A process or a thread for `count` records from `at` on. Children take the parts in the order in which they start: which of them has which does not matter. */
static err_t
part_start(u64 flags, u32 at, u32 count, u64 *tid)
{
	u32 n = __atomic_load_n(&part_count, __ATOMIC_SEQ_CST);
	do {
		if (n > THREADS_MAX)
			return EAGAIN;
	} while (!__atomic_compare_exchange_n(&part_count, &n, n + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	parts[n].at = at;
	__atomic_store_n(&parts[n].end, at + count, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&alive, 1, __ATOMIC_SEQ_CST);
	err_t err = clone_with_body(flags, part_life, tid);
	if (err == OK)
		return OK;
	__atomic_store_n(&parts[n].end, 0, __ATOMIC_SEQ_CST);
	__atomic_fetch_sub(&alive, 1, __ATOMIC_SEQ_CST);
	return err;
}

static struct part *
part_take(struct thread *thread)
{
	for (u32 i = 0; i <= THREADS_MAX; i++) {
		struct thread *none = nullptr;
		if (__atomic_load_n(&parts[i].end, __ATOMIC_SEQ_CST) != 0 &&
		    __atomic_compare_exchange_n(&parts[i].thread, &none, thread, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return &parts[i];
	}
	return nullptr;
}

static void
poke(const u8 *record)
{
	u32 at = (record[2] | (u32)record[3] << 8) % (FILL - 16), len = 1 + record[4] % 15u;
	(void)!copy_out(program_at(at), (struct cbytes){ record + 5, len });
}

/** fork and its kin. => records that the new one has taken */
static u32
fork_one(const struct syscall_info *info, const u8 *record, u32 next, u32 end, u64 flags, struct results *results)
{
	enum : u64 { VM = 0x100, VFORK = 0x4000 };
	u32 count = MIN(1 + record[CALL_BYTES - 1] % 8u, end - next);
	u64 tid = 0;
	flags = named(info, "fork") ? SIGCHLD : named(info, "vfork") ? VM | VFORK | SIGCHLD : flags;
	if (count == 0 || part_start(flags, next, count, &tid) != OK)
		return 0;
	results->values[results->count++ % RESULTS] = tid;
	return count;
}

/** => records behind it that are not the caller's */
static u32
call_one(struct thread *thread, const u8 *record, u32 next, u32 end, struct results *results)
{
	static const char *const forks[] = { "fork", "vfork", "clone" }, *const execs[] = { "execve", "execveat" };
	u64 number = (record[0] | (u64)record[1] << 8) % SYSCALL_LIMIT, result = 0;
	const struct syscall_info *info = &syscall_infos[number];
	struct syscall_args args = {};
	err_t err = OK;
	if (info->name_len == 0 || any_of(info, skipped, COUNTOF(skipped)) || ((input[0] & CALLS_AS_NOBODY) == 0 && any_of(info, for_nobody, COUNTOF(for_nobody))))
		return 0;
	for (u32 i = 0; i < info->nargs; i++)
		args.arg[i] = argument_draw(record + 2 + 3 * i, &info->args[i], results);
	if (any_of(info, about_self, COUNTOF(about_self)))
		args.arg[named(info, "ptrace") ? 1 : 0] = thread->process->pid;
	__atomic_fetch_add(&made, 1, __ATOMIC_RELAXED);
	if (any_of(info, forks, COUNTOF(forks)))
		return fork_one(info, record, next, end, args.arg[0], results);
	thread->syscall = number;
	if (named(info, "rt_sigreturn"))
		thread->user->regs.rsp = PROGRAM_AREA + record[2] * 16;
	(void)syscall_dispatch(number, &args, &err, &result);
	thread->user->regs.rax = err == OK ? result : (u64)-(i64)err;
	if (err == OK && info->result != SYSCALL_RESULT_NONE)
		results->values[results->count++ % RESULTS] = result;
	/* A program would run now. */
	return err == OK && any_of(info, execs, COUNTOF(execs)) ? end : 0;
}

static void
part_body(void)
{
	struct thread *thread = thread_current();
	struct part *part = part_take(thread);
	struct results results = {};
	if (part == nullptr)
		return;
	u32 end = part->end;
	for (u32 at = part->at; at < end && go_on(thread);) {
		const u8 *record = input + CALLS_HEAD + at++ * CALL_BYTES;
		if ((record[0] | record[1] << 8) == CALL_POKE)
			poke(record);
		else
			at += call_one(thread, record, at, end, &results);
	}
	__atomic_store_n(&part->end, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&part->thread, nullptr, __ATOMIC_SEQ_CST);
}

/** The input's first process: who it is, by the head. */
static void
first_body(void)
{
	u64 unused = 0;
	if ((input[0] & CALLS_OWN_SESSION) != 0)
		(void)!sys_setsid(&unused);
	if ((input[0] & CALLS_AS_NOBODY) != 0) {
		EXPECT_EQ(sys_setgroups(0, UADDR(0)), OK);
		EXPECT_EQ(sys_setresgid(NOBODY, NOBODY, NOBODY), OK);
		EXPECT_EQ(sys_setresuid(NOBODY, NOBODY, NOBODY), OK);
	}
	part_body();
}

static void
first_life(struct object *object)
{
	program_thread_life(object, first_body);
	__atomic_fetch_sub(&alive, 1, __ATOMIC_SEQ_CST);
	wake_all(&changed);
}

/* --- its end --- */

/** Whether some thread of the input can go on by itself. A part's thread is alive until it takes itself out. */
static bool
busy(void)
{
	bool ready = false;
	RCU_SCOPE();
	for (u32 i = 0; i <= THREADS_MAX && !ready; i++) {
		struct thread *thread = __atomic_load_n(&parts[i].thread, __ATOMIC_SEQ_CST);
		ready = thread != nullptr && sched_is_ready(thread->sched);
	}
	return ready;
}

/** Waits until all have ended; those that sleep, all of them, and those that take long are killed. */
static void
input_end(void)
{
	u64 got = 0, late = clock_now() + PATIENCE_MS * NS_PER_MS, before = 0;
	for (u32 idle = 0; __atomic_load_n(&alive, __ATOMIC_SEQ_CST) != 0; before = __atomic_load_n(&made, __ATOMIC_RELAXED)) {
		(void)WAIT_UNTIL(&changed, __atomic_load_n(&alive, __ATOMIC_SEQ_CST) == 0, WAIT_PLAIN, clock_now() + LOOK_US * NS_PER_US);
		idle = busy() || __atomic_load_n(&made, __ATOMIC_RELAXED) != before ? 0 : idle + 1;
		if (idle > 2 || clock_now() > late)
			(void)!sys_kill(-1, SIGKILL);
	}
	(void)!sys_kill(-1, SIGKILL);
	task_clear_interrupt();
	while (sys_wait4(-1, UADDR(0), 0, UADDR(0), &got) != ECHILD)
		task_clear_interrupt();
}

/* --- what outlives processes --- */

/** Each message queue, set of semaphores and segment of System V. */
static void
sysv_remove(void)
{
	u64 id = 0, unused = 0, messages = 0, sems = 0, segments = 0;
	EXPECT_EQ(sys_msgctl(0, 12 /* MSG_INFO: the highest index */, program_at(0), &messages), OK);
	EXPECT_EQ(sys_semctl(0, 0, 19, program_at(0).raw, &sems), OK);
	EXPECT_EQ(sys_shmctl(0, 14, program_at(0), &segments), OK);
	for (u64 i = 0; i <= messages; i++)
		if (sys_msgctl((i32)i, 11 /* MSG_STAT: the id at an index */, program_at(0), &id) == OK)
			EXPECT_EQ(sys_msgctl((i32)id, 0, UADDR(0), &unused), OK);
	for (u64 i = 0; i <= sems; i++)
		if (sys_semctl((i32)i, 0, 18, program_at(0).raw, &id) == OK)
			EXPECT_EQ(sys_semctl((i32)id, 0, 0, 0, &unused), OK);
	for (u64 i = 0; i <= segments; i++)
		if (sys_shmctl((i32)i, 13, program_at(0), &id) == OK)
			EXPECT_EQ(sys_shmctl((i32)id, 0, UADDR(0), &unused), OK);
}

/** All message queues, whatever an input has named them: they are the files of their file system. */
static void
queues_remove(void)
{
	enum : u64 { ENTRIES = AT_STACK + 4096, ROOM = 4096, NAME = 19 };
	u64 fd = 0, len = 0;
	struct { u64 ino, next; u16 len; u8 type, name[5]; } entry;
	EXPECT_EQ(sys_open(program_text(AT_STACK, "/tmp/q"), 0200000 /* O_DIRECTORY */, 0, &fd), OK);
	do {
		EXPECT_EQ(sys_getdents64((i32)fd, program_at(ENTRIES), ROOM, &len), OK);
		for (u64 at = 0; at < len; at += entry.len) {
			program_get(ENTRIES + at, &entry, sizeof(entry));
			(void)!sys_mq_unlink(program_at(ENTRIES + at + NAME));
		}
	} while (len != 0);
	EXPECT_EQ(sys_close((i32)fd), OK);
}

static void
folder_make(void)
{
	enum : u32 { S_IFCHR = 0x2000, S_IFIFO = 0x1000, NULL_DEVICE = 0x103, ZERO_DEVICE = 0x105 };
	EXPECT_EQ(sys_mount(program_text(AT_STACK, "f"), program_text(AT_STACK + 64, "/tmp/f"), program_text(AT_STACK + 128, "tmpfs"), 0, UADDR(0)), OK);
	EXPECT_EQ(sys_chdir(program_at(AT_STACK + 64)), OK);
	EXPECT_EQ(sys_chmod(program_text(AT_STACK, "."), 0777), OK);
	(void)!sys_mknod(program_text(AT_STACK, "null"), S_IFCHR | 0666, NULL_DEVICE);
	(void)!sys_mknod(program_text(AT_STACK, "zero"), S_IFCHR | 0666, ZERO_DEVICE);
	(void)!sys_mknod(program_text(AT_STACK, "fifo"), S_IFIFO | 0666, 0);
	(void)!sys_mkdir(program_text(AT_STACK, "d"), 0777);
}

static void
folder_remove(void)
{
	EXPECT_EQ(sys_chdir(program_text(AT_STACK, "/")), OK);
	EXPECT_EQ(sys_umount2(program_text(AT_STACK, "/tmp/f"), FLAG_DETACH), OK);
}

/** What root may have done to names outside of its folder: `..` and /dev/ptmx are among the strings. */
static void
outside_mend(void)
{
	enum : u32 { S_IFCHR = 0x2000, PTMX = 0x502 };
	uaddr_t ptmx = program_text(AT_STACK, "/dev/ptmx"), tmp = program_text(AT_STACK + 64, "/tmp");
	(void)!sys_unlink(ptmx);
	(void)!sys_rmdir(ptmx);
	EXPECT_EQ(sys_mknod(ptmx, S_IFCHR | 0666, PTMX), OK);
	EXPECT_EQ(sys_chmod(ptmx, 0666), OK);
	EXPECT_EQ(sys_chown(tmp, 0, 0), OK);
	EXPECT_EQ(sys_chmod(tmp, 01777), OK);
	(void)!sys_removexattr(tmp, program_text(AT_STACK + 128, "user.x"));
}

static void
leftovers_remove(void)
{
	sysv_remove();
	outside_mend();
	queues_remove();
	folder_remove();
}

/* --- the whole --- */

static void
area_fill(u32 which)
{
	static u64 words[FILL / 8];
	u64 seed = which;
	if (fill == which)
		return;
	fill = which;
	for (u64 i = 0; i < COUNTOF(words); i++) {
		u32 kind = program_random(&seed, 4);
		words[i] = kind == 0 ? 0 : kind == 1 ? program_random(&seed, 32) : kind == 2 ? PROGRAM_AREA + program_random(&seed, FILL) : program_random(&seed, 1 << 16);
	}
	program_put(0, words, sizeof(words));
}

void
calls_start(void)
{
	made = 0;
	fill = ~0u;
	(void)!sys_mkdir(program_text(0, "/tmp/f"), 0777);
	(void)!sys_mkdir(program_text(0, "/tmp/q"), 0777);
	EXPECT_EQ(sys_mount(program_at(0), program_at(0), program_text(128, "mqueue"), 0, UADDR(0)), OK);
	for (u32 i = 0; i < STRINGS; i++)
		program_text(AT_STRINGS + i * STRING_ROOM, strings[i]);
}

u64
calls_run(const u8 *bytes, u32 len)
{
	u64 tid = 0, before = made;
	u32 records = len < CALLS_HEAD ? 0 : MIN((len - CALLS_HEAD) / CALL_BYTES, CALLS_MAX);
	if (records == 0)
		return 0;
	input = bytes;
	area_fill(bytes[1] % 4);
	folder_make();
	for (u32 i = 0; i <= THREADS_MAX; i++)
		parts[i] = (struct part){};
	parts[0].end = records;
	part_count = alive = 1;
	/* The input before may have had all memory: what it gives back may take until all readers are gone. */
	err_t err = clone_with_body(SIGCHLD, first_life, &tid);
	for (u64 late = clock_now() + 10 * NS_PER_SEC; err == ENOMEM && clock_now() < late; err = clone_with_body(SIGCHLD, first_life, &tid))
		rcu_synchronize();
	EXPECT_EQ(err, OK);
	input_end();
	leftovers_remove();
	return made - before;
}

void
calls_stop(void)
{
	EXPECT_EQ(sys_umount2(program_text(0, "/tmp/q"), FLAG_DETACH), OK);
	EXPECT_EQ(sys_rmdir(program_at(0)), OK);
	EXPECT_EQ(sys_rmdir(program_text(0, "/tmp/f")), OK);
}

u64
calls_option(struct cbytes key, u64 otherwise)
{
	u8 digits[12] = {};
	size_t len = 0;
	u64 value = 0;
	if (!boot_option(key, (struct bytes){ digits, sizeof(digits) }, &len))
		return otherwise;
	for (size_t i = 0; i < len && i < sizeof(digits) && digits[i] >= '0' && digits[i] <= '9'; i++)
		value = value * 10 + digits[i] - '0';
	return value;
}
