/* SC-PREPROC: a suffix that does not begin with an underscore. */
#define MAKE(x) x##latile
int f(void) { MAKE(vo) int y = 0; return y; }
