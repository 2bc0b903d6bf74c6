/* SC-SCOPE: a scoped parameter takes an inner local's address. */
#include <cadre/safe.h>
int f(int *scoped p, int c) { if (c) { int x = 1; p = &x; } return *p; }
