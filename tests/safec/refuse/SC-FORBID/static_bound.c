/* SC-FORBID: a promise about a parameter's length. */
int f(int a[static 4]) { return *a; }
