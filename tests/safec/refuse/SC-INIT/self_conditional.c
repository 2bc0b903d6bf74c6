/* SC-INIT: itself in one branch. */
int f(int c) { int *p = c ? nullptr : p; return *p; }
