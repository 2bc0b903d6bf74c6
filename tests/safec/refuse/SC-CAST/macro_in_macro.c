/* SC-CAST: one framework macro's value as another's argument. */
#include <cadre/fw.h>
struct a { u32 *p; }; struct b { u64 n; };
static struct a *slot_a;
static struct b *slot_b;
void f(void) { POINTER_PUBLISH(slot_a, POINTER_LOAD(slot_b)); }
