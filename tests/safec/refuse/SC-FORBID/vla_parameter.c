/* SC-FORBID: a bound evaluated in a parameter. */
int f(int n, int a[n]) { return n; }
