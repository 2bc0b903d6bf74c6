/* SC-PLAIN: bytes over a function pointer. */
#include <cadre/fw.h>
u64 f(void) { struct { void (*g)(void); } s = { }; return bytes_len(BYTES_OF(s)); }
