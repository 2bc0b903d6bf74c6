/* a pointer to a local array goes down. */
#include <cadre/safe.h>
static int total(int (*scoped a)[4]) { int s = 0; for (int i = 0; i < 4; i++) s += (*a)[i]; return s; }
int f(void) { int a[4] = { 1, 2 }; return total(&a); }
