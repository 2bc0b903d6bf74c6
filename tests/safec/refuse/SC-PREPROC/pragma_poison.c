/* SC-PREPROC: a word poisoned. */
#pragma GCC poison f
int g(void) { return 0; }
