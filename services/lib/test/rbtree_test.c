// SPDX-License-Identifier: MPL-2.0
// Typed red-black trees, against an array that says what should be in.
#include <cadre/rbtree.h>
#include <test.h>

struct node {
	u32 key;
	RBTREE_LINK(struct node) link;
};

static int
node_compare(const struct node *scoped a, const struct node *scoped b)
{
	return (a->key > b->key) - (a->key < b->key);
}
RBTREE_OF(node_tree, struct node, link, node_compare);

enum : u32 { NODES = 512 };
static struct node nodes[NODES];
static bool in[NODES];
static struct node_tree tree;
static u32 random = 1;

static u32
next_random(void)
{
	random = random * 1103515245 + 12345;
	return random >> 8;
}

static void
fresh(void)
{
	tree = (struct node_tree){};
	for (u32 i = 0; i < NODES; i++) {
		nodes[i] = (struct node){ .key = i };
		in[i] = false;
	}
}

/** Black height below `node`; a red node's children are black, and children know their parent. */
static u32
check(const struct node *node, const struct node *parent)
{
	if (node == nullptr)
		return 1;
	EXPECT(node->link.parent == parent);
	EXPECT(!node->link.red || parent == nullptr || !parent->link.red);
	u32 left = check(node->link.child[0], node), right = check(node->link.child[1], node);
	EXPECT_EQ(left, right);
	return left + (node->link.red ? 0 : 1);
}

/** The tree is a red-black tree and has exactly what `in` says, in order. */
static void
check_all(void)
{
	u32 key = 0, n = 0;

	EXPECT(tree.root == nullptr || !tree.root->link.red);
	(void)check(tree.root, nullptr);
	RBTREE_FOR(node_tree, node, &tree) {
		while (key < NODES && !in[key])
			key++;
		EXPECT(key < NODES && node == &nodes[key]);
		key++;
		n++;
	}
	while (key < NODES && !in[key])
		key++;
	EXPECT_EQ(key, NODES);
	for (struct node *node = node_tree_last(&tree); node != nullptr; node = node_tree_prev(node))
		n--;
	EXPECT_EQ(n, 0);
}

static void
toggle(u32 key)
{
	if (in[key])
		node_tree_remove(&tree, &nodes[key]);
	else
		EXPECT(node_tree_insert(&tree, &nodes[key]));
	in[key] = !in[key];
}

TEST(an_all_zero_tree_is_empty)
{
	fresh();
	EXPECT(node_tree_empty(&tree) && node_tree_first(&tree) == nullptr && node_tree_last(&tree) == nullptr);
	EXPECT(node_tree_find(&tree, &(struct node){ .key = 1 }) == nullptr);
	EXPECT(node_tree_floor(&tree, &(struct node){ .key = 1 }) == nullptr);
}

TEST(ascending_and_descending_inserts_keep_the_tree_balanced)
{
	fresh();
	for (u32 i = 0; i < NODES; i++)
		toggle(i);
	check_all();
	for (u32 i = 0; i < NODES; i += 3)
		toggle(i);
	check_all();
	fresh();
	for (u32 i = NODES; i > 0; i--)
		toggle(i - 1);
	check_all();
	for (u32 i = NODES; i > 0; i--)
		toggle(i - 1);
	EXPECT(node_tree_empty(&tree));
}

TEST(random_inserts_and_removals_keep_the_tree_balanced)
{
	fresh();
	for (u32 round = 0; round < 100; round++) {
		for (u32 i = 0; i < 64; i++)
			toggle(next_random() % (round % 2 == 0 ? NODES : 40));
		check_all();
	}
}

TEST(lookups_find_the_item_or_its_neighbours)
{
	fresh();
	for (u32 i = 10; i < NODES; i += 10)
		toggle(i);
	EXPECT(node_tree_find(&tree, &(struct node){ .key = 50 }) == &nodes[50]);
	EXPECT(node_tree_find(&tree, &(struct node){ .key = 51 }) == nullptr);
	EXPECT(node_tree_floor(&tree, &(struct node){ .key = 59 }) == &nodes[50]);
	EXPECT(node_tree_floor(&tree, &(struct node){ .key = 60 }) == &nodes[60]);
	EXPECT(node_tree_floor(&tree, &(struct node){ .key = 9 }) == nullptr);
	EXPECT(node_tree_ceiling(&tree, &(struct node){ .key = 51 }) == &nodes[60]);
	EXPECT(node_tree_ceiling(&tree, &(struct node){ .key = 60 }) == &nodes[60]);
	EXPECT(node_tree_ceiling(&tree, &(struct node){ .key = 511 }) == nullptr);
}

TEST(an_equal_item_is_refused_and_the_same_one_traps)
{
	struct node twin = { .key = 7 };

	fresh();
	toggle(7);
	EXPECT(!node_tree_insert(&tree, &twin));
	EXPECT(twin.link.parent == nullptr && twin.link.child[0] == nullptr);
	EXPECT_TRAP(node_tree_insert(&tree, &nodes[7]));
	toggle(5);
	toggle(9);
	EXPECT_TRAP(node_tree_insert(&tree, &nodes[5]));
	EXPECT_TRAP(node_tree_remove(&tree, &twin));
	toggle(5);
	EXPECT_TRAP(node_tree_remove(&tree, &nodes[5]));
	check_all();
}
