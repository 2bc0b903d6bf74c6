/* SC-PREPROC: a directive without use. */
#ident "x"
int f(void) { return 0; }
