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

struct sample {
	u64 key;
	LIST_LINK(struct sample) link;
	RBTREE_LINK(struct sample) node;
};
OBJECT_DECLARE(sample);
OBJECT_DEFINE(sample);

static int
sample_compare(const struct sample *scoped a, const struct sample *scoped b)
{
	return a->key < b->key ? -1 : a->key > b->key ? 1 : 0;
}

LIST_OF(sample_list, struct sample, link);
RBTREE_OF(sample_tree, struct sample, node, sample_compare);
XARRAY_OF(sample_map, struct sample);
XARRAY_DEFINE(sample_map);
RING_OF(sample_ring, struct sample *, 16);

enum : u64 { ENTRIES = 200, STRIDE = 1000003 };

static struct sample_list list;
static struct sample_tree tree;
static struct sample_map map;
static struct sample_ring ring;

/** Enters entries of scattered keys everywhere. */
static u32
fill(void)
{
	u32 wrong = 0;

	for (u64 i = 0; i < ENTRIES; i++) {
		struct sample *sample = sample_alloc();
		if (sample == nullptr)
			return wrong + 1;
		sample->key = i * 7 % ENTRIES * STRIDE;
		sample_list_push_back(&list, sample);
		wrong += sample_tree_insert(&tree, sample) ? 0 : 1;
		wrong += sample_map_insert(&map, sample->key, sample) == OK ? 0 : 1;
		wrong += sample_ring_push(&ring, sample) == (i < 16) ? 0 : 1;
	}
	return wrong;
}

/** Looks everything up, in order and by key. */
static u32
look(void)
{
	struct sample key = {};
	u64 expected = 0, index = 0;
	u32 wrong = 0;

	RBTREE_FOR(sample_tree, sample, &tree) {
		wrong += sample->key == expected ? 0 : 1;
		expected += STRIDE;
	}
	expected = 0;
	XARRAY_FOR(sample_map, index, sample, &map) {
		wrong += index == expected && sample->key == index ? 0 : 1;
		expected += STRIDE;
	}
	key.key = 5 * STRIDE + 1;
	struct sample *below = sample_tree_floor(&tree, &key);
	wrong += below != nullptr && below->key == 5 * STRIDE ? 0 : 1;
	RCU_SCOPE();
	wrong += sample_map_load(&map, 5 * STRIDE) == below ? 0 : 1;
	return wrong;
}

/** Takes everything out and lets it go. */
static u32
drain(void)
{
	struct sample *sample = nullptr;
	u32 wrong = 0;

	while (sample_ring_pop(&ring, &sample))
		wrong += sample_list_linked(&list, sample) ? 0 : 1;
	LIST_FOR_REMOVING(sample_list, each, &list) {
		sample_list_remove(&list, each);
		sample_tree_remove(&tree, each);
		wrong += sample_map_remove(&map, each->key) == each ? 0 : 1;
		sample_put(each);
	}
	return wrong + (sample_list_empty(&list) && sample_tree_empty(&tree) && sample_map_empty(&map) ? 0 : 1);
}

u32
container_service_run(void)
{
	u32 wrong = fill();

	wrong += look();
	return wrong + drain();
}
