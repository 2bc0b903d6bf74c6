/* a container's macro: every name ends with a word of the macro's. */
#include <cadre/fw.h>
#define STACK_OF(name, T, capacity)                                                                                    \
	struct name { u32 n; T items[capacity]; };                                                                     \
	static inline bool name##_push(struct name *scoped s, T item)                                                  \
	{                                                                                                              \
		if (s->n >= (capacity))                                                                                \
			return false;                                                                                  \
		s->items[s->n++] = item;                                                                               \
		return true;                                                                                           \
	}                                                                                                              \
	static inline T name##_top(const struct name *scoped s) { return s->n > 0 ? s->items[s->n - 1] : 0; }          \
	static_assert(true)
STACK_OF(byte_stack, u8, 16);
u8 f(u8 x) { struct byte_stack s = {}; return byte_stack_push(&s, x) ? byte_stack_top(&s) : 0; }
