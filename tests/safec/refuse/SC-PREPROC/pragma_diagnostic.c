/* SC-PREPROC: a warning switched off. */
#pragma clang diagnostic ignored "-Wreturn-type"
int f(int x) { if (x) return 1; return 0; }
