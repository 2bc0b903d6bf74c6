/* SC-ARITH: arithmetic on a pointer to an array. */
static int m[3][3];
int f(void) { return (*(m + 1))[0]; }
