/* SC-PLAIN: bytes over a lock. */
#include <cadre/fw.h>
static struct spin_lock l;
u64 f(void) { return bytes_len(BYTES_OF(l)); }
