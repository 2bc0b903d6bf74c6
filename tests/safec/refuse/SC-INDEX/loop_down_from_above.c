/* SC-INDEX: the count down starts too high. */
static int a[4];
static void set(int *p) { *p = 1; }
void f(void) { for (int i = 4; i >= 0; i--) set(&a[i]); }
