/* SC-FORBID: as a builtin. */
void f(void) { __builtin_longjmp(nullptr, 1); }
