/* SC-CAST: a framework function that takes void * called directly. */
#include <cadre/fw.h>
struct pod { u32 x; };
err_t f(u64 from) { struct pod p = { }; return user_read(from, &p, 100000); }
