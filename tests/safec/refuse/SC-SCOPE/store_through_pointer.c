/* SC-SCOPE: through a pointer to a pointer. */
#include <cadre/safe.h>
void f(int **scoped out) { int x = 1; *out = &x; }
