/* SC-PREPROC: the operator form. */
_Pragma("clang optimize off") int f(void) { return 0; }
