/* SC-PREPROC: another way to compile. */
#pragma clang optimize off
int f(void) { return 0; }
