// SPDX-License-Identifier: MPL-2.0
/**
 * A process in numbers: stat, statm, status and their kin. Source: proc_pid_stat(5), proc_pid_status(5) …
 */
#include <cadre/time.h>

#include <sched_policy.h>
#include <signal.h>
#include <tty.h>

#include "proc_impl.h"

/** What several of the files tell. */
struct proc_facts {
	u8 name[16];
	u8 state;
	struct vm_usage usage; struct vm_layout layout; bool has_map;
	struct sched_params sched;
	struct signal_status signals;
	u64 user_ns, kernel_ns, minor, major;
	u32 threads;
	u64 affinity; struct sched_switches switches;
	u32 rank;                           /* its real-time priority, or a higher one that it is lent */
};

static u8
thread_state(struct process *process, struct thread *thread)
{
	if (atomic32_load(&process->zombie) != 0)
		return 'Z';
	if (atomic32_load(&thread->ended) != 0)
		return 'Z';
	if (signal_thread_stopped(thread))
		return 'T';
	return thread == thread_current_or_null() || (thread->sched != nullptr && sched_is_ready(thread->sched)) ? 'R' : 'S';
}

/** Whether a thread's own counts are part of what is shown: it is `thread`, or there is none and they are not in its process' yet. */
static bool
is_counted(const struct thread *each, const struct thread *thread)
{
	return thread != nullptr ? each == thread : atomic32_load_relaxed(&each->ended) == 0;
}

static void
facts_of_threads(struct process *process, struct thread *thread, bool whole, struct proc_facts *scoped facts)
{
	if (whole) {
		struct signal_times times = signal_process_times(process);
		facts->user_ns = times.user_ns;
		facts->kernel_ns = times.kernel_ns;
		facts->minor = atomic64_load_relaxed(&process->faults_minor);
		facts->major = atomic64_load_relaxed(&process->faults_major);
	} else {
		struct task_times times = task_times(thread->task);
		facts->user_ns = times.user_ns;
		facts->kernel_ns = times.kernel_ns;
	}
	SPIN_SCOPE(&process->lock);
	facts->threads = process->thread_count;
	LIST_FOR(thread_list, each, &process->threads) {
		if (!is_counted(each, whole ? nullptr : thread))
			continue;
		facts->minor += atomic64_load_relaxed(&each->faults_minor);
		facts->major += atomic64_load_relaxed(&each->faults_major);
	}
}

static void
facts_read(const struct text_node *node, struct process *process, struct thread *thread, struct proc_facts *scoped facts)
{
	REF_SCOPE(vm_map, map);
	thread_name_get(thread, BYTES_OF(facts->name));
	facts->state = thread_state(process, thread);
	map = proc_map(thread);
	facts->has_map = map != nullptr;
	if (map != nullptr)
		facts->usage = vm_map_usage(map), facts->layout = vm_map_layout(map);
	if (thread->sched != nullptr) {
		facts->sched = sched_params_get(thread->sched);
		facts->rank = sched_rank(thread->sched);
		facts->affinity = sched_affinity_get(thread->sched).bits;
		facts->switches = sched_switches_get(thread->sched);
	}
	facts->signals = signal_status(thread);
	facts_of_threads(process, thread, node->table == &process_table, facts);
}

static void
put(struct text *text, u64 value)
{
	text_put_char(text, ' ');
	text_put_number(text, value, 0);
}

static void
put_signed(struct text *text, i64 value)
{
	text_put_char(text, ' ');
	text_put_signed(text, value);
}

/** Linux' kernel priority, with what it is lent: 20 + nice, or below -1 in real time. */
static i64
priority_of(const struct proc_facts *scoped facts)
{
	return facts->rank != 0 ? -1 - (i64)facts->rank : 20 + facts->sched.nice;
}

static void
put_terminal(struct text *text, struct process *process)
{
	u32 major = 0, minor = 0;
	i32 foreground = -1;
	bool has = tty_of_process(process, &major, &minor, &foreground);
	put(text, has ? (minor & 0xff) | major << 8 | (minor & ~(u32)0xff) << 12 : 0);
	put_signed(text, has ? foreground : -1);
}

enum : u64 { TASK_FLAGS = 0x400000 };   /* PF_RANDOMIZE: "is a user process" to those who look */

static void
stat_identity(struct text *text, const struct text_node *node, struct process *process, const struct proc_facts *scoped facts)
{
	text_print(text, "{} (", node->id);
	text_put_string(text, CBYTES_OF(facts->name));
	text_print(text, ") {c}", facts->state);
	put(text, process_parent_id(process));
	put(text, process_group_id(process));
	put(text, session_id(process));
	put_terminal(text, process);
	put(text, TASK_FLAGS);
}

static void
stat_times(struct text *text, struct process *process, struct thread *thread, const struct proc_facts *scoped facts)
{
	put(text, facts->minor);
	put(text, atomic64_load_relaxed(&process->children_faults_minor));
	put(text, facts->major);
	put(text, atomic64_load_relaxed(&process->children_faults_major));
	put(text, ticks_of(facts->user_ns));
	put(text, ticks_of(facts->kernel_ns));
	put(text, ticks_of(atomic64_load_relaxed(&process->children_user_ns)));
	put(text, ticks_of(atomic64_load_relaxed(&process->children_kernel_ns)));
	put_signed(text, priority_of(facts));
	put_signed(text, facts->sched.nice);
	put(text, facts->threads);
	put(text, 0);
	put(text, ticks_of(thread->start_ns));
}

static void
stat_memory(struct text *text, struct thread *thread, bool may_look, const struct proc_facts *scoped facts)
{
	REF_SCOPE(vm_map, map);
	map = proc_map(thread);
	struct vm_layout layout = {};
	if (map != nullptr && may_look)
		layout = vm_map_layout(map);
	put(text, facts->usage.virtual);
	put(text, facts->usage.resident >> PAGE_SHIFT);
	put(text, atomic64_load_relaxed(&ELEM(thread->process->limits, RLIMIT_RSS)->soft));
	put(text, facts->has_map ? MAX(layout.code_start, (u64)1) : 0);
	put(text, facts->has_map ? MAX(layout.code_end, (u64)1) : 0);
	put(text, layout.stack_start);
	put(text, 0);
	put(text, 0);
}

static void
stat_layout(struct text *text, struct thread *thread, bool may_look)
{
	REF_SCOPE(vm_map, map);
	map = proc_map(thread);
	struct vm_layout layout = {};
	if (map != nullptr && may_look)
		layout = vm_map_layout(map);
	put(text, layout.data_start);
	put(text, layout.data_end);
	put(text, layout.brk_start);
	put(text, layout.arg_start);
	put(text, layout.arg_end);
	put(text, layout.env_start);
	put(text, layout.env_end);
}

static u32
exit_code_of(struct process *process)
{
	SPIN_SCOPE(&process->lock);
	return process->exit_code;
}

err_t
show_stat(struct text *text, struct text_node *node)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	struct proc_facts facts = {};
	TRY(proc_find(node, &process, &thread));
	facts_read(node, process, thread, &facts);
	bool may_look = proc_may_access(thread) == OK;
	stat_identity(text, node, process, &facts);
	stat_times(text, process, thread, &facts);
	stat_memory(text, thread, may_look, &facts);
	put(text, facts.signals.pending & 0x7fffffff);
	put(text, facts.signals.blocked & 0x7fffffff);
	put(text, facts.signals.ignored & 0x7fffffff);
	put(text, facts.signals.caught & 0x7fffffff);
	put(text, may_look && facts.state == 'S' ? 1 : 0);
	put(text, 0);
	put(text, 0);
	put(text, thread->process->exit_signal);
	put(text, task_cpu(thread->task));
	put(text, facts.sched.priority);
	put(text, facts.sched.class);
	put(text, 0);
	put(text, 0);
	put(text, 0);
	stat_layout(text, thread, may_look);
	put(text, may_look ? exit_code_of(process) : 0);
	text_put_char(text, '\n');
	return OK;
}

err_t
show_statm(struct text *text, struct text_node *node)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	REF_SCOPE(vm_map, map);
	struct vm_usage usage = {};
	struct proc_resident kinds = {};
	TRY(proc_find(node, &process, &thread));
	map = proc_map(thread);
	if (map != nullptr)
		usage = vm_map_usage(map), kinds = proc_resident(map, usage.resident);
	text_print(text, "{} {} {} {} 0 {} 0\n", usage.virtual >> PAGE_SHIFT, usage.resident >> PAGE_SHIFT, (kinds.file + kinds.shared) >> PAGE_SHIFT,
		usage.exec >> PAGE_SHIFT, (usage.data + usage.stack) >> PAGE_SHIFT);
	return OK;
}

/* --- status --- */

static void
put_names(struct text *text, const struct text_node *node, struct process *process, struct thread *thread, const struct proc_facts *scoped facts)
{
	REF_SCOPE(fs_context, fs);
	{
		SPIN_SCOPE(&thread->lock);
		fs = thread->fs;
		if (fs != nullptr)
			fs_context_get(fs);
	}
	text_put_bytes(text, TEXT("Name:\t"));
	text_put_string(text, CBYTES_OF(facts->name));
	if (fs != nullptr) {
		u32 umask = fs_context_umask(fs);
		text_print(text, "\nUmask:\t0{}{}{}", umask >> 6 & 7, umask >> 3 & 7, umask & 7);
	}
	text_print(text, "\nState:\t{c} ({})\n", facts->state, facts->state == 'R' ? TEXT("running") : facts->state == 'S' ? TEXT("sleeping") :
		facts->state == 'T' ? TEXT("stopped") : TEXT("zombie"));
	text_print(text, "Tgid:\t{}\nNgid:\t0\nPid:\t{}\nPPid:\t{}\nTracerPid:\t0\n", process->pid, node->id, process_parent_id(process));
}

static void
put_credentials(struct text *text, const struct cred *cred)
{
	text_print(text, "Uid:\t{}\t{}\t{}\t{}\n", cred->uid, cred->euid, cred->suid, cred->fsuid);
	text_print(text, "Gid:\t{}\t{}\t{}\t{}\n", cred->gid, cred->egid, cred->sgid, cred->fsgid);
}

static void
put_groups(struct text *text, const struct cred *cred)
{
	struct group_array *groups = cred->groups;
	text_put_bytes(text, TEXT("Groups:\t"));
	for (u32 i = 0; groups != nullptr && i < group_array_len(groups); i++)
		text_print(text, "{} ", groups->items[i]);
	text_put_char(text, '\n');
}

static u32
descriptor_table_size(struct thread *thread)
{
	struct fd_table *files = nullptr;
	{
		SPIN_SCOPE(&thread->lock);
		files = thread->files;
		if (files != nullptr)
			fd_table_ref(files);
	}
	if (files == nullptr)
		return 0;
	u32 size = fd_table_size(files);
	fd_table_unref(files);
	return size;
}

static void
put_kib(struct text *text, struct cbytes name, u64 bytes)
{
	text_put_bytes(text, name);
	text_put_number(text, bytes >> 10, 8);
	text_put_bytes(text, TEXT(" kB\n"));
}

static void
put_memory(struct text *text, const struct vm_usage *scoped usage, const struct vm_layout *scoped layout, const struct proc_resident *scoped kinds)
{
	u64 code = layout->code_start - layout->code_start % PAGE_SIZE, end = align_up(layout->code_end, PAGE_SIZE), own = MIN(end - MIN(code, end), usage->exec);
	put_kib(text, TEXT("VmPeak:\t"), usage->virtual_peak);
	put_kib(text, TEXT("VmSize:\t"), usage->virtual);
	put_kib(text, TEXT("VmLck:\t"), usage->locked);
	put_kib(text, TEXT("VmPin:\t"), 0);
	put_kib(text, TEXT("VmHWM:\t"), usage->resident_peak);
	put_kib(text, TEXT("VmRSS:\t"), usage->resident);
	put_kib(text, TEXT("RssAnon:\t"), kinds->anonymous);
	put_kib(text, TEXT("RssFile:\t"), kinds->file);
	put_kib(text, TEXT("RssShmem:\t"), kinds->shared);
	put_kib(text, TEXT("VmData:\t"), usage->data);
	put_kib(text, TEXT("VmStk:\t"), usage->stack);
	put_kib(text, TEXT("VmExe:\t"), own);
	put_kib(text, TEXT("VmLib:\t"), usage->exec - own);
	put_kib(text, TEXT("VmPTE:\t"), usage->page_tables);
	put_kib(text, TEXT("VmSwap:\t"), 0);
	put_kib(text, TEXT("HugetlbPages:\t"), 0);
	text_put_bytes(text, TEXT("CoreDumping:\t0\nTHP_enabled:\t0\n"));
}

static void
put_mask(struct text *text, struct cbytes name, u64 mask)
{
	text_put_bytes(text, name);
	text_put_hex(text, mask, 16);
	text_put_char(text, '\n');
}

static void
put_signals(struct text *text, struct process *process, const struct signal_status *scoped signals)
{
	text_print(text, "SigQ:\t{}/{}\n", signals->queued, atomic64_load_relaxed(&ELEM(process->limits, RLIMIT_SIGPENDING)->soft));
	put_mask(text, TEXT("SigPnd:\t"), signals->pending);
	put_mask(text, TEXT("ShdPnd:\t"), signals->shared_pending);
	put_mask(text, TEXT("SigBlk:\t"), signals->blocked);
	put_mask(text, TEXT("SigIgn:\t"), signals->ignored);
	put_mask(text, TEXT("SigCgt:\t"), signals->caught);
}

static void
put_capabilities(struct text *text, const struct cred *cred)
{
	put_mask(text, TEXT("CapInh:\t"), cred->cap_inheritable);
	put_mask(text, TEXT("CapPrm:\t"), cred->cap_permitted);
	put_mask(text, TEXT("CapEff:\t"), cred->cap_effective);
	put_mask(text, TEXT("CapBnd:\t"), cred->cap_bounding);
	put_mask(text, TEXT("CapAmb:\t"), cred->cap_ambient);
}

void
put_cpu_list(struct text *text, u64 bits)
{
	bool first = true;
	for (u32 cpu = 0; cpu < CPU_MAX; cpu++) {
		u32 last = cpu;
		if ((bits >> cpu & 1) == 0)
			continue;
		while (last + 1 < CPU_MAX && (bits >> (last + 1) & 1) != 0)
			last++;
		if (!first)
			text_put_char(text, ',');
		text_put_number(text, cpu, 0);
		if (last > cpu) {
			text_put_char(text, '-');
			text_put_number(text, last, 0);
		}
		first = false;
		cpu = last;
	}
}

static void
put_placement(struct text *text, const struct proc_facts *scoped facts)
{
	u64 present = cpu_count() < 64 ? ((u64)1 << cpu_count()) - 1 : ~(u64)0, allowed = facts->affinity & present;
	text_put_bytes(text, TEXT("Cpus_allowed:\t"));
	text_put_hex(text, allowed, (cpu_count() + 3) / 4);
	text_put_bytes(text, TEXT("\nCpus_allowed_list:\t"));
	put_cpu_list(text, allowed);
	text_print(text, "\nMems_allowed:\t1\nMems_allowed_list:\t0\nvoluntary_ctxt_switches:\t{}\nnonvoluntary_ctxt_switches:\t{}\n",
		facts->switches.voluntary, facts->switches.involuntary);
}

err_t
show_status(struct text *text, struct text_node *node)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	REF_SCOPE(cred, cred);
	REF_SCOPE(vm_map, map);
	struct proc_facts facts = {};
	TRY(proc_find(node, &process, &thread));
	facts_read(node, process, thread, &facts);
	cred = thread_cred_get(thread);
	if (cred == nullptr)
		return ESRCH;
	put_names(text, node, process, thread, &facts);
	put_credentials(text, cred);
	text_print(text, "FDSize:\t{}\n", descriptor_table_size(thread));
	put_groups(text, cred);
	text_print(text, "NStgid:\t{}\nNSpid:\t{}\nNSpgid:\t{}\nNSsid:\t{}\n", process->pid, node->id, process_group_id(process), session_id(process));
	map = proc_map(thread);
	if (map != nullptr) {
		struct proc_resident kinds = proc_resident(map, facts.usage.resident);
		put_memory(text, &facts.usage, &facts.layout, &kinds);
	}
	text_print(text, "Threads:\t{}\n", MAX(facts.threads, (u32)1));
	put_signals(text, process, &facts.signals);
	put_capabilities(text, cred);
	text_print(text, "NoNewPrivs:\t{}\nSeccomp:\t0\nSeccomp_filters:\t0\n", atomic32_load_relaxed(&process->no_new_privs));
	put_placement(text, &facts);
	return OK;
}

/* --- others --- */

err_t
show_sched(struct text *text, struct text_node *node)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	struct proc_facts facts = {};
	TRY(proc_find(node, &process, &thread));
	facts_read(node, process, thread, &facts);
	text_put_string(text, CBYTES_OF(facts.name));
	text_print(text, " ({}, #threads: {})\n-------------------------------------------------------------------\n", node->id, facts.threads);
	struct task_times times = task_times(thread->task);
	u64 ns = times.user_ns + times.kernel_ns;
	text_print(text, "se.sum_exec_runtime                          : {}.{}\n", ns / NS_PER_MS, ns % NS_PER_MS);
	text_print(text, "nr_switches                                  : {}\n", facts.switches.voluntary + facts.switches.involuntary);
	text_print(text, "nr_voluntary_switches                        : {}\n", facts.switches.voluntary);
	text_print(text, "nr_involuntary_switches                      : {}\n", facts.switches.involuntary);
	text_print(text, "policy                                       : {}\n", (u32)facts.sched.class);
	text_print(text, "prio                                         : {}\n", priority_of(&facts) + 100);
	return OK;
}

err_t
show_schedstat(struct text *text, struct text_node *node)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	TRY(proc_find(node, &process, &thread));
	struct task_times times = task_times(thread->task);
	struct sched_switches switches = thread->sched != nullptr ? sched_switches_get(thread->sched) : (struct sched_switches){};
	text_print(text, "{} 0 {}\n", times.user_ns + times.kernel_ns, switches.voluntary + switches.involuntary);
	return OK;
}

err_t
show_io(struct text *text, struct text_node *node)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	struct io_counts io = {};
	TRY(proc_find(node, &process, &thread));
	{
		SPIN_SCOPE(&process->lock);
		if (node_is_process(node))
			io_counts_add(&io, &process->io);
		LIST_FOR(thread_list, each, &process->threads)
			if (is_counted(each, node_is_process(node) ? nullptr : thread))
				io_counts_add(&io, &each->io);
	}
	/* No file lies on a disk. */
	text_print(text, "rchar: {}\nwchar: {}\nsyscr: {}\nsyscw: {}\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n", atomic64_load_relaxed(&io.read_bytes),
		atomic64_load_relaxed(&io.written_bytes), atomic64_load_relaxed(&io.reads), atomic64_load_relaxed(&io.writes));
	return OK;
}

static void
put_limit(struct text *text, u64 value)
{
	u64 start = text->len;
	if (value == RLIM_INFINITY)
		text_put_bytes(text, TEXT("unlimited"));
	else
		text_put_number(text, value, 0);
	text_fill(text, ' ', (u32)(21 - MIN(text->len - start, (u64)20)));
}

err_t
show_limits(struct text *text, struct text_node *node)
{
	static const struct { u8 name[28], unit[12]; } limits[RLIMIT_COUNT] = {
		{ "Max cpu time", "seconds" }, { "Max file size", "bytes" }, { "Max data size", "bytes" }, { "Max stack size", "bytes" },
		{ "Max core file size", "bytes" }, { "Max resident set", "bytes" }, { "Max processes", "processes" }, { "Max open files", "files" },
		{ "Max locked memory", "bytes" }, { "Max address space", "bytes" }, { "Max file locks", "locks" }, { "Max pending signals", "signals" },
		{ "Max msgqueue size", "bytes" }, { "Max nice priority", "" }, { "Max realtime priority", "" }, { "Max realtime timeout", "us" },
	};
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	TRY(proc_find(node, &process, &thread));
	text_put_bytes(text, TEXT("Limit                     Soft Limit           Hard Limit           Units     \n"));
	for (u32 i = 0; i < RLIMIT_COUNT; i++) {
		u64 start = text->len;
		text_put_string(text, CBYTES_OF(limits[i].name));
		text_fill(text, ' ', (u32)(26 - MIN(text->len - start, (u64)25)));
		put_limit(text, atomic64_load_relaxed(&ELEM(process->limits, i)->soft));
		put_limit(text, atomic64_load_relaxed(&ELEM(process->limits, i)->hard));
		start = text->len;
		text_put_string(text, CBYTES_OF(limits[i].unit));
		text_fill(text, ' ', (u32)(10 - (text->len - start)));
		text_put_char(text, '\n');
	}
	return OK;
}

err_t
show_wchan(struct text *text, struct text_node *node)
{
	(void)node;
	text_put_char(text, '0');
	return OK;
}

/** Where a thread stands; its registers only while it is in a system call. */
err_t
show_syscall(struct text *text, struct text_node *node)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	TRY(proc_find(node, &process, &thread));
	u64 number = thread->syscall;
	if (thread->user == nullptr || (thread->sched != nullptr && sched_is_ready(thread->sched) && thread != thread_current_or_null())) {
		text_put_bytes(text, TEXT("running\n"));
		return OK;
	}
	const struct user_regs *regs = &thread->user->regs;
	text_put_signed(text, number == ~(u64)0 ? -1 : (i64)number);
	if (number != ~(u64)0)
		text_print(text, " {x} {x} {x} {x} {x} {x}", regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9);
	text_print(text, " {x} {x}\n", regs->rsp, regs->rip);
	return OK;
}

err_t
show_personality(struct text *text, struct text_node *node)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	TRY(proc_find(node, &process, &thread));
	text_put_hex(text, atomic32_load_relaxed(&process->personality), 8);
	text_put_char(text, '\n');
	return OK;
}
