/* SC-PREPROC: a name by its code point. */
int f(void) { int \u00e9 = 0; return \u00e9; }
