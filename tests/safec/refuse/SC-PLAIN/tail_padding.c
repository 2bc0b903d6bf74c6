/* SC-PLAIN: a struct with a hole at its end. */
#include <cadre/fw.h>
struct s { u32 b; u8 a; };
struct bytes g(struct bytes b);
err_t f(u64 from) { struct s s = { }; return USER_READ(from, s); }
