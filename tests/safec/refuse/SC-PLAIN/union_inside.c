/* SC-PLAIN: bytes over a union. */
#include <cadre/fw.h>
struct s { union { u32 a; u16 b; } u; };
u64 f(void) { struct s s = { }; return bytes_len(BYTES_OF(s)); }
