/* SC-PREPROC: a trigraph. */
int f(void) { return '??/''; }
