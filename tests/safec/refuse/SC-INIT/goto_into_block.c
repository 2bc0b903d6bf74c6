/* SC-INIT: a goto into a block. */
int f(int c) { if (c) goto in; { int *p = nullptr; c++; in: return p == nullptr; } }
