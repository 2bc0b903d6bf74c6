/* SC-CAST: inference takes char * from a literal. */
void f(void) { auto s = "abc"; *s = 'x'; }
