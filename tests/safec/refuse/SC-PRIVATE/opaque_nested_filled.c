/* SC-PRIVATE: a lock filled inside a struct. */
#include <cadre/fw.h>
struct s { int x; struct spin_lock l; };
static struct s s = { 1, { 7 } };
