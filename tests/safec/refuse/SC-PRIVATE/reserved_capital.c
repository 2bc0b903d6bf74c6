/* SC-PRIVATE: a name of the compiler's. */
int _F(void) { return 0; }
