/* SC-BUILTIN: an extension word with a standard spelling. */
int f(int x) { __auto_type y = x; return y; }
