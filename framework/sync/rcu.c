// SPDX-License-Identifier: MPL-2.0
/**
 * RCU: readers switch preemption off; a CPU that passes through the scheduler is in no read section.
 *
 * A grace period is a number. Its waiter takes the next number, after what it unpublished; each CPU that passes through the scheduler notes the
 * number it sees there. Once every CPU has noted it, or was seen in a stretch without readers (idle, user mode), each section that was
 * running at the start has ended. The fences pair: a CPU that was seen quiet reads, once it is not, what was unpublished before.
 */
#include <irq/interrupt.h>
#include <sync/lock.h>
#include <sync/rcu.h>

enum : u64 { RCU_WAIT_MIN = 20 * NS_PER_US, RCU_WAIT_MAX = NS_PER_MS };

u64 rcu_period;

static struct rcu_head *rcu_deferred;                                   /* [atomic] the calls to make, last first */
static struct wait_queue rcu_wait;

void
rcu_read_begin(void)
{
	arch_cpu_add(preempt_off, 1);
	lock_self()->rcu_depth++;
}

void
rcu_read_end(void)
{
	struct task *self = lock_self();
	if (self->rcu_depth <= arch_cpu_load(floor.rcu))
		misuse("rcu_read_end without rcu_read_begin");
	self->rcu_depth--;
	preempt_leave();
}

static bool
rcu_passed(u32 id, u64 period)
{
	return __atomic_load_n(&cpu_table[id]->rcu_seen, __ATOMIC_SEQ_CST) >= period ||
	       __atomic_load_n(&cpu_table[id]->rcu_quiet, __ATOMIC_SEQ_CST) != 0;
}

void
rcu_synchronize(void)
{
	task_check_may_sleep();
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	u64 period = __atomic_add_fetch(&rcu_period, 1, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	u64 wait = RCU_WAIT_MIN;
	for (u32 id = 0; id < cpu_count(); id++) {
		while (!rcu_passed(id, period)) {
			cpu_reschedule(id);
			(void)task_sleep_until(clock_now() + wait, false);
			wait = MIN(wait * 2, RCU_WAIT_MAX);
		}
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void
rcu_defer(struct rcu_head *head, void (*fn)(struct rcu_head *))
{
	struct rcu_head *first = __atomic_load_n(&rcu_deferred, __ATOMIC_RELAXED);
	head->fn = fn;
	do
		head->next = first;
	while (!__atomic_compare_exchange_n(&rcu_deferred, &first, head, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	if (first == nullptr)
		wake_one(&rcu_wait);
}

void
rcu_task(struct object *unused)
{
	(void)unused;
	for (;;) {
		(void)WAIT_UNTIL(&rcu_wait, __atomic_load_n(&rcu_deferred, __ATOMIC_SEQ_CST) != nullptr, WAIT_PLAIN, TIME_NEVER);
		struct rcu_head *list = __atomic_exchange_n(&rcu_deferred, nullptr, __ATOMIC_SEQ_CST);
		rcu_synchronize();
		while (list != nullptr) {
			struct rcu_head *head = list;
			list = head->next;   /* its storage is gone once it was called */
			(void)CONTAINED(head->fn(head));
		}
	}
}
