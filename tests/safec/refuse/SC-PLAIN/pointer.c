/* SC-PLAIN: bytes from user space into a pointer. */
#include <cadre/fw.h>
struct s { u32 *p; };
err_t f(u64 from) { struct s s = { }; return USER_READ(from, s); }
