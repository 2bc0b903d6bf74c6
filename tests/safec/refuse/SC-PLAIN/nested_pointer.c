/* SC-PLAIN: a pointer deep inside. */
#include <cadre/fw.h>
struct in { u32 *p; }; struct s { u64 x; struct in in[2]; };
u64 f(void) { struct s s = { }; return bytes_len(BYTES_OF(s)); }
