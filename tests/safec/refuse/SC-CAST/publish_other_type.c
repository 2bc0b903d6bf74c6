/* SC-CAST: a pointer of another type published. */
#include <cadre/fw.h>
struct a { u32 *p; }; struct b { u64 n; };
static struct a *slot;
void f(struct b *b) { POINTER_PUBLISH(slot, b); }
