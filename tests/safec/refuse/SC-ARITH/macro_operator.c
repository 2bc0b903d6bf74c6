/* SC-ARITH: the operator hidden in a service's macro. */
#define PLUS +
int f(int *p) { return *(p PLUS 1); }
