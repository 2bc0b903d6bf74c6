/* SC-PREPROC: if means something else. */
#define if while
int f(int x) { if (x) x--; return x; }
