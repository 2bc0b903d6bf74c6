// SPDX-License-Identifier: MPL-2.0
/**
 * The first process: made from nothing, it opens the console and executes what the kernel's command line names.
 *
 * Source: Linux' init/main.c as kernel-parameters(7) has it: words that the kernel does not know go to init, with `=` to its environment.
 */
#include "process_impl.h"

#include <cadre/boot.h>
#include <cadre/time.h>

enum : u32 { CMDLINE_MAX = 4096, PATH_TEXT = 256, DEFAULT_NOFILE = 1024, HARD_NOFILE = 4096, STACK_LIMIT = 8 << 20 };

/** What services above this one own of threads and processes as objects. */
static void
process_thread_free(struct thread *thread)
{
	if (thread->signal != nullptr)
		signal_thread_put(thread->signal);
}

static void
process_process_free(struct process *process)
{
	pidfd_process_free(process);
	if (process->signal != nullptr)
		signal_process_put(process->signal);
}

static const struct thread_watch process_watch = { .thread_free = process_thread_free, .process_free = process_process_free };

err_t
process_start(void)
{
	thread_watch_register(&process_watch);
	u64 most = memory_stat().total / 32;
	atomic32_store(&thread_max, (u32)MIN(most, (u64)PID_MAX_LIMIT));
	atomic32_store(&pid_max, PID_MAX_DEFAULT);
	return OK;
}

/* --- the first process' strings --- */

/** The words of the kernel's own, by their key; all others are init's. */
static const struct { u8 len; u8 text[15]; } kernel_words[] = {
	{ 3, "log" }, { 4, "init" }, { 5, "rdinit" }, { 7, "console" }, { 5, "quiet" }, { 8, "loglevel" }, { 5, "trace" }, { 5, "debug" },
	{ 4, "root" }, { 2, "ro" }, { 2, "rw" }, { 5, "panic" }, { 10, "norandmaps" }, { 6, "rdinit" }, { 8, "earlycon" }, { 11, "earlyprintk" },
	{ 6, "reboot" }, { 7, "nokaslr" }, { 10, "rootfstype" }, { 9, "rootflags" }, { 3, "tsc" }, { 7, "maxcpus" }, { 4, "acpi" }, { 4, "test" },
};

static bool
word_is_kernels(struct cbytes key)
{
	for (u32 i = 0; i < COUNTOF(kernel_words); i++) {
		if (cbytes_equal(key, cbytes_sub(CBYTES_OF(kernel_words[i].text), 0, kernel_words[i].len)))
			return true;
	}
	/* A word with a dot is a module's. */
	for (size_t i = 0; i < cbytes_len(key); i++) {
		if (cbytes_get(key, i) == '.')
			return true;
	}
	return false;
}

static size_t
find_byte(struct cbytes text, u8 byte)
{
	size_t i = 0;
	while (i < cbytes_len(text) && cbytes_get(text, i) != byte)
		i++;
	return i;
}

/** Adds the command line's words of one kind: with `=` (environment) or without (arguments). Behind "--" all are arguments. */
static err_t
words_add(struct exec_strings *scoped strings, struct cbytes line, bool settings, u32 *scoped count)
{
	bool rest = false;
	for (size_t at = 0; at < cbytes_len(line);) {
		struct cbytes tail = cbytes_from(line, at);
		struct cbytes word = cbytes_sub(tail, 0, find_byte(tail, ' '));
		at += cbytes_len(word) + 1;
		if (cbytes_len(word) == 0)
			continue;
		size_t key = find_byte(word, '=');
		bool setting = !rest && key < cbytes_len(word);
		bool dashes = !rest && cbytes_equal(word, TEXT("--"));
		rest = rest || dashes;
		if (dashes || setting != settings || (!rest && word_is_kernels(cbytes_sub(word, 0, key))))
			continue;
		TRY(exec_strings_add(strings, word));
		*count += 1;
	}
	return OK;
}

static err_t
init_strings(struct exec_strings *scoped strings, struct cbytes path, struct cbytes line)
{
	TRY(exec_strings_add(strings, path));
	strings->argc = 1;
	TRY(words_add(strings, line, false, &strings->argc));
	TRY(exec_strings_add(strings, TEXT("HOME=/")));
	TRY(exec_strings_add(strings, TEXT("TERM=linux")));
	strings->envc = 2;
	return words_add(strings, line, true, &strings->envc);
}

/* --- executing it --- */

static err_t
init_try(struct cbytes path)
{
	struct exec_strings strings = {};
	REF_SCOPE(byte_array, line);
	line = byte_array_alloc(CMDLINE_MAX);
	if (line == nullptr)
		return ENOMEM;
	size_t len = boot_cmdline(byte_array_bytes(line));
	err_t err = init_strings(&strings, path, bytes_const(bytes_sub(byte_array_bytes(line), 0, MIN(len, (size_t)CMDLINE_MAX))));
	if (err == OK)
		err = exec_kernel(path, &strings);
	if (strings.text != nullptr)
		byte_array_put(strings.text);
	if (err != OK && err != ENOENT)
		log_warn("init: {} cannot be executed: error {}", path, (u32)err);
	return err;
}

static bool
init_try_option(struct cbytes key)
{
	u8 text[PATH_TEXT] = {};
	size_t len = 0;
	if (!boot_option(key, BYTES_OF(text), &len) || len == 0 || len > sizeof(text))
		return false;
	if (init_try(cbytes_sub(CBYTES_OF(text), 0, len)) == OK)
		return true;
	log_error("init: {} was asked for and cannot be executed", cbytes_sub(CBYTES_OF(text), 0, len));
	return false;
}

static bool
init_exec(void)
{
	return init_try_option(TEXT("rdinit")) || init_try_option(TEXT("init")) || init_try(TEXT("/init")) == OK || init_try(TEXT("/sbin/init")) == OK ||
	       init_try(TEXT("/etc/init")) == OK || init_try(TEXT("/bin/init")) == OK || init_try(TEXT("/bin/sh")) == OK;
}

/** Descriptors 0, 1, 2: the console, where there is one. */
static void
init_open_console(void)
{
	REF_SCOPE(file, console);
	err_t err = file_open(TEXT("/dev/console"), O_RDWR, 0, &console);
	if (err != OK) {
		log_warn("init: there is no /dev/console: error {}", (u32)err);
		return;
	}
	for (i32 fd = 0; fd < 3; fd++)
		(void)!fd_install(console, 0, false, &fd);
}

static void
init_body(struct object *object)
{
	init_open_console();
	if (!init_exec()) {
		log_error("init: no program could be executed (init=, /init, /sbin/init, /etc/init, /bin/init, /bin/sh)");
		power_off(1);
	}
	thread_body(object);
}

/* --- making it --- */

static const struct { enum rlimit_kind kind; u64 soft, hard; } init_limits[] = {
	{ RLIMIT_STACK, STACK_LIMIT, RLIM_INFINITY }, { RLIMIT_CORE, 0, RLIM_INFINITY }, { RLIMIT_NOFILE, DEFAULT_NOFILE, HARD_NOFILE },
	{ RLIMIT_MEMLOCK, 8 << 20, 8 << 20 }, { RLIMIT_MSGQUEUE, 819200, 819200 }, { RLIMIT_NICE, 0, 0 }, { RLIMIT_RTPRIO, 0, 0 },
};

static void
init_set_limits(struct process *process)
{
	u64 threads = atomic32_load_relaxed(&thread_max) / 2;
	for (u32 i = 0; i < RLIMIT_COUNT; i++) {
		atomic64_store_relaxed(&ELEM(process->limits, i)->soft, RLIM_INFINITY);
		atomic64_store_relaxed(&ELEM(process->limits, i)->hard, RLIM_INFINITY);
	}
	for (u32 i = 0; i < COUNTOF(init_limits); i++) {
		struct rlimit *limit = ELEM(process->limits, init_limits[i].kind);
		atomic64_store_relaxed(&limit->soft, init_limits[i].soft);
		atomic64_store_relaxed(&limit->hard, init_limits[i].hard);
	}
	static const enum rlimit_kind by_threads[] = { RLIMIT_NPROC, RLIMIT_SIGPENDING };
	for (u32 i = 0; i < COUNTOF(by_threads); i++) {
		atomic64_store_relaxed(&ELEM(process->limits, by_threads[i])->soft, threads);
		atomic64_store_relaxed(&ELEM(process->limits, by_threads[i])->hard, threads);
	}
}

static err_t
init_process_fill(struct process *process)
{
	process->children = process_children_alloc();
	if (process->children == nullptr)
		return ENOMEM;
	TRY(signal_process_create(nullptr, false, &process->signal));
	init_set_limits(process);
	atomic32_store(&process->dumpable, 1);
	process->start_ns = clock_now();
	return OK;
}

static err_t
init_thread_fill(struct thread *thread)
{
	struct fd_table *files = nullptr;
	struct fs_context *fs = nullptr;
	u8 trace[4] = {};
	size_t len = 0;
	thread->process = process_alloc();
	if (thread->process == nullptr)
		return ENOMEM;
	TRY(init_process_fill(thread->process));
	thread->cred = cred_current_get();
	(void)atomic64_add(&thread->cred->user->threads, 1);
	TRY(signal_thread_create(nullptr, &thread->signal));
	TRY(user_context_create(&thread->user));
	TRY(fd_table_create(&files));
	TRY(fs_context_create(&fs));
	thread_name_set(thread, TEXT("init"));
	thread->timer_slack_ns = 50 * NS_PER_US;
	thread->timer_slack_default_ns = 50 * NS_PER_US;
	thread->start_ns = clock_now();
	thread->syscall = ~(u64)0;
	if (boot_option(TEXT("trace"), BYTES_OF(trace), &len))
		atomic32_store(&thread->work, THREAD_WORK_TRACE);
	SPIN_SCOPE(&thread->lock);
	thread->files = files;
	thread->fs = fs;
	return OK;
}

static err_t
init_enter(struct thread *thread)
{
	struct process *process = thread->process;
	struct pid_entry *entry = nullptr;
	struct process_group *group = nullptr;
	SPIN_SCOPE(&pid_lock);
	SPIN_SCOPE(&process->lock);
	TRY(pid_reserve_at(1, &entry));
	atomic32_store(&pid_last, 1);
	atomic32_store(&thread->tid, 1);
	process->pid = 1;
	process->thread_count = 1;
	process->leader = thread;
	thread_list_push_back(&process->threads, thread);
	TRY(session_create(1, &group));
	process_group_enter(process, group);
	process_group_put(group);
	pid_publish_process(entry, process);
	signal_thread_start(thread);
	pid_publish_thread(entry, thread);
	return OK;
}

err_t
process_make_first(task_fn *body)
{
	struct thread *thread = thread_alloc();
	if (thread == nullptr)
		return ENOMEM;
	TRY(init_thread_fill(thread));
	TRY(task_create(body, thread_object(thread), TEXT("init"), &thread->task));
	TRY(task_set_owner(thread->task, thread_object(thread)));
	TRY(thread_watch_fork(thread, nullptr, 0));
	TRY(init_enter(thread));
	return task_start(thread->task);
}

void
process_run_init(void)
{
	err_t err = process_make_first(init_body);
	if (err == OK)
		return;
	log_error("init: the first process could not be made: error {}", (u32)err);
	power_off(1);
}
