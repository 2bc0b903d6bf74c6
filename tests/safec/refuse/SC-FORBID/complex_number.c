/* SC-FORBID: a complex number. */
int f(void) { _Complex double c = 0; return c == 0; }
