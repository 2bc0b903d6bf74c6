/* SC-PLAIN: a struct with a hole. */
#include <cadre/fw.h>
struct s { u8 a; u32 b; };
err_t f(u64 from) { struct s s = { }; return USER_READ(from, s); }
