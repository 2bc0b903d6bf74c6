/* SC-PREPROC: a name replaced. */
#pragma redefine_extname f g
int f(void) { return 0; }
