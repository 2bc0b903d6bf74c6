// SPDX-License-Identifier: MPL-2.0
/**
 * Containment: a trap of a service ends the service's call and nothing else.
 *
 * | step | where | what |
 * | --- | --- | --- |
 * | 1 | at the trap, interrupts off | decide: contained or fatal; log |
 * | 2 | at the trap | release and poison the locks taken since the frame (they may lie on the stack that is about to go), close the cursor, end read sections |
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

/** One trap, as it is reported. */
struct trap_report {
	struct cbytes what;
	struct cbytes file;    /* where the check stands that found it; may be empty */
	u32 line;
	u64 pc;                /* a return address: the instruction before it is the place */
	u64 fp;
	const struct kernel_trap *trap;
};

/** Where this CPU is in the steps above. */
static struct contain_cpu {
	enum : u32 { CONTAIN_IDLE, CONTAIN_REPORTING, CONTAIN_RELEASING } step;
	u32 retries;
} contain_cpus[CPU_MAX];                 /* [self] */
static u64 contain_total;                /* [atomic] */
static u64 contain_second;               /* [atomic] the second that contain_logged counts in */
static u32 contain_logged;               /* [atomic] */

/** The innermost frame's place: the interrupt handler's or the task's. Interrupts are off. */
static struct contain_frame **
contain_chain(struct cpu *cpu)
{
	return cpu->irq_depth != 0 || cpu->current == nullptr ? &cpu->contain_irq : &cpu->current->contain;
}

void
contain_push(struct contain_frame *frame)
{
	bool irqs_on = arch_irq_enabled();
	u64 flags = arch_irq_save();
	struct cpu *cpu = this_cpu();
	const struct task *holder = lock_holder(cpu);
	struct contain_frame **chain = contain_chain(cpu);

	frame->outer = *chain;
	frame->preempt_off = cpu->preempt_off;
	frame->irq_depth = cpu->irq_depth;
	frame->raw_depth = cpu->raw_depth;
	frame->nlocks = holder->nlocks;
	frame->rcu_depth = holder->rcu_depth;
	frame->pins = holder->pins;
	frame->irqs_on = irqs_on;
	frame->cursor_open = cpu->current != nullptr && vm_cursor_is_open();
	*chain = frame;
	arch_irq_restore(flags);
}

void
contain_end(struct contain_frame *frame)
{
	u64 flags = arch_irq_save();
	struct contain_frame **chain = contain_chain(this_cpu());

	fw_assert(*chain == frame);
	*chain = frame->outer;
	arch_irq_restore(flags);
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
	}
}

/** Step 2, and back to the frame. Interrupts are off. */
[[noreturn]] static void
contain_release(struct cpu *cpu, struct contain_cpu *state)
{
	struct contain_frame **chain = contain_chain(cpu);
	struct contain_frame *frame = *chain;
	struct task *holder = lock_holder(cpu);

	state->step = CONTAIN_RELEASING;
	/* What follows lets go of preemption once each; the margin keeps it off all the while. */
	cpu->preempt_off = frame->preempt_off + TASK_LOCKS_MAX + IRQ_LOCKS_MAX + holder->rcu_depth + holder->pins;
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
contain_log(struct cpu *cpu, const struct trap_report *report)
{
	u64 pcs[CONTAIN_BACKTRACE + 1] = { report->pc };
	u32 n = 1 + arch_backtrace(report->fp, pcs + 1, CONTAIN_BACKTRACE), first = n > 1 && pcs[1] == report->pc ? 1 : 0;
	struct cbytes name = cpu->irq_depth != 0 ? TEXT("(interrupt)") : text_of(lock_holder(cpu)->name);
	u8 place[CONTAIN_TEXT_MAX];
	size_t len = symbol_print((struct bytes){ place, sizeof(place) }, contain_place(pcs + first, n - first));

	log_error("service trap: {} in task \"{}\" at {}", report->what, name, ((struct cbytes){ place, len }));
	if (report->trap != nullptr && report->trap->address != 0)
		log_error("  address {x}, error {x}", report->trap->address, report->trap->error);
	backtrace_print(LOG_ERROR, pcs + first, n - first);
}

/** Step 1: ends the service that trapped, or the machine. Called with no memory of a service in `report`. */
[[noreturn]] static void
contain_enter(const struct trap_report *report)
{
	(void)arch_irq_save();
	struct cpu *cpu = this_cpu();
	struct contain_cpu *state = &contain_cpus[cpu->id % CPU_MAX];
	struct contain_frame *frame = *contain_chain(cpu);
	bool retry = state->step == CONTAIN_RELEASING && state->retries++ <= TASK_LOCKS_MAX + IRQ_LOCKS_MAX;

	if (panic_started() || frame == nullptr || cpu->raw_depth > frame->raw_depth || (state->step != CONTAIN_IDLE && !retry))
		panic_trap(report->file, report->line, report->what, report->pc, report->fp, report->trap);
	if (!retry) {
		state->step = CONTAIN_REPORTING;
		__atomic_fetch_add(&contain_total, 1, __ATOMIC_RELAXED);
		if (contain_log_wanted())
			contain_log(cpu, report);
	}
	contain_release(cpu, state);
}

void
trap_in_kernel(const struct kernel_trap *trap)
{
	/* One past the instruction, so that it reads like the return addresses of the frames above. */
	struct trap_report report = { .what = text_of(trap->what), .pc = trap->pc + 1, .fp = trap->fp, .trap = trap };

	if (!trap->from_service_fault)
		panic_trap(report.file, 0, report.what, report.pc, report.fp, trap);
	contain_enter(&report);
}

void
misuse_at(const char *what, const char *file, u32 line, u64 pc, u64 fp)
{
	struct trap_report report = { .what = text_of(what), .file = text_of(file), .line = line, .pc = pc, .fp = fp };

	contain_enter(&report);
}

/**
 * A trap with a reason in memory that may be a service's: it is read here, where a fault is one more trap of that
 * service.
 */
#define contain_reason(format, ...)                                                                                    \
	do {                                                                                                           \
		u8 text_[CONTAIN_TEXT_MAX];                                                                            \
		size_t len_ = format_text(((struct bytes){ text_, sizeof(text_) }), format, __VA_ARGS__);              \
		contain_enter(&(struct trap_report){                                                                   \
			.what = { text_, MIN(len_, sizeof(text_)) },                                                   \
			.pc = (u64)__builtin_return_address(0),                                                        \
			.fp = (u64)__builtin_frame_address(0),                                                         \
		});                                                                                                    \
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
contain_call(trap_fn *fn)
{
	struct contain_frame frame;

	if (fn == nullptr)
		misuse("contain_call of no function");
	if (contain_begin(&frame) != 0)
		return false;
	fn();
	contain_end(&frame);
	return true;
}

u64
contain_count(void)
{
	return __atomic_load_n(&contain_total, __ATOMIC_RELAXED);
}
