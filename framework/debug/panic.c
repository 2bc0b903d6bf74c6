// SPDX-License-Identifier: MPL-2.0
/**
 * Panic: the framework found itself to be wrong. Stops the other CPUs, prints a report straight to the console, and
 * powers off.
 *
 * A panic inside the panic ends the report, and one more ends the machine without a word: nothing here loops or waits
 * for a lock.
 */
#include <cadre/boot.h>
#include <cpu/cpu.h>
#include <debug/debug_impl.h>
#include <task/task_impl.h>

enum : u32 { PANIC_STATUS = 0x7f, PANIC_LINE_MAX = 320, PANIC_BACKTRACE = 32, PANIC_STOP_SPINS = 200000 };

static u32 panic_owner;   /* [atomic] number + 1 of the CPU that panics */
static u32 panic_depth;   /* [self] of panic_owner */

bool panic_started(void) { return __atomic_load_n(&panic_owner, __ATOMIC_RELAXED) != 0; }

/** Prints one line of the report, by no lock and no ring. */
static void
panic_line(struct cbytes format, const struct log_arg *args, u32 nargs)
{
	u8 line[PANIC_LINE_MAX];
	size_t len = MIN(format_print((struct bytes){ line, sizeof(line) - 1 }, format, args, nargs), sizeof(line) - 1);

	line[len++] = '\n';
	arch_console_write(line, len);
}
#define PANIC_LINE(format, ...) panic_line(LOG_LINE_(format, __VA_ARGS__))

/** The others print and change nothing from here on: their part of the report is not worth a race. */
static void
panic_stop_others(u32 self)
{
	for (u32 i = 0; i < CPU_MAX; i++)
		if (i != self && cpu_table[i] != nullptr && __atomic_load_n(&cpu_table[i]->online, __ATOMIC_RELAXED))
			arch_ipi(i, IPI_STOP);
	for (u32 i = 0; cpu_online_count > 1 && i < PANIC_STOP_SPINS; i++)
		arch_pause();
}

[[noreturn]] static void
panic_end(void)
{
	u8 value[8];
	size_t len = 0;

	if (boot_option(TEXT("panic"), (struct bytes){ value, sizeof(value) }, &len) &&
	    cbytes_equal((struct cbytes){ value, MIN(len, sizeof(value)) }, TEXT("halt")))
		arch_stop();
	arch_power_off(PANIC_STATUS);
}

/** Makes this CPU the one that reports; does not return on any other, nor in a panic inside the report. */
static void
panic_begin(void)
{
	u32 owner = 0;

	(void)arch_irq_save();
	u32 self = this_cpu()->id;
	if (__atomic_compare_exchange_n(&panic_owner, &owner, self + 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		panic_stop_others(self);
		PANIC_LINE("");
		return;
	}
	if (owner != self + 1)
		arch_stop();
	if (panic_depth++ == 0) {
		PANIC_LINE("panic: again, while reporting: no more can be said");
		panic_end();
	}
	arch_power_off(PANIC_STATUS);
}

void
panic_trap(const struct kernel_trap *trap)
{
	u64 pcs[PANIC_BACKTRACE];
	u8 text[PANIC_LINE_MAX];

	panic_begin();
	struct cpu *cpu = this_cpu();
	struct task *task = cpu->current;
	if (trap->file != nullptr)
		PANIC_LINE("panic: {} ({}:{})", text_of(trap->what), text_of(trap->file), trap->line);
	else
		PANIC_LINE("panic: {}", text_of(trap->what));
	PANIC_LINE("cpu {} of {}, task \"{}\" ({}), interrupt depth {}, preemption off {}, raw locks {}",
	           cpu->id, cpu_online_count, text_of(task != nullptr ? task->name : nullptr),
	           task != nullptr ? task->id : 0, cpu->irq_depth, cpu->preempt_off, cpu->raw_depth);
	PANIC_LINE("pc {x} sp {x} fp {x} address {x} error {x}", trap->pc, trap->sp, trap->fp, trap->address,
	           trap->error);
	for (u32 i = 0; i < trap->nregs; i++)
		/* SAFETY: i < nregs, the number of elements that the architecture gave both arrays. */
		PANIC_LINE("  {} {x}", text_of(trap->reg_names[i]), trap->regs[i]);
	PANIC_LINE("back trace:");
	for (u32 i = 0, n = trap_backtrace(trap, pcs, PANIC_BACKTRACE); i < n; i++) {
		size_t len = symbol_print((struct bytes){ text, sizeof(text) }, pcs[i]);
		PANIC_LINE("  {}", ((struct cbytes){ text, len }));
	}
	PANIC_LINE("the machine stops; with panic=halt on the command line it stays as it is");
	panic_end();
}

void
panic_at(const char *file, u32 line, struct cbytes format, const struct log_arg *args, u32 nargs)
{
	char text[PANIC_LINE_MAX] = {};

	format_print((struct bytes){ (u8 *)text, sizeof(text) - 1 }, format, args, nargs);
	panic_trap(&(struct kernel_trap){
		.what = text, .file = file, .line = line,
		.pc = (u64)__builtin_return_address(0) - 1, .fp = (u64)__builtin_frame_address(0) });
}
