/* SC-FORBID: a pointer to such a function. */
int f(int (*p)(int, ...)) { return p != nullptr; }
