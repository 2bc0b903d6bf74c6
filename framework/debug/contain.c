// SPDX-License-Identifier: MPL-2.0
/**
 * Containment: a trap of a service ends the service's call and nothing else.
 *
 * | step | where | what |
 * | --- | --- | --- |
 * | 1 | at the trap, interrupts off | decide: contained or fatal; log |
 * | 2 | at the trap | release and poison the locks taken since the frame (they may lie on the stack that is about to
 *   go), close the cursor, end read sections |
 * | 3 | back at the frame (contain_recovered) | restore depths and the interrupt state |
 *
 * Step 2 touches services' memory, which may be gone (a lock in a freed object): a fault there starts step 2 anew,
 * and each start has one lock less to release. Locks go first: closing a cursor calls other CPUs, which may spin for
 * one with interrupts off.
 */
#include <cpu/cpu.h>
#include <debug/debug_impl.h>
#include <mm/mm.h>
#include <sync/lock.h>

enum : u32 { CONTAIN_LOGS_PER_SECOND = 10, CONTAIN_BACKTRACE = 16, CONTAIN_TEXT_MAX = 160 };

/** Where this CPU is in the steps above. */
static struct contain_cpu {
	enum : u32 { CONTAIN_IDLE, CONTAIN_REPORTING, CONTAIN_RELEASING } step;
	u32 retries;
} contain_cpus[CPU_MAX];                 /* [self] */
static u64 contain_total;                /* [atomic] */
static u64 contain_second;               /* [atomic] the second that contain_logged counts in */
static u32 contain_logged;               /* [atomic] */

/** The innermost frame's place: the interrupt handler's or the task's, out of reach of each other. */
static struct contain_frame **
contain_chain(void)
{
	struct task *self = task_self();
	return in_handler() || self == nullptr ? &this_cpu()->contain_irq : &self->contain;
}

/* With interrupts on, what is read here is the task's on whichever CPU it is: a handler leaves each as it was. */
void
contain_push(struct contain_frame *frame)
{
	const struct task *holder = lock_self();
	struct contain_frame **chain = contain_chain();

	frame->outer = *chain;
	frame->irqs_on = arch_irq_enabled();
	frame->cursor_open = holder->cursor != nullptr;
	frame->preempt_off = arch_cpu_load(preempt_off);
	frame->irq_depth = arch_cpu_load(irq_depth);
	frame->raw_depth = arch_cpu_load(raw_depth);
	frame->nlocks = holder->nlocks;
	frame->rcu_depth = holder->rcu_depth;
	frame->pins = holder->pins;
	frame->stack_limit = arch_cpu_load(stack_limit);
	if (!frame->irqs_on)
		stack_limit_set(this_cpu(), (u64)frame, frame->irq_depth != 0 && frame->outer == nullptr ?
		                                         STACK_RESERVE_HANDLER : STACK_RESERVE_POLICY);
	*chain = frame;
}

void
contain_end(struct contain_frame *frame)
{
	struct contain_frame **chain = contain_chain();

	fw_assert(*chain == frame);
	*chain = frame->outer;
	if (!frame->irqs_on)
		this_cpu()->stack_limit = frame->stack_limit;
}

/** Step 3. Runs on the frame's own stack, interrupts off. */
void
contain_recovered(struct contain_frame *frame)
{
	struct cpu *cpu = this_cpu();

	cpu->irq_depth = frame->irq_depth;
	cpu->preempt_off = frame->preempt_off;
	if (frame->irqs_on) {
		/* What was asked of this CPU in between is done at preempt_enable. */
		cpu->preempt_off++;
		arch_irq_enable();
		preempt_enable();
	} else {
		cpu->stack_limit = frame->stack_limit;
	}
}

/** Step 2, and back to the frame. Interrupts are off. */
[[noreturn]] static void
contain_release(struct cpu *cpu, struct contain_cpu *state)
{
	struct contain_frame **chain = contain_chain();
	struct contain_frame *frame = *chain;
	struct task *holder = lock_holder(cpu);

	state->step = CONTAIN_RELEASING;
	/* What follows lets go of preemption once each; the margin keeps it off all the while. */
	cpu->preempt_off = frame->preempt_off + LOCKS_MAX + holder->rcu_depth + holder->pins;
	locks_release_to(frame->nlocks);
	if (cpu->current != nullptr && !frame->cursor_open)
		vm_cursor_abandon();
	while (holder->rcu_depth > frame->rcu_depth)
		rcu_read_end();
	holder->pins = frame->pins;
	*chain = frame->outer;
	state->step = CONTAIN_IDLE;
	state->retries = 0;
	arch_recovery_jump(&frame->place);
}

/** Whether this trap is to be logged: the first few of each second are. */
static bool
contain_log_wanted(void)
{
	u64 second = arch_clock_ns() / NS_PER_SEC;

	if (__atomic_exchange_n(&contain_second, second, __ATOMIC_RELAXED) != second) {
		u32 before = __atomic_exchange_n(&contain_logged, 0, __ATOMIC_RELAXED);
		if (before > CONTAIN_LOGS_PER_SECOND)
			log_error("{} more service traps were not logged", before - CONTAIN_LOGS_PER_SECOND);
	}
	return __atomic_fetch_add(&contain_logged, 1, __ATOMIC_RELAXED) < CONTAIN_LOGS_PER_SECOND;
}

/** The frame to name: the innermost that is not the framework's, where there is one. */
static u64
contain_place(const u64 *pcs, u32 n)
{
	struct symbol symbol;

	for (u32 i = 0; i < n; i++)
		if (symbol_find(pcs[i] - 1, &symbol) && symbol.file != nullptr && !symbol.in_framework)
			return pcs[i];
	return pcs[0];
}

static void
contain_log(struct cpu *cpu, const struct kernel_trap *trap)
{
	u64 pcs[CONTAIN_BACKTRACE];
	u32 n = trap_backtrace(trap, pcs, CONTAIN_BACKTRACE);
	struct cbytes name = cpu->irq_depth != 0 ? TEXT("(interrupt)") : text_of(lock_holder(cpu)->name);
	u8 text[CONTAIN_TEXT_MAX];
	struct bytes room = { text, sizeof(text) };
	struct cbytes place = { text, symbol_print(room, contain_place(pcs, n)) };

	log_error("service trap: {} in task \"{}\" at {}", text_of(trap->what), name, place);
	if (trap->address != 0)
		log_error("  address {x}, error {x}", trap->address, trap->error);
	for (u32 i = 0; i < n; i++) {
		place.len = symbol_print(room, pcs[i]);
		log_error("  {}", place);
	}
}

/** Step 1: ends the service that trapped, or the machine. Called with no memory of a service in `trap`. */
void
trap_in_kernel(const struct kernel_trap *trap)
{
	(void)arch_irq_save();
	struct cpu *cpu = this_cpu();
	struct contain_cpu *state = &contain_cpus[cpu->id % CPU_MAX];
	struct contain_frame *frame = *contain_chain();
	bool service = trap->from_service_fault && frame != nullptr && cpu->raw_depth <= frame->raw_depth;
	bool retry = service && state->step == CONTAIN_RELEASING && state->retries++ <= LOCKS_MAX;

	if (panic_started() || !service || (state->step != CONTAIN_IDLE && !retry))
		panic_trap(trap);
	if (!retry) {
		state->step = CONTAIN_REPORTING;
		__atomic_fetch_add(&contain_total, 1, __ATOMIC_RELAXED);
		if (contain_log_wanted())
			contain_log(cpu, trap);
	}
	contain_release(cpu, state);
}

void
misuse_at(const char *what, const char *file, u32 line, u64 pc, u64 fp)
{
	trap_in_kernel(&(struct kernel_trap){
		.what = what, .file = file, .line = line, .pc = pc - 1, .fp = fp, .from_service_fault = true });
}

/**
 * A trap with a reason in memory that may be a service's: it is read here, where a fault is one more trap of that
 * service.
 */
#define contain_reason(format, ...)                                                                                    \
	do {                                                                                                           \
		char text_[CONTAIN_TEXT_MAX + 1] = {};                                                                 \
		format_text(((struct bytes){ (u8 *)text_, CONTAIN_TEXT_MAX }), format, __VA_ARGS__);                   \
		misuse_at(text_, nullptr, 0, (u64)__builtin_return_address(0), (u64)__builtin_frame_address(0));       \
	} while (0)

void
assert_trap(struct cbytes expression, struct cbytes file, u32 line)
{
	contain_reason("assertion failed: {} ({}:{})", expression, file, line);
}

void
contain_trap(struct cbytes reason)
{
	contain_reason("{}", reason);
}

void
bounds_trap(void)
{
	misuse("index out of bounds");
}

bool
contain_call(contained_fn *fn, struct object *arg)
{
	if (fn == nullptr)
		misuse("contain_call of no function");
	return CONTAINED(fn(arg));
}

u64 contain_count(void) { return __atomic_load_n(&contain_total, __ATOMIC_RELAXED); }
