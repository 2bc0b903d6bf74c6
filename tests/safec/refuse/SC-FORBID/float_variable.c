/* SC-FORBID: floating point. */
int f(int x) { double d = x; return (int)d; }
