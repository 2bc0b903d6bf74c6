/* SC-PLAIN: bytes from user space into an enum. */
#include <cadre/fw.h>
enum e { A, B };
struct s { enum e e; };
err_t f(u64 from) { struct s s = { }; return USER_READ(from, s); }
