/* SC-ARITH: past one variable to the next. */
static int a;
int f(void) { return *(&a + 1); }
