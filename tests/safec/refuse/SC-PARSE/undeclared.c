/* SC-PARSE: an undeclared name. */
int f(void) { return x; }
