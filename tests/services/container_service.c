// SPDX-License-Identifier: MPL-2.0
/**
 * A service that uses every typed container: shows that what the macros make is Safe C, and that heap objects go in and
 * out of them.
 */
#include "container_service.h"
#include <cadre/sync.h>
#include <cadre/list.h>
#include <cadre/rbtree.h>
#include <ring.h>
#include <xarray.h>

struct entry {
	u64 key;
	LIST_LINK(struct entry) link;
	RBTREE_LINK(struct entry) node;
};
OBJECT_DECLARE(entry);
OBJECT_DEFINE(entry);

static int
entry_compare(const struct entry *scoped a, const struct entry *scoped b)
{
	return a->key < b->key ? -1 : a->key > b->key ? 1 : 0;
}

LIST_OF(entry_list, struct entry, link);
RBTREE_OF(entry_tree, struct entry, node, entry_compare);
XARRAY_OF(entry_map, struct entry);
XARRAY_DEFINE(entry_map);
RING_OF(entry_ring, struct entry *, 16);

enum : u64 { ENTRIES = 200, STRIDE = 1000003 };

static struct entry_list list;
static struct entry_tree tree;
static struct entry_map map;
static struct entry_ring ring;

/** Enters entries of scattered keys everywhere. */
static u32
fill(void)
{
	u32 wrong = 0;

	for (u64 i = 0; i < ENTRIES; i++) {
		struct entry *entry = entry_alloc();
		if (entry == nullptr)
			return wrong + 1;
		entry->key = i * 7 % ENTRIES * STRIDE;
		entry_list_push_back(&list, entry);
		wrong += entry_tree_insert(&tree, entry) ? 0 : 1;
		wrong += entry_map_insert(&map, entry->key, entry) == OK ? 0 : 1;
		wrong += entry_ring_push(&ring, entry) == (i < 16) ? 0 : 1;
	}
	return wrong;
}

/** Looks everything up, in order and by key. */
static u32
look(void)
{
	struct entry key = {};
	u64 expected = 0, index = 0;
	u32 wrong = 0;

	RBTREE_FOR(entry_tree, entry, &tree) {
		wrong += entry->key == expected ? 0 : 1;
		expected += STRIDE;
	}
	expected = 0;
	XARRAY_FOR(entry_map, index, entry, &map) {
		wrong += index == expected && entry->key == index ? 0 : 1;
		expected += STRIDE;
	}
	key.key = 5 * STRIDE + 1;
	struct entry *below = entry_tree_floor(&tree, &key);
	wrong += below != nullptr && below->key == 5 * STRIDE ? 0 : 1;
	RCU_SCOPE();
	wrong += entry_map_load(&map, 5 * STRIDE) == below ? 0 : 1;
	return wrong;
}

/** Takes everything out and lets it go. */
static u32
drain(void)
{
	struct entry *entry = nullptr;
	u32 wrong = 0;

	while (entry_ring_pop(&ring, &entry))
		wrong += entry_list_linked(&list, entry) ? 0 : 1;
	LIST_FOR_REMOVING(entry_list, each, &list) {
		entry_list_remove(&list, each);
		entry_tree_remove(&tree, each);
		wrong += entry_map_remove(&map, each->key) == each ? 0 : 1;
		entry_put(each);
	}
	return wrong + (entry_list_empty(&list) && entry_tree_empty(&tree) && entry_map_empty(&map) ? 0 : 1);
}

u32
container_service_run(void)
{
	u32 wrong = fill();

	wrong += look();
	return wrong + drain();
}
