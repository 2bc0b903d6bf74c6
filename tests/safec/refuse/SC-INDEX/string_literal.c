/* SC-INDEX: a subscript of a literal. */
int f(int i) { return "hello"[i]; }
