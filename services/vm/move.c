// SPDX-License-Identifier: MPL-2.0
/**
 * mremap(2): mappings that grow, shrink and move.
 *
 * A move maps the pages a second time at the new place, and only then takes them out of the old one: so nothing is lost where
 * memory for tables runs out halfway.
 */
#include <vm_impl.h>

enum : u64 { MOVE_CHUNK = 512 * PAGE_SIZE };

/** Maps what is present in `len` bytes at `from` at `to` as well, under one cursor over both. => ENOMEM */
static err_t
chunk_share(struct vm_map *map, u64 from, u64 to, u64 len)
{
	VM_CURSOR_SCOPE(cursor);
	TRY(vm_cursor_open(map->space, UADDR(MIN(from, to)), UADDR(MAX(from, to) + len), &cursor));
	vm_cursor_seek(&cursor, UADDR(from));
	while (vm_cursor_at(&cursor).raw < from + len && vm_cursor_next(&cursor)) {
		u64 at = vm_cursor_at(&cursor).raw;
		if (at >= from + len)
			break;
		struct vm_entry entry = vm_cursor_query(&cursor);
		if (entry.frame != nullptr) {
			vm_cursor_seek(&cursor, UADDR(to + (at - from)));
			TRY(vm_cursor_map(&cursor, entry.frame, entry.prot, VM_CACHE_BACK));
		}
		vm_cursor_seek(&cursor, UADDR(at + PAGE_SIZE));
	}
	return OK;
}

static err_t
pages_share(struct vm_map *map, u64 from, u64 to, u64 len)
{
	for (u64 off = 0; off < len; off += MOVE_CHUNK)
		TRY(chunk_share(map, from + off, to + off, MIN(MOVE_CHUNK, len - off)));
	return OK;
}

/** A new area like `area` from `old` on, at `to`, charged for. */
static err_t
area_twin(struct vm_map *map, const struct vm_area *scoped area, u64 old, u64 to, u64 len, struct vm_area **scoped out) MUST_HOLD(&map->lock)
{
	u64 charge = area->charged != 0 ? pages_of(len) : 0;
	if (map->area_count >= atomic32_load_relaxed(&vm_areas_max))
		return ENOMEM;
	TRY(vm_commit_charge(charge));
	struct vm_area *twin = area_tail(area, old);
	if (twin == nullptr) {
		vm_commit_uncharge(charge);
		return ENOMEM;
	}
	twin->start = to;
	twin->end = to + len;
	twin->charged = charge;
	map->charged += charge;
	area_insert(map, twin);
	*out = twin;
	return OK;
}

/** Moves [old, old + old_len), in one area, to `to`, which is free; new_len long there. */
static err_t
range_move(struct vm_map *map, const struct vm_remap *scoped remap, u64 to) MUST_HOLD(&map->lock)
{
	struct vm_area *area = area_above(map, remap->old), *twin = nullptr;
	TRY(area_twin(map, area, remap->old, to, remap->new_len, &twin));
	err_t err = pages_share(map, remap->old, to, MIN(remap->old_len, remap->new_len));
	if (err == OK && !remap->keep)
		err = map_remove_locked(map, remap->old, remap->old + remap->old_len);
	else if (err == OK)
		map_zap(map, remap->old, remap->old + remap->old_len);
	if (err != OK)
		(void)map_remove_locked(map, to, to + remap->new_len);
	else
		(void)area_merge(map, twin);
	return err;
}

/** The area that has all of the old range, with room for it to grow in the limits. => EFAULT, EINVAL, ENOMEM, EAGAIN */
static err_t
remap_check(struct vm_map *map, const struct vm_remap *scoped remap, struct vm_area **scoped out) MUST_HOLD(&map->lock)
{
	struct vm_area *area = area_above(map, remap->old);
	if (area == nullptr || area->start > remap->old)
		return EFAULT;
	/* An old length of 0 asks for a second mapping of shared pages. */
	if (remap->old_len == 0 && (area->flags & VM_SHARED) == 0)
		return EINVAL;
	if (remap->old_len > area->end - remap->old || (area->flags & (VM_PFNMAP | VM_VDSO)) != 0)
		return EFAULT;
	u64 offset = area->offset + (remap->old - area->start);
	if (offset + remap->new_len < offset)
		return EINVAL;
	if (remap->new_len > remap->old_len)
		TRY(map_check_limits(map, remap->new_len - remap->old_len, area->prot, area->flags));
	*out = area;
	return OK;
}

/** Makes the area longer where it is. => false: something is in the way; *err where it fails */
static bool
grow_in_place(struct vm_map *map, struct vm_area *area, u64 more, err_t *scoped err) MUST_HOLD(&map->lock)
{
	const struct vm_area *next = vm_area_tree_next(area);
	u64 limit = next == nullptr ? USER_END : (next->flags & VM_GROWSDOWN) != 0 ? next->start - STACK_GUARD_GAP : next->start;
	if (limit < area->end || limit - area->end < more)
		return false;
	u64 charge = area->charged != 0 ? pages_of(more) : 0;
	*err = vm_commit_charge(charge);
	if (*err != OK)
		return true;
	area_account(map, area, -1);
	areas_change_begin(map);
	POINTER_PUBLISH(area->end, area->end + more);
	areas_change_end(map);
	area->charged += charge;
	map->charged += charge;
	area_account(map, area, 1);
	(void)area_merge(map, area);
	return true;
}

/** With a place of its own choosing, or any. */
static err_t
remap_move(struct vm_map *map, const struct vm_remap *scoped remap, u64 *scoped at) MUST_HOLD(&map->lock)
{
	struct vm_request place = { .address = UADDR(remap->to), .place = remap->fixed ? VM_PLACE_FIXED : VM_PLACE_HINT };
	TRY(map_place(map, &place, remap->new_len, at));
	if (remap->fixed)
		TRY(map_remove_locked(map, *at, *at + remap->new_len));
	return range_move(map, remap, *at);
}

err_t
vm_map_remap(struct vm_map *map, const struct vm_remap *scoped asked, uaddr_t *scoped out)
{
	struct vm_remap remap = *asked;
	struct vm_area *area = nullptr;
	u64 at = remap.old;
	MUTEX_SCOPE(&map->lock);
	if (!remap.fixed && !remap.keep && remap.old_len >= remap.new_len && remap.old_len != 0) {
		const struct vm_area *first = area_above(map, remap.old);
		if (first == nullptr || first->start > remap.old)
			return EFAULT;
		*out = UADDR(at);
		return remap.old_len > remap.new_len ? map_remove_locked(map, at + remap.new_len, at + remap.old_len) : OK;
	}
	TRY(remap_check(map, &remap, &area));
	if (remap.fixed || remap.keep) {
		if (remap.old_len > remap.new_len) {
			TRY(map_remove_locked(map, remap.old + remap.new_len, remap.old + remap.old_len));
			remap.old_len = remap.new_len;
		}
		TRY(remap_move(map, &remap, &at));
		*out = UADDR(at);
		return OK;
	}
	err_t err = OK;
	bool at_end = remap.old_len == area->end - remap.old && remap.old_len != 0;
	if (!at_end || !grow_in_place(map, area, remap.new_len - remap.old_len, &err)) {
		if (!remap.may_move)
			return ENOMEM;
		err = remap_move(map, &remap, &at);
	}
	*out = UADDR(at);
	return err;
}

err_t
vm_map_shift_file(struct vm_map *map, uaddr_t at, u64 len, u64 offset)
{
	MUTEX_SCOPE(&map->lock);
	struct vm_area *area = area_above(map, at.raw);
	if (area == nullptr || area->start > at.raw || (area->flags & VM_SHARED) == 0 || len > area->end - at.raw)
		return EINVAL;
	TRY(area_split(map, at.raw));
	TRY(area_split(map, at.raw + len));
	area = area_above(map, at.raw);
	areas_change_begin(map);
	POINTER_PUBLISH(area->offset, offset);
	areas_change_end(map);
	map_zap(map, area->start, area->end);
	(void)area_merge(map, area);
	return OK;
}
