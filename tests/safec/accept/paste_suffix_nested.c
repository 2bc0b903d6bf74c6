/* pasted names that go into a framework macro, which pastes more to them. */
#include <cadre/fw.h>
#define TREE_OF(name)                                                                                                  \
	struct name##_node { struct name##_node *below; };                                                             \
	OBJECT_DECLARE(name##_node);                                                                                   \
	struct name { struct name##_node *root; };                                                                     \
	static inline bool name##_grow(struct name *scoped tree)                                                       \
	{                                                                                                              \
		struct name##_node *node = name##_node_alloc();                                                        \
		if (node == nullptr)                                                                                   \
			return false;                                                                                  \
		POINTER_PUBLISH(node->below, tree->root);                                                              \
		POINTER_PUBLISH(tree->root, node);                                                                     \
		return true;                                                                                           \
	}                                                                                                              \
	static_assert(true)
TREE_OF(area);
static struct area all;
bool f(void) { return area_grow(&all); }
