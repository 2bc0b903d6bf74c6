// SPDX-License-Identifier: MPL-2.0
/**
 * Cursors: changes to a range of a user page table.
 *
 * 1. An open cursor owns its range: of all cursors whose ranges overlap, only the one with the lowest turn works; the
 *    others spin with
 *    preemption off and interrupts on. Turns are drawn as in Lamport's bakery, so there is no lock and no overtaking.
 * 2. An entry of the tree is changed only by the owner of some of its span: to a table, by compare-and-swap, as every
 *    owner of a part may
 *    want one; to anything else, by an owner of its whole span. So a table is detached only while nobody else can be
 * below it, and a
 *    pointer to an entry or a table in one's own range stays good: no lock in the tables, no RCU.
 * 3. The processor reads tables at any time. Frames and tables that were taken out are let go of only after the flush,
 *    in batches.
 *
 * An entry without a frame may carry a mark at every level: it stands for the entry's whole span and is handed down
 * when a
 * table takes its place.
 *
 * A service has a ticket only. The state is this CPU's, and is found through the running task.
 */
#include <cadre/cpu.h>
#include <mm/vm_space_impl.h>

enum : u32 { CURSOR_BATCH = 64, MARK_LEVEL_MAX = 2 };
enum : u64 { RANGE_CHOOSING = 1, USER_HALF = (u64)1 << 47, BATCH_TABLE = (u64)1 << 63 };

struct vm_cursor_state {
	u64 ticket;                    /* [self] 0: not open */
	u64 count;                     /* [self] of tickets made here */
	struct vm_space *space;        /* [self] with a framework reference while open */
	u64 start, end, va;            /* [self] */
	u64 *leaf;                     /* [self] the leaf table last used, for leaf_va; it stays while the range is owned, see 2 */
	u64 leaf_va;
	u64 flush_start, flush_end;    /* [self] what CPUs have to forget; empty where start ≥ end */
	u64 mapped, unmapped;          /* [self] frames since the last time they were counted */
	u32 nbatch;                    /* [self] */
	u64 batch[CURSOR_BATCH];       /* [self] frames, and tables with BATCH_TABLE, to let go of after the flush */
};
CPU_LOCAL_DEFINE(vm_cursor_state, cursor_state);

/* --- owning a range --- */

static void
range_acquire(struct vm_space *space, u32 cpu, u64 start, u64 end)
{
	struct vm_range *mine = &space->ranges[cpu];
	u64 flags = arch_irq_save();   /* others wait while we choose */
	__atomic_store_n(&mine->turn, RANGE_CHOOSING, __ATOMIC_SEQ_CST);
	u64 turn = RANGE_CHOOSING + 1 + __atomic_fetch_add(&space->next_turn, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&mine->start, start, __ATOMIC_RELAXED);
	__atomic_store_n(&mine->end, end, __ATOMIC_RELAXED);
	__atomic_store_n(&mine->turn, turn, __ATOMIC_SEQ_CST);
	arch_irq_restore(flags);
	for (u32 i = 0; i < cpu_online_count;) {
		struct vm_range *other = &space->ranges[i];
		u64 seen = __atomic_load_n(&other->turn, __ATOMIC_SEQ_CST);
		/*
		 * Who drew a lower turn set RANGE_CHOOSING before we drew ours, so it is seen here as that or with
		 * its turn.
		 */
		bool before = seen == RANGE_CHOOSING || (seen != 0 && seen < turn);
		if (before && seen != RANGE_CHOOSING)
			before = __atomic_load_n(&other->start, __ATOMIC_ACQUIRE) < end && start < __atomic_load_n(&other->end, __ATOMIC_ACQUIRE);
		if (i == cpu || (!before && __atomic_load_n(&other->turn, __ATOMIC_SEQ_CST) == seen))
			i++;
		else
			arch_pause();
	}
}

/* --- the batch --- */

static void
cursor_flush(struct vm_cursor_state *c)
{
	if (c->flush_start < c->flush_end)
		space_flush(c->space, c->flush_start, (c->flush_end - c->flush_start) >> PAGE_SHIFT);
	c->flush_start = ~(u64)0;
	c->flush_end = 0;
	/*
	 * Each is off the batch before it goes: where the policy's trap cuts this short, containment starts it again.
	 */
	while (c->nbatch > 0) {
		u64 pfn = c->batch[--c->nbatch];
		if ((pfn & BATCH_TABLE) != 0)
			kernel_frames_free(pfn & ~(u64)BATCH_TABLE, 1, FRAME_TABLE);
		else
			frame_map_drop(frame_at(pfn));
	}
}

static void
flush_add(struct vm_cursor_state *c, u64 va)
{
	c->flush_start = MIN(c->flush_start, va);
	c->flush_end = MAX(c->flush_end, va + PAGE_SIZE);
}

static void
batch_add(struct vm_cursor_state *c, u64 va, u64 pfn)
{
	flush_add(c, va);
	c->batch[c->nbatch++] = pfn;
	if (c->nbatch == CURSOR_BATCH)
		cursor_flush(c);
}

/* --- the tree --- */

/**
 * The lowest entry for va that there is, and its level; an entry above level 0 is empty or a mark, or `floor` is
 * reached.
 */
static u64 *
entry_find(struct vm_cursor_state *c, u64 va, u32 floor, u32 *level)
{
	*level = floor;
	if (floor == 0 && c->leaf != nullptr && align_down(va, table_span(1)) == c->leaf_va)
		return &c->leaf[table_index(va, 0)];
	/*
	 * SAFETY: va is in the user half (checked at vm_cursor_open); tables are pages in the direct map, and those
	 * for our range stay: 2.
	 */
	u64 *table = phys_to_virt(c->space->root);
	for (*level = TABLE_ROOT_LEVEL; *level > floor; --*level) {
		u64 *entry = &table[table_index(va, *level)];
		u64 pte = pte_load(entry);
		if (!arch_pte_present(pte))
			return entry;
		table = phys_to_virt(arch_pte_pa(pte));
	}
	if (floor == 0) {
		c->leaf = table;
		c->leaf_va = align_down(va, table_span(1));
	}
	return &table[table_index(va, floor)];
}

/** The entry for va at level `floor`, with tables made on the way; null: no memory. */
static u64 *
entry_make(struct vm_cursor_state *c, u64 va, u32 floor)
{
	u32 level;
	for (;;) {
		u64 *entry = entry_find(c, va, floor, &level);
		if (level == floor)
			return entry;
		u64 pte = pte_load(entry);
		if (!arch_pte_present(pte) && table_create(entry, pte) == nullptr)
			return nullptr;
	}
}

/** Puts `new` in place of a frame, a mark or nothing. */
static void
entry_set(struct vm_cursor_state *c, u64 *entry, u64 va, u64 new)
{
	u64 old = __atomic_exchange_n(entry, new, __ATOMIC_SEQ_CST);
	if (!arch_pte_present(old))
		return;
	c->unmapped++;
	batch_add(c, va, arch_pte_pa(old) >> PAGE_SHIFT);
}

/** The first entry of the table from number i on that is not empty; `end` where all are. */
static u32
entries_skip(const u64 *table, u32 i, u32 end)
{
	u64 any = 0;
	for (; i + 8 <= end && any == 0; i += 8)
		for (u32 k = 0; k < 8; k++)
			any |= pte_load(&table[i + k]);
	for (i -= any != 0 ? 8 : 0; i < end && pte_load(&table[i]) == 0; i++)
		;
	return i;
}

/**
 * Empties [start, end), which lies in what `table` at `level` maps, and takes out the tables below that lie in it wholly. => where it
 * stopped for want of memory: end, but where a large mark has to be parted.
 */
static u64
table_zap(struct vm_cursor_state *c, u64 *table, u32 level, u64 start, u64 end)
{
	u64 span = table_span(level), first = align_down(start, table_span(level + 1));
	u32 last = table_index(end - 1, level);
	for (u32 i = table_index(start, level); i <= last; i++) {
		if (pte_load(&table[i]) == 0 && (i = entries_skip(table, i, last + 1)) > last)
			return end;
		u64 *entry = &table[i], pte = pte_load(entry), base = first + i * span, from = MAX(base, start), to = MIN(base + span, end);
		bool whole = to - from == span, present = arch_pte_present(pte);
		if (whole && (level == 0 || !present)) {
			entry_set(c, entry, base, 0);
			continue;
		}
		/* SAFETY: a table in our range stays (2), until it is taken out here, when it lies in it wholly. */
		u64 *below = present ? phys_to_virt(arch_pte_pa(pte)) : table_create(entry, pte);
		u64 stop = below != nullptr ? table_zap(c, below, level - 1, from, to) : from;
		if (stop < to)
			return stop;
		if (whole) {
			__atomic_store_n(entry, 0, __ATOMIC_SEQ_CST);
			c->leaf = nullptr;
			batch_add(c, base, arch_pte_pa(pte) >> PAGE_SHIFT | BATCH_TABLE);
		}
	}
	return end;
}

/* SAFETY: the root is a table for as long as the space is there. */
static u64 range_zap(struct vm_cursor_state *c, u64 start, u64 end) { return table_zap(c, phys_to_virt(c->space->root), TABLE_ROOT_LEVEL, start, end); }

void
space_clear(struct vm_space *space)
{
	struct vm_cursor_state state = { .space = space, .flush_start = ~(u64)0 };
	range_zap(&state, 0, USER_HALF);
	cursor_flush(&state);
}

/* --- opening and closing --- */

/**
 * Parts the large mark at page va, in the range, if it reaches beyond the range, so that what is done up to there
 * needs no memory.
 */
static bool
edge_part(struct vm_cursor_state *c, u64 va)
{
	for (;;) {
		u32 level;
		u64 pte = pte_load(entry_find(c, va, 0, &level)), base = align_down(va, table_span(level));
		if (pte == 0 || level == 0 || (base >= c->start && base + table_span(level) <= c->end))
			return true;
		if (entry_make(c, va, level - 1) == nullptr)
			return false;
	}
}

static void
cursor_end(struct task *task, struct vm_cursor_state *c)
{
	struct vm_space *space = c->space;
	cursor_flush(c);
	__atomic_fetch_add(&space->frames, c->mapped - c->unmapped, __ATOMIC_RELAXED);
	__atomic_store_n(&space->ranges[this_cpu()->id].turn, 0, __ATOMIC_RELEASE);
	task->cursor = nullptr;
	c->ticket = 0;
	heap_drop(&vm_space_handle_type, space);
	preempt_unpin();
}

err_t
vm_cursor_open(struct vm_space *space, uaddr_t start, uaddr_t end, struct vm_cursor *cursor)
{
	if (((start.raw | end.raw) & (PAGE_SIZE - 1)) != 0 || start.raw >= end.raw || start.raw < USER_START || end.raw > USER_END)
		return EINVAL;
	struct task *task = task_current();
	if (task->cursor != nullptr)
		misuse("vm_cursor_open: this task has a cursor open already");
	if (!shootdown_allowed())
		misuse("vm_cursor_open with interrupts off");
	handle_enter(&vm_space_handle_type, space);
	preempt_pin();   /* no service can undo it, so the CPU's one cursor is this task's */
	struct vm_cursor_state *c = CPU_LOCAL_HERE(cursor_state);
	fw_assert(c->ticket == 0);
	u32 cpu = this_cpu()->id;
	c->ticket = ++c->count * CPU_MAX + cpu;
	c->space = space;
	c->start = c->va = start.raw;
	c->end = end.raw;
	c->leaf = nullptr;
	c->mapped = c->unmapped = 0;   /* no flush is pending, and the batch is empty: cursor_flush at the last close */
	c->flush_start = ~(u64)0;
	c->flush_end = 0;
	task->cursor = c;
	range_acquire(space, cpu, start.raw, end.raw);
	if (!edge_part(c, start.raw) || (end.raw - start.raw > PAGE_SIZE && !edge_part(c, end.raw - PAGE_SIZE))) {
		cursor_end(task, c);
		return ENOMEM;
	}
	cursor->ticket = c->ticket;
	return OK;
}

void
vm_cursor_close(struct vm_cursor *cursor)
{
	struct task *task = task_current();
	if (task->cursor == nullptr || task->cursor->ticket != cursor->ticket)
		return;
	if (!shootdown_allowed())
		misuse("vm_cursor_close with interrupts off");
	cursor->ticket = 0;
	cursor_end(task, task->cursor);
}

void
vm_cursor_abandon(void)
{
	struct task *self = task_self();
	if (self != nullptr && self->cursor != nullptr)
		cursor_end(self, self->cursor);
}

/**
 * The state behind a ticket; traps where that is not the running task's open cursor, or npages reach beyond its end.
 */
static struct vm_cursor_state *
cursor_check(const struct vm_cursor *cursor, u64 npages)
{
	struct vm_cursor_state *c = task_current()->cursor;
	if (c == nullptr || c->ticket != cursor->ticket)
		misuse("not this task's open cursor");
	if (!shootdown_allowed())
		misuse("a cursor is used with interrupts off");
	if (npages > (c->end - c->va) >> PAGE_SHIFT)
		misuse("beyond the cursor's range");
	return c;
}

/* --- what cursors do --- */

uaddr_t vm_cursor_at(const struct vm_cursor *cursor) { return UADDR(cursor_check(cursor, 0)->va); }

void
vm_cursor_seek(struct vm_cursor *cursor, uaddr_t va)
{
	struct vm_cursor_state *c = cursor_check(cursor, 0);
	if (va.raw < c->start || va.raw > c->end || (va.raw & (PAGE_SIZE - 1)) != 0)
		misuse("vm_cursor_seek: outside of the range or misaligned");
	c->va = va.raw;
}

struct vm_entry
vm_cursor_query(struct vm_cursor *cursor)
{
	struct vm_cursor_state *c = cursor_check(cursor, 1);
	u32 level;
	u64 pte = pte_load(entry_find(c, c->va, 0, &level));
	if (!arch_pte_present(pte))
		return (struct vm_entry){ .mark = arch_pte_mark_of(pte) };
	return (struct vm_entry){
		.frame = frame_at(arch_pte_pa(pte) >> PAGE_SHIFT), .prot = (enum vm_prot)arch_pte_prot(pte),
		.accessed = arch_pte_accessed(pte), .dirty = arch_pte_dirty(pte),
	};
}

bool
vm_cursor_next(struct vm_cursor *cursor)
{
	struct vm_cursor_state *c = cursor_check(cursor, 0);
	while (c->va < c->end) {
		u32 level;
		const u64 *entry = entry_find(c, c->va, 0, &level);
		u64 base = align_down(c->va, table_span(level)), left = (c->end - 1 - base) / table_span(level) + 1;
		u32 here = table_index(c->va, level), next = entries_skip(entry - here, here, (u32)MIN((u64)TABLE_ENTRIES, here + left));
		if (next == here)
			return true;
		c->va = MIN(base + (next - here) * table_span(level), c->end);
	}
	return false;
}

/** The protection as page tables know it; traps on a value that is none. */
static u32
prot_check(enum vm_prot prot)
{
	if ((prot & ~(u32)(VM_READ | VM_WRITE | VM_EXEC)) != 0)
		misuse("not a protection");
	return prot != 0 ? (u32)prot | VM_READ : 0;
}

err_t
vm_cursor_map(struct vm_cursor *cursor, struct frame *frame, enum vm_prot prot, enum vm_cache cache)
{
	struct vm_cursor_state *c = cursor_check(cursor, 1);
	u32 access = prot_check(prot);
	if (cache != VM_CACHE_BACK)
		return EINVAL;
	u64 *entry = entry_make(c, c->va, 0);
	if (entry == nullptr)
		return ENOMEM;
	if (frame == nullptr || !frame_map_get(frame))
		misuse("vm_cursor_map: the frame is not in use");
	entry_set(c, entry, c->va, arch_pte_user(frame_pfn(frame) << PAGE_SHIFT, access, false));
	c->mapped++;
	c->va += PAGE_SIZE;
	return OK;
}

err_t
vm_cursor_mark(struct vm_cursor *cursor, u64 npages, u64 mark, u64 *done)
{
	struct vm_cursor_state *c = cursor_check(cursor, npages);
	u64 start = c->va, stop = start + (npages << PAGE_SHIFT);
	if (mark > VM_MARK_MAX)
		misuse("vm_cursor_mark: more than 48 bits");
	if (mark == 0)
		c->va = range_zap(c, start, stop);
	while (c->va < stop) {
		u32 level = mark == 0 ? 0 : MARK_LEVEL_MAX;
		while (level > 0 && ((c->va & (table_span(level) - 1)) != 0 || stop - c->va < table_span(level)))
			level--;
		u64 *entry = mark != 0 ? entry_make(c, c->va, level) : nullptr;
		if (entry == nullptr)
			break;
		/*
		 * A table in the place of a large mark goes first; it lies in the range wholly, so no memory is
		 * needed.
		 */
		if (level > 0 && arch_pte_present(pte_load(entry)))
			range_zap(c, c->va, c->va + table_span(level));
		entry_set(c, entry, c->va, arch_pte_mark(mark));
		c->va += table_span(level);
	}
	*done = (c->va - start) >> PAGE_SHIFT;
	return c->va == stop ? OK : ENOMEM;
}

u64
vm_cursor_unmap(struct vm_cursor *cursor, u64 npages)
{
	struct vm_cursor_state *c = cursor_check(cursor, npages);
	u64 before = c->unmapped;
	c->va = range_zap(c, c->va, c->va + (npages << PAGE_SHIFT));
	return c->unmapped - before;
}

/**
 * Sets the protection in an entry with a frame, and keeps what the processor notes in it meanwhile. => whether CPUs
 * must forget it.
 */
static bool
entry_protect(u64 *entry, u32 access)
{
	u64 old = pte_load(entry), new;
	do {
		new = arch_pte_user(arch_pte_pa(old), access, false) | (old & (ARCH_PTE_ACCESSED | ARCH_PTE_DIRTY));
	} while (!ref_cas(entry, &old, new));
	return (arch_pte_prot(old) & ~access) != 0;
}

void
vm_cursor_protect(struct vm_cursor *cursor, u64 npages, enum vm_prot prot)
{
	struct vm_cursor_state *c = cursor_check(cursor, npages);
	u32 access = prot_check(prot);
	for (u64 stop = c->va + (npages << PAGE_SHIFT); c->va < stop;) {
		u32 level;
		u64 *entry = entry_find(c, c->va, 0, &level);
		if (level == 0 && arch_pte_present(pte_load(entry)) && entry_protect(entry, access))
			flush_add(c, c->va);
		c->va = MIN(align_down(c->va, table_span(level)) + table_span(level), stop);
	}
}

void
vm_cursor_clear_accessed(struct vm_cursor *cursor)
{
	struct vm_cursor_state *c = cursor_check(cursor, 1);
	u32 level;
	u64 *entry = entry_find(c, c->va, 0, &level);
	if (level > 0 || !arch_pte_present(pte_load(entry)))
		return;
	/* Without the flush a CPU that has the translation would not set the bit again. */
	if ((__atomic_fetch_and(entry, ~(u64)ARCH_PTE_ACCESSED, __ATOMIC_SEQ_CST) & ARCH_PTE_ACCESSED) != 0)
		flush_add(c, c->va);
}
