/* the address of an element of a local array. */
#include <cadre/safe.h>
static void set(int *scoped p) { *p = 1; }
int f(void) { int a[4] = { }; set(&a[2]); set(a); for (int i = 0; i < 4; i++) set(&a[i]); return a[2]; }
