/* SC-PREPROC: a forged place. */
#line 1 "/work/main/framework/include/cadre/safe.h"
int *f(unsigned long a) { return (int *)a; }
