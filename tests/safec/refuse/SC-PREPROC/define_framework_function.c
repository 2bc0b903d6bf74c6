/* SC-PREPROC: a function that framework macros call. */
#include <cadre/fw.h>
#define bounds_check(i, n) (i)
static u32 a[4];
u32 f(u32 i) { return *ELEM(a, i); }
