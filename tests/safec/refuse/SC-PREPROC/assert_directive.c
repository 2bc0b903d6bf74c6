/* SC-PREPROC: an old extension. */
#assert machine(x86)
int f(void) { return 0; }
