// SPDX-License-Identifier: MPL-2.0
/**
 * Tasks: their life from creation to reaping, and what services may ask of them.
 *
 * References of the framework to a task: one from its start to its reaping, one for the time of each call. Its stack is freed at its reaping (in
 * RCU's task, once it is on no stack), or, where it was never started, by its release.
 */
#include <arch/string.h>
#include <irq/interrupt.h>
#include <sync/lock.h>
#include <sync/rcu.h>
#include <user/user_impl.h>

static void
task_timeout(struct timer_event *event)
{
	/* SAFETY: set for the `timeout` member of tasks only: task_alloc. A late call finds another task there at worst, and wakes it for nothing. */
	(void)task_wake((struct task *)((u8 *)event - __builtin_offsetof(struct task, timeout)));
}

/* --- creation --- */

/** What a task needs to run: given back once it is on no CPU and never will be again. Interrupts on. */
static void
task_strip(struct task *task)
{
	if (task->stack_top == 0)
		return;
	hook_task_fini(task);
	stack_free(task->stack_top);
	task->stack_top = 0;
}

static void
task_release(struct object *object)
{
	struct task *task = (struct task *)object;
	task_strip(task);
	registry_remove(task);
}

HANDLE_DEFINE_FLAGS(task, task_release, HEAP_RELEASE_IN_TASK);
HANDLE_REFERENCES(task);

static struct task *
task_alloc(struct cbytes name)
{
	struct task *task = (struct task *)heap_alloc(&task_handle_type);
	if (task == nullptr)
		return nullptr;
	for (size_t i = 0; i < MIN(cbytes_len(name), sizeof(task->name) - 1); i++)
		task->name[i] = (char)cbytes_get(name, i);
	task->timeout.fn = task_timeout;
	registry_add(task);
	return task;
}

/** What a task gives up when it ends, trapped or not. Preemptible; no lock is held. */
[[noreturn]] static void
task_die(struct task *self, enum task_end end)
{
	self->contain = nullptr;
	park_forget(self);
	vm_space_activate(nullptr);
	user_adopt(self, nullptr);
	sched_account(self);
	__atomic_store_n(&self->end, end, __ATOMIC_SEQ_CST);
	wake_all(&self->ended);
	(void)arch_irq_save();
	__atomic_store_n(&self->state, TASK_DEAD | TASK_ON_CPU, __ATOMIC_SEQ_CST);
	sched_leave(self);
	panic("a dead task runs");
}

/** Where a task begins: on its own stack, interrupts off. */
static void
task_entry(void)
{
	struct task *self = this_cpu()->current;
	struct contain_frame frame;
	arch_irq_enable();
	if (contain_begin(&frame) == 0) {
		self->fn(self->arg);
		task_exit();
	}
	task_die(self, TASK_TRAPPED);
}

err_t
task_create(task_fn *fn, struct object *arg, struct cbytes name, struct task **out)
{
	if (fn == nullptr)
		misuse("task without a function");
	struct task *task = task_alloc(name);
	if (task == nullptr)
		return ENOMEM;
	task->fn = fn;
	task->arg = arg;
	err_t result = hook_task_init(task);
	u64 top = result == OK ? stack_alloc() : 0;
	if (top == 0) {
		if (result == OK)
			hook_task_fini(task);
		heap_discard(&task_handle_type, task);
		return result == OK ? ENOMEM : result;
	}
	task->stack_top = top;
	/* SAFETY: top is the end of a stack that nobody else uses: stack_alloc. */
	arch_context_init(&task->context, (void *)top, task_entry);
	heap_publish(&task_handle_type, task);
	*out = task;
	return OK;
}

err_t
task_start(struct task *task)
{
	handle_enter(&task_handle_type, task);
	u32 state = TASK_NEW;
	u64 flags = arch_irq_save();
	if (__atomic_load_n(&task->state, __ATOMIC_RELAXED) == TASK_NEW)
		__atomic_store_n(&task->last_cpu, this_cpu()->id, __ATOMIC_RELAXED);
	bool started = __atomic_compare_exchange_n(&task->state, &state, TASK_READY, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	if (started)
		sched_ready(task, SCHED_NEW);
	arch_irq_restore(flags);
	if (!started) {
		handle_leave(&task_handle_type, task);
		return EINVAL;
	}
	/* The call's reference is the running task's from now on; task_reaped drops it. */
	preempt_check();
	return OK;
}

/* --- the end --- */

void
task_exit(void)
{
	if (irq_context())
		misuse("task_exit in an interrupt handler");
	task_check_may_sleep();
	struct task *self = task_self();
	if (self->nlocks != 0 || self->cursor != nullptr)
		misuse("task ends with a lock held or a cursor open");
	if (self->contain == nullptr || self->contain->outer != nullptr)
		misuse("task ends inside a call of the framework");
	task_die(self, TASK_RETURNED);
}

/** In RCU's task: what the start took. */
static void
task_reaped(struct rcu_head *head)
{
	/* SAFETY: made from the `reap` member of a task by task_reap, which is the only user of this function. */
	struct task *task = (struct task *)((u8 *)head - __builtin_offsetof(struct task, reap));
	task_strip(task);
	heap_drop(&task_handle_type, task);
}

void
task_reap(struct task *task)
{
	rcu_defer(&task->reap, task_reaped);
}

/* --- boot --- */

void
task_init(void)
{
	struct cpu *cpu = this_cpu();
	struct task *idle = task_alloc(TEXT("idle"));
	if (idle == nullptr)
		panic("no memory for the idle task of CPU {}", cpu->id);
	idle->state = TASK_RUNNING | TASK_ON_CPU;
	idle->last_cpu = cpu->id;
	heap_publish(&task_handle_type, idle);
	cpu->idle = idle;
	__atomic_store_n(&cpu->current, idle, __ATOMIC_SEQ_CST);
	if (cpu->online == 0)
		cpu_online();
}

void
task_system_start(void)
{
	struct task *task;
	if (task_create(rcu_task, nullptr, TEXT("rcu"), &task) != OK || task_start(task) != OK)
		panic("no memory for the framework's own task");
	task_put(task);
}

void
task_run_idle(void)
{
	if (this_cpu()->idle == nullptr)
		task_init();
	sched_loop();
}

/* --- what services ask --- */

void
task_check_may_sleep(void)
{
	if (in_handler())
		misuse("sleeping in an interrupt handler");
	if (task_self() == nullptr || task_self() == arch_cpu_load(idle))
		misuse("sleeping outside of a task");
	if (arch_cpu_load(preempt_off) != 0 || !arch_irq_enabled())
		misuse("sleeping with preemption off: a spin lock, a read section, a cursor");
}

struct task *
task_current(void)
{
	if (in_handler())
		misuse("task_current in an interrupt handler");
	return task_self();
}

u32
task_id(struct task *task)
{
	HANDLE_SCOPE(task, task);
	return task->id;
}

enum task_end
task_ended(struct task *task)
{
	HANDLE_SCOPE(task, task);
	return (enum task_end)__atomic_load_n(&task->end, __ATOMIC_SEQ_CST);
}

err_t
task_join(struct task *task, u64 deadline_ns)
{
	task_check_may_sleep();
	if (task == task_self())
		return EDEADLK;
	HANDLE_SCOPE(task, task);
	return WAIT_UNTIL(&task->ended, __atomic_load_n(&task->end, __ATOMIC_SEQ_CST) != TASK_ALIVE, WAIT_INTERRUPTIBLE,
	                  deadline_ns);
}

err_t
task_set_owner(struct task *task, struct object *owner)
{
	HANDLE_SCOPE(task, task);
	struct object *none = nullptr;
	bool fresh = __atomic_load_n(&task->state, __ATOMIC_RELAXED) == TASK_NEW &&
	             __atomic_compare_exchange_n(&task->owner, &none, owner, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
	if (fresh)
		task->owner_type = heap_type_at(owner);
	return fresh ? OK : EINVAL;
}

struct object *
task_owner(struct task *task)
{
	if (task == task_self())
		return __atomic_load_n(&task->owner, __ATOMIC_ACQUIRE);   /* the running task is live */
	HANDLE_SCOPE(task, task);
	return __atomic_load_n(&task->owner, __ATOMIC_ACQUIRE);
}

err_t
task_sleep_until(u64 deadline_ns, bool interruptible)
{
	static struct wait_queue nobody;   /* never woken */
	err_t result = wait_sleep(&nobody, 0, interruptible ? WAIT_INTERRUPTIBLE : WAIT_PLAIN, deadline_ns);
	return result == ETIMEDOUT ? OK : result;
}

void
task_interrupt(struct task *task)
{
	HANDLE_SCOPE(task, task);
	__atomic_store_n(&task->interrupted, 1, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	/* What runs here itself sees the mark on its way to user mode. */
	if (!task_wake(task) && task != this_cpu()->current && __atomic_load_n(&task->state, __ATOMIC_SEQ_CST) == (TASK_RUNNING | TASK_ON_CPU))
		arch_ipi(__atomic_load_n(&task->last_cpu, __ATOMIC_RELAXED), IPI_RESCHEDULE);
}

void
task_clear_interrupt(void)
{
	__atomic_store_n(&task_current()->interrupted, 0, __ATOMIC_SEQ_CST);
}

bool task_interrupted(void) { return __atomic_load_n(&task_current()->interrupted, __ATOMIC_SEQ_CST) != 0; }

struct task_times
task_times(struct task *task)
{
	HANDLE_SCOPE(task, task);
	if (!irq_context() && task == task_self())
		sched_account(task);
	u64 user = __atomic_load_n(&task->user_ticks, __ATOMIC_RELAXED);
	return (struct task_times){ arch_ticks_ns(user), arch_ticks_ns(__atomic_load_n(&task->kernel_ticks, __ATOMIC_RELAXED)) };
}

u32
task_cpu(struct task *task)
{
	HANDLE_SCOPE(task, task);
	return __atomic_load_n(&task->last_cpu, __ATOMIC_RELAXED);
}
