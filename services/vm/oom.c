// SPDX-License-Identifier: MPL-2.0
/**
 * When memory runs out: the process that has the most of it is killed, and those who need some wait for what it leaves.
 *
 * The framework has given back all that it and the heaps could spare before frame_alloc fails, and nothing can be written out: all that is
 * left is in use. One victim at a time; who waits in vain gets ENOMEM, so that no lock held meanwhile stops the victim for ever.
 * Source: oom_score_adj in proc(5).
 */
#include <vm_impl.h>

#include <cadre/time.h>

#include <session.h>

enum : u64 { OOM_PATIENCE_NS = 2 * NS_PER_SEC, OOM_STEP_NS = 2 * NS_PER_MS, OOM_ENOUGH_FRAMES = 64 };
enum : i32 { OOM_NEVER = -1000 };

static vm_oom_kill_fn *oom_kill;          /* [const] after boot */
static vm_oom_killed_fn *oom_killed;      /* [const] after boot */
static struct mutex oom_lock;
static u32 victim_pid GUARDED_BY(&oom_lock);
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

/** With a reference; null: nobody is left. */
static struct process *
victim_find(u64 *scoped pages)
{
	struct process *worst = nullptr;
	u64 most = 0, total = memory_stat().total;
	for (u32 pid = 0;; pid++) {
		struct process *process = process_next(&pid);
		if (process == nullptr)
			break;
		u64 badness = process_badness(process, total);
		if (badness <= most) {
			process_put(process);
			continue;
		}
		if (worst != nullptr)
			process_put(worst);
		worst = process;
		most = badness;
	}
	*pages = most;
	return worst;
}

static void
victim_kill(struct process *process, u64 badness)
{
	u8 name[16] = {};
	size_t len = 0;
	{
		SPIN_SCOPE(&process->lock);
		for (; process->leader != nullptr && len < sizeof(name) && process->leader->name[len] != 0; len++)
			name[len] = process->leader->name[len];
	}
	struct memory_stat stat = memory_stat();
	log_error("Out of memory: killed process {} ({}) badness {} pages, oom_score_adj {}; of {} pages {} are free, {} heap, {} tables",
		process->pid, bytes_sub(BYTES_OF(name), 0, len), badness, (i32)atomic32_load(&process->oom_score_adj), stat.total, stat.free, stat.heap, stat.page_tables);
	(void)atomic64_add_relaxed(&oom_kills, 1);
	oom_kill(process);
}

/** Whether the last victim is still on its way out. */
static bool
victim_lives(void) MUST_HOLD(&oom_lock)
{
	REF_SCOPE(process, process);
	REF_SCOPE(vm_map, map);
	process = victim_pid != 0 ? process_find(victim_pid) : nullptr;
	map = process != nullptr ? vm_map_of_process(process) : nullptr;
	if (map == nullptr)
		victim_pid = 0;
	return map != nullptr;
}

/** Sees to it that a process is dying. => false: there is none to kill */
static bool
victim_choose(void)
{
	MUTEX_SCOPE(&oom_lock);
	u64 badness = 0;
	if (memory_stat().free > OOM_ENOUGH_FRAMES || victim_lives())
		return true;
	REF_SCOPE(process, process);
	process = victim_find(&badness);
	if (process == nullptr && thread_current_or_null() != nullptr) {
		process = process_current();
		process_get(process);
	}
	if (process == nullptr)
		return false;
	victim_pid = process->pid;
	victim_kill(process, badness);
	return true;
}

/** Whether the running thread is dying itself: then it must not wait for others. */
static bool
dying(void)
{
	struct thread *thread = thread_current_or_null();
	return thread != nullptr && (atomic32_load(&thread->process->exiting) != 0 || oom_killed());
}

bool
memory_wait(void)
{
	u64 end = clock_now() + OOM_PATIENCE_NS;
	if (oom_kill == nullptr || dying() || !victim_choose())
		return false;
	while (memory_stat().free <= OOM_ENOUGH_FRAMES) {
		if (dying())
			return false;
		if (clock_now() >= end) {
			MUTEX_SCOPE(&oom_lock);
			victim_pid = 0;   /* the next one, then */
			return false;
		}
		(void)task_sleep_until(clock_now() + OOM_STEP_NS, false);
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
