// SPDX-License-Identifier: MPL-2.0
/**
 * Where a mapping goes: the highest gap below mmap_base that is long enough, as Linux places them, and the layout of a new map.
 *
 * The search goes down from `hint`, above which no gap longer than hint_gap is left: so a program that only maps looks at one
 * area a time.
 */
#include <vm_impl.h>

#include <cadre/boot.h>
#include <cadre/time.h>

enum : u64 {
	PLACE_MIN = 0x10000,                       /* vm.mmap_min_addr */
	PLACE_32BIT_BASE = 0x40000000, PLACE_32BIT_END = 0x80000000,
	STACK_GAP_MIN = (u64)128 << 20, STACK_GAP_MAX = USER_END / 6 * 5, STACK_RANDOM = (u64)16 << 30,
	RANDOM_MMAP_BITS = 28, RANDOM_STACK_PAGES = (u64)1 << 22,
};

/* --- randomness --- */

static struct atomic64 random_state;

/** Unguessable as far as the clock is: steps of a 64-bit mixing function (splitmix64) over time stamps. */
u64
vm_random(u64 below)
{
	u64 x = atomic64_add(&random_state, 0x9e3779b97f4a7c15 ^ clock_now() << 20);
	x += clock_now();
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	x ^= x >> 31;
	return below != 0 ? x % below : 0;
}

struct atomic32 vm_randomize;

bool
vm_map_is_random(struct vm_map *map)
{
	u8 unused[1];
	size_t len = 0;
	return !map->fixed_layout && atomic32_load_relaxed(&vm_randomize) != 0 && !boot_option(TEXT("norandmaps"), BYTES_OF(unused), &len);
}

void
vm_map_set_random(struct vm_map *map, bool random)
{
	MUTEX_SCOPE(&map->lock);
	map->fixed_layout = !random;
	u64 gap = MIN(MAX(rlimit_current(RLIMIT_STACK), STACK_GAP_MIN), STACK_GAP_MAX);
	random = vm_map_is_random(map);
	gap = MIN(gap + STACK_GUARD_GAP + (random ? STACK_RANDOM : 0), STACK_GAP_MAX);
	map->layout.mmap_base = USER_END - align_up(gap, PAGE_SIZE) - (random ? vm_random((u64)1 << RANDOM_MMAP_BITS) << PAGE_SHIFT : 0);
	map->hint = map->layout.mmap_base;
	map->hint_gap = 0;
}

u64
vm_map_stack_top(struct vm_map *map)
{
	return USER_END - (vm_map_is_random(map) ? vm_random(RANDOM_STACK_PAGES) << PAGE_SHIFT : 0);
}

/* --- gaps --- */

/** What lies between the area above a gap and the gap: a stack keeps its distance. */
static u64
gap_end(const struct vm_area *above, u64 limit)
{
	if (above == nullptr)
		return limit;
	u64 guard = (above->flags & VM_GROWSDOWN) != 0 ? STACK_GUARD_GAP : 0;
	return MIN(limit, above->start > guard ? above->start - guard : 0);
}

/** The highest gap of `len` bytes in [low, high); the largest that was passed over, to *passed. => 0: none */
static u64
gap_find(struct vm_map *map, u64 len, u64 low, u64 high, u64 *scoped passed) MUST_HOLD(&map->lock)
{
	struct vm_area *above = area_above(map, high - 1);
	/* An area may reach over `high` from below. */
	if (above != nullptr && above->start < high)
		high = above->start;
	for (u64 end = gap_end(above, high);;) {
		struct vm_area *below = above != nullptr ? vm_area_tree_prev(above) : vm_area_tree_last(&map->areas);
		u64 start = MAX(below != nullptr ? below->end : low, low);
		u64 room = end > start ? end - start : 0;
		if (room >= len)
			return end - len;
		*passed = MAX(*passed, room);
		if (below == nullptr || below->start <= low)
			return 0;
		above = below;
		end = gap_end(above, USER_END);
	}
}

static u64
place_anywhere(struct vm_map *map, u64 len) MUST_HOLD(&map->lock)
{
	u64 base = map->layout.mmap_base, passed = 0;
	if (len <= map->hint_gap || map->hint > base) {
		map->hint = base;
		map->hint_gap = 0;
	}
	u64 at = gap_find(map, len, PLACE_MIN, map->hint, &passed);
	if (at != 0) {
		map->hint = at;
		map->hint_gap = MAX(map->hint_gap, passed);
		return at;
	}
	/* Below the base everything is full: above it, up to the end. */
	passed = 0;
	return gap_find(map, len, PLACE_MIN, USER_END, &passed);
}

void
map_place_freed(struct vm_map *map, u64 start, u64 end)
{
	/* What was freed joins the gap above it: nothing is known of that one any more, but where it ends. */
	if (end <= map->hint || start >= map->layout.mmap_base)
		return;
	struct vm_area *above = area_above(map, end);
	map->hint = above != nullptr ? MIN(above->start, map->layout.mmap_base) : map->layout.mmap_base;
}

static bool
range_is_free(struct vm_map *map, u64 start, u64 len) MUST_HOLD(&map->lock)
{
	struct vm_area *above = area_above(map, start);
	return start + len <= gap_end(above, USER_END);
}

err_t
map_place(struct vm_map *map, const struct vm_request *scoped request, u64 len, u64 *scoped at)
{
	u64 address = request->address.raw, passed = 0;
	bool fixed = request->place == VM_PLACE_FIXED || request->place == VM_PLACE_FIXED_NOREPLACE;
	if (fixed && (address & (PAGE_SIZE - 1)) != 0)
		return EINVAL;
	if (len > USER_END - PLACE_MIN)
		return ENOMEM;
	if (fixed) {
		if (address > USER_END - len)
			return ENOMEM;
		if (address < PLACE_MIN)
			return EPERM;
		if (request->place == VM_PLACE_FIXED_NOREPLACE && !range_is_free(map, address, len)) {
			struct vm_area *above = area_above(map, address);
			if (above->start < address + len)
				return EEXIST;
		}
		*at = address;
		return OK;
	}
	address = align_up(address, PAGE_SIZE);
	if (address >= PLACE_MIN && address <= USER_END - len && range_is_free(map, address, len))
		*at = address;
	else if (request->place == VM_PLACE_32BIT)
		*at = gap_find(map, len, PLACE_32BIT_BASE, PLACE_32BIT_END, &passed);
	else
		*at = place_anywhere(map, len);
	return *at != 0 ? OK : ENOMEM;
}
