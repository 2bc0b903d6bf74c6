/* SC-PLAIN: bytes over bit-fields. */
#include <cadre/fw.h>
struct s { u32 a : 4, b : 28; };
u64 f(void) { struct s s = { }; return bytes_len(BYTES_OF(s)); }
