/* SC-PREPROC: a word across lines. */
int f(void) { ret\
urn 0; }
