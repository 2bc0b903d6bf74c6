/* SC-BUILTIN: a builtin whose end is written out. */
#define MAKE(x) x##_trap
void f(void) { MAKE(__builtin)(); }
