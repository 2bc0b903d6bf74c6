/* SC-PRIVATE: a name of the compiler's. */
int __f(void) { return 0; }
