/* SC-SCOPE: a scoped parameter through an out-parameter. */
#include <cadre/safe.h>
void f(int *scoped p, int **scoped out) { *out = p; }
