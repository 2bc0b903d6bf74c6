/* SC-PARSE: an undeclared function. */
int f(void) { return g(); }
