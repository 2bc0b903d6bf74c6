/* SC-CAST: a pointer to a small array becomes one to a large one. */
static int a[2];
int f(int i) { int (*p)[100] = (int (*)[100])&a; return (*p)[i]; }
