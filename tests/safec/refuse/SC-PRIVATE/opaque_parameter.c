/* SC-PRIVATE: a lock by value. */
#include <cadre/fw.h>
void f(struct spin_lock l) { }
