/* SC-PREPROC: warnings off. */
#pragma GCC system_header
int f(void) { return 0; }
