// SPDX-License-Identifier: MPL-2.0
/**
 * Fuzzing in the kernel's own process: bytes become system calls, made straight through the table, by a process with threads and children.
 *
 * No program runs and no stub is needed: the calls are made by the tasks themselves, and their memory is reached as any program's. Under the
 * sanitizers, and in QEMU. Only with `calls=SECONDS` on the command line (suite `calls`); `seed=N`: other bytes.
 * An input is a byte for the call's number and some for each argument, by its type in syscalls.tbl; so most calls are nearly right.
 */
#include "program.h"

#include <process_impl.h>
#include <syscall.h>
#include <syscall_table.h>

#include <cadre/boot.h>

enum : u32 { INPUT_MAX = 400, CALLS_MAX = 40, THREADS_MAX = 2, PATIENCE_MS = 20, FLAG_DETACH = 2, FILL = 16384, STRING_ROOM = 64, STRINGS = 16, CACHES = 32 };
enum : u64 { AT_STRINGS = 65536, AT_STACK = 262144 };
enum op : u8 { OP_THREAD = 0xff, OP_CHILD = 0xfe };

static u8 input[INPUT_MAX];      /* [const] while its process runs */
static u32 input_len;
static u32 starts, spawned;      /* [atomic] where the next thread reads from; how many there are */
static u64 made;                 /* [atomic] calls */

/* Calls that would end the test or the machine, or change it for what comes behind; processes are made by the fixture. */
static const char *const skipped[] = {
	"reboot", "fork", "vfork", "clone", "clone3", "execve", "execveat", "exit", "exit_group", "rt_sigreturn", "mount", "umount2", "pivot_root",
	"move_mount", "settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "chroot", "setrlimit", "prlimit64", "syslog", "sethostname", "setdomainname",
	"sync", "vhangup", "kexec_load", "acct", "swapon", "swapoff", "process_vm_writev", "setpriority", "pidfd_getfd", "pidfd_open", "fsmount", "open_tree", "mount_setattr",
};
static const char *const signalling[] = { "kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "sched_setscheduler", "sched_setparam", "sched_setattr", "setpgid" };
static const char *const strings[STRINGS] = {
	"a", "b", "c", "a/d", "d/a", "../f/a", ".", "..", "/tmp/f/b", "/proc/self/maps", "/proc/self/fd/0", "/dev/null", "/dev/ptmx", "user.x", "", "/dev/zero",
};

struct cursor { u32 at; };

static u8
take(struct cursor *cursor)
{
	return cursor->at < input_len ? input[cursor->at++] : 0;
}

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

/** Small numbers, mostly; and those at the ends of ranges. */
static u64
number_draw(struct cursor *cursor)
{
	static const u64 ends[] = { ~(u64)0, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff, (u64)1 << 63, 4096, 4095, 65536, 1 << 20, (u64)1 << 32, (u64)1 << 40, 0x7ffff000, 100, 256, 1000 };
	u8 byte = take(cursor);
	if (byte < 160)
		return byte % 20;
	return byte < 224 ? ends[byte % COUNTOF(ends)] : byte < 240 ? (u64)take(cursor) << 12 : take(cursor) | (u64)take(cursor) << 8;
}

static u64
pointer_draw(struct cursor *cursor)
{
	u8 byte = take(cursor);
	if (byte < 10)
		return 0;
	if (byte < 16)
		return byte < 13 ? 0x7fffffffefff : ~(u64)0 - byte;
	return byte < 24 ? PROGRAM_AREA + PROGRAM_AREA_LEN - byte : PROGRAM_AREA + (u64)(byte - 24) * 64;
}

static u64
names_draw(struct cursor *cursor, u8 names)
{
	const struct syscall_name_set *set = &syscall_name_sets[names % SYSCALL_NAME_SETS];
	u64 bits = 0;
	for (u32 n = 1 + take(cursor) % 3; n != 0 && set->count != 0; n--) {
		u64 one = syscall_names[set->first + take(cursor) % set->count].value;
		bits = set->bits ? bits | one : one;
	}
	return take(cursor) == 255 ? number_draw(cursor) : bits;
}

static u64
argument_draw(struct cursor *cursor, const struct syscall_arg *arg)
{
	switch (arg->kind) {
	case SYSCALL_ARG_NAMES: return names_draw(cursor, arg->names);
	case SYSCALL_ARG_DIRFD: return take(cursor) < 160 ? (u64)-100 : number_draw(cursor);
	case SYSCALL_ARG_STRING: return take(cursor) < 240 ? PROGRAM_AREA + AT_STRINGS + take(cursor) % STRINGS * STRING_ROOM : pointer_draw(cursor);
	case SYSCALL_ARG_POINTER: case SYSCALL_ARG_IN: case SYSCALL_ARG_OUT: case SYSCALL_ARG_TIMESPEC: case SYSCALL_ARG_TIMEVAL: return pointer_draw(cursor);
	default: return number_draw(cursor);
	}
}

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

static void
call_one(struct cursor *cursor, struct thread *thread, u64 number)
{
	struct syscall_args args = {};
	const struct syscall_info *info = &syscall_infos[number];
	u64 result = 0;
	err_t err = OK;
	if (info->name_len == 0 || any_of(info, skipped, COUNTOF(skipped)))
		return;
	for (u32 i = 0; i < info->nargs; i++)
		args.arg[i] = argument_draw(cursor, &info->args[i]);
	if (any_of(info, signalling, COUNTOF(signalling)))
		args.arg[0] = thread->process->pid;
	thread->syscall = number;
	(void)syscall_dispatch(number, &args, &err, &result);
	thread->user->regs.rax = err == OK ? result : (u64)-(i64)err;
	__atomic_fetch_add(&made, 1, __ATOMIC_RELAXED);
}

static void
calls_body(void)
{
	struct thread *thread = thread_current();
	struct cursor cursor = { __atomic_load_n(&starts, __ATOMIC_SEQ_CST) };
	for (u32 i = 0; i < CALLS_MAX && cursor.at < input_len && go_on(thread); i++) {
		u8 op = take(&cursor);
		bool more = op >= OP_CHILD && __atomic_fetch_add(&spawned, 1, __ATOMIC_SEQ_CST) < THREADS_MAX;
		if (more)
			__atomic_store_n(&starts, cursor.at, __ATOMIC_SEQ_CST);
		u64 pid = 0;
		if (more && op == OP_THREAD)
			(void)!program_thread_try(calls_body);
		else if (more && op == OP_CHILD)
			(void)!program_fork_try(calls_body, &pid);
		if (op < OP_CHILD)
			call_one(&cursor, thread, (op | (u64)(take(&cursor) & 1) << 8) % SYSCALL_LIMIT);
	}
}

/** Waits until all children are gone; those that take long are killed, and what they have left. */
static void
children_end(void)
{
	u64 got = 0, end = clock_now() + PATIENCE_MS * NS_PER_MS, patience = clock_now() + 60 * NS_PER_SEC;
	while (sys_wait4(-1, UADDR(0), 1 /* WNOHANG */, UADDR(0), &got) == OK && clock_now() < patience) {
		if (clock_now() > end)
			(void)!sys_kill(-1, SIGKILL);
		(void)task_sleep_until(clock_now() + 100 * NS_PER_US, false);
	}
	EXPECT(clock_now() < patience);
	(void)!sys_kill(-1, SIGKILL);
	task_clear_interrupt();
	program_join();
}

static void
input_run(void)
{
	starts = spawned = 0;
	(void)program_fork(calls_body);
	children_end();
}

/** What outlives processes: System V's objects, message queues, the file system that they had. */
static void
leftovers_remove(void)
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
	for (u32 i = 0; i < STRINGS; i++)
		(void)!sys_mq_unlink(program_at(AT_STRINGS + i * STRING_ROOM));
	EXPECT_EQ(sys_chdir(program_text(0, "/")), OK);
	EXPECT_EQ(sys_umount2(program_text(0, "/tmp/f"), FLAG_DETACH), OK);
	EXPECT_EQ(sys_rmdir(program_at(0)), OK);
}

static void
area_fill(u64 *seed)
{
	for (u64 at = 0; at < FILL; at += 8) {
		u32 kind = program_random(seed, 4);
		u64 word = kind == 0 ? 0 : kind == 1 ? program_random(seed, 32) : kind == 2 ? PROGRAM_AREA + program_random(seed, FILL) : program_random(seed, 1 << 16);
		program_put(at, &word, 8);
	}
	for (u32 i = 0; i < STRINGS; i++)
		program_text(AT_STRINGS + i * STRING_ROOM, strings[i]);
}

static u64
option_number(struct cbytes key, u64 otherwise)
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

PROGRAM_TEST(random_system_calls_neither_trap_nor_leak)
{
	u64 seed = option_number(TEXT("seed"), 1), begun = clock_now(), seconds_asked = option_number(TEXT("calls"), 0), inputs = 0;
	u64 end = begun + seconds_asked * NS_PER_SEC;
	if (seconds_asked == 0) {
		test_skip("only with calls=SECONDS");
		return;
	}
	u64 traps = contain_count();
	made = 0;
	test_leaves(CACHES);
	(void)!sys_mkdir(program_text(0, "/tmp/f"), 0777);
	EXPECT_EQ(sys_mount(program_text(64, "f"), program_at(0), program_text(128, "tmpfs"), 0, UADDR(0)), OK);
	EXPECT_EQ(sys_chdir(program_at(0)), OK);
	for (; clock_now() < end; inputs++) {
		u64 at = seed;
		area_fill(&seed);
		input_len = 1 + program_random(&seed, INPUT_MAX);
		for (u32 i = 0; i < input_len; i++)
			input[i] = (u8)program_random(&seed, 256);
		input_run();
		if (contain_count() == traps)
			continue;
		log_error("a trap: again with seed={}", at);
		test_fail(__FILE__, __LINE__, "a system call trapped", at, 0);
		break;
	}
	leftovers_remove();
	u64 seconds = MAX((clock_now() - begun) / NS_PER_SEC, (u64)1);
	log_info("{} inputs, {} calls, {} a second", inputs, made, made / seconds);
}
