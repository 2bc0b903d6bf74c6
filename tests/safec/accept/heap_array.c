/* arrays of the typed heap. */
#include <cadre/fw.h>
struct item { u32 a; u64 b; };
ARRAY_DECLARE(item_array, struct item);
u64 sum(struct item_array *a)
{
	u64 s = 0;
	for (u32 i = 0; i < item_array_len(a); i++) {
		s += a->items[i].b;
		a->items[i].a = 3;
		struct item *item = item_array_at(a, i);
		s += item->a;
	}
	return s;
}
u32 first(struct u32_array *a) { return u32_array_len(a) > 0 ? a->items[0] : 0; }
