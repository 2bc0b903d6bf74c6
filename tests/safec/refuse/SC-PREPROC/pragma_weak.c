/* SC-PREPROC: a weak name. */
#pragma weak f
int f(void) { return 0; }
