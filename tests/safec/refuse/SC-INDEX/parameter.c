/* SC-INDEX: an array parameter has no bound. */
int f(int a[4], int i) { return a[i]; }
