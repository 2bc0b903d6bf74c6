/* SC-PLAIN: bytes from user space into a bool. */
#include <cadre/fw.h>
struct s { bool b; };
err_t f(u64 from) { struct s s = { }; return USER_READ(from, s); }
