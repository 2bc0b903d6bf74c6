/* SC-INDEX: an array without a bound. */
extern int a[];
int f(int i) { return a[i]; }
