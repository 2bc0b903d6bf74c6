/* SC-PREPROC: a keyword from two halves. */
#define CAT(a, b) a##b
int f(void) { CAT(as, m)("cli"); return 0; }
