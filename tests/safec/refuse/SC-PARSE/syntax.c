/* SC-PARSE: a syntax error. */
int f(void) { return 0 }
