/* SC-INDEX: a pointer has no bound. */
int f(int *a, int i) { return a[i]; }
