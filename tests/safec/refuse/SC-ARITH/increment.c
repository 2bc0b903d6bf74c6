/* SC-ARITH: ++ on a pointer. */
int f(int *p) { p++; return *p; }
