/* SC-PRIVATE: a function declared inside a function. */
int f(void) { int other(void); return other(); }
