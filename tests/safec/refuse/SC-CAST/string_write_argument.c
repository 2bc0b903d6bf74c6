/* SC-CAST: a string literal to a parameter that writes. */
static void put(char *s) { *s = 'x'; }
void f(void) { put("abc"); }
