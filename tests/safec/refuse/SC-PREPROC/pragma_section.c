/* SC-PREPROC: another section. */
#pragma clang section text=".init"
int f(void) { return 0; }
