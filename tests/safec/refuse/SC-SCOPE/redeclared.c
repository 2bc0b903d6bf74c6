/* SC-SCOPE: a declaration drops the mark. */
#include <cadre/safe.h>
static int get(int *scoped p);
static int *kept;
int f(void) { int x = 1; return get(&x); }
static int get2(int *p);
static int get2(int *scoped p) { return *p; }
static int get(int *scoped p) { kept = nullptr; return get2(p); }
