/* SC-PREPROC: a macro of the compiler's. */
#undef __LINE__
int f(void) { return 0; }
