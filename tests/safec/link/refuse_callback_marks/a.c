/* SC-ODR: a field whose function pointer has another mark. */
#include <cadre/safe.h>
struct ops { int (*get)(int *scoped p); };
int fa(struct ops *o) { int x = 1; return o->get(&x); }
