/* SC-INDEX: an unsigned counter wraps below zero. */
static int a[4];
static void set(int *p) { *p = 1; }
void f(void) { for (unsigned i = 3; ; i--) set(&a[i]); }
