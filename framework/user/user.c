// SPDX-License-Identifier: MPL-2.0
/**
 * User contexts: their life, running them, and their FPU state.
 *
 * A context is claimed (`running`) by the task that runs it, from its first entry to user mode with it until it runs another or ends
 * (task->user), and by whoever else copies it or takes its FPU state to memory, for that time: one at a time, and never by waiting. FPU
 * registers are described in user_impl.h. The state itself lies in a heap array that the context owns; images are copied to and from
 * it without a claim, since the slice may fault: whatever is written there can be loaded (arch_fpu_import), so a race is harmless.
 */
#include <arch/string.h>
#include <cadre/irq.h>
#include <mm/mm.h>
#include <user/user_impl.h>

enum context_state : u32 { CONTEXT_RUNNING };   /* indices of user_context.state: 1 while claimed */

struct fpu_block { alignas(64) u8 bytes[64]; };
ARRAY_DECLARE(fpu_blocks_, struct fpu_block);   /* a name that no service can declare */
ARRAY_DEFINE(fpu_blocks_, struct fpu_block);

static void
context_release(struct object *object)
{
	struct user_context *context = (struct user_context *)object;
	/* SAFETY: the state is an array's items: user_context_create. */
	u8 *array = (u8 *)context->fpu - __builtin_offsetof(struct fpu_blocks_, items);
	if (context->fpu != nullptr)
		fpu_blocks__put((struct fpu_blocks_ *)array);
	context->fpu = nullptr;
}

HANDLE_DEFINE(user_context, context_release);

err_t
user_context_create(struct user_context **out)
{
	struct fpu_blocks_ *array = fpu_blocks__alloc((u32)((arch_fpu_size() + 63) / 64));
	if (array == nullptr)
		return ENOMEM;
	struct user_context *context = (struct user_context *)heap_alloc(&user_context_handle_type);
	if (context == nullptr) {
		fpu_blocks__put(array);
		return ENOMEM;
	}
	/* SAFETY: items are 64-byte aligned, zeroed, and arch_fpu_size() long at least. */
	struct fpu_state *fpu = (struct fpu_state *)array->items;
	arch_fpu_init(fpu);
	__atomic_store_n(&context->fpu, fpu, __ATOMIC_RELEASE);
	heap_publish(&user_context_handle_type, context);
	*out = context;
	return OK;
}

void
user_context_get(struct user_context *context)
{
	heap_get(&user_context_handle_type, (struct object *)context);
}

void
user_context_put(struct user_context *context)
{
	heap_put(&user_context_handle_type, (struct object *)context);
}

/* --- claims --- */

/**
 * Takes a reference and the claim; the running task may have both. => false: somebody else has it, or it is just being created; traps where
 * it is not live.
 */
static bool
context_claim(struct user_context *context)
{
	u64 free = 0, *claim = &context->state[CONTEXT_RUNNING];
	if (context == task_self()->user && context != nullptr)
		return true;
	handle_enter(&user_context_handle_type, context);
	if (__atomic_load_n(&context->fpu, __ATOMIC_ACQUIRE) != nullptr &&
	    __atomic_compare_exchange_n(claim, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return true;
	handle_leave(&user_context_handle_type, context);
	return false;
}

static void
context_unclaim(struct user_context *context)
{
	if (context == task_self()->user)
		return;
	__atomic_store_n(&context->state[CONTEXT_RUNNING], 0, __ATOMIC_RELEASE);
	handle_leave(&user_context_handle_type, context);
}

/* --- FPU registers --- */

void
user_fpu_switch(struct user_context *context)
{
	struct cpu *cpu = this_cpu();
	if (cpu->user == context)
		return;
	if (cpu->user != nullptr)
		arch_fpu_save(cpu->user->fpu);
	if (context != nullptr)
		arch_fpu_load(context->fpu);
	cpu->user = context;
}

/** The context's state is in memory when this returns; with `keep` the registers stay its own, too. */
static void
fpu_settle(struct user_context *context, bool keep)
{
	IRQ_OFF_SCOPE();
	bool loaded = this_cpu()->user == context;
	if (loaded && keep)
		arch_fpu_save(context->fpu);
	else if (loaded)
		user_fpu_switch(nullptr);
}

void
user_adopt(struct task *self, struct user_context *context)
{
	struct user_context *old = self->user;
	if (old != nullptr)
		fpu_settle(old, false);
	self->user = context;
	if (old == nullptr)
		return;
	__atomic_store_n(&old->state[CONTEXT_RUNNING], 0, __ATOMIC_RELEASE);
	handle_leave(&user_context_handle_type, old);
}

/* --- running --- */

/** The running task, where it may enter user mode; else traps. */
static struct task *
user_check(void)
{
	struct task *self = task_self();
	/* All at once: what follows finds out which it is, the interrupt handler first. */
	if (self != nullptr && (arch_cpu_load(irq_depth) | arch_cpu_load(preempt_off) | self->nlocks) == 0 &&
	    self->space != nullptr && arch_irq_enabled())
		return self;
	task_check_may_sleep();
	if (self->nlocks != 0)
		misuse("user_run with a lock held");
	misuse("user_run without an active address space");
}

[[gnu::noinline]] static void
context_begin(struct task *self, struct user_context *context)
{
	if (!context_claim(context))
		misuse("user_run of a context that runs elsewhere");
	user_adopt(self, context);
}

/** The CPU has what user mode sees. Interrupts are off. */
[[gnu::noinline]] static void
context_load(const struct task *self, struct user_context *context)
{
	vm_space_switch(self->space);
	user_fpu_switch(context);
}

struct user_event
user_run(struct user_context *context)
{
	struct user_event event = { .kind = USER_INTERRUPTED };
	struct task *self = user_check();
	if (context != self->user || context == nullptr)
		context_begin(self, context);
	while (event.kind == USER_INTERRUPTED) {
		arch_irq_disable();
		struct cpu *cpu = this_cpu();
		if (__atomic_load_n(&self->interrupted, __ATOMIC_SEQ_CST) != 0)
			break;
		if (__atomic_load_n(&cpu->resched, __ATOMIC_SEQ_CST) != 0) {
			arch_irq_enable();
			preempt_check();
			continue;
		}
		/* From here to the event nothing runs but this: interrupts are off, so both stay what user mode
		 * sees. */
		if (cpu->space != self->space || cpu->user != context) {
			context_load(self, context);
			/* A switch takes the context off the CPU; from here on another one would do so anew. */
			if (context->report_switches)
				break;
		}
		task_user_enter(cpu, self);
		arch_user_enter(context, &event);
		task_user_leave(cpu, self);
	}
	arch_irq_enable();
	return event;
}

void
user_context_copy(struct user_context *to, struct user_context *from)
{
	if (!context_claim(from))
		misuse("user_context_copy from a context that runs");
	if (to == from || !context_claim(to)) {
		context_unclaim(from);
		misuse("user_context_copy to a context that runs, or to itself");
	}
	fpu_settle(from, true);
	fpu_settle(to, false);
	to->regs = from->regs;
	memcpy(to->fpu, from->fpu, arch_fpu_size());
	context_unclaim(to);
	context_unclaim(from);
}

/* --- FPU images --- */

u32 user_fpu_size(void) { return (u32)arch_fpu_size(); }

/**
 * The state's place, with the state in it. It stays memory of FPU states, whoever's, or faults as a service's dead
 * object does.
 */
static struct fpu_state *
fpu_memory(struct user_context *context, bool keep)
{
	if (!context_claim(context))
		misuse("FPU state of a context that runs");
	fpu_settle(context, keep);
	struct fpu_state *fpu = context->fpu;
	context_unclaim(context);
	return fpu;
}

err_t
user_fpu_save(struct user_context *context, struct bytes image)
{
	const struct fpu_state *fpu = fpu_memory(context, true);
	if (image.len < arch_fpu_size())
		return EINVAL;
	arch_fpu_export(fpu, image.ptr);
	return OK;
}

err_t
user_fpu_restore(struct user_context *context, struct cbytes image)
{
	/* Nothing else runs here meanwhile: where the state is in registers it is there again afterwards, and that is no switch to be reported. */
	IRQ_OFF_SCOPE();
	bool loaded = this_cpu()->user == context;
	bool ok = arch_fpu_import(fpu_memory(context, false), image.ptr, image.len);
	if (loaded)
		user_fpu_switch(context);
	return ok ? OK : EINVAL;
}

void
user_fpu_reset(struct user_context *context)
{
	arch_fpu_init(fpu_memory(context, false));
}
