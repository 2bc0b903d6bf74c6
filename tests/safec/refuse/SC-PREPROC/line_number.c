/* SC-PREPROC: a number alone. */
# 100
int f(void) { return 0; }
