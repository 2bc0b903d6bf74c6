/* pasted calls in a loop, and a chain that begins and ends with words of its own. */
#include <cadre/fw.h>
struct item { struct item *next; };
static struct item *first;
static inline struct item *items_first(void) { return first; }
static inline struct item *items_next(struct item *i) { return i->next; }
#define FOR(name, each) for (auto each = name##_first(); each != nullptr; each = name##_next(each))
#define KEEP(x) static u32 own_##count##_of_##x
KEEP(items);
u32 f(void) { FOR(items, i) own_count_of_items += 1; return own_count_of_items; }
