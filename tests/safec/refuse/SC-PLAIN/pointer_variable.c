/* SC-PLAIN: bytes over a pointer variable. */
#include <cadre/fw.h>
u64 f(u32 *p) { u32 *q = p; return bytes_len(BYTES_OF(q)); }
