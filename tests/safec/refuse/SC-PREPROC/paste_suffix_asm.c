/* SC-PREPROC: two underscores begin the suffix. */
#define MAKE(x) x##__asm
void f(void) { MAKE()("cli"); }
