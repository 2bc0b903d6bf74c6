/* SC-PREPROC: a mark taken away. */
#include <cadre/safe.h>
#undef scoped
#define scoped
int f(int *scoped p) { return *p; }
