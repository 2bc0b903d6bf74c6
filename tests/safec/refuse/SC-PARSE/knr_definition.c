/* SC-PARSE: a definition without a prototype. */
int f(a) int a; { return a; }
