/* SC-SCOPE: a scoped parameter returned. */
#include <cadre/safe.h>
int *f(int *scoped p) { return p; }
