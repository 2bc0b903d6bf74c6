// SPDX-License-Identifier: MPL-2.0
/**
 * The slab allocator: which slot of a heap is next, and when pages go back.
 *
 * Each heap has a list of slabs with free slots, fullest use first come; a slab's free slots are linked through their link words. A slab of
 * which no slot is out goes to the list of empty ones, of which one is kept: the next goes back. The framework asks for several slots at once
 * and keeps them for its CPUs: one turn of the lock for each batch.
 *
 * Types whose objects are found in RCU sections by pointers that no reference stands behind (T_get_live decides whether they still are) keep all
 * slabs for ever: an object may be freed between the look at the pointer and the look at the object, and then the memory must still be its type's.
 *
 * Lock order: a heap's lock, taken with interrupts off, is the only one.
 */
#include <cadre/atomic.h>
#include <cadre/policy.h>

#include <slab_policy.h>

enum : u32 { EMPTY_KEPT = 1 };

/** A list of slabs, by number + 1; 0 ends it. */
struct slab_list { u32 first; };

struct heap_state {
	struct irq_spin_lock lock;
	struct atomic32 slots;                            /* of a slab; 0 until there is one, then always the same */
	struct atomic32 nempty;                           /* changed under the lock */
	struct atomic32 keeps;                            /* 1: no slab goes back; settled with the first one */
	struct slab_list partial GUARDED_BY(&lock);       /* some slots are free here, some are out */
	struct slab_list empty GUARDED_BY(&lock);         /* all slots are free here */
};
static struct heap_state heaps[HEAPS_MAX];

static void
list_insert(u32 heap, struct slab_list *list, u32 slab)
{
	struct slab_note *note = slab_note(heap, slab);
	note->prev = 0;
	note->next = list->first;
	if (note->next != 0)
		slab_note(heap, note->next - 1)->prev = slab + 1;
	list->first = slab + 1;
}

static void
list_remove(u32 heap, struct slab_list *list, u32 slab)
{
	struct slab_note *note = slab_note(heap, slab);
	if (note->next != 0)
		slab_note(heap, note->next - 1)->prev = note->prev;
	if (note->prev != 0)
		slab_note(heap, note->prev - 1)->next = note->next;
	else
		list->first = note->next;
}

/** Takes free slots of the first slab that has some, until the batch has `wanted`, and the slab to the list it belongs to then. => false: there is none */
static bool
slots_pop(u32 heap, struct heap_state *state, u32 wanted, struct slot_batch *scoped batch) MUST_HOLD(&state->lock)
{
	bool fresh = state->partial.first == 0;
	u32 first = fresh ? state->empty.first : state->partial.first;
	if (first == 0)
		return false;
	struct slab_note *note = slab_note(heap, first - 1);
	for (; batch->n < wanted && note->nfree > 0; note->nfree--) {
		u32 slot = note->free_head - 1;
		note->free_head = *slot_link(heap, slot);
		batch->slots[batch->n] = slot;
		batch->n++;
	}
	if (fresh) {
		list_remove(heap, &state->empty, first - 1);
		atomic32_sub(&state->nempty, 1);
	}
	if (fresh && note->nfree > 0)
		list_insert(heap, &state->partial, first - 1);
	else if (!fresh && note->nfree == 0)
		list_remove(heap, &state->partial, first - 1);
	return true;
}

static void
slot_push(u32 heap, struct heap_state *state, u32 slot) MUST_HOLD(&state->lock)
{
	u32 slots = atomic32_load_relaxed(&state->slots), slab = slot / slots;
	struct slab_note *note = slab_note(heap, slab);
	*slot_link(heap, slot) = note->free_head;
	note->free_head = slot + 1;
	note->nfree++;
	if (note->nfree == slots) {
		if (note->nfree > 1)
			list_remove(heap, &state->partial, slab);
		list_insert(heap, &state->empty, slab);
		atomic32_add(&state->nempty, 1);
	} else if (note->nfree == 1) {
		list_insert(heap, &state->partial, slab);
	}
}

/* --- failing on purpose --- */

enum : u32 { SLOT_REFUSED = SLOT_NONE - 1 };   /* no heap has this slot: the framework neither takes it nor grows the heap */
enum : u64 { FAIL_FROM = 2000 };               /* slots that the first program gets to start with */
static struct atomic32 fail_every;
static struct atomic64 fail_asked;

void
slab_policy_fail(u32 every)
{
	atomic32_store_relaxed(&fail_every, every);
}

/** Whether it is this one's turn: every run of the kernel with the same calls has the same answers. */
static bool
is_refused(u32 every, u32 wanted)
{
	u64 asked = atomic64_add_relaxed(&fail_asked, wanted);
	return asked >= FAIL_FROM && (asked * 0x9e3779b97f4a7c15 >> 32) % every == 0;
}

static void
slab_take(u32 heap, u32 wanted, struct slot_batch *scoped batch)
{
	u32 every = atomic32_load_relaxed(&fail_every);
	if (__builtin_expect(every != 0, 0) && is_refused(every, wanted)) {
		batch->slots[0] = SLOT_REFUSED;
		batch->n = 1;
		return;
	}
	struct heap_state *state = ELEM(heaps, heap);
	IRQ_SPIN_SCOPE(&state->lock);
	while (batch->n < wanted && slots_pop(heap, state, wanted, batch))
		;
}

static void
slab_give(u32 heap, const struct slot_batch *scoped batch)
{
	struct heap_state *state = ELEM(heaps, heap);
	IRQ_SPIN_SCOPE(&state->lock);
	for (u32 i = 0; i < batch->n; i++)
		slot_push(heap, state, batch->slots[i]);
}

/** What thread/pid.c, thread/cred.c and fs/fd.c find without references. */
static bool
is_found_in_rcu(u32 heap)
{
	static const struct { u8 name[16]; } types[] = { { "file" }, { "cred" }, { "user_account" }, { "thread" }, { "process" }, { "process_group" }, { "session" } };
	struct heap_stat stat = {};
	u8 name[16] = {};
	if (!heap_stat_read(heap, &stat, BYTES_OF(name)))
		return false;
	for (u32 i = 0; i < COUNTOF(types); i++)
		if (cbytes_equal(CBYTES_OF(name), CBYTES_OF(ELEM(types, i)->name)))
			return true;
	return false;
}

static void
slab_added(u32 heap, u32 slab, u32 slots)
{
	struct heap_state *state = ELEM(heaps, heap);
	if (atomic32_load_relaxed(&state->slots) == 0 && is_found_in_rcu(heap))
		atomic32_store_relaxed(&state->keeps, 1);
	IRQ_SPIN_SCOPE(&state->lock);
	atomic32_store_relaxed(&state->slots, slots);
	slab_note(heap, slab)->nfree = 0;
	slab_note(heap, slab)->free_head = 0;
	for (u32 i = slots; i > 0; i--)
		slot_push(heap, state, slab * slots + i - 1);
}

static u32
slab_release(u32 heap, bool urgent)
{
	struct heap_state *state = ELEM(heaps, heap);
	u32 keep = urgent || atomic32_load_relaxed(&state->slots) == 1 ? 0 : EMPTY_KEPT;
	if (atomic32_load_relaxed(&state->keeps) != 0)
		return SLOT_NONE;
	if (atomic32_load_relaxed(&state->nempty) <= keep)   /* a look without the lock, as it is asked after every `give` */
		return SLOT_NONE;
	IRQ_SPIN_SCOPE(&state->lock);
	if (atomic32_load_relaxed(&state->nempty) <= keep)
		return SLOT_NONE;
	u32 slab = state->empty.first - 1;
	list_remove(heap, &state->empty, slab);
	atomic32_sub(&state->nempty, 1);
	return slab;
}

const struct slab_policy slab_policy = {
	.take = slab_take, .give = slab_give, .slab_added = slab_added, .slab_release = slab_release,
};
