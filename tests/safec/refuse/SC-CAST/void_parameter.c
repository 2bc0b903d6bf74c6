/* SC-CAST: an untyped parameter. */
int f(void *p) { return p != nullptr; }
