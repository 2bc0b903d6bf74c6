/* SC-FORBID: an unspecified bound. */
int f(int n, int a[*]);
