/* SC-PARSE: a path without a return. */
int f(int x) { if (x) return 1; }
