/* SC-PRIVATE: a lock copied. */
#include <cadre/fw.h>
static struct spin_lock a, b;
void f(void) { a = b; }
