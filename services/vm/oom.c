// SPDX-License-Identifier: MPL-2.0
/**
 * When memory runs out: the process that has the most of it is killed, and those who need some wait for what it leaves.
 *
 * The framework has given back all that it and the heaps could spare before frame_alloc fails, and nothing can be written out: all that is
 * left is in use. One victim at a time, the next one if it does not end in time; who waits in vain gets ENOMEM, so that no lock held
 * meanwhile stops the victim for ever.
 * Source: oom_score_adj in proc(5).
 */
#include <vm_impl.h>

#include <cadre/time.h>

#include <session.h>

enum : u64 { OOM_PATIENCE_NS = 2 * NS_PER_SEC, OOM_STEP_NS = NS_PER_MS, OOM_STEP_MAX_NS = 64 * NS_PER_MS, OOM_ENOUGH_FRAMES = 512 };   /* more than what the CPUs keep to themselves */
enum : u32 { OOM_VICTIMS = 8, OOM_SETTLE_STEPS = 8 };
enum : i32 { OOM_NEVER = -1000 };

static vm_oom_kill_fn *oom_kill;          /* [const] after boot */
static vm_oom_killed_fn *oom_killed;      /* [const] after boot */
static struct mutex oom_lock;
static u32 victims[OOM_VICTIMS] GUARDED_BY(&oom_lock);  /* the latest, by pid; 0: has gone */
static u32 victims_chosen GUARDED_BY(&oom_lock);
static u64 victim_end_ns GUARDED_BY(&oom_lock);         /* when the latest has had its time */
static struct atomic64 oom_kills;

void
vm_on_oom(vm_oom_kill_fn *kill, vm_oom_killed_fn *killed)
{
	oom_killed = killed;
	oom_kill = kill;
}

u64
vm_oom_kills(void)
{
	return atomic64_load_relaxed(&oom_kills);
}

/** Resident pages, moved by oom_score_adj thousandths of all memory. => 0: not to be killed */
static u64
process_badness(struct process *process, u64 total)
{
	REF_SCOPE(vm_map, map);
	i32 adjust = (i32)atomic32_load(&process->oom_score_adj);
	map = vm_map_of_process(process);
	if (map == nullptr || adjust == OOM_NEVER || process->pid == 1 || atomic32_load(&process->exiting) != 0)
		return 0;
	i64 points = (i64)vm_space_frames(map->space) + (i64)total / 1000 * adjust;
	return points > 1 ? (u64)points : 1;
}

u64
vm_oom_score(struct process *process)
{
	u64 total = memory_stat().total;
	return MIN(process_badness(process, total) * 1000 / total, (u64)2000);
}

static bool
is_victim(u32 pid) MUST_HOLD(&oom_lock)
{
	for (u32 i = 0; i < OOM_VICTIMS; i++)
		if (victims[i] == pid)
			return true;
	return false;
}

/** The running process, with a reference; null: there is none, or it is not to be killed. */
static struct process *
victim_current(u64 total, u64 *scoped pages) MUST_HOLD(&oom_lock)
{
	struct process *process = thread_current_or_null() != nullptr ? process_current() : nullptr;
	u64 badness = process != nullptr ? process_badness(process, total) : 0;
	if (badness == 0 || is_victim(process->pid))
		return nullptr;
	*pages = badness;
	process_get(process);
	return process;
}

/**
 * The largest badness there is, and with `out` the youngest process that has at least `least`, with a reference: of many that are much alike (a fork
 * bomb, and the shell that is to end it) the one that came last goes.
 */
static u64
victims_look(u64 total, u64 least, struct process **scoped out, u64 *scoped all) MUST_HOLD(&oom_lock)
{
	u64 most = 0;
	for (u32 pid = 0;; pid++) {
		REF_SCOPE(process, process);
		process = process_next(&pid);
		if (process == nullptr)
			return most;
		u64 badness = process_badness(process, total);
		*all += badness;
		if (badness == 0 || is_victim(process->pid))
			continue;
		most = MAX(most, badness);
		if (out == nullptr || badness < least || (*out != nullptr && process->start_ns < (*out)->start_ns))
			continue;
		struct process *before = *out;
		*out = process;
		process = before;
	}
}

/**
 * With a reference; null: nobody is left. Where most memory is nobody's mapping (pipes, sockets, kernel objects), size tells nothing:
 * then it is who asks for more.
 */
static struct process *
victim_find(u64 *scoped pages) MUST_HOLD(&oom_lock)
{
	u64 all = 0, again = 0;
	struct memory_stat stat = memory_stat();
	u64 most = victims_look(stat.total, 0, nullptr, &all);
	struct process *victim = all + stat.page_tables < stat.total / 2 ? victim_current(stat.total, pages) : nullptr;
	if (victim != nullptr || most == 0)
		return victim;
	(void)victims_look(stat.total, most - most / 4, &victim, &again);
	*pages = victim != nullptr ? process_badness(victim, stat.total) : 0;
	return victim;
}

static void
victim_kill(struct process *process, u64 badness)
{
	u8 name[THREAD_NAME_SIZE] = {};
	size_t len = 0;
	{
		SPIN_SCOPE(&process->lock);
		if (process->leader != nullptr)
			thread_name_get(process->leader, BYTES_OF(name));
	}
	while (len < sizeof(name) && name[len] != 0)
		len++;
	struct memory_stat stat = memory_stat();
	log_error("Out of memory: killed process {} ({}) badness {} pages, oom_score_adj {}; of {} pages {} are free, {} heap, {} tables",
		process->pid, bytes_sub(BYTES_OF(name), 0, len), badness, (i32)atomic32_load(&process->oom_score_adj), stat.total, stat.free, stat.heap, stat.page_tables);
	(void)atomic64_add_relaxed(&oom_kills, 1);
	oom_kill(process);
}

static bool
has_memory(u32 pid)
{
	REF_SCOPE(process, process);
	REF_SCOPE(vm_map, map);
	process = process_find(pid);
	map = process != nullptr ? vm_map_of_process(process) : nullptr;
	return map != nullptr;
}

/** Forgets victims that have gone. => whether one is on its way out */
static bool
victims_live(void) MUST_HOLD(&oom_lock)
{
	bool any = false;
	for (u32 i = 0; i < OOM_VICTIMS; i++) {
		if (victims[i] == 0)
			continue;
		if (has_memory(victims[i]))
			any = true;
		else
			victims[i] = 0;
	}
	return any;
}

/** With oom_lock: sees to it that a process is dying. => false: there is none to kill */
static bool
victim_choose_held(void) MUST_HOLD(&oom_lock)
{
	u64 badness = 0;
	if (memory_stat().free > OOM_ENOUGH_FRAMES || (victims_live() && clock_now() < victim_end_ns))
		return true;
	REF_SCOPE(process, process);
	process = victim_find(&badness);
	if (process == nullptr && thread_current_or_null() != nullptr) {
		process = process_current();
		process_get(process);
	}
	if (process == nullptr)
		return false;
	*ELEM(victims, victims_chosen % OOM_VICTIMS) = process->pid;
	victims_chosen++;
	victim_end_ns = clock_now() + OOM_PATIENCE_NS;
	victim_kill(process, badness);
	return true;
}

/** The same. Nobody queues for the lock: a victim in that queue would die after all others have had their turn. */
static bool
victim_choose(void)
{
	if (!mutex_try_acquire(&oom_lock))
		return true;
	bool found = victim_choose_held();
	mutex_release(&oom_lock);
	return found;
}

/** Whether the running thread is dying itself: then it must not wait for others. */
static bool
dying(void)
{
	struct thread *thread = thread_current_or_null();
	return thread != nullptr && (atomic32_load(&thread->process->exiting) != 0 || oom_killed());
}

bool
vm_memory_settle(void)
{
	rcu_synchronize();
	for (u32 i = 0; memory_stat().free <= OOM_ENOUGH_FRAMES; i++) {
		if (i == OOM_SETTLE_STEPS)
			return false;
		(void)task_sleep_until(clock_now() + OOM_STEP_NS, false);
	}
	return true;
}

bool
memory_wait(void)
{
	u64 end = clock_now() + OOM_PATIENCE_NS;
	if (oom_kill == nullptr || dying())
		return false;
	if (vm_memory_settle())
		return true;
	if (!victim_choose())
		return false;
	for (u64 step = OOM_STEP_NS; memory_stat().free <= OOM_ENOUGH_FRAMES; step = MIN(2 * step, (u64)OOM_STEP_MAX_NS)) {
		if (dying() || clock_now() >= end)
			return false;
		(void)task_sleep_until(clock_now() + step, false);
	}
	return true;
}

bool
memory_wait_for_ever(void)
{
	while (oom_kill != nullptr && !dying())
		if (memory_wait())
			return true;
	return false;
}
