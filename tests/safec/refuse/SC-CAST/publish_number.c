/* SC-CAST: a number published as a pointer. */
#include <cadre/fw.h>
static u32 *slot;
void f(u64 n) { POINTER_PUBLISH(slot, n); }
