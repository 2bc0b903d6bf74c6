/* SC-PRIVATE: a lock by value. */
#include <cadre/fw.h>
static struct spin_lock a;
struct spin_lock f(void) { return a; }
