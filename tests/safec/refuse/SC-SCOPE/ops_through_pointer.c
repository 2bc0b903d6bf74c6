/* SC-SCOPE: an unmarked function through a pointer to the slot. */
#include <cadre/safe.h>
static int *kept;
typedef int (*reader)(int *scoped p);
static int keep(int *p) { kept = p; return 0; }
static reader slot;
static void set(int (**where)(int *)) { *where = keep; }
int f(void) { int x = 1; set(&slot); return slot(&x); }
