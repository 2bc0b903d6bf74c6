// SPDX-License-Identifier: MPL-2.0
/**
 * Interrupt lines: one owner each, a vector on one CPU, a contained handler.
 *
 * The interrupt's CPU names the line it serves in `serving` before it looks again whether the line is still in the table; release takes the line
 * out first and then waits for `serving`. So a handler never runs for a line that has been released, and an interrupt on its way is
 * counted as spurious.
 */
#include <irq/interrupt.h>
#include <sync/lock.h>

enum : u32 { GSI_MAX = 1024, GSI_NONE = ~(u32)0 };

struct irq_line {
	u64 unused;             /* the heap may write here while the object is free */
	u32 gsi, cpu, vector;   /* [const] */
	u32 released;           /* [atomic] */
	u32 dead;               /* [atomic] its handler has trapped: masked for good */
	irq_fn *fn;             /* [const] */
	struct object *arg;     /* [const] */
	u64 count;              /* [atomic] */
};

HANDLE_DEFINE(irq_line, nullptr);

static struct raw_lock irq_lock;
static u64 gsi_taken[GSI_MAX / 64] GUARDED_BY(&irq_lock);
/* By CPU and vector; entries change under irq_lock, and are read without it. */
static struct irq_line *lines[CPU_MAX][ARCH_IRQ_VECTORS];
static struct irq_line *serving[CPU_MAX];   /* [atomic] written by its CPU */
static u64 irq_spurious;                    /* [atomic] */

/** Takes gsi and a vector for `line`. */
static err_t
line_claim(struct irq_line *line)
{
	err_t result = EBUSY;
	RAW_SCOPE(&irq_lock);
	u64 bit = (u64)1 << line->gsi % 64;
	if ((gsi_taken[line->gsi / 64] & bit) == 0) {
		result = ENOSPC;
		for (u32 i = 0; i < ARCH_IRQ_VECTORS && result != OK; i++) {
			if (lines[line->cpu][i] != nullptr)
				continue;
			gsi_taken[line->gsi / 64] |= bit;
			line->vector = i;
			__atomic_store_n(&lines[line->cpu][i], line, __ATOMIC_SEQ_CST);
			result = OK;
		}
	}
	return result;
}

/** Nothing is served for the line once this returns; then the gsi is free. */
static void
line_retire(struct irq_line *line)
{
	__atomic_store_n(&lines[line->cpu][line->vector], nullptr, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&serving[line->cpu], __ATOMIC_SEQ_CST) == line)
		arch_pause();
	RAW_SCOPE(&irq_lock);
	gsi_taken[line->gsi / 64] &= ~((u64)1 << line->gsi % 64);
}

err_t
irq_line_acquire(u32 gsi, enum irq_trigger trigger, irq_fn *fn, struct object *arg, u32 cpu, struct irq_line **out)
{
	if (fn == nullptr)
		misuse("interrupt line without a handler");
	if (gsi >= MIN(arch_gsi_count(), GSI_MAX) || cpu >= cpu_count() || trigger > IRQ_DEFAULT)
		return EINVAL;
	if (arch_gsi_reserved(gsi))
		return EBUSY;
	struct irq_line *line = (struct irq_line *)heap_alloc(&irq_line_handle_type);
	if (line == nullptr)
		return ENOMEM;
	*line = (struct irq_line){ .gsi = gsi, .cpu = cpu, .fn = fn, .arg = arg };
	err_t result = line_claim(line);
	if (result == OK && !arch_irq_route(gsi, trigger, cpu, ARCH_IRQ_VECTOR_BASE + line->vector)) {
		line_retire(line);
		result = EINVAL;
	}
	if (result != OK) {
		heap_discard(&irq_line_handle_type, line);
		return result;
	}
	heap_publish(&irq_line_handle_type, line);
	*out = line;
	irq_line_unmask(line);
	return OK;
}

void
irq_line_release(struct irq_line *line)
{
	if (irq_context())
		misuse("irq_line_release in an interrupt handler");
	handle_enter(&irq_line_handle_type, line);
	bool again = __atomic_exchange_n(&line->released, 1, __ATOMIC_SEQ_CST) != 0;
	if (!again) {
		arch_irq_mask(line->gsi);
		line_retire(line);
	}
	handle_leave(&irq_line_handle_type, line);
	if (again)
		misuse("interrupt line released twice");
	heap_put(&irq_line_handle_type, (struct object *)line);
}

/** Unless the line is released or dead: its input may be another's by then. */
void
irq_line_set_mask(struct irq_line *line, bool masked)
{
	HANDLE_SCOPE(irq_line, line);
	RAW_SCOPE(&irq_lock);
	if (__atomic_load_n(&lines[line->cpu][line->vector], __ATOMIC_SEQ_CST) == line && line->released == 0) {
		if (masked)
			arch_irq_mask(line->gsi);
		else if (__atomic_load_n(&line->dead, __ATOMIC_SEQ_CST) == 0)
			arch_irq_unmask(line->gsi);
	}
}

u64
irq_line_count(struct irq_line *line)
{
	HANDLE_SCOPE(irq_line, line);
	return __atomic_load_n(&line->count, __ATOMIC_RELAXED);
}

static void
line_serve(struct irq_line *line)
{
	__atomic_fetch_add(&line->count, 1, __ATOMIC_RELAXED);
	if (__atomic_load_n(&line->dead, __ATOMIC_SEQ_CST) != 0 || CONTAINED((void)line->fn(line->arg)))
		return;
	__atomic_store_n(&line->dead, 1, __ATOMIC_SEQ_CST);
	arch_irq_mask(line->gsi);
	log_error("interrupt {}: its handler trapped; masked for good", line->gsi);
}

void
irq_dispatch(u32 vector)
{
	u32 cpu = this_cpu()->id, index = vector - ARCH_IRQ_VECTOR_BASE;
	struct irq_line **entry = index < ARCH_IRQ_VECTORS ? &lines[cpu][index] : nullptr;
	struct irq_line *line = entry != nullptr ? __atomic_load_n(entry, __ATOMIC_SEQ_CST) : nullptr;
	__atomic_store_n(&serving[cpu], line, __ATOMIC_SEQ_CST);
	if (line != nullptr && __atomic_load_n(entry, __ATOMIC_SEQ_CST) == line)
		line_serve(line);
	else
		__atomic_fetch_add(&irq_spurious, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&serving[cpu], nullptr, __ATOMIC_RELEASE);
	arch_irq_eoi();
}

u64 irq_spurious_count(void) { return __atomic_load_n(&irq_spurious, __ATOMIC_RELAXED); }
