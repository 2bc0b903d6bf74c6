/* a function may promise more than the slot asks. */
#include <cadre/safe.h>
static int look(const int *scoped p) { return *p; }
static int (*op)(const int *p);
static int g;
int f(void) { op = look; return op(&g); }
