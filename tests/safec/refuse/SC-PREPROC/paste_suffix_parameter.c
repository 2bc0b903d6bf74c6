/* SC-PREPROC: a suffix that is a parameter. */
#define MAKE(x, _mine) x##_mine
int f(void) { MAKE(as, m)("cli"); return 0; }
