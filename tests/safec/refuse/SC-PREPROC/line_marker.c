/* SC-PREPROC: a forged place, as a marker. */
# 1 "/work/main/framework/include/cadre/safe.h" 3
int *f(unsigned long a) { return (int *)a; }
