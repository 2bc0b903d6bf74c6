/* SC-PRIVATE: a declaration inside a function. */
int f(void) { extern int other; return other; }
