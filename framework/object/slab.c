// SPDX-License-Identifier: MPL-2.0
/**
 * Heaps, their windows of addresses, and the memory behind slabs.
 *
 * A slab's states: NONE (no memory; its number is on `unused`, or beyond nslabs) → BACKED (slab_grow) → GOING
 * (slab_retire, only with all
 * slots free; unmapped, its number is on `draining`) → NONE (slab_flush, once each CPU has forgotten the mapping). A
 * number is therefore never
 * mapped to new memory while a CPU may still see the old.
 *
 * Which heap an address belongs to stands in a table with an entry for each granule, written once, when a window is
 * claimed: heap id * 4 + window.
 * The table takes the first granules itself; a page of it is mapped before the first granule that it tells of is
 * claimed.
 */
#include <arch/string.h>
#include <object/slab.h>

enum : u32 { SLAB_BATCH_PAGES = 64, HEAP_BASE_SLABS = 4, SLOTS_MAX = 1u << 31 };

static struct raw_lock heap_lock;
struct heap heaps[HEAPS_MAX];                       /* [const] from 1 to heap_last, but for what struct heap says */
static u32 heap_last;                                      /* [heap_lock; read atomically] highest id */
u32 heap_next_granule = HEAP_FIRST_GRANULE;         /* [heap_lock; read atomically] granules below are claimed */
static u64 draining_pages;                                 /* [atomic] behind slabs that are draining */
static u32 flush_running;                                  /* [atomic] */

/* --- heaps --- */

void
heap_init(void)
{
	static_assert(HEAPS_MAX * HEAP_WINDOWS_EACH <= 1 << 16);
	if (!kspace_back_once(HEAP_BASE, FRAME_KERNEL))
		panic("no memory for the heap's table");
}

u32 heap_count(void) { return __atomic_load_n(&heap_last, __ATOMIC_ACQUIRE); }

struct heap *heap_at(u32 id) { return id > 0 && id <= heap_count() ? &heaps[id] : nullptr; }

struct heap *
heap_of(const struct heap_type *type, u32 class)
{
	if (type->align > PAGE_SIZE)
		misuse("a heap type aligned to more than a page");
	fw_assert(class < type->nids);
	struct heap *heap = heap_at(__atomic_load_n(&type->ids[class], __ATOMIC_ACQUIRE));
	/* The id lies in memory of the image that no service can name; that it is right is checked all the same. */
	if (heap != nullptr && heap->type == type && heap->class == class)
		return heap;
	u64 flags = raw_acquire(&heap_lock);
	heap = heap_at(type->ids[class]);
	if (heap == nullptr && heap_last + 1 < HEAPS_MAX) {
		heap = &heaps[heap_last + 1];
		heap_geometry(heap, type, class);
		heap->id = heap_last + 1;
		__atomic_store_n(&heap_last, heap->id, __ATOMIC_RELEASE);
		__atomic_store_n(&type->ids[class], heap->id, __ATOMIC_RELEASE);
	}
	raw_release(&heap_lock, flags);
	return heap != nullptr && heap->type == type && heap->class == class ? heap : nullptr;
}

/* --- windows --- */

/** Bytes of a heap's window number k. */
static u64
window_bytes(const struct heap *heap, u32 k)
{
	return MAX((u64)1 << HEAP_GRANULE_SHIFT, (u64)HEAP_BASE_SLABS << heap->slab_shift) << 5 * k;
}

/** Makes sure that the table has memory for granules [first, end). => false: no memory. */
static bool
granules_back(u32 first, u32 end)
{
	for (u64 page = align_down((u64)granule_entry(first), PAGE_SIZE); page < (u64)granule_entry(end); page += PAGE_SIZE)
		if (!kspace_back_once(page, FRAME_KERNEL))
			return false;
	return true;
}

/** Claims window k for the heap, unless another CPU has. => false: no memory, or no addresses or slot numbers left. */
static bool
window_claim(struct heap *heap, u32 k)
{
	u64 bytes = window_bytes(heap, k), n = bytes >> HEAP_GRANULE_SHIFT;
	u32 first = k == 0 ? 0 : heap->windows[k - 1].first + heap->windows[k - 1].nslabs;
	u64 nslabs = MIN(heap_window_slabs(heap, bytes), SLOTS_MAX / heap->slots - first);
	u32 start;
	do {
		start = __atomic_load_n(&heap_next_granule, __ATOMIC_ACQUIRE);
		if (range_exceeds(start, n, HEAP_GRANULES) || nslabs == 0 || !granules_back(start, start + (u32)n))
			return false;
		u64 flags = raw_acquire(&heap_lock);
		bool mine = start == heap_next_granule && heap->nwindows == k;
		if (mine) {
			u64 base = HEAP_BASE + ((u64)start << HEAP_GRANULE_SHIFT);
			/*
			 * SAFETY: the notes lie behind the slabs in the window, which is the heap's for ever; see
			 * heap_window_slabs.
			 */
			heap->windows[k] = (struct heap_window){ .base = base, .bytes = nslabs << heap->slab_shift, .first = first, .nslabs = (u32)nslabs,
				.slabs = (struct slab *)(base + (nslabs << heap->slab_shift)) };
			for (u32 g = start; g < start + n; g++)
				__atomic_store_n(granule_entry(g), (u16)(heap->id * HEAP_WINDOWS_EACH + k), __ATOMIC_RELAXED);
			__atomic_store_n(&heap->nwindows, k + 1, __ATOMIC_RELEASE);
			__atomic_store_n(&heap_next_granule, start + (u32)n, __ATOMIC_RELEASE);
		}
		raw_release(&heap_lock, flags);
		if (mine)
			return true;
	} while (__atomic_load_n(&heap->nwindows, __ATOMIC_ACQUIRE) == k);
	return true;
}

bool heap_window_hit(u64 address) { return address - HEAP_BASE < (u64)HEAP_GRANULES << HEAP_GRANULE_SHIFT; }

/** The window that slab number `slab` lies in; null: none yet. */
static const struct heap_window *
slab_window(const struct heap *heap, u32 slab)
{
	u32 n = __atomic_load_n(&heap->nwindows, __ATOMIC_ACQUIRE);
	for (u32 k = 0; k < n && k < HEAP_WINDOWS_EACH; k++)
		if (slab - heap->windows[k].first < heap->windows[k].nslabs)
			return &heap->windows[k];
	return nullptr;
}

/** The slab of a number that has been used: its note has memory. */
static struct slab *
slab_at(const struct heap *heap, u32 slab)
{
	const struct heap_window *window = slab_window(heap, slab);
	fw_assert(window != nullptr);
	/* SAFETY: below nslabs of the window (slab_window), and used before, so its note's page is mapped for ever. */
	return &window->slabs[slab - window->first];
}

static u64
slab_base(const struct heap *heap, u32 slab)
{
	const struct heap_window *window = slab_window(heap, slab);
	fw_assert(window != nullptr);
	return window->base + ((u64)(slab - window->first) << heap->slab_shift);
}

/* --- slots --- */

struct slot
slot_at(struct heap *heap, u32 number)
{
	u32 slab = number / heap->slots;
	u64 object = slab_base(heap, slab) + heap->offset + (u64)(number % heap->slots) * heap->stride;
	return (struct slot){ heap, slab_at(heap, slab), slot_header_at(object), number };
}

struct slot
slot_of(struct slot_header *header)
{
	u64 at = (u64)(header + 1);
	/* SAFETY: slot_header_find has been here, and the slot was used: so the tag names the window, and the slab's note has memory. */
	u32 tag = __atomic_load_n(granule_entry((at - HEAP_BASE) >> HEAP_GRANULE_SHIFT), __ATOMIC_RELAXED);
	struct heap *heap = &heaps[tag / HEAP_WINDOWS_EACH];
	const struct heap_window *window = &heap->windows[tag % HEAP_WINDOWS_EACH];
	u64 slab = (at - window->base) >> heap->slab_shift;
	u64 in = ((at - window->base) & heap->slab_mask) - heap->offset;
	u32 number = (u32)(window->first + slab) * heap->slots + (u32)((in * heap->inverse) >> 32);
	return (struct slot){ heap, &window->slabs[slab], header, number };
}

/** One slot more that is not free. => false: the slab has no memory. */
static bool
slab_enter(struct slab *slab)
{
	u32 word = __atomic_load_n(&slab->word, __ATOMIC_RELAXED);
	do {
		if ((word & SLAB_STATES) != SLAB_BACKED)
			return false;
	} while (!__atomic_compare_exchange_n(&slab->word, &word, word + 1, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	return true;
}

void
slab_leave(struct slab *slab)
{
	u32 word = __atomic_fetch_sub(&slab->word, 1, __ATOMIC_ACQ_REL);
	fw_assert((word & SLAB_STATES) == SLAB_BACKED && word != SLAB_BACKED);
}

bool
slot_enter(struct heap *heap, u32 number, struct slot *out)
{
	if (number / heap->slots >= __atomic_load_n(&heap->nslabs, __ATOMIC_ACQUIRE))
		return false;
	*out = slot_at(heap, number);
	return slab_enter(out->slab);
}

/* --- slabs come and go --- */

static void
list_push(struct heap *heap, u32 *list, u32 slab)
{
	u64 flags = raw_acquire(&heap->lock);
	slab_at(heap, slab)->link = *list;
	*list = slab;
	raw_release(&heap->lock, flags);
}

/** A slab number without memory, now the caller's alone; SLOT_NONE: no memory for its note, or no addresses left. */
static u32
slab_reserve(struct heap *heap)
{
	for (;;) {
		u64 flags = raw_acquire(&heap->lock);
		u32 slab = heap->unused, nwindows = __atomic_load_n(&heap->nwindows, __ATOMIC_ACQUIRE);
		const struct heap_window *window = slab_window(heap, heap->nslabs);
		u64 note = 0;
		if (slab != SLOT_NONE) {
			heap->unused = slab_at(heap, slab)->link;
		} else if (window != nullptr) {
			note = (u64)&window->slabs[heap->nslabs - window->first];
			if (kspace_translate(note) != ~(u64)0) {
				slab = heap->nslabs;
				__atomic_store_n(&heap->nslabs, slab + 1, __ATOMIC_RELEASE);
			}
		}
		raw_release(&heap->lock, flags);
		if (slab != SLOT_NONE)
			return slab;
		if (window != nullptr ? !kspace_back_once(align_down(note, PAGE_SIZE), FRAME_KERNEL)
		                      : nwindows == HEAP_WINDOWS_EACH || !window_claim(heap, nwindows))
			return SLOT_NONE;
	}
}

/** Unmaps the first npages pages of a slab that is the caller's alone. */
static void
slab_drain(struct heap *heap, u32 slab, u64 npages)
{
	kspace_retire(slab_base(heap, slab), npages);
	__atomic_fetch_add(&draining_pages, npages, __ATOMIC_RELAXED);
	list_push(heap, &heap->draining, slab);
}

u32
slab_grow(struct heap *heap)
{
	u32 number = slab_reserve(heap);
	if (number == SLOT_NONE)
		return SLOT_NONE;
	u64 done = kspace_back(slab_base(heap, number), heap->pages, FRAME_HEAP);
	if (done < heap->pages) {
		slab_drain(heap, number, done);
		slab_flush(true);
		return SLOT_NONE;
	}
	for (u32 i = 0; i < heap->slots; i++)
		__atomic_store_n(&slot_at(heap, number * heap->slots + i).header->word, ref_word(SLOT_CLEAN, 0, 0), __ATOMIC_RELAXED);
	__atomic_store_n(&slab_at(heap, number)->word, SLAB_BACKED, __ATOMIC_RELEASE);
	__atomic_fetch_add(&heap->backed, 1, __ATOMIC_RELAXED);
	return number;
}

bool
slab_retire(struct heap *heap, u32 number)
{
	if ((heap->type->flags & HEAP_FRAMEWORK) != 0 || number >= __atomic_load_n(&heap->nslabs, __ATOMIC_ACQUIRE))
		return false;
	u32 word = SLAB_BACKED;
	if (!__atomic_compare_exchange_n(&slab_at(heap, number)->word, &word, SLAB_GOING, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return false;
	__atomic_fetch_sub(&heap->backed, 1, __ATOMIC_RELAXED);
	slab_drain(heap, number, heap->pages);
	return true;
}

/** Frees the pages that slab `number` still has, whose mapping each CPU has forgotten. */
static void
slab_reclaim(struct heap *heap, u32 number)
{
	u64 base = slab_base(heap, number), npages = 0;
	while (npages < heap->pages && kspace_retired(base + (npages << PAGE_SHIFT)))
		npages++;
	kspace_reclaim(base, npages, FRAME_HEAP);
	__atomic_fetch_sub(&draining_pages, npages, __ATOMIC_RELAXED);
	__atomic_store_n(&slab_at(heap, number)->word, SLAB_NONE, __ATOMIC_RELEASE);
}

bool
slab_flush(bool urgent)
{
	u64 pages = __atomic_load_n(&draining_pages, __ATOMIC_RELAXED);
	if (pages == 0 || (!urgent && pages < SLAB_BATCH_PAGES) || !shootdown_allowed())
		return false;
	if (__atomic_exchange_n(&flush_running, 1, __ATOMIC_ACQUIRE) != 0)
		return false;
	for (u32 id = 1; id <= heap_count(); id++) {
		struct heap *heap = heap_at(id);
		u64 flags = raw_acquire(&heap->lock);
		heap->flushing = heap->draining;
		heap->draining = SLOT_NONE;
		raw_release(&heap->lock, flags);
	}
	kspace_flush(HEAP_BASE, (u64)HEAP_GRANULES << (HEAP_GRANULE_SHIFT - PAGE_SHIFT));
	for (u32 id = 1; id <= heap_count(); id++) {
		struct heap *heap = heap_at(id);
		for (u32 number = heap->flushing, next; number != SLOT_NONE; number = next) {
			next = slab_at(heap, number)->link;
			slab_reclaim(heap, number);
			list_push(heap, &heap->unused, number);
		}
	}
	__atomic_store_n(&flush_running, 0, __ATOMIC_RELEASE);
	return true;
}

/* --- what policies may look at --- */

static struct heap *
heap_check(u32 id)
{
	struct heap *heap = heap_at(id);
	if (heap == nullptr)
		misuse("no such heap");
	return heap;
}

struct slab_note *
slab_note(u32 id, u32 slab)
{
	const struct heap *heap = heap_check(id);
	if (slab >= __atomic_load_n(&heap->nslabs, __ATOMIC_ACQUIRE))
		misuse("slab_note: no such slab");
	return &slab_at(heap, slab)->note;
}

u32 *
slot_link(u32 id, u32 number)
{
	struct heap *heap = heap_check(id);
	u32 slab = number / heap->slots;
	if (slab >= __atomic_load_n(&heap->nslabs, __ATOMIC_ACQUIRE) ||
	    (__atomic_load_n(&slab_at(heap, slab)->word, __ATOMIC_ACQUIRE) & SLAB_STATES) != SLAB_BACKED)
		misuse("slot_link: the slot has no memory");
	/* Where the memory goes in between, the access faults, which is the policy's trap. */
	return &slot_at(heap, number).header->link;
}

/** The plain policy that replaces one which trapped: free slots, found by looking at all. What `batch` has is forgotten. */
static void
fallback_take(u32 id, u32 wanted, struct slot_batch *batch)
{
	batch->n = 0;
	struct heap *heap = heap_at(id);
	u32 nslabs = __atomic_load_n(&heap->nslabs, __ATOMIC_ACQUIRE);
	for (u32 number = 0; number < nslabs && batch->n < wanted; number++) {
		struct slab *slab = slab_at(heap, number);
		if (!slab_enter(slab))
			continue;
		for (u32 i = 0; i < heap->slots && batch->n < wanted; i++) {
			u32 state = ref_state(ref_load(&slot_at(heap, number * heap->slots + i).header->word));
			if (state == SLOT_CLEAN || state == SLOT_FREE)
				batch->slots[batch->n++] = number * heap->slots + i;
		}
		slab_leave(slab);
	}
}

static void fallback_give(u32 heap, const struct slot_batch *batch) { (void)heap, (void)batch; }
static void fallback_added(u32 heap, u32 slab, u32 slots) { (void)heap, (void)slab, (void)slots; }

static u32
fallback_release(u32 id, bool urgent)
{
	struct heap *heap = heap_at(id);
	for (u32 number = 0; urgent && number < __atomic_load_n(&heap->nslabs, __ATOMIC_ACQUIRE); number++)
		if (__atomic_load_n(&slab_at(heap, number)->word, __ATOMIC_RELAXED) == SLAB_BACKED)
			return number;
	return SLOT_NONE;
}

const struct slab_policy slab_policy_fallback = {
	.take = fallback_take, .give = fallback_give, .slab_added = fallback_added, .slab_release = fallback_release,
};

/* --- statistics --- */

/** Slots that the policy does not have: in use, or in magazines. */
static u64
heap_used(const struct heap *heap)
{
	u64 used = 0;
	for (u32 number = 0; number < __atomic_load_n(&heap->nslabs, __ATOMIC_ACQUIRE); number++) {
		u32 word = __atomic_load_n(&slab_at(heap, number)->word, __ATOMIC_RELAXED);
		if ((word & SLAB_STATES) == SLAB_BACKED)
			used += word & ~SLAB_STATES;
	}
	return used;
}

bool
heap_is_ample(const struct heap *heap)
{
	u64 slabs = __atomic_load_n(&heap->backed, __ATOMIC_RELAXED), slots = slabs * heap->slots;
	return (slabs & (slabs - 1)) == 0 && slots > HEAP_FREE_MAX && slots - MIN(heap_used(heap), slots) > HEAP_FREE_MAX + 2 * heap->slots;
}

bool
heap_stat_read(u32 id, struct heap_stat *out, struct bytes name)
{
	const struct heap *heap = heap_at(id);
	if (heap == nullptr)
		return false;
	bytes_fill(name, 0);
	for (size_t i = 0; i < name.len && heap->type->name[i] != 0; i++)
		name.ptr[i] = (u8)heap->type->name[i];
	u64 used = heap_used(heap);
	*out = (struct heap_stat){
		.live = used - MIN(used, magazines_count(heap)), .pages = (u64)__atomic_load_n(&heap->backed, __ATOMIC_RELAXED) * heap->pages,
		.size = heap->slots == 1 ? (u64)heap->pages << PAGE_SHIFT : heap->stride,
	};
	return true;
}
