/* SC-CAST: a string literal as writable memory. */
char *f(void) { char *s = "abc"; return s; }
