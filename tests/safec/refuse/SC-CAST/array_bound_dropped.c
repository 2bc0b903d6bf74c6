/* SC-CAST: the bound is lost and found again. */
static int a[2];
int f(int i) { int (*p)[] = &a; int (*q)[100] = p; return (*q)[i]; }
