/* SC-SCOPE: hidden behind a conditional. */
#include <cadre/safe.h>
static int *kept;
typedef int (*reader)(int *scoped p);
static int keep(int *p) { kept = p; return 0; }
static int good(int *scoped p) { return *p; }
int f(int c) { int x = 1; reader r = c ? good : keep; return r(&x); }
