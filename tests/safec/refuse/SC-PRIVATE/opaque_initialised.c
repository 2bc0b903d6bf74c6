/* SC-PRIVATE: a lock initialised from another. */
#include <cadre/fw.h>
static struct spin_lock a;
void f(void) { struct spin_lock l = a; spin_acquire(&l); }
