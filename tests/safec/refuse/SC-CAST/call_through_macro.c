/* SC-CAST: a framework function with void * through a service macro. */
#include <cadre/fw.h>
#define CALL(fn, ...) fn(__VA_ARGS__)
err_t f(u64 a, u64 *p) { return CALL(user_read, a, p, 800); }
